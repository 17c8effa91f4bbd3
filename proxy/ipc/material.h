/*
 * TLS material: certificates, private keys, client authorities and revocation lists on their way from
 * the parent, which reads and checks the files, to the front, which reads none. All DER. It travels in
 * sealed memory: at start as CS_FD_FRONT_TLS, later behind the word CS_LIFELINE_TLS.
 */
#ifndef CS_IPC_MATERIAL_H
#define CS_IPC_MATERIAL_H

#include "proxy/ipc/frontconf.h"

enum {
    CS_MATERIAL_AUTHORITIES_MAX = 16,
    CS_MATERIAL_CHAIN_MAX = 8,
    CS_MATERIAL_REVOCATIONS_MAX = 8,
    CS_MATERIAL_CERT_MAX_LEN = 16 * 1024,
    CS_MATERIAL_KEY_MAX_LEN = 8 * 1024,
    CS_MATERIAL_REVOCATION_MAX_LEN = 4 * 1024 * 1024,
    CS_MATERIAL_MAX_LEN = 64 * 1024 * 1024,
};

struct cs_material_listener {
    uint32_t index;                              /* in the front configuration; rows ascend by it */
    uint32_t n_chain;                            /* from 1 */
    struct cs_span chain[CS_MATERIAL_CHAIN_MAX]; /* [0] is the listener's own certificate */
    struct cs_span key;                          /* PrivateKeyInfo (PKCS#8) */
    uint32_t n_revocations;
    struct cs_span revocation[CS_MATERIAL_REVOCATIONS_MAX]; /* CertificateLists */
};

struct cs_material {
    uint32_t n_authorities;
    struct cs_span authority[CS_MATERIAL_AUTHORITIES_MAX]; /* certificates that issue client certificates */
    uint32_t n_listeners;
    struct cs_material_listener listener[CS_FRONT_LISTEN_MAX];
};

/* cs_material_put_len is the exact length that cs_material_put appends: reserve it first, so that no
 * growing leaves a copy of a key behind. */
size_t cs_material_put_len(const struct cs_material *m);
/* cs_material_put fails with ARGUMENT when a bound of the above does not hold. cs_material_get views in,
 * all of it, by the same rules; on failure *out is as it was. */
CS_RESULT cs_material_put(struct cs_buf *out, const struct cs_material *m);
CS_RESULT cs_material_get(struct cs_span in, struct cs_material *out);

#endif
