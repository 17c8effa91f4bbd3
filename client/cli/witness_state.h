/*
 * A small witness (C2SP tlog-witness): the newest checkpoint of each log it knows, kept in a folder, and the
 * decision about the next one. It never goes back: what it has cosigned is on disk before it says so.
 */
#ifndef CS_CLIENT_CLI_WITNESS_STATE_H
#define CS_CLIENT_CLI_WITNESS_STATE_H

#include "proxy/tlog/checkpoint.h"
#include "proxy/tlog/proof_file.h"

enum { CS_WITNESS_LOGS_MAX = 32 };

struct cs_witness_log {
    struct cs_tlog_key key;          /* its name is the origin */
    char hex[2 * CS_SHA256_LEN + 1]; /* SHA-256 of the origin: name of its file, and of its path */
    uint64_t size;                   /* 0: nothing cosigned yet */
    struct cs_sha256 root;
    struct cs_buf note; /* the checkpoint with the log's line and ours */
};

struct cs_witness_state {
    const char *dir;
    int dir_fd, lock_fd; /* -1: not open */
    struct cs_tlog_signer signer;
    uint32_t n_logs;
    struct cs_witness_log log[CS_WITNESS_LOGS_MAX];
};

/* cs_witness_add_log takes a log; ARGUMENT with a note when its key is no log's or its origin is there. */
CS_RESULT cs_witness_add_log(struct cs_witness_state *w, struct cs_span vkey, struct cs_note *note);
/* cs_witness_open locks the folder (EXISTS: another witness has it) and reads what it holds; a file that is
 * not a checkpoint of its log refuses (STORE_CORRUPT). The note says which. */
CS_RESULT cs_witness_open(struct cs_witness_state *w, const char *dir, struct cs_note *note);
void cs_witness_done(struct cs_witness_state *w);

/* cs_witness_judge decides about the body of an add-checkpoint request and returns the HTTP status: 200 with
 * a cosignature line in *out, 409 with the size it has and a newline, else nothing in it: 400 malformed or
 * old above size, 403 not signed by the log, 404 unknown origin, 422 the proof or the root does not fit,
 * 500 the folder cannot be written. *out_log is NULL for an unknown one. */
unsigned cs_witness_judge(struct cs_witness_state *w, struct cs_span body, uint64_t now_unix_s,
                          struct cs_buf *out, const struct cs_witness_log **out_log);

/* The log whose path is "/<hex>/checkpoint"; NULL for any other path. */
const struct cs_witness_log *cs_witness_at_path(const struct cs_witness_state *w, const char *path);

#endif
