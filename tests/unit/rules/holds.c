/* H01 and H02 in the judge: what a hold sees of a request, and what recalled evidence says. */
#include "tests/unit/rules/tables.h"

#include "proto/canonical.h"

typedef Countersign__V1__IssuanceSelector selector_t;

static struct cs_stops holds;

static void hold(selector_t x)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    statement_t m = COUNTERSIGN__V1__STATEMENT__INIT;
    Countersign__V1__Header header = COUNTERSIGN__V1__HEADER__INIT;
    Countersign__V1__Hold body = COUNTERSIGN__V1__HOLD__INIT;
    struct cs_span payload;
    header.schema = 1;
    m.header = &header;
    m.body_case = COUNTERSIGN__V1__STATEMENT__BODY_HOLD;
    m.hold = &body;
    body.hold_id = cs_proto_bytes(cs_span_str("h-1"));
    body.action = COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE;
    body.selector = &x;
    assert_true(cs_ok(cs_proto_pack(&m.base, &arena, &payload)));
    struct cs_stop_event event = { .seq = 4,
                                   .n_operators = 1,
                                   .operator= { cs_span_str("olga") },
                                   .reason = cs_span_str("found in review") };
    cs_stops_done(&holds);
    assert_true(cs_ok(cs_stops_place(&holds, payload, &event, NULL)));
    H->facts.holds = &holds;
}

/* The usual house, or one with an organisation; a hold by one value of one field. */
static void check_value(const char *row, size_t offset_n, struct cs_span value, bool ok)
{
    selector_t x = COUNTERSIGN__V1__ISSUANCE_SELECTOR__INIT;
    ProtobufCBinaryData list[1] = { cs_proto_bytes(value) };
    *(size_t *)(void *)((char *)&x + offset_n) = 1;
    *(ProtobufCBinaryData **)(void *)((char *)&x + offset_n + sizeof(size_t)) = list;
    hold(x);
    check(CS_RULE_H01, row, ok, "hold:h-1");
}
#define VALUE(field, value, ok) \
    check_value(#field ": " value, offsetof(selector_t, n_##field), cs_span_str(value), ok)

void hold_table(void **state)
{
    (void)state;
    for (int yes = 0; yes < 2; yes++) {
        bool ok = yes == 0;
        house_usual(H);
        H->policy.client[0].api_version = cs_span_str("v1");
        static const char *const attesters[] = { "a0", "a1", "a2", "a3" };
        for (uint32_t i = 0; i < H->policy.n_attesters && i < N_OF(attesters); i++)
            H->policy.attester[i].name = cs_span_str(attesters[i]);
        if (ok) {
            VALUE(order_ids, "o-2", true);
            VALUE(accounts, "acme2", true);
            VALUE(name_suffixes, "ww.example.com", true);
            VALUE(clients, "rb", true);
            VALUE(api_versions, "v2", true);
            VALUE(issuers, "r2", true);
            VALUE(attesters, "nobody", true);
        } else {
            VALUE(order_ids, "o-1", false);
            VALUE(accounts, "acme", false);
            VALUE(name_suffixes, "example.com", false);
            VALUE(clients, "ra", false);
            VALUE(api_versions, "v1", false);
            VALUE(issuers, "r1", false);
            struct cs_span by = H->policy.attester[H->evidence[0].signer[0]].name; /* of the order */
            check_value("attester of the order", offsetof(selector_t, n_attesters), by, false);
            check_value("serial", offsetof(selector_t, n_serial_numbers), H->tbs.serial, false);
        }
    }
    selector_t x = COUNTERSIGN__V1__ISSUANCE_SELECTOR__INIT;
    Countersign__V1__ValidationMethod method = METHOD(DCV_DNS_CHANGE);
    Countersign__V1__Profile profile = PROFILE(DOMAIN_VALIDATED);
    x.n_methods = 1;
    x.methods = &method;
    hold(x);
    check(CS_RULE_H01, "the method relied on", false, "hold:h-1");
    method = METHOD(DCV_ACME_HTTP_01);
    hold(x);
    check(CS_RULE_H01, "another method", true, NULL);
    x = (selector_t)COUNTERSIGN__V1__ISSUANCE_SELECTOR__INIT;
    x.n_profiles = 1;
    x.profiles = &profile;
    hold(x);
    check(CS_RULE_H01, "the profile", false, "hold:h-1");
    x = (selector_t)COUNTERSIGN__V1__ISSUANCE_SELECTOR__INIT;
    x.everything = true;
    hold(x);
    check(CS_RULE_H01, "everything", false, "hold:h-1");
    assert_non_null(strstr(H->verdict.reason[0].found, "placed by olga"));
    struct cs_stop_event event = { .seq = 5 };
    assert_true(cs_ok(cs_stops_lift(&holds, holds.stop[0], &event)));
    check(CS_RULE_H01, "lifted", true, NULL);

    /* a certificate on record that belongs to this one */
    struct cs_sha256 digest = cs_sha256(cs_span_str("its precertificate"));
    house_usual(H);
    check_value("a certificate nobody knows", offsetof(selector_t, n_certificate_sha256s),
                cs_sha256_span(&digest), true);
    H->facts.n_certificates = 1;
    H->facts.certificate_sha256[0] = digest;
    check(CS_RULE_H01, "its precertificate", false, "hold:h-1");

    /* who approved it counts as one relied on, though an approval covers nothing */
    house_usual(H);
    H->policy.attester[3].name = cs_span_str("agent");
    (void)house_approval(H, DECISION(APPROVE));
    house_last(H)->signer[0] = 3;
    VALUE(attesters, "agent", false);
    cs_stops_done(&holds);
}

void recall_table(void **state)
{
    (void)state;
    statement_t said = COUNTERSIGN__V1__STATEMENT__INIT;
    said.body_case = COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL;
    struct cs_stop recall = { .placed = { .seq = 7, .reason = cs_span_str("resolver bug") } };
    struct cs_recalled_fact fact = { "evidence[4]", &said, &recall, true };
    house_usual(H);
    H->facts.n_recalled = 1;
    H->facts.recalled[0] = fact;
    check(CS_RULE_H02, "brought with the request", false, "evidence[4]");
    H->facts.recalled[0].with_request = false;
    H->facts.recalled[0].label = "deposit 00";
    check(CS_RULE_H02, "deposited, and other evidence suffices", true, NULL);
    house_usual(H);
    H->facts.n_evidence = 1; /* the order alone */
    H->facts.n_recalled = 1;
    H->facts.recalled[0] = fact;
    H->facts.recalled[0].with_request = false;
    check(CS_RULE_H02, "deposited, and it is what is lacking", false, "evidence[4]");
    assert_true(house_has(H, CS_RULE_V01, NULL));
}
