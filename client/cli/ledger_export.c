/* ledger export: a folder of tiles that any static web server publishes. Files appear whole or not at all,
 * the checkpoint last, so that whoever reads beside an export finds every tile that it stands for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/cli/ledger_progress.h"
#include "client/cli/tile_dir.h"
#include "client/cli/tree.h"
#include "proto/canonical.h"
#include "proxy/base/io.h"
#include "proxy/ledger/tree.h"

typedef unsigned long long ull;

const struct cs_option cs_options_ledger_export[] = {
    { "ledger", "FILE", "the ledger", CS_OPT_REQUIRED },
    { "out", "DIR", "folder of the tiles; an earlier export there goes on", CS_OPT_REQUIRED },
    { "public", NULL, "no entries, but a redacted record of each", CS_OPT_SWITCH },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

struct writing {
    struct cs_cli *cli;
    struct cs_tree *tree;
    const char *dir;
    bool is_public;
    uint64_t size; /* of the checkpoint */
    uint64_t n_written, n_kept;
    struct cs_note note;
};

static CS_RESULT whole_path(struct writing *w, const char *path, char out[1024])
{
    if (snprintf(out, 1024, "%s/%s", w->dir, path) < 1024)
        return CS_OK;
    cs_note_set(&w->note, "--out: the path is too long");
    return CS_ERR(ARGUMENT);
}

