/*
 * What tls.c takes from tls_peer.c; private to these two.
 */
#ifndef CS_FRONT_TLS_PARTS_H
#define CS_FRONT_TLS_PARTS_H

#include <openssl/ssl.h>

/* cs_tls_set_callbacks makes ALPN "h2" and a certificate that names a client conditions of the handshake.
 * Every SSL of the context needs a cs_tls_shake as its application data. */
void cs_tls_set_callbacks(SSL_CTX *context);

#endif
