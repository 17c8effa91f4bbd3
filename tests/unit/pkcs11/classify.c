/* What a PKCS#11 client may hand over for signing, and what the log calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "client/pkcs11/classify.h"
#include "tests/unit/der/der_text.h"

#define ALG  "30{ 06:2a8648ce3d040302 }"
#define NAME "30{ 31{ 30{ 06:550403 0c'x' } } }"
#define KEY  "30{ 30{ 06:2a8648ce3d0201 06:2a8648ce3d030107 } 03:0004 }"

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *row, *text;
        enum cs_data_kind kind;
    } rows[] = {
        { "CRL v2", "30{ 02:01 " ALG NAME " 17'260101000000Z' 17'260102000000Z' }", CS_DATA_IS_CRL },
        { "CRL v1", "30{ " ALG NAME " 17'260101000000Z' }", CS_DATA_IS_CRL },
        { "OCSP by name", "30{ a1{ " NAME " } 18'20260101000000Z' 30{} }", CS_DATA_IS_OCSP },
        { "OCSP by key, with a version", "30{ a0{ 02:00 } a2{ 04:00 } 18'20260101000000Z' 30{} }",
          CS_DATA_IS_OCSP },
        { "CSR", "30{ 02:00 " NAME KEY " a0{} }", CS_DATA_IS_CSR },
        { "CSR of another version", "30{ 02:01 " NAME KEY " a0{} }", CS_DATA_IS_OTHER_DER },
        { "whole certificate", "30{ 30{} " ALG " 03:00 }", CS_DATA_IS_CERTIFICATE },
        { "signed attributes", "31{ 30{ 06:2a } }", CS_DATA_IS_ATTRIBUTES },
        { "half a TBS", "30{ a0{ 02:02 } 02:01 " ALG NAME " 30{} " NAME KEY " }", CS_DATA_LIKE_TBS },
        { "a number", "02:01", CS_DATA_IS_OTHER_DER },
        { "an empty SEQUENCE", "30{}", CS_DATA_IS_OTHER_DER },
        { "DigestInfo", "30{ 30{ 06:60 05 } 04:00 }", CS_DATA_IS_OTHER_DER },
        { "two elements", "30{} 30{}", CS_DATA_IS_NO_DER },
        { "an indefinite length", "=30800000", CS_DATA_IS_NO_DER },
        { "text", "='hello'", CS_DATA_IS_NO_DER },
        { "nothing", "", CS_DATA_IS_NO_DER },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf der = { 0 };
        struct cs_note text = { 0 };
        if (strcmp(rows[i].row, "text") == 0)
            cs_buf_put_str(&der, "hello");
        else
            der_text(&der, rows[i].text);
        struct cs_p11_class is = cs_p11_classify(cs_buf_span(&der), &text);
        if (is.is_tbs || is.kind != rows[i].kind || text.text[0] == '\0' || is.algorithm.len != 0)
            fail_msg("row: %s: %d, %s", rows[i].row, (int)is.kind, text.text);
    }
}

static void a_tbs(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf der = { 0 }, algorithm = { 0 };
    struct cs_note text = { 0 };
    tbs_text_put(&der, &tbs_text_good);
    der_text(&algorithm, ALG);
    struct cs_p11_class is = cs_p11_classify(cs_buf_span(&der), &text);
    assert_true(is.is_tbs);
    assert_true(cs_span_eq(is.algorithm, cs_buf_span(&algorithm)));
    assert_true(is.issuer.len > 2 && is.issuer.at[0] == 0x30);
    assert_string_equal(text.text, "");
    for (size_t cut = 0; cut < der.len; cut++)
        assert_int_equal(cs_p11_classify(cs_span_of(der.at, cut), &text).kind, CS_DATA_IS_NO_DER);
    cs_buf_put_u8(&der, 0);
    assert_int_equal(cs_p11_classify(cs_buf_span(&der), &text).kind, CS_DATA_IS_NO_DER);
}

/* The bytes may be anything: no flip may make the walk leave them. */
static void flips(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf der = { 0 };
    size_t n_tbs = 0;
    tbs_text_put(&der, &tbs_text_good);
    for (size_t bit = 0; bit < 8 * der.len; bit++) {
        struct cs_note text = { 0 };
        der.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct cs_p11_class is = cs_p11_classify(cs_buf_span(&der), &text);
        n_tbs += is.is_tbs;
        assert_true(is.is_tbs || text.text[0] != '\0');
        der.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(n_tbs > 0); /* contents, not structure */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(kinds), cmocka_unit_test(a_tbs),
                                        cmocka_unit_test(flips) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
