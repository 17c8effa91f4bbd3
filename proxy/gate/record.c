/* Decisions as the ledger keeps them. */
#include "proxy/gate/numbers.h"
#include "proxy/gate/report.h"

#include "proto/canonical.h"

enum {
    RECORDED_TEXT_MAX = 300,          /* of one text of a recorded reason */
    RECORDED_REASONS_LEN = 32 * 1024, /* all reasons of a refusal entry */
    /* digests: of all evidence of a refusal, beside its reasons; of what an intent relies on, a validation
     * and a CAA check for each name at most */
    REFUSAL_EVIDENCE_MAX = 512,
    INTENT_EVIDENCE_MAX = CS_FACTS_EVIDENCE_MAX,
};

CS_RESULT cs_report_caller(const struct cs_call *call, Countersign__Ledger__V1__Caller **out)
{
    Countersign__Ledger__V1__Caller *m = cs_arena_get(call->arena, sizeof *m);
    if (m == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__ledger__v1__caller__init(m);
    if (call->client != NULL) {
        m->client = cs_proto_bytes(call->client->name);
        m->api_version = cs_proto_bytes(call->client->api_version);
    }
    const struct cs_peer *peer = &call->msg->peer;
    m->rpc = cs_proto_bytes(cs_span_str(call->rpc));
    m->listener = cs_proto_bytes(peer->listener_name);
    if (peer->transport == CS_TRANSPORT_TLS) {
        m->transport = COUNTERSIGN__LEDGER__V1__TRANSPORT__TRANSPORT_TLS;
        m->tls_name = cs_proto_bytes(call->tls_name);
        m->spki_sha256 = cs_proto_bytes(cs_sha256_span(&peer->spki_sha256));
    } else {
        m->transport = COUNTERSIGN__LEDGER__V1__TRANSPORT__TRANSPORT_UNIX;
        m->uid = peer->uid;
        m->gid = peer->gid;
    }
    *out = m;
    return CS_OK;
}

static ProtobufCBinaryData cut(const char *text)
{
    size_t len = strlen(text);
    return cs_proto_bytes(cs_span_of(text, len > RECORDED_TEXT_MAX ? RECORDED_TEXT_MAX : len));
}

static CS_RESULT put_reasons(const struct cs_verdict *v, struct cs_arena *arena,
                             Countersign__Ledger__V1__Refusal *m)
{
    m->reasons = cs_arena_get(arena, v->n_reasons * sizeof *m->reasons);
    if (m->reasons == NULL)
        return CS_ERR(NO_MEMORY);
    size_t len = 0;
    for (uint32_t i = 0; i < v->n_reasons; i++) {
        Countersign__Ledger__V1__Reason *r = cs_arena_get(arena, sizeof *r);
        if (r == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__ledger__v1__reason__init(r);
        r->rule = cs_proto_bytes(cs_span_str(cs_rule_text(v->reason[i].rule)->id));
        r->subject = cut(v->reason[i].subject);
        r->found = cut(v->reason[i].found);
        r->needed = cut(v->reason[i].needed);
        len += protobuf_c_message_get_packed_size(&r->base) + 4;
        if (len > RECORDED_REASONS_LEN)
            break;
        m->reasons[m->n_reasons++] = r;
    }
    m->total_reasons = v->n_reasons;
    return CS_OK;
}

static CS_RESULT put_digests(const struct cs_facts *f, const bool *chosen, uint32_t max,
                             struct cs_arena *arena, size_t *out_n, ProtobufCBinaryData **out)
{
    ProtobufCBinaryData *rows = cs_arena_get(arena, f->n_evidence * sizeof *rows);
    if (rows == NULL)
        return CS_ERR(NO_MEMORY);
    size_t n = 0;
    for (uint32_t i = 0; i < f->n_evidence && n < max; i++)
        if (chosen == NULL || chosen[i])
            rows[n++] = cs_proto_bytes(cs_sha256_span(&f->evidence[i].digest));
    *out_n = n;
    *out = rows;
    return CS_OK;
}

static Countersign__Ledger__V1__Entry *new_entry(struct cs_arena *arena)
{
    Countersign__Ledger__V1__Entry *e = cs_arena_get(arena, sizeof *e);
    if (e != NULL)
        countersign__ledger__v1__entry__init(e);
    return e;
}

CS_RESULT cs_report_refusal_entry(const struct cs_call *call, const struct cs_policy *policy,
                                  const struct cs_verdict *v, const struct cs_judged *c,
                                  struct cs_span request_id, struct cs_span issuer, struct cs_span tbs,
                                  uint32_t status, Countersign__Ledger__V1__Entry **out)
{
    struct cs_arena *arena = call->arena;
    Countersign__Ledger__V1__Entry *e = new_entry(arena);
    Countersign__Ledger__V1__Refusal *m = cs_arena_get(arena, sizeof *m);
    struct cs_sha256 *tbs_sha256 = cs_arena_get(arena, sizeof *tbs_sha256);
    if (e == NULL || m == NULL || tbs_sha256 == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__ledger__v1__refusal__init(m);
    CS_TRY(cs_report_caller(call, &m->caller));
    /* ids that break their own bounds are cut, so that a refusal can always be recorded */
    m->request_id = cs_proto_bytes(cs_span_of(request_id.at, request_id.len > 64 ? 64 : request_id.len));
    m->issuer = cs_proto_bytes(
        cs_span_of(issuer.at, issuer.len > CS_POLICY_ID_MAX_LEN ? CS_POLICY_ID_MAX_LEN : issuer.len));
    if (tbs.len != 0) {
        *tbs_sha256 = cs_sha256(tbs);
        m->tbs_sha256 = cs_proto_bytes(cs_sha256_span(tbs_sha256));
    }
    m->policy_sha256 = cs_proto_bytes(cs_sha256_span(&policy->digest));
    m->grpc_status = status;
    CS_TRY(put_reasons(v, arena, m));
    if (c != NULL) {
        CS_TRY(put_digests(&c->facts, NULL, REFUSAL_EVIDENCE_MAX, arena, &m->n_evidence_sha256s,
                           &m->evidence_sha256s));
        if (c->order != NULL) {
            m->account = c->order->header->account;
            m->order_id = c->order->order->order_id;
        }
    }
    e->body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL;
    e->refusal = m;
    if (call->gate != NULL)
        cs_numbers_refused(call->gate->numbers, cs_call_client_number(call->gate, call), v);
    *out = e;
    return CS_OK;
}

/* An approval of the order is part of the record though it covers nothing (BR 5.4.1: personnel). */
static bool is_approval_of(const struct cs_evidence *e, const Countersign__V1__Statement *order)
{
    return e->statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL &&
           cs_span_eq(cs_evidence_account(e), cs_proto_span(order->header->account)) &&
           cs_span_eq(cs_proto_span(e->statement->approval->order_id), cs_proto_span(order->order->order_id));
}

static CS_RESULT put_covers(const struct cs_judged *c, const bool *relied_on, struct cs_arena *arena,
                            Countersign__Ledger__V1__Intent *m)
{
    const struct cs_facts *f = &c->facts;
    uint32_t *position = cs_arena_get(arena, f->n_evidence * sizeof *position);
    m->covers = cs_arena_get(arena, c->verdict.n_covers * sizeof *m->covers);
    if (position == NULL || m->covers == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0, n = 0; i < f->n_evidence; i++)
        if (relied_on[i])
            position[i] = n++;
    for (uint32_t i = 0; i < c->verdict.n_covers; i++) {
        const struct cs_cover *cover = &c->verdict.cover[i];
        Countersign__Ledger__V1__Cover *row = cs_arena_get(arena, sizeof *row);
        if (row == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__ledger__v1__cover__init(row);
        row->part = (Countersign__Ledger__V1__CoverPart)cover->part;
        row->index = cover->index;
        row->evidence = position[cover->evidence];
        row->good_until_unix_s = cover->good_until_unix_s;
        m->covers[m->n_covers++] = row;
    }
    return CS_OK;
}

/* The account's next certificate is compared with this one (O05). The first cover of the subject is the
 * statement relied on; further ones agree with it. */
static CS_RESULT put_subject(const struct cs_judged *c, Countersign__Ledger__V1__Intent *m)
{
    if (!cs_subject_names_somebody(c->facts.tbs))
        return CS_OK;
    for (uint32_t i = 0; i < c->verdict.n_covers; i++) {
        const struct cs_cover *cover = &c->verdict.cover[i];
        if (cover->part != COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_SUBJECT)
            continue;
        m->subject = cs_proto_bytes(c->facts.tbs->subject);
        m->identity_sha256 =
            cs_proto_bytes(cs_sha256_span(&c->facts.evidence[cover->evidence].payload_sha256));
        return CS_OK;
    }
    return CS_ERR(BUG); /* O01 makes this impossible */
}

CS_RESULT cs_report_intent_entry(const struct cs_call *call, const struct cs_judged *c,
                                 struct cs_span request_id, Countersign__Ledger__V1__Entry **out,
                                 bool *relied_on)
{
    struct cs_arena *arena = call->arena;
    const struct cs_facts *f = &c->facts;
    Countersign__Ledger__V1__Entry *e = new_entry(arena);
    Countersign__Ledger__V1__Intent *m = cs_arena_get(arena, sizeof *m);
    if (e == NULL || m == NULL)
        return CS_ERR(NO_MEMORY);
    if (c->order == NULL) /* B01 makes this impossible; an intent without an order is never written */
        return CS_ERR(BUG);
    for (uint32_t i = 0; i < c->verdict.n_covers; i++)
        relied_on[c->verdict.cover[i].evidence] = true;
    uint32_t n_relied_on = 0;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        if (f->evidence[i].statement == c->order || is_approval_of(&f->evidence[i], c->order))
            relied_on[i] = true;
        n_relied_on += relied_on[i];
    }
    if (n_relied_on > INTENT_EVIDENCE_MAX)
        return CS_ERR(LIMIT);
    countersign__ledger__v1__intent__init(m);
    CS_TRY(cs_report_caller(call, &m->caller));
    m->request_id = cs_proto_bytes(request_id);
    m->issuer = cs_proto_bytes(f->issuer->id);
    m->kind = f->kind == CS_LEAF_PRECERTIFICATE ? COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE
                                                : COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_CERTIFICATE;
    m->tbs = cs_proto_bytes(f->tbs->der);
    m->serial = cs_proto_bytes(f->tbs->serial);
    m->policy_sha256 = cs_proto_bytes(cs_sha256_span(&f->policy->digest));
    m->account = c->order->header->account;
    m->order_id = c->order->order->order_id;
    CS_TRY(
        put_digests(f, relied_on, INTENT_EVIDENCE_MAX, arena, &m->n_evidence_sha256s, &m->evidence_sha256s));
    CS_TRY(put_covers(c, relied_on, arena, m));
    m->pair_sha256 = cs_proto_bytes(cs_sha256_span(&f->pair_sha256));
    CS_TRY(put_subject(c, m));
    e->body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
    e->intent = m;
    *out = e;
    return CS_OK;
}
