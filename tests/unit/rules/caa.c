/* C01, C02, C03, C04, and what the other rules say of CAA checks. */
#include "tests/unit/rules/tables.h"

static const char name[] = "dns:www.example.com";

/* www.example.com by DNS change, and one CAA check. */
static caa_t *one(void)
{
    house_usual(H);
    H->own_caa = true;
    return house_caa(H, "www.example.com");
}

static control_t *control(void)
{
    return H->evidence[1].statement->domain_control;
}

static void at(int64_t now)
{
    H->facts.now_unix_s = H->tbs.not_before_unix_s = now;
    H->tbs.not_after_unix_s = now + 40 * 86400;
    H->policy.issuer[0].not_after_unix_s = INT64_MAX;
    for (uint32_t i = 0; i < H->facts.n_evidence; i++) {
        statement_t *s = (statement_t *)(uintptr_t)H->evidence[i].statement;
        s->header->expires_at_unix_s = INT64_MAX;
        if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORDER)
            s->order->latest_not_after_unix_s = INT64_MAX;
        else if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL)
            house_age(s->domain_control, now - 3600);
        else if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK) {
            s->caa_check->checked_at_unix_s = now - 600;
            s->caa_check->perspectives = house_perspectives(H, 5, now - 600);
        }
    }
}

static void checked(caa_t *m, int64_t then)
{
    m->checked_at_unix_s = then;
    m->perspectives = house_perspectives(H, 5, then);
}

void caa_cover_table(void **state)
{
    (void)state;
    one();
    check(CS_RULE_C01, "checked", true, NULL);
    H->facts.n_evidence--;
    check(CS_RULE_C01, "not checked", false, name);
    assert_false(house_has(H, CS_RULE_V01, NULL));
    house_caa(H, "WWW.example.com"); /* the form refuses it, the rule compares as the DNS does */
    check(CS_RULE_C01, "case does not matter", true, NULL);
    H->facts.n_evidence--;
    house_caa(H, "example.com");
    check(CS_RULE_C01, "a check of the parent", false, name);
    house_caa(H, "a.www.example.com");
    check(CS_RULE_C01, "a check of a child", false, name);

    /* H03: a certificate with N names and N checks of one of them. */
    enum { N = 5 };
    house_init(H);
    H->own_caa = true;
    for (int i = 0; i < N; i++)
        house_name(H, cs_arena_printf(&H->arena, "n%d.example.com", i));
    house_order(H);
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    for (int i = 0; i < N; i++)
        house_caa(H, "n2.example.com");
    check(CS_RULE_C01, "N checks of one name", false, "dns:n0.example.com");
    unsigned n = 0;
    for (uint32_t i = 0; i < H->verdict.n_reasons; i++)
        n += H->verdict.reason[i].rule == CS_RULE_C01;
    assert_int_equal(n, N - 1);
    assert_false(house_has(H, CS_RULE_C01, "dns:n2.example.com"));
    assert_int_equal(H->verdict.n_reasons, N - 1);
    for (int i = 0; i < N; i++)
        house_caa(H, cs_arena_printf(&H->arena, "n%d.example.com", i));
    check(CS_RULE_C01, "each its own", true, NULL);

    /* neither addresses nor .onion names have CAA */
    house_init(H);
    H->own_caa = true;
    house_ip(H, "\xc6\x34\x00\x01", 4);
    house_name(H, ONION_NAME);
    house_order(H);
    house_control_ip(H, "\xc6\x34\x00\x01", 4, METHOD(IPCV_ACME_HTTP_01));
    house_control(H, ONION_NAME, METHOD(DCV_ONION_CSR), SCOPE(EXACT));
    check(CS_RULE_C01, "no CAA for these", true, NULL);

    one();
    H->facts.n_evidence--;
    H->facts.caa_exempt_by_logged_precertificate = true;
    check(CS_RULE_C01, "final of a logged precertificate", true, NULL);
    H->facts.kind = CS_LEAF_PRECERTIFICATE;
    check(CS_RULE_C01, "a precertificate is never exempt", false, name);

    one();
    house_last(H)->statement->header->account = house_bytes(H, "acme2");
    check(CS_RULE_V06, "another account's check", false, name);
    assert_true(house_has(H, CS_RULE_C01, name));
    one();
    house_last(H)->statement->header->expires_at_unix_s = HOUSE_NOW + 1;
    check(CS_RULE_E05, "last second", true, NULL);
    house_last(H)->statement->header->expires_at_unix_s = HOUSE_NOW;
    check(CS_RULE_E05, "expired", false, name);
}

