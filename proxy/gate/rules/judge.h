/*
 * Judge: facts first, then pure rule rows, all reasons collected. Nothing here reads a clock, a file
 * or the ledger: whoever gathers the facts does. Approvals can only subtract (P-APPROVAL).
 */
#ifndef CS_GATE_RULES_JUDGE_H
#define CS_GATE_RULES_JUDGE_H

#include "proxy/gate/der/spki.h"
#include "proxy/gate/der/tbs.h"
#include "proxy/gate/evidence/evidence.h"
#include "proxy/gate/lists/keys.h"
#include "proxy/gate/lists/lists.h"
#include "proxy/gate/selectors/stops.h"
#include "proxy/gate/verdict/verdict.h"
#include "proxy/policy/policy.h"

enum { CS_FACTS_EVIDENCE_MAX = 1024, CS_FACTS_ORDERS_MAX = 16, CS_FACTS_RECALLED_MAX = 16 };

enum cs_leaf_kind { CS_LEAF_PRECERTIFICATE = 1, CS_LEAF_CERTIFICATE };

/* Earlier use of a serial or an order, as the ledger answers it. */
struct cs_use_fact {
    bool precertificate, certificate; /* an intent that counts exists */
    struct cs_sha256 pair_sha256;     /* of that use */
    bool precertificate_signed;       /* and its signature is on record */
    int64_t precertificate_unix_s;    /* time of the precertificate's intent */
};

/* One SCT of the TBS's list, as far as its log and its signature go. */
enum cs_sct_state {
    CS_SCT_UNKNOWN_LOG = 0, /* none of the logs of the issuer's policy, or not of version 1 */
    CS_SCT_BAD,             /* of a known log, and not over this certificate */
    CS_SCT_VERIFIED,
};
struct cs_sct_fact {
    enum cs_sct_state state;
    uint32_t log; /* index into cs_policy.ct_log; 0 for an unknown one */
    int64_t timestamp_unix_s;
};

/* The newest certificate of an account with an organisation or a person in its subject. */
struct cs_subject_fact {
    uint64_t seq;                     /* of its intent; 0: the account has none */
    struct cs_span subject;           /* whole Name DER */
    struct cs_sha256 identity_sha256; /* payload digest of the OrganizationIdentity it relied on */
};

/* One order among the evidence that could be the request's. */
struct cs_order_fact {
    uint32_t evidence;                   /* index into cs_facts.evidence */
    struct cs_use_fact use;              /* filled by the gatherer, like all below */
    struct cs_subject_fact last_subject; /* of the order's account */
    uint32_t n_certificates;             /* as in cs_facts, of certificates signed for this order */
    struct cs_sha256 certificate_sha256[2];
};

/* Evidence that a recall withdrew: it is not among cs_facts.evidence, as if it had never come. */
struct cs_recalled_fact {
    const char *label;                           /* as cs_evidence.label */
    const Countersign__V1__Statement *statement; /* the evidence */
    const struct cs_stop *recall;
    bool with_request; /* sent with the request, not deposited */
};

struct cs_facts {
    int64_t now_unix_s;
    const struct cs_policy *policy;
    const struct cs_issuer *issuer;
    const struct cs_lists *lists;   /* without them nothing is admitted */
    const struct cs_client *client; /* NULL in tools and tests that judge without a caller */
    struct cs_span order_id;        /* asked for by the request; may be empty */

    const struct cs_tbs *tbs;
    struct cs_spki_facts spki;
    struct cs_modulus_flaws modulus_flaws; /* RSA only */
    enum cs_list_answer debian_weak; /* UNKNOWN without lists, and for keys that are neither RSA nor EC */
    struct cs_sha256 tbs_sha256, spki_sha256, pair_sha256;
    enum cs_leaf_kind kind; /* precertificate iff the poison is there */

    uint32_t n_evidence; /* admitted evidence, inline first */
    struct cs_evidence *evidence;

    uint32_t n_orders;
    struct cs_order_fact order[CS_FACTS_ORDERS_MAX];

    /* Per evidence: its one-time token was spent by another statement. NULL: none was. */
    const bool *token_spent;

    struct cs_use_fact serial_use; /* of (issuer, serial) */
    /* The TBS is the final certificate of a precertificate whose CAA was checked when it was signed, and
     * which is known to be in at least two public logs (BR 4.2.2.1). */

    const char *scts_flaw; /* static: why the SCT list could not be read; NULL when it was, or is absent */
    uint32_t n_scts;
    struct cs_sct_fact sct[CS_POLICY_SCTS_MAX];
    /* A final certificate whose precertificate was judged and signed here and is in two logs: BR 4.2.2.1
     * asks for no further CAA check. Follows from the facts above; see cs_facts_are_of_a_logged_pair. */
    bool caa_exempt_by_logged_precertificate;

