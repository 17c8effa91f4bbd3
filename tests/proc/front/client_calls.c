/*
 * client_calls <socket path>: client/lib against the real front; test_client.py starts both.
 * client_calls <socket path> ask: one call, against a server that test_client.py plays; prints the
 * answer's status or the failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/lib/client.h"
#include "proxy/base/clock.h"

static const char *path;
static const char echo[] = "/countersign.v1.SigningService/SignCertificate";

static struct cs_client *connected(void)
{
    struct cs_client *c = NULL;
    struct cs_note note = { "" };
    if (!cs_ok(cs_client_open(path, &c, &note)))
        fail_msg("%s", note.text);
    return c;
}

static struct cs_client_answer answer_to(struct cs_client *c, const char *method, const char *request,
                                         unsigned timeout_ms)
{
    struct cs_client_answer a = { 0 };
    cs_result r = cs_client_call(c, method, cs_span_str(request), timeout_ms, &a);
    if (!cs_ok(r))
        fail_msg("%s: %s: %s", request, cs_result_name(r), cs_client_failure(c));
    return a;
}

static void answers(void **state)
{
    (void)state;
    struct cs_client *c = connected();
    struct cs_client_answer a = answer_to(c, echo, "hello", 1000);
    assert_int_equal(a.status, 0);
    assert_true(cs_span_is(cs_buf_span(&a.response), "hello"));
    assert_int_equal(a.message.len, 0);
    cs_client_answer_done(&a);
    a = answer_to(c, echo, "", 0);
    assert_true(a.status == 0 && a.response.len == 0);
    cs_client_answer_done(&a);
    a = answer_to(c, echo, "refuse 9", 0);
    assert_int_equal(a.status, 9);
    assert_true(cs_span_is(cs_buf_span(&a.message), "no match for \xc3\xbcn\xc3\xaf 100%"));
    assert_true(cs_span_eq(cs_buf_span(&a.details), cs_span_of("\x08\x09\xff", 3)));
    assert_int_equal(a.response.len, 0);
    cs_client_answer_done(&a);
    a = answer_to(c, "/no.Such/Method", "x", 0);
    assert_int_equal(a.status, 12);
    cs_client_answer_done(&a);
    a = answer_to(c, echo, "size 1048576", 0);
    assert_true(a.status == 0 && a.response.len == 1024 * 1024);
    cs_client_answer_done(&a);
    cs_client_close(c);
}

static void deadline_is_an_answer(void **state)
{
    (void)state;
    struct cs_client *c = connected();
    int64_t start_us = cs_clock_mono_us();
    struct cs_client_answer a = answer_to(c, echo, "never", 200);
    assert_int_equal(a.status, 4);
    assert_true(a.message.len > 0);
    cs_client_answer_done(&a);
    assert_in_range(cs_clock_mono_us() - start_us, 150000, 5000000);
    a = answer_to(c, echo, "after", 1000);
    assert_true(cs_span_is(cs_buf_span(&a.response), "after"));
    cs_client_answer_done(&a);
    cs_client_close(c);
}

static void over_the_maximum_keeps_the_connection(void **state)
{
    (void)state;
    enum { LEN = 3 * 1024 * 1024 };
    struct cs_client *c = connected();
    uint8_t *big = calloc(1, LEN);
    assert_non_null(big);
    struct cs_client_answer a = { 0 };
    assert_true(cs_ok(cs_client_call(c, echo, cs_span_of(big, LEN), 5000, &a)));
    assert_int_equal(a.status, 8);
    cs_client_answer_done(&a);
    free(big);
    a = answer_to(c, echo, "after", 1000);
    assert_int_equal(a.status, 0);
    cs_client_answer_done(&a);
    cs_client_close(c);
}

/* More calls than the server takes at once; each answer belongs to its call. */
static void pipelined(void **state)
{
    (void)state;
    enum { N = 300 };
    struct cs_client *c = connected();
    struct cs_client_answer a = { 0 };
    assert_true(cs_is(cs_client_poll(c, 0, &a), CS_NUM_NOT_FOUND));
    static char text[N + 1][32];
    for (unsigned i = 1; i <= N; i++) {
        uint64_t id;
        (void)snprintf(text[i], sizeof text[i], "%s %u", i % 10 == 0 ? "delay" : "echo", i);
        assert_true(cs_ok(cs_client_send(c, echo, cs_span_str(text[i]), i % 3 == 0 ? 10000 : 0, &id)));
        assert_int_equal(id, i);
    }
    assert_int_equal(cs_client_in_flight(c), N);
    static bool seen[N + 1];
    for (unsigned i = 0; i < N; i++) {
        cs_result r = cs_client_poll(c, 10000, &a);
        if (!cs_ok(r))
            fail_msg("%s: %s", cs_result_name(r), cs_client_failure(c));
        assert_true(a.id >= 1 && a.id <= N && !seen[a.id]);
        seen[a.id] = true;
        assert_true(a.status == 0 && cs_span_is(cs_buf_span(&a.response), text[a.id]));
        cs_client_answer_done(&a);
    }
    assert_int_equal(cs_client_in_flight(c), 0);
    cs_client_close(c);
}

