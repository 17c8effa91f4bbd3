/* The life of a connection: it is asked to go by age or by a drain, finishes its calls, and goes. */
#include "proxy/front/front.h"

void cs_life_begin(struct cs_conn *c, uint32_t max_age_s)
{
    enum { STEPS = 2001 }; /* of 0.01 %, so that connections opened together do not come back together */
    int64_t step = (int64_t)(c->number * UINT64_C(2654435761) % STEPS) - STEPS / 2;
    int64_t age_us = max_age_s * INT64_C(1000000);
    c->max_age_us = age_us + age_us / 10000 * step;
}

static bool older(int64_t now_mono_us, int64_t since_mono_us, int64_t s)
{
    return now_mono_us - since_mono_us >= s * 1000000;
}

/* Calls that may last for ever do not hold up the end. */
static void end_lasting(struct cs_conn *c, const char *text)
{
    for (struct cs_stream *s = c->streams, *next; s != NULL && !c->dead; s = next) {
        next = s->next;
        if (s->streaming && s->state == CS_STREAM_WAITING)
            cs_gate_cancel(c->front, s->call);
        if (s->streaming && s->state != CS_STREAM_ANSWERED)
            cs_respond_status(s, CS_GRPC_UNAVAILABLE, text);
    }
}

void cs_life_tick(struct cs_conn *c, int64_t now_mono_us)
{
    if (c->leaving_mono_us == 0 && !c->goaway && c->max_age_us > 0 &&
        now_mono_us - c->open_mono_us >= c->max_age_us)
        cs_session_shutdown_notice(c);
    if (c->leaving_mono_us == 0 || !older(now_mono_us, c->leaving_mono_us, CS_FRONT_NOTICE_MAX_S))
        return;
    cs_session_goaway(c);
    if (c->front->draining)
        end_lasting(c, "the server is shutting down");
    else if (older(now_mono_us, c->leaving_mono_us, CS_FRONT_GRACE_MAX_S))
        end_lasting(c, "the connection is past its age");
}
