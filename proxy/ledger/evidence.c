#include "proxy/ledger/store.h"

#include "proto/canonical.h"

/* ---- the chain over what stands beside the entries ---- */

struct cs_sha256 cs_puts_next(const struct cs_sha256 *chain, enum cs_put_kind kind, uint64_t put,
                              struct cs_span a, struct cs_span b, int64_t c)
{
    uint8_t head[1 + 8 + 4], mid[4], tail[8];
    uint64_t tail_bits = (uint64_t)c;
    head[0] = (uint8_t)kind;
    for (unsigned i = 0; i < 8; i++) {
        head[1 + i] = (uint8_t)(put >> (56 - 8 * i));
        tail[i] = (uint8_t)(tail_bits >> (56 - 8 * i));
    }
    for (unsigned i = 0; i < 4; i++) {
        head[9 + i] = (uint8_t)(a.len >> (24 - 8 * i));
        mid[i] = (uint8_t)(b.len >> (24 - 8 * i));
    }
    const struct cs_span parts[] = {
        cs_sha256_span(chain),         cs_span_of(head, sizeof head), a, cs_span_of(mid, sizeof mid), b,
        cs_span_of(tail, sizeof tail),
    };
    return cs_sha256_parts(parts, sizeof parts / sizeof *parts);
}

static void count_put(struct cs_ledger *l, enum cs_put_kind kind, struct cs_span a, struct cs_span b,
                      int64_t c)
{
    l->now.n_puts++;
    l->now.puts = cs_puts_next(&l->now.puts, kind, l->now.n_puts, a, b, c);
}

/* ---- envelopes ---- */

static struct cs_sha256 *slot_of(struct cs_ledger *l, const uint8_t *digest)
{
    return &l->known[((unsigned)digest[0] << 8 | digest[1]) % CS_KNOWN_SLOTS];
}

CS_RESULT cs_evidence_known(struct cs_ledger *l, struct cs_span digest, bool *out)
{
    if (digest.len != CS_SHA256_LEN)
        return CS_ERR(ARGUMENT);
    struct cs_sha256 *slot = slot_of(l, digest.at);
    if (cs_span_eq(cs_sha256_span(slot), digest)) {
        *out = true;
        return CS_OK;
    }
    sqlite3_stmt *s = l->statement[CS_SQL_EVIDENCE_HAS];
    bool row = false;
    cs_bind_span(s, 1, digest);
    CS_TRY(cs_query_step(l, s, &row));
    (void)sqlite3_reset(s);
    if (row)
        memcpy(slot->byte, digest.at, digest.len);
    *out = row;
    return CS_OK;
}

CS_RESULT cs_evidence_all_known(struct cs_ledger *l, size_t n, const ProtobufCBinaryData *at)
{
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        CS_TRY(cs_evidence_known(l, cs_proto_span(at[i]), &known));
        if (!known)
            return CS_ERR(NOT_FOUND);
    }
    return CS_OK;
}

CS_RESULT cs_ledger_evidence_put(struct cs_ledger *l, const struct cs_sha256 *digest, struct cs_span envelope)
{
    CS_TRY(cs_turn_ready(l));
    bool known = false;
    CS_TRY(cs_evidence_known(l, cs_sha256_span(digest), &known));
    if (known)
        return CS_OK;
    struct cs_sha256 own = cs_sha256(envelope);
    if (!cs_span_eq(cs_sha256_span(&own), cs_sha256_span(digest)))
        return CS_ERR(ARGUMENT);
    CS_TRY(cs_turn_begin(l));
    sqlite3_stmt *s = l->statement[CS_SQL_EVIDENCE_PUT];
    cs_bind_u64(s, 1, l->now.n_puts + 1);
    cs_bind_span(s, 2, cs_sha256_span(digest));
    cs_bind_span(s, 3, envelope);
    CS_TRY(cs_turn_write(l, CS_SQL_EVIDENCE_PUT));
    count_put(l, CS_PUT_EVIDENCE, cs_sha256_span(digest), cs_span_of(NULL, 0), 0);
    *slot_of(l, digest->byte) = *digest;
    return CS_OK;
}

CS_RESULT cs_ledger_evidence_get(struct cs_ledger *l, const struct cs_sha256 *digest, struct cs_arena *arena,
                                 struct cs_span *out_envelope)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_EVIDENCE_GET];
    bool row = false;
    cs_bind_span(s, 1, cs_sha256_span(digest));
    CS_TRY(cs_query_step(l, s, &row));
    struct cs_span there = row ? cs_column_span(s, 0) : cs_span_of(NULL, 0);
    struct cs_span copy = cs_arena_span(arena, there);
    bool whole = copy.len == there.len;
    (void)sqlite3_reset(s);
    if (!row)
        return CS_ERR(NOT_FOUND);
    if (!whole)
        return CS_ERR(NO_MEMORY);
    struct cs_sha256 own = cs_sha256(copy);
    if (!cs_span_eq(cs_sha256_span(&own), cs_sha256_span(digest)))
        return CS_ERR(STORE_CORRUPT);
    *out_envelope = copy;
    return CS_OK;
}

