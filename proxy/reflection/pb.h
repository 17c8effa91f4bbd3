/*
 * Protobuf's wire form, as little of it as server reflection needs: a strict reader of fields (varints in
 * their shortest form, no groups, numbers in range) and a writer. Pure; never recursive.
 */
#ifndef CS_REFLECTION_PB_H
#define CS_REFLECTION_PB_H

#include "proxy/base/bytes.h"

enum cs_pb_type { CS_PB_VARINT = 0, CS_PB_FIXED64 = 1, CS_PB_BYTES = 2, CS_PB_FIXED32 = 5 };

struct cs_pb_field {
    uint32_t number;
    enum cs_pb_type type;
    uint64_t value;       /* VARINT, FIXED */
    struct cs_span bytes; /* BYTES; views the input */
};

/* cs_pb_next takes the next field of *rest. False at the end, and at the first fault, which sets *bad. */
bool cs_pb_next(struct cs_span *rest, struct cs_pb_field *out, bool *bad);

void cs_pb_put_varint(struct cs_buf *out, uint32_t number, uint64_t value);
void cs_pb_put_bytes(struct cs_buf *out, uint32_t number, struct cs_span bytes);

#endif
