/* Calls from the front: who calls, may they, which RPC. */
#include <stdlib.h>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/gate/caller.h"
#include "proxy/gate/numbers.h"
#include "proxy/gate/stream.h"
#include "proxy/gate/checkpoints.h"
#include "proxy/gate/queries.h"
#include "proxy/gate/report.h"
#include "proxy/gate/witnesses.h"

static const struct {
    const char *name;
    cs_result (*run)(struct cs_gate *, struct cs_call *);
} rpcs[CS_METHOD_COUNT] = {
    [CS_METHOD_SIGN_CERTIFICATE] = { "SignCertificate", cs_rpc_sign },
    [CS_METHOD_EVALUATE_CERTIFICATE] = { "EvaluateCertificate", cs_rpc_evaluate },
    [CS_METHOD_DEPOSIT_EVIDENCE] = { "DepositEvidence", cs_rpc_deposit },
    [CS_METHOD_GET_CHECKPOINT] = { "GetCheckpoint", cs_rpc_checkpoint },
    [CS_METHOD_GET_RECEIPT] = { "GetReceipt", cs_rpc_receipt },
    [CS_METHOD_QUERY_ISSUANCE] = { "QueryIssuance", cs_rpc_query },
    [CS_METHOD_RECALL_EVIDENCE] = { "RecallEvidence", cs_rpc_recall },
    [CS_METHOD_PLACE_HOLD] = { "PlaceHold", cs_rpc_place_hold },
    [CS_METHOD_LIFT_HOLD] = { "LiftHold", cs_rpc_lift_hold },
    [CS_METHOD_LIST_HOLDS] = { "ListHolds", cs_rpc_list_holds },
    [CS_METHOD_HEALTH_CHECK] = { "Check", cs_rpc_health },
    [CS_METHOD_AUTHORIZE_TBS] = { "AuthorizeTbs", cs_rpc_authorize },
    [CS_METHOD_SIGN_AUTHORIZED] = { "SignAuthorized", cs_rpc_sign_authorized },
    [CS_METHOD_LIST_ISSUERS] = { "ListIssuers", cs_rpc_list_issuers },
    [CS_METHOD_HEALTH_WATCH] = { "Watch", cs_rpc_watch },
    [CS_METHOD_GET_STATUS] = { "GetStatus", cs_rpc_status },
    [CS_METHOD_LIST_CLIENTS] = { "ListClients", cs_rpc_list_clients },
    [CS_METHOD_METRICS] = { "metrics", cs_rpc_metrics },
};

