/* O01, O02. */
#include "tests/unit/rules/tables.h"

enum { DAY = 86400 };

static identity_t *usual(int profile)
{
    house_init(H);
    house_name(H, "www.example.com");
    house_profile(H, profile);
    house_attribute(H, CS_OID_C, 0x13, "NL");
    house_attribute(H, HOUSE_OID_L, 0x0c, "Delft");
    house_attribute(H, HOUSE_OID_O, 0x0c, "Acme B.V.");
    if (profile == PROFILE(INDIVIDUAL_VALIDATED)) {
        house_attribute(H, "\x55\x04\x04", 0x0c, "Doe");
        house_attribute(H, "\x55\x04\x2a", 0x0c, "Jo");
    }
    house_attribute(H, CS_OID_CN, 0x0c, "www.example.com");
    if (profile == PROFILE(EXTENDED_VALIDATION)) {
        house_attribute(H, "\x55\x04\x0f", 0x0c, "Private Organization");
        house_attribute(H, "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 0x13, "NL");
        house_attribute(H, "\x55\x04\x05", 0x13, "12345678");
    }
    house_order(H)->profile = (Countersign__V1__Profile)profile;
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    identity_t *o = house_identity(H);
    o->profile = (Countersign__V1__Profile)profile;
    return o;
}

void organization_table(void **state)
{
    (void)state;
    enum { OV = PROFILE(ORGANIZATION_VALIDATED), EV = PROFILE(EXTENDED_VALIDATION) };
    usual(OV);
    check(CS_RULE_O01, "as attested", true, NULL);
    assert_string_equal(H->verdict.cover[2].subject, "subject");
    assert_int_equal(H->verdict.cover[2].evidence, 2);
    usual(PROFILE(INDIVIDUAL_VALIDATED));
    check(CS_RULE_O01, "individual", true, NULL);

    usual(OV)->attributes[2]->value = house_bytes(H, "Acme B.V");
    check(CS_RULE_O01, "one character off", false, "subject:O");
    assert_false(house_has(H, CS_RULE_O01, "subject:L"));
    usual(OV)->attributes[2]->string_type = COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_PRINTABLE;
    check(CS_RULE_O01, "another string type", false, "subject:O");
    usual(OV)->n_attributes = 2;
    check(CS_RULE_O01, "one attribute more in the certificate", false, "subject:O");
    usual(OV);
    H->tbs.attribute[2] = H->tbs.attribute[--H->tbs.n_attributes];
    check(CS_RULE_O01, "one attribute less in the certificate", false, "subject:O");
    usual(OV);
    struct cs_attribute a = H->tbs.attribute[1];
    H->tbs.attribute[1] = H->tbs.attribute[2];
    H->tbs.attribute[2] = a;
    check(CS_RULE_O01, "another order", false, "subject");
    usual(OV);
    H->tbs.n_attributes = 0;
    H->tbs.extension[0].critical = true;
    check(CS_RULE_O01, "no subject in an OV certificate", false, NULL);
    usual(OV);
    H->facts.n_evidence--;
    check(CS_RULE_O01, "no statement", false, "subject:O");
    H->tbs.n_attributes = 0;
    H->tbs.extension[0].critical = true;
    check(CS_RULE_O01, "neither statement nor subject", false, "subject");

    usual(OV)->profile = PROFILE(EXTENDED_VALIDATION);
    check(CS_RULE_O01, "attested for another profile", false, "subject");
    usual(OV);
    house_last(H)->statement->header->account = house_bytes(H, "other");
    check(CS_RULE_O01, "another account's", false, "subject");
    usual(OV);
    house_last(H)->statement->header->expires_at_unix_s = HOUSE_NOW;
    check(CS_RULE_O01, "expired", false, "subject");

    usual(OV);
    identity_t *newer = house_identity(H);
    newer->record_version = 2;
    newer->attributes[2]->value = house_bytes(H, "Contact Ltd");
    check(CS_RULE_O01, "the record's newest version says otherwise", false, "subject:O"); /* H02 */
    newer->record_id = house_bytes(H, "r2");
    check(CS_RULE_O01, "another record says otherwise", true, NULL);
    newer->record_id = house_bytes(H, "r1");
    house_last(H)->statement->header->account = house_bytes(H, "other");
    check(CS_RULE_O01, "another account's record of that name", true, NULL);
    usual(OV);
    newer = house_identity(H);
    newer->record_version = 2;
    check(CS_RULE_O01, "the newest says the same", true, NULL);
    assert_int_equal(H->verdict.cover[2].evidence, 3);

    static const struct {
        const char *row;
        int profile;
        uint32_t policy, n_signers;
        bool change, one_person, ok;
    } signers[] = {
        { "one", OV, 0, 1, false, false, true },
        { "policy of two, one", OV, 2, 1, false, false, false },
        { "policy of two, two", OV, 2, 2, false, false, true },
        { "two keys of one person", OV, 2, 2, false, true, false },
        { "a change by one", OV, 1, 1, true, false, false }, /* H02 */
        { "a change by two", OV, 1, 2, true, false, true },
        { "EV by one", EV, 1, 1, false, false, false },
        { "EV by two", EV, 1, 2, false, false, true },
        { "policy of three, two", EV, 3, 2, false, false, false },
    };
    for (size_t i = 0; i < N_OF(signers); i++) {
        identity_t *o = usual(signers[i].profile);
        H->policy.limits.organization_signers = signers[i].policy;
        if (signers[i].change)
            o->previous_statement_sha256 = house_bytes(H, "digest of the statement before it");
        house_last(H)->n_signers = signers[i].n_signers;
        house_last(H)->signer[1] = 1;
        H->policy.attester[0].person = cs_span_str("anna");
        H->policy.attester[1].person = cs_span_str(signers[i].one_person ? "anna" : "bert");
        check(CS_RULE_O01, signers[i].row, signers[i].ok, "subject");
    }

    usual(EV);
    house_last(H)->n_signers = 2;
    house_last(H)->signer[1] = H->policy.n_attesters;
    check(CS_RULE_O01, "a signer the policy does not have", false, "subject");

    /* A country in a domain-validated certificate is a claim too. */
    house_usual(H);
    house_attribute(H, CS_OID_C, 0x13, "NL");
    check(CS_RULE_O01, "DV with an unattested country", false, "subject:C");
    house_identity(H)->profile = PROFILE(DOMAIN_VALIDATED);
    check(CS_RULE_O01, "DV with an attested country", true, NULL);
}

void identity_age_table(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        int profile;
        int64_t now, age_s;
        uint32_t policy_s;
        bool ok;
    } rows[] = {
        { "398 d", PROFILE(ORGANIZATION_VALIDATED), HOUSE_NOW, 398 * DAY, 0, true },
        { "and a second", PROFILE(ORGANIZATION_VALIDATED), HOUSE_NOW, 398 * DAY + 1, 0, false },
        { "825 d before the step", PROFILE(ORGANIZATION_VALIDATED), CS_DAY_2026_03_15 - 1, 825 * DAY, 0,
          true },
        { "and a second", PROFILE(ORGANIZATION_VALIDATED), CS_DAY_2026_03_15 - 1, 825 * DAY + 1, 0, false },
        { "at the step", PROFILE(ORGANIZATION_VALIDATED), CS_DAY_2026_03_15, 398 * DAY + 1, 0, false },
        { "EV before the step", PROFILE(EXTENDED_VALIDATION), CS_DAY_2026_03_15 - 1, 398 * DAY + 1, 0,
          false },
        { "EV before the step", PROFILE(EXTENDED_VALIDATION), CS_DAY_2026_03_15 - 1, 398 * DAY, 0, true },
        { "policy 100 d", PROFILE(ORGANIZATION_VALIDATED), HOUSE_NOW, 100 * DAY, 100 * DAY, true },
        { "and a second", PROFILE(ORGANIZATION_VALIDATED), HOUSE_NOW, 100 * DAY + 1, 100 * DAY, false },
        { "to come", PROFILE(ORGANIZATION_VALIDATED), HOUSE_NOW, -61, 0, false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        identity_t *o = usual(rows[i].profile);
        H->facts.now_unix_s = H->tbs.not_before_unix_s = rows[i].now;
        H->tbs.not_after_unix_s = rows[i].now + 40 * DAY;
        H->evidence[0].statement->order->latest_not_after_unix_s = INT64_MAX;
        house_age(H->evidence[1].statement->domain_control, rows[i].now);
        o->authenticity->confirmed_at_unix_s = rows[i].now;
        H->policy.limits.max_identity_age_s = rows[i].policy_s;
        house_last(H)->n_signers = 2;
        house_last(H)->signer[1] = 1;
        o->oldest_data_at_unix_s = rows[i].now - rows[i].age_s;
        check(CS_RULE_O02, rows[i].row, rows[i].ok, "subject");
    }
    /* A source older than the date given for the oldest. */
    identity_t *o = usual(PROFILE(ORGANIZATION_VALIDATED));
    Countersign__V1__Source source = COUNTERSIGN__V1__SOURCE__INIT, *sources[] = { &source };
    source.retrieved_at_unix_s = HOUSE_NOW - 398 * DAY;
    o->sources = sources;
    o->n_sources = 1;
    check(CS_RULE_O02, "source at the limit", true, NULL);
    source.retrieved_at_unix_s--;
    check(CS_RULE_O02, "source over the limit", false, "subject");
}
