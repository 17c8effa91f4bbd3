/* The strict YAML reader: what it refuses, where it says the fault is, and each typed value at its
 * boundary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/policy/yaml.h"

#define S(text) text, sizeof text - 1

static void documents(void **state)
{
    (void)state;
    static const struct {
        const char *row, *text;
        size_t len;
        const char *note; /* NULL: accepted */
    } rows[] = {
        { "map", S("a: 1\nb: [x, y]\n"), NULL },
        { "start mark", S("---\na: 1\n"), NULL },
        { "comment and non-ASCII", S("# caf\xc3\xa9\na: \xe2\x82\xac\n"), NULL },
        { "literal block", S("a: |\n  x\n  y\n"), NULL },
        { "flow map", S("{a: 1, b: 2}\n"), NULL },
        { "empty", S(""), "line 1: the document is empty" },
        { "comment only", S("# x\n"), "line 1: the document is empty" },
        { "duplicate key", S("a: 1\nb: 2\na: 3\n"), "line 1: a: the key stands there and again on line 3" },
        { "nested duplicate", S("x:\n  - a: 1\n    a: 2\n"),
          "line 2: x[0].a: the key stands there and again on line 3" },
        { "duplicate in flow", S("{a: 1, a: 1}"), "line 1: a: the key stands there and again on line 1" },
        { "anchor", S("a: &x 1\n"), "line 1: an anchor (&); none is allowed" },
        { "anchor on a map", S("a:\n  &x b: 1\n"), "line 2: an anchor (&); none is allowed" },
        { "anchor on a sequence", S("a: &x [1]\n"), "line 1: an anchor (&); none is allowed" },
        { "alias", S("a: 1\nb: *x\n"), "line 2: an alias (*); write the value out" },
        { "merge of an alias", S("a: 1\n<<: *x\n"), "line 2: an alias (*); write the value out" },
        { "tag", S("a: !!str 1\n"), "line 1: a tag (!); the key alone says what type a value has" },
        { "own tag", S("a: !x 1\n"), "line 1: a tag (!); the key alone says what type a value has" },
        { "tag on a sequence", S("a: !!set [1]\n"),
          "line 1: a tag (!); the key alone says what type a value has" },
        { "second document", S("a: 1\n---\nb: 2\n"), "line 2: a second document" },
        { "second empty document", S("a: 1\n---\n"), "line 2: a second document" },
        { "version directive", S("%YAML 1.1\n---\na: 1\n"), "line 1: a directive (%); none is allowed" },
        { "tag directive", S("%TAG ! tag:x,2000:\n---\na: 1\n"), "line 1: a directive (%); none is allowed" },
        { "map as a key", S("{a: 1}: 2\n"),
          "line 1: a key that is a map or a sequence; keys are plain words" },
        { "sequence as a key", S("? [a]\n: 2\n"),
          "line 1: a key that is a map or a sequence; keys are plain words" },
        { "quoted key", S("\"a\": 1\n"), "line 1: a quoted key; keys are plain words" },
        { "empty key", S("? \n: 1\n"), "line 1: a key that is empty or longer than 64 bytes" },
        { "key of 64 bytes", S("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: 1\n"),
          NULL },
        { "key of 65 bytes", S("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: 1\n"),
          "line 1: a key that is empty or longer than 64 bytes" },
        { "no value", S("a:\nb: 1\n"), "line 1: a: no value" },
        { "no value in a sequence", S("a:\n  -\n  - 1\n"), "line 2: a[0]: no value" },
        { "empty quotes", S("a: ''\n"), "line 1: a: no value" },
        { "folded", S("a: >\n  x\n  y\n"),
          "line 1: a: folded text (>); write one line, or a literal block (|)" },
        { "plain over two lines", S("a: x\n  y\n"),
          "line 1: a: text over several lines; write one line, or a literal block (|)" },
        { "quoted over two lines", S("a: 'x\n  y'\n"),
          "line 1: a: text over several lines; write one line, or a literal block (|)" },
        { "tab as indent", S("a:\n\tb: 1\n"), "line 2: a tab; use spaces" },
        { "tab behind a value", S("a: 1\t# x\n"), "line 1: a tab; use spaces" },
        { "carriage return", S("a: 1\r\nb: 2\r\n"),
          "line 1: a carriage return; lines end with a line feed alone" },
        { "NUL", S("a: 1\nb: \0x\n"), "line 2: a control character" },
        { "next line U+0085",
          S("a: 1 # x\xc2\x85"
            "b: 2\n"),
          "line 1: a control character" },
        { "line separator",
          S("a: 1 # x\xe2\x80\xa8"
            "b: 2\n"),
          "line 1: a Unicode line separator" },
        { "byte order mark",
          S("\xef\xbb\xbf"
            "a: 1\n"),
          "line 1: a byte order mark" },
        { "UTF-16",
          S("\xff\xfe"
            "a\0:\0"),
          "line 1: a control character" },
        { "Latin-1", S("a: 1\nb: caf\xe9\n"), "line 2: not UTF-8" },
        { "cut UTF-8", S("a: \xe2\x82"), "line 1: not UTF-8" },
        { "surrogate", S("a: \xed\xa0\x80\n"), "line 1: not UTF-8" },
        { "bad indent", S("  a: 1\n b: 2\n"), "line 2: did not find expected <document start>" },
        { "open quote", S("a: 'x\n"), "line 2: found unexpected end of stream" },
        { "open flow", S("a: [1, 2\n"), "line 2: did not find expected ',' or ']'" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_note note = { "" };
        const struct cs_yaml_node *root = NULL;
        cs_result r = cs_yaml_read(cs_span_of(rows[i].text, rows[i].len), 4096, &arena, &root, &note);
        if (rows[i].note == NULL
                ? !cs_ok(r) || root == NULL
                : !cs_is(r, CS_NUM_CONFIG) || root != NULL || strcmp(note.text, rows[i].note) != 0)
            fail_msg("row: %s: %s '%s'", rows[i].row, cs_result_name(r), note.text);
    }
}

