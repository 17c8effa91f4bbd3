/*
 * Dispatch: a table of the message types a process accepts, each with a cap, open or closed, some
 * once only. A type without a row, a closed row, or a body over its cap is PEER_ERRS.
 */
#ifndef CS_IPC_DISPATCH_H
#define CS_IPC_DISPATCH_H

#include "proxy/ipc/channel.h"

enum {
    CS_DISPATCH_OPEN = 1, /* accepted from the start; other rows wait for cs_dispatch_open */
    CS_DISPATCH_ONCE = 2, /* closes itself after the first message */
};

/* A handler returns a failure only for what must end the process. It may put answers on c. */
typedef cs_result (*cs_handler)(void *ctx, struct cs_chan *c, const struct cs_msg *m);

struct cs_dispatch {
    uint32_t type; /* a row of type 0 ends the table */
    size_t cap;    /* largest body, bytes */
    unsigned flags;
    cs_handler handle;
};

void cs_dispatch_open(struct cs_dispatch *table, uint32_t type);
void cs_dispatch_close(struct cs_dispatch *table, uint32_t type);

/* cs_dispatch_run handles every whole frame in the buffer, in order. The cap of a frame is checked
 * as soon as its header is there, before its body is buffered. */
CS_RESULT cs_dispatch_run(struct cs_dispatch *table, struct cs_chan *c, void *ctx);

/* cs_dispatch_some handles at most max frames; *out_more tells whether another whole one waits, which
 * no poll will report. */
CS_RESULT cs_dispatch_some(struct cs_dispatch *table, struct cs_chan *c, void *ctx, uint32_t max,
                           bool *out_more);

#endif
