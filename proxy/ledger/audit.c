#include "proxy/ledger/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/canonical.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__Ledger__V1__Intent intent_t;

enum {
    SIGNED = COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED,
    NOT_SIGNED = COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED,
};

cs_result cs_audit_bad(struct cs_audit *a, uint64_t seq, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (seq != 0)
        cs_note_set(a->note, "ledger: entry %llu: %s", (unsigned long long)seq, text);
    else
        cs_note_set(a->note, "ledger: %s", text);
    return CS_ERR(STORE_CORRUPT);
}

CS_RESULT cs_audit_step(struct cs_audit *a, enum cs_audit_statement id, bool *out_row)
{
    int rc = sqlite3_step(a->statement[id]);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        *out_row = rc == SQLITE_ROW;
        return CS_OK;
    }
    cs_note_set(a->note, "ledger: %.200s: %s", sqlite3_sql(a->statement[id]), sqlite3_errmsg(a->db));
    return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? CS_ERR(STORE_CORRUPT) : CS_ERR(STORE);
}

/* ---- open intents, in order of their sequence ---- */

static CS_RESULT open_put(struct cs_audit *a, uint64_t seq, const struct cs_sha256 *tbs_sha256)
{
    if (a->n_open == a->open_room) {
        size_t room = a->open_room != 0 ? a->open_room * 2 : 64;
        struct cs_audit_open *at = realloc(a->open, room * sizeof *at);
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        a->open = at;
        a->open_room = room;
    }
    a->open[a->n_open++] = (struct cs_audit_open){ seq, *tbs_sha256 };
    return CS_OK;
}

static bool open_take(struct cs_audit *a, uint64_t seq, struct cs_audit_open *out)
{
    for (size_t i = a->n_open; i-- > 0;) {
        if (a->open[i].seq != seq)
            continue;
        *out = a->open[i];
        memmove(&a->open[i], &a->open[i + 1], (a->n_open - i - 1) * sizeof a->open[0]);
        a->n_open--;
        return true;
    }
    return false;
}

/* ---- what an entry relies on ---- */

CS_RESULT cs_audit_bound_put(struct cs_audit *a, enum cs_audit_statement id, struct cs_span name,
                             uint64_t *out_put, struct cs_sha256 *out_bound)
{
    sqlite3_stmt *s = a->statement[id];
    enum cs_lookup kind = id == CS_AUDIT_TOKEN_PUT_OF ? CS_LOOKUP_TOKEN : CS_LOOKUP_STATEMENT;
    struct cs_filter_key k = cs_filter_key(kind, name, cs_span_of(NULL, 0));
    uint64_t put = 0;
    struct cs_sha256 bound = { { 0 } };
    cs_bind_span(s, 1, name);
    for (uint64_t g = 0; put == 0 && cs_filter_up(&a->by_put, &k, &g); g++) {
        bool row = false;
        cs_bind_u64(s, 2, g);
        cs_result r = cs_audit_step(a, id, &row);
        put = row && cs_column_sha256(s, 1, &bound) ? cs_column_u64(s, 0) : 0;
        (void)sqlite3_reset(s);
        CS_TRY(r);
    }
    *out_put = put;
    *out_bound = bound;
    return CS_OK;
}

CS_RESULT cs_audit_needs_put(struct cs_audit *a, uint64_t seq, enum cs_audit_statement id,
                             ProtobufCBinaryData name, const char *what)
{
    sqlite3_stmt *s = a->statement[id];
    uint64_t put = 0;
    struct cs_sha256 bound;
    if (id == CS_AUDIT_STATEMENT_PUT_OF || id == CS_AUDIT_TOKEN_PUT_OF) {
        CS_TRY(cs_audit_bound_put(a, id, cs_proto_span(name), &put, &bound));
    } else {
        bool row = false;
        cs_bind_span(s, 1, cs_proto_span(name));
        cs_result r = cs_audit_step(a, id, &row);
        put = row ? cs_column_u64(s, 0) : 0;
        (void)sqlite3_reset(s);
        CS_TRY(r);
    }
    if (put == 0) {
        char hex[2 * 16 + 1];
        cs_hex(cs_span_of(name.data, name.len < 16 ? name.len : 16), hex);
        return cs_audit_bad(a, seq, "relies on %s %s..., which is not there", what, hex);
    }
    if (put > a->last_put_needed)
        a->last_put_needed = put;
    return CS_OK;
}

/* ---- index rows of an intent ---- */

struct use {
    enum cs_audit_statement id;
    const char *what;
    ProtobufCBinaryData a, b;
    bool by_kind; /* one use for each kind, joined by the pair digest; otherwise one use */
};

