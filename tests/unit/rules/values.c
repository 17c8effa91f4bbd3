/* V04, and V05 for constructed mailboxes. */
#include "tests/unit/rules/tables.h"

enum { DAY = 86400 };

static control_t *one(int method)
{
    static const char ip[] = "\xc6\x34\x00\x01";
    house_init(H);
    if (cs_method_row(method)->for_ip) {
        house_ip(H, ip, 4);
        house_order(H);
        return house_control_ip(H, ip, 4, method);
    }
    house_name(H, method == METHOD(DCV_ONION_CSR) ? ONION_NAME : "example.com");
    house_order(H);
    return house_control(H, method == METHOD(DCV_ONION_CSR) ? ONION_NAME : "example.com", method,
                         SCOPE(EXACT));
}

static void at(int64_t now, control_t *d)
{
    H->facts.now_unix_s = H->tbs.not_before_unix_s = now;
    H->tbs.not_after_unix_s = now + 40 * DAY;
    H->policy.issuer[0].not_after_unix_s = INT64_MAX;
    for (uint32_t i = 0; i < H->facts.n_evidence; i++) {
        H->evidence[i].statement->header->expires_at_unix_s = INT64_MAX;
        if (H->evidence[i].statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORDER)
            H->evidence[i].statement->order->latest_not_after_unix_s = INT64_MAX;
    }
    house_age(d, now);
}

