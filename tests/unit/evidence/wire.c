#include "tests/unit/evidence/wire.h"

#include <stdio.h>
#include <stdlib.h>

enum { VARINT = 0, BYTES = 2, FIELDS_MAX = 600 };

struct field {
    uint32_t id, wire;
    struct cs_span whole, value; /* value: contents of a length-delimited field */
};

struct edit {
    unsigned at, target;
    bool done;
    char *what;
};

void wire_varint(struct cs_buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        cs_buf_put_u8(out, (uint8_t)(v | 0x80));
    cs_buf_put_u8(out, (uint8_t)v);
}

static uint64_t get_varint(struct cs_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t c = cs_get_u8(r);
        v |= (uint64_t)(c & 0x7f) << shift;
        if ((c & 0x80) == 0)
            break;
    }
    return v;
}

static size_t split(struct cs_span in, struct field *out)
{
    struct cs_reader r = cs_reader_init(in);
    size_t n = 0;
    while (r.left > 0) {
        const uint8_t *start = r.at;
        uint64_t tag = get_varint(&r);
        struct field f = { .id = (uint32_t)(tag >> 3), .wire = tag & 7 };
        if (f.wire == BYTES)
            f.value = cs_get_raw(&r, get_varint(&r));
        else
            (void)get_varint(&r);
        f.whole = cs_span_of(start, (size_t)(r.at - start));
        if (r.failed || n == FIELDS_MAX)
            abort(); /* only our own canonical messages come here */
        out[n++] = f;
    }
    return n;
}

static bool is_turn(struct edit *e, const ProtobufCMessageDescriptor *d, const char *how, uint32_t id)
{
    if (e->at++ != e->target)
        return false;
    e->done = true;
    (void)snprintf(e->what, 128, "%s: %s, field %u", d->short_name, how, id);
    return true;
}

static void put_whole(struct cs_buf *out, const struct field *f)
{
    cs_buf_put(out, f->whole.at, f->whole.len);
}

static void put_unknown(struct cs_buf *out, bool bytes)
{
    wire_varint(out, 1999u << 3 | (bytes ? BYTES : VARINT));
    cs_buf_put_u8(out, bytes ? 0 : 7);
}

/* Writes a length in one byte more than needed. */
static void put_fat_length(struct cs_buf *out, const struct field *f)
{
    wire_varint(out, (uint64_t)f->id << 3 | BYTES);
    struct cs_buf len = { 0 };
    wire_varint(&len, f->value.len);
    len.at[len.len - 1] |= 0x80;
    cs_buf_put(out, len.at, len.len);
    cs_buf_put_u8(out, 0);
    cs_buf_put(out, f->value.at, f->value.len);
    cs_buf_done(&len);
}

/* A field the message does not hold, with its default written out, before field number i. */
static void put_defaults_before(const ProtobufCMessageDescriptor *d, uint32_t after, uint32_t before,
                                struct cs_buf *out, struct edit *e)
{
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        if (f->id <= after || f->id >= before)
            continue;
        bool delimited = f->type == PROTOBUF_C_TYPE_BYTES || f->type == PROTOBUF_C_TYPE_STRING ||
                         (f->label == PROTOBUF_C_LABEL_REPEATED && f->type == PROTOBUF_C_TYPE_ENUM);
        /* an empty sub-message or list item is a value of its own, unless in a oneof */
        if ((f->type == PROTOBUF_C_TYPE_MESSAGE ||
             (f->label == PROTOBUF_C_LABEL_REPEATED && delimited && f->type != PROTOBUF_C_TYPE_ENUM)) &&
            !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        if (is_turn(e, d, "written default", f->id)) {
            wire_varint(out, (uint64_t)f->id << 3 |
                                 (delimited || f->type == PROTOBUF_C_TYPE_MESSAGE ? BYTES : VARINT));
            cs_buf_put_u8(out, 0);
        }
    }
}

