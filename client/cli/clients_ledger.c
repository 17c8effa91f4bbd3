#include "client/cli/clients_ledger.h"

#include <stdlib.h>

#include "proto/canonical.h"
#include "proxy/gate/verdict/verdict.h"
#include "proxy/ledger/verify.h"

enum { CLIENTS_MAX = 4096, STRANGERS_MAX = 256, RULES_MAX = 256 };

/* An intent and whose it is; in order of seq, since the ledger is. */
struct intent {
    uint64_t seq;
    uint32_t client;
};

struct counting {
    struct cs_arena *arena;
    Countersign__V1__ListClientsResponse *m;
    struct intent *intent;
    size_t n_intents, intent_room;
};

static const Countersign__Ledger__V1__Caller *caller_of(const Countersign__Ledger__V1__Entry *e)
{
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        return e->deposit->caller;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        return e->refusal->caller;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return e->intent->caller;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        return e->authorization->caller;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
        return e->hold->caller;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        return e->recall->caller;
    default:
        return NULL;
    }
}

static const char *identity_of(const Countersign__Ledger__V1__Caller *c, struct cs_arena *a)
{
    const char *listener =
        c->listener.len == 0 ? ""
                             : cs_arena_printf(a, ", socket %s", cs_show_text(a, cs_proto_span(c->listener)));
    if (c->transport == COUNTERSIGN__LEDGER__V1__TRANSPORT__TRANSPORT_TLS)
        return cs_arena_printf(a, "dns %s, key sha256 %s%s",
                               c->tls_name.len != 0 ? cs_show_text(a, cs_proto_span(c->tls_name)) : "-",
                               cs_show_hex(a, cs_proto_span(c->spki_sha256)), listener);
    return cs_arena_printf(a, "uid %u, gid %u%s", c->uid, c->gid, listener);
}

