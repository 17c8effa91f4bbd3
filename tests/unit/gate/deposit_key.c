/* Under which keys a deposited statement is found again, and that no two kinds of key meet. */
#include "proxy/gate/deposit_key.h"

#include "tests/unit/evidence/house.h"

static bool key_is(const struct cs_deposit_key *k, char tag, const char *account, const void *value,
                   size_t len)
{
    size_t account_len = strlen(account);
    return k->len == 2 + account_len + len && k->byte[0] == (uint8_t)tag && k->byte[1] == account_len &&
           memcmp(k->byte + 2, account, account_len) == 0 &&
           memcmp(k->byte + 2 + account_len, value, len) == 0;
}

static void limits(void **state)
{
    (void)state;
    static uint8_t octets[CS_LEDGER_KEY_MAX_LEN];
    static const struct {
        const char *row;
        size_t account_len, value_len;
        bool ok;
    } rows[] = {
        { "nothing", 0, 0, true },
        { "longest account", CS_ACCOUNT_MAX_LEN, 0, true },
        { "account too long", CS_ACCOUNT_MAX_LEN + 1, 0, false },
        { "longest value", 0, CS_LEDGER_KEY_MAX_LEN - 2, true },
        { "value too long", 0, CS_LEDGER_KEY_MAX_LEN - 1, false },
        { "both, full", CS_ACCOUNT_MAX_LEN, CS_LEDGER_KEY_MAX_LEN - 2 - CS_ACCOUNT_MAX_LEN, true },
        { "both, one more", CS_ACCOUNT_MAX_LEN, CS_LEDGER_KEY_MAX_LEN - 1 - CS_ACCOUNT_MAX_LEN, false },
        { "longest there is", SIZE_MAX, SIZE_MAX, false },
        { "value alone", 1, SIZE_MAX, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_deposit_key k = { .len = 7 };
        cs_result r = cs_deposit_key(CS_DEPOSIT_DOMAIN, cs_span_of(octets, rows[i].account_len),
                                     cs_span_of(octets, rows[i].value_len), &k);
        size_t len = rows[i].ok ? 2 + rows[i].account_len + rows[i].value_len : 7;
        if (cs_ok(r) != rows[i].ok || (!rows[i].ok && !cs_is(r, CS_NUM_LIMIT)) || k.len != len)
            fail_msg("row: %s", rows[i].row);
    }
}

/* The length before the account keeps "ab" + "c" and "a" + "bc" apart. */
static void account_and_value_do_not_flow_together(void **state)
{
    (void)state;
    struct cs_deposit_key a, b, c;
    assert_true(cs_ok(cs_deposit_key(CS_DEPOSIT_DOMAIN, cs_span_str("ab"), cs_span_str("c"), &a)));
    assert_true(cs_ok(cs_deposit_key(CS_DEPOSIT_DOMAIN, cs_span_str("a"), cs_span_str("bc"), &b)));
    assert_true(cs_ok(cs_deposit_key(CS_DEPOSIT_CAA, cs_span_str("ab"), cs_span_str("c"), &c)));
    assert_false(cs_span_eq(cs_deposit_key_span(&a), cs_deposit_key_span(&b)));
    assert_false(cs_span_eq(cs_deposit_key_span(&a), cs_deposit_key_span(&c)));
}

static void of_each_kind(void **state)
{
    (void)state;
    static const uint8_t spki[32] = { [0 ... 31] = 1 };
    static const struct {
        int kind;
        struct {
            char tag;
            const char *account, *value;
        } key[2];
    } rows[] = {
        { BODY(DOMAIN_CONTROL),
          { { 'D', "acct-1", "example.com" }, { 'D', "acct-1", "*.www.example.com" } } },
        { BODY(CAA_CHECK), { { 'C', "acct-1", "www.example.com" } } },
        { BODY(ORGANIZATION_IDENTITY), { { 'G', "acct-1", "" } } },
        { BODY(ORDER), { { 'K', "", NULL }, { 'I', "", "order-1" } } },
        { BODY(LINT), { { 'L', "", NULL } } },
        { BODY(APPROVAL), { { 'A', "acct-1", "order-1" } } },
        { BODY(CEREMONY), { { 0 } } },
        { BODY(RECALL), { { 0 } } },
        { BODY(HOLD), { { 0 } } },
    };
    assert_int_equal(sizeof rows / sizeof *rows, sizeof house_kinds / sizeof *house_kinds);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_deposit_key k[CS_DEPOSIT_KEYS_MAX];
        uint32_t n = 99, wanted = rows[i].key[0].tag == 0 ? 0 : rows[i].key[1].tag == 0 ? 1 : 2;
        const S *s = house_statement(&arena, rows[i].kind);
        cs_result r = cs_deposit_keys_of(s, k, &n);
        if (cs_ok(r) != (wanted != 0) || n != (wanted != 0 ? wanted : 99))
            fail_msg("kind %d: %u keys", rows[i].kind, n);
        for (uint32_t j = 0; j < wanted; j++) {
            const char *v = rows[i].key[j].value;
            struct cs_span value = v != NULL                    ? cs_span_str(v)
                                   : s->body_case == BODY(LINT) ? cs_proto_span(s->lint->tbs_sha256)
                                                                : cs_span_of(spki, sizeof spki);
            if (!key_is(&k[j], rows[i].key[j].tag, rows[i].key[j].account, value.at, value.len))
                fail_msg("kind %d, key %u", rows[i].kind, j);
        }
    }
}

