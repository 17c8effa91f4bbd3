/* countersign authorize: have a TBS judged for a client that will ask for it by its digest. */
#include "client/cli/call.h"
#include "client/cli/pbjson.h"
#include "client/cli/request.h"
#include "client/cli/tree.h"
#include "countersign/v1/signing_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"

const struct cs_option cs_options_authorize[] = {
    CS_REQUEST_OPTIONS,
    { "for", "CLIENT", "client that may ask for the signature (default the caller)", CS_OPT_VALUE },
    { "valid-for", "SECONDS", "how long it may, 1 to 3600 (default 300)", CS_OPT_VALUE },
    CS_REQUEST_ID_OPTION,
    CS_CALL_OPTIONS,
};

static int print_authorized(struct cs_cli *cli, const struct cs_args *args,
                            const Countersign__V1__AuthorizeTbsResponse *response)
{
    char hex[2 * CS_DIGEST_MAX_LEN + 1], time_text[CS_TIME_TEXT_LEN];
    struct cs_span digest = cs_proto_span(response->digest);
    if (digest.len > CS_DIGEST_MAX_LEN)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "the answer carries a digest of %zu octets", digest.len);
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, cs_pbjson_write(&response->base, true), CS_EXIT_DONE);
    cs_hex(digest, hex);
    cs_time_text(response->expires_at_unix_s, time_text);
    fprintf(cli->out, "authorised: digest %s, until %s, ledger entry %llu%s\n", hex, time_text,
            (unsigned long long)response->ledger_entry,
            response->replayed ? " (recorded earlier for this request id)" : "");
    return CS_EXIT_DONE;
}

int cs_cmd_authorize(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_note note = { 0 };
    struct cs_request in = { 0 };
    uint64_t valid_for_s;
    const ProtobufCMessage *answer;
    cs_result r = cs_request_take(args, &arena, &in, &note);
    if (cs_ok(r))
        r = cs_request_take_id(args, &in, &note);
    if (cs_ok(r))
        r = cs_arg_number(args, "valid-for", 300, 1, 3600, &valid_for_s, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    Countersign__V1__AuthorizeTbsRequest request = COUNTERSIGN__V1__AUTHORIZE_TBS_REQUEST__INIT;
    request.request_id = cs_proto_bytes(cs_span_of(in.id, in.id_len));
    request.issuer = cs_request_text(args, "issuer");
    request.tbs_certificate = cs_proto_bytes(in.tbs);
    request.n_evidence = in.n_evidence;
    request.evidence = in.evidence;
    request.order_id = cs_request_text(args, "order-id");
    request.for_client = cs_request_text(args, "for");
    request.valid_for_s = (uint32_t)valid_for_s;
    int code = cs_call(cli, args, "/countersign.v1.SigningService/AuthorizeTbs", &request.base,
                       &countersign__v1__authorize_tbs_response__descriptor, &arena, &answer);
    if (code == CS_EXIT_DONE)
        return print_authorized(cli, args,
                                (const Countersign__V1__AuthorizeTbsResponse *)(const void *)answer);
    if (code == CS_EXIT_UNREACHABLE)
        cs_request_say_repeat(cli, &in);
    return code;
}
