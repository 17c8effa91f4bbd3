#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/keyindex/fixture.h"

int place_set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/cs-keyindex-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    p->fd = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p->fd >= 0);
    *state = p;
    return 0;
}

int place_tear_down(void **state)
{
    struct place *p = *state;
    DIR *d = fdopendir(p->fd);
    assert_non_null(d);
    rewinddir(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, 0);
    (void)closedir(d);
    (void)rmdir(p->folder);
    free(p);
    return 0;
}

uint64_t term_all(void)
{
    return cs_run_term(TAG, cs_span_str("all"));
}

uint64_t term_seventh(uint64_t n)
{
    char text[32];
    return cs_run_term(TAG, cs_span_of(text,
                                       (size_t)snprintf(text, sizeof text, "seventh %u", (unsigned)(n % 7))));
}

uint64_t term_own(uint64_t n)
{
    char text[32];
    return cs_run_term(TAG, cs_span_of(text, (size_t)snprintf(text, sizeof text, "own %u", (unsigned)n)));
}

void postings_of(uint64_t from, uint64_t to, struct cs_postings *out)
{
    for (uint64_t n = from; n <= to; n++) {
        assert_ok(cs_postings_put(out, term_own(n), n));
        assert_ok(cs_postings_put(out, term_all(), n));
        assert_ok(cs_postings_put(out, term_seventh(n), n));
        assert_ok(cs_postings_put(out, term_all(), n)); /* twice is once */
    }
}

struct cs_sha256 cover_of(uint64_t from, uint64_t to)
{
    if (from == to)
        return cs_sha256(cs_span_of(&from, sizeof from));
    uint64_t half = from + (to - from + 1) / 2;
    struct cs_sha256 left = cover_of(from, half - 1), right = cover_of(half, to);
    return cs_cover_join(&left, &right);
}

static void assert_numbers(struct cs_run *r, uint64_t term, uint64_t first, uint64_t step)
{
    CS_AUTO_NUMBERS struct cs_numbers found = { 0 };
    const struct cs_run_head *h = cs_run_head(r);
    uint64_t n = 0, count = 0;
    assert_ok(cs_run_find(r, term, &found));
    assert_ok(cs_run_count(r, term, &count));
    for (uint64_t i = first; i <= h->to; i += step, n++) {
        assert_true(n < found.n);
        assert_int_equal(found.at[n], i);
    }
    assert_int_equal(found.n, n);
    assert_int_equal(count, n);
}

void assert_answers(struct cs_run *r)
{
    const struct cs_run_head *h = cs_run_head(r);
    uint64_t n = h->to - h->from + 1;
    assert_int_equal(h->n_postings, 3 * n);
    assert_int_equal(h->n_terms, n + (n < 7 ? n : 7) + 1);
    assert_numbers(r, term_all(), h->from, 1);
    for (uint64_t i = h->from; i < h->from + 7 && i <= h->to; i++)
        assert_numbers(r, term_seventh(i), i, 7);
    for (uint64_t i = h->from; i <= h->to; i += n > 5000 ? 997 : 1)
        assert_numbers(r, term_own(i), i, n);
    for (uint64_t i = 1; i < 400; i++) /* what is not there */
        assert_numbers(r, term_own(h->to + i), h->to + 1, 1);
}

char *read_whole(int folder_fd, const char *name, size_t *out_len)
{
    struct stat st;
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    char *at = malloc((size_t)st.st_size);
    assert_non_null(at);
    assert_int_equal(read(fd, at, (size_t)st.st_size), st.st_size);
    (void)close(fd);
    *out_len = (size_t)st.st_size;
    return at;
}

void write_whole(int folder_fd, const char *name, const char *at, size_t len)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, at, len), (ssize_t)len);
    (void)close(fd);
}
