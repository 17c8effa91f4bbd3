#include "client/report/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "proxy/base/clock.h"

/* Length of the well-formed sequence at the start of s, 0 when there is none; *out is its code point. */
static size_t sequence(struct cs_span s, uint32_t *out)
{
    uint8_t c = s.at[0];
    size_t n = c < 0x80                ? 1
               : c >= 0xc2 && c < 0xe0 ? 2
               : (c & 0xf0) == 0xe0    ? 3
               : c >= 0xf0 && c < 0xf5 ? 4
                                       : 0;
    if (n == 0 || n > s.len || !cs_utf8_valid(cs_span_of(s.at, n)))
        return 0;
    static const uint8_t mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t v = c & mask[n];
    for (size_t i = 1; i < n; i++)
        v = v << 6 | (s.at[i] & 0x3f);
    *out = v;
    return n;
}

/* Characters that a reader cannot see, or that change how the rest is shown. */
static bool is_hidden(uint32_t v)
{
    return v < 0x20 || (v >= 0x7f && v < 0xa0) || v == 0xad || v == 0x61c || v == 0x180e ||
           (v >= 0x200b && v <= 0x200f) || (v >= 0x2028 && v <= 0x202e) || (v >= 0x2060 && v <= 0x206f) ||
           v == 0xfeff || (v >= 0xfff0 && v <= 0xfffb) || (v & 0xfffe) == 0xfffe ||
           (v >= 0xfdd0 && v <= 0xfdef) || (v >= 0xe0000 && v <= 0xe0fff);
}

static void clean(struct cs_buf *out, struct cs_span s)
{
    while (s.len != 0) {
        uint32_t v = 0;
        size_t n = sequence(s, &v);
        if (n == 0)
            cs_buf_printf(out, "\\x%02x", s.at[0]);
        else if (is_hidden(v))
            cs_buf_printf(out, "\\u{%04x}", v);
        else
            cs_buf_put(out, s.at, n);
        n = n != 0 ? n : 1;
        s = cs_span_of(s.at + n, s.len - n);
    }
}

static const char *keep(struct cs_arena *a, const struct cs_buf *b)
{
    const char *at = b->failed ? NULL : cs_arena_copy(a, cs_buf_span(b));
    return at != NULL ? at : "";
}

const char *cs_clean(struct cs_arena *a, struct cs_span s)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    clean(&b, s);
    return keep(a, &b);
}

const char *cs_clean_hex(struct cs_arena *a, struct cs_span s)
{
    char *at = cs_arena_get(a, 2 * s.len + 1);
    if (at == NULL)
        return "";
    cs_hex(s, at);
    return at;
}

const char *cs_clean_id(struct cs_arena *a, struct cs_span s)
{
    const char *text = cs_clean(a, s);
    return cs_span_is(s, text) ? text : cs_arena_printf(a, "hex:%s", cs_clean_hex(a, s));
}

const char *cs_clean_time(struct cs_arena *a, int64_t unix_s)
{
    char text[CS_TIME_TEXT_LEN];
    cs_time_text(unix_s, text);
    return cs_clean(a, cs_span_str(text));
}

const char *cs_clean_minute(struct cs_arena *a, int64_t unix_s)
{
    char text[CS_TIME_TEXT_LEN];
    cs_time_text(unix_s, text);
    if (strlen(text) < 16)
        return cs_clean(a, cs_span_str(text));
    return cs_arena_printf(a, "%.10s %.5s UTC", text, text + 11);
}

static const struct {
    const char *oid;
    uint8_t len;
    const char *name;
} types[] = {
    { "\x55\x04\x03", 3, "CN" },
    { "\x55\x04\x04", 3, "SN" },
    { "\x55\x04\x05", 3, "serialNumber" },
    { "\x55\x04\x06", 3, "C" },
    { "\x55\x04\x07", 3, "L" },
    { "\x55\x04\x08", 3, "ST" },
    { "\x55\x04\x09", 3, "street" },
    { "\x55\x04\x0a", 3, "O" },
    { "\x55\x04\x0b", 3, "OU" },
    { "\x55\x04\x0f", 3, "businessCategory" },
    { "\x55\x04\x11", 3, "postalCode" },
    { "\x55\x04\x2a", 3, "GN" },
    { "\x55\x04\x61", 3, "organizationIdentifier" },
    { "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, "DC" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", 11, "jurisdictionL" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", 11, "jurisdictionST" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 11, "jurisdictionC" },
};

static void put_type(struct cs_buf *b, struct cs_span oid)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (cs_span_eq(oid, cs_span_of(types[i].oid, types[i].len))) {
            cs_buf_put_str(b, types[i].name);
            return;
        }
    char dotted[128];
    cs_oid_text(oid, dotted, sizeof dotted);
    cs_buf_put_str(b, dotted);
}

