/* So many at once, then so many per time; and what is told of a crowd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/gate/bucket.h"

enum { SECOND_US = 1000000 };

static void burst_then_rate(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        uint32_t per_second, burst;
    } rows[] = { { "one", 1, 1 },     { "burst of many", 2, 50 },    { "a third", 3, 3 },
                 { "fast", 1000, 1 }, { "fastest", 100000, 100000 }, { "odd", 7, 11 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t interval_ns = 1000000000 / rows[i].per_second, now_us = 5 * SECOND_US, wait_us = 0;
        struct cs_bucket b = { 0 };
        uint32_t n = 0;
        while (cs_bucket_take(&b, now_us, interval_ns, rows[i].burst, &wait_us))
            n++;
        if (n != rows[i].burst)
            fail_msg("row: %s: %u at once", rows[i].row, n);
        for (int k = 0; k < 5; k++) { /* each comes back when it was said to, and not before */
            assert_true(wait_us >= 1 && wait_us <= (interval_ns + 999) / 1000);
            int64_t unused;
            if (wait_us > 1)
                assert_false(cs_bucket_take(&b, now_us + wait_us - 2, interval_ns, rows[i].burst, &unused));
            now_us += wait_us;
            assert_true(cs_bucket_take(&b, now_us, interval_ns, rows[i].burst, &wait_us));
            while (cs_bucket_take(&b, now_us, interval_ns, rows[i].burst, &wait_us))
                ;
        }
        now_us += 3600 * (int64_t)SECOND_US; /* rest fills it, and no more than full */
        n = 0;
        while (cs_bucket_take(&b, now_us, interval_ns, rows[i].burst, &wait_us))
            n++;
        assert_int_equal(n, rows[i].burst);
    }
}

static void some_are_told(void **state)
{
    (void)state;
    struct cs_quiet q = { 0 };
    uint64_t n_untold = 99, n_told = 0;
    for (int i = 0; i < 1000; i++)
        n_told += cs_quiet_tell(&q, SECOND_US, &n_untold);
    assert_int_equal(n_told, CS_QUIET_PER_MINUTE);
    assert_int_equal(n_untold, 0);
    assert_int_equal(q.n_untold, 1000 - CS_QUIET_PER_MINUTE);
    assert_true(cs_quiet_tell(&q, SECOND_US + 60 / CS_QUIET_PER_MINUTE * SECOND_US, &n_untold));
    assert_int_equal(n_untold, 1000 - CS_QUIET_PER_MINUTE);
    assert_int_equal(q.n_untold, 0);
    assert_false(cs_quiet_tell(&q, SECOND_US + 60 / CS_QUIET_PER_MINUTE * SECOND_US, &n_untold));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_then_rate),
        cmocka_unit_test(some_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
