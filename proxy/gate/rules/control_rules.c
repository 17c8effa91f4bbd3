/*
 * Rules on one statement of domain control: what it may serve, whichever name asks, and whether its
 * authorization domain name follows from the name (BR 3.2.2.4: CNAME first, then pruning, never after).
 */
#include "proxy/gate/rules/rows.h"

#include "proxy/policy/names.h"

bool cs_control_is_ip(const struct cs_control *k)
{
    return k->said->subject_case == COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS;
}

static const char *show_subject(const struct cs_case *c, const struct cs_control *k)
{
    return cs_control_is_ip(k) ? cs_show_ip(c->arena, cs_bytes(k->said->ip_address))
                               : cs_show_dns(c->arena, cs_bytes(k->said->domain));
}

const char *cs_show_control(const struct cs_case *c, const struct cs_control *k)
{
    return cs_arena_printf(c->arena, "%s for %s by %s", k->evidence->label, show_subject(c, k),
                           cs_method_name((int)k->said->method));
}

/* ---- V06 ---- */

static bool evidence_is_of_the_account(const struct cs_case *c, const struct cs_control *k,
                                       const struct cs_reach *reach)
{
    (void)reach;
    return c->order == NULL || cs_span_eq(cs_evidence_account(k->evidence), c->account);
}

static void say_account(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                        const char *subject)
{
    (void)reach;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s is of account %s", cs_show_control(c, k),
                                    cs_show_text(c->arena, cs_evidence_account(k->evidence))),
                    "evidence of account %s, which ordered", cs_show_text(c->arena, c->account));
}

/* ---- V02 ---- */

static bool row_is_open(const struct cs_case *c, const struct cs_method_row *row)
{
    return row != NULL && c->f->now_unix_s < row->until_unix_s;
}

static bool method_is_allowed_today(const struct cs_case *c, const struct cs_control *k,
                                    const struct cs_reach *reach)
{
    (void)reach;
    if (!row_is_open(c, k->row) || k->row->for_ip != cs_control_is_ip(k))
        return false;
    if (k->row->method != COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_IPCV_REVERSE_LOOKUP)
        return true;
    const struct cs_method_row *inner = cs_method_row((int)k->said->inner_method);
    return row_is_open(c, inner) && !inner->for_ip;
}

static void say_method(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                       const char *subject)
{
    (void)reach;
    const char *why = "its inner method is not allowed today";
    if (k->row == NULL)
        why = "the method is unknown";
    else if (k->row->until_unix_s == INT64_MIN)
        why = "the method is retired";
    else if (!row_is_open(c, k->row))
        why = cs_arena_printf(c->arena, "the method of BR %s is refused since %s", k->row->section,
                              cs_show_time(c->arena, k->row->until_unix_s));
    else if (k->row->for_ip != cs_control_is_ip(k))
        why = k->row->for_ip ? "the method validates IP addresses only" : "the method validates domains only";
    (void)cs_refuse(c, subject, cs_arena_printf(c->arena, "%s: %s", cs_show_control(c, k), why),
                    "a validation by a method that is allowed at %s",
                    cs_show_time(c->arena, c->f->now_unix_s));
}

/* ---- V03 ---- */

static int64_t latest_of(const Countersign__V1__DomainControl *d)
{
    int64_t t =
        d->initiated_at_unix_s > d->observed_at_unix_s ? d->initiated_at_unix_s : d->observed_at_unix_s;
    return t > d->oldest_data_at_unix_s ? t : d->oldest_data_at_unix_s;
}

static bool evidence_is_young_enough(const struct cs_case *c, const struct cs_control *k,
                                     const struct cs_reach *reach)
{
    (void)reach;
    return cs_age_s(c->f->now_unix_s, k->earliest_unix_s) <= k->limit_s &&
           cs_age_s(latest_of(k->said), c->f->now_unix_s) <= c->f->policy->limits.clock_skew_s;
}

static void say_age(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                    const char *subject)
{
    (void)reach;
    int64_t age = cs_age_s(c->f->now_unix_s, k->earliest_unix_s);
    if (age <= k->limit_s) {
        (void)cs_refuse(c, subject,
                        cs_arena_printf(c->arena, "%s tells of %s, which is still to come",
                                        cs_show_control(c, k), cs_show_time(c->arena, latest_of(k->said))),
                        "work done before now, %s", cs_show_time(c->arena, c->f->now_unix_s));
        return;
    }
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s rests on data of %s, %s old", cs_show_control(c, k),
                                    cs_show_time(c->arena, k->earliest_unix_s),
                                    cs_show_duration(c->arena, age)),
                    "at most %s old: begun at %s or later", cs_show_duration(c->arena, k->limit_s),
                    cs_show_time(c->arena, c->f->now_unix_s - k->limit_s));
}

