/*
 * Rules on one CAA check: C01 .. C04, and V06, V08, V09, V10 as far as they speak of CAA (BR 4.2.2.1,
 * RFC 8659, RFC 8657). A check serves the one name it was made for.
 */
#include "proxy/gate/rules/rows.h"

#include "proxy/policy/names.h"

#define RESULT(id) COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_##id

static const char *show_check(const struct cs_case *c, const struct cs_caa *a)
{
    return cs_arena_printf(c->arena, "%s, CAA %s for %s at %s", a->evidence->label,
                           a->said->tag == COUNTERSIGN__V1__CAA_TAG__CAA_TAG_ISSUEWILD ? "issuewild"
                                                                                       : "issue",
                           cs_show_dns(c->arena, cs_bytes(a->said->domain)),
                           cs_show_time(c->arena, a->said->checked_at_unix_s));
}

/* ---- V06, E05, V10: as for any evidence ---- */

static bool is_of_the_account(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    (void)ask;
    return c->order == NULL || cs_span_eq(cs_evidence_account(a->evidence), c->account);
}
static void say_account(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                        const char *subject)
{
    (void)ask;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s is of account %s", show_check(c, a),
                                    cs_show_text(c->arena, cs_evidence_account(a->evidence))),
                    "a CAA check of account %s, which ordered", cs_show_text(c->arena, c->account));
}

static bool is_live(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    (void)ask;
    return a->said->result == RESULT(FORBIDDEN) /* says no as long as something older says yes */ ||
           a->evidence->statement->header->expires_at_unix_s > c->f->now_unix_s;
}
static void say_expired(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                        const char *subject)
{
    (void)ask;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s expired at %s", show_check(c, a),
                                    cs_show_time(c->arena,
                                                 a->evidence->statement->header->expires_at_unix_s)),
                    "evidence that is live at %s", cs_show_time(c->arena, c->f->now_unix_s));
}

static bool is_by_the_ca(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    (void)ask;
    return cs_third_party_of(c, a->evidence) == NULL;
}
static void say_third_party(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                            const char *subject)
{
    (void)ask;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s is attested by %s, a delegated third party",
                                    show_check(c, a), cs_third_party_of(c, a->evidence)),
                    "the CA's own CAA check");
}

/* ---- C01 ---- */

static bool permits(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    (void)c;
    (void)ask;
    return a->said->result == RESULT(PERMITTED) || a->said->result == RESULT(LOOKUP_FAILED);
}
static void say_forbidden(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                          const char *subject)
{
    (void)ask;
    (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s found that CAA forbids it", show_check(c, a)),
                    "CAA records that permit issuance, and a check made after they were published");
}

static uint32_t age_limit_s(const Countersign__V1__CaaCheck *m)
{
    return m->ttl_s > CS_CAA_AGE_MIN_S ? m->ttl_s : (uint32_t)CS_CAA_AGE_MIN_S;
}

bool cs_caa_may_permit(const struct cs_facts *f, const Countersign__V1__CaaCheck *m)
{
    return m->result != RESULT(FORBIDDEN) && cs_age_s(f->now_unix_s, m->checked_at_unix_s) <= age_limit_s(m);
}

static bool is_young_enough(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    (void)ask;
    return cs_age_s(c->f->now_unix_s, a->said->checked_at_unix_s) <= age_limit_s(a->said) &&
           cs_age_s(a->said->checked_at_unix_s, c->f->now_unix_s) <= c->f->policy->limits.clock_skew_s;
}
static void say_age(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                    const char *subject)
{
    (void)ask;
    int64_t age_s = cs_age_s(c->f->now_unix_s, a->said->checked_at_unix_s);
    const char *found =
        age_s < 0 ? "still to come" : cs_arena_printf(c->arena, "%s old", cs_show_duration(c->arena, age_s));
    (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s is %s", show_check(c, a), found),
                    "a check at most %s old, the larger of the TTL and 8 h",
                    cs_show_duration(c->arena, age_limit_s(a->said)));
}

/* ---- C02 ---- */

static bool tag_fits_the_name(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    (void)c;
    return ask == NULL || (a->said->tag == COUNTERSIGN__V1__CAA_TAG__CAA_TAG_ISSUEWILD) == ask->wildcard;
}
static void say_tag(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                    const char *subject)
{
    (void)cs_refuse(c, subject, show_check(c, a), "a check by the rules of %s",
                    ask->wildcard ? "issuewild, for a wildcard name" : "issue, for a name without wildcard");
}

static bool all_critical_tags_are_known(const struct cs_case *c, const struct cs_caa *a,
                                        const struct cs_caa_ask *ask)
{
    (void)c;
    (void)ask;
    return !a->said->unknown_critical_tag;
}
static void say_critical(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                         const char *subject)
{
    (void)ask;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s met a critical property with an unknown tag",
                                    show_check(c, a)),
                    "no critical property but issue, issuewild and iodef");
}

