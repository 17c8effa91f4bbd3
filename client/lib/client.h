/*
 * Client: unary gRPC calls over a Unix socket (HTTP/2 with prior knowledge) or mutual TLS over TCP (ALPN
 * h2). One thread, one connection. A gRPC status, also one that the library gives by itself (deadline, stream
 * reset), is an answer; a connection that cannot be made or is lost is a cs_result of class PEER, after which
 * the client can only be closed. Answers are bounded: message 4 MiB, header blocks 64 KiB.
 */
#ifndef CS_CLIENT_LIB_CLIENT_H
#define CS_CLIENT_LIB_CLIENT_H

#include "proxy/base/bytes.h"

enum {
    CS_CLIENT_ANSWER_MAX_LEN = 4 * 1024 * 1024,
    CS_CLIENT_HEADERS_MAX_LEN = 64 * 1024, /* of one answer, as RFC 9113 6.5.2 counts */
    CS_CLIENT_REQUEST_MAX_LEN = 64 * 1024 * 1024,
};

struct cs_client;

/* The zero state is empty; all memory is freed by cs_client_answer_done. */
struct cs_client_answer {
    uint64_t id;            /* of the call */
    uint32_t status;        /* gRPC status code */
    struct cs_buf message;  /* grpc-message, percent-decoded; always UTF-8 (other bytes become '?') */
    struct cs_buf details;  /* grpc-status-details-bin, decoded; empty if none or not base64 */
    struct cs_buf response; /* the protobuf message; empty unless status is 0 */
};
void cs_client_answer_done(struct cs_client_answer *a); /* NULL-safe */

/* cs_client_open connects; the note names the path and the reason. */
CS_RESULT cs_client_open(const char *socket_path, struct cs_client **out, struct cs_note *note);
/* As cs_client_open, giving up after timeout_ms; 0 means never. */
CS_RESULT cs_client_open_unix(const char *socket_path, unsigned timeout_ms, struct cs_client **out,
                              struct cs_note *note);

/* Who to talk to and as whom. The files are read at each connection, so that renewed ones count. */
struct cs_client_tls {
    const char *host, *port;
    const char *ca_file;          /* PEM: who may have issued the server's certificate */
    const char *certificate_file; /* PEM: ours and its chain */
    const char *key_file;         /* PEM, without a passphrase */
    const char *name;             /* the server's certificate must name it; NULL: host */
};
/* cs_client_open_tls connects with TLS 1.2 or 1.3; CONFIG when a file cannot be used. */
CS_RESULT cs_client_open_tls(const struct cs_client_tls *to, unsigned timeout_ms, struct cs_client **out,
                             struct cs_note *note);
/* cs_client_usable reads what has come, without waiting, and tells whether a new call can be sent: the
 * server may have gone or said goodbye since the last call. */
bool cs_client_usable(struct cs_client *c);
/* cs_client_close sends nothing, so a child process may close what it inherited. */
void cs_client_close(struct cs_client *c); /* NULL-safe */

/* cs_client_call sends one request and waits for its answer. path is "/package.Service/Method";
 * timeout_ms 0 means none. When the time passes here first, the answer is status 4. *out is written
 * only on success. */
CS_RESULT cs_client_call(struct cs_client *c, const char *path, struct cs_span request, unsigned timeout_ms,
                         struct cs_client_answer *out);

/* Of a server-streaming call: each message as it comes, in order. A failure ends the call (status 1), the
 * rest is not wanted. While it runs, nothing is read: a slow one slows the server down. */
typedef cs_result (*cs_client_part)(void *ctx, struct cs_span message);
/* cs_client_stream is cs_client_call for an answer of any number of messages, none of which is in *out. */
CS_RESULT cs_client_stream(struct cs_client *c, const char *path, struct cs_span request, unsigned timeout_ms,
                           cs_client_part part, void *ctx, struct cs_client_answer *out);

/* cs_client_send queues a call and returns at once; bytes leave with the next poll or flush, so that
 * several calls share a write. The request is copied. */
CS_RESULT cs_client_send(struct cs_client *c, const char *path, struct cs_span request, unsigned timeout_ms,
                         uint64_t *out_id);
/* cs_client_flush writes what the socket takes without waiting. */
CS_RESULT cs_client_flush(struct cs_client *c);
/* cs_client_poll returns the next finished call in the order they finish; AGAIN if none does within
 * wait_ms (-1: no limit), NOT_FOUND if none is in flight. */
CS_RESULT cs_client_poll(struct cs_client *c, int wait_ms, struct cs_client_answer *out);

/* cs_client_in_flight counts calls sent and not yet returned by poll. */
size_t cs_client_in_flight(const struct cs_client *c);
/* cs_client_fd is for an event loop of the caller's: readable means cs_client_poll(c, 0, ..). */
int cs_client_fd(const struct cs_client *c);
/* cs_client_failure says why the last call of this library failed with class PEER; "" before. */
const char *cs_client_failure(const struct cs_client *c);

#endif
