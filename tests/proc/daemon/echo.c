/*
 * A gate for the real front under the real countersignd: answers each call with the names of its peer and
 * the request ("listener=api names=a.example,b.example REQUEST"); "wait N" answers after N milliseconds.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "proxy/ipc/dispatch.h"
#include "proxy/ipc/messages.h"
#include "proxy/ipc/process.h"

static cs_result on_hello(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)ctx, (void)c;
    struct cs_hello hello;
    return cs_hello_get(m->body, &hello);
}

static cs_result on_call(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)ctx;
    struct cs_msg_call call;
    CS_TRY(cs_msg_call_get(m->body, &call));
    CS_AUTO_BUF struct cs_buf out = { 0 };
    cs_buf_printf(&out, "listener=%u:%.*s names=", call.peer.listener, (int)call.peer.listener_name.len,
                  (const char *)call.peer.listener_name.at);
    for (uint32_t i = 0; i < call.peer.n_names; i++)
        cs_buf_printf(&out, "%s%.*s", i > 0 ? "," : "", (int)call.peer.name[i].len,
                      (const char *)call.peer.name[i].at);
    cs_buf_put_str(&out, " ");
    cs_buf_put(&out, call.request.at, call.request.len);
    cs_buf_put_u8(&out, 0);
    CS_TRY(cs_buf_end(&out));
    int ms = 0;
    const char *wait = strstr((const char *)out.at, "wait ");
    if (wait != NULL && (ms = atoi(wait + 5)) > 0) {
        struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
        (void)nanosleep(&t, NULL);
    }
    struct cs_msg_answer answer = { .response = cs_span_of(out.at, out.len - 1) };
    return cs_msg_answer_put(c, m->id, &answer);
}

static cs_result on_cancel(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)ctx, (void)c, (void)m;
    return CS_OK; /* the answer comes anyhow */
}

static struct cs_dispatch table[] = {
    { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello },
    { CS_MSG_CALL, CS_MSG_CALL_MAX_LEN, CS_DISPATCH_OPEN, on_call },
    { CS_MSG_CANCEL, 0, CS_DISPATCH_OPEN, on_cancel },
    { 0 },
};

int main(void)
{
    struct cs_chan front;
    struct cs_hello hello = { .version = CS_IPC_VERSION };
    if (!cs_ok(cs_chan_init(&front, CS_FD_GATE_FRONT, 2 * CS_MSG_CALL_MAX_LEN, 4 * CS_MSG_ANSWER_MAX_LEN)) ||
        !cs_ok(cs_hello_put(&front, &hello)) || write(CS_FD_LIFELINE, "R", 1) != 1)
        return 1;
    for (;;) {
        cs_result r = cs_chan_flush(&front);
        if (!cs_ok(r) && !cs_is(r, CS_NUM_AGAIN))
            break;
        struct pollfd p[2] = { { .fd = CS_FD_GATE_FRONT, .events = POLLIN },
                               { .fd = CS_FD_LIFELINE, .events = POLLIN } };
        if (cs_chan_wants_write(&front))
            p[0].events |= POLLOUT;
        if (poll(p, 2, -1) < 0)
            break;
        if (p[0].revents != 0) {
            r = cs_chan_fill(&front);
            if (cs_ok(r))
                r = cs_dispatch_run(table, &front, NULL);
            if (!cs_ok(r) && !cs_is(r, CS_NUM_AGAIN))
                break;
        }
        if (p[1].revents != 0)
            break;
    }
    cs_chan_done(&front);
    return 0;
}
