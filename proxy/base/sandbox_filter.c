#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "proxy/base/sandbox.h"
#include "proxy/base/sandbox_build.h"

/* What every role needs once it runs: descriptors it has, memory, time, signals, threads' locks. */
#define COMMON_CALLS(X)                                                                                   \
    X(read)                                                                                               \
    X(write)                                                                                              \
    X(readv) X(writev) X(close) X(lseek) X(fstat) X(newfstatat) X(fcntl) X(dup) X(dup3) X(recvmsg)        \
        X(sendmsg) X(recvfrom) X(sendto) X(shutdown) X(getsockopt) X(setsockopt) X(getsockname)           \
            X(getpeername) X(poll) X(ppoll) X(select) X(pselect6) X(epoll_create1) X(epoll_ctl)           \
                X(epoll_wait) X(epoll_pwait) X(epoll_pwait2) X(eventfd2) X(pipe2) X(socketpair)           \
                    X(timerfd_create) X(timerfd_settime) X(timerfd_gettime) X(signalfd4) X(brk) X(munmap) \
                        X(mremap) X(madvise) X(mlock) X(mlock2) X(munlock) X(futex) X(clock_gettime)      \
                            X(clock_getres) X(clock_nanosleep) X(nanosleep) X(gettimeofday) X(time)       \
                                X(getrandom) X(exit) X(exit_group) X(rt_sigaction) X(rt_sigprocmask)      \
                                    X(rt_sigreturn) X(rt_sigtimedwait) X(sigaltstack) X(restart_syscall)  \
                                        X(getpid) X(gettid) X(getppid) X(tgkill) X(getuid) X(geteuid)     \
                                            X(getgid) X(getegid) X(sysinfo) X(uname) X(sched_yield)       \
                                                X(sched_getaffinity) X(set_robust_list) X(rseq)           \
                                                    X(membarrier) X(getcpu) X(getrusage) X(times)

#define FRONT_CALLS(X) X(accept) X(accept4)

/* The ledger: SQLite's unix VFS, and threads. */
#define GATE_CALLS(X)                                                                                     \
    X(open)                                                                                               \
    X(openat)                                                                                             \
    X(stat) X(lstat) X(statx) X(access) X(faccessat) X(faccessat2) X(readlink) X(readlinkat) X(getcwd)    \
        X(pread64) X(pwrite64) X(fsync) X(fdatasync) X(ftruncate) X(fallocate) X(unlink) X(unlinkat)      \
            X(rename) X(renameat) X(renameat2) X(fchmod) X(fchown) X(flock) X(statfs) X(fstatfs)          \
                X(getdents64) X(mkdir) X(umask) X(set_tid_address) X(sched_setaffinity) X(sched_getparam) \
                    X(sched_getscheduler)

/* PKCS#11 modules: all of the above, the network, System V shared memory, USB. */
#define SIGNER_CALLS(X)                                                                                     \
    X(mmap)                                                                                                 \
    X(mprotect)                                                                                             \
    X(ioctl) X(prctl) X(socket) X(connect) X(bind) X(sendmmsg) X(recvmmsg) X(mkdirat) X(rmdir) X(chmod)     \
        X(fchmodat) X(utimensat) X(msync) X(shmget) X(shmat) X(shmdt) X(shmctl) X(semget) X(semop)          \
            X(semtimedop) X(semctl) X(inotify_init1) X(inotify_add_watch) X(inotify_rm_watch) X(pipe)       \
                X(eventfd) X(epoll_create) X(alarm) X(setitimer) X(getitimer) X(getpgrp) X(getsid)          \
                    X(getgroups) X(getrlimit) X(prlimit64) X(sched_setscheduler) X(sched_get_priority_max)  \
                        X(sched_get_priority_min) X(getpriority) X(memfd_create) X(get_mempolicy) X(syncfs) \
                            X(fadvise64) X(readahead) X(copy_file_range) X(truncate) X(symlink) X(link)     \
                                X(linkat) X(chdir)

/* Paths out of the front: refused, not fatal, since a library may look for its configuration late. */
#define PATH_CALLS(X) \
    X(open)           \
    X(openat)         \
    X(openat2) X(stat) X(lstat) X(statx) X(access) X(faccessat) X(faccessat2) X(readlink) X(readlinkat)

/* Fatal for the signer although its default is a refusal. */
#define FATAL_CALLS(X)                                                                                       \
    X(execve)                                                                                                \
    X(execveat)                                                                                              \
    X(fork) X(vfork) X(ptrace) X(process_vm_readv) X(process_vm_writev) X(bpf) X(kexec_load)                 \
        X(kexec_file_load) X(init_module) X(finit_module) X(delete_module) X(mount) X(umount2) X(pivot_root) \
            X(setns) X(unshare) X(userfaultfd) X(perf_event_open) X(add_key) X(request_key) X(keyctl)

