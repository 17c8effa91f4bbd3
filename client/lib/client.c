#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/lib/conn.h"
#include "proxy/base/clock.h"

static void list_put(struct cs_client_list *list, struct cs_client_call *call)
{
    call->next = NULL;
    call->link = list->last;
    *list->last = call;
    list->last = &call->next;
}

static void list_take(struct cs_client_list *list, struct cs_client_call *call)
{
    *call->link = call->next;
    if (call->next != NULL)
        call->next->link = call->link;
    else
        list->last = call->link;
}

static void call_free(struct cs_client_call *call)
{
    if (call == NULL)
        return;
    cs_buf_done(&call->request);
    cs_client_answer_done(&call->answer);
    free(call);
}

void cs_client_answer_done(struct cs_client_answer *a)
{
    if (a == NULL)
        return;
    cs_buf_done(&a->message);
    cs_buf_done(&a->details);
    cs_buf_done(&a->response);
}

void cs_client_finish(struct cs_client_call *call)
{
    struct cs_client *c = call->client;
    if (call->late) { /* the caller has its answer */
        list_take(&c->late, call);
        call_free(call);
        return;
    }
    list_take(&c->flying, call);
    c->n_flying--;
    if (call->deadline_mono_us != INT64_MAX)
        c->n_with_deadline--;
    list_put(&c->finished, call);
    c->n_finished++;
}

static cs_result start(const struct cs_link *link, const char *authority, struct cs_client **out)
{
    struct cs_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return CS_ERR(NO_MEMORY);
    c->flying.last = &c->flying.first;
    c->finished.last = &c->finished.first;
    c->late.last = &c->late.first;
    c->link.fd = -1;
    c->is_tls = link->tls != NULL;
    memcpy(c->authority, authority, strlen(authority) + 1);
    cs_result r = cs_client_session_new(c);
    if (!cs_ok(r)) {
        cs_client_close(c);
        return r;
    }
    c->link = *link;
    *out = c;
    return CS_OK;
}

static int64_t deadline_of(unsigned timeout_ms)
{
    return timeout_ms > 0 ? cs_clock_mono_us() + timeout_ms * INT64_C(1000) : INT64_MAX;
}

CS_RESULT cs_client_open(const char *socket_path, struct cs_client **out, struct cs_note *note)
{
    return cs_client_open_unix(socket_path, 0, out, note);
}

CS_RESULT cs_client_open_unix(const char *socket_path, unsigned timeout_ms, struct cs_client **out,
                              struct cs_note *note)
{
    struct cs_link link;
    CS_TRY(cs_link_open_unix(socket_path, deadline_of(timeout_ms), &link, note));
    cs_result r = start(&link, "localhost", out);
    if (!cs_ok(r))
        cs_link_close(&link);
    return r;
}

CS_RESULT cs_client_open_tls(const struct cs_client_tls *to, unsigned timeout_ms, struct cs_client **out,
                             struct cs_note *note)
{
    const char *name = to->name != NULL ? to->name : to->host;
    char authority[CS_CLIENT_AUTHORITY_LEN];
    bool v6 = strchr(name, ':') != NULL;
    int len =
        snprintf(authority, sizeof authority, "%s%s%s:%s", v6 ? "[" : "", name, v6 ? "]" : "", to->port);
    if (len < 0 || (size_t)len >= sizeof authority) {
        cs_note_set(note, "%.40s...: server name and port are longer than %zu characters", name,
                    sizeof authority - 1);
        return CS_ERR(ARGUMENT);
    }
    struct cs_link link;
    CS_TRY(cs_link_open_tls(to, deadline_of(timeout_ms), &link, note));
    cs_result r = start(&link, authority, out);
    if (!cs_ok(r))
        cs_link_close(&link);
    return r;
}

static void list_free(struct cs_client_list *list)
{
    while (list->first != NULL) {
        struct cs_client_call *call = list->first;
        list_take(list, call);
        call_free(call);
    }
}

void cs_client_close(struct cs_client *c)
{
    if (c == NULL)
        return;
    nghttp2_session_del(c->session);
    list_free(&c->flying);
    list_free(&c->finished);
    list_free(&c->late);
    cs_link_close(&c->link);
    cs_buf_done(&c->out);
    free(c);
}

