#include "tests/unit/rules/tables.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/gate/rules/listing.h"

struct house *H;
static unsigned n_seen[CS_RULE_COUNT][2]; /* refusing, accepting */
static int n_words;
static char **word; /* of the command line: tests/rules_elsewhere.cmake */

void check(enum cs_rule rule, const char *row, bool ok, const char *subject)
{
    bool admitted = house_judge(H);
    bool as_wanted = ok ? admitted : !admitted && house_has(H, rule, subject);
    if (!as_wanted) {
        house_print(H);
        fail_msg("%s: %s: %s", cs_rule_text(rule)->id, row, ok ? "not admitted" : "reason is missing");
    }
    n_seen[rule][ok]++;
}

/* "E01=unit.evidence.admit": what stands behind the rule's "=", or NULL. */
static const char *declared(const char *id)
{
    size_t len = strlen(id);
    for (int i = 0; i < n_words; i++)
        if (strncmp(word[i], id, len) == 0 && word[i][len] == '=')
            return word[i] + len + 1;
    return NULL;
}

/* Every rule of the table: rows here, a test elsewhere, or, said in so many words, not judged yet. */
static void every_rule_has_both_rows(void **state)
{
    (void)state;
    unsigned n_without = 0;
    print_message("rule  accepting  refusing\n");
    for (int r = 0; r < CS_RULE_COUNT; r++) {
        const char *id = cs_rule_text((enum cs_rule)r)->id, *where = declared(id), *fault = NULL;
        const struct cs_rule_place place = cs_rule_place((enum cs_rule)r);
        bool both = n_seen[r][1] != 0 && n_seen[r][0] != 0;
        if (place.judged == NULL)
            fault = where == NULL || *where != '\0' ? "not judged, and not declared as such" : NULL;
        else if (where != NULL && *where == '\0')
            fault = "judged, yet declared as not judged";
        else if (!both && where == NULL)
            fault = n_seen[r][1] == 0 ? "no accepting row" : "no refusing row";
        if (where != NULL && !both)
            print_message("%-5s %s\n", id, *where != '\0' ? where : "not judged");
        else
            print_message("%-5s %9u %9u\n", id, n_seen[r][1], n_seen[r][0]);
        if (fault != NULL) {
            print_error("%s: %s\n", id, fault);
            n_without++;
        }
    }
    assert_int_equal(n_without, 0);
}

/* The listing names every input that a row declares. */
static void inputs_have_names(void **state)
{
    (void)state;
    for (int r = 0; r < CS_RULE_COUNT; r++)
        for (unsigned bit = 1; bit != 0; bit <<= 1)
            if ((cs_rule_place((enum cs_rule)r).inputs & bit) != 0 && cs_input_name(bit) == NULL)
                fail_msg("%s: input %u has no name", cs_rule_text((enum cs_rule)r)->id, bit);
}

/* What a row does not read cannot change it. */
static void rows_read_only_what_they_declare(void **state)
{
    (void)state;
    size_t n;
    const struct cs_rule_row *rows = cs_rule_rows(&n);
    struct cs_issuer other = { 0 };
    struct cs_client nobody = { 0 };
    static const unsigned inputs[] = { CS_IN_CLOCK, CS_IN_LEDGER, CS_IN_CLIENT, CS_IN_ISSUER };
    for (size_t k = 0; k < N_OF(inputs); k++) {
        house_usual(H);
        assert_true(house_judge(H));
        switch (inputs[k]) {
        case CS_IN_CLOCK:
            H->facts.now_unix_s += 400 * 86400;
            break;
        case CS_IN_LEDGER:
            H->facts.ledger_ready = false;
            H->facts.serial_use.certificate = H->order_use.certificate = true;
            break;
        case CS_IN_CLIENT:
            H->facts.client = &nobody;
            break;
        default:
            H->facts.issuer = &other;
        }
        assert_false(house_judge(H));
        for (size_t i = 0; i < n; i++)
            for (uint32_t r = 0; r < H->verdict.n_reasons; r++)
                if (H->verdict.reason[r].rule == rows[i].rule && rows[i].rule != CS_RULE_B06 &&
                    rows[i].rule != CS_RULE_T12 && rows[i].rule != CS_RULE_N02 &&
                    (rows[i].inputs & inputs[k]) == 0)
                    fail_msg("%s reads input %u", cs_rule_text(rows[i].rule)->id, inputs[k]);
    }
}

