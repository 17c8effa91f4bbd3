/* The rows by date of every rule that has some. A new table adds its rule to the switch below, a single
 * comparison with a day adds a row to tell_single. */
#include <stdio.h>

#include "proxy/gate/rules/listing.h"
#include "proxy/gate/rules/profile.h"
#include "proxy/gate/rules/rows.h"
#include "proxy/policy/names.h"

enum { DAY_S = 86400 };

typedef uint32_t value_of_period(const struct cs_period_row *p);

static uint32_t validity_of(const struct cs_period_row *p)
{
    return p->validity_s;
}
static uint32_t domain_age_of(const struct cs_period_row *p)
{
    return p->domain_age_s;
}
static uint32_t identity_age_of(const struct cs_period_row *p)
{
    return p->identity_age_s;
}

static void tell_periods(const char *what, value_of_period *value, cs_dated_fn *tell, void *ctx)
{
    size_t n;
    const struct cs_period_row *rows = cs_period_rows(&n);
    for (size_t i = 0; i < n; i++) {
        struct cs_dated_row row = { .from_unix_s = rows[i].from_unix_s, .until_unix_s = INT64_MAX };
        if (i != 0 && value(&rows[i]) == value(&rows[i - 1]))
            continue; /* told with the row before */
        for (size_t k = i + 1; k < n && row.until_unix_s == INT64_MAX; k++)
            if (value(&rows[k]) != value(&rows[i]))
                row.until_unix_s = rows[k].from_unix_s;
        (void)snprintf(row.text, sizeof row.text, "%s of at most %u days", what, value(&rows[i]) / DAY_S);
        tell(ctx, &row);
    }
}

static void tell_methods(cs_dated_fn *tell, void *ctx)
{
    size_t n;
    const struct cs_method_row *rows = cs_method_rows(&n);
    for (size_t i = 0; i < n; i++) {
        const struct cs_method_row *m = &rows[i];
        struct cs_dated_row row = { .from_unix_s = INT64_MIN, .until_unix_s = m->until_unix_s };
        (void)snprintf(row.text, sizeof row.text, "%s (%s)", cs_method_name(m->method), m->section);
        tell(ctx, &row);
    }
}

static void tell_method_ages(cs_dated_fn *tell, void *ctx)
{
    size_t n;
    const struct cs_method_row *rows = cs_method_rows(&n);
    for (size_t i = 0; i < n; i++) {
        struct cs_dated_row row = { .from_unix_s = INT64_MIN, .until_unix_s = rows[i].until_unix_s };
        (void)snprintf(row.text, sizeof row.text, "%s (%s): age of at most %u days",
                       cs_method_name(rows[i].method), rows[i].section, rows[i].max_age_s / DAY_S);
        if (rows[i].max_age_s != 0)
            tell(ctx, &row);
    }
}

static void tell_marks(cs_dated_fn *tell, void *ctx)
{
    size_t n;
    const struct cs_method_row *rows = cs_method_rows(&n);
    for (size_t i = 0; i < n; i++) {
        const struct cs_method_row *m = &rows[i];
        struct cs_dated_row row = { .from_unix_s = INT64_MIN, .until_unix_s = m->until_unix_s };
        (void)snprintf(row.text, sizeof row.text, "%s (%s):%s%s%s%s%s", cs_method_name(m->method), m->section,
                       m->for_ip ? " that address" : " that name", m->wildcard ? ", wildcards" : "",
                       m->child_names ? ", names below" : "", m->cname ? ", CNAME targets" : "",
                       m->onion ? ", .onion" : "");
        if (m->wildcard || m->child_names || m->cname || m->onion)
            tell(ctx, &row);
    }
}

static void tell_perspectives(cs_dated_fn *tell, void *ctx)
{
    size_t n;
    const struct cs_mpic_row *rows = cs_mpic_rows(&n);
    for (size_t i = 0; i < n; i++) {
        struct cs_dated_row row = { .from_unix_s = rows[i].from_unix_s,
                                    .until_unix_s = i + 1 < n ? rows[i + 1].from_unix_s : INT64_MAX };
        char regions[48] = "";
        if (rows[i].min_regions != 0)
            (void)snprintf(regions, sizeof regions, ", corroborating from %u regions", rows[i].min_regions);
        (void)snprintf(row.text, sizeof row.text, "attempts: at least %u remote perspectives%s%s",
                       rows[i].min_remotes, rows[i].quorum ? ", quorum" : "", regions);
        if (rows[i].min_remotes != 0)
            tell(ctx, &row);
    }
}

static void tell_short_lives(cs_dated_fn *tell, void *ctx)
{
    static const int64_t days[] = { CS_DAY_2024_03_15, CS_DAY_2026_03_15, INT64_MAX };
    for (size_t i = 0; days[i] != INT64_MAX; i++) {
        struct cs_dated_row row = { .from_unix_s = days[i], .until_unix_s = days[i + 1] };
        (void)snprintf(row.text, sizeof row.text, "short-lived: validity of at most %d days",
                       (int)(cs_short_life_s(days[i]) / DAY_S));
        tell(ctx, &row);
    }
}

/* What one comparison with a day decides. */
static void tell_single(enum cs_rule r, cs_dated_fn *tell, void *ctx)
{
    static const struct {
        enum cs_rule rule;
        struct cs_dated_row row;
    } rows[] = {
        { CS_RULE_T16,
          { INT64_MIN, CS_DAY_2027_03_15, "serverAuth, and what BR 7.1.2.7.10 lets stand beside it" } },
        { CS_RULE_T16, { CS_DAY_2027_03_15, INT64_MAX, "serverAuth only" } },
        { CS_RULE_T19, { CS_DAY_2027_09_15, INT64_MAX, "a date of formation is written YYYY-MM-DD" } },
        { CS_RULE_V09, { CS_DAY_2026_03_15, INT64_MAX, "observations: DNSSEC was validated" } },
        { CS_RULE_C04, { CS_DAY_2027_03_15, INT64_MAX, "accounturi and validationmethods were evaluated" } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].rule == r)
            tell(ctx, &rows[i].row);
}

void cs_dated_each(enum cs_rule r, cs_dated_fn *tell, void *ctx)
{
    switch (r) {
    case CS_RULE_T14:
        tell_short_lives(tell, ctx);
        break;
    case CS_RULE_T07:
    case CS_RULE_P05:
        tell_periods("validity", validity_of, tell, ctx);
        break;
    case CS_RULE_V02:
        tell_methods(tell, ctx);
        break;
    case CS_RULE_V03:
        tell_periods("age", domain_age_of, tell, ctx);
        tell_method_ages(tell, ctx);
        break;
    case CS_RULE_V05:
        tell_marks(tell, ctx);
        break;
    case CS_RULE_O02:
        tell_periods("age", identity_age_of, tell, ctx);
        break;
    case CS_RULE_V07:
    case CS_RULE_C03:
        tell_perspectives(tell, ctx);
        break;
    default:
        tell_single(r, tell, ctx);
        break;
    }
}
