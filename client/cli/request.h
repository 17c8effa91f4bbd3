/*
 * Request: what the commands that send a TBS have in common: --issuer, --tbs, --evidence, --order-id and
 * --request-id.
 */
#ifndef CS_CLIENT_CLI_REQUEST_H
#define CS_CLIENT_CLI_REQUEST_H

#include "client/cli/cli.h"
#include "countersign/v1/envelope.pb-c.h"
#include "proxy/base/arena.h"

enum { CS_REQUEST_EVIDENCE_MAX = 1024, CS_REQUEST_ID_MAX_LEN = 64 };

/* Expands inside an option table. */
#define CS_REQUEST_OPTIONS                                                               \
    { "issuer", "ID", "issuer id of the policy", CS_OPT_REQUIRED },                      \
        { "tbs", "FILE", "TBSCertificate, DER", CS_OPT_VALUE },                          \
        { "tbs-of", "FILE", "certificate whose TBSCertificate is taken", CS_OPT_VALUE }, \
        { "evidence", "FILE", "signed statement", CS_OPT_REPEATED },                     \
    {                                                                                    \
        "order-id", "ID", "order to look deposited evidence up by", CS_OPT_VALUE         \
    }
#define CS_REQUEST_ID_OPTION                                                                     \
    {                                                                                            \
        "request-id", "HEX", "16 to 64 octets, kept over retries (default random)", CS_OPT_VALUE \
    }

/* Everything lives in the arena. */
struct cs_request {
    struct cs_span tbs;
    size_t n_evidence;
    Countersign__V1__Envelope **evidence;
    uint8_t id[CS_REQUEST_ID_MAX_LEN];
    size_t id_len;
};

/* Each reads its options; the note names the option and the file. */
CS_RESULT cs_request_take_evidence(const struct cs_args *args, struct cs_arena *arena, struct cs_request *out,
                                   struct cs_note *note);
CS_RESULT cs_request_take(const struct cs_args *args, struct cs_arena *arena, struct cs_request *out,
                          struct cs_note *note); /* TBS and evidence */
CS_RESULT cs_request_take_id(const struct cs_args *args, struct cs_request *out, struct cs_note *note);

/* An option's text as a bytes field; empty when it is absent. */
ProtobufCBinaryData cs_request_text(const struct cs_args *args, const char *option);

/* Says how to ask again for what may have been recorded under this id. */
void cs_request_say_repeat(struct cs_cli *cli, const struct cs_request *q);

#endif