size_t cs_client_in_flight(const struct cs_client *c)
{
    return c->n_flying + c->n_finished;
}

int cs_client_fd(const struct cs_client *c)
{
    return c->link.fd;
}

const char *cs_client_failure(const struct cs_client *c)
{
    return c->failure.text;
}

static cs_result lost(struct cs_client *c, const char *why)
{
    if (!c->lost)
        cs_note_set(&c->failure, "connection lost with %zu calls in flight: %s", c->n_flying, why);
    c->lost = true;
    return CS_ERR(PEER_GONE);
}

static bool gather(struct cs_client *c)
{
    enum { GATHER_LEN = 256 * 1024 };
    cs_buf_reset(&c->out);
    c->out_at = 0;
    while (c->out.len < GATHER_LEN) {
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

CS_RESULT cs_client_flush(struct cs_client *c)
{
    for (;;) {
        if (c->lost)
            return CS_ERR(PEER_GONE);
        if (c->out_at == c->out.len) {
            if (!gather(c))
                return lost(c, "no memory for frames");
            if (c->out.len == 0)
                return CS_OK;
        }
        ssize_t n = cs_link_send(&c->link, c->out.at + c->out_at, c->out.len - c->out_at);
        if (n >= 0)
            c->out_at += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return CS_OK;
        else if (errno == EPIPE || errno == ECONNRESET)
            return CS_OK; /* what the server said before it closed is still to be read */
        else if (errno != EINTR)
            return lost(c, strerror(errno));
    }
}

static cs_result take_bytes(struct cs_client *c)
{
    uint8_t in[64 * 1024];
    do {
        ssize_t n = cs_link_recv(&c->link, in, sizeof in);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return CS_OK;
        if (n == 0)
            return lost(c, "the server closed it");
        if (n < 0)
            return lost(c, strerror(errno));
        ssize_t took = nghttp2_session_mem_recv(c->session, in, (size_t)n);
        if (took < 0)
            return lost(c, nghttp2_strerror((int)took));
    } while (cs_link_pending(&c->link));
    return CS_OK;
}

bool cs_client_usable(struct cs_client *c)
{
    return !c->lost && cs_ok(take_bytes(c)) && nghttp2_session_check_request_allowed(c->session) != 0;
}

/* The caller gets status 4 at once; the call itself stays until nghttp2 lets go of its request. */
static bool expire_one(struct cs_client *c, struct cs_client_call *call)
{
    struct cs_client_call *late = calloc(1, sizeof *late);
    if (late == NULL)
        return false;
    late->client = c;
    late->answer.id = call->answer.id;
    late->deadline_mono_us = call->deadline_mono_us;
    cs_client_fill_status(late, 4, "the deadline passed before an answer came");
    list_take(&c->flying, call);
    list_put(&c->late, call);
    call->late = true;
    list_put(&c->flying, late);
    cs_client_finish(late);
    return nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL) == 0;
}

/* Sets *out_mono_us to the next deadline, INT64_MAX if there is none. */
static CS_RESULT expire(struct cs_client *c, int64_t *out_mono_us)
{
    int64_t first_us = INT64_MAX, now_us = c->n_with_deadline > 0 ? cs_clock_mono_us() : 0;
    for (struct cs_client_call *call = c->n_with_deadline > 0 ? c->flying.first : NULL, *next; call != NULL;
         call = next) {
        next = call->next;
        if (call->deadline_mono_us <= now_us) {
            if (!expire_one(c, call))
                return CS_ERR(NO_MEMORY);
        } else if (call->deadline_mono_us < first_us) {
            first_us = call->deadline_mono_us;
        }
    }
    *out_mono_us = first_us;
    return CS_OK;
}

static CS_RESULT send_call(struct cs_client *c, const char *path, struct cs_span request, unsigned timeout_ms,
                           cs_client_part part, void *part_ctx, uint64_t *out_id)
{
    if (c->lost)
        return CS_ERR(PEER_GONE);
    if (request.len > CS_CLIENT_REQUEST_MAX_LEN)
        return CS_ERR(LIMIT);
    struct cs_client_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return CS_ERR(NO_MEMORY);
    call->client = c;
    call->part = part;
    call->part_ctx = part_ctx;
    call->answer.response.max = CS_CLIENT_ANSWER_MAX_LEN;
    call->deadline_mono_us = deadline_of(timeout_ms);
    cs_buf_put_u8(&call->request, 0);
    cs_buf_put_u32(&call->request, (uint32_t)request.len);
    cs_buf_put(&call->request, request.at, request.len);
    cs_result r = cs_buf_end(&call->request);
    if (cs_ok(r))
        r = cs_client_submit(c, call, path, timeout_ms);
    if (!cs_ok(r)) {
        call_free(call);
        return r;
    }
    call->answer.id = ++c->n_ever;
    list_put(&c->flying, call);
    c->n_flying++;
    if (timeout_ms > 0)
        c->n_with_deadline++;
    *out_id = call->answer.id;
    return CS_OK;
}

CS_RESULT cs_client_send(struct cs_client *c, const char *path, struct cs_span request, unsigned timeout_ms,
                         uint64_t *out_id)
{
    return send_call(c, path, request, timeout_ms, NULL, NULL, out_id);
}

static void hand_over(struct cs_client *c, struct cs_client_call *call, struct cs_client_answer *out)
{
    list_take(&c->finished, call);
    c->n_finished--;
    *out = call->answer;
    call->answer = (struct cs_client_answer){ 0 };
    call_free(call);
}

/* Waits until bytes can be moved or until_us has come. */
static cs_result wait_for(struct cs_client *c, int64_t until_us)
{
    int wait_ms = -1;
    if (until_us != INT64_MAX) {
        int64_t left_us = until_us - cs_clock_mono_us();
        wait_ms = left_us <= 0 ? 0 : left_us > 3600000000 ? 3600000 : (int)((left_us + 999) / 1000);
    }
    struct pollfd p = { .fd = c->link.fd, .events = cs_link_events(&c->link, c->out_at < c->out.len) };
    if (poll(&p, 1, wait_ms) < 0 && errno != EINTR)
        return lost(c, strerror(errno));
    return p.revents & (POLLIN | POLLHUP | POLLERR) ? take_bytes(c) : CS_OK;
}

/* Returns call id, or any finished call for id 0. */
static struct cs_client_call *finished_call(const struct cs_client *c, uint64_t id)
{
    struct cs_client_call *call = c->finished.first;
    while (call != NULL && id != 0 && call->answer.id != id)
        call = call->next;
    return call;
}

static cs_result await(struct cs_client *c, uint64_t id, int wait_ms, struct cs_client_answer *out)
{
    int64_t give_up_us = wait_ms < 0 ? INT64_MAX : cs_clock_mono_us() + wait_ms * INT64_C(1000);
    for (bool waited = false;; waited = true) {
        struct cs_client_call *call = finished_call(c, id);
        if (call != NULL) {
            hand_over(c, call, out);
            return CS_OK;
        }
        if (c->n_flying == 0)
            return c->lost ? CS_ERR(PEER_GONE) : CS_ERR(NOT_FOUND);
        if (waited && cs_clock_mono_us() >= give_up_us)
            return CS_ERR(AGAIN);
        int64_t next_us;
        CS_TRY(expire(c, &next_us));
        CS_TRY(cs_client_flush(c));
        if (finished_call(c, id) == NULL)
            CS_TRY(wait_for(c, next_us < give_up_us ? next_us : give_up_us));
    }
}

CS_RESULT cs_client_poll(struct cs_client *c, int wait_ms, struct cs_client_answer *out)
{
    return await(c, 0, wait_ms, out);
}

CS_RESULT cs_client_call(struct cs_client *c, const char *path, struct cs_span request, unsigned timeout_ms,
                         struct cs_client_answer *out)
{
    uint64_t id;
    CS_TRY(cs_client_send(c, path, request, timeout_ms, &id));
    return await(c, id, -1, out);
}

CS_RESULT cs_client_stream(struct cs_client *c, const char *path, struct cs_span request, unsigned timeout_ms,
                           cs_client_part part, void *ctx, struct cs_client_answer *out)
{
    uint64_t id;
    CS_TRY(send_call(c, path, request, timeout_ms, part, ctx, &id));
    return await(c, id, -1, out);
}
