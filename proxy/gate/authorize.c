/*
 * AuthorizeTbs: judged as SignCertificate judges, by the same function; nothing is signed or spent. What
 * was admitted is recorded with its whole TBS, so that one SignAuthorized may ask for it by its digest.
 */
#include "proto/canonical.h"
#include "proxy/gate/asking.h"
#include "proxy/ledger/authorization.h"

enum { VALID_DEFAULT_S = 300, VALID_MAX_S = CS_AUTHORIZATION_LIFE_MAX_S };

struct authorizing {
    struct cs_asking asking;
    struct cs_span for_client;
    uint32_t valid_for_s;
};

static const struct cs_client *client_of_name(const struct cs_policy *p, struct cs_span name)
{
    for (uint32_t i = 0; i < p->n_clients; i++)
        if (cs_span_eq(p->client[i].name, name))
            return &p->client[i];
    return NULL;
}

/* *out_done: refused, for an authorization that the caller may not give or that nobody could spend. */
static CS_RESULT check_client(struct authorizing *w, bool *out_done)
{
    struct cs_asking *a = &w->asking;
    struct cs_arena *arena = a->call->arena;
    const struct cs_policy *p = a->gate->policy;
    const char *name = cs_show_text(arena, w->for_client);
    const struct cs_client *c = client_of_name(p, w->for_client);
    const struct cs_issuer *issuer = cs_policy_issuer(p, a->ask.issuer);
    struct cs_verdict v = { .arena = arena };
    *out_done = true;
    if (c == NULL || !cs_client_may_authorize_for(p, a->call->client, c))
        cs_verdict_add(&v, CS_RULE_N01, "for_client", name,
                       "a client that the policy lists in authorizes_for of client %s",
                       cs_show_text(arena, a->call->client->name));
    else if (!cs_client_may_call(c, CS_METHOD_SIGN_AUTHORIZED))
        cs_verdict_add(&v, CS_RULE_N01, "for_client", name,
                       "a client of the policy with the RPC SignAuthorized");
    else if (issuer != NULL && (c->issuers >> (issuer - p->issuer) & 1) == 0)
        cs_verdict_add(&v, CS_RULE_N02, "for_client", name, "a client that may use issuer %s",
                       cs_show_text(arena, a->ask.issuer));
    else
        *out_done = false; /* an issuer that is none is the judge's to refuse */
    return *out_done ? cs_asking_refuse(a, &v, CS_GRPC_PERMISSION_DENIED, NULL) : CS_OK;
}

static CS_RESULT answer(struct cs_asking *a, uint64_t seq, const Countersign__Ledger__V1__Authorization *said,
                        Countersign__V1__Verdict *verdict)
{
    Countersign__V1__AuthorizeTbsResponse m;
    countersign__v1__authorize_tbs_response__init(&m);
    m.verdict = verdict;
    m.digest = said->digest;
    m.expires_at_unix_s = said->expires_at_unix_s;
    m.ledger_entry = seq;
    m.replayed = verdict == NULL;
    struct cs_msg_answer out = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&m.base, a->call->arena, &out.response));
    if (out.response.len > CS_ANSWER_MAX_LEN && verdict != NULL)
        return answer(a, seq, said, NULL); /* as a repeat would get it */
    return cs_answer_held(a->gate, a->call->id, &out);
}

/* *out_done: the request id stands for an authorization, which is answered again, or for another one. */
static CS_RESULT repeat(struct authorizing *w, bool *out_done)
{
    struct cs_asking *a = &w->asking;
    struct cs_authorization_view old;
    CS_TRY(cs_ledger_authorization_of_request(a->gate->ledger, a->call->client->name, a->request_id,
                                              a->call->arena, &old));
    *out_done = old.seq != 0;
    if (old.seq == 0)
        return CS_OK;
    if (cs_span_eq(cs_proto_span(old.said->issuer), a->ask.issuer) &&
        cs_span_eq(cs_proto_span(old.said->tbs), a->ask.tbs) &&
        cs_span_eq(cs_proto_span(old.said->for_client), w->for_client))
        return answer(a, old.seq, old.said, NULL);
    return cs_asking_refuse_one(a, CS_RULE_N04, CS_GRPC_ALREADY_EXISTS, "request_id",
                                cs_arena_printf(a->call->arena, "authorization %llu has this id",
                                                (unsigned long long)old.seq),
                                "a new request id, or the same issuer, TBS and client as before");
}

/* All that came with the request is named, also what nothing was covered by: what speaks against a
 * certificate must be there when it is judged again. */
