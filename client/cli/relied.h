/*
 * Certificates that relied on recalled evidence: a scan of a ledger file, with the matchers of the gate.
 * It knows evidence by the attester its statement names; who else signed it is known to the gate alone.
 */
#ifndef CS_CLIENT_CLI_RELIED_H
#define CS_CLIENT_CLI_RELIED_H

#include "client/cli/cli.h"
#include "proxy/base/bytes.h"

/* cs_relied_list reads the ledger and returns an object: "recalls" (statement_id, entry, at, operators,
 * reason, selector, n_certificates) and "certificates" (recall, entry, at, result, issuer, serial, names,
 * account, order_id, kind, evidence_sha256s), one row for each signed or possibly signed intent and recall.
 * recall_id, if not empty, keeps to one recall. STORE classes with a note; NOT_FOUND when no recall has this
 * id. */
CS_RESULT cs_relied_list(const char *ledger, struct cs_span recall_id, json_t **out, struct cs_note *note);

/* cs_relied_print prints the object as a table, as CSV ("certificates" only) or as JSON. */
int cs_relied_print(struct cs_cli *cli, const struct cs_args *args, json_t *list);

#endif
