/* The file of weak keys: what it finds, and that nothing but a whole one is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/clock.h"
#include "proxy/gate/lists/lists.h"
#include "proxy/gate/lists/weak.h"
#include "tests/unit/lists/files.h"

struct part {
    uint8_t kind;
    uint32_t bits;
    uint64_t n; /* said */
    const char *tails[4];
};

static void finish(struct cs_buf *b)
{
    struct cs_sha256 d = cs_sha256(cs_buf_span(b));
    cs_buf_put(b, d.byte, sizeof d.byte);
}

static void build(struct cs_buf *b, const struct part *parts, uint32_t n)
{
    cs_buf_reset(b);
    cs_buf_put_str(b, "CSWEAK01");
    cs_buf_put_u32(b, n);
    for (uint32_t i = 0; i < n; i++) {
        cs_buf_put_u32(b, (uint32_t)parts[i].kind << 24 | parts[i].bits);
        cs_buf_put_u64(b, parts[i].n);
    }
    for (uint32_t i = 0; i < n; i++)
        for (size_t k = 0; k < 4 && parts[i].tails[k] != NULL; k++)
            cs_buf_put(b, parts[i].tails[k], CS_WEAK_TAIL_LEN);
    finish(b);
}

#define A "aaaaaaaaaa"
#define B "bbbbbbbbbb"
#define C "cccccccccc"
static const struct part good[] = { { 1, 2048, 3, { A, B, C } },
                                    { 1, 4096, 1, { B } },
                                    { 2, 256, 2, { A, C } } };

static void good_file(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    struct cs_weak_list w;
    build(&b, good, 3);
    assert_true(cs_ok(cs_weak_parse(cs_buf_span(&b), &w, NULL)));
    assert_int_equal(w.n_sections, 3);
    assert_int_equal(w.n_tails, 6);
    static const struct {
        enum cs_weak_kind kind;
        uint32_t bits;
        const char *has, *lacks;
    } rows[] = { { CS_WEAK_RSA, 2048, A B C, "a\0aaaaaaaabbbbbbbbbacccccccccddddddddddd" },
                 { CS_WEAK_RSA, 4096, B, A C },
                 { CS_WEAK_EC, 256, A C, B } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct cs_weak_section *s = cs_weak_section_of(&w, rows[i].kind, rows[i].bits);
        assert_non_null(s);
        for (const char *t = rows[i].has; *t != '\0'; t += CS_WEAK_TAIL_LEN)
            assert_true(cs_weak_has(s, (const uint8_t *)t));
        for (const char *t = rows[i].lacks; *t != '\0'; t += CS_WEAK_TAIL_LEN)
            assert_false(cs_weak_has(s, (const uint8_t *)t));
    }
    assert_null(cs_weak_section_of(&w, CS_WEAK_RSA, 256));
    assert_null(cs_weak_section_of(&w, CS_WEAK_RSA, 2056));
    assert_null(cs_weak_section_of(&w, CS_WEAK_EC, 2048));
    cs_weak_done(&w);
    cs_weak_done(&w);
    cs_weak_done(NULL);
}

static void refuse(struct cs_span file, const char *row)
{
    static const struct cs_weak_list untouched = { .n_sections = 77 };
    struct cs_weak_list w = untouched;
    struct cs_note note = { "" };
    if (!cs_is(cs_weak_parse(file, &w, &note), CS_NUM_CONFIG) || note.text[0] == '\0')
        fail_msg("accepted: %s", row);
    assert_memory_equal(&w, &untouched, sizeof w);
}

/* Every digest is right: only the row's fault is there. */
static void faults(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        uint32_t n;
        struct part parts[2];
    } rows[] = {
        { "no section", 0, { { 0 } } },
        { "kind 0", 1, { { 0, 2048, 1, { A } } } },
        { "kind 3", 1, { { 3, 2048, 1, { A } } } },
        { "no tail", 1, { { 1, 2048, 0, { NULL } } } },
        { "one tail less", 1, { { 1, 2048, 2, { A } } } },
        { "one tail more", 1, { { 1, 2048, 1, { A, B } } } },
        { "very many tails", 1, { { 1, 2048, UINT64_MAX, { A } } } },
        { "product wraps", 1, { { 1, 2048, UINT64_MAX / 10 + 1, { A } } } },
        { "tails fall", 1, { { 1, 2048, 2, { B, A } } } },
        { "a tail twice", 1, { { 1, 2048, 2, { A, A } } } },
        { "sizes fall", 2, { { 1, 4096, 1, { A } }, { 1, 2048, 1, { B } } } },
        { "a size twice", 2, { { 1, 2048, 1, { A } }, { 1, 2048, 1, { B } } } },
        { "kinds fall", 2, { { 2, 256, 1, { A } }, { 1, 2048, 1, { B } } } },
    };
    CS_AUTO_BUF struct cs_buf b = { 0 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        build(&b, rows[i].parts, rows[i].n);
        refuse(cs_buf_span(&b), rows[i].row);
    }
    cs_buf_reset(&b);
    cs_buf_put_str(&b, "CSWEAK01");
    cs_buf_put_u32(&b, CS_WEAK_SECTIONS_MAX + 1);
    finish(&b);
    refuse(cs_buf_span(&b), "too many sections");
}

