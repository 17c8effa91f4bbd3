/* Every way to write a message a second time: mutations of canonical bytes, at every depth, that a
 * lenient decoder would read as the same or nearly the same message. */
#ifndef CS_TESTS_EVIDENCE_WIRE_H
#define CS_TESTS_EVIDENCE_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "proxy/base/bytes.h"

/* wire_mutate appends the which-th mutation of in, a canonical message of type d, and names it; false
 * past the last one. */
bool wire_mutate(const ProtobufCMessageDescriptor *d, struct cs_span in, unsigned which, struct cs_buf *out,
                 char what[128]);

void wire_varint(struct cs_buf *out, uint64_t v);

#endif
