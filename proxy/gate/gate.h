/*
 * Gate: the deciding process. One thread, one order: calls come from the front, the ledger is
 * written, signers are asked, answers go back. What one loop turn collected is committed at once;
 * nothing that depends on a commit leaves before it.
 */
#ifndef CS_GATE_GATE_H
#define CS_GATE_GATE_H

#include "proxy/base/arena.h"
#include "proxy/gate/evidence/evidence.h"
#include "proxy/gate/lists/lists.h"
#include "proxy/gate/selectors/stops.h"
#include "proxy/ipc/dispatch.h"
#include "proxy/ipc/messages.h"
#include "proxy/ledger/ledger.h"
#include "proxy/policy/policy.h"

enum {
    CS_GATE_SIGNERS_MAX = 16,
    CS_GATE_SIGNER_DEPTH = 8,   /* requests a signer may hold: keeps it busy over one hop */
    CS_GATE_TURN_CALLS = 8,     /* judged before the signers are fed again */
    CS_GATE_FLIGHTS_MAX = 1024, /* intents not yet answered */
    CS_GATE_WAITERS_MAX = 8,    /* calls that wait for one flight: the client and its retries */
    CS_GATE_ARENA_MAX = 64 * 1024 * 1024,
};

/* One call while it is handled; lives for one dispatch. */
struct cs_call {
    uint64_t id;
    const struct cs_msg_call *msg;
    const struct cs_client *client; /* NULL for strangers */
    enum cs_who who;
    struct cs_span tls_name; /* as cs_policy_who gives it */
    const char *rpc;         /* name of the method, static */
    struct cs_arena *arena;
    struct cs_gate *gate;
    int64_t since_mono_us; /* when it arrived */
};

enum cs_flight_state {
    CS_FLIGHT_FREE = 0,
    CS_FLIGHT_APPENDED,   /* intent in this turn's transaction */
    CS_FLIGHT_GRANTED,    /* intent durable, waits for a signer */
    CS_FLIGHT_SENT,       /* a signer has it */
    CS_FLIGHT_CLOSING,    /* outcome in this turn's transaction */
    CS_FLIGHT_UNRECORDED, /* the outcome could not be committed: tried again each turn */
};

/* The grants of one commit; freed when the last of its flights is done with its own. */
struct cs_grants {
    struct cs_grant_list list;
    uint32_t n_left;
};

/* One intent from append to answer. Owns its copies: the call may be cancelled meanwhile. Its
 * buffers keep their memory for the next flight in the same place. */
struct cs_flight {
    enum cs_flight_state state;
    uint64_t seq; /* of the intent */
    struct cs_grant *grant;
    struct cs_grants *grants; /* holds grant's memory */
    uint32_t issuer;          /* index in the policy = key index */
    uint8_t kind;             /* enum cs_sign_kind */
    struct cs_span algorithm; /* AlgorithmIdentifier DER, static */
    const struct cs_client *client;
    struct cs_sha256 tbs_sha256;
    struct cs_buf request_id, tbs, verdict; /* verdict: packed Verdict for the answer */
    int64_t deadline_mono_us;               /* the latest of its waiters */
    uint32_t n_waiters;
    uint64_t waiter[CS_GATE_WAITERS_MAX]; /* call ids; none: everybody went away */
    uint32_t signer;
    int64_t sent_mono_us; /* when a signer got it */
    /* outcome, from CLOSING on */
    int result; /* Countersign__Ledger__V1__OutcomeResult */
    uint64_t outcome_seq;
    struct cs_buf signature;
    char text[256];
};

struct cs_signer_link {
    struct cs_chan chan;
    bool ready; /* HELLO done and token usable */
    bool greeted;
    uint32_t n_sent;      /* requests it holds */
    uint64_t faulty_keys; /* bit i: a signature by key i did not verify there; until restart */
    uint32_t number;
    struct cs_gate *gate;
    struct cs_dispatch table[6];
};

