/* Index and answers, on a small set written here and on the one that is built in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "proxy/reflection/pb.h"
#include "proxy/reflection/reflection.h"

static void put_str(struct cs_buf *out, uint32_t number, const char *text)
{
    cs_pb_put_bytes(out, number, cs_span_str(text));
}

static void put_buf(struct cs_buf *out, uint32_t number, struct cs_buf *inner)
{
    cs_pb_put_bytes(out, number, cs_buf_span(inner));
    cs_buf_done(inner);
}

/* base.proto: package p; message M { message N { enum E } }
 * top.proto:  package p.q; imports base.proto; service S { rpc Do }; extends p.M with 100 */
static void small_set(struct cs_buf *out)
{
    struct cs_buf e = { 0 }, n = { 0 }, m = { 0 }, base = { 0 };
    put_str(&e, 1, "E");
    put_buf(&n, 4, &e);
    put_str(&n, 1, "N"); /* after what it contains: order is free */
    put_str(&m, 1, "M");
    put_buf(&m, 3, &n);
    put_str(&base, 1, "base.proto");
    put_str(&base, 2, "p");
    put_buf(&base, 4, &m);
    put_buf(out, 1, &base);
    struct cs_buf rpc = { 0 }, service = { 0 }, extension = { 0 }, top = { 0 };
    put_str(&rpc, 1, "Do");
    put_str(&service, 1, "S");
    put_buf(&service, 2, &rpc);
    put_str(&extension, 1, "x");
    put_str(&extension, 2, ".p.M");
    cs_pb_put_varint(&extension, 3, 100);
    put_str(&top, 1, "top.proto");
    put_buf(&top, 6, &service);
    put_buf(&top, 7, &extension);
    put_str(&top, 3, "base.proto");
    put_str(&top, 2, "p.q");
    put_buf(out, 1, &top);
}

/* The answer's kind (field number of the oneof) and its bytes; checks the frame around it. */
static uint32_t ask(const struct cs_reflection *r, struct cs_span request, struct cs_buf *keep,
                    struct cs_span *body)
{
    struct cs_pb_field f;
    bool bad = false, original = false;
    uint32_t kind = 0;
    cs_buf_reset(keep);
    if (!cs_ok(cs_reflection_answer(r, request, keep)))
        return UINT32_MAX;
    for (struct cs_span rest = cs_buf_span(keep); cs_pb_next(&rest, &f, &bad);) {
        if (f.number == 2)
            original = cs_span_eq(f.bytes, request);
        else if (f.number >= 4)
            kind = f.number, *body = f.bytes;
    }
    assert_true(!bad && original);
    return kind;
}

static unsigned count_of(struct cs_span body, uint32_t number)
{
    struct cs_pb_field f;
    bool bad = false;
    unsigned n = 0;
    while (cs_pb_next(&body, &f, &bad))
        n += f.number == number;
    assert_true(!bad);
    return n;
}

static uint64_t value_of(struct cs_span body, uint32_t number)
{
    struct cs_pb_field f;
    bool bad = false;
    while (cs_pb_next(&body, &f, &bad))
        if (f.number == number)
            return f.value;
    return 0;
}

enum { FILES = 4, NUMBERS, SERVICES, ERROR };

