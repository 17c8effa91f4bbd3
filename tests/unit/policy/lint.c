/* Versions, supersession of linter releases, coordinates and the table of perspectives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "countersign/v1/common.pb-c.h"
#include "proxy/base/clock.h"
#include "proxy/ipc/messages.h"
#include "proxy/policy/parts.h"

#define N_OF(array) (sizeof(array) / sizeof *(array))

static void versions(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int cmp;
    } rows[] = {
        { "3.6.8", "3.6.8", 0 }, { "v3.6.8", "3.6.8", 0 },
        { "3.6", "3.6.0.0", 0 }, { "3.10", "3.9", 1 },
        { "3.9.9", "3.10", -1 }, { "0.12.4", "0.12.03", 1 },
        { "2026", "2025.9", 1 }, { "1.2.3.4.5.6.7.8", "1.2.3.4.5.6.7.9", -1 },
        { "999999999", "0", 1 },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct cs_version a, b;
        assert_true(cs_version_parse(cs_span_str(rows[i].a), &a));
        assert_true(cs_version_parse(cs_span_str(rows[i].b), &b));
        assert_int_equal(cs_version_cmp(&a, &b), rows[i].cmp);
        assert_int_equal(cs_version_cmp(&b, &a), -rows[i].cmp);
    }
    static const char *const none[] = {
        "",    "v",     "3.",     ".3",     "3..6", "3.6.8-rc1",  "3.6.8+x",
        "vv3", "3.6.x", " 3.6.8", "3.6.8 ", "-3.6", "1000000000", "1.2.3.4.5.6.7.8.9"
    };
    for (size_t i = 0; i < N_OF(none); i++) {
        struct cs_version v = { { 77 } };
        if (cs_version_parse(cs_span_str(none[i]), &v) || v.number[0] != 77)
            fail_msg("'%s' was read", none[i]);
    }
}

static void supersession(void **state)
{
    (void)state;
    const struct cs_linter_release rows[] = {
        { .version = { { 1 } }, .released_unix_s = INT64_MIN, .superseded_unix_s = INT64_MAX },
        { .version = { { 2 } }, .released_unix_s = 500, .superseded_unix_s = INT64_MAX },
        { .version = { { 1, 5 } }, .released_unix_s = 300, .superseded_unix_s = 400 },
        { .version = { { 3 } }, .released_unix_s = INT64_MIN, .superseded_unix_s = INT64_MAX },
    };
    const struct cs_linter l = { .n_releases = N_OF(rows), .release = rows };
    assert_int_equal(cs_linter_superseded_unix_s(&l, &rows[0]), 300);
    assert_int_equal(cs_linter_superseded_unix_s(&l, &rows[2]), 400);
    assert_true(cs_linter_superseded_unix_s(&l, &rows[1]) == INT64_MAX); /* 3 came out on no known day */
    const struct cs_version v = { { 1, 5 } }, w = { { 1, 6 } };
    assert_ptr_equal(cs_linter_release_of(&l, &v), &rows[2]);
    assert_null(cs_linter_release_of(&l, &w));
}

static void degrees(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int32_t value;
    } rows[] = {
        { "0", true, 0 },
        { "-0.000001", true, -1 },
        { "52.37", true, 52370000 },
        { "90", true, 90000000 },
        { "-90.000000", true, -90000000 },
        { "90.000001", false, 0 },
        { "91", false, 0 },
        { "1.0000000", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "1.", false, 0 },
        { ".5", false, 0 },
        { "+1", false, 0 },
        { "1e1", false, 0 },
        { "99999999999999999999", false, 0 },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        int32_t got = 0;
        if (cs_microdegrees_of(cs_span_str(rows[i].text), 90, &got) != rows[i].ok || got != rows[i].value)
            fail_msg("'%s': %d", rows[i].text, got);
    }
}

/* ---- the section of the policy ---- */

static const char good[] = "lint:\n"
                           "  linters:\n"
                           "    - name: zlint\n"
                           "      versions:\n"
                           "        - version: 3.6.8\n"
                           "          released: 2026-03-01T00:00:00Z\n"
                           "        - version: v3.10\n"
                           "          released: 2026-10-01T00:00:00Z\n"
                           "          superseded_at: 2026-11-01T00:00:00Z\n"
                           "      not_before: 2026-04-01T00:00:00Z\n"
                           "    - name: pkilint\n"
                           "      min_version: 0.12.4\n"
                           "      not_after: 2027-04-01T00:00:00Z\n";

