
#include "client/cli/call.h"
#include "client/cli/cert_file.h"
#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "client/cli/pbjson.h"
#include "client/cli/tbs_file.h"
#include "client/cli/tree.h"
#include "countersign/v1/evidence_service.pb-c.h"
#include "countersign/v1/signing_service.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/io.h"

enum { EVIDENCE_MAX = 1024, REQUEST_ID_MAX_LEN = 64 };

#define REQUEST_OPTIONS                                                                  \
    { "issuer", "ID", "issuer id of the policy", CS_OPT_REQUIRED },                      \
        { "tbs", "FILE", "TBSCertificate, DER", CS_OPT_VALUE },                          \
        { "tbs-of", "FILE", "certificate whose TBSCertificate is taken", CS_OPT_VALUE }, \
        { "evidence", "FILE", "signed statement", CS_OPT_REPEATED },                     \
    {                                                                                    \
        "order-id", "ID", "order to look deposited evidence up by", CS_OPT_VALUE         \
    }

const struct cs_option cs_options_sign[] = {
    REQUEST_OPTIONS,
    { "request-id", "HEX", "16 to 64 octets, kept over retries (default random)", CS_OPT_VALUE },
    { "out", "FILE", "certificate; PEM if it ends in .pem, else DER (default PEM on standard output)",
      CS_OPT_VALUE },
    CS_CALL_OPTIONS,
};

const struct cs_option cs_options_evaluate[] = { REQUEST_OPTIONS, CS_CALL_OPTIONS };

const struct cs_option cs_options_deposit[] = {
    { "evidence", "FILE", "signed statement", CS_OPT_REPEATED },
    CS_CALL_OPTIONS,
};

/* What the three requests are made of; everything lives in the arena. */
struct request {
    struct cs_span tbs;
    size_t n_evidence;
    Countersign__V1__Envelope **evidence;
};

static CS_RESULT take_evidence(const struct cs_args *args, struct cs_arena *arena, struct request *out,
                               struct cs_note *note)
{
    const char *path;
    size_t n = 0;
    while (cs_arg_at(args, "evidence", (uint32_t)n) != NULL)
        n++;
    if (n > EVIDENCE_MAX) {
        cs_note_set(note, "--evidence: %zu files, at most %d are allowed", n, EVIDENCE_MAX);
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

static CS_RESULT take_request(const struct cs_args *args, struct cs_arena *arena, struct request *out,
                              struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    CS_TRY(cs_tbs_read(args, &tbs, note));
    out->tbs = cs_arena_span(arena, cs_buf_span(&tbs));
    if (out->tbs.len != tbs.len)
        return CS_ERR(NO_MEMORY);
    return take_evidence(args, arena, out, note);
}

static ProtobufCBinaryData bytes_of(const char *text)
{
    return cs_proto_bytes(cs_span_str(text != NULL ? text : ""));
}

static CS_RESULT request_id(const struct cs_args *args, uint8_t out[REQUEST_ID_MAX_LEN], size_t *len,
                            struct cs_note *note)
{
    const char *text = cs_arg_get(args, "request-id");
    if (text == NULL) {
        *len = 16;
        return cs_random(out, *len);
    }
    if (!cs_ok(cs_unhex(cs_span_str(text), out, REQUEST_ID_MAX_LEN, len)) || *len < 16) {
        cs_note_set(note, "--request-id '%s': needs 16 to 64 octets in hex", text);
        return CS_ERR(ARGUMENT);
    }
    return CS_OK;
}

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
    struct request in = { 0 };
    uint8_t id[REQUEST_ID_MAX_LEN];
    size_t id_len;
    const ProtobufCMessage *answer;
    cs_result r = take_request(args, &arena, &in, &note);
    if (cs_ok(r))
        r = request_id(args, id, &id_len, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    Countersign__V1__SignCertificateRequest request = COUNTERSIGN__V1__SIGN_CERTIFICATE_REQUEST__INIT;
    request.request_id = cs_proto_bytes(cs_span_of(id, id_len));
    request.issuer = bytes_of(cs_arg_get(args, "issuer"));
    request.tbs_certificate = cs_proto_bytes(in.tbs);
    request.n_evidence = in.n_evidence;
    request.evidence = in.evidence;
    request.order_id = bytes_of(cs_arg_get(args, "order-id"));
    int code = cs_call(cli, args, "/countersign.v1.SigningService/SignCertificate", &request.base,
                       &countersign__v1__sign_certificate_response__descriptor, &arena, &answer);
    if (code == CS_EXIT_DONE)
        return print_signed(cli, args,
                            (const Countersign__V1__SignCertificateResponse *)(const void *)answer);
    if (code == CS_EXIT_UNREACHABLE) { /* it may have been signed: the same id gets the recorded answer */
        char hex[2 * REQUEST_ID_MAX_LEN + 1];
        cs_hex(cs_span_of(id, id_len), hex);
        cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "repeat with --request-id %s to get what was recorded", hex);
    }
    return code;
}

int cs_cmd_evaluate(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_note note = { 0 };
    struct request in = { 0 };
    const ProtobufCMessage *answer;
    cs_result r = take_request(args, &arena, &in, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    Countersign__V1__EvaluateCertificateRequest request = COUNTERSIGN__V1__EVALUATE_CERTIFICATE_REQUEST__INIT;
    request.issuer = bytes_of(cs_arg_get(args, "issuer"));
    request.tbs_certificate = cs_proto_bytes(in.tbs);
    request.n_evidence = in.n_evidence;
    request.evidence = in.evidence;
    request.order_id = bytes_of(cs_arg_get(args, "order-id"));
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
    struct request in = { 0 };
    const ProtobufCMessage *answer;
    cs_result r = take_evidence(args, &arena, &in, &note);
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
