/* grpc.health.v1.Health: the whole server, each of our services, each issuer's key. */
#include <stdlib.h>

#include "grpc/health/v1/health.pb-c.h"

#include "proto/canonical.h"
#include "proxy/gate/gate.h"
#include "proxy/gate/stream.h"
#include "proxy/gate/witnesses.h"

enum { UNKNOWN_SERVICE = -1, NEEDS_NO_KEY = -2, NEEDS_ANY_KEY = -3 }; /* or the issuer's number */

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

/* Services whose calls end at a key; the others go on without one. */
static const char *const at_a_key[] = { "", "countersign.v1.SigningService" };
static const char *const services[] = {
#define X(id, service, method, shape) service,
    CS_METHODS(X)
#undef X
};

/* What the service needs, or UNKNOWN_SERVICE. */
static int need_of(const struct cs_gate *g, const char *service)
{
    static const char prefix[] = "issuer/";
    for (size_t i = 0; i < sizeof at_a_key / sizeof *at_a_key; i++)
        if (strcmp(service, at_a_key[i]) == 0)
            return NEEDS_ANY_KEY;
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (strcmp(service, services[i]) == 0)
            return NEEDS_NO_KEY;
    if (strncmp(service, prefix, sizeof prefix - 1) != 0)
        return UNKNOWN_SERVICE;
    const struct cs_issuer *issuer = cs_policy_issuer(g->policy, cs_span_str(service + sizeof prefix - 1));
    return issuer != NULL ? (int)(issuer - g->policy->issuer) : UNKNOWN_SERVICE;
}

static Grpc__Health__V1__HealthCheckResponse__ServingStatus status_of(const struct cs_gate *g, int need)
{
    if (need == UNKNOWN_SERVICE)
        return STATUS(SERVICE_UNKNOWN);
    bool serving = !g->draining && !g->ledger_failed;
    if (need == NEEDS_ANY_KEY)
        serving = serving && cs_signers_ready(g) && !cs_witnesses_lapsed(g);
    else if (need >= 0)
        serving = serving && cs_key_ready(g, (uint32_t)need) && !cs_witnesses_lapsed(g);
    return serving ? STATUS(SERVING) : STATUS(NOT_SERVING);
}

/* What protobufjs makes of an empty name that the program sets. Nothing hangs on these bytes, and
 * programs that watch over many kinds of servers send them. */
static const uint8_t empty_name[] = { 0x0a, 0x00 };

/* NULL, and the call is answered, when the request is not canonical. */
static CS_RESULT read_request(struct cs_gate *g, struct cs_call *call, const char **out_service)
{
    const ProtobufCMessage *m;
    *out_service = NULL;
    struct cs_span request = call->msg->request;
    if (cs_span_eq(request, cs_span_of(empty_name, sizeof empty_name)))
        request.len = 0;
    cs_result r =
        cs_proto_unpack(&grpc__health__v1__health_check_request__descriptor, request, call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    if (!cs_ok(r))
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT, "not a canonical HealthCheckRequest");
    *out_service = ((const Grpc__Health__V1__HealthCheckRequest *)m)->service;
    return CS_OK;
}

CS_RESULT cs_rpc_health(struct cs_gate *g, struct cs_call *call)
{
    const char *service;
    CS_TRY(read_request(g, call, &service));
    if (service == NULL)
        return CS_OK;
    int need = need_of(g, service);
    if (need == UNKNOWN_SERVICE)
        return cs_answer_status(g, call->id, CS_GRPC_NOT_FOUND,
                                cs_arena_printf(call->arena, "no service %s",
                                                cs_show_text(call->arena, cs_span_str(service))));
    Grpc__Health__V1__HealthCheckResponse response;
    grpc__health__v1__health_check_response__init(&response);
    response.status = status_of(g, need);
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&response.base, call->arena, &answer.response));
    return cs_answer_now(g, call->id, &answer);
}

/* ---- Watch: at once, then on change ---- */

struct watch {
    int need;
    int told; /* the status last sent; -1: none */
};

static CS_RESULT pump_watch(struct cs_gate *g, struct cs_stream *s)
{
    struct watch *w = s->state;
    int now = (int)status_of(g, w->need);
    if (now != w->told) {
        Grpc__Health__V1__HealthCheckResponse response;
        grpc__health__v1__health_check_response__init(&response);
        response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)now;
        cs_result r = cs_answer_part(g, s->call, &response.base);
        if (!cs_ok(r) && !(g->draining && cs_is(r, CS_NUM_AGAIN)))
            return r; /* without credit: what is true when there is some will be told */
        w->told = now;
    }
    /* the front finishes its calls before it goes; this one would never finish by itself */
    return g->draining ? cs_stream_end(g, s, CS_GRPC_UNAVAILABLE, "the proxy is going away") : CS_OK;
}

CS_RESULT cs_rpc_watch(struct cs_gate *g, struct cs_call *call)
{
    const char *service;
    CS_TRY(read_request(g, call, &service));
    if (service == NULL)
        return CS_OK;
    struct watch *w = malloc(sizeof *w);
    if (w == NULL)
        return CS_ERR(NO_MEMORY);
    *w = (struct watch){ .need = need_of(g, service), .told = -1 };
    struct cs_stream *s = cs_stream_open(g, call, pump_watch, w, free);
    if (s == NULL) {
        free(w);
        return cs_answer_status(g, call->id, CS_GRPC_RESOURCE_EXHAUSTED, "too many streams are open");
    }
    return pump_watch(g, s);
}
