/* The sets: the index finds exactly what the matcher matches, and turns are taken back whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "proto/canonical.h"
#include "proxy/gate/selectors/stops.h"

#define N_OF(array) (sizeof(array) / sizeof *(array))

static ProtobufCBinaryData bytes(const char *text)
{
    return cs_proto_bytes(cs_span_str(text));
}

static cs_result place(struct cs_stops *s, const char *id, const Countersign__V1__IssuanceSelector *selector,
                       struct cs_stop **out)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    Countersign__V1__Statement m = COUNTERSIGN__V1__STATEMENT__INIT;
    Countersign__V1__Header h = COUNTERSIGN__V1__HEADER__INIT;
    Countersign__V1__Hold hold = COUNTERSIGN__V1__HOLD__INIT;
    Countersign__V1__IssuanceSelector copy = *selector;
    struct cs_span payload;
    h.schema = 1;
    m.header = &h;
    m.body_case = COUNTERSIGN__V1__STATEMENT__BODY_HOLD;
    m.hold = &hold;
    hold.hold_id = bytes(id);
    hold.action = COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE;
    hold.selector = &copy;
    assert_true(cs_ok(cs_proto_pack(&m.base, &arena, &payload)));
    struct cs_stop_event event = { .seq = 5, .n_operators = 1, .operator= { cs_span_str("olga") } };
    return cs_stops_place(s, payload, &event, out);
}

static cs_result place_account(struct cs_stops *s, const char *id, const char *account, struct cs_stop **out)
{
    Countersign__V1__IssuanceSelector x = COUNTERSIGN__V1__ISSUANCE_SELECTOR__INIT;
    ProtobufCBinaryData list[1] = { bytes(account) };
    x.n_accounts = 1;
    x.accounts = list;
    return place(s, id, &x, out);
}

static uint32_t on_account(const struct cs_stops *s, const char *account)
{
    const struct cs_stop *found[CS_STOPS_FOUND_MAX];
    struct cs_issuance x = { .account = cs_span_str(account) };
    return cs_stops_on_issuance(s, &x, found);
}

static void turns(void **state)
{
    (void)state;
    struct cs_stops s = { 0 };
    struct cs_stop *a, *b;
    struct cs_stop_event event = { .seq = 9 };
    assert_int_equal(on_account(&s, "a"), 0);
    assert_true(cs_ok(place_account(&s, "h1", "a", &a)));
    assert_int_equal(on_account(&s, "a"), 1); /* at once */
    cs_stops_settle(&s, true);
    assert_true(cs_ok(place_account(&s, "h2", "b", &b)));
    assert_true(cs_ok(cs_stops_lift(&s, a, &event)));
    assert_int_equal(on_account(&s, "a"), 0);
    assert_int_equal(on_account(&s, "b"), 1);
    assert_int_equal(s.n_in_force, 1);
    cs_stops_settle(&s, false); /* both are taken back */
    assert_int_equal(on_account(&s, "a"), 1);
    assert_int_equal(on_account(&s, "b"), 0);
    assert_int_equal(s.n_in_force, 1);
    assert_null(cs_stops_of_id(&s, cs_span_str("h2")));
    assert_ptr_equal(cs_stops_of_id(&s, cs_span_str("h1")), a);
    assert_true(a->in_force && a->lifted.seq == 0);
    assert_true(cs_ok(cs_stops_lift(&s, a, &event)));
    assert_false(cs_ok(cs_stops_lift(&s, a, &event))); /* once */
    cs_stops_settle(&s, true);
    assert_ptr_equal(cs_stops_of_id(&s, cs_span_str("h1")), a); /* a lifted one is still known */
    assert_int_equal(a->lifted.seq, 9);
    cs_stops_done(&s);
}

static void what_is_no_stop(void **state)
{
    (void)state;
    struct cs_stops s = { 0 };
    struct cs_stop_event event = { .seq = 1 };
    assert_false(cs_ok(cs_stops_place(&s, cs_span_str("no statement"), &event, NULL)));
    assert_false(cs_ok(cs_stops_place(&s, cs_span_of(NULL, 0), &event, NULL)));
    assert_int_equal(s.n, 0);
    assert_int_equal(s.n_journal, 0);
    cs_stops_done(&s);
}

