/* Policy documents: a good one, and one fault at a time with the line and the text it is told by.
 * Keys and certificates are made here; @name@ in a document stands for one as PEM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/ipc/messages.h"
#include "proxy/policy/policy.h"

static const char good[] = "schema: countersign-policy-v1\n"
                           "version: 7\n"
                           "deployment: production\n"
                           "issuers:\n"
                           "  - id: ec\n"
                           "    certificate: |\n"
                           "@ca_ec@"
                           "    key: pkcs11:token=t;object=ec;type=private\n"
                           "    purposes: [leaf, crl]\n"
                           "    algorithms: [ecdsa-sha256]\n"
                           "    profiles: [dv, organization-validated]\n"
                           "    caa_identities: [ca.example, pki.example]\n"
                           "  - id: rsa\n"
                           "    certificate: |\n"
                           "@ca_rsa@"
                           "    key: pkcs11:token=t;id=%01\n"
                           "    purposes: [crl]\n"
                           "    algorithms: [rsa-sha256, rsa-pss-sha512]\n"
                           "attesters:\n"
                           "  - name: dcv-1\n"
                           "    public_key: |\n"
                           "@ed_1@"
                           "    algorithm: ed25519\n"
                           "    roles: [validation-system]\n"
                           "    methods: [dcv_acme_http_01, ipcv_acme_http_01]\n"
                           "    not_before: 2026-01-01T00:00:00Z\n"
                           "    not_after: 2027-01-01T00:00:00Z\n"
                           "  - name: orders\n"
                           "    public_key: |\n"
                           "@p256_1@"
                           "    algorithm: ecdsa-p256-sha256\n"
                           "    roles: [order-authority, ra-officer]\n"
                           "    not_before: 2026-01-01T00:00:00Z\n"
                           "    not_after: 2027-01-01T00:00:00Z\n"
                           "    person: j.doe\n"
                           "clients:\n"
                           "  - name: ra-v1\n"
                           "    api_version: v1\n"
                           "    uid: 1001\n"
                           "    rpcs: [SignCertificate, Check]\n"
                           "    issuers: [rsa, ec]\n"
                           "  - name: dcv-deposits\n"
                           "    api_version: v2\n"
                           "    uid: 0\n"
                           "    rpcs: [DepositEvidence]\n"
                           "limits:\n"
                           "  max_validity_s: 17280000\n"
                           "  max_domain_age_s: 86400\n"
                           "  organization_signers: 2\n"
                           "lists:\n"
                           "  public_suffix: { path: /psl.dat, max_age_days: 30 }\n"
                           "  debian_weak_keys: { path: /weak.bin }\n"
                           "  compromised_keys: { path: /keys.txt }\n"
                           "lint:\n"
                           "  linters:\n"
                           "    - name: zlint\n"
                           "      min_version: 3.6.8\n"
                           "perspectives:\n"
                           "  - code: eu-west-1\n"
                           "    id: dub\n"
                           "    rir: ripe_ncc\n"
                           "    latitude: 53.35\n"
                           "    longitude: -6.26\n";

/* ---- material ---- */

enum material {
    CA_EC,
    CA_RSA,
    CA_RSA_1024,
    CA_P384,
    CA_NO_SKI,
    CA_NO_USAGE,
    CA_NO_CERT_SIGN,
    LEAF,
    CA_ED,
    CA_EC_AGAIN,
    CA_TRAILING,
    CA_NOT_DER,
    ED_1,
    ED_2,
    P256_1,
    P256_COMPRESSED,
    P384,
    RSA_KEY,
    ED_TRAILING,
    CA_EC_KEY,
    P256_OFF_CURVE,
    CA_PRECERT,
    MATERIAL_COUNT
};
static const char *const material_name[MATERIAL_COUNT] = {
    "@ca_ec@",          "@ca_rsa@",      "@ca_rsa_1024@",     "@ca_p384@",
    "@ca_no_ski@",      "@ca_no_usage@", "@ca_no_cert_sign@", "@leaf@",
    "@ca_ed@",          "@ca_ec_again@", "@ca_trailing@",     "@ca_not_der@",
    "@ed_1@",           "@ed_2@",        "@p256_1@",          "@p256_compressed@",
    "@p384@",           "@rsa_key@",     "@ed_trailing@",     "@ca_ec_key@",
    "@p256_off_curve@", "@ca_precert@",
};
static char *material[MATERIAL_COUNT]; /* indented PEM */

static char *indented_pem(const char *label, const unsigned char *der, long len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_not_equal(PEM_write_bio(bio, label, "", der, len), 0);
    char *at;
    long n = BIO_get_mem_data(bio, &at);
    CS_AUTO_BUF struct cs_buf out = { 0 };
    for (long i = 0; i < n; i++) {
        if (i == 0 || at[i - 1] == '\n')
            cs_buf_put_str(&out, "      ");
        cs_buf_put_u8(&out, (uint8_t)at[i]);
    }
    cs_buf_put_u8(&out, 0);
    BIO_free(bio);
    return strdup((char *)out.at);
}

