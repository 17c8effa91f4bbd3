/*
 * Ledger: the append-only record of every decision, and the store of the evidence behind it. No SQL
 * stands outside this folder. The ledger owns its database; spans that queries return live in the
 * caller's arena. It refuses to change or delete a row.
 *
 * Writing: appends of one loop turn gather in one transaction. They are visible to this ledger's
 * queries at once, and durable only when cs_ledger_commit returns CS_OK; whoever answers or signs
 * waits for that. A failed commit takes every append of the turn back.
 *
 * Every entry is a leaf of an RFC 6962 tree (SHA-256 over 00 || entry bytes); the head of the tree
 * is kept with each commit, so that a restart reads two rows and hashes the last turn again.
 *
 * When a write fails, all of the turn is taken back at once, and appends and puts refuse with STORE
 * until cs_ledger_commit (which fails) or cs_ledger_abandon ends the turn: nobody's append is lost
 * behind a later success. If taking back fails too, every call from then on is STORE.
 *
 * One thread at a time uses a handle. A thread of the ledger's own copies the log back into the
 * database; it starts at the first need, with the restrictions the caller is under at that time.
 */
#ifndef CS_LEDGER_LEDGER_H
#define CS_LEDGER_LEDGER_H

#include "countersign/ledger/v1/entry.pb-c.h"

#include "proxy/base/arena.h"
#include "proxy/base/digest.h"
#include "proxy/ledger/grant.h"

enum {
    CS_LEDGER_ENTRY_MAX_LEN = 65535,
    CS_LEDGER_KEY_MAX_LEN = 512,
    CS_AUTHORIZATION_LIFE_MAX_S = 3600,
};

struct cs_ledger;

/* cs_ledger_open opens or creates the database at path (mode 0600, WAL, synchronous=FULL) and takes
 * an exclusive lock on it for the life of the handle: two gates on one ledger refuse. Checks the
 * schema version, that the last head fits the last entries, and that the clock is not behind the
 * last entry (CLOCK_BACK). */
CS_RESULT cs_ledger_open(const char *path, struct cs_ledger **out, struct cs_note *note);
void cs_ledger_close(struct cs_ledger *l); /* NULL-safe; uncommitted appends are lost */

/* ---- appending ---- */

/* cs_ledger_append encodes *entry canonically, setting seq and time_unix_us (now, never below the
 * entry before), adds the leaf, and sets *out_seq. LIMIT over CS_LEDGER_ENTRY_MAX_LEN. The index
 * rows an entry implies (request id, serial, order, statement id, outcome) are written with it.
 *
 * An Intent is refused with EXISTS when its request id (per client) has an intent that is not closed
 * as NOT_SIGNED, with the row rules of cs_ledger_serial_get and cs_ledger_order_get left to the
 * rules: the caller asks first, in the same turn. An Outcome is refused with EXISTS when the intent
 * is closed, NOT_FOUND when there is none.
 *
 * ARGUMENT: no body, an undeclared enum value, a digest that is not 32 bytes, an Intent without
 * client, request id, issuer, serial, TBS or pair digest (an empty order id is allowed and not
 * indexed), a subject without account and identity digest or the digest without it, a key over
 * CS_LEDGER_KEY_MAX_LEN, a cover that names no evidence. NOT_FOUND also: an Intent or a Deposit names
 * evidence that is not in the store, a Deposit a statement id that is not bound: put them first, in the same
 * turn. So with a Hold's and a Recall's envelope, and a Recall's statement id. A refused append changes
 * nothing of the turn.
 *
 * An Authorization is refused with EXISTS when its client used its request id for one before, ARGUMENT
 * when its digest is not that of its TBS or it would last longer than CS_AUTHORIZATION_LIFE_MAX_S. An
 * Intent that names an authorization spends it: NOT_FOUND when there is none of this client, issuer and
 * TBS that is live now, EXISTS when another request spent it. */
CS_RESULT cs_ledger_append(struct cs_ledger *l, Countersign__Ledger__V1__Entry *entry, uint64_t *out_seq);

/* cs_ledger_commit makes the turn durable and hands out one grant per Intent appended in it, in
 * order. On failure (class STORE) nothing of the turn exists any more and no grant is made. Does
 * nothing when nothing was appended or put. *out is set on success; free it with cs_grant_list_done. */
CS_RESULT cs_ledger_commit(struct cs_ledger *l, struct cs_grant_list *out);
/* cs_ledger_abandon takes the appends of the turn back. */
void cs_ledger_abandon(struct cs_ledger *l);
/* True while the turn holds appends or puts, or has failed and waits for its end. */
bool cs_ledger_has_appends(const struct cs_ledger *l);
/* What SQLite said at the last STORE failure of this handle; "" before. For the log. */
const char *cs_ledger_trouble(const struct cs_ledger *l);

/* cs_ledger_close_open_intents appends an UNKNOWN outcome for each intent without one; called once
 * at start, before any new intent. *out_n counts them. */
CS_RESULT cs_ledger_close_open_intents(struct cs_ledger *l, uint32_t *out_n);

/* ---- evidence store: envelopes by their digest, kept for ever ---- */

/* cs_ledger_evidence_put keeps envelope bytes; the same digest again is a success and changes nothing.
 * ARGUMENT when the bytes do not digest to it. Part of the turn. */
CS_RESULT cs_ledger_evidence_put(struct cs_ledger *l, const struct cs_sha256 *digest,
                                 struct cs_span envelope);
/* NOT_FOUND when there is none. */
CS_RESULT cs_ledger_evidence_get(struct cs_ledger *l, const struct cs_sha256 *digest, struct cs_arena *arena,
                                 struct cs_span *out_envelope);

