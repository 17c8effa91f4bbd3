#include "client/lib/conn.h"
#include "client/lib/wire.h"

#define FIELD(name, at, len)                                                             \
    (nghttp2_nv)                                                                         \
    {                                                                                    \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(at), sizeof(name) - 1, len, \
            NGHTTP2_NV_FLAG_NO_COPY_NAME                                                 \
    }
#define FIXED(name, value) FIELD(name, value, sizeof(value) - 1)

void cs_client_fill_status(struct cs_client_call *call, uint32_t status, const char *text)
{
    call->answer.status = status;
    call->status_seen = true;
    cs_buf_reset(&call->answer.message);
    cs_buf_reset(&call->answer.details);
    cs_buf_put_str(&call->answer.message, text);
}

static void spoil(struct cs_client_call *call, const char *why)
{
    if (!call->bad)
        call->bad_why = why;
    call->bad = true;
    (void)!nghttp2_submit_rst_stream(call->client->session, NGHTTP2_FLAG_NONE, call->stream_id,
                                     NGHTTP2_CANCEL);
}

static void take_field(struct cs_client_call *call, struct cs_span name, struct cs_span value)
{
    if (cs_span_is(name, ":status")) {
        if (!cs_wire_status(value, &call->http_status))
            spoil(call, "the server's :status is no number");
    } else if (cs_span_is(name, "grpc-status")) {
        if (call->status_seen || !cs_wire_status(value, &call->answer.status))
            spoil(call, "the server's grpc-status is no number, or came twice");
        call->status_seen = true;
    } else if (cs_span_is(name, "grpc-message")) {
        cs_buf_reset(&call->answer.message);
        cs_wire_percent_put(&call->answer.message, value);
    } else if (cs_span_is(name, "grpc-status-details-bin")) {
        cs_buf_reset(&call->answer.details);
        if (!cs_ok(cs_unbase64(value, &call->answer.details)))
            cs_buf_reset(&call->answer.details);
    } else if (cs_span_is(name, "grpc-encoding") && !cs_span_is(value, "identity")) {
        spoil(call, "the server compresses, which was not offered");
    }
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user_data)
{
    (void)flags, (void)user_data;
    struct cs_client_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL || call->bad)
        return 0;
    size_t len = name_len + value_len + 32;
    if (len > CS_CLIENT_HEADERS_MAX_LEN - call->headers_len) {
        spoil(call, "the answer's headers are over the maximum of 64 KiB");
        return 0;
    }
    call->headers_len += len;
    take_field(call, cs_span_of(name, name_len), cs_span_of(value, value_len));
    return 0;
}

/* A whole message of a stream goes to its reader, and the next one begins. */
static void hand_on(struct cs_client_call *call)
{
    if (call->part == NULL || call->bad || call->n_prefix < sizeof call->prefix ||
        call->answer.response.len != call->want_len || call->answer.response.failed)
        return;
    if (!call->late && !cs_ok(call->part(call->part_ctx, cs_buf_span(&call->answer.response)))) {
        call->unwanted = true;
        spoil(call, "the reader wants no more");
    }
    cs_buf_reset(&call->answer.response);
    call->n_prefix = 0;
    call->want_len = 0;
}

