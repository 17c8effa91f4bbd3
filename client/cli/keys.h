/*
 * Keys and DER from files: PEM or DER, read with OpenSSL, never asking for a passphrase.
 */
#ifndef CS_CLIENT_CLI_KEYS_H
#define CS_CLIENT_CLI_KEYS_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proxy/base/digest.h"

enum { CS_FILE_MAX_LEN = 4 * 1024 * 1024 };

static inline void cs_auto_pkey(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}
#define CS_AUTO_PKEY __attribute__((cleanup(cs_auto_pkey)))
static inline void cs_auto_x509(X509 **p)
{
    X509_free(*p);
}
#define CS_AUTO_X509 __attribute__((cleanup(cs_auto_x509)))
static inline void cs_auto_req(X509_REQ **p)
{
    X509_REQ_free(*p);
}
#define CS_AUTO_REQ __attribute__((cleanup(cs_auto_req)))

/* cs_key_read reads a PEM private key that can sign statements: Ed25519 or P-256. The note names
 * the file and what was needed. */
CS_RESULT cs_key_read(const char *path, EVP_PKEY **out, struct cs_note *note);

/* cs_der_read appends the DER of a file to out: the first PEM block, or the file itself when it has
 * none. label (room bytes) gets the block's name, "" for DER. */
CS_RESULT cs_der_read(const char *path, struct cs_buf *out, char *label, size_t room, struct cs_note *note);

/* cs_cert_read and cs_req_read read one certificate or CSR, PEM or DER, nothing behind it. */
CS_RESULT cs_cert_read(const char *path, X509 **out, struct cs_note *note);
CS_RESULT cs_req_read(const char *path, X509_REQ **out, struct cs_note *note);
/* cs_spki_read appends the DER SubjectPublicKeyInfo of a PEM or DER public key file. */
CS_RESULT cs_spki_read(const char *path, struct cs_buf *out, struct cs_note *note);

/* cs_private_key_write makes a PEM PKCS#8 file, mode 0600; EXISTS when there is one, unless force. */
CS_RESULT cs_private_key_write(const EVP_PKEY *key, const char *path, bool force, struct cs_note *note);

/* cs_spki_of_key appends the DER SubjectPublicKeyInfo of a key. */
CS_RESULT cs_spki_of_key(const EVP_PKEY *key, struct cs_buf *out);
/* cs_spki_of_x509 appends an X509_PUBKEY's bytes. */
CS_RESULT cs_spki_of_x509(const X509_PUBKEY *key, struct cs_buf *out);

#endif
