#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/front/front.h"
#include "proxy/ipc/process.h"
#include "proxy/reflection/reflection.h"

static bool listen_on(struct cs_front *f)
{
    f->listening = true;
    for (unsigned i = 0; i < f->conf.n_listeners; i++)
        if (f->listen_event[i] == NULL || event_add(f->listen_event[i], NULL) != 0)
            return false;
    return true;
}

static void listen_off(struct cs_front *f)
{
    f->listening = false;
    for (unsigned i = 0; i < f->conf.n_listeners; i++)
        if (f->listen_event[i] != NULL)
            (void)event_del(f->listen_event[i]);
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct cs_front *f = arg;
    enum { AT_ONCE = 64 };
    for (int i = 0; i < AT_ONCE; i++) {
        if (f->n_conns == CS_FRONT_SLOTS)
            return; /* those that are closed leave at the end of the turn */
        int conn_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (conn_fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR)
                return;
            if (cs_crowd_shed(f))
                return; /* its descriptor is free at the end of the turn */
            cs_log(CS_LOG_ERROR, "accept_paused", "accept: %s", strerror(errno));
            listen_off(f); /* descriptors or memory are short: the next tick tries again */
            return;
        }
        unsigned listener = (unsigned)(fd - CS_FD_FRONT_LISTEN);
        if (f->conf.listener[listener].metrics) {
            cs_scrape_open(f, conn_fd);
            continue;
        }
        cs_result r = cs_conn_open(f, listener, conn_fd);
        /* a full table is counted, not logged for each */
        if (!cs_ok(r) && !cs_is(r, CS_NUM_FULL) && !cs_is(r, CS_NUM_PEER_GONE))
            cs_log(CS_LOG_ERROR, "accept", "connection not opened: %s", cs_result_text(r));
    }
}

/* recv_word takes one byte and the descriptor that came with it. */
static ssize_t recv_word(int fd, uint8_t *out_byte, int *out_fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec one = { out_byte, 1 };
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(out_fd, CMSG_DATA(c), sizeof *out_fd);
    return n;
}

static void on_lifeline(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct cs_front *f = arg;
    uint8_t byte;
    CS_AUTO_FD int with = -1;
    ssize_t n = recv_word(fd, &byte, &with);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n == 1 && byte == CS_LIFELINE_DRAIN) {
        cs_front_drain(f);
    } else if (n == 1 && byte == CS_LIFELINE_TLS && with >= 0) {
        cs_front_take_material(f, with);
        with = -1;
    } else if (n == 1) {
        cs_log(CS_LOG_ERROR, "lifeline", "byte 0x%02x is no word of the parent", byte);
        cs_front_end(f, 1);
    } else {
        cs_front_end(f, 0); /* the parent is gone or wants the end */
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct cs_front *f = arg;
    int64_t now_mono_us = cs_clock_mono_us();
    bool cut = f->draining && (now_mono_us - f->drain_mono_us) / 1000000 >= CS_FRONT_DRAIN_MAX_S;
    for (size_t i = 0; i < CS_FRONT_SLOTS; i++) {
        if (f->conn[i] == NULL)
            continue;
        if (cut)
            cs_conn_kill(f->conn[i], "still open at the end of the drain");
        else
            cs_conn_tick(f->conn[i], now_mono_us);
    }
    cs_scrape_tick(f, now_mono_us);
    bool serving = f->listen_event[0] != NULL && !f->draining;
    if (serving && !f->listening && !listen_on(f))
        cs_front_end(f, 1);
}

static CS_RESULT base_new(struct cs_front *f)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        return CS_ERR(NO_MEMORY);
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    f->base = event_base_new_with_config(config);
    event_config_free(config);
    return f->base == NULL ? CS_ERR(NO_MEMORY) : CS_OK;
}

static CS_RESULT read_conf(struct cs_front *f)
{
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    CS_TRY(cs_read_fd(CS_FD_FRONT_CONF, CS_FRONTCONF_MAX_LEN, &bytes));
    (void)close(CS_FD_FRONT_CONF);
    return cs_frontconf_get(cs_buf_span(&bytes), &f->conf);
}

