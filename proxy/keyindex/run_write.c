#include "proxy/keyindex/run_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/io.h"
#include "proxy/keyindex/format.h"

enum { WRITE_BLOCKS = 64 };

CS_RESULT cs_postings_put(struct cs_postings *p, uint64_t term, uint64_t number)
{
    if (p->n == p->room) {
        size_t room = p->room != 0 ? p->room * 2 : 4096;
        struct cs_posting *at = room > p->room ? reallocarray(p->at, room, sizeof *at) : NULL;
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        p->at = at;
        p->room = room;
    }
    p->at[p->n++] = (struct cs_posting){ term, number };
    return CS_OK;
}

void cs_postings_done(struct cs_postings *p)
{
    free(p->at);
    *p = (struct cs_postings){ 0 };
}

void cs_run_name(uint64_t from, uint64_t to, char out[CS_RUN_NAME_LEN])
{
    (void)snprintf(out, CS_RUN_NAME_LEN, "%020llu-%020llu.run", (unsigned long long)from,
                   (unsigned long long)to);
}

struct cs_sha256 cs_cover_join(const struct cs_sha256 *left, const struct cs_sha256 *right)
{
    const uint8_t one = 1;
    const struct cs_span parts[] = { cs_span_of(&one, 1), cs_sha256_span(left), cs_sha256_span(right) };
    return cs_sha256_parts(parts, 3);
}

/* ---- a file in the making ---- */

struct writer {
    int fd;
    char temporary[CS_RUN_NAME_LEN + 32];
    struct cs_run_layout layout;
    uint8_t *bloom;
    uint8_t block[WRITE_BLOCKS * CS_RUN_BLOCK];
    size_t in_block;      /* octets of block[] that are filled */
    uint64_t written;     /* octets behind the header that went to the file */
    struct cs_buf fences; /* of the body */
    struct cs_buf table;
    struct cs_buf record;
    uint64_t term;         /* of the last record */
    bool begun;            /* a record was written */
    uint64_t record_block; /* in which it began */
};

static void writer_free(struct writer *w, int folder_fd)
{
    if (w == NULL)
        return;
    if (w->fd >= 0) {
        (void)close(w->fd);
        (void)unlinkat(folder_fd, w->temporary, 0); /* gone already once renamed */
    }
    free(w->bloom);
    cs_buf_done(&w->fences);
    cs_buf_done(&w->table);
    cs_buf_done(&w->record);
    free(w);
}

static CS_RESULT put_bytes(struct writer *w, struct cs_span bytes)
{
    while (bytes.len != 0) {
        size_t n = sizeof w->block - w->in_block < bytes.len ? sizeof w->block - w->in_block : bytes.len;
        memcpy(w->block + w->in_block, bytes.at, n);
        w->in_block += n;
        bytes = cs_span_of(bytes.at + n, bytes.len - n);
        if (w->in_block < sizeof w->block)
            break;
        for (size_t i = 0; i < WRITE_BLOCKS; i++) {
            struct cs_sha256 d = cs_sha256(cs_span_of(w->block + i * CS_RUN_BLOCK, CS_RUN_BLOCK));
            cs_buf_put(&w->table, d.byte, sizeof d.byte);
        }
        CS_TRY(cs_write_all(w->fd, cs_span_of(w->block, sizeof w->block)));
        w->written += sizeof w->block;
        w->in_block = 0;
    }
    return CS_OK;
}

/* Zeros up to the end of the block, and out. */
static CS_RESULT put_padding(struct writer *w)
{
    size_t blocks = (w->in_block + CS_RUN_BLOCK - 1) / CS_RUN_BLOCK;
    memset(w->block + w->in_block, 0, blocks * CS_RUN_BLOCK - w->in_block);
    for (size_t i = 0; i < blocks; i++) {
        struct cs_sha256 d = cs_sha256(cs_span_of(w->block + i * CS_RUN_BLOCK, CS_RUN_BLOCK));
        cs_buf_put(&w->table, d.byte, sizeof d.byte);
    }
    CS_TRY(cs_write_all(w->fd, cs_span_of(w->block, blocks * CS_RUN_BLOCK)));
    w->written += blocks * CS_RUN_BLOCK;
    w->in_block = 0;
    return CS_OK;
}

