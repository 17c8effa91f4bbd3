#include "proxy/ledger/store.h"

bool cs_column_sha256(sqlite3_stmt *s, int i, struct cs_sha256 *out)
{
    struct cs_span v = cs_column_span(s, i);
    if (v.len != sizeof out->byte)
        return false;
    memcpy(out->byte, v.at, v.len);
    return true;
}

CS_RESULT cs_usable(const struct cs_ledger *l)
{
    return l->broken ? CS_ERR(STORE) : CS_OK;
}

cs_result cs_store_error(struct cs_ledger *l, const char *what)
{
    int rc = sqlite3_errcode(l->db);
    cs_note_set(&l->trouble, "ledger: %.200s: %s (%d)", what, sqlite3_errmsg(l->db),
                sqlite3_extended_errcode(l->db));
    return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? CS_ERR(STORE_CORRUPT) : CS_ERR(STORE);
}

CS_RESULT cs_query_step(struct cs_ledger *l, sqlite3_stmt *s, bool *out_row)
{
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        *out_row = rc == SQLITE_ROW;
        return CS_OK;
    }
    cs_result r = cs_store_error(l, sqlite3_sql(s));
    (void)sqlite3_reset(s);
    if (l->in_turn && sqlite3_get_autocommit(l->db) != 0)
        cs_turn_fail(l); /* SQLite took the transaction back on its own */
    return r;
}

const char *cs_ledger_trouble(const struct cs_ledger *l)
{
    return l->trouble.text;
}

void cs_ledger_head_get(const struct cs_ledger *l, struct cs_ledger_head *out)
{
    *out = l->head;
}
