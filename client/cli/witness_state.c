#include "client/cli/witness_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "proxy/base/io.h"

enum { PATH_MAX_LEN = 4096 };

CS_RESULT cs_witness_add_log(struct cs_witness_state *w, struct cs_span vkey, struct cs_note *note)
{
    struct cs_witness_log log = { .root = cs_merkle_root(&(struct cs_merkle){ 0 }) };
    CS_TRY(cs_tlog_vkey_parse(vkey, &log.key, note));
    if (log.key.type != CS_TLOG_ED25519) {
        cs_note_set(note, "%s: the key of a witness; needed: a log's, of type 01", log.key.name);
        return CS_ERR(ARGUMENT);
    }
    for (uint32_t i = 0; i < w->n_logs; i++)
        if (strcmp(w->log[i].key.name, log.key.name) == 0) {
            cs_note_set(note, "%s: given twice", log.key.name);
            return CS_ERR(ARGUMENT);
        }
    if (w->n_logs == CS_WITNESS_LOGS_MAX) {
        cs_note_set(note, "more than %d logs", (int)CS_WITNESS_LOGS_MAX);
        return CS_ERR(ARGUMENT);
    }
    struct cs_sha256 origin = cs_sha256(cs_span_str(log.key.name));
    cs_hex(cs_sha256_span(&origin), log.hex);
    w->log[w->n_logs++] = log;
    return CS_OK;
}

static CS_RESULT path_of(const struct cs_witness_state *w, const struct cs_witness_log *log,
                         char out[PATH_MAX_LEN], struct cs_note *note)
{
    if (snprintf(out, PATH_MAX_LEN, "%s/%s.checkpoint", w->dir, log->hex) < PATH_MAX_LEN)
        return CS_OK;
    cs_note_set(note, "the path of the folder is too long");
    return CS_ERR(LIMIT);
}

static CS_RESULT read_log(struct cs_witness_state *w, struct cs_witness_log *log, struct cs_note *note)
{
    char path[PATH_MAX_LEN];
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    struct cs_note why = { "" };
    uint64_t unix_s;
    CS_TRY(path_of(w, log, path, note));
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return CS_OK;
    CS_TRY(cs_read_file(path, CS_TLOG_NOTE_MAX_LEN, &log->note, note));
    cs_result r = cs_tlog_checkpoint_open(cs_buf_span(&log->note), &log->key, &n, &c, &why);
    if (!cs_ok(r) || cs_tlog_note_signed_by(&n, &w->signer.key, &unix_s) != CS_TLOG_GOOD) {
        cs_note_set(note, "%.300s: not a checkpoint of %.100s that %.100s cosigned", path, log->key.name,
                    w->signer.key.name);
        return CS_ERR(STORE_CORRUPT);
    }
    log->size = c.size;
    log->root = c.root;
    return CS_OK;
}

