/*
 * Socket activation: listening sockets that the service manager made, as sd_listen_fds(3) describes
 * them: descriptors from 3 on, LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES.
 */
#ifndef CS_DAEMON_ACTIVATION_H
#define CS_DAEMON_ACTIVATION_H

#include "proxy/base/bytes.h"

enum { CS_ACTIVATION_MAX = 16, CS_ACTIVATION_NAME_MAX_LEN = 255 };

struct cs_activation {
    uint32_t n;
    struct {
        int fd; /* owned; -1 once taken */
        char name[CS_ACTIVATION_NAME_MAX_LEN + 1];
    } socket[CS_ACTIVATION_MAX];
};

/* cs_activation_init takes what the environment announces to this process, forgets the announcement and
 * sets close-on-exec. None when there is none or it is meant for another process. CONFIG with a note when
 * it makes no sense. */
CS_RESULT cs_activation_init(struct cs_activation *a, struct cs_note *note);
/* cs_activation_take hands over the descriptor with this name: a listening stream socket, of a Unix
 * domain, or with tls of TCP. CONFIG with a note when there is none, or two, or it is something else. */
CS_RESULT cs_activation_take(struct cs_activation *a, const char *name, bool tls, int *out_fd,
                             struct cs_note *note);
/* cs_activation_end is CONFIG when something was announced that nobody took. */
CS_RESULT cs_activation_end(const struct cs_activation *a, struct cs_note *note);
void cs_activation_done(struct cs_activation *a); /* closes what was not taken; safe on zero state */

#endif
