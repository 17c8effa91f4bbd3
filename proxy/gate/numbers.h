/*
 * Numbers: what the gate counts, since its start. Plain counters in memory that is taken once; counting
 * costs an addition and never fails. Read by StatusService and written out for Prometheus.
 */
#ifndef CS_GATE_NUMBERS_H
#define CS_GATE_NUMBERS_H

#include "proxy/base/clock.h"
#include "proxy/gate/verdict/verdict.h"
#include "proxy/ipc/messages.h"

enum {
    CS_NUMBERS_STATUSES = 17, /* gRPC status codes 0 .. 16 */
    CS_NUMBERS_SIGNERS = 16,
    CS_NUMBERS_BOUNDS = 17, /* of a histogram; one more bucket is open */
};

/* Stages of a call whose time is taken. X(id, label, what it is) */
#define CS_TIMES(X)                                                                        \
    X(DECODE, "decode", "from the call's arrival to the beginning of the judgement")       \
    X(VERIFY, "verify", "evidence read, verified and looked up, as part of the judgement") \
    X(JUDGE, "judge", "the whole judgement")                                               \
    X(COMMIT, "commit", "one durable commit of the ledger")                                \
    X(HSM, "hsm", "from handing a TBS to a signer to its signature")                       \
    X(TOTAL, "total", "from a call's arrival to its answer")

enum cs_time {
#define X(id, label, text) CS_TIME_##id,
    CS_TIMES(X)
#undef X
        CS_TIME_COUNT
};

struct cs_histogram {
    uint64_t n[CS_NUMBERS_BOUNDS + 1]; /* of each bucket alone */
    uint64_t sum_us;
};

struct cs_client_numbers {
    uint64_t answered[CS_METHOD_COUNT][CS_NUMBERS_STATUSES];
    uint64_t refused[CS_RULE_COUNT]; /* refusals in which the rule does not hold */
    uint64_t n_calls, n_signed, n_limited;
    int64_t last_seen_unix_s;
    uint32_t n_in_flight; /* calls without their answer */
};

struct cs_numbers {
    int64_t started_unix_s;
    struct cs_histogram time[CS_TIME_COUNT];
    uint64_t n_signatures, n_not_signed, n_unknown_outcomes;
    struct {
        uint64_t n_ready, n_lost;
    } signer[CS_NUMBERS_SIGNERS];
    uint64_t n_commits, n_commit_failures;
    int64_t last_commit_unix_us; /* 0: none yet */
    uint64_t n_deposits;
    uint64_t n_unknown_calls; /* of peers that are no client */
    uint32_t n_clients;
    struct cs_client_numbers client[]; /* n_clients by number, and one more for everybody unknown */
};

/* cs_numbers_new returns zeroed numbers for the clients of a policy; NULL without memory. */
struct cs_numbers *cs_numbers_new(uint32_t n_clients);
void cs_numbers_free(struct cs_numbers *n); /* NULL-safe */

/* Every function below does nothing when n is NULL, so that parts of the gate work without a house. */

void cs_numbers_time(struct cs_numbers *n, enum cs_time stage, int64_t us);
/* cs_numbers_refused counts each rule of v once. client: a number, n_clients for everybody unknown. */
void cs_numbers_refused(struct cs_numbers *n, uint32_t client, const struct cs_verdict *v);

/* Upper bounds of the buckets, microseconds. */
extern const uint32_t cs_numbers_bound_us[CS_NUMBERS_BOUNDS];

/* Records the time from its declaration to the end of the scope. */
struct cs_numbers_timer {
    struct cs_numbers *numbers;
    enum cs_time stage;
    int64_t since_mono_us;
};
static inline void cs_auto_timer(struct cs_numbers_timer *t)
{
    cs_numbers_time(t->numbers, t->stage, cs_clock_mono_us() - t->since_mono_us);
}
#define CS_AUTO_TIMER(name, numbers, stage)                                                          \
    __attribute__((cleanup(cs_auto_timer), unused)) struct cs_numbers_timer name = { numbers, stage, \
                                                                                     cs_clock_mono_us() }

#endif
