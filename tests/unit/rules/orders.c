/* B01 .. B07, A01, X01, and which order is taken. */
#include "tests/unit/rules/tables.h"

static order_t *order(void)
{
    return H->evidence[0].statement->order;
}

void order_tables(void **state)
{
    (void)state;
    house_usual(H);
    check(CS_RULE_B01, "one order", true, NULL);
    assert_int_equal(H->order, 0);
    H->facts.order_id = cs_span_str("o-1");
    check(CS_RULE_B01, "the order asked for", true, NULL);
    H->facts.order_id = cs_span_str("o-2");
    check(CS_RULE_B01, "an order that is not there", false, "order:o-2");
    assert_int_equal(H->order, UINT32_MAX);
    house_init(H);
    house_name(H, "www.example.com");
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    check(CS_RULE_B01, "no order", false, "order");
    assert_false(house_has(H, CS_RULE_V01, NULL));
    assert_int_equal(H->verdict.n_covers, 1); /* the lint */
    house_usual(H);
    H->evidence[0].statement->header->expires_at_unix_s = HOUSE_NOW + 1;
    check(CS_RULE_B01, "last second", true, NULL);
    H->evidence[0].statement->header->expires_at_unix_s = HOUSE_NOW;
    check(CS_RULE_B01, "expired", false, "order:o-1");

    house_usual(H);
    check(CS_RULE_B02, "this key", true, NULL);
    order()->spki_sha256.data[31] ^= 1;
    check(CS_RULE_B02, "one bit off", false, "key");
    house_usual(H);
    order()->spki_sha256.len--;
    check(CS_RULE_B02, "one octet short", false, "key");

    house_usual(H);
    check(CS_RULE_B03, "the names", true, NULL);
    house_name(H, "example.com");
    check(CS_RULE_B03, "a name more in the certificate", false, "dns:example.com");
    house_usual(H);
    order()->dns_names[order()->n_dns_names++] = house_bytes(H, "www2.example.com");
    check(CS_RULE_B03, "a name more in the order", false, "dns:www2.example.com");
    house_usual(H);
    order()->dns_names[0] = house_bytes(H, "WWW.example.com");
    check(CS_RULE_B03, "another case", false, "dns:www.example.com");
    house_usual(H);
    order()->ip_addresses[order()->n_ip_addresses++] = house_bytes(H, "abcd");
    check(CS_RULE_B03, "an address more in the order", false, "ip:97.98.99.100");
    house_usual(H);
    for (int i = 0; i < 40; i++)
        house_name(H, cs_arena_printf(&H->arena, "n%d.example.com", i));
    check(CS_RULE_B03, "40 more", false, "order:o-1");
    assert_true(H->verdict.n_reasons == 17);

    house_usual(H);
    H->tbs.not_after_unix_s = order()->latest_not_after_unix_s;
    check(CS_RULE_B05, "to the second", true, NULL);
    order()->latest_not_after_unix_s--;
    check(CS_RULE_B05, "one second more", false, "tbs.validity.notAfter");

    house_usual(H);
    check(CS_RULE_B06, "the profile", true, NULL);
    order()->profile = PROFILE(ORGANIZATION_VALIDATED);
    check(CS_RULE_B06, "an order for another", false, "order:o-1");
    house_usual(H);
    H->policy.issuer[0].profiles = 1u << PROFILE(ORGANIZATION_VALIDATED);
    check(CS_RULE_B06, "an issuer for another", false, "issuer:r1");

    house_usual(H);
    check(CS_RULE_B07, "proven", true, NULL);
    order()->possession_proven = false;
    check(CS_RULE_B07, "not proven", false, "order:o-1");
}

void order_choice(void **state)
{
    (void)state;
    /* The first is for another key, the second names too much, the third is spent, the fourth fits. */
    house_usual(H);
    order()->spki_sha256.data[0] ^= 1;
    order_t *more = house_order(H);
    more->dns_names[more->n_dns_names++] = house_bytes(H, "x.example.com");
    order_t *rejected = house_order(H);
    rejected->order_id = house_bytes(H, "o-3");
    house_approval(H, DECISION(REJECT))->order_id = house_bytes(H, "o-3");
    assert_false(house_judge(H));
    assert_true(house_has(H, CS_RULE_A01, "order:o-3")); /* the nearest is named, not all */
    assert_false(house_has(H, CS_RULE_B02, NULL));
    house_order(H)->order_id = house_bytes(H, "o-4");
    assert_true(house_judge(H));
    assert_true(cs_span_is(cs_bytes(H->evidence[H->order].statement->order->order_id), "o-4"));
    H->facts.order_id = cs_span_str("o-3");
    assert_false(house_judge(H)); /* asked for: no other is taken */
    assert_true(house_has(H, CS_RULE_A01, "order:o-3"));

    /* An account without evidence does not hide the one that has it. */
    house_usual(H);
    H->evidence[0].statement->header->account = house_bytes(H, "other");
    assert_false(house_judge(H));
    assert_true(house_has(H, CS_RULE_V06, "dns:www.example.com"));
    house_order(H)->order_id = house_bytes(H, "o-2");
    assert_true(house_judge(H));

    /* More orders than are kept: those for this key come first. */
    house_init(H);
    house_name(H, "www.example.com");
    for (int i = 0; i < 40; i++)
        house_order(H)->spki_sha256.data[0] ^= 1;
    house_order(H);
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    assert_true(house_judge(H));
    assert_int_equal(H->facts.n_orders, CS_FACTS_ORDERS_MAX);
    assert_int_equal(H->order, 40);
}

void approval_table(void **state)
{
    (void)state;
    house_usual(H);
    house_approval(H, DECISION(APPROVE));
    check(CS_RULE_A01, "approved", true, NULL);
    approval_t *a = house_approval(H, DECISION(REJECT));
    check(CS_RULE_A01, "approved and rejected", false, "order:o-1");
    a->order_id = house_bytes(H, "o-2");
    check(CS_RULE_A01, "another order rejected", true, NULL);
    a->order_id = house_bytes(H, "o-1");
    a->decision = DECISION(WITHDRAW);
    check(CS_RULE_A01, "withdrawn", false, "order:o-1");
    house_last(H)->statement->header->account = house_bytes(H, "other");
    check(CS_RULE_A01, "withdrawn under another account's name", false, "order:o-1");
    a->decision = DECISION(UNSPECIFIED);
    check(CS_RULE_A01, "a decision nobody knows", false, "order:o-1");

    house_usual(H);
    house_approval(H, DECISION(APPROVE));
    check(CS_RULE_X01, "approval beside evidence", true, NULL);
    H->evidence[1].statement->domain_control->domain = house_bytes(H, "example.net");
    check(CS_RULE_X01, "approval instead of evidence", false, "order:o-1");
    house_usual(H);
    H->evidence[1].statement->domain_control->domain = house_bytes(H, "example.net");
    assert_false(house_judge(H));
    assert_false(house_has(H, CS_RULE_X01, NULL)); /* nobody approved */
}
