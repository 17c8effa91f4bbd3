/* P02 .. P05: precertificate and final certificate (RFC 6962 3, BR 7.1.2.9). */
#include "proxy/gate/rules/rows.h"

enum {
    /* How long before a step of the validity limit a longer precertificate is refused: logs and RAs need
     * time, and the final certificate is judged by the limit of its own day. */
    FINAL_TAKES_S = 48 * 3600,
    LOGS_FOR_CAA = 2, /* BR 4.2.2.1 */
};

/* SCTs belong into final certificates of issuers with logs; where there are any, they must hold. */
static bool needs_a_pair(const struct cs_facts *f)
{
    return f->kind == CS_LEAF_CERTIFICATE && (f->issuer->ct.required_scts != 0 || f->tbs->has_sct_list);
}

static bool is_the_recorded_pair(const struct cs_facts *f)
{
    return cs_span_eq(cs_sha256_span(&f->serial_use.pair_sha256), cs_sha256_span(&f->pair_sha256));
}

/* P02 */
bool cs_final_has_its_precertificate(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    const struct cs_use_fact *use = &f->serial_use;
    if (!needs_a_pair(f))
        return true;
    if (!use->precertificate)
        return cs_refuse(c, "precertificate",
                         cs_arena_printf(c->arena, "none on record for serial number %s",
                                         cs_show_hex(c->arena, f->tbs->serial)),
                         "the precertificate of this certificate, signed here before");
    if (!is_the_recorded_pair(f))
        return cs_refuse(
            c, "precertificate",
            cs_arena_printf(c->arena, "without poison it digests to %s",
                            cs_show_hex(c->arena, cs_sha256_span(&use->pair_sha256))),
            "%s, as this TBS without its SCT list does: the same bytes but for poison and SCT list",
            cs_show_hex(c->arena, cs_sha256_span(&f->pair_sha256)));
    if (!use->precertificate_signed)
        return cs_refuse(c, "precertificate", "its record has no signature: it is open or unknown",
                         "a precertificate that is on record as signed");
    return true;
}

/* ---- SCTs ---- */

/* A log's clock is its own: it may differ by what the policy grants. */
static bool is_after_now(const struct cs_facts *f, const struct cs_sct_fact *s)
{
    return cs_age_s(s->timestamp_unix_s, f->now_unix_s) > (int64_t)f->policy->limits.clock_skew_s;
}

static bool is_before_precertificate(const struct cs_facts *f, const struct cs_sct_fact *s)
{
    return f->serial_use.precertificate &&
           cs_age_s(f->serial_use.precertificate_unix_s, s->timestamp_unix_s) >
               (int64_t)f->policy->limits.clock_skew_s;
}

static bool holds(const struct cs_facts *f, const struct cs_sct_fact *s)
{
    return s->state == CS_SCT_VERIFIED && !is_after_now(f, s) && !is_before_precertificate(f, s);
}

/* Different logs, or different operators, among the SCTs that hold. */
static uint32_t n_that_count(const struct cs_facts *f, bool operators)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_scts; i++) {
        bool counts = holds(f, &f->sct[i]);
        for (uint32_t k = 0; k < i && counts; k++) {
            if (!holds(f, &f->sct[k]))
                continue;
            const struct cs_ct_log *a = &f->policy->ct_log[f->sct[i].log];
            const struct cs_ct_log *b = &f->policy->ct_log[f->sct[k].log];
            counts = a != b && !(operators && cs_span_eq(a->operator, b->operator));
        }
        n += counts;
    }
    return n;
}

bool cs_facts_are_of_a_logged_pair(const struct cs_facts *f)
{
    return f->kind == CS_LEAF_CERTIFICATE && f->serial_use.precertificate &&
           f->serial_use.precertificate_signed && is_the_recorded_pair(f) &&
           n_that_count(f, false) >= LOGS_FOR_CAA;
}

