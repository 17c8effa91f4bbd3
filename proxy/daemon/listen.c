#include "proxy/daemon/listen.h"

#include <errno.h>
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

CS_RESULT cs_listener_open(const struct cs_listen *l, struct cs_listener *out, struct cs_note *note)
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
    *out = (struct cs_listener){ fd, l->path, bound && st.st_ino != 0, st.st_dev, st.st_ino };
    if (done)
        return CS_OK;
    cs_listener_close(out);
    cs_note_set(note, "%s: cannot listen: %s", l->path, strerror(error));
    return CS_ERR(IO);
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
