/* The largest requests are judged in milliseconds, and memory that runs out is a failure, not a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "proxy/base/clock.h"
#include "tests/unit/rules/fixture.h"

static struct house *H;

static void large(const char *domain_prefix)
{
    house_init(H);
    for (int i = 0; i < CS_TBS_NAMES_MAX; i++)
        house_name(H, cs_arena_printf(&H->arena, "n%d.example.com", i));
    house_order(H);
    for (int i = 0; H->facts.n_evidence < CS_FACTS_EVIDENCE_MAX; i++)
        house_control(H, cs_arena_printf(&H->arena, "%s%d.example.com", domain_prefix, i),
                      METHOD(DCV_DNS_CHANGE), SCOPE(EXACT));
}

static int64_t timed(bool admitted)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t start = cs_clock_mono_us();
        assert_int_equal(house_judge(H), admitted);
        int64_t took = cs_clock_mono_us() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void large_requests_are_fast(void **state)
{
    (void)state;
    house_usual(H);
    int64_t usual = timed(true);
    large("d");
    int64_t refused = timed(false);
    large("n");
    int64_t own = timed(true);
    for (uint32_t i = 1; i < H->facts.n_evidence; i++) /* all for one domain, and none reaches below it */
        H->evidence[i].statement->domain_control->domain = house_bytes(H, "example.com");
    int64_t narrow = timed(false);
    print_message("usual %lld us; 500 names, 1024 statements: own %lld us, none near %lld us, "
                  "all near %lld us\n",
                  (long long)usual, (long long)own, (long long)refused, (long long)narrow);
    assert_true(usual < 20000 && own < 200000 && refused < 1000000 && narrow < 1000000);
}

static void fails_at_every_bound(size_t n_bounds)
{
    cs_facts_find_orders(&H->facts);
    struct cs_arena whole = { 0 };
    struct cs_verdict v = { .arena = &whole };
    uint32_t order;
    assert_true(cs_ok(cs_judge(&H->facts, &v, &order)));
    size_t needed = whole.used;
    cs_arena_done(&whole);
    for (size_t max = 1; max < needed; max += needed / n_bounds + 1) {
        struct cs_arena small = { .max = max };
        v = (struct cs_verdict){ .arena = &small };
        cs_result r = cs_judge(&H->facts, &v, &order);
        assert_true(cs_is(r, CS_NUM_NO_MEMORY));
        cs_arena_done(&small);
    }
}

static void memory_that_runs_out_is_a_failure(void **state)
{
    (void)state;
    large("d");
    fails_at_every_bound(32);
    house_usual(H);
    fails_at_every_bound(100000);
    H->tbs.version = 0;
    H->tbs.not_after_unix_s += 86400;
    house_approval(H, DECISION(REJECT));
    house_name(H, "example.net");
    fails_at_every_bound(100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_requests_are_fast),
        cmocka_unit_test(memory_that_runs_out_is_a_failure),
    };
    H = calloc(1, sizeof *H);
    int failed = H != NULL ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    if (H != NULL)
        house_done(H);
    free(H);
    return failed;
}
