/*
 * DER writer: values are appended to a growing buffer; a constructed value is opened, filled and
 * closed, which writes its length. Used to build to-be-signed bytes for requests and tests.
 */
#ifndef CS_CLIENT_CLI_DERPUT_H
#define CS_CLIENT_CLI_DERPUT_H

#include "proxy/base/bytes.h"
#include "proxy/gate/der/der.h"

/* cs_derput appends one primitive value. */
void cs_derput(struct cs_buf *b, uint8_t tag, struct cs_span content);
/* cs_derput_open begins a value and returns its mark; cs_derput_close ends it with all that was put since. */
size_t cs_derput_open(struct cs_buf *b, uint8_t tag);
void cs_derput_close(struct cs_buf *b, size_t mark);
/* cs_derput_unsigned appends an INTEGER of big-endian octets, adding or dropping zero octets. */
void cs_derput_unsigned(struct cs_buf *b, struct cs_span octets);
/* cs_derput_oid appends an OID in dotted decimal; a text that is none fails the buffer. */
void cs_derput_oid(struct cs_buf *b, const char *dotted);
/* cs_derput_time appends a Time: UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5). */
void cs_derput_time(struct cs_buf *b, int64_t unix_s);

#endif
