/*
 * echo_gate <countersign-front> <socket path> [TLS material]: parent and gate for the real front.
 * It listens on the path (listener "door"), with TLS material also on a port of 127.0.0.1 (listener
 * "api-tls"), whose number it writes to <socket path>.port; starts the front with the descriptors of
 * proxy/ipc/process.h, says "ready" on standard output, and answers each CALL as the first word of its
 * request says:
 *
 *   refuse N    status N, a text with bytes to be percent-encoded, and details
 *   text N      status 9 with a text of N bytes and the most details the messages allow
 *   delay N     echo after N milliseconds
 *   never       no answer until CANCEL
 *   size N      an answer of N bytes
 *   describe    method, peer, user agent and milliseconds left, as text; then listener and names
 *   anything    the request itself
 *
 * A streaming call (Health/Watch) is answered with
 *
 *   parts N S   N messages of S bytes as far as credit goes, then status 0
 *   fail N S    the same, then status 9
 *   watch       one message "first", then none until CANCEL
 *   overstep    one message more than the credit
 *   whole       a final answer with a message in it
 *   anything    as a unary call without its message
 *
 * and "stray" on a unary call sends it a part. Metrics are asked for by the front itself: two lines.
 * echo_start.h says how the environment shapes the listeners.
 *
 * A cancelled call is answered too, as the messages want. Lines on standard input: "drain" (byte on
 * the lifeline), "material FILE" (new TLS material), "nonsense" (another byte), "gatedrain" (message), "cut"
 * (closes the lifeline), "hangup" (closes the front's channel), "twice" (answers the next call twice), "late"
 * (from now on cancels are ignored), "deaf" and "hear" (reading from the front stops, goes on), "mute"
 * (metrics are not answered), "stats", "streams". Each line is acknowledged on standard output. At the end it
 * prints the front's exit code and exits with 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/ipc/dispatch.h"
#include "proxy/ipc/frontconf.h"
#include "proxy/ipc/messages.h"
#include "proxy/ipc/process.h"
#include "tests/proc/front/echo_start.h"

enum { PENDING_MAX = 4096 };

struct streaming {
    uint64_t id;
    uint32_t credit, left, len, status;
    bool stays;
};

struct pending {
    uint64_t id;
    int64_t due_mono_us; /* INT64_MAX: never */
    uint8_t *request;
    size_t len;
};

static struct {
    struct cs_chan front;
    int lifeline;
    struct pending pending[PENDING_MAX];
    size_t n_pending, n_calls, n_cancels;
    bool twice, late, deaf, mute;
    struct streaming streaming[PENDING_MAX];
    size_t n_streaming, n_parts, n_more;
} gate = { .front.fd = -1, .lifeline = -1 };

static void answer(uint64_t id, uint32_t status, struct cs_span text, struct cs_span details,
                   struct cs_span response)
{
    struct cs_msg_answer m = { status, text, details, response };
    for (int i = 0; i < (gate.twice ? 2 : 1); i++)
        if (!cs_ok(cs_msg_answer_put(&gate.front, id, &m)))
            echo_die("answer");
    gate.twice = false;
}

static const struct cs_span nothing = { NULL, 0 };

static void describe(uint64_t id, const struct cs_msg_call *m)
{
    CS_AUTO_BUF struct cs_buf out = { 0 };
    cs_buf_printf(&out, "method=%u transport=%u uid=%u gid=%u pid=%u left_ms=%" PRId64 " agent=", m->method,
                  m->peer.transport, m->peer.uid, m->peer.gid, m->peer.pid,
                  (m->deadline_mono_us - cs_clock_mono_us()) / 1000);
    cs_buf_put(&out, m->user_agent.at, m->user_agent.len);
    cs_buf_printf(&out, " listener=%u:%.*s names=", m->peer.listener, (int)m->peer.listener_name.len,
                  (const char *)m->peer.listener_name.at);
    for (uint32_t i = 0; i < m->peer.n_names; i++)
        cs_buf_printf(&out, "%s%.*s", i > 0 ? "," : "", (int)m->peer.name[i].len,
                      (const char *)m->peer.name[i].at);
    char spki[2 * CS_SHA256_LEN + 1];
    cs_hex(cs_sha256_span(&m->peer.spki_sha256), spki);
    cs_buf_printf(&out, " spki=%s", spki);
    answer(id, 0, nothing, nothing, cs_buf_span(&out));
}

