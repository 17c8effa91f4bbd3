/*
 * A query on its way: what ask.c (candidates and cover) and confirm.c (hits) share. Private.
 */
#ifndef CS_SCOPE_ASK_H
#define CS_SCOPE_ASK_H

#include "proxy/keyindex/folder.h"
#include "proxy/scope/query.h"
#include "proxy/tlog/merkle.h"

typedef Countersign__Ledger__V1__Entry entry_t;

struct cs_scope_ask {
    const struct cs_scope_query *q;
    struct cs_scope_options o;
    struct cs_ledger_reader *reader;
    bool resting; /* the reader has no snapshot */
    struct cs_fact_source source;
    struct cs_run_folder folder;
    struct cs_arena arena;
    struct cs_scope_cover cover;
    struct cs_merkle fold;
    struct cs_sha256 checkpoint_root; /* of the entries, once they were folded so far */
    struct cs_numbers candidates;
    size_t at;            /* candidates confirmed or rejected */
    uint64_t done, total; /* for the progress */
    struct cs_note *note;
};

/* cs_ask_tell counts n more entries for the progress; TIMEOUT once the caller wants it no longer. */
CS_RESULT cs_ask_tell(struct cs_scope_ask *a, uint64_t n);
/* STORE_CORRUPT with a note when the entry is missing or malformed. */
CS_RESULT cs_ask_bytes(struct cs_scope_ask *a, uint64_t seq, struct cs_span *out);
CS_RESULT cs_ask_parse(struct cs_scope_ask *a, uint64_t seq, struct cs_span bytes, const entry_t **out);
/* cs_ask_gather sets cover and candidates from a new snapshot. */
CS_RESULT cs_ask_gather(struct cs_scope_ask *a);

#endif
