/* Good TBSs cut at every length and with every bit flipped; what is accepted, OpenSSL reads the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "proxy/gate/der/spki.h"
#include "tests/unit/der/der_text.h"
#include "tests/unit/der/view_check.h"

static struct cs_tbs view;

static void extension_add(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx = { .flags = 0 };
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    CONF *conf = NCONF_new(NULL); /* policies want one, even empty */
    assert_non_null(conf);
    X509V3_set_nconf(&ctx, conf);
    X509_EXTENSION *e = X509V3_EXT_nconf_nid(conf, &ctx, nid, value);
    if (e == NULL) {
        ERR_print_errors_fp(stderr);
        fail_msg("extension %s: %s", OBJ_nid2sn(nid), value);
    }
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
    NCONF_free(conf);
}

/* A TBS made by OpenSSL, signed so that it is complete. */
static void openssl_tbs_put(struct cs_buf *out, bool rsa)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-384");
    X509 *x = X509_new();
    assert_true(key != NULL && x != NULL);
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 0x12345678), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), 1795000000));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), rsa ? INT64_C(2600000000) : 1800000000));
    X509_NAME *name = X509_get_subject_name(x);
    static const char *const parts[][2] = { { "C", "DE" },
                                            { "O", "M\xc3\xbcller" },
                                            { "CN", "example.com" } };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, parts[i][0], MBSTRING_UTF8,
                                                    (const unsigned char *)parts[i][1], -1, -1, 0),
                         1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    extension_add(x, NID_subject_key_identifier, "hash");
    extension_add(x, NID_authority_key_identifier, "keyid:always");
    extension_add(x, NID_basic_constraints, rsa ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE");
    extension_add(x, NID_key_usage, "critical,digitalSignature,keyCertSign");
    extension_add(x, NID_ext_key_usage, "serverAuth,clientAuth");
    extension_add(x, NID_subject_alt_name, "DNS:example.com,IP:192.0.2.1,IP:2001:db8::1,email:a@example.com");
    extension_add(x, NID_certificate_policies, "2.23.140.1.2.1,1.2.3.4");
    extension_add(x, NID_crl_distribution_points, "URI:http://example.com/crl");
    extension_add(x, NID_info_access, "OCSP;URI:http://example.com/ocsp");
    extension_add(x, NID_name_constraints, "permitted;DNS:example.com,excluded;IP:192.0.2.0/255.255.255.0");
    extension_add(x, NID_policy_constraints, "requireExplicitPolicy:3");
    extension_add(x, NID_inhibit_any_policy, "2");
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int len = i2d_re_X509_tbs(x, &der);
    assert_true(len > 0);
    cs_buf_put(out, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(x);
    EVP_PKEY_free(key);
}

enum { N_BASES = 4 };

static void base_put(struct cs_buf *out, int i)
{
    if (i < 2) {
        openssl_tbs_put(out, i == 1);
        return;
    }
    struct tbs_text text = { .tail = NULL };
    char tail[4096];
    (void)snprintf(tail, sizeof tail, "81:0001 82:0780 %s", tbs_tail_rich);
    if (i == 2)
        text.tail = tail;
    tbs_text_put(out, &text);
}

/* OpenSSL's view of the same bytes: the same TBS comes out when it encodes anew. */
static bool openssl_reads_the_same(struct cs_span tbs)
{
    CS_AUTO_BUF struct cs_buf certificate = { 0 };
    static const uint8_t signature[] = { 0x30, 0x00 };
    cs_certificate_put(&certificate, tbs, view.signature, cs_span_of(signature, sizeof signature));
    const unsigned char *at = certificate.at;
    X509 *x = d2i_X509(NULL, &at, (long)certificate.len);
    unsigned char *der = NULL;
    int len = x == NULL ? -1 : i2d_re_X509_tbs(x, &der);
    bool same =
        at == certificate.at + certificate.len && len > 0 && cs_span_eq(tbs, cs_span_of(der, (size_t)len));
    if (!same)
        ERR_print_errors_fp(stderr);
    OPENSSL_free(der);
    X509_free(x);
    ERR_clear_error();
    return same;
}

static void every_truncation_refuses(void **state)
{
    (void)state;
    for (int i = 0; i < N_BASES; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        base_put(&b, i);
        struct cs_der_fault fault = { 0, "", "" };
        if (!cs_ok(cs_tbs_parse(cs_buf_span(&b), &view, &fault)))
            fail_msg("base %d: %s, %s", i, fault.what, fault.where);
        assert_true(view_is_inside(&view, cs_buf_span(&b)) && openssl_reads_the_same(cs_buf_span(&b)));
        for (size_t len = 0; len < b.len; len++) {
            uint8_t *copy = malloc(len + 1); /* exactly as long as the input, but for the empty one */
            assert_non_null(copy);
            memcpy(copy, b.at, len);
            if (!cs_is(cs_tbs_parse(cs_span_of(copy, len), &view, &fault), CS_NUM_DER) || fault.offset > len)
                fail_msg("base %d cut to %zu", i, len);
            free(copy);
        }
        cs_buf_put_u8(&b, 0);
        assert_true(cs_is(cs_tbs_parse(cs_buf_span(&b), &view, &fault), CS_NUM_DER));
    }
}

static void every_flipped_bit(void **state)
{
    (void)state;
    size_t n_accepted = 0, n_refused = 0;
    for (int i = 0; i < N_BASES; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        base_put(&b, i);
        uint8_t *copy = malloc(b.len);
        assert_non_null(copy);
        memcpy(copy, b.at, b.len);
        struct cs_span in = cs_span_of(copy, b.len);
        for (size_t bit = 0; bit < 8 * b.len; bit++) {
            struct cs_der_fault fault = { SIZE_MAX, NULL, NULL };
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            cs_result r = cs_tbs_parse(in, &view, &fault);
            if (cs_ok(r)) {
                n_accepted++;
                if (!view_is_inside(&view, in) || fault.what != NULL)
                    fail_msg("base %d, bit %zu: the view leaves its input", i, bit);
                if (!openssl_reads_the_same(in))
                    fail_msg("base %d, bit %zu: OpenSSL reads something else", i, bit);
            } else {
                n_refused++;
                if (cs_class(r) != CS_CLASS_CALLER || fault.offset > in.len || fault.what == NULL ||
                    fault.where == NULL)
                    fail_msg("base %d, bit %zu: %s", i, bit, cs_result_name(r));
            }
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(copy);
    }
    print_message("flipped bits: %zu accepted, %zu refused\n", n_accepted, n_refused);
    assert_true(n_accepted > 0 && n_refused > 0);
}

/* Every octet of the short base set to every value; OpenSSL, which is slow, is asked for one in 16. */
static void every_octet_to_every_value(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf b = { 0 };
    base_put(&b, 3);
    for (size_t i = 0; i < b.len; i++) {
        uint8_t was = b.at[i];
        for (unsigned v = 0; v < 256; v++) {
            b.at[i] = (uint8_t)v;
            if (cs_ok(cs_tbs_parse(cs_buf_span(&b), &view, NULL)) &&
                (!view_is_inside(&view, cs_buf_span(&b)) ||
                 (v % 16 == 5 && !openssl_reads_the_same(cs_buf_span(&b)))))
                fail_msg("octet %zu made %02x", i, v);
        }
        b.at[i] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_refuses),
        cmocka_unit_test(every_flipped_bit),
        cmocka_unit_test(every_octet_to_every_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
