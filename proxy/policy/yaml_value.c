#include "proxy/policy/yaml.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proxy/base/clock.h"

static void put_path(struct cs_buf *out, const struct cs_yaml_node *n)
{
    if (n->parent == NULL)
        return;
    put_path(out, n->parent);
    if (n->parent->kind == CS_YAML_SEQUENCE) {
        cs_buf_printf(out, "[%" PRIu32 "]", n->index);
        return;
    }
    if (n->parent->parent != NULL)
        cs_buf_put_u8(out, '.');
    cs_text_put(out, n->key, CS_YAML_KEY_MAX_LEN);
}

static CS_RESULT fail_line(const struct cs_yaml_node *n, uint32_t line, struct cs_note *note,
                           const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static CS_RESULT fail_line(const struct cs_yaml_node *n, uint32_t line, struct cs_note *note,
                           const char *format, va_list args)
{
    CS_AUTO_BUF struct cs_buf path = { .max = 2048 };
    put_path(&path, n);
    char text[sizeof note->text];
    (void)vsnprintf(text, sizeof text, format, args);
    cs_note_set(note, "line %" PRIu32 ": %.*s%s%s", line, (int)path.len,
                path.len != 0 ? (const char *)path.at : "", path.len != 0 ? ": " : "", text);
    return CS_ERR(CONFIG);
}

CS_RESULT cs_yaml_fail(const struct cs_yaml_node *n, struct cs_note *note, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cs_result r = fail_line(n, n->line, note, format, args);
    va_end(args);
    return r;
}

static CS_RESULT fail_at_line(const struct cs_yaml_node *n, uint32_t line, struct cs_note *note,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));

static CS_RESULT fail_at_line(const struct cs_yaml_node *n, uint32_t line, struct cs_note *note,
                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cs_result r = fail_line(n, line, note, format, args);
    va_end(args);
    return r;
}

static CS_RESULT fail_unknown(const struct cs_yaml_node *value, const struct cs_yaml_field *fields,
                              size_t n_fields, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf known = { .max = 4096 };
    for (size_t i = 0; i < n_fields; i++)
        cs_buf_printf(&known, "%s%s", i == 0 ? "" : ", ", fields[i].key);
    return fail_at_line(value, value->key_line, note, "unknown key; one of %.*s", (int)known.len,
                        (const char *)known.at);
}

CS_RESULT cs_yaml_fields(const struct cs_yaml_node *map, struct cs_yaml_field *fields, size_t n_fields,
                         struct cs_note *note)
{
    if (map->kind != CS_YAML_MAP)
        return cs_yaml_fail(map, note, "not a map");
    for (size_t i = 0; i < n_fields; i++)
        fields[i].value = NULL;
    for (const struct cs_yaml_node *c = map->first; c != NULL; c = c->next) {
        size_t i = 0;
        while (i < n_fields && !cs_span_is(c->key, fields[i].key))
            i++;
        if (i == n_fields)
            return fail_unknown(c, fields, n_fields, note);
        fields[i].value = c;
    }
    for (size_t i = 0; i < n_fields; i++)
        if (fields[i].required && fields[i].value == NULL)
            return cs_yaml_fail(map, note, "the key '%s' is missing", fields[i].key);
    return CS_OK;
}

CS_RESULT cs_yaml_sequence(const struct cs_yaml_node *n, uint32_t min, uint32_t max, struct cs_note *note)
{
    if (n->kind != CS_YAML_SEQUENCE)
        return cs_yaml_fail(n, note, "not a sequence");
    if (n->n_children < min || n->n_children > max)
        return cs_yaml_fail(n, note, "%" PRIu32 " elements; %" PRIu32 " to %" PRIu32 " are allowed",
                            n->n_children, min, max);
    return CS_OK;
}

static bool scalar_is(const struct cs_yaml_node *n, enum cs_yaml_style style)
{
    return n->kind == CS_YAML_SCALAR && n->style == style;
}

