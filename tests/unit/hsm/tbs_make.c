#include "tests/unit/hsm/tbs_make.h"

#include <stdlib.h>

static struct {
    void *at[4096];
    size_t n;
} kept; /* reachable, so that the leak check stays quiet */

struct cs_span tbs_hex(const char *text)
{
    char *plain = malloc(strlen(text) + 1);
    size_t n = 0, len = 0;
    for (; *text != '\0'; text++)
        if (*text != ' ')
            plain[n++] = *text;
    uint8_t *out = malloc(n / 2 + 1);
    if (!cs_ok(cs_unhex(cs_span_of(plain, n), out, n / 2, &len)) || kept.n == 4096)
        abort();
    free(plain);
    kept.at[kept.n++] = out;
    return cs_span_of(out, len);
}

struct tbs_make tbs_default(void)
{
    return (struct tbs_make){
        .version = tbs_hex("a003020102"),
        .serial = tbs_hex("0210 5a112233445566778899aabbccddeeff"),
        .algorithm = tbs_hex("300a06082a8648ce3d040302"),
        .issuer = tbs_hex("3016 3114 3012 0603550403 0c0b 5465737420497373756572"),
        .validity = tbs_hex("170d 3236313132313030303030305a 170d 3236313232303233353935395a"),
        .subject = tbs_hex("3010 310e 300c 0603550403 0c05 7065656b21"),
        .spki = tbs_hex("3059 3013 06072a8648ce3d0201 06082a8648ce3d030107 0342 00"
                        "04 aeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeae"
                        "eaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaea"),
        .extensions = tbs_hex(TBS_BASIC_CONSTRAINTS TBS_KEY_USAGE TBS_SAN),
    };
}

static void put_tlv(struct cs_buf *out, uint8_t tag, struct cs_span v)
{
    cs_buf_put_u8(out, tag);
    if (v.len >= 0x100) {
        cs_buf_put_u8(out, 0x82);
        cs_buf_put_u16(out, (uint16_t)v.len);
    } else {
        if (v.len >= 0x80)
            cs_buf_put_u8(out, 0x81);
        cs_buf_put_u8(out, (uint8_t)v.len);
    }
    cs_buf_put(out, v.at, v.len);
}

void tbs_put(struct cs_buf *out, const struct tbs_make *t)
{
    CS_AUTO_BUF struct cs_buf list = { 0 }, explicit = { 0 }, all = { 0 };
    const struct cs_span head[] = { t->version, t->serial, t->algorithm, t->issuer };
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cs_buf_put(&all, head[i].at, head[i].len);
    put_tlv(&all, 0x30, t->validity);
    cs_buf_put(&all, t->subject.at, t->subject.len);
    cs_buf_put(&all, t->spki.at, t->spki.len);
    cs_buf_put(&all, t->before_extensions.at, t->before_extensions.len);
    if (t->extensions.at != NULL) {
        put_tlv(&list, 0x30, t->extensions);
        cs_buf_put(&list, t->extensions_tail.at, t->extensions_tail.len);
        put_tlv(&explicit, 0xa3, cs_buf_span(&list));
    }
    cs_buf_put(&all, explicit.at, explicit.len);
    cs_buf_put(&all, t->tail.at, t->tail.len);
    put_tlv(out, 0x30, cs_buf_span(&all));
}
