#include "proxy/ledger/store.h"

#include "proto/canonical.h"

typedef Countersign__Ledger__V1__Entry entry_t;

enum { NOT_SIGNED = COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED };

/* A request id may be used again only after every intent of it was closed as NOT_SIGNED. */
static CS_RESULT check_intent(struct cs_ledger *l, const entry_t *e)
{
    const Countersign__Ledger__V1__Intent *m = e->intent;
    sqlite3_stmt *s = l->statement[CS_SQL_REQUEST_GET];
    struct cs_span client = cs_proto_span(m->caller->client), request_id = cs_proto_span(m->request_id);
    struct cs_filter_key k = cs_filter_key(CS_LOOKUP_REQUEST, client, request_id);
    cs_bind_span(s, 1, client);
    cs_bind_span(s, 2, request_id);
    for (uint64_t g = 0; cs_filter_up(&l->by_seq, &k, &g); g++) {
        cs_bind_u64(s, 3, g);
        for (;;) {
            bool row = false;
            CS_TRY(cs_query_step(l, s, &row));
            if (!row)
                break;
            if (sqlite3_column_int(s, 1) != NOT_SIGNED) { /* NULL, an open intent, reads as 0 */
                (void)sqlite3_reset(s);
                return CS_ERR(EXISTS);
            }
        }
        (void)sqlite3_reset(s);
    }
    CS_TRY(cs_authorization_serves(l, e));
    return cs_evidence_all_known(l, m->n_evidence_sha256s, m->evidence_sha256s);
}

static CS_RESULT check_outcome(struct cs_ledger *l, const Countersign__Ledger__V1__Outcome *m)
{
    sqlite3_stmt *s = l->statement[CS_SQL_ENTRY_GET];
    bool row = false;
    cs_bind_u64(s, 1, m->intent_seq);
    CS_TRY(cs_query_step(l, s, &row));
    bool intent = row && cs_entry_case(cs_column_span(s, 0)) == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
    (void)sqlite3_reset(s);
    if (!intent)
        return CS_ERR(NOT_FOUND);
    s = l->statement[CS_SQL_OUTCOME_GET];
    cs_bind_u64(s, 1, m->intent_seq);
    CS_TRY(cs_query_step(l, s, &row));
    (void)sqlite3_reset(s);
    return row ? CS_ERR(EXISTS) : CS_OK;
}

static CS_RESULT check_deposit(struct cs_ledger *l, const Countersign__Ledger__V1__Deposit *m)
{
    CS_TRY(cs_evidence_all_known(l, 1, &m->evidence_sha256));
    bool known = false;
    struct cs_sha256 payload;
    CS_TRY(cs_ledger_statement_get(l, cs_proto_span(m->statement_id), &known, &payload));
    return known ? CS_OK : CS_ERR(NOT_FOUND);
}

CS_RESULT cs_index_check(struct cs_ledger *l, const entry_t *e)
{
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return check_intent(l, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME:
        return check_outcome(l, e->outcome);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        return check_deposit(l, e->deposit);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        return cs_authorization_check(l, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        return cs_control_check(l, e);
    default:
        return CS_OK;
    }
}

/* Before the row: the filter may say too much, never too little. */
static CS_RESULT tell_filter(struct cs_ledger *l, enum cs_lookup kind, uint64_t seq, ProtobufCBinaryData a,
                             ProtobufCBinaryData b)
{
    struct cs_filter_key k = cs_filter_key(kind, cs_proto_span(a), cs_proto_span(b));
    cs_result r = cs_filter_put(&l->by_seq, seq, &k);
    if (!cs_ok(r))
        cs_turn_fail(l); /* the entry's row is written already */
    return r;
}

static CS_RESULT put_use(struct cs_ledger *l, enum cs_statement id, ProtobufCBinaryData a,
                         ProtobufCBinaryData b, uint64_t seq, const Countersign__Ledger__V1__Intent *m)
{
    CS_TRY(tell_filter(l, id == CS_SQL_SERIAL_PUT ? CS_LOOKUP_SERIAL : CS_LOOKUP_ORDER, seq, a, b));
    sqlite3_stmt *s = l->statement[id];
    cs_bind_span(s, 1, cs_proto_span(a));
    cs_bind_span(s, 2, cs_proto_span(b));
    cs_bind_u64(s, 3, seq);
    cs_bind_u64(s, 4, (uint64_t)m->kind);
    cs_bind_span(s, 5, cs_proto_span(m->pair_sha256));
    return cs_turn_write(l, id);
}

static CS_RESULT put_intent(struct cs_ledger *l, uint64_t seq, const Countersign__Ledger__V1__Intent *m)
{
    static const ProtobufCBinaryData nothing = { 0 };
    sqlite3_stmt *s = l->statement[CS_SQL_REQUEST_PUT];
    CS_TRY(tell_filter(l, CS_LOOKUP_REQUEST, seq, m->caller->client, m->request_id));
    cs_bind_span(s, 1, cs_proto_span(m->caller->client));
    cs_bind_span(s, 2, cs_proto_span(m->request_id));
    cs_bind_u64(s, 3, seq);
    CS_TRY(cs_turn_write(l, CS_SQL_REQUEST_PUT));
    CS_TRY(put_use(l, CS_SQL_SERIAL_PUT, m->issuer, m->serial, seq, m));
    if (m->order_id.len != 0)
        CS_TRY(put_use(l, CS_SQL_ORDER_PUT, m->account, m->order_id, seq, m));
    if (m->authorization_seq != 0)
        CS_TRY(cs_authorization_spend(l, m));
    if (m->subject.len == 0)
        return CS_OK;
    CS_TRY(tell_filter(l, CS_LOOKUP_SUBJECT, seq, m->account, nothing));
    s = l->statement[CS_SQL_SUBJECT_PUT];
    cs_bind_span(s, 1, cs_proto_span(m->account));
    cs_bind_u64(s, 2, seq);
    return cs_turn_write(l, CS_SQL_SUBJECT_PUT);
}

CS_RESULT cs_index_put(struct cs_ledger *l, const entry_t *e)
{
    sqlite3_stmt *s;
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return put_intent(l, e->seq, e->intent);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME:
        s = l->statement[CS_SQL_OUTCOME_PUT];
        cs_bind_u64(s, 1, e->outcome->intent_seq);
        cs_bind_u64(s, 2, e->seq);
        cs_bind_u64(s, 3, (uint64_t)e->outcome->result);
        return cs_turn_write(l, CS_SQL_OUTCOME_PUT);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        CS_TRY(tell_filter(l, CS_LOOKUP_DEPOSIT, e->seq, e->deposit->evidence_sha256,
                           (ProtobufCBinaryData){ 0 }));
        s = l->statement[CS_SQL_DEPOSIT_PUT];
        cs_bind_span(s, 1, cs_proto_span(e->deposit->evidence_sha256));
        cs_bind_u64(s, 2, e->seq);
        return cs_turn_write(l, CS_SQL_DEPOSIT_PUT);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        return cs_authorization_put(l, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        return cs_control_put(l, e);
    default:
        return CS_OK;
    }
}
