#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/keyindex/format.h"

struct cs_run {
    const uint8_t *map;
    size_t len;
    struct cs_run_layout layout;
    uint8_t *checked; /* one octet a block: its digest was compared */
};

const struct cs_run_head *cs_run_head(const struct cs_run *r)
{
    return &r->layout.head;
}

uint64_t cs_run_len(const struct cs_run *r)
{
    return r->len;
}

void cs_run_close(struct cs_run *r)
{
    if (r == NULL)
        return;
    if (r->map != NULL) {
        union { /* munmap takes no const */
            const uint8_t *in;
            void *out;
        } map = { .in = r->map };
        (void)munmap(map.out, r->len);
    }
    free(r->checked);
    free(r);
}

static const uint8_t *block_at(const struct cs_run *r, uint64_t block)
{
    return r->map + CS_RUN_BLOCK + block * CS_RUN_BLOCK;
}

/* cs_layout_get has proven that all blocks and the table lie inside the file. */
static CS_RESULT check_block(struct cs_run *r, uint64_t block)
{
    if (r->checked[block] != 0)
        return CS_OK;
    const uint8_t *table = block_at(r, cs_run_all_blocks(&r->layout));
    struct cs_sha256 d = cs_sha256(cs_span_of(block_at(r, block), CS_RUN_BLOCK));
    if (memcmp(d.byte, table + block * CS_SHA256_LEN, CS_SHA256_LEN) != 0)
        return CS_ERR(STORE_CORRUPT);
    r->checked[block] = 1;
    return CS_OK;
}

static CS_RESULT map_file(struct cs_run *r, int fd, uint32_t index)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return CS_ERR(IO);
    if (st.st_size < CS_RUN_BLOCK)
        return CS_ERR(STORE_CORRUPT);
    r->len = (size_t)st.st_size;
    void *map = mmap(NULL, r->len, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return CS_ERR(IO);
    r->map = map;
    CS_TRY(cs_layout_get(r->map, r->len, &r->layout));
    if (r->layout.head.index != index)
        return CS_ERR(STORE_CORRUPT);
    uint64_t all = cs_run_all_blocks(&r->layout);
    struct cs_sha256 table = cs_sha256(cs_span_of(block_at(r, all), all * CS_SHA256_LEN));
    if (!cs_span_eq(cs_sha256_span(&table), cs_sha256_span(&r->layout.table)))
        return CS_ERR(STORE_CORRUPT);
    r->checked = calloc(1, all);
    return r->checked != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

CS_RESULT cs_run_open(int folder_fd, const char *name, uint32_t index, struct cs_run **out,
                      struct cs_note *note)
{
    CS_AUTO_FD int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        cs_note_set(note, "index run %s: %s", name, strerror(errno));
        return errno == ENOENT ? CS_ERR(NOT_FOUND) : CS_ERR(IO);
    }
    struct cs_run *r = calloc(1, sizeof *r);
    if (r == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result result = map_file(r, fd, index);
    if (!cs_ok(result)) {
        cs_note_set(note, "index run %s: %s", name,
                    cs_is(result, CS_NUM_STORE_CORRUPT) ? "not a whole run of this index"
                                                        : cs_result_text(result));
        cs_run_close(r);
        return result;
    }
    *out = r;
    return CS_OK;
}

/* ---- records ---- */

/* A varint of the body, its blocks checked. */
static CS_RESULT get_varint(struct cs_run *r, uint64_t *io_at, uint64_t *out)
{
    uint64_t at = *io_at, v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (at >= r->layout.body_len)
            return CS_ERR(STORE_CORRUPT);
        CS_TRY(check_block(r, at / CS_RUN_BLOCK));
        uint8_t b = block_at(r, 0)[at++];
        if (shift == 63 && b > 1)
            return CS_ERR(STORE_CORRUPT);
        v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0) {
            *io_at = at;
            *out = v;
            return CS_OK;
        }
    }
    return CS_ERR(STORE_CORRUPT);
}

struct fence {
    uint64_t term;
    uint16_t at;
};

static CS_RESULT get_fence(struct cs_run *r, uint64_t block, struct fence *out)
{
    uint64_t at = block * CS_FENCE_LEN, first = r->layout.n_body;
    CS_TRY(check_block(r, first + at / CS_RUN_BLOCK));
    CS_TRY(check_block(r, first + (at + CS_FENCE_LEN - 1) / CS_RUN_BLOCK));
    struct cs_reader in = cs_reader_init(cs_span_of(block_at(r, first) + at, CS_FENCE_LEN));
    out->term = cs_get_u64(&in);
    out->at = cs_get_u16(&in);
    return cs_reader_end(&in);
}

struct cs_run_cursor cs_run_cursor(struct cs_run *r)
{
    return (struct cs_run_cursor){ .run = r, .block = UINT64_MAX };
}

/* Reads one number list: into *out, or past it when out is NULL. */
static CS_RESULT get_numbers(struct cs_run *r, uint64_t *io_at, uint64_t n, struct cs_numbers *out)
{
    uint64_t number = r->layout.head.from, delta = 0;
    for (uint64_t i = 0; i < n; i++) {
        CS_TRY(get_varint(r, io_at, &delta));
        if (delta > r->layout.head.to - number || (i != 0 && delta == 0))
            return CS_ERR(STORE_CORRUPT);
        number += delta;
        if (out != NULL)
            CS_TRY(cs_numbers_put(out, number));
    }
    return CS_OK;
}

