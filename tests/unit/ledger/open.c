/* Open: one gate at a time, readers beside it, foreign files, the clock, append-only rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "tests/unit/ledger/fixture.h"

enum { NOBODY = 65534 };

static void a_second_gate_is_refused(void **state)
{
    struct house *h = *state;
    struct cs_ledger *second = NULL;
    struct cs_note note;
    char alias[128];
    assert_result(cs_ledger_open(h->path, &second, &note), STORE);
    assert_non_null(strstr(note.text, "another process has it open"));
    (void)snprintf(alias, sizeof alias, "%s/alias", h->folder);
    assert_int_equal(symlink(h->path, alias), 0); /* another name is the same ledger */
    assert_result(cs_ledger_open(alias, &second, &note), STORE);
    assert_int_equal(unlink(alias), 0);
    assert_int_equal(link(h->path, alias), 0);
    assert_result(cs_ledger_open(alias, &second, &note), ARGUMENT);
    assert_int_equal(unlink(alias), 0);
    assert_null(second);
    house_close(h);
    house_open(h); /* the lock goes with the handle */
    uint64_t seq;
    assert_ok(append_start(h->l, &seq));
    commit(h->l);
}

static void files_are_for_the_owner_alone(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    assert_ok(append_start(h->l, &seq));
    commit(h->l);
    static const char *const names[] = { "", "-lock", "-wal", "-shm" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[128];
        struct stat st;
        (void)snprintf(name, sizeof name, "%s%s", h->path, names[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
}

static void the_clock_may_not_be_behind(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    struct cs_note note;
    struct cs_ledger_head head;
    assert_ok(append_start(h->l, &seq));
    commit(h->l);
    cs_ledger_head_get(h->l, &head);
    house_close(h);
    house_clock_us = head.last_unix_us - 1;
    assert_result(cs_ledger_open(h->path, &h->l, &note), CLOCK_BACK);
    assert_non_null(strstr(note.text, "clock"));
    house_clock_us = head.last_unix_us;
    house_open(h);
}

static cs_result count_entry(void *ctx, const Countersign__Ledger__V1__Entry *e, struct cs_span bytes)
{
    uint64_t *n = ctx;
    assert_true(bytes.len > 0);
    n[0]++;
    n[1] += e->seq;
    return n[2] != 0 && n[0] == n[2] ? CS_ERR(AGAIN) : CS_OK;
}

static void readers_stand_beside_an_open_ledger(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    struct cs_note note;
    for (unsigned i = 0; i < 1000; i++) {
        assert_ok(append_start(h->l, &seq));
        if (i % 100 == 99)
            commit(h->l);
    }
    assert_ok(append_start(h->l, &seq)); /* not committed: nobody else sees it */
    static const struct {
        uint64_t from, to, stop, n, sum;
    } rows[] = {
        { 0, 0, 0, 1000, 500500 },   { 1, 0, 0, 1000, 500500 }, { 5, 7, 0, 3, 18 },
        { 1000, 1000, 0, 1, 1000 },  { 1001, 0, 0, 0, 0 },      { 255, 258, 0, 4, 1026 },
        { 1, 256, 0, 256, 32896 },   { 7, 5, 0, 0, 0 },         { 1, 0, 300, 300, 45150 },
        { 990, 5000, 0, 11, 10945 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t n[3] = { 0, 0, rows[i].stop };
        cs_result r = cs_ledger_each(h->path, rows[i].from, rows[i].to, count_entry, n, &note);
        if (!cs_is(r, rows[i].stop != 0 ? CS_NUM_AGAIN : CS_NUM_OK_) || n[0] != rows[i].n ||
            n[1] != rows[i].sum)
            fail_msg("row %zu: %s, %u entries", i, cs_result_name(r), (unsigned)n[0]);
    }
    struct cs_ledger_report report;
    assert_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note));
    assert_int_equal(report.n_entries, 1000);
    commit(h->l);
    assert_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note));
    assert_int_equal(report.n_entries, 1001);
}

static void a_closed_ledger_is_read_on_a_read_only_medium(void **state)
{
    struct house *h = *state;
    uint64_t seq, n[3] = { 0 };
    struct cs_note note;
    assert_ok(append_start(h->l, &seq));
    commit(h->l);
    house_close(h);
    assert_int_equal(chmod(h->path, 0400), 0);
    assert_int_equal(chmod(h->folder, 0500), 0);
    bool root = geteuid() == 0; /* the superuser would write all the same */
    if (root) {
        assert_int_equal(chown(h->path, NOBODY, NOBODY), 0);
        assert_int_equal(chown(h->folder, NOBODY, NOBODY), 0);
        assert_int_equal(seteuid(NOBODY), 0);
    }
    cs_result r = cs_ledger_each(h->path, 0, 0, count_entry, n, &note);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(h->folder, 0700), 0);
    assert_int_equal(chmod(h->path, 0600), 0);
    assert_ok(r);
    assert_int_equal(n[0], 1);
}

