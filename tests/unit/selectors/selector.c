/* Every field of both selectors: a value that matches, the nearest that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/gate/selectors/selector.h"

#define TEXT(t)                    \
    {                              \
        sizeof(t) - 1, (uint8_t[]) \
        {                          \
            t                      \
        }                          \
    }
#define SPAN(t)     cs_span_of((t), sizeof(t) - 1)
#define METHOD(id)  COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##id
#define PROFILE(id) COUNTERSIGN__V1__PROFILE__PROFILE_##id
#define BODY(id)    COUNTERSIGN__V1__STATEMENT__BODY_##id

typedef Countersign__V1__IssuanceSelector issuance_t;
typedef Countersign__V1__EvidenceSelector evidence_t;

static ProtobufCBinaryData bytes(const char *text)
{
    union {
        const char *in;
        uint8_t *out;
    } u = { .in = text };
    return (ProtobufCBinaryData){ strlen(text), u.out };
}

/* ---- issuance ---- */

static struct cs_issuance usual(void)
{
    static struct cs_span names[2], organizations[1], attesters[2];
    static const int methods[] = { METHOD(DCV_DNS_CHANGE), METHOD(DCV_ACME_HTTP_01) };
    static struct cs_sha256 certificate;
    names[0] = SPAN("www.Example.com");
    names[1] = SPAN("*.shop.example.org");
    organizations[0] = SPAN("Beispiel GmbH");
    attesters[0] = SPAN("dcv-1");
    attesters[1] = SPAN("orders");
    memset(certificate.byte, 7, sizeof certificate.byte);
    return (struct cs_issuance){
        .n_certificates = 1,
        .certificate_sha256 = &certificate,
        .serial = SPAN("\x00\x8f\x01"),
        .order_id = SPAN("o-1"),
        .account = SPAN("acme"),
        .names = { 2, names },
        .organizations = { 1, organizations },
        .attesters = { 2, attesters },
        .n_methods = 2,
        .method = methods,
        .client = SPAN("ra"),
        .api_version = SPAN("v2"),
        .issuer = SPAN("ec"),
        .profile = PROFILE(DOMAIN_VALIDATED),
    };
}

static bool one(size_t offset_n, const char *value)
{
    issuance_t s;
    countersign__v1__issuance_selector__init(&s);
    ProtobufCBinaryData other = bytes("another value"), list[2] = { other, bytes(value) };
    *(size_t *)(void *)((char *)&s + offset_n) = 2;
    *(ProtobufCBinaryData **)(void *)((char *)&s + offset_n + sizeof(size_t)) = list;
    struct cs_issuance x = usual();
    return cs_issuance_matches(&s, &x);
}
#define ONE(field, value) one(offsetof(issuance_t, n_##field), value)

static void fields_of_issuance(void **state)
{
    (void)state;
    struct cs_issuance x = usual();
    issuance_t s;
    countersign__v1__issuance_selector__init(&s);
    assert_false(cs_issuance_matches(&s, &x)); /* empty: nothing */
    s.everything = true;
    assert_true(cs_issuance_matches(&s, &x));
    static const struct {
        size_t offset;
        const char *yes, *no;
    } rows[] = {
#define ROW(field, yes, no) { offsetof(issuance_t, n_##field), yes, no }
        ROW(certificate_sha256s, "\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7",
            "\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\6"),
        ROW(serial_numbers, "\x8f\x01", "\x8f\x02"),
        ROW(order_ids, "o-1", "o-10"),
        ROW(accounts, "acme", "Acme"),
        ROW(name_suffixes, "example.com", "xample.com"),
        ROW(name_suffixes, "www.example.com", "w.example.com"),
        ROW(name_suffixes, "EXAMPLE.COM", "a.www.example.com"),
        ROW(name_suffixes, "com", "net"),
        ROW(name_suffixes, "shop.example.org", "hop.example.org"),
        ROW(name_suffixes, "example.org", "example.or"),
        ROW(name_suffixes, "a.shop.example.org", "b.a.shop.example.org"), /* what the wildcard stands for */
        ROW(name_suffixes, "A.SHOP.example.org", "a.www.example.com"),
        ROW(organizations, "Beispiel GmbH", "Beispiel  GmbH"),
        ROW(organizations, "BEISPIEL GMBH", "Beispiel"),
        ROW(attesters, "orders", "dcv-2"),
        ROW(clients, "ra", "ra2"),
        ROW(api_versions, "v2", "v1"),
        ROW(issuers, "ec", "rsa"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!one(rows[i].offset, rows[i].yes))
            fail_msg("row %zu: '%s' does not match", i, rows[i].yes);
        if (one(rows[i].offset, rows[i].no))
            fail_msg("row %zu: '%s' matches", i, rows[i].no);
    }
    assert_false(ONE(name_suffixes, ""));
}

