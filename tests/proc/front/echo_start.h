/*
 * Starts the real front with the descriptors of proxy/ipc/process.h. It listens at the path; with TLS
 * material also on a port of the loopback, written to the path with ".port" appended. The environment
 * shapes the rest: CS_ECHO_REFLECTION and CS_ECHO_MAX_AGE_S the first listener, CS_ECHO_METRICS adds one for
 * metrics at the path with ".m" appended.
 */
#ifndef CS_TESTS_PROC_FRONT_ECHO_START_H
#define CS_TESTS_PROC_FRONT_ECHO_START_H

#include <sys/types.h>

/* echo_start takes two descriptors; material is a file or NULL. Any failure ends the process. */
pid_t echo_start(const char *program, const char *path, const char *material, int take_lifeline,
                 int take_channel);
int echo_open_file(const char *path);
_Noreturn void echo_die(const char *what);

#endif
