/* Bytes: every get at every truncation, text forms both ways, UTF-8 borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"

static void reader_refuses_every_truncation(void **state)
{
    (void)state;
    static const uint8_t full[] = { 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 'a', 'b' };
    for (size_t len = 0; len <= sizeof full + 1; len++) {
        uint8_t copy[sizeof full + 1] = { 0 };
        memcpy(copy, full, len < sizeof full ? len : sizeof full);
        struct cs_reader r = cs_reader_init(cs_span_of(copy, len));
        uint8_t a = cs_get_u8(&r);
        uint16_t b = cs_get_u16(&r);
        uint32_t c = cs_get_u32(&r);
        uint64_t d = cs_get_u64(&r);
        struct cs_span s = cs_get_span(&r, 2);
        cs_result end = cs_reader_end(&r);
        if (len < sizeof full) {
            assert_true(cs_is(end, CS_NUM_TRUNCATED));
            assert_int_equal(s.len, 0);
        } else if (len > sizeof full) {
            assert_true(cs_is(end, CS_NUM_TRAILING));
        } else {
            assert_true(cs_ok(end));
            assert_true(a == 1 && b == 2 && c == 3 && d == 4 && cs_span_is(s, "ab"));
        }
    }
}

static void span_over_its_cap_fails(void **state)
{
    (void)state;
    static const uint8_t in[] = { 0, 0, 0, 2, 'a', 'b' };
    struct cs_reader r = cs_reader_init(cs_span_of(in, sizeof in));
    (void)cs_get_span(&r, 1);
    assert_true(r.failed);
}

static void buffer_keeps_its_bound(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf b = { .max = 300 };
    for (int i = 0; i < 300; i++)
        cs_buf_put_u8(&b, (uint8_t)i);
    assert_true(cs_ok(cs_buf_end(&b)));
    cs_buf_put_u8(&b, 0);
    assert_true(cs_is(cs_buf_end(&b), CS_NUM_FULL));
    assert_int_equal(b.len, 300);
}

static void base64_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *bytes;
        bool ok;
    } rows[] = {
        { "", "", true },
        { "Zg==", "f", true },
        { "Zg", "f", true },
        { "Zm8=", "fo", true },
        { "Zm9v", "foo", true },
        { "Zm9vYg==", "foob", true },
        { "Zg=", "", false },
        { "Z", "", false },
        { "Zh==", "", false },
        { "Zm9v\n", "", false },
        { "Zm 9v", "", false },
        { "Zg===", "", false },
        { "-_-_", "\xfb\xff\xbf", true },
        { "+/+/", "\xfb\xff\xbf", true },
        { "=", "", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        bool ok = cs_ok(cs_unbase64(cs_span_str(rows[i].text), &b));
        if (ok != rows[i].ok || (ok && !cs_span_is(cs_buf_span(&b), rows[i].bytes)))
            fail_msg("row %zu: %s", i, rows[i].text);
    }
    for (size_t n = 0; n < 67; n++) {
        uint8_t raw[67];
        for (size_t i = 0; i < n; i++)
            raw[i] = (uint8_t)(i * 37 + n);
        CS_AUTO_BUF struct cs_buf text = { 0 };
        CS_AUTO_BUF struct cs_buf back = { 0 };
        cs_base64_put(&text, cs_span_of(raw, n), n % 2 == 0);
        assert_true(cs_ok(cs_unbase64(cs_buf_span(&text), &back)));
        assert_true(cs_span_eq(cs_buf_span(&back), cs_span_of(raw, n)));
    }
}

static void utf8_rows(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        bool ok;
    } rows[] = {
        { "plain", true },
        { "\xc3\xbc", true },
        { "\xc0\x80", false },
        { "\xc1\xbf", false },
        { "\xe0\x9f\xbf", false },
        { "\xe0\xa0\x80", true },
        { "\xed\x9f\xbf", true },
        { "\xed\xa0\x80", false },
        { "\xee\x80\x80", true },
        { "\xf0\x8f\xbf\xbf", false },
        { "\xf0\x90\x80\x80", true },
        { "\xf4\x8f\xbf\xbf", true },
        { "\xf4\x90\x80\x80", false },
        { "\xf5\x80\x80\x80", false },
        { "\xc3", false },
        { "\xe2\x82", false },
        { "\x80", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_utf8_valid(cs_span_str(rows[i].s)) != rows[i].ok)
            fail_msg("row %zu", i);
}

static void time_text_and_back(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00Z" },          { 951782400, "2000-02-29T00:00:00Z" },
        { 1773532800, "2026-03-15T00:00:00Z" }, { 4102444799, "2099-12-31T23:59:59Z" },
        { -1, "1969-12-31T23:59:59Z" },         { 253402300799, "9999-12-31T23:59:59Z" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[CS_TIME_TEXT_LEN];
        cs_time_text(rows[i].unix_s, text);
        assert_string_equal(text, rows[i].text);
        int year = atoi(text), month = atoi(text + 5), day = atoi(text + 8);
        int hour = atoi(text + 11), minute = atoi(text + 14), second = atoi(text + 17);
        assert_true(cs_time_from_civil(year, month, day, hour, minute, second) == rows[i].unix_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_refuses_every_truncation),
        cmocka_unit_test(span_over_its_cap_fails),
        cmocka_unit_test(buffer_keeps_its_bound),
        cmocka_unit_test(base64_rows),
        cmocka_unit_test(utf8_rows),
        cmocka_unit_test(time_text_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
