
#include "client/cli/call.h"
#include "client/cli/cert_file.h"
#include "client/cli/pbjson.h"
#include "client/cli/request.h"
#include "client/cli/tree.h"
#include "countersign/v1/evidence_service.pb-c.h"
#include "countersign/v1/signing_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/digest.h"
#include "proxy/base/io.h"

const struct cs_option cs_options_sign[] = {
    CS_REQUEST_OPTIONS,
    CS_REQUEST_ID_OPTION,
    { "out", "FILE", "certificate; PEM if it ends in .pem, else DER (default PEM on standard output)",
      CS_OPT_VALUE },
    CS_CALL_OPTIONS,
};

const struct cs_option cs_options_evaluate[] = { CS_REQUEST_OPTIONS, CS_CALL_OPTIONS };

const struct cs_option cs_options_deposit[] = {
    { "evidence", "FILE", "signed statement", CS_OPT_REPEATED },
    CS_CALL_OPTIONS,
};

static int print_signed(struct cs_cli *cli, const struct cs_args *args,
                        const Countersign__V1__SignCertificateResponse *response)
{
    bool as_json = cs_arg_has(args, "json"), to_file = cs_arg_has(args, "out");
    struct cs_span der = cs_proto_span(response->certificate);
    int code = !as_json || to_file ? cs_certificate_write(cli, args, der) : CS_EXIT_DONE;
    if (code != CS_EXIT_DONE)
        return code;
    if (as_json)
        return cs_cli_json(cli, cs_pbjson_write(&response->base, true), CS_EXIT_DONE);
    if (to_file) {
        struct cs_sha256 digest = cs_sha256(der);
        char hex[2 * CS_SHA256_LEN + 1];
        cs_hex(cs_sha256_span(&digest), hex);
        fprintf(cli->out, "signed: ledger entry %llu%s, certificate sha256 %s\n",
                (unsigned long long)response->ledger_entry,
                response->replayed ? " (recorded earlier for this request id)" : "", hex);
    }
    return CS_EXIT_DONE;
}

int cs_cmd_sign(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_note note = { 0 };
    struct cs_request in = { 0 };
    const ProtobufCMessage *answer;
    cs_result r = cs_request_take(args, &arena, &in, &note);
    if (cs_ok(r))
        r = cs_request_take_id(args, &in, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    Countersign__V1__SignCertificateRequest request = COUNTERSIGN__V1__SIGN_CERTIFICATE_REQUEST__INIT;
    request.request_id = cs_proto_bytes(cs_span_of(in.id, in.id_len));
    request.issuer = cs_request_text(args, "issuer");
    request.tbs_certificate = cs_proto_bytes(in.tbs);
    request.n_evidence = in.n_evidence;
    request.evidence = in.evidence;
    request.order_id = cs_request_text(args, "order-id");
    int code = cs_call(cli, args, "/countersign.v1.SigningService/SignCertificate", &request.base,
                       &countersign__v1__sign_certificate_response__descriptor, &arena, &answer);
    if (code == CS_EXIT_DONE)
        return print_signed(cli, args,
                            (const Countersign__V1__SignCertificateResponse *)(const void *)answer);
    if (code == CS_EXIT_UNREACHABLE)
        cs_request_say_repeat(cli, &in);
    return code;
}

int cs_cmd_evaluate(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_note note = { 0 };
    struct cs_request in = { 0 };
    const ProtobufCMessage *answer;
    cs_result r = cs_request_take(args, &arena, &in, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    Countersign__V1__EvaluateCertificateRequest request = COUNTERSIGN__V1__EVALUATE_CERTIFICATE_REQUEST__INIT;
    request.issuer = cs_request_text(args, "issuer");
    request.tbs_certificate = cs_proto_bytes(in.tbs);
    request.n_evidence = in.n_evidence;
    request.evidence = in.evidence;
    request.order_id = cs_request_text(args, "order-id");
    int code = cs_call(cli, args, "/countersign.v1.SigningService/EvaluateCertificate", &request.base,
                       &countersign__v1__evaluate_certificate_response__descriptor, &arena, &answer);
    if (code != CS_EXIT_DONE)
        return code;
    const Countersign__V1__Verdict *v =
        ((const Countersign__V1__EvaluateCertificateResponse *)(const void *)answer)->verdict;
    if (v == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "the answer carries no verdict");
    code = v->admitted && v->n_reasons == 0 ? CS_EXIT_DONE : CS_EXIT_REFUSED;
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, cs_pbjson_write(&v->base, true), code);
    cs_verdict_print(cli, v);
    return code;
}

int cs_cmd_deposit(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_note note = { 0 };
    struct cs_request in = { 0 };
    const ProtobufCMessage *answer;
    cs_result r = cs_request_take_evidence(args, &arena, &in, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    if (in.n_evidence == 0)
        return cs_cli_usage(cli, "--evidence: missing, needs at least one FILE");
    Countersign__V1__DepositEvidenceRequest request = COUNTERSIGN__V1__DEPOSIT_EVIDENCE_REQUEST__INIT;
    request.n_evidence = in.n_evidence;
    request.evidence = in.evidence;
    int code = cs_call(cli, args, "/countersign.v1.EvidenceService/DepositEvidence", &request.base,
                       &countersign__v1__deposit_evidence_response__descriptor, &arena, &answer);
    return code == CS_EXIT_DONE
               ? cs_cli_data(cli, cs_arg_has(args, "json"), cs_pbjson_write(answer, true), CS_EXIT_DONE)
               : code;
}
