/* The module's log: JSON whatever the text, and no SIGPIPE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#include "client/pkcs11/note.h"

static void a_line(void **state)
{
    (void)state;
    int fds[2];
    char got[1024] = "";
    assert_int_equal(pipe(fds), 0);
    struct cs_p11_log l = { .fd = fds[1], .warnings_only = true };
    const struct countersign_reason reason = { "V01", "t", "dns:\"a\\b\"", "x\ny", "", "", "" };
    const struct countersign_answer a = {
        .ledger_entry = 7, .n_reasons = 1, .total_reasons = 2, .reasons = &reason
    };
    cs_p11_log_put(&l, &(struct cs_p11_line){ .event = "signed" });
    cs_p11_log_put(&l, &(struct cs_p11_line){ .warning = true,
                                              .event = "refused",
                                              .key_id = cs_span_of("k\xff", 2),
                                              .request_id = cs_span_of("\x01\x02", 2),
                                              .outcome = "O",
                                              .answer = &a,
                                              .text = "t\x7f" });
    assert_true(read(fds[0], got, sizeof got - 1) > 0);
    const char *rest = strstr(got, ",\"key_id\"");
    assert_non_null(rest);
    assert_string_equal(
        rest, ",\"key_id\":\"k\\\\xff\",\"request_id\":\"0102\",\"audit_id\":7,\"outcome\":\"O\","
              "\"msg\":\"t\\u007f\",\"reasons\":[{\"rule\":\"V01\",\"subject\":\"dns:\\\"a\\\\b\\\"\","
              "\"found\":\"x\\u000ay\"}],\"total_reasons\":2}\n");
    (void)close(fds[0]);
    assert_int_equal(signal(SIGPIPE, SIG_DFL) == SIG_ERR, 0); /* it would end this test */
    cs_p11_log_put(&l, &(struct cs_p11_line){ .warning = true, .event = "failed" });
    (void)close(fds[1]);
}

static void where(void **state)
{
    (void)state;
    struct cs_p11_log l;
    struct cs_note note = { 0 };
    assert_true(cs_ok(cs_p11_log_open(&l, NULL, &note)) && l.fd == 2 && l.warnings_only && !l.owned);
    assert_true(cs_ok(cs_p11_log_open(&l, "stderr", &note)) && l.fd == 2);
    assert_true(cs_ok(cs_p11_log_open(&l, "none", &note)) && l.fd == -1);
    assert_true(cs_is(cs_p11_log_open(&l, "/nowhere/at/all", &note), CS_NUM_CONFIG));
    assert_non_null(strstr(note.text, "/nowhere/at/all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_line), cmocka_unit_test(where) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
