/*
 * Run: an immutable, sorted piece of a key index. It answers, for the numbers from..to, which of them
 * carry a term. A term is a 64-bit hash that the caller composes of a tag and bytes; two keys may share
 * one, so whoever asks confirms each number against the thing itself.
 *
 * File (big-endian, docs/decisions/0010): header block, body, fences, Bloom filter, table of digests.
 * Every block of 4096 octets of body, fences and filter has its SHA-256 in the table, the header has
 * the table's, and its own. A block is digested when it is first touched, so that a look-up in a large
 * run reads and checks a few blocks, and a changed octet is never believed.
 *
 * A run says which numbers it covers and what stood behind them: `cover` is the RFC 6962 subtree root
 * over the leaves from..to, so that runs side by side fold into the root of the whole.
 */
#ifndef CS_KEYINDEX_RUN_H
#define CS_KEYINDEX_RUN_H

#include "proxy/base/digest.h"

struct cs_run_head {
    uint32_t index;    /* which index and which version of its terms: the caller's number */
    uint64_t from, to; /* first and last number covered; from >= 1 */
    uint64_t n_terms, n_postings;
    struct cs_sha256 cover;
};

struct cs_run;

/* cs_run_term hashes a tag and bytes. Not keyed: whoever makes terms collide makes look-ups slower,
 * nothing else. */
uint64_t cs_run_term(uint8_t tag, struct cs_span bytes);

/* cs_run_open maps a file of the folder. STORE_CORRUPT with a note when its header is not one of this
 * index, its parts do not add up to its length, or the table does not digest to what the header says;
 * NOT_FOUND when there is no such file; IO. The file must not shrink while it is mapped: runs are
 * only ever renamed into place and unlinked. */
CS_RESULT cs_run_open(int folder_fd, const char *name, uint32_t index, struct cs_run **out,
                      struct cs_note *note);
void cs_run_close(struct cs_run *r); /* NULL-safe */

const struct cs_run_head *cs_run_head(const struct cs_run *r);
uint64_t cs_run_len(const struct cs_run *r); /* octets of the file */

/* A growing list of numbers, ascending and without duplicates. The zero state is empty. */
struct cs_numbers {
    uint64_t *at;
    size_t n, room;
};
CS_RESULT cs_numbers_put(struct cs_numbers *v, uint64_t number);
void cs_numbers_done(struct cs_numbers *v);
static inline void cs_auto_numbers(struct cs_numbers *v)
{
    cs_numbers_done(v);
}
#define CS_AUTO_NUMBERS __attribute__((cleanup(cs_auto_numbers)))

/* cs_run_find appends the numbers that carry the term, ascending; none is a success. STORE_CORRUPT when
 * a block on the way is not what was written; *out may then hold some of them. */
CS_RESULT cs_run_find(struct cs_run *r, uint64_t term, struct cs_numbers *out);
/* cs_run_count is how many numbers cs_run_find would append. */
CS_RESULT cs_run_count(struct cs_run *r, uint64_t term, uint64_t *out_n);

/* cs_run_check reads the whole run: every block's digest, every record's form, and that the counts of
 * the header are true. */
CS_RESULT cs_run_check(struct cs_run *r);

/* A cursor walks all terms of a run in ascending order. */
struct cs_run_cursor {
    struct cs_run *run;
    uint64_t at;    /* offset in the body of the next record */
    uint64_t block; /* block in which the last record began, UINT64_MAX before the first */
    uint64_t term;
    uint64_t n; /* numbers of this term */
    uint64_t postings_at;
};
struct cs_run_cursor cs_run_cursor(struct cs_run *r);
/* *out_row false at the end. */
CS_RESULT cs_run_next(struct cs_run_cursor *c, bool *out_row);
/* cs_run_numbers appends the numbers of the term the cursor stands on. */
CS_RESULT cs_run_numbers(const struct cs_run_cursor *c, struct cs_numbers *out);

#endif
