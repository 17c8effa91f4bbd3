/*
 * Checkpoints: the gate signs the head of its ledger, at most once a second while entries come, and at
 * start and stop. It signs only what is durable, and keeps each checkpoint in the ledger before anybody
 * sees it. Without a key there are none, and receipts are UNAVAILABLE.
 */
#ifndef CS_GATE_CHECKPOINTS_H
#define CS_GATE_CHECKPOINTS_H

#include "proxy/gate/gate.h"
#include "proxy/tlog/key.h"

struct cs_checkpoints {
    struct cs_tlog_signer signer;
    uint64_t size;         /* of the newest checkpoint; 0: none */
    int64_t signed_unix_s; /* when it was signed; 0: before the start */
    int64_t next_mono_ms;  /* when the next one may be signed */
};

/* cs_checkpoints_read_key takes the descriptor (process.h) to its end; nothing in it: no key. CONFIG with
 * a note when it is no Ed25519 key, or the policy names no origin. Before the sandbox. */
CS_RESULT cs_checkpoints_read_key(struct cs_gate *g, int take_fd, struct cs_note *note);
/* cs_checkpoints_open refuses (STORE_CORRUPT with a note) a ledger whose last checkpoint is not signed by
 * this key, is larger than the ledger, or states another root: a file that was rolled back in part, was
 * forked, or belongs to another log. The ledger is open; nothing was appended. */
CS_RESULT cs_checkpoints_open(struct cs_gate *g, struct cs_note *note);
/* cs_checkpoints_sign signs the last commit when entries are new and the second is over, or at once. What
 * fails is logged and tried again; never within a turn. */
void cs_checkpoints_sign(struct cs_gate *g, bool at_once);
/* Milliseconds until a checkpoint is due, no longer than timeout_ms (-1: no limit). */
int cs_checkpoints_wait_ms(const struct cs_gate *g, int timeout_ms);
void cs_checkpoints_free(struct cs_checkpoints *c); /* NULL-safe */

CS_RESULT cs_rpc_checkpoint(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_receipt(struct cs_gate *g, struct cs_call *call);

#endif
