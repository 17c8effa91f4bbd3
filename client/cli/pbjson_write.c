#include <inttypes.h>
#include <stdio.h>

#include "client/cli/pbjson.h"
#include "proxy/base/clock.h"

/* Length of the prefix all values of an enum share: what stands before UNSPECIFIED. */
static size_t prefix_len(const ProtobufCEnumDescriptor *d)
{
    static const char end[] = "_UNSPECIFIED";
    for (unsigned i = 0; i < d->n_values; i++) {
        size_t len = strlen(d->values[i].name);
        if (d->values[i].value == 0 && len > sizeof end - 1 &&
            strcmp(d->values[i].name + len - (sizeof end - 1), end) == 0)
            return len - (sizeof end - 1) + 1;
    }
    return 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

const char *cs_pbjson_enum_name(const ProtobufCEnumDescriptor *d, int value, char out[CS_PBJSON_ENUM_MAX_LEN])
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(d, value);
    if (v == NULL) {
        snprintf(out, CS_PBJSON_ENUM_MAX_LEN, "%d", value);
        return out;
    }
    const char *name = v->name + prefix_len(d);
    size_t i = 0;
    for (; name[i] != '\0' && i < CS_PBJSON_ENUM_MAX_LEN - 1; i++)
        out[i] = lower(name[i]);
    out[i] = '\0';
    return out;
}

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

bool cs_pbjson_enum_of(const ProtobufCEnumDescriptor *d, const char *name, int *out)
{
    size_t prefix = prefix_len(d);
    for (unsigned i = 0; i < d->n_values; i++) {
        if (prefix != 0 && d->values[i].value == 0)
            continue;
        if (same_name(d->values[i].name + prefix, name) || strcmp(d->values[i].name, name) == 0) {
            *out = d->values[i].value;
            return true;
        }
    }
    return false;
}

static bool is_unix_time(const ProtobufCFieldDescriptor *f)
{
    static const char end[] = "_unix_s";
    size_t len = strlen(f->name);
    return len > sizeof end - 1 && strcmp(f->name + len - (sizeof end - 1), end) == 0;
}

static json_t *write_u64(uint64_t v)
{
    char text[24];
    if (v <= INT64_MAX)
        return json_integer((json_int_t)v);
    snprintf(text, sizeof text, "%" PRIu64, v);
    return json_string(text);
}

static json_t *write_i64(const ProtobufCFieldDescriptor *f, int64_t v)
{
    char text[CS_TIME_TEXT_LEN];
    if (!is_unix_time(f) || v == 0)
        return json_integer(v);
    cs_time_text(v, text);
    return text[0] == '-' ? json_integer(v) : json_string(text);
}

static json_t *write_value(const ProtobufCFieldDescriptor *f, const void *at, bool defaults)
{
    char name[CS_PBJSON_ENUM_MAX_LEN];
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return write_i64(f, *(const int64_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return write_u64(*(const uint64_t *)at);
    case PROTOBUF_C_TYPE_FLOAT:
        return json_real((double)*(const float *)at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_real(*(const double *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return json_string(cs_pbjson_enum_name(f->descriptor, *(const int *)at, name));
    case PROTOBUF_C_TYPE_STRING:
        return json_string(*(char *const *)at);
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *b = at;
        return cs_bytes_write(cs_bytes_form_of(f), cs_span_of(b->data, b->len));
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        return cs_pbjson_write(*(ProtobufCMessage *const *)at, defaults);
    }
    return NULL;
}

size_t cs_pbjson_step(ProtobufCType t)
{
    switch (t) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    default:
        return 4;
    }
}

static bool is_default(const ProtobufCFieldDescriptor *f, const void *at)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        return (*(char *const *)at)[0] == '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)at)->len == 0;
    default: {
        static const uint8_t zero[8];
        return memcmp(at, zero, cs_pbjson_step(f->type)) == 0;
    }
    }
}

/* Adds the field's member to object; false without memory. */
static bool write_field(json_t *object, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
                        bool defaults)
{
    const char *base = (const char *)m;
    const void *at = base + f->offset;
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = *(const size_t *)(const void *)(base + f->quantifier_offset);
        const char *items = *(char *const *)at;
        if (n == 0 && !defaults)
            return true;
        json_t *array = json_array();
        for (size_t i = 0; i < n; i++)
            if (json_array_append_new(array, write_value(f, items + i * cs_pbjson_step(f->type), defaults)) !=
                0) {
                json_decref(array);
                return false;
            }
        return json_object_set_new(object, f->name, array) == 0;
    }
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        if (*(const uint32_t *)(const void *)(base + f->quantifier_offset) != f->id)
            return true;
    } else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (*(ProtobufCMessage *const *)at == NULL)
            return true;
    } else if (!defaults && is_default(f, at)) {
        return true;
    }
    return json_object_set_new(object, f->name, write_value(f, at, defaults)) == 0;
}

json_t *cs_pbjson_write(const ProtobufCMessage *m, bool defaults)
{
    json_t *object = json_object();
    for (unsigned i = 0; object != NULL && i < m->descriptor->n_fields; i++)
        if (!write_field(object, m, &m->descriptor->fields[i], defaults)) {
            json_decref(object);
            return NULL;
        }
    return object;
}
