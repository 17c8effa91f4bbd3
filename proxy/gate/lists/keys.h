/*
 * Keys: tests on an RSA modulus that need no list (BR 6.1.1.3(5)).
 */
#ifndef CS_GATE_LISTS_KEYS_H
#define CS_GATE_LISTS_KEYS_H

#include "proxy/base/bytes.h"

enum { CS_FERMAT_ROUNDS = 100, CS_KEYS_RSA_MAX_BITS = 16384 };

struct cs_modulus_flaws {
    bool roca;   /* bears the fingerprint of CVE-2017-15361 */
    bool fermat; /* two factors so close that Fermat's method finds them within CS_FERMAT_ROUNDS */
};

/* cs_modulus_inspect reads an unsigned big-endian modulus. LIMIT above CS_KEYS_RSA_MAX_BITS, CRYPTO when
 * libcrypto has no memory; *out is then unchanged. An even or tiny modulus has no flaws of these kinds:
 * other rules refuse it. */
CS_RESULT cs_modulus_inspect(struct cs_span modulus, struct cs_modulus_flaws *out);

#endif
