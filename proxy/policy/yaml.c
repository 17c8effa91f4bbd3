#include "proxy/policy/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

/* While the tree grows its links are written; afterwards it is read only. */
struct growing {
    struct cs_yaml_node node;
    struct growing *parent, *last;
};

struct builder {
    struct cs_arena *arena;
    struct cs_note *note;
    struct growing *root, *now; /* now: innermost open map or sequence */
    uint32_t depth, n_nodes;
    bool have_key; /* a key of *now waits for its value */
    struct cs_span key;
    uint32_t key_line;
    bool ended;
};

static void auto_parser(yaml_parser_t *p)
{
    yaml_parser_delete(p);
}
static void auto_event(yaml_event_t *e)
{
    yaml_event_delete(e);
}

static CS_RESULT fail_at(struct cs_note *note, size_t line, const char *text)
{
    cs_note_set(note, "line %zu: %s", line, text);
    return CS_ERR(CONFIG);
}

static const char *forbidden_at(const uint8_t *at, size_t left)
{
    if (at[0] == '\t')
        return "a tab; use spaces";
    if (at[0] == '\r')
        return "a carriage return; lines end with a line feed alone";
    if ((at[0] < 0x20 && at[0] != '\n') || at[0] == 0x7f)
        return "a control character";
    if (left >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
        return "a control character"; /* C1; YAML breaks lines at U+0085 */
    if (left >= 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9))
        return "a Unicode line separator"; /* YAML 1.1 breaks lines there, editors do not */
    if (left >= 3 && at[0] == 0xef && at[1] == 0xbb && at[2] == 0xbf)
        return "a byte order mark";
    return NULL;
}

/* libyaml replaces, skips or obeys these; a reviewer does not see them. */
static CS_RESULT check_characters(struct cs_span in, struct cs_note *note)
{
    size_t line = 1, start = 0;
    for (size_t i = 0; i < in.len; i++) {
        const char *what = forbidden_at(in.at + i, in.len - i);
        if (what != NULL)
            return fail_at(note, line, what);
        if (in.at[i] != '\n' && i + 1 != in.len)
            continue;
        if (!cs_utf8_valid(cs_span_of(in.at + start, i + 1 - start)))
            return fail_at(note, line, "not UTF-8");
        start = i + 1;
        line++;
    }
    return CS_OK;
}

static CS_RESULT take_key(struct builder *b, const yaml_event_t *e)
{
    size_t line = e->start_mark.line + 1;
    if (e->type != YAML_SCALAR_EVENT)
        return fail_at(b->note, line, "a key that is a map or a sequence; keys are plain words");
    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return fail_at(b->note, line, "a quoted key; keys are plain words");
    struct cs_span key = cs_span_of(e->data.scalar.value, e->data.scalar.length);
    if (key.len == 0 || key.len > CS_YAML_KEY_MAX_LEN || e->start_mark.line != e->end_mark.line)
        return fail_at(b->note, line, "a key that is empty or longer than 64 bytes");
    for (const struct cs_yaml_node *c = b->now->node.first; c != NULL; c = c->next) {
        if (!cs_span_eq(c->key, key))
            continue;
        cs_result r = cs_yaml_fail(c, b->note, "the key stands there and again on line %zu", line);
        return r;
    }
    if (b->now->node.n_children == CS_YAML_MAP_MAX)
        return cs_yaml_fail(&b->now->node, b->note, "more than %d keys", CS_YAML_MAP_MAX);
    b->key = cs_arena_span(b->arena, key);
    if (b->key.len != key.len)
        return CS_ERR(NO_MEMORY);
    b->key_line = (uint32_t)line;
    b->have_key = true;
    return CS_OK;
}

