/*
 * Messages: the only words front, gate and signer share. Each message is a struct with a put and a
 * get; a get writes its output only on success and leaves no byte unread. Numbers are part of the
 * build, not of a public interface: all processes come from one build and HELLO compares versions.
 */
#ifndef CS_IPC_MESSAGES_H
#define CS_IPC_MESSAGES_H

#include "proxy/base/digest.h"
#include "proxy/ipc/channel.h"

enum { CS_IPC_VERSION = 2 };

enum cs_msg_type {
    CS_MSG_HELLO = 1, /* both ways on every channel, first and once */

    CS_MSG_CALL = 10, /* front -> gate: one whole request; id = call */
    CS_MSG_CANCEL,    /* front -> gate: nobody waits for this call any more; no body */
    CS_MSG_ANSWER,    /* gate -> front: final answer of a call; exactly one per CALL */
    CS_MSG_DRAIN,     /* gate -> front or parent -> front: finish running calls, take no new ones */
    CS_MSG_PART,      /* gate -> front: one message of a streaming answer; body = the message; id = call */
    CS_MSG_MORE,      /* front -> gate: so many more PARTs of this call may come; body = u32 */

    CS_MSG_SIGN = 20,   /* gate -> signer; id = ledger sequence of the committed intent */
    CS_MSG_SIGNED,      /* signer -> gate; id = same */
    CS_MSG_NOT_SIGNED,  /* signer -> gate; id = same: the key was not used */
    CS_MSG_SIGN_UNSURE, /* signer -> gate; id = same: the token was asked, no usable answer */
    CS_MSG_HSM_EVENT,   /* signer -> gate: connected, lost, reconnected ...; id = 0 */
};

/* Caps, bytes. CS_TBS_MAX_LEN leaves room in a 65,535-byte ledger entry (C2SP tiles) for the rest. */
enum {
    CS_TBS_MAX_LEN = 40000,
    CS_REQUEST_MAX_LEN = 1024 * 1024,
    CS_ANSWER_MAX_LEN = 1024 * 1024,
    CS_STATUS_TEXT_MAX_LEN = 1024,
    CS_DETAILS_MAX_LEN = 5600, /* base64 of it and the other trailers stay under 8 KiB */
    CS_SIGNATURE_MAX_LEN = 1024,
    CS_ALGORITHM_MAX_LEN = 128,
    CS_HELLO_MAX_LEN = 4096,
    CS_USER_AGENT_MAX_LEN = 256,
    CS_PEER_NAMES_MAX = 16, /* dNSNames of a client certificate */
    CS_PEER_NAME_MAX_LEN = 253,
    CS_LISTENER_NAME_MAX_LEN = 64,
    CS_PARTS_AT_FIRST = 8, /* PARTs a streaming call may have without a MORE */
    CS_MSG_CALL_MAX_LEN = CS_REQUEST_MAX_LEN + 8192,
    CS_MSG_ANSWER_MAX_LEN = CS_ANSWER_MAX_LEN + CS_STATUS_TEXT_MAX_LEN + CS_DETAILS_MAX_LEN + 64,
    CS_MSG_SIGN_MAX_LEN = CS_TBS_MAX_LEN + CS_ALGORITHM_MAX_LEN + 64,
    CS_MSG_SIGNED_MAX_LEN = CS_SIGNATURE_MAX_LEN + 128,
    CS_MSG_EVENT_MAX_LEN = 1024,
};

/* How a method answers: one message, or any number of them (PART) before the final status. */
enum cs_method_shape { CS_UNARY = 1, CS_STREAMING };

/* The RPCs that the gate answers. X(id, service, method, shape): the path is /service/method. Policies
 * write the method's name, so it is unique over all services. METRICS has no names: no path and no policy
 * reaches it; the front alone asks for it (CS_TRANSPORT_FRONT) and gets Prometheus text. */
#define CS_METHODS(X)                                                                         \
    X(SIGN_CERTIFICATE, "countersign.v1.SigningService", "SignCertificate", CS_UNARY)         \
    X(EVALUATE_CERTIFICATE, "countersign.v1.SigningService", "EvaluateCertificate", CS_UNARY) \
    X(DEPOSIT_EVIDENCE, "countersign.v1.EvidenceService", "DepositEvidence", CS_UNARY)        \
    X(HEALTH_CHECK, "grpc.health.v1.Health", "Check", CS_UNARY)                               \
    X(AUTHORIZE_TBS, "countersign.v1.SigningService", "AuthorizeTbs", CS_UNARY)               \
    X(SIGN_AUTHORIZED, "countersign.v1.SigningService", "SignAuthorized", CS_UNARY)           \
    X(LIST_ISSUERS, "countersign.v1.SigningService", "ListIssuers", CS_UNARY)                 \
    X(RECALL_EVIDENCE, "countersign.v1.EvidenceService", "RecallEvidence", CS_UNARY)          \
    X(PLACE_HOLD, "countersign.v1.HoldService", "PlaceHold", CS_UNARY)                        \
    X(LIFT_HOLD, "countersign.v1.HoldService", "LiftHold", CS_UNARY)                          \
    X(LIST_HOLDS, "countersign.v1.HoldService", "ListHolds", CS_UNARY)                        \
    X(HEALTH_WATCH, "grpc.health.v1.Health", "Watch", CS_STREAMING)                           \
    X(GET_STATUS, "countersign.v1.StatusService", "GetStatus", CS_UNARY)                      \
    X(LIST_CLIENTS, "countersign.v1.StatusService", "ListClients", CS_UNARY)                  \
    X(GET_CHECKPOINT, "countersign.v1.LedgerService", "GetCheckpoint", CS_UNARY)              \
    X(GET_RECEIPT, "countersign.v1.LedgerService", "GetReceipt", CS_UNARY)                    \
    X(QUERY_ISSUANCE, "countersign.v1.LedgerService", "QueryIssuance", CS_STREAMING)          \
    X(METRICS, "", "", CS_UNARY)

