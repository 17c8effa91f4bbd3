#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/ledger/tiles.h"

static const char *const statement_sql[CS_SQL_COUNT] = {
#define X(name, sql) [CS_SQL_##name] = sql,
    CS_STATEMENTS(X)
#undef X
};

static CS_RESULT sync_folder_of(const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return CS_ERR(NO_MEMORY);
    CS_AUTO_FD int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    return fd >= 0 && fsync(fd) == 0 ? CS_OK : CS_ERR(IO);
}

/* The mode is set, not left to the umask. The descriptor is closed before SQLite takes its locks:
 * closing any descriptor of a file drops the process's POSIX locks on it. */
static CS_RESULT make_file(const char *path, struct cs_note *note)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return CS_OK;
    bool made = fd >= 0 && fchmod(fd, 0600) == 0;
    int why = errno;
    if (fd >= 0)
        (void)close(fd);
    if (!made) {
        cs_note_set(note, "ledger %s: cannot create: %s", path, strerror(why));
        return CS_ERR(IO);
    }
    return sync_folder_of(path);
}

/* One more name for the file would be one more lock file: two gates could then miss each other. */
static CS_RESULT check_file(const char *path, struct cs_note *note)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        cs_note_set(note, "ledger %s: %s", path, strerror(errno));
        return CS_ERR(IO);
    }
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        cs_note_set(note, "ledger %s: needed a regular file with one name, there is mode %o with %lu names",
                    path, (unsigned)st.st_mode, (unsigned long)st.st_nlink);
        return CS_ERR(ARGUMENT);
    }
    return CS_OK;
}

/* The lock is on a file of its own, see make_file; it goes with the descriptor, also at kill -9. */
static CS_RESULT take_lock(const char *path, int *out_fd, struct cs_note *note)
{
    char name[PATH_MAX + 8];
    (void)snprintf(name, sizeof name, "%s-lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        cs_note_set(note,
                    errno == EWOULDBLOCK ? "ledger %s: another process has it open (%s is locked): %s"
                                         : "ledger %s: cannot lock %s: %s",
                    path, name, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return CS_ERR(STORE);
    }
    *out_fd = fd;
    return CS_OK;
}

static CS_RESULT run(struct cs_ledger *l, const char *sql, const char *needed, struct cs_note *note)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(l->db, sql, -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    bool fits = rc == SQLITE_DONE ||
                (rc == SQLITE_ROW && (needed == NULL || cs_span_is(cs_column_span(s, 0), needed)));
    cs_result r = CS_OK;
    if (!fits) {
        r = cs_store_error(l, sql);
        cs_note_set(note, "%s", l->trouble.text);
    }
    (void)sqlite3_finalize(s);
    return r;
}

static CS_RESULT set_up(struct cs_ledger *l, struct cs_note *note)
{
    (void)sqlite3_extended_result_codes(l->db, 0);
    (void)sqlite3_busy_timeout(l->db, 2000); /* a reader that recovers the log may hold it for a moment */
    (void)sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(l->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    CS_TRY(run(l, "PRAGMA journal_mode = WAL", "wal", note));
    CS_TRY(run(l, "PRAGMA synchronous = FULL", NULL, note));
    CS_TRY(run(l, "PRAGMA wal_autocheckpoint = 0", "0", note));
    CS_TRY(run(l, "PRAGMA temp_store = MEMORY", NULL, note));
    CS_TRY(run(l, "PRAGMA cache_size = -65536", NULL, note));
    CS_TRY(run(l, "PRAGMA cell_size_check = ON", NULL, note));
    return CS_OK;
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int wal_pages)
{
    (void)db;
    (void)name;
    ((struct cs_ledger *)arg)->wal_pages = wal_pages;
    return SQLITE_OK;
}

static CS_RESULT prepare(struct cs_ledger *l, const char *sql, unsigned flags, sqlite3_stmt **out)
{
    if (sqlite3_prepare_v3(l->db, sql, -1, flags, out, NULL) != SQLITE_OK)
        return cs_store_error(l, sql);
    return CS_OK;
}

/* ---- what was there ---- */

static CS_RESULT contradiction(struct cs_note *note, const char *what)
{
    cs_note_set(note, "ledger: %s; run verify on a copy", what);
    return CS_ERR(STORE_CORRUPT);
}

static CS_RESULT read_head(struct cs_ledger *l, sqlite3_stmt *s, struct cs_mark *out,
                           struct cs_sha256 *out_root, bool *out_row, struct cs_note *note)
{
    CS_TRY(cs_query_step(l, s, out_row));
    struct cs_mark m = { .n_heads = 0 };
    *out_root = cs_merkle_root(&m.tree);
    if (*out_row) {
        if (!cs_ok(cs_merkle_restore(&m.tree, cs_column_u64(s, 1), cs_column_span(s, 7))) ||
            !cs_column_sha256(s, 5, &m.puts) || !cs_column_sha256(s, 6, out_root))
            return contradiction(note, "the last head is malformed");
        m.n_heads = cs_column_u64(s, 0);
        m.last_unix_us = sqlite3_column_int64(s, 2);
        m.n_open = cs_column_u64(s, 3);
        m.n_puts = cs_column_u64(s, 4);
    }
    *out = m;
    return CS_OK;
}

static CS_RESULT number_of(struct cs_ledger *l, const char *sql, uint64_t *out)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    CS_TRY(prepare(l, sql, 0, &s));
    cs_result r = cs_query_step(l, s, &row);
    *out = row ? cs_column_u64(s, 0) : 0;
    (void)sqlite3_finalize(s);
    return r;
}

