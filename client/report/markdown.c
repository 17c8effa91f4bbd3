#include "client/report/gather.h"
#include "client/report/text.h"

#define PERSON "**[to be filled in by a person]**"

enum { DAY_S = 86400 };

static void summary(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_arena *a,
                    struct cs_buf *out)
{
    cs_buf_put_str(out, "## Summary\n\n- **CA Owner CCADB unique ID:** " PERSON "\n"
                        "- **Incident description:** " PERSON "\n"
                        "- **Timeline summary:**\n");
    if (r->n_rows != 0) {
        cs_buf_printf(out, "  - **Non-compliance start date:** %s (first affected issuance on record)\n",
                      cs_clean_minute(a, r->first_unix_s));
        cs_buf_printf(out, "  - **Non-compliance identified date:** %s\n",
                      ask->aware_unix_s != 0 ? cs_clean_minute(a, ask->aware_unix_s) : PERSON);
        cs_buf_printf(out,
                      "  - **Non-compliance end date:** %s is the last affected issuance on record; " PERSON
                      ": when it could not happen again\n",
                      cs_clean_minute(a, r->last_unix_s));
    } else {
        cs_buf_put_str(out,
                       "  - **Non-compliance start date:** N/A\n  - **Non-compliance identified date:** N/A\n"
                       "  - **Non-compliance end date:** N/A\n");
    }
    cs_buf_put_str(out, "- **Relevant policies:** " PERSON);
    for (uint32_t i = 0; i < ask->n_reasons; i++)
        cs_buf_printf(out, "%s BR 4.9.1.1: %s",
                      i != 0 ? ";" : " (reason given for revocation:", ask->reason[i]->text);
    cs_buf_put_str(out, ask->n_reasons != 0 ? ")\n" : "\n");
    cs_buf_put_str(out, "- **Source of incident disclosure:** " PERSON "\n\n");
}

static void completeness(const struct cs_report *r, struct cs_buf *out)
{
    char root[CS_REPORT_HEX_LEN];
    const struct cs_scope_cover *c = &r->cover;
    cs_hex(cs_sha256_span(&c->root), root);
    cs_buf_printf(
        out,
        "  The list is complete for this question over all %llu entries of the signing ledger "
        "(RFC 6962 root `%s`): %llu were answered by an index whose parts hash to that root, %llu were "
        "read one by one; %llu candidates were compared with entry and evidence, %llu confirmed.",
        (unsigned long long)c->size, root, (unsigned long long)c->by_runs, (unsigned long long)c->by_reading,
        (unsigned long long)c->candidates, (unsigned long long)c->confirmed);
    if (c->unreadable != 0)
        cs_buf_printf(out, " **%llu entries could not be read in full and may belong to the list.**",
                      (unsigned long long)c->unreadable);
    cs_buf_put_str(out, "\n");
}

static void impact(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_arena *a,
                   struct cs_buf *out)
{
    uint32_t n_types = 0;
    cs_buf_printf(out, "## Impact\n\n- **Total number of certificates:** %u\n", r->n_rows);
    cs_buf_printf(out, "- **Total number of \"remaining valid\" certificates:** %u%s\n", r->n_valid,
                  r->revocations_given ? ""
                                       : " (not expired at the time of this report; the ledger does not know "
                                         "revocations, --revoked gives them)");
    cs_buf_put_str(out, "- **Affected certificate types:**");
    for (unsigned i = 1; i <= CS_REPORT_TYPES; i++) {
        unsigned type = i % CS_REPORT_TYPES;
        if (r->by_type[type] != 0)
            cs_buf_printf(out, "%s %u x %s", n_types++ != 0 ? ";" : "", r->by_type[type],
                          cs_report_type_name(type));
    }
    cs_buf_put_str(out, n_types == 0 ? " N/A\n" : "\n");
    cs_buf_put_str(
        out, "- **Incident heuristic:** certificates for which the signing ledger records all of this:\n");
    for (uint32_t i = 0; i < ask->n_heuristic; i++) {
        cs_buf_put_str(out, "  - ");
        cs_put_prose(out, ask->heuristic[i]);
        cs_buf_put_str(out, "\n");
    }
    cs_buf_put_str(out, "\n");
    completeness(r, out);
    cs_buf_printf(out,
                  "- **Was issuance stopped in response to this incident, and why or why not?:** " PERSON
                  " (holds and recalls on record stand in the timeline%s)\n",
                  ask->has_hold ? "; `hold.json` stops it" : "");
    cs_buf_put_str(out, "- **Analysis:** " PERSON " (required when revocation is delayed)\n");
    cs_buf_put_str(out, "- **Additional considerations:** ");
    if (r->n_unknown != 0)
        cs_buf_printf(
            out,
            "%u certificates have an intent without a signature on record; the key may have been used, so "
            "they count. ",
            r->n_unknown);
    if (r->n_pre_only != 0)
        cs_buf_printf(out, "%u precertificates have no final certificate. ", r->n_pre_only);
    if (r->n_short_lived != 0)
        cs_buf_printf(out, "%u certificates are short-lived and need no revocation (BR 4.9.1.1). ",
                      r->n_short_lived);
    cs_buf_put_str(out, PERSON "\n\n");
    (void)a;
}

