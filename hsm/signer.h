/*
 * Signer: the loop of one signer process. It answers each SIGN of the gate exactly once:
 *   SIGNED       the signature verified and its witness line is written;
 *   NOT_SIGNED   the token was not asked (refused by peek, key in quarantine, token lost ...);
 *   SIGN_UNSURE  the token was asked and no usable signature came of it.
 * A sequence number is spent when the token is about to be asked; it and all below are refused
 * (SEQ_SPENT) from then on, in this process.
 *
 * When the token is lost the gate gets HSM_EVENT LOST, the signer rebuilds the whole connection after
 * 100 ms, doubling to 10 s, and then sends HSM_EVENT READY. A PIN the token refuses ends the process.
 */
#ifndef CS_HSM_SIGNER_H
#define CS_HSM_SIGNER_H

#include "hsm/token.h"
#include "hsm/witness.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/dispatch.h"

struct cs_signer {
    struct cs_keytable table;
    struct cs_key key[CS_KEYS_MAX]; /* as table.key */
    struct cs_token token;
    struct cs_secret *pin;
    struct cs_witness witness;
    struct cs_chan gate;
    int lifeline_fd;

    struct cs_sha256 digest; /* of the key table, compared in HELLO */
    uint64_t last_seq;
    struct cs_dispatch *dispatch; /* while running */
    bool lost;
    unsigned backoff_ms;
    int64_t retry_mono_ms; /* when lost */
    int64_t synced_mono_ms;
};

enum {
    CS_SIGNER_BACKOFF_MIN_MS = 100,
    CS_SIGNER_BACKOFF_MAX_MS = 10000,
    CS_SIGNER_SYNC_MAX_MS = 1000, /* witness lines are forced to disk when idle, at the latest so often */
    CS_SIGNER_IN_MAX = 4 * (CS_MSG_SIGN_MAX_LEN + CS_MSG_HDR_LEN),
    /* The worst answers to a full input buffer of the shortest frames fit. */
    CS_SIGNER_OUT_MAX = CS_SIGNER_IN_MAX / CS_MSG_HDR_LEN * (CS_MSG_EVENT_MAX_LEN + 2 * CS_MSG_HDR_LEN),
};

/* cs_signer_run serves until the lifeline or the gate ends (success) or until something that must
 * end the process (the failure; why says what). The token is connected, the rest set up; it sends
 * HELLO itself. Logs what operators need; never a TBS, never the PIN. */
CS_RESULT cs_signer_run(struct cs_signer *s, struct cs_why *why);

#endif
