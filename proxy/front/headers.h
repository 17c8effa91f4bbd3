/*
 * Headers: our own checks of a request's header block (RFC 9113 section 8, gRPC over HTTP/2), because
 * on Unix sockets clients send an :authority that nghttp2's checks refuse. Pure: feed the fields in
 * order, then judge once. Nothing is kept of a field but what the front acts on.
 */
#ifndef CS_FRONT_HEADERS_H
#define CS_FRONT_HEADERS_H

#include "proxy/base/bytes.h"
#include "proxy/ipc/messages.h"

enum {
    CS_HEAD_LIST_MAX_LEN = 16 * 1024, /* names, values and 32 a field, as RFC 9113 6.5.2 counts */
    CS_HEAD_FIELD_OVERHEAD_LEN = 32,
    CS_HEAD_FIELDS_MAX = 64,
};

/* What is wrong with a request's head; the order is the order of judgement. */
enum cs_head_fault {
    CS_HEAD_FINE = 0,
    CS_HEAD_MALFORMED,    /* RST_STREAM(PROTOCOL_ERROR) */
    CS_HEAD_TOO_LARGE,    /* HTTP 431 */
    CS_HEAD_METHOD,       /* HTTP 405: not POST */
    CS_HEAD_CONTENT_TYPE, /* HTTP 415: not application/grpc */
    CS_HEAD_ENCODING,     /* gRPC 12 and grpc-accept-encoding: identity */
    CS_HEAD_TIMEOUT,      /* gRPC 13: malformed grpc-timeout */
    CS_HEAD_PATH,         /* gRPC 12: no such method */
};

struct cs_head {
    size_t list_len;
    unsigned n_fields;
    unsigned seen; /* bits of the fields that may come once, private to headers.c */
    bool regular;  /* a field that is no pseudo-header came */
    bool malformed, too_large;
    bool post, grpc, encoded, bad_timeout, te;
    enum cs_method method;                     /* NONE when the path is unknown or reflection */
    bool reflection;                           /* ServerReflectionInfo, v1 or v1alpha: the front answers */
    int64_t timeout_us;                        /* -1 without grpc-timeout */
    uint8_t user_agent[CS_USER_AGENT_MAX_LEN]; /* as sent, cut at its size */
    size_t user_agent_len;
};

void cs_head_init(struct cs_head *h);
/* cs_head_field takes the next field. Once too_large or malformed is set the rest is not looked at. */
void cs_head_field(struct cs_head *h, struct cs_span name, struct cs_span value);
/* cs_head_judge is asked once, after the last field. */
enum cs_head_fault cs_head_judge(const struct cs_head *h);

/* cs_method_of_path is the method of CS_METHODS whose path is "/service/method", or NONE;
 * never METRICS. */
enum cs_method cs_method_of_path(struct cs_span path);
/* cs_method_streams: the method's shape is CS_STREAMING. */
bool cs_method_streams(enum cs_method method);

#endif
