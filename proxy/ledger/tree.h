/*
 * Tree: the hashes, entries and checkpoints of a ledger file, read-only, beside a running gate too. All of
 * it is one snapshot; nothing in it is verified here.
 */
#ifndef CS_LEDGER_TREE_H
#define CS_LEDGER_TREE_H

#include "proxy/base/arena.h"
#include "proxy/tlog/proof.h"
#include "proxy/tlog/tile.h"

struct cs_tree;

CS_RESULT cs_tree_open(const char *path, struct cs_tree **out, struct cs_note *note);
void cs_tree_close(struct cs_tree *t); /* NULL-safe */
uint64_t cs_tree_size(const struct cs_tree *t);

/* A cs_tlog_node_get with the tree as its context. */
cs_result cs_tree_node(void *tree, unsigned height, uint64_t index, struct cs_sha256 *out);
/* The hashes of a tile, as far as they lie within the tree: valid until the next call. */
CS_RESULT cs_tree_tile(struct cs_tree *t, unsigned level, uint64_t n, const struct cs_sha256 **out);
/* NOT_FOUND past the end. */
CS_RESULT cs_tree_entry(struct cs_tree *t, uint64_t seq, struct cs_arena *arena, struct cs_span *out);
/* The newest checkpoint with the cosignatures that are kept for it; NOT_FOUND when there is none. */
CS_RESULT cs_tree_checkpoint(struct cs_tree *t, struct cs_arena *arena, struct cs_span *out_note);

#endif
