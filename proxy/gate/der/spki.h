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
    bool rsa_is_power;         /* a perfect power of a smaller integer */
    bool ec_point_valid;       /* uncompressed, on the curve, not infinity */
};

/* cs_spki_inspect reads the key fields of a parsed view; all zero for CS_KEY_OTHER. */
CS_RESULT cs_spki_inspect(const struct cs_tbs *t, struct cs_spki_facts *out);

#endif
