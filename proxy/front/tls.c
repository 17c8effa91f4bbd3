#include "proxy/front/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "proxy/front/tls_parts.h"
#include "proxy/ipc/material.h"

struct cs_tls {
    struct {
        SSL_CTX *context; /* NULL: no TLS */
        int64_t lists_until_unix_s;
    } listener[CS_FRONT_LISTEN_MAX];
};

/* Forward secrecy and AEAD only; TLS 1.3 has nothing else. */
static const char ciphers_1_2[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

static bool set_rules(SSL_CTX *c)
{
    enum { CERTIFICATES_MAX_LEN = 32 * 1024, SECURITY_LEVEL = 2 /* 112 bits */ };
    char groups[] = "X25519:P-256:P-384"; /* OpenSSL's macro drops a const */
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                               SSL_OP_IGNORE_UNEXPECTED_EOF); /* HTTP/2 frames know their length */
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(c, SECURITY_LEVEL);
    SSL_CTX_set_max_cert_list(c, CERTIFICATES_MAX_LEN);
    SSL_CTX_set_verify_depth(c, 0); /* nothing between the client's certificate and an authority */
    cs_tls_set_callbacks(c);
    return SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(c, 0) == 1 &&
           SSL_CTX_set_cipher_list(c, ciphers_1_2) == 1 && SSL_CTX_set1_groups_list(c, groups) == 1;
}

static X509 *certificate_of(struct cs_span der)
{
    const unsigned char *at = der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    if (x != NULL && at == der.at + der.len)
        return x;
    X509_free(x);
    return NULL;
}

static bool add_authorities(SSL_CTX *c, const struct cs_material *m)
{
    bool done = true;
    for (uint32_t i = 0; i < m->n_authorities && done; i++) {
        X509 *x = certificate_of(m->authority[i]);
        done = x != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(c), x) == 1 &&
               SSL_CTX_add_client_CA(c, x) == 1;
        X509_free(x);
    }
    return done && X509_STORE_set_flags(SSL_CTX_get_cert_store(c), X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
           X509_STORE_set_depth(SSL_CTX_get_cert_store(c), 0) == 1;
}

static int64_t unix_s_of(const ASN1_TIME *t)
{
    struct tm tm;
    return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : INT64_MIN;
}

static bool add_lists(SSL_CTX *c, const struct cs_material_listener *l, int64_t *until_unix_s)
{
    X509_STORE *store = SSL_CTX_get_cert_store(c);
    bool done = true;
    *until_unix_s = INT64_MAX;
    for (uint32_t i = 0; i < l->n_revocations && done; i++) {
        const unsigned char *at = l->revocation[i].at;
        X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)l->revocation[i].len);
        done = crl != NULL && at == l->revocation[i].at + l->revocation[i].len &&
               X509_STORE_add_crl(store, crl) == 1;
        int64_t until = crl != NULL ? unix_s_of(X509_CRL_get0_nextUpdate(crl)) : INT64_MIN;
        if (until < *until_unix_s)
            *until_unix_s = until;
        X509_CRL_free(crl);
    }
    return done && (l->n_revocations == 0 || X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1);
}

static bool add_own(SSL_CTX *c, const struct cs_material_listener *l)
{
    X509 *own = certificate_of(l->chain[0]);
    STACK_OF(X509) *rest = sk_X509_new_null();
    const unsigned char *at = l->key.at;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)l->key.len);
    EVP_PKEY *key = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
    bool done = own != NULL && rest != NULL && key != NULL && at == l->key.at + l->key.len;
    for (uint32_t i = 1; i < l->n_chain && done; i++) {
        X509 *x = certificate_of(l->chain[i]);
        done = x != NULL && sk_X509_push(rest, x) > 0;
        if (!done)
            X509_free(x);
    }
    done = done && SSL_CTX_use_cert_and_key(c, own, key, rest, 1) == 1;
    X509_free(own);
    EVP_PKEY_free(key);
    PKCS8_PRIV_KEY_INFO_free(info); /* wipes the key's octets */
    sk_X509_pop_free(rest, X509_free);
    return done;
}

