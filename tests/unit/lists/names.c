/* Public suffixes, base domains, top-level domains, onion labels; with the corpus, the PSL's own tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/lists/lists.h"
#include "tests/unit/lists/files.h"

static const char *corpus;

static struct cs_lists *lists_of(struct cs_span psl, const char *tld)
{
    struct cs_lists_config c = { .public_suffix = { .max_age_s = 86400 },
                                 .tld = { .max_age_s = UINT32_MAX } };
    struct cs_lists *l = NULL;
    struct cs_note note = { "" };
    int64_t now = cs_time_from_civil(2026, 11, 21, 0, 0, 0);
    c.public_suffix.path = files_put(0, psl, now);
    c.public_suffix.accept_stale = "whatever its own date is";
    if (tld != NULL)
        c.tld.path = files_put(1, cs_span_str(tld), now);
    if (!cs_ok(cs_lists_open(&c, now, &l, &note)))
        fail_msg("%s", note.text);
    return l;
}

static void is_text(const char *what, const char *name, struct cs_span got, const char *wanted)
{
    if (!cs_span_is(got, wanted))
        fail_msg("%s of %s: '%.*s', wanted '%s'", what, name, (int)got.len,
                 got.at != NULL ? (const char *)got.at : "", wanted);
}

static void suffixes(void **state)
{
    (void)state;
    struct cs_lists *l =
        lists_of(cs_span_str(PSL_HEAD "com\nuk\nco.uk\njp\n*.kobe.jp\n!city.kobe.jp\n*.ck\n!www.ck\nco.za\n"
                                      "рф\nа.рф\n" PSL_TAIL "// ===BEGIN PRIVATE DOMAINS===\nhosting.com\n"
                                      "// ===END PRIVATE DOMAINS===\n"),
                 NULL);
    static const struct {
        const char *name, *suffix, *base; /* "" : none */
        bool tld;
    } rows[] = {
        { "com", "com", "", true },
        { "example.com", "com", "example.com", true },
        { "www.Example.COM", "COM", "Example.COM", true },
        { "a.b.c.example.com", "com", "example.com", true },
        { "a.hosting.com", "com", "hosting.com", true },
        { "co.uk", "co.uk", "", true },
        { "a.co.uk", "co.uk", "a.co.uk", true },
        { "x.a.co.uk", "co.uk", "a.co.uk", true },
        { "co.uk.com", "com", "uk.com", true },
        { "kobe.jp", "kobe.jp", "", true }, /* libpsl: whoever has *.x has x */
        { "a.kobe.jp", "a.kobe.jp", "", true },
        { "b.a.kobe.jp", "a.kobe.jp", "b.a.kobe.jp", true },
        { "city.kobe.jp", "kobe.jp", "city.kobe.jp", true },
        { "a.city.kobe.jp", "kobe.jp", "city.kobe.jp", true },
        { "ck", "ck", "", true },
        { "x.ck", "x.ck", "", true },
        { "www.ck", "ck", "www.ck", true },
        { "za", "za", "", true },
        { "a.co.za", "co.za", "a.co.za", true },
        { "co", "co", "", false },
        { "xn--p1ai", "xn--p1ai", "", true },
        { "a.xn--80a.xn--p1ai", "xn--80a.xn--p1ai", "a.xn--80a.xn--p1ai", true },
        { "example", "example", "", false }, /* the rule for everything */
        { "a.example", "example", "a.example", false },
        { "b.a.example", "example", "a.example", false },
        { "comm", "comm", "", false },
        { "_dmarc.example.com", "com", "example.com", true },
        { "", "", "", false },
        { ".", "", "", false },
        { ".com", "", "", false },
        { "com.", "", "", false },
        { "a..com", "", "", false },
        { "*.com", "", "", false },
        { "a b.com", "", "", false },
        { "рф", "", "", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_span name = cs_span_str(rows[i].name);
        is_text("suffix", rows[i].name, cs_lists_public_suffix(l, name), rows[i].suffix);
        is_text("base domain", rows[i].name, cs_lists_base_domain(l, name), rows[i].base);
        assert_int_equal(cs_lists_is_public_suffix(l, name),
                         rows[i].suffix[0] != '\0' && strcmp(rows[i].suffix, rows[i].name) == 0);
        if (cs_lists_tld_known(l, name) != rows[i].tld)
            fail_msg("%s: top-level domain %s", rows[i].name, rows[i].tld ? "unknown" : "known");
    }
    char name[300];
    memset(name, 'a', sizeof name);
    memcpy(name + 249, ".com", 4);
    assert_true(cs_lists_tld_known(l, cs_span_of(name, 253)));
    memcpy(name + 249, "a.com", 5);
    assert_false(cs_lists_tld_known(l, cs_span_of(name, 254)));
    assert_int_equal(cs_lists_base_domain(l, cs_span_of(name, 254)).len, 0);
    assert_false(cs_lists_tld_known(l, cs_span_of("a\0.com", 6)));
    cs_lists_close(l);
}

