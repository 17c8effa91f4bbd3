/* Verify: every bit and every row of a small ledger, changed one at a time, is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/ledger/fixture.h"

/* A ledger with a row of every kind, then closed. */
static void fill(struct house *h)
{
    uint64_t seq, a, b, c;
    assert_ok(append_start(h->l, &seq));
    commit(h->l);
    put_evidence(h->l, 1);
    assert_ok(append_deposit(h->l, 1, &seq));
    commit(h->l);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .evidence = true, .subject = SUBJECT }, &a));
    put_evidence(h->l, 2);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 2, .evidence = true }, &b));
    assert_ok(append_refusal(h->l, &seq));
    commit(h->l);
    assert_ok(append_outcome(h->l, b, OUTCOME(NOT_SIGNED), 2, &seq));
    assert_ok(append_outcome(h->l, a, OUTCOME(SIGNED), 1, &seq));
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 2, .evidence = true }, &c));
    commit(h->l);
    put_evidence(h->l, 3);
    commit(h->l);
    assert_ok(append_authorization(h->l, &(struct authorization_plan){ .n = 3, .evidence = true }, &a));
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 3, .authorization_seq = a }, &seq));
    commit(h->l);
    house_close(h);
}

static cs_result verify(struct house *h, struct cs_note *note)
{
    struct cs_ledger_report report;
    note->text[0] = 0;
    return cs_ledger_verify(h->path, NULL, NULL, &report, note);
}

static void the_untouched_ledger_verifies(void **state)
{
    struct house *h = *state;
    struct cs_ledger_report report;
    struct cs_note note = { { 0 } };
    fill(h);
    if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(report.n_entries, 10);
    assert_int_equal(report.n_intents, 4);
    assert_int_equal(report.n_authorizations, 1);
    assert_int_equal(report.n_signed, 1);
    assert_int_equal(report.n_not_signed, 1);
    assert_int_equal(report.n_open, 2);
    assert_int_equal(report.n_refusals, 1);
    assert_int_equal(report.n_deposits, 1);
    assert_int_equal(report.n_heads, 6);
    assert_true(report.first_unix_us < report.last_unix_us);
}

static const struct {
    const char *table, *key; /* key: a whole row's place in order, for tables without a row id */
    const char *columns[9];
} tables[] = {
    { "entry", "seq", { "seq", "body" } },
    { "head", "n", { "n", "size", "last_unix_us", "n_open", "n_puts", "puts", "root", "peaks" } },
    { "intent_request", "seq", { "gen", "client", "request_id", "seq" } },
    { "intent_serial", "seq", { "gen", "issuer", "serial", "seq", "kind", "pair" } },
    { "intent_order", "seq", { "gen", "account", "order_id", "seq", "kind", "pair" } },
    { "intent_subject", "seq", { "gen", "account", "seq" } },
    { "authorization_digest", "seq", { "client", "issuer", "digest", "seq", "expires_unix_s" } },
    { "authorization_request", "seq", { "client", "request_id", "seq" } },
    { "intent_outcome", "intent_seq", { "intent_seq", "seq", "result" } },
    { "deposit_seq", "seq", { "gen", "digest", "seq" } },
    { "evidence", "put", { "put", "digest", "envelope" } },
    { "statement", "put", { "put", "id", "payload" } },
    { "deposit_key", "put", { "put", "key", "digest", "expires_unix_s" } },
    { "token", "put", { "put", "token", "bound" } },
};
enum { TABLES = sizeof tables / sizeof *tables };

/* The change is made, verified, and mended. */
static void expect_found(struct house *h, sqlite3 *raw, const char *change, const char *mend)
{
    struct cs_note note;
    raw_run(raw, change);
    cs_result r = verify(h, &note);
    raw_run(raw, mend);
    if (!cs_is(r, CS_NUM_STORE_CORRUPT) || note.text[0] == 0)
        fail_msg("%s: %s \"%s\"", change, cs_result_name(r), note.text);
}

static void change_number(struct house *h, sqlite3 *raw, unsigned t, const char *column, sqlite3_int64 key,
                          sqlite3_int64 old)
{
    for (unsigned bit = 0; bit < 63; bit += bit < 4 ? 1 : 13) {
        sqlite3_int64 new = old ^ (sqlite3_int64)(1ull << bit);
        bool is_key = strcmp(column, tables[t].key) == 0;
        char change[256], mend[256], taken[256];
        (void)snprintf(taken, sizeof taken, "SELECT 1 FROM %s WHERE %s = %lld", tables[t].table, column, new);
        sqlite3_stmt *s = NULL;
        assert_int_equal(sqlite3_prepare_v2(raw, taken, -1, &s, NULL), SQLITE_OK);
        bool there = is_key && sqlite3_step(s) == SQLITE_ROW;
        (void)sqlite3_finalize(s);
        if (there)
            continue; /* the key of another row: swapping is a test of its own */
        (void)snprintf(change, sizeof change, "UPDATE %s SET %s = %lld WHERE %s = %lld", tables[t].table,
                       column, new, tables[t].key, key);
        (void)snprintf(mend, sizeof mend, "UPDATE %s SET %s = %lld WHERE %s = %lld", tables[t].table, column,
                       old, tables[t].key, is_key ? new : key);
        expect_found(h, raw, change, mend);
    }
}