static void keep(uint64_t id, int64_t due_mono_us, struct cs_span request)
{
    if (gate.n_pending == PENDING_MAX)
        echo_die("pending");
    uint8_t *copy = malloc(request.len);
    if (copy == NULL)
        echo_die("malloc");
    memcpy(copy, request.at, request.len);
    gate.pending[gate.n_pending++] = (struct pending){ id, due_mono_us, copy, request.len };
}

static void settle(size_t i, uint32_t status)
{
    struct pending p = gate.pending[i];
    gate.pending[i] = gate.pending[--gate.n_pending];
    answer(p.id, status, nothing, nothing, cs_span_of(p.request, status == 0 ? p.len : 0));
    free(p.request);
}

static uint8_t filler[CS_ANSWER_MAX_LEN];

static void part(uint64_t id, struct cs_span message)
{
    if (!cs_ok(cs_msg_part_put(&gate.front, id, message)))
        echo_die("part");
    gate.n_parts++;
}

/* Sends what the credit allows; the final answer behind the last part. */
static void stream_on(size_t i)
{
    struct streaming *s = &gate.streaming[i];
    for (; s->left > 0 && s->credit > 0; s->left--, s->credit--)
        part(s->id, cs_span_of(filler, s->len));
    if (s->left > 0 || s->stays)
        return;
    answer(s->id, s->status, nothing, nothing, nothing);
    gate.streaming[i] = gate.streaming[--gate.n_streaming];
}

static bool stream_start(uint64_t id, const char *word, unsigned n, unsigned len)
{
    struct streaming s = { .id = id, .credit = CS_PARTS_AT_FIRST };
    if (strcmp(word, "parts") == 0 || strcmp(word, "fail") == 0) {
        s.left = n;
        s.len = len;
        s.status = word[0] == 'f' ? 9 : 0;
    } else if (strcmp(word, "watch") == 0) {
        part(id, cs_span_str("first"));
        s.credit--;
        s.stays = true;
    } else if (strcmp(word, "overstep") == 0) {
        for (int i = 0; i <= CS_PARTS_AT_FIRST; i++)
            part(id, nothing);
        s.stays = true;
    } else {
        return false;
    }
    if (gate.n_streaming == PENDING_MAX)
        echo_die("streaming");
    gate.streaming[gate.n_streaming++] = s;
    stream_on(gate.n_streaming - 1);
    return true;
}

static cs_result on_more(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)ctx, (void)c;
    uint32_t n;
    CS_TRY(cs_msg_more_get(m->body, &n));
    gate.n_more += n;
    for (size_t i = 0; i < gate.n_streaming; i++)
        if (gate.streaming[i].id == m->id) {
            gate.streaming[i].credit += n;
            stream_on(i);
            break;
        }
    return CS_OK;
}

static void numbers(uint64_t id, const struct cs_msg_call *m)
{
    static const char text[] = "# HELP countersign_echo_info A gate for tests.\n"
                               "# TYPE countersign_echo_info gauge\ncountersign_echo_info 1\n";
    if (m->peer.transport != CS_TRANSPORT_FRONT || m->request.len != 0)
        echo_die("numbers");
    if (!gate.mute)
        answer(id, 0, nothing, nothing, cs_span_str(text));
    else
        keep(id, INT64_MAX, cs_span_str("-"));
}

static cs_result on_hello(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)ctx, (void)c;
    struct cs_hello hello;
    return cs_hello_get(m->body, &hello);
}