static void files_that_are_no_ledger_of_this_version(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    assert_ok(append_start(h->l, &seq));
    commit(h->l);
    house_close(h);
    static const struct {
        const char *row, *spoil, *mend;
    } rows[] = {
        { "older schema", "PRAGMA user_version = 2", "PRAGMA user_version = 3" },
        { "newer schema", "PRAGMA user_version = 4", "PRAGMA user_version = 3" },
        { "other program", "PRAGMA application_id = 1", "PRAGMA application_id = 1129532487" },
        { "unmarked", "PRAGMA application_id = 0; PRAGMA user_version = 0",
          "PRAGMA application_id = 1129532487; PRAGMA user_version = 3" },
        { "one table more", "CREATE TABLE more (a)", "DROP TABLE more" },
        { "statistics", "ANALYZE", "DROP TABLE sqlite_stat1; DROP TABLE IF EXISTS sqlite_stat4" },
        { "a view", "CREATE VIEW entries AS SELECT * FROM entry", "DROP VIEW entries" },
    };
    struct cs_note note;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t n[3] = { 0 };
        struct cs_ledger_report report;
        sqlite3 *raw = raw_open(h->path);
        raw_run(raw, rows[i].spoil);
        cs_result opened = cs_ledger_open(h->path, &h->l, &note);
        cs_result each = cs_ledger_each(h->path, 0, 0, count_entry, n, &note);
        cs_result verified = cs_ledger_verify(h->path, NULL, NULL, &report, &note);
        raw_run(raw, rows[i].mend);
        (void)sqlite3_close(raw);
        if (!cs_is(opened, CS_NUM_STORE_CORRUPT) || !cs_is(each, CS_NUM_STORE_CORRUPT) ||
            !cs_is(verified, CS_NUM_STORE_CORRUPT))
            fail_msg("row %s: %s, %s, %s", rows[i].row, cs_result_name(opened), cs_result_name(each),
                     cs_result_name(verified));
    }
    house_open(h);
    house_close(h);
    assert_ok(cs_write_file(h->path,
                            cs_span_str("this is a text file, and it is long enough to be taken for nothing"
                                        " else than a text file by whoever looks at its first bytes ......"),
                            0600, &note));
    assert_result(cs_ledger_open(h->path, &h->l, &note), STORE_CORRUPT);
    assert_result(cs_ledger_open("/nonexistent/ledger", &h->l, &note), IO);
    assert_result(cs_ledger_open(h->folder, &h->l, &note), ARGUMENT);
    assert_null(h->l);
}

static void an_empty_file_becomes_a_ledger(void **state)
{
    struct house *h = *state;
    struct cs_note note;
    struct cs_ledger_report report;
    house_close(h);
    assert_ok(cs_write_file(h->path, cs_span_str(""), 0600, &note));
    assert_result(cs_ledger_verify(h->path, NULL, NULL, &report, &note), STORE_CORRUPT);
    house_open(h);
    struct cs_ledger_head head;
    struct cs_sha256 empty = cs_sha256(cs_span_str(""));
    cs_ledger_head_get(h->l, &head);
    assert_int_equal(head.size, 0);
    assert_memory_equal(&head.root, &empty, sizeof empty);
}

/* Tampering that open itself sees: it reads two heads and the last turn. */
static void open_checks_the_last_turn(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    struct cs_note note;
    for (unsigned i = 0; i < 5; i++)
        assert_ok(append_start(h->l, &seq));
    commit(h->l);
    for (unsigned i = 0; i < 3; i++)
        assert_ok(append_start(h->l, &seq));
    commit(h->l);
    house_close(h);
    static const char *const spoils[] = {
        "DELETE FROM head WHERE n = 2",
        "DELETE FROM head WHERE n = 1",
        "DELETE FROM entry WHERE seq = 8",
        "DELETE FROM entry WHERE seq = 7",
        "UPDATE entry SET body = (SELECT body FROM entry WHERE seq = 6) WHERE seq = 7",
        "UPDATE head SET peaks = x'00' WHERE n = 2",
        "UPDATE head SET root = zeroblob(32) WHERE n = 2",
        "UPDATE head SET last_unix_us = last_unix_us - 1 WHERE n = 2",
        "UPDATE head SET n_puts = 1 WHERE n = 2",
        "UPDATE head SET size = 9 WHERE n = 2",
        "INSERT INTO entry SELECT 9, body FROM entry WHERE seq = 8",
        "INSERT INTO statement VALUES (1, x'01', x'02')",
        "INSERT INTO token VALUES (1, x'01', x'02')",
    };
    for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
        char text[112];
        (void)snprintf(text, sizeof text, "%s-copy", h->path);
        sqlite3 *raw = raw_open(h->path);
        char sql[160];
        (void)snprintf(sql, sizeof sql, "VACUUM INTO '%s'", text);
        raw_run(raw, sql);
        (void)sqlite3_close(raw);
        raw = raw_open(text);
        raw_run(raw, spoils[i]);
        (void)sqlite3_close(raw);
        cs_result r = cs_ledger_open(text, &h->l, &note);
        if (!cs_is(r, CS_NUM_STORE_CORRUPT))
            fail_msg("%s: %s", spoils[i], cs_result_name(r));
        assert_int_equal(unlink(text), 0);
    }
}

