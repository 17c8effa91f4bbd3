/* Methods x names x scopes x days x what comes with the statement: exhaustively, against the table of the
 * requirements written anew here. */
#include "tests/unit/rules/tables.h"

/* w: wildcards, c: child names, n: CNAME, o: onion, O: onion only, i: IP, m: perspectives, d: DNS queries,
 * v: value, p: persistent record. */
static const struct {
    int method;
    const char *marks;
    int64_t until; /* INT64_MIN: retired */
} methods[] = {
    { METHOD(DCV_CONSTRUCTED_EMAIL), "wcnv", CS_DAY_2028_03_15 },
    { METHOD(DCV_DNS_CHANGE), "wcnmdv", INT64_MAX },
    { METHOD(DCV_REGISTRAR_DOMAIN_CONTACT), "wc", INT64_MAX },
    { METHOD(DCV_EMAIL_CAA_CONTACT), "wcnmdv", CS_DAY_2028_03_15 },
    { METHOD(DCV_EMAIL_TXT_CONTACT), "wcnmdv", CS_DAY_2028_03_15 },
    { METHOD(DCV_PHONE_TXT_CONTACT), "wcnmd", CS_DAY_2027_03_15 },
    { METHOD(DCV_PHONE_CAA_CONTACT), "wcnmd", CS_DAY_2027_03_15 },
    { METHOD(DCV_HTTP_WEBSITE_V2), "omdv", INT64_MAX },
    { METHOD(DCV_ACME_HTTP_01), "omdv", INT64_MAX },
    { METHOD(DCV_ACME_TLS_ALPN_01), "omdv", INT64_MAX },
    { METHOD(DCV_ACME_DNS_ACCOUNT_01), "wcmdv", INT64_MAX },
    { METHOD(DCV_DNS_PERSIST_01), "wcmdp", INT64_MAX },
    { METHOD(DCV_ONION_CSR), "wcoOv", INT64_MAX },
    { METHOD(IPCV_HTTP_WEBSITE), "imv", INT64_MAX },
    { METHOD(IPCV_IP_CONTACT_MESSAGE), "iv", CS_DAY_2027_03_15 },
    { METHOD(IPCV_REVERSE_LOOKUP), "imdv", CS_DAY_2027_03_15 },
    { METHOD(IPCV_IP_CONTACT_PHONE), "i", CS_DAY_2027_03_15 },
    { METHOD(IPCV_ACME_HTTP_01), "imv", INT64_MAX },
    { METHOD(IPCV_ACME_TLS_ALPN_01), "imv", INT64_MAX },
    { METHOD(IPCV_DNS_PERSIST_01), "imdp", INT64_MAX },
    { METHOD(RETIRED_DCV_1_DOMAIN_CONTACT), "", INT64_MIN },
    { METHOD(RETIRED_DCV_2_CONTACT_MESSAGE), "", INT64_MIN },
    { METHOD(RETIRED_DCV_3_CONTACT_PHONE), "", INT64_MIN },
    { METHOD(RETIRED_DCV_5_DOCUMENT), "", INT64_MIN },
    { METHOD(RETIRED_DCV_6_WEBSITE_V1), "", INT64_MIN },
    { METHOD(RETIRED_DCV_8_IP_ADDRESS), "", INT64_MIN },
    { METHOD(RETIRED_DCV_9_TEST_CERT), "", INT64_MIN },
    { METHOD(RETIRED_DCV_10_TLS_RANDOM), "", INT64_MIN },
    { METHOD(RETIRED_DCV_11_ANY_OTHER), "", INT64_MIN },
    { METHOD(RETIRED_DCV_15_CONTACT_PHONE_V2), "", INT64_MIN },
    { METHOD(RETIRED_IPCV_4_ANY_OTHER), "i", INT64_MIN },
};

static bool mark(size_t i, char c)
{
    return strchr(methods[i].marks, c) != NULL;
}

enum name_kind { SAME, CHILD, WILDCARD, ONION, ONION_WILDCARD, ONION_CHILD, BY_CNAME, ADDRESS, N_KINDS };
static const struct {
    const char *name, *domain;
} names[N_KINDS] = {
    [SAME] = { "example.com", "example.com" },
    [CHILD] = { "a.example.com", "example.com" },
    [WILDCARD] = { "*.example.com", "example.com" },
    [ONION] = { ONION_NAME, ONION_NAME },
    [ONION_WILDCARD] = { "*." ONION_NAME, ONION_NAME },
    [ONION_CHILD] = { "a." ONION_NAME, ONION_NAME },
    [BY_CNAME] = { "www.example.com", "cdn.example.net" },
    [ADDRESS] = { NULL, NULL },
};

/* What a statement comes with; each of these may be missing. */
enum { PERSPECTIVES = 1, DNSSEC_STATUS = 2, VALUE = 4, ALL = 7 };

static bool expected(size_t i, enum name_kind kind, bool wide, int64_t now, unsigned with)
{
    bool onion = kind == ONION || kind == ONION_WILDCARD || kind == ONION_CHILD;
    if (now >= methods[i].until || mark(i, 'i') != (kind == ADDRESS))
        return false;
    if (onion ? !mark(i, 'o') : mark(i, 'O'))
        return false;
    if ((kind == CHILD || kind == ONION_CHILD) && (!mark(i, 'c') || !wide))
        return false;
    if ((kind == WILDCARD || kind == ONION_WILDCARD) && (!mark(i, 'w') || !wide))
        return false;
    if (kind == BY_CNAME && !mark(i, 'n'))
        return false;
    if (!onion && mark(i, 'm') && (with & PERSPECTIVES) == 0)
        return false;
    if (!onion && (mark(i, 'd') || kind == BY_CNAME) && (with & DNSSEC_STATUS) == 0)
        return false;
    return !mark(i, 'v') || (with & VALUE) != 0;
}