static cs_result on_call(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)ctx, (void)c;
    static const uint8_t details[] = { 8, 9, 0xff };
    struct cs_msg_call call;
    CS_TRY(cs_msg_call_get(m->body, &call));
    if (call.method == CS_METHOD_METRICS) {
        numbers(m->id, &call);
        return CS_OK;
    }
    gate.n_calls++;
    char word[16] = "";
    unsigned n = 0, len = 0;
    char head[64] = "";
    memcpy(head, call.request.at, call.request.len < sizeof head ? call.request.len : sizeof head - 1);
    int n_read = sscanf(head, "%15s %u %u", word, &n, &len);
    bool streams = call.method == CS_METHOD_HEALTH_WATCH;
    if (n_read == 3)
        n_read = 2;
    if (streams && stream_start(m->id, word, n, len))
        return CS_OK;
    if (strcmp(word, "stray") == 0)
        part(m->id, nothing);
    if (strcmp(word, "refuse") == 0 && n_read == 2)
        answer(m->id, n, cs_span_str("no match for \xc3\xbcn\xc3\xaf 100%"),
               cs_span_of(details, sizeof details), nothing);
    else if (strcmp(word, "text") == 0 && n_read == 2)
        answer(m->id, 9, cs_span_of(filler, n), cs_span_of(filler, CS_DETAILS_MAX_LEN), nothing);
    else if (strcmp(word, "size") == 0 && n_read == 2)
        answer(m->id, 0, nothing, nothing, cs_span_of(filler, n));
    else if (strcmp(word, "delay") == 0 && n_read == 2)
        keep(m->id, cs_clock_mono_us() + n * INT64_C(1000), call.request);
    else if (strcmp(word, "never") == 0)
        keep(m->id, INT64_MAX, call.request);
    else if (strcmp(word, "describe") == 0)
        describe(m->id, &call);
    else
        answer(m->id, 0, nothing, nothing, streams && strcmp(word, "whole") != 0 ? nothing : call.request);
    return CS_OK;
}

static cs_result on_cancel(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)ctx, (void)c;
    gate.n_cancels++;
    for (size_t i = 0; i < gate.n_streaming && !gate.late; i++)
        if (gate.streaming[i].id == m->id) {
            gate.streaming[i] = gate.streaming[--gate.n_streaming];
            answer(m->id, 1, nothing, nothing, nothing);
            break;
        }
    for (size_t i = 0; i < gate.n_pending && !gate.late; i++)
        if (gate.pending[i].id == m->id) {
            settle(i, 1);
            break;
        }
    return CS_OK;
}

static struct cs_dispatch table[] = {
    { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello },
    { CS_MSG_CALL, CS_MSG_CALL_MAX_LEN, CS_DISPATCH_OPEN, on_call },
    { CS_MSG_CANCEL, 0, CS_DISPATCH_OPEN, on_cancel },
    { CS_MSG_MORE, 4, CS_DISPATCH_OPEN, on_more },
    { 0 },
};

static void send_material(char *path)
{
    path[strcspn(path, "\n")] = '\0';
    int fd = echo_open_file(path);
    uint8_t word = CS_LIFELINE_TLS;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec one = { &word, 1 };
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS,
                           .cmsg_len = CMSG_LEN(sizeof fd) };
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(gate.lifeline, &m, MSG_NOSIGNAL) != 1)
        echo_die("sendmsg");
    (void)close(fd);
}

static void obey(char *line)
{
    static const uint8_t drain = CS_LIFELINE_DRAIN, nonsense = '?';
    if (strcmp(line, "drain\n") == 0) {
        (void)!write(gate.lifeline, &drain, 1);
    } else if (strcmp(line, "nonsense\n") == 0) {
        (void)!write(gate.lifeline, &nonsense, 1);
    } else if (strncmp(line, "material ", 9) == 0) {
        send_material(line + 9);
    } else if (strcmp(line, "gatedrain\n") == 0) {
        if (!cs_ok(cs_chan_put(&gate.front, CS_MSG_DRAIN, 0, NULL, 0)))
            echo_die("put");
    } else if (strcmp(line, "cut\n") == 0) {
        (void)close(gate.lifeline);
        gate.lifeline = -1;
    } else if (strcmp(line, "hangup\n") == 0) {
        cs_chan_done(&gate.front);
    } else if (strcmp(line, "twice\n") == 0) {
        gate.twice = true;
    } else if (strcmp(line, "late\n") == 0) {
        gate.late = true;
    } else if (strcmp(line, "deaf\n") == 0 || strcmp(line, "hear\n") == 0) {
        gate.deaf = line[0] == 'd';
    } else if (strcmp(line, "mute\n") == 0) {
        gate.mute = true;
    }
    if (strcmp(line, "streams\n") == 0)
        printf("ok streaming=%zu parts=%zu more=%zu\n", gate.n_streaming, gate.n_parts, gate.n_more);
    else
        printf("ok calls=%zu cancels=%zu pending=%zu\n", gate.n_calls, gate.n_cancels, gate.n_pending);
    (void)fflush(stdout);
}

