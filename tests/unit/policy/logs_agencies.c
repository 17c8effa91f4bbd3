/* CT logs, what issuers ask of them, and the agencies of EV: a good document, and one fault at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "proxy/policy/policy.h"

/* Where %1 .. %5 stand: the CA, log keys P-256, RSA 2048, P-384, RSA 1024; %6 is the first log's in
 * another form. */
static const char good[] =
    "schema: countersign-policy-v1\n"
    "version: 1\n"
    "deployment: production\n"
    "issuers:\n"
    "  - id: ec\n"
    "    certificate: |\n"
    "%1"
    "    key: pkcs11:object=ec\n"
    "    purposes: [leaf]\n"
    "    algorithms: [ecdsa-sha256]\n"
    "    profiles: [dv, ev]\n"
    "    caa_identities: [ca.example]\n"
    "    ct: { required_scts: 2, logs: [oak2027, elm2027], distinct_operators: true }\n"
    "attesters:\n"
    "  - name: a\n"
    "    public_key: |\n"
    "%2"
    "    algorithm: ecdsa-p256-sha256\n"
    "    roles: [operator]\n"
    "    not_before: 2026-01-01T00:00:00Z\n"
    "    not_after: 2027-01-01T00:00:00Z\n"
    "clients:\n"
    "  - { name: c, api_version: v1, uid: 1, rpcs: [Check] }\n"
    "lists:\n"
    "  public_suffix: { path: /psl.dat, max_age_days: 30 }\n"
    "  debian_weak_keys: { path: /weak.bin }\n"
    "  compromised_keys: { path: /keys.txt }\n"
    "lint:\n"
    "  linters: [{ name: zlint, min_version: 3.6.8 }]\n"
    "ct_logs:\n"
    "  - name: oak2027\n"
    "    operator: north\n"
    "    public_key: |\n"
    "%2"
    "  - name: elm2027\n"
    "    operator: south\n"
    "    public_key: |\n"
    "%3"
    "agencies:\n"
    "  - country: DE\n"
    "    state: Berlin\n"
    "    locality: Charlottenburg\n"
    "    number_format: 'HRB #+'\n"
    "  - { country: NL }\n";

enum { MATERIAL = 7 };
static char *material[MATERIAL];

static char *pem(const char *label, const unsigned char *der, long len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_not_equal(PEM_write_bio(bio, label, "", der, len), 0);
    char line[128];
    CS_AUTO_BUF struct cs_buf out = { 0 };
    while (BIO_gets(bio, line, sizeof line) > 0)
        cs_buf_printf(&out, "      %s", line);
    cs_buf_put_u8(&out, 0);
    BIO_free(bio);
    return strdup((char *)out.at);
}

static char *public_key(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    char *text = pem("PUBLIC KEY", der, len);
    OPENSSL_free(der);
    return text;
}

static void add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static char *ca(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20260101000000Z");
    ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "20360101000000Z");
    X509_NAME *n = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)"CA", -1, -1, 0);
    X509_set_issuer_name(x, n);
    X509_set_pubkey(x, key);
    add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x, NID_key_usage, "critical,keyCertSign");
    add_extension(x, NID_subject_key_identifier, "hash");
    assert_int_not_equal(X509_sign(x, key, EVP_sha256()), 0);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    char *text = pem("CERTIFICATE", der, len);
    OPENSSL_free(der);
    X509_free(x);
    return text;
}

static int make_material(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-256"), EVP_RSA_gen(2048), EVP_EC_gen("P-384"),
                         EVP_RSA_gen(1024) };
    material[1] = ca(keys[0]);
    for (size_t i = 1; i < sizeof keys / sizeof *keys; i++)
        material[i + 1] = public_key(keys[i]);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(keys[1], "point-format", "compressed"), 1);
    material[6] = public_key(keys[1]);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        EVP_PKEY_free(keys[i]);
    return 0;
}

static int free_material(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL; i++)
        free(material[i]);
    return 0;
}

/* good with every from replaced once by to, and the material put in. */
static void document(const char *from, const char *to, struct cs_buf *out)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    const char *at = from != NULL ? strstr(good, from) : good;
    assert_non_null(at);
    if (from == NULL)
        cs_buf_put_str(&text, good);
    else
        cs_buf_printf(&text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    cs_buf_put_u8(&text, 0);
    for (const char *c = (const char *)text.at; *c != 0; c++)
        if (*c == '%' && c[1] >= '1' && c[1] < '0' + MATERIAL)
            cs_buf_put_str(out, material[*++c - '0']);
        else
            cs_buf_put_u8(out, (uint8_t)*c);
}

