#include "proxy/front/calls.h"

#include <event2/event.h>
#include <stdlib.h>

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct cs_call *call = arg; /* a slot of the table, which outlives its timers */
    if (call->id != 0 && call->waited_for)
        call->table->on_deadline(call->table->ctx, call);
}

CS_RESULT cs_calls_init(struct cs_calls *t, struct event_base *base,
                        void (*on_deadline)(void *ctx, struct cs_call *call), void *ctx)
{
    *t = (struct cs_calls){ .on_deadline = on_deadline, .ctx = ctx, .first_free = 1 };
    t->slot = calloc(CS_CALLS_MAX, sizeof *t->slot);
    if (t->slot == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < CS_CALLS_MAX; i++) {
        t->slot[i].table = t;
        t->slot[i].next_free = i + 1 < CS_CALLS_MAX ? i + 2 : 0;
        t->slot[i].timer = evtimer_new(base, on_timer, &t->slot[i]);
        if (t->slot[i].timer == NULL)
            return CS_ERR(NO_MEMORY);
    }
    return CS_OK;
}

void cs_calls_done(struct cs_calls *t)
{
    for (uint32_t i = 0; t->slot != NULL && i < CS_CALLS_MAX; i++)
        if (t->slot[i].timer != NULL)
            event_free(t->slot[i].timer);
    free(t->slot);
    *t = (struct cs_calls){ 0 };
}

CS_RESULT cs_calls_take(struct cs_calls *t, uint64_t conn, int32_t stream_id, bool streaming,
                        int64_t now_mono_us, int64_t deadline_mono_us, struct cs_call **out)
{
    if (t->first_free == 0 || (streaming && t->n_streaming >= CS_CALLS_STREAMING_MAX))
        return CS_ERR(FULL);
    struct cs_call *call = &t->slot[t->first_free - 1];
    int64_t left_us = deadline_mono_us > now_mono_us ? deadline_mono_us - now_mono_us : 0;
    struct timeval left = { .tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000 };
    if (evtimer_add(call->timer, &left) != 0)
        return CS_ERR(NO_MEMORY);
    uint32_t index = t->first_free - 1;
    t->first_free = call->next_free;
    t->n_taken++;
    call->id = ++t->n_ever * CS_CALLS_MAX + index;
    call->waited_for = true;
    call->streaming = streaming;
    call->credit = streaming ? CS_PARTS_AT_FIRST : 0;
    t->n_streaming += streaming;
    call->method = 0;
    call->share = 0;
    call->conn = conn;
    call->stream_id = stream_id;
    call->deadline_mono_us = deadline_mono_us;
    *out = call;
    return CS_OK;
}

struct cs_call *cs_calls_find(struct cs_calls *t, uint64_t id)
{
    struct cs_call *call = &t->slot[id % CS_CALLS_MAX];
    return id != 0 && call->id == id ? call : NULL;
}

void cs_calls_abandon(struct cs_call *call)
{
    call->waited_for = false;
    (void)evtimer_del(call->timer);
}

void cs_calls_free(struct cs_calls *t, struct cs_call *call)
{
    (void)evtimer_del(call->timer);
    call->id = 0;
    call->waited_for = false;
    call->next_free = t->first_free;
    t->first_free = (uint32_t)(call - t->slot) + 1;
    t->n_taken--;
    t->n_streaming -= call->streaming;
    call->streaming = false;
}
