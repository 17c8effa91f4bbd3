#include "proxy/keyindex/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUNS_MAX = 65536 };

struct listed {
    uint64_t from, to;
};

void cs_run_folder_close(struct cs_run_folder *f)
{
    for (uint32_t i = 0; i < f->n_runs; i++)
        cs_run_close(f->run[i]);
    free(f->run);
    free(f->path);
    if (f->fd >= 0)
        (void)close(f->fd);
    if (f->lock_fd >= 0)
        (void)close(f->lock_fd);
    *f = (struct cs_run_folder){ .fd = -1, .lock_fd = -1 };
}

/* Exactly a name that cs_run_name makes. */
static bool parse_name(const char *name, struct listed *out)
{
    char again[CS_RUN_NAME_LEN];
    char *end = NULL;
    if (strlen(name) != 45)
        return false;
    errno = 0;
    out->from = strtoull(name, &end, 10);
    if (errno != 0 || end != name + 20)
        return false;
    out->to = strtoull(name + 21, &end, 10);
    if (errno != 0 || end != name + 41)
        return false;
    cs_run_name(out->from, out->to, again);
    return strcmp(name, again) == 0 && out->from != 0 && out->to >= out->from;
}

/* Ascending by the first number, the widest first. */
static int by_place(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->to > y->to ? -1 : x->to < y->to;
}

/* Names of runs, and a writer sweeps what a killed writer left. */
static CS_RESULT list_names(const struct cs_run_folder *f, struct listed **out, uint32_t *out_n)
{
    int fd = dup(f->fd);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return CS_ERR(IO);
    }
    rewinddir(d);
    struct listed *at = NULL;
    uint32_t n = 0, room = 0;
    cs_result r = CS_OK;
    for (const struct dirent *e; cs_ok(r) && (e = readdir(d)) != NULL;) {
        struct listed one;
        size_t len = strlen(e->d_name);
        if (f->lock_fd >= 0 && len > 4 && strcmp(e->d_name + len - 4, ".tmp") == 0)
            (void)unlinkat(f->fd, e->d_name, 0);
        if (!parse_name(e->d_name, &one))
            continue;
        if (n == room) {
            room = room != 0 ? room * 2 : 64;
            struct listed *more = room <= RUNS_MAX ? reallocarray(at, room, sizeof *at) : NULL;
            if (more == NULL) {
                r = CS_ERR(NO_MEMORY);
                break;
            }
            at = more;
        }
        at[n++] = one;
    }
    (void)closedir(d);
    if (!cs_ok(r)) {
        free(at);
        return r;
    }
    if (n != 0)
        qsort(at, n, sizeof *at, by_place);
    *out = at;
    *out_n = n;
    return CS_OK;
}

static CS_RESULT take_up(struct cs_run_folder *f, struct cs_run *run)
{
    struct cs_run **at = reallocarray(f->run, f->n_runs + 1u, sizeof(struct cs_run *));
    if (at == NULL)
        return CS_ERR(NO_MEMORY);
    f->run = at;
    uint32_t i = f->n_runs++;
    for (; i > 0 && cs_run_head(at[i - 1])->from > cs_run_head(run)->from; i--)
        at[i] = at[i - 1];
    at[i] = run;
    return CS_OK;
}

static bool is_group(uint64_t from, uint64_t to)
{
    uint64_t span = CS_RUN_GROUP;
    while (span < to - from + 1 && span <= UINT64_MAX / CS_RUN_FAN)
        span *= CS_RUN_FAN;
    return to - from + 1 == span && (from - 1) % span == 0;
}

