/* Holds and recalls as the ledger tells them, up to some entry. */
#include "proto/canonical.h"
#include "proxy/gate/grounds.h"

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

static CS_RESULT load_lift(struct cs_stops *holds, const Countersign__Ledger__V1__Hold *m,
                           struct cs_stop_event *event, const Countersign__V1__Statement *s)
{
    struct cs_stop *hold = cs_stops_of_id(holds, cs_proto_span(m->hold_id));
    if (hold == NULL || !hold->in_force || s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_HOLD)
        return CS_ERR(STORE_CORRUPT);
    event->reason = cs_proto_span(s->hold->reason);
    return cs_stops_lift(holds, hold, event);
}

/* What stands in the ledger was verified when it was recorded; the policy of today has no say in it. */
static CS_RESULT load_one(struct cs_stops *holds, struct cs_stops *recalls, const struct cs_control_record *r,
                          struct cs_arena *arena)
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
        return cs_stops_place(recalls, payload, &event, NULL);
    }
    const Countersign__Ledger__V1__Hold *e = r->entry->hold;
    event_of_entry(r, e->n_operators, e->operators, e->evidence_sha256, payload, &event);
    if (e->action == COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_LIFTED)
        return load_lift(holds, e, &event, s);
    if (s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_HOLD)
        return CS_ERR(STORE_CORRUPT);
    event.reason = cs_proto_span(s->hold->reason);
    return cs_stops_place(holds, payload, &event, NULL);
}

CS_RESULT cs_stops_follow(struct cs_ledger *l, uint64_t before_seq, uint64_t *seq, struct cs_stops *holds,
                          struct cs_stops *recalls, struct cs_note *note)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    for (;;) {
        struct cs_control_record r;
        cs_arena_reset(&arena);
        cs_result got = cs_ledger_control_next(l, *seq, &arena, &r);
        if (cs_is(got, CS_NUM_NOT_FOUND))
            return CS_OK;
        if (cs_ok(got)) {
            if (r.entry->seq >= before_seq)
                return CS_OK;
            *seq = r.entry->seq;
            got = load_one(holds, recalls, &r, &arena);
        }
        if (!cs_ok(got)) {
            cs_note_set(note, "ledger: the hold or recall at or behind entry %llu cannot be read",
                        (unsigned long long)*seq);
            return cs_is(got, CS_NUM_PROTO) ? CS_ERR(STORE_CORRUPT) : got;
        }
        cs_stops_settle(holds, true);
        cs_stops_settle(recalls, true);
    }
}
