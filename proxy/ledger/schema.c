#include "proxy/ledger/schema.h"

#include <string.h>

static void auto_db(sqlite3 **db)
{
    (void)sqlite3_close_v2(*db);
}
static void auto_statement(sqlite3_stmt **s)
{
    (void)sqlite3_finalize(*s);
}
#define CS_AUTO_DB        __attribute__((cleanup(auto_db)))
#define CS_AUTO_STATEMENT __attribute__((cleanup(auto_statement)))

static CS_RESULT run(sqlite3 *db, const char *sql, struct cs_note *note)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return CS_OK;
    cs_note_set(note, "ledger: \"%.60s\" failed: %s", sql, sqlite3_errmsg(db));
    return CS_ERR(STORE);
}

CS_RESULT cs_schema_create(sqlite3 *db, struct cs_note *note)
{
    char numbers[96];
    (void)sqlite3_snprintf(sizeof numbers, numbers, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                           CS_SCHEMA_APPLICATION_ID, CS_SCHEMA_VERSION);
    CS_TRY(run(db, "BEGIN IMMEDIATE", note));
    cs_result r = run(db, CS_SCHEMA_SQL, note);
    if (cs_ok(r))
        r = run(db, CS_SCHEMA_SUBJECT_SQL, note);
    if (cs_ok(r))
        r = run(db, CS_SCHEMA_AUTHORIZATION_SQL, note);
    if (cs_ok(r))
        r = run(db, CS_SCHEMA_TREE_SQL, note);
    if (cs_ok(r))
        r = run(db, CS_SCHEMA_CONTROL_SQL, note);
    if (cs_ok(r))
        r = run(db, numbers, note);
    if (cs_ok(r))
        r = run(db, "COMMIT", note);
    if (!cs_ok(r) && sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

static CS_RESULT number_of(sqlite3 *db, const char *pragma, int *out, struct cs_note *note)
{
    CS_AUTO_STATEMENT sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, pragma, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW) {
        cs_note_set(note, "ledger: %s failed: %s", pragma, sqlite3_errmsg(db));
        return sqlite3_errcode(db) == SQLITE_NOTADB ? CS_ERR(STORE_CORRUPT) : CS_ERR(STORE);
    }
    *out = sqlite3_column_int(s, 0);
    return CS_OK;
}

static bool column_eq(sqlite3_stmt *a, sqlite3_stmt *b, int i)
{
    const unsigned char *x = sqlite3_column_text(a, i), *y = sqlite3_column_text(b, i);
    int n = sqlite3_column_bytes(a, i);
    return (x == NULL) == (y == NULL) && n == sqlite3_column_bytes(b, i) &&
           (x == NULL || memcmp(x, y, (size_t)n) == 0);
}

static const char *name_at(sqlite3_stmt *s)
{
    const unsigned char *name = sqlite3_column_text(s, 1);
    return name != NULL ? (const char *)name : "?";
}

/* Both list their objects in the same order, so the first difference is the answer. */
static CS_RESULT same_objects(sqlite3 *db, sqlite3 *model, bool *out_none, struct cs_note *note)
{
    static const char list[] = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name, type";
    CS_AUTO_STATEMENT sqlite3_stmt *there = NULL;
    CS_AUTO_STATEMENT sqlite3_stmt *needed = NULL;
    if (sqlite3_prepare_v2(db, list, -1, &there, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(model, list, -1, &needed, NULL) != SQLITE_OK) {
        cs_note_set(note, "ledger: reading the schema failed: %s", sqlite3_errmsg(db));
        return sqlite3_errcode(db) == SQLITE_NOTADB || sqlite3_errcode(db) == SQLITE_CORRUPT
                   ? CS_ERR(STORE_CORRUPT)
                   : CS_ERR(STORE);
    }
    for (unsigned n = 0;; n++) {
        int a = sqlite3_step(there), b = sqlite3_step(needed);
        if ((a != SQLITE_ROW && a != SQLITE_DONE) || (b != SQLITE_ROW && b != SQLITE_DONE)) {
            cs_note_set(note, "ledger: reading the schema failed: %s", sqlite3_errmsg(db));
            return a == SQLITE_CORRUPT ? CS_ERR(STORE_CORRUPT) : CS_ERR(STORE);
        }
        if (n == 0 && a == SQLITE_DONE) {
            *out_none = true;
            return CS_OK;
        }
        if (a == SQLITE_DONE && b == SQLITE_DONE)
            return CS_OK;
        if (a == SQLITE_DONE) {
            cs_note_set(note, "ledger: schema object %s is missing", name_at(needed));
            return CS_ERR(STORE_CORRUPT);
        }
        bool same = b == SQLITE_ROW;
        for (int i = 0; same && i < 4; i++)
            same = column_eq(there, needed, i);
        if (!same) {
            cs_note_set(note, "ledger: schema object %.100s is not as written by this version (needed: %s)",
                        name_at(there), b == SQLITE_ROW ? name_at(needed) : "none");
            return CS_ERR(STORE_CORRUPT);
        }
    }
}

CS_RESULT cs_schema_check(sqlite3 *db, bool *out_empty, struct cs_note *note)
{
    int id = 0, version = 0;
    CS_TRY(number_of(db, "PRAGMA application_id", &id, note));
    CS_TRY(number_of(db, "PRAGMA user_version", &version, note));
    bool unmarked = id == 0 && version == 0;
    if (!unmarked && (id != CS_SCHEMA_APPLICATION_ID || version != CS_SCHEMA_VERSION)) {
        cs_note_set(note, "ledger: file is marked application %d, version %d; needed %d, version %d", id,
                    version, CS_SCHEMA_APPLICATION_ID, CS_SCHEMA_VERSION);
        return CS_ERR(STORE_CORRUPT);
    }
    CS_AUTO_DB sqlite3 *model = NULL;
    if (sqlite3_open(":memory:", &model) != SQLITE_OK)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_schema_create(model, note));
    bool none = false;
    CS_TRY(same_objects(db, model, &none, note));
    if (none != unmarked) {
        cs_note_set(note, none ? "ledger: file is marked as a ledger but holds no tables"
                               : "ledger: file holds the tables of a ledger but is not marked as one");
        return CS_ERR(STORE_CORRUPT);
    }
    *out_empty = none;
    return CS_OK;
}
