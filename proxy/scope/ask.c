#include "proxy/scope/ask.h"

#include <stdlib.h>

#include "proxy/scope/cover.h"
#include "proxy/tlog/checkpoint.h"

enum { GROUPS = 64, PROGRESS_EVERY = 512 };

void cs_scope_cover_done(struct cs_scope_cover *c)
{
    free(c->piece);
    cs_buf_done(&c->checkpoint);
    *c = (struct cs_scope_cover){ 0 };
}

CS_RESULT cs_ask_tell(struct cs_scope_ask *a, uint64_t n)
{
    a->done += n;
    if (a->o.progress != NULL && (n >= PROGRESS_EVERY || a->done % PROGRESS_EVERY == 0))
        a->o.progress(a->o.progress_ctx, a->done, a->total);
    if (a->o.stop == NULL || !atomic_load_explicit(a->o.stop, memory_order_relaxed))
        return CS_OK;
    cs_note_set(a->note, "the query was given up");
    return CS_ERR(TIMEOUT);
}

CS_RESULT cs_ask_bytes(struct cs_scope_ask *a, uint64_t seq, struct cs_span *out)
{
    cs_result r = cs_ledger_reader_entry(a->reader, seq, out, a->note);
    if (cs_is(r, CS_NUM_NOT_FOUND)) {
        cs_note_set(a->note, "ledger: entry %llu is missing", (unsigned long long)seq);
        return CS_ERR(STORE_CORRUPT);
    }
    return r;
}

CS_RESULT cs_ask_parse(struct cs_scope_ask *a, uint64_t seq, struct cs_span bytes, const entry_t **out)
{
    cs_arena_reset(&a->arena);
    cs_result r = cs_ledger_entry_parse(bytes, seq, &a->arena, out);
    if (!cs_ok(r))
        cs_note_set(a->note, "ledger: entry %llu is malformed", (unsigned long long)seq);
    return r;
}

/* The first entry whose time is not below, size + 1 without one: times never go back. */
static CS_RESULT first_not_before(struct cs_scope_ask *a, int64_t unix_us, uint64_t *out)
{
    uint64_t low = 1, high = a->cover.size + 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct cs_span bytes;
        int64_t time = 0;
        CS_TRY(cs_ask_bytes(a, middle, &bytes));
        CS_TRY(cs_ledger_entry_time(bytes, &time));
        if (time < unix_us)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return CS_OK;
}

static CS_RESULT bound_time(struct cs_scope_ask *a)
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

/* A perfect subtree takes its place behind those before it. */
static CS_RESULT put_piece(struct cs_scope_ask *a, const struct cs_scope_piece *p)
{
    struct cs_scope_cover *c = &a->cover;
    CS_TRY(cs_cover_put(&a->fold, p->to - p->from + 1, &p->root));
    struct cs_scope_piece *at = reallocarray(c->piece, c->n_pieces + 1u, sizeof *at);
    if (at == NULL)
        return CS_ERR(NO_MEMORY);
    c->piece = at;
    at[c->n_pieces++] = *p;
    *(p->by_run ? &c->by_runs : &c->by_reading) += p->to - p->from + 1;
    if (a->fold.size == c->checkpoint_size)
        a->checkpoint_root = cs_merkle_root(&a->fold);
    return CS_OK;
}

/* ---- a piece that is read ---- */

static CS_RESULT read_perfect(struct cs_scope_ask *a, uint64_t from, uint64_t to)
{
    struct cs_merkle own = { 0 };
    for (uint64_t seq = from; seq <= to; seq++) {
        struct cs_span bytes;
        const entry_t *e = NULL;
        bool match = false, unreadable = false;
        CS_TRY(cs_ask_bytes(a, seq, &bytes));
        struct cs_sha256 leaf = cs_merkle_leaf(bytes);
        cs_merkle_append(&own, &leaf);
        CS_TRY(cs_ask_tell(a, 1));
        if (seq < a->cover.first_in_time || seq > a->cover.last_in_time)
            continue;
        CS_TRY(cs_ask_parse(a, seq, bytes, &e));
        CS_TRY(cs_scope_matches(a->q, &a->source, e, &match, &unreadable, a->note));
        if (match)
            CS_TRY(cs_numbers_put(&a->candidates, seq));
        a->cover.unreadable += unreadable;
    }
    const struct cs_scope_piece piece = { from, to, false, cs_merkle_root(&own) };
    return put_piece(a, &piece);
}

/* The end of the widest perfect subtree that begins at from and does not go beyond to. */
static uint64_t perfect_to(uint64_t from, uint64_t to)
{
    uint64_t span = 1;
    while (((from - 1) & (2 * span - 1)) == 0 && 2 * span - 1 <= to - from)
        span *= 2;
    return from + span - 1;
}

