/* Opening: ages at the second, headers, what each kind of file refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proxy/base/clock.h"
#include "proxy/gate/lists/lists.h"
#include "tests/unit/lists/files.h"

#define PSL PSL_HEAD "com\nnet\n" PSL_TAIL
enum { PSL_SLOT, TLD_SLOT, KEYS_SLOT, DAY = 86400 };

static struct cs_note note;

static struct cs_lists *open_lists(struct cs_lists_config *c, int64_t now, bool ok)
{
    struct cs_lists *l = NULL;
    note.text[0] = '\0';
    cs_result r = cs_lists_open(c, now, &l, &note);
    if (cs_ok(r) != ok)
        fail_msg("%s: %s", ok ? "refused" : "accepted", note.text);
    assert_true(ok == (l != NULL));
    return l;
}

static void ages(void **state)
{
    (void)state;
    const int64_t day = cs_time_from_civil(2026, 11, 1, 0, 0, 0),
                  old = cs_time_from_civil(2020, 1, 1, 0, 0, 0);
    static const char sentence[] = "The test makes do with it.";
    const struct {
        const char *row, *psl, *tld;
        int64_t modified, now; /* of the PSL */
        bool stale_ok, ok;
    } rows[] = {
        { "modified, last second", PSL, NULL, day, day + 30 * DAY, false, true },
        { "modified, first second after", PSL, NULL, day, day + 30 * DAY + 1, false, false },
        { "said in words", PSL, NULL, day, day + 30 * DAY + 1, true, true },
        { "modified tomorrow", PSL, NULL, day, day - DAY, false, true },
        { "modified later", PSL, NULL, day, day - DAY - 1, false, false },
        { "modified later, whatever the words", PSL, NULL, day, day - DAY - 1, true, false },
        { "its own date counts", "// VERSION: 2026-11-01_07-00-00_UTC\n" PSL, NULL, old, day + 30 * DAY,
          false, true },
        { "its own date counts", "// VERSION: 2026-11-01_07-00-00_UTC\n" PSL, NULL, day + DAY,
          day + 30 * DAY + 1, false, false },
        { "a date that is none", "// VERSION: 2026-13-01_07-00-00_UTC\n" PSL, NULL, day, day + 30 * DAY,
          false, true },
        { "root zone, last second", PSL, "# Version 2026110100, Last Updated Sun Nov  1\nCOM\n", day,
          day + 7 * DAY, false, true },
        { "root zone, first second after", PSL, "# Version 2026110100, Last Updated Sun Nov  1\nCOM\n", day,
          day + 7 * DAY + 1, false, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_lists_config c = { .public_suffix = { .max_age_s = 30 * DAY },
                                     .tld = { .max_age_s = 7 * DAY } };
        c.public_suffix.path = files_put(PSL_SLOT, cs_span_str(rows[i].psl), rows[i].modified);
        if (rows[i].tld != NULL)
            c.tld.path = files_put(TLD_SLOT, cs_span_str(rows[i].tld), old);
        if (rows[i].stale_ok)
            c.public_suffix.accept_stale = sentence;
        struct cs_lists *l = open_lists(&c, rows[i].now, rows[i].ok);
        if (l != NULL) {
            const struct cs_list_state *s = &cs_lists_states(l)[CS_LIST_PUBLIC_SUFFIX];
            struct cs_sha256 digest = cs_sha256(cs_span_str(rows[i].psl));
            assert_memory_equal(&s->sha256, &digest, sizeof digest);
            assert_int_equal(s->dated_unix_s, day);
            assert_int_equal(s->n_entries, 2);
            assert_ptr_equal(s->accepted, rows[i].stale_ok ? sentence : NULL);
        }
        cs_lists_close(l);
    }
    assert_non_null(strstr(note.text, "7 days old; lists.tld allows 7"));
    cs_lists_close(NULL);
}

