/* Holds and recalls in the ledger: found again in order, taken back with their turn, proven by verify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "countersign/v1/envelope.pb-c.h"
#include "countersign/v1/statement.pb-c.h"
#include "proto/canonical.h"
#include "proxy/ledger/verify.h"
#include "tests/unit/ledger/fixture.h"

static struct cs_arena arena;

static ProtobufCBinaryData bytes(const char *text)
{
    return cs_proto_bytes(cs_span_str(text));
}

/* The envelope of a Hold (hold_id) or, without one, of a Recall; put with its statement id. */
static struct cs_sha256 put(struct cs_ledger *l, const char *statement_id, const char *hold_id, bool lift)
{
    Countersign__V1__Statement m = COUNTERSIGN__V1__STATEMENT__INIT;
    Countersign__V1__Header h = COUNTERSIGN__V1__HEADER__INIT;
    Countersign__V1__Hold hold = COUNTERSIGN__V1__HOLD__INIT;
    Countersign__V1__Recall recall = COUNTERSIGN__V1__RECALL__INIT;
    Countersign__V1__Envelope e;
    struct cs_span payload, envelope;
    countersign__v1__envelope__init(&e);
    h.schema = 1;
    h.statement_id = bytes(statement_id);
    m.header = &h;
    m.body_case =
        hold_id != NULL ? COUNTERSIGN__V1__STATEMENT__BODY_HOLD : COUNTERSIGN__V1__STATEMENT__BODY_RECALL;
    if (hold_id != NULL) {
        m.hold = &hold;
        hold.hold_id = bytes(hold_id);
        hold.action = lift ? COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_LIFT
                           : COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE;
    } else {
        m.recall = &recall;
    }
    assert_ok(cs_proto_pack(&m.base, &arena, &payload));
    e.payload = cs_proto_bytes(payload);
    assert_ok(cs_proto_pack(&e.base, &arena, &envelope));
    struct cs_sha256 digest = cs_sha256(envelope), of_payload = cs_sha256(payload);
    assert_ok(cs_ledger_evidence_put(l, &digest, envelope));
    assert_ok(cs_ledger_statement_put(l, cs_span_str(statement_id), &of_payload));
    return digest;
}

struct plan {
    const char *hold_id; /* NULL: a recall */
    bool lift;
    const char *statement_id;
    const struct cs_sha256 *digest;
    size_t n_operators;
};

static cs_result append(struct cs_ledger *l, const struct plan *p, uint64_t *seq)
{
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Caller caller = COUNTERSIGN__LEDGER__V1__CALLER__INIT;
    Countersign__Ledger__V1__Hold hold = COUNTERSIGN__LEDGER__V1__HOLD__INIT;
    Countersign__Ledger__V1__Recall recall = COUNTERSIGN__LEDGER__V1__RECALL__INIT;
    ProtobufCBinaryData operators[1] = { bytes("olga") };
    caller.client = bytes("desk");
    if (p->hold_id != NULL) {
        e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD;
        e.hold = &hold;
        hold.caller = &caller;
        hold.evidence_sha256 = cs_proto_bytes(cs_sha256_span(p->digest));
        hold.hold_id = bytes(p->hold_id);
        hold.action = p->lift ? COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_LIFTED
                              : COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_PLACED;
        hold.n_operators = p->n_operators;
        hold.operators = operators;
    } else {
        e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL;
        e.recall = &recall;
        recall.caller = &caller;
        recall.evidence_sha256 = cs_proto_bytes(cs_sha256_span(p->digest));
        recall.statement_id = bytes(p->statement_id);
        recall.n_operators = p->n_operators;
        recall.operators = operators;
    }
    return cs_ledger_append(l, &e, seq);
}

static void fill(struct house *h)
{
    uint64_t seq;
    assert_ok(append_start(h->l, &seq));
    struct cs_sha256 placed = put(h->l, "statement-1", "h-1", false),
                     recalled = put(h->l, "statement-2", NULL, false),
                     lifted = put(h->l, "statement-3", "h-1", true);
    assert_ok(append(h->l, &(struct plan){ "h-1", false, NULL, &placed, 1 }, &seq));
    assert_ok(append(h->l, &(struct plan){ NULL, false, "statement-2", &recalled, 1 }, &seq));
    commit(h->l);
    assert_ok(append_refusal(h->l, &seq));
    assert_ok(append(h->l, &(struct plan){ "h-1", true, NULL, &lifted, 1 }, &seq));
    commit(h->l);
}

