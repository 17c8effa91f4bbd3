/* attest from-open-mpic: answers as the service's document and its code write them, and what refuses. */
#include "client/cli/envelope_file.h"
#include "countersign/v1/statement.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"
#include "tests/unit/cli/house.h"

#define N_OF(array) (sizeof(array) / sizeof *(array))

static const char table[] =
    "perspectives:\n"
    "  - {code: us-east-2, id: cmh, rir: arin, latitude: 39.96, longitude: -83.00}\n"
    "  - {code: eu-west-1, id: dub, rir: ripe_ncc, latitude: 53.35, longitude: -6.26}\n"
    "  - {code: ap-southeast-2, id: syd, rir: apnic, latitude: -33.87, longitude: 151.21}\n"
    "  - {code: sa-east-1, id: gru, rir: lacnic, latitude: -23.55, longitude: -46.63}\n"
    "  - {code: af-south-1, id: cpt, rir: afrinic, latitude: -33.92, longitude: 18.42}\n"
    "  - {code: eu-west-2, id: lhr, rir: ripe_ncc, latitude: 51.51, longitude: -0.13}\n"
    "  - {code: eu-central-1, id: fra, rir: ripe_ncc, latitude: 50.11, longitude: 8.68}\n"
    "  - {code: eu-south-1, id: mxp, rir: ripe_ncc, latitude: 41.90, longitude: 12.49}\n"
    "  - {code: eu-north-1, id: arn, rir: ripe_ncc, latitude: 59.33, longitude: 18.06}\n";

/* One perspective; @t@ is a time within the attempt, details as in the service's code. */
#define NESTED(code, passed, details)                                         \
    "{\"perspective_code\":\"" code                                           \
    "\",\"check_response\":{\"check_type\":\"@k@\",\"check_completed\":true," \
    "\"check_passed\":" passed ",\"errors\":[],\"timestamp_ns\":@t@" details "}}"
#define HTTP                                                                                              \
    ",\"details\":{\"validation_method\":\"acme-http-01\",\"response_status_code\":200,\"response_url\":" \
    "\"http://www.example.com/.well-known/acme-challenge/x\",\"response_history\":[]}"
#define DNS                                                                                            \
    ",\"details\":{\"validation_method\":\"dns-change\",\"records_seen\":[\"x\"],\"response_code\":0," \
    "\"ad_flag\":false,\"found_at\":\"example.com\",\"cname_chain\":null}"
#define CAA_DETAILS ",\"details\":{\"caa_record_present\":false,\"found_at\":null,\"records_seen\":null}"

#define FIVE(last, details)                                                 \
    NESTED("us-east-2", "true", details)                                    \
    "," NESTED("eu-west-1", "true",                                         \
               details) "," NESTED("ap-southeast-2", "true",                \
                                   details) "," NESTED("sa-east-1", "true", \
                                                       details) "," NESTED("af-south-1", last, details)

#define HEAD(type, target)                                                                                  \
    "{\"request_orchestration_parameters\":{\"perspective_count\":5,\"quorum_count\":4},"                   \
    "\"actual_orchestration_parameters\":{\"perspective_count\":5,\"quorum_count\":4,\"attempt_count\":2}," \
    "\"check_type\":\"" type "\",\"domain_or_ip_target\":\"" target                                         \
    "\",\"is_valid\":true,\"mpic_completed\":true,"                                                         \
    "\"trace_identifier\":\"t-1\",\"previous_attempt_results\":[[{\"perspective_code\":\"nowhere\"}]],"

static const char http[] =
    HEAD("dcv", "www.example.com") "\"dcv_check_parameters\":{\"validation_method\":"
                                   "\"acme-http-01\",\"token\":\"x\",\"key_authorization\":\"x.y\"},"
                                   "\"perspectives\":[" FIVE("true", HTTP) "]}";
static const char dns[] =
    HEAD("dcv", "*.example.com") "\"dcv_check_parameters\":{\"validation_method\":"
                                 "\"dns-change\",\"challenge_value\":\"x\",\"dns_record_type\":\"TXT\"},"
                                 "\"perspectives\":[" FIVE("true", DNS) "]}";