void caa_result_table(void **state)
{
    (void)state;
    caa_t *m = one();
    m->result = RESULT(FORBIDDEN);
    check(CS_RULE_C01, "forbidden", false, name);
    house_approval(H, DECISION(APPROVE)); /* H23 */
    check(CS_RULE_C01, "forbidden and approved", false, name);
    assert_true(house_has(H, CS_RULE_X01, NULL));
    m->result = RESULT(UNSPECIFIED);
    check(CS_RULE_C01, "no result", false, name);

    /* a newer prohibition ends an older permission, a newer permission an older prohibition */
    for (int newer = -1; newer <= 1; newer++)
        for (int first = 0; first < 2; first++) {
            house_usual(H);
            H->own_caa = true;
            if (first)
                house_caa(H, "www.example.com");
            caa_t *no = house_caa(H, "www.example.com");
            if (!first)
                house_caa(H, "www.example.com");
            no->result = RESULT(FORBIDDEN);
            checked(no, HOUSE_NOW - 600 + newer);
            check(CS_RULE_C01, "which is newer", newer < 0, name);
            no->methods[0] = METHOD(DCV_ACME_HTTP_01);
            no->n_methods = 1;
            check(CS_RULE_C01, "but for another method", true, NULL);
            no->n_methods = 0;
            no->account_uri = house_bytes(H, "https://ca.example/acct/2");
            check(CS_RULE_C01, "but for another account URI", true, NULL);
            no->account_uri.len = 0;
            check(CS_RULE_C01, "for everybody", newer < 0, name);
            no->tag = TAG(ISSUEWILD);
            check(CS_RULE_C01, "but for wildcards", true, NULL);
        }

    /* every combination of the three facts */
    for (unsigned facts = 0; facts < 16; facts++) {
        m = one();
        m->result = RESULT(LOOKUP_FAILED);
        m->failure = cs_arena_get(&H->arena, sizeof *m->failure);
        countersign__v1__caa_lookup_failure__init(m->failure);
        m->failure->outside_ca_infrastructure = (facts & 1) != 0;
        m->failure->retries = facts >> 1 & 1;
        m->failure->zone_proven_insecure = (facts & 4) != 0;
        m->dnssec = DNSSEC(INSECURE);
        m->perspectives->primary->passed = (facts & 8) != 0;
        check(CS_RULE_C02, "lookup failed", (facts & 7) == 7, name);
    }
    m->failure = NULL;
    check(CS_RULE_C02, "failed without facts", false, name);

    static const struct {
        int status;
        bool ok;
    } dnssec[] = { { DNSSEC(SECURE), true },
                   { DNSSEC(INSECURE), true },
                   { DNSSEC(BOGUS), false },
                   { DNSSEC(NOT_APPLICABLE), false },
                   { DNSSEC(UNSPECIFIED), false } };
    for (size_t i = 0; i < N_OF(dnssec); i++) {
        one()->dnssec = (Countersign__V1__DnssecStatus)dnssec[i].status;
        check(CS_RULE_V09, "DNSSEC of the CAA look-up", dnssec[i].ok, name);
    }
}

