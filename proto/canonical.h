/*
 * Canonical protobuf: one byte string per message. protobuf-c keeps unknown fields, lets the last
 * duplicate win, cuts strings at NUL and accepts non-minimal varints; so everything that carries
 * evidence or is recorded is unpacked, packed again and compared (proto/README.md).
 */
#ifndef CS_PROTO_CANONICAL_H
#define CS_PROTO_CANONICAL_H

#include <protobuf-c/protobuf-c.h>

#include "proxy/base/arena.h"
#include "proxy/base/bytes.h"

/*
 * cs_proto_unpack decodes in as a message of type d into the arena. PROTO unless the bytes are
 * exactly what packing the result yields, no field at any depth is unknown, every enum value is
 * declared, no repeated enum holds the zero value, and every string is UTF-8. NO_MEMORY when the
 * arena's bound is reached. *out lives in the arena and is set only on success.
 *
 * A singular enum that is absent reads as its zero value (_UNSPECIFIED): whoever needs it refuses it.
 */
CS_RESULT cs_proto_unpack(const ProtobufCMessageDescriptor *d, struct cs_span in, struct cs_arena *arena,
                          const ProtobufCMessage **out);

/* cs_proto_pack writes the message's bytes into the arena. */
CS_RESULT cs_proto_pack(const ProtobufCMessage *m, struct cs_arena *arena, struct cs_span *out);

/* cs_proto_span views a bytes field. */
static inline struct cs_span cs_proto_span(ProtobufCBinaryData b)
{
    return cs_span_of(b.data, b.len);
}
/* cs_proto_bytes makes a bytes field that borrows s; protobuf-c does not write through it. */
ProtobufCBinaryData cs_proto_bytes(struct cs_span s);

#endif
