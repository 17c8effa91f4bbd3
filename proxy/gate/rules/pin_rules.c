/*
 * T20: pinned profiles. An issuer with pins signs only what equals one of them, for the certificate's
 * profile: these extensions, in this order, critical or not as it says, with the values it fixes.
 */
#include "proxy/gate/rules/profile.h"

static bool is_ct(struct cs_span oid)
{
    return cs_span_eq(oid, cs_span_of(CS_EXT_POISON)) || cs_span_eq(oid, cs_span_of(CS_EXT_SCTS));
}

static const struct cs_pin *next_pin(const struct cs_case *c, uint32_t *i)
{
    const struct cs_issuer *issuer = c->f->issuer;
    while (*i < issuer->n_pins) {
        const struct cs_pin *p = &issuer->pin[(*i)++];
        if (p->profile == c->profile)
            return p;
    }
    return NULL;
}

bool cs_pin_mentions_extension(const struct cs_case *c, struct cs_span oid)
{
    uint32_t i = 0;
    for (const struct cs_pin *p; (p = next_pin(c, &i)) != NULL;)
        for (uint32_t k = 0; k < p->n_extensions; k++)
            if (cs_span_eq(p->extension[k].oid, oid))
                return true;
    return false;
}

bool cs_pin_mentions_purpose(const struct cs_case *c, struct cs_span oid)
{
    uint32_t i = 0;
    for (const struct cs_pin *p; (p = next_pin(c, &i)) != NULL;)
        for (uint32_t k = 0; k < p->n_extensions; k++) {
            const struct cs_pin_extension *e = &p->extension[k];
            struct cs_der_input in;
            struct cs_der r = cs_der_open(&in, e->value, NULL), list;
            struct cs_der_tlv v;
            if (!e->fixed || !cs_span_eq(e->oid, cs_span_of(CS_EXT_EKU)) || !cs_der_walk(&in, e->value) ||
                !cs_der_enter(&r, CS_DER_SEQUENCE, "", &list))
                continue;
            while (cs_der_more(&list) && cs_der_get_tag(&list, CS_DER_OID, "", &v))
                if (cs_span_eq(v.value, oid))
                    return true;
        }
    return false;
}

bool cs_pin_mentions_attribute(const struct cs_case *c, struct cs_span oid)
{
    uint32_t i = 0;
    for (const struct cs_pin *p; (p = next_pin(c, &i)) != NULL;)
        for (uint32_t k = 0; k < p->n_attributes; k++)
            if (cs_span_eq(p->attribute[k], oid))
                return true;
    return false;
}

/* ---- T20 ---- */

static bool fits(const struct cs_pin_extension *e, const struct cs_extension *x)
{
    return (e->critical == CS_PIN_EITHER || x->critical == (e->critical == CS_PIN_CRITICAL)) &&
           (!e->fixed || cs_span_eq(e->value, x->value));
}

static uint32_t place_in_pin(const struct cs_pin *p, struct cs_span oid)
{
    uint32_t i = 0;
    while (i < p->n_extensions &&
           !(p->extension[i].is_ct ? is_ct(oid) : cs_span_eq(p->extension[i].oid, oid)))
        i++;
    return i;
}

static const struct cs_extension *found_for(const struct cs_tbs *t, const struct cs_pin_extension *e)
{
    for (uint32_t i = 0; i < t->n_extensions; i++)
        if (e->is_ct ? is_ct(t->extension[i].oid) : cs_span_eq(t->extension[i].oid, e->oid))
            return &t->extension[i];
    return NULL;
}

static bool pin_has_ct(const struct cs_pin *p)
{
    for (uint32_t i = 0; i < p->n_extensions; i++)
        if (p->extension[i].is_ct)
            return true;
    return false;
}

/* How many extensions are off the pin; says so when say is set. Poison and SCT list stand where the pin
 * has its place for them, and are not looked at when it has none. */
static uint32_t n_differences(struct cs_case *c, const struct cs_pin *p, bool say)
{
    const struct cs_tbs *t = c->f->tbs;
    const char *name = !say
                           ? ""
                           : cs_arena_printf(c->arena, "pin %s version %llu", cs_show_text(c->arena, p->name),
                                             (unsigned long long)p->version);
    bool ct = pin_has_ct(p);
    uint32_t n = 0, behind = 0;
    for (uint32_t i = 0; i < t->n_extensions; i++) {
        const struct cs_extension *x = &t->extension[i];
        uint32_t place = place_in_pin(p, x->oid);
        if (!ct && is_ct(x->oid))
            continue;
        const char *subject = say ? cs_show_extension(c->arena, x->oid) : "";
        if (place == p->n_extensions) {
            n++;
            if (say)
                (void)cs_refuse(c, subject, "not in the pinned profile", "only the extensions of %s", name);
            continue;
        }
        const struct cs_pin_extension *e = &p->extension[place];
        if (!e->is_ct && !fits(e, x)) {
            n++;
            if (say)
                (void)cs_refuse(c, subject,
                                cs_arena_printf(c->arena, "%s, %s", x->critical ? "critical" : "not critical",
                                                cs_show_hex(c->arena, x->value)),
                                "%s, %s, as %s has it",
                                e->critical == CS_PIN_EITHER     ? "critical or not"
                                : e->critical == CS_PIN_CRITICAL ? "critical"
                                                                 : "not critical",
                                e->fixed ? cs_show_hex(c->arena, e->value) : "any value", name);
        }
        if (!p->any_order && place < behind) {
            n++;
            if (say)
                (void)cs_refuse(c, subject, "behind an extension that it must stand before",
                                "the order of %s", name);
        }
        behind = place > behind ? place : behind;
    }
    for (uint32_t i = 0; i < p->n_extensions; i++)
        if (found_for(t, &p->extension[i]) == NULL) {
            n++;
            if (say)
                (void)cs_refuse(c,
                                p->extension[i].is_ct ? "tbs.extensions"
                                                      : cs_show_extension(c->arena, p->extension[i].oid),
                                p->extension[i].is_ct ? "neither poison nor SCT list" : "absent",
                                "the extensions of %s", name);
        }
    return n;
}

bool cs_tbs_is_the_pinned_profile(struct cs_case *c)
{
    const struct cs_issuer *issuer = c->f->issuer;
    const struct cs_pin *nearest = NULL;
    uint32_t least = UINT32_MAX, i = 0;
    if (issuer->n_pins == 0 || c->profile == 0)
        return true;
    for (const struct cs_pin *p; (p = next_pin(c, &i)) != NULL;) {
        uint32_t n = n_differences(c, p, false);
        if (n == 0)
            return true;
        if (n < least) {
            least = n;
            nearest = p;
        }
    }
    if (nearest == NULL)
        return cs_refuse(c, "tbs.certificatePolicies",
                         cs_arena_printf(c->arena, "issuer %s pins no profile for it",
                                         cs_show_text(c->arena, issuer->id)),
                         "a profile that the issuer pins");
    (void)n_differences(c, nearest, true);
    return false;
}
