/* client_authorities: what may stand there, and whose keys may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "proxy/policy/policy.h"

/* i issuer, a attester, c d authorities, o the issuer's key in another certificate, t the attester's,
 * l no CA, s a CA that may not sign certificates */
static struct cs_buf pem[128];

static EVP_PKEY *new_key(void)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    assert_non_null(k);
    return k;
}

static void take_pem(BIO *b, char name, const char *indent)
{
    char line[128];
    while (BIO_gets(b, line, sizeof line) > 0)
        cs_buf_printf(&pem[(int)name], "%s%s", indent, line);
    BIO_free(b);
}

static void put_certificate(char name, EVP_PKEY *key, const char *constraints, const char *usage)
{
    static long serial = 1;
    X509 *x = X509_new();
    X509V3_CTX ctx;
    assert_non_null(x);
    (void)X509_set_version(x, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    (void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                     (const unsigned char *)&name, 1, -1, 0);
    (void)X509_set_issuer_name(x, X509_get_subject_name(x));
    (void)X509_set_pubkey(x, key);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    const struct {
        int nid;
        const char *value;
    } all[] = { { NID_basic_constraints, constraints },
                { NID_key_usage, usage },
                { NID_subject_key_identifier, "hash" } };
    for (size_t i = 0; i < 3; i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, all[i].nid, all[i].value);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
    }
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    BIO *b = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(b, x), 1);
    take_pem(b, name, name == 'i' ? "      " : "  ");
    X509_free(x);
}

static int setup(void **state)
{
    (void)state;
    static const char ca[] = "critical,CA:TRUE", signs[] = "critical,keyCertSign,cRLSign";
    EVP_PKEY *issuer = new_key(), *attester = new_key(), *c = new_key(), *d = new_key();
    put_certificate('i', issuer, ca, signs);
    put_certificate('o', issuer, ca, signs);
    put_certificate('t', attester, ca, signs);
    put_certificate('c', c, ca, signs);
    put_certificate('d', d, ca, signs);
    put_certificate('l', c, "critical,CA:FALSE", "critical,digitalSignature");
    put_certificate('s', c, ca, "critical,cRLSign");
    BIO *b = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(b, attester), 1);
    take_pem(b, 'a', "      ");
    EVP_PKEY_free(issuer);
    EVP_PKEY_free(attester);
    EVP_PKEY_free(c);
    EVP_PKEY_free(d);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pem / sizeof *pem; i++)
        cs_buf_done(&pem[i]);
    return 0;
}

/* Letters of text name certificates, anything from '(' to ')' is itself; NULL leaves the key out. */
static cs_result load(const char *text, struct cs_policy **out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    cs_buf_put_str(&b, "schema: countersign-policy-v1\nversion: 1\ndeployment: test\nissuers:\n"
                       "  - id: ca\n    certificate: |\n");
    cs_buf_put(&b, pem['i'].at, pem['i'].len);
    cs_buf_put_str(&b, "    key: pkcs11:object=ca\n    purposes: [crl]\n    algorithms: [ecdsa-sha256]\n"
                       "attesters:\n  - name: a\n    algorithm: ecdsa-p256-sha256\n    public_key: |\n");
    cs_buf_put(&b, pem['a'].at, pem['a'].len);
    cs_buf_put_str(&b, "    roles: [operator]\n    not_before: 2026-01-01T00:00:00Z\n"
                       "    not_after: 2027-01-01T00:00:00Z\n"
                       "clients:\n  - { name: c, api_version: v1, uid: 1, rpcs: [Check] }\n");
    if (text != NULL)
        cs_buf_put_str(&b, text[0] == '(' ? "client_authorities:" : "client_authorities: |\n");
    for (const char *p = text; p != NULL && *p != '\0'; p++) {
        size_t n = strcspn(p, ")");
        if (*p == '(') {
            cs_buf_put(&b, p + 1, n - 1);
            p += n;
        } else {
            cs_buf_put(&b, pem[(int)*p].at, pem[(int)*p].len);
        }
    }
    *note = (struct cs_note){ "" };
    return cs_policy_load(cs_buf_span(&b), out, note);
}

static void accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t n;
    } rows[] = { { NULL, 0 }, { "c", 1 }, { "cd", 2 }, { "dc", 2 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_policy *p = NULL;
        struct cs_note note;
        if (!cs_ok(load(rows[i].text, &p, &note)) || p->n_client_authorities != rows[i].n)
            fail_msg("row %zu: %s", i, note.text);
        cs_policy_free(p);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *note;
    } rows[] = {
        { "cc", "certificate 2 stands there as certificate 1 already" },
        { "l", "certificate 1 is not one of a CA that may sign certificates" },
        { "ds", "certificate 2 is not one of a CA that may sign certificates" },
        { "t", "certificate 1 has the public key of attesters[0]" },
        { "co", "certificate 2 has the public key of issuers[0]" },
        { "(  text\n)", "needed: a literal block" },
        { "( []\n)", "needed: a literal block" },
        { "c(  and more\n)", "the PEM block must start with" },
        { "c(\n  \n)d", "the PEM block must start with" },
        { "c(  -----BEGIN CERTIFICATE-----\n  MAA=\n  -----END CERTIFICATE-----\n)",
          "certificate 2 is no X.509" },
        { "c(  -----BEGIN CERTIFICATE-----\n  MAA=\n)", "client_authorities" },
        { "cdcdcdcdcdcdcdcdc", "stands there" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_policy *p = NULL;
        struct cs_note note;
        if (!cs_is(load(rows[i].text, &p, &note), CS_NUM_CONFIG) || strstr(note.text, rows[i].note) == NULL)
            fail_msg("row %zu: %s", i, note.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(accepted), cmocka_unit_test(refused) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