static void suffix_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *note; /* NULL: fine */
    } rows[] = {
        { PSL, NULL },
        { "// remark\n\n" PSL "// ===BEGIN PRIVATE DOMAINS===\nexample.com\n// ===END PRIVATE DOMAINS===\n",
          NULL },
        { PSL_HEAD "com   // a remark behind white space\n" PSL_TAIL, NULL },
        { PSL_HEAD "com\n// ===END ICANN DOMAINS===", NULL },
        { "", "no public suffix list" },
        { "com\nnet\n", "no public suffix list" },
        { PSL_HEAD PSL_TAIL, "no public suffix list" },
        { PSL_HEAD "com\n", "no public suffix list" },
        { PSL_TAIL "com\n" PSL_HEAD, "no public suffix list" },
        { PSL PSL, "no public suffix list" },
        { PSL_HEAD " com\n" PSL_TAIL, "line 2: a line begins with white space" },
        { PSL_HEAD "com\r\n" PSL_TAIL, "line 2: a rule holds a control character" },
        { PSL_HEAD "c\xff\n" PSL_TAIL, "line 2: a rule is not UTF-8" },
        { ".DAFSA@PSL_0   \n\x80\x81", "line 2: a rule is not UTF-8" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_lists_config c = { .public_suffix = { .max_age_s = DAY } };
        c.public_suffix.path = files_put(PSL_SLOT, cs_span_str(rows[i].text), 0);
        cs_lists_close(open_lists(&c, cs_clock_unix_s(), rows[i].note == NULL));
        if (rows[i].note != NULL && strstr(note.text, rows[i].note) == NULL)
            fail_msg("row %zu: %s", i, note.text);
    }
    char text[512] = PSL_HEAD; /* a rule at the limit, and one octet over it */
    size_t at = strlen(text);
    for (int over = 0; over < 2; over++) {
        memset(text + at, 'a', 200 + (size_t)over);
        strcpy(text + at + 200 + over, "\n" PSL_TAIL);
        struct cs_lists_config c = { .public_suffix = { .max_age_s = DAY } };
        c.public_suffix.path = files_put(PSL_SLOT, cs_span_str(text), 0);
        cs_lists_close(open_lists(&c, cs_clock_unix_s(), over == 0));
    }
}

