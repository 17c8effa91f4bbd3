#include "client/lib/link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/lib/client.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"

CS_RESULT cs_link_wait(int fd, short events, int64_t deadline_mono_us)
{
    for (;;) {
        int64_t left_us = deadline_mono_us - cs_clock_mono_us();
        if (left_us <= 0)
            return CS_ERR(TIMEOUT);
        struct pollfd p = { .fd = fd, .events = events };
        int wait_ms = left_us > 3600000000 ? 3600000 : (int)((left_us + 999) / 1000);
        int n = poll(&p, 1, wait_ms);
        if (n > 0)
            return CS_OK;
        if (n < 0 && errno != EINTR)
            return CS_ERR(IO);
    }
}

CS_RESULT cs_link_open_unix(const char *path, int64_t deadline_mono_us, struct cs_link *out,
                            struct cs_note *note)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof addr.sun_path) {
        cs_note_set(note, "%s: socket path is longer than %zu bytes", path, sizeof addr.sun_path - 1);
        return CS_ERR(ARGUMENT);
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    CS_AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* A full backlog makes connect wait; the send timeout bounds it (unix(7)). */
    int64_t left_us = deadline_mono_us == INT64_MAX ? 0 : deadline_mono_us - cs_clock_mono_us();
    if (left_us < 0)
        left_us = 1;
    struct timeval left = { .tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000 };
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left) != 0 ||
        connect(fd, (const struct sockaddr *)&addr, sizeof addr) != 0) {
        cs_note_set(note, "%s: cannot connect: %s", path,
                    errno == EAGAIN ? "nobody accepts the connection in time" : strerror(errno));
        return CS_ERR(PEER_GONE);
    }
    CS_TRY(cs_set_nonblocking(fd));
    *out = (struct cs_link){ .fd = fd };
    fd = -1;
    return CS_OK;
}

static cs_result connect_one(const struct addrinfo *a, int64_t deadline_mono_us, int *out_fd)
{
    CS_AUTO_FD int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return CS_ERR(PEER_GONE);
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return CS_ERR(PEER_GONE);
        CS_TRY(cs_link_wait(fd, POLLOUT, deadline_mono_us));
        int failed = 0;
        socklen_t len = sizeof failed;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0 || failed != 0) {
            errno = failed != 0 ? failed : errno;
            return CS_ERR(PEER_GONE);
        }
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only speed depends on it */
    *out_fd = fd;
    fd = -1;
    return CS_OK;
}

CS_RESULT cs_link_open_tls(const struct cs_client_tls *to, int64_t deadline_mono_us, struct cs_link *out,
                           struct cs_note *note)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
    int why = getaddrinfo(to->host, to->port, &hints, &found);
    if (why != 0) {
        cs_note_set(note, "%s port %s: no address: %s", to->host, to->port, gai_strerror(why));
        return CS_ERR(PEER_GONE);
    }
    CS_AUTO_FD int fd = -1;
    cs_result r = CS_ERR(PEER_GONE);
    errno = 0;
    for (const struct addrinfo *a = found; a != NULL && !cs_ok(r); a = a->ai_next)
        r = connect_one(a, deadline_mono_us, &fd);
    int last = errno;
    freeaddrinfo(found);
    if (!cs_ok(r)) {
        cs_note_set(note, "%s port %s: cannot connect: %s", to->host, to->port,
                    cs_is(r, CS_NUM_TIMEOUT) ? "the deadline passed" : strerror(last));
        return r;
    }
    struct cs_tls *tls;
    CS_TRY(cs_tls_open(fd, to, deadline_mono_us, &tls, note));
    *out = (struct cs_link){ .fd = fd, .tls = tls };
    fd = -1;
    return CS_OK;
}

void cs_link_close(struct cs_link *l)
{
    cs_tls_close(l->tls);
    l->tls = NULL;
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

ssize_t cs_link_send(struct cs_link *l, const void *at, size_t len)
{
    return l->tls != NULL ? cs_tls_send(l->tls, at, len) : send(l->fd, at, len, MSG_NOSIGNAL);
}

ssize_t cs_link_recv(struct cs_link *l, void *at, size_t room)
{
    return l->tls != NULL ? cs_tls_recv(l->tls, at, room) : recv(l->fd, at, room, 0);
}

bool cs_link_pending(const struct cs_link *l)
{
    return l->tls != NULL && cs_tls_pending(l->tls);
}

short cs_link_events(const struct cs_link *l, bool want_send)
{
    bool out = want_send || (l->tls != NULL && cs_tls_wants_write(l->tls));
    return (short)(out ? POLLIN | POLLOUT : POLLIN);
}
