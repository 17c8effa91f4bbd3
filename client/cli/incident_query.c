#include "client/cli/incident_query.h"

#include "client/cli/cli.h"
#include "client/cli/pbjson.h"
#include "proxy/base/clock.h"

static const struct cs_option selectors[] = { CS_SCOPE_OPTIONS, { 0 } };
enum { QUERY_FILE_MAX_LEN = 1 << 20 };

void cs_incident_query_done(struct cs_incident_query *q)
{
    json_decref(q->asked);
    cs_scope_arguments_done(&q->scope);
    cs_arena_done(&q->arena);
}

/* ---- the file ---- */

static CS_RESULT add(struct cs_incident_query *q, const char *name, const json_t *value, struct cs_note *note)
{
    for (const struct cs_option *o = selectors; o->name != NULL; o++) {
        if (strcmp(o->name, name) != 0)
            continue;
        if (!json_is_string(value)) {
            cs_note_set(note, "member '%s': needs a text or a list of texts", name);
            return CS_ERR(ARGUMENT);
        }
        if (o->kind == CS_OPT_VALUE && cs_arg_has(&q->args, name)) {
            cs_note_set(note, "member '%s': given twice, or on the command line too", name);
            return CS_ERR(ARGUMENT);
        }
        const char *text = cs_arena_copy(&q->arena, cs_span_str(json_string_value(value)));
        if (text == NULL || q->args.n == CS_ARGS_MAX)
            return CS_ERR(NO_MEMORY);
        q->args.arg[q->args.n++] = (struct cs_arg){ .option = o, .value = text };
        return CS_OK;
    }
    cs_note_set(note, "member '%.60s': no selector of countersign scope", name);
    return CS_ERR(ARGUMENT);
}

static CS_RESULT add_all(struct cs_incident_query *q, json_t *object, struct cs_note *note)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (!json_is_array(value)) {
            CS_TRY(add(q, name, value, note));
            continue;
        }
        for (size_t i = 0; i < json_array_size(value); i++)
            CS_TRY(add(q, name, json_array_get(value, i), note));
    }
    return CS_OK;
}

static CS_RESULT read_file(struct cs_incident_query *q, const char *path, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf text = { .max = QUERY_FILE_MAX_LEN };
    struct cs_note inner = { "" };
    json_t *object = NULL;
    uint8_t piece[4096];
    size_t n;
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        cs_note_set(note, "--query %s: cannot be read", path);
        return CS_ERR(ARGUMENT);
    }
    while ((n = fread(piece, 1, sizeof piece, f)) != 0)
        cs_buf_put(&text, piece, n);
    bool fine = !ferror(f) && !text.failed;
    (void)fclose(f);
    cs_result r = fine ? cs_pbjson_load(cs_buf_span(&text), &object, &inner) : CS_ERR(LIMIT);
    if (cs_ok(r))
        r = add_all(q, object, &inner);
    json_decref(object);
    if (cs_ok(r))
        return CS_OK;
    cs_note_set(note, "--query %s: %s", path,
                inner.text[0] != '\0' ? inner.text : "needs at most 1 MiB of JSON");
    return CS_ERR(ARGUMENT);
}

/* ---- in words ---- */

static void put_shell(struct cs_buf *out, const char *text)
{
    cs_buf_put_u8(out, '\'');
    for (; *text != '\0'; text++)
        if (*text == '\'')
            cs_buf_put_str(out, "'\\''");
        else if ((uint8_t)*text < 0x20 || *text == 0x7f)
            cs_buf_put_u8(out, '?');
        else
            cs_buf_put_u8(out, (uint8_t)*text);
    cs_buf_put_u8(out, '\'');
}

/* What an option selects, as its help says it, without what else it explains. */
static int phrase_len(const char *help)
{
    return (int)strcspn(help, ",;(");
}

static const char *absolute(struct cs_incident_query *q, const char *name, const char *text)
{
    char at[CS_TIME_TEXT_LEN];
    int64_t us = strcmp(name, "from") == 0    ? q->scope.query.from_unix_us
                 : strcmp(name, "until") == 0 ? q->scope.query.until_unix_us
                                              : 0;
    if (us == 0)
        return text;
    cs_time_text(us / 1000000, at);
    return cs_arena_printf(&q->arena, "%s", at);
}

static CS_RESULT say_option(struct cs_incident_query *q, const struct cs_option *o, struct cs_buf *command)
{
    CS_AUTO_BUF struct cs_buf words = { 0 };
    json_t *list = json_array();
    const char *text;
    cs_buf_printf(&words, "%.*s: ", phrase_len(o->help), o->help);
    for (uint32_t i = 0; (text = cs_arg_at(&q->args, o->name, i)) != NULL; i++) {
        text = absolute(q, o->name, text);
        cs_buf_printf(&words, "%s%s", i != 0 ? " or " : "", text);
        cs_buf_printf(command, " --%s ", o->name);
        put_shell(command, text);
        if (json_array_append_new(list, json_string(text)) != 0) {
            json_decref(list);
            cs_buf_done(command);
            return CS_ERR(ARGUMENT);
        }
    }
    const char *kept = cs_arena_copy(&q->arena, cs_buf_span(&words));
    if (json_object_set_new(q->asked, o->name, list) != 0 || kept == NULL || words.failed ||
        q->n_words == CS_INCIDENT_WORDS_MAX)
        return CS_ERR(NO_MEMORY);
    q->words[q->n_words++] = kept;
    return CS_OK;
}

static CS_RESULT say(struct cs_incident_query *q)
{
    CS_AUTO_BUF struct cs_buf command = { 0 };
    q->asked = json_object();
    q->words[q->n_words++] = "the key signed the precertificate or certificate, or may have";
    cs_buf_put_str(&command, "countersign incident --ledger FILE --out DIR");
    for (const struct cs_option *o = selectors; o->name != NULL; o++)
        if (cs_arg_has(&q->args, o->name))
            CS_TRY(say_option(q, o, &command));
    q->command = cs_arena_copy(&q->arena, cs_buf_span(&command));
    return q->command != NULL && !command.failed ? CS_OK : CS_ERR(NO_MEMORY);
}

CS_RESULT cs_incident_query_read(const struct cs_args *args, int64_t now_unix_s,
                                 struct cs_incident_query *out, struct cs_note *note)
{
    out->args = *args;
    if (cs_arg_has(args, "query"))
        CS_TRY(read_file(out, cs_arg_get(args, "query"), note));
    if (cs_arg_has(&out->args, "rule")) {
        cs_note_set(note, "--rule: asks for refusals; an incident lists certificates");
        return CS_ERR(ARGUMENT);
    }
    const char *kind;
    for (uint32_t i = 0; (kind = cs_arg_at(&out->args, "kind", i)) != NULL; i++)
        if (strcmp(kind, "intent") != 0 && strcmp(kind, "precertificate") != 0 &&
            strcmp(kind, "certificate") != 0) {
            cs_note_set(note, "--kind '%s': needs intent, precertificate or certificate", kind);
            return CS_ERR(ARGUMENT);
        }
    CS_TRY(cs_scope_arguments_read(&out->args, now_unix_s, &out->scope, note));
    cs_result r = say(out);
    if (cs_is(r, CS_NUM_ARGUMENT))
        cs_note_set(note, "a selector is no UTF-8");
    return r;
}
