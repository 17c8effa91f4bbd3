/*
 * Schema: every piece of SQL of the ledger stands in this header. Rows are only ever added. Tables
 * with a number as key refuse a number that is not the next one, so that INSERT OR REPLACE cannot
 * change a row either; the keys of the others span all their columns, so that replacing changes
 * nothing.
 */
#ifndef CS_LEDGER_SCHEMA_H
#define CS_LEDGER_SCHEMA_H

#include <sqlite3.h>

#include "proxy/base/result.h"

enum { CS_SCHEMA_APPLICATION_ID = 0x43534c47 /* "CSLG" */, CS_SCHEMA_VERSION = 3 };

#define CS_APPEND_ONLY(table)                                                                 \
    "CREATE TRIGGER " table "_no_update BEFORE UPDATE ON " table                              \
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: " table " keeps its rows'); END;" \
    "CREATE TRIGGER " table "_no_delete BEFORE DELETE ON " table                              \
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: " table " keeps its rows'); END;"

#define CS_INSERT_ONLY_WHEN_NOT(table, condition)                                    \
    "CREATE TRIGGER " table "_no_replace BEFORE INSERT ON " table " WHEN " condition \
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: " table " keeps its rows'); END;"

/* clang-format off */

/* token: what a one-time value was used for, see cs_ledger_token_put. */
#define CS_SCHEMA_TOKEN_SQL                                                                                         \
    "CREATE TABLE token (put INTEGER PRIMARY KEY, token BLOB NOT NULL, bound BLOB NOT" \
    " NULL) STRICT;"                                                                                                \
    "CREATE UNIQUE INDEX token_by_token ON token (put >> 12, token);" \
    CS_APPEND_ONLY("token")                                                                                         \
    CS_INSERT_ONLY_WHEN_NOT("token", "NEW.put <= (SELECT max(put) FROM token) OR EXISTS (SELECT 1 FROM token WHERE" \
        " put >> 12 = NEW.put >> 12 AND token = NEW.token)")

/* gen is the generation of a row, its number >> 12 (generation.h); where the number is the primary key,
 * the index has it as first column.
 *
 * entry: the leaves. head: one row a commit, what a restart needs. intent_*, deposit_seq: where the
 * entries are found again; verify derives them from the entries. evidence, statement, deposit_key, token:
 * what stands beside the entries; `put` counts through all four, and head.puts chains over them. */
