#include "client/cli/envelope_file.h"

#include <unistd.h>

#include "client/cli/tree.h"
#include "proto/canonical.h"
#include "proxy/base/io.h"
#include "proxy/gate/evidence/evidence.h"

/* JSON needs more room than the envelope it carries. */
enum { FILE_MAX_LEN = 2 * CS_ENVELOPE_MAX_LEN };

CS_RESULT cs_envelope_view(struct cs_span envelope, struct cs_arena *arena,
                           const Countersign__V1__Envelope **out)
{
    const ProtobufCMessage *m;
    CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, envelope, arena, &m));
    *out = (const Countersign__V1__Envelope *)(const void *)m;
    return CS_OK;
}

CS_RESULT cs_envelope_read(const char *path, struct cs_buf *out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf file = { 0 };
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const Countersign__V1__Envelope *view;
    size_t start = 0;
    CS_TRY(cs_read_file(path, FILE_MAX_LEN, &file, note));
    while (start < file.len && strchr(" \t\r\n", file.at[start]) != NULL && file.at[start] != 0)
        start++;
    if (start < file.len && file.at[start] == '{') {
        struct cs_note why = { 0 };
        cs_result r = cs_dsse_from_json(cs_buf_span(&file), out, &why);
        if (!cs_ok(r))
            cs_note_set(note, "%s: no DSSE envelope in JSON: %s", path,
                        why.text[0] != '\0' ? why.text : cs_result_text(r));
        return r;
    }
    cs_result r = cs_envelope_view(cs_buf_span(&file), &arena, &view);
    if (!cs_ok(r)) {
        cs_note_set(note, "%s: no canonical DSSE envelope, needs the protobuf or the JSON form", path);
        return r;
    }
    cs_buf_put(out, file.at, file.len);
    return cs_buf_end(out);
}

int cs_envelope_format_check(struct cs_cli *cli, const struct cs_args *args)
{
    const char *format = cs_arg_get(args, "format"), *out = cs_arg_get(args, "out");
    if (format != NULL && strcmp(format, "json") == 0)
        return CS_EXIT_DONE;
    if (format != NULL && strcmp(format, "protobuf") != 0)
        return cs_cli_usage(cli, "--format '%s': needs protobuf or json", format);
    if (out == NULL && isatty(fileno(cli->out)) == 1)
        return cs_cli_usage(cli, "--out: missing; protobuf is not written to a terminal, --format json is");
    return CS_EXIT_DONE;
}

int cs_envelope_write(struct cs_cli *cli, const struct cs_args *args, struct cs_span envelope)
{
    const char *format = cs_arg_get(args, "format"), *out = cs_arg_get(args, "out");
    CS_AUTO_BUF struct cs_buf json = { 0 };
    struct cs_span bytes = envelope;
    if (format != NULL && strcmp(format, "json") == 0) {
        if (!cs_ok(cs_dsse_to_json(envelope, &json)))
            return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
        cs_buf_put_str(&json, "\n");
        bytes = cs_buf_span(&json);
    }
    int code = cs_cli_write(cli, args, bytes);
    if (code != CS_EXIT_DONE || out == NULL || strcmp(out, "-") == 0)
        return code;
    struct cs_sha256 digest = cs_sha256(envelope);
    char hex[2 * CS_SHA256_LEN + 1];
    cs_hex(cs_sha256_span(&digest), hex);
    fprintf(cli->out, "evidence_sha256: %s\n", hex);
    return CS_EXIT_DONE;
}
