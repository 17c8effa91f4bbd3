#include <endian.h>

#include "proxy/keyindex/format.h"

static const uint8_t magic[8] = { 'C', 'S', 'K', 'E', 'Y', 'R', 'U', 'N' };

enum { HEADER_LEN = 8 + 4 + 4 + 7 * 8 + 2 * CS_SHA256_LEN };

static uint64_t mixed(uint64_t v)
{
    v = (v ^ (v >> 33)) * 0xff51afd7ed558ccdu;
    v = (v ^ (v >> 33)) * 0xc4ceb9fe1a85ec53u;
    return v ^ (v >> 33);
}

uint64_t cs_run_term(uint8_t tag, struct cs_span bytes)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ mixed((uint64_t)tag << 56 | bytes.len);
    size_t i = 0;
    for (; bytes.len - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, bytes.at + i, sizeof word);
        h = mixed(h ^ le64toh(word)) + 0x9e3779b97f4a7c15u;
    }
    uint64_t last = 0;
    for (unsigned shift = 0; i < bytes.len; i++, shift += 8)
        last |= (uint64_t)bytes.at[i] << shift;
    return mixed(h ^ last);
}

void cs_layout_put(const struct cs_run_layout *l, uint8_t out[CS_RUN_BLOCK])
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    memset(out, 0, CS_RUN_BLOCK);
    cs_buf_put(&b, magic, sizeof magic);
    cs_buf_put_u32(&b, CS_RUN_VERSION);
    cs_buf_put_u32(&b, l->head.index);
    cs_buf_put_u64(&b, l->head.from);
    cs_buf_put_u64(&b, l->head.to);
    cs_buf_put_u64(&b, l->head.n_terms);
    cs_buf_put_u64(&b, l->head.n_postings);
    cs_buf_put_u64(&b, l->body_len);
    cs_buf_put_u64(&b, l->bloom_lines);
    cs_buf_put_u64(&b, cs_run_all_blocks(l));
    cs_buf_put(&b, l->head.cover.byte, CS_SHA256_LEN);
    cs_buf_put(&b, l->table.byte, CS_SHA256_LEN);
    struct cs_sha256 own = cs_sha256(cs_buf_span(&b));
    cs_buf_put(&b, own.byte, sizeof own.byte);
    if (cs_ok(cs_buf_end(&b))) /* without memory the header stays zero, which nobody accepts */
        memcpy(out, b.at, b.len);
}

static void get_digest(struct cs_reader *r, struct cs_sha256 *out)
{
    struct cs_span s = cs_get_raw(r, CS_SHA256_LEN);
    if (s.len == CS_SHA256_LEN)
        memcpy(out->byte, s.at, s.len);
}

CS_RESULT cs_layout_get(const uint8_t in[CS_RUN_BLOCK], uint64_t file_len, struct cs_run_layout *out)
{
    struct cs_reader r = cs_reader_init(cs_span_of(in, HEADER_LEN + CS_SHA256_LEN));
    struct cs_run_layout l = { .body_len = 0 };
    struct cs_sha256 own = { { 0 } };
    bool ours = cs_span_eq(cs_get_raw(&r, sizeof magic), cs_span_of(magic, sizeof magic)) &&
                cs_get_u32(&r) == CS_RUN_VERSION;
    if (!ours)
        return CS_ERR(STORE_CORRUPT);
    l.head.index = cs_get_u32(&r);
    l.head.from = cs_get_u64(&r);
    l.head.to = cs_get_u64(&r);
    l.head.n_terms = cs_get_u64(&r);
    l.head.n_postings = cs_get_u64(&r);
    l.body_len = cs_get_u64(&r);
    l.bloom_lines = cs_get_u64(&r);
    uint64_t all = cs_get_u64(&r);
    get_digest(&r, &l.head.cover);
    get_digest(&r, &l.table);
    get_digest(&r, &own);
    struct cs_sha256 there = cs_sha256(cs_span_of(in, HEADER_LEN));
    if (!cs_ok(cs_reader_end(&r)) || !cs_span_eq(cs_sha256_span(&own), cs_sha256_span(&there)))
        return CS_ERR(STORE_CORRUPT);
    for (size_t i = HEADER_LEN + CS_SHA256_LEN; i < CS_RUN_BLOCK; i++)
        if (in[i] != 0)
            return CS_ERR(STORE_CORRUPT);
    /* each size is bounded by the file before it is used in a product */
    if (l.head.from == 0 || l.head.to < l.head.from || l.body_len > file_len || l.bloom_lines == 0 ||
        l.bloom_lines > file_len / CS_BLOOM_LINE || l.head.n_terms > l.body_len ||
        l.head.n_postings > l.body_len)
        return CS_ERR(STORE_CORRUPT);
    l.n_body = cs_run_blocks(l.body_len);
    l.n_fence = cs_run_blocks(l.n_body * CS_FENCE_LEN);
    l.n_bloom = cs_run_blocks(l.bloom_lines * CS_BLOOM_LINE);
    if (all != cs_run_all_blocks(&l) || all > file_len / CS_RUN_BLOCK ||
        file_len != CS_RUN_BLOCK + all * CS_RUN_BLOCK + all * CS_SHA256_LEN)
        return CS_ERR(STORE_CORRUPT);
    *out = l;
    return CS_OK;
}

struct cs_bloom_place cs_bloom_place(uint64_t term, uint64_t lines)
{
    /* terms are sorted by their high bits; the line is taken from a mix, so that neighbours spread */
    uint64_t a = mixed(term + 0x2545f4914f6cdd1du), b = mixed(a);
    struct cs_bloom_place p = { .line = (uint64_t)((unsigned __int128)a * lines >> 64) };
    for (unsigned i = 0; i < CS_BLOOM_BITS; i++)
        p.bit[i] = (uint16_t)(b >> (9 * i) & 511);
    return p;
}

size_t cs_varint_put(uint8_t *out, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        out[n++] = (uint8_t)(v | 0x80);
    out[n++] = (uint8_t)v;
    return n;
}