void value_table(void **state)
{
    (void)state;
    /* days: lifetime of the value; 0: the method has none; optional: only when a message was left */
    static const struct {
        int method, inner;
        int64_t now;
        int days;
        bool optional;
    } rows[] = {
        { METHOD(DCV_CONSTRUCTED_EMAIL), 0, HOUSE_NOW, 30, false },
        { METHOD(DCV_DNS_CHANGE), 0, HOUSE_NOW, 30, false },
        { METHOD(DCV_REGISTRAR_DOMAIN_CONTACT), 0, HOUSE_NOW, 0, true },
        { METHOD(DCV_EMAIL_CAA_CONTACT), 0, HOUSE_NOW, 30, false },
        { METHOD(DCV_EMAIL_TXT_CONTACT), 0, HOUSE_NOW, 30, false },
        { METHOD(DCV_PHONE_TXT_CONTACT), 0, HOUSE_NOW, 30, true },
        { METHOD(DCV_PHONE_CAA_CONTACT), 0, HOUSE_NOW, 30, true },
        { METHOD(DCV_HTTP_WEBSITE_V2), 0, HOUSE_NOW, 30, false },
        { METHOD(DCV_ACME_HTTP_01), 0, HOUSE_NOW, 30, false },
        { METHOD(DCV_ACME_TLS_ALPN_01), 0, HOUSE_NOW, 30, false },
        { METHOD(DCV_ACME_DNS_ACCOUNT_01), 0, HOUSE_NOW, 30, false },
        { METHOD(DCV_DNS_PERSIST_01), 0, HOUSE_NOW, 0, true },
        { METHOD(DCV_ONION_CSR), 0, HOUSE_NOW, 30, false },
        { METHOD(IPCV_HTTP_WEBSITE), 0, CS_DAY_2026_03_15 - 1, 398, false },
        { METHOD(IPCV_HTTP_WEBSITE), 0, CS_DAY_2026_03_15, 200, false },
        { METHOD(IPCV_HTTP_WEBSITE), 0, CS_DAY_2027_03_15 - 1, 200, false },
        { METHOD(IPCV_HTTP_WEBSITE), 0, CS_DAY_2027_03_15, 100, false },
        { METHOD(IPCV_HTTP_WEBSITE), 0, CS_DAY_2029_03_15 - 1, 100, false },
        { METHOD(IPCV_HTTP_WEBSITE), 0, CS_DAY_2029_03_15, 30, false }, /* 10 d of reuse are less */
        { METHOD(IPCV_IP_CONTACT_MESSAGE), 0, HOUSE_NOW, 30, false },
        { METHOD(IPCV_REVERSE_LOOKUP), METHOD(DCV_DNS_CHANGE), HOUSE_NOW, 30, false },
        { METHOD(IPCV_REVERSE_LOOKUP), METHOD(DCV_PHONE_TXT_CONTACT), HOUSE_NOW, 30, true },
        { METHOD(IPCV_REVERSE_LOOKUP), METHOD(DCV_DNS_PERSIST_01), HOUSE_NOW, 0, true },
        { METHOD(IPCV_IP_CONTACT_PHONE), 0, HOUSE_NOW, 30, true },
        { METHOD(IPCV_ACME_HTTP_01), 0, HOUSE_NOW, 30, false },
        { METHOD(IPCV_ACME_TLS_ALPN_01), 0, HOUSE_NOW, 30, false },
        { METHOD(IPCV_DNS_PERSIST_01), 0, HOUSE_NOW, 0, true },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        char row[96];
        (void)snprintf(row, sizeof row, "method %d/%d at %lld", rows[i].method, rows[i].inner,
                       (long long)rows[i].now);
        control_t *d = one(rows[i].method);
        d->inner_method = (Countersign__V1__ValidationMethod)rows[i].inner;
        at(rows[i].now, d);
        for (int kind = CHALLENGE(RANDOM_VALUE); kind <= (int)CHALLENGE(SINGLE_USE_TOKEN); kind++) {
            bool ages = rows[i].days != 0;
            d->challenge->kind = (Countersign__V1__ChallengeKind)kind;
            d->challenge->created_at_unix_s = rows[i].now - rows[i].days * DAY;
            check(CS_RULE_V04, row, true, NULL);
            d->challenge->created_at_unix_s -= 1;
            check(CS_RULE_V04, row, !ages, NULL);
            d->challenge->created_at_unix_s = rows[i].now;
            check(CS_RULE_V04, row, true, NULL);
            d->challenge->created_at_unix_s += 1; /* a token of the future */
            check(CS_RULE_V04, row, !ages, NULL);
            d->challenge->created_at_unix_s = INT64_MIN;
            check(CS_RULE_V04, row, !ages, NULL);
            d->challenge->created_at_unix_s = rows[i].now;
        }
        d->challenge->kind = CHALLENGE(NONE);
        check(CS_RULE_V04, row, rows[i].optional, NULL);
        d->challenge->kind = CHALLENGE(UNSPECIFIED);
        check(CS_RULE_V04, row, rows[i].optional, NULL);
        d->challenge = NULL;
        check(CS_RULE_V04, row, rows[i].optional, NULL);
    }
    /* a policy that reuses less lets values live less, but never less than 30 d */
    control_t *d = one(METHOD(IPCV_HTTP_WEBSITE));
    H->policy.limits.max_domain_age_s = 60 * DAY;
    d->challenge->created_at_unix_s = d->observed_at_unix_s - 60 * DAY;
    check(CS_RULE_V04, "60 d by policy", true, NULL);
    d->challenge->created_at_unix_s--;
    check(CS_RULE_V04, "and a second", false, "ip:198.52.0.1");
    H->policy.limits.max_domain_age_s = 10 * DAY;
    d->challenge->created_at_unix_s = d->observed_at_unix_s - 30 * DAY;
    check(CS_RULE_V04, "30 d whatever the policy", true, NULL);
    d->challenge->created_at_unix_s--;
    check(CS_RULE_V04, "and a second", false, "ip:198.52.0.1");

    bool spent[8] = { false };
    house_usual(H);
    H->facts.token_spent = spent;
    check(CS_RULE_V04, "not spent", true, NULL);
    spent[1] = true;
    check(CS_RULE_V04, "spent by another statement", false, "dns:www.example.com");
    H->facts.token_spent = NULL;
}

