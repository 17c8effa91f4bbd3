#include "proto/canonical.h"

/* protobuf-c does not say why it failed: this remembers whether memory was the reason. */
struct source {
    struct cs_arena *arena;
    bool refused;
};

static void *source_alloc(void *source, size_t len)
{
    struct source *s = source;
    void *at = cs_arena_get(s->arena, len);
    s->refused = s->refused || at == NULL;
    return at;
}

static void source_free(void *source, void *p)
{
    (void)source;
    (void)p;
}

static bool value_is_canonical(const ProtobufCFieldDescriptor *f, const void *at, bool repeated);

static bool fields_are_canonical(const ProtobufCMessage *m)
{
    if (m->n_unknown_fields != 0)
        return false;
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        const char *base = (const char *)m;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t n = *(const size_t *)(const void *)(base + f->quantifier_offset);
            const char *items = *(char *const *)(const void *)(base + f->offset);
            size_t step = f->type == PROTOBUF_C_TYPE_ENUM      ? sizeof(uint32_t)
                          : f->type == PROTOBUF_C_TYPE_STRING  ? sizeof(char *)
                          : f->type == PROTOBUF_C_TYPE_MESSAGE ? sizeof(ProtobufCMessage *)
                                                               : 0; /* nothing to look at inside */
            for (size_t k = 0; step != 0 && k < n; k++)
                if (!value_is_canonical(f, items + k * step, true))
                    return false;
            continue;
        }
        if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t chosen = *(const uint32_t *)(const void *)(base + f->quantifier_offset);
            if (chosen != f->id)
                continue;
        }
        if (!value_is_canonical(f, base + f->offset, false))
            return false;
    }
    return true;
}

static bool value_is_canonical(const ProtobufCFieldDescriptor *f, const void *at, bool repeated)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_ENUM: {
        int v = *(const int *)at;
        if (repeated && v == 0)
            return false;
        return protobuf_c_enum_descriptor_get_value(f->descriptor, v) != NULL;
    }
    case PROTOBUF_C_TYPE_STRING: {
        const char *s = *(char *const *)at;
        return s == NULL || cs_utf8_valid(cs_span_str(s));
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *m = *(ProtobufCMessage *const *)at;
        return m == NULL || fields_are_canonical(m); /* no type of ours is recursive: depth is bounded */
    }
    default:
        return true;
    }
}

CS_RESULT cs_proto_unpack(const ProtobufCMessageDescriptor *d, struct cs_span in, struct cs_arena *arena,
                          const ProtobufCMessage **out)
{
    struct source source = { arena, false };
    ProtobufCAllocator from_arena = { source_alloc, source_free, &source };
    const ProtobufCMessage *m =
        protobuf_c_message_unpack(d, &from_arena, in.len, in.len != 0 ? in.at : (const uint8_t *)"");
    if (m == NULL)
        return source.refused ? CS_ERR(NO_MEMORY) : CS_ERR(PROTO);
    if (!fields_are_canonical(m))
        return CS_ERR(PROTO);
    struct cs_span again;
    CS_TRY(cs_proto_pack(m, arena, &again));
    if (!cs_span_eq(in, again))
        return CS_ERR(PROTO);
    *out = m;
    return CS_OK;
}

CS_RESULT cs_proto_pack(const ProtobufCMessage *m, struct cs_arena *arena, struct cs_span *out)
{
    size_t len = protobuf_c_message_get_packed_size(m);
    uint8_t *at = cs_arena_get(arena, len);
    if (at == NULL)
        return CS_ERR(NO_MEMORY);
    *out = cs_span_of(at, protobuf_c_message_pack(m, at));
    return CS_OK;
}

ProtobufCBinaryData cs_proto_bytes(struct cs_span s)
{
    union {
        const uint8_t *in;
        uint8_t *out;
    } at = { .in = s.at };
    return (ProtobufCBinaryData){ .len = s.len, .data = at.out };
}
