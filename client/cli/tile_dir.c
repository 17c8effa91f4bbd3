#include "client/cli/tile_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/cli/cli.h"
#include "proto/canonical.h"
#include "proxy/base/io.h"
#include "proxy/tlog/tile.h"

typedef unsigned long long ull;

enum { BUNDLE_MAX_LEN = CS_TILE_WIDTH * (2 + CS_LEDGER_ENTRY_MAX_LEN), PROGRESS_EVERY_TILES = 16 };

struct reading {
    const char *dir;
    const struct cs_ledger_checks *checks;
    struct cs_note *note;
    struct cs_merkle tree;
    struct cs_tile_stack stack;
    struct cs_tile_dir_report report;
    struct cs_arena arena;
};

static cs_result bad(struct reading *r, const char *path, const char *what)
{
    cs_note_set(r->note, "%.200s/%s: %s", r->dir, path, what);
    return CS_ERR(STORE_CORRUPT);
}

static CS_RESULT read_in(struct reading *r, const char *path, size_t max, struct cs_buf *out)
{
    char whole[1024];
    if (snprintf(whole, sizeof whole, "%s/%s", r->dir, path) >= (int)sizeof whole)
        return CS_ERR(LIMIT);
    struct stat st;
    cs_buf_reset(out);
    if (stat(whole, &st) != 0)
        return bad(r, path, "is missing");
    return cs_read_file(whole, max, out, r->note);
}

static bool is_there(const struct reading *r, const char *path)
{
    char whole[1024];
    struct stat st;
    return snprintf(whole, sizeof whole, "%s/%s", r->dir, path) < (int)sizeof whole && stat(whole, &st) == 0;
}

/* ---- checkpoint ---- */

static CS_RESULT read_checkpoint(struct reading *r, struct cs_tlog_checkpoint *out)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_tlog_note n;
    struct cs_note why = { "" };
    CS_TRY(read_in(r, "checkpoint", CS_TLOG_NOTE_MAX_LEN, &text));
    if (!cs_ok(cs_tlog_checkpoint_open(cs_buf_span(&text), r->checks->log, &n, out, &why)))
        return bad(r, "checkpoint", why.text);
    out->origin = out->extensions = cs_span_of(NULL, 0); /* views of what is freed here */
    for (uint32_t i = 0; i < r->checks->n_witnesses; i++)
        if (cs_tlog_note_signed_by(&n, &r->checks->witness[i], NULL) != CS_TLOG_GOOD) {
            cs_note_set(r->note, "%.200s/checkpoint: no good cosignature of %s", r->dir,
                        r->checks->witness[i].name);
            return CS_ERR(STORE_CORRUPT);
        }
    return CS_OK;
}

/* ---- what stands beside the leaves of one tile ---- */

static CS_RESULT entries_hold(struct reading *r, uint64_t n, unsigned width, const struct cs_sha256 *leaf)
{
    char path[CS_TILE_PATH_MAX_LEN];
    CS_AUTO_BUF struct cs_buf bundle = { 0 };
    cs_tile_path(-1, n, width, path);
    CS_TRY(read_in(r, path, BUNDLE_MAX_LEN, &bundle));
    struct cs_span rest = cs_buf_span(&bundle), entry;
    for (unsigned i = 0; i < width; i++) {
        if (!cs_bundle_get(&rest, &entry))
            return bad(r, path, "ends before its last entry");
        struct cs_sha256 own = cs_merkle_leaf(entry);
        const ProtobufCMessage *m;
        ull seq = n * CS_TILE_WIDTH + i + 1;
        cs_arena_reset(&r->arena);
        if (!cs_span_eq(cs_sha256_span(&own), cs_sha256_span(&leaf[i])) ||
            !cs_ok(cs_proto_unpack(&countersign__ledger__v1__entry__descriptor, entry, &r->arena, &m)) ||
            ((const Countersign__Ledger__V1__Entry *)(const void *)m)->seq != seq) {
            cs_note_set(r->note, "%.200s/%s: entry %llu is not the one of its leaf", r->dir, path, seq);
            return CS_ERR(STORE_CORRUPT);
        }
    }
    return rest.len == 0 ? CS_OK : bad(r, path, "holds more than its entries");
}

static bool record_holds(struct cs_span line, uint64_t seq, const struct cs_sha256 *leaf)
{
    char hex[2 * CS_SHA256_LEN + 1];
    cs_hex(cs_sha256_span(leaf), hex);
    json_t *o = json_loadb((const char *)line.at, line.len, JSON_REJECT_DUPLICATES, NULL);
    const char *there = json_string_value(json_object_get(o, "leaf"));
    bool good = there != NULL && strcmp(there, hex) == 0 &&
                json_integer_value(json_object_get(o, "entry")) == (json_int_t)seq;
    json_decref(o);
    return good;
}

static CS_RESULT records_hold(struct reading *r, uint64_t n, unsigned width, const struct cs_sha256 *leaf)
{
    char path[80];
    CS_AUTO_BUF struct cs_buf text = { 0 };
    cs_record_path(n, width, path);
    CS_TRY(read_in(r, path, BUNDLE_MAX_LEN, &text));
    struct cs_span rest = cs_buf_span(&text);
    for (unsigned i = 0; i < width; i++) {
        const uint8_t *end = rest.len != 0 ? memchr(rest.at, '\n', rest.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - rest.at) : 0;
        uint64_t seq = n * CS_TILE_WIDTH + i + 1;
        if (end == NULL || !record_holds(cs_span_of(rest.at, len), seq, &leaf[i])) {
            cs_note_set(r->note, "%.200s/%s: record %llu is missing or names another leaf", r->dir, path,
                        (ull)seq);
            return CS_ERR(STORE_CORRUPT);
        }
        rest = cs_span_of(end + 1, rest.len - len - 1);
    }
    return rest.len == 0 ? CS_OK : bad(r, path, "holds more than its records");
}

