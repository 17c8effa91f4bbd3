/* O03 .. O07: authenticity, people, the organisation guard, jurisdiction, agreement. */
#include "tests/unit/rules/tables.h"

enum { DAY = 86400, OV = PROFILE(ORGANIZATION_VALIDATED), EV = PROFILE(EXTENDED_VALIDATION) };

#define OID_ST "\x55\x04\x08"
#define OID_SN "\x55\x04\x05"
#define OID_JS "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02"
#define OID_JL "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01"

static void subject_of(int profile)
{
    house_init(H);
    house_name(H, "www.example.com");
    house_profile(H, profile);
    house_attribute(H, CS_OID_C, 0x13, "NL");
    house_attribute(H, HOUSE_OID_L, 0x0c, "Delft");
    house_attribute(H, HOUSE_OID_O, 0x0c, "Acme B.V.");
    if (profile == EV)
        house_attribute(H, "\x55\x04\x0f", 0x0c, "Private Organization");
}

/* An order, control, and a statement of anna and bert for the subject so far. */
static identity_t *evidence_for(int profile)
{
    house_order(H)->profile = (Countersign__V1__Profile)profile;
    house_control(H, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
    identity_t *o = house_identity(H);
    o->profile = (Countersign__V1__Profile)profile;
    H->policy.attester[0].person = cs_span_str("anna");
    H->policy.attester[1].person = cs_span_str("bert");
    house_last(H)->n_signers = 2;
    house_last(H)->signer[1] = 1;
    return o;
}

static identity_t *usual(int profile)
{
    subject_of(profile);
    if (profile == EV) {
        house_attribute(H, HOUSE_OID_JC, 0x13, "NL");
        house_attribute(H, OID_SN, 0x13, "12345678");
    }
    return evidence_for(profile);
}

void authenticity_table(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        int64_t now, age_s;
        bool ok;
    } rows[] = {
        { "398 d", HOUSE_NOW, 398 * DAY, true },
        { "and a second", HOUSE_NOW, 398 * DAY + 1, false },
        { "825 d before the step", CS_DAY_2026_03_15 - 1, 825 * DAY, true },
        { "and a second", CS_DAY_2026_03_15 - 1, 825 * DAY + 1, false },
        { "a minute ahead", HOUSE_NOW, -60, true },
        { "and a second", HOUSE_NOW, -61, false },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        identity_t *o = usual(OV);
        H->facts.now_unix_s = H->tbs.not_before_unix_s = rows[i].now;
        H->tbs.not_after_unix_s = rows[i].now + 40 * DAY;
        H->evidence[0].statement->order->latest_not_after_unix_s = INT64_MAX;
        house_age(H->evidence[1].statement->domain_control, rows[i].now);
        o->oldest_data_at_unix_s = rows[i].now;
        o->authenticity->confirmed_at_unix_s = rows[i].now - rows[i].age_s;
        check(CS_RULE_O03, rows[i].row, rows[i].ok, "subject");
    }
    usual(OV)->authenticity = NULL;
    check(CS_RULE_O03, "not confirmed", false, "subject");
    usual(OV)->authenticity->method.len = 0;
    check(CS_RULE_O03, "no method", false, "subject");
    usual(OV)->authenticity->contact_source.len = 0;
    check(CS_RULE_O03, "no source", false, "subject");

    /* of two statements that fit, the one that keeps the rules is relied on */
    usual(OV)->authenticity = NULL;
    house_identity(H)->record_id = house_bytes(H, "r2");
    check(CS_RULE_O03, "another statement is confirmed", true, NULL);
    assert_int_equal(H->verdict.cover[2].evidence, 3);
}

