/*
 * Proofs and checkpoints of an open ledger. Sizes count entries that are committed; entry seq is leaf
 * seq - 1. Checkpoints and cosignatures are kept for ever, beside the turns: each is a transaction of
 * its own, outside any turn.
 */
#ifndef CS_LEDGER_PROOFS_H
#define CS_LEDGER_PROOFS_H

#include "proxy/ledger/ledger.h"
#include "proxy/tlog/proof.h"

/* ARGUMENT past the last commit's size, and as proof.h says. A few tiles and at most 255 hashes each. */
CS_RESULT cs_ledger_root_at(struct cs_ledger *l, uint64_t size, struct cs_sha256 *out);
CS_RESULT cs_ledger_inclusion(struct cs_ledger *l, uint64_t seq, uint64_t size, struct cs_tlog_proof *out);
CS_RESULT cs_ledger_consistency(struct cs_ledger *l, uint64_t old_size, uint64_t size,
                                struct cs_tlog_proof *out);

/* cs_ledger_checkpoint_put keeps a signed checkpoint of the last commit's size, with its own signature
 * line only. Durable when it returns. EXISTS when one of this size or a larger one is kept; STORE: not
 * kept; BUG within a turn. */
CS_RESULT cs_ledger_checkpoint_put(struct cs_ledger *l, uint64_t size, struct cs_span note);
/* The newest one; *out_size 0 when there is none. */
CS_RESULT cs_ledger_checkpoint_last(struct cs_ledger *l, struct cs_arena *arena, uint64_t *out_size,
                                    struct cs_span *out_note);
/* cs_ledger_checkpoint_cosigned is the same with the cosignature lines kept for it. */
CS_RESULT cs_ledger_checkpoint_cosigned(struct cs_ledger *l, struct cs_arena *arena, uint64_t *out_size,
                                        struct cs_span *out_note);
/* cs_ledger_cosignature_put keeps one signature line (with its newline) for the checkpoint of this size,
 * which must be there (NOT_FOUND). The caller has verified it. */
CS_RESULT cs_ledger_cosignature_put(struct cs_ledger *l, uint64_t size, struct cs_span line);

#endif
