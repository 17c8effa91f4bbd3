/* DSSE 1.0.2: pre-authentication encoding and signatures over it. */
#include "proxy/gate/evidence/dsse.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

enum { P256_LEN = 32, ED25519_SIG_LEN = 64 };

static const uint8_t p256_order[P256_LEN] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

void cs_dsse_pae(struct cs_buf *out, struct cs_span type, struct cs_span body)
{
    cs_buf_printf(out, "DSSEv1 %zu ", type.len);
    cs_buf_put(out, type.at, type.len);
    cs_buf_printf(out, " %zu ", body.len);
    cs_buf_put(out, body.at, body.len);
}

/* Reads one INTEGER: minimal, positive, below the order of P-256. */
static bool scalar_is_der(struct cs_reader *r)
{
    if (cs_get_u8(r) != 0x02)
        return false;
    struct cs_span v = cs_get_raw(r, cs_get_u8(r)); /* a long-form length is more than what is left */
    if (r->failed || v.len == 0 || (v.at[0] & 0x80) != 0)
        return false;
    if (v.at[0] == 0) {
        if (v.len == 1 || (v.at[1] & 0x80) == 0) /* zero, or not minimal */
            return false;
        v = cs_span_of(v.at + 1, v.len - 1);
    }
    return v.len < P256_LEN || (v.len == P256_LEN && memcmp(v.at, p256_order, P256_LEN) < 0);
}

bool cs_ecdsa_p256_sig_is_der(struct cs_span sig)
{
    struct cs_reader r = cs_reader_init(sig);
    uint8_t tag = cs_get_u8(&r), len = cs_get_u8(&r);
    if (r.failed || tag != 0x30 || len != r.left || len > 2 * (2 + 1 + P256_LEN))
        return false;
    return scalar_is_der(&r) && scalar_is_der(&r) && cs_ok(cs_reader_end(&r));
}

bool cs_signature_could_be(enum cs_attester_algorithm algorithm, struct cs_span sig)
{
    return (algorithm == CS_ATTESTER_ED25519 && sig.len == ED25519_SIG_LEN) ||
           (algorithm == CS_ATTESTER_ECDSA_P256_SHA256 && cs_ecdsa_p256_sig_is_der(sig));
}

enum cs_attester_algorithm cs_signature_algorithm_of(const EVP_PKEY *key)
{
    if (key == NULL)
        return CS_ATTESTER_NONE;
    if (EVP_PKEY_is_a(key, "ED25519"))
        return CS_ATTESTER_ED25519;
    char group[32];
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
        strcmp(group, "prime256v1") == 0)
        return CS_ATTESTER_ECDSA_P256_SHA256;
    return CS_ATTESTER_NONE;
}

static bool ed25519_verify(EVP_PKEY *key, struct cs_span message, struct cs_span sig)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, sig.at, sig.len, message.at, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* The digest comes from the context that cs_base keeps per thread, so nothing is fetched here. */
static bool ecdsa_p256_verify(EVP_PKEY *key, struct cs_span message, struct cs_span sig)
{
    struct cs_sha256 digest = cs_sha256(message);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
              EVP_PKEY_verify(ctx, sig.at, sig.len, digest.byte, sizeof digest.byte) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

bool cs_signature_verify(EVP_PKEY *key, enum cs_attester_algorithm algorithm, struct cs_span message,
                         struct cs_span sig)
{
    if (!cs_signature_could_be(algorithm, sig) || cs_signature_algorithm_of(key) != algorithm)
        return false;
    return algorithm == CS_ATTESTER_ED25519 ? ed25519_verify(key, message, sig)
                                            : ecdsa_p256_verify(key, message, sig);
}

bool cs_dsse_verify(EVP_PKEY *key, enum cs_attester_algorithm algorithm, struct cs_span pae,
                    struct cs_span sig)
{
    return cs_signature_verify(key, algorithm, pae, sig);
}
