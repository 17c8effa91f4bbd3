#include "client/cli/canary.h"

/* ---- for people ---- */

static const char *text(const json_t *object, const char *key)
{
    const char *found = json_string_value(json_object_get(object, key));
    return found != NULL ? found : "";
}

static void print_rules(struct cs_cli *cli, const json_t *line)
{
    size_t i;
    json_t *rule;
    json_array_foreach(json_object_get(line, "rules"), i, rule)
    {
        fputs(i == 0 ? "" : " ", cli->out);
        cs_cli_text(cli->out, cs_span_str(json_string_value(rule)));
    }
}

static void print_case(struct cs_cli *cli, const json_t *line)
{
    const char *outcome = text(line, "outcome");
    bool good = strcmp(outcome, "refused") == 0;
    bool alarm = strcmp(outcome, "alarm") == 0;
    fprintf(cli->out, "%-20s %-16s %-16s %s%-10s%s ", text(line, "client"), text(line, "issuer"),
            text(line, "case"), good ? cs_cli_green(cli) : cs_cli_red(cli), alarm ? "ALARM" : outcome,
            cs_cli_plain(cli));
    print_rules(cli, line);
    if (text(line, "text")[0] != '\0') {
        fputs(json_array_size(json_object_get(line, "rules")) != 0 ? "; " : "", cli->out);
        cs_cli_text(cli->out, cs_span_str(text(line, "text")));
    }
    json_int_t entry = json_integer_value(json_object_get(line, "ledger_entry"));
    if (entry != 0)
        fprintf(cli->out, " (entry %lld)", (long long)entry);
    fputs("\n", cli->out);
}

static void print_hold(struct cs_cli *cli, const json_t *hold)
{
    const char *error = text(hold, "error");
    if (error[0] == '\0') {
        fprintf(cli->out, "hold %s placed on %s: ledger entry %lld\n", text(hold, "hold_id"),
                strcmp(text(hold, "stops"), "client") == 0 ? text(hold, "client") : "everything",
                (long long)json_integer_value(json_object_get(hold, "ledger_entry")));
        return;
    }
    fprintf(cli->err, "countersign: THE HOLD COULD NOT BE PLACED: ");
    cs_cli_text(cli->err, cs_span_str(error));
    fputs("\ncountersign: place it by hand: countersign hold place, with --client or --everything\n",
          cli->err);
}

void cs_canary_report_print(struct cs_cli *cli, const struct cs_canary_report *r)
{
    size_t i;
    json_t *line;
    fprintf(cli->out, "%s%-20s %-16s %-16s %-10s %s%s\n", cs_cli_bold(cli), "CLIENT", "ISSUER", "CASE",
            "OUTCOME", "RULES", cs_cli_plain(cli));
    json_array_foreach(r->cases, i, line) print_case(cli, line);
    json_array_foreach(r->holds, i, line) print_hold(cli, line);
    fprintf(cli->out, "%u refused as they should be, %u not proven, %u not tried, %u alarm%s\n",
            r->n[CS_CANARY_REFUSED], r->n[CS_CANARY_NOT_PROVEN], r->n[CS_CANARY_NOT_TRIED],
            r->n[CS_CANARY_ALARM], r->n[CS_CANARY_ALARM] == 1 ? "" : "s");
    if (r->n[CS_CANARY_ALARM] == 0)
        return;
    json_array_foreach(r->cases, i, line)
    {
        if (strcmp(text(line, "outcome"), "alarm") == 0)
            fprintf(cli->err, "countersign: ALARM: client %s, issuer %s, case %s: the gate did not refuse\n",
                    text(line, "client"), text(line, "issuer"), text(line, "case"));
    }
}

json_t *cs_canary_report_json(const struct cs_canary_report *r)
{
    return json_pack("{s:o, s:o, s:{s:i, s:i, s:i, s:i}, s:i, s:O, s:O}", "started_at",
                     cs_cli_time(r->started_unix_s), "ended_at", cs_cli_time(r->ended_unix_s), "counts",
                     "refused", (int)r->n[CS_CANARY_REFUSED], "not_proven", (int)r->n[CS_CANARY_NOT_PROVEN],
                     "not_tried", (int)r->n[CS_CANARY_NOT_TRIED], "alarm", (int)r->n[CS_CANARY_ALARM],
                     "exit_code", r->exit_code, "cases", r->cases, "holds", r->holds);
}

/* ---- for Prometheus: clients, issuers and cases are sets that the configuration and the policy close ----
 */

static void put_label(struct cs_buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            cs_buf_put_u8(out, '\\');
        if (*value == '\n')
            cs_buf_put_str(out, "\\n");
        else
            cs_buf_put_u8(out, (uint8_t)*value);
    }
}

static void put_head(struct cs_buf *out, const char *name, const char *help)
{
    cs_buf_printf(out, "# HELP countersign_canary_%s %s\n# TYPE countersign_canary_%s gauge\n", name, help,
                  name);
}

static void put_case(struct cs_buf *out, const json_t *line)
{
    static const char *const labels[] = { "client", "issuer", "case", "outcome" };
    cs_buf_put_str(out, "countersign_canary_case_info{");
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        cs_buf_printf(out, "%s%s=\"", i == 0 ? "" : ",", labels[i]);
        put_label(out, text(line, labels[i]));
        cs_buf_put_str(out, "\"");
    }
    cs_buf_put_str(out, "} 1\n");
}

void cs_canary_metrics_put(struct cs_buf *out, const struct cs_canary_report *r)
{
    size_t i;
    json_t *line;
    uint32_t n_placed = 0;
    json_array_foreach(r->holds, i, line) n_placed += text(line, "error")[0] == '\0';
    put_head(out, "last_run_timestamp_seconds", "When the canary last came to its end.");
    cs_buf_printf(out, "countersign_canary_last_run_timestamp_seconds %lld\n", (long long)r->ended_unix_s);
    put_head(out, "exit_code", "Exit code of the last run: 0 refused, 1 alarm, 3 not proven or not tried.");
    cs_buf_printf(out, "countersign_canary_exit_code %d\n", r->exit_code);
    put_head(out, "cases", "Bad requests of the last run by what became of them.");
    for (unsigned o = 0; o <= CS_CANARY_ALARM; o++)
        cs_buf_printf(out, "countersign_canary_cases{outcome=\"%s\"} %u\n",
                      cs_canary_outcome_name((enum cs_canary_outcome)o), r->n[o]);
    put_head(out, "holds_placed", "Holds that the last run placed.");
    cs_buf_printf(out, "countersign_canary_holds_placed %u\n", n_placed);
    put_head(out, "holds_failed", "Holds that the last run should have placed and could not.");
    cs_buf_printf(out, "countersign_canary_holds_failed %u\n",
                  (unsigned)json_array_size(r->holds) - n_placed);
    put_head(out, "case_info", "One bad request of the last run.");
    json_array_foreach(r->cases, i, line) put_case(out, line);
}
