/* countersign lint-request: the certificate a linter wants, and an external linter's result as a statement.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cert_file.h"
#include "client/cli/keys.h"
#include "client/cli/limited.h"
#include "client/cli/lint_certificate.h"
#include "client/cli/lint_report.h"
#include "client/cli/tbs_file.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"

const struct cs_option cs_options_lint_request[] = {
    { "tbs", "FILE", "TBSCertificate to lint, DER", CS_OPT_VALUE },
    { "tbs-of", "FILE", "certificate whose TBSCertificate is to be linted", CS_OPT_VALUE },
    { "out", "FILE", "certificate with a dummy signature; PEM if it ends in .pem, else DER", CS_OPT_VALUE },
    { "exec", NULL, "run the linter given behind --; the word {} becomes the certificate's path",
      CS_OPT_SWITCH },
    { "statement", "FILE", "with --exec: where the signed Lint statement goes", CS_OPT_VALUE },
    { "report", "FORM", "with --exec: what the linter prints, zlint or pkilint (default zlint)",
      CS_OPT_VALUE },
    { "timeout", "SECONDS", "with --exec: 1 to 600 (default 30)", CS_OPT_VALUE },
    { "linter", "NAME", "with --exec: for instance zlint", CS_OPT_VALUE },
    { "version", "VERSION", "with --exec: of the linter", CS_OPT_VALUE },
    { "key", "FILE", "with --exec: private key of the attester, PEM", CS_OPT_VALUE },
    { "attester", "NAME", "with --exec: name of the attester in the policy", CS_OPT_VALUE },
    { "audience", "ID", "with --exec: deployment of the policy", CS_OPT_VALUE },
    { "account", "ACCOUNT", "with --exec: account the certificate is for", CS_OPT_VALUE },
    { "expires-at", "TIME", "with --exec: as in attest lint", CS_OPT_VALUE },
    { "format", "FORM", "with --exec: of the statement, protobuf or json (default protobuf)", CS_OPT_VALUE },
    { 0 },
};

/* What only --exec takes, and what it cannot do without. */
static const struct {
    const char *name;
    bool needed;
} of_exec[] = {
    { "statement", true }, { "linter", true },   { "version", true },  { "key", true },
    { "attester", true },  { "audience", true }, { "account", true },  { "expires-at", false },
    { "format", false },   { "report", false },  { "timeout", false },
};

enum { WORDS_MAX = 256 };

/* The certificate in a folder of its own, gone at the end. */
struct room {
    char folder[40], path[64];
};

static void room_done(struct room *r)
{
    if (r->path[0] != '\0')
        (void)unlink(r->path);
    if (r->folder[0] != '\0')
        (void)rmdir(r->folder);
}

static CS_RESULT room_open(struct room *r, struct cs_span pem, struct cs_note *note)
{
    strcpy(r->folder, "/tmp/countersign-lint.XXXXXX");
    if (mkdtemp(r->folder) == NULL) {
        r->folder[0] = '\0';
        cs_note_set(note, "/tmp: no folder can be made there");
        return CS_ERR(IO);
    }
    snprintf(r->path, sizeof r->path, "%s/certificate.pem", r->folder);
    return cs_write_file(r->path, pem, 0600, note);
}

/* ---- the statement: attest lint with what was found ---- */

static const struct cs_option *lint_option(const char *name)
{
    const struct cs_option *o = cs_options_attest_lint;
    while (o->name != NULL && strcmp(o->name, name) != 0)
        o++;
    return o;
}

static void give(struct cs_args *to, const char *name, const char *value)
{
    if (value != NULL && to->n < CS_ARGS_MAX)
        to->arg[to->n++] = (struct cs_arg){ lint_option(name), value };
}