static void found_in_order(void **state)
{
    struct house *h = *state;
    static const uint64_t expected[] = { 2, 3, 5 };
    fill(h);
    house_close(h);
    house_open(h); /* as a start does */
    uint64_t at = 0;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct cs_control_record r;
        assert_ok(cs_ledger_control_next(h->l, at, &arena, &r));
        assert_int_equal(r.entry->seq, expected[i]);
        assert_true(r.envelope.len != 0);
        at = r.entry->seq;
    }
    struct cs_control_record r;
    assert_result(cs_ledger_control_next(h->l, at, &arena, &r), NOT_FOUND);
    struct cs_ledger_report report;
    struct cs_note note = { { 0 } };
    house_close(h);
    if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
        fail_msg("%s", note.text);
    cs_arena_done(&arena);
}

static void what_may_not_be_appended(void **state)
{
    struct house *h = *state;
    uint64_t seq;
    struct cs_sha256 nobody = cs_sha256(cs_span_str("nobody")),
                     placed = put(h->l, "statement-1", "h-1", false);
    assert_result(append(h->l, &(struct plan){ "h-1", false, NULL, &nobody, 1 }, &seq), NOT_FOUND);
    assert_result(append(h->l, &(struct plan){ NULL, false, "unbound", &placed, 1 }, &seq), NOT_FOUND);
    assert_result(append(h->l, &(struct plan){ "h-1", false, NULL, &placed, 0 }, &seq), ARGUMENT);
    assert_result(append(h->l, &(struct plan){ "", false, NULL, &placed, 1 }, &seq), ARGUMENT);
    assert_ok(append(h->l, &(struct plan){ "h-1", false, NULL, &placed, 1 }, &seq));
    struct cs_control_record r;
    assert_ok(cs_ledger_control_next(h->l, 0, &arena, &r)); /* seen at once */
    cs_ledger_abandon(h->l);
    assert_result(cs_ledger_control_next(h->l, 0, &arena, &r), NOT_FOUND);
    cs_arena_done(&arena);
}

static void expect_found(struct house *h, const char *change, const char *mend)
{
    struct cs_ledger_report report;
    struct cs_note note = { { 0 } };
    sqlite3 *raw = raw_open(h->path);
    raw_run(raw, change);
    cs_result r = cs_ledger_verify(h->path, NULL, NULL, &report, &note);
    raw_run(raw, mend);
    (void)sqlite3_close(raw);
    if (!cs_is(r, CS_NUM_STORE_CORRUPT))
        fail_msg("%s: %s", change, cs_result_name(r));
}

static void verify_finds_changed_rows(void **state)
{
    struct house *h = *state;
    fill(h);
    house_close(h);
    expect_found(h, "DELETE FROM control WHERE seq = 5", "INSERT INTO control VALUES (5, 19)");
    expect_found(h, "UPDATE control SET kind = 20 WHERE seq = 2",
                 "UPDATE control SET kind = 19 WHERE seq = 2");
    expect_found(h, "UPDATE control SET seq = 4 WHERE seq = 5", "UPDATE control SET seq = 5 WHERE seq = 4");
    expect_found(h, "INSERT INTO control VALUES (4, 19)", "DELETE FROM control WHERE seq = 4");
    cs_arena_done(&arena);
}

/* An entry whose envelope says something else could only come from a gate that errs. */
static void verify_reads_the_statement(void **state)
{
    static const struct plan plans[] = { { "h-2", false, NULL, NULL, 1 },
                                         { "h-1", true, NULL, NULL, 1 },
                                         { NULL, false, "statement-1", NULL, 1 } };
    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        void *own = NULL;
        uint64_t seq;
        assert_int_equal(house_set_up(&own), 0);
        struct house *h = own;
        struct cs_sha256 placed = put(h->l, "statement-1", "h-1", false);
        struct plan p = plans[i];
        p.digest = &placed;
        assert_ok(append(h->l, &p, &seq));
        commit(h->l);
        house_close(h);
        struct cs_ledger_report report;
        struct cs_note note = { { 0 } };
        assert_result(cs_ledger_verify(h->path, NULL, NULL, &report, &note), STORE_CORRUPT);
        assert_non_null(strstr(note.text, "statement that it records"));
        (void)house_tear_down(&own);
    }
    cs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(found_in_order, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(what_may_not_be_appended, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(verify_finds_changed_rows, house_set_up, house_tear_down),
        cmocka_unit_test(verify_reads_the_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
