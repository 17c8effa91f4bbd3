/* Runs the fuzz target over files given as arguments, or over seeds made and mutated here. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/der/der_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static uint32_t state = 2463534242u;

static uint32_t next(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

/* In memory of exactly its length, so that a sanitizer sees each octet read past it. */
static void run(const struct cs_buf *b)
{
    uint8_t *copy = malloc(b->len > 0 ? b->len : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, b->at, b->len);
    (void)LLVMFuzzerTestOneInput(copy, b->len);
    free(copy);
}

static void seed_put(struct cs_buf *out, unsigned i)
{
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    struct tbs_text t = { .tail = (i & 1) != 0 ? tbs_tail_rich : NULL };
    if ((i & 2) != 0)
        t.spki = "30{30{06:2a864886f70d010101 05} 03{=00 30{02:00e4c1b3a59d 02:010001}}}";
    if ((i & 8) != 0)
        t.subject = "30{31{30{06:550406 13'DE'}} 31{30{06:550403 0c'a'} 30{06:55040a 0c'b'}}}";
    tbs_text_put(&tbs, &t);
    if ((i & 4) == 0) {
        cs_buf_put(out, tbs.at, tbs.len);
        return;
    }
    CS_AUTO_BUF struct cs_buf body = { 0 };
    cs_buf_put(&body, tbs.at, tbs.len);
    der_text(&body, "30{06:2a8648ce3d040302} 03:0030");
    der_wrap(out, 0x30, cs_buf_span(&body));
}

static void mutate(struct cs_buf *b)
{
    static const uint8_t liked[] = { 0x00, 0x01, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0xa0, 0xa3, 0xff };
    for (uint32_t n = 1 + next(4); n > 0 && b->len > 0; n--) {
        uint32_t at = next((uint32_t)b->len);
        switch (next(4)) {
        case 0:
            b->at[at] ^= (uint8_t)(1u << next(8));
            break;
        case 1:
            b->at[at] = liked[next(sizeof liked)];
            break;
        case 2:
            b->at[at] = (uint8_t)(b->at[at] + (next(2) == 0 ? 1 : 255));
            break;
        default: /* one octet out, the rest moves */
            memmove(b->at + at, b->at + at + 1, b->len - at - 1);
            b->len--;
        }
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        uint8_t block[4096];
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
            cs_buf_put(&b, block, n);
        (void)fclose(f);
        run(&b);
    }
    for (unsigned i = 0; argc == 1 && i < 16; i++) {
        CS_AUTO_BUF struct cs_buf seed = { 0 };
        seed_put(&seed, i);
        run(&seed);
        for (int k = 0; k < 4000; k++) {
            CS_AUTO_BUF struct cs_buf b = { 0 };
            cs_buf_put(&b, seed.at, seed.len);
            mutate(&b);
            run(&b);
        }
    }
    return 0;
}
