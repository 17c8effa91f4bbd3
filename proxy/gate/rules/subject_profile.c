/*
 * T12: which attributes a subject has, in which order, of which type and length (BR 7.1.2.7.2 to 7.1.2.7.4,
 * 7.1.4; EVG 7.1.4.2). Whether what they say is true is for organization_rules.c.
 */
#include "proxy/gate/rules/profile.h"

enum { DV, IV, OV, EV, N_PROFILES };
/* ANY: may be there, and what BR does not recommend. */
enum level { NONE, ANY, MUST };
enum {
    PRINTABLE = 1,
    UTF8 = 2,
    IA5 = 4,
    TEXT = PRINTABLE | UTF8,
};

static const struct row {
    const char *oid;
    uint8_t len;
    uint8_t order; /* place among the others; 0: anywhere */
    uint8_t types;
    uint8_t max_characters; /* 0: no limit of the requirements */
    bool repeatable;
    uint8_t level[N_PROFILES];
} rows[] = {
    { "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, 1, IA5, 63, true, { NONE, ANY, ANY, NONE } }, /* DC */
    { "\x55\x04\x06", 3, 2, PRINTABLE, 2, false, { ANY, MUST, MUST, MUST } },                       /* C */
    { "\x55\x04\x08", 3, 3, TEXT, 128, false, { NONE, ANY, ANY, ANY } },                            /* ST */
    { "\x55\x04\x07", 3, 4, TEXT, 128, false, { NONE, ANY, ANY, ANY } },                            /* L */
    { "\x55\x04\x11", 3, 5, TEXT, 40, false, { NONE, ANY, ANY, ANY } },       /* postalCode */
    { "\x55\x04\x09", 3, 6, TEXT, 128, true, { NONE, ANY, ANY, ANY } },       /* street */
    { "\x55\x04\x0a", 3, 7, TEXT, 64, false, { NONE, ANY, MUST, MUST } },     /* O */
    { "\x55\x04\x04", 3, 8, TEXT, 64, false, { NONE, MUST, ANY, NONE } },     /* SN */
    { "\x55\x04\x2a", 3, 9, TEXT, 64, false, { NONE, MUST, ANY, NONE } },     /* GN */
    { "\x55\x04\x0b", 3, 10, TEXT, 64, false, { NONE, NONE, NONE, NONE } },   /* OU */
    { "\x55\x04\x03", 3, 11, TEXT, 64, true, { ANY, ANY, ANY, ANY } },        /* CN: T13 says once */
    { "\x55\x04\x0f", 3, 0, TEXT, 128, false, { NONE, ANY, ANY, MUST } },     /* businessCategory */
    { "\x55\x04\x05", 3, 0, PRINTABLE, 64, false, { NONE, ANY, ANY, MUST } }, /* serialNumber */
    { "\x55\x04\x61", 3, 0, TEXT, 0, false, { NONE, ANY, ANY, ANY } },        /* organizationIdentifier */
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 11, 0, PRINTABLE, 2, false, { NONE, ANY, ANY, MUST } },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", 11, 0, TEXT, 128, false, { NONE, ANY, ANY, ANY } },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", 11, 0, TEXT, 128, false, { NONE, ANY, ANY, ANY } },
};
enum { N_ROWS = sizeof rows / sizeof *rows };

#define OID_DC             rows[0].oid, rows[0].len
#define OID_JURISDICTION_C rows[14].oid, rows[14].len

static const char *const profile_names[N_PROFILES] = { "a domain-validated", "an individual-validated",
                                                       "an organization-validated",
                                                       "an extended-validation" };

static int column_of(int profile)
{
    switch (profile) {
    case COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED:
        return DV;
    case COUNTERSIGN__V1__PROFILE__PROFILE_INDIVIDUAL_VALIDATED:
        return IV;
    case COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED:
        return OV;
    case COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION:
        return EV;
    default:
        return -1;
    }
}

