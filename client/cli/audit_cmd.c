/* audit-report: the day of a ledger as Markdown for people and CSV for machines. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "client/cli/audit_day.h"
#include "client/cli/times.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"

const struct cs_option cs_options_audit_report[] = {
    { "ledger", "FILE", "ledger to read; the gate may run", CS_OPT_REQUIRED },
    { "day", "YYYY-MM-DD", "day, in UTC", CS_OPT_REQUIRED },
    { "out", "DIR", "folder for report.md and the CSV files; made if missing", CS_OPT_REQUIRED },
    { "checkpoint", "FILE", "checkpoint that seeds the sample (default: the ledger's own)", CS_OPT_VALUE },
    { "json", NULL, "print the whole report as JSON as well", CS_OPT_SWITCH },
    { 0 },
};

enum { CHECKPOINT_MAX_LEN = 64 * 1024, CELL_MAX_LEN = 4096 };

/* Columns of a list; names of JSON members. */
struct table {
    const char *list, *title, *columns[12];
};
static const struct table tables[] = {
    { "approvals",
      "Manual approvals",
      { "entry", "at", "decision", "person", "attester", "account", "order_id", "reason", "seen",
        "evidence_sha256" } },
    { "refusals",
      "Refusals",
      { "entry", "at", "client", "api_version", "rpc", "account", "order_id", "total_reasons", "reasons",
        "not_recorded_before", "tbs_sha256" } },
    { "events", "Holds, recalls, policy, HSM", { "entry", "at", "kind", "what" } },
    { "counts", "Requests", { "client", "api_version", "profile", "admitted", "refused" } },
    { "sample",
      "Certificates to look at",
      { "entry", "at", "issuer", "serial", "names", "client", "account", "order_id", "rank" } },
};
enum { N_TABLES = sizeof tables / sizeof *tables };

/* ---- cells ---- */

static const char *string_of(const json_t *v)
{
    const json_t *hex = json_is_object(v) ? json_object_get(v, "hex") : NULL;
    const char *s = json_string_value(hex != NULL ? hex : v);
    return s != NULL ? s : "";
}

static void plain_cell(const json_t *v, struct cs_buf *out)
{
    cs_buf_reset(out);
    if (json_is_integer(v))
        cs_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (!json_is_array(v))
        cs_text_put(out, cs_span_str(string_of(v)), CELL_MAX_LEN);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *item = json_array_get(v, i), *rule = json_object_get(item, "rule");
        if (rule == NULL) {
            cs_buf_put_str(out, i != 0 ? " " : "");
            cs_text_put(out, cs_span_str(string_of(item)), CELL_MAX_LEN);
            continue;
        }
        cs_buf_put_str(out, i != 0 ? "; " : "");
        cs_text_put(out, cs_span_str(string_of(rule)), CELL_MAX_LEN);
        cs_buf_put_str(out, " ");
        cs_text_put(out, cs_span_str(string_of(json_object_get(item, "subject"))), CELL_MAX_LEN);
        cs_buf_put_str(out, ": there is ");
        cs_text_put(out, cs_span_str(string_of(json_object_get(item, "found"))), CELL_MAX_LEN);
        cs_buf_put_str(out, ", needed ");
        cs_text_put(out, cs_span_str(string_of(json_object_get(item, "needed"))), CELL_MAX_LEN);
    }
}

/* RFC 4180; what a spreadsheet would take for a formula does not start a cell. */
static void csv_cell(struct cs_buf *out, struct cs_span s)
{
    cs_buf_put_u8(out, '"');
    if (s.len != 0 && strchr("=+-@", s.at[0]) != NULL)
        cs_buf_put_u8(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"')
            cs_buf_put_u8(out, '"');
        cs_buf_put_u8(out, s.at[i]);
    }
    cs_buf_put_u8(out, '"');
}

/* Nothing from outside is taken for Markdown or HTML. */
static void markdown_cell(struct cs_buf *out, struct cs_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (strchr("\\`*_{}[]()<>#|!~&$", s.at[i]) != NULL)
            cs_buf_put_u8(out, '\\');
        cs_buf_put_u8(out, s.at[i]);
    }
}

/* ---- files ---- */