static void caps(void **state)
{
    (void)state;
    for (int depth = 15; depth <= 17; depth++) { /* the map around it is one level */
        char text[128] = "a: ";
        for (int i = 0; i < depth; i++)
            (void)strcat(text, "[");
        (void)strcat(text, "1");
        for (int i = 0; i < depth; i++)
            (void)strcat(text, "]");
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_note note = { "" };
        const struct cs_yaml_node *root;
        cs_result r = cs_yaml_read(cs_span_str(text), 4096, &arena, &root, &note);
        assert_int_equal(cs_ok(r), depth + 1 <= CS_YAML_DEPTH_MAX);
        if (!cs_ok(r))
            assert_string_equal(note.text, "line 1: nested more than 16 deep");
    }
    CS_AUTO_BUF struct cs_buf many = { 0 }, wide = { 0 };
    cs_buf_put_str(&many, "[");
    for (int i = 0; i < CS_YAML_NODES_MAX; i++)
        cs_buf_put_str(&many, "1,\n");
    cs_buf_put_str(&many, "]");
    for (int i = 0; i <= CS_YAML_MAP_MAX; i++)
        cs_buf_printf(&wide, "k%d: 1\n", i);
    const struct {
        struct cs_span text;
        size_t max;
        const char *note;
    } rows[] = {
        { cs_buf_span(&many), 1 << 20, "line 65536: more than 65536 values" },
        { cs_buf_span(&wide), 1 << 20, "line 1: more than 64 keys" },
        { cs_span_str("a: 1\n"), 4, "line 1: the document has 5 bytes; at most 4" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_note note = { "" };
        const struct cs_yaml_node *root;
        assert_true(cs_is(cs_yaml_read(rows[i].text, rows[i].max, &arena, &root, &note), CS_NUM_CONFIG));
        assert_string_equal(note.text, rows[i].note);
    }
    CS_AUTO_ARENA struct cs_arena small = { .max = 64 };
    const struct cs_yaml_node *root;
    assert_true(
        cs_is(cs_yaml_read(cs_span_str("a: [1, 2, 3]"), 4096, &small, &root, NULL), CS_NUM_NO_MEMORY));
}

static void tree(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const struct cs_yaml_node *root;
    assert_true(cs_ok(cs_yaml_read(cs_span_str("# c\na: 1\nlist:\n  - x\n  - 'y'\n  - k: |\n      z\n"), 4096,
                                   &arena, &root, NULL)));
    assert_int_equal(root->kind, CS_YAML_MAP);
    assert_int_equal(root->n_children, 2);
    const struct cs_yaml_node *list = root->first->next;
    assert_true(cs_span_is(list->key, "list") && list->key_line == 3 && list->n_children == 3);
    const struct cs_yaml_node *y = list->first->next, *z = y->next->first;
    assert_true(y->style == CS_YAML_QUOTED && y->line == 5 && y->column == 5 && y->index == 1);
    assert_true(z->style == CS_YAML_LITERAL && cs_span_is(z->text, "z\n") && z->parent == y->next);
    assert_null(z->next);
    struct cs_note note;
    assert_true(cs_is(cs_yaml_fail(z, &note, "no"), CS_NUM_CONFIG));
    assert_string_equal(note.text, "line 6: list[2].k: no");
    assert_true(cs_is(cs_yaml_fail(root, &note, "no"), CS_NUM_CONFIG));
    assert_string_equal(note.text, "line 2: no");
    assert_true(cs_is(cs_yaml_fail(root, NULL, "no"), CS_NUM_CONFIG));
}

static void fields(void **state)
{
    (void)state;
    static const struct {
        const char *text, *note;
    } rows[] = {
        { "a: 1\n", NULL },
        { "a: 1\nb: 2\n", NULL },
        { "b: 1\n", "line 1: the key 'a' is missing" },
        { "a: 1\nc: 1\n", "line 2: c: unknown key; one of a, b" },
        { "a: 1\nA: 1\n", "line 2: A: unknown key; one of a, b" },
        { "a: 1\n<<: {b: 1}\n", "line 2: <<: unknown key; one of a, b" },
        { "[a]\n", "line 1: not a map" },
        { "a\n", "line 1: not a map" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        const struct cs_yaml_node *root;
        struct cs_note note = { "" };
        struct cs_yaml_field f[] = { { .key = "a", .required = true }, { .key = "b" } };
        assert_true(cs_ok(cs_yaml_read(cs_span_str(rows[i].text), 4096, &arena, &root, &note)));
        cs_result r = cs_yaml_fields(root, f, 2, &note);
        if (cs_ok(r) != (rows[i].note == NULL) ||
            (rows[i].note != NULL && strcmp(note.text, rows[i].note) != 0))
            fail_msg("row: %s: %s", rows[i].text, note.text);
    }
}

enum type { STRING, ID, BOOL, U64, TIME, SEQUENCE };

static void values(void **state)
{
    (void)state;
    static const struct {
        enum type type;
        const char *text;
        int64_t want;
        const char *note; /* NULL: accepted; else what the note must contain */
    } rows[] = {
        { BOOL, "true", 1, NULL },
        { BOOL, "false", 0, NULL },
        { BOOL, "nope", 0, "line 1: v: 'nope'; needed: true or false, without quotes" },
        { BOOL, "yes", 0, "'yes'; needed" },
        { BOOL, "on", 0, "'on'; needed" },
        { BOOL, "True", 0, "'True'; needed" },
        { BOOL, "1", 0, "'1'; needed" },
        { BOOL, "'true'", 0, "'true' (quoted); needed" },
        { BOOL, "[true]", 0, "a sequence; needed" },
        { U64, "5", 5, NULL },
        { U64, "100", 100, NULL },
        { U64, "4", 0, "line 1: v: 4; 5 to 100 are allowed" },
        { U64, "101", 0, "101; 5 to 100 are allowed" },
        { U64, "0200", 0, "'0200'; needed: a decimal number" },
        { U64, "0x10", 0, "'0x10'; needed" },
        { U64, "0o17", 0, "'0o17'; needed" },
        { U64, "1_0", 0, "'1_0'; needed" },
        { U64, "1e1", 0, "'1e1'; needed" },
        { U64, "10.0", 0, "'10.0'; needed" },
        { U64, "+10", 0, "'+10'; needed" },
        { U64, "-10", 0, "'-10'; needed" },
        { U64, "'10'", 0, "'10' (quoted); needed" },
        { U64, "1:30", 0, "'1:30'; needed" }, /* 90 in YAML 1.1 */
        { U64, "18446744073709551616", 0, "18446744073709551616; 5 to 100 are allowed" },
        { U64, "18446744073709551621", 0, "; 5 to 100 are allowed" }, /* 2^64 + 5 */
        { U64, "{a: 1}", 0, "a map; needed" },
        { STRING, "x", 0, NULL },
        { STRING, "no", 0, NULL },
        { STRING, "'null'", 0, NULL },
        { STRING, "\"caf\\u00e9\"", 0, NULL },
        { STRING, "12345678", 0, NULL },
        { STRING, "123456789", 0, "9 bytes; at most 8" },
        { STRING, "null", 0, "'null'; needed: a value" },
        { STRING, "~", 0, "'~'; needed: a value" },
        { STRING, "\"a\\nb\"", 0, "needed: text without control characters" },
        { STRING, "\"a\\0b\"", 0, "needed: text without control characters" },
        { STRING, "|\n  x\n", 0, "a literal block; needed: one line of text" },
        { ID, "a", 0, NULL },
        { ID, "A.b_c/@-9", 0, "9 bytes" },
        { ID, "ra_/@-.9", 0, NULL },
        { ID, "-a", 0, "'-a'; needed: a letter or digit, then" },
        { ID, "'a b'", 0, "'a b' (quoted); needed: a letter or digit" },
        { ID, "\xc3\xa9", 0, "needed: a letter or digit" },
        { ID, "a:b", 0, "'a:b'; needed" },
        { TIME, "2026-11-21T22:08:23Z", 1795298903, NULL },
        { TIME, "'2026-11-21T22:08:23Z'", 1795298903, NULL },
        { TIME, "2028-02-29T00:00:00Z", 1835395200, NULL },
        { TIME, "1970-01-01T00:00:00Z", 0, NULL },
        { TIME, "2027-02-29T00:00:00Z", 0, "needed: a day of the calendar" },
        { TIME, "2100-02-29T00:00:00Z", 0, "needed: a day of the calendar" },
        { TIME, "2026-04-31T00:00:00Z", 0, "needed: a day of the calendar" },
        { TIME, "2026-04-00T00:00:00Z", 0, "needed: a day of the calendar" },
        { TIME, "2026-13-01T00:00:00Z", 0, "needed: UTC time as" },
        { TIME, "1969-12-31T23:59:59Z", 0, "needed: UTC time as" },
        { TIME, "2026-11-21T24:00:00Z", 0, "needed: UTC time as" },
        { TIME, "2026-11-21T23:59:60Z", 0, "needed: UTC time as" },
        { TIME, "2026-11-21 22:08:23Z", 0, "needed: UTC time as" },
        { TIME, "2026-11-21T22:08:23z", 0, "needed: UTC time as" },
        { TIME, "2026-11-21T22:08:23.0Z", 0, "needed: UTC time as" },
        { TIME, "2026-11-21T22:08:23+00:00", 0, "needed: UTC time as" },
        { TIME, "2026-11-21", 0, "needed: UTC time as" },
        { SEQUENCE, "[a]", 0, NULL },
        { SEQUENCE, "[a, b]", 0, NULL },
        { SEQUENCE, "[]", 0, "0 elements; 1 to 2 are allowed" },
        { SEQUENCE, "[a, b, c]", 0, "3 elements; 1 to 2 are allowed" },
        { SEQUENCE, "a", 0, "not a sequence" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_note note = { "" };
        const struct cs_yaml_node *root;
        char text[256];
        (void)snprintf(text, sizeof text, "v: %s\n", rows[i].text);
        if (!cs_ok(cs_yaml_read(cs_span_str(text), 4096, &arena, &root, &note)))
            fail_msg("row: %s: %s", text, note.text);
        const struct cs_yaml_node *v = root->first;
        struct cs_span s = { 0 };
        bool b = false;
        uint64_t u = 0;
        int64_t t = 0;
        cs_result r = CS_OK;
        switch (rows[i].type) {
        case STRING:
            r = cs_yaml_string(v, 8, &s, &note);
            break;
        case ID:
            r = cs_yaml_id(v, 8, &s, &note);
            break;
        case BOOL:
            r = cs_yaml_bool(v, &b, &note);
            break;
        case U64:
            r = cs_yaml_u64(v, 5, 100, &u, &note);
            break;
        case TIME:
            r = cs_yaml_time(v, &t, &note);
            break;
        case SEQUENCE:
            r = cs_yaml_sequence(v, 1, 2, &note);
            break;
        }
        int64_t got = (int64_t)b + (int64_t)u + t;
        if (cs_ok(r) != (rows[i].note == NULL) || (cs_ok(r) && got != rows[i].want) ||
            (!cs_ok(r) && (strstr(note.text, rows[i].note) == NULL || s.at != NULL)))
            fail_msg("row: %s: %s (%lld)", rows[i].text, note.text, (long long)got);
    }
}

#define LINE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void pem(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *note;
    } rows[] = {
        { "p: |\n  -----BEGIN X-----\n  AQID\n  -----END X-----\n", 3, NULL },
        { "p: |-\n  -----BEGIN X-----\n  AQID\n  -----END X-----\n", 3, NULL },
        { "p: |\n  -----BEGIN X-----\n  " LINE "\n  AQ==\n  -----END X-----\n", 49, NULL },
        { "p: |\n  -----BEGIN X-----\n  " LINE "\n  -----END X-----\n", 48, NULL },
        { "p: AQID\n", 0, "line 1: p: needed: a literal block (|) with a PEM X" },
        { "p: \"-----BEGIN X-----\\nAQID\\n-----END X-----\\n\"\n", 0, "line 1: p: needed: a literal block" },
        { "p: |\n  -----BEGIN Y-----\n  AQID\n  -----END Y-----\n", 0,
          "line 2: p: the PEM block must start with" },
        { "p: |\n\n  -----BEGIN X-----\n  AQID\n  -----END X-----\n", 0,
          "line 2: p: the PEM block must start" },
        { "p: |\n  x\n  -----BEGIN X-----\n  AQID\n  -----END X-----\n", 0,
          "line 2: p: the PEM block must start" },
        { "p: |\n  -----BEGIN X-----\n  AQID\n", 0, "line 3: p: the PEM block does not end with" },
        { "p: |\n  -----BEGIN X-----\n  AQID\n  -----END X-----\n  x\n", 0,
          "line 5: p: text behind the PEM block" },
        { "p: |+\n  -----BEGIN X-----\n  AQID\n  -----END X-----\n\n", 0,
          "line 5: p: text behind the PEM block" },
        { "p: |\n  -----BEGIN X-----\n  AQID\n  AQID\n  -----END X-----\n", 0,
          "line 4: p: PEM lines have 64" },
        { "p: |\n  -----BEGIN X-----\n\n  AQID\n  -----END X-----\n", 0, "line 3: p: PEM lines have 64" },
        { "p: |\n  -----BEGIN X-----\n  " LINE "A\n  -----END X-----\n", 0, "line 3: p: PEM lines have 64" },
        { "p: |\n  -----BEGIN X-----\n  AQI\n  -----END X-----\n", 0, "the PEM block is not base64" },
        { "p: |\n  -----BEGIN X-----\n  AQ I\n  -----END X-----\n", 0, "the PEM block is not base64" },
        { "p: |\n  -----BEGIN X-----\n  A_ID\n  -----END X-----\n", 0, "the PEM block is not base64" },
        { "p: |\n  -----BEGIN X-----\n  AR==\n  -----END X-----\n", 0, "the PEM block is not base64" },
        { "p: |\n  -----BEGIN X-----\n  -----END X-----\n", 0, "the PEM block is not base64" },
        { "p: |\n  -----BEGIN X-----\n  " LINE "\n  AQID\n  -----END X-----\n", 0,
          "line 1: p: more than 50 bytes" },
        { "p: |\n  -----BEGIN X-----\n  " LINE "\n  " LINE "\n  -----END X-----\n", 0,
          "line 1: p: more than 50 bytes" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_note note = { "" };
        const struct cs_yaml_node *root;
        if (!cs_ok(cs_yaml_read(cs_span_str(rows[i].text), 4096, &arena, &root, &note)))
            fail_msg("row: %s: %s", rows[i].text, note.text);
        struct cs_span out = { 0 };
        cs_result r = cs_yaml_pem(root->first, "X", 50, &arena, &out, &note);
        bool text_ok = rows[i].note == NULL || strstr(note.text, rows[i].note) != NULL;
        if (cs_ok(r) != (rows[i].note == NULL) || out.len != rows[i].len || !text_ok)
            fail_msg("row: %s: %s", rows[i].text, note.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents), cmocka_unit_test(caps),   cmocka_unit_test(tree),
        cmocka_unit_test(fields),    cmocka_unit_test(values), cmocka_unit_test(pem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
