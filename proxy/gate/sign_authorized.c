/*
 * SignAuthorized: a digest finds the TBS that was authorised under it; from there on it is a
 * SignCertificate of that TBS, judged anew under the caller's own identity. The digest goes no further.
 */
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/gate/asking.h"
#include "proxy/ledger/authorization.h"

/* Digest and algorithm must be able to stand for a TBS at all. */
static struct cs_asking_fault digest_fault(const struct cs_asking *a)
{
    struct cs_arena *arena = a->call->arena;
    enum cs_algorithm algorithm = cs_algorithm_of_der(a->algorithm);
    if (algorithm == CS_ALG_NONE)
        return (struct cs_asking_fault){ "signature_algorithm",
                                         a->algorithm.len > CS_ALGORITHM_MAX_LEN
                                             ? cs_arena_printf(arena, "%zu octets", a->algorithm.len)
                                             : cs_show_hex(arena, a->algorithm),
                                         "an AlgorithmIdentifier of BR 7.1.3.2, with SHA-256, SHA-384 or "
                                         "SHA-512" };
    size_t len = cs_hash_len(cs_algorithm_hash(algorithm));
    if (a->digest.len != len)
        return (struct cs_asking_fault){ "digest", cs_arena_printf(arena, "%zu octets", a->digest.len),
                                         cs_arena_printf(arena, "%zu octets, for %s", len,
                                                         cs_algorithm_name(algorithm)) };
    return (struct cs_asking_fault){ NULL, NULL, NULL };
}

static const char *const found_of[] = {
    [CS_AUTHORIZATION_NONE] = "no authorization",
    [CS_AUTHORIZATION_OVER] = "an authorization that expired",
    [CS_AUTHORIZATION_SPENT] = "an authorization that another request id spent",
};

/* The issuer is checked first: a stranger to it learns nothing of what was authorised there. */
static CS_RESULT find(struct cs_asking *a, struct cs_authorization_view *out, bool *out_done)
{
    struct cs_gate *g = a->gate;
    const struct cs_issuer *issuer = cs_policy_issuer(g->policy, a->ask.issuer);
    const char *subject =
        cs_arena_printf(a->call->arena, "digest:%s", cs_show_hex(a->call->arena, a->digest));
    *out_done = true;
    if (issuer == NULL || (a->call->client->issuers >> (issuer - g->policy->issuer) & 1) == 0)
        return cs_asking_refuse_one(a, CS_RULE_N02, CS_GRPC_PERMISSION_DENIED, "issuer",
                                    cs_show_text(a->call->arena, a->ask.issuer),
                                    "an issuer that the policy lists for this client");
    const struct cs_authorization_ask ask = { .client = a->call->client->name,
                                              .request_id = a->request_id,
                                              .issuer = a->ask.issuer,
                                              .digest = a->digest,
                                              .now_unix_s = cs_clock_unix_s() };
    enum cs_authorization_state state;
    CS_TRY(cs_ledger_authorization_find(g->ledger, &ask, a->call->arena, &state, out));
    if (state != CS_AUTHORIZATION_LIVE)
        return cs_asking_refuse_one(
            a, CS_RULE_N05,
            state == CS_AUTHORIZATION_SPENT ? CS_GRPC_ALREADY_EXISTS : CS_GRPC_FAILED_PRECONDITION, subject,
            found_of[state],
            "an AuthorizeTbs of this TBS for this client and issuer, neither spent nor over");
    *out_done = false;
    return CS_OK;
}

/* The envelopes that came with the authorization, as if they came with this request. */
static CS_RESULT take_evidence(struct cs_asking *a, const Countersign__Ledger__V1__Authorization *said)
{
    struct cs_arena *arena = a->call->arena;
    Countersign__V1__Envelope **evidence = cs_arena_get(arena, said->n_evidence_sha256s * sizeof *evidence);
    if (evidence == NULL)
        return CS_ERR(NO_MEMORY);
    for (size_t i = 0; i < said->n_evidence_sha256s; i++) {
        struct cs_sha256 digest;
        struct cs_span bytes;
        union { /* protobuf-c has no const members */
            const ProtobufCMessage *in;
            Countersign__V1__Envelope *out;
        } envelope;
        memcpy(&digest, said->evidence_sha256s[i].data, sizeof digest); /* the entry's form: 32 octets */
        CS_TRY(cs_ledger_evidence_get(a->gate->ledger, &digest, arena, &bytes));
        CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, bytes, arena, &envelope.in));
        evidence[i] = envelope.out;
    }
    a->ask.evidence = evidence;
    a->ask.n_evidence = said->n_evidence_sha256s;
    return CS_OK;
}

/* A signature over this digest with another algorithm would be one over other bytes than were judged. */
static bool is_algorithm_of(struct cs_asking *a, struct cs_span tbs)
{
    struct cs_tbs *parsed = cs_arena_get(a->call->arena, sizeof *parsed);
    return parsed != NULL && cs_ok(cs_tbs_parse(tbs, parsed, NULL)) &&
           cs_span_eq(parsed->signature, a->algorithm);
}

CS_RESULT cs_rpc_sign_authorized(struct cs_gate *g, struct cs_call *call)
{
    static const ProtobufCMessageDescriptor *const type =
        &countersign__v1__sign_authorized_request__descriptor;
    struct cs_asking a = { .gate = g, .call = call };
    const ProtobufCMessage *m;
    CS_TRY(cs_asking_read(&a, type, &m));
    if (m == NULL)
        return cs_asking_refuse_bytes(&a, type);
    const Countersign__V1__SignAuthorizedRequest *q = (const Countersign__V1__SignAuthorizedRequest *)m;
    a.request_id = cs_proto_span(q->request_id);
    a.ask.issuer = cs_proto_span(q->issuer);
    a.digest = cs_proto_span(q->digest);
    a.algorithm = cs_proto_span(q->signature_algorithm);
    struct cs_asking_fault fault = cs_asking_bounds(&a, true);
    if (fault.field == NULL)
        fault = digest_fault(&a);
    if (fault.field != NULL)
        return cs_asking_refuse_fault(&a, &fault);
    bool done, admitted;
    CS_TRY(cs_asking_repeat(&a, &done));
    if (done)
        return CS_OK;
    struct cs_authorization_view found;
    CS_TRY(find(&a, &found, &done));
    if (done)
        return CS_OK;
    a.ask.tbs = cs_proto_span(found.said->tbs);
    if (!is_algorithm_of(&a, a.ask.tbs))
        return cs_asking_refuse_one(&a, CS_RULE_N05, CS_GRPC_FAILED_PRECONDITION, "signature_algorithm",
                                    cs_algorithm_name(cs_algorithm_of_der(a.algorithm)),
                                    "the algorithm that stands in the authorised TBS");
    a.ask.order_id = cs_proto_span(found.said->order_id);
    a.authorization_seq = found.seq;
    CS_TRY(take_evidence(&a, found.said));
    CS_TRY(cs_asking_judge(&a, &admitted));
    return admitted ? cs_asking_sign(&a) : CS_OK;
}