static void truncated_and_flipped(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    build(&b, good, 3);
    for (size_t n = 0; n < b.len; n++) {
        uint8_t *copy = malloc(n + 1); /* so that the sanitizer sees one octet too far */
        assert_non_null(copy);
        memcpy(copy, b.at, n);
        refuse(cs_span_of(copy, n), "cut");
        free(copy);
    }
    for (size_t i = 0; i < b.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            b.at[i] = (uint8_t)(b.at[i] ^ 1 << bit);
            refuse(cs_buf_span(&b), "a bit flipped");
            b.at[i] = (uint8_t)(b.at[i] ^ 1 << bit);
        }
    cs_buf_put_u8(&b, 0);
    refuse(cs_buf_span(&b), "an octet behind");
}

/* Through the lists: the tails are those of real keys. */
static void keys(void **state)
{
    (void)state;
    static uint8_t modulus[256] = { 0xc0, 0xff, 0xee }, spki[91] = "a public key";
    char text[8 + 512 + 2] = "Modulus=";
    for (size_t i = 0; i < sizeof modulus; i++)
        (void)snprintf(text + 8 + 2 * i, 3, "%02X", modulus[i]);
    strcat(text, "\n");
    uint8_t sha1[EVP_MAX_MD_SIZE];
    unsigned len;
    assert_int_equal(EVP_Digest(text, strlen(text), sha1, &len, EVP_sha1(), NULL), 1);
    struct cs_sha256 sha256 = cs_sha256(cs_span_of(spki, sizeof spki));
    const struct part parts[] = { { 1, 2048, 1, { (const char *)sha1 + 10 } },
                                  { 2, 256, 1, { (const char *)sha256.byte + 22 } } };
    CS_AUTO_BUF struct cs_buf b = { 0 };
    build(&b, parts, 2);
    static const char psl[] = PSL_HEAD "com\n" PSL_TAIL, words[] = "said in words";
    struct cs_lists_config c = { .public_suffix = { .max_age_s = 86400 } };
    struct cs_lists *l = NULL;
    struct cs_note note = { "" };
    c.public_suffix.path = files_put(0, cs_span_str(psl), 0);
    assert_true(cs_ok(cs_lists_open(&c, cs_clock_unix_s(), &l, &note)));
    assert_int_equal(cs_lists_weak_rsa(l, cs_span_of(modulus, 256)), CS_LIST_UNCOVERED);
    assert_int_equal(cs_lists_weak_ec(l, cs_span_of(spki, sizeof spki), 256), CS_LIST_UNCOVERED);
    cs_lists_close(l);
    c.debian_weak_keys.path = files_put(1, cs_buf_span(&b), 0);
    c.debian_weak_keys.accept_missing = words;
    assert_true(cs_ok(cs_lists_open(&c, cs_clock_unix_s(), &l, &note)));
    const struct cs_list_state *s = &cs_lists_states(l)[CS_LIST_WEAK_KEYS];
    assert_true(s->n_entries == 2 && s->accepted == words && s->dated_unix_s == 0);
    assert_int_equal(cs_lists_weak_rsa(l, cs_span_of(modulus, 256)), CS_LIST_PRESENT);
    assert_int_equal(cs_lists_weak_rsa(l, cs_span_of(modulus, 255)), CS_LIST_UNCOVERED);
    assert_int_equal(cs_lists_weak_rsa(l, cs_span_of(modulus, 0)), CS_LIST_UNCOVERED);
    modulus[255] ^= 1;
    assert_int_equal(cs_lists_weak_rsa(l, cs_span_of(modulus, 256)), CS_LIST_ABSENT);
    assert_int_equal(cs_lists_weak_ec(l, cs_span_of(spki, sizeof spki), 256), CS_LIST_PRESENT);
    assert_int_equal(cs_lists_weak_ec(l, cs_span_of(spki, sizeof spki), 384), CS_LIST_UNCOVERED);
    assert_int_equal(cs_lists_weak_ec(l, cs_span_of(spki, sizeof spki - 1), 256), CS_LIST_ABSENT);
    cs_lists_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file),
        cmocka_unit_test(faults),
        cmocka_unit_test(truncated_and_flipped),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
