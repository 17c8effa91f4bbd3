/*
 * kill -9 at each write and each sync of a loop of turns, and at arbitrary moments: afterwards the
 * ledger opens and verifies, every turn that was reported as committed is there, and every turn is
 * there whole or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fault/vfs.h"
#include "tests/unit/ledger/fixture.h"

enum { TURNS = 3, TIMED_KILLS = 30 };

static unsigned intents_of(unsigned t)
{
    return 1 + t % 3;
}
static uint64_t size_after(unsigned n_turns)
{
    uint64_t size = 0;
    for (unsigned t = 0; t < n_turns; t++)
        size += intents_of(t) + 1;
    return size;
}

/* Runs in the child: exits 0 at the end, 2 on any failure; the pipe gets the size after each commit. */
static void child_main(const char *path, int pipe_fd, unsigned n_turns)
{
    struct cs_ledger *l = NULL;
    struct cs_note note;
    uint64_t seq;
    if (!cs_ok(cs_ledger_open(path, &l, &note)))
        _exit(2);
    for (unsigned t = 0; t < n_turns; t++) {
        char envelope[32];
        struct cs_sha256 d = evidence_of(t);
        struct cs_grant_list grants = { 0 };
        bool ok = cs_ok(cs_ledger_evidence_put(l, &d, envelope_of(t, envelope)));
        for (unsigned i = 0; i < intents_of(t); i++)
            ok = ok &&
                 cs_ok(append_intent(l, &(struct intent_plan){ .n = t * 10 + i, .tbs_len = 3000 }, &seq));
        ok = ok && cs_ok(append_refusal(l, &seq)) && cs_ok(cs_ledger_commit(l, &grants));
        ok = ok && write(pipe_fd, &seq, sizeof seq) == sizeof seq;
        cs_grant_list_done(&grants);
        if (!ok)
            _exit(2);
    }
    cs_ledger_close(l);
    _exit(0);
}

/* Returns whether the child came to its end by itself. */
static bool run_child(struct house *h, enum fault_kind kind, unsigned nth, unsigned kill_after_us,
                      unsigned n_turns, uint64_t *out_acked)
{
    int fds[2], status = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        if (kind != FAULT_NONE)
            fault_arm(kind, nth, FAULT_KILL);
        child_main(h->path, fds[1], n_turns);
    }
    (void)close(fds[1]);
    if (kind == FAULT_NONE) {
        (void)usleep(kill_after_us);
        (void)kill(pid, SIGKILL);
    }
    uint64_t seq;
    *out_acked = 0;
    while (read(fds[0], &seq, sizeof seq) == sizeof seq)
        *out_acked = seq;
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        fail_msg("the child failed by itself");
    return WIFEXITED(status);
}

static void check_after(struct house *h, uint64_t acked, unsigned n_turns)
{
    struct cs_ledger_head head;
    struct cs_ledger_report report;
    struct cs_note note = { { 0 } };
    uint32_t n_open = 0;
    house_clock_us += 1000000000; /* the child's clock went on by itself */
    house_open(h);
    cs_ledger_head_get(h->l, &head);
    if (head.size < acked)
        fail_msg("%u entries were acknowledged, %u are there", (unsigned)acked, (unsigned)head.size);
    unsigned t = 0;
    uint64_t n_intents = 0;
    while (t < n_turns && size_after(t) < head.size)
        n_intents += intents_of(t++);
    if (size_after(t) != head.size)
        fail_msg("%u entries: part of a turn", (unsigned)head.size);
    assert_ok(cs_ledger_close_open_intents(h->l, &n_open));
    assert_int_equal(n_open, n_intents);
    commit(h->l);
    house_close(h);
    if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(report.n_unknown, n_intents);
    assert_int_equal(report.n_open, 0);
}

static void killed_at_each(enum fault_kind kind, bool created_too)
{
    unsigned nth = 0;
    for (bool ended = false; !ended; nth++) {
        void *own = NULL;
        uint64_t acked = 0;
        assert_int_equal(house_set_up(&own), 0);
        struct house *h = own;
        house_close(h);
        if (created_too)
            (void)unlink(h->path);
        ended = run_child(h, kind, nth, 0, TURNS, &acked);
        check_after(h, acked, TURNS);
        (void)house_tear_down(&own);
    }
    print_message("kind %d: killed at %u places\n", kind, nth - 1);
    assert_true(nth > TURNS);
}

static void killed_at_each_write(void **state)
{
    (void)state;
    killed_at_each(FAULT_WRITE, true);
}

static void killed_within_each_write(void **state)
{
    (void)state;
    killed_at_each(FAULT_WRITE_TORN, false);
}

static void killed_at_each_sync(void **state)
{
    (void)state;
    killed_at_each(FAULT_SYNC, true);
    killed_at_each(FAULT_SYNC, false);
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    unsigned n_midway = 0;
    for (unsigned i = 0; i < TIMED_KILLS; i++) {
        void *own = NULL;
        uint64_t acked = 0;
        assert_int_equal(house_set_up(&own), 0);
        struct house *h = own;
        house_close(h);
        (void)run_child(h, FAULT_NONE, 0, 1000 + i * 1400, 4000, &acked);
        n_midway += acked != 0;
        check_after(h, acked, 4000);
        (void)house_tear_down(&own);
    }
    print_message("%u of %u children had committed something\n", n_midway, TIMED_KILLS);
    assert_true(n_midway > 0);
}

int main(int argc, char **argv)
{
    fault_install();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_each_write),
        cmocka_unit_test(killed_within_each_write),
        cmocka_unit_test(killed_at_each_sync),
        cmocka_unit_test(killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
