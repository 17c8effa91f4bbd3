/* Linting from the command line: the certificate, what linters print, and programs that misbehave. */
#include <openssl/x509.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/limited.h"
#include "client/cli/lint_certificate.h"
#include "client/cli/lint_report.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/der/tbs.h"
#include "tests/unit/cli/house.h"

#define N_OF(array) (sizeof(array) / sizeof *(array))

/* ---- the certificate ---- */

static void make_tbs(const char *curve)
{
    make_ca(curve);
    make_csr("DNS:www.example.com", false);
    expect(0, "tbs", "from-csr", "--issuer-cert", "ca.pem", "--csr", "leaf.csr", "--days", "90", "--profile",
           "dv", "--crl-url", "http://c.example/1.crl", "--out", "leaf.tbs", NULL);
}

static void certificate_holds_the_tbs(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int min_len, max_len;
    } rows[] = { { "P-256", 70, 72 }, { "P-384", 102, 104 }, { "P-521", 136, 139 }, { "RSA", 256, 256 } };
    for (size_t i = 0; i < N_OF(rows); i++) {
        CS_AUTO_BUF struct cs_buf tbs = { 0 }, der = { 0 };
        make_tbs(rows[i].key);
        expect(0, "lint-request", "--tbs", "leaf.tbs", "--out", "lint.der", NULL);
        expect(0, "lint-request", "--tbs", "leaf.tbs", "--out", "lint.pem", NULL);
        struct cs_span whole = get_file("lint.der", &der), inner, algorithm, signature;
        assert_true(cs_ok(cs_certificate_parse(whole, &inner, &algorithm, &signature, NULL)));
        assert_true(cs_span_eq(inner, get_file("leaf.tbs", &tbs)));
        const unsigned char *at = whole.at;
        X509 *x = d2i_X509(NULL, &at, (long)whole.len); /* a second opinion */
        assert_non_null(x);
        const ASN1_BIT_STRING *sig;
        const X509_ALGOR *outer;
        X509_get0_signature(&sig, &outer, x);
        assert_in_range(sig->length, rows[i].min_len, rows[i].max_len);
        assert_int_equal(X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(x)), 0);
        if (rows[i].key[0] == 'P') {
            const unsigned char *s = sig->data;
            ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &s, sig->length);
            assert_true(pair != NULL && s == sig->data + sig->length);
            ECDSA_SIG_free(pair);
        }
        EVP_PKEY *key = X509_get0_pubkey(x);
        assert_int_not_equal(X509_verify(x, key), 1);
        X509_free(x);
        expect(0, "tbs", "show", "--certificate", "lint.pem", NULL);
    }
    put_file("junk", "junk");
    expect(1, "lint-request", "--tbs", "junk", "--out", "gone", NULL);
    assert_int_equal(access("gone", F_OK), -1);
    expect(2, "lint-request", "--tbs", "no-such-file", "--out", "gone", NULL);
    expect(2, "lint-request", "--out", "gone", NULL);
    expect(2, "lint-request", "--tbs", "leaf.tbs", "--key", "k", "--out", "gone", NULL);
    expect(2, "lint-request", "--tbs", "leaf.tbs", "--out", "gone", "word", NULL);
    expect(2, "lint-request", "--tbs", "leaf.tbs", "--exec", "--out", "gone", "--", "true", NULL);
    assert_int_equal(access("gone", F_OK), -1);
}

/* ---- what linters print ---- */

