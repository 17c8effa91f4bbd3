/* Signatures that wait for the quorum of witnesses (policy: require: before_answer). */
#include "proxy/gate/witnesses.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/clock.h"

bool cs_witnesses_must_wait(const struct cs_gate *g, uint64_t seq)
{
    return g->witnesses != NULL && g->policy->witnesses.require == CS_WITNESS_BEFORE_ANSWER &&
           seq > g->witnesses->quorum_size;
}

CS_RESULT cs_parked_add(struct cs_gate *g, uint64_t call, uint64_t outcome_seq, uint64_t intent_seq,
                        struct cs_span response)
{
    struct cs_witnesses *w = g->witnesses;
    if (w->n_parked == w->room_parked) { /* open calls bound it */
        uint32_t room = w->room_parked == 0 ? 64 : w->room_parked * 2;
        struct cs_parked *p = realloc(w->parked, room * sizeof *p);
        if (p == NULL)
            return CS_ERR(NO_MEMORY);
        memset(p + w->room_parked, 0, (room - w->room_parked) * sizeof *p);
        w->parked = p;
        w->room_parked = room;
    }
    struct cs_parked *p = &w->parked[w->n_parked];
    cs_buf_reset(&p->response);
    cs_buf_put(&p->response, response.at, response.len);
    CS_TRY(cs_buf_end(&p->response));
    p->call = call;
    p->size = outcome_seq;
    p->intent_seq = intent_seq;
    p->until_mono_ms = cs_clock_mono_ms() + CS_WITNESS_ANSWER_WAIT_MS;
    w->n_parked++;
    return CS_OK;
}

/* The last one takes its place; its buffer goes to the end, for the next. */
static void take_out(struct cs_witnesses *w, uint32_t i)
{
    struct cs_parked gone = w->parked[i];
    w->parked[i] = w->parked[--w->n_parked];
    w->parked[w->n_parked] = gone;
}

CS_RESULT cs_parked_forget(struct cs_gate *g, uint64_t call, bool *out_found)
{
    struct cs_witnesses *w = g->witnesses;
    *out_found = false;
    for (uint32_t i = 0; w != NULL && i < w->n_parked; i++)
        if (w->parked[i].call == call) {
            take_out(w, i);
            *out_found = true;
            return cs_answer_status(g, call, CS_GRPC_CANCELLED, "cancelled");
        }
    return CS_OK;
}

static CS_RESULT answer(struct cs_gate *g, const struct cs_parked *p, bool covered)
{
    if (covered) {
        const struct cs_msg_answer a = { .status = CS_GRPC_OK, .response = cs_buf_span(&p->response) };
        return cs_answer_now(g, p->call, &a);
    }
    char text[160];
    (void)snprintf(text, sizeof text,
                   "recorded (intent %llu), waiting for witnesses; ask again with the same request id",
                   (unsigned long long)p->intent_seq);
    return cs_answer_status(g, p->call, CS_GRPC_UNAVAILABLE, text);
}

CS_RESULT cs_parked_turn(struct cs_gate *g)
{
    struct cs_witnesses *w = g->witnesses;
    int64_t now_mono_ms = cs_clock_mono_ms();
    for (uint32_t i = 0; i < w->n_parked;) {
        struct cs_parked *p = &w->parked[i];
        bool covered = p->size <= w->quorum_size;
        if (!covered && now_mono_ms < p->until_mono_ms) {
            i++;
            continue;
        }
        CS_TRY(answer(g, p, covered));
        take_out(w, i);
    }
    return CS_OK;
}

int64_t cs_parked_next_mono_ms(const struct cs_witnesses *w)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < w->n_parked; i++)
        if (w->parked[i].until_mono_ms < next)
            next = w->parked[i].until_mono_ms;
    return next;
}
