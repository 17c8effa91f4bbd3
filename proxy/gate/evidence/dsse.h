/*
 * Signatures of attesters: the two algorithms an attester's key may have, each in its strictest
 * form, and the bounded memory of envelopes whose signatures were verified.
 */
#ifndef CS_GATE_EVIDENCE_DSSE_H
#define CS_GATE_EVIDENCE_DSSE_H

#include "proxy/gate/evidence/evidence.h"

/*
 * cs_signature_verify is true when sig is a signature over message by key. The algorithm is the
 * policy's; a key of another kind than it needs makes no signature valid. Ed25519: RFC 8032, 64
 * octets. ECDSA: P-256 with SHA-256, signature as cs_ecdsa_p256_sig_is_der has it. A failure of the
 * library reads as false.
 */
bool cs_signature_verify(EVP_PKEY *key, enum cs_attester_algorithm algorithm, struct cs_span message,
                         struct cs_span sig);

/* cs_ecdsa_p256_sig_is_der: Ecdsa-Sig-Value (RFC 3279 2.2.3) in DER, minimal INTEGERs r and s with
 * 1 <= r,s < n of P-256, nothing behind. */
bool cs_ecdsa_p256_sig_is_der(struct cs_span sig);

/* cs_signature_could_be: whether sig has a form that algorithm makes; saves the keys that cannot fit. */
bool cs_signature_could_be(enum cs_attester_algorithm algorithm, struct cs_span sig);

/* Algorithm that a key signs with, CS_ATTESTER_NONE when it is neither Ed25519 nor on P-256. */
enum cs_attester_algorithm cs_signature_algorithm_of(const EVP_PKEY *key);

/* Signers as indices into cs_policy.attester, one per signature, in the envelope's order. */
struct cs_signers {
    uint32_t n;
    uint32_t index[CS_SIGNATURES_MAX];
};

/* Look-up and insertion for one policy: entries made under another policy object or document are
 * dropped first. c may be NULL: nothing is found, nothing kept. */
bool cs_evidence_cache_find(struct cs_evidence_cache *c, const struct cs_policy *policy,
                            const struct cs_sha256 *envelope_digest, struct cs_signers *out);
void cs_evidence_cache_keep(struct cs_evidence_cache *c, const struct cs_policy *policy,
                            const struct cs_sha256 *envelope_digest, const struct cs_signers *signers);

#endif
