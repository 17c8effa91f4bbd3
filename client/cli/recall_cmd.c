#include "client/cli/call.h"
#include "client/cli/operator.h"
#include "client/cli/pbjson.h"
#include "client/cli/relied.h"
#include "countersign/v1/evidence_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/io.h"
#include "proxy/gate/evidence/evidence.h"

static const struct cs_attest_flag flags[] = {
    { "of-statement", "selector.statement_ids", CS_ATTEST_TEXT },
    { "payload-sha256", "selector.payload_sha256s", CS_ATTEST_TEXT },
    { "attester", "selector.attesters", CS_ATTEST_TEXT },
    { "role", "selector.role", CS_ATTEST_TEXT },
    { "method", "selector.methods", CS_ATTEST_TEXT },
    { "software", "selector.software_name", CS_ATTEST_TEXT },
    { "version-from", "selector.software_version_from", CS_ATTEST_TEXT },
    { "version-to", "selector.software_version_to", CS_ATTEST_TEXT },
    { "perspective", "selector.perspective_ids", CS_ATTEST_TEXT },
    { "record-id", "selector.organization_record_id", CS_ATTEST_TEXT },
    { "record-version", "selector.organization_record_version", CS_ATTEST_NUMBER },
    { "account", "selector.accounts", CS_ATTEST_TEXT },
    { "observed-from", "selector.observed_from_unix_s", CS_ATTEST_TIME },
    { "observed-until", "selector.observed_until_unix_s", CS_ATTEST_TIME },
    { "reason", "reason", CS_ATTEST_TEXT },
    { 0 },
};

const struct cs_option cs_options_recall_place[] = {
    { "of-statement", "HEX", "id of a statement", CS_OPT_REPEATED },
    { "payload-sha256", "HEX", "digest of a statement", CS_OPT_REPEATED },
    { "attester", "NAME", "who signed it", CS_OPT_REPEATED },
    { "role", "ROLE", "for instance validation_system", CS_OPT_VALUE },
    { "method", "METHOD", "validation method attested", CS_OPT_REPEATED },
    { "software", "NAME", "software that did the work", CS_OPT_VALUE },
    { "version-from", "VERSION", "first version of it", CS_OPT_VALUE },
    { "version-to", "VERSION", "last version of it", CS_OPT_VALUE },
    { "perspective", "ID", "network perspective that took part", CS_OPT_REPEATED },
    { "record-id", "ID", "record of an organisation", CS_OPT_VALUE },
    { "record-version", "N", "its version", CS_OPT_VALUE },
    { "account", "ACCOUNT", "account it is about", CS_OPT_REPEATED },
    { "observed-from", "TIME", "work seen from then on", CS_OPT_VALUE },
    { "observed-until", "TIME", "work seen before then", CS_OPT_VALUE },
    { "ledger", "FILE", "then list the certificates that relied on it", CS_OPT_VALUE },
    { "policy", "FILE", "count by all who signed, by their keys of this policy", CS_OPT_VALUE },
    { "csv", NULL, "list them as CSV", CS_OPT_SWITCH },
    CS_OPERATOR_OPTIONS,
};

const struct cs_option cs_options_recall_list[] = {
    { "ledger", "FILE", "the ledger, also of a running gate", CS_OPT_REQUIRED },
    { "recall", "HEX", "statement id of one recall (default all)", CS_OPT_VALUE },
    { "policy", "FILE", "know evidence by all who signed it, by their keys of this policy", CS_OPT_VALUE },
    { "csv", NULL, "print the certificates as CSV", CS_OPT_SWITCH },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static const struct cs_attest_kind kind = {
    .member = "recall",
    .role = "operator",
    .lifetime_s = 7 * 86400,
    .flags = flags,
};

static int list(struct cs_cli *cli, const struct cs_args *args, struct cs_span id)
{
    json_t *found;
    struct cs_note note = { 0 };
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_policy *policy = NULL;
    const char *ledger = cs_arg_get(args, "ledger"), *path = cs_arg_get(args, "policy");
    cs_result r = path != NULL ? cs_read_file(path, CS_POLICY_MAX_LEN, &text, &note) : CS_OK;
    if (cs_ok(r) && path != NULL)
        r = cs_policy_load(cs_buf_span(&text), &policy, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "--policy %s: %s", path, note.text);
    r = cs_relied_list(ledger, policy, id, &found, &note);
    cs_policy_free(policy);
    if (cs_ok(r))
        return cs_relied_print(cli, args, found);
    enum cs_exit code = cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_EXIT_REFUSED
                        : cs_is(r, CS_NUM_NOT_FOUND)   ? CS_EXIT_USAGE
                                                       : CS_EXIT_UNREACHABLE;
    return cs_cli_fail(cli, code, "%s: %s", ledger, note.text[0] != '\0' ? note.text : cs_result_text(r));
}

int cs_cmd_recall_place(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    Countersign__V1__RecallEvidenceRequest request = COUNTERSIGN__V1__RECALL_EVIDENCE_REQUEST__INIT;
    const ProtobufCMessage *answer;
    bool send;
    int code = cs_operator_statement(cli, args, &kind, &arena, &request.statement, &send);
    if (code != CS_EXIT_DONE || !send)
        return code;
    code = cs_call(cli, args, "/countersign.v1.EvidenceService/RecallEvidence", &request.base,
                   &countersign__v1__recall_evidence_response__descriptor, &arena, &answer);
    if (code != CS_EXIT_DONE)
        return code;
    const Countersign__V1__RecallEvidenceResponse *m =
        (const Countersign__V1__RecallEvidenceResponse *)(const void *)answer;
    if (cs_arg_has(args, "ledger"))
        return list(cli, args, cs_proto_span(m->statement_id));
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, cs_pbjson_write(answer, true), CS_EXIT_DONE);
    char hex[2 * CS_STATEMENT_ID_MAX_LEN + 1];
    if (m->statement_id.len > CS_STATEMENT_ID_MAX_LEN)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "the answer's statement id is too long");
    cs_hex(cs_proto_span(m->statement_id), hex);
    fprintf(cli->out, "recalled: ledger entry %llu%s, recall %s\n", (unsigned long long)m->ledger_entry,
            m->already_known ? " (recorded earlier)" : "", hex);
    return CS_EXIT_DONE;
}

int cs_cmd_recall_list(struct cs_cli *cli, const struct cs_args *args)
{
    const char *text = cs_arg_get(args, "recall");
    uint8_t id[CS_STATEMENT_ID_MAX_LEN];
    size_t len = 0;
    if (text != NULL &&
        (!cs_ok(cs_unhex(cs_span_str(text), id, sizeof id, &len)) || len < CS_STATEMENT_ID_MIN_LEN))
        return cs_cli_usage(cli, "--recall '%s': needs 16 to 32 octets in hex", text);
    return list(cli, args, cs_span_of(id, len));
}
