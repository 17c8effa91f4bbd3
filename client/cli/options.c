#include "client/cli/options.h"

#include <inttypes.h>
#include <string.h>

static const struct cs_option *find(const struct cs_option *options, const char *name, size_t len)
{
    for (const struct cs_option *o = options; o->name != NULL; o++)
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

static CS_RESULT take_option(const struct cs_option *options, int argc, const char *const *argv, int *at,
                             struct cs_args *out, struct cs_note *note)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct cs_option *o = find(options, name, len);
    if (o == NULL) {
        cs_note_set(note, "--%.*s: no such option of this command; see --help", (int)(len < 64 ? len : 64),
                    name);
        return CS_ERR(ARGUMENT);
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (o->kind == CS_OPT_SWITCH) {
        if (value != NULL) {
            cs_note_set(note, "--%s: takes no value, '%s' was given", o->name, value);
            return CS_ERR(ARGUMENT);
        }
        value = "";
    } else if (value == NULL) {
        if (*at + 1 >= argc) {
            cs_note_set(note, "--%s: needs %s behind it", o->name, o->value);
            return CS_ERR(ARGUMENT);
        }
        value = argv[++*at];
    }
    if (o->kind != CS_OPT_REPEATED && cs_arg_get(out, o->name) != NULL) {
        cs_note_set(note, "--%s: given twice ('%s' and '%s'), needed once", o->name, cs_arg_get(out, o->name),
                    value);
        return CS_ERR(ARGUMENT);
    }
    out->arg[out->n++] = (struct cs_arg){ o, value };
    return CS_OK;
}

static CS_RESULT check_counts(const struct cs_option *options, uint32_t min, uint32_t max,
                              const struct cs_args *args, struct cs_note *note)
{
    for (const struct cs_option *o = options; o->name != NULL; o++)
        if (o->kind == CS_OPT_REQUIRED && cs_arg_get(args, o->name) == NULL) {
            cs_note_set(note, "--%s: missing, needs %s", o->name, o->value);
            return CS_ERR(ARGUMENT);
        }
    uint32_t n = 0;
    while (cs_arg_at(args, NULL, n) != NULL)
        n++;
    if (n < min) {
        cs_note_set(note, "%" PRIu32 " argument(s) given, at least %" PRIu32 " needed; see --help", n, min);
        return CS_ERR(ARGUMENT);
    }
    if (n > max) {
        cs_note_set(note, "'%s': one argument too many; see --help", cs_arg_at(args, NULL, max));
        return CS_ERR(ARGUMENT);
    }
    return CS_OK;
}

CS_RESULT cs_args_parse(const struct cs_option *options, uint32_t min_positional, uint32_t max_positional,
                        int argc, const char *const *argv, struct cs_args *out, struct cs_note *note)
{
    out->help = false;
    out->n = 0;
    if (argc > CS_ARGS_MAX) {
        cs_note_set(note, "%d arguments given, at most %d are read", argc, CS_ARGS_MAX);
        return CS_ERR(LIMIT);
    }
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && strcmp(argv[i], "--help") == 0) {
            out->help = true;
            return CS_OK;
        } else if (!options_end && strncmp(argv[i], "--", 2) == 0) {
            CS_TRY(take_option(options, argc, argv, &i, out, note));
        } else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            cs_note_set(note, "%s: options have two dashes and a whole name; see --help", argv[i]);
            return CS_ERR(ARGUMENT);
        } else {
            out->arg[out->n++] = (struct cs_arg){ NULL, argv[i] };
        }
    }
    return check_counts(options, min_positional, max_positional, out, note);
}

const char *cs_arg_at(const struct cs_args *args, const char *name, uint32_t n)
{
    for (uint32_t i = 0; i < args->n; i++) {
        const struct cs_option *o = args->arg[i].option;
        bool same = name == NULL ? o == NULL : o != NULL && strcmp(o->name, name) == 0;
        if (same && n-- == 0)
            return args->arg[i].value;
    }
    return NULL;
}

const char *cs_arg_get(const struct cs_args *args, const char *name)
{
    return cs_arg_at(args, name, 0);
}

bool cs_arg_has(const struct cs_args *args, const char *name)
{
    return cs_arg_get(args, name) != NULL;
}

bool cs_number_of(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return false;
        uint64_t digit = (uint64_t)(*p - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

CS_RESULT cs_arg_number(const struct cs_args *args, const char *name, uint64_t fallback, uint64_t min,
                        uint64_t max, uint64_t *out, struct cs_note *note)
{
    const char *text = cs_arg_get(args, name);
    uint64_t v = fallback;
    if (text != NULL && (!cs_number_of(text, max, &v) || v < min)) {
        cs_note_set(note, "--%s '%s': needs a number from %" PRIu64 " to %" PRIu64, name, text, min, max);
        return CS_ERR(ARGUMENT);
    }
    *out = v;
    return CS_OK;
}
