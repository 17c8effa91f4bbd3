/* From a request to a flight: repeats, the decision, the intent. */
#include "proto/canonical.h"
#include "proxy/gate/asking.h"
#include "proxy/gate/witnesses.h"

/* The TBS that the request id stood for before: is it what this request means? */
static bool is_the_same(const struct cs_asking *a, struct cs_span issuer, struct cs_span tbs)
{
    if (!cs_span_eq(issuer, a->ask.issuer))
        return false;
    if (a->digest.len == 0)
        return cs_span_eq(tbs, a->ask.tbs);
    uint8_t digest[CS_DIGEST_MAX_LEN];
    struct cs_tbs *parsed = cs_arena_get(a->call->arena, sizeof *parsed);
    enum cs_algorithm algorithm = cs_algorithm_of_der(a->algorithm);
    if (parsed == NULL || !cs_ok(cs_tbs_parse(tbs, parsed, NULL)) ||
        !cs_span_eq(parsed->signature, a->algorithm))
        return false;
    cs_hash(cs_algorithm_hash(algorithm), tbs, digest);
    return cs_span_eq(cs_span_of(digest, cs_hash_len(cs_algorithm_hash(algorithm))), a->digest);
}

/* SignAuthorizedResponse has the fields of SignCertificateResponse, number by number: one answer for both
 * (tests/unit/gate/answers.c). */
static CS_RESULT replay(struct cs_asking *a, const struct cs_intent_view *old)
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
    if (cs_witnesses_must_wait(a->gate, old->outcome_seq))
        return cs_parked_add(a->gate, a->call->id, old->outcome_seq, old->seq, answer.response);
    return cs_answer_held(a->gate, a->call->id, &answer);
}

CS_RESULT cs_asking_repeat(struct cs_asking *a, bool *out_done)
{
    struct cs_gate *g = a->gate;
    struct cs_flight *f = cs_flight_of_request(g, a->call->client, a->request_id);
    struct cs_intent_view old = { .state = CS_INTENT_NONE };
    if (f == NULL)
        CS_TRY(cs_ledger_request_get(g->ledger, a->call->client->name, a->request_id, a->call->arena, &old));
    *out_done = f != NULL || old.state != CS_INTENT_NONE;
    if (!*out_done)
        return CS_OK;
    struct cs_span issuer = f != NULL ? g->policy->issuer[f->issuer].id : old.issuer;
    if (!is_the_same(a, issuer, f != NULL ? cs_buf_span(&f->tbs) : old.tbs))
        return cs_asking_refuse_one(a, CS_RULE_N04, CS_GRPC_ALREADY_EXISTS, "request_id",
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

CS_RESULT cs_asking_judge(struct cs_asking *a, bool *out_admitted)
{
    CS_TRY(cs_judge_request(a->gate, a->call, &a->ask, &a->judged));
    const struct cs_verdict *v = &a->judged.verdict;
    *out_admitted = cs_verdict_admits(v);
    if (*out_admitted)
        return CS_OK;
    return cs_asking_refuse(a, v, cs_report_status(v, a->judged.malformed), &a->judged);
}

CS_RESULT cs_asking_keep(struct cs_asking *a, const bool *chosen)
{
    struct cs_ledger *l = a->gate->ledger;
    const struct cs_facts *f = &a->judged.facts;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        const struct cs_evidence *e = &f->evidence[i];
        if (e->deposited || (chosen != NULL && !chosen[i]))
            continue;
        CS_TRY(cs_ledger_evidence_put(l, &e->digest, e->envelope));
        CS_TRY(cs_ledger_statement_put(l, cs_proto_span(e->statement->header->statement_id),
                                       &e->payload_sha256));
    }
    return CS_OK;
}

/* Spends the one-time tokens of all that the intent relies on. */
static CS_RESULT spend_tokens(struct cs_asking *a, const bool *relied_on)
{
    const struct cs_facts *f = &a->judged.facts;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        struct cs_sha256 token, bound;
        if (relied_on[i] && cs_token_of(&f->evidence[i], &token, &bound))
            CS_TRY(cs_ledger_token_put(a->gate->ledger, &token, &bound));
    }
    return CS_OK;
}

