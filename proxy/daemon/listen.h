/*
 * Listening sockets, made by the parent so that the front needs no right to make any; those of the file
 * system are removed again by it.
 */
#ifndef CS_DAEMON_LISTEN_H
#define CS_DAEMON_LISTEN_H

#include <sys/types.h>

#include "proxy/daemon/activation.h"
#include "proxy/daemon/config.h"

struct cs_listener {
    int fd;            /* owned; -1 when handed over or closed */
    const char *path;  /* NULL: not of ours in the file system */
    char address[128]; /* for the log: path, or address and port as they are */
    bool made;         /* the socket at path is ours, as device and inode say */
    dev_t device;
    ino_t inode;
};

/* cs_listener_open makes and listens, or takes what the service manager made. At a path a socket that is
 * there and accepts nothing is replaced; one that accepts, or anything that is no socket, refuses (EXISTS).
 */
CS_RESULT cs_listener_open(const struct cs_listen *l, struct cs_activation *a, struct cs_listener *out,
                           struct cs_note *note);
/* cs_listener_close closes what is open and removes the socket if it is still the one made. */
void cs_listener_close(struct cs_listener *l);

#endif
