#include <strings.h>

#include "client/cli/cli.h"
#include "proxy/base/clock.h"
#include "proxy/gate/rules/listing.h"

const struct cs_option cs_options_rules[] = {
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};
const struct cs_option cs_options_explain[] = {
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static const char *inputs_text(unsigned inputs, char out[160])
{
    out[0] = '\0';
    for (unsigned bit = 1; bit != 0; bit <<= 1)
        if ((inputs & bit) != 0) {
            const char *name = cs_input_name(bit);
            size_t len = strlen(out);
            snprintf(out + len, 160 - len, "%s%s", len != 0 ? ", " : "", name != NULL ? name : "?");
        }
    return out[0] != '\0' ? out : "the message";
}

/* Rows begin and end at midnight. */
static const char *day_text(int64_t unix_s, char out[CS_TIME_TEXT_LEN])
{
    cs_time_text(unix_s, out);
    if (unix_s % 86400 == 0)
        out[strlen("2026-11-21")] = '\0';
    return out;
}

static void dates_text(const struct cs_dated_row *row, char out[96])
{
    char from[CS_TIME_TEXT_LEN], until[CS_TIME_TEXT_LEN];
    bool has_from = row->from_unix_s != INT64_MIN, has_until = row->until_unix_s != INT64_MAX;
    if (row->until_unix_s == INT64_MIN)
        snprintf(out, 96, "never");
    else if (has_from && has_until)
        snprintf(out, 96, "%s until %s", day_text(row->from_unix_s, from),
                 day_text(row->until_unix_s, until));
    else if (has_from)
        snprintf(out, 96, "from %s on", day_text(row->from_unix_s, from));
    else
        snprintf(out, 96, "%s%s", has_until ? "until " : "always",
                 has_until ? day_text(row->until_unix_s, until) : "");
}

struct telling {
    FILE *out;
    bool mark; /* what is in force at now_unix_s */
    int64_t now_unix_s;
    json_t *rows;
};

static bool is_in_force(const struct cs_dated_row *row, int64_t now_unix_s)
{
    return now_unix_s >= row->from_unix_s && now_unix_s < row->until_unix_s;
}

static void tell_text(void *ctx, const struct cs_dated_row *row)
{
    const struct telling *t = ctx;
    char dates[96];
    dates_text(row, dates);
    fprintf(t->out, "     %-27s %s%s\n", dates, row->text,
            t->mark && is_in_force(row, t->now_unix_s) ? " (in force)" : "");
}

static void tell_json(void *ctx, const struct cs_dated_row *row)
{
    const struct telling *t = ctx;
    json_t *one = json_pack("{s:s}", "text", row->text);
    if (row->from_unix_s != INT64_MIN)
        json_object_set_new(one, "from", cs_cli_time(row->from_unix_s));
    if (row->until_unix_s == INT64_MIN)
        json_object_set_new(one, "never", json_true());
    else if (row->until_unix_s != INT64_MAX)
        json_object_set_new(one, "until", cs_cli_time(row->until_unix_s));
    if (t->mark)
        json_object_set_new(one, "in_force", json_boolean(is_in_force(row, t->now_unix_s)));
    json_array_append_new(t->rows, one);
}

static void print_rule(struct cs_cli *cli, enum cs_rule r, bool explain)
{
    const struct cs_rule_text *text = cs_rule_text(r);
    const struct cs_rule_place place = cs_rule_place(r);
    struct telling t = { .out = cli->out, .mark = explain, .now_unix_s = cs_clock_unix_s() };
    char inputs[160];
    fprintf(cli->out, "%s%s%s  %s\n     clause  %s\n", cs_cli_bold(cli), text->id, cs_cli_plain(cli),
            text->title, text->clause);
    if (place.judged != NULL)
        fprintf(cli->out, "     judged  %s (%s)\n     reads   %s\n", place.judged, place.source,
                inputs_text(place.inputs, inputs));
    else
        fprintf(cli->out, "     judged  not by this version\n");
    if (explain)
        fprintf(cli->out, "     remedy  %s\n", text->remedy);
    cs_dated_each(r, tell_text, &t);
}

static json_t *rule_of(enum cs_rule r, bool explain)
{
    const struct cs_rule_text *text = cs_rule_text(r);
    const struct cs_rule_place place = cs_rule_place(r);
    struct telling t = { .mark = explain, .now_unix_s = cs_clock_unix_s(), .rows = json_array() };
    json_t *inputs = json_array();
    for (unsigned bit = 1; bit != 0; bit <<= 1)
        if ((place.inputs & bit) != 0)
            json_array_append_new(inputs, json_string(cs_input_name(bit) != NULL ? cs_input_name(bit) : "?"));
    cs_dated_each(r, tell_json, &t);
    return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:o, s:o}", "id", text->id, "title", text->title,
                     "clause", text->clause, "remedy", text->remedy, "judged", place.judged, "source",
                     place.source, "reads", inputs, "dates", t.rows);
}

int cs_cmd_rules(struct cs_cli *cli, const struct cs_args *args)
{
    if (cs_arg_has(args, "json")) {
        json_t *all = json_array();
        for (int r = 0; r < CS_RULE_COUNT; r++)
            json_array_append_new(all, rule_of((enum cs_rule)r, false));
        return cs_cli_json(cli, all, CS_EXIT_DONE);
    }
    for (int r = 0; r < CS_RULE_COUNT; r++)
        print_rule(cli, (enum cs_rule)r, false);
    return fflush(cli->out) == 0 ? CS_EXIT_DONE : cs_cli_usage(cli, "standard output: cannot be written");
}

int cs_cmd_explain(struct cs_cli *cli, const struct cs_args *args)
{
    const char *id = cs_arg_at(args, NULL, 0);
    for (int r = 0; r < CS_RULE_COUNT; r++) {
        if (strcasecmp(cs_rule_text((enum cs_rule)r)->id, id) != 0)
            continue;
        if (cs_arg_has(args, "json"))
            return cs_cli_json(cli, rule_of((enum cs_rule)r, true), CS_EXIT_DONE);
        print_rule(cli, (enum cs_rule)r, true);
        return CS_EXIT_DONE;
    }
    return cs_cli_usage(cli, "'%s': no such rule; see countersign rules", id);
}
