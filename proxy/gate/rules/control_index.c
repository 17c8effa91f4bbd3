/*
 * Look-up of domain control statements: a hash table over names, read from the right, so that one walk
 * over a name visits all its ancestors. Entries of one chain stand in the order of good_until, the best
 * first. Statements near a name (same last two labels) are kept to say why they do not count.
 */
#include "proxy/gate/rules/rows.h"

#include <stdlib.h>

enum entry_kind { ENTRY_ADN = 1, ENTRY_CNAME, ENTRY_NEAR, ENTRY_IP };
enum { NEAR_MAX = 8, ENTRIES_PER_CONTROL = 4, NO_ENTRY = -1 };

struct entry {
    uint64_t hash;
    struct cs_span key;
    const struct cs_control *control;
    enum entry_kind kind;
    int32_t next;
};

struct cs_control_index {
    uint32_t n_controls, n_entries, mask;
    struct cs_control *control;
    struct entry *entry;
    int32_t *bucket;
};

/* FNV-1a, octet by octet from the right; the kind is the seed. */
static uint64_t hash_start(enum entry_kind kind)
{
    return UINT64_C(0xcbf29ce484222325) ^ (uint64_t)kind;
}
static uint64_t hash_step(uint64_t h, uint8_t b, enum entry_kind kind)
{
    if (kind != ENTRY_IP && b >= 'A' && b <= 'Z')
        b |= 0x20;
    return (h ^ b) * UINT64_C(0x100000001b3);
}
static uint64_t hash_of(struct cs_span key, enum entry_kind kind)
{
    uint64_t h = hash_start(kind);
    for (size_t i = key.len; i-- > 0;)
        h = hash_step(h, key.at[i], kind);
    return h;
}
static uint32_t bucket_of(const struct cs_control_index *x, uint64_t h)
{
    return (uint32_t)(h ^ h >> 32) & x->mask;
}

static void put(struct cs_control_index *x, const struct cs_control *k, struct cs_span key,
                enum entry_kind kind)
{
    uint64_t h = hash_of(key, kind);
    int32_t *head = &x->bucket[bucket_of(x, h)];
    x->entry[x->n_entries] = (struct entry){ h, key, k, kind, *head };
    *head = (int32_t)x->n_entries++;
}

static struct cs_span last_two_labels(struct cs_span name)
{
    uint32_t n = cs_dns_labels(name);
    return n > 2 ? cs_dns_parent(name, n - 2) : name;
}

static void put_near(struct cs_control_index *x, const struct cs_control *k, struct cs_span name)
{
    if (cs_dns_labels(name) >= 2)
        put(x, k, last_two_labels(name), ENTRY_NEAR);
}

static void put_control(struct cs_control_index *x, const struct cs_control *k)
{
    const Countersign__V1__DomainControl *d = k->said;
    if (d->subject_case == COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS) {
        put(x, k, cs_bytes(d->ip_address), ENTRY_IP);
        return;
    }
    if (d->subject_case != COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_DOMAIN)
        return;
    const Countersign__V1__Derivation *v = d->derivation;
    bool by_cname = v != NULL && v->n_cname_chain != 0;
    put(x, k, by_cname ? cs_bytes(v->applied_for) : cs_bytes(d->domain), by_cname ? ENTRY_CNAME : ENTRY_ADN);
    put_near(x, k, cs_bytes(d->domain));
    if (v != NULL)
        put_near(x, k, cs_bytes(v->applied_for));
    const uint8_t *mark = d->contact.len != 0 ? memchr(d->contact.data, '@', d->contact.len) : NULL;
    if (mark != NULL)
        put_near(x, k, cs_span_of(mark + 1, d->contact.len - (size_t)(mark + 1 - d->contact.data)));
}

/* Worst first: what is put last stands first in its chain. */
static int worst_first(const void *a, const void *b)
{
    const struct cs_control *x = a, *y = b;
    if (x->good_until_unix_s != y->good_until_unix_s)
        return x->good_until_unix_s < y->good_until_unix_s ? -1 : 1;
    return x->index > y->index ? -1 : 1;
}

