/* SignCertificate and EvaluateCertificate: one decision, with and without the key. */
#include "countersign/v1/signing_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/gate/report.h"

enum { REQUEST_ID_MIN_LEN = 16, REQUEST_ID_MAX_LEN = 64, EVIDENCE_MAX = CS_FACTS_EVIDENCE_MAX };

/* One request while it is answered. */
struct asking {
    struct cs_gate *gate;
    struct cs_call *call;
    struct cs_span request_id;
    struct cs_ask ask;
    struct cs_judged judged;
};

/* The refusal is recorded in this turn and answered once that is durable. */
static CS_RESULT refuse(struct asking *a, const struct cs_verdict *v, uint32_t status,
                        const struct cs_judged *judged)
{
    Countersign__Ledger__V1__Entry *entry;
    uint64_t seq = 0;
    CS_TRY(cs_report_refusal_entry(a->call, a->gate->policy, v, judged, a->request_id, a->ask.issuer,
                                   a->ask.tbs, status, &entry));
    cs_result r = cs_ledger_append(a->gate->ledger, entry, &seq);
    if (!cs_ok(r))
        CS_TRY(cs_store_failed(a->gate, r));
    struct cs_msg_answer answer;
    CS_TRY(cs_report_refusal(v, status, a->request_id, seq, a->call->arena, &answer));
    return cs_answer_held(a->gate, a->call->id, &answer);
}

static CS_RESULT refuse_one(struct asking *a, enum cs_rule rule, uint32_t status, const char *subject,
                            const char *found, const char *needed)
{
    struct cs_verdict v = { .arena = a->call->arena };
    cs_verdict_add(&v, rule, subject, found, "%s", needed);
    return refuse(a, &v, status, NULL);
}

/* Bounds of the fields, before anything is judged. NULL when all hold; else the field, with texts. */
static const char *bad_field(const struct asking *a, bool needs_request_id, const char **found,
                             const char **needed)
{
    struct cs_arena *arena = a->call->arena;
    if (needs_request_id &&
        (a->request_id.len < REQUEST_ID_MIN_LEN || a->request_id.len > REQUEST_ID_MAX_LEN)) {
        *found = cs_arena_printf(arena, "%zu octets", a->request_id.len);
        *needed = "16 to 64 octets";
        return "request_id";
    }
    if (a->ask.n_evidence > EVIDENCE_MAX) {
        *found = cs_arena_printf(arena, "%zu envelopes", a->ask.n_evidence);
        *needed = "at most 1024 envelopes";
        return "evidence";
    }
    if (a->ask.order_id.len > CS_ORDER_ID_MAX_LEN) {
        *found = cs_arena_printf(arena, "%zu octets", a->ask.order_id.len);
        *needed = "at most 64 octets";
        return "order_id";
    }
    return NULL;
}

static CS_RESULT replay(struct asking *a, const struct cs_intent_view *old)
{
    struct cs_arena *arena = a->call->arena;
    if (old->state != CS_INTENT_SIGNED)
        return cs_answer_status(
            a->gate, a->call->id, CS_GRPC_DATA_LOSS,
            cs_arena_printf(arena,
                            "intent %llu of this request id is recorded as unknown: the key may "
                            "have been used; it is never signed again",
                            (unsigned long long)old->seq));
    struct cs_tbs *tbs = cs_arena_get(arena, sizeof *tbs);
    if (tbs == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_tbs_parse(old->tbs, tbs, NULL));
    CS_AUTO_BUF struct cs_buf certificate = { .max = 2 * CS_TBS_MAX_LEN };
    cs_certificate_put(&certificate, old->tbs, tbs->signature, old->signature);
    CS_TRY(cs_buf_end(&certificate));
    Countersign__V1__SignCertificateResponse m;
    countersign__v1__sign_certificate_response__init(&m);
    m.certificate = cs_proto_bytes(cs_buf_span(&certificate));
    m.signature = cs_proto_bytes(old->signature);
    m.ledger_entry = old->seq;
    m.replayed = true;
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&m.base, arena, &answer.response));
    return cs_answer_held(a->gate, a->call->id, &answer);
}

