#include "proxy/gate/stream.h"

#include "proto/canonical.h"

enum { CREDIT_MAX = 1024 * 1024 };

struct cs_stream *cs_stream_open(struct cs_gate *g, const struct cs_call *call, cs_stream_pump pump,
                                 void *state, void (*state_free)(void *state))
{
    struct cs_stream *s = cs_stream_of_call(g, 0);
    if (s == NULL)
        return NULL;
    *s = (struct cs_stream){ .call = call->id,
                             .client = call->client,
                             .credit = CS_PARTS_AT_FIRST,
                             .pump = pump,
                             .state = state,
                             .state_free = state_free };
    g->streams->n++;
    return s;
}

struct cs_stream *cs_stream_of_call(struct cs_gate *g, uint64_t call)
{
    if (g->streams->n == 0 && call != 0)
        return NULL;
    for (uint32_t i = 0; i < CS_STREAMS_MAX; i++)
        if (g->streams->row[i].call == call)
            return &g->streams->row[i];
    return NULL;
}

CS_RESULT cs_answer_part(struct cs_gate *g, uint64_t call, const ProtobufCMessage *message)
{
    struct cs_stream *s = call != 0 ? cs_stream_of_call(g, call) : NULL;
    if (s == NULL || s->credit == 0)
        return CS_ERR(AGAIN);
    CS_AUTO_ARENA struct cs_arena arena = { .max = 2 * CS_ANSWER_MAX_LEN };
    struct cs_span packed;
    CS_TRY(cs_proto_pack(message, &arena, &packed));
    return cs_answer_part_packed(g, call, packed);
}

CS_RESULT cs_answer_part_packed(struct cs_gate *g, uint64_t call, struct cs_span packed)
{
    struct cs_stream *s = call != 0 ? cs_stream_of_call(g, call) : NULL;
    if (s == NULL || s->credit == 0)
        return CS_ERR(AGAIN);
    CS_TRY(cs_msg_part_put(&g->front, call, packed));
    s->credit--;
    return CS_OK;
}

static void free_row(struct cs_stream *s)
{
    if (s->state_free != NULL)
        s->state_free(s->state);
    *s = (struct cs_stream){ 0 };
}

CS_RESULT cs_stream_end(struct cs_gate *g, struct cs_stream *s, uint32_t status, const char *text)
{
    uint64_t call = s->call;
    free_row(s);
    g->streams->n--;
    return cs_answer_status(g, call, status, text);
}

static CS_RESULT ask_pump(struct cs_gate *g, struct cs_stream *s)
{
    cs_result r = s->pump(g, s);
    return cs_is(r, CS_NUM_AGAIN) ? CS_OK : r;
}

CS_RESULT cs_stream_more(struct cs_gate *g, uint64_t call, uint32_t n)
{
    struct cs_stream *s = call != 0 ? cs_stream_of_call(g, call) : NULL;
    if (s == NULL)
        return CS_OK;
    if (n > CREDIT_MAX - s->credit)
        return CS_ERR(PEER_ERRS); /* nobody has handed on so many */
    s->credit += n;
    return ask_pump(g, s);
}

CS_RESULT cs_streams_turn(struct cs_gate *g)
{
    for (uint32_t i = 0, left = g->streams->n; left != 0 && i < CS_STREAMS_MAX; i++) {
        struct cs_stream *s = &g->streams->row[i];
        if (s->call == 0)
            continue;
        left--;
        CS_TRY(ask_pump(g, s));
    }
    return CS_OK;
}

void cs_streams_done(struct cs_streams *s)
{
    for (uint32_t i = 0; i < CS_STREAMS_MAX; i++)
        if (s->row[i].call != 0)
            free_row(&s->row[i]);
    s->n = 0;
}