static void put_csv(const struct table *t, const json_t *rows, struct cs_buf *out)
{
    CS_AUTO_BUF struct cs_buf cell = { 0 };
    for (int c = 0; t->columns[c] != NULL; c++) {
        cs_buf_put_str(out, c != 0 ? "," : "");
        csv_cell(out, cs_span_str(t->columns[c]));
    }
    cs_buf_put_str(out, "\r\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (int c = 0; t->columns[c] != NULL; c++) {
            plain_cell(json_object_get(json_array_get(rows, i), t->columns[c]), &cell);
            cs_buf_put_str(out, c != 0 ? "," : "");
            csv_cell(out, cs_buf_span(&cell));
        }
        cs_buf_put_str(out, "\r\n");
    }
}

static void put_markdown(const struct table *t, const json_t *rows, struct cs_buf *out)
{
    CS_AUTO_BUF struct cs_buf cell = { 0 };
    cs_buf_printf(out, "\n## %s\n\n", t->title);
    if (json_array_size(rows) == 0) {
        cs_buf_put_str(out, "None.\n");
        return;
    }
    for (int c = 0; t->columns[c] != NULL; c++)
        cs_buf_printf(out, "| %s ", t->columns[c]);
    cs_buf_put_str(out, "|\n");
    for (int c = 0; t->columns[c] != NULL; c++)
        cs_buf_put_str(out, "|---");
    cs_buf_put_str(out, "|\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (int c = 0; t->columns[c] != NULL; c++) {
            plain_cell(json_object_get(json_array_get(rows, i), t->columns[c]), &cell);
            cs_buf_put_str(out, "| ");
            markdown_cell(out, cs_buf_span(&cell));
            cs_buf_put_str(out, " ");
        }
        cs_buf_put_str(out, "|\n");
    }
}

static void put_bits(const char *what, const json_t *ones, struct cs_buf *out)
{
    cs_buf_printf(out, "| %s |", what);
    for (size_t i = 0; i < json_array_size(ones); i++)
        cs_buf_printf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(json_array_get(ones, i)));
    cs_buf_put_str(out, " |\n");
}

static void put_serials(const json_t *s, struct cs_buf *out)
{
    const char *octets;
    const json_t *n;
    cs_buf_put_str(out, "\n## Serial numbers (BR 7.1)\n\n| | |\n|---|---|\n");
    cs_buf_printf(out, "| finding | %s |\n| serial numbers | %" JSON_INTEGER_FORMAT " |\n",
                  string_of(json_object_get(s, "finding")), json_integer_value(json_object_get(s, "n")));
    const json_t *lengths = json_object_get(s, "octets");
    union { /* jansson's iterator takes no const */
        const json_t *in;
        json_t *out;
    } o = { .in = lengths };
    json_t *v;
    json_object_foreach(o.out, octets, v)
    {
        n = v;
        cs_buf_printf(out, "| of %s octets | %" JSON_INTEGER_FORMAT " |\n", octets, json_integer_value(n));
    }
    cs_buf_printf(out, "| too short for 64 random bits | %" JSON_INTEGER_FORMAT " |\n",
                  json_integer_value(json_object_get(s, "below_64_bits")));
    put_bits("ones in the first octet, by bit, the highest first", json_object_get(s, "ones_in_first_octet"),
             out);
    put_bits("ones in the last 64 bits", json_object_get(s, "ones_in_last_64_bits"), out);
}

static void put_report(const char *day, bool over, const json_t *document, struct cs_buf *out)
{
    const json_t *seed = json_object_get(document, "seed");
    cs_buf_printf(out, "# Audit report of %s (UTC)\n\n", day);
    if (!over)
        cs_buf_put_str(out, "**The day is not over: this is what the ledger holds so far.**\n\n");
    cs_buf_printf(out,
                  "%zu manual approvals, %zu refusals, %" JSON_INTEGER_FORMAT
                  " certificates, of which %zu are to be looked at (3 %%, at least one; BR 8.7).\n\n",
                  json_array_size(json_object_get(document, "approvals")),
                  json_array_size(json_object_get(document, "refusals")),
                  json_integer_value(json_object_get(document, "certificates")),
                  json_array_size(json_object_get(document, "sample")));
    cs_buf_printf(
        out,
        "Seed of the sample: root `%s` of %" JSON_INTEGER_FORMAT
        " entries, %s. A certificate's rank is\nHMAC-SHA256 of its entry's number in decimal digits, "
        "keyed with that root; the smallest ranks are drawn.\n",
        string_of(json_object_get(seed, "root_sha256")), json_integer_value(json_object_get(seed, "size")),
        string_of(json_object_get(seed, "source")));
    for (int i = 0; i < N_TABLES; i++)
        put_markdown(&tables[i], json_object_get(document, tables[i].list), out);
    put_serials(json_object_get(document, "serials"), out);
}