static const char caa[] =
    HEAD("caa",
         "www.example.com") "\"caa_check_parameters\":{\"certificate_type\":\"tls-server\","
                            "\"caa_domains\":[\"ca.example\"]},\"perspectives\":[" FIVE("true",
                                                                                        CAA_DETAILS) "]}";
/* The document's example: the result beside the code, without details. */
#define FLAT(code)                                                                                           \
    "{\"perspective_code\":\"" code "\",\"check_completed\":true,\"check_passed\":true,\"timestamp_ns\":@t@" \
    "}"
static const char flat[] = HEAD(
    "dcv",
    "192.0.2.7") "\"dcv_check_parameters\":{\"validation_method\":"
                 "\"website-change\"},\"perspectives\":[" FLAT("us-east-2") "," FLAT("eu-west-1") "," FLAT(
                     "ap-southeast-2") "," FLAT("sa-east-1") "," FLAT("af-south-1") "]}";

static void replace(char *text, size_t room, const char *from, const char *to, bool all)
{
    char *at = strstr(text, from);
    assert_non_null(at);
    for (; at != NULL; at = all ? strstr(at + strlen(to), from) : NULL) {
        assert_true(strlen(text) + strlen(to) < room);
        memmove(at + strlen(to), at + strlen(from), strlen(at) - strlen(from) + 1);
        memcpy(at, to, strlen(to));
    }
}

/* Writes an answer, with one change. */
static void put_answer(const char *answer, const char *from, const char *to)
{
    static char text[32768];
    char number[32];
    snprintf(text, sizeof text, "%s", answer);
    if (from != NULL)
        replace(text, sizeof text, from, to, false);
    snprintf(number, sizeof number, "%lld", (long long)(cs_clock_unix_s() - 600) * 1000000000 + 123456789);
    if (strstr(text, "@t@") != NULL)
        replace(text, sizeof text, "@t@", number, true);
    if (strstr(text, "@k@") != NULL)
        replace(text, sizeof text, "@k@", strstr(text, "\"check_type\":\"caa\"") != NULL ? "caa" : "dcv",
                true);
    put_file("answer", text);
}

#define COMMON                                                                                            \
    "attest", "from-open-mpic", "--answer", "answer", "--table", "table", "--key", "k.pem", "--attester", \
        "dcv", "--audience", "test", "--account", "acme", "--out", "out", "--dnssec", "insecure",         \
        "--primary"
#define PRIMARY "nrt,apnic,35.68,139.69,passed,-10m"
#define DCV_TIMES                                                                                        \
    "--initiated-at", "-11m", "--oldest-data-at", "-11m", "--observed-at", "-10m", "--challenge-sha256", \
        "0000000000000000000000000000000000000000000000000000000000000000", "--challenge-created-at", "-11m"

static struct ran of_http(void)
{
    return run(COMMON, PRIMARY, "--name", "www.example.com", "--scope", "exact", DCV_TIMES, NULL);
}
static struct ran of_dns(void)
{
    return run(COMMON, PRIMARY, "--name", "*.example.com", "--scope", "namespace", DCV_TIMES, NULL);
}
static struct ran of_caa(void)
{
    return run(COMMON, PRIMARY, "--name", "www.example.com", "--result", "permitted", "--checked-at", "-10m",
               "--ttl", "3600", "--issuer-domain", "ca.example", "--method", "dcv_acme_http_01", NULL);
}
static struct ran of_ip(void)
{
    return run(COMMON, PRIMARY, "--name", "192.0.2.7", "--scope", "exact", DCV_TIMES, NULL);
}

/* The signed statement in "out". */
static const Countersign__V1__Statement *statement(struct cs_arena *arena)
{
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    const Countersign__V1__Envelope *e;
    const ProtobufCMessage *m;
    assert_true(cs_ok(cs_envelope_read("out", &bytes, NULL)));
    struct cs_span kept = cs_arena_span(arena, cs_buf_span(&bytes));
    assert_true(cs_ok(cs_envelope_view(kept, arena, &e)));
    assert_true(cs_ok(
        cs_proto_unpack(&countersign__v1__statement__descriptor, cs_proto_span(e->payload), arena, &m)));
    return (const Countersign__V1__Statement *)m;
}

