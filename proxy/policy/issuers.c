#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "proxy/base/clock.h"
#include "proxy/ipc/messages.h"
#include "proxy/policy/parts.h"

enum {
    RSA_ALGORITHMS = 1u << CS_ALG_RSA_SHA256 | 1u << CS_ALG_RSA_SHA384 | 1u << CS_ALG_RSA_SHA512 |
                     1u << CS_ALG_RSA_PSS_SHA256 | 1u << CS_ALG_RSA_PSS_SHA384 | 1u << CS_ALG_RSA_PSS_SHA512
};

static void auto_x509(X509 **x)
{
    X509_free(*x);
}
static void auto_openssl(unsigned char **p)
{
    OPENSSL_free(*p);
}

static int algorithm_number(struct cs_span name)
{
    return (int)cs_algorithm_of_name(name);
}
static int profile_number(struct cs_span name)
{
    return (int)cs_profile_of_name(name);
}

static CS_RESULT read_purposes(const struct cs_yaml_node *n, uint32_t *out, struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, 8, note));
    uint32_t bits = 0;
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span name;
        CS_TRY(cs_yaml_string(c, CS_POLICY_ID_MAX_LEN, &name, note));
        uint32_t bit = cs_purpose_of_name(name);
        if (bit == 0)
            return cs_policy_fail_name(c, "a purpose", CS_NAMES_PURPOSE, note);
        if (bits & bit)
            return cs_yaml_fail(c, note, "'%s' stands there twice", cs_purpose_name(bit));
        bits |= bit;
    }
    *out = bits;
    return CS_OK;
}

/* is_attribute is true when part is name=value with this name. */
static bool is_attribute(struct cs_span part, const char *name)
{
    size_t len = strlen(name);
    return part.len > len && memcmp(part.at, name, len) == 0 && part.at[len] == '=';
}

/* RFC 7512: pk11-attributes between ';', query attributes between '&' behind '?'. The parsers of
 * PKCS#11 libraries differ; what all of them read alike is what passes here. */
static CS_RESULT read_uri(const struct cs_yaml_node *n, struct cs_span *out, struct cs_note *note)
{
    static const char scheme[] = "pkcs11:";
    struct cs_span uri;
    CS_TRY(cs_yaml_string(n, CS_KEY_URI_MAX_LEN, &uri, note));
    if (uri.len < sizeof scheme - 1 || memcmp(uri.at, scheme, sizeof scheme - 1) != 0)
        return cs_yaml_fail(n, note, "a key is named by an RFC 7512 URI: pkcs11:token=...;object=...");
    bool names_key = false;
    for (size_t at = sizeof scheme - 1; at <= uri.len;) {
        size_t end = at;
        while (end < uri.len && uri.at[end] != ';' && uri.at[end] != '?' && uri.at[end] != '&') {
            if (uri.at[end] <= 0x20 || uri.at[end] >= 0x7f)
                return cs_yaml_fail(n, note, "spaces and non-ASCII stand as %%20 in a URI");
            end++;
        }
        struct cs_span part = cs_span_of(uri.at + at, end - at);
        const uint8_t *equals = memchr(part.at, '=', part.len);
        if (equals == NULL || equals == part.at || memchr(part.at, '%', (size_t)(equals - part.at)) != NULL)
            return cs_yaml_fail(n, note, "a part of the URI is not of the form name=value");
        if (is_attribute(part, "pin-value") || is_attribute(part, "pin-source"))
            return cs_yaml_fail(n, note, "the PIN must not stand in the policy");
        if (is_attribute(part, "type") && !cs_span_is(part, "type=private"))
            return cs_yaml_fail(n, note, "the URI must name a private key (type=private)");
        names_key = names_key || is_attribute(part, "object") || is_attribute(part, "id");
        at = end + 1;
    }
    if (!names_key)
        return cs_yaml_fail(n, note, "the URI names no key; needed: object= or id=");
    *out = uri;
    return CS_OK;
}

static CS_RESULT read_time(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return CS_ERR(FORM);
    *out = cs_time_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return CS_OK;
}

/* keep_part copies bytes OpenSSL encoded; false unless exactly these stand in the certificate, so
 * that what the gate compares is what the certificate says. */
static bool keep_part(struct cs_policy *p, struct cs_span certificate, const unsigned char *at, int len,
                      struct cs_span *out)
{
    if (at == NULL || len <= 0 || memmem(certificate.at, certificate.len, at, (size_t)len) == NULL)
        return false;
    *out = cs_arena_span(p->arena, cs_span_of(at, (size_t)len));
    return out->len == (size_t)len;
}

