#include "proxy/ledger/store.h"

#include "proto/canonical.h"

typedef Countersign__Ledger__V1__Entry entry_t;

static bool is_digest(ProtobufCBinaryData b)
{
    return b.len == CS_SHA256_LEN;
}
static bool is_digest_or_empty(ProtobufCBinaryData b)
{
    return b.len == 0 || b.len == CS_SHA256_LEN;
}
static bool is_key(ProtobufCBinaryData b)
{
    return b.len != 0 && b.len <= CS_LEDGER_KEY_MAX_LEN;
}
static bool is_plain(const ProtobufCMessage *m)
{
    return m != NULL && m->n_unknown_fields == 0;
}

static bool are_digests(size_t n, const ProtobufCBinaryData *at)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digest(at[i]))
            return false;
    return true;
}

static bool caller_holds(const Countersign__Ledger__V1__Caller *c, bool needed)
{
    if (c == NULL)
        return !needed;
    return is_plain(&c->base) && (!needed || is_key(c->client));
}

static bool intent_holds(const Countersign__Ledger__V1__Intent *m)
{
    if (!is_plain(&m->base) || !caller_holds(m->caller, true))
        return false;
    if (!is_key(m->request_id) || !is_key(m->issuer) || !is_key(m->serial) || m->tbs.len == 0)
        return false;
    if (m->kind != COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE &&
        m->kind != COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_CERTIFICATE)
        return false;
    if (!is_digest(m->pair_sha256) || !is_digest_or_empty(m->policy_sha256))
        return false;
    if (m->order_id.len > CS_LEDGER_KEY_MAX_LEN || m->account.len > CS_LEDGER_KEY_MAX_LEN)
        return false;
    if (!are_digests(m->n_evidence_sha256s, m->evidence_sha256s))
        return false;
    if (m->subject.len == 0 ? m->identity_sha256.len != 0
                            : !is_digest(m->identity_sha256) || !is_key(m->account))
        return false;
    for (size_t i = 0; i < m->n_covers; i++) {
        const Countersign__Ledger__V1__Cover *c = m->covers[i];
        if (!is_plain(&c->base) || c->evidence >= m->n_evidence_sha256s ||
            (c->part != COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_NAME &&
             c->part != COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_SUBJECT &&
             c->part != COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_KEY &&
             c->part != COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_CAA &&
             c->part != COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_LINT))
            return false;
    }
    return true;
}

static bool refusal_holds(const Countersign__Ledger__V1__Refusal *m)
{
    if (!is_plain(&m->base) || !caller_holds(m->caller, false) || !is_digest_or_empty(m->tbs_sha256) ||
        !is_digest_or_empty(m->policy_sha256) || !are_digests(m->n_evidence_sha256s, m->evidence_sha256s))
        return false;
    for (size_t i = 0; i < m->n_reasons; i++)
        if (!is_plain(&m->reasons[i]->base))
            return false;
    return true;
}

static bool outcome_holds(const Countersign__Ledger__V1__Outcome *m)
{
    if (!is_plain(&m->base) || m->intent_seq == 0)
        return false;
    switch (m->result) {
    case COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED:
        return m->signature.len != 0 && is_digest(m->tbs_sha256);
    case COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED:
    case COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_UNKNOWN:
        return m->signature.len == 0 && is_digest_or_empty(m->tbs_sha256);
    default:
        return false;
    }
}

static bool policy_holds(const Countersign__Ledger__V1__Policy *m)
{
    if (!is_plain(&m->base) || !is_digest(m->policy_sha256))
        return false;
    for (size_t i = 0; i < m->n_lists; i++)
        if (!is_plain(&m->lists[i]->base) || !is_key(m->lists[i]->name) ||
            !is_digest_or_empty(m->lists[i]->sha256))
            return false;
    return true;
}

static bool authorization_holds(const Countersign__Ledger__V1__Authorization *m)
{
    return is_plain(&m->base) && caller_holds(m->caller, true) && is_key(m->request_id) &&
           is_key(m->for_client) && is_key(m->issuer) && m->tbs.len != 0 &&
           (m->digest.len == 32 || m->digest.len == 48 || m->digest.len == 64) &&
           is_digest_or_empty(m->policy_sha256) && m->account.len <= CS_LEDGER_KEY_MAX_LEN &&
           m->order_id.len <= CS_LEDGER_KEY_MAX_LEN &&
           are_digests(m->n_evidence_sha256s, m->evidence_sha256s) && m->expires_at_unix_s > 0;
}

static bool body_holds(const entry_t *e)
{
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_START:
        return is_plain(&e->start->base) && is_digest_or_empty(e->start->policy_sha256);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_STOP:
        return is_plain(&e->stop->base);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_POLICY:
        return policy_holds(e->policy);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HSM_EVENT:
        return is_plain(&e->hsm_event->base) &&
               (e->hsm_event->state == COUNTERSIGN__LEDGER__V1__HSM_STATE__HSM_STATE_READY ||
                e->hsm_event->state == COUNTERSIGN__LEDGER__V1__HSM_STATE__HSM_STATE_LOST);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        return is_plain(&e->deposit->base) && caller_holds(e->deposit->caller, true) &&
               is_digest(e->deposit->evidence_sha256) && is_key(e->deposit->statement_id);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        return refusal_holds(e->refusal);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return intent_holds(e->intent);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME:
        return outcome_holds(e->outcome);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        return authorization_holds(e->authorization);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        return cs_control_form(e);
    default:
        return false;
    }
}

CS_RESULT cs_entry_form(const entry_t *e)
{
    /* start stands for any member of the union: all are message pointers */
    if (e->base.n_unknown_fields != 0 || e->start == NULL || !body_holds(e))
        return CS_ERR(ARGUMENT);
    return CS_OK;
}

static bool skip_varint(struct cs_reader *r, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = cs_get_u8(r);
        v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0) {
            *out = v;
            return !r->failed;
        }
    }
    return false;
}

uint32_t cs_entry_case(struct cs_span body)
{
    struct cs_reader r = cs_reader_init(body);
    uint64_t v = 0;
    if (!skip_varint(&r, &v) || v != (1u << 3 | 0) || !skip_varint(&r, &v)) /* seq */
        return 0;
    if (!skip_varint(&r, &v) || v != (2u << 3 | 0) || !skip_varint(&r, &v)) /* time_unix_us */
        return 0;
    if (!skip_varint(&r, &v) || (v & 7) != 2 || v >> 3 > UINT16_MAX)
        return 0;
    return (uint32_t)(v >> 3);
}

bool cs_entry_time(struct cs_span body, int64_t *out_unix_us)
{
    struct cs_reader r = cs_reader_init(body);
    uint64_t v = 0;
    if (!skip_varint(&r, &v) || v != (1u << 3 | 0) || !skip_varint(&r, &v) || /* seq */
        !skip_varint(&r, &v) || v != (2u << 3 | 0) || !skip_varint(&r, &v) || v > INT64_MAX)
        return false;
    *out_unix_us = (int64_t)v;
    return true;
}

CS_RESULT cs_entry_unpack(struct cs_span body, struct cs_arena *arena, const entry_t **out)
{
    const ProtobufCMessage *m = NULL;
    cs_result r = cs_proto_unpack(&countersign__ledger__v1__entry__descriptor, body, arena, &m);
    if (cs_is(r, CS_NUM_PROTO))
        return CS_ERR(STORE_CORRUPT);
    CS_TRY(r);
    const entry_t *e = (const entry_t *)(const void *)m;
    if (!cs_ok(cs_entry_form(e)))
        return CS_ERR(STORE_CORRUPT);
    *out = e;
    return CS_OK;
}
