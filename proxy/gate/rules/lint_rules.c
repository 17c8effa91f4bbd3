/* Linting (BR 4.3.1.2, 6.6.1). The digest binds a lint to the bytes, so the account does not matter. */
#include "countersign/ledger/v1/entry.pb-c.h"

#include "proxy/gate/rules/rows.h"

enum { FINDINGS_SHOWN = 3 };

/* What came into force since is not missed: a lint counts for a day. A newer version of a linter is
 * expected within three months of its release: 92 days. */
enum { LINT_AGE_MAX_S = 86400, SUPERSEDED_MAX_S = 92 * 86400 };

/* A final certificate needs no lint of its own when its precertificate was recorded: what was linted
 * there corresponds to it byte for byte. */
static bool is_linted_with_its_precertificate(const struct cs_facts *f)
{
    return f->kind == CS_LEAF_CERTIFICATE && f->serial_use.precertificate &&
           cs_span_eq(cs_sha256_span(&f->serial_use.pair_sha256), cs_sha256_span(&f->pair_sha256));
}

/* The lint at i, if it is about these bytes; NULL otherwise. */
static const Countersign__V1__Lint *lint_at(const struct cs_facts *f, uint32_t i)
{
    const Countersign__V1__Statement *s = f->evidence[i].statement;
    return s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_LINT &&
                   cs_span_eq(cs_bytes(s->lint->tbs_sha256), cs_sha256_span(&f->tbs_sha256))
               ? s->lint
               : NULL;
}

static bool is_clean(const Countersign__V1__Lint *l)
{
    return l->fatals == 0 && l->errors == 0;
}

static bool is_of_the_day(const struct cs_facts *f, const Countersign__V1__Lint *l)
{
    int64_t age_s = cs_age_s(f->now_unix_s, l->ran_at_unix_s);
    return age_s >= -(int64_t)f->policy->limits.clock_skew_s && age_s <= LINT_AGE_MAX_S;
}

static const char *show_lint(const struct cs_case *c, uint32_t i, const Countersign__V1__Lint *l)
{
    return cs_arena_printf(c->arena, "%s: %s %s", c->f->evidence[i].label,
                           cs_show_text(c->arena, cs_bytes(l->linter)),
                           cs_show_text(c->arena, cs_bytes(l->linter_version)));
}

/* ---- L02: what the policy says about one lint ---- */

/* NULL when the linter and its version are allowed; otherwise what is wrong, with *needed. */
static const char *linter_flaw(const struct cs_case *c, const Countersign__V1__Lint *l, const char **needed)
{
    const struct cs_facts *f = c->f;
    const struct cs_linter *linter = cs_policy_linter(f->policy, cs_bytes(l->linter));
    struct cs_version v;
    *needed = "a linter of the policy";
    if (linter == NULL)
        return "the policy does not have this linter";
    if (l->ran_at_unix_s < linter->not_before_unix_s) {
        *needed =
            cs_arena_printf(c->arena, "a run from %s on", cs_show_time(c->arena, linter->not_before_unix_s));
        return cs_arena_printf(c->arena, "it ran at %s", cs_show_time(c->arena, l->ran_at_unix_s));
    }
    if (f->now_unix_s >= linter->not_after_unix_s || l->ran_at_unix_s >= linter->not_after_unix_s)
        return cs_arena_printf(c->arena, "the policy stopped taking it at %s",
                               cs_show_time(c->arena, linter->not_after_unix_s));
    *needed = "a version in numbers, such as 3.6.8";
    if (!cs_version_parse(cs_bytes(l->linter_version), &v))
        return "the version is not that of a release";
    *needed = "a version that the policy allows";
    if (linter->n_releases == 0)
        return cs_version_cmp(&v, &linter->min_version) < 0 ? "the version is below the policy's min_version"
                                                            : NULL;
    const struct cs_linter_release *r = cs_linter_release_of(linter, &v);
    if (r == NULL || f->now_unix_s < r->released_unix_s)
        return r == NULL ? "the policy does not have this version"
                         : cs_arena_printf(c->arena, "the policy has this version from %s on",
                                           cs_show_time(c->arena, r->released_unix_s));
    int64_t superseded_unix_s = cs_linter_superseded_unix_s(linter, r);
    if (cs_age_s(f->now_unix_s, superseded_unix_s) < SUPERSEDED_MAX_S)
        return NULL;
    *needed = "a version superseded less than 92 days ago, or not at all";
    return cs_arena_printf(c->arena, "the version was superseded at %s",
                           cs_show_time(c->arena, superseded_unix_s));
}

static bool linter_is_allowed(const struct cs_case *c, const Countersign__V1__Lint *l)
{
    const char *needed;
    return linter_flaw(c, l, &needed) == NULL;
}

/* ---- the rows ---- */

