#include "proxy/front/grpc.h"

#include <stdio.h>

bool cs_grpc_content_type(struct cs_span value)
{
    static const char want[] = "application/grpc";
    size_t n = sizeof want - 1;
    if (value.len < n || memcmp(value.at, want, n) != 0)
        return false;
    return value.len == n || value.at[n] == '+' || value.at[n] == ';';
}

bool cs_grpc_timeout(struct cs_span value, int64_t *out_us)
{
    static const struct {
        uint8_t unit;
        int64_t us;
    } units[] = { { 'H', 3600000000 }, { 'M', 60000000 }, { 'S', 1000000 }, { 'm', 1000 }, { 'u', 1 } };
    if (value.len < 2 || value.len > 9)
        return false;
    int64_t n = 0;
    for (size_t i = 0; i < value.len - 1; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        n = n * 10 + (value.at[i] - '0');
    }
    uint8_t unit = value.at[value.len - 1];
    if (unit == 'n') {
        *out_us = (n + 999) / 1000;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].unit == unit) {
            *out_us = n * units[i].us; /* at most 99,999,999 h: 3.6e17 */
            return true;
        }
    return false;
}

static bool percent_plain(uint8_t c)
{
    return c >= 0x20 && c <= 0x7e && c != '%';
}

void cs_grpc_percent_put(struct cs_buf *out, struct cs_span text, size_t max_len)
{
    static const char digit[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len;) {
        size_t n = 1, len = percent_plain(text.at[i]) ? 1 : 3;
        for (; i + n < text.len && (text.at[i + n] & 0xc0) == 0x80 && n < 4; n++)
            len += 3; /* the continuation bytes of one character stay with it */
        if (len > max_len)
            return;
        max_len -= len;
        for (size_t end = i + n; i < end; i++) {
            uint8_t c = text.at[i];
            char escaped[3] = { '%', digit[c >> 4], digit[c & 15] };
            if (percent_plain(c))
                cs_buf_put_u8(out, c);
            else
                cs_buf_put(out, escaped, sizeof escaped);
        }
    }
}

CS_RESULT cs_grpc_trailers_put(struct cs_grpc_trailers *t, uint32_t status, struct cs_span text,
                               struct cs_span details)
{
    enum {
        OVERHEAD = 32,  /* a field, RFC 9113 6.5.2 */
        HEAD_LEN = 108, /* ":status" "200", "content-type" "application/grpc+proto" */
        STATUS_LEN = OVERHEAD + 11 + 2,
        MESSAGE_LEN = OVERHEAD + 12,
        DETAILS_LEN = OVERHEAD + 23,
        TEXT_LEAST = 64,
    };
    *t = (struct cs_grpc_trailers){ .message = { .max = CS_GRPC_TRAILERS_MAX_LEN },
                                    .details = { .max = CS_GRPC_TRAILERS_MAX_LEN } };
    (void)snprintf(t->status, sizeof t->status, "%u", (unsigned)(status % 1000));
    size_t left = CS_GRPC_TRAILERS_MAX_LEN - HEAD_LEN - STATUS_LEN - MESSAGE_LEN;
    size_t details_len = DETAILS_LEN + (details.len * 4 + 2) / 3;
    if (details.len > 0 && details.len < CS_GRPC_TRAILERS_MAX_LEN && details_len <= left - TEXT_LEAST) {
        cs_base64_put(&t->details, details, false);
        left -= details_len;
    }
    cs_grpc_percent_put(&t->message, text, left);
    return t->message.failed || t->details.failed ? CS_ERR(NO_MEMORY) : CS_OK;
}

void cs_grpc_trailers_done(struct cs_grpc_trailers *t)
{
    if (t == NULL)
        return;
    cs_buf_done(&t->message);
    cs_buf_done(&t->details);
}

enum cs_grpc_fault cs_grpc_in_feed(struct cs_grpc_in *in, struct cs_span chunk, size_t max_len)
{
    while (chunk.len > 0 && in->n_prefix < CS_GRPC_PREFIX_LEN) {
        in->prefix[in->n_prefix++] = *chunk.at++;
        chunk.len--;
        if (in->prefix[0] != 0)
            return in->prefix[0] == 1 ? CS_GRPC_COMPRESSED : CS_GRPC_FLAG;
        if (in->n_prefix < CS_GRPC_PREFIX_LEN)
            continue;
        struct cs_reader r = cs_reader_init(cs_span_of(in->prefix + 1, 4));
        in->len = cs_get_u32(&r);
        if (in->len > max_len)
            return CS_GRPC_TOO_LARGE;
    }
    if (chunk.len == 0)
        return CS_GRPC_FINE;
    if (chunk.len > in->len - in->body.len)
        return CS_GRPC_SECOND;
    cs_buf_put(&in->body, chunk.at, chunk.len);
    return in->body.failed ? CS_GRPC_NO_ROOM : CS_GRPC_FINE;
}

enum cs_grpc_fault cs_grpc_in_end(const struct cs_grpc_in *in)
{
    if (in->n_prefix == 0)
        return CS_GRPC_NONE;
    return in->n_prefix < CS_GRPC_PREFIX_LEN || in->body.len < in->len ? CS_GRPC_CUT : CS_GRPC_FINE;
}

void cs_grpc_in_done(struct cs_grpc_in *in)
{
    if (in != NULL)
        cs_buf_done(&in->body);
}

static const struct {
    uint32_t status;
    const char *text;
} faults[] = {
    [CS_GRPC_FINE] = { CS_GRPC_OK, "" },
    [CS_GRPC_COMPRESSED] = { CS_GRPC_INTERNAL,
                             "message is marked compressed, but grpc-encoding is identity" },
    [CS_GRPC_FLAG] = { CS_GRPC_INTERNAL, "message prefix: the flag byte must be 0" },
    [CS_GRPC_TOO_LARGE] = { CS_GRPC_RESOURCE_EXHAUSTED, "request message is over the maximum of 1 MiB" },
    [CS_GRPC_SECOND] = { CS_GRPC_UNIMPLEMENTED, "a unary call takes one message, more came" },
    [CS_GRPC_NONE] = { CS_GRPC_UNIMPLEMENTED, "a unary call takes one message, none came" },
    [CS_GRPC_CUT] = { CS_GRPC_INTERNAL, "the request ended inside a message" },
    [CS_GRPC_NO_ROOM] = { CS_GRPC_RESOURCE_EXHAUSTED, "no memory for the request message" },
};

uint32_t cs_grpc_fault_status(enum cs_grpc_fault fault)
{
    return faults[fault].status;
}

const char *cs_grpc_fault_text(enum cs_grpc_fault fault)
{
    return faults[fault].text;
}

void cs_grpc_prefix_put(struct cs_buf *out, size_t len)
{
    cs_buf_put_u8(out, 0);
    cs_buf_put_u32(out, (uint32_t)len);
}
