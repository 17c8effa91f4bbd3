#include "proxy/gate/der/parts.h"

/* RFC 5280 4.2.1.4: DisplayText, whose length is for the rules. */
static bool is_display_text(uint8_t tag)
{
    return tag == CS_DER_IA5_STRING || tag == CS_DER_VISIBLE_STRING || tag == CS_DER_BMP_STRING ||
           tag == CS_DER_UTF8_STRING;
}

static bool display_text_read(struct cs_der *r)
{
    struct cs_der_tlv v;
    if (!cs_der_get(r, &v))
        return false;
    return is_display_text(v.tag) ||
           cs_der_fail(r->in, CS_ERR(TBS_FORM), v.der.at, "text of a user notice is no DisplayText");
}

static bool user_notice_read(struct cs_der *r)
{
    struct cs_der notice, reference, numbers;
    struct cs_der_tlv v;
    if (!cs_der_enter(r, CS_DER_SEQUENCE, "UserNotice is not a SEQUENCE", &notice))
        return false;
    if (cs_der_next_is(&notice, CS_DER_SEQUENCE)) {
        if (!cs_der_enter(&notice, CS_DER_SEQUENCE, "noticeRef", &reference) ||
            !display_text_read(&reference) ||
            !cs_der_enter(&reference, CS_DER_SEQUENCE, "noticeNumbers is not a SEQUENCE", &numbers) ||
            !cs_der_end(&reference))
            return false;
        while (cs_der_more(&numbers))
            if (!cs_der_get_tag(&numbers, CS_DER_INTEGER, "notice number is not an INTEGER", &v))
                return false;
    }
    if (cs_der_more(&notice) && !display_text_read(&notice))
        return false;
    return cs_der_end(&notice);
}

static bool qualifier_read(struct cs_der *items)
{
    static const uint8_t id_qt_cps[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x01 };
    static const uint8_t id_qt_unotice[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x02, 0x02 };
    struct cs_der info;
    struct cs_der_tlv id, v;
    if (!cs_der_enter(items, CS_DER_SEQUENCE, "PolicyQualifierInfo is not a SEQUENCE", &info) ||
        !cs_der_get_tag(&info, CS_DER_OID, "policy qualifier without its OBJECT IDENTIFIER", &id))
        return false;
    if (!cs_der_more(&info))
        return cs_der_fail(items->in, CS_ERR(TBS_FORM), info.at, "PolicyQualifierInfo without its qualifier");
    if (cs_span_eq(id.value, cs_span_of(id_qt_cps, sizeof id_qt_cps)))
        (void)cs_der_get_tag(&info, CS_DER_IA5_STRING, "CPS pointer is not an IA5String", &v);
    else if (cs_span_eq(id.value, cs_span_of(id_qt_unotice, sizeof id_qt_unotice)))
        (void)user_notice_read(&info);
    else
        (void)cs_der_get(&info, &v);
    return cs_der_end(&info);
}

bool cs_certificate_policies_read(struct cs_der *r)
{
    struct cs_der items, policy;
    struct cs_span seen[CS_TBS_POLICIES_MAX];
    size_t n = 0;
    if (!cs_der_enter(r, CS_DER_SEQUENCE, "CertificatePolicies is not a SEQUENCE", &items))
        return false;
    if (!cs_der_more(&items))
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), items.at, "CertificatePolicies without a policy");
    while (cs_der_more(&items)) {
        struct cs_der_tlv id;
        if (!cs_der_enter(&items, CS_DER_SEQUENCE, "PolicyInformation is not a SEQUENCE", &policy) ||
            !cs_der_get_tag(&policy, CS_DER_OID, "policy without its OBJECT IDENTIFIER", &id))
            return false;
        for (size_t i = 0; i < n; i++)
            if (cs_span_eq(seen[i], id.value))
                return cs_der_fail(r->in, CS_ERR(TBS_FORM), id.der.at, "policy that occurred before");
        if (n == CS_TBS_POLICIES_MAX)
            return cs_der_fail(r->in, CS_ERR(LIMIT), id.der.at, "more policies than allowed");
        seen[n++] = id.value;
        if (cs_der_more(&policy) &&
            !cs_items_read(&policy, "policyQualifiers is not a SEQUENCE", qualifier_read))
            return false;
        if (!cs_der_end(&policy))
            return false;
    }
    return cs_ok(r->in->result);
}

static bool mapping_read(struct cs_der *items)
{
    struct cs_der pair;
    struct cs_der_tlv v;
    return cs_der_enter(items, CS_DER_SEQUENCE, "policy mapping is not a SEQUENCE", &pair) &&
           cs_der_get_tag(&pair, CS_DER_OID, "issuerDomainPolicy is not an OBJECT IDENTIFIER", &v) &&
           cs_der_get_tag(&pair, CS_DER_OID, "subjectDomainPolicy is not an OBJECT IDENTIFIER", &v) &&
           cs_der_end(&pair);
}

bool cs_policy_mappings_read(struct cs_der *r)
{
    return cs_items_read(r, "PolicyMappings is not a SEQUENCE", mapping_read);
}

/* RFC 5280 4.2.1.11: an empty SEQUENCE must not be issued. */
bool cs_policy_constraints_read(struct cs_der *r)
{
    struct cs_der body;
    uint32_t n;
    if (!cs_der_enter(r, CS_DER_SEQUENCE, "PolicyConstraints is not a SEQUENCE", &body))
        return false;
    if (!cs_der_more(&body))
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), body.at, "PolicyConstraints without a constraint");
    for (uint8_t tag = CS_DER_CONTEXT + 0; tag <= CS_DER_CONTEXT + 1; tag++)
        if (cs_der_next_is(&body, tag) && !cs_count_read(&body, tag, &n))
            return false;
    return cs_der_end(&body);
}

bool cs_inhibit_any_policy_read(struct cs_der *r)
{
    uint32_t n;
    return cs_count_read(r, CS_DER_INTEGER, &n);
}
