#include "proto/canonical.h"
#include "proxy/ledger/store.h"

typedef Countersign__Ledger__V1__Entry entry_t;

enum {
    SIGNED = COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED,
    NOT_SIGNED = COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED,
};

CS_RESULT cs_ledger_entry_get(struct cs_ledger *l, uint64_t seq, struct cs_arena *arena,
                              struct cs_span *out_entry)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_ENTRY_GET];
    bool row = false;
    cs_bind_u64(s, 1, seq);
    CS_TRY(cs_query_step(l, s, &row));
    struct cs_span there = row ? cs_column_span(s, 0) : cs_span_of(NULL, 0);
    struct cs_span copy = cs_arena_span(arena, there);
    bool whole = copy.len == there.len;
    (void)sqlite3_reset(s);
    if (!row)
        return CS_ERR(NOT_FOUND);
    if (!whole)
        return CS_ERR(NO_MEMORY);
    *out_entry = copy;
    return CS_OK;
}

CS_RESULT cs_entry_of_index(struct cs_ledger *l, uint64_t seq, int body_case, struct cs_arena *arena,
                            const entry_t **out)
{
    struct cs_span bytes;
    const entry_t *e = NULL;
    cs_result r = cs_ledger_entry_get(l, seq, arena, &bytes);
    if (cs_is(r, CS_NUM_NOT_FOUND))
        return CS_ERR(STORE_CORRUPT);
    CS_TRY(r);
    CS_TRY(cs_entry_unpack(bytes, arena, &e));
    if (e->seq != seq || (int)e->body_case != body_case)
        return CS_ERR(STORE_CORRUPT);
    *out = e;
    return CS_OK;
}

/* The newest intent of the request that counts: its sequence and its outcome's, or zeros. */
static CS_RESULT counting_intent(struct cs_ledger *l, struct cs_span client, struct cs_span request_id,
                                 uint64_t *out_seq, int *out_result, uint64_t *out_outcome_seq)
{
    sqlite3_stmt *s = l->statement[CS_SQL_REQUEST_GET];
    struct cs_filter_key k = cs_filter_key(CS_LOOKUP_REQUEST, client, request_id);
    cs_bind_span(s, 1, client);
    cs_bind_span(s, 2, request_id);
    *out_seq = 0;
    for (uint64_t g = cs_filter_end(&l->by_seq); *out_seq == 0 && cs_filter_down(&l->by_seq, &k, &g); g--) {
        cs_bind_u64(s, 3, g);
        for (bool row = true; row && *out_seq == 0;) {
            CS_TRY(cs_query_step(l, s, &row));
            int result = row ? sqlite3_column_int(s, 1) : 0;
            if (!row || result == NOT_SIGNED)
                continue;
            *out_seq = cs_column_u64(s, 0);
            *out_result = result;
            *out_outcome_seq = cs_column_u64(s, 2);
        }
        (void)sqlite3_reset(s);
        if (g == 0)
            break;
    }
    return CS_OK;
}

CS_RESULT cs_ledger_request_get(struct cs_ledger *l, struct cs_span client, struct cs_span request_id,
                                struct cs_arena *arena, struct cs_intent_view *out)
{
    CS_TRY(cs_usable(l));
    uint64_t seq = 0, outcome_seq = 0;
    int result = 0;
    CS_TRY(counting_intent(l, client, request_id, &seq, &result, &outcome_seq));
    struct cs_intent_view view = { .state = CS_INTENT_NONE };
    if (seq == 0) {
        *out = view;
        return CS_OK;
    }
    const entry_t *e = NULL;
    CS_TRY(cs_entry_of_index(l, seq, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT, arena, &e));
    const Countersign__Ledger__V1__Intent *m = e->intent;
    if (!cs_span_eq(cs_proto_span(m->caller->client), client) ||
        !cs_span_eq(cs_proto_span(m->request_id), request_id))
        return CS_ERR(STORE_CORRUPT);
    view.seq = seq;
    view.tbs_sha256 = cs_sha256(cs_proto_span(m->tbs));
    view.issuer = cs_proto_span(m->issuer);
    view.tbs = cs_proto_span(m->tbs);
    if (outcome_seq == 0) {
        view.state = CS_INTENT_OPEN;
    } else {
        CS_TRY(cs_entry_of_index(l, outcome_seq, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME, arena, &e));
        if (e->outcome->intent_seq != seq || (int)e->outcome->result != result)
            return CS_ERR(STORE_CORRUPT);
        bool is_signed = result == SIGNED;
        view.outcome_seq = outcome_seq;
        view.state = is_signed ? CS_INTENT_SIGNED : CS_INTENT_UNKNOWN;
        if (is_signed)
            view.signature = cs_proto_span(e->outcome->signature);
    }
    *out = view;
    return CS_OK;
}

