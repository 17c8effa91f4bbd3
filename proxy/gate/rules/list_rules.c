/* T17 as far as it takes data (BR 4.2.2), T18, and how far pruning may go. */
#include "proxy/gate/rules/rows.h"

static struct cs_span last_label(struct cs_span name)
{
    return cs_dns_parent(name, cs_dns_labels(name) - 1);
}

static bool name_is_public(struct cs_case *c, uint32_t i)
{
    const struct cs_san *s = &c->f->tbs->name[i];
    if (s->tag == CS_SAN_IP) {
        const char *entry = cs_ip_special(s->value);
        return entry == NULL ||
               cs_refuse(c, cs_show_san(c, i), cs_arena_printf(c->arena, "reserved: %s", entry),
                         "an address outside the IANA special-purpose blocks");
    }
    if (s->tag != CS_SAN_DNS || cs_dns_flaw(s->value) != NULL)
        return true; /* the other half of T17 refuses it */
    struct cs_span name = cs_dns_is_wildcard(s->value) ? cs_dns_parent(s->value, 1) : s->value;
    if (cs_dns_is_onion(name) || cs_lists_tld_known(c->f->lists, name))
        return true;
    return cs_refuse(c, cs_show_san(c, i),
                     cs_arena_printf(c->arena, "an internal name: no top-level domain \"%s\" is known",
                                     cs_show_text(c->arena, last_label(name))),
                     "a name below a top-level domain of the root zone");
}

/* T17 */
bool cs_names_are_of_the_public_internet(struct cs_case *c)
{
    if (c->f->lists == NULL)
        return cs_refuse(c, "tbs.subjectAltName", "no list of top-level domains is loaded",
                         "the policy's lists");
    bool ok = true;
    for (uint32_t i = 0; i < c->f->tbs->n_names; i++)
        ok = name_is_public(c, i) && ok;
    return ok;
}

/* T18 */
bool cs_wildcards_are_below_a_public_suffix(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    bool ok = true;
    for (uint32_t i = 0; i < t->n_names; i++) {
        if (t->name[i].tag != CS_SAN_DNS || !cs_dns_is_wildcard(t->name[i].value))
            continue;
        struct cs_span base = cs_dns_parent(t->name[i].value, 1);
        if (c->f->lists == NULL)
            ok = cs_refuse(c, cs_show_san(c, i), "no public suffix list is loaded", "the policy's lists");
        else if (cs_lists_is_public_suffix(c->f->lists, base))
            ok = cs_refuse(c, cs_show_san(c, i),
                           cs_arena_printf(c->arena, "%s is a public suffix: others register names below it",
                                           cs_show_text(c->arena, base)),
                           "a wildcard below a registered domain");
    }
    return ok;
}

bool cs_dns_within_base(const struct cs_lists *l, struct cs_span name, struct cs_span adn)
{
    struct cs_span base = l != NULL ? cs_lists_base_domain(l, name) : cs_span_of(NULL, 0);
    return base.len != 0 && adn.len >= base.len; /* all three end alike */
}
