#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/cli/canary.h"
#include "client/cli/pbjson.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"

const struct cs_option cs_options_canary[] = {
    { "config", "FILE", "clients, material and what an alarm does, YAML", CS_OPT_REQUIRED },
    { "metrics", "FILE", "textfile for the node exporter, replaced at the end", CS_OPT_VALUE },
    { "save", "DIR", "what was sent, one folder for each request", CS_OPT_VALUE },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

struct run {
    struct cs_cli *cli;
    struct cs_canary_config *config;
    struct cs_canary_material *material;
    struct cs_canary_report report;
    const struct cs_canary_client *client; /* whose lines come in */
    const char *save;
    bool failed; /* no memory, or nowhere to save */
    bool held;   /* a hold was placed for this client, or for everything */
};

/* ---- what was sent ---- */

static bool save_bytes(const char *path, const json_t *base64)
{
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    const char *text = json_string_value(base64);
    return text != NULL && cs_ok(cs_unbase64(cs_span_str(text), &bytes)) &&
           cs_ok(cs_write_file(path, cs_buf_span(&bytes), 0644, NULL));
}

static bool save_request(struct run *run, const json_t *line)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    size_t i;
    json_t *evidence;
    const char *issuer = json_string_value(json_object_get(line, "issuer")),
               *which = json_string_value(json_object_get(line, "case"));
    if (json_object_get(line, "tbs") == NULL)
        return true;
    if (issuer == NULL || which == NULL || strchr(issuer, '/') != NULL ||
        strchr(run->client->name, '/') != NULL)
        return false; /* the names make a path */
    const char *dir = cs_arena_printf(&arena, "%s/%s.%s.%s", run->save, run->client->name, issuer, which);
    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        return false;
    if (!save_bytes(cs_arena_printf(&arena, "%s/tbs.der", dir), json_object_get(line, "tbs")))
        return false;
    json_array_foreach(json_object_get(line, "evidence"), i, evidence)
    {
        if (!save_bytes(cs_arena_printf(&arena, "%s/evidence-%zu.dsse", dir, i), evidence))
            return false;
    }
    return true;
}

/* ---- results ---- */

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "-";
}

static void alarm_raised(struct run *run, const json_t *line)
{
    struct cs_canary_report *r = &run->report;
    char why[256];
    if (!run->config->holds || run->held)
        return;
    snprintf(why, sizeof why, "canary: '%.40s' of client %.64s at %.64s was not refused",
             text_of(line, "case"), run->client->name, text_of(line, "issuer"));
    json_t *hold = cs_canary_hold(run->config, run->client->name, why);
    run->held = hold != NULL && json_object_get(hold, "error") == NULL;
    if (json_array_append_new(r->holds, hold) != 0)
        run->failed = true;
}

static void take(void *to, const json_t *line)
{
    struct run *run = to;
    struct cs_canary_report *r = &run->report;
    const char *said = json_string_value(json_object_get(line, "outcome"));
    unsigned outcome = 0;
    while (outcome < CS_CANARY_ALARM &&
           (said == NULL || strcmp(said, cs_canary_outcome_name((enum cs_canary_outcome)outcome)) != 0))
        outcome++; /* what is not understood is an alarm */
    json_t *kept = json_deep_copy(line);
    r->n[outcome]++;
    if (outcome == CS_CANARY_ALARM)
        alarm_raised(run, line);
    if (run->save != NULL && !save_request(run, line))
        run->failed = true;
    json_object_del(kept, "tbs");
    json_object_del(kept, "evidence");
    if (json_array_append_new(r->cases, kept) != 0)
        run->failed = true;
}

/* The client as a whole could not be asked, or not to the end. */
static void take_untried(struct run *run, const char *why)
{
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:[], s:s, s:i}", "client", run->client->name, "issuer", "-",
                  "case", "-", "outcome", cs_canary_outcome_name(CS_CANARY_NOT_TRIED), "status", "", "rules",
                  "text", why, "ledger_entry", 0);
    run->report.n[CS_CANARY_NOT_TRIED]++;
    if (json_array_append_new(run->report.cases, line) != 0)
        run->failed = true;
}

static void run_client(struct run *run, const struct cs_canary_client *client)
{
    struct cs_canary_job job = { run->config, run->material, client, run->save != NULL };
    struct cs_note note = { 0 };
    size_t before = json_array_size(run->report.cases);
    if (client->stranger && !run->config->wanted[CS_CANARY_STRANGER])
        return;
    run->client = client;
    run->held = run->held && run->config->hold_everything;
    if (!cs_canary_child(&client->peer, cs_canary_try, &job, take, run, &note))
        take_untried(run, note.text);
    else if (json_array_size(run->report.cases) == before && client->stranger)
        take_untried(run, "it told nothing");
}

static int exit_code_of(const struct cs_canary_report *r)
{
    if (r->n[CS_CANARY_ALARM] != 0)
        return CS_EXIT_REFUSED;
    bool proven =
        r->n[CS_CANARY_REFUSED] != 0 && r->n[CS_CANARY_NOT_PROVEN] == 0 && r->n[CS_CANARY_NOT_TRIED] == 0;
    return proven ? CS_EXIT_DONE : CS_EXIT_UNREACHABLE;
}

static int write_report(struct cs_cli *cli, const struct cs_args *args, const struct cs_canary_report *r)
{
    const char *path = cs_arg_get(args, "metrics");
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_note note = { 0 };
    int code = r->exit_code;
    if (path != NULL)
        cs_canary_metrics_put(&text, r);
    if (path != NULL &&
        (!cs_ok(cs_buf_end(&text)) || !cs_ok(cs_write_file(path, cs_buf_span(&text), 0644, &note)))) {
        (void)cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "--metrics %s", note.text);
        code = code == CS_EXIT_REFUSED ? code : CS_EXIT_UNREACHABLE;
    }
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, cs_canary_report_json(r), code);
    cs_canary_report_print(cli, r);
    return code;
}

static int run_all(struct run *run, const struct cs_args *args)
{
    struct cs_canary_report *r = &run->report;
    *r = (struct cs_canary_report){ .started_unix_s = cs_clock_unix_s(),
                                    .cases = json_array(),
                                    .holds = json_array() };
    for (uint32_t i = 0; i < run->config->n_clients; i++)
        run_client(run, &run->config->client[i]);
    r->ended_unix_s = cs_clock_unix_s();
    r->exit_code = exit_code_of(r);
    if (run->failed && r->exit_code == CS_EXIT_DONE)
        r->exit_code = CS_EXIT_UNREACHABLE;
    int code = write_report(run->cli, args, r);
    if (run->failed)
        (void)cs_cli_fail(run->cli, CS_EXIT_UNREACHABLE, "not everything could be kept%s%s",
                          run->save != NULL ? ": --save " : "", run->save != NULL ? run->save : "");
    json_decref(r->cases);
    json_decref(r->holds);
    return code;
}

int cs_cmd_canary(struct cs_cli *cli, const struct cs_args *args)
{
    struct cs_canary_material material = { 0 };
    struct cs_note note = { 0 };
    struct cs_canary_config *config = calloc(1, sizeof *config);
    struct run run = {
        .cli = cli, .config = config, .material = &material, .save = cs_arg_get(args, "save")
    };
    int code;
    if (config == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    cs_result r = cs_canary_config_load(cs_arg_get(args, "config"), config, &note);
    if (cs_ok(r))
        r = cs_canary_material_load(config, &material, &note);
    if (!cs_ok(r))
        code = cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    else
        code = run_all(&run, args);
    cs_canary_material_done(&material);
    cs_canary_config_done(config);
    free(config);
    return code;
}
