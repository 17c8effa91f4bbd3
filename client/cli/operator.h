/*
 * Statements of operators, holds and recalls: made from flags or taken from a file, signed by one key or
 * several, sent, or written for the next operator to sign.
 */
#ifndef CS_CLIENT_CLI_OPERATOR_H
#define CS_CLIENT_CLI_OPERATOR_H

#include "client/cli/attest.h"
#include "countersign/v1/envelope.pb-c.h"
#include "proxy/base/arena.h"

/* Options of every command that makes one; expands inside an option table, which it ends. */
#define CS_OPERATOR_OPTIONS                                                                                  \
    { "reason", "TEXT", "why; stands in every refusal", CS_OPT_VALUE },                                      \
        { "from", "FILE", "JSON object of the statement's body; flags override its members", CS_OPT_VALUE }, \
        { "statement", "FILE", "send this signed statement instead", CS_OPT_VALUE },                         \
        { "key", "FILE", "private key of an operator, PEM; further ones cosign", CS_OPT_REPEATED },          \
        { "operator", "NAME", "name of the first key's attester in the policy", CS_OPT_VALUE },              \
        { "audience", "ID", "deployment of the policy", CS_OPT_VALUE },                                      \
        { "statement-id", "HEX", "16 to 32 octets (default 32 random ones)", CS_OPT_VALUE },                 \
        { "issued-at", "TIME", "default now", CS_OPT_VALUE },                                                \
        { "expires-at", "TIME", "last moment to send it (default 7 days from issued-at)", CS_OPT_VALUE },    \
        { "out", "FILE", "write the signed statement there", CS_OPT_VALUE },                                 \
        { "format", "FORM", "of --out: protobuf or json (default protobuf)", CS_OPT_VALUE },                 \
        { "socket", "PATH", "Unix socket of the proxy; without it nothing is sent", CS_OPT_VALUE },          \
        { "timeout", "SECONDS", "1 to 3600 (default 30)", CS_OPT_VALUE },                                    \
        { "json", NULL, "print JSON", CS_OPT_SWITCH },                                                       \
    {                                                                                                        \
        0                                                                                                    \
    }

/* cs_operator_statement makes or reads the envelope, adds the signatures of further keys and writes it where
 * --out says. CS_EXIT_DONE with *out in the arena, and *out_send when it is to be sent; else what is wrong
 * has been printed. */
int cs_operator_statement(struct cs_cli *cli, const struct cs_args *args, const struct cs_attest_kind *kind,
                          struct cs_arena *arena, Countersign__V1__Envelope **out, bool *out_send);

#endif