int main(int argc, char **argv)
{
    n_words = argc;
    word = argv;
    H = calloc(1, sizeof *H);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tbs_tables),
        cmocka_unit_test(time_tables),
        cmocka_unit_test(key_table),
        cmocka_unit_test(subject_tables),
        cmocka_unit_test(key_identifier_table),
        cmocka_unit_test(attribute_table),
        cmocka_unit_test(subject_value_table),
        cmocka_unit_test(ev_table),
        cmocka_unit_test(ev_serial_table),
        cmocka_unit_test(ev_identifier_table),
        cmocka_unit_test(extension_table),
        cmocka_unit_test(key_usage_table),
        cmocka_unit_test(access_table),
        cmocka_unit_test(point_table),
        cmocka_unit_test(qualifier_table),
        cmocka_unit_test(purpose_table),
        cmocka_unit_test(poison_table),
        cmocka_unit_test(pin_table),
        cmocka_unit_test(pin_mention_table),
        cmocka_unit_test(name_table),
        cmocka_unit_test(order_tables),
        cmocka_unit_test(order_choice),
        cmocka_unit_test(approval_table),
        cmocka_unit_test(cover_table),
        cmocka_unit_test(method_table),
        cmocka_unit_test(age_table),
        cmocka_unit_test(derivation_table),
        cmocka_unit_test(cover_map),
        cmocka_unit_test(value_table),
        cmocka_unit_test(persistent_table),
        cmocka_unit_test(mailbox_table),
        cmocka_unit_test(tokens_of_statements),
        cmocka_unit_test(distances),
        cmocka_unit_test(recount_of_every_subset),
        cmocka_unit_test(perspective_table),
        cmocka_unit_test(attester_table),
        cmocka_unit_test(method_matrix),
        cmocka_unit_test(dnssec_table),
        cmocka_unit_test(caa_cover_table),
        cmocka_unit_test(caa_result_table),
        cmocka_unit_test(caa_age_table),
        cmocka_unit_test(caa_tag_table),
        cmocka_unit_test(caa_perspective_table),
        cmocka_unit_test(caa_parameter_table),
        cmocka_unit_test(organization_table),
        cmocka_unit_test(identity_age_table),
        cmocka_unit_test(weak_key_table),
        cmocka_unit_test(compromised_key_table),
        cmocka_unit_test(public_name_table),
        cmocka_unit_test(wildcard_table),
        cmocka_unit_test(base_domain_table),
        cmocka_unit_test(lint_table),
        cmocka_unit_test(linter_table),
        cmocka_unit_test(lint_cover),
        cmocka_unit_test(authenticity_table),
        cmocka_unit_test(reviewer_table),
        cmocka_unit_test(change_table),
        cmocka_unit_test(jurisdiction_table),
        cmocka_unit_test(agreement_table),
        cmocka_unit_test(pair_table),
        cmocka_unit_test(hold_table),
        cmocka_unit_test(recall_table),
        cmocka_unit_test(sct_table),
        cmocka_unit_test(boundary_day_table),
        cmocka_unit_test(rows_read_only_what_they_declare),
        cmocka_unit_test(inputs_have_names),
        cmocka_unit_test(every_rule_has_both_rows), /* last: looks back at the others */
    };
    int failed = H != NULL ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    if (H != NULL)
        house_done(H);
    free(H);
    return failed;
}
