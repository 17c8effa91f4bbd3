/*
 * Times people write: RFC 3339 in UTC or with an offset, "now", or a distance from a base time.
 */
#ifndef CS_CLIENT_CLI_TIMES_H
#define CS_CLIENT_CLI_TIMES_H

#include <stdint.h>

#include "proxy/base/result.h"

/* cs_time_of_rfc3339 reads "2026-11-21T22:08:23Z" or with "+01:00"; no fractions, no leap second. */
bool cs_time_of_rfc3339(const char *text, int64_t *out_unix_s);
/* cs_duration_of reads a number and one unit of s m h d w, for instance "90d"; at most 100 years. */
bool cs_duration_of(const char *text, int64_t *out_s);
/* cs_time_of reads RFC 3339, "now", or "+90d" / "-2h" from base. */
bool cs_time_of(const char *text, int64_t now_unix_s, int64_t base_unix_s, int64_t *out_unix_s);

#define CS_TIME_NEEDED "a time such as 2026-11-21T22:08:23Z, now, +90d or -2h"

#endif
