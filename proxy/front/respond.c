#include "proxy/base/clock.h"
#include "proxy/front/front.h"

/* nghttp2 does not copy static names and values. */
#define FIXED(name, value)                                                                                \
    (nghttp2_nv)                                                                                          \
    {                                                                                                     \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1, sizeof(value) - 1, \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE                                  \
    }
#define VALUE(name, at, len)                                                             \
    (nghttp2_nv)                                                                         \
    {                                                                                    \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(at), sizeof(name) - 1, len, \
            NGHTTP2_NV_FLAG_NO_COPY_NAME                                                 \
    }

enum { FIELDS_MAX = 8 };

static void answered(struct cs_stream *s)
{
    s->state = CS_STREAM_ANSWERED;
    s->since_mono_us = cs_clock_mono_us();
    s->conn->front->bodies_len -= s->in.body.len; /* no more is collected */
    cs_grpc_in_done(&s->in);
    cs_conn_touch(s->conn);
}

static size_t trailer_fields(const struct cs_stream *s, nghttp2_nv *nv)
{
    const struct cs_grpc_trailers *t = &s->trailers;
    size_t n = 0;
    nv[n++] = VALUE("grpc-status", t->status, strlen(t->status));
    if (t->message.len > 0)
        nv[n++] = VALUE("grpc-message", t->message.at, t->message.len);
    if (t->details.len > 0)
        nv[n++] = VALUE("grpc-status-details-bin", t->details.at, t->details.len);
    return n;
}

static ssize_t on_data_wanted(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t room,
                              uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)user_data;
    struct cs_stream *s = source->ptr; /* freed by on_stream_close only, after which nothing is asked */
    size_t n = s->out.len - s->out_at;
    if (n > room)
        n = room;
    memcpy(buf, s->out.at + s->out_at, n);
    s->out_at += n;
    s->since_mono_us = cs_clock_mono_us();
    if (s->out_at == s->out.len) {
        nghttp2_nv nv[FIELDS_MAX];
        size_t n_nv = trailer_fields(s, nv);
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, stream_id, nv, n_nv) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return (ssize_t)n;
}

static void submit_only_head(struct cs_stream *s, const nghttp2_nv *nv, size_t n_nv)
{
    answered(s);
    if (nghttp2_submit_response(s->conn->session, s->id, nv, n_nv, NULL) != 0)
        cs_conn_kill(s->conn, "no memory for an answer");
}

void cs_respond_http(struct cs_stream *s, const char *status)
{
    nghttp2_nv nv[] = { VALUE(":status", status, strlen(status)), FIXED("content-length", "0") };
    submit_only_head(s, nv, sizeof nv / sizeof *nv);
}

static void trailers_only(struct cs_stream *s, bool name_identity)
{
    nghttp2_nv nv[FIELDS_MAX];
    size_t n = 0;
    nv[n++] = FIXED(":status", "200");
    nv[n++] = FIXED("content-type", "application/grpc+proto");
    if (name_identity)
        nv[n++] = FIXED("grpc-accept-encoding", "identity");
    n += trailer_fields(s, nv + n);
    submit_only_head(s, nv, n);
}

static bool set_trailers(struct cs_stream *s, uint32_t status, struct cs_span text, struct cs_span details)
{
    cs_grpc_trailers_done(&s->trailers);
    if (cs_ok(cs_grpc_trailers_put(&s->trailers, status, text, details)))
        return true;
    cs_conn_kill(s->conn, "no memory for an answer");
    return false;
}

void cs_respond_status(struct cs_stream *s, uint32_t status, const char *text)
{
    if (set_trailers(s, status, cs_span_str(text), (struct cs_span){ NULL, 0 }))
        trailers_only(s, false);
}

void cs_respond_unencoded(struct cs_stream *s)
{
    static const char text[] = "grpc-encoding: only identity is understood";
    if (set_trailers(s, CS_GRPC_UNIMPLEMENTED, cs_span_str(text), (struct cs_span){ NULL, 0 }))
        trailers_only(s, true);
}

void cs_respond_answer(struct cs_stream *s, const struct cs_msg_answer *m)
{
    if (!set_trailers(s, m->status, m->text, m->details))
        return;
    if (m->status != CS_GRPC_OK) {
        trailers_only(s, false);
        return;
    }
    cs_grpc_prefix_put(&s->out, m->response.len);
    cs_buf_put(&s->out, m->response.at, m->response.len);
    s->conn->held_len += s->out.len;
    answered(s);
    if (s->out.failed || s->conn->held_len > CS_FRONT_HELD_MAX_LEN) {
        cs_conn_kill(s->conn,
                     s->out.failed ? "no memory for an answer" : "the client does not take its answers");
        return;
    }
    nghttp2_nv nv[] = { FIXED(":status", "200"), FIXED("content-type", "application/grpc+proto"),
                        FIXED("grpc-accept-encoding", "identity") };
    nghttp2_data_provider data = { .source.ptr = s, .read_callback = on_data_wanted };
    if (nghttp2_submit_response(s->conn->session, s->id, nv, sizeof nv / sizeof *nv, &data) != 0)
        cs_conn_kill(s->conn, "no memory for an answer");
}
