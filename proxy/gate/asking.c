#include "proxy/gate/asking.h"

#include "proto/canonical.h"

enum { REQUEST_ID_MIN_LEN = 16, REQUEST_ID_MAX_LEN = 64, EVIDENCE_MAX = CS_FACTS_EVIDENCE_MAX };

CS_RESULT cs_asking_read(struct cs_asking *a, const ProtobufCMessageDescriptor *type,
                         const ProtobufCMessage **out)
{
    const ProtobufCMessage *m = NULL;
    cs_result r = cs_proto_unpack(type, a->call->msg->request, a->call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    *out = cs_ok(r) ? m : NULL;
    return CS_OK;
}

struct cs_asking_fault cs_asking_bounds(const struct cs_asking *a, bool needs_request_id)
{
    struct cs_arena *arena = a->call->arena;
    if (needs_request_id &&
        (a->request_id.len < REQUEST_ID_MIN_LEN || a->request_id.len > REQUEST_ID_MAX_LEN))
        return (struct cs_asking_fault){ "request_id",
                                         cs_arena_printf(arena, "%zu octets", a->request_id.len),
                                         "16 to 64 octets" };
    if (a->ask.n_evidence > EVIDENCE_MAX)
        return (struct cs_asking_fault){ "evidence",
                                         cs_arena_printf(arena, "%zu envelopes", a->ask.n_evidence),
                                         "at most 1024 envelopes" };
    if (a->ask.order_id.len > CS_ORDER_ID_MAX_LEN)
        return (struct cs_asking_fault){ "order_id",
                                         cs_arena_printf(arena, "%zu octets", a->ask.order_id.len),
                                         "at most 64 octets" };
    return (struct cs_asking_fault){ NULL, NULL, NULL };
}

CS_RESULT cs_asking_refuse(struct cs_asking *a, const struct cs_verdict *v, uint32_t status,
                           const struct cs_judged *judged)
{
    Countersign__Ledger__V1__Entry *entry;
    uint64_t seq = 0;
    CS_TRY(cs_report_refusal_entry(a->call, a->gate->policy, v, judged, a->request_id, a->ask.issuer,
                                   a->ask.tbs, status, &entry));
    cs_result r = cs_ledger_append(a->gate->ledger, entry, &seq);
    if (!cs_ok(r))
        CS_TRY(cs_store_failed(a->gate, r));
    struct cs_msg_answer answer;
    CS_TRY(cs_report_refusal(v, status, a->request_id, seq, a->call->arena, &answer));
    return cs_answer_held(a->gate, a->call->id, &answer);
}

CS_RESULT cs_asking_refuse_one(struct cs_asking *a, enum cs_rule rule, uint32_t status, const char *subject,
                               const char *found, const char *needed)
{
    struct cs_verdict v = { .arena = a->call->arena };
    cs_verdict_add(&v, rule, subject, found, "%s", needed);
    return cs_asking_refuse(a, &v, status, NULL);
}

CS_RESULT cs_asking_refuse_fault(struct cs_asking *a, const struct cs_asking_fault *f)
{
    return cs_asking_refuse_one(a, CS_RULE_N03, CS_GRPC_INVALID_ARGUMENT, f->field, f->found, f->needed);
}

CS_RESULT cs_asking_refuse_bytes(struct cs_asking *a, const ProtobufCMessageDescriptor *type)
{
    return cs_asking_refuse_one(a, CS_RULE_N03, CS_GRPC_INVALID_ARGUMENT, "request",
                                cs_arena_printf(a->call->arena, "not a canonical %s", type->short_name),
                                "canonical protobuf: known fields, each once, in order, minimal");
}
