/* Primitive types at their boundaries: one table for content octets, one for RFC 5280 times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "proxy/base/clock.h"
#include "proxy/gate/der/der.h"
#include "tests/unit/der/der_text.h"

static void content_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* one element */
        bool ok;
    } rows[] = {
        /* BOOLEAN */
        { "01:00", true },
        { "01:ff", true },
        { "01:01", false },
        { "01:fe", false },
        { "01", false },
        { "01:ffff", false },
        /* INTEGER, ENUMERATED */
        { "02", false },
        { "02:00", true },
        { "02:ff", true },
        { "02:007f", false },
        { "02:0080", true },
        { "02:ff7f", true },
        { "02:ff80", false },
        { "02:000080", false },
        { "0a", false },
        { "0a:00", true },
        { "0a:0001", false },
        { "0a:0100", true },
        /* BIT STRING */
        { "03", false },
        { "03:00", true },
        { "03:01", false },
        { "03:07", false },
        { "03:0001", true },
        { "03:0780", true },
        { "03:07c0", false },
        { "03:0102", true },
        { "03:0101", false },
        { "03:0800", false },
        { "03:ff00", false },
        { "03:0700", true },
        /* NULL */
        { "05", true },
        { "05:00", false },
        /* OBJECT IDENTIFIER */
        { "06", false },
        { "06:00", true },
        { "06:7f", true },
        { "06:80", false },
        { "06:8001", false },
        { "06:8101", true },
        { "06:2a80", false },
        { "06:2a8001", false },
        { "06:2aff7f", true },
        { "06:2aff", false },
        { "06:2a81808001", true },
        /* UTF8String */
        { "0c", true },
        { "0c:c3a9", true },
        { "0c:c3", false },
        { "0c:c080", false },
        { "0c:eda080", false },
        { "0c:f48fbfbf", true },
        { "0c:f4908080", false },
        { "0c:80", false },
        /* NumericString, TeletexString, IA5String, VisibleString; PrintableString has its own test */
        { "12'0 9'", true },
        { "12'1a'", false },
        { "12'-1'", false },
        { "14:00ff1b", true },
        { "16:007f", true },
        { "16:80", false },
        { "1a'~ '", true },
        { "1a:7f", false },
        { "1a:1f", false },
        /* UniversalString, BMPString */
        { "1c:0010ffff", true },
        { "1c:00110000", false },
        { "1c:0000d800", false },
        { "1c:000041", false },
        { "1c:0000d7ff", true },
        { "1e:0041", true },
        { "1e:d7ff", true },
        { "1e:d800", false },
        { "1e:dfff", false },
        { "1e:e000", true },
        { "1e:00", false },
        { "1e", true },
        /* times in general */
        { "17'261121220823Z'", true },
        { "17'2611212208Z'", false },
        { "17'261121220823+0000'", false },
        { "17'261121220823'", false },
        { "17'261121220823.5Z'", false },
        { "17'2611 1220823Z'", false },
        { "18'20261121220823Z'", true },
        { "18'20261121220823.5Z'", true },
        { "18'20261121220823.50Z'", false },
        { "18'20261121220823.Z'", false },
        { "18'20261121220823,5Z'", false },
        { "18'20261121220823.5'", false },
        { "18'20261121220823.05Z'", true },
        { "18'20261121220823.0Z'", false },
        { "18'20261121220823Zx'", false },
        { "18'202611212208Z'", false },
        { "18'20261121220823'", false },
        /* types without a place here */
        { "07'a'", false },
        { "08", false },
        { "0d:01", false },
        { "15'a'", false },
        { "19'a'", false },
        { "1b'a'", false },
        { "1d'a'", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        der_text(&b, rows[i].text);
        if ((cs_der_flaw(b.at[0], cs_span_of(b.at + 2, b.len - 2)) == NULL) != rows[i].ok)
            fail_msg("row: %s", rows[i].text);
    }
}

static void printable_alphabet(void **state)
{
    (void)state;
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
    for (int c = 0; c < 256; c++) {
        uint8_t text[3] = { 'a', (uint8_t)c, 'b' };
        bool want = c != 0 && strchr(all, c) != NULL;
        if ((cs_der_flaw(CS_DER_PRINTABLE_STRING, cs_span_of(text, 3)) == NULL) != want)
            fail_msg("character %02x", (unsigned)c);
    }
}

