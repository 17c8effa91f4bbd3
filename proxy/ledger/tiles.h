/*
 * Tiles: the hashes of the tree, 256 together. Full tiles are rows, written in the order in which they
 * fill up; the unfinished one of each level is kept in memory, and found again from at most 255 entries
 * and 255 tiles a level. With both at hand a proof costs a few tiles, never the whole ledger.
 */
#ifndef CS_LEDGER_TILES_H
#define CS_LEDGER_TILES_H

#include "proxy/ledger/store.h"
#include "proxy/tlog/proof.h"
#include "proxy/tlog/tile.h"

/* Where rows come from: the gate's handle, or a reader's. */
struct cs_tile_source {
    sqlite3_stmt *tile;  /* hashes of tile ?1 */
    sqlite3_stmt *entry; /* body of entry ?1 */
};

struct cs_tiles {
    struct cs_tile_stack stack;
    bool loaded;
    uint64_t held; /* number of the full tile read last; 0: none */
    struct cs_sha256 full[CS_TILE_WIDTH];
};

/* cs_tiles_load makes the unfinished tiles of a size; STORE_CORRUPT when a row it needs is not there. */
CS_RESULT cs_tiles_load(struct cs_tiles *t, const struct cs_tile_source *from, uint64_t size);
/* The hashes of a tile, as far as they lie within the size; valid until the next call. */
CS_RESULT cs_tiles_get(struct cs_tiles *t, const struct cs_tile_source *from, unsigned level, uint64_t n,
                       const struct cs_sha256 **out);
/* The hash of a perfect subtree within the size (proof.h). */
CS_RESULT cs_tiles_node(struct cs_tiles *t, const struct cs_tile_source *from, unsigned height,
                        uint64_t index, struct cs_sha256 *out);

/* ---- of the gate's handle ---- */

/* cs_ledger_tiles_open loads the tiles and compares them with the head: STORE_CORRUPT with a note. */
CS_RESULT cs_ledger_tiles_open(struct cs_ledger *l, struct cs_note *note);
/* cs_ledger_tiles_put takes the leaf that is being appended and writes the tiles that it fills; on failure
 * the turn is taken back. */
CS_RESULT cs_ledger_tiles_put(struct cs_ledger *l, const struct cs_sha256 *leaf);

#endif
