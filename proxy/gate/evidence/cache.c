/* Envelopes whose signatures were verified: a ring of entries, found through a table of buckets. */
#include "proxy/gate/evidence/dsse.h"

#include <stdlib.h>

enum { NONE = UINT32_MAX };

struct entry {
    struct cs_sha256 digest;
    struct cs_signers signers;
    uint32_t next; /* in its bucket */
};

struct cs_evidence_cache {
    const struct cs_policy *policy; /* only compared, never followed */
    struct cs_sha256 policy_digest;
    uint32_t max, n, oldest; /* entries [0, n) are used; oldest is overwritten once n == max */
    uint32_t bucket_mask;
    uint32_t *bucket;
    struct entry *entry;
    uint64_t n_hits, n_misses, n_kept;
};

CS_RESULT cs_evidence_cache_new(uint32_t max_entries, struct cs_evidence_cache **out)
{
    if (max_entries == 0 || max_entries > 1u << 24)
        return CS_ERR(ARGUMENT);
    uint32_t n_buckets = 1;
    while (n_buckets < max_entries)
        n_buckets *= 2;
    struct cs_evidence_cache *c = calloc(1, sizeof *c);
    if (c == NULL)
        return CS_ERR(NO_MEMORY);
    *c = (struct cs_evidence_cache){ .max = max_entries, .bucket_mask = n_buckets - 1 };
    c->bucket = malloc(n_buckets * sizeof *c->bucket);
    c->entry = malloc(max_entries * sizeof *c->entry);
    if (c->bucket == NULL || c->entry == NULL) {
        cs_evidence_cache_free(c);
        return CS_ERR(NO_MEMORY);
    }
    memset(c->bucket, 0xff, n_buckets * sizeof *c->bucket);
    *out = c;
    return CS_OK;
}

void cs_evidence_cache_free(struct cs_evidence_cache *c)
{
    if (c == NULL)
        return;
    free(c->bucket);
    free(c->entry);
    free(c);
}

void cs_evidence_cache_stats_get(const struct cs_evidence_cache *c, struct cs_evidence_cache_stats *out)
{
    *out = (struct cs_evidence_cache_stats){ c->n_hits, c->n_misses, c->n_kept, c->n };
}

static uint32_t *bucket_of(struct cs_evidence_cache *c, const struct cs_sha256 *d)
{
    uint32_t head;
    memcpy(&head, d->byte, sizeof head); /* the digest is uniform already */
    return &c->bucket[head & c->bucket_mask];
}

/* Indices mean nothing under another policy: whoever changes it starts with an empty cache. */
static void belong_to(struct cs_evidence_cache *c, const struct cs_policy *policy)
{
    if (c->policy == policy && cs_span_eq(cs_sha256_span(&c->policy_digest), cs_sha256_span(&policy->digest)))
        return;
    c->policy = policy;
    c->policy_digest = policy->digest;
    c->n = c->oldest = 0;
    memset(c->bucket, 0xff, ((size_t)c->bucket_mask + 1) * sizeof *c->bucket);
}

static const struct entry *find(struct cs_evidence_cache *c, const struct cs_sha256 *d)
{
    for (uint32_t i = *bucket_of(c, d); i != NONE; i = c->entry[i].next)
        if (memcmp(c->entry[i].digest.byte, d->byte, sizeof d->byte) == 0)
            return &c->entry[i];
    return NULL;
}

bool cs_evidence_cache_find(struct cs_evidence_cache *c, const struct cs_policy *policy,
                            const struct cs_sha256 *envelope_digest, struct cs_signers *out)
{
    if (c == NULL)
        return false;
    belong_to(c, policy);
    const struct entry *e = find(c, envelope_digest);
    c->n_hits += e != NULL;
    c->n_misses += e == NULL;
    if (e == NULL)
        return false;
    *out = e->signers;
    return true;
}

static void unlink_entry(struct cs_evidence_cache *c, uint32_t at)
{
    uint32_t *link = bucket_of(c, &c->entry[at].digest);
    while (*link != at)
        link = &c->entry[*link].next;
    *link = c->entry[at].next;
}

void cs_evidence_cache_keep(struct cs_evidence_cache *c, const struct cs_policy *policy,
                            const struct cs_sha256 *envelope_digest, const struct cs_signers *signers)
{
    if (c == NULL)
        return;
    belong_to(c, policy);
    if (find(c, envelope_digest) != NULL)
        return;
    c->n_kept++;
    uint32_t at = c->n;
    if (c->n == c->max) {
        at = c->oldest;
        c->oldest = (c->oldest + 1) % c->max;
        unlink_entry(c, at);
    } else {
        c->n++;
    }
    uint32_t *bucket = bucket_of(c, envelope_digest);
    c->entry[at] = (struct entry){ .digest = *envelope_digest, .signers = *signers, .next = *bucket };
    *bucket = at;
}
