/*
 * Versions of software, compared number by number: 3.10 is newer than 3.9, and 3.6 is 3.6.0.
 */
#ifndef CS_POLICY_VERSION_H
#define CS_POLICY_VERSION_H

#include "proxy/base/bytes.h"

enum { CS_VERSION_NUMBERS_MAX = 8, CS_VERSION_MAX_LEN = 64 };

struct cs_version {
    uint32_t number[CS_VERSION_NUMBERS_MAX]; /* those not written are 0 */
};

/* cs_version_parse reads 1 to 8 decimal numbers below 10^9 with dots between them; one "v" may stand
 * before. Anything else (3.6.8-rc1, 3.6.8+dirty) is no release: false, *out unchanged. */
bool cs_version_parse(struct cs_span text, struct cs_version *out);
/* Below, equal to or above 0 as a is older than, the same as or newer than b. */
int cs_version_cmp(const struct cs_version *a, const struct cs_version *b);

#endif
