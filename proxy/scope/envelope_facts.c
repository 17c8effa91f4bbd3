#include "countersign/v1/envelope.pb-c.h"
#include "countersign/v1/statement.pb-c.h"

#include "proto/canonical.h"
#include "proxy/scope/facts.h"

typedef Countersign__V1__Statement statement_t;

static void put(struct cs_buf *out, enum cs_fact fact, struct cs_span value)
{
    if (value.len == 0)
        return;
    cs_buf_put_u8(out, (uint8_t)fact);
    cs_buf_put_span(out, value);
}

static void put_octet(struct cs_buf *out, enum cs_fact fact, int value)
{
    uint8_t octet = (uint8_t)value;
    if (value > 0 && value < 256)
        put(out, fact, cs_span_of(&octet, 1));
}

static void put_pair(struct cs_buf *out, enum cs_fact fact, struct cs_span a, struct cs_span b)
{
    cs_buf_put_u8(out, (uint8_t)fact);
    cs_buf_put_u32(out, (uint32_t)(a.len + 1 + b.len));
    cs_buf_put(out, a.at, a.len);
    cs_buf_put_u8(out, 0);
    cs_buf_put(out, b.at, b.len);
}

static void put_persons(struct cs_buf *out, size_t n, const ProtobufCBinaryData *at)
{
    for (size_t i = 0; i < n; i++)
        put(out, CS_FACT_PERSON, cs_proto_span(at[i]));
}

static void put_perspectives(struct cs_buf *out, const Countersign__V1__Perspectives *p)
{
    if (p == NULL)
        return;
    if (p->primary != NULL)
        put(out, CS_FACT_PERSPECTIVE, cs_proto_span(p->primary->id));
    for (size_t i = 0; i < p->n_remotes; i++)
        put(out, CS_FACT_PERSPECTIVE, cs_proto_span(p->remotes[i]->id));
}

static void put_organization(struct cs_buf *out, const Countersign__V1__OrganizationIdentity *m)
{
    uint8_t version[8];
    for (unsigned i = 0; i < 8; i++)
        version[i] = (uint8_t)(m->record_version >> (56 - 8 * i));
    if (m->record_id.len != 0) {
        put(out, CS_FACT_RECORD, cs_proto_span(m->record_id));
        put_pair(out, CS_FACT_RECORD_VERSION, cs_proto_span(m->record_id), cs_span_of(version, 8));
    }
    put_persons(out, m->n_collectors, m->collectors);
    put_persons(out, m->n_reviewers, m->reviewers);
    put(out, CS_FACT_PERSON, cs_proto_span(m->approver));
}

static void put_body(struct cs_buf *out, const statement_t *s)
{
    switch (s->body_case) {
    case COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL:
        put_octet(out, CS_FACT_METHOD, (int)s->domain_control->method);
        put_octet(out, CS_FACT_METHOD, (int)s->domain_control->inner_method);
        put_perspectives(out, s->domain_control->perspectives);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK:
        put_perspectives(out, s->caa_check->perspectives);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY:
        put_organization(out, s->organization_identity);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_ORDER:
        put(out, CS_FACT_PERSON, cs_proto_span(s->order->requester));
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_LINT:
        if (s->lint->linter.len != 0) {
            put(out, CS_FACT_SOFTWARE, cs_proto_span(s->lint->linter));
            put_pair(out, CS_FACT_SOFTWARE_VERSION, cs_proto_span(s->lint->linter),
                     cs_proto_span(s->lint->linter_version));
        }
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL:
        put(out, CS_FACT_PERSON, cs_proto_span(s->approval->person));
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_CEREMONY:
        put_persons(out, s->ceremony->n_officers, s->ceremony->officers);
        break;
    default: /* a hold or a recall is about other things; its header says who */
        break;
    }
}

void cs_envelope_facts(struct cs_span envelope, struct cs_arena *arena, struct cs_buf *out)
{
    const ProtobufCMessage *m = NULL;
    const statement_t *s = NULL;
    struct cs_sha256 payload = { { 0 } };
    if (cs_ok(cs_proto_unpack(&countersign__v1__envelope__descriptor, envelope, arena, &m))) {
        const Countersign__V1__Envelope *e = (const Countersign__V1__Envelope *)(const void *)m;
        if (cs_ok(cs_proto_unpack(&countersign__v1__statement__descriptor, cs_proto_span(e->payload), arena,
                                  &m)))
            s = (const statement_t *)(const void *)m;
        payload = cs_sha256(cs_proto_span(e->payload));
    }
    if (s == NULL || s->header == NULL) {
        put(out, CS_FACT_UNREADABLE, cs_span_str("e"));
        return;
    }
    const Countersign__V1__Header *h = s->header;
    put_body(out, s); /* first: this is what most questions are about */
    put(out, CS_FACT_STATEMENT, cs_proto_span(h->statement_id));
    put(out, CS_FACT_PAYLOAD, cs_sha256_span(&payload));
    put(out, CS_FACT_ATTESTER, cs_proto_span(h->attester));
    put_octet(out, CS_FACT_ROLE, (int)h->role);
    if (h->software != NULL && h->software->name.len != 0) {
        put(out, CS_FACT_SOFTWARE, cs_proto_span(h->software->name));
        put_pair(out, CS_FACT_SOFTWARE_VERSION, cs_proto_span(h->software->name),
                 cs_proto_span(h->software->version));
    }
}
