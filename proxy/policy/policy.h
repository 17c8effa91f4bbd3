/*
 * Policy: who may ask, who may attest, which keys sign what. One YAML document, self-contained
 * (certificates and public keys stand in it as PEM), read strictly: unknown keys, duplicate keys,
 * anchors, tags, and scalars that are not exactly of the wanted form refuse, each with the line and
 * the key. Baseline rules are compiled in; nothing here switches one off.
 *
 * The loader takes bytes: whether they come from a file or, later, out of a bundle signed by the
 * operators is its caller's business.
 */
#ifndef CS_POLICY_POLICY_H
#define CS_POLICY_POLICY_H

#include <openssl/ct.h>
#include <openssl/evp.h>

#include "proxy/base/bytes.h"
#include "proxy/base/digest.h"
#include "proxy/ipc/errand.h"
#include "proxy/ipc/keytable.h"
#include "proxy/policy/names.h"
#include "proxy/policy/perspectives.h"
#include "proxy/policy/version.h"
#include "proxy/tlog/key.h"

enum {
    CS_POLICY_MAX_LEN = 4 * 1024 * 1024,
    CS_POLICY_ISSUERS_MAX = CS_KEYS_MAX,
    CS_POLICY_ATTESTERS_MAX = 256,
    CS_POLICY_CLIENTS_MAX = 256,
    CS_POLICY_CLIENT_AUTHORITIES_MAX = 16,
    CS_POLICY_ACCOUNT_PREFIXES_MAX = 64,     /* of one client */
    CS_POLICY_ACCOUNT_PREFIX_MAX_LEN = 128,  /* an account has no more */
    CS_POLICY_CALLS_PER_SECOND_MAX = 100000, /* rate and burst of one client */
    CS_POLICY_CALLS_IN_FLIGHT_MAX = 10000,   /* of one client */
    CS_LIST_PATH_MAX_LEN = 4096,
    CS_POLICY_CAA_IDENTITIES_MAX = 16,
    CS_POLICY_LINTERS_MAX = 16,
    CS_POLICY_CT_LOGS_MAX = 64,
    CS_POLICY_SCTS_MAX = 16,            /* that one certificate may carry */
    CS_POLICY_PINS_MAX = 32,            /* of one issuer */
    CS_POLICY_PIN_EXTENSIONS_MAX = 48,  /* of one pin */
    CS_POLICY_PIN_VALUE_MAX_LEN = 4096, /* of one fixed value */
    CS_POLICY_ORIGIN_MAX_LEN = 200,
    CS_POLICY_ID_MAX_LEN = 64, /* ids and names: [A-Za-z0-9][A-Za-z0-9._/@-]* */
};

/* One pinned profile of an issuer: which extensions a TBS has, in which order, and what they hold. */
enum cs_pin_critical { CS_PIN_NOT_CRITICAL, CS_PIN_CRITICAL, CS_PIN_EITHER };
struct cs_pin_extension {
    struct cs_span oid; /* content octets; empty with is_ct */
    bool is_ct;         /* the place of the poison or the SCT list */
    bool fixed;         /* value is what stands there */
    enum cs_pin_critical critical;
    struct cs_span value; /* extnValue content */
};
struct cs_pin {
    struct cs_span name;
    uint64_t version; /* from 1; name and version are unique in the issuer */
    int profile;      /* Countersign__V1__Profile, one the issuer has */
    bool any_order;
    uint32_t n_extensions, n_attributes;
    struct cs_pin_extension *extension;
    struct cs_span *attribute; /* OIDs (content octets) of further subject attributes */
};

/* A CT log whose SCTs may count (RFC 6962). */
struct cs_ct_log {
    struct cs_span name;
    struct cs_span operator;
    CTLOG *log;          /* owned by the policy; holds the public key */
    struct cs_sha256 id; /* SHA-256 of the key's DER SubjectPublicKeyInfo */
};

/* What an issuer's final certificates must carry. Zero: no ct in the policy, and then no SCTs either. */
struct cs_issuer_ct {
    uint32_t required_scts;  /* of different logs; 0: none */
    bool distinct_operators; /* and of different operators */
    uint64_t logs;           /* bit i: ct_log[i] */
};

struct cs_issuer {
    struct cs_span id;
    struct cs_span certificate; /* DER */
    struct cs_span subject;     /* whole Name DER */
    struct cs_span spki;        /* whole SubjectPublicKeyInfo DER */
    struct cs_span ski;         /* SubjectKeyIdentifier; an issuer without one refuses to load */
    int64_t not_before_unix_s, not_after_unix_s;
    struct cs_span key_uri;
    uint32_t purposes;   /* bits of enum cs_purpose */
    uint32_t algorithms; /* bits 1 << enum cs_algorithm; each fits the certificate's key */
    uint32_t profiles;   /* bits 1 << Countersign__V1__Profile */
    /* Issuer-domain-names that mean this CA in CAA and persistent records; purpose leaf has at least one. */
    uint32_t n_caa_identities;
    struct cs_span caa_identity[CS_POLICY_CAA_IDENTITIES_MAX];
    uint32_t n_pins; /* none: the baseline alone */
    struct cs_pin *pin;
    struct cs_issuer_ct ct;
};

