#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "client/cli/pbjson.h"
#include "client/cli/tree.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
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
    { "policy", "FILE", "say whether the gate would admit it now under this policy", CS_OPT_VALUE },
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

/* Whether the gate would admit the envelope now; adds "admitted" and, if not, "reasons". */
static CS_RESULT add_admission(json_t *document, const char *path, struct cs_span envelope,
                               struct cs_arena *arena, bool *admitted, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf yaml = { 0 };
    struct cs_policy *policy = NULL;
    struct cs_verdict v = { .arena = arena };
    struct cs_evidence e;
    struct cs_note why = { 0 };
    CS_TRY(cs_read_file(path, CS_POLICY_MAX_LEN, &yaml, note));
    cs_result r = cs_policy_load(cs_buf_span(&yaml), &policy, &why);
    if (!cs_ok(r)) {
        cs_note_set(note, "%s: %s", path, why.text);
        return r;
    }
    struct cs_evidence_context ctx = { .policy = policy, .now_unix_s = cs_clock_unix_s() };
    r = cs_evidence_admit(&ctx, envelope, "statement", arena, &v, admitted, &e);
    json_t *reasons = json_array();
    for (uint32_t i = 0; cs_ok(r) && i < v.n_reasons; i++)
        json_array_append_new(reasons,
                              json_pack("{s:s, s:s, s:s, s:s}", "rule", cs_rule_text(v.reason[i].rule)->id,
                                        "title", cs_rule_text(v.reason[i].rule)->title, "found",
                                        v.reason[i].found, "needed", v.reason[i].needed));
    json_object_set_new(document, "admitted", json_boolean(cs_ok(r) && *admitted));
    json_object_set_new(document, "reasons", reasons);
    cs_policy_free(policy);
    return r;
}

/* Without a policy signatures are only listed: which keys may sign is its word, not the file's. */
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
    bool admitted = true;
    const char *policy = cs_arg_get(args, "policy");
    if (document != NULL && policy != NULL &&
        !cs_ok(add_admission(document, policy, cs_buf_span(&bytes), &arena, &admitted, &note))) {
        json_decref(document);
        return cs_cli_usage(cli, "--policy %s", note.text);
    }
    return cs_cli_data(cli, cs_arg_has(args, "json"), document, admitted ? CS_EXIT_DONE : CS_EXIT_REFUSED);
}
