#include <stdlib.h>

#include "proxy/scope/ask.h"
#include "proxy/scope/index.h"

enum { GROUPS = 64 };

static CS_RESULT result_of(struct cs_scope_ask *a, const entry_t *intent, enum cs_scope_result *out,
                           uint64_t *out_seq)
{
    uint64_t seq = 0;
    struct cs_span bytes;
    const entry_t *e = NULL;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    CS_TRY(cs_ledger_reader_outcome(a->reader, intent->seq, &seq, a->note));
    if (seq > a->cover.size) /* it came after the query began */
        seq = 0;
    *out_seq = seq;
    *out = CS_SCOPE_OPEN;
    if (seq == 0)
        return CS_OK;
    cs_result r = cs_ask_bytes(a, seq, &bytes);
    if (cs_ok(r))
        r = cs_ledger_entry_parse(bytes, seq, &arena, &e);
    CS_TRY(r);
    if (e->body_case != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME ||
        e->outcome->intent_seq != intent->seq) {
        cs_note_set(a->note, "ledger: entry %llu is not the outcome of intent %llu", (unsigned long long)seq,
                    (unsigned long long)intent->seq);
        return CS_ERR(STORE_CORRUPT);
    }
    *out = e->outcome->result == COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED
               ? CS_SCOPE_SIGNED
           : e->outcome->result == COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_UNKNOWN
               ? CS_SCOPE_UNKNOWN
               : CS_SCOPE_NOT_SIGNED;
    return CS_OK;
}

/* The TBS for the visitor, where the query did not need it. */
static void add_tbs(struct cs_scope_ask *a, const entry_t *e)
{
    struct cs_fact_source *s = &a->source;
    if (s->has_tbs || e->body_case != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT)
        return;
    if (s->tbs == NULL)
        s->tbs = calloc(1, sizeof *s->tbs);
    if (s->tbs != NULL)
        s->has_tbs = cs_ok(cs_tbs_parse(cs_span_of(e->intent->tbs.data, e->intent->tbs.len), s->tbs, NULL));
}

static CS_RESULT confirm(struct cs_scope_ask *a, uint64_t seq, cs_scope_visit visit, void *ctx)
{
    struct cs_span bytes;
    const entry_t *e = NULL;
    bool match = false, unreadable = false;
    struct cs_scope_hit hit = { .result = CS_SCOPE_OTHER };
    CS_TRY(cs_ask_bytes(a, seq, &bytes));
    CS_TRY(cs_ask_parse(a, seq, bytes, &e));
    CS_TRY(cs_scope_matches(a->q, &a->source, e, &match, &unreadable, a->note));
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL)
        hit.result = CS_SCOPE_REFUSED;
    else if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT && match)
        CS_TRY(result_of(a, e, &hit.result, &hit.outcome_seq));
    if (!match || (a->q->results != 0 && (a->q->results & (uint32_t)hit.result) == 0)) {
        a->cover.rejected++;
        return CS_OK;
    }
    add_tbs(a, e);
    hit.entry = e;
    hit.tbs = a->source.has_tbs ? a->source.tbs : NULL;
    a->cover.confirmed++;
    return visit(ctx, &hit);
}

/* Entries are never changed, so that a later snapshot has them as the first one had. */
static CS_RESULT wake_up(struct cs_scope_ask *a)
{
    struct cs_ledger_head head;
    if (!a->resting)
        return CS_OK;
    CS_TRY(cs_ledger_reader_begin(a->reader, &head, a->note));
    a->resting = false;
    if (head.size >= a->cover.size)
        return CS_OK;
    cs_note_set(a->note, "ledger: it had %llu entries and now has %llu", (unsigned long long)a->cover.size,
                (unsigned long long)head.size);
    return CS_ERR(STORE_CORRUPT);
}

void cs_scope_rest(struct cs_scope_ask *a)
{
    cs_ledger_reader_end(a->reader);
    a->resting = true;
}

CS_RESULT cs_scope_next(struct cs_scope_ask *a, uint64_t n_max, cs_scope_visit visit, void *ctx,
                        bool *out_more, struct cs_note *note)
{
    a->note = note;
    CS_TRY(wake_up(a));
    for (uint64_t n = 0; n < n_max && a->at < a->candidates.n; n++) {
        CS_TRY(confirm(a, a->candidates.at[a->at++], visit, ctx));
        CS_TRY(cs_ask_tell(a, 1));
    }
    *out_more = a->at < a->candidates.n;
    return CS_OK;
}

const struct cs_scope_cover *cs_scope_cover_of(const struct cs_scope_ask *a)
{
    return &a->cover;
}

void cs_scope_end(struct cs_scope_ask *a)
{
    if (a == NULL)
        return;
    cs_run_folder_close(&a->folder);
    cs_fact_source_done(&a->source);
    cs_numbers_done(&a->candidates);
    cs_arena_done(&a->arena);
    cs_scope_cover_done(&a->cover);
    cs_ledger_reader_close(a->reader);
    free(a);
}

static CS_RESULT open_ask(struct cs_scope_ask *a, const char *ledger)
{
    CS_AUTO_BUF struct cs_buf path = { 0 };
    struct cs_note ignored = { "" };
    CS_TRY(cs_scope_index_path(ledger, a->o.index, &path));
    CS_TRY(cs_ledger_reader_open(ledger, &a->reader, a->note));
    a->source.reader = a->reader;
    /* without an index everything is read: slower, and as true */
    if (!a->o.scan &&
        cs_ok(cs_run_folder_open((const char *)path.at, CS_SCOPE_INDEX, false, &a->folder, &ignored)))
        a->cover.n_bad = a->folder.n_bad;
    return CS_OK;
}

CS_RESULT cs_scope_begin(const char *ledger, const struct cs_scope_query *q, const struct cs_scope_options *o,
                         struct cs_scope_ask **out, struct cs_note *note)
{
    if (q->n_selectors > CS_SCOPE_SELECTORS_MAX)
        return CS_ERR(ARGUMENT);
    for (uint32_t i = 0; i < q->n_selectors; i++)
        if (q->selector[i].group >= GROUPS)
            return CS_ERR(ARGUMENT);
    struct cs_scope_ask *a = calloc(1, sizeof *a);
    if (a == NULL)
        return CS_ERR(NO_MEMORY);
    a->q = q;
    a->o = *o;
    a->folder.fd = a->folder.lock_fd = -1;
    a->note = note;
    cs_result r = open_ask(a, ledger);
    if (cs_ok(r))
        r = cs_ask_gather(a);
    if (!cs_ok(r)) {
        cs_scope_end(a);
        return r;
    }
    *out = a;
    return CS_OK;
}

CS_RESULT cs_scope_run(const char *ledger, const struct cs_scope_query *q, const struct cs_scope_options *o,
                       cs_scope_visit visit, void *ctx, struct cs_scope_cover *out, struct cs_note *note)
{
    struct cs_scope_ask *a = NULL;
    bool more = false;
    CS_TRY(cs_scope_begin(ledger, q, o, &a, note));
    cs_result r = cs_scope_next(a, UINT64_MAX, visit, ctx, &more, note);
    if (cs_ok(r) && o->progress != NULL)
        o->progress(o->progress_ctx, a->total, a->total);
    if (cs_ok(r)) {
        *out = a->cover;
        a->cover = (struct cs_scope_cover){ 0 };
    }
    cs_scope_end(a);
    return r;
}
