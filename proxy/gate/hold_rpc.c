/* PlaceHold, LiftHold, ListHolds: one operator stops, the quorum lets go. */
#include "countersign/v1/hold_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/gate/report.h"
#include "proxy/gate/stops.h"

enum { LIST_MAX_LEN = CS_ANSWER_MAX_LEN - 128 * 1024 };

typedef Countersign__V1__Hold hold_t;

static const char *show_hold(const struct cs_stopping *s, const hold_t *h)
{
    return cs_arena_printf(s->call->arena, "hold:%s",
                           cs_show_text(s->call->arena, cs_proto_span(h->hold_id)));
}

static bool same_payload(const struct cs_stopping *s, const struct cs_stop_event *e)
{
    return cs_span_eq(cs_sha256_span(&s->evidence.payload_sha256), cs_sha256_span(&e->payload_sha256));
}

/* Appends the entry; what it says of itself goes to *event, which belongs to the stop in memory. */
static CS_RESULT record(struct cs_stopping *s, int action, struct cs_stop_event *event)
{
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__Hold m;
    countersign__ledger__v1__entry__init(&entry);
    countersign__ledger__v1__hold__init(&m);
    m.evidence_sha256 = cs_proto_bytes(cs_sha256_span(&s->evidence.digest));
    m.hold_id = s->evidence.statement->hold->hold_id;
    m.action = (Countersign__Ledger__V1__HoldAction)action;
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD;
    entry.hold = &m;
    cs_result r = cs_report_caller(s->call, &m.caller);
    if (cs_ok(r))
        r = cs_stopping_operators(s, &m.n_operators, &m.operators);
    if (cs_ok(r))
        r = cs_stopping_record(s, &entry, event);
    if (!cs_ok(r))
        cs_stops_take_back(&s->gate->holds);
    return r;
}

/* ---- placing ---- */

static CS_RESULT answer_placed(struct cs_stopping *s, uint64_t seq, bool known)
{
    Countersign__V1__PlaceHoldResponse m;
    countersign__v1__place_hold_response__init(&m);
    m.hold_id = s->evidence.statement->hold->hold_id;
    m.ledger_entry = seq;
    m.already_known = known;
    return cs_stopping_answer(s, &m.base);
}

static CS_RESULT place(struct cs_stopping *s)
{
    struct cs_stops *holds = &s->gate->holds;
    const hold_t *h = s->evidence.statement->hold;
    if (h->action != COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE) {
        cs_verdict_add(&s->verdict, CS_RULE_E01, "statement", "a hold statement that lifts",
                       "a hold statement that places");
        return cs_stopping_refuse(s, CS_GRPC_FAILED_PRECONDITION);
    }
    const struct cs_stop *old = cs_stops_of_id(holds, cs_proto_span(h->hold_id));
    if (old != NULL && same_payload(s, &old->placed))
        return answer_placed(s, old->placed.seq, true);
    if (old != NULL) {
        cs_verdict_add(&s->verdict, CS_RULE_E06, show_hold(s, h),
                       cs_arena_printf(s->call->arena, "ledger entry %llu placed another hold under this id",
                                       (unsigned long long)old->placed.seq),
                       "an id that no other hold has used");
        return cs_stopping_refuse(s, CS_GRPC_ALREADY_EXISTS);
    }
    struct cs_stop_event event;
    struct cs_stop *new;
    cs_stopping_event(s, cs_proto_span(h->reason), &event);
    CS_TRY(cs_stops_place(holds, s->payload, &event, &new));
    CS_TRY(record(s, COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_PLACED, &new->placed));
    return answer_placed(s, new->placed.seq, false);
}

/* ---- lifting ---- */

/* Signers are different keys already; keys of one person count once, as far as the policy names people. */
static uint32_t people_of(const struct cs_stopping *s)
{
    const struct cs_policy *p = s->gate->policy;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->evidence.n_signers; i++) {
        struct cs_span person = p->attester[s->evidence.signer[i]].person;
        bool again = false;
        for (uint32_t k = 0; k < i && person.len != 0 && !again; k++)
            again = cs_span_eq(person, p->attester[s->evidence.signer[k]].person);
        n += !again;
    }
    return n;
}

