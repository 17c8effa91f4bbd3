/*
 * HTTP/1 as far as a scrape of metrics needs it (RFC 9112): one GET /metrics, answered, closed. Pure.
 */
#ifndef CS_FRONT_HTTP_H
#define CS_FRONT_HTTP_H

#include "proxy/base/bytes.h"

enum { CS_HTTP_HEAD_MAX_LEN = 8192, CS_HTTP_FIELDS_MAX = 64 };

enum cs_http_ask {
    CS_HTTP_MORE = 0,  /* the head is not whole */
    CS_HTTP_FINE,      /* GET /metrics, with or without a query */
    CS_HTTP_BAD,       /* 400 */
    CS_HTTP_PATH,      /* 404 */
    CS_HTTP_METHOD,    /* 405 */
    CS_HTTP_TOO_LARGE, /* 431 */
};

/* cs_http_judge looks at all that came so far. A request with a body, HTTP/1.1 without Host, lines that
 * do not end with CR LF and fields that are none are BAD. */
enum cs_http_ask cs_http_judge(struct cs_span in);

/* cs_http_answer appends a whole answer: status line, fields, body. FINE is 200, or 503 when the gate
 * did not answer, with body as Prometheus text; every other ask is its error, and body is not used. */
void cs_http_answer(struct cs_buf *out, enum cs_http_ask ask, bool gate_answered, struct cs_span body);

#endif