static int attest(struct cs_cli *cli, const struct cs_args *args, struct cs_span tbs, int64_t ran_at_unix_s,
                  const struct cs_lint_report *report)
{
    static const char *const same[] = { "linter",   "version", "key",    "attester",
                                        "audience", "account", "format", "expires-at" };
    const struct {
        const char *name;
        uint32_t n;
    } counts[] = { { "fatals", report->fatals },
                   { "errors", report->errors },
                   { "warnings", report->warnings },
                   { "notices", report->notices },
                   { "passes", report->passes } };
    struct cs_args *to = calloc(1, sizeof *to);
    if (to == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    char hex[2 * CS_SHA256_LEN + 1], ran_at[CS_TIME_TEXT_LEN], number[5][12];
    struct cs_sha256 digest = cs_sha256(tbs);
    cs_hex(cs_sha256_span(&digest), hex);
    cs_time_text(ran_at_unix_s, ran_at);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        give(to, same[i], cs_arg_get(args, same[i]));
    give(to, "out", cs_arg_get(args, "statement"));
    give(to, "tbs-sha256", hex);
    give(to, "ran-at", ran_at);
    for (size_t i = 0; i < 5; i++) {
        snprintf(number[i], sizeof number[i], "%u", counts[i].n);
        give(to, counts[i].name, number[i]);
    }
    for (size_t i = 0; i < json_array_size(report->findings); i++)
        give(to, "finding", json_string_value(json_array_get(report->findings, i)));
    int code = cs_cmd_attest_lint(cli, to);
    free(to);
    return code;
}

/* ---- the linter ---- */

static int print_findings(struct cs_cli *cli, const struct cs_lint_report *r)
{
    (void)cs_cli_fail(cli, CS_EXIT_REFUSED, "the linter found %u fatal, %u errors; nothing is written",
                      r->fatals, r->errors);
    for (size_t i = 0; i < json_array_size(r->findings); i++)
        fprintf(cli->err, "  %s\n", json_string_value(json_array_get(r->findings, i)));
    return CS_EXIT_REFUSED;
}

static int run_linter(struct cs_cli *cli, const char *const *words, const char *path,
                      struct cs_run_limits limits, enum cs_lint_form form, struct cs_lint_report *out)
{
    CS_AUTO_BUF struct cs_buf text = { 0 }, err = { 0 };
    struct cs_ran how;
    struct cs_note note = { 0 };
    char room[96];
    cs_result r = cs_run_limited(words, path, &limits, &text, &err, &how);
    if (!cs_ok(r))
        return cs_cli_fail(cli, CS_EXIT_REFUSED, "%s: cannot be run: %s", words[0], cs_result_text(r));
    /* pkilint exits with the number of findings it reports */
    if (how.how != CS_RAN_EXITED || (how.value != 0 && form != CS_LINT_PKILINT))
        return cs_cli_fail(cli, CS_EXIT_REFUSED, "%s: %s; nothing is written%s%.*s", words[0],
                           cs_ran_text(&how, &limits, room), err.len != 0 ? ". It says: " : "",
                           (int)(err.len < 500 ? err.len : 500), err.len != 0 ? (const char *)err.at : "");
    if (!cs_ok(cs_lint_report_read(form, cs_buf_span(&text), out, &note)))
        return cs_cli_fail(cli, CS_EXIT_REFUSED, "%s: its output is not that of %s: %s; nothing is written",
                           words[0], form == CS_LINT_ZLINT ? "zlint" : "pkilint", note.text);
    if (form == CS_LINT_PKILINT && how.value != (int)(out->n_findings & 0xff))
        return cs_cli_fail(cli, CS_EXIT_REFUSED,
                           "%s: it exited with %d and reports %u findings; nothing is written", words[0],
                           how.value, out->n_findings);
    if (out->fatals != 0 || out->errors != 0)
        return print_findings(cli, out);
    return CS_EXIT_DONE;
}

static int lint(struct cs_cli *cli, const struct cs_args *args, struct cs_span tbs,
                struct cs_span certificate, struct room *room)
{
    CS_AUTO_BUF struct cs_buf pem = { 0 };
    struct cs_note note = { 0 };
    struct cs_run_limits limits = cs_run_limits_linter;
    const char *words[WORDS_MAX + 1] = { NULL }, *form = cs_arg_get(args, "report");
    uint64_t timeout_s;
    uint32_t n = 0;
    enum cs_lint_form lint_form = cs_lint_form_of(form != NULL ? form : "zlint");
    if (lint_form == CS_LINT_NONE)
        return cs_cli_usage(cli, "--report '%s': needs zlint or pkilint", form);
    if (!cs_ok(cs_arg_number(args, "timeout", limits.timeout_s, 1, 600, &timeout_s, &note)))
        return cs_cli_usage(cli, "%s", note.text);
    limits.timeout_s = (uint32_t)timeout_s;
    limits.cpu_s = 2 * limits.timeout_s; /* of all its threads */
    if (!cs_ok(cs_certificate_pem(certificate, &pem)) || !cs_ok(room_open(room, cs_buf_span(&pem), &note)))
        return cs_cli_fail(cli, CS_EXIT_REFUSED, "%s", note.text[0] != '\0' ? note.text : "out of memory");
    for (const char *word; n < WORDS_MAX && (word = cs_arg_at(args, NULL, n)) != NULL; n++)
        words[n] = strcmp(word, "{}") == 0 ? room->path : word;
    struct cs_lint_report report = { 0 };
    int64_t ran_at_unix_s = cs_clock_unix_s();
    int code = run_linter(cli, words, room->path, limits, lint_form, &report);
    if (code == CS_EXIT_DONE)
        code = attest(cli, args, tbs, ran_at_unix_s, &report);
    cs_lint_report_done(&report);
    return code;
}

static int check_flags(struct cs_cli *cli, const struct cs_args *args)
{
    bool exec = cs_arg_has(args, "exec");
    for (size_t i = 0; i < sizeof of_exec / sizeof *of_exec; i++) {
        bool given = cs_arg_has(args, of_exec[i].name);
        if (given && !exec)
            return cs_cli_usage(cli, "--%s: goes with --exec only", of_exec[i].name);
        if (exec && !given && of_exec[i].needed)
            return cs_cli_usage(cli, "--%s: missing; --exec needs it", of_exec[i].name);
    }
    if (exec != (cs_arg_at(args, NULL, 0) != NULL))
        return cs_cli_usage(cli,
                            exec ? "--exec: needs the linter and its arguments behind --"
                                 : "'%s': one argument too many; see --help",
                            cs_arg_at(args, NULL, 0));
    return CS_EXIT_DONE;
}

int cs_cmd_lint_request(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_BUF struct cs_buf tbs = { 0 }, certificate = { 0 };
    struct cs_note note = { 0 };
    int code = check_flags(cli, args);
    if (code != CS_EXIT_DONE)
        return code;
    cs_result r = cs_tbs_read(args, &tbs, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    r = cs_lint_certificate_put(cs_buf_span(&tbs), &certificate, &note);
    if (!cs_ok(r))
        return cs_cli_fail(cli, CS_EXIT_REFUSED, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    if (cs_arg_has(args, "exec")) {
        struct room room = { "", "" };
        code = lint(cli, args, cs_buf_span(&tbs), cs_buf_span(&certificate), &room);
        room_done(&room);
        if (code != CS_EXIT_DONE || !cs_arg_has(args, "out"))
            return code;
    }
    return cs_certificate_write(cli, args, cs_buf_span(&certificate));
}
