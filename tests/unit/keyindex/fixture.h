/*
 * A temporary folder, and an index small enough to be known by heart: number n carries one term that
 * every number has, one of seven, and one of its own.
 */
#ifndef CS_TESTS_KEYINDEX_FIXTURE_H
#define CS_TESTS_KEYINDEX_FIXTURE_H

#include "proxy/keyindex/folder.h"

enum { INDEX = 7, TAG = 1 };

struct place {
    char folder[64];
    int fd;
};

int place_set_up(void **state);
int place_tear_down(void **state); /* removes every file of the folder */

uint64_t term_all(void);
uint64_t term_seventh(uint64_t n);
uint64_t term_own(uint64_t n);
void postings_of(uint64_t from, uint64_t to, struct cs_postings *out); /* appends, not sorted */
struct cs_sha256 cover_of(uint64_t from, uint64_t to);                 /* root over leaves n */

/* What a run or some runs must answer for these numbers. */
void assert_answers(struct cs_run *r);

char *read_whole(int folder_fd, const char *name, size_t *out_len); /* malloc */
void write_whole(int folder_fd, const char *name, const char *at, size_t len);

#define assert_result(r, name)                                                          \
    do {                                                                                \
        cs_result r__ = (r);                                                            \
        if (!cs_is(r__, CS_NUM_##name))                                                 \
            fail_msg("%s:%d: %s gave %s", __FILE__, __LINE__, #r, cs_result_name(r__)); \
    } while (0)
#define assert_ok(r) assert_result(r, OK_)

#endif
