#include "proxy/gate/der/parts.h"

bool cs_items_read(struct cs_der *r, const char *what, bool (*read)(struct cs_der *items))
{
    struct cs_der items;
    if (!cs_der_enter(r, CS_DER_SEQUENCE, what, &items))
        return false;
    if (!cs_der_more(&items))
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), items.at,
                           "empty SEQUENCE where one item or more was needed");
    while (cs_der_more(&items))
        if (!read(&items))
            return false;
    return cs_ok(r->in->result);
}

bool cs_count_read(struct cs_der *r, uint8_t tag, uint32_t *out)
{
    struct cs_der_tlv v;
    if (!cs_der_get_tag(r, tag, "no INTEGER where one was needed", &v))
        return false;
    const char *flaw = cs_der_flaw(CS_DER_INTEGER, v.value);
    if (flaw != NULL)
        return cs_der_fail(r->in, CS_ERR(DER), v.der.at, flaw);
    if (v.value.at[0] >= 0x80)
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), v.der.at, "negative INTEGER, 0 or more was needed");
    uint32_t sum = 0;
    for (size_t i = 0; i < v.value.len; i++)
        sum = sum > UINT32_MAX >> 8 ? UINT32_MAX : sum << 8 | v.value.at[i];
    *out = sum;
    return true;
}

bool cs_named_bits_read(struct cs_der *r, uint8_t tag, uint16_t *out)
{
    struct cs_der_tlv v;
    if (!cs_der_get_tag(r, tag, "no BIT STRING where one was needed", &v))
        return false;
    const char *flaw = cs_der_named_bits_flaw(v.value);
    if (flaw != NULL)
        return cs_der_fail(r->in, CS_ERR(DER), v.der.at, flaw);
    if (v.value.len < 2 || v.value.len > 3)
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), v.der.at, "named bit list is not one or two octets");
    *out = (uint16_t)(v.value.at[1] << 8 | (v.value.len == 3 ? v.value.at[2] : 0));
    return true;
}

static bool authority_key_id_read(struct cs_der *r, struct cs_tbs *t)
{
    struct cs_der body, names;
    struct cs_der_tlv v;
    uint32_t n;
    if (!cs_der_enter(r, CS_DER_SEQUENCE, "AuthorityKeyIdentifier is not a SEQUENCE", &body))
        return false;
    t->has_aki = true;
    if (cs_der_next_is(&body, CS_DER_CONTEXT + 0) && cs_der_get(&body, &v))
        t->aki_key_id = v.value;
    if (cs_der_next_is(&body, CS_DER_CONTEXT_CONS + 1)) {
        t->aki_has_issuer_or_serial = true;
        if (!cs_der_enter(&body, CS_DER_CONTEXT_CONS + 1, "authorityCertIssuer", &names) ||
            !cs_general_names_read(&names, NULL, CS_TBS_NAMES_MAX, &n))
            return false;
    }
    if (cs_der_next_is(&body, CS_DER_CONTEXT + 2) && cs_der_get(&body, &v)) {
        t->aki_has_issuer_or_serial = true;
        const char *flaw = cs_der_flaw(CS_DER_INTEGER, v.value);
        if (flaw != NULL)
            return cs_der_fail(r->in, CS_ERR(DER), v.der.at, flaw);
    }
    return cs_der_end(&body);
}

static bool subject_key_id_read(struct cs_der *r, struct cs_tbs *t)
{
    struct cs_der_tlv v;
    if (!cs_der_get_tag(r, CS_DER_OCTET_STRING, "SubjectKeyIdentifier is not an OCTET STRING", &v))
        return false;
    t->has_ski = true;
    t->ski = v.value;
    return true;
}

static bool basic_constraints_read(struct cs_der *r, struct cs_tbs *t)
{
    struct cs_der body;
    struct cs_der_tlv v;
    if (!cs_der_enter(r, CS_DER_SEQUENCE, "BasicConstraints is not a SEQUENCE", &body))
        return false;
    t->has_basic_constraints = true;
    if (cs_der_next_is(&body, CS_DER_BOOLEAN) && cs_der_get(&body, &v)) {
        if (v.value.at[0] == 0)
            return cs_der_fail(r->in, CS_ERR(DER), v.der.at,
                               "cA FALSE is encoded, the DEFAULT must be absent");
        t->is_ca = true;
    }
    if (cs_der_more(&body)) {
        uint32_t path_len;
        const uint8_t *here = body.at;
        if (!cs_count_read(&body, CS_DER_INTEGER, &path_len))
            return false;
        if (path_len > UINT8_MAX)
            return cs_der_fail(r->in, CS_ERR(LIMIT), here, "pathLenConstraint above 255");
        t->has_path_len = true;
        t->path_len = (uint8_t)path_len;
    }
    return cs_der_end(&body);
}

