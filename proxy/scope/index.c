#include "proxy/scope/index.h"

#include <sys/stat.h>

#include "proxy/keyindex/folder.h"
#include "proxy/scope/cover.h"
#include "proxy/scope/facts.h"

_Static_assert((int)CS_SCOPE_GROUP == (int)CS_RUN_GROUP, "a group of entries is one run");

CS_RESULT cs_scope_index_path(const char *ledger, const char *index, struct cs_buf *out)
{
    if (index != NULL)
        cs_buf_put_str(out, index);
    else
        cs_buf_printf(out, "%s-index", ledger);
    cs_buf_put_u8(out, 0);
    return cs_buf_end(out);
}

struct indexing {
    struct cs_run_folder folder;
    struct cs_ledger_reader *reader;
    struct cs_fact_source source;
    struct cs_postings postings;
    struct cs_arena arena;
    uint64_t seq;     /* of the entry whose facts are taken */
    cs_result failed; /* of a put */
    cs_ledger_progress progress;
    void *ctx;
    const atomic_bool *stop; /* NULL: never */
    struct cs_scope_index_report report;
    struct cs_note *note;
};

static bool put_fact(void *ctx, enum cs_fact fact, struct cs_span value)
{
    struct indexing *x = ctx;
    x->failed = cs_postings_put(&x->postings, cs_run_term((uint8_t)fact, value), x->seq);
    return cs_ok(x->failed);
}

static CS_RESULT leaf_of(struct indexing *x, uint64_t seq, struct cs_span *out, struct cs_sha256 *out_leaf)
{
    cs_result r = cs_ledger_reader_entry(x->reader, seq, out, x->note);
    if (cs_is(r, CS_NUM_NOT_FOUND)) {
        cs_note_set(x->note, "ledger: entry %llu is missing", (unsigned long long)seq);
        return CS_ERR(STORE_CORRUPT);
    }
    CS_TRY(r);
    *out_leaf = cs_merkle_leaf(*out);
    return CS_OK;
}

static CS_RESULT put_entry(struct indexing *x, uint64_t seq, struct cs_merkle *cover)
{
    struct cs_span bytes;
    struct cs_sha256 leaf;
    const Countersign__Ledger__V1__Entry *e = NULL;
    CS_TRY(leaf_of(x, seq, &bytes, &leaf));
    CS_TRY(cs_cover_put(cover, 1, &leaf));
    cs_arena_reset(&x->arena);
    cs_result r = cs_ledger_entry_parse(bytes, seq, &x->arena, &e);
    if (!cs_ok(r)) {
        cs_note_set(x->note, "ledger: entry %llu is malformed", (unsigned long long)seq);
        return r;
    }
    x->seq = seq;
    CS_TRY(cs_facts_of(&x->source, e, CS_FACTS_ALL, put_fact, x, x->note));
    return x->failed;
}

static CS_RESULT seal_group(struct indexing *x, uint64_t from)
{
    struct cs_merkle cover = { 0 };
    uint32_t merges = 0;
    x->postings.n = 0;
    for (uint64_t seq = from; seq < from + CS_RUN_GROUP; seq++)
        CS_TRY(put_entry(x, seq, &cover));
    struct cs_sha256 root = cs_merkle_root(&cover);
    CS_TRY(cs_run_folder_seal(&x->folder, from, &root, &x->postings, x->note));
    CS_TRY(cs_run_folder_merge(&x->folder, &merges, x->note));
    x->report.n_indexed += CS_RUN_GROUP;
    x->report.n_merges += merges;
    return CS_OK;
}

/* The first whole group that no run covers, or 0. */
static uint64_t first_gap(const struct cs_run_folder *f, uint64_t size)
{
    uint64_t at = 1;
    for (uint32_t i = 0; i < f->n_runs && cs_run_head(f->run[i])->from == at; i++)
        at = cs_run_head(f->run[i])->to + 1;
    return at <= size && size - at + 1 >= CS_RUN_GROUP ? at : 0;
}

