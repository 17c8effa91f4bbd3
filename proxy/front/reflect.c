/* grpc.reflection on this process's streams: each message is answered as it comes. */
#include "proxy/front/front.h"
#include "proxy/reflection/reflection.h"

enum { UNSENT_MAX_LEN = 1024 * 1024 }; /* answers of one stream that the client has not taken */

CS_RESULT cs_reflect_open(struct cs_front *f)
{
    return cs_reflection_new(cs_reflection_files(), &f->reflection);
}

void cs_reflect_begin(struct cs_stream *s)
{
    s->conn->front->counts.reflections++;
    s->state = CS_STREAM_TALKING;
    if (s->conn->leaving_mono_us != 0)
        cs_respond_status(s, CS_GRPC_UNAVAILABLE, "this connection is about to be closed");
}

static void answer(struct cs_stream *s)
{
    CS_AUTO_BUF struct cs_buf out = { .max = CS_ANSWER_MAX_LEN };
    if (cs_parts_unsent(s) > UNSENT_MAX_LEN) {
        cs_respond_status(s, CS_GRPC_RESOURCE_EXHAUSTED, "the answers are not taken");
        return;
    }
    cs_result r = cs_reflection_answer(s->conn->front->reflection, cs_buf_span(&s->in.body), &out);
    if (cs_ok(r))
        cs_parts_put(s, cs_buf_span(&out), false);
    else if (cs_class(r) == CS_CLASS_CALLER)
        cs_respond_status(s, CS_GRPC_INVALID_ARGUMENT, "not a ServerReflectionRequest");
    else
        cs_respond_status(s, CS_GRPC_RESOURCE_EXHAUSTED, "no memory for the answer");
}

/* The bytes up to the end of the current message: the prefix first, then what it announces. */
static size_t to_the_end(const struct cs_grpc_in *in)
{
    if (in->n_prefix < CS_GRPC_PREFIX_LEN)
        return CS_GRPC_PREFIX_LEN - (size_t)in->n_prefix;
    return in->len - in->body.len;
}

void cs_reflect_feed(struct cs_stream *s, struct cs_span chunk)
{
    while (chunk.len > 0 && s->state == CS_STREAM_TALKING && !s->conn->dead) {
        size_t n = to_the_end(&s->in);
        if (n > chunk.len)
            n = chunk.len;
        size_t had = s->in.body.len;
        enum cs_grpc_fault fault =
            cs_grpc_in_feed(&s->in, cs_span_of(chunk.at, n), CS_REFLECTION_REQUEST_MAX_LEN);
        s->conn->front->bodies_len += s->in.body.len - had;
        chunk = cs_span_of(chunk.at + n, chunk.len - n);
        if (fault == CS_GRPC_TOO_LARGE) {
            cs_respond_status(s, CS_GRPC_RESOURCE_EXHAUSTED, "request message is over the maximum of 4 KiB");
        } else if (fault != CS_GRPC_FINE) {
            cs_respond_status(s, cs_grpc_fault_status(fault), cs_grpc_fault_text(fault));
        } else if (s->in.n_prefix == CS_GRPC_PREFIX_LEN && to_the_end(&s->in) == 0) {
            answer(s);
            s->conn->front->bodies_len -= s->in.body.len;
            cs_grpc_in_done(&s->in);
            s->in = (struct cs_grpc_in){ 0 };
        }
    }
}

void cs_reflect_end(struct cs_stream *s)
{
    if (s->in.n_prefix > 0) {
        cs_respond_status(s, cs_grpc_fault_status(CS_GRPC_CUT), cs_grpc_fault_text(CS_GRPC_CUT));
        return;
    }
    cs_respond_answer(s, &(struct cs_msg_answer){ .status = CS_GRPC_OK });
}
