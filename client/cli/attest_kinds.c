#include "client/cli/attest.h"

/* One list per kind owns its flags: X(name, value, help, option kind, member, form). */
#define OPTION(name, value, help, kind, member, form) { name, value, help, CS_OPT_##kind },
#define FLAG(name, value, help, kind, member, form)   { name, member, CS_ATTEST_##form },

#define PERSPECTIVE_HELP "ID,RIR,LAT,LON,passed|failed,TIME; the first is the primary"

#define DOMAIN(X)                                                                                            \
    X("name", "NAME", "authorization domain name, or IP address", VALUE, "", SUBJECT)                        \
    X("method", "METHOD", "for instance dcv_acme_http_01", VALUE, "method", TEXT)                            \
    X("scope", "SCOPE", "exact or namespace", VALUE, "scope", TEXT)                                          \
    X("initiated-at", "TIME", "when the validation was begun", VALUE, "initiated_at_unix_s", TIME)           \
    X("oldest-data-at", "TIME", "when its earliest datum was made", VALUE, "oldest_data_at_unix_s", TIME)    \
    X("observed-at", "TIME", "when control was seen", VALUE, "observed_at_unix_s", TIME)                     \
    X("challenge-kind", "KIND",                                                                              \
      "random_value (default with a digest), timestamped_token, single_use_token, none", VALUE,              \
      "challenge.kind", TEXT)                                                                                \
    X("challenge-sha256", "HEX", "digest of the random value or token", VALUE, "challenge.sha256", TEXT)     \
    X("challenge-created-at", "TIME", "when it was made", VALUE, "challenge.created_at_unix_s", TIME)        \
    X("applied-for", "NAME", "name the ADN was derived from", VALUE, "derivation.applied_for", TEXT)         \
    X("cname", "NAME", "CNAME target, in the order followed", REPEATED, "derivation.cname_chain", TEXT)      \
    X("pruned", "N", "labels pruned after that", VALUE, "derivation.pruned_labels", NUMBER)                  \
    X("perspective", "LIST", PERSPECTIVE_HELP, REPEATED, "perspectives", PERSPECTIVE)                        \
    X("attempt", "N", "number of the corroboration attempt (default 1)", VALUE, "perspectives.attempt",      \
      NUMBER)                                                                                                \
    X("dnssec", "STATUS", "secure, insecure, bogus or not_applicable", VALUE, "dnssec", TEXT)                \
    X("contact", "TEXT", "address or number used", VALUE, "contact", TEXT)                                   \
    X("account-uri", "URI", "account URI seen", VALUE, "account_uri", TEXT)                                  \
    X("issuer-domain", "NAME", "issuer domain name of the persistent record", VALUE, "issuer_domain", TEXT)  \
    X("persist-until", "TIME", "persistUntil of the record", VALUE, "persist_until_unix_s", TIME)            \
    X("inner-method", "METHOD", "ipcv_reverse_lookup: method used on the name", VALUE, "inner_method", TEXT) \
    X("record-sha256", "HEX", "digest of the validation system's record", VALUE, "record_sha256", TEXT)

#define CAA(X)                                                                                             \
    X("name", "NAME", "FQDN whose tree was climbed", VALUE, "domain", TEXT)                                \
    X("tag", "TAG", "issue or issuewild", VALUE, "tag", TEXT)                                              \
    X("result", "RESULT", "permitted, forbidden or lookup_failed", VALUE, "result", TEXT)                  \
    X("checked-at", "TIME", "when the records were looked up", VALUE, "checked_at_unix_s", TIME)           \
    X("ttl", "SECONDS", "smallest TTL of the records used", VALUE, "ttl_s", NUMBER)                        \
    X("found-at", "NAME", "where the relevant record set was", VALUE, "found_at", TEXT)                    \
    X("issuer-domain", "NAME", "issuer domain name that gave permission", VALUE, "issuer_domain", TEXT)    \
    X("account-uri", "URI", "accounturi parameter evaluated", VALUE, "account_uri", TEXT)                  \
    X("method", "METHOD", "method the validationmethods parameter was evaluated for", REPEATED, "methods", \
      TEXT)                                                                                                \
    X("unknown-critical-tag", NULL, "an unknown critical property was present", SWITCH,                    \
      "unknown_critical_tag", TRUE)                                                                        \
    X("failure-outside-ca", NULL, "lookup failed: outside the CA's infrastructure", SWITCH,                \
      "failure.outside_ca_infrastructure", TRUE)                                                           \
    X("failure-retries", "N", "lookup failed: how often it was retried", VALUE, "failure.retries", NUMBER) \
    X("failure-zone-insecure", NULL, "lookup failed: zone proven without DNSSEC", SWITCH,                  \
      "failure.zone_proven_insecure", TRUE)                                                                \
    X("perspective", "LIST", PERSPECTIVE_HELP, REPEATED, "perspectives", PERSPECTIVE)                      \
    X("attempt", "N", "number of the corroboration attempt (default 1)", VALUE, "perspectives.attempt",    \
      NUMBER)                                                                                              \
    X("dnssec", "STATUS", "secure, insecure, bogus or not_applicable", VALUE, "dnssec", TEXT)              \
    X("record-sha256", "HEX", "digest of the validation system's record", VALUE, "record_sha256", TEXT)

