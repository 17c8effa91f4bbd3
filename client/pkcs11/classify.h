/*
 * What bytes given for signing are, by strict DER. Only a tbsCertificate is signed; for everything else the
 * log says what it looked like.
 */
#ifndef CS_CLIENT_PKCS11_CLASSIFY_H
#define CS_CLIENT_PKCS11_CLASSIFY_H

#include "proxy/base/bytes.h"

enum cs_p11_kind {
    CS_P11_IS_TBS = 1,
    CS_P11_IS_BROKEN_TBS, /* shaped like one, but not strict DER or off RFC 5280 */
    CS_P11_IS_CRL,
    CS_P11_IS_OCSP,
    CS_P11_IS_CSR,
    CS_P11_IS_CERTIFICATE,
    CS_P11_IS_ATTRIBUTES, /* a SET: what CMS and PKCS#7 sign */
    CS_P11_IS_OTHER_DER,
    CS_P11_IS_NO_DER,
};

struct cs_p11_class {
    enum cs_p11_kind kind;
    struct cs_span algorithm; /* of a tbsCertificate: whole AlgorithmIdentifier DER */
    struct cs_span issuer;    /* of a tbsCertificate: whole Name DER */
};

/* cs_p11_classify looks at all of data; text gets a sentence about anything but a tbsCertificate. */
struct cs_p11_class cs_p11_classify(struct cs_span data, struct cs_note *text);

#endif
