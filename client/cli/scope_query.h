/*
 * The selectors of `countersign scope` as a query.
 */
#ifndef CS_CLIENT_CLI_SCOPE_QUERY_H
#define CS_CLIENT_CLI_SCOPE_QUERY_H

#include "client/cli/options.h"
#include "proxy/scope/query.h"

/* Rows of the options table that select; for commands that take the same query. */
#define CS_SCOPE_OPTIONS                                                                                    \
    { "name", "NAME", "dNSName or IP address exactly as certified", CS_OPT_REPEATED },                      \
        { "suffix", "NAME", "this name and everything below it, wildcards included", CS_OPT_REPEATED },     \
        { "account", "ID", "account", CS_OPT_REPEATED },                                                    \
        { "organization", "TEXT", "organisation in the subject; case, spaces and punctuation do not count", \
          CS_OPT_REPEATED },                                                                                \
        { "record", "ID[:VERSION]", "organisation record relied on", CS_OPT_REPEATED },                     \
        { "statement", "HEX", "statement id relied on", CS_OPT_REPEATED },                                  \
        { "evidence", "HEX", "SHA-256 of an envelope relied on", CS_OPT_REPEATED },                         \
        { "attester", "NAME", "attester of evidence relied on", CS_OPT_REPEATED },                          \
        { "role", "ROLE", "role of an attester", CS_OPT_REPEATED },                                         \
        { "person", "NAME", "collector, reviewer, approver, officer, requester", CS_OPT_REPEATED },         \
        { "method", "NAME", "validation method, for instance dcv_acme_http_01", CS_OPT_REPEATED },          \
        { "software", "NAME[/VERSION[..VERSION]]", "software behind a statement; a range is inclusive",     \
          CS_OPT_REPEATED },                                                                                \
        { "perspective", "ID", "network perspective behind a statement", CS_OPT_REPEATED },                 \
        { "client", "NAME", "client of the policy", CS_OPT_REPEATED },                                      \
        { "api-version", "TEXT", "API version of the client", CS_OPT_REPEATED },                            \
        { "issuer", "NAME", "issuer of the policy", CS_OPT_REPEATED },                                      \
        { "policy", "HEX", "SHA-256 of the policy in force", CS_OPT_REPEATED },                             \
        { "profile", "NAME", "domain-validated, organization-validated, ...", CS_OPT_REPEATED },            \
        { "rule", "ID", "rule that refused; implies --kind refusal", CS_OPT_REPEATED },                     \
        { "key", "HEX", "SHA-256 of the SubjectPublicKeyInfo", CS_OPT_REPEATED },                           \
        { "serial", "HEX", "serial number", CS_OPT_REPEATED },                                              \
        { "order", "ID", "order id", CS_OPT_REPEATED },                                                     \
        { "kind", "KIND",                                                                                   \
          "intent (default), precertificate, certificate, refusal, authorization, deposit, "                \
          "hold, recall",                                                                                   \
          CS_OPT_REPEATED },                                                                                \
        { "result", "RESULT", "signed, unknown, not-signed, open, refused", CS_OPT_REPEATED },              \
        { "from", "TIME", "decided at or after, " CS_SCOPE_TIME, CS_OPT_VALUE },                            \
    {                                                                                                       \
        "until", "TIME", "decided before", CS_OPT_VALUE                                                     \
    }
#define CS_SCOPE_TIME "for instance 2026-11-21T00:00:00Z, now or -2h"

struct cs_scope_arguments {
    struct cs_scope_selector selector[CS_SCOPE_SELECTORS_MAX];
    struct cs_arena arena; /* of the values */
    struct cs_scope_query query;
};
void cs_scope_arguments_done(struct cs_scope_arguments *a);

/* cs_scope_arguments_read makes the query; ARGUMENT with a note that names flag, value and what was
 * needed. now_unix_s stands for "now". *out is done by the caller in every case. */
CS_RESULT cs_scope_arguments_read(const struct cs_args *args, int64_t now_unix_s,
                                  struct cs_scope_arguments *out, struct cs_note *note);

/* Words for a result, the same as --result takes; static. */
const char *cs_scope_result_name(enum cs_scope_result r);

#endif
