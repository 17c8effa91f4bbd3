/*
 * One gRPC call for a command: connects, calls, decodes, and turns every ending into an exit code.
 */
#ifndef CS_CLIENT_CLI_CALL_H
#define CS_CLIENT_CLI_CALL_H

#include "client/cli/cli.h"
#include "countersign/v1/verdict.pb-c.h"
#include "proxy/base/arena.h"

/* Options of every command that calls; expands inside an option table. */
#define CS_CALL_OPTIONS                                                                              \
    { "socket", "PATH", "Unix socket of the proxy (default $COUNTERSIGN_SOCKET)", CS_OPT_VALUE },    \
        { "connect", "ADDRESS", "unix:PATH or tls:HOST:PORT, in place of --socket", CS_OPT_VALUE },  \
        { "tls-ca", "FILE", "PEM: issuers of the proxy's certificate (default $COUNTERSIGN_TLS_CA)", \
          CS_OPT_VALUE },                                                                            \
        { "tls-certificate", "FILE",                                                                 \
          "PEM: who calls, with its chain (default $COUNTERSIGN_TLS_CERTIFICATE)", CS_OPT_VALUE },   \
        { "tls-key", "FILE", "PEM: its key (default $COUNTERSIGN_TLS_KEY)", CS_OPT_VALUE },          \
        { "tls-name", "NAME", "name in the proxy's certificate (default HOST)", CS_OPT_VALUE },      \
        { "timeout", "SECONDS", "1 to 3600 (default 30)", CS_OPT_VALUE },                            \
        { "json", NULL, "print JSON", CS_OPT_SWITCH },                                               \
    {                                                                                                \
        0                                                                                            \
    }

/*
 * cs_call sends request and decodes the answer as response into the arena. CS_EXIT_DONE with *out
 * set, or the code of what went wrong, which has been printed: a refusal with its reasons on standard
 * output, everything else on standard error.
 */
int cs_call(struct cs_cli *cli, const struct cs_args *args, const char *path, const ProtobufCMessage *request,
            const ProtobufCMessageDescriptor *response, struct cs_arena *arena, const ProtobufCMessage **out);

/* cs_call_stream calls a server-streaming RPC; part gets each message as it comes and ends the call by not
 * returning 0: what it printed then stands alone, and the code is CS_EXIT_UNREACHABLE. Else as cs_call. */
int cs_call_stream(struct cs_cli *cli, const struct cs_args *args, const char *path,
                   const ProtobufCMessage *request, int (*part)(void *ctx, struct cs_span message),
                   void *ctx);

/* What a gRPC status means to a script, and its name; "status 99" forms live in room. */
enum cs_exit cs_exit_of_status(uint32_t status);
const char *cs_status_name(uint32_t status, char room[24]);

/* cs_refusal_of finds the Refusal in google.rpc.Status bytes; NULL when there is none. */
const Countersign__V1__Refusal *cs_refusal_of(struct cs_span details, struct cs_arena *arena);

/* ---- verdicts for people ---- */

void cs_reasons_print(struct cs_cli *cli, size_t n, Countersign__V1__Reason *const *reason);
/* cs_verdict_print prints outcome, reasons and what covers what. */
void cs_verdict_print(struct cs_cli *cli, const Countersign__V1__Verdict *v);

#endif
