/*
 * Bytes: borrowed spans, one reader for untrusted input, one writer, a growing buffer, hex, base64
 * and UTF-8. Spans never own. Readers and writers remember their first failure, so that code reads
 * like the format; the one check is at the end.
 */
#ifndef CS_BASE_BYTES_H
#define CS_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proxy/base/result.h"

struct cs_span {
    const uint8_t *at; /* may be NULL only when len is 0 */
    size_t len;        /* bytes */
};

static inline struct cs_span cs_span_of(const void *at, size_t len)
{
    return (struct cs_span){ (const uint8_t *)at, len };
}

static inline struct cs_span cs_span_str(const char *text)
{
    return cs_span_of(text, strlen(text));
}

static inline bool cs_span_eq(struct cs_span a, struct cs_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool cs_span_is(struct cs_span a, const char *text)
{
    return cs_span_eq(a, cs_span_str(text));
}

/* cs_span_cmp orders like memcmp, a prefix before the longer span. */
int cs_span_cmp(struct cs_span a, struct cs_span b);

/* ---- reader: big-endian, refuses to read past the end ---- */

struct cs_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static inline struct cs_reader cs_reader_init(struct cs_span in)
{
    return (struct cs_reader){ in.at, in.len, false };
}

/* After a failure every get returns 0 or an empty span and moves nothing. */
uint8_t cs_get_u8(struct cs_reader *r);
uint16_t cs_get_u16(struct cs_reader *r);
uint32_t cs_get_u32(struct cs_reader *r);
uint64_t cs_get_u64(struct cs_reader *r);
/* cs_get_raw views exactly n bytes. */
struct cs_span cs_get_raw(struct cs_reader *r, size_t n);
/* cs_get_span views a 4-byte length and that many bytes; fails if the length exceeds max. */
struct cs_span cs_get_span(struct cs_reader *r, size_t max);
/* cs_reader_end fails with TRUNCATED after any failed get, TRAILING if bytes are left. */
CS_RESULT cs_reader_end(const struct cs_reader *r);

/* ---- growing buffer with a bound ---- */

struct cs_buf {
    uint8_t *at;
    size_t len;
    size_t room;
    size_t max; /* 0 = unbounded; growing past it fails */
    bool failed;
};

/* The zero state is an empty, unbounded buffer. Puts after a failure do nothing. */
void cs_buf_put(struct cs_buf *b, const void *at, size_t len);
void cs_buf_put_u8(struct cs_buf *b, uint8_t v);
void cs_buf_put_u16(struct cs_buf *b, uint16_t v);
void cs_buf_put_u32(struct cs_buf *b, uint32_t v);
void cs_buf_put_u64(struct cs_buf *b, uint64_t v);
/* cs_buf_put_span writes a 4-byte length and the bytes: the twin of cs_get_span. */
void cs_buf_put_span(struct cs_buf *b, struct cs_span v);
void cs_buf_put_str(struct cs_buf *b, const char *text);
void cs_buf_printf(struct cs_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* cs_buf_drop removes n bytes from the front; n <= len. */
void cs_buf_drop(struct cs_buf *b, size_t n);
/* cs_buf_reserve makes room for n more bytes; false when the bound or memory forbids it. */
bool cs_buf_reserve(struct cs_buf *b, size_t n);
/* cs_buf_end fails with FULL if any put failed. */
CS_RESULT cs_buf_end(const struct cs_buf *b);
static inline struct cs_span cs_buf_span(const struct cs_buf *b)
{
    return cs_span_of(b->at, b->len);
}
/* cs_buf_reset empties and keeps the memory; cs_buf_done frees it. NULL-safe. */
void cs_buf_reset(struct cs_buf *b);
void cs_buf_done(struct cs_buf *b);

/* ---- text forms ---- */

/* cs_hex writes 2*in.len lowercase digits and a NUL; out must hold 2*in.len+1. */
void cs_hex(struct cs_span in, char *out);
/* cs_unhex decodes exactly text.len/2 bytes; FORM on odd length or a character that is no hex digit. */
CS_RESULT cs_unhex(struct cs_span text, uint8_t *out, size_t out_room, size_t *out_len);

/* cs_base64_put appends standard base64; padded or not. */
void cs_base64_put(struct cs_buf *out, struct cs_span in, bool padded);
/* cs_unbase64 appends the decoded bytes; accepts the standard and the URL-safe alphabet, padding
 * present or absent, nothing else (no white space, no stray bits). FORM otherwise; then out keeps
 * its earlier length. */
CS_RESULT cs_unbase64(struct cs_span text, struct cs_buf *out);

/* cs_utf8_valid is RFC 3629: shortest form, no surrogates, no NUL exclusion. */
bool cs_utf8_valid(struct cs_span s);

/* cs_text_put appends s for people: printable ASCII as it is, everything else as \xNN, cut after
 * max source bytes with "...". Never emits control characters. */
void cs_text_put(struct cs_buf *out, struct cs_span s, size_t max);

/* cs_equal_ct compares without early exit; for secrets. */
bool cs_equal_ct(struct cs_span a, struct cs_span b);

/* Cleanup at the declaration: CS_AUTO_BUF struct cs_buf b = { 0 }; */
static inline void cs_auto_buf(struct cs_buf *b)
{
    cs_buf_done(b);
}
#define CS_AUTO_BUF __attribute__((cleanup(cs_auto_buf)))

#endif
