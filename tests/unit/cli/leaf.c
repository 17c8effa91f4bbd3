/* Leaf: what tbs from-csr builds is read by the gate's reader and by OpenSSL, and says what was asked. */
#include "tests/unit/cli/house.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "client/cli/keys.h"
#include "client/cli/leaf.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/der/tbs.h"
#include "proxy/policy/names.h"

#define FROM_CSR "tbs", "from-csr", "--issuer-cert", "ca.pem", "--csr", "leaf.csr"

static struct cs_tbs view;
static struct cs_buf bytes;

static const struct cs_tbs *parsed(const char *name)
{
    struct cs_der_fault fault = { 0 };
    cs_buf_reset(&bytes);
    cs_result r = cs_tbs_parse(get_file(name, &bytes), &view, &fault);
    if (!cs_ok(r))
        fail_msg("%s: %s at %zu in %s", name, fault.what, fault.offset, fault.where);
    return &view;
}

/* A certificate around the TBS as OpenSSL reads it; the signature is not looked at. */
static X509 *as_x509(const struct cs_tbs *t)
{
    CS_AUTO_BUF struct cs_buf der = { 0 };
    cs_certificate_put(&der, t->der, t->signature, cs_span_str("no signature"));
    const unsigned char *at = der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    assert_non_null(x);
    assert_ptr_equal(at, der.at + der.len);
    return x;
}

static void fields_are_those_asked_for(void **state)
{
    (void)state;
    make_ca("P-256");
    make_csr("DNS:www.example.com,DNS:example.com,IP:192.0.2.1,IP:2001:db8::1", false);
    expect(0, FROM_CSR, "--days", "90", "--profile", "ov", "--precertificate", "--serial",
           "00ff0102030405060708", "--not-before", "2026-11-21T00:00:00Z", "--ocsp-url", "http://o.example/",
           "--issuer-url", "http://c.example/ca.cer", "--crl-url", "http://c.example/1.crl",
           "--subject-attribute", "C=NL", "--subject-attribute", "O=Caf\xc3\xa9 B.V.", "--out", "t", NULL);
    const struct cs_tbs *t = parsed("t");
    assert_int_equal(t->version, 2);
    assert_memory_equal(t->serial.at, "\x00\xff\x01\x02", 4); /* positive */
    assert_int_equal(t->serial.len, 10);
    assert_int_equal(t->not_before_unix_s, 1795219200);
    assert_int_equal(t->not_after_unix_s - t->not_before_unix_s + 1, 90 * 86400);
    assert_int_equal(t->n_names, 4);
    assert_true(t->name[0].tag == CS_SAN_DNS && cs_span_is(t->name[0].value, "www.example.com"));
    assert_true(t->name[3].tag == CS_SAN_IP && t->name[3].value.len == 16);
    assert_true(t->has_poison && !t->has_sct_list && !t->is_ca);
    assert_int_equal(t->key_usage, 0x8000);
    assert_int_equal(t->n_attributes, 2);
    assert_int_equal(t->attribute[0].tag, 0x13);
    assert_int_equal(t->attribute[1].tag, 0x0c);
    assert_int_equal(cs_algorithm_of_der(t->signature), CS_ALG_ECDSA_SHA256);

    X509 *x = as_x509(t), *ca = NULL;
    assert_true(cs_ok(cs_cert_read("ca.pem", &ca, NULL)));
    assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(ca)), 0);
    assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x), X509_get0_subject_key_id(ca)), 0);
    assert_int_equal(X509_check_host(x, "www.example.com", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(x, "2001:db8::1", 0), 1);
    assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER);
    assert_int_equal(X509_get_extension_flags(x) & (EXFLAG_INVALID | EXFLAG_CA), 0);
    static const struct {
        int nid, critical;
    } rows[] = { { NID_authority_key_identifier, 0 },
                 { NID_info_access, 0 },
                 { NID_subject_alt_name, 0 },
                 { NID_certificate_policies, 0 },
                 { NID_ext_key_usage, 0 },
                 { NID_crl_distribution_points, 0 },
                 { NID_key_usage, 1 },
                 { NID_ct_precert_poison, 1 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int at = X509_get_ext_by_NID(x, rows[i].nid, -1);
        assert_true(at >= 0);
        assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(x, at)), rows[i].critical);
        void *decoded = X509V3_EXT_d2i(X509_get_ext(x, at));
        if (decoded == NULL)
            fail_msg("extension %s is not readable", OBJ_nid2sn(rows[i].nid));
        const X509V3_EXT_METHOD *m = X509V3_EXT_get_nid(rows[i].nid);
        if (m->it != NULL)
            ASN1_item_free(decoded, ASN1_ITEM_ptr(m->it));
        else
            m->ext_free(decoded);
    }
    X509_free(x);
    X509_free(ca);
}

