/*
 * T19: what EVG 7.1 adds for extended validation. Which attributes there are is judged with T12; the
 * CABFOrganizationIdentifier extension must agree with the subject wherever it stands.
 */
#include "proxy/gate/rules/profile.h"

#include "proxy/base/clock.h"

#define OID_BUSINESS_CATEGORY       "\x55\x04\x0f", 3
#define OID_SERIAL_NUMBER           "\x55\x04\x05", 3
#define OID_ORGANIZATION_IDENTIFIER "\x55\x04\x61", 3

static const struct cs_attribute *attribute_of(const struct cs_tbs *t, const char *oid, size_t len)
{
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (cs_attribute_is(&t->attribute[i], oid, len))
            return &t->attribute[i];
    return NULL;
}

/* ---- names ---- */

static bool names_are_domains(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    uint32_t n_domains = 0;
    bool ok = true;
    for (uint32_t i = 0; i < t->n_names; i++) {
        const struct cs_san *s = &t->name[i];
        n_domains += s->tag == CS_SAN_DNS;
        if (s->tag == CS_SAN_IP)
            ok = cs_refuse(c, cs_show_ip(c->arena, s->value), "an IP address", "domain names only");
        if (s->tag == CS_SAN_DNS && cs_dns_is_wildcard(s->value) && !cs_dns_is_onion(s->value))
            ok = cs_refuse(c, cs_show_dns(c->arena, s->value), "a wildcard",
                           "no wildcard but of an onion name (BR Appendix B)");
    }
    if (n_domains == 0)
        ok = cs_refuse(c, "tbs.subjectAltName", "no dNSName", "at least one dNSName");
    return ok;
}

/* ---- businessCategory ---- */

static bool category_is_known(struct cs_case *c)
{
    static const char *const known[] = { "Private Organization", "Government Entity", "Business Entity",
                                         "Non-Commercial Entity" };
    const struct cs_attribute *a = attribute_of(c->f->tbs, OID_BUSINESS_CATEGORY);
    if (a == NULL)
        return true; /* T12 */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (cs_span_is(a->value, known[i]))
            return true;
    return cs_refuse(c, "subject:businessCategory", cs_show_text(c->arena, a->value),
                     "Private Organization, Government Entity, Business Entity or Non-Commercial Entity");
}

/* ---- serialNumber ---- */

enum { DATE_PARTS = 3 };

struct part {
    unsigned number, n_digits;
    bool is_month_word;
};

static bool is_month_word(struct cs_span word)
{
    static const char months[][4] = { "jan", "feb", "mar", "apr", "may", "jun",
                                      "jul", "aug", "sep", "oct", "nov", "dec" };
    for (size_t i = 0; word.len >= 3 && i < sizeof months / sizeof *months; i++)
        if (cs_dns_cmp(cs_span_of(word.at, 3), cs_span_str(months[i])) == 0)
            return true;
    return false;
}

static bool part_read(struct cs_span word, struct part *out)
{
    *out = (struct part){ .is_month_word = is_month_word(word) };
    if (out->is_month_word)
        return true;
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] < '0' || word.at[i] > '9' || i == 4)
            return false;
        out->number = out->number * 10 + (word.at[i] - '0');
        out->n_digits++;
    }
    return word.len > 0;
}

static bool is_separator(uint8_t b)
{
    return b == '-' || b == '/' || b == '.' || b == ' ' || b == ',';
}

/* Three parts of which one is a year of four digits and the others can be a day and a month. A run of
 * eight digits is not taken for a date: registers number so. */
