#include "proxy/ledger/verify.h"

#include <stdlib.h>

#include "proxy/ledger/audit.h"

enum { PROGRESS_EVERY = 4096 };

static const char *const audit_sql[CS_AUDIT_COUNT] = {
#define X(name) [CS_AUDIT_##name] = CS_SQL_##name,
    CS_AUDIT_STATEMENTS(X)
#undef X
};

/* Pages, cells, types, and SQLite's own indexes. */
static CS_RESULT database_is_whole(struct cs_audit *a)
{
    sqlite3_stmt *s = NULL;
    cs_result r = CS_OK;
    if (sqlite3_prepare_v2(a->db, "PRAGMA integrity_check(1)", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        r = cs_audit_bad(a, 0, "the database cannot be checked: %s", sqlite3_errmsg(a->db));
    else if (!cs_span_is(cs_column_span(s, 0), "ok"))
        r = cs_audit_bad(a, 0, "the database is damaged: %.150s", (const char *)sqlite3_column_text(s, 0));
    (void)sqlite3_finalize(s);
    return r;
}

/* ---- what stands beside the entries: four tables, one numbering, one chain ---- */

enum { PUT_TABLES = 4 };

struct puts {
    bool row[PUT_TABLES]; /* the cursor stands on a row */
};

/* In the order of enum cs_put_kind. */
static const enum cs_audit_statement put_cursor[PUT_TABLES] = { CS_AUDIT_EVIDENCES, CS_AUDIT_STATEMENTS,
                                                                CS_AUDIT_KEYS, CS_AUDIT_TOKENS };

/* Statement ids and tokens are bound once: their tables refuse the same key only inside a generation. */
static CS_RESULT is_bound_once(struct cs_audit *a, enum cs_put_kind kind, uint64_t put, struct cs_span key)
{
    enum cs_audit_statement id = kind == CS_PUT_TOKEN ? CS_AUDIT_TOKEN_PUT_OF : CS_AUDIT_STATEMENT_PUT_OF;
    sqlite3_stmt *s = a->statement[id];
    struct cs_filter_key k =
        cs_filter_key(kind == CS_PUT_TOKEN ? CS_LOOKUP_TOKEN : CS_LOOKUP_STATEMENT, key, cs_span_of(NULL, 0));
    cs_bind_span(s, 1, key);
    for (uint64_t g = 0; cs_filter_up(&a->by_put, &k, &g); g++) {
        bool row = false;
        cs_bind_u64(s, 2, g);
        cs_result r = cs_audit_step(a, id, &row);
        uint64_t there = row ? cs_column_u64(s, 0) : put;
        (void)sqlite3_reset(s);
        CS_TRY(r);
        if (there != put)
            return cs_audit_bad(a, 0, "rows %llu and %llu bind the same %s", (unsigned long long)there,
                                (unsigned long long)put, kind == CS_PUT_TOKEN ? "token" : "statement id");
    }
    return CS_OK;
}

static CS_RESULT put_row_holds(struct cs_audit *a, enum cs_put_kind kind, sqlite3_stmt *s)
{
    uint64_t put = cs_column_u64(s, 0);
    struct cs_span x = cs_column_span(s, 1), y = cs_column_span(s, 2);
    int64_t z = 0;
    if (kind == CS_PUT_EVIDENCE) {
        struct cs_sha256 own = cs_sha256(y);
        if (!cs_span_eq(cs_sha256_span(&own), x))
            return cs_audit_bad(a, 0, "evidence row %llu: the envelope does not digest to its name",
                                (unsigned long long)put);
        y = cs_span_of(NULL, 0);
    } else if (kind == CS_PUT_DEPOSIT_KEY) {
        z = sqlite3_column_int64(s, 3);
    } else {
        CS_TRY(is_bound_once(a, kind, put, x));
    }
    a->puts = cs_puts_next(&a->puts, kind, put, x, y, z);
    return CS_OK;
}

static CS_RESULT puts_up_to(struct cs_audit *a, struct puts *p, uint64_t n_puts)
{
    while (a->n_puts < n_puts) {
        unsigned i = 0;
        while (i < PUT_TABLES &&
               !(p->row[i] && cs_column_u64(a->statement[put_cursor[i]], 0) == a->n_puts + 1))
            i++;
        if (i == PUT_TABLES)
            return cs_audit_bad(a, 0, "row %llu of evidence, statement, deposit_key and token is missing",
                                (unsigned long long)(a->n_puts + 1));
        CS_TRY(put_row_holds(a, (enum cs_put_kind)(CS_PUT_EVIDENCE + i), a->statement[put_cursor[i]]));
        CS_TRY(cs_audit_step(a, put_cursor[i], &p->row[i]));
        a->n_puts++;
    }
    return CS_OK;
}

/* ---- heads ---- */

static CS_RESULT head_holds(struct cs_audit *a, struct puts *p, sqlite3_stmt *s)
{
    unsigned long long n = cs_column_u64(s, 0);
    struct cs_sha256 root = cs_merkle_root(&a->tree);
    if (n != a->report.n_heads + 1)
        return cs_audit_bad(a, 0, "head %llu follows head %llu", n, (unsigned long long)a->report.n_heads);
    if (!cs_span_eq(cs_column_span(s, 7), cs_merkle_peaks(&a->tree)) ||
        !cs_span_eq(cs_column_span(s, 6), cs_sha256_span(&root)))
        return cs_audit_bad(a, 0, "head %llu: its root or peaks are not those of the first %llu entries", n,
                            (unsigned long long)a->tree.size);
    if (sqlite3_column_int64(s, 2) != a->report.last_unix_us)
        return cs_audit_bad(a, 0, "head %llu: its time is not that of entry %llu", n,
                            (unsigned long long)a->tree.size);
    if (cs_column_u64(s, 3) != a->n_open)
        return cs_audit_bad(a, 0, "head %llu: counts %llu open intents, there are %llu", n,
                            (unsigned long long)cs_column_u64(s, 3), (unsigned long long)a->n_open);
    uint64_t n_puts = cs_column_u64(s, 4);
    if (n_puts < a->n_puts)
        return cs_audit_bad(a, 0, "head %llu: fewer rows beside the entries than the head before", n);
    CS_TRY(puts_up_to(a, p, n_puts));
    if (!cs_span_eq(cs_column_span(s, 5), cs_sha256_span(&a->puts)))
        return cs_audit_bad(
            a, 0, "head %llu: evidence, statement, deposit_key or token rows were changed before row %llu", n,
            (unsigned long long)(n_puts + 1));
    if (a->last_put_needed > n_puts)
        return cs_audit_bad(a, 0, "head %llu: an entry relies on row %llu, which came after it", n,
                            (unsigned long long)a->last_put_needed);
    a->report.n_heads++;
    return CS_OK;
}

/* All heads of the present size; *io_row says whether the cursor stands on one. */
static CS_RESULT heads_here(struct cs_audit *a, struct puts *p, bool *io_row)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_HEADS];
    while (*io_row && cs_column_u64(s, 1) <= a->tree.size) {
        if (cs_column_u64(s, 1) != a->tree.size)
            return cs_audit_bad(a, 0, "head %llu goes back to size %llu",
                                (unsigned long long)cs_column_u64(s, 0),
                                (unsigned long long)cs_column_u64(s, 1));
        CS_TRY(head_holds(a, p, s));
        CS_TRY(cs_audit_step(a, CS_AUDIT_HEADS, io_row));
    }
    return CS_OK;
}

