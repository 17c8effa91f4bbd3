/*
 * DER written as text, for tests. An item is a tag of two hex digits and its content:
 *   02:0102          content in hex          0c'abc'    content as characters
 *   30{ 02:01 05 }   content of items        05         no content
 *   =308000          raw octets without a tag
 * Lengths are put in their shortest form. Independent of the code under test.
 */
#ifndef CS_TESTS_DER_TEXT_H
#define CS_TESTS_DER_TEXT_H

#include "proxy/base/bytes.h"

/* der_text appends the items of text; a mistake in it ends the test program. */
void der_text(struct cs_buf *out, const char *text);

/* der_wrap appends one element around content. */
void der_wrap(struct cs_buf *out, uint8_t tag, struct cs_span content);

/* One field of a TBS as text each; NULL takes the good default, "" leaves the field out. */
struct tbs_text {
    const char *version, *serial, *signature, *issuer, *validity, *subject, *spki, *tail;
};

/* Defaults: v3, ECDSA with SHA-256, P-256, one SAN. */
extern const struct tbs_text tbs_text_good;

/* A tail with nearly every extension that the view knows, and two that it does not. */
extern const char tbs_tail_rich[];

void tbs_text_put(struct cs_buf *out, const struct tbs_text *t);

/* tail_with_extension is a tail of one extension with this OID and value, the latter as text;
 * good until the next call. */
const char *tail_with_extension(const char *oid_hex, const char *value_text);

#endif
