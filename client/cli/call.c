#include "client/cli/call.h"

#include "client/cli/pbjson.h"
#include "client/lib/client.h"
#include "google/rpc/status.pb-c.h"
#include "proto/canonical.h"

/* gRPC status codes: name, and what they mean to a script. */
static const struct {
    const char *name;
    enum cs_exit code;
} statuses[] = {
    { "OK", CS_EXIT_DONE },
    { "CANCELLED", CS_EXIT_UNREACHABLE },
    { "UNKNOWN", CS_EXIT_UNREACHABLE },
    { "INVALID_ARGUMENT", CS_EXIT_USAGE },
    { "DEADLINE_EXCEEDED", CS_EXIT_UNREACHABLE },
    { "NOT_FOUND", CS_EXIT_USAGE },
    { "ALREADY_EXISTS", CS_EXIT_REFUSED },
    { "PERMISSION_DENIED", CS_EXIT_REFUSED },
    { "RESOURCE_EXHAUSTED", CS_EXIT_UNREACHABLE },
    { "FAILED_PRECONDITION", CS_EXIT_REFUSED },
    { "ABORTED", CS_EXIT_UNREACHABLE },
    { "OUT_OF_RANGE", CS_EXIT_USAGE },
    { "UNIMPLEMENTED", CS_EXIT_UNREACHABLE },
    { "INTERNAL", CS_EXIT_UNREACHABLE },
    { "UNAVAILABLE", CS_EXIT_UNREACHABLE },
    { "DATA_LOSS", CS_EXIT_UNREACHABLE },
    { "UNAUTHENTICATED", CS_EXIT_REFUSED },
};

enum cs_exit cs_exit_of_status(uint32_t status)
{
    return status < sizeof statuses / sizeof *statuses ? statuses[status].code : CS_EXIT_UNREACHABLE;
}

const char *cs_status_name(uint32_t status, char room[24])
{
    if (status < sizeof statuses / sizeof *statuses)
        return statuses[status].name;
    snprintf(room, 24, "status %u", status);
    return room;
}

const Countersign__V1__Refusal *cs_refusal_of(struct cs_span details, struct cs_arena *arena)
{
    static const char type[] = "type.googleapis.com/countersign.v1.Refusal";
    const ProtobufCMessage *m;
    if (details.len == 0 || !cs_ok(cs_proto_unpack(&google__rpc__status__descriptor, details, arena, &m)))
        return NULL;
    const Google__Rpc__Status *status = (const Google__Rpc__Status *)(const void *)m;
    for (size_t i = 0; i < status->n_details; i++)
        if (strcmp(status->details[i]->type_url, type) == 0 &&
            cs_ok(cs_proto_unpack(&countersign__v1__refusal__descriptor,
                                  cs_proto_span(status->details[i]->value), arena, &m)))
            return (const Countersign__V1__Refusal *)(const void *)m;
    return NULL;
}

static int print_failure(struct cs_cli *cli, bool as_json, const struct cs_client_answer *a)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    char room[24];
    const char *name = cs_status_name(a->status, room);
    const Countersign__V1__Refusal *refusal = cs_refusal_of(cs_buf_span(&a->details), &arena);
    int code = refusal != NULL ? CS_EXIT_REFUSED : (int)cs_exit_of_status(a->status);
    struct cs_span message = cs_buf_span(&a->message);
    if (as_json) {
        json_t *out = json_pack("{s:s, s:o}", "status", name, "message",
                                json_stringn(message.len != 0 ? (const char *)message.at : "", message.len));
        if (out != NULL && refusal != NULL)
            json_object_set_new(out, "refusal", cs_pbjson_write(&refusal->base, true));
        return cs_cli_json(cli, out, code);
    }
    fprintf(cli->err, "countersign: %s: ", name);
    cs_cli_text(cli->err, message);
    fputs("\n", cli->err);
    if (refusal == NULL)
        return code;
    fprintf(cli->out, "%srefused%s: %u reason(s)", cs_cli_red(cli), cs_cli_plain(cli),
            refusal->total_reasons);
    if (refusal->ledger_entry != 0)
        fprintf(cli->out, ", ledger entry %llu", (unsigned long long)refusal->ledger_entry);
    fputs("\n", cli->out);
    cs_reasons_print(cli, refusal->n_reasons, refusal->reasons);
    if (refusal->total_reasons > refusal->n_reasons)
        fprintf(cli->out,
                "\n%zu more reason(s) did not fit into the answer; 'countersign evaluate' lists all.\n",
                refusal->total_reasons - refusal->n_reasons);
    return code;
}

int cs_call(struct cs_cli *cli, const struct cs_args *args, const char *path, const ProtobufCMessage *request,
            const ProtobufCMessageDescriptor *response, struct cs_arena *arena, const ProtobufCMessage **out)
{
    struct cs_note note = { 0 };
    struct cs_client *client = NULL;
    struct cs_client_answer answer = { 0 };
    struct cs_span bytes;
    uint64_t seconds;
    int code = CS_EXIT_DONE;
    if (!cs_ok(cs_arg_number(args, "timeout", 30, 1, 3600, &seconds, &note)))
        return cs_cli_usage(cli, "%s", note.text);
    if (!cs_ok(cs_proto_pack(request, arena, &bytes)))
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    if (!cs_ok(cs_client_open(cs_arg_get(args, "socket"), &client, &note)))
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "--socket %s", note.text);
    cs_result r = cs_client_call(client, path, bytes, (unsigned)seconds * 1000, &answer);
    if (!cs_ok(r))
        code = cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "%s: %s", cs_arg_get(args, "socket"),
                           cs_class(r) == CS_CLASS_PEER && cs_client_failure(client)[0] != '\0'
                               ? cs_client_failure(client)
                               : cs_result_text(r));
    else if (answer.status != 0)
        code = print_failure(cli, cs_arg_has(args, "json"), &answer);
    else if (!cs_ok(cs_proto_unpack(response, cs_buf_span(&answer.response), arena, out)))
        code = cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "%s: answered what is no %s", cs_arg_get(args, "socket"),
                           response->short_name);
    cs_client_answer_done(&answer);
    cs_client_close(client);
    return code;
}