static void check_common(const Countersign__V1__Perspectives *p, ProtobufCBinaryData record)
{
    CS_AUTO_BUF struct cs_buf raw = { 0 };
    struct cs_sha256 digest = cs_sha256(get_file("answer", &raw));
    assert_true(cs_span_eq(cs_proto_span(record), cs_sha256_span(&digest)));
    assert_int_equal(p->attempt, 2);
    assert_int_equal(p->n_remotes, 5);
    assert_true(cs_span_is(cs_proto_span(p->primary->id), "nrt"));
    assert_true(cs_span_is(cs_proto_span(p->remotes[1]->id), "dub"));
    assert_int_equal(p->remotes[1]->rir, COUNTERSIGN__V1__RIR__RIR_RIPE_NCC);
    assert_int_equal(p->remotes[1]->longitude_microdegrees, -6260000);
}

static void answers_become_statements(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        struct ran (*run)(void);
        int method;
    } rows[] = {
        { http, of_http, COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_ACME_HTTP_01 },
        { dns, of_dns, COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_DNS_CHANGE },
        { flat, of_ip, COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_IPCV_HTTP_WEBSITE },
        { caa, of_caa, 0 },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        put_answer(rows[i].answer, NULL, NULL);
        struct ran r = rows[i].run();
        if (r.code != 0)
            fail_msg("row %zu: %s", i, r.err);
        assert_non_null(strstr(r.err, "corroborated 5/5 in 5 regions"));
        ran_done(&r);
        const Countersign__V1__Statement *s = statement(&arena);
        assert_int_equal(s->header->role, COUNTERSIGN__V1__ROLE__ROLE_VALIDATION_SYSTEM);
        if (rows[i].method == 0) {
            assert_int_equal(s->body_case, COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK);
            assert_int_equal(s->caa_check->tag, COUNTERSIGN__V1__CAA_TAG__CAA_TAG_ISSUE);
            assert_true(cs_span_is(cs_proto_span(s->caa_check->domain), "www.example.com"));
            assert_int_equal(s->caa_check->ttl_s, 3600);
            check_common(s->caa_check->perspectives, s->caa_check->record_sha256);
            continue;
        }
        assert_int_equal(s->body_case, COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL);
        assert_int_equal(s->domain_control->method, rows[i].method);
        if (rows[i].answer == dns)
            assert_true(cs_span_is(cs_proto_span(s->domain_control->domain), "example.com"));
        check_common(s->domain_control->perspectives, s->domain_control->record_sha256);
    }
    put_answer(caa, "\"domain_or_ip_target\":\"www.", "\"domain_or_ip_target\":\"*.");
    struct ran r = run(COMMON, PRIMARY, "--name", "*.example.com", "--result", "permitted", "--checked-at",
                       "-10m", NULL);
    assert_int_equal(r.code, 0);
    ran_done(&r);
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    assert_int_equal(statement(&arena)->caa_check->tag, COUNTERSIGN__V1__CAA_TAG__CAA_TAG_ISSUEWILD);
}

struct row {
    const char *row, *answer, *from, *to;
    struct ran (*run)(void);
    const char *told; /* NULL: signed */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)remove("out");
        put_answer(rows[i].answer, rows[i].from, rows[i].to);
        struct ran r = rows[i].run();
        FILE *out = fopen("out", "rb");
        bool as_wanted = rows[i].told == NULL ? r.code == 0 && out != NULL
                                              : r.code == 1 && out == NULL && r.out_len == 0 &&
                                                    strstr(r.err, rows[i].told) != NULL;
        if (!as_wanted)
            fail_msg("%s: exit code %d, %s", rows[i].row, r.code, r.err);
        if (out != NULL)
            fclose(out);
        ran_done(&r);
    }
}

#define LAST_PASSED                                                                                        \
    "\"af-south-1\",\"check_response\":{\"check_type\":\"@k@\",\"check_completed\":true,\"check_passed\":" \
    "true"
#define LAST(completed, passed)                                                                \
    "\"af-south-1\",\"check_response\":{\"check_type\":\"@k@\",\"check_completed\":" completed \
    ",\"check_passed\":" passed
