/* The module's configuration file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "client/pkcs11/config.h"

#define C "connect = unix:/s\n"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = {
        { "", "f: connect is missing" },
        { "# connect = x\n", "f: connect is missing" },
        { "connect =\n", "f:1: connect: needs unix:PATH" },
        { "connect\n", "f:1: connect: needs" },
        { C C, "f:2: connect stands there twice" },
        { C "colour = red\n", "f:2: 'colour' is no key" },
        { C "Log = none\n", "f:2: 'Log' is no key" },
        { C "= none\n", "f:2: '' is no key" },
        { C "\x01\n", "f:2: '\\x01' is no key" },
        { C "timeout_s = 0\n", "f:2: timeout_s: needs seconds from 1 to 600" },
        { C "timeout_s = 601\n", "f:2: timeout_s" },
        { C "timeout_s = 1x\n", "f:2: timeout_s" },
        { C "timeout_s = -1\n", "f:2: timeout_s" },
        { C "timeout_s = 0000000001\n", "f:2: timeout_s" },
        { C "raw = true\n", "f:2: raw: needs yes or no" },
        { C "issuers = a,,b\n", "f:2: issuers" },
        { C "issuers = a,\n", "f:2: issuers" },
        { C "issuers = ,\n", "f:2: issuers" },
        { C "label = 123456789012345678901234567890123\n", "f:2: label" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_p11_config c;
        struct cs_note note = { 0 };
        cs_result r = cs_p11_config_parse("f", cs_span_str(rows[i].text), &c, &note);
        if (!cs_is(r, CS_NUM_CONFIG) || strstr(note.text, rows[i].part) == NULL || c.connect != NULL)
            fail_msg("row %zu: %s: %s", i, cs_result_name(r), note.text);
    }
    struct cs_p11_config c;
    struct cs_note note = { 0 };
    assert_true(cs_is(cs_p11_config_parse("f", cs_span_of(C "log = \0none", sizeof C + 10), &c, &note),
                      CS_NUM_CONFIG));
}

static void accepted(void **state)
{
    (void)state;
    struct cs_p11_config c;
    struct cs_note note = { 0 };
    assert_true(cs_ok(cs_p11_config_parse("f",
                                          cs_span_str("\n # words\n\tconnect=tls:h:1 \r\nlog = none\n"
                                                      "label = a b = c\nissuers = x , y\nraw = no\n"
                                                      "timeout_s = 600"),
                                          &c, &note)));
    assert_string_equal(c.connect, "tls:h:1");
    assert_string_equal(c.log, "none");
    assert_string_equal(c.label, "a b = c");
    assert_int_equal(c.timeout_ms, 600000);
    assert_false(c.raw);
    assert_true(cs_p11_config_shows(&c, cs_span_str("x")) && cs_p11_config_shows(&c, cs_span_str("y")));
    assert_false(cs_p11_config_shows(&c, cs_span_str("")) || cs_p11_config_shows(&c, cs_span_str("x ")) ||
                 cs_p11_config_shows(&c, cs_span_str("xy")));
    cs_p11_config_done(&c);
    assert_true(cs_ok(cs_p11_config_parse("f", cs_span_str(C), &c, &note)));
    assert_true(c.raw && c.timeout_ms == 30000 && c.log == NULL &&
                cs_p11_config_shows(&c, cs_span_str("any")));
    cs_p11_config_done(&c);
}

static void loaded(void **state)
{
    (void)state;
    struct cs_p11_config c;
    struct cs_note note = { 0 };
    assert_int_equal(setenv(CS_P11_CONFIG_VARIABLE, "-", 1), 0);
    assert_true(cs_is(cs_p11_config_load(&c, &note), CS_NUM_CONFIG));
    assert_int_equal(setenv(CS_P11_CONFIG_VARIABLE, "/nowhere/at/all", 1), 0);
    assert_false(cs_ok(cs_p11_config_load(&c, &note)));
    assert_non_null(strstr(note.text, "/nowhere/at/all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(refused), cmocka_unit_test(accepted),
                                        cmocka_unit_test(loaded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
