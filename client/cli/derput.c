#include "client/cli/derput.h"

#include <stdio.h>

#include "client/cli/oid.h"
#include "proxy/base/clock.h"

enum { LENGTH_MAX_LEN = 1 + sizeof(uint32_t) };

/* Writes a length and returns its size; shortest form. */
static size_t length_of(size_t len, uint8_t out[LENGTH_MAX_LEN])
{
    if (len < 0x80) {
        out[0] = (uint8_t)len;
        return 1;
    }
    size_t n = 1;
    while (n < sizeof(uint32_t) && len >> (8 * n) != 0)
        n++;
    out[0] = (uint8_t)(0x80 | n);
    for (size_t i = 0; i < n; i++)
        out[1 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
    return 1 + n;
}

void cs_derput(struct cs_buf *b, uint8_t tag, struct cs_span content)
{
    uint8_t length[LENGTH_MAX_LEN];
    cs_buf_put_u8(b, tag);
    cs_buf_put(b, length, length_of(content.len, length));
    cs_buf_put(b, content.at, content.len);
}

size_t cs_derput_open(struct cs_buf *b, uint8_t tag)
{
    cs_buf_put_u8(b, tag);
    return b->len;
}

void cs_derput_close(struct cs_buf *b, size_t mark)
{
    uint8_t length[LENGTH_MAX_LEN];
    if (b->failed || mark > b->len)
        return;
    size_t content_len = b->len - mark, n = length_of(content_len, length);
    cs_buf_put(b, length, n); /* makes room; its place is found next */
    if (b->failed)
        return;
    memmove(b->at + mark + n, b->at + mark, content_len);
    memcpy(b->at + mark, length, n);
}

void cs_derput_unsigned(struct cs_buf *b, struct cs_span octets)
{
    while (octets.len > 1 && octets.at[0] == 0)
        octets = cs_span_of(octets.at + 1, octets.len - 1);
    size_t mark = cs_derput_open(b, CS_DER_INTEGER);
    if (octets.len == 0 || (octets.at[0] & 0x80) != 0)
        cs_buf_put_u8(b, 0);
    cs_buf_put(b, octets.at, octets.len);
    cs_derput_close(b, mark);
}

void cs_derput_oid(struct cs_buf *b, const char *dotted)
{
    uint8_t oid[CS_OID_MAX_LEN];
    size_t len;
    if (cs_oid_of_dotted(dotted, oid, &len))
        cs_derput(b, CS_DER_OID, cs_span_of(oid, len));
    else
        b->failed = true;
}

void cs_derput_time(struct cs_buf *b, int64_t unix_s)
{
    char text[CS_TIME_TEXT_LEN], der[CS_TIME_TEXT_LEN];
    cs_time_text(unix_s, text); /* "2026-11-21T22:08:23Z" */
    if (text[0] == '-') {
        b->failed = true;
        return;
    }
    bool utc =
        unix_s >= cs_time_from_civil(1950, 1, 1, 0, 0, 0) && unix_s < cs_time_from_civil(2050, 1, 1, 0, 0, 0);
    snprintf(der, sizeof der, "%.4s%.2s%.2s%.2s%.2s%.2sZ", text, text + 5, text + 8, text + 11, text + 14,
             text + 17);
    cs_derput(b, utc ? CS_DER_UTC_TIME : CS_DER_GENERALIZED_TIME, cs_span_str(utc ? der + 2 : der));
}
