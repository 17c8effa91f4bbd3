/*
 * Wire: queries, hits and the statement of completeness as the messages of countersign/v1/query.proto.
 * Gate and command line share it, so that both ask and answer the same.
 */
#ifndef CS_SCOPE_WIRE_H
#define CS_SCOPE_WIRE_H

#include "countersign/v1/query.pb-c.h"
#include "proxy/scope/query.h"

/* A query with the memory it needs; too large for a stack. The zero state is empty. */
struct cs_scope_asked {
    struct cs_scope_selector selector[CS_SCOPE_SELECTORS_MAX];
    struct cs_arena arena; /* of the values */
    struct cs_scope_query query;
};
void cs_scope_asked_done(struct cs_scope_asked *a); /* NULL-safe */

/* cs_scope_asked_get reads a message; ARGUMENT with a note that names the field, what is there and what was
 * needed. only_client, unless empty, is joined by AND: the client whose entries alone may be seen. *out is
 * done by the caller in every case, and must not move afterwards. */
CS_RESULT cs_scope_asked_get(const Countersign__V1__IssuanceQuery *m, struct cs_span only_client,
                             struct cs_scope_asked *out, struct cs_note *note);
/* cs_scope_query_message is the other way round; values are borrowed. Selectors of one fact stand in one
 * group, as the message has no other way to say it. */
CS_RESULT cs_scope_query_message(const struct cs_scope_query *q, struct cs_arena *arena,
                                 Countersign__V1__IssuanceQuery **out);

/* cs_scope_record borrows from the hit. */
CS_RESULT cs_scope_record(const struct cs_scope_hit *hit, struct cs_arena *arena,
                          Countersign__V1__IssuanceRecord **out);
/* cs_scope_completeness borrows from the cover; its checkpoint is not put in. */
CS_RESULT cs_scope_completeness(const struct cs_scope_cover *c, struct cs_arena *arena,
                                Countersign__V1__Completeness **out);

/* cs_scope_completeness_check: the pieces stand side by side from 1 to the tree's size and fold into its
 * root; with a log's key, the checkpoint is signed by it and of this tree, or the proof leads to it.
 * STORE_CORRUPT with a note that says what is wrong. *out_size is the checkpoint's, 0 without one or without
 * a key. */
struct cs_tlog_key;
CS_RESULT cs_scope_completeness_check(const Countersign__V1__Completeness *m, const struct cs_tlog_key *log,
                                      uint64_t *out_size, struct cs_note *note);

#endif
