/* countersign-front: see proxy/ipc/process.h for the descriptors it inherits. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/base/sandbox.h"
#include "proxy/front/front.h"

/* A descriptor for each connection, and some. */
static void raise_descriptor_limit(void)
{
    enum { WANTED = CS_FRONT_SLOTS + CS_FRONT_SCRAPES_MAX + 64 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < WANTED ? limit.rlim_max : WANTED;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < WANTED)
        cs_log(CS_LOG_WARNING, "limit", "only %u descriptors, %u wanted", (unsigned)limit.rlim_cur,
               (unsigned)WANTED);
}

int main(int argc, char **argv)
{
    (void)argv;
    cs_log_init("front", CS_LOG_INFO);
    if (!cs_ok(cs_sandbox_basic()) || !cs_ok(cs_standard_fds_fill())) {
        cs_log(CS_LOG_ERROR, "start", "no_new_privs or /dev/null is not to be had");
        return 1;
    }
    if (argc != 1) {
        cs_log(CS_LOG_ERROR, "usage", "no arguments: countersignd starts this program");
        return 2;
    }
    /* A terminal and a service manager signal the whole group; the parent turns that into a drain. */
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    struct cs_front *f = calloc(1, sizeof *f);
    if (f == NULL)
        return 1;
    cs_result r = cs_front_open(f);
    int code = 1;
    if (cs_ok(r)) {
        static const char *const none[] = { NULL };
        cs_sandbox_enter(CS_SANDBOX_FRONT, &(struct cs_sandbox_files){ .read = none, .write = none });
        code = cs_front_run(f);
    } else {
        cs_log_begin(CS_LOG_ERROR, "start");
        cs_log_result(r);
        cs_log_end();
    }
    cs_front_close(f);
    free(f);
    return code;
}
