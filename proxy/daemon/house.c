#include "proxy/daemon/house.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/daemon/notify.h"
#include "proxy/daemon/reload.h"
#include "proxy/ipc/process.h"

static void log_end(enum cs_log_level level, const char *event, const struct cs_child *c)
{
    cs_log_begin(level, event);
    cs_log_str("child", c->label);
    if (WIFSIGNALED(c->status))
        cs_log_int("signal", WTERMSIG(c->status));
    else
        cs_log_int("exit", WEXITSTATUS(c->status));
    cs_log_end();
}

static void close_lifeline(struct cs_child *c)
{
    if (c->lifeline >= 0)
        (void)close(c->lifeline);
    c->lifeline = -1;
}

/* reap takes the children that ended. Their lifelines close. */
static void reap(struct cs_house *h)
{
    for (uint32_t i = 0; i < h->n_children; i++) {
        struct cs_child *c = &h->child[i];
        if (c->pid != 0 && waitpid(c->pid, &c->status, WNOHANG) == c->pid) {
            c->pid = 0;
            close_lifeline(c);
        }
    }
}

static void take_signals(struct cs_house *h)
{
    struct signalfd_siginfo s;
    while (read(h->signal_fd, &s, sizeof s) == (ssize_t)sizeof s) {
        if (s.ssi_signo == SIGHUP)
            h->asked_to_reload = true;
        else if (s.ssi_signo == SIGTERM || s.ssi_signo == SIGINT)
            h->asked_to_end = true;
    }
    reap(h);
}

/* take_word reads a lifeline. A child says READY once and nothing else while it lives; false when it
 * said something else. An end of file means it is about to be reaped, or has let go of us. */
static bool take_word(struct cs_child *c)
{
    char word;
    ssize_t n = recv(c->lifeline, &word, 1, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 1 && word == CS_LIFELINE_READY && !c->ready) {
        c->ready = true;
        return true;
    }
    c->babbled = n == 1;
    return false;
}

/* wait_some waits for signals and words until the deadline. Returns the child that broke its word, or
 * NULL. */
static struct cs_child *wait_some(struct cs_house *h, int64_t deadline_ms)
{
    struct pollfd p[CS_CHILDREN_MAX + 1] = { { .fd = h->signal_fd, .events = POLLIN } };
    for (uint32_t i = 0; i < h->n_children; i++)
        p[i + 1] = (struct pollfd){ .fd = h->child[i].lifeline, .events = POLLIN }; /* -1 is skipped */
    int64_t left = deadline_ms - cs_clock_mono_ms();
    int timeout = left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
    if (poll(p, h->n_children + 1, timeout) <= 0)
        return NULL;
    if (p[0].revents != 0)
        take_signals(h);
    struct cs_child *broken = NULL;
    for (uint32_t i = 0; i < h->n_children; i++) {
        struct cs_child *c = &h->child[i];
        if (p[i + 1].revents != 0 && c->lifeline >= 0 && !take_word(c)) {
            close_lifeline(c);
            broken = c;
        }
    }
    return broken;
}

/* settle gives a child that closed its lifeline a moment to be reaped. */
static void settle(struct cs_house *h, const struct cs_child *c)
{
    int64_t deadline = cs_clock_mono_ms() + 1000;
    while (c->pid != 0 && cs_clock_mono_ms() < deadline)
        (void)wait_some(h, deadline);
}

/* first_gone is the first child that should run and does not, or that no longer talks to us. */
static struct cs_child *first_gone(struct cs_house *h, uint32_t n_started)
{
    for (uint32_t i = 0; i < n_started; i++)
        if (h->child[i].pid == 0 || h->child[i].lifeline < 0)
            return &h->child[i];
    return NULL;
}

static void log_gone(struct cs_house *h, struct cs_child *c)
{
    if (!c->babbled)
        settle(h, c);
    if (c->babbled)
        cs_log(CS_LOG_ERROR, "child-broken", "%s wrote what it may not to its lifeline", c->label);
    else if (c->pid != 0)
        cs_log(CS_LOG_ERROR, "child-broken", "%s closed its lifeline and lives on", c->label);
    else
        log_end(CS_LOG_ERROR, "child-gone", c);
}

