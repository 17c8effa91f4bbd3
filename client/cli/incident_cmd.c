#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/incident_query.h"
#include "client/cli/ledger_progress.h"
#include "client/cli/times.h"
#include "client/cli/tree.h"
#include "client/report/text.h"
#include "proxy/base/clock.h"
#include "proxy/scope/index.h"

const struct cs_option cs_options_incident[] = {
    { "ledger", "FILE", "ledger to ask; the gate may run", CS_OPT_REQUIRED },
    { "out", "DIR", "folder for the report; made when it is not there", CS_OPT_REQUIRED },
    { "query", "FILE", "selectors as JSON, for instance query.json of an earlier report", CS_OPT_VALUE },
    { "title", "TEXT", "title of the report", CS_OPT_VALUE },
    { "reason", "REASON", "why the certificates are to be revoked: sets the deadline", CS_OPT_REPEATED },
    { "aware-at", "TIME", "when the CA was made aware: the deadlines run from then", CS_OPT_VALUE },
    { "revoked", "FILE", "lines SERIAL,Yes|Planned|Delayed|N/A[,DATE[,REASON]]", CS_OPT_VALUE },
    { "index", "FOLDER", "folder of the index (default FILE-index)", CS_OPT_VALUE },
    { "no-update", NULL, "leave the index as it is; what it does not cover is read", CS_OPT_SWITCH },
    { "scan", NULL, "use no index, read every entry", CS_OPT_SWITCH },
    CS_SCOPE_OPTIONS,
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static int failed(struct cs_cli *cli, const char *path, cs_result r, const struct cs_note *note)
{
    enum cs_exit code = cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED
                        : cs_is(r, CS_NUM_FORM)        ? CS_EXIT_USAGE
                                                       : CS_EXIT_UNREACHABLE;
    return cs_cli_fail(cli, code, "%s: %s", path, note->text[0] != '\0' ? note->text : cs_result_text(r));
}

static int read_reasons(struct cs_cli *cli, const struct cs_args *args, struct cs_report_ask *ask)
{
    const char *text;
    for (uint32_t i = 0; (text = cs_arg_at(args, "reason", i)) != NULL; i++) {
        const struct cs_deadline *d = cs_deadline_of(text);
        if (d == NULL) {
            CS_AUTO_BUF struct cs_buf names = { 0 };
            for (d = cs_deadlines; d->name != NULL; d++)
                cs_buf_printf(&names, " %s", d->name);
            return cs_cli_usage(cli, "--reason '%s': needs one of%.*s", text, (int)names.len,
                                (const char *)names.at);
        }
        if (ask->n_reasons == CS_DEADLINES_MAX)
            return cs_cli_usage(cli, "--reason: given more than %d times", (int)CS_DEADLINES_MAX);
        ask->reason[ask->n_reasons++] = d;
    }
    text = cs_arg_get(args, "aware-at");
    if (text != NULL &&
        (!cs_time_of(text, ask->now_unix_s, ask->now_unix_s, &ask->aware_unix_s) || ask->aware_unix_s <= 0))
        return cs_cli_usage(cli, "--aware-at '%s': needs %s", text, CS_TIME_NEEDED);
    return CS_EXIT_DONE;
}

/* ---- the folder ---- */

/* A report that a person may have filled in is not written over. */
static int prepare(struct cs_cli *cli, const char *dir)
{
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    const char *report = cs_arena_printf(&a, "%s/report.md", dir);
    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        return cs_cli_usage(cli, "--out %s: cannot be made: %s", dir, strerror(errno));
    if (access(report, F_OK) == 0)
        return cs_cli_usage(cli,
                            "--out %s: there is a report.md, which may be filled in; needs another folder",
                            dir);
    return CS_EXIT_DONE;
}

static int put_file(struct cs_cli *cli, const char *dir, const char *name, struct cs_span bytes)
{
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    const char *path = cs_arena_printf(&a, "%s/%s", dir, name), *fresh = cs_arena_printf(&a, "%s.new", path);
    FILE *f = fopen(fresh, "we");
    bool fine = f != NULL && fwrite(bytes.at, 1, bytes.len, f) == bytes.len;
    if (f != NULL)
        fine = fclose(f) == 0 && fine;
    if (fine && rename(fresh, path) == 0)
        return CS_EXIT_DONE;
    int why = errno;
    (void)unlink(fresh);
    return cs_cli_usage(cli, "--out %s: cannot be written: %s", path, strerror(why));
}

static int put_json(struct cs_cli *cli, const char *dir, const char *name, const json_t *document)
{
    char *text = json_dumps(document, JSON_INDENT(2));
    if (text == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "no memory");
    int code = put_file(cli, dir, name, cs_span_str(text));
    free(text);
    return code;
}

/* report.md comes last: it says that all of it is there. */
static int put_all(struct cs_cli *cli, const char *dir, const struct cs_report_ask *ask,
                   const struct cs_report *r)
{
    static const struct {
        const char *name;
        void (*write)(const struct cs_report_ask *ask, const struct cs_report *r, struct cs_buf *out);
    } files[] = { { "appendix.csv", cs_report_appendix },
                  { "index.html", cs_report_page },
                  { "report.md", cs_report_markdown } };
    int code = CS_EXIT_DONE;
    for (size_t i = 0; code == CS_EXIT_DONE && i < sizeof files / sizeof *files; i++) {
        CS_AUTO_BUF struct cs_buf out = { 0 };
        files[i].write(ask, r, &out);
        code = out.failed ? cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "no memory for %s", files[i].name)
                          : put_file(cli, dir, files[i].name, cs_buf_span(&out));
    }
    return code;
}