#define CS_SCHEMA_SQL                                                                                                     \
    "CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"                                            \
    CS_APPEND_ONLY("entry")                                                                                               \
    CS_INSERT_ONLY_WHEN_NOT("entry", "NEW.seq IS NOT (SELECT ifnull(max(seq), 0) + 1 FROM entry)")                        \
    "CREATE TABLE head (n INTEGER PRIMARY KEY, size INTEGER NOT NULL, last_unix_us INTEGER NOT"                           \
    " NULL, n_open INTEGER NOT NULL, n_puts INTEGER NOT NULL, puts BLOB NOT NULL, root BLOB NOT"                          \
    " NULL, peaks BLOB NOT NULL) STRICT;"                                                                                 \
    CS_APPEND_ONLY("head")                                                                                                \
    CS_INSERT_ONLY_WHEN_NOT("head", "NEW.n IS NOT (SELECT ifnull(max(n), 0) + 1 FROM head)")                              \
    "CREATE TABLE intent_request (gen INTEGER NOT NULL, client BLOB NOT NULL, request_id BLOB NOT NULL, seq INTEGER NOT" \
    " NULL, PRIMARY KEY (gen, client, request_id, seq)) STRICT, WITHOUT ROWID;" \
    CS_APPEND_ONLY("intent_request")                                                                                      \
    "CREATE TABLE intent_serial (gen INTEGER NOT NULL, issuer BLOB NOT NULL, serial BLOB NOT NULL, seq INTEGER NOT" \
    " NULL, kind INTEGER NOT NULL, pair BLOB NOT NULL, PRIMARY KEY (gen, issuer, serial, seq, kind," \
    " pair)) STRICT, WITHOUT ROWID;"                                                                                      \
    CS_APPEND_ONLY("intent_serial")                                                                                       \
    "CREATE TABLE intent_order (gen INTEGER NOT NULL, account BLOB NOT NULL, order_id BLOB NOT NULL, seq INTEGER NOT" \
    " NULL, kind INTEGER NOT NULL, pair BLOB NOT NULL, PRIMARY KEY (gen, account, order_id, seq, kind," \
    " pair)) STRICT, WITHOUT ROWID;"                                                                                      \
    CS_APPEND_ONLY("intent_order")                                                                                        \
    "CREATE TABLE intent_outcome (intent_seq INTEGER PRIMARY KEY, seq INTEGER NOT NULL, result"                           \
    " INTEGER NOT NULL) STRICT;"                                                                                          \
    CS_APPEND_ONLY("intent_outcome")                                                                                      \
    CS_INSERT_ONLY_WHEN_NOT("intent_outcome", "EXISTS (SELECT 1 FROM intent_outcome WHERE intent_seq = NEW.intent_seq)")  \
    "CREATE TABLE deposit_seq (gen INTEGER NOT NULL, digest BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (gen, digest," \
    " seq)) STRICT, WITHOUT ROWID;"                                                                                       \
    CS_APPEND_ONLY("deposit_seq")                                                                                         \
    "CREATE TABLE evidence (put INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, envelope BLOB"                          \
    " NOT NULL) STRICT;"                                                                                                  \
    CS_APPEND_ONLY("evidence")                                                                                            \
    CS_INSERT_ONLY_WHEN_NOT("evidence", "NEW.put <= (SELECT max(put) FROM evidence) OR EXISTS (SELECT 1 FROM evidence"    \
        " WHERE digest = NEW.digest)")                                                                                    \
    "CREATE TABLE statement (put INTEGER PRIMARY KEY, id BLOB NOT NULL, payload BLOB NOT" \
    " NULL) STRICT;"                                                                                                \
    "CREATE UNIQUE INDEX statement_by_id ON statement (put >> 12, id);" \
    CS_APPEND_ONLY("statement")                                                                                           \
    CS_INSERT_ONLY_WHEN_NOT("statement", "NEW.put <= (SELECT max(put) FROM statement) OR EXISTS (SELECT 1 FROM statement" \
        " WHERE put >> 12 = NEW.put >> 12 AND id = NEW.id)") \
    "CREATE TABLE deposit_key (put INTEGER PRIMARY KEY, key BLOB NOT NULL, digest BLOB NOT NULL,"                         \
    " expires_unix_s INTEGER NOT NULL) STRICT;"                                                                           \
    CS_APPEND_ONLY("deposit_key")                                                                                         \
    CS_INSERT_ONLY_WHEN_NOT("deposit_key", "NEW.put <= (SELECT max(put) FROM deposit_key)")                               \
    "CREATE INDEX deposit_key_by_key ON deposit_key (put >> 12, key, expires_unix_s);" \
    CS_SCHEMA_TOKEN_SQL

/* Since version 2. A ledger of version 1 is refused, not upgraded: its intents do not say whose subject
 * they signed, so that every account would look new. */
#define CS_SCHEMA_SUBJECT_SQL                                                               \
    "CREATE TABLE intent_subject (gen INTEGER NOT NULL, account BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY" \
    " (gen, account, seq)) STRICT, WITHOUT ROWID;" \
    CS_APPEND_ONLY("intent_subject")

/* Since version 3: an authorization by the digest that stands for its TBS, and by the request it came
 * with. What spends it is a row of token. */
