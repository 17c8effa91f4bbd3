/* A gate without a daemon: the policy of docs/policy.md with other clients, a ledger of its own, and this
 * process as its front. */
#ifndef CS_TESTS_UNIT_GATE_FAKE_FRONT_H
#define CS_TESTS_UNIT_GATE_FAKE_FRONT_H

#include "proxy/gate/gate.h"

struct fake {
    struct cs_gate *gate;
    struct cs_chan front; /* the front's end */
    char dir[64];
    uint64_t n_calls; /* the last call's id */
    /* what came last for any call */
    uint32_t n_answers, n_parts;
    uint64_t last_call;
    uint32_t status;
    struct cs_buf text, details, body; /* body: the response, or the last part */
};

/* clients: YAML rows. The gate has one signer with a usable token, and its HELLO is done. */
void fake_open(struct fake *f, const char *docs_path, const char *clients);
void fake_close(struct fake *f);

/* Puts a call on the channel and returns its id. */
uint64_t fake_call(struct fake *f, uint16_t method, const struct cs_peer *peer, struct cs_span request);
void fake_cancel(struct fake *f, uint64_t call);
void fake_more(struct fake *f, uint64_t call, uint32_t n);
/* One turn of the gate, and everything it says is taken in. */
cs_result fake_turn(struct fake *f);
/* Entries of the ledger. */
uint64_t fake_ledger_size(const struct fake *f);

#endif
