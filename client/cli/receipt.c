#include "client/cli/call.h"
#include "client/cli/tree.h"
#include "countersign/v1/ledger_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/io.h"

const struct cs_option cs_options_receipt[] = {
    { "request-id", "HEX", "of the decision, instead of its ledger entry", CS_OPT_VALUE },
    { "out", "FILE", "the proof, .tlog-proof", CS_OPT_REQUIRED },
    { "entry-out", "FILE", "the entry that it proves; 'ledger verify' needs both", CS_OPT_VALUE },
    CS_CALL_OPTIONS,
};

static bool id_of_hex(const char *hex, struct cs_arena *arena, ProtobufCBinaryData *out)
{
    size_t room = strlen(hex) / 2 + 1, len = 0;
    uint8_t *at = cs_arena_get(arena, room);
    if (at == NULL || !cs_ok(cs_unhex(cs_span_str(hex), at, room, &len)) || len == 0)
        return false;
    *out = cs_proto_bytes(cs_span_of(at, len));
    return true;
}

int cs_cmd_receipt(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const char *entry = cs_arg_at(args, NULL, 0), *id = cs_arg_get(args, "request-id");
    const char *entry_out = cs_arg_get(args, "entry-out");
    struct cs_note note = { 0 };
    Countersign__V1__GetReceiptRequest request;
    countersign__v1__get_receipt_request__init(&request);
    if ((entry == NULL) == (id == NULL))
        return cs_cli_usage(cli, "receipt: needs either a ledger entry or --request-id");
    if (entry != NULL &&
        (!cs_number_of(entry, INT64_MAX, &request.ledger_entry) || request.ledger_entry == 0))
        return cs_cli_usage(cli, "'%s': needs the number of a ledger entry, from 1", entry);
    if (id != NULL && !id_of_hex(id, &arena, &request.request_id))
        return cs_cli_usage(cli, "--request-id '%s': needs hex digits, two for each octet", id);
    const ProtobufCMessage *answer;
    int code = cs_call(cli, args, "/countersign.v1.LedgerService/GetReceipt", &request.base,
                       &countersign__v1__get_receipt_response__descriptor, &arena, &answer);
    if (code != CS_EXIT_DONE)
        return code;
    const Countersign__V1__GetReceiptResponse *r =
        (const Countersign__V1__GetReceiptResponse *)(const void *)answer;
    if (entry_out != NULL && !cs_ok(cs_write_file(entry_out, cs_proto_span(r->entry), 0644, &note)))
        return cs_cli_usage(cli, "--entry-out %s", note.text);
    if (!cs_ok(cs_write_file(cs_arg_get(args, "out"), cs_proto_span(r->proof), 0644, &note)))
        return cs_cli_usage(cli, "--out %s", note.text);
    return cs_cli_data(cli, cs_arg_has(args, "json"),
                       json_pack("{s:I, s:I}", "ledger_entry", (json_int_t)r->ledger_entry, "entry_len",
                                 (json_int_t)r->entry.len),
                       CS_EXIT_DONE);
}