static void add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

enum {
    NOT_CA = 1,
    NO_SKI = 2,
    NO_USAGE = 4,
    NO_CERT_SIGN = 8,
    TRAILING = 16,
    NOT_DER = 32,
    OFF_CURVE = 64,
    PRECERT = 128,
};

static char *certificate(EVP_PKEY *key, const char *name, unsigned flags)
{
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 77);
    ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20260101000000Z");
    ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "20360101000000Z");
    X509_NAME *n = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, n);
    X509_set_pubkey(x, key);
    add_extension(x, NID_basic_constraints, flags & NOT_CA ? "CA:FALSE" : "critical,CA:TRUE");
    if (!(flags & NO_USAGE))
        add_extension(x, NID_key_usage,
                      flags & NO_CERT_SIGN ? "critical,cRLSign" : "critical,keyCertSign,cRLSign");
    if (flags & PRECERT)
        add_extension(x, NID_ext_key_usage, "1.3.6.1.4.1.11129.2.4.4");
    if (!(flags & NO_SKI))
        add_extension(x, NID_subject_key_identifier, "hash");
    bool ed = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    assert_int_not_equal(X509_sign(x, key, ed ? NULL : EVP_sha256()), 0);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    assert_true(len > 200);
    unsigned char *copy = malloc((size_t)len + 2);
    memcpy(copy, der, (size_t)len);
    copy[len] = copy[len + 1] = 0;
    if (flags & NOT_DER) { /* the length of the SubjectPublicKeyInfo in two octets: OpenSSL reads it */
        unsigned char *spki = memmem(copy, (size_t)len, "\x30\x59\x30\x13", 4);
        assert_non_null(spki);
        memmove(spki + 2, spki + 1, (size_t)(copy + len - (spki + 1)));
        spki[1] = 0x81;
        assert_true(copy[1] == 0x82 && copy[5] == 0x82 && copy[3] < 0xff && copy[7] < 0xff);
        copy[3]++;
        copy[7]++;
        len++;
    }
    char *text = indented_pem("CERTIFICATE", copy, flags & TRAILING ? len + 1 : len);
    free(copy);
    OPENSSL_free(der);
    X509_free(x);
    return text;
}

static char *public_key(EVP_PKEY *key, unsigned flags)
{
    unsigned char *der = NULL, copy[1024] = { 0 };
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0 && len < 1000);
    memcpy(copy, der, (size_t)len);
    if (flags & OFF_CURVE)
        copy[len - 1] ^= 1;
    char *text = indented_pem("PUBLIC KEY", copy, flags & TRAILING ? len + 1 : len);
    OPENSSL_free(der);
    return text;
}

static int make_material(void **state)
{
    (void)state;
    EVP_PKEY *ec = EVP_EC_gen("P-256"), *ec_2 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384");
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *weak = EVP_RSA_gen(1024);
    EVP_PKEY *ed_1 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
             *ed_2 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *keys[] = { ec, ec_2, p384, rsa, weak, ed_1, ed_2 };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_non_null(keys[i]);
    material[CA_EC] = certificate(ec, "CA EC", 0);
    material[CA_RSA] = certificate(rsa, "CA RSA", 0);
    material[CA_RSA_1024] = certificate(weak, "CA weak", 0);
    material[CA_P384] = certificate(p384, "CA P-384", 0);
    material[CA_NO_SKI] = certificate(ec, "CA", NO_SKI);
    material[CA_NO_USAGE] = certificate(ec, "CA", NO_USAGE);
    material[CA_NO_CERT_SIGN] = certificate(ec, "CA", NO_CERT_SIGN);
    material[CA_PRECERT] = certificate(ec, "CA", PRECERT);
    material[LEAF] = certificate(ec, "leaf", NOT_CA);
    material[CA_ED] = certificate(ed_1, "CA Ed", 0);
    material[CA_EC_AGAIN] = certificate(ec, "CA EC, second certificate", 0);
    material[CA_TRAILING] = certificate(ec, "CA EC", TRAILING);
    material[CA_NOT_DER] =
        certificate(ec, "CA EC with a name that makes the lengths two octets long", NOT_DER);
    material[ED_1] = public_key(ed_1, 0);
    material[ED_2] = public_key(ed_2, 0);
    material[P256_1] = public_key(ec_2, 0);
    material[P384] = public_key(p384, 0);
    material[RSA_KEY] = public_key(rsa, 0);
    material[ED_TRAILING] = public_key(ed_1, TRAILING);
    material[CA_EC_KEY] = public_key(ec, 0);
    material[P256_OFF_CURVE] = public_key(ec_2, OFF_CURVE);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(ec_2, "point-format", "compressed"), 1);
    material[P256_COMPRESSED] = public_key(ec_2, 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        EVP_PKEY_free(keys[i]);
    return 0;
}

