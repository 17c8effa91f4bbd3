/*
 * Checks of TLS files once they are parsed; private to tls_files.c.
 */
#ifndef CS_DAEMON_TLS_CHECK_H
#define CS_DAEMON_TLS_CHECK_H

#include <openssl/x509.h>

#include "proxy/base/bytes.h"

/* Each returns NULL when all is well, else what is wrong (static text). */

/* Dates, extKeyUsage serverAuth if it has the extension, 112 bits, the key's public half. */
const char *cs_tls_check_own(const X509 *own, EVP_PKEY *key, int64_t now_unix_s);
/* Each certificate is issued by the next. */
const char *cs_tls_check_chain(const STACK_OF(X509) * chain);
/* Signed by one of the authorities, not from the future, with a nextUpdate; *out_past when that is over,
 * *out_authority is the signer's index. */
const char *cs_tls_check_list(X509_CRL *list, const STACK_OF(X509) * authorities, int64_t now_unix_s,
                              bool *out_past, uint32_t *out_authority);

#endif