#define FOURTH_PASSED                                                                                     \
    "\"sa-east-1\",\"check_response\":{\"check_type\":\"@k@\",\"check_completed\":true,\"check_passed\":" \
    "true"

/* Four of five is what the day asks for. */
static void one_may_fail_and_two_may_not(void **state)
{
    (void)state;
    static const char one_failed[] =
        HEAD("dcv", "www.example.com") "\"dcv_check_parameters\":{\"validation_method\":"
                                       "\"acme-http-01\"},\"perspectives\":[" FIVE("false", HTTP) "]}";
    static const struct row rows[] = {
        { "one failed", http, LAST_PASSED, LAST("true", "false"), of_http, NULL },
        { "one not completed", http, LAST_PASSED, LAST("false", "true"), of_http, NULL },
        { "one failed, without a time", one_failed,
          "\"check_passed\":false,\"errors\":[],\"timestamp_ns\":@t@",
          "\"check_passed\":false,\"errors\":[],\"timestamp_ns\":null", of_http, NULL },
        { "two failed, though is_valid says otherwise", one_failed, FOURTH_PASSED,
          "\"sa-east-1\",\"check_response\":{\"check_type\":\"@k@\",\"check_completed\":true,\"check_"
          "passed\":false",
          of_http, "3/5 remote perspectives corroborate, at most 1 may fail to" },
        { "two not completed", one_failed, FOURTH_PASSED,
          "\"sa-east-1\",\"check_response\":{\"check_type\":\"@k@\",\"check_completed\":false,\"check_"
          "passed\":true",
          of_http, "3/5 remote perspectives corroborate" },
        { "is_valid false does not count either", http, "\"is_valid\":true", "\"is_valid\":false", of_http,
          NULL },
        { "no is_valid", http, "\"is_valid\":true,", "", of_http, NULL },
    };
    check_rows(rows, N_OF(rows));

    /* Monitoring mode: a quorum_count of 0 is always good for the service. */
    static const char none[] =
        "{\"request_orchestration_parameters\":{\"quorum_count\":0},\"actual_orchestration_parameters\":{"
        "\"perspective_count\":5,\"quorum_count\":0,\"attempt_count\":1},\"check_type\":\"dcv\","
        "\"domain_or_ip_target\":\"www.example.com\",\"is_valid\":true,\"mpic_completed\":true,"
        "\"dcv_check_parameters\":{\"validation_method\":\"acme-http-01\"},\"perspectives\":[" NESTED(
            "us-east-2", "false",
            HTTP) "," NESTED("eu-west-1", "false",
                             HTTP) "," NESTED("ap-southeast-2", "true",
                                              HTTP) "," NESTED("sa-east-1", "true",
                                                               HTTP) "," NESTED("af-south-1", "true",
                                                                                HTTP) "]}";
    static const char three[] =
        HEAD("dcv",
             "www.example.com") "\"dcv_check_parameters\":{\"validation_method\":\"acme-http-01\"},"
                                "\"perspectives\":[" NESTED("us-east-2", "true",
                                                            HTTP) "," NESTED("eu-west-1", "true",
                                                                             HTTP) "," NESTED("sa-east-1",
                                                                                              "true",
                                                                                              HTTP) "]}";
    static const char one_region[] =
        HEAD("dcv", "www.example.com") "\"dcv_check_parameters\":{\"validation_method\":\"acme-http-01\"},"
                                       "\"perspectives\":[" NESTED("eu-west-1", "true", HTTP) "," NESTED(
                                           "eu-south-1", "true",
                                           HTTP) "," NESTED("eu-central-1", "true",
                                                            HTTP) "," NESTED("eu-north-1", "true",
                                                                             HTTP) "," NESTED("us-east-2",
                                                                                              "false",
                                                                                              HTTP) "]}";
    static const struct row counted[] = {
        { "monitoring mode", none, NULL, NULL, of_http, "3/5 remote perspectives corroborate" },
        { "three", three, "\"perspective_count\":5,\"quorum_count\":4,\"attempt",
          "\"perspective_count\":3,\"attempt", of_http, "3 remote perspectives, needed: " },
        { "fewer in the list than are spoken of", three, NULL, NULL, of_http, "perspectives: 3 in the list" },
        { "one region", one_region, NULL, NULL, of_http, "stand in 1 regions, needed: 2" },
        { "Dublin and London", http, "\"af-south-1\"", "\"eu-west-2\"", of_http, "km apart, needed: 500" },
    };
    check_rows(counted, N_OF(counted));
}