/* ---- look-ups by key: the generations that may hold it, from the first ---- */

static struct cs_span nothing(void)
{
    return cs_span_of(NULL, 0);
}

/* What a key is bound to, by a statement that takes the key and the generation. */
static CS_RESULT get_bound(struct cs_ledger *l, enum cs_statement id, enum cs_lookup kind, struct cs_span key,
                           bool *out_known, struct cs_sha256 *out)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[id];
    bool row = false;
    struct cs_sha256 bound = { 0 };
    struct cs_filter_key k = cs_filter_key(kind, key, nothing());
    cs_bind_span(s, 1, key);
    for (uint64_t g = 0; !row && cs_filter_up(&l->by_put, &k, &g); g++) {
        cs_bind_u64(s, 2, g);
        CS_TRY(cs_query_step(l, s, &row));
        bool formed = !row || cs_column_sha256(s, 0, &bound);
        (void)sqlite3_reset(s);
        if (!formed)
            return CS_ERR(STORE_CORRUPT);
    }
    *out_known = row;
    if (row)
        *out = bound;
    return CS_OK;
}

/* Before the row: the filter may say too much, never too little. */
static CS_RESULT tell_filter(struct cs_ledger *l, enum cs_lookup kind, struct cs_span key)
{
    struct cs_filter_key k = cs_filter_key(kind, key, nothing());
    return cs_filter_put(&l->by_put, l->now.n_puts + 1, &k);
}

/* ---- statement ids ---- */

CS_RESULT cs_ledger_statement_get(struct cs_ledger *l, struct cs_span statement_id, bool *out_known,
                                  struct cs_sha256 *out_payload)
{
    return get_bound(l, CS_SQL_STATEMENT_GET, CS_LOOKUP_STATEMENT, statement_id, out_known, out_payload);
}

CS_RESULT cs_ledger_statement_put(struct cs_ledger *l, struct cs_span statement_id,
                                  const struct cs_sha256 *payload)
{
    if (statement_id.len == 0 || statement_id.len > CS_LEDGER_KEY_MAX_LEN)
        return CS_ERR(ARGUMENT);
    CS_TRY(cs_turn_ready(l));
    bool known = false;
    struct cs_sha256 bound;
    CS_TRY(cs_ledger_statement_get(l, statement_id, &known, &bound));
    if (known)
        return cs_span_eq(cs_sha256_span(&bound), cs_sha256_span(payload)) ? CS_OK : CS_ERR(EXISTS);
    CS_TRY(tell_filter(l, CS_LOOKUP_STATEMENT, statement_id));
    CS_TRY(cs_turn_begin(l));
    sqlite3_stmt *s = l->statement[CS_SQL_STATEMENT_PUT];
    cs_bind_u64(s, 1, l->now.n_puts + 1);
    cs_bind_span(s, 2, statement_id);
    cs_bind_span(s, 3, cs_sha256_span(payload));
    CS_TRY(cs_turn_write(l, CS_SQL_STATEMENT_PUT));
    count_put(l, CS_PUT_STATEMENT, statement_id, cs_sha256_span(payload), 0);
    return CS_OK;
}

/* ---- one-time tokens ---- */

CS_RESULT cs_ledger_token_get(struct cs_ledger *l, const struct cs_sha256 *token, bool *out_known,
                              struct cs_sha256 *out_bound)
{
    return get_bound(l, CS_SQL_TOKEN_GET, CS_LOOKUP_TOKEN, cs_sha256_span(token), out_known, out_bound);
}

CS_RESULT cs_ledger_token_put(struct cs_ledger *l, const struct cs_sha256 *token,
                              const struct cs_sha256 *bound)
{
    CS_TRY(cs_turn_ready(l));
    bool known = false;
    struct cs_sha256 earlier;
    CS_TRY(cs_ledger_token_get(l, token, &known, &earlier));
    if (known)
        return cs_span_eq(cs_sha256_span(&earlier), cs_sha256_span(bound)) ? CS_OK : CS_ERR(EXISTS);
    CS_TRY(tell_filter(l, CS_LOOKUP_TOKEN, cs_sha256_span(token)));
    CS_TRY(cs_turn_begin(l));
    sqlite3_stmt *s = l->statement[CS_SQL_TOKEN_PUT];
    cs_bind_u64(s, 1, l->now.n_puts + 1);
    cs_bind_span(s, 2, cs_sha256_span(token));
    cs_bind_span(s, 3, cs_sha256_span(bound));
    CS_TRY(cs_turn_write(l, CS_SQL_TOKEN_PUT));
    count_put(l, CS_PUT_TOKEN, cs_sha256_span(token), cs_sha256_span(bound), 0);
    return CS_OK;
}

/* ---- deposits ---- */