void reviewer_table(void **state)
{
    (void)state;
    usual(EV);
    check(CS_RULE_O04, "three people", true, NULL);
    identity_t *o = usual(EV);
    o->reviewers[0] = house_bytes(H, "carol");
    check(CS_RULE_O04, "the collector reviewed", false, "subject");
    o->profile = H->evidence[0].statement->order->profile = PROFILE(ORGANIZATION_VALIDATED);
    house_profile(H, OV);
    check(CS_RULE_O04, "the collector reviewed, OV", true, NULL);
    usual(EV)->approver = house_bytes(H, "carol");
    check(CS_RULE_O04, "the collector approved", false, "subject");
    usual(EV)->approver = house_bytes(H, "rita");
    check(CS_RULE_O04, "the reviewer approved", false, "subject");
    usual(EV)->approver.len = 0;
    check(CS_RULE_O04, "nobody approved", false, "subject");
    usual(EV)->n_reviewers = 0;
    check(CS_RULE_O04, "nobody reviewed", false, "subject");
    usual(EV)->n_collectors = 0;
    check(CS_RULE_O04, "nobody collected", false, "subject");
}

/* ---- O05 ---- */

#define C_NL       "\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02NL"
#define L_DELFT    "\x31\x0e\x30\x0c\x06\x03\x55\x04\x07\x0c\x05"
#define O_ACME     "\x31\x12\x30\x10\x06\x03\x55\x04\x0a\x0c\x09"
#define JC_BE      "\x31\x13\x30\x11\x06\x0b\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03\x13\x02"
#define LAST(rdns) rdns, sizeof(rdns) - 1

/* The account's last subject, and what it relied on. */
static void last_was(const char *rdns, size_t len)
{
    uint8_t *name = cs_arena_get(&H->arena, len + 2);
    name[0] = 0x30;
    name[1] = (uint8_t)len;
    memcpy(name + 2, rdns, len);
    H->last_subject = (struct cs_subject_fact){
        .seq = 17,
        .subject = cs_span_of(name, len + 2),
        .identity_sha256 = cs_sha256(cs_span_str("version 1")),
    };
}

/* A change that may pass: version 2 of the record, named after version 1, by anna and bert. */
static identity_t *changed(void)
{
    static struct cs_sha256 before;
    identity_t *o = usual(OV);
    last_was(LAST(C_NL L_DELFT "Delft" O_ACME "Acme Ltd."));
    before = H->last_subject.identity_sha256;
    o->record_version = 2;
    o->previous_statement_sha256 = (ProtobufCBinaryData){ sizeof before.byte, before.byte };
    return o;
}

