/* Proofs of every pair of sizes against the recursive definition, and that nothing else verifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/tlog/proof.h"
#include "proxy/tlog/tile.h"

enum { SIZES = 131 };

static struct cs_sha256 leaves[SIZES];

static void make_leaves(void)
{
    for (unsigned i = 0; i < SIZES; i++) {
        uint8_t byte = (uint8_t)i;
        leaves[i] = cs_merkle_leaf(cs_span_of(&byte, 1));
    }
}

/* MTH of RFC 6962, 2.1, word by word. */
static struct cs_sha256 naive(unsigned from, unsigned n)
{
    if (n == 0)
        return cs_sha256(cs_span_of(NULL, 0));
    if (n == 1)
        return leaves[from];
    unsigned k = 1;
    while (2 * k < n)
        k *= 2;
    struct cs_sha256 a = naive(from, k), b = naive(from + k, n - k);
    return cs_merkle_node(&a, &b);
}

/* PATH of 2.1.1. */
static unsigned naive_path(unsigned m, unsigned from, unsigned n, struct cs_sha256 *out)
{
    if (n <= 1)
        return 0;
    unsigned k = 1, len;
    while (2 * k < n)
        k *= 2;
    if (m < k) {
        len = naive_path(m, from, k, out);
        out[len] = naive(from + k, n - k);
    } else {
        len = naive_path(m - k, from + k, n - k, out);
        out[len] = naive(from, k);
    }
    return len + 1;
}

/* SUBPROOF of 2.1.2. */
static unsigned naive_subproof(unsigned m, unsigned from, unsigned n, bool known, struct cs_sha256 *out)
{
    if (m == n) {
        if (known)
            return 0;
        out[0] = naive(from, n);
        return 1;
    }
    unsigned k = 1, len;
    while (2 * k < n)
        k *= 2;
    if (m <= k) {
        len = naive_subproof(m, from, k, known, out);
        out[len] = naive(from + k, n - k);
    } else {
        len = naive_subproof(m - k, from + k, n - k, false, out);
        out[len] = naive(from, k);
    }
    return len + 1;
}

struct asked {
    uint64_t size;
    unsigned n;
};

static cs_result node(void *ctx, unsigned height, uint64_t index, struct cs_sha256 *out)
{
    struct asked *a = ctx;
    assert_true((index + 1) << height <= a->size); /* never beyond the tree */
    a->n++;
    *out = naive((unsigned)(index << height), 1u << height);
    return CS_OK;
}

static void same_proof(const struct cs_tlog_proof *p, const struct cs_sha256 *want, unsigned n)
{
    assert_int_equal(p->n, n);
    assert_memory_equal(p->hash, want, n * sizeof *want);
}

static void inclusion_is_the_definitions(void **state)
{
    (void)state;
    for (unsigned size = 0; size < SIZES; size++) {
        struct asked a = { size, 0 };
        struct cs_sha256 root, want = naive(0, size);
        assert_true(cs_ok(cs_tlog_root(node, &a, size, &root)));
        assert_memory_equal(&root, &want, sizeof root);
        struct cs_tlog_proof p;
        assert_true(cs_is(cs_tlog_inclusion(node, &a, size, size, &p), CS_NUM_ARGUMENT));
        for (unsigned i = 0; i < size; i++) {
            struct cs_sha256 path[64];
            assert_true(cs_ok(cs_tlog_inclusion(node, &a, i, size, &p)));
            same_proof(&p, path, naive_path(i, 0, size, path));
            assert_true(cs_tlog_inclusion_holds(&p, i, size, &leaves[i], &root));
            /* another leaf, place, size or root; a hash more, less or changed */
            assert_false(cs_tlog_inclusion_holds(&p, i, size, &leaves[(i + 1) % SIZES], &root));
            if (size > 1)
                assert_false(cs_tlog_inclusion_holds(&p, (i + 1) % size, size, &leaves[i], &root));
            assert_false(cs_tlog_inclusion_holds(&p, size, size, &leaves[i], &root));
            assert_false(cs_tlog_inclusion_holds(&p, i, size, &leaves[i], &leaves[i ^ 1]) && size > 1);
            for (uint32_t k = 0; k < p.n; k++) {
                p.hash[k].byte[k % 32] ^= 0x40;
                assert_false(cs_tlog_inclusion_holds(&p, i, size, &leaves[i], &root));
                p.hash[k].byte[k % 32] ^= 0x40;
            }
            p.hash[p.n++] = root;
            assert_false(cs_tlog_inclusion_holds(&p, i, size, &leaves[i], &root));
            p.n--;
            if (p.n != 0) {
                p.n--;
                assert_false(cs_tlog_inclusion_holds(&p, i, size, &leaves[i], &root));
            }
        }
    }
}

