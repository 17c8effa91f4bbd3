/*
 * libcountersign: ask a countersign gate for signatures, from C.
 *
 * A call returns 0 (COUNTERSIGN_DONE) or says what kind of failure it was; *out is the answer in both
 * cases when the gate gave one, and its text says the rest. Nothing is printed, no signal handler, exit
 * handler or thread is installed, and SIGPIPE is never raised.
 *
 * Threads: a connection and its answers belong to one thread at a time; different threads use different
 * connections. Processes: after fork(2) a child may go on using a connection it inherited: its first
 * call drops the inherited socket, which the parent keeps, and opens one of its own.
 *
 * Every sign and authorise call carries a request id. When the gate is not reachable or answers UNAVAILABLE,
 * the call is repeated with the same id until its time is over; the same id never signs twice.
 *
 * Growth: structures the caller fills begin with their size; structures of the library only get longer.
 */
#ifndef COUNTERSIGN_H
#define COUNTERSIGN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call returns. */
enum countersign_outcome {
    COUNTERSIGN_DONE = 0,
    COUNTERSIGN_REFUSED = 1,     /* the gate answered with a gRPC status: see the answer */
    COUNTERSIGN_ARGUMENT = 2,    /* the arguments, or a file they name, cannot be used; nothing was sent */
    COUNTERSIGN_UNREACHABLE = 3, /* no connection, or it was lost; a signature may have been made: repeat
                                    with the same request id */
    COUNTERSIGN_NO_MEMORY = 4,
    COUNTERSIGN_PROTOCOL = 5, /* the gate's answer could not be read */
};

/* Borrowed octets. */
struct countersign_bytes {
    const uint8_t *at;
    size_t len;
};

/* Room for a sentence about a failure. */
struct countersign_error {
    char text[512];
};

/* Where the gate is. Fields left zero take the default; texts are copied. */
struct countersign_options {
    size_t size;                 /* sizeof (struct countersign_options) */
    const char *address;         /* "unix:/path" or "tls:host:port" ("tls:[2001:db8::1]:443") */
    const char *tls_ca;          /* PEM file: issuers of the gate's certificate; needed for tls */
    const char *tls_certificate; /* PEM file: the caller's certificate and chain; needed for tls */
    const char *tls_key;         /* PEM file without a passphrase; needed for tls */
    const char *tls_name;        /* name in the gate's certificate; default: host of the address */
    uint32_t timeout_ms;         /* of one call, all its repeats included; default 30,000 */
};

struct countersign; /* one connection */

/* countersign_open connects. error may be NULL. *out is written only when it returns COUNTERSIGN_DONE. */
int countersign_open(const struct countersign_options *options, struct countersign **out,
                     struct countersign_error *error);
/* countersign_close frees it; answers stay valid. NULL is accepted. */
void countersign_close(struct countersign *c);

/* One rule that does not hold: id, what it says, what it concerns, what is there, what was needed. */
struct countersign_reason {
    const char *rule, *title, *subject, *found, *needed, *clause, *remedy;
};

/* One issuer of countersign_list_issuers. */
struct countersign_issuer {
    struct countersign_bytes id;
    struct countersign_bytes certificate;                 /* DER */
    const struct countersign_bytes *signature_algorithms; /* DER AlgorithmIdentifiers */
    size_t n_signature_algorithms;
    int ready; /* its key can sign now */
};

/* An answer. Pointers live until countersign_answer_free; fields that a call does not give are zero. */
struct countersign_answer {
    uint32_t grpc_status;         /* 0: OK */
    const char *grpc_status_name; /* "FAILED_PRECONDITION" */
    const char *message;          /* for people, UTF-8; "" if there is none */

    struct countersign_bytes request_id; /* as sent; made by the library if the caller gave none */
    uint64_t ledger_entry;               /* of the decision; 0 if there is none */
    int replayed;                        /* this was recorded earlier for the same request id */