#define ORGANIZATION(X)                                                                                    \
    X("attribute", "TYPE=VALUE",                                                                           \
      "in subject order; TYPE is an OID or C, ST, L, O ..; TYPE:printable, :utf8", REPEATED, "attributes", \
      ATTRIBUTE)                                                                                           \
    X("record-id", "ID", "record of the organisation", VALUE, "record_id", TEXT)                           \
    X("record-version", "N", "its version, from 1", VALUE, "record_version", NUMBER)                       \
    X("previous-sha256", "HEX", "payload digest of the statement replaced", VALUE,                         \
      "previous_statement_sha256", TEXT)                                                                   \
    X("profile", "PROFILE", "iv, ov or ev", VALUE, "profile", PROFILE)                                     \
    X("source", "LIST", "KIND,NAME,REFERENCE,TIME", REPEATED, "sources", SOURCE)                           \
    X("oldest-data-at", "TIME", "when the earliest datum was made", VALUE, "oldest_data_at_unix_s", TIME)  \
    X("collector", "PERSON", "who collected", REPEATED, "collectors", TEXT)                                \
    X("reviewer", "PERSON", "who reviewed", REPEATED, "reviewers", TEXT)                                   \
    X("approver", "PERSON", "who approved", VALUE, "approver", TEXT)                                       \
    X("authenticity", "LIST", "METHOD,CONTACT SOURCE,TIME of BR 3.2.5", VALUE, "authenticity", AUTHENTICITY)

#define ORDER(X)                                                                                           \
    X("order-id", "ID", "id of the order", VALUE, "order_id", TEXT)                                        \
    X("csr", "FILE", "request: key, names and proof of possession come from it", VALUE, "", FILE)          \
    X("spki", "FILE", "public key", VALUE, "", FILE)                                                       \
    X("cert", "FILE", "certificate: key and names come from it", VALUE, "", FILE)                          \
    X("possession-proven", NULL, "proof of possession was checked elsewhere", SWITCH, "possession_proven", \
      TRUE)                                                                                                \
    X("dns", "NAME", "dNSName of the certificate", REPEATED, "dns_names", TEXT)                            \
    X("ip", "ADDRESS", "iPAddress of the certificate", REPEATED, "ip_addresses", TEXT)                     \
    X("profile", "PROFILE", "dv, iv, ov or ev", VALUE, "profile", PROFILE)                                 \
    X("latest-not-after", "TIME", "latest notAfter allowed", VALUE, "latest_not_after_unix_s", TIME)       \
    X("requester", "PERSON", "who asked", VALUE, "requester", TEXT)                                        \
    X("agreement", "TEXT", "agreement in force", VALUE, "agreement", TEXT)

#define LINT(X)                                                                         \
    X("tbs", "FILE", "TBSCertificate that was linted, DER", VALUE, "", FILE)            \
    X("tbs-of", "FILE", "certificate whose TBSCertificate was linted", VALUE, "", FILE) \
    X("tbs-sha256", "HEX", "digest of the TBSCertificate", VALUE, "tbs_sha256", TEXT)   \
    X("linter", "NAME", "for instance zlint", VALUE, "linter", TEXT)                    \
    X("version", "VERSION", "of the linter", VALUE, "linter_version", TEXT)             \
    X("ran-at", "TIME", "when it ran", VALUE, "ran_at_unix_s", TIME)                    \
    X("fatals", "N", "number of fatal findings", VALUE, "fatals", NUMBER)               \
    X("errors", "N", "number of errors", VALUE, "errors", NUMBER)                       \
    X("warnings", "N", "number of warnings", VALUE, "warnings", NUMBER)                 \
    X("notices", "N", "number of notices", VALUE, "notices", NUMBER)                    \
    X("passes", "N", "number of lints passed", VALUE, "passes", NUMBER)                 \
    X("finding", "LINT", "name of a lint behind them", REPEATED, "findings", TEXT)

