/* Answers of the proxy: status to exit code, refusals out of the details, and how they print. */
#include "tests/unit/cli/house.h"

#include "client/cli/call.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/canonical.h"

static void status_rows(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        int code;
        const char *name;
    } rows[] = { { 0, CS_EXIT_DONE, "OK" },
                 { 3, CS_EXIT_USAGE, "INVALID_ARGUMENT" },
                 { 4, CS_EXIT_UNREACHABLE, "DEADLINE_EXCEEDED" },
                 { 6, CS_EXIT_REFUSED, "ALREADY_EXISTS" },
                 { 7, CS_EXIT_REFUSED, "PERMISSION_DENIED" },
                 { 9, CS_EXIT_REFUSED, "FAILED_PRECONDITION" },
                 { 12, CS_EXIT_UNREACHABLE, "UNIMPLEMENTED" },
                 { 14, CS_EXIT_UNREACHABLE, "UNAVAILABLE" },
                 { 15, CS_EXIT_UNREACHABLE, "DATA_LOSS" },
                 { 16, CS_EXIT_REFUSED, "UNAUTHENTICATED" },
                 { 17, CS_EXIT_UNREACHABLE, "status 17" },
                 { UINT32_MAX, CS_EXIT_UNREACHABLE, "status 4294967295" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char room[24];
        assert_int_equal(cs_exit_of_status(rows[i].status), rows[i].code);
        assert_string_equal(cs_status_name(rows[i].status, room), rows[i].name);
    }
}

/* google.rpc.Status with one detail of another type before and the given one. */
static struct cs_span status_of(struct cs_arena *a, char *type_url, struct cs_span value)
{
    static char other[] = "type.googleapis.com/google.rpc.ErrorInfo", message[] = "refused";
    Google__Protobuf__Any first, second, *details[] = { &first, &second };
    Google__Rpc__Status s;
    struct cs_span out;
    google__protobuf__any__init(&first);
    google__protobuf__any__init(&second);
    google__rpc__status__init(&s);
    first.type_url = other;
    second.type_url = type_url;
    second.value = cs_proto_bytes(value);
    s.code = 9;
    s.message = message;
    s.n_details = 2;
    s.details = details;
    assert_true(cs_ok(cs_proto_pack(&s.base, a, &out)));
    return out;
}

static void refusal_is_found_among_details(void **state)
{
    (void)state;
    static char url[] = "type.googleapis.com/countersign.v1.Refusal", wrong[] = "countersign.v1.Refusal";
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    Countersign__V1__Refusal r = COUNTERSIGN__V1__REFUSAL__INIT;
    struct cs_span value;
    r.total_reasons = 3;
    r.ledger_entry = 17;
    assert_true(cs_ok(cs_proto_pack(&r.base, &a, &value)));
    struct cs_span whole = status_of(&a, url, value);
    const Countersign__V1__Refusal *got = cs_refusal_of(whole, &a);
    assert_non_null(got);
    assert_int_equal(got->total_reasons, 3);
    assert_int_equal(got->ledger_entry, 17);
    assert_null(cs_refusal_of(status_of(&a, wrong, value), &a));
    assert_null(cs_refusal_of(status_of(&a, url, cs_span_str("\xff")), &a));
    for (size_t len = 0; len < whole.len; len++) { /* no prefix is taken for the whole */
        CS_AUTO_ARENA struct cs_arena scratch = { 0 };
        assert_null(cs_refusal_of(cs_span_of(whole.at, len), &scratch));
    }
}

static void verdict_prints_as_a_table(void **state)
{
    (void)state;
    static char rule[] = "V01", title[] = "every name is covered by live evidence of control",
                subject[] = "dns:www.example.com\x1b[2J", found[] = "no evidence", needed[] = "evidence",
                clause[] = "BR 3.2.2.4", remedy[] = "validate control", covered[] = "dns:example.com";
    static uint8_t digest[32] = { 0xab, 0xcd };
    Countersign__V1__Reason reason, *reasons[] = { &reason };
    Countersign__V1__Cover cover, *covers[] = { &cover };
    Countersign__V1__Verdict v = COUNTERSIGN__V1__VERDICT__INIT;
    countersign__v1__reason__init(&reason);
    countersign__v1__cover__init(&cover);
    reason.rule = rule;
    reason.title = title;
    reason.subject = subject;
    reason.found = found;
    reason.needed = needed;
    reason.clause = clause;
    reason.remedy = remedy;
    cover.subject = covered;
    cover.evidence_sha256 = cs_proto_bytes(cs_span_of(digest, sizeof digest));
    cover.attester = cs_proto_bytes(cs_span_str("dcv-1"));
    cover.method = COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_ACME_HTTP_01;
    cover.age_s = 7300;
    cover.good_until_unix_s = 1795298903;
    v.n_reasons = 1;
    v.reasons = reasons;
    v.n_covers = 1;
    v.covers = covers;
    v.order_id = cs_proto_bytes(cs_span_str("o1"));
    v.account = cs_proto_bytes(cs_span_str("acme"));
    char *text = NULL;
    size_t len = 0;
    struct cs_cli cli = { .out = open_memstream(&text, &len), .err = stderr };
    cs_verdict_print(&cli, &v);
    fclose(cli.out);
    assert_string_equal(
        text,
        "refused: 1 reason(s), order o1, account acme\n"
        "\n"
        "V01   every name is covered by live evidence of control\n"
        "      concerns  dns:www.example.com\\x1b[2J\n"
        "      there is  no evidence\n"
        "      needed    evidence\n"
        "      remedy    validate control\n"
        "      clause    BR 3.2.2.4\n"
        "\n"
        "COVERED                                  METHOD                     ATTESTER                  AGE  "
        "UNTIL                EVIDENCE\n"
        "dns:example.com                          dcv_acme_http_01           dcv-1                     2 h  "
        "2026-11-21T22:08:23Z abcd000000000000\n");
    free(text);
    v.admitted = true;
    v.n_reasons = v.n_covers = 0;
    cli.out = open_memstream(&text, &len);
    cli.colour = true;
    cs_verdict_print(&cli, &v);
    fclose(cli.out);
    assert_string_equal(text, "\x1b[32madmitted\x1b[0m, order o1, account acme\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_rows),
        cmocka_unit_test(refusal_is_found_among_details),
        cmocka_unit_test(verdict_prints_as_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
