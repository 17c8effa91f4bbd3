/* The rows by date of every rule that has some. A new table adds its rule to the switch below. */
#include <stdio.h>

#include "proxy/gate/rules/listing.h"
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

void cs_dated_each(enum cs_rule r, cs_dated_fn *tell, void *ctx)
{
    switch (r) {
    case CS_RULE_T07:
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
    default:
        break;
    }
}
