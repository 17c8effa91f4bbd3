/* The index of a FileDescriptorSet (google/protobuf/descriptor.proto has the numbers). */
#include "proxy/reflection/reflection.h"

#include <stdlib.h>

#include "proxy/reflection/pb.h"

enum { SET_FILE = 1 };
enum { FILE_NAME = 1, FILE_PACKAGE, FILE_DEPENDENCY, FILE_MESSAGE, FILE_ENUM, FILE_SERVICE, FILE_EXTENSION };
enum { MESSAGE_NAME = 1, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4, MESSAGE_EXTENSION = 6 };
enum { NAMED_NAME = 1, SERVICE_METHOD = 2 };
enum { FIELD_EXTENDEE = 2, FIELD_NUMBER = 3 };

/* One more element for an array that grows by doubling; NULL above max or without memory. */
static void *grown(void *array, uint32_t n, uint32_t max, size_t size)
{
    if (n >= max)
        return NULL;
    if (n != 0 && (n & (n - 1)) != 0)
        return array;
    return realloc(array, (n == 0 ? 1 : 2 * (size_t)n) * size);
}

static CS_RESULT name_of(struct cs_span proto, struct cs_span *out)
{
    struct cs_pb_field f;
    bool bad = false, any = false;
    struct cs_span name = { NULL, 0 };
    while (cs_pb_next(&proto, &f, &bad))
        if (f.number == NAMED_NAME && f.type == CS_PB_BYTES) {
            bad = bad || any;
            any = true;
            name = f.bytes;
        }
    if (bad || name.len == 0 || memchr(name.at, 0, name.len) != NULL)
        return CS_ERR(FORM);
    *out = name;
    return CS_OK;
}

/* Adds scope.name; *out is the full name, which the index keeps. */
static CS_RESULT symbol_add(struct cs_reflection *r, struct cs_span scope, struct cs_span name, uint16_t file,
                            bool service, bool message, struct cs_span *out)
{
    size_t len = scope.len + (scope.len > 0) + name.len;
    if (scope.len > CS_REFLECTION_NAME_MAX_LEN || name.len > CS_REFLECTION_NAME_MAX_LEN ||
        len > CS_REFLECTION_NAME_MAX_LEN || r->n_symbols >= CS_REFLECTION_SYMBOLS_MAX)
        return CS_ERR(LIMIT);
    void *array = grown(r->symbol, r->n_symbols, CS_REFLECTION_SYMBOLS_MAX, sizeof *r->symbol);
    if (array == NULL)
        return CS_ERR(NO_MEMORY);
    r->symbol = array;
    char *full = malloc(len + 1);
    if (full == NULL)
        return CS_ERR(NO_MEMORY);
    if (scope.len > 0) {
        memcpy(full, scope.at, scope.len);
        full[scope.len] = '.';
    }
    memcpy(full + len - name.len, name.at, name.len);
    full[len] = '\0';
    r->symbol[r->n_symbols++] = (struct cs_reflection_symbol){ full, file, service, message };
    *out = cs_span_of(full, len);
    return CS_OK;
}

static CS_RESULT extension_add(struct cs_reflection *r, struct cs_span proto, uint16_t file)
{
    struct cs_pb_field f;
    bool bad = false;
    struct cs_reflection_extension e = { .file = file };
    while (cs_pb_next(&proto, &f, &bad)) {
        if (f.number == FIELD_EXTENDEE && f.type == CS_PB_BYTES)
            e.extendee = f.bytes;
        if (f.number == FIELD_NUMBER && f.type == CS_PB_VARINT)
            e.number = f.value;
    }
    if (bad || e.extendee.len < 2 || e.extendee.at[0] != '.')
        return CS_ERR(FORM);
    e.extendee = cs_span_of(e.extendee.at + 1, e.extendee.len - 1);
    if (r->n_extensions >= CS_REFLECTION_SYMBOLS_MAX)
        return CS_ERR(LIMIT);
    void *array = grown(r->extension, r->n_extensions, CS_REFLECTION_SYMBOLS_MAX, sizeof *r->extension);
    if (array == NULL)
        return CS_ERR(NO_MEMORY);
    r->extension = array;
    r->extension[r->n_extensions++] = e;
    return CS_OK;
}

static CS_RESULT enum_add(struct cs_reflection *r, struct cs_span scope, struct cs_span proto, uint16_t file)
{
    struct cs_span name, full;
    CS_TRY(name_of(proto, &name));
    return symbol_add(r, scope, name, file, false, false, &full);
}

static CS_RESULT service_add(struct cs_reflection *r, struct cs_span scope, struct cs_span proto,
                             uint16_t file)
{
    struct cs_span name, full, ignored;
    struct cs_pb_field f;
    bool bad = false;
    CS_TRY(name_of(proto, &name));
    CS_TRY(symbol_add(r, scope, name, file, true, false, &full));
    while (cs_pb_next(&proto, &f, &bad))
        if (f.number == SERVICE_METHOD && f.type == CS_PB_BYTES) {
            CS_TRY(name_of(f.bytes, &name));
            CS_TRY(symbol_add(r, full, name, file, false, false, &ignored));
        }
    return bad ? CS_ERR(FORM) : CS_OK;
}

