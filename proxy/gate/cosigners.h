/*
 * Cosigners: what is asked of one witness, and what its answer means. Private to the gate's witnesses.
 */
#ifndef CS_GATE_COSIGNERS_H
#define CS_GATE_COSIGNERS_H

#include "proxy/gate/witnesses.h"

/* cs_cosigner_ask sends what is due: the round's checkpoint, with the proof from what it knows, or the
 * question what it holds. It is not busy. */
CS_RESULT cs_cosigner_ask(struct cs_witnesses *w, struct cs_cosigner *c);
/* cs_cosigner_answered takes what came back. STORE_CORRUPT: it holds a checkpoint of this log that this
 * ledger does not. */
CS_RESULT cs_cosigner_answered(struct cs_witnesses *w, struct cs_cosigner *c, const struct cs_errand_done *m);

/* cs_witnesses_cosigned counts a cosignature of a checkpoint of this size (witnesses.c). */
void cs_witnesses_cosigned(struct cs_witnesses *w, const struct cs_cosigner *c);

#endif
