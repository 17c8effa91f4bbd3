/*
 * SCTs made here by hand, judged by the gate and by OpenSSL's own validation, every bit of the list
 * flipped; and a certificate of the first public test log, when there is a corpus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ct.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "proxy/base/io.h"
#include "proxy/gate/scts.h"

enum { LOGS = 3 /* P-256, RSA, and one the issuer does not use */ };
static const uint64_t WHEN_MS = 1795300000123;

static EVP_PKEY *issuer_key, *log_key[LOGS];
static X509 *issuer;
static struct cs_policy *policy;
static const char *corpus;

static struct cs_span spki_of(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    return cs_span_of(der, (size_t)len);
}

static X509 *certificate(EVP_PKEY *key, const char *name)
{
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), UINT64_C(0x4f12345678901234));
    ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20261121000000Z");
    ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "20270101000000Z");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                               -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)"CA", -1,
                               -1, 0);
    X509_set_pubkey(x, key);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:www.example.com");
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    assert_int_not_equal(X509_sign(x, issuer_key, EVP_sha256()), 0);
    return x;
}

static void add_log(uint32_t i)
{
    struct cs_span der = spki_of(log_key[i]);
    policy->ct_log[i].name = policy->ct_log[i].operator= cs_span_str("log");
    EVP_PKEY_up_ref(log_key[i]);
    policy->ct_log[i].log = CTLOG_new(log_key[i], "log");
    policy->ct_log[i].id = cs_sha256(der);
    assert_non_null(policy->ct_log[i].log);
    OPENSSL_free((void *)(uintptr_t)der.at);
}

static int set_up(void **state)
{
    (void)state;
    issuer_key = EVP_EC_gen("P-256");
    log_key[0] = EVP_EC_gen("P-256");
    log_key[1] = EVP_RSA_gen(2048);
    log_key[2] = EVP_EC_gen("P-256");
    policy = calloc(1, sizeof *policy);
    for (uint32_t i = 0; i < LOGS; i++)
        add_log(i);
    policy->n_ct_logs = LOGS;
    policy->n_issuers = 1;
    policy->issuer[0].spki = spki_of(issuer_key);
    policy->issuer[0].ct = (struct cs_issuer_ct){ .required_scts = 2, .logs = 3 };
    issuer = certificate(issuer_key, "CA");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    OPENSSL_free((void *)(uintptr_t)policy->issuer[0].spki.at);
    X509_free(issuer);
    EVP_PKEY_free(issuer_key);
    for (size_t i = 0; i < LOGS; i++)
        EVP_PKEY_free(log_key[i]);
    cs_policy_free(policy);
    return 0;
}

/* ---- SCTs by hand (RFC 6962 3.2, 3.3) ---- */

struct plan {
    uint32_t log;
    bool other_tbs, other_issuer;
};

static void put_sct(struct plan p, struct cs_span tbs, struct cs_buf *out)
{
    static const uint8_t other_tbs[] = "another TBS";
    struct cs_sha256 key_hash = cs_sha256(p.other_issuer ? cs_span_str("x") : policy->issuer[0].spki);
    CS_AUTO_BUF struct cs_buf m = { 0 };
    if (p.other_tbs)
        tbs = cs_span_of(other_tbs, sizeof other_tbs);
    cs_buf_put(&m, "\0\0", 2);
    cs_buf_put_u64(&m, WHEN_MS);
    cs_buf_put(&m, "\0\1", 2);
    cs_buf_put(&m, key_hash.byte, sizeof key_hash.byte);
    cs_buf_put_u32(&m, (uint32_t)tbs.len << 8);
    m.len--; /* three octets of it */
    m.at[m.len - 3] = (uint8_t)(tbs.len >> 16);
    m.at[m.len - 2] = (uint8_t)(tbs.len >> 8);
    m.at[m.len - 1] = (uint8_t)tbs.len;
    cs_buf_put(&m, tbs.at, tbs.len);
    cs_buf_put(&m, "\0\0", 2);
    uint8_t signature[512];
    size_t len = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, log_key[p.log]), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, m.at, m.len), 1);
    EVP_MD_CTX_free(ctx);
    CS_AUTO_BUF struct cs_buf sct = { 0 };
    cs_buf_put_u8(&sct, 0);
    cs_buf_put(&sct, policy->ct_log[p.log].id.byte, CS_SHA256_LEN);
    cs_buf_put_u64(&sct, WHEN_MS);
    cs_buf_put(&sct, p.log == 1 ? "\0\0\4\1" : "\0\0\4\3", 4); /* no extensions; SHA-256 with RSA, ECDSA */
    cs_buf_put_u16(&sct, (uint16_t)len);
    cs_buf_put(&sct, signature, len);
    cs_buf_put_u16(out, (uint16_t)sct.len);
    cs_buf_put(out, sct.at, sct.len);
}

