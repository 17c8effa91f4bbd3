/* One request, one answer. */
#include "proxy/reflection/pb.h"
#include "proxy/reflection/reflection.h"

enum { HOST = 1, BY_FILENAME = 3, BY_SYMBOL, BY_EXTENSION, EXTENSION_NUMBERS, LIST_SERVICES };
enum { CONTAINING_TYPE = 1, EXTENSION_NUMBER };
enum { VALID_HOST = 1, ORIGINAL_REQUEST, FILES = 4, NUMBERS, SERVICES, ERROR };
enum { GRPC_INVALID_ARGUMENT = 3, GRPC_NOT_FOUND = 5 };

struct question {
    struct cs_span host;
    uint32_t kind; /* number of the oneof's member, 0 without one */
    struct cs_span text;
    uint64_t number;
};

static bool text_is_fine(struct cs_span text)
{
    return cs_utf8_valid(text);
}

static CS_RESULT read_extension(struct cs_span in, struct question *q)
{
    struct cs_pb_field f;
    bool bad = false, type = false, number = false;
    while (cs_pb_next(&in, &f, &bad)) {
        if (f.number == CONTAINING_TYPE && f.type == CS_PB_BYTES && !type) {
            type = true;
            q->text = f.bytes;
        } else if (f.number == EXTENSION_NUMBER && f.type == CS_PB_VARINT && !number) {
            number = true;
            q->number = f.value;
        } else {
            return CS_ERR(FORM);
        }
    }
    return bad || !text_is_fine(q->text) ? CS_ERR(FORM) : CS_OK;
}

static CS_RESULT read_question(struct cs_span in, struct question *q)
{
    struct cs_pb_field f;
    bool bad = false, host = false;
    while (cs_pb_next(&in, &f, &bad)) {
        if (f.type != CS_PB_BYTES)
            return CS_ERR(FORM);
        if (f.number == HOST && !host) {
            host = true;
            q->host = f.bytes;
        } else if (f.number >= BY_FILENAME && f.number <= LIST_SERVICES && q->kind == 0) {
            q->kind = f.number;
            if (f.number == BY_EXTENSION)
                CS_TRY(read_extension(f.bytes, q));
            else
                q->text = f.bytes;
        } else {
            return CS_ERR(FORM);
        }
    }
    return bad || !text_is_fine(q->host) || !text_is_fine(q->text) ? CS_ERR(FORM) : CS_OK;
}

static void put_error(struct cs_buf *out, uint64_t code, const char *text, struct cs_span what)
{
    CS_AUTO_BUF struct cs_buf message = { 0 }, body = { 0 };
    cs_buf_put_str(&message, text);
    cs_buf_put(&message, what.at, what.len);
    cs_pb_put_varint(&body, 1, code);
    cs_pb_put_bytes(&body, 2, cs_buf_span(&message));
    cs_pb_put_bytes(out, ERROR, cs_buf_span(&body));
    out->failed = out->failed || message.failed || body.failed;
}

/* The file, then everything it imports, each once, nearest first. */
static void put_files(const struct cs_reflection *r, struct cs_buf *out, uint16_t first)
{
    bool listed[CS_REFLECTION_FILES_MAX] = { false };
    uint16_t list[CS_REFLECTION_FILES_MAX];
    uint32_t n = 0;
    CS_AUTO_BUF struct cs_buf body = { 0 };
    list[n++] = first;
    listed[first] = true;
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_reflection_file *file = &r->file[list[i]];
        cs_pb_put_bytes(&body, 1, file->proto);
        for (uint32_t k = 0; k < file->n_deps; k++)
            if (!listed[file->dep[k]]) {
                listed[file->dep[k]] = true;
                list[n++] = file->dep[k];
            }
    }
    cs_pb_put_bytes(out, FILES, cs_buf_span(&body));
    out->failed = out->failed || body.failed;
}

static void put_services(const struct cs_reflection *r, struct cs_buf *out)
{
    CS_AUTO_BUF struct cs_buf body = { 0 }, one = { 0 };
    for (uint32_t i = 0; i < r->n_symbols; i++)
        if (r->symbol[i].service) {
            cs_buf_reset(&one);
            cs_pb_put_bytes(&one, 1, cs_span_str(r->symbol[i].name));
            cs_pb_put_bytes(&body, 1, cs_buf_span(&one));
        }
    cs_pb_put_bytes(out, SERVICES, cs_buf_span(&body));
    out->failed = out->failed || body.failed || one.failed;
}

static void put_numbers(const struct cs_reflection *r, struct cs_buf *out, struct cs_span type)
{
    CS_AUTO_BUF struct cs_buf body = { 0 };
    cs_pb_put_bytes(&body, 1, type);
    for (uint32_t i = 0; i < r->n_extensions; i++)
        if (cs_span_eq(r->extension[i].extendee, type))
            cs_pb_put_varint(&body, 2, r->extension[i].number); /* unpacked: every reader takes both */
    cs_pb_put_bytes(out, NUMBERS, cs_buf_span(&body));
    out->failed = out->failed || body.failed;
}

static void put_extension(const struct cs_reflection *r, struct cs_buf *out, const struct question *q)
{
    for (uint32_t i = 0; i < r->n_extensions; i++)
        if (r->extension[i].number == q->number && cs_span_eq(r->extension[i].extendee, q->text)) {
            put_files(r, out, r->extension[i].file);
            return;
        }
    put_error(out, GRPC_NOT_FOUND, "no such extension of ", q->text);
}

static void put_answer(const struct cs_reflection *r, struct cs_buf *out, const struct question *q)
{
    const struct cs_reflection_symbol *symbol = NULL;
    int file;
    switch (q->kind) {
    case BY_FILENAME:
        file = cs_reflection_find_file(r, q->text);
        if (file < 0)
            put_error(out, GRPC_NOT_FOUND, "no such file: ", q->text);
        else
            put_files(r, out, (uint16_t)file);
        break;
    case BY_SYMBOL:
        symbol = cs_reflection_find_symbol(r, q->text);
        if (symbol == NULL)
            put_error(out, GRPC_NOT_FOUND, "no such symbol: ", q->text);
        else
            put_files(r, out, symbol->file);
        break;
    case BY_EXTENSION:
        put_extension(r, out, q);
        break;
    case EXTENSION_NUMBERS:
        symbol = cs_reflection_find_symbol(r, q->text);
        if (symbol == NULL || !symbol->message)
            put_error(out, GRPC_NOT_FOUND, "no such message: ", q->text);
        else
            put_numbers(r, out, q->text);
        break;
    case LIST_SERVICES:
        put_services(r, out);
        break;
    default:
        put_error(out, GRPC_INVALID_ARGUMENT, "the request asks nothing", (struct cs_span){ NULL, 0 });
        break;
    }
}

CS_RESULT cs_reflection_answer(const struct cs_reflection *r, struct cs_span request, struct cs_buf *out)
{
    struct question q = { .kind = 0 };
    if (request.len > CS_REFLECTION_REQUEST_MAX_LEN)
        return CS_ERR(LIMIT);
    CS_TRY(read_question(request, &q));
    if (q.host.len > 0)
        cs_pb_put_bytes(out, VALID_HOST, q.host);
    cs_pb_put_bytes(out, ORIGINAL_REQUEST, request);
    put_answer(r, out, &q);
    return cs_buf_end(out);
}