static void good_document(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_policy *p = NULL;
    struct cs_note note = { "" };
    document(NULL, NULL, &text);
    if (!cs_ok(cs_policy_load(cs_buf_span(&text), &p, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(p->n_ct_logs, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const uint8_t *id = NULL;
        size_t len = 0;
        CTLOG_get0_log_id(p->ct_log[i].log, &id, &len);
        assert_true(cs_span_eq(cs_span_of(id, len), cs_sha256_span(&p->ct_log[i].id)));
        assert_non_null(CTLOG_get0_public_key(p->ct_log[i].log));
    }
    assert_true(cs_span_is(p->ct_log[1].name, "elm2027") && cs_span_is(p->ct_log[1].operator, "south"));
    assert_int_equal(p->issuer[0].ct.required_scts, 2);
    assert_int_equal(p->issuer[0].ct.logs, 3);
    assert_true(p->issuer[0].ct.distinct_operators);
    assert_int_equal(p->n_agencies, 2);
    assert_true(cs_span_is(p->agency[0].country, "DE") && cs_span_is(p->agency[0].state, "Berlin") &&
                cs_span_is(p->agency[0].locality, "Charlottenburg") &&
                cs_span_is(p->agency[0].number_format, "HRB #+"));
    assert_int_equal(p->agency[1].state.len + p->agency[1].locality.len + p->agency[1].number_format.len, 0);
    cs_policy_free(p);
}

static void faults(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *note; /* note NULL: accepted */
    } rows[] = {
        { "required_scts: 2", "required_scts: 1", NULL },
        { "required_scts: 2", "required_scts: 0", "issuers[0].ct.required_scts: 0; 1 to 16 are allowed" },
        { "required_scts: 2", "required_scts: 3",
          "issuers[0].ct.required_scts: 3, but the logs have 2 different operators" },
        { "operator: south", "operator: north",
          "issuers[0].ct.required_scts: 2, but the logs have 1 different operators" },
        { ", distinct_operators: true", "", NULL },
        { "logs: [oak2027, elm2027], distinct_operators: true", "logs: [oak2027]",
          "issuers[0].ct.required_scts: 2, but the logs have 1 different keys" },
        { "[oak2027, elm2027]", "[oak2027, ash2027]",
          "issuers[0].ct.logs[1]: 'ash2027' is the name of none of ct_logs" },
        { "[oak2027, elm2027]", "[oak2027, oak2027]", "issuers[0].ct.logs[1]: 'oak2027' stands there twice" },
        { "[oak2027, elm2027]", "[]", "issuers[0].ct.logs: 0 elements" },
        { "required_scts: 2, ", "", "issuers[0].ct: the key 'required_scts' is missing" },
        { "required_scts: 2,", "required_scts: 2, optional: true,", "issuers[0].ct.optional: unknown key" },
        { "name: elm2027", "name: oak2027", "ct_logs[1].name: ct_logs[0] has this name" },
        { "%3", "%2", "ct_logs[1].public_key: ct_logs[0] has the same public key" },
        { "%3", "%4", "ct_logs[1].public_key: the key is neither P-256" },
        { "%3", "%5", "ct_logs[1].public_key: the key is neither P-256" },
        { "%3", "%6", "ct_logs[1].public_key: the key is neither P-256 (uncompressed point)" },
        { "%3", "%1", "ct_logs[1].public_key: the PEM block must start with" },
        { "    operator: south\n", "", "ct_logs[1]: the key 'operator' is missing" },
        { "country: DE", "country: de", "agencies[0].country: 'de'; needed: two upper-case letters" },
        { "country: DE", "country: DEU", "agencies[0].country: 'DEU'; needed" },
        { "{ country: NL }", "{ state: Utrecht }", "agencies[1]: the key 'country' is missing" },
        { "{ country: NL }", "{ country: NL }\n  - { country: NL }",
          "agencies[2]: agencies[1] says the same" },
        { "{ country: NL }", "{ country: NL }\n  - { country: NL, number_format: '#' }", NULL },
        { "{ country: NL }", "{ country: NL, city: Delft }", "agencies[1].city: unknown key" },
        { "[dv, ev]", "[dv]", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf text = { 0 };
        struct cs_policy *p = NULL;
        struct cs_note note = { "" };
        document(rows[i].from, rows[i].to, &text);
        cs_result r = cs_policy_load(cs_buf_span(&text), &p, &note);
        const char *said = strstr(note.text, ": ");
        if (rows[i].note == NULL ? !cs_ok(r)
                                 : !cs_is(r, CS_NUM_CONFIG) || said == NULL ||
                                       strncmp(said + 2, rows[i].note, strlen(rows[i].note)) != 0)
            fail_msg("row '%s': %s '%s'", rows[i].to, cs_result_name(r), note.text);
        cs_policy_free(p);
    }

    /* Without agencies: refused while an issuer has the profile EV. */
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_policy *p = NULL;
    struct cs_note note = { "" };
    document(NULL, NULL, &text);
    cs_buf_put_u8(&text, 0);
    char *agencies = strstr((char *)text.at, "agencies:");
    assert_non_null(agencies);
    size_t len = (size_t)(agencies - (char *)text.at);
    assert_true(cs_is(cs_policy_load(cs_span_of(text.at, len), &p, &note), CS_NUM_CONFIG));
    assert_non_null(strstr(note.text, "the key 'agencies' is missing"));
    char *ev = strstr((char *)text.at, "[dv, ev]");
    memcpy(ev, "[dv, ov]", 8);
    assert_true(cs_ok(cs_policy_load(cs_span_of(text.at, len), &p, &note)));
    cs_policy_free(p);
}

static void number_formats(void **state)
{
    (void)state;
    static const struct {
        const char *format, *number;
        bool ok;
    } rows[] = {
        { "########", "12345678", true },
        { "########", "1234567", false },
        { "########", "123456789", false },
        { "########", "1234567A", false },
        { "HRB #+", "HRB 1", true },
        { "HRB #+", "HRB 123456", true },
        { "HRB #+", "HRB ", false },
        { "HRB #+", "HRA 1", false },
        { "HRB #+", "hrb 1", false },
        { "HRB #+?", "HRB 12B", true },
        { "@@#+", "AB1", true },
        { "@@#+", "A11", false },
        { "?+", "A1B2", true },
        { "?+", "a1", false },
        { "#+#", "12", false },
        { "+1", "+1", true },
        { "", "", true },
        { "", "1", false },
        { "A-#+/#", "A-12/3", true },
        { "A-#+/#", "A-12/34", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_agency_number_fits(cs_span_str(rows[i].format), cs_span_str(rows[i].number)) != rows[i].ok)
            fail_msg("'%s' '%s'", rows[i].format, rows[i].number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_document),
        cmocka_unit_test(faults),
        cmocka_unit_test(number_formats),
    };
    return cmocka_run_group_tests(tests, make_material, free_material);
}