/* fail_value says what stands there, safely for a terminal, and what was needed. */
static CS_RESULT fail_value(const struct cs_yaml_node *n, struct cs_note *note, const char *needed)
{
    if (n->kind != CS_YAML_SCALAR)
        return cs_yaml_fail(n, note, "a %s; needed: %s", n->kind == CS_YAML_MAP ? "map" : "sequence", needed);
    CS_AUTO_BUF struct cs_buf text = { .max = 1024 };
    cs_text_put(&text, n->text, 48);
    const char *quotes = n->style == CS_YAML_QUOTED ? " (quoted)" : "";
    return cs_yaml_fail(n, note, "'%.*s'%s; needed: %s", (int)text.len, (const char *)text.at, quotes,
                        needed);
}

CS_RESULT cs_yaml_string(const struct cs_yaml_node *n, size_t max_len, struct cs_span *out,
                         struct cs_note *note)
{
    if (!scalar_is(n, CS_YAML_PLAIN) && !scalar_is(n, CS_YAML_QUOTED))
        return n->kind == CS_YAML_SCALAR ? cs_yaml_fail(n, note, "a literal block; needed: one line of text")
                                         : fail_value(n, note, "text");
    static const char *const nothing[] = { "~", "null", "Null", "NULL" };
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (n->style == CS_YAML_PLAIN && cs_span_is(n->text, nothing[i]))
            return fail_value(n, note, "a value");
    for (size_t i = 0; i < n->text.len; i++)
        if (n->text.at[i] < 0x20 || n->text.at[i] == 0x7f) /* from escapes in double quotes */
            return fail_value(n, note, "text without control characters");
    if (n->text.len > max_len)
        return cs_yaml_fail(n, note, "%zu bytes; at most %zu", n->text.len, max_len);
    *out = n->text;
    return CS_OK;
}

static bool letter_or_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

CS_RESULT cs_yaml_id(const struct cs_yaml_node *n, size_t max_len, struct cs_span *out, struct cs_note *note)
{
    struct cs_span text;
    CS_TRY(cs_yaml_string(n, max_len, &text, note));
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (letter_or_digit(c) || (i > 0 && c != '\0' && strchr("._/@-", c) != NULL))
            continue;
        return fail_value(n, note, "a letter or digit, then letters, digits and . _ / @ -");
    }
    *out = text;
    return CS_OK;
}

CS_RESULT cs_yaml_bool(const struct cs_yaml_node *n, bool *out, struct cs_note *note)
{
    bool yes = scalar_is(n, CS_YAML_PLAIN) && cs_span_is(n->text, "true");
    bool no = scalar_is(n, CS_YAML_PLAIN) && cs_span_is(n->text, "false");
    if (!yes && !no)
        return fail_value(n, note, "true or false, without quotes");
    *out = yes;
    return CS_OK;
}

CS_RESULT cs_yaml_u64(const struct cs_yaml_node *n, uint64_t min, uint64_t max, uint64_t *out,
                      struct cs_note *note)
{
    static const char needed[] = "a decimal number without sign, leading zeros or quotes";
    if (!scalar_is(n, CS_YAML_PLAIN) || (n->text.len > 1 && n->text.at[0] == '0'))
        return fail_value(n, note, needed);
    uint64_t v = 0;
    bool over = false;
    for (size_t i = 0; i < n->text.len; i++) {
        uint8_t c = n->text.at[i];
        if (c < '0' || c > '9')
            return fail_value(n, note, needed);
        over |= __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (unsigned)(c - '0'), &v);
    }
    if (over || v < min || v > max)
        return cs_yaml_fail(n, note, "%.*s; %" PRIu64 " to %" PRIu64 " are allowed",
                            n->text.len < 24 ? (int)n->text.len : 24, (const char *)n->text.at, min, max);
    *out = v;
    return CS_OK;
}

static int digits(const uint8_t *at, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++)
        v = v * 10 + (at[i] - '0');
    return v;
}

