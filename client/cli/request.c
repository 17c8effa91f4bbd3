#include "client/cli/request.h"

#include "client/cli/envelope_file.h"
#include "client/cli/tbs_file.h"
#include "proto/canonical.h"
#include "proxy/base/digest.h"

CS_RESULT cs_request_take_evidence(const struct cs_args *args, struct cs_arena *arena, struct cs_request *out,
                                   struct cs_note *note)
{
    const char *path;
    size_t n = 0;
    while (cs_arg_at(args, "evidence", (uint32_t)n) != NULL)
        n++;
    if (n > CS_REQUEST_EVIDENCE_MAX) {
        cs_note_set(note, "--evidence: %zu files, at most %d are allowed", n, CS_REQUEST_EVIDENCE_MAX);
        return CS_ERR(LIMIT);
    }
    if (n != 0 && (out->evidence = cs_arena_get(arena, n * sizeof *out->evidence)) == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; (path = cs_arg_at(args, "evidence", i)) != NULL; i++) {
        CS_AUTO_BUF struct cs_buf bytes = { 0 };
        struct cs_note why = { 0 };
        const Countersign__V1__Envelope *view;
        cs_result r = cs_envelope_read(path, &bytes, &why);
        if (cs_ok(r))
            r = cs_envelope_view(cs_buf_span(&bytes), arena, &view);
        if (!cs_ok(r)) {
            cs_note_set(note, "--evidence %s", why.text[0] != '\0' ? why.text : path);
            return r;
        }
        union { /* protobuf-c has no const members */
            const Countersign__V1__Envelope *in;
            Countersign__V1__Envelope *out;
        } e = { .in = view };
        out->evidence[out->n_evidence++] = e.out;
    }
    return CS_OK;
}

CS_RESULT cs_request_take(const struct cs_args *args, struct cs_arena *arena, struct cs_request *out,
                          struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    CS_TRY(cs_tbs_read(args, &tbs, note));
    out->tbs = cs_arena_span(arena, cs_buf_span(&tbs));
    if (out->tbs.len != tbs.len)
        return CS_ERR(NO_MEMORY);
    return cs_request_take_evidence(args, arena, out, note);
}

ProtobufCBinaryData cs_request_text(const struct cs_args *args, const char *option)
{
    const char *text = cs_arg_get(args, option);
    return cs_proto_bytes(cs_span_str(text != NULL ? text : ""));
}

CS_RESULT cs_request_take_id(const struct cs_args *args, struct cs_request *out, struct cs_note *note)
{
    const char *text = cs_arg_get(args, "request-id");
    if (text == NULL) {
        out->id_len = 16;
        return cs_random(out->id, out->id_len);
    }
    if (!cs_ok(cs_unhex(cs_span_str(text), out->id, sizeof out->id, &out->id_len)) || out->id_len < 16) {
        cs_note_set(note, "--request-id '%s': needs 16 to 64 octets in hex", text);
        return CS_ERR(ARGUMENT);
    }
    return CS_OK;
}

/* It may have been recorded: the same id gets the recorded answer. */
void cs_request_say_repeat(struct cs_cli *cli, const struct cs_request *q)
{
    char hex[2 * CS_REQUEST_ID_MAX_LEN + 1];
    cs_hex(cs_span_of(q->id, q->id_len), hex);
    cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "repeat with --request-id %s to get what was recorded", hex);
}
