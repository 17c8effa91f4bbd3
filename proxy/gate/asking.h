/*
 * Asking: one request about a TBS while it is answered. SignCertificate, EvaluateCertificate, AuthorizeTbs
 * and SignAuthorized read their own message into it; everything behind that is shared (P-ONEDOOR).
 */
#ifndef CS_GATE_ASKING_H
#define CS_GATE_ASKING_H

#include "countersign/v1/signing_service.pb-c.h"

#include "proxy/gate/report.h"

struct cs_asking {
    struct cs_gate *gate;
    struct cs_call *call;
    struct cs_span request_id;
    struct cs_ask ask;
    struct cs_judged judged;
    /* SignAuthorized: what stands for the TBS until it is found, and the entry it was found in. */
    struct cs_span digest, algorithm;
    uint64_t authorization_seq;
};

/* ---- reading (asking.c) ---- */

/* cs_asking_read unpacks the call's message; *out is NULL when it is not canonical. Fails on memory. */
CS_RESULT cs_asking_read(struct cs_asking *a, const ProtobufCMessageDescriptor *type,
                         const ProtobufCMessage **out);

/* A field outside its bounds; field is NULL when all hold. Texts live in the call's arena. */
struct cs_asking_fault {
    const char *field, *found, *needed;
};
struct cs_asking_fault cs_asking_bounds(const struct cs_asking *a, bool needs_request_id);

/* ---- refusing (asking.c): recorded in this turn, answered once that is durable ---- */

CS_RESULT cs_asking_refuse(struct cs_asking *a, const struct cs_verdict *v, uint32_t status,
                           const struct cs_judged *judged);
CS_RESULT cs_asking_refuse_one(struct cs_asking *a, enum cs_rule rule, uint32_t status, const char *subject,
                               const char *found, const char *needed);
/* INVALID_ARGUMENT, N03: the fault, or bytes that are no canonical message of this type. */
CS_RESULT cs_asking_refuse_fault(struct cs_asking *a, const struct cs_asking_fault *f);
CS_RESULT cs_asking_refuse_bytes(struct cs_asking *a, const ProtobufCMessageDescriptor *type);

/* ---- deciding and signing (signing.c) ---- */

/* cs_asking_repeat looks the request id up among flights and intents. *out_done: the call is taken care of:
 * it waits for, or gets, what the first call got, or is refused because the id stands for something else. */
CS_RESULT cs_asking_repeat(struct cs_asking *a, bool *out_done);
/* cs_asking_judge judges; *out_admitted false: the refusal is recorded, and the call taken care of. */
CS_RESULT cs_asking_judge(struct cs_asking *a, bool *out_admitted);
/* cs_asking_sign appends the intent of an admitted case and opens its flight, or answers why not. */
CS_RESULT cs_asking_sign(struct cs_asking *a);
/* cs_asking_keep puts inline envelopes into the store, so that the record can be read for ever. chosen:
 * which; NULL: all. */
CS_RESULT cs_asking_keep(struct cs_asking *a, const bool *chosen);

#endif
