#include "proxy/tlog/text.h"

bool cs_tlog_line(struct cs_span *rest, struct cs_span *out)
{
    const uint8_t *end = rest->len != 0 ? memchr(rest->at, '\n', rest->len) : NULL;
    if (end == NULL)
        return false;
    size_t len = (size_t)(end - rest->at);
    *out = cs_span_of(rest->at, len);
    *rest = cs_span_of(end + 1, rest->len - len - 1);
    return true;
}

bool cs_tlog_after(struct cs_span line, const char *prefix, struct cs_span *out)
{
    size_t len = strlen(prefix);
    if (line.len < len || memcmp(line.at, prefix, len) != 0)
        return false;
    *out = cs_span_of(line.at + len, line.len - len);
    return true;
}

bool cs_tlog_number(struct cs_span text, uint64_t *out)
{
    if (text.len == 0 || text.len > 19 || (text.at[0] == '0' && text.len > 1))
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(text.at[i] - '0'); /* 19 digits fit 64 bits */
    }
    if (v > INT64_MAX)
        return false;
    *out = v;
    return true;
}

bool cs_tlog_base64(struct cs_span text, struct cs_buf *out)
{
    size_t before = out->len;
    if (text.len == 0 || !cs_ok(cs_unbase64(text, out)))
        return false;
    CS_AUTO_BUF struct cs_buf again = { 0 };
    cs_base64_put(&again, cs_span_of(out->at + before, out->len - before), true);
    if (again.failed || out->failed || !cs_span_eq(cs_buf_span(&again), text)) {
        out->len = before;
        return false;
    }
    return true;
}

bool cs_tlog_hash(struct cs_span text, struct cs_sha256 *out)
{
    CS_AUTO_BUF struct cs_buf bytes = { .max = 64 };
    if (text.len != 44 || !cs_tlog_base64(text, &bytes) || bytes.len != sizeof out->byte)
        return false;
    memcpy(out->byte, bytes.at, bytes.len);
    return true;
}

void cs_tlog_hash_put(struct cs_buf *out, const struct cs_sha256 *hash)
{
    cs_base64_put(out, cs_sha256_span(hash), true);
    cs_buf_put_u8(out, '\n');
}

/* One code point of valid UTF-8; *at moves behind it. */
static uint32_t code_point(struct cs_span s, size_t *at)
{
    uint8_t first = s.at[(*at)++];
    unsigned more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t v = more == 0 ? first : first & (0x3fu >> more);
    for (; more != 0; more--)
        v = v << 6 | (s.at[(*at)++] & 0x3fu);
    return v;
}

/* White_Space of the Unicode character database. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || c == 0x7f;
}

bool cs_tlog_name_valid(struct cs_span name)
{
    if (name.len == 0 || !cs_utf8_valid(name))
        return false;
    for (size_t at = 0; at < name.len;) {
        uint32_t c = code_point(name, &at);
        if (c == '+' || is_space(c) || is_control(c))
            return false;
    }
    return true;
}

bool cs_tlog_text_valid(struct cs_span text)
{
    if (text.len == 0 || text.at[text.len - 1] != '\n' || !cs_utf8_valid(text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (is_control(text.at[i]) && text.at[i] != '\n')
            return false;
    return true;
}
