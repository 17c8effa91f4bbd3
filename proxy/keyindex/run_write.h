/*
 * Writing runs: from sorted postings, or by merging runs that stand side by side. A run appears under
 * its name whole and durable (temporary name, fsync, rename, fsync of the folder) or not at all.
 */
#ifndef CS_KEYINDEX_RUN_WRITE_H
#define CS_KEYINDEX_RUN_WRITE_H

#include "proxy/keyindex/run.h"

struct cs_posting {
    uint64_t term, number;
};

/* A list of postings in any order, duplicates allowed. The zero state is empty. */
struct cs_postings {
    struct cs_posting *at;
    size_t n, room;
};
CS_RESULT cs_postings_put(struct cs_postings *p, uint64_t term, uint64_t number);
void cs_postings_done(struct cs_postings *p);

enum { CS_RUN_NAME_LEN = 48, CS_RUN_MERGE_MAX = 16 };

/* "<from>-<to>.run", 20 digits each, so that names sort like numbers. */
void cs_run_name(uint64_t from, uint64_t to, char out[CS_RUN_NAME_LEN]);

/* cs_run_write sorts *p and writes the run of head->index, from, to and cover; the counts of *head are
 * ignored. ARGUMENT when a posting lies outside from..to. On failure nothing has the run's name that
 * had not before. */
CS_RESULT cs_run_write(int folder_fd, const struct cs_run_head *head, struct cs_postings *p,
                       struct cs_note *note);

/* cs_run_merge writes one run over the n (2, 4, 8 or 16) given ones, which cover equal numbers of
 * numbers, one behind the other; its cover is folded from theirs. It reads each of them whole, and so
 * checks it; *out_bad is the one that was not what was written (STORE_CORRUPT), or n. ARGUMENT when
 * they do not stand side by side. */
CS_RESULT cs_run_merge(int folder_fd, struct cs_run *const *run, uint32_t n, uint32_t *out_bad,
                       struct cs_note *note);

/* Node hash of RFC 6962: SHA-256 over 01, left, right. */
struct cs_sha256 cs_cover_join(const struct cs_sha256 *left, const struct cs_sha256 *right);

#endif
