#include "proxy/ledger/generation.h"

#include <stdlib.h>

#include "proxy/keyindex/run.h"

void cs_filter_done(struct cs_filter *f)
{
    for (uint64_t i = 0; i < f->n_blocks; i++)
        free(f->block[i]);
    free(f->block);
    *f = (struct cs_filter){ 0 };
}

struct cs_filter_key cs_filter_key(enum cs_lookup kind, struct cs_span a, struct cs_span b)
{
    struct cs_filter_key k;
    uint64_t both[2] = { cs_run_term((uint8_t)kind, a), cs_run_term((uint8_t)kind, b) };
    uint64_t step = cs_run_term((uint8_t)kind, cs_span_of(both, sizeof both)) | 1, at = both[0] ^ step;
    for (unsigned i = 0; i < CS_FILTER_BITS; i++, at += step) {
        uint64_t mixed = (at ^ (at >> 29)) * 0xbf58476d1ce4e5b9u;
        k.position[i] = (uint32_t)(mixed >> 47); /* the upper 17 bits */
    }
    return k;
}

CS_RESULT cs_filter_put(struct cs_filter *f, uint64_t number, const struct cs_filter_key *k)
{
    uint64_t generation = number >> CS_GENERATION_SHIFT, block = generation / CS_FILTER_SLICE;
    if (number > CS_FILTER_NUMBER_MAX)
        return CS_ERR(STORE_CORRUPT);
    if (block >= f->n_blocks) {
        uint64_t **at = reallocarray(f->block, block + 1, sizeof *at);
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        f->block = at;
        while (f->n_blocks <= block)
            at[f->n_blocks++] = NULL;
    }
    if (f->block[block] == NULL)
        f->block[block] = calloc(CS_FILTER_POSITIONS, sizeof **f->block);
    if (f->block[block] == NULL)
        return CS_ERR(NO_MEMORY);
    for (unsigned i = 0; i < CS_FILTER_BITS; i++)
        f->block[block][k->position[i]] |= UINT64_C(1) << (generation % CS_FILTER_SLICE);
    return CS_OK;
}

static uint64_t may_hold(const uint64_t *block, const struct cs_filter_key *k)
{
    if (block == NULL)
        return 0;
    uint64_t all = block[k->position[0]];
    for (unsigned i = 1; i < CS_FILTER_BITS && all != 0; i++)
        all &= block[k->position[i]];
    return all;
}

bool cs_filter_up(const struct cs_filter *f, const struct cs_filter_key *k, uint64_t *io_generation)
{
    uint64_t mask = UINT64_MAX << (*io_generation % CS_FILTER_SLICE);
    for (uint64_t b = *io_generation / CS_FILTER_SLICE; b < f->n_blocks; b++, mask = UINT64_MAX) {
        uint64_t there = may_hold(f->block[b], k) & mask;
        if (there != 0) {
            *io_generation = b * CS_FILTER_SLICE + (uint64_t)__builtin_ctzll(there);
            return true;
        }
    }
    return false;
}

bool cs_filter_down(const struct cs_filter *f, const struct cs_filter_key *k, uint64_t *io_generation)
{
    uint64_t b = *io_generation / CS_FILTER_SLICE;
    uint64_t mask = UINT64_MAX >> (CS_FILTER_SLICE - 1 - *io_generation % CS_FILTER_SLICE);
    if (f->n_blocks == 0)
        return false;
    if (b >= f->n_blocks) {
        b = f->n_blocks - 1;
        mask = UINT64_MAX;
    }
    for (;; b--, mask = UINT64_MAX) {
        uint64_t there = may_hold(f->block[b], k) & mask;
        if (there != 0) {
            *io_generation = b * CS_FILTER_SLICE + 63 - (uint64_t)__builtin_clzll(there);
            return true;
        }
        if (b == 0)
            return false;
    }
}
