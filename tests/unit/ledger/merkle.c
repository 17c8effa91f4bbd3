/* Merkle: known vectors, the incremental tree against the recursive definition, restart at every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/tlog/merkle.h"

enum { SIZES = 300 };

static void hex_eq(const struct cs_sha256 *d, const char *want, const char *row)
{
    char hex[2 * CS_SHA256_LEN + 1];
    cs_hex(cs_sha256_span(d), hex);
    if (strcmp(hex, want) != 0)
        fail_msg("%s: %s, wanted %s", row, hex, want);
}

static void known_vectors(void **state)
{
    (void)state;
    static const char *const leaves[] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    };
    static const struct {
        uint64_t size;
        const char *root;
    } rows[] = {
        { 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { 1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
        { 2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
        { 3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
        { 5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
        { 8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
    };
    struct cs_merkle tree = { 0 };
    size_t row = 0;
    for (uint64_t size = 0; size <= 8; size++) {
        if (size == rows[row].size) {
            struct cs_sha256 root = cs_merkle_root(&tree);
            hex_eq(&root, rows[row++].root, "root");
        }
        if (size == 8)
            break;
        uint8_t bytes[32];
        size_t len = 0;
        assert_true(cs_ok(cs_unhex(cs_span_str(leaves[size]), bytes, sizeof bytes, &len)));
        struct cs_sha256 leaf = cs_merkle_leaf(cs_span_of(bytes, len));
        if (size == 3)
            hex_eq(&leaf, "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7", "leaf 3");
        cs_merkle_append(&tree, &leaf);
        if (size == 7) { /* the right half is the proof that 4 grew into 8 */
            struct cs_merkle right = { 0 };
            for (unsigned i = 4; i < 8; i++) {
                assert_true(cs_ok(cs_unhex(cs_span_str(leaves[i]), bytes, sizeof bytes, &len)));
                leaf = cs_merkle_leaf(cs_span_of(bytes, len));
                cs_merkle_append(&right, &leaf);
            }
            struct cs_sha256 root = cs_merkle_root(&right);
            hex_eq(&root, "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4", "4 to 8");
        }
    }
    assert_int_equal(row, sizeof rows / sizeof *rows);
}

/* RFC 6962, 2.1, word for word. */
static struct cs_sha256 defined_root(const struct cs_sha256 *leaf, uint64_t n)
{
    if (n == 1)
        return leaf[0];
    uint64_t k = 1;
    while (k * 2 < n)
        k *= 2;
    struct cs_sha256 left = defined_root(leaf, k), right = defined_root(leaf + k, n - k);
    return cs_merkle_node(&left, &right);
}

static void incremental_is_the_definition(void **state)
{
    (void)state;
    static struct cs_sha256 leaf[SIZES];
    struct cs_merkle tree = { 0 };
    for (uint64_t n = 0; n < SIZES; n++) {
        uint8_t bytes[2] = { (uint8_t)(n >> 8), (uint8_t)n };
        leaf[n] = cs_merkle_leaf(cs_span_of(bytes, sizeof bytes));
        struct cs_merkle again; /* a restart after every size */
        assert_true(cs_ok(cs_merkle_restore(&again, tree.size, cs_merkle_peaks(&tree))));
        cs_merkle_append(&tree, &leaf[n]);
        cs_merkle_append(&again, &leaf[n]);
        struct cs_sha256 a = cs_merkle_root(&tree), b = cs_merkle_root(&again),
                         want = defined_root(leaf, n + 1);
        assert_memory_equal(&a, &want, sizeof want);
        assert_memory_equal(&b, &want, sizeof want);
    }
}

static void restore_refuses_other_numbers_of_peaks(void **state)
{
    (void)state;
    static const uint8_t peaks[65 * CS_SHA256_LEN];
    static const struct {
        uint64_t size;
        size_t len;
        bool ok;
    } rows[] = {
        { 0, 0, true },
        { 0, 32, false },
        { 1, 32, true },
        { 1, 0, false },
        { 1, 31, false },
        { 3, 64, true },
        { 3, 32, false },
        { 4, 32, true },
        { UINT64_MAX, 2048, true },
        { UINT64_MAX, 2080, false },
        { 1, 64, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_merkle m;
        if (cs_ok(cs_merkle_restore(&m, rows[i].size, cs_span_of(peaks, rows[i].len))) != rows[i].ok)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(incremental_is_the_definition),
        cmocka_unit_test(restore_refuses_other_numbers_of_peaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
