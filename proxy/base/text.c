/* Text forms of bytes: hex, base64, UTF-8, and safe output for people. */
#include "proxy/base/bytes.h"

void cs_hex(struct cs_span in, char *out)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digit[in.at[i] >> 4];
        out[2 * i + 1] = digit[in.at[i] & 15];
    }
    out[2 * in.len] = '\0';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

CS_RESULT cs_unhex(struct cs_span text, uint8_t *out, size_t out_room, size_t *out_len)
{
    if (text.len % 2 != 0)
        return CS_ERR(FORM);
    if (text.len / 2 > out_room)
        return CS_ERR(LIMIT);
    for (size_t i = 0; i < text.len; i++)
        if (hex_value(text.at[i]) < 0)
            return CS_ERR(FORM);
    for (size_t i = 0; i < text.len / 2; i++)
        out[i] = (uint8_t)(hex_value(text.at[2 * i]) << 4 | hex_value(text.at[2 * i + 1]));
    *out_len = text.len / 2;
    return CS_OK;
}

void cs_base64_put(struct cs_buf *out, struct cs_span in, bool padded)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t v = (uint32_t)in.at[i] << 16;
        if (n > 1)
            v |= (uint32_t)in.at[i + 1] << 8;
        if (n > 2)
            v |= in.at[i + 2];
        char quad[4] = { digit[v >> 18], digit[v >> 12 & 63], digit[v >> 6 & 63], digit[v & 63] };
        if (n < 3)
            quad[3] = '=';
        if (n < 2)
            quad[2] = '=';
        cs_buf_put(out, quad, padded ? 4 : n + 1);
    }
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

CS_RESULT cs_unbase64(struct cs_span text, struct cs_buf *out)
{
    size_t start = out->len, digits = text.len;
    while (digits > 0 && text.len - digits < 2 && text.at[digits - 1] == '=')
        digits--;
    bool padded = digits != text.len;
    if (digits % 4 == 1 || (padded && text.len % 4 != 0))
        return CS_ERR(FORM);
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < digits; i++) {
        int v = base64_value(text.at[i]);
        if (v < 0) {
            out->len = start;
            return CS_ERR(FORM);
        }
        bits = (bits << 6 | (uint32_t)v) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            cs_buf_put_u8(out, (uint8_t)(bits >> n_bits));
        }
    }
    if ((bits & ((1u << n_bits) - 1u)) != 0) { /* stray bits: two texts would decode alike */
        out->len = start;
        return CS_ERR(FORM);
    }
    return cs_buf_end(out);
}

bool cs_utf8_valid(struct cs_span s)
{
    for (size_t i = 0; i < s.len;) {
        uint8_t c = s.at[i];
        size_t more;
        uint32_t v, least;
        if (c < 0x80) {
            i++;
            continue;
        } else if (c >= 0xc2 && c <= 0xdf) {
            more = 1, v = c & 0x1fu, least = 0x80;
        } else if (c >= 0xe0 && c <= 0xef) {
            more = 2, v = c & 0x0fu, least = 0x800;
        } else if (c >= 0xf0 && c <= 0xf4) {
            more = 3, v = c & 0x07u, least = 0x10000;
        } else {
            return false;
        }
        if (more > s.len - i - 1)
            return false;
        for (size_t k = 1; k <= more; k++) {
            if ((s.at[i + k] & 0xc0) != 0x80)
                return false;
            v = v << 6 | (s.at[i + k] & 0x3fu);
        }
        if (v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
            return false;
        i += more + 1;
    }
    return true;
}

void cs_text_put(struct cs_buf *out, struct cs_span s, size_t max)
{
    size_t n = s.len > max ? max : s.len;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = s.at[i];
        if (c >= 0x20 && c < 0x7f && c != '\\')
            cs_buf_put_u8(out, c);
        else if (c == '\\')
            cs_buf_put_str(out, "\\\\");
        else
            cs_buf_printf(out, "\\x%02x", c);
    }
    if (s.len > max)
        cs_buf_put_str(out, "...");
}