static void emit(const ProtobufCMessageDescriptor *d, struct cs_span in, struct cs_buf *out, struct edit *e)
{
    struct field *fields = calloc(FIELDS_MAX, sizeof *fields);
    if (fields == NULL)
        abort();
    size_t n = split(in, fields);
    if (is_turn(e, d, "unknown number first", 1999))
        put_unknown(out, false);
    uint32_t before = 0;
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &fields[i];
        const ProtobufCFieldDescriptor *fd = protobuf_c_message_descriptor_get_field(d, f->id);
        put_defaults_before(d, before, f->id, out, e);
        before = f->id;
        bool repeated = fd->label == PROTOBUF_C_LABEL_REPEATED && fd->type != PROTOBUF_C_TYPE_ENUM;
        if (!repeated && is_turn(e, d, "twice", f->id))
            put_whole(out, f);
        if (i + 1 < n && fields[i + 1].id != f->id && is_turn(e, d, "after the next field", f->id)) {
            put_whole(out, &fields[i + 1]);
            put_whole(out, f);
            i++;
            before = fields[i].id;
            continue;
        }
        if (f->wire == BYTES && is_turn(e, d, "length not minimal", f->id)) {
            put_fat_length(out, f);
        } else if (f->wire == VARINT && is_turn(e, d, "number not minimal", f->id)) {
            cs_buf_put(out, f->whole.at, f->whole.len - 1);
            cs_buf_put_u8(out, f->whole.at[f->whole.len - 1] | 0x80);
            cs_buf_put_u8(out, 0);
        } else if (fd->type == PROTOBUF_C_TYPE_STRING && is_turn(e, d, "NUL behind the text", f->id)) {
            wire_varint(out, (uint64_t)f->id << 3 | BYTES);
            wire_varint(out, f->value.len + 1);
            cs_buf_put(out, f->value.at, f->value.len);
            cs_buf_put_u8(out, 0);
        } else if (fd->type == PROTOBUF_C_TYPE_STRING && is_turn(e, d, "text not UTF-8", f->id)) {
            wire_varint(out, (uint64_t)f->id << 3 | BYTES);
            wire_varint(out, f->value.len + 1);
            cs_buf_put(out, f->value.at, f->value.len);
            cs_buf_put_u8(out, 0xff);
        } else if (fd->type == PROTOBUF_C_TYPE_ENUM && is_turn(e, d, "enum not declared", f->id)) {
            wire_varint(out, (uint64_t)f->id << 3 | f->wire);
            if (f->wire == BYTES)
                cs_buf_put_u8(out, 1);
            cs_buf_put_u8(out, 0x7f);
        } else if (fd->type == PROTOBUF_C_TYPE_ENUM && f->wire == BYTES &&
                   is_turn(e, d, "list not packed", f->id)) {
            struct cs_reader r = cs_reader_init(f->value);
            while (r.left > 0) {
                wire_varint(out, (uint64_t)f->id << 3 | VARINT);
                wire_varint(out, get_varint(&r));
            }
        } else if (fd->type == PROTOBUF_C_TYPE_MESSAGE) {
            struct cs_buf inner = { 0 };
            emit(fd->descriptor, f->value, &inner, e);
            wire_varint(out, (uint64_t)f->id << 3 | BYTES);
            wire_varint(out, inner.len);
            cs_buf_put(out, inner.at, inner.len);
            cs_buf_done(&inner);
        } else {
            put_whole(out, f);
        }
    }
    put_defaults_before(d, before, UINT32_MAX, out, e);
    if (is_turn(e, d, "unknown number last", 1999))
        put_unknown(out, false);
    if (is_turn(e, d, "unknown bytes last", 1999))
        put_unknown(out, true);
    if (is_turn(e, d, "group", 1998)) {
        wire_varint(out, 1998u << 3 | 3);
        wire_varint(out, 1998u << 3 | 4);
    }
    if (is_turn(e, d, "lone octet", 0))
        cs_buf_put_u8(out, 0x08);
    free(fields);
}

bool wire_mutate(const ProtobufCMessageDescriptor *d, struct cs_span in, unsigned which, struct cs_buf *out,
                 char what[128])
{
    struct edit e = { 0, which, false, what };
    emit(d, in, out, &e);
    return e.done;
}
