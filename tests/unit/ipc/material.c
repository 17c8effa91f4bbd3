/* TLS material: there and back, every truncation, every bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/ipc/material.h"

static uint8_t filler[CS_MATERIAL_REVOCATION_MAX_LEN + 1];

static struct cs_material good(void)
{
    struct cs_material m = { .n_authorities = 2, .n_listeners = 2 };
    m.authority[0] = cs_span_str("authority");
    m.authority[1] = cs_span_str("another");
    m.listener[0] = (struct cs_material_listener){ .index = 1, .n_chain = 1, .key = cs_span_str("key") };
    m.listener[0].chain[0] = cs_span_str("certificate");
    m.listener[1] = (struct cs_material_listener){
        .index = 15, .n_chain = 2, .key = cs_span_str("other key"), .n_revocations = 1
    };
    m.listener[1].chain[0] = cs_span_str("leaf");
    m.listener[1].chain[1] = cs_span_str("above");
    m.listener[1].revocation[0] = cs_span_str("list");
    return m;
}

static void there_and_back(void **state)
{
    (void)state;
    struct cs_material m = good(), got;
    CS_AUTO_BUF struct cs_buf b = { .max = CS_MATERIAL_MAX_LEN };
    assert_true(cs_buf_reserve(&b, cs_material_put_len(&m)));
    const uint8_t *at = b.at;
    assert_int_equal(cs_material_put(&b, &m).code, 0);
    assert_int_equal(b.len, cs_material_put_len(&m));
    assert_ptr_equal(b.at, at); /* no growing, so no copy of a key is left behind */
    assert_int_equal(cs_material_get(cs_buf_span(&b), &got).code, 0);
    assert_int_equal(got.n_authorities, 2);
    assert_int_equal(got.n_listeners, 2);
    assert_true(cs_span_is(got.authority[1], "another"));
    assert_int_equal(got.listener[1].index, 15);
    assert_int_equal(got.listener[1].n_chain, 2);
    assert_true(cs_span_is(got.listener[0].key, "key"));
    assert_true(cs_span_is(got.listener[1].chain[1], "above"));
    assert_true(cs_span_is(got.listener[1].revocation[0], "list"));
    for (size_t len = 0; len < b.len; len++)
        assert_false(cs_ok(cs_material_get(cs_span_of(b.at, len), &got)));
    cs_buf_put_u8(&b, 0);
    assert_true(cs_is(cs_material_get(cs_buf_span(&b), &got), CS_NUM_TRAILING));
}

/* No bit of a count, an index or a length can change without being seen, or changes what is got. */
static void bits(void **state)
{
    (void)state;
    struct cs_material m = good(), got;
    CS_AUTO_BUF struct cs_buf b = { 0 }, again = { 0 };
    assert_int_equal(cs_material_put(&b, &m).code, 0);
    for (size_t i = 0; i < 8 * b.len; i++) {
        b.at[i / 8] ^= (uint8_t)(1u << i % 8);
        if (cs_ok(cs_material_get(cs_buf_span(&b), &got))) {
            cs_buf_reset(&again);
            assert_int_equal(cs_material_put(&again, &got).code, 0);
            assert_true(cs_span_eq(cs_buf_span(&again), cs_buf_span(&b)));
        }
        b.at[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

static void refuses(struct cs_material m, const char *row, bool accepts)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    if (cs_ok(cs_material_put(&b, &m)) != accepts)
        fail_msg("row: %s", row);
}

static void bounds(void **state)
{
    (void)state;
    struct cs_material m = good();
    refuses(m, "good", true);
    m.n_authorities = 0;
    refuses(m, "no authority", false);
    m.n_authorities = CS_MATERIAL_AUTHORITIES_MAX + 1;
    refuses(m, "too many authorities", false);
    m = good();
    m.n_listeners = 0;
    refuses(m, "no listener", false);
    m = good();
    m.listener[1].index = 1;
    refuses(m, "the same listener twice", false);
    m.listener[1].index = CS_FRONT_LISTEN_MAX;
    refuses(m, "an index too high", false);
    m = good();
    m.listener[0].n_chain = 0;
    refuses(m, "no certificate", false);
    m.listener[0].n_chain = CS_MATERIAL_CHAIN_MAX + 1;
    refuses(m, "a chain too long", false);
    m = good();
    m.listener[0].key.len = 0;
    refuses(m, "no key", false);
    m.listener[0].key = cs_span_of(filler, CS_MATERIAL_KEY_MAX_LEN);
    refuses(m, "the largest key", true);
    m.listener[0].key.len++;
    refuses(m, "a key too large", false);
    m = good();
    m.authority[0] = cs_span_of(filler, CS_MATERIAL_CERT_MAX_LEN);
    refuses(m, "the largest certificate", true);
    m.authority[0].len++;
    refuses(m, "a certificate too large", false);
    m = good();
    m.listener[1].revocation[0] = cs_span_of(filler, CS_MATERIAL_REVOCATION_MAX_LEN);
    refuses(m, "the largest list", true);
    m.listener[1].revocation[0].len++;
    refuses(m, "a list too large", false);
    m = good();
    m.listener[1].n_revocations = CS_MATERIAL_REVOCATIONS_MAX + 1;
    refuses(m, "too many lists", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(bits),
                                        cmocka_unit_test(bounds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