#define APPROVAL(X)                                                                   \
    X("order-id", "ID", "order decided about", VALUE, "order_id", TEXT)               \
    X("decision", "DECISION", "approve, reject or withdraw", VALUE, "decision", TEXT) \
    X("person", "PERSON", "who decided", VALUE, "person", TEXT)                       \
    X("reason", "TEXT", "why", VALUE, "reason", TEXT)

const struct cs_option cs_options_attest_domain[] = { DOMAIN(OPTION) CS_ATTEST_COMMON_OPTIONS };
const struct cs_option cs_options_attest_caa[] = { CAA(OPTION) CS_ATTEST_COMMON_OPTIONS };
const struct cs_option cs_options_attest_organization[] = { ORGANIZATION(OPTION) CS_ATTEST_COMMON_OPTIONS };
const struct cs_option cs_options_attest_order[] = { ORDER(OPTION) CS_ATTEST_COMMON_OPTIONS };
const struct cs_option cs_options_attest_lint[] = { LINT(OPTION) CS_ATTEST_COMMON_OPTIONS };
const struct cs_option cs_options_attest_approval[] = { APPROVAL(OPTION) CS_ATTEST_COMMON_OPTIONS };

static const struct cs_attest_flag domain_flags[] = { DOMAIN(FLAG){ 0 } };
static const struct cs_attest_flag caa_flags[] = { CAA(FLAG){ 0 } };
static const struct cs_attest_flag organization_flags[] = { ORGANIZATION(FLAG){ 0 } };
static const struct cs_attest_flag order_flags[] = { ORDER(FLAG){ 0 } };
static const struct cs_attest_flag lint_flags[] = { LINT(FLAG){ 0 } };
static const struct cs_attest_flag approval_flags[] = { APPROVAL(FLAG){ 0 } };

enum { HOUR_S = 3600, DAY_S = 86400 };

int cs_cmd_attest_domain(struct cs_cli *cli, const struct cs_args *args)
{
    static const struct cs_attest_kind kind = {
        "domain_control", "validation_system", 90 * DAY_S, domain_flags, NULL, NULL
    };
    return cs_attest_run(cli, args, &kind);
}

int cs_cmd_attest_caa(struct cs_cli *cli, const struct cs_args *args)
{
    /* BR 4.2.2.1: issuance within the TTL of the CAA record, or 8 hours, whichever is greater. */
    static const struct cs_attest_kind kind = { "caa_check", "validation_system", 8 * HOUR_S, caa_flags, NULL,
                                                NULL };
    return cs_attest_run(cli, args, &kind);
}

int cs_cmd_attest_organization(struct cs_cli *cli, const struct cs_args *args)
{
    static const struct cs_attest_kind kind = {
        "organization_identity", "vetting_specialist", 365 * DAY_S, organization_flags, NULL, NULL
    };
    return cs_attest_run(cli, args, &kind);
}

int cs_cmd_attest_order(struct cs_cli *cli, const struct cs_args *args)
{
    static const struct cs_attest_kind kind = {
        "order",     "order_authority",        7 * DAY_S,
        order_flags, cs_attest_order_complete, cs_attest_order_normalize
    };
    return cs_attest_run(cli, args, &kind);
}

int cs_cmd_attest_lint(struct cs_cli *cli, const struct cs_args *args)
{
    static const struct cs_attest_kind kind = { "lint",     "lint_service",          7 * DAY_S,
                                                lint_flags, cs_attest_lint_complete, NULL };
    return cs_attest_run(cli, args, &kind);
}

int cs_cmd_attest_approval(struct cs_cli *cli, const struct cs_args *args)
{
    static const struct cs_attest_kind kind = { "approval",     "ra_officer", 7 * DAY_S,
                                                approval_flags, NULL,         NULL };
    return cs_attest_run(cli, args, &kind);
}