static void change_bytes(struct house *h, sqlite3 *raw, unsigned t, const char *column, sqlite3_int64 key,
                         const uint8_t *old, size_t len)
{
    enum { SQL = 8192 };
    char *change = malloc(SQL), *mend = malloc(SQL), *hex = malloc(2 * len + 3);
    uint8_t *new = malloc(len + 1);
    assert_true(change != NULL && mend != NULL && hex != NULL && new != NULL);
    cs_hex(cs_span_of(old, len), hex);
    (void)snprintf(mend, SQL, "UPDATE %s SET %s = x'%s' WHERE %s = %lld", tables[t].table, column, hex,
                   tables[t].key, key);
    memcpy(new, old, len);
    size_t step = t == 0 ? 1 : 3; /* every byte of the entries */
    for (size_t i = 0; i < len + 2; i += i + step < len ? step : 1) {
        size_t new_len = len;
        if (i < len)
            new[i] ^= (uint8_t)(1u << (i % 8));
        else if (i == len)
            new[new_len++] = 0;
        else
            new_len--;
        cs_hex(cs_span_of(new, new_len), hex);
        (void)snprintf(change, SQL, "UPDATE %s SET %s = x'%s' WHERE %s = %lld", tables[t].table, column, hex,
                       tables[t].key, key);
        expect_found(h, raw, change, mend);
        if (i < len)
            new[i] = old[i];
    }
    free(change);
    free(mend);
    free(hex);
    free(new);
}

static void one_bit_of_any_column_of_any_row(void **state)
{
    struct house *h = *state;
    struct cs_note note;
    unsigned n_rows = 0;
    fill(h);
    sqlite3 *raw = raw_open(h->path);
    for (unsigned t = 0; t < TABLES; t++) {
        for (unsigned c = 0; tables[t].columns[c] != NULL; c++) {
            for (unsigned row = 0;; row++) {
                char sql[160];
                sqlite3_stmt *s = NULL;
                (void)snprintf(sql, sizeof sql, "SELECT %s, %s FROM %s ORDER BY %s LIMIT 1 OFFSET %u",
                               tables[t].key, tables[t].columns[c], tables[t].table, tables[t].key, row);
                assert_int_equal(sqlite3_prepare_v2(raw, sql, -1, &s, NULL), SQLITE_OK);
                if (sqlite3_step(s) != SQLITE_ROW) {
                    (void)sqlite3_finalize(s);
                    break;
                }
                n_rows++;
                sqlite3_int64 key = sqlite3_column_int64(s, 0), number = sqlite3_column_int64(s, 1);
                bool is_number = sqlite3_column_type(s, 1) == SQLITE_INTEGER;
                uint8_t bytes[1024];
                size_t len = is_number ? 0 : (size_t)sqlite3_column_bytes(s, 1);
                assert_true(len <= sizeof bytes);
                if (len != 0)
                    memcpy(bytes, sqlite3_column_blob(s, 1), len);
                (void)sqlite3_finalize(s);
                if (is_number)
                    change_number(h, raw, t, tables[t].columns[c], key, number);
                else
                    change_bytes(h, raw, t, tables[t].columns[c], key, bytes, len);
            }
        }
    }
    assert_true(n_rows > 100);
    cs_result r = verify(h, &note); /* everything was mended */
    (void)sqlite3_close(raw);
    if (!cs_ok(r))
        fail_msg("%s", note.text);
}

