/*
 * SHA-2 over spans, with the algorithms fetched once per process (EVP fetches do not scale).
 */
#ifndef CS_BASE_DIGEST_H
#define CS_BASE_DIGEST_H

#include "proxy/base/bytes.h"

enum { CS_SHA256_LEN = 32, CS_DIGEST_MAX_LEN = 64 };

struct cs_sha256 {
    uint8_t byte[CS_SHA256_LEN];
};

static inline struct cs_span cs_sha256_span(const struct cs_sha256 *d)
{
    return cs_span_of(d->byte, sizeof d->byte);
}

enum cs_hash { CS_HASH_SHA256 = 1, CS_HASH_SHA384, CS_HASH_SHA512 };

static inline size_t cs_hash_len(enum cs_hash h)
{
    return h == CS_HASH_SHA256 ? 32 : h == CS_HASH_SHA384 ? 48 : 64;
}

/* Failure of the library in a digest cannot be answered sensibly; it ends the process (abort). */
struct cs_sha256 cs_sha256(struct cs_span in);
/* cs_sha256_parts digests the concatenation of n spans. */
struct cs_sha256 cs_sha256_parts(const struct cs_span *parts, size_t n);
/* cs_hash writes cs_hash_len(h) bytes to out. */
void cs_hash(enum cs_hash h, struct cs_span in, uint8_t *out);

/* cs_random fills from the library's DRBG; on failure out is unspecified. */
CS_RESULT cs_random(uint8_t *out, size_t len);

#endif
