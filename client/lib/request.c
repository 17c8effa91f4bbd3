/* Requests of countersign.h, written as protobuf. */
#include <errno.h>
#include <sys/random.h>

#include "client/lib/library.h"

enum { REQUEST_ID_MIN_LEN = 16, REQUEST_ID_MAX_LEN = 64 };

/* ---- writing requests: fields in order, none that is empty, which is the canonical form ---- */

static void put_varint(struct cs_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        cs_buf_put_u8(b, (uint8_t)(v | 0x80));
    cs_buf_put_u8(b, (uint8_t)v);
}

static void put_message(struct cs_buf *b, unsigned field, struct countersign_bytes v)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, v.len);
    cs_buf_put(b, v.at, v.len);
}

static void put_bytes(struct cs_buf *b, unsigned field, struct countersign_bytes v)
{
    if (v.len > 0)
        put_message(b, field, v);
}

static void put_number(struct cs_buf *b, unsigned field, uint64_t v)
{
    if (v == 0)
        return;
    put_varint(b, field << 3);
    put_varint(b, v);
}

static void put_evidence(struct cs_buf *b, unsigned field, const struct countersign_bytes *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_message(b, field, at[i]);
}

static int run_buf(struct countersign *c, struct cs_library_call *call, struct cs_buf *message,
                   struct countersign_answer **out, struct countersign_error *error)
{
    *out = NULL;
    if (message->failed)
        return cs_library_say(error, COUNTERSIGN_NO_MEMORY, "no memory");
    call->message = cs_buf_span(message);
    return cs_library_run(c, call, out, error);
}

/* Reads the request of any version, and makes an id where there is none. */
static int take_request(const struct countersign_request *from, struct countersign_request *out,
                        uint8_t id[REQUEST_ID_MIN_LEN], struct countersign_error *error)
{
    *out = (struct countersign_request){ 0 };
    if (from->size == 0 || from->size > sizeof *out)
        return cs_library_say(error, COUNTERSIGN_ARGUMENT,
                              "request: size is not one of this version or an earlier one");
    memcpy(out, from, from->size);
    if (out->request_id.len == 0) {
        for (size_t n = 0; n < REQUEST_ID_MIN_LEN;) {
            ssize_t got = getrandom(id + n, REQUEST_ID_MIN_LEN - n, 0);
            if (got < 0 && errno != EINTR)
                return cs_library_say(error, COUNTERSIGN_UNREACHABLE, "getrandom failed");
            n += got > 0 ? (size_t)got : 0;
        }
        out->request_id = (struct countersign_bytes){ id, REQUEST_ID_MIN_LEN };
    }
    if (out->request_id.len < REQUEST_ID_MIN_LEN || out->request_id.len > REQUEST_ID_MAX_LEN)
        return cs_library_say(error, COUNTERSIGN_ARGUMENT, "request_id: needs 16 to 64 octets");
    return COUNTERSIGN_DONE;
}

static struct cs_span span_of(struct countersign_bytes b)
{
    return cs_span_of(b.at, b.len);
}

/* The fields that SignCertificateRequest and AuthorizeTbsRequest share, number by number. */
static void put_case(struct cs_buf *b, const struct countersign_request *in)
{
    put_bytes(b, 1, in->request_id);
    put_bytes(b, 2, in->issuer);
    put_bytes(b, 3, in->tbs_certificate);
    put_evidence(b, 4, in->evidence, in->n_evidence);
    put_bytes(b, 5, in->order_id);
}

int countersign_sign(struct countersign *c, const struct countersign_request *request,
                     struct countersign_answer **out, struct countersign_error *error)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    struct countersign_request in;
    uint8_t id[REQUEST_ID_MIN_LEN];
    *out = NULL;
    int refused = take_request(request, &in, id, error);
    if (refused)
        return refused;
    put_case(&b, &in);
    struct cs_library_call call = { "/countersign.v1.SigningService/SignCertificate",
                                    .request_id = span_of(in.request_id), .kind = CS_ANSWER_SIGNED };
    return run_buf(c, &call, &b, out, error);
}

