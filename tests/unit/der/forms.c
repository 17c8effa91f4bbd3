/* Certificates taken apart and put together, Names on their own, OIDs as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "proxy/gate/der/tbs.h"
#include "tests/unit/der/der_text.h"

static void certificate_rows(void **state)
{
    (void)state;
    static const char tbs[] = "30{a0{02:02} 02:01 30{06:2a03} 30}";
    static const struct {
        const char *row, *text;
        enum cs_result_number want;
    } rows[] = {
        { "good", "30{T 30{06:2a03} 03:00abcd}", CS_NUM_OK_ },
        { "good, v1", "30{30{02:01 30{06:2a03}} 30{06:2a03} 03:00}", CS_NUM_OK_ },
        { "algorithms differ", "30{T 30{06:2a03 05} 03:00}", CS_NUM_TBS_FORM },
        { "unused bits", "30{T 30{06:2a03} 03:0780}", CS_NUM_TBS_FORM },
        { "signature OCTET STRING", "30{T 30{06:2a03} 04:00}", CS_NUM_TBS_FORM },
        { "signature missing", "30{T 30{06:2a03}}", CS_NUM_TBS_FORM },
        { "only a TBS", "30{T}", CS_NUM_TBS_FORM },
        { "something behind", "30{T 30{06:2a03} 03:00 05}", CS_NUM_TBS_FORM },
        { "trailing", "30{T 30{06:2a03} 03:00} 05", CS_NUM_DER },
        { "outer SET", "31{T}", CS_NUM_TBS_FORM },
        { "TBS a SET", "30{31 30{06:2a03} 03:00}", CS_NUM_TBS_FORM },
        { "TBS without algorithm", "30{30{02:01} 30{06:2a03} 03:00}", CS_NUM_TBS_FORM },
        { "TBS empty", "30{30 30{06:2a03} 03:00}", CS_NUM_TBS_FORM },
        { "TBS off DER", "30{30{a0{02:02} 02:0001 30{06:2a03} 30} 30{06:2a03} 03:00}", CS_NUM_DER },
        { "nothing", "", CS_NUM_DER },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf text = { 0 }, b = { 0 };
        for (const char *c = rows[i].text; *c != '\0'; c++)
            cs_buf_put(&text, *c == 'T' ? tbs : c, *c == 'T' ? sizeof tbs - 1 : 1);
        cs_buf_put_u8(&text, 0);
        der_text(&b, (const char *)text.at);
        struct cs_span got_tbs = { NULL, 7 }, algorithm = { NULL, 7 }, signature = { NULL, 7 };
        struct cs_der_fault fault = { 0, NULL, NULL };
        cs_result r = cs_certificate_parse(cs_buf_span(&b), &got_tbs, &algorithm, &signature, &fault);
        if (rows[i].want == CS_NUM_OK_ ? !cs_ok(r) : !cs_is(r, rows[i].want))
            fail_msg("row: %s: %s", rows[i].row, cs_result_name(r));
        if (!cs_ok(r)) {
            assert_true(got_tbs.len == 7 && algorithm.len == 7 && signature.len == 7 && fault.what != NULL);
            continue;
        }
        CS_AUTO_BUF struct cs_buf again = { 0 };
        cs_certificate_put(&again, got_tbs, algorithm, signature);
        assert_true(cs_span_eq(cs_buf_span(&again), cs_buf_span(&b)));
    }
}

static void certificate_has_its_cap(void **state)
{
    (void)state;
    uint8_t *big = calloc(1, CS_CERTIFICATE_DER_MAX_LEN + 1);
    struct cs_span s;
    assert_non_null(big);
    assert_true(cs_is(cs_certificate_parse(cs_span_of(big, CS_CERTIFICATE_DER_MAX_LEN), &s, &s, &s, NULL),
                      CS_NUM_DER));
    assert_true(cs_is(cs_certificate_parse(cs_span_of(big, CS_CERTIFICATE_DER_MAX_LEN + 1), &s, &s, &s, NULL),
                      CS_NUM_LIMIT));
    free(big);
}

static void put_round_every_length(void **state)
{
    (void)state;
    static const uint8_t zeros[70000];
    for (size_t len = 0; len < 66000; len += len < 300 || len > 65300 ? 1 : 1000) {
        CS_AUTO_BUF struct cs_buf got = { 0 }, want = { 0 }, body = { 0 };
        static const uint8_t tbs[] = { 0x30, 0x00 };
        cs_certificate_put(&got, cs_span_of(tbs, 2), cs_span_of(tbs, 2), cs_span_of(zeros, len));
        der_text(&body, "30 30");
        der_wrap(&body, 0x03, cs_span_of(zeros, len + 1));
        der_wrap(&want, 0x30, cs_buf_span(&body));
        if (!cs_span_eq(cs_buf_span(&got), cs_buf_span(&want)))
            fail_msg("length %zu", len);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t max;
        enum cs_result_number want;
        uint32_t n;
    } rows[] = {
        { "30", 0, CS_NUM_OK_, 0 },
        { "30{31{30{06:550403 0c'a'} 30{06:550403 0c'b'}} 31{30{06:550403 0c'c'}}}", 3, CS_NUM_OK_, 3 },
        { "30{31{30{06:550403 0c'a'} 30{06:550403 0c'b'}} 31{30{06:550403 0c'c'}}}", 2, CS_NUM_LIMIT, 0 },
        { "30{31}", 3, CS_NUM_TBS_FORM, 0 },
        { "31", 3, CS_NUM_TBS_FORM, 0 },
        { "", 3, CS_NUM_DER, 0 },
        { "30 30", 3, CS_NUM_DER, 0 },
        { "30{31{30{06:550403 13'*'}}}", 3, CS_NUM_DER, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        struct cs_attribute a[3] = { { .tag = 0 } };
        uint32_t n = 99;
        der_text(&b, rows[i].text);
        cs_result r = cs_name_parse(cs_buf_span(&b), a, rows[i].max, &n, NULL);
        if (rows[i].want == CS_NUM_OK_ ? !cs_ok(r) : !cs_is(r, rows[i].want))
            fail_msg("row: %s: %s", rows[i].text, cs_result_name(r));
        assert_int_equal(n, cs_ok(r) ? rows[i].n : 99);
        if (n == 3)
            assert_true(a[0].rdn == 0 && a[1].rdn == 0 && a[2].rdn == 1 && cs_span_is(a[2].value, "c"));
    }
}

static void oid_texts(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *text;
    } rows[] = {
        { "00", "0.0" },
        { "27", "0.39" },
        { "28", "1.0" },
        { "2a", "1.2" },
        { "4f", "1.39" },
        { "50", "2.0" },
        { "7f", "2.47" },
        { "8100", "2.48" },
        { "883703", "2.999.3" },
        { "551d11", "2.5.29.17" },
        { "2b06010401d679020403", "1.3.6.1.4.1.11129.2.4.3" },
        { "2a864886f70d01010b", "1.2.840.113549.1.1.11" },
        { "2a00", "1.2.0" },
        { "2a8fffffff7f", "1.2.4294967295" },
        { "2a9080808000", "1.2.4294967296" },
        { "2a81ffffffffffffffff7f", "1.2.18446744073709551615" },
        /* a UUID of all ones below 2.25: 2^128 - 1 */
        { "6983ffffffffffffffffffffffffffffffffff7f", "2.25.340282366920938463463374607431768211455" },
        /* 19 octets, 20 octets */
        { "2affffffffffffffffffffffffffffffffffff7f", "1.2.10889035741470030830827987437816582766591" },
        { "2a81ffffffffffffffffffffffffffffffffffff7f", "2a81ffffffffffffffffffffffffffffffffffff7f" },
        { "", "" },
        { "80", "80" },
        { "2a80", "2a80" },
        { "2a8001", "2a8001" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t oid[64];
        size_t len;
        char text[64];
        assert_true(cs_ok(cs_unhex(cs_span_str(rows[i].hex), oid, sizeof oid, &len)));
        memset(text, 'x', sizeof text);
        cs_oid_text(cs_span_of(oid, len), text, sizeof text);
        assert_string_equal(text, rows[i].text);
        for (size_t room = 1; room < sizeof text; room++) { /* cut, never past its end */
            char cut[64];
            memset(cut, 'x', sizeof cut);
            cs_oid_text(cs_span_of(oid, len), cut, room);
            size_t want = strlen(text) < room ? strlen(text) : room - 1;
            assert_true(strlen(cut) == want && memcmp(cut, text, want) == 0 && cut[room] == 'x');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_rows),
        cmocka_unit_test(certificate_has_its_cap),
        cmocka_unit_test(put_round_every_length),
        cmocka_unit_test(names),
        cmocka_unit_test(oid_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
