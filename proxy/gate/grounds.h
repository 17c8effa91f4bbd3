/*
 * Grounds: what a verdict rests on beside the request: the policy, its lists, the ledger, the stops in force,
 * the second. The gate judges on its own; `countersign replay` on those of the past, with the same code.
 */
#ifndef CS_GATE_GROUNDS_H
#define CS_GATE_GROUNDS_H

#include "proxy/gate/rules/judge.h"
#include "proxy/ledger/ledger.h"

enum { CS_GATE_TRIALS_MAX = 2048 /* signature verifications of one call: about 0.2 s */ };

struct cs_grounds {
    const struct cs_policy *policy;
    const struct cs_lists *lists; /* NULL when no issuer signs leaves */
    struct cs_ledger *ledger;     /* the gate's, or one of the past (proxy/ledger/past.h) */
    struct cs_evidence_cache *cache;
    const struct cs_stops *holds, *recalls;
    int64_t now_unix_s;
    bool ledger_ready;     /* it takes entries, and the clock is not behind it */
    bool witnesses_lapsed; /* too few cosigned in time, or none since the start */
};

/* What is asked, as SignCertificate and EvaluateCertificate both carry it. */
struct cs_ask {
    struct cs_span issuer, tbs, order_id;
    size_t n_evidence;
    Countersign__V1__Envelope *const *evidence;
};

/* One judged case. Lives in the call's arena. */
struct cs_judged {
    struct cs_tbs *tbs; /* NULL when the bytes are no TBS */
    struct cs_facts facts;
    struct cs_verdict verdict;
    const Countersign__V1__Statement *order; /* the verdict rests on it; NULL without one */
    bool malformed;                          /* the TBS could not be read: INVALID_ARGUMENT */
    int64_t gathered_mono_us;                /* when the facts were complete; 0: they were not */
};

/* cs_judge_on fills *out, which lives in the arena. A failure result means it could not be judged: memory or
 * ledger. Reads neither clock nor anything of the process but what g names. */
CS_RESULT cs_judge_on(const struct cs_grounds *g, const struct cs_client *client, const struct cs_ask *ask,
                      struct cs_arena *arena, struct cs_judged *out);

/* cs_statement_is_unique adds E06 when the statement id is bound to another payload in the ledger or among
 * the n earlier envelopes of the same request. */
CS_RESULT cs_statement_is_unique(struct cs_ledger *ledger, const struct cs_evidence *earlier, size_t n,
                                 const struct cs_evidence *e, struct cs_verdict *v);

/* ---- stops ---- */

/* cs_stops_follow puts the holds and recalls of the ledger behind *seq and before before_seq into the two
 * sets, and *seq on the last of them. STORE_CORRUPT with a note when one cannot be read. */
CS_RESULT cs_stops_follow(struct cs_ledger *l, uint64_t before_seq, uint64_t *seq, struct cs_stops *holds,
                          struct cs_stops *recalls, struct cs_note *note);

/* cs_recall_on finds the recall that withdraws this evidence; NULL when there is none. */
CS_RESULT cs_recall_on(const struct cs_grounds *g, const struct cs_evidence *e, struct cs_arena *arena,
                       const struct cs_stop **out);
/* cs_issued_digests gives the digests of the certificates on record behind a use, at most two; none while no
 * hold selects by certificate. */
CS_RESULT cs_issued_digests(const struct cs_grounds *g, struct cs_arena *arena, const struct cs_use *use,
                            struct cs_sha256 out[2], uint32_t *out_n);

#endif
