/* Form of OrganizationIdentity. */
#include "proxy/gate/evidence/form.h"

#include "proto/canonical.h"

/* Content octets of an OBJECT IDENTIFIER: subidentifiers without leading zeros, the last one ended. */
static bool is_oid(ProtobufCBinaryData v)
{
    if (!cs_len_in(v, 1, 32))
        return false;
    bool first = true;
    for (size_t i = 0; i < v.len; i++) {
        if (first && v.data[i] == 0x80)
            return false;
        first = (v.data[i] & 0x80) == 0;
    }
    return first;
}

static bool is_ascii(struct cs_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] >= 0x80)
            return false;
    return true;
}

static void form_attribute(struct cs_form *f, const Countersign__V1__SubjectAttribute *a)
{
    struct cs_span value = cs_proto_span(a->value);
    cs_need(f, is_oid(a->oid), "organization_identity.attributes.oid: content octets of an OID");
    cs_need(f, cs_len_in(a->value, 1, 512), "organization_identity.attributes.value: 1 to 512 octets");
    switch (a->string_type) {
    case COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_UTF8:
        cs_need(f, cs_utf8_valid(value), "organization_identity.attributes.value: UTF-8");
        break;
    case COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_PRINTABLE:
    case COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_IA5:
        cs_need(f, is_ascii(value), "organization_identity.attributes.value: ASCII, for its string type");
        break;
    default:
        cs_need(f, false, "organization_identity.attributes.string_type: UTF8, PRINTABLE or IA5");
    }
}

static void form_source(struct cs_form *f, const Countersign__V1__Source *s, int64_t oldest_data_at_unix_s)
{
    cs_need(f, s->kind != COUNTERSIGN__V1__SOURCE_KIND__SOURCE_KIND_UNSPECIFIED,
            "organization_identity.sources.kind: a kind");
    cs_need(f, cs_len_in(s->name, 1, 256), "organization_identity.sources.name: 1 to 256 octets");
    cs_need(f, cs_len_in(s->reference, 0, 512),
            "organization_identity.sources.reference: at most 512 octets");
    cs_need(f, cs_is_past(f, s->retrieved_at_unix_s),
            "organization_identity.sources.retrieved_at_unix_s: given, not after issued_at");
    cs_need(f, s->retrieved_at_unix_s >= oldest_data_at_unix_s,
            "organization_identity.oldest_data_at_unix_s: not after any source was retrieved");
}

/* EVG 3.2.2.13: who reviews and approves is not who collected. */
static void form_people(struct cs_form *f, const Countersign__V1__OrganizationIdentity *m)
{
    cs_need(f, m->n_collectors > 0 && cs_is_set(m->n_collectors, m->collectors, CS_PEOPLE_MAX, 1, 128),
            "organization_identity.collectors: 1 to 16 different people");
    cs_need(f, cs_is_set(m->n_reviewers, m->reviewers, CS_PEOPLE_MAX, 1, 128),
            "organization_identity.reviewers: at most 16 different people");
    cs_need(f, cs_len_in(m->approver, 0, 128), "organization_identity.approver: at most 128 octets");
    if (f->why != NULL || m->profile != COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION)
        return;
    cs_need(f, m->n_reviewers > 0, "organization_identity.reviewers: at least one, for extended validation");
    for (size_t i = 0; i < m->n_reviewers; i++)
        cs_need(f, !cs_is_among(m->reviewers[i], m->n_collectors, m->collectors),
                "organization_identity.reviewers: nobody who collected, for extended validation");
    cs_need(f, m->approver.len != 0, "organization_identity.approver: somebody, for extended validation");
    cs_need(f, !cs_is_among(m->approver, m->n_collectors, m->collectors),
            "organization_identity.approver: nobody who collected, for extended validation");
}

/* BR 7.1.2.7.2, 3.2.2.3: a domain-validated subject may name a verified country and nothing else. */
static bool is_country_alone(const Countersign__V1__OrganizationIdentity *m)
{
    static const uint8_t country_name[] = { 0x55, 0x04, 0x06 };
    return m->n_attributes == 1 &&
           cs_span_eq(cs_proto_span(m->attributes[0]->oid), cs_span_of(country_name, sizeof country_name));
}

void cs_form_organization_identity(struct cs_form *f, const Countersign__V1__OrganizationIdentity *m)
{
    cs_need(f, m->n_attributes > 0 && m->n_attributes <= CS_ATTRIBUTES_MAX,
            "organization_identity.attributes: 1 to 64");
    for (size_t i = 0; i < m->n_attributes && f->why == NULL; i++)
        form_attribute(f, m->attributes[i]);
    cs_need(f, cs_len_in(m->record_id, 1, 64), "organization_identity.record_id: 1 to 64 octets");
    cs_need(f, m->record_version > 0, "organization_identity.record_version: from 1");
    cs_need(f, m->previous_statement_sha256.len == 0 || cs_is_digest(m->previous_statement_sha256),
            "organization_identity.previous_statement_sha256: 32 octets, or absent");
    cs_need(f, m->record_version != 1 || m->previous_statement_sha256.len == 0,
            "organization_identity.previous_statement_sha256: absent, for a first version");
    cs_need(f, m->profile != COUNTERSIGN__V1__PROFILE__PROFILE_UNSPECIFIED,
            "organization_identity.profile: given");
    cs_need(f, m->profile != COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED || is_country_alone(m),
            "organization_identity.attributes: countryName alone, for a domain-validated profile");
    cs_need(f, cs_is_past(f, m->oldest_data_at_unix_s),
            "organization_identity.oldest_data_at_unix_s: given, not after issued_at");
    cs_need(f, m->n_sources > 0 && m->n_sources <= CS_SOURCES_MAX, "organization_identity.sources: 1 to 64");
    for (size_t i = 0; i < m->n_sources && f->why == NULL; i++)
        form_source(f, m->sources[i], m->oldest_data_at_unix_s);
    form_people(f, m);
    cs_need(f, m->authenticity != NULL, "organization_identity.authenticity: present");
    if (m->authenticity == NULL)
        return;
    cs_need(f, cs_len_in(m->authenticity->method, 1, 64),
            "organization_identity.authenticity.method: 1 to 64 octets");
    cs_need(f, cs_len_in(m->authenticity->contact_source, 1, 256),
            "organization_identity.authenticity.contact_source: 1 to 256 octets");
    cs_need(f, cs_is_past(f, m->authenticity->confirmed_at_unix_s),
            "organization_identity.authenticity.confirmed_at_unix_s: given, not after issued_at");
}
