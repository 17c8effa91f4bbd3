/* V01, V02, V03, V05, V06, E05 and the cover map. */
#include "tests/unit/rules/tables.h"

#include "countersign/ledger/v1/entry.pb-c.h"

/* One name, one statement. */
static control_t *pair(const char *name, const char *domain, int method, int scope)
{
    house_init(H);
    house_name(H, name);
    house_order(H);
    return house_control(H, domain, method, scope);
}

void cover_table(void **state)
{
    (void)state;
    house_usual(H);
    check(CS_RULE_V01, "covered", true, NULL);
    H->facts.n_evidence = 1;
    check(CS_RULE_V01, "no evidence", false, "dns:www.example.com");
    house_usual(H);
    house_name(H, "www.example.net");
    H->facts.n_evidence = 0;
    house_order(H);
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    check(CS_RULE_V01, "one of two names", false, "dns:www.example.net");
    assert_false(house_has(H, CS_RULE_V01, "dns:www.example.com"));
    house_control(H, "www.EXAMPLE.net", METHOD(DCV_ACME_HTTP_01), SCOPE(EXACT));
    check(CS_RULE_V01, "both names", true, NULL);

    house_init(H);
    house_ip(H, "\xc6\x34\x00\x01", 4);
    house_order(H);
    house_control_ip(H, "\xc6\x34\x00\x01", 4, METHOD(IPCV_ACME_HTTP_01));
    check(CS_RULE_V01, "address", true, NULL);
    H->tbs.name[0].value = cs_span_of("\xc6\x34\x00\x02", 4);
    check(CS_RULE_V01, "the next address", false, "ip:198.52.0.2");
    H->tbs.name[0] = (struct cs_san){ CS_SAN_DNS, cs_span_of("\xc6\x34\x00\x01", 4) };
    check(CS_RULE_V01, "the octets as a name", false, NULL);

    house_usual(H);
    check(CS_RULE_V06, "the order's account", true, NULL);
    H->evidence[1].statement->header->account = house_bytes(H, "acme2");
    check(CS_RULE_V06, "another account", false, "dns:www.example.com");
    assert_true(house_has(H, CS_RULE_V01, "dns:www.example.com"));

    house_usual(H);
    H->evidence[1].statement->header->expires_at_unix_s = HOUSE_NOW + 1;
    check(CS_RULE_E05, "last second", true, NULL);
    H->evidence[1].statement->header->expires_at_unix_s = HOUSE_NOW;
    check(CS_RULE_E05, "expired since it was admitted", false, "dns:www.example.com");
}

static void at(int64_t now)
{
    H->facts.now_unix_s = H->tbs.not_before_unix_s = now;
    H->tbs.not_after_unix_s = now + 40 * 86400;
    H->policy.issuer[0].not_after_unix_s = INT64_MAX;
    for (uint32_t i = 0; i < H->facts.n_evidence; i++) {
        statement_t *s =
            H->evidence[i].statement == NULL ? NULL : (statement_t *)(uintptr_t)H->evidence[i].statement;
        s->header->expires_at_unix_s = INT64_MAX;
        if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORDER)
            s->order->latest_not_after_unix_s = INT64_MAX;
        else
            house_age(s->domain_control, now - 3600);
    }
}