static CS_RESULT fill(struct cs_tls *t, const struct cs_material *m, const struct cs_material_listener *l,
                      struct cs_note *note)
{
    SSL_CTX *c = t->listener[l->index].context = SSL_CTX_new(TLS_server_method());
    const char *what = c == NULL || !set_rules(c)                                    ? "rules"
                       : !add_authorities(c, m)                                      ? "client authorities"
                       : !add_own(c, l)                                              ? "certificate and key"
                       : !add_lists(c, l, &t->listener[l->index].lists_until_unix_s) ? "revocation lists"
                                                                                     : NULL;
    if (what == NULL)
        return CS_OK;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    cs_note_set(note, "listener %u: %s not taken: %s", l->index, what, reason != NULL ? reason : "malformed");
    ERR_clear_error();
    return CS_ERR(CONFIG);
}

CS_RESULT cs_tls_new(struct cs_span material, const struct cs_frontconf *conf, struct cs_tls **out,
                     struct cs_note *note)
{
    struct cs_material m;
    CS_TRY(cs_material_get(material, &m));
    struct cs_tls *t = calloc(1, sizeof *t);
    if (t == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result r = CS_OK;
    for (uint32_t i = 0; i < m.n_listeners && cs_ok(r); i++)
        r = fill(t, &m, &m.listener[i], note);
    for (uint32_t i = 0; i < CS_FRONT_LISTEN_MAX && cs_ok(r); i++) {
        bool wanted = i < conf->n_listeners && conf->listener[i].tls;
        if (wanted != (t->listener[i].context != NULL)) {
            cs_note_set(note, "listener %u: %s", i, wanted ? "no certificate and key" : "has no TLS");
            r = CS_ERR(CONFIG);
        }
    }
    if (cs_ok(r))
        *out = t;
    else
        cs_tls_free(t);
    return r;
}

CS_RESULT cs_tls_read(int fd, const struct cs_frontconf *conf, struct cs_tls **out, struct cs_note *note)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size < 0)
        return CS_ERR(IO);
    if (st.st_size > CS_MATERIAL_MAX_LEN)
        return CS_ERR(LIMIT);
    if (st.st_size == 0) {
        for (uint32_t i = 0; i < conf->n_listeners; i++)
            if (conf->listener[i].tls) {
                cs_note_set(note, "listener %u: no certificate and key", i);
                return CS_ERR(CONFIG);
            }
        *out = NULL;
        return CS_OK;
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return CS_ERR(IO);
    cs_result r = cs_tls_new(cs_span_of(at, (size_t)st.st_size), conf, out, note);
    (void)munmap(at, (size_t)st.st_size);
    return r;
}

void cs_tls_free(struct cs_tls *t)
{
    for (size_t i = 0; t != NULL && i < CS_FRONT_LISTEN_MAX; i++)
        SSL_CTX_free(t->listener[i].context);
    free(t);
}

bool cs_tls_lists_good(const struct cs_tls *t, unsigned listener, int64_t now_unix_s)
{
    return now_unix_s <= t->listener[listener].lists_until_unix_s;
}

CS_RESULT cs_tls_open(struct cs_tls *t, unsigned listener, int fd, struct cs_tls_shake *shake, SSL **out)
{
    SSL *ssl = SSL_new(t->listener[listener].context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set_app_data(ssl, shake) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return CS_ERR(NO_MEMORY);
    }
    SSL_set_accept_state(ssl);
    *out = ssl;
    return CS_OK;
}

const char *cs_tls_recheck(const struct cs_tls *t, unsigned listener, const SSL *ssl)
{
    X509 *x = SSL_get0_peer_certificate(ssl);
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    const char *why = "the certificate could not be checked";
    if (x != NULL && c != NULL &&
        X509_STORE_CTX_init(c, SSL_CTX_get_cert_store(t->listener[listener].context), x, NULL) == 1 &&
        X509_STORE_CTX_set_default(c, "ssl_client") == 1)
        why = X509_verify_cert(c) == 1 ? NULL : X509_verify_cert_error_string(X509_STORE_CTX_get_error(c));
    X509_STORE_CTX_free(c);
    ERR_clear_error();
    return why;
}

bool cs_tls_made(const struct cs_tls *t, unsigned listener, const SSL *ssl)
{
    return SSL_get_SSL_CTX(ssl) == t->listener[listener].context;
}