static CS_RESULT open_one(struct cs_run_folder *f, const struct listed *l, struct cs_run **out,
                          struct cs_note *note)
{
    char name[CS_RUN_NAME_LEN];
    cs_run_name(l->from, l->to, name);
    struct cs_run *run = NULL;
    cs_result r = cs_run_open(f->fd, name, f->index, &run, note);
    if (cs_ok(r) &&
        (cs_run_head(run)->from != l->from || cs_run_head(run)->to != l->to || !is_group(l->from, l->to))) {
        cs_note_set(note, "index run %s: covers other numbers than its name says", name);
        cs_run_close(run);
        r = CS_ERR(STORE_CORRUPT);
    }
    if (cs_is(r, CS_NUM_STORE_CORRUPT)) {
        f->n_bad++;
        if (f->lock_fd >= 0)
            (void)unlinkat(f->fd, name, 0);
    }
    if (cs_ok(r))
        *out = run;
    return r;
}

/* A run inside a wider one that opened is what a merge left; a writer sweeps it. */
static CS_RESULT open_all(struct cs_run_folder *f, struct cs_note *note, bool *out_stale)
{
    struct listed *at = NULL;
    uint32_t n = 0;
    uint64_t covered = 0;
    CS_TRY(list_names(f, &at, &n));
    cs_result r = CS_OK;
    *out_stale = false;
    for (uint32_t i = 0; i < n && cs_ok(r); i++) {
        if (at[i].from <= covered) {
            char name[CS_RUN_NAME_LEN];
            cs_run_name(at[i].from, at[i].to, name);
            if (f->lock_fd >= 0)
                (void)unlinkat(f->fd, name, 0);
            continue;
        }
        struct cs_run *run = NULL;
        r = open_one(f, &at[i], &run, note);
        if (cs_is(r, CS_NUM_NOT_FOUND)) { /* a writer merged it away since it was listed */
            *out_stale = true;
            r = CS_OK;
        } else if (cs_is(r, CS_NUM_STORE_CORRUPT)) {
            r = CS_OK;
        } else if (cs_ok(r)) {
            covered = at[i].to;
            r = take_up(f, run);
        }
    }
    free(at);
    return r;
}

