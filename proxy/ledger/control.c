/* Holds and recalls: entries that stop things, listed in a table of their own, so that a start finds them
 * at once. What they stop stands in the statement of their envelope. */
#include "proto/canonical.h"
#include "proxy/ledger/store.h"

typedef Countersign__Ledger__V1__Entry entry_t;

enum {
    HOLD = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD,
    RECALL = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL,
    INTENT = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT,
    OUTCOME = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME,
    SIGNED = COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED,
};

static bool common_holds(const ProtobufCMessage *m, const Countersign__Ledger__V1__Caller *caller,
                         ProtobufCBinaryData evidence, ProtobufCBinaryData id, size_t n_operators,
                         const ProtobufCBinaryData *operators)
{
    if (m->n_unknown_fields != 0 || caller == NULL || caller->base.n_unknown_fields != 0 ||
        caller->client.len == 0 || caller->client.len > CS_LEDGER_KEY_MAX_LEN)
        return false;
    if (evidence.len != CS_SHA256_LEN || id.len == 0 || id.len > CS_LEDGER_KEY_MAX_LEN || n_operators == 0)
        return false;
    for (size_t i = 0; i < n_operators; i++)
        if (operators[i].len == 0 || operators[i].len > CS_LEDGER_KEY_MAX_LEN)
            return false;
    return true;
}

bool cs_control_form(const entry_t *e)
{
    if ((int)e->body_case == HOLD) {
        const Countersign__Ledger__V1__Hold *m = e->hold;
        return (m->action == COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_PLACED ||
                m->action == COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_LIFTED) &&
               common_holds(&m->base, m->caller, m->evidence_sha256, m->hold_id, m->n_operators,
                            m->operators);
    }
    const Countersign__Ledger__V1__Recall *m = e->recall;
    return common_holds(&m->base, m->caller, m->evidence_sha256, m->statement_id, m->n_operators,
                        m->operators);
}

static ProtobufCBinaryData envelope_of(const entry_t *e)
{
    return (int)e->body_case == HOLD ? e->hold->evidence_sha256 : e->recall->evidence_sha256;
}

CS_RESULT cs_control_check(struct cs_ledger *l, const entry_t *e)
{
    bool known = false;
    CS_TRY(cs_evidence_known(l, cs_proto_span(envelope_of(e)), &known));
    if (known && (int)e->body_case == RECALL) {
        struct cs_sha256 payload;
        CS_TRY(cs_ledger_statement_get(l, cs_proto_span(e->recall->statement_id), &known, &payload));
    }
    return known ? CS_OK : CS_ERR(NOT_FOUND);
}

CS_RESULT cs_control_put(struct cs_ledger *l, const entry_t *e)
{
    sqlite3_stmt *s = l->statement[CS_SQL_CONTROL_PUT];
    cs_bind_u64(s, 1, e->seq);
    cs_bind_u64(s, 2, (uint64_t)e->body_case);
    return cs_turn_write(l, CS_SQL_CONTROL_PUT);
}

static CS_RESULT get_entry(struct cs_ledger *l, uint64_t seq, struct cs_arena *arena, const entry_t **out)
{
    struct cs_span bytes;
    const entry_t *e = NULL;
    cs_result r = cs_ledger_entry_get(l, seq, arena, &bytes);
    if (cs_is(r, CS_NUM_NOT_FOUND))
        return CS_ERR(STORE_CORRUPT);
    CS_TRY(r);
    CS_TRY(cs_entry_unpack(bytes, arena, &e));
    if (e->seq != seq)
        return CS_ERR(STORE_CORRUPT);
    *out = e;
    return CS_OK;
}

CS_RESULT cs_ledger_control_next(struct cs_ledger *l, uint64_t after_seq, struct cs_arena *arena,
                                 struct cs_control_record *out)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_CONTROL_NEXT];
    bool row = false;
    cs_bind_u64(s, 1, after_seq);
    CS_TRY(cs_query_step(l, s, &row));
    uint64_t seq = row ? cs_column_u64(s, 0) : 0;
    (void)sqlite3_reset(s);
    if (!row)
        return CS_ERR(NOT_FOUND);
    struct cs_control_record found;
    CS_TRY(get_entry(l, seq, arena, &found.entry));
    if ((int)found.entry->body_case != HOLD && (int)found.entry->body_case != RECALL)
        return CS_ERR(STORE_CORRUPT);
    struct cs_sha256 digest;
    memcpy(digest.byte, envelope_of(found.entry).data, sizeof digest.byte);
    cs_result r = cs_ledger_evidence_get(l, &digest, arena, &found.envelope);
    if (cs_is(r, CS_NUM_NOT_FOUND))
        return CS_ERR(STORE_CORRUPT);
    CS_TRY(r);
    *out = found;
    return CS_OK;
}

CS_RESULT cs_ledger_signed_get(struct cs_ledger *l, uint64_t intent_seq, struct cs_arena *arena,
                               struct cs_span *out_tbs, struct cs_span *out_signature)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_OUTCOME_GET];
    bool row = false;
    cs_bind_u64(s, 1, intent_seq);
    CS_TRY(cs_query_step(l, s, &row));
    uint64_t seq = row ? cs_column_u64(s, 0) : 0;
    int result = row ? sqlite3_column_int(s, 1) : 0;
    (void)sqlite3_reset(s);
    if (result != SIGNED)
        return CS_ERR(NOT_FOUND);
    const entry_t *intent = NULL, *outcome = NULL;
    CS_TRY(get_entry(l, intent_seq, arena, &intent));
    CS_TRY(get_entry(l, seq, arena, &outcome));
    if ((int)intent->body_case != INTENT || (int)outcome->body_case != OUTCOME)
        return CS_ERR(STORE_CORRUPT);
    *out_tbs = cs_proto_span(intent->intent->tbs);
    *out_signature = cs_proto_span(outcome->outcome->signature);
    return CS_OK;
}