static void questions_and_answers(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        uint32_t member;
        const char *text;
        uint32_t kind;
        uint64_t n; /* files, numbers, services; or the error code */
    } rows[] = {
        { "file", 3, "base.proto", FILES, 1 },
        { "file with an import", 3, "top.proto", FILES, 2 },
        { "no such file", 3, "base", ERROR, 5 },
        { "message", 4, "p.M", FILES, 1 },
        { "nested message", 4, "p.M.N", FILES, 1 },
        { "enum in a nested message", 4, "p.M.N.E", FILES, 1 },
        { "service", 4, "p.q.S", FILES, 2 },
        { "method", 4, "p.q.S.Do", FILES, 2 },
        { "package", 4, "p.q", ERROR, 5 },
        { "leading dot", 4, ".p.M", ERROR, 5 },
        { "longer", 4, "p.M.N.EE", ERROR, 5 },
        { "empty", 4, "", ERROR, 5 },
        { "numbers of an extended message", 6, "p.M", NUMBERS, 1 },
        { "numbers of a message without", 6, "p.M.N", NUMBERS, 0 },
        { "numbers of an enum", 6, "p.M.N.E", ERROR, 5 },
        { "numbers of nothing", 6, "p.X", ERROR, 5 },
        { "services", 7, "", SERVICES, 1 },
        { "services, whatever the text", 7, "*", SERVICES, 1 },
    };
    CS_AUTO_BUF struct cs_buf set = { 0 }, keep = { 0 };
    struct cs_reflection *r = NULL;
    struct cs_span body = { NULL, 0 };
    small_set(&set);
    assert_true(cs_ok(cs_reflection_new(cs_buf_span(&set), &r)));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf request = { 0 };
        put_str(&request, rows[i].member, rows[i].text);
        uint32_t kind = ask(r, cs_buf_span(&request), &keep, &body);
        uint64_t n = kind == ERROR ? value_of(body, 1) : count_of(body, kind == NUMBERS ? 2 : 1);
        if (kind != rows[i].kind || n != rows[i].n)
            fail_msg("row: %s: kind %u, %u", rows[i].row, kind, (unsigned)n);
    }
    static const struct {
        const char *type;
        uint64_t number;
        uint32_t kind;
    } extensions[] = { { "p.M", 100, FILES }, { "p.M", 101, ERROR }, { "p.N", 100, ERROR } };
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        CS_AUTO_BUF struct cs_buf request = { 0 };
        struct cs_buf inner = { 0 };
        put_str(&inner, 1, extensions[i].type);
        cs_pb_put_varint(&inner, 2, extensions[i].number);
        put_buf(&request, 5, &inner);
        assert_int_equal(ask(r, cs_buf_span(&request), &keep, &body), extensions[i].kind);
    }
    assert_int_equal(ask(r, (struct cs_span){ NULL, 0 }, &keep, &body), ERROR); /* it asks nothing */
    assert_int_equal(value_of(body, 1), 3);
    cs_reflection_free(r);
}

static void what_is_no_request(void **state)
{
    (void)state;
    static const struct {
        const char *row, *bytes;
        size_t len;
    } rows[] = {
        { "tag without a value", "\x3a", 1 },
        { "length past the end", "\x3a\x02x", 3 },
        { "longer varint than needed", "\x3a\x81\x00x", 4 },
        { "field 0", "\x02\x00", 2 },
        { "group", "\x3b\x3c", 2 },
        { "unknown field", "\x42\x00", 2 },
        { "varint for text", "\x38\x01", 2 },
        { "two hosts", "\x0a\x00\x0a\x00", 4 },
        { "one question twice", "\x3a\x00\x3a\x00", 4 },
        { "two questions", "\x1a\x01y\x3a\x00", 5 },
        { "not UTF-8", "\x1a\x01\xff", 3 },
        { "host not UTF-8", "\x0a\x01\xff", 3 },
        { "extension with an unknown field", "\x2a\x02\x18\x01", 4 },
        { "extension with two numbers", "\x2a\x04\x10\x01\x10\x01", 6 },
        { "extension cut", "\x2a\x01\x10", 3 },
    };
    CS_AUTO_BUF struct cs_buf set = { 0 }, out = { 0 };
    struct cs_reflection *r = NULL;
    small_set(&set);
    assert_true(cs_ok(cs_reflection_new(cs_buf_span(&set), &r)));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!cs_is(cs_reflection_answer(r, cs_span_of(rows[i].bytes, rows[i].len), &out), CS_NUM_FORM) ||
            out.len != 0)
            fail_msg("row: %s", rows[i].row);
    static uint8_t large[CS_REFLECTION_REQUEST_MAX_LEN + 1] = { 0x3a, 0xfe, 0x1f };
    memset(large + 3, 'x', sizeof large - 3);
    large[1] = 0xfd; /* 3 + 4,093 octets are the most */
    assert_true(cs_ok(cs_reflection_answer(r, cs_span_of(large, CS_REFLECTION_REQUEST_MAX_LEN), &out)));
    assert_true(cs_is(cs_reflection_answer(r, cs_span_of(large, sizeof large), &out), CS_NUM_LIMIT));
    cs_reflection_free(r);
}

