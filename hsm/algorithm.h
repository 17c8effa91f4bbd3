/*
 * Signature algorithms: the closed list of AlgorithmIdentifiers a signer may use, byte for byte (BR
 * 7.1.3.2). Hash, padding and curve follow from the bytes; nothing else chooses them.
 */
#ifndef CS_HSM_ALGORITHM_H
#define CS_HSM_ALGORITHM_H

#include "proxy/base/digest.h"

enum cs_key_kind { CS_KEY_RSA = 1, CS_KEY_P256, CS_KEY_P384, CS_KEY_P521 };
enum cs_scheme { CS_SCHEME_ECDSA = 1, CS_SCHEME_PKCS1, CS_SCHEME_PSS };

struct cs_algorithm {
    const char *name; /* for people */
    struct cs_span der;
    enum cs_scheme scheme;
    enum cs_key_kind key;
    enum cs_hash hash; /* PSS: also of MGF1; the salt is as long as the hash */
};

/* cs_algorithm_of finds the row with exactly these bytes; NULL if there is none. */
const struct cs_algorithm *cs_algorithm_of(struct cs_span der);
const char *cs_key_kind_name(enum cs_key_kind kind);

#endif
