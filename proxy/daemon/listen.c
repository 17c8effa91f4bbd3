#include "proxy/daemon/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/base/io.h"

enum { BACKLOG = 512 };

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path); /* the configuration checked its length */
    return a;
}

/* remove_stale leaves alone everything but a socket nobody listens on. */
static CS_RESULT remove_stale(const char *path, struct cs_note *note)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return CS_OK; /* nothing there; other reasons show at bind */
    if (!S_ISSOCK(st.st_mode)) {
        cs_note_set(note, "%s: something is there that is not a socket", path);
        return CS_ERR(EXISTS);
    }
    CS_AUTO_FD int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un a = address_of(path);
    if (probe < 0 || connect(probe, (const struct sockaddr *)&a, sizeof a) == 0 || errno != ECONNREFUSED) {
        cs_note_set(note, "%s: a process listens there", path);
        return CS_ERR(EXISTS);
    }
    if (unlink(path) != 0) {
        cs_note_set(note, "%s: cannot remove the old socket: %s", path, strerror(errno));
        return CS_ERR(IO);
    }
    return CS_OK;
}

static CS_RESULT open_unix(const struct cs_listen *l, struct cs_listener *out, struct cs_note *note)
{
    CS_TRY(remove_stale(l->path, note));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un a = address_of(l->path);
    mode_t before = umask(0177); /* nobody else connects before the mode is set */
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    int error = errno;
    (void)umask(before);
    struct stat st = { 0 };
    bool done =
        bound && lstat(l->path, &st) == 0 && chmod(l->path, (mode_t)l->mode) == 0 && listen(fd, BACKLOG) == 0;
    if (bound && !done)
        error = errno;
    *out = (struct cs_listener){
        .fd = fd, .path = l->path, .made = bound && st.st_ino != 0, .device = st.st_dev, .inode = st.st_ino
    };
    if (done)
        return CS_OK;
    cs_listener_close(out);
    cs_note_set(note, "%s: cannot listen: %s", l->path, strerror(error));
    return CS_ERR(IO);
}

static CS_RESULT open_tcp(const struct cs_listen *l, struct cs_listener *out, struct cs_note *note)
{
    const int one = 1;
    CS_AUTO_FD int fd = socket(l->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (l->address.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
        bind(fd, (const struct sockaddr *)&l->address, l->address_len) != 0 || listen(fd, BACKLOG) != 0) {
        cs_note_set(note, "%s: cannot listen: %s", l->tcp, strerror(errno));
        return CS_ERR(IO);
    }
    out->fd = fd;
    fd = -1;
    return CS_OK;
}

/* The address as the kernel has it: a port that was 0 has become one. */
static void describe(struct cs_listener *l)
{
    struct sockaddr_storage a = { 0 };
    socklen_t len = sizeof a;
    char text[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    if (getsockname(l->fd, (struct sockaddr *)&a, &len) != 0)
        return;
    memcpy(&in, &a, sizeof in);
    memcpy(&in6, &a, sizeof in6);
    memcpy(&un, &a, sizeof un); /* a shorter one ends in the zeros of a */
    if (a.ss_family == AF_INET && inet_ntop(AF_INET, &in.sin_addr, text, sizeof text) != NULL)
        (void)snprintf(l->address, sizeof l->address, "%s:%u", text, ntohs(in.sin_port));
    else if (a.ss_family == AF_INET6 && inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text) != NULL)
        (void)snprintf(l->address, sizeof l->address, "[%s]:%u", text, ntohs(in6.sin6_port));
    else if (a.ss_family == AF_UNIX)
        (void)snprintf(l->address, sizeof l->address, "%.107s", un.sun_path);
}

CS_RESULT cs_listener_open(const struct cs_listen *l, struct cs_activation *a, struct cs_listener *out,
                           struct cs_note *note)
{
    struct cs_listener made = { .fd = -1 };
    if (l->path != NULL)
        CS_TRY(open_unix(l, &made, note));
    else if (l->tcp != NULL)
        CS_TRY(open_tcp(l, &made, note));
    else
        CS_TRY(cs_activation_take(a, l->systemd, l->tls, &made.fd, note));
    describe(&made);
    *out = made;
    return CS_OK;
}

void cs_listener_close(struct cs_listener *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    struct stat st;
    if (l->made && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        (void)unlink(l->path);
    *l = (struct cs_listener){ .fd = -1 };
}