static CS_RESULT on_call(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_gate *g = ctx;
    struct cs_msg_call msg;
    CS_TRY(cs_msg_call_get(m->body, &msg));
    if (msg.method == CS_METHOD_NONE || msg.method >= CS_METHOD_COUNT)
        return CS_ERR(PEER_ERRS);
    bool of_the_front = msg.peer.transport == CS_TRANSPORT_FRONT;
    if (of_the_front && msg.method != CS_METHOD_METRICS)
        return CS_ERR(PEER_ERRS); /* nobody's call: the front asks for nothing but numbers */
    cs_arena_reset(&g->arena);
    int64_t now_unix_us = cs_clock_unix_us(), now_mono_us = cs_clock_mono_us();
    cs_result begun = cs_open_call_begin(g, m->id, msg.method, now_mono_us);
    if (cs_is(begun, CS_NUM_FULL))
        return cs_answer_status(g, m->id, CS_GRPC_RESOURCE_EXHAUSTED, "too many calls wait for an answer");
    CS_TRY(begun);
    struct cs_call call = { .id = m->id,
                            .msg = &msg,
                            .rpc = rpcs[msg.method].name,
                            .arena = &g->arena,
                            .gate = g,
                            .since_mono_us = now_mono_us };
    if (!of_the_front && msg.method == CS_METHOD_METRICS)
        return cs_answer_status(g, m->id, CS_GRPC_UNIMPLEMENTED, "there is no such RPC");
    if (msg.deadline_mono_us <= now_mono_us)
        return cs_answer_status(g, m->id, CS_GRPC_DEADLINE_EXCEEDED,
                                "the deadline passed before the gate looked");
    if (rpcs[msg.method].run == NULL)
        return cs_answer_status(g, m->id, CS_GRPC_UNIMPLEMENTED, "this gate does not answer this method");
    if (g->n_held >= CS_GATE_FLIGHTS_MAX)
        return cs_answer_status(g, m->id, CS_GRPC_RESOURCE_EXHAUSTED, "too many calls in this turn");
    bool admitted = of_the_front;
    if (!of_the_front)
        CS_TRY(cs_caller_admit(g, &call, now_mono_us, now_unix_us / 1000000, &admitted));
    if (!admitted)
        return CS_OK; /* and answered */
    cs_result r = rpcs[msg.method].run(g, &call);
    if (cs_ok(r) || cs_class(r) == CS_CLASS_BUG || cs_class(r) == CS_CLASS_PEER)
        return r;
    /* it could not be judged: nothing was decided, nothing signed */
    cs_log_begin(CS_LOG_ERROR, "call_failed");
    cs_log_str("rpc", call.rpc);
    cs_log_result(r);
    cs_log_end();
    bool busy = cs_class(r) == CS_CLASS_BUSY || cs_is(r, CS_NUM_LIMIT);
    return cs_answer_status(g, m->id, busy ? CS_GRPC_RESOURCE_EXHAUSTED : CS_GRPC_UNAVAILABLE,
                            busy ? "the request needs more than the gate may use for one call"
                                 : "the ledger could not be asked; nothing was signed");
}

static CS_RESULT on_cancel(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_gate *g = ctx;
    struct cs_stream *s = cs_stream_of_call(g, m->id);
    if (s != NULL)
        return cs_stream_end(g, s, CS_GRPC_CANCELLED, "cancelled");
    bool found;
    CS_TRY(cs_parked_forget(g, m->id, &found));
    return found ? CS_OK : cs_flight_forget(g, m->id);
}

static CS_RESULT on_more(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    uint32_t n;
    CS_TRY(cs_msg_more_get(m->body, &n));
    return cs_stream_more(ctx, m->id, n);
}

static CS_RESULT on_hello(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_gate *g = ctx;
    struct cs_hello hello;
    CS_TRY(cs_hello_get(m->body, &hello));
    if (hello.version != CS_IPC_VERSION)
        return CS_ERR(PEER_ERRS);
    cs_dispatch_open(g->front_table, CS_MSG_CALL);
    cs_dispatch_open(g->front_table, CS_MSG_CANCEL);
    cs_dispatch_open(g->front_table, CS_MSG_MORE);
    return CS_OK;
}

void cs_front_table(struct cs_gate *g)
{
    static const struct cs_dispatch table[] = {
        { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello },
        { CS_MSG_CALL, CS_MSG_CALL_MAX_LEN, 0, on_call }, /* on_hello opens the rest */
        { CS_MSG_CANCEL, 0, 0, on_cancel },
        { CS_MSG_MORE, 4, 0, on_more },
        { 0, 0, 0, NULL },
    };
    memcpy(g->front_table, table, sizeof table);
}

CS_RESULT cs_gate_seats(struct cs_gate *g)
{
    g->callers = cs_callers_new();
    g->numbers = cs_numbers_new(g->policy->n_clients);
    g->streams = calloc(1, sizeof *g->streams);
    return g->callers != NULL && g->numbers != NULL && g->streams != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

void cs_gate_seats_done(struct cs_gate *g)
{
    if (g->streams != NULL)
        cs_streams_done(g->streams);
    free(g->streams);
    cs_callers_free(g->callers);
    cs_numbers_free(g->numbers);
}
