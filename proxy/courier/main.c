/*
 * countersign-courier: carries checkpoints of the ledger to witnesses over HTTP and HTTPS. Descriptors as
 * in proxy/ipc/process.h. Ends with 0 when the parent or the gate says so, 1 when something errs.
 */
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/base/sandbox.h"
#include "proxy/courier/courier.h"
#include "proxy/ipc/process.h"

/* Trust anchors, and what the resolver reads; those that are there. */
static void enter_sandbox(void)
{
    static const char *const wanted[] = { "/etc/ssl/certs",
                                          "/usr/share/ca-certificates",
                                          "/usr/local/share/ca-certificates",
                                          "/etc/resolv.conf",
                                          "/etc/hosts",
                                          "/etc/host.conf",
                                          "/etc/nsswitch.conf",
                                          "/etc/gai.conf",
                                          "/etc/services" };
    const char *there[sizeof wanted / sizeof *wanted + 1] = { NULL };
    static const char *const none[] = { NULL };
    size_t n = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (access(wanted[i], R_OK) == 0)
            there[n++] = wanted[i];
    cs_sandbox_enter(CS_SANDBOX_COURIER, &(struct cs_sandbox_files){ .read = there, .write = none });
}

/* Modules that nsswitch.conf names can be loaded only before the sandbox. */
static void load_resolver(void)
{
    struct addrinfo *found = NULL;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    if (getaddrinfo("localhost", "80", &hints, &found) == 0)
        freeaddrinfo(found);
}

static CS_RESULT start(struct cs_courier *c)
{
    CS_AUTO_BUF struct cs_buf bytes = { .max = CS_ROUTES_MAX_LEN };
    struct cs_routes routes;
    CS_TRY(cs_read_fd(CS_FD_COURIER_ROUTES, CS_ROUTES_MAX_LEN, &bytes));
    (void)close(CS_FD_COURIER_ROUTES);
    CS_TRY(cs_routes_get(cs_buf_span(&bytes), &routes));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return CS_ERR(NO_MEMORY);
    load_resolver();
    c->lifeline_fd = CS_FD_LIFELINE;
    CS_TRY(cs_courier_init(c, &routes, CS_FD_COURIER_GATE));
    enter_sandbox();
    const char ready = CS_LIFELINE_READY;
    CS_TRY(cs_write_all(c->lifeline_fd, cs_span_of(&ready, 1)));
    cs_log(CS_LOG_INFO, "ready", "%u witnesses; %s", c->n, curl_version_info(CURLVERSION_NOW)->version);
    return CS_OK;
}

int main(int argc, char **argv)
{
    (void)argv;
    cs_log_init("courier", CS_LOG_INFO);
    (void)signal(SIGPIPE, SIG_IGN);
    if (!cs_ok(cs_sandbox_basic()) || !cs_ok(cs_standard_fds_fill())) {
        cs_log(CS_LOG_ERROR, "start-failed", "no_new_privs or /dev/null is not to be had");
        return 1;
    }
    if (argc != 1) {
        cs_log(CS_LOG_ERROR, "usage", "countersign-courier; started by countersignd");
        return 2;
    }
    struct cs_courier *c = calloc(1, sizeof *c);
    if (c == NULL)
        return 1;
    c->gate.fd = -1;
    cs_result r = start(c);
    if (cs_ok(r))
        r = cs_courier_run(c);
    if (!cs_ok(r)) {
        cs_log_begin(CS_LOG_ERROR, "stopped");
        cs_log_result(r);
        cs_log_end();
    }
    cs_courier_done(c);
    free(c);
    curl_global_cleanup();
    return cs_ok(r) ? 0 : 1;
}
