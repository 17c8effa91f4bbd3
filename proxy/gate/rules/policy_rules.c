/* The certificatePolicies extension: which profile it names, and what else it may hold (T12, T14). */
#include "proxy/gate/rules/profile.h"

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
    const struct cs_extension *x = cs_extension_of(c->f->tbs, CS_EXT_POLICIES);
    int profile = 0;
    c->policies_flaw = x == NULL ? "absent" : x->critical ? "critical" : policies_flaw(x->value, &profile);
    c->profile = c->policies_flaw == NULL ? profile : 0;
}

/* N02. A TBS without a readable profile is refused by T12. */
bool cs_client_may_use_the_profile(struct cs_case *c)
{
    const struct cs_client *client = c->f->client;
    return client == NULL || c->profile == 0 || cs_client_may_have_profile(client, c->profile) ||
           cs_refuse(c, cs_arena_printf(c->arena, "client:%s", cs_show_text(c->arena, client->name)),
                     cs_profile_name(c->profile), "a profile of the client's list in the policy");
}

/* T12: which profile. */
bool cs_policies_give_the_profile(struct cs_case *c)
{
    return c->policies_flaw == NULL || cs_refuse(c, "tbs.certificatePolicies", c->policies_flaw,
                                                 "exactly one of 2.23.140.1.2.1 (domain), 2.23.140.1.2.2 "
                                                 "(organisation), 2.23.140.1.2.3 (individual), 2.23.140.1.1 "
                                                 "(extended validation), not critical, no anyPolicy");
}

/* BR 7.1.2.7.9: qualifiers are not recommended, and none but id-qt-cps with a URL. RFC 5280 does not say
 * which scheme; a link to a document may be https. */
static bool qualifier_is_cps_pointer(struct cs_case *c, struct cs_der *items)
{
    static const char id_qt_cps[] = "\x2b\x06\x01\x05\x05\x07\x02\x01";
    struct cs_der qualifier;
    struct cs_der_tlv id, uri;
    if (!cs_der_enter(items, CS_DER_SEQUENCE, "", &qualifier) ||
        !cs_der_get_tag(&qualifier, CS_DER_OID, "", &id) || !cs_der_get(&qualifier, &uri))
        return cs_refuse(c, "tbs.certificatePolicies", "a malformed qualifier", "no qualifier");
    if (!cs_span_eq(id.value, cs_span_of(id_qt_cps, sizeof id_qt_cps - 1))) {
        char dotted[128];
        cs_oid_text(id.value, dotted, sizeof dotted);
        return cs_refuse(c, "tbs.certificatePolicies", cs_arena_printf(c->arena, "qualifier %s", dotted),
                         "no qualifier but a CPS pointer (1.3.6.1.5.5.7.2.1)");
    }
    struct cs_span url = uri.value;
    if (url.len > 8 && memcmp(url.at, "https://", 8) == 0)
        return true;
    return cs_http_url_flaw(url) == NULL ||
           cs_refuse(c, "tbs.certificatePolicies",
                     cs_arena_printf(c->arena, "CPS pointer %s", cs_show_text(c->arena, url)),
                     "a CPS pointer that is an http or https URL");
}

bool cs_qualifiers_are_cps_pointers(struct cs_case *c, const struct cs_extension *x)
{
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, x->value, NULL), list, information, qualifiers;
    struct cs_der_tlv oid;
    bool ok = true;
    if (!cs_der_enter(&r, CS_DER_SEQUENCE, "", &list))
        return true; /* said by T12 */
    while (cs_der_more(&list) && cs_der_enter(&list, CS_DER_SEQUENCE, "", &information) &&
           cs_der_get_tag(&information, CS_DER_OID, "", &oid)) {
        if (!cs_der_more(&information) || !cs_der_enter(&information, CS_DER_SEQUENCE, "", &qualifiers))
            continue;
        while (cs_der_more(&qualifiers))
            ok = qualifier_is_cps_pointer(c, &qualifiers) && ok;
    }
    return ok;
}
