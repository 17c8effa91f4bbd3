/*
 * The module's log: one JSON object a line, to a file or to standard error, where only warnings go. A
 * line is one write; it never raises SIGPIPE in the host.
 */
#ifndef CS_CLIENT_PKCS11_NOTE_H
#define CS_CLIENT_PKCS11_NOTE_H

#include "client/lib/countersign.h"
#include "proxy/base/bytes.h"

struct cs_p11_log {
    int fd; /* -1: nowhere */
    bool owned;
    bool warnings_only;
};

/* What a line says; empty fields are left out. */
struct cs_p11_line {
    bool warning;
    const char *event; /* "signed", "refused", "failed", "ignored" */
    struct cs_span key_id, request_id;
    const char *outcome;                     /* gRPC status or CKR name */
    const struct countersign_answer *answer; /* ledger entry and reasons, or NULL */
    const char *text;                        /* for people */
};

/* cs_p11_log_open opens where: NULL or "stderr", "none", or a file to append to (0600 when made). */
CS_RESULT cs_p11_log_open(struct cs_p11_log *l, const char *where, struct cs_note *note);
void cs_p11_log_close(struct cs_p11_log *l);
void cs_p11_log_put(const struct cs_p11_log *l, const struct cs_p11_line *line);

#endif
