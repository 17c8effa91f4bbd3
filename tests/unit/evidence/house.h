/* A small policy with keys, and one good statement of each kind. */
#ifndef CS_TESTS_EVIDENCE_HOUSE_H
#define CS_TESTS_EVIDENCE_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "proto/canonical.h"
#include "proxy/gate/evidence/dsse.h"

typedef Countersign__V1__Statement S;

enum { HOUSE_NOW = 1795000000 }; /* 2026-11-18 */

/* Attesters of the house, by index. */
enum {
    VALIDATOR,    /* Ed25519; validation system, all methods but constructed e-mail */
    VALIDATOR_EC, /* ECDSA, the same */
    VETTER,       /* Ed25519 */
    VETTER_EC,    /* ECDSA */
    ORDERS,       /* Ed25519 */
    EVERYTHING,   /* Ed25519; every other role */
    N_ATTESTERS
};

struct house {
    struct cs_policy *policy;
    EVP_PKEY *stranger;
    struct cs_arena arena; /* of statements and envelopes; emptied by whoever loops */
};

void house_open(struct house *h);
void house_close(struct house *h);

#define BODY(kind) COUNTERSIGN__V1__STATEMENT__BODY_##kind
extern const int house_kinds[9];

/* A statement that everything accepts, in the arena, with every field set that may be set together.
 * Issued at HOUSE_NOW - 100, expires at HOUSE_NOW + 86400. */
S *house_statement(struct cs_arena *a, int kind);
/* The attester who may sign it. */
uint32_t house_signer(int kind);

ProtobufCBinaryData house_bytes(struct cs_arena *a, const char *text);
ProtobufCBinaryData house_filled(struct cs_arena *a, uint8_t c, size_t len);

struct cs_span house_pack(struct house *h, const S *s);
/* Envelope over payload signed by the n attesters; in the house's arena. */
struct cs_span house_sign(struct house *h, struct cs_span payload, uint32_t n, const uint32_t *by);
struct cs_span house_sign_key(struct house *h, struct cs_span payload, EVP_PKEY *key);

/* Admits at time now with an optional cache; *v (zero before) gets the reasons. */
bool house_admit(struct house *h, struct cs_span envelope, int64_t now, struct cs_evidence_cache *cache,
                 struct cs_verdict *v, struct cs_evidence *out);
/* Whether the envelope is refused at now for this rule and no other. */
bool house_refuses(struct house *h, struct cs_span envelope, int64_t now, enum cs_rule rule);
bool house_admits(struct house *h, struct cs_span envelope, int64_t now);
/* Fails unless the two above saw an admitted envelope, and one refused for each of these rules. */
void house_require_rows(size_t n, const enum cs_rule *rules);

#endif