static void numbers_and_both_of_issuance(void **state)
{
    (void)state;
    struct cs_issuance x = usual();
    issuance_t s;
    Countersign__V1__ValidationMethod method = METHOD(DCV_ACME_HTTP_01);
    Countersign__V1__Profile profile = PROFILE(DOMAIN_VALIDATED);
    ProtobufCBinaryData account = TEXT("acme");
    countersign__v1__issuance_selector__init(&s);
    s.n_methods = 1;
    s.methods = &method;
    assert_true(cs_issuance_matches(&s, &x));
    method = METHOD(DCV_ACME_TLS_ALPN_01);
    assert_false(cs_issuance_matches(&s, &x));
    method = METHOD(DCV_ACME_HTTP_01);
    s.n_profiles = 1;
    s.profiles = &profile;
    s.n_accounts = 1;
    s.accounts = &account;
    assert_true(cs_issuance_matches(&s, &x));
    profile = PROFILE(EXTENDED_VALIDATION); /* all fields must match */
    assert_false(cs_issuance_matches(&s, &x));
    profile = PROFILE(DOMAIN_VALIDATED);
    account.len--;
    assert_false(cs_issuance_matches(&s, &x));
    struct cs_issuance nothing = { 0 };
    assert_false(cs_issuance_matches(&s, &nothing));
}

/* ---- evidence ---- */

struct statement {
    Countersign__V1__Statement m;
    Countersign__V1__Header h;
    Countersign__V1__Software software;
    Countersign__V1__DomainControl control;
    Countersign__V1__Perspectives perspectives;
    Countersign__V1__Perspective primary, remote, *remotes[1];
    Countersign__V1__OrganizationIdentity identity;
    Countersign__V1__Source source, *sources[1];
    Countersign__V1__CaaCheck caa;
    Countersign__V1__Lint lint;
    Countersign__V1__Approval approval;
    struct cs_span cosigners[1];
    struct cs_attested a;
};

static struct statement S;

