/* witnesses of a policy: an accepting and a refusing row for every key. The document around the section is
 * the example of docs/policy.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/base/io.h"
#include "proxy/policy/policy.h"

static const char *docs_path;
static char *example;

static int read_example(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_note note = { "" };
    assert_true(cs_ok(cs_read_file(docs_path, 1024 * 1024, &text, &note)));
    cs_buf_put_u8(&text, 0);
    char *at = strstr((char *)text.at, "```yaml\n");
    assert_non_null(at);
    at += 8;
    char *end = strstr(at, "```\n");
    assert_non_null(end);
    example = strndup(at, (size_t)(end - at));
    return example == NULL;
}

static int free_example(void **state)
{
    (void)state;
    free(example);
    return 0;
}

#define V1             "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"
#define V1_BAD_ID      "witness.example/w1+df1c0a36+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"
#define LOG            "ca.example/countersign-audit+98267374+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
#define ORIGIN         "ledger:\n  origin: ca.example/audit\n"
#define ROW(vkey, url) "    - vkey: \"" vkey "\"\n      url: \"" url "\"\n"
#define SECTION(quorum, require, rows) \
    "witnesses:\n  quorum: " quorum "\n  require: " require "\n  list:\n" rows
#define GOOD ROW(V1, "http://w.example:8080/a")

static char v2[256]; /* another witness */

static void make_second(void)
{
    const uint8_t key[CS_ED25519_LEN] = { 7 };
    struct cs_tlog_key k;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    assert_true(cs_ok(cs_tlog_key_make(cs_span_str("witness.example/w2"), CS_TLOG_COSIGNATURE, key, &k)));
    cs_tlog_vkey_put(&b, &k);
    (void)snprintf(v2, sizeof v2, "    - vkey: \"%.*s\"\n      url: \"https://w2.example\"\n", (int)b.len,
                   (const char *)b.at);
}

static cs_result load(const char *rest, const char *more, struct cs_policy **out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    cs_buf_printf(&text, "%s%s%s", example, rest, more);
    return cs_policy_load(cs_buf_span(&text), out, note);
}

static void accepts(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool second;
        uint32_t n, quorum, within_s;
        enum cs_witness_require require;
    } rows[] = {
        { ORIGIN, false, 0, 0, 0, CS_WITNESS_NOT_REQUIRED },
        { ORIGIN SECTION("1", "no", GOOD), false, 1, 1, 0, CS_WITNESS_NOT_REQUIRED },
        { ORIGIN SECTION("1", "before_answer", GOOD), true, 2, 1, 0, CS_WITNESS_BEFORE_ANSWER },
        { ORIGIN SECTION("2", "before_answer", GOOD), true, 2, 2, 0, CS_WITNESS_BEFORE_ANSWER },
        { ORIGIN SECTION("1", "{within_s: 2}", GOOD), false, 1, 1, 2, CS_WITNESS_WITHIN },
        { ORIGIN SECTION("1", "{within_s: 86400}", GOOD), false, 1, 1, 86400, CS_WITNESS_WITHIN },
        { ORIGIN SECTION("1", "no", ROW(V1, "https://[::1]")), false, 1, 1, 0, CS_WITNESS_NOT_REQUIRED },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_policy *p = NULL;
        struct cs_note note = { "" };
        if (!cs_ok(load(rows[i].text, rows[i].second ? v2 : "", &p, &note)))
            fail_msg("row %zu: %s", i, note.text);
        const struct cs_witnesses_policy *w = &p->witnesses;
        assert_true(w->n == rows[i].n && w->quorum == rows[i].quorum && w->within_s == rows[i].within_s);
        assert_int_equal(w->require, rows[i].require);
        if (w->n != 0)
            assert_string_equal(w->witness[0].key.name, "witness.example/w1");
        cs_policy_free(p);
    }
}

static void refuses(void **state)
{
    (void)state;
    const struct {
        const char *text, *says;
    } rows[] = {
        { SECTION("1", "no", GOOD), "origin" },
        { ORIGIN SECTION("0", "no", GOOD), "quorum" },
        { ORIGIN SECTION("2", "no", GOOD), "more than the 1 witnesses" },
        { ORIGIN SECTION("1", "yes", GOOD), "before_answer" },
        { ORIGIN SECTION("1", "{within_s: 1}", GOOD), "within_s" },
        { ORIGIN SECTION("1", "{within_s: 86401}", GOOD), "within_s" },
        { ORIGIN SECTION("1", "{}", GOOD), "within_s" },
        { ORIGIN "witnesses:\n  quorum: 1\n  list:\n" GOOD, "require" },
        { ORIGIN "witnesses:\n  quorum: 1\n  require: no\n  list: []\n", "list" },
        { ORIGIN SECTION("1", "no", ROW(V1_BAD_ID, "http://w.example")), "vkey" },
        { ORIGIN SECTION("1", "no", ROW(LOG, "http://w.example")), "key of a log" },
        { ORIGIN SECTION("1", "no", GOOD GOOD), "counts once" },
        { ORIGIN SECTION("1", "no", ROW(V1, "ftp://w.example")), "url" },
        { ORIGIN SECTION("1", "no", ROW(V1, "http://")), "url" },
        { ORIGIN SECTION("1", "no", ROW(V1, "http:///a")), "url" },
        { ORIGIN SECTION("1", "no", ROW(V1, "http://w.example/")), "url" },
        { ORIGIN SECTION("1", "no", ROW(V1, "http://u@w.example")), "url" },
        { ORIGIN SECTION("1", "no", ROW(V1, "http://w.example/?a")), "url" },
        { ORIGIN SECTION("1", "no", ROW(V1, "http://w.example/#a")), "url" },
        { ORIGIN SECTION("1", "no", ROW(V1, "http://w example")), "url" },
        { ORIGIN SECTION("1", "no", "    - vkey: \"" V1 "\"\n"), "url" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_policy *p = NULL;
        struct cs_note note = { "" };
        if (!cs_is(load(rows[i].text, "", &p, &note), CS_NUM_CONFIG))
            fail_msg("row %zu is accepted", i);
        if (strstr(note.text, rows[i].says) == NULL)
            fail_msg("row %zu: '%s' does not say '%s'", i, note.text, rows[i].says);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
    };
    if (argc != 2)
        return 2;
    docs_path = argv[1];
    make_second();
    return cmocka_run_group_tests(tests, read_example, free_example);
}
