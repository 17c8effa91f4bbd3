/*
 * Format of a run file, shared by the reader and the writer; see run.h.
 *
 *   body    records, one per term, ascending: varint(term - term before), varint(count), and with more
 *           than one number varint(length of what follows); then varint(first - from) and
 *           varint(difference) for each further one. The first record that begins in a block counts
 *           its term from the block's fence.
 *   fences  per block of the body: the term of the first record that begins in it (u64) and where (u16);
 *           when none begins there, the term of the record that goes on, and CS_FENCE_NONE.
 *   filter  lines of 64 octets; a term sets CS_BLOOM_BITS bits of one line.
 *   table   SHA-256 of each block of body, fences and filter; each of the three is padded with zeros
 *           to whole blocks.
 */
#ifndef CS_KEYINDEX_FORMAT_H
#define CS_KEYINDEX_FORMAT_H

#include "proxy/keyindex/run.h"

enum {
    CS_RUN_BLOCK = 4096,
    CS_RUN_VERSION = 1,
    CS_FENCE_LEN = 10,
    CS_FENCE_NONE = 0xffff,
    CS_BLOOM_LINE = 64,
    CS_BLOOM_BITS = 6,
    CS_BLOOM_BITS_PER_TERM = 12,
    CS_VARINT_MAX = 10,
};

struct cs_run_layout {
    struct cs_run_head head;
    uint64_t body_len;    /* octets of records */
    uint64_t n_body;      /* blocks */
    uint64_t n_fence;     /* blocks */
    uint64_t bloom_lines; /* at least 1 */
    uint64_t n_bloom;     /* blocks */
    struct cs_sha256 table;
};

static inline uint64_t cs_run_blocks(uint64_t len)
{
    return len / CS_RUN_BLOCK + (len % CS_RUN_BLOCK != 0);
}
static inline uint64_t cs_run_all_blocks(const struct cs_run_layout *l)
{
    return l->n_body + l->n_fence + l->n_bloom;
}

/* cs_layout_put writes a header block. */
void cs_layout_put(const struct cs_run_layout *l, uint8_t out[CS_RUN_BLOCK]);
/* cs_layout_get reads one, of a file of this length; STORE_CORRUPT unless all of it adds up. */
CS_RESULT cs_layout_get(const uint8_t in[CS_RUN_BLOCK], uint64_t file_len, struct cs_run_layout *out);

/* The line of a term and its bits in it (512). */
struct cs_bloom_place {
    uint64_t line;
    uint16_t bit[CS_BLOOM_BITS];
};
struct cs_bloom_place cs_bloom_place(uint64_t term, uint64_t lines);

/* cs_varint_put writes at most CS_VARINT_MAX octets and returns how many. */
size_t cs_varint_put(uint8_t *out, uint64_t v);

#endif