/* wait_gone waits until children from to the last are gone; false when time is up first. */
static bool wait_gone(struct cs_house *h, uint32_t from, uint32_t to, uint32_t ms)
{
    int64_t deadline = cs_clock_mono_ms() + ms;
    for (;;) {
        bool all = true;
        for (uint32_t i = from; i <= to; i++)
            all = all && h->child[i].pid == 0;
        if (all)
            return true;
        if (cs_clock_mono_ms() >= deadline)
            return false;
        (void)wait_some(h, deadline);
    }
}

/* kill_left ends what did not end by itself; true when there was any. */
static bool kill_left(struct cs_house *h, uint32_t from, uint32_t to)
{
    bool any = false;
    for (uint32_t i = from; i <= to; i++) {
        struct cs_child *c = &h->child[i];
        if (c->pid == 0)
            continue;
        cs_log(CS_LOG_ERROR, "child-killed", "%s did not end when asked", c->label);
        (void)kill(c->pid, SIGKILL);
        (void)waitpid(c->pid, &c->status, 0);
        c->pid = 0;
        close_lifeline(c);
        any = true;
    }
    return any;
}

/* ---- the two ways to end ---- */

static void ask_to_drain(const struct cs_child *c)
{
    const char drain = CS_LIFELINE_DRAIN;
    if (c->lifeline >= 0)
        (void)!send(c->lifeline, &drain, 1, MSG_NOSIGNAL); /* if gone, it is reaped later */
}

/* In order: the front finishes running calls, then the gate, then courier and signers. The gate hears of it
 * at once, to tell whoever watches its health, and goes on answering. */
static int end_in_order(struct cs_house *h)
{
    const uint32_t gate = h->config->n_signers, front = gate + 1;
    cs_log(CS_LOG_INFO, "ending", "asked to end");
    cs_notify("STOPPING=1");
    bool clean = true;
    ask_to_drain(&h->child[gate]);
    ask_to_drain(&h->child[front]);
    clean &= wait_gone(h, front, front, h->patience->drain_ms) || !kill_left(h, front, front);
    close_lifeline(&h->child[gate]);
    clean &= wait_gone(h, gate, gate, h->patience->end_ms) || !kill_left(h, gate, gate);
    for (uint32_t i = 0; i < h->n_children; i++)
        close_lifeline(&h->child[i]);
    if (h->n_children > front + 1) /* the courier: answers may have waited for witnesses until now */
        clean &=
            wait_gone(h, front + 1, front + 1, h->patience->end_ms) || !kill_left(h, front + 1, front + 1);
    if (gate > 0)
        clean &= wait_gone(h, 0, gate - 1, h->patience->end_ms) || !kill_left(h, 0, gate - 1);
    for (uint32_t i = 0; i < h->n_children; i++)
        if (h->child[i].status != 0)
            log_end(CS_LOG_WARNING, "child-end", &h->child[i]);
    cs_log(CS_LOG_INFO, "ended", clean ? "all processes ended" : "some processes had to be killed");
    return clean ? CS_EXIT_DONE : CS_EXIT_FAILED;
}

/* At once: nobody may go on without the other. */
static int fall(struct cs_house *h)
{
    cs_notify("STOPPING=1");
    for (uint32_t i = 0; i < h->n_children; i++)
        close_lifeline(&h->child[i]);
    if (!wait_gone(h, 0, h->n_children - 1, h->patience->fall_ms))
        (void)kill_left(h, 0, h->n_children - 1);
    cs_log(CS_LOG_ERROR, "ended", "all processes ended because one did");
    return CS_EXIT_FAILED;
}

/* ---- start ---- */

static bool block_signals(struct cs_house *h)
{
    sigset_t set;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* reported as what could not be written */
    return sigemptyset(&set) == 0 && sigaddset(&set, SIGTERM) == 0 && sigaddset(&set, SIGINT) == 0 &&
           sigaddset(&set, SIGHUP) == 0 && sigaddset(&set, SIGCHLD) == 0 &&
           sigprocmask(SIG_BLOCK, &set, NULL) == 0 &&
           (h->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) >= 0;
}

