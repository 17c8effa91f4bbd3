/*
 * gRPC's own words over HTTP/2 (grpc doc/PROTOCOL-HTTP2.md): timeout, content type, message framing,
 * and the texts of the trailers. Pure: no sockets, no clock. Messages are never looked into.
 */
#ifndef CS_FRONT_GRPC_H
#define CS_FRONT_GRPC_H

#include "proxy/base/bytes.h"

/* The status codes the front gives by itself; others come from the gate and pass through. */
enum cs_grpc_status {
    CS_GRPC_OK = 0,
    CS_GRPC_INVALID_ARGUMENT = 3,
    CS_GRPC_DEADLINE_EXCEEDED = 4,
    CS_GRPC_RESOURCE_EXHAUSTED = 8,
    CS_GRPC_UNIMPLEMENTED = 12,
    CS_GRPC_INTERNAL = 13,
    CS_GRPC_UNAVAILABLE = 14,
    CS_GRPC_STATUS_MAX = 16,
};

/* Trailers of one answer, counted as RFC 9113 6.5.2 counts: clients may refuse more. */
enum { CS_GRPC_TRAILERS_MAX_LEN = 8 * 1024, CS_GRPC_PREFIX_LEN = 5 };

/* cs_grpc_content_type: "application/grpc" alone or followed by '+' or ';'. */
bool cs_grpc_content_type(struct cs_span value);

/* cs_grpc_timeout reads 1 to 8 digits and a unit of H M S m u n; nanoseconds round up to
 * microseconds. False, and *out_us unchanged, for anything else. */
bool cs_grpc_timeout(struct cs_span value, int64_t *out_us);

/* cs_grpc_percent_put appends text for grpc-message: every byte outside 0x20..0x7e and '%' as %XX.
 * It stops before the character (UTF-8 sequence) whose encoding would pass max_len bytes. */
void cs_grpc_percent_put(struct cs_buf *out, struct cs_span text, size_t max_len);

/* The trailers of one answer as text, ready to be sent. */
struct cs_grpc_trailers {
    char status[4];        /* decimal and a NUL */
    struct cs_buf message; /* percent-encoded; empty: leave the field out */
    struct cs_buf details; /* unpadded base64; empty: leave the field out */
};
/* cs_grpc_trailers_put fills t within CS_GRPC_TRAILERS_MAX_LEN, 108 bytes of it left for :status and
 * content-type: first the text is cut, down to 64 bytes; if that is not enough the details are
 * dropped. NO_MEMORY leaves t to cs_grpc_trailers_done. */
CS_RESULT cs_grpc_trailers_put(struct cs_grpc_trailers *t, uint32_t status, struct cs_span text,
                               struct cs_span details);
void cs_grpc_trailers_done(struct cs_grpc_trailers *t);

/* ---- one message: flag(1) length(4, big endian) bytes; frame borders mean nothing ---- */

enum cs_grpc_fault {
    CS_GRPC_FINE = 0,
    CS_GRPC_COMPRESSED, /* flag 1 */
    CS_GRPC_FLAG,       /* flag neither 0 nor 1 */
    CS_GRPC_TOO_LARGE,  /* length over the maximum, known from the prefix alone */
    CS_GRPC_SECOND,     /* bytes after the first message */
    CS_GRPC_NONE,       /* end without a message */
    CS_GRPC_CUT,        /* end inside a message */
    CS_GRPC_NO_ROOM,    /* memory for the body not to be had */
};

struct cs_grpc_in {
    uint8_t prefix[CS_GRPC_PREFIX_LEN];
    uint8_t n_prefix;
    uint32_t len;       /* of the message; valid once n_prefix is 5 */
    struct cs_buf body; /* grows with what came, never with what was announced */
};
/* The zero state awaits the first byte. After a fault the state must not be fed again. */
enum cs_grpc_fault cs_grpc_in_feed(struct cs_grpc_in *in, struct cs_span chunk, size_t max_len);
/* cs_grpc_in_end: the peer has sent its last byte; FINE means body holds the one message. */
enum cs_grpc_fault cs_grpc_in_end(const struct cs_grpc_in *in);
void cs_grpc_in_done(struct cs_grpc_in *in);

/* The status and the sentence that answer a fault. */
uint32_t cs_grpc_fault_status(enum cs_grpc_fault fault);
const char *cs_grpc_fault_text(enum cs_grpc_fault fault);

/* cs_grpc_prefix_put writes flag 0 and the length. */
void cs_grpc_prefix_put(struct cs_buf *out, size_t len);

#endif
