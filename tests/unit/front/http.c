/* One GET of metrics, and everything that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/front/http.h"

static const char good[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";

static void one_request_a_row(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cs_http_ask ask;
    } rows[] = {
        { good, CS_HTTP_FINE },
        { "GET /metrics HTTP/1.0\r\n\r\n", CS_HTTP_FINE },
        { "GET /metrics?collect=x HTTP/1.0\r\n\r\n", CS_HTTP_FINE },
        { "GET /metrics HTTP/1.1\r\nhOST:x\r\n\r\n", CS_HTTP_FINE },
        { "GET /metrics HTTP/1.1\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/2.0\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics\r\n\r\n", CS_HTTP_BAD },
        { "GET  /metrics HTTP/1.0\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.0 \r\n\r\n", CS_HTTP_BAD },
        { " /metrics HTTP/1.0\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.0\nHost: x\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.0\r\nx : y\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.0\r\nx\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.0\r\n x: y\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.0\r\nx: a\rb\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\n", CS_HTTP_BAD },
        { "GET /metrics HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", CS_HTTP_BAD },
        { "G\tT", CS_HTTP_BAD },
        { "\x16\x03\x01", CS_HTTP_BAD },
        { "GET /metric HTTP/1.0\r\n\r\n", CS_HTTP_PATH },
        { "GET /metrics/ HTTP/1.0\r\n\r\n", CS_HTTP_PATH },
        { "GET ?/metrics HTTP/1.0\r\n\r\n", CS_HTTP_PATH },
        { "POST / HTTP/1.0\r\n\r\n", CS_HTTP_PATH },
        { "POST /metrics HTTP/1.0\r\n\r\n", CS_HTTP_METHOD },
        { "HEAD /metrics HTTP/1.0\r\n\r\n", CS_HTTP_METHOD },
        { "get /metrics HTTP/1.0\r\n\r\n", CS_HTTP_METHOD },
        { "", CS_HTTP_MORE },
        { "GET /metrics HTTP/1.0\r\n", CS_HTTP_MORE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_http_judge(cs_span_str(rows[i].text)) != rows[i].ask)
            fail_msg("row: %s", rows[i].text);
}

static void every_truncation_waits(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof good - 1; n++)
        assert_int_equal(cs_http_judge(cs_span_of(good, n)), CS_HTTP_MORE);
}

static void head_is_bounded(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf in = { 0 };
    cs_buf_put_str(&in, "GET /metrics HTTP/1.0\r\nx: ");
    while (in.len < CS_HTTP_HEAD_MAX_LEN - 4)
        cs_buf_put_u8(&in, 'y');
    assert_int_equal(cs_http_judge(cs_buf_span(&in)), CS_HTTP_MORE);
    cs_buf_put_str(&in, "\r\n\r\n");
    assert_int_equal(cs_http_judge(cs_buf_span(&in)), CS_HTTP_FINE);
    in.at[in.len - 4] = 'y';
    assert_int_equal(cs_http_judge(cs_buf_span(&in)), CS_HTTP_TOO_LARGE);
    for (unsigned n = CS_HTTP_FIELDS_MAX; n <= CS_HTTP_FIELDS_MAX + 1; n++) {
        cs_buf_reset(&in);
        cs_buf_put_str(&in, "GET /metrics HTTP/1.0\r\n");
        for (unsigned i = 0; i < n; i++)
            cs_buf_put_str(&in, "a: b\r\n");
        cs_buf_put_str(&in, "\r\n");
        assert_int_equal(cs_http_judge(cs_buf_span(&in)),
                         n <= CS_HTTP_FIELDS_MAX ? CS_HTTP_FINE : CS_HTTP_TOO_LARGE);
    }
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        enum cs_http_ask ask;
        bool gate;
        const char *text;
    } rows[] = {
        { CS_HTTP_FINE, true,
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 4\r\n"
          "Connection: close\r\n\r\na 1\n" },
        { CS_HTTP_FINE, false,
          "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; version=0.0.4\r\n"
          "Content-Length: 4\r\nConnection: close\r\n\r\na 1\n" },
        { CS_HTTP_BAD, true, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
        { CS_HTTP_PATH, true, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
        { CS_HTTP_METHOD, true,
          "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
        { CS_HTTP_TOO_LARGE, false,
          "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf out = { 0 };
        cs_http_answer(&out, rows[i].ask, rows[i].gate, cs_span_str("a 1\n"));
        if (!cs_span_is(cs_buf_span(&out), rows[i].text))
            fail_msg("row %zu: %.*s", i, (int)out.len, (const char *)out.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_request_a_row),
        cmocka_unit_test(every_truncation_waits),
        cmocka_unit_test(head_is_bounded),
        cmocka_unit_test(answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
