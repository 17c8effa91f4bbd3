/*
 * Spawning: one child program with exactly the descriptors it is given, a fresh session, an empty
 * signal mask and the environment it is given.
 */
#ifndef CS_DAEMON_SPAWN_H
#define CS_DAEMON_SPAWN_H

#include <sys/types.h>

#include "proxy/base/bytes.h"

enum { CS_SPAWN_FDS_MAX = 64, CS_SPAWN_FIRST_FD = 3 };

struct cs_spawn {
    const char *program;            /* path */
    const char *argv[4];            /* NULL behind the last */
    const char *const *environment; /* NULL-terminated; NULL: empty */
    uint32_t n_fds;
    int fd[CS_SPAWN_FDS_MAX]; /* fd[i] becomes descriptor 3 + i; borrowed */
    bool change_user;
    uid_t uid;
    gid_t gid;
};

/* cs_spawn returns once the program runs, or IO with a note that names the step that failed. The child
 * has standard error and the descriptors of s, nothing else; no core dumps, no new privileges; it is
 * killed when the parent goes away without a word. */
CS_RESULT cs_spawn(const struct cs_spawn *s, pid_t *out, struct cs_note *note);

#endif
