/*
 * Progress of a long look at a ledger: one line on a terminal's standard error.
 */
#ifndef CS_CLIENT_CLI_LEDGER_PROGRESS_H
#define CS_CLIENT_CLI_LEDGER_PROGRESS_H

#include "client/cli/cli.h"

/* A cs_ledger_progress with the struct cs_cli as its context; nothing without a terminal. */
void cs_cli_progress(void *cli, uint64_t done, uint64_t total);

#endif