    const struct cs_stops *holds; /* NULL: none, in tools and tests that judge without them */
    /* Recalled evidence that the request brought, or that would have been looked up: the first of it. */
    uint32_t n_recalled;
    struct cs_recalled_fact recalled[CS_FACTS_RECALLED_MAX];
    /* SHA-256 of certificates on record with this serial; looked up while a hold selects by certificate. */
    uint32_t n_certificates;
    struct cs_sha256 certificate_sha256[2];

    bool witnesses_lapsed; /* too few cosigned in time, or none since the start */
    bool ledger_ready;     /* the ledger takes entries and the clock is not behind it */
};

/* cs_facts_of_tbs fills what follows from the TBS and f->lists alone (spki, key lists, digests, kind). */
CS_RESULT cs_facts_of_tbs(struct cs_facts *f, const struct cs_tbs *tbs);

/* cs_facts_find_orders lists the orders among f->evidence that could be meant, best first: the asked
 * order id, then this key with exactly these names, then this key, then (only to name what differs)
 * any other. The gatherer fills each .use afterwards. */
void cs_facts_find_orders(struct cs_facts *f);

/* cs_facts_are_of_a_logged_pair is true for a final certificate with the precertificate on record, signed,
 * and SCTs for it that verify, of at least two logs. */
bool cs_facts_are_of_a_logged_pair(const struct cs_facts *f);

/* cs_subject_names_somebody is true when the subject has an organizationName, givenName or surname: then
 * the ledger keeps it for the account. */
bool cs_subject_names_somebody(const struct cs_tbs *t);

/*
 * cs_judge applies every rule and adds all reasons and covers to v. *out_order is the index into
 * f->evidence of the order the verdict rests on, or UINT32_MAX. When several orders fit, the first
 * that admits is taken; when none does, the reasons are those of the one that comes nearest. An order id
 * asked for allows no other. A failure result means it could not be judged (memory); v is then void.
 *
 * A cover's good_until is the first second at which it no longer counts: the statement expires, its data
 * are over the age limit of that day, or its method is refused from then on.
 */
CS_RESULT cs_judge(const struct cs_facts *f, struct cs_verdict *v, uint32_t *out_order);

/*
 * cs_token_of is true when a statement rests on something that may be used once: a single-use token, bound
 * to the statement that used it, or a random value that the method wants unique to each message, bound to
 * account and contact (one message may speak of several domains). *token is what was used, *bound what for.
 * The gatherer asks the ledger for every token of f->evidence; whoever signs records those relied on.
 */
bool cs_token_of(const struct cs_evidence *e, struct cs_sha256 *token, struct cs_sha256 *bound);

/* A CAA check may be that old whatever its TTL says. */
enum { CS_CAA_AGE_MIN_S = 8 * 3600 };
/* cs_caa_may_permit is true while this check is young enough to permit a name (C01), and does not forbid it.
 */
bool cs_caa_may_permit(const struct cs_facts *f, const Countersign__V1__CaaCheck *m);

/* ---- data by date, shared with documentation and tools ---- */

/* Largest values for something issued at now (BR 4.2.1, 6.3.2; ballot SC-081). Seconds. */
struct cs_period_row {
    int64_t from_unix_s;
    uint32_t validity_s; /* both ends counted */
    uint32_t domain_age_s;
    uint32_t identity_age_s;
};
const struct cs_period_row *cs_period_at(int64_t now_unix_s);
const struct cs_period_row *cs_period_rows(size_t *n); /* ascending; the first has no beginning */
/* The first row that begins after now; NULL when there is none. */
const struct cs_period_row *cs_period_after(int64_t now_unix_s);

/* What a validation method may do, and until when (BR 3.2.2.4, 3.2.2.5). NULL for unknown numbers. */
struct cs_method_row {
    int method;
    const char *section;  /* "3.2.2.4.19" */
    int64_t until_unix_s; /* first second at which it is refused; INT64_MAX: open */
    bool for_ip;          /* iPAddress; otherwise dNSName */
    bool wildcard;        /* covers a wildcard name */
    bool child_names;     /* covers names below the ADN */
    bool cname;           /* the ADN may be a CNAME target */
    bool onion;
    uint32_t max_age_s; /* below the period's; 0: the period's own */
    bool mpic;          /* corroborated by remote perspectives, but for .onion names */
    bool dns;           /* DNS queries are part of it, but for .onion names */
    bool persists;      /* rests on a lasting record that names account and issuer */
    /* Random value or token: always, or only when a message was left. Its lifetime; 0: has none. */
    bool value, value_if_left;
    uint32_t value_s;
    bool value_as_reuse;    /* the period's domain_age_s, where that is longer */
    bool value_per_message; /* a random value stands for one message to one contact */
};
const struct cs_method_row *cs_method_row(int method);
const struct cs_method_row *cs_method_rows(size_t *n);

#endif
