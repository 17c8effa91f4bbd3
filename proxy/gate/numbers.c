#include "proxy/gate/numbers.h"

#include <stdlib.h>

const uint32_t cs_numbers_bound_us[CS_NUMBERS_BOUNDS] = { 50,     100,     250,     500,     1000,    2500,
                                                          5000,   10000,   25000,   50000,   100000,  250000,
                                                          500000, 1000000, 2500000, 5000000, 10000000 };

struct cs_numbers *cs_numbers_new(uint32_t n_clients)
{
    struct cs_numbers *n = calloc(1, sizeof *n + (n_clients + 1) * sizeof n->client[0]);
    if (n == NULL)
        return NULL;
    n->n_clients = n_clients;
    n->started_unix_s = cs_clock_unix_s();
    return n;
}

void cs_numbers_free(struct cs_numbers *n)
{
    free(n);
}

void cs_numbers_time(struct cs_numbers *n, enum cs_time stage, int64_t us)
{
    if (n == NULL || us < 0)
        return;
    struct cs_histogram *h = &n->time[stage];
    uint32_t i = 0;
    while (i < CS_NUMBERS_BOUNDS && us > cs_numbers_bound_us[i])
        i++;
    h->n[i]++;
    h->sum_us += (uint64_t)us;
}

void cs_numbers_refused(struct cs_numbers *n, uint32_t client, const struct cs_verdict *v)
{
    if (n == NULL)
        return;
    bool seen[CS_RULE_COUNT] = { false };
    for (uint32_t i = 0; i < v->n_reasons; i++) {
        enum cs_rule rule = v->reason[i].rule;
        n->client[client].refused[rule] += !seen[rule];
        seen[rule] = true;
    }
}
