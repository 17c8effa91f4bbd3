/* Where relying parties find the issuer, OCSP and CRLs (T14; BR 7.1.2.7.7, 7.1.2.11.2). */
#include "proxy/gate/rules/profile.h"

#define ID_AD_OCSP       "\x2b\x06\x01\x05\x05\x07\x30\x01"
#define ID_AD_CA_ISSUERS "\x2b\x06\x01\x05\x05\x07\x30\x02"

enum { URI = CS_DER_CONTEXT + 6, LOCATIONS_MAX = 64 };

static bool is_scheme(struct cs_span url, const char *scheme, size_t len)
{
    return url.len > len && cs_dns_cmp(cs_span_of(url.at, len), cs_span_str(scheme)) == 0;
}

const char *cs_http_url_flaw(struct cs_span url)
{
    if (!is_scheme(url, "http://", 7))
        return is_scheme(url, "https://", 8) ? "an https URL" : "no http URL";
    for (size_t i = 0; i < url.len; i++)
        if (url.at[i] <= 0x20 || url.at[i] >= 0x7f || memchr("\"<>\\^`{|}", url.at[i], 9) != NULL)
            return "an http URL with an octet that URLs do not have";
    uint8_t first = url.at[7];
    if (first == '/' || first == ':' || first == '?' || first == '#')
        return "an http URL without a host";
    return NULL;
}

/* ---- authorityInfoAccess ---- */

struct location {
    struct cs_span method, url;
};

static bool location_is_allowed(struct cs_case *c, const struct location *all, uint32_t i, uint8_t tag)
{
    const char *subject = cs_arena_printf(c->arena, "tbs.authorityInfoAccess[%u]", i);
    const struct location *a = &all[i];
    bool ocsp = cs_span_eq(a->method, cs_span_of(ID_AD_OCSP, 8));
    if (!ocsp && !cs_span_eq(a->method, cs_span_of(ID_AD_CA_ISSUERS, 8))) {
        char dotted[128];
        cs_oid_text(a->method, dotted, sizeof dotted);
        return cs_refuse(c, subject, cs_arena_printf(c->arena, "access method %s", dotted),
                         "ocsp (1.3.6.1.5.5.7.48.1) or caIssuers (1.3.6.1.5.5.7.48.2)");
    }
    if (tag != URI)
        return cs_refuse(c, subject, cs_arena_printf(c->arena, "a GeneralName with tag 0x%02x", tag),
                         "a URI with http");
    const char *flaw = cs_http_url_flaw(a->url);
    if (flaw != NULL)
        return cs_refuse(c, subject,
                         cs_arena_printf(c->arena, "%s: %s", flaw, cs_show_text(c->arena, a->url)),
                         "a URI with http");
    for (uint32_t k = 0; k < i; k++)
        if (cs_span_eq(a->method, all[k].method) && cs_span_eq(a->url, all[k].url))
            return cs_refuse(c, subject,
                             cs_arena_printf(c->arena, "%s again", cs_show_text(c->arena, a->url)),
                             "each location once for its method");
    return true;
}

bool cs_access_is_http(struct cs_case *c, const struct cs_extension *x)
{
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, x->value, NULL), list, description;
    struct location all[LOCATIONS_MAX];
    uint32_t n = 0;
    bool ok = true;
    if (!cs_der_enter(&r, CS_DER_SEQUENCE, "", &list) || !cs_der_more(&list))
        return cs_refuse(c, "tbs.authorityInfoAccess", "malformed", "at least one AccessDescription");
    for (; cs_der_more(&list); n++) {
        struct cs_der_tlv method, name;
        if (n == LOCATIONS_MAX)
            return cs_refuse(c, "tbs.authorityInfoAccess", "more than 64 locations", "at most 64");
        if (!cs_der_enter(&list, CS_DER_SEQUENCE, "", &description) ||
            !cs_der_get_tag(&description, CS_DER_OID, "", &method) || !cs_der_get(&description, &name))
            return cs_refuse(c, "tbs.authorityInfoAccess", "malformed", "AccessDescriptions");
        all[n] = (struct location){ method.value, name.value };
        ok = location_is_allowed(c, all, n, name.tag) && ok;
    }
    return ok;
}