/* The checkpoint's size is a boundary, so that its root can be had from the fold. */
static CS_RESULT read_piece(struct cs_scope_ask *a, uint64_t from, uint64_t to)
{
    uint64_t mark = a->cover.checkpoint_size;
    while (from <= to) {
        uint64_t end = perfect_to(from, from <= mark && mark < to ? mark : to);
        CS_TRY(read_perfect(a, from, end));
        from = end + 1;
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
static CS_RESULT union_of(struct cs_scope_ask *a, struct cs_run *run, unsigned group, struct cs_numbers *out)
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

static CS_RESULT sizes_of(struct cs_scope_ask *a, struct cs_run *run, struct group_size *out, unsigned *out_n)
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

static CS_RESULT find_in(struct cs_scope_ask *a, struct cs_run *run, struct cs_numbers *out)
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
static CS_RESULT count_unreadable(struct cs_scope_ask *a, struct cs_run *run, uint64_t *out)
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

/* Only a gate that signed no checkpoint for a whole group of entries leaves one inside a run. */
static CS_RESULT checkpoint_inside(struct cs_scope_ask *a, const struct cs_run_head *h)
{
    struct cs_merkle part = a->fold;
    uint64_t mark = a->cover.checkpoint_size;
    if (h->from > mark || mark >= h->to)
        return CS_OK;
    for (uint64_t seq = h->from; seq <= mark; seq++) {
        struct cs_span bytes;
        CS_TRY(cs_ask_bytes(a, seq, &bytes));
        struct cs_sha256 leaf = cs_merkle_leaf(bytes);
        cs_merkle_append(&part, &leaf);
    }
    a->checkpoint_root = cs_merkle_root(&part);
    return CS_OK;
}

/* A run that is not what was written answers for nothing: its entries are read instead. */
static CS_RESULT run_piece(struct cs_scope_ask *a, struct cs_run *run)
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
    CS_TRY(checkpoint_inside(a, h));
    const struct cs_scope_piece piece = { h->from, h->to, true, h->cover };
    CS_TRY(put_piece(a, &piece));
    return cs_ask_tell(a, h->to - h->from + 1);
}

/* ---- all pieces ---- */

static CS_RESULT gather(struct cs_scope_ask *a, bool use_runs)
{
    uint64_t at = 1;
    uint32_t n_bad = a->cover.n_bad;
    free(a->cover.piece);
    a->cover = (struct cs_scope_cover){ .size = a->cover.size,
                                        .root = a->cover.root,
                                        .last_unix_us = a->cover.last_unix_us,
                                        .checkpoint_size = a->cover.checkpoint_size,
                                        .checkpoint = a->cover.checkpoint,
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

static bool folds(const struct cs_scope_ask *a)
{
    struct cs_sha256 root = cs_merkle_root(&a->fold);
    return a->fold.size == a->cover.size && cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&a->cover.root));
}

static CS_RESULT gather_and_fold(struct cs_scope_ask *a)
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

static CS_RESULT take_checkpoint(struct cs_scope_ask *a)
{
    struct cs_span text;
    CS_TRY(cs_ledger_reader_checkpoint(a->reader, &a->cover.checkpoint_size, &text, a->note));
    cs_buf_put(&a->cover.checkpoint, text.at, text.len);
    return cs_buf_end(&a->cover.checkpoint);
}

/* Who signed it is not asked here; that it is about these entries is. */
static CS_RESULT check_checkpoint(struct cs_scope_ask *a)
{
    struct cs_tlog_note note;
    struct cs_tlog_checkpoint said;
    uint64_t size = a->cover.checkpoint_size;
    if (size == 0)
        return CS_OK;
    if (size <= a->cover.size && cs_ok(cs_tlog_note_parse(cs_buf_span(&a->cover.checkpoint), &note)) &&
        cs_ok(cs_tlog_checkpoint_parse(note.text, &said)) && said.size == size &&
        cs_span_eq(cs_sha256_span(&said.root), cs_sha256_span(&a->checkpoint_root)))
        return CS_OK;
    cs_note_set(a->note,
                "ledger: its newest checkpoint, of %llu entries, is not about these %llu; run ledger verify",
                (unsigned long long)size, (unsigned long long)a->cover.size);
    return CS_ERR(STORE_CORRUPT);
}

CS_RESULT cs_ask_gather(struct cs_scope_ask *a)
{
    struct cs_ledger_head head;
    CS_TRY(cs_ledger_reader_begin(a->reader, &head, a->note));
    a->cover.size = head.size;
    a->cover.root = head.root;
    a->cover.last_unix_us = head.last_unix_us;
    a->total = head.size;
    CS_TRY(take_checkpoint(a));
    CS_TRY(bound_time(a));
    CS_TRY(gather_and_fold(a));
    CS_TRY(check_checkpoint(a));
    a->cover.candidates = a->candidates.n;
    a->total = head.size + a->candidates.n;
    return CS_OK;
}
