/*
 * Numbers of the front, as Prometheus text (0.0.4). Label values are of closed sets: nothing a client
 * sends becomes one. Pure.
 */
#ifndef CS_FRONT_COUNTS_H
#define CS_FRONT_COUNTS_H

#include "proxy/base/bytes.h"
#include "proxy/ipc/messages.h"

/* TLS: the listener has no certificate it may use. */
enum cs_refused { CS_REFUSED_FULL, CS_REFUSED_MEMORY, CS_REFUSED_TLS, CS_REFUSED_COUNT };
enum cs_evicted { CS_EVICTED_SILENT, CS_EVICTED_IDLE, CS_EVICTED_COUNT };
enum cs_http2_error {
    CS_HTTP2_CONNECTION, /* the connection's bytes were no HTTP/2, or too many frames of a kind */
    CS_HTTP2_FRAME,      /* a frame that may not come */
    CS_HTTP2_STREAM,     /* a stream we reset */
    CS_HTTP2_CALM,       /* GOAWAY(ENHANCE_YOUR_CALM) */
    CS_HTTP2_COUNT
};

/* Since the start. */
struct cs_counts {
    uint64_t accepted, refused[CS_REFUSED_COUNT], evicted[CS_EVICTED_COUNT], cut;
    uint64_t streams, http2_errors[CS_HTTP2_COUNT];
    uint64_t bytes_in, bytes_out;
    uint64_t calls[CS_METHOD_COUNT], calls_refused, reflections, scrapes, handshake_failures;
};

/* As it is now. */
struct cs_gauges {
    uint64_t conns, streams, calls[CS_METHOD_COUNT], bodies_len, held_len;
    bool draining;
};

/* cs_counts_put appends all metric families, names countersign_front_..., each line ended. */
void cs_counts_put(struct cs_buf *out, const struct cs_counts *c, const struct cs_gauges *g);

#endif
