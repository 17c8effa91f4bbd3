/*
 * Store: what the files of this folder share and nobody else sees.
 */
#ifndef CS_LEDGER_STORE_H
#define CS_LEDGER_STORE_H

#include <sqlite3.h>

#include "proxy/ledger/checkpointer.h"
#include "proxy/ledger/generation.h"
#include "proxy/ledger/ledger.h"
#include "proxy/tlog/merkle.h"
#include "proxy/ledger/schema.h"

enum cs_statement {
#define X(name, sql) CS_SQL_##name,
    CS_STATEMENTS(X)
#undef X
        CS_SQL_COUNT
};

struct cs_tiles; /* tiles.h */

enum { CS_KNOWN_SLOTS = 4096 };

/* Everything that a taken-back turn takes back. */
struct cs_mark {
    struct cs_merkle tree;
    int64_t last_unix_us;
    uint64_t n_heads;
    uint64_t n_open;       /* intents without an outcome */
    uint64_t n_puts;       /* rows of evidence, statement, deposit_key and token */
    struct cs_sha256 puts; /* chain over them, see cs_puts_next */
};

struct cs_grant {
    uint64_t seq; /* 0 = spent */
};

struct cs_ledger {
    sqlite3 *db;
    sqlite3_stmt *statement[CS_SQL_COUNT];
    struct cs_checkpointer checkpointer;
    int lock_fd;
    bool in_turn;     /* a transaction is open */
    bool turn_failed; /* it was taken back; the turn refuses until commit or abandon */
    int wal_pages;    /* length of the log after the last commit */
    bool is_past;     /* of past.h: deposits count from their entry on */
    bool broken;      /* it could not be taken back: nothing is believed any more */
    struct cs_mark now, kept;
    struct cs_ledger_head head; /* of kept */
    uint64_t *intent;           /* intents of this turn, in order */
    uint32_t n_intents, intent_room;
    uint8_t *encoded; /* CS_LEDGER_ENTRY_MAX_LEN */
    /* Digests known to be in the evidence table: direct mapped, all zero = none. Evidence is used
     * again and again, and this spares the look-up. */
    struct cs_sha256 *known;
    struct cs_tiles *tiles;
    struct cs_filter by_seq, by_put; /* which generations may hold a key */
    struct cs_note trouble;
};

/* ---- statements ---- */

/* cs_bind_* keep no copy: the value must live until the statement is reset. */
static inline void cs_bind_u64(sqlite3_stmt *s, int i, uint64_t v)
{
    (void)sqlite3_bind_int64(s, i, (sqlite3_int64)v);
}
static inline void cs_bind_i64(sqlite3_stmt *s, int i, int64_t v)
{
    (void)sqlite3_bind_int64(s, i, v);
}
/* An empty span binds as an empty blob, not as NULL. */
static inline void cs_bind_span(sqlite3_stmt *s, int i, struct cs_span v)
{
    (void)sqlite3_bind_blob64(s, i, v.len != 0 ? (const void *)v.at : "", v.len, SQLITE_STATIC);
}
/* Views live until the next step or reset. */
static inline struct cs_span cs_column_span(sqlite3_stmt *s, int i)
{
    const void *at = sqlite3_column_blob(s, i);
    return cs_span_of(at, (size_t)sqlite3_column_bytes(s, i));
}
static inline uint64_t cs_column_u64(sqlite3_stmt *s, int i)
{
    return (uint64_t)sqlite3_column_int64(s, i);
}
/* cs_column_sha256 is false when the column is not a digest. */
bool cs_column_sha256(sqlite3_stmt *s, int i, struct cs_sha256 *out);

/* cs_usable is STORE when the handle is broken. */
CS_RESULT cs_usable(const struct cs_ledger *l);
/* cs_store_error remembers SQLite's words and returns STORE, STORE_CORRUPT for a damaged file. */
cs_result cs_store_error(struct cs_ledger *l, const char *what);
/* cs_query_step moves to the next row; *out_row false at the end. The caller resets. On failure the
 * statement is reset. */
CS_RESULT cs_query_step(struct cs_ledger *l, sqlite3_stmt *s, bool *out_row);

/* ---- the turn (commit.c) ---- */

/* cs_turn_ready is STORE when the turn has failed or the handle is broken. */
CS_RESULT cs_turn_ready(const struct cs_ledger *l);
/* cs_turn_begin opens the transaction unless it is open. Called when a row is about to be written and
 * not before, so that a turn in which everything was refused leaves none open. */
CS_RESULT cs_turn_begin(struct cs_ledger *l);
/* cs_turn_write runs an insert and resets it; on failure the turn is taken back (STORE). */
CS_RESULT cs_turn_write(struct cs_ledger *l, enum cs_statement id);
/* cs_turn_fail takes the turn back and makes it refuse until its end. */
void cs_turn_fail(struct cs_ledger *l);

