/*
 * Audit day: what a ledger says of one day (UTC), and which of its certificates somebody shall look at.
 *
 * The sample (BR 8.7): a certificate is an (issuer, serial) pair whose key use counts, and belongs to the day
 * of its first intent. Each gets HMAC-SHA256(key: the 32 octets of the seed, message: the sequence number of
 * that intent in decimal digits); the smallest n of N are the sample, n = max(1, ceil(3 N / 100)). The seed
 * is the root of the first kept checkpoint that covers the day's last entry, so that nobody could know it
 * while the day's requests were made; in a ledger without checkpoints it is the root of its head.
 */
#ifndef CS_CLIENT_CLI_AUDIT_DAY_H
#define CS_CLIENT_CLI_AUDIT_DAY_H

#include "client/cli/cli.h"
#include "proxy/ledger/verify.h"

/* cs_audit_day_read makes the document: arrays "approvals", "refusals", "events", "sample", and objects
 * "seed", "counts", "serials". checkpoint: text of a note that gives the seed instead, or empty. Fails with a
 * note: ARGUMENT when the checkpoint does not fit, STORE, STORE_CORRUPT. */
CS_RESULT cs_audit_day_read(const char *ledger, int64_t day_unix_s, struct cs_span checkpoint,
                            struct cs_cli *cli, json_t **out, struct cs_note *note);

/* cs_audit_serials judges serial numbers as text: how long they are, and whether 64 bits may be random. Adds
 * to a document as serials come; the zero state is empty. */
struct cs_audit_serials {
    uint64_t n, n_short; /* short: cannot hold 64 random bits */
    uint64_t n_octets[21];
    uint64_t n_top[8];   /* first octet, ones by bit, the highest first */
    uint64_t n_ones[64]; /* last 64 bits, ones by bit, the highest first */
};
void cs_audit_serials_add(struct cs_audit_serials *s, struct cs_span serial);
json_t *cs_audit_serials_json(const struct cs_audit_serials *s);

#endif
