#include "proxy/daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/io.h"

/* Steps of the child, for the note. */
#define STEPS(X)                        \
    X(SIGNALS, "reset signals")         \
    X(SESSION, "start a session")       \
    X(DESCRIPTORS, "place descriptors") \
    X(USER, "change user") X(RIGHTS, "give up privileges") X(PARENT, "tie to the parent") X(EXEC, "execute")
enum step {
#define X(name, text) STEP_##name,
    STEPS(X)
#undef X
};
static const char *const step_text[] = {
#define X(name, text) [STEP_##name] = text,
    STEPS(X)
#undef X
};

struct failure {
    int step, error;
};

static bool reset_signals(void)
{
    sigset_t none;
    for (int s = 1; s < SIGRTMAX; s++)
        (void)signal(s, SIG_DFL); /* some numbers are the library's or cannot be set */
    return sigemptyset(&none) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* Two passes, since a source may stand where a target goes. What is not placed closes at exec. */
static bool place_descriptors(const struct cs_spawn *s)
{
    int high[CS_SPAWN_FDS_MAX];
    for (uint32_t i = 0; i < s->n_fds; i++)
        if ((high[i] = fcntl(s->fd[i], F_DUPFD_CLOEXEC, CS_SPAWN_FIRST_FD + CS_SPAWN_FDS_MAX)) < 0)
            return false;
    for (uint32_t i = 0; i < s->n_fds; i++)
        if (dup2(high[i], CS_SPAWN_FIRST_FD + (int)i) < 0) /* clears close-on-exec */
            return false;
    (void)close(STDIN_FILENO); /* may be closed already */
    (void)close(STDOUT_FILENO);
    return close_range((unsigned)CS_SPAWN_FIRST_FD + s->n_fds, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool change_user(const struct cs_spawn *s)
{
    return !s->change_user || (setgroups(0, NULL) == 0 && setresgid(s->gid, s->gid, s->gid) == 0 &&
                               setresuid(s->uid, s->uid, s->uid) == 0);
}

static bool give_up_rights(void)
{
    const struct rlimit none = { 0, 0 };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0;
}

/* After the change of user, which forgets the signal. */
static bool tie_to_parent(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

/* Only what may be called between fork and exec. Returns the step that failed. */
static enum step become(const struct cs_spawn *s, pid_t parent)
{
    static char *const empty[] = { NULL };
    if (!reset_signals())
        return STEP_SIGNALS;
    if (setsid() < 0) /* no terminal: no prompts, and its signals reach the parent alone */
        return STEP_SESSION;
    if (!place_descriptors(s))
        return STEP_DESCRIPTORS;
    if (!change_user(s))
        return STEP_USER;
    if (!give_up_rights())
        return STEP_RIGHTS;
    if (!tie_to_parent(parent))
        return STEP_PARENT;
    union { /* execve's prototype lacks the const it keeps */
        const char *const *in;
        char *const *out;
    } argv = { .in = s->argv }, environment = { .in = s->environment };
    (void)execve(s->program, argv.out, s->environment != NULL ? environment.out : empty);
    return STEP_EXEC;
}

CS_RESULT cs_spawn(const struct cs_spawn *s, pid_t *out, struct cs_note *note)
{
    int report[2];
    if (s->n_fds > CS_SPAWN_FDS_MAX)
        return CS_ERR(BUG);
    if (pipe2(report, O_CLOEXEC) != 0) {
        cs_note_set(note, "%s: pipe: %s", s->program, strerror(errno));
        return CS_ERR(IO);
    }
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        /* out of the way of the numbers a child gets */
        int report_fd = fcntl(report[1], F_DUPFD_CLOEXEC, CS_SPAWN_FIRST_FD + 2 * CS_SPAWN_FDS_MAX);
        struct failure f = { .step = (int)become(s, parent), .error = errno };
        (void)!write(report_fd, &f, sizeof f);
        _exit(127);
    }
    (void)close(report[1]);
    CS_AUTO_FD int report_fd = report[0];
    if (child < 0) {
        cs_note_set(note, "%s: fork: %s", s->program, strerror(errno));
        return CS_ERR(IO);
    }
    struct failure f;
    ssize_t n;
    do
        n = read(report_fd, &f, sizeof f);
    while (n < 0 && errno == EINTR);
    if (n == 0) {
        *out = child;
        return CS_OK;
    }
    (void)waitpid(child, NULL, 0);
    bool told = n == (ssize_t)sizeof f && f.step >= 0 && f.step <= STEP_EXEC;
    cs_note_set(note, "%s: cannot %s: %s", s->program, told ? step_text[f.step] : "start",
                strerror(told ? f.error : EIO));
    return CS_ERR(IO);
}
