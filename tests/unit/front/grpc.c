/* gRPC words: timeout, content type, percent-encoding, trailers, and the message framing under every
 * split of the byte stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "proxy/front/grpc.h"
#include "proxy/ipc/messages.h"

static void timeout_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } rows[] = {
        { "1H", 3600000000 },
        { "2M", 120000000 },
        { "3S", 3000000 },
        { "2010m", 2010000 },
        { "5u", 5 },
        { "1n", 1 },
        { "1000n", 1 },
        { "1001n", 2 },
        { "0n", 0 },
        { "00000001S", 1000000 },
        { "99999999H", 359999996400000000 },
        { "", -1 },
        { "S", -1 },
        { "1", -1 },
        { "123456789S", -1 },
        { "1s", -1 },
        { "1h", -1 },
        { "-1S", -1 },
        { "+1S", -1 },
        { " 1S", -1 },
        { "1S ", -1 },
        { "1 S", -1 },
        { "1.5S", -1 },
        { "1SS", -1 },
        { "0x1S", -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t us = -1;
        bool ok = cs_grpc_timeout(cs_span_str(rows[i].text), &us);
        if (ok != (rows[i].us >= 0) || us != rows[i].us)
            fail_msg("row: \"%s\" gave %d, %lld us", rows[i].text, ok, (long long)us);
    }
}

static void content_type_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        { "application/grpc", true },
        { "application/grpc+proto", true },
        { "application/grpc+json", true },
        { "application/grpc;charset=utf-8", true },
        { "application/grpc-web", false },
        { "application/grpc-web+proto", false },
        { "application/grp", false },
        { "Application/grpc", false },
        { "application/grpc ", false },
        { "application/json", false },
        { "", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_grpc_content_type(cs_span_str(rows[i].text)) != rows[i].ok)
            fail_msg("row: %s", rows[i].text);
}

static void percent_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *encoded;
        size_t max_len;
    } rows[] = {
        { "no match for \xc3\xbcn\xc3\xaf 100%", "no match for %C3%BCn%C3%AF 100%25", 1000 },
        { "", "", 1000 },
        { " ~", " ~", 1000 },
        { "\x1f\x7f\r\n", "%1F%7F%0D%0A", 1000 },
        { "abc", "abc", 3 },
        { "abcd", "abc", 3 },
        { "ab%", "ab", 4 },
        { "ab%", "ab%25", 5 },
        { "a\xc3\xbc", "a", 6 }, /* a character is never cut */
        { "a\xc3\xbc", "a%C3%BC", 7 },
        { "a\xe2\x82\xac!", "a", 9 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf out = { 0 };
        cs_grpc_percent_put(&out, cs_span_str(rows[i].text), rows[i].max_len);
        if (!cs_span_is(cs_buf_span(&out), rows[i].encoded))
            fail_msg("row %zu: %.*s", i, (int)out.len, (const char *)out.at);
    }
}

/* google.rpc.Status(9, ..., ErrorInfo(ATTESTATION_MISSING ...)) and its wire form. */
static const char details_base64[] =
    "CAkSKW5vIGF0dGVzdGF0aW9uIGNvdmVycyBkbnM6d3d3LmV4YW1wbGUuY29tGnMKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xl"
    "LnJwYy5FcnJvckluZm8SRwoTQVRURVNUQVRJT05fTUlTU0lORxITY291bnRlcnNpZ24uZXhhbXBsZRobCgRuYW1lEhNkbnM6d3d3"
    "LmV4YW1wbGUuY29t";

static void trailers_carry_details(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf raw = { 0 };
    assert_true(cs_ok(cs_unbase64(cs_span_str(details_base64), &raw)));
    struct cs_grpc_trailers t;
    static const char text[] = "no attestation covers dns:www.example.com";
    assert_true(cs_ok(cs_grpc_trailers_put(&t, 9, cs_span_str(text), cs_buf_span(&raw))));
    assert_string_equal(t.status, "9");
    assert_true(cs_span_is(cs_buf_span(&t.message), text));
    assert_true(cs_span_is(cs_buf_span(&t.details), details_base64));
    cs_grpc_trailers_done(&t);
    for (size_t len = 1; len <= 3; len++) { /* unpadded, all three lengths modulo 3 */
        assert_true(cs_ok(cs_grpc_trailers_put(&t, 16, cs_span_str(""), cs_span_of("\xff\xff\xff", len))));
        assert_int_equal(t.details.len, len + 1);
        assert_null(memchr(t.details.at, '=', t.details.len));
        assert_int_equal(t.message.len, 0);
        cs_grpc_trailers_done(&t);
    }
}

static size_t trailers_len(const struct cs_grpc_trailers *t)
{
    size_t len = 32 + 7 + 3 + 32 + 12 + 22 + 32 + 11 + strlen(t->status);
    if (t->message.len > 0)
        len += 32 + 12 + t->message.len;
    if (t->details.len > 0)
        len += 32 + 23 + t->details.len;
    return len;
}