/* ---- the whole ---- */

static CS_RESULT audit_all(struct cs_audit *a, cs_ledger_progress progress, void *ctx)
{
    struct puts puts = { { false } };
    bool row = false, head = false;
    uint64_t at_head = 0;
    CS_TRY(cs_audit_step(a, CS_AUDIT_LAST_SEQ, &row));
    uint64_t total = cs_column_u64(a->statement[CS_AUDIT_LAST_SEQ], 0);
    for (unsigned i = 0; i < PUT_TABLES; i++)
        CS_TRY(cs_audit_step(a, put_cursor[i], &puts.row[i]));
    CS_TRY(cs_audit_step(a, CS_AUDIT_HEADS, &head));
    CS_TRY(cs_audit_tree_begin(a));
    CS_TRY(heads_here(a, &puts, &head));
    cs_bind_u64(a->statement[CS_AUDIT_ENTRIES], 1, 0);
    for (uint64_t seq = 1;; seq++) {
        CS_TRY(cs_audit_step(a, CS_AUDIT_ENTRIES, &row));
        if (!row)
            break;
        uint64_t there = cs_column_u64(a->statement[CS_AUDIT_ENTRIES], 0);
        if (there != seq)
            return cs_audit_bad(a, seq, "is missing; the next one is %llu", (unsigned long long)there);
        CS_TRY(cs_audit_entry(a, seq, cs_column_span(a->statement[CS_AUDIT_ENTRIES], 1)));
        CS_TRY(cs_audit_tree_leaf(a));
        uint64_t n_heads = a->report.n_heads;
        CS_TRY(heads_here(a, &puts, &head));
        if (a->report.n_heads != n_heads)
            at_head = seq;
        if (progress != NULL && seq % PROGRESS_EVERY == 0)
            progress(ctx, seq, total);
    }
    if (head)
        return cs_audit_bad(a, 0, "head %llu stands for %llu entries, there are %llu",
                            (unsigned long long)cs_column_u64(a->statement[CS_AUDIT_HEADS], 0),
                            (unsigned long long)cs_column_u64(a->statement[CS_AUDIT_HEADS], 1),
                            (unsigned long long)a->tree.size);
    if (at_head != a->tree.size)
        return cs_audit_bad(a, at_head + 1, "stands after the last head");
    for (unsigned i = 0; i < PUT_TABLES; i++)
        if (puts.row[i])
            return cs_audit_bad(a, 0,
                                "evidence, statement, deposit_key or token hold a row that no head counts");
    CS_TRY(cs_audit_counts(a));
    CS_TRY(cs_audit_tree_end(a));
    a->report.n_entries = a->tree.size;
    a->report.n_open = a->n_open;
    a->report.root = cs_merkle_root(&a->tree);
    if (progress != NULL)
        progress(ctx, total, total);
    return CS_OK;
}

