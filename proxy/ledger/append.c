#include <stdlib.h>

#include "proxy/base/clock.h"
#include "proxy/ledger/tiles.h"

typedef Countersign__Ledger__V1__Entry entry_t;

enum { INTENTS_FIRST_ROOM = 64 };

static CS_RESULT room_for_intent(struct cs_ledger *l)
{
    if (l->n_intents < l->intent_room)
        return CS_OK;
    uint32_t room = l->intent_room != 0 ? l->intent_room * 2 : INTENTS_FIRST_ROOM;
    uint64_t *at = realloc(l->intent, room * sizeof *at);
    if (at == NULL)
        return CS_ERR(NO_MEMORY);
    l->intent = at;
    l->intent_room = room;
    return CS_OK;
}

static void count(struct cs_ledger *l, const entry_t *e)
{
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT) {
        l->intent[l->n_intents++] = e->seq;
        l->now.n_open++;
    } else if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME) {
        l->now.n_open--;
    }
}

CS_RESULT cs_ledger_append(struct cs_ledger *l, entry_t *entry, uint64_t *out_seq)
{
    CS_TRY(cs_turn_ready(l));
    CS_TRY(cs_entry_form(entry));
    int64_t now_unix_us = cs_clock_unix_us();
    entry->seq = l->now.tree.size + 1;
    entry->time_unix_us = now_unix_us > l->now.last_unix_us ? now_unix_us : l->now.last_unix_us;
    size_t len = protobuf_c_message_get_packed_size(&entry->base);
    if (len > CS_LEDGER_ENTRY_MAX_LEN)
        return CS_ERR(LIMIT);
    CS_TRY(room_for_intent(l));
    CS_TRY(cs_index_check(l, entry));
    CS_TRY(cs_turn_begin(l));

    struct cs_span bytes = cs_span_of(l->encoded, protobuf_c_message_pack(&entry->base, l->encoded));
    struct cs_sha256 leaf = cs_merkle_leaf(bytes);
    sqlite3_stmt *s = l->statement[CS_SQL_ENTRY_PUT];
    cs_bind_u64(s, 1, entry->seq);
    cs_bind_span(s, 2, bytes);
    CS_TRY(cs_turn_write(l, CS_SQL_ENTRY_PUT));
    CS_TRY(cs_index_put(l, entry));
    CS_TRY(cs_ledger_tiles_put(l, &leaf));
    cs_merkle_append(&l->now.tree, &leaf);
    l->now.last_unix_us = entry->time_unix_us;
    count(l, entry);
    *out_seq = entry->seq;
    return CS_OK;
}

static CS_RESULT has_outcome(struct cs_ledger *l, uint64_t seq, bool *out)
{
    sqlite3_stmt *s = l->statement[CS_SQL_OUTCOME_GET];
    cs_bind_u64(s, 1, seq);
    CS_TRY(cs_query_step(l, s, out));
    (void)sqlite3_reset(s);
    return CS_OK;
}

/* Backwards from the end until as many open intents were met as the head counts: they are young. */
static CS_RESULT find_open(struct cs_ledger *l, uint64_t *at, uint64_t n)
{
    sqlite3_stmt *s = l->statement[CS_SQL_ENTRIES_BACK];
    cs_bind_u64(s, 1, l->now.tree.size);
    cs_result r = CS_OK;
    for (uint64_t left = n; left != 0 && cs_ok(r);) {
        bool row = false, closed = false;
        CS_TRY(cs_query_step(l, s, &row));
        if (!row)
            break;
        if (cs_entry_case(cs_column_span(s, 1)) != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT)
            continue;
        uint64_t seq = cs_column_u64(s, 0);
        r = has_outcome(l, seq, &closed);
        if (cs_ok(r) && !closed)
            at[--left] = seq;
    }
    (void)sqlite3_reset(s);
    CS_TRY(r);
    return n != 0 && at[0] == 0 ? CS_ERR(STORE_CORRUPT) : CS_OK;
}

CS_RESULT cs_ledger_close_open_intents(struct cs_ledger *l, uint32_t *out_n)
{
    CS_TRY(cs_usable(l));
    uint64_t n = l->now.n_open;
    if (n == 0) {
        *out_n = 0;
        return CS_OK;
    }
    if (n > l->now.tree.size || n > UINT32_MAX)
        return CS_ERR(STORE_CORRUPT);
    uint64_t *open = calloc(n, sizeof *open);
    if (open == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result r = find_open(l, open, n);
    for (uint64_t i = 0; i < n && cs_ok(r); i++) {
        Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
        Countersign__Ledger__V1__Outcome o = COUNTERSIGN__LEDGER__V1__OUTCOME__INIT;
        o.intent_seq = open[i];
        o.result = COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_UNKNOWN;
        e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME;
        e.outcome = &o;
        uint64_t seq = 0;
        r = cs_ledger_append(l, &e, &seq);
    }
    free(open);
    CS_TRY(r);
    *out_n = (uint32_t)n;
    return CS_OK;
}