/* A final certificate whose SCT list holds these bytes. */
static X509 *final_with(X509 *take_leaf, struct cs_span list)
{
    CS_AUTO_BUF struct cs_buf value = { 0 };
    uint16_t len = (uint16_t)(list.len + 2);
    cs_buf_put_u8(&value, 0x04);
    if (len >= 0x100)
        cs_buf_put_u8(&value, 0x82);
    else if (len >= 0x80)
        cs_buf_put_u8(&value, 0x81);
    if (len >= 0x100)
        cs_buf_put_u16(&value, len);
    else
        cs_buf_put_u8(&value, (uint8_t)len);
    cs_buf_put_u16(&value, (uint16_t)list.len);
    cs_buf_put(&value, list.at, list.len);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(octets, value.at, (int)value.len);
    X509_EXTENSION *e = X509_EXTENSION_create_by_NID(NULL, NID_ct_precert_scts, 0, octets);
    ASN1_OCTET_STRING_free(octets);
    X509_add_ext(take_leaf, e, -1);
    X509_EXTENSION_free(e);
    assert_int_not_equal(X509_sign(take_leaf, issuer_key, EVP_sha256()), 0);
    return take_leaf;
}

static X509 *final_of(const struct plan *plan, size_t n, struct cs_buf *out_list)
{
    X509 *x = certificate(issuer_key, "leaf");
    unsigned char *tbs = NULL;
    int len = i2d_re_X509_tbs(x, &tbs);
    assert_true(len > 0);
    for (size_t i = 0; i < n; i++)
        put_sct(plan[i], cs_span_of(tbs, (size_t)len), out_list);
    OPENSSL_free(tbs);
    return final_with(x, cs_buf_span(out_list));
}

static struct cs_tbs view;

static struct cs_facts facts_of(X509 *x)
{
    static unsigned char *tbs;
    OPENSSL_free(tbs);
    tbs = NULL;
    int len = i2d_re_X509_tbs(x, &tbs);
    struct cs_facts f = { .policy = policy, .issuer = &policy->issuer[0], .kind = CS_LEAF_CERTIFICATE };
    assert_true(cs_ok(cs_tbs_parse(cs_span_of(tbs, (size_t)len), &view, NULL)));
    f.tbs = &view;
    assert_true(cs_ok(cs_facts_of_scts(&f)));
    return f;
}

static void states(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        struct plan plan;
        enum cs_sct_state state;
    } rows[] = {
        { "P-256", { .log = 0 }, CS_SCT_VERIFIED },
        { "RSA", { .log = 1 }, CS_SCT_VERIFIED },
        { "a log of another issuer", { .log = 2 }, CS_SCT_UNKNOWN_LOG },
        { "another precertificate", { .log = 0, .other_tbs = true }, CS_SCT_BAD },
        { "another issuer's precertificate", { .log = 0, .other_issuer = true }, CS_SCT_BAD },
        { "another precertificate, RSA", { .log = 1, .other_tbs = true }, CS_SCT_BAD },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf list = { 0 };
        const struct plan two[] = { { .log = 0 }, rows[i].plan };
        X509 *x = final_of(two, 2, &list);
        struct cs_facts f = facts_of(x);
        if (f.scts_flaw != NULL || f.n_scts != 2 || f.sct[0].state != CS_SCT_VERIFIED ||
            f.sct[1].state != rows[i].state || f.sct[1].timestamp_unix_s != (int64_t)(WHEN_MS / 1000) ||
            (rows[i].state != CS_SCT_UNKNOWN_LOG && f.sct[1].log != rows[i].plan.log))
            fail_msg("row %s: %d", rows[i].row, f.sct[1].state);
        X509_free(x);
    }
    X509 *none = certificate(issuer_key, "leaf");
    struct cs_facts f = facts_of(none);
    assert_true(f.n_scts == 0 && f.scts_flaw == NULL);
    X509_free(none);
}