static CS_RESULT begin(int folder_fd, const struct cs_run_head *head, uint64_t most_terms,
                       struct writer **out)
{
    struct writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return CS_ERR(NO_MEMORY);
    w->layout.head = *head;
    w->layout.head.n_terms = 0;
    w->layout.head.n_postings = 0;
    w->layout.bloom_lines = most_terms * CS_BLOOM_BITS_PER_TERM / (CS_BLOOM_LINE * 8) + 1;
    w->layout.n_bloom = cs_run_blocks(w->layout.bloom_lines * CS_BLOOM_LINE);
    w->bloom = calloc(w->layout.n_bloom, CS_RUN_BLOCK);
    char name[CS_RUN_NAME_LEN];
    cs_run_name(head->from, head->to, name);
    (void)snprintf(w->temporary, sizeof w->temporary, "%s.%ld.tmp", name, (long)getpid());
    w->fd = openat(folder_fd, w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    static const uint8_t zeros[CS_RUN_BLOCK];
    cs_result r = w->bloom == NULL ? CS_ERR(NO_MEMORY) : w->fd < 0 ? CS_ERR(IO) : CS_OK;
    if (cs_ok(r))
        r = cs_write_all(w->fd, cs_span_of(zeros, sizeof zeros));
    if (!cs_ok(r)) {
        writer_free(w, folder_fd);
        return r;
    }
    *out = w;
    return CS_OK;
}

/* Fences of the blocks before this one in which no record began. */
static void put_fence(struct writer *w, uint64_t block, uint64_t term, uint16_t at)
{
    while (w->fences.len / CS_FENCE_LEN < block && !w->fences.failed) {
        cs_buf_put_u64(&w->fences, w->term);
        cs_buf_put_u16(&w->fences, CS_FENCE_NONE);
    }
    if (at != CS_FENCE_NONE) {
        cs_buf_put_u64(&w->fences, term);
        cs_buf_put_u16(&w->fences, at);
    }
}

/* Terms come in ascending order, each with its numbers in ascending order. */
static CS_RESULT put_term(struct writer *w, uint64_t term, const uint64_t *number, size_t n)
{
    uint64_t at = w->written + w->in_block, block = at / CS_RUN_BLOCK;
    bool first = !w->begun || block != w->record_block;
    uint8_t head[3 * CS_VARINT_MAX], one[CS_VARINT_MAX];
    if (first)
        put_fence(w, block, term, (uint16_t)(at % CS_RUN_BLOCK));
    size_t len = cs_varint_put(head, first ? 0 : term - w->term);
    len += cs_varint_put(head + len, n);
    cs_buf_reset(&w->record);
    uint64_t before = w->layout.head.from;
    for (size_t i = 0; i < n; i++) {
        cs_buf_put(&w->record, one, cs_varint_put(one, number[i] - before));
        before = number[i];
    }
    if (n > 1)
        len += cs_varint_put(head + len, w->record.len);
    CS_TRY(cs_buf_end(&w->record));
    CS_TRY(put_bytes(w, cs_span_of(head, len)));
    CS_TRY(put_bytes(w, cs_buf_span(&w->record)));
    struct cs_bloom_place p = cs_bloom_place(term, w->layout.bloom_lines);
    for (unsigned i = 0; i < CS_BLOOM_BITS; i++)
        w->bloom[p.line * CS_BLOOM_LINE + p.bit[i] / 8] |= (uint8_t)(1u << (p.bit[i] % 8));
    w->begun = true;
    w->record_block = block;
    w->term = term;
    w->layout.head.n_terms++;
    w->layout.head.n_postings += n;
    return CS_OK;
}

static CS_RESULT finish(struct writer *w, int folder_fd)
{
    uint8_t header[CS_RUN_BLOCK];
    char name[CS_RUN_NAME_LEN];
    w->layout.body_len = w->written + w->in_block;
    w->layout.n_body = cs_run_blocks(w->layout.body_len);
    w->layout.n_fence = cs_run_blocks(w->layout.n_body * CS_FENCE_LEN);
    put_fence(w, w->layout.n_body, 0, CS_FENCE_NONE);
    CS_TRY(cs_buf_end(&w->fences));
    CS_TRY(put_padding(w));
    CS_TRY(put_bytes(w, cs_buf_span(&w->fences)));
    CS_TRY(put_padding(w));
    CS_TRY(put_bytes(w, cs_span_of(w->bloom, w->layout.n_bloom * CS_RUN_BLOCK)));
    CS_TRY(put_padding(w));
    CS_TRY(cs_buf_end(&w->table));
    CS_TRY(cs_write_all(w->fd, cs_buf_span(&w->table)));
    w->layout.table = cs_sha256(cs_buf_span(&w->table));
    cs_layout_put(&w->layout, header);
    if (pwrite(w->fd, header, sizeof header, 0) != (ssize_t)sizeof header || fsync(w->fd) != 0)
        return CS_ERR(IO);
    cs_run_name(w->layout.head.from, w->layout.head.to, name);
    if (renameat(folder_fd, w->temporary, folder_fd, name) != 0 || fsync(folder_fd) != 0)
        return CS_ERR(IO);
    return CS_OK;
}

static cs_result told(cs_result r, const struct cs_run_head *head, struct cs_note *note)
{
    if (!cs_ok(r)) {
        char name[CS_RUN_NAME_LEN];
        cs_run_name(head->from, head->to, name);
        cs_note_set(note, "index run %s: cannot write: %s", name,
                    cs_is(r, CS_NUM_IO) ? strerror(errno) : cs_result_text(r));
    }
    return r;
}

/* ---- from postings ---- */

static int by_term_and_number(const void *a, const void *b)
{
    const struct cs_posting *x = a, *y = b;
    if (x->term != y->term)
        return x->term < y->term ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static CS_RESULT put_postings(struct writer *w, const struct cs_postings *p)
{
    CS_AUTO_NUMBERS struct cs_numbers numbers = { 0 };
    for (size_t i = 0; i < p->n;) {
        uint64_t term = p->at[i].term;
        numbers.n = 0;
        for (; i < p->n && p->at[i].term == term; i++)
            if (numbers.n == 0 || numbers.at[numbers.n - 1] != p->at[i].number)
                CS_TRY(cs_numbers_put(&numbers, p->at[i].number));
        CS_TRY(put_term(w, term, numbers.at, numbers.n));
    }
    return CS_OK;
}

CS_RESULT cs_run_write(int folder_fd, const struct cs_run_head *head, struct cs_postings *p,
                       struct cs_note *note)
{
    uint64_t n_terms = 0;
    if (head->from == 0 || head->to < head->from)
        return CS_ERR(ARGUMENT);
    if (p->n != 0)
        qsort(p->at, p->n, sizeof *p->at, by_term_and_number);
    for (size_t i = 0; i < p->n; i++) {
        n_terms += i == 0 || p->at[i].term != p->at[i - 1].term;
        if (p->at[i].number < head->from || p->at[i].number > head->to)
            return CS_ERR(ARGUMENT);
    }
    struct writer *w = NULL;
    cs_result r = begin(folder_fd, head, n_terms, &w);
    if (cs_ok(r))
        r = put_postings(w, p);
    if (cs_ok(r))
        r = finish(w, folder_fd);
    r = told(r, head, note);
    writer_free(w, folder_fd);
    return r;
}

/* ---- from runs ---- */

struct merging {
    struct cs_run_cursor cursor[CS_RUN_MERGE_MAX];
    bool row[CS_RUN_MERGE_MAX];
    uint32_t n;
    uint32_t *bad;
};

static CS_RESULT step(struct merging *m, uint32_t i)
{
    *m->bad = i;
    CS_TRY(cs_run_next(&m->cursor[i], &m->row[i]));
    *m->bad = m->n;
    return CS_OK;
}

static CS_RESULT put_merged(struct writer *w, struct merging *m)
{
    CS_AUTO_NUMBERS struct cs_numbers numbers = { 0 };
    for (uint32_t i = 0; i < m->n; i++)
        CS_TRY(step(m, i));
    for (;;) {
        bool any = false;
        uint64_t least = 0;
        for (uint32_t i = 0; i < m->n; i++)
            if (m->row[i] && (!any || m->cursor[i].term < least)) {
                least = m->cursor[i].term;
                any = true;
            }
        if (!any)
            return CS_OK;
        numbers.n = 0;
        for (uint32_t i = 0; i < m->n; i++) { /* in the order of their numbers */
            if (!m->row[i] || m->cursor[i].term != least)
                continue;
            *m->bad = i;
            CS_TRY(cs_run_numbers(&m->cursor[i], &numbers));
            CS_TRY(step(m, i));
        }
        CS_TRY(put_term(w, least, numbers.at, numbers.n));
    }
}

CS_RESULT cs_run_merge(int folder_fd, struct cs_run *const *run, uint32_t n, uint32_t *out_bad,
                       struct cs_note *note)
{
    struct cs_sha256 cover[CS_RUN_MERGE_MAX];
    uint64_t most_terms = 0, n_postings = 0;
    *out_bad = n;
    if (n < 2 || n > CS_RUN_MERGE_MAX || (n & (n - 1)) != 0)
        return CS_ERR(ARGUMENT);
    struct cs_run_head head = *cs_run_head(run[0]);
    uint64_t span = head.to - head.from + 1;
    struct merging m = { .n = n, .bad = out_bad };
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_run_head *h = cs_run_head(run[i]);
        if (h->index != head.index || h->from != head.from + i * span || h->to != h->from + span - 1)
            return CS_ERR(ARGUMENT);
        m.cursor[i] = cs_run_cursor(run[i]);
        cover[i] = h->cover;
        most_terms += h->n_terms;
        n_postings += h->n_postings;
        head.to = h->to;
    }
    for (uint32_t left = n; left > 1; left /= 2)
        for (uint32_t i = 0; i < left / 2; i++)
            cover[i] = cs_cover_join(&cover[2 * i], &cover[2 * i + 1]);
    head.cover = cover[0];
    struct writer *w = NULL;
    cs_result r = begin(folder_fd, &head, most_terms, &w);
    if (cs_ok(r))
        r = put_merged(w, &m);
    if (cs_ok(r) && w->layout.head.n_postings != n_postings)
        r = CS_ERR(STORE_CORRUPT); /* not what the heads promised; which one is not known */
    if (cs_ok(r))
        r = finish(w, folder_fd);
    r = told(r, &head, note);
    writer_free(w, folder_fd);
    return r;
}
