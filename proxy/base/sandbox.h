/*
 * Sandbox: what a process gives up once it has everything it needs. Every step works without
 * privileges; what the kernel does not offer is said in the log, and the process runs without it.
 * Under the address sanitizer only cs_sandbox_basic does anything: its run-time library needs more.
 *
 * Order in a main: cs_sandbox_basic first of all; then open, connect, load; then cs_sandbox_enter.
 */
#ifndef CS_BASE_SANDBOX_H
#define CS_BASE_SANDBOX_H

#include "proxy/base/bytes.h"

/* Who gives up what. Default of the system call filter, for a call that is not on the role's list:
 *   front   process killed; whatever opens a path answers EACCES
 *   gate    process killed
 *   signer  the call answers EPERM, since PKCS#11 modules differ; starting programs, tracing and
 *           loading code into the kernel still kill
 *   courier process killed; sockets of the network and the resolver are open to it, no file is written
 * Mapping memory as executable is refused (EACCES) to front, gate and courier, so nothing can be loaded
 * later. */
enum cs_sandbox_role { CS_SANDBOX_FRONT = 1, CS_SANDBOX_GATE, CS_SANDBOX_SIGNER, CS_SANDBOX_COURIER };

/* cs_sandbox_basic: no_new_privs, not dumpable (no core, no ptrace by the own user), core limit 0.
 * IO if the kernel refuses; then the process must end. */
CS_RESULT cs_sandbox_basic(void);

/* Paths that stay usable, directories with everything below. Executing a file and making device
 * nodes is refused everywhere. */
struct cs_sandbox_files {
    const char *const *read;  /* NULL-terminated */
    const char *const *write; /* NULL-terminated; these may be read too. NULL: writing is not confined */
};

/* cs_sandbox_confine restricts file access (Landlock). NOT_FOUND when the kernel has no Landlock or
 * the build does not use it; IO when a path cannot be opened: nothing is restricted then. */
CS_RESULT cs_sandbox_confine(const struct cs_sandbox_files *files, struct cs_note *note);

/* cs_sandbox_filter installs the system call filter for all threads. NOT_FOUND as above; IO when the
 * kernel refuses the filter. */
CS_RESULT cs_sandbox_filter(enum cs_sandbox_role role, struct cs_note *note);

/* cs_sandbox_enter does confine and filter and logs one line "sandbox": fields landlock and seccomp
 * are "on" or the reason why not. Level info if both are on, else warning. */
void cs_sandbox_enter(enum cs_sandbox_role role, const struct cs_sandbox_files *files);

#endif
