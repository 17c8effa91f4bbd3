#include "client/cli/limited.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"

enum { ERR_KEPT_LEN = 4096, TICK_MS = 20, PATH_ROOM = 4096 };

const struct cs_run_limits cs_run_limits_linter = {
    .timeout_s = 30,
    .cpu_s = 60,
    .memory_max_len = UINT64_C(4) << 30,
    .file_max_len = 1 << 20,
    .n_processes = 1024,
    .n_files = 64,
    .out_max_len = 4 * 1024 * 1024,
};

/* ---- in the child: nothing but system calls ---- */

static bool limit(int resource, uint64_t value)
{
    struct rlimit l;
    if (getrlimit((__rlimit_resource_t)resource, &l) != 0)
        return false;
    if (l.rlim_max != RLIM_INFINITY && l.rlim_max < value)
        value = l.rlim_max;
    l.rlim_cur = l.rlim_max = value;
    return setrlimit((__rlimit_resource_t)resource, &l) == 0;
}

static bool put_limits(const struct cs_run_limits *l)
{
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_CPU, l->cpu_s) && limit(RLIMIT_AS, l->memory_max_len) &&
           limit(RLIMIT_FSIZE, l->file_max_len) && limit(RLIMIT_NPROC, l->n_processes) &&
           limit(RLIMIT_NOFILE, l->n_files);
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int s = 1; s < NSIG; s++)
        (void)signal(s, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_the_program(const char *const *argv, char *const *environment, int input_fd,
                                     int out_fd, int err_fd, int failed_fd, const struct cs_run_limits *l)
{
    reset_signals();
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && dup2(input_fd, 0) == 0 && dup2(out_fd, 1) == 1 &&
        dup2(err_fd, 2) == 2 && close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0 && put_limits(l))
        (void)execvpe(argv[0], (char *const *)(const void *)argv, environment);
    int number = errno;
    (void)!write(failed_fd, &number, sizeof number);
    _exit(127);
}

/* ---- in the parent ---- */

struct running {
    pid_t pid;
    int out_fd, err_fd; /* our ends; -1 when closed */
    struct cs_buf *out, *err;
    bool too_much;
};

static void take(struct running *r, int *fd, bool is_out, size_t max)
{
    uint8_t room[16384];
    for (ssize_t n; *fd >= 0;) {
        n = read(*fd, room, sizeof room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            (void)close(*fd);
            *fd = -1;
            return;
        }
        struct cs_buf *to = is_out ? r->out : r->err;
        size_t left = max - to->len, len = (size_t)n < left ? (size_t)n : left;
        cs_buf_put(to, room, len);
        if (is_out && len < (size_t)n) {
            r->too_much = true;
            return;
        }
    }
}

static void take_both(struct running *r, const struct cs_run_limits *l)
{
    take(r, &r->out_fd, true, l->out_max_len);
    take(r, &r->err_fd, false, ERR_KEPT_LEN);
}

