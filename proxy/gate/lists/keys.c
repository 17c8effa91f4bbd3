#include "proxy/gate/lists/keys.h"

#include <openssl/bn.h>

static inline void auto_bn(BIGNUM **p)
{
    BN_free(*p);
}
static inline void auto_bn_ctx(BN_CTX **p)
{
    BN_CTX_free(*p);
}
#define AUTO_BN     __attribute__((cleanup(auto_bn))) BIGNUM
#define AUTO_BN_CTX __attribute__((cleanup(auto_bn_ctx))) BN_CTX

/*
 * ROCA: the library made primes p = k M + (65537^a mod M), M the product of the first primes. So the
 * modulus, too, is a power of 65537 modulo each of them. Random numbers pass all of these tests once in
 * 2^27 (Nemec et al., CCS 2017). Modulo 2 every odd number passes.
 */
static const uint8_t roca_primes[] = { 3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                                       47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                                       107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167 };
enum { N_ROCA_PRIMES = sizeof roca_primes };

static bool is_power_of_65537(uint32_t rest, uint32_t prime)
{
    uint32_t power = 1;
    do {
        if (power == rest)
            return true;
        power = power * (65537 % prime) % prime;
    } while (power != 1);
    return false;
}

/* One division of n serves as many primes as fit a word. */
static CS_RESULT has_roca_fingerprint(const BIGNUM *n, bool *out)
{
    for (size_t at = 0; at < N_ROCA_PRIMES;) {
        size_t first = at;
        uint64_t product = 1;
        for (; at < N_ROCA_PRIMES && product <= UINT64_MAX / roca_primes[at]; at++)
            product *= roca_primes[at];
        BN_ULONG rest = BN_mod_word(n, product);
        if (rest == (BN_ULONG)-1)
            return CS_ERR(CRYPTO);
        for (size_t i = first; i < at; i++)
            if (!is_power_of_65537((uint32_t)(rest % roca_primes[i]), roca_primes[i])) {
                *out = false;
                return CS_OK;
            }
    }
    *out = true;
    return CS_OK;
}

/* x = floor(sqrt(n)); Newton's steps from above fall until they reach it. */
static CS_RESULT integer_root(const BIGNUM *n, BIGNUM *x, BN_CTX *ctx)
{
    AUTO_BN *y = BN_new();
    AUTO_BN *t = BN_new();
    if (y == NULL || t == NULL)
        return CS_ERR(CRYPTO);
    /* The first step comes from the upper half of the digits, found the same way. */
    int bits = BN_num_bits(n), low = bits > 128 ? bits / 4 * 2 : 0;
    bool good;
    if (low != 0) {
        AUTO_BN *upper = BN_new();
        if (upper == NULL || BN_rshift(upper, n, low) != 1)
            return CS_ERR(CRYPTO);
        CS_TRY(integer_root(upper, y, ctx));
        good = BN_add_word(y, 1) == 1 && BN_lshift(y, y, low / 2) == 1;
    } else {
        BN_zero(y);
        good = BN_set_bit(y, (bits + 1) / 2) == 1;
    }
    do {
        good = good && BN_copy(x, y) != NULL && BN_div(t, NULL, n, x, ctx) == 1 && BN_add(y, x, t) == 1 &&
               BN_rshift1(y, y) == 1;
    } while (good && BN_cmp(y, x) < 0);
    return good ? CS_OK : CS_ERR(CRYPTO);
}

/*
 * A square is a square modulo every number, which a few tables of bits tell: one number in 10000 is left
 * for the root. The moduli fit one word together, and the rest of a^2 - n there follows from that of a.
 */
static const uint8_t sieve_moduli[] = { 64, 63, 65, 11, 17, 19, 23, 31 };
enum { N_SIEVES = sizeof sieve_moduli, SIEVE_MAX = 65 };

static void sieve_fill(bool is_square[N_SIEVES][SIEVE_MAX])
{
    for (size_t i = 0; i < N_SIEVES; i++)
        for (uint32_t r = 0; r < sieve_moduli[i]; r++)
            is_square[i][r * r % sieve_moduli[i]] = true;
}

static CS_RESULT is_square_exact(const BIGNUM *n, const BIGNUM *a, BN_CTX *ctx, bool *out)
{
    AUTO_BN *rest = BN_new();
    AUTO_BN *root = BN_new();
    if (rest == NULL || root == NULL || BN_sqr(rest, a, ctx) != 1 || BN_sub(rest, rest, n) != 1)
        return CS_ERR(CRYPTO);
    if (BN_is_zero(rest)) {
        *out = true;
        return CS_OK;
    }
    CS_TRY(integer_root(rest, root, ctx));
    if (BN_sqr(root, root, ctx) != 1)
        return CS_ERR(CRYPTO);
    *out = BN_cmp(root, rest) == 0;
    return CS_OK;
}

/* Round i tries a = ceil(sqrt(n)) + i: n = a^2 - b^2 = (a - b)(a + b) if a^2 - n is a square. */
static CS_RESULT has_close_factors(const BIGNUM *n, bool *out)
{
    AUTO_BN_CTX *ctx = BN_CTX_new();
    AUTO_BN *a = BN_new();
    AUTO_BN *square = BN_new();
    if (ctx == NULL || a == NULL || square == NULL)
        return CS_ERR(CRYPTO);
    CS_TRY(integer_root(n, a, ctx));
    if (BN_sqr(square, a, ctx) != 1 || (BN_cmp(square, n) < 0 && BN_add_word(a, 1) != 1))
        return CS_ERR(CRYPTO);
    bool is_square[N_SIEVES][SIEVE_MAX] = { { false } };
    uint64_t product = 1;
    sieve_fill(is_square);
    for (size_t i = 0; i < N_SIEVES; i++)
        product *= sieve_moduli[i];
    BN_ULONG n_rest = BN_mod_word(n, product), a_rest = BN_mod_word(a, product);
    if (n_rest == (BN_ULONG)-1 || a_rest == (BN_ULONG)-1)
        return CS_ERR(CRYPTO);
    *out = false;
    for (int round = 0; round < CS_FERMAT_ROUNDS && !*out; round++) {
        bool may = true;
        for (size_t i = 0; i < N_SIEVES && may; i++) {
            uint32_t m = sieve_moduli[i], r = (uint32_t)(a_rest % m), s = (uint32_t)(n_rest % m);
            may = is_square[i][(r * r + m - s) % m];
        }
        if (may)
            CS_TRY(is_square_exact(n, a, ctx, out));
        if (BN_add_word(a, 1) != 1)
            return CS_ERR(CRYPTO);
        a_rest++; /* far from a word's end: product is below 2^41 */
    }
    return CS_OK;
}

CS_RESULT cs_modulus_inspect(struct cs_span modulus, struct cs_modulus_flaws *out)
{
    struct cs_modulus_flaws f = { false, false };
    if (modulus.len > CS_KEYS_RSA_MAX_BITS / 8)
        return CS_ERR(LIMIT);
    AUTO_BN *n = BN_bin2bn(modulus.at, (int)modulus.len, NULL);
    if (n == NULL)
        return CS_ERR(CRYPTO);
    if (BN_is_odd(n) && BN_num_bits(n) > 16) {
        CS_TRY(has_roca_fingerprint(n, &f.roca));
        CS_TRY(has_close_factors(n, &f.fermat));
    }
    *out = f;
    return CS_OK;
}