static const struct row *row_of(struct cs_span oid)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (cs_span_eq(oid, cs_span_of(rows[i].oid, rows[i].len)))
            return &rows[i];
    return NULL;
}

static bool has(const struct cs_tbs *t, const char *oid, size_t len)
{
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (cs_attribute_is(&t->attribute[i], oid, len))
            return true;
    return false;
}

/* ---- one value ---- */

static bool type_fits(const struct row *row, uint8_t tag)
{
    return (tag == CS_DER_PRINTABLE_STRING && (row->types & PRINTABLE) != 0) ||
           (tag == CS_DER_UTF8_STRING && (row->types & UTF8) != 0) ||
           (tag == CS_DER_IA5_STRING && (row->types & IA5) != 0);
}

/* Characters, not octets; the parser proved the UTF-8. */
static size_t n_characters(const struct cs_attribute *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->value.len; i++)
        n += a->tag != CS_DER_UTF8_STRING || (a->value.at[i] & 0xc0) != 0x80;
    return n;
}

/* BR 7.1.4.2: not only '.', '-', ' ' or what else says that there is nothing to say. */
static bool says_nothing(struct cs_span value)
{
    static const char *const words[] = { "n/a", "n.a.", "not applicable", "not available" };
    while (value.len > 0 && value.at[0] == ' ')
        value = cs_span_of(value.at + 1, value.len - 1);
    while (value.len > 0 && value.at[value.len - 1] == ' ')
        value.len--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (cs_dns_cmp(value, cs_span_str(words[i])) == 0) /* whatever the letters' case */
            return true;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t b = value.at[i], letter = b | 0x20;
        if (b >= 0x80 || (b >= '0' && b <= '9') || (letter >= 'a' && letter <= 'z'))
            return false;
    }
    return true;
}

static bool value_fits(struct cs_case *c, const struct row *row, const struct cs_attribute *a)
{
    const char *subject = cs_show_attribute(c->arena, a->oid), *shown = cs_show_text(c->arena, a->value);
    bool ok = true;
    if (!type_fits(row, a->tag))
        ok = cs_refuse(c, subject, cs_arena_printf(c->arena, "a string with tag 0x%02x", a->tag), "%s",
                       row->types == TEXT        ? "UTF8String or PrintableString"
                       : row->types == PRINTABLE ? "PrintableString"
                                                 : "IA5String");
    if (says_nothing(a->value))
        ok = cs_refuse(c, subject, cs_arena_printf(c->arena, "\"%s\", which says nothing", shown),
                       "a value, or no attribute");
    if (row->max_characters != 0 && n_characters(a) > row->max_characters)
        ok = cs_refuse(c, subject, cs_arena_printf(c->arena, "%zu characters", n_characters(a)),
                       "at most %u characters", row->max_characters);
    bool is_country = cs_attribute_is(a, CS_OID_C, 3);
    if ((is_country || cs_attribute_is(a, OID_JURISDICTION_C)) && !cs_is_country(a->value) &&
        !(is_country && cs_span_is(a->value, "XX")))
        ok = cs_refuse(c, subject, shown, "%s",
                       is_country ? "a country of ISO 3166-1 in two capitals, or XX where there is none"
                                  : "a country of ISO 3166-1 in two capitals");
    return ok;
}

/* ---- domainComponent ---- */

/* BR 7.1.4.2: the labels of one whole name, the most significant first. It must be one that was validated:
 * a dNSName, or what stands above one. */
static bool components_are_a_name(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    CS_AUTO_BUF struct cs_buf name = { 0 };
    uint32_t n = 0;
    for (uint32_t i = t->n_attributes; i-- > 0;) {
        const struct cs_attribute *a = &t->attribute[i];
        if (!cs_attribute_is(a, OID_DC))
            continue;
        if (n++ > 0)
            cs_buf_put_u8(&name, '.');
        cs_buf_put(&name, a->value.at, a->value.len);
    }
    if (n == 0)
        return true;
    struct cs_span whole = cs_buf_span(&name);
    for (uint32_t i = 0; i < t->n_names && cs_dns_labels(whole) >= 2; i++)
        for (struct cs_span s = t->name[i].value; t->name[i].tag == CS_SAN_DNS && s.len != 0;
             s = cs_dns_parent(s, 1))
            if (cs_dns_cmp(s, whole) == 0)
                return true;
    return cs_refuse(c, "subject:DC", cs_show_text(c->arena, whole),
                     "the labels of a dNSName of the certificate or of a name above it, the top-level domain "
                     "first");
}