/* A repeat waits for, or gets, what the first call got; *out_done when the call is taken care of. */
static CS_RESULT repeat(struct asking *a, bool *out_done)
{
    struct cs_gate *g = a->gate;
    struct cs_sha256 tbs_sha256 = cs_sha256(a->ask.tbs);
    struct cs_flight *f = cs_flight_of_request(g, a->call->client, a->request_id);
    struct cs_intent_view old = { .state = CS_INTENT_NONE };
    if (f == NULL)
        CS_TRY(cs_ledger_request_get(g->ledger, a->call->client->name, a->request_id, a->call->arena, &old));
    *out_done = f != NULL || old.state != CS_INTENT_NONE;
    if (!*out_done)
        return CS_OK;
    const struct cs_sha256 *first = f != NULL ? &f->tbs_sha256 : &old.tbs_sha256;
    struct cs_span issuer = f != NULL ? g->policy->issuer[f->issuer].id : old.issuer;
    if (memcmp(first, &tbs_sha256, sizeof tbs_sha256) != 0 || !cs_span_eq(issuer, a->ask.issuer))
        return refuse_one(a, CS_RULE_N04, CS_GRPC_ALREADY_EXISTS, "request_id",
                          cs_arena_printf(a->call->arena, "another TBS of issuer %s has this id",
                                          cs_show_text(a->call->arena, issuer)),
                          "a new request id, or the same issuer and TBS as before");
    if (f == NULL)
        return replay(a, &old);
    if (!cs_flight_join(f, a->call))
        return cs_answer_status(g, a->call->id, CS_GRPC_RESOURCE_EXHAUSTED,
                                "too many calls wait for this request id already");
    return CS_OK;
}

/* Keeps the inline envelopes the intent names, so that the record can be read for ever, and spends the
 * one-time tokens of all it relies on. */
static CS_RESULT keep_evidence(struct cs_gate *g, const struct cs_facts *f, const bool *relied_on)
{
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        const struct cs_evidence *e = &f->evidence[i];
        struct cs_sha256 token, bound;
        if (!relied_on[i])
            continue;
        if (cs_token_of(e, &token, &bound))
            CS_TRY(cs_ledger_token_put(g->ledger, &token, &bound));
        if (e->deposited)
            continue;
        CS_TRY(cs_ledger_evidence_put(g->ledger, &e->digest, e->envelope));
        CS_TRY(cs_ledger_statement_put(g->ledger, cs_proto_span(e->statement->header->statement_id),
                                       &e->payload_sha256));
    }
    return CS_OK;
}

static CS_RESULT admit(struct asking *a)
{
    struct cs_gate *g = a->gate;
    const struct cs_judged *c = &a->judged;
    struct cs_arena *arena = a->call->arena;
    Countersign__Ledger__V1__Entry *entry;
    Countersign__V1__Verdict *verdict;
    bool *relied_on = cs_arena_get(arena, c->facts.n_evidence * sizeof *relied_on);
    if (relied_on == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_report_intent_entry(a->call, c, a->request_id, &entry, relied_on));
    CS_TRY(cs_report_verdict(c, arena, &verdict));
    struct cs_flight *f = cs_flight_open(g);
    if (f == NULL)
        return cs_answer_status(g, a->call->id, CS_GRPC_RESOURCE_EXHAUSTED,
                                "too many certificates wait for the signers; nothing was signed");
    f->issuer = (uint32_t)(c->facts.issuer - g->policy->issuer);
    f->kind = c->facts.kind == CS_LEAF_PRECERTIFICATE ? CS_SIGN_PRECERTIFICATE : CS_SIGN_CERTIFICATE;
    f->algorithm = cs_algorithm_der(cs_algorithm_of_der(c->tbs->signature));
    f->client = a->call->client;
    f->tbs_sha256 = c->facts.tbs_sha256;
    (void)cs_flight_join(f, a->call); /* a new flight has room */
    cs_buf_put(&f->request_id, a->request_id.at, a->request_id.len);
    cs_buf_put(&f->tbs, a->ask.tbs.at, a->ask.tbs.len);
    struct cs_span packed;
    cs_result r = cs_proto_pack(&verdict->base, arena, &packed);
    if (cs_ok(r))
        cs_buf_put(&f->verdict, packed.at, packed.len);
    if (f->request_id.failed || f->tbs.failed || f->verdict.failed)
        r = CS_ERR(NO_MEMORY);
    if (cs_ok(r))
        r = keep_evidence(g, &c->facts, relied_on);
    if (cs_ok(r))
        r = cs_ledger_append(g->ledger, entry, &f->seq);
    if (cs_class(r) == CS_CLASS_CALLER || cs_class(r) == CS_CLASS_BUSY) { /* this request's own fault */
        cs_flight_undo(g, f);
        return r;
    }
    return cs_ok(r) ? CS_OK : cs_store_failed(g, r);
}

