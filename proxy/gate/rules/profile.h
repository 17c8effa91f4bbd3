/*
 * Profiles: what the rules on subject attributes and extensions share (BR 7.1.2.7, 7.1.2.11, 7.1.4).
 * Which values marked NOT RECOMMENDED pass is written down in docs/profiles.md.
 */
#ifndef CS_GATE_RULES_PROFILE_H
#define CS_GATE_RULES_PROFILE_H

#include "proxy/gate/rules/rows.h"

/* Days of the profile tables. */
#define CS_DAY_2024_03_15 CS_DAY(19797)
#define CS_DAY_2027_09_15 CS_DAY(21076)

/* Content octets of extension OIDs, and how many there are. */
#define CS_EXT_SKI       "\x55\x1d\x0e", 3
#define CS_EXT_KEY_USAGE "\x55\x1d\x0f", 3
#define CS_EXT_SAN       "\x55\x1d\x11", 3
#define CS_EXT_BASIC     "\x55\x1d\x13", 3
#define CS_EXT_CRLDP     "\x55\x1d\x1f", 3
#define CS_EXT_POLICIES  "\x55\x1d\x20", 3
#define CS_EXT_AKI       "\x55\x1d\x23", 3
#define CS_EXT_EKU       "\x55\x1d\x25", 3
#define CS_EXT_AIA       "\x2b\x06\x01\x05\x05\x07\x01\x01", 8
#define CS_EXT_POISON    "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03", 10
#define CS_EXT_SCTS      "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02", 10
#define CS_EXT_ORG_ID    "\x67\x81\x0c\x03\x01", 5

/* NULL when the TBS does not have it. */
static inline const struct cs_extension *cs_extension_of(const struct cs_tbs *t, const char *oid, size_t len)
{
    return cs_tbs_find(t, cs_span_of(oid, len));
}

/* "tbs.keyUsage" for those of the tables, else "tbs.extension:1.2.3". */
const char *cs_show_extension(struct cs_arena *a, struct cs_span oid);

/* cs_http_url_flaw tells (static text) why these octets are no absolute http URL with a host, or NULL. */
const char *cs_http_url_flaw(struct cs_span url);

/* Content checks of T14, one an extension; each adds its own reasons. */
bool cs_key_usage_fits_the_key(struct cs_case *c, const struct cs_extension *x);
bool cs_access_is_http(struct cs_case *c, const struct cs_extension *x);
bool cs_points_are_http(struct cs_case *c, const struct cs_extension *x);
bool cs_qualifiers_are_cps_pointers(struct cs_case *c, const struct cs_extension *x);
/* The CRL distribution points are there unless the certificate can do without (BR 7.1.2.11.2). */
bool cs_revocation_can_be_checked(struct cs_case *c);

/* Longest period, both ends counted, of a short-lived certificate issued at now (BR 1.6.1); 0: none is. */
int64_t cs_short_life_s(int64_t now_unix_s);

/* ISO 3166-1 alpha-2, officially assigned, in capitals. */
bool cs_is_country(struct cs_span two_letters);

/* The pins of the issuer for the certificate's profile mention this extension, this key purpose (in a
 * fixed extKeyUsage value), this subject attribute: it is known, and the operators answer for it. */
bool cs_pin_mentions_extension(const struct cs_case *c, struct cs_span oid);
bool cs_pin_mentions_purpose(const struct cs_case *c, struct cs_span oid);
bool cs_pin_mentions_attribute(const struct cs_case *c, struct cs_span oid);

#endif