/* True when it has ended; it stays to be reaped, so its group's number is still its own. */
static bool has_ended(pid_t pid)
{
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

static enum cs_ran_how watch(struct running *r, const struct cs_run_limits *l)
{
    int64_t deadline_ms = cs_clock_mono_ms() + INT64_C(1000) * l->timeout_s;
    while (!has_ended(r->pid)) {
        if (cs_clock_mono_ms() >= deadline_ms)
            return CS_RAN_LATE;
        struct pollfd p[2] = { { r->out_fd, POLLIN, 0 }, { r->err_fd, POLLIN, 0 } }; /* -1 is skipped */
        (void)poll(p, 2, TICK_MS);
        take_both(r, l);
        if (r->too_much)
            return CS_RAN_TALKATIVE;
        if (r->out_fd < 0 && r->err_fd < 0)
            (void)poll(NULL, 0, TICK_MS); /* it has closed both and goes on */
    }
    return CS_RAN_EXITED;
}

/* What the program still left in the pipes is taken after its group is gone. */
static struct cs_ran finish(struct running *r, enum cs_ran_how how, const struct cs_run_limits *l)
{
    int status = 0;
    (void)kill(-r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (how != CS_RAN_EXITED)
        return (struct cs_ran){ how, 0 };
    take_both(r, l);
    if (r->too_much)
        return (struct cs_ran){ CS_RAN_TALKATIVE, 0 };
    return WIFEXITED(status) ? (struct cs_ran){ CS_RAN_EXITED, WEXITSTATUS(status) }
                             : (struct cs_ran){ CS_RAN_KILLED, WTERMSIG(status) };
}

static void done(struct running *r)
{
    cs_auto_fd(&r->out_fd);
    cs_auto_fd(&r->err_fd);
}

CS_RESULT cs_run_limited(const char *const *argv, const char *input_path, const struct cs_run_limits *limits,
                         struct cs_buf *out, struct cs_buf *err, struct cs_ran *out_how)
{
    char path[PATH_ROOM];
    const char *own = getenv("PATH");
    int n = snprintf(path, sizeof path, "PATH=%s", own != NULL ? own : "/usr/local/bin:/usr/bin:/bin");
    char *const environment[] = { path, NULL };
    int o[2] = { -1, -1 }, e[2] = { -1, -1 }, f[2] = { -1, -1 };
    if (n < 0 || (size_t)n >= sizeof path)
        return CS_ERR(LIMIT);
    CS_AUTO_FD int input_fd = open(input_path, O_RDONLY | O_CLOEXEC);
    bool piped =
        input_fd >= 0 && pipe2(o, O_CLOEXEC) == 0 && pipe2(e, O_CLOEXEC) == 0 && pipe2(f, O_CLOEXEC) == 0;
    struct running r = { .out_fd = o[0], .err_fd = e[0], .out = out, .err = err };
    CS_AUTO_FD int out_fd = o[1], err_fd = e[1], failed_fd = f[0], failing_fd = f[1];
    r.pid = piped && cs_ok(cs_set_nonblocking(o[0])) && cs_ok(cs_set_nonblocking(e[0])) ? fork() : -1;
    if (r.pid == 0)
        be_the_program(argv, environment, input_fd, out_fd, err_fd, failing_fd, limits);
    if (r.pid < 0) {
        done(&r);
        return CS_ERR(FULL);
    }
    (void)setpgid(r.pid, r.pid); /* whoever of us comes first */
    cs_auto_fd(&out_fd);
    cs_auto_fd(&err_fd);
    cs_auto_fd(&failing_fd);
    out_fd = err_fd = failing_fd = -1;
    int number = 0;
    ssize_t got;
    while ((got = read(failed_fd, &number, sizeof number)) < 0 && errno == EINTR)
        continue; /* end of file: it runs */
    struct cs_ran how = finish(&r, got > 0 ? CS_RAN_ABSENT : watch(&r, limits), limits);
    how.value = how.how == CS_RAN_ABSENT ? number : how.value;
    done(&r);
    CS_TRY(cs_buf_end(out));
    CS_TRY(cs_buf_end(err));
    *out_how = how;
    return CS_OK;
}

const char *cs_ran_text(const struct cs_ran *how, const struct cs_run_limits *limits, char room[96])
{
    switch (how->how) {
    case CS_RAN_EXITED:
        snprintf(room, 96, "it exited with %d", how->value);
        break;
    case CS_RAN_KILLED:
        snprintf(room, 96, "it was ended by signal %d (%s)", how->value, strsignal(how->value));
        break;
    case CS_RAN_ABSENT:
        snprintf(room, 96, "it cannot be started: %.60s", strerror(how->value));
        break;
    case CS_RAN_LATE:
        snprintf(room, 96, "it did not end within %u s", limits->timeout_s);
        break;
    case CS_RAN_TALKATIVE:
        snprintf(room, 96, "it printed more than %zu bytes", limits->out_max_len);
        break;
    }
    return room;
}
