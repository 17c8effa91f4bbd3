/*
 * Builds tbsCertificates for tests, field by field, so that a row of a table can spoil one of them.
 * Every field is the complete TLV (or several) that goes there.
 */
#ifndef CS_TEST_TBS_MAKE_H
#define CS_TEST_TBS_MAKE_H

#include "proxy/base/bytes.h"

/* Extensions, hexadecimal. */
#define TBS_BASIC_CONSTRAINTS "300c 0603551d13 0101ff 0402 3000"
#define TBS_KEY_USAGE         "300e 0603551d0f 0101ff 0404 03020780"
#define TBS_SAN               "3017 0603551d11 0410 300e 820c 7065656b2e6578616d706c65"
#define TBS_POISON            "3013 060a2b06010401d679020403 0101ff 0402 0500"
#define TBS_SCT_LIST          "3013 060a2b06010401d679020402 0405 0403000102"

struct tbs_make {
    struct cs_span version, serial, algorithm, issuer;
    struct cs_span validity; /* content of the SEQUENCE */
    struct cs_span subject, spki;
    struct cs_span before_extensions;
    struct cs_span extensions; /* content of the SEQUENCE of extensions */
    struct cs_span extensions_tail, tail;
};

/* tbs_default is a good P-256 leaf without poison: issuer "CN=Test Issuer", algorithm ECDSA SHA-256. */
struct tbs_make tbs_default(void);
void tbs_put(struct cs_buf *out, const struct tbs_make *t);
/* tbs_hex decodes hexadecimal with blanks into memory that lives until the program ends. */
struct cs_span tbs_hex(const char *text);

#endif
