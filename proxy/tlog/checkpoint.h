/*
 * Checkpoint (C2SP tlog-checkpoint): the text of a note that states the size and root of a log.
 */
#ifndef CS_TLOG_CHECKPOINT_H
#define CS_TLOG_CHECKPOINT_H

#include "proxy/base/digest.h"
#include "proxy/tlog/note.h"

struct cs_tlog_checkpoint {
    struct cs_span origin; /* view of the text */
    uint64_t size;
    struct cs_sha256 root;
    struct cs_span extensions; /* lines behind the root, each with its newline; usually empty */
};

/* cs_tlog_checkpoint_parse: FORM unless the text is an origin, a decimal size without leading zeros, a
 * root in strict base64, and nothing else but extension lines that are not empty; and unless the root of
 * size 0 is SHA-256(""). */
CS_RESULT cs_tlog_checkpoint_parse(struct cs_span text, struct cs_tlog_checkpoint *out);
/* cs_tlog_checkpoint_put appends the text. */
void cs_tlog_checkpoint_put(struct cs_buf *out, const char *origin, uint64_t size,
                            const struct cs_sha256 *root);
/* cs_tlog_checkpoint_sign appends a whole note: text, empty line, the signer's line. The signer's name
 * is the origin. */
CS_RESULT cs_tlog_checkpoint_sign(const struct cs_tlog_signer *s, uint64_t size, const struct cs_sha256 *root,
                                  struct cs_buf *out_note);
/* cs_tlog_checkpoint_open parses a note and its checkpoint and accepts it only with a good signature of
 * the log's key, whose name must be the origin. FORM with a note that says why. *out_note and *out view
 * the bytes. */
CS_RESULT cs_tlog_checkpoint_open(struct cs_span bytes, const struct cs_tlog_key *log,
                                  struct cs_tlog_note *out_note, struct cs_tlog_checkpoint *out,
                                  struct cs_note *note);

#endif
