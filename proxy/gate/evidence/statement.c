/* Form of a statement: header, kind, and the small checks that all kinds share. */
#include "proxy/gate/evidence/form.h"

#include "proto/canonical.h"
#include "proxy/gate/evidence/evidence.h"

static const struct {
    Countersign__V1__Statement__BodyCase body;
    Countersign__V1__Role role;
    const char *name;
} kinds[] = {
#define ROW(BODY, ROLE, name)                                                             \
    {                                                                                     \
        COUNTERSIGN__V1__STATEMENT__BODY_##BODY, COUNTERSIGN__V1__ROLE__ROLE_##ROLE, name \
    }
    ROW(DOMAIN_CONTROL, VALIDATION_SYSTEM, "domain-control"),
    ROW(CAA_CHECK, VALIDATION_SYSTEM, "caa-check"),
    ROW(ORGANIZATION_IDENTITY, VETTING_SPECIALIST, "organization-identity"),
    ROW(ORDER, ORDER_AUTHORITY, "order"),
    ROW(LINT, LINT_SERVICE, "lint"),
    ROW(APPROVAL, RA_OFFICER, "approval"),
    ROW(CEREMONY, CEREMONY_OFFICER, "ceremony"),
    ROW(RECALL, OPERATOR, "recall"),
    ROW(HOLD, OPERATOR, "hold"),
#undef ROW
};

Countersign__V1__Role cs_statement_role(const Countersign__V1__Statement *s)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].body == s->body_case)
            return kinds[i].role;
    return COUNTERSIGN__V1__ROLE__ROLE_UNSPECIFIED;
}

const char *cs_statement_kind_name(const Countersign__V1__Statement *s)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].body == s->body_case)
            return kinds[i].name;
    return "no body";
}

bool cs_ruleset_known(struct cs_span ruleset)
{
    static const char *const known[] = { "tls-br-2.2.6", "tls-br-2.2.7", "tls-br-2.2.8", "tls-br-2.2.9",
                                         "tls-br-2.3.0" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (cs_span_is(ruleset, known[i]))
            return true;
    return false;
}

/* ---- shared by all kinds ---- */

bool cs_is_word(ProtobufCBinaryData v, size_t max)
{
    if (!cs_len_in(v, 1, max))
        return false;
    for (size_t i = 0; i < v.len; i++)
        if (v.data[i] <= 0x20 || v.data[i] >= 0x7f)
            return false;
    return true;
}

bool cs_is_name(ProtobufCBinaryData v)
{
    if (!cs_len_in(v, 1, 253))
        return false;
    size_t label_len = 0;
    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = v.data[i];
        if (c == '.') {
            if (label_len == 0)
                return false;
            label_len = 0;
            continue;
        }
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') || ++label_len > 63)
            return false;
    }
    return label_len != 0;
}

bool cs_is_name_or_wildcard(ProtobufCBinaryData v)
{
    if (v.len > 2 && v.data[0] == '*' && v.data[1] == '.')
        return v.len <= 253 && cs_is_name((ProtobufCBinaryData){ v.len - 2, v.data + 2 });
    return cs_is_name(v);
}

bool cs_is_list(size_t n, const ProtobufCBinaryData *v, size_t max_n, size_t min_len, size_t max_len)
{
    if (n > max_n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!cs_len_in(v[i], min_len, max_len))
            return false;
    return true;
}

bool cs_is_among(ProtobufCBinaryData v, size_t n, const ProtobufCBinaryData *values)
{
    for (size_t i = 0; i < n; i++)
        if (cs_span_eq(cs_proto_span(v), cs_proto_span(values[i])))
            return true;
    return false;
}

bool cs_is_set(size_t n, const ProtobufCBinaryData *v, size_t max_n, size_t min_len, size_t max_len)
{
    if (!cs_is_list(n, v, max_n, min_len, max_len))
        return false;
    for (size_t i = 1; i < n; i++)
        if (cs_is_among(v[i], i, v))
            return false;
    return true;
}

bool cs_is_ascending(size_t n, const ProtobufCBinaryData *v)
{
    for (size_t i = 1; i < n; i++)
        if (cs_span_cmp(cs_proto_span(v[i - 1]), cs_proto_span(v[i])) >= 0)
            return false;
    return true;
}

/* ---- header ---- */

static void form_header(struct cs_form *f, const Countersign__V1__Header *h, bool account_optional)
{
    cs_need(f, h->schema == 1, "header.schema: 1");
    cs_need(f, cs_len_in(h->statement_id, CS_STATEMENT_ID_MIN_LEN, CS_STATEMENT_ID_MAX_LEN),
            "header.statement_id: 16 to 32 random octets");
    cs_need(f, cs_is_word(h->attester, CS_POLICY_ID_MAX_LEN),
            "header.attester: 1 to 64 octets, visible ASCII");
    cs_need(f, h->role != COUNTERSIGN__V1__ROLE__ROLE_UNSPECIFIED, "header.role: a role");
    cs_need(f, h->software != NULL, "header.software: name and version");
    if (h->software != NULL) {
        cs_need(f, cs_is_word(h->software->name, 64), "header.software.name: 1 to 64 octets, visible ASCII");
        cs_need(f, cs_is_word(h->software->version, 64),
                "header.software.version: 1 to 64 octets, visible ASCII");
    }
    cs_need(f, cs_is_word(h->audience, CS_POLICY_ID_MAX_LEN),
            "header.audience: 1 to 64 octets, visible ASCII");
    cs_need(f, h->issued_at_unix_s > 0, "header.issued_at_unix_s: after 1970");
    cs_need(f, h->expires_at_unix_s > 0, "header.expires_at_unix_s: after 1970");
    cs_need(f, cs_len_in(h->account, account_optional ? 0 : 1, CS_ACCOUNT_MAX_LEN),
            "header.account: 1 to 128 octets; empty only in ceremony, recall and hold");
    cs_need(f, cs_is_word(h->ruleset, 64), "header.ruleset: 1 to 64 octets, visible ASCII");
}

bool cs_statement_check(const Countersign__V1__Statement *s, const char **why)
{
    struct cs_form f = { 0 };
    Countersign__V1__Role role = cs_statement_role(s);
    cs_need(&f, s->header != NULL, "header: present");
    if (s->header != NULL) {
        f.issued_at_unix_s = s->header->issued_at_unix_s;
        form_header(&f, s->header,
                    role == COUNTERSIGN__V1__ROLE__ROLE_OPERATOR ||
                        role == COUNTERSIGN__V1__ROLE__ROLE_CEREMONY_OFFICER);
    }
    switch (s->body_case) {
    case COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL:
        cs_form_domain_control(&f, s->domain_control);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK:
        cs_form_caa_check(&f, s->caa_check);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY:
        cs_form_organization_identity(&f, s->organization_identity);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_ORDER:
        cs_form_order(&f, s->order);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_LINT:
        cs_form_lint(&f, s->lint);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL:
        cs_form_approval(&f, s->approval);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_CEREMONY:
        cs_form_ceremony(&f, s->ceremony);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_RECALL:
        cs_form_recall(&f, s->recall);
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_HOLD:
        cs_form_hold(&f, s->hold);
        break;
    default:
        cs_need(&f, false,
                "body: one of domain_control, caa_check, organization_identity, order, lint, "
                "approval, ceremony, recall, hold");
    }
    if (f.why != NULL)
        *why = f.why;
    return f.why == NULL;
}