/* Every folder above the file. */
static CS_RESULT make_folders(struct writing *w, char *whole)
{
    for (char *slash = strchr(whole + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int made = mkdir(whole, 0755);
        bool good = made == 0 || errno == EEXIST;
        if (!good)
            cs_note_set(&w->note, "%.400s: %s", whole, strerror(errno));
        *slash = '/';
        if (!good)
            return CS_ERR(IO);
    }
    return CS_OK;
}

static CS_RESULT put(struct writing *w, const char *path, struct cs_span bytes)
{
    char whole[1024];
    CS_TRY(whole_path(w, path, whole));
    CS_TRY(make_folders(w, whole));
    CS_TRY(cs_write_file(whole, bytes, 0644, &w->note));
    w->n_written++;
    return CS_OK;
}

/* A full tile or bundle never changes again: one that is there stays. len 0: any size but none. */
static bool is_kept(struct writing *w, const char *path, size_t len)
{
    char whole[1024];
    struct stat st;
    if (!cs_ok(whole_path(w, path, whole)) || stat(whole, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    bool kept = len != 0 ? (size_t)st.st_size == len : st.st_size > 0;
    w->n_kept += kept;
    return kept;
}

static CS_RESULT put_tile(struct writing *w, unsigned level, uint64_t n, unsigned width)
{
    char path[CS_TILE_PATH_MAX_LEN];
    const struct cs_sha256 *hashes = NULL;
    cs_tile_path((int)level, n, width, path);
    if (is_kept(w, path, width * sizeof *hashes) && width == CS_TILE_WIDTH)
        return CS_OK;
    CS_TRY(cs_tree_tile(w->tree, level, n, &hashes));
    return put(w, path, cs_span_of(hashes, width * sizeof *hashes));
}

static CS_RESULT put_one(struct writing *w, struct cs_span entry, struct cs_arena *arena, struct cs_buf *out)
{
    const ProtobufCMessage *m;
    if (!w->is_public)
        return cs_bundle_put(out, entry);
    struct cs_sha256 leaf = cs_merkle_leaf(entry);
    if (!cs_ok(cs_proto_unpack(&countersign__ledger__v1__entry__descriptor, entry, arena, &m)))
        return CS_ERR(STORE_CORRUPT);
    return cs_record_put(out, (const Countersign__Ledger__V1__Entry *)(const void *)m, &leaf);
}

static CS_RESULT put_entries(struct writing *w, uint64_t n, unsigned width)
{
    char path[80];
    CS_AUTO_BUF struct cs_buf out = { 0 };
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    if (w->is_public)
        cs_record_path(n, width, path);
    else
        cs_tile_path(-1, n, width, path);
    if (is_kept(w, path, 0) && width == CS_TILE_WIDTH)
        return CS_OK;
    for (unsigned i = 0; i < width; i++) {
        struct cs_span entry;
        cs_arena_reset(&arena);
        cs_result r = cs_tree_entry(w->tree, n * CS_TILE_WIDTH + i + 1, &arena, &entry);
        if (cs_ok(r))
            r = put_one(w, entry, &arena, &out);
        if (!cs_ok(r)) {
            cs_note_set(&w->note, "entry %llu cannot be read: %s", (ull)(n * CS_TILE_WIDTH + i + 1),
                        cs_result_text(r));
            return r;
        }
    }
    return put(w, path, cs_buf_span(&out));
}

/* An export never goes back: what an earlier one stated must be true of this ledger. */
static CS_RESULT check_earlier(struct writing *w, struct cs_span origin)
{
    char whole[1024];
    struct stat st;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    struct cs_sha256 root;
    CS_TRY(whole_path(w, w->is_public ? "tile/entries" : "record", whole));
    if (stat(whole, &st) == 0) {
        cs_note_set(&w->note, "%.400s: is there: this folder is of a%s export", whole,
                    w->is_public ? " full" : " public");
        return CS_ERR(ARGUMENT);
    }
    CS_TRY(whole_path(w, "checkpoint", whole));
    if (stat(whole, &st) != 0)
        return CS_OK;
    CS_TRY(cs_read_file(whole, CS_TLOG_NOTE_MAX_LEN, &text, &w->note));
    bool same = cs_ok(cs_tlog_note_parse(cs_buf_span(&text), &n)) &&
                cs_ok(cs_tlog_checkpoint_parse(n.text, &c)) && cs_span_eq(c.origin, origin) &&
                c.size <= w->size && cs_ok(cs_tlog_root(cs_tree_node, w->tree, c.size, &root)) &&
                cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&c.root));
    if (same)
        return CS_OK;
    cs_note_set(&w->note, "%.400s: is of another log, or states what this ledger no longer holds", whole);
    return CS_ERR(STORE_CORRUPT);
}

static CS_RESULT write_all(struct writing *w, struct cs_span checkpoint)
{
    uint64_t n_bundles = (w->size + CS_TILE_WIDTH - 1) / CS_TILE_WIDTH;
    for (uint64_t n = 0; n < n_bundles; n++) {
        unsigned width = n < cs_tile_n_full(0, w->size) ? CS_TILE_WIDTH : cs_tile_partial(0, w->size);
        CS_TRY(put_entries(w, n, width));
        CS_TRY(put_tile(w, 0, n, width));
        if (w->cli->progress && n % 16 == 0)
            cs_cli_progress(w->cli, n, n_bundles);
    }
    for (unsigned level = 1; level < CS_TILE_LEVELS; level++) {
        for (uint64_t n = 0; n < cs_tile_n_full(level, w->size); n++)
            CS_TRY(put_tile(w, level, n, CS_TILE_WIDTH));
        if (cs_tile_partial(level, w->size) != 0)
            CS_TRY(put_tile(w, level, cs_tile_n_full(level, w->size), cs_tile_partial(level, w->size)));
    }
    CS_TRY(put(w, "checkpoint", checkpoint));
    if (w->cli->progress)
        cs_cli_progress(w->cli, n_bundles, n_bundles);
    return CS_OK;
}

static CS_RESULT export_to(struct writing *w, const char *ledger)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_span checkpoint;
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    CS_TRY(cs_tree_open(ledger, &w->tree, &w->note));
    cs_result r = cs_tree_checkpoint(w->tree, &arena, &checkpoint);
    if (cs_is(r, CS_NUM_NOT_FOUND))
        cs_note_set(&w->note, "%.400s: no checkpoint is signed; the gate needs a ledger_key", ledger);
    CS_TRY(r);
    if (!cs_ok(cs_tlog_note_parse(checkpoint, &n)) || !cs_ok(cs_tlog_checkpoint_parse(n.text, &c)) ||
        c.size > cs_tree_size(w->tree)) {
        cs_note_set(&w->note, "%.400s: its last checkpoint does not fit it; run ledger verify", ledger);
        return CS_ERR(STORE_CORRUPT);
    }
    w->size = c.size;
    CS_TRY(check_earlier(w, c.origin));
    return write_all(w, checkpoint);
}

int cs_cmd_ledger_export(struct cs_cli *cli, const struct cs_args *args)
{
    const char *ledger = cs_arg_get(args, "ledger");
    struct writing w = { .cli = cli,
                         .dir = cs_arg_get(args, "out"),
                         .is_public = cs_arg_has(args, "public") };
    cs_result r = export_to(&w, ledger);
    cs_tree_close(w.tree);
    if (!cs_ok(r)) {
        enum cs_exit code = cs_is(r, CS_NUM_STORE_CORRUPT)   ? CS_EXIT_REFUSED
                            : cs_class(r) == CS_CLASS_CALLER ? CS_EXIT_USAGE
                                                             : CS_EXIT_UNREACHABLE;
        return cs_cli_fail(cli, code, "%s", w.note.text[0] != 0 ? w.note.text : cs_result_text(r));
    }
    return cs_cli_data(cli, cs_arg_has(args, "json"),
                       json_pack("{s:I, s:s, s:I, s:I}", "entries", (json_int_t)w.size, "view",
                                 w.is_public ? "public" : "full", "written", (json_int_t)w.n_written, "kept",
                                 (json_int_t)w.n_kept),
                       CS_EXIT_DONE);
}