/* A policy of one issuer whose only other part is the section. */
static cs_result load(struct cs_policy *p, const char *text, struct cs_note *note)
{
    const struct cs_yaml_node *root;
    CS_TRY(cs_yaml_read(cs_span_str(text), 1 << 16, p->arena, &root, note));
    return cs_policy_read_lint(p, root, cs_span_is(root->first->key, "lint") ? root->first : NULL, note);
}

static void good_section(void **state)
{
    (void)state;
    static struct cs_policy p;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_note note = { "" };
    p = (struct cs_policy){ .arena = &arena };
    if (!cs_ok(load(&p, good, &note)))
        fail_msg("%s", note.text);
    const struct cs_linter *zlint = cs_policy_linter(&p, cs_span_str("zlint"));
    assert_ptr_equal(zlint, &p.lint.linter[0]);
    assert_int_equal(zlint->n_releases, 2);
    assert_int_equal(zlint->not_before_unix_s, cs_time_from_civil(2026, 4, 1, 0, 0, 0));
    assert_true(zlint->not_after_unix_s == INT64_MAX);
    assert_int_equal(zlint->release[1].version.number[1], 10);
    assert_int_equal(cs_linter_superseded_unix_s(zlint, &zlint->release[0]),
                     cs_time_from_civil(2026, 10, 1, 0, 0, 0)); /* the day the newer one came out */
    assert_int_equal(cs_linter_superseded_unix_s(zlint, &zlint->release[1]),
                     cs_time_from_civil(2026, 11, 1, 0, 0, 0));
    assert_int_equal(p.lint.linter[1].min_version.number[1], 12);
    assert_int_equal(p.lint.linter[1].n_releases, 0);
    assert_null(cs_policy_linter(&p, cs_span_str("Zlint")));

    p = (struct cs_policy){ .arena = &arena, .n_issuers = 1, .issuer = { { .purposes = CS_PURPOSE_CRL } } };
    assert_true(cs_ok(load(&p, "other: 1\n", &note)));
    p.issuer[0].purposes |= CS_PURPOSE_LEAF;
    assert_true(cs_is(load(&p, "other: 1\n", &note), CS_NUM_CONFIG));
    assert_string_equal(note.text, "line 1: the key 'lint' is missing; issuers with purpose leaf need it");
}

static void replace(char *text, size_t room, const char *from, const char *to)
{
    char *at = strstr(text, from);
    assert_non_null(at);
    assert_true(strlen(text) + strlen(to) < room);
    memmove(at + strlen(to), at + strlen(from), strlen(at) - strlen(from) + 1);
    memcpy(at, to, strlen(to));
}

static void one_fault_at_a_time(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *note;
    } rows[] = {
        { "linters", "linter", "line 2: lint.linter: unknown key; one of linters" },
        { "- name", "- nam", "line 3: lint.linters[0].nam: unknown key; one of name" },
        { "name: pkilint", "name: zlint", "line 11: lint.linters[1].name: linters[0] has this name" },
        { "3.6.8", "3.6.8-rc1", "line 5: lint.linters[0].versions[0].version: '3.6.8-rc1' is not a version" },
        { "v3.10", "3.6.8.0",
          "line 7: lint.linters[0].versions[1].version: versions[0] is the same version" },
        { "2026-11-01", "2026-10-01", "line 9: lint.linters[0].versions[1].superseded_at: not later than" },
        { "2026-11-01T00:00:00Z", "2026-11-01", "line 9: lint.linters[0].versions[1].superseded_at: " },
        { "      min_version: 0.12.4\n", "", "line 11: lint.linters[1]: none of versions and min_version" },
        { "      not_before: 2026-04-01T00:00:00Z\n", "      min_version: 3.6\n",
          "line 3: lint.linters[0]: both of versions and min_version" },
        { "0.12.4", "newest", "line 12: lint.linters[1].min_version: 'newest' is not a version" },
        { "not_after: 2027-04-01T00:00:00Z",
          "not_after: 2026-04-01T00:00:00Z\n      not_before: 2026-04-01T00:00:00Z",
          "line 13: lint.linters[1].not_after: not later than not_before" },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        static struct cs_policy p;
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_note note = { "" };
        char text[2048];
        memcpy(text, good, sizeof good);
        replace(text, sizeof text, rows[i].from, rows[i].to);
        p = (struct cs_policy){ .arena = &arena };
        if (!cs_is(load(&p, text, &note), CS_NUM_CONFIG) ||
            strncmp(note.text, rows[i].note, strlen(rows[i].note)) != 0)
            fail_msg("'%s': '%s', wanted '%s'", rows[i].to, note.text, rows[i].note);
    }
}

