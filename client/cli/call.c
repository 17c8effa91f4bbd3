#include "client/cli/call.h"

#include <stdlib.h>

#include "client/cli/pbjson.h"
#include "client/lib/countersign.h"
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

static int print_failure(struct cs_cli *cli, bool as_json, const struct countersign_answer *a)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    char room[24];
    const char *name = cs_status_name(a->grpc_status, room);
    const Countersign__V1__Refusal *refusal =
        cs_refusal_of(cs_span_of(a->details.at, a->details.len), &arena);
    int code = refusal != NULL ? CS_EXIT_REFUSED : (int)cs_exit_of_status(a->grpc_status);
    struct cs_span message = cs_span_str(a->message);
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

/* An option, or the environment variable of the same meaning: only paths stand there. */
static const char *path_of(const struct cs_args *args, const char *option, const char *variable)
{
    const char *given = cs_arg_get(args, option);
    if (given == NULL)
        given = getenv(variable);
    return given != NULL && given[0] != '\0' ? given : NULL;
}

/* Where to connect; false after printing what is wrong. The arena holds the address. */
static bool where(struct cs_cli *cli, const struct cs_args *args, struct cs_arena *arena,
                  struct countersign_options *out)
{
    const char *address = cs_arg_get(args, "connect");
    const char *path =
        address == NULL ? path_of(args, "socket", "COUNTERSIGN_SOCKET") : cs_arg_get(args, "socket");
    if ((address == NULL) == (path == NULL)) {
        (void)cs_cli_usage(cli, "--socket, --connect: %s given, needs one", path == NULL ? "none" : "both");
        return false;
    }
    out->size = sizeof *out;
    out->address = address != NULL ? address : cs_arena_printf(arena, "unix:%s", path);
    out->tls_ca = cs_arg_get(args, "tls-ca");
    out->tls_certificate = cs_arg_get(args, "tls-certificate");
    out->tls_key = cs_arg_get(args, "tls-key");
    out->tls_name = cs_arg_get(args, "tls-name");
    if (strncmp(out->address, "tls:", 4) == 0) {
        out->tls_ca = path_of(args, "tls-ca", "COUNTERSIGN_TLS_CA");
        out->tls_certificate = path_of(args, "tls-certificate", "COUNTERSIGN_TLS_CERTIFICATE");
        out->tls_key = path_of(args, "tls-key", "COUNTERSIGN_TLS_KEY");
    }
    return true;
}

struct calling {
    struct countersign_options options;
    struct countersign *connection;
    struct countersign_answer *answer;
    struct countersign_error error;
    struct cs_span request;
    int (*part)(void *ctx, struct cs_span message); /* NULL: unary */
    void *ctx;
    bool unwanted;
};

static int hand_part(void *ctx, struct countersign_bytes message)
{
    struct calling *c = ctx;
    c->unwanted = c->part(c->ctx, cs_span_of(message.at, message.len)) != 0;
    return c->unwanted ? 1 : 0;
}

static int run_call(struct calling *c, const char *path)
{
    const struct countersign_bytes request = { c->request.at, c->request.len };
    int outcome = countersign_open(&c->options, &c->connection, &c->error);
    if (outcome != COUNTERSIGN_DONE)
        return outcome;
    if (c->part != NULL)
        return countersign_stream(c->connection, path, request, hand_part, c, &c->answer, &c->error);
    return countersign_call(c->connection, path, request, &c->answer, &c->error);
}

/* The call, whatever its shape; *c is done by the caller. */
static int call_of(struct cs_cli *cli, const struct cs_args *args, const char *path,
                   const ProtobufCMessage *request, struct cs_arena *arena, struct calling *c)
{
    struct cs_note note = { 0 };
    uint64_t seconds;
    if (!cs_ok(cs_arg_number(args, "timeout", 30, 1, 3600, &seconds, &note)))
        return cs_cli_usage(cli, "%s", note.text);
    if (!where(cli, args, arena, &c->options))
        return CS_EXIT_USAGE;
    c->options.timeout_ms = (uint32_t)seconds * 1000;
    if (!cs_ok(cs_proto_pack(request, arena, &c->request)))
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    int outcome = run_call(c, path);
    if (c->unwanted)
        return CS_EXIT_UNREACHABLE; /* and the reader knows why */
    if (outcome == COUNTERSIGN_REFUSED)
        return print_failure(cli, cs_arg_has(args, "json"), c->answer);
    if (outcome != COUNTERSIGN_DONE)
        return cs_cli_fail(cli, outcome == COUNTERSIGN_ARGUMENT ? CS_EXIT_USAGE : CS_EXIT_UNREACHABLE,
                           "%s: %s", c->options.address, c->error.text);
    return CS_EXIT_DONE;
}

static void calling_done(struct calling *c)
{
    countersign_answer_free(c->answer);
    countersign_close(c->connection);
}

int cs_call(struct cs_cli *cli, const struct cs_args *args, const char *path, const ProtobufCMessage *request,
            const ProtobufCMessageDescriptor *response, struct cs_arena *arena, const ProtobufCMessage **out)
{
    struct calling c = { 0 };
    int code = call_of(cli, args, path, request, arena, &c);
    if (code == CS_EXIT_DONE &&
        !cs_ok(
            cs_proto_unpack(response, cs_span_of(c.answer->response.at, c.answer->response.len), arena, out)))
        code = cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "%s: answered what is no %s", c.options.address,
                           response->short_name);
    calling_done(&c);
    return code;
}

int cs_call_stream(struct cs_cli *cli, const struct cs_args *args, const char *path,
                   const ProtobufCMessage *request, int (*part)(void *ctx, struct cs_span message), void *ctx)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct calling c = { .part = part, .ctx = ctx };
    int code = call_of(cli, args, path, request, &arena, &c);
    calling_done(&c);
    return code;
}
