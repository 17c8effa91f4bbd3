/* The reader: every input of up to three octets against an oracle, rows for walk and headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "proxy/gate/der/der.h"
#include "tests/unit/der/der_text.h"

/* Total length of the first element of n octets, or 0. With at most three octets in all, a length of
 * more than one octet can never be the shortest form of what follows. */
static size_t oracle_len(const uint8_t *b, size_t n)
{
    if (n < 2 || (b[0] & 31) == 31 || b[1] > 1)
        return 0;
    return 2u + b[1] <= n ? 2u + b[1] : 0;
}

/* Whether n octets are one DER element, by listing what there is of content length 0 and 1. */
static bool oracle_is_der(const uint8_t *b, size_t n)
{
    if (n == 0 || oracle_len(b, n) != n)
        return false;
    bool empty = b[1] == 0;
    uint8_t c = empty ? 0 : b[2];
    if ((b[0] & 0x20) != 0) /* one octet is never an element */
        return empty && (b[0] >= 0x40 || b[0] == 0x30 || b[0] == 0x31);
    switch (b[0]) {
    case 1:
        return !empty && (c == 0 || c == 255);
    case 2:
    case 10:
        return !empty;
    case 3:
        return !empty && c == 0;
    case 4:
    case 20:
        return true;
    case 5:
    case 28:
    case 30:
        return empty;
    case 6:
        return !empty && c < 128;
    case 12:
    case 22:
        return c < 128;
    case 18:
        return empty || (c >= '0' && c <= '9') || c == ' ';
    case 19:
        return empty || (c >= '0' && c <= ':') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               (c >= '\'' && c <= ')') || (c >= '+' && c <= '/') || c == ' ' || c == '=' || c == '?';
    case 26:
        return empty || (c >= 32 && c < 127);
    default:
        return b[0] >= 0x40;
    }
}

static void every_input_of_three_octets(void **state)
{
    (void)state;
    uint8_t b[3];
    for (size_t n = 0; n <= 3; n++) {
        for (uint32_t i = 0; i < 1u << (8 * n); i++) {
            for (size_t k = 0; k < n; k++)
                b[k] = (uint8_t)(i >> (8 * k));
            struct cs_der_input in;
            struct cs_der r = cs_der_open(&in, cs_span_of(b, n), NULL);
            struct cs_der_tlv v;
            size_t want = oracle_len(b, n);
            bool got = cs_der_get(&r, &v);
            if (got != (want > 0) || cs_ok(in.result) != got)
                fail_msg("get: %zu octets %02x %02x %02x", n, b[0], b[1], b[2]);
            if (got && (v.tag != b[0] || v.der.len != want || v.der.at != b || v.value.at != b + 2 ||
                        v.value.len != want - 2 || r.left != n - want))
                fail_msg("view: %zu octets %02x %02x %02x", n, b[0], b[1], b[2]);
            (void)cs_der_open(&in, cs_span_of(b, n), NULL);
            if (cs_der_walk(&in, cs_span_of(b, n)) != oracle_is_der(b, n))
                fail_msg("walk: %zu octets %02x %02x %02x", n, b[0], b[1], b[2]);
        }
    }
}

