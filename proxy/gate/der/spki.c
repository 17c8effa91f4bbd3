#include "proxy/gate/der/spki.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

static inline void auto_bn(BIGNUM **p)
{
    BN_free(*p);
}
static inline void auto_bn_ctx(BN_CTX **p)
{
    BN_CTX_free(*p);
}
static inline void auto_point(EC_POINT **p)
{
    EC_POINT_free(*p);
}
#define AUTO_BN     __attribute__((cleanup(auto_bn))) BIGNUM
#define AUTO_BN_CTX __attribute__((cleanup(auto_bn_ctx))) BN_CTX
#define AUTO_POINT  __attribute__((cleanup(auto_point))) EC_POINT

static uint32_t bits_of(struct cs_span n)
{
    uint32_t bits = (uint32_t)(n.len - 1) * 8;
    for (uint8_t top = n.at[0]; top > 0; top >>= 1)
        bits++;
    return bits;
}

static bool is_prime(uint32_t n)
{
    for (uint32_t d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n > 1;
}

/* Smallest prime factor of n below 752. One division of n serves as many primes as fit a word. */
static CS_RESULT small_factor(const BIGNUM *n, uint32_t *out)
{
    static const uint32_t limit = 752;
    uint32_t p = 2;
    while (p < limit) {
        uint64_t product = 1;
        uint32_t first = p;
        for (; p < limit && product <= UINT64_MAX / limit; p++)
            if (is_prime(p))
                product *= p;
        BN_ULONG rest = BN_mod_word(n, product);
        if (rest == (BN_ULONG)-1)
            return CS_ERR(CRYPTO);
        for (uint32_t q = first; q < p; q++)
            if (is_prime(q) && rest % q == 0) {
                *out = q;
                return CS_OK;
            }
    }
    *out = 0;
    return CS_OK;
}

static uint32_t power_mod(uint32_t base, uint32_t exponent, uint32_t m)
{
    uint64_t result = 1, b = base % m;
    for (; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0)
            result = result * b % m;
        b = b * b % m;
    }
    return (uint32_t)result;
}

/*
 * Rules out that n is a k-th power: modulo a prime q = 1 (mod k) the k-th powers are the a with
 * a^((q-1)/k) = 1 and 0, one in k of all. False only says that n may be one.
 */
static CS_RESULT is_no_power(const BIGNUM *n, uint32_t k, bool *out)
{
    *out = false;
    uint32_t n_tried = 0;
    for (uint32_t q = 2 * k + 1; n_tried < 24 && !*out; q += k) {
        if (!is_prime(q))
            continue;
        BN_ULONG rest = BN_mod_word(n, q);
        if (rest == (BN_ULONG)-1)
            return CS_ERR(CRYPTO);
        *out = rest != 0 && power_mod((uint32_t)rest, (q - 1) / k, q) != 1;
        n_tried++;
    }
    return CS_OK;
}

/* Whether n is a k-th power, by the integer root: Newton's steps from above fall until they reach it. */
static CS_RESULT is_power_exact(const BIGNUM *n, uint32_t k, BN_CTX *ctx, bool *out)
{
    AUTO_BN *x = BN_new();
    AUTO_BN *y = BN_new();
    AUTO_BN *t = BN_new();
    AUTO_BN *e = BN_new();
    if (x == NULL || y == NULL || t == NULL || e == NULL)
        return CS_ERR(CRYPTO);
    int root_bits = (BN_num_bits(n) + (int)k - 1) / (int)k;
    bool good = BN_set_bit(y, root_bits) == 1 && BN_set_word(e, k - 1) == 1;
    do { /* x is at least the root; y = ((k-1) x + n / x^(k-1)) / k */
        good = good && BN_copy(x, y) != NULL && BN_exp(t, x, e, ctx) == 1 &&
               BN_div(t, NULL, n, t, ctx) == 1 && BN_copy(y, x) != NULL && BN_mul_word(y, k - 1) == 1 &&
               BN_add(y, y, t) == 1 && BN_div_word(y, k) != (BN_ULONG)-1;
    } while (good && BN_cmp(y, x) < 0);
    good = good && BN_add_word(e, 1) == 1 && BN_exp(t, x, e, ctx) == 1;
    if (!good)
        return CS_ERR(CRYPTO);
    *out = BN_cmp(t, n) == 0;
    return CS_OK;
}

