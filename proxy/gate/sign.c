/* SignCertificate and EvaluateCertificate: one decision, with and without the key. */
#include "proto/canonical.h"
#include "proxy/gate/asking.h"

CS_RESULT cs_rpc_sign(struct cs_gate *g, struct cs_call *call)
{
    static const ProtobufCMessageDescriptor *const type =
        &countersign__v1__sign_certificate_request__descriptor;
    struct cs_asking a = { .gate = g, .call = call };
    const ProtobufCMessage *m;
    CS_TRY(cs_asking_read(&a, type, &m));
    if (m == NULL)
        return cs_asking_refuse_bytes(&a, type);
    const Countersign__V1__SignCertificateRequest *q = (const Countersign__V1__SignCertificateRequest *)m;
    a.request_id = cs_proto_span(q->request_id);
    a.ask = (struct cs_ask){ .issuer = cs_proto_span(q->issuer),
                             .tbs = cs_proto_span(q->tbs_certificate),
                             .order_id = cs_proto_span(q->order_id),
                             .n_evidence = q->n_evidence,
                             .evidence = q->evidence };
    struct cs_asking_fault fault = cs_asking_bounds(&a, true);
    if (fault.field != NULL)
        return cs_asking_refuse_fault(&a, &fault);
    bool done, admitted;
    CS_TRY(cs_asking_repeat(&a, &done));
    if (done)
        return CS_OK;
    CS_TRY(cs_asking_judge(&a, &admitted));
    return admitted ? cs_asking_sign(&a) : CS_OK;
}

CS_RESULT cs_rpc_evaluate(struct cs_gate *g, struct cs_call *call)
{
    struct cs_asking a = { .gate = g, .call = call };
    const ProtobufCMessage *m;
    CS_TRY(cs_asking_read(&a, &countersign__v1__evaluate_certificate_request__descriptor, &m));
    if (m == NULL)
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                "not a canonical EvaluateCertificateRequest");
    const Countersign__V1__EvaluateCertificateRequest *q =
        (const Countersign__V1__EvaluateCertificateRequest *)m;
    a.ask = (struct cs_ask){ .issuer = cs_proto_span(q->issuer),
                             .tbs = cs_proto_span(q->tbs_certificate),
                             .order_id = cs_proto_span(q->order_id),
                             .n_evidence = q->n_evidence,
                             .evidence = q->evidence };
    struct cs_asking_fault fault = cs_asking_bounds(&a, false);
    if (fault.field != NULL)
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                cs_arena_printf(call->arena, "%s: %s; needed: %s", fault.field, fault.found,
                                                fault.needed));
    CS_TRY(cs_judge_request(g, call, &a.ask, &a.judged));
    Countersign__V1__EvaluateCertificateResponse response;
    countersign__v1__evaluate_certificate_response__init(&response);
    CS_TRY(cs_report_verdict(&a.judged, call->arena, &response.verdict));
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&response.base, call->arena, &answer.response));
    if (answer.response.len > CS_ANSWER_MAX_LEN)
        return cs_answer_status(g, call->id, CS_GRPC_RESOURCE_EXHAUSTED,
                                "the verdict is larger than an answer may be");
    return cs_answer_now(g, call->id, &answer);
}