/* A root zone list is believed rather than the suffixes. */
static void root_zone(void **state)
{
    (void)state;
    struct cs_lists *l = lists_of(cs_span_str(PSL_HEAD "com\ngone\n" PSL_TAIL),
                                  "# Version 2026112100, Last Updated\nNEW\nCOM\nXN--P1AI\n");
    static const struct {
        const char *name;
        bool known;
    } rows[] = { { "a.com", true },      { "a.new", true }, { "A.NEW", true },  { "a.gone", false },
                 { "a.xn--p1ai", true }, { "a.ne", false }, { "a.news", false } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(cs_lists_tld_known(l, cs_span_str(rows[i].name)), rows[i].known);
    cs_lists_close(l);
}

static void onion_labels(void **state)
{
    (void)state;
    /* rend-spec-v3 names these as examples */
    static const char *const good[] = { "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd",
                                        "sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd",
                                        "xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd" };
    for (size_t i = 0; i < 3; i++) {
        char label[57];
        strcpy(label, good[i]);
        assert_true(cs_onion_label_is_v3(cs_span_str(label)));
        for (size_t k = 0; k < 56; k++) {
            char kept = label[k];
            label[k] = (char)(kept - 'a' + 'A');
            if (kept >= 'a')
                assert_true(cs_onion_label_is_v3(cs_span_str(label)));
            label[k] = kept == 'a' ? 'b' : 'a';
            assert_false(cs_onion_label_is_v3(cs_span_str(label)));
            label[k] = '1';
            assert_false(cs_onion_label_is_v3(cs_span_str(label)));
            label[k] = kept;
        }
        assert_false(cs_onion_label_is_v3(cs_span_of(label, 55)));
        assert_false(cs_onion_label_is_v3(cs_span_of(label, 57)));
    }
    assert_false(cs_onion_label_is_v3(cs_span_str("")));
}

/* ---- the list's own tests ---- */

static bool unpack(const char *path, struct cs_buf *out)
{
    char command[4200];
    (void)snprintf(command, sizeof command, "gzip -dc -- '%s'", path);
    FILE *p = popen(command, "r");
    bool good = p != NULL && cs_ok(cs_read_fd(fileno(p), 8 << 20, out));
    return p != NULL && pclose(p) == 0 && good;
}

/* Their cases count both sections: the private one is put under the ICANN markers for them. */
static void join_sections(struct cs_buf *psl)
{
    cs_buf_put_u8(psl, 0);
    char *text = (char *)psl->at;
    char *end = strstr(text, "// ===END ICANN"), *last = strstr(text, "// ===END PRIVATE");
    assert_true(end != NULL && last != NULL && last > end);
    memcpy(end, "// no", 5);
    memcpy(last, "// ===END ICANN DOMAINS===\n", strlen("// ===END ICANN DOMAINS===\n"));
    psl->len--;
}

static bool plain(const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            return false;
    return name[0] != '.';
}

static unsigned agree(struct cs_lists *l, const char *name, const char *wanted, unsigned *n_other_form)
{
    if (!plain(name) || strcmp(name, "null") == 0) {
        ++*n_other_form; /* U-labels and a leading dot are no dNSName: T17 */
        assert_int_equal(cs_lists_base_domain(l, cs_span_str(name)).len, 0);
        return 0;
    }
    struct cs_span got = cs_lists_base_domain(l, cs_span_str(name));
    size_t len = strcmp(wanted, "null") == 0 ? 0 : strlen(wanted);
    if (got.len != len || (len != 0 && strncasecmp((const char *)got.at, wanted, len) != 0))
        fail_msg("%s: '%.*s', wanted %s", name, (int)got.len, got.at != NULL ? (const char *)got.at : "",
                 wanted);
    return 1;
}

static void tests_of_the_list(void **state)
{
    (void)state;
    char path[4096];
    CS_AUTO_BUF struct cs_buf psl = { 0 }, tests = { 0 }, cases = { 0 };
    if (corpus == NULL)
        skip();
    (void)snprintf(path, sizeof path, "%s/names/public_suffix_list.dat.gz", corpus);
    assert_true(unpack(path, &psl));
    (void)snprintf(path, sizeof path, "%s/names/tests.txt", corpus);
    assert_true(cs_ok(cs_read_file(path, 1 << 20, &tests, NULL)));
    (void)snprintf(path, sizeof path, "%s/names/test_psl.txt", corpus);
    assert_true(cs_ok(cs_read_file(path, 1 << 20, &cases, NULL)));
    cs_buf_put_u8(&tests, 0);
    cs_buf_put_u8(&cases, 0);
    struct cs_lists *icann = lists_of(cs_buf_span(&psl), NULL);
    join_sections(&psl);
    struct cs_lists *both = lists_of(cs_buf_span(&psl), NULL);
    unsigned n = 0, n_other_form = 0, n_cases = 0;
    char name[256], wanted[256], *rest;
    for (char *line = strtok_r((char *)tests.at, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        if (line[0] != '/' && sscanf(line, "%255s %255s", name, wanted) == 2)
            n += agree(both, name, wanted, &n_other_form);
    for (char *line = strtok_r((char *)cases.at, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "checkPublicSuffix('%255[^']', '%255[^']'", name, wanted) == 2)
            n_cases += agree(both, name, wanted, &n_other_form);
        else if (sscanf(line, "checkPublicSuffix('%255[^']', null", name) == 1)
            n_cases += agree(both, name, "null", &n_other_form);
    }
    print_message("tests.txt: %u agree; test_psl.txt: %u agree; %u names are no dNSName\n", n, n_cases,
                  n_other_form);
    assert_true(n > 50 && n_cases > 50);
    /* a private suffix is one for both sections together, and a registered domain for ICANN's */
    assert_true(cs_lists_is_public_suffix(both, cs_span_str("blogspot.com")) ||
                cs_lists_is_public_suffix(both, cs_span_str("github.io")));
    assert_false(cs_lists_is_public_suffix(icann, cs_span_str("github.io")));
    is_text("base domain", "a.github.io", cs_lists_base_domain(icann, cs_span_str("a.github.io")),
            "github.io");
    cs_lists_close(icann);
    cs_lists_close(both);
}

int main(int argc, char **argv)
{
    corpus = argc > 1 && argv[1][0] != '\0' ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes),
        cmocka_unit_test(root_zone),
        cmocka_unit_test(onion_labels),
        cmocka_unit_test(tests_of_the_list),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