static int free_material(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_COUNT; i++)
        free(material[i]);
    return 0;
}

/* ---- documents ---- */

/* replaced copies text with the first from replaced by to; fails if from is not there. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (at == NULL)
        fail_msg("the document has no '%s'", from);
    char *out = NULL;
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >= 0);
    return out;
}

static char *expanded(char *take_text)
{
    for (size_t i = 0; i < MATERIAL_COUNT; i++)
        while (strstr(take_text, material_name[i]) != NULL) {
            char *next = replaced(take_text, material_name[i], material[i]);
            free(take_text);
            take_text = next;
        }
    return take_text;
}

static int line_at(const char *text, const char *at)
{
    assert_non_null(at);
    int line = 1;
    for (const char *c = text; c < at; c++)
        line += *c == '\n';
    return line;
}

static const struct cs_client *client_of_uid(const struct cs_policy *p, uint32_t uid)
{
    const struct cs_peer peer = { .transport = CS_TRANSPORT_UNIX, .uid = uid };
    const struct cs_client *client;
    struct cs_span name;
    enum cs_who who = cs_policy_who(p, &peer, &client, &name);
    assert_int_equal(who == CS_WHO_CLIENT, client != NULL);
    return client;
}

static void good_document(void **state)
{
    (void)state;
    char *text = expanded(strdup(good));
    struct cs_policy *p = NULL;
    struct cs_note note = { "" };
    if (!cs_ok(cs_policy_load(cs_span_str(text), &p, &note)))
        fail_msg("%s", note.text);
    struct cs_sha256 digest = cs_sha256(cs_span_str(text));
    assert_memory_equal(&p->digest, &digest, sizeof digest);
    assert_int_equal(p->version, 7);
    assert_true(cs_span_is(p->deployment, "production"));
    assert_int_equal(p->n_issuers, 2);
    assert_int_equal(p->n_attesters, 2);
    assert_int_equal(p->n_clients, 2);

    const struct cs_issuer *ec = cs_policy_issuer(p, cs_span_str("ec"));
    assert_ptr_equal(ec, &p->issuer[0]);
    assert_int_equal(ec->purposes, CS_PURPOSE_LEAF | CS_PURPOSE_CRL);
    assert_int_equal(ec->algorithms, 1u << CS_ALG_ECDSA_SHA256);
    assert_int_equal(ec->profiles, 1u << COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED |
                                       1u << COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED);
    assert_true(cs_span_is(ec->key_uri, "pkcs11:token=t;object=ec;type=private"));
    assert_int_equal(ec->not_before_unix_s, cs_time_from_civil(2026, 1, 1, 0, 0, 0));
    assert_int_equal(ec->not_after_unix_s, cs_time_from_civil(2036, 1, 1, 0, 0, 0));
    assert_int_equal(ec->ski.len, 20);
    assert_int_equal(ec->subject.at[0], 0x30);
    assert_int_equal(ec->spki.len, 91);
    assert_int_equal(p->issuer[1].profiles, 0);
    assert_int_equal(ec->n_caa_identities, 2);
    assert_true(cs_issuer_is_caa_identity(ec, cs_span_str("pki.example")));
    assert_false(cs_issuer_is_caa_identity(ec, cs_span_str("example")));
    assert_false(cs_issuer_is_caa_identity(&p->issuer[1], cs_span_str("ca.example")));
    assert_false(p->attester[0].third_party);

    assert_int_equal(p->lint.n_linters, 1);
    assert_int_equal(p->perspectives.n, 1);

    const struct cs_attester *dcv = cs_policy_attester(p, cs_span_str("dcv-1"));
    assert_int_equal(dcv->algorithm, CS_ATTESTER_ED25519);
    assert_non_null(dcv->key);
    assert_int_equal(dcv->roles, 1u << COUNTERSIGN__V1__ROLE__ROLE_VALIDATION_SYSTEM);
    assert_true(cs_method_set_has(&dcv->methods,
                                  COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_ACME_HTTP_01));
    assert_false(cs_method_set_has(&dcv->methods,
                                   COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_DNS_CHANGE));
    assert_int_equal(dcv->person.len, 0);
    assert_true(cs_span_is(p->attester[1].person, "j.doe"));

    const struct cs_client *ra = client_of_uid(p, 1001);
    assert_true(cs_span_is(ra->name, "ra-v1") && cs_span_is(ra->api_version, "v1"));
    assert_int_equal(ra->rpcs, 1u << CS_METHOD_SIGN_CERTIFICATE | 1u << CS_METHOD_HEALTH_CHECK);
    assert_int_equal(ra->issuers, 3);
    assert_int_equal(client_of_uid(p, 0)->issuers, 0);

    assert_int_equal(p->limits.max_validity_s, 17280000);
    assert_int_equal(p->limits.max_identity_age_s, 0);
    assert_int_equal(p->limits.clock_skew_s, 60);
    assert_int_equal(p->limits.organization_signers, 2);

    assert_null(cs_policy_issuer(p, cs_span_str("e")));
    assert_null(cs_policy_attester(p, cs_span_str("ra-v1")));
    assert_null(client_of_uid(p, 1002));

    struct cs_keytable table;
    cs_policy_keytable(p, cs_span_str("/m.so"), &table);
    assert_int_equal(table.n_keys, 2);
    assert_int_equal(table.key[0].n_algorithms, 1);
    assert_int_equal(cs_algorithm_of_der(table.key[0].algorithm[0]), CS_ALG_ECDSA_SHA256);
    assert_int_equal(table.key[1].n_algorithms, 2);
    assert_true(cs_span_is(table.key[1].id, "rsa") && cs_span_is(table.module, "/m.so"));
    CS_AUTO_BUF struct cs_buf encoded = { 0 };
    struct cs_keytable again;
    assert_true(cs_ok(cs_keytable_put(&encoded, &table)) &&
                cs_ok(cs_keytable_get(cs_buf_span(&encoded), &again)));
    cs_policy_free(p);
    cs_policy_free(NULL);
    free(text);
}

/* A row changes the good document in one place, or in two. line: text on the line the note must
 * name, looked for in the changed document from the first after on; note: how the note goes on. */