static bool failure_may_stand_for_permission(const struct cs_case *c, const struct cs_caa *a,
                                             const struct cs_caa_ask *ask)
{
    (void)c;
    (void)ask;
    if (a->said->result != RESULT(LOOKUP_FAILED))
        return true;
    const Countersign__V1__CaaLookupFailure *f = a->said->failure;
    return f != NULL && f->outside_ca_infrastructure && f->retries >= 1 && f->zone_proven_insecure;
}
static void say_failure(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                        const char *subject)
{
    (void)ask;
    const Countersign__V1__CaaLookupFailure *f = a->said->failure;
    (void)
        cs_refuse(c, subject,
                  f == NULL ? cs_arena_printf(c->arena, "%s failed", show_check(c, a))
                            : cs_arena_printf(c->arena,
                                              "%s failed %s the CA's infrastructure, after %u retries, in "
                                              "a zone %s to be without DNSSEC",
                                              show_check(c, a),
                                              f->outside_ca_infrastructure ? "outside" : "perhaps inside",
                                              f->retries, f->zone_proven_insecure ? "proven" : "not proven"),
                  "a failure outside the CA's infrastructure, at least one retry, and a zone that is proven "
                  "to be without DNSSEC: all three");
}

static bool issuer_domain_is_ours(const struct cs_case *c, const struct cs_caa *a,
                                  const struct cs_caa_ask *ask)
{
    (void)ask;
    return a->said->issuer_domain.len == 0 ||
           cs_issuer_is_caa_identity(c->f->issuer, cs_bytes(a->said->issuer_domain));
}
static void say_issuer_domain(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                              const char *subject)
{
    (void)ask;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s found permission for the issuer domain \"%s\"",
                                    show_check(c, a),
                                    cs_show_text(c->arena, cs_bytes(a->said->issuer_domain))),
                    "one of the caa_identities that the policy gives issuer %s",
                    cs_show_text(c->arena, c->f->issuer->id));
}

/* ---- V09 ---- */

static bool dnssec_was_validated(const struct cs_case *c, const struct cs_caa *a,
                                 const struct cs_caa_ask *ask)
{
    (void)c;
    (void)ask;
    return a->said->dnssec == COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_SECURE ||
           a->said->dnssec == COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_INSECURE;
}
static void say_dnssec(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                       const char *subject)
{
    (void)ask;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s: DNSSEC %s", show_check(c, a),
                                    a->said->dnssec == COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_BOGUS
                                        ? "bogus"
                                        : "not validated"),
                    "secure or insecure at the primary perspective; a DNSSEC error is never permission");
}

/* ---- V08, C03: asked only where the validation of the name needs perspectives ---- */

static bool perspectives_are_given(const struct cs_case *c, const struct cs_caa *a,
                                   const struct cs_caa_ask *ask)
{
    (void)c;
    return ask == NULL || ask->control == NULL || !ask->control->needs_mpic ||
           a->said->perspectives != NULL || cs_mpic_at(a->said->checked_at_unix_s)->min_remotes == 0;
}
static void say_no_perspectives(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                                const char *subject)
{
    (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s gives no perspectives", show_check(c, a)),
                    "the primary and the remote perspectives of the CAA check, for a name validated by %s",
                    cs_method_name((int)ask->control->said->method));
}

static bool perspectives_suffice(const struct cs_case *c, const struct cs_caa *a,
                                 const struct cs_caa_ask *ask)
{
    (void)c;
    if (ask == NULL || ask->control == NULL || !ask->control->needs_mpic || a->said->perspectives == NULL)
        return true;
    /* the primary's own failed lookup is judged by its three facts */
    return a->mpic.flaw == CS_MPIC_HOLDS &&
           (a->said->perspectives->primary->passed || a->said->result == RESULT(LOOKUP_FAILED));
}
static void say_perspectives(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                             const char *subject)
{
    (void)ask;
    const char *found = a->mpic.flaw == CS_MPIC_HOLDS ? "the primary perspective found no permission"
                                                      : cs_show_mpic(c, &a->mpic);
    (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s: %s", show_check(c, a), found), "%s",
                    cs_show_mpic_needed(c, &a->mpic));
}

/* ---- C04: until 2027-03-15 only what was evaluated has to agree ---- */

static bool has_method(const Countersign__V1__CaaCheck *m, Countersign__V1__ValidationMethod method)
{
    for (size_t i = 0; i < m->n_methods; i++)
        if (m->methods[i] == method)
            return true;
    return false;
}

static bool parameters_are_evaluated(const Countersign__V1__CaaCheck *m)
{
    return m->account_uri.len != 0 && m->n_methods != 0;
}