static CS_RESULT put_evidence(const struct cs_facts *f, struct cs_arena *arena,
                              Countersign__Ledger__V1__Authorization *m)
{
    m->evidence_sha256s = cs_arena_get(arena, f->n_evidence * sizeof *m->evidence_sha256s);
    if (m->evidence_sha256s == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < f->n_evidence; i++)
        if (!f->evidence[i].deposited)
            m->evidence_sha256s[m->n_evidence_sha256s++] =
                cs_proto_bytes(cs_sha256_span(&f->evidence[i].digest));
    return CS_OK;
}

static CS_RESULT record(struct authorizing *w)
{
    struct cs_asking *a = &w->asking;
    struct cs_arena *arena = a->call->arena;
    const struct cs_judged *c = &a->judged;
    enum cs_hash hash = cs_algorithm_hash(cs_algorithm_of_der(c->tbs->signature));
    uint8_t digest[CS_DIGEST_MAX_LEN];
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__Authorization m;
    Countersign__V1__Verdict *verdict;
    if (c->order == NULL) /* B01 makes this impossible */
        return CS_ERR(BUG);
    countersign__ledger__v1__entry__init(&entry);
    countersign__ledger__v1__authorization__init(&m);
    CS_TRY(cs_report_verdict(c, arena, &verdict));
    CS_TRY(cs_report_caller(a->call, &m.caller));
    cs_hash(hash, a->ask.tbs, digest);
    m.request_id = cs_proto_bytes(a->request_id);
    m.for_client = cs_proto_bytes(w->for_client);
    m.issuer = cs_proto_bytes(c->facts.issuer->id);
    m.tbs = cs_proto_bytes(c->facts.tbs->der);
    m.digest = cs_proto_bytes(cs_span_of(digest, cs_hash_len(hash)));
    m.policy_sha256 = cs_proto_bytes(cs_sha256_span(&c->facts.policy->digest));
    m.account = c->order->header->account;
    m.order_id = c->order->order->order_id;
    m.expires_at_unix_s = c->facts.now_unix_s + w->valid_for_s;
    CS_TRY(put_evidence(&c->facts, arena, &m));
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION;
    entry.authorization = &m;
    uint64_t seq = 0;
    cs_result r = cs_asking_keep(a, NULL);
    if (cs_ok(r))
        r = cs_ledger_append(a->gate->ledger, &entry, &seq);
    if (cs_class(r) == CS_CLASS_CALLER || cs_class(r) == CS_CLASS_BUSY)
        return r;
    if (!cs_ok(r))
        CS_TRY(cs_store_failed(a->gate, r));
    return answer(a, seq, &m, verdict);
}

CS_RESULT cs_rpc_authorize(struct cs_gate *g, struct cs_call *call)
{
    static const ProtobufCMessageDescriptor *const type = &countersign__v1__authorize_tbs_request__descriptor;
    struct authorizing w = { .asking = { .gate = g, .call = call } };
    struct cs_asking *a = &w.asking;
    const ProtobufCMessage *m;
    CS_TRY(cs_asking_read(a, type, &m));
    if (m == NULL)
        return cs_asking_refuse_bytes(a, type);
    const Countersign__V1__AuthorizeTbsRequest *q = (const Countersign__V1__AuthorizeTbsRequest *)m;
    a->request_id = cs_proto_span(q->request_id);
    a->ask = (struct cs_ask){ .issuer = cs_proto_span(q->issuer),
                              .tbs = cs_proto_span(q->tbs_certificate),
                              .order_id = cs_proto_span(q->order_id),
                              .n_evidence = q->n_evidence,
                              .evidence = q->evidence };
    w.for_client = q->for_client.len != 0 ? cs_proto_span(q->for_client) : call->client->name;
    w.valid_for_s = q->valid_for_s != 0 ? q->valid_for_s : VALID_DEFAULT_S;
    struct cs_asking_fault fault = cs_asking_bounds(a, true);
    if (fault.field == NULL && w.valid_for_s > VALID_MAX_S)
        fault = (struct cs_asking_fault){ "valid_for_s", cs_arena_printf(call->arena, "%u", w.valid_for_s),
                                          "1 to 3600 seconds, or 0 for 300" };
    if (fault.field != NULL)
        return cs_asking_refuse_fault(a, &fault);
    bool done, admitted;
    CS_TRY(check_client(&w, &done));
    if (done)
        return CS_OK;
    CS_TRY(repeat(&w, &done));
    if (done)
        return CS_OK;
    CS_TRY(cs_asking_judge(a, &admitted));
    return admitted ? record(&w) : CS_OK;
}
