/*
 * PING strikes (gRPC proposal A8): a client may ping every five minutes while calls run, every two
 * hours otherwise; the third ping that comes too early ends the connection. What we send (HEADERS,
 * DATA) forgives all strikes, so that bandwidth probes of grpc-core pass. Pure.
 */
#ifndef CS_FRONT_PING_H
#define CS_FRONT_PING_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_PING_STRIKES_MAX = 2, CS_PING_BUSY_S = 5 * 60, CS_PING_IDLE_S = 2 * 60 * 60 };

struct cs_ping_guard {
    bool any; /* a ping came before */
    bool forgiven;
    unsigned strikes;
    int64_t last_mono_us;
};

/* cs_ping_seen takes a PING without ACK; true when it was one too many. */
bool cs_ping_seen(struct cs_ping_guard *g, int64_t now_mono_us, bool calls_run);
static inline void cs_ping_forgive(struct cs_ping_guard *g)
{
    g->forgiven = true;
}

#endif