static void other_files(void **state)
{
    (void)state;
    static const struct {
        enum cs_list_kind kind;
        const char *text, *note;
        uint64_t n_entries;
    } rows[] = {
        { CS_LIST_TLD, "# Version 2026110100, Last Updated\nCOM\nXN--P1AI\nb2\n", NULL, 3 },
        { CS_LIST_TLD, "# Version 2026110100\nCOM", NULL, 1 },
        { CS_LIST_TLD, "# Version 2026110100\n", "lists no top-level domain", 0 },
        { CS_LIST_TLD, "COM\n", "line 1: needed: # Version", 0 },
        { CS_LIST_TLD, "# Version 2026130100\nCOM\n", "line 1: needed: # Version", 0 },
        { CS_LIST_TLD, "# Version 20261101\nCOM\nA.B\n", "line 3: a label is made of", 0 },
        { CS_LIST_TLD, "# Version 20261101\nCOM\n\nNET\n", "line 3: a label has 1 to 63", 0 },
        { CS_LIST_TLD, "", "line 1: needed", 0 },
        { CS_LIST_COMPROMISED_KEYS, "", NULL, 0 },
        { CS_LIST_COMPROMISED_KEYS, "# none\n\n", NULL, 0 },
#define HEX64 "0123456789abcdefABCDEF01234567890123456789abcdefABCDEF0123456789"
        { CS_LIST_COMPROMISED_KEYS, HEX64, NULL, 1 },
        { CS_LIST_COMPROMISED_KEYS, "# two\n" HEX64 "\n" HEX64 " reported on 2026-11-02\n", NULL, 2 },
        { CS_LIST_COMPROMISED_KEYS, HEX64 "0\n", "line 1: white space separates", 0 },
        { CS_LIST_COMPROMISED_KEYS, HEX64 "\r\n", "line 1: white space separates", 0 },
        { CS_LIST_COMPROMISED_KEYS, "\n0123\n", "line 2: needed: SHA-256", 0 },
        { CS_LIST_COMPROMISED_KEYS, " " HEX64, "line 1: needed: SHA-256", 0 },
        { CS_LIST_WEAK_KEYS, "", "does not begin with CSWEAK01", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_lists_config c = { .public_suffix = { .max_age_s = DAY },
                                     .tld = { .max_age_s = 366 * DAY } };
        struct cs_list_source *sources[] = { &c.public_suffix, &c.tld, &c.debian_weak_keys,
                                             &c.compromised_keys };
        c.public_suffix.path =
            files_put(PSL_SLOT, cs_span_str(PSL), cs_time_from_civil(2026, 11, 2, 0, 0, 0));
        sources[rows[i].kind]->path = files_put(KEYS_SLOT, cs_span_str(rows[i].text), 0);
        struct cs_lists *l = open_lists(&c, cs_time_from_civil(2026, 11, 2, 0, 0, 0), rows[i].note == NULL);
        if (l != NULL)
            assert_int_equal(cs_lists_states(l)[rows[i].kind].n_entries, rows[i].n_entries);
        else if (strstr(note.text, rows[i].note) == NULL || strncmp(note.text, "/tmp/", 5) != 0)
            fail_msg("row %zu: %s", i, note.text);
        cs_lists_close(l);
    }
}

static void files_that_are_none(void **state)
{
    (void)state;
    struct cs_lists_config c = { .public_suffix = { .max_age_s = DAY } };
    cs_lists_close(open_lists(&c, 0, false));
    c.public_suffix.path = "/nowhere/list";
    cs_lists_close(open_lists(&c, 0, false));
    assert_non_null(strstr(note.text, "/nowhere/list: "));
    c.public_suffix.path = "/tmp";
    cs_lists_close(open_lists(&c, 0, false));
    assert_non_null(strstr(note.text, "not a regular file"));
    c.public_suffix.path = "/dev/zero";
    cs_lists_close(open_lists(&c, 0, false));
    assert_non_null(strstr(note.text, "not a regular file"));
}

static void compromised_keys(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_sha256 digest[64];
    for (uint8_t i = 0; i < 64; i++) {
        char hex[2 * CS_SHA256_LEN + 1];
        digest[i] = cs_sha256(cs_span_of(&i, 1));
        cs_hex(cs_sha256_span(&digest[i]), hex);
        if (i % 2 == 0)
            cs_buf_printf(&text, "%s\tkey %u\n", hex, i);
    }
    struct cs_lists_config c = { .public_suffix = { .max_age_s = DAY } };
    c.public_suffix.path = files_put(PSL_SLOT, cs_span_str(PSL), 0);
    struct cs_lists *l = open_lists(&c, cs_clock_unix_s(), true);
    assert_int_equal(cs_lists_compromised(l, &digest[0]), CS_LIST_UNCOVERED);
    cs_lists_close(l);
    c.compromised_keys.path = files_put(KEYS_SLOT, cs_buf_span(&text), 0);
    l = open_lists(&c, cs_clock_unix_s(), true);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(cs_lists_compromised(l, &digest[i]), i % 2 == 0 ? CS_LIST_PRESENT : CS_LIST_ABSENT);
    cs_lists_close(l);
    c.compromised_keys.path = files_put(KEYS_SLOT, cs_span_str(""), 0);
    l = open_lists(&c, cs_clock_unix_s(), true);
    assert_int_equal(cs_lists_compromised(l, &digest[0]), CS_LIST_ABSENT);
    cs_lists_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages),
        cmocka_unit_test(suffix_files),
        cmocka_unit_test(other_files),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(compromised_keys),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
