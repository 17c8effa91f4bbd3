#include <event2/event.h>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/front/front.h"

static cs_result on_hello(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_front *f = ctx;
    static const struct cs_sha256 zeros;
    struct cs_hello hello;
    CS_TRY(cs_hello_get(m->body, &hello));
    if (hello.version != CS_IPC_VERSION || memcmp(&hello.subject, &zeros, sizeof zeros) != 0) {
        cs_log(CS_LOG_ERROR, "hello", "gate speaks version %u, this front %u", (unsigned)hello.version,
               (unsigned)CS_IPC_VERSION);
        return CS_ERR(PEER_ERRS);
    }
    cs_dispatch_open(f->gate_table, CS_MSG_ANSWER);
    cs_dispatch_open(f->gate_table, CS_MSG_PART);
    cs_dispatch_open(f->gate_table, CS_MSG_DRAIN);
    return cs_front_serve(f);
}

static struct cs_stream *waiting_stream(struct cs_front *f, const struct cs_call *call)
{
    struct cs_conn *c = call->conn == 0 ? NULL : cs_conn_find(f, call->conn);
    return c == NULL ? NULL : nghttp2_session_get_stream_user_data(c->session, call->stream_id);
}

static void call_free(struct cs_front *f, struct cs_call *call)
{
    if (call->conn != 0) {
        f->shares.share[call->share].n_calls--;
        f->shares.share[call->share].n_streaming -= call->streaming;
    }
    cs_calls_free(&f->calls, call);
}

static cs_result on_answer(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_front *f = ctx;
    struct cs_msg_answer answer;
    CS_TRY(cs_msg_answer_get(m->body, &answer));
    struct cs_call *call = cs_calls_find(&f->calls, m->id);
    if (call == NULL || answer.status > CS_GRPC_STATUS_MAX)
        return CS_ERR(PEER_ERRS); /* never asked, or answered before */
    if (call->streaming && answer.response.len > 0)
        return CS_ERR(PEER_ERRS); /* messages of a streaming call are PARTs */
    bool waited_for = call->waited_for, scrape = call->conn == 0;
    unsigned slot = (unsigned)call->stream_id;
    struct cs_stream *s = waited_for && !scrape ? waiting_stream(f, call) : NULL;
    call_free(f, call);
    if (waited_for && scrape)
        cs_scrape_answer(f, slot, &answer);
    else if (s != NULL)
        cs_respond_answer(s, &answer);
    return CS_OK;
}

static cs_result on_part(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_front *f = ctx;
    struct cs_call *call = cs_calls_find(&f->calls, m->id);
    if (call == NULL || !call->streaming || call->credit == 0)
        return CS_ERR(PEER_ERRS); /* never asked, over, unary, or more than it was allowed */
    call->credit--;
    struct cs_stream *s = call->waited_for ? waiting_stream(f, call) : NULL;
    if (s != NULL)
        cs_parts_put(s, m->body, true);
    return CS_OK;
}

static cs_result on_drain(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    if (m->body.len != 0)
        return CS_ERR(TRAILING);
    cs_front_drain(ctx);
    return CS_OK;
}

static void gate_failed(struct cs_front *f, cs_result r)
{
    cs_log_begin(CS_LOG_ERROR, "gate_lost");
    cs_log_result(r);
    cs_log_end();
    cs_front_end(f, 1);
}

static void on_gate_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct cs_front *f = arg;
    cs_result r = cs_chan_fill(&f->gate);
    if (cs_is(r, CS_NUM_AGAIN))
        return;
    if (cs_ok(r))
        r = cs_dispatch_run(f->gate_table, &f->gate, f);
    if (!cs_ok(r))
        gate_failed(f, r);
}

static void on_gate_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct cs_front *f = arg;
    cs_gate_flush(f);
}

/* The client's own deadline, or ours, passed while the gate works. */
static void on_deadline(void *ctx, struct cs_call *call)
{
    struct cs_front *f = ctx;
    struct cs_stream *s = waiting_stream(f, call);
    bool scrape = call->conn == 0;
    cs_gate_cancel(f, call->id);
    if (scrape)
        cs_scrape_answer(f, (unsigned)call->stream_id, NULL);
    if (s != NULL)
        cs_respond_status(s, CS_GRPC_DEADLINE_EXCEEDED, "the deadline passed before an answer was there");
}

CS_RESULT cs_gate_open(struct cs_front *f, int take_fd)
{
    f->gate_table[0] =
        (struct cs_dispatch){ CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello };
    f->gate_table[1] = (struct cs_dispatch){ CS_MSG_ANSWER, CS_MSG_ANSWER_MAX_LEN, 0, on_answer };
    f->gate_table[2] = (struct cs_dispatch){ CS_MSG_DRAIN, 0, 0, on_drain };
    f->gate_table[3] = (struct cs_dispatch){ CS_MSG_PART, CS_ANSWER_MAX_LEN, 0, on_part };
    CS_TRY(cs_chan_init(&f->gate, take_fd, 2 * (CS_MSG_ANSWER_MAX_LEN + CS_MSG_HDR_LEN),
                        CS_FRONT_GATE_UNSENT_MAX_LEN));
    CS_TRY(cs_shares_init(&f->shares));
    CS_TRY(cs_calls_init(&f->calls, f->base, on_deadline, f));
    f->gate_read_event = event_new(f->base, take_fd, EV_READ | EV_PERSIST, on_gate_readable, f);
    f->gate_write_event = event_new(f->base, take_fd, EV_WRITE | EV_PERSIST, on_gate_writable, f);
    if (f->gate_read_event == NULL || f->gate_write_event == NULL || event_add(f->gate_read_event, NULL) != 0)
        return CS_ERR(NO_MEMORY);
    struct cs_hello hello = { .version = CS_IPC_VERSION };
    return cs_hello_put(&f->gate, &hello);
}