static void deadlines(const struct cs_report_ask *ask, struct cs_arena *a, struct cs_buf *out)
{
    cs_buf_put_str(out, "### Deadlines\n\n");
    if (ask->aware_unix_s == 0) {
        cs_buf_put_str(out, "Counted from the moment the CA was made aware; --aware-at gives it.\n\n");
    } else {
        int64_t at = ask->aware_unix_s;
        cs_buf_printf(out, "Counted from %s, when the CA was made aware.\n\n", cs_clean_minute(a, at));
    }
    cs_buf_put_str(out, "| duty | within | until |\n|---|---|---|\n");
    const struct {
        const char *duty;
        int64_t within_s;
    } duties[] = { { "preliminary finding to subscriber and reporter (BR 4.9.5)", DAY_S },
                   { "preliminary or full report (CCADB)", 3 * DAY_S } };
    for (size_t i = 0; i < sizeof duties / sizeof *duties; i++)
        cs_buf_printf(out, "| %s | %d h | %s |\n", duties[i].duty, (int)(duties[i].within_s / 3600),
                      ask->aware_unix_s != 0 ? cs_clean_minute(a, ask->aware_unix_s + duties[i].within_s)
                                             : "");
    for (const struct cs_deadline *d = cs_deadlines; d->name != NULL; d++) {
        bool given = ask->n_reasons == 0;
        for (uint32_t i = 0; i < ask->n_reasons; i++)
            given |= ask->reason[i] == d;
        if (given)
            cs_buf_printf(out, "| revocation, %s (BR 4.9.1.1): %s | %d h | %s |\n", d->text,
                          cs_crl_reason_name(d->crl_reason), (int)(d->within_s / 3600),
                          ask->aware_unix_s != 0 ? cs_clean_minute(a, ask->aware_unix_s + d->within_s) : "");
    }
    cs_buf_put_str(out, "\n");
}

static void timeline(const struct cs_report *r, struct cs_arena *a, struct cs_buf *out)
{
    cs_buf_put_str(out, "## Timeline\n\nAll times are UTC. From the ledger:\n\n");
    if (r->n_events == 0)
        cs_buf_put_str(out, "- N/A\n");
    for (uint32_t i = 0; i < r->n_events; i++) {
        const struct cs_report_event *e = &r->event[i];
        cs_buf_printf(out, "- %s: ", cs_clean_minute(a, e->unix_s));
        cs_put_prose(out, e->text);
        if (e->seq != 0)
            cs_buf_printf(out, " (entry %llu)", (unsigned long long)e->seq);
        cs_buf_put_str(out, "\n");
    }
    if (r->n_events_left_out != 0)
        cs_buf_printf(out, "- %u further events are not listed\n", r->n_events_left_out);
    if (r->n_refusals != 0)
        cs_buf_printf(out, "- %llu refusals are on record from the day of the first affected issuance on\n",
                      (unsigned long long)r->n_refusals);
    cs_buf_put_str(out, "\nWhat happened elsewhere: " PERSON "\n\n");
}

void cs_report_markdown(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out)
{
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    cs_buf_put_str(out, "# Incident Report: ");
    cs_put_prose(out, ask->title);
    cs_buf_put_str(out, "\n\n");
    summary(ask, r, &a, out);
    impact(ask, r, &a, out);
    deadlines(ask, &a, out);
    timeline(r, &a, out);
    cs_buf_put_str(
        out,
        "## Related Incidents\n\n| Bug | Date | Description |\n|---|---|---|\n"
        "| " PERSON " | | at least two years, all CAs |\n\n"
        "## Root Cause Analysis\n\n### Contributing Factor #1: " PERSON "\n\n"
        "- **Description:** " PERSON "\n- **Timeline:** " PERSON "\n- **Detection:** " PERSON "\n"
        "- **Interaction with other factors:** " PERSON "\n"
        "- **Root Cause Analysis methodology used:** " PERSON "\n\n"
        "## Lessons Learned\n\n- **What went well:** " PERSON "\n- **What didn't go well:** " PERSON "\n"
        "- **Where we got lucky:** " PERSON "\n- **Additional:** " PERSON "\n\n"
        "## Action Items\n\n"
        "| Action Item | Kind | Corresponding Root Cause(s) | Evaluation Criteria | Due Date | Status |\n"
        "|---|---|---|---|---|---|\n"
        "| " PERSON " | Prevent / Mitigate / Detect | | | | |\n\n"
        "## Appendix\n\n");
    cs_buf_printf(out, "`appendix.csv`: %u certificates, in the columns of the CCADB template. ", r->n_rows);
    cs_buf_put_str(out, r->revocations_given ? "\"Is revoked?\" is as given by --revoked.\n"
                                             : "\"Is revoked?\", date and reason: " PERSON ".\n");
    cs_buf_put_str(out, "Made by ");
    cs_put_code(out, ask->command);
    cs_buf_put_str(out, "\n");
}
