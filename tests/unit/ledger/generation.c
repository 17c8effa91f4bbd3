/* Look-ups across generations: what was bound in one holds in all, in a turn, behind a commit and behind
 * a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "proxy/ledger/generation.h"
#include "proxy/ledger/verify.h"
#include "tests/unit/ledger/fixture.h"

enum { GENERATION = 1 << CS_GENERATION_SHIFT };

static struct cs_filter_key key_of(uint64_t n)
{
    return cs_filter_key(CS_LOOKUP_TOKEN, cs_span_of(&n, sizeof n), cs_span_of(NULL, 0));
}

static void a_filter_never_passes_over(void **state)
{
    (void)state;
    struct cs_filter f = { 0 };
    static const uint64_t generations[] = { 0, 1, 63, 64, 65, 127, 128, 200, 319 };
    enum { N = sizeof generations / sizeof *generations };
    struct cs_filter_key shared = key_of(1u << 20), absent = key_of(1u << 21);
    uint64_t g = 0;
    assert_false(cs_filter_up(&f, &shared, &g));
    assert_false(cs_filter_down(&f, &shared, &g));
    for (uint64_t i = 0; i < N; i++) {
        assert_ok(cs_filter_put(&f, generations[i] << CS_GENERATION_SHIFT, &shared));
        struct cs_filter_key k = key_of(i);
        assert_ok(cs_filter_put(&f, (generations[i] << CS_GENERATION_SHIFT) + GENERATION - 1, &k));
    }
    unsigned n = 0;
    for (g = 0; cs_filter_up(&f, &shared, &g); g++)
        assert_int_equal(g, generations[n++]);
    assert_int_equal(n, N);
    for (g = cs_filter_end(&f); cs_filter_down(&f, &shared, &g); g--) {
        assert_int_equal(g, generations[--n]);
        if (g == 0)
            break;
    }
    assert_int_equal(n, 0);
    for (uint64_t i = 0; i < N; i++) {
        struct cs_filter_key k = key_of(i);
        g = 0;
        assert_true(cs_filter_up(&f, &k, &g));
        assert_int_equal(g, generations[i]);
        g++;
        assert_false(cs_filter_up(&f, &k, &g));
        g = generations[i];
        assert_true(cs_filter_down(&f, &k, &g));
        assert_int_equal(g, generations[i]);
    }
    g = 0;
    assert_false(cs_filter_up(&f, &absent, &g));
    assert_result(cs_filter_put(&f, CS_FILTER_NUMBER_MAX + 1, &absent), STORE_CORRUPT);
    cs_filter_done(&f);
}

/* Few false looks: a full generation holds two keys a number: four an
 * intent, none an outcome. */
static void a_full_filter_answers_no(void **state)
{
    (void)state;
    struct cs_filter f = { 0 };
    unsigned looks = 0;
    for (uint64_t i = 0; i < 2 * GENERATION; i++) {
        struct cs_filter_key k = key_of(i);
        assert_ok(cs_filter_put(&f, i / 2, &k));
    }
    for (uint64_t i = 0; i < 10000; i++) {
        struct cs_filter_key k = key_of(1000000 + i);
        uint64_t g = 0;
        looks += cs_filter_up(&f, &k, &g);
    }
    assert_true(looks < 50);
    cs_filter_done(&f);
}

/* One row of each kind, then starts until the generation is the third. */
static void fill(struct house *h)
{
    uint64_t seq = 0;
    const struct intent_plan p = { .n = 7, .evidence = true, .subject = SUBJECT };
    put_evidence(h->l, 7);
    assert_ok(append_intent(h->l, &p, &seq));
    assert_ok(append_outcome(h->l, seq, OUTCOME(SIGNED), 7, &seq));
    assert_ok(append_deposit(h->l, 7, &seq));
    struct cs_sha256 token = evidence_of(1), bound = evidence_of(2);
    assert_ok(cs_ledger_token_put(h->l, &token, &bound));
    commit(h->l);
    while (seq < 2 * GENERATION + 100) {
        assert_ok(append_start(h->l, &seq));
        for (unsigned i = 0; i < 2; i++) {
            struct cs_sha256 other = cs_sha256(cs_span_of(&(uint64_t){ seq * 2 + i }, 8));
            assert_ok(cs_ledger_token_put(h->l, &other, &bound));
        }
        if (seq % 1024 == 0)
            commit(h->l);
    }
    commit(h->l);
}

