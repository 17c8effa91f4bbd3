/*
 * OBJECT IDENTIFIERs as people write them: dotted decimal, or the short name of a subject attribute.
 */
#ifndef CS_CLIENT_CLI_OID_H
#define CS_CLIENT_CLI_OID_H

#include "proxy/base/bytes.h"

enum { CS_OID_MAX_LEN = 64 };

/* cs_oid_of_dotted writes content octets; false when text is no OID (X.660) or does not fit. */
bool cs_oid_of_dotted(const char *text, uint8_t out[CS_OID_MAX_LEN], size_t *out_len);
/* cs_oid_dotted writes dotted decimal; false when the octets are no minimal OID or there is no room. */
bool cs_oid_dotted(struct cs_span oid, char *out, size_t room);

/* One subject attribute type with a short name. */
struct cs_attribute_type {
    const char *short_name; /* "O", "C", "jurisdictionC" */
    const char *dotted;
    bool printable_only; /* its value is a PrintableString (BR 7.1.4.2) */
};
/* By short name (exact) or dotted decimal; NULL when there is none. */
const struct cs_attribute_type *cs_attribute_type_of(const char *text);
const struct cs_attribute_type *cs_attribute_type_of_oid(struct cs_span oid);
/* The n-th row; NULL past the end. */
const struct cs_attribute_type *cs_attribute_type_at(unsigned n);

#endif
