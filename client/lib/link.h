/*
 * The byte stream under a connection: a Unix socket, or TLS over TCP. It never blocks after opening,
 * never raises SIGPIPE and starts no thread. Private to this folder.
 */
#ifndef CS_CLIENT_LIB_LINK_H
#define CS_CLIENT_LIB_LINK_H

#include <sys/types.h>

#include "proxy/base/bytes.h"

struct cs_tls;

/* The zero state with fd -1 is closed. */
struct cs_link {
    int fd;
    struct cs_tls *tls; /* NULL on a Unix socket */
};

/* Both connect until deadline_mono_us; PEER_GONE or TIMEOUT with a note that names the address, CONFIG
 * when a file of the TLS identity cannot be used. *out is written only on success. */
struct cs_client_tls;
CS_RESULT cs_link_open_unix(const char *path, int64_t deadline_mono_us, struct cs_link *out,
                            struct cs_note *note);
CS_RESULT cs_link_open_tls(const struct cs_client_tls *to, int64_t deadline_mono_us, struct cs_link *out,
                           struct cs_note *note);
/* cs_link_close sends nothing: a child process may close what its parent goes on using. */
void cs_link_close(struct cs_link *l);

/* As send(2) and recv(2) on a socket that does not block: -1 with errno EAGAIN when nothing can be moved
 * now, 0 from recv at the end. */
ssize_t cs_link_send(struct cs_link *l, const void *at, size_t len);
ssize_t cs_link_recv(struct cs_link *l, void *at, size_t room);
/* cs_link_pending is true when recv has bytes that poll(2) does not know of. */
bool cs_link_pending(const struct cs_link *l);
/* cs_link_events is what poll(2) should wait for. */
short cs_link_events(const struct cs_link *l, bool want_send);

/* ---- tls.c ---- */

/* cs_tls_open does the handshake on a connected socket, which stays the caller's. */
CS_RESULT cs_tls_open(int fd, const struct cs_client_tls *to, int64_t deadline_mono_us, struct cs_tls **out,
                      struct cs_note *note);
void cs_tls_close(struct cs_tls *t);
ssize_t cs_tls_send(struct cs_tls *t, const void *at, size_t len);
ssize_t cs_tls_recv(struct cs_tls *t, void *at, size_t room);
bool cs_tls_pending(const struct cs_tls *t);
bool cs_tls_wants_write(const struct cs_tls *t);

/* cs_link_wait polls fd for events until the deadline; TIMEOUT then, IO when poll fails. */
CS_RESULT cs_link_wait(int fd, short events, int64_t deadline_mono_us);

#endif