static void check_old_rows(struct house *h)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_intent_view view;
    struct cs_use use;
    struct cs_subject_use subject;
    struct cs_sha256 token = evidence_of(1), bound = evidence_of(2), other = evidence_of(3), payload, *found;
    struct cs_sha256 d = evidence_of(7);
    char text[32];
    bool known = false;
    uint64_t seq = 0;
    uint32_t n = 0;
    assert_ok(cs_ledger_request_get(h->l, client(), cs_span_str("request-7"), &arena, &view));
    assert_int_equal(view.state, CS_INTENT_SIGNED);
    assert_int_equal(view.seq, 1);
    assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R1"), cs_span_str("serial-7"), &use));
    assert_int_equal(use.precertificate_seq, 1);
    assert_ok(cs_ledger_order_get(h->l, cs_span_str("acme"), cs_span_str("order-7"), &use));
    assert_int_equal(use.precertificate_seq, 1);
    assert_ok(cs_ledger_subject_get(h->l, cs_span_str("acme"), &arena, &subject));
    assert_int_equal(subject.seq, 1);
    assert_ok(cs_ledger_deposit_seq(h->l, &d, &seq));
    assert_int_equal(seq, 3);
    assert_ok(cs_ledger_statement_get(h->l, statement_of(7, text), &known, &payload));
    assert_true(known);
    assert_result(cs_ledger_statement_put(h->l, statement_of(7, text), &other), EXISTS);
    assert_ok(cs_ledger_token_get(h->l, &token, &known, &payload));
    assert_true(known);
    assert_result(cs_ledger_token_put(h->l, &token, &other), EXISTS);
    assert_ok(cs_ledger_token_put(h->l, &token, &bound)); /* the same is a success */
    assert_ok(cs_ledger_deposit_find(h->l, cs_span_str("account:acme"), 1000, 8, &arena, &found, &n));
    assert_int_equal(n, 1);
    const struct intent_plan again = { .n = 8, .request_id = "request-7" };
    assert_result(append_intent(h->l, &again, &seq), EXISTS);
    cs_ledger_abandon(h->l);
}

static void what_is_old_still_holds(void **state)
{
    struct house *h = *state;
    fill(h);
    check_old_rows(h);
    house_close(h);
    house_open(h);
    check_old_rows(h);
    struct cs_ledger_report report;
    struct cs_note note = { "" };
    cs_result r = cs_ledger_verify(h->path, NULL, NULL, &report, &note);
    if (!cs_ok(r))
        fail_msg("%s", note.text);
}

static void a_taken_back_turn_leaves_nothing(void **state)
{
    struct house *h = *state;
    struct cs_intent_view view;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    uint64_t seq = 0;
    bool known = true;
    struct cs_sha256 token = evidence_of(1), bound = evidence_of(2), got;
    const struct intent_plan p = { .n = 7 };
    for (unsigned i = 0; i < 2; i++) {
        assert_ok(append_intent(h->l, &p, &seq));
        assert_ok(cs_ledger_token_put(h->l, &token, &bound));
        assert_ok(cs_ledger_token_get(h->l, &token, &known, &got));
        assert_true(known); /* in its turn */
        assert_ok(cs_ledger_request_get(h->l, client(), cs_span_str("request-7"), &arena, &view));
        assert_int_equal(view.state, CS_INTENT_OPEN);
        cs_ledger_abandon(h->l);
        assert_ok(cs_ledger_token_get(h->l, &token, &known, &got));
        assert_false(known);
        assert_ok(cs_ledger_request_get(h->l, client(), cs_span_str("request-7"), &arena, &view));
        assert_int_equal(view.state, CS_INTENT_NONE);
    }
}

/* The tables refuse the same key twice only inside a generation; verify looks across. */
static void verify_finds_a_key_bound_twice(void **state)
{
    struct house *h = *state;
    struct cs_ledger_report report;
    struct cs_note note = { "" };
    fill(h);
    house_close(h);
    sqlite3 *db = raw_open(h->path);
    raw_run(db, "UPDATE token SET token = (SELECT token FROM token ORDER BY put LIMIT 1) WHERE put = 9000");
    (void)sqlite3_close(db);
    assert_result(cs_ledger_verify(h->path, NULL, NULL, &report, &note), STORE_CORRUPT);
    assert_non_null(strstr(note.text, "bind the same token"));
    house_open(h);
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, house_set_up, house_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_never_passes_over),
        cmocka_unit_test(a_full_filter_answers_no),
        IN_HOUSE(what_is_old_still_holds),
        IN_HOUSE(a_taken_back_turn_leaves_nothing),
        IN_HOUSE(verify_finds_a_key_bound_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
