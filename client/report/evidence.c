#include <stdlib.h>

#include "client/report/gather.h"
#include "client/report/text.h"
#include "countersign/v1/envelope.pb-c.h"
#include "countersign/v1/statement.pb-c.h"
#include "proto/canonical.h"
#include "proxy/policy/names.h"

typedef Countersign__V1__Statement statement_t;

struct cs_evidence_slot {
    struct cs_sha256 digest;
    struct cs_report_evidence *evidence;
};

static CS_RESULT statement_of(struct cs_gathering *g, struct cs_span digest, const statement_t **out)
{
    struct cs_span there;
    const ProtobufCMessage *m;
    CS_TRY(cs_ledger_reader_evidence(g->reader, digest, &there, g->note));
    struct cs_sha256 own = cs_sha256(there);
    if (!cs_span_eq(cs_sha256_span(&own), digest)) {
        cs_note_set(g->note, "ledger: an envelope does not digest to its name");
        return CS_ERR(STORE_CORRUPT);
    }
    cs_arena_reset(&g->scratch);
    struct cs_span kept = cs_arena_span(&g->scratch, there);
    if (kept.len != there.len)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, kept, &g->scratch, &m));
    struct cs_span payload = cs_proto_span(((const Countersign__V1__Envelope *)(const void *)m)->payload);
    CS_TRY(cs_proto_unpack(&countersign__v1__statement__descriptor, payload, &g->scratch, &m));
    *out = (const statement_t *)(const void *)m;
    return CS_OK;
}

static const char *kind_of(const statement_t *s)
{
    for (unsigned i = 0; i < countersign__v1__statement__descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &countersign__v1__statement__descriptor.fields[i];
        if (f->id == (uint32_t)s->body_case)
            return f->name;
    }
    return "statement";
}

static const char *clean(struct cs_gathering *g, ProtobufCBinaryData b)
{
    return cs_clean(&g->report->arena, cs_proto_span(b));
}

static const char *detail_of(struct cs_gathering *g, const statement_t *s)
{
    struct cs_arena *a = &g->report->arena;
    switch (s->body_case) {
    case COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL: {
        const Countersign__V1__DomainControl *d = s->domain_control;
        const char *name = d->subject_case == COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS
                               ? cs_clean_ip(a, cs_proto_span(d->ip_address))
                               : clean(g, d->domain);
        return cs_arena_printf(a, "%s by %s, observed %s", name, cs_method_name((int)d->method),
                               cs_clean_minute(a, d->observed_at_unix_s));
    }
    case COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK:
        return cs_arena_printf(a, "%s, checked %s", clean(g, s->caa_check->domain),
                               cs_clean_minute(a, s->caa_check->checked_at_unix_s));
    case COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY: {
        const Countersign__V1__OrganizationIdentity *o = s->organization_identity;
        const char *name = "no organizationName";
        for (size_t i = 0; i < o->n_attributes; i++)
            if (cs_span_eq(cs_proto_span(o->attributes[i]->oid), cs_span_of("\x55\x04\x0a", 3)))
                name = clean(g, o->attributes[i]->value);
        return cs_arena_printf(a, "%s, record %s version %llu, oldest datum %s", name, clean(g, o->record_id),
                               (unsigned long long)o->record_version,
                               cs_clean_minute(a, o->oldest_data_at_unix_s));
    }
    case COUNTERSIGN__V1__STATEMENT__BODY_ORDER:
        return cs_arena_printf(a, "requested by %s", clean(g, s->order->requester));
    default:
        return "";
    }
}

static CS_RESULT describe(struct cs_gathering *g, struct cs_span digest, struct cs_report_evidence **out)
{
    const statement_t *s;
    struct cs_arena *a = &g->report->arena;
    CS_TRY(statement_of(g, digest, &s));
    struct cs_report_evidence *e = cs_arena_get(a, sizeof *e);
    if (e == NULL || s->header == NULL)
        return e == NULL ? CS_ERR(NO_MEMORY) : CS_ERR(STORE_CORRUPT);
    const Countersign__V1__Software *software = s->header->software;
    *e = (struct cs_report_evidence){
        .kind = kind_of(s),
        .sha256 = cs_clean_hex(a, digest),
        .statement_id = cs_clean_hex(a, cs_proto_span(s->header->statement_id)),
        .attester = clean(g, s->header->attester),
        .role = cs_role_name((int)s->header->role),
        .software = software != NULL
                        ? cs_arena_printf(a, "%s %s", clean(g, software->name), clean(g, software->version))
                        : "",
        .issued_at = cs_clean_time(a, s->header->issued_at_unix_s),
        .detail = detail_of(g, s),
        .is_organization = s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY,
    };
    *out = e;
    return CS_OK;
}

CS_RESULT cs_evidence_of(struct cs_gathering *g, struct cs_span digest, const struct cs_report_evidence **out)
{
    uint64_t hash = cs_keymap_hash(0, digest);
    uint32_t at = UINT32_MAX, i;
    while (cs_keymap_next(&g->seen, hash, &at, &i))
        if (cs_span_eq(cs_sha256_span(&g->evidence[i].digest), digest)) {
            *out = g->evidence[i].evidence;
            return CS_OK;
        }
    if (g->n_evidence == g->room_evidence) {
        uint32_t room = g->room_evidence != 0 ? g->room_evidence * 2 : 256;
        struct cs_evidence_slot *more = reallocarray(g->evidence, room, sizeof *more);
        if (more == NULL)
            return CS_ERR(NO_MEMORY);
        g->evidence = more;
        g->room_evidence = room;
    }
    struct cs_evidence_slot *slot = &g->evidence[g->n_evidence];
    CS_TRY(cs_keymap_reserve(&g->seen, 1));
    CS_TRY(describe(g, digest, &slot->evidence));
    memcpy(slot->digest.byte, digest.at, sizeof slot->digest.byte); /* it was compared with a SHA-256 */
    cs_keymap_put(&g->seen, hash, g->n_evidence++);
    *out = slot->evidence;
    return CS_OK;
}

CS_RESULT cs_evidence_reason(struct cs_gathering *g, struct cs_span digest, const char **out)
{
    const statement_t *s;
    CS_TRY(statement_of(g, digest, &s));
    *out = "";
    if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_HOLD)
        *out = clean(g, s->hold->reason);
    else if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_RECALL)
        *out = clean(g, s->recall->reason);
    return CS_OK;
}

void cs_evidence_done(struct cs_gathering *g)
{
    free(g->evidence);
    g->evidence = NULL;
    cs_keymap_done(&g->seen);
}
