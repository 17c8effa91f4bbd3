/*
 * Kept: which refused TBSs stand whole elsewhere in the ledger, in an intent or an authorization.
 */
#ifndef CS_CLIENT_REPLAY_KEPT_H
#define CS_CLIENT_REPLAY_KEPT_H

#include "client/replay/replay.h"

struct cs_kept_row {
    struct cs_sha256 tbs_sha256;
    uint64_t seq; /* entry with the TBS; 0: none */
};
/* The zero state is empty. */
struct cs_kept {
    struct cs_kept_row *row; /* sorted by digest */
    size_t n, room;
};

/* cs_kept_find reads the ledger up to the entry `last`, twice. */
CS_RESULT cs_kept_find(struct cs_kept *k, const char *ledger, uint64_t last, struct cs_note *note);
void cs_kept_done(struct cs_kept *k);
/* Entry with this TBS, 0 when there is none. */
uint64_t cs_kept_seq(const struct cs_kept *k, struct cs_span tbs_sha256);

/* The TBS of an Intent or Authorization; empty of any other entry. */
struct cs_span cs_kept_tbs_of(const Countersign__Ledger__V1__Entry *e);

#endif
