#include "proxy/base/clock.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t); /* cannot fail for these two clocks on Linux */
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t cs_clock_unix_us(void)
{
    return read_us(CLOCK_REALTIME);
}
int64_t cs_clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}
