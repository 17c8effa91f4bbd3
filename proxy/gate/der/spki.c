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

/* All primes below 752 (BR 6.1.6). */
static const uint16_t small_primes[] = {
    2,   3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,
    71,  73,  79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163,
    167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269,
    271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383,
    389, 397, 401, 409, 419, 421, 431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499,
    503, 509, 521, 523, 541, 547, 557, 563, 569, 571, 577, 587, 593, 599, 601, 607, 613, 617, 619,
    631, 641, 643, 647, 653, 659, 661, 673, 677, 683, 691, 701, 709, 719, 727, 733, 739, 743, 751,
};

/* For each k of small_primes the first prime q = 1 (mod k) from 2k + 1 on. */
static const uint16_t residue_primes[] = {
    5,    7,    11,    29,   23,   53,   103,   191,  47,   59,   311,  149,  83,    173,  283,  107,  709,
    367,  269,  569,   293,  317,  167,  179,   389,  607,  619,  643,  1091, 227,   509,  263,  823,  557,
    1193, 907,  1571,  653,  2339, 347,  359,   1087, 383,  773,  3547, 797,  2111,  2677, 5449, 2749, 467,
    479,  1447, 503,   1543, 1579, 2153, 1627,  1109, 563,  1699, 587,  1229, 1867,  1879, 8243, 1987, 3371,
    2083, 3491, 4943,  719,  2203, 1493, 4549,  4597, 9337, 2383, 3209, 1637, 839,   4211, 863,  1733, 4391,
    887,  3593, 13711, 2767, 5557, 2803, 3833,  1949, 983,  1997, 3019, 1019, 16673, 5231, 9739, 5471, 3343,
    7883, 6829, 5711,  2309, 8219, 1187, 4793,  3607, 3643, 6131, 4937, 2477, 6311,  1283, 7717, 9059, 1307,
    1319, 3967, 2693,  5417, 1367, 6911, 12619, 2837, 1439, 2909, 7331, 2957, 1487,  4507,
};

enum { N_SMALL_PRIMES = sizeof small_primes / sizeof *small_primes };
_Static_assert(sizeof residue_primes == sizeof small_primes, "one q for each k");

/* One division of n serves as many of these numbers as fit a word; *at goes on to the next. */
static CS_RESULT rest_of_some(const BIGNUM *n, const uint16_t *numbers, size_t *at, uint64_t *out_rest)
{
    uint64_t product = 1;
    for (; *at < N_SMALL_PRIMES && product <= UINT64_MAX / numbers[*at]; ++*at)
        product *= numbers[*at];
    BN_ULONG rest = BN_mod_word(n, product);
    if (rest == (BN_ULONG)-1)
        return CS_ERR(CRYPTO);
    *out_rest = rest;
    return CS_OK;
}

/* Smallest prime factor of n below 752, or 0. */
static CS_RESULT small_factor(const BIGNUM *n, uint32_t *out)
{
    *out = 0;
    for (size_t at = 0; at < N_SMALL_PRIMES;) {
        size_t first = at;
        uint64_t rest;
        CS_TRY(rest_of_some(n, small_primes, &at, &rest));
        for (size_t i = first; i < at; i++)
            if (rest % small_primes[i] == 0) {
                *out = small_primes[i];
                return CS_OK;
            }
    }
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

/* Modulo a prime q = 1 (mod k) the k-th powers are 0 and the a with a^((q-1)/k) = 1, one in k of all.
 * False says that n, of which rest is known, may be one. */
static bool is_no_residue(uint64_t rest, uint32_t k, uint32_t q)
{
    uint32_t a = (uint32_t)(rest % q);
    return a != 0 && power_mod(a, (q - 1) / k, q) != 1;
}

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
        *out = is_no_residue(rest, k, q);
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

static CS_RESULT is_power_of(const BIGNUM *n, uint32_t k, bool *out)
{
    bool no_power;
    *out = false;
    CS_TRY(is_no_power(n, k, &no_power));
    if (no_power)
        return CS_OK;
    AUTO_BN_CTX *ctx = BN_CTX_new();
    return ctx == NULL ? CS_ERR(CRYPTO) : is_power_exact(n, k, ctx, out);
}

/* Exponents may be taken as primes. A root has more than one bit, and more than nine when no prime
 * below 752 divides n. Most exponents fall at their first q, several with one division. */
static CS_RESULT is_power(const BIGNUM *n, bool has_small_factor, bool *out)
{
    uint32_t k_max = (uint32_t)BN_num_bits(n) / (has_small_factor ? 1 : 9);
    *out = false;
    for (size_t at = 0; at < N_SMALL_PRIMES && small_primes[at] <= k_max;) {
        size_t first = at;
        uint64_t rest;
        CS_TRY(rest_of_some(n, residue_primes, &at, &rest));
        for (size_t i = first; i < at && small_primes[i] <= k_max && !*out; i++)
            if (!is_no_residue(rest, small_primes[i], residue_primes[i]))
                CS_TRY(is_power_of(n, small_primes[i], out));
    }
    for (uint32_t k = 752; k <= k_max && !*out; k++)
        if (is_prime(k))
            CS_TRY(is_power_of(n, k, out));
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
