#include "proxy/ledger/tiles.h"

#include "proxy/ledger/proofs.h"

static CS_RESULT read_tile(const struct cs_tile_source *from, uint64_t number,
                           struct cs_sha256 out[CS_TILE_WIDTH])
{
    sqlite3_stmt *s = from->tile;
    cs_bind_u64(s, 1, number);
    int rc = sqlite3_step(s);
    struct cs_span v = rc == SQLITE_ROW ? cs_column_span(s, 0) : cs_span_of(NULL, 0);
    bool whole = v.len == CS_TILE_LEN;
    if (whole)
        memcpy(out, v.at, CS_TILE_LEN);
    (void)sqlite3_reset(s);
    if (whole)
        return CS_OK;
    return rc == SQLITE_ROW || rc == SQLITE_DONE || rc == SQLITE_CORRUPT ? CS_ERR(STORE_CORRUPT)
                                                                         : CS_ERR(STORE);
}

static CS_RESULT read_leaf(const struct cs_tile_source *from, uint64_t index, struct cs_sha256 *out)
{
    sqlite3_stmt *s = from->entry;
    cs_bind_u64(s, 1, index + 1);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *out = cs_merkle_leaf(cs_column_span(s, 0));
    (void)sqlite3_reset(s);
    if (rc == SQLITE_ROW)
        return CS_OK;
    return rc == SQLITE_DONE || rc == SQLITE_CORRUPT ? CS_ERR(STORE_CORRUPT) : CS_ERR(STORE);
}

CS_RESULT cs_tiles_load(struct cs_tiles *t, const struct cs_tile_source *from, uint64_t size)
{
    t->loaded = false;
    t->held = 0;
    for (unsigned level = 0; level < CS_TILE_LEVELS; level++) {
        unsigned width = cs_tile_partial(level, size);
        uint64_t first = (size >> (8 * level)) - width;
        for (unsigned i = 0; i < width; i++) {
            if (level == 0) {
                CS_TRY(read_leaf(from, first + i, &t->stack.part[0][i]));
            } else {
                CS_TRY(read_tile(from, cs_tile_number(level - 1, first + i), t->full));
                t->stack.part[level][i] = cs_tile_subtree(t->full, 0, 8);
            }
        }
    }
    t->stack.size = size;
    t->loaded = true;
    return CS_OK;
}

CS_RESULT cs_tiles_get(struct cs_tiles *t, const struct cs_tile_source *from, unsigned level, uint64_t n,
                       const struct cs_sha256 **out)
{
    if (n >= cs_tile_n_full(level, t->stack.size)) {
        *out = t->stack.part[level];
        return CS_OK;
    }
    uint64_t number = cs_tile_number(level, n);
    if (t->held != number) {
        t->held = 0;
        CS_TRY(read_tile(from, number, t->full));
        t->held = number;
    }
    *out = t->full;
    return CS_OK;
}

CS_RESULT cs_tiles_node(struct cs_tiles *t, const struct cs_tile_source *from, unsigned height,
                        uint64_t index, struct cs_sha256 *out)
{
    unsigned level = height / 8, rest = height % 8;
    const struct cs_sha256 *hashes = NULL;
    if (level >= CS_TILE_LEVELS || index >= t->stack.size >> height)
        return CS_ERR(ARGUMENT);
    uint64_t at = index << rest;
    CS_TRY(cs_tiles_get(t, from, level, at / CS_TILE_WIDTH, &hashes));
    *out = cs_tile_subtree(hashes, (unsigned)(at % CS_TILE_WIDTH), rest);
    return CS_OK;
}

/* ---- of the gate's handle ---- */

static struct cs_tile_source source_of(struct cs_ledger *l)
{
    return (struct cs_tile_source){ l->statement[CS_SQL_TILE_GET], l->statement[CS_SQL_ENTRY_GET] };
}

static cs_result node_of(void *ctx, unsigned height, uint64_t index, struct cs_sha256 *out)
{
    struct cs_ledger *l = ctx;
    const struct cs_tile_source from = source_of(l);
    return cs_tiles_node(l->tiles, &from, height, index, out);
}

/* The unfinished tiles of the tree as it is now, after a turn was taken back too. */
static CS_RESULT ready(struct cs_ledger *l)
{
    const struct cs_tile_source from = source_of(l);
    CS_TRY(cs_usable(l));
    if (l->tiles->loaded && l->tiles->stack.size == l->now.tree.size)
        return CS_OK;
    return cs_tiles_load(l->tiles, &from, l->now.tree.size);
}

CS_RESULT cs_ledger_tiles_open(struct cs_ledger *l, struct cs_note *note)
{
    struct cs_sha256 root;
    cs_result r = ready(l);
    if (cs_ok(r))
        r = cs_tlog_root(node_of, l, l->now.tree.size, &root);
    if (cs_ok(r) && !cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&l->head.root)))
        r = CS_ERR(STORE_CORRUPT);
    if (cs_is(r, CS_NUM_STORE_CORRUPT))
        cs_note_set(note, "ledger: the tiles do not fit the last head; run verify on a copy");
    return r;
}

static CS_RESULT write_full(struct cs_ledger *l, unsigned level, uint64_t size)
{
    sqlite3_stmt *s = l->statement[CS_SQL_TILE_PUT];
    cs_bind_u64(s, 1, cs_tile_number(level, (size >> (8 * (level + 1))) - 1));
    cs_bind_span(s, 2, cs_span_of(l->tiles->stack.part[level], CS_TILE_LEN));
    return cs_turn_write(l, CS_SQL_TILE_PUT);
}

CS_RESULT cs_ledger_tiles_put(struct cs_ledger *l, const struct cs_sha256 *leaf)
{
    unsigned n_full = 0;
    cs_result r = ready(l);
    if (!cs_ok(r)) {
        cs_turn_fail(l);
        return r;
    }
    cs_tile_stack_add(&l->tiles->stack, leaf, &n_full);
    for (unsigned level = 0; level < n_full; level++)
        CS_TRY(write_full(l, level, l->tiles->stack.size));
    return CS_OK;
}

/* ---- proofs ---- */

CS_RESULT cs_ledger_root_at(struct cs_ledger *l, uint64_t size, struct cs_sha256 *out)
{
    if (size > l->head.size)
        return CS_ERR(ARGUMENT);
    CS_TRY(ready(l));
    return cs_tlog_root(node_of, l, size, out);
}

CS_RESULT cs_ledger_inclusion(struct cs_ledger *l, uint64_t seq, uint64_t size, struct cs_tlog_proof *out)
{
    if (seq == 0 || size > l->head.size)
        return CS_ERR(ARGUMENT);
    CS_TRY(ready(l));
    return cs_tlog_inclusion(node_of, l, seq - 1, size, out);
}

CS_RESULT cs_ledger_consistency(struct cs_ledger *l, uint64_t old_size, uint64_t size,
                                struct cs_tlog_proof *out)
{
    if (size > l->head.size)
        return CS_ERR(ARGUMENT);
    CS_TRY(ready(l));
    return cs_tlog_consistency(node_of, l, old_size, size, out);
}
