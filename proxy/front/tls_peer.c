/* Who is at the other end: ALPN and the client certificate. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "proxy/front/tls.h"
#include "proxy/front/tls_parts.h"

static struct cs_tls_shake *shake_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* ---- ALPN (RFC 7301) ---- */

/* OpenSSL asks on_alpn only when the client offers something. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    (void)arg;
    const unsigned char *at;
    size_t len;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &at, &len) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    shake_of(ssl)->why = "the client offers no ALPN; h2 is needed";
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *arg)
{
    (void)arg;
    static const unsigned char h2[] = { 2, 'h', '2' };
    for (unsigned i = 0; in_len - i >= sizeof h2; i += 1u + in[i]) {
        if (memcmp(in + i, h2, sizeof h2) == 0) {
            *out = in + i + 1;
            *out_len = in[i];
            return SSL_TLSEXT_ERR_OK;
        }
        if (in[i] >= in_len - i) /* OpenSSL has checked the list's form; the bound is ours */
            break;
    }
    shake_of(ssl)->why = "the client's ALPN has no h2";
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- the certificate ---- */

/* LDH and dots: what a policy can name and a log can show. */
static bool put_name(struct cs_span text, struct cs_tls_names *out)
{
    if (text.len == 0 || text.len > CS_PEER_NAME_MAX_LEN || text.at[0] == '.' || text.at[text.len - 1] == '.')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + ('a' - 'A'));
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
            return false;
        out->name[out->n][i] = (char)c;
    }
    out->name[out->n][text.len] = '\0';
    out->len[out->n++] = (uint8_t)text.len;
    return true;
}

static const char *put_names(const GENERAL_NAMES *all, struct cs_tls_names *out)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (g->type != GEN_DNS)
            continue;
        if (out->n == CS_PEER_NAMES_MAX)
            return "the client certificate has more than 16 dNSNames";
        if (!put_name(cs_span_of(ASN1_STRING_get0_data(g->d.dNSName),
                                 (size_t)ASN1_STRING_length(g->d.dNSName)),
                      out))
            return "a dNSName of the client certificate is a wildcard or no host name";
    }
    return out->n > 0 ? NULL : "the client certificate has no dNSName";
}

static bool put_key(const X509 *x, struct cs_sha256 *out)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    if (len <= 0)
        return false;
    *out = cs_sha256(cs_span_of(der, (size_t)len));
    OPENSSL_free(der);
    return true;
}

const char *cs_tls_names_of(X509 *certificate, struct cs_tls_names *out)
{
    struct cs_tls_names n = { 0 };
    struct tm until;
    /* without the extension OpenSSL answers with all bits; clientAuth has to be said */
    if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0 ||
        (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) == 0)
        return "the client certificate's extKeyUsage has no clientAuth";
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const char *why = put_names(all, &n);
    GENERAL_NAMES_free(all);
    if (why != NULL)
        return why;
    if (!put_key(certificate, &n.spki_sha256) ||
        ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) != 1)
        return "the client certificate's key or date cannot be read";
    n.until_unix_s = (int64_t)timegm(&until);
    *out = n;
    return NULL;
}

/* In place of OpenSSL's own check, so that a certificate that names nobody fails the handshake too. */
static int on_certificate(X509_STORE_CTX *c, void *arg)
{
    (void)arg;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(c, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct cs_tls_shake *shake = shake_of(ssl);
    if (X509_verify_cert(c) != 1) {
        shake->why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(c));
        return 0;
    }
    struct cs_tls_names *names = shake->names == NULL ? malloc(sizeof *names) : NULL;
    shake->why = names != NULL ? cs_tls_names_of(X509_STORE_CTX_get0_cert(c), names) : "out of memory";
    if (shake->why == NULL) {
        shake->names = names;
        return 1;
    }
    free(names);
    X509_STORE_CTX_set_error(c, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

void cs_tls_set_callbacks(SSL_CTX *context)
{
    SSL_CTX_set_client_hello_cb(context, on_hello, NULL);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, on_certificate, NULL);
}
