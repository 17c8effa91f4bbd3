/*
 * Stage for the signer: SoftHSM tokens in a directory of its own, keys made with countersign-token,
 * and a test program that plays parent and gate for a real countersign-signer.
 */
#ifndef CS_TEST_HSM_STAGE_H
#define CS_TEST_HSM_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/x509.h>
#include <sys/types.h>

#include "proxy/ipc/keytable.h"
#include "proxy/ipc/messages.h"

enum { STAGE_SKIP = 77, STAGE_PATH_LEN = 256 };

struct stage {
    char dir[64];
    const char *module; /* CS_SOFTHSM unless a test sets another */
};

/* stage_open makes the directory and points SOFTHSM2_CONF at it. PINs are pin-1234 (user), 5678. */
void stage_open(struct stage *s);
void stage_close(struct stage *s); /* removes everything */
void stage_path(const struct stage *s, const char *name, char out[STAGE_PATH_LEN]);
void stage_write(const struct stage *s, const char *name, const char *text);
void stage_read(const struct stage *s, const char *name, struct cs_buf *out); /* NUL-terminated */

/* stage_tool runs countersign-token with the given arguments, --module and --pin-file; out (may be
 * NULL) gets what it printed on both outputs, NUL-terminated. Returns the exit code, -1 for a signal. */
int stage_tool(const struct stage *s, struct cs_buf *out, const char *command, ...) __attribute__((sentinel));
void stage_token(const struct stage *s, const char *label);
/* stage_key makes a key with label and self-signed certificate "CN=<label>"; returns the DER. */
void stage_key(const struct stage *s, const char *token, const char *label, const char *id_hex,
               const char *type, struct cs_buf *out_certificate);
void stage_certificate(const struct stage *s, const char *uri, const char *label, struct cs_buf *out);

struct gate {
    pid_t pid;
    struct cs_chan chan;
    int lifeline_fd;
    char witness[STAGE_PATH_LEN], log[STAGE_PATH_LEN];
    struct cs_sha256 digest;
};

enum { GATE_ALL_GOOD = 0, GATE_WITNESS_NOT_APPEND = 1, GATE_NO_PIN = 2, GATE_WITNESS_FULL = 4 };

/* gate_start starts a signer with the table. gate_ready also exchanges HELLO and waits for READY. */
void gate_start(struct gate *g, const struct stage *s, const struct cs_keytable *t, const char *pin,
                unsigned flags);
void gate_ready(struct gate *g, const struct stage *s, const struct cs_keytable *t);
/* gate_wait waits for the end: exit code, or -1 for a signal. Closes everything. */
int gate_wait(struct gate *g);
int gate_end(struct gate *g); /* closes the lifeline, then gate_wait */
/* gate_log gets the signer's log, NUL-terminated. */
void gate_log(const struct gate *g, struct cs_buf *out);

struct reply {
    uint32_t type; /* 0: the signer closed the channel */
    uint64_t id;
    struct cs_msg_event event; /* of NOT_SIGNED, SIGN_UNSURE, HSM_EVENT */
    struct cs_msg_signed sig;  /* of SIGNED */
    uint8_t body[CS_HELLO_MAX_LEN];
    size_t body_len;
};
void gate_recv(struct gate *g, struct reply *r); /* fails the test after 20 s */
void gate_send(struct gate *g, uint64_t seq, const struct cs_msg_sign *m);
void gate_sign(struct gate *g, uint64_t seq, const struct cs_msg_sign *m, struct reply *r);

/* A leaf TBS for an issuer certificate. */
void leaf_tbs(struct cs_buf *out, struct cs_span issuer_certificate, struct cs_span algorithm,
              enum cs_sign_kind kind);
/* certificate_holds puts TBS, algorithm and signature together and lets OpenSSL verify it. */
bool certificate_holds(struct cs_span tbs, struct cs_span algorithm, struct cs_span signature,
                       struct cs_span issuer_certificate);

extern const char alg_p256[], alg_p384[], alg_p521[], alg_rsa256[], alg_rsa384[], alg_rsa512[], alg_pss256[],
    alg_pss384[], alg_pss512[]; /* hexadecimal */

#endif
