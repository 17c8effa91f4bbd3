/* ledger verify and show on a real ledger file, a spoiled one, and none. */
#include "tests/unit/cli/house.h"

#include <sqlite3.h>

#include "proto/canonical.h"
#include "proxy/ledger/ledger.h"
#include "proxy/ledger/verify.h"

typedef Countersign__Ledger__V1__Entry Entry;

static int make_ledger(void **state)
{
    if (house_enter(state) != 0)
        return -1;
    struct cs_ledger *l;
    struct cs_note note = { 0 };
    struct cs_grant_list grants;
    uint64_t seq;
    if (!cs_ok(cs_ledger_open("l.db", &l, &note)))
        return -1;
    Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Start start = COUNTERSIGN__LEDGER__V1__START__INIT;
    start.deployment = cs_proto_bytes(cs_span_str("test"));
    start.software_version = cs_proto_bytes(cs_span_str("0.1.0"));
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_START;
    e.start = &start;
    cs_result r = cs_ledger_append(l, &e, &seq);
    Countersign__Ledger__V1__Refusal refusal = COUNTERSIGN__LEDGER__V1__REFUSAL__INIT;
    Countersign__Ledger__V1__Caller caller = COUNTERSIGN__LEDGER__V1__CALLER__INIT;
    Countersign__Ledger__V1__Reason reason = COUNTERSIGN__LEDGER__V1__REASON__INIT, *reasons[] = { &reason };
    uint8_t digest[32];
    memset(digest, 0xab, sizeof digest);
    caller.client = cs_proto_bytes(cs_span_str("ra\x1b"));
    caller.rpc = cs_proto_bytes(cs_span_str("SignCertificate"));
    reason.rule = cs_proto_bytes(cs_span_str("V01"));
    reason.subject = cs_proto_bytes(cs_span_str("dns:example.com"));
    refusal.caller = &caller;
    refusal.tbs_sha256 = cs_proto_bytes(cs_span_of(digest, sizeof digest));
    refusal.policy_sha256 = refusal.tbs_sha256;
    refusal.request_id = cs_proto_bytes(cs_span_of(digest, 16));
    refusal.issuer = cs_proto_bytes(cs_span_str("ec"));
    refusal.grpc_status = 9;
    refusal.n_reasons = 1;
    refusal.reasons = reasons;
    refusal.total_reasons = 1;
    Entry f = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    f.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL;
    f.refusal = &refusal;
    if (cs_ok(r))
        r = cs_ledger_append(l, &f, &seq);
    if (cs_ok(r))
        r = cs_ledger_commit(l, &grants);
    if (cs_ok(r))
        cs_grant_list_done(&grants);
    cs_ledger_close(l);
    return cs_ok(r) ? 0 : -1;
}

static void verify_says_what_it_counted(void **state)
{
    (void)state;
    struct ran r = run("ledger", "verify", "l.db", "--json", NULL);
    if (r.code != 0)
        fail_msg("%s", r.err);
    json_t *report = json_loads(r.out, 0, NULL);
    assert_true(json_is_true(json_object_get(report, "consistent")));
    assert_int_equal(json_integer_value(json_object_get(report, "entries")), 2);
    assert_int_equal(json_integer_value(json_object_get(report, "refusals")), 1);
    json_decref(report);
    ran_done(&r);
    r = run("ledger", "verify", "l.db", NULL);
    assert_non_null(strstr(r.out, "consistent: yes\nentries: 2\nroot_sha256: "));
    ran_done(&r);
}

static void show_prints_a_line_an_entry(void **state)
{
    (void)state;
    struct ran r = run("ledger", "show", "l.db", NULL);
    if (r.code != 0)
        fail_msg("%s", r.err);
    assert_non_null(strstr(r.out, " start     software_version=0.1.0 deployment=test\n"));
    assert_non_null(strstr(r.out, " refusal   client=ra\\x1b rpc=SignCertificate"));
    assert_non_null(strstr(r.out, " tbs_sha256=abababababababab.."));
    assert_non_null(strstr(r.out, " reasons=V01(dns:example.com)"));
    ran_done(&r);
    r = run("ledger", "show", "l.db", "--from", "2", "--to", "2", "--json", NULL);
    json_t *entry = json_loads(r.out, 0, NULL); /* exactly one object */
    assert_non_null(entry);
    assert_int_equal(json_integer_value(json_object_get(entry, "seq")), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(entry, "refusal"), "request_id")),
                        "abababababababababababababababab");
    json_decref(entry);
    ran_done(&r);
}