/* ---- E05, for what expired since it was admitted ---- */

static bool evidence_is_live(const struct cs_case *c, const struct cs_control *k,
                             const struct cs_reach *reach)
{
    (void)reach;
    return k->evidence->statement->header->expires_at_unix_s > c->f->now_unix_s;
}

static void say_expired(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                        const char *subject)
{
    (void)reach;
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s expired at %s", cs_show_control(c, k),
                                    cs_show_time(c->arena,
                                                 k->evidence->statement->header->expires_at_unix_s)),
                    "evidence that is live at %s", cs_show_time(c->arena, c->f->now_unix_s));
}

/* ---- V05 ---- */

/* What no name can mend. At least two labels stay: a top-level domain authorises nothing. */
static const char *derivation_flaw(const struct cs_control *k)
{
    const Countersign__V1__DomainControl *d = k->said;
    const Countersign__V1__Derivation *v = d->derivation;
    if (cs_control_is_ip(k))
        return v == NULL ? NULL : "a derivation stands beside an IP address";
    struct cs_span adn = cs_bytes(d->domain);
    if (cs_dns_labels(adn) < 2 || cs_dns_is_wildcard(adn))
        return "its domain is no name below a top-level domain";
    bool onion_only = k->said->method == COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_ONION_CSR;
    if (onion_only && !cs_dns_is_onion(adn))
        return "its method validates .onion names only";
    if (cs_dns_is_onion(adn) && k->row != NULL && !k->row->onion)
        return "its method does not validate .onion names";
    if (v == NULL)
        return NULL;
    struct cs_span at = cs_bytes(v->applied_for);
    bool wildcard = cs_dns_is_wildcard(at);
    if (wildcard && (k->row == NULL || !k->row->wildcard))
        return "its derivation starts from a wildcard name, which the method does not cover";
    if (v->n_cname_chain != 0 && (wildcard || k->row == NULL || !k->row->cname))
        return wildcard ? "its derivation follows a CNAME from a wildcard name"
                        : "its derivation follows a CNAME, which the method does not allow";
    if (wildcard)
        at = cs_dns_parent(at, 1);
    if (v->n_cname_chain != 0)
        at = cs_bytes(v->cname_chain[v->n_cname_chain - 1]);
    if (v->pruned_labels != 0 && (k->row == NULL || !k->row->child_names))
        return "its derivation drops labels, which the method does not allow";
    if (cs_dns_cmp(cs_dns_parent(at, v->pruned_labels), adn) != 0)
        return "its derivation does not lead to its domain";
    if (v->pruned_labels != 0 && !cs_dns_within_base(k->lists, at, adn))
        return "its derivation drops labels of the base domain";
    return NULL;
}

const char *cs_reach_flaw(const struct cs_control *k, const struct cs_reach *reach)
{
    if (k->derivation_flaw != NULL)
        return k->derivation_flaw;
    if (reach->ip)
        return cs_control_is_ip(k) && reach->exact ? NULL : "it is for another address";
    if (cs_control_is_ip(k) || (!reach->exact && !reach->below))
        return "the name is neither that domain nor below it";
    bool wildcard = cs_dns_is_wildcard(reach->name);
    bool namespace_wide = k->said->scope == COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_NAMESPACE;
    bool by_cname = k->said->derivation != NULL && k->said->derivation->n_cname_chain != 0;
    if (by_cname && (!reach->by_cname || !reach->exact || wildcard))
        return "it was reached by a CNAME, so it serves only the name applied for";
    if (wildcard && (k->row == NULL || !k->row->wildcard))
        return "its method does not cover wildcard names";
    if (!reach->exact && (k->row == NULL || !k->row->child_names))
        return "its method does not cover names below the domain";
    if ((wildcard || !reach->exact) && !namespace_wide)
        return "its scope is that very name";
    struct cs_span base = wildcard ? cs_dns_parent(reach->name, 1) : reach->name;
    if ((wildcard || !reach->exact) && !cs_dns_within_base(k->lists, base, cs_bytes(k->said->domain)))
        return "its domain is a public suffix, or above the base domain of the name";
    return NULL;
}

