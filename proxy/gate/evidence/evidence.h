/*
 * Evidence: from an envelope's bytes to a statement that may be relied on. Order of work, nothing
 * skipped: caps, canonical envelope, DSSE signatures over the PAE with the policy's keys, only then
 * the payload: canonical statement, required fields, attester and role, audience, ruleset, time.
 *
 * Whether the statement's content satisfies a rule is judged elsewhere.
 */
#ifndef CS_GATE_EVIDENCE_EVIDENCE_H
#define CS_GATE_EVIDENCE_EVIDENCE_H

#include "countersign/v1/envelope.pb-c.h"
#include "countersign/v1/statement.pb-c.h"

#include "proxy/gate/verdict/verdict.h"
#include "proxy/policy/policy.h"

#define CS_PAYLOAD_TYPE "application/vnd.countersign.attestation.v1+protobuf"

enum {
    CS_ENVELOPE_MAX_LEN = 64 * 1024,
    CS_PAYLOAD_MAX_LEN = 56 * 1024,
    CS_SIGNATURES_MAX = 8,
    CS_STATEMENT_ID_MIN_LEN = 16,
    CS_STATEMENT_ID_MAX_LEN = 32,
    CS_ACCOUNT_MAX_LEN = 128,
    CS_ORDER_ID_MAX_LEN = 64,
};

/* One admitted envelope. Pointers live in the arena given to cs_evidence_admit. */
struct cs_evidence {
    struct cs_sha256 digest;         /* of the canonical envelope bytes */
    struct cs_sha256 payload_sha256; /* of the statement bytes */
    struct cs_span envelope;         /* canonical bytes */
    const Countersign__V1__Statement *statement;
    uint32_t n_signers;                 /* different keys that verified, all with the statement's role */
    uint32_t signer[CS_SIGNATURES_MAX]; /* indices into cs_policy.attester; [0] is header.attester */
    bool deposited;                     /* came from the store, not with the request */
    const char *label;                  /* how a reason names it: "evidence[3]", "deposit 5f2c..." */
};

static inline struct cs_span cs_evidence_account(const struct cs_evidence *e)
{
    return cs_span_of(e->statement->header->account.data, e->statement->header->account.len);
}

/* Verified-signature cache keyed by envelope digest, bounded, oldest out first. It keeps which keys
 * verified, nothing that depends on time; belongs to one policy object. */
struct cs_evidence_cache;
CS_RESULT cs_evidence_cache_new(uint32_t max_entries, struct cs_evidence_cache **out);
void cs_evidence_cache_free(struct cs_evidence_cache *c); /* NULL-safe */
struct cs_evidence_cache_stats {
    uint64_t n_hits, n_misses, n_kept; /* look-ups, and envelopes that verified, since it was made */
    uint32_t n_entries;
};
void cs_evidence_cache_stats_get(const struct cs_evidence_cache *c, struct cs_evidence_cache_stats *out);

struct cs_evidence_context {
    const struct cs_policy *policy;
    int64_t now_unix_s;
    struct cs_evidence_cache *cache; /* may be NULL */
    /* Signature verifications that may still be tried, counted down; NULL: no bound. A genuine
     * signature whose keyid names its key costs one, a signature nobody made one per fitting key. */
    uint32_t *trials_left;
};

/*
 * cs_evidence_admit checks one envelope. Sets *out_admitted; when false, the reasons (E01 .. E05,
 * E07) are on the verdict with label as their subject. *out is complete only when admitted. A
 * failure result means the check could not be made (memory, library). label is copied.
 *
 * E06 (statement id uniqueness) needs the ledger and is the caller's: it holds payload_sha256.
 */
CS_RESULT cs_evidence_admit(const struct cs_evidence_context *ctx, struct cs_span envelope, const char *label,
                            struct cs_arena *arena, struct cs_verdict *verdict, bool *out_admitted,
                            struct cs_evidence *out);

/* ---- DSSE ---- */

/* cs_dsse_pae appends PAE(type, body) (DSSE 1.0.2). */
void cs_dsse_pae(struct cs_buf *out, struct cs_span type, struct cs_span body);

/* cs_dsse_verify is true when sig is a signature over the PAE bytes by key with algorithm: Ed25519
 * over the bytes, or ECDSA P-256/SHA-256 with a strict DER signature. */
bool cs_dsse_verify(EVP_PKEY *key, enum cs_attester_algorithm algorithm, struct cs_span pae,
                    struct cs_span sig);

/* cs_dsse_sign makes an envelope over payload with a private key; keyid is the hex SHA-256 of the
 * SubjectPublicKeyInfo. The result's bytes are appended to out (canonical protobuf). For the CLI and
 * tests; the gate never signs statements. */
CS_RESULT cs_dsse_sign(EVP_PKEY *private_key, struct cs_span payload, struct cs_buf *out);
/* cs_dsse_cosign adds one more signature to an existing envelope. */
CS_RESULT cs_dsse_cosign(EVP_PKEY *private_key, struct cs_span envelope, struct cs_buf *out);

/* JSON form of DSSE for files: {"payload":base64,"payloadType":..,"signatures":[{"sig":..,"keyid":..}]} */
CS_RESULT cs_dsse_to_json(struct cs_span envelope, struct cs_buf *out);
/* Accepts standard and URL-safe base64, ignores unknown members, missing keyid = empty; refuses
 * duplicate members. Appends canonical protobuf bytes. */
CS_RESULT cs_dsse_from_json(struct cs_span json, struct cs_buf *out, struct cs_note *note);

/* ---- statement form, shared by gate and CLI ---- */

/* cs_statement_check is true when every field the statement's kind requires is present and within its
 * bounds; otherwise *why names the field (static text). E01's second half. */
bool cs_statement_check(const Countersign__V1__Statement *s, const char **why);
/* The role that may sign this kind of statement; ROLE_UNSPECIFIED without a body. */
Countersign__V1__Role cs_statement_role(const Countersign__V1__Statement *s);
const char *cs_statement_kind_name(const Countersign__V1__Statement *s); /* "domain-control" ... */
/* Known versions of the requirements; true for "tls-br-2.2.6" and the later ones of the table. */
bool cs_ruleset_known(struct cs_span ruleset);

#endif
