#include "client/cli/cli.h"
#include "client/cli/keys.h"
#include "client/cli/tree.h"
#include "proxy/base/io.h"
#include "proxy/base/secret.h"
#include "proxy/tlog/key.h"

#define ORIGIN_OPTION                                                                        \
    {                                                                                        \
        "origin", "NAME", "name of the log, as ledger.origin of the policy", CS_OPT_REQUIRED \
    }

const struct cs_option cs_options_ledger_key[] = {
    ORIGIN_OPTION,
    { "force", NULL, "replace an existing file", CS_OPT_SWITCH },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

const struct cs_option cs_options_ledger_vkey[] = {
    ORIGIN_OPTION,
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static int print_vkey(struct cs_cli *cli, const struct cs_args *args, const struct cs_tlog_key *key)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    cs_tlog_vkey_put(&text, key);
    if (text.failed)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, json_pack("{s:o}", "vkey", json_stringn((const char *)text.at, text.len)),
                           CS_EXIT_DONE);
    fprintf(cli->out, "%.*s\n", (int)text.len, (const char *)text.at);
    return CS_EXIT_DONE;
}

int cs_cmd_ledger_vkey(struct cs_cli *cli, const struct cs_args *args)
{
    const char *path = cs_arg_at(args, NULL, 0);
    CS_AUTO_BUF struct cs_buf pem = { 0 };
    struct cs_note note = { 0 };
    struct cs_tlog_signer signer = { 0 };
    if (!cs_ok(cs_read_file(path, 4096, &pem, &note)))
        return cs_cli_usage(cli, "%s", note.text);
    cs_result r = cs_tlog_signer_read(cs_buf_span(&pem), cs_span_str(cs_arg_get(args, "origin")),
                                      CS_TLOG_ED25519, &signer, &note);
    cs_wipe(pem.at, pem.len);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s: %s", path, note.text);
    int code = print_vkey(cli, args, &signer.key);
    cs_tlog_signer_done(&signer);
    return code;
}

int cs_cmd_ledger_key(struct cs_cli *cli, const struct cs_args *args)
{
    const char *path = cs_arg_at(args, NULL, 0);
    struct cs_note note = { 0 };
    CS_AUTO_PKEY EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    uint8_t public_key[CS_ED25519_LEN];
    size_t len = sizeof public_key;
    struct cs_tlog_key verifier;
    if (key == NULL || EVP_PKEY_get_raw_public_key(key, public_key, &len) != 1)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "the library could not make a key");
    if (!cs_ok(cs_tlog_key_make(cs_span_str(cs_arg_get(args, "origin")), CS_TLOG_ED25519, public_key,
                                &verifier)))
        return cs_cli_usage(cli, "--origin: needs a name without '+', spaces and control characters");
    if (!cs_ok(cs_private_key_write(key, path, cs_arg_has(args, "force"), &note)))
        return cs_cli_usage(cli, "%s", note.text);
    return print_vkey(cli, args, &verifier);
}
