/* Append, commit, abandon: what is visible when, the row rules, grants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/ledger/fixture.h"

static void grants_one_per_intent_in_order_spent_once(void **state)
{
    struct house *h = *state;
    uint64_t seq, intents[3], got = 0;
    assert_ok(append_start(h->l, &seq));
    assert_true(cs_ledger_has_appends(h->l));
    for (unsigned i = 0; i < 3; i++) {
        assert_ok(append_intent(h->l, &(struct intent_plan){ .n = i }, &intents[i]));
        assert_ok(append_refusal(h->l, &seq));
    }
    struct cs_grant_list grants = { 0 };
    assert_ok(cs_ledger_commit(h->l, &grants));
    assert_false(cs_ledger_has_appends(h->l));
    assert_int_equal(grants.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct cs_grant *g = cs_grant_at(&grants, i);
        assert_int_equal(cs_grant_seq(g), intents[i]);
        assert_ok(cs_grant_take(g, &got));
        assert_int_equal(got, intents[i]);
        got = 77;
        assert_result(cs_grant_take(g, &got), SEQ_SPENT);
        assert_int_equal(got, 77);
        assert_int_equal(cs_grant_seq(g), 0);
    }
    assert_null(cs_grant_at(&grants, 3));
    cs_grant_list_done(&grants);
    cs_grant_list_done(&grants);
    assert_ok(cs_ledger_commit(h->l, &grants)); /* nothing appended: nothing happens */
    assert_int_equal(grants.n, 0);
    struct cs_ledger_head head;
    cs_ledger_head_get(h->l, &head);
    assert_int_equal(head.size, 7);
}

static void sequences_have_no_gaps_and_time_never_goes_back(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    int64_t before = house_clock_us;
    for (unsigned i = 1; i <= 5; i++) {
        if (i == 3)
            house_clock_us -= 1000000; /* while open: the entry takes the time of the one before */
        assert_ok(append_start(h->l, &seq));
        assert_int_equal(seq, i);
        if (i == 2)
            commit(h->l);
    }
    commit(h->l);
    struct cs_ledger_head head;
    cs_ledger_head_get(h->l, &head);
    assert_true(head.last_unix_us >= before);
    house_clock_us = head.last_unix_us;
    house_close(h);
    struct cs_ledger_report report;
    struct cs_note note;
    assert_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note));
    assert_int_equal(report.n_entries, 5);
    assert_int_equal(report.n_heads, 2);
    assert_memory_equal(&report.root, &head.root, sizeof head.root);
}

static void abandon_takes_everything_back(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    struct cs_ledger_head before, after;
    struct cs_use use;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    put_evidence(h->l, 1);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .evidence = true }, &seq));
    commit(h->l);
    cs_ledger_head_get(h->l, &before);

    put_evidence(h->l, 2);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 2, .evidence = true }, &seq));
    assert_int_equal(seq, 2);
    assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R1"), cs_span_str("serial-2"), &use));
    assert_int_equal(use.precertificate_seq, 2); /* this turn's appends are seen */
    cs_ledger_abandon(h->l);
    assert_false(cs_ledger_has_appends(h->l));
    assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R1"), cs_span_str("serial-2"), &use));
    assert_int_equal(use.precertificate_seq, 0);
    struct cs_span bytes;
    assert_result(cs_ledger_entry_get(h->l, 2, &arena, &bytes), NOT_FOUND);
    struct cs_sha256 d = evidence_of(2);
    assert_result(cs_ledger_evidence_get(h->l, &d, &arena, &bytes), NOT_FOUND);
    /* nor does the memory of known evidence outlive it */
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 2, .evidence = true }, &seq), NOT_FOUND);
    cs_ledger_abandon(h->l);
    cs_ledger_abandon(h->l);
    cs_ledger_head_get(h->l, &after);
    assert_memory_equal(&before, &after, sizeof before);
    put_evidence(h->l, 2);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 2, .evidence = true }, &seq));
    assert_int_equal(seq, 2);
    commit(h->l);
    house_close(h);
    struct cs_ledger_report report;
    struct cs_note note = { { 0 } };
    if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(report.n_open, 2);
}