/* Every earlier row must leave room for this one, at the time of this one; the last row is its own. */
static CS_RESULT use_holds(struct cs_audit *a, uint64_t seq, const intent_t *m, const struct use *use,
                           bool *io_own)
{
    sqlite3_stmt *s = a->statement[use->id];
    bool own = *io_own;
    for (;;) {
        bool row = false;
        CS_TRY(cs_audit_step(a, use->id, &row));
        if (!row)
            break;
        if (own)
            return cs_audit_bad(a, seq, "has more than one %s row", use->what);
        uint64_t other = cs_column_u64(s, 0);
        bool same_kind = !use->by_kind || sqlite3_column_int64(s, 3) == (int64_t)m->kind;
        bool same_pair = !use->by_kind || cs_span_eq(cs_column_span(s, 4), cs_proto_span(m->pair_sha256));
        if (other == seq) {
            if (!same_kind || !same_pair)
                return cs_audit_bad(a, seq, "its %s row says another kind or pair", use->what);
            own = true;
            continue;
        }
        bool counts_for_nothing = sqlite3_column_int64(s, 1) == NOT_SIGNED;
        bool closed_before = counts_for_nothing && cs_column_u64(s, 2) < seq;
        if (same_kind ? !closed_before : !counts_for_nothing && !same_pair)
            return cs_audit_bad(a, seq, "uses the %s of entry %llu again", use->what,
                                (unsigned long long)other);
    }
    *io_own = own;
    return CS_OK;
}

static CS_RESULT audit_use(struct cs_audit *a, uint64_t seq, const intent_t *m, const struct use *use)
{
    sqlite3_stmt *s = a->statement[use->id];
    cs_bind_span(s, 1, cs_proto_span(use->a));
    cs_bind_span(s, 2, cs_proto_span(use->b));
    cs_bind_u64(s, 3, seq);
    /* the filter is filled from the entries, so that it leads to every generation a row ought to be in */
    enum cs_lookup kind = use->id == CS_AUDIT_REQUEST_ROWS  ? CS_LOOKUP_REQUEST
                          : use->id == CS_AUDIT_SERIAL_ROWS ? CS_LOOKUP_SERIAL
                                                            : CS_LOOKUP_ORDER;
    struct cs_filter_key k = cs_filter_key(kind, cs_proto_span(use->a), cs_proto_span(use->b));
    bool own = false;
    CS_TRY(cs_filter_put(&a->by_seq, seq, &k));
    for (uint64_t g = 0; cs_filter_up(&a->by_seq, &k, &g); g++) {
        cs_bind_u64(s, 4, g);
        cs_result r = use_holds(a, seq, m, use, &own);
        (void)sqlite3_reset(s);
        CS_TRY(r);
    }
    return own ? CS_OK : cs_audit_bad(a, seq, "has no %s row", use->what);
}

/* The subject is the one that stands in the TBS, and the account's index leads to it. */
static CS_RESULT audit_subject(struct cs_audit *a, uint64_t seq, const intent_t *m)
{
    if (m->subject.len == 0)
        return CS_OK;
    if (memmem(m->tbs.data, m->tbs.len, m->subject.data, m->subject.len) == NULL)
        return cs_audit_bad(a, seq, "its subject does not stand in its TBS");
    sqlite3_stmt *s = a->statement[CS_AUDIT_SUBJECT_ROW];
    bool row = false;
    cs_bind_span(s, 1, cs_proto_span(m->account));
    cs_bind_u64(s, 2, seq);
    cs_result r = cs_audit_step(a, CS_AUDIT_SUBJECT_ROW, &row);
    (void)sqlite3_reset(s);
    CS_TRY(r);
    a->n_subjects++;
    return row ? CS_OK : cs_audit_bad(a, seq, "its subject row is missing");
}

static CS_RESULT audit_intent(struct cs_audit *a, uint64_t seq, const entry_t *e)
{
    const intent_t *m = e->intent;
    const struct use uses[] = {
        { CS_AUDIT_REQUEST_ROWS, "request id", m->caller->client, m->request_id, false },
        { CS_AUDIT_SERIAL_ROWS, "serial", m->issuer, m->serial, true },
        { CS_AUDIT_ORDER_ROWS, "order", m->account, m->order_id, true },
    };
    bool ordered = m->order_id.len != 0;
    for (size_t i = 0; i < (ordered ? 3 : 2); i++)
        CS_TRY(audit_use(a, seq, m, &uses[i]));
    CS_TRY(audit_subject(a, seq, m));
    CS_TRY(cs_audit_authorized(a, e));
    for (size_t i = 0; i < m->n_evidence_sha256s; i++)
        CS_TRY(cs_audit_needs_put(a, seq, CS_AUDIT_EVIDENCE_PUT_OF, m->evidence_sha256s[i], "evidence"));
    struct cs_sha256 tbs_sha256 = cs_sha256(cs_proto_span(m->tbs));
    CS_TRY(open_put(a, seq, &tbs_sha256));
    a->report.n_intents++;
    a->n_orders += ordered;
    return CS_OK;
}

