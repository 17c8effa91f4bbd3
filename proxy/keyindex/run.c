#include "proxy/keyindex/run.h"

#include <stdlib.h>

CS_RESULT cs_numbers_put(struct cs_numbers *v, uint64_t number)
{
    if (v->n == v->room) {
        size_t room = v->room != 0 ? v->room * 2 : 64;
        uint64_t *at = room > v->room ? reallocarray(v->at, room, sizeof *at) : NULL;
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        v->at = at;
        v->room = room;
    }
    v->at[v->n++] = number;
    return CS_OK;
}

void cs_numbers_done(struct cs_numbers *v)
{
    free(v->at);
    *v = (struct cs_numbers){ 0 };
}
