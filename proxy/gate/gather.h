/*
 * Gather: everything a verdict rests on, from the request, the store and the ledger, and the verdict
 * itself. Sign and Evaluate differ only in what they do afterwards: one decision for both (P-ONEDOOR).
 */
#ifndef CS_GATE_GATHER_H
#define CS_GATE_GATHER_H

#include "proxy/gate/gate.h"
#include "proxy/gate/grounds.h"

/* cs_judge_request fills *out. A failure result means it could not be judged: memory or ledger. */
CS_RESULT cs_judge_request(struct cs_gate *g, const struct cs_call *call, const struct cs_ask *ask,
                           struct cs_judged *out);

/* cs_evidence_is_unique adds E06 when the statement id is bound to another payload in the ledger or
 * among the n earlier envelopes of the same request. */
CS_RESULT cs_evidence_is_unique(struct cs_gate *g, const struct cs_evidence *earlier, size_t n,
                                const struct cs_evidence *e, struct cs_verdict *v);

#endif
