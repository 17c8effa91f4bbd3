#include "proxy/front/ping.h"

bool cs_ping_seen(struct cs_ping_guard *g, int64_t now_mono_us, bool calls_run)
{
    int64_t least_us = (calls_run ? CS_PING_BUSY_S : CS_PING_IDLE_S) * INT64_C(1000000);
    bool early = g->any && now_mono_us - g->last_mono_us < least_us;
    if (g->forgiven)
        g->strikes = 0;
    else if (early)
        g->strikes++;
    g->any = true;
    g->forgiven = false;
    g->last_mono_us = now_mono_us;
    return g->strikes > CS_PING_STRIKES_MAX;
}
