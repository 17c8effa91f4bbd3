/*
 * JSON of protobuf messages, both ways, driven by the generated descriptors. Member names are the
 * field names of the .proto files. Reading is strict: unknown and repeated members, wrong types,
 * null, numbers out of range and two members of one oneof refuse, naming the path.
 *
 *   enum     the value's name without the enum's prefix, lower case: "dcv_acme_http_01". Read too:
 *            '-' for '_', and the whole name of the .proto.
 *   int      a JSON integer; also a string of decimal digits, the form written past 2^63-1.
 *   *_unix_s RFC 3339 text, "2026-11-21T22:08:23Z"; also read as an integer.
 *   bytes    by the field: text (UTF-8), lower-case hex (digests, ids drawn at random, serials), base64
 *            (certificates, signatures, TBS), an IP address, or a dotted OID (short names of subject
 *            attributes are read too). Any of them may be {"hex": ".."} or {"base64": ".."} instead,
 *            which is what is written when the octets do not fit the field's own form.
 */
#ifndef CS_CLIENT_CLI_PBJSON_H
#define CS_CLIENT_CLI_PBJSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "proxy/base/arena.h"

enum { CS_PBJSON_PATH_MAX_LEN = 200 };

/* Where reading stopped, and why; text starts with the path. */
struct cs_pbjson_fault {
    char path[CS_PBJSON_PATH_MAX_LEN];
    struct cs_note note; /* "methods[1]: 'x' is no value; one of ..." */
};

/* cs_pbjson_load parses one JSON object; FORM with a note that names line and reason. Duplicate
 * members refuse. *out is the caller's reference. */
CS_RESULT cs_pbjson_load(struct cs_span text, json_t **out, struct cs_note *note);

/* cs_pbjson_read builds a message of type d in the arena, for the caller to use and change. FORM with *fault,
 * or NO_MEMORY. */
CS_RESULT cs_pbjson_read(const ProtobufCMessageDescriptor *d, const json_t *in, struct cs_arena *arena,
                         ProtobufCMessage **out, struct cs_pbjson_fault *fault);

/* cs_pbjson_write returns a new object; fields at their default are left out unless defaults is set
 * (then scalars and arrays stand there, absent messages and oneof members do not). NULL without memory. */
json_t *cs_pbjson_write(const ProtobufCMessage *m, bool defaults);

enum { CS_PBJSON_ENUM_MAX_LEN = 64 };
/* cs_pbjson_enum_name writes the name of a value; a decimal number when it has none. */
const char *cs_pbjson_enum_name(const ProtobufCEnumDescriptor *d, int value,
                                char out[CS_PBJSON_ENUM_MAX_LEN]);
/* cs_pbjson_enum_of finds a value by name; the _UNSPECIFIED one is not found. */
bool cs_pbjson_enum_of(const ProtobufCEnumDescriptor *d, const char *name, int *out);

/* cs_pbjson_step is the size in memory of one value of a field. */
size_t cs_pbjson_step(ProtobufCType t);

/* ---- bytes fields: pbbytes.c ---- */

enum cs_bytes_form {
    CS_BYTES_TEXT = 0,
    CS_BYTES_HEX,
    CS_BYTES_BASE64,
    CS_BYTES_IP,
    CS_BYTES_OID,
};
enum cs_bytes_form cs_bytes_form_of(const ProtobufCFieldDescriptor *f);
/* NULL without memory. */
json_t *cs_bytes_write(enum cs_bytes_form form, struct cs_span bytes);
/* *out lives in the arena. FORM with *needed (static) when the value does not fit. */
CS_RESULT cs_bytes_read(enum cs_bytes_form form, const json_t *in, struct cs_arena *arena,
                        struct cs_span *out, const char **needed);

#endif
