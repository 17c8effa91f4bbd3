/*
 * Options of one command line: long options only, in any order, "--name value" or "--name=value",
 * "--" ends them. Abbreviations, unknown names, repeated single options and missing required ones
 * refuse, naming flag, value and what was needed.
 */
#ifndef CS_CLIENT_CLI_OPTIONS_H
#define CS_CLIENT_CLI_OPTIONS_H

#include "proxy/base/result.h"

#include <stdint.h>

enum { CS_ARGS_MAX = 2048 };

enum cs_option_kind { CS_OPT_VALUE = 0, CS_OPT_REQUIRED, CS_OPT_REPEATED, CS_OPT_SWITCH };

struct cs_option {
    const char *name;  /* without dashes */
    const char *value; /* how help names the value; NULL for a switch */
    const char *help;
    enum cs_option_kind kind;
};

struct cs_arg {
    const struct cs_option *option; /* NULL: positional */
    const char *value;              /* "" for a switch */
};

struct cs_args {
    bool help; /* --help was given; nothing else was checked */
    uint32_t n;
    struct cs_arg arg[CS_ARGS_MAX];
};

/* cs_args_parse reads argv[0..argc) by the table. ARGUMENT with a note on the first fault; *out
 * borrows argv and the table. */
CS_RESULT cs_args_parse(const struct cs_option *options, uint32_t min_positional, uint32_t max_positional,
                        int argc, const char *const *argv, struct cs_args *out, struct cs_note *note);

/* cs_arg_get returns the value of an option, or NULL when it was not given. */
const char *cs_arg_get(const struct cs_args *args, const char *name);
/* cs_arg_at returns the n-th value of a repeated option, or NULL past the last; name NULL: the n-th
 * positional argument. */
const char *cs_arg_at(const struct cs_args *args, const char *name, uint32_t n);
bool cs_arg_has(const struct cs_args *args, const char *name);

/* cs_arg_number reads a decimal number min..max; fallback when the option is absent. ARGUMENT with a
 * note that names flag, value and range. */
CS_RESULT cs_arg_number(const struct cs_args *args, const char *name, uint64_t fallback, uint64_t min,
                        uint64_t max, uint64_t *out, struct cs_note *note);
/* cs_number_of reads a whole text of decimal digits without sign or leading zeros. */
bool cs_number_of(const char *text, uint64_t max, uint64_t *out);

#endif
