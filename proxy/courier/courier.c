#include "proxy/courier/courier.h"

#include <poll.h>
#include <unistd.h>

#include "proxy/ipc/messages.h"
#include "proxy/ipc/process.h"

static CS_RESULT on_hello(void *ctx, struct cs_chan *ch, const struct cs_msg *m)
{
    (void)ch;
    struct cs_courier *c = ctx;
    struct cs_hello hello;
    CS_TRY(cs_hello_get(m->body, &hello));
    if (hello.version != CS_IPC_VERSION)
        return CS_ERR(PEER_ERRS);
    cs_dispatch_open(c->table, CS_MSG_ERRAND);
    return CS_OK;
}

static CS_RESULT on_errand(void *ctx, struct cs_chan *ch, const struct cs_msg *m)
{
    (void)ch;
    struct cs_courier *c = ctx;
    struct cs_errand errand;
    CS_TRY(cs_errand_get(m->body, &errand));
    if (errand.witness >= c->n)
        return CS_ERR(PEER_ERRS);
    return cs_trip_begin(c, &c->trip[errand.witness], m->id, &errand);
}

static void keep_url(char out[CS_ROUTE_URL_MAX_LEN + 1], struct cs_span url)
{
    memcpy(out, url.at, url.len);
    out[url.len] = '\0';
}

CS_RESULT cs_courier_init(struct cs_courier *c, const struct cs_routes *routes, int take_gate_fd)
{
    static const struct cs_dispatch table[] = {
        { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello },
        { CS_MSG_ERRAND, CS_MSG_ERRAND_MAX_LEN, 0, on_errand }, /* on_hello opens it */
        { 0, 0, 0, NULL },
    };
    memcpy(c->table, table, sizeof table);
    c->n = routes->n;
    for (uint32_t i = 0; i < c->n; i++) {
        keep_url(c->trip[i].add_url, routes->route[i].add_url);
        keep_url(c->trip[i].read_url, routes->route[i].read_url);
    }
    CS_TRY(cs_chan_init(&c->gate, take_gate_fd, CS_COURIER_CHANNEL_MAX, CS_COURIER_CHANNEL_MAX));
    c->multi = curl_multi_init();
    if (c->multi == NULL)
        return CS_ERR(NO_MEMORY);
    const struct cs_hello hello = { .version = CS_IPC_VERSION };
    return cs_hello_put(&c->gate, &hello);
}

void cs_courier_done(struct cs_courier *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct cs_trip *t = &c->trip[i];
        if (t->busy)
            (void)curl_multi_remove_handle(c->multi, t->easy);
        curl_easy_cleanup(t->easy);
        curl_slist_free_all(t->headers);
        cs_buf_done(&t->body);
        cs_buf_done(&t->answer);
    }
    if (c->multi != NULL)
        (void)curl_multi_cleanup(c->multi);
    cs_chan_done(&c->gate);
}

static CS_RESULT soft(cs_result r)
{
    return cs_is(r, CS_NUM_AGAIN) ? CS_OK : r;
}

static CS_RESULT end_trips(struct cs_courier *c)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;) {
        struct cs_trip *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        CS_TRY(cs_trip_end(c, t, m->data.result));
    }
    return CS_OK;
}

CS_RESULT cs_courier_run(struct cs_courier *c)
{
    for (;;) {
        int running;
        if (curl_multi_perform(c->multi, &running) != CURLM_OK)
            return CS_ERR(IO);
        CS_TRY(end_trips(c));
        cs_result flushed = cs_chan_flush(&c->gate);
        if (cs_is(flushed, CS_NUM_PEER_GONE))
            return CS_OK; /* a gate that is gone needs no answers */
        CS_TRY(soft(flushed));
        struct curl_waitfd w[2] = {
            { .fd = c->lifeline_fd, .events = CURL_WAIT_POLLIN },
            { .fd = c->gate.fd, .events = CURL_WAIT_POLLIN },
        };
        if (cs_chan_wants_write(&c->gate))
            w[1].events |= CURL_WAIT_POLLOUT;
        if (curl_multi_poll(c->multi, w, 2, 60000, NULL) != CURLM_OK)
            return CS_ERR(IO);
        if (w[0].revents != 0)
            return CS_OK; /* the parent says one thing only: the end */
        if (w[1].revents == 0)
            continue;
        cs_result r = cs_chan_fill(&c->gate);
        if (cs_is(r, CS_NUM_PEER_GONE))
            return CS_OK;
        CS_TRY(soft(r));
        CS_TRY(cs_dispatch_run(c->table, &c->gate, c));
    }
}
