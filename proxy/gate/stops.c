#include "proxy/gate/stops.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/gate/report.h"

typedef Countersign__Ledger__V1__Entry entry_t;

CS_RESULT cs_gate_load_stops(struct cs_gate *g, struct cs_note *note)
{
    uint64_t seq = 0;
    CS_TRY(cs_stops_follow(g->ledger, UINT64_MAX, &seq, &g->holds, &g->recalls, note));
    if (g->holds.n_in_force != 0 || g->recalls.n != 0)
        cs_log(CS_LOG_INFO, "stops_loaded", "%u holds in force, %u recalls", g->holds.n_in_force,
               g->recalls.n);
    return CS_OK;
}

void cs_gate_settle_stops(struct cs_gate *g, bool committed)
{
    bool changed = g->holds.n_journal != 0 || g->recalls.n_journal != 0;
    cs_stops_settle(&g->holds, committed);
    cs_stops_settle(&g->recalls, committed);
    if (changed)
        cs_log(CS_LOG_WARNING, committed ? "stops_changed" : "stops_taken_back",
               "%u holds in force, %u recalls", g->holds.n_in_force, g->recalls.n);
}

/* ---- one call with an operators' statement ---- */

CS_RESULT cs_stopping_open(struct cs_stopping *s, const Countersign__V1__Envelope *envelope, int body_case,
                           bool *out_admitted)
{
    struct cs_arena *arena = s->call->arena;
    uint32_t trials_left = CS_GATE_TRIALS_MAX;
    const struct cs_evidence_context context = { .policy = s->gate->policy,
                                                 .now_unix_s = cs_clock_unix_s(),
                                                 .cache = s->gate->cache,
                                                 .trials_left = &trials_left };
    struct cs_span bytes;
    CS_TRY(cs_proto_pack(&envelope->base, arena, &bytes));
    bool admitted;
    CS_TRY(cs_evidence_admit(&context, bytes, "statement", arena, &s->verdict, &admitted, &s->evidence));
    *out_admitted = false;
    if (!admitted)
        return CS_OK;
    s->payload = cs_proto_span(envelope->payload);
    if ((int)s->evidence.statement->body_case != body_case)
        cs_verdict_add(&s->verdict, CS_RULE_E01, "statement", cs_statement_kind_name(s->evidence.statement),
                       "a %s statement",
                       body_case == COUNTERSIGN__V1__STATEMENT__BODY_HOLD ? "hold" : "recall");
    CS_TRY(cs_evidence_is_unique(s->gate, NULL, 0, &s->evidence, &s->verdict));
    *out_admitted = cs_verdict_admits(&s->verdict);
    return CS_OK;
}

CS_RESULT cs_stopping_refuse(struct cs_stopping *s, uint32_t status)
{
    const struct cs_span none = { 0 };
    entry_t *entry;
    uint64_t seq = 0;
    CS_TRY(cs_report_refusal_entry(s->call, s->gate->policy, &s->verdict, NULL, none, none, none, status,
                                   &entry));
    cs_result r = cs_ledger_append(s->gate->ledger, entry, &seq);
    if (!cs_ok(r))
        CS_TRY(cs_store_failed(s->gate, r));
    struct cs_msg_answer answer;
    CS_TRY(cs_report_refusal(&s->verdict, status, none, seq, s->call->arena, &answer));
    return cs_answer_held(s->gate, s->call->id, &answer);
}

CS_RESULT cs_stopping_refuse_request(struct cs_stopping *s, const char *found, const char *needed)
{
    cs_verdict_add(&s->verdict, CS_RULE_N03, "request", found, "%s", needed);
    return cs_stopping_refuse(s, CS_GRPC_INVALID_ARGUMENT);
}

void cs_stopping_event(const struct cs_stopping *s, struct cs_span reason, struct cs_stop_event *out)
{
    *out = (struct cs_stop_event){ .at_unix_s = cs_clock_unix_s(),
                                   .evidence_sha256 = s->evidence.digest,
                                   .payload_sha256 = s->evidence.payload_sha256,
                                   .reason = reason };
    for (uint32_t i = 0; i < s->evidence.n_signers && i < CS_STOP_OPERATORS_MAX; i++)
        out->operator[out->n_operators++] = s->gate->policy->attester[s->evidence.signer[i]].name;
}

CS_RESULT cs_stopping_operators(const struct cs_stopping *s, size_t *out_n, ProtobufCBinaryData **out)
{
    ProtobufCBinaryData *names = cs_arena_get(s->call->arena, s->evidence.n_signers * sizeof *names);
    if (names == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < s->evidence.n_signers; i++)
        names[i] = cs_proto_bytes(s->gate->policy->attester[s->evidence.signer[i]].name);
    *out_n = s->evidence.n_signers;
    *out = names;
    return CS_OK;
}

static CS_RESULT keep_and_append(struct cs_stopping *s, entry_t *entry, uint64_t *out_seq)
{
    struct cs_ledger *l = s->gate->ledger;
    CS_TRY(cs_ledger_evidence_put(l, &s->evidence.digest, s->evidence.envelope));
    CS_TRY(cs_ledger_statement_put(l, cs_proto_span(s->evidence.statement->header->statement_id),
                                   &s->evidence.payload_sha256));
    return cs_ledger_append(l, entry, out_seq);
}

CS_RESULT cs_stopping_record(struct cs_stopping *s, entry_t *entry, struct cs_stop_event *event)
{
    uint64_t seq = 0;
    cs_result r = keep_and_append(s, entry, &seq);
    if (cs_class(r) == CS_CLASS_BUSY || cs_class(r) == CS_CLASS_BUG || cs_class(r) == CS_CLASS_CALLER)
        return r;
    if (!cs_ok(r))
        return cs_store_failed(s->gate, r);
    event->seq = seq;
    event->at_unix_s = entry->time_unix_us / 1000000;
    return CS_OK;
}

CS_RESULT cs_stopping_answer(struct cs_stopping *s, const ProtobufCMessage *response)
{
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(response, s->call->arena, &answer.response));
    return cs_answer_held(s->gate, s->call->id, &answer);
}