/* ---- the attributes together ---- */

static bool attribute_is_allowed(struct cs_case *c, const struct row *row, const struct cs_attribute *a,
                                 int column)
{
    const char *subject = cs_show_attribute(c->arena, a->oid);
    if (row != NULL && row->level[column] != NONE)
        return true;
    if (row == NULL && (column == IV || column == OV)) /* BR 7.1.4.4: documented in the CPS, verified */
        return cs_pin_mentions_attribute(c, a->oid) ||
               cs_refuse(c, subject, cs_show_text(c->arena, a->value),
                         "attributes of the profile, and others only where the issuer's pinned profile names "
                         "them");
    return cs_refuse(c, subject, cs_show_text(c->arena, a->value),
                     column == DV ? "countryName and commonName only in %s certificate"
                                  : "no such attribute in %s certificate",
                     profile_names[column]);
}

static bool each_attribute_fits(struct cs_case *c, int column)
{
    const struct cs_tbs *t = c->f->tbs;
    unsigned behind = 0;
    bool ok = true;
    for (uint32_t i = 0; i < t->n_attributes; i++) {
        const struct cs_attribute *a = &t->attribute[i];
        const struct row *row = row_of(a->oid);
        const char *subject = cs_show_attribute(c->arena, a->oid);
        if (i > 0 && a->rdn == t->attribute[i - 1].rdn)
            ok = cs_refuse(c, subject, "shares its RelativeDistinguishedName", "one attribute in each");
        if (!attribute_is_allowed(c, row, a, column)) {
            ok = false;
            continue;
        }
        for (uint32_t k = 0; k < i && (row == NULL || !row->repeatable); k++)
            if (cs_span_eq(t->attribute[k].oid, a->oid)) {
                ok = cs_refuse(c, subject, "more than once", "once");
                break;
            }
        if (row == NULL)
            continue;
        if (row->order != 0 && row->order < behind)
            ok = cs_refuse(c, subject, "behind an attribute that it must stand before",
                           "the order DC, C, ST, L, postalCode, street, O, SN, GN, CN");
        behind = row->order > behind ? row->order : behind;
        ok = value_fits(c, row, a) && ok;
    }
    return ok;
}

static bool needed_attributes_are_there(struct cs_case *c, int column)
{
    const struct cs_tbs *t = c->f->tbs;
    bool ok = true;
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].level[column] == MUST && !has(t, rows[i].oid, rows[i].len))
            ok = cs_refuse(c, cs_show_attribute(c->arena, cs_span_of(rows[i].oid, rows[i].len)), "absent",
                           "the attribute in %s certificate", profile_names[column]);
    if (column != DV && !has(t, "\x55\x04\x08", 3) && !has(t, "\x55\x04\x07", 3))
        ok = cs_refuse(c, "subject", "neither stateOrProvinceName nor localityName",
                       "at least one of them in %s certificate", profile_names[column]);
    if (column == OV && has(t, "\x55\x04\x04", 3) != has(t, "\x55\x04\x2a", 3))
        ok = cs_refuse(c, "subject", "one of surname and givenName", "both or none");
    return ok;
}

bool cs_subject_fits_the_profile(struct cs_case *c)
{
    int column = column_of(c->profile);
    if (column < 0)
        return true; /* refused: no profile */
    bool ok = each_attribute_fits(c, column);
    ok = needed_attributes_are_there(c, column) && ok;
    return components_are_a_name(c) && ok;
}
