/*
 * The certificate that linters want before anything is signed (BR 4.3.1.2): the exact TBS with a static
 * value where the signature belongs. It verifies with no key.
 */
#ifndef CS_CLIENT_CLI_LINT_CERTIFICATE_H
#define CS_CLIENT_CLI_LINT_CERTIFICATE_H

#include "proxy/base/bytes.h"

/* cs_lint_certificate_put appends the DER of the certificate. The outer signatureAlgorithm is the inner
 * one's octets. ECDSA: a DER Ecdsa-Sig-Value of the size the algorithm's curve has; RSA: 256 octets. FORM
 * with a note when the TBS is not strict DER or its algorithm is none an issuer may use. */
CS_RESULT cs_lint_certificate_put(struct cs_span tbs, struct cs_buf *out, struct cs_note *note);

#endif