CS_RESULT cs_yaml_time(const struct cs_yaml_node *n, int64_t *out_unix_s, struct cs_note *note)
{
    static const char shape[] = "0000-00-00T00:00:00Z", needed[] = "UTC time as 2026-11-21T22:08:23Z";
    static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (n->kind != CS_YAML_SCALAR || n->style == CS_YAML_LITERAL || n->text.len != sizeof shape - 1)
        return fail_value(n, note, needed);
    const uint8_t *t = n->text.at;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == '0' ? (t[i] < '0' || t[i] > '9') : t[i] != (uint8_t)shape[i])
            return fail_value(n, note, needed);
    int year = digits(t, 4), month = digits(t + 5, 2), day = digits(t + 8, 2);
    int hour = digits(t + 11, 2), minute = digits(t + 14, 2), second = digits(t + 17, 2);
    if (year < 1970 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return fail_value(n, note, needed);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day < 1 || day > month_days[month - 1] + (month == 2 && leap ? 1 : 0))
        return fail_value(n, note, "a day of the calendar");
    *out_unix_s = cs_time_from_civil(year, month, day, hour, minute, second);
    return CS_OK;
}

/* take_line views the next line of a literal block, without its line feed. */
static struct cs_span take_line(struct cs_span *left)
{
    const uint8_t *feed = memchr(left->at, '\n', left->len);
    size_t len = feed != NULL ? (size_t)(feed - left->at) : left->len;
    struct cs_span line = cs_span_of(left->at, len);
    size_t used = feed != NULL ? len + 1 : len;
    *left = cs_span_of(left->at + used, left->len - used);
    return line;
}

CS_RESULT cs_yaml_pem(const struct cs_yaml_node *n, const char *label, size_t max_len, struct cs_arena *arena,
                      struct cs_span *out, struct cs_note *note)
{
    enum { LINE_MAX_LEN = 64 }; /* RFC 7468 section 2 */
    char begin[96], end[96];
    (void)snprintf(begin, sizeof begin, "-----BEGIN %s-----", label);
    (void)snprintf(end, sizeof end, "-----END %s-----", label);
    if (!scalar_is(n, CS_YAML_LITERAL))
        return cs_yaml_fail(n, note, "needed: a literal block (|) with a PEM %s", label);
    struct cs_span left = n->text, line = take_line(&left);
    uint32_t at_line = n->line + 1; /* the block's text starts on the line behind its mark */
    if (!cs_span_is(line, begin))
        return fail_at_line(n, at_line, note, "the PEM block must start with %s", begin);
    CS_AUTO_BUF struct cs_buf base64 = { .max = max_len / 3 * 4 + 4 };
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    for (bool short_line = false;;) {
        if (left.len == 0)
            return fail_at_line(n, at_line, note, "the PEM block does not end with %s", end);
        line = take_line(&left);
        at_line++;
        if (cs_span_is(line, end))
            break;
        if (line.len == 0 || line.len > LINE_MAX_LEN || short_line)
            return fail_at_line(n, at_line, note,
                                "PEM lines have 64 characters, only the last may be shorter");
        short_line = line.len < LINE_MAX_LEN;
        cs_buf_put(&base64, line.at, line.len);
    }
    if (left.len != 0)
        return fail_at_line(n, at_line + 1, note, "text behind the PEM block");
    struct cs_span coded = cs_buf_span(&base64);
    if (base64.failed)
        return cs_yaml_fail(n, note, "more than %zu bytes", max_len);
    if (coded.len == 0 || coded.len % 4 != 0 || memchr(coded.at, '-', coded.len) != NULL ||
        memchr(coded.at, '_', coded.len) != NULL || !cs_ok(cs_unbase64(coded, &bytes)))
        return cs_yaml_fail(n, note, "the PEM block is not base64");
    if (bytes.len > max_len)
        return cs_yaml_fail(n, note, "more than %zu bytes", max_len);
    struct cs_span copy = cs_arena_span(arena, cs_buf_span(&bytes));
    if (copy.len != bytes.len)
        return CS_ERR(NO_MEMORY);
    *out = copy;
    return CS_OK;
}
