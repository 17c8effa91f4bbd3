#include "proxy/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

CS_RESULT cs_read_fd(int fd, size_t max, struct cs_buf *out)
{
    size_t start = out->len;
    for (;;) {
        uint8_t chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return CS_ERR(IO);
        if (n == 0)
            return cs_buf_end(out);
        if ((size_t)n > max - (out->len - start))
            return CS_ERR(LIMIT);
        cs_buf_put(out, chunk, (size_t)n);
        CS_TRY(cs_buf_end(out));
    }
}

CS_RESULT cs_read_file(const char *path, size_t max, struct cs_buf *out, struct cs_note *note)
{
    bool from_stdin = strcmp(path, "-") == 0;
    CS_AUTO_FD int opened = from_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (!from_stdin && opened < 0) {
        cs_note_set(note, "%s: %s", path, strerror(errno));
        return CS_ERR(IO);
    }
    cs_result r = cs_read_fd(from_stdin ? STDIN_FILENO : opened, max, out);
    if (cs_is(r, CS_NUM_LIMIT))
        cs_note_set(note, "%s: larger than %zu bytes", path, max);
    else if (!cs_ok(r))
        cs_note_set(note, "%s: %s", path, strerror(errno));
    return r;
}

CS_RESULT cs_write_all(int fd, struct cs_span in)
{
    while (in.len != 0) {
        ssize_t n = write(fd, in.at, in.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return CS_ERR(IO);
        in = cs_span_of(in.at + n, in.len - (size_t)n);
    }
    return CS_OK;
}

CS_RESULT cs_write_file(const char *path, struct cs_span in, unsigned mode, struct cs_note *note)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary) {
        cs_note_set(note, "%s: path too long", path);
        return CS_ERR(LIMIT);
    }
    CS_AUTO_FD int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        cs_note_set(note, "%s: %s", path, strerror(errno));
        return CS_ERR(IO);
    }
    if (!cs_ok(cs_write_all(fd, in)) || fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0 ||
        rename(temporary, path) != 0) {
        cs_note_set(note, "%s: %s", path, strerror(errno));
        (void)unlink(temporary);
        return CS_ERR(IO);
    }
    return CS_OK;
}

CS_RESULT cs_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return CS_ERR(IO);
    return CS_OK;
}

CS_RESULT cs_set_cloexec(int fd, bool on)
{
    if (fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0)
        return CS_ERR(IO);
    return CS_OK;
}

CS_RESULT cs_standard_fds_fill(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return CS_ERR(IO);
    return CS_OK;
}

void cs_auto_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
