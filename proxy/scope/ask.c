#include <stdlib.h>

#include "proxy/keyindex/folder.h"
#include "proxy/scope/cover.h"
#include "proxy/scope/index.h"
#include "proxy/scope/query.h"

typedef Countersign__Ledger__V1__Entry entry_t;

enum { GROUPS = 64, PROGRESS_EVERY = 512 };

struct asking {
    const struct cs_scope_query *q;
    const struct cs_scope_options *o;
    struct cs_ledger_reader *reader;
    struct cs_fact_source source;
    struct cs_run_folder folder;
    struct cs_arena arena;
    struct cs_scope_cover cover;
    struct cs_merkle fold;
    struct cs_numbers candidates;
    uint64_t done, total; /* for the progress */
    struct cs_note *note;
};

void cs_scope_cover_done(struct cs_scope_cover *c)
{
    free(c->piece);
    *c = (struct cs_scope_cover){ 0 };
}

static void tell(struct asking *a, uint64_t n)
{
    a->done += n;
    if (a->o->progress != NULL && (n >= PROGRESS_EVERY || a->done % PROGRESS_EVERY == 0))
        a->o->progress(a->o->progress_ctx, a->done, a->total);
}

static CS_RESULT get_bytes(struct asking *a, uint64_t seq, struct cs_span *out)
{
    cs_result r = cs_ledger_reader_entry(a->reader, seq, out, a->note);
    if (cs_is(r, CS_NUM_NOT_FOUND)) {
        cs_note_set(a->note, "ledger: entry %llu is missing", (unsigned long long)seq);
        return CS_ERR(STORE_CORRUPT);
    }
    return r;
}

static CS_RESULT parse(struct asking *a, uint64_t seq, struct cs_span bytes, const entry_t **out)
{
    cs_arena_reset(&a->arena);
    cs_result r = cs_ledger_entry_parse(bytes, seq, &a->arena, out);
    if (!cs_ok(r))
        cs_note_set(a->note, "ledger: entry %llu is malformed", (unsigned long long)seq);
    return r;
}

/* The first entry whose time is not below, size + 1 without one: times never go back. */
static CS_RESULT first_not_before(struct asking *a, int64_t unix_us, uint64_t *out)
{
    uint64_t low = 1, high = a->cover.size + 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct cs_span bytes;
        int64_t time = 0;
        CS_TRY(get_bytes(a, middle, &bytes));
        CS_TRY(cs_ledger_entry_time(bytes, &time));
        if (time < unix_us)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return CS_OK;
}

static CS_RESULT bound_time(struct asking *a)
{
    a->cover.first_in_time = 1;
    a->cover.last_in_time = a->cover.size;
    if (a->q->from_unix_us != 0)
        CS_TRY(first_not_before(a, a->q->from_unix_us, &a->cover.first_in_time));
    if (a->q->until_unix_us != 0) {
        CS_TRY(first_not_before(a, a->q->until_unix_us, &a->cover.last_in_time));
        a->cover.last_in_time--;
    }
    return CS_OK;
}

static CS_RESULT put_piece(struct asking *a, uint64_t from, uint64_t to, const struct cs_sha256 *run_root)
{
    struct cs_scope_cover *c = &a->cover;
    struct cs_scope_piece *at = reallocarray(c->piece, c->n_pieces + 1u, sizeof *at);
    if (at == NULL)
        return CS_ERR(NO_MEMORY);
    c->piece = at;
    at[c->n_pieces] = (struct cs_scope_piece){ .from = from, .to = to, .by_run = run_root != NULL };
    if (run_root != NULL)
        at[c->n_pieces].root = *run_root;
    c->n_pieces++;
    *(run_root != NULL ? &c->by_runs : &c->by_reading) += to - from + 1;
    return CS_OK;
}

/* ---- a piece that is read ---- */

