#include "proxy/gate/der/parts.h"

static bool names_inside_read(struct cs_der *r, uint8_t tag, const char *what)
{
    struct cs_der names;
    uint32_t n;
    return cs_der_enter(r, tag, what, &names) && cs_general_names_read(&names, NULL, CS_TBS_NAMES_MAX, &n);
}

/* RFC 5280 4.2.1.13: [0] GeneralNames or [1] one RDN whose issuer's Name is implied. */
static bool point_name_read(struct cs_der *r)
{
    struct cs_der explicit, rdn;
    uint32_t n = 0;
    if (!cs_der_enter(r, CS_DER_CONTEXT_CONS + 0, "distributionPoint", &explicit))
        return false;
    if (cs_der_next_is(&explicit, CS_DER_CONTEXT_CONS + 1)) {
        /* The tag hides that this is a SET, so the walk did not look at its order. */
        struct cs_span before = { NULL, 0 };
        struct cs_der_tlv v;
        if (!cs_der_enter(&explicit, CS_DER_CONTEXT_CONS + 1, "nameRelativeToCRLIssuer", &rdn))
            return false;
        for (struct cs_der order = rdn; cs_der_more(&order) && cs_der_get(&order, &v); before = v.der)
            if (cs_span_cmp(before, v.der) > 0)
                return cs_der_fail(r->in, CS_ERR(DER), v.der.at, "elements of a SET out of order");
        if (!cs_rdn_read(&rdn, NULL, CS_TBS_ATTRIBUTES_MAX, &n, 0))
            return false;
    } else if (!names_inside_read(&explicit, CS_DER_CONTEXT_CONS + 0,
                                  "DistributionPointName is neither fullName nor relative")) {
        return false;
    }
    return cs_der_end(&explicit);
}

/* That a point has more than reasons is for the rules. */
static bool distribution_point_read(struct cs_der *items)
{
    struct cs_der point;
    uint16_t reasons;
    if (!cs_der_enter(items, CS_DER_SEQUENCE, "DistributionPoint is not a SEQUENCE", &point))
        return false;
    if (cs_der_next_is(&point, CS_DER_CONTEXT_CONS + 0) && !point_name_read(&point))
        return false;
    if (cs_der_next_is(&point, CS_DER_CONTEXT + 1) &&
        !cs_named_bits_read(&point, CS_DER_CONTEXT + 1, &reasons))
        return false;
    if (cs_der_next_is(&point, CS_DER_CONTEXT_CONS + 2) &&
        !names_inside_read(&point, CS_DER_CONTEXT_CONS + 2, "cRLIssuer"))
        return false;
    return cs_der_end(&point);
}

bool cs_distribution_points_read(struct cs_der *r)
{
    return cs_items_read(r, "CRLDistributionPoints is not a SEQUENCE", distribution_point_read);
}

static bool access_description_read(struct cs_der *items)
{
    struct cs_der description;
    struct cs_der_tlv v;
    return cs_der_enter(items, CS_DER_SEQUENCE, "AccessDescription is not a SEQUENCE", &description) &&
           cs_der_get_tag(&description, CS_DER_OID, "accessMethod is not an OBJECT IDENTIFIER", &v) &&
           cs_general_name_read(&description, CS_NAME_IS_NAME, NULL) && cs_der_end(&description);
}

bool cs_access_descriptions_read(struct cs_der *r)
{
    return cs_items_read(r, "AuthorityInfoAccessSyntax is not a SEQUENCE", access_description_read);
}

static bool subtree_read(struct cs_der *items)
{
    struct cs_der subtree;
    uint32_t n;
    if (!cs_der_enter(items, CS_DER_SEQUENCE, "GeneralSubtree is not a SEQUENCE", &subtree) ||
        !cs_general_name_read(&subtree, CS_NAME_IS_SUBTREE, NULL))
        return false;
    if (cs_der_next_is(&subtree, CS_DER_CONTEXT + 0)) {
        const uint8_t *here = subtree.at;
        if (!cs_count_read(&subtree, CS_DER_CONTEXT + 0, &n))
            return false;
        if (n == 0)
            return cs_der_fail(items->in, CS_ERR(DER), here,
                               "minimum 0 is encoded, the DEFAULT must be absent");
    }
    if (cs_der_next_is(&subtree, CS_DER_CONTEXT + 1) && !cs_count_read(&subtree, CS_DER_CONTEXT + 1, &n))
        return false;
    return cs_der_end(&subtree);
}

/* RFC 5280 4.2.1.10: an empty SEQUENCE must not be issued. */
bool cs_name_constraints_read(struct cs_der *r)
{
    struct cs_der body, subtrees;
    if (!cs_der_enter(r, CS_DER_SEQUENCE, "NameConstraints is not a SEQUENCE", &body))
        return false;
    if (!cs_der_more(&body))
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), body.at, "NameConstraints without subtrees");
    for (uint8_t tag = CS_DER_CONTEXT_CONS + 0; tag <= CS_DER_CONTEXT_CONS + 1; tag++) {
        if (!cs_der_next_is(&body, tag))
            continue;
        if (!cs_der_enter(&body, tag, "GeneralSubtrees", &subtrees))
            return false;
        if (!cs_der_more(&subtrees))
            return cs_der_fail(r->in, CS_ERR(TBS_FORM), subtrees.at, "GeneralSubtrees without a subtree");
        while (cs_der_more(&subtrees))
            if (!subtree_read(&subtrees))
                return false;
    }
    return cs_der_end(&body);
}

/* One SCT of version 1 to its end (RFC 6962 3.2); those of later versions stay opaque. */
static bool sct_fits(struct cs_span sct)
{
    struct cs_reader r = cs_reader_init(sct);
    if (cs_get_u8(&r) != 0)
        return !r.failed;
    (void)cs_get_raw(&r, 32 + 8);         /* log id, timestamp */
    (void)cs_get_raw(&r, cs_get_u16(&r)); /* extensions */
    (void)cs_get_u16(&r);                 /* hash and signature algorithm */
    (void)cs_get_raw(&r, cs_get_u16(&r)); /* signature */
    return cs_ok(cs_reader_end(&r));
}

/* RFC 6962 3.3: an OCTET STRING with a TLS vector of at least one vector, none of them empty. */
bool cs_sct_list_read(struct cs_der *r)
{
    struct cs_der_tlv v;
    if (!cs_der_get_tag(r, CS_DER_OCTET_STRING, "SCT list is not an OCTET STRING", &v))
        return false;
    struct cs_reader whole = cs_reader_init(v.value);
    struct cs_span list = cs_get_raw(&whole, cs_get_u16(&whole));
    if (!cs_ok(cs_reader_end(&whole)))
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), v.value.at, "SCT list is not as long as it says");
    if (list.len == 0)
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), v.value.at, "SCT list without an SCT");
    for (struct cs_reader scts = cs_reader_init(list); scts.left > 0;) {
        const uint8_t *here = scts.at;
        struct cs_span sct = cs_get_raw(&scts, cs_get_u16(&scts));
        if (scts.failed)
            return cs_der_fail(r->in, CS_ERR(TBS_FORM), here, "SCT goes past the end of its list");
        if (!sct_fits(sct))
            return cs_der_fail(r->in, CS_ERR(TBS_FORM), here, "SCT is not as long as its fields");
    }
    return true;
}
