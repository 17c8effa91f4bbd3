/*
 * Key: one row of the key table made ready: where the private key is, what the issuer certificate
 * says its public half, name and SPKI are, and with which algorithms it signs and is verified. The
 * private half belongs to a connection (token.h) and comes and goes with it.
 */
#ifndef CS_HSM_KEY_H
#define CS_HSM_KEY_H

#include <openssl/evp.h>

#include "hsm/algorithm.h"
#include "hsm/module.h"
#include "proxy/ipc/keytable.h"
#include "proxy/ipc/messages.h"

struct cs_key_algorithm {
    const struct cs_algorithm *row;
    EVP_PKEY_CTX *verify; /* public half, kept: decoding a key costs more than verifying */
    EVP_PKEY_CTX *sign;   /* libp11's private key; NULL while not connected, and for PSS */
};

struct cs_key {
    const struct cs_keytable_key *row; /* borrowed */
    struct cs_uri uri;
    enum cs_key_kind kind;
    struct cs_buf issuer_name; /* subject Name of the issuer certificate, DER */
    struct cs_buf issuer_spki; /* its SubjectPublicKeyInfo, DER */
    EVP_PKEY *public;
    struct cs_key_algorithm algorithm[CS_KEY_ALGORITHMS_MAX];
    size_t n_algorithms;
    bool quarantined; /* a signature did not verify: not used again by this process */

    CK_SESSION_HANDLE session; /* connected only */
    CK_OBJECT_HANDLE handle;
    EVP_PKEY *private;
};

struct cs_signature {
    size_t len;
    uint8_t at[CS_SIGNATURE_MAX_LEN]; /* X.509 form */
};

/* cs_key_init reads row, which must outlive the key. CONFIG when the id is not 1..128 characters of
 * [A-Za-z0-9._-], the URI or the certificate is malformed, no purpose or no algorithm is given, or an
 * algorithm is unknown or not for this kind of key. On failure the key is empty. */
CS_RESULT cs_key_init(struct cs_key *k, const struct cs_keytable_key *row, struct cs_note *why);
void cs_key_done(struct cs_key *k); /* the zero state is safe */

/* cs_key_algorithm_of finds the algorithm with these bytes among the key's own; NULL if none. */
struct cs_key_algorithm *cs_key_algorithm_of(struct cs_key *k, struct cs_span der);

/* cs_key_sign asks the token for one signature over a digest of a->row->hash. On failure (HSM) why
 * has the PKCS#11 return value if one is known; the token may have signed all the same. */
CS_RESULT cs_key_sign(const struct cs_module *m, struct cs_key *k, struct cs_key_algorithm *a,
                      struct cs_span digest, struct cs_signature *out, struct cs_why *why);

/* cs_key_verify checks with the public key of the issuer certificate. HSM_FAULT if it does not hold. */
CS_RESULT cs_key_verify(struct cs_key_algorithm *a, struct cs_span digest, const struct cs_signature *s);

/* cs_key_params sets padding and hash of the algorithm on a fresh sign or verify context. */
CS_RESULT cs_key_params(EVP_PKEY_CTX *ctx, const struct cs_algorithm *a);

/* cs_key_libp11_error takes everything from OpenSSL's error queue and returns the PKCS#11 return
 * value libp11 left there, or CKR_OK. */
CK_RV cs_key_libp11_error(void);

#endif
