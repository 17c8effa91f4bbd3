/* A self-signed CA certificate for tests and the quickstart: no ceremony, no profile, no policy. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "hsm/attributes.h"
#include "hsm/token.h"
#include "hsm/tool.h"
#include "proxy/base/io.h"

/* name_of reads "/C=XX/O=Organisation/CN=Name": C, ST, L, O, OU, CN, each at most once, in this order. */
static X509_NAME *name_of(const char *text)
{
    static const char *const types[] = { "C", "ST", "L", "O", "OU", "CN" };
    enum { N_TYPES = sizeof types / sizeof *types };
    X509_NAME *name = X509_NAME_new();
    size_t i = 0;
    bool ok = name != NULL && text[0] == '/';
    while (ok && *text != '\0') {
        text++;
        size_t part_len = strcspn(text, "/"), type_len = strcspn(text, "=");
        while (i < N_TYPES && (strlen(types[i]) != type_len || memcmp(types[i], text, type_len) != 0))
            i++;
        ok = i < N_TYPES && type_len + 1 < part_len &&
             X509_NAME_add_entry_by_txt(name, types[i], MBSTRING_UTF8,
                                        (const unsigned char *)text + type_len + 1,
                                        (int)(part_len - type_len - 1), -1, 0) == 1;
        text += part_len;
        i++;
    }
    if (ok)
        return name;
    X509_NAME_free(name);
    return NULL;
}

static bool add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool fill(X509 *x, X509_NAME *name, EVP_PKEY *key, int days)
{
    uint8_t serial[16];
    if (!cs_ok(cs_random(serial, sizeof serial)))
        return false;
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, always 16 octets */
    BIGNUM *n = BN_bin2bn(serial, sizeof serial, NULL);
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    bool ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL &&
              X509_set_version(x, X509_VERSION_3) == 1 && X509_set_subject_name(x, name) == 1 &&
              X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL &&
              X509_time_adj_ex(X509_getm_notAfter(x), days, -1, NULL) != NULL &&
              add_extension(x, &ctx, NID_basic_constraints, "critical,CA:TRUE") &&
              add_extension(x, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_extension(x, &ctx, NID_subject_key_identifier, "hash");
    BN_free(n);
    return ok;
}

/* private_of finds libp11's view of the key that u names; the user is logged in already. */
static EVP_PKEY *private_of(struct cs_tool *t, const struct cs_uri *u, PKCS11_CTX *ctx, struct cs_why *why)
{
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE key = 0;
    CK_SLOT_ID slot = 0;
    CK_TOKEN_INFO info;
    CS_AUTO_BUF struct cs_buf id = { .max = 2048 }, label = { .max = 2048 };
    if (!cs_ok(cs_tool_session(t, u, &session, &info, why)) ||
        !cs_ok(cs_module_find_token(&t->m, u, &slot, NULL, why)) ||
        !cs_ok(cs_module_find_key(&t->m, session, u, &key, why)) ||
        !cs_ok(cs_attributes_check(&t->m, session, key, why)))
        return NULL;
    if (!cs_ok(cs_module_get(&t->m, session, key, CKA_ID, &id, why)) ||
        !cs_ok(cs_module_get(&t->m, session, key, CKA_LABEL, &label, why))) {
        cs_why_set(why, why->rv, "the key has no readable id and label");
        return NULL;
    }
    PKCS11_SLOT *slots = NULL;
    PKCS11_KEY *keys = NULL, *found = NULL;
    unsigned n_slots = 0, n_keys = 0, n = 0;
    if (PKCS11_CTX_load(ctx, t->module) == 0 && PKCS11_enumerate_slots(ctx, &slots, &n_slots) == 0)
        for (unsigned i = 0; i < n_slots; i++)
            if (PKCS11_get_slotid_from_slot(&slots[i]) == slot && slots[i].token != NULL &&
                PKCS11_enumerate_keys(slots[i].token, &keys, &n_keys) == 0)
                found = cs_token_pick(keys, n_keys, cs_buf_span(&id), cs_buf_span(&label), &n);
    EVP_PKEY *private = found == NULL ? NULL : PKCS11_get_private_key(found);
    if (private == NULL)
        cs_why_set(why, cs_key_libp11_error(), "libp11 could not use the private key");
    return private;
}

static int write_certificate(struct cs_tool *t, X509 *x, struct cs_why *why)
{
    BIO *pem = BIO_new(BIO_s_mem());
    char *at = NULL;
    bool ok = pem != NULL && PEM_write_bio_X509(pem, x) == 1;
    long len = ok ? BIO_get_mem_data(pem, &at) : 0;
    ok = len > 0 && cs_ok(cs_write_file(t->out, cs_span_of(at, (size_t)len), 0644, &why->note));
    BIO_free(pem);
    return ok ? CS_EXIT_DONE : CS_EXIT_FAILED;
}

int cs_tool_self_signed(struct cs_tool *t, struct cs_why *why)
{
    struct cs_uri u;
    if (!cs_ok(cs_uri_parse(cs_span_str(t->key_uri), &u, &why->note)))
        return CS_EXIT_USAGE;
    X509_NAME *name = name_of(t->subject);
    if (name == NULL || t->days < 1 || t->days > 9131) {
        X509_NAME_free(name);
        cs_why_set(why, CKR_OK,
                   "--subject is \"/C=XX/ST=../L=../O=../OU=../CN=..\" in this order, parts may be left out; "
                   "--days is 1 to 9131");
        return CS_EXIT_USAGE;
    }
    int code = CS_EXIT_FAILED;
    PKCS11_CTX *ctx = PKCS11_CTX_new();
    X509 *x = X509_new();
    EVP_PKEY *private = ctx == NULL ? NULL : private_of(t, &u, ctx, why);
    if (private != NULL && x != NULL) {
        int bits = EVP_PKEY_get_bits(private);
        bool ec = EVP_PKEY_get_base_id(private) == EVP_PKEY_EC;
        const EVP_MD *md = !ec || bits == 256 ? EVP_sha256() : bits == 384 ? EVP_sha384() : EVP_sha512();
        /* Verified at once: a wrong handle or a faulty token must not leave a certificate behind. */
        if (fill(x, name, private, t->days) && X509_sign(x, private, md) > 0 && X509_verify(x, private) == 1)
            code = write_certificate(t, x, why);
        else
            cs_why_set(why, cs_key_libp11_error(), "the certificate could not be made or does not verify");
    }
    EVP_PKEY_free(private);
    X509_free(x);
    X509_NAME_free(name);
    return code; /* ctx lives until the process ends: cs_tool_end finalises the module it shares */
}
