/* client_authorities: who issues the certificates that clients show over TLS. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "proxy/policy/parts.h"

static const char end_line[] = "-----END CERTIFICATE-----";

static void auto_x509(X509 **x)
{
    X509_free(*x);
}
static void auto_openssl(unsigned char **p)
{
    OPENSSL_free(*p);
}

/* take_block views the text up to and with the next end line; all that is left when there is none. */
static struct cs_span take_block(struct cs_span *left)
{
    const uint8_t *end = memmem(left->at, left->len, end_line, sizeof end_line - 1);
    size_t len = end != NULL ? (size_t)(end - left->at) + sizeof end_line - 1 : left->len;
    if (len < left->len && left->at[len] == '\n')
        len++;
    struct cs_span block = cs_span_of(left->at, len);
    *left = cs_span_of(left->at + len, left->len - len);
    return block;
}

static uint32_t lines_of(struct cs_span text)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.at[i] == '\n';
    return n;
}

/* A certificate that every client could make by the key of an issuer or an attester would let these
 * be clients too. */
static CS_RESULT check_key(const struct cs_policy *p, const X509 *x, const struct cs_yaml_node *n, uint32_t i,
                           struct cs_note *note)
{
    __attribute__((cleanup(auto_openssl))) unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    if (len <= 0)
        return CS_ERR(NO_MEMORY);
    struct cs_span spki = cs_span_of(der, (size_t)len);
    struct cs_sha256 digest = cs_sha256(spki);
    for (uint32_t k = 0; k < p->n_attesters; k++)
        if (memcmp(&p->attester[k].spki_sha256, &digest, sizeof digest) == 0)
            return cs_yaml_fail(n, note, "certificate %u has the public key of attesters[%u]", i + 1, k);
    for (uint32_t k = 0; k < p->n_issuers; k++)
        if (cs_span_eq(p->issuer[k].spki, spki))
            return cs_yaml_fail(n, note,
                                "certificate %u has the public key of issuers[%u]: what that issues would "
                                "open this door",
                                i + 1, k);
    return CS_OK;
}

static CS_RESULT read_one(struct cs_policy *p, const struct cs_yaml_node *block, const struct cs_yaml_node *n,
                          struct cs_note *note)
{
    uint32_t i = p->n_client_authorities;
    if (i == CS_POLICY_CLIENT_AUTHORITIES_MAX)
        return cs_yaml_fail(n, note, "more than %d certificates", CS_POLICY_CLIENT_AUTHORITIES_MAX);
    struct cs_span der;
    CS_TRY(cs_yaml_pem(block, "CERTIFICATE", CS_ISSUER_CERT_MAX_LEN, p->arena, &der, note));
    const unsigned char *at = der.at;
    __attribute__((cleanup(auto_x509))) X509 *x = d2i_X509(NULL, &at, (long)der.len);
    bool whole = x != NULL && at == der.at + der.len && X509_get0_pubkey(x) != NULL;
    ERR_clear_error();
    if (!whole)
        return cs_yaml_fail(n, note, "certificate %u is no X.509 certificate with a public key", i + 1);
    /* 1: basicConstraints says CA; keyUsage, if any, has keyCertSign */
    if (X509_check_ca(x) != 1)
        return cs_yaml_fail(n, note, "certificate %u is not one of a CA that may sign certificates", i + 1);
    for (uint32_t k = 0; k < i; k++)
        if (cs_span_eq(p->client_authority[k], der))
            return cs_yaml_fail(n, note, "certificate %u stands there as certificate %u already", i + 1,
                                k + 1);
    CS_TRY(check_key(p, x, n, i, note));
    p->client_authority[p->n_client_authorities++] = der;
    return CS_OK;
}

CS_RESULT cs_policy_read_client_authorities(struct cs_policy *p, const struct cs_yaml_node *n,
                                            struct cs_note *note)
{
    if (n == NULL)
        return CS_OK;
    if (n->kind != CS_YAML_SCALAR || n->style != CS_YAML_LITERAL)
        return cs_yaml_fail(n, note, "needed: a literal block (|) with 1 to %d PEM certificates",
                            CS_POLICY_CLIENT_AUTHORITIES_MAX);
    struct cs_span left = n->text;
    struct cs_yaml_node block = *n;
    do {
        block.text = take_block(&left);
        CS_TRY(read_one(p, &block, n, note));
        block.line += lines_of(block.text);
    } while (left.len > 0);
    return CS_OK;
}
