/* The front configuration: what fits, what does not, and every truncation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/ipc/frontconf.h"

static const struct cs_frontconf two = {
    .n_listeners = 2,
    .listener = { { .name = "api-v1", .tls = true, .reflection = true, .max_age_s = 86400 },
                  { .name = "", .metrics = true } },
};

static void there_and_back(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf b = { .max = CS_FRONTCONF_MAX_LEN };
    assert_int_equal(cs_frontconf_put(&b, &two).code, 0);
    struct cs_frontconf got;
    assert_int_equal(cs_frontconf_get(cs_buf_span(&b), &got).code, 0);
    assert_int_equal(got.n_listeners, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_string_equal(got.listener[i].name, two.listener[i].name);
        assert_int_equal(got.listener[i].tls, two.listener[i].tls);
        assert_int_equal(got.listener[i].reflection, two.listener[i].reflection);
        assert_int_equal(got.listener[i].metrics, two.listener[i].metrics);
        assert_int_equal(got.listener[i].max_age_s, two.listener[i].max_age_s);
    }
    for (size_t len = 0; len < b.len; len++)
        assert_false(cs_ok(cs_frontconf_get(cs_span_of(b.at, len), &got)));
    cs_buf_put_u8(&b, 0);
    assert_true(cs_is(cs_frontconf_get(cs_buf_span(&b), &got), CS_NUM_TRAILING));
}

/* The largest one fits the bound that the front reads by. */
static void largest(void **state)
{
    (void)state;
    struct cs_frontconf c = { .n_listeners = CS_FRONT_LISTEN_MAX };
    for (uint32_t i = 0; i < CS_FRONT_LISTEN_MAX; i++)
        memset(c.listener[i].name, 'n', CS_LISTENER_NAME_MAX_LEN);
    CS_AUTO_BUF struct cs_buf b = { .max = CS_FRONTCONF_MAX_LEN };
    assert_int_equal(cs_frontconf_put(&b, &c).code, 0);
    struct cs_frontconf got;
    assert_int_equal(cs_frontconf_get(cs_buf_span(&b), &got).code, 0);
    assert_int_equal(strlen(got.listener[15].name), CS_LISTENER_NAME_MAX_LEN);
}

static void put_refuses(void **state)
{
    (void)state;
    struct cs_frontconf rows[] = {
        { .n_listeners = 0 },
        { .n_listeners = CS_FRONT_LISTEN_MAX + 1 },
        { .n_listeners = 1, .listener = { { .max_age_s = CS_LISTENER_MAX_AGE_MAX_S + 1 } } },
        { .n_listeners = 1, .listener = { { .metrics = true, .tls = true } } },
        { .n_listeners = 1, .listener = { { .metrics = true, .reflection = true } } },
        { .n_listeners = 1, .listener = { { .metrics = true, .max_age_s = 1 } } },
        { .n_listeners = 1 },
    };
    memset(rows[6].listener[0].name, 'n', sizeof rows[6].listener[0].name); /* no end */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        if (!cs_is(cs_frontconf_put(&b, &rows[i]), CS_NUM_ARGUMENT))
            fail_msg("row %zu", i);
    }
}

/* Bytes that no put writes. count, name length, name, bits, age */
static void get_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        uint8_t at[14];
        size_t len;
    } rows[] = {
        { "none", { 0, 0, 0, 0 }, 4 },
        { "too many", { 0, 0, 0, 17 }, 4 },
        { "unknown bit", { 0, 0, 0, 1, 0, 0, 0, 0, 8, 0, 0, 0, 0 }, 13 },
        { "age over a day", { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x51, 0x81 }, 13 },
        { "metrics with tls", { 0, 0, 0, 1, 0, 0, 0, 0, 5, 0, 0, 0, 0 }, 13 },
        { "NUL in the name", { 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0 }, 14 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_frontconf got = { .n_listeners = 77 };
        if (!cs_is(cs_frontconf_get(cs_span_of(rows[i].at, rows[i].len), &got), CS_NUM_FORM) ||
            got.n_listeners != 77)
            fail_msg("row: %s", rows[i].row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(largest),
                                        cmocka_unit_test(put_refuses), cmocka_unit_test(get_refuses) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
