#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "client/cli/options.h"
#include "client/cli/pbjson.h"
#include "client/cli/times.h"
#include "proto/canonical.h"

struct reading {
    struct cs_arena *arena;
    struct cs_pbjson_fault *fault;
    size_t path_len;
};

static CS_RESULT refuse(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static CS_RESULT refuse(struct reading *r, const char *format, ...)
{
    char text[sizeof r->fault->note.text];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    cs_note_set(&r->fault->note, "%s: %s", r->fault->path[0] != '\0' ? r->fault->path : "the document", text);
    return CS_ERR(FORM);
}

/* The path grows on the way down; path_len is put back by the caller on the way up. */
static void path_add(struct reading *r, const char *name, size_t index, bool is_index)
{
    char *end = r->fault->path + r->path_len;
    size_t room = sizeof r->fault->path - r->path_len;
    int n = is_index ? snprintf(end, room, "[%zu]", index)
                     : snprintf(end, room, "%s%s", r->path_len != 0 ? "." : "", name);
    if (n > 0)
        r->path_len += (size_t)n < room ? (size_t)n : room - 1;
}

static void path_back(struct reading *r, size_t len)
{
    r->path_len = len;
    r->fault->path[len] = '\0';
}

static const char *kind_of(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static CS_RESULT read_signed(struct reading *r, const ProtobufCFieldDescriptor *f, const json_t *v,
                             int64_t min, int64_t max, int64_t *out)
{
    size_t len = strlen(f->name);
    bool is_time = len > 7 && strcmp(f->name + len - 7, "_unix_s") == 0;
    int64_t n;
    if (json_is_string(v) && is_time) {
        if (!cs_time_of_rfc3339(json_string_value(v), &n))
            return refuse(r, "'%.60s' is no time; needs 2026-11-21T22:08:23Z or Unix seconds",
                          json_string_value(v));
    } else if (json_is_integer(v)) {
        n = json_integer_value(v);
    } else {
        return refuse(r, "%s; needs %s", kind_of(v), is_time ? "an RFC 3339 time" : "an integer");
    }
    if (n < min || n > max)
        return refuse(r, "%" PRId64 " is out of range %" PRId64 " .. %" PRId64, n, min, max);
    *out = n;
    return CS_OK;
}

static CS_RESULT read_unsigned(struct reading *r, const json_t *v, uint64_t max, uint64_t *out)
{
    if (json_is_integer(v) && json_integer_value(v) >= 0 && (uint64_t)json_integer_value(v) <= max) {
        *out = (uint64_t)json_integer_value(v);
        return CS_OK;
    }
    if (json_is_string(v) && cs_number_of(json_string_value(v), max, out))
        return CS_OK;
    return refuse(r, "%s; needs an integer from 0 to %" PRIu64, kind_of(v), max);
}

static CS_RESULT read_enum(struct reading *r, const ProtobufCEnumDescriptor *d, const json_t *v, int *out)
{
    const char *text = json_string_value(v);
    if (text != NULL && cs_pbjson_enum_of(d, text, out))
        return CS_OK;
    CS_AUTO_BUF struct cs_buf names = { .max = 400 };
    for (unsigned i = 0; i < d->n_values; i++) {
        char name[CS_PBJSON_ENUM_MAX_LEN];
        int ignored;
        cs_pbjson_enum_name(d, d->values[i].value, name);
        if (cs_pbjson_enum_of(d, name, &ignored))
            cs_buf_printf(&names, "%s%s", names.len != 0 ? ", " : "", name);
    }
    return refuse(r, "'%.60s' is no %s; one of %.*s%s", text != NULL ? text : kind_of(v), d->short_name,
                  (int)names.len, (const char *)names.at, names.failed ? ", ..." : "");
}

static CS_RESULT read_text(struct reading *r, const json_t *v, char **out)
{
    if (!json_is_string(v))
        return refuse(r, "%s; needs a string", kind_of(v));
    char *copy = cs_arena_copy(r->arena, cs_span_str(json_string_value(v)));
    if (copy == NULL)
        return CS_ERR(NO_MEMORY);
    *out = copy;
    return CS_OK;
}

static CS_RESULT read_bytes(struct reading *r, const ProtobufCFieldDescriptor *f, const json_t *v,
                            ProtobufCBinaryData *out)
{
    struct cs_span bytes;
    const char *needed;
    cs_result got = cs_bytes_read(cs_bytes_form_of(f), v, r->arena, &bytes, &needed);
    if (cs_class(got) == CS_CLASS_CALLER)
        return json_is_string(v) ? refuse(r, "'%.60s'; needs %s", json_string_value(v), needed)
                                 : refuse(r, "%s; needs %s", kind_of(v), needed);
    CS_TRY(got);
    *out = cs_proto_bytes(bytes);
    return CS_OK;
}

static CS_RESULT read_message(struct reading *r, const ProtobufCMessageDescriptor *d, const json_t *in,
                              ProtobufCMessage **out);

static CS_RESULT read_value(struct reading *r, const ProtobufCFieldDescriptor *f, const json_t *v, void *at)
{
    int64_t i = 0;
    uint64_t u = 0;
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        CS_TRY(read_signed(r, f, v, INT32_MIN, INT32_MAX, &i));
        *(int32_t *)at = (int32_t)i;
        return CS_OK;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        CS_TRY(read_signed(r, f, v, INT64_MIN, INT64_MAX, &i));
        *(int64_t *)at = i;
        return CS_OK;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        CS_TRY(read_unsigned(r, v, UINT32_MAX, &u));
        *(uint32_t *)at = (uint32_t)u;
        return CS_OK;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        CS_TRY(read_unsigned(r, v, UINT64_MAX, &u));
        *(uint64_t *)at = u;
        return CS_OK;
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(v))
            return refuse(r, "%s; needs true or false", kind_of(v));
        *(protobuf_c_boolean *)at = json_is_true(v);
        return CS_OK;
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, f->descriptor, v, at);
    case PROTOBUF_C_TYPE_STRING:
        return read_text(r, v, at);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(r, f, v, at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(r, f->descriptor, v, at);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    return CS_ERR(BUG); /* no message of the project has floating point fields */
}

static CS_RESULT read_repeated(struct reading *r, const ProtobufCFieldDescriptor *f, const json_t *v,
                               char *base)
{
    if (!json_is_array(v))
        return refuse(r, "%s; needs an array", kind_of(v));
    size_t n = json_array_size(v), step = cs_pbjson_step(f->type), len = r->path_len;
    char *items = NULL;
    if (n != 0 && (items = cs_arena_get(r->arena, n * step)) == NULL)
        return CS_ERR(NO_MEMORY);
    for (size_t i = 0; i < n; i++) {
        path_add(r, NULL, i, true);
        CS_TRY(read_value(r, f, json_array_get(v, i), items + i * step));
        path_back(r, len);
    }
    *(size_t *)(void *)(base + f->quantifier_offset) = n;
    *(char **)(void *)(base + f->offset) = items;
    return CS_OK;
}

static CS_RESULT read_field(struct reading *r, const ProtobufCFieldDescriptor *f, const json_t *v, char *base)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return read_repeated(r, f, v, base);
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t *chosen = (uint32_t *)(void *)(base + f->quantifier_offset);
        if (*chosen != 0)
            return refuse(r, "excludes another member of the same object; needs only one of them");
        *chosen = f->id;
    }
    return read_value(r, f, v, base + f->offset);
}

