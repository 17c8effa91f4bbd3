#include "proxy/gate/selectors/stops.h"

#include <stdlib.h>

#include "proto/canonical.h"

enum { ID_KIND = 0, STALE_ALLOWED = 64 };

static struct cs_span id_of(const struct cs_stop *s)
{
    return s->statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_HOLD
               ? cs_proto_span(s->statement->hold->hold_id)
               : cs_proto_span(s->statement->header->statement_id);
}

static void stop_free(struct cs_stop *s)
{
    if (s == NULL)
        return;
    cs_arena_done(&s->arena);
    free(s);
}

void cs_stops_done(struct cs_stops *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        stop_free(s->stop[i]);
    free(s->stop);
    free(s->journal);
    cs_keymap_done(&s->ids);
    cs_keymap_done(&s->keys);
    *s = (struct cs_stops){ 0 };
}

/* ---- making one ---- */

static CS_RESULT copy_event(struct cs_arena *arena, const struct cs_stop_event *from,
                            struct cs_stop_event *to)
{
    if (from->n_operators > CS_STOP_OPERATORS_MAX)
        return CS_ERR(LIMIT);
    struct cs_stop_event copy = *from;
    copy.reason = cs_arena_span(arena, from->reason);
    bool whole = copy.reason.len == from->reason.len;
    for (uint32_t i = 0; i < from->n_operators; i++) {
        copy.operator[i] = cs_arena_span(arena, from->operator[i]);
        whole = whole && copy.operator[i].len == from->operator[i].len;
    }
    if (!whole)
        return CS_ERR(NO_MEMORY);
    *to = copy;
    return CS_OK;
}

static CS_RESULT fill(struct cs_stop *s, struct cs_span payload, const struct cs_stop_event *event)
{
    const ProtobufCMessage *m;
    struct cs_span bytes = cs_arena_span(&s->arena, payload);
    if (bytes.len != payload.len)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_proto_unpack(&countersign__v1__statement__descriptor, bytes, &s->arena, &m));
    s->statement = (const Countersign__V1__Statement *)(const void *)m;
    const Countersign__V1__Statement *t = s->statement;
    bool places = t->body_case == COUNTERSIGN__V1__STATEMENT__BODY_HOLD &&
                  t->hold->action == COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE &&
                  t->hold->selector != NULL;
    bool recalls = t->body_case == COUNTERSIGN__V1__STATEMENT__BODY_RECALL && t->recall->selector != NULL;
    if (t->header == NULL || (!places && !recalls))
        return CS_ERR(PROTO);
    s->in_force = true;
    return copy_event(&s->arena, event, &s->placed);
}

/* ---- the index ---- */

static CS_RESULT reserve(struct cs_stops *s, const struct cs_stop *new)
{
    if (s->n == CS_STOPS_MAX)
        return CS_ERR(LIMIT);
    if (s->n == s->room) {
        uint32_t room = s->room != 0 ? s->room * 2 : 16;
        struct cs_stop **at = realloc(s->stop, room * sizeof *at);
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        s->stop = at;
        s->room = room;
    }
    CS_TRY(cs_keymap_reserve(&s->ids, 1));
    return cs_keymap_reserve(&s->keys, cs_stop_keys(new, NULL));
}

static CS_RESULT reserve_journal(struct cs_stops *s)
{
    if (s->n_journal < s->journal_room)
        return CS_OK;
    uint32_t room = s->journal_room != 0 ? s->journal_room * 2 : 16;
    uint32_t *at = realloc(s->journal, room * sizeof *at);
    if (at == NULL)
        return CS_ERR(NO_MEMORY);
    s->journal = at;
    s->journal_room = room;
    return CS_OK;
}

static void index_keys(struct cs_stops *s, uint32_t i)
{
    uint64_t hash[2 * 256];
    uint32_t n = cs_stop_keys(s->stop[i], hash);
    for (uint32_t k = 0; k < n; k++)
        cs_keymap_put(&s->keys, hash[k], i);
}

/* There is room: nothing was ever given back. */
static void reindex(struct cs_stops *s)
{
    cs_keymap_clear(&s->ids);
    cs_keymap_clear(&s->keys);
    s->n_stale = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        cs_keymap_put(&s->ids, cs_keymap_hash(ID_KIND, id_of(s->stop[i])), i);
        if (s->stop[i]->in_force)
            index_keys(s, i);
    }
}

CS_RESULT cs_stops_place(struct cs_stops *s, struct cs_span payload, const struct cs_stop_event *event,
                         struct cs_stop **out)
{
    struct cs_stop *new = calloc(1, sizeof *new);
    cs_result r = new != NULL ? fill(new, payload, event) : CS_ERR(NO_MEMORY);
    if (cs_ok(r))
        r = reserve_journal(s);
    if (cs_ok(r))
        r = reserve(s, new);
    if (!cs_ok(r)) {
        stop_free(new);
        return r;
    }
    s->journal[s->n_journal++] = s->n << 1;
    cs_keymap_put(&s->ids, cs_keymap_hash(ID_KIND, id_of(new)), s->n);
    s->stop[s->n++] = new;
    s->n_in_force++;
    index_keys(s, s->n - 1);
    if (out != NULL)
        *out = new;
    return CS_OK;
}

CS_RESULT cs_stops_lift(struct cs_stops *s, struct cs_stop *hold, const struct cs_stop_event *event)
{
    uint32_t i = 0;
    while (i < s->n && s->stop[i] != hold)
        i++;
    if (i == s->n || !hold->in_force)
        return CS_ERR(ARGUMENT);
    CS_TRY(reserve_journal(s));
    CS_TRY(copy_event(&hold->arena, event, &hold->lifted));
    s->journal[s->n_journal++] = i << 1 | 1;
    hold->in_force = false;
    s->n_in_force--;
    s->n_stale++;
    return CS_OK;
}

/* ---- the turn ---- */

void cs_stops_take_back(struct cs_stops *s)
{
    if (s->n_journal == 0)
        return;
    uint32_t change = s->journal[--s->n_journal], i = change >> 1;
    if ((change & 1) != 0) {
        s->stop[i]->lifted = (struct cs_stop_event){ 0 };
        s->stop[i]->in_force = true;
        s->n_in_force++;
    } else { /* the newest: later ones were taken back before */
        stop_free(s->stop[--s->n]);
        s->n_in_force--;
    }
    reindex(s);
}

void cs_stops_settle(struct cs_stops *s, bool committed)
{
    while (!committed && s->n_journal != 0)
        cs_stops_take_back(s);
    s->n_journal = 0;
    if (s->n_stale > s->n_in_force + STALE_ALLOWED)
        reindex(s);
}

struct cs_stop *cs_stops_of_id(const struct cs_stops *s, struct cs_span id)
{
    uint32_t at = UINT32_MAX, i;
    while (cs_keymap_next(&s->ids, cs_keymap_hash(ID_KIND, id), &at, &i))
        if (cs_span_eq(id_of(s->stop[i]), id))
            return s->stop[i];
    return NULL;
}