static CS_RESULT read_piece(struct asking *a, uint64_t from, uint64_t to)
{
    if (from > to)
        return CS_OK;
    CS_TRY(put_piece(a, from, to, NULL));
    for (uint64_t seq = from; seq <= to; seq++) {
        struct cs_span bytes;
        const entry_t *e = NULL;
        bool match = false, unreadable = false;
        CS_TRY(get_bytes(a, seq, &bytes));
        struct cs_sha256 leaf = cs_merkle_leaf(bytes);
        CS_TRY(cs_cover_put(&a->fold, 1, &leaf));
        tell(a, 1);
        if (seq < a->cover.first_in_time || seq > a->cover.last_in_time)
            continue;
        CS_TRY(parse(a, seq, bytes, &e));
        CS_TRY(cs_scope_matches(a->q, &a->source, e, &match, &unreadable, a->note));
        if (match)
            CS_TRY(cs_numbers_put(&a->candidates, seq));
        a->cover.unreadable += unreadable;
    }
    return CS_OK;
}

/* ---- a piece that a run answers for ---- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* All numbers of the run that carry one of the group's terms. */
static CS_RESULT union_of(struct asking *a, struct cs_run *run, unsigned group, struct cs_numbers *out)
{
    uint32_t found = 0;
    out->n = 0;
    for (uint32_t i = 0; i < a->q->n_selectors; i++) {
        const struct cs_scope_selector *s = &a->q->selector[i];
        size_t before = out->n;
        if (s->group != group)
            continue;
        CS_TRY(cs_run_find(run, cs_run_term((uint8_t)s->fact, s->value), out));
        found += out->n != before;
    }
    if (found < 2)
        return CS_OK;
    qsort(out->at, out->n, sizeof *out->at, by_number);
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        if (i == 0 || out->at[i] != out->at[n - 1])
            out->at[n++] = out->at[i];
    out->n = n;
    return CS_OK;
}

static void intersect(struct cs_numbers *io, const struct cs_numbers *other)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < io->n; i++) {
        while (k < other->n && other->at[k] < io->at[i])
            k++;
        if (k < other->n && other->at[k] == io->at[i])
            io->at[n++] = io->at[i];
    }
    io->n = n;
}

struct group_size {
    unsigned group;
    uint64_t n; /* at most so many numbers */
};

static int by_size(const void *a, const void *b)
{
    const struct group_size *x = a, *y = b;
    return x->n < y->n ? -1 : x->n > y->n;
}

static CS_RESULT sizes_of(struct asking *a, struct cs_run *run, struct group_size *out, unsigned *out_n)
{
    uint64_t groups = cs_scope_groups(a->q);
    *out_n = 0;
    for (unsigned g = 0; g < GROUPS; g++) {
        if ((groups >> g & 1) == 0)
            continue;
        uint64_t sum = 0;
        for (uint32_t i = 0; i < a->q->n_selectors; i++) {
            uint64_t n = 0;
            if (a->q->selector[i].group != g)
                continue;
            CS_TRY(
                cs_run_count(run, cs_run_term((uint8_t)a->q->selector[i].fact, a->q->selector[i].value), &n));
            sum += n;
        }
        out[(*out_n)++] = (struct group_size){ g, sum };
    }
    qsort(out, *out_n, sizeof *out, by_size);
    return CS_OK;
}

static CS_RESULT find_in(struct asking *a, struct cs_run *run, struct cs_numbers *out)
{
    CS_AUTO_NUMBERS struct cs_numbers other = { 0 };
    struct group_size size[GROUPS];
    unsigned n = 0;
    const struct cs_run_head *h = cs_run_head(run);
    CS_TRY(sizes_of(a, run, size, &n));
    if (n == 0)
        for (uint64_t seq = h->from; seq <= h->to; seq++)
            CS_TRY(cs_numbers_put(out, seq));
    for (unsigned i = 0; i < n && (i == 0 || out->n != 0); i++) {
        if (size[i].n == 0) {
            out->n = 0;
            break;
        }
        CS_TRY(union_of(a, run, size[i].group, i == 0 ? out : &other));
        if (i != 0)
            intersect(out, &other);
    }
    return CS_OK;
}

