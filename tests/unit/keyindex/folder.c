#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/keyindex/fixture.h"

static void seal(struct cs_run_folder *f, uint64_t group)
{
    struct cs_postings postings = { 0 };
    struct cs_note note = { "" };
    uint64_t from = 1 + group * CS_RUN_GROUP, to = from + CS_RUN_GROUP - 1;
    struct cs_sha256 cover = cover_of(from, to);
    postings_of(from, to, &postings);
    assert_ok(cs_run_folder_seal(f, from, &cover, &postings, &note));
    cs_postings_done(&postings);
}

static struct cs_run_folder open_folder(const struct place *p, bool write)
{
    struct cs_run_folder f;
    struct cs_note note = { "" };
    assert_ok(cs_run_folder_open(p->folder, INDEX, write, &f, &note));
    return f;
}

static void seals_and_merges(void **state)
{
    struct cs_run_folder f = open_folder(*state, true);
    struct cs_note note = { "" };
    uint32_t merges = 0;
    for (uint64_t g = 0; g < 18; g++)
        seal(&f, g);
    assert_int_equal(f.n_runs, 18);
    assert_ok(cs_run_folder_merge(&f, &merges, &note));
    assert_int_equal(merges, 1);
    assert_int_equal(f.n_runs, 3);
    assert_int_equal(cs_run_head(f.run[0])->to, 16 * CS_RUN_GROUP);
    assert_answers(f.run[0]);
    struct cs_sha256 cover = cover_of(1, 16 * CS_RUN_GROUP);
    assert_memory_equal(cs_run_head(f.run[0])->cover.byte, cover.byte, CS_SHA256_LEN);
    cs_run_folder_close(&f);

    f = open_folder(*state, false);
    assert_int_equal(f.n_runs, 3);
    assert_true(cs_run_folder_covers(&f, 1));
    assert_true(cs_run_folder_covers(&f, 18 * CS_RUN_GROUP));
    assert_false(cs_run_folder_covers(&f, 18 * CS_RUN_GROUP + 1));
    for (uint32_t i = 0; i < 3; i++)
        assert_answers(f.run[i]);
    cs_run_folder_close(&f);
}

static void one_writer_and_its_arguments(void **state)
{
    const struct place *p = *state;
    struct cs_run_folder f = open_folder(p, true), second, reader = open_folder(p, false);
    struct cs_note note = { "" };
    struct cs_postings none = { 0 };
    struct cs_sha256 cover = cover_of(1, 1);
    assert_result(cs_run_folder_open(p->folder, INDEX, true, &second, &note), AGAIN);
    assert_result(cs_run_folder_open("/nonexistent/index", INDEX, false, &second, &note), NOT_FOUND);
    assert_result(cs_run_folder_seal(&reader, 1, &cover, &none, &note), ARGUMENT);
    assert_result(cs_run_folder_seal(&f, 2, &cover, &none, &note), ARGUMENT); /* not aligned */
    seal(&f, 0);
    assert_result(cs_run_folder_seal(&f, 1, &cover, &none, &note), ARGUMENT); /* there already */
    cs_run_folder_close(&reader);
    cs_run_folder_close(&f);
}

/* What kill -9 may leave: a temporary file, and parts beside their merged run. */
static void what_a_killed_writer_left_is_swept(void **state)
{
    const struct place *p = *state;
    char *saved[16], name[CS_RUN_NAME_LEN];
    size_t len[16];
    struct cs_run_folder f = open_folder(p, true);
    struct cs_note note = { "" };
    uint32_t merges = 0;
    for (uint64_t g = 0; g < 16; g++) {
        seal(&f, g);
        cs_run_name(1 + g * CS_RUN_GROUP, (g + 1) * CS_RUN_GROUP, name);
        saved[g] = read_whole(p->fd, name, &len[g]);
    }
    assert_ok(cs_run_folder_merge(&f, &merges, &note));
    cs_run_folder_close(&f);
    for (uint64_t g = 0; g < 16; g++) {
        cs_run_name(1 + g * CS_RUN_GROUP, (g + 1) * CS_RUN_GROUP, name);
        write_whole(p->fd, name, saved[g], len[g]);
        free(saved[g]);
    }
    write_whole(p->fd, "half.run.17.tmp", "half", 4);
    f = open_folder(p, false); /* a reader leaves everything */
    assert_int_equal(f.n_runs, 1);
    assert_int_equal(faccessat(p->fd, name, F_OK, 0), 0);
    cs_run_folder_close(&f);
    f = open_folder(p, true);
    assert_int_equal(f.n_runs, 1);
    assert_int_equal(f.n_bad, 0);
    assert_int_not_equal(faccessat(p->fd, name, F_OK, 0), 0);
    assert_int_not_equal(faccessat(p->fd, "half.run.17.tmp", F_OK, 0), 0);
    cs_run_folder_close(&f);
}

