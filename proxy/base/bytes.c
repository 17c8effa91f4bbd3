#include "proxy/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cs_span_cmp(struct cs_span a, struct cs_span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n != 0 ? memcmp(a.at, b.at, n) : 0;
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

bool cs_equal_ct(struct cs_span a, struct cs_span b)
{
    if (a.len != b.len)
        return false;
    uint8_t diff = 0;
    for (size_t i = 0; i < a.len; i++)
        diff |= (uint8_t)(a.at[i] ^ b.at[i]);
    return diff == 0;
}

/* ---- reader ---- */

struct cs_span cs_get_raw(struct cs_reader *r, size_t n)
{
    if (r->failed || n > r->left) {
        r->failed = true;
        return (struct cs_span){ 0 };
    }
    struct cs_span out = cs_span_of(r->at, n);
    if (n != 0)
        r->at += n;
    r->left -= n;
    return out;
}

static uint64_t get_be(struct cs_reader *r, size_t n)
{
    struct cs_span raw = cs_get_raw(r, n);
    uint64_t v = 0;
    for (size_t i = 0; i < raw.len; i++)
        v = v << 8 | raw.at[i];
    return v;
}

uint8_t cs_get_u8(struct cs_reader *r)
{
    return (uint8_t)get_be(r, 1);
}
uint16_t cs_get_u16(struct cs_reader *r)
{
    return (uint16_t)get_be(r, 2);
}
uint32_t cs_get_u32(struct cs_reader *r)
{
    return (uint32_t)get_be(r, 4);
}
uint64_t cs_get_u64(struct cs_reader *r)
{
    return get_be(r, 8);
}

struct cs_span cs_get_span(struct cs_reader *r, size_t max)
{
    uint32_t len = cs_get_u32(r);
    if (len > max)
        r->failed = true;
    return cs_get_raw(r, len);
}

CS_RESULT cs_reader_end(const struct cs_reader *r)
{
    if (r->failed)
        return CS_ERR(TRUNCATED);
    return r->left == 0 ? CS_OK : CS_ERR(TRAILING);
}

/* ---- buffer ---- */

bool cs_buf_reserve(struct cs_buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (n <= b->room - b->len)
        return true;
    size_t bound = b->max != 0 ? b->max : SIZE_MAX / 2;
    if (n > bound - b->len) {
        b->failed = true;
        return false;
    }
    size_t room = b->room < 256 ? 256 : b->room;
    while (room < b->len + n)
        room = room > bound / 2 ? bound : room * 2;
    uint8_t *at = realloc(b->at, room);
    if (at == NULL) {
        b->failed = true;
        return false;
    }
    b->at = at;
    b->room = room;
    return true;
}

void cs_buf_put(struct cs_buf *b, const void *at, size_t len)
{
    if (len == 0 || !cs_buf_reserve(b, len))
        return;
    memcpy(b->at + b->len, at, len);
    b->len += len;
}

static void put_be(struct cs_buf *b, uint64_t v, size_t n)
{
    uint8_t raw[8];
    for (size_t i = 0; i < n; i++)
        raw[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    cs_buf_put(b, raw, n);
}

void cs_buf_put_u8(struct cs_buf *b, uint8_t v)
{
    put_be(b, v, 1);
}
void cs_buf_put_u16(struct cs_buf *b, uint16_t v)
{
    put_be(b, v, 2);
}
void cs_buf_put_u32(struct cs_buf *b, uint32_t v)
{
    put_be(b, v, 4);
}
void cs_buf_put_u64(struct cs_buf *b, uint64_t v)
{
    put_be(b, v, 8);
}

void cs_buf_put_span(struct cs_buf *b, struct cs_span v)
{
    if (v.len > UINT32_MAX) {
        b->failed = true;
        return;
    }
    cs_buf_put_u32(b, (uint32_t)v.len);
    cs_buf_put(b, v.at, v.len);
}

void cs_buf_put_str(struct cs_buf *b, const char *text)
{
    cs_buf_put(b, text, strlen(text));
}

void cs_buf_printf(struct cs_buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        b->failed = true;
    } else if (cs_buf_reserve(b, (size_t)n + 1)) { /* vsnprintf writes a NUL that len does not count */
        (void)vsnprintf((char *)b->at + b->len, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void cs_buf_drop(struct cs_buf *b, size_t n)
{
    if (n == 0 || n > b->len)
        return;
    b->len -= n;
    memmove(b->at, b->at + n, b->len);
}

CS_RESULT cs_buf_end(const struct cs_buf *b)
{
    return b->failed ? CS_ERR(FULL) : CS_OK;
}

void cs_buf_reset(struct cs_buf *b)
{
    b->len = 0;
    b->failed = false;
}

void cs_buf_done(struct cs_buf *b)
{
    if (b == NULL)
        return;
    free(b->at);
    *b = (struct cs_buf){ .max = b->max };
}
