/* issuers[].pins: the example of the documentation, put into its whole policy, and one fault at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/base/io.h"
#include "proxy/policy/policy.h"

static char *whole, *example; /* docs/policy.md: the policy, and the pins of one issuer */

static char *block(const char *text, const char *start)
{
    const char *at = strstr(text, start);
    assert_non_null(at);
    at += strlen("```yaml\n");
    const char *end = strstr(at, "```");
    assert_non_null(end);
    return strndup(at, (size_t)(end - at));
}

/* The policy with these pins behind the issuer's profiles. */
static char *with(const char *pins)
{
    static const char behind[] =
        "profiles: [domain-validated, organization-validated, extended-validation]\n";
    const char *at = strstr(whole, behind);
    assert_non_null(at);
    char *out = NULL;
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at + strlen(behind) - whole), whole, pins,
                         at + strlen(behind)) >= 0);
    return out;
}

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (at == NULL)
        fail_msg("the pins have no '%s'", from);
    char *out = NULL;
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >= 0);
    return out;
}

static void the_documented_pins(void **state)
{
    (void)state;
    char *text = with(example);
    struct cs_policy *p = NULL;
    struct cs_note note = { "" };
    if (!cs_ok(cs_policy_load(cs_span_str(text), &p, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(p->issuer[0].n_pins, 1);
    const struct cs_pin *pin = &p->issuer[0].pin[0];
    assert_true(cs_span_is(pin->name, "dv-p256"));
    assert_int_equal(pin->version, 2);
    assert_int_equal(pin->profile, COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED);
    assert_false(pin->any_order);
    assert_int_equal(pin->n_extensions, 10);
    assert_int_equal(pin->n_attributes, 0);
    const struct cs_pin_extension *e = pin->extension;
    assert_true(cs_span_eq(e[0].oid, cs_span_of("\x55\x1d\x0f", 3)) && e[0].fixed &&
                e[0].critical == CS_PIN_CRITICAL &&
                cs_span_eq(e[0].value, cs_span_of("\x03\x02\x07\x80", 4)));
    assert_true(cs_span_eq(e[4].oid, cs_span_of("\x2b\x06\x01\x05\x05\x07\x01\x01", 8)) && !e[4].fixed &&
                e[4].critical == CS_PIN_NOT_CRITICAL);
    assert_true(e[5].critical == CS_PIN_EITHER && !e[5].is_ct);
    assert_true(cs_span_eq(e[8].oid, cs_span_of("\x2b\x06\x01\x05\x05\x07\x01\x18", 8)));
    assert_true(e[9].is_ct && e[9].oid.len == 0);
    cs_policy_free(p);
    free(text);
}

static void values(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *note; /* NULL: loads */
    } rows[] = {
        { "order: exact", "order: any", NULL },
        { "        order: exact\n", "", NULL },
        { "profile: dv", "profile: organization-validated", NULL },
        { "oid: 1.3.6.1.5.5.7.1.24", "oid: 2.999.4294967215", NULL },
        { "        order: exact\n", "        attributes: [1.2.840.113549.1.9.1, 0.9.2342.19200300.100.1.1]\n",
          NULL },
        { "          - name: ct\n",
          "          - name: ct\n      - name: dv-p256\n        version: 3\n        profile: ov\n"
          "        extensions: [{ name: ct }]\n",
          NULL },
        { "version: 2", "version: 0", "pins[0].version: " },
        { "version: 2", "version: two", "pins[0].version: " },
        { "profile: dv", "profile: iv", "pins[0].profile: 'individual-validated' is not among the issuer's" },
        { "profile: dv", "profile: xv", "pins[0].profile: 'xv' is not a profile; one of" },
        { "order: exact", "order: sorted", "pins[0].order: exact or any" },
        { "order: exact", "colour: red", "pins[0]" },
        { "name: keyUsage", "name: keyusage", "pins[0].extensions[0].name: 'keyusage' is not an extension" },
        { "name: keyUsage, ", "", "pins[0].extensions[0]: an extension is given by one of" },
        { "name: keyUsage, ", "name: keyUsage, oid: 2.5.29.15, ",
          "pins[0].extensions[0]: an extension is given" },
        { "name: keyUsage, critical: true, ", "name: keyUsage, ",
          "pins[0].extensions[0]: the keys 'critical'" },
        { ", value: \"03020780\"", "", "pins[0].extensions[0]: the keys 'critical' and 'value'" },
        { "critical: true", "critical: maybe", "pins[0].extensions[0].critical: true, false or either" },
        { "critical: true", "critical: [true]", "pins[0].extensions[0].critical: true, false or either" },
        { "03020780", "0302078", "pins[0].extensions[0].value: the value is 'any', or" },
        { "03020780", "0302078G", "pins[0].extensions[0].value: the value is 'any', or" },
        { "03020780", "030207A0", "pins[0].extensions[0].value: the value is 'any', or" },
        { "name: extKeyUsage", "oid: 2.5.29.15",
          "pins[0].extensions[1]: extensions[0] is the same extension" },
        { "oid: 1.3.6.1.5.5.7.1.24", "oid: 1.3.6.1.5.5.7.1.024", "pins[0].extensions[8].oid: not an object" },
        { "oid: 1.3.6.1.5.5.7.1.24", "oid: 1.3.6.1.5.5.7.1.", "pins[0].extensions[8].oid: not an object" },
        { "oid: 1.3.6.1.5.5.7.1.24", "oid: 1..3", "pins[0].extensions[8].oid: not an object" },
        { "oid: 1.3.6.1.5.5.7.1.24", "oid: 3.1", "pins[0].extensions[8].oid: not an object" },
        { "oid: 1.3.6.1.5.5.7.1.24", "oid: 1.40", "pins[0].extensions[8].oid: not an object" },
        { "oid: 1.3.6.1.5.5.7.1.24", "oid: 2.999.4294967216", "pins[0].extensions[8].oid: not an object" },
        { "oid: 1.3.6.1.5.5.7.1.24", "oid: tlsFeature", "pins[0].extensions[8].oid: not an object" },
        { "name: ct", "{ name: ct, value: any }", "pins[0].extensions[9]: ct is a place only" },
        { "          - name: ct\n", "          - name: ct\n          - name: ct\n",
          "pins[0].extensions[10]: extensions[9] is the same extension" },
        { "          - name: ct\n",
          "          - name: ct\n      - name: dv-p256\n        version: 2\n        profile: ov\n"
          "        extensions: [{ name: ct }]\n",
          "pins[1].name: pins[0] has this name and version" },
        { "        order: exact\n", "        attributes: [email]\n", "pins[0].attributes[0]: not an object" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *pins = replaced(example, rows[i].from, rows[i].to), *text = with(pins);
        struct cs_policy *p = NULL;
        struct cs_note note = { "" };
        cs_result r = cs_policy_load(cs_span_str(text), &p, &note);
        if (cs_ok(r) != (rows[i].note == NULL))
            fail_msg("row '%s': %s %s", rows[i].to, cs_result_name(r), note.text);
        if (rows[i].note != NULL) {
            const char *path = strstr(note.text, ": issuers[0].");
            if (path == NULL ||
                strncmp(path + strlen(": issuers[0]."), rows[i].note, strlen(rows[i].note)) != 0)
                fail_msg("row '%s': '%s', wanted '%s'", rows[i].to, note.text, rows[i].note);
        }
        cs_policy_free(p);
        free(text);
        free(pins);
    }
}

/* Pins cut anywhere are refused or end earlier. */
static void every_truncation(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(example); n++) {
        char *pins = NULL;
        assert_true(asprintf(&pins, "%.*s\n", (int)n, example) >= 0);
        char *text = with(pins);
        struct cs_policy *p = NULL;
        struct cs_note note = { "" };
        cs_result r = cs_policy_load(cs_span_str(text), &p, &note);
        assert_true(cs_ok(r) == (p != NULL) && (cs_ok(r) || strncmp(note.text, "line ", 5) == 0));
        cs_policy_free(p);
        free(text);
        free(pins);
    }
}

int main(int argc, char **argv)
{
    assert_int_equal(argc, 2);
    CS_AUTO_BUF struct cs_buf text = { 0 };
    assert_true(cs_ok(cs_read_file(argv[1], 1 << 20, &text, NULL)));
    cs_buf_put_u8(&text, 0);
    whole = block((const char *)text.at, "```yaml\nschema:");
    example = block((const char *)text.at, "```yaml\n    pins:");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_pins),
        cmocka_unit_test(values),
        cmocka_unit_test(every_truncation),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(whole);
    free(example);
    return failed;
}
