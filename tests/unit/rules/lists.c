/* T10, T11, T17 and T18 as far as they look into lists, and V05 at the base domain. */
#include "tests/unit/rules/tables.h"

#include <stdio.h>

void weak_key_table(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        enum cs_key_kind kind;
        uint32_t rsa_bits;
        struct cs_modulus_flaws flaws;
        enum cs_list_answer debian;
        bool accept_missing, ok;
    } rows[] = {
        { "RSA", CS_KEY_RSA, 2048, { false, false }, CS_LIST_ABSENT, false, true },
        { "RSA of ROCA", CS_KEY_RSA, 2048, { true, false }, CS_LIST_ABSENT, true, false },
        { "RSA with close factors", CS_KEY_RSA, 2048, { false, true }, CS_LIST_ABSENT, true, false },
        { "RSA of Debian", CS_KEY_RSA, 2048, { false, false }, CS_LIST_PRESENT, true, false },
        { "RSA not looked up", CS_KEY_RSA, 2048, { false, false }, CS_LIST_UNKNOWN, true, false },
        { "RSA not covered", CS_KEY_RSA, 3072, { false, false }, CS_LIST_UNCOVERED, false, false },
        { "RSA not covered, said in words",
          CS_KEY_RSA,
          3072,
          { false, false },
          CS_LIST_UNCOVERED,
          true,
          true },
        { "RSA 8192 not covered", CS_KEY_RSA, 8192, { false, false }, CS_LIST_UNCOVERED, false, false },
        { "RSA 8200 not covered", CS_KEY_RSA, 8200, { false, false }, CS_LIST_UNCOVERED, false, true },
        { "EC", CS_KEY_EC_P256, 0, { false, false }, CS_LIST_ABSENT, false, true },
        { "EC of Debian", CS_KEY_EC_P384, 0, { false, false }, CS_LIST_PRESENT, true, false },
        { "EC not covered", CS_KEY_EC_P521, 0, { false, false }, CS_LIST_UNCOVERED, false, false },
        { "EC not covered, said in words",
          CS_KEY_EC_P521,
          0,
          { false, false },
          CS_LIST_UNCOVERED,
          true,
          true },
        { "EC not looked up", CS_KEY_EC_P256, 0, { false, false }, CS_LIST_UNKNOWN, true, false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_usual(H);
        H->tbs.key_kind = rows[i].kind;
        if (rows[i].kind == CS_KEY_RSA)
            H->facts.spki = (struct cs_spki_facts){ .rsa_bits = rows[i].rsa_bits,
                                                    .rsa_exponent_odd = true,
                                                    .rsa_exponent_at_least_65537 = true,
                                                    .rsa_exponent_at_least_3 = true,
                                                    .rsa_modulus_odd = true };
        H->facts.modulus_flaws = rows[i].flaws;
        H->facts.debian_weak = rows[i].debian;
        if (rows[i].accept_missing)
            H->policy.lists.debian_weak_keys.accept_missing = "there is none as yet";
        check(CS_RULE_T10, rows[i].row, rows[i].ok, "key");
    }
}

static void order_for_key(const char *spki)
{
    house_init(H);
    H->tbs.spki = cs_span_str(spki);
    H->facts.spki_sha256 = cs_sha256(H->tbs.spki);
    house_name(H, "www.example.com");
    house_order(H);
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
}

void compromised_key_table(void **state)
{
    (void)state;
    order_for_key("a fresh key");
    check(CS_RULE_T11, "not listed", true, NULL);
    order_for_key(HOUSE_STOLEN_KEY);
    check(CS_RULE_T11, "listed", false, "key");
    order_for_key("a fresh key");
    H->policy.n_issuers = 2;
    H->policy.issuer[1].id = cs_span_str("r2");
    H->policy.issuer[1].spki = cs_span_str("another key");
    check(CS_RULE_T11, "another issuer", true, NULL);
    H->policy.issuer[1].spki = H->tbs.spki;
    check(CS_RULE_T11, "the key of another issuer", false, "key");
    order_for_key("a fresh key");
    H->policy.attester[2].spki_sha256 = H->facts.spki_sha256;
    check(CS_RULE_T11, "the key of an attester", false, "key");
    order_for_key("a fresh key");
    H->facts.lists = NULL;
    check(CS_RULE_T11, "no lists", false, "key");
}

