/*
 * T14, P01: which extensions there are, critical or not, and what they hold (BR 7.1.2.7.6, 7.1.2.11).
 * Deny by default: an extension that no row knows refuses, unless the issuer's pinned profile names it.
 */
#include "proxy/gate/rules/profile.h"

/* ELSEWHERE: other rules say what holds; the row only makes the extension known. */
enum presence { MAY, MUST, MUST_NOT, ELSEWHERE };
enum criticality { NEVER, ALWAYS, SAID_ELSEWHERE };

static bool basic_constraints_are_empty(struct cs_case *c, const struct cs_extension *x);
static bool features_are_known(struct cs_case *c, const struct cs_extension *x);
static bool value_is_null(struct cs_case *c, const struct cs_extension *x);
static bool value_is_der(struct cs_case *c, const struct cs_extension *x);
static bool key_id_is_not_empty(struct cs_case *c, const struct cs_extension *x);

static const struct row {
    const char *oid;
    uint8_t len;
    const char *name;
    enum presence presence;
    enum criticality critical;
    bool (*content)(struct cs_case *c, const struct cs_extension *x);
} rows[] = {
    { CS_EXT_AKI, "authorityKeyIdentifier", ELSEWHERE, SAID_ELSEWHERE, NULL }, /* T15 */
    { CS_EXT_SKI, "subjectKeyIdentifier", MAY, NEVER, key_id_is_not_empty },
    { CS_EXT_KEY_USAGE, "keyUsage", MAY, ALWAYS, cs_key_usage_fits_the_key },
    { CS_EXT_SAN, "subjectAltName", ELSEWHERE, SAID_ELSEWHERE, NULL }, /* T17 */
    { CS_EXT_BASIC, "basicConstraints", MAY, ALWAYS, basic_constraints_are_empty },
    { CS_EXT_CRLDP, "cRLDistributionPoints", ELSEWHERE, NEVER, cs_points_are_http },
    { CS_EXT_POLICIES, "certificatePolicies", ELSEWHERE, SAID_ELSEWHERE, cs_qualifiers_are_cps_pointers },
    { CS_EXT_EKU, "extKeyUsage", ELSEWHERE, SAID_ELSEWHERE, NULL }, /* T16 */
    { CS_EXT_AIA, "authorityInfoAccess", MUST, NEVER, cs_access_is_http },
    { CS_EXT_POISON, "precertificatePoison", ELSEWHERE, SAID_ELSEWHERE, NULL }, /* P01 */
    { CS_EXT_SCTS, "signedCertificateTimestampList", MAY, NEVER, NULL },
    { CS_EXT_ORG_ID, "cabfOrganizationIdentifier", ELSEWHERE, NEVER, NULL }, /* T19 */
    { "\x2b\x06\x01\x05\x05\x07\x01\x18", 8, "tlsFeature", MAY, NEVER, features_are_known },
    { "\x2b\x06\x01\x05\x05\x07\x01\x03", 8, "qcStatements", MAY, NEVER, value_is_der },
    { "\x2b\x06\x01\x04\x01\x82\xda\x4b\x2c", 9, "delegationUsage", MAY, NEVER,
      value_is_null }, /* RFC 9345 */
    { "\x55\x1d\x1e", 3, "nameConstraints", MUST_NOT, SAID_ELSEWHERE, NULL },
    { "\x55\x1d\x21", 3, "policyMappings", MUST_NOT, SAID_ELSEWHERE, NULL },
    { "\x55\x1d\x24", 3, "policyConstraints", MUST_NOT, SAID_ELSEWHERE, NULL },
    { "\x55\x1d\x36", 3, "inhibitAnyPolicy", MUST_NOT, SAID_ELSEWHERE, NULL },
    { "\x2b\x06\x01\x05\x05\x07\x30\x01\x05", 9, "ocspNoCheck", MUST_NOT, SAID_ELSEWHERE, NULL },
    { "\x2b\x06\x01\x05\x05\x07\x01\x1f", 8, "acmeIdentifier", MUST_NOT, SAID_ELSEWHERE, NULL },
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static const struct row *row_of(struct cs_span oid)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (cs_span_eq(oid, cs_span_of(rows[i].oid, rows[i].len)))
            return &rows[i];
    return NULL;
}

const char *cs_show_extension(struct cs_arena *a, struct cs_span oid)
{
    const struct row *row = row_of(oid);
    if (row != NULL)
        return cs_arena_printf(a, "tbs.%s", row->name);
    char dotted[128];
    cs_oid_text(oid, dotted, sizeof dotted);
    return cs_arena_printf(a, "tbs.extension:%s", dotted);
}

/* ---- content of the small ones ---- */

static bool value_is(struct cs_case *c, const struct cs_extension *x, struct cs_span wanted)
{
    return cs_span_eq(x->value, wanted) ||
           cs_refuse(c, cs_show_extension(c->arena, x->oid), cs_show_hex(c->arena, x->value), "the value %s",
                     cs_show_hex(c->arena, wanted));
}