/* The forms of a statement that choose another key. */
static void by_what_it_says(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_deposit_key k[CS_DEPOSIT_KEYS_MAX];
    uint32_t n;
    S *s = house_statement(&arena, BODY(DOMAIN_CONTROL));
    Countersign__V1__DomainControl *d = s->domain_control;

    d->derivation->applied_for = d->domain; /* one name, one key */
    assert_true(cs_ok(cs_deposit_keys_of(s, k, &n)));
    assert_int_equal(n, 1);
    d->derivation->n_cname_chain = 0; /* pruning leaves the ADN a parent of the name: found by that */
    d->derivation->applied_for = house_bytes(&arena, "deep.example.com");
    assert_true(cs_ok(cs_deposit_keys_of(s, k, &n)));
    assert_int_equal(n, 1);
    assert_true(key_is(&k[0], 'D', "acct-1", "example.com", 11));

    d->subject_case = COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS;
    d->ip_address = house_filled(&arena, 7, 16);
    assert_true(cs_ok(cs_deposit_keys_of(s, k, &n)));
    assert_int_equal(n, 1);
    assert_true(key_is(&k[0], 'P', "acct-1", "\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7\7", 16));

    /* a CAA check that forbids stands apart from those that permit, or failed */
    s = house_statement(&arena, BODY(CAA_CHECK));
    static const struct {
        int result;
        char tag;
    } checks[] = { { COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_PERMITTED, 'C' },
                   { COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_LOOKUP_FAILED, 'C' },
                   { COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_FORBIDDEN, 'F' } };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        s->caa_check->result = (Countersign__V1__CaaResult)checks[i].result;
        assert_true(cs_ok(cs_deposit_keys_of(s, k, &n)));
        assert_int_equal(n, 1);
        assert_true(key_is(&k[0], checks[i].tag, "acct-1", "www.example.com", 15));
    }

    /* and is found by when it was made, not by when its statement expires */
    s->caa_check->checked_at_unix_s = 5000;
    assert_int_equal(cs_deposit_found_before(s), 5001);
    s->caa_check->checked_at_unix_s = INT64_MAX;
    assert_int_equal(cs_deposit_found_before(s), INT64_MAX);
    s->caa_check->result = COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_PERMITTED;
    assert_int_equal(cs_deposit_found_before(s), s->header->expires_at_unix_s);

    /* an objection stops an order whatever account its maker wrote */
    s = house_statement(&arena, BODY(APPROVAL));
    static const int objections[] = { COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_REJECT,
                                      COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_WITHDRAW };
    for (size_t i = 0; i < 2; i++) {
        s->approval->decision = (Countersign__V1__ApprovalDecision)objections[i];
        assert_true(cs_ok(cs_deposit_keys_of(s, k, &n)));
        assert_int_equal(n, 1);
        assert_true(key_is(&k[0], 'X', "", "order-1", 7));
        assert_int_equal(cs_deposit_found_before(s), INT64_MAX);
    }
    s->approval->decision = COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE;
    assert_int_equal(cs_deposit_found_before(s), s->header->expires_at_unix_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),
        cmocka_unit_test(account_and_value_do_not_flow_together),
        cmocka_unit_test(of_each_kind),
        cmocka_unit_test(by_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
