/*
 * What the files behind countersign.h share. Private to this folder.
 */
#ifndef CS_CLIENT_LIB_LIBRARY_H
#define CS_CLIENT_LIB_LIBRARY_H

#include "client/lib/client.h"
#include "client/lib/countersign.h"
#include "proxy/base/arena.h"

/* What an answer's response is decoded as. */
enum cs_answer_kind {
    CS_ANSWER_RAW,
    CS_ANSWER_SIGNED,
    CS_ANSWER_SIGNED_AUTHORIZED,
    CS_ANSWER_EVALUATED,
    CS_ANSWER_AUTHORIZED,
    CS_ANSWER_ISSUERS,
    CS_ANSWER_HEALTH,
};

/* An answer with everything it points to. The public part is first. */
struct cs_answer {
    struct countersign_answer shown;
    struct cs_client_answer wire;
    struct cs_arena arena;
};

/* cs_answer_read decodes the wire part into the shown part; unknown fields are passed over, so that a
 * newer gate can be talked to. PROTO or NO_MEMORY. */
CS_RESULT cs_answer_read(struct cs_answer *a, enum cs_answer_kind kind, struct cs_span request_id);

struct cs_library_call {
    const char *method;
    struct cs_span message, request_id;
    enum cs_answer_kind kind;
    bool once;           /* no repeats */
    cs_client_part part; /* of a stream; NULL: unary */
    void *part_ctx;
};
/* cs_library_run makes the call, with its repeats, as countersign.h promises of every call. */
int cs_library_run(struct countersign *c, const struct cs_library_call *call, struct countersign_answer **out,
                   struct countersign_error *error);
/* cs_library_say writes text to error (NULL allowed) and returns outcome. */
int cs_library_say(struct countersign_error *error, int outcome, const char *text);

/* Where to connect, read from the options. Texts are owned. */
struct cs_address {
    char *socket_path; /* NULL: TLS */
    char *host, *port, *ca_file, *certificate_file, *key_file, *name;
};
/* cs_address_read refuses, with a note, what does not name exactly one place; out is then empty. */
CS_RESULT cs_address_read(const struct countersign_options *o, struct cs_address *out, struct cs_note *note);
void cs_address_done(struct cs_address *a);

#endif
