#include <inttypes.h>

#include "client/cli/cli.h"
#include "client/cli/pbjson.h"
#include "client/cli/tree.h"
#include "proxy/base/clock.h"
#include "proxy/ledger/verify.h"

const struct cs_option cs_options_ledger_show[] = {
    { "from", "N", "first entry (default 1)", CS_OPT_VALUE },
    { "to", "N", "last entry (default the last)", CS_OPT_VALUE },
    { "json", NULL, "print one JSON object per line", CS_OPT_SWITCH },
    { 0 },
};

struct showing {
    struct cs_cli *cli;
    bool as_json;
};

static void print_pair(struct cs_cli *cli, const char *name, const json_t *v);

/* Reasons as "V01 dns:example.com"; other objects as their members; long hex shortened. */
static void print_items(struct cs_cli *cli, const char *name, const json_t *array)
{
    if (strcmp(name, "reasons") != 0) {
        fprintf(cli->out, " %s=%zu", name, json_array_size(array));
        return;
    }
    fputs(" reasons=", cli->out);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *reason = json_array_get(array, i);
        const char *rule = json_string_value(json_object_get(reason, "rule"));
        const char *subject = json_string_value(json_object_get(reason, "subject"));
        fputs(i != 0 ? "," : "", cli->out);
        cs_cli_text(cli->out, cs_span_str(rule != NULL ? rule : "?"));
        fputs("(", cli->out);
        cs_cli_text(cli->out, cs_span_str(subject != NULL ? subject : ""));
        fputs(")", cli->out);
    }
}

static void print_members(struct cs_cli *cli, const json_t *object)
{
    union { /* jansson's iterator takes no const */
        const json_t *in;
        json_t *out;
    } o = { .in = object };
    const char *name;
    json_t *v;
    json_object_foreach(o.out, name, v) print_pair(cli, name, v);
}

static size_t octets_of_base64(const char *text, size_t len)
{
    size_t padding = 0;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    return len / 4 * 3 - padding;
}

static void print_pair(struct cs_cli *cli, const char *name, const json_t *v)
{
    size_t len = json_string_length(v), name_len = strlen(name);
    bool is_digest =
        (name_len >= 6 && strcmp(name + name_len - 6, "sha256") == 0) || strcmp(name, "digest") == 0;
    const json_t *hex = json_object_get(v, "hex"); /* octets that are no text */
    if (hex != NULL && json_object_size(v) == 1) {
        print_pair(cli, name, hex);
    } else if (json_is_object(v)) {
        print_members(cli, v);
    } else if (json_is_array(v)) {
        print_items(cli, name, v);
    } else if (json_is_string(v)) {
        fprintf(cli->out, " %s=", name);
        if (strcmp(name, "tbs") == 0 || strcmp(name, "signature") == 0)
            fprintf(cli->out, "%zu octets", octets_of_base64(json_string_value(v), len));
        else if (is_digest && len > 16)
            fprintf(cli->out, "%.16s..", json_string_value(v));
        else
            cs_cli_text(cli->out, cs_span_of(json_string_value(v), len));
    } else if (json_is_integer(v)) {
        fprintf(cli->out, " %s=%" JSON_INTEGER_FORMAT, name, json_integer_value(v));
    } else {
        fprintf(cli->out, " %s=%s", name, json_is_true(v) ? "yes" : "no");
    }
}

static cs_result show_entry(void *ctx, const Countersign__Ledger__V1__Entry *entry, struct cs_span bytes)
{
    const struct showing *s = ctx;
    char time_text[CS_TIME_TEXT_LEN];
    (void)bytes;
    json_t *document = cs_pbjson_write(&entry->base, false);
    if (document == NULL)
        return CS_ERR(NO_MEMORY);
    if (s->as_json) {
        int written = json_dumpf(document, s->cli->out, JSON_COMPACT | JSON_ENSURE_ASCII);
        fputs("\n", s->cli->out);
        json_decref(document);
        return written == 0 ? CS_OK : CS_ERR(IO);
    }
    cs_time_text(entry->time_unix_us / 1000000, time_text);
    fprintf(s->cli->out, "%8" PRIu64 " %.19s.%06dZ", entry->seq, time_text,
            (int)(entry->time_unix_us % 1000000));
    json_object_del(document, "seq");
    json_object_del(document, "time_unix_us");
    const char *kind;
    json_t *body;
    json_object_foreach(document, kind, body)
    {
        fprintf(s->cli->out, " %-9s", kind);
        print_members(s->cli, body);
    }
    fputs("\n", s->cli->out);
    json_decref(document);
    return ferror(s->cli->out) ? CS_ERR(IO) : CS_OK;
}

int cs_cmd_ledger_show(struct cs_cli *cli, const struct cs_args *args)
{
    const char *path = cs_arg_at(args, NULL, 0);
    struct showing s = { cli, cs_arg_has(args, "json") };
    struct cs_note note = { 0 };
    uint64_t from, to;
    cs_result r = cs_arg_number(args, "from", 1, 1, INT64_MAX, &from, &note);
    if (cs_ok(r))
        r = cs_arg_number(args, "to", 0, 1, INT64_MAX, &to, &note);
    if (cs_ok(r) && to != 0 && to < from) {
        cs_note_set(&note, "--to: before --from");
        r = CS_ERR(ARGUMENT);
    }
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text);
    r = cs_ledger_each(path, from, to, show_entry, &s, &note);
    if (cs_ok(r))
        return CS_EXIT_DONE;
    return cs_cli_fail(cli, cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED : CS_EXIT_UNREACHABLE, "%s: %s",
                       path, note.text[0] != '\0' ? note.text : cs_result_text(r));
}
