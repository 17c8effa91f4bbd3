#include <stdlib.h>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/front/front.h"

static const uint8_t drain_ping[8] = { 'c', 's', '-', 'd', 'r', 'a', 'i', 'n' };

static struct cs_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static int stream_open(struct cs_conn *c, int32_t id)
{
    struct cs_stream *s = calloc(1, sizeof *s);
    if (s == NULL || nghttp2_session_set_stream_user_data(c->session, id, s) != 0) {
        free(s);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM(INTERNAL_ERROR) */
    }
    s->conn = c;
    s->id = id;
    s->since_mono_us = cs_clock_mono_us();
    cs_head_init(&s->head);
    s->next = c->streams;
    s->link = &c->streams;
    if (s->next != NULL)
        s->next->link = &s->next;
    c->streams = s;
    c->n_streams++;
    c->front->counts.streams++;
    return 0;
}

void cs_stream_free(struct cs_stream *s)
{
    struct cs_conn *c = s->conn;
    if (s->state == CS_STREAM_WAITING)
        cs_gate_cancel(c->front, s->call);
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    c->n_streams--;
    c->idle_mono_us = cs_clock_mono_us();
    cs_crowd_held(c, 0, s->out.len);
    c->front->bodies_len -= s->in.body.len;
    cs_grpc_in_done(&s->in);
    cs_buf_done(&s->out);
    cs_grpc_trailers_done(&s->trailers);
    free(s);
}

static void reset_stream(struct cs_stream *s, uint32_t http2_error)
{
    if (s->state == CS_STREAM_WAITING)
        cs_gate_cancel(s->conn->front, s->call);
    s->state = CS_STREAM_ANSWERED;
    if (http2_error != NGHTTP2_NO_ERROR)
        s->conn->front->counts.http2_errors[CS_HTTP2_STREAM]++;
    if (nghttp2_submit_rst_stream(s->conn->session, NGHTTP2_FLAG_NONE, s->id, http2_error) != 0)
        cs_conn_kill(s->conn, "no memory for a frame");
}

static void body_whole(struct cs_stream *s)
{
    if (s->state == CS_STREAM_TALKING) {
        cs_reflect_end(s);
        return;
    }
    enum cs_grpc_fault fault = cs_grpc_in_end(&s->in);
    if (fault != CS_GRPC_FINE)
        cs_respond_status(s, cs_grpc_fault_status(fault), cs_grpc_fault_text(fault));
    else if (s->deadline_mono_us <= cs_clock_mono_us())
        cs_respond_status(s, CS_GRPC_DEADLINE_EXCEEDED, "the deadline passed before the request was whole");
    else
        cs_gate_call(s->conn->front, s);
}

/* All gRPC clients send te: trailers; one without it is worth a line a connection. */
static void log_missing_te(struct cs_stream *s)
{
    struct cs_conn *c = s->conn;
    if (s->head.te || c->te_logged)
        return;
    c->te_logged = true;
    cs_log_begin(CS_LOG_INFO, "no_te");
    cs_log_span("user_agent", cs_span_of(s->head.user_agent, s->head.user_agent_len));
    cs_log_int("uid", c->peer.uid);
    cs_log_int("pid", c->peer.pid);
    cs_log_end();
}

static void head_fine(struct cs_stream *s)
{
    s->streaming = s->head.reflection || cs_method_streams(s->head.method);
    int64_t max_s = s->head.reflection ? CS_FRONT_TALK_MAX_S
                    : s->streaming     ? CS_FRONT_STREAMING_MAX_S
                                       : CS_FRONT_CALL_MAX_S;
    int64_t max_us = max_s * INT64_C(1000000), own_us = s->head.timeout_us;
    s->since_mono_us = cs_clock_mono_us();
    s->deadline_mono_us = s->since_mono_us + (own_us >= 0 && own_us < max_us ? own_us : max_us);
    log_missing_te(s);
    if (!s->head.reflection)
        s->state = CS_STREAM_BODY;
    else if (s->conn->facts->reflection)
        cs_reflect_begin(s);
    else
        cs_respond_status(s, CS_GRPC_UNIMPLEMENTED, "reflection is not switched on for this listener");
}