static void rows_are_never_changed_or_deleted(void **state)
{
    struct house *h = *state;
    uint64_t intent, seq;
    put_evidence(h->l, 1);
    assert_ok(append_deposit(h->l, 1, &seq));
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .evidence = true }, &intent));
    assert_ok(append_outcome(h->l, intent, OUTCOME(SIGNED), 1, &seq));
    commit(h->l);
    house_close(h);
    static const char *const tables[] = { "entry",        "head",           "intent_request", "intent_serial",
                                          "intent_order", "intent_outcome", "deposit_seq",    "evidence",
                                          "statement",    "deposit_key",    "token" };
    static const char *const columns[] = { "body", "root",     "seq",     "pair",   "pair", "seq",
                                           "seq",  "envelope", "payload", "digest", "bound" };
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(h->path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[4][160];
        (void)snprintf(sql[0], sizeof sql[0], "DELETE FROM %s", tables[i]);
        (void)snprintf(sql[1], sizeof sql[1], "UPDATE %s SET %s = %s", tables[i], columns[i], columns[i]);
        (void)snprintf(sql[2], sizeof sql[2], "UPDATE OR IGNORE %s SET %s = zeroblob(32)", tables[i],
                       columns[i]);
        /* the same rows again: refused, or nothing that was there changes */
        (void)snprintf(sql[3], sizeof sql[3], "INSERT OR REPLACE INTO %s SELECT * FROM %s", tables[i],
                       tables[i]);
        for (unsigned k = 0; k < 4; k++) {
            int rc = sqlite3_exec(db, sql[k], NULL, NULL, NULL);
            if (k < 3 && rc != SQLITE_CONSTRAINT)
                fail_msg("%s: %s", sql[k], sqlite3_errmsg(db));
        }
    }
    static const char *const replacing[] = {
        "INSERT OR REPLACE INTO entry VALUES (1, x'00')",
        "INSERT OR REPLACE INTO head SELECT n, 0, 0, 0, 0, x'', x'', x'' FROM head",
        "INSERT OR REPLACE INTO intent_outcome SELECT intent_seq, seq, 2 FROM intent_outcome",
        "INSERT OR REPLACE INTO evidence SELECT put, digest, x'00' FROM evidence",
        "INSERT OR REPLACE INTO evidence SELECT 100, digest, x'00' FROM evidence",
        "INSERT OR REPLACE INTO statement SELECT put, id, x'00' FROM statement",
        "INSERT OR REPLACE INTO statement SELECT 100, id, x'00' FROM statement",
        "INSERT OR REPLACE INTO deposit_key SELECT put, key, digest, 0 FROM deposit_key",
        "INSERT OR REPLACE INTO token SELECT put, token, x'00' FROM token",
        "INSERT OR REPLACE INTO token SELECT 100, token, x'00' FROM token",
        "INSERT INTO entry VALUES (17, x'00')", /* nor a gap */
        "INSERT INTO entry (body) VALUES (NULL)",
    };
    for (size_t i = 0; i < sizeof replacing / sizeof *replacing; i++)
        if (sqlite3_exec(db, replacing[i], NULL, NULL, NULL) != SQLITE_CONSTRAINT)
            fail_msg("%s: %s", replacing[i], sqlite3_errmsg(db));
    (void)sqlite3_close(db);
    struct cs_ledger_report report;
    struct cs_note note = { { 0 } };
    if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(report.n_signed, 1);
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, house_set_up, house_tear_down)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(a_second_gate_is_refused),
        IN_HOUSE(files_are_for_the_owner_alone),
        IN_HOUSE(the_clock_may_not_be_behind),
        IN_HOUSE(readers_stand_beside_an_open_ledger),
        IN_HOUSE(a_closed_ledger_is_read_on_a_read_only_medium),
        IN_HOUSE(files_that_are_no_ledger_of_this_version),
        IN_HOUSE(an_empty_file_becomes_a_ledger),
        IN_HOUSE(open_checks_the_last_turn),
        IN_HOUSE(rows_are_never_changed_or_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