/* start_one is true when child i is ready; false when it is not or the house is asked to end. */
static bool start_one(struct cs_house *h, uint32_t i)
{
    struct cs_note note = { "" };
    cs_result r = cs_house_spawn(h, i, &note);
    if (!cs_ok(r)) {
        cs_log_begin(CS_LOG_ERROR, "start-failed");
        cs_log_str("child", h->child[i].label);
        cs_log_str("msg", note.text);
        cs_log_result(r);
        cs_log_end();
        return false;
    }
    int64_t deadline = cs_clock_mono_ms() + h->patience->start_ms;
    while (!h->child[i].ready) {
        struct cs_child *gone = wait_some(h, deadline);
        if (gone == NULL)
            gone = first_gone(h, i + 1);
        if (h->asked_to_end)
            return false;
        if (gone != NULL) {
            log_gone(h, gone);
            return false;
        }
        if (!h->child[i].ready && cs_clock_mono_ms() >= deadline) {
            cs_log(CS_LOG_ERROR, "start-failed", "%s was not ready after %u ms", h->child[i].label,
                   h->patience->start_ms);
            return false;
        }
    }
    return true;
}

static void log_ready(const struct cs_house *h)
{
    for (uint32_t i = 0; i < h->config->n_listen; i++) {
        cs_log_begin(CS_LOG_INFO, "listening");
        cs_log_int("listener", i);
        cs_log_str("name", h->config->listen[i].name);
        cs_log_str("address", h->listener[i].address);
        cs_log_str("for", h->config->listen[i].metrics ? "metrics"
                          : h->config->listen[i].tls   ? "tls"
                                                       : "unix");
        cs_log_end();
    }
    cs_log_begin(CS_LOG_INFO, "ready");
    cs_log_int("policy_version", (int64_t)h->policy->version);
    cs_log_hex("policy_sha256", cs_sha256_span(&h->policy->digest));
    cs_log_int("issuers", h->policy->n_issuers);
    cs_log_int("signers", h->config->n_signers);
    cs_log_end();
    cs_notify("READY=1");
}

static int serve(struct cs_house *h)
{
    for (uint32_t i = 0; i < h->n_children; i++)
        if (!start_one(h, i))
            return h->asked_to_end ? end_in_order(h) : fall(h);
    log_ready(h);
    bool watching = cs_tls_files_any(h->config);
    int64_t watch_ms = 0; /* at once: the files were read before the signers started */
    while (!h->asked_to_end) {
        if (cs_clock_mono_ms() >= watch_ms) {
            cs_house_watch(h);
            watch_ms = cs_clock_mono_ms() + (watching ? h->patience->watch_ms : 60000);
        }
        if (h->asked_to_reload)
            cs_house_reload(h);
        h->asked_to_reload = false;
        struct cs_child *gone = wait_some(h, watch_ms);
        if (gone == NULL)
            gone = first_gone(h, h->n_children);
        if (gone != NULL) {
            log_gone(h, gone);
            return fall(h);
        }
    }
    return end_in_order(h);
}

int cs_house_run(struct cs_house *h)
{
    h->n_children = h->config->n_signers + (h->policy->witnesses.n != 0 ? 3 : 2);
    h->signal_fd = -1;
    h->front_gate[0] = h->front_gate[1] = -1;
    h->gate_courier[0] = h->gate_courier[1] = -1;
    for (uint32_t i = 0; i < CS_SIGNERS_MAX; i++)
        h->gate_signer[i][0] = h->gate_signer[i][1] = -1;
    for (uint32_t i = 0; i <= CS_LISTEN_MAX; i++)
        h->listener[i].fd = -1;
    static const char *const late[] = { "gate", "front", "courier" };
    for (uint32_t i = 0; i < h->n_children; i++) {
        struct cs_child *c = &h->child[i];
        *c = (struct cs_child){ .lifeline = -1 };
        if (i < h->config->n_signers)
            (void)snprintf(c->label, sizeof c->label, "signer-%u", i);
        else
            (void)snprintf(c->label, sizeof c->label, "%s", late[i - h->config->n_signers]);
    }
    struct cs_note note = { "" };
    int code = CS_EXIT_FAILED;
    if (!block_signals(h))
        cs_log(CS_LOG_ERROR, "start-failed", "signals: %s", strerror(errno));
    else if (!cs_ok(cs_house_open(h, &note)))
        cs_log(CS_LOG_ERROR, "start-failed", "%s", note.text);
    else
        code = serve(h);
    cs_house_close(h);
    return code;
}
