#include "proxy/gate/caller.h"

#include <inttypes.h>

#include "proxy/gate/numbers.h"
#include "proxy/gate/report.h"

/* ---- telling ---- */

struct refusal {
    struct cs_verdict verdict;
    uint32_t status;
    int64_t wait_us; /* for RetryInfo; 0: none */
};

/* Recorded and answered when that is durable; or, untold, answered at once. */
static CS_RESULT refuse(struct cs_gate *g, struct cs_call *call, struct refusal *r, bool tell,
                        uint64_t n_untold)
{
    const struct cs_span none = { 0 };
    struct cs_msg_answer answer;
    uint64_t seq = 0;
    if (tell) {
        Countersign__Ledger__V1__Entry *entry;
        CS_TRY(
            cs_report_refusal_entry(call, g->policy, &r->verdict, NULL, none, none, none, r->status, &entry));
        entry->refusal->n_untold = n_untold;
        cs_result appended = cs_ledger_append(g->ledger, entry, &seq);
        if (!cs_ok(appended))
            CS_TRY(cs_store_failed(g, appended));
    } else {
        cs_numbers_refused(g->numbers, cs_call_client_number(g, call), &r->verdict);
    }
    CS_TRY(cs_report_refusal_later(&r->verdict, r->status, none, seq, r->wait_us, call->arena, &answer));
    return tell ? cs_answer_held(g, call->id, &answer) : cs_answer_now(g, call->id, &answer);
}

static CS_RESULT refuse_quietly(struct cs_gate *g, struct cs_call *call, struct refusal *r,
                                struct cs_quiet *quiet, int64_t now_mono_us)
{
    uint64_t n_untold = 0;
    bool tell = cs_quiet_tell(quiet, now_mono_us, &n_untold);
    return refuse(g, call, r, tell, n_untold);
}

uint64_t cs_callers_untold(const struct cs_gate *g)
{
    uint64_t n = g->callers->strangers_quiet.n_untold;
    for (uint32_t i = 0; i < g->policy->n_clients; i++)
        n += g->callers->seat[i].quiet.n_untold;
    return n;
}

/* ---- strangers ---- */

static void copy_text(char *to, size_t room, struct cs_span from)
{
    size_t len = from.len < room - 1 ? from.len : room - 1;
    if (len != 0)
        memcpy(to, from.at, len);
    to[len] = '\0';
}

static bool is_stranger(const struct cs_stranger *s, const struct cs_peer *peer)
{
    if (s->transport != peer->transport || !cs_span_is(peer->listener_name, s->listener))
        return false;
    if (peer->transport == CS_TRANSPORT_TLS)
        return memcmp(&s->spki_sha256, &peer->spki_sha256, sizeof s->spki_sha256) == 0;
    return s->uid == peer->uid && s->gid == peer->gid;
}

/* *out_new: an identity that was not seen before, and now is. */
static void note_stranger(struct cs_callers *c, const struct cs_call *call, int64_t now_unix_s, bool *out_new)
{
    const struct cs_peer *peer = &call->msg->peer;
    uint32_t i = 0;
    while (i < c->n_strangers && !is_stranger(&c->stranger[i], peer))
        i++;
    *out_new = i == c->n_strangers && i < CS_STRANGERS_MAX;
    if (i == CS_STRANGERS_MAX)
        return;
    struct cs_stranger *s = &c->stranger[i];
    if (*out_new) {
        *s = (struct cs_stranger){ .transport = peer->transport,
                                   .uid = peer->uid,
                                   .gid = peer->gid,
                                   .spki_sha256 = peer->spki_sha256,
                                   .who = call->who,
                                   .first_unix_s = now_unix_s };
        copy_text(s->listener, sizeof s->listener, peer->listener_name);
        copy_text(s->name, sizeof s->name, call->tls_name);
        c->n_strangers++;
    }
    s->last_unix_s = now_unix_s;
    s->n_calls++;
}

static const char *show_peer(const struct cs_call *call)
{
    const struct cs_peer *p = &call->msg->peer;
    struct cs_arena *a = call->arena;
    const char *listener =
        p->listener_name.len == 0 ? "" : cs_arena_printf(a, ", socket %s", cs_show_text(a, p->listener_name));
    if (p->transport != CS_TRANSPORT_TLS)
        return cs_arena_printf(a, "uid %u, gid %u%s", p->uid, p->gid, listener);
    const char *names = p->n_names == 0 ? "no dNSName" : "dNSName";
    for (uint32_t i = 0; i < p->n_names && i < 4; i++)
        names = cs_arena_printf(a, "%s%s %s", names, i != 0 ? "," : "", cs_show_text(a, p->name[i]));
    return cs_arena_printf(a, "certificate with %s, key sha256 %.16s%s", names,
                           cs_show_hex(a, cs_sha256_span(&p->spki_sha256)), listener);
}