/* An answer that waits for the commit of the turn. */
struct cs_held_answer {
    uint64_t call;
    uint32_t status;
    struct cs_buf frame; /* packed answer */
};

struct cs_callers; /* caller.h */
struct cs_numbers; /* numbers.h */
struct cs_streams; /* stream.h */
struct cs_queries; /* queries.h */

struct cs_gate {
    struct cs_policy *policy;
    struct cs_lists *lists; /* NULL when no issuer signs leaves */
    struct cs_ledger *ledger;
    struct cs_checkpoints *checkpoints; /* checkpoints.h; NULL: no key */
    struct cs_witnesses *witnesses;     /* witnesses.h; NULL: the policy names none */
    struct cs_evidence_cache *cache;
    struct cs_callers *callers;
    struct cs_numbers *numbers;
    struct cs_streams *streams;
    struct cs_queries *queries;     /* NULL before the ledger is open */
    struct cs_stops holds, recalls; /* stops.h */
    struct cs_sha256 keytable_digest;
    struct cs_chan front;
    struct cs_dispatch front_table[8];
    uint32_t n_signers;
    struct cs_signer_link signer[CS_GATE_SIGNERS_MAX];
    struct cs_flight flight[CS_GATE_FLIGHTS_MAX];
    uint32_t n_flights;                  /* not FREE */
    uint32_t ready[CS_GATE_FLIGHTS_MAX]; /* ring of GRANTED flights, in order of seq */
    uint32_t ready_at, n_ready;
    uint32_t opened[CS_GATE_FLIGHTS_MAX], n_opened;   /* APPENDED in this turn */
    uint32_t closing[CS_GATE_FLIGHTS_MAX], n_closing; /* CLOSING in this turn */
    uint32_t n_unrecorded;
    struct cs_arena arena;       /* of the call at hand */
    struct cs_held_answer *held; /* answers of this turn */
    uint32_t n_held, room_held;
    bool calls_wait;       /* whole calls wait in the front's buffer */
    bool ledger_failed;    /* last commit failed: health says so */
    int64_t probe_mono_ms; /* when a failed ledger is tried again */
    bool turn_failed;      /* an append of this turn failed: the commit must not happen */
    bool draining;
    int lifeline_fd;
};

/* ---- answers (answer.c) ---- */

/* Every final answer of a call leaves by one of these two, which count it and free the call's place.
 * cs_answer_now puts an answer on the front's channel; cs_answer_held keeps it until this turn's
 * commit succeeded (when it fails, the call is answered UNAVAILABLE instead). */
CS_RESULT cs_answer_now(struct cs_gate *g, uint64_t call, const struct cs_msg_answer *a);
CS_RESULT cs_answer_held(struct cs_gate *g, uint64_t call, const struct cs_msg_answer *a);
/* Releases or replaces the held answers of the turn. */
CS_RESULT cs_answers_release(struct cs_gate *g, bool committed);
/* A status without a verdict. */
CS_RESULT cs_answer_status(struct cs_gate *g, uint64_t call, uint32_t status, const char *text);

/* gRPC status codes we use. */
enum {
    CS_GRPC_OK = 0,
    CS_GRPC_CANCELLED = 1,
    CS_GRPC_INVALID_ARGUMENT = 3,
    CS_GRPC_DEADLINE_EXCEEDED = 4,
    CS_GRPC_NOT_FOUND = 5,
    CS_GRPC_ALREADY_EXISTS = 6,
    CS_GRPC_PERMISSION_DENIED = 7,
    CS_GRPC_RESOURCE_EXHAUSTED = 8,
    CS_GRPC_FAILED_PRECONDITION = 9,
    CS_GRPC_UNIMPLEMENTED = 12,
    CS_GRPC_INTERNAL = 13,
    CS_GRPC_UNAVAILABLE = 14,
    CS_GRPC_DATA_LOSS = 15,
    CS_GRPC_UNAUTHENTICATED = 16,
};