static bool looks_like_a_date(struct cs_span value)
{
    struct part part[DATE_PARTS];
    unsigned n = 0, years = 0, months = 0, days = 0;
    for (size_t at = 0; at < value.len;) {
        size_t end = at;
        while (end < value.len && !is_separator(value.at[end]))
            end++;
        if (end > at) {
            if (n == DATE_PARTS || !part_read(cs_span_of(value.at + at, end - at), &part[n]))
                return false;
            n++;
        }
        at = end + 1;
    }
    for (unsigned i = 0; i < n; i++) {
        bool small = !part[i].is_month_word && part[i].n_digits <= 2 && part[i].number >= 1;
        years += part[i].n_digits == 4 && part[i].number >= 1000;
        months += part[i].is_month_word || (small && part[i].number <= 12);
        days += small && part[i].number <= 31;
    }
    bool word = n == DATE_PARTS && (part[0].is_month_word || part[1].is_month_word || part[2].is_month_word);
    return n == DATE_PARTS && years == 1 && months >= 1 && days >= (word ? 1u : 2u);
}

static bool is_canonical_date(struct cs_span v)
{
    if (v.len != 10 || v.at[4] != '-' || v.at[7] != '-')
        return false;
    struct part y, m, d;
    if (!part_read(cs_span_of(v.at, 4), &y) || !part_read(cs_span_of(v.at + 5, 2), &m) ||
        !part_read(cs_span_of(v.at + 8, 2), &d) || y.is_month_word || m.number < 1 || m.number > 12 ||
        d.number < 1)
        return false;
    int month = (int)m.number, year = (int)y.number;
    int64_t next = month == 12 ? cs_time_from_civil(year + 1, 1, 1, 0, 0, 0)
                               : cs_time_from_civil(year, month + 1, 1, 0, 0, 0);
    return cs_time_from_civil(year, month, 1, 0, 0, 0) + (int64_t)(d.number - 1) * 86400 < next;
}

/* Ballot SC-087: a date of formation in place of a registration number is written YYYY-MM-DD. */
static bool serial_date_is_canonical(struct cs_case *c)
{
    const struct cs_attribute *a = attribute_of(c->f->tbs, OID_SERIAL_NUMBER);
    if (a == NULL || c->f->now_unix_s < CS_DAY_2027_09_15 || !looks_like_a_date(a->value) ||
        is_canonical_date(a->value))
        return true;
    return cs_refuse(c, "subject:serialNumber", cs_show_text(c->arena, a->value),
                     "a date of formation as YYYY-MM-DD, since %s",
                     cs_show_time(c->arena, CS_DAY_2027_09_15));
}

/* ---- organizationIdentifier ---- */

static bool is_capital(uint8_t b)
{
    return b >= 'A' && b <= 'Z';
}

/* EL and XI are prefixes of VAT numbers (Council Directive 2006/112/EC, article 215), XG a scheme run
 * worldwide. */
static bool is_scheme_country(struct cs_span country, bool vat)
{
    return cs_is_country(country) || cs_span_is(country, "XG") ||
           (vat && (cs_span_is(country, "EL") || cs_span_is(country, "XI")));
}

/* NTRGB-12345678, NTRUS+CA-12345678, VATDE-123456789, PSDBE-NBB-1234.567.890 (EVG 7.1.4.2.8). */
static const char *identifier_flaw(struct cs_span v)
{
    if (v.len < 7)
        return "too short";
    struct cs_span scheme = cs_span_of(v.at, 3), country = cs_span_of(v.at + 3, 2);
    bool ntr = cs_span_is(scheme, "NTR"), vat = cs_span_is(scheme, "VAT");
    if (!ntr && !vat && !cs_span_is(scheme, "PSD"))
        return "a registration scheme other than NTR, VAT and PSD";
    if (!is_scheme_country(country, vat))
        return "no country behind the scheme";
    struct cs_span rest = cs_span_of(v.at + 5, v.len - 5);
    if (rest.at[0] == '+') {
        size_t n = 1;
        while (n < rest.len && (is_capital(rest.at[n]) || (rest.at[n] >= '0' && rest.at[n] <= '9')))
            n++;
        if (!ntr || n == 1 || n > 4) /* ISO 3166-2: one to three characters */
            return ntr ? "no state or province behind the plus sign" : "a state or province outside NTR";
        rest = cs_span_of(rest.at + n, rest.len - n);
    }
    if (rest.len < 2 || rest.at[0] != '-')
        return "no hyphen and reference behind the country";
    if (!cs_span_is(scheme, "PSD"))
        return NULL;
    size_t authority = 1; /* two to eight capitals, a hyphen, the reference */
    while (authority < rest.len && is_capital(rest.at[authority]))
        authority++;
    return authority < 3 || authority > 9 || authority + 1 >= rest.len || rest.at[authority] != '-'
               ? "no competent authority and reference behind the country"
               : NULL;
}

