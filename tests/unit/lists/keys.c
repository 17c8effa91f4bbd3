/* ROCA and Fermat on moduli built to lie on either side of each test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/bn.h>
#include <stdlib.h>

#include "proxy/base/clock.h"
#include "proxy/gate/lists/keys.h"

static BN_CTX *ctx;

static struct cs_modulus_flaws flaws_of(const BIGNUM *n)
{
    uint8_t at[CS_KEYS_RSA_MAX_BITS / 8];
    struct cs_modulus_flaws f = { true, true };
    int len = BN_bn2bin(n, at);
    assert_true(cs_ok(cs_modulus_inspect(cs_span_of(at, (size_t)len), &f)));
    return f;
}

static BIGNUM *random_bits(int bits, int top)
{
    BIGNUM *n = BN_new();
    assert_int_equal(BN_rand(n, bits, top, BN_RAND_BOTTOM_ODD), 1);
    return n;
}

/* ---- ROCA ---- */

static bool is_prime(unsigned n)
{
    for (unsigned d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n > 1;
}

static bool reaches(unsigned prime, unsigned rest)
{
    for (unsigned long power = 1, i = 0; i < prime; i++, power = power * 65537 % prime)
        if (power == rest)
            return true;
    return false;
}

static void roca(void **state)
{
    (void)state;
    BIGNUM *m = BN_new(), *n = BN_new(), *part = BN_new(), *g = BN_new(), *e = BN_new();
    BN_one(m);
    for (unsigned p = 2; p <= 167; p++)
        if (is_prime(p))
            assert_int_equal(BN_mul_word(m, p), 1);
    BN_set_word(g, 65537);
    unsigned n_telling = 0, n_caught = 0;
    for (int round = 0; round < 8; round++) {
        assert_int_equal(BN_rand(e, 64, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY), 1);
        BIGNUM *k = random_bits(1800, BN_RAND_TOP_TWO);
        assert_int_equal(BN_mod_exp(n, g, e, m, ctx), 1);
        assert_true(BN_mul(k, k, m, ctx) == 1 && BN_add(n, n, k) == 1);
        assert_true(flaws_of(n).roca);
        /* another rest modulo one prime alone: a fingerprint no more, if 65537 does not reach it */
        for (unsigned p = 3; p <= 167; p += 2) {
            if (!is_prime(p))
                continue;
            assert_true(BN_copy(part, m) != NULL && BN_div_word(part, p) != (BN_ULONG)-1);
            assert_true(BN_copy(k, n) != NULL);
            for (unsigned step = 1; step < p; step++) {
                assert_int_equal(BN_add(k, k, part), 1);
                if (!BN_is_odd(k))
                    continue;
                bool wanted = reaches(p, (unsigned)BN_mod_word(k, p));
                if (flaws_of(k).roca != wanted)
                    fail_msg("prime %u", p);
                n_telling += !wanted;
                n_caught += wanted;
            }
            if (round > 0 && p > 11)
                break; /* all of them once */
        }
        BN_free(k);
    }
    assert_true(n_telling > 500 && n_caught > 500);
    for (int i = 0; i < 200; i++) {
        BIGNUM *r = random_bits(2048, BN_RAND_TOP_TWO);
        assert_false(flaws_of(r).roca);
        BN_free(r);
    }
    BN_free(m);
    BN_free(n);
    BN_free(part);
    BN_free(g);
    BN_free(e);
}

/* ---- Fermat ---- */

static BIGNUM *root_up(const BIGNUM *n)
{
    BIGNUM *low = BN_new(), *high = BN_new(), *middle = BN_new(), *t = BN_new();
    BN_zero(low);
    assert_int_equal(BN_set_bit(high, BN_num_bits(n) / 2 + 1), 1);
    for (;;) { /* low^2 < n <= high^2 */
        assert_true(BN_add(middle, low, high) == 1 && BN_rshift1(middle, middle) == 1);
        if (BN_cmp(middle, low) == 0)
            break;
        assert_int_equal(BN_sqr(t, middle, ctx), 1);
        assert_true((BN_cmp(t, n) < 0 ? BN_copy(low, middle) : BN_copy(high, middle)) != NULL);
    }
    BN_free(low);
    BN_free(middle);
    BN_free(t);
    return high;
}

/* n = a^2 - b^2 whose ceil(sqrt(n)) is a - index: found in round index, counted from 0. */
static BIGNUM *factored_in_round(int bits, unsigned index)
{
    BIGNUM *a = random_bits(bits / 2, BN_RAND_TOP_TWO), *c = BN_dup(a), *n = BN_new();
    assert_true(BN_sub_word(c, index) == 1 && BN_sqr(n, a, ctx) == 1 && BN_sqr(c, c, ctx) == 1 &&
                BN_sub(n, n, c) == 1);
    BIGNUM *b = BN_new();
    if (BN_is_zero(n)) {
        BN_zero(b);
    } else {
        BN_free(b);
        b = root_up(n);
        if (BN_is_odd(b) == BN_is_odd(a))
            BN_add_word(b, 1); /* n is odd */
    }
    assert_true(BN_sqr(n, a, ctx) == 1 && BN_sqr(b, b, ctx) == 1 && BN_sub(n, n, b) == 1);
    BIGNUM *root = root_up(n);
    assert_true(BN_add_word(root, index) == 1 && BN_cmp(root, a) == 0);
    BN_free(root);
    BN_free(a);
    BN_free(b);
    BN_free(c);
    return n;
}

static void fermat(void **state)
{
    (void)state;
    static const int sizes[] = { 1024, 2048, 2056, 3072, 4096, 8192 };
    static const struct {
        unsigned index;
        bool found;
    } rows[] = { { 0, true },  { 1, true },    { 2, true },    { 50, true },  { 98, true },
                 { 99, true }, { 100, false }, { 101, false }, { 200, false } };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            BIGNUM *n = factored_in_round(sizes[s], rows[i].index);
            if (flaws_of(n).fermat != rows[i].found)
                fail_msg("%d bits, round %u", sizes[s], rows[i].index);
            BN_free(n);
        }
}

