/* Words of a command line: options, times, OIDs; accepting and refusing rows. */
#include "tests/unit/cli/house.h"

#include "client/cli/oid.h"
#include "client/cli/times.h"
#include "proxy/base/clock.h"

static const struct cs_option table[] = {
    { "out", "FILE", "", CS_OPT_REQUIRED },
    { "days", "N", "", CS_OPT_VALUE },
    { "dns", "NAME", "", CS_OPT_REPEATED },
    { "json", NULL, "", CS_OPT_SWITCH },
    { 0 },
};

static void option_rows(void **state)
{
    (void)state;
    static const struct {
        const char *row, *word[6];
        const char *note; /* NULL: accepted */
    } rows[] = {
        { "plain", { "--out", "f", "p" }, NULL },
        { "equals", { "--out=f", "--dns=a", "--dns", "b", "p" }, NULL },
        { "empty value", { "--out=", "p" }, NULL },
        { "value that looks like an option", { "--out", "--json", "p" }, NULL },
        { "dash is a file", { "--out", "f", "-" }, NULL },
        { "end of options", { "--out", "f", "--", "--json" }, NULL },
        { "missing required", { "p" }, "--out: missing, needs FILE" },
        { "unknown", { "--out", "f", "--nope", "p" }, "--nope: no such option" },
        { "abbreviation", { "--ou", "f", "p" }, "--ou: no such option" },
        { "one dash", { "--out", "f", "-v", "p" }, "-v: options have two dashes" },
        { "no value", { "p", "--out" }, "--out: needs FILE" },
        { "value for a switch", { "--out", "f", "--json=1", "p" }, "--json: takes no value, '1'" },
        { "twice", { "--out", "f", "--out", "g", "p" }, "--out: given twice ('f' and 'g')" },
        { "switch twice", { "--out", "f", "--json", "--json", "p" }, "--json: given twice" },
        { "no argument", { "--out", "f" }, "0 argument(s) given, at least 1" },
        { "two arguments", { "--out", "f", "p", "q" }, "'q': one argument too many" },
    };
    static struct cs_args args;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int n = 0;
        struct cs_note note = { 0 };
        while (n < 6 && rows[i].word[n] != NULL)
            n++;
        cs_result r = cs_args_parse(table, 1, 1, n, rows[i].word, &args, &note);
        if (cs_ok(r) != (rows[i].note == NULL) ||
            (rows[i].note != NULL && strstr(note.text, rows[i].note) == NULL))
            fail_msg("row: %s: %s", rows[i].row, note.text);
    }
}

static void number_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool ok;
    } rows[] = { { "0", 9, true },
                 { "9", 9, true },
                 { "10", 9, false },
                 { "", 9, false },
                 { "01", 9, false },
                 { "-1", 9, false },
                 { "+1", 9, false },
                 { "1 ", 9, false },
                 { "0x1", 99, false },
                 { "18446744073709551615", UINT64_MAX, true },
                 { "18446744073709551616", UINT64_MAX, false } };
    uint64_t v;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_number_of(rows[i].text, rows[i].max, &v) != rows[i].ok)
            fail_msg("row: '%s'", rows[i].text);
}

static void time_rows(void **state)
{
    (void)state;
    enum { NOW = 1000000, BASE = 2000000, BAD = -1 };
    static const struct {
        const char *text;
        int64_t unix_s;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-21T22:08:23Z", 1795298903 },
        { "2026-11-21T23:08:23+01:00", 1795298903 },
        { "2026-11-21T17:38:23-04:30", 1795298903 },
        { "2028-02-29T00:00:00Z", 1835395200 },
        { "2027-02-29T00:00:00Z", BAD },
        { "2026-13-01T00:00:00Z", BAD },
        { "2026-00-01T00:00:00Z", BAD },
        { "2026-11-31T00:00:00Z", BAD },
        { "2026-11-21T24:00:00Z", BAD },
        { "2026-11-21T22:60:00Z", BAD },
        { "2026-11-21T22:08:60Z", BAD },
        { "2026-11-21T22:08:23", BAD },
        { "2026-11-21T22:08:23.5Z", BAD },
        { "2026-11-21 22:08:23Z", BAD },
        { "2026-11-21t22:08:23z", BAD },
        { "2026-11-21T22:08:23Z ", BAD },
        { "2026-11-21T22:08:23+24:00", BAD },
        { "2026-11-21", BAD },
        { "now", NOW },
        { "+90d", BASE + 90 * 86400 },
        { "-2h", BASE - 7200 },
        { "+1w", BASE + 604800 },
        { "+5m", BASE + 300 },
        { "+36600d", BASE + (int64_t)36600 * 86400 },
        { "+36601d", BAD },
        { "+d", BAD },
        { "+1", BAD },
        { "+1y", BAD },
        { "+-1d", BAD },
        { "90d", BAD },
        { "", BAD },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t v = BAD;
        bool ok = cs_time_of(rows[i].text, NOW, BASE, &v);
        if (ok != (rows[i].unix_s != BAD) || v != rows[i].unix_s)
            fail_msg("row: '%s' gave %lld", rows[i].text, (long long)v);
    }
}

