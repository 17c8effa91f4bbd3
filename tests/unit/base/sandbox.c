/* Sandbox: each role in a child of its own, since nothing can be given back. What is left is used,
 * what is gone is tried. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/log.h"
#include "proxy/base/sandbox.h"
#include "proxy/base/sandbox_build.h"

static char dir[] = "/tmp/cs-sandbox.XXXXXX";
static char inside[64], outside[] = "/etc/passwd";

/* A try returns 0 when things are as they should be, else a number that names the step. */
typedef int try_fn(void);

static int try_basic(void)
{
    struct rlimit core;
    if (!cs_ok(cs_sandbox_basic()))
        return 1;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 2;
    return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 ? 0 : 3;
}

static int try_confine_nothing_left(void)
{
    static const char *const none[] = { NULL };
    if (!cs_ok(cs_sandbox_confine(&(struct cs_sandbox_files){ none, none }, NULL)))
        return 1;
    if (open(inside, O_RDONLY) >= 0 || errno != EACCES)
        return 2;
    if (open(inside, O_WRONLY) >= 0 || errno != EACCES)
        return 3;
    return open("/tmp/cs-sandbox-new", O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES ? 0 : 4;
}

static int try_confine_one_directory(void)
{
    const char *const none[] = { NULL }, *const own[] = { dir, NULL };
    if (!cs_ok(cs_sandbox_confine(&(struct cs_sandbox_files){ none, own }, NULL)))
        return 1;
    char path[96];
    (void)snprintf(path, sizeof path, "%s/new", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || unlink(path) != 0)
        return 2;
    return open(outside, O_RDONLY) < 0 && errno == EACCES ? 0 : 3;
}

static int try_confine_read_only(void)
{
    const char *const all[] = { "/", NULL }, *const none[] = { NULL };
    if (!cs_ok(cs_sandbox_confine(&(struct cs_sandbox_files){ all, none }, NULL)))
        return 1;
    if (open(outside, O_RDONLY) < 0)
        return 2;
    if (open(inside, O_WRONLY) >= 0 || errno != EACCES)
        return 3;
    char *argv[] = { (char[]){ "true" }, NULL };
    return execv("/bin/true", argv) != 0 && errno == EACCES ? 0 : 4;
}

static int try_confine_writing_open(void)
{
    const char *const all[] = { "/", outside, NULL }; /* a file beside a directory */
    if (!cs_ok(cs_sandbox_confine(&(struct cs_sandbox_files){ all, NULL }, NULL)))
        return 1;
    return open(inside, O_WRONLY) >= 0 ? 0 : 2;
}

static int try_confine_missing_path(void)
{
    const char *const gone[] = { "/tmp/cs-sandbox-no-such-path", NULL };
    struct cs_note note = { "" };
    if (!cs_is(cs_sandbox_confine(&(struct cs_sandbox_files){ gone, NULL }, &note), CS_NUM_IO))
        return 1;
    if (strstr(note.text, gone[0]) == NULL)
        return 2;
    return open(outside, O_RDONLY) >= 0 ? 0 : 3; /* nothing is restricted */
}

static int enter(enum cs_sandbox_role role)
{
    return cs_ok(cs_sandbox_filter(role, NULL)) ? 0 : 1;
}

static int use_common(void)
{
    int pair[2];
    char byte = 'x';
    struct timespec t;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[0], &byte, 1) != 1 ||
        read(pair[1], &byte, 1) != 1 || clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 2;
    void *big = malloc(1 << 20);
    if (big == NULL)
        return 3;
    free(big);
    cs_log(CS_LOG_DEBUG, "inside", "dropped");
    return 0;
}

static int map_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at != MAP_FAILED)
        return (void)munmap(at, 4096), 1;
    return 0;
}

static void *thread(void *arg)
{
    return arg;
}
static int use_thread(void)
{
    pthread_t t;
    return pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, NULL) == 0 ? 0 : 4;
}

static int try_front(void)
{
    if (enter(CS_SANDBOX_FRONT) != 0 || use_common() != 0)
        return 1;
    if (open(outside, O_RDONLY) >= 0 || errno != EACCES)
        return 2;
    return map_code() == 0 && errno == EACCES ? 0 : 3;
}
static int try_gate(void)
{
    if (enter(CS_SANDBOX_GATE) != 0 || use_common() != 0 || use_thread() != 0)
        return 1;
    int fd = open(inside, O_RDWR);
    if (fd < 0 || pwrite(fd, "y", 1, 0) != 1 || fdatasync(fd) != 0)
        return 2;
    return map_code() == 0 && errno == EACCES ? 0 : 3;
}
static int try_signer(void)
{
    if (enter(CS_SANDBOX_SIGNER) != 0 || use_common() != 0 || use_thread() != 0)
        return 1;
    if (map_code() == 0)
        return 2; /* modules are loaded and may load more */
    return chroot("/") != 0 && errno == EPERM ? 0 : 3;
}

