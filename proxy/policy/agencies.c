/* Agencies of incorporation or registration whose numbers EV certificates carry (EVG 3.2.2.1.3). */
#include <stdlib.h>

#include "proxy/policy/parts.h"

enum { AGENCIES_MAX = 4096, PLACE_MAX_LEN = 128, NUMBER_FORMAT_MAX_LEN = 64 };

/* ---- number formats: '#' a digit, '@' an upper-case letter, '?' either, with '+' one or more of it;
 * everything else stands for itself ---- */

static bool is_class(uint8_t c)
{
    return c == '#' || c == '@' || c == '?';
}

static bool fits(uint8_t class, uint8_t c)
{
    bool digit = c >= '0' && c <= '9', letter = c >= 'A' && c <= 'Z';
    return class == '#' ? digit : class == '@' ? letter : digit || letter;
}

bool cs_agency_number_fits(struct cs_span format, struct cs_span number)
{
    size_t at = 0;
    for (size_t i = 0; i < format.len; i++) {
        uint8_t c = format.at[i];
        if (at == number.len || (is_class(c) ? !fits(c, number.at[at]) : c != number.at[at]))
            return false;
        at++;
        if (!is_class(c) || i + 1 == format.len || format.at[i + 1] != '+')
            continue;
        i++;
        while (at < number.len && fits(c, number.at[at]))
            at++;
    }
    return at == number.len;
}

/* ---- the list ---- */

static CS_RESULT read_country(const struct cs_yaml_node *n, struct cs_span *out, struct cs_note *note)
{
    struct cs_span s;
    CS_TRY(cs_yaml_string(n, PLACE_MAX_LEN, &s, note));
    if (s.len != 2 || !fits('@', s.at[0]) || !fits('@', s.at[1]))
        return cs_yaml_fail(n, note, "'%.*s'; needed: two upper-case letters of ISO 3166-1", (int)s.len,
                            (const char *)s.at);
    *out = s;
    return CS_OK;
}

static CS_RESULT read_agency(const struct cs_policy *p, const struct cs_yaml_node *n, struct cs_agency *out,
                             struct cs_note *note)
{
    enum { COUNTRY, STATE, LOCALITY, FORMAT, N };
    struct cs_yaml_field f[N] = {
        [COUNTRY] = { .key = "country", .required = true },
        [STATE] = { .key = "state" },
        [LOCALITY] = { .key = "locality" },
        [FORMAT] = { .key = "number_format" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    CS_TRY(read_country(f[COUNTRY].value, &out->country, note));
    if (f[STATE].value != NULL)
        CS_TRY(cs_yaml_string(f[STATE].value, PLACE_MAX_LEN, &out->state, note));
    if (f[LOCALITY].value != NULL)
        CS_TRY(cs_yaml_string(f[LOCALITY].value, PLACE_MAX_LEN, &out->locality, note));
    if (f[FORMAT].value != NULL)
        CS_TRY(cs_yaml_string(f[FORMAT].value, NUMBER_FORMAT_MAX_LEN, &out->number_format, note));
    for (uint32_t i = 0; i < p->n_agencies; i++) {
        const struct cs_agency *a = &p->agency[i];
        if (cs_span_eq(a->country, out->country) && cs_span_eq(a->state, out->state) &&
            cs_span_eq(a->locality, out->locality) && cs_span_eq(a->number_format, out->number_format))
            return cs_yaml_fail(n, note, "agencies[%u] says the same", i);
    }
    return CS_OK;
}

static const struct cs_issuer *ev_issuer(const struct cs_policy *p)
{
    for (uint32_t i = 0; i < p->n_issuers; i++)
        if (p->issuer[i].profiles >> COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION & 1)
            return &p->issuer[i];
    return NULL;
}

CS_RESULT cs_policy_read_agencies(struct cs_policy *p, const struct cs_yaml_node *root,
                                  const struct cs_yaml_node *n, struct cs_note *note)
{
    const struct cs_issuer *ev = ev_issuer(p);
    if (n == NULL && ev != NULL)
        return cs_yaml_fail(root, note,
                            "the key 'agencies' is missing; profile extended-validation (issuers[%u]) needs "
                            "it (EVG 3.2.2.1.3)",
                            (unsigned)(ev - p->issuer));
    if (n == NULL)
        return CS_OK;
    CS_TRY(cs_yaml_sequence(n, 1, AGENCIES_MAX, note));
    p->agency = cs_arena_get(p->arena, n->n_children * sizeof *p->agency);
    if (p->agency == NULL)
        return CS_ERR(NO_MEMORY);
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        CS_TRY(read_agency(p, c, &p->agency[p->n_agencies], note));
        p->n_agencies++;
    }
    return CS_OK;
}