/* EKU 1.3.6.1.4.1.11129.2.4.4. */
static bool signs_precertificates(X509 *x)
{
    EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++)
        found = found || OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i)) == NID_ct_precert_signer;
    sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
    return found;
}

static CS_RESULT check_ca(const struct cs_yaml_node *n, X509 *x, uint32_t purposes, struct cs_note *note)
{
    if (X509_get_version(x) != X509_VERSION_3 || X509_check_ca(x) != 1)
        return cs_yaml_fail(n, note, "not a CA certificate (X.509 v3, basicConstraints CA, keyCertSign)");
    if (X509_get0_subject_key_id(x) == NULL)
        return cs_yaml_fail(n, note, "the certificate has no subjectKeyIdentifier");
    if (signs_precertificates(x))
        return cs_yaml_fail(n, note,
                            "a precertificate signing CA may not be used since 2026-03-15 (BR 7.1.2.4)");
    uint32_t usage = X509_get_key_usage(x); /* all bits when there is no extension */
    if (usage == UINT32_MAX)
        return cs_yaml_fail(n, note, "the certificate has no keyUsage (BR 7.1.2.10.7)");
    if ((purposes & CS_PURPOSE_CRL) != 0 && !(usage & KU_CRL_SIGN))
        return cs_yaml_fail(n, note, "purpose crl needs cRLSign in the certificate");
    if ((purposes & CS_PURPOSE_OCSP) != 0 && !(usage & KU_DIGITAL_SIGNATURE))
        return cs_yaml_fail(n, note, "purpose ocsp needs digitalSignature in the certificate");
    return CS_OK;
}

static CS_RESULT read_certificate(struct cs_policy *p, struct cs_issuer *out, const struct cs_yaml_node *n,
                                  uint32_t *out_fitting, struct cs_note *note)
{
    CS_TRY(cs_yaml_pem(n, "CERTIFICATE", CS_ISSUER_CERT_MAX_LEN, p->arena, &out->certificate, note));
    const unsigned char *at = out->certificate.at;
    __attribute__((cleanup(auto_x509))) X509 *x = d2i_X509(NULL, &at, (long)out->certificate.len);
    ERR_clear_error();
    if (x == NULL || at != out->certificate.at + out->certificate.len)
        return cs_yaml_fail(n, note, x == NULL ? "not an X.509 certificate" : "bytes behind the certificate");
    CS_TRY(check_ca(n, x, out->purposes, note));

    __attribute__((cleanup(auto_openssl))) unsigned char *name = NULL, *spki = NULL;
    int name_len = i2d_X509_NAME(X509_get_subject_name(x), &name);
    int spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x);
    if (!keep_part(p, out->certificate, name, name_len, &out->subject) ||
        !keep_part(p, out->certificate, spki, spki_len, &out->spki) ||
        !keep_part(p, out->certificate, ASN1_STRING_get0_data(ski), ASN1_STRING_length(ski), &out->ski))
        return cs_yaml_fail(n, note, "the certificate is not strict DER");
    if (!cs_ok(read_time(X509_get0_notBefore(x), &out->not_before_unix_s)) ||
        !cs_ok(read_time(X509_get0_notAfter(x), &out->not_after_unix_s)) ||
        out->not_before_unix_s >= out->not_after_unix_s)
        return cs_yaml_fail(n, note, "the certificate's validity is not a period");

    EVP_PKEY *key = X509_get0_pubkey(x);
    char group[64] = "";
    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        (void)EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
    ERR_clear_error();
    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) { /* never id-RSASSA-PSS: BR 7.1.3.1.1 */
        int bits = EVP_PKEY_get_bits(key);
        if (bits < 2048 || bits % 8 != 0)
            return cs_yaml_fail(n, note, "RSA key of %d bits; at least 2048, divisible by 8 (BR 6.1.5)",
                                bits);
        *out_fitting = RSA_ALGORITHMS;
    } else if (strcmp(group, "prime256v1") == 0) { /* BR 7.1.3.2.2 leaves one digest per curve */
        *out_fitting = 1u << CS_ALG_ECDSA_SHA256;
    } else if (strcmp(group, "secp384r1") == 0) {
        *out_fitting = 1u << CS_ALG_ECDSA_SHA384;
    } else if (strcmp(group, "secp521r1") == 0) {
        *out_fitting = 1u << CS_ALG_ECDSA_SHA512;
    } else {
        return cs_yaml_fail(n, note, "the certificate's key is neither RSA nor P-256, P-384 or P-521");
    }
    return CS_OK;
}

