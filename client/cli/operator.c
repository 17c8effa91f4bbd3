#include "client/cli/operator.h"

#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "proxy/gate/evidence/evidence.h"

/* Adds the signatures of the keys from the first-th on. */
static int cosign(struct cs_cli *cli, const struct cs_args *args, uint32_t first, struct cs_buf *envelope)
{
    const char *path;
    for (uint32_t i = first; (path = cs_arg_at(args, "key", i)) != NULL; i++) {
        CS_AUTO_PKEY EVP_PKEY *key = NULL;
        CS_AUTO_BUF struct cs_buf more = { 0 };
        struct cs_note note = { 0 };
        if (!cs_ok(cs_key_read(path, &key, &note)))
            return cs_cli_usage(cli, "--key %s", note.text);
        cs_result r = cs_dsse_cosign(key, cs_buf_span(envelope), &more);
        if (cs_is(r, CS_NUM_EXISTS))
            return cs_cli_usage(cli, "--key %s: this key has signed the statement already", path);
        if (!cs_ok(r))
            return cs_cli_usage(cli, "--key %s: cannot cosign: %s", path, cs_result_text(r));
        cs_buf_reset(envelope);
        cs_buf_put(envelope, more.at, more.len);
    }
    return CS_EXIT_DONE;
}

static int make(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind,
                struct cs_buf *out)
{
    static const char *const needed[] = { "key", "operator", "audience" };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!cs_arg_has(args, needed[i]))
            return cs_cli_usage(cli, "--%s: missing, unless --statement gives a signed statement", needed[i]);
    int code = cs_attest_make(cli, args, kind, out);
    return code == CS_EXIT_DONE ? cosign(cli, args, 1, out) : code;
}

int cs_operator_statement(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind,
                          struct cs_arena *arena, Countersign__V1__Envelope **out, bool *out_send)
{
    const char *path = cs_arg_get(args, "statement");
    struct cs_note note = { 0 };
    CS_AUTO_BUF struct cs_buf envelope = { 0 };
    int code = CS_EXIT_DONE;
    *out_send = cs_arg_has(args, "socket");
    if (!*out_send && !cs_arg_has(args, "out"))
        return cs_cli_usage(cli, "--socket or --out: missing, needs one of them");
    if (cs_arg_has(args, "out"))
        code = cs_envelope_format_check(cli, args);
    if (code != CS_EXIT_DONE)
        return code;
    if (path == NULL)
        code = make(cli, args, kind, &envelope);
    else if (!cs_ok(cs_envelope_read(path, &envelope, &note)))
        code = cs_cli_usage(cli, "--statement %s", note.text);
    else
        code = cosign(cli, args, 0, &envelope);
    if (code == CS_EXIT_DONE && cs_arg_has(args, "out"))
        code = cs_envelope_write(cli, args, cs_buf_span(&envelope));
    if (code != CS_EXIT_DONE)
        return code;
    union { /* protobuf-c has no const members */
        const Countersign__V1__Envelope *in;
        Countersign__V1__Envelope *out;
    } view;
    struct cs_span bytes = cs_arena_span(arena, cs_buf_span(&envelope));
    if (bytes.len != envelope.len || !cs_ok(cs_envelope_view(bytes, arena, &view.in)))
        return cs_cli_usage(cli, "the statement is no canonical envelope");
    *out = view.out;
    return CS_EXIT_DONE;
}
