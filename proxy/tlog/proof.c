#include "proxy/tlog/proof.h"

struct tree {
    cs_tlog_node_get get;
    void *ctx;
};

/* Largest power of two below n; n > 1. */
static unsigned split_height(uint64_t n)
{
    return 63u - (unsigned)__builtin_clzll(n - 1);
}

/* Root over leaves [from, from + n), as the tree's own splits make such ranges: from is a multiple of the
 * power of two that holds n. */
static CS_RESULT range_root(const struct tree *t, uint64_t from, uint64_t n, struct cs_sha256 *out)
{
    struct cs_sha256 right[64];
    unsigned n_right = 0;
    uint64_t end = from + n;
    /* perfect subtrees from the left; joined from the right */
    while (from != end) {
        unsigned height = 63u - (unsigned)__builtin_clzll(end - from);
        CS_TRY(t->get(t->ctx, height, from >> height, &right[n_right]));
        n_right++;
        from += UINT64_C(1) << height;
    }
    struct cs_sha256 h = right[--n_right];
    while (n_right != 0)
        h = cs_merkle_node(&right[--n_right], &h);
    *out = h;
    return CS_OK;
}

CS_RESULT cs_tlog_root(cs_tlog_node_get get, void *ctx, uint64_t size, struct cs_sha256 *out)
{
    const struct tree t = { get, ctx };
    if (size > INT64_MAX)
        return CS_ERR(ARGUMENT);
    if (size == 0) {
        *out = cs_merkle_root(&(struct cs_merkle){ 0 });
        return CS_OK;
    }
    return range_root(&t, 0, size, out);
}

static void reverse(struct cs_tlog_proof *p)
{
    for (uint32_t i = 0, j = p->n; i + 1 < j; i++) {
        struct cs_sha256 h = p->hash[i];
        p->hash[i] = p->hash[--j];
        p->hash[j] = h;
    }
}

CS_RESULT cs_tlog_inclusion(cs_tlog_node_get get, void *ctx, uint64_t index, uint64_t size,
                            struct cs_tlog_proof *out)
{
    const struct tree t = { get, ctx };
    struct cs_tlog_proof p = { 0 };
    if (index >= size || size > INT64_MAX)
        return CS_ERR(ARGUMENT);
    uint64_t from = 0, n = size;
    while (n > 1) { /* from the root down */
        uint64_t k = UINT64_C(1) << split_height(n);
        if (index - from < k) {
            CS_TRY(range_root(&t, from + k, n - k, &p.hash[p.n]));
            n = k;
        } else {
            CS_TRY(range_root(&t, from, k, &p.hash[p.n]));
            from += k;
            n -= k;
        }
        p.n++;
    }
    reverse(&p);
    *out = p;
    return CS_OK;
}

CS_RESULT cs_tlog_consistency(cs_tlog_node_get get, void *ctx, uint64_t old_size, uint64_t size,
                              struct cs_tlog_proof *out)
{
    const struct tree t = { get, ctx };
    struct cs_tlog_proof p = { 0 };
    if (old_size == 0 || old_size > size || size > INT64_MAX)
        return CS_ERR(ARGUMENT);
    uint64_t from = 0, n = size, m = old_size; /* m: leaves of the old tree within the range */
    bool known = true;                         /* the range is the whole old tree: its root is known */
    while (m != n) {
        uint64_t k = UINT64_C(1) << split_height(n);
        if (m <= k) {
            CS_TRY(range_root(&t, from + k, n - k, &p.hash[p.n]));
            n = k;
        } else {
            CS_TRY(range_root(&t, from, k, &p.hash[p.n]));
            from += k;
            n -= k;
            m -= k;
            known = false;
        }
        p.n++;
    }
    if (!known) {
        CS_TRY(range_root(&t, from, n, &p.hash[p.n]));
        p.n++;
    }
    reverse(&p);
    *out = p;
    return CS_OK;
}

static bool same(const struct cs_sha256 *a, const struct cs_sha256 *b)
{
    return memcmp(a->byte, b->byte, sizeof a->byte) == 0;
}

/* RFC 9162, 2.1.3.2. */
bool cs_tlog_inclusion_holds(const struct cs_tlog_proof *proof, uint64_t index, uint64_t size,
                             const struct cs_sha256 *leaf, const struct cs_sha256 *root)
{
    if (index >= size || size > INT64_MAX || proof->n > CS_TLOG_PROOF_MAX)
        return false;
    uint64_t fn = index, sn = size - 1;
    struct cs_sha256 r = *leaf;
    for (uint32_t i = 0; i < proof->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) != 0 || fn == sn) {
            r = cs_merkle_node(&proof->hash[i], &r);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            r = cs_merkle_node(&r, &proof->hash[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(&r, root);
}

/* RFC 9162, 2.1.4.2. */
bool cs_tlog_consistency_holds(const struct cs_tlog_proof *proof, uint64_t old_size, uint64_t size,
                               const struct cs_sha256 *old_root, const struct cs_sha256 *root)
{
    if (old_size > size || size > INT64_MAX || proof->n > CS_TLOG_PROOF_MAX)
        return false;
    if (old_size == size)
        return proof->n == 0 && same(old_root, root);
    if (old_size == 0) {
        struct cs_sha256 empty = cs_merkle_root(&(struct cs_merkle){ 0 });
        return proof->n == 0 && same(old_root, &empty);
    }
    bool exact = (old_size & (old_size - 1)) == 0; /* the old root is the first hash, not sent */
    uint32_t at = exact ? 0 : 1;
    if (proof->n < at + (exact ? 1u : 0u))
        return false;
    uint64_t fn = old_size - 1, sn = size - 1;
    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    struct cs_sha256 fr = exact ? *old_root : proof->hash[0], sr = fr;
    for (; at < proof->n; at++) {
        const struct cs_sha256 *c = &proof->hash[at];
        if (sn == 0)
            return false;
        if ((fn & 1) != 0 || fn == sn) {
            fr = cs_merkle_node(c, &fr);
            sr = cs_merkle_node(c, &sr);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            sr = cs_merkle_node(&sr, c);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && same(&fr, old_root) && same(&sr, root);
}
