/* Largest ages and validity periods by day of issuance: BR 4.2.1, 6.3.2 (ballot SC-081). */
#include "proxy/gate/rules/rows.h"

#define DAYS(n) ((n)*86400u)

/* Ascending; the first row has no beginning. The rows before 2026 judge certificates of their time: 60 and
 * 39 months (BR 1.2.5), 825 days (ballot 193), 398 days (SC-31 and, for domain data, SC-42). Months are
 * taken at their longest. */
static const struct cs_period_row periods[] = {
    { INT64_MIN, DAYS(1827), DAYS(1188), DAYS(1188) },
    { CS_DAY_2015_04_01, DAYS(1188), DAYS(1188), DAYS(1188) },
    { CS_DAY_2018_03_01, DAYS(825), DAYS(825), DAYS(825) },
    { CS_DAY_2020_09_01, DAYS(398), DAYS(825), DAYS(825) },
    { CS_DAY_2021_10_01, DAYS(398), DAYS(398), DAYS(825) },
    { CS_DAY_2026_03_15, DAYS(200), DAYS(200), DAYS(398) },
    { CS_DAY_2027_03_15, DAYS(100), DAYS(100), DAYS(398) },
    { CS_DAY_2029_03_15, DAYS(47), DAYS(10), DAYS(398) },
};
enum { N_PERIODS = sizeof periods / sizeof *periods };

const struct cs_period_row *cs_period_at(int64_t now_unix_s)
{
    size_t i = N_PERIODS - 1;
    while (now_unix_s < periods[i].from_unix_s)
        i--;
    return &periods[i];
}

const struct cs_period_row *cs_period_rows(size_t *n)
{
    *n = N_PERIODS;
    return periods;
}

const struct cs_period_row *cs_period_after(int64_t now_unix_s)
{
    size_t next = (size_t)(cs_period_at(now_unix_s) - periods) + 1;
    return next < N_PERIODS ? &periods[next] : NULL;
}

static uint32_t tighter(uint32_t baseline_s, uint32_t policy_s)
{
    return policy_s != 0 && policy_s < baseline_s ? policy_s : baseline_s;
}

uint32_t cs_validity_limit_s(const struct cs_facts *f)
{
    uint32_t limit_s = tighter(cs_period_at(f->now_unix_s)->validity_s, f->policy->limits.max_validity_s);
    return f->client != NULL ? tighter(limit_s, f->client->max_validity_s) : limit_s;
}

/* The stricter of the whole policy and the client; 0: neither says anything. */
uint32_t cs_policy_age_s(const struct cs_facts *f, enum cs_age_kind kind)
{
    const struct cs_limits *l = &f->policy->limits;
    uint32_t policy_s = kind == CS_AGE_DOMAIN ? l->max_domain_age_s : l->max_identity_age_s, client_s = 0;
    if (f->client != NULL)
        client_s = kind == CS_AGE_DOMAIN ? f->client->max_domain_age_s : f->client->max_identity_age_s;
    return policy_s != 0 ? tighter(policy_s, client_s) : client_s;
}

static uint32_t age_limit_in(const struct cs_period_row *p, enum cs_age_kind kind, const struct cs_facts *f,
                             uint32_t own_max_s)
{
    uint32_t row_s = kind == CS_AGE_DOMAIN ? p->domain_age_s : p->identity_age_s;
    return tighter(tighter(row_s, cs_policy_age_s(f, kind)), own_max_s);
}

uint32_t cs_age_limit_s(const struct cs_facts *f, enum cs_age_kind kind, uint32_t own_max_s)
{
    return age_limit_in(cs_period_at(f->now_unix_s), kind, f, own_max_s);
}

/* A later row may end what the row of today would still allow: the first second of every row counts. */
int64_t cs_age_end_unix_s(const struct cs_facts *f, enum cs_age_kind kind, uint32_t own_max_s,
                          int64_t earliest_unix_s)
{
    for (size_t i = 0; i < N_PERIODS; i++) {
        int64_t next = i + 1 < N_PERIODS ? periods[i + 1].from_unix_s : INT64_MAX;
        if (next <= f->now_unix_s)
            continue;
        int64_t end = earliest_unix_s + age_limit_in(&periods[i], kind, f, own_max_s) + 1;
        if (end < periods[i].from_unix_s)
            end = periods[i].from_unix_s;
        if (end < next)
            return end;
    }
    return INT64_MAX;
}