static CS_RESULT fill_flight(struct cs_asking *a, struct cs_flight *f)
{
    const struct cs_judged *c = &a->judged;
    Countersign__V1__Verdict *verdict;
    struct cs_span packed;
    f->issuer = (uint32_t)(c->facts.issuer - a->gate->policy->issuer);
    f->kind = c->facts.kind == CS_LEAF_PRECERTIFICATE ? CS_SIGN_PRECERTIFICATE : CS_SIGN_CERTIFICATE;
    f->algorithm = cs_algorithm_der(cs_algorithm_of_der(c->tbs->signature));
    f->client = a->call->client;
    f->tbs_sha256 = c->facts.tbs_sha256;
    (void)cs_flight_join(f, a->call); /* a new flight has room */
    CS_TRY(cs_report_verdict(c, a->call->arena, &verdict));
    CS_TRY(cs_proto_pack(&verdict->base, a->call->arena, &packed));
    cs_buf_put(&f->request_id, a->request_id.at, a->request_id.len);
    cs_buf_put(&f->tbs, a->ask.tbs.at, a->ask.tbs.len);
    cs_buf_put(&f->verdict, packed.at, packed.len);
    return f->request_id.failed || f->tbs.failed || f->verdict.failed ? CS_ERR(NO_MEMORY) : CS_OK;
}

/* The clock went on while it was judged: only the ledger's own look counts. */
static CS_RESULT refuse_authorization(struct cs_asking *a, cs_result why)
{
    bool spent = cs_is(why, CS_NUM_EXISTS);
    return cs_asking_refuse_one(a, CS_RULE_N05, spent ? CS_GRPC_ALREADY_EXISTS : CS_GRPC_FAILED_PRECONDITION,
                                "digest", spent ? "its authorization is spent" : "its authorization is over",
                                "an authorization that is neither spent nor over");
}

CS_RESULT cs_asking_sign(struct cs_asking *a)
{
    struct cs_gate *g = a->gate;
    const struct cs_judged *c = &a->judged;
    Countersign__Ledger__V1__Entry *entry;
    if (!cs_key_ready(g, (uint32_t)(c->facts.issuer - g->policy->issuer)))
        return cs_answer_status(g, a->call->id, CS_GRPC_UNAVAILABLE,
                                "no signer can use the issuer's key now; nothing was signed");
    bool *relied_on = cs_arena_get(a->call->arena, c->facts.n_evidence * sizeof *relied_on);
    if (relied_on == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_report_intent_entry(a->call, c, a->request_id, &entry, relied_on));
    entry->intent->authorization_seq = a->authorization_seq;
    struct cs_flight *f = cs_flight_open(g);
    if (f == NULL)
        return cs_answer_status(g, a->call->id, CS_GRPC_RESOURCE_EXHAUSTED,
                                "too many certificates wait for the signers; nothing was signed");
    cs_result r = fill_flight(a, f);
    if (cs_ok(r))
        r = cs_asking_keep(a, relied_on);
    if (cs_ok(r))
        r = spend_tokens(a, relied_on);
    bool refused = false;
    if (cs_ok(r)) {
        r = cs_ledger_append(g->ledger, entry, &f->seq);
        refused = a->authorization_seq != 0 && (cs_is(r, CS_NUM_NOT_FOUND) || cs_is(r, CS_NUM_EXISTS));
    }
    if (cs_class(r) == CS_CLASS_CALLER || cs_class(r) == CS_CLASS_BUSY) { /* this request's own fault */
        cs_flight_undo(g, f);
        return refused ? refuse_authorization(a, r) : r;
    }
    return cs_ok(r) ? CS_OK : cs_store_failed(g, r);
}
