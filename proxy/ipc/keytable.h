/*
 * Key table: what the parent tells each signer at start, once, through a descriptor: which module
 * to load and, per issuer of the policy and in its order, which key signs what. The gate computes
 * the same digest from its policy; HELLO compares the two, so that index i means one key to both.
 */
#ifndef CS_IPC_KEYTABLE_H
#define CS_IPC_KEYTABLE_H

#include "proxy/base/digest.h"

enum {
    CS_KEYS_MAX = 64,
    CS_KEY_ALGORITHMS_MAX = 8,
    CS_KEY_URI_MAX_LEN = 1024,
    CS_ISSUER_CERT_MAX_LEN = 16 * 1024,
    CS_MODULE_PATH_MAX_LEN = 4096,
    CS_KEYTABLE_MAX_LEN = 2 * 1024 * 1024,
};

struct cs_keytable_key {
    struct cs_span id;          /* issuer id of the policy, for logs and the witness line */
    struct cs_span uri;         /* RFC 7512; must not carry a PIN */
    uint32_t purposes;          /* bits of enum cs_purpose */
    struct cs_span certificate; /* issuer certificate DER: its SPKI must be the key's public half */
    struct cs_span algorithm[CS_KEY_ALGORITHMS_MAX]; /* AlgorithmIdentifiers it may sign with */
    uint32_t n_algorithms;
};

struct cs_keytable {
    struct cs_span module; /* path of the PKCS#11 module; not part of the digest */
    uint32_t n_keys;
    struct cs_keytable_key key[CS_KEYS_MAX];
};

/* cs_keytable_put appends the encoding; cs_keytable_get views in, all of it or nothing. */
CS_RESULT cs_keytable_put(struct cs_buf *out, const struct cs_keytable *t);
CS_RESULT cs_keytable_get(struct cs_span in, struct cs_keytable *out);
/* cs_keytable_digest is SHA-256 over the encoded keys without the module path. */
CS_RESULT cs_keytable_digest(const struct cs_keytable *t, struct cs_sha256 *out);

#endif
