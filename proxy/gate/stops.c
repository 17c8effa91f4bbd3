#include "proxy/gate/stops.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/gate/report.h"

typedef Countersign__Ledger__V1__Entry entry_t;

/* ---- loading ---- */

static void event_of_entry(const struct cs_control_record *r, size_t n_operators,
                           const ProtobufCBinaryData *operators, ProtobufCBinaryData digest,
                           struct cs_span payload, struct cs_stop_event *out)
{
    *out = (struct cs_stop_event){ .seq = r->entry->seq,
                                   .at_unix_s = r->entry->time_unix_us / 1000000,
                                   .payload_sha256 = cs_sha256(payload) };
    memcpy(out->evidence_sha256.byte, digest.data, sizeof out->evidence_sha256.byte);
    for (size_t i = 0; i < n_operators && i < CS_STOP_OPERATORS_MAX; i++)
        out->operator[out->n_operators++] = cs_proto_span(operators[i]);
}

static CS_RESULT load_lift(struct cs_gate *g, const Countersign__Ledger__V1__Hold *m,
                           struct cs_stop_event *event, const Countersign__V1__Statement *s)
{
    struct cs_stop *hold = cs_stops_of_id(&g->holds, cs_proto_span(m->hold_id));
    if (hold == NULL || !hold->in_force || s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_HOLD)
        return CS_ERR(STORE_CORRUPT);
    event->reason = cs_proto_span(s->hold->reason);
    return cs_stops_lift(&g->holds, hold, event);
}

/* What stands in the ledger was verified when it was recorded; the policy of today has no say in it. */
static CS_RESULT load_one(struct cs_gate *g, const struct cs_control_record *r, struct cs_arena *arena)
{
    const ProtobufCMessage *m;
    CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, r->envelope, arena, &m));
    struct cs_span payload = cs_proto_span(((const Countersign__V1__Envelope *)(const void *)m)->payload);
    CS_TRY(cs_proto_unpack(&countersign__v1__statement__descriptor, payload, arena, &m));
    const Countersign__V1__Statement *s = (const Countersign__V1__Statement *)(const void *)m;
    struct cs_stop_event event;
    if (r->entry->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL) {
        const Countersign__Ledger__V1__Recall *e = r->entry->recall;
        event_of_entry(r, e->n_operators, e->operators, e->evidence_sha256, payload, &event);
        if (s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_RECALL)
            return CS_ERR(STORE_CORRUPT);
        event.reason = cs_proto_span(s->recall->reason);
        return cs_stops_place(&g->recalls, payload, &event, NULL);
    }
    const Countersign__Ledger__V1__Hold *e = r->entry->hold;
    event_of_entry(r, e->n_operators, e->operators, e->evidence_sha256, payload, &event);
    if (e->action == COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_LIFTED)
        return load_lift(g, e, &event, s);
    if (s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_HOLD)
        return CS_ERR(STORE_CORRUPT);
    event.reason = cs_proto_span(s->hold->reason);
    return cs_stops_place(&g->holds, payload, &event, NULL);
}

CS_RESULT cs_gate_load_stops(struct cs_gate *g, struct cs_note *note)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    for (uint64_t seq = 0;;) {
        struct cs_control_record r;
        cs_arena_reset(&arena);
        cs_result got = cs_ledger_control_next(g->ledger, seq, &arena, &r);
        if (cs_is(got, CS_NUM_NOT_FOUND))
            break;
        if (cs_ok(got)) {
            seq = r.entry->seq;
            got = load_one(g, &r, &arena);
        }
        if (!cs_ok(got)) {
            cs_note_set(note, "ledger: the hold or recall at or behind entry %llu cannot be read",
                        (unsigned long long)seq);
            return cs_is(got, CS_NUM_PROTO) ? CS_ERR(STORE_CORRUPT) : got;
        }
        cs_stops_settle(&g->holds, true);
        cs_stops_settle(&g->recalls, true);
    }
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

/* ---- what the facts need ---- */

CS_RESULT cs_recall_on(const struct cs_gate *g, const struct cs_evidence *e, struct cs_arena *arena,
                       const struct cs_stop **out)
{
    *out = NULL;
    if (g->recalls.n == 0)
        return CS_OK;
    struct cs_span *names = cs_arena_get(arena, CS_SIGNATURES_MAX * sizeof *names);
    if (names == NULL)
        return CS_ERR(NO_MEMORY);
    struct cs_attested a = { .statement = e->statement, .payload_sha256 = e->payload_sha256 };
    for (uint32_t i = 0; i < e->n_signers && i < CS_SIGNATURES_MAX; i++)
        names[a.attesters.n++] = g->policy->attester[e->signer[i]].name;
    a.attesters.at = names;
    *out = cs_stops_on_evidence(&g->recalls, &a);
    return CS_OK;
}

static CS_RESULT issued_digest(struct cs_gate *g, struct cs_arena *arena, uint64_t seq,
                               struct cs_sha256 out[2], uint32_t *n)
{
    struct cs_span tbs, signature;
    if (seq == 0)
        return CS_OK;
    cs_result r = cs_ledger_signed_get(g->ledger, seq, arena, &tbs, &signature);
    if (cs_is(r, CS_NUM_NOT_FOUND))
        return CS_OK; /* no signature on record, so no certificate with a digest */
    CS_TRY(r);
    struct cs_tbs *view = cs_arena_get(arena, sizeof *view);
    if (view == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_tbs_parse(tbs, view, NULL));
    CS_AUTO_BUF struct cs_buf certificate = { .max = 2 * CS_TBS_MAX_LEN };
    cs_certificate_put(&certificate, tbs, view->signature, signature);
    CS_TRY(cs_buf_end(&certificate));
    out[(*n)++] = cs_sha256(cs_buf_span(&certificate));
    return CS_OK;
}

CS_RESULT cs_issued_digests(struct cs_gate *g, struct cs_arena *arena, const struct cs_use *use,
                            struct cs_sha256 out[2], uint32_t *out_n)
{
    *out_n = 0;
    if (g->holds.n_in_force == 0 || !cs_stops_name_certificates(&g->holds))
        return CS_OK;
    CS_TRY(issued_digest(g, arena, use->precertificate_seq, out, out_n));
    return issued_digest(g, arena, use->certificate_seq, out, out_n);
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
