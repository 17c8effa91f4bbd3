#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/scope/cover.h"
#include "proxy/scope/query.h"

static void organisations_are_folded(void **state)
{
    (void)state;
    static const struct {
        const char *text, *folded;
    } rows[] = {
        { "ACME GmbH", "acme gmbh" },
        { "  Acme,  Inc. ", "acme inc" },
        { "\"Acme\" (Wien)", "acme wien" },
        { "A.B.C.", "a b c" },
        { "M\xc3\xbcller & S\xc3\xb6hne", "m\xc3\xbcller & s\xc3\xb6hne" },
        { "...", "" },
        { "", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        cs_fact_folded(cs_span_str(rows[i].text), &b);
        if (!cs_span_is(cs_buf_span(&b), rows[i].folded))
            fail_msg("row: %s", rows[i].text);
    }
}

/* Any way to cut 1..n into aligned subtrees folds into the same root. */
static void pieces_fold_into_the_root(void **state)
{
    (void)state;
    for (uint64_t size = 0; size < 70; size++) {
        struct cs_merkle whole = { 0 };
        for (uint64_t i = 0; i < size; i++) {
            struct cs_sha256 leaf = cs_sha256(cs_span_of(&i, sizeof i));
            cs_merkle_append(&whole, &leaf);
        }
        for (uint64_t span = 1; span <= 16; span *= 2) {
            struct cs_merkle cut = { 0 };
            while (cut.size < size) {
                struct cs_merkle piece = { 0 };
                uint64_t n = size - cut.size >= span && cut.size % span == 0 ? span : 1, first = cut.size;
                for (uint64_t i = 0; i < n; i++) {
                    struct cs_sha256 leaf = cs_sha256(cs_span_of(&(uint64_t){ first + i }, sizeof(uint64_t)));
                    cs_merkle_append(&piece, &leaf);
                }
                struct cs_sha256 root = cs_merkle_root(&piece);
                assert_true(cs_ok(cs_cover_put(&cut, n, &root)));
            }
            struct cs_sha256 a = cs_merkle_root(&whole), b = cs_merkle_root(&cut);
            assert_memory_equal(a.byte, b.byte, CS_SHA256_LEN);
        }
    }
}

static void pieces_out_of_place_are_refused(void **state)
{
    (void)state;
    struct cs_merkle m = { 0 };
    struct cs_sha256 root = { { 0 } };
    assert_true(cs_ok(cs_cover_put(&m, 1, &root)));
    static const uint64_t spans[] = { 0, 2, 3, 4, 1u << 20 };
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        assert_true(cs_is(cs_cover_put(&m, spans[i], &root), CS_NUM_ARGUMENT));
    assert_int_equal(m.size, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(organisations_are_folded),
        cmocka_unit_test(pieces_fold_into_the_root),
        cmocka_unit_test(pieces_out_of_place_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
