/*
 * Keys of signed notes (C2SP signed-note, tlog-cosignature): who may have signed, by name and key ID,
 * and the private key of one who signs. Ed25519 in both types known here.
 */
#ifndef CS_TLOG_KEY_H
#define CS_TLOG_KEY_H

#include <openssl/evp.h>

#include "proxy/base/bytes.h"

enum { CS_TLOG_NAME_MAX_LEN = 255, CS_ED25519_LEN = 32, CS_ED25519_SIGNATURE_LEN = 64 };

enum cs_tlog_type {
    CS_TLOG_ED25519 = 0x01,     /* of a log: signs the text of the note */
    CS_TLOG_COSIGNATURE = 0x04, /* of a witness: signs a time and the text of a checkpoint */
};

/* A public key. Holds no memory. */
struct cs_tlog_key {
    char name[CS_TLOG_NAME_MAX_LEN + 1];
    enum cs_tlog_type type;
    uint32_t id; /* first four bytes of SHA-256(name || 0x0a || type || key) */
    uint8_t public_key[CS_ED25519_LEN];
};

/* cs_tlog_key_make sets the key ID; FORM when the name is none a note may carry. */
CS_RESULT cs_tlog_key_make(struct cs_span name, enum cs_tlog_type type,
                           const uint8_t public_key[CS_ED25519_LEN], struct cs_tlog_key *out);
/* cs_tlog_vkey_parse reads name+hex(id)+base64(type || key); FORM with a note when it is malformed, its
 * ID is not that of its key, or its type is not one of the above. */
CS_RESULT cs_tlog_vkey_parse(struct cs_span text, struct cs_tlog_key *out, struct cs_note *note);
void cs_tlog_vkey_put(struct cs_buf *out, const struct cs_tlog_key *key);

bool cs_tlog_key_verifies(const struct cs_tlog_key *key, struct cs_span message,
                          const uint8_t signature[CS_ED25519_SIGNATURE_LEN]);

/* One who signs. The zero state is safe to clean. */
struct cs_tlog_signer {
    struct cs_tlog_key key;
    EVP_PKEY *private_key;
};
/* cs_tlog_signer_read takes a PEM PKCS#8 block (Ed25519, unencrypted, nothing else). FORM with a note. */
CS_RESULT cs_tlog_signer_read(struct cs_span pem, struct cs_span name, enum cs_tlog_type type,
                              struct cs_tlog_signer *out, struct cs_note *note);
CS_RESULT cs_tlog_signer_sign(const struct cs_tlog_signer *s, struct cs_span message,
                              uint8_t out[CS_ED25519_SIGNATURE_LEN]);
void cs_tlog_signer_done(struct cs_tlog_signer *s); /* the library wipes the private key */

#endif
