#include "proxy/base/digest.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

/* One context and one fetched algorithm per thread and hash: init calls take a shared lock. */
static EVP_MD_CTX *context_of(enum cs_hash h)
{
    static _Thread_local EVP_MD_CTX *kept[4];
    static const char *const names[4] = { NULL, "SHA256", "SHA384", "SHA512" };
    if (h < CS_HASH_SHA256 || h > CS_HASH_SHA512)
        abort();
    if (kept[h] == NULL) {
        EVP_MD *md = EVP_MD_fetch(NULL, names[h], NULL);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        if (md == NULL || ctx == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1)
            abort();
        EVP_MD_free(md); /* the context keeps its own reference */
        kept[h] = ctx;
    } else if (EVP_DigestInit_ex2(kept[h], NULL, NULL) != 1) {
        abort();
    }
    return kept[h];
}

struct cs_sha256 cs_sha256_parts(const struct cs_span *parts, size_t n)
{
    struct cs_sha256 out;
    EVP_MD_CTX *ctx = context_of(CS_HASH_SHA256);
    for (size_t i = 0; i < n; i++)
        if (EVP_DigestUpdate(ctx, parts[i].at, parts[i].len) != 1)
            abort();
    if (EVP_DigestFinal_ex(ctx, out.byte, NULL) != 1)
        abort();
    return out;
}

struct cs_sha256 cs_sha256(struct cs_span in)
{
    return cs_sha256_parts(&in, 1);
}

void cs_hash(enum cs_hash h, struct cs_span in, uint8_t *out)
{
    EVP_MD_CTX *ctx = context_of(h);
    if (EVP_DigestUpdate(ctx, in.at, in.len) != 1 || EVP_DigestFinal_ex(ctx, out, NULL) != 1)
        abort();
}

CS_RESULT cs_random(uint8_t *out, size_t len)
{
    if (len > INT_MAX || RAND_bytes(out, (int)len) != 1)
        return CS_ERR(CRYPTO);
    return CS_OK;
}
