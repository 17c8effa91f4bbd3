#include "proxy/tlog/merkle.h"

struct cs_sha256 cs_merkle_leaf(struct cs_span entry)
{
    const struct cs_span parts[] = { cs_span_of("\x00", 1), entry };
    return cs_sha256_parts(parts, 2);
}

struct cs_sha256 cs_merkle_node(const struct cs_sha256 *left, const struct cs_sha256 *right)
{
    uint8_t both[1 + 2 * CS_SHA256_LEN] = { 0x01 };
    memcpy(both + 1, left->byte, CS_SHA256_LEN);
    memcpy(both + 1 + CS_SHA256_LEN, right->byte, CS_SHA256_LEN);
    return cs_sha256(cs_span_of(both, sizeof both));
}

void cs_merkle_append(struct cs_merkle *m, const struct cs_sha256 *leaf)
{
    struct cs_sha256 h = *leaf;
    uint32_t n = cs_merkle_n_peaks(m->size);
    for (uint64_t left = m->size; left & 1; left >>= 1) /* a carry joins two equal subtrees */
        h = cs_merkle_node(&m->peak[--n], &h);
    m->peak[n] = h;
    m->size++;
}

struct cs_sha256 cs_merkle_root(const struct cs_merkle *m)
{
    uint32_t n = cs_merkle_n_peaks(m->size);
    if (n == 0)
        return cs_sha256(cs_span_of(NULL, 0));
    struct cs_sha256 h = m->peak[--n];
    while (n != 0)
        h = cs_merkle_node(&m->peak[--n], &h);
    return h;
}

struct cs_span cs_merkle_peaks(const struct cs_merkle *m)
{
    return cs_span_of(m->peak, cs_merkle_n_peaks(m->size) * sizeof m->peak[0]);
}

CS_RESULT cs_merkle_restore(struct cs_merkle *out, uint64_t size, struct cs_span peaks)
{
    if (peaks.len != cs_merkle_n_peaks(size) * sizeof out->peak[0])
        return CS_ERR(FORM);
    struct cs_merkle m = { .size = size };
    if (peaks.len != 0)
        memcpy(m.peak, peaks.at, peaks.len);
    *out = m;
    return CS_OK;
}