static bool key_usage_read(struct cs_der *r, struct cs_tbs *t)
{
    t->has_key_usage = true;
    return cs_named_bits_read(r, CS_DER_BIT_STRING, &t->key_usage);
}

static bool subject_alt_name_read(struct cs_der *r, struct cs_tbs *t)
{
    struct cs_der names;
    t->has_san = true;
    return cs_der_enter(r, CS_DER_SEQUENCE, "GeneralNames is not a SEQUENCE", &names) &&
           cs_general_names_read(&names, t->name, CS_TBS_NAMES_MAX, &t->n_names);
}

static bool issuer_alt_name_read(struct cs_der *r)
{
    struct cs_der names;
    uint32_t n;
    return cs_der_enter(r, CS_DER_SEQUENCE, "GeneralNames is not a SEQUENCE", &names) &&
           cs_general_names_read(&names, NULL, CS_TBS_NAMES_MAX, &n);
}

static bool key_purpose_read(struct cs_der *items)
{
    struct cs_der_tlv v;
    return cs_der_get_tag(items, CS_DER_OID, "KeyPurposeId is not an OBJECT IDENTIFIER", &v);
}

static bool ext_key_usage_read(struct cs_der *r)
{
    return cs_items_read(r, "ExtKeyUsage is not a SEQUENCE", key_purpose_read);
}

/* RFC 6962 3.1: the value is NULL, 05 00; that it is empty is proven. */
static bool poison_read(struct cs_der *r, struct cs_tbs *t)
{
    struct cs_der_tlv v;
    t->has_poison = true;
    return cs_der_get_tag(r, CS_DER_NULL, "poison is not NULL", &v);
}

static bool sct_list_read(struct cs_der *r, struct cs_tbs *t)
{
    t->has_sct_list = true;
    return cs_sct_list_read(r);
}

/* Exactly one of the two readers is set. */
struct known {
    const char *where;
    bool (*keep)(struct cs_der *r, struct cs_tbs *t);
    bool (*check)(struct cs_der *r);
};

/* Below id-ce 2.5.29, by the last arc. */
static const struct known id_ce[] = {
    [14] = { "extension subjectKeyIdentifier", .keep = subject_key_id_read },
    [15] = { "extension keyUsage", .keep = key_usage_read },
    [17] = { "extension subjectAltName", .keep = subject_alt_name_read },
    [18] = { "extension issuerAltName", .check = issuer_alt_name_read },
    [19] = { "extension basicConstraints", .keep = basic_constraints_read },
    [30] = { "extension nameConstraints", .check = cs_name_constraints_read },
    [31] = { "extension cRLDistributionPoints", .check = cs_distribution_points_read },
    [32] = { "extension certificatePolicies", .check = cs_certificate_policies_read },
    [33] = { "extension policyMappings", .check = cs_policy_mappings_read },
    [35] = { "extension authorityKeyIdentifier", .keep = authority_key_id_read },
    [36] = { "extension policyConstraints", .check = cs_policy_constraints_read },
    [37] = { "extension extKeyUsage", .check = ext_key_usage_read },
    [46] = { "extension freshestCRL", .check = cs_distribution_points_read },
    [54] = { "extension inhibitAnyPolicy", .check = cs_inhibit_any_policy_read },
};

/* Below other arcs. */
static const struct {
    const char *oid; /* content octets */
    size_t oid_len;
    struct known known;
} others[] = {
    { "\x2b\x06\x01\x05\x05\x07\x01\x01",
      8,
      { "extension authorityInfoAccess", .check = cs_access_descriptions_read } },
    { "\x2b\x06\x01\x05\x05\x07\x01\x0b",
      8,
      { "extension subjectInfoAccess", .check = cs_access_descriptions_read } },
    { "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03", 10, { "extension poison", .keep = poison_read } },
    { "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02", 10, { "extension SCT list", .keep = sct_list_read } },
};

static const struct known *known_of(struct cs_span oid)
{
    if (oid.len == 3 && oid.at[0] == 0x55 && oid.at[1] == 0x1d) {
        const struct known *k = oid.at[2] < sizeof id_ce / sizeof *id_ce ? &id_ce[oid.at[2]] : NULL;
        return k != NULL && k->where != NULL ? k : NULL;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (cs_span_eq(oid, cs_span_of(others[i].oid, others[i].oid_len)))
            return &others[i].known;
    return NULL;
}

bool cs_extension_value_read(struct cs_der_input *in, const struct cs_extension *e, struct cs_tbs *t)
{
    const struct known *k = known_of(e->oid);
    if (k == NULL)
        return true;
    in->where = k->where;
    if (!cs_der_walk(in, e->value))
        return false;
    struct cs_der r = cs_der_inside(in, e->value);
    return k->keep != NULL ? k->keep(&r, t) : k->check(&r);
}
