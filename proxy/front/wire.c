#include "proxy/front/wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* What a TLS operation that did not succeed means. */
static enum cs_wire_io judge(struct cs_wire *w, int result, bool is_send)
{
    switch (SSL_get_error(w->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return CS_WIRE_WAIT;
    case SSL_ERROR_WANT_WRITE:
        w->wants_write = !is_send; /* a sender arms the event by what it holds */
        return CS_WIRE_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return CS_WIRE_END;
    default:
        w->broken = true;
        return CS_WIRE_BROKEN;
    }
}

enum cs_wire_io cs_wire_shake(struct cs_wire *w)
{
    ERR_clear_error();
    w->wants_write = false;
    int r = SSL_do_handshake(w->ssl);
    if (r != 1) {
        enum cs_wire_io io = judge(w, r, false);
        return io == CS_WIRE_END ? CS_WIRE_BROKEN : io;
    }
    w->shaking = false;
    return CS_WIRE_MOVED;
}

static enum cs_wire_io recv_tls(struct cs_wire *w, uint8_t *at, size_t room, size_t *out_len)
{
    size_t len = 0;
    enum cs_wire_io io = CS_WIRE_MOVED;
    ERR_clear_error();
    w->wants_write = false;
    while (room - len >= CS_WIRE_RECV_MIN_LEN && io == CS_WIRE_MOVED) {
        size_t n = 0;
        int r = SSL_read_ex(w->ssl, at + len, room - len, &n);
        if (r == 1)
            len += n;
        else
            io = judge(w, r, false);
    }
    if (len == 0)
        return io;
    *out_len = len;
    return CS_WIRE_MOVED; /* an end or a failure shows again at the next event */
}

enum cs_wire_io cs_wire_recv(struct cs_wire *w, uint8_t *at, size_t room, size_t *out_len)
{
    if (w->broken)
        return CS_WIRE_BROKEN;
    if (w->ssl != NULL)
        return recv_tls(w, at, room, out_len);
    ssize_t n = recv(w->fd, at, room, 0);
    if (n < 0)
        return would_block() ? CS_WIRE_WAIT : CS_WIRE_BROKEN;
    *out_len = (size_t)n;
    return n > 0 ? CS_WIRE_MOVED : CS_WIRE_END;
}

enum cs_wire_io cs_wire_send(struct cs_wire *w, const uint8_t *at, size_t len, size_t *out_len)
{
    if (w->broken)
        return CS_WIRE_BROKEN;
    if (w->ssl != NULL) {
        ERR_clear_error();
        int r = SSL_write_ex(w->ssl, at, len, out_len);
        return r == 1 ? CS_WIRE_MOVED : judge(w, r, true);
    }
    ssize_t n;
    do
        n = send(w->fd, at, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return would_block() ? CS_WIRE_WAIT : CS_WIRE_BROKEN;
    *out_len = (size_t)n;
    return CS_WIRE_MOVED;
}

void cs_wire_done(struct cs_wire *w)
{
    if (w->ssl != NULL && !w->shaking && !w->broken) {
        ERR_clear_error();
        (void)SSL_shutdown(w->ssl); /* close_notify, if the socket takes it */
    }
    SSL_free(w->ssl);
    ERR_clear_error();
    free(w->shake.names);
    *w = (struct cs_wire){ .fd = -1 };
}
