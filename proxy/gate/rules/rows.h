/*
 * Rows: the inside of the judge. A rule is a row of the table in judge.c and a function named by what is
 * true when it returns true. It is pure: it reads the case and adds its reasons with cs_refuse.
 */
#ifndef CS_GATE_RULES_ROWS_H
#define CS_GATE_RULES_ROWS_H

#include "proxy/gate/rules/judge.h"
#include "proxy/gate/rules/mpic.h"

/* Days at which rows of the date tables begin or end, 00:00:00 UTC (BR 1.6.4). */
#define CS_DAY(n)         (INT64_C(86400) * (n))
#define CS_DAY_2015_04_01 CS_DAY(16526)
#define CS_DAY_2018_03_01 CS_DAY(17591)
#define CS_DAY_2018_08_01 CS_DAY(17744)
#define CS_DAY_2019_03_16 CS_DAY(17971)
#define CS_DAY_2019_06_01 CS_DAY(18048)
#define CS_DAY_2019_08_01 CS_DAY(18109)
#define CS_DAY_2020_06_01 CS_DAY(18414)
#define CS_DAY_2025_03_15 CS_DAY(20162)
#define CS_DAY_2020_09_01 CS_DAY(18506)
#define CS_DAY_2021_10_01 CS_DAY(18901)
#define CS_DAY_2025_07_15 CS_DAY(20284)
#define CS_DAY_2025_09_15 CS_DAY(20346)
#define CS_DAY_2026_03_15 CS_DAY(20527)
#define CS_DAY_2026_06_15 CS_DAY(20619)
#define CS_DAY_2026_12_15 CS_DAY(20802)
#define CS_DAY_2027_03_15 CS_DAY(20892)
#define CS_DAY_2028_03_15 CS_DAY(21258)
#define CS_DAY_2029_03_15 CS_DAY(21623)

/* What a row reads; two judgements that agree on these agree on the row. */
enum {
    CS_IN_TBS = 1,
    CS_IN_CLOCK = 2,
    CS_IN_ISSUER = 4,
    CS_IN_POLICY = 8, /* limits, attesters */
    CS_IN_CLIENT = 16,
    CS_IN_EVIDENCE = 32,
    CS_IN_LEDGER = 64,
    CS_IN_LISTS = 128,
};

/* When a row is judged: once per request, for every order that could be meant, or when covers and order
 * are known. */
enum cs_stage { CS_STAGE_REQUEST = 1, CS_STAGE_ORDER, CS_STAGE_ACCOUNT, CS_STAGE_END };

struct cs_case {
    const struct cs_facts *f;
    struct cs_arena *arena;
    struct cs_verdict *v; /* where reasons and covers go */
    enum cs_rule rule;    /* of the row being judged */
    bool no_memory;       /* the case could not be judged */

    /* From the certificatePolicies extension. */
    int profile;               /* Countersign__V1__Profile; 0 when not exactly one */
    const char *policies_flaw; /* static; NULL when there is a profile */

    /* The order in hand; all NULL while there is none, and then evidence of any account is looked at,
     * only to name what is missing besides. */
    const struct cs_evidence *order_evidence;
    const Countersign__V1__Order *order;
    const struct cs_use_fact *order_use;
    const struct cs_order_fact *order_fact;
    const struct cs_subject_fact *last_subject;
    uint32_t order_index; /* into f->evidence */
    struct cs_span account;
    struct cs_name_case *names; /* of the order in hand, one per name of the TBS; NULL: not looked up yet */
    const struct cs_evidence *identity; /* the OrganizationIdentity that O01 found to fit; or NULL */
};

struct cs_rule_row {
    enum cs_rule rule;
    enum cs_stage stage;
    unsigned inputs;
    bool (*holds)(struct cs_case *c);
};
const struct cs_rule_row *cs_rule_rows(size_t *n);

