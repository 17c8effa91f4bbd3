/*
 * Making a statement: flags and --from together become one JSON document, which the strict reader
 * turns into the statement. So a value is checked once, by one reader, wherever it came from.
 */
#ifndef CS_CLIENT_CLI_ATTEST_H
#define CS_CLIENT_CLI_ATTEST_H

#include "client/cli/cli.h"
#include "countersign/v1/statement.pb-c.h"

/* How a flag's text becomes JSON. */
enum cs_attest_form {
    CS_ATTEST_TEXT,
    CS_ATTEST_TIME,
    CS_ATTEST_NUMBER,
    CS_ATTEST_TRUE,
    CS_ATTEST_SUBJECT,      /* domain or ip_address, by what the text is */
    CS_ATTEST_PROFILE,      /* also dv, iv, ov, ev */
    CS_ATTEST_PERSPECTIVE,  /* id,rir,latitude,longitude,passed|failed,time */
    CS_ATTEST_ATTRIBUTE,    /* TYPE[:utf8|printable|ia5]=VALUE */
    CS_ATTEST_SOURCE,       /* kind,name,reference,time */
    CS_ATTEST_AUTHENTICITY, /* method,contact source,time */
    CS_ATTEST_FILE,         /* read by the kind's complete function */
};

/* A flag and the member it sets; member is a path inside the body. */
struct cs_attest_flag {
    const char *name, *member;
    enum cs_attest_form form;
};

struct cs_attest {
    struct cs_cli *cli;
    const struct cs_args *args;
    json_t *body;
    int64_t now_unix_s, issued_at_unix_s, expires_at_unix_s;
    struct cs_note note;
    const void *context; /* of the command, for its hooks */
    bool refused;        /* what failed is the content, not the command line: exit code 1 */
};

struct cs_attest_kind {
    const char *member; /* of Statement */
    const char *role;
    int64_t lifetime_s;                               /* default of --expires-at */
    const struct cs_attest_flag *flags;               /* ends with a row without name */
    CS_RESULT (*complete)(struct cs_attest *a);       /* sets what needs files; may be NULL */
    void (*normalize)(Countersign__V1__Statement *s); /* may be NULL */
};

/* A kind of the role "operator" is about no account and signed by --operator: --account, --attester and
 * --software are flags of its own. */

/* cs_attest_make makes, checks and signs one statement with the first --key and appends the envelope; returns
 * an exit code, and what is wrong has been printed. */
int cs_attest_make(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind,
                   struct cs_buf *out);
/* cs_attest_run makes, checks, signs and writes one statement. */
int cs_attest_run(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind);
/* cs_attest_run_judged also asks judge about the statement before it is signed; context is a->context. */
typedef CS_RESULT cs_attest_judge(struct cs_attest *a, const Countersign__V1__Statement *s);
int cs_attest_run_judged(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind,
                         cs_attest_judge *judge, const void *context);

/* cs_attest_flags sets the members of a->body from the flags given. ARGUMENT with a->note. */
CS_RESULT cs_attest_flags(struct cs_attest *a, const struct cs_attest_flag *flags);

/* cs_attest_put sets the member at a dotted path, making objects on the way; takes value. */
CS_RESULT cs_attest_put(json_t *body, const char *path, json_t *value);

/* attest_files.c: what comes from files beside --from. */
CS_RESULT cs_attest_lint_complete(struct cs_attest *a);
CS_RESULT cs_attest_order_complete(struct cs_attest *a);
void cs_attest_order_normalize(Countersign__V1__Statement *s);

/* Options of every kind; expands inside an option table. */
#define CS_ATTEST_COMMON_OPTIONS                                                                         \
    { "from", "FILE", "JSON object of the statement's body; flags override its members", CS_OPT_VALUE }, \
        { "key", "FILE", "private key of the attester, PEM", CS_OPT_REQUIRED },                          \
        { "attester", "NAME", "name of the attester in the policy", CS_OPT_REQUIRED },                   \
        { "audience", "ID", "deployment of the policy", CS_OPT_REQUIRED },                               \
        { "account", "ACCOUNT", "account the statement is about", CS_OPT_REQUIRED },                     \
        { "ruleset", "VERSION", "requirements followed (default " CS_ATTEST_RULESET ")", CS_OPT_VALUE }, \
        { "issued-at", "TIME", "default now", CS_OPT_VALUE },                                            \
        { "expires-at", "TIME", "RFC 3339, or +DURATION from issued-at", CS_OPT_VALUE },                 \
        { "statement-id", "HEX", "16 to 32 octets (default 32 random ones)", CS_OPT_VALUE },             \
        { "software", "NAME/VERSION", "default countersign-cli/" CS_CLI_VERSION, CS_OPT_VALUE },         \
        { "out", "FILE", "where to write (default standard output)", CS_OPT_VALUE },                     \
        { "format", "FORM", "protobuf or json (default protobuf)", CS_OPT_VALUE },                       \
    {                                                                                                    \
        0                                                                                                \
    }

#define CS_ATTEST_RULESET "tls-br-2.3.0"

#endif
