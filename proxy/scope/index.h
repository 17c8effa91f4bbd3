/*
 * The scope index beside a ledger: runs (proxy/keyindex) over the facts of whole groups of entries, in
 * the folder <ledger>-index/scope. Derived from the ledger and from nothing else; it may be deleted at
 * any time. Whoever may write the folder brings it up to date, also beside a running gate.
 */
#ifndef CS_SCOPE_INDEX_H
#define CS_SCOPE_INDEX_H

#include <stdatomic.h>

#include "proxy/base/bytes.h"
#include "proxy/ledger/verify.h"

enum { CS_SCOPE_GROUP = 4096 }; /* entries indexed at once; what is behind the last whole group is read */

struct cs_scope_index_report {
    uint64_t n_entries;        /* of the ledger, at the last snapshot */
    uint64_t n_covered;        /* by runs */
    uint64_t n_indexed;        /* of these, by this call */
    uint32_t n_runs, n_merges; /* at the end; in this call */
    uint32_t n_bad;            /* runs that were refused and made again */
    bool foreign;              /* the runs were of another ledger, all were made again */
};

/* cs_scope_index_path appends the folder's path for a ledger, NUL-terminated; *index, or the default
 * when it is NULL. */
CS_RESULT cs_scope_index_path(const char *ledger, const char *index, struct cs_buf *out);

/* cs_scope_index_update indexes every whole group of entries that no run covers, merges, and compares
 * the fold of all runs and the rest of the entries with the ledger's root. AGAIN when another process is
 * doing it, IO with a note when the folder cannot be written, STORE or STORE_CORRUPT with a note when
 * the ledger cannot be read. What was sealed before a failure stays. */
CS_RESULT cs_scope_index_update(const char *ledger, const char *index, cs_ledger_progress progress, void *ctx,
                                struct cs_scope_index_report *out, struct cs_note *note);

/* The same, without progress; once *stop is true it ends with TIMEOUT after the group it is at. */
CS_RESULT cs_scope_index_keep(const char *ledger, const char *index, const atomic_bool *stop,
                              struct cs_scope_index_report *out, struct cs_note *note);

#endif
