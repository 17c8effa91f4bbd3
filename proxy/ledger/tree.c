#include "proxy/ledger/tree.h"

#include <stdlib.h>

#include "proxy/ledger/tiles.h"

struct cs_tree {
    sqlite3 *db;
    struct cs_tile_source from;
    sqlite3_stmt *checkpoint, *cosignatures;
    struct cs_tiles tiles;
};

static CS_RESULT size_of(sqlite3 *db, uint64_t *out)
{
    sqlite3_stmt *s = NULL;
    bool read =
        sqlite3_prepare_v2(db, CS_SQL_LAST_SEQ, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    if (read)
        *out = cs_column_u64(s, 0);
    (void)sqlite3_finalize(s);
    return read ? CS_OK : CS_ERR(STORE);
}

static CS_RESULT open_all(struct cs_tree *t, const char *path, struct cs_note *note)
{
    CS_TRY(cs_store_open_reader(path, &t->db, note));
    const struct {
        const char *sql;
        sqlite3_stmt **out;
    } rows[] = { { CS_SQL_TILE, &t->from.tile },
                 { CS_SQL_ENTRY, &t->from.entry },
                 { CS_SQL_LAST_CHECKPOINT, &t->checkpoint },
                 { CS_SQL_LAST_COSIGNATURES, &t->cosignatures } };
    bool ready = sqlite3_exec(t->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ready = ready && sqlite3_prepare_v2(t->db, rows[i].sql, -1, rows[i].out, NULL) == SQLITE_OK;
    uint64_t size = 0;
    cs_result r = ready ? size_of(t->db, &size) : CS_ERR(STORE);
    if (cs_ok(r) && size > INT64_MAX)
        r = CS_ERR(STORE_CORRUPT);
    if (cs_ok(r))
        r = cs_tiles_load(&t->tiles, &t->from, size);
    if (!cs_ok(r))
        cs_note_set(note, "ledger %s: its tree cannot be read: %s", path,
                    cs_is(r, CS_NUM_STORE_CORRUPT) ? "a tile or an entry is missing" : sqlite3_errmsg(t->db));
    return r;
}

CS_RESULT cs_tree_open(const char *path, struct cs_tree **out, struct cs_note *note)
{
    struct cs_tree *t = calloc(1, sizeof *t);
    if (t == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result r = open_all(t, path, note);
    if (!cs_ok(r)) {
        cs_tree_close(t);
        return r;
    }
    *out = t;
    return CS_OK;
}

void cs_tree_close(struct cs_tree *t)
{
    if (t == NULL)
        return;
    (void)sqlite3_finalize(t->from.tile);
    (void)sqlite3_finalize(t->from.entry);
    (void)sqlite3_finalize(t->checkpoint);
    (void)sqlite3_finalize(t->cosignatures);
    (void)sqlite3_close(t->db);
    free(t);
}

uint64_t cs_tree_size(const struct cs_tree *t)
{
    return t->tiles.stack.size;
}

cs_result cs_tree_node(void *tree, unsigned height, uint64_t index, struct cs_sha256 *out)
{
    struct cs_tree *t = tree;
    return cs_tiles_node(&t->tiles, &t->from, height, index, out);
}

CS_RESULT cs_tree_tile(struct cs_tree *t, unsigned level, uint64_t n, const struct cs_sha256 **out)
{
    return cs_tiles_get(&t->tiles, &t->from, level, n, out);
}

CS_RESULT cs_tree_entry(struct cs_tree *t, uint64_t seq, struct cs_arena *arena, struct cs_span *out)
{
    sqlite3_stmt *s = t->from.entry;
    cs_bind_u64(s, 1, seq);
    int rc = sqlite3_step(s);
    struct cs_span there = rc == SQLITE_ROW ? cs_column_span(s, 0) : cs_span_of(NULL, 0);
    struct cs_span copy = cs_arena_span(arena, there);
    bool whole = copy.len == there.len;
    (void)sqlite3_reset(s);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? CS_ERR(NOT_FOUND) : CS_ERR(STORE);
    if (!whole)
        return CS_ERR(NO_MEMORY);
    *out = copy;
    return CS_OK;
}

CS_RESULT cs_tree_checkpoint(struct cs_tree *t, struct cs_arena *arena, struct cs_span *out_note)
{
    CS_AUTO_BUF struct cs_buf note = { 0 };
    uint64_t size = 0;
    if (sqlite3_step(t->checkpoint) == SQLITE_ROW) {
        struct cs_span first = cs_column_span(t->checkpoint, 1);
        size = cs_column_u64(t->checkpoint, 0);
        cs_buf_put(&note, first.at, first.len);
    }
    (void)sqlite3_reset(t->checkpoint);
    if (size == 0)
        return CS_ERR(NOT_FOUND);
    while (sqlite3_step(t->cosignatures) == SQLITE_ROW) {
        struct cs_span line = cs_column_span(t->cosignatures, 1);
        if (cs_column_u64(t->cosignatures, 0) == size)
            cs_buf_put(&note, line.at, line.len);
    }
    (void)sqlite3_reset(t->cosignatures);
    if (note.failed)
        return CS_ERR(NO_MEMORY);
    struct cs_span copy = cs_arena_span(arena, cs_buf_span(&note));
    if (copy.len != note.len)
        return CS_ERR(NO_MEMORY);
    *out_note = copy;
    return CS_OK;
}