/* The last head must follow from the one before and the entries between them. */
static CS_RESULT check_last_turn(struct cs_ledger *l, const struct cs_mark *before,
                                 const struct cs_mark *last, struct cs_note *note)
{
    struct cs_merkle tree = before->tree;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const Countersign__Ledger__V1__Entry *e = NULL;
    for (uint64_t seq = tree.size + 1; seq <= last->tree.size; seq++) {
        struct cs_span bytes;
        cs_arena_reset(&arena);
        if (!cs_ok(cs_ledger_entry_get(l, seq, &arena, &bytes)) ||
            !cs_ok(cs_entry_unpack(bytes, &arena, &e)) || e->seq != seq)
            return contradiction(note, "an entry of the last turn is missing or malformed");
        struct cs_sha256 leaf = cs_merkle_leaf(bytes);
        cs_merkle_append(&tree, &leaf);
    }
    if (e != NULL && e->time_unix_us != last->last_unix_us)
        return contradiction(note, "the last head does not carry the time of the last entry");
    if (tree.size != last->tree.size || !cs_span_eq(cs_merkle_peaks(&tree), cs_merkle_peaks(&last->tree)))
        return contradiction(note, "the last head does not fit the last entries");
    return CS_OK;
}

static CS_RESULT restore(struct cs_ledger *l, struct cs_note *note)
{
    sqlite3_stmt *s = NULL;
    struct cs_mark last = { 0 }, before = { 0 };
    struct cs_sha256 root = { 0 }, root_before;
    bool has_last = false, has_before = false;
    CS_TRY(prepare(l, CS_SQL_LAST_HEADS, 0, &s));
    cs_result r = read_head(l, s, &last, &root, &has_last, note);
    if (cs_ok(r) && has_last)
        r = read_head(l, s, &before, &root_before, &has_before, note);
    (void)sqlite3_finalize(s);
    CS_TRY(r);
    uint64_t last_seq = 0, last_put = 0;
    CS_TRY(number_of(l, CS_SQL_LAST_SEQ, &last_seq));
    CS_TRY(number_of(l, CS_SQL_LAST_PUT, &last_put));
    struct cs_sha256 own = cs_merkle_root(&last.tree);
    if (last.tree.size != last_seq || last.n_puts != last_put ||
        !cs_span_eq(cs_sha256_span(&own), cs_sha256_span(&root)) || last.n_heads != before.n_heads + has_last)
        return contradiction(note, "the last head does not fit the tables");
    CS_TRY(check_last_turn(l, &before, &last, note));
    l->now = l->kept = last;
    l->head = (struct cs_ledger_head){ last.tree.size, root, last.last_unix_us };
    int64_t now_unix_us = cs_clock_unix_us();
    if (now_unix_us < last.last_unix_us) {
        cs_note_set(note, "ledger: the clock says %lld us, the last entry %lld us: set the clock right",
                    (long long)now_unix_us, (long long)last.last_unix_us);
        return CS_ERR(CLOCK_BACK);
    }
    return CS_OK;
}

