/* Look-up of CAA checks: sorted by name, the newest first. */
#include "proxy/gate/rules/rows.h"

#include <stdlib.h>

struct cs_caa_index {
    uint32_t n;
    struct cs_caa *check;
};

static int by_name_then_newest(const void *a, const void *b)
{
    const struct cs_caa *x = a, *y = b;
    int names = cs_dns_cmp(cs_bytes(x->said->domain), cs_bytes(y->said->domain));
    if (names != 0)
        return names;
    if (x->said->checked_at_unix_s != y->said->checked_at_unix_s)
        return x->said->checked_at_unix_s > y->said->checked_at_unix_s ? -1 : 1;
    /* of one second, the one that forbids comes first */
    bool x_forbids = x->said->result == COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_FORBIDDEN;
    bool y_forbids = y->said->result == COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_FORBIDDEN;
    if (x_forbids != y_forbids)
        return x_forbids ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

CS_RESULT cs_caa_index_new(struct cs_case *c, struct cs_caa_index **out)
{
    const struct cs_facts *f = c->f;
    struct cs_caa_index *x = cs_arena_get(c->arena, sizeof *x);
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_evidence; i++)
        n += f->evidence[i].statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK;
    if (x != NULL)
        x->check = cs_arena_get(c->arena, (n + 1) * sizeof *x->check);
    if (x == NULL || x->check == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < f->n_evidence; i++)
        if (f->evidence[i].statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK)
            cs_caa_fill(c, i, &x->check[x->n++]);
    if (n > 1)
        qsort(x->check, n, sizeof *x->check, by_name_then_newest);
    *out = x;
    return CS_OK;
}

static uint32_t first_of(const struct cs_caa_index *x, struct cs_span name)
{
    uint32_t low = 0, high = x->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (cs_dns_cmp(cs_bytes(x->check[mid].said->domain), name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int failing(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask)
{
    size_t n;
    const struct cs_caa_row *rows = cs_caa_rows(&n);
    int n_failing = 0;
    for (size_t i = 0; i < n; i++)
        n_failing += !rows[i].holds(c, a, ask);
    return n_failing;
}

const struct cs_caa *cs_caa_find(const struct cs_case *c, const struct cs_caa_index *x,
                                 const struct cs_caa_ask *ask, const struct cs_caa **nearest)
{
    struct cs_span name = ask->wildcard ? cs_dns_parent(ask->name, 1) : ask->name;
    int n_failing = 0;
    *nearest = NULL;
    for (uint32_t i = first_of(x, name); i < x->n; i++) {
        const struct cs_caa *a = &x->check[i];
        if (cs_dns_cmp(cs_bytes(a->said->domain), name) != 0)
            break;
        if (cs_caa_forbids(c, a, ask)) {
            *nearest = a; /* whatever permits is older */
            return NULL;
        }
        int n = failing(c, a, ask);
        if (n == 0)
            return a;
        if (*nearest == NULL || n < n_failing) {
            *nearest = a;
            n_failing = n;
        }
    }
    return NULL;
}
