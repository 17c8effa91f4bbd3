/*
 * Printing what `countersign scope` found: a table, CSV or JSON, the same for a ledger file and for a proxy's
 * answer; then what the answer covers.
 */
#ifndef CS_CLIENT_CLI_SCOPE_PRINT_H
#define CS_CLIENT_CLI_SCOPE_PRINT_H

#include "client/cli/cli.h"
#include "proxy/scope/wire.h"

struct cs_scope_printing {
    struct cs_cli *cli;
    bool as_json, as_csv;
    bool begun; /* the head is printed */
    uint64_t n;
};

/* cs_scope_print_record prints one row. IO, NO_MEMORY. */
CS_RESULT cs_scope_print_record(struct cs_scope_printing *p, const Countersign__V1__IssuanceRecord *r);

/* What is known of the checkpoint that the statement names. */
struct cs_scope_signed {
    uint64_t size; /* 0: there is none */
    bool checked;  /* its signature, with --log-key */
};
/* cs_scope_print_end ends the list and says what it covers; returns the exit code. */
int cs_scope_print_end(struct cs_scope_printing *p, const Countersign__V1__Completeness *m,
                       const struct cs_scope_signed *by);

#endif