static void oid_rows(void **state)
{
    (void)state;
    static const struct {
        const char *dotted, *hex; /* hex NULL: no OID */
    } rows[] = {
        { "2.5.4.10", "55040a" },
        { "0.0", "00" },
        { "1.39", "4f" },
        { "2.40", "78" },
        { "2.999", "8837" },
        { "1.2.840.113549.1.1.11", "2a864886f70d01010b" },
        { "2.25.4611686018427387904", "69c08080808080808000" },
        { "1.40", NULL },
        { "3.1", NULL },
        { "1", NULL },
        { "", NULL },
        { "1..2", NULL },
        { "1.2.", NULL },
        { "1.02", NULL },
        { "1.2.4611686018427387905", NULL },
        { "1.2.x", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t oid[CS_OID_MAX_LEN];
        size_t len = 0;
        char hex[2 * CS_OID_MAX_LEN + 1] = "", dotted[256];
        bool ok = cs_oid_of_dotted(rows[i].dotted, oid, &len);
        if (ok)
            cs_hex(cs_span_of(oid, len), hex);
        if (ok != (rows[i].hex != NULL) || (ok && strcmp(hex, rows[i].hex) != 0))
            fail_msg("row: '%s' gave %s", rows[i].dotted, hex);
        if (ok && (!cs_oid_dotted(cs_span_of(oid, len), dotted, sizeof dotted) ||
                   strcmp(dotted, rows[i].dotted) != 0))
            fail_msg("row: '%s' came back as %s", rows[i].dotted, dotted);
    }
    static const char *const bad[] = { "", "\x80\x01", "\x55\x84" };
    char dotted[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cs_oid_dotted(cs_span_str(bad[i]), dotted, sizeof dotted));
    for (unsigned i = 0; cs_attribute_type_at(i) != NULL; i++) {
        const struct cs_attribute_type *t = cs_attribute_type_at(i);
        uint8_t oid[CS_OID_MAX_LEN];
        size_t len;
        assert_true(cs_oid_of_dotted(t->dotted, oid, &len));
        assert_ptr_equal(cs_attribute_type_of_oid(cs_span_of(oid, len)), t);
        assert_ptr_equal(cs_attribute_type_of(t->short_name), t);
    }
}

static void commands_and_help(void **state)
{
    (void)state;
    static const struct {
        const char *word[3];
        int code;
        const char *out, *err;
    } rows[] = {
        { { NULL }, CS_EXIT_USAGE, "", "usage: countersign" },
        { { "--help" }, CS_EXIT_DONE, "usage: countersign", "" },
        { { "help" }, CS_EXIT_DONE, "usage: countersign", "" },
        { { "--version" }, CS_EXIT_DONE, "countersign " CS_CLI_VERSION "\n", "" },
        { { "attest" }, CS_EXIT_USAGE, "", "attest domain" },
        { { "attest", "--help" }, CS_EXIT_DONE, "attest domain", "" },
        { { "attest", "domain", "--help" }, CS_EXIT_DONE, "--perspective", "" },
        { { "attest", "everything" }, CS_EXIT_USAGE, "", "'everything': no such command" },
        { { "sing" }, CS_EXIT_USAGE, "", "'sing': no such command" },
        { { "sign", "extra" }, CS_EXIT_USAGE, "", "sign: --issuer: missing" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ran r = run(rows[i].word[0], rows[i].word[0] != NULL ? rows[i].word[1] : NULL,
                           rows[i].word[0] != NULL && rows[i].word[1] != NULL ? rows[i].word[2] : NULL, NULL);
        if (r.code != rows[i].code || strstr(r.out, rows[i].out) == NULL ||
            strstr(r.err, rows[i].err) == NULL || (rows[i].out[0] == '\0' && r.out_len != 0) ||
            (rows[i].err[0] == '\0' && r.err_len != 0))
            fail_msg("row %zu: code %d\n%s%s", i, r.code, r.out, r.err);
        ran_done(&r);
    }
    for (const struct cs_command *c = cs_commands; c->name != NULL; c++) { /* each answers to --help */
        char copy[64];
        const char *words[5] = { "countersign" };
        int n = 1;
        snprintf(copy, sizeof copy, "%s", c->name);
        for (char *save, *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
            words[n++] = w;
        words[n++] = "--help";
        struct ran r = run_words(n, words);
        if (r.code != CS_EXIT_DONE || strstr(r.out, c->summary) == NULL)
            fail_msg("%s --help: %s", c->name, r.out);
        ran_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(option_rows), cmocka_unit_test(number_rows),       cmocka_unit_test(time_rows),
        cmocka_unit_test(oid_rows),    cmocka_unit_test(commands_and_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
