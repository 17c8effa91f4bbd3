#include "hsm/key.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static bool id_is_plain(struct cs_span id)
{
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '_' || c == '-'))
            return false;
    }
    return id.len != 0 && id.len <= 128;
}

static bool kind_of(EVP_PKEY *p, enum cs_key_kind *out)
{
    if (EVP_PKEY_is_a(p, "RSA")) {
        *out = CS_KEY_RSA;
        return true;
    }
    char group[32];
    size_t len = 0;
    if (!EVP_PKEY_is_a(p, "EC") || EVP_PKEY_get_group_name(p, group, sizeof group, &len) != 1)
        return false;
    static const struct {
        const char *group;
        enum cs_key_kind kind;
    } curves[] = { { "prime256v1", CS_KEY_P256 },
                   { "secp384r1", CS_KEY_P384 },
                   { "secp521r1", CS_KEY_P521 } };
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (strcmp(curves[i].group, group) == 0) {
            *out = curves[i].kind;
            return true;
        }
    return false;
}

static const EVP_MD *md_of(enum cs_hash h)
{
    return h == CS_HASH_SHA256 ? EVP_sha256() : h == CS_HASH_SHA384 ? EVP_sha384() : EVP_sha512();
}

CS_RESULT cs_key_params(EVP_PKEY_CTX *ctx, const struct cs_algorithm *a)
{
    if (EVP_PKEY_CTX_set_signature_md(ctx, md_of(a->hash)) <= 0)
        return CS_ERR(CRYPTO);
    int padding = a->scheme == CS_SCHEME_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
    if (a->scheme != CS_SCHEME_ECDSA && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) <= 0)
        return CS_ERR(CRYPTO);
    if (a->scheme == CS_SCHEME_PSS && (EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(a->hash)) <= 0 ||
                                       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)cs_hash_len(a->hash)) <= 0))
        return CS_ERR(CRYPTO);
    return CS_OK;
}

static cs_result take_certificate(struct cs_key *k, struct cs_span der, struct cs_note *why)
{
    const unsigned char *at = der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    unsigned char *name = NULL, *spki = NULL;
    int name_len = 0, spki_len = 0;
    if (x != NULL && at == der.at + der.len) {
        name_len = i2d_X509_NAME(X509_get_subject_name(x), &name);
        spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
        k->public = X509_get_pubkey(x);
    }
    bool ok = name_len > 0 && spki_len > 0 && k->public != NULL;
    if (ok) {
        cs_buf_put(&k->issuer_name, name, (size_t)name_len);
        cs_buf_put(&k->issuer_spki, spki, (size_t)spki_len);
    }
    OPENSSL_free(name);
    OPENSSL_free(spki);
    X509_free(x);
    ERR_clear_error();
    if (!ok) {
        cs_note_set(why, "the issuer certificate is not one DER certificate with a usable public key");
        return CS_ERR(CONFIG);
    }
    if (!kind_of(k->public, &k->kind)) {
        cs_note_set(why, "the issuer certificate's key is not RSA, P-256, P-384 or P-521");
        return CS_ERR(CONFIG);
    }
    CS_TRY(cs_buf_end(&k->issuer_name));
    return cs_buf_end(&k->issuer_spki);
}

static cs_result take_algorithms(struct cs_key *k, struct cs_note *why)
{
    for (size_t i = 0; i < k->row->n_algorithms; i++) {
        const struct cs_algorithm *row = cs_algorithm_of(k->row->algorithm[i]);
        if (row == NULL || row->key != k->kind) {
            cs_note_set(why, "algorithm %zu (%s) is not one a %s key may sign with (BR 7.1.3.2)", i + 1,
                        row == NULL ? "unknown AlgorithmIdentifier" : row->name, cs_key_kind_name(k->kind));
            return CS_ERR(CONFIG);
        }
        struct cs_key_algorithm *a = &k->algorithm[k->n_algorithms];
        a->row = row;
        a->verify = EVP_PKEY_CTX_new(k->public, NULL);
        k->n_algorithms++;
        if (a->verify == NULL || EVP_PKEY_verify_init(a->verify) <= 0)
            return CS_ERR(CRYPTO);
        CS_TRY(cs_key_params(a->verify, row));
    }
    if (k->n_algorithms == 0) {
        cs_note_set(why, "no signature algorithm is allowed for the key");
        return CS_ERR(CONFIG);
    }
    return CS_OK;
}

static cs_result init(struct cs_key *k, struct cs_note *why)
{
    enum { ALL = CS_PURPOSE_LEAF | CS_PURPOSE_CA | CS_PURPOSE_CRL | CS_PURPOSE_OCSP | CS_PURPOSE_LEDGER };
    if (!id_is_plain(k->row->id)) {
        cs_note_set(why, "issuer id is not 1 to 128 characters of A-Z a-z 0-9 . _ -");
        return CS_ERR(CONFIG);
    }
    if (k->row->purposes == 0 || (k->row->purposes & ~(uint32_t)ALL) != 0) {
        cs_note_set(why, "purposes 0x%x are not a choice of leaf, CA, CRL, OCSP, ledger", k->row->purposes);
        return CS_ERR(CONFIG);
    }
    if (!cs_ok(cs_uri_parse(k->row->uri, &k->uri, why)))
        return CS_ERR(CONFIG);
    CS_TRY(take_certificate(k, k->row->certificate, why));
    return take_algorithms(k, why);
}

CS_RESULT cs_key_init(struct cs_key *k, const struct cs_keytable_key *row, struct cs_note *why)
{
    *k = (struct cs_key){ .row = row };
    cs_result r = init(k, why);
    if (!cs_ok(r))
        cs_key_done(k);
    return r;
}

void cs_key_done(struct cs_key *k)
{
    for (size_t i = 0; i < k->n_algorithms; i++) {
        EVP_PKEY_CTX_free(k->algorithm[i].verify);
        EVP_PKEY_CTX_free(k->algorithm[i].sign);
    }
    EVP_PKEY_free(k->public);
    EVP_PKEY_free(k->private);
    cs_buf_done(&k->issuer_name);
    cs_buf_done(&k->issuer_spki);
    *k = (struct cs_key){ .row = NULL };
}

struct cs_key_algorithm *cs_key_algorithm_of(struct cs_key *k, struct cs_span der)
{
    for (size_t i = 0; i < k->n_algorithms; i++)
        if (cs_span_eq(k->algorithm[i].row->der, der))
            return &k->algorithm[i];
    return NULL;
}

CS_RESULT cs_key_verify(struct cs_key_algorithm *a, struct cs_span digest, const struct cs_signature *s)
{
    int rc = EVP_PKEY_verify(a->verify, s->at, s->len, digest.at, digest.len);
    ERR_clear_error(); /* 0 and every negative value are the same refusal */
    return rc == 1 ? CS_OK : CS_ERR(HSM_FAULT);
}
