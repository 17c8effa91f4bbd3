#include "client/cli/keys.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "proxy/base/io.h"
#include "proxy/base/secret.h"

/* Stands for the passphrase prompt: no passphrase, so an encrypted key refuses. */
static int no_passphrase(char *out, int room, int writing, void *asked)
{
    (void)out;
    (void)room;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static bool signs_statements(const EVP_PKEY *key)
{
    char group[32];
    if (EVP_PKEY_is_a(key, "ED25519"))
        return true;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

CS_RESULT cs_key_read(const char *path, EVP_PKEY **out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    bool asked = false;
    CS_TRY(cs_read_file(path, 64 * 1024, &text, note));
    BIO *in = BIO_new_mem_buf(text.at, (int)text.len);
    CS_AUTO_PKEY EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, &asked) : NULL;
    BIO_free(in);
    if (text.at != NULL)
        cs_wipe(text.at, text.len);
    ERR_clear_error();
    if (key == NULL) {
        cs_note_set(note, "%s: %s, needs a PEM private key without a passphrase", path,
                    asked ? "an encrypted key" : "no PEM private key");
        return CS_ERR(FORM);
    }
    if (!signs_statements(key)) {
        cs_note_set(note, "%s: a key of type %s, needs Ed25519 or ECDSA P-256", path,
                    EVP_PKEY_get0_type_name(key));
        return CS_ERR(FORM);
    }
    *out = key;
    key = NULL;
    return CS_OK;
}

CS_RESULT cs_der_read(const char *path, struct cs_buf *out, char *label, size_t room, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    CS_TRY(cs_read_file(path, CS_FILE_MAX_LEN, &text, note));
    label[0] = '\0';
    if (memmem(text.at, text.len, "-----BEGIN ", 11) == NULL) {
        cs_buf_put(out, text.at, text.len);
        return cs_buf_end(out);
    }
    BIO *in = BIO_new_mem_buf(text.at, (int)text.len);
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    bool ok = in != NULL && PEM_read_bio(in, &name, &header, &der, &len) == 1;
    if (ok) {
        snprintf(label, room, "%s", name);
        cs_buf_put(out, der, (size_t)len);
    } else {
        cs_note_set(note, "%s: not readable as PEM", path);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(in);
    ERR_clear_error();
    return ok ? cs_buf_end(out) : CS_ERR(FORM);
}

CS_RESULT cs_cert_read(const char *path, X509 **out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf der = { 0 };
    char label[64];
    CS_TRY(cs_der_read(path, &der, label, sizeof label, note));
    const unsigned char *at = der.at;
    CS_AUTO_X509 X509 *x = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (x == NULL || at != der.at + der.len) {
        cs_note_set(note, "%s: %s%s, needs one certificate in PEM or DER", path,
                    label[0] != '\0' ? label : "no certificate", label[0] != '\0' ? " block" : "");
        return CS_ERR(FORM);
    }
    *out = x;
    x = NULL;
    return CS_OK;
}

CS_RESULT cs_req_read(const char *path, X509_REQ **out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf der = { 0 };
    char label[64];
    CS_TRY(cs_der_read(path, &der, label, sizeof label, note));
    const unsigned char *at = der.at;
    CS_AUTO_REQ X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (req == NULL || at != der.at + der.len) {
        cs_note_set(note, "%s: %s%s, needs one certificate request in PEM or DER", path,
                    label[0] != '\0' ? label : "no certificate request", label[0] != '\0' ? " block" : "");
        return CS_ERR(FORM);
    }
    *out = req;
    req = NULL;
    return CS_OK;
}

CS_RESULT cs_spki_of_x509(const X509_PUBKEY *key, struct cs_buf *out)
{
    unsigned char *der = NULL;
    int len = key != NULL ? i2d_X509_PUBKEY(key, &der) : -1;
    if (len <= 0)
        return CS_ERR(CRYPTO);
    cs_buf_put(out, der, (size_t)len);
    OPENSSL_free(der);
    return cs_buf_end(out);
}

CS_RESULT cs_spki_of_key(const EVP_PKEY *key, struct cs_buf *out)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len <= 0)
        return CS_ERR(CRYPTO);
    cs_buf_put(out, der, (size_t)len);
    OPENSSL_free(der);
    return cs_buf_end(out);
}

CS_RESULT cs_spki_read(const char *path, struct cs_buf *out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf der = { 0 };
    char label[64];
    CS_TRY(cs_der_read(path, &der, label, sizeof label, note));
    const unsigned char *at = der.at;
    X509_PUBKEY *key = d2i_X509_PUBKEY(NULL, &at, (long)der.len);
    bool whole = key != NULL && at == der.at + der.len;
    X509_PUBKEY_free(key);
    ERR_clear_error();
    if (!whole) {
        cs_note_set(note, "%s: %s%s, needs one public key in PEM or DER", path,
                    label[0] != '\0' ? label : "no public key", label[0] != '\0' ? " block" : "");
        return CS_ERR(FORM);
    }
    cs_buf_put(out, der.at, der.len);
    return cs_buf_end(out);
}
