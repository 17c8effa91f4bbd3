#include "proxy/ledger/grant.h"

#include <stdlib.h>

#include "proxy/ledger/store.h"

struct cs_grant *cs_grant_at(struct cs_grant_list *list, uint32_t i)
{
    return i < list->n ? &list->at[i] : NULL;
}

uint64_t cs_grant_seq(const struct cs_grant *g)
{
    return g->seq;
}

CS_RESULT cs_grant_take(struct cs_grant *g, uint64_t *out_seq)
{
    if (g->seq == 0)
        return CS_ERR(SEQ_SPENT);
    *out_seq = g->seq;
    g->seq = 0;
    return CS_OK;
}

void cs_grant_list_done(struct cs_grant_list *list)
{
    free(list->at);
    *list = (struct cs_grant_list){ 0 };
}
