#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/keyindex/format.h"
#include "tests/unit/keyindex/fixture.h"

static void write_run(const struct place *p, uint64_t from, uint64_t to)
{
    struct cs_postings postings = { 0 };
    struct cs_run_head head = { .index = INDEX, .from = from, .to = to, .cover = cover_of(from, to) };
    struct cs_note note = { "" };
    postings_of(from, to, &postings);
    assert_ok(cs_run_write(p->fd, &head, &postings, &note));
    cs_postings_done(&postings);
}

static struct cs_run *open_run(const struct place *p, uint64_t from, uint64_t to)
{
    char name[CS_RUN_NAME_LEN];
    struct cs_run *r = NULL;
    struct cs_note note = { "" };
    cs_run_name(from, to, name);
    assert_ok(cs_run_open(p->fd, name, INDEX, &r, &note));
    return r;
}

static void finds_what_was_put(void **state)
{
    static const struct {
        uint64_t from, to;
    } rows[] = { { 1, 1 }, { 1, 2 }, { 5, 8 }, { 1, 4096 }, { 4097, 8192 }, { 1, 200000 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_run(*state, rows[i].from, rows[i].to);
        struct cs_run *r = open_run(*state, rows[i].from, rows[i].to);
        assert_answers(r);
        assert_ok(cs_run_check(r));
        cs_run_close(r);
    }
}

static void an_empty_run_answers_nothing(void **state)
{
    const struct place *p = *state;
    struct cs_postings none = { 0 };
    struct cs_run_head head = { .index = INDEX, .from = 1, .to = 16 };
    struct cs_note note = { "" };
    uint64_t n = 1;
    assert_ok(cs_run_write(p->fd, &head, &none, &note));
    struct cs_run *r = open_run(p, 1, 16);
    assert_ok(cs_run_count(r, term_all(), &n));
    assert_int_equal(n, 0);
    assert_ok(cs_run_check(r));
    cs_run_close(r);
}

static void refuses_numbers_outside(void **state)
{
    const struct place *p = *state;
    static const struct {
        uint64_t from, to, number;
    } rows[] = { { 5, 8, 4 }, { 5, 8, 9 }, { 0, 8, 1 }, { 8, 5, 6 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_postings one = { 0 };
        struct cs_run_head head = { .index = INDEX, .from = rows[i].from, .to = rows[i].to };
        struct cs_note note = { "" };
        assert_ok(cs_postings_put(&one, 1, rows[i].number));
        assert_result(cs_run_write(p->fd, &head, &one, &note), ARGUMENT);
        cs_postings_done(&one);
    }
}

/* Whether any answer of the run differs from the true one; the run may also refuse. */
static bool lies(struct cs_run *r)
{
    bool lie = false;
    for (uint64_t n = 1; n <= 20 && !lie; n++) {
        const uint64_t terms[] = { term_all(), term_own(n) };
        for (size_t i = 0; i < 2 && !lie; i++) {
            CS_AUTO_NUMBERS struct cs_numbers found = { 0 };
            bool there = n <= 16;
            if (cs_ok(cs_run_find(r, terms[i], &found)))
                lie = i == 0 ? found.n != 16 : found.n != (there ? 1 : 0) || (there && found.at[0] != n);
        }
    }
    return lie;
}

static void poke(const struct place *p, const char *name, size_t at, char octet)
{
    int fd = openat(p->fd, name, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &octet, 1, (off_t)at), 1);
    (void)close(fd);
}

static void one_flipped_bit_is_never_believed(void **state)
{
    const struct place *p = *state;
    char name[CS_RUN_NAME_LEN];
    size_t len = 0;
    write_run(p, 1, 16);
    cs_run_name(1, 16, name);
    char *bytes = read_whole(p->fd, name, &len);
    for (size_t i = 0; i < len; i++) {
        struct cs_run *r = NULL;
        struct cs_note note = { "" };
        poke(p, name, i, (char)(bytes[i] ^ (1 << (i % 8))));
        cs_result result = cs_run_open(p->fd, name, INDEX, &r, &note);
        if (cs_ok(result)) {
            assert_false(lies(r));
            assert_result(cs_run_check(r), STORE_CORRUPT);
            cs_run_close(r);
        } else {
            assert_result(result, STORE_CORRUPT);
        }
        poke(p, name, i, bytes[i]);
    }
    free(bytes);
}

static void every_other_length_is_refused(void **state)
{
    const struct place *p = *state;
    char name[CS_RUN_NAME_LEN];
    size_t len = 0;
    write_run(p, 1, 16);
    cs_run_name(1, 16, name);
    char *bytes = read_whole(p->fd, name, &len);
    char *longer = calloc(1, len + 1);
    assert_non_null(longer);
    memcpy(longer, bytes, len);
    for (size_t n = 0; n <= len + 1; n += n > 200 && n + 64 < len ? 61 : 1) {
        struct cs_run *r = NULL;
        struct cs_note note = { "" };
        if (n == len)
            continue;
        write_whole(p->fd, name, longer, n);
        assert_result(cs_run_open(p->fd, name, INDEX, &r, &note), STORE_CORRUPT);
    }
    free(longer);
    free(bytes);
}

/* A body that was written wrong, with digests that fit: the form is checked all the same. */
static void a_well_digested_wrong_body_is_refused(void **state)
{
    const struct place *p = *state;
    char name[CS_RUN_NAME_LEN];
    size_t len = 0;
    unsigned refused = 0;
    write_run(p, 1, 16);
    cs_run_name(1, 16, name);
    char *bytes = read_whole(p->fd, name, &len);
    for (size_t i = 0; i < 400; i++) {
        struct cs_run_layout l;
        uint8_t header[CS_RUN_BLOCK];
        bytes[CS_RUN_BLOCK + i] = (char)(bytes[CS_RUN_BLOCK + i] ^ 0x81);
        memcpy(header, bytes, sizeof header);
        assert_ok(cs_layout_get(header, len, &l));
        char *table = bytes + len - cs_run_all_blocks(&l) * CS_SHA256_LEN;
        struct cs_sha256 d = cs_sha256(cs_span_of(bytes + CS_RUN_BLOCK, CS_RUN_BLOCK));
        memcpy(table, d.byte, sizeof d.byte);
        l.table = cs_sha256(cs_span_of(table, cs_run_all_blocks(&l) * CS_SHA256_LEN));
        cs_layout_put(&l, header);
        memcpy(bytes, header, sizeof header);
        write_whole(p->fd, name, bytes, len);
        struct cs_run *r = NULL;
        struct cs_note note = { "" };
        assert_ok(cs_run_open(p->fd, name, INDEX, &r, &note));
        refused += !cs_ok(cs_run_check(r)); /* the sanitizers watch the rest */
        (void)lies(r);
        cs_run_close(r);
        bytes[CS_RUN_BLOCK + i] = (char)(bytes[CS_RUN_BLOCK + i] ^ 0x81);
    }
    assert_true(refused > 200);
    free(bytes);
}

static void foreign_index_is_refused(void **state)
{
    const struct place *p = *state;
    char name[CS_RUN_NAME_LEN];
    struct cs_run *r = NULL;
    struct cs_note note = { "" };
    write_run(p, 1, 16);
    cs_run_name(1, 16, name);
    assert_result(cs_run_open(p->fd, name, INDEX + 1, &r, &note), STORE_CORRUPT);
    assert_result(cs_run_open(p->fd, "nothing", INDEX, &r, &note), NOT_FOUND);
}

static void merged_is_what_one_run_would_be(void **state)
{
    const struct place *p = *state;
    struct cs_run *part[16];
    struct cs_note note = { "" };
    uint32_t bad = 0;
    size_t one_len = 0, merged_len = 0;
    char name[CS_RUN_NAME_LEN];
    for (uint64_t i = 0; i < 16; i++) {
        write_run(p, 1 + i * 512, (i + 1) * 512);
        part[i] = open_run(p, 1 + i * 512, (i + 1) * 512);
    }
    assert_ok(cs_run_merge(p->fd, part, 16, &bad, &note));
    struct cs_run *r = open_run(p, 1, 8192);
    struct cs_sha256 cover = cover_of(1, 8192);
    assert_answers(r);
    assert_ok(cs_run_check(r));
    assert_memory_equal(cs_run_head(r)->cover.byte, cover.byte, CS_SHA256_LEN);
    cs_run_close(r);
    assert_result(cs_run_merge(p->fd, part + 1, 3, &bad, &note), ARGUMENT);
    struct cs_run *swapped[] = { part[1], part[0] };
    assert_result(cs_run_merge(p->fd, swapped, 2, &bad, &note), ARGUMENT);
    for (unsigned i = 0; i < 16; i++)
        cs_run_close(part[i]);

    /* the body is the same, octet for octet; the filter may be wider */
    cs_run_name(1, 8192, name);
    char *merged = read_whole(p->fd, name, &merged_len);
    write_run(p, 1, 8192);
    char *one = read_whole(p->fd, name, &one_len);
    struct cs_run_layout l;
    uint8_t header[CS_RUN_BLOCK];
    memcpy(header, one, sizeof header);
    assert_ok(cs_layout_get(header, one_len, &l));
    assert_memory_equal(one + CS_RUN_BLOCK, merged + CS_RUN_BLOCK, l.body_len);
    free(merged);
    free(one);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(finds_what_was_put),
        TEST(an_empty_run_answers_nothing),
        TEST(refuses_numbers_outside),
        TEST(one_flipped_bit_is_never_believed),
        TEST(every_other_length_is_refused),
        TEST(a_well_digested_wrong_body_is_refused),
        TEST(foreign_index_is_refused),
        TEST(merged_is_what_one_run_would_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
