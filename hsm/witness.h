/*
 * Witness: the signer's own file with one line per signature that verified, independent of the
 * ledger: "seq issuer-id kind tbs-sha256-hex signature-sha256-hex unix_us\n". A line is one write(2)
 * on a descriptor opened for appending, so several signers may share a file.
 */
#ifndef CS_HSM_WITNESS_H
#define CS_HSM_WITNESS_H

#include "proxy/base/digest.h"
#include "proxy/ipc/messages.h"

struct cs_witness {
    int fd;      /* borrowed */
    bool dirty;  /* lines not yet forced to disk */
    bool failed; /* a line may be torn or missing: no signing with this file any more */
};

/* cs_witness_init refuses (CONFIG) a descriptor that is not open for appending. */
CS_RESULT cs_witness_init(struct cs_witness *w, int fd);

struct cs_witness_line {
    uint64_t seq;
    struct cs_span issuer; /* plain characters only (key.h) */
    enum cs_sign_kind kind;
    struct cs_sha256 tbs, signature;
    int64_t unix_us;
};
/* cs_witness_put writes one line; IO when it was not written whole, and on every later call. */
CS_RESULT cs_witness_put(struct cs_witness *w, const struct cs_witness_line *line);
/* cs_witness_sync forces the lines to disk; no work when there is nothing new. IO when that
 * failed, which also fails every later put. */
CS_RESULT cs_witness_sync(struct cs_witness *w);

const char *cs_sign_kind_name(uint8_t kind); /* "precertificate", "certificate", "unknown" */

#endif