static void build(size_t i, enum name_kind kind, bool wide, int64_t now, unsigned with)
{
    static const char ip[] = "\xc6\x34\x00\x01";
    control_t *d;
    house_init(H);
    H->facts.now_unix_s = H->tbs.not_before_unix_s = now;
    H->tbs.not_after_unix_s = now + 40 * 86400;
    H->policy.issuer[0].not_after_unix_s = INT64_MAX;
    if (kind == ADDRESS)
        house_ip(H, ip, 4);
    else
        house_name(H, names[kind].name);
    house_order(H);
    house_last(H)->statement->header->expires_at_unix_s = INT64_MAX;
    if (kind == ADDRESS)
        d = house_control_ip(H, ip, 4, methods[i].method);
    else
        d = house_control(H, names[kind].domain, methods[i].method, wide ? SCOPE(NAMESPACE) : SCOPE(EXACT));
    house_last(H)->statement->header->expires_at_unix_s = INT64_MAX;
    if (kind == BY_CNAME) {
        d->derivation = cs_arena_get(&H->arena, sizeof *d->derivation);
        countersign__v1__derivation__init(d->derivation);
        d->derivation->applied_for = house_bytes(H, names[kind].name);
        d->derivation->cname_chain = cs_arena_get(&H->arena, sizeof *d->derivation->cname_chain);
        d->derivation->cname_chain[0] = d->domain;
        d->derivation->n_cname_chain = 1;
    }
    if (methods[i].method == METHOD(IPCV_REVERSE_LOOKUP))
        d->inner_method = METHOD(DCV_DNS_CHANGE);
    house_age(d, now - 3600);
    if ((with & PERSPECTIVES) == 0)
        d->perspectives = NULL;
    if ((with & DNSSEC_STATUS) == 0)
        d->dnssec = DNSSEC(NOT_APPLICABLE);
    if ((with & VALUE) == 0)
        d->challenge->kind = CHALLENGE(NONE);
}

void method_matrix(void **state)
{
    (void)state;
    static const int64_t days[] = { CS_DAY_2026_06_15,     HOUSE_NOW,
                                    CS_DAY_2027_03_15 - 1, CS_DAY_2027_03_15,
                                    CS_DAY_2028_03_15 - 1, CS_DAY_2028_03_15,
                                    CS_DAY_2029_03_15 };
    unsigned n = 0, n_admitted = 0;
    const ProtobufCEnumDescriptor *all = &countersign__v1__validation_method__descriptor;
    assert_int_equal(N_OF(methods), all->n_values - 1); /* all but unspecified */
    for (size_t i = 0; i < N_OF(methods); i++)
        for (int kind = 0; kind < N_KINDS; kind++)
            for (int wide = 0; wide < 2; wide++)
                for (size_t d = 0; d < N_OF(days); d++)
                    for (unsigned with = 0; with <= ALL; with++) {
                        bool want = expected(i, (enum name_kind)kind, wide, days[d], with);
                        build(i, (enum name_kind)kind, wide, days[d], with);
                        bool got = house_judge(H);
                        if (got != want) {
                            house_print(H);
                            fail_msg("method %d, name kind %d, %s, day %lld, with %u: %s", methods[i].method,
                                     kind, wide ? "namespace" : "exact", (long long)days[d], with,
                                     got ? "admitted" : "refused");
                        }
                        if (!got)
                            assert_true(house_has(H, CS_RULE_V01, NULL));
                        n++;
                        n_admitted += got;
                    }
    print_message("%u combinations, %u admitted\n", n, n_admitted);
}

void dnssec_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OF(methods); i++) {
        if (methods[i].until == INT64_MIN)
            continue;
        enum name_kind kind = mark(i, 'i') ? ADDRESS : mark(i, 'O') ? ONION : SAME;
        build(i, kind, false, HOUSE_NOW, ALL);
        control_t *d = house_last(H)->statement->domain_control;
        d->dnssec = DNSSEC(SECURE);
        check(CS_RULE_V09, "secure", true, NULL);
        d->dnssec = DNSSEC(INSECURE);
        check(CS_RULE_V09, "insecure", true, NULL);
        d->dnssec = DNSSEC(BOGUS);
        check(CS_RULE_V09, "bogus", false, NULL);
        d->dnssec = DNSSEC(UNSPECIFIED);
        check(CS_RULE_V09, "not told", false, NULL);
        d->dnssec = DNSSEC(NOT_APPLICABLE);
        check(CS_RULE_V09, "no DNS query", !mark(i, 'd'), NULL);
        build(i, kind, false, CS_DAY_2026_03_15 + 3600, ALL);
        d = house_last(H)->statement->domain_control;
        d->dnssec = DNSSEC(NOT_APPLICABLE);
        check(CS_RULE_V09, "the first second of the rule", !mark(i, 'd'), NULL);
        house_age(d, CS_DAY_2026_03_15 - 1);
        check(CS_RULE_V09, "the last second before it", true, NULL);
        d->dnssec = DNSSEC(BOGUS);
        check(CS_RULE_V09, "bogus never did", false, NULL);
    }
}
