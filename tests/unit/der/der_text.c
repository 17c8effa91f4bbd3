#include "tests/unit/der/der_text.h"

#include <stdio.h>
#include <stdlib.h>

static void mistake(const char *at)
{
    fprintf(stderr, "der_text: mistake at: %.40s\n", at);
    abort();
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_octet(const char **at, uint8_t *out)
{
    int high = nibble((*at)[0]), low = high < 0 ? -1 : nibble((*at)[1]);
    if (low < 0)
        return false;
    *out = (uint8_t)(high << 4 | low);
    *at += 2;
    return true;
}

void der_wrap(struct cs_buf *out, uint8_t tag, struct cs_span content)
{
    cs_buf_put_u8(out, tag);
    if (content.len < 128) {
        cs_buf_put_u8(out, (uint8_t)content.len);
    } else if (content.len < 256) {
        cs_buf_put_u8(out, 0x81);
        cs_buf_put_u8(out, (uint8_t)content.len);
    } else if (content.len < 65536) {
        cs_buf_put_u8(out, 0x82);
        cs_buf_put_u16(out, (uint16_t)content.len);
    } else if (content.len < 1 << 24) {
        cs_buf_put_u8(out, 0x83);
        cs_buf_put_u8(out, (uint8_t)(content.len >> 16));
        cs_buf_put_u16(out, (uint16_t)content.len);
    } else {
        abort();
    }
    cs_buf_put(out, content.at, content.len);
}

static void items_put(struct cs_buf *out, const char **at);

static void item_put(struct cs_buf *out, const char **at)
{
    CS_AUTO_BUF struct cs_buf content = { 0 };
    uint8_t tag, octet;
    if (**at == '=') {
        ++*at;
        while (hex_octet(at, &octet))
            cs_buf_put_u8(out, octet);
        return;
    }
    if (!hex_octet(at, &tag))
        mistake(*at);
    if (**at == ':') {
        ++*at;
        while (hex_octet(at, &octet))
            cs_buf_put_u8(&content, octet);
    } else if (**at == '\'') {
        for (++*at; **at != '\''; ++*at) {
            if (**at == '\0')
                mistake(*at);
            cs_buf_put_u8(&content, (uint8_t) * *at);
        }
        ++*at;
    } else if (**at == '{') {
        ++*at;
        items_put(&content, at);
        if (**at != '}')
            mistake(*at);
        ++*at;
    }
    der_wrap(out, tag, cs_buf_span(&content));
}

static void items_put(struct cs_buf *out, const char **at)
{
    for (;;) {
        while (**at == ' ')
            ++*at;
        if (**at == '\0' || **at == '}')
            return;
        item_put(out, at);
    }
}

void der_text(struct cs_buf *out, const char *text)
{
    items_put(out, &text);
    if (*text != '\0')
        mistake(text);
}

const struct tbs_text tbs_text_good = {
    .version = "a0{02:02}",
    .serial = "02:0123456789abcdef01",
    .signature = "30{06:2a8648ce3d040302}",
    .issuer = "30{31{30{06:550406 13'XX'}} 31{30{06:55040a 0c'Example CA'}}}",
    .validity = "30{17'261121000000Z' 17'270301000000Z'}",
    .subject = "30{31{30{06:550403 0c'example.com'}}}",
    .spki = "30{30{06:2a8648ce3d0201 06:2a8648ce3d030107} 03{=00"
            "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5}}",
    .tail = "a3{30{30{06:551d11 04{30{82'example.com'}}}}}",
};

const char tbs_tail_rich[] =
    "a3{30{"
    "30{06:551d23 04{30{80:0102030405060708}}}"
    "30{06:551d0e 04{04:aabbccdd}}"
    "30{06:551d0f 01:ff 04{03:0780}}"
    "30{06:551d25 04{30{06:2b06010505070301 06:2b06010505070302}}}"
    "30{06:551d13 01:ff 04{30{01:ff 02:03}}}"
    "30{06:551d11 04{30{82'example.com' 82'www.example.com' 87:c0000201 81'a@example.com'"
    "   86'https://example.com/' 88:2a0304 a4{30{31{30{06:550403 0c'x'}}}} a0{06:2a0304 a0{0c'y'}}}}}"
    "30{06:551d20 04{30{30{06:67810c010201}"
    "   30{06:2a0304 30{30{06:2b06010505070201 16'https://example.com/cps'}"
    "      30{06:2b06010505070202 30{30{0c'org' 30{02:01 02:02}} 0c'text'}}}}}}}"
    "30{06:551d1f 04{30{30{a0{a0{86'http://example.com/crl'}} 81:0560 a2{a4{30{}}}}}}}"
    "30{06:2b06010505070101 04{30{30{06:2b06010505073001 86'http://example.com/ocsp'}}}}"
    "30{06:551d1e 01:ff 04{30{a0{30{82'example.com'}} a1{30{87:0000000000000000}}}}}"
    "30{06:551d21 04{30{30{06:2a0304 06:2a0305}}}}"
    "30{06:551d24 01:ff 04{30{80:00 81:01}}}"
    "30{06:551d36 01:ff 04{02:00}}"
    "30{06:551d12 04{30{82'ca.example'}}}"
    "30{06:2b06010401d679020403 01:ff 04{05}}"
    "30{06:2b06010401d679020402 04{04:0006000401020304}}"
    "30{06:2a030405 04:00ff00}"
    "30{06:2a030406 04}"
    "}}";

void tbs_text_put(struct cs_buf *out, const struct tbs_text *t)
{
    CS_AUTO_BUF struct cs_buf body = { 0 };
#define PUT(field) der_text(&body, t->field != NULL ? t->field : tbs_text_good.field)
    PUT(version);
    PUT(serial);
    PUT(signature);
    PUT(issuer);
    PUT(validity);
    PUT(subject);
    PUT(spki);
    PUT(tail);
#undef PUT
    der_wrap(out, 0x30, cs_buf_span(&body));
}

const char *tail_with_extension(const char *oid_hex, const char *value_text)
{
    static char text[4096];
    int n = snprintf(text, sizeof text, "a3{30{30{06:%s 04{%s}}}}", oid_hex, value_text);
    if (n < 0 || (size_t)n >= sizeof text)
        mistake(value_text);
    return text;
}