CS_RESULT cs_control_index_new(struct cs_case *c, struct cs_control_index **out)
{
    const struct cs_facts *f = c->f;
    struct cs_control_index *x = cs_arena_get(c->arena, sizeof *x);
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_evidence; i++)
        n += f->evidence[i].statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL;
    uint32_t n_buckets = 8;
    while (n_buckets < n * 2)
        n_buckets *= 2;
    if (x != NULL) {
        x->control = cs_arena_get(c->arena, (n + 1) * sizeof *x->control);
        x->entry = cs_arena_get(c->arena, (n * ENTRIES_PER_CONTROL + 1) * sizeof *x->entry);
        x->bucket = cs_arena_get(c->arena, n_buckets * sizeof *x->bucket);
    }
    if (x == NULL || x->control == NULL || x->entry == NULL || x->bucket == NULL)
        return CS_ERR(NO_MEMORY);
    x->mask = n_buckets - 1;
    for (uint32_t i = 0; i < n_buckets; i++)
        x->bucket[i] = NO_ENTRY;
    for (uint32_t i = 0; i < f->n_evidence; i++)
        if (f->evidence[i].statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL)
            cs_control_fill(c, i, &x->control[x->n_controls++]);
    if (n > 1)
        qsort(x->control, n, sizeof *x->control, worst_first);
    for (uint32_t i = 0; i < n; i++)
        put_control(x, &x->control[i]);
    *out = x;
    return CS_OK;
}

/* One search: the best control so far that fails something. */
struct search {
    const struct cs_control_index *x;
    const struct cs_control_filter *filter; /* NULL: any control will do */
    const struct cs_control *nearest;
    struct cs_reach nearest_reach;
    int n_failing;
};

static void keep_nearest(struct search *s, const struct cs_control *k, const struct cs_reach *reach,
                         const char *flaw)
{
    int n = __builtin_popcount(k->fails) + (k->derivation_flaw == NULL && flaw != NULL);
    if (s->nearest != NULL && n >= s->n_failing)
        return;
    s->nearest = k;
    s->nearest_reach = *reach;
    s->n_failing = n;
}

static const struct cs_control *search_chain(struct search *s, enum entry_kind kind, uint64_t h,
                                             struct cs_span key, const struct cs_reach *reach, uint32_t max)
{
    for (int32_t i = s->x->bucket[bucket_of(s->x, h)]; i != NO_ENTRY && max != 0; i = s->x->entry[i].next) {
        const struct entry *e = &s->x->entry[i];
        if (e->hash != h || e->kind != kind ||
            (kind == ENTRY_IP ? !cs_span_eq(e->key, key) : cs_dns_cmp(e->key, key) != 0))
            continue;
        max--;
        const char *flaw = cs_reach_flaw(e->control, reach);
        if (e->control->fails != 0 || flaw != NULL)
            keep_nearest(s, e->control, reach, flaw);
        else if (s->filter == NULL || s->filter->accepts(s->filter->ctx, e->control))
            return e->control;
    }
    return NULL;
}

static const struct cs_control *better(const struct cs_control *a, const struct cs_control *b)
{
    return a == NULL || (b != NULL && b->good_until_unix_s > a->good_until_unix_s) ? b : a;
}

static const struct cs_control *search_name(struct search *s, struct cs_span name)
{
    struct cs_span base = cs_dns_is_wildcard(name) ? cs_dns_parent(name, 1) : name;
    const struct cs_control *best = NULL;
    uint64_t h = hash_start(ENTRY_ADN), cname = hash_start(ENTRY_CNAME);
    for (size_t i = base.len; i-- > 0;) {
        h = hash_step(h, base.at[i], ENTRY_ADN);
        cname = hash_step(cname, base.at[i], ENTRY_CNAME);
        if (i != 0 && base.at[i - 1] != '.')
            continue;
        struct cs_span suffix = cs_span_of(base.at + i, base.len - i);
        struct cs_reach reach = { .name = name, .exact = i == 0, .below = i != 0 };
        best = better(search_chain(s, ENTRY_ADN, h, suffix, &reach, UINT32_MAX), best);
        if (i == 0) {
            reach.by_cname = true;
            best = better(search_chain(s, ENTRY_CNAME, cname, suffix, &reach, UINT32_MAX), best);
        }
    }
    if (best == NULL && s->nearest == NULL && cs_dns_labels(base) >= 2) {
        struct cs_span key = last_two_labels(base);
        struct cs_reach reach = { .name = name };
        (void)search_chain(s, ENTRY_NEAR, hash_of(key, ENTRY_NEAR), key, &reach, NEAR_MAX);
    }
    return best;
}

const struct cs_control *cs_control_find(const struct cs_case *c, const struct cs_control_index *x,
                                         const struct cs_san *name, const struct cs_control_filter *filter,
                                         const struct cs_control **nearest, struct cs_reach *reach)
{
    (void)c;
    struct search s = { .x = x, .filter = filter };
    const struct cs_control *best = NULL;
    if (name->tag == CS_SAN_DNS) {
        best = search_name(&s, name->value);
    } else if (name->tag == CS_SAN_IP) {
        struct cs_reach same = { .name = name->value, .ip = true, .exact = true };
        best = search_chain(&s, ENTRY_IP, hash_of(name->value, ENTRY_IP), name->value, &same, UINT32_MAX);
    }
    *nearest = s.nearest;
    *reach = s.nearest_reach;
    return best;
}