/* cs_refuse adds a reason for the row being judged and returns false. */
bool cs_refuse(struct cs_case *c, const char *subject, const char *found, const char *needed, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- dates ---- */

enum cs_age_kind { CS_AGE_DOMAIN, CS_AGE_IDENTITY };
/* Limits of now, by the tables and the policy; own_max_s (0: none) tightens further. */
uint32_t cs_validity_limit_s(const struct cs_facts *f);
uint32_t cs_policy_age_s(const struct cs_facts *f, enum cs_age_kind kind);
uint32_t cs_age_limit_s(const struct cs_facts *f, enum cs_age_kind kind, uint32_t own_max_s);
/* First second, not before now, at which data this old would no longer count. */
int64_t cs_age_end_unix_s(const struct cs_facts *f, enum cs_age_kind kind, uint32_t own_max_s,
                          int64_t earliest_unix_s);
/* now - then, held inside int64. */
int64_t cs_age_s(int64_t now_unix_s, int64_t then_unix_s);

/* ---- certificate profile and subject ---- */

/* cs_policies_read sets the profile that the certificatePolicies extension names. */
void cs_policies_read(struct cs_case *c);
bool cs_attribute_is(const struct cs_attribute *a, const char *oid, size_t oid_len);
#define CS_OID_CN "\x55\x04\x03"
#define CS_OID_C  "\x55\x04\x06"
/* "O", "CN", ... or the dotted OID. */
const char *cs_attribute_name(struct cs_arena *a, struct cs_span oid);
/* "subject:O" */
const char *cs_show_attribute(struct cs_arena *a, struct cs_span oid);

/* ---- names ---- */

/* "dns:...", "ip:..." or "san[i]" for other forms. */
const char *cs_show_san(struct cs_case *c, uint32_t i);
/* cs_dns_flaw tells (static text) why these octets are no dNSName a certificate may hold, or NULL. */
const char *cs_dns_flaw(struct cs_span name);
/* Octets of two DNS names, without regard to the case of ASCII letters. */
int cs_dns_cmp(struct cs_span a, struct cs_span b);
bool cs_dns_has_suffix(struct cs_span name, const char *suffix); /* suffix in lower case */
bool cs_dns_is_onion(struct cs_span name);
uint32_t cs_dns_labels(struct cs_span name);
/* The name without its n leftmost labels; empty when it has not more than n. */
struct cs_span cs_dns_parent(struct cs_span name, uint32_t n);
static inline bool cs_dns_is_wildcard(struct cs_span name)
{
    return name.len > 2 && name.at[0] == '*' && name.at[1] == '.';
}
bool cs_puny_valid(struct cs_span label); /* what follows "xn--" */
/* adn, which is name or stands above it, is not above the base domain of name (BR 3.2.2.4, pruning). */
bool cs_dns_within_base(const struct cs_lists *l, struct cs_span name, struct cs_span adn);

/* ---- orders ---- */

/* How well an order fits the request: smaller is better. */
enum cs_order_rank { CS_ORDER_ASKED, CS_ORDER_SAME, CS_ORDER_KEY, CS_ORDER_OTHER };
enum cs_order_rank cs_order_rank(const struct cs_facts *f, const Countersign__V1__Order *o);
/* Names of the TBS of one kind (CS_SAN_DNS, CS_SAN_IP), sorted by octets; returns how many. */
uint32_t cs_sorted_names(const struct cs_tbs *t, uint8_t tag, struct cs_span out[CS_TBS_NAMES_MAX]);
static inline struct cs_span cs_bytes(ProtobufCBinaryData b)
{
    return cs_span_of(b.data, b.len);
}
const char *cs_show_order(struct cs_arena *a, struct cs_span order_id);

/* ---- the rows ---- */

bool cs_client_may_use_issuer(struct cs_case *c);
bool cs_client_may_use_the_profile(struct cs_case *c);
bool cs_version_is_3_without_unique_ids(struct cs_case *c);
bool cs_issuer_is_the_issuers_subject(struct cs_case *c);
bool cs_algorithm_is_the_issuers(struct cs_case *c);
bool cs_serial_is_in_range(struct cs_case *c);
bool cs_serial_is_unused_or_paired(struct cs_case *c);
bool cs_not_before_is_near_now(struct cs_case *c);
bool cs_validity_is_within_limit(struct cs_case *c);
bool cs_not_after_is_within_issuer(struct cs_case *c);
bool cs_key_is_acceptable(struct cs_case *c);
bool cs_policies_give_the_profile(struct cs_case *c);
bool cs_subject_fits_the_profile(struct cs_case *c);
bool cs_common_name_copies_a_name(struct cs_case *c);
bool cs_aki_is_the_issuers_ski(struct cs_case *c);
bool cs_names_are_well_formed(struct cs_case *c);
bool cs_issuer_key_signs_leaves(struct cs_case *c);
bool cs_issuer_has_the_profile(struct cs_case *c);
bool cs_decision_can_be_recorded(struct cs_case *c);

/* lists: names, addresses, keys (key_rules.c, list_rules.c) */
bool cs_key_is_not_weak(struct cs_case *c);
bool cs_key_is_not_compromised(struct cs_case *c);
bool cs_names_are_of_the_public_internet(struct cs_case *c);
bool cs_wildcards_are_below_a_public_suffix(struct cs_case *c);

bool cs_order_is_present(struct cs_case *c);
bool cs_order_is_for_the_key(struct cs_case *c);
bool cs_order_names_the_names(struct cs_case *c);
bool cs_order_is_not_spent(struct cs_case *c);
bool cs_order_allows_not_after(struct cs_case *c);
bool cs_order_is_for_the_profile(struct cs_case *c);
bool cs_possession_was_proven(struct cs_case *c);
bool cs_nobody_objects_to_the_order(struct cs_case *c);

bool cs_names_are_covered(struct cs_case *c);
bool cs_names_are_caa_checked(struct cs_case *c);
bool cs_subject_is_attested(struct cs_case *c);

/* Profiles: subject, extensions, pins (profile.h). */
bool cs_extensions_are_of_a_subscriber(struct cs_case *c);
bool cs_key_purpose_is_tls_server(struct cs_case *c);
bool cs_names_and_attributes_are_of_evg(struct cs_case *c);
bool cs_tbs_is_the_pinned_profile(struct cs_case *c);
bool cs_poison_is_exact_and_alone(struct cs_case *c);
/* Linting. */
bool cs_tbs_is_linted(struct cs_case *c);
bool cs_linter_is_allowed(struct cs_case *c);
/* cs_lint_cover adds the lint that satisfies both to the cover map, if there is one. */
void cs_lint_cover(struct cs_case *c);
/* ---- identity: rules on the OrganizationIdentity that O01 found, and on what came before ---- */

bool cs_request_is_authentic(struct cs_case *c);
bool cs_identity_was_reviewed_by_others(struct cs_case *c);
bool cs_organization_change_is_vouched_for(struct cs_case *c);
bool cs_jurisdiction_is_listed(struct cs_case *c);
bool cs_agreement_and_requester_are_named(struct cs_case *c);

/* ---- what operators stopped or withdrew (hold_rules.c) ---- */

bool cs_no_hold_stops_the_certificate(struct cs_case *c);
bool cs_no_evidence_was_recalled(struct cs_case *c);
/* H02 for deposits: said when evidence is lacking, since what was recalled may be what is lacking. */
void cs_say_what_was_recalled(struct cs_case *c);

/* ---- pairs ---- */

bool cs_final_has_its_precertificate(struct cs_case *c);
bool cs_scts_are_of_the_precertificate(struct cs_case *c);
bool cs_precertificate_has_no_other_final(struct cs_case *c);
bool cs_final_can_follow_in_time(struct cs_case *c);

/* ---- rules on one statement of domain control, judged for every name it could serve ---- */

/* How far apart a name and the authorization domain name are. */
struct cs_reach {
    struct cs_span name; /* dNSName as in the SAN, or IP octets */
    bool ip;
    bool exact;    /* the name, without "*.", is the ADN (or the name applied for, by CNAME) */
    bool below;    /* the name is below the ADN */
    bool by_cname; /* found by the name applied for */
};

struct cs_control {
    const struct cs_evidence *evidence;
    const Countersign__V1__DomainControl *said;
    const struct cs_method_row *row;  /* NULL for a method without one */
    const struct cs_method_row *work; /* who did the work: behind a reverse look-up the inner method */
    uint32_t index;                   /* into f->evidence */
    bool needs_mpic;
    struct cs_mpic_count mpic; /* with needs_mpic and perspectives */
    int64_t earliest_unix_s, good_until_unix_s;
    uint32_t limit_s;
    const char *derivation_flaw; /* static; NULL when the derivation replays */
    const struct cs_lists *lists;
    unsigned fails; /* bits of the control rows that fail whatever the name */
};

struct cs_control_row {
    enum cs_rule rule;
    unsigned inputs;
    /* With reach NULL: whatever the name. */
    bool (*holds)(const struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach);
    void (*say)(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                const char *subject);
};
const struct cs_control_row *cs_control_rows(size_t *n);
/* "evidence[3] for dns:example.com by dcv_dns_change" */
const char *cs_show_control(const struct cs_case *c, const struct cs_control *k);
bool cs_control_is_ip(const struct cs_control *k);
void cs_control_fill(const struct cs_case *c, uint32_t evidence, struct cs_control *out);
/* Why the ADN does not follow from the name, or NULL. */
const char *cs_reach_flaw(const struct cs_control *k, const struct cs_reach *reach);

/* Of the controls that cover a name, only those may be taken that a filter accepts. */
struct cs_control_filter {
    bool (*accepts)(void *ctx, const struct cs_control *k);
    void *ctx;
};

/* Index of the domain control statements of a case, for look-up by name and by its ancestors. */
struct cs_control_index;
CS_RESULT cs_control_index_new(struct cs_case *c, struct cs_control_index **out);
/* The control that covers the name longest, or NULL; then *nearest (may become NULL) and *reach tell
 * which one fails fewest rules, and how it relates to the name. */
const struct cs_control *cs_control_find(const struct cs_case *c, const struct cs_control_index *x,
                                         const struct cs_san *name, const struct cs_control_filter *filter,
                                         const struct cs_control **nearest, struct cs_reach *reach);

/* ---- V04, V07, V08, V09, V10: control rows that look at what the work rests on ---- */

typedef bool cs_control_holds(const struct cs_case *c, const struct cs_control *k,
                              const struct cs_reach *reach);
typedef void cs_control_say(struct cs_case *c, const struct cs_control *k, const struct cs_reach *reach,
                            const char *subject);
cs_control_holds cs_value_was_fresh_and_unused, cs_perspectives_suffice, cs_perspectives_are_given,
    cs_dnssec_was_validated, cs_attester_is_the_ca, cs_mailbox_is_of_the_domain;
cs_control_say cs_say_value, cs_say_perspectives, cs_say_no_perspectives, cs_say_dnssec, cs_say_third_party,
    cs_say_mailbox;

/* Attesters of a statement that are delegated third parties: the first one's name, or NULL. */
const char *cs_third_party_of(const struct cs_case *c, const struct cs_evidence *e);
/* "2/4 remote perspectives corroborate in 1 region ..." and why that does not do. */
const char *cs_show_mpic(const struct cs_case *c, const struct cs_mpic_count *n);
/* "at least 4 remotes, ..." */
const char *cs_show_mpic_needed(const struct cs_case *c, const struct cs_mpic_count *n);

/* ---- rules on one CAA check, judged for every name it could serve ---- */

/* What a name asks of its check. control: that which covers the name; NULL while none does. */
struct cs_caa_ask {
    struct cs_span name; /* as in the SAN */
    bool wildcard;
    const struct cs_control *control;
};

struct cs_caa {
    const struct cs_evidence *evidence;
    const Countersign__V1__CaaCheck *said;
    uint32_t index; /* into f->evidence */
    int64_t good_until_unix_s;
    struct cs_mpic_count mpic; /* with perspectives */
    unsigned fails;            /* bits of the rows that fail whatever the name */
};

struct cs_caa_row {
    enum cs_rule rule;
    unsigned inputs;
    /* With ask NULL: whatever the name. */
    bool (*holds)(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask);
    void (*say)(struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask, const char *subject);
};
const struct cs_caa_row *cs_caa_rows(size_t *n);
void cs_caa_fill(const struct cs_case *c, uint32_t evidence, struct cs_caa *out);
/* True when this check takes away what older ones permit: it forbids, for the account, tag, account URI
 * and method of the ask. It does so however old it is: only a newer check can know better. */
bool cs_caa_forbids(const struct cs_case *c, const struct cs_caa *a, const struct cs_caa_ask *ask);

/* CAA checks of a case, sorted for look-up by name. */
struct cs_caa_index;
CS_RESULT cs_caa_index_new(struct cs_case *c, struct cs_caa_index **out);
/* The check that permits the ask, the newest first, or NULL; then *nearest (may become NULL) fails fewest
 * rules. A check that forbids ends the reign of every older one it speaks about. */
const struct cs_caa *cs_caa_find(const struct cs_case *c, const struct cs_caa_index *x,
                                 const struct cs_caa_ask *ask, const struct cs_caa **nearest);

/* ---- why the nearest statement does not do ---- */

/* One statement before the rows of its kind, for one name. */
struct cs_trial {
    size_t n_rows;
    enum cs_rule (*rule)(size_t row);
    bool (*holds)(const struct cs_case *c, const struct cs_trial *t, size_t row);
    void (*say)(struct cs_case *c, const struct cs_trial *t, size_t row, const char *subject);
    union {
        const struct cs_control *control;
        const struct cs_caa *caa;
    };
    union {
        const struct cs_reach *reach;
        const struct cs_caa_ask *ask;
    };
};
/* cs_say_why_not adds the reason of each row that does not hold, under that row's rule. */
void cs_say_why_not(struct cs_case *c, const struct cs_trial *t, const char *subject);

/* ---- control and CAA check of each name, chosen so that they agree ---- */

struct cs_name_case {
    const struct cs_control *control, *nearest_control;
    struct cs_reach reach; /* of nearest_control */
    bool needs_caa;
    const struct cs_caa *caa, *nearest_caa;
};
/* cs_name_cases looks all names up once per order; NULL (and c->no_memory) when memory runs out. */
const struct cs_name_case *cs_name_cases(struct cs_case *c);

#endif
