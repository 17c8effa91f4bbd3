/* V07, V08: remote perspectives (BR 3.2.2.9). V09: DNSSEC (4.2.2.2). V10: who attests (1.3.2). */
#include "proxy/gate/rules/rows.h"

/* ---- V07, V08 ---- */

const char *cs_show_mpic(const struct cs_case *c, const struct cs_mpic_count *n)
{
    struct cs_arena *r = c->arena;
    const char *sum = cs_arena_printf(r, "%u/%u remote perspectives corroborate, in %u region%s", n->n_passed,
                                      n->n_remotes, n->n_regions, n->n_regions == 1 ? "" : "s");
    switch (n->flaw) {
    case CS_MPIC_NO_ATTEMPT:
        return "no primary perspective or no attempt number";
    case CS_MPIC_TIMES:
        return cs_arena_printf(r, "%s looked at %s, which is outside of the attempt",
                               cs_show_text(r, cs_bytes(n->a->id)),
                               cs_show_time(r, n->a->observed_at_unix_s));
    case CS_MPIC_ID_TWICE:
        return cs_arena_printf(r, "%s stands there twice", cs_show_text(r, cs_bytes(n->a->id)));
    case CS_MPIC_TOO_NEAR:
        return cs_arena_printf(r, "%s and %s are %.1f km apart", cs_show_text(r, cs_bytes(n->a->id)),
                               cs_show_text(r, cs_bytes(n->b->id)), n->apart_km);
    case CS_MPIC_TOO_FEW:
    case CS_MPIC_TOO_FAILING:
    case CS_MPIC_REGIONS:
    case CS_MPIC_HOLDS:
        break;
    }
    return sum;
}

const char *cs_show_mpic_needed(const struct cs_case *c, const struct cs_mpic_count *n)
{
    const struct cs_mpic_row *row = n->row;
    return cs_arena_printf(c->arena,
                           "one attempt with at least %u remote perspectives, %d km from each other and from "
                           "the primary, all but %u corroborating, in at least %u region%s",
                           row->min_remotes, CS_MPIC_APART_KM, cs_mpic_failures_max(n->n_remotes),
                           row->min_regions, row->min_regions == 1 ? "" : "s");
}

bool cs_perspectives_are_given(const struct cs_case *c, const struct cs_control *k,
                               const struct cs_reach *reach)
{
    (void)c;
    (void)reach;
    return !k->needs_mpic || k->said->perspectives != NULL ||
           cs_mpic_at(k->said->observed_at_unix_s)->min_remotes == 0;
}

void cs_say_no_perspectives(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                            const char *subject)
{
    (void)reach;
    (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s gives no perspectives", cs_show_control(c, k)),
                    "the primary and the remote perspectives of the validation, for this method");
}

bool cs_perspectives_suffice(const struct cs_case *c, const struct cs_control *k,
                             const struct cs_reach *reach)
{
    (void)c;
    (void)reach;
    if (!k->needs_mpic || k->said->perspectives == NULL)
        return true;
    return k->mpic.flaw == CS_MPIC_HOLDS && k->said->perspectives->primary->passed;
}

void cs_say_perspectives(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                         const char *subject)
{
    (void)reach;
    const char *found =
        k->mpic.flaw == CS_MPIC_HOLDS ? "the primary perspective saw no control" : cs_show_mpic(c, &k->mpic);
    (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s: %s", cs_show_control(c, k), found), "%s",
                    cs_show_mpic_needed(c, &k->mpic));
}

/* ---- V09 ---- */

/* Since 2026-03-15 every DNS query of the primary is validated; "not applicable" stands for none. */
bool cs_dnssec_was_validated(const struct cs_case *c, const struct cs_control *k,
                             const struct cs_reach *reach)
{
    (void)c;
    (void)reach;
    const Countersign__V1__DomainControl *d = k->said;
    switch (d->dnssec) {
    case COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_SECURE:
    case COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_INSECURE:
        return true;
    case COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_NOT_APPLICABLE:
        break;
    default:
        return false;
    }
    if (d->observed_at_unix_s < CS_DAY_2026_03_15 || k->row == NULL)
        return true;
    bool onion = !cs_control_is_ip(k) && cs_dns_is_onion(cs_bytes(d->domain));
    bool followed = d->derivation != NULL && d->derivation->n_cname_chain != 0;
    return (!k->row->dns || onion) && !followed;
}

void cs_say_dnssec(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                   const char *subject)
{
    (void)reach;
    const char *status = k->said->dnssec == COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_BOGUS ? "bogus"
                         : k->said->dnssec == COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_NOT_APPLICABLE
                             ? "not applicable"
                             : "not told";
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s: DNSSEC status %s", cs_show_control(c, k), status),
                    "secure or insecure at the primary perspective; the DNS was asked");
}

/* ---- V10 ---- */

const char *cs_third_party_of(const struct cs_case *c, const struct cs_evidence *e)
{
    for (uint32_t i = 0; i < e->n_signers; i++)
        if (c->f->policy->attester[e->signer[i]].third_party)
            return cs_show_text(c->arena, c->f->policy->attester[e->signer[i]].name);
    return NULL;
}

bool cs_attester_is_the_ca(const struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach)
{
    (void)reach;
    return cs_third_party_of(c, k->evidence) == NULL;
}

void cs_say_third_party(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                        const char *subject)
{
    (void)reach;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s is attested by %s, a delegated third party",
                                    cs_show_control(c, k), cs_third_party_of(c, k->evidence)),
                    "the CA's own validation");
}