static void fresh(int body)
{
    countersign__v1__statement__init(&S.m);
    countersign__v1__header__init(&S.h);
    countersign__v1__software__init(&S.software);
    countersign__v1__domain_control__init(&S.control);
    countersign__v1__perspectives__init(&S.perspectives);
    countersign__v1__perspective__init(&S.primary);
    countersign__v1__perspective__init(&S.remote);
    countersign__v1__organization_identity__init(&S.identity);
    countersign__v1__source__init(&S.source);
    countersign__v1__caa_check__init(&S.caa);
    countersign__v1__lint__init(&S.lint);
    countersign__v1__approval__init(&S.approval);
    S.m.header = &S.h;
    S.h.statement_id = bytes("0123456789abcdef");
    S.h.attester = bytes("dcv-1");
    S.h.role = COUNTERSIGN__V1__ROLE__ROLE_VALIDATION_SYSTEM;
    S.h.software = &S.software;
    S.software.name = bytes("va");
    S.software.version = bytes("1.9");
    S.h.account = bytes("acme");
    S.h.issued_at_unix_s = 5000;
    S.primary.id = bytes("ams1");
    S.remote.id = bytes("syd1");
    S.remotes[0] = &S.remote;
    S.perspectives.primary = &S.primary;
    S.perspectives.n_remotes = 1;
    S.perspectives.remotes = S.remotes;
    S.control.method = METHOD(DCV_DNS_CHANGE);
    S.control.observed_at_unix_s = 1000;
    S.control.perspectives = &S.perspectives;
    S.caa.checked_at_unix_s = 1000;
    S.lint.ran_at_unix_s = 1000;
    S.identity.record_id = bytes("r1");
    S.identity.record_version = 3;
    S.identity.oldest_data_at_unix_s = 500;
    S.source.retrieved_at_unix_s = 1000;
    S.sources[0] = &S.source;
    S.identity.n_sources = 1;
    S.identity.sources = S.sources;
    S.m.body_case = (Countersign__V1__Statement__BodyCase)body;
    if (body == BODY(DOMAIN_CONTROL))
        S.m.domain_control = &S.control;
    else if (body == BODY(ORGANIZATION_IDENTITY))
        S.m.organization_identity = &S.identity;
    else if (body == BODY(CAA_CHECK))
        S.m.caa_check = &S.caa;
    else if (body == BODY(LINT))
        S.m.lint = &S.lint;
    else
        S.m.approval = &S.approval;
    S.cosigners[0] = SPAN("dcv-2");
    S.a = (struct cs_attested){ .statement = &S.m, .attesters = { 1, S.cosigners } };
    memset(S.a.payload_sha256.byte, 9, sizeof S.a.payload_sha256.byte);
}

#define MATCHES(wanted, ...)                                 \
    do {                                                     \
        evidence_t e;                                        \
        countersign__v1__evidence_selector__init(&e);        \
        __VA_ARGS__;                                         \
        if (cs_evidence_matches(&e, &S.a) != (wanted))       \
            fail_msg("line %d: %s", __LINE__, #__VA_ARGS__); \
    } while (0)
#define LIST(field, value)                       \
    ProtobufCBinaryData field##_ = bytes(value); \
    e.n_##field = 1;                             \
    e.field = &field##_

static void fields_of_evidence(void **state)
{
    (void)state;
    fresh(BODY(DOMAIN_CONTROL));
    MATCHES(false, (void)0);
    MATCHES(true, LIST(statement_ids, "0123456789abcdef"));
    MATCHES(false, LIST(statement_ids, "0123456789abcdeg"));
    MATCHES(true, LIST(payload_sha256s, "\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t"));
    MATCHES(false, LIST(payload_sha256s, "\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t "));
    MATCHES(true, LIST(attesters, "dcv-1"));
    MATCHES(true, LIST(attesters, "dcv-2")); /* a cosigner */
    MATCHES(false, LIST(attesters, "dcv-3"));
    MATCHES(true, e.role = COUNTERSIGN__V1__ROLE__ROLE_VALIDATION_SYSTEM);
    MATCHES(false, e.role = COUNTERSIGN__V1__ROLE__ROLE_LINT_SERVICE);
    Countersign__V1__ValidationMethod m = METHOD(DCV_DNS_CHANGE);
    MATCHES(true, e.n_methods = 1; e.methods = &m);
    m = METHOD(DCV_ACME_HTTP_01);
    MATCHES(false, e.n_methods = 1; e.methods = &m);
    S.control.inner_method = METHOD(DCV_ACME_HTTP_01);
    MATCHES(true, e.n_methods = 1; e.methods = &m);
    MATCHES(true, LIST(perspective_ids, "ams1"));
    MATCHES(true, LIST(perspective_ids, "syd1"));
    MATCHES(false, LIST(perspective_ids, "syd"));
    MATCHES(true, LIST(accounts, "acme"));
    MATCHES(false, LIST(accounts, "acme2"));
    MATCHES(false, e.organization_record_id = bytes("r1"));
    MATCHES(false, LIST(accounts, "acme"); e.role = COUNTERSIGN__V1__ROLE__ROLE_LINT_SERVICE);
    S.control.perspectives = NULL;
    MATCHES(false, LIST(perspective_ids, "ams1"));
    fresh(BODY(CAA_CHECK));
    MATCHES(false, e.n_methods = 1; e.methods = &m);
    fresh(BODY(ORGANIZATION_IDENTITY));
    MATCHES(true, e.organization_record_id = bytes("r1"));
    MATCHES(false, e.organization_record_id = bytes("r2"));
    MATCHES(true, e.organization_record_id = bytes("r1"); e.organization_record_version = 3);
    MATCHES(false, e.organization_record_id = bytes("r1"); e.organization_record_version = 2);
}

static void software_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *version, *from, *to;
        bool matches;
    } rows[] = {
        { "1.9", "1.9", "1.9", true },   { "1.9.0", "1.9", "1.9", true },   { "1.10", "1.2", "1.9", false },
        { "1.10", "1.9", "1.10", true }, { "1.1", "1.2", "1.9", false },    { "1.2", "1.2", "", true },
        { "99", "1.2", "", true },       { "1.1.9", "1.2", "", false },     { "0.1", "", "1.9", true },
        { "1.9.1", "", "1.9", false },   { "2.0-rc1", "1.0", "1.9", true }, { "1.9", "", "", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fresh(BODY(DOMAIN_CONTROL));
        S.software.version = bytes(rows[i].version);
        MATCHES(rows[i].matches, e.software_name = bytes("va"); e.software_version_from = bytes(rows[i].from);
                e.software_version_to = bytes(rows[i].to));
        MATCHES(false, e.software_name = bytes("vb"); e.software_version_from = bytes(rows[i].from);
                e.software_version_to = bytes(rows[i].to));
    }
}