static CS_RESULT write_one(const char *dir, const char *name, struct cs_buf *bytes, struct cs_note *note)
{
    char path[1024];
    CS_TRY(cs_buf_end(bytes));
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        cs_note_set(note, "--out: the path is too long");
        return CS_ERR(ARGUMENT);
    }
    return cs_write_file(path, cs_buf_span(bytes), 0644, note);
}

static CS_RESULT write_all(const char *dir, const char *day, bool over, const json_t *document,
                           struct cs_note *note)
{
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        cs_note_set(note, "--out %.400s: %s", dir, strerror(errno));
        return CS_ERR(IO);
    }
    for (int i = 0; i < N_TABLES; i++) {
        char name[64];
        CS_AUTO_BUF struct cs_buf csv = { 0 };
        put_csv(&tables[i], json_object_get(document, tables[i].list), &csv);
        (void)snprintf(name, sizeof name, "%s.csv", tables[i].list);
        CS_TRY(write_one(dir, name, &csv, note));
    }
    CS_AUTO_BUF struct cs_buf report = { 0 };
    put_report(day, over, document, &report);
    return write_one(dir, "report.md", &report, note);
}

/* ---- the command ---- */

static bool day_of(const char *text, int64_t *out_unix_s)
{
    char whole[32];
    return strlen(text) == 10 && snprintf(whole, sizeof whole, "%sT00:00:00Z", text) < (int)sizeof whole &&
           cs_time_of_rfc3339(whole, out_unix_s) && *out_unix_s >= 0;
}

static int failed(struct cs_cli *cli, cs_result r, const struct cs_note *note)
{
    enum cs_exit code = cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED
                        : cs_is(r, CS_NUM_ARGUMENT)    ? CS_EXIT_USAGE
                                                       : CS_EXIT_UNREACHABLE;
    return cs_cli_fail(cli, code, "audit-report: %s", note->text[0] != '\0' ? note->text : cs_result_text(r));
}

int cs_cmd_audit_report(struct cs_cli *cli, const struct cs_args *args)
{
    enum { DAY_S = 86400 };
    const char *day = cs_arg_get(args, "day"), *dir = cs_arg_get(args, "out");
    const char *checkpoint = cs_arg_get(args, "checkpoint");
    CS_AUTO_BUF struct cs_buf given = { 0 };
    struct cs_note note = { "" };
    int64_t day_unix_s;
    json_t *document = NULL;
    if (!day_of(day, &day_unix_s))
        return cs_cli_usage(cli, "audit-report: --day %.40s: needed a date such as 2026-11-21", day);
    if (checkpoint != NULL && !cs_ok(cs_read_file(checkpoint, CHECKPOINT_MAX_LEN, &given, &note)))
        return cs_cli_usage(cli, "audit-report: %s", note.text);
    if (checkpoint != NULL && given.len == 0)
        return cs_cli_usage(cli, "audit-report: --checkpoint %.400s: the file is empty", checkpoint);
    cs_result r =
        cs_audit_day_read(cs_arg_get(args, "ledger"), day_unix_s, cs_buf_span(&given), cli, &document, &note);
    if (!cs_ok(r))
        return failed(cli, r, &note);
    r = write_all(dir, day, cs_clock_unix_s() >= day_unix_s + DAY_S, document, &note);
    if (!cs_ok(r)) {
        json_decref(document);
        return failed(cli, r, &note);
    }
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, document, CS_EXIT_DONE);
    fprintf(cli->out, "%s/report.md: %zu approvals, %zu refusals, %zu certificates to look at\n", dir,
            json_array_size(json_object_get(document, "approvals")),
            json_array_size(json_object_get(document, "refusals")),
            json_array_size(json_object_get(document, "sample")));
    json_decref(document);
    return CS_EXIT_DONE;
}
