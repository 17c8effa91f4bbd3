/*
 * YAML, the small part of it that policy and configuration use: maps with plain keys, sequences,
 * scalars. A document is read into a tree that remembers where everything stood, and what type a
 * value has is decided by who asks, never by how the value looks.
 *
 * Refused wherever they stand: anchors, aliases, tags, directives, more than one document, duplicate
 * keys, keys that are not plain scalars, scalars without a value, folded text, quoted or plain text
 * over several lines, tabs, carriage returns, every other control character, a byte order mark,
 * invalid UTF-8, more nesting, nodes or bytes than the caps.
 *
 * All failures are CONFIG with a note "line 12: attesters[1].roles: what is wrong".
 */
#ifndef CS_POLICY_YAML_H
#define CS_POLICY_YAML_H

#include "proxy/base/arena.h"
#include "proxy/base/bytes.h"

enum {
    CS_YAML_DEPTH_MAX = 16,
    CS_YAML_NODES_MAX = 65536,
    CS_YAML_MAP_MAX = 64, /* entries of one map */
    CS_YAML_KEY_MAX_LEN = 64,
};

enum cs_yaml_kind { CS_YAML_SCALAR = 1, CS_YAML_SEQUENCE, CS_YAML_MAP };
enum cs_yaml_style { CS_YAML_PLAIN = 1, CS_YAML_QUOTED, CS_YAML_LITERAL };

struct cs_yaml_node {
    enum cs_yaml_kind kind;
    enum cs_yaml_style style; /* scalars */
    uint32_t line, column;    /* from 1, where the value starts */
    struct cs_span text;      /* scalars */
    struct cs_span key;       /* of this value in its map; empty in a sequence */
    uint32_t key_line;
    uint32_t index;      /* position in the parent, from 0 */
    uint32_t n_children; /* maps and sequences */
    const struct cs_yaml_node *parent, *first, *next;
};

/* cs_yaml_read reads one document of at most max_len bytes into the arena. *out is its root. */
CS_RESULT cs_yaml_read(struct cs_span document, size_t max_len, struct cs_arena *arena,
                       const struct cs_yaml_node **out, struct cs_note *note);

/* cs_yaml_fail writes "line N: path: text" and returns CONFIG. */
CS_RESULT cs_yaml_fail(const struct cs_yaml_node *n, struct cs_note *note, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One row per key a map may have; cs_yaml_fields sets value, NULL for an optional key left out. */
struct cs_yaml_field {
    const char *key;
    bool required;
    const struct cs_yaml_node *value;
};
/* cs_yaml_fields refuses anything but a map, unknown keys (naming the allowed ones) and missing
 * required keys. */
CS_RESULT cs_yaml_fields(const struct cs_yaml_node *map, struct cs_yaml_field *fields, size_t n_fields,
                         struct cs_note *note);

/* cs_yaml_sequence refuses anything but a sequence of min to max elements. Walk first, next. */
CS_RESULT cs_yaml_sequence(const struct cs_yaml_node *n, uint32_t min, uint32_t max, struct cs_note *note);

/* Typed values. Each writes *out only on success; spans view the arena of the tree. */

/* One line of text without control characters, 1 to max_len bytes. A plain null or ~ refuses. */
CS_RESULT cs_yaml_string(const struct cs_yaml_node *n, size_t max_len, struct cs_span *out,
                         struct cs_note *note);
/* [A-Za-z0-9][A-Za-z0-9._/@-]*, 1 to max_len bytes. */
CS_RESULT cs_yaml_id(const struct cs_yaml_node *n, size_t max_len, struct cs_span *out, struct cs_note *note);
/* Exactly true or false, not quoted. */
CS_RESULT cs_yaml_bool(const struct cs_yaml_node *n, bool *out, struct cs_note *note);
/* Decimal digits without sign or leading zeros, not quoted. Durations are whole seconds (_s). */
CS_RESULT cs_yaml_u64(const struct cs_yaml_node *n, uint64_t min, uint64_t max, uint64_t *out,
                      struct cs_note *note);
/* RFC 3339 in UTC, whole seconds: 2026-11-21T22:08:23Z. */
CS_RESULT cs_yaml_time(const struct cs_yaml_node *n, int64_t *out_unix_s, struct cs_note *note);
/* Literal block (|) that is exactly one RFC 7468 block with this label ("CERTIFICATE"), in lines of
 * at most 64 characters, nothing before or behind it. The bytes, at most max_len, go to the arena. */
CS_RESULT cs_yaml_pem(const struct cs_yaml_node *n, const char *label, size_t max_len, struct cs_arena *arena,
                      struct cs_span *out, struct cs_note *note);

#endif
