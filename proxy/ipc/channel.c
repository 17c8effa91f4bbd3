#include "proxy/ipc/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/io.h"

CS_RESULT cs_chan_init(struct cs_chan *c, int take_fd, size_t in_max, size_t out_max)
{
    *c = (struct cs_chan){ .fd = take_fd, .in = { .max = in_max }, .out = { .max = out_max } };
    return cs_set_nonblocking(take_fd);
}

void cs_chan_done(struct cs_chan *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    cs_buf_done(&c->in);
    cs_buf_done(&c->out);
}

CS_RESULT cs_chan_fill(struct cs_chan *c)
{
    enum { READ_LEN = 64 * 1024 };
    cs_buf_drop(&c->in, c->in_at);
    c->in_at = 0;
    if (c->in_end)
        return CS_ERR(PEER_GONE);
    bool any = false;
    for (;;) {
        size_t want = c->in.max - c->in.len;
        if (want > READ_LEN)
            want = READ_LEN;
        if (want == 0)
            return CS_OK; /* full of whole frames: the caller takes them first */
        if (!cs_buf_reserve(&c->in, want))
            return CS_ERR(NO_MEMORY);
        ssize_t n = read(c->fd, c->in.at + c->in.len, want);
        if (n > 0) {
            c->in.len += (size_t)n;
            any = true;
            if ((size_t)n < want)
                return CS_OK;
        } else if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            c->in_end = true;
            return any ? CS_OK : CS_ERR(PEER_GONE);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return any ? CS_OK : CS_ERR(AGAIN);
        } else if (errno != EINTR) {
            return CS_ERR(IO);
        }
    }
}

CS_RESULT cs_chan_put(struct cs_chan *c, uint32_t type, uint64_t id, const struct cs_span *parts,
                      size_t n_parts)
{
    size_t len = 0;
    for (size_t i = 0; i < n_parts; i++)
        len += parts[i].len;
    if (len > UINT32_MAX || type == 0)
        return CS_ERR(ARGUMENT);
    cs_buf_drop(&c->out, c->out_at);
    c->out_at = 0;
    if (len + CS_MSG_HDR_LEN > c->out.max - c->out.len)
        return CS_ERR(FULL);
    if (!cs_buf_reserve(&c->out, len + CS_MSG_HDR_LEN))
        return CS_ERR(NO_MEMORY);
    cs_buf_put_u32(&c->out, type);
    cs_buf_put_u32(&c->out, (uint32_t)len);
    cs_buf_put_u64(&c->out, id);
    for (size_t i = 0; i < n_parts; i++)
        cs_buf_put(&c->out, parts[i].at, parts[i].len);
    return cs_buf_end(&c->out);
}

CS_RESULT cs_chan_flush(struct cs_chan *c)
{
    while (c->out_at < c->out.len) {
        ssize_t n = send(c->fd, c->out.at + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n >= 0)
            c->out_at += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return CS_ERR(AGAIN);
        else if (errno == EPIPE || errno == ECONNRESET)
            return CS_ERR(PEER_GONE);
        else if (errno != EINTR)
            return CS_ERR(IO);
    }
    cs_buf_reset(&c->out);
    c->out_at = 0;
    return CS_OK;
}
