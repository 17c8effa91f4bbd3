/*
 * Grant: leave to use the key once for one committed intent. Only cs_ledger_commit makes grants, and
 * taking one empties it, so an HSM request without a durable intent does not compile into anything
 * that can be sent.
 */
#ifndef CS_LEDGER_GRANT_H
#define CS_LEDGER_GRANT_H

#include <stdint.h>

#include "proxy/base/result.h"

struct cs_grant; /* opaque */

struct cs_grant_list {
    struct cs_grant *at; /* owned */
    uint32_t n;
};

/* cs_grant_at returns the i-th grant, NULL outside. */
struct cs_grant *cs_grant_at(struct cs_grant_list *list, uint32_t i);
/* cs_grant_seq reads the intent's sequence without spending; 0 once spent. */
uint64_t cs_grant_seq(const struct cs_grant *g);
/* cs_grant_take spends: *out_seq is the intent's sequence; SEQ_SPENT the second time. */
CS_RESULT cs_grant_take(struct cs_grant *g, uint64_t *out_seq);
void cs_grant_list_done(struct cs_grant_list *list); /* NULL-safe on fields */

#endif
