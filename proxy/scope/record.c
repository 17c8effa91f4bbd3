/* Hits and the statement of completeness as messages, and the check of the latter. */
#include "proto/canonical.h"
#include "proxy/scope/cover.h"
#include "proxy/scope/wire.h"
#include "proxy/tlog/checkpoint.h"
#include "proxy/tlog/proof.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__V1__IssuanceRecord record_t;

#define TYPE(name) COUNTERSIGN__V1__ENTRY_TYPE__ENTRY_TYPE_##name

static void put_caller(record_t *m, const Countersign__Ledger__V1__Caller *c)
{
    if (c == NULL)
        return;
    m->client = c->client;
    m->api_version = c->api_version;
}

static CS_RESULT put_certificate(const struct cs_tbs *t, struct cs_arena *arena, record_t *m)
{
    Countersign__V1__CertificateSummary *c = cs_arena_get(arena, sizeof *c);
    Countersign__V1__CertificateName *names = cs_arena_get(arena, (t->n_names + 1u) * sizeof *names);
    struct cs_sha256 *digests = cs_arena_get(arena, 2 * sizeof *digests);
    if (c == NULL || names == NULL || digests == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__certificate_summary__init(c);
    c->names = cs_arena_get(arena, (t->n_names + 1u) * sizeof *c->names);
    c->organizations = cs_arena_get(arena, (t->n_attributes + 1u) * sizeof *c->organizations);
    if (c->names == NULL || c->organizations == NULL)
        return CS_ERR(NO_MEMORY);
    digests[0] = cs_sha256(t->der);
    digests[1] = cs_sha256(t->spki);
    c->tbs_sha256 = cs_proto_bytes(cs_sha256_span(&digests[0]));
    c->spki_sha256 = cs_proto_bytes(cs_sha256_span(&digests[1]));
    c->not_before_unix_s = t->not_before_unix_s;
    c->not_after_unix_s = t->not_after_unix_s;
    for (uint32_t i = 0; i < t->n_names; i++) {
        countersign__v1__certificate_name__init(&names[i]);
        bool dns = t->name[i].tag == CS_SAN_DNS;
        names[i].name_case = dns ? COUNTERSIGN__V1__CERTIFICATE_NAME__NAME_DNS_NAME
                                 : COUNTERSIGN__V1__CERTIFICATE_NAME__NAME_IP_ADDRESS;
        *(dns ? &names[i].dns_name : &names[i].ip_address) = cs_proto_bytes(t->name[i].value);
        c->names[c->n_names++] = &names[i];
    }
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (cs_span_eq(t->attribute[i].oid, cs_span_of("\x55\x04\x0a", 3)))
            c->organizations[c->n_organizations++] = cs_proto_bytes(t->attribute[i].value);
    m->certificate = c;
    return CS_OK;
}

static void put_intent(const Countersign__Ledger__V1__Intent *e, record_t *m)
{
    bool pre = e->kind == COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
    m->entry_type = pre ? TYPE(PRECERTIFICATE) : TYPE(CERTIFICATE);
    put_caller(m, e->caller);
    m->request_id = e->request_id;
    m->issuer = e->issuer;
    m->account = e->account;
    m->order_id = e->order_id;
    m->serial_number = e->serial;
}

static CS_RESULT put_refusal(const Countersign__Ledger__V1__Refusal *e, struct cs_arena *arena, record_t *m)
{
    m->entry_type = TYPE(REFUSAL);
    put_caller(m, e->caller);
    m->request_id = e->request_id;
    m->issuer = e->issuer;
    m->account = e->account;
    m->order_id = e->order_id;
    m->rules = cs_arena_get(arena, (e->n_reasons + 1) * sizeof *m->rules);
    if (m->rules == NULL)
        return CS_ERR(NO_MEMORY);
    for (size_t i = 0; i < e->n_reasons; i++)
        m->rules[m->n_rules++] = e->reasons[i]->rule;
    return CS_OK;
}

static CS_RESULT put_body(const entry_t *e, struct cs_arena *arena, record_t *m)
{
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        put_intent(e->intent, m);
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        return put_refusal(e->refusal, arena, m);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        m->entry_type = TYPE(AUTHORIZATION);
        put_caller(m, e->authorization->caller);
        m->request_id = e->authorization->request_id;
        m->issuer = e->authorization->issuer;
        m->account = e->authorization->account;
        m->order_id = e->authorization->order_id;
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        m->entry_type = TYPE(DEPOSIT);
        put_caller(m, e->deposit->caller);
        m->account = e->deposit->account;
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
        m->entry_type = TYPE(HOLD);
        put_caller(m, e->hold->caller);
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        m->entry_type = TYPE(RECALL);
        put_caller(m, e->recall->caller);
        return CS_OK;
    default:
        m->entry_type = TYPE(OTHER);
        return CS_OK;
    }
}