/* OpenSSL's validation, with its own encoder, says the same of every SCT. */
static void openssl_agrees(void **state)
{
    (void)state;
    char path[] = "/tmp/cs-scts-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fprintf(file, "enabled_logs = a, b\n");
    for (int i = 0; i < 2; i++) {
        CS_AUTO_BUF struct cs_buf text = { 0 };
        struct cs_span der = spki_of(log_key[i]);
        cs_base64_put(&text, der, true);
        fprintf(file, "[%c]\ndescription = log\nkey = %.*s\n", 'a' + i, (int)text.len, (const char *)text.at);
        OPENSSL_free((void *)(uintptr_t)der.at);
    }
    assert_int_equal(fclose(file), 0);
    CTLOG_STORE *store = CTLOG_STORE_new();
    int loaded = CTLOG_STORE_load_file(store, path);
    (void)unlink(path);
    assert_int_equal(loaded, 1);

    CS_AUTO_BUF struct cs_buf list = { 0 };
    const struct plan plan[] = { { .log = 0 },
                                 { .log = 1 },
                                 { .log = 2 },
                                 { .log = 0, .other_tbs = true },
                                 { .log = 1, .other_issuer = true } };
    enum { N = sizeof plan / sizeof *plan };
    X509 *x = final_of(plan, N, &list);
    struct cs_facts f = facts_of(x);
    STACK_OF(SCT) *scts = X509_get_ext_d2i(x, NID_ct_precert_scts, NULL, NULL);
    CT_POLICY_EVAL_CTX *ctx = CT_POLICY_EVAL_CTX_new();
    assert_true(CT_POLICY_EVAL_CTX_set1_cert(ctx, x) == 1 &&
                CT_POLICY_EVAL_CTX_set1_issuer(ctx, issuer) == 1);
    CT_POLICY_EVAL_CTX_set_shared_CTLOG_STORE(ctx, store);
    CT_POLICY_EVAL_CTX_set_time(ctx, WHEN_MS + 1000);
    assert_true(SCT_LIST_validate(scts, ctx) >= 0);
    static const enum cs_sct_state as[] = {
        [SCT_VALIDATION_STATUS_UNKNOWN_LOG] = CS_SCT_UNKNOWN_LOG,
        [SCT_VALIDATION_STATUS_VALID] = CS_SCT_VERIFIED,
        [SCT_VALIDATION_STATUS_INVALID] = CS_SCT_BAD,
    };
    assert_int_equal(f.n_scts, N);
    for (int i = 0; i < N; i++) {
        sct_validation_status_t theirs = SCT_get_validation_status(sk_SCT_value(scts, i));
        assert_in_range(theirs, SCT_VALIDATION_STATUS_UNKNOWN_LOG, SCT_VALIDATION_STATUS_INVALID);
        assert_int_equal(f.sct[i].state, as[theirs]);
    }
    CT_POLICY_EVAL_CTX_free(ctx);
    SCT_LIST_free(scts);
    CTLOG_STORE_free(store);
    X509_free(x);
}

/* Whether a certificate with this list is one whose first SCT counts. */
static bool counts(struct cs_span list)
{
    X509 *x = final_with(certificate(issuer_key, "leaf"), list);
    unsigned char *tbs = NULL;
    int len = i2d_re_X509_tbs(x, &tbs);
    struct cs_facts f = { .policy = policy, .issuer = &policy->issuer[0], .kind = CS_LEAF_CERTIFICATE };
    bool read = cs_ok(cs_tbs_parse(cs_span_of(tbs, (size_t)len), &view, NULL));
    if (read) {
        f.tbs = &view;
        assert_true(cs_ok(cs_facts_of_scts(&f)));
    }
    OPENSSL_free(tbs);
    X509_free(x);
    return read && f.scts_flaw == NULL && f.sct[0].state == CS_SCT_VERIFIED;
}

