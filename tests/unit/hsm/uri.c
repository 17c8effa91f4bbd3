/* PKCS#11 URI: what is accepted, decoded how; what is refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "hsm/uri.h"

static const struct {
    const char *uri;
    const char *token, *serial, *manufacturer, *model, *object, *id; /* NULL = absent */
} good[] = {
    { "pkcs11:token=ca;object=k", .token = "ca", .object = "k" },
    { "pkcs11:token=ca;id=%01", .token = "ca", .id = "\x01" },
    { "pkcs11:object=k;token=ca", .token = "ca", .object = "k" },
    { "pkcs11:serial=00ff;id=%4b%4B;type=private", .serial = "00ff", .id = "KK" },
    { "pkcs11:token=My%20CA%2fone;manufacturer=M;model=v2;serial=1;object=a%C3%A4;id=%ff%FE",
      .token = "My CA/one", .manufacturer = "M", .model = "v2", .serial = "1", .object = "a\xc3\xa4",
      .id = "\xff\xfe" },
    { "pkcs11:token=a:[]@!$'()*+,=&-._~;object=x=y", .token = "a:[]@!$'()*+,=&-._~", .object = "x=y" },
    { "pkcs11:token=12345678901234567890123456789012;object=k", .token = "12345678901234567890123456789012",
      .object = "k" },
};

static const struct {
    const char *uri;
    const char *reason;
} bad[] = {
    { "", "begin" },
    { "pkcs11", "begin" },
    { "PKCS11:token=a;object=k", "begin" },
    { "file:/x", "begin" },
    { "pkcs11:", "name=value" },
    { "pkcs11:token=a", "no key" },
    { "pkcs11:object=k", "no token" },
    { "pkcs11:manufacturer=M;model=v;object=k", "no token" },
    { "pkcs11:token=a;object=k?pin-value=1234", "query" },
    { "pkcs11:token=a;object=k?pin-source=file:/p", "query" },
    { "pkcs11:token=a;object=k?module-name=m", "query" },
    { "pkcs11:token=a;object=k?module-path=/m.so", "query" },
    { "pkcs11:token=a;object=k?", "query" },
    { "pkcs11:token=a;object=k;pin-value=1234", "pin-value" },
    { "pkcs11:token=a;object=k;pin-source=x", "pin-source" },
    { "pkcs11:token=a;object=k;slot-id=1", "slot-id" },
    { "pkcs11:token=a;object=k;library-version=1", "library-version" },
    { "pkcs11:token=a;object=k;x-vendor=1", "x-vendor" },
    { "pkcs11:token=a;object=k;type=public", "type" },
    { "pkcs11:token=a;object=k;type=cert", "type" },
    { "pkcs11:token=a;object=k;type=", "type" },
    { "pkcs11:token=a;object=k;type=private;type=private", "twice" },
    { "pkcs11:token=a;token=a;object=k", "twice" },
    { "pkcs11:token=;object=k", "empty" },
    { "pkcs11:token=a;object=", "empty" },
    { "pkcs11:token=a;id=", "empty" },
    { "pkcs11:token=a;object=k;", "name=value" },
    { "pkcs11:;token=a;object=k", "name=value" },
    { "pkcs11:token=a;;object=k", "name=value" },
    { "pkcs11:token;object=k", "name=value" },
    { "pkcs11:=a;object=k", "name=value" },
    { "pkcs11:Token=a;object=k", "name=value" },
    { "pkcs11:token=a;object=%", "percent" },
    { "pkcs11:token=a;object=%4", "percent" },
    { "pkcs11:token=a;object=%4g", "percent" },
    { "pkcs11:token=a;object=a b", "percent" },
    { "pkcs11:token=a;object=a/b", "percent" },
    { "pkcs11:token=a;object=a\"b", "percent" },
    { "pkcs11:token=a;object=\xc3\xa4", "percent" },
    { "pkcs11:token=a;object=%00", "UTF-8" },
    { "pkcs11:token=a;object=%ff", "UTF-8" },
    { "pkcs11:token=123456789012345678901234567890123;object=k", "too long" },
    { "pkcs11:serial=12345678901234567;object=k", "too long" },
};

static bool is(const struct cs_uri_value *v, const char *text)
{
    return cs_span_is(cs_uri_value_span(v), text == NULL ? "" : text);
}

static void accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct cs_uri u;
        struct cs_note why = { "" };
        if (!cs_ok(cs_uri_parse(cs_span_str(good[i].uri), &u, &why)))
            fail_msg("%s: %s", good[i].uri, why.text);
        if (!is(&u.token, good[i].token) || !is(&u.serial, good[i].serial) ||
            !is(&u.manufacturer, good[i].manufacturer) || !is(&u.model, good[i].model) ||
            !is(&u.object, good[i].object) || !is(&u.id, good[i].id))
            fail_msg("%s: decoded wrongly", good[i].uri);
    }
}

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cs_uri u = { .token = { .len = 99 } };
        struct cs_note why = { "" };
        cs_result r = cs_uri_parse(cs_span_str(bad[i].uri), &u, &why);
        if (cs_ok(r) || strstr(why.text, bad[i].reason) == NULL || u.token.len != 99)
            fail_msg("%s: %s", bad[i].uri, why.text);
        assert_null(strstr(why.text, "1234")); /* no value in a message */
    }
}

static void every_truncation_and_flip(void **state)
{
    (void)state;
    static const char uri[] = "pkcs11:token=My%20CA;serial=01;object=k%41;id=%00%ff;type=private";
    const size_t len = sizeof uri - 1;
    struct cs_uri u;
    for (size_t cut = 0; cut <= len; cut++) {
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, uri, cut);
        (void)!cs_ok(cs_uri_parse(cs_span_of(copy, cut), &u, NULL));
        for (size_t bit = 0; cut == len && bit < 8 * len; bit++) {
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            bool ok = cs_ok(cs_uri_parse(cs_span_of(copy, cut), &u, NULL));
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(ok && bit / 8 < 7);
        }
        free(copy);
    }
}

static void put_is_parsed_again(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    cs_uri_put(&text, cs_span_str("My CA; 1"), cs_span_str("k?y"), cs_span_of("\x00\xffz", 3));
    struct cs_uri u;
    assert_true(cs_ok(cs_uri_parse(cs_buf_span(&text), &u, NULL)));
    assert_true(is(&u.token, "My CA; 1") && is(&u.object, "k?y"));
    assert_true(cs_span_eq(cs_uri_value_span(&u.id), cs_span_of("\x00\xffz", 3)));
}

static void padded_fields(void **state)
{
    (void)state;
    struct cs_uri_value v = { .len = 2, .at = "ca" }, absent = { .len = 0 };
    assert_true(cs_uri_field_is(&v, "ca      ", 8));
    assert_true(cs_uri_field_is(&v, "ca", 2));
    assert_false(cs_uri_field_is(&v, "ca2     ", 8));
    assert_false(cs_uri_field_is(&v, " ca     ", 8));
    assert_false(cs_uri_field_is(&v, "        ", 8));
    assert_true(cs_uri_field_is(&absent, "anything", 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused),
        cmocka_unit_test(every_truncation_and_flip),
        cmocka_unit_test(put_is_parsed_again),
        cmocka_unit_test(padded_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
