#include "proxy/gate/scts.h"

#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

enum { PRECERT_ENTRY = 1 /* RFC 6962 3.1 */ };

static void auto_scts(STACK_OF(SCT) * *list)
{
    SCT_LIST_free(*list);
}
static void auto_openssl(unsigned char **p)
{
    OPENSSL_free(*p);
}
static void auto_digest(EVP_MD_CTX **m)
{
    EVP_MD_CTX_free(*m);
}

/* The list, or NULL: not a list, or bytes that reading and writing again does not keep. */
static STACK_OF(SCT) * read_list(struct cs_span value)
{
    const unsigned char *at = value.at;
    STACK_OF(SCT) *list = d2i_SCT_LIST(NULL, &at, (long)value.len);
    __attribute__((cleanup(auto_openssl))) unsigned char *again = NULL;
    int len = list != NULL && at == value.at + value.len ? i2d_SCT_LIST(list, &again) : -1;
    ERR_clear_error();
    if (len >= 0 && cs_span_eq(value, cs_span_of(again, (size_t)len)))
        return list;
    SCT_LIST_free(list);
    return NULL;
}

static bool find_log(const struct cs_facts *f, const SCT *s, uint32_t *out)
{
    unsigned char *id = NULL;
    size_t len = SCT_get0_log_id(s, &id);
    if (SCT_get_version(s) != SCT_VERSION_V1 || id == NULL)
        return false;
    for (uint32_t i = 0; i < f->policy->n_ct_logs; i++)
        if ((f->issuer->ct.logs >> i & 1) != 0 &&
            cs_span_eq(cs_span_of(id, len), cs_sha256_span(&f->policy->ct_log[i].id))) {
            *out = i;
            return true;
        }
    return false;
}

/* RFC 6962 3.2: what the log signs for a precertificate, without the extensions at the end. */
static void put_signed_part(const struct cs_facts *f, const SCT *s, struct cs_span tbs, struct cs_buf *out)
{
    struct cs_sha256 issuer_key = cs_sha256(f->issuer->spki);
    unsigned char *extensions = NULL;
    size_t len = SCT_get0_extensions(s, &extensions);
    cs_buf_put_u8(out, 0); /* v1 */
    cs_buf_put_u8(out, 0); /* certificate_timestamp */
    cs_buf_put_u64(out, SCT_get_timestamp(s));
    cs_buf_put_u16(out, PRECERT_ENTRY);
    cs_buf_put(out, issuer_key.byte, sizeof issuer_key.byte);
    cs_buf_put_u8(out, (uint8_t)(tbs.len >> 16));
    cs_buf_put_u16(out, (uint16_t)(tbs.len & 0xffff));
    cs_buf_put(out, tbs.at, tbs.len);
    cs_buf_put_u16(out, (uint16_t)len);
    cs_buf_put(out, extensions, len);
}

static bool kind_fits(EVP_PKEY *key, int nid)
{
    int id = EVP_PKEY_get_base_id(key);
    return (nid == NID_ecdsa_with_SHA256 && id == EVP_PKEY_EC) ||
           (nid == NID_sha256WithRSAEncryption && id == EVP_PKEY_RSA);
}

static CS_RESULT verify(const struct cs_facts *f, const struct cs_ct_log *log, const SCT *s,
                        struct cs_span tbs, bool *out)
{
    EVP_PKEY *key = CTLOG_get0_public_key(log->log);
    unsigned char *signature = NULL;
    size_t len = SCT_get0_signature(s, &signature);
    *out = false;
    if (!kind_fits(key, SCT_get_signature_nid(s)))
        return CS_OK;
    CS_AUTO_BUF struct cs_buf message = { 0 };
    put_signed_part(f, s, tbs, &message);
    CS_TRY(cs_buf_end(&message));
    __attribute__((cleanup(auto_digest))) EVP_MD_CTX *m = EVP_MD_CTX_new();
    if (m == NULL || EVP_DigestVerifyInit(m, NULL, EVP_sha256(), NULL, key) != 1)
        return CS_ERR(NO_MEMORY);
    *out = EVP_DigestVerify(m, signature, len, message.at, message.len) == 1;
    ERR_clear_error();
    return CS_OK;
}

static CS_RESULT judge_sct(const struct cs_facts *f, const SCT *s, struct cs_span tbs,
                           struct cs_sct_fact *out)
{
    uint64_t timestamp_ms = SCT_get_timestamp(s);
    bool holds = false;
    *out = (struct cs_sct_fact){ .timestamp_unix_s = (int64_t)(timestamp_ms / 1000) };
    if (!find_log(f, s, &out->log))
        return CS_OK;
    CS_TRY(verify(f, &f->policy->ct_log[out->log], s, tbs, &holds));
    out->state = holds ? CS_SCT_VERIFIED : CS_SCT_BAD;
    return CS_OK;
}

CS_RESULT cs_facts_of_scts(struct cs_facts *f)
{
    static const char oid[] = "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02";
    f->scts_flaw = NULL;
    f->n_scts = 0;
    const struct cs_extension *x = cs_tbs_find(f->tbs, cs_span_of(oid, sizeof oid - 1));
    if (f->kind != CS_LEAF_CERTIFICATE || x == NULL)
        return CS_OK;
    __attribute__((cleanup(auto_scts))) STACK_OF(SCT) *list = read_list(x->value);
    int n = list != NULL ? sk_SCT_num(list) : 0;
    if (n <= 0 || n > CS_POLICY_SCTS_MAX) {
        f->scts_flaw = list == NULL ? "a list that cannot be read"
                       : n <= 0     ? "an empty list"
                                    : "more SCTs than a certificate may carry";
        return CS_OK;
    }
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    cs_tbs_pair_put(f->tbs, &tbs);
    CS_TRY(cs_buf_end(&tbs));
    for (int i = 0; i < n; i++)
        CS_TRY(judge_sct(f, sk_SCT_value(list, i), cs_buf_span(&tbs), &f->sct[i]));
    f->n_scts = (uint32_t)n;
    return CS_OK;
}
