#include "proxy/daemon/tls_check.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

enum { BITS_MIN = 112, CLOCK_SKEW_S = 300 };

static bool unix_s_of(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = (int64_t)timegm(&tm);
    return true;
}

const char *cs_tls_check_own(const X509 *own, EVP_PKEY *key, int64_t now_unix_s)
{
    int64_t from, until;
    if (!unix_s_of(X509_get0_notBefore(own), &from) || !unix_s_of(X509_get0_notAfter(own), &until))
        return "its dates cannot be read";
    if (now_unix_s < from)
        return "the certificate is not valid yet";
    if (now_unix_s > until)
        return "the certificate has expired";
    if (X509_check_private_key(own, key) != 1) {
        ERR_clear_error();
        return "the key is not the certificate's";
    }
    if (EVP_PKEY_get_security_bits(key) < BITS_MIN)
        return "the key is too weak; RSA of 2048 bits or a curve of 224 are the least";
    X509 *copy = X509_dup(own); /* looking at the purpose writes into the object */
    bool server = copy != NULL && X509_check_purpose(copy, X509_PURPOSE_SSL_SERVER, 0) == 1;
    X509_free(copy);
    ERR_clear_error();
    return server ? NULL : "the certificate is not for TLS servers (keyUsage, extKeyUsage serverAuth)";
}

const char *cs_tls_check_chain(const STACK_OF(X509) * chain)
{
    for (int i = 0; i + 1 < sk_X509_num(chain); i++)
        if (X509_check_issued(sk_X509_value(chain, i + 1), sk_X509_value(chain, i)) != X509_V_OK)
            return "a certificate is not issued by the one behind it";
    return NULL;
}

const char *cs_tls_check_list(X509_CRL *list, const STACK_OF(X509) * authorities, int64_t now_unix_s,
                              bool *out_past, uint32_t *out_authority)
{
    int64_t from, until;
    if (!unix_s_of(X509_CRL_get0_lastUpdate(list), &from) ||
        !unix_s_of(X509_CRL_get0_nextUpdate(list), &until))
        return "the list has no thisUpdate or no nextUpdate";
    if (from > now_unix_s + CLOCK_SKEW_S)
        return "the list is from the future";
    int n = sk_X509_num(authorities), i = 0;
    for (; i < n; i++) {
        X509 *x = sk_X509_value(authorities, i);
        if (X509_NAME_cmp(X509_get_subject_name(x), X509_CRL_get_issuer(list)) == 0 &&
            X509_CRL_verify(list, X509_get0_pubkey(x)) == 1)
            break;
    }
    ERR_clear_error();
    if (i == n)
        return "the list is signed by none of the policy's client authorities";
    *out_past = now_unix_s > until;
    *out_authority = (uint32_t)i;
    return NULL;
}
