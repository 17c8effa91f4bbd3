/* Evidence, statement ids, deposits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/ledger/fixture.h"

static void envelopes_are_kept_by_digest(void **state)
{
    struct house *h = *state;
    char text[32];
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_sha256 d = evidence_of(1), other = evidence_of(2);
    struct cs_span got;
    assert_result(cs_ledger_evidence_get(h->l, &d, &arena, &got), NOT_FOUND);
    assert_result(cs_ledger_evidence_put(h->l, &other, envelope_of(1, text)), ARGUMENT);
    assert_ok(cs_ledger_evidence_put(h->l, &d, envelope_of(1, text)));
    assert_ok(cs_ledger_evidence_put(h->l, &d, envelope_of(1, text)));
    commit(h->l);
    assert_ok(cs_ledger_evidence_put(h->l, &d, envelope_of(1, text)));
    assert_false(cs_ledger_has_appends(h->l)); /* nothing changed */
    house_close(h);
    house_open(h);
    assert_ok(cs_ledger_evidence_put(h->l, &d, envelope_of(1, text)));
    assert_false(cs_ledger_has_appends(h->l));
    assert_ok(cs_ledger_evidence_get(h->l, &d, &arena, &got));
    assert_true(cs_span_eq(got, envelope_of(1, text)));
}

static void a_statement_id_stands_for_one_payload(void **state)
{
    struct house *h = *state;
    struct cs_sha256 a = cs_sha256(cs_span_str("a")), b = cs_sha256(cs_span_str("b")), got;
    static char long_id[CS_LEDGER_KEY_MAX_LEN + 2];
    memset(long_id, 'i', sizeof long_id - 1);
    bool known = true;
    struct cs_span id = cs_span_str("0123456789abcdef");
    assert_ok(cs_ledger_statement_get(h->l, id, &known, &got));
    assert_false(known);
    assert_ok(cs_ledger_statement_put(h->l, id, &a));
    assert_result(cs_ledger_statement_put(h->l, id, &b), EXISTS); /* in the same turn */
    commit(h->l);
    assert_ok(cs_ledger_statement_put(h->l, id, &a));
    assert_result(cs_ledger_statement_put(h->l, id, &b), EXISTS);
    assert_ok(cs_ledger_statement_get(h->l, id, &known, &got));
    assert_true(known);
    assert_memory_equal(&got, &a, sizeof a);
    assert_result(cs_ledger_statement_put(h->l, cs_span_str(""), &a), ARGUMENT);
    assert_result(cs_ledger_statement_put(h->l, cs_span_str(long_id), &a), ARGUMENT);
    assert_ok(cs_ledger_statement_put(h->l, cs_span_of(long_id, CS_LEDGER_KEY_MAX_LEN), &a));
}

static void a_token_is_bound_once(void **state)
{
    struct house *h = *state;
    struct cs_sha256 token = cs_sha256(cs_span_str("token")), other = cs_sha256(cs_span_str("another"));
    struct cs_sha256 a = cs_sha256(cs_span_str("a")), b = cs_sha256(cs_span_str("b")), got;
    bool known = true;
    assert_ok(cs_ledger_token_get(h->l, &token, &known, &got));
    assert_false(known);
    assert_ok(cs_ledger_token_put(h->l, &token, &a));
    assert_result(cs_ledger_token_put(h->l, &token, &b), EXISTS); /* in the same turn */
    cs_ledger_abandon(h->l);
    assert_ok(cs_ledger_token_put(h->l, &token, &b)); /* the turn was taken back */
    commit(h->l);
    assert_ok(cs_ledger_token_put(h->l, &token, &b));
    assert_result(cs_ledger_token_put(h->l, &token, &a), EXISTS);
    assert_ok(cs_ledger_token_get(h->l, &token, &known, &got));
    assert_true(known);
    assert_memory_equal(&got, &b, sizeof b);
    assert_ok(cs_ledger_token_get(h->l, &other, &known, &got));
    assert_false(known);
    house_close(h);
    house_open(h);
    assert_result(cs_ledger_token_put(h->l, &token, &a), EXISTS);
}