enum cs_method {
    CS_METHOD_NONE = 0,
#define X(id, service, method, shape) CS_METHOD_##id,
    CS_METHODS(X)
#undef X
        CS_METHOD_COUNT
};

/* What a key may sign. Bits, fixed per key (design section 7). */
enum cs_purpose {
    CS_PURPOSE_LEAF = 1,
    CS_PURPOSE_CA = 2,
    CS_PURPOSE_CRL = 4,
    CS_PURPOSE_OCSP = 8,
    CS_PURPOSE_LEDGER = 16,
};

/* What one SIGN asks for; exactly one purpose covers each kind. */
enum cs_sign_kind {
    CS_SIGN_PRECERTIFICATE = 1, /* purpose LEAF; TBS has the RFC 6962 poison */
    CS_SIGN_CERTIFICATE = 2,    /* purpose LEAF; TBS has no poison */
};

struct cs_hello {
    uint32_t version;         /* CS_IPC_VERSION */
    struct cs_sha256 subject; /* what both sides must agree on: signer channel: digest of the key table
                                 (keytable.h); front channel: zeros */
};
CS_RESULT cs_hello_put(struct cs_chan *c, const struct cs_hello *m);
CS_RESULT cs_hello_get(struct cs_span in, struct cs_hello *out);

/* Who calls, as the kernel or TLS says it; the gate maps it to a client of the policy. */
enum cs_transport {
    CS_TRANSPORT_FRONT = 0, /* the front itself, asking for numbers; never a client */
    CS_TRANSPORT_UNIX = 1,  /* uid, gid by SO_PEERCRED */
    CS_TRANSPORT_TLS = 2,   /* names, spki_sha256 of a verified client certificate */
};
struct cs_peer {
    uint8_t transport; /* enum cs_transport */
    uint8_t listener;  /* index in the daemon's configuration */
    uint32_t uid, gid;
    uint32_t pid;                 /* for the log only */
    struct cs_span listener_name; /* configured name, at most 64 octets; may be empty */
    struct cs_sha256 spki_sha256; /* TLS: of the certificate's SubjectPublicKeyInfo */
    uint32_t n_names;             /* TLS: dNSNames, lower case, as in the certificate */
    struct cs_span name[CS_PEER_NAMES_MAX];
};

struct cs_msg_call {
    uint16_t method; /* enum cs_method */
    struct cs_peer peer;
    int64_t deadline_mono_us; /* CLOCK_MONOTONIC; always set: the front applies its own maximum */
    struct cs_span user_agent;
    struct cs_span request; /* the protobuf message, unparsed */
};
CS_RESULT cs_msg_call_put(struct cs_chan *c, uint64_t id, const struct cs_msg_call *m);
CS_RESULT cs_msg_call_get(struct cs_span in, struct cs_msg_call *out);

struct cs_msg_answer {
    uint32_t status;         /* gRPC status code */
    struct cs_span text;     /* grpc-message, raw UTF-8; the front percent-encodes */
    struct cs_span details;  /* google.rpc.Status bytes, or empty */
    struct cs_span response; /* the protobuf message; used only when status is 0 */
};
CS_RESULT cs_msg_answer_put(struct cs_chan *c, uint64_t id, const struct cs_msg_answer *m);
CS_RESULT cs_msg_answer_get(struct cs_span in, struct cs_msg_answer *out);

/* One message of a streaming answer. The gate sends no more of them than CS_PARTS_AT_FIRST and what MORE
 * added; the front says MORE when it has handed messages on, so a slow reader holds the gate's hand. */
CS_RESULT cs_msg_part_put(struct cs_chan *c, uint64_t call, struct cs_span message);
CS_RESULT cs_msg_more_put(struct cs_chan *c, uint64_t call, uint32_t n);
CS_RESULT cs_msg_more_get(struct cs_span in, uint32_t *out_n);

struct cs_msg_sign {
    uint32_t key;             /* index into the key table */
    uint8_t kind;             /* enum cs_sign_kind */
    struct cs_span algorithm; /* whole AlgorithmIdentifier DER; equals the one inside the TBS */
    struct cs_span tbs;
};
CS_RESULT cs_msg_sign_put(struct cs_chan *c, uint64_t seq, const struct cs_msg_sign *m);
CS_RESULT cs_msg_sign_get(struct cs_span in, struct cs_msg_sign *out);

struct cs_msg_signed {
    struct cs_sha256 tbs_sha256; /* of the bytes that were signed, as the signer saw them */
    struct cs_span signature;    /* X.509 form: DER Ecdsa-Sig-Value, or the RSA octets */
};
CS_RESULT cs_msg_signed_put(struct cs_chan *c, uint64_t seq, const struct cs_msg_signed *m);
CS_RESULT cs_msg_signed_get(struct cs_span in, struct cs_msg_signed *out);

/* NOT_SIGNED, SIGN_UNSURE and HSM_EVENT share one shape. */
struct cs_msg_event {
    uint32_t code;       /* cs_result code, or for HSM_EVENT an enum cs_hsm_state */
    uint64_t ck_rv;      /* PKCS#11 return value, 0 if none */
    struct cs_span text; /* a sentence for people, UTF-8 */
};
enum cs_hsm_state { CS_HSM_READY = 1, CS_HSM_LOST = 2 };
CS_RESULT cs_msg_event_put(struct cs_chan *c, uint32_t type, uint64_t id, const struct cs_msg_event *m);
CS_RESULT cs_msg_event_get(struct cs_span in, struct cs_msg_event *out);

#endif
