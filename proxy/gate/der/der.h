/*
 * DER reader: X.690 chapters 8 and 10-11, nothing of BER. cs_der_walk proves a whole element with
 * everything in it; the getters then read structure from proven bytes. The reader remembers the first
 * failure, so that code reads like the format: after it every getter returns false, cs_der_more ends
 * loops, and the one check is of cs_der_input.result. Nothing is copied or allocated.
 */
#ifndef CS_GATE_DER_DER_H
#define CS_GATE_DER_DER_H

#include "proxy/base/bytes.h"

/* Where and why reading stopped; the texts are static. */
struct cs_der_fault {
    size_t offset;     /* bytes from the start of the input */
    const char *what;  /* what is there and what was needed, e.g. "BOOLEAN is neither 00 nor FF" */
    const char *where; /* the field, e.g. "validity.notBefore", or "" outside a known field */
};

/* Whole identifier octets; CS_DER_CONTEXT + n and CS_DER_CONTEXT_CONS + n for [n], n below 31. */
enum cs_der_tag {
    CS_DER_BOOLEAN = 0x01,
    CS_DER_INTEGER = 0x02,
    CS_DER_BIT_STRING = 0x03,
    CS_DER_OCTET_STRING = 0x04,
    CS_DER_NULL = 0x05,
    CS_DER_OID = 0x06,
    CS_DER_ENUMERATED = 0x0a,
    CS_DER_UTF8_STRING = 0x0c,
    CS_DER_NUMERIC_STRING = 0x12,
    CS_DER_PRINTABLE_STRING = 0x13,
    CS_DER_TELETEX_STRING = 0x14,
    CS_DER_IA5_STRING = 0x16,
    CS_DER_UTC_TIME = 0x17,
    CS_DER_GENERALIZED_TIME = 0x18,
    CS_DER_VISIBLE_STRING = 0x1a,
    CS_DER_UNIVERSAL_STRING = 0x1c,
    CS_DER_BMP_STRING = 0x1e,
    CS_DER_SEQUENCE = 0x30,
    CS_DER_SET = 0x31,
    CS_DER_CONTEXT = 0x80,
    CS_DER_CONTEXT_CONS = 0xa0,
};

enum {
    CS_DER_DEPTH_MAX = 32,     /* of constructed elements, the outermost counted */
    CS_DER_HEADER_MAX_LEN = 6, /* tag and a length of up to four octets behind its first */
};

/* One input and its first failure. */
struct cs_der_input {
    const uint8_t *start;
    const char *where;          /* the field being read, set by the caller; never NULL */
    cs_result result;           /* of the first failure, or CS_OK */
    struct cs_der_fault *fault; /* filled at the first failure; may be NULL */
};

/* A run of elements still to be read: the content of one element, or the input itself. */
struct cs_der {
    struct cs_der_input *in;
    const uint8_t *at;
    size_t left;
};

struct cs_der_tlv {
    uint8_t tag;
    struct cs_span value; /* content octets */
    struct cs_span der;   /* all of it */
};

/* cs_der_open starts reading der; *in lives as long as the reader and all entered from it. */
struct cs_der cs_der_open(struct cs_der_input *in, struct cs_span der, struct cs_der_fault *fault);

/* cs_der_fail records a failure at that place unless there was one before; returns false. */
bool cs_der_fail(struct cs_der_input *in, cs_result r, const uint8_t *at, const char *what);

/* cs_der_get reads the next element, of any tag: a tag of one octet, a definite length in its
 * shortest form, content inside the run. The content is not looked at. Fails with DER; *out is
 * unchanged then. */
bool cs_der_get(struct cs_der *r, struct cs_der_tlv *out);
/* cs_der_get_tag fails with TBS_FORM and this text when the next element is missing or has another
 * tag. */
bool cs_der_get_tag(struct cs_der *r, uint8_t tag, const char *what, struct cs_der_tlv *out);
/* cs_der_enter reads the next element as cs_der_get_tag and opens its content. */
bool cs_der_enter(struct cs_der *r, uint8_t tag, const char *what, struct cs_der *inner);
/* cs_der_inside opens the content of an element already read. */
static inline struct cs_der cs_der_inside(struct cs_der_input *in, struct cs_span value)
{
    return (struct cs_der){ in, value.at, value.len };
}
/* cs_der_next_is looks ahead. */
static inline bool cs_der_next_is(const struct cs_der *r, uint8_t tag)
{
    return cs_ok(r->in->result) && r->left > 0 && r->at[0] == tag;
}
/* cs_der_more is true while elements are left and nothing failed. */
static inline bool cs_der_more(const struct cs_der *r)
{
    return cs_ok(r->in->result) && r->left > 0;
}
/* cs_der_end fails with TBS_FORM when elements are left. */
bool cs_der_end(struct cs_der *r);

/*
 * cs_der_walk proves that der is exactly one DER element with DER in all its constructed parts, at
 * most CS_DER_DEPTH_MAX of them nested: every primitive of a universal type as cs_der_flaw has it, elements
 * of a SET ascending (X.690 11.6), no universal types but those of enum cs_der_tag, none of them in the other
 * form. Primitives of other classes are opaque, and so is what an OCTET STRING holds.
 */
bool cs_der_walk(struct cs_der_input *in, struct cs_span der);

/*
 * cs_der_flaw tells what is wrong with these content octets of a primitive universal type, or NULL:
 * BOOLEAN 00 or FF; INTEGER and ENUMERATED without padding; BIT STRING with 0..7 unused bits, all zero;
 * NULL empty; OID of shortest subidentifiers; strings of their alphabet and encoding (TeletexString:
 * any octets); times as cs_der_time_flaw has them.
 */
const char *cs_der_flaw(uint8_t tag, struct cs_span value);

/* cs_der_named_bits_flaw is cs_der_flaw for a BIT STRING with named bits: no trailing zero bits
 * (X.690 11.2.2). */
const char *cs_der_named_bits_flaw(struct cs_span value);

/* cs_der_time_flaw is X.690 11.7, 11.8: seconds and Z, a date of the calendar, no leap second; in a
 * GeneralizedTime a fraction may follow that does not end in 0. */
const char *cs_der_time_flaw(uint8_t tag, struct cs_span value);

/*
 * cs_der_time_rfc5280 reads a Time as RFC 5280 4.1.2.5 wants it: UTCTime for 1950..2049, GeneralizedTime
 * from 2050 on, no fraction. *out_unix_s is written only when NULL is returned.
 */
const char *cs_der_time_rfc5280(uint8_t tag, struct cs_span value, int64_t *out_unix_s);

/* cs_der_put_header writes tag and shortest length, and returns how many octets that are. content_len
 * is below 2^32. */
size_t cs_der_put_header(uint8_t tag, size_t content_len, uint8_t out[CS_DER_HEADER_MAX_LEN]);

#endif