static void uncommitted_appends_are_lost_at_close(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    assert_ok(append_start(h->l, &seq));
    commit(h->l);
    assert_ok(append_start(h->l, &seq));
    house_close(h);
    house_open(h);
    struct cs_ledger_head head;
    cs_ledger_head_get(h->l, &head);
    assert_int_equal(head.size, 1);
}

/* One step after another on one request id, serial and order; each row is a ledger of its own. */
enum step { PRE, FINAL, SIGN, NOT, UNKNOWN, REOPEN };

static void request_serial_and_order_rows(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        enum step step[6];
        unsigned n_steps;
        bool last_exists; /* the last append is refused as EXISTS */
        enum cs_intent_state request;
        unsigned pre, final; /* sequences that count, 0 = none */
    } rows[] = {
        { "nothing", { PRE }, 0, false, CS_INTENT_NONE, 0, 0 },
        { "open", { PRE }, 1, false, CS_INTENT_OPEN, 1, 0 },
        { "signed", { PRE, SIGN }, 2, false, CS_INTENT_SIGNED, 1, 0 },
        { "unknown counts", { PRE, UNKNOWN }, 2, false, CS_INTENT_UNKNOWN, 1, 0 },
        { "not signed counts for nothing", { PRE, NOT }, 2, false, CS_INTENT_NONE, 0, 0 },
        { "again after not signed", { PRE, NOT, PRE }, 3, false, CS_INTENT_OPEN, 3, 0 },
        { "again and signed", { PRE, NOT, PRE, SIGN }, 4, false, CS_INTENT_SIGNED, 3, 0 },
        { "again while open", { PRE, PRE }, 2, true, CS_INTENT_OPEN, 1, 0 },
        { "again after signed", { PRE, SIGN, PRE }, 3, true, CS_INTENT_SIGNED, 1, 0 },
        { "again after unknown", { PRE, UNKNOWN, PRE }, 3, true, CS_INTENT_UNKNOWN, 1, 0 },
        { "outcome twice", { PRE, SIGN, NOT }, 3, true, CS_INTENT_SIGNED, 1, 0 },
        { "final alone", { FINAL, SIGN }, 2, false, CS_INTENT_SIGNED, 0, 1 },
        { "final after not signed", { PRE, NOT, FINAL, SIGN }, 4, false, CS_INTENT_SIGNED, 0, 3 },
        { "open over a restart", { PRE, REOPEN, PRE }, 3, true, CS_INTENT_OPEN, 1, 0 },
        { "not signed over a restart", { PRE, NOT, REOPEN, PRE }, 4, false, CS_INTENT_OPEN, 3, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *own = NULL;
        assert_int_equal(house_set_up(&own), 0);
        struct house *h = own;
        uint64_t seq = 0, intent = 0;
        for (unsigned k = 0; k < rows[i].n_steps; k++) {
            enum step step = rows[i].step[k];
            struct intent_plan plan = { .n = 7, .final = step == FINAL };
            cs_result r = CS_OK;
            if (step == REOPEN) {
                commit(h->l);
                house_close(h);
                house_open(h);
            } else if (step == PRE || step == FINAL) {
                r = append_intent(h->l, &plan, &seq);
                intent = cs_ok(r) ? seq : intent;
            } else {
                r = append_outcome(h->l, intent,
                                   step == SIGN  ? OUTCOME(SIGNED)
                                   : step == NOT ? OUTCOME(NOT_SIGNED)
                                                 : OUTCOME(UNKNOWN),
                                   7, &seq);
            }
            bool refused = rows[i].last_exists && k + 1 == rows[i].n_steps;
            if (!cs_is(r, refused ? CS_NUM_EXISTS : CS_NUM_OK_))
                fail_msg("row %s, step %u: %s", rows[i].row, k, cs_result_name(r));
        }
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_intent_view view;
        struct cs_use serial, order;
        for (int committed = 0; committed < 2; committed++) {
            assert_ok(cs_ledger_request_get(h->l, client(), cs_span_str("request-7"), &arena, &view));
            assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R1"), cs_span_str("serial-7"), &serial));
            assert_ok(cs_ledger_order_get(h->l, cs_span_str("acme"), cs_span_str("order-7"), &order));
            if (view.state != rows[i].request || serial.precertificate_seq != rows[i].pre ||
                serial.certificate_seq != rows[i].final)
                fail_msg("row %s: state %d, serial %u/%u", rows[i].row, view.state,
                         (unsigned)serial.precertificate_seq, (unsigned)serial.certificate_seq);
            assert_memory_equal(&serial, &order, sizeof serial);
            if (view.state != CS_INTENT_NONE) {
                uint8_t tbs[64];
                struct cs_sha256 d = cs_sha256(cs_span_of(tbs, tbs_of(7, 0, tbs)));
                assert_memory_equal(&d, &view.tbs_sha256, sizeof d);
                assert_true(cs_span_is(view.issuer, "R1"));
                assert_int_equal(view.signature.len, view.state == CS_INTENT_SIGNED ? 9 : 0);
                assert_int_equal(view.tbs.len, 24);
                struct cs_sha256 pair = cs_sha256(cs_span_str("pair-7"));
                assert_memory_equal(&pair, &serial.pair_sha256, sizeof pair);
            }
            commit(h->l);
        }
        house_close(h);
        struct cs_ledger_report report;
        struct cs_note note = { { 0 } };
        if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
            fail_msg("row %s: %s", rows[i].row, note.text);
        (void)house_tear_down(&own);
    }
}