CS_RESULT cs_rpc_sign(struct cs_gate *g, struct cs_call *call)
{
    struct asking a = { .gate = g, .call = call };
    const ProtobufCMessage *m;
    cs_result r = cs_proto_unpack(&countersign__v1__sign_certificate_request__descriptor, call->msg->request,
                                  call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    if (!cs_ok(r))
        return refuse_one(&a, CS_RULE_N03, CS_GRPC_INVALID_ARGUMENT, "request",
                          "not a canonical SignCertificateRequest",
                          "canonical protobuf: known fields, each once, in order, minimal");
    const Countersign__V1__SignCertificateRequest *q = (const Countersign__V1__SignCertificateRequest *)m;
    a.request_id = cs_proto_span(q->request_id);
    a.ask = (struct cs_ask){ .issuer = cs_proto_span(q->issuer),
                             .tbs = cs_proto_span(q->tbs_certificate),
                             .order_id = cs_proto_span(q->order_id),
                             .n_evidence = q->n_evidence,
                             .evidence = q->evidence };
    const char *found, *needed, *field = bad_field(&a, true, &found, &needed);
    if (field != NULL)
        return refuse_one(&a, CS_RULE_N03, CS_GRPC_INVALID_ARGUMENT, field, found, needed);
    bool done;
    CS_TRY(repeat(&a, &done));
    if (done)
        return CS_OK;
    CS_TRY(cs_judge_request(g, call, &a.ask, &a.judged));
    if (!cs_verdict_admits(&a.judged.verdict))
        return refuse(&a, &a.judged.verdict, cs_report_status(&a.judged.verdict, a.judged.malformed),
                      &a.judged);
    if (!cs_key_ready(g, (uint32_t)(a.judged.facts.issuer - g->policy->issuer)))
        return cs_answer_status(g, call->id, CS_GRPC_UNAVAILABLE,
                                "no signer can use the issuer's key now; nothing was signed");
    return admit(&a);
}

CS_RESULT cs_rpc_evaluate(struct cs_gate *g, struct cs_call *call)
{
    struct asking a = { .gate = g, .call = call };
    const ProtobufCMessage *m;
    cs_result r = cs_proto_unpack(&countersign__v1__evaluate_certificate_request__descriptor,
                                  call->msg->request, call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    if (!cs_ok(r))
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                "not a canonical EvaluateCertificateRequest");
    const Countersign__V1__EvaluateCertificateRequest *q =
        (const Countersign__V1__EvaluateCertificateRequest *)m;
    a.ask = (struct cs_ask){ .issuer = cs_proto_span(q->issuer),
                             .tbs = cs_proto_span(q->tbs_certificate),
                             .order_id = cs_proto_span(q->order_id),
                             .n_evidence = q->n_evidence,
                             .evidence = q->evidence };
    const char *found, *needed, *field = bad_field(&a, false, &found, &needed);
    if (field != NULL)
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                cs_arena_printf(call->arena, "%s: %s; needed: %s", field, found, needed));
    CS_TRY(cs_judge_request(g, call, &a.ask, &a.judged));
    Countersign__V1__EvaluateCertificateResponse response;
    countersign__v1__evaluate_certificate_response__init(&response);
    CS_TRY(cs_report_verdict(&a.judged, call->arena, &response.verdict));
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&response.base, call->arena, &answer.response));
    if (answer.response.len > CS_ANSWER_MAX_LEN)
        return cs_answer_status(g, call->id, CS_GRPC_RESOURCE_EXHAUSTED,
                                "the verdict is larger than an answer may be");
    return cs_answer_now(g, call->id, &answer);
}
