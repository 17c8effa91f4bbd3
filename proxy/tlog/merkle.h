/*
 * Merkle tree of RFC 6962 (SHA-256) kept as its peaks: the roots of the perfect subtrees that the
 * binary digits of the size stand for, largest first. Appending a leaf and taking the root cost
 * O(log n); nothing else of the tree is needed to go on.
 */
#ifndef CS_TLOG_MERKLE_H
#define CS_TLOG_MERKLE_H

#include "proxy/base/digest.h"

enum { CS_MERKLE_PEAKS = 64 };

/* The zero state is the empty tree. Only the first cs_merkle_n_peaks() peaks mean anything. */
struct cs_merkle {
    uint64_t size; /* leaves */
    struct cs_sha256 peak[CS_MERKLE_PEAKS];
};

static inline uint32_t cs_merkle_n_peaks(uint64_t size)
{
    return (uint32_t)__builtin_popcountll(size);
}

struct cs_sha256 cs_merkle_leaf(struct cs_span entry); /* H(00 || entry) */
struct cs_sha256 cs_merkle_node(const struct cs_sha256 *left,
                                const struct cs_sha256 *right); /* H(01 || l || r) */

void cs_merkle_append(struct cs_merkle *m, const struct cs_sha256 *leaf);
struct cs_sha256 cs_merkle_root(const struct cs_merkle *m); /* H("") when empty */

/* The peaks as they are stored: 32 bytes each, in order. The view lives as long as *m is unchanged. */
struct cs_span cs_merkle_peaks(const struct cs_merkle *m);
/* cs_merkle_restore sets a tree from a size and its stored peaks; FORM when their number does not fit. */
CS_RESULT cs_merkle_restore(struct cs_merkle *out, uint64_t size, struct cs_span peaks);

#endif