/* Missing, short, changed, renamed: a gap, never an answer. */
static void bad_files_are_gaps(void **state)
{
    const struct place *p = *state;
    char name[4][CS_RUN_NAME_LEN], foreign[CS_RUN_NAME_LEN];
    struct cs_run_folder f = open_folder(p, true);
    for (uint64_t g = 0; g < 4; g++) {
        seal(&f, g);
        cs_run_name(1 + g * CS_RUN_GROUP, (g + 1) * CS_RUN_GROUP, name[g]);
    }
    cs_run_folder_close(&f);
    size_t len = 0;
    char *bytes = read_whole(p->fd, name[1], &len);
    write_whole(p->fd, name[1], bytes, len / 2);
    cs_run_name(1 + 4 * CS_RUN_GROUP, 5 * CS_RUN_GROUP, foreign);
    write_whole(p->fd, foreign, bytes, len);
    free(bytes);
    assert_int_equal(unlinkat(p->fd, name[2], 0), 0);
    f = open_folder(p, false);
    assert_int_equal(f.n_runs, 2);
    assert_int_equal(f.n_bad, 2);
    assert_true(cs_run_folder_covers(&f, 1));
    assert_false(cs_run_folder_covers(&f, 1 + CS_RUN_GROUP));
    assert_false(cs_run_folder_covers(&f, 1 + 2 * CS_RUN_GROUP));
    assert_true(cs_run_folder_covers(&f, 1 + 3 * CS_RUN_GROUP));
    assert_false(cs_run_folder_covers(&f, 1 + 4 * CS_RUN_GROUP));
    cs_run_folder_close(&f);
    f = open_folder(p, true);
    seal(&f, 1);
    seal(&f, 2);
    assert_int_equal(f.n_runs, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_answers(f.run[i]);
    cs_run_folder_close(&f);
}

/* A run that rots after it was opened: the merge drops it and keeps the others. */
static void a_merge_drops_what_is_bad(void **state)
{
    const struct place *p = *state;
    char name[CS_RUN_NAME_LEN];
    size_t len = 0;
    struct cs_run_folder f = open_folder(p, true);
    struct cs_note note = { "" };
    uint32_t merges = 0;
    for (uint64_t g = 0; g < 16; g++)
        seal(&f, g);
    cs_run_folder_close(&f);
    cs_run_name(1 + 5 * CS_RUN_GROUP, 6 * CS_RUN_GROUP, name);
    char *bytes = read_whole(p->fd, name, &len);
    bytes[3 * 4096 + 17] = (char)(bytes[3 * 4096 + 17] ^ 4);
    write_whole(p->fd, name, bytes, len);
    free(bytes);
    f = open_folder(p, true);
    assert_int_equal(f.n_runs, 16);
    assert_ok(cs_run_folder_merge(&f, &merges, &note));
    assert_int_equal(merges, 0);
    assert_int_equal(f.n_runs, 15);
    assert_int_equal(f.n_bad, 1);
    seal(&f, 5);
    assert_ok(cs_run_folder_merge(&f, &merges, &note));
    assert_int_equal(merges, 1);
    assert_answers(f.run[0]);
    cs_run_folder_close(&f);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(seals_and_merges),
        TEST(one_writer_and_its_arguments),
        TEST(what_a_killed_writer_left_is_swept),
        TEST(bad_files_are_gaps),
        TEST(a_merge_drops_what_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
