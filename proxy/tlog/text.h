/*
 * Text: the lines, numbers and base64 of the formats of this folder, read strictly: what has two
 * spellings is accepted in one only.
 */
#ifndef CS_TLOG_TEXT_H
#define CS_TLOG_TEXT_H

#include "proxy/base/digest.h"

/* cs_tlog_line takes the next line off *rest, without its newline; false when no newline is left. */
bool cs_tlog_line(struct cs_span *rest, struct cs_span *out);
/* cs_tlog_after is true when line begins with prefix; *out is what stands behind it. */
bool cs_tlog_after(struct cs_span line, const char *prefix, struct cs_span *out);
/* Decimal without sign or leading zeros, at most INT64_MAX. */
bool cs_tlog_number(struct cs_span text, uint64_t *out);
/* Standard alphabet, padded, no stray bits: appends to out. */
bool cs_tlog_base64(struct cs_span text, struct cs_buf *out);
/* The same for exactly 32 bytes. */
bool cs_tlog_hash(struct cs_span text, struct cs_sha256 *out);
/* One line: base64 of a hash and a newline. */
void cs_tlog_hash_put(struct cs_buf *out, const struct cs_sha256 *hash);
/* Key names: not empty, UTF-8, no '+', no Unicode space, no control character. */
bool cs_tlog_name_valid(struct cs_span name);
/* Text of a note: UTF-8, no control character but newline, ends with one. */
bool cs_tlog_text_valid(struct cs_span text);

#endif
