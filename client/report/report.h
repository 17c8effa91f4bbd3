/*
 * Report of an incident: what the ledger knows about a set of certificates, gathered once, then written as
 * Markdown (CCADB incident report 3.2), as the appendix CSV and as one HTML page.
 *
 * Texts of a report are clean: valid UTF-8 without control characters, line ends or characters that change
 * the direction of text; each writer escapes for its own format.
 */
#ifndef CS_REPORT_REPORT_H
#define CS_REPORT_REPORT_H

#include "client/report/deadlines.h"
#include "proxy/base/arena.h"
#include "proxy/scope/query.h"

/* One envelope that a certificate relied on, and what it was relied on for. */
struct cs_report_evidence {
    const char *kind; /* "domain_control" */
    const char *sha256, *statement_id, *attester, *role, *software, *issued_at;
    const char *detail;   /* method, record and version ...; "" when there is nothing more to say */
    bool is_organization; /* an OrganizationIdentity */
};
struct cs_report_reliance {
    const struct cs_report_evidence *evidence;
    const char *covers; /* "example.com, CAA of example.com"; "" when it covers nothing by itself */
};

/* What a person said about revocation (--revoked). */
struct cs_report_revocation {
    const char *status; /* Yes, Planned, Delayed, N/A; "" when nobody said */
    const char *date, *reason;
};

enum { CS_REPORT_HEX_LEN = 2 * CS_SHA256_LEN + 1 };

/* One certificate: precertificate and certificate of a pair, or either alone. */
struct cs_report_row {
    struct cs_sha256 pair;
    uint64_t precertificate_seq, certificate_seq; /* intents; 0: none */
    bool matched_precertificate, matched_certificate;
    char precertificate_sha256[CS_REPORT_HEX_LEN], certificate_sha256[CS_REPORT_HEX_LEN]; /* "": none known */
    bool unknown;          /* some intent has no signature on record, but the key may have been used */
    int64_t issued_unix_s; /* of the first intent */
    int64_t not_before_unix_s, not_after_unix_s;
    bool short_lived; /* BR 1.6.1 */
    const char *subject, *issuer_dn, *issuer, *organization, *dns_names, *ip_addresses, *first_name;
    const char *profile, *account, *order, *client, *api_version, *serial;
    uint32_t n_names, n_relied;
    struct cs_report_reliance *relied;
    struct cs_report_revocation revocation;
};

struct cs_report_day {
    uint32_t n_issued, n_affected; /* pairs, by the day of the first intent */
};

enum cs_report_event_kind {
    CS_REPORT_AFFECTED = 1, /* first and last affected issuance */
    CS_REPORT_POLICY,
    CS_REPORT_HOLD,
    CS_REPORT_RECALL,
    CS_REPORT_REFUSAL,
    CS_REPORT_AWARE,
};
struct cs_report_event {
    int64_t unix_s;
    uint64_t seq; /* 0: not of the ledger */
    enum cs_report_event_kind kind;
    const char *text;
};

enum { CS_REPORT_EVENTS_MAX = 500, CS_REPORT_TYPES = 5 };

struct cs_report {
    struct cs_arena arena;
    struct cs_report_row *row;
    uint32_t n_rows, room_rows;
    struct cs_report_day *day; /* day i is first_day + i, in days since 1970 */
    uint32_t n_days;
    int64_t first_day;
    struct cs_report_event *event; /* in the order of time */
    uint32_t n_events, room_events, n_events_left_out;
    struct cs_scope_cover cover;
    const char *deployment; /* of the last start in the span; "" when there was none */
    uint64_t n_refusals;    /* in the span */
    uint64_t n_completed;   /* pairs whose other half did not match the query itself */
    /* counts over rows */
    uint32_t n_valid, n_short_lived, n_accounts, n_unknown, n_pre_only, n_final_only;
    uint32_t by_type[CS_REPORT_TYPES]; /* index: Profile; 0: another policy OID */
    int64_t first_unix_s, last_unix_s; /* affected issuance; 0: none */
    bool revocations_given;
};

/* What the command was asked. Borrowed. */
struct cs_report_ask {
    const char *ledger; /* path */
    const char *ledger_name;
    const char *title;
    const char *command;          /* the query as a command line */
    const char *const *heuristic; /* the query in words, a line each */
    uint32_t n_heuristic;
    const struct cs_scope_query *query;
    struct cs_scope_options options;
    int64_t now_unix_s;
    int64_t aware_unix_s; /* 0: not said */
    const struct cs_deadline *reason[CS_DEADLINES_MAX];
    uint32_t n_reasons;
    const char *revoked; /* path of --revoked, or NULL */
    bool has_hold, has_recall;
};

/*
 * cs_report_gather answers the query, completes pairs, reads the span from a week before the
 * first affected issuance to the end of the ledger, and counts. Intents that were certainly not signed are
 * left out.
 *
 * STORE or STORE_CORRUPT with a note as cs_scope_run; FORM with a note when the revocations file cannot be
 * read. *out is zero before and is done by the caller in every case.
 */
CS_RESULT cs_report_gather(const struct cs_report_ask *ask, struct cs_report *out, struct cs_note *note);
void cs_report_done(struct cs_report *r);

/* The writers append to an unbounded buffer; memory running out shows in out->failed. */
void cs_report_markdown(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out);
void cs_report_appendix(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out);
enum { CS_REPORT_PAGE_ROWS_MAX = 5000 }; /* certificates shown on the page; the appendix has all */
void cs_report_page(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out);

/* ---- shared by the writers ---- */

/* The moment a certificate is to be revoked by; 0 when no reason or no time of awareness was given, or the
 * certificate is short-lived and so exempt. */
int64_t cs_report_revoke_by(const struct cs_report_ask *ask, const struct cs_report_row *row);
const char *cs_report_type_name(unsigned type); /* "Organization Validated (2.23.140.1.2.2)" */
bool cs_report_is_valid(const struct cs_report_ask *ask, const struct cs_report_row *row);

#endif
