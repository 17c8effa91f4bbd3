/*
 * Generations: how the look-up rows of random keys stay cheap to append. Their B-trees have the
 * generation (number >> 12) as first column, so that inserts touch only the few pages of the newest
 * one, however large the ledger is. Which generations may hold a key says a filter in memory.
 *
 * The filter is bit-sliced: a word has one bit for each of 64 generations, and a key is looked up in 64
 * of them by AND-ing CS_FILTER_BITS words. It is filled from the tables at open, before anything is accepted,
 * and from every row that is put; what a taken-back turn leaves in it only costs a look.
 */
#ifndef CS_LEDGER_GENERATION_H
#define CS_LEDGER_GENERATION_H

#include "proxy/base/bytes.h"

enum {
    CS_GENERATION_SHIFT = 12,      /* also written out in schema.h */
    CS_FILTER_POSITIONS = 1 << 17, /* 4096 numbers with two keys each: one false look in a thousand */
    CS_FILTER_BITS = 7,
    CS_FILTER_SLICE = 64, /* generations a block */
};

/* Kinds of keys share a filter. */
enum cs_lookup {
    CS_LOOKUP_REQUEST = 1,
    CS_LOOKUP_SERIAL,
    CS_LOOKUP_ORDER,
    CS_LOOKUP_SUBJECT,
    CS_LOOKUP_DEPOSIT,
    CS_LOOKUP_STATEMENT,
    CS_LOOKUP_TOKEN,
    CS_LOOKUP_KEY,
};

/* The zero state is empty. */
struct cs_filter {
    uint64_t **block; /* CS_FILTER_POSITIONS words each; NULL: no key */
    uint64_t n_blocks;
};
void cs_filter_done(struct cs_filter *f);

/* Where a key stands in every block. */
struct cs_filter_key {
    uint32_t position[CS_FILTER_BITS];
};
struct cs_filter_key cs_filter_key(enum cs_lookup kind, struct cs_span a, struct cs_span b);

/* A number out of a file that was tampered with must not take memory at will: a block is made when it
 * is first needed, and no ledger has more numbers than this. */
#define CS_FILTER_NUMBER_MAX (UINT64_C(1) << 40)

/* cs_filter_put says that the number carries the key; NO_MEMORY, or STORE_CORRUPT for a number over
 * CS_FILTER_NUMBER_MAX, change nothing. */
CS_RESULT cs_filter_put(struct cs_filter *f, uint64_t number, const struct cs_filter_key *k);

/* cs_filter_up moves to the first generation from *io on that may hold the key; false without one.
 * cs_filter_down moves to the last one up to *io. Never passes over one that holds it. */
bool cs_filter_up(const struct cs_filter *f, const struct cs_filter_key *k, uint64_t *io_generation);
bool cs_filter_down(const struct cs_filter *f, const struct cs_filter_key *k, uint64_t *io_generation);

/* The last generation there can be; where going down begins. */
static inline uint64_t cs_filter_end(const struct cs_filter *f)
{
    return f->n_blocks * CS_FILTER_SLICE; /* one too many does no harm, and none is no generation at all */
}

#endif
