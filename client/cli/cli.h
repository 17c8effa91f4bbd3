/*
 * The command `countersign`: a table of commands, each with its own table of options. A command
 * prints data on standard output and everything else on standard error, asks nothing, and ends with
 * one of the exit codes below. The streams are given, so that tests run commands inside their process.
 */
#ifndef CS_CLIENT_CLI_CLI_H
#define CS_CLIENT_CLI_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "client/cli/options.h"
#include "proxy/base/bytes.h"

#define CS_CLI_VERSION "0.1.0"

/* Stable; scripts branch on them. */
enum cs_exit {
    CS_EXIT_DONE = 0,
    CS_EXIT_REFUSED = 1,     /* the gate refused, or a verification failed */
    CS_EXIT_USAGE = 2,       /* flags, files, configuration */
    CS_EXIT_UNREACHABLE = 3, /* proxy, HSM or store cannot be reached */
    CS_EXIT_DECLINED = 4,    /* a person was asked and said no */
};

struct cs_cli {
    FILE *out, *err;
    bool colour;   /* out is a terminal and NO_COLOR is not set */
    bool progress; /* err is a terminal */
};

struct cs_command {
    const char *name;       /* "attest domain" */
    const char *summary;    /* one line */
    const char *positional; /* how usage names them, or NULL */
    uint32_t min_positional, max_positional;
    const struct cs_option *options; /* ends with a row without name */
    int (*run)(struct cs_cli *cli, const struct cs_args *args);
};

/* cs_cli_run finds the command in argv[1..], parses its options and runs it; returns the exit code. */
int cs_cli_run(int argc, const char *const *argv, FILE *out, FILE *err);

/* One row per command; ends with a row without name. */
extern const struct cs_command cs_commands[];

/* cs_cli_fail prints "countersign: <text>" on err and returns code. */
int cs_cli_fail(struct cs_cli *cli, enum cs_exit code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* cs_cli_usage is cs_cli_fail with CS_EXIT_USAGE. */
#define cs_cli_usage(cli, ...) cs_cli_fail(cli, CS_EXIT_USAGE, __VA_ARGS__)

/* cs_cli_json prints a document (taken; NULL means memory ran out) and returns code, or
 * CS_EXIT_UNREACHABLE when it could not be written. */
int cs_cli_json(struct cs_cli *cli, json_t *document, int code);
/* cs_cli_text prints untrusted text, escaped. */
void cs_cli_text(FILE *out, struct cs_span text);

/* Emphasis on a terminal; empty strings otherwise. */
const char *cs_cli_bold(const struct cs_cli *cli);
const char *cs_cli_red(const struct cs_cli *cli);
const char *cs_cli_green(const struct cs_cli *cli);
const char *cs_cli_plain(const struct cs_cli *cli);

/* cs_cli_write puts bytes where --out says: a file (0644) or, without it, standard output. */
int cs_cli_write(struct cs_cli *cli, const struct cs_args *args, struct cs_span bytes);

/* JSON strings of a span's hex and of a time as RFC 3339; NULL without memory. */
json_t *cs_cli_hex(struct cs_span bytes);
json_t *cs_cli_time(int64_t unix_s);

/* The commands. */
int cs_cmd_keygen(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_domain(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_caa(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_organization(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_order(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_lint(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_approval(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_cosign(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_show(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_tbs_show(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_tbs_from_csr(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_sign(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_evaluate(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_authorize(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_deposit(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_health(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_status(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_clients(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_ledger_verify(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_ledger_export(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_ledger_key(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_ledger_vkey(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_receipt(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_ledger_show(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_scope(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_incident(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_replay(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_audit_report(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_witness(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_witness_key(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_hold_place(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_hold_lift(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_hold_list(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_recall_place(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_recall_list(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_canary(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_canary_prepare(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_policy_check(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_attest_from_open_mpic(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_lint_request(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_rules(struct cs_cli *cli, const struct cs_args *args);
int cs_cmd_explain(struct cs_cli *cli, const struct cs_args *args);

extern const struct cs_option cs_options_scope[], cs_options_incident[];
extern const struct cs_option cs_options_canary[], cs_options_canary_prepare[];
extern const struct cs_option cs_options_replay[], cs_options_audit_report[];
extern const struct cs_option cs_options_keygen[], cs_options_attest_domain[], cs_options_attest_caa[],
    cs_options_attest_organization[], cs_options_attest_order[], cs_options_attest_lint[],
    cs_options_attest_approval[], cs_options_attest_cosign[], cs_options_attest_show[], cs_options_tbs_show[],
    cs_options_tbs_from_csr[], cs_options_sign[], cs_options_evaluate[], cs_options_deposit[],
    cs_options_health[], cs_options_ledger_verify[], cs_options_ledger_show[], cs_options_ledger_export[],
    cs_options_ledger_key[], cs_options_ledger_vkey[], cs_options_receipt[], cs_options_policy_check[],
    cs_options_attest_from_open_mpic[], cs_options_lint_request[], cs_options_rules[], cs_options_explain[],
    cs_options_authorize[];
extern const struct cs_option cs_options_witness[], cs_options_witness_key[];
extern const struct cs_option cs_options_status[], cs_options_clients[];
extern const struct cs_option cs_options_hold_place[], cs_options_hold_lift[], cs_options_hold_list[],
    cs_options_recall_place[], cs_options_recall_list[];

#endif
