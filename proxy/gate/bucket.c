#include "proxy/gate/bucket.h"

bool cs_bucket_take(struct cs_bucket *b, int64_t now_mono_us, int64_t interval_ns, uint32_t burst,
                    int64_t *out_wait_us)
{
    int64_t now_ns = now_mono_us * 1000;
    int64_t from_ns = b->taken_until_mono_ns > now_ns ? b->taken_until_mono_ns : now_ns;
    int64_t until_ns = from_ns + interval_ns, limit_ns = now_ns + interval_ns * burst;
    if (until_ns > limit_ns) {
        *out_wait_us = (until_ns - limit_ns + 999) / 1000;
        return false;
    }
    b->taken_until_mono_ns = until_ns;
    return true;
}

bool cs_quiet_tell(struct cs_quiet *q, int64_t now_mono_us, uint64_t *out_n_untold)
{
    int64_t wait_us;
    if (!cs_bucket_take(&q->bucket, now_mono_us, INT64_C(60000000000) / CS_QUIET_PER_MINUTE,
                        CS_QUIET_PER_MINUTE, &wait_us)) {
        q->n_untold++;
        return false;
    }
    *out_n_untold = q->n_untold;
    q->n_untold = 0;
    return true;
}