/* A message and what it contains, without recursion: a stack of what is left of each level. */
static CS_RESULT message_add(struct cs_reflection *r, struct cs_span scope, struct cs_span proto,
                             uint16_t file)
{
    struct {
        struct cs_span rest, full;
    } stack[CS_REFLECTION_DEPTH_MAX];
    struct cs_span name;
    unsigned depth = 1;
    CS_TRY(name_of(proto, &name));
    CS_TRY(symbol_add(r, scope, name, file, false, true, &stack[0].full));
    stack[0].rest = proto;
    while (depth > 0) {
        struct cs_pb_field f;
        bool bad = false;
        if (!cs_pb_next(&stack[depth - 1].rest, &f, &bad)) {
            if (bad)
                return CS_ERR(FORM);
            depth--;
        } else if (f.type != CS_PB_BYTES) {
            continue;
        } else if (f.number == MESSAGE_ENUM) {
            CS_TRY(enum_add(r, stack[depth - 1].full, f.bytes, file));
        } else if (f.number == MESSAGE_EXTENSION) {
            CS_TRY(extension_add(r, f.bytes, file));
        } else if (f.number == MESSAGE_NESTED) {
            if (depth == CS_REFLECTION_DEPTH_MAX)
                return CS_ERR(LIMIT);
            CS_TRY(name_of(f.bytes, &name));
            CS_TRY(symbol_add(r, stack[depth - 1].full, name, file, false, true, &stack[depth].full));
            stack[depth++].rest = f.bytes;
        }
    }
    return CS_OK;
}

static CS_RESULT file_add(struct cs_reflection *r, struct cs_span proto)
{
    if (r->n_files >= CS_REFLECTION_FILES_MAX)
        return CS_ERR(LIMIT);
    void *array = grown(r->file, r->n_files, CS_REFLECTION_FILES_MAX, sizeof *r->file);
    if (array == NULL)
        return CS_ERR(NO_MEMORY);
    r->file = array;
    uint16_t index = (uint16_t)r->n_files++;
    r->file[index] = (struct cs_reflection_file){ .proto = proto };
    CS_TRY(name_of(proto, &r->file[index].name));
    struct cs_span package = { NULL, 0 }, rest = proto;
    struct cs_pb_field f;
    bool bad = false;
    while (cs_pb_next(&rest, &f, &bad))
        if (f.number == FILE_PACKAGE && f.type == CS_PB_BYTES)
            package = f.bytes;
    for (rest = proto; cs_pb_next(&rest, &f, &bad);) {
        if (f.type != CS_PB_BYTES)
            continue;
        if (f.number == FILE_MESSAGE)
            CS_TRY(message_add(r, package, f.bytes, index));
        else if (f.number == FILE_ENUM)
            CS_TRY(enum_add(r, package, f.bytes, index));
        else if (f.number == FILE_SERVICE)
            CS_TRY(service_add(r, package, f.bytes, index));
        else if (f.number == FILE_EXTENSION)
            CS_TRY(extension_add(r, f.bytes, index));
    }
    return bad ? CS_ERR(FORM) : CS_OK;
}

static CS_RESULT deps_add(struct cs_reflection *r, struct cs_reflection_file *file)
{
    struct cs_span rest = file->proto;
    struct cs_pb_field f;
    bool bad = false;
    while (cs_pb_next(&rest, &f, &bad)) {
        if (f.number != FILE_DEPENDENCY || f.type != CS_PB_BYTES)
            continue;
        int found = cs_reflection_find_file(r, f.bytes);
        if (found < 0)
            return CS_ERR(FORM);
        if (file->n_deps >= CS_REFLECTION_FILES_MAX)
            return CS_ERR(LIMIT);
        void *array = grown(file->dep, file->n_deps, CS_REFLECTION_FILES_MAX, sizeof *file->dep);
        if (array == NULL)
            return CS_ERR(NO_MEMORY);
        file->dep = array;
        file->dep[file->n_deps++] = (uint16_t)found;
    }
    return bad ? CS_ERR(FORM) : CS_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct cs_reflection_symbol *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static CS_RESULT fill(struct cs_reflection *r, struct cs_span rest)
{
    struct cs_pb_field f;
    bool bad = false;
    while (cs_pb_next(&rest, &f, &bad)) {
        if (f.number != SET_FILE || f.type != CS_PB_BYTES)
            return CS_ERR(FORM);
        CS_TRY(file_add(r, f.bytes));
    }
    if (bad)
        return CS_ERR(FORM);
    for (uint32_t i = 0; i < r->n_files; i++)
        CS_TRY(deps_add(r, &r->file[i]));
    if (r->n_symbols > 0)
        qsort(r->symbol, r->n_symbols, sizeof *r->symbol, by_name);
    return CS_OK;
}

CS_RESULT cs_reflection_new(struct cs_span file_set, struct cs_reflection **out)
{
    struct cs_reflection *r = calloc(1, sizeof *r);
    if (r == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result done = fill(r, file_set);
    if (!cs_ok(done)) {
        cs_reflection_free(r);
        return done;
    }
    *out = r;
    return CS_OK;
}

void cs_reflection_free(struct cs_reflection *r)
{
    if (r == NULL)
        return;
    for (uint32_t i = 0; i < r->n_files; i++)
        free(r->file[i].dep);
    for (uint32_t i = 0; i < r->n_symbols; i++)
        free(r->symbol[i].name);
    free(r->file);
    free(r->symbol);
    free(r->extension);
    free(r);
}

int cs_reflection_find_file(const struct cs_reflection *r, struct cs_span name)
{
    for (uint32_t i = 0; i < r->n_files; i++)
        if (cs_span_eq(r->file[i].name, name))
            return (int)i;
    return -1;
}

const struct cs_reflection_symbol *cs_reflection_find_symbol(const struct cs_reflection *r,
                                                             struct cs_span name)
{
    uint32_t low = 0, high = r->n_symbols;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = cs_span_cmp(name, cs_span_str(r->symbol[mid].name));
        if (order == 0)
            return &r->symbol[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}