struct fault {
    const char *from, *to, *from_2, *to_2;
    const char *after, *line, *note;
};
#define ONE(from, to, line, note)              \
    {                                          \
        from, to, NULL, NULL, NULL, line, note \
    }
#define IN(after, from, to, line, note)         \
    {                                           \
        from, to, NULL, NULL, after, line, note \
    }
#define TWO(f, t, f2, t2, after, line, note) \
    {                                        \
        f, t, f2, t2, after, line, note      \
    }
static const struct fault faults[] = {
    ONE("countersign-policy-v1", "countersign-policy-v2", "schema:", "schema: needed: countersign-policy-v1"),
    ONE("version: 7\n", "version: 0\n", "version:", "version: 0; 1 to 9223372036854775807 are allowed"),
    ONE("version: 7\n", "version: 07\n", "version:", "version: '07'; needed: a decimal number"),
    ONE("version: 7\n", "", "schema:", "the key 'version' is missing"),
    ONE("version: 7\n", "version: 7\nenforce: false\n", "enforce:",
        "enforce: unknown key; one of schema, version, deployment, issuers, attesters, clients, "
        "client_authorities, limits, lists, lint, perspectives"),
    ONE("deployment: production", "deployment: two words",
        "deployment:", "deployment: 'two words'; needed: a letter or digit"),

    ONE("@ca_ec@", "@leaf@", "certificate:", "issuers[0].certificate: not a CA certificate"),
    ONE("@ca_ec@", "@ca_precert@", "certificate:", "issuers[0].certificate: a precertificate signing CA"),
    ONE("@ca_ec@", "@ca_no_ski@",
        "certificate:", "issuers[0].certificate: the certificate has no subjectKeyIdentifier"),
    ONE("@ca_ec@", "@ca_no_usage@",
        "certificate:", "issuers[0].certificate: the certificate has no keyUsage"),
    ONE("@ca_ec@", "@ca_no_cert_sign@", "certificate:", "issuers[0].certificate: not a CA certificate"),
    ONE("@ca_ec@", "@ca_not_der@",
        "certificate:", "issuers[0].certificate: the certificate is not strict DER"),
    ONE("@ca_ec@", "@ca_ed@",
        "certificate:", "issuers[0].certificate: the certificate's key is neither RSA nor P-256"),
    ONE("@ca_rsa@", "@ca_ec_again@", "algorithms: [rsa-sha256",
        "issuers[1].algorithms[0]: 'rsa-sha256' does not fit the certificate's key"),
    ONE("@ca_ec@", "@ca_trailing@", "certificate:", "issuers[0].certificate: bytes behind the certificate"),
    ONE("@ca_ec@", "@ed_1@", "-----BEGIN",
        "issuers[0].certificate: the PEM block must start with -----BEGIN CERTIFICATE-----"),
    ONE("@ca_ec@", "@ca_p384@", "[ecdsa-sha256]",
        "issuers[0].algorithms[0]: 'ecdsa-sha256' does not fit the certificate's key"),
    ONE("[ecdsa-sha256]", "[ecdsa-sha384]", "[ecdsa-sha384]",
        "issuers[0].algorithms[0]: 'ecdsa-sha384' does not fit the certificate's key"),
    ONE("[ecdsa-sha256]", "[rsa-pss-sha256]", "[rsa-pss",
        "issuers[0].algorithms[0]: 'rsa-pss-sha256' does not fit the certificate's key"),
    ONE("[rsa-sha256,", "[ecdsa-sha256,", "[ecdsa-sha256,",
        "issuers[1].algorithms[0]: 'ecdsa-sha256' does not fit"),
    ONE("[ecdsa-sha256]", "[ecdsa-sha1]", "[ecdsa-sha1]",
        "issuers[0].algorithms[0]: 'ecdsa-sha1' is not a signature algorithm; one of rsa-sha256, "),
    ONE("[ecdsa-sha256]", "[ecdsa-sha256, ecdsa-sha256]", "[ecdsa-",
        "issuers[0].algorithms[1]: 'ecdsa-sha256' stands there twice"),
    ONE("[ecdsa-sha256]", "[]", "algorithms: []", "issuers[0].algorithms: 0 elements; 1 to 32 are allowed"),
    ONE("[ecdsa-sha256]", "ecdsa-sha256", "algorithms: ecdsa", "issuers[0].algorithms: not a sequence"),
    ONE("pkcs11:token=t;object=ec", "object=ec", "key: object",
        "issuers[0].key: a key is named by an RFC 7512 URI"),
    ONE("type=private\n", "type=private?pin-value=1234\n", "pin-value",
        "issuers[0].key: the PIN must not stand in the policy"),
    ONE("type=private\n", "type=private?module-name=x&pin-source=file:/p\n", "pin-source",
        "issuers[0].key: the PIN must not stand"),
    ONE("type=private\n", "pin-value=1;type=private\n", "pin-value",
        "issuers[0].key: the PIN must not stand"),
    ONE("type=private\n", "type=private?pin%2Dvalue=1234\n", "pin%2D",
        "issuers[0].key: a part of the URI is not of the form name=value"),
    ONE("type=private\n", "type=cert\n", "type=cert", "issuers[0].key: the URI must name a private key"),
    ONE("object=ec;", "", "key: pkcs11:token=t;type",
        "issuers[0].key: the URI names no key; needed: object= or id="),
    ONE("object=ec;", "object=a b;", "object=a b", "issuers[0].key: spaces and non-ASCII"),
    ONE("object=ec;", "object=ec;;", "object=ec;;", "issuers[0].key: a part of the URI is not"),
    ONE("[leaf, crl]", "[leaf, tls]", "[leaf, tls]",
        "issuers[0].purposes[1]: 'tls' is not a purpose; one of leaf, ca, crl, ocsp, ledger"),
    ONE("[leaf, crl]", "[leaf, leaf]", "[leaf, leaf]", "issuers[0].purposes[1]: 'leaf' stands there twice"),
    ONE("[leaf, crl]", "[leaf, ocsp]",
        "certificate:", "issuers[0].certificate: purpose ocsp needs digitalSignature"),
    ONE("[leaf, crl]", "[crl]", "profiles:", "issuers[0].profiles: profiles are for purpose leaf only"),
    TWO("[leaf, crl]", "[crl]", "    profiles: [dv, organization-validated]\n", "", NULL,
        "caa_identities:", "issuers[0].caa_identities: caa_identities are for purpose leaf only"),
    ONE("    caa_identities: [ca.example, pki.example]\n", "", "id: ec",
        "issuers[0]: the key 'caa_identities' is missing"),
    ONE("[ca.example, pki.example]", "[]",
        "caa_identities:", "issuers[0].caa_identities: 0 elements; 1 to 16 are allowed"),
    ONE("pki.example]", "ca.example]",
        "caa_identities:", "issuers[0].caa_identities[1]: 'ca.example' stands there twice"),
    ONE("pki.example]", "Pki.example]",
        "caa_identities:", "issuers[0].caa_identities[1]: 'Pki.example' is no issuer-domain-name"),
    ONE("pki.example]", "pki.example.]",
        "caa_identities:", "issuers[0].caa_identities[1]: 'pki.example.' is no issuer-domain-name"),
    ONE("pki.example]", "pki..example]",
        "caa_identities:", "issuers[0].caa_identities[1]: 'pki..example' is no issuer-domain-name"),
    ONE("pki.example]", "pki-.example]",
        "caa_identities:", "issuers[0].caa_identities[1]: 'pki-.example' is no issuer-domain-name"),
    ONE("    methods: [dcv_acme_http_01, ipcv", "    third_party: true\n    methods: [dcv_acme_http_01, ipcv",
        "third_party:", "attesters[0].third_party: a delegated third party may not hold the role validation"),
    ONE("    person: j.doe\n", "    third_party: yes\n", "third_party:", "attesters[1].third_party: "),
    ONE("    profiles: [dv, organization-validated]\n", "", "id: ec",
        "issuers[0]: the key 'profiles' is missing"),
    ONE("[dv, organization", "[domain-validated, dv, organization",
        "profiles:", "issuers[0].profiles[1]: 'dv' stands there twice"),
    ONE("[dv, organization", "[xv, organization",
        "profiles:", "issuers[0].profiles[0]: 'xv' is not a profile; one of domain-validated"),
    ONE("    key: pkcs11:token=t;object=ec", "    token: pkcs11:token=t;object=ec", "token: pkcs11",
        "issuers[0].token: unknown key; one of id, certificate, key, purposes, algorithms, profiles, "
        "caa_identities"),

    ONE("@ed_1@", "@p256_1@",
        "public_key:", "attesters[0].public_key: the key is for ecdsa-p256-sha256, the algorithm is ed25519"),
    ONE("@ed_1@", "@p384@", "public_key:", "attesters[0].public_key: the key is neither Ed25519 nor P-256"),
    ONE("@ed_1@", "@rsa_key@",
        "public_key:", "attesters[0].public_key: the key is neither Ed25519 nor P-256"),
    ONE("@ed_1@", "@ed_trailing@",
        "public_key:", "attesters[0].public_key: the key is neither Ed25519 nor P-256"),
    ONE("ed25519", "ed448", "algorithm: ed448",
        "attesters[0].algorithm: 'ed448' is not an attester's algorithm; one of ed25519, ecdsa-p256-sha256"),
    ONE("[validation-system]", "[validator]", "[validator]",
        "attesters[0].roles[0]: 'validator' is not a role; one of validation-system, vetting-specialist, "
        "order-authority, lint-service, ra-officer, ceremony-officer, operator"),
    ONE("[order-authority, ra-officer]", "[ra-officer, ra-officer]", "[ra-officer,",
        "attesters[1].roles[1]: 'ra-officer' stands there twice"),
    ONE("[order-authority, ra-officer]", "[]", "roles: []", "attesters[1].roles: 0 elements"),
    ONE("[validation-system]", "[lint-service]",
        "methods:", "attesters[0].methods: methods are for role validation-system only"),
    ONE("    methods: [dcv_acme_http_01, ipcv_acme_http_01]\n", "", "name: dcv-1",
        "attesters[0]: the key 'methods' is missing"),
    ONE("[dcv_acme_http_01,", "[retired_dcv_8_ip_address,",
        "methods:", "attesters[0].methods[0]: 'retired_dcv_8_ip_address' is retired"),
    ONE("[dcv_acme_http_01,", "[dcv_acme_http_02,", "methods:",
        "attesters[0].methods[0]: 'dcv_acme_http_02' is not a validation method; one of "
        "dcv_constructed_email, "),
    ONE("[dcv_acme_http_01,", "[ipcv_acme_http_01,",
        "methods:", "attesters[0].methods[1]: 'ipcv_acme_http_01' stands there twice"),
    ONE("not_after: 2027-01-01T", "not_after: 2026-01-01T",
        "not_after:", "attesters[0].not_after: not later than not_before"),
    ONE("not_before: 2026-01-01T00:00:00Z", "not_before: 2026-01-01",
        "not_before:", "attesters[0].not_before: '2026-01-01'; needed: UTC time"),
    ONE("    not_after: 2027-01-01T00:00:00Z\n", "", "name: dcv-1",
        "attesters[0]: the key 'not_after' is missing"),
    ONE("person: j.doe", "person: J Doe", "person:", "attesters[1].person: 'J Doe'; needed"),
    ONE("    person:", "    weight: 2\n    person:", "weight:",
        "attesters[1].weight: unknown key; one of name, public_key"),

    ONE("uid: 1001", "uid: 4294967295", "uid: 4294967295",
        "clients[0].uid: 4294967295; 0 to 4294967294 are allowed"),
    ONE("uid: 1001", "uid: -1", "uid: -1", "clients[0].uid: '-1'; needed: a decimal number"),
    ONE("uid: 1001", "uid: root", "uid: root", "clients[0].uid: 'root'; needed: a decimal number"),
    ONE("[SignCertificate, Check]", "[Sign]", "[Sign]",
        "clients[0].rpcs[0]: 'Sign' is not an RPC; one of SignCertificate, EvaluateCertificate, "
        "DepositEvidence, "),
    ONE("    issuers: [rsa, ec]\n", "    issuers: [rsa, ec]\n    all_entries: yes\n",
        "all_entries:", "clients[0].all_entries: 'yes'; needed: true or false"),
    ONE("version: 7\n", "version: 7\nledger: {}\n", "ledger:", "ledger: the key 'origin' is missing"),
    ONE("version: 7\n", "version: 7\nledger: {origin: a b}\n",
        "ledger:", "ledger.origin: needed: printable ASCII"),
    ONE("version: 7\n", "version: 7\nledger: {origin: a+b}\n",
        "ledger:", "ledger.origin: needed: printable ASCII"),
    ONE("[SignCertificate, Check]", "[Check, Check]", "[Check, Check]",
        "clients[0].rpcs[1]: 'Check' stands there twice"),
    ONE("[SignCertificate, Check]", "[]", "rpcs: []", "clients[0].rpcs: 0 elements"),
    ONE("    issuers: [rsa, ec]\n", "", "name: ra-v1", "clients[0]: the key 'issuers' is missing"),
    ONE("[SignCertificate, Check]", "[AuthorizeTbs]\n    authorizes_for: [nobody]", "authorizes_for",
        "clients[0].authorizes_for[0]: 'nobody' is the name of no client"),
    ONE("[SignCertificate, Check]", "[AuthorizeTbs]\n    authorizes_for: [dcv-deposits, dcv-deposits]",
        "authorizes_for", "clients[0].authorizes_for[1]: 'dcv-deposits' stands there twice"),
    ONE("[SignCertificate, Check]", "[Check]\n    authorizes_for: [ra-v1]", "authorizes_for",
        "clients[0].authorizes_for: means nothing without the RPC AuthorizeTbs"),
    ONE("[rsa, ec]", "[rsa, ed]", "[rsa, ed]", "clients[0].issuers[1]: 'ed' is the id of no issuer"),
    ONE("[rsa, ec]", "[rsa, rsa]", "[rsa, rsa]", "clients[0].issuers[1]: 'rsa' stands there twice"),

    ONE("max_validity_s: 17280000", "max_validity_s: 17280001", "max_validity_s",
        "limits.max_validity_s: 17280001 is above the baseline of 17280000 (BR 6.3.2); policy may only "
        "tighten"),
    ONE("max_validity_s: 17280000", "max_validity_s: 0", "max_validity_s", "limits.max_validity_s: 0; 1 to"),
    ONE("max_domain_age_s: 86400", "max_domain_age_s: 17280001", "max_domain_age_s",
        "limits.max_domain_age_s: 17280001 is above the baseline"),
    ONE("max_domain_age_s: 86400", "max_identity_age_s: 34387201", "max_identity_age_s",
        "limits.max_identity_age_s: 34387201 is above the baseline of 34387200"),
    ONE("max_domain_age_s: 86400", "clock_skew_s: 301", "clock_skew_s",
        "limits.clock_skew_s: 301 is above the baseline of 300"),
    ONE("organization_signers: 2", "organization_signers: 0", "organization_signers",
        "limits.organization_signers: 0; 1 to 8 are allowed"),
    ONE("organization_signers: 2", "organization_signers: 9", "organization_signers",
        "limits.organization_signers: 9; 1 to 8"),
    ONE("organization_signers: 2", "max_validity_s: 5", "max_validity_s: 172",
        "limits.max_validity_s: the key stands there and again on line "),
    ONE("max_domain_age_s: 86400", "min_age_s: 1", "min_age_s",
        "limits.min_age_s: unknown key; one of max_validity_s"),
    ONE("lint:\n", "linter:\n", "linter:", "linter: unknown key"),
    ONE("lint:\n  linters:\n    - name: zlint\n      min_version: 3.6.8\n", "",
        "schema:", "the key 'lint' is missing; issuers with purpose leaf need it"),
    ONE("rir: ripe_ncc", "rir: iana", "rir: iana", "perspectives[0].rir: 'iana' is no registry"),

    /* faults in the second of two, and clashes */
    IN("id: rsa", "@ca_rsa@", "@ca_rsa_1024@",
       "certificate:", "issuers[1].certificate: RSA key of 1024 bits; at least 2048"),
    TWO("id: rsa", "id: ec", "[rsa, ec]", "[ec]", "[dv, organization-validated]", "id: ec",
        "issuers[1].id: issuers[0] has this id"),
    TWO("@ca_rsa@", "@ca_ec_again@", "[rsa-sha256, rsa-pss-sha512]", "[ecdsa-sha256]", "id: rsa",
        "certificate:", "issuers[1].certificate: issuers[0] has the same public key"),
    IN("id: rsa", "token=t;id=%01", "token=t;object=ec;type=private",
       "key:", "issuers[1].key: issuers[0] has the same key URI"),
    IN("id: rsa", "@ca_rsa@", "@ca_ec_again@",
       "algorithms:", "issuers[1].algorithms[0]: 'rsa-sha256' does not fit the certificate's key"),
    IN("-----END", "@ca_ec@", "@ca_ec@@ca_ec@", "-----BEGIN",
       "issuers[0].certificate: text behind the PEM block"),
    IN("2027-01-01", "name: orders", "name: dcv-1", "name:", "attesters[1].name: attesters[0] has this name"),
    TWO("@p256_1@", "@ed_1@", "ecdsa-p256-sha256", "ed25519", "name: orders",
        "public_key:", "attesters[1].public_key: attesters[0] has the same public key"),
    TWO("@ed_1@", "@ca_ec_key@", "algorithm: ed25519", "algorithm: ecdsa-p256-sha256", NULL,
        "public_key:", "attesters[0].public_key: issuers[0] has the same public key"),
    IN("name: orders", "@p256_1@", "@p256_compressed@",
       "public_key:", "attesters[1].public_key: the key is neither Ed25519 nor P-256 (uncompressed point)"),
    IN("name: orders", "@p256_1@", "@p256_off_curve@",
       "public_key:", "attesters[1].public_key: the key is no point of the curve"),
    IN("name: orders", "@p256_1@", "@ed_2@",
       "public_key:", "attesters[1].public_key: the key is for ed25519, the algorithm is ecdsa-p256-sha256"),
    IN("attesters:", "@ed_1@", "@ca_ec@", "-----BEGIN",
       "attesters[0].public_key: the PEM block must start with -----BEGIN PUBLIC KEY-----"),
    IN("clients:", "name: ra-v1", "name: dcv-1", "name:", "clients[0].name: an attester has this name"),
    IN("uid: 1001", "name: dcv-deposits", "name: ra-v1",
       "name:", "clients[1].name: clients[0] has this name"),
    IN("name: dcv-deposits", "uid: 0\n", "uid: 1001\n",
       "uid:", "clients[1].uid: clients[0] could be the same peer"),
};

