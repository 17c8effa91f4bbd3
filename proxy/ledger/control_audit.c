/* Verifying holds and recalls: the row, the envelope, and a statement that says what the entry says. */
#include "countersign/v1/envelope.pb-c.h"
#include "countersign/v1/statement.pb-c.h"
#include "proto/canonical.h"
#include "proxy/ledger/audit.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__V1__Statement statement_t;

enum { HOLD = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD };

/* NULL when the bytes are no envelope of a statement. */
static CS_RESULT statement_in(struct cs_audit *a, ProtobufCBinaryData digest, const statement_t **out)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_ENVELOPE_OF];
    bool row = false;
    const ProtobufCMessage *m = NULL;
    cs_bind_span(s, 1, cs_proto_span(digest));
    cs_result r = cs_audit_step(a, CS_AUDIT_ENVELOPE_OF, &row);
    if (cs_ok(r) && row)
        r = cs_proto_unpack(&countersign__v1__envelope__descriptor, cs_column_span(s, 0), &a->arena, &m);
    (void)sqlite3_reset(s);
    if (cs_ok(r) && m != NULL)
        r = cs_proto_unpack(&countersign__v1__statement__descriptor,
                            cs_proto_span(((const Countersign__V1__Envelope *)(const void *)m)->payload),
                            &a->arena, &m);
    if (!cs_ok(r) && !cs_is(r, CS_NUM_PROTO))
        return r;
    *out = cs_ok(r) ? (const statement_t *)(const void *)m : NULL;
    return CS_OK;
}

static bool says_the_same(const entry_t *e, const statement_t *s)
{
    if (s == NULL || s->header == NULL)
        return false;
    if ((int)e->body_case != HOLD)
        return s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_RECALL &&
               cs_span_eq(cs_proto_span(s->header->statement_id), cs_proto_span(e->recall->statement_id));
    bool placed = e->hold->action == COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_PLACED;
    return s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_HOLD &&
           s->hold->action == (placed ? COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE
                                      : COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_LIFT) &&
           cs_span_eq(cs_proto_span(s->hold->hold_id), cs_proto_span(e->hold->hold_id));
}

CS_RESULT cs_audit_control(struct cs_audit *a, const entry_t *e)
{
    bool is_hold = (int)e->body_case == HOLD;
    ProtobufCBinaryData digest = is_hold ? e->hold->evidence_sha256 : e->recall->evidence_sha256;
    CS_TRY(cs_audit_needs_put(a, e->seq, CS_AUDIT_EVIDENCE_PUT_OF, digest, "evidence"));
    if (!is_hold)
        CS_TRY(
            cs_audit_needs_put(a, e->seq, CS_AUDIT_STATEMENT_PUT_OF, e->recall->statement_id, "statement"));
    const statement_t *s = NULL;
    CS_TRY(statement_in(a, digest, &s));
    if (!says_the_same(e, s))
        return cs_audit_bad(a, e->seq, "its envelope does not hold the statement that it records");
    sqlite3_stmt *row_of = a->statement[CS_AUDIT_CONTROL_ROW];
    bool row = false;
    cs_bind_u64(row_of, 1, e->seq);
    cs_result r = cs_audit_step(a, CS_AUDIT_CONTROL_ROW, &row);
    bool fits = row && sqlite3_column_int64(row_of, 0) == (int64_t)e->body_case;
    (void)sqlite3_reset(row_of);
    CS_TRY(r);
    if (!fits)
        return cs_audit_bad(a, e->seq, "its control row is missing or says another kind");
    a->n_controls++;
    return CS_OK;
}