    struct countersign_bytes certificate; /* DER */
    struct countersign_bytes signature;   /* value of its BIT STRING; ECDSA as DER Ecdsa-Sig-Value */

    int admitted; /* sign, evaluate, authorise: no reason against */
    size_t n_reasons;
    const struct countersign_reason *reasons;
    uint32_t total_reasons; /* how many there are; a refusal may have room for fewer */

    struct countersign_bytes digest; /* authorise */
    int64_t expires_at_unix_s;

    size_t n_issuers;
    const struct countersign_issuer *issuers;

    int serving; /* health */

    struct countersign_bytes response; /* the protobuf message as it came */
    struct countersign_bytes details;  /* google.rpc.Status of a failure, protobuf */
};
void countersign_answer_free(struct countersign_answer *a); /* NULL is accepted */

/* What a request says. Which fields a call reads stands at the call. */
struct countersign_request {
    size_t size;                         /* sizeof (struct countersign_request) */
    struct countersign_bytes request_id; /* 16 to 64 octets; empty: random, see the answer */
    struct countersign_bytes issuer;     /* issuer id of the policy */
    struct countersign_bytes tbs_certificate;
    const struct countersign_bytes *evidence; /* DSSE envelopes, protobuf */
    size_t n_evidence;
    struct countersign_bytes order_id;
    struct countersign_bytes for_client; /* authorise */
    uint32_t valid_for_s;                /* authorise */
    struct countersign_bytes digest;     /* sign_authorized */
    struct countersign_bytes signature_algorithm;
};

/*
 * The calls. c, request and out are not NULL. *out is NULL unless the gate answered; else the caller
 * frees it. error gets a sentence whenever the result is not COUNTERSIGN_DONE; it may be NULL.
 */

/* Has a TBS judged and signed: request_id, issuer, tbs_certificate, evidence, order_id. */
int countersign_sign(struct countersign *c, const struct countersign_request *request,
                     struct countersign_answer **out, struct countersign_error *error);
/* The same verdict, nothing signed. COUNTERSIGN_DONE also when it is not admitted. */
int countersign_evaluate(struct countersign *c, const struct countersign_request *request,
                         struct countersign_answer **out, struct countersign_error *error);
/* Has a TBS judged for a later countersign_sign_authorized: as sign, and for_client, valid_for_s. */
int countersign_authorize(struct countersign *c, const struct countersign_request *request,
                          struct countersign_answer **out, struct countersign_error *error);
/* Signs the TBS an authorisation stands for: request_id, issuer, digest, signature_algorithm. */
int countersign_sign_authorized(struct countersign *c, const struct countersign_request *request,
                                struct countersign_answer **out, struct countersign_error *error);
/* Deposits n envelopes, all or none. */
int countersign_deposit(struct countersign *c, const struct countersign_bytes *evidence, size_t n,
                        struct countersign_answer **out, struct countersign_error *error);
/* The issuers this client may use. */
int countersign_list_issuers(struct countersign *c, struct countersign_answer **out,
                             struct countersign_error *error);
/* grpc.health.v1 of one service; "" or NULL for the whole gate. */
int countersign_health(struct countersign *c, const char *service, struct countersign_answer **out,
                       struct countersign_error *error);
/* Any unary RPC, "/package.Service/Method": octets in, octets out (response). It is sent once. */
int countersign_call(struct countersign *c, const char *method, struct countersign_bytes message,
                     struct countersign_answer **out, struct countersign_error *error);
/* Any server-streaming RPC. part gets each message as it comes, in order; while it runs nothing more is read,
 * and when it does not return 0 the call ends with gRPC status CANCELLED. The answer has no message of its
 * own. It is sent once. */
int countersign_stream(struct countersign *c, const char *method, struct countersign_bytes message,
                       int (*part)(void *ctx, struct countersign_bytes message), void *ctx,
                       struct countersign_answer **out, struct countersign_error *error);

/* Static texts. */
const char *countersign_version(void);
const char *countersign_grpc_status_name(uint32_t status);

#ifdef __cplusplus
}
#endif

#endif