/* Many holds of every kind of selector, lifted and placed again: index and matcher agree on all requests. */
static void index_and_matcher_agree(void **state)
{
    (void)state;
    enum { HOLDS = 1000 };
    struct cs_stops s = { 0 };
    static struct cs_stop *hold[HOLDS];
    char id[32], value[64];
    Countersign__V1__ValidationMethod method =
        COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_DNS_CHANGE;
    Countersign__V1__Profile profile = COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION;
    for (unsigned i = 0; i < HOLDS; i++) {
        Countersign__V1__IssuanceSelector x = COUNTERSIGN__V1__ISSUANCE_SELECTOR__INIT;
        snprintf(value, sizeof value, i % 9 == 0 ? "n%u.example.com" : "v%u", i);
        ProtobufCBinaryData list[1] = { bytes(value) };
        struct {
            size_t *n;
            ProtobufCBinaryData **at;
        } fields[] = { { &x.n_name_suffixes, &x.name_suffixes },
                       { &x.n_accounts, &x.accounts },
                       { &x.n_order_ids, &x.order_ids },
                       { &x.n_serial_numbers, &x.serial_numbers },
                       { &x.n_organizations, &x.organizations },
                       { &x.n_attesters, &x.attesters },
                       { &x.n_clients, &x.clients },
                       { &x.n_api_versions, &x.api_versions },
                       { &x.n_issuers, &x.issuers } };
        *fields[i % N_OF(fields)].n = 1;
        *fields[i % N_OF(fields)].at = list;
        if (i % 50 == 1) {
            x.n_methods = 1;
            x.methods = &method;
        }
        if (i == 77) {
            countersign__v1__issuance_selector__init(&x);
            x.n_profiles = 1;
            x.profiles = &profile;
        }
        snprintf(id, sizeof id, "hold-%u", i);
        assert_true(cs_ok(place(&s, id, &x, &hold[i])));
    }
    cs_stops_settle(&s, true);
    struct cs_stop_event event = { .seq = 9 };
    for (unsigned i = 0; i < HOLDS; i += 3)
        assert_true(cs_ok(cs_stops_lift(&s, hold[i], &event)));
    cs_stops_settle(&s, true);
    unsigned n_matched = 0;
    for (unsigned i = 0; i < HOLDS; i++) {
        char name[64], text[64];
        snprintf(name, sizeof name, i % 2 == 0 ? "www.N%u.example.com" : "*.n%u.example.com", i);
        snprintf(text, sizeof text, "v%u", i);
        struct cs_span v = cs_span_str(text), names[] = { cs_span_str("other.example"), cs_span_str(name) };
        int methods[] = { (int)method };
        struct cs_issuance x = { .names = { 2, names },
                                 .account = v,
                                 .order_id = v,
                                 .serial = v,
                                 .organizations = { 1, &v },
                                 .attesters = { 1, &v },
                                 .client = v,
                                 .api_version = v,
                                 .n_methods = i % 2,
                                 .method = methods,
                                 .issuer = v,
                                 .profile = (int)(i % 5) };
        const struct cs_stop *found[CS_STOPS_FOUND_MAX];
        uint32_t n = cs_stops_on_issuance(&s, &x, found), expected = 0;
        for (unsigned k = 0; k < HOLDS; k++)
            expected += hold[k]->in_force && cs_issuance_matches(hold[k]->statement->hold->selector, &x);
        assert_int_equal(n, expected);
        n_matched += n;
    }
    assert_true(n_matched > HOLDS / 2);
    cs_stops_done(&s);
}

/* A figure for the log, no bound: machines differ. */
static void a_thousand_holds_cost(void **state)
{
    (void)state;
    enum { HOLDS = 1000, ROUNDS = 20000 };
    struct cs_stops s = { 0 };
    char id[32];
    for (unsigned i = 0; i < HOLDS; i++) {
        Countersign__V1__IssuanceSelector x = COUNTERSIGN__V1__ISSUANCE_SELECTOR__INIT;
        snprintf(id, sizeof id, "n%u.example.net", i);
        ProtobufCBinaryData list[1] = { bytes(id) };
        x.n_name_suffixes = 1;
        x.name_suffixes = list;
        assert_true(cs_ok(place(&s, id, &x, NULL)));
    }
    struct cs_span names[] = { cs_span_str("www.example.com"), cs_span_str("*.shop.example.com") };
    struct cs_issuance x = { .names = { 2, names },
                             .account = cs_span_str("acme"),
                             .issuer = cs_span_str("ec") };
    struct timespec a, b;
    const struct cs_stop *found[CS_STOPS_FOUND_MAX];
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (unsigned i = 0; i < ROUNDS; i++)
        assert_int_equal(cs_stops_on_issuance(&s, &x, found), 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    print_message("%d holds, two names: %.0f ns a request\n", HOLDS,
                  ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / ROUNDS);
    cs_stops_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns),
        cmocka_unit_test(what_is_no_stop),
        cmocka_unit_test(index_and_matcher_agree),
        cmocka_unit_test(a_thousand_holds_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
