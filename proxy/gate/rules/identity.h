/*
 * Identity: OrganizationIdentity statements among the evidence, as rules O01 .. O05 look at them.
 */
#ifndef CS_GATE_RULES_IDENTITY_H
#define CS_GATE_RULES_IDENTITY_H

#include "proxy/gate/rules/rows.h"

enum { CS_TWO_PEOPLE = 2 };

/* NULL for any other kind of statement. */
const Countersign__V1__OrganizationIdentity *cs_identity_of(const struct cs_evidence *e);
/* Not expired, and of the order's account (of any account while there is no order). */
bool cs_identity_is_live(const struct cs_case *c, const struct cs_evidence *e);
bool cs_identity_is_of_account(const struct cs_case *c, const struct cs_evidence *e);
/* The same attributes in the same order, commonName aside. */
bool cs_identity_attests_subject(const struct cs_tbs *t, const Countersign__V1__OrganizationIdentity *o);
/* Live statements of one account about one version of one record that say the same. */
bool cs_identities_agree(const struct cs_case *c, const struct cs_evidence *a, const struct cs_evidence *b);

/*
 * cs_identity_people counts the different people, as far as the policy tells keys apart by their holders,
 * behind what e says: those who signed e or a statement that agrees with it. Only statements issued at or
 * after since count; with named, only keys whose holder the policy names.
 */
struct cs_people_of {
    int64_t since_unix_s;
    bool named;
    bool alone; /* e only */
};
uint32_t cs_identity_people(const struct cs_case *c, const struct cs_evidence *e, struct cs_people_of which);

/* "evidence[2], record r1 version 3" */
const char *cs_identity_show(const struct cs_case *c, const struct cs_evidence *e);
/* "\"Acme B.V.\" (UTF8String)" */
const char *cs_identity_show_value(const struct cs_case *c, unsigned tag, struct cs_span value);

/* O05 for one statement: it may speak for a change of the account's last subject. say adds the reasons. */
bool cs_identity_vouches_for_change(struct cs_case *c, const struct cs_evidence *e, bool say);
/* The account's last subject is on record and names another organisation, place or person. */
bool cs_subject_is_changed(const struct cs_case *c);

#endif
