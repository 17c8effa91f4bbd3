#include "proxy/ledger/reader.h"

#include <stdlib.h>

#include "proxy/ledger/store.h"

enum reader_statement { READ_HEAD, READ_ENTRY, READ_EVIDENCE, READ_OUTCOME, READ_CHECKPOINT, READ_COUNT };

static const char *const reader_sql[READ_COUNT] = {
    [READ_HEAD] = CS_SQL_READ_HEAD,
    [READ_ENTRY] = CS_SQL_READ_ENTRY,
    [READ_EVIDENCE] = CS_SQL_READ_EVIDENCE,
    [READ_OUTCOME] = CS_SQL_OUTCOME_ROW,
    [READ_CHECKPOINT] = CS_SQL_LAST_CHECKPOINT,
};

struct cs_ledger_reader {
    sqlite3 *db;
    sqlite3_stmt *statement[READ_COUNT];
    bool in_snapshot;
};

static cs_result failed(const struct cs_ledger_reader *r, const char *what, struct cs_note *note)
{
    int rc = sqlite3_errcode(r->db);
    cs_note_set(note, "ledger: %s: %s", what, sqlite3_errmsg(r->db));
    return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? CS_ERR(STORE_CORRUPT) : CS_ERR(STORE);
}

void cs_ledger_reader_close(struct cs_ledger_reader *r)
{
    if (r == NULL)
        return;
    for (int i = 0; i < READ_COUNT; i++)
        (void)sqlite3_finalize(r->statement[i]);
    (void)sqlite3_close(r->db);
    free(r);
}

CS_RESULT cs_ledger_reader_open(const char *path, struct cs_ledger_reader **out, struct cs_note *note)
{
    struct cs_ledger_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result result = cs_store_open_reader(path, &r->db, note);
    for (int i = 0; i < READ_COUNT && cs_ok(result); i++)
        if (sqlite3_prepare_v3(r->db, reader_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &r->statement[i], NULL) !=
            SQLITE_OK)
            result = failed(r, reader_sql[i], note);
    if (!cs_ok(result)) {
        cs_ledger_reader_close(r);
        return result;
    }
    *out = r;
    return CS_OK;
}

void cs_ledger_reader_end(struct cs_ledger_reader *r)
{
    for (int i = 0; i < READ_COUNT; i++)
        (void)sqlite3_reset(r->statement[i]);
    if (r->in_snapshot)
        (void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    r->in_snapshot = false;
}

/* One row of a statement, whose views live until its next use; *out_row false when there is none. */
static CS_RESULT one_row(struct cs_ledger_reader *r, sqlite3_stmt *s, bool *out_row, struct cs_note *note)
{
    int rc = sqlite3_step(s);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        cs_result result = failed(r, sqlite3_sql(s), note);
        (void)sqlite3_reset(s);
        return result;
    }
    *out_row = rc == SQLITE_ROW;
    return CS_OK;
}

CS_RESULT cs_ledger_reader_begin(struct cs_ledger_reader *r, struct cs_ledger_head *out, struct cs_note *note)
{
    cs_ledger_reader_end(r);
    if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return failed(r, "begin", note);
    r->in_snapshot = true;
    sqlite3_stmt *s = r->statement[READ_HEAD];
    bool row = false;
    struct cs_merkle none = { 0 };
    struct cs_ledger_head head = { .root = cs_merkle_root(&none) };
    CS_TRY(one_row(r, s, &row, note));
    if (row) {
        head.size = cs_column_u64(s, 0);
        head.last_unix_us = sqlite3_column_int64(s, 1);
        if (!cs_column_sha256(s, 2, &head.root)) {
            cs_note_set(note, "ledger: the last head is malformed");
            return CS_ERR(STORE_CORRUPT);
        }
    }
    (void)sqlite3_reset(s);
    *out = head;
    return CS_OK;
}

CS_RESULT cs_ledger_reader_entry(struct cs_ledger_reader *r, uint64_t seq, struct cs_span *out,
                                 struct cs_note *note)
{
    sqlite3_stmt *s = r->statement[READ_ENTRY];
    bool row = false;
    (void)sqlite3_reset(s);
    cs_bind_u64(s, 1, seq);
    CS_TRY(one_row(r, s, &row, note));
    if (!row)
        return CS_ERR(NOT_FOUND);
    *out = cs_column_span(s, 0);
    return CS_OK;
}

CS_RESULT cs_ledger_reader_evidence(struct cs_ledger_reader *r, struct cs_span digest, struct cs_span *out,
                                    struct cs_note *note)
{
    sqlite3_stmt *s = r->statement[READ_EVIDENCE];
    bool row = false;
    (void)sqlite3_reset(s);
    cs_bind_span(s, 1, digest);
    CS_TRY(one_row(r, s, &row, note));
    if (!row)
        return CS_ERR(NOT_FOUND);
    *out = cs_column_span(s, 0);
    return CS_OK;
}

CS_RESULT cs_ledger_reader_outcome(struct cs_ledger_reader *r, uint64_t intent_seq, uint64_t *out_seq,
                                   struct cs_note *note)
{
    sqlite3_stmt *s = r->statement[READ_OUTCOME];
    bool row = false;
    (void)sqlite3_reset(s);
    cs_bind_u64(s, 1, intent_seq);
    CS_TRY(one_row(r, s, &row, note));
    *out_seq = row ? cs_column_u64(s, 0) : 0;
    return CS_OK;
}

CS_RESULT cs_ledger_reader_checkpoint(struct cs_ledger_reader *r, uint64_t *out_size,
                                      struct cs_span *out_note, struct cs_note *note)
{
    sqlite3_stmt *s = r->statement[READ_CHECKPOINT];
    bool row = false;
    (void)sqlite3_reset(s);
    CS_TRY(one_row(r, s, &row, note));
    *out_size = row ? cs_column_u64(s, 0) : 0;
    *out_note = row ? cs_column_span(s, 1) : cs_span_of(NULL, 0);
    return CS_OK;
}

CS_RESULT cs_ledger_entry_parse(struct cs_span bytes, uint64_t seq, struct cs_arena *arena,
                                const Countersign__Ledger__V1__Entry **out)
{
    const Countersign__Ledger__V1__Entry *e = NULL;
    CS_TRY(cs_entry_unpack(bytes, arena, &e));
    if (e->seq != seq)
        return CS_ERR(STORE_CORRUPT);
    *out = e;
    return CS_OK;
}

CS_RESULT cs_ledger_entry_time(struct cs_span bytes, int64_t *out_unix_us)
{
    return cs_entry_time(bytes, out_unix_us) ? CS_OK : CS_ERR(STORE_CORRUPT);
}
