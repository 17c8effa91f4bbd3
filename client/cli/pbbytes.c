#include <arpa/inet.h>

#include "client/cli/oid.h"
#include "client/cli/pbjson.h"

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* What a bytes field holds follows from its name; the .proto files keep to these names. */
enum cs_bytes_form cs_bytes_form_of(const ProtobufCFieldDescriptor *f)
{
    static const struct {
        const char *name;
        enum cs_bytes_form form;
    } rows[] = {
        { "statement_id", CS_BYTES_HEX },
        { "statement_ids", CS_BYTES_HEX },
        { "request_id", CS_BYTES_HEX },
        { "serial", CS_BYTES_HEX },
        { "serial_numbers", CS_BYTES_HEX },
        { "certificate", CS_BYTES_BASE64 },
        { "tbs_certificate", CS_BYTES_BASE64 },
        { "tbs", CS_BYTES_BASE64 },
        { "signature", CS_BYTES_BASE64 },
        { "sig", CS_BYTES_BASE64 },
        { "payload", CS_BYTES_BASE64 },
        { "ip_address", CS_BYTES_IP },
        { "ip_addresses", CS_BYTES_IP },
        { "oid", CS_BYTES_OID },
        { "digest", CS_BYTES_HEX },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, f->name) == 0)
            return rows[i].form;
    if (ends_with(f->name, "sha256") || ends_with(f->name, "sha256s"))
        return CS_BYTES_HEX;
    return CS_BYTES_TEXT;
}

static json_t *hex_string(struct cs_span bytes)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    if (!cs_buf_reserve(&text, 2 * bytes.len + 1))
        return NULL;
    cs_hex(bytes, (char *)text.at);
    return json_stringn((const char *)text.at, 2 * bytes.len);
}

static json_t *base64_string(struct cs_span bytes)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    cs_base64_put(&text, bytes, true);
    if (text.failed)
        return NULL;
    return json_stringn(text.len != 0 ? (const char *)text.at : "", text.len);
}

json_t *cs_bytes_write(enum cs_bytes_form form, struct cs_span bytes)
{
    char text[512];
    switch (form) {
    case CS_BYTES_HEX:
        return hex_string(bytes);
    case CS_BYTES_BASE64:
        return base64_string(bytes);
    case CS_BYTES_IP:
        if ((bytes.len == 4 || bytes.len == 16) &&
            inet_ntop(bytes.len == 4 ? AF_INET : AF_INET6, bytes.at, text, sizeof text) != NULL)
            return json_string(text);
        break;
    case CS_BYTES_OID:
        if (cs_oid_dotted(bytes, text, sizeof text))
            return json_string(text);
        break;
    case CS_BYTES_TEXT:
        if (bytes.len == 0)
            return json_string("");
        if (cs_utf8_valid(bytes) && memchr(bytes.at, 0, bytes.len) == NULL)
            return json_stringn((const char *)bytes.at, bytes.len);
        break;
    }
    return json_pack("{s:o}", "hex", hex_string(bytes));
}

static CS_RESULT keep(struct cs_span bytes, struct cs_arena *arena, struct cs_span *out)
{
    struct cs_span kept = cs_arena_span(arena, bytes);
    if (kept.len != bytes.len)
        return CS_ERR(NO_MEMORY);
    *out = kept;
    return CS_OK;
}

static CS_RESULT read_hex(const char *text, struct cs_arena *arena, struct cs_span *out, const char **needed)
{
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    size_t len = strlen(text);
    *needed = "hex digits, two per octet";
    if (!cs_buf_reserve(&bytes, len / 2 + 1))
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_unhex(cs_span_str(text), bytes.at, bytes.room, &bytes.len));
    return keep(cs_buf_span(&bytes), arena, out);
}

static CS_RESULT read_base64(const char *text, struct cs_arena *arena, struct cs_span *out,
                             const char **needed)
{
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    *needed = "base64";
    CS_TRY(cs_unbase64(cs_span_str(text), &bytes));
    return keep(cs_buf_span(&bytes), arena, out);
}

/* {"hex": ".."} or {"base64": ".."}, nothing else in it. */
static CS_RESULT read_explicit(const json_t *in, struct cs_arena *arena, struct cs_span *out,
                               const char **needed)
{
    const char *hex = json_string_value(json_object_get(in, "hex"));
    const char *base64 = json_string_value(json_object_get(in, "base64"));
    if (json_object_size(in) == 1 && hex != NULL)
        return read_hex(hex, arena, out, needed);
    if (json_object_size(in) == 1 && base64 != NULL)
        return read_base64(base64, arena, out, needed);
    *needed = "one member, hex or base64";
    return CS_ERR(FORM);
}

static CS_RESULT read_ip(const char *text, struct cs_arena *arena, struct cs_span *out, const char **needed)
{
    uint8_t octets[16];
    *needed = "an IPv4 or IPv6 address";
    if (inet_pton(AF_INET, text, octets) == 1)
        return keep(cs_span_of(octets, 4), arena, out);
    if (inet_pton(AF_INET6, text, octets) == 1)
        return keep(cs_span_of(octets, 16), arena, out);
    return CS_ERR(FORM);
}

static CS_RESULT read_oid(const char *text, struct cs_arena *arena, struct cs_span *out, const char **needed)
{
    uint8_t octets[CS_OID_MAX_LEN];
    size_t len;
    const struct cs_attribute_type *type = cs_attribute_type_of(text);
    *needed = "a dotted OID or the short name of a subject attribute";
    if (!cs_oid_of_dotted(type != NULL ? type->dotted : text, octets, &len))
        return CS_ERR(FORM);
    return keep(cs_span_of(octets, len), arena, out);
}

CS_RESULT cs_bytes_read(enum cs_bytes_form form, const json_t *in, struct cs_arena *arena,
                        struct cs_span *out, const char **needed)
{
    *needed = "a string";
    if (json_is_object(in))
        return read_explicit(in, arena, out, needed);
    const char *text = json_string_value(in);
    if (text == NULL)
        return CS_ERR(FORM);
    switch (form) {
    case CS_BYTES_HEX:
        return read_hex(text, arena, out, needed);
    case CS_BYTES_BASE64:
        return read_base64(text, arena, out, needed);
    case CS_BYTES_IP:
        return read_ip(text, arena, out, needed);
    case CS_BYTES_OID:
        return read_oid(text, arena, out, needed);
    case CS_BYTES_TEXT:
        break;
    }
    return keep(cs_span_of(text, json_string_length(in)), arena, out);
}
