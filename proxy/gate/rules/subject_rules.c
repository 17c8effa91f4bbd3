/* Rules on the profile and the subject's form. What the subject says is judged in organization_rules.c. */
#include "proxy/gate/rules/rows.h"

/* Content octets of OIDs with their usual short names. */
static const struct {
    const char *oid;
    uint8_t len;
    const char *name;
} attribute_names[] = {
    { "\x55\x04\x06", 3, "C" },
    { "\x55\x04\x08", 3, "ST" },
    { "\x55\x04\x07", 3, "L" },
    { "\x55\x04\x11", 3, "postalCode" },
    { "\x55\x04\x09", 3, "street" },
    { "\x55\x04\x0a", 3, "O" },
    { "\x55\x04\x0b", 3, "OU" },
    { "\x55\x04\x03", 3, "CN" },
    { "\x55\x04\x04", 3, "SN" },
    { "\x55\x04\x2a", 3, "GN" },
    { "\x55\x04\x05", 3, "serialNumber" },
    { "\x55\x04\x0f", 3, "businessCategory" },
    { "\x55\x04\x61", 3, "organizationIdentifier" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 11, "jurisdictionC" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", 11, "jurisdictionST" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", 11, "jurisdictionL" },
    { "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, "DC" },
};

const char *cs_attribute_name(struct cs_arena *a, struct cs_span oid)
{
    for (size_t i = 0; i < sizeof attribute_names / sizeof *attribute_names; i++)
        if (cs_span_eq(oid, cs_span_of(attribute_names[i].oid, attribute_names[i].len)))
            return attribute_names[i].name;
    char dotted[128];
    cs_oid_text(oid, dotted, sizeof dotted);
    return cs_arena_printf(a, "%s", dotted);
}

const char *cs_show_attribute(struct cs_arena *a, struct cs_span oid)
{
    return cs_arena_printf(a, "subject:%s", cs_attribute_name(a, oid));
}

bool cs_attribute_is(const struct cs_attribute *a, const char *oid, size_t oid_len)
{
    return cs_span_eq(a->oid, cs_span_of(oid, oid_len));
}

/* ---- certificatePolicies (RFC 5280 4.2.1.4) ---- */

static const struct {
    const char *oid;
    uint8_t len;
    int profile;
} reserved_policies[] = {
    { "\x67\x81\x0c\x01\x02\x01", 6, COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED },
    { "\x67\x81\x0c\x01\x02\x02", 6, COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED },
    { "\x67\x81\x0c\x01\x02\x03", 6, COUNTERSIGN__V1__PROFILE__PROFILE_INDIVIDUAL_VALIDATED },
    { "\x67\x81\x0c\x01\x01", 5, COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION },
};

/* The parser read the extension to its end; here only the identifiers are looked at again. */
static const char *policies_flaw(struct cs_span value, int *out_profile)
{
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, value, NULL), list, information;
    struct cs_der_tlv oid;
    size_t n_reserved = 0;
    if (!cs_der_enter(&r, CS_DER_SEQUENCE, "certificatePolicies is no SEQUENCE", &list))
        return "malformed";
    while (cs_der_more(&list)) {
        if (!cs_der_enter(&list, CS_DER_SEQUENCE, "PolicyInformation is no SEQUENCE", &information) ||
            !cs_der_get_tag(&information, CS_DER_OID, "policyIdentifier is no OID", &oid))
            return "malformed";
        if (cs_span_eq(oid.value, cs_span_of("\x55\x1d\x20\x00", 4)))
            return "anyPolicy";
        for (size_t i = 0; i < sizeof reserved_policies / sizeof *reserved_policies; i++)
            if (cs_span_eq(oid.value, cs_span_of(reserved_policies[i].oid, reserved_policies[i].len))) {
                *out_profile = reserved_policies[i].profile;
                n_reserved++;
            }
    }
    if (n_reserved != 1)
        return n_reserved == 0 ? "no reserved policy OID" : "more than one reserved policy OID";
    return NULL;
}

void cs_policies_read(struct cs_case *c)
{
    const struct cs_extension *x = cs_tbs_find(c->f->tbs, cs_span_of("\x55\x1d\x20", 3));
    int profile = 0;
    c->policies_flaw = x == NULL ? "absent" : x->critical ? "critical" : policies_flaw(x->value, &profile);
    c->profile = c->policies_flaw == NULL ? profile : 0;
}

/* T12: which profile. */
bool cs_policies_give_the_profile(struct cs_case *c)
{
    return c->policies_flaw == NULL || cs_refuse(c, "tbs.certificatePolicies", c->policies_flaw,
                                                 "exactly one of 2.23.140.1.2.1 (domain), 2.23.140.1.2.2 "
                                                 "(organisation), 2.23.140.1.2.3 (individual), 2.23.140.1.1 "
                                                 "(extended validation), not critical, no anyPolicy");
}

/* T12: which attributes. */
bool cs_subject_fits_the_profile(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    bool ok = true;
    for (uint32_t i = 0; i < t->n_attributes; i++) {
        const struct cs_attribute *a = &t->attribute[i];
        const char *subject = cs_show_attribute(c->arena, a->oid);
        if (i > 0 && a->rdn == t->attribute[i - 1].rdn)
            ok = cs_refuse(c, subject, "shares its RelativeDistinguishedName", "one attribute in each");
        if (c->profile != COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED)
            continue;
        if (!cs_attribute_is(a, CS_OID_CN, 3) && !cs_attribute_is(a, CS_OID_C, 3))
            ok = cs_refuse(c, subject, cs_show_text(c->arena, a->value),
                           "countryName and commonName only in a domain-validated certificate");
        for (uint32_t k = 0; k < i; k++)
            if (cs_attribute_is(a, CS_OID_C, 3) && cs_attribute_is(&t->attribute[k], CS_OID_C, 3))
                ok = cs_refuse(c, subject, "more than one countryName", "one countryName");
    }
    return ok;
}

static bool copies(struct cs_arena *arena, struct cs_span common_name, const struct cs_san *s)
{
    if (s->tag == CS_SAN_DNS)
        return cs_span_eq(common_name, s->value);
    if (s->tag != CS_SAN_IP || (s->value.len != 4 && s->value.len != 16))
        return false;
    const char *text = cs_show_ip(arena, s->value);
    return strncmp(text, "ip:", 3) == 0 && cs_span_is(common_name, text + 3);
}

/* T13 */
bool cs_common_name_copies_a_name(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    const struct cs_attribute *cn = NULL;
    for (uint32_t i = 0; i < t->n_attributes; i++) {
        if (!cs_attribute_is(&t->attribute[i], CS_OID_CN, 3))
            continue;
        if (cn != NULL)
            return cs_refuse(c, "subject:CN", "more than one commonName", "none, or one");
        cn = &t->attribute[i];
    }
    if (cn == NULL)
        return true;
    bool found = false;
    for (uint32_t i = 0; i < t->n_names && !found; i++)
        found = copies(c->arena, cn->value, &t->name[i]);
    return found || cs_refuse(c, "subject:CN", cs_show_text(c->arena, cn->value),
                              "the exact text of one SAN entry (addresses as RFC 5952 or dotted decimal)");
}