void change_table(void **state)
{
    (void)state;
    changed();
    check(CS_RULE_O05, "two people, fresh, naming the version before", true, NULL);
    usual(OV)->record_version = 1;
    house_last(H)->n_signers = 1;
    last_was(LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V."));
    check(CS_RULE_O05, "nothing changed", true, NULL);
    last_was(LAST(O_ACME "Acme B.V." L_DELFT "Delft" C_NL));
    check(CS_RULE_O05, "the same in another order", true, NULL);
    last_was(LAST(C_NL L_DELFT "Leiden" O_ACME "Acme B.V."));
    H->last_subject.subject.len--; /* Name cut short: never taken for equal */
    check(CS_RULE_O05, "a subject that cannot be read", false, "subject:O");
    H->last_subject.seq = 0;
    check(CS_RULE_O05, "no certificate before", true, NULL);

    /* each attribute, with a statement of one person that names nothing (H02) */
    static const struct {
        const char *row;
        const char *last;
        size_t len;
        const char *subject;
    } differences[] = {
        { "O", LAST(C_NL L_DELFT "Delft" O_ACME "Acme Ltd."), "subject:O" },
        { "L", LAST(C_NL L_DELFT "Delfe" O_ACME "Acme B.V."), "subject:L" },
        { "C",
          LAST("\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02"
               "BE" L_DELFT "Delft" O_ACME "Acme B.V."),
          "subject:C" },
        { "ST gone",
          LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V."
                            "\x31\x0e\x30\x0c\x06\x03\x55\x04\x08\x0c\x05"
                            "Delft"),
          "subject:ST" },
        { "L new", LAST(C_NL O_ACME "Acme B.V."), "subject:L" },
        { "a second O before", LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V." O_ACME "Acme B.V."),
          "subject:O" },
        { "a person before",
          LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V."
                            "\x31\x0e\x30\x0c\x06\x03\x55\x04\x04\x0c\x05"
                            "Smith"),
          "subject:SN" },
    };
    for (size_t i = 0; i < N_OF(differences); i++) {
        usual(OV);
        house_last(H)->n_signers = 1;
        last_was(differences[i].last, differences[i].len);
        check(CS_RULE_O05, differences[i].row, false, differences[i].subject);
        assert_true(house_has(H, CS_RULE_O05, "subject"));
        assert_false(house_has(H, CS_RULE_O01, NULL));
    }

    /* what the statement lacks */
    changed();
    house_last(H)->statement->header->issued_at_unix_s = HOUSE_NOW - 30 * DAY;
    check(CS_RULE_O05, "30 days old", true, NULL);
    house_last(H)->statement->header->issued_at_unix_s--;
    check(CS_RULE_O05, "and a second", false, "subject");
    changed();
    H->policy.attester[1].person = cs_span_str("anna");
    check(CS_RULE_O05, "two keys of one person", false, "subject");
    H->policy.attester[1].person.len = 0;
    check(CS_RULE_O05, "one key of nobody known", false, "subject");
    H->policy.attester[0].person.len = 0;
    check(CS_RULE_O05, "two keys of nobody known", false, "subject");
    changed();
    house_last(H)->n_signers = 1;
    check(CS_RULE_O05, "one person", false, "subject:O");
    changed()->previous_statement_sha256.data[0] ^= 1;
    check(CS_RULE_O05, "naming another version", false, "subject");
    changed()->previous_statement_sha256.len = 0;
    check(CS_RULE_O05, "naming none", false, "subject");
    changed();
    H->facts.n_evidence--;
    check(CS_RULE_O05, "no statement", false, "subject:O");
    assert_true(house_has(H, CS_RULE_O05, "subject"));

    /* two statements of one person each */
    static const struct {
        const char *row;
        bool same_version, same_value, other_person;
        int64_t age_s;
        bool ok;
    } pairs[] = {
        { "two statements", true, true, true, 3600, true },
        { "of one person", true, true, false, 3600, false },
        { "of two versions", false, true, true, 3600, false },
        { "of two names", true, false, true, 3600, false },
        { "the other 30 d old", true, true, true, 30 * DAY, true },
        { "and a second", true, true, true, 30 * DAY + 1, false },
    };
    for (size_t i = 0; i < N_OF(pairs); i++) {
        identity_t *first = changed();
        house_last(H)->n_signers = 1;
        identity_t *second = house_identity(H);
        second->record_version = pairs[i].same_version ? 2 : 1;
        second->previous_statement_sha256 = first->previous_statement_sha256;
        if (!pairs[i].same_value)
            second->attributes[2]->value = house_bytes(H, "Acme AG");
        house_last(H)->signer[0] = pairs[i].other_person ? 1 : 0;
        house_last(H)->statement->header->issued_at_unix_s = HOUSE_NOW - pairs[i].age_s;
        check(CS_RULE_O05, pairs[i].row, pairs[i].ok, "subject");
        if (pairs[i].ok) { /* both are on record */
            assert_int_equal(H->verdict.cover[2].evidence, 2);
            assert_int_equal(H->verdict.cover[3].evidence, 3);
            assert_string_equal(H->verdict.cover[3].subject, "subject");
        }
    }

    /* incorporation is compared where both have it */
    usual(EV);
    last_was(LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V."));
    check(CS_RULE_O05, "EV after OV", true, NULL);
    last_was(LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V." JC_BE "NL"));
    check(CS_RULE_O05, "the same jurisdiction", true, NULL);
    last_was(LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V." JC_BE "BE"));
    check(CS_RULE_O05, "another jurisdiction", false, "subject:jurisdictionC");
    usual(OV);
    last_was(LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V." JC_BE "BE"));
    check(CS_RULE_O05, "OV after EV", true, NULL);

    /* a domain-validated certificate names nobody */
    house_usual(H);
    last_was(LAST(C_NL L_DELFT "Delft" O_ACME "Acme B.V."));
    check(CS_RULE_O05, "DV after OV", true, NULL);
}

void jurisdiction_table(void **state)
{
    (void)state;
    static struct cs_agency list[3];
    list[0] = (struct cs_agency){ cs_span_str("NL"), { 0 }, { 0 }, cs_span_str("########") };
    list[1] = (struct cs_agency){ cs_span_str("US"), cs_span_str("Delaware"), { 0 }, { 0 } };
    list[2] = (struct cs_agency){ cs_span_str("DE"), cs_span_str("Berlin"), cs_span_str("Charlottenburg"),
                                  cs_span_str("HRB #+?") };
    static const struct {
        const char *row, *country, *state, *locality, *number;
        const char *refused; /* NULL: accepted */
    } rows[] = {
        { "country", "NL", NULL, NULL, "12345678", NULL },
        { "number too short", "NL", NULL, NULL, "1234567", "subject:serialNumber" },
        { "number too long", "NL", NULL, NULL, "123456789", "subject:serialNumber" },
        { "no number", "NL", NULL, NULL, NULL, "subject:serialNumber" },
        { "a state more", "NL", "Holland", NULL, "12345678", "subject:jurisdictionC" },
        { "state", "US", "Delaware", NULL, "anything", NULL },
        { "a state less", "US", NULL, NULL, "anything", "subject:jurisdictionC" },
        { "another state", "US", "delaware", NULL, "anything", "subject:jurisdictionC" },
        { "locality", "DE", "Berlin", "Charlottenburg", "HRB 1B", NULL },
        { "many digits", "DE", "Berlin", "Charlottenburg", "HRB 123456B", NULL },
        { "no digit", "DE", "Berlin", "Charlottenburg", "HRB B", "subject:serialNumber" },
        { "a locality less", "DE", "Berlin", NULL, "HRB 1B", "subject:jurisdictionC" },
        { "unknown country", "FR", NULL, NULL, "1", "subject:jurisdictionC" },
        { "no country", NULL, NULL, NULL, "1", "subject:jurisdictionC" },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        subject_of(EV);
        if (rows[i].country != NULL)
            house_attribute(H, HOUSE_OID_JC, 0x13, rows[i].country);
        if (rows[i].state != NULL)
            house_attribute(H, OID_JS, 0x0c, rows[i].state);
        if (rows[i].locality != NULL)
            house_attribute(H, OID_JL, 0x0c, rows[i].locality);
        if (rows[i].number != NULL)
            house_attribute(H, OID_SN, 0x13, rows[i].number);
        evidence_for(EV);
        H->policy.agency = list;
        H->policy.n_agencies = N_OF(list);
        check(CS_RULE_O06, rows[i].row, rows[i].refused == NULL, rows[i].refused);
    }
    usual(EV);
    H->policy.n_agencies = 0;
    check(CS_RULE_O06, "no agencies", false, "subject:jurisdictionC");
    subject_of(EV);
    house_attribute(H, HOUSE_OID_JC, 0x13, "NL");
    house_attribute(H, HOUSE_OID_JC, 0x13, "NL");
    evidence_for(EV);
    check(CS_RULE_O06, "two countries", false, "subject:jurisdictionC");
}

void agreement_table(void **state)
{
    (void)state;
    house_usual(H);
    check(CS_RULE_O07, "both named", true, NULL);
    H->evidence[0].statement->order->requester.len = 0;
    check(CS_RULE_O07, "no requester", false, "order:o-1");
    house_usual(H);
    H->evidence[0].statement->order->agreement.len = 0;
    check(CS_RULE_O07, "no agreement", false, "order:o-1");
}
