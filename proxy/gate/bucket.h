/*
 * Bucket: so many at once, then so many per time. Pure arithmetic on a clock the caller reads; a bucket
 * is one number, and the zero state is full.
 */
#ifndef CS_GATE_BUCKET_H
#define CS_GATE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* How far ahead of the clock what was taken already reaches. */
struct cs_bucket {
    int64_t taken_until_mono_ns;
};

/* cs_bucket_take takes one and is true when burst are not yet taken; one comes back every interval_ns.
 * False takes nothing and sets *out_wait_us to when one will be there (at least 1). burst and
 * interval_ns are at least 1 and their product stays below 2^62. */
bool cs_bucket_take(struct cs_bucket *b, int64_t now_mono_us, int64_t interval_ns, uint32_t burst,
                    int64_t *out_wait_us);

/* Something that happens too often to be told each time: some are told, the rest is counted, and the next
 * that is told carries the count. */
struct cs_quiet {
    struct cs_bucket bucket;
    uint64_t n_untold;
};
enum { CS_QUIET_PER_MINUTE = 10 };
/* True: tell it, with *out_n_untold of the same that were not told since the one before. */
bool cs_quiet_tell(struct cs_quiet *q, int64_t now_mono_us, uint64_t *out_n_untold);

#endif