static void faults_of_the_answer(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "not completed", http, "\"mpic_completed\":true", "\"mpic_completed\":false", of_http,
          "mpic_completed" },
        { "not said whether", http, "\"mpic_completed\":true,", "", of_http, "mpic_completed" },
        { "a text for true", http, "\"mpic_completed\":true", "\"mpic_completed\":\"true\"", of_http,
          "mpic_completed" },
        { "another name", http, "\"www.example.com\"", "\"ww2.example.com\"", of_http,
          "asked for was 'www.example.com'" },
        { "another case", http, "\"www.example.com\"", "\"WWW.example.com\"", of_http, "asked for was" },
        { "a code twice", http, "\"af-south-1\"", "\"sa-east-1\"", of_http,
          "'sa-east-1' stands there twice" },
        { "a code nobody knows", http, "\"af-south-1\"", "\"mars-1\"", of_http,
          "'mars-1' is not in the table" },
        { "no code", http, "\"perspective_code\":\"af-south-1\"", "\"perspective\":1", of_http,
          "needs a perspective_code" },
        { "members twice", http, "\"is_valid\":true", "\"is_valid\":true,\"is_valid\":false", of_http,
          "duplicate" },
        { "a result twice", http, "\"perspective_code\":\"af-south-1\"",
          "\"check_passed\":true,\"perspective_code\":\"af-south-1\"", of_http,
          "in check_response and beside it" },
        { "a result that is no object", flat,
          "\"perspective_code\":\"sa-east-1\",\"check_completed\":true,"
          "\"check_passed\":true,\"timestamp_ns\":@t@",
          "\"perspective_code\":\"sa-east-1\",\"check_response\":true", of_ip,
          "in check_response and beside it, or none" },
        { "no result", flat, "\"perspective_code\":\"sa-east-1\",\"check_completed\":true",
          "\"perspective_code\":"
          "\"sa-east-1\"",
          of_ip, "needs check_completed" },
        { "a result of the other kind", http, "\"check_type\":\"@k@\"", "\"check_type\":\"caa\"", of_http,
          "another check_type" },
        { "no time", flat, ",\"timestamp_ns\":@t@", "", of_ip, "needs a timestamp_ns" },
        { "a time in seconds", flat, "\"timestamp_ns\":@t@", "\"timestamp_ns\":1790000000", of_ip,
          "was not observed with" },
        { "a time of text", flat, "\"timestamp_ns\":@t@", "\"timestamp_ns\":\"1\"", of_ip,
          "needs a timestamp_ns" },
        { "no details", http, HTTP, "", of_http, NULL },
        { "other details", http, HTTP, ",\"details\":null", of_http, NULL },
        { "no earlier attempts", http, "\"previous_attempt_results\":[[{\"perspective_code\":\"nowhere\"}]],",
          "", of_http, NULL },
        { "no orchestration", flat,
          "\"actual_orchestration_parameters\":{\"perspective_count\":5,\"quorum_count\":4,"
          "\"attempt_count\":2},",
          "", of_ip, NULL },
        { "attempt 0", http, "\"attempt_count\":2", "\"attempt_count\":0", of_http, "attempt_count" },
        { "another kind", http, "\"check_type\":\"dcv\"", "\"check_type\":\"dnssec\"", of_http,
          "needs dcv or caa" },
        { "a method nobody knows", http, "\"validation_method\":\"acme-http-01\",\"token",
          "\"validation_method\":\"carrier-pigeon\",\"token", of_http,
          "'carrier-pigeon' is none that is allowed" },
        { "a method that has ended", http, "\"validation_method\":\"acme-http-01\",\"token",
          "\"validation_method\":\"ip-address\",\"token", of_http, "'ip-address' is none that is allowed" },
        { "a method for names on an address", flat, "\"website-change\"", "\"dns-change\"", of_ip,
          "does not validate addresses" },
        { "a method for addresses on a name", http, "\"validation_method\":\"acme-http-01\",\"token",
          "\"validation_method\":"
          "\"reverse-address-lookup\",\"token",
          of_http, "does not validate names" },
        { "no method", flat, "{\"validation_method\":\"website-change\"}", "null", of_ip,
          "needs a validation_method" },
        { "no target", http, "\"domain_or_ip_target\":\"www.example.com\",", "", of_http,
          "domain_or_ip_target: missing" },
        { "no issuer domains", caa, "{\"certificate_type\":\"tls-server\",\"caa_domains\":[\"ca.example\"]}",
          "null", of_caa, "needs the issuer domains asked for" },
        { "other issuer domains", caa, "[\"ca.example\"]", "[\"other.example\"]", of_caa,
          "asked for other issuer domains" },
        { "a list of no texts", caa, "[\"ca.example\"]", "[1]", of_caa, "caa_domains[0]: needs a string" },
        { "for e-mail", caa, "tls-server", "s-mime", of_caa, "needs tls-server" },
        { "details of old: records_seen as text", caa, "\"records_seen\":null", "\"records_seen\":\"x\"",
          of_caa, NULL },
        { "cut", http, "]}", "]", of_http, "line 1" },
    };
    check_rows(rows, N_OF(rows));
}