/* An SCT of a known log that does not hold was made for something else, or by nobody. */
static bool sct_is_no_lie(struct cs_case *c, uint32_t i)
{
    const struct cs_facts *f = c->f;
    const struct cs_sct_fact *s = &f->sct[i];
    if (s->state == CS_SCT_UNKNOWN_LOG || holds(f, s))
        return true;
    const char *subject = cs_arena_printf(c->arena, "sct[%u]", i);
    const char *log = cs_show_text(c->arena, f->policy->ct_log[s->log].name);
    const char *when = cs_show_time(c->arena, s->timestamp_unix_s);
    if (s->state != CS_SCT_VERIFIED)
        return cs_refuse(c, subject,
                         cs_arena_printf(c->arena, "%s did not sign it for this certificate", log),
                         "the SCT that %s gave for the precertificate of this certificate", log);
    if (is_after_now(f, s))
        return cs_refuse(c, subject, cs_arena_printf(c->arena, "%s of %s is to come", log, when),
                         "a timestamp not after now, %s", cs_show_time(c->arena, f->now_unix_s));
    return cs_refuse(c, subject, cs_arena_printf(c->arena, "%s of %s", log, when),
                     "a timestamp not before the precertificate was recorded, %s",
                     cs_show_time(c->arena, f->serial_use.precertificate_unix_s));
}

/* P03 */
bool cs_scts_are_of_the_precertificate(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    const struct cs_issuer_ct *ct = &f->issuer->ct;
    if (!needs_a_pair(f))
        return true;
    if (ct->required_scts == 0)
        return cs_refuse(c, "tbs.sctList", "SCTs that cannot be verified",
                         "ct with logs for issuer %s in the policy, or no SCT list",
                         cs_show_text(c->arena, f->issuer->id));
    if (f->scts_flaw != NULL)
        return cs_refuse(c, "tbs.sctList", f->scts_flaw, "a list of 1 to %d SCTs as RFC 6962 3.3 has it",
                         CS_POLICY_SCTS_MAX);
    bool ok = true;
    for (uint32_t i = 0; i < f->n_scts; i++)
        ok = sct_is_no_lie(c, i) && ok;
    uint32_t n = n_that_count(f, false), n_operators = n_that_count(f, true);
    if (n < ct->required_scts)
        ok = cs_refuse(c, "tbs.sctList",
                       cs_arena_printf(c->arena, "%u SCTs, %u of different logs of the policy verify",
                                       f->n_scts, n),
                       "at least %u SCTs of different logs of the policy", ct->required_scts);
    else if (ct->distinct_operators && n_operators < ct->required_scts)
        ok = cs_refuse(c, "tbs.sctList",
                       cs_arena_printf(c->arena, "SCTs of %u different log operators verify", n_operators),
                       "SCTs of at least %u different operators", ct->required_scts);
    return ok;
}

/* P04. T05 says the same of the serial number; here it is the precertificate that is spent. */
bool cs_precertificate_has_no_other_final(struct cs_case *c)
{
    const struct cs_use_fact *use = &c->f->serial_use;
    if (c->f->kind != CS_LEAF_CERTIFICATE || !use->precertificate || !use->certificate)
        return true;
    return cs_refuse(c, "precertificate", "its final certificate is on record", "one final certificate");
}

/* P05 */
bool cs_final_can_follow_in_time(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    const struct cs_period_row *next = cs_period_after(f->now_unix_s);
    if (f->kind != CS_LEAF_PRECERTIFICATE || next == NULL ||
        cs_age_s(next->from_unix_s, f->now_unix_s) > FINAL_TAKES_S)
        return true;
    int64_t difference = cs_age_s(f->tbs->not_after_unix_s, f->tbs->not_before_unix_s);
    if (difference < (int64_t)next->validity_s) /* both ends counted */
        return true;
    return cs_refuse(c, "tbs.validity",
                     cs_arena_printf(c->arena, "longer than %s, at most %d h before that limit begins",
                                     cs_show_duration(c->arena, next->validity_s), FINAL_TAKES_S / 3600),
                     "at most %s: the final certificate may be signed after %s only",
                     cs_show_duration(c->arena, next->validity_s), cs_show_time(c->arena, next->from_unix_s));
}