static void final_pairs_with_its_precertificate(void **state)
{
    (void)state;
    struct cs_sha256 pair = cs_tbs_pair_sha256(parsed("t"));
    static const uint8_t one_sct[] = { 0, 5, 0, 3, 1, 2, 3 };
    assert_true(cs_ok(cs_write_file("scts", cs_span_of(one_sct, sizeof one_sct), 0644, NULL)));
    expect(0, FROM_CSR, "--days", "90", "--profile", "ov", "--sct-list", "scts", "--serial",
           "00ff0102030405060708", "--not-before", "2026-11-21T00:00:00Z", "--ocsp-url", "http://o.example/",
           "--issuer-url", "http://c.example/ca.cer", "--crl-url", "http://c.example/1.crl",
           "--subject-attribute", "C=NL", "--subject-attribute", "O=Caf\xc3\xa9 B.V.", "--out", "final",
           NULL);
    struct cs_sha256 again = cs_tbs_pair_sha256(parsed("final"));
    assert_true(view.has_sct_list && !view.has_poison);
    assert_memory_equal(pair.byte, again.byte, sizeof pair.byte);
}

static void defaults(void **state)
{
    (void)state;
    static const struct {
        const char *curve;
        enum cs_algorithm algorithm;
    } rows[] = { { "P-384", CS_ALG_ECDSA_SHA384 },
                 { "P-521", CS_ALG_ECDSA_SHA512 },
                 { "RSA", CS_ALG_RSA_SHA256 },
                 { "P-256", CS_ALG_ECDSA_SHA256 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_ca(rows[i].curve);
        expect(0, FROM_CSR, "--days", "1", "--profile", "dv", "--out", "d", NULL);
        assert_int_equal(cs_algorithm_of_der(parsed("d")->signature), rows[i].algorithm);
    }
    int64_t age_s = cs_clock_unix_s() - view.not_before_unix_s;
    assert_true(age_s >= 0 && age_s < 60);
    assert_int_equal(view.serial.len, 16);
    assert_true((view.serial.at[0] & 0xc0) == 0x40);
    assert_int_equal(view.n_attributes, 0);
    X509 *x = as_x509(&view);
    int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(x, at)), 1); /* the subject is empty */
    X509_free(x);
    expect(0, FROM_CSR, "--days", "1", "--profile", "dv", "--dns", "other.example", "--out", "d", NULL);
    assert_true(parsed("d")->n_names == 1 && cs_span_is(view.name[0].value, "other.example"));
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *part, *word[6];
    } rows[] = {
        { "--days '0': needs a number from 1 to 398", { "--days", "0" } },
        { "--days '399': needs", { "--days", "399" } },
        { "--profile 'xv': needs dv, iv, ov or ev", { "--profile", "xv" } },
        { "--serial 'zz': needs 1 to 20 octets", { "--serial", "zz" } },
        { "--serial '': needs 1 to 20 octets", { "--serial", "" } },
        { "--serial '000000000000000000000000000000000000000000': needs",
          { "--serial", "000000000000000000000000000000000000000000" } },
        { "--not-before 'x': needs a time", { "--not-before", "x" } },
        { "--dns 'b\xc3\xbc"
          "cher.example'",
          { "--dns", "b\xc3\xbc"
                     "cher.example" } },
        { "--ip 'example.com': needs an IPv4", { "--ip", "example.com" } },
        { "--algorithm 'sha1': needs a name such as", { "--algorithm", "sha1" } },
        { "--subject-attribute 'O': needs TYPE=VALUE", { "--subject-attribute", "O" } },
        { "--subject-attribute 'Q=x': needs a short name", { "--subject-attribute", "Q=x" } },
        { "--subject-attribute 'C=N*': needs characters of PrintableString",
          { "--subject-attribute", "C=N*" } },
        { "--issuer-cert leaf.csr: CERTIFICATE REQUEST block", { "--issuer-cert", "leaf.csr" } },
        { "--csr ca.pem: CERTIFICATE block", { "--csr", "ca.pem" } },
        { "--sct-list gone: No such file", { "--sct-list", "gone" } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static const struct {
            const char *flag, *value;
        } base[] = { { "--issuer-cert", "ca.pem" },
                     { "--csr", "leaf.csr" },
                     { "--days", "9" },
                     { "--profile", "dv" },
                     { "--out", "never" } };
        const char *words[32] = { "countersign", "tbs", "from-csr" };
        int n = 3;
        for (int k = 0; k < 6 && rows[i].word[k] != NULL; k++)
            words[n++] = rows[i].word[k];
        for (size_t k = 0; k < sizeof base / sizeof *base; k++)
            if (strcmp(base[k].flag, rows[i].word[0]) != 0) {
                words[n++] = base[k].flag;
                words[n++] = base[k].value;
            }
        struct ran r = run_words(n, words);
        CS_AUTO_BUF struct cs_buf part = { 0 };
        cs_text_put(&part, cs_span_str(rows[i].part), 400); /* messages are escaped */
        cs_buf_put_u8(&part, 0);
        if (r.code != CS_EXIT_USAGE || strstr(r.err, (const char *)part.at) == NULL)
            fail_msg("row: %s\ncode %d: %s", rows[i].part, r.code, r.err);
        ran_done(&r);
        assert_int_equal(access("never", F_OK), -1);
    }
    make_csr(NULL, false);
    expect(CS_EXIT_USAGE, FROM_CSR, "--days", "1", "--profile", "dv", "--out", "never", NULL);
    make_csr("email:a@example.com", false);
    expect(CS_EXIT_USAGE, FROM_CSR, "--days", "1", "--profile", "dv", "--out", "never", NULL);
    make_csr("DNS:a.example", true);
    expect(CS_EXIT_USAGE, FROM_CSR, "--days", "1", "--profile", "dv", "--out", "never", NULL);
}

