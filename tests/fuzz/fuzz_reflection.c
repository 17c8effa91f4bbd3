/*
 * Trust border: a reflection request from any client. First octet even: the rest is a request to the
 * built-in set; what is answered is a well-formed message that repeats the request. Odd: the rest is a
 * FileDescriptorSet, which is ours, but its reader is the same.
 */
#include <stdlib.h>

#include "proxy/reflection/pb.h"
#include "proxy/reflection/reflection.h"
#include "tests/fuzz/replay.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void request_try(struct cs_span request)
{
    static struct cs_reflection *r;
    if (r == NULL)
        must(cs_ok(cs_reflection_new(cs_reflection_files(), &r)));
    CS_AUTO_BUF struct cs_buf out = { .max = 1024 * 1024 };
    cs_result done = cs_reflection_answer(r, request, &out);
    if (!cs_ok(done)) {
        must(cs_class(done) == CS_CLASS_CALLER && out.len == 0);
        return;
    }
    struct cs_pb_field f;
    bool bad = false, original = false;
    unsigned n_answers = 0;
    for (struct cs_span rest = cs_buf_span(&out); cs_pb_next(&rest, &f, &bad);) {
        if (f.number == 2)
            original = cs_span_eq(f.bytes, request);
        n_answers += f.number >= 4;
    }
    must(!bad && original && n_answers == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len == 0)
        return 0;
    struct cs_span rest = cs_span_of(at + 1, len - 1);
    if (at[0] % 2 == 0) {
        request_try(rest);
        return 0;
    }
    struct cs_reflection *r = NULL;
    if (cs_ok(cs_reflection_new(rest, &r)))
        must(r->n_files <= CS_REFLECTION_FILES_MAX && r->n_symbols <= CS_REFLECTION_SYMBOLS_MAX);
    cs_reflection_free(r);
    return 0;
}

bool fuzz_seed(unsigned n, struct cs_span *out)
{
    static const struct {
        uint32_t member;
        const char *text;
    } rows[] = { { 3, "grpc/health/v1/health.proto" },
                 { 4, "countersign.v1.SigningService" },
                 { 6, "countersign.v1.Header" },
                 { 7, "*" } };
    static struct cs_buf seed;
    cs_buf_reset(&seed);
    if (n < sizeof rows / sizeof *rows) {
        cs_buf_put_u8(&seed, 0);
        cs_pb_put_bytes(&seed, 1, cs_span_str("host"));
        cs_pb_put_bytes(&seed, rows[n].member, cs_span_str(rows[n].text));
    } else if (n == sizeof rows / sizeof *rows) { /* the first file of the set, which imports nothing */
        struct cs_span set = cs_reflection_files();
        struct cs_pb_field f;
        bool bad = false;
        must(cs_pb_next(&set, &f, &bad));
        cs_buf_put_u8(&seed, 1);
        cs_pb_put_bytes(&seed, 1, f.bytes);
    } else {
        cs_buf_done(&seed);
        return false;
    }
    *out = cs_buf_span(&seed);
    return true;
}
