/* Watchdog: ends a process that waits for ever, leaves alone one that was answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hsm/watchdog.h"

static void ends_a_stuck_process(void **state)
{
    (void)state;
    int p[2];
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(p[1], STDERR_FILENO);
        cs_watchdog_arm(1);
        for (;;)
            (void)pause();
    }
    (void)close(p[1]);
    char text[256] = "";
    int status = 0;
    assert_true(read(p[0], text, sizeof text - 1) > 0);
    assert_non_null(strstr(text, "\"event\":\"stuck\""));
    assert_true(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 1);
    (void)close(p[0]);
}

static void spares_an_answered_one(void **state)
{
    (void)state;
    cs_watchdog_arm(1);
    cs_watchdog_disarm();
    assert_int_equal(sleep(2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_a_stuck_process),
        cmocka_unit_test(spares_an_answered_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
