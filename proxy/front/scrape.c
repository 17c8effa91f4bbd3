/* Listeners of metrics: one small HTTP/1 request a connection; the gate's numbers, then our own. */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/front/front.h"
#include "proxy/front/http.h"

enum { SCRAPE_MAX_S = 10 }; /* from connect to close */

struct cs_scrape {
    struct cs_front *front;
    unsigned slot;
    int fd;
    struct event *read_event, *write_event;
    int64_t open_mono_us;
    struct cs_buf in, out;
    size_t out_at;
    uint64_t call; /* at the gate, or 0 */
    bool answered;
};

static void scrape_close(struct cs_scrape *s)
{
    if (s->call != 0)
        cs_gate_cancel(s->front, s->call);
    if (s->read_event != NULL)
        event_free(s->read_event);
    if (s->write_event != NULL)
        event_free(s->write_event);
    (void)close(s->fd);
    cs_buf_done(&s->in);
    cs_buf_done(&s->out);
    s->front->scrape[s->slot] = NULL;
    free(s);
}

static void gauges_now(const struct cs_front *f, struct cs_gauges *g)
{
    *g = (struct cs_gauges){
        .conns = f->n_conns, .bodies_len = f->bodies_len, .held_len = f->held_len, .draining = f->draining
    };
    for (size_t i = 0; i < CS_FRONT_SLOTS; i++)
        if (f->conn[i] != NULL)
            g->streams += f->conn[i]->n_streams;
    for (size_t i = 0; i < CS_CALLS_MAX; i++)
        if (f->calls.slot[i].id != 0)
            g->calls[f->calls.slot[i].method]++;
}

/* Writes what the socket takes. When all has gone the other side hears so and closes: a close of ours
 * with bytes unread would take the answer away from it. */
static void scrape_write(struct cs_scrape *s)
{
    while (s->out_at < s->out.len) {
        ssize_t n = send(s->fd, s->out.at + s->out_at, s->out.len - s->out_at, MSG_NOSIGNAL);
        if (n >= 0)
            s->out_at += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR)
            break;
    }
    if (s->out_at < s->out.len || shutdown(s->fd, SHUT_WR) != 0 || event_del(s->write_event) != 0)
        scrape_close(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    scrape_write(arg);
}

static void scrape_end(struct cs_scrape *s, enum cs_http_ask ask, const struct cs_msg_answer *m)
{
    CS_AUTO_BUF struct cs_buf body = { 0 };
    bool gate_answered = m != NULL && m->status == CS_GRPC_OK;
    s->answered = true;
    if (gate_answered)
        cs_buf_put(&body, m->response.at, m->response.len);
    if (body.len > 0 && body.at[body.len - 1] != '\n')
        cs_buf_put_u8(&body, '\n');
    if (ask == CS_HTTP_FINE) {
        struct cs_gauges gauges;
        gauges_now(s->front, &gauges);
        s->front->counts.handshake_failures = s->front->tls_refusals.n;
        cs_counts_put(&body, &s->front->counts, &gauges);
    }
    cs_http_answer(&s->out, ask, gate_answered, cs_buf_span(&body));
    if (body.failed || s->out.failed || event_add(s->write_event, NULL) != 0)
        scrape_close(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct cs_scrape *s = arg;
    uint8_t *at = s->front->read_at; /* nothing of it is kept across callbacks */
    ssize_t n = recv(fd, at, CS_HTTP_HEAD_MAX_LEN, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n > 0 && s->answered)
        return; /* what came with the request is dropped */
    if (n > 0 && s->call == 0) {
        cs_buf_put(&s->in, at, (size_t)n);
        enum cs_http_ask ask = s->in.failed ? CS_HTTP_TOO_LARGE : cs_http_judge(cs_buf_span(&s->in));
        if (ask == CS_HTTP_MORE)
            return;
        s->front->counts.scrapes++;
        if (ask != CS_HTTP_FINE || !cs_gate_numbers(s->front, s->slot, &s->call))
            scrape_end(s, ask, NULL);
        return;
    }
    /* The client is gone, or sends more than one request, which is nobody's right here. */
    scrape_close(s);
}

void cs_scrape_answer(struct cs_front *f, unsigned slot, const struct cs_msg_answer *m)
{
    struct cs_scrape *s = slot < CS_FRONT_SCRAPES_MAX ? f->scrape[slot] : NULL;
    if (s == NULL || s->answered)
        return;
    s->call = 0;
    scrape_end(s, CS_HTTP_FINE, m);
}

void cs_scrape_open(struct cs_front *f, int take_fd)
{
    unsigned slot = 0; /* a free one, else the oldest */
    for (unsigned i = 1; i < CS_FRONT_SCRAPES_MAX && f->scrape[slot] != NULL; i++)
        if (f->scrape[i] == NULL || f->scrape[i]->open_mono_us < f->scrape[slot]->open_mono_us)
            slot = i;
    if (f->scrape[slot] != NULL)
        scrape_close(f->scrape[slot]); /* a new one is not kept out by those that only sit there */
    struct cs_scrape *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)close(take_fd);
        f->counts.refused[CS_REFUSED_MEMORY]++;
        return;
    }
    *s = (struct cs_scrape){ .front = f,
                             .slot = slot,
                             .fd = take_fd,
                             .open_mono_us = cs_clock_mono_us(),
                             .in = { .max = 2 * CS_HTTP_HEAD_MAX_LEN } };
    f->scrape[slot] = s;
    s->read_event = event_new(f->base, take_fd, EV_READ | EV_PERSIST, on_readable, s);
    s->write_event = event_new(f->base, take_fd, EV_WRITE | EV_PERSIST, on_writable, s);
    if (s->read_event == NULL || s->write_event == NULL || event_add(s->read_event, NULL) != 0) {
        f->counts.refused[CS_REFUSED_MEMORY]++;
        scrape_close(s);
    }
}

void cs_scrape_tick(struct cs_front *f, int64_t now_mono_us)
{
    for (unsigned i = 0; i < CS_FRONT_SCRAPES_MAX; i++)
        if (f->scrape[i] != NULL && (now_mono_us - f->scrape[i]->open_mono_us) / 1000000 >= SCRAPE_MAX_S)
            scrape_close(f->scrape[i]);
}

void cs_scrape_close_all(struct cs_front *f)
{
    for (unsigned i = 0; i < CS_FRONT_SCRAPES_MAX; i++)
        if (f->scrape[i] != NULL)
            scrape_close(f->scrape[i]);
}
