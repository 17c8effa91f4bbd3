/*
 * Names of a request or certificate, as texts: what an order lists and a leaf carries.
 */
#ifndef CS_CLIENT_CLI_NAMES_H
#define CS_CLIENT_CLI_NAMES_H

#include <jansson.h>
#include <openssl/x509.h>

#include "proxy/base/result.h"

/* cs_names_of_extensions appends the subjectAltName of extensions to the arrays: dNSName values as
 * they stand, iPAddress values as text. FORM with a note at any other kind of name; nothing when
 * there is no subjectAltName. extensions may be NULL. */
CS_RESULT cs_names_of_extensions(const STACK_OF(X509_EXTENSION) * extensions, json_t *dns, json_t *ip,
                                 struct cs_note *note);

#endif