static CS_RESULT time_of(struct cs_ledger *l, uint64_t seq, int64_t *out_unix_us)
{
    sqlite3_stmt *s = l->statement[CS_SQL_ENTRY_GET];
    bool row = false;
    cs_bind_u64(s, 1, seq);
    CS_TRY(cs_query_step(l, s, &row));
    bool read = row && cs_entry_time(cs_column_span(s, 0), out_unix_us);
    (void)sqlite3_reset(s);
    return read ? CS_OK : CS_ERR(STORE_CORRUPT);
}

static CS_RESULT add_use(struct cs_ledger *l, sqlite3_stmt *s, struct cs_use *io)
{
    struct cs_use use = *io;
    for (;;) {
        bool row = false;
        CS_TRY(cs_query_step(l, s, &row));
        if (!row)
            break;
        if (sqlite3_column_int(s, 3) == NOT_SIGNED)
            continue;
        bool pre = sqlite3_column_int(s, 1) == COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
        uint64_t *seq = pre ? &use.precertificate_seq : &use.certificate_seq;
        if (*seq != 0)
            continue; /* the first one counts */
        *seq = cs_column_u64(s, 0);
        if (pre)
            use.precertificate_signed = sqlite3_column_int(s, 3) == SIGNED;
        if ((pre || use.precertificate_seq == 0) && !cs_column_sha256(s, 2, &use.pair_sha256)) {
            (void)sqlite3_reset(s);
            return CS_ERR(STORE_CORRUPT);
        }
    }
    (void)sqlite3_reset(s);
    *io = use;
    return CS_OK;
}

static CS_RESULT get_use(struct cs_ledger *l, enum cs_statement id, struct cs_span a, struct cs_span b,
                         struct cs_use *out)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[id];
    struct cs_use use = { 0 };
    struct cs_filter_key k =
        cs_filter_key(id == CS_SQL_SERIAL_GET ? CS_LOOKUP_SERIAL : CS_LOOKUP_ORDER, a, b);
    cs_bind_span(s, 1, a);
    cs_bind_span(s, 2, b);
    for (uint64_t g = 0; cs_filter_up(&l->by_seq, &k, &g); g++) { /* the first one counts */
        cs_bind_u64(s, 3, g);
        CS_TRY(add_use(l, s, &use));
    }
    if (use.precertificate_seq != 0)
        CS_TRY(time_of(l, use.precertificate_seq, &use.precertificate_unix_us));
    *out = use;
    return CS_OK;
}

CS_RESULT cs_ledger_serial_get(struct cs_ledger *l, struct cs_span issuer, struct cs_span serial,
                               struct cs_use *out)
{
    return get_use(l, CS_SQL_SERIAL_GET, issuer, serial, out);
}

CS_RESULT cs_ledger_order_get(struct cs_ledger *l, struct cs_span account, struct cs_span order_id,
                              struct cs_use *out)
{
    return get_use(l, CS_SQL_ORDER_GET, account, order_id, out);
}

CS_RESULT cs_ledger_subject_get(struct cs_ledger *l, struct cs_span account, struct cs_arena *arena,
                                struct cs_subject_use *out)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_SUBJECT_GET];
    struct cs_subject_use use = { 0 };
    struct cs_filter_key k = cs_filter_key(CS_LOOKUP_SUBJECT, account, cs_span_of(NULL, 0));
    cs_bind_span(s, 1, account);
    for (uint64_t g = cs_filter_end(&l->by_seq); use.seq == 0 && cs_filter_down(&l->by_seq, &k, &g); g--) {
        cs_bind_u64(s, 2, g);
        for (bool row = true; row && use.seq == 0;) {
            CS_TRY(cs_query_step(l, s, &row));
            if (row && sqlite3_column_int(s, 1) != NOT_SIGNED)
                use.seq = cs_column_u64(s, 0);
        }
        (void)sqlite3_reset(s);
        if (g == 0)
            break;
    }
    if (use.seq != 0) {
        const entry_t *e = NULL;
        CS_TRY(cs_entry_of_index(l, use.seq, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT, arena, &e));
        if (e->intent->subject.len == 0 || !cs_span_eq(cs_proto_span(e->intent->account), account))
            return CS_ERR(STORE_CORRUPT);
        use.subject = cs_proto_span(e->intent->subject);
        memcpy(&use.identity_sha256, e->intent->identity_sha256.data, sizeof use.identity_sha256);
    }
    *out = use;
    return CS_OK;
}
