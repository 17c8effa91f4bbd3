/*
 * Stops in the gate: the holds and recalls of the ledger, loaded before the gate serves, and what PlaceHold,
 * LiftHold and RecallEvidence share. A stop is in force for every call behind it, in the same turn too; a
 * turn that is taken back takes its stops with it, and their calls are UNAVAILABLE.
 */
#ifndef CS_GATE_STOPS_H
#define CS_GATE_STOPS_H

#include "proxy/gate/gather.h"

/* cs_gate_load_stops reads all holds and recalls of the ledger; STORE_CORRUPT with a note when one cannot be
 * read: a gate that does not know what is stopped does not start. */
CS_RESULT cs_gate_load_stops(struct cs_gate *g, struct cs_note *note);
/* cs_gate_settle_stops ends the turn: what it changed stays, or is taken back. */
void cs_gate_settle_stops(struct cs_gate *g, bool committed);

/* ---- one call with an operators' statement ---- */

struct cs_stopping {
    struct cs_gate *gate;
    struct cs_call *call;
    struct cs_verdict verdict;
    struct cs_evidence evidence; /* admitted, once cs_stopping_open says so */
    struct cs_span payload;
};

/* cs_stopping_open verifies the envelope as evidence is verified, and that its statement is of this kind.
 * *out_admitted false: the reasons are on the verdict. */
CS_RESULT cs_stopping_open(struct cs_stopping *s, const Countersign__V1__Envelope *envelope, int body_case,
                           bool *out_admitted);
/* cs_stopping_refuse records the refusal of the verdict's reasons and answers once it is durable. */
CS_RESULT cs_stopping_refuse(struct cs_stopping *s, uint32_t status);
/* cs_stopping_refuse_request: the message itself is not as it should be. */
CS_RESULT cs_stopping_refuse_request(struct cs_stopping *s, const char *found, const char *needed);
/* cs_stopping_event is what the ledger will say of it, without the sequence. */
void cs_stopping_event(const struct cs_stopping *s, struct cs_span reason, struct cs_stop_event *out);
/* cs_stopping_operators names the signers, in the call's arena. */
CS_RESULT cs_stopping_operators(const struct cs_stopping *s, size_t *out_n, ProtobufCBinaryData **out);
/* cs_stopping_record keeps envelope and statement id and appends the entry; what event says of it is set.
 * A STORE failure is noted with the turn, and then CS_OK: the turn's end answers. */
CS_RESULT cs_stopping_record(struct cs_stopping *s, Countersign__Ledger__V1__Entry *entry,
                             struct cs_stop_event *event);
/* cs_stopping_answer answers once the turn is durable. */
CS_RESULT cs_stopping_answer(struct cs_stopping *s, const ProtobufCMessage *response);

#endif
