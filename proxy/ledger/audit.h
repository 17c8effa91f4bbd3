/*
 * Audit: the state of one cs_ledger_verify run. Shared by verify.c (heads and what stands beside
 * the entries) and audit.c (entries and their index rows).
 */
#ifndef CS_LEDGER_AUDIT_H
#define CS_LEDGER_AUDIT_H

#include "proxy/ledger/tiles.h"
#include "proxy/ledger/verify.h"

/* The statements of an audit: name. Their SQL is in schema.h. */
#define CS_AUDIT_STATEMENTS(X)    \
    X(ENTRIES)                    \
    X(HEADS)                      \
    X(EVIDENCES)                  \
    X(STATEMENTS)                 \
    X(KEYS)                       \
    X(TOKENS)                     \
    X(REQUEST_ROWS)               \
    X(SERIAL_ROWS)                \
    X(ORDER_ROWS)                 \
    X(SUBJECT_ROW)                \
    X(AUTHORIZATION_DIGEST_ROW)   \
    X(AUTHORIZATION_REQUEST_ROWS) \
    X(ENTRY_AT)                   \
    X(TOKEN_PUT_OF)               \
    X(TILES)                      \
    X(CHECKPOINTS)                \
    X(CHECKPOINT_OF)              \
    X(COSIGNATURES)               \
    X(CONTROL_ROW)                \
    X(ENVELOPE_OF)                \
    X(OUTCOME_ROW) X(DEPOSIT_ROW) X(EVIDENCE_PUT_OF) X(STATEMENT_PUT_OF) X(INDEX_COUNTS) X(LAST_SEQ)

enum cs_audit_statement {
#define X(name) CS_AUDIT_##name,
    CS_AUDIT_STATEMENTS(X)
#undef X
        CS_AUDIT_COUNT
};

struct cs_audit_open {
    uint64_t seq;
    struct cs_sha256 tbs_sha256;
};

struct cs_audit {
    sqlite3 *db;
    sqlite3_stmt *statement[CS_AUDIT_COUNT];
    struct cs_note *note;
    struct cs_arena arena; /* of one entry */
    struct cs_merkle tree;
    struct cs_ledger_report report;
    uint64_t n_orders, n_subjects, n_outcomes, n_controls;
    struct cs_audit_open *open; /* intents without an outcome so far */
    size_t n_open, open_room;
    uint64_t n_puts, last_put_needed; /* rows seen; the highest an entry since the last head relies on */
    struct cs_sha256 puts;
    const struct cs_ledger_checks *checks;
    struct cs_sha256 leaf; /* of the entry at hand */
    struct cs_tile_stack tiles;
    bool at_checkpoint; /* the cursor stands on a checkpoint */
    uint64_t last_checkpoint, n_cosignatures;
    struct cs_filter by_seq; /* of the entries seen: their rows are looked for by what the entries say */
    struct cs_filter by_put; /* of all statements and tokens, filled at the beginning */
};

/* cs_audit_bad notes "entry seq: ..." and is STORE_CORRUPT. */
cs_result cs_audit_bad(struct cs_audit *a, uint64_t seq, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* cs_audit_bound_put finds the row of a statement id (STATEMENT_PUT_OF) or token (TOKEN_PUT_OF) and what it
 * is bound to; *out_put 0 without one. */
CS_RESULT cs_audit_bound_put(struct cs_audit *a, enum cs_audit_statement id, struct cs_span name,
                             uint64_t *out_put, struct cs_sha256 *out_bound);
/* cs_audit_step moves to the next row; false at the end. */
CS_RESULT cs_audit_step(struct cs_audit *a, enum cs_audit_statement id, bool *out_row);

/* cs_audit_entry checks one entry against all before it, and its index rows. */
CS_RESULT cs_audit_entry(struct cs_audit *a, uint64_t seq, struct cs_span bytes);
/* cs_audit_needs_put checks that what an entry relies on stands beside the entries, by then. what: of the
 * note. */
CS_RESULT cs_audit_needs_put(struct cs_audit *a, uint64_t seq, enum cs_audit_statement id,
                             ProtobufCBinaryData name, const char *what);

/* ---- audit_authorization.c ---- */

CS_RESULT cs_audit_authorization(struct cs_audit *a, const Countersign__Ledger__V1__Entry *e);
/* Of an intent that names one: it allows these bytes, and this request alone spent it. */
CS_RESULT cs_audit_authorized(struct cs_audit *a, const Countersign__Ledger__V1__Entry *e);

/* The tree (audit_tree.c): tiles, checkpoints, cosignatures, what is known from elsewhere. begin before
 * the first entry, leaf behind each, end behind the last. */
CS_RESULT cs_audit_tree_begin(struct cs_audit *a);
CS_RESULT cs_audit_tree_leaf(struct cs_audit *a);
CS_RESULT cs_audit_tree_end(struct cs_audit *a);
/* cs_audit_control checks a Hold or Recall entry: its row, its envelope, and that the statement in it says
 * what the entry says (control_audit.c). */
CS_RESULT cs_audit_control(struct cs_audit *a, const Countersign__Ledger__V1__Entry *e);
/* cs_audit_counts checks that no index table has a row more than the entries imply. */
CS_RESULT cs_audit_counts(struct cs_audit *a);

#endif