static void small_and_strange(void **state)
{
    (void)state;
    static const uint8_t zero[1] = { 0 }, even[3] = { 0xff, 0xff, 0xfe }, odd[3] = { 0xff, 0xff, 0xff };
    struct cs_modulus_flaws f = { true, true };
    assert_true(cs_ok(cs_modulus_inspect(cs_span_of(zero, 0), &f)) && !f.roca && !f.fermat);
    assert_true(cs_ok(cs_modulus_inspect(cs_span_of(zero, 1), &f)) && !f.roca && !f.fermat);
    assert_true(cs_ok(cs_modulus_inspect(cs_span_of(even, 3), &f)) && !f.roca && !f.fermat);
    assert_true(cs_ok(cs_modulus_inspect(cs_span_of(odd, 3), &f)) && f.fermat); /* 4095 * 4097 */
    uint8_t *large = calloc(1, CS_KEYS_RSA_MAX_BITS / 8 + 1);
    assert_non_null(large);
    memset(large, 0xff, CS_KEYS_RSA_MAX_BITS / 8 + 1);
    f = (struct cs_modulus_flaws){ true, false };
    assert_true(cs_is(cs_modulus_inspect(cs_span_of(large, CS_KEYS_RSA_MAX_BITS / 8 + 1), &f), CS_NUM_LIMIT));
    assert_true(f.roca && !f.fermat);
    assert_true(cs_ok(cs_modulus_inspect(cs_span_of(large, CS_KEYS_RSA_MAX_BITS / 8), &f)));
    free(large);
}

static void cheap(void **state)
{
    (void)state;
    static const int sizes[] = { 2048, 4096, 8192 };
    for (size_t s = 0; s < 3; s++) {
        BIGNUM *n = random_bits(sizes[s], BN_RAND_TOP_TWO);
        int64_t best = INT64_MAX;
        for (int i = 0; i < 200; i++) {
            int64_t start = cs_clock_mono_us();
            (void)flaws_of(n);
            int64_t took = cs_clock_mono_us() - start;
            best = took < best ? took : best;
        }
        print_message("RSA %d: ROCA and Fermat in %lld us\n", sizes[s], (long long)best);
        assert_true(best < 20000);
        BN_free(n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roca),
        cmocka_unit_test(fermat),
        cmocka_unit_test(small_and_strange),
        cmocka_unit_test(cheap),
    };
    ctx = BN_CTX_new();
    int failed = ctx != NULL ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    BN_CTX_free(ctx);
    return failed;
}