/* Entries of the query's kinds whose facts are not all known. */
static CS_RESULT count_unreadable(struct asking *a, struct cs_run *run, uint64_t *out)
{
    static const char why[] = { 't', 'e' };
    uint64_t want = cs_scope_wants(a->q);
    *out = 0;
    for (unsigned i = 0; i < 2; i++) {
        CS_AUTO_NUMBERS struct cs_numbers found = { 0 };
        CS_AUTO_NUMBERS struct cs_numbers kinds = { 0 };
        if ((want & (why[i] == 't' ? CS_FACTS_OF_TBS : CS_FACTS_OF_EVIDENCE)) == 0)
            continue;
        CS_TRY(cs_run_find(run, cs_run_term(CS_FACT_UNREADABLE, cs_span_of(&why[i], 1)), &found));
        for (uint32_t k = 0; found.n != 0 && k < a->q->n_selectors; k++)
            if (a->q->selector[k].fact == CS_FACT_KIND) {
                CS_TRY(union_of(a, run, a->q->selector[k].group, &kinds));
                intersect(&found, &kinds);
                break;
            }
        for (size_t k = 0; k < found.n; k++)
            *out += found.at[k] >= a->cover.first_in_time && found.at[k] <= a->cover.last_in_time;
    }
    return CS_OK;
}

/* A run that is not what was written answers for nothing: its entries are read instead. */
static CS_RESULT run_piece(struct asking *a, struct cs_run *run)
{
    CS_AUTO_NUMBERS struct cs_numbers found = { 0 };
    const struct cs_run_head *h = cs_run_head(run);
    uint64_t unreadable = 0;
    cs_result r = CS_OK;
    if (h->to >= a->cover.first_in_time && h->from <= a->cover.last_in_time) {
        r = find_in(a, run, &found);
        if (cs_ok(r))
            r = count_unreadable(a, run, &unreadable);
    }
    if (cs_is(r, CS_NUM_STORE_CORRUPT)) {
        a->cover.n_bad++;
        return read_piece(a, h->from, h->to);
    }
    CS_TRY(r);
    for (size_t i = 0; i < found.n; i++)
        if (found.at[i] >= a->cover.first_in_time && found.at[i] <= a->cover.last_in_time)
            CS_TRY(cs_numbers_put(&a->candidates, found.at[i]));
    a->cover.unreadable += unreadable;
    CS_TRY(cs_cover_put(&a->fold, h->to - h->from + 1, &h->cover));
    tell(a, h->to - h->from + 1);
    return put_piece(a, h->from, h->to, &h->cover);
}

/* ---- all pieces, then the candidates ---- */

static CS_RESULT gather(struct asking *a, bool use_runs)
{
    uint64_t at = 1;
    uint32_t n_bad = a->cover.n_bad;
    free(a->cover.piece);
    a->cover = (struct cs_scope_cover){ .size = a->cover.size,
                                        .root = a->cover.root,
                                        .last_unix_us = a->cover.last_unix_us,
                                        .n_bad = n_bad,
                                        .first_in_time = a->cover.first_in_time,
                                        .last_in_time = a->cover.last_in_time };
    a->fold = (struct cs_merkle){ 0 };
    a->candidates.n = 0;
    a->done = 0;
    for (uint32_t i = 0; use_runs && i < a->folder.n_runs; i++) {
        const struct cs_run_head *h = cs_run_head(a->folder.run[i]);
        if (h->to > a->cover.size) /* of entries behind the snapshot, or of another ledger */
            break;
        CS_TRY(read_piece(a, at, h->from - 1));
        CS_TRY(run_piece(a, a->folder.run[i]));
        at = h->to + 1;
    }
    return read_piece(a, at, a->cover.size);
}

static bool folds(const struct asking *a)
{
    struct cs_sha256 root = cs_merkle_root(&a->fold);
    return a->fold.size == a->cover.size && cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&a->cover.root));
}

static CS_RESULT gather_and_fold(struct asking *a)
{
    CS_TRY(gather(a, true));
    if (!folds(a) && a->cover.by_runs != 0) { /* the runs are not of these entries */
        a->cover.n_bad += a->folder.n_runs;
        CS_TRY(gather(a, false));
    }
    if (folds(a))
        return CS_OK;
    cs_note_set(a->note, "ledger: its %llu entries do not hash to its last head; run ledger verify",
                (unsigned long long)a->cover.size);
    return CS_ERR(STORE_CORRUPT);
}

