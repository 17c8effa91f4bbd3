/* Proof files, add-checkpoint bodies, tile paths and bundles: the vectors and each refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "proxy/tlog/proof_file.h"
#include "proxy/tlog/tile.h"
#include "tests/unit/tlog/vectors.h"

#define PROOF_HEAD                                   \
    "c2sp.org/tlog-proof@v1\nindex 5\n"              \
    "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=\n" \
    "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=\n" \
    "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=\n"
#define ADD_HEAD                                     \
    "old 3\n"                                        \
    "ApjRIpBtz8EIkstTpzmS/FufST6kybrbJ7eRtBJ6f+c=\n" \
    "B1Bqhf2d0vEg62lPhgEeW7RmLlxBWmKRcDPUqWJEh+c=\n" \
    "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=\n" \
    "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=\n"
#define HASH_LINE "ApjRIpBtz8EIkstTpzmS/FufST6kybrbJ7eRtBJ6f+c=\n"

static void a_proof_is_made_and_read(void **state)
{
    (void)state;
    struct cs_tlog_proof p;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    assert_true(cs_ok(cs_tlog_inclusion(node_of_8, NULL, 5, 8, &p)));
    cs_tlog_proof_file_put(&text, 5, &p, cs_span_str(NOTE_OF_8));
    assert_true(cs_span_is(cs_buf_span(&text), PROOF_HEAD "\n" NOTE_OF_8));
    struct cs_tlog_proof_file f;
    assert_true(cs_ok(cs_tlog_proof_file_parse(cs_buf_span(&text), &f)));
    assert_int_equal(f.index, 5);
    assert_true(cs_span_is(f.checkpoint, NOTE_OF_8));
    struct cs_tlog_key log = key_of(LOG_VKEY);
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    assert_true(cs_ok(cs_tlog_checkpoint_open(f.checkpoint, &log, &n, &c, NULL)));
    struct cs_sha256 leaf = leaf_of(5);
    assert_true(cs_tlog_inclusion_holds(&f.proof, f.index, c.size, &leaf, &c.root));
}

static void an_add_request_is_made_and_read(void **state)
{
    (void)state;
    struct cs_tlog_proof p;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    assert_true(cs_ok(cs_tlog_consistency(node_of_8, NULL, 3, 8, &p)));
    cs_tlog_add_put(&text, 3, &p, cs_span_str(TEXT_OF_8 "\n" LOG_LINE));
    assert_true(cs_span_is(cs_buf_span(&text), ADD_HEAD "\n" TEXT_OF_8 "\n" LOG_LINE));
    struct cs_tlog_add a;
    assert_true(cs_ok(cs_tlog_add_parse(cs_buf_span(&text), &a)));
    assert_int_equal(a.old_size, 3);
    assert_int_equal(a.proof.n, 4);
    assert_true(cs_span_is(a.checkpoint, TEXT_OF_8 "\n" LOG_LINE));
    /* 4 -> 8 is one hash */
    assert_true(cs_ok(cs_tlog_consistency(node_of_8, NULL, 4, 8, &p)));
    char hex[65];
    assert_int_equal(p.n, 1);
    cs_hex(cs_sha256_span(&p.hash[0]), hex);
    assert_string_equal(hex, "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4");
}

static void other_proofs_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *row, *text;
        bool good;
    } rows[] = {
        { "as it is", PROOF_HEAD "\nx", true },
        { "extra", "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n\nx", true },
        { "empty extra", "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\nx", false },
        { "extra not base64", "c2sp.org/tlog-proof@v1\nextra AAA\nindex 0\n\nx", false },
        { "extra behind index", "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\nx", false },
        { "extra twice", "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n\nx", false },
        { "other version", "c2sp.org/tlog-proof@v2\nindex 0\n\nx", false },
        { "no index", "c2sp.org/tlog-proof@v1\n\nx", false },
        { "leading zero", "c2sp.org/tlog-proof@v1\nindex 05\n\nx", false },
        { "no hashes", "c2sp.org/tlog-proof@v1\nindex 0\n\nx", true },
        { "no empty line", "c2sp.org/tlog-proof@v1\nindex 0\n" HASH_LINE, false },
        { "no checkpoint", "c2sp.org/tlog-proof@v1\nindex 0\n\n", false },
        { "short hash", "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx", false },
        { "carriage return", "c2sp.org/tlog-proof@v1\r\nindex 0\n\nx", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_tlog_proof_file f;
        if (cs_ok(cs_tlog_proof_file_parse(cs_span_str(rows[i].text), &f)) != rows[i].good)
            fail_msg("row: %s", rows[i].row);
    }
    for (unsigned n = 62; n <= 65; n++) { /* at most 63 hashes */
        CS_AUTO_BUF struct cs_buf text = { 0 };
        struct cs_tlog_add a;
        cs_buf_put_str(&text, "old 0\n");
        for (unsigned i = 0; i < n; i++)
            cs_buf_put_str(&text, HASH_LINE);
        cs_buf_put_str(&text, "\nx");
        assert_int_equal(cs_ok(cs_tlog_add_parse(cs_buf_span(&text), &a)), n <= 63);
    }
    static const char *const adds[] = { "", "old\n\nx", "old -1\n\nx", "old 3\n", "old 3\n\n", "new 3\n\nx" };
    for (size_t i = 0; i < sizeof adds / sizeof *adds; i++) {
        struct cs_tlog_add a;
        assert_false(cs_ok(cs_tlog_add_parse(cs_span_str(adds[i]), &a)));
    }
}

