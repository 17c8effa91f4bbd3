#include "proxy/reflection/pb.h"

static bool varint(struct cs_span *rest, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 10 && i < rest->len; i++) {
        uint8_t b = rest->at[i];
        if (i == 9 && b > 1)
            return false; /* over 64 bits */
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b & 0x80)
            continue;
        if (b == 0 && i > 0)
            return false; /* not the shortest form */
        *rest = cs_span_of(rest->at + i + 1, rest->len - i - 1);
        *out = v;
        return true;
    }
    return false;
}

static bool fixed(struct cs_span *rest, size_t n, uint64_t *out)
{
    if (n > rest->len)
        return false;
    uint64_t v = 0;
    for (size_t i = n; i > 0; i--)
        v = v << 8 | rest->at[i - 1];
    *rest = cs_span_of(rest->at + n, rest->len - n);
    *out = v;
    return true;
}

static bool field(struct cs_span *rest, struct cs_pb_field *out)
{
    enum { NUMBER_MAX = (1 << 29) - 1 };
    uint64_t tag, len;
    struct cs_pb_field f = { 0 };
    if (!varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
        return false;
    f.number = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case CS_PB_VARINT:
        f.type = CS_PB_VARINT;
        if (!varint(rest, &f.value))
            return false;
        break;
    case CS_PB_FIXED64:
    case CS_PB_FIXED32:
        f.type = (tag & 7) == CS_PB_FIXED64 ? CS_PB_FIXED64 : CS_PB_FIXED32;
        if (!fixed(rest, f.type == CS_PB_FIXED64 ? 8 : 4, &f.value))
            return false;
        break;
    case CS_PB_BYTES:
        f.type = CS_PB_BYTES;
        if (!varint(rest, &len) || len > rest->len)
            return false;
        f.bytes = cs_span_of(rest->at, (size_t)len);
        *rest = cs_span_of(rest->at + len, rest->len - (size_t)len);
        break;
    default: /* groups, and what nobody defined */
        return false;
    }
    *out = f;
    return true;
}

bool cs_pb_next(struct cs_span *rest, struct cs_pb_field *out, bool *bad)
{
    if (rest->len == 0 || *bad)
        return false;
    *bad = !field(rest, out);
    return !*bad;
}

static void put(struct cs_buf *out, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        cs_buf_put_u8(out, (uint8_t)(v | 0x80));
    cs_buf_put_u8(out, (uint8_t)v);
}

void cs_pb_put_varint(struct cs_buf *out, uint32_t number, uint64_t value)
{
    put(out, (uint64_t)number << 3 | CS_PB_VARINT);
    put(out, value);
}

void cs_pb_put_bytes(struct cs_buf *out, uint32_t number, struct cs_span bytes)
{
    put(out, (uint64_t)number << 3 | CS_PB_BYTES);
    put(out, bytes.len);
    cs_buf_put(out, bytes.at, bytes.len);
}