static CS_RESULT add_scalar(struct builder *b, const yaml_event_t *e, struct cs_yaml_node *n)
{
    n->kind = CS_YAML_SCALAR;
    bool several_lines = e->start_mark.line != e->end_mark.line;
    switch (e->data.scalar.style) {
    case YAML_PLAIN_SCALAR_STYLE:
        n->style = CS_YAML_PLAIN;
        break;
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        n->style = CS_YAML_QUOTED;
        break;
    case YAML_LITERAL_SCALAR_STYLE:
        n->style = CS_YAML_LITERAL;
        several_lines = false;
        break;
    default:
        return cs_yaml_fail(n, b->note, "folded text (>); write one line, or a literal block (|)");
    }
    if (several_lines)
        return cs_yaml_fail(n, b->note, "text over several lines; write one line, or a literal block (|)");
    struct cs_span text = cs_span_of(e->data.scalar.value, e->data.scalar.length);
    if (text.len == 0)
        return cs_yaml_fail(n, b->note, "no value");
    n->text = cs_arena_span(b->arena, text);
    return n->text.len == text.len ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT add_node(struct builder *b, const yaml_event_t *e)
{
    if (b->now != NULL && b->now->node.kind == CS_YAML_MAP && !b->have_key)
        return take_key(b, e);
    if (++b->n_nodes > CS_YAML_NODES_MAX)
        return fail_at(b->note, e->start_mark.line + 1, "more than 65536 values");
    struct growing *g = cs_arena_get(b->arena, sizeof *g);
    if (g == NULL)
        return CS_ERR(NO_MEMORY);
    struct cs_yaml_node *n = &g->node;
    n->line = (uint32_t)e->start_mark.line + 1;
    n->column = (uint32_t)e->start_mark.column + 1;
    g->parent = b->now;
    if (b->now == NULL) {
        b->root = g;
    } else {
        struct growing *p = b->now;
        n->parent = &p->node;
        n->index = p->node.n_children++;
        n->key = b->have_key ? b->key : (struct cs_span){ 0 };
        n->key_line = b->have_key ? b->key_line : 0;
        b->have_key = false;
        if (p->last != NULL)
            p->last->node.next = n;
        else
            p->node.first = n;
        p->last = g;
    }
    if (e->type == YAML_SCALAR_EVENT)
        return add_scalar(b, e, n);
    n->kind = e->type == YAML_MAPPING_START_EVENT ? CS_YAML_MAP : CS_YAML_SEQUENCE;
    if (++b->depth > CS_YAML_DEPTH_MAX)
        return fail_at(b->note, n->line, "nested more than 16 deep");
    b->now = g;
    return CS_OK;
}

static CS_RESULT take_event(struct builder *b, const yaml_event_t *e)
{
    size_t line = e->start_mark.line + 1;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (e->type) {
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return CS_OK;
    case YAML_STREAM_END_EVENT:
        b->ended = true;
        return CS_OK;
    case YAML_DOCUMENT_START_EVENT:
        if (b->root != NULL)
            return fail_at(b->note, line, "a second document");
        if (e->data.document_start.version_directive != NULL ||
            e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
            return fail_at(b->note, line, "a directive (%); none is allowed");
        return CS_OK;
    case YAML_ALIAS_EVENT:
        return fail_at(b->note, line, "an alias (*); write the value out");
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->now = b->now->parent;
        b->depth--;
        return CS_OK;
    case YAML_SCALAR_EVENT:
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
        break;
    default:
        return CS_ERR(BUG);
    }
    if (anchor != NULL)
        return fail_at(b->note, line, "an anchor (&); none is allowed");
    if (tag != NULL)
        return fail_at(b->note, line, "a tag (!); the key alone says what type a value has");
    return add_node(b, e);
}

CS_RESULT cs_yaml_read(struct cs_span document, size_t max_len, struct cs_arena *arena,
                       const struct cs_yaml_node **out, struct cs_note *note)
{
    if (document.len > max_len) {
        cs_note_set(note, "line 1: the document has %zu bytes; at most %zu", document.len, max_len);
        return CS_ERR(CONFIG);
    }
    CS_TRY(check_characters(document, note));
    __attribute__((cleanup(auto_parser))) yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return CS_ERR(NO_MEMORY);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, document.len != 0 ? document.at : (const uint8_t *)"",
                                 document.len);
    struct builder b = { .arena = arena, .note = note };
    while (!b.ended) {
        __attribute__((cleanup(auto_event))) yaml_event_t event = { 0 };
        if (!yaml_parser_parse(&parser, &event)) {
            if (parser.error == YAML_MEMORY_ERROR)
                return CS_ERR(NO_MEMORY);
            return fail_at(note, parser.problem_mark.line + 1,
                           parser.problem != NULL ? parser.problem : "not YAML");
        }
        CS_TRY(take_event(&b, &event));
    }
    if (b.root == NULL)
        return fail_at(note, 1, "the document is empty");
    *out = &b.root->node;
    return CS_OK;
}
