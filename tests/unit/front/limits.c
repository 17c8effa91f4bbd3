/* PING strikes and the call table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <event2/event.h>
#include <stdlib.h>

#include "proxy/front/calls.h"
#include "proxy/front/ping.h"

static void pings_strike_out(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        int64_t gap_s;
        bool calls_run, forgiven;
        unsigned out_at; /* number of the ping that is one too many, 0 = none in 10 */
    } rows[] = {
        { "every second", 1, true, false, 4 },
        { "just under five minutes with calls", CS_PING_BUSY_S - 1, true, false, 4 },
        { "five minutes with calls", CS_PING_BUSY_S, true, false, 0 },
        { "five minutes without calls", CS_PING_BUSY_S, false, false, 4 },
        { "two hours without calls", CS_PING_IDLE_S, false, false, 0 },
        { "every second, but answers flow", 1, true, true, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_ping_guard g = { 0 };
        unsigned out_at = 0;
        for (unsigned n = 1; n <= 10 && out_at == 0; n++) {
            if (rows[i].forgiven)
                cs_ping_forgive(&g);
            if (cs_ping_seen(&g, n * rows[i].gap_s * 1000000, rows[i].calls_run))
                out_at = n;
        }
        if (out_at != rows[i].out_at)
            fail_msg("row: %s: out at %u", rows[i].row, out_at);
    }
}

static unsigned n_late;
static void on_deadline(void *ctx, struct cs_call *call)
{
    (void)ctx;
    n_late++;
    cs_calls_abandon(call);
}

static void calls_are_bounded_and_never_mixed_up(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    struct cs_calls t;
    assert_true(cs_ok(cs_calls_init(&t, base, on_deadline, NULL)));
    static uint64_t id[CS_CALLS_MAX];
    struct cs_call *call;
    for (unsigned i = 0; i < CS_CALLS_MAX; i++) {
        assert_true(cs_ok(cs_calls_take(&t, i, (int32_t)i, false, 0, 60000000, &call)));
        id[i] = call->id;
    }
    assert_true(cs_is(cs_calls_take(&t, 1, 1, false, 0, 1, &call), CS_NUM_FULL));
    assert_null(cs_calls_find(&t, 0));
    assert_null(cs_calls_find(&t, id[3] + CS_CALLS_MAX * 4096ull));
    call = cs_calls_find(&t, id[3]);
    assert_true(call != NULL && call->conn == 3 && call->stream_id == 3);
    cs_calls_abandon(call);
    assert_ptr_equal(cs_calls_find(&t, id[3]), call); /* taken until the answer */
    assert_int_equal(t.n_taken, CS_CALLS_MAX);
    cs_calls_free(&t, call);
    assert_null(cs_calls_find(&t, id[3])); /* a second answer finds nothing */
    assert_true(cs_ok(cs_calls_take(&t, 9, 9, false, 0, 60000000, &call)));
    assert_null(cs_calls_find(&t, id[3])); /* nor does it find the slot's next call */
    assert_true(call->id != id[3]);
    cs_calls_done(&t);
    event_base_free(base);
}

static void deadline_comes_once_and_not_for_the_abandoned(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    struct cs_calls t;
    struct cs_call *a, *b, *c;
    assert_true(cs_ok(cs_calls_init(&t, base, on_deadline, NULL)));
    assert_true(cs_ok(cs_calls_take(&t, 1, 1, false, 0, 1000, &a)));
    assert_true(cs_ok(cs_calls_take(&t, 1, 3, false, 0, 1000, &b)));
    assert_true(cs_ok(cs_calls_take(&t, 1, 5, false, 0, 1000, &c)));
    cs_calls_abandon(b);
    cs_calls_free(&t, c);
    n_late = 0;
    (void)event_base_loop(base, 0); /* ends when no timer is left */
    assert_int_equal(n_late, 1);
    assert_true(!a->waited_for);
    cs_calls_done(&t);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_strike_out),
        cmocka_unit_test(calls_are_bounded_and_never_mixed_up),
        cmocka_unit_test(deadline_comes_once_and_not_for_the_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