struct cs_attester {
    struct cs_span name;
    enum cs_attester_algorithm algorithm;
    EVP_PKEY *key;                               /* owned by the policy */
    struct cs_sha256 spki_sha256;                /* of the public key; unique over all attesters */
    uint32_t roles;                              /* bits 1 << Countersign__V1__Role */
    struct cs_method_set methods;                /* validation-system only: methods it may attest */
    int64_t not_before_unix_s, not_after_unix_s; /* statements issued in [not_before, not_after) count */
    struct cs_span person; /* who holds the key, for rules that need different people; may be empty */
    bool third_party;      /* a delegated third party; never with the role validation-system (BR 1.3.2) */
};

/* How fast one client may call. Each 0: no such limit. */
struct cs_client_limits {
    uint32_t per_second, burst; /* both or neither; burst calls at once, then per_second */
    uint32_t in_flight;         /* calls not yet answered, open streams among them */
};

/* One API version of the CA, and what it may do. At most one client matches a peer: a policy with two that
 * could match the same peer does not load. */
struct cs_client {
    struct cs_span name;
    struct cs_span api_version;
    /* Unix sockets, by SO_PEERCRED: uid, gid or both; all that is given must fit. */
    bool has_uid, has_gid;
    uint32_t uid, gid;
    struct cs_span socket;   /* name of the listener; empty: any */
    struct cs_span dns;      /* TLS instead: dNSName of its certificate, lower case; empty: none */
    uint32_t rpcs;           /* bits 1 << enum cs_method; ask cs_client_may_call */
    uint64_t issuers;        /* bit i: may use issuer[i] */
    uint32_t profiles;       /* bits 1 << Countersign__V1__Profile; 0: those of its issuers */
    uint32_t n_accounts;     /* 0: every account */
    struct cs_span *account; /* prefixes */
    struct cs_client_limits limits;
    int64_t retired_unix_s; /* first second at which it is refused; INT64_MAX: never */
    /* As in cs_limits, for this client; 0: nothing tighter. */
    uint32_t max_validity_s, max_domain_age_s, max_identity_age_s;
    uint64_t authorizes_for[CS_POLICY_CLIENTS_MAX / 64]; /* bit i: AuthorizeTbs for client[i] */
    bool all_entries; /* receipts and queries reach the entries of every client */
};

/* Limits only tighten; 0 = the baseline's own. */
struct cs_limits {
    uint32_t max_validity_s;       /* notAfter - notBefore, both ends counted */
    uint32_t max_domain_age_s;     /* of domain and IP evidence */
    uint32_t max_identity_age_s;   /* of organisation evidence */
    uint32_t clock_skew_s;         /* how far in the future issued_at may lie; default 60, at most 300 */
    uint32_t organization_signers; /* different keys on an OrganizationIdentity; default 1 */
};

/* One data file of the gate. Paths are absolute; texts are sentences for log and ledger, NULL when the
 * policy accepts nothing of the kind. */
struct cs_list_source {
    const char *path; /* NULL: no such list */
    uint32_t max_age_s;
    const char *accept_stale;   /* why a list older than max_age_s is used */
    const char *accept_missing; /* why there is no list, or none for some kinds of keys */
};

/* Data files that rules look into (proxy/gate/lists). Present whenever an issuer signs leaves; then
 * public_suffix has a path, and each key list has a path, an accept_missing or both. */
struct cs_lists_config {
    struct cs_list_source public_suffix, tld, debian_weak_keys, compromised_keys;
};

/* A version of a linter, and what is known of its dates. */
struct cs_linter_release {
    struct cs_version version;
    int64_t released_unix_s;   /* INT64_MIN: not said */
    int64_t superseded_unix_s; /* INT64_MAX: not said */
};

/* A linter whose statements count, for runs in [not_before, not_after). Either releases are listed, or
 * every version from min_version on is allowed. */
struct cs_linter {
    struct cs_span name;
    int64_t not_before_unix_s, not_after_unix_s; /* INT64_MIN, INT64_MAX: open */
    struct cs_version min_version;               /* when n_releases is 0 */
    uint32_t n_releases;
    const struct cs_linter_release *release;
};

struct cs_lint_policy {
    uint32_t n_linters; /* 0 only when no issuer signs leaves */
    struct cs_linter linter[CS_POLICY_LINTERS_MAX];
};

/* A place of incorporation or registration with its agency; empty spans are absent attributes. */
struct cs_agency {
    struct cs_span country, state, locality;
    struct cs_span number_format; /* of subject serialNumber; empty: any */
};

/* A witness of the ledger's log (C2SP tlog-witness). */
struct cs_witness {
    struct cs_tlog_key key; /* type cosignature; names and keys are unique */
    struct cs_span url;     /* prefix of its paths, without '/' at the end */
};
enum cs_witness_require {
    CS_WITNESS_NOT_REQUIRED = 0,
    CS_WITNESS_WITHIN,        /* entries wait for the quorum at most within_s, or nothing more is signed */
    CS_WITNESS_BEFORE_ANSWER, /* no signature leaves before the quorum has its entry */
};
struct cs_witnesses_policy {
    uint32_t quorum; /* 1 to n */
    enum cs_witness_require require;
    uint32_t within_s; /* with CS_WITNESS_WITHIN */
    uint32_t n;        /* 0: no witnesses */
    struct cs_witness witness[CS_WITNESSES_MAX];
};