static void consistency_is_the_definitions(void **state)
{
    (void)state;
    for (unsigned size = 0; size < SIZES; size++) {
        struct asked a = { size, 0 };
        struct cs_sha256 root = naive(0, size);
        struct cs_tlog_proof p = { 0 };
        struct cs_sha256 empty = naive(0, 0);
        assert_true(cs_tlog_consistency_holds(&p, 0, size, &empty, &root));
        assert_false(cs_tlog_consistency_holds(&p, 0, size, &leaves[0], &root));
        assert_true(cs_is(cs_tlog_consistency(node, &a, size + 1, size, &p), CS_NUM_ARGUMENT));
        for (unsigned old = 1; old <= size; old++) {
            struct cs_sha256 want[64], old_root = naive(0, old);
            assert_true(cs_ok(cs_tlog_consistency(node, &a, old, size, &p)));
            same_proof(&p, want, naive_subproof(old, 0, size, true, want));
            assert_true(cs_tlog_consistency_holds(&p, old, size, &old_root, &root));
            struct cs_sha256 other = old_root;
            other.byte[5] ^= 1;
            assert_false(cs_tlog_consistency_holds(&p, old, size, &other, &root));
            other = root;
            other.byte[31] ^= 0x80;
            assert_false(cs_tlog_consistency_holds(&p, old, size, &old_root, &other));
            for (uint32_t k = 0; k < p.n; k++) {
                p.hash[k].byte[k % 32] ^= 1;
                assert_false(cs_tlog_consistency_holds(&p, old, size, &old_root, &root));
                p.hash[k].byte[k % 32] ^= 1;
            }
            p.hash[p.n++] = root;
            assert_false(cs_tlog_consistency_holds(&p, old, size, &old_root, &root));
            p.n--;
            if (p.n != 0) {
                p.n--;
                assert_false(cs_tlog_consistency_holds(&p, old, size, &old_root, &root));
            }
        }
    }
}

static void sizes_have_their_tiles(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        unsigned level;
        uint64_t n_full;
        unsigned partial;
    } rows[] = {
        { 0, 0, 0, 0 },         { 1, 0, 0, 1 },      { 256, 0, 1, 0 },   { 256, 1, 0, 1 },
        { 70000, 0, 273, 112 }, { 70000, 1, 1, 17 }, { 70000, 2, 0, 1 }, { 70000, 3, 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(cs_tile_n_full(rows[i].level, rows[i].size), rows[i].n_full);
        assert_int_equal(cs_tile_partial(rows[i].level, rows[i].size), rows[i].partial);
    }
    /* the numbers are those of the order in which tiles fill up */
    uint64_t number = 0;
    for (uint64_t size = 1; size <= 3 * 65536 + 700; size++) {
        for (unsigned level = 0; level < 3 && size % (UINT64_C(256) << (8 * level)) == 0; level++)
            assert_int_equal(cs_tile_number(level, (size >> (8 * (level + 1))) - 1), ++number);
        assert_int_equal(cs_tile_count(size), number);
    }
}

int main(void)
{
    make_leaves();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inclusion_is_the_definitions),
        cmocka_unit_test(consistency_is_the_definitions),
        cmocka_unit_test(sizes_have_their_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