/* Whatever is cut off or flipped: the proof no longer shows the leaf under the log's key. */
static void every_truncation_and_bit_refuses(void **state)
{
    (void)state;
    static const char whole[] = PROOF_HEAD "\n" TEXT_OF_8 "\n" LOG_LINE;
    const size_t len = sizeof whole - 1;
    struct cs_tlog_key log = key_of(LOG_VKEY);
    struct cs_sha256 leaf = leaf_of(5);
    for (size_t i = 0; i < len * 9; i++) {
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, whole, len);
        if (i >= len)
            copy[(i - len) / 8] ^= (uint8_t)(1u << (i - len) % 8);
        struct cs_tlog_proof_file f;
        struct cs_tlog_note n;
        struct cs_tlog_checkpoint c;
        if (cs_ok(cs_tlog_proof_file_parse(cs_span_of(copy, i < len ? i : len), &f)) &&
            cs_ok(cs_tlog_checkpoint_open(f.checkpoint, &log, &n, &c, NULL)) &&
            cs_tlog_inclusion_holds(&f.proof, f.index, c.size, &leaf, &c.root))
            fail_msg("change %zu", i);
        free(copy);
    }
}

static void tiles_have_their_paths(void **state)
{
    (void)state;
    static const struct {
        int level;
        uint64_t n;
        unsigned width;
        const char *path;
    } rows[] = {
        { 0, 0, 256, "tile/0/000" },
        { 0, 999, 256, "tile/0/999" },
        { 0, 1000, 256, "tile/0/x001/000" },
        { 0, 1234067, 256, "tile/0/x001/x234/067" },
        { 0, 273, 112, "tile/0/273.p/112" },
        { 1, 1, 17, "tile/1/001.p/17" },
        { 2, 0, 1, "tile/2/000.p/1" },
        { -1, 1000, 1, "tile/entries/x001/000.p/1" },
        { 7, INT64_MAX >> 8, 255, "tile/7/x036/x028/x797/x018/x963/967.p/255" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[CS_TILE_PATH_MAX_LEN];
        cs_tile_path(rows[i].level, rows[i].n, rows[i].width, path);
        assert_string_equal(path, rows[i].path);
    }
}

static void bundles_and_tiles_are_the_vectors(void **state)
{
    (void)state;
    static const char *const hex[] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    };
    CS_AUTO_BUF struct cs_buf bundle = { 0 };
    CS_AUTO_BUF struct cs_buf tile = { 0 };
    char text[256];
    for (unsigned i = 0; i < 8; i++) {
        uint8_t bytes[16];
        size_t len = 0;
        assert_true(cs_ok(cs_unhex(cs_span_str(hex[i]), bytes, sizeof bytes, &len)));
        assert_true(cs_ok(cs_bundle_put(&bundle, cs_span_of(bytes, len))));
        struct cs_sha256 leaf = leaf_of(i);
        cs_buf_put(&tile, leaf.byte, sizeof leaf.byte);
    }
    cs_hex(cs_buf_span(&bundle), text);
    assert_string_equal(
        text, "00000001000001100002202100023031000440414243000850515253545556570010606162636465666768"
              "696a6b6c6d6e6f");
    struct cs_sha256 digest = cs_sha256(cs_buf_span(&tile));
    cs_hex(cs_sha256_span(&digest), text);
    assert_string_equal(text, "aea2f1bbb5140fd5f8eacb503fdf54c00c3d860c72588e40233addd416bc8f10");
    struct cs_sha256 root = cs_tile_subtree((const struct cs_sha256 *)(const void *)tile.at, 0, 3), want;
    assert_true(cs_ok(node_of_8(NULL, 3, 0, &want)));
    assert_memory_equal(&root, &want, sizeof want);
    struct cs_span rest = cs_buf_span(&bundle), entry;
    for (unsigned i = 0; i < 8; i++) {
        assert_true(cs_bundle_get(&rest, &entry));
        assert_int_equal(entry.len, strlen(hex[i]) / 2);
    }
    assert_int_equal(rest.len, 0);
    assert_false(cs_bundle_get(&rest, &entry));
    rest = cs_span_of(bundle.at, 3); /* an empty entry, and half a length */
    assert_true(cs_bundle_get(&rest, &entry));
    assert_false(cs_bundle_get(&rest, &entry));
    assert_int_equal(rest.len, 1);
    static uint8_t large[65536];
    assert_true(cs_is(cs_bundle_put(&bundle, cs_span_of(large, 65536)), CS_NUM_LIMIT));
    assert_true(cs_ok(cs_bundle_put(&bundle, cs_span_of(large, 65535))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_is_made_and_read), cmocka_unit_test(an_add_request_is_made_and_read),
        cmocka_unit_test(other_proofs_are_refused), cmocka_unit_test(every_truncation_and_bit_refuses),
        cmocka_unit_test(tiles_have_their_paths),   cmocka_unit_test(bundles_and_tiles_are_the_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
