/*
 * Proofs over the tree of RFC 6962 / RFC 9162: made from the hashes of perfect subtrees, verified by
 * the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
 */
#ifndef CS_TLOG_PROOF_H
#define CS_TLOG_PROOF_H

#include "proxy/tlog/merkle.h"

enum { CS_TLOG_PROOF_MAX = 63 }; /* hashes: sizes go to INT64_MAX */

/* *out is the hash of the perfect subtree over leaves [index << height, (index + 1) << height). */
typedef cs_result (*cs_tlog_node_get)(void *ctx, unsigned height, uint64_t index, struct cs_sha256 *out);

struct cs_tlog_proof {
    uint32_t n;
    struct cs_sha256 hash[CS_TLOG_PROOF_MAX];
};

/* Each asks get only for subtrees within size; its failure is returned. Outputs are written only on
 * success. */
CS_RESULT cs_tlog_root(cs_tlog_node_get get, void *ctx, uint64_t size, struct cs_sha256 *out);
/* ARGUMENT unless index < size. From the leaf to the root. */
CS_RESULT cs_tlog_inclusion(cs_tlog_node_get get, void *ctx, uint64_t index, uint64_t size,
                            struct cs_tlog_proof *out);
/* ARGUMENT unless 0 < old_size <= size; empty when they are equal. */
CS_RESULT cs_tlog_consistency(cs_tlog_node_get get, void *ctx, uint64_t old_size, uint64_t size,
                              struct cs_tlog_proof *out);

bool cs_tlog_inclusion_holds(const struct cs_tlog_proof *proof, uint64_t index, uint64_t size,
                             const struct cs_sha256 *leaf, const struct cs_sha256 *root);
/* From size 0 everything is consistent, with an empty proof. */
bool cs_tlog_consistency_holds(const struct cs_tlog_proof *proof, uint64_t old_size, uint64_t size,
                               const struct cs_sha256 *old_root, const struct cs_sha256 *root);

#endif
