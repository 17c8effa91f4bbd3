/* The lists section: the documented example, and one fault at a time in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/io.h"
#include "proxy/policy/policy.h"

static char *good; /* the YAML of docs/policy.md */

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out = NULL;
    if (at == NULL)
        fail_msg("the document has no '%s'", from);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >= 0);
    return out;
}

static void documented(void **state)
{
    (void)state;
    struct cs_policy *p = NULL;
    struct cs_note note = { "" };
    if (!cs_ok(cs_policy_load(cs_span_str(good), &p, &note)))
        fail_msg("%s", note.text);
    const struct cs_lists_config *l = &p->lists;
    assert_string_equal(l->public_suffix.path, "/var/lib/countersign/lists/public_suffix_list.dat");
    assert_int_equal(l->public_suffix.max_age_s, 14 * 86400);
    assert_null(l->public_suffix.accept_stale);
    assert_int_equal(l->tld.max_age_s, 14 * 86400);
    assert_non_null(l->debian_weak_keys.path);
    assert_non_null(strstr(l->debian_weak_keys.accept_missing, "A. Smith"));
    assert_non_null(l->compromised_keys.path);
    assert_null(l->compromised_keys.accept_missing);
    cs_policy_free(p);
}

#define SUFFIX "public_suffix_list.dat\n    max_age_days: 14\n"
#define TLD    "  tld:\n    path: /var/lib/countersign/lists/tlds-alpha-by-domain.txt\n    max_age_days: 14\n"
#define WORDS  "\"RSA sizes other than 2048, 3072 and 4096 are refused by the RA: A. Smith, 2026-11-02.\""
#define KEYS   "    path: /var/lib/countersign/lists/compromised-keys.txt\n"

static void one_change_at_a_time(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *note; /* NULL: fine */
    } rows[] = {
        { TLD, "", NULL },
        { SUFFIX, SUFFIX "    accept_stale: The mirror is down.\n", NULL },
        { SUFFIX, SUFFIX "    accept_stale: Well,  well\n",
          "public_suffix.accept_stale: a sentence is needed" },
        { SUFFIX, SUFFIX "    accept_stale: true\n", "public_suffix.accept_stale: a sentence is needed" },
        { SUFFIX, SUFFIX "    accept_missing: There is none.\n",
          "public_suffix.accept_missing: unknown key" },
        { SUFFIX, "psl\n", "public_suffix: the key 'max_age_days' is missing" },
        { SUFFIX, "psl\n    max_age_days: 0\n", "public_suffix.max_age_days: 0; 1 to 366 are allowed" },
        { SUFFIX, "psl\n    max_age_days: 1\n", NULL },
        { SUFFIX, "psl\n    max_age_days: 366\n", NULL },
        { SUFFIX, "psl\n    max_age_days: 367\n", "public_suffix.max_age_days: 367; 1 to 366" },
        { "path: /var", "path: var", "public_suffix.path: a list is named by its absolute path" },
        { TLD, "  tld:\n    max_age_days: 14\n", "tld: the key 'path' is missing" },
        { WORDS, "There is none.", NULL },
        { WORDS, "no", "debian_weak_keys.accept_missing: a sentence is needed" },
        { "    accept_missing: " WORDS "\n", "", NULL },
        { KEYS, "    accept_missing: Nobody reported a key.\n", NULL },
        { KEYS, "    path: keys\n", "compromised_keys.path: a list is named by its absolute path" },
        { KEYS, "    accept_stale: It is an old one.\n", "compromised_keys.accept_stale: unknown key" },
        { KEYS, KEYS "    max_age_days: 14\n", "compromised_keys.max_age_days: unknown key; one of path" },
        { "  compromised_keys:\n" KEYS, "", "lists: the key 'compromised_keys' is missing" },
        { "  compromised_keys:\n" KEYS, "  compromised_keys: {}\n", "compromised_keys: needed: a path, or" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = replaced(good, rows[i].from, rows[i].to);
        struct cs_policy *p = NULL;
        struct cs_note note = { "" };
        cs_result r = cs_policy_load(cs_span_str(text), &p, &note);
        if (cs_ok(r) != (rows[i].note == NULL) || (!cs_ok(r) && strstr(note.text, rows[i].note) == NULL))
            fail_msg("row %zu: '%s'", i, note.text);
        cs_policy_free(p);
        free(text);
    }
}

/* An issuer for leaves needs lists; where there is none they may be left out. */
static void lists_are_for_leaves(void **state)
{
    (void)state;
    struct cs_policy *p = NULL;
    struct cs_note note = { "" };
    char *text = replaced(good, "lists:\n", "#");
    char *end = strstr(text, "#");
    *end = '\0';
    assert_true(cs_is(cs_policy_load(cs_span_str(text), &p, &note), CS_NUM_CONFIG));
    assert_non_null(strstr(note.text, "the key 'lists' is missing; an issuer with purpose leaf needs it"));
    char *other = replaced(text, "purposes: [leaf]", "purposes: [ca]");
    char *plain = replaced(other, "    caa_identities: [ca.example.com]\n", "");
    char *without = replaced(plain,
                             "    profiles: [domain-validated, organization-validated, extended-validation]\n"
                             "    ct:\n      required_scts: 2\n      logs: [oak2027h1, elm2027h1]\n      "
                             "distinct_operators: true\n",
                             "");
    if (!cs_ok(cs_policy_load(cs_span_str(without), &p, &note)))
        fail_msg("%s", note.text);
    assert_null(p->lists.public_suffix.path);
    cs_policy_free(p);
    free(without);
    free(plain);
    free(other);
    free(text);
}

int main(int argc, char **argv)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    if (argc != 2 || !cs_ok(cs_read_file(argv[1], 1 << 20, &text, NULL)))
        return 1;
    cs_buf_put_u8(&text, 0);
    char *start = strstr((char *)text.at, "```yaml\n");
    char *end = start != NULL ? strstr(start + 8, "```") : NULL;
    if (end == NULL)
        return 1;
    *end = '\0';
    good = start + 8;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented),
        cmocka_unit_test(one_change_at_a_time),
        cmocka_unit_test(lists_are_for_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
