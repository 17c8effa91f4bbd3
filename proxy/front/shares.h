/*
 * Shares: how much of a bounded table one peer may take. A peer (a uid, or the name in a client
 * certificate; connections whose peer is not proven yet are one peer) may take another place only while
 * it holds no more than is left free. So one peer alone gets half, two get a third each, and a newcomer
 * always finds room. Pure.
 */
#ifndef CS_FRONT_SHARES_H
#define CS_FRONT_SHARES_H

#include "proxy/ipc/messages.h"

enum { CS_SHARES_MAX = 2200 }; /* connections and calls at once; each holds at most one share */

struct cs_share {
    uint32_t n_conns, n_calls; /* both 0: the place is free */
    uint32_t n_streaming;      /* of n_calls */
    uint8_t transport;
    uint32_t uid;
    char name[CS_PEER_NAME_MAX_LEN + 1];
};

struct cs_shares {
    struct cs_share *share; /* CS_SHARES_MAX of them */
    uint32_t n_used;        /* places beyond it were never used */
};

CS_RESULT cs_shares_init(struct cs_shares *s);
void cs_shares_done(struct cs_shares *s);

/* cs_shares_of is the place of this peer, a new one if it has none; FULL when there is no place. A peer
 * on TLS is its first dNSName; without a name it is the unproven one. The place stays taken only while
 * n_conns or n_calls is above 0. */
CS_RESULT cs_shares_of(struct cs_shares *s, const struct cs_peer *peer, uint16_t *out);

/* cs_share_allows: a peer that holds `held` of a table with `free` places left may take one more. */
static inline bool cs_share_allows(uint32_t held, uint32_t free)
{
    return free > 0 && held < free;
}

#endif
