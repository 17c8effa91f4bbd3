/* StatusService: how the gate is, and who uses it. */
#include "countersign/v1/status_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/gate/caller.h"
#include "proxy/gate/checkpoints.h"
#include "proxy/gate/numbers.h"

/* A message in the arena, zeroed; protobuf-c's init is the caller's. */
#define NEW(arena, pointer) ((pointer) = cs_arena_get(arena, sizeof *(pointer)))

static CS_RESULT put_ledger(const struct cs_gate *g, struct cs_arena *a,
                            Countersign__V1__GetStatusResponse *m)
{
    struct cs_ledger_head *head;
    if (NEW(a, m->ledger) == NULL || NEW(a, head) == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__ledger_status__init(m->ledger);
    cs_ledger_head_get(g->ledger, head);
    m->ledger->failed = g->ledger_failed;
    m->ledger->size = head->size;
    m->ledger->root_sha256 = cs_proto_bytes(cs_sha256_span(&head->root));
    m->ledger->last_entry_unix_s = head->last_unix_us / 1000000;
    m->ledger->last_commit_unix_s = g->numbers->last_commit_unix_us / 1000000;
    if (g->checkpoints != NULL) {
        m->ledger->checkpoint_size = g->checkpoints->size;
        m->ledger->checkpoint_unix_s = g->checkpoints->signed_unix_s;
    }
    return CS_OK;
}

static CS_RESULT put_signers(const struct cs_gate *g, struct cs_arena *a,
                             Countersign__V1__GetStatusResponse *m)
{
    m->signers = cs_arena_get(a, g->n_signers * sizeof *m->signers);
    if (m->signers == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < g->n_signers; i++) {
        const struct cs_signer_link *s = &g->signer[i];
        Countersign__V1__SignerStatus *row;
        if (NEW(a, row) == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__v1__signer_status__init(row);
        row->number = s->number;
        row->ready = s->ready;
        row->n_lost = g->numbers->signer[i].n_lost;
        row->faulty_issuers = cs_arena_get(a, g->policy->n_issuers * sizeof *row->faulty_issuers);
        if (row->faulty_issuers == NULL)
            return CS_ERR(NO_MEMORY);
        for (uint32_t k = 0; k < g->policy->n_issuers; k++)
            if (s->faulty_keys >> k & 1)
                row->faulty_issuers[row->n_faulty_issuers++] = cs_proto_bytes(g->policy->issuer[k].id);
        m->signers[m->n_signers++] = row;
    }
    return CS_OK;
}

static CS_RESULT put_issuers(const struct cs_gate *g, struct cs_arena *a,
                             Countersign__V1__GetStatusResponse *m)
{
    m->issuers = cs_arena_get(a, g->policy->n_issuers * sizeof *m->issuers);
    if (m->issuers == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < g->policy->n_issuers; i++) {
        Countersign__V1__IssuerStatus *row;
        if (NEW(a, row) == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__v1__issuer_status__init(row);
        row->id = cs_proto_bytes(g->policy->issuer[i].id);
        row->ready = cs_key_ready(g, i);
        m->issuers[m->n_issuers++] = row;
    }
    return CS_OK;
}

static CS_RESULT put_lists(const struct cs_gate *g, struct cs_arena *a, Countersign__V1__GetStatusResponse *m)
{
    m->lists = cs_arena_get(a, CS_LIST_COUNT * sizeof *m->lists);
    if (m->lists == NULL)
        return CS_ERR(NO_MEMORY);
    for (int i = 0; g->lists != NULL && i < CS_LIST_COUNT; i++) {
        const struct cs_list_state *s = &cs_lists_states(g->lists)[i];
        Countersign__V1__DataListStatus *row;
        if (s->path == NULL && s->accepted == NULL)
            continue;
        if (NEW(a, row) == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__v1__data_list_status__init(row);
        row->name = cs_proto_bytes(cs_span_str(s->name));
        if (s->path != NULL)
            row->sha256 = cs_proto_bytes(cs_sha256_span(&s->sha256));
        row->dated_unix_s = s->dated_unix_s;
        if (s->accepted != NULL)
            row->accepted = cs_proto_bytes(cs_span_str(s->accepted));
        m->lists[m->n_lists++] = row;
    }
    return CS_OK;
}

static bool is_canonical(const struct cs_call *call, const ProtobufCMessageDescriptor *type, cs_result *out)
{
    const ProtobufCMessage *m;
    *out = cs_proto_unpack(type, call->msg->request, call->arena, &m);
    return cs_ok(*out);
}

static CS_RESULT answer(struct cs_gate *g, const struct cs_call *call, const ProtobufCMessage *m)
{
    struct cs_msg_answer a = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(m, call->arena, &a.response));
    if (a.response.len > CS_ANSWER_MAX_LEN)
        return cs_answer_status(g, call->id, CS_GRPC_RESOURCE_EXHAUSTED,
                                "there is more to tell than an answer may be long");
    return cs_answer_now(g, call->id, &a);
}

CS_RESULT cs_rpc_status(struct cs_gate *g, struct cs_call *call)
{
    struct cs_arena *a = call->arena;
    const struct cs_numbers *n = g->numbers;
    cs_result r;
    if (!is_canonical(call, &countersign__v1__get_status_request__descriptor, &r))
        return cs_class(r) == CS_CLASS_BUSY ? r
                                            : cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                                               "not a canonical GetStatusRequest");
    Countersign__V1__GetStatusResponse m;
    countersign__v1__get_status_response__init(&m);
    m.software_version = cs_proto_bytes(cs_span_str(CS_VERSION));
    m.started_at_unix_s = n->started_unix_s;
    m.now_unix_s = cs_clock_unix_s();
    m.draining = g->draining;
    m.deployment = cs_proto_bytes(g->policy->deployment);
    m.policy_version = g->policy->version;
    m.policy_sha256 = cs_proto_bytes(cs_sha256_span(&g->policy->digest));
    CS_TRY(put_ledger(g, a, &m));
    CS_TRY(put_signers(g, a, &m));
    CS_TRY(put_issuers(g, a, &m));
    CS_TRY(put_lists(g, a, &m));
    m.n_clients = g->policy->n_clients;
    for (uint32_t i = 0; i < g->policy->n_clients; i++)
        m.n_clients_seen += n->client[i].n_calls != 0;
    m.n_unknown_calls = n->n_unknown_calls;
    m.n_calls_open = g->callers->n_open;
    m.n_signed = n->n_signatures;
    m.n_deposits = n->n_deposits;
    m.n_holds = g->holds.n_in_force;
    m.n_recalls = g->recalls.n;
    return answer(g, call, &m.base);
}

/* ---- ListClients ---- */

static CS_RESULT put_client(const struct cs_gate *g, uint32_t number, struct cs_arena *a,
                            Countersign__V1__ClientStatus **out)
{
    const struct cs_client *c = &g->policy->client[number];
    const struct cs_client_numbers *n = &g->numbers->client[number];
    Countersign__V1__ClientStatus *m;
    CS_AUTO_BUF struct cs_buf identity = { .max = 1024 };
    cs_client_identity_put(c, &identity);
    if (NEW(a, m) == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__client_status__init(m);
    m->name = cs_proto_bytes(c->name);
    m->api_version = cs_proto_bytes(c->api_version);
    m->identity = cs_proto_bytes(cs_arena_span(a, cs_buf_span(&identity)));
    m->last_seen_unix_s = n->last_seen_unix_s;
    m->retired_unix_s = c->retired_unix_s != INT64_MAX ? c->retired_unix_s : 0;
    m->n_calls = n->n_calls;
    m->n_signed = n->n_signed;
    m->n_limited = n->n_limited;
    m->n_in_flight = n->n_in_flight;
    m->refusals = cs_arena_get(a, CS_RULE_COUNT * sizeof *m->refusals);
    if (m->refusals == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t r = 0; r < CS_RULE_COUNT; r++) {
        Countersign__V1__RefusalCount *row;
        if (n->refused[r] == 0)
            continue;
        if (NEW(a, row) == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__v1__refusal_count__init(row);
        row->rule = cs_proto_bytes(cs_span_str(cs_rule_text((enum cs_rule)r)->id));
        row->n = n->refused[r];
        m->refusals[m->n_refusals++] = row;
    }
    *out = m;
    return CS_OK;
}

static CS_RESULT put_stranger(const struct cs_stranger *s, struct cs_arena *a,
                              Countersign__V1__UnknownPeer **out)
{
    Countersign__V1__UnknownPeer *m;
    const char *listener = s->listener[0] != '\0' ? cs_arena_printf(a, ", socket %s", s->listener) : "";
    const char *text;
    if (NEW(a, m) == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__unknown_peer__init(m);
    if (s->transport == CS_TRANSPORT_TLS)
        text = cs_arena_printf(a, "dns %s, key sha256 %s%s%s",
                               s->name[0] != '\0' ? cs_show_text(a, cs_span_str(s->name)) : "-",
                               cs_show_hex(a, cs_sha256_span(&s->spki_sha256)),
                               s->who == CS_WHO_ATTESTER ? " (an attester's)" : "", listener);
    else
        text = cs_arena_printf(a, "uid %u, gid %u%s", s->uid, s->gid, listener);
    m->identity = cs_proto_bytes(cs_span_str(text));
    m->first_seen_unix_s = s->first_unix_s;
    m->last_seen_unix_s = s->last_unix_s;
    m->n_calls = s->n_calls;
    *out = m;
    return CS_OK;
}

CS_RESULT cs_rpc_list_clients(struct cs_gate *g, struct cs_call *call)
{
    struct cs_arena *a = call->arena;
    const struct cs_callers *c = g->callers;
    cs_result r;
    if (!is_canonical(call, &countersign__v1__list_clients_request__descriptor, &r))
        return cs_class(r) == CS_CLASS_BUSY ? r
                                            : cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                                               "not a canonical ListClientsRequest");
    Countersign__V1__ListClientsResponse m;
    countersign__v1__list_clients_response__init(&m);
    m.since_unix_s = g->numbers->started_unix_s;
    m.n_unknown_calls = g->numbers->n_unknown_calls;
    m.clients = cs_arena_get(a, g->policy->n_clients * sizeof *m.clients);
    m.unknown_peers = cs_arena_get(a, (c->n_strangers + 1) * sizeof *m.unknown_peers);
    if (m.clients == NULL || m.unknown_peers == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < g->policy->n_clients; i++)
        CS_TRY(put_client(g, i, a, &m.clients[m.n_clients++]));
    for (uint32_t i = 0; i < c->n_strangers; i++)
        CS_TRY(put_stranger(&c->stranger[i], a, &m.unknown_peers[m.n_unknown_peers++]));
    return answer(g, call, &m.base);
}