static void precertificate_and_final_share_serial_and_order(void **state)
{
    struct house *h = *state;
    uint64_t pre, final, seq;
    struct cs_use use;
    struct cs_sha256 pair = cs_sha256(cs_span_str("the pair"));
    struct intent_plan plan = { .n = 1, .serial = "s", .order_id = "o", .pair = "the pair" };
    assert_ok(append_intent(h->l, &plan, &pre));
    assert_ok(append_outcome(h->l, pre, OUTCOME(SIGNED), 1, &seq));
    commit(h->l);
    plan = (struct intent_plan){ .n = 2, .serial = "s", .order_id = "o", .pair = "the pair", .final = true };
    assert_ok(append_intent(h->l, &plan, &final));
    assert_ok(cs_ledger_order_get(h->l, cs_span_str("acme"), cs_span_str("o"), &use));
    assert_int_equal(use.precertificate_seq, pre);
    assert_int_equal(use.certificate_seq, final);
    assert_memory_equal(&use.pair_sha256, &pair, sizeof pair);
    /* the same words under another issuer, account or client are other things */
    assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R2"), cs_span_str("s"), &use));
    assert_int_equal(use.precertificate_seq + use.certificate_seq, 0);
    assert_ok(cs_ledger_order_get(h->l, cs_span_str("acm"), cs_span_str("eo"), &use));
    assert_int_equal(use.precertificate_seq + use.certificate_seq, 0);
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_intent_view view;
    assert_ok(cs_ledger_request_get(h->l, cs_span_str("other"), cs_span_str("request-1"), &arena, &view));
    assert_int_equal(view.state, CS_INTENT_NONE);
}

