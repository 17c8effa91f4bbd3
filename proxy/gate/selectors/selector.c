#include "proxy/gate/selectors/selector.h"

#include "proxy/policy/version.h"

typedef Countersign__V1__IssuanceSelector issuance_selector_t;
typedef Countersign__V1__EvidenceSelector evidence_selector_t;
typedef Countersign__V1__Statement statement_t;

static struct cs_span span(ProtobufCBinaryData b)
{
    return cs_span_of(b.data, b.len);
}

static bool has(size_t n, const ProtobufCBinaryData *values, struct cs_span v)
{
    for (size_t i = 0; i < n; i++)
        if (cs_span_eq(span(values[i]), v))
            return true;
    return false;
}

static bool has_any(size_t n, const ProtobufCBinaryData *values, struct cs_spans of)
{
    for (uint32_t i = 0; i < of.n; i++)
        if (has(n, values, of.at[i]))
            return true;
    return false;
}

static uint8_t lower(uint8_t b)
{
    return b >= 'A' && b <= 'Z' ? (uint8_t)(b | 0x20) : b;
}

static bool same_letters(struct cs_span a, struct cs_span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

/* ---- issuance ---- */

struct cs_span cs_serial_number(struct cs_span serial)
{
    while (serial.len != 0 && serial.at[0] == 0) {
        serial.at++;
        serial.len--;
    }
    return serial;
}

struct cs_span cs_name_base(struct cs_span name, bool *out_wildcard)
{
    *out_wildcard = name.len > 2 && name.at[0] == '*' && name.at[1] == '.';
    return *out_wildcard ? cs_span_of(name.at + 2, name.len - 2) : name;
}

static bool is_or_is_below(struct cs_span name, struct cs_span suffix)
{
    if (name.len < suffix.len || suffix.len == 0)
        return false;
    size_t before = name.len - suffix.len;
    return same_letters(cs_span_of(name.at + before, suffix.len), suffix) &&
           (before == 0 || name.at[before - 1] == '.');
}

static bool suffix_stops(struct cs_span suffix, struct cs_span name)
{
    bool wildcard;
    struct cs_span base = cs_name_base(name, &wildcard);
    if (is_or_is_below(base, suffix))
        return true;
    const uint8_t *dot = wildcard && suffix.len != 0 ? memchr(suffix.at, '.', suffix.len) : NULL;
    return dot != NULL && same_letters(cs_span_of(dot + 1, suffix.len - (size_t)(dot + 1 - suffix.at)), base);
}

static bool suffixes_match(const issuance_selector_t *s, struct cs_spans names)
{
    for (size_t i = 0; i < s->n_name_suffixes; i++)
        for (uint32_t k = 0; k < names.n; k++)
            if (suffix_stops(span(s->name_suffixes[i]), names.at[k]))
                return true;
    return false;
}

static bool organizations_match(const issuance_selector_t *s, struct cs_spans of)
{
    for (size_t i = 0; i < s->n_organizations; i++)
        for (uint32_t k = 0; k < of.n; k++)
            if (same_letters(span(s->organizations[i]), of.at[k]))
                return true;
    return false;
}

static bool certificates_match(const issuance_selector_t *s, const struct cs_issuance *x)
{
    for (uint32_t i = 0; i < x->n_certificates; i++)
        if (has(s->n_certificate_sha256s, s->certificate_sha256s, cs_sha256_span(&x->certificate_sha256[i])))
            return true;
    return false;
}

static bool serials_match(const issuance_selector_t *s, struct cs_span serial)
{
    struct cs_span number = cs_serial_number(serial);
    for (size_t i = 0; i < s->n_serial_numbers && serial.len != 0; i++)
        if (cs_span_eq(cs_serial_number(span(s->serial_numbers[i])), number))
            return true;
    return false;
}

static bool methods_match(const issuance_selector_t *s, const struct cs_issuance *x)
{
    for (size_t i = 0; i < s->n_methods; i++)
        for (uint32_t k = 0; k < x->n_methods; k++)
            if ((int)s->methods[i] == x->method[k])
                return true;
    return false;
}

static bool profiles_match(const issuance_selector_t *s, int profile)
{
    for (size_t i = 0; i < s->n_profiles; i++)
        if ((int)s->profiles[i] == profile)
            return true;
    return false;
}

bool cs_issuance_matches(const issuance_selector_t *s, const struct cs_issuance *x)
{
    if (s->everything)
        return true;
    bool any = s->n_certificate_sha256s != 0 || s->n_serial_numbers != 0 || s->n_order_ids != 0 ||
               s->n_accounts != 0 || s->n_name_suffixes != 0 || s->n_organizations != 0 ||
               s->n_attesters != 0 || s->n_methods != 0 || s->n_clients != 0 || s->n_api_versions != 0 ||
               s->n_issuers != 0 || s->n_profiles != 0;
    return any && (s->n_certificate_sha256s == 0 || certificates_match(s, x)) &&
           (s->n_serial_numbers == 0 || serials_match(s, x->serial)) &&
           (s->n_order_ids == 0 || has(s->n_order_ids, s->order_ids, x->order_id)) &&
           (s->n_accounts == 0 || has(s->n_accounts, s->accounts, x->account)) &&
           (s->n_name_suffixes == 0 || suffixes_match(s, x->names)) &&
           (s->n_organizations == 0 || organizations_match(s, x->organizations)) &&
           (s->n_attesters == 0 || has_any(s->n_attesters, s->attesters, x->attesters)) &&
           (s->n_methods == 0 || methods_match(s, x)) &&
           (s->n_clients == 0 || has(s->n_clients, s->clients, x->client)) &&
           (s->n_api_versions == 0 || has(s->n_api_versions, s->api_versions, x->api_version)) &&
           (s->n_issuers == 0 || has(s->n_issuers, s->issuers, x->issuer)) &&
           (s->n_profiles == 0 || profiles_match(s, x->profile));
}

/* ---- evidence ---- */

static bool method_matches(const evidence_selector_t *s, const statement_t *m)
{
    if (m->body_case != COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL)
        return false;
    for (size_t i = 0; i < s->n_methods; i++)
        if (s->methods[i] == m->domain_control->method || s->methods[i] == m->domain_control->inner_method)
            return true;
    return false;
}

static bool software_matches(const evidence_selector_t *s, const Countersign__V1__Software *software)
{
    struct cs_version v, bound;
    if (software == NULL || !cs_span_eq(span(s->software_name), span(software->name)))
        return false;
    if (!cs_version_parse(span(software->version), &v))
        return true;
    if (s->software_version_from.len != 0 && cs_version_parse(span(s->software_version_from), &bound) &&
        cs_version_cmp(&v, &bound) < 0)
        return false;
    return s->software_version_to.len == 0 || !cs_version_parse(span(s->software_version_to), &bound) ||
           cs_version_cmp(&v, &bound) <= 0;
}

static bool perspective_matches(const evidence_selector_t *s, const statement_t *m)
{
    const Countersign__V1__Perspectives *p =
        m->body_case == COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL ? m->domain_control->perspectives
        : m->body_case == COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK    ? m->caa_check->perspectives
                                                                        : NULL;
    if (p == NULL)
        return false;
    if (p->primary != NULL && has(s->n_perspective_ids, s->perspective_ids, span(p->primary->id)))
        return true;
    for (size_t i = 0; i < p->n_remotes; i++)
        if (has(s->n_perspective_ids, s->perspective_ids, span(p->remotes[i]->id)))
            return true;
    return false;
}

static bool record_matches(const evidence_selector_t *s, const statement_t *m)
{
    return m->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY &&
           cs_span_eq(span(s->organization_record_id), span(m->organization_identity->record_id)) &&
           (s->organization_record_version == 0 ||
            s->organization_record_version == m->organization_identity->record_version);
}

static bool within(const evidence_selector_t *s, int64_t unix_s)
{
    return unix_s >= s->observed_from_unix_s &&
           (s->observed_until_unix_s == 0 || unix_s < s->observed_until_unix_s);
}

static bool identity_within(const evidence_selector_t *s, const Countersign__V1__OrganizationIdentity *m)
{
    if (within(s, m->oldest_data_at_unix_s) ||
        (m->authenticity != NULL && within(s, m->authenticity->confirmed_at_unix_s)))
        return true;
    for (size_t i = 0; i < m->n_sources; i++)
        if (within(s, m->sources[i]->retrieved_at_unix_s))
            return true;
    return false;
}

static bool interval_matches(const evidence_selector_t *s, const statement_t *m)
{
    switch (m->body_case) {
    case COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL:
        return within(s, m->domain_control->observed_at_unix_s);
    case COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK:
        return within(s, m->caa_check->checked_at_unix_s);
    case COUNTERSIGN__V1__STATEMENT__BODY_LINT:
        return within(s, m->lint->ran_at_unix_s);
    case COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY:
        return identity_within(s, m->organization_identity);
    default:
        return within(s, m->header->issued_at_unix_s);
    }
}

static bool has_interval(const evidence_selector_t *s)
{
    return s->observed_from_unix_s != 0 || s->observed_until_unix_s != 0;
}

bool cs_evidence_matches(const evidence_selector_t *s, const struct cs_attested *a)
{
    const statement_t *m = a->statement;
    const Countersign__V1__Header *h = m->header;
    bool any = s->n_statement_ids != 0 || s->n_payload_sha256s != 0 || s->n_attesters != 0 || s->role != 0 ||
               s->n_methods != 0 || s->software_name.len != 0 || s->n_perspective_ids != 0 ||
               s->organization_record_id.len != 0 || s->n_accounts != 0 || has_interval(s);
    return any &&
           (s->n_statement_ids == 0 || has(s->n_statement_ids, s->statement_ids, span(h->statement_id))) &&
           (s->n_payload_sha256s == 0 ||
            has(s->n_payload_sha256s, s->payload_sha256s, cs_sha256_span(&a->payload_sha256))) &&
           (s->n_attesters == 0 || has(s->n_attesters, s->attesters, span(h->attester)) ||
            has_any(s->n_attesters, s->attesters, a->attesters)) &&
           (s->role == 0 || s->role == h->role) && (s->n_methods == 0 || method_matches(s, m)) &&
           (s->software_name.len == 0 || software_matches(s, h->software)) &&
           (s->n_perspective_ids == 0 || perspective_matches(s, m)) &&
           (s->organization_record_id.len == 0 || record_matches(s, m)) &&
           (s->n_accounts == 0 || has(s->n_accounts, s->accounts, span(h->account))) &&
           (!has_interval(s) || interval_matches(s, m));
}

bool cs_can_only_subtract(const statement_t *s)
{
    switch (s->body_case) {
    case COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL:
        return s->approval->decision != COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE;
    case COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK:
        return s->caa_check->result == COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_FORBIDDEN;
    case COUNTERSIGN__V1__STATEMENT__BODY_LINT:
        return s->lint->fatals != 0 || s->lint->errors != 0;
    default:
        return false;
    }
}

bool cs_recall_is_bounded(const evidence_selector_t *s)
{
    return s->n_statement_ids != 0 || s->n_payload_sha256s != 0 || s->n_attesters != 0 ||
           s->software_version_to.len != 0 || s->organization_record_version != 0 ||
           s->observed_until_unix_s != 0;
}