const char *cs_clean_name(struct cs_arena *a, const struct cs_attribute *attribute, uint32_t n)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    for (uint32_t i = 0; i < n; i++) {
        CS_AUTO_BUF struct cs_buf escaped = { 0 };
        struct cs_span v = attribute[i].value;
        if (i != 0)
            cs_buf_put_str(&b, attribute[i].rdn == attribute[i - 1].rdn ? " + " : ", ");
        put_type(&b, attribute[i].oid);
        cs_buf_put_u8(&b, '=');
        for (size_t k = 0; k < v.len; k++) {
            bool edge = (v.at[k] == ' ' && (k == 0 || k == v.len - 1)) || (v.at[k] == '#' && k == 0);
            if (edge || (v.at[k] != 0 && strchr(",+\"\\<>;", v.at[k]) != NULL))
                cs_buf_put_u8(&escaped, '\\');
            cs_buf_put_u8(&escaped, v.at[k]);
        }
        clean(&b, cs_buf_span(&escaped));
        b.failed |= escaped.failed;
    }
    return keep(a, &b);
}

const char *cs_clean_ip(struct cs_arena *a, struct cs_span octets)
{
    char text[INET6_ADDRSTRLEN];
    if ((octets.len != 4 && octets.len != 16) ||
        inet_ntop(octets.len == 4 ? AF_INET : AF_INET6, octets.at, text, sizeof text) == NULL)
        return cs_clean_hex(a, octets);
    return cs_clean(a, cs_span_str(text));
}

void cs_put_html(struct cs_buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&':
            cs_buf_put_str(out, "&amp;");
            break;
        case '<':
            cs_buf_put_str(out, "&lt;");
            break;
        case '>':
            cs_buf_put_str(out, "&gt;");
            break;
        case '"':
            cs_buf_put_str(out, "&quot;");
            break;
        case '\'':
            cs_buf_put_str(out, "&#39;");
            break;
        default:
            cs_buf_put_u8(out, (uint8_t)*text);
        }
}

void cs_put_code(struct cs_buf *out, const char *text)
{
    size_t longest = 0, run = 0;
    for (const char *c = text; *c != '\0'; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    if (text[0] == '\0') {
        cs_buf_put_str(out, "(empty)");
        return;
    }
    for (size_t i = 0; i <= longest; i++)
        cs_buf_put_u8(out, '`');
    cs_buf_printf(out, longest != 0 ? " %s " : "%s", text);
    for (size_t i = 0; i <= longest; i++)
        cs_buf_put_u8(out, '`');
}

/* Also what makes a bare address a link: "www." and "://"; of an address of mail the "@". */
static bool starts_link(const char *text, const char *at)
{
    if (*at == '.')
        return at - text >= 3 && strncasecmp(at - 3, "www", 3) == 0;
    return *at == '@' || (*at == ':' && at[1] == '/');
}

void cs_put_prose(struct cs_buf *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr("\\`*_[]<>|!&~$", *at) != NULL || starts_link(text, at))
            cs_buf_put_u8(out, '\\');
        cs_buf_put_u8(out, (uint8_t)*at);
    }
}

void cs_put_cell(struct cs_buf *out, const char *text, bool last)
{
    cs_buf_put_u8(out, '"');
    if (text[0] != '\0' && strchr("=+-@", text[0]) != NULL)
        cs_buf_put_u8(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            cs_buf_put_u8(out, '"');
        cs_buf_put_u8(out, (uint8_t)*text);
    }
    cs_buf_put_str(out, last ? "\"\r\n" : "\",");
}