static void deposits_are_found_newest_first_until_they_expire(void **state)
{
    struct house *h = *state;
    struct cs_span key = cs_span_str("order:1"), other = cs_span_str("order:10");
    struct cs_sha256 d[4];
    for (unsigned i = 0; i < 4; i++)
        d[i] = evidence_of(i);
    assert_ok(cs_ledger_deposit_key_put(h->l, key, &d[0], 1000));
    assert_ok(cs_ledger_deposit_key_put(h->l, key, &d[1], 3000));
    assert_ok(cs_ledger_deposit_key_put(h->l, other, &d[3], 9000));
    commit(h->l);
    assert_ok(cs_ledger_deposit_key_put(h->l, key, &d[2], 2000));
    assert_ok(cs_ledger_deposit_key_put(h->l, key, &d[1], 3000)); /* the same again: its place is kept */
    assert_ok(cs_ledger_deposit_key_put(h->l, key, &d[0], 2500)); /* once more, for longer */
    static const struct {
        int64_t now_unix_s;
        uint32_t max;
        unsigned want[4], n;
    } rows[] = {
        { 0, 8, { 0, 2, 1 }, 3 },    { 999, 8, { 0, 2, 1 }, 3 }, { 2000, 8, { 0, 1 }, 2 },
        { 1999, 8, { 0, 2, 1 }, 3 }, { 2500, 8, { 1 }, 1 },      { 2999, 8, { 1 }, 1 },
        { 3000, 8, { 0 }, 0 },       { 0, 2, { 0, 2 }, 2 },      { 0, 0, { 0 }, 0 },
    };
    for (int committed = 0; committed < 2; committed++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            CS_AUTO_ARENA struct cs_arena arena = { 0 };
            struct cs_sha256 *got = NULL;
            uint32_t n = 99;
            assert_ok(cs_ledger_deposit_find(h->l, key, rows[i].now_unix_s, rows[i].max, &arena, &got, &n));
            if (n != rows[i].n)
                fail_msg("row %zu: %u found", i, n);
            for (uint32_t k = 0; k < n; k++)
                if (memcmp(&got[k], &d[rows[i].want[k]], sizeof d[0]) != 0)
                    fail_msg("row %zu: place %u", i, k);
        }
        commit(h->l);
    }
}

static void a_deposit_entry_is_found_by_its_envelope(void **state)
{
    struct house *h = *state;
    uint64_t seq = 99, again = 0;
    struct cs_sha256 d = evidence_of(1);
    assert_ok(cs_ledger_deposit_seq(h->l, &d, &seq));
    assert_int_equal(seq, 0);
    put_evidence(h->l, 1);
    assert_ok(append_deposit(h->l, 1, &seq));
    assert_ok(append_deposit(h->l, 1, &again));
    assert_true(again > seq);
    commit(h->l);
    assert_ok(cs_ledger_deposit_seq(h->l, &d, &again));
    assert_int_equal(again, seq);
}

static void a_turn_of_puts_alone_is_kept(void **state)
{
    struct house *h = *state;
    put_evidence(h->l, 1);
    assert_true(cs_ledger_has_appends(h->l));
    commit(h->l);
    house_close(h);
    house_open(h);
    bool known = false;
    char text[32];
    struct cs_sha256 got;
    assert_ok(cs_ledger_statement_get(h->l, statement_of(1, text), &known, &got));
    assert_true(known);
    house_close(h);
    struct cs_ledger_report report;
    struct cs_note note;
    assert_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note));
    assert_int_equal(report.n_entries, 0);
    assert_int_equal(report.n_heads, 1);
}

static void a_bounded_arena_refuses_and_nothing_else(void **state)
{
    struct house *h = *state;
    put_evidence(h->l, 1);
    commit(h->l);
    struct cs_sha256 d = evidence_of(1), *found = NULL;
    CS_AUTO_ARENA struct cs_arena arena = { .max = 8 };
    struct cs_span got = { 0 };
    uint32_t n = 99;
    assert_result(cs_ledger_evidence_get(h->l, &d, &arena, &got), NO_MEMORY);
    assert_null(got.at);
    assert_result(cs_ledger_deposit_find(h->l, cs_span_str("account:acme"), 0, 4, &arena, &found, &n),
                  NO_MEMORY);
    assert_int_equal(n, 99);
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, house_set_up, house_tear_down)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(envelopes_are_kept_by_digest),
        IN_HOUSE(a_statement_id_stands_for_one_payload),
        IN_HOUSE(a_token_is_bound_once),
        IN_HOUSE(deposits_are_found_newest_first_until_they_expire),
        IN_HOUSE(a_deposit_entry_is_found_by_its_envelope),
        IN_HOUSE(a_turn_of_puts_alone_is_kept),
        IN_HOUSE(a_bounded_arena_refuses_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
