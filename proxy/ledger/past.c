#include "proxy/ledger/past.h"

#include <stdlib.h>

#include "proxy/ledger/store.h"

/* The statements of a handle of the past: those of ledger.h's questions, with ?9 where the answer depends on
 * the moment. The others stay unprepared, and asking them is STORE. */
static const struct {
    enum cs_statement id;
    const char *sql;
    bool by_put; /* ?9 counts puts, not entries */
} past_sql[] = {
    { CS_SQL_SERIAL_GET, CS_SQL_PAST_SERIAL, false },    { CS_SQL_ORDER_GET, CS_SQL_PAST_ORDER, false },
    { CS_SQL_SUBJECT_GET, CS_SQL_PAST_SUBJECT, false },  { CS_SQL_OUTCOME_GET, CS_SQL_PAST_OUTCOME, false },
    { CS_SQL_CONTROL_NEXT, CS_SQL_PAST_CONTROL, false }, { CS_SQL_DEPOSIT_GET, CS_SQL_PAST_DEPOSIT, false },
    { CS_SQL_TOKEN_GET, CS_SQL_PAST_TOKEN, true },
};
static const struct {
    enum cs_statement id;
    const char *sql;
} timeless_sql[] = {
    { CS_SQL_ENTRY_GET, CS_SQL_ENTRY },
    { CS_SQL_EVIDENCE_GET, CS_SQL_ENVELOPE_OF },
    { CS_SQL_STATEMENT_GET, CS_SQL_PAST_STATEMENT },
    { CS_SQL_KEY_FIND, CS_SQL_PAST_KEYS },
    { CS_SQL_CHECKPOINT_LAST, CS_SQL_CHECKPOINT_COVERING },
    { CS_SQL_ENTRIES_BACK, CS_SQL_PAST_HEAD },
};
enum {
    N_PAST = sizeof past_sql / sizeof *past_sql,
    N_TIMELESS = sizeof timeless_sql / sizeof *timeless_sql,
    MOMENT = 9,
};

static CS_RESULT prepare(struct cs_ledger *l, enum cs_statement id, const char *sql)
{
    if (sqlite3_prepare_v3(l->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &l->statement[id], NULL) != SQLITE_OK)
        return cs_store_error(l, sql);
    return CS_OK;
}

/* The head as it is now: what can be asked about. */
static CS_RESULT last_head(struct cs_ledger *l)
{
    sqlite3_stmt *s = NULL;
    struct cs_merkle none = { 0 };
    l->head.root = cs_merkle_root(&none);
    if (sqlite3_prepare_v2(l->db, CS_SQL_LAST_HEAD, -1, &s, NULL) != SQLITE_OK)
        return cs_store_error(l, CS_SQL_LAST_HEAD);
    bool row = false;
    cs_result r = cs_query_step(l, s, &row);
    if (cs_ok(r) && row) {
        l->kept.n_heads = cs_column_u64(s, 0);
        l->head.size = cs_column_u64(s, 1);
        l->head.last_unix_us = sqlite3_column_int64(s, 2);
        l->kept.tree.size = l->head.size;
        l->kept.n_puts = cs_column_u64(s, 4);
        if (!cs_column_sha256(s, 3, &l->head.root))
            r = CS_ERR(STORE_CORRUPT);
    }
    (void)sqlite3_finalize(s);
    return r;
}

static CS_RESULT open_all(struct cs_ledger *l, const char *path, struct cs_note *note)
{
    CS_TRY(cs_store_open_reader(path, &l->db, note));
    for (int i = 0; i < N_PAST; i++)
        CS_TRY(prepare(l, past_sql[i].id, past_sql[i].sql));
    for (int i = 0; i < N_TIMELESS; i++)
        CS_TRY(prepare(l, timeless_sql[i].id, timeless_sql[i].sql));
    l->is_past = true;
    /* one snapshot: a row behind the head would not be believed */
    if (sqlite3_exec(l->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return cs_store_error(l, "BEGIN");
    CS_TRY(last_head(l));
    CS_TRY(cs_ledger_fill_filters(l));
    if (sqlite3_exec(l->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return cs_store_error(l, "COMMIT");
    return cs_ledger_past_set(l, 1);
}

CS_RESULT cs_ledger_open_past(const char *path, struct cs_ledger **out, struct cs_note *note)
{
    cs_note_set(note, "%s", "");
    struct cs_ledger *l = calloc(1, sizeof *l);
    if (l == NULL)
        return CS_ERR(NO_MEMORY);
    l->lock_fd = -1;
    cs_result r = open_all(l, path, note);
    if (!cs_ok(r)) {
        if (note != NULL && note->text[0] == 0)
            cs_note_set(note, "ledger %s: %s", path,
                        l->trouble.text[0] != 0 ? l->trouble.text : cs_result_text(r));
        cs_ledger_close(l);
        return r;
    }
    *out = l;
    return CS_OK;
}

/* Head n: how many entries and puts there were with it; of no head, none. */
static CS_RESULT head_at(struct cs_ledger *l, uint64_t n, uint64_t *out_size, uint64_t *out_puts)
{
    sqlite3_stmt *s = l->statement[CS_SQL_ENTRIES_BACK];
    bool row = false;
    *out_size = *out_puts = 0;
    if (n == 0)
        return CS_OK;
    cs_bind_u64(s, 1, n);
    CS_TRY(cs_query_step(l, s, &row));
    if (row) {
        *out_size = cs_column_u64(s, 0);
        *out_puts = cs_column_u64(s, 1);
    }
    (void)sqlite3_reset(s);
    return row ? CS_OK : CS_ERR(STORE_CORRUPT);
}

/* Puts up to the commit of the entry seq: heads are numbered without gaps and grow. */
static CS_RESULT puts_with(struct cs_ledger *l, uint64_t seq, uint64_t *out)
{
    uint64_t low = 0, high = l->kept.n_heads, size; /* the head is behind low and at most high */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        CS_TRY(head_at(l, middle, &size, out));
        if (size >= seq)
            high = middle;
        else
            low = middle + 1;
    }
    return head_at(l, high, &size, out);
}

CS_RESULT cs_ledger_past_set(struct cs_ledger *l, uint64_t seq)
{
    uint64_t n_puts;
    CS_TRY(puts_with(l, seq, &n_puts));
    for (int i = 0; i < N_PAST; i++)
        cs_bind_u64(l->statement[past_sql[i].id], MOMENT, past_sql[i].by_put ? n_puts : seq);
    return CS_OK;
}

CS_RESULT cs_ledger_past_checkpoint(struct cs_ledger *l, uint64_t size, struct cs_arena *arena,
                                    uint64_t *out_size, struct cs_span *out_note)
{
    sqlite3_stmt *s = l->statement[CS_SQL_CHECKPOINT_LAST];
    bool row = false;
    cs_bind_u64(s, 1, size);
    CS_TRY(cs_query_step(l, s, &row));
    struct cs_span there = row ? cs_column_span(s, 1) : cs_span_of(NULL, 0);
    struct cs_span copy = cs_arena_span(arena, there);
    if (row)
        *out_size = cs_column_u64(s, 0);
    (void)sqlite3_reset(s);
    if (!row)
        return CS_ERR(NOT_FOUND);
    if (copy.len != there.len)
        return CS_ERR(NO_MEMORY);
    *out_note = copy;
    return CS_OK;
}
