/*
 * Clock: the only place that reads time. Unix time is UTC. Tests of a whole process substitute this
 * file at link time; no flag or environment variable changes it.
 */
#ifndef CS_BASE_CLOCK_H
#define CS_BASE_CLOCK_H

#include <stdint.h>

int64_t cs_clock_unix_us(void);
int64_t cs_clock_mono_us(void);

static inline int64_t cs_clock_unix_s(void)
{
    return cs_clock_unix_us() / 1000000;
}
static inline int64_t cs_clock_mono_ms(void)
{
    return cs_clock_mono_us() / 1000;
}

/* Calendar, proleptic Gregorian, no leap seconds. cs_time_from_civil returns seconds since the
 * epoch for a valid date between years 1 and 9999; the fields are not checked. */
int64_t cs_time_from_civil(int year, int month, int day, int hour, int minute, int second);

enum { CS_TIME_TEXT_LEN = 21 }; /* "2026-11-21T22:08:23Z" and a NUL */
/* cs_time_text writes RFC 3339 UTC; years outside 0..9999 print as "-". */
void cs_time_text(int64_t unix_s, char out[CS_TIME_TEXT_LEN]);

#endif
