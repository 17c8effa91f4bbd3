#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "proxy/base/sandbox.h"
#include "proxy/base/sandbox_build.h"

#define N(name) SCMP_SYS(name)
/* The lists fill the page; the formatter would give each name a line. */
/* clang-format off */

/* What every role needs once it runs: descriptors it has, memory, time, signals, threads' locks. */
static const int common_calls[] = {
    N(read), N(write), N(readv), N(writev), N(close), N(lseek), N(fstat), N(newfstatat), N(fcntl), N(dup),
    N(dup3), N(recvmsg), N(sendmsg), N(recvfrom), N(sendto), N(shutdown), N(getsockopt), N(setsockopt),
    N(getsockname), N(getpeername), N(poll), N(ppoll), N(select), N(pselect6), N(epoll_create1),
    N(epoll_ctl), N(epoll_wait), N(epoll_pwait), N(epoll_pwait2), N(eventfd2), N(pipe2), N(socketpair),
    N(timerfd_create), N(timerfd_settime), N(timerfd_gettime), N(signalfd4), N(brk), N(munmap), N(mremap),
    N(madvise), N(mlock), N(mlock2), N(munlock), N(futex), N(clock_gettime), N(clock_getres),
    N(clock_nanosleep), N(nanosleep), N(gettimeofday), N(time), N(getrandom), N(exit), N(exit_group),
    N(rt_sigaction), N(rt_sigprocmask), N(rt_sigreturn), N(rt_sigtimedwait), N(sigaltstack),
    N(restart_syscall), N(getpid), N(gettid), N(getppid), N(tgkill), N(getuid), N(geteuid), N(getgid),
    N(getegid), N(sysinfo), N(uname), N(sched_yield), N(sched_getaffinity), N(set_robust_list), N(rseq),
    N(membarrier), N(getcpu), N(getrusage), N(times),
};

static const int front_calls[] = {
    N(accept), N(accept4),
};

/* The ledger: SQLite's unix VFS, and threads. */
static const int gate_calls[] = {
    N(open), N(openat), N(stat), N(lstat), N(statx), N(access), N(faccessat), N(faccessat2), N(readlink),
    N(readlinkat), N(getcwd), N(pread64), N(pwrite64), N(fsync), N(fdatasync), N(ftruncate), N(fallocate),
    N(unlink), N(unlinkat), N(rename), N(renameat), N(renameat2), N(fchmod), N(fchown), N(flock), N(statfs),
    N(fstatfs), N(getdents64), N(mkdir), N(umask), N(set_tid_address), N(sched_setaffinity),
    N(sched_getparam), N(sched_getscheduler),
};

/* PKCS#11 modules: all of the above, the network, System V shared memory, USB. */
static const int signer_calls[] = {
    N(mmap), N(mprotect), N(ioctl), N(prctl), N(socket), N(connect), N(bind), N(sendmmsg), N(recvmmsg),
    N(mkdirat), N(rmdir), N(chmod), N(fchmodat), N(utimensat), N(msync), N(shmget), N(shmat), N(shmdt),
    N(shmctl), N(semget), N(semop), N(semtimedop), N(semctl), N(inotify_init1), N(inotify_add_watch),
    N(inotify_rm_watch), N(pipe), N(eventfd), N(epoll_create), N(alarm), N(setitimer), N(getitimer),
    N(getpgrp), N(getsid), N(getgroups), N(getrlimit), N(prlimit64), N(sched_setscheduler),
    N(sched_get_priority_max), N(sched_get_priority_min), N(getpriority), N(memfd_create), N(get_mempolicy),
    N(syncfs), N(fadvise64), N(readahead), N(copy_file_range), N(truncate), N(symlink), N(link), N(linkat),
    N(chdir),
};

/* HTTP: the resolver and its threads, and reading what Landlock leaves. */
static const int courier_calls[] = {
    N(connect), N(bind), N(sendmmsg), N(recvmmsg), N(open), N(openat), N(stat), N(lstat), N(statx), N(access),
    N(faccessat), N(faccessat2), N(readlink), N(readlinkat), N(getdents64), N(pread64), N(fstatfs), N(statfs),
    N(getcwd), N(pipe), N(eventfd), N(epoll_create), N(set_tid_address), N(getpgrp), N(getsid),
};

/* Paths out of the front: refused, not fatal, since a library may look for its configuration late. */
static const int path_calls[] = {
    N(open), N(openat), N(openat2), N(stat), N(lstat), N(statx), N(access), N(faccessat), N(faccessat2),
    N(readlink), N(readlinkat),
};

/* Fatal for the signer although its default is a refusal. */
static const int fatal_calls[] = {
    N(execve), N(execveat), N(fork), N(vfork), N(ptrace), N(process_vm_readv), N(process_vm_writev), N(bpf),
    N(kexec_load), N(kexec_file_load), N(init_module), N(finit_module), N(delete_module), N(mount),
    N(umount2), N(pivot_root), N(setns), N(unshare), N(userfaultfd), N(perf_event_open), N(add_key),
    N(request_key), N(keyctl),
};
/* clang-format on */

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

/* Sockets of the network and the resolver (Unix: a name service daemon; netlink: which addresses there are).
 */
static void add_network(struct filter *f)
{
    const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 0, UINT32_MAX, (uint64_t)families[i]);
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
    case CS_SANDBOX_COURIER:
        ADD(f, SCMP_ACT_ALLOW, courier_calls);
        add_network(f);
        add_no_new_code(f);
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
