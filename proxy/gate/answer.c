#include "proxy/gate/caller.h"

#include <stdlib.h>

CS_RESULT cs_answer_now(struct cs_gate *g, uint64_t call, const struct cs_msg_answer *a)
{
    cs_open_call_done(g, call, a->status);
    return cs_msg_answer_put(&g->front, call, a);
}

static void put_part(struct cs_buf *b, struct cs_span s)
{
    cs_buf_put_span(b, s);
}

CS_RESULT cs_answer_held(struct cs_gate *g, uint64_t call, const struct cs_msg_answer *a)
{
    if (g->n_held == g->room_held) {
        uint32_t room = g->room_held == 0 ? 64 : g->room_held * 2;
        struct cs_held_answer *held = realloc(g->held, room * sizeof *held);
        if (held == NULL)
            return CS_ERR(NO_MEMORY);
        memset(held + g->room_held, 0, (room - g->room_held) * sizeof *held);
        g->held = held;
        g->room_held = room;
    }
    struct cs_held_answer *h = &g->held[g->n_held];
    cs_buf_reset(&h->frame); /* the memory of earlier turns serves again */
    h->call = call;
    h->status = a->status;
    cs_buf_put_u32(&h->frame, a->status);
    put_part(&h->frame, a->text);
    put_part(&h->frame, a->details);
    put_part(&h->frame, a->response);
    CS_TRY(cs_buf_end(&h->frame));
    g->n_held++;
    return CS_OK;
}

CS_RESULT cs_answers_release(struct cs_gate *g, bool committed)
{
    uint32_t n = g->n_held;
    g->n_held = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct cs_held_answer *h = &g->held[i];
        if (!committed) {
            CS_TRY(cs_answer_status(g, h->call, CS_GRPC_UNAVAILABLE,
                                    "the ledger could not record the decision; nothing was signed"));
            continue;
        }
        cs_open_call_done(g, h->call, h->status);
        CS_TRY(cs_chan_put(&g->front, CS_MSG_ANSWER, h->call,
                           (const struct cs_span[]){ cs_buf_span(&h->frame) }, 1));
    }
    return CS_OK;
}

CS_RESULT cs_answer_status(struct cs_gate *g, uint64_t call, uint32_t status, const char *text)
{
    const struct cs_msg_answer a = { .status = status, .text = cs_span_str(text) };
    return cs_answer_now(g, call, &a);
}
