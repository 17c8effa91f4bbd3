/* Subject keys: RSA numbers and EC points at their boundaries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "proxy/gate/der/spki.h"
#include "tests/unit/der/der_text.h"

static struct cs_tbs view;

/* An RSA view without the way through DER: cs_spki_inspect reads these fields only. */
static cs_result inspect_rsa(const BIGNUM *n, const char *exponent_hex, struct cs_spki_facts *out)
{
    static uint8_t modulus[CS_SPKI_RSA_MAX_BITS / 8 + 8], exponent[64];
    size_t exponent_len;
    assert_true(cs_ok(cs_unhex(cs_span_str(exponent_hex), exponent, sizeof exponent, &exponent_len)));
    memset(&view, 0, sizeof view);
    view.key_kind = CS_KEY_RSA;
    view.rsa_modulus = cs_span_of(modulus, (size_t)BN_bn2bin(n, modulus));
    view.rsa_exponent = cs_span_of(exponent, exponent_len);
    return cs_spki_inspect(&view, out);
}

static BIGNUM *number(uint32_t v)
{
    BIGNUM *n = BN_new();
    assert_true(n != NULL && BN_set_word(n, v) == 1);
    return n;
}

static void exponents(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool odd, at_least_3, at_least_65537;
    } rows[] = {
        { "01", true, false, false },
        { "02", false, false, false },
        { "03", true, true, false },
        { "04", false, true, false },
        { "ffff", true, true, false },
        { "010000", false, true, false },
        { "010001", true, true, true },
        { "ffffffff", true, true, true },
        { "0100000000", false, true, true },
        { "0100000001", true, true, true },
        { "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", true, true, true },
        { "010000000000000000000000000000000000000000000000000000000000000001", true, true, false },
    };
    BIGNUM *n = number(1000003);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_spki_facts f;
        assert_true(cs_ok(inspect_rsa(n, rows[i].hex, &f)));
        if (f.rsa_exponent_odd != rows[i].odd || f.rsa_exponent_at_least_3 != rows[i].at_least_3 ||
            f.rsa_exponent_at_least_65537 != rows[i].at_least_65537)
            fail_msg("exponent %s", rows[i].hex);
    }
    BN_free(n);
}

static void sizes(void **state)
{
    (void)state;
    static const uint32_t bits[] = { 1, 2, 8, 9, 2047, 2048, 2049, 4096, CS_SPKI_RSA_MAX_BITS };
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        BIGNUM *n = number(0);
        struct cs_spki_facts f;
        assert_int_equal(BN_set_bit(n, (int)bits[i] - 1), 1);
        assert_true(cs_ok(inspect_rsa(n, "010001", &f)));
        assert_int_equal(f.rsa_bits, bits[i]);
        assert_int_equal(f.rsa_modulus_odd, bits[i] == 1);
        assert_int_equal(f.rsa_is_power, bits[i] > 2); /* 2^(bits - 1) */
        BN_free(n);
    }
    BIGNUM *n = number(0);
    struct cs_spki_facts f = { .rsa_bits = 77 };
    assert_int_equal(BN_set_bit(n, CS_SPKI_RSA_MAX_BITS), 1);
    assert_true(cs_is(inspect_rsa(n, "010001", &f), CS_NUM_LIMIT));
    assert_int_equal(f.rsa_bits, 77);
    BN_free(n);
}

static bool is_prime(uint32_t n)
{
    for (uint32_t d = 2; d < n; d++)
        if (n % d == 0)
            return false;
    return n > 1;
}

/* Every prime below 760 times a prime of 1024 bits. */
static void small_factors(void **state)
{
    (void)state;
    BIGNUM *big = BN_new(), *n = BN_new();
    assert_int_equal(BN_generate_prime_ex(big, 1024, 0, NULL, NULL, NULL), 1);
    for (uint32_t p = 1; p < 762; p++) {
        struct cs_spki_facts f;
        if (p > 1 && !is_prime(p))
            continue;
        assert_true(BN_copy(n, big) != NULL && BN_mul_word(n, p) == 1);
        assert_true(cs_ok(inspect_rsa(n, "010001", &f)));
        assert_int_equal(f.rsa_small_factor, p > 1 && p < 752 ? p : 0);
        assert_false(f.rsa_is_power);
        assert_int_equal(BN_mul_word(n, 751), 1); /* the smallest is told */
        assert_true(cs_ok(inspect_rsa(n, "010001", &f)));
        assert_int_equal(f.rsa_small_factor, p > 1 && p < 751 ? p : 751);
    }
    BN_free(big);
    BN_free(n);
}

/* All numbers up to 5000 against a list of powers, then large powers and their neighbours. */
static void powers(void **state)
{
    (void)state;
    enum { SMALL = 5000 };
    static bool is_power[SMALL];
    for (uint32_t a = 2; a * a < SMALL; a++)
        for (uint32_t p = a * a; p < SMALL; p *= a)
            is_power[p] = true;
    struct cs_spki_facts f;
    for (uint32_t v = 1; v < SMALL; v++) {
        BIGNUM *n = number(v);
        assert_true(cs_ok(inspect_rsa(n, "03", &f)));
        if (f.rsa_is_power != is_power[v])
            fail_msg("%u", v);
        BN_free(n);
    }
    BN_CTX *ctx = BN_CTX_new();
    for (uint32_t k = 2; k <= 300; k++) {
        static const int root_bits[] = { 2, 9, 10, 11, 512, 1024 };
        for (size_t i = 0; i < sizeof root_bits / sizeof *root_bits; i++) {
            if (root_bits[i] * (int)k > 4096)
                continue;
            BIGNUM *a = BN_new(), *e = number(k), *n = BN_new();
            assert_int_equal(BN_generate_prime_ex(a, root_bits[i], 0, NULL, NULL, NULL), 1);
            assert_int_equal(BN_exp(n, a, e, ctx), 1);
            assert_true(cs_ok(inspect_rsa(n, "03", &f)));
            if (!f.rsa_is_power)
                fail_msg("power %u of %d bits", k, root_bits[i]);
            assert_int_equal(BN_add_word(n, 12), 1); /* large powers are further apart */
            assert_true(cs_ok(inspect_rsa(n, "03", &f)));
            if (BN_num_bits(n) > 12 && f.rsa_is_power)
                fail_msg("power %u of %d bits, and 12", k, root_bits[i]);
            BN_free(a);
            BN_free(e);
            BN_free(n);
        }
    }
    BIGNUM *n = number(1); /* an exponent past the table */
    assert_int_equal(BN_lshift(n, n, 757), 1);
    assert_true(cs_ok(inspect_rsa(n, "03", &f)) && f.rsa_is_power);
    BN_free(n);
    BN_CTX_free(ctx);
}