static void report_rows(void **state)
{
    (void)state;
    static const struct {
        enum cs_lint_form form;
        const char *text;
        bool ok;
        uint32_t fatals, errors, warnings, notices, passes;
        size_t n_names;
    } rows[] = {
        { CS_LINT_ZLINT, "{\"e_a\":{\"result\":\"pass\"}}", true, 0, 0, 0, 0, 1, 0 },
        { CS_LINT_ZLINT,
          "{\"e_a\":{\"result\":\"fatal\"},\"e_b\":{\"result\":\"error\",\"details\":\"x\"},"
          "\"w_c\":{\"result\":\"warn\"},\"n_d\":{\"result\":\"info\"},\"e_f\":{\"result\":\"NA\"},"
          "\"e_g\":{\"result\":\"NE\"},\"e_h\":{\"result\":\"pass\"}}\n",
          true, 1, 1, 1, 1, 1, 3 },
        { CS_LINT_ZLINT, "{}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"e_a\":{\"result\":\"NA\"}}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"e_a\":{\"result\":\"Pass\"}}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"e_a\":{\"result\":\"reserved\"}}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"e_a\":{\"result\":1}}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"e_a\":\"pass\"}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"e_a\":{\"result\":\"error\"},\"e_a\":{\"result\":\"pass\"}}", false, 0, 0, 0, 0,
          0, 0 },
        { CS_LINT_ZLINT, "{\"e_a\":{\"result\":\"error\",\"result\":\"pass\"}}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"e a\":{\"result\":\"pass\"}}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"\":{\"result\":\"pass\"}}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "{\"e_a\":{\"result\":\"pass\"}}{\"e_a\":{\"result\":\"pass\"}}", false, 0, 0, 0, 0,
          0, 0 },
        { CS_LINT_ZLINT, "", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "[]", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_ZLINT, "ok", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_PKILINT, "{\"results\":[]}", true, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_PKILINT,
          "{\"results\":[{\"node_path\":\"certificate\",\"validator\":\"V\",\"finding_descriptions\":["
          "{\"severity\":\"ERROR\",\"code\":\"a.b\",\"message\":null},"
          "{\"severity\":\"ERROR\",\"code\":\"a.b\",\"message\":\"again\"},"
          "{\"severity\":\"NOTICE\",\"code\":\"c\",\"message\":null}]},"
          "{\"finding_descriptions\":[{\"severity\":\"WARNING\",\"code\":\"d\"}]}]}",
          true, 0, 2, 1, 1, 0, 2 },
        { CS_LINT_PKILINT, "{}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_PKILINT, "{\"results\":{}}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_PKILINT, "{\"results\":[],\"more\":1}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_PKILINT, "{\"results\":[{}]}", false, 0, 0, 0, 0, 0, 0 },
        { CS_LINT_PKILINT,
          "{\"results\":[{\"finding_descriptions\":[{\"severity\":\"BAD\",\"code\":\"a\"}]}]}", false, 0, 0,
          0, 0, 0, 0 },
        { CS_LINT_PKILINT, "{\"results\":[{\"finding_descriptions\":[{\"severity\":\"ERROR\"}]}]}", false, 0,
          0, 0, 0, 0, 0 },
        { CS_LINT_PKILINT, "{\"e_a\":{\"result\":\"pass\"}}", false, 0, 0, 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct cs_lint_report r = { 0 };
        struct cs_note note = { "" };
        bool ok = cs_ok(cs_lint_report_read(rows[i].form, cs_span_str(rows[i].text), &r, &note));
        if (ok != rows[i].ok || r.fatals != rows[i].fatals || r.errors != rows[i].errors ||
            r.warnings != rows[i].warnings || r.notices != rows[i].notices || r.passes != rows[i].passes ||
            json_array_size(r.findings) != rows[i].n_names || (!ok && note.text[0] == '\0'))
            fail_msg("%s: %s", rows[i].text, note.text);
        cs_lint_report_done(&r);
    }
    assert_int_equal(cs_lint_form_of("zlint"), CS_LINT_ZLINT);
    assert_int_equal(cs_lint_form_of("Zlint"), CS_LINT_NONE);
}

/* ---- programs ---- */

static const struct cs_run_limits quick = {
    .timeout_s = 1,
    .cpu_s = 10,
    .memory_max_len = UINT64_C(1) << 30,
    .file_max_len = 65536,
    .n_processes = 1024,
    .n_files = 32,
    .out_max_len = 10000,
};

static struct cs_ran run_script(const char *script, struct cs_buf *out, struct cs_buf *err)
{
    const char *const words[] = { "/bin/sh", "-c", script, NULL };
    struct cs_ran how = { 0 };
    put_file("input", "the input");
    assert_true(cs_ok(cs_run_limited(words, "input", &quick, out, err, &how)));
    return how;
}

static void programs_are_limited(void **state)
{
    (void)state;
    static const struct {
        const char *row, *script;
        enum cs_ran_how how;
        int value;
        const char *out;
    } rows[] = {
        { "output", "echo a; echo b >&2", CS_RAN_EXITED, 0, "a\n" },
        { "exit code", "exit 3", CS_RAN_EXITED, 3, "" },
        { "standard input", "cat", CS_RAN_EXITED, 0, "the input" },
        { "environment", "/usr/bin/env | cut -d= -f1 | grep -v -e PWD -e SHLVL -e '^_$'", CS_RAN_EXITED, 0,
          "PATH\n" },
        { "a signal", "kill -9 $$", CS_RAN_KILLED, SIGKILL, "" },
        { "late", "sleep 20", CS_RAN_LATE, 0, NULL },
        { "deaf and late", "trap '' TERM INT HUP; sleep 20; sleep 20", CS_RAN_LATE, 0, NULL },
        { "closed and late", "exec >&- 2>&- <&-; sleep 20", CS_RAN_LATE, 0, NULL },
        { "talkative", "yes", CS_RAN_TALKATIVE, 0, NULL },
        { "exactly what is allowed", "head -c 10000 /dev/zero | tr '\\0' x", CS_RAN_EXITED, 0, NULL },
        { "one byte more", "head -c 10001 /dev/zero | tr '\\0' x", CS_RAN_TALKATIVE, 0, NULL },
        { "talkative elsewhere", "head -c 300000 /dev/zero >&2", CS_RAN_EXITED, 0, "" },
        { "a large file", "head -c 70000 /dev/zero > big 2>/dev/null || echo no", CS_RAN_EXITED, 0, "no\n" },
        { "core files", "ulimit -c", CS_RAN_EXITED, 0, "0\n" },
        { "files", "ulimit -n", CS_RAN_EXITED, 0, "32\n" },
        { "descriptors", "ls /proc/self/fd | wc -l", CS_RAN_EXITED, 0, "4\n" /* ls itself opens one */ },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        CS_AUTO_BUF struct cs_buf out = { 0 }, err = { 0 };
        int64_t start_ms = cs_clock_mono_ms();
        struct cs_ran how = run_script(rows[i].script, &out, &err);
        if (how.how != rows[i].how || how.value != rows[i].value ||
            (rows[i].out != NULL && !cs_span_is(cs_buf_span(&out), rows[i].out)))
            fail_msg("%s: how %d, value %d, '%.*s'", rows[i].row, (int)how.how, how.value, (int)out.len,
                     out.at);
        assert_true(cs_clock_mono_ms() - start_ms < 10000);
        assert_true(err.len <= 4096 && out.len <= quick.out_max_len);
    }
}

static void nobody_of_the_group_is_left(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf out = { 0 }, err = { 0 };
    struct cs_ran how = run_script("sleep 1000 & echo $!", &out, &err);
    assert_int_equal(how.how, CS_RAN_EXITED);
    cs_buf_put_u8(&out, 0);
    pid_t left = (pid_t)atoi((const char *)out.at);
    assert_true(left > 1);
    for (int i = 0; i < 500 && kill(left, 0) == 0; i++) { /* until init has reaped it, or it is a zombie */
        char path[64];
        CS_AUTO_BUF struct cs_buf stat = { 0 };
        snprintf(path, sizeof path, "/proc/%d/stat", (int)left);
        if (!cs_ok(cs_read_file(path, 4096, &stat, NULL)))
            break;
        cs_buf_put_u8(&stat, 0);
        if (strstr((const char *)stat.at, ") Z ") != NULL)
            break;
        assert_true(i < 499);
        usleep(10000);
    }
}

static void absent_programs(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf out = { 0 }, err = { 0 };
    struct cs_ran how = { 0 };
    char room[96];
    put_file("input", "");
    put_file("plain", "no program");
    static const char *const names[] = { "/no/such/linter", "no-such-linter-in-the-path", "./plain", "/tmp" };
    for (size_t i = 0; i < N_OF(names); i++) {
        const char *const words[] = { names[i], NULL };
        assert_true(cs_ok(cs_run_limited(words, "input", &quick, &out, &err, &how)));
        assert_int_equal(how.how, CS_RAN_ABSENT);
        assert_non_null(strstr(cs_ran_text(&how, &quick, room), "it cannot be started: "));
    }
    const char *const sh[] = { "sh", "-c", "echo found", NULL }; /* through PATH */
    assert_false(cs_ok(cs_run_limited(sh, "no-input", &quick, &out, &err, &how)));
    assert_true(cs_ok(cs_run_limited(sh, "input", &quick, &out, &err, &how)));
    assert_true(cs_span_is(cs_buf_span(&out), "found\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_holds_the_tbs), cmocka_unit_test(report_rows),
        cmocka_unit_test(programs_are_limited),      cmocka_unit_test(nobody_of_the_group_is_left),
        cmocka_unit_test(absent_programs),
    };
    return cmocka_run_group_tests(tests, house_enter, house_leave);
}
