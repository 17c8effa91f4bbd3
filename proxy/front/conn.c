#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/front/front.h"

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct cs_conn *c = arg;
    struct cs_front *f = c->front;
    if (c->dead)
        return;
    if (c->wire.shaking) {
        cs_conn_shake(c);
        return;
    }
    size_t n = 0;
    cs_conn_touch(c);
    switch (cs_wire_recv(&c->wire, f->read_at, sizeof f->read_at, &n)) {
    case CS_WIRE_MOVED:
        f->counts.bytes_in += n;
        if (nghttp2_session_mem_recv(c->session, f->read_at, n) < 0) {
            f->counts.http2_errors[CS_HTTP2_CONNECTION]++;
            cs_conn_kill(c, "not HTTP/2 with prior knowledge, or a flood of frames");
        }
        break;
    case CS_WIRE_WAIT:
        break;
    case CS_WIRE_END:
    case CS_WIRE_BROKEN:
        cs_conn_kill(c, NULL);
        break;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct cs_conn *c = arg;
    if (c->wire.wants_write)
        on_readable(fd, what, c); /* TLS has to send before it goes on receiving */
    cs_conn_touch(c);
}

/* The kernel says who is at a Unix socket; TLS will say it. */
static CS_RESULT identify(const struct cs_front *f, unsigned listener, int fd, struct cs_peer *out)
{
    const struct cs_listener_facts *facts = &f->conf.listener[listener];
    *out = (struct cs_peer){ .transport = facts->tls ? CS_TRANSPORT_TLS : CS_TRANSPORT_UNIX,
                             .listener = (uint8_t)listener,
                             .listener_name = cs_span_str(facts->name) };
    if (facts->tls)
        return CS_OK;
    struct ucred cred;
    socklen_t cred_len = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) != 0)
        return CS_ERR(IO);
    out->uid = (uint32_t)cred.uid;
    out->gid = (uint32_t)cred.gid;
    out->pid = (uint32_t)cred.pid;
    return CS_OK;
}

CS_RESULT cs_conn_open(struct cs_front *f, unsigned listener, int take_fd)
{
    struct cs_peer peer;
    bool known = cs_ok(identify(f, listener, take_fd, &peer));
    bool room = known && f->n_conns < CS_FRONT_SLOTS && cs_crowd_room(f, &peer);
    struct cs_conn *c = room ? calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        (void)close(take_fd);
        f->counts.refused[room ? CS_REFUSED_MEMORY : CS_REFUSED_FULL]++;
        return room ? CS_ERR(NO_MEMORY) : CS_ERR(FULL);
    }
    do
        c->number = ++f->n_conns_ever;
    while (f->conn[c->number % CS_FRONT_SLOTS] != NULL);
    f->conn[c->number % CS_FRONT_SLOTS] = c;
    f->n_conns++;
    c->front = f;
    c->fd = take_fd;
    c->facts = &f->conf.listener[listener];
    c->peer = peer;
    c->open_mono_us = c->idle_mono_us = c->moved_mono_us = cs_clock_mono_us();
    c->wire = (struct cs_wire){ .fd = take_fd };
    cs_life_begin(c, c->facts->max_age_s);
    c->read_event = event_new(f->base, take_fd, EV_READ | EV_PERSIST, on_readable, c);
    c->write_event = event_new(f->base, take_fd, EV_WRITE | EV_PERSIST, on_writable, c);
    cs_result r = c->read_event != NULL && c->write_event != NULL ? cs_crowd_join(c) : CS_ERR(NO_MEMORY);
    if (cs_ok(r))
        r = c->facts->tls ? cs_conn_shake_open(c) : cs_session_new(c);
    if (!cs_ok(r)) {
        cs_conn_free(c);
        f->counts.refused[cs_is(r, CS_NUM_PEER_GONE) ? CS_REFUSED_TLS : CS_REFUSED_MEMORY]++;
        return r;
    }
    f->counts.accepted++;
    cs_conn_touch(
        c); /* our SETTINGS go out, if it is time for them, and reading starts at the end of the turn */
    return CS_OK;
}

struct cs_conn *cs_conn_find(struct cs_front *f, uint64_t number)
{
    struct cs_conn *c = f->conn[number % CS_FRONT_SLOTS];
    return c != NULL && c->number == number && !c->dead ? c : NULL;
}

void cs_conn_touch(struct cs_conn *c)
{
    if (c->touched)
        return;
    c->touched = true;
    c->next_touched = c->front->touched;
    c->front->touched = c;
}

void cs_conn_kill(struct cs_conn *c, const char *why)
{
    if (!c->dead) {
        c->dead = true;
        c->dead_why = why;
        c->front->n_dead += !c->evicted;
        c->front->counts.cut += why != NULL;
    }
    cs_conn_touch(c);
}

void cs_conn_free(struct cs_conn *c)
{
    if (c->dead_why != NULL) {
        cs_log_begin(CS_LOG_WARNING, "connection_cut");
        cs_log_str("why", c->dead_why);
        if (c->facts->tls) {
            cs_tls_log_peer(c);
        } else {
            cs_log_int("uid", c->peer.uid);
            cs_log_int("pid", c->peer.pid);
        }
        cs_log_end();
    }
    while (c->streams != NULL)
        cs_stream_free(c->streams);
    nghttp2_session_del(c->session);
    if (c->read_event != NULL)
        event_free(c->read_event);
    if (c->write_event != NULL)
        event_free(c->write_event);
    cs_wire_done(&c->wire);
    (void)close(c->fd);
    cs_buf_done(&c->out);
    c->front->conn[c->number % CS_FRONT_SLOTS] = NULL;
    c->front->n_conns--;
    c->front->n_dead -= c->dead || c->evicted;
    cs_crowd_leave(c);
    free(c);
}

