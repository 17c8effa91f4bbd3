#include "proxy/ledger/authorization.h"

#include "proto/canonical.h"
#include "proxy/ledger/store.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__Ledger__V1__Authorization authorization_t;

enum { AUTHORIZATION = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION };

/* ---- what spends one ---- */

static void put_be(uint8_t *out, unsigned n, uint64_t v)
{
    for (unsigned i = 0; i < n; i++)
        out[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

struct cs_sha256 cs_authorization_token(uint64_t seq)
{
    uint8_t number[8];
    put_be(number, sizeof number, seq);
    const struct cs_span parts[] = { cs_span_str("countersign authorization"),
                                     cs_span_of(number, sizeof number) };
    return cs_sha256_parts(parts, 2);
}

struct cs_sha256 cs_authorization_bound(struct cs_span client, struct cs_span request_id)
{
    uint8_t len[4];
    put_be(len, sizeof len, client.len);
    const struct cs_span parts[] = { cs_span_of(len, sizeof len), client, request_id };
    return cs_sha256_parts(parts, 3);
}

/* Whether another request than the one that stands behind bound spent it; *out_mine: this one did. */
static CS_RESULT spent_by(struct cs_ledger *l, uint64_t seq, const struct cs_sha256 *bound, bool *out_other,
                          bool *out_mine)
{
    struct cs_sha256 token = cs_authorization_token(seq), there;
    bool known = false;
    CS_TRY(cs_ledger_token_get(l, &token, &known, &there));
    *out_mine = known && cs_span_eq(cs_sha256_span(&there), cs_sha256_span(bound));
    *out_other = known && !*out_mine;
    return CS_OK;
}

/* ---- what appending and verifying ask ---- */

bool cs_authorization_is_of_its_tbs(const authorization_t *m)
{
    static const enum cs_hash hashes[] = { CS_HASH_SHA256, CS_HASH_SHA384, CS_HASH_SHA512 };
    uint8_t digest[CS_DIGEST_MAX_LEN];
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (cs_hash_len(hashes[i]) == m->digest.len) {
            cs_hash(hashes[i], cs_proto_span(m->tbs), digest);
            return memcmp(digest, m->digest.data, m->digest.len) == 0;
        }
    return false;
}

bool cs_authorization_allows(const entry_t *authorization, const entry_t *intent)
{
    const authorization_t *m = authorization->authorization;
    const Countersign__Ledger__V1__Intent *i = intent->intent;
    return authorization->seq < intent->seq && i->caller != NULL &&
           cs_span_eq(cs_proto_span(m->for_client), cs_proto_span(i->caller->client)) &&
           cs_span_eq(cs_proto_span(m->issuer), cs_proto_span(i->issuer)) &&
           cs_span_eq(cs_proto_span(m->tbs), cs_proto_span(i->tbs)) &&
           intent->time_unix_us / 1000000 < m->expires_at_unix_s;
}

/* ---- appending ---- */

static CS_RESULT seq_of_request(struct cs_ledger *l, struct cs_span client, struct cs_span request_id,
                                uint64_t *out_seq)
{
    sqlite3_stmt *s = l->statement[CS_SQL_AUTHORIZATION_REQUEST_GET];
    bool row = false;
    cs_bind_span(s, 1, client);
    cs_bind_span(s, 2, request_id);
    CS_TRY(cs_query_step(l, s, &row));
    *out_seq = row ? cs_column_u64(s, 0) : 0;
    (void)sqlite3_reset(s);
    return CS_OK;
}

CS_RESULT cs_authorization_check(struct cs_ledger *l, const entry_t *e)
{
    const authorization_t *m = e->authorization;
    uint64_t earlier = 0;
    if (!cs_authorization_is_of_its_tbs(m) ||
        m->expires_at_unix_s > e->time_unix_us / 1000000 + CS_AUTHORIZATION_LIFE_MAX_S)
        return CS_ERR(ARGUMENT);
    CS_TRY(seq_of_request(l, cs_proto_span(m->caller->client), cs_proto_span(m->request_id), &earlier));
    if (earlier != 0)
        return CS_ERR(EXISTS);
    return cs_evidence_all_known(l, m->n_evidence_sha256s, m->evidence_sha256s);
}

CS_RESULT cs_authorization_put(struct cs_ledger *l, const entry_t *e)
{
    const authorization_t *m = e->authorization;
    sqlite3_stmt *s = l->statement[CS_SQL_AUTHORIZATION_DIGEST_PUT];
    cs_bind_span(s, 1, cs_proto_span(m->for_client));
    cs_bind_span(s, 2, cs_proto_span(m->issuer));
    cs_bind_span(s, 3, cs_proto_span(m->digest));
    cs_bind_u64(s, 4, e->seq);
    cs_bind_i64(s, 5, m->expires_at_unix_s);
    CS_TRY(cs_turn_write(l, CS_SQL_AUTHORIZATION_DIGEST_PUT));
    s = l->statement[CS_SQL_AUTHORIZATION_REQUEST_PUT];
    cs_bind_span(s, 1, cs_proto_span(m->caller->client));
    cs_bind_span(s, 2, cs_proto_span(m->request_id));
    cs_bind_u64(s, 3, e->seq);
    return cs_turn_write(l, CS_SQL_AUTHORIZATION_REQUEST_PUT);
}

CS_RESULT cs_authorization_serves(struct cs_ledger *l, const entry_t *e)
{
    const Countersign__Ledger__V1__Intent *m = e->intent;
    if (m->authorization_seq == 0)
        return CS_OK;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_span bytes;
    const entry_t *a = NULL;
    CS_TRY(cs_ledger_entry_get(l, m->authorization_seq, &arena, &bytes));
    CS_TRY(cs_entry_unpack(bytes, &arena, &a));
    if ((int)a->body_case != AUTHORIZATION || !cs_authorization_allows(a, e))
        return CS_ERR(NOT_FOUND);
    struct cs_sha256 bound =
        cs_authorization_bound(cs_proto_span(m->caller->client), cs_proto_span(m->request_id));
    bool other = false, mine = false;
    CS_TRY(spent_by(l, m->authorization_seq, &bound, &other, &mine));
    return other ? CS_ERR(EXISTS) : CS_OK;
}

CS_RESULT cs_authorization_spend(struct cs_ledger *l, const Countersign__Ledger__V1__Intent *m)
{
    struct cs_sha256 token = cs_authorization_token(m->authorization_seq);
    struct cs_sha256 bound =
        cs_authorization_bound(cs_proto_span(m->caller->client), cs_proto_span(m->request_id));
    return cs_ledger_token_put(l, &token, &bound);
}

/* ---- asking ---- */

static CS_RESULT view_of(struct cs_ledger *l, uint64_t seq, struct cs_arena *arena,
                         struct cs_authorization_view *out)
{
    const entry_t *e = NULL;
    CS_TRY(cs_entry_of_index(l, seq, AUTHORIZATION, arena, &e));
    *out = (struct cs_authorization_view){ seq, e->authorization };
    return CS_OK;
}

CS_RESULT cs_ledger_authorization_of_request(struct cs_ledger *l, struct cs_span client,
                                             struct cs_span request_id, struct cs_arena *arena,
                                             struct cs_authorization_view *out)
{
    CS_TRY(cs_usable(l));
    uint64_t seq = 0;
    struct cs_authorization_view view = { 0 };
    CS_TRY(seq_of_request(l, client, request_id, &seq));
    if (seq != 0)
        CS_TRY(view_of(l, seq, arena, &view));
    if (seq != 0 && (!cs_span_eq(cs_proto_span(view.said->caller->client), client) ||
                     !cs_span_eq(cs_proto_span(view.said->request_id), request_id)))
        return CS_ERR(STORE_CORRUPT);
    *out = view;
    return CS_OK;
}

/* Newest first. *out_seq is 0 unless one is LIVE. */
static CS_RESULT choose(struct cs_ledger *l, sqlite3_stmt *s, const struct cs_authorization_ask *ask,
                        enum cs_authorization_state *out_state, uint64_t *out_seq)
{
    struct cs_sha256 bound = cs_authorization_bound(ask->client, ask->request_id);
    enum cs_authorization_state newest = CS_AUTHORIZATION_NONE;
    uint64_t unspent = 0;
    for (;;) {
        bool row = false, other = false, mine = false;
        CS_TRY(cs_query_step(l, s, &row));
        if (!row)
            break;
        uint64_t seq = cs_column_u64(s, 0);
        bool over = sqlite3_column_int64(s, 1) <= ask->now_unix_s;
        if (over && newest != CS_AUTHORIZATION_NONE)
            continue;
        CS_TRY(spent_by(l, seq, &bound, &other, &mine));
        if (newest == CS_AUTHORIZATION_NONE)
            newest = other ? CS_AUTHORIZATION_SPENT : CS_AUTHORIZATION_OVER;
        if (over || other)
            continue;
        if (unspent == 0 || mine)
            unspent = seq;
        if (mine)
            break;
    }
    *out_state = unspent != 0 ? CS_AUTHORIZATION_LIVE : newest;
    *out_seq = unspent;
    return CS_OK;
}

CS_RESULT cs_ledger_authorization_find(struct cs_ledger *l, const struct cs_authorization_ask *ask,
                                       struct cs_arena *arena, enum cs_authorization_state *out_state,
                                       struct cs_authorization_view *out)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_AUTHORIZATION_DIGEST_GET];
    enum cs_authorization_state state = CS_AUTHORIZATION_NONE;
    uint64_t seq = 0;
    cs_bind_span(s, 1, ask->client);
    cs_bind_span(s, 2, ask->issuer);
    cs_bind_span(s, 3, ask->digest);
    cs_result r = choose(l, s, ask, &state, &seq);
    (void)sqlite3_reset(s);
    CS_TRY(r);
    if (state == CS_AUTHORIZATION_LIVE) {
        struct cs_authorization_view view;
        CS_TRY(view_of(l, seq, arena, &view));
        if (!cs_span_eq(cs_proto_span(view.said->for_client), ask->client) ||
            !cs_span_eq(cs_proto_span(view.said->issuer), ask->issuer) ||
            !cs_span_eq(cs_proto_span(view.said->digest), ask->digest))
            return CS_ERR(STORE_CORRUPT);
        *out = view;
    }
    *out_state = state;
    return CS_OK;
}