static CS_RESULT fill_filter(struct cs_ledger *l, enum cs_lookup kind, const char *sql)
{
    sqlite3_stmt *s = NULL;
    struct cs_filter *f = kind >= CS_LOOKUP_STATEMENT ? &l->by_put : &l->by_seq;
    CS_TRY(prepare(l, sql, 0, &s));
    cs_result r = CS_OK;
    for (bool row = true; row && cs_ok(r);) {
        r = cs_query_step(l, s, &row);
        if (!cs_ok(r) || !row)
            break;
        struct cs_filter_key k = cs_filter_key(kind, cs_column_span(s, 1), cs_column_span(s, 2));
        uint64_t number = cs_column_u64(s, 0);
        /* a number that no head counts would take memory at will */
        r = number <= (f == &l->by_seq ? l->kept.tree.size : l->kept.n_puts) ? cs_filter_put(f, number, &k)
                                                                             : CS_ERR(STORE_CORRUPT);
    }
    (void)sqlite3_finalize(s);
    return r;
}

CS_RESULT cs_ledger_fill_filters(struct cs_ledger *l)
{
#define X(kind, sql) CS_TRY(fill_filter(l, CS_LOOKUP_##kind, sql));
    CS_FILTER_SOURCES(X)
#undef X
    return CS_OK;
}

static CS_RESULT open_all(struct cs_ledger *l, const char *path, struct cs_note *note)
{
    CS_TRY(take_lock(path, &l->lock_fd, note));
    l->encoded = malloc(CS_LEDGER_ENTRY_MAX_LEN);
    l->known = calloc(CS_KNOWN_SLOTS, sizeof *l->known);
    l->tiles = calloc(1, sizeof *l->tiles);
    if (l->encoded == NULL || l->known == NULL || l->tiles == NULL)
        return CS_ERR(NO_MEMORY);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (sqlite3_open_v2(path, &l->db, flags, NULL) != SQLITE_OK) {
        cs_note_set(note, "ledger %s: %s", path, l->db != NULL ? sqlite3_errmsg(l->db) : "no memory");
        return CS_ERR(STORE);
    }
    bool empty = false;
    CS_TRY(cs_schema_check(l->db, &empty, note)); /* before anything is written: it may not be ours */
    CS_TRY(set_up(l, note));
    if (empty)
        CS_TRY(cs_schema_create(l->db, note));
    (void)sqlite3_wal_hook(l->db, on_commit, l);
    for (int i = 0; i < CS_SQL_COUNT; i++)
        CS_TRY(prepare(l, statement_sql[i], SQLITE_PREPARE_PERSISTENT, &l->statement[i]));
    CS_TRY(restore(l, note));
    CS_TRY(cs_ledger_tiles_open(l, note));
    CS_TRY(cs_ledger_fill_filters(l));
    return cs_checkpointer_init(&l->checkpointer, path, note);
}

CS_RESULT cs_ledger_open(const char *path, struct cs_ledger **out, struct cs_note *note)
{
    cs_note_set(note, "%s", "");
    /* SQLite's memory statistics cost a lock at each allocation, 6 % of an append. Refused, without
     * harm, when SQLite is in use already. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    CS_TRY(make_file(path, note));
    CS_TRY(check_file(path, note));
    char *full = realpath(path, NULL);
    struct cs_ledger *l = calloc(1, sizeof *l);
    cs_result r = CS_ERR(NO_MEMORY);
    if (full != NULL && l != NULL) {
        l->lock_fd = -1;
        r = open_all(l, full, note);
    }
    if (!cs_ok(r) && note != NULL && note->text[0] == 0)
        cs_note_set(note, "ledger %s: %s", path,
                    l != NULL && l->trouble.text[0] != 0 ? l->trouble.text : cs_result_text(r));
    free(full);
    if (!cs_ok(r)) {
        cs_ledger_close(l);
        return r;
    }
    *out = l;
    return CS_OK;
}

void cs_ledger_close(struct cs_ledger *l)
{
    if (l == NULL)
        return;
    cs_checkpointer_done(&l->checkpointer);
    for (int i = 0; i < CS_SQL_COUNT; i++)
        (void)sqlite3_finalize(l->statement[i]);
    (void)sqlite3_close(l->db); /* takes an open transaction back, and empties the log */
    if (l->lock_fd >= 0)
        (void)close(l->lock_fd);
    free(l->intent);
    free(l->encoded);
    free(l->known);
    free(l->tiles);
    cs_filter_done(&l->by_seq);
    cs_filter_done(&l->by_put);
    free(l);
}