static CS_RESULT audit_outcome(struct cs_audit *a, uint64_t seq, const Countersign__Ledger__V1__Outcome *m)
{
    struct cs_audit_open intent;
    if (!open_take(a, m->intent_seq, &intent))
        return cs_audit_bad(a, seq, "closes entry %llu, which is not an open intent",
                            (unsigned long long)m->intent_seq);
    sqlite3_stmt *s = a->statement[CS_AUDIT_OUTCOME_ROW];
    bool row = false;
    cs_bind_u64(s, 1, m->intent_seq);
    cs_result r = cs_audit_step(a, CS_AUDIT_OUTCOME_ROW, &row);
    bool fits = row && cs_column_u64(s, 0) == seq && sqlite3_column_int64(s, 1) == (int64_t)m->result;
    (void)sqlite3_reset(s);
    CS_TRY(r);
    if (!fits)
        return cs_audit_bad(a, seq, "its outcome row is missing or says something else");
    a->n_outcomes++;
    if ((int)m->result == SIGNED) {
        if (!cs_span_eq(cs_proto_span(m->tbs_sha256), cs_sha256_span(&intent.tbs_sha256)))
            return cs_audit_bad(a, seq, "the signer signed other bytes than entry %llu allowed",
                                (unsigned long long)m->intent_seq);
        a->report.n_signed++;
    } else if ((int)m->result == NOT_SIGNED) {
        a->report.n_not_signed++;
    } else {
        a->report.n_unknown++;
    }
    return CS_OK;
}

static CS_RESULT audit_deposit(struct cs_audit *a, uint64_t seq, const Countersign__Ledger__V1__Deposit *m)
{
    CS_TRY(cs_audit_needs_put(a, seq, CS_AUDIT_EVIDENCE_PUT_OF, m->evidence_sha256, "evidence"));
    CS_TRY(cs_audit_needs_put(a, seq, CS_AUDIT_STATEMENT_PUT_OF, m->statement_id, "statement"));
    sqlite3_stmt *s = a->statement[CS_AUDIT_DEPOSIT_ROW];
    bool row = false;
    cs_bind_span(s, 1, cs_proto_span(m->evidence_sha256));
    cs_bind_u64(s, 2, seq);
    cs_result r = cs_audit_step(a, CS_AUDIT_DEPOSIT_ROW, &row);
    (void)sqlite3_reset(s);
    CS_TRY(r);
    if (!row)
        return cs_audit_bad(a, seq, "its deposit row is missing");
    a->report.n_deposits++;
    return CS_OK;
}

CS_RESULT cs_audit_entry(struct cs_audit *a, uint64_t seq, struct cs_span bytes)
{
    const entry_t *e = NULL;
    cs_arena_reset(&a->arena);
    if (bytes.len > CS_LEDGER_ENTRY_MAX_LEN)
        return cs_audit_bad(a, seq, "has %zu bytes, at most %d are allowed", bytes.len,
                            CS_LEDGER_ENTRY_MAX_LEN);
    cs_result r = cs_entry_unpack(bytes, &a->arena, &e);
    if (cs_is(r, CS_NUM_STORE_CORRUPT))
        return cs_audit_bad(a, seq, "its bytes are not an entry in canonical form");
    CS_TRY(r);
    if (e->seq != seq)
        return cs_audit_bad(a, seq, "its bytes say sequence %llu", (unsigned long long)e->seq);
    if (a->tree.size != 0 && e->time_unix_us < a->report.last_unix_us)
        return cs_audit_bad(a, seq, "is %lld us older than the entry before",
                            (long long)(a->report.last_unix_us - e->time_unix_us));
    if (a->tree.size == 0)
        a->report.first_unix_us = e->time_unix_us;
    a->report.last_unix_us = e->time_unix_us;
    struct cs_sha256 leaf = cs_merkle_leaf(bytes);
    cs_merkle_append(&a->tree, &leaf);
    a->leaf = leaf;
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return audit_intent(a, seq, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME:
        return audit_outcome(a, seq, e->outcome);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        return audit_deposit(a, seq, e->deposit);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        return cs_audit_authorization(a, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        return cs_audit_control(a, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        a->report.n_refusals++;
        return CS_OK;
    default:
        return CS_OK;
    }
}

CS_RESULT cs_audit_counts(struct cs_audit *a)
{
    sqlite3_stmt *s = a->statement[CS_AUDIT_INDEX_COUNTS];
    bool row = false;
    CS_TRY(cs_audit_step(a, CS_AUDIT_INDEX_COUNTS, &row));
    const struct {
        const char *table;
        uint64_t needed;
    } rows[] = {
        { "intent_request", a->report.n_intents },
        { "intent_serial", a->report.n_intents },
        { "intent_order", a->n_orders },
        { "intent_outcome", a->n_outcomes },
        { "deposit_seq", a->report.n_deposits },
        { "intent_subject", a->n_subjects },
        { "authorization_digest", a->report.n_authorizations },
        { "authorization_request", a->report.n_authorizations },
        { "control", a->n_controls },
    };
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        uint64_t there = cs_column_u64(s, i);
        if (there != rows[i].needed)
            return cs_audit_bad(a, 0, "table %s has %llu rows, the entries imply %llu", rows[i].table,
                                (unsigned long long)there, (unsigned long long)rows[i].needed);
    }
    (void)sqlite3_reset(s);
    return CS_OK;
}
