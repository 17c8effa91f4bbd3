/* T17: the form of names. Who controls them is judged in domain_rules.c. */
#include "proxy/gate/rules/rows.h"

#include <stdlib.h>

enum { NAME_MAX_LEN = 253, LABEL_MAX_LEN = 63 };

static uint8_t lower(uint8_t b)
{
    return b >= 'A' && b <= 'Z' ? (uint8_t)(b | 0x20) : b;
}

int cs_dns_cmp(struct cs_span a, struct cs_span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < n; i++) {
        int d = lower(a.at[i]) - lower(b.at[i]);
        if (d != 0)
            return d;
    }
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

bool cs_dns_has_suffix(struct cs_span name, const char *suffix)
{
    size_t len = strlen(suffix);
    if (name.len < len)
        return false;
    size_t at = name.len - len;
    return cs_dns_cmp(cs_span_of(name.at + at, len), cs_span_str(suffix)) == 0 &&
           (at == 0 || name.at[at - 1] == '.');
}

bool cs_dns_is_onion(struct cs_span name)
{
    return cs_dns_has_suffix(name, "onion");
}

uint32_t cs_dns_labels(struct cs_span name)
{
    uint32_t n = name.len != 0 ? 1 : 0;
    for (size_t i = 0; i < name.len; i++)
        n += name.at[i] == '.';
    return n;
}

struct cs_span cs_dns_parent(struct cs_span name, uint32_t n)
{
    while (n-- > 0) {
        const uint8_t *dot = name.len != 0 ? memchr(name.at, '.', name.len) : NULL;
        if (dot == NULL)
            return cs_span_of(NULL, 0);
        name = cs_span_of(dot + 1, name.len - (size_t)(dot + 1 - name.at));
    }
    return name;
}

/* ---- RFC 3492, decoding only; the code points are counted, not kept ---- */

static int puny_digit(uint8_t b)
{
    b = lower(b);
    return b >= 'a' && b <= 'z' ? b - 'a' : b >= '0' && b <= '9' ? b - '0' + 26 : -1;
}

static uint32_t puny_adapt(uint32_t delta, uint32_t n_points, bool first)
{
    delta = first ? delta / 700 : delta / 2;
    delta += delta / n_points;
    uint32_t k = 0;
    for (; delta > 35 * 26 / 2; k += 36)
        delta /= 35;
    return k + 36 * delta / (delta + 38);
}

bool cs_puny_valid(struct cs_span label)
{
    size_t basic = 0;
    for (size_t i = 0; i < label.len; i++)
        if (label.at[i] == '-')
            basic = i;
    size_t at = basic != 0 ? basic + 1 : 0;
    uint32_t n_points = (uint32_t)basic, code = 128, place = 0, bias = 72;
    if (label.len > LABEL_MAX_LEN || at >= label.len)
        return false;
    for (bool first = true; at < label.len; first = false) {
        uint64_t sum = place, weight = 1;
        for (uint32_t k = 36;; k += 36) {
            int digit = at < label.len ? puny_digit(label.at[at++]) : -1;
            if (digit < 0)
                return false;
            sum += (uint64_t)digit * weight;
            uint32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
            if (sum > UINT32_MAX)
                return false;
            if ((uint32_t)digit < t)
                break;
            weight *= 36 - t;
            if (weight > UINT32_MAX)
                return false;
        }
        n_points++;
        bias = puny_adapt((uint32_t)(sum - place), n_points, first);
        if (sum / n_points > 0x10ffff)
            return false;
        code += (uint32_t)(sum / n_points);
        place = (uint32_t)(sum % n_points) + 1;
        if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
    }
    return true;
}

/* ---- one dNSName ---- */

