/*
 * A child of countersignd for tests. Linked under the name of each real program, it writes what it
 * was given to NAME-ARG1.report beside it, then does what NAME.do beside it says:
 *
 *   serve           ready; drain or end of file ends it (default); a gate goes on after drain
 *   exit N          ends with N before it is ready
 *   kill            ends by a signal before it is ready
 *   silent          never ready
 *   babble          writes a byte that is no word
 *   let-go          ready, then closes its lifeline and lives on
 *   deaf            ready, then ignores everything
 *   die-later MS N  ready, then ends with N after MS milliseconds
 *   slow MS         as serve, but takes MS milliseconds to end
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void wait_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    (void)nanosleep(&t, NULL);
}

static const char *kind_of(mode_t mode)
{
    return S_ISSOCK(mode)   ? "socket"
           : S_ISREG(mode)  ? "file"
           : S_ISCHR(mode)  ? "device"
           : S_ISFIFO(mode) ? "pipe"
                            : "?";
}

/* Each open descriptor: number, kind, access mode, seals, and the start of what a file says. The
 * directory's own descriptor is left out. */
static void report_descriptors(FILE *out)
{
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        int fd = atoi(e->d_name);
        struct stat st;
        if (e->d_name[0] == '.' || fd == dirfd(d) || fd == fileno(out) || fstat(fd, &st) != 0)
            continue;
        (void)fprintf(out, "fd %d %s flags=%d cloexec=%d seals=%d\n", fd, kind_of(st.st_mode),
                      fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), fcntl(fd, F_GETFD),
                      fcntl(fd, F_GET_SEALS));
        char text[65] = "";
        if (fd > 2 && S_ISREG(st.st_mode) &&
            read(fd, text, 64) > 0) { /* as the real one does: from its start */
            text[strcspn(text, "\n")] = '\0';
            (void)fprintf(out, "text %d %s\n", fd, text);
        }
    }
    (void)closedir(d);
}

static void report(const char *path, int argc, char **argv)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        exit(99);
    struct rlimit core = { 1, 1 };
    sigset_t blocked;
    int signal_wanted = 0, n_blocked = 0;
    (void)getrlimit(RLIMIT_CORE, &core);
    (void)sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int s = 1; s < 32; s++)
        n_blocked += sigismember(&blocked, s) == 1;
    (void)prctl(PR_GET_PDEATHSIG, &signal_wanted);
    report_descriptors(out);
    for (int i = 0; i < argc; i++)
        (void)fprintf(out, "argv %d %s\n", i, argv[i]);
    for (char **e = environ; *e != NULL; e++)
        (void)fprintf(out, "env %s\n", *e);
    (void)fprintf(
        out,
        "no_new_privs %d\ncore %lu\npdeathsig %d\nblocked %d\nsigpipe_ignored %d\nleads_session %d\nuid %d\n",
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), (unsigned long)core.rlim_max, signal_wanted, n_blocked,
        signal(SIGPIPE, SIG_DFL) == SIG_IGN, getsid(0) == getpid(), (int)getuid());
    (void)fclose(out);
}

static void say(const char *path, const char *text)
{
    FILE *out = fopen(path, "a");
    if (out != NULL) {
        (void)fprintf(out, "%s\n", text);
        (void)fclose(out);
    }
}

static void ready(void)
{
    if (write(3, "R", 1) != 1)
        exit(98);
}

static void serve(const char *report_path, long slow_ms)
{
    char word = 0;
    ssize_t n = read(3, &word, 1);
    if (n == 1 && word == 'D' && strstr(report_path, "countersign-gate") != NULL) {
        say(report_path, "told to drain");
        n = read(3, &word, 1);
    }
    say(report_path, n == 1 && word == 'D' ? "drained" : n == 0 ? "end of file" : "strange word");
    wait_ms(slow_ms);
    say(report_path, "leaves");
    exit(0);
}

int main(int argc, char **argv)
{
    char path[4096], report_path[4300], what[64] = "serve";
    long a = 0, b = 0;
    (void)snprintf(path, sizeof path, "%s", (const char *)getauxval(AT_EXECFN));
    const char *arg = argc > 1 && strchr(argv[1], '/') == NULL ? argv[1] : "0";
    (void)snprintf(report_path, sizeof report_path, "%s-%s.report", path, arg);
    report(report_path, argc, argv);
    (void)strncat(path, ".do", sizeof path - strlen(path) - 1);
    FILE *orders = fopen(path, "r");
    if (orders != NULL && fscanf(orders, "%63s %ld %ld", what, &a, &b) < 1)
        return 97;
    if (orders != NULL)
        (void)fclose(orders);
    if (strcmp(what, "exit") == 0)
        return (int)a;
    if (strcmp(what, "kill") == 0)
        return raise(SIGKILL);
    if (strcmp(what, "silent") == 0)
        for (;;)
            wait_ms(1000);
    if (strcmp(what, "babble") == 0)
        (void)!write(3, "X", 1);
    else
        ready();
    if (strcmp(what, "let-go") == 0)
        (void)close(3);
    if (strcmp(what, "let-go") == 0 || strcmp(what, "deaf") == 0)
        for (;;)
            wait_ms(1000);
    if (strcmp(what, "die-later") == 0) {
        wait_ms(a);
        return (int)b;
    }
    serve(report_path, strcmp(what, "slow") == 0 ? a : 0);
    return 0;
}