static bool parameters_agree(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    const Countersign__V1__CaaCheck *m = a->said;
    if (ask == NULL)
        return c->f->now_unix_s < CS_DAY_2027_03_15 || parameters_are_evaluated(m);
    if (!parameters_agree(c, a, NULL))
        return false;
    if (ask->control == NULL)
        return true;
    const Countersign__V1__DomainControl *d = ask->control->said;
    return (m->account_uri.len == 0 || cs_span_eq(cs_bytes(m->account_uri), cs_bytes(d->account_uri))) &&
           (m->n_methods == 0 || has_method(m, d->method));
}
static void say_parameters(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask,
                           const char *subject)
{
    const Countersign__V1__CaaCheck *m = a->said;
    const char *methods = m->n_methods == 0 ? "no method" : "";
    for (size_t i = 0; i < m->n_methods; i++)
        methods = cs_arena_printf(c->arena, "%s%s%s", methods, i == 0 ? "" : ", ",
                                  cs_method_name((int)m->methods[i]));
    const char *found =
        cs_arena_printf(c->arena, "%s was evaluated for account URI \"%s\" and %s", show_check(c, a),
                        m->account_uri.len == 0 ? "" : cs_show_text(c->arena, cs_bytes(m->account_uri)),
                        methods);
    if (ask->control == NULL || !parameters_agree(c, a, NULL)) {
        (void)cs_refuse(c, subject, found, "an account URI and methods, which are required since %s",
                        cs_show_time(c->arena, CS_DAY_2027_03_15));
        return;
    }
    const Countersign__V1__DomainControl *d = ask->control->said;
    (void)cs_refuse(c, subject, found, "the account URI \"%s\" and the method %s of %s",
                    d->account_uri.len == 0 ? "" : cs_show_text(c->arena, cs_bytes(d->account_uri)),
                    cs_method_name((int)d->method), ask->control->evidence->label);
}

static const struct cs_caa_row rows[] = {
    { CS_RULE_C01, CS_IN_EVIDENCE, permits, say_forbidden },
    { CS_RULE_C01, CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY, is_young_enough, say_age },
    { CS_RULE_C02, CS_IN_TBS | CS_IN_EVIDENCE, tag_fits_the_name, say_tag },
    { CS_RULE_C02, CS_IN_EVIDENCE, all_critical_tags_are_known, say_critical },
    { CS_RULE_C02, CS_IN_EVIDENCE, failure_may_stand_for_permission, say_failure },
    { CS_RULE_C02, CS_IN_EVIDENCE | CS_IN_ISSUER, issuer_domain_is_ours, say_issuer_domain },
    { CS_RULE_C03, CS_IN_EVIDENCE, perspectives_suffice, say_perspectives },
    { CS_RULE_C04, CS_IN_EVIDENCE | CS_IN_CLOCK, parameters_agree, say_parameters },
    { CS_RULE_V06, CS_IN_EVIDENCE, is_of_the_account, say_account },
    { CS_RULE_V08, CS_IN_EVIDENCE, perspectives_are_given, say_no_perspectives },
    { CS_RULE_V09, CS_IN_EVIDENCE, dnssec_was_validated, say_dnssec },
    { CS_RULE_V10, CS_IN_EVIDENCE | CS_IN_POLICY, is_by_the_ca, say_third_party },
    { CS_RULE_E05, CS_IN_EVIDENCE | CS_IN_CLOCK, is_live, say_expired },
};

const struct cs_caa_row *cs_caa_rows(size_t *n)
{
    *n = sizeof rows / sizeof *rows;
    return rows;
}

void cs_caa_fill(const struct cs_case *c, uint32_t evidence, struct cs_caa *out)
{
    const struct cs_evidence *e = &c->f->evidence[evidence];
    const Countersign__V1__CaaCheck *m = e->statement->caa_check;
    struct cs_caa a = { .evidence = e, .said = m, .index = evidence };
    if (m->perspectives != NULL)
        cs_mpic_recount(m->perspectives, m->checked_at_unix_s, m->checked_at_unix_s, &a.mpic);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        a.fails |= rows[i].holds(c, &a, NULL) ? 0 : 1u << i;
    if (a.fails == 0) {
        a.good_until_unix_s = m->checked_at_unix_s + age_limit_s(m) + 1;
        if (a.good_until_unix_s > e->statement->header->expires_at_unix_s)
            a.good_until_unix_s = e->statement->header->expires_at_unix_s;
        if (!parameters_are_evaluated(m) && a.good_until_unix_s > CS_DAY_2027_03_15)
            a.good_until_unix_s = CS_DAY_2027_03_15;
    }
    *out = a;
}

bool cs_caa_forbids(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    const Countersign__V1__CaaCheck *m = a->said;
    if (m->result != RESULT(FORBIDDEN) || !is_of_the_account(c, a, NULL) || !tag_fits_the_name(c, a, ask))
        return false;
    if (ask->control == NULL)
        return true;
    const Countersign__V1__DomainControl *d = ask->control->said;
    return (m->account_uri.len == 0 || d->account_uri.len == 0 ||
            cs_span_eq(cs_bytes(m->account_uri), cs_bytes(d->account_uri))) &&
           (m->n_methods == 0 || has_method(m, d->method));
}