static CS_RESULT open_folder(const char *path, bool write, struct cs_run_folder *f, struct cs_note *note)
{
    if (write && mkdir(path, 0700) != 0 && errno != EEXIST) {
        cs_note_set(note, "index %s: cannot make the folder: %s", path, strerror(errno));
        return CS_ERR(IO);
    }
    f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (f->fd < 0) {
        cs_note_set(note, "index %s: %s", path, strerror(errno));
        return errno == ENOENT ? CS_ERR(NOT_FOUND) : CS_ERR(IO);
    }
    if (!write)
        return CS_OK;
    f->lock_fd = openat(f->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock_fd >= 0 && flock(f->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return CS_OK;
    bool busy = f->lock_fd >= 0 && errno == EWOULDBLOCK;
    cs_note_set(note, "index %s: %s", path, busy ? "another process is writing it" : strerror(errno));
    return busy ? CS_ERR(AGAIN) : CS_ERR(IO);
}

CS_RESULT cs_run_folder_open(const char *path, uint32_t index, bool write, struct cs_run_folder *out,
                             struct cs_note *note)
{
    struct cs_run_folder f = { .path = strdup(path), .fd = -1, .lock_fd = -1, .index = index };
    *out = (struct cs_run_folder){ .fd = -1, .lock_fd = -1 };
    cs_result r = f.path != NULL ? open_folder(path, write, &f, note) : CS_ERR(NO_MEMORY);
    bool stale = true;
    for (unsigned tries = 0; cs_ok(r) && stale && tries < 4; tries++) {
        for (uint32_t i = 0; i < f.n_runs; i++)
            cs_run_close(f.run[i]);
        f.n_runs = 0;
        r = open_all(&f, note, &stale);
    }
    if (!cs_ok(r)) {
        cs_run_folder_close(&f);
        return r;
    }
    *out = f;
    return CS_OK;
}

bool cs_run_folder_covers(const struct cs_run_folder *f, uint64_t number)
{
    for (uint32_t i = f->n_runs; i-- > 0;)
        if (cs_run_head(f->run[i])->from <= number)
            return number <= cs_run_head(f->run[i])->to;
    return false;
}

static CS_RESULT take_up_name(struct cs_run_folder *f, uint64_t from, uint64_t to, struct cs_note *note)
{
    struct cs_run *run = NULL;
    CS_TRY(open_one(f, &(struct listed){ from, to }, &run, note));
    cs_result r = take_up(f, run);
    if (!cs_ok(r))
        cs_run_close(run);
    return r;
}

CS_RESULT cs_run_folder_seal(struct cs_run_folder *f, uint64_t from, const struct cs_sha256 *cover,
                             struct cs_postings *p, struct cs_note *note)
{
    struct cs_run_head head = {
        .index = f->index, .from = from, .to = from + CS_RUN_GROUP - 1, .cover = *cover
    };
    if (f->lock_fd < 0 || from == 0 || (from - 1) % CS_RUN_GROUP != 0 || cs_run_folder_covers(f, from))
        return CS_ERR(ARGUMENT);
    CS_TRY(cs_run_write(f->fd, &head, p, note));
    return take_up_name(f, head.from, head.to, note);
}

void cs_run_folder_drop(struct cs_run_folder *f, uint32_t i)
{
    char name[CS_RUN_NAME_LEN];
    cs_run_name(cs_run_head(f->run[i])->from, cs_run_head(f->run[i])->to, name);
    if (f->lock_fd >= 0)
        (void)unlinkat(f->fd, name, 0);
    cs_run_close(f->run[i]);
    f->n_runs--;
    memmove(&f->run[i], &f->run[i + 1], (f->n_runs - i) * sizeof(struct cs_run *));
}

/* CS_RUN_FAN runs of one level from i on, beginning where one of the next level begins. */
static bool may_merge(const struct cs_run_folder *f, uint32_t i)
{
    if (f->n_runs - i < CS_RUN_FAN)
        return false;
    const struct cs_run_head *first = cs_run_head(f->run[i]);
    uint64_t span = first->to - first->from + 1;
    if (span > UINT64_MAX / CS_RUN_FAN || (first->from - 1) % (span * CS_RUN_FAN) != 0)
        return false;
    for (uint32_t k = 1; k < CS_RUN_FAN; k++) {
        const struct cs_run_head *h = cs_run_head(f->run[i + k]);
        if (h->from != first->from + k * span || h->to != h->from + span - 1)
            return false;
    }
    return true;
}

CS_RESULT cs_run_folder_merge(struct cs_run_folder *f, uint32_t *out_merges, struct cs_note *note)
{
    *out_merges = 0;
    if (f->lock_fd < 0)
        return CS_ERR(ARGUMENT);
    for (uint32_t i = 0; i < f->n_runs;) {
        if (!may_merge(f, i)) {
            i++;
            continue;
        }
        uint32_t bad = CS_RUN_FAN;
        uint64_t from = cs_run_head(f->run[i])->from, to = cs_run_head(f->run[i + CS_RUN_FAN - 1])->to;
        cs_result r = cs_run_merge(f->fd, &f->run[i], CS_RUN_FAN, &bad, note);
        if (cs_is(r, CS_NUM_STORE_CORRUPT)) {
            if (bad >= CS_RUN_FAN) { /* one of them lies about its counts: all are made again */
                for (uint32_t k = 0; k < CS_RUN_FAN; k++)
                    cs_run_folder_drop(f, i);
                f->n_bad += CS_RUN_FAN;
            } else {
                cs_run_folder_drop(f, i + bad);
                f->n_bad++;
            }
            continue;
        }
        CS_TRY(r);
        for (uint32_t k = 0; k < CS_RUN_FAN; k++)
            cs_run_folder_drop(f, i);
        CS_TRY(take_up_name(f, from, to, note));
        ++*out_merges;
        i = 0; /* perhaps it completes the next level */
    }
    return CS_OK;
}