void caa_age_table(void **state)
{
    (void)state;
    enum { H8 = 8 * 3600 };
    static const struct {
        uint32_t ttl_s;
        int64_t age_s;
        bool ok;
    } rows[] = {
        { 0, H8, true },           { 0, H8 + 1, false },
        { 300, H8, true },         { H8 - 1, H8, true },
        { H8, H8, true },          { H8, H8 + 1, false },
        { H8 + 1, H8 + 1, true },  { H8 + 1, H8 + 2, false },
        { 86400, 86400, true },    { 86400, 86401, false },
        { 300, 0, true },          { 300, -60, true },
        { 300, -61, false },       { UINT32_MAX, 86400 * 365, true },
        { 300, INT64_MAX, false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        caa_t *m = one();
        m->ttl_s = rows[i].ttl_s;
        checked(m, HOUSE_NOW - rows[i].age_s);
        if (rows[i].age_s > 86400)
            m->perspectives = house_perspectives(H, 5, m->checked_at_unix_s);
        check(CS_RULE_C01, "age", rows[i].ok, name);
        if (rows[i].ok && rows[i].age_s >= 0 && rows[i].ttl_s < 86400) {
            const struct cs_cover *cover = &H->verdict.cover[H->verdict.n_covers - 2]; /* before the lint */
            H->facts.now_unix_s = cover->good_until_unix_s - 1;
            check(CS_RULE_C01, "good until the second before", true, NULL);
            H->facts.now_unix_s++;
            check(CS_RULE_C01, "not good at good_until", false, name);
        }
    }
}

void caa_tag_table(void **state)
{
    (void)state;
    static const struct {
        const char *name, *check;
        int tag;
        bool ok;
    } rows[] = {
        { "example.com", "example.com", TAG(ISSUE), true },
        { "example.com", "example.com", TAG(ISSUEWILD), false },
        { "*.example.com", "*.example.com", TAG(ISSUEWILD), true },
        { "*.example.com", "*.example.com", TAG(ISSUE), false },
        { "example.com", "example.com", TAG(UNSPECIFIED), true }, /* the form refuses it */
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        if (rows[i].tag == TAG(UNSPECIFIED))
            continue;
        house_init(H);
        H->own_caa = true;
        house_name(H, rows[i].name);
        house_order(H);
        house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
        house_caa(H, rows[i].check)->tag = (Countersign__V1__CaaTag)rows[i].tag;
        check(CS_RULE_C02, "tag", rows[i].ok, NULL);
    }
    /* both forms of a name need both properties */
    house_init(H);
    H->own_caa = true;
    house_name(H, "example.com");
    house_name(H, "*.example.com");
    house_order(H);
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    house_caa(H, "example.com");
    check(CS_RULE_C02, "issue only", false, "dns:*.example.com");
    assert_false(house_has(H, CS_RULE_C01, "dns:example.com"));
    house_caa(H, "*.example.com");
    check(CS_RULE_C02, "issue and issuewild", true, NULL);

    one()->unknown_critical_tag = true;
    check(CS_RULE_C02, "unknown critical tag", false, name);
    caa_t *m = one();
    m->issuer_domain = house_bytes(H, "ca.example");
    m->found_at = house_bytes(H, "example.com");
    check(CS_RULE_C02, "our issuer domain", true, NULL);
    m->issuer_domain = house_bytes(H, "ca2.example");
    check(CS_RULE_C02, "another CA's", false, name);
    H->policy.issuer[0].caa_identity[H->policy.issuer[0].n_caa_identities++] = cs_span_str("ca2.example");
    check(CS_RULE_C02, "ours by the policy", true, NULL);
}

void caa_perspective_table(void **state)
{
    (void)state;
    caa_t *m = one();
    m->perspectives->remotes[0]->passed = false;
    check(CS_RULE_C03, "one remote did not corroborate", true, NULL);
    m->perspectives->remotes[1]->passed = false;
    check(CS_RULE_C03, "two did not", false, name);
    assert_false(house_has(H, CS_RULE_V07, NULL)); /* the two sets are counted apart */
    m->perspectives = house_perspectives(H, 3, m->checked_at_unix_s);
    check(CS_RULE_C03, "three remotes", false, name);
    m->perspectives = house_perspectives(H, 4, m->checked_at_unix_s);
    check(CS_RULE_C03, "four", true, NULL);
    m->perspectives->primary->passed = false;
    check(CS_RULE_C03, "the primary found no permission", false, name);
    m->perspectives = NULL;
    check(CS_RULE_V08, "no perspectives", false, name);
    /* a good set for control does not stand in for CAA, nor the other way round */
    assert_non_null(control()->perspectives);
    m = one();
    control()->perspectives = NULL;
    check(CS_RULE_V08, "the other set missing", false, name);

    /* only where the method needs them */
    m = one();
    m->perspectives = NULL;
    control()->method = METHOD(DCV_CONSTRUCTED_EMAIL);
    control()->perspectives = NULL;
    check(CS_RULE_V08, "a method without perspectives", true, NULL);
    control()->method = METHOD(DCV_REGISTRAR_DOMAIN_CONTACT);
    check(CS_RULE_V08, "another one", true, NULL);
    m->perspectives = house_perspectives(H, 1, m->checked_at_unix_s);
    check(CS_RULE_C03, "a set nobody asks for", true, NULL);

    /* of two controls the one that agrees with the CAA check is taken */
    m = one();
    m->perspectives = NULL;
    house_control(H, "example.com", METHOD(DCV_REGISTRAR_DOMAIN_CONTACT), SCOPE(NAMESPACE));
    check(CS_RULE_V08, "a control that needs none is there too", true, NULL);
    assert_int_equal(H->verdict.cover[1].evidence, 3);
}

void caa_parameter_table(void **state)
{
    (void)state;
    caa_t *m = one();
    check(CS_RULE_C04, "both agree", true, NULL);
    m->account_uri = house_bytes(H, "https://ca.example/acct/2");
    check(CS_RULE_C04, "another account URI", false, name);
    control()->account_uri.len = 0;
    check(CS_RULE_C04, "none in the control", false, name);
    m->account_uri.len = 0;
    check(CS_RULE_C04, "none at all", true, NULL);
    control()->account_uri = house_bytes(H, "https://ca.example/acct/1");
    check(CS_RULE_C04, "not evaluated", true, NULL);
    m->n_methods = 0;
    check(CS_RULE_C04, "methods not evaluated", true, NULL);
    m->methods[0] = METHOD(DCV_ACME_HTTP_01);
    m->n_methods = 1;
    check(CS_RULE_C04, "another method", false, name);
    m->methods[1] = METHOD(DCV_DNS_CHANGE);
    m->n_methods = 2;
    check(CS_RULE_C04, "the method among others", true, NULL);

    /* required from 2027-03-15 on */
    for (int missing = 0; missing < 4; missing++)
        for (int64_t now = CS_DAY_2027_03_15 - 1; now <= CS_DAY_2027_03_15; now++) {
            m = one();
            at(now);
            if ((missing & 1) != 0)
                m->account_uri.len = 0;
            if ((missing & 2) != 0)
                m->n_methods = 0;
            check(CS_RULE_C04, "the day they are required", missing == 0 || now < CS_DAY_2027_03_15, name);
            if (missing != 0 && now < CS_DAY_2027_03_15)
                assert_int_equal(H->verdict.cover[2].good_until_unix_s, CS_DAY_2027_03_15);
        }

    /* of two controls the one that agrees is taken, though the other lives longer */
    m = one();
    m->methods[0] = METHOD(DCV_ACME_HTTP_01);
    m->n_methods = 1;
    control_t *d = house_control(H, "www.example.com", METHOD(DCV_ACME_HTTP_01), SCOPE(EXACT));
    house_age(d, HOUSE_NOW - 100 * 86400);
    check(CS_RULE_C04, "the control that agrees", true, NULL);
    assert_int_equal(H->verdict.cover[1].evidence, 3);
    m->methods[0] = METHOD(DCV_ACME_TLS_ALPN_01);
    check(CS_RULE_C04, "none agrees", false, name);
    assert_false(house_has(H, CS_RULE_V01, NULL)); /* control as such is covered */
    /* of two checks the one that agrees is taken, though the other is newer */
    m = one();
    checked(m, HOUSE_NOW - 3600);
    m = house_caa(H, "www.example.com");
    m->methods[0] = METHOD(DCV_ACME_HTTP_01);
    m->n_methods = 1;
    check(CS_RULE_C04, "the check that agrees", true, NULL);
    assert_int_equal(H->verdict.cover[2].evidence, 2);
}