#define CS_SCHEMA_AUTHORIZATION_SQL                                                                 \
    "CREATE TABLE authorization_digest (client BLOB NOT NULL, issuer BLOB NOT NULL, digest BLOB NOT" \
    " NULL, seq INTEGER NOT NULL, expires_unix_s INTEGER NOT NULL, PRIMARY KEY (client, issuer,"      \
    " digest, seq, expires_unix_s)) STRICT, WITHOUT ROWID;"                                           \
    CS_APPEND_ONLY("authorization_digest")                                                            \
    "CREATE TABLE authorization_request (client BLOB NOT NULL, request_id BLOB NOT NULL, seq INTEGER" \
    " NOT NULL, PRIMARY KEY (client, request_id, seq)) STRICT, WITHOUT ROWID;"                        \
    CS_APPEND_ONLY("authorization_request")

/* Since version 3. tile: the full tiles of the tree, in the order in which they filled up (tile.h).
 * checkpoint: what the log signed; cosignature: lines of witnesses for one of them. */
#define CS_SCHEMA_TREE_SQL                                                                                                \
    "CREATE TABLE tile (i INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;"                                             \
    CS_APPEND_ONLY("tile")                                                                                                \
    CS_INSERT_ONLY_WHEN_NOT("tile", "NEW.i IS NOT (SELECT ifnull(max(i), 0) + 1 FROM tile)")                              \
    "CREATE TABLE checkpoint (n INTEGER PRIMARY KEY, size INTEGER NOT NULL UNIQUE, n_cosignatures"                        \
    " INTEGER NOT NULL, note BLOB NOT NULL) STRICT;"                                                                      \
    CS_APPEND_ONLY("checkpoint")                                                                                          \
    CS_INSERT_ONLY_WHEN_NOT("checkpoint", "NEW.n IS NOT (SELECT ifnull(max(n), 0) + 1 FROM checkpoint) OR"                \
        " NEW.size <= (SELECT max(size) FROM checkpoint)")                                                                \
    "CREATE TABLE cosignature (n INTEGER PRIMARY KEY, size INTEGER NOT NULL, line BLOB NOT NULL) STRICT;"                 \
    CS_APPEND_ONLY("cosignature")                                                                                         \
    CS_INSERT_ONLY_WHEN_NOT("cosignature", "NEW.n IS NOT (SELECT ifnull(max(n), 0) + 1 FROM cosignature)")

/* control: the entries that stop things, holds (19) and recalls (20), so that a start finds them without
 * reading all others. Since version 3. */
#define CS_SCHEMA_CONTROL_SQL                                                                          \
    "CREATE TABLE control (seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL) STRICT;"                    \
    CS_APPEND_ONLY("control")                                                                          \
    CS_INSERT_ONLY_WHEN_NOT("control", "NEW.seq <= (SELECT max(seq) FROM control)")

/* clang-format on */

