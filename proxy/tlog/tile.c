#include "proxy/tlog/tile.h"

#include <stdio.h>

uint64_t cs_tile_n_full(unsigned level, uint64_t size)
{
    return level >= CS_TILE_LEVELS - 1 ? 0 : size >> (8 * (level + 1));
}

unsigned cs_tile_partial(unsigned level, uint64_t size)
{
    return level >= CS_TILE_LEVELS ? 0 : (unsigned)(size >> (8 * level)) % CS_TILE_WIDTH;
}

uint64_t cs_tile_count(uint64_t size)
{
    uint64_t n = 0;
    for (unsigned level = 0; level < CS_TILE_LEVELS - 1; level++)
        n += cs_tile_n_full(level, size);
    return n;
}

uint64_t cs_tile_number(unsigned level, uint64_t n)
{
    /* it fills up together with the last leaf below it: all tiles full before that leaf, the lower
     * levels' tiles that fill up with the same leaf, and itself */
    uint64_t leaves = (n + 1) << (8 * (level + 1));
    return cs_tile_count(leaves - 1) + level + 1;
}

void cs_tile_path(int level, uint64_t n, unsigned width, char out[CS_TILE_PATH_MAX_LEN])
{
    char groups[48] = "", part[16];
    uint64_t divisor = 1;
    while (n / divisor >= 1000)
        divisor *= 1000;
    size_t len = 0;
    for (; divisor != 0; divisor /= 1000)
        len += (size_t)snprintf(groups + len, sizeof groups - len, divisor > 1 ? "x%03u/" : "%03u",
                                (unsigned)(n / divisor % 1000));
    if (width < CS_TILE_WIDTH)
        (void)snprintf(part, sizeof part, ".p/%u", width);
    else
        part[0] = 0;
    if (level < 0)
        (void)snprintf(out, CS_TILE_PATH_MAX_LEN, "tile/entries/%.32s%s", groups, part);
    else
        (void)snprintf(out, CS_TILE_PATH_MAX_LEN, "tile/%d/%.32s%s", level, groups, part);
}

struct cs_sha256 cs_tile_subtree(const struct cs_sha256 *hashes, unsigned first, unsigned height)
{
    struct cs_merkle m = { 0 };
    for (unsigned i = 0; i < 1u << height; i++)
        cs_merkle_append(&m, &hashes[first + i]);
    return cs_merkle_root(&m);
}

CS_RESULT cs_bundle_put(struct cs_buf *out, struct cs_span entry)
{
    if (entry.len > UINT16_MAX)
        return CS_ERR(LIMIT);
    cs_buf_put_u16(out, (uint16_t)entry.len);
    cs_buf_put(out, entry.at, entry.len);
    return cs_buf_end(out);
}

bool cs_bundle_get(struct cs_span *in, struct cs_span *out_entry)
{
    struct cs_reader r = cs_reader_init(*in);
    size_t len = cs_get_u16(&r);
    struct cs_span entry = cs_get_raw(&r, len);
    if (r.failed)
        return false;
    *in = cs_span_of(r.at, r.left);
    *out_entry = entry;
    return true;
}

void cs_tile_stack_add(struct cs_tile_stack *t, const struct cs_sha256 *leaf, unsigned *out_n)
{
    struct cs_sha256 h = *leaf;
    unsigned n = 0;
    for (unsigned level = 0; level < CS_TILE_LEVELS; level++) {
        unsigned at = (unsigned)(t->size >> (8 * level)) % CS_TILE_WIDTH;
        t->part[level][at] = h;
        if (at != CS_TILE_WIDTH - 1)
            break;
        h = cs_tile_subtree(t->part[level], 0, 8);
        n++;
    }
    t->size++;
    *out_n = n;
}
