/*
 * Queries: QueryIssuance, answered by a thread of its own with its own read-only connection to the ledger,
 * and the index beside it, which the same thread keeps up to date. The deciding thread never waits for it: it
 * hands requests over, and packed messages come back through a bounded buffer for each query, which leave as
 * the reader makes room. While a reader makes none, the thread holds nothing of the ledger.
 *
 * Several queries take turns. A query ends when its call does (cancelled, deadline, reader gone) or when the
 * gate drains. The thread does not log; what went wrong with the index is told by the main loop.
 */
#ifndef CS_GATE_QUERIES_H
#define CS_GATE_QUERIES_H

#include "proxy/gate/gate.h"

enum {
    CS_QUERIES_MAX = 8,                  /* at one time; of one client: one */
    CS_QUERY_AHEAD_MAX_LEN = 256 * 1024, /* bytes found and not yet sent; what one step finds comes on top */
};

struct cs_queries;

/* cs_queries_open starts the thread, behind the sandbox and the opening of the ledger. ledger_path is looked
 * up once more: the index stands beside the file itself. NO_MEMORY, IO with a note. */
CS_RESULT cs_queries_open(struct cs_gate *g, const char *ledger_path, struct cs_note *note);
/* cs_queries_close waits for the thread, which stops at the next entry or, at the index, the next group. */
void cs_queries_close(struct cs_queries *q); /* NULL-safe; streams are done before */

/* Readable when the thread has something to say. */
int cs_queries_fd(const struct cs_gate *g);
/* cs_queries_turn takes notice of it, and tells the thread how far the ledger has grown. Before the streams'
 * turn. */
void cs_queries_turn(struct cs_gate *g);
/* cs_queries_signed: a new checkpoint may be what a query waits for. */
void cs_queries_signed(struct cs_gate *g);

CS_RESULT cs_rpc_query(struct cs_gate *g, struct cs_call *call);

#endif
