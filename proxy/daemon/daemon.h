/*
 * The program behind main: arguments, files, then the house.
 */
#ifndef CS_DAEMON_DAEMON_H
#define CS_DAEMON_DAEMON_H

#include "proxy/daemon/house.h"

/* cs_daemon_main returns the exit code: 0 ended as asked, 2 arguments, configuration or policy, 3 it
 * could not start or something ended unasked. */
int cs_daemon_main(int argc, char **argv, const struct cs_patience *patience);

#endif