static void one_fault_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct fault *f = &faults[i];
        char *text = replaced(good, f->from, f->to);
        if (f->from_2 != NULL) {
            char *next = replaced(text, f->from_2, f->to_2);
            free(text);
            text = next;
        }
        text = expanded(text);
        struct cs_policy *p = NULL;
        struct cs_note note = { "" };
        cs_result r = cs_policy_load(cs_span_str(text), &p, &note);
        if (!cs_is(r, CS_NUM_CONFIG) || p != NULL)
            fail_msg("row '%s': %s", f->to, cs_result_name(r));
        int line = 0, n = 0;
        if (sscanf(note.text, "line %d: %n", &line, &n) != 1 || n == 0 ||
            strncmp(note.text + n, f->note, strlen(f->note)) != 0)
            fail_msg("row '%s': '%s', wanted '%s'", f->to, note.text, f->note);
        const char *after = f->after != NULL ? strstr(text, f->after) : text;
        assert_non_null(after);
        int want = line_at(text, strstr(after, f->line));
        if (line != want)
            fail_msg("row '%s': '%s', wanted line %d", f->to, note.text, want);
        free(text);
    }
}

/* A document cut anywhere is refused, or is a whole document that ends earlier. */
static void every_truncation(void **state)
{
    (void)state;
    char *text = expanded(strdup(good));
    size_t len = strlen(text);
    const char *whole = strstr(text, "issuers: [rsa, ec]"); /* up to here at least */
    for (size_t n = 0; n < len; n += 5) {
        struct cs_policy *p = NULL;
        struct cs_note note = { "" };
        cs_result r = cs_policy_load(cs_span_of(text, n), &p, &note);
        if (cs_ok(r) && n < (size_t)(whole - text))
            fail_msg("accepted when cut at %zu", n);
        if (!cs_ok(r) && (strncmp(note.text, "line ", 5) != 0 || p != NULL))
            fail_msg("cut at %zu: '%s'", n, note.text);
        cs_policy_free(p);
    }
    free(text);
}

