/* Answers: messages wait in the stream's buffer until nghttp2 takes them (respond.c has its callback). */
#include "proxy/base/clock.h"
#include "proxy/front/front.h"

static void resume(struct cs_stream *s)
{
    if (s->deferred && nghttp2_session_resume_data(s->conn->session, s->id) != 0)
        cs_conn_kill(s->conn, "no memory for an answer");
    s->deferred = false;
    cs_conn_touch(s->conn);
}

/* What has gone makes room; a stream that waits for its next message keeps no large buffer. */
static void drop_gone(struct cs_stream *s)
{
    enum { KEEP_LEN = 64 * 1024 };
    size_t gone = s->out_at;
    cs_buf_drop(&s->out, gone);
    s->out_base += gone;
    s->out_at = 0;
    cs_crowd_held(s->conn, 0, gone);
    if (s->out.len == 0 && s->out.room > KEEP_LEN)
        cs_buf_done(&s->out);
}

void cs_parts_put(struct cs_stream *s, struct cs_span message, bool of_gate)
{
    drop_gone(s);
    if (s->out.len == 0)
        s->since_mono_us = cs_clock_mono_us(); /* from now on the client is waited for */
    size_t had = s->out.len;
    cs_grpc_prefix_put(&s->out, message.len);
    cs_buf_put(&s->out, message.at, message.len);
    cs_crowd_held(s->conn, s->out.len - had, 0);
    if (s->out.failed) {
        cs_conn_kill(s->conn, "no memory for an answer");
        return;
    }
    if (s->conn->held_len > CS_FRONT_HELD_MAX_LEN) {
        cs_conn_kill(s->conn, "the client does not take its answers");
        return;
    }
    if (of_gate)
        s->part_end[(s->part_first + s->n_parts++) % CS_PARTS_AT_FIRST] = s->out_base + s->out.len;
    cs_parts_begin(s);
    resume(s);
}

void cs_parts_end(struct cs_stream *s)
{
    s->ended = true;
    resume(s);
}
