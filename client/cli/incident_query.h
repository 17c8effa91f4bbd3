/*
 * The question of an incident: selectors from the command line and from --query, as arguments, as a scope
 * query, in words, as the file that asks it again, and as a hold and a recall.
 */
#ifndef CS_CLIENT_CLI_INCIDENT_QUERY_H
#define CS_CLIENT_CLI_INCIDENT_QUERY_H

#include <jansson.h>

#include "client/cli/scope_query.h"
#include "client/report/report.h"

enum { CS_INCIDENT_WORDS_MAX = 32 };

struct cs_incident_query {
    struct cs_args args; /* what was given, and the members of --query */
    struct cs_scope_arguments scope;
    struct cs_arena arena;
    json_t *asked; /* selector -> array of texts, times made absolute */
    const char *words[CS_INCIDENT_WORDS_MAX];
    uint32_t n_words;
    const char *command;
};
void cs_incident_query_done(struct cs_incident_query *q);

/* cs_incident_query_read: ARGUMENT with a note when a selector or the file is not one, or when it asks for
 * other than certificates. *out is zero before and is done by the caller in every case. */
CS_RESULT cs_incident_query_read(const struct cs_args *args, int64_t now_unix_s,
                                 struct cs_incident_query *out, struct cs_note *note);

/* Bodies for `hold place --from` and `recall place --from`; NULL when the question names nothing that can be
 * put into one. The hold is never narrower than the question, as far as a hold can say it; without any such
 * selector it stops the accounts of the certificates. */
json_t *cs_incident_hold(const struct cs_incident_query *q, const struct cs_report *r, const char *title);
json_t *cs_incident_recall(const struct cs_incident_query *q, const struct cs_report *r, const char *title);

#endif
