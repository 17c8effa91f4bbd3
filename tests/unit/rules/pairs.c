/* P02 .. P05. */
#include "tests/unit/rules/tables.h"

enum { DAY = 86400, SKEW = 60 };

/* A final certificate of an issuer that needs two SCTs, an hour after its precertificate, with SCTs of
 * logs 0 and 1 (of different operators). Logs 2 and 0 share theirs; the issuer may use 0 to 2. */
static void final(void)
{
    house_usual(H);
    house_final(H);
}

static void nothing_recorded(void)
{
    H->facts.serial_use = H->order_use = (struct cs_use_fact){ 0 };
}

void pair_table(void **state)
{
    (void)state;
    final();
    check(CS_RULE_P02, "its precertificate is on record", true, NULL);
    nothing_recorded();
    check(CS_RULE_P02, "none is", false, "precertificate");
    final();
    H->facts.pair_sha256.byte[31] ^= 1;
    check(CS_RULE_P02, "one of another certificate", false, "precertificate"); /* H15, H33 */
    assert_true(house_has(H, CS_RULE_T05, NULL));
    final();
    H->facts.serial_use.precertificate_signed = false;
    check(CS_RULE_P02, "not known to be signed", false, "precertificate");
    final();
    H->facts.serial_use.precertificate = H->facts.serial_use.precertificate_signed = false;
    check(CS_RULE_P02, "the order's alone", false, "precertificate");

    house_usual(H);
    check(CS_RULE_P02, "neither ct nor SCTs", true, NULL);
    H->policy.issuer[0].ct.required_scts = 1;
    check(CS_RULE_P02, "ct, no precertificate, no SCTs", false, "precertificate");
    H->facts.kind = CS_LEAF_PRECERTIFICATE;
    check(CS_RULE_P02, "the precertificate itself", true, NULL);

    final();
    check(CS_RULE_P04, "the first final", true, NULL);
    H->facts.serial_use.certificate = true;
    check(CS_RULE_P04, "a second", false, "precertificate");
    assert_true(house_has(H, CS_RULE_T05, NULL));
    final();
    nothing_recorded();
    H->facts.serial_use.certificate = true;
    assert_false(house_judge(H)); /* T05 alone: there was no precertificate */
    assert_false(house_has(H, CS_RULE_P04, NULL));
}