static CS_RESULT answer_lifted(struct cs_stopping *s, uint64_t seq, bool known)
{
    Countersign__V1__LiftHoldResponse m;
    countersign__v1__lift_hold_response__init(&m);
    m.hold_id = s->evidence.statement->hold->hold_id;
    m.ledger_entry = seq;
    m.already_known = known;
    return cs_stopping_answer(s, &m.base);
}

/* 0 when the statement may lift; else the status to refuse with, and the reason is on the verdict. */
static uint32_t why_not_lift(struct cs_stopping *s, const hold_t *h, const struct cs_stop *hold)
{
    struct cs_arena *arena = s->call->arena;
    uint32_t people = people_of(s), quorum = s->gate->policy->holds.lift_quorum;
    if (h->action != COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_LIFT) {
        cs_verdict_add(&s->verdict, CS_RULE_E01, "statement", "a hold statement that places",
                       "a hold statement that lifts");
        return CS_GRPC_FAILED_PRECONDITION;
    }
    if (people < quorum) {
        cs_verdict_add(&s->verdict, CS_RULE_E03, show_hold(s, h),
                       cs_arena_printf(arena, "%u signatures by %u different operators",
                                       s->evidence.n_signers, people),
                       "signatures of %u different operators: different keys and, where the policy names "
                       "them, different people",
                       quorum);
        return CS_GRPC_FAILED_PRECONDITION;
    }
    if (hold == NULL) {
        cs_verdict_add(&s->verdict, CS_RULE_N03, show_hold(s, h), "no hold has this id", "the id of a hold");
        return CS_GRPC_NOT_FOUND;
    }
    if (!hold->in_force && !same_payload(s, &hold->lifted)) {
        cs_verdict_add(&s->verdict, CS_RULE_N03, show_hold(s, h),
                       cs_arena_printf(arena, "ledger entry %llu lifted it",
                                       (unsigned long long)hold->lifted.seq),
                       "a hold that is in force");
        return CS_GRPC_FAILED_PRECONDITION;
    }
    return CS_GRPC_OK;
}

static CS_RESULT lift(struct cs_stopping *s)
{
    struct cs_stops *holds = &s->gate->holds;
    const hold_t *h = s->evidence.statement->hold;
    struct cs_stop *hold = cs_stops_of_id(holds, cs_proto_span(h->hold_id));
    uint32_t status = why_not_lift(s, h, hold);
    if (status != CS_GRPC_OK || hold == NULL)
        return cs_stopping_refuse(s, status);
    if (!hold->in_force)
        return answer_lifted(s, hold->lifted.seq, true);
    struct cs_stop_event event;
    cs_stopping_event(s, cs_proto_span(h->reason), &event);
    CS_TRY(cs_stops_lift(holds, hold, &event));
    CS_TRY(record(s, COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_LIFTED, &hold->lifted));
    return answer_lifted(s, hold->lifted.seq, false);
}

/* ---- the calls ---- */

static CS_RESULT open_and(struct cs_stopping *s, bool canonical, const Countersign__V1__Envelope *statement,
                          cs_result (*act)(struct cs_stopping *))
{
    if (statement == NULL)
        return cs_stopping_refuse_request(s, canonical ? "no statement" : "not a canonical request",
                                          "canonical protobuf with the envelope of a Hold statement");
    bool admitted;
    CS_TRY(cs_stopping_open(s, statement, COUNTERSIGN__V1__STATEMENT__BODY_HOLD, &admitted));
    return admitted ? act(s) : cs_stopping_refuse(s, CS_GRPC_FAILED_PRECONDITION);
}

