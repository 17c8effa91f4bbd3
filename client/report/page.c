#include "client/report/page.h"

#include "client/report/assets.h"
#include "client/report/text.h"

enum { DAY_S = 86400 };

static void put_hash(struct cs_buf *out, const unsigned char *at, unsigned long len)
{
    struct cs_sha256 d = cs_sha256(cs_span_of(at, len));
    cs_buf_put_str(out, "'sha256-");
    cs_base64_put(out, cs_sha256_span(&d), true);
    cs_buf_put_str(out, "'");
}

/* Nothing may be fetched, and only these two inline parts may run. */
static void head(const struct cs_report_ask *ask, struct cs_buf *out)
{
    cs_buf_put_str(out,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ");
    put_hash(out, cs_page_css, cs_page_css_len);
    cs_buf_put_str(out, "; script-src ");
    put_hash(out, cs_page_js, cs_page_js_len);
    cs_buf_put_str(out, "; img-src data:; base-uri 'none'; form-action 'none'\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                        "<meta name=\"color-scheme\" content=\"light dark\">\n"
                        "<meta name=\"referrer\" content=\"no-referrer\">\n"
                        "<link rel=\"icon\" href=\"data:,\">\n<title>");
    cs_put_html(out, ask->title);
    cs_buf_put_str(out, "</title>\n<style>");
    cs_buf_put(out, cs_page_css, cs_page_css_len);
    cs_buf_put_str(out, "</style>\n</head>\n");
}

static void figure(struct cs_buf *out, const char *name, const char *value, const char *note)
{
    cs_buf_printf(out, "<li><span>%s</span><b>%s</b><small>%s</small></li>\n", name, value, note);
}

static void banner(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_arena *a,
                   struct cs_buf *out)
{
    int64_t by = 0;
    for (uint32_t i = 0; i < r->n_rows && by == 0; i++)
        by = cs_report_revoke_by(ask, &r->row[i]);
    cs_buf_put_str(out, "<header>\n<p class=\"over\">Incident report</p>\n<h1>");
    cs_put_html(out, ask->title);
    cs_buf_put_str(out, "</h1>\n<p class=\"dim\">From the signing ledger <b>");
    cs_put_html(out, ask->ledger_name);
    cs_buf_printf(out, "</b>, written %s by countersign. Times are UTC.</p>\n<ul class=\"figures-strip\">\n",
                  cs_clean_minute(a, ask->now_unix_s));
    cs_buf_printf(
        out,
        "<li class=\"lead\"><span>Affected certificates</span><b>%u</b><small>%u account%s</small></li>\n",
        r->n_rows, r->n_accounts, r->n_accounts == 1 ? "" : "s");
    figure(out, "Remaining valid", cs_arena_printf(a, "%u", r->n_valid),
           r->revocations_given ? "neither expired nor revoked" : "not expired; revocations not given");
    figure(out, "First issued",
           r->n_rows != 0 ? cs_arena_printf(a, "%.10s", cs_clean_time(a, r->first_unix_s)) : "none",
           r->n_rows != 0 ? cs_arena_printf(a, "%.5s UTC", cs_clean_time(a, r->first_unix_s) + 11) : "");
    figure(out, "Last issued",
           r->n_rows != 0 ? cs_arena_printf(a, "%.10s", cs_clean_time(a, r->last_unix_s)) : "none",
           r->n_rows != 0 ? cs_arena_printf(a, "%.5s UTC", cs_clean_time(a, r->last_unix_s) + 11) : "");
    figure(out, "Revoke by", by != 0 ? cs_arena_printf(a, "%.10s", cs_clean_time(a, by)) : "not set",
           by != 0 ? cs_arena_printf(a, "%.5s UTC, BR 4.9.1.1", cs_clean_time(a, by) + 11)
                   : "needs --reason and --aware-at");
    cs_buf_put_str(
        out,
        "</ul>\n<nav aria-label=\"Sections\"><a href=\"#scope\">Scope</a><a href=\"#issuance\">Issuance</a>"
        "<a href=\"#timeline\">Timeline</a><a href=\"#list\">Certificates</a>"
        "<a href=\"#deadlines\">Deadlines</a><a href=\"#stop\">Stop it</a></nav>\n</header>\n");
}

static void pieces(const struct cs_scope_cover *c, struct cs_buf *out)
{
    enum { SHOWN = 200 };
    cs_buf_printf(out,
                  "<details><summary>Its pieces (%u)</summary><table class=\"figures\"><thead><tr>"
                  "<th scope=\"col\" class=\"num\">Entries</th><th scope=\"col\">Covered by</th>"
                  "<th scope=\"col\">Subtree root</th></tr></thead><tbody>\n",
                  c->n_pieces);
    for (uint32_t i = 0; i < c->n_pieces && i < SHOWN; i++) {
        char root[CS_REPORT_HEX_LEN] = "";
        if (c->piece[i].by_run)
            cs_hex(cs_sha256_span(&c->piece[i].root), root);
        cs_buf_printf(out, "<tr><td class=\"num\">%llu to %llu</td><td>%s</td><td>%s%s%s</td></tr>\n",
                      (unsigned long long)c->piece[i].from, (unsigned long long)c->piece[i].to,
                      c->piece[i].by_run ? "index" : "reading",
                      root[0] != '\0' ? "<code>" : "read one by one", root, root[0] != '\0' ? "</code>" : "");
    }
    if (c->n_pieces > SHOWN)
        cs_buf_printf(out, "<tr><td colspan=\"3\">and %u more</td></tr>\n", c->n_pieces - (uint32_t)SHOWN);
    cs_buf_put_str(out, "</tbody></table></details>\n");
}

static void scope(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out)
{
    char root[CS_REPORT_HEX_LEN];
    const struct cs_scope_cover *c = &r->cover;
    cs_hex(cs_sha256_span(&c->root), root);
    cs_buf_put_str(
        out, "<section id=\"scope\" aria-labelledby=\"h-scope\"><h2 id=\"h-scope\">Scope</h2>\n<div "
             "class=\"two\"><div>"
             "<h3>The question</h3><p>Certificates for which the ledger records all of this:</p>\n<ul>");
    for (uint32_t i = 0; i < ask->n_heuristic; i++) {
        cs_buf_put_str(out, "<li>");
        cs_put_html(out, ask->heuristic[i]);
        cs_buf_put_str(out, "</li>\n");
    }
    cs_buf_put_str(out, "</ul>\n<h3>By type</h3><ul>\n");
    for (unsigned i = 1; i <= CS_REPORT_TYPES; i++)
        if (r->by_type[i % CS_REPORT_TYPES] != 0)
            cs_buf_printf(out, "<li><b class=\"num\">%u</b> %s</li>\n", r->by_type[i % CS_REPORT_TYPES],
                          cs_report_type_name(i % CS_REPORT_TYPES));
    if (r->n_rows == 0)
        cs_buf_put_str(out, "<li>none</li>");
    if (r->n_pre_only != 0)
        cs_buf_printf(out, "<li><b class=\"num\">%u</b> of them have a precertificate only</li>\n",
                      r->n_pre_only);
    if (r->n_unknown != 0)
        cs_buf_printf(out,
                      "<li><b class=\"num\">%u</b> of them have no signature on record, but the key may have "
                      "been used</li>\n",
                      r->n_unknown);
    cs_buf_printf(
        out,
        "</ul></div>\n<div class=\"proof\"><h3>%s</h3><p>All <b class=\"num\">%llu</b> entries of the ledger "
        "were "
        "covered: <b class=\"num\">%llu</b> by the index, whose pieces hash to the ledger's root, <b "
        "class=\"num\">%llu</b> "
        "read one by one. <b class=\"num\">%llu</b> candidates were compared with their entry and evidence, "
        "<b class=\"num\">%llu</b> confirmed, <b class=\"num\">%llu</b> rejected.</p>",
        c->unreadable == 0 ? "The list is complete" : "The list may not be complete",
        (unsigned long long)c->size, (unsigned long long)c->by_runs, (unsigned long long)c->by_reading,
        (unsigned long long)c->candidates, (unsigned long long)c->confirmed, (unsigned long long)c->rejected);
    if (c->unreadable != 0)
        cs_buf_printf(out,
                      "<p class=\"warn\"><b class=\"num\">%llu</b> entries could not be read in full and may "
                      "belong to it.</p>",
                      (unsigned long long)c->unreadable);
    cs_buf_printf(out, "<p>RFC 6962 root<br><code>%s</code></p>\n", root);
    pieces(c, out);
    cs_buf_put_str(out, "</div></div></section>\n");
}

static void timeline(const struct cs_report *r, struct cs_arena *a, struct cs_buf *out)
{
    static const struct {
        const char *class, *name;
    } kinds[] = {
        [CS_REPORT_AFFECTED] = { "affected", "issued" }, [CS_REPORT_POLICY] = { "policy", "policy" },
        [CS_REPORT_HOLD] = { "stop", "hold" },           [CS_REPORT_RECALL] = { "stop", "recall" },
        [CS_REPORT_REFUSAL] = { "refusal", "refused" },  [CS_REPORT_AWARE] = { "aware", "aware" },
    };
    cs_buf_put_str(
        out, "<section id=\"timeline\" aria-labelledby=\"h-timeline\"><h2 id=\"h-timeline\">Timeline</h2>\n");
    cs_buf_put_str(out, r->n_events != 0 ? "<ol class=\"events\">\n" : "<p>Nothing is on record.</p>\n");
    for (uint32_t i = 0; i < r->n_events; i++) {
        const struct cs_report_event *e = &r->event[i];
        cs_buf_printf(out,
                      "<li class=\"%s\"><time datetime=\"%s\" class=\"num\">%s</time><span "
                      "class=\"what\">%s</span><span>",
                      kinds[e->kind].class, cs_clean_time(a, e->unix_s), cs_clean_minute(a, e->unix_s),
                      kinds[e->kind].name);
        cs_put_html(out, e->text);
        if (e->seq != 0)
            cs_buf_printf(out, " <span class=\"dim num\">entry %llu</span>", (unsigned long long)e->seq);
        cs_buf_put_str(out, "</span></li>\n");
    }
    if (r->n_events != 0)
        cs_buf_put_str(out, "</ol>\n");
    if (r->n_events_left_out != 0)
        cs_buf_printf(out, "<p>%u further events are not listed.</p>\n", r->n_events_left_out);
    cs_buf_put_str(out, "</section>\n");
}

static void deadline(struct cs_buf *out, const struct cs_report_ask *ask, struct cs_arena *a,
                     const char *duty, const char *code, int64_t within_s)
{
    cs_buf_printf(out,
                  "<tr><td>%s</td><td>%s</td><td class=\"num\">%d h</td><td class=\"num\">%s</td></tr>\n",
                  duty, code, (int)(within_s / 3600),
                  ask->aware_unix_s != 0 ? cs_clean_minute(a, ask->aware_unix_s + within_s) : "");
}

static void deadlines(const struct cs_report_ask *ask, struct cs_arena *a, struct cs_buf *out)
{
    cs_buf_put_str(out, "<section id=\"deadlines\" aria-labelledby=\"h-deadlines\"><h2 "
                        "id=\"h-deadlines\">Deadlines</h2>\n<p>");
    if (ask->aware_unix_s != 0)
        cs_buf_printf(out, "Counted from <b class=\"num\">%s</b>, when the CA was made aware.",
                      cs_clean_minute(a, ask->aware_unix_s));
    else
        cs_buf_put_str(out,
                       "Counted from the moment the CA was made aware, which was not given (--aware-at).");
    cs_buf_put_str(out, " Short-lived certificates need no revocation.</p>\n<table class=\"figures "
                        "wide\"><thead><tr><th scope=\"col\">Duty</th>"
                        "<th scope=\"col\">CRL reason</th><th scope=\"col\" class=\"num\">Within</th>"
                        "<th scope=\"col\" class=\"num\">Until</th></tr></thead><tbody>\n");
    deadline(out, ask, a, "Preliminary finding to subscriber and reporter (BR 4.9.5)", "", DAY_S);
    deadline(out, ask, a, "Preliminary or full report (CCADB)", "", 3 * DAY_S);
    for (const struct cs_deadline *d = cs_deadlines; d->name != NULL; d++) {
        bool given = ask->n_reasons == 0;
        for (uint32_t i = 0; i < ask->n_reasons; i++)
            given |= ask->reason[i] == d;
        if (given)
            deadline(out, ask, a, cs_arena_printf(a, "Revocation: %s (BR 4.9.1.1)", d->text),
                     cs_crl_reason_name(d->crl_reason), d->within_s);
    }
    cs_buf_put_str(out, "</tbody></table></section>\n");
}

static void stop(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out)
{
    cs_buf_put_str(out, "<section id=\"stop\" aria-labelledby=\"h-stop\"><h2 id=\"h-stop\">Stop it</h2>\n");
    if (ask->has_hold) {
        cs_buf_put_str(out, "<h3>Hold, beside this page: hold.json</h3><p>Stops further certificates of the "
                            "kind at the key. One operator "
                            "places it, the quorum lifts it.</p>\n<pre><code>countersign hold place --from "
                            "hold.json --operator NAME --key FILE "
                            "--audience ");
        cs_put_html(out, r->deployment[0] != '\0' ? r->deployment : "ID");
        cs_buf_put_str(out, " --socket PATH</code></pre>\n");
    }
    if (ask->has_recall) {
        cs_buf_put_str(out, "<h3>Recall, beside this page: recall.json</h3><p>Withdraws the evidence for "
                            "good: no certificate rests on it "
                            "again.</p>\n<pre><code>countersign recall place --from recall.json --operator "
                            "NAME --key FILE --audience ");
        cs_put_html(out, r->deployment[0] != '\0' ? r->deployment : "ID");
        cs_buf_put_str(out, " --socket PATH</code></pre>\n");
    }
    if (!ask->has_hold && !ask->has_recall)
        cs_buf_put_str(out, "<p>Nothing of this question can be put into a hold or a recall.</p>\n");
    cs_buf_put_str(out, "</section>\n");
}

void cs_report_page(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out)
{
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    head(ask, out);
    cs_buf_put_str(out, "<body>\n<a class=\"skip\" href=\"#list\">To the certificates</a>\n");
    banner(ask, r, &a, out);
    cs_buf_put_str(out, "<main>\n");
    scope(ask, r, out);
    cs_buf_put_str(out, "<section id=\"issuance\" aria-labelledby=\"h-issuance\"><h2 "
                        "id=\"h-issuance\">Issuance by day</h2>\n");
    cs_page_plot(r, out);
    cs_buf_put_str(out, "</section>\n");
    timeline(r, &a, out);
    cs_buf_printf(out,
                  "<section id=\"list\" aria-labelledby=\"h-list\"><h2 id=\"h-list\">Certificates <span "
                  "class=\"dim num\">%u</span></h2>\n",
                  r->n_rows);
    cs_page_rows(ask, r, out);
    cs_buf_put_str(out, "</section>\n");
    deadlines(ask, &a, out);
    stop(ask, r, out);
    cs_buf_put_str(out, "</main>\n<footer><p>Beside this page: report.md (CCADB headings, what a person "
                        "fills in is marked), appendix.csv, "
                        "query.json. Made by</p><pre><code>");
    cs_put_html(out, ask->command);
    cs_buf_put_str(out, "</code></pre></footer>\n<script>");
    cs_buf_put(out, cs_page_js, cs_page_js_len);
    cs_buf_put_str(out, "</script>\n</body>\n</html>\n");
}