static bool point_valid(enum cs_key_kind kind, const uint8_t *at, size_t len)
{
    struct cs_spki_facts f;
    memset(&view, 0, sizeof view);
    view.key_kind = kind;
    view.spki_key = cs_span_of(at, len);
    assert_true(cs_ok(cs_spki_inspect(&view, &f)));
    assert_int_equal(f.rsa_bits, 0);
    return f.ec_point_valid;
}

static void points(void **state)
{
    (void)state;
    static const struct {
        enum cs_key_kind kind;
        int nid;
        size_t len;
    } curves[] = {
        { CS_KEY_EC_P256, NID_X9_62_prime256v1, 32 },
        { CS_KEY_EC_P384, NID_secp384r1, 48 },
        { CS_KEY_EC_P521, NID_secp521r1, 66 },
    };
    for (size_t c = 0; c < 3; c++) {
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[c].nid);
        const EC_POINT *g = EC_GROUP_get0_generator(group);
        uint8_t b[1 + 2 * 66 + 1] = { 0 }, compressed[1 + 66];
        size_t len = 1 + 2 * curves[c].len;
        assert_int_equal(EC_POINT_point2oct(group, g, POINT_CONVERSION_UNCOMPRESSED, b, sizeof b, NULL), len);
        assert_true(point_valid(curves[c].kind, b, len));
        for (size_t other = 0; other < 3; other++)
            assert_int_equal(point_valid(curves[other].kind, b, len), other == c);
        assert_false(point_valid(curves[c].kind, b, len - 1) || point_valid(curves[c].kind, b, len + 1));
        for (size_t bit = 0; bit < 8 * len; bit++) {
            b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (point_valid(curves[c].kind, b, len))
                fail_msg("curve %zu, bit %zu", c, bit);
            b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        size_t n =
            EC_POINT_point2oct(group, g, POINT_CONVERSION_COMPRESSED, compressed, sizeof compressed, NULL);
        assert_false(point_valid(curves[c].kind, compressed, n));
        b[0] = 0x06; /* hybrid */
        assert_false(point_valid(curves[c].kind, b, len));
        b[0] = 0x07;
        assert_false(point_valid(curves[c].kind, b, len));
        memset(b, 0, sizeof b); /* infinity, in one octet and padded */
        assert_false(point_valid(curves[c].kind, b, 1) || point_valid(curves[c].kind, b, len));
        b[0] = 4;
        assert_false(point_valid(curves[c].kind, b, len) || point_valid(curves[c].kind, b, 0));
        memset(b + 1, 0xff, len - 1); /* not below the prime */
        assert_false(point_valid(curves[c].kind, b, len));

        /* The negative generator is on the curve; its y + p, where it fits, is another way to write it. */
        BIGNUM *p = BN_new(), *x = BN_new(), *y = BN_new();
        assert_int_equal(EC_GROUP_get_curve(group, p, NULL, NULL, NULL), 1);
        assert_int_equal(EC_POINT_get_affine_coordinates(group, g, x, y, NULL), 1);
        assert_int_equal(BN_sub(y, p, y), 1);
        assert_true(BN_bn2binpad(x, b + 1, (int)curves[c].len) > 0 &&
                    BN_bn2binpad(y, b + 1 + curves[c].len, (int)curves[c].len) > 0);
        assert_true(point_valid(curves[c].kind, b, len));
        assert_int_equal(BN_add(y, p, y), 1);
        if (BN_num_bytes(y) <= (int)curves[c].len) {
            assert_true(BN_bn2binpad(y, b + 1 + curves[c].len, (int)curves[c].len) > 0);
            assert_false(point_valid(curves[c].kind, b, len));
        }
        BN_free(p);
        BN_free(x);
        BN_free(y);
        EC_GROUP_free(group);
    }
}

static void other_keys_say_nothing(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    tbs_text_put(&b, &(struct tbs_text){ .spki = "30{30{06:2b6570} 03{=00 =0102}}" });
    assert_true(cs_ok(cs_tbs_parse(cs_buf_span(&b), &view, NULL)));
    struct cs_spki_facts f;
    memset(&f, 0xa5, sizeof f);
    assert_true(cs_ok(cs_spki_inspect(&view, &f)));
    assert_true(f.rsa_bits == 0 && !f.ec_point_valid && !f.rsa_exponent_odd && !f.rsa_modulus_odd &&
                f.rsa_small_factor == 0 && !f.rsa_is_power && !f.rsa_exponent_at_least_3 &&
                !f.rsa_exponent_at_least_65537);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponents), cmocka_unit_test(sizes),  cmocka_unit_test(small_factors),
        cmocka_unit_test(powers),    cmocka_unit_test(points), cmocka_unit_test(other_keys_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