void persistent_table(void **state)
{
    (void)state;
    static const int methods[] = { METHOD(DCV_DNS_PERSIST_01), METHOD(IPCV_DNS_PERSIST_01),
                                   METHOD(IPCV_REVERSE_LOOKUP) };
    for (size_t i = 0; i < N_OF(methods); i++) {
        control_t *d = one(methods[i]);
        if (methods[i] == METHOD(IPCV_REVERSE_LOOKUP))
            d->inner_method = METHOD(DCV_DNS_PERSIST_01);
        check(CS_RULE_V04, "for ever", true, NULL);
        d->persist_until_unix_s = d->observed_at_unix_s;
        check(CS_RULE_V04, "until the check", true, NULL);
        d->persist_until_unix_s--;
        check(CS_RULE_V04, "until the second before", false, NULL);
        d->persist_until_unix_s = 0;
        d->issuer_domain = house_bytes(H, "other.example");
        check(CS_RULE_V04, "the record of another CA", false, NULL);
        d->issuer_domain.len = 0;
        check(CS_RULE_V04, "of no CA", false, NULL);
        d->issuer_domain = house_bytes(H, "ca.example");
        check(CS_RULE_V04, "one of ours", true, NULL);
        d->account_uri.len = 0;
        H->own_caa = true; /* C04 is another matter */
        caa_t *m = methods[i] == METHOD(DCV_DNS_PERSIST_01) ? house_caa(H, "example.com") : NULL;
        if (m != NULL)
            m->account_uri.len = 0;
        check(CS_RULE_V04, "no account URI", false, NULL);
    }
}

void mailbox_table(void **state)
{
    (void)state;
    static const struct {
        const char *contact;
        bool ok;
    } rows[] = {
        { "admin@example.com", true },
        { "administrator@example.com", true },
        { "webmaster@example.com", true },
        { "hostmaster@example.com", true },
        { "postmaster@EXAMPLE.com", true },
        { "Admin@example.com", true },
        { "root@example.com", false },
        { "admin@www.example.com", false },
        { "admin@example.net", false },
        { "admin@example.com.evil.example", false },
        { "xadmin@example.com", false },
        { "admin@@example.com", false },
        { "admin", false },
        { "", false },
        { "@example.com", false },
        { "admin@", false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        one(METHOD(DCV_CONSTRUCTED_EMAIL))->contact = house_bytes(H, rows[i].contact);
        check(CS_RULE_V05, rows[i].contact, rows[i].ok, "dns:example.com");
        one(METHOD(DCV_EMAIL_TXT_CONTACT))->contact = house_bytes(H, rows[i].contact);
        check(CS_RULE_V05, "a contact of the DNS may lie anywhere", true, NULL);
    }
}

static bool token_of(control_t *d, struct cs_sha256 *token, struct cs_sha256 *bound)
{
    (void)d;
    return cs_token_of(house_last(H), token, bound);
}

void tokens_of_statements(void **state)
{
    (void)state;
    struct cs_sha256 token, bound, other;
    control_t *d = one(METHOD(DCV_DNS_CHANGE));
    assert_false(token_of(d, &token, &bound)); /* random values of the DNS are not unique to anything */
    d->challenge->kind = CHALLENGE(TIMESTAMPED_TOKEN);
    assert_false(token_of(d, &token, &bound));
    d->challenge->kind = CHALLENGE(SINGLE_USE_TOKEN);
    house_last(H)->payload_sha256 = cs_sha256(cs_span_str("payload"));
    assert_true(token_of(d, &token, &bound));
    assert_memory_equal(&token, d->challenge->sha256.data, sizeof token);
    assert_memory_equal(&bound, &house_last(H)->payload_sha256, sizeof bound);
    d->challenge->sha256.len = 31;
    assert_false(token_of(d, &token, &bound));

    d = one(METHOD(DCV_EMAIL_TXT_CONTACT));
    assert_true(token_of(d, &token, &bound));
    d->domain = house_bytes(H, "example.net"); /* one message may speak of several domains */
    house_last(H)->payload_sha256 = cs_sha256(cs_span_str("another payload"));
    assert_true(token_of(d, &token, &other));
    assert_memory_equal(&bound, &other, sizeof bound);
    d->contact = house_bytes(H, "someone@else.example");
    assert_true(token_of(d, &token, &other));
    assert_memory_not_equal(&bound, &other, sizeof bound);
    d->contact = house_bytes(H, "admin@example.com");
    house_last(H)->statement->header->account = house_bytes(H, "other");
    assert_true(token_of(d, &token, &other));
    assert_memory_not_equal(&bound, &other, sizeof bound);
    d = one(METHOD(IPCV_REVERSE_LOOKUP));
    d->inner_method = METHOD(DCV_CONSTRUCTED_EMAIL);
    assert_true(token_of(d, &token, &bound));
    d->inner_method = METHOD(DCV_DNS_CHANGE);
    assert_false(token_of(d, &token, &bound));
    house_order(H);
    assert_false(cs_token_of(house_last(H), &token, &bound));
}