/* An entry may rely on a statement of its turn, whose rows are checked behind it. */
static CS_RESULT fill_puts(struct cs_audit *a, enum cs_audit_statement id, enum cs_lookup kind)
{
    sqlite3_stmt *s = a->statement[id];
    for (uint64_t last = 0;;) {
        bool row = false;
        CS_TRY(cs_audit_step(a, id, &row));
        if (!row)
            break;
        uint64_t put = cs_column_u64(s, 0);
        if (put <= last || put > CS_FILTER_NUMBER_MAX)
            return cs_audit_bad(a, 0, "row %llu of statement or token follows row %llu",
                                (unsigned long long)put, (unsigned long long)last);
        struct cs_filter_key k = cs_filter_key(kind, cs_column_span(s, 1), cs_span_of(NULL, 0));
        CS_TRY(cs_filter_put(&a->by_put, put, &k));
        last = put;
    }
    (void)sqlite3_reset(s);
    return CS_OK;
}

static CS_RESULT audit_begin(struct cs_audit *a)
{
    /* one snapshot, also beside a running gate */
    if (sqlite3_exec(a->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        cs_note_set(a->note, "ledger: %s", sqlite3_errmsg(a->db));
        return CS_ERR(STORE);
    }
    for (int i = 0; i < CS_AUDIT_COUNT; i++)
        if (sqlite3_prepare_v2(a->db, audit_sql[i], -1, &a->statement[i], NULL) != SQLITE_OK) {
            cs_note_set(a->note, "ledger: %.200s: %s", audit_sql[i], sqlite3_errmsg(a->db));
            return CS_ERR(STORE);
        }
    CS_TRY(database_is_whole(a));
    CS_TRY(fill_puts(a, CS_AUDIT_STATEMENTS, CS_LOOKUP_STATEMENT));
    return fill_puts(a, CS_AUDIT_TOKENS, CS_LOOKUP_TOKEN);
}

static CS_RESULT audit(struct cs_audit *a, const char *path, cs_ledger_progress progress, void *ctx)
{
    CS_TRY(cs_store_open_reader(path, &a->db, a->note));
    CS_TRY(audit_begin(a));
    return audit_all(a, progress, ctx);
}

CS_RESULT cs_ledger_verify_against(const char *path, const struct cs_ledger_checks *checks,
                                   cs_ledger_progress progress, void *ctx, struct cs_ledger_report *out,
                                   struct cs_note *note)
{
    struct cs_audit *a = calloc(1, sizeof *a);
    if (a == NULL)
        return CS_ERR(NO_MEMORY);
    a->note = note;
    a->checks = checks;
    cs_result r = audit(a, path, progress, ctx);
    for (int i = 0; i < CS_AUDIT_COUNT; i++)
        (void)sqlite3_finalize(a->statement[i]);
    (void)sqlite3_close(a->db);
    cs_arena_done(&a->arena);
    cs_filter_done(&a->by_seq);
    cs_filter_done(&a->by_put);
    free(a->open);
    if (cs_ok(r))
        *out = a->report;
    free(a);
    return r;
}

CS_RESULT cs_ledger_verify(const char *path, cs_ledger_progress progress, void *ctx,
                           struct cs_ledger_report *out, struct cs_note *note)
{
    static const struct cs_ledger_checks none = { 0 };
    return cs_ledger_verify_against(path, &none, progress, ctx, out, note);
}
