/* Calls between their arrival and their final answer. */
#include <stdlib.h>

#include "proxy/gate/caller.h"
#include "proxy/gate/numbers.h"

enum { MASK = CS_OPEN_CALLS_MAX - 1, FILL_MAX = CS_OPEN_CALLS_MAX / 4 * 3, OF_THE_FRONT = UINT16_MAX };

struct cs_callers *cs_callers_new(void)
{
    return calloc(1, sizeof(struct cs_callers));
}

void cs_callers_free(struct cs_callers *c)
{
    free(c);
}

static uint32_t home_of(uint64_t id)
{
    return (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 40) & MASK;
}

/* The call's place, or the free one where it would go. */
static struct cs_open_call *place_of(struct cs_callers *c, uint64_t id)
{
    uint32_t i = home_of(id);
    while (c->open[i].id != 0 && c->open[i].id != id)
        i = (i + 1) & MASK;
    return &c->open[i];
}

CS_RESULT cs_open_call_begin(struct cs_gate *g, uint64_t id, uint16_t method, int64_t now_mono_us)
{
    struct cs_callers *c = g->callers;
    struct cs_open_call *o = place_of(c, id);
    if (id == 0 || o->id == id)
        return CS_ERR(PEER_ERRS);
    if (c->n_open >= FILL_MAX)
        return CS_ERR(FULL);
    *o = (struct cs_open_call){ id, now_mono_us, method, (uint16_t)g->policy->n_clients };
    if (method == CS_METHOD_METRICS)
        o->client = OF_THE_FRONT;
    else
        g->numbers->client[o->client].n_in_flight++;
    c->n_open++;
    return CS_OK;
}

void cs_open_call_belongs(struct cs_gate *g, uint64_t id, const struct cs_client *client)
{
    struct cs_open_call *o = place_of(g->callers, id);
    if (o->id != id)
        return;
    g->numbers->client[o->client].n_in_flight--;
    o->client = (uint16_t)cs_client_number(g->policy, client);
    g->numbers->client[o->client].n_in_flight++;
}

/* Whatever stands behind the hole and would not be found across it moves up. */
static void free_place(struct cs_callers *c, struct cs_open_call *o)
{
    uint32_t hole = (uint32_t)(o - c->open);
    c->n_open--;
    for (uint32_t i = (hole + 1) & MASK; c->open[i].id != 0; i = (i + 1) & MASK) {
        uint32_t way_from_home = (i - home_of(c->open[i].id)) & MASK;
        if (way_from_home < ((i - hole) & MASK))
            continue;
        c->open[hole] = c->open[i];
        hole = i;
    }
    c->open[hole] = (struct cs_open_call){ 0 };
}

static enum cs_method_shape shape_of(uint16_t method)
{
    static const enum cs_method_shape shapes[CS_METHOD_COUNT] = {
#define X(id, service, name, shape) [CS_METHOD_##id] = shape,
        CS_METHODS(X)
#undef X
    };
    return shapes[method];
}

void cs_open_call_done(struct cs_gate *g, uint64_t id, uint32_t status)
{
    struct cs_open_call *o = place_of(g->callers, id);
    if (o->id != id)
        return;
    if (o->client != OF_THE_FRONT) {
        struct cs_client_numbers *n = &g->numbers->client[o->client];
        n->n_in_flight--;
        if (status < CS_NUMBERS_STATUSES)
            n->answered[o->method][status]++;
        if (shape_of(o->method) == CS_UNARY) /* a stream lasts as long as its reader likes */
            cs_numbers_time(g->numbers, CS_TIME_TOTAL, cs_clock_mono_us() - o->since_mono_us);
    }
    free_place(g->callers, o);
}