static const char *label_flaw(struct cs_span label)
{
    if (label.len == 0)
        return "an empty label or a trailing dot";
    if (label.len > LABEL_MAX_LEN)
        return "a label of more than 63 octets";
    for (size_t i = 0; i < label.len; i++) {
        uint8_t b = lower(label.at[i]);
        if (b == '_')
            return "an underscore";
        if (b == '*')
            return "an asterisk that is not the whole leftmost label";
        if (!((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '-'))
            return "an octet that is no letter, digit or hyphen";
    }
    if (label.at[0] == '-' || label.at[label.len - 1] == '-')
        return "a label that begins or ends with a hyphen";
    if (label.len >= 4 && label.at[2] == '-' && label.at[3] == '-') {
        if (cs_dns_cmp(cs_span_of(label.at, 2), cs_span_str("xn")) != 0)
            return "a reserved label (hyphens in third and fourth place) other than xn--";
        if (!cs_puny_valid(cs_span_of(label.at + 4, label.len - 4)))
            return "an xn-- label that is no Punycode";
    }
    return NULL;
}

/* name has at least two labels. */
static bool onion_is_v3(struct cs_span name)
{
    struct cs_span label = cs_dns_parent(name, cs_dns_labels(name) - 2);
    return label.len >= sizeof ".onion" &&
           cs_onion_label_is_v3(cs_span_of(label.at, label.len - (sizeof ".onion" - 1)));
}

const char *cs_dns_flaw(struct cs_span name)
{
    if (name.len > NAME_MAX_LEN)
        return "more than 253 octets";
    struct cs_span rest = cs_dns_is_wildcard(name) ? cs_dns_parent(name, 1) : name;
    const struct cs_span base = rest;
    struct cs_span label;
    for (bool last = false; !last;) {
        const uint8_t *dot = rest.len != 0 ? memchr(rest.at, '.', rest.len) : NULL;
        last = dot == NULL;
        label = cs_span_of(rest.at, last ? rest.len : (size_t)(dot - rest.at));
        const char *flaw = label_flaw(label);
        if (flaw != NULL)
            return flaw;
        if (!last)
            rest = cs_span_of(dot + 1, rest.len - label.len - 1);
    }
    if (cs_dns_labels(base) < 2)
        return base.len == name.len ? "a single label" : "a wildcard for a single label";
    bool numeric = true;
    for (size_t i = 0; i < label.len; i++)
        numeric = numeric && label.at[i] >= '0' && label.at[i] <= '9';
    if (numeric)
        return "a top-level domain of digits only";
    if (cs_dns_has_suffix(base, "in-addr.arpa") || cs_dns_has_suffix(base, "ip6.arpa"))
        return "a name of the reverse zones";
    if (cs_dns_is_onion(base) && !onion_is_v3(base))
        return "no version 3 address before .onion";
    return NULL;
}

/* ---- the subjectAltName ---- */

const char *cs_show_san(struct cs_case *c, uint32_t i)
{
    const struct cs_san *s = &c->f->tbs->name[i];
    if (s->tag == CS_SAN_DNS)
        return cs_show_dns(c->arena, s->value);
    if (s->tag == CS_SAN_IP)
        return cs_show_ip(c->arena, s->value);
    return cs_arena_printf(c->arena, "san[%u]", i);
}

static int san_cmp(const void *a, const void *b)
{
    const struct cs_san *x = *(const struct cs_san *const *)a, *y = *(const struct cs_san *const *)b;
    if (x->tag != y->tag)
        return x->tag < y->tag ? -1 : 1;
    return x->tag == CS_SAN_DNS ? cs_dns_cmp(x->value, y->value) : cs_span_cmp(x->value, y->value);
}

static bool names_are_distinct(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    const struct cs_san *sorted[CS_TBS_NAMES_MAX];
    uint32_t n = t->n_names < CS_TBS_NAMES_MAX ? t->n_names : CS_TBS_NAMES_MAX;
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = &t->name[i];
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, san_cmp);
    bool ok = true;
    for (uint32_t i = 1; i < n; i++)
        if (san_cmp(&sorted[i - 1], &sorted[i]) == 0)
            ok = cs_refuse(c, cs_show_san(c, (uint32_t)(sorted[i] - t->name)), "listed more than once",
                           "each name once, whatever its letters' case");
    return ok;
}

static bool name_is_well_formed(struct cs_case *c, uint32_t i)
{
    const struct cs_san *s = &c->f->tbs->name[i];
    if (s->tag == CS_SAN_DNS) {
        const char *flaw = cs_dns_flaw(s->value);
        return flaw == NULL ||
               cs_refuse(c, cs_show_san(c, i), flaw,
                         "a domain name of letters, digits and hyphens, or \"*.\" and such a name");
    }
    if (s->tag == CS_SAN_IP)
        return s->value.len == 4 || s->value.len == 16 ||
               cs_refuse(c, cs_show_san(c, i), cs_arena_printf(c->arena, "%zu octets", s->value.len),
                         "4 or 16 octets");
    return cs_refuse(c, cs_show_san(c, i), cs_arena_printf(c->arena, "a GeneralName with tag 0x%02x", s->tag),
                     "dNSName and iPAddress only");
}

/* T17 */
bool cs_names_are_well_formed(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    if (!t->has_san || t->n_names == 0)
        return cs_refuse(c, "tbs.subjectAltName", t->has_san ? "empty" : "absent",
                         "at least one dNSName or iPAddress");
    bool ok = true;
    for (uint32_t i = 0; i < t->n_names; i++)
        ok = name_is_well_formed(c, i) && ok;
    ok = names_are_distinct(c) && ok;
    const struct cs_extension *x = cs_tbs_find(t, cs_span_of("\x55\x1d\x11", 3));
    bool critical = x != NULL && x->critical;
    if (critical != (t->n_attributes == 0))
        ok = cs_refuse(c, "tbs.subjectAltName", critical ? "critical" : "not critical",
                       critical ? "not critical, as the subject is not empty"
                                : "critical, as the subject is empty");
    return ok;
}
