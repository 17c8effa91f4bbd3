/*
 * Ledger under faults: every operation of the disk and of the allocator fails in turn. Whatever
 * happens: what was acknowledged stays, what was not leaves no trace, no grant without a commit,
 * and the handle goes on or says STORE.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "tests/fault/vfs.h"
#include "tests/unit/ledger/fixture.h"

enum {
    TURNS = 2,
    INTENTS = 2,
    TURN_ENTRIES = INTENTS + 4 /* deposit, refusal, authorization and the intent that spends it */
};

static bool is_refused_by_store(cs_result r)
{
    return cs_class(r) == CS_CLASS_STORE || cs_is(r, CS_NUM_NO_MEMORY);
}

static cs_result put_all(struct cs_ledger *l, unsigned t)
{
    char envelope[32], statement[32];
    struct cs_sha256 d = evidence_of(t);
    CS_TRY(cs_ledger_evidence_put(l, &d, envelope_of(t, envelope)));
    CS_TRY(cs_ledger_statement_put(l, statement_of(t, statement), &d));
    CS_TRY(cs_ledger_token_put(l, &d, &d));
    return cs_ledger_deposit_key_put(l, cs_span_str("order:1"), &d, 1800000000);
}

/* One turn; on the first failure the rest of it is tried all the same, and must be refused. */
static cs_result turn(struct cs_ledger *l, unsigned t)
{
    uint64_t seq = 0;
    cs_result first = put_all(l, t);
    for (unsigned i = 0; i < INTENTS; i++) {
        struct intent_plan plan = { .n = t * 10 + i };
        cs_result r = append_intent(l, &plan, &seq);
        if (cs_ok(first))
            first = r;
    }
    cs_result r = append_deposit(l, t, &seq);
    first = cs_ok(first) ? r : first;
    struct authorization_plan allowed = { .n = t * 10 + INTENTS };
    r = append_authorization(l, &allowed, &seq);
    first = cs_ok(first) ? r : first;
    struct intent_plan spending = { .n = t * 10 + INTENTS, .authorization_seq = seq };
    r = append_intent(l, &spending, &seq);
    first = cs_ok(first) ? r : first;
    r = append_refusal(l, &seq);
    first = cs_ok(first) ? r : first;
    if (!cs_ok(first)) { /* a caller who saw a failure gives the turn up; one who did not must not succeed */
        if (cs_class(first) == CS_CLASS_STORE && !cs_ok(r)) {
            struct cs_grant_list none = { 0 };
            assert_true(cs_ledger_has_appends(l));
            cs_result end = cs_ledger_commit(l, &none);
            assert_true(cs_class(end) == CS_CLASS_STORE);
            assert_int_equal(none.n, 0);
        } else {
            cs_ledger_abandon(l);
        }
        return first;
    }
    struct cs_grant_list grants = { 0 };
    r = cs_ledger_commit(l, &grants);
    assert_int_equal(grants.n, cs_ok(r) ? INTENTS + 1 : 0);
    cs_grant_list_done(&grants);
    return r;
}

static void copy_file(const char *folder_path, const char *from, const char *to)
{
    char source[160], target[160];
    struct cs_note note;
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    (void)snprintf(source, sizeof source, "%s%s", folder_path, from);
    (void)snprintf(target, sizeof target, "%s%s", folder_path, to);
    (void)unlink(target);
    if (access(source, F_OK) == 0) {
        assert_ok(cs_read_file(source, 64 << 20, &bytes, &note));
        assert_ok(cs_write_file(target, cs_buf_span(&bytes), 0600, &note));
    }
}

/* The machine stops now: what is on the disk is a ledger with the acknowledged turns, and at most
 * one more, whole. */
static void crash_copy_holds(struct house *h, uint64_t n_entries)
{
    char copy[112], shm[128];
    struct cs_ledger_report report;
    struct cs_note note = { { 0 } };
    (void)snprintf(copy, sizeof copy, "%s-copy", h->path);
    (void)snprintf(shm, sizeof shm, "%s-shm", copy);
    copy_file(h->path, "", "-copy");
    copy_file(h->path, "-wal", "-copy-wal");
    (void)unlink(shm);
    cs_result r = cs_ledger_verify(copy, NULL, NULL, &report, &note);
    if (!cs_ok(r))
        fail_msg("after a stop: %s", note.text);
    if (report.n_entries != n_entries && report.n_entries != n_entries + TURN_ENTRIES)
        fail_msg("after a stop: %u entries, %u were acknowledged", (unsigned)report.n_entries,
                 (unsigned)n_entries);
}

