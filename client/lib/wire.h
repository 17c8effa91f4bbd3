/*
 * The client's half of gRPC's wire words: pure functions, no sockets. Private to this folder.
 */
#ifndef CS_CLIENT_LIB_WIRE_H
#define CS_CLIENT_LIB_WIRE_H

#include "proxy/base/bytes.h"

enum { CS_WIRE_TIMEOUT_TEXT_LEN = 12 };

/* cs_wire_timeout writes grpc-timeout for 1 <= ms: at most 8 digits, so seconds rounded up when the
 * milliseconds do not fit. */
void cs_wire_timeout(unsigned ms, char out[CS_WIRE_TIMEOUT_TEXT_LEN]);
/* cs_wire_percent_put appends the decoded text; a '%' without two hex digits stays as it is, and if
 * the whole is not UTF-8 every byte outside printable ASCII becomes '?'. */
void cs_wire_percent_put(struct cs_buf *out, struct cs_span text);
/* cs_wire_status reads grpc-status: decimal, no sign, no leading zero, up to three digits. */
bool cs_wire_status(struct cs_span text, uint32_t *out);
/* The status that stands for an HTTP status other than 200, and for a stream reset. */
uint32_t cs_wire_status_of_http(uint32_t http_status);
uint32_t cs_wire_status_of_reset(uint32_t http2_error);

#endif
