/*
 * Cover: pieces of the ledger side by side, folded into the RFC 6962 root of all entries. Runs give
 * their subtree roots, entries that were read give their leaves; when the fold is the ledger's root, the
 * pieces are exactly these entries, all of them, each once.
 */
#ifndef CS_SCOPE_COVER_H
#define CS_SCOPE_COVER_H

#include "proxy/tlog/merkle.h"

/* cs_cover_put appends a perfect subtree of span leaves (a power of two). ARGUMENT when it cannot stand
 * behind m->size leaves. A leaf is a subtree of one. */
CS_RESULT cs_cover_put(struct cs_merkle *m, uint64_t span, const struct cs_sha256 *root);

#endif
