/* Calls from the front: who calls, may they, which RPC. */
#include "grpc/health/v1/health.pb-c.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/gate/report.h"

static const struct {
    const char *name;
    cs_result (*run)(struct cs_gate *, struct cs_call *);
} rpcs[CS_METHOD_COUNT] = {
    [CS_METHOD_SIGN_CERTIFICATE] = { "SignCertificate", cs_rpc_sign },
    [CS_METHOD_EVALUATE_CERTIFICATE] = { "EvaluateCertificate", cs_rpc_evaluate },
    [CS_METHOD_DEPOSIT_EVIDENCE] = { "DepositEvidence", cs_rpc_deposit },
    [CS_METHOD_HEALTH_CHECK] = { "Check", cs_rpc_health },
    [CS_METHOD_AUTHORIZE_TBS] = { "AuthorizeTbs", cs_rpc_authorize },
    [CS_METHOD_SIGN_AUTHORIZED] = { "SignAuthorized", cs_rpc_sign_authorized },
    [CS_METHOD_LIST_ISSUERS] = { "ListIssuers", cs_rpc_list_issuers },
};

/* A stranger, or a client that asks for what it may not: recorded like every refusal. */
static CS_RESULT refuse_caller(struct cs_gate *g, struct cs_call *call)
{
    const struct cs_span none = { 0 };
    struct cs_verdict v = { .arena = call->arena };
    uint32_t status = CS_GRPC_PERMISSION_DENIED;
    if (call->client == NULL) {
        status = CS_GRPC_UNAUTHENTICATED;
        cs_verdict_add(&v, CS_RULE_N01, "client", cs_arena_printf(call->arena, "uid %u", call->msg->peer.uid),
                       "a uid that the policy maps to a client");
    } else {
        cs_verdict_add(&v, CS_RULE_N01,
                       cs_arena_printf(call->arena, "client:%s",
                                       cs_show_text(call->arena, call->client->name)),
                       call->rpc, "one of the RPCs the policy lists for this client");
    }
    Countersign__Ledger__V1__Entry *entry;
    uint64_t seq = 0;
    CS_TRY(cs_report_refusal_entry(call, g->policy, &v, NULL, none, none, none, status, &entry));
    cs_result r = cs_ledger_append(g->ledger, entry, &seq);
    if (!cs_ok(r))
        CS_TRY(cs_store_failed(g, r));
    struct cs_msg_answer answer;
    CS_TRY(cs_report_refusal(&v, status, none, seq, call->arena, &answer));
    return cs_answer_held(g, call->id, &answer);
}

static CS_RESULT on_call(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_gate *g = ctx;
    struct cs_msg_call msg;
    CS_TRY(cs_msg_call_get(m->body, &msg));
    if (msg.method == CS_METHOD_NONE || msg.method >= CS_METHOD_COUNT)
        return CS_ERR(PEER_ERRS);
    cs_arena_reset(&g->arena);
    struct cs_call call = { .id = m->id, .msg = &msg, .rpc = rpcs[msg.method].name, .arena = &g->arena };
    if (msg.deadline_mono_us <= cs_clock_mono_us())
        return cs_answer_status(g, m->id, CS_GRPC_DEADLINE_EXCEEDED,
                                "the deadline passed before the gate looked");
    if (rpcs[msg.method].run == NULL)
        return cs_answer_status(g, m->id, CS_GRPC_UNIMPLEMENTED, "this gate does not answer this method");
    if (g->n_held >= CS_GATE_FLIGHTS_MAX)
        return cs_answer_status(g, m->id, CS_GRPC_RESOURCE_EXHAUSTED, "too many calls in this turn");
    if (msg.peer.transport == CS_TRANSPORT_UNIX)
        call.client = cs_policy_client_of_uid(g->policy, msg.peer.uid);
    if (call.client == NULL || (call.client->rpcs >> msg.method & 1) == 0)
        return refuse_caller(g, &call);
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
    return cs_flight_forget(ctx, m->id);
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
    return CS_OK;
}

void cs_front_table(struct cs_gate *g)
{
    static const struct cs_dispatch table[] = {
        { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello },
        { CS_MSG_CALL, CS_MSG_CALL_MAX_LEN, 0, on_call }, /* on_hello opens the rest */
        { CS_MSG_CANCEL, 0, 0, on_cancel },
        { 0, 0, 0, NULL },
    };
    memcpy(g->front_table, table, sizeof table);
}

CS_RESULT cs_rpc_health(struct cs_gate *g, struct cs_call *call)
{
    const ProtobufCMessage *m;
    if (!cs_ok(cs_proto_unpack(&grpc__health__v1__health_check_request__descriptor, call->msg->request,
                               call->arena, &m)))
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT, "not a canonical HealthCheckRequest");
    const char *service = ((const Grpc__Health__V1__HealthCheckRequest *)m)->service;
    bool evidence = strcmp(service, "countersign.v1.EvidenceService") == 0 ||
                    strcmp(service, "grpc.health.v1.Health") == 0;
    if (!evidence && service[0] != '\0' && strcmp(service, "countersign.v1.SigningService") != 0)
        return cs_answer_status(g, call->id, CS_GRPC_NOT_FOUND,
                                cs_arena_printf(call->arena, "no service %s",
                                                cs_show_text(call->arena, cs_span_str(service))));
    Grpc__Health__V1__HealthCheckResponse response;
    grpc__health__v1__health_check_response__init(&response);
    bool serving = !g->draining && !g->ledger_failed && (evidence || cs_signers_ready(g));
    response.status = serving ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                              : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&response.base, call->arena, &answer.response));
    return cs_answer_now(g, call->id, &answer);
}
