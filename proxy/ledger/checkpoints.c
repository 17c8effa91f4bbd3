#include "proxy/ledger/proofs.h"
#include "proxy/ledger/store.h"

/* Fewer than a note may carry (CS_TLOG_LINES_MAX), with room for the log's own line. */
enum { COSIGNATURES_MAX = 32 };

/* One row, one transaction. */
static CS_RESULT put_alone(struct cs_ledger *l, enum cs_statement id)
{
    CS_TRY(cs_turn_ready(l));
    if (l->in_turn)
        return CS_ERR(BUG);
    cs_result r = cs_turn_begin(l);
    if (cs_ok(r))
        r = cs_turn_write(l, id);
    if (cs_ok(r))
        r = cs_turn_write(l, CS_SQL_COMMIT);
    l->turn_failed = false; /* no turn of a caller's was in it */
    CS_TRY(r);
    l->in_turn = false;
    cs_checkpointer_committed(&l->checkpointer, l->db, l->wal_pages);
    return CS_OK;
}

CS_RESULT cs_ledger_checkpoint_last(struct cs_ledger *l, struct cs_arena *arena, uint64_t *out_size,
                                    struct cs_span *out_note)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_CHECKPOINT_LAST];
    bool row = false;
    CS_TRY(cs_query_step(l, s, &row));
    uint64_t size = row ? cs_column_u64(s, 0) : 0;
    struct cs_span there = row ? cs_column_span(s, 1) : cs_span_of(NULL, 0);
    struct cs_span copy = cs_arena_span(arena, there);
    bool whole = copy.len == there.len;
    (void)sqlite3_reset(s);
    if (!whole)
        return CS_ERR(NO_MEMORY);
    *out_size = size;
    *out_note = copy;
    return CS_OK;
}

CS_RESULT cs_ledger_checkpoint_put(struct cs_ledger *l, uint64_t size, struct cs_span note)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    uint64_t last = 0;
    struct cs_span ignored;
    if (size == 0 || size > l->head.size)
        return CS_ERR(ARGUMENT);
    CS_TRY(cs_ledger_checkpoint_last(l, &arena, &last, &ignored));
    if (size <= last)
        return CS_ERR(EXISTS);
    sqlite3_stmt *s = l->statement[CS_SQL_CHECKPOINT_PUT];
    cs_bind_u64(s, 1, size);
    cs_bind_span(s, 2, note);
    return put_alone(l, CS_SQL_CHECKPOINT_PUT);
}

CS_RESULT cs_ledger_cosignature_put(struct cs_ledger *l, uint64_t size, struct cs_span line)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_CHECKPOINT_HAS];
    bool row = false;
    cs_bind_u64(s, 1, size);
    CS_TRY(cs_query_step(l, s, &row));
    (void)sqlite3_reset(s);
    if (!row)
        return CS_ERR(NOT_FOUND);
    s = l->statement[CS_SQL_COSIGNATURE_PUT];
    cs_bind_u64(s, 1, size);
    cs_bind_span(s, 2, line);
    return put_alone(l, CS_SQL_COSIGNATURE_PUT);
}

CS_RESULT cs_ledger_checkpoint_cosigned(struct cs_ledger *l, struct cs_arena *arena, uint64_t *out_size,
                                        struct cs_span *out_note)
{
    uint64_t size = 0;
    struct cs_span note;
    CS_AUTO_BUF struct cs_buf whole = { 0 };
    CS_TRY(cs_ledger_checkpoint_last(l, arena, &size, &note));
    cs_buf_put(&whole, note.at, note.len);
    sqlite3_stmt *s = l->statement[CS_SQL_COSIGNATURES_BACK];
    unsigned n = 0;
    for (bool row = true; row && n < COSIGNATURES_MAX;) {
        CS_TRY(cs_query_step(l, s, &row));
        if (row && cs_column_u64(s, 0) == size) {
            struct cs_span line = cs_column_span(s, 1);
            cs_buf_put(&whole, line.at, line.len);
            n++;
        }
    }
    (void)sqlite3_reset(s);
    if (whole.failed)
        return CS_ERR(NO_MEMORY);
    struct cs_span copy = cs_arena_span(arena, cs_buf_span(&whole));
    if (copy.len != whole.len)
        return CS_ERR(NO_MEMORY);
    *out_size = size;
    *out_note = copy;
    return CS_OK;
}
