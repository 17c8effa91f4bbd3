/* Checkpoints: the log is copied back while the ledger is open, and its length stays bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/ledger/checkpointer.h"
#include "tests/unit/ledger/fixture.h"

enum { PAGE_LEN = 4096, TBS_LEN = 60000, TURN = 16, WAIT_MS = 10000 };

static uint64_t pages_of(const struct house *h, const char *suffix)
{
    char name[128];
    struct stat st;
    (void)snprintf(name, sizeof name, "%s%s", h->path, suffix);
    return stat(name, &st) == 0 ? (uint64_t)st.st_size / PAGE_LEN : 0;
}

/* Entries of 60 KB make pages fast: 15 a row. */
static void append_pages(struct house *h, unsigned *n, uint64_t n_pages)
{
    uint64_t seq;
    for (uint64_t done = 0; done < n_pages; done += TURN * 15) {
        for (unsigned i = 0; i < TURN; i++, (*n)++)
            assert_ok(append_intent(h->l, &(struct intent_plan){ .n = *n, .tbs_len = TBS_LEN }, &seq));
        commit(h->l);
    }
}

static void the_log_is_copied_back_beside_the_commits(void **state)
{
    struct house *h = *state;
    unsigned n = 0;
    append_pages(h, &n, CS_WAL_WAKE_PAGES / 2);
    uint64_t before = pages_of(h, "");
    assert_true(before < CS_WAL_WAKE_PAGES / 4); /* not yet due: the log holds it all */
    append_pages(h, &n, CS_WAL_WAKE_PAGES);
    unsigned waited_ms = 0;
    for (; pages_of(h, "") < CS_WAL_WAKE_PAGES / 2 && waited_ms < WAIT_MS; waited_ms++)
        (void)usleep(1000);
    assert_true(waited_ms < WAIT_MS);
}

static void the_log_begins_anew_under_steady_load(void **state)
{
    struct house *h = *state;
    unsigned n = 0;
    append_pages(h, &n, CS_WAL_LIMIT_PAGES + 2 * CS_WAL_WAKE_PAGES);
    uint64_t longest = pages_of(h, "-wal");
    assert_true(longest < CS_WAL_LIMIT_PAGES + 2 * CS_WAL_WAKE_PAGES);
    house_close(h);
    assert_int_equal(pages_of(h, "-wal"), 0);
    struct cs_ledger_report report;
    struct cs_note note = { { 0 } };
    if (!cs_ok(cs_ledger_verify(h->path, NULL, NULL, &report, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(report.n_open, n);
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, house_set_up, house_tear_down)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(the_log_is_copied_back_beside_the_commits),
        IN_HOUSE(the_log_begins_anew_under_steady_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