/* cs_ledger_statement_put binds a statement id to a payload digest for ever; EXISTS when it is bound
 * to another one. Part of the turn. */
CS_RESULT cs_ledger_statement_put(struct cs_ledger *l, struct cs_span statement_id,
                                  const struct cs_sha256 *payload);
/* *out_known false when the id is new. */
CS_RESULT cs_ledger_statement_get(struct cs_ledger *l, struct cs_span statement_id, bool *out_known,
                                  struct cs_sha256 *out_payload);

/* cs_ledger_token_put binds a one-time token (its digest) for ever to what it was used for (a digest
 * the caller composes); EXISTS when it is bound to something else. Part of the turn. */
CS_RESULT cs_ledger_token_put(struct cs_ledger *l, const struct cs_sha256 *token,
                              const struct cs_sha256 *bound);
/* *out_known false when the token was never used. */
CS_RESULT cs_ledger_token_get(struct cs_ledger *l, const struct cs_sha256 *token, bool *out_known,
                              struct cs_sha256 *out_bound);

/* A deposit is found again by keys: opaque octets the gate composes (proxy/gate/deposit.h), at most
 * CS_LEDGER_KEY_MAX_LEN each. Part of the turn; the Deposit entry itself is appended separately. */
CS_RESULT cs_ledger_deposit_key_put(struct cs_ledger *l, struct cs_span key, const struct cs_sha256 *digest,
                                    int64_t expires_unix_s);
/* Digests of deposits under key that expire after now, newest deposit first, at most max. */
CS_RESULT cs_ledger_deposit_find(struct cs_ledger *l, struct cs_span key, int64_t now_unix_s, uint32_t max,
                                 struct cs_arena *arena, struct cs_sha256 **out, uint32_t *out_n);
/* Sequence of the Deposit entry of this envelope, 0 if it was never deposited. */
CS_RESULT cs_ledger_deposit_seq(struct cs_ledger *l, const struct cs_sha256 *digest, uint64_t *out_seq);

/* ---- questions the rules ask; all see the appends of this turn ---- */

/* State of the intent a request id stands for; NOT_SIGNED intents do not count. */
enum cs_intent_state { CS_INTENT_NONE = 0, CS_INTENT_OPEN, CS_INTENT_SIGNED, CS_INTENT_UNKNOWN };

struct cs_intent_view {
    enum cs_intent_state state;
    uint64_t seq;
    struct cs_sha256 tbs_sha256;
    struct cs_span issuer; /* id of the policy */
    struct cs_span tbs;
    struct cs_span signature; /* with CS_INTENT_SIGNED only */
    uint64_t outcome_seq;     /* 0 while CS_INTENT_OPEN */
};
CS_RESULT cs_ledger_request_get(struct cs_ledger *l, struct cs_span client, struct cs_span request_id,
                                struct cs_arena *arena, struct cs_intent_view *out);

/* Who used a serial or an order. An intent closed as NOT_SIGNED does not count; OPEN and UNKNOWN
 * ones do. Sequences are 0 when there is none. */
struct cs_use {
    uint64_t precertificate_seq;
    uint64_t certificate_seq;
    struct cs_sha256 pair_sha256;   /* of the precertificate, or of the certificate without one */
    bool precertificate_signed;     /* its outcome says SIGNED: neither open nor UNKNOWN */
    int64_t precertificate_unix_us; /* time of its intent */
};
CS_RESULT cs_ledger_serial_get(struct cs_ledger *l, struct cs_span issuer, struct cs_span serial,
                               struct cs_use *out);
CS_RESULT cs_ledger_order_get(struct cs_ledger *l, struct cs_span account, struct cs_span order_id,
                              struct cs_use *out);

/* The newest intent of an account that carries a subject (an organisation's or a person's); one closed
 * as NOT_SIGNED does not count. seq is 0 when there is none. The spans live in the arena. */
struct cs_subject_use {
    uint64_t seq;
    struct cs_span subject;           /* whole Name DER */
    struct cs_sha256 identity_sha256; /* payload digest of the OrganizationIdentity relied on */
};
CS_RESULT cs_ledger_subject_get(struct cs_ledger *l, struct cs_span account, struct cs_arena *arena,
                                struct cs_subject_use *out);

/* ---- holds and recalls ---- */

/* One Hold or Recall entry with the envelope behind it; both live in the arena. */
struct cs_control_record {
    const Countersign__Ledger__V1__Entry *entry;
    struct cs_span envelope;
};
/* cs_ledger_control_next finds the first Hold or Recall entry behind after_seq (0: the first of all).
 * NOT_FOUND when there is none. Sees the appends of this turn. */
CS_RESULT cs_ledger_control_next(struct cs_ledger *l, uint64_t after_seq, struct cs_arena *arena,
                                 struct cs_control_record *out);

/* cs_ledger_signed_get finds the TBS and the signature of an intent that is closed as SIGNED; NOT_FOUND
 * when it is open, unknown or not signed. */
CS_RESULT cs_ledger_signed_get(struct cs_ledger *l, uint64_t intent_seq, struct cs_arena *arena,
                               struct cs_span *out_tbs, struct cs_span *out_signature);

/* ---- head and reading ---- */

struct cs_ledger_head {
    uint64_t size;         /* number of entries */
    struct cs_sha256 root; /* RFC 6962 root over them; of the empty tree when size is 0 */
    int64_t last_unix_us;  /* time of the last entry, 0 when empty */
};
void cs_ledger_head_get(const struct cs_ledger *l, struct cs_ledger_head *out); /* of the last commit */

CS_RESULT cs_ledger_entry_get(struct cs_ledger *l, uint64_t seq, struct cs_arena *arena,
                              struct cs_span *out_entry);

#endif