static void show_names_the_fault(void **state)
{
    (void)state;
    struct ran r = run("tbs", "show", "--json", "t", NULL);
    json_t *document = json_loads(r.out, 0, NULL);
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "serial")), "00ff0102030405060708");
    assert_true(json_is_true(json_object_get(document, "precertificate")));
    assert_int_equal(json_array_size(json_object_get(document, "names")), 4);
    assert_int_equal(json_array_size(json_object_get(document, "extensions")), 8);
    json_decref(document);
    ran_done(&r);
    CS_AUTO_BUF struct cs_buf spoiled = { 0 };
    get_file("t", &spoiled);
    spoiled.at[8] = 0x80; /* the version's value: negative, so no version */
    spoiled.at[1] = 0x80; /* indefinite length */
    assert_true(cs_ok(cs_write_file("bad", cs_buf_span(&spoiled), 0644, NULL)));
    r = run("tbs", "show", "bad", NULL);
    assert_int_equal(r.code, CS_EXIT_REFUSED);
    assert_non_null(strstr(r.err, "bad: refused at offset"));
    ran_done(&r);
    r = run("tbs", "show", "--json", "bad", NULL);
    document = json_loads(r.out, 0, NULL);
    assert_true(json_is_integer(json_object_get(json_object_get(document, "fault"), "offset")));
    json_decref(document);
    ran_done(&r);
    expect(0, "tbs", "show", "--certificate", "ca.pem", NULL);
    expect(CS_EXIT_USAGE, "tbs", "show", "--certificate", "t", NULL);
}

static int tear_down(void **state)
{
    cs_buf_done(&bytes);
    return house_leave(state);
}

/* Lengths around each step of the DER length form. */
static void der_lengths(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *header;
    } rows[] = { { 0, "3000" },     { 1, "3001" },       { 127, "307f" },       { 128, "308180" },
                 { 255, "3081ff" }, { 256, "30820100" }, { 65535, "3082ffff" }, { 65536, "3083010000" } };
    static const uint8_t zeros[65536];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        char hex[16];
        cs_buf_put_str(&b, "x");
        size_t mark = cs_derput_open(&b, CS_DER_SEQUENCE);
        cs_buf_put(&b, zeros, rows[i].len);
        cs_derput_close(&b, mark);
        size_t header_len = strlen(rows[i].header) / 2;
        assert_int_equal(b.len, 1 + header_len + rows[i].len);
        cs_hex(cs_span_of(b.at + 1, header_len), hex);
        assert_string_equal(hex, rows[i].header);
        cs_buf_reset(&b);
        cs_derput(&b, CS_DER_SEQUENCE, cs_span_of(zeros, rows[i].len));
        cs_hex(cs_span_of(b.at, header_len), hex);
        assert_string_equal(hex, rows[i].header);
    }
    static const struct {
        int64_t unix_s;
        const char *text; /* tag, length, content */
    } times[] = { { 2524607999, "\x17\x0d"
                                "491231235959Z" },
                  { 2524608000, "\x18\x0f"
                                "20500101000000Z" } };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        cs_derput_time(&b, times[i].unix_s);
        assert_true(cs_span_is(cs_buf_span(&b), times[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(der_lengths),
        cmocka_unit_test(fields_are_those_asked_for),
        cmocka_unit_test(final_pairs_with_its_precertificate),
        cmocka_unit_test(show_names_the_fault),
        cmocka_unit_test(defaults),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, house_enter, tear_down);
}