/* ---- entries (entry.c) ---- */

/* cs_entry_form is ARGUMENT unless the entry is one that may be recorded: a known body, known enum
 * values, digests of their size, and of an intent everything its index rows need. */
CS_RESULT cs_entry_form(const Countersign__Ledger__V1__Entry *e);
/* cs_entry_case reads only the field number of the body; 0 when the bytes do not begin like an entry. */
uint32_t cs_entry_case(struct cs_span body);
/* cs_entry_time reads only the time, of an entry of 1970 or later; false when the bytes do not begin
 * like one. */
bool cs_entry_time(struct cs_span body, int64_t *out_unix_us);
/* cs_entry_unpack decodes canonical bytes and checks the form; STORE_CORRUPT otherwise. */
CS_RESULT cs_entry_unpack(struct cs_span body, struct cs_arena *arena,
                          const Countersign__Ledger__V1__Entry **out);

/* cs_entry_of_index gets the entry an index row points at (query.c); STORE_CORRUPT unless it is there and
 * of this kind. */
CS_RESULT cs_entry_of_index(struct cs_ledger *l, uint64_t seq, int body_case, struct cs_arena *arena,
                            const Countersign__Ledger__V1__Entry **out);
/* ---- holds and recalls (control.c) ---- */

/* cs_control_form is the form of a Hold or Recall body. */
bool cs_control_form(const Countersign__Ledger__V1__Entry *e);
/* cs_control_check is NOT_FOUND when its envelope, or a Recall's statement id, was not put before. */
CS_RESULT cs_control_check(struct cs_ledger *l, const Countersign__Ledger__V1__Entry *e);
CS_RESULT cs_control_put(struct cs_ledger *l, const Countersign__Ledger__V1__Entry *e);

/* ---- index rows (index.c) ---- */

/* cs_index_check asks whether the entry may be appended; writes nothing. */
CS_RESULT cs_index_check(struct cs_ledger *l, const Countersign__Ledger__V1__Entry *e);
/* cs_index_put writes the rows the entry implies. */
CS_RESULT cs_index_put(struct cs_ledger *l, const Countersign__Ledger__V1__Entry *e);

/* ---- authorizations (authorization.c) ---- */

/* cs_authorization_check and _put are index.c's, for an Authorization entry. */
CS_RESULT cs_authorization_check(struct cs_ledger *l, const Countersign__Ledger__V1__Entry *e);
CS_RESULT cs_authorization_put(struct cs_ledger *l, const Countersign__Ledger__V1__Entry *e);
/* cs_authorization_serves: the Intent may spend the Authorization it names. NOT_FOUND, EXISTS as
 * cs_ledger_append says; CS_OK for one that names none. cs_authorization_spend then spends it. */
CS_RESULT cs_authorization_serves(struct cs_ledger *l, const Countersign__Ledger__V1__Entry *e);
CS_RESULT cs_authorization_spend(struct cs_ledger *l, const Countersign__Ledger__V1__Intent *m);

/* What both appending and verifying ask of the two entries. */
bool cs_authorization_is_of_its_tbs(const Countersign__Ledger__V1__Authorization *m);
bool cs_authorization_allows(const Countersign__Ledger__V1__Entry *authorization,
                             const Countersign__Ledger__V1__Entry *intent);
/* The token that stands for an authorization, and what it is bound to when this request spends it. */
struct cs_sha256 cs_authorization_token(uint64_t seq);
struct cs_sha256 cs_authorization_bound(struct cs_span client, struct cs_span request_id);

/* ---- evidence (evidence.c) ---- */

CS_RESULT cs_evidence_known(struct cs_ledger *l, struct cs_span digest, bool *out);
/* NOT_FOUND unless all are known. */
CS_RESULT cs_evidence_all_known(struct cs_ledger *l, size_t n, const ProtobufCBinaryData *at);

enum cs_put_kind { CS_PUT_EVIDENCE = 1, CS_PUT_STATEMENT, CS_PUT_DEPOSIT_KEY, CS_PUT_TOKEN };
/* cs_puts_next is the chain after one more row: SHA-256 over chain, kind, number, and the columns
 * behind it, each with its length; an envelope stands by its digest. */
struct cs_sha256 cs_puts_next(const struct cs_sha256 *chain, enum cs_put_kind kind, uint64_t put,
                              struct cs_span a, struct cs_span b, int64_t c);

/* ---- reading beside the gate (each.c) ---- */

/* cs_ledger_fill_filters reads the keys of the tables up to the kept head; STORE_CORRUPT for a row behind it.
 */
CS_RESULT cs_ledger_fill_filters(struct cs_ledger *l);
/* cs_store_open_reader opens path read-only and checks the schema. */
CS_RESULT cs_store_open_reader(const char *path, sqlite3 **out, struct cs_note *note);

#endif