void sct_table(void **state)
{
    (void)state;
    final();
    check(CS_RULE_P03, "two logs", true, NULL);
    assert_true(cs_facts_are_of_a_logged_pair(&H->facts));
    H->facts.n_scts = 1;
    check(CS_RULE_P03, "one", false, "tbs.sctList");
    assert_false(cs_facts_are_of_a_logged_pair(&H->facts));
    final();
    H->facts.sct[1].log = 0;
    check(CS_RULE_P03, "one log twice", false, "tbs.sctList");
    assert_false(cs_facts_are_of_a_logged_pair(&H->facts));
    final();
    H->facts.sct[1].state = CS_SCT_UNKNOWN_LOG;
    check(CS_RULE_P03, "one of an unknown log", false, "tbs.sctList");
    assert_false(house_has(H, CS_RULE_P03, "sct[1]"));
    assert_false(cs_facts_are_of_a_logged_pair(&H->facts));
    H->facts.sct[H->facts.n_scts++] = (struct cs_sct_fact){ CS_SCT_VERIFIED, 2, HOUSE_NOW };
    check(CS_RULE_P03, "two besides one of an unknown log", true, NULL);
    H->facts.sct[1].state = CS_SCT_BAD;
    check(CS_RULE_P03, "two besides one for another certificate", false, "sct[1]"); /* H18 */

    final();
    H->facts.sct[1].log = 2;
    check(CS_RULE_P03, "one operator", true, NULL);
    assert_true(cs_facts_are_of_a_logged_pair(&H->facts));
    H->policy.issuer[0].ct.distinct_operators = true;
    check(CS_RULE_P03, "one operator, two wanted", false, "tbs.sctList");
    H->facts.sct[1].log = 1;
    check(CS_RULE_P03, "two operators", true, NULL);

    final();
    H->facts.sct[1].timestamp_unix_s = HOUSE_NOW + SKEW;
    check(CS_RULE_P03, "a minute ahead", true, NULL);
    H->facts.sct[1].timestamp_unix_s++;
    check(CS_RULE_P03, "and a second", false, "sct[1]");
    H->facts.sct[1].timestamp_unix_s = INT64_MAX / 1000;
    check(CS_RULE_P03, "the end of time", false, "sct[1]");
    assert_false(cs_facts_are_of_a_logged_pair(&H->facts));
    final();
    H->facts.sct[0].timestamp_unix_s = HOUSE_NOW - 3600 - SKEW;
    check(CS_RULE_P03, "a minute before the precertificate", true, NULL);
    H->facts.sct[0].timestamp_unix_s--;
    check(CS_RULE_P03, "and a second", false, "sct[0]");

    final();
    H->facts.n_scts = 0;
    H->facts.scts_flaw = "a list that cannot be read";
    check(CS_RULE_P03, "unreadable", false, "tbs.sctList");
    final();
    H->facts.n_scts = 0;
    H->tbs.has_sct_list = false;
    check(CS_RULE_P03, "no list", false, "tbs.sctList");
    H->policy.issuer[0].ct = (struct cs_issuer_ct){ 0 };
    check(CS_RULE_P03, "no list, and no ct", true, NULL);
    H->tbs.has_sct_list = true;
    check(CS_RULE_P03, "a list, and no ct", false, "tbs.sctList");

    /* the exemption from CAA needs the record too */
    final();
    H->facts.serial_use.precertificate_signed = false;
    assert_false(cs_facts_are_of_a_logged_pair(&H->facts));
    final();
    H->facts.pair_sha256.byte[0] ^= 1;
    assert_false(cs_facts_are_of_a_logged_pair(&H->facts));
    final();
    nothing_recorded();
    assert_false(cs_facts_are_of_a_logged_pair(&H->facts));
    final();
    H->facts.kind = CS_LEAF_PRECERTIFICATE;
    assert_false(cs_facts_are_of_a_logged_pair(&H->facts));
}

void boundary_day_table(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        int64_t now;
        uint32_t validity_s; /* both ends counted */
        bool final, ok;
    } rows[] = {
        { "200 d, 48 h and a second before 100 d", CS_DAY_2027_03_15 - 2 * DAY - 1, 200 * DAY, false, true },
        { "48 h before", CS_DAY_2027_03_15 - 2 * DAY, 200 * DAY, false, false },
        { "a second before", CS_DAY_2027_03_15 - 1, 200 * DAY, false, false },
        { "100 d a second before", CS_DAY_2027_03_15 - 1, 100 * DAY, false, true },
        { "and a second", CS_DAY_2027_03_15 - 1, 100 * DAY + 1, false, false },
        { "the final a second before", CS_DAY_2027_03_15 - 1, 200 * DAY, true, true },
        { "100 d on the day", CS_DAY_2027_03_15, 100 * DAY, false, true },
        { "48 h before 47 d", CS_DAY_2029_03_15 - 2 * DAY, 47 * DAY, false, true },
        { "and a second", CS_DAY_2029_03_15 - 2 * DAY, 47 * DAY + 1, false, false },
        { "after the last step", CS_DAY_2029_03_15, 47 * DAY, false, true },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        house_usual(H);
        H->facts.kind = rows[i].final ? CS_LEAF_CERTIFICATE : CS_LEAF_PRECERTIFICATE;
        H->facts.now_unix_s = H->tbs.not_before_unix_s = rows[i].now;
        H->tbs.not_after_unix_s = rows[i].now + rows[i].validity_s - 1;
        H->policy.issuer[0].not_after_unix_s = INT64_MAX;
        H->evidence[0].statement->order->latest_not_after_unix_s = INT64_MAX;
        for (uint32_t k = 0; k < H->facts.n_evidence; k++)
            H->evidence[k].statement->header->expires_at_unix_s = INT64_MAX;
        house_age(H->evidence[1].statement->domain_control, rows[i].now);
        check(CS_RULE_P05, rows[i].row, rows[i].ok, "tbs.validity");
    }
}