/* ---- RPCs; each answers the call, now or held, or leaves a flight that will ---- */

CS_RESULT cs_rpc_sign(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_evaluate(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_deposit(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_authorize(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_sign_authorized(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_list_issuers(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_recall(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_place_hold(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_lift_hold(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_list_holds(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_health(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_watch(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_status(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_list_clients(struct cs_gate *g, struct cs_call *call);
CS_RESULT cs_rpc_metrics(struct cs_gate *g, struct cs_call *call); /* the front's question, no RPC */

/* cs_gate_seats takes the memory that callers, numbers and streams need, for the policy's clients;
 * cs_gate_seats_done gives it back. */
CS_RESULT cs_gate_seats(struct cs_gate *g);
void cs_gate_seats_done(struct cs_gate *g);
/* The client's number, or n_clients for a stranger. */
static inline uint32_t cs_call_client_number(const struct cs_gate *g, const struct cs_call *call)
{
    return call->client != NULL ? cs_client_number(g->policy, call->client) : g->policy->n_clients;
}

/* cs_front_table fills the dispatch table of the front's channel (calls.c). */
void cs_front_table(struct cs_gate *g);

/* ---- flights (flight.c) ---- */

/* cs_flight_open returns a flight with state APPENDED, its fields cleared; NULL when all are taken. */
struct cs_flight *cs_flight_open(struct cs_gate *g);
/* cs_flight_undo takes the flight opened last back: its intent was not appended. */
void cs_flight_undo(struct cs_gate *g, struct cs_flight *f);
/* The flight of an intent that a signer holds; NULL when there is none. */
struct cs_flight *cs_flight_sent(struct cs_gate *g, uint64_t seq);
struct cs_flight *cs_flight_of_request(struct cs_gate *g, const struct cs_client *client,
                                       struct cs_span request_id);
/* cs_flight_join makes a call wait for a running flight; false when it has all the waiters it may. */
bool cs_flight_join(struct cs_flight *f, const struct cs_call *call);
/* cs_flight_forget drops a cancelled call from the flight that it waits for, if any, and answers it:
 * the front waits for exactly one answer per call. The flight goes on if it is at a signer. */
CS_RESULT cs_flight_forget(struct cs_gate *g, uint64_t call);
/* cs_flight_close records the outcome in this turn's transaction; answered after its commit. text
 * is cut at its field's size. */
CS_RESULT cs_flight_close(struct cs_gate *g, struct cs_flight *f, int result, struct cs_span signature,
                          struct cs_span text);
/* cs_store_failed notes a failed append: the turn is taken back at its end. Always CS_OK. */
CS_RESULT cs_store_failed(struct cs_gate *g, cs_result why);
/* cs_turn_end commits the turn, hands grants to flights, releases answers, sends what is ready. */
CS_RESULT cs_turn_end(struct cs_gate *g);
bool cs_flights_idle(const struct cs_gate *g);

/* ---- lists (data_lists.c) ---- */

/* cs_gate_open_lists reads the files that the policy names, while the file system is still open, and
 * logs each; nothing to do when no issuer signs leaves. CONFIG, IO with a note. */
CS_RESULT cs_gate_open_lists(struct cs_gate *g, struct cs_note *note);
/* cs_gate_record_policy appends the Policy entry: digest, version, and the lists as they were read. */
CS_RESULT cs_gate_record_policy(struct cs_gate *g);

/* ---- signers (hsm_link.c) ---- */

CS_RESULT cs_signer_link_init(struct cs_gate *g, uint32_t number, int take_fd);
bool cs_signers_ready(const struct cs_gate *g);
/* Whether some signer with a usable token may use this key. */
bool cs_key_ready(const struct cs_gate *g, uint32_t key);
/* cs_signers_feed sends GRANTED flights to ready signers with room. A flight nobody waits for any
 * more, or that no signer can take, is closed as NOT_SIGNED instead (in the next turn's commit). */
CS_RESULT cs_signers_feed(struct cs_gate *g);

#endif
