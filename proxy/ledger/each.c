#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/ledger/store.h"
#include "proxy/ledger/verify.h"

enum { ENTRIES_A_READ = 256 };

/* A file that nobody writes, on a medium that cannot hold the log's index. */
static CS_RESULT uri_of(const char *path, struct cs_buf *out)
{
    cs_buf_put_str(out, "file:");
    for (const char *p = path; *p != 0; p++) {
        if (*p == '%' || *p == '?' || *p == '#')
            cs_buf_printf(out, "%%%02x", (unsigned)(unsigned char)*p);
        else
            cs_buf_put(out, p, 1);
    }
    cs_buf_put_str(out, "?immutable=1");
    cs_buf_put_u8(out, 0);
    return cs_buf_end(out);
}

static bool has_log(const char *path)
{
    CS_AUTO_BUF struct cs_buf name = { 0 };
    cs_buf_printf(&name, "%s-wal", path);
    cs_buf_put_u8(&name, 0);
    return !cs_ok(cs_buf_end(&name)) || access((const char *)name.at, F_OK) == 0;
}

static int open_as(const char *name, int flags, sqlite3 **out)
{
    int rc = sqlite3_open_v2(name, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | flags, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(*out, 2000);
        (void)sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        rc = sqlite3_exec(*out,
                          "PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                          "SELECT count(*) FROM sqlite_schema",
                          NULL, NULL, NULL);
    }
    return rc;
}

CS_RESULT cs_store_open_reader(const char *path, sqlite3 **out, struct cs_note *note)
{
    sqlite3 *db = NULL;
    int rc = open_as(path, 0, &db);
    if ((rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY) && !has_log(path)) {
        CS_AUTO_BUF struct cs_buf uri = { 0 };
        (void)sqlite3_close(db);
        db = NULL;
        CS_TRY(uri_of(path, &uri));
        rc = open_as((const char *)uri.at, SQLITE_OPEN_URI, &db);
    }
    cs_result r = CS_OK;
    bool empty = false;
    if (rc != SQLITE_OK) {
        cs_note_set(note, "ledger %s: %s", path, db != NULL ? sqlite3_errmsg(db) : "no memory");
        r = rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT ? CS_ERR(STORE_CORRUPT) : CS_ERR(STORE);
    } else {
        r = cs_schema_check(db, &empty, note);
        if (cs_ok(r) && empty) {
            cs_note_set(note, "ledger %s: empty database, not a ledger", path);
            r = CS_ERR(STORE_CORRUPT);
        }
    }
    if (!cs_ok(r)) {
        (void)sqlite3_close(db);
        return r;
    }
    *out = db;
    return CS_OK;
}

/* One read of some entries: short, so that a slow visitor does not keep the log from being emptied. */
static CS_RESULT read_some(sqlite3 *db, sqlite3_stmt *s, uint64_t from, uint64_t to, struct cs_arena *arena,
                           struct cs_span *out, uint32_t *out_n, struct cs_note *note)
{
    uint32_t n = 0;
    cs_result r = CS_OK;
    cs_bind_u64(s, 1, from);
    while (n < ENTRIES_A_READ && from + n <= to && cs_ok(r)) {
        int rc = sqlite3_step(s);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW) {
            cs_note_set(note, "ledger: reading entry %llu: %s", (unsigned long long)(from + n),
                        sqlite3_errmsg(db));
            r = rc == SQLITE_CORRUPT ? CS_ERR(STORE_CORRUPT) : CS_ERR(STORE);
        } else if (cs_column_u64(s, 0) != from + n) {
            cs_note_set(note, "ledger: entry %llu is missing", (unsigned long long)(from + n));
            r = CS_ERR(STORE_CORRUPT);
        } else {
            struct cs_span there = cs_column_span(s, 1);
            out[n] = cs_arena_span(arena, there);
            if (out[n].len != there.len)
                r = CS_ERR(NO_MEMORY);
            n++;
        }
    }
    (void)sqlite3_reset(s);
    *out_n = n;
    return r;
}

static CS_RESULT visit_all(sqlite3 *db, sqlite3_stmt *s, uint64_t from, uint64_t to, cs_ledger_visit visit,
                           void *ctx, struct cs_note *note)
{
    CS_AUTO_ARENA struct cs_arena bytes = { 0 };
    CS_AUTO_ARENA struct cs_arena decoded = { 0 };
    struct cs_span read[ENTRIES_A_READ];
    for (uint32_t n = ENTRIES_A_READ; n == ENTRIES_A_READ && from <= to;) {
        cs_arena_reset(&bytes);
        CS_TRY(read_some(db, s, from, to, &bytes, read, &n, note));
        for (uint32_t i = 0; i < n; i++) {
            const Countersign__Ledger__V1__Entry *e = NULL;
            cs_arena_reset(&decoded);
            cs_result r = cs_entry_unpack(read[i], &decoded, &e);
            if (cs_ok(r) && e->seq != from + i)
                r = CS_ERR(STORE_CORRUPT);
            if (!cs_ok(r)) {
                cs_note_set(note, "ledger: entry %llu is malformed", (unsigned long long)(from + i));
                return r;
            }
            CS_TRY(visit(ctx, e, read[i]));
        }
        from += n;
    }
    return CS_OK;
}

CS_RESULT cs_ledger_each(const char *path, uint64_t from, uint64_t to, cs_ledger_visit visit, void *ctx,
                         struct cs_note *note)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    CS_TRY(cs_store_open_reader(path, &db, note));
    cs_result r = CS_ERR(STORE);
    if (sqlite3_prepare_v2(db, CS_SQL_ENTRIES, -1, &s, NULL) == SQLITE_OK)
        r = visit_all(db, s, from != 0 ? from : 1, to != 0 ? to : INT64_MAX, visit, ctx, note);
    else
        cs_note_set(note, "ledger %s: %s", path, sqlite3_errmsg(db));
    (void)sqlite3_finalize(s);
    (void)sqlite3_close(db);
    return r;
}