static int exec_true(enum cs_sandbox_role role)
{
    char *argv[] = { (char[]){ "true" }, NULL };
    if (enter(role) == 0)
        (void)execv("/bin/true", argv);
    return 1;
}
static int exec_in_front(void)
{
    return exec_true(CS_SANDBOX_FRONT);
}
static int exec_in_gate(void)
{
    return exec_true(CS_SANDBOX_GATE);
}
static int exec_in_signer(void)
{
    return exec_true(CS_SANDBOX_SIGNER);
}
static int socket_in_front(void)
{
    return enter(CS_SANDBOX_FRONT) != 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 2;
}
static int socket_in_gate(void)
{
    return enter(CS_SANDBOX_GATE) != 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 2;
}
static int fork_in_gate(void)
{
    return enter(CS_SANDBOX_GATE) != 0 || fork() >= 0 ? 1 : 2;
}
static int fork_in_signer(void)
{
    return enter(CS_SANDBOX_SIGNER) != 0 ? 1 : fork() < 0 ? 0 : 2;
}

static void each_role(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        try_fn *fn;
        bool needs_landlock, needs_filter;
        int signal;
    } rows[] = {
        { "basic", try_basic, false, false, 0 },
        { "nothing left", try_confine_nothing_left, true, false, 0 },
        { "one directory", try_confine_one_directory, true, false, 0 },
        { "read only", try_confine_read_only, true, false, 0 },
        { "writing open", try_confine_writing_open, true, false, 0 },
        { "missing path", try_confine_missing_path, true, false, 0 },
        { "front", try_front, false, true, 0 },
        { "gate", try_gate, false, true, 0 },
        { "signer", try_signer, false, true, 0 },
        { "exec in front", exec_in_front, false, true, SIGSYS },
        { "exec in gate", exec_in_gate, false, true, SIGSYS },
        { "exec in signer", exec_in_signer, false, true, SIGSYS },
        { "socket in front", socket_in_front, false, true, SIGSYS },
        { "socket in gate", socket_in_gate, false, true, SIGSYS },
        { "fork in gate", fork_in_gate, false, true, SIGSYS },
        { "fork in signer", fork_in_signer, false, true, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (CS_SANDBOX_SANITIZED && (rows[i].needs_landlock || rows[i].needs_filter))
            continue;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            static const char *const none[] = { NULL };
            struct cs_sandbox_files nothing = { none, none };
            /* where the kernel lacks a part, the row has nothing to say */
            pid_t probe = rows[i].needs_landlock ? fork() : 0;
            int status = 0;
            if (probe > 0 && waitpid(probe, &status, 0) == probe && status != 0)
                _exit(0);
            if (rows[i].needs_landlock && probe == 0)
                _exit(cs_is(cs_sandbox_confine(&nothing, NULL), CS_NUM_NOT_FOUND) ? 1 : 0);
            _exit(rows[i].fn());
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        bool as_wanted = rows[i].signal != 0 ? WIFSIGNALED(status) && WTERMSIG(status) == rows[i].signal
                                             : WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!as_wanted)
            fail_msg("row %s: status %#x", rows[i].row, (unsigned)status);
    }
}

/* cs_sandbox_enter says in one line what is on. */
static void enter_logs(void **state)
{
    (void)state;
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const char *const none[] = { NULL };
        (void)dup2(out[1], STDERR_FILENO);
        cs_sandbox_enter(CS_SANDBOX_FRONT, &(struct cs_sandbox_files){ none, none });
        _exit(0);
    }
    (void)close(out[1]);
    char text[1024];
    ssize_t n = read(out[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    (void)close(out[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "\"event\":\"sandbox\""));
    assert_non_null(strstr(text, CS_SANDBOX_SANITIZED ? "\"seccomp\":\"not in a build with sanitizers\""
                                                      : "\"seccomp\":\"on\""));
}

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(inside, sizeof inside, "%s/file", dir);
    int fd = open(inside, O_WRONLY | O_CREAT, 0600);
    return fd >= 0 ? close(fd) : -1;
}
static int teardown(void **state)
{
    (void)state;
    return unlink(inside) == 0 ? rmdir(dir) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_role), cmocka_unit_test(enter_logs) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
