/*
 * Clients as a ledger file remembers them: every entry counted, for all time. Only what was recorded is
 * there: reads, health checks and refusals that were counted and not recorded are not.
 */
#ifndef CS_CLIENT_CLI_CLIENTS_LEDGER_H
#define CS_CLIENT_CLI_CLIENTS_LEDGER_H

#include "countersign/v1/status_service.pb-c.h"
#include "proxy/base/arena.h"

/* cs_clients_of_ledger counts the entries of the file into a ListClientsResponse in the arena: one row per
 * client and API version in the order they first appear, unknown peers by their identity. n_calls counts
 * entries. Failures as cs_ledger_each; LIMIT when there are more clients than can be told apart. */
CS_RESULT cs_clients_of_ledger(const char *path, struct cs_arena *arena,
                               const Countersign__V1__ListClientsResponse **out, struct cs_note *note);

#endif
