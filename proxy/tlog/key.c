#include "proxy/tlog/key.h"

#include <openssl/pem.h>

#include "proxy/tlog/text.h"

static uint32_t id_of(struct cs_span name, enum cs_tlog_type type, const uint8_t *public_key)
{
    const uint8_t middle[2] = { '\n', (uint8_t)type };
    const struct cs_span parts[] = { name, cs_span_of(middle, 2), cs_span_of(public_key, CS_ED25519_LEN) };
    struct cs_sha256 d = cs_sha256_parts(parts, 3);
    return (uint32_t)d.byte[0] << 24 | (uint32_t)d.byte[1] << 16 | (uint32_t)d.byte[2] << 8 | d.byte[3];
}

CS_RESULT cs_tlog_key_make(struct cs_span name, enum cs_tlog_type type,
                           const uint8_t public_key[CS_ED25519_LEN], struct cs_tlog_key *out)
{
    if (!cs_tlog_name_valid(name) || name.len > CS_TLOG_NAME_MAX_LEN || memchr(name.at, 0, name.len) != NULL)
        return CS_ERR(FORM);
    struct cs_tlog_key k = { .type = type };
    memcpy(k.name, name.at, name.len);
    memcpy(k.public_key, public_key, CS_ED25519_LEN);
    k.id = id_of(name, type, public_key);
    *out = k;
    return CS_OK;
}

static CS_RESULT fail(struct cs_note *note, const char *why)
{
    cs_note_set(note, "not a verifier key: %s", why);
    return CS_ERR(FORM);
}

static bool id_read(struct cs_span hex, uint32_t *out)
{
    uint8_t b[4];
    char again[9];
    size_t len = 0;
    if (hex.len != 8 || !cs_ok(cs_unhex(hex, b, sizeof b, &len)))
        return false;
    cs_hex(cs_span_of(b, 4), again);
    *out = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return cs_span_is(hex, again); /* lower case */
}

CS_RESULT cs_tlog_vkey_parse(struct cs_span text, struct cs_tlog_key *out, struct cs_note *note)
{
    const uint8_t *plus = text.len != 0 ? memchr(text.at, '+', text.len) : NULL;
    if (plus == NULL)
        return fail(note, "needed name+keyid+base64");
    size_t name_len = (size_t)(plus - text.at), left = text.len - name_len - 1;
    uint32_t id = 0;
    if (left < 10 || plus[9] != '+' || !id_read(cs_span_of(plus + 1, 8), &id))
        return fail(note, "the key ID is not 8 lower-case hex digits");
    CS_AUTO_BUF struct cs_buf key = { .max = 4096 };
    if (left > 4000 || !cs_tlog_base64(cs_span_of(plus + 10, left - 9), &key) || key.len < 2)
        return fail(note, "the key is not base64");
    if (key.at[0] != CS_TLOG_ED25519 && key.at[0] != CS_TLOG_COSIGNATURE)
        return fail(note, "its type is neither 01 (Ed25519) nor 04 (Ed25519 cosignature)");
    if (key.len != 1 + CS_ED25519_LEN)
        return fail(note, "an Ed25519 key has 32 bytes");
    struct cs_tlog_key k;
    if (!cs_ok(cs_tlog_key_make(cs_span_of(text.at, name_len), (enum cs_tlog_type)key.at[0], key.at + 1, &k)))
        return fail(note, "the name is empty, too long, or holds spaces or control characters");
    if (k.id != id)
        return fail(note, "the key ID is not that of this name and key");
    *out = k;
    return CS_OK;
}

void cs_tlog_vkey_put(struct cs_buf *out, const struct cs_tlog_key *key)
{
    uint8_t bytes[1 + CS_ED25519_LEN] = { (uint8_t)key->type };
    memcpy(bytes + 1, key->public_key, CS_ED25519_LEN);
    cs_buf_printf(out, "%s+%08x+", key->name, key->id);
    cs_base64_put(out, cs_span_of(bytes, sizeof bytes), true);
}

bool cs_tlog_key_verifies(const struct cs_tlog_key *key, struct cs_span message,
                          const uint8_t signature[CS_ED25519_SIGNATURE_LEN])
{
    EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->public_key, CS_ED25519_LEN);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = k != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k) == 1 &&
                EVP_DigestVerify(ctx, signature, CS_ED25519_SIGNATURE_LEN, message.at, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(k);
    return good;
}

static int no_passphrase(char *out, int room, int writing, void *ctx)
{
    (void)out;
    (void)room;
    (void)writing;
    (void)ctx;
    return -1;
}

CS_RESULT cs_tlog_signer_read(struct cs_span pem, struct cs_span name, enum cs_tlog_type type,
                              struct cs_tlog_signer *out, struct cs_note *note)
{
    static const char begin[] = "-----BEGIN PRIVATE KEY-----\n";
    struct cs_span body;
    if (pem.len > 4096 || !cs_tlog_after(pem, begin, &body)) {
        cs_note_set(note, "not a PEM private key (PKCS#8, not encrypted)");
        return CS_ERR(FORM);
    }
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    char rest;
    bool alone = bio != NULL && BIO_read(bio, &rest, 1) <= 0;
    BIO_free(bio);
    uint8_t public_key[CS_ED25519_LEN];
    size_t len = sizeof public_key;
    struct cs_tlog_signer s = { .private_key = key };
    if (key == NULL || !alone || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 ||
        EVP_PKEY_get_raw_public_key(key, public_key, &len) != 1 || len != sizeof public_key) {
        cs_note_set(note, "not one Ed25519 private key in PEM");
        EVP_PKEY_free(key);
        return CS_ERR(FORM);
    }
    cs_result r = cs_tlog_key_make(name, type, public_key, &s.key);
    if (!cs_ok(r)) {
        cs_note_set(note, "the name may not be empty, nor hold '+', spaces or control characters");
        EVP_PKEY_free(key);
        return r;
    }
    *out = s;
    return CS_OK;
}

CS_RESULT cs_tlog_signer_sign(const struct cs_tlog_signer *s, struct cs_span message,
                              uint8_t out[CS_ED25519_SIGNATURE_LEN])
{
    size_t len = CS_ED25519_SIGNATURE_LEN;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, s->private_key) == 1 &&
                EVP_DigestSign(ctx, out, &len, message.at, message.len) == 1 &&
                len == CS_ED25519_SIGNATURE_LEN;
    EVP_MD_CTX_free(ctx);
    return good ? CS_OK : CS_ERR(CRYPTO);
}

void cs_tlog_signer_done(struct cs_tlog_signer *s)
{
    EVP_PKEY_free(s->private_key);
    *s = (struct cs_tlog_signer){ 0 };
}
