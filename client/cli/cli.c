#include "client/cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"

int cs_cli_fail(struct cs_cli *cli, enum cs_exit code, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fputs("countersign: ", cli->err);
    cs_cli_text(cli->err, cs_span_str(text));
    fputs("\n", cli->err);
    return (int)code;
}

int cs_cli_json(struct cs_cli *cli, json_t *document, int code)
{
    if (document == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    int written = json_dumpf(document, cli->out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(document);
    if (written != 0 || fputs("\n", cli->out) == EOF)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "standard output: cannot be written");
    return code;
}

void cs_cli_text(FILE *out, struct cs_span text)
{
    CS_AUTO_BUF struct cs_buf shown = { 0 };
    cs_text_put(&shown, text, text.len);
    if (!shown.failed && shown.len != 0)
        fwrite(shown.at, 1, shown.len, out);
}

const char *cs_cli_bold(const struct cs_cli *cli)
{
    return cli->colour ? "\x1b[1m" : "";
}
const char *cs_cli_red(const struct cs_cli *cli)
{
    return cli->colour ? "\x1b[31m" : "";
}
const char *cs_cli_green(const struct cs_cli *cli)
{
    return cli->colour ? "\x1b[32m" : "";
}
const char *cs_cli_plain(const struct cs_cli *cli)
{
    return cli->colour ? "\x1b[0m" : "";
}

int cs_cli_write(struct cs_cli *cli, const struct cs_args *args, struct cs_span bytes)
{
    const char *path = cs_arg_get(args, "out");
    struct cs_note note = { 0 };
    if (path != NULL && strcmp(path, "-") != 0) {
        if (!cs_ok(cs_write_file(path, bytes, 0644, &note)))
            return cs_cli_usage(cli, "--out %s", note.text);
        return CS_EXIT_DONE;
    }
    if ((bytes.len != 0 && fwrite(bytes.at, bytes.len, 1, cli->out) != 1) || fflush(cli->out) != 0)
        return cs_cli_usage(cli, "standard output: cannot be written");
    return CS_EXIT_DONE;
}

json_t *cs_cli_hex(struct cs_span bytes)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    if (!cs_buf_reserve(&text, 2 * bytes.len + 1))
        return NULL;
    cs_hex(bytes, (char *)text.at);
    return json_stringn((const char *)text.at, 2 * bytes.len);
}

json_t *cs_cli_time(int64_t unix_s)
{
    char text[CS_TIME_TEXT_LEN];
    cs_time_text(unix_s, text);
    return json_string(text);
}

/* ---- finding the command and its help ---- */

/* Does the name of c begin with the first n words of argv? Whole words only. */
static bool name_matches(const char *name, int n, const char *const *argv)
{
    for (int i = 0; i < n; i++) {
        size_t len = strlen(argv[i]);
        if (len == 0 || strncmp(name, argv[i], len) != 0 || (name[len] != ' ' && name[len] != '\0'))
            return false;
        name += len + (name[len] == ' ' ? 1 : 0);
        if (*name == '\0' && i + 1 < n)
            return false;
    }
    return true;
}

static int word_count(const char *name)
{
    int n = 1;
    for (; *name != '\0'; name++)
        n += *name == ' ';
    return n;
}

static void print_commands(FILE *out, int n, const char *const *argv)
{
    fputs("usage: countersign <command> [options]\n\ncommands:\n", out);
    for (const struct cs_command *c = cs_commands; c->name != NULL; c++)
        if (name_matches(c->name, n, argv))
            fprintf(out, "  %-22s %s\n", c->name, c->summary);
    fputs("\n'countersign <command> --help' lists its options. Exit codes: 0 done, 1 refused or not\n"
          "verified, 2 usage or configuration, 3 proxy, HSM or store not reachable, 4 declined.\n",
          out);
}

static void print_help(FILE *out, const struct cs_command *c)
{
    fprintf(out, "usage: countersign %s [options]%s%s\n\n%s\n\noptions:\n", c->name,
            c->positional != NULL ? " " : "", c->positional != NULL ? c->positional : "", c->summary);
    for (const struct cs_option *o = c->options; o->name != NULL; o++) {
        char left[80];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        fprintf(out, "  %-34s %s%s\n", left, o->help,
                o->kind == CS_OPT_REQUIRED   ? " (required)"
                : o->kind == CS_OPT_REPEATED ? " (repeatable)"
                                             : "");
    }
    fputs("  --help                             this text\n", out);
}

/* Number of leading words in argv that are no options. */
static int leading_words(int argc, const char *const *argv)
{
    int n = 0;
    while (n < argc && argv[n][0] != '-')
        n++;
    return n;
}

static int run_command(struct cs_cli *cli, const struct cs_command *c, int argc, const char *const *argv)
{
    struct cs_args *args = calloc(1, sizeof *args);
    struct cs_note note = { 0 };
    int code;
    if (args == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    if (!cs_ok(cs_args_parse(c->options, c->min_positional, c->max_positional, argc, argv, args, &note))) {
        code = cs_cli_usage(cli, "%s: %s", c->name, note.text);
    } else if (args->help) {
        print_help(cli->out, c);
        code = CS_EXIT_DONE;
    } else {
        code = c->run(cli, args);
    }
    free(args);
    return code;
}

int cs_cli_run(int argc, const char *const *argv, FILE *out, FILE *err)
{
    const char *no_colour = getenv("NO_COLOR");
    struct cs_cli cli = { .out = out, .err = err };
    cli.colour = isatty(fileno(out)) == 1 && (no_colour == NULL || no_colour[0] == '\0');
    cli.progress = isatty(fileno(err)) == 1;
    argc -= argc > 0 ? 1 : 0;
    argv += 1;
    if (argc == 1 && strcmp(argv[0], "--version") == 0) {
        fputs("countersign " CS_CLI_VERSION "\n", out);
        return CS_EXIT_DONE;
    }
    for (const struct cs_command *c = cs_commands; c->name != NULL; c++) {
        int words = word_count(c->name);
        if (argc >= words && name_matches(c->name, words, argv))
            return run_command(&cli, c, argc - words, argv + words);
    }
    int words = leading_words(argc, argv);
    bool asked = words < argc && strcmp(argv[words], "--help") == 0;
    if (words == 1 && argc == 1 && strcmp(argv[0], "help") == 0) {
        words = 0;
        asked = true;
    }
    bool known = words == 0;
    for (const struct cs_command *c = cs_commands; c->name != NULL && !known; c++)
        known = name_matches(c->name, words, argv);
    if (known) {
        print_commands(asked ? out : err, words, argv);
        return asked ? CS_EXIT_DONE : CS_EXIT_USAGE;
    }
    return cs_cli_usage(&cli, "'%s': no such command; see countersign --help", argv[words > 1 ? 1 : 0]);
}