CS_RESULT cs_rpc_place_hold(struct cs_gate *g, struct cs_call *call)
{
    struct cs_stopping s = { .gate = g, .call = call, .verdict = { .arena = call->arena } };
    const ProtobufCMessage *m;
    cs_result r = cs_proto_unpack(&countersign__v1__place_hold_request__descriptor, call->msg->request,
                                  call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    return open_and(&s, cs_ok(r),
                    cs_ok(r) ? ((const Countersign__V1__PlaceHoldRequest *)(const void *)m)->statement : NULL,
                    place);
}

CS_RESULT cs_rpc_lift_hold(struct cs_gate *g, struct cs_call *call)
{
    struct cs_stopping s = { .gate = g, .call = call, .verdict = { .arena = call->arena } };
    const ProtobufCMessage *m;
    cs_result r =
        cs_proto_unpack(&countersign__v1__lift_hold_request__descriptor, call->msg->request, call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    return open_and(&s, cs_ok(r),
                    cs_ok(r) ? ((const Countersign__V1__LiftHoldRequest *)(const void *)m)->statement : NULL,
                    lift);
}

static CS_RESULT event_message(const struct cs_stop_event *e, struct cs_arena *arena,
                               Countersign__V1__HoldEvent **out)
{
    Countersign__V1__HoldEvent *m = cs_arena_get(arena, sizeof *m);
    ProtobufCBinaryData *names = cs_arena_get(arena, (e->n_operators + 1) * sizeof *names);
    if (m == NULL || names == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__hold_event__init(m);
    m->ledger_entry = e->seq;
    m->at_unix_s = e->at_unix_s;
    for (uint32_t i = 0; i < e->n_operators; i++)
        names[m->n_operators++] = cs_proto_bytes(e->operator[i]);
    m->operators = names;
    m->evidence_sha256 = cs_proto_bytes(cs_sha256_span(&e->evidence_sha256));
    m->reason = cs_proto_bytes(e->reason);
    *out = m;
    return CS_OK;
}

static CS_RESULT record_message(const struct cs_stop *s, struct cs_arena *arena,
                                Countersign__V1__HoldRecord **out)
{
    Countersign__V1__HoldRecord *m = cs_arena_get(arena, sizeof *m);
    if (m == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__hold_record__init(m);
    m->hold_id = s->statement->hold->hold_id;
    m->selector = s->statement->hold->selector;
    m->reason = s->statement->hold->reason;
    CS_TRY(event_message(&s->placed, arena, &m->placed));
    if (!s->in_force)
        CS_TRY(event_message(&s->lifted, arena, &m->lifted));
    *out = m;
    return CS_OK;
}

/* What this turn placed stands in it too: the answer waits for the commit like theirs. */
CS_RESULT cs_rpc_list_holds(struct cs_gate *g, struct cs_call *call)
{
    struct cs_stopping s = { .gate = g, .call = call, .verdict = { .arena = call->arena } };
    const ProtobufCMessage *m;
    if (!cs_ok(cs_proto_unpack(&countersign__v1__list_holds_request__descriptor, call->msg->request,
                               call->arena, &m)))
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT, "not a canonical ListHoldsRequest");
    const Countersign__V1__ListHoldsRequest *q = (const Countersign__V1__ListHoldsRequest *)(const void *)m;
    Countersign__V1__ListHoldsResponse out;
    countersign__v1__list_holds_response__init(&out);
    out.n_in_force = g->holds.n_in_force;
    out.holds = cs_arena_get(call->arena, (g->holds.n + 1) * sizeof *out.holds);
    if (out.holds == NULL)
        return CS_ERR(NO_MEMORY);
    size_t len = 0;
    for (uint32_t i = 0; i < g->holds.n; i++) {
        const struct cs_stop *h = g->holds.stop[i];
        if (h->placed.seq <= q->after_entry || (!h->in_force && !q->include_lifted))
            continue;
        Countersign__V1__HoldRecord *row;
        CS_TRY(record_message(h, call->arena, &row));
        len += protobuf_c_message_get_packed_size(&row->base) + 8;
        if (len > LIST_MAX_LEN && out.n_holds != 0) {
            out.next_after_entry = out.holds[out.n_holds - 1]->placed->ledger_entry;
            break;
        }
        out.holds[out.n_holds++] = row;
    }
    return cs_stopping_answer(&s, &out.base);
}