/* No changed list counts for more than the SCTs that were left alone; most do not even parse. */
static void every_bit_and_every_length(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf list = { 0 };
    const struct plan plan[] = { { .log = 0 } };
    X509_free(final_of(plan, 1, &list));
    for (size_t i = 0; i < list.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            list.at[i] ^= (uint8_t)(1u << bit);
            assert_false(counts(cs_buf_span(&list)));
            list.at[i] ^= (uint8_t)(1u << bit);
        }
    assert_true(counts(cs_buf_span(&list)));
    /* an octet behind the signature, inside the SCT: OpenSSL reads over it */
    cs_buf_put_u8(&list, 0);
    list.at[1]++;
    assert_false(counts(cs_buf_span(&list)));

    /* as many as are allowed, and one more */
    CS_AUTO_BUF struct cs_buf many = { 0 };
    struct plan plans[CS_POLICY_SCTS_MAX + 1] = { { .log = 0 } };
    X509 *x = final_of(plans, CS_POLICY_SCTS_MAX, &many);
    struct cs_facts f = facts_of(x);
    assert_true(f.scts_flaw == NULL && f.n_scts == CS_POLICY_SCTS_MAX);
    X509_free(x);
    cs_buf_reset(&many);
    x = final_of(plans, CS_POLICY_SCTS_MAX + 1, &many);
    f = facts_of(x);
    assert_true(f.scts_flaw != NULL && f.n_scts == 0);
    X509_free(x);
}

/* A certificate that the first test log of certificate-transparency logged, and that log's key. */
static void a_certificate_of_others(void **state)
{
    (void)state;
    static const char key_text[] =
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmXg8sUUzwBYaWrRb+V0IopzQ6o3UyEJ04r5ZrRXG"
        "dpYM8K+hB0pXrGRLI0eeWz+3skXrS0IO83AhA3GpRL6s6w==";
    char name[512];
    CS_AUTO_BUF struct cs_buf key_der = { 0 }, leaf = { 0 }, ca = { 0 };
    (void)snprintf(name, sizeof name, "%s/certs/ct_test-embedded-with-intermediate-cert.der", corpus);
    if (corpus[0] == 0 || access(name, R_OK) != 0)
        skip();
    assert_true(cs_ok(cs_read_file(name, 65536, &leaf, NULL)));
    (void)snprintf(name, sizeof name, "%s/certs/ct_intermediate-cert.der", corpus);
    assert_true(cs_ok(cs_read_file(name, 65536, &ca, NULL)));
    assert_true(cs_ok(cs_unbase64(cs_span_str(key_text), &key_der)));
    const unsigned char *at = key_der.at;
    struct cs_policy *p = calloc(1, sizeof *p);
    p->n_ct_logs = 1;
    p->ct_log[0].log = CTLOG_new(d2i_PUBKEY(NULL, &at, (long)key_der.len), "test log");
    p->ct_log[0].id = cs_sha256(cs_buf_span(&key_der));
    p->issuer[0].ct = (struct cs_issuer_ct){ .required_scts = 1, .logs = 1 };
    struct cs_span tbs, algorithm, signature;
    assert_true(cs_ok(cs_certificate_parse(cs_buf_span(&ca), &tbs, &algorithm, &signature, NULL)));
    assert_true(cs_ok(cs_tbs_parse(tbs, &view, NULL)));
    p->issuer[0].spki = view.spki;
    static struct cs_tbs leaf_view;
    assert_true(cs_ok(cs_certificate_parse(cs_buf_span(&leaf), &tbs, &algorithm, &signature, NULL)));
    assert_true(cs_ok(cs_tbs_parse(tbs, &leaf_view, NULL)));
    struct cs_facts f = {
        .policy = p, .issuer = &p->issuer[0], .kind = CS_LEAF_CERTIFICATE, .tbs = &leaf_view
    };
    assert_true(cs_ok(cs_facts_of_scts(&f)));
    assert_null(f.scts_flaw);
    assert_int_equal(f.n_scts, 1);
    assert_int_equal(f.sct[0].state, CS_SCT_VERIFIED);
    p->issuer[0].spki = policy->issuer[0].spki;
    assert_true(cs_ok(cs_facts_of_scts(&f)));
    assert_int_equal(f.sct[0].state, CS_SCT_BAD);
    cs_policy_free(p);
}

int main(int argc, char **argv)
{
    corpus = argc > 1 ? argv[1] : "";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),
        cmocka_unit_test(openssl_agrees),
        cmocka_unit_test(every_bit_and_every_length),
        cmocka_unit_test(a_certificate_of_others),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
