/*
 * What bytes given for signing look like, by strict DER: the first tags of each structure that a CA signs.
 * For a refusal that says what was sent; whether a tbsCertificate is one, cs_tbs_parse alone says.
 */
#ifndef CS_GATE_DER_KIND_H
#define CS_GATE_DER_KIND_H

#include "proxy/base/bytes.h"

enum cs_data_kind {
    CS_DATA_LIKE_TBS = 1, /* shaped like a tbsCertificate; the rest is not looked at */
    CS_DATA_IS_CRL,
    CS_DATA_IS_OCSP,
    CS_DATA_IS_CSR,
    CS_DATA_IS_CERTIFICATE,
    CS_DATA_IS_ATTRIBUTES, /* a SET: what CMS and PKCS#7 sign */
    CS_DATA_IS_OTHER_DER,
    CS_DATA_IS_NO_DER,
};

enum cs_data_kind cs_data_kind_of(struct cs_span data);

/* A noun for a sentence, with its article; of CS_DATA_LIKE_TBS that it cannot be read. Static. */
const char *cs_data_kind_text(enum cs_data_kind kind);

#endif