void method_table(void **state)
{
    (void)state;
    static const struct {
        int method;
        bool ip;
        int64_t until; /* 0: open */
    } rows[] = {
        { METHOD(DCV_CONSTRUCTED_EMAIL), false, CS_DAY_2028_03_15 },
        { METHOD(DCV_DNS_CHANGE), false, 0 },
        { METHOD(DCV_REGISTRAR_DOMAIN_CONTACT), false, 0 },
        { METHOD(DCV_EMAIL_CAA_CONTACT), false, CS_DAY_2028_03_15 },
        { METHOD(DCV_EMAIL_TXT_CONTACT), false, CS_DAY_2028_03_15 },
        { METHOD(DCV_PHONE_TXT_CONTACT), false, CS_DAY_2027_03_15 },
        { METHOD(DCV_PHONE_CAA_CONTACT), false, CS_DAY_2027_03_15 },
        { METHOD(DCV_HTTP_WEBSITE_V2), false, 0 },
        { METHOD(DCV_ACME_HTTP_01), false, 0 },
        { METHOD(DCV_ACME_TLS_ALPN_01), false, 0 },
        { METHOD(DCV_ACME_DNS_ACCOUNT_01), false, 0 },
        { METHOD(DCV_DNS_PERSIST_01), false, 0 },
        { METHOD(IPCV_HTTP_WEBSITE), true, 0 },
        { METHOD(IPCV_IP_CONTACT_MESSAGE), true, CS_DAY_2027_03_15 },
        { METHOD(IPCV_REVERSE_LOOKUP), true, CS_DAY_2027_03_15 },
        { METHOD(IPCV_IP_CONTACT_PHONE), true, CS_DAY_2027_03_15 },
        { METHOD(IPCV_ACME_HTTP_01), true, 0 },
        { METHOD(IPCV_ACME_TLS_ALPN_01), true, 0 },
        { METHOD(IPCV_DNS_PERSIST_01), true, 0 },
        { METHOD(RETIRED_DCV_8_IP_ADDRESS), false, CS_DAY_2026_03_15 },
    };
    static const int retired[] = {
        METHOD(RETIRED_DCV_1_DOMAIN_CONTACT),
        METHOD(RETIRED_DCV_2_CONTACT_MESSAGE),
        METHOD(RETIRED_DCV_3_CONTACT_PHONE),
        METHOD(RETIRED_DCV_5_DOCUMENT),
        METHOD(RETIRED_DCV_6_WEBSITE_V1),
        METHOD(RETIRED_DCV_8_IP_ADDRESS),
        METHOD(RETIRED_DCV_9_TEST_CERT),
        METHOD(RETIRED_DCV_10_TLS_RANDOM),
        METHOD(RETIRED_DCV_11_ANY_OTHER),
        METHOD(RETIRED_DCV_15_CONTACT_PHONE_V2),
        METHOD(RETIRED_IPCV_4_ANY_OTHER),
        METHOD(UNSPECIFIED),
        99,
    };
    static const char ip[] = "\xc6\x34\x00\x01";
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_init(H);
        control_t *d;
        if (rows[i].ip)
            house_ip(H, ip, 4);
        else
            house_name(H, "example.com");
        house_order(H);
        if (rows[i].ip)
            d = house_control_ip(H, ip, 4, rows[i].method);
        else
            d = house_control(H, "example.com", rows[i].method, SCOPE(EXACT));
        if (rows[i].method == METHOD(IPCV_REVERSE_LOOKUP))
            d->inner_method = METHOD(DCV_DNS_CHANGE);
        at(rows[i].until != 0 ? rows[i].until - 1 : CS_DAY_2029_03_15);
        check(CS_RULE_V02, "last second", true, NULL);
        at(rows[i].until != 0 ? rows[i].until : CS_DAY_2029_03_15);
        check(CS_RULE_V02, "first second", rows[i].until == 0, NULL);
    }
    for (size_t i = 0; i < N_OF(retired); i++) {
        pair("example.com", "example.com", retired[i], SCOPE(EXACT));
        check(CS_RULE_V02, "retired or unknown", false, "dns:example.com");
        house_init(H);
        house_ip(H, ip, 4);
        house_order(H);
        house_control_ip(H, ip, 4, retired[i]);
        check(CS_RULE_V02, "retired or unknown", false, "ip:198.52.0.1");
    }
    pair("example.com", "example.com", METHOD(IPCV_ACME_HTTP_01), SCOPE(EXACT));
    check(CS_RULE_V02, "a method for addresses on a name", false, "dns:example.com");
    house_init(H);
    house_ip(H, ip, 4);
    house_order(H);
    control_t *d = house_control_ip(H, ip, 4, METHOD(DCV_ACME_HTTP_01));
    check(CS_RULE_V02, "a method for names on an address", false, "ip:198.52.0.1");
    d->method = METHOD(IPCV_REVERSE_LOOKUP);
    check(CS_RULE_V02, "reverse look-up with nothing behind it", false, "ip:198.52.0.1");
    d->inner_method = METHOD(RETIRED_DCV_8_IP_ADDRESS);
    check(CS_RULE_V02, "reverse look-up with a retired method", false, "ip:198.52.0.1");
    d->inner_method = METHOD(DCV_DNS_PERSIST_01);
    check(CS_RULE_V02, "reverse look-up with an allowed method", true, NULL);
    house_age(d, HOUSE_NOW - 10 * 86400 - 1);
    check(CS_RULE_V03, "reverse look-up with a persistent record of yesterweek", false, "ip:198.52.0.1");
}

