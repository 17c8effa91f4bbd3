/* L01, L02. */
#include "tests/unit/rules/tables.h"

enum { DAY = 86400 };

static lint_t *usual(void)
{
    house_usual(H);
    return house_lint(H);
}

void lint_table(void **state)
{
    (void)state;
    usual();
    check(CS_RULE_L01, "no error", true, NULL);
    lint_t *l = usual();
    l->warnings = l->notices = 7;
    check(CS_RULE_L01, "warnings and notices", true, NULL);
    house_usual(H);
    H->own_lint = true;
    check(CS_RULE_L01, "no lint", false, "tbs");
    assert_false(house_has(H, CS_RULE_L02, NULL));
    usual()->tbs_sha256.data[31] ^= 1;
    check(CS_RULE_L01, "one bit off", false, "tbs");
    usual()->tbs_sha256.len--;
    check(CS_RULE_L01, "one octet short", false, "tbs");
    usual()->errors = 1;
    check(CS_RULE_L01, "an error", false, "tbs");
    usual()->fatals = 1;
    check(CS_RULE_L01, "a fatal finding", false, "tbs");
    usual();
    house_last(H)->statement->header->account = house_bytes(H, "other");
    check(CS_RULE_L01, "about another account: the bytes are the same", true, NULL);

    /* An allowed linter's error stands, whoever says otherwise; a stranger's does not. */
    usual();
    l = house_lint(H);
    l->errors = 1;
    check(CS_RULE_L01, "another statement found an error", false, "tbs");
    l->ran_at_unix_s -= 5 * DAY;
    check(CS_RULE_L01, "days ago", false, "tbs");
    l->linter = house_bytes(H, "mylint");
    check(CS_RULE_L01, "by a linter the policy does not have", true, NULL);
    H->facts.n_evidence -= 2;
    l = house_lint(H);
    l->errors = 1;
    l->linter = house_bytes(H, "mylint");
    check(CS_RULE_L01, "and nothing else", false, "tbs");

    static const struct {
        const char *row;
        int64_t age_s;
        bool ok;
    } ages[] = {
        { "a day ago", DAY, true },       { "and a second", DAY + 1, false }, { "now", 0, true },
        { "within the skew", -60, true }, { "to come", -61, false },
    };
    for (size_t i = 0; i < N_OF(ages); i++) {
        usual()->ran_at_unix_s = HOUSE_NOW - ages[i].age_s;
        check(CS_RULE_L01, ages[i].row, ages[i].ok, "tbs");
    }
    usual()->ran_at_unix_s = INT64_MIN;
    check(CS_RULE_L01, "at the beginning of time", false, "tbs");
    usual()->ran_at_unix_s = HOUSE_NOW - 2 * DAY;
    house_lint(H);
    check(CS_RULE_L01, "linted again", true, NULL);

    static const struct {
        const char *row;
        bool precertificate, same_pair, final, ok;
    } pairs[] = {
        { "final after its linted precertificate", true, true, true, true },
        { "final after another's precertificate", true, false, true, false },
        { "final without precertificate", false, true, true, false },
        { "a precertificate again", true, true, false, false },
    };
    for (size_t i = 0; i < N_OF(pairs); i++) {
        house_usual(H);
        H->own_lint = true;
        H->facts.kind = pairs[i].final ? CS_LEAF_CERTIFICATE : CS_LEAF_PRECERTIFICATE;
        H->facts.serial_use.precertificate = pairs[i].precertificate;
        if (pairs[i].same_pair)
            H->facts.serial_use.pair_sha256 = H->facts.pair_sha256;
        check(CS_RULE_L01, pairs[i].row, pairs[i].ok, "tbs");
    }
}

