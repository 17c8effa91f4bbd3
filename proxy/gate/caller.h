/*
 * Caller: who asks, and may they. Every call of the front passes cs_caller_admit before an RPC sees it,
 * whatever the RPC is; every answer passes cs_open_call_done on its way out. Memory is taken once.
 *
 * A peer that is no client is refused and recorded, but strangers must not fill the ledger: the first call
 * of each identity is recorded (the first CS_STRANGERS_MAX identities), then CS_QUIET_PER_MINUTE calls a
 * minute of all strangers together; the next recorded refusal tells how many were not. The same per minute
 * holds for each client that is retired or over its limits.
 */
#ifndef CS_GATE_CALLER_H
#define CS_GATE_CALLER_H

#include "proxy/gate/bucket.h"
#include "proxy/gate/gate.h"

enum {
    CS_STRANGERS_MAX = 256,   /* identities of unknown peers that are remembered */
    CS_OPEN_CALLS_MAX = 16384 /* calls not yet answered; a power of two */
};

/* One identity that is no client. Spans are copied. */
struct cs_stranger {
    uint8_t transport;
    uint32_t uid, gid;
    struct cs_sha256 spki_sha256;
    char listener[CS_LISTENER_NAME_MAX_LEN + 1];
    char name[CS_PEER_NAME_MAX_LEN + 1]; /* TLS: the first dNSName */
    enum cs_who who;
    int64_t first_unix_s, last_unix_s;
    uint64_t n_calls;
};

/* What the gate keeps of one client of the policy. */
struct cs_seat {
    struct cs_bucket rate;
    struct cs_quiet quiet; /* refusals over limits or after retirement */
};

struct cs_open_call {
    uint64_t id; /* 0: free */
    int64_t since_mono_us;
    uint16_t method;
    uint16_t client; /* number; n_clients: unknown; UINT16_MAX: the front itself */
};

struct cs_callers {
    struct cs_quiet strangers_quiet;
    uint32_t n_strangers;
    struct cs_stranger stranger[CS_STRANGERS_MAX];
    uint32_t n_open;
    struct cs_open_call open[CS_OPEN_CALLS_MAX]; /* found by id, linear probing */
    struct cs_seat seat[CS_POLICY_CLIENTS_MAX];  /* by number of the client */
};

/* cs_callers_new returns callers nobody of whom was seen; NULL without memory. */
struct cs_callers *cs_callers_new(void);
void cs_callers_free(struct cs_callers *c); /* NULL-safe */

/* cs_open_call_begin notes a call, of nobody yet. PEER_ERRS when the id is open already: the front says
 * each once. FULL when too many are open. */
CS_RESULT cs_open_call_begin(struct cs_gate *g, uint64_t id, uint16_t method, int64_t now_mono_us);
/* cs_open_call_belongs says whose an open call is. */
void cs_open_call_belongs(struct cs_gate *g, uint64_t id, const struct cs_client *client);
/* cs_open_call_done counts the call's final answer; nothing for an id that is not open. */
void cs_open_call_done(struct cs_gate *g, uint64_t id, uint32_t status);

/* cs_caller_admit sets call->client. When the caller may not, the call is answered (or its answer held)
 * and *out_admitted is false: UNAUTHENTICATED for strangers, PERMISSION_DENIED for an RPC that is not the
 * client's and after its retirement, RESOURCE_EXHAUSTED with RetryInfo over its limits. */
CS_RESULT cs_caller_admit(struct cs_gate *g, struct cs_call *call, int64_t now_mono_us, int64_t now_unix_s,
                          bool *out_admitted);

/* How many refusals of callers wait to be told in the next recorded one. */
uint64_t cs_callers_untold(const struct cs_gate *g);

#endif