static void named_bits(void **state)
{
    (void)state;
    static const struct {
        uint8_t v[3];
        size_t len;
        bool ok;
    } rows[] = {
        { { 0x00 }, 1, true },        { { 0x07, 0x80 }, 2, true }, { { 0x06, 0x80 }, 2, false },
        { { 0x00, 0x80 }, 2, false }, { { 0x00, 0x01 }, 2, true }, { { 0x00, 0x00 }, 2, false },
        { { 0x07, 0x00 }, 2, false }, { { 0x05, 0xa0 }, 2, true }, { { 0x05, 0xb0 }, 2, false },
        { { 0 }, 0, false },          { { 7, 1, 128 }, 3, true },  { { 7, 128, 0 }, 3, false },
        { { 0x08, 0x00 }, 2, false }, { { 0x01, 0x02 }, 2, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((cs_der_named_bits_flaw(cs_span_of(rows[i].v, rows[i].len)) == NULL) != rows[i].ok)
            fail_msg("row %zu", i);
}

static void rfc5280_times(void **state)
{
    (void)state;
    enum { U = 0x17, G = 0x18 };
    static const struct {
        uint8_t tag;
        const char *text;
        bool ok;
        int64_t unix_s;
    } rows[] = {
        { U, "700101000000Z", true, 0 },
        { U, "491231235959Z", true, INT64_C(2524607999) },
        { U, "500101000000Z", true, INT64_C(-631152000) }, /* 1950 */
        { U, "991231235959Z", true, INT64_C(946684799) },
        { U, "000101000000Z", true, INT64_C(946684800) },
        { U, "240229000000Z", true, INT64_C(1709164800) },
        { U, "230229000000Z", false, 0 },
        { U, "000229000000Z", true, INT64_C(951782400) },
        { U, "260431000000Z", false, 0 },
        { U, "260430235959Z", true, INT64_C(1777593599) },
        { U, "260430235960Z", false, 0 },
        { U, "260430236000Z", false, 0 },
        { U, "260430240000Z", false, 0 },
        { U, "260400000000Z", false, 0 },
        { U, "260001000000Z", false, 0 },
        { U, "261301000000Z", false, 0 },
        { U, "2604302359Z", false, 0 },
        { U, "260430235959", false, 0 },
        { U, "260430235959z", false, 0 },
        { U, "260430235959+0100", false, 0 },
        { U, "260430235959ZZ", false, 0 },
        { U, "20260430235959Z", false, 0 },
        { U, "", false, 0 },
        { G, "20500101000000Z", true, INT64_C(2524608000) },
        { G, "20491231235959Z", false, 0 },
        { G, "19700101000000Z", false, 0 },
        { G, "99991231235959Z", true, INT64_C(253402300799) },
        { G, "21000229000000Z", false, 0 }, /* no leap year */
        { G, "24000229000000Z", true, INT64_C(13574563200) },
        { G, "20500101000000.5Z", false, 0 },
        { G, "205001010000Z", false, 0 },
        { G, "20500101000000", false, 0 },
        { G, "20500101000000-0000", false, 0 },
        { 0x0c, "700101000000Z", false, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t got = 42;
        bool ok = cs_der_time_rfc5280(rows[i].tag, cs_span_str(rows[i].text), &got) == NULL;
        if (ok != rows[i].ok || got != (ok ? rows[i].unix_s : 42))
            fail_msg("row: %s got %lld", rows[i].text, (long long)got);
    }
}

/* Each day number of four years round 2000, each month: exactly those that exist. */
static void calendar_is_whole(void **state)
{
    (void)state;
    int64_t last = 946684800 - 86400 * 366; /* 1998-12-31 */
    int n = 0;
    for (int year = 1999; year <= 2001; year++)
        for (int month = 0; month <= 13; month++)
            for (int day = 0; day <= 32; day++) {
                char text[32];
                int64_t got;
                (void)snprintf(text, sizeof text, "%02d%02d%02d000000Z", year % 100, month, day);
                if (cs_der_time_rfc5280(CS_DER_UTC_TIME, cs_span_str(text), &got) != NULL)
                    continue;
                assert_int_equal(got, last + 86400);
                last = got;
                n++;
            }
    assert_int_equal(n, 365 + 366 + 365);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_rows),  cmocka_unit_test(printable_alphabet), cmocka_unit_test(named_bits),
        cmocka_unit_test(rfc5280_times), cmocka_unit_test(calendar_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