CS_RESULT cs_run_next(struct cs_run_cursor *c, bool *out_row)
{
    struct cs_run *r = c->run;
    if (c->at >= r->layout.body_len) {
        *out_row = false;
        return CS_OK;
    }
    uint64_t at = c->at, delta = 0, n = 0, len = 0, block = at / CS_RUN_BLOCK, base = c->term;
    if (block != c->block) {
        struct fence f;
        CS_TRY(get_fence(r, block, &f));
        if (f.at != at % CS_RUN_BLOCK || (c->block != UINT64_MAX && f.term <= c->term))
            return CS_ERR(STORE_CORRUPT);
        base = f.term;
    }
    CS_TRY(get_varint(r, &at, &delta));
    CS_TRY(get_varint(r, &at, &n));
    if ((block != c->block) != (delta == 0) || delta > UINT64_MAX - base || n == 0 ||
        n > r->layout.head.n_postings)
        return CS_ERR(STORE_CORRUPT);
    struct cs_run_cursor next = { r, 0, block, base + delta, n, 0 };
    if (n > 1) {
        CS_TRY(get_varint(r, &at, &len));
        if (len > r->layout.body_len - at)
            return CS_ERR(STORE_CORRUPT);
        next.postings_at = at;
        next.at = at + len;
    } else {
        next.postings_at = at;
        CS_TRY(get_numbers(r, &at, 1, NULL));
        next.at = at;
    }
    *c = next;
    *out_row = true;
    return CS_OK;
}

CS_RESULT cs_run_numbers(const struct cs_run_cursor *c, struct cs_numbers *out)
{
    uint64_t at = c->postings_at;
    CS_TRY(get_numbers(c->run, &at, c->n, out));
    return at == c->at ? CS_OK : CS_ERR(STORE_CORRUPT);
}

/* ---- look-up ---- */

static CS_RESULT may_hold(struct cs_run *r, uint64_t term, bool *out)
{
    struct cs_bloom_place p = cs_bloom_place(term, r->layout.bloom_lines);
    uint64_t first = r->layout.n_body + r->layout.n_fence, at = p.line * CS_BLOOM_LINE;
    CS_TRY(check_block(r, first + at / CS_RUN_BLOCK));
    const uint8_t *line = block_at(r, first) + at;
    bool all = true;
    for (unsigned i = 0; i < CS_BLOOM_BITS; i++)
        all = all && (line[p.bit[i] / 8] >> (p.bit[i] % 8) & 1) != 0;
    *out = all;
    return CS_OK;
}

/* The last block whose fence is not above the term, then back to where a record begins. */
static CS_RESULT seek(struct cs_run *r, uint64_t term, struct cs_run_cursor *out, bool *out_any)
{
    uint64_t low = 0, high = r->layout.n_body; /* fence[low - 1] <= term < fence[high] */
    struct fence f = { 0 };
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        CS_TRY(get_fence(r, middle, &f));
        if (f.term <= term)
            low = middle + 1;
        else
            high = middle;
    }
    *out_any = low != 0;
    if (low == 0)
        return CS_OK;
    uint64_t block = low - 1;
    for (;;) {
        CS_TRY(get_fence(r, block, &f));
        if (f.at != CS_FENCE_NONE)
            break;
        if (block-- == 0)
            return CS_ERR(STORE_CORRUPT);
    }
    if (f.at >= CS_RUN_BLOCK)
        return CS_ERR(STORE_CORRUPT);
    *out = cs_run_cursor(r);
    out->at = block * CS_RUN_BLOCK + f.at;
    return CS_OK;
}

static CS_RESULT find(struct cs_run *r, uint64_t term, struct cs_run_cursor *out, bool *out_found)
{
    bool any = false;
    *out_found = false;
    CS_TRY(may_hold(r, term, &any));
    if (any)
        CS_TRY(seek(r, term, out, &any));
    while (any) {
        CS_TRY(cs_run_next(out, &any));
        if (!any || out->term >= term)
            break;
    }
    *out_found = any && out->term == term;
    return CS_OK;
}

CS_RESULT cs_run_find(struct cs_run *r, uint64_t term, struct cs_numbers *out)
{
    struct cs_run_cursor c;
    bool found = false;
    CS_TRY(find(r, term, &c, &found));
    return found ? cs_run_numbers(&c, out) : CS_OK;
}

CS_RESULT cs_run_count(struct cs_run *r, uint64_t term, uint64_t *out_n)
{
    struct cs_run_cursor c;
    bool found = false;
    CS_TRY(find(r, term, &c, &found));
    *out_n = found ? c.n : 0;
    return CS_OK;
}

CS_RESULT cs_run_check(struct cs_run *r)
{
    for (uint64_t i = 0; i < cs_run_all_blocks(&r->layout); i++)
        CS_TRY(check_block(r, i));
    struct cs_run_cursor c = cs_run_cursor(r);
    uint64_t n_terms = 0, n_postings = 0;
    for (;;) {
        bool row = false, known = false;
        CS_TRY(cs_run_next(&c, &row));
        if (!row)
            break;
        uint64_t at = c.postings_at;
        CS_TRY(get_numbers(r, &at, c.n, NULL));
        CS_TRY(may_hold(r, c.term, &known));
        if (at != c.at || !known)
            return CS_ERR(STORE_CORRUPT);
        n_terms++;
        n_postings += c.n;
    }
    return n_terms == r->layout.head.n_terms && n_postings == r->layout.head.n_postings
               ? CS_OK
               : CS_ERR(STORE_CORRUPT);
}