static void head_whole(struct cs_stream *s)
{
    switch (cs_head_judge(&s->head)) {
    case CS_HEAD_FINE:
        head_fine(s);
        break;
    case CS_HEAD_MALFORMED:
        reset_stream(s, NGHTTP2_PROTOCOL_ERROR);
        break;
    case CS_HEAD_TOO_LARGE:
        cs_respond_http(s, "431");
        break;
    case CS_HEAD_METHOD:
        cs_respond_http(s, "405");
        break;
    case CS_HEAD_CONTENT_TYPE:
        cs_respond_http(s, "415");
        break;
    case CS_HEAD_ENCODING:
        cs_respond_unencoded(s);
        break;
    case CS_HEAD_TIMEOUT:
        cs_respond_status(s, CS_GRPC_INTERNAL,
                          "grpc-timeout: 1 to 8 digits and one of H M S m u n were needed");
        break;
    case CS_HEAD_PATH:
        cs_respond_status(s, CS_GRPC_UNIMPLEMENTED, "no such method");
        break;
    }
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct cs_conn *c = user_data;
    if (c->dead)
        return NGHTTP2_ERR_CALLBACK_FAILURE; /* nothing more is taken from what was read */
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        return stream_open(c, frame->hd.stream_id);
    /* gRPC requests have no trailers */
    struct cs_stream *s = stream_of(session, frame->hd.stream_id);
    if (s != NULL)
        reset_stream(s, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user_data)
{
    (void)flags, (void)user_data;
    struct cs_stream *s = stream_of(session, frame->hd.stream_id);
    if (s != NULL && s->state == CS_STREAM_HEAD)
        cs_head_field(&s->head, cs_span_of(name, name_len), cs_span_of(value, value_len));
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *at, size_t len,
                   void *user_data)
{
    (void)flags;
    struct cs_conn *c = user_data;
    struct cs_stream *s = stream_of(session, stream_id);
    if (s != NULL && s->state == CS_STREAM_TALKING)
        cs_reflect_feed(s, cs_span_of(at, len));
    if (s == NULL || s->state != CS_STREAM_BODY)
        return 0;
    if (len > CS_FRONT_BODIES_MAX_LEN - c->front->bodies_len) {
        cs_respond_status(s, CS_GRPC_RESOURCE_EXHAUSTED, "too many requests are being received");
        return 0;
    }
    size_t had = s->in.body.len;
    enum cs_grpc_fault fault = cs_grpc_in_feed(&s->in, cs_span_of(at, len), CS_REQUEST_MAX_LEN);
    c->front->bodies_len += s->in.body.len - had;
    if (fault != CS_GRPC_FINE)
        cs_respond_status(s, cs_grpc_fault_status(fault), cs_grpc_fault_text(fault));
    return 0;
}

/* One too many of what costs us and brings nothing: GOAWAY, and what is queued still leaves. */
static void calm(struct cs_conn *c, const char *text)
{
    c->front->counts.http2_errors[CS_HTTP2_CALM]++;
    c->close_when_sent = true;
    if (nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_ENHANCE_YOUR_CALM,
                              (const uint8_t *)text, strlen(text)) != 0)
        cs_conn_kill(c, "no memory for a frame");
}

static void on_ping(struct cs_conn *c, const nghttp2_ping *ping)
{
    if (ping->hd.flags & NGHTTP2_FLAG_ACK) {
        if (c->leaving_mono_us != 0 && memcmp(ping->opaque_data, drain_ping, sizeof drain_ping) == 0)
            cs_session_goaway(c);
    } else if (!c->close_when_sent && cs_ping_seen(&c->ping, cs_clock_mono_us(), c->n_streams > 0)) {
        calm(c, "too_many_pings");
    }
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user_data)
{
    (void)session;
    struct cs_conn *c = user_data;
    if (!c->close_when_sent &&
        !cs_budget_spend(&c->budget, cs_clock_mono_us(), cs_budget_cost(hd->type, hd->flags, hd->length)))
        calm(c, "too_many_frames");
    return 0;
}