static CS_RESULT find_client(struct counting *k, const Countersign__Ledger__V1__Caller *c, uint32_t *out)
{
    Countersign__V1__ListClientsResponse *m = k->m;
    for (uint32_t i = 0; i < m->n_clients; i++)
        if (cs_span_eq(cs_proto_span(m->clients[i]->name), cs_proto_span(c->client)) &&
            cs_span_eq(cs_proto_span(m->clients[i]->api_version), cs_proto_span(c->api_version))) {
            *out = i;
            return CS_OK;
        }
    if (m->n_clients == CLIENTS_MAX)
        return CS_ERR(LIMIT);
    Countersign__V1__ClientStatus *row = cs_arena_get(k->arena, sizeof *row);
    if (row == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__client_status__init(row);
    row->name = cs_proto_bytes(cs_arena_span(k->arena, cs_proto_span(c->client)));
    row->api_version = cs_proto_bytes(cs_arena_span(k->arena, cs_proto_span(c->api_version)));
    row->refusals = cs_arena_get(k->arena, RULES_MAX * sizeof *row->refusals);
    if (row->refusals == NULL)
        return CS_ERR(NO_MEMORY);
    *out = (uint32_t)m->n_clients;
    m->clients[m->n_clients++] = row;
    return CS_OK;
}

static CS_RESULT count_stranger(struct counting *k, const Countersign__Ledger__V1__Entry *e,
                                const Countersign__Ledger__V1__Caller *c)
{
    Countersign__V1__ListClientsResponse *m = k->m;
    const char *identity = identity_of(c, k->arena);
    uint64_t n =
        1 + (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL ? e->refusal->n_untold : 0);
    size_t i = 0;
    m->n_unknown_calls += n;
    while (i < m->n_unknown_peers && !cs_span_is(cs_proto_span(m->unknown_peers[i]->identity), identity))
        i++;
    if (i == m->n_unknown_peers) {
        if (i == STRANGERS_MAX)
            return CS_OK;
        Countersign__V1__UnknownPeer *row = cs_arena_get(k->arena, sizeof *row);
        if (row == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__v1__unknown_peer__init(row);
        row->identity = cs_proto_bytes(cs_span_str(identity));
        row->first_seen_unix_s = e->time_unix_us / 1000000;
        m->unknown_peers[m->n_unknown_peers++] = row;
    }
    m->unknown_peers[i]->n_calls++;
    m->unknown_peers[i]->last_seen_unix_s = e->time_unix_us / 1000000;
    return CS_OK;
}

static CS_RESULT count_rule(struct counting *k, Countersign__V1__ClientStatus *client, struct cs_span rule)
{
    for (size_t i = 0; i < client->n_refusals; i++)
        if (cs_span_eq(cs_proto_span(client->refusals[i]->rule), rule)) {
            client->refusals[i]->n++;
            return CS_OK;
        }
    if (client->n_refusals == RULES_MAX)
        return CS_ERR(LIMIT);
    Countersign__V1__RefusalCount *row = cs_arena_get(k->arena, sizeof *row);
    if (row == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__refusal_count__init(row);
    row->rule = cs_proto_bytes(cs_arena_span(k->arena, rule));
    row->n = 1;
    client->refusals[client->n_refusals++] = row;
    return CS_OK;
}

static CS_RESULT count_refusal(struct counting *k, Countersign__V1__ClientStatus *client,
                               const Countersign__Ledger__V1__Refusal *r)
{
    for (size_t i = 0; i < r->n_reasons; i++) {
        struct cs_span rule = cs_proto_span(r->reasons[i]->rule);
        bool again = false;
        for (size_t j = 0; j < i && !again; j++)
            again = cs_span_eq(cs_proto_span(r->reasons[j]->rule), rule);
        if (!again)
            CS_TRY(count_rule(k, client, rule));
    }
    return CS_OK;
}

static CS_RESULT keep_intent(struct counting *k, uint64_t seq, uint32_t client)
{
    if (k->n_intents == k->intent_room) {
        size_t room = k->intent_room == 0 ? 1024 : 2 * k->intent_room;
        struct intent *grown = realloc(k->intent, room * sizeof *grown);
        if (grown == NULL)
            return CS_ERR(NO_MEMORY);
        k->intent = grown;
        k->intent_room = room;
    }
    k->intent[k->n_intents++] = (struct intent){ seq, client };
    return CS_OK;
}

static int compare_seq(const void *a, const void *b)
{
    uint64_t x = ((const struct intent *)a)->seq, y = ((const struct intent *)b)->seq;
    return (x > y) - (x < y);
}

static cs_result count_entry(void *ctx, const Countersign__Ledger__V1__Entry *e, struct cs_span bytes)
{
    struct counting *k = ctx;
    (void)bytes;
    if (k->m->since_unix_s == 0)
        k->m->since_unix_s = e->time_unix_us / 1000000;
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME) {
        const struct intent wanted = { .seq = e->outcome->intent_seq };
        const struct intent *intent =
            k->n_intents == 0 ? NULL : bsearch(&wanted, k->intent, k->n_intents, sizeof wanted, compare_seq);
        if (intent != NULL &&
            e->outcome->result == COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED)
            k->m->clients[intent->client]->n_signed++;
        return CS_OK;
    }
    const Countersign__Ledger__V1__Caller *c = caller_of(e);
    if (c == NULL)
        return CS_OK;
    if (c->client.len == 0)
        return count_stranger(k, e, c);
    uint32_t number;
    CS_TRY(find_client(k, c, &number));
    Countersign__V1__ClientStatus *client = k->m->clients[number];
    client->n_calls++;
    client->last_seen_unix_s = e->time_unix_us / 1000000;
    client->identity = cs_proto_bytes(cs_span_str(identity_of(c, k->arena)));
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT)
        return keep_intent(k, e->seq, number);
    if (e->body_case != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL)
        return CS_OK;
    client->n_limited += e->refusal->grpc_status == 8 /* RESOURCE_EXHAUSTED */ ? 1 : 0;
    return count_refusal(k, client, e->refusal);
}

CS_RESULT cs_clients_of_ledger(const char *path, struct cs_arena *arena,
                               const Countersign__V1__ListClientsResponse **out, struct cs_note *note)
{
    struct counting k = { .arena = arena, .m = cs_arena_get(arena, sizeof *k.m) };
    if (k.m == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__list_clients_response__init(k.m);
    k.m->clients = cs_arena_get(arena, CLIENTS_MAX * sizeof *k.m->clients);
    k.m->unknown_peers = cs_arena_get(arena, STRANGERS_MAX * sizeof *k.m->unknown_peers);
    if (k.m->clients == NULL || k.m->unknown_peers == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result r = cs_ledger_each(path, 1, 0, count_entry, &k, note);
    free(k.intent);
    if (cs_ok(r))
        *out = k.m;
    return r;
}