static CS_RESULT read_algorithms(struct cs_issuer *out, const struct cs_yaml_node *n, uint32_t fitting,
                                 struct cs_note *note)
{
    uint32_t bits;
    CS_TRY(
        cs_policy_read_bits(n, algorithm_number, CS_NAMES_ALGORITHM, "a signature algorithm", &bits, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        if (!(fitting >> cs_algorithm_of_name(c->text) & 1))
            return cs_yaml_fail(c, note, "'%s' does not fit the certificate's key",
                                cs_algorithm_name(cs_algorithm_of_name(c->text)));
    out->algorithms = bits;
    return CS_OK;
}

static CS_RESULT read_issuer(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    enum { ID, CERTIFICATE, KEY, PURPOSES, ALGORITHMS, PROFILES, CAA_IDENTITIES, PINS, CT, N };
    struct cs_yaml_field f[N] = {
        [ID] = { .key = "id", .required = true },
        [CERTIFICATE] = { .key = "certificate", .required = true },
        [KEY] = { .key = "key", .required = true },
        [PURPOSES] = { .key = "purposes", .required = true },
        [ALGORITHMS] = { .key = "algorithms", .required = true },
        [PROFILES] = { .key = "profiles" },
        [CAA_IDENTITIES] = { .key = "caa_identities" },
        [PINS] = { .key = "pins" },
        [CT] = { .key = "ct" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_issuer *out = &p->issuer[p->n_issuers];
    CS_TRY(cs_yaml_id(f[ID].value, CS_POLICY_ID_MAX_LEN, &out->id, note));
    CS_TRY(read_purposes(f[PURPOSES].value, &out->purposes, note));
    uint32_t fitting = 0;
    CS_TRY(read_certificate(p, out, f[CERTIFICATE].value, &fitting, note));
    CS_TRY(read_uri(f[KEY].value, &out->key_uri, note));
    CS_TRY(read_algorithms(out, f[ALGORITHMS].value, fitting, note));
    bool leaf = (out->purposes & CS_PURPOSE_LEAF) != 0;
    if (leaf && f[PROFILES].value == NULL)
        return cs_yaml_fail(n, note, "the key 'profiles' is missing; purpose leaf needs it");
    if (!leaf && f[PROFILES].value != NULL)
        return cs_yaml_fail(f[PROFILES].value, note, "profiles are for purpose leaf only");
    if (leaf)
        CS_TRY(cs_policy_read_bits(f[PROFILES].value, profile_number, CS_NAMES_PROFILE, "a profile",
                                   &out->profiles, note));
    if (leaf && f[CAA_IDENTITIES].value == NULL)
        return cs_yaml_fail(n, note, "the key 'caa_identities' is missing; purpose leaf needs it");
    if (!leaf && f[CAA_IDENTITIES].value != NULL)
        return cs_yaml_fail(f[CAA_IDENTITIES].value, note, "caa_identities are for purpose leaf only");
    if (leaf)
        CS_TRY(cs_policy_read_caa_identities(out, f[CAA_IDENTITIES].value, note));
    if (!leaf && f[PINS].value != NULL)
        return cs_yaml_fail(f[PINS].value, note, "pins are for purpose leaf only");
    if (f[PINS].value != NULL)
        CS_TRY(cs_policy_read_pins(p, out, f[PINS].value, note));
    if (!leaf && f[CT].value != NULL)
        return cs_yaml_fail(f[CT].value, note, "ct is for purpose leaf only");
    CS_TRY(cs_policy_read_issuer_ct(p, out, f[CT].value, note));
    for (uint32_t i = 0; i < p->n_issuers; i++) {
        if (cs_span_eq(p->issuer[i].id, out->id))
            return cs_yaml_fail(f[ID].value, note, "issuers[%u] has this id", i);
        if (cs_span_eq(p->issuer[i].spki, out->spki))
            return cs_yaml_fail(f[CERTIFICATE].value, note, "issuers[%u] has the same public key", i);
        if (cs_span_eq(p->issuer[i].key_uri, out->key_uri))
            return cs_yaml_fail(f[KEY].value, note, "issuers[%u] has the same key URI and another public key",
                                i);
    }
    p->n_issuers++;
    return CS_OK;
}

CS_RESULT cs_policy_read_issuers(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_ISSUERS_MAX, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_issuer(p, c, note));
    return CS_OK;
}