static CS_RESULT result_of(struct asking *a, const entry_t *intent, enum cs_scope_result *out,
                           uint64_t *out_seq)
{
    uint64_t seq = 0;
    struct cs_span bytes;
    const entry_t *e = NULL;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    CS_TRY(cs_ledger_reader_outcome(a->reader, intent->seq, &seq, a->note));
    *out_seq = seq;
    *out = CS_SCOPE_OPEN;
    if (seq == 0)
        return CS_OK;
    cs_result r = get_bytes(a, seq, &bytes);
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
static void add_tbs(struct asking *a, const entry_t *e)
{
    struct cs_fact_source *s = &a->source;
    if (s->has_tbs || e->body_case != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT)
        return;
    if (s->tbs == NULL)
        s->tbs = calloc(1, sizeof *s->tbs);
    if (s->tbs != NULL)
        s->has_tbs = cs_ok(cs_tbs_parse(cs_span_of(e->intent->tbs.data, e->intent->tbs.len), s->tbs, NULL));
}

static CS_RESULT confirm(struct asking *a, uint64_t seq, cs_scope_visit visit, void *ctx)
{
    struct cs_span bytes;
    const entry_t *e = NULL;
    bool match = false, unreadable = false;
    struct cs_scope_hit hit = { .result = CS_SCOPE_OTHER };
    CS_TRY(get_bytes(a, seq, &bytes));
    CS_TRY(parse(a, seq, bytes, &e));
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

static CS_RESULT ask(struct asking *a, cs_scope_visit visit, void *ctx)
{
    struct cs_ledger_head head;
    CS_TRY(cs_ledger_reader_begin(a->reader, &head, a->note));
    a->cover.size = head.size;
    a->cover.root = head.root;
    a->cover.last_unix_us = head.last_unix_us;
    a->total = head.size;
    CS_TRY(bound_time(a));
    CS_TRY(gather_and_fold(a));
    a->cover.candidates = a->candidates.n;
    a->total = head.size + a->candidates.n;
    for (size_t i = 0; i < a->candidates.n; i++) {
        CS_TRY(confirm(a, a->candidates.at[i], visit, ctx));
        tell(a, 1);
    }
    if (a->o->progress != NULL)
        a->o->progress(a->o->progress_ctx, a->total, a->total);
    return CS_OK;
}

CS_RESULT cs_scope_run(const char *ledger, const struct cs_scope_query *q, const struct cs_scope_options *o,
                       cs_scope_visit visit, void *ctx, struct cs_scope_cover *out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf path = { 0 };
    struct asking a = { .q = q, .o = o, .folder = { .fd = -1, .lock_fd = -1 }, .note = note };
    struct cs_note ignored = { "" };
    if (q->n_selectors > CS_SCOPE_SELECTORS_MAX)
        return CS_ERR(ARGUMENT);
    for (uint32_t i = 0; i < q->n_selectors; i++)
        if (q->selector[i].group >= GROUPS)
            return CS_ERR(ARGUMENT);
    CS_TRY(cs_scope_index_path(ledger, o->index, &path));
    CS_TRY(cs_ledger_reader_open(ledger, &a.reader, note));
    a.source.reader = a.reader;
    /* without an index everything is read: slower, and as true */
    if (!o->scan &&
        cs_ok(cs_run_folder_open((const char *)path.at, CS_SCOPE_INDEX, false, &a.folder, &ignored)))
        a.cover.n_bad = a.folder.n_bad;
    cs_result r = ask(&a, visit, ctx);
    cs_run_folder_close(&a.folder);
    cs_fact_source_done(&a.source);
    cs_numbers_done(&a.candidates);
    cs_arena_done(&a.arena);
    cs_ledger_reader_close(a.reader);
    if (cs_ok(r))
        *out = a.cover;
    else
        cs_scope_cover_done(&a.cover);
    return r;
}