int countersign_evaluate(struct countersign *c, const struct countersign_request *request,
                         struct countersign_answer **out, struct countersign_error *error)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    struct countersign_request in;
    uint8_t id[REQUEST_ID_MIN_LEN];
    *out = NULL;
    int refused = take_request(request, &in, id, error);
    if (refused)
        return refused;
    put_bytes(&b, 1, in.issuer);
    put_bytes(&b, 2, in.tbs_certificate);
    put_evidence(&b, 3, in.evidence, in.n_evidence);
    put_bytes(&b, 4, in.order_id);
    struct cs_library_call call = { "/countersign.v1.SigningService/EvaluateCertificate",
                                    .kind = CS_ANSWER_EVALUATED };
    return run_buf(c, &call, &b, out, error);
}

int countersign_authorize(struct countersign *c, const struct countersign_request *request,
                          struct countersign_answer **out, struct countersign_error *error)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    struct countersign_request in;
    uint8_t id[REQUEST_ID_MIN_LEN];
    *out = NULL;
    int refused = take_request(request, &in, id, error);
    if (refused)
        return refused;
    put_case(&b, &in);
    put_bytes(&b, 6, in.for_client);
    put_number(&b, 7, in.valid_for_s);
    struct cs_library_call call = { "/countersign.v1.SigningService/AuthorizeTbs",
                                    .request_id = span_of(in.request_id), .kind = CS_ANSWER_AUTHORIZED };
    return run_buf(c, &call, &b, out, error);
}

int countersign_sign_authorized(struct countersign *c, const struct countersign_request *request,
                                struct countersign_answer **out, struct countersign_error *error)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    struct countersign_request in;
    uint8_t id[REQUEST_ID_MIN_LEN];
    *out = NULL;
    int refused = take_request(request, &in, id, error);
    if (refused)
        return refused;
    put_bytes(&b, 1, in.request_id);
    put_bytes(&b, 2, in.issuer);
    put_bytes(&b, 3, in.digest);
    put_bytes(&b, 4, in.signature_algorithm);
    struct cs_library_call call = { "/countersign.v1.SigningService/SignAuthorized",
                                    .request_id = span_of(in.request_id),
                                    .kind = CS_ANSWER_SIGNED_AUTHORIZED };
    return run_buf(c, &call, &b, out, error);
}

int countersign_deposit(struct countersign *c, const struct countersign_bytes *evidence, size_t n,
                        struct countersign_answer **out, struct countersign_error *error)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    put_evidence(&b, 1, evidence, n);
    struct cs_library_call call = { "/countersign.v1.EvidenceService/DepositEvidence",
                                    .kind = CS_ANSWER_RAW };
    return run_buf(c, &call, &b, out, error);
}

int countersign_list_issuers(struct countersign *c, struct countersign_answer **out,
                             struct countersign_error *error)
{
    struct cs_library_call call = { "/countersign.v1.SigningService/ListIssuers", .kind = CS_ANSWER_ISSUERS };
    return cs_library_run(c, &call, out, error);
}

int countersign_health(struct countersign *c, const char *service, struct countersign_answer **out,
                       struct countersign_error *error)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    if (service != NULL)
        put_bytes(&b, 1, (struct countersign_bytes){ (const uint8_t *)service, strlen(service) });
    struct cs_library_call call = { "/grpc.health.v1.Health/Check", .kind = CS_ANSWER_HEALTH };
    return run_buf(c, &call, &b, out, error);
}

int countersign_call(struct countersign *c, const char *method, struct countersign_bytes message,
                     struct countersign_answer **out, struct countersign_error *error)
{
    struct cs_library_call call = { method, .message = span_of(message), .kind = CS_ANSWER_RAW,
                                    .once = true };
    return cs_library_run(c, &call, out, error);
}

struct parts {
    int (*part)(void *ctx, struct countersign_bytes message);
    void *ctx;
};

static cs_result hand_part(void *ctx, struct cs_span message)
{
    const struct parts *p = ctx;
    return p->part(p->ctx, (struct countersign_bytes){ message.at, message.len }) == 0 ? CS_OK : CS_ERR(IO);
}

int countersign_stream(struct countersign *c, const char *method, struct countersign_bytes message,
                       int (*part)(void *ctx, struct countersign_bytes message), void *ctx,
                       struct countersign_answer **out, struct countersign_error *error)
{
    struct parts parts = { part, ctx };
    struct cs_library_call call = { method,       .message = span_of(message), .kind = CS_ANSWER_RAW,
                                    .once = true, .part = hand_part,           .part_ctx = &parts };
    return cs_library_run(c, &call, out, error);
}
