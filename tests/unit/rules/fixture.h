/*
 * House: one request with everything it needs, built by hand, so that a test changes one thing and
 * judges. house_init gives an admitted domain-validated request without names; names, then order and
 * evidence are added by the calls below. Everything lives in h->arena.
 */
#ifndef TESTS_UNIT_RULES_FIXTURE_H
#define TESTS_UNIT_RULES_FIXTURE_H

#include "proxy/gate/rules/rows.h"

#define HOUSE_NOW         (CS_DAY_2027_03_15 - 114 * 86400) /* 2026-11-21 */
#define METHOD(id)        COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##id
#define PROFILE(id)       COUNTERSIGN__V1__PROFILE__PROFILE_##id
#define SCOPE(id)         COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_##id
#define DECISION(id)      COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_##id
#define ONION_NAME        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
#define HOUSE_STOLEN_KEY  "stolen key" /* SPKI in the list of compromised keys */
#define HOUSE_OID_O       "\x55\x04\x0a"
#define HOUSE_OID_L       "\x55\x04\x07"
#define HOUSE_NOW         (CS_DAY_2027_03_15 - 114 * 86400) /* 2026-11-21 */
#define METHOD(id)        COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##id
#define PROFILE(id)       COUNTERSIGN__V1__PROFILE__PROFILE_##id
#define SCOPE(id)         COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_##id
#define TAG(id)           COUNTERSIGN__V1__CAA_TAG__CAA_TAG_##id
#define RESULT(id)        COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_##id
#define DNSSEC(id)        COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_##id
#define CHALLENGE(id)     COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_##id
#define DECISION(id)      COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_##id
#define ONION_NAME        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
#define HOUSE_ACCOUNT_URI "https://ca.example/acct/1"
#define HOUSE_OID_O       "\x55\x04\x0a"
#define HOUSE_OID_L       "\x55\x04\x07"
#define HOUSE_NOW         (CS_DAY_2027_03_15 - 114 * 86400) /* 2026-11-21 */
#define METHOD(id)        COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##id
#define PROFILE(id)       COUNTERSIGN__V1__PROFILE__PROFILE_##id
#define SCOPE(id)         COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_##id
#define DECISION(id)      COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_##id
#define ONION_NAME        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
#define HOUSE_OID_O       "\x55\x04\x0a"
#define HOUSE_OID_L       "\x55\x04\x07"
#define HOUSE_OID_JC      "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03"

typedef Countersign__V1__Statement statement_t;
typedef Countersign__V1__DomainControl control_t;
typedef Countersign__V1__CaaCheck caa_t;
typedef Countersign__V1__Perspectives perspectives_t;
typedef Countersign__V1__Order order_t;
typedef Countersign__V1__OrganizationIdentity identity_t;
typedef Countersign__V1__Approval approval_t;
typedef Countersign__V1__Lint lint_t;

struct house {
    struct cs_arena arena;   /* of the facts */
    struct cs_arena scratch; /* of one judgement */
    struct cs_policy policy;
    struct cs_tbs tbs;
    struct cs_facts facts;
    struct cs_evidence evidence[CS_FACTS_EVIDENCE_MAX + CS_TBS_NAMES_MAX + 1];
    bool own_caa;  /* the test brings the CAA checks; else house_judge makes one for each name */
    bool own_lint; /* house_judge adds no lint of these bytes: the test cares for it */
    struct cs_use_fact order_use; /* put on every order found, like the next */
    struct cs_subject_fact last_subject;
    struct cs_verdict verdict; /* of the last judgement */
    uint32_t order;            /* that it rests on */
};

/* Suffixes com, net, org, example, uk, co.uk, jp, *.kobe.jp, !city.kobe.jp, *.ck; private:
 * hosting.example. One compromised key. No list of weak keys. Made once, never freed. */
const struct cs_lists *house_lists(void);

/* Makes the TBS a final certificate of an issuer that needs two SCTs: its precertificate is on record since
 * an hour, and two logs of three gave SCTs half an hour ago. */
void house_final(struct house *h);

void house_init(struct house *h);
void house_done(struct house *h);

void house_name(struct house *h, const char *name);
void house_ip(struct house *h, const char *octets, size_t len);
void house_attribute(struct house *h, const char *oid, uint8_t tag, const char *value);
void house_profile(struct house *h, int profile);
struct cs_extension *house_extension(struct house *h, const char *oid, bool critical, const char *value,
                                     size_t value_len);

/* An extension by the content octets of its OID: NULL when the TBS does not have it; taken out. */
struct cs_extension *house_find(struct house *h, const char *oid, size_t len);
void house_drop(struct house *h, const char *oid, size_t len);

/* Evidence of account "acme", issued an hour ago, good for 30 days. */
order_t *house_order(struct house *h); /* for the key and the names so far */
control_t *house_control(struct house *h, const char *domain, int method, int scope);
control_t *house_control_ip(struct house *h, const char *octets, size_t len, int method);
identity_t *house_identity(struct house *h); /* the subject so far, record "r1" version 1, one signer */
approval_t *house_approval(struct house *h, int decision);
/* By zlint 3.6.8, a minute ago, without error; house_judge adds one at the end unless there is one. */
lint_t *house_lint(struct house *h);
/* The evidence added last. */
struct cs_evidence *house_last(struct house *h);
ProtobufCBinaryData house_bytes(struct house *h, const char *text);
void house_age(control_t *d, int64_t then_unix_s); /* all three times, the challenge and the perspectives */
/* Six perspectives, each its own region but the last: the primary and n_remotes, which all passed. */
perspectives_t *house_perspectives(struct house *h, unsigned n_remotes, int64_t at_unix_s);
/* A permitting check of ten minutes ago, for a name as in the SAN, by all methods for names. */
caa_t *house_caa(struct house *h, const char *name);

/* www.example.com, its order and a namespace statement for example.com by DNS change. */
void house_usual(struct house *h);

bool house_judge(struct house *h);                                             /* true when admitted */
bool house_has(const struct house *h, enum cs_rule rule, const char *subject); /* subject may be NULL */
void house_print(const struct house *h);

#endif
