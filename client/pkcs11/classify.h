/*
 * What bytes given for signing are, by strict DER. Only a tbsCertificate is signed; for everything else the
 * log says what it looked like.
 */
#ifndef CS_CLIENT_PKCS11_CLASSIFY_H
#define CS_CLIENT_PKCS11_CLASSIFY_H

#include "proxy/gate/der/kind.h"

struct cs_p11_class {
    bool is_tbs;
    enum cs_data_kind kind;
    struct cs_span algorithm; /* of a tbsCertificate: whole AlgorithmIdentifier DER */
    struct cs_span issuer;    /* of a tbsCertificate: whole Name DER */
};

/* cs_p11_classify looks at all of data; text gets a sentence about anything but a tbsCertificate. */
struct cs_p11_class cs_p11_classify(struct cs_span data, struct cs_note *text);

#endif