/* Takes the octets of a message's prefix; false when the call is spoilt. */
static bool take_prefix(struct cs_client_call *call, struct cs_span *io)
{
    while (io->len > 0 && call->n_prefix < sizeof call->prefix) {
        call->prefix[call->n_prefix++] = *io->at;
        *io = cs_span_of(io->at + 1, io->len - 1);
        if (call->n_prefix < sizeof call->prefix)
            continue;
        struct cs_reader r = cs_reader_init(cs_span_of(call->prefix, sizeof call->prefix));
        if (cs_get_u8(&r) != 0)
            spoil(call, "the answer is compressed, which was not offered");
        call->want_len = cs_get_u32(&r);
        if (call->want_len > CS_CLIENT_ANSWER_MAX_LEN)
            spoil(call, "the answer is over the maximum of 4 MiB");
    }
    return !call->bad;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *at, size_t len,
                   void *user_data)
{
    (void)flags, (void)user_data;
    struct cs_client_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    struct cs_span in = cs_span_of(at, len);
    while (call != NULL && !call->bad && in.len != 0) {
        if (!take_prefix(call, &in))
            break;
        size_t left = call->want_len - call->answer.response.len;
        if (in.len > left && call->part == NULL) {
            spoil(call, "more than one message came");
            break;
        }
        size_t n = in.len < left ? in.len : left;
        cs_buf_put(&call->answer.response, in.at, n);
        in = cs_span_of(in.at + n, in.len - n);
        if (call->answer.response.failed)
            break;
        hand_on(call);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t http2_error, void *user_data)
{
    (void)user_data;
    struct cs_client_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    if (call == NULL)
        return 0;
    (void)!nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    if (call->bad)
        cs_client_fill_status(call, call->unwanted ? 1 : 13, call->bad_why);
    else if (call->http_status != 0 && call->http_status != 200)
        cs_client_fill_status(call, cs_wire_status_of_http(call->http_status),
                              "the server answered with an HTTP error instead of a gRPC status");
    else if (!call->status_seen)
        cs_client_fill_status(call, cs_wire_status_of_reset(http2_error),
                              "the stream ended without a gRPC status");
    else if (call->answer.status == 0 && call->part != NULL && call->n_prefix != 0)
        cs_client_fill_status(call, 13, "the server said OK in the middle of a message");
    else if (call->answer.status == 0 && call->part == NULL &&
             (call->n_prefix < sizeof call->prefix || call->answer.response.len < call->want_len))
        cs_client_fill_status(call, 13, "the server said OK without a whole message");
    if (call->answer.message.failed || call->answer.details.failed || call->answer.response.failed)
        cs_client_fill_status(call, 8, "no memory for the answer");
    if (call->answer.status != 0)
        cs_buf_done(&call->answer.response);
    cs_client_finish(call);
    return 0;
}

CS_RESULT cs_client_session_new(struct cs_client *c)
{
    enum { STREAM_WINDOW_LEN = 1024 * 1024, CONN_WINDOW_LEN = 8 * 1024 * 1024 };
    static const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_LEN },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CS_CLIENT_HEADERS_MAX_LEN },
    };
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return CS_ERR(NO_MEMORY);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    int rc = nghttp2_session_client_new(&c->session, callbacks, c);
    nghttp2_session_callbacks_del(callbacks);
    if (rc != 0 ||
        nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof *settings) != 0 ||
        nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW_LEN) != 0)
        return CS_ERR(NO_MEMORY);
    return CS_OK;
}

static ssize_t on_data_wanted(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t room,
                              uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)session, (void)stream_id, (void)user_data;
    struct cs_client_call *call = source->ptr;
    size_t n = call->request.len - call->request_at;
    if (n > room)
        n = room;
    memcpy(buf, call->request.at + call->request_at, n);
    call->request_at += n;
    if (call->request_at == call->request.len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

CS_RESULT cs_client_submit(struct cs_client *c, struct cs_client_call *call, const char *path,
                           unsigned timeout_ms)
{
    char timeout[CS_WIRE_TIMEOUT_TEXT_LEN];
    nghttp2_nv nv[] = {
        FIXED(":method", "POST"),
        FIELD(":scheme", c->is_tls ? "https" : "http", c->is_tls ? 5 : 4),
        FIELD(":path", path, strlen(path)),
        FIELD(":authority", c->authority, strlen(c->authority)),
        FIXED("te", "trailers"),
        FIXED("content-type", "application/grpc+proto"),
        FIXED("user-agent", "countersign"),
        FIELD("grpc-timeout", timeout, 0),
    };
    size_t n_nv = sizeof nv / sizeof *nv;
    if (timeout_ms > 0) {
        cs_wire_timeout(timeout_ms, timeout);
        nv[n_nv - 1].valuelen = strlen(timeout);
    } else {
        n_nv--;
    }
    nghttp2_data_provider data = { .source.ptr = call, .read_callback = on_data_wanted };
    int32_t id = nghttp2_submit_request(c->session, NULL, nv, n_nv, &data, call);
    if (id == NGHTTP2_ERR_NOMEM)
        return CS_ERR(NO_MEMORY);
    if (id < 0) {
        cs_note_set(&c->failure, "the connection takes no new calls: %s", nghttp2_strerror(id));
        return CS_ERR(PEER_GONE);
    }
    call->stream_id = id;
    return CS_OK;
}
