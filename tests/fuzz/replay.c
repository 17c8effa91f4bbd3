/* Runs a fuzz target without a fuzzer: its own seeds, the files given, and mutations of both. */
#include "tests/fuzz/replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/bytes.h"

static uint32_t state = 1;
static uint32_t next(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

static void run(const uint8_t *at, size_t len)
{
    uint8_t *copy = malloc(len != 0 ? len : 1); /* its own block: a read past the end is seen */
    if (copy == NULL)
        abort();
    if (len != 0)
        memcpy(copy, at, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void mutate(struct cs_span seed)
{
    run(seed.at, seed.len);
    for (size_t len = 0; len < seed.len; len++)
        run(seed.at, len);
    uint8_t *b = malloc(seed.len + 16);
    if (b == NULL)
        abort();
    for (int i = 0; i < 400 && seed.len != 0; i++) {
        size_t len = seed.len;
        memcpy(b, seed.at, len);
        for (uint32_t k = next(4) + 1; k > 0; k--) {
            size_t at = next((uint32_t)len);
            switch (next(4)) {
            case 0:
                b[at] = (uint8_t)next(256);
                break;
            case 1:
                b[at] ^= (uint8_t)(1u << next(8));
                break;
            case 2: /* octet more */
                if (len < seed.len + 16) {
                    memmove(b + at + 1, b + at, len - at);
                    b[at] = (uint8_t)next(256);
                    len++;
                }
                break;
            default: /* octet less */
                if (len > 1) {
                    memmove(b + at, b + at + 1, len - at - 1);
                    len--;
                }
            }
        }
        run(b, len);
    }
    free(b);
}

int main(int argc, char **argv)
{
    struct cs_span seed;
    for (unsigned i = 0; fuzz_seed(i, &seed); i++)
        mutate(seed);
    for (int i = 1; i < argc; i++) {
        static uint8_t at[1 << 20];
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            fprintf(stderr, "%s: not readable\n", argv[i]);
            return 1;
        }
        size_t len = fread(at, 1, sizeof at, f);
        (void)fclose(f);
        mutate(cs_span_of(at, len));
    }
    return 0;
}
