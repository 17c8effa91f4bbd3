/*
 * Channel: one framed, ordered, non-blocking stream between two of our processes (a Unix
 * SOCK_STREAM pair). A frame is type(4) len(4) id(8), big-endian, then len bytes. What one loop
 * turn produced leaves in one write.
 *
 * A peer that errs ends the process: every failure but AGAIN is final for the channel.
 */
#ifndef CS_IPC_CHANNEL_H
#define CS_IPC_CHANNEL_H

#include "proxy/base/bytes.h"

enum { CS_MSG_HDR_LEN = 16 };

struct cs_msg {
    uint32_t type;
    uint64_t id;
    struct cs_span body; /* views the channel's buffer: valid until the next cs_chan_fill */
};

struct cs_chan {
    int fd; /* owned; -1 when closed */
    struct cs_buf in;
    size_t in_at; /* bytes of in consumed so far */
    struct cs_buf out;
    size_t out_at; /* bytes of out already written */
    bool in_end;   /* the peer closed its side */
};

/* cs_chan_init takes the descriptor and makes it non-blocking. in_max and out_max bound the two
 * buffers (bytes): the largest frame that can be received, and what may wait unsent. */
CS_RESULT cs_chan_init(struct cs_chan *c, int take_fd, size_t in_max, size_t out_max);
void cs_chan_done(struct cs_chan *c); /* closes; safe on a zeroed or done channel with fd -1 */

/* cs_chan_fill reads what is there. AGAIN when nothing was, PEER_GONE once the peer closed and
 * all whole frames were taken. Frames taken before become invalid. */
CS_RESULT cs_chan_fill(struct cs_chan *c);

/* cs_chan_put queues one frame made of n_parts spans. FULL when out_max is reached: nothing of the
 * frame was queued then. */
CS_RESULT cs_chan_put(struct cs_chan *c, uint32_t type, uint64_t id, const struct cs_span *parts,
                      size_t n_parts);

/* cs_chan_flush writes what it can; AGAIN if bytes remain (poll for writing). */
CS_RESULT cs_chan_flush(struct cs_chan *c);
static inline bool cs_chan_wants_write(const struct cs_chan *c)
{
    return c->out_at < c->out.len;
}
static inline size_t cs_chan_unsent(const struct cs_chan *c)
{
    return c->out.len - c->out_at;
}

#endif
