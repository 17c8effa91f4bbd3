#include "proxy/scope/cover.h"

CS_RESULT cs_cover_put(struct cs_merkle *m, uint64_t span, const struct cs_sha256 *root)
{
    if (span == 0 || (span & (span - 1)) != 0 || (m->size & (span - 1)) != 0 || span > UINT64_MAX - m->size)
        return CS_ERR(ARGUMENT);
    struct cs_sha256 h = *root;
    uint32_t n = cs_merkle_n_peaks(m->size);
    for (uint64_t left = m->size / span; (left & 1) != 0; left >>= 1) /* a carry joins equal subtrees */
        h = cs_merkle_node(&m->peak[--n], &h);
    m->peak[n] = h;
    m->size += span;
    return CS_OK;
}
