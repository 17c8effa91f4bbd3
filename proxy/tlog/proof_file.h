/*
 * Proofs as text: the file of C2SP tlog-proof (.tlog-proof) and the body of a witness's add-checkpoint
 * request. Both end in a checkpoint, which is parsed elsewhere (checkpoint.h).
 */
#ifndef CS_TLOG_PROOF_FILE_H
#define CS_TLOG_PROOF_FILE_H

#include "proxy/tlog/proof.h"

enum { CS_TLOG_PROOF_FILE_MAX_LEN = 256 * 1024, CS_TLOG_EXTRA_MAX_LEN = 64 * 1024 };

struct cs_tlog_proof_file {
    uint64_t index;
    struct cs_span extra; /* base64 text; empty without the line */
    struct cs_tlog_proof proof;
    struct cs_span checkpoint; /* signed note, not yet parsed */
};

/* FORM, LIMIT. The views are of the parsed bytes. */
CS_RESULT cs_tlog_proof_file_parse(struct cs_span bytes, struct cs_tlog_proof_file *out);
void cs_tlog_proof_file_put(struct cs_buf *out, uint64_t index, const struct cs_tlog_proof *proof,
                            struct cs_span checkpoint);

struct cs_tlog_add {
    uint64_t old_size;
    struct cs_tlog_proof proof;
    struct cs_span checkpoint;
};
CS_RESULT cs_tlog_add_parse(struct cs_span body, struct cs_tlog_add *out);
void cs_tlog_add_put(struct cs_buf *out, uint64_t old_size, const struct cs_tlog_proof *proof,
                     struct cs_span checkpoint);

#endif
