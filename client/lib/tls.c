/*
 * mTLS on OpenSSL, beside whatever else the host process does with it. The default provider is asked for, so
 * that keys and connections do not go through a provider that leads back into a PKCS#11 module. A library
 * context of our own would keep more apart, but OpenSSL 3.0 lets threads that end at the same time use what
 * it has just freed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "client/lib/client.h"
#include "client/lib/link.h"

struct cs_tls {
    SSL_CTX *context;
    BIO_METHOD *method;
    SSL *ssl;
    int fd;
    bool wants_write;
};

/* ---- a BIO on the socket that never raises SIGPIPE ---- */

static int bio_fd(BIO *b)
{
    const struct cs_tls *t = BIO_get_data(b);
    return t->fd;
}

static int moved(BIO *b, ssize_t n, int retry)
{
    BIO_clear_retry_flags(b);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_flags(b, retry | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int bio_write(BIO *b, const char *at, int len)
{
    return moved(b, send(bio_fd(b), at, (size_t)len, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static int bio_read(BIO *b, char *at, int room)
{
    return moved(b, recv(bio_fd(b), at, (size_t)room, 0), BIO_FLAGS_READ);
}

static long bio_control(BIO *b, int command, long n, void *p)
{
    (void)b, (void)n, (void)p;
    return command == BIO_CTRL_FLUSH;
}

static BIO *bio_new(struct cs_tls *t)
{
    t->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 0x7b, "countersign");
    if (t->method == NULL || BIO_meth_set_write(t->method, bio_write) != 1 ||
        BIO_meth_set_read(t->method, bio_read) != 1 || BIO_meth_set_ctrl(t->method, bio_control) != 1)
        return NULL;
    BIO *b = BIO_new(t->method);
    if (b == NULL)
        return NULL;
    BIO_set_data(b, t);
    BIO_set_init(b, 1);
    return b;
}

/* ---- setting up ---- */

static const char *why(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = ERR_reason_error_string(code);
    return text != NULL ? text : code != 0 ? "no reason given" : "the connection was closed";
}

static int no_passphrase(char *buf, int size, int rwflag, void *data)
{
    (void)buf, (void)size, (void)rwflag, (void)data;
    return -1; /* OpenSSL would ask on the terminal */
}

static cs_result refuse_file(struct cs_note *note, const char *what, const char *path)
{
    cs_note_set(note, "%s %s: cannot be used: %s", what, path, why());
    return CS_ERR(CONFIG);
}

/* SSL_set_tlsext_host_name, whose macro casts const away. */
static bool name_asked_for(SSL *ssl, const char *name)
{
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name) ==
           1;
}

static cs_result set_up(struct cs_tls *t, const struct cs_client_tls *to, struct cs_note *note)
{
    static const unsigned char h2[] = { 2, 'h', '2' };
    /* No exit handler of ours: a host may unload its libraries in any order. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        return CS_ERR(CRYPTO);
    t->context = SSL_CTX_new_ex(NULL, "?provider=default", TLS_client_method());
    if (t->context == NULL || SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(t->context, h2, sizeof h2) != 0)
        return CS_ERR(CRYPTO);
    SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(t->context, no_passphrase);
    (void)SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_options(t->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    if (SSL_CTX_load_verify_file(t->context, to->ca_file) != 1)
        return refuse_file(note, "CA file", to->ca_file);
    if (SSL_CTX_use_certificate_chain_file(t->context, to->certificate_file) != 1)
        return refuse_file(note, "certificate", to->certificate_file);
    if (SSL_CTX_use_PrivateKey_file(t->context, to->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(t->context) != 1)
        return refuse_file(note, "key", to->key_file);
    t->ssl = SSL_new(t->context);
    BIO *bio = t->ssl != NULL ? bio_new(t) : NULL;
    if (bio == NULL)
        return CS_ERR(NO_MEMORY);
    SSL_set_bio(t->ssl, bio, bio);
    struct in6_addr address;
    const char *name = to->name != NULL ? to->name : to->host;
    bool is_ip = inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
    SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool named = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1
                       : SSL_set1_host(t->ssl, name) == 1 && name_asked_for(t->ssl, name);
    return named ? CS_OK : CS_ERR(CRYPTO);
}

static cs_result shake_hands(struct cs_tls *t, const struct cs_client_tls *to, int64_t deadline_mono_us,
                             struct cs_note *note)
{
    for (;;) {
        ERR_clear_error();
        int rc = SSL_connect(t->ssl);
        if (rc == 1)
            break;
        int error = SSL_get_error(t->ssl, rc);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            long verified = SSL_get_verify_result(t->ssl);
            cs_note_set(note, "%s port %s: no TLS connection: %s", to->host, to->port,
                        verified != X509_V_OK ? X509_verify_cert_error_string(verified) : why());
            return CS_ERR(PEER_GONE);
        }
        cs_result r = cs_link_wait(t->fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_mono_us);
        if (!cs_ok(r)) {
            cs_note_set(note, "%s port %s: no TLS connection before the deadline", to->host, to->port);
            return r;
        }
    }
    const unsigned char *protocol;
    unsigned len;
    SSL_get0_alpn_selected(t->ssl, &protocol, &len);
    if (len != 2 || memcmp(protocol, "h2", 2) != 0) {
        cs_note_set(note, "%s port %s: the server does not offer HTTP/2 (ALPN h2)", to->host, to->port);
        return CS_ERR(PEER_GONE);
    }
    return CS_OK;
}

CS_RESULT cs_tls_open(int fd, const struct cs_client_tls *to, int64_t deadline_mono_us, struct cs_tls **out,
                      struct cs_note *note)
{
    struct cs_tls *t = calloc(1, sizeof *t);
    if (t == NULL)
        return CS_ERR(NO_MEMORY);
    t->fd = fd;
    ERR_clear_error();
    cs_result r = set_up(t, to, note);
    if (cs_ok(r))
        r = shake_hands(t, to, deadline_mono_us, note);
    ERR_clear_error();
    if (!cs_ok(r)) {
        cs_tls_close(t);
        return r;
    }
    *out = t;
    return CS_OK;
}

void cs_tls_close(struct cs_tls *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    BIO_meth_free(t->method);
    SSL_CTX_free(t->context);
    free(t);
}

/* ---- moving bytes ---- */

static ssize_t ended(struct cs_tls *t, int rc)
{
    int error = SSL_get_error(t->ssl, rc), system = errno;
    ERR_clear_error();
    t->wants_write = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        errno = EAGAIN;
    else
        errno = error == SSL_ERROR_SYSCALL && system != 0 && system != EAGAIN ? system : ECONNRESET;
    return -1;
}

ssize_t cs_tls_send(struct cs_tls *t, const void *at, size_t len)
{
    size_t n;
    ERR_clear_error();
    errno = 0;
    int rc = SSL_write_ex(t->ssl, at, len, &n);
    if (rc != 1) {
        ssize_t end = ended(t, rc);
        if (end == 0)
            errno = EPIPE;
        return -1;
    }
    t->wants_write = false;
    return (ssize_t)n;
}

ssize_t cs_tls_recv(struct cs_tls *t, void *at, size_t room)
{
    size_t n;
    ERR_clear_error();
    errno = 0;
    int rc = SSL_read_ex(t->ssl, at, room, &n);
    if (rc != 1)
        return ended(t, rc);
    t->wants_write = false;
    return (ssize_t)n;
}

bool cs_tls_pending(const struct cs_tls *t)
{
    return SSL_has_pending(t->ssl) == 1;
}

bool cs_tls_wants_write(const struct cs_tls *t)
{
    return t->wants_write;
}