static void say_findings(struct cs_case *c, uint32_t i, const Countersign__V1__Lint *l)
{
    const char *names = "";
    for (size_t k = 0; k < l->n_findings && k < FINDINGS_SHOWN; k++)
        names = cs_arena_printf(c->arena, "%s%s%s", names, k == 0 ? ": " : ", ",
                                cs_show_text(c->arena, cs_bytes(l->findings[k])));
    (void)cs_refuse(c, "tbs",
                    cs_arena_printf(c->arena, "%s found %u fatal, %u errors%s%s", show_lint(c, i, l),
                                    l->fatals, l->errors, names,
                                    l->n_findings > FINDINGS_SHOWN ? ", ..." : ""),
                    "a lint of these bytes without error or fatal finding");
}

static void say_day(struct cs_case *c, uint32_t i, const Countersign__V1__Lint *l)
{
    (void)cs_refuse(c, "tbs",
                    cs_arena_printf(c->arena, "%s ran at %s", show_lint(c, i, l),
                                    cs_show_time(c->arena, l->ran_at_unix_s)),
                    "a lint that ran in the 24 hours before %s", cs_show_time(c->arena, c->f->now_unix_s));
}

/* L01. An error that an allowed linter found is not outvoted by another statement. */
bool cs_tbs_is_linted(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    if (is_linted_with_its_precertificate(f))
        return true;
    bool good = false, error = false;
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        const Countersign__V1__Lint *l = lint_at(f, i);
        if (l == NULL)
            continue;
        n++;
        good = good || (is_clean(l) && is_of_the_day(f, l));
        if (!is_clean(l) && linter_is_allowed(c, l)) {
            error = true;
            say_findings(c, i, l);
        }
    }
    if (n == 0)
        return cs_refuse(c, "tbs", "no lint among the evidence is about these bytes",
                         "a lint of the TBS with SHA-256 %s",
                         cs_show_hex(c->arena, cs_sha256_span(&f->tbs_sha256)));
    if (good || error)
        return !error;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        const Countersign__V1__Lint *l = lint_at(f, i);
        if (l != NULL && is_clean(l))
            say_day(c, i, l);
        else if (l != NULL)
            say_findings(c, i, l);
    }
    return false;
}

/* L02. Of the lints that satisfy L01 one is by an allowed linter in an allowed version; without any L01
 * refuses, and there is nothing to compare. */
bool cs_linter_is_allowed(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    if (is_linted_with_its_precertificate(f))
        return true;
    bool any = false;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        const Countersign__V1__Lint *l = lint_at(f, i);
        if (l == NULL || !is_clean(l) || !is_of_the_day(f, l))
            continue;
        if (linter_is_allowed(c, l))
            return true;
        any = true;
    }
    if (!any)
        return true;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        const Countersign__V1__Lint *l = lint_at(f, i);
        if (l == NULL || !is_clean(l) || !is_of_the_day(f, l))
            continue;
        const char *needed, *flaw = linter_flaw(c, l, &needed);
        if (flaw != NULL)
            (void)cs_refuse(c, "tbs", cs_arena_printf(c->arena, "%s: %s", show_lint(c, i, l), flaw), "%s",
                            needed);
    }
    return false;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* First second at which L01 or L02 refuse it. */
static int64_t good_until_unix_s(const struct cs_case *c, const struct cs_evidence *e)
{
    const Countersign__V1__Lint *l = e->statement->lint;
    const struct cs_linter *linter = cs_policy_linter(c->f->policy, cs_bytes(l->linter));
    int64_t end = earlier(e->statement->header->expires_at_unix_s, l->ran_at_unix_s + LINT_AGE_MAX_S + 1);
    struct cs_version v;
    end = earlier(end, linter->not_after_unix_s);
    if (linter->n_releases == 0 || !cs_version_parse(cs_bytes(l->linter_version), &v))
        return end;
    int64_t superseded_unix_s = cs_linter_superseded_unix_s(linter, cs_linter_release_of(linter, &v));
    return superseded_unix_s == INT64_MAX ? end : earlier(end, superseded_unix_s + SUPERSEDED_MAX_S);
}

void cs_lint_cover(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    for (uint32_t i = 0; i < f->n_evidence && !cs_verdict_has(c->v, CS_RULE_L01); i++) {
        const Countersign__V1__Lint *l = lint_at(f, i);
        if (l == NULL || !is_clean(l) || !is_of_the_day(f, l) || !linter_is_allowed(c, l))
            continue;
        const struct cs_cover cover = {
            .subject = "lint",
            .part = COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_LINT,
            .evidence = i,
            .age_s = cs_age_s(f->now_unix_s, l->ran_at_unix_s),
            .good_until_unix_s = good_until_unix_s(c, &f->evidence[i]),
        };
        cs_verdict_cover(c->v, &cover);
        return;
    }
}
