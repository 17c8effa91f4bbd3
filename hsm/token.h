/*
 * Token: the connection of one process to its tokens: module initialised, one session and one login
 * per token, every key found, checked against the rules (attributes.h), against its issuer
 * certificate, and tried with a canary signature. A connection is whole or not there at all.
 */
#ifndef CS_HSM_TOKEN_H
#define CS_HSM_TOKEN_H

#include <libp11.h>

#include "hsm/key.h"
#include "proxy/base/secret.h"

struct cs_seat {
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    PKCS11_KEY *keys; /* libp11's view of the private keys; owned by its slot */
    unsigned n_keys;
};

struct cs_token {
    const char *path; /* of the module; borrowed */
    struct cs_module module;
    PKCS11_CTX *ctx; /* NULL = not connected */
    PKCS11_SLOT *slots;
    unsigned n_slots;
    struct cs_seat seat[CS_KEYS_MAX];
    size_t n_seats;
};

/* What the canary signs: bytes that are no DER, so the signature is worthless elsewhere. */
struct cs_span cs_token_canary(void);

/* cs_token_connect makes the connection and fills the private half of all keys. It fails with
 * HSM_PIN when the token refused the PIN (never try again: the token counts), HSM_KEY when a key is
 * not as it must be, HSM_FAULT when a canary does not verify, else HSM or NOT_FOUND; why names the
 * key. After a failure, and after cs_token_disconnect, nothing is connected. The PIN is passed to
 * C_Login and nowhere else: libp11's own login would keep a copy. Keys in quarantine are not tried. */
CS_RESULT cs_token_connect(struct cs_token *t, const struct cs_secret *pin, struct cs_key *keys,
                           size_t n_keys, struct cs_why *why);
void cs_token_disconnect(struct cs_token *t, struct cs_key *keys, size_t n_keys);

/* cs_token_pick finds the one private key with this id and label among libp11's keys of a token;
 * NULL if *out_n, how many there are, is not 1. */
PKCS11_KEY *cs_token_pick(PKCS11_KEY *keys, unsigned n_keys, struct cs_span id, struct cs_span label,
                          unsigned *out_n);

#endif
