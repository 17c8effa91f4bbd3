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

/* The messages of the gate that have gone whole are its credit. */
static void give_credit(struct cs_stream *s)
{
    uint32_t n = 0;
    for (; s->n_parts > 0 && s->part_end[s->part_first] <= s->out_base + s->out_at; s->n_parts--, n++)
        s->part_first = (s->part_first + 1) % CS_PARTS_AT_FIRST;
    if (n == 0 || s->state != CS_STREAM_WAITING || cs_gate_more(s->conn->front, s->call, n))
        return;
    cs_gate_cancel(s->conn->front, s->call); /* without credit it would wait for ever */
    cs_respond_status(s, CS_GRPC_UNAVAILABLE, "the signing gate reads nothing now");
}

static ssize_t on_data_wanted(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t room,
                              uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)user_data;
    struct cs_stream *s = source->ptr; /* freed by on_stream_close only, after which nothing is asked */
    size_t n = s->out.len - s->out_at;
    if (n == 0 && !s->ended) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n > room)
        n = room;
    if (n > 0)
        memcpy(buf, s->out.at + s->out_at, n);
    s->out_at += n;
    s->since_mono_us = cs_clock_mono_us();
    give_credit(s);
    if (s->out_at == s->out.len && s->ended) {
        nghttp2_nv nv[FIELDS_MAX];
        size_t n_nv = trailer_fields(s, nv);
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, stream_id, nv, n_nv) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return (ssize_t)n;
}

void cs_parts_begin(struct cs_stream *s)
{
    if (s->head_sent)
        return;
    s->head_sent = true;
    nghttp2_nv nv[] = { FIXED(":status", "200"), FIXED("content-type", "application/grpc+proto"),
                        FIXED("grpc-accept-encoding", "identity") };
    nghttp2_data_provider data = { .source.ptr = s, .read_callback = on_data_wanted };
    if (nghttp2_submit_response(s->conn->session, s->id, nv, sizeof nv / sizeof *nv, &data) != 0)
        cs_conn_kill(s->conn, "no memory for an answer");
    cs_conn_touch(s->conn);
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

/* Behind what is queued. */
static void finish(struct cs_stream *s)
{
    answered(s);
    cs_parts_end(s);
}

void cs_respond_status(struct cs_stream *s, uint32_t status, const char *text)
{
    if (!set_trailers(s, status, cs_span_str(text), (struct cs_span){ NULL, 0 }))
        return;
    if (s->head_sent)
        finish(s);
    else
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
    if (s->head_sent) {
        finish(s);
        return;
    }
    if (m->status != CS_GRPC_OK || s->streaming) {
        trailers_only(s, false);
        return;
    }
    cs_parts_put(s, m->response, false);
    finish(s);
}
