#include "hsm/key.h"

#include <libp11.h>
#include <openssl/err.h>

CK_RV cs_key_libp11_error(void)
{
    CK_RV rv = CKR_OK;
    unsigned long e;
    while ((e = ERR_get_error()) != 0)
        if (rv == CKR_OK && ERR_GET_LIB(e) == ERR_get_CKR_code())
            rv = (CK_RV)ERR_GET_REASON(e);
    return rv;
}

/* libp11 pads PSS itself and asks the token for raw RSA, which no key here should be allowed: so PSS
 * goes to the token as CKM_RSA_PKCS_PSS over the digest. */
static cs_result sign_pss(const struct cs_module *m, struct cs_key *k, const struct cs_algorithm *a,
                          struct cs_span digest, struct cs_signature *out, struct cs_why *why)
{
    static const struct {
        CK_MECHANISM_TYPE hash;
        CK_RSA_PKCS_MGF_TYPE mgf;
    } rows[] = {
        [CS_HASH_SHA256] = { CKM_SHA256, CKG_MGF1_SHA256 },
        [CS_HASH_SHA384] = { CKM_SHA384, CKG_MGF1_SHA384 },
        [CS_HASH_SHA512] = { CKM_SHA512, CKG_MGF1_SHA512 },
    };
    CK_RSA_PKCS_PSS_PARAMS params = { rows[a->hash].hash, rows[a->hash].mgf, cs_hash_len(a->hash) };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_PSS, &params, sizeof params };
    CK_RV rv = m->f->C_SignInit(k->session, &mechanism, k->handle);
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_SignInit (PSS)");
        return CS_ERR(HSM);
    }
    uint8_t data[CS_DIGEST_MAX_LEN];
    memcpy(data, digest.at, digest.len);
    CK_ULONG len = sizeof out->at;
    rv = m->f->C_Sign(k->session, data, digest.len, out->at, &len);
    if (rv != CKR_OK || len > sizeof out->at) {
        cs_why_set(why, rv, "C_Sign (PSS)");
        return CS_ERR(HSM);
    }
    out->len = len;
    return CS_OK;
}

CS_RESULT cs_key_sign(const struct cs_module *m, struct cs_key *k, struct cs_key_algorithm *a,
                      struct cs_span digest, struct cs_signature *out, struct cs_why *why)
{
    if (digest.len != cs_hash_len(a->row->hash))
        return CS_ERR(BUG);
    if (a->row->scheme == CS_SCHEME_PSS)
        return sign_pss(m, k, a->row, digest, out, why);
    size_t len = sizeof out->at;
    int rc = a->sign == NULL ? 0 : EVP_PKEY_sign(a->sign, out->at, &len, digest.at, digest.len);
    CK_RV rv = cs_key_libp11_error();
    if (rc != 1 || len > sizeof out->at) {
        cs_why_set(why, rv, "the token did not sign");
        return CS_ERR(HSM);
    }
    out->len = len;
    return CS_OK;
}