static bool adn_follows_from_the_name(const struct cs_case *c, const struct cs_control *k,
                                      const struct cs_reach *reach)
{
    (void)c;
    return reach == NULL ? k->derivation_flaw == NULL : cs_reach_flaw(k, reach) == NULL;
}

static void say_derivation(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                           const char *subject)
{
    (void)cs_refuse(c, subject,
                    cs_arena_printf(c->arena, "%s: %s", cs_show_control(c, k), cs_reach_flaw(k, reach)),
                    "control of %s itself, or of a domain above it by a method and scope that reach it",
                    subject);
}

static const struct cs_control_row rows[] = {
    { CS_RULE_V06, CS_IN_EVIDENCE, evidence_is_of_the_account, say_account },
    { CS_RULE_V05, CS_IN_TBS | CS_IN_EVIDENCE, adn_follows_from_the_name, say_derivation },
    { CS_RULE_V02, CS_IN_EVIDENCE | CS_IN_CLOCK, method_is_allowed_today, say_method },
    { CS_RULE_V03, CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY, evidence_is_young_enough, say_age },
    { CS_RULE_V04, CS_IN_EVIDENCE | CS_IN_ISSUER | CS_IN_POLICY | CS_IN_LEDGER, cs_value_was_fresh_and_unused,
      cs_say_value },
    { CS_RULE_V05, CS_IN_EVIDENCE, cs_mailbox_is_of_the_domain, cs_say_mailbox },
    { CS_RULE_V07, CS_IN_EVIDENCE, cs_perspectives_suffice, cs_say_perspectives },
    { CS_RULE_V08, CS_IN_EVIDENCE, cs_perspectives_are_given, cs_say_no_perspectives },
    { CS_RULE_V09, CS_IN_EVIDENCE, cs_dnssec_was_validated, cs_say_dnssec },
    { CS_RULE_V10, CS_IN_EVIDENCE | CS_IN_POLICY, cs_attester_is_the_ca, cs_say_third_party },
    { CS_RULE_E05, CS_IN_EVIDENCE | CS_IN_CLOCK, evidence_is_live, say_expired },
};

const struct cs_control_row *cs_control_rows(size_t *n)
{
    *n = sizeof rows / sizeof *rows;
    return rows;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void cs_control_fill(const struct cs_case *c, uint32_t evidence, struct cs_control *out)
{
    const struct cs_evidence *e = &c->f->evidence[evidence];
    const Countersign__V1__DomainControl *d = e->statement->domain_control;
    struct cs_control k = { .evidence = e,
                            .said = d,
                            .index = evidence,
                            .row = cs_method_row((int)d->method),
                            .lists = c->f->lists };
    uint32_t own_max_s = k.row != NULL ? k.row->max_age_s : 0;
    const struct cs_method_row *inner = cs_method_row((int)d->inner_method);
    if (own_max_s == 0 && inner != NULL)
        own_max_s = inner->max_age_s; /* a reverse lookup is as good as the method behind it */
    bool by_name = d->method == COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_IPCV_REVERSE_LOOKUP;
    k.work = by_name ? inner : k.row;
    k.earliest_unix_s =
        smaller(smaller(d->initiated_at_unix_s, d->oldest_data_at_unix_s), d->observed_at_unix_s);
    k.limit_s = cs_age_limit_s(c->f, CS_AGE_DOMAIN, own_max_s);
    k.derivation_flaw = derivation_flaw(&k);
    k.needs_mpic =
        k.row != NULL && k.row->mpic && (cs_control_is_ip(&k) || !cs_dns_is_onion(cs_bytes(d->domain)));
    if (k.needs_mpic && d->perspectives != NULL)
        cs_mpic_recount(d->perspectives, k.earliest_unix_s, d->observed_at_unix_s, &k.mpic);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        k.fails |= rows[i].holds(c, &k, NULL) ? 0 : 1u << i;
    if (k.fails == 0) {
        k.good_until_unix_s = smaller(e->statement->header->expires_at_unix_s, k.row->until_unix_s);
        k.good_until_unix_s = smaller(k.good_until_unix_s,
                                      cs_age_end_unix_s(c->f, CS_AGE_DOMAIN, own_max_s, k.earliest_unix_s));
    }
    *out = k;
}