void cs_gate_close(struct cs_front *f)
{
    if (f->gate_read_event != NULL)
        event_free(f->gate_read_event);
    if (f->gate_write_event != NULL)
        event_free(f->gate_write_event);
    cs_calls_done(&f->calls);
    cs_shares_done(&f->shares);
    cs_chan_done(&f->gate);
}

/* The peer stays within its share of the calls, and of the streaming ones. */
static bool share_allows(const struct cs_front *f, const struct cs_stream *s)
{
    const struct cs_share *p = &f->shares.share[s->conn->share];
    if (!cs_share_allows(p->n_calls, CS_CALLS_MAX - f->calls.n_taken))
        return false;
    return !s->streaming || cs_share_allows(p->n_streaming, CS_CALLS_STREAMING_MAX - f->calls.n_streaming);
}

void cs_gate_call(struct cs_front *f, struct cs_stream *s)
{
    struct cs_call *call;
    if (s->streaming && s->conn->leaving_mono_us != 0) {
        cs_respond_status(s, CS_GRPC_UNAVAILABLE, "this connection is about to be closed");
        return;
    }
    if (!share_allows(f, s) || !cs_ok(cs_calls_take(&f->calls, s->conn->number, s->id, s->streaming,
                                                    cs_clock_mono_us(), s->deadline_mono_us, &call))) {
        f->counts.calls_refused++;
        cs_respond_status(s, CS_GRPC_RESOURCE_EXHAUSTED, "too many calls are being worked on");
        return;
    }
    call->method = (uint16_t)s->head.method;
    call->share = s->conn->share;
    f->shares.share[call->share].n_calls++;
    f->shares.share[call->share].n_streaming += s->streaming;
    struct cs_msg_call m = {
        .method = call->method,
        .peer = s->conn->peer,
        .deadline_mono_us = s->deadline_mono_us,
        .user_agent = cs_span_of(s->head.user_agent, s->head.user_agent_len),
        .request = cs_buf_span(&s->in.body),
    };
    if (!cs_ok(cs_msg_call_put(&f->gate, call->id, &m))) {
        call_free(f, call);
        f->counts.calls_refused++;
        cs_respond_status(s, CS_GRPC_UNAVAILABLE, "the signing gate does not take more calls now");
        return;
    }
    f->counts.calls[s->head.method]++;
    s->state = CS_STREAM_WAITING;
    s->since_mono_us = cs_clock_mono_us();
    s->call = call->id;
    f->bodies_len -= s->in.body.len;
    cs_grpc_in_done(&s->in);
}

bool cs_gate_numbers(struct cs_front *f, unsigned scrape, uint64_t *out_call)
{
    int64_t now_mono_us = cs_clock_mono_us(),
            deadline = now_mono_us + CS_FRONT_NUMBERS_MAX_S * INT64_C(1000000);
    struct cs_call *call;
    if (!cs_ok(cs_calls_take(&f->calls, 0, (int32_t)scrape, false, now_mono_us, deadline, &call)))
        return false;
    call->method = CS_METHOD_METRICS;
    struct cs_msg_call m = { .method = CS_METHOD_METRICS,
                             .peer = { .transport = CS_TRANSPORT_FRONT },
                             .deadline_mono_us = deadline };
    if (!cs_ok(cs_msg_call_put(&f->gate, call->id, &m))) {
        call_free(f, call);
        return false;
    }
    *out_call = call->id;
    return true;
}

bool cs_gate_more(struct cs_front *f, uint64_t id, uint32_t n)
{
    struct cs_call *call = cs_calls_find(&f->calls, id);
    if (call == NULL || !cs_ok(cs_msg_more_put(&f->gate, id, n)))
        return false;
    call->credit += n;
    return true;
}

void cs_gate_cancel(struct cs_front *f, uint64_t id)
{
    struct cs_call *call = cs_calls_find(&f->calls, id);
    if (call == NULL || !call->waited_for)
        return;
    cs_calls_abandon(call);
    /* Advice only: a gate whose channel is full finishes the call, and its answer is dropped. */
    (void)!cs_ok(cs_chan_put(&f->gate, CS_MSG_CANCEL, id, NULL, 0));
}

void cs_gate_flush(struct cs_front *f)
{
    cs_result r = cs_chan_flush(&f->gate);
    if (!cs_ok(r) && !cs_is(r, CS_NUM_AGAIN)) {
        if (!f->end)
            gate_failed(f, r);
        return;
    }
    bool wants = cs_chan_wants_write(&f->gate);
    if (wants != f->gate_writing) {
        f->gate_writing = wants;
        if ((wants ? event_add(f->gate_write_event, NULL) : event_del(f->gate_write_event)) != 0)
            gate_failed(f, CS_ERR(NO_MEMORY));
    }
}
