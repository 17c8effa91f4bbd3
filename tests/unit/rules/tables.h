/* Boundary tables: every row judges one house and notes that its rule was seen accepting or refusing. */
#ifndef TESTS_UNIT_RULES_TABLES_H
#define TESTS_UNIT_RULES_TABLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/rules/fixture.h"

#define N_OF(array) (sizeof(array) / sizeof *(array))

extern struct house *H;

/* check judges H. An accepting row admits; a refusing row has a reason of the rule, for subject unless
 * that is NULL. */
void check(enum cs_rule rule, const char *row, bool ok, const char *subject);

void tbs_tables(void **state);
void time_tables(void **state);
void key_table(void **state);
void subject_tables(void **state);
void key_identifier_table(void **state);
void attribute_table(void **state);
void subject_value_table(void **state);
void ev_table(void **state);
void ev_serial_table(void **state);
void ev_identifier_table(void **state);
void extension_table(void **state);
void key_usage_table(void **state);
void access_table(void **state);
void point_table(void **state);
void qualifier_table(void **state);
void purpose_table(void **state);
void poison_table(void **state);
void pin_table(void **state);
void pin_mention_table(void **state);
void name_table(void **state);
void order_tables(void **state);
void order_choice(void **state);
void approval_table(void **state);
void cover_table(void **state);
void method_table(void **state);
void age_table(void **state);
void derivation_table(void **state);
void cover_map(void **state);
void value_table(void **state);
void persistent_table(void **state);
void mailbox_table(void **state);
void tokens_of_statements(void **state);
void distances(void **state);
void recount_of_every_subset(void **state);
void perspective_table(void **state);
void attester_table(void **state);
void method_matrix(void **state);
void dnssec_table(void **state);
void caa_cover_table(void **state);
void caa_result_table(void **state);
void caa_age_table(void **state);
void caa_tag_table(void **state);
void caa_perspective_table(void **state);
void caa_parameter_table(void **state);
void organization_table(void **state);
void identity_age_table(void **state);
void weak_key_table(void **state);
void compromised_key_table(void **state);
void public_name_table(void **state);
void wildcard_table(void **state);
void base_domain_table(void **state);
void lint_table(void **state);
void linter_table(void **state);
void lint_cover(void **state);
void authenticity_table(void **state);
void reviewer_table(void **state);
void change_table(void **state);
void jurisdiction_table(void **state);
void agreement_table(void **state);
void hold_table(void **state);
void recall_table(void **state);
void pair_table(void **state);
void sct_table(void **state);
void boundary_day_table(void **state);

#endif
