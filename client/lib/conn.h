/*
 * What the files of this folder share: the connection and its calls. Private.
 */
#ifndef CS_CLIENT_LIB_CONN_H
#define CS_CLIENT_LIB_CONN_H

#include <nghttp2/nghttp2.h>

#include "client/lib/client.h"
#include "client/lib/link.h"

struct cs_client_call {
    struct cs_client_call *next, **link; /* in flight, then finished */
    struct cs_client *client;
    struct cs_client_answer answer;
    int32_t stream_id;
    int64_t deadline_mono_us; /* INT64_MAX: none */
    struct cs_buf request;    /* prefix and message */
    size_t request_at;
    uint8_t prefix[5];
    uint8_t n_prefix;
    uint32_t want_len;
    size_t headers_len;
    uint32_t http_status;
    bool status_seen, bad, late;
    const char *bad_why;
    cs_client_part part; /* NULL: unary */
    void *part_ctx;
    bool unwanted; /* part failed */
};

struct cs_client_list {
    struct cs_client_call *first, **last;
};

enum { CS_CLIENT_AUTHORITY_LEN = 280 }; /* the longest host name, a colon, a port */

struct cs_client {
    struct cs_link link;
    bool is_tls;
    char authority[CS_CLIENT_AUTHORITY_LEN];
    nghttp2_session *session;
    struct cs_client_list flying, finished;
    struct cs_client_list late; /* answered with status 4; nghttp2 still holds their requests */
    size_t n_flying, n_finished;
    size_t n_with_deadline;
    uint64_t n_ever;
    struct cs_buf out;
    size_t out_at;
    bool lost;
    struct cs_note failure;
};

CS_RESULT cs_client_session_new(struct cs_client *c);
/* cs_client_submit hands a call to nghttp2; the call stays the client's either way. */
CS_RESULT cs_client_submit(struct cs_client *c, struct cs_client_call *call, const char *path,
                           unsigned timeout_ms);
/* cs_client_finish moves a call from flying to finished, or frees it if it was late. */
void cs_client_finish(struct cs_client_call *call);
/* cs_client_fill_status writes a status that the server did not send. */
void cs_client_fill_status(struct cs_client_call *call, uint32_t status, const char *text);

#endif