/* The newest subject of an account, whatever came of the others. */
static void last_subject_of_an_account(void **state)
{
    struct house *h = *state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_subject_use use = { .seq = 9 };
    uint64_t seq[4], ignored;
    assert_ok(cs_ledger_subject_get(h->l, cs_span_str("acme"), &arena, &use));
    assert_int_equal(use.seq, 0);
    for (unsigned n = 0; n < 4; n++) /* the last has no subject */
        assert_ok(append_intent(h->l,
                                &(struct intent_plan){ .n = n, .subject = n < 3 ? SUBJECT : NO_SUBJECT },
                                &seq[n]));
    static const struct {
        Countersign__Ledger__V1__OutcomeResult result;
        unsigned closes, last;
    } rows[] = {
        { OUTCOME(UNSPECIFIED), 0, 2 }, /* open ones count */
        { OUTCOME(NOT_SIGNED), 2, 1 },
        { OUTCOME(UNKNOWN), 1, 1 },
        { OUTCOME(SIGNED), 0, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned last = rows[i].last;
        if (rows[i].result != OUTCOME(UNSPECIFIED))
            assert_ok(append_outcome(h->l, seq[rows[i].closes], rows[i].result, rows[i].closes, &ignored));
        for (int again = 0; again < 2; again++) {
            uint8_t tbs[64];
            struct cs_sha256 identity = identity_of(last);
            assert_ok(cs_ledger_subject_get(h->l, cs_span_str("acme"), &arena, &use));
            assert_int_equal(use.seq, seq[last]);
            (void)tbs_of(last, 0, tbs);
            assert_true(cs_span_eq(use.subject, subject_of(tbs)));
            assert_memory_equal(&use.identity_sha256, &identity, sizeof identity);
            commit(h->l);
            if (i == 3 && again == 0) {
                house_close(h);
                house_open(h);
            }
        }
    }
    assert_ok(cs_ledger_subject_get(h->l, cs_span_str("acm"), &arena, &use));
    assert_int_equal(use.seq, 0);
}

/* A final certificate needs to know that the precertificate was signed, and when it was recorded. */
static void precertificate_of_a_serial(void **state)
{
    struct house *h = *state;
    struct cs_use use;
    uint64_t seq, ignored;
    int64_t before_us = house_clock_us;
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1 }, &seq));
    int64_t after_us = house_clock_us;
    assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R1"), cs_span_str("serial-1"), &use));
    assert_false(use.precertificate_signed);
    assert_true(use.precertificate_unix_us >= before_us && use.precertificate_unix_us <= after_us);
    assert_ok(append_outcome(h->l, seq, OUTCOME(SIGNED), 1, &ignored));
    assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R1"), cs_span_str("serial-1"), &use));
    assert_true(use.precertificate_signed);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 2 }, &seq));
    assert_ok(append_outcome(h->l, seq, OUTCOME(UNKNOWN), 2, &ignored));
    assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R1"), cs_span_str("serial-2"), &use));
    assert_false(use.precertificate_signed);
    assert_int_equal(use.precertificate_seq, seq);
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 3, .final = true }, &seq));
    assert_ok(append_outcome(h->l, seq, OUTCOME(SIGNED), 3, &ignored));
    assert_ok(cs_ledger_serial_get(h->l, cs_span_str("R1"), cs_span_str("serial-3"), &use));
    assert_false(use.precertificate_signed);
    assert_int_equal(use.precertificate_unix_us, 0);
}

