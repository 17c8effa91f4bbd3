/*
 * Objects: of each issuer a private key, a public key and a certificate with one CKA_ID and CKA_LABEL,
 * both the issuer's id. An issuer is made once and never changes, so that handles stay good until
 * C_Finalize.
 */
#ifndef CS_CLIENT_PKCS11_OBJECTS_H
#define CS_CLIENT_PKCS11_OBJECTS_H

#include "client/lib/countersign.h"
#include "client/pkcs11/mechanism.h"

struct cs_p11_issuer {
    struct cs_buf id, certificate; /* owned; the spans below view the certificate */
    struct cs_span serial;         /* whole INTEGER DER */
    struct cs_span issuer, subject, spki;
    struct cs_span modulus, exponent; /* RSA */
    struct cs_span curve, point;      /* EC: whole parameter DER; the point's octets */
    CK_KEY_TYPE key_type;
    size_t signature_len; /* as PKCS#11 gives it: modulus, or r and s */
    uint32_t algorithms;  /* cs_p11_algorithm_bit of what the policy allows */
    bool shown;           /* the gate listed it when it was last asked */
};

enum cs_p11_object { CS_P11_PRIVATE_KEY, CS_P11_PUBLIC_KEY, CS_P11_CERTIFICATE, CS_P11_N_OBJECTS };

/* cs_p11_issuer_new copies what the gate says; a note and CALLER class when its certificate is no strict
 * DER or its key is neither RSA nor EC on a NIST curve. */
CS_RESULT cs_p11_issuer_new(const struct countersign_issuer *from, struct cs_p11_issuer **out,
                            struct cs_note *note);
void cs_p11_issuer_free(struct cs_p11_issuer *i);
/* cs_p11_issuer_same tells whether the gate still says the same of it. */
bool cs_p11_issuer_same(const struct cs_p11_issuer *i, const struct countersign_issuer *from);

/* cs_p11_attribute appends the value; CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID. */
CK_RV cs_p11_attribute(const struct cs_p11_issuer *i, enum cs_p11_object what, CK_ATTRIBUTE_TYPE type,
                       struct cs_buf *out);
/* cs_p11_matches compares an object with a search template. */
bool cs_p11_matches(const struct cs_p11_issuer *i, enum cs_p11_object what, const CK_ATTRIBUTE *template,
                    size_t n);

#endif