/* A snapshot for each group: the gate's log must be able to begin anew in between. */
static CS_RESULT seal_all(struct indexing *x)
{
    for (;;) {
        struct cs_ledger_head head;
        CS_TRY(cs_ledger_reader_begin(x->reader, &head, x->note));
        x->report.n_entries = head.size;
        uint64_t from = first_gap(&x->folder, head.size);
        if (from == 0)
            return CS_OK;
        if (x->stop != NULL && atomic_load(x->stop)) {
            cs_note_set(x->note, "the index was not brought up to date: asked to stop");
            return CS_ERR(TIMEOUT);
        }
        CS_TRY(seal_group(x, from));
        if (x->progress != NULL)
            x->progress(x->ctx, from + CS_RUN_GROUP - 1, head.size);
    }
}

/* Whether runs and rest fold into the root; in the snapshot that seal_all left. */
static CS_RESULT fits(struct indexing *x, bool *out)
{
    struct cs_ledger_head head;
    struct cs_merkle all = { 0 };
    CS_TRY(cs_ledger_reader_begin(x->reader, &head, x->note));
    *out = false;
    for (uint32_t i = 0; i < x->folder.n_runs; i++) {
        const struct cs_run_head *h = cs_run_head(x->folder.run[i]);
        if (h->from != all.size + 1 || h->to > head.size)
            return CS_OK;
        CS_TRY(cs_cover_put(&all, h->to - h->from + 1, &h->cover));
    }
    x->report.n_covered = all.size;
    while (all.size < head.size) {
        struct cs_span bytes;
        struct cs_sha256 leaf;
        CS_TRY(leaf_of(x, all.size + 1, &bytes, &leaf));
        CS_TRY(cs_cover_put(&all, 1, &leaf));
    }
    struct cs_sha256 root = cs_merkle_root(&all);
    *out = cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&head.root));
    return CS_OK;
}

static CS_RESULT update(struct indexing *x)
{
    bool ours = false;
    CS_TRY(seal_all(x));
    CS_TRY(fits(x, &ours));
    if (ours)
        return CS_OK;
    x->report.foreign = true;
    while (x->folder.n_runs != 0)
        cs_run_folder_drop(&x->folder, x->folder.n_runs - 1);
    CS_TRY(seal_all(x));
    CS_TRY(fits(x, &ours));
    if (ours)
        return CS_OK;
    cs_note_set(x->note, "ledger: its entries do not hash to its last head; run ledger verify");
    return CS_ERR(STORE_CORRUPT);
}

static CS_RESULT update_at(const char *ledger, const char *index, struct indexing *x,
                           struct cs_scope_index_report *out)
{
    CS_AUTO_BUF struct cs_buf path = { 0 };
    CS_TRY(cs_scope_index_path(ledger, index, &path));
    CS_TRY(cs_ledger_reader_open(ledger, &x->reader, x->note));
    x->source.reader = x->reader;
    cs_result r = cs_run_folder_open((const char *)path.at, CS_SCOPE_INDEX, true, &x->folder, x->note);
    if (cs_ok(r)) {
        r = update(x);
        x->report.n_runs = x->folder.n_runs;
        x->report.n_bad = x->folder.n_bad;
        cs_run_folder_close(&x->folder);
    }
    cs_fact_source_done(&x->source);
    cs_postings_done(&x->postings);
    cs_arena_done(&x->arena);
    cs_ledger_reader_close(x->reader);
    if (cs_ok(r))
        *out = x->report;
    return r;
}

CS_RESULT cs_scope_index_update(const char *ledger, const char *index, cs_ledger_progress progress, void *ctx,
                                struct cs_scope_index_report *out, struct cs_note *note)
{
    struct indexing x = { .progress = progress, .ctx = ctx, .note = note };
    return update_at(ledger, index, &x, out);
}

CS_RESULT cs_scope_index_keep(const char *ledger, const char *index, const atomic_bool *stop,
                              struct cs_scope_index_report *out, struct cs_note *note)
{
    struct indexing x = { .stop = stop, .note = note };
    return update_at(ledger, index, &x, out);
}
