/*
 * Witnesses: the gate has each checkpoint cosigned by those the policy names, through the courier.
 *
 * Checkpoints go out in rounds: one checkpoint is offered to every witness until the quorum has cosigned
 * that very one; the next round takes the newest. Cosignatures are verified with the policy's keys and kept
 * in the ledger. What a witness says without a signature is believed in no more than it can cost: a size or
 * a refusal only makes the gate ask what the witness holds. Holds it a checkpoint that this log's key signed
 * and this ledger does not have, the ledger was rolled back or forked: the gate leaves a mark beside the
 * ledger, records nothing more and ends; while the mark is there it does not start.
 */
#ifndef CS_GATE_WITNESSES_H
#define CS_GATE_WITNESSES_H

#include "proxy/gate/gate.h"
#include "proxy/ipc/errand.h"

enum { CS_WITNESS_ANSWER_WAIT_MS = 10000 };

struct cs_cosigner {
    const struct cs_witness *policy;
    bool busy;           /* an errand is on its way */
    bool read_next;      /* it contradicts us: ask what it holds */
    uint8_t errand_kind; /* of the errand on its way */
    uint64_t errand;     /* its id */
    uint64_t known_size; /* what it has cosigned, as far as we know; 0: nothing, or we do not know */
    uint64_t sent_size;  /* of the checkpoint on its way */
    uint64_t sent_old;
    struct cs_buf sent;   /* the checkpoint's text */
    int64_t next_mono_ms; /* not asked again before */
    uint32_t n_failures;  /* in a row */
    uint32_t n_conflicts; /* 409 in a row */
    uint64_t cosigned_size;
};

/* A signature that waits for the quorum. */
struct cs_parked {
    uint64_t call;
    uint64_t size; /* of the smallest checkpoint with its entry */
    uint64_t intent_seq;
    int64_t until_mono_ms;
    struct cs_buf response;
};

struct cs_witnesses {
    struct cs_gate *gate;
    struct cs_chan chan;
    struct cs_dispatch table[3];
    bool greeted;
    uint32_t n;
    struct cs_cosigner cosigner[CS_WITNESSES_MAX];
    uint64_t next_errand;
    uint64_t round_size;       /* 0: no round yet */
    int64_t round_mono_ms;     /* when it began */
    uint32_t round_mask;       /* who has cosigned it */
    struct cs_buf round;       /* its checkpoint, a note with the log's line alone */
    uint64_t quorum_size;      /* the newest checkpoint with a quorum in this run; 0: none yet */
    bool uncovered;            /* entries wait for it */
    int64_t uncovered_mono_ms; /* since when */
    bool lapse_told;
    uint32_t n_parked, room_parked;
    struct cs_parked *parked;
    char *mark_path;
};

/* cs_witnesses_open takes the channel; nothing to do without witnesses in the policy. STORE_CORRUPT with a
 * note when the mark of an earlier run stands beside the ledger. Checkpoints are open. */
CS_RESULT cs_witnesses_open(struct cs_gate *g, const char *ledger_path, int take_fd, struct cs_note *note);
void cs_witnesses_free(struct cs_witnesses *w); /* NULL-safe */

/* cs_witnesses_turn takes what the courier brought, when readable, sends what is due and releases answers.
 * Outside any turn of the ledger. STORE_CORRUPT: the ledger is not the log that the witnesses know. */
CS_RESULT cs_witnesses_turn(struct cs_gate *g, bool readable);
/* cs_witnesses_kick offers the newest checkpoint to whoever is free, and flushes. */
CS_RESULT cs_witnesses_kick(struct cs_gate *g);
/* An answer waits and no round is on its way: a checkpoint now is not too early. */
bool cs_witnesses_hurry(const struct cs_gate *g);
int cs_witnesses_wait_ms(const struct cs_gate *g, int timeout_ms);

/* True while nothing new may be signed: the quorum was not heard in this run, or entries have waited for it
 * longer than the policy allows. */
bool cs_witnesses_lapsed(const struct cs_gate *g);

/* ---- answers that wait (parked.c) ---- */

/* True when an answer that depends on the entry of this number must wait. */
bool cs_witnesses_must_wait(const struct cs_gate *g, uint64_t seq);
CS_RESULT cs_parked_add(struct cs_gate *g, uint64_t call, uint64_t outcome_seq, uint64_t intent_seq,
                        struct cs_span response);
/* cs_parked_forget answers a cancelled call, if it waits here. */
CS_RESULT cs_parked_forget(struct cs_gate *g, uint64_t call, bool *out_found);
/* cs_parked_turn answers what the quorum covers, and UNAVAILABLE what waited too long. */
CS_RESULT cs_parked_turn(struct cs_gate *g);
int64_t cs_parked_next_mono_ms(const struct cs_witnesses *w); /* INT64_MAX: none */

#endif