static void walk_rows(void **state)
{
    (void)state;
    static const struct {
        const char *row, *text;
        bool ok;
    } rows[] = {
        { "nothing", "", false },
        { "one element", "30{02:01}", true },
        { "two elements", "30{02:01} 05", false },
        { "child past its parent", "=3003020201", false },
        { "child longer than what is left", "=300402010102", false },
        { "indefinite", "=30800000", false },
        { "indefinite inside", "30{=30800000}", false },
        { "end of contents", "30{00}", false },
        { "length 1 in two octets", "30{=02810101}", false },
        { "length 127 in two octets", "=30817f", false },
        { "length of five octets", "=30850000000000", false },
        { "constructed OCTET STRING", "24{04:01}", false },
        { "constructed UTF8String", "2c{0c'a'}", false },
        { "primitive SEQUENCE", "10", false },
        { "primitive SET", "11", false },
        { "REAL", "09", false },
        { "EXTERNAL", "28", false },
        { "GeneralString", "1b'a'", false },
        { "high tag", "=1f0100", false },
        { "high tag inside context", "a0{=9f8100}", false },
        { "context, opaque", "80:00ff", true },
        { "context, constructed, good inside", "a0{02:01}", true },
        { "context, constructed, bad inside", "a0{02:0001}", false },
        { "application and private", "30{41:01 c1:01 61{05} e1{05}}", true },
        { "OCTET STRING is opaque", "04{=3080}", true },
        { "SET ascending", "31{02:01 02:02 04:00}", true },
        { "SET with equal elements", "31{02:01 02:01}", true },
        { "SET descending", "31{02:02 02:01}", false },
        { "SET: length decides before content", "31{04:ff 04:0000}", true },
        { "SET: length against content", "31{04:0000 04:ff}", false },
        { "SET inside a SET", "31{31{02:01 02:02} 31{02:01 02:03}}", true },
        { "order goes on behind an inner SET", "31{31{05} 30{05}}", false },
        { "SEQUENCE needs no order", "30{02:02 02:01}", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        der_text(&b, rows[i].text);
        struct cs_der_input in;
        struct cs_der_fault fault = { 99999, NULL, NULL };
        (void)cs_der_open(&in, cs_buf_span(&b), &fault);
        if (cs_der_walk(&in, cs_buf_span(&b)) != rows[i].ok || cs_ok(in.result) != rows[i].ok)
            fail_msg("row: %s", rows[i].row);
        if (!rows[i].ok)
            assert_true(fault.offset <= b.len && fault.what != NULL && fault.where != NULL);
        else
            assert_null(fault.what);
    }
}

static void depth_has_its_bound(void **state)
{
    (void)state;
    for (size_t depth = 1; depth <= 40; depth++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        for (size_t i = 0; i < depth; i++) {
            CS_AUTO_BUF struct cs_buf outer = { 0 };
            der_wrap(&outer, 0x30, cs_buf_span(&b));
            cs_buf_reset(&b);
            cs_buf_put(&b, outer.at, outer.len);
        }
        struct cs_der_input in;
        (void)cs_der_open(&in, cs_buf_span(&b), NULL);
        assert_int_equal(cs_der_walk(&in, cs_buf_span(&b)), depth <= 32);
    }
}

static void headers_are_read_as_written(void **state)
{
    (void)state;
    static const struct {
        size_t len, header_len;
    } rows[] = {
        { 0, 2 },     { 127, 2 },   { 128, 3 },   { 255, 3 },           { 256, 4 },
        { 40000, 4 }, { 65535, 4 }, { 65536, 5 }, { (1 << 24) - 1, 5 }, { 1 << 24, 6 },
    };
    uint8_t *big = calloc(1, (1 << 24) + 6);
    assert_non_null(big);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_der_input in;
        struct cs_der_tlv v;
        size_t n = cs_der_put_header(0x04, rows[i].len, big);
        assert_int_equal(n, rows[i].header_len);
        struct cs_der r = cs_der_open(&in, cs_span_of(big, n + rows[i].len), NULL);
        assert_true(cs_der_get(&r, &v) && cs_der_end(&r));
        assert_int_equal(v.value.len, rows[i].len);
        r = cs_der_open(&in, cs_span_of(big, n + rows[i].len - 1), NULL);
        assert_false(cs_der_get(&r, &v));
        if (rows[i].len < 1 << 24) {
            CS_AUTO_BUF struct cs_buf want = { 0 };
            der_wrap(&want, 0x04, cs_span_of(big + n, rows[i].len));
            assert_memory_equal(want.at, big, n);
        }
    }
    free(big);
}

static void the_first_failure_stays(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    der_text(&b, "02:01 05 04");
    struct cs_der_input in;
    struct cs_der_fault fault = { 0, NULL, NULL };
    struct cs_der r = cs_der_open(&in, cs_buf_span(&b), &fault), inner;
    struct cs_der_tlv v = { .tag = 77 };
    assert_true(cs_der_get(&r, &v) && v.tag == 2);
    in.where = "field";
    assert_false(cs_der_enter(&r, 0x30, "no SEQUENCE", &inner));
    assert_false(cs_der_more(&inner) || cs_der_more(&r) || cs_der_next_is(&r, 5));
    in.where = "later";
    assert_false(cs_der_get(&r, &v) || cs_der_get_tag(&r, 5, "other", &v) || cs_der_end(&r) || v.tag != 2);
    assert_true(cs_is(in.result, CS_NUM_TBS_FORM));
    assert_int_equal(fault.offset, 3);
    assert_string_equal(fault.what, "no SEQUENCE");
    assert_string_equal(fault.where, "field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_input_of_three_octets), cmocka_unit_test(walk_rows),
        cmocka_unit_test(depth_has_its_bound),         cmocka_unit_test(headers_are_read_as_written),
        cmocka_unit_test(the_first_failure_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