struct cs_policy {
    struct cs_sha256 digest;      /* of the document's bytes */
    uint64_t version;             /* from 1 */
    struct cs_span deployment;    /* audience of evidence */
    struct cs_span ledger_origin; /* name of the ledger's log; empty without the section */
    uint32_t n_issuers, n_attesters, n_clients;
    struct cs_issuer issuer[CS_POLICY_ISSUERS_MAX];
    struct cs_attester attester[CS_POLICY_ATTESTERS_MAX];
    struct cs_client client[CS_POLICY_CLIENTS_MAX];
    /* Certificates (DER) of the CAs that issue client certificates for TLS. None: no TLS. */
    uint32_t n_client_authorities;
    struct cs_span client_authority[CS_POLICY_CLIENT_AUTHORITIES_MAX];
    struct cs_limits limits;
    struct cs_lists_config lists;
    struct cs_lint_policy lint;
    struct {
        uint32_t lift_quorum; /* different operators that lift a hold; 2 to 8 */
    } holds;
    struct cs_witnesses_policy witnesses;
    struct cs_sites perspectives; /* none without the section */
    uint32_t n_ct_logs;
    struct cs_ct_log ct_log[CS_POLICY_CT_LOGS_MAX];
    uint32_t n_agencies;
    struct cs_agency *agency; /* in the arena */
    struct cs_arena *arena;   /* owned; all spans above live in it */
};

/* cs_policy_load reads one document. CONFIG with a note of the form "line 12: attesters[1].roles:
 * 'validator' is not a role; one of validation-system, ..." on the first fault. *out is owned by the
 * caller: cs_policy_free. */
CS_RESULT cs_policy_load(struct cs_span document, struct cs_policy **out, struct cs_note *note);
void cs_policy_free(struct cs_policy *p); /* NULL-safe */

/* Look-ups; NULL when there is none. */
const struct cs_issuer *cs_policy_issuer(const struct cs_policy *p, struct cs_span id);
/* cs_issuer_is_caa_identity is true when the policy lists this issuer-domain-name for the issuer. */
bool cs_issuer_is_caa_identity(const struct cs_issuer *i, struct cs_span name);
const struct cs_attester *cs_policy_attester(const struct cs_policy *p, struct cs_span name);
/* A client's number is its place in the policy. */
static inline uint32_t cs_client_number(const struct cs_policy *p, const struct cs_client *c)
{
    return (uint32_t)(c - p->client);
}

/* Who a peer is. *out_client is set with CS_WHO_CLIENT, else NULL; *out_name is the dNSName that made it
 * so, the first one of the peer when none did, empty without any. */
enum cs_who {
    CS_WHO_CLIENT = 1,
    CS_WHO_NOBODY,   /* no client fits */
    CS_WHO_SEVERAL,  /* TLS: dNSNames of different clients */
    CS_WHO_ATTESTER, /* TLS: the key of the certificate is an attester's; who asks may not attest */
};
struct cs_peer;
enum cs_who cs_policy_who(const struct cs_policy *p, const struct cs_peer *peer,
                          const struct cs_client **out_client, struct cs_span *out_name);
/* "uid 1001, gid 5, socket old-api" or "dns api.example": how a client proves itself. */
void cs_client_identity_put(const struct cs_client *c, struct cs_buf *out);

/* What a client may do; each is the one place that knows. */
bool cs_client_may_call(const struct cs_client *c, unsigned method);
bool cs_client_may_use(const struct cs_policy *p, const struct cs_client *c, const struct cs_issuer *issuer);
bool cs_client_may_have_profile(const struct cs_client *c, int profile);
bool cs_client_may_order_for(const struct cs_client *c, struct cs_span account);
bool cs_client_may_authorize_for(const struct cs_policy *p, const struct cs_client *c,
                                 const struct cs_client *other); /* itself always */

const struct cs_linter *cs_policy_linter(const struct cs_policy *p, struct cs_span name);
const struct cs_linter_release *cs_linter_release_of(const struct cs_linter *l, const struct cs_version *v);
/* When a newer version came out: the row's own date, or the first release date of a newer row, whichever
 * is earlier. INT64_MAX: never, as far as the policy knows. */
int64_t cs_linter_superseded_unix_s(const struct cs_linter *l, const struct cs_linter_release *r);
/* cs_agency_number_fits is true when number is of the format: '#' a digit, '@' an upper-case letter,
 * '?' either, a '+' behind these one or more (as many as there are), all else itself. */
bool cs_agency_number_fits(struct cs_span format, struct cs_span number);

/* cs_policy_keytable fills the key table the signers get: key i is issuer i. Borrows from p. */
void cs_policy_keytable(const struct cs_policy *p, struct cs_span module, struct cs_keytable *out);

#endif