static void poll_gives_up_in_time_and_close_drops_the_rest(void **state)
{
    (void)state;
    struct cs_client *c = connected();
    struct cs_client_answer a = { 0 };
    uint64_t id;
    for (int i = 0; i < 150; i++) /* the last 50 wait for a stream */
        assert_true(cs_ok(cs_client_send(c, echo, cs_span_str("never"), i < 140 ? 300 : 0, &id)));
    assert_true(cs_is(cs_client_poll(c, 20, &a), CS_NUM_AGAIN));
    for (int i = 0; i < 140; i++) {
        assert_true(cs_ok(cs_client_poll(c, 5000, &a)));
        assert_int_equal(a.status, 4);
        cs_client_answer_done(&a);
    }
    assert_true(cs_is(cs_client_poll(c, 20, &a), CS_NUM_AGAIN));
    assert_int_equal(cs_client_in_flight(c), 10);
    cs_client_close(c);
}

static void nobody_there(void **state)
{
    (void)state;
    struct cs_client *c = NULL;
    struct cs_note note = { "" };
    cs_result r = cs_client_open("/nonexistent/socket", &c, &note);
    assert_int_equal(cs_class(r), CS_CLASS_PEER);
    assert_null(c);
    assert_non_null(strstr(note.text, "/nonexistent/socket"));
    cs_client_close(NULL);
}

/* Asks the test to end the front while a call runs. */
static void lost_connection(void **state)
{
    (void)state;
    struct cs_client *c = connected();
    uint64_t id;
    assert_true(cs_ok(cs_client_send(c, echo, cs_span_str("never"), 0, &id)));
    assert_true(cs_ok(cs_client_flush(c)));
    (void)puts("CUT");
    (void)fflush(stdout);
    struct cs_client_answer a = { 0 };
    cs_result r = cs_client_poll(c, 10000, &a);
    assert_int_equal(cs_class(r), CS_CLASS_PEER);
    assert_true(strlen(cs_client_failure(c)) > 0);
    r = cs_client_call(c, echo, cs_span_str("x"), 0, &a);
    assert_int_equal(cs_class(r), CS_CLASS_PEER);
    cs_client_close(c);
}

static int ask(void)
{
    struct cs_client *c = NULL;
    struct cs_client_answer a = { 0 };
    cs_result r = cs_client_open(path, &c, NULL);
    if (cs_ok(r))
        r = cs_client_call(c, echo, cs_span_str("x"), 5000, &a);
    if (cs_ok(r))
        (void)printf("status=%u response=%zu message=%.*s\n", a.status, a.response.len, (int)a.message.len,
                     (const char *)a.message.at);
    else
        (void)printf("%s\n", cs_result_name(r));
    cs_client_answer_done(&a);
    cs_client_close(c);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    path = argv[1];
    if (argc == 3 && strcmp(argv[2], "ask") == 0)
        return ask();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(deadline_is_an_answer),
        cmocka_unit_test(over_the_maximum_keeps_the_connection),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(poll_gives_up_in_time_and_close_drops_the_rest),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(lost_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