CS_RESULT cs_ledger_deposit_key_put(struct cs_ledger *l, struct cs_span key, const struct cs_sha256 *digest,
                                    int64_t expires_unix_s)
{
    if (key.len == 0 || key.len > CS_LEDGER_KEY_MAX_LEN)
        return CS_ERR(ARGUMENT);
    CS_TRY(cs_turn_ready(l));
    sqlite3_stmt *s = l->statement[CS_SQL_KEY_HAS];
    struct cs_filter_key k = cs_filter_key(CS_LOOKUP_KEY, key, nothing());
    cs_bind_span(s, 1, key);
    cs_bind_span(s, 2, cs_sha256_span(digest));
    cs_bind_i64(s, 3, expires_unix_s);
    for (uint64_t g = 0; cs_filter_up(&l->by_put, &k, &g); g++) {
        bool row = false;
        cs_bind_u64(s, 4, g);
        CS_TRY(cs_query_step(l, s, &row));
        (void)sqlite3_reset(s);
        if (row)
            return CS_OK;
    }
    CS_TRY(tell_filter(l, CS_LOOKUP_KEY, key));
    CS_TRY(cs_turn_begin(l));
    s = l->statement[CS_SQL_KEY_PUT];
    cs_bind_u64(s, 1, l->now.n_puts + 1);
    cs_bind_span(s, 2, key);
    cs_bind_span(s, 3, cs_sha256_span(digest));
    cs_bind_i64(s, 4, expires_unix_s);
    CS_TRY(cs_turn_write(l, CS_SQL_KEY_PUT));
    count_put(l, CS_PUT_DEPOSIT_KEY, key, cs_sha256_span(digest), expires_unix_s);
    return CS_OK;
}

static bool is_among(const struct cs_sha256 *at, uint32_t n, const struct cs_sha256 *d)
{
    for (uint32_t i = 0; i < n; i++)
        if (cs_span_eq(cs_sha256_span(&at[i]), cs_sha256_span(d)))
            return true;
    return false;
}

/* Resets the statement at hand when it fails. */
static CS_RESULT was_deposited(struct cs_ledger *l, const struct cs_sha256 *d, sqlite3_stmt *s, bool *out)
{
    uint64_t seq = 0;
    cs_result r = cs_ledger_deposit_seq(l, d, &seq);
    if (!cs_ok(r))
        (void)sqlite3_reset(s);
    *out = seq != 0;
    return r;
}

CS_RESULT cs_ledger_deposit_find(struct cs_ledger *l, struct cs_span key, int64_t now_unix_s, uint32_t max,
                                 struct cs_arena *arena, struct cs_sha256 **out, uint32_t *out_n)
{
    CS_TRY(cs_usable(l));
    struct cs_sha256 *at = cs_arena_get(arena, max * sizeof *at);
    if (at == NULL)
        return CS_ERR(NO_MEMORY);
    sqlite3_stmt *s = l->statement[CS_SQL_KEY_FIND];
    struct cs_filter_key k = cs_filter_key(CS_LOOKUP_KEY, key, nothing());
    cs_bind_span(s, 1, key);
    cs_bind_i64(s, 2, now_unix_s);
    uint32_t n = 0;
    for (uint64_t g = cs_filter_end(&l->by_put); n < max && cs_filter_down(&l->by_put, &k, &g); g--) {
        cs_bind_u64(s, 3, g);
        for (bool row = true; row && n < max;) {
            struct cs_sha256 d;
            CS_TRY(cs_query_step(l, s, &row));
            if (row && !cs_column_sha256(s, 0, &d)) {
                (void)sqlite3_reset(s);
                return CS_ERR(STORE_CORRUPT);
            }
            bool counts = row;
            if (row && l->is_past)
                CS_TRY(was_deposited(l, &d, s, &counts));
            if (counts && !is_among(at, n, &d)) /* one envelope may stand twice, with two expiries */
                at[n++] = d;
        }
        (void)sqlite3_reset(s);
        if (g == 0)
            break;
    }
    *out = at;
    *out_n = n;
    return CS_OK;
}

CS_RESULT cs_ledger_deposit_seq(struct cs_ledger *l, const struct cs_sha256 *digest, uint64_t *out_seq)
{
    CS_TRY(cs_usable(l));
    sqlite3_stmt *s = l->statement[CS_SQL_DEPOSIT_GET];
    uint64_t seq = 0;
    struct cs_filter_key k = cs_filter_key(CS_LOOKUP_DEPOSIT, cs_sha256_span(digest), nothing());
    cs_bind_span(s, 1, cs_sha256_span(digest));
    for (uint64_t g = 0; seq == 0 && cs_filter_up(&l->by_seq, &k, &g); g++) {
        bool row = false;
        cs_bind_u64(s, 2, g);
        CS_TRY(cs_query_step(l, s, &row));
        seq = row ? cs_column_u64(s, 0) : 0;
        (void)sqlite3_reset(s);
    }
    *out_seq = seq;
    return CS_OK;
}