CS_RESULT cs_front_open(struct cs_front *f)
{
    f->gate.fd = -1;
    CS_TRY(read_conf(f));
    CS_TRY(cs_front_first_material(f));
    CS_TRY(base_new(f));
    CS_TRY(cs_session_setup(f));
    CS_TRY(cs_reflect_open(f));
    CS_TRY(cs_set_nonblocking(CS_FD_LIFELINE));
    for (unsigned i = 0; i < f->conf.n_listeners; i++)
        CS_TRY(cs_set_nonblocking(CS_FD_FRONT_LISTEN + (int)i));
    f->lifeline_event = event_new(f->base, CS_FD_LIFELINE, EV_READ | EV_PERSIST, on_lifeline, f);
    f->tick_event = event_new(f->base, -1, EV_PERSIST, on_tick, f);
    static const struct timeval second = { .tv_sec = 1 };
    if (f->lifeline_event == NULL || f->tick_event == NULL || event_add(f->lifeline_event, NULL) != 0 ||
        event_add(f->tick_event, &second) != 0)
        return CS_ERR(NO_MEMORY);
    return cs_gate_open(f, CS_FD_FRONT_GATE);
}

CS_RESULT cs_front_serve(struct cs_front *f)
{
    for (unsigned i = 0; i < f->conf.n_listeners; i++) {
        int fd = CS_FD_FRONT_LISTEN + (int)i;
        f->listen_event[i] = event_new(f->base, fd, EV_READ | EV_PERSIST, on_connection, f);
    }
    if (!listen_on(f))
        return CS_ERR(NO_MEMORY);
    static const uint8_t ready = CS_LIFELINE_READY;
    CS_TRY(cs_write_all(CS_FD_LIFELINE, cs_span_of(&ready, 1)));
    cs_log(CS_LOG_INFO, "serving", "%u listening sockets", f->conf.n_listeners);
    return CS_OK;
}

void cs_front_drain(struct cs_front *f)
{
    if (f->draining)
        return;
    f->draining = true;
    f->drain_mono_us = cs_clock_mono_us();
    cs_log(CS_LOG_INFO, "drain", "%u connections, %u calls at the gate", f->n_conns, f->calls.n_taken);
    listen_off(f);
    for (unsigned i = 0; i < f->conf.n_listeners; i++)
        (void)close(CS_FD_FRONT_LISTEN + (int)i); /* clients see a refused connection, not silence */
    for (size_t i = 0; i < CS_FRONT_SLOTS; i++)
        if (f->conn[i] != NULL)
            cs_session_shutdown_notice(f->conn[i]);
}

void cs_front_end(struct cs_front *f, int exit_code)
{
    if (!f->end)
        f->exit_code = exit_code;
    f->end = true;
    (void)event_base_loopbreak(f->base);
}

int cs_front_run(struct cs_front *f)
{
    cs_gate_flush(f);
    while (!f->end) {
        if (event_base_loop(f->base, EVLOOP_ONCE) < 0) {
            cs_log(CS_LOG_ERROR, "loop", "event loop failed: %s", strerror(errno));
            cs_front_end(f, 1);
            break;
        }
        while (f->touched != NULL) {
            struct cs_conn *c = f->touched;
            f->touched = c->next_touched;
            cs_conn_turn_end(c);
        }
        cs_gate_flush(f);
        if (f->draining && f->n_conns == 0)
            cs_front_end(f, 0);
    }
    return f->exit_code;
}

void cs_front_close(struct cs_front *f)
{
    for (size_t i = 0; i < CS_FRONT_SLOTS; i++)
        if (f->conn[i] != NULL)
            cs_conn_free(f->conn[i]);
    cs_scrape_close_all(f);
    cs_reflection_free(f->reflection);
    for (unsigned i = 0; i < f->conf.n_listeners; i++)
        if (f->listen_event[i] != NULL)
            event_free(f->listen_event[i]);
    if (f->lifeline_event != NULL)
        event_free(f->lifeline_event);
    if (f->tick_event != NULL)
        event_free(f->tick_event);
    cs_gate_close(f);
    nghttp2_session_callbacks_del(f->callbacks);
    nghttp2_option_del(f->option);
    nghttp2_option_del(f->tls_option);
    cs_tls_free(f->tls);
    if (f->base != NULL)
        event_base_free(f->base);
    libevent_global_shutdown();
}
