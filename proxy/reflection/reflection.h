/*
 * Server reflection (grpc.reflection.v1 and v1alpha, which differ in name only): which services there
 * are and the descriptors of their files. The answers come from one FileDescriptorSet, indexed once; a
 * request selects among them and nothing else. docs/decisions/0009-reflection-in-the-front.md says why
 * the front may parse this.
 */
#ifndef CS_REFLECTION_REFLECTION_H
#define CS_REFLECTION_REFLECTION_H

#include "proxy/base/bytes.h"

enum {
    CS_REFLECTION_REQUEST_MAX_LEN = 4096,
    CS_REFLECTION_FILES_MAX = 256,
    CS_REFLECTION_SYMBOLS_MAX = 8192,
    CS_REFLECTION_NAME_MAX_LEN = 512, /* of a full name */
    CS_REFLECTION_DEPTH_MAX = 16,     /* of nested messages */
};

struct cs_reflection;

/* cs_reflection_new indexes a FileDescriptorSet, which must outlive the index. FORM when it is no such
 * set or names a file it does not hold, LIMIT above the maxima, NO_MEMORY. */
CS_RESULT cs_reflection_new(struct cs_span file_set, struct cs_reflection **out);
void cs_reflection_free(struct cs_reflection *r);

/* cs_reflection_answer appends the ServerReflectionResponse to one ServerReflectionRequest; what is not
 * there is an error_response in it. FORM when the bytes are no such request (unknown or repeated fields,
 * two questions at once, text that is not UTF-8), LIMIT when they are too long; then nothing is appended. */
CS_RESULT cs_reflection_answer(const struct cs_reflection *r, struct cs_span request, struct cs_buf *out);

/* cs_reflection_files: the set that was built in: all services of this project, health, reflection. */
struct cs_span cs_reflection_files(void);

/* ---- between reflection.c and answer.c ---- */

struct cs_reflection_file {
    struct cs_span name, proto; /* FileDescriptorProto */
    uint32_t n_deps;
    uint16_t *dep; /* indices */
};
struct cs_reflection_symbol {
    char *name; /* full, without a leading dot */
    uint16_t file;
    bool service, message;
};
struct cs_reflection_extension {
    struct cs_span extendee; /* full name, without the leading dot */
    uint64_t number;
    uint16_t file;
};
struct cs_reflection {
    struct cs_reflection_file *file;
    struct cs_reflection_symbol *symbol; /* sorted by name */
    struct cs_reflection_extension *extension;
    uint32_t n_files, n_symbols, n_extensions;
};

/* -1 when there is none. */
int cs_reflection_find_file(const struct cs_reflection *r, struct cs_span name);
const struct cs_reflection_symbol *cs_reflection_find_symbol(const struct cs_reflection *r,
                                                             struct cs_span name);

#endif