static void exit_codes(void **state)
{
    (void)state;
    expect(CS_EXIT_UNREACHABLE, "ledger", "verify", "gone.db", NULL);
    expect(CS_EXIT_UNREACHABLE, "ledger", "show", "gone.db", NULL);
    expect(CS_EXIT_USAGE, "ledger", "show", "l.db", "--from", "0", NULL);
    expect(CS_EXIT_USAGE, "ledger", "show", "l.db", "--from", "2", "--to", "1", NULL);
    expect(CS_EXIT_USAGE, "ledger", "verify", NULL);
    sqlite3 *db;
    assert_int_equal(sqlite3_open("l.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE surplus(a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_stmt *names;
    char drop[160] = "";
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_master WHERE type='trigger'", -1, &names,
                                        NULL),
                     SQLITE_OK);
    if (sqlite3_step(names) == SQLITE_ROW)
        snprintf(drop, sizeof drop, "DROP TRIGGER %s", sqlite3_column_text(names, 0));
    sqlite3_finalize(names);
    assert_int_equal(sqlite3_exec(db, drop, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct ran r = run("ledger", "verify", "l.db", "--json", NULL);
    assert_int_equal(r.code, CS_EXIT_REFUSED);
    json_t *report = json_loads(r.out, 0, NULL);
    assert_true(json_is_false(json_object_get(report, "consistent")));
    json_decref(report);
    ran_done(&r);
}

static void scope_answers_and_says_why_it_is_complete(void **state)
{
    (void)state;
    struct ran r =
        run("scope", "--ledger", "l.db", "--rule", "V01", "--name", "EXAMPLE.com.", "--json", NULL);
    if (r.code != 0)
        fail_msg("%s", r.err);
    json_t *answer = json_loads(r.out, 0, NULL);
    const json_t *complete = json_object_get(answer, "completeness"),
                 *hit = json_array_get(json_object_get(answer, "issuances"), 0);
    assert_int_equal(json_integer_value(json_object_get(answer, "count")), 1);
    assert_string_equal(json_string_value(json_object_get(hit, "kind")), "refusal");
    assert_string_equal(json_string_value(json_object_get(hit, "result")), "refused");
    assert_int_equal(json_integer_value(json_object_get(complete, "entries")), 2);
    assert_int_equal(json_integer_value(json_object_get(complete, "by_reading")), 2);
    assert_int_equal(json_array_size(json_object_get(complete, "pieces")), 1);
    json_decref(answer);
    ran_done(&r);
    r = run("scope", "--ledger", "l.db", "--kind", "refusal", "--csv", NULL);
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, ",\"ec\",\"refusal\",\"refused\","));
    assert_non_null(strstr(r.err, "1 found\ncomplete: all 2 entries"));
    ran_done(&r);
    r = run("scope", "--ledger", "l.db", "--scan", "--until", "2001-01-01T00:00:00Z", NULL);
    assert_int_equal(r.code, 0); /* nothing is an answer */
    assert_non_null(strstr(r.out, "0 found\ncomplete: all 2 entries"));
    ran_done(&r);
    static const char *const refused[][2] = {
        { "--method", "dcv_guess" },     { "--key", "abcd" },       { "--evidence", "xyz" },
        { "--statement", "abc" },        { "--role", "king" },      { "--profile", "best" },
        { "--software", "zlint/3.6.." }, { "--software", "/3.6" },  { "--kind", "wish" },
        { "--result", "good" },          { "--from", "yesterday" }, { "--organization", "..." },
        { "--software", "zlint/a..b" },  { "--record", "" },        { "--serial", "0x12" },
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        bool accepted = i == 6; /* a range may be open at one end */
        expect(accepted ? 0 : 2, "scope", "--ledger", "l.db", refused[i][0], refused[i][1], NULL);
    }
    expect(2, "scope", "--ledger", "l.db", "--json", "--csv", NULL);
    expect(2, "scope", "--ledger", "l.db", "--from", "-1h", "--until", "-2h", NULL);
    expect(2, "scope", "--rule", "V01", NULL);
    expect(3, "scope", "--ledger", "none.db", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_says_what_it_counted),
        cmocka_unit_test(scope_answers_and_says_why_it_is_complete),
        cmocka_unit_test(show_prints_a_line_an_entry),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests(tests, make_ledger, house_leave);
}
