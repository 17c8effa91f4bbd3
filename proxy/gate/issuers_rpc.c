/* ListIssuers: what a PKCS#11 module needs to show of the issuers that its client may use. */
#include "countersign/v1/signing_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/gate/gate.h"

static CS_RESULT issuer_message(const struct cs_gate *g, uint32_t index, struct cs_arena *arena,
                                Countersign__V1__Issuer **out)
{
    const struct cs_issuer *i = &g->policy->issuer[index];
    Countersign__V1__Issuer *m = cs_arena_get(arena, sizeof *m);
    ProtobufCBinaryData *algorithms = cs_arena_get(arena, CS_ALG_COUNT * sizeof *algorithms);
    if (m == NULL || algorithms == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__issuer__init(m);
    m->id = cs_proto_bytes(i->id);
    m->certificate = cs_proto_bytes(i->certificate);
    m->signature_algorithms = algorithms;
    for (unsigned a = CS_ALG_NONE + 1; a < CS_ALG_COUNT; a++)
        if (i->algorithms >> a & 1)
            algorithms[m->n_signature_algorithms++] = cs_proto_bytes(cs_algorithm_der((enum cs_algorithm)a));
    m->ready = cs_key_ready(g, index);
    *out = m;
    return CS_OK;
}

CS_RESULT cs_rpc_list_issuers(struct cs_gate *g, struct cs_call *call)
{
    const ProtobufCMessage *m;
    cs_result r = cs_proto_unpack(&countersign__v1__list_issuers_request__descriptor, call->msg->request,
                                  call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    if (!cs_ok(r))
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT, "not a canonical ListIssuersRequest");
    Countersign__V1__ListIssuersResponse response;
    countersign__v1__list_issuers_response__init(&response);
    response.issuers = cs_arena_get(call->arena, g->policy->n_issuers * sizeof *response.issuers);
    if (response.issuers == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < g->policy->n_issuers; i++)
        if (call->client->issuers >> i & 1)
            CS_TRY(issuer_message(g, i, call->arena, &response.issuers[response.n_issuers++]));
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&response.base, call->arena, &answer.response));
    if (answer.response.len > CS_ANSWER_MAX_LEN)
        return cs_answer_status(g, call->id, CS_GRPC_RESOURCE_EXHAUSTED,
                                "the issuers do not fit into one answer");
    return cs_answer_now(g, call->id, &answer);
}