/* The statements the gate's handle keeps prepared: name, SQL. */
#define CS_STATEMENTS(X)                                                                                     \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                              \
    X(COMMIT, "COMMIT")                                                                                      \
    X(ROLLBACK, "ROLLBACK")                                                                                  \
    X(ENTRY_PUT, "INSERT INTO entry (seq, body) VALUES (?1, ?2)")                                            \
    X(ENTRY_GET, "SELECT body FROM entry WHERE seq = ?1")                                                    \
    X(ENTRIES_BACK, "SELECT seq, body FROM entry WHERE seq <= ?1 ORDER BY seq DESC")                         \
    X(HEAD_PUT, "INSERT INTO head (n, size, last_unix_us, n_open, n_puts, puts, root, peaks)"                \
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                                  \
    X(REQUEST_PUT,                                                                                           \
      "INSERT INTO intent_request (gen, client, request_id, seq) VALUES (?3 >> 12, ?1, ?2, ?3)")             \
    X(REQUEST_GET, "SELECT r.seq, o.result, o.seq FROM intent_request r LEFT JOIN intent_outcome o"          \
                   " ON o.intent_seq = r.seq WHERE r.gen = ?3 AND r.client = ?1 AND r.request_id = ?2"       \
                   " ORDER BY r.seq DESC")                                                                   \
    X(SERIAL_PUT, "INSERT INTO intent_serial (gen, issuer, serial, seq, kind, pair) VALUES (?3 >> 12, ?1, "  \
                  "?2, ?3, ?4, ?5)")                                                                         \
    X(SERIAL_GET,                                                                                            \
      "SELECT s.seq, s.kind, s.pair, o.result FROM intent_serial s LEFT JOIN intent_outcome o"               \
      " ON o.intent_seq = s.seq WHERE s.gen = ?3 AND s.issuer = ?1 AND s.serial = ?2 ORDER BY s.seq")        \
    X(ORDER_PUT, "INSERT INTO intent_order (gen, account, order_id, seq, kind, pair) VALUES (?3 >> 12, ?1, " \
                 "?2, ?3, ?4, ?5)")                                                                          \
    X(ORDER_GET,                                                                                             \
      "SELECT s.seq, s.kind, s.pair, o.result FROM intent_order s LEFT JOIN intent_outcome o"                \
      " ON o.intent_seq = s.seq WHERE s.gen = ?3 AND s.account = ?1 AND s.order_id = ?2 ORDER BY s.seq")     \
    X(SUBJECT_PUT, "INSERT INTO intent_subject (gen, account, seq) VALUES (?2 >> 12, ?1, ?2)")               \
    X(SUBJECT_GET, "SELECT s.seq, o.result FROM intent_subject s LEFT JOIN intent_outcome o"                 \
                   " ON o.intent_seq = s.seq WHERE s.gen = ?2 AND s.account = ?1 ORDER BY s.seq DESC")       \
    X(AUTHORIZATION_DIGEST_PUT, "INSERT INTO authorization_digest (client, issuer, digest, seq,"             \
                                " expires_unix_s) VALUES (?1, ?2, ?3, ?4, ?5)")                              \
    X(AUTHORIZATION_DIGEST_GET, "SELECT seq, expires_unix_s FROM authorization_digest WHERE client = ?1"     \
                                " AND issuer = ?2 AND digest = ?3 ORDER BY seq DESC")                        \
    X(AUTHORIZATION_REQUEST_PUT,                                                                             \
      "INSERT INTO authorization_request (client, request_id, seq) VALUES (?1, ?2, ?3)")                     \
    X(AUTHORIZATION_REQUEST_GET,                                                                             \
      "SELECT seq FROM authorization_request WHERE client = ?1 AND request_id = ?2")                         \
    X(OUTCOME_PUT, "INSERT INTO intent_outcome (intent_seq, seq, result) VALUES (?1, ?2, ?3)")               \
    X(OUTCOME_GET, "SELECT seq, result FROM intent_outcome WHERE intent_seq = ?1")                           \
    X(CONTROL_PUT, "INSERT INTO control (seq, kind) VALUES (?1, ?2)")                                        \
    X(CONTROL_NEXT, "SELECT seq FROM control WHERE seq > ?1 ORDER BY seq LIMIT 1")                           \
    X(DEPOSIT_PUT, "INSERT INTO deposit_seq (gen, digest, seq) VALUES (?2 >> 12, ?1, ?2)")                   \
    X(DEPOSIT_GET, "SELECT seq FROM deposit_seq WHERE gen = ?2 AND digest = ?1 ORDER BY seq LIMIT 1")        \
    X(TILE_PUT, "INSERT INTO tile (i, hashes) VALUES (?1, ?2)")                                              \
    X(TILE_GET, CS_SQL_TILE)                                                                                 \
    X(CHECKPOINT_PUT, "INSERT INTO checkpoint (n, size, n_cosignatures, note)"                               \
                      " SELECT ifnull(max(n), 0) + 1, ?1, (SELECT ifnull(max(n), 0) FROM cosignature), ?2"   \
                      " FROM checkpoint")                                                                    \
    X(CHECKPOINT_LAST, CS_SQL_LAST_CHECKPOINT)                                                               \
    X(CHECKPOINT_HAS, "SELECT 1 FROM checkpoint WHERE size = ?1")                                            \
    X(COSIGNATURE_PUT, "INSERT INTO cosignature (n, size, line)"                                             \
                       " SELECT ifnull(max(n), 0) + 1, ?1, ?2 FROM cosignature")                             \
    X(COSIGNATURES_BACK, CS_SQL_LAST_COSIGNATURES)                                                           \
    X(EVIDENCE_PUT, "INSERT INTO evidence (put, digest, envelope) VALUES (?1, ?2, ?3)")                      \
    X(EVIDENCE_GET, "SELECT envelope FROM evidence WHERE digest = ?1")                                       \
    X(EVIDENCE_HAS, "SELECT 1 FROM evidence WHERE digest = ?1")                                              \
    X(STATEMENT_PUT, "INSERT INTO statement (put, id, payload) VALUES (?1, ?2, ?3)")                         \
    X(STATEMENT_GET, "SELECT payload FROM statement WHERE put >> 12 = ?2 AND id = ?1")                       \
    X(TOKEN_PUT, "INSERT INTO token (put, token, bound) VALUES (?1, ?2, ?3)")                                \
    X(TOKEN_GET, "SELECT bound FROM token WHERE put >> 12 = ?2 AND token = ?1")                              \
    X(KEY_PUT, "INSERT INTO deposit_key (put, key, digest, expires_unix_s) VALUES (?1, ?2, ?3, ?4)")         \
    X(KEY_HAS,                                                                                               \
      "SELECT 1 FROM deposit_key WHERE put >> 12 = ?4 AND key = ?1 AND expires_unix_s = ?3 AND digest = ?2") \
    X(KEY_FIND, "SELECT digest FROM deposit_key WHERE put >> 12 = ?3 AND key = ?1 AND expires_unix_s > ?2 "  \
                "ORDER BY put DESC")

/* Read once at open. */
#define CS_SQL_LAST_HEADS \
    "SELECT n, size, last_unix_us, n_open, n_puts, puts, root, peaks FROM head ORDER BY n DESC LIMIT 2"
#define CS_SQL_LAST_SEQ "SELECT ifnull(max(seq), 0) FROM entry"
#define CS_SQL_LAST_PUT                                                                                   \
    "SELECT max(ifnull((SELECT max(put) FROM evidence), 0), ifnull((SELECT max(put) FROM statement), 0)," \
    " ifnull((SELECT max(put) FROM deposit_key), 0), ifnull((SELECT max(put) FROM token), 0))"

/* Read once at open, to fill the filters of generation.h: lookup, number, key. */
#define CS_FILTER_SOURCES(X)                                         \
    X(REQUEST, "SELECT seq, client, request_id FROM intent_request") \
    X(SERIAL, "SELECT seq, issuer, serial FROM intent_serial")       \
    X(ORDER, "SELECT seq, account, order_id FROM intent_order")      \
    X(SUBJECT, "SELECT seq, account, x'' FROM intent_subject")       \
    X(DEPOSIT, "SELECT seq, digest, x'' FROM deposit_seq")           \
    X(STATEMENT, "SELECT put, id, x'' FROM statement")               \
    X(TOKEN, "SELECT put, token, x'' FROM token")                    \
    X(KEY, "SELECT put, key, x'' FROM deposit_key")

/* Reading beside the gate, and verifying. */
#define CS_SQL_TILE            "SELECT hashes FROM tile WHERE i = ?1"
#define CS_SQL_ENTRY           "SELECT body FROM entry WHERE seq = ?1"
#define CS_SQL_LAST_CHECKPOINT "SELECT size, note FROM checkpoint ORDER BY n DESC LIMIT 1"
#define CS_SQL_LAST_COSIGNATURES \
    "SELECT size, line FROM cosignature ORDER BY n DESC LIMIT 256" /* late ones stand behind newer */
#define CS_SQL_TILES         "SELECT i, hashes FROM tile ORDER BY i"
#define CS_SQL_CHECKPOINTS   "SELECT n, size, n_cosignatures, note FROM checkpoint ORDER BY n"
#define CS_SQL_CHECKPOINT_OF "SELECT note FROM checkpoint WHERE size = ?1"
#define CS_SQL_COSIGNATURES  "SELECT n, size, line FROM cosignature ORDER BY n"
#define CS_SQL_ENTRIES       "SELECT seq, body FROM entry WHERE seq >= ?1 ORDER BY seq"
#define CS_SQL_HEADS         "SELECT n, size, last_unix_us, n_open, n_puts, puts, root, peaks FROM head ORDER BY n"
#define CS_SQL_EVIDENCES     "SELECT put, digest, envelope FROM evidence ORDER BY put"
#define CS_SQL_STATEMENTS    "SELECT put, id, payload FROM statement ORDER BY put"
#define CS_SQL_KEYS          "SELECT put, key, digest, expires_unix_s FROM deposit_key ORDER BY put"
#define CS_SQL_TOKENS        "SELECT put, token, bound FROM token ORDER BY put"
#define CS_SQL_REQUEST_ROWS                                                                              \
    "SELECT r.seq, o.result, o.seq FROM intent_request r LEFT JOIN intent_outcome o"                     \
    " ON o.intent_seq = r.seq WHERE r.gen = ?4 AND r.client = ?1 AND r.request_id = ?2 AND r.seq <= ?3 " \
    "ORDER BY r.seq"
#define CS_SQL_SERIAL_ROWS                                                                                 \
    "SELECT s.seq, o.result, o.seq, s.kind, s.pair FROM intent_serial s LEFT JOIN intent_outcome o"        \
    " ON o.intent_seq = s.seq WHERE s.gen = ?4 AND s.issuer = ?1 AND s.serial = ?2 AND s.seq <= ?3 ORDER " \
    "BY s.seq"
#define CS_SQL_ORDER_ROWS                                                                               \
    "SELECT s.seq, o.result, o.seq, s.kind, s.pair FROM intent_order s LEFT JOIN intent_outcome o"      \
    " ON o.intent_seq = s.seq WHERE s.gen = ?4 AND s.account = ?1 AND s.order_id = ?2 AND s.seq <= ?3 " \
    "ORDER BY s.seq"
#define CS_SQL_SUBJECT_ROW "SELECT 1 FROM intent_subject WHERE gen = ?2 >> 12 AND account = ?1 AND seq = ?2"
#define CS_SQL_AUTHORIZATION_DIGEST_ROW                                                              \
    "SELECT expires_unix_s FROM authorization_digest WHERE client = ?1 AND issuer = ?2 AND digest =" \
    " ?3 AND seq = ?4"
#define CS_SQL_AUTHORIZATION_REQUEST_ROWS \
    "SELECT seq FROM authorization_request WHERE client = ?1 AND request_id = ?2 AND seq <= ?3"
#define CS_SQL_ENTRY_AT         "SELECT body FROM entry WHERE seq = ?1"
#define CS_SQL_TOKEN_PUT_OF     "SELECT put, bound FROM token WHERE put >> 12 = ?2 AND token = ?1"
#define CS_SQL_OUTCOME_ROW      "SELECT seq, result FROM intent_outcome WHERE intent_seq = ?1"
#define CS_SQL_DEPOSIT_ROW      "SELECT 1 FROM deposit_seq WHERE gen = ?2 >> 12 AND digest = ?1 AND seq = ?2"
#define CS_SQL_CONTROL_ROW      "SELECT kind FROM control WHERE seq = ?1"
#define CS_SQL_ENVELOPE_OF      "SELECT envelope FROM evidence WHERE digest = ?1"
#define CS_SQL_EVIDENCE_PUT_OF  "SELECT put FROM evidence WHERE digest = ?1"
#define CS_SQL_STATEMENT_PUT_OF "SELECT put, payload FROM statement WHERE put >> 12 = ?2 AND id = ?1"
#define CS_SQL_READ_HEAD        "SELECT size, last_unix_us, root FROM head ORDER BY n DESC LIMIT 1"
#define CS_SQL_READ_ENTRY       "SELECT body FROM entry WHERE seq = ?1"
#define CS_SQL_READ_EVIDENCE    "SELECT envelope FROM evidence WHERE digest = ?1"
#define CS_SQL_INDEX_COUNTS                                                                       \
    "SELECT (SELECT count(*) FROM intent_request), (SELECT count(*) FROM intent_serial),"         \
    " (SELECT count(*) FROM intent_order), (SELECT count(*) FROM intent_outcome),"                \
    " (SELECT count(*) FROM deposit_seq), (SELECT count(*) FROM intent_subject),"                 \
    " (SELECT count(*) FROM authorization_digest), (SELECT count(*) FROM authorization_request)," \
    " (SELECT count(*) FROM control)"

/* The same questions about the past: ?9 is the entry that the asker stands before. */
#define CS_SQL_PAST_SERIAL                                                                    \
    "SELECT s.seq, s.kind, s.pair, o.result FROM intent_serial s LEFT JOIN intent_outcome o"  \
    " ON o.intent_seq = s.seq AND o.seq < ?9 WHERE s.gen = ?3 AND s.issuer = ?1 AND s.serial" \
    " = ?2 AND s.seq < ?9 ORDER BY s.seq"
#define CS_SQL_PAST_ORDER                                                                        \
    "SELECT s.seq, s.kind, s.pair, o.result FROM intent_order s LEFT JOIN intent_outcome o"      \
    " ON o.intent_seq = s.seq AND o.seq < ?9 WHERE s.gen = ?3 AND s.account = ?1 AND s.order_id" \
    " = ?2 AND s.seq < ?9 ORDER BY s.seq"
#define CS_SQL_PAST_SUBJECT                                                                     \
    "SELECT s.seq, o.result FROM intent_subject s LEFT JOIN intent_outcome o ON o.intent_seq =" \
    " s.seq AND o.seq < ?9 WHERE s.gen = ?2 AND s.account = ?1 AND s.seq < ?9 ORDER BY s.seq DESC"
#define CS_SQL_PAST_OUTCOME "SELECT seq, result FROM intent_outcome WHERE intent_seq = ?1 AND seq < ?9"
#define CS_SQL_PAST_CONTROL "SELECT seq FROM control WHERE seq > ?1 AND seq < ?9 ORDER BY seq LIMIT 1"
#define CS_SQL_PAST_DEPOSIT \
    "SELECT seq FROM deposit_seq WHERE gen = ?2 AND digest = ?1 AND seq < ?9 ORDER BY seq LIMIT 1"
#define CS_SQL_PAST_STATEMENT "SELECT payload FROM statement WHERE put >> 12 = ?2 AND id = ?1"
#define CS_SQL_PAST_KEYS      /* whether a digest was deposited yet is asked of each */         \
    "SELECT digest FROM deposit_key WHERE put >> 12 = ?3 AND key = ?1 AND expires_unix_s > ?2 " \
    "ORDER BY put DESC"
/* Tokens have no entry of their own: ?9 is the number of puts up to the commit of the entry asked about. */
#define CS_SQL_PAST_TOKEN          "SELECT bound FROM token WHERE put >> 12 = ?2 AND token = ?1 AND put <= ?9"
#define CS_SQL_PAST_HEAD           "SELECT size, n_puts FROM head WHERE n = ?1"
#define CS_SQL_LAST_HEAD           "SELECT n, size, last_unix_us, root, n_puts FROM head ORDER BY n DESC LIMIT 1"
#define CS_SQL_CHECKPOINT_COVERING "SELECT size, note FROM checkpoint WHERE size >= ?1 ORDER BY size LIMIT 1"

/* cs_schema_create writes the schema and its numbers in one transaction. */
CS_RESULT cs_schema_create(sqlite3 *db, struct cs_note *note);

/* cs_schema_check compares every object of the database with what cs_schema_create makes: a missing
 * trigger, a foreign table or another version is STORE_CORRUPT with a note that names it. *out_empty
 * is set (with CS_OK) when there is no schema at all and the file is not marked as another program's. */
CS_RESULT cs_schema_check(sqlite3 *db, bool *out_empty, struct cs_note *note);

#endif