CS_RESULT cs_witness_open(struct cs_witness_state *w, const char *dir, struct cs_note *note)
{
    w->dir = dir;
    w->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->dir_fd < 0) {
        cs_note_set(note, "%s: %s", dir, strerror(errno));
        return CS_ERR(IO);
    }
    w->lock_fd = openat(w->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (w->lock_fd < 0 || flock(w->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        bool taken = w->lock_fd >= 0 && errno == EWOULDBLOCK;
        cs_note_set(note, "%s/lock: %s", dir,
                    taken ? "another witness keeps its state here" : strerror(errno));
        return taken ? CS_ERR(EXISTS) : CS_ERR(IO);
    }
    for (uint32_t i = 0; i < w->n_logs; i++)
        CS_TRY(read_log(w, &w->log[i], note));
    return CS_OK;
}

void cs_witness_done(struct cs_witness_state *w)
{
    for (uint32_t i = 0; i < w->n_logs; i++)
        cs_buf_done(&w->log[i].note);
    cs_tlog_signer_done(&w->signer);
    if (w->lock_fd >= 0)
        (void)close(w->lock_fd);
    if (w->dir_fd >= 0)
        (void)close(w->dir_fd);
}

static void line_put(struct cs_buf *out, const struct cs_tlog_line *line)
{
    cs_buf_put_str(out, "\xe2\x80\x94 ");
    cs_buf_put(out, line->name.at, line->name.len);
    cs_buf_put_str(out, " ");
    cs_buf_put(out, line->signature.at, line->signature.len);
    cs_buf_put_str(out, "\n");
}

/* Text, the log's line and ours; lines of others are not ours to keep. Durable when it returns. */
static CS_RESULT keep(struct cs_witness_state *w, struct cs_witness_log *log, const struct cs_tlog_note *n,
                      const struct cs_tlog_checkpoint *c, struct cs_span line)
{
    CS_AUTO_BUF struct cs_buf note = { .max = CS_TLOG_NOTE_MAX_LEN };
    char path[PATH_MAX_LEN];
    struct cs_note why = { "" };
    cs_buf_put(&note, n->text.at, n->text.len);
    cs_buf_put_str(&note, "\n");
    for (uint32_t i = 0; i < n->n_lines; i++)
        if (n->line[i].id == log->key.id && cs_span_is(n->line[i].name, log->key.name)) {
            line_put(&note, &n->line[i]);
            break;
        }
    cs_buf_put(&note, line.at, line.len);
    CS_TRY(cs_buf_end(&note));
    CS_TRY(path_of(w, log, path, &why));
    CS_TRY(cs_write_file(path, cs_buf_span(&note), 0644, &why));
    if (fsync(w->dir_fd) != 0) /* the rename, too */
        return CS_ERR(IO);
    struct cs_buf old = log->note;
    log->note = note;
    note = old;
    log->size = c->size;
    log->root = c->root;
    return CS_OK;
}

static struct cs_witness_log *log_of(struct cs_witness_state *w, struct cs_span origin)
{
    for (uint32_t i = 0; i < w->n_logs; i++)
        if (cs_span_is(origin, w->log[i].key.name))
            return &w->log[i];
    return NULL;
}

unsigned cs_witness_judge(struct cs_witness_state *w, struct cs_span body, uint64_t now_unix_s,
                          struct cs_buf *out, const struct cs_witness_log **out_log)
{
    struct cs_tlog_add add;
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    uint64_t ignored;
    *out_log = NULL;
    if (!cs_ok(cs_tlog_add_parse(body, &add)) || !cs_ok(cs_tlog_note_parse(add.checkpoint, &n)) ||
        !cs_ok(cs_tlog_checkpoint_parse(n.text, &c)))
        return 400;
    struct cs_witness_log *log = log_of(w, c.origin);
    if (log == NULL)
        return 404;
    *out_log = log;
    if (cs_tlog_note_signed_by(&n, &log->key, &ignored) != CS_TLOG_GOOD)
        return 403;
    if (add.old_size > c.size)
        return 400;
    if (add.old_size != log->size) {
        cs_buf_printf(out, "%llu\n", (unsigned long long)log->size);
        return out->failed ? 500 : 409;
    }
    if (!cs_tlog_consistency_holds(&add.proof, log->size, c.size, &log->root, &c.root))
        return 422;
    CS_AUTO_BUF struct cs_buf line = { 0 };
    if (!cs_ok(cs_tlog_note_sign(&w->signer, n.text, now_unix_s, &line)) ||
        !cs_ok(keep(w, log, &n, &c, cs_buf_span(&line))))
        return 500;
    cs_buf_put(out, line.at, line.len);
    return out->failed ? 500 : 200;
}

const struct cs_witness_log *cs_witness_at_path(const struct cs_witness_state *w, const char *path)
{
    for (uint32_t i = 0; i < w->n_logs; i++) {
        size_t len = strlen(w->log[i].hex);
        if (path[0] == '/' && strncmp(path + 1, w->log[i].hex, len) == 0 &&
            strcmp(path + 1 + len, "/checkpoint") == 0)
            return &w->log[i];
    }
    return NULL;
}
