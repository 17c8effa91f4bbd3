/*
 * TLS of the listeners: one OpenSSL context each, made of the material the parent checked and sent.
 * TLS 1.2 and 1.3; ALPN "h2" or no connection; a client certificate or no connection, issued by a client
 * authority of the policy itself, with extKeyUsage clientAuth and at least one dNSName. Nothing is
 * resumed or renegotiated, so that every connection shows a certificate that is good at its start.
 */
#ifndef CS_FRONT_TLS_H
#define CS_FRONT_TLS_H

#include <openssl/ssl.h>

#include "proxy/base/digest.h"
#include "proxy/ipc/frontconf.h"
#include "proxy/ipc/messages.h"

/* Who a client certificate names. */
struct cs_tls_names {
    struct cs_sha256 spki_sha256;
    int64_t until_unix_s; /* notAfter */
    uint32_t n;
    uint8_t len[CS_PEER_NAMES_MAX];
    char name[CS_PEER_NAMES_MAX][CS_PEER_NAME_MAX_LEN + 1]; /* lower case */
};

/* cs_tls_names_of returns NULL and fills *out, or says why the certificate names no client: no dNSName,
 * too many, a wildcard or other characters than letters, digits, hyphens and dots, no clientAuth. */
const char *cs_tls_names_of(X509 *certificate, struct cs_tls_names *out);

/* What a connection in its handshake knows; the application data of its SSL. */
struct cs_tls_shake {
    const char *why;            /* static text; NULL: OpenSSL's own error tells */
    struct cs_tls_names *names; /* owned; set when the certificate is good */
};

struct cs_tls; /* the contexts of all listeners, from one piece of material */

/* cs_tls_new: every listener of conf with tls needs its row in the material and no other may have one.
 * CONFIG with a note when not, or when OpenSSL takes a piece not. *out is set only on success. */
CS_RESULT cs_tls_new(struct cs_span material, const struct cs_frontconf *conf, struct cs_tls **out,
                     struct cs_note *note);
/* cs_tls_read is cs_tls_new on a descriptor, whose memory is mapped, never copied. Empty memory gives
 * NULL if no listener has tls. The descriptor stays open. */
CS_RESULT cs_tls_read(int fd, const struct cs_frontconf *conf, struct cs_tls **out, struct cs_note *note);
void cs_tls_free(struct cs_tls *t); /* NULL-safe; connections keep what they use */

/* cs_tls_lists_good: no revocation list of the listener is past its nextUpdate. */
bool cs_tls_lists_good(const struct cs_tls *t, unsigned listener, int64_t now_unix_s);
/* cs_tls_open makes the server side of one connection on fd, which it borrows; free with SSL_free. */
CS_RESULT cs_tls_open(struct cs_tls *t, unsigned listener, int fd, struct cs_tls_shake *shake, SSL **out);
/* cs_tls_recheck judges the certificate of an open connection by the listener's authorities and lists as
 * they are in t. NULL when it is still good, else why not (static text). */
const char *cs_tls_recheck(const struct cs_tls *t, unsigned listener, const SSL *ssl);
/* cs_tls_made: whether ssl was opened by t. */
bool cs_tls_made(const struct cs_tls *t, unsigned listener, const SSL *ssl);

#endif