static CS_RESULT refuse_stranger(struct cs_gate *g, struct cs_call *call, int64_t now_mono_us,
                                 int64_t now_unix_s)
{
    struct refusal r = { .verdict = { .arena = call->arena }, .status = CS_GRPC_UNAUTHENTICATED };
    const char *needed = call->who == CS_WHO_SEVERAL
                             ? "a certificate with the dNSName of one client: these are of several"
                         : call->who == CS_WHO_ATTESTER
                             ? "a key of its own: this one is an attester's, and who asks may not attest"
                             : "a peer that the policy maps to a client";
    cs_verdict_add(&r.verdict, CS_RULE_N01, "client", show_peer(call), "%s", needed);
    bool is_new;
    g->numbers->n_unknown_calls++;
    note_stranger(g->callers, call, now_unix_s, &is_new);
    if (is_new)
        return refuse(g, call, &r, true, 0);
    return refuse_quietly(g, call, &r, &g->callers->strangers_quiet, now_mono_us);
}

/* ---- clients ---- */

static const char *show_client(const struct cs_call *call)
{
    return cs_arena_printf(call->arena, "client:%s", cs_show_text(call->arena, call->client->name));
}

static CS_RESULT refuse_rpc(struct cs_gate *g, struct cs_call *call)
{
    struct refusal r = { .verdict = { .arena = call->arena }, .status = CS_GRPC_PERMISSION_DENIED };
    cs_verdict_add(&r.verdict, CS_RULE_N01, show_client(call), call->rpc,
                   "one of the RPCs the policy lists for this client");
    return refuse(g, call, &r, true, 0);
}

static CS_RESULT refuse_retired(struct cs_gate *g, struct cs_call *call, struct cs_seat *seat,
                                int64_t now_mono_us)
{
    enum { DAY_S = 86400 };
    char last[CS_TIME_TEXT_LEN];
    struct refusal r = { .verdict = { .arena = call->arena }, .status = CS_GRPC_PERMISSION_DENIED };
    cs_time_text(call->client->retired_unix_s - DAY_S, last);
    cs_verdict_add(&r.verdict, CS_RULE_N06, show_client(call),
                   cs_arena_printf(call->arena, "retired after %.10s", last),
                   "a client that is not retired, or a later date in the policy");
    return refuse_quietly(g, call, &r, &seat->quiet, now_mono_us);
}

static CS_RESULT refuse_for_now(struct cs_gate *g, struct cs_call *call, struct cs_seat *seat,
                                int64_t now_mono_us, int64_t wait_us, const char *found)
{
    const struct cs_client_limits *l = &call->client->limits;
    struct refusal r = { .verdict = { .arena = call->arena },
                         .status = CS_GRPC_RESOURCE_EXHAUSTED,
                         .wait_us = wait_us };
    const char *needed =
        l->per_second == 0  ? cs_arena_printf(call->arena, "at most %u at one time", l->in_flight)
        : l->in_flight == 0 ? cs_arena_printf(call->arena, "at most %u a second", l->per_second)
                            : cs_arena_printf(call->arena, "at most %u a second, %u at one time",
                                              l->per_second, l->in_flight);
    cs_verdict_add(&r.verdict, CS_RULE_N06, show_client(call), found, "%s", needed);
    g->numbers->client[cs_client_number(g->policy, call->client)].n_limited++;
    return refuse_quietly(g, call, &r, &seat->quiet, now_mono_us);
}

CS_RESULT cs_caller_admit(struct cs_gate *g, struct cs_call *call, int64_t now_mono_us, int64_t now_unix_s,
                          bool *out_admitted)
{
    enum { BUSY_WAIT_US = 100000 }; /* one of its own calls has to end first: nobody knows when */
    *out_admitted = false;
    call->who = cs_policy_who(g->policy, &call->msg->peer, &call->client, &call->tls_name);
    if (call->client == NULL)
        return refuse_stranger(g, call, now_mono_us, now_unix_s);
    const struct cs_client *client = call->client;
    struct cs_client_numbers *n = &g->numbers->client[cs_client_number(g->policy, client)];
    struct cs_seat *seat = &g->callers->seat[cs_client_number(g->policy, client)];
    cs_open_call_belongs(g, call->id, client);
    n->n_calls++;
    n->last_seen_unix_s = now_unix_s;
    if (now_unix_s >= client->retired_unix_s)
        return refuse_retired(g, call, seat, now_mono_us);
    const struct cs_client_limits *l = &client->limits;
    int64_t wait_us;
    if (l->in_flight != 0 && n->n_in_flight > l->in_flight)
        return refuse_for_now(g, call, seat, now_mono_us, BUSY_WAIT_US,
                              cs_arena_printf(call->arena, "%u calls without their answer",
                                              n->n_in_flight - 1));
    if (l->per_second != 0 &&
        !cs_bucket_take(&seat->rate, now_mono_us, INT64_C(1000000000) / l->per_second, l->burst, &wait_us))
        return refuse_for_now(g, call, seat, now_mono_us, wait_us, "more calls than that");
    if (!cs_client_may_call(client, call->msg->method))
        return refuse_rpc(g, call);
    *out_admitted = true;
    return CS_OK;
}
