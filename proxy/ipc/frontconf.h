/*
 * Front configuration: what the parent tells the front about each listening socket, once, at start,
 * through sealed memory (CS_FD_FRONT_CONF). Listener i is the descriptor CS_FD_FRONT_LISTEN + i.
 */
#ifndef CS_IPC_FRONTCONF_H
#define CS_IPC_FRONTCONF_H

#include "proxy/base/bytes.h"
#include "proxy/ipc/messages.h"

enum {
    CS_FRONT_LISTEN_MAX = 16,
    CS_LISTENER_MAX_AGE_MAX_S = 86400,
    CS_FRONTCONF_MAX_LEN = 4096,
};

struct cs_listener_facts {
    char name[CS_LISTENER_NAME_MAX_LEN + 1]; /* configured; may be empty */
    bool tls;                                /* else a Unix socket, or metrics */
    bool reflection;                         /* answers grpc.reflection */
    uint32_t max_age_s;                      /* of a connection; 0: no limit */
    bool metrics;                            /* no gRPC: HTTP/1.1 GET of the numbers */
};

struct cs_frontconf {
    uint32_t n_listeners; /* from 1 */
    struct cs_listener_facts listener[CS_FRONT_LISTEN_MAX];
};

/* cs_frontconf_put appends the encoding, at most CS_FRONTCONF_MAX_LEN bytes; ARGUMENT when a bound does
 * not hold or a metrics listener has tls, reflection or an age. cs_frontconf_get reads all of in by the
 * same rules or fails with FORM, TRUNCATED or TRAILING and leaves *out as it was. */
CS_RESULT cs_frontconf_put(struct cs_buf *out, const struct cs_frontconf *c);
CS_RESULT cs_frontconf_get(struct cs_span in, struct cs_frontconf *out);

#endif