static void acknowledged_turns_are_there(struct cs_ledger *l, const bool *acked)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    for (unsigned t = 0; t < TURNS; t++) {
        for (unsigned i = 0; i < INTENTS; i++) {
            char request[32];
            struct cs_intent_view view;
            (void)snprintf(request, sizeof request, "request-%u", t * 10 + i);
            assert_ok(cs_ledger_request_get(l, client(), cs_span_str(request), &arena, &view));
            assert_int_equal(view.state, acked[t] ? CS_INTENT_OPEN : CS_INTENT_NONE);
        }
        struct cs_sha256 d = evidence_of(t);
        struct cs_span got;
        cs_result r = cs_ledger_evidence_get(l, &d, &arena, &got);
        assert_true(acked[t] ? cs_ok(r) : cs_is(r, CS_NUM_NOT_FOUND));
    }
}

/* Runs the scenario with one fault; false when the fault was not met any more. */
static bool one_fault(enum fault_kind kind, unsigned nth, enum fault_way way, bool in_open)
{
    void *own = NULL;
    struct cs_note note;
    assert_int_equal(house_set_up(&own), 0);
    struct house *h = own;
    bool acked[TURNS] = { false };
    uint64_t n_entries = 0;
    if (in_open) {
        house_close(h);
        (void)unlink(h->path); /* created again under faults */
        fault_arm(kind, nth, way);
        cs_result r = cs_ledger_open(h->path, &h->l, &note);
        if (!cs_ok(r)) {
            assert_null(h->l);
            assert_true(is_refused_by_store(r));
            assert_true(note.text[0] != 0);
        }
    } else {
        fault_arm(kind, nth, way);
    }
    bool failed = h->l == NULL;
    for (unsigned t = 0; t < TURNS && h->l != NULL && !(failed && way == FAULT_ONCE); t++) {
        struct cs_ledger_head before, after;
        cs_ledger_head_get(h->l, &before);
        cs_result r = turn(h->l, t);
        cs_ledger_head_get(h->l, &after);
        acked[t] = cs_ok(r);
        if (acked[t]) {
            n_entries += TURN_ENTRIES;
            assert_int_equal(after.size, n_entries);
        } else {
            assert_true(is_refused_by_store(r));
            assert_memory_equal(&before, &after, sizeof before);
            failed = true;
        }
    }
    bool fired = fault_disarm();
    assert_true(fired || !failed);
    if (h->l != NULL) {
        crash_copy_holds(h, n_entries);
        acknowledged_turns_are_there(h->l, acked);
        assert_ok(turn(h->l, 90)); /* the handle goes on */
        n_entries += TURN_ENTRIES;
        acknowledged_turns_are_there(h->l, acked);
    }
    house_close(h);
    house_open(h);
    struct cs_ledger_head head;
    cs_ledger_head_get(h->l, &head);
    assert_int_equal(head.size, n_entries);
    acknowledged_turns_are_there(h->l, acked);
    house_close(h);
    struct cs_ledger_report report;
    if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
        fail_msg("kind %d, number %u: %s", kind, nth, note.text);
    (void)house_tear_down(&own);
    return fired;
}

static void each_fault_of(enum fault_kind kind, bool in_open)
{
    unsigned nth = 0, n_met = 0;
    for (; one_fault(kind, nth, FAULT_ONCE, in_open); n_met++)
        nth += kind != FAULT_MEMORY || nth < 40 ? 1 : in_open ? 193 : 13; /* many allocations are alike */
    unsigned step = nth / 12 + 1;
    for (unsigned at = 0; at < nth; at += step)
        (void)one_fault(kind, at, FAULT_FOR_GOOD, in_open);
    print_message("kind %d%s: %u faults met\n", kind, in_open ? " from open on" : "", n_met);
    assert_true(n_met > 0 || (kind == FAULT_OPEN && !in_open) || (kind == FAULT_SHM && !in_open) ||
                (kind == FAULT_READ && !in_open));
}

static void disk_faults_in_turns(void **state)
{
    (void)state;
    for (enum fault_kind kind = FAULT_OPEN; kind < FAULT_MEMORY; kind++)
        each_fault_of(kind, false);
}

static void disk_faults_from_open_on(void **state)
{
    (void)state;
    static const enum fault_kind kinds[] = { FAULT_OPEN, FAULT_READ,  FAULT_SYNC,
                                             FAULT_SHM,  FAULT_WRITE, FAULT_FULL };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        each_fault_of(kinds[i], true);
}

static void allocation_faults(void **state)
{
    (void)state;
    each_fault_of(FAULT_MEMORY, false);
    each_fault_of(FAULT_MEMORY, true);
}

int main(int argc, char **argv)
{
    fault_install();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_faults_in_turns),
        cmocka_unit_test(disk_faults_from_open_on),
        cmocka_unit_test(allocation_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