/* ---- perspectives ---- */

static void site_rows(void **state)
{
    (void)state;
    static const char two[] = "perspectives:\n  - code: eu-west-1\n    id: dub\n    rir: ripe_ncc\n"
                              "    latitude: 53.35\n    longitude: -6.26\n  - code: sa-east-1\n    id: gru\n"
                              "    rir: lacnic\n    latitude: -23.5\n    longitude: -46.633309\n"
                              "    operator: example cloud\n";
    static const struct {
        const char *from, *to, *note;
    } rows[] = {
        { "sa-east-1", "eu-west-1", "line 7: perspectives[1].code: perspectives[0] has this code" },
        { "id: gru", "id: dub", "line 8: perspectives[1].id: perspectives[0] has this id" },
        { "rir: lacnic", "rir: iana", "line 9: perspectives[1].rir: 'iana' is no registry; one of afrinic" },
        { "-23.5", "-90.1", "line 10: perspectives[1].latitude: '-90.1'; needed: degrees from -90 to 90" },
        { "-6.26", "180.0000001", "line 6: perspectives[0].longitude: '180.0000001'; needed: degrees" },
        { "    rir: lacnic\n", "", "line 7: perspectives[1]: the key 'rir' is missing" },
    };
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_note note = { "" };
    struct cs_sites sites;
    assert_true(cs_ok(cs_sites_load(cs_span_str(two), &arena, &sites, &note)));
    const struct cs_site *gru = cs_site_of_code(&sites, cs_span_str("sa-east-1"));
    assert_int_equal(sites.n, 2);
    assert_int_equal(gru->rir, COUNTERSIGN__V1__RIR__RIR_LACNIC);
    assert_int_equal(gru->latitude_microdegrees, -23500000);
    assert_int_equal(gru->longitude_microdegrees, -46633309);
    assert_true(cs_span_is(gru->operator_name, "example cloud"));
    for (size_t i = 0; i < N_OF(rows); i++) {
        char text[1024];
        memcpy(text, two, sizeof two);
        replace(text, sizeof text, rows[i].from, rows[i].to);
        if (!cs_is(cs_sites_load(cs_span_str(text), &arena, &sites, &note), CS_NUM_CONFIG) ||
            strncmp(note.text, rows[i].note, strlen(rows[i].note)) != 0)
            fail_msg("'%s': '%s', wanted '%s'", rows[i].to, note.text, rows[i].note);
    }
}

static void tables_alone(void **state)
{
    (void)state;
    static const char one[] = "perspectives:\n  - code: a\n    id: A\n    rir: apnic\n    latitude: 1\n"
                              "    longitude: 180\n";
    struct cs_note note = { "" };
    struct cs_sites sites;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    assert_true(cs_ok(cs_sites_load(cs_span_str(one), &arena, &sites, &note)));
    assert_int_equal(sites.n, 1);
    assert_non_null(cs_site_of_code(&sites, cs_span_str("a")));
    assert_null(cs_site_of_code(&sites, cs_span_str("A")));
    for (size_t len = 0; len <= sizeof one - 5; len++)
        assert_false(cs_ok(cs_sites_load(cs_span_of(one, len), &arena, &sites, &note)));
    assert_false(cs_ok(cs_sites_load(cs_span_str("perspectives: []\n"), &arena, &sites, &note)));
    assert_string_equal(cs_ok(cs_sites_load(cs_span_str("sites: 1\n"), &arena, &sites, &note)) ? ""
                                                                                               : note.text,
                        "line 1: sites: unknown key; one of perspectives");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions),     cmocka_unit_test(supersession),        cmocka_unit_test(degrees),
        cmocka_unit_test(good_section), cmocka_unit_test(one_fault_at_a_time), cmocka_unit_test(site_rows),
        cmocka_unit_test(tables_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
