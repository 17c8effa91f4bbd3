/* What the view costs: parse, pair digest and key facts of one TBS, a file or one made here. */
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/clock.h"
#include "proxy/gate/der/spki.h"
#include "tests/unit/der/der_text.h"

static struct cs_tbs view;
static struct cs_spki_facts facts;

static void parse(struct cs_span tbs)
{
    if (!cs_ok(cs_tbs_parse(tbs, &view, NULL)))
        abort();
}
static void pair(struct cs_span tbs)
{
    (void)tbs;
    (void)cs_tbs_pair_sha256(&view);
}
static void key(struct cs_span tbs)
{
    (void)tbs;
    if (!cs_ok(cs_spki_inspect(&view, &facts)))
        abort();
}

static void measure(const char *what, void (*run)(struct cs_span), struct cs_span tbs, int n)
{
    int64_t best = INT64_MAX;
    for (int round = 0; round < 5; round++) {
        int64_t start = cs_clock_mono_us();
        for (int i = 0; i < n; i++)
            run(tbs);
        int64_t took = cs_clock_mono_us() - start;
        best = took < best ? took : best;
    }
    printf("%-6s %8.2f us\n", what, (double)best / n);
}

int main(int argc, char **argv)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    if (argc > 1) {
        static uint8_t block[CS_TBS_DER_MAX_LEN];
        FILE *f = fopen(argv[1], "rb");
        if (f == NULL) {
            perror(argv[1]);
            return 1;
        }
        cs_buf_put(&b, block, fread(block, 1, sizeof block, f));
        (void)fclose(f);
    } else {
        tbs_text_put(&b, &(struct tbs_text){ .tail = tbs_tail_rich });
    }
    struct cs_der_fault fault = { 0, "", "" };
    if (!cs_ok(cs_tbs_parse(cs_buf_span(&b), &view, &fault))) {
        fprintf(stderr, "no TBS: %s at %zu, %s\n", fault.what, fault.offset, fault.where);
        return 1;
    }
    printf("TBS of %zu octets, %u extensions, %u names\n", b.len, view.n_extensions, view.n_names);
    measure("parse", parse, cs_buf_span(&b), 50000);
    measure("pair", pair, cs_buf_span(&b), 50000);
    measure("key", key, cs_buf_span(&b), 2000);
    return 0;
}
