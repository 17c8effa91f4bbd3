/*
 * Certificates that relied on recalled evidence: candidates by the scope index, confirmed with the matcher of
 * the gate. Evidence is known by the attester that its statement names; with a policy, by all whose keys
 * signed it, as at the gate, and then a recall by attester alone reads every intent.
 */
#ifndef CS_CLIENT_CLI_RELIED_H
#define CS_CLIENT_CLI_RELIED_H

#include "client/cli/cli.h"
#include "proxy/base/bytes.h"
#include "proxy/policy/policy.h"

/* cs_relied_list brings the index up to date, if it can, asks the ledger and returns an object: "recalls"
 * (statement_id, entry, at, operators, reason, selector, n_certificates) and "certificates" (recall, entry,
 * at, result, issuer, serial, names, account, order_id, kind, evidence_sha256s), one row for each signed or
 * possibly signed intent and recall; n_unreadable (intents whose evidence cannot be read) and
 * cosigners_known. policy may be NULL. recall_id, if not empty, keeps to one recall. STORE classes with a
 * note; NOT_FOUND when no recall has this id. */
CS_RESULT cs_relied_list(const char *ledger, const struct cs_policy *policy, struct cs_span recall_id,
                         json_t **out, struct cs_note *note);

/* cs_relied_print prints the object as a table, as CSV ("certificates" only) or as JSON. */
int cs_relied_print(struct cs_cli *cli, const struct cs_args *args, json_t *list);

#endif