static struct ran primary_failed(void)
{
    return run(COMMON, "nrt,apnic,35.68,139.69,failed,-10m", "--name", "www.example.com", "--result",
               "permitted", "--checked-at", "-10m", NULL);
}
static struct ran primary_of_long_ago(void)
{
    return run(COMMON, "nrt,apnic,35.68,139.69,passed,-3h", "--name", "www.example.com", "--scope", "exact",
               DCV_TIMES, NULL);
}
static struct ran primary_in_dublin(void)
{
    return run(COMMON, "xyz,ripe_ncc,53.3,-6.2,passed,-10m", "--name", "www.example.com", "--scope", "exact",
               DCV_TIMES, NULL);
}

static void the_primary_is_ours(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "the primary failed", caa, NULL, NULL, primary_failed, "the primary's own check did not pass" },
        { "at another time", http, NULL, NULL, primary_of_long_ago, "was not observed with the others" },
        { "where a remote stands", http, NULL, NULL, primary_in_dublin, "km apart, needed: 500" },
    };
    check_rows(rows, N_OF(rows));
    put_answer(http, NULL, NULL);
    (void)remove("out");
    expect(2, COMMON, "dub,ripe_ncc,0,0,passed,-10m", "--name", "www.example.com", "--scope", "exact",
           DCV_TIMES, NULL);
    expect(2, COMMON, PRIMARY, "--name", "www.example.com", "--scope", "exact", DCV_TIMES, "--ttl", "5",
           NULL);
    expect(2, COMMON, PRIMARY, "--name", "www.example.com", "--scope", "exact", DCV_TIMES, "--policy",
           "table", NULL);
    expect(2, COMMON, PRIMARY, "--scope", "exact", DCV_TIMES, NULL);
    put_answer(dns, NULL, NULL);
    expect(2, COMMON, PRIMARY, "--name", "*.example.com", "--scope", "exact", DCV_TIMES, NULL);
    put_file("table", "perspectives: []\n");
    expect(2, COMMON, PRIMARY, "--name", "*.example.com", "--scope", "namespace", DCV_TIMES, NULL);
    put_file("table", table);
    assert_null(fopen("out", "rb"));
}

static int enter(void **state)
{
    int done = house_enter(state);
    if (done == 0) {
        put_file("table", table);
        expect(0, "keygen", "--algorithm", "ed25519", "--out", "k.pem", NULL);
    }
    return done;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_become_statements),
        cmocka_unit_test(one_may_fail_and_two_may_not),
        cmocka_unit_test(faults_of_the_answer),
        cmocka_unit_test(the_primary_is_ours),
    };
    return cmocka_run_group_tests(tests, enter, house_leave);
}