static json_t *summary(const struct cs_report_ask *ask, const struct cs_report *r, const char *dir)
{
    const struct cs_scope_cover *c = &r->cover;
    json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "folder", dir, "certificates",
                          (json_int_t)r->n_rows, "remaining_valid", (json_int_t)r->n_valid, "accounts",
                          (json_int_t)r->n_accounts, "precertificate_only", (json_int_t)r->n_pre_only,
                          "certificate_only", (json_int_t)r->n_final_only, "hold", ask->has_hold, "recall",
                          ask->has_recall);
    if (o != NULL && r->n_rows != 0) {
        json_object_set_new(o, "first_issued_at", cs_cli_time(r->first_unix_s));
        json_object_set_new(o, "last_issued_at", cs_cli_time(r->last_unix_s));
    }
    json_object_set_new(o, "completeness",
                        json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:I}", "entries", (json_int_t)c->size,
                                  "root_sha256", cs_cli_hex(cs_sha256_span(&c->root)), "by_index",
                                  (json_int_t)c->by_runs, "by_reading", (json_int_t)c->by_reading,
                                  "candidates", (json_int_t)c->candidates, "confirmed",
                                  (json_int_t)c->confirmed, "unreadable", (json_int_t)c->unreadable));
    return o;
}

static int write_report(struct cs_cli *cli, const struct cs_args *args, const struct cs_incident_query *q,
                        struct cs_report_ask *ask, const struct cs_report *r)
{
    const char *dir = cs_arg_get(args, "out");
    json_t *hold = cs_incident_hold(q, r, ask->title), *recall = cs_incident_recall(q, r, ask->title);
    ask->has_hold = hold != NULL;
    ask->has_recall = recall != NULL;
    int code = prepare(cli, dir);
    if (code == CS_EXIT_DONE && hold != NULL)
        code = put_json(cli, dir, "hold.json", hold);
    if (code == CS_EXIT_DONE && recall != NULL)
        code = put_json(cli, dir, "recall.json", recall);
    if (code == CS_EXIT_DONE)
        code = put_json(cli, dir, "query.json", q->asked);
    if (code == CS_EXIT_DONE)
        code = put_all(cli, dir, ask, r);
    json_decref(hold);
    json_decref(recall);
    return code == CS_EXIT_DONE ? cs_cli_data(cli, cs_arg_has(args, "json"), summary(ask, r, dir), code)
                                : code;
}

static int answer(struct cs_cli *cli, const struct cs_args *args, const struct cs_incident_query *q,
                  struct cs_report_ask *ask)
{
    struct cs_note note = { "" };
    struct cs_report report = { 0 };
    cs_result r = CS_OK;
    if (!cs_arg_has(args, "scan") && !cs_arg_has(args, "no-update")) {
        struct cs_scope_index_report made = { 0 };
        r = cs_scope_index_update(ask->ledger, ask->options.index, ask->options.progress,
                                  ask->options.progress_ctx, &made, &note);
        if (cs_is(r, CS_NUM_IO) || cs_is(r, CS_NUM_AGAIN)) {
            fprintf(cli->err, "countersign: %s; what it does not cover is read\n", note.text);
            r = CS_OK;
        }
    }
    if (cs_ok(r))
        r = cs_report_gather(ask, &report, &note);
    int code = cs_ok(r) ? write_report(cli, args, q, ask, &report) : failed(cli, ask->ledger, r, &note);
    cs_report_done(&report);
    return code;
}

int cs_cmd_incident(struct cs_cli *cli, const struct cs_args *args)
{
    struct cs_note note = { "" };
    const char *title = cs_arg_get(args, "title");
    struct cs_incident_query *q = calloc(1, sizeof *q);
    if (q == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "no memory");
    struct cs_report_ask ask = {
        .ledger = cs_arg_get(args, "ledger"),
        .now_unix_s = cs_clock_unix_us() / 1000000,
        .revoked = cs_arg_get(args, "revoked"),
        .options = { .index = cs_arg_get(args, "index"),
                     .scan = cs_arg_has(args, "scan"),
                     .progress = cs_cli_progress,
                     .progress_ctx = cli },
    };
    int code = read_reasons(cli, args, &ask);
    if (code == CS_EXIT_DONE && !cs_ok(cs_incident_query_read(args, ask.now_unix_s, q, &note)))
        code = cs_cli_usage(cli, "%s", note.text);
    if (code == CS_EXIT_DONE) {
        const char *slash = strrchr(ask.ledger, '/');
        const char *words[CS_INCIDENT_WORDS_MAX];
        for (uint32_t i = 0; i < q->n_words; i++)
            words[i] = cs_clean(&q->arena, cs_span_str(q->words[i]));
        ask.heuristic = words;
        ask.n_heuristic = q->n_words;
        ask.query = &q->scope.query;
        ask.title = cs_clean(&q->arena,
                             cs_span_str(title != NULL ? title : "Certificates found in the signing ledger"));
        ask.ledger_name = cs_clean(&q->arena, cs_span_str(slash != NULL ? slash + 1 : ask.ledger));
        ask.command = cs_clean(&q->arena, cs_span_str(q->command));
        code = answer(cli, args, q, &ask);
    }
    cs_incident_query_done(q);
    free(q);
    return code;
}
