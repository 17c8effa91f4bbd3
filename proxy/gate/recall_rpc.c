/* RecallEvidence: one operator withdraws evidence, at once and for good. */
#include "countersign/v1/evidence_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/gate/report.h"
#include "proxy/gate/stops.h"

static CS_RESULT answer(struct cs_stopping *s, uint64_t seq, bool known)
{
    Countersign__V1__RecallEvidenceResponse m;
    countersign__v1__recall_evidence_response__init(&m);
    m.statement_id = s->evidence.statement->header->statement_id;
    m.ledger_entry = seq;
    m.already_known = known;
    return cs_stopping_answer(s, &m.base);
}

static CS_RESULT recall(struct cs_stopping *s)
{
    const Countersign__V1__Header *h = s->evidence.statement->header;
    struct cs_stops *recalls = &s->gate->recalls;
    /* statement ids are unique, so what is found is this very statement */
    struct cs_stop *old = cs_stops_of_id(recalls, cs_proto_span(h->statement_id));
    if (old != NULL)
        return answer(s, old->placed.seq, true);
    struct cs_stop_event event;
    struct cs_stop *new;
    cs_stopping_event(s, cs_proto_span(s->evidence.statement->recall->reason), &event);
    CS_TRY(cs_stops_place(recalls, s->payload, &event, &new));
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__Recall m;
    countersign__ledger__v1__entry__init(&entry);
    countersign__ledger__v1__recall__init(&m);
    m.evidence_sha256 = cs_proto_bytes(cs_sha256_span(&s->evidence.digest));
    m.statement_id = h->statement_id;
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL;
    entry.recall = &m;
    cs_result r = cs_report_caller(s->call, &m.caller);
    if (cs_ok(r))
        r = cs_stopping_operators(s, &m.n_operators, &m.operators);
    if (cs_ok(r))
        r = cs_stopping_record(s, &entry, &new->placed);
    if (!cs_ok(r)) {
        cs_stops_take_back(recalls);
        return r;
    }
    return answer(s, new->placed.seq, false);
}

CS_RESULT cs_rpc_recall(struct cs_gate *g, struct cs_call *call)
{
    struct cs_stopping s = { .gate = g, .call = call, .verdict = { .arena = call->arena } };
    const ProtobufCMessage *m;
    cs_result r = cs_proto_unpack(&countersign__v1__recall_evidence_request__descriptor, call->msg->request,
                                  call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    const Countersign__V1__RecallEvidenceRequest *q =
        cs_ok(r) ? (const Countersign__V1__RecallEvidenceRequest *)(const void *)m : NULL;
    if (q == NULL || q->statement == NULL)
        return cs_stopping_refuse_request(&s,
                                          q == NULL ? "not a canonical RecallEvidenceRequest"
                                                    : "no statement",
                                          "canonical protobuf with the envelope of a Recall statement");
    bool admitted;
    CS_TRY(cs_stopping_open(&s, q->statement, COUNTERSIGN__V1__STATEMENT__BODY_RECALL, &admitted));
    return admitted ? recall(&s) : cs_stopping_refuse(&s, CS_GRPC_FAILED_PRECONDITION);
}