static bool has_ocsp(const struct cs_tbs *t)
{
    const struct cs_extension *x = cs_extension_of(t, CS_EXT_AIA);
    struct cs_der_input in;
    struct cs_der r, list, description;
    struct cs_der_tlv method;
    if (x == NULL)
        return false;
    r = cs_der_open(&in, x->value, NULL);
    if (!cs_der_enter(&r, CS_DER_SEQUENCE, "", &list))
        return false;
    while (cs_der_more(&list) && cs_der_enter(&list, CS_DER_SEQUENCE, "", &description) &&
           cs_der_get_tag(&description, CS_DER_OID, "", &method))
        if (cs_span_eq(method.value, cs_span_of(ID_AD_OCSP, 8)))
            return true;
    return false;
}

/* ---- cRLDistributionPoints ---- */

static bool full_name_is_http(struct cs_case *c, const char *subject, struct cs_der *point)
{
    struct cs_der name, full;
    if (!cs_der_enter(point, CS_DER_CONTEXT_CONS + 0, "", &name) || !cs_der_more(&name))
        return cs_refuse(c, subject, "no distributionPoint", "a fullName of http URIs");
    if (!cs_der_next_is(&name, CS_DER_CONTEXT_CONS + 0))
        return cs_refuse(c, subject, "a name relative to the CRL issuer", "a fullName of http URIs");
    if (!cs_der_enter(&name, CS_DER_CONTEXT_CONS + 0, "", &full))
        return cs_refuse(c, subject, "malformed", "a fullName of http URIs");
    bool ok = true;
    struct cs_der_tlv v;
    while (cs_der_more(&full) && cs_der_get(&full, &v)) {
        const char *flaw = v.tag != URI ? "a GeneralName of another form" : cs_http_url_flaw(v.value);
        if (flaw != NULL)
            ok = cs_refuse(c, subject,
                           v.tag != URI
                               ? cs_arena_printf(c->arena, "a GeneralName with tag 0x%02x", v.tag)
                               : cs_arena_printf(c->arena, "%s: %s", flaw, cs_show_text(c->arena, v.value)),
                           "a fullName of http URIs");
    }
    return ok;
}

/* More than one point is not recommended, and passes. */
bool cs_points_are_http(struct cs_case *c, const struct cs_extension *x)
{
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, x->value, NULL), list, point;
    bool ok = true;
    if (!cs_der_enter(&r, CS_DER_SEQUENCE, "", &list) || !cs_der_more(&list))
        return cs_refuse(c, "tbs.cRLDistributionPoints", "malformed", "at least one DistributionPoint");
    for (uint32_t i = 0; cs_der_more(&list); i++) {
        const char *subject = cs_arena_printf(c->arena, "tbs.cRLDistributionPoints[%u]", i);
        if (!cs_der_enter(&list, CS_DER_SEQUENCE, "", &point))
            return cs_refuse(c, subject, "malformed", "a DistributionPoint");
        ok = full_name_is_http(c, subject, &point) && ok;
        if (cs_der_next_is(&point, CS_DER_CONTEXT + 1))
            ok = cs_refuse(c, subject, "reasons", "a fullName only");
        else if (cs_der_more(&point))
            ok = cs_refuse(c, subject, "reasons or cRLIssuer", "a fullName only");
    }
    if (!cs_ok(in.result))
        ok = cs_refuse(c, "tbs.cRLDistributionPoints", "malformed", "DistributionPoints with a fullName");
    return ok;
}

/* Ballot SC-063 made the kind, with 10 days, and with it the end of 10 days. */
int64_t cs_short_life_s(int64_t now_unix_s)
{
    static const struct {
        int64_t from_unix_s;
        int32_t days;
    } rows[] = { { CS_DAY_2026_03_15, 7 }, { CS_DAY_2024_03_15, 10 }, { INT64_MIN, 0 } };
    size_t i = 0;
    while (now_unix_s < rows[i].from_unix_s)
        i++;
    return rows[i].days * INT64_C(86400);
}

static bool is_short_lived(const struct cs_facts *f)
{
    int64_t difference = cs_age_s(f->tbs->not_after_unix_s, f->tbs->not_before_unix_s);
    return difference >= 0 && difference < cs_short_life_s(f->now_unix_s); /* difference + 1 <= limit */
}

bool cs_revocation_can_be_checked(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    if (cs_extension_of(t, CS_EXT_CRLDP) != NULL || has_ocsp(t) || is_short_lived(c->f))
        return true;
    return cs_refuse(c, "tbs.cRLDistributionPoints", "absent",
                     "the extension, or an ocsp location in authorityInfoAccess, or a period of at most %s",
                     cs_show_duration(c->arena, cs_short_life_s(c->f->now_unix_s)));
}
