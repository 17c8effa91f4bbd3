#include "hsm/uri.h"

struct attribute {
    const char *name;
    size_t offset;  /* into struct cs_uri */
    size_t max_len; /* decoded bytes */
    bool text;      /* UTF-8 without NUL */
};

static const struct attribute attributes[] = {
    { "token", offsetof(struct cs_uri, token), 32, true },
    { "serial", offsetof(struct cs_uri, serial), 16, true },
    { "manufacturer", offsetof(struct cs_uri, manufacturer), 32, true },
    { "model", offsetof(struct cs_uri, model), 16, true },
    { "object", offsetof(struct cs_uri, object), CS_URI_VALUE_MAX_LEN, true },
    { "id", offsetof(struct cs_uri, id), CS_URI_VALUE_MAX_LEN, false },
};
enum { N_ATTRIBUTES = sizeof attributes / sizeof *attributes };

static struct cs_uri_value *value_of(struct cs_uri *u, const struct attribute *a)
{
    return (struct cs_uri_value *)(void *)((uint8_t *)u + a->offset);
}

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* RFC 7512 section 2.3: pk11-pchar of the path component, without "%". */
static bool is_path_char(uint8_t c)
{
    return is_unreserved(c) || (c != 0 && strchr(":[]@!$'()*+,=&", c) != NULL);
}

static cs_result decode(struct cs_span in, size_t max, struct cs_uri_value *out)
{
    struct cs_uri_value v = { .len = 0 };
    while (in.len != 0) {
        uint8_t c = in.at[0];
        size_t used = 1;
        if (c == '%') {
            size_t n = 0;
            if (in.len < 3)
                return CS_ERR(FORM);
            CS_TRY(cs_unhex(cs_span_of(in.at + 1, 2), &c, 1, &n));
            used = 3;
        } else if (!is_path_char(c)) {
            return CS_ERR(FORM);
        }
        if (v.len == max)
            return CS_ERR(LIMIT);
        v.at[v.len++] = c;
        in = cs_span_of(in.at + used, in.len - used);
    }
    *out = v;
    return CS_OK;
}

static cs_result refuse(struct cs_note *why, struct cs_span name, const char *text)
{
    cs_note_set(why, "PKCS#11 URI: attribute \"%.*s\" %s", (int)(name.len > 40 ? 40 : name.len),
                name.len == 0 ? "" : (const char *)name.at, text);
    return CS_ERR(FORM);
}

/* Attribute names are printed in refusals, so only plain ones get that far. */
static bool is_name(struct cs_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || s.at[i] == '-'))
            return false;
    return s.len != 0;
}

static cs_result take_attribute(struct cs_span name, struct cs_span raw, struct cs_uri *u, bool *typed,
                                struct cs_note *why)
{
    if (cs_span_is(name, "type")) {
        if (*typed)
            return refuse(why, name, "is given twice");
        *typed = true;
        return cs_span_is(raw, "private") ? CS_OK : refuse(why, name, "must be \"private\" or absent");
    }
    for (size_t i = 0; i < N_ATTRIBUTES; i++) {
        const struct attribute *a = &attributes[i];
        if (!cs_span_is(name, a->name))
            continue;
        struct cs_uri_value *v = value_of(u, a);
        if (v->len != 0)
            return refuse(why, name, "is given twice");
        cs_result r = decode(raw, a->max_len, v);
        if (cs_is(r, CS_NUM_LIMIT)) {
            (void)refuse(why, name, "is too long");
            return r;
        }
        if (!cs_ok(r))
            return refuse(why, name, "is not percent-encoded as RFC 7512 demands");
        if (v->len == 0)
            return refuse(why, name, "is empty");
        if (a->text && (!cs_utf8_valid(cs_uri_value_span(v)) || memchr(v->at, 0, v->len) != NULL))
            return refuse(why, name, "is not UTF-8 text");
        return CS_OK;
    }
    return refuse(why, name, "is not one of token, serial, manufacturer, model, object, id, type");
}

static struct cs_span cut(struct cs_span *rest, char at)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->at, at, rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->at);
    struct cs_span head = cs_span_of(rest->at, len);
    size_t used = end == NULL ? len : len + 1;
    *rest = cs_span_of(rest->at + used, rest->len - used);
    return head;
}

CS_RESULT cs_uri_parse(struct cs_span text, struct cs_uri *out, struct cs_note *why)
{
    static const char scheme[] = "pkcs11:";
    const size_t scheme_len = sizeof scheme - 1;
    if (text.len < scheme_len || memcmp(text.at, scheme, scheme_len) != 0) {
        cs_note_set(why, "PKCS#11 URI: does not begin with \"pkcs11:\"");
        return CS_ERR(FORM);
    }
    if (memchr(text.at, '?', text.len) != NULL) {
        cs_note_set(why, "PKCS#11 URI: query attributes (pin-value, pin-source, module-name, module-path) "
                         "are not accepted: PIN and module are given apart");
        return CS_ERR(FORM);
    }
    struct cs_uri u = { .token = { .len = 0 } };
    bool typed = false;
    struct cs_span rest = cs_span_of(text.at + scheme_len, text.len - scheme_len);
    bool more = true;
    while (more) {
        more = rest.len != 0 && memchr(rest.at, ';', rest.len) != NULL;
        struct cs_span part = cut(&rest, ';');
        size_t part_len = part.len;
        struct cs_span name = cut(&part, '=');
        if (name.len == part_len || !is_name(name)) {
            cs_note_set(why, "PKCS#11 URI: a part is not of the form name=value");
            return CS_ERR(FORM);
        }
        CS_TRY(take_attribute(name, part, &u, &typed, why));
    }
    if (u.token.len == 0 && u.serial.len == 0) {
        cs_note_set(why, "PKCS#11 URI: names no token: \"token\" or \"serial\" is needed");
        return CS_ERR(FORM);
    }
    if (u.object.len == 0 && u.id.len == 0) {
        cs_note_set(why, "PKCS#11 URI: names no key: \"object\" or \"id\" is needed");
        return CS_ERR(FORM);
    }
    *out = u;
    return CS_OK;
}

static void put_value(struct cs_buf *out, const char *name, struct cs_span v, bool text)
{
    if (v.len == 0)
        return;
    cs_buf_put_str(out, name);
    for (size_t i = 0; i < v.len; i++) {
        if (text && is_unreserved(v.at[i]))
            cs_buf_put_u8(out, v.at[i]);
        else
            cs_buf_printf(out, "%%%02X", v.at[i]);
    }
}

void cs_uri_put(struct cs_buf *out, struct cs_span token, struct cs_span object, struct cs_span id)
{
    put_value(out, "pkcs11:token=", token, true);
    put_value(out, ";object=", object, true);
    put_value(out, ";id=", id, false);
    cs_buf_put_str(out, ";type=private");
}

bool cs_uri_field_is(const struct cs_uri_value *v, const void *field, size_t field_len)
{
    const uint8_t *at = field;
    while (field_len != 0 && at[field_len - 1] == ' ')
        field_len--;
    return v->len == 0 || cs_span_eq(cs_uri_value_span(v), cs_span_of(field, field_len));
}