/* Bits flipped inside the first certificate and the first public key: refused or read, never worse. */
static void flipped_bits(void **state)
{
    (void)state;
    char *text = expanded(strdup(good));
    static const char *const parts[] = { "-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----" };
    for (size_t k = 0; k < 2; k++) {
        char *at = strstr(text, parts[k]);
        for (size_t i = 34; i < 240; i++)
            for (unsigned bit = 0; bit < 7; bit += 3) {
                at[i] = (char)(at[i] ^ (1 << bit));
                struct cs_policy *p = NULL;
                struct cs_note note = { "" };
                cs_result r = cs_policy_load(cs_span_str(text), &p, &note);
                assert_true(cs_ok(r) || strncmp(note.text, "line ", 5) == 0);
                cs_policy_free(p);
                at[i] = (char)(at[i] ^ (1 << bit));
            }
    }
    free(text);
}

static const char *manual; /* docs/policy.md */

/* The example of the documentation loads as it stands. */
static void documented_example(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    assert_true(cs_ok(cs_read_file(manual, 1 << 20, &text, NULL)));
    cs_buf_put_u8(&text, 0);
    const char *start = strstr((const char *)text.at, "```yaml\n");
    assert_non_null(start);
    start += strlen("```yaml\n");
    const char *end = strstr(start, "```");
    assert_non_null(end);
    struct cs_policy *p = NULL;
    struct cs_note note = { "" };
    if (!cs_ok(cs_policy_load(cs_span_of(start, (size_t)(end - start)), &p, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(p->n_attesters, 3);
    cs_policy_free(p);
}

int main(int argc, char **argv)
{
    assert_int_equal(argc, 2);
    manual = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_document),       cmocka_unit_test(documented_example),
        cmocka_unit_test(one_fault_at_a_time), cmocka_unit_test(every_truncation),
        cmocka_unit_test(flipped_bits),
    };
    return cmocka_run_group_tests(tests, make_material, free_material);
}