#define NUMBER(name) SCMP_SYS(name),
static const int common_calls[] = { COMMON_CALLS(NUMBER) };
static const int front_calls[] = { FRONT_CALLS(NUMBER) };
static const int gate_calls[] = { GATE_CALLS(NUMBER) };
static const int signer_calls[] = { SIGNER_CALLS(NUMBER) };
static const int path_calls[] = { PATH_CALLS(NUMBER) };
static const int fatal_calls[] = { FATAL_CALLS(NUMBER) };

struct filter {
    scmp_filter_ctx ctx;
    int failed; /* first negative errno */
};

static void add(struct filter *f, uint32_t action, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int r = seccomp_rule_add(f->ctx, action, calls[i], 0);
        if (r != 0 && r != -EDOM && f->failed == 0) /* EDOM: this architecture has no such call */
            f->failed = r;
    }
}

/* when the argument's bits under mask equal value */
static void add_if(struct filter *f, uint32_t action, int call, unsigned argument, uint64_t mask,
                   uint64_t value)
{
    const struct scmp_arg_cmp when = { argument, SCMP_CMP_MASKED_EQ, mask, value };
    int r = seccomp_rule_add_array(f->ctx, action, call, 1, &when);
    if (r != 0 && f->failed == 0)
        f->failed = r;
}

#define ADD(f, action, calls) add(f, action, calls, sizeof(calls) / sizeof *(calls))

static void add_threads(struct filter *f)
{
    static const int clone3[] = { SCMP_SYS(clone3) };
    ADD(f, SCMP_ACT_ERRNO(ENOSYS), clone3); /* its flags are in memory; the C library then uses clone */
    add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
}

static void add_no_new_code(struct filter *f)
{
    static const int refused[] = { SCMP_SYS(prctl), SCMP_SYS(prlimit64) };
    const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
    for (size_t i = 0; i < 2; i++) {
        add_if(f, SCMP_ACT_ALLOW, maps[i], 2, PROT_EXEC, 0);
        add_if(f, SCMP_ACT_ERRNO(EACCES), maps[i], 2, PROT_EXEC, PROT_EXEC);
    }
    const unsigned long requests[] = { FIONREAD, FIONBIO, TCGETS };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, UINT32_MAX, requests[i]);
    ADD(f, SCMP_ACT_ERRNO(EPERM), refused);
}

static void add_role(struct filter *f, enum cs_sandbox_role role)
{
    ADD(f, SCMP_ACT_ALLOW, common_calls);
    switch (role) {
    case CS_SANDBOX_FRONT:
        ADD(f, SCMP_ACT_ALLOW, front_calls);
        ADD(f, SCMP_ACT_ERRNO(EACCES), path_calls);
        add_no_new_code(f);
        break;
    case CS_SANDBOX_GATE:
        ADD(f, SCMP_ACT_ALLOW, gate_calls);
        add_no_new_code(f);
        add_threads(f);
        break;
    case CS_SANDBOX_SIGNER:
        ADD(f, SCMP_ACT_ALLOW, gate_calls);
        ADD(f, SCMP_ACT_ALLOW, signer_calls);
        ADD(f, SCMP_ACT_KILL_PROCESS, fatal_calls);
        add_threads(f);
        break;
    }
}

CS_RESULT cs_sandbox_filter(enum cs_sandbox_role role, struct cs_note *note)
{
    if (CS_SANDBOX_SANITIZED) {
        cs_note_set(note, "not in a build with sanitizers");
        return CS_ERR(NOT_FOUND);
    }
    struct filter f = { .ctx = seccomp_init(role == CS_SANDBOX_SIGNER ? SCMP_ACT_ERRNO(EPERM)
                                                                      : SCMP_ACT_KILL_PROCESS) };
    if (f.ctx == NULL) {
        cs_note_set(note, "the kernel has no seccomp filters that end a process");
        return CS_ERR(NOT_FOUND);
    }
    add_role(&f, role);
    if (f.failed == 0)
        f.failed = seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (f.failed == 0)
        f.failed = seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: fewer steps a call */
    if (f.failed == 0)
        f.failed = seccomp_load(f.ctx);
    seccomp_release(f.ctx);
    if (f.failed == 0)
        return CS_OK;
    cs_note_set(note, "filter refused: %s", strerror(-f.failed));
    return CS_ERR(IO);
}
