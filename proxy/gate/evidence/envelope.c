/* Making envelopes: for the CLI and for tests. The gate only reads them. */
#include "proxy/gate/evidence/dsse.h"

#include <openssl/x509.h>

#include "proto/canonical.h"

enum { SIG_ROOM = 80, KEYID_LEN = 2 * CS_SHA256_LEN };

static CS_RESULT keyid_of(EVP_PKEY *key, char out[KEYID_LEN + 1])
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len <= 0)
        return CS_ERR(CRYPTO);
    struct cs_sha256 d = cs_sha256(cs_span_of(der, (size_t)len));
    OPENSSL_free(der);
    cs_hex(cs_sha256_span(&d), out);
    return CS_OK;
}

static CS_RESULT sign_pae(EVP_PKEY *key, struct cs_span pae, uint8_t sig[SIG_ROOM], size_t *out_len)
{
    enum cs_attester_algorithm algorithm = cs_signature_algorithm_of(key);
    if (algorithm == CS_ATTESTER_NONE)
        return CS_ERR(ARGUMENT);
    size_t len = SIG_ROOM;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *md = algorithm == CS_ATTESTER_ED25519 ? NULL : "SHA256";
    bool ok = ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, md, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestSign(ctx, sig, &len, pae.at, pae.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return CS_ERR(CRYPTO);
    *out_len = len;
    return CS_OK;
}

/* Adds one signature to e (which has room for it) and appends the packed result to out. */
static CS_RESULT sign_into(EVP_PKEY *key, Countersign__V1__Envelope *e, struct cs_arena *arena,
                           struct cs_buf *out)
{
    CS_AUTO_BUF struct cs_buf pae = { 0 };
    cs_dsse_pae(&pae, cs_span_str(e->payload_type), cs_proto_span(e->payload));
    CS_TRY(cs_buf_end(&pae));
    char keyid[KEYID_LEN + 1];
    uint8_t sig[SIG_ROOM];
    size_t sig_len;
    CS_TRY(keyid_of(key, keyid));
    CS_TRY(sign_pae(key, cs_buf_span(&pae), sig, &sig_len));
    Countersign__V1__Signature s;
    countersign__v1__signature__init(&s);
    s.sig = cs_proto_bytes(cs_span_of(sig, sig_len));
    s.keyid = keyid;
    e->signatures[e->n_signatures++] = &s;
    struct cs_span packed;
    CS_TRY(cs_proto_pack(&e->base, arena, &packed));
    if (packed.len > CS_ENVELOPE_MAX_LEN)
        return CS_ERR(LIMIT);
    cs_buf_put(out, packed.at, packed.len);
    return cs_buf_end(out);
}

CS_RESULT cs_dsse_sign(EVP_PKEY *private_key, struct cs_span payload, struct cs_buf *out)
{
    if (payload.len == 0)
        return CS_ERR(ARGUMENT);
    if (payload.len > CS_PAYLOAD_MAX_LEN)
        return CS_ERR(LIMIT);
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    char type[] = CS_PAYLOAD_TYPE;
    Countersign__V1__Signature *room[1];
    Countersign__V1__Envelope e;
    countersign__v1__envelope__init(&e);
    e.payload = cs_proto_bytes(payload);
    e.payload_type = type;
    e.signatures = room;
    return sign_into(private_key, &e, &arena, out);
}

CS_RESULT cs_dsse_cosign(EVP_PKEY *private_key, struct cs_span envelope, struct cs_buf *out)
{
    if (envelope.len > CS_ENVELOPE_MAX_LEN)
        return CS_ERR(LIMIT);
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const ProtobufCMessage *m;
    CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, envelope, &arena, &m));
    Countersign__V1__Envelope e = *(const Countersign__V1__Envelope *)m;
    if (strcmp(e.payload_type, CS_PAYLOAD_TYPE) != 0 || e.payload.len == 0 || e.n_signatures == 0)
        return CS_ERR(ARGUMENT);
    if (e.n_signatures >= CS_SIGNATURES_MAX)
        return CS_ERR(LIMIT);
    CS_AUTO_BUF struct cs_buf pae = { 0 };
    cs_dsse_pae(&pae, cs_span_str(e.payload_type), cs_proto_span(e.payload));
    CS_TRY(cs_buf_end(&pae));
    Countersign__V1__Signature *room[CS_SIGNATURES_MAX];
    enum cs_attester_algorithm algorithm = cs_signature_algorithm_of(private_key);
    for (size_t i = 0; i < e.n_signatures; i++) {
        room[i] = e.signatures[i];
        if (cs_signature_verify(private_key, algorithm, cs_buf_span(&pae), cs_proto_span(room[i]->sig)))
            return CS_ERR(EXISTS); /* a second signature by one key would make the envelope refuse */
    }
    e.signatures = room;
    return sign_into(private_key, &e, &arena, out);
}
