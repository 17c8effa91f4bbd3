/*
 * SPKI: the public half of a key on a token, as SubjectPublicKeyInfo DER, made from its attributes.
 */
#ifndef CS_HSM_SPKI_H
#define CS_HSM_SPKI_H

#include "hsm/algorithm.h"
#include "hsm/module.h"

/* cs_spki_get appends the SubjectPublicKeyInfo of a private key. RSA numbers come from the private
 * key or, where the token does not show them there, from the one public key object with the same
 * CKA_ID; the EC point (a DER OCTET STRING, PKCS#11 2.40, 2.3.3) likewise. HSM_KEY when the key is of
 * another kind: RSA needs 2048..4096 bits, a multiple of 8, and an odd exponent of at least 3; EC
 * needs a named curve P-256, P-384 or P-521 and an uncompressed point. */
CS_RESULT cs_spki_get(const struct cs_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private_key,
                      enum cs_key_kind *out_kind, struct cs_buf *out, struct cs_why *why);

/* The CKA_EC_PARAMS of a curve; empty for RSA. */
struct cs_span cs_spki_curve_der(enum cs_key_kind kind);

#endif