static CS_RESULT read_message(struct reading *r, const ProtobufCMessageDescriptor *d, const json_t *in,
                              ProtobufCMessage **out)
{
    if (!json_is_object(in))
        return refuse(r, "%s; needs an object", kind_of(in));
    ProtobufCMessage *m = cs_arena_get(r->arena, d->sizeof_message);
    if (m == NULL)
        return CS_ERR(NO_MEMORY);
    d->message_init(m);
    union { /* jansson's iterator takes no const */
        const json_t *in;
        json_t *out;
    } object = { .in = in };
    const char *name;
    json_t *v;
    size_t len = r->path_len;
    json_object_foreach(object.out, name, v)
    {
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(d, name);
        path_add(r, name, 0, false);
        if (f == NULL)
            return refuse(r, "%s has no such member", d->short_name);
        CS_TRY(read_field(r, f, v, (char *)m));
        path_back(r, len);
    }
    *out = m;
    return CS_OK;
}

CS_RESULT cs_pbjson_read(const ProtobufCMessageDescriptor *d, const json_t *in, struct cs_arena *arena,
                         ProtobufCMessage **out, struct cs_pbjson_fault *fault)
{
    struct reading r = { .arena = arena, .fault = fault };
    fault->path[0] = '\0';
    fault->note.text[0] = '\0';
    return read_message(&r, d, in, out);
}

CS_RESULT cs_pbjson_load(struct cs_span text, json_t **out, struct cs_note *note)
{
    json_error_t error;
    json_t *v = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &error);
    if (v == NULL) {
        cs_note_set(note, "line %d, column %d: %s", error.line, error.column, error.text);
        return CS_ERR(FORM);
    }
    if (!json_is_object(v)) {
        cs_note_set(note, "%s; needs a JSON object", kind_of(v));
        json_decref(v);
        return CS_ERR(FORM);
    }
    *out = v;
    return CS_OK;
}