void public_name_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ok;
    } names[] = {
        { "example.com", true },
        { "EXAMPLE.COM", true },
        { "a.example", true },
        { "www.x.ck", true },
        { "ck.com", true },
        { "example.kp", false },
        { "example.com.local", false },
        { "mail.corp", false },
        { "example.co", false },
        { "example.comm", false },
        { "example.onion.com", true },
        { ONION_NAME, true },
        { "hosting.example", true },
        { "printer.localhost", false },
        { "xn--p1ai.xn--p1ai", false },
    };
    for (size_t i = 0; i < N_OF(names); i++) {
        house_init(H);
        house_name(H, names[i].name);
        house_order(H);
        house_control(H, names[i].name, METHOD(DCV_ACME_HTTP_01), SCOPE(EXACT));
        check(CS_RULE_T17, names[i].name, names[i].ok, NULL);
    }
    static const struct {
        const char *row, *octets;
        size_t len;
        bool ok;
    } addresses[] = {
        { "9.255.255.255", "\x09\xff\xff\xff", 4, true },
        { "10.0.0.0", "\x0a\x00\x00\x00", 4, false },
        { "10.255.255.255", "\x0a\xff\xff\xff", 4, false },
        { "11.0.0.0", "\x0b\x00\x00\x00", 4, true },
        { "192.88.99.1", "\xc0\x58\x63\x01", 4, false },
        { "224.0.0.1", "\xe0\x00\x00\x01", 4, false },
        { "2606::1", "\x26\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16, true },
        { "2001:db8::1", "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16, false },
        { "::ffff:9.9.9.9", "\0\0\0\0\0\0\0\0\0\0\xff\xff\x09\x09\x09\x09", 16, false },
    };
    for (size_t i = 0; i < N_OF(addresses); i++) {
        house_init(H);
        house_ip(H, addresses[i].octets, addresses[i].len);
        house_order(H);
        house_control_ip(H, addresses[i].octets, addresses[i].len, METHOD(IPCV_ACME_HTTP_01));
        check(CS_RULE_T17, addresses[i].row, addresses[i].ok, NULL);
    }
    house_usual(H);
    H->facts.lists = NULL;
    check(CS_RULE_T17, "no lists", false, "tbs.subjectAltName");
}

void wildcard_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {
        { "*.example.com", true },     { "*.co.uk", false },       { "*.CO.UK", false },
        { "*.a.co.uk", true },         { "*.kobe.jp", false },     { "*.x.kobe.jp", false },
        { "*.y.x.kobe.jp", true },     { "*.city.kobe.jp", true }, { "*.x.ck", false },
        { "*.hosting.example", true }, /* the private section stops nobody */
        { "*." ONION_NAME, true },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_init(H);
        house_name(H, rows[i].name);
        house_order(H);
        bool onion = cs_dns_is_onion(cs_span_str(rows[i].name));
        house_control(H, rows[i].name + 2, onion ? METHOD(DCV_ONION_CSR) : METHOD(DCV_DNS_CHANGE),
                      SCOPE(NAMESPACE));
        check(CS_RULE_T18, rows[i].name, rows[i].ok, NULL);
        if (!rows[i].ok)
            assert_true(house_has(H, CS_RULE_V05, NULL)); /* nor does its evidence reach it */
    }
    house_init(H);
    house_name(H, "*.example.com");
    house_order(H);
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    H->facts.lists = NULL;
    check(CS_RULE_T18, "no lists", false, "dns:*.example.com");
}

void base_domain_table(void **state)
{
    (void)state;
    static const struct {
        const char *name, *domain;
        bool ok;
    } rows[] = {
        { "www.a.co.uk", "a.co.uk", true },         { "www.a.co.uk", "co.uk", false },
        { "www.A.CO.UK", "Co.Uk", false },          { "co.uk", "co.uk", true }, /* that very name */
        { "www.y.x.kobe.jp", "y.x.kobe.jp", true }, { "www.y.x.kobe.jp", "x.kobe.jp", false },
        { "www.y.x.kobe.jp", "kobe.jp", false },    { "www.city.kobe.jp", "city.kobe.jp", true },
        { "www.city.kobe.jp", "kobe.jp", false },   { "a.hosting.example", "hosting.example", true },
        { "www." ONION_NAME, ONION_NAME, true },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        bool onion = cs_dns_is_onion(cs_span_str(rows[i].name));
        int method = onion ? METHOD(DCV_ONION_CSR) : METHOD(DCV_DNS_CHANGE);
        house_init(H);
        house_name(H, rows[i].name);
        house_order(H);
        control_t *d = house_control(H, rows[i].domain, method, SCOPE(NAMESPACE));
        check(CS_RULE_V05, rows[i].name, rows[i].ok, NULL);
        if (strlen(rows[i].name) == strlen(rows[i].domain))
            continue;
        /* The same when the statement tells of the labels it dropped. */
        Countersign__V1__Derivation *v = cs_arena_get(&H->arena, sizeof *v);
        countersign__v1__derivation__init(v);
        v->applied_for = house_bytes(H, rows[i].name);
        v->pruned_labels =
            cs_dns_labels(cs_span_str(rows[i].name)) - cs_dns_labels(cs_span_str(rows[i].domain));
        d->derivation = v;
        check(CS_RULE_V05, rows[i].name, rows[i].ok, NULL);
    }

    /* A CNAME target has its own base domain. */
    static const struct {
        const char *target, *domain;
        uint32_t pruned;
        bool ok;
    } targets[] = {
        { "x.cdn.co.uk", "cdn.co.uk", 1, true },
        { "x.cdn.co.uk", "co.uk", 2, false },
    };
    for (size_t i = 0; i < N_OF(targets); i++) {
        house_init(H);
        house_name(H, "www.example.com");
        house_order(H);
        control_t *d = house_control(H, targets[i].domain, METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
        Countersign__V1__Derivation *v = cs_arena_get(&H->arena, sizeof *v);
        countersign__v1__derivation__init(v);
        v->applied_for = house_bytes(H, "www.example.com");
        v->cname_chain = cs_arena_get(&H->arena, sizeof *v->cname_chain);
        v->cname_chain[0] = house_bytes(H, targets[i].target);
        v->n_cname_chain = 1;
        v->pruned_labels = targets[i].pruned;
        d->derivation = v;
        check(CS_RULE_V05, targets[i].target, targets[i].ok, "dns:www.example.com");
    }
    house_usual(H);
    H->facts.lists = NULL;
    check(CS_RULE_V05, "no lists", false, "dns:www.example.com");
}
