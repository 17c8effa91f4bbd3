/*
 * Verify and read a ledger file without the gate: opens read-only, trusts nothing in it.
 */
#ifndef CS_LEDGER_VERIFY_H
#define CS_LEDGER_VERIFY_H

#include "proxy/ledger/ledger.h"
#include "proxy/tlog/checkpoint.h"

struct cs_ledger_report {
    uint64_t n_entries;
    uint64_t n_intents, n_signed, n_unknown, n_not_signed, n_open, n_refusals, n_deposits;
    uint64_t n_authorizations;
    struct cs_sha256 root;
    int64_t first_unix_us, last_unix_us;
    uint64_t n_heads; /* kept heads that were recomputed and compared */
    uint64_t n_tiles; /* full tiles, likewise */
    uint64_t n_checkpoints, n_cosignatures;
    uint64_t last_checkpoint; /* size of the newest; 0: none */
};

/* Called now and then with entries done and total; may be NULL. */
typedef void (*cs_ledger_progress)(void *ctx, uint64_t done, uint64_t total);

/*
 * cs_ledger_verify recomputes every leaf and every kept head from the entry bytes, and checks: seq
 * without gaps, time never going back, canonical bytes, each Outcome closes one earlier Intent and
 * no Intent has two, each Intent's request id, serial and order are used within their rules, each
 * authorization is of its TBS and served at most one request, index
 * rows agree with the entries, evidence envelopes digest to their names and every digest an entry
 * relies on is present, append-only triggers are in place, every full tile is that of its entries, every
 * kept checkpoint states the root of its size. STORE_CORRUPT with a note that names the
 * entry and the contradiction on the first fault.
 */
CS_RESULT cs_ledger_verify(const char *path, cs_ledger_progress progress, void *ctx,
                           struct cs_ledger_report *out, struct cs_note *note);

/* What the reader brings along. The zero state: nothing. */
struct cs_ledger_known {
    const char *name; /* for the note: a file */
    uint64_t size;
    struct cs_sha256 root;
};
enum { CS_KNOWN_MAX = 16, CS_COSIGNERS_MAX = 16 };
struct cs_ledger_checks {
    const struct cs_tlog_key *log; /* NULL: signatures of checkpoints are not looked at */
    bool allow_tail;               /* entries behind the last checkpoint are no fault */
    uint32_t n_witnesses;
    const struct cs_tlog_key *witness; /* each must have cosigned at least once */
    uint32_t n_known;
    struct cs_ledger_known
        known[CS_KNOWN_MAX]; /* checkpoints kept elsewhere; their signatures were verified */
};

/* cs_ledger_verify_against does the same and more: with a log key, every kept checkpoint is signed by it
 * and the last one covers the last entry; cosignatures of the given witnesses verify; checkpoints known
 * from elsewhere are within the ledger (else it was rolled back) with the same root (else it was forked). */
CS_RESULT cs_ledger_verify_against(const char *path, const struct cs_ledger_checks *checks,
                                   cs_ledger_progress progress, void *ctx, struct cs_ledger_report *out,
                                   struct cs_note *note);

/* cs_ledger_each calls visit for entries from..to (inclusive; to 0 = last) in order, read-only, also
 * beside a running gate. Stops when visit returns a failure and returns it. The entry lives until
 * the next call. */
typedef cs_result (*cs_ledger_visit)(void *ctx, const Countersign__Ledger__V1__Entry *entry,
                                     struct cs_span bytes);
CS_RESULT cs_ledger_each(const char *path, uint64_t from, uint64_t to, cs_ledger_visit visit, void *ctx,
                         struct cs_note *note);

#endif
