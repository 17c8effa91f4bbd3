/*
 * Subject public keys on raw numbers and points: RSA size, exponent, small factors, EC points on
 * their curve. No OpenSSL decoder: a decoded EVP_PKEY costs 200 us and is not needed to judge a key.
 */
#ifndef CS_GATE_DER_SPKI_H
#define CS_GATE_DER_SPKI_H

#include "proxy/gate/der/tbs.h"

struct cs_spki_facts {
    uint32_t rsa_bits; /* of the modulus; 0 for EC */
    bool rsa_exponent_odd;
    bool rsa_exponent_at_least_65537; /* and below 2^256 (BR 6.1.6 SHOULD) */
    bool rsa_exponent_at_least_3;
    bool rsa_modulus_odd;
    uint32_t rsa_small_factor; /* smallest prime factor below 752, or 0 */
    bool rsa_is_power;         /* n = a^k for some k > 1 */
    bool ec_point_valid;       /* uncompressed, of the curve's exact length, on the curve, not infinity */
};

/*
 * cs_spki_inspect reads the key fields of a parsed view; all zero for CS_KEY_OTHER. The curves have
 * cofactor 1, so that a valid point is a full public-key validation. LIMIT for a modulus of more
 * than CS_SPKI_RSA_MAX_BITS, CRYPTO when libcrypto has no memory; *out is then unchanged.
 */
enum { CS_SPKI_RSA_MAX_BITS = 16384 };
CS_RESULT cs_spki_inspect(const struct cs_tbs *t, struct cs_spki_facts *out);

#endif
