/*
 * Tiles (C2SP tlog-tiles): the hashes of the tree in groups of 256, level l holding the roots of the
 * perfect subtrees of 256^l leaves; and bundles of 256 entries.
 */
#ifndef CS_TLOG_TILE_H
#define CS_TLOG_TILE_H

#include "proxy/tlog/merkle.h"

enum {
    CS_TILE_WIDTH = 256,
    CS_TILE_LEN = CS_TILE_WIDTH * CS_SHA256_LEN,
    CS_TILE_LEVELS = 8, /* 256^8 leaves: more than any size */
    CS_TILE_PATH_MAX_LEN = 64,
};

/* Full tiles of a level at a size, and the width of the partial one behind them (0: none). */
uint64_t cs_tile_n_full(unsigned level, uint64_t size);
unsigned cs_tile_partial(unsigned level, uint64_t size);

/* Full tiles are written as they fill up, lower levels first. cs_tile_number is the place of tile n of a
 * level in that order, from 1; cs_tile_count how many are full at a size. */
uint64_t cs_tile_number(unsigned level, uint64_t n);
uint64_t cs_tile_count(uint64_t size);

/* cs_tile_path writes "tile/<L>/<N>[.p/<W>]"; width 256 means full. level -1: "tile/entries/...". */
void cs_tile_path(int level, uint64_t n, unsigned width, char out[CS_TILE_PATH_MAX_LEN]);

/* cs_tile_subtree is the root over 2^height hashes of a tile that begin at first. */
struct cs_sha256 cs_tile_subtree(const struct cs_sha256 *hashes, unsigned first, unsigned height);

/* The unfinished tile of each level while leaves come one after the other; the zero state is empty. */
struct cs_tile_stack {
    uint64_t size; /* leaves */
    struct cs_sha256 part[CS_TILE_LEVELS][CS_TILE_WIDTH];
};
/* cs_tile_stack_add takes the next leaf. *out_n counts the levels whose tile it filled, from 0 up: their
 * hashes stand in part until the next call. */
void cs_tile_stack_add(struct cs_tile_stack *t, const struct cs_sha256 *leaf, unsigned *out_n);

/* Entry bundles: LIMIT past 65535 bytes an entry. cs_bundle_get takes the next entry off; false at the
 * end, and *in.len then tells whether bytes that are no entry are left. */
CS_RESULT cs_bundle_put(struct cs_buf *out, struct cs_span entry);
bool cs_bundle_get(struct cs_span *in, struct cs_span *out_entry);

#endif