/* Exponents may be taken as primes. A root has more than one bit, and more than nine when no prime
 * below 752 divides n. */
static CS_RESULT is_power(const BIGNUM *n, bool has_small_factor, bool *out)
{
    AUTO_BN_CTX *ctx = BN_CTX_new();
    if (ctx == NULL)
        return CS_ERR(CRYPTO);
    uint32_t k_max = (uint32_t)BN_num_bits(n) / (has_small_factor ? 1 : 9);
    bool found = false;
    for (uint32_t k = 2; k <= k_max && !found; k++) {
        bool no_power;
        if (!is_prime(k))
            continue;
        CS_TRY(is_no_power(n, k, &no_power));
        if (!no_power)
            CS_TRY(is_power_exact(n, k, ctx, &found));
    }
    *out = found;
    return CS_OK;
}

static CS_RESULT rsa_inspect(const struct cs_tbs *t, struct cs_spki_facts *f)
{
    struct cs_span n = t->rsa_modulus, e = t->rsa_exponent;
    if (n.len > CS_SPKI_RSA_MAX_BITS / 8)
        return CS_ERR(LIMIT);
    f->rsa_bits = bits_of(n);
    f->rsa_modulus_odd = (n.at[n.len - 1] & 1) != 0;
    f->rsa_exponent_odd = (e.at[e.len - 1] & 1) != 0;
    uint32_t e_bits = bits_of(e), low = 0;
    for (size_t i = e.len > 4 ? e.len - 4 : 0; i < e.len; i++)
        low = low << 8 | e.at[i];
    f->rsa_exponent_at_least_3 = e_bits > 32 || low >= 3;
    f->rsa_exponent_at_least_65537 = e_bits <= 256 && (e_bits > 32 || low >= 65537);
    AUTO_BN *number = BN_bin2bn(n.at, (int)n.len, NULL);
    if (number == NULL)
        return CS_ERR(CRYPTO);
    CS_TRY(small_factor(number, &f->rsa_small_factor));
    return is_power(number, f->rsa_small_factor != 0, &f->rsa_is_power);
}

/* Groups are made once per thread: making one costs more than a hundred point checks. */
static const EC_GROUP *group_of(enum cs_key_kind kind)
{
    static _Thread_local EC_GROUP *kept[3];
    static const int nids[3] = { NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1 };
    size_t i = (size_t)(kind - CS_KEY_EC_P256);
    if (kept[i] == NULL)
        kept[i] = EC_GROUP_new_by_curve_name(nids[i]);
    return kept[i];
}

static CS_RESULT ec_inspect(const struct cs_tbs *t, struct cs_spki_facts *f)
{
    static const size_t coordinate_len[3] = { 32, 48, 66 };
    size_t len = coordinate_len[t->key_kind - CS_KEY_EC_P256];
    struct cs_span key = t->spki_key;
    if (key.len != 1 + 2 * len || key.at[0] != 0x04)
        return CS_OK;
    const EC_GROUP *group = group_of(t->key_kind);
    if (group == NULL)
        return CS_ERR(CRYPTO);
    AUTO_POINT *point = EC_POINT_new(group);
    if (point == NULL)
        return CS_ERR(CRYPTO);
    ERR_set_mark();
    f->ec_point_valid = EC_POINT_oct2point(group, point, key.at, key.len, NULL) == 1 &&
                        EC_POINT_is_at_infinity(group, point) == 0;
    ERR_pop_to_mark();
    return CS_OK;
}

CS_RESULT cs_spki_inspect(const struct cs_tbs *t, struct cs_spki_facts *out)
{
    struct cs_spki_facts f = { .rsa_bits = 0 };
    if (t->key_kind == CS_KEY_RSA)
        CS_TRY(rsa_inspect(t, &f));
    else if (t->key_kind != CS_KEY_OTHER)
        CS_TRY(ec_inspect(t, &f));
    *out = f;
    return CS_OK;
}
