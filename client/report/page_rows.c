#include "client/report/page.h"
#include "client/report/text.h"

static void digest(struct cs_buf *out, const char *name, const char *hex)
{
    cs_buf_printf(out, "<dt>%s</dt><dd><code>%s</code></dd>\n", name,
                  hex[0] != '\0' ? hex : "none on record");
}

static void text(struct cs_buf *out, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    cs_buf_printf(out, "<dt>%s</dt><dd>", name);
    cs_put_html(out, value);
    cs_buf_put_str(out, "</dd>\n");
}

static void entries(struct cs_buf *out, const struct cs_report_row *row)
{
    cs_buf_put_str(out, "<dt>Ledger entries</dt><dd class=\"num\">");
    if (row->precertificate_seq != 0)
        cs_buf_printf(out, "%llu (precertificate)%s", (unsigned long long)row->precertificate_seq,
                      row->certificate_seq != 0 ? ", " : "");
    if (row->certificate_seq != 0)
        cs_buf_printf(out, "%llu (certificate)", (unsigned long long)row->certificate_seq);
    cs_buf_put_str(out, "</dd>\n");
}

static void statement(struct cs_buf *out, const struct cs_report_reliance *relied)
{
    const struct cs_report_evidence *e = relied->evidence;
    cs_buf_printf(out, "<li%s><b>%s</b> ", e->is_organization ? " class=\"org\"" : "", e->kind);
    cs_put_html(out, e->detail);
    if (relied->covers[0] != '\0') {
        cs_buf_put_str(out, "<br><span class=\"dim\">covers ");
        cs_put_html(out, relied->covers);
        cs_buf_put_str(out, "</span>");
    }
    cs_buf_put_str(out, "<br><span class=\"dim\">signed by ");
    cs_put_html(out, e->attester);
    cs_buf_printf(out, " (%s), issued %s, software ", e->role, e->issued_at);
    cs_put_html(out, e->software);
    cs_buf_printf(out, "<br>statement <code>%s</code></span></li>\n", e->statement_id);
}

static void evidence(struct cs_buf *out, const struct cs_report_row *row)
{
    cs_buf_printf(
        out,
        "<details><summary>Evidence: %u statement%s</summary>\n<div class=\"behind\"><dl class=\"facts\">\n",
        row->n_relied, row->n_relied == 1 ? "" : "s");
    digest(out, "Precertificate SHA-256", row->precertificate_sha256);
    digest(out, "Certificate SHA-256", row->certificate_sha256);
    text(out, "Subject", row->subject);
    text(out, "Issuer", row->issuer_dn);
    text(out, "Names", row->dns_names);
    text(out, "Addresses", row->ip_addresses);
    text(out, "Order", row->order);
    text(out, "Client", row->client);
    text(out, "API version", row->api_version);
    entries(out, row);
    cs_buf_put_str(out, "</dl>\n<ul class=\"evidence\">\n");
    for (uint32_t i = 0; i < row->n_relied; i++)
        statement(out, &row->relied[i]);
    cs_buf_put_str(out, "</ul></div></details>");
}

static void status(const struct cs_report_ask *ask, const struct cs_report_row *row, struct cs_arena *a,
                   struct cs_buf *out)
{
    int64_t by = cs_report_revoke_by(ask, row);
    const char *said = row->revocation.status;
    const char *shown = strcmp(said, "Yes") == 0                  ? "revoked"
                        : strcmp(said, "Planned") == 0            ? "planned"
                        : strcmp(said, "Delayed") == 0            ? "delayed"
                        : row->not_after_unix_s < ask->now_unix_s ? "expired"
                                                                  : "valid";
    cs_buf_printf(out, "<span class=\"tag %s\">%s</span>", shown, shown);
    if (strcmp(said, "Yes") == 0 || row->not_after_unix_s < ask->now_unix_s)
        return;
    if (row->short_lived)
        cs_buf_put_str(out, "<br><span class=\"dim\">short-lived: exempt</span>");
    else if (by != 0)
        cs_buf_printf(out, "<br><span class=\"dim num\">by %.10s</span>", cs_clean_time(a, by));
}

/* "organization-validated" as "OV". */
static const char *short_profile(const char *profile)
{
    static const struct {
        const char *name, *text;
    } names[] = { { "domain-validated", "DV" },
                  { "individual-validated", "IV" },
                  { "organization-validated", "OV" },
                  { "extended-validation", "EV" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(profile, names[i].name) == 0)
            return names[i].text;
    return profile;
}

/* "2026-11-21 22:08": the column says that it is UTC. */
static void put_row(const struct cs_report_ask *ask, const struct cs_report_row *row, struct cs_arena *a,
                    struct cs_buf *out)
{
    cs_buf_printf(
        out,
        "<tbody><tr><td data-label=\"Issued\" class=\"num\">%.16s</td><td data-label=\"Certificate\" "
        "class=\"main\">",
        cs_clean_minute(a, row->issued_unix_s));
    if (row->organization[0] != '\0') {
        cs_buf_put_str(out, "<b>");
        cs_put_html(out, row->organization);
        cs_buf_put_str(out, "</b><br>");
    }
    cs_put_html(out, row->first_name);
    if (row->n_names > 1)
        cs_buf_printf(out, " <span class=\"dim\">+%u</span>", row->n_names - 1);
    cs_buf_put_str(out, "</td><td data-label=\"Account\">");
    cs_put_html(out, row->account);
    cs_buf_put_str(out, "</td><td data-label=\"Profile\">");
    cs_put_html(out, short_profile(row->profile));
    cs_buf_printf(out, "</td><td data-label=\"Valid until\" class=\"num\">%.10s</td>",
                  cs_clean_time(a, row->not_after_unix_s));
    cs_buf_printf(out, "<td data-label=\"Serial\"><code>%s</code></td><td data-label=\"Status\">",
                  row->serial);
    status(ask, row, a, out);
    cs_buf_put_str(out, "</td></tr>\n<tr class=\"more\"><td colspan=\"7\">");
    evidence(out, row);
    cs_buf_put_str(out, "</td></tr></tbody>\n");
}

void cs_page_rows(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out)
{
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    static const char *const heads[] = { "Issued (UTC)", "Certificate", "Account", "Profile",
                                         "Valid until",  "Serial",      "Status" };
    cs_buf_put_str(
        out, "<div class=\"tools\" id=\"tools\"></div>\n<table class=\"certificates\" id=\"certificates\">"
             "<caption>Affected certificates, oldest first</caption>\n<thead><tr>");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cs_buf_printf(out, "<th scope=\"col\">%s</th>", heads[i]);
    cs_buf_put_str(out, "</tr></thead>\n");
    for (uint32_t i = 0; i < r->n_rows && i < CS_REPORT_PAGE_ROWS_MAX; i++) {
        cs_arena_reset(&a);
        put_row(ask, &r->row[i], &a, out);
    }
    if (r->n_rows == 0)
        cs_buf_put_str(out, "<tbody><tr><td colspan=\"7\">No certificate is affected.</td></tr></tbody>\n");
    cs_buf_put_str(out, "</table>\n");
    if (r->n_rows > CS_REPORT_PAGE_ROWS_MAX)
        cs_buf_printf(out, "<p>The first %d of %u are shown; appendix.csv has all of them.</p>\n",
                      (int)CS_REPORT_PAGE_ROWS_MAX, r->n_rows);
}