void age_table(void **state)
{
    (void)state;
    enum { DAY = 86400 };
    static const struct {
        const char *row;
        int64_t now, age_s;
        uint32_t policy_s;
        int method;
        bool ok;
    } rows[] = {
        { "398 d before the first step", CS_DAY_2026_03_15 - 1, 398 * DAY, 0, METHOD(DCV_DNS_CHANGE), true },
        { "and a second", CS_DAY_2026_03_15 - 1, 398 * DAY + 1, 0, METHOD(DCV_DNS_CHANGE), false },
        { "200 d from the first step", CS_DAY_2026_03_15, 200 * DAY, 0, METHOD(DCV_DNS_CHANGE), true },
        { "and a second", CS_DAY_2026_03_15, 200 * DAY + 1, 0, METHOD(DCV_DNS_CHANGE), false },
        { "200 d, last second", CS_DAY_2027_03_15 - 1, 200 * DAY, 0, METHOD(DCV_DNS_CHANGE), true },
        { "the second step", CS_DAY_2027_03_15, 100 * DAY + 1, 0, METHOD(DCV_DNS_CHANGE), false },
        { "100 d", CS_DAY_2027_03_15, 100 * DAY, 0, METHOD(DCV_DNS_CHANGE), true },
        { "10 d", CS_DAY_2029_03_15, 10 * DAY, 0, METHOD(DCV_DNS_CHANGE), true },
        { "and a second", CS_DAY_2029_03_15, 10 * DAY + 1, 0, METHOD(DCV_DNS_CHANGE), false },
        { "persistent, 10 d", HOUSE_NOW, 10 * DAY, 0, METHOD(DCV_DNS_PERSIST_01), true },
        { "and a second", HOUSE_NOW, 10 * DAY + 1, 0, METHOD(DCV_DNS_PERSIST_01), false },
        { "policy 30 d", HOUSE_NOW, 30 * DAY, 30 * DAY, METHOD(DCV_DNS_CHANGE), true },
        { "and a second", HOUSE_NOW, 30 * DAY + 1, 30 * DAY, METHOD(DCV_DNS_CHANGE), false },
        { "a wider policy changes nothing", HOUSE_NOW, 200 * DAY + 1, 398 * DAY, METHOD(DCV_DNS_CHANGE),
          false },
        { "now", HOUSE_NOW, 0, 0, METHOD(DCV_DNS_CHANGE), true },
        { "ahead by the skew", HOUSE_NOW, -60, 0, METHOD(DCV_DNS_CHANGE), true },
        { "ahead by more", HOUSE_NOW, -61, 0, METHOD(DCV_DNS_CHANGE), false },
        { "for ever ago", HOUSE_NOW, HOUSE_NOW, 0, METHOD(DCV_DNS_CHANGE), false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        control_t *d = pair("www.example.com", "example.com", rows[i].method, SCOPE(NAMESPACE));
        at(rows[i].now);
        H->policy.limits.max_domain_age_s = rows[i].policy_s;
        house_age(d, rows[i].now - rows[i].age_s);
        check(CS_RULE_V03, rows[i].row, rows[i].ok, "dns:www.example.com");
        H->policy.limits.max_domain_age_s = 0; /* the same said of the client */
        H->policy.client[0].max_domain_age_s = rows[i].policy_s;
        check(CS_RULE_V03, rows[i].row, rows[i].ok, "dns:www.example.com");
    }
    /* The earliest of the three times counts, whichever it is. */
    for (int k = 0; k < 3; k++) {
        /* a method without value and perspectives: only these three times */
        control_t *d = pair("example.com", "example.com", METHOD(DCV_REGISTRAR_DOMAIN_CONTACT), SCOPE(EXACT));
        int64_t *times[] = { &d->initiated_at_unix_s, &d->oldest_data_at_unix_s, &d->observed_at_unix_s };
        *times[k] = HOUSE_NOW - 200 * DAY;
        check(CS_RULE_V03, "earliest at the limit", true, NULL);
        *times[k] -= 1;
        check(CS_RULE_V03, "earliest over the limit", false, "dns:example.com");
        *times[k] = INT64_MIN;
        check(CS_RULE_V03, "before all time", false, "dns:example.com");
        *times[k] = INT64_MAX;
        check(CS_RULE_V03, "after all time", false, "dns:example.com");
    }
}

static Countersign__V1__Derivation *derive(control_t *d, const char *applied_for, const char *target,
                                           uint32_t pruned)
{
    Countersign__V1__Derivation *v = cs_arena_get(&H->arena, sizeof *v);
    countersign__v1__derivation__init(v);
    v->applied_for = house_bytes(H, applied_for);
    if (target != NULL) {
        v->cname_chain = cs_arena_get(&H->arena, 2 * sizeof *v->cname_chain);
        v->cname_chain[0] = house_bytes(H, "hop.example.org");
        v->cname_chain[1] = house_bytes(H, target);
        v->n_cname_chain = 2;
    }
    v->pruned_labels = pruned;
    d->derivation = v;
    return v;
}

void derivation_table(void **state)
{
    (void)state;
    enum { EXACT = SCOPE(EXACT), WIDE = SCOPE(NAMESPACE) };
    static const struct {
        const char *name, *domain;
        int method, scope;
        bool ok;
    } rows[] = {
        { "example.com", "example.com", METHOD(DCV_DNS_CHANGE), EXACT, true },
        { "EXAMPLE.com", "example.com", METHOD(DCV_DNS_CHANGE), EXACT, true },
        { "example.com", "www.example.com", METHOD(DCV_DNS_CHANGE), WIDE, false }, /* H04 */
        { "www.example.com", "example.com", METHOD(DCV_DNS_CHANGE), WIDE, true },
        { "www.example.com", "example.com", METHOD(DCV_DNS_CHANGE), EXACT, false },
        { "a.b.c.example.com", "example.com", METHOD(DCV_DNS_CHANGE), WIDE, true },
        { "myexample.com", "example.com", METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "www.example.com", "example.com", METHOD(DCV_ACME_HTTP_01), WIDE, false }, /* H07 */
        { "www.example.com", "www.example.com", METHOD(DCV_ACME_HTTP_01), WIDE, true },
        { "*.example.com", "example.com", METHOD(DCV_ACME_HTTP_01), WIDE, false }, /* H07 */
        { "*.example.com", "example.com", METHOD(DCV_HTTP_WEBSITE_V2), WIDE, false },
        { "*.example.com", "example.com", METHOD(DCV_ACME_TLS_ALPN_01), WIDE, false },
        { "*.example.com", "example.com", METHOD(DCV_DNS_CHANGE), WIDE, true },
        { "*.example.com", "example.com", METHOD(DCV_DNS_CHANGE), EXACT, false },
        { "*.a.example.com", "example.com", METHOD(DCV_ACME_DNS_ACCOUNT_01), WIDE, true },
        { "*.example.com", "a.example.com", METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "www.example.com", "com", METHOD(DCV_DNS_CHANGE), WIDE, false },
        { ONION_NAME, ONION_NAME, METHOD(DCV_ACME_HTTP_01), EXACT, true },
        { ONION_NAME, ONION_NAME, METHOD(DCV_ONION_CSR), EXACT, true },
        { "*." ONION_NAME, ONION_NAME, METHOD(DCV_ONION_CSR), WIDE, true },
        { "www." ONION_NAME, ONION_NAME, METHOD(DCV_ACME_HTTP_01), WIDE, false },
        { ONION_NAME, ONION_NAME, METHOD(DCV_DNS_CHANGE), EXACT, false },
        { "example.com", "example.com", METHOD(DCV_ONION_CSR), EXACT, false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        pair(rows[i].name, rows[i].domain, rows[i].method, rows[i].scope);
        /* a statement no label of which the name shares is not near enough to be named */
        bool shared = cs_dns_labels(cs_span_str(rows[i].domain)) > 1 && rows[i].name[0] != 'm';
        if (rows[i].ok || shared)
            check(CS_RULE_V05, rows[i].name, rows[i].ok, NULL);
        check(CS_RULE_V01, rows[i].name, rows[i].ok, NULL);
    }

    static const struct {
        const char *row, *name, *applied_for, *target;
        uint32_t pruned;
        const char *domain;
        int method, scope;
        bool ok;
    } derived[] = {
        { "CNAME", "www.example.com", "www.example.com", "cdn.example.net", 0, "cdn.example.net",
          METHOD(DCV_DNS_CHANGE), EXACT, true },
        { "CNAME, then prune", "www.example.com", "www.example.com", "cdn.example.net", 1, "example.net",
          METHOD(DCV_DNS_CHANGE), WIDE, true },
        { "CNAME, wrong end", "www.example.com", "www.example.com", "cdn.example.net", 0, "example.net",
          METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "CNAME serves no child", "a.www.example.com", "www.example.com", "cdn.example.net", 0,
          "cdn.example.net", METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "CNAME serves no wildcard", "*.www.example.com", "www.example.com", "cdn.example.net", 0,
          "cdn.example.net", METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "CNAME from a wildcard", "*.example.com", "*.example.com", "cdn.example.net", 0, "cdn.example.net",
          METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "CNAME serves not its target", "cdn.example.net", "www.example.com", "cdn.example.net", 0,
          "cdn.example.net", METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "CNAME without the mark", "www.example.com", "www.example.com", "cdn.example.net", 0,
          "cdn.example.net", METHOD(DCV_ACME_DNS_ACCOUNT_01), EXACT, false },
        { "CNAME without the mark", "www.example.com", "www.example.com", "cdn.example.net", 0,
          "cdn.example.net", METHOD(DCV_DNS_PERSIST_01), EXACT, false },
        { "prune", "a.b.example.com", "a.b.example.com", NULL, 2, "example.com", METHOD(DCV_DNS_CHANGE), WIDE,
          true },
        { "prune too little", "a.b.example.com", "a.b.example.com", NULL, 1, "example.com",
          METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "prune to the TLD", "example.com", "example.com", NULL, 1, "com", METHOD(DCV_DNS_CHANGE), WIDE,
          false },
        { "prune without the mark", "www.example.com", "www.example.com", NULL, 1, "example.com",
          METHOD(DCV_ACME_HTTP_01), WIDE, false },
        { "prune a wildcard", "*.www.example.com", "*.www.example.com", NULL, 1, "example.com",
          METHOD(DCV_DNS_CHANGE), WIDE, true },
        { "prune past everything", "www.example.com", "www.example.com", NULL, 4294967295u, "example.com",
          METHOD(DCV_DNS_CHANGE), WIDE, false },
        { "nothing dropped", "www.example.com", "www.example.com", NULL, 0, "www.example.com",
          METHOD(DCV_ACME_HTTP_01), EXACT, true },
        { "the ADN serves other names too", "b.example.com", "a.example.com", NULL, 1, "example.com",
          METHOD(DCV_DNS_CHANGE), WIDE, true },
    };
    for (size_t i = 0; i < N_OF(derived); i++) {
        control_t *d = pair(derived[i].name, derived[i].domain, derived[i].method, derived[i].scope);
        derive(d, derived[i].applied_for, derived[i].target, derived[i].pruned);
        check(CS_RULE_V05, derived[i].row, derived[i].ok, NULL);
    }

    /* H05: the mailbox's domain is not the domain. */
    control_t *d = pair("mail.example", "example.com", METHOD(DCV_EMAIL_TXT_CONTACT), SCOPE(NAMESPACE));
    d->contact = house_bytes(H, "admin@mail.example");
    check(CS_RULE_V05, "domain of the contact", false, "dns:mail.example");
    /* An IP address derives from nothing. */
    house_init(H);
    house_ip(H, "\xc6\x34\x00\x01", 4);
    house_order(H);
    d = house_control_ip(H, "\xc6\x34\x00\x01", 4, METHOD(IPCV_ACME_HTTP_01));
    derive(d, "example.com", NULL, 0);
    check(CS_RULE_V05, "derivation beside an address", false, "ip:198.52.0.1");
}

void cover_map(void **state)
{
    (void)state;
    enum { DAY = 86400 };
    house_usual(H);
    control_t *d = H->evidence[1].statement->domain_control;
    H->evidence[1].statement->header->expires_at_unix_s = INT64_MAX;
    house_age(d, HOUSE_NOW - 10 * DAY);
    assert_true(house_judge(H));
    assert_int_equal(H->verdict.n_covers, 4);
    const struct cs_cover *key = &H->verdict.cover[0], *name = &H->verdict.cover[1];
    assert_int_equal(key->part, COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_KEY);
    assert_string_equal(key->subject, "key");
    assert_int_equal(key->evidence, 0);
    assert_int_equal(key->age_s, 3600);
    assert_int_equal(key->good_until_unix_s, HOUSE_NOW + 30 * DAY);
    assert_int_equal(name->part, COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_NAME);
    assert_string_equal(name->subject, "dns:www.example.com");
    assert_int_equal(name->evidence, 1);
    assert_int_equal(name->method, METHOD(DCV_DNS_CHANGE));
    assert_int_equal(name->age_s, 10 * DAY);
    const struct cs_cover *caa = &H->verdict.cover[2];
    assert_int_equal(caa->part, COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_CAA);
    assert_string_equal(caa->subject, "caa:www.example.com");
    assert_int_equal(caa->evidence, 2);
    assert_int_equal(caa->method, 0);
    assert_int_equal(caa->age_s, 600);
    assert_int_equal(caa->good_until_unix_s, HOUSE_NOW - 600 + 8 * 3600 + 1);
    /* 200 days are not to be had: on 2027-03-15 it is 124 days old and over the new limit at once. */
    assert_int_equal(name->good_until_unix_s, CS_DAY_2027_03_15);
    house_age(d, HOUSE_NOW + 60);
    H->facts.now_unix_s = HOUSE_NOW + 60;
    assert_true(house_judge(H)); /* on that day 114 days old */
    assert_int_equal(H->verdict.cover[1].good_until_unix_s, CS_DAY_2027_03_15);
    house_age(d, HOUSE_NOW - 100 * DAY);
    assert_true(house_judge(H)); /* 200 days end before that day */
    assert_int_equal(H->verdict.cover[1].good_until_unix_s, HOUSE_NOW + 100 * DAY + 1);
    int64_t end = H->verdict.cover[1].good_until_unix_s;
    d->method = METHOD(DCV_PHONE_TXT_CONTACT);
    assert_true(house_judge(H));
    assert_int_equal(H->verdict.cover[1].good_until_unix_s, end);
    /* The longer of two wins. */
    house_control(H, "www.example.com", METHOD(DCV_ACME_HTTP_01), SCOPE(EXACT));
    house_age(d, HOUSE_NOW - 199 * DAY);
    assert_true(house_judge(H));
    assert_int_equal(H->verdict.cover[1].evidence, 2);
    assert_int_equal(H->verdict.cover[1].good_until_unix_s, HOUSE_NOW + 30 * DAY);
}