/* ---- tiles ---- */

static CS_RESULT tile_is(struct reading *r, unsigned level, uint64_t n, unsigned width,
                         const struct cs_sha256 *want)
{
    char path[CS_TILE_PATH_MAX_LEN];
    CS_AUTO_BUF struct cs_buf tile = { 0 };
    cs_tile_path((int)level, n, width, path);
    CS_TRY(read_in(r, path, CS_TILE_LEN, &tile));
    return cs_span_eq(cs_buf_span(&tile), cs_span_of(want, width * sizeof *want))
               ? CS_OK
               : bad(r, path, "is not made of the tiles below it");
}

static CS_RESULT known_here(struct reading *r)
{
    for (uint32_t i = 0; i < r->checks->n_known; i++) {
        const struct cs_ledger_known *k = &r->checks->known[i];
        struct cs_sha256 root = cs_merkle_root(&r->tree);
        if (k->size == r->tree.size && !cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&k->root))) {
            cs_note_set(r->note, "forked: %.80s states another root for the first %llu entries", k->name,
                        (ull)k->size);
            return CS_ERR(STORE_CORRUPT);
        }
    }
    return CS_OK;
}

/* Level 0 tile n: its leaves go into the tree, and fill tiles above. */
static CS_RESULT leaves_of(struct reading *r, uint64_t n, unsigned width)
{
    char path[CS_TILE_PATH_MAX_LEN];
    CS_AUTO_BUF struct cs_buf tile = { 0 };
    struct cs_sha256 leaf[CS_TILE_WIDTH];
    cs_tile_path(0, n, width, path);
    CS_TRY(read_in(r, path, CS_TILE_LEN, &tile));
    if (tile.len != width * sizeof leaf[0])
        return bad(r, path, "has another size than its width needs");
    memcpy(leaf, tile.at, tile.len);
    for (unsigned i = 0; i < width; i++) {
        unsigned n_full = 0;
        cs_merkle_append(&r->tree, &leaf[i]);
        cs_tile_stack_add(&r->stack, &leaf[i], &n_full);
        for (unsigned level = 1; level < n_full; level++)
            CS_TRY(tile_is(r, level, (r->stack.size >> (8 * (level + 1))) - 1, CS_TILE_WIDTH,
                           r->stack.part[level]));
        CS_TRY(known_here(r));
    }
    if (r->report.has_entries)
        CS_TRY(entries_hold(r, n, width, leaf));
    if (r->report.has_records)
        CS_TRY(records_hold(r, n, width, leaf));
    return CS_OK;
}

static CS_RESULT verify_all(struct reading *r, cs_ledger_progress progress, void *ctx)
{
    struct cs_tlog_checkpoint c;
    CS_TRY(read_checkpoint(r, &c));
    r->report.has_entries = is_there(r, "tile/entries");
    r->report.has_records = is_there(r, "record");
    CS_TRY(known_here(r));
    for (uint64_t n = 0; n * CS_TILE_WIDTH < c.size; n++) {
        bool full = n < cs_tile_n_full(0, c.size);
        CS_TRY(leaves_of(r, n, full ? CS_TILE_WIDTH : cs_tile_partial(0, c.size)));
        if (progress != NULL && n % PROGRESS_EVERY_TILES == 0)
            progress(ctx, r->tree.size, c.size);
    }
    for (unsigned level = 1; level < CS_TILE_LEVELS; level++)
        if (cs_tile_partial(level, c.size) != 0)
            CS_TRY(tile_is(r, level, cs_tile_n_full(level, c.size), cs_tile_partial(level, c.size),
                           r->stack.part[level]));
    for (uint32_t i = 0; i < r->checks->n_known; i++)
        if (r->checks->known[i].size > c.size) {
            cs_note_set(r->note, "rolled back: %.80s states %llu entries, there are %llu",
                        r->checks->known[i].name, (ull)r->checks->known[i].size, (ull)c.size);
            return CS_ERR(STORE_CORRUPT);
        }
    r->report.size = c.size;
    r->report.root = cs_merkle_root(&r->tree);
    if (!cs_span_eq(cs_sha256_span(&r->report.root), cs_sha256_span(&c.root)))
        return bad(r, "checkpoint", "its root is not that of the tiles");
    if (progress != NULL)
        progress(ctx, c.size, c.size);
    return CS_OK;
}

CS_RESULT cs_tile_dir_verify(const char *dir, const struct cs_ledger_checks *checks,
                             cs_ledger_progress progress, void *ctx, struct cs_tile_dir_report *out,
                             struct cs_note *note)
{
    struct reading *r = calloc(1, sizeof *r);
    if (r == NULL)
        return CS_ERR(NO_MEMORY);
    r->dir = dir;
    r->checks = checks;
    r->note = note;
    cs_result result = verify_all(r, progress, ctx);
    if (cs_ok(result))
        *out = r->report;
    cs_arena_done(&r->arena);
    free(r);
    return result;
}