static void intervals(void **state)
{
    (void)state;
    static const int bodies[] = { BODY(DOMAIN_CONTROL), BODY(CAA_CHECK), BODY(LINT),
                                  BODY(ORGANIZATION_IDENTITY) };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        fresh(bodies[i]);
        MATCHES(true, e.observed_from_unix_s = 1000; e.observed_until_unix_s = 1001);
        MATCHES(false, e.observed_from_unix_s = 999; e.observed_until_unix_s = 1000);
        MATCHES(false, e.observed_from_unix_s = 1001; e.observed_until_unix_s = 2000);
        MATCHES(true, e.observed_from_unix_s = 1000);
        MATCHES(true, e.observed_until_unix_s = 1001);
    }
    MATCHES(true, e.observed_from_unix_s = 500; e.observed_until_unix_s = 501); /* the oldest datum */
    MATCHES(false, e.observed_from_unix_s = 501; e.observed_until_unix_s = 1000);
    fresh(BODY(APPROVAL)); /* by its own date */
    MATCHES(true, e.observed_from_unix_s = 5000; e.observed_until_unix_s = 5001);
    MATCHES(false, e.observed_from_unix_s = 1000; e.observed_until_unix_s = 5000);
}

static void what_only_subtracts(void **state)
{
    (void)state;
    fresh(BODY(APPROVAL));
    S.approval.decision = COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE;
    assert_false(cs_can_only_subtract(&S.m));
    S.approval.decision = COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_REJECT;
    assert_true(cs_can_only_subtract(&S.m));
    S.approval.decision = COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_WITHDRAW;
    assert_true(cs_can_only_subtract(&S.m));
    fresh(BODY(CAA_CHECK));
    S.caa.result = COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_PERMITTED;
    assert_false(cs_can_only_subtract(&S.m));
    S.caa.result = COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_FORBIDDEN;
    assert_true(cs_can_only_subtract(&S.m));
    fresh(BODY(LINT));
    assert_false(cs_can_only_subtract(&S.m));
    S.lint.errors = 1;
    assert_true(cs_can_only_subtract(&S.m));
    fresh(BODY(DOMAIN_CONTROL));
    assert_false(cs_can_only_subtract(&S.m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_issuance), cmocka_unit_test(numbers_and_both_of_issuance),
        cmocka_unit_test(fields_of_evidence), cmocka_unit_test(software_ranges),
        cmocka_unit_test(intervals),          cmocka_unit_test(what_only_subtracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
