#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "client/cli/pbjson.h"
#include "client/cli/tree.h"
#include "proto/canonical.h"
#include "proxy/gate/evidence/evidence.h"

const struct cs_option cs_options_attest_cosign[] = {
    { "in", "FILE", "signed statement, protobuf or JSON", CS_OPT_REQUIRED },
    { "key", "FILE", "private key of the further attester, PEM", CS_OPT_REQUIRED },
    { "out", "FILE", "where to write (default standard output)", CS_OPT_VALUE },
    { "format", "FORM", "protobuf or json (default protobuf)", CS_OPT_VALUE },
    { 0 },
};

int cs_cmd_attest_cosign(struct cs_cli *cli, const struct cs_args *args)
{
    struct cs_note note = { 0 };
    CS_AUTO_BUF struct cs_buf in = { 0 };
    CS_AUTO_BUF struct cs_buf out = { 0 };
    CS_AUTO_PKEY EVP_PKEY *key = NULL;
    int code = cs_envelope_format_check(cli, args);
    if (code != CS_EXIT_DONE)
        return code;
    if (!cs_ok(cs_envelope_read(cs_arg_get(args, "in"), &in, &note)))
        return cs_cli_usage(cli, "--in %s", note.text);
    if (!cs_ok(cs_key_read(cs_arg_get(args, "key"), &key, &note)))
        return cs_cli_usage(cli, "--key %s", note.text);
    cs_result r = cs_dsse_cosign(key, cs_buf_span(&in), &out);
    if (cs_is(r, CS_NUM_EXISTS))
        return cs_cli_usage(cli, "--key: this key has signed the statement already");
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s: cannot be cosigned: %s (at most %d signatures)", cs_arg_get(args, "in"),
                            cs_result_text(r), CS_SIGNATURES_MAX);
    return cs_envelope_write(cli, args, cs_buf_span(&out));
}

const struct cs_option cs_options_attest_show[] = {
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static json_t *signatures_of(const Countersign__V1__Envelope *e)
{
    json_t *all = json_array();
    for (size_t i = 0; i < e->n_signatures; i++)
        json_array_append_new(all, json_pack("{s:s}", "keyid", e->signatures[i]->keyid));
    return all;
}

/* Signatures are only listed: which keys may sign is the policy's word, not the file's. */
int cs_cmd_attest_show(struct cs_cli *cli, const struct cs_args *args)
{
    const char *path = cs_arg_at(args, NULL, 0);
    struct cs_note note = { 0 };
    CS_AUTO_BUF struct cs_buf bytes = { 0 };
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const Countersign__V1__Envelope *e;
    const ProtobufCMessage *m;
    if (!cs_ok(cs_envelope_read(path, &bytes, &note)))
        return cs_cli_usage(cli, "%s", note.text);
    if (!cs_ok(cs_envelope_view(cs_buf_span(&bytes), &arena, &e)))
        return cs_cli_usage(cli, "%s: no canonical DSSE envelope", path);
    if (strcmp(e->payload_type, CS_PAYLOAD_TYPE) != 0)
        return cs_cli_usage(cli, "%s: payload type '%s', needs " CS_PAYLOAD_TYPE, path, e->payload_type);
    struct cs_span payload = cs_proto_span(e->payload);
    if (!cs_ok(cs_proto_unpack(&countersign__v1__statement__descriptor, payload, &arena, &m)))
        return cs_cli_usage(cli, "%s: its payload is no canonical statement", path);
    const Countersign__V1__Statement *s = (const Countersign__V1__Statement *)(const void *)m;
    struct cs_sha256 digest = cs_sha256(cs_buf_span(&bytes)), payload_digest = cs_sha256(payload);
    const char *why = NULL;
    bool complete = cs_statement_check(s, &why);
    json_t *document = json_pack("{s:s, s:o, s:o, s:b, s:o, s:o}", "kind", cs_statement_kind_name(s),
                                 "evidence_sha256", cs_cli_hex(cs_sha256_span(&digest)), "payload_sha256",
                                 cs_cli_hex(cs_sha256_span(&payload_digest)), "complete", complete,
                                 "signatures", signatures_of(e), "statement", cs_pbjson_write(m, false));
    if (document != NULL && !complete)
        json_object_set_new(document, "fault", json_string(why));
    return cs_cli_data(cli, cs_arg_has(args, "json"), document, CS_EXIT_DONE);
}