static bool get_text(struct cs_der *r, uint8_t tag, size_t min, size_t max, struct cs_span *out)
{
    struct cs_der_tlv v;
    if (!cs_der_get_tag(r, tag, "", &v) || v.value.len < min || v.value.len > max)
        return false;
    *out = v.value;
    return true;
}

/* EVG 7.1.2.2: scheme, country, state or province [0] and reference; what attribute they spell is appended.
 */
static bool identifier_of_extension(struct cs_span value, struct cs_buf *out)
{
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, value, NULL), body;
    struct cs_span scheme, country, state = { NULL, 0 }, reference;
    if (!cs_der_walk(&in, value) || !cs_der_enter(&r, CS_DER_SEQUENCE, "", &body) ||
        !get_text(&body, CS_DER_PRINTABLE_STRING, 3, 3, &scheme) ||
        !get_text(&body, CS_DER_PRINTABLE_STRING, 2, 2, &country) ||
        (cs_der_next_is(&body, CS_DER_CONTEXT + 0) &&
         (!get_text(&body, CS_DER_CONTEXT + 0, 0, 128, &state) ||
          cs_der_flaw(CS_DER_PRINTABLE_STRING, state) != NULL)) ||
        !get_text(&body, CS_DER_UTF8_STRING, 1, SIZE_MAX, &reference) || !cs_der_end(&body))
        return false;
    cs_buf_put(out, scheme.at, scheme.len);
    cs_buf_put(out, country.at, country.len);
    if (state.len != 0) {
        cs_buf_put_u8(out, '+');
        cs_buf_put(out, state.at, state.len);
    }
    cs_buf_put_u8(out, '-');
    cs_buf_put(out, reference.at, reference.len);
    return true;
}

static bool identifiers_agree(struct cs_case *c)
{
    static const char subject[] = "subject:organizationIdentifier",
                      extension[] = "tbs.cabfOrganizationIdentifier";
    const struct cs_attribute *a = attribute_of(c->f->tbs, OID_ORGANIZATION_IDENTIFIER);
    const struct cs_extension *x = cs_extension_of(c->f->tbs, CS_EXT_ORG_ID);
    bool ev = c->profile == COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION, ok = true;
    if (ev && a != NULL) {
        const char *flaw = identifier_flaw(a->value);
        if (flaw != NULL)
            ok = cs_refuse(c, subject,
                           cs_arena_printf(c->arena, "%s: %s", cs_show_text(c->arena, a->value), flaw),
                           "scheme (NTR, VAT, PSD), country, for NTR perhaps + and state, hyphen, reference");
        if (x == NULL)
            ok =
                cs_refuse(c, extension, "absent", "the extension 2.23.140.3.1 beside organizationIdentifier");
    }
    if (x == NULL)
        return ok;
    CS_AUTO_BUF struct cs_buf spelt = { 0 };
    if (!identifier_of_extension(x->value, &spelt))
        return cs_refuse(c, extension, cs_show_hex(c->arena, x->value),
                         "scheme, country, optional state and reference (EVG 7.1.2.2)");
    if (a == NULL || !cs_span_eq(a->value, cs_buf_span(&spelt)))
        ok = cs_refuse(c, extension, cs_show_text(c->arena, cs_buf_span(&spelt)),
                       "what subject:organizationIdentifier says: %s",
                       a != NULL ? cs_show_text(c->arena, a->value) : "it is absent");
    return ok;
}

/* T19 */
bool cs_names_and_attributes_are_of_evg(struct cs_case *c)
{
    bool ok = identifiers_agree(c);
    if (c->profile != COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION)
        return ok;
    ok = names_are_domains(c) && ok;
    ok = category_is_known(c) && ok;
    return serial_date_is_canonical(c) && ok;
}
