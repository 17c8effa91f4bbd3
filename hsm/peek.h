/*
 * Peek: the signer's own look at a tbsCertificate before it signs. It shares no code with the gate,
 * so that one parser's mistake does not open both doors. It refuses what would be a disaster under
 * the issuer's key: another issuer's name, a CA certificate, a precertificate passed as a
 * certificate, a signature algorithm that was not asked for, bytes that are not strict DER.
 */
#ifndef CS_HSM_PEEK_H
#define CS_HSM_PEEK_H

#include "proxy/base/bytes.h"
#include "proxy/ipc/messages.h"

struct cs_peek_want {
    enum cs_sign_kind kind;
    struct cs_span algorithm;   /* whole AlgorithmIdentifier */
    struct cs_span issuer_name; /* whole Name: subject of the issuer certificate */
    struct cs_span issuer_spki; /* whole SubjectPublicKeyInfo of the issuer certificate */
};

/* cs_peek succeeds when tbs is exactly one v3 tbsCertificate of a leaf (RFC 5280 4.1; RFC 6962 3.1)
 * that fits want. Otherwise TBS_FORM, and why says which part; it never repeats bytes of the TBS. */
CS_RESULT cs_peek(struct cs_span tbs, const struct cs_peek_want *want, struct cs_note *why);

#endif
