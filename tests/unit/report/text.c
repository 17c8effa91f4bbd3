/* Foreign text in a report: what is cleaned when it is taken, what is escaped where it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/report/deadlines.h"
#include "client/report/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void clean(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "", "" },
        { "Plain, Inc.", "Plain, Inc." },
        { "S\xc3\xb6hne", "S\xc3\xb6hne" },
        { "\xe6\xa0\xaa\xe5\xbc\x8f", "\xe6\xa0\xaa\xe5\xbc\x8f" },
        { "\xf0\x9f\x94\x91", "\xf0\x9f\x94\x91" },
        { "a\nb\tc", "a\\u{000a}b\\u{0009}c" },
        { "\x7f", "\\u{007f}" },
        { "\xc2\x85", "\\u{0085}" },                    /* C1 */
        { "\xe2\x80\xaegnp", "\\u{202e}gnp" },          /* right to left override */
        { "\xe2\x81\xa6x", "\\u{2066}x" },              /* isolate */
        { "\xe2\x80\x8bx", "\\u{200b}x" },              /* zero width space */
        { "\xe2\x80\xa8", "\\u{2028}" },                /* line separator */
        { "\xef\xbb\xbfx", "\\u{feff}x" },              /* byte order mark */
        { "\xc3", "\\xc3" },                            /* cut short */
        { "\xc0\xaf", "\\xc0\\xaf" },                   /* not the shortest form */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* surrogate */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* past U+10FFFF */
        { "\xff\xfe", "\\xff\\xfe" },
    };
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(cs_clean(&a, cs_span_str(rows[i].in)), rows[i].out);
    assert_string_equal(cs_clean(&a, cs_span_of("a\0b", 3)), "a\\u{0000}b");
}

/* Whatever the octets, the result is UTF-8 without controls. */
static void clean_is_total(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++) {
            CS_AUTO_ARENA struct cs_arena a = { 0 };
            const uint8_t in[] = { (uint8_t)first, (uint8_t)second, 0xbf, 'x' };
            for (size_t n = 0; n <= sizeof in; n++) {
                const char *out = cs_clean(&a, cs_span_of(in, n));
                assert_true(cs_utf8_valid(cs_span_str(out)));
                for (const char *c = out; *c != '\0'; c++)
                    assert_true((uint8_t)*c >= 0x20 && *c != 0x7f);
            }
        }
}

static void ids(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    assert_string_equal(cs_clean_id(&a, cs_span_str("4711")), "4711");
    assert_string_equal(cs_clean_id(&a, cs_span_of("\x00\xff", 2)), "hex:00ff");
}

static void names(void **state)
{
    (void)state;
    static const struct cs_attribute rows[] = {
        { .oid = { (const uint8_t *)"\x55\x04\x06", 3 }, .value = { (const uint8_t *)"DE", 2 }, .rdn = 0 },
        { .oid = { (const uint8_t *)"\x55\x04\x0a", 3 },
          .value = { (const uint8_t *)" A, \"B\"+C ", 10 },
          .rdn = 1 },
        { .oid = { (const uint8_t *)"\x55\x04\x0b", 3 }, .value = { (const uint8_t *)"#1\n", 3 }, .rdn = 1 },
        { .oid = { (const uint8_t *)"\x2a\x03", 2 }, .value = { (const uint8_t *)"x", 1 }, .rdn = 2 },
    };
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    assert_string_equal(cs_clean_name(&a, rows, COUNT(rows)),
                        "C=DE, O=\\ A\\, \\\"B\\\"\\+C\\  + OU=\\#1\\u{000a}, 1.2.3=x");
    assert_string_equal(cs_clean_name(&a, rows, 0), "");
    assert_string_equal(cs_clean_ip(&a, cs_span_of("\xc0\x00\x02\x01", 4)), "192.0.2.1");
    assert_string_equal(cs_clean_ip(&a, cs_span_of("\x01\x02\x03", 3)), "010203");
}

static void escapes(void **state)
{
    (void)state;
    static const struct {
        void (*put)(struct cs_buf *out, const char *text);
        const char *in, *out;
    } rows[] = {
        { cs_put_html, "<b a='1'>&\"", "&lt;b a=&#39;1&#39;&gt;&amp;&quot;" },
        { cs_put_html, "</script>", "&lt;/script&gt;" },
        { cs_put_code, "x", "`x`" },
        { cs_put_code, "", "(empty)" },
        { cs_put_code, "a`b", "`` a`b ``" },
        { cs_put_code, "```", "```` ``` ````" },
        { cs_put_prose, "shop-1.example.com (a) #2", "shop-1.example.com (a) #2" },
        { cs_put_prose, "*a* _b_ [c](d) <e> | `f` &amp; ~g~ !",
          "\\*a\\* \\_b\\_ \\[c\\](d) \\<e\\> \\| \\`f\\` \\&amp; \\~g\\~ \\!" },
        { cs_put_prose, "http://x www.x WwW.x a@b", "http\\://x www\\.x WwW\\.x a\\@b" },
        { cs_put_prose, "a\\b", "a\\\\b" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        rows[i].put(&b, rows[i].in);
        cs_buf_put_u8(&b, 0);
        assert_string_equal((const char *)b.at, rows[i].out);
    }
}

static void cells(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool last;
        const char *out;
    } rows[] = {
        { "", false, "\"\"," },
        { "a,b", true, "\"a,b\"\r\n" },
        { "say \"x\"", false, "\"say \"\"x\"\"\"," },
        { "=1+1", false, "\"'=1+1\"," },
        { "+1", false, "\"'+1\"," },
        { "-1", false, "\"'-1\"," },
        { "@SUM(A1)", false, "\"'@SUM(A1)\"," },
        { "1=1", false, "\"1=1\"," },
        { "C=DE", false, "\"C=DE\"," },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        cs_put_cell(&b, rows[i].in, rows[i].last);
        cs_buf_put_u8(&b, 0);
        assert_string_equal((const char *)b.at, rows[i].out);
    }
}

/* BR 4.9.1.1: the strictest stand first, and the names are found. */
static void deadlines(void **state)
{
    (void)state;
    size_t n = 0, n_day = 0;
    for (const struct cs_deadline *d = cs_deadlines; d->name != NULL; d++, n++) {
        assert_ptr_equal(cs_deadline_of(d->name), d);
        assert_true(n == 0 || d[-1].within_s <= d->within_s);
        assert_true(d->within_s == 86400 || d->within_s == 5 * 86400);
        n_day += d->within_s == 86400;
    }
    assert_int_equal(n, 16);
    assert_int_equal(n_day, 5);
    assert_null(cs_deadline_of("whim"));
    assert_string_equal(cs_crl_reason_name(cs_deadline_of("key-compromise")->crl_reason),
                        "keyCompromise (1)");
    assert_string_equal(cs_crl_reason_name(cs_deadline_of("validation")->crl_reason), "superseded (4)");
    assert_string_equal(cs_crl_reason_name(cs_deadline_of("inaccurate")->crl_reason),
                        "privilegeWithdrawn (9)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean),     cmocka_unit_test(clean_is_total), cmocka_unit_test(ids),
        cmocka_unit_test(names),     cmocka_unit_test(escapes),        cmocka_unit_test(cells),
        cmocka_unit_test(deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