static void refused_shapes(void **state)
{
    struct house *h = *state;
    uint64_t seq = 99;
    static char long_key[CS_LEDGER_KEY_MAX_LEN + 2];
    memset(long_key, 'k', sizeof long_key - 1);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .tbs_len = 65500 }, &seq), LIMIT);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .evidence = true }, &seq), NOT_FOUND);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .request_id = "" }, &seq), ARGUMENT);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .serial = "" }, &seq), ARGUMENT);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .request_id = long_key }, &seq),
                  ARGUMENT);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .subject = SUBJECT_ALONE }, &seq),
                  ARGUMENT);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .subject = IDENTITY_ALONE }, &seq),
                  ARGUMENT);
    assert_result(append_intent(h->l, &(struct intent_plan){ .n = 1, .subject = SUBJECT_OF_NOBODY }, &seq),
                  ARGUMENT);
    assert_result(append_deposit(h->l, 1, &seq), NOT_FOUND);
    assert_result(append_outcome(h->l, 1, OUTCOME(SIGNED), 1, &seq), NOT_FOUND);
    assert_result(append_outcome(h->l, 0, OUTCOME(SIGNED), 1, &seq), ARGUMENT);
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    assert_result(cs_ledger_append(h->l, &e, &seq), ARGUMENT); /* no body */
    Countersign__Ledger__V1__HsmEvent event = COUNTERSIGN__LEDGER__V1__HSM_EVENT__INIT;
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HSM_EVENT;
    e.hsm_event = &event;
    assert_result(cs_ledger_append(h->l, &e, &seq), ARGUMENT); /* state unspecified */
    event.state = COUNTERSIGN__LEDGER__V1__HSM_STATE__HSM_STATE_LOST;
    assert_int_equal(seq, 99);
    assert_false(cs_ledger_has_appends(h->l)); /* refused appends leave nothing to commit */
    assert_ok(cs_ledger_append(h->l, &e, &seq));
    assert_int_equal(seq, 1);
    assert_result(append_outcome(h->l, 1, OUTCOME(SIGNED), 1, &seq), NOT_FOUND); /* not an intent */
    assert_ok(append_intent(h->l, &(struct intent_plan){ .n = 1, .order_id = "", .tbs_len = 65000 }, &seq));
    assert_int_equal(seq, 2);
    commit(h->l);
    house_close(h);
    struct cs_ledger_report report;
    struct cs_note note;
    assert_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note));
}

static void open_intents_are_closed_as_unknown_at_start(void **state)
{
    struct house *h = *state;
    uint64_t seq, intent[6];
    uint32_t n = 99;
    for (unsigned i = 0; i < 6; i++) {
        assert_ok(append_intent(h->l, &(struct intent_plan){ .n = i }, &intent[i]));
        assert_ok(append_refusal(h->l, &seq));
    }
    assert_ok(append_outcome(h->l, intent[1], OUTCOME(SIGNED), 1, &seq));
    assert_ok(append_outcome(h->l, intent[4], OUTCOME(NOT_SIGNED), 4, &seq));
    commit(h->l);
    house_close(h);
    house_open(h);
    assert_ok(cs_ledger_close_open_intents(h->l, &n));
    assert_int_equal(n, 4);
    commit(h->l);
    assert_ok(cs_ledger_close_open_intents(h->l, &n));
    assert_int_equal(n, 0);
    assert_false(cs_ledger_has_appends(h->l));
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_intent_view view;
    assert_ok(cs_ledger_request_get(h->l, client(), cs_span_str("request-0"), &arena, &view));
    assert_int_equal(view.state, CS_INTENT_UNKNOWN);
    house_close(h);
    struct cs_ledger_report report;
    struct cs_note note;
    assert_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note));
    assert_int_equal(report.n_unknown, 4);
    assert_int_equal(report.n_signed, 1);
    assert_int_equal(report.n_not_signed, 1);
    assert_int_equal(report.n_open, 0);
    assert_int_equal(report.n_refusals, 6);
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, house_set_up, house_tear_down)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(grants_one_per_intent_in_order_spent_once),
        IN_HOUSE(sequences_have_no_gaps_and_time_never_goes_back),
        IN_HOUSE(abandon_takes_everything_back),
        IN_HOUSE(uncommitted_appends_are_lost_at_close),
        cmocka_unit_test(request_serial_and_order_rows),
        IN_HOUSE(precertificate_and_final_share_serial_and_order),
        IN_HOUSE(last_subject_of_an_account),
        IN_HOUSE(precertificate_of_a_serial),
        IN_HOUSE(refused_shapes),
        IN_HOUSE(open_intents_are_closed_as_unknown_at_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