/* Collects the frames that are ready; one write takes them all. */
static bool gather(struct cs_conn *c)
{
    enum { KEEP_LEN = 64 * 1024 };
    if (c->out.room > KEEP_LEN) /* a thousand idle connections must not keep their largest answers */
        cs_buf_done(&c->out);
    cs_buf_reset(&c->out);
    c->out_at = 0;
    while (c->out.len < CS_FRONT_GATHER_LEN) {
        const uint8_t *at;
        ssize_t n = nghttp2_session_mem_send(c->session, &at);
        if (n < 0)
            return false;
        if (n == 0)
            break;
        cs_buf_put(&c->out, at, (size_t)n);
    }
    return !c->out.failed;
}

/* True when the socket took everything or would block; false when the connection is over. */
static bool write_some(struct cs_conn *c)
{
    for (;;) {
        if (c->out_at == c->out.len) {
            if (!gather(c)) {
                cs_conn_kill(c, "no memory for frames");
                return false;
            }
            if (c->out.len == 0)
                return true;
        }
        size_t n = 0;
        enum cs_wire_io io = cs_wire_send(&c->wire, c->out.at + c->out_at, c->out.len - c->out_at, &n);
        if (io != CS_WIRE_MOVED)
            return io == CS_WIRE_WAIT;
        c->out_at += n;
        c->front->counts.bytes_out += n;
        c->moved_mono_us = cs_clock_mono_us();
    }
}

static bool arm(struct event *event, bool *armed, bool want)
{
    if (*armed == want)
        return true;
    *armed = want;
    return (want ? event_add(event, NULL) : event_del(event)) == 0;
}

void cs_conn_turn_end(struct cs_conn *c)
{
    bool shaking = c->wire.shaking;
    bool over = c->dead || (!shaking && !write_some(c)) || c->dead;
    bool unsent = c->out_at < c->out.len;
    over = over || c->evicted;
    if (!over && !unsent && !shaking)
        over = c->close_when_sent ||
               (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session));
    bool read = !c->close_when_sent && (!unsent || c->held_len < CS_FRONT_HELD_READ_LEN);
    if (!over)
        over = !arm(c->read_event, &c->reading, read) ||
               !arm(c->write_event, &c->writing, unsent || c->wire.wants_write);
    c->touched = false; /* only now: a touch while writing must not list what is about to be freed */
    if (over)
        cs_conn_free(c);
}

static int64_t age_s(int64_t now_mono_us, int64_t since_mono_us)
{
    return (now_mono_us - since_mono_us) / 1000000;
}

static void stream_tick(struct cs_stream *s, int64_t now_mono_us)
{
    int64_t s_age_s = age_s(now_mono_us, s->since_mono_us);
    switch (s->state) {
    case CS_STREAM_HEAD:
        if (s_age_s >= CS_FRONT_HEAD_MAX_S)
            cs_conn_kill(s->conn, "header block not finished in time");
        break;
    case CS_STREAM_BODY:
        if (now_mono_us >= s->deadline_mono_us || s_age_s >= CS_FRONT_CALL_MAX_S)
            cs_respond_status(s, CS_GRPC_DEADLINE_EXCEEDED,
                              "the deadline passed before the request was whole");
        break;
    case CS_STREAM_TALKING:
        if (now_mono_us >= s->deadline_mono_us)
            cs_respond_status(s, CS_GRPC_DEADLINE_EXCEEDED, "the deadline of the stream passed");
        else if (cs_parts_unsent(s) > 0 && s_age_s >= CS_FRONT_STALL_MAX_S)
            cs_conn_kill(s->conn, "an answer was not taken in time");
        break;
    case CS_STREAM_WAITING: /* calls.c has its timer */
        if (cs_parts_unsent(s) > 0 && s_age_s >= CS_FRONT_STALL_MAX_S)
            cs_conn_kill(s->conn, "an answer was not taken in time");
        break;
    case CS_STREAM_ANSWERED:
        if (s_age_s >= CS_FRONT_STALL_MAX_S)
            cs_conn_kill(s->conn, "an answer was not taken in time");
        break;
    }
}

void cs_conn_tick(struct cs_conn *c, int64_t now_mono_us)
{
    if (c->wire.shaking) {
        cs_conn_shake_tick(c, now_mono_us);
        return;
    }
    cs_conn_expire(c);
    if (!c->settled && age_s(now_mono_us, c->open_mono_us) >= CS_FRONT_PREFACE_MAX_S)
        cs_conn_kill(c, "no HTTP/2 settings in time");
    if (c->out_at < c->out.len && age_s(now_mono_us, c->moved_mono_us) >= CS_FRONT_STALL_MAX_S)
        cs_conn_kill(c, "nothing was read in time");
    for (struct cs_stream *s = c->streams; s != NULL && !c->dead; s = s->next)
        stream_tick(s, now_mono_us);
    if (c->n_streams == 0 && age_s(now_mono_us, c->idle_mono_us) >= CS_FRONT_IDLE_MAX_S)
        cs_session_goaway(c);
    cs_life_tick(c, now_mono_us);
}
