/* The listing of the rules, and one of them explained. */
#include "proxy/gate/verdict/verdict.h"
#include "tests/unit/cli/house.h"

static json_t *parsed(const struct ran *r)
{
    json_t *out = json_loads(r->out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(out);
    return out;
}

static void every_rule_is_listed(void **state)
{
    (void)state;
    struct ran text = run("rules", NULL), json = run("rules", "--json", NULL);
    assert_int_equal(text.code, 0);
    json_t *all = parsed(&json);
    assert_int_equal(json_array_size(all), CS_RULE_COUNT);
    const char *at = text.out;
    for (int r = 0; r < CS_RULE_COUNT; r++) {
        const struct cs_rule_text *rule = cs_rule_text((enum cs_rule)r);
        const json_t *one = json_array_get(all, (size_t)r);
        char line[256];
        snprintf(line, sizeof line, "%s  %s\n     clause  %s\n", rule->id, rule->title, rule->clause);
        at = strstr(at, line);
        assert_non_null(at);
        assert_string_equal(json_string_value(json_object_get(one, "id")), rule->id);
        assert_string_equal(json_string_value(json_object_get(one, "remedy")), rule->remedy);
    }
    json_decref(all);
    ran_done(&text);
    ran_done(&json);
}

static void one_rule_is_explained(void **state)
{
    (void)state;
    struct ran r = run("explain", "t07", NULL);
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, "T07  the validity period"));
    assert_non_null(strstr(r.out, "     remedy  shorten the validity period\n"));
    assert_non_null(strstr(r.out, "2026-03-15 until 2027-03-15 validity of at most 200 days"));
    const char *in_force = strstr(r.out, " (in force)"); /* one row, whatever the day */
    assert_non_null(in_force);
    assert_null(strstr(in_force + 1, " (in force)"));
    ran_done(&r);
    r = run("explain", "V02", "--json", NULL);
    json_t *one = parsed(&r);
    const json_t *email = json_array_get(json_object_get(one, "dates"), 0);
    assert_string_equal(json_string_value(json_object_get(email, "text")),
                        "dcv_constructed_email (3.2.2.4.4)");
    assert_string_equal(json_string_value(json_object_get(email, "until")), "2028-03-15T00:00:00Z");
    assert_true(json_array_size(json_object_get(one, "reads")) >= 2);
    json_decref(one);
    ran_done(&r);
    expect(2, "explain", "V99", NULL);
    expect(2, "explain", NULL);
    expect(2, "explain", "V01", "V02", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_listed),
        cmocka_unit_test(one_rule_is_explained),
    };
    return cmocka_run_group_tests(tests, house_enter, house_leave);
}