static int next_wait_ms(void)
{
    int64_t now = cs_clock_mono_us(), first = INT64_MAX;
    for (size_t i = 0; i < gate.n_pending;) {
        if (gate.pending[i].due_mono_us <= now) {
            settle(i, 0);
            continue;
        }
        if (gate.pending[i].due_mono_us < first)
            first = gate.pending[i].due_mono_us;
        i++;
    }
    return first == INT64_MAX ? -1 : (int)((first - now + 999) / 1000);
}

static void run(void)
{
    for (bool input = true;;) {
        int wait_ms = next_wait_ms();
        if (gate.front.fd >= 0) {
            cs_result r = cs_chan_flush(&gate.front);
            if (!cs_ok(r) && !cs_is(r, CS_NUM_AGAIN))
                return;
        }
        struct pollfd p[3] = {
            { .fd = gate.front.fd, .events = gate.deaf ? 0 : POLLIN },
            { .fd = gate.lifeline, .events = POLLIN },
            { .fd = input ? 0 : -1, .events = POLLIN },
        };
        if (cs_chan_wants_write(&gate.front))
            p[0].events |= POLLOUT;
        if (poll(p, 3, wait_ms) < 0 && errno != EINTR)
            echo_die("poll");
        if (p[0].revents != 0) {
            cs_result r = cs_chan_fill(&gate.front);
            if (cs_ok(r))
                r = cs_dispatch_run(table, &gate.front, NULL);
            if (!cs_ok(r) && !cs_is(r, CS_NUM_AGAIN))
                return;
        }
        if (p[1].revents != 0) {
            char byte;
            if (read(gate.lifeline, &byte, 1) <= 0)
                return;
            if (byte == CS_LIFELINE_READY) {
                (void)puts("ready");
                (void)fflush(stdout);
            }
        }
        if (p[2].revents != 0) {
            char line[512];
            if (fgets(line, sizeof line, stdin) != NULL) {
                obey(line);
            } else {
                input = false; /* the test is over: end the front */
                char cut[] = "cut\n";
                obey(cut);
            }
            if (gate.lifeline < 0 || gate.front.fd < 0)
                return;
        }
    }
}

int main(int argc, char **argv)
{
    int lifeline[2], channel[2], status;
    if (argc < 3 || argc > 4)
        return 2;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdin, NULL, _IONBF, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifeline) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0)
        echo_die("socketpair");
    pid_t pid = echo_start(argv[1], argv[2], argc == 4 ? argv[3] : NULL, lifeline[1], channel[1]);
    gate.lifeline = lifeline[0];
    struct cs_hello hello = { .version = CS_IPC_VERSION };
    if (!cs_ok(cs_chan_init(&gate.front, channel[0], 2 * CS_MSG_CALL_MAX_LEN, 256 * 1024 * 1024)) ||
        !cs_ok(cs_hello_put(&gate.front, &hello)))
        echo_die("channel");
    run();
    if (waitpid(pid, &status, 0) != pid)
        echo_die("waitpid");
    printf("front exit=%d signal=%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    for (size_t i = 0; i < gate.n_pending; i++)
        free(gate.pending[i].request);
    cs_chan_done(&gate.front);
    return 0;
}