void linter_table(void **state)
{
    (void)state;
    usual();
    check(CS_RULE_L02, "zlint 3.6.8", true, NULL);
    static const struct {
        const char *linter, *version;
        bool ok;
    } rows[] = {
        { "zlint", "3.6.8", true },      { "zlint", "v3.6.8", true },      { "zlint", "3.6.8.0", true },
        { "zlint", "3.6.7", false },     { "zlint", "3.6.9", false },      { "zlint", "3.6.80", false },
        { "zlint", "3.6.8-rc1", false }, { "Zlint", "3.6.8", false },      { "zlin", "3.6.8", false },
        { "pkilint", "0.12.4", true },   { "pkilint", "0.12.3.9", false }, { "pkilint", "0.13", true },
        { "pkilint", "1", true },        { "pkilint", "main", false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        lint_t *l = usual();
        H->policy.lint.n_linters = 2;
        H->policy.lint.linter[1] = (struct cs_linter){ .name = cs_span_str("pkilint"),
                                                       .not_before_unix_s = INT64_MIN,
                                                       .not_after_unix_s = INT64_MAX,
                                                       .min_version = { { 0, 12, 4 } } };
        l->linter = house_bytes(H, rows[i].linter);
        l->linter_version = house_bytes(H, rows[i].version);
        check(CS_RULE_L02, cs_arena_printf(&H->arena, "%s %s", rows[i].linter, rows[i].version), rows[i].ok,
              "tbs");
        if (rows[i].ok)
            continue;
        assert_false(house_has(H, CS_RULE_L01, NULL));
        house_lint(H);
        check(CS_RULE_L02, "beside an allowed one", true, NULL);
    }

    static const struct {
        const char *row;
        int64_t not_before, not_after;
        bool ok;
    } windows[] = {
        { "from this second", HOUSE_NOW - 60, INT64_MAX, true },
        { "ran a second before", HOUSE_NOW - 59, INT64_MAX, false },
        { "last second", INT64_MIN, HOUSE_NOW + 1, true },
        { "over, though it ran before", INT64_MIN, HOUSE_NOW, false },
    };
    for (size_t i = 0; i < N_OF(windows); i++) {
        usual();
        H->policy.lint.linter[0].not_before_unix_s = windows[i].not_before;
        H->policy.lint.linter[0].not_after_unix_s = windows[i].not_after;
        check(CS_RULE_L02, windows[i].row, windows[i].ok, "tbs");
    }

    static const struct {
        const char *row;
        int64_t released, superseded, newer_released;
        bool ok;
    } releases[] = {
        { "superseded 92 days ago less a second", INT64_MIN, HOUSE_NOW - 92 * DAY + 1, INT64_MIN, true },
        { "superseded 92 days ago", INT64_MIN, HOUSE_NOW - 92 * DAY, INT64_MIN, false },
        { "superseded one day", INT64_MIN, HOUSE_NOW + DAY, INT64_MIN, true },
        { "newer release, 92 days less a second", INT64_MIN, INT64_MAX, HOUSE_NOW - 92 * DAY + 1, true },
        { "newer release, 92 days", INT64_MIN, INT64_MAX, HOUSE_NOW - 92 * DAY, false },
        { "the earlier day counts", INT64_MIN, HOUSE_NOW, HOUSE_NOW - 92 * DAY, false },
        { "came out this second", HOUSE_NOW, INT64_MAX, INT64_MIN, true },
        { "comes out in a second", HOUSE_NOW + 1, INT64_MAX, INT64_MIN, false },
    };
    for (size_t i = 0; i < N_OF(releases); i++) {
        usual();
        const struct cs_linter_release list[] = {
            { { { 3, 6, 8 } }, releases[i].released, releases[i].superseded },
            { { { 3, 10 } }, releases[i].newer_released, INT64_MAX },
        };
        H->policy.lint.linter[0].n_releases = N_OF(list);
        H->policy.lint.linter[0].release = list;
        check(CS_RULE_L02, releases[i].row, releases[i].ok, "tbs");
    }

    usual()->linter = house_bytes(H, "mylint");
    H->facts.serial_use.precertificate = true;
    H->facts.serial_use.pair_sha256 = H->facts.pair_sha256;
    check(CS_RULE_L02, "final after its precertificate", true, NULL);
}

void lint_cover(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        int64_t expires, superseded, not_after, until;
    } rows[] = {
        { "a day", HOUSE_NOW + 30 * DAY, INT64_MAX, INT64_MAX, HOUSE_NOW - 60 + DAY + 1 },
        { "its expiry", HOUSE_NOW + 5, INT64_MAX, INT64_MAX, HOUSE_NOW + 5 },
        { "92 days after a newer one", HOUSE_NOW + DAY, HOUSE_NOW - 92 * DAY + 9, INT64_MAX, HOUSE_NOW + 9 },
        { "the linter's end", HOUSE_NOW + DAY, INT64_MAX, HOUSE_NOW + 7, HOUSE_NOW + 7 },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        usual();
        const struct cs_linter_release release = { { { 3, 6, 8 } }, INT64_MIN, rows[i].superseded };
        house_last(H)->statement->header->expires_at_unix_s = rows[i].expires;
        H->policy.lint.linter[0].release = &release;
        H->policy.lint.linter[0].not_after_unix_s = rows[i].not_after;
        assert_true(house_judge(H));
        const struct cs_cover *last = &H->verdict.cover[H->verdict.n_covers - 1];
        assert_string_equal(last->subject, "lint");
        assert_int_equal(last->evidence, H->facts.n_evidence - 1);
        assert_int_equal(last->age_s, 60);
        if (last->good_until_unix_s != rows[i].until)
            fail_msg("%s: %lld", rows[i].row, (long long)(last->good_until_unix_s - HOUSE_NOW));
    }
    usual()->errors = 1;
    assert_false(house_judge(H));
    for (uint32_t i = 0; i < H->verdict.n_covers; i++)
        assert_string_not_equal(H->verdict.cover[i].subject, "lint");
}
