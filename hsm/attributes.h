/*
 * Attributes: what a private key must be before this program uses it (design section 7): born on
 * the token, never out of it, for signing only.
 */
#ifndef CS_HSM_ATTRIBUTES_H
#define CS_HSM_ATTRIBUTES_H

#include "hsm/module.h"

/* cs_attributes_check reads the attributes of a private key. HSM_KEY when one is not as it must be
 * or is not reported by the token; then why names every one of them. HSM when a read failed. */
CS_RESULT cs_attributes_check(const struct cs_module *m, CK_SESSION_HANDLE session,
                              CK_OBJECT_HANDLE private_key, struct cs_why *why);

/* cs_attributes_generate makes a key pair on the token with exactly those attributes. id is 1..32
 * bytes, label text. kind RSA uses rsa_bits. The session is read/write and logged in. */
struct cs_generate {
    CK_KEY_TYPE type;         /* CKK_EC or CKK_RSA */
    struct cs_span curve_der; /* CKK_EC: CKA_EC_PARAMS */
    CK_ULONG rsa_bits;        /* CKK_RSA */
    struct cs_span label, id;
};
CS_RESULT cs_attributes_generate(const struct cs_module *m, CK_SESSION_HANDLE session,
                                 const struct cs_generate *g, CK_OBJECT_HANDLE *out_private,
                                 CK_OBJECT_HANDLE *out_public, struct cs_why *why);

#endif
