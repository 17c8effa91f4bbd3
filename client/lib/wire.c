#include "client/lib/wire.h"

#include <stdio.h>

void cs_wire_timeout(unsigned ms, char out[CS_WIRE_TIMEOUT_TEXT_LEN])
{
    if (ms <= 99999999)
        (void)snprintf(out, CS_WIRE_TIMEOUT_TEXT_LEN, "%um", ms);
    else
        (void)snprintf(out, CS_WIRE_TIMEOUT_TEXT_LEN, "%uS", ms / 1000 + (ms % 1000 != 0));
}

void cs_wire_percent_put(struct cs_buf *out, struct cs_span text)
{
    size_t from = out->len;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte;
        size_t len;
        if (text.at[i] == '%' && text.len - i > 2 &&
            cs_ok(cs_unhex(cs_span_of(text.at + i + 1, 2), &byte, 1, &len))) {
            cs_buf_put_u8(out, byte);
            i += 2;
        } else {
            cs_buf_put_u8(out, text.at[i]);
        }
    }
    if (out->failed || out->len == from || cs_utf8_valid(cs_span_of(out->at + from, out->len - from)))
        return;
    for (size_t i = from; i < out->len; i++)
        if (out->at[i] < 0x20 || out->at[i] > 0x7e)
            out->at[i] = '?';
}

bool cs_wire_status(struct cs_span text, uint32_t *out)
{
    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.at[0] == '0'))
        return false;
    uint32_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(text.at[i] - '0');
    }
    *out = n;
    return true;
}

/* grpc doc/http-grpc-status-mapping.md */
uint32_t cs_wire_status_of_http(uint32_t http_status)
{
    switch (http_status) {
    case 400:
        return 13;
    case 401:
        return 16;
    case 403:
        return 7;
    case 404:
        return 12;
    case 429:
    case 502:
    case 503:
    case 504:
        return 14;
    default:
        return 2;
    }
}

/* grpc doc/PROTOCOL-HTTP2.md, Errors */
uint32_t cs_wire_status_of_reset(uint32_t http2_error)
{
    switch (http2_error) {
    case 7: /* REFUSED_STREAM */
        return 14;
    case 8: /* CANCEL */
        return 1;
    case 11: /* ENHANCE_YOUR_CALM */
        return 8;
    case 12: /* INADEQUATE_SECURITY */
        return 7;
    default:
        return 13;
    }
}