static void trailers_stay_under_the_limit(void **state)
{
    (void)state;
    static uint8_t text[CS_STATUS_TEXT_MAX_LEN], details[CS_DETAILS_MAX_LEN];
    memset(text, 0x07, sizeof text); /* the worst: each byte takes three */
    for (size_t len = 0; len <= sizeof details; len += 50) {
        struct cs_grpc_trailers t;
        assert_true(
            cs_ok(cs_grpc_trailers_put(&t, 9, cs_span_of(text, sizeof text), cs_span_of(details, len))));
        if (trailers_len(&t) > CS_GRPC_TRAILERS_MAX_LEN || t.message.len < 63)
            fail_msg("details %zu: %zu bytes of trailers, text %zu", len, trailers_len(&t), t.message.len);
        if (len > 0 && len <= 5800)
            assert_true(t.details.len > 0);
        cs_grpc_trailers_done(&t);
    }
}

static const struct {
    const char *row;
    uint8_t bytes[16];
    size_t len;
    enum cs_grpc_fault fed, end;
    const char *body;
} framing[] = {
    { "empty message", { 0, 0, 0, 0, 0 }, 5, CS_GRPC_FINE, CS_GRPC_FINE, "" },
    { "three bytes", { 0, 0, 0, 0, 3, 'a', 'b', 'c' }, 8, CS_GRPC_FINE, CS_GRPC_FINE, "abc" },
    { "largest", { 0, 0, 0, 0, 6, 'a', 'b', 'c', 'd', 'e', 'f' }, 11, CS_GRPC_FINE, CS_GRPC_FINE, "abcdef" },
    { "over the largest", { 0, 0, 0, 0, 7 }, 5, CS_GRPC_TOO_LARGE, CS_GRPC_FINE, NULL },
    { "far over", { 0, 0xff, 0xff, 0xff, 0xff }, 5, CS_GRPC_TOO_LARGE, CS_GRPC_FINE, NULL },
    { "compressed", { 1 }, 1, CS_GRPC_COMPRESSED, CS_GRPC_FINE, NULL },
    { "flag 2", { 2 }, 1, CS_GRPC_FLAG, CS_GRPC_FINE, NULL },
    { "flag 128", { 0x80 }, 1, CS_GRPC_FLAG, CS_GRPC_FINE, NULL },
    { "nothing", { 0 }, 0, CS_GRPC_FINE, CS_GRPC_NONE, NULL },
    { "cut in the prefix", { 0, 0, 0, 0 }, 4, CS_GRPC_FINE, CS_GRPC_CUT, NULL },
    { "cut behind the prefix", { 0, 0, 0, 0, 1 }, 5, CS_GRPC_FINE, CS_GRPC_CUT, NULL },
    { "cut in the message", { 0, 0, 0, 0, 3, 'a', 'b' }, 7, CS_GRPC_FINE, CS_GRPC_CUT, NULL },
    { "two messages", { 0, 0, 0, 0, 1, 'a', 0, 0, 0, 0, 1, 'b' }, 12, CS_GRPC_SECOND, CS_GRPC_FINE, NULL },
    { "one byte too many", { 0, 0, 0, 0, 0, 0 }, 6, CS_GRPC_SECOND, CS_GRPC_FINE, NULL },
};

static void framing_under_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof framing / sizeof *framing; i++) {
        size_t len = framing[i].len;
        size_t n_splits = len > 1 ? (size_t)1 << (len - 1) : 1; /* bit k: a border behind byte k */
        for (size_t split = 0; split < n_splits; split++) {
            struct cs_grpc_in in = { 0 };
            enum cs_grpc_fault fed = CS_GRPC_FINE;
            for (size_t from = 0; from < len && fed == CS_GRPC_FINE;) {
                size_t to = from + 1;
                while (to < len && !(split >> (to - 1) & 1))
                    to++;
                fed = cs_grpc_in_feed(&in, cs_span_of(framing[i].bytes + from, to - from), 6);
                from = to;
            }
            bool ok = fed == framing[i].fed;
            if (fed == CS_GRPC_FINE)
                ok = ok && cs_grpc_in_end(&in) == framing[i].end;
            if (framing[i].body != NULL)
                ok = ok && cs_span_is(cs_buf_span(&in.body), framing[i].body);
            cs_grpc_in_done(&in);
            if (!ok)
                fail_msg("row: %s, split %zx", framing[i].row, split);
        }
    }
}

static void each_fault_has_its_status(void **state)
{
    (void)state;
    static const struct {
        enum cs_grpc_fault fault;
        uint32_t status;
    } rows[] = {
        { CS_GRPC_COMPRESSED, 13 }, { CS_GRPC_FLAG, 13 }, { CS_GRPC_TOO_LARGE, 8 }, { CS_GRPC_SECOND, 12 },
        { CS_GRPC_NONE, 12 },       { CS_GRPC_CUT, 13 },  { CS_GRPC_NO_ROOM, 8 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(cs_grpc_fault_status(rows[i].fault), rows[i].status);
        assert_true(strlen(cs_grpc_fault_text(rows[i].fault)) > 0);
    }
}

static void prefix_is_big_endian(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf out = { 0 };
    cs_grpc_prefix_put(&out, 0x01020304);
    assert_int_equal(out.len, CS_GRPC_PREFIX_LEN);
    assert_memory_equal(out.at, "\0\1\2\3\4", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeout_rows),
        cmocka_unit_test(content_type_rows),
        cmocka_unit_test(percent_rows),
        cmocka_unit_test(trailers_carry_details),
        cmocka_unit_test(trailers_stay_under_the_limit),
        cmocka_unit_test(framing_under_every_split),
        cmocka_unit_test(each_fault_has_its_status),
        cmocka_unit_test(prefix_is_big_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