CS_RESULT cs_scope_record(const struct cs_scope_hit *hit, struct cs_arena *arena, record_t **out)
{
    record_t *m = cs_arena_get(arena, sizeof *m);
    if (m == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__issuance_record__init(m);
    m->ledger_entry = hit->entry->seq;
    m->time_unix_us = hit->entry->time_unix_us;
    m->result = (Countersign__V1__IssuanceResult)(__builtin_ctz((unsigned)hit->result) + 1);
    m->outcome_entry = hit->outcome_seq;
    CS_TRY(put_body(hit->entry, arena, m));
    if (hit->tbs != NULL)
        CS_TRY(put_certificate(hit->tbs, arena, m));
    *out = m;
    return CS_OK;
}

/* ---- completeness ---- */

CS_RESULT cs_scope_completeness(const struct cs_scope_cover *c, struct cs_arena *arena,
                                Countersign__V1__Completeness **out)
{
    Countersign__V1__Completeness *m = cs_arena_get(arena, sizeof *m);
    Countersign__V1__CoveredPiece *pieces = cs_arena_get(arena, (c->n_pieces + 1u) * sizeof *pieces);
    if (m == NULL || pieces == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__completeness__init(m);
    m->pieces = cs_arena_get(arena, (c->n_pieces + 1u) * sizeof *m->pieces);
    if (m->pieces == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < c->n_pieces; i++) {
        countersign__v1__covered_piece__init(&pieces[i]);
        pieces[i].from = c->piece[i].from;
        pieces[i].to = c->piece[i].to;
        pieces[i].by_index = c->piece[i].by_run;
        pieces[i].root_sha256 = cs_proto_bytes(cs_sha256_span(&c->piece[i].root));
        m->pieces[m->n_pieces++] = &pieces[i];
    }
    m->tree_size = c->size;
    m->root_sha256 = cs_proto_bytes(cs_sha256_span(&c->root));
    m->n_by_index = c->by_runs;
    m->n_by_reading = c->by_reading;
    m->n_refused_pieces = c->n_bad;
    m->n_candidates = c->candidates;
    m->n_confirmed = c->confirmed;
    m->n_rejected = c->rejected;
    m->n_unreadable = c->unreadable;
    *out = m;
    return CS_OK;
}

static CS_RESULT contradicts(struct cs_note *note, const char *what)
{
    cs_note_set(note, "the statement of completeness does not hold: %s", what);
    return CS_ERR(STORE_CORRUPT);
}

static bool digest_of(ProtobufCBinaryData b, struct cs_sha256 *out)
{
    if (b.len != sizeof out->byte)
        return false;
    memcpy(out->byte, b.data, b.len);
    return true;
}

static CS_RESULT check_pieces(const Countersign__V1__Completeness *m, struct cs_note *note)
{
    struct cs_merkle fold = { 0 };
    for (size_t i = 0; i < m->n_pieces; i++) {
        const Countersign__V1__CoveredPiece *p = m->pieces[i];
        struct cs_sha256 root;
        if (p->from != fold.size + 1 || p->to < p->from || !digest_of(p->root_sha256, &root) ||
            !cs_ok(cs_cover_put(&fold, p->to - p->from + 1, &root)))
            return contradicts(note, "its pieces do not stand side by side");
    }
    struct cs_sha256 own = cs_merkle_root(&fold);
    if (fold.size != m->tree_size || !cs_span_eq(cs_sha256_span(&own), cs_proto_span(m->root_sha256)))
        return contradicts(note, "its pieces do not hash to the root of the ledger");
    if (m->n_confirmed > m->n_candidates || m->n_rejected != m->n_candidates - m->n_confirmed)
        return contradicts(note, "candidates were neither confirmed nor rejected");
    return CS_OK;
}

CS_RESULT cs_scope_completeness_check(const Countersign__V1__Completeness *m, const struct cs_tlog_key *log,
                                      uint64_t *out_size, struct cs_note *note)
{
    struct cs_tlog_note signed_note;
    struct cs_tlog_checkpoint c;
    struct cs_tlog_proof proof = { 0 };
    struct cs_sha256 root;
    struct cs_note why = { "" };
    CS_TRY(check_pieces(m, note));
    *out_size = 0;
    if (log == NULL)
        return CS_OK;
    if (m->checkpoint.len == 0)
        return contradicts(note, "it has no checkpoint to check with the key");
    if (!cs_ok(cs_tlog_checkpoint_open(cs_proto_span(m->checkpoint), log, &signed_note, &c, &why)))
        return contradicts(note, why.text);
    if (c.size < m->tree_size || m->n_consistency_proof > CS_TLOG_PROOF_MAX ||
        !digest_of(m->root_sha256, &root))
        return contradicts(note, "its checkpoint is of fewer entries");
    for (size_t i = 0; i < m->n_consistency_proof; i++)
        if (!digest_of(m->consistency_proof[i], &proof.hash[proof.n++]))
            return contradicts(note, "its proof is malformed");
    if (!cs_tlog_consistency_holds(&proof, m->tree_size, c.size, &root, &c.root))
        return contradicts(note, "its entries are not those that the checkpoint was signed for");
    *out_size = c.size;
    return CS_OK;
}