static void sets_that_are_none(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf set = { 0 }, copy = { 0 };
    struct cs_reflection *r;
    small_set(&set);
    for (size_t n = 0; n < set.len; n++) { /* every truncation and bit flip ends, and leaks nothing */
        uint8_t *cut = malloc(n + 1);
        assert_non_null(cut);
        memcpy(cut, set.at, n);
        r = NULL;
        (void)!cs_ok(cs_reflection_new(cs_span_of(cut, n), &r));
        cs_reflection_free(r);
        free(cut);
    }
    for (size_t i = 0; i < set.len * 8; i++) {
        cs_buf_reset(&copy);
        cs_buf_put(&copy, set.at, set.len);
        copy.at[i / 8] ^= (uint8_t)(1u << i % 8);
        r = NULL;
        (void)!cs_ok(cs_reflection_new(cs_buf_span(&copy), &r));
        cs_reflection_free(r);
    }
    cs_buf_reset(&copy);
    struct cs_buf lone = { 0 };
    put_str(&lone, 1, "a.proto");
    put_str(&lone, 3, "b.proto");
    put_buf(&copy, 1, &lone);
    assert_true(cs_is(cs_reflection_new(cs_buf_span(&copy), &r), CS_NUM_FORM)); /* import not held */
    for (unsigned depth = CS_REFLECTION_DEPTH_MAX; depth <= CS_REFLECTION_DEPTH_MAX + 1; depth++) {
        struct cs_buf m = { 0 }, file = { 0 };
        for (unsigned i = 0; i < depth; i++) {
            struct cs_buf outer = { 0 };
            put_str(&outer, 1, "M");
            if (i > 0)
                put_buf(&outer, 3, &m);
            m = outer;
        }
        put_str(&file, 1, "deep.proto");
        put_buf(&file, 4, &m);
        cs_buf_reset(&copy);
        put_buf(&copy, 1, &file);
        r = NULL;
        cs_result done = cs_reflection_new(cs_buf_span(&copy), &r);
        assert_true(depth <= CS_REFLECTION_DEPTH_MAX ? cs_ok(done) : cs_is(done, CS_NUM_LIMIT));
        cs_reflection_free(r);
    }
}

/* Every symbol of the built-in set leads to files that name themselves. */
static void built_in_set(void **state)
{
    (void)state;
    struct cs_reflection *r = NULL;
    CS_AUTO_BUF struct cs_buf keep = { 0 };
    struct cs_span body;
    assert_true(cs_ok(cs_reflection_new(cs_reflection_files(), &r)));
    assert_true(r->n_files > 15 && r->n_symbols > 90);
    unsigned n_services = 0;
    for (uint32_t i = 0; i < r->n_symbols; i++) {
        CS_AUTO_BUF struct cs_buf request = { 0 };
        put_str(&request, 4, r->symbol[i].name);
        assert_int_equal(ask(r, cs_buf_span(&request), &keep, &body), FILES);
        assert_true(keep.len < 512 * 1024);
        n_services += r->symbol[i].service;
    }
    static const uint8_t services[] = { 0x3a, 0x00 };
    assert_int_equal(ask(r, cs_span_of(services, sizeof services), &keep, &body), SERVICES);
    assert_int_equal(count_of(body, 1), n_services);
    assert_non_null(
        cs_reflection_find_symbol(r, cs_span_str("countersign.v1.SigningService.SignCertificate")));
    assert_non_null(cs_reflection_find_symbol(r, cs_span_str("grpc.reflection.v1.ServerReflection")));
    assert_true(cs_reflection_find_file(r, cs_span_str("countersign/ledger/v1/entry.proto")) <
                0); /* ours alone */
    cs_reflection_free(r);
}

static void numbers_in_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        const char *row, *bytes;
        size_t len;
        bool fine;
        uint64_t value;
    } rows[] = {
        { "zero", "\x08\x00", 2, true, 0 },
        { "127", "\x08\x7f", 2, true, 127 },
        { "128", "\x08\x80\x01", 3, true, 128 },
        { "the largest", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, true, UINT64_MAX },
        { "one bit more", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, false, 0 },
        { "eleven octets", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, false, 0 },
        { "padded zero", "\x08\x80\x00", 3, false, 0 },
        { "fixed 32", "\x0d\x01\x02\x03\x04", 5, true, 0x04030201 },
        { "fixed 32 cut", "\x0d\x01\x02\x03", 4, false, 0 },
        { "fixed 64", "\x09\x01\x00\x00\x00\x00\x00\x00\x80", 9, true, UINT64_C(0x8000000000000001) },
        { "largest field number", "\xf8\xff\xff\xff\x0f\x01", 6, true, 1 },
        { "over it", "\x80\x80\x80\x80\x10\x01", 6, false, 0 },
        { "wire type 6", "\x0e\x01", 2, false, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_span rest = cs_span_of(rows[i].bytes, rows[i].len);
        struct cs_pb_field f;
        bool bad = false, got = cs_pb_next(&rest, &f, &bad);
        if (got != rows[i].fine || bad == rows[i].fine ||
            (got && (f.value != rows[i].value || rest.len != 0)))
            fail_msg("row: %s", rows[i].row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_and_answers),
        cmocka_unit_test(what_is_no_request),
        cmocka_unit_test(sets_that_are_none),
        cmocka_unit_test(built_in_set),
        cmocka_unit_test(numbers_in_their_shortest_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