/* BR 7.1.2.7.8: cA FALSE, which DER leaves out, and no pathLenConstraint. */
static bool basic_constraints_are_empty(struct cs_case *c, const struct cs_extension *x)
{
    const char *subject = "tbs.basicConstraints";
    if (c->f->tbs->is_ca)
        return cs_refuse(c, subject, "cA TRUE", "cA absent or FALSE");
    if (c->f->tbs->has_path_len)
        return cs_refuse(c, subject, "pathLenConstraint present", "no pathLenConstraint");
    return value_is(c, x, cs_span_of("\x30\x00", 2));
}

/* RFC 7633: status_request(5), status_request_v2(17). */
static bool features_are_known(struct cs_case *c, const struct cs_extension *x)
{
    static const char both[] = "\x30\x06\x02\x01\x05\x02\x01\x11", v2[] = "\x30\x03\x02\x01\x11";
    return cs_span_eq(x->value, cs_span_of(both, sizeof both - 1)) ||
           cs_span_eq(x->value, cs_span_of(v2, sizeof v2 - 1)) ||
           value_is(c, x, cs_span_of("\x30\x03\x02\x01\x05", 5));
}

static bool value_is_null(struct cs_case *c, const struct cs_extension *x)
{
    return value_is(c, x, cs_span_of("\x05\x00", 2));
}

/* BR 7.1.2.11.5: encoded by the module that defines it; more cannot be told of a value nobody reads. */
static bool value_is_der(struct cs_case *c, const struct cs_extension *x)
{
    struct cs_der_fault fault = { 0 };
    struct cs_der_input in;
    (void)cs_der_open(&in, x->value, &fault);
    return cs_der_walk(&in, x->value) ||
           cs_refuse(c, cs_show_extension(c->arena, x->oid),
                     fault.what != NULL ? fault.what : "no DER element", "a value that is one DER element");
}

static bool key_id_is_not_empty(struct cs_case *c, const struct cs_extension *x)
{
    return x->value.len > 2 || cs_refuse(c, "tbs.subjectKeyIdentifier", cs_show_hex(c->arena, x->value),
                                         "an identifier of at least one octet");
}

/* ---- T14 ---- */

static bool criticality_is_right(struct cs_case *c, const struct row *row, const struct cs_extension *x)
{
    if (row->critical == SAID_ELSEWHERE || x->critical == (row->critical == ALWAYS))
        return true;
    return cs_refuse(c, cs_show_extension(c->arena, x->oid), x->critical ? "critical" : "not critical", "%s",
                     x->critical ? "not critical" : "critical");
}

static bool extension_is_allowed(struct cs_case *c, const struct cs_extension *x)
{
    const struct row *row = row_of(x->oid);
    if (row == NULL && cs_pin_mentions_extension(c, x->oid))
        return value_is_der(c, x);
    if (row == NULL)
        return cs_refuse(c, cs_show_extension(c->arena, x->oid), "an extension that no rule knows",
                         "extensions of the subscriber profile, and others only where the issuer's pinned "
                         "profile names them");
    if (row->presence == MUST_NOT)
        return cs_refuse(c, cs_show_extension(c->arena, x->oid), "present",
                         "no %s in a subscriber certificate", row->name);
    bool ok = criticality_is_right(c, row, x);
    return (row->content == NULL || row->content(c, x)) && ok;
}

bool cs_extensions_are_of_a_subscriber(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    bool ok = true;
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].presence == MUST && cs_tbs_find(t, cs_span_of(rows[i].oid, rows[i].len)) == NULL)
            ok = cs_refuse(c, cs_arena_printf(c->arena, "tbs.%s", rows[i].name), "absent", "the extension");
    for (uint32_t i = 0; i < t->n_extensions; i++)
        ok = extension_is_allowed(c, &t->extension[i]) && ok;
    return cs_revocation_can_be_checked(c) && ok;
}

/* ---- P01 ---- */

bool cs_poison_is_exact_and_alone(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    const struct cs_extension *poison = cs_extension_of(t, CS_EXT_POISON);
    if (poison == NULL)
        return true;
    const char *subject = "tbs.precertificatePoison";
    bool ok = true;
    if (!poison->critical)
        ok = cs_refuse(c, subject, "not critical", "critical");
    if (!cs_span_eq(poison->value, cs_span_of("\x05\x00", 2)))
        ok = cs_refuse(c, subject, cs_show_hex(c->arena, poison->value), "the value 0x0500");
    if (cs_extension_of(t, CS_EXT_SCTS) != NULL)
        ok = cs_refuse(c, "tbs.extensions", "poison and SCT list together",
                       "the poison in a precertificate, the SCT list in a certificate");
    return ok;
}
