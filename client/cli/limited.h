/*
 * One program of somebody else's, run with limits: no shell, an environment of PATH alone, its own
 * process group, which is killed when it is late or when it ends. What it prints is taken with a cap.
 */
#ifndef CS_CLIENT_CLI_LIMITED_H
#define CS_CLIENT_CLI_LIMITED_H

#include "proxy/base/bytes.h"

struct cs_run_limits {
    uint32_t timeout_s, cpu_s;
    uint64_t memory_max_len; /* address space */
    uint64_t file_max_len;   /* of a file it writes */
    uint32_t n_processes;    /* of its user, all of them counted */
    uint32_t n_files;        /* descriptors */
    size_t out_max_len;      /* standard output */
};

/* For a linter: 4 GiB, since some run-time systems reserve much more than they use. */
extern const struct cs_run_limits cs_run_limits_linter;

enum cs_ran_how {
    CS_RAN_EXITED = 1, /* value: exit code */
    CS_RAN_KILLED,     /* value: signal; also when a limit ended it */
    CS_RAN_ABSENT,     /* value: errno of the attempt to start it */
    CS_RAN_LATE,
    CS_RAN_TALKATIVE, /* more output than allowed */
};
struct cs_ran {
    enum cs_ran_how how;
    int value;
};

/*
 * cs_run_limited runs argv (NULL-terminated; argv[0] is looked for in PATH when it has no slash) with the
 * file as standard input. *out_how tells how it ended; out gets standard output, err the beginning of
 * standard error (at most 4 KiB; the rest is read and dropped). When it returns, no process of the group is
 * left. A failure result means that it could not be run at all (descriptors, memory).
 */
CS_RESULT cs_run_limited(const char *const *argv, const char *input_path, const struct cs_run_limits *limits,
                         struct cs_buf *out, struct cs_buf *err, struct cs_ran *out_how);

/* cs_ran_text tells a person how it ended: "it exited with 3", "it did not end within 30 s". */
const char *cs_ran_text(const struct cs_ran *how, const struct cs_run_limits *limits, char room[96]);

#endif
