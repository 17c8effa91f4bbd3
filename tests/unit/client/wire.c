/* The client's half of the wire words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>

#include "client/lib/wire.h"

static void timeout_rows(void **state)
{
    (void)state;
    static const struct {
        unsigned ms;
        const char *text;
    } rows[] = {
        { 1, "1m" },
        { 2010, "2010m" },
        { 99999999, "99999999m" },
        { 100000000, "100000S" },
        { 100000001, "100001S" },
        { UINT_MAX, "4294968S" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[CS_WIRE_TIMEOUT_TEXT_LEN];
        cs_wire_timeout(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void percent_rows(void **state)
{
    (void)state;
    static const struct {
        const char *encoded, *text;
    } rows[] = {
        { "no match for %C3%BCn%C3%AF 100%25", "no match for \xc3\xbcn\xc3\xaf 100%" },
        { "%c3%bc", "\xc3\xbc" },
        { "", "" },
        { "100%", "100%" },
        { "%4", "%4" },
        { "%zz%41", "%zzA" },
        { "%%41", "%A" },
        { "a%FFb", "a?b" }, /* not UTF-8 */
        { "a%C3", "a?" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf out = { 0 };
        cs_wire_percent_put(&out, cs_span_str(rows[i].encoded));
        if (!cs_span_is(cs_buf_span(&out), rows[i].text))
            fail_msg("row %s: %.*s", rows[i].encoded, (int)out.len, (const char *)out.at);
    }
}

static void status_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status; /* -1: refused */
    } rows[] = {
        { "0", 0 },   { "9", 9 },   { "16", 16 }, { "200", 200 }, { "", -1 },  { "00", -1 },
        { "01", -1 }, { "-1", -1 }, { "+1", -1 }, { "1 ", -1 },   { "x", -1 }, { "1000", -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t status = 77;
        bool ok = cs_wire_status(cs_span_str(rows[i].text), &status);
        if (ok != (rows[i].status >= 0) || status != (ok ? (uint32_t)rows[i].status : 77))
            fail_msg("row \"%s\"", rows[i].text);
    }
}

static void mapped_statuses(void **state)
{
    (void)state;
    static const uint32_t http[][2] = { { 400, 13 }, { 401, 16 }, { 403, 7 },  { 404, 12 }, { 405, 2 },
                                        { 415, 2 },  { 429, 14 }, { 503, 14 }, { 500, 2 } };
    static const uint32_t reset[][2] = { { 0, 13 }, { 1, 13 }, { 7, 14 }, { 8, 1 },
                                         { 11, 8 }, { 12, 7 }, { 99, 13 } };
    for (size_t i = 0; i < sizeof http / sizeof *http; i++)
        assert_int_equal(cs_wire_status_of_http(http[i][0]), http[i][1]);
    for (size_t i = 0; i < sizeof reset / sizeof *reset; i++)
        assert_int_equal(cs_wire_status_of_reset(reset[i][0]), reset[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeout_rows),
        cmocka_unit_test(percent_rows),
        cmocka_unit_test(status_rows),
        cmocka_unit_test(mapped_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