static void rows_removed_moved_and_added(void **state)
{
    struct house *h = *state;
    struct cs_note note;
    fill(h);
    sqlite3 *raw = raw_open(h->path);
    raw_run(raw, "ATTACH ':memory:' AS kept");
    for (unsigned t = 0; t < TABLES; t++) { /* each row removed */
        char sql[3][256];
        for (unsigned row = 0;; row++) {
            (void)snprintf(sql[0], sizeof sql[0],
                           "CREATE TABLE kept.row AS SELECT * FROM %s ORDER BY %s LIMIT 1 OFFSET %u",
                           tables[t].table, tables[t].key, row);
            raw_run(raw, sql[0]);
            (void)snprintf(sql[1], sizeof sql[1], "DELETE FROM %s WHERE %s = (SELECT %s FROM kept.row)",
                           tables[t].table, tables[t].key, tables[t].key);
            (void)snprintf(sql[2], sizeof sql[2], "INSERT INTO %s SELECT * FROM kept.row", tables[t].table);
            sqlite3_stmt *s = NULL;
            assert_int_equal(sqlite3_prepare_v2(raw, "SELECT 1 FROM kept.row", -1, &s, NULL), SQLITE_OK);
            bool there = sqlite3_step(s) == SQLITE_ROW;
            (void)sqlite3_finalize(s);
            if (there)
                expect_found(h, raw, sql[1], sql[2]);
            raw_run(raw, "DROP TABLE kept.row");
            if (!there)
                break;
        }
    }
    static const struct {
        const char *change, *mend;
    } rows[] = {
        /* moved */
        { "UPDATE entry SET seq = 100 WHERE seq = 3; UPDATE entry SET seq = 3 WHERE seq = 4;"
          "UPDATE entry SET seq = 4 WHERE seq = 100",
          "UPDATE entry SET seq = 100 WHERE seq = 3; UPDATE entry SET seq = 3 WHERE seq = 4;"
          "UPDATE entry SET seq = 4 WHERE seq = 100" },
        { "UPDATE statement SET put = 100 WHERE put = 2; UPDATE statement SET put = 2 WHERE put = 6;"
          "UPDATE statement SET put = 6 WHERE put = 100",
          "UPDATE statement SET put = 100 WHERE put = 2; UPDATE statement SET put = 2 WHERE put = 6;"
          "UPDATE statement SET put = 6 WHERE put = 100" },
        /* added */
        { "INSERT INTO entry SELECT 11, body FROM entry WHERE seq = 10", "DELETE FROM entry WHERE seq = 11" },
        { "INSERT INTO entry VALUES (11, x'080b100152020800')", "DELETE FROM entry WHERE seq = 11" },
        { "INSERT INTO entry SELECT 0, body FROM entry WHERE seq = 1", "DELETE FROM entry WHERE seq = 0" },
        { "INSERT INTO head SELECT 7, size, last_unix_us, n_open, n_puts, puts, root, x'' FROM head WHERE n "
          "= 6",
          "DELETE FROM head WHERE n = 7" },
        { "INSERT INTO head SELECT 0, size, last_unix_us, n_open, n_puts, puts, root, peaks FROM head WHERE "
          "n = 1",
          "DELETE FROM head WHERE n = 0" },
        { "INSERT INTO intent_request VALUES (0, x'01', x'02', 3)",
          "DELETE FROM intent_request WHERE client = x'01'" },
        { "INSERT INTO intent_request VALUES (0, x'01', x'02', 300)",
          "DELETE FROM intent_request WHERE client = x'01'" },
        { "INSERT INTO intent_serial VALUES (0, x'01', x'02', 3, 1, x'00')",
          "DELETE FROM intent_serial WHERE issuer = x'01'" },
        { "INSERT INTO intent_serial SELECT gen, issuer, serial, seq, 2, pair FROM intent_serial WHERE seq = "
          "3",
          "DELETE FROM intent_serial WHERE seq = 3 AND kind = 2" },
        { "INSERT INTO intent_order VALUES (0, x'01', x'02', 3, 1, x'00')",
          "DELETE FROM intent_order WHERE account = x'01'" },
        { "INSERT INTO intent_subject VALUES (0, x'01', 3)",
          "DELETE FROM intent_subject WHERE account = x'01'" },
        { "INSERT INTO authorization_digest VALUES (x'01', x'02', x'03', 9, 1)",
          "DELETE FROM authorization_digest WHERE client = x'01'" },
        { "INSERT INTO authorization_request VALUES (x'01', x'02', 9)",
          "DELETE FROM authorization_request WHERE client = x'01'" },
        { "INSERT INTO intent_outcome VALUES (8, 9, 1)", "DELETE FROM intent_outcome WHERE intent_seq = 8" },
        { "INSERT INTO intent_outcome VALUES (1, 1, 1)", "DELETE FROM intent_outcome WHERE intent_seq = 1" },
        { "INSERT INTO deposit_seq VALUES (0, x'00', 2)", "DELETE FROM deposit_seq WHERE digest = x'00'" },
        { "INSERT INTO evidence VALUES (14, x'00', x'00')", "DELETE FROM evidence WHERE put = 14" },
        { "INSERT INTO statement VALUES (14, x'00', x'00')", "DELETE FROM statement WHERE put = 14" },
        { "INSERT INTO deposit_key VALUES (14, x'00', x'00', 1)", "DELETE FROM deposit_key WHERE put = 14" },
        { "INSERT INTO token VALUES (14, x'00', x'00')", "DELETE FROM token WHERE put = 14" },
        { "INSERT INTO deposit_key VALUES (0, x'00', x'00', 1)", "DELETE FROM deposit_key WHERE put = 0" },
        /* guards */
        { "DROP TRIGGER entry_no_update",
          "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT "
          "RAISE(ABORT, 'the ledger is append-only: entry keeps its rows'); END" },
        { "DROP TRIGGER head_no_delete",
          "CREATE TRIGGER head_no_delete BEFORE DELETE ON head BEGIN SELECT "
          "RAISE(ABORT, 'the ledger is append-only: head keeps its rows'); END" },
        { "DROP TRIGGER entry_no_update; CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT "
          "1; END",
          "DROP TRIGGER entry_no_update; CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT "
          "RAISE(ABORT, 'the ledger is append-only: entry keeps its rows'); END" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_found(h, raw, rows[i].change, rows[i].mend);
    cs_result r = verify(h, &note);
    (void)sqlite3_close(raw);
    if (!cs_ok(r))
        fail_msg("%s", note.text);
}

/* What a gate without its rules could have recorded: whole and well chained, and still wrong. */
static void uses_outside_their_rules(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        struct intent_plan plan[2];
        Countersign__Ledger__V1__OutcomeResult first; /* UNSPECIFIED = stays open */
        bool ok;
    } rows[] = {
        { "two precertificates, one serial",
          { { .n = 1, .serial = "s" }, { .n = 2, .serial = "s" } },
          OUTCOME(SIGNED),
          false },
        { "the first was not signed",
          { { .n = 1, .serial = "s" }, { .n = 2, .serial = "s" } },
          OUTCOME(NOT_SIGNED),
          true },
        { "the first is unknown",
          { { .n = 1, .serial = "s" }, { .n = 2, .serial = "s" } },
          OUTCOME(UNKNOWN),
          false },
        { "the first is open",
          { { .n = 1, .serial = "s" }, { .n = 2, .serial = "s" } },
          OUTCOME(UNSPECIFIED),
          false },
        { "precertificate and final",
          { { .n = 1, .serial = "s", .pair = "p" }, { .n = 2, .serial = "s", .pair = "p", .final = true } },
          OUTCOME(SIGNED),
          true },
        { "of another pair",
          { { .n = 1, .serial = "s", .pair = "p" }, { .n = 2, .serial = "s", .pair = "q", .final = true } },
          OUTCOME(SIGNED),
          false },
        { "one order, two precertificates",
          { { .n = 1, .order_id = "o" }, { .n = 2, .order_id = "o" } },
          OUTCOME(SIGNED),
          false },
        { "one order, the first not signed",
          { { .n = 1, .order_id = "o" }, { .n = 2, .order_id = "o" } },
          OUTCOME(NOT_SIGNED),
          true },
        { "one order, another pair",
          { { .n = 1, .order_id = "o", .pair = "p" },
            { .n = 2, .order_id = "o", .pair = "q", .final = true } },
          OUTCOME(SIGNED),
          false },
        { "no order", { { .n = 1, .order_id = "" }, { .n = 2, .order_id = "" } }, OUTCOME(SIGNED), true },
        { "a subject that its TBS has",
          { { .n = 1 }, { .n = 2, .subject = SUBJECT } },
          OUTCOME(SIGNED),
          true },
        { "a subject that it has not",
          { { .n = 1 }, { .n = 2, .subject = FOREIGN_SUBJECT } },
          OUTCOME(SIGNED),
          false },
        { "signed other bytes", { { .n = 3 }, { .n = 2 } }, OUTCOME(SIGNED), false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *own = NULL;
        uint64_t first, seq;
        struct cs_note note;
        assert_int_equal(house_set_up(&own), 0);
        struct house *h = own;
        assert_ok(append_intent(h->l, &rows[i].plan[0], &first));
        if (rows[i].first != OUTCOME(UNSPECIFIED))
            assert_ok(append_outcome(h->l, first, rows[i].first, 1, &seq));
        commit(h->l);
        assert_ok(append_intent(h->l, &rows[i].plan[1], &seq));
        commit(h->l);
        house_close(h);
        cs_result r = verify(h, &note);
        if (!cs_is(r, rows[i].ok ? CS_NUM_OK_ : CS_NUM_STORE_CORRUPT))
            fail_msg("row %s: %s %s", rows[i].row, cs_result_name(r), note.text);
        (void)house_tear_down(&own);
    }
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, house_set_up, house_tear_down)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(the_untouched_ledger_verifies),
        IN_HOUSE(one_bit_of_any_column_of_any_row),
        IN_HOUSE(rows_removed_moved_and_added),
        cmocka_unit_test(uses_outside_their_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