/* Only types that somebody may want reach on_begin_frame, which is where unknown ones are paid for. */
static int on_unknown_frame(nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd,
                            void *user_data)
{
    (void)session, (void)payload, (void)hd, (void)user_data;
    return NGHTTP2_ERR_CANCEL; /* nobody does */
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user_data)
{
    (void)session, (void)frame, (void)error;
    struct cs_conn *c = user_data;
    c->front->counts.http2_errors[CS_HTTP2_FRAME]++;
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct cs_conn *c = user_data;
    struct cs_stream *s;
    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        c->settled = true;
        break;
    case NGHTTP2_PING:
        on_ping(c, &frame->ping);
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        s = stream_of(session, frame->hd.stream_id);
        if (s == NULL)
            break;
        s->half_closed = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
        if (s->state == CS_STREAM_HEAD)
            head_whole(s);
        if ((s->state == CS_STREAM_BODY || s->state == CS_STREAM_TALKING) && s->half_closed)
            body_whole(s);
        break;
    default:
        break;
    }
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct cs_conn *c = user_data;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    cs_ping_forgive(&c->ping);
    (void)cs_budget_spend(&c->budget, cs_clock_mono_us(), -CS_BUDGET_EARNED);
    if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    /* The answer is complete before the request: only now, behind the trailers, may the reset go; one
     * submitted together with them would overtake them and hide the status. */
    struct cs_stream *s = stream_of(session, frame->hd.stream_id);
    if (s != NULL && !s->half_closed)
        reset_stream(s, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t http2_error, void *user_data)
{
    (void)http2_error, (void)user_data;
    struct cs_stream *s = stream_of(session, stream_id);
    if (s != NULL)
        cs_stream_free(s);
    return 0;
}

static CS_RESULT option_new(nghttp2_option **out)
{
    nghttp2_option *option;
    if (nghttp2_option_new(&option) != 0)
        return CS_ERR(NO_MEMORY);
    for (unsigned type = 10; type <= UINT8_MAX; type++) /* RFC 9113 defines 0 to 9 */
        nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, CS_FRONT_ACKS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(option, CS_FRONT_RESET_BURST, CS_FRONT_RESETS_PER_S);
#ifdef CS_HAVE_MAX_CONTINUATIONS
    nghttp2_option_set_max_continuations(option, CS_FRONT_CONTINUATIONS_MAX);
#endif
    *out = option;
    return CS_OK;
}

CS_RESULT cs_session_setup(struct cs_front *f)
{
    if (nghttp2_session_callbacks_new(&f->callbacks) != 0)
        return CS_ERR(NO_MEMORY);
    nghttp2_session_callbacks_set_on_begin_frame_callback(f->callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_unpack_extension_callback(f->callbacks, on_unknown_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(f->callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(f->callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(f->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(f->callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(f->callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(f->callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(f->callbacks, on_stream_close);
    CS_TRY(option_new(&f->option));
    nghttp2_option_set_no_http_messaging(f->option, 1); /* on Unix sockets headers.c checks instead */
    return option_new(&f->tls_option);
}

CS_RESULT cs_session_new(struct cs_conn *c)
{
    enum { STREAM_WINDOW_LEN = 256 * 1024, CONN_WINDOW_LEN = 1024 * 1024 };
    static const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, CS_FRONT_STREAMS_MAX },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CS_HEAD_LIST_MAX_LEN },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_LEN },
    };
    const nghttp2_option *option = c->facts->tls ? c->front->tls_option : c->front->option;
    if (nghttp2_session_server_new2(&c->session, c->front->callbacks, c, option) != 0)
        return CS_ERR(NO_MEMORY);
    if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof *settings) != 0 ||
        nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW_LEN) != 0)
        return CS_ERR(NO_MEMORY);
    return CS_OK;
}

void cs_session_shutdown_notice(struct cs_conn *c)
{
    if (c->wire.shaking) {
        cs_conn_kill(c, NULL); /* it has asked for nothing yet */
        return;
    }
    c->leaving_mono_us = cs_clock_mono_us();
    if (nghttp2_submit_shutdown_notice(c->session) != 0 ||
        nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, drain_ping) != 0)
        cs_conn_kill(c, "no memory for a frame");
    cs_conn_touch(c);
}

void cs_session_goaway(struct cs_conn *c)
{
    if (c->goaway)
        return;
    c->goaway = true;
    if (c->leaving_mono_us == 0)
        c->leaving_mono_us = cs_clock_mono_us();
    if (nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR, NULL,
                              0) != 0)
        cs_conn_kill(c, "no memory for a frame");
    cs_conn_touch(c);
}
