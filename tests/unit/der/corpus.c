/* Real certificates, precertificates, keys and malformed vectors of the external corpus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/gate/der/spki.h"
#include "tests/unit/der/der_text.h"
#include "tests/unit/der/tsv.h"
#include "tests/unit/der/view_check.h"

static const char *corpus;
static struct cs_tbs view;
static struct cs_buf file; /* what view borrows */

static cs_result tbs_parse(struct cs_span tbs, struct cs_der_fault *fault)
{
    cs_result r = cs_tbs_parse(tbs, &view, fault);
    if (cs_ok(r) && !view_is_inside(&view, tbs))
        fail_msg("the view leaves its input");
    return r;
}

/* Reads a certificate, or a bare TBS, from a file. */
static cs_result parse_file(const char *path, bool is_tbs, struct cs_der_fault *fault)
{
    struct cs_span tbs, algorithm, signature;
    cs_buf_reset(&file);
    file_read(&file, corpus, path);
    *fault = (struct cs_der_fault){ 0, "", "" };
    if (is_tbs)
        return tbs_parse(cs_buf_span(&file), fault);
    cs_result r = cs_certificate_parse(cs_buf_span(&file), &tbs, &algorithm, &signature, fault);
    return cs_ok(r) ? tbs_parse(tbs, fault) : r;
}

struct excuse {
    const char *key, *reason;
    size_t n;
};

/* Finds and counts the excuse; false when there is none. */
static bool excused(struct excuse *table, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].key, key) == 0) {
            table[i].n++;
            return true;
        }
    return false;
}

static void excuses_print(const struct excuse *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        print_message("  %3zu  %s: %s\n", table[i].n, table[i].key, table[i].reason);
        if (table[i].n == 0)
            fail_msg("excuse that nothing needs: %s", table[i].key);
    }
}

/* Refused though the corpus's walk and zlint find nothing: one by one. */
static struct excuse clean_but_refused[] = {
    { "certs/zlint_dNSNameNoUnderscores.der", "GeneralizedTime before 2050, RFC 5280 4.1.2.5", 0 },
    { "certs/limbo_webpki-san-unicode-emoji-san.der", "dNSName is no IA5String", 0 },
    { "certs/webpki_crl_distrib_point-unknown_dp_name_tag.der", "unknown form of DistributionPointName", 0 },
    { "certs/webpki_crl_distrib_point-unknown_tag.der", "unknown field in a DistributionPoint", 0 },
    { "certs/pkilint_tls_br-internal_unconstrained_tls_ca-cert_policies_not_der.der", "policies empty", 0 },
};

/* Refused with zlint errors of their own, by the clause that refuses them. */
static struct excuse why_refused[] = {
    { "Extensions without an extension", "RFC 5280 4.1: SIZE (1..MAX)", 0 },
    { "signatureAlgorithm differs from the one in the TBS", "RFC 5280 4.1.1.2", 0 },
    { "policy that occurred before", "RFC 5280 4.2.1.4", 0 },
    { "GeneralizedTime before 2050, UTCTime was needed", "RFC 5280 4.1.2.5", 0 },
    { "time without seconds and Z", "RFC 5280 4.1.2.5.1", 0 },
    { "time that does not end in Z", "RFC 5280 4.1.2.5.1", 0 },
    { "IA5String with an octet above 7F", "RFC 5280 4.2.1.6", 0 },
    { "UTF8String is not UTF-8", "X.690 8.23.10", 0 },
    { "PrintableString with a character outside its alphabet", "X.680 41.4", 0 },
    { "iPAddress is not 4 or 16 octets", "RFC 5280 4.2.1.6", 0 },
    { "iPAddress of a subtree is not 8 or 32 octets", "RFC 5280 4.2.1.10", 0 },
    { "extension that occurred before", "RFC 5280 4.2", 0 },
    { "SCT list without an SCT", "RFC 6962 3.3: <1..2^16-1>", 0 },
    { "SCT list is not as long as it says", "RFC 6962 3.3", 0 },
    { "GeneralNames without a name", "RFC 5280 4.2.1.6: SIZE (1..MAX)", 0 },
    { "GeneralName of an unknown form", "RFC 5280 4.2.1.6", 0 },
    { "ediPartyName without partyName", "RFC 5280 4.2.1.6", 0 },
    { "named bit list is not one or two octets", "RFC 5280 4.2.1.3: at least one bit", 0 },
    { "named bit list with trailing zero bits", "X.690 11.2.2, in ReasonFlags", 0 },
    { "empty SEQUENCE where one item or more was needed", "RFC 5280 4.2: SIZE (1..MAX)", 0 },
    { "element behind the last one that belongs here", "RFC 5280 4.2.1.11", 0 },
    { "RelativeDistinguishedName without attributes", "RFC 5280 4.1.2.4: SIZE (1..MAX)", 0 },
    { "NameConstraints without subtrees", "RFC 5280 4.2.1.10", 0 },
    { "CPS pointer is not an IA5String", "RFC 5280 4.2.1.4", 0 },
    { "version v1 is encoded, the DEFAULT must be absent", "X.690 11.5", 0 },
    { "critical FALSE is encoded, the DEFAULT must be absent", "X.690 11.5", 0 },
    { "cA FALSE is encoded, the DEFAULT must be absent", "X.690 11.5", 0 },
    { "BIT STRING whose unused bits are not zero", "X.690 11.2.1, in a unique identifier", 0 },
    { "bytes behind the end of the element", "X.690 8.1.1, in an SCT list", 0 },
    { "SCT list is not an OCTET STRING", "RFC 6962 3.3", 0 },
    { "negative INTEGER, 0 or more was needed", "RFC 5280 4.2.1.14: SkipCerts (0..MAX)", 0 },
    { "time that does not end in Z right behind the seconds", "RFC 5280 4.1.2.5.2", 0 },
    { "number of an RSA key is not positive", "RFC 8017 3.1", 0 },
    { "extensions outside v3", "RFC 5280 4.1.2.9", 0 },
};

#define ROWS(table) (sizeof(table) / sizeof *(table))

static void certificates_and_tbs(void **state)
{
    (void)state;
    struct tsv t;
    size_t n_parsed = 0, n_faulty = 0, n_tls = 0, n_bad = 0;
    for (tsv_open(&t, corpus, "index.tsv"); tsv_next(&t);) {
        const char *path = tsv_get(&t, "file");
        bool is_tbs = strncmp(path, "tbs/", 4) == 0;
        if (!is_tbs && strncmp(path, "certs/", 6) != 0)
            continue;
        struct cs_der_fault fault;
        bool parses = cs_ok(parse_file(path, is_tbs, &fault));
        bool faulty = strcmp(tsv_get(&t, "der_faults"), "-") != 0 || strcmp(tsv_get(&t, "parse"), "ok") != 0;
        n_parsed += parses ? 1 : 0;
        n_faulty += faulty ? 1 : 0;
        n_tls += parses && strcmp(tsv_get(&t, "usage"), "tls") == 0 ? 1 : 0;
        if (faulty && parses) {
            print_message("accepted: %s: %s\n", path, tsv_get(&t, "der_faults"));
            n_bad++;
        }
        if (faulty || parses)
            continue;
        bool clean = strcmp(tsv_get(&t, "zlint_errors"), "0") == 0 && !is_tbs;
        if (clean ? !excused(clean_but_refused, ROWS(clean_but_refused), path)
                  : !excused(why_refused, ROWS(why_refused), fault.what)) {
            print_message("refused: %s: %s at %zu, %s\n", path, fault.what, fault.offset, fault.where);
            n_bad++;
        }
    }
    tsv_done(&t);
    print_message("parsed %zu (%zu for TLS), refused all %zu with DER faults, and besides:\n", n_parsed,
                  n_tls, n_faulty);
    assert_int_equal(n_bad, 0);
    excuses_print(clean_but_refused, ROWS(clean_but_refused));
    excuses_print(why_refused, ROWS(why_refused));
}

/* Accepted though a source rejects the file or the corpus doubts it. */
static struct excuse sound_here[] = {
    { "malformed/bssl_x509_invalid_extension_intermediate.der",
      "a sound CA certificate: the source's fault is in another certificate of the chain", 0 },
    { "malformed/bssl_x509_invalid_extension_root.der",
      "a sound CA certificate: the source's fault is in another certificate of the chain", 0 },
    { "malformed/ber_tc20.der", "DER: a negative INTEGER of nine octets, without padding", 0 },
    { "malformed/ber_tc22.der", "DER: an OBJECT IDENTIFIER with an arc of 68 bits", 0 },
    { "malformed/ber_tc24.der", "DER: an OBJECT IDENTIFIER with long arcs", 0 },
    { "malformed/ber_tc28.der", "DER: BOOLEAN TRUE", 0 },
    { "malformed/ber_tc29.der", "DER: BOOLEAN FALSE", 0 },
};

static void malformed(void **state)
{
    (void)state;
    struct tsv t;
    size_t n = 0, n_rejected = 0, n_faulty = 0, n_stricter = 0, n_bad = 0;
    for (tsv_open(&t, corpus, "malformed/index.tsv"); tsv_next(&t);) {
        const char *path = tsv_get(&t, "file"), *form = tsv_get(&t, "form"),
                   *upstream = tsv_get(&t, "upstream");
        struct cs_der_fault fault;
        bool parses;
        if (strcmp(form, "ber") == 0) {
            struct cs_der_input in;
            cs_buf_reset(&file);
            file_read(&file, corpus, path);
            (void)cs_der_open(&in, cs_buf_span(&file), NULL);
            parses = cs_der_walk(&in, cs_buf_span(&file));
        } else {
            parses = cs_ok(parse_file(path, strcmp(form, "tbs") == 0, &fault));
        }
        bool reject = strcmp(upstream, "reject") == 0;
        bool faulty = strcmp(tsv_get(&t, "der_faults"), "-") != 0 || strcmp(tsv_get(&t, "parse"), "ok") != 0;
        n++;
        n_rejected += reject ? 1 : 0;
        n_faulty += faulty ? 1 : 0;
        n_stricter += !parses && strcmp(upstream, "accept") == 0 ? 1 : 0;
        if (parses && (reject || faulty) && !excused(sound_here, ROWS(sound_here), path)) {
            print_message("accepted: %s (%s)\n", path, tsv_get(&t, "upstream_result"));
            n_bad++;
        }
    }
    tsv_done(&t);
    print_message("of %zu: %zu the sources reject, %zu with DER faults, %zu refused that a source accepts\n",
                  n, n_rejected, n_faulty, n_stricter);
    assert_int_equal(n_bad, 0);
    excuses_print(sound_here, ROWS(sound_here));
}

static void unhex(const char *hex, struct cs_buf *out)
{
    size_t len = strlen(hex), got;
    cs_buf_reset(out);
    assert_true(len == 0 || cs_buf_reserve(out, len / 2));
    if (len > 0)
        assert_true(cs_ok(cs_unhex(cs_span_of(hex, len), out->at, out->room, &got)));
    out->len = len / 2;
}

/* A good TBS with these octets in place of one field. */
static cs_result parse_with(struct cs_span field, bool is_spki)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    cs_buf_put_str(&text, "=");
    for (size_t i = 0; i < field.len; i++)
        cs_buf_printf(&text, "%02x", field.at[i]);
    cs_buf_put_u8(&text, 0);
    struct tbs_text t = { .version = NULL };
    *(is_spki ? &t.spki : &t.signature) = (const char *)text.at;
    cs_buf_reset(&file);
    tbs_text_put(&file, &t);
    return tbs_parse(cs_buf_span(&file), NULL);
}

static bool key_is_good(struct cs_span spki, struct cs_spki_facts *f)
{
    *f = (struct cs_spki_facts){ .rsa_bits = 0 };
    if (!cs_ok(parse_with(spki, true)) || view.key_kind == CS_KEY_OTHER || !cs_ok(cs_spki_inspect(&view, f)))
        return false;
    if (view.key_kind != CS_KEY_RSA)
        return f->ec_point_valid;
    return f->rsa_bits >= 2048 && f->rsa_bits % 8 == 0 && f->rsa_exponent_odd && f->rsa_exponent_at_least_3 &&
           f->rsa_modulus_odd && f->rsa_small_factor == 0 && !f->rsa_is_power;
}

static bool walks(struct cs_span s)
{
    struct cs_der_input in;
    (void)cs_der_open(&in, s, NULL);
    return cs_der_walk(&in, s);
}

static bool begins(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

/* Of the source's own word for a length: read when it has the shortest form and only then. */
static bool length_row_holds(struct cs_span length, size_t n)
{
    CS_AUTO_BUF struct cs_buf got = { 0 };
    uint8_t shortest[CS_DER_HEADER_MAX_LEN];
    size_t header_len = cs_der_put_header(CS_DER_OCTET_STRING, n, shortest);
    cs_buf_put_u8(&got, CS_DER_OCTET_STRING);
    cs_buf_put(&got, length.at, length.len);
    bool is_shortest = got.len == header_len && memcmp(got.at, shortest, header_len) == 0;
    assert_true(cs_buf_reserve(&got, n));
    memset(got.at + got.len, 0, n);
    got.len += n;
    return walks(cs_buf_span(&got)) == is_shortest;
}

static bool tlv_row_holds(const char *upstream, struct cs_span tlv, bool *out_accepted)
{
    *out_accepted = walks(tlv);
    if (begins(upstream, "find_named_data")) /* no DER in it */
        return true;
    if (begins(upstream, "get_len:"))
        return length_row_holds(tlv, strtoul(upstream + 8, NULL, 10));
    if (begins(upstream, "get_alg:")) {
        *out_accepted = cs_ok(parse_with(tlv, false));
        return !*out_accepted || strstr(upstream, "MBEDTLS_ERR") == NULL;
    }
    if (begins(upstream, "parse_prefixes:") && *out_accepted)
        for (size_t len = 0; len < tlv.len; len++)
            if (walks(cs_span_of(tlv.at, len)))
                return false;
    /* Wrong tags are DER; so is what only a BIT STRING without unused bits refuses. */
    if (strstr(upstream, "UNEXPECTED_TAG") != NULL || begins(upstream, "get_bitstring:") ||
        strstr(upstream, ":0:MBEDTLS_ERR_ASN1_LENGTH_MISMATCH") != NULL)
        return strstr(upstream, "INVALID_LENGTH") == NULL || !*out_accepted;
    return !*out_accepted || strstr(upstream, "MBEDTLS_ERR") == NULL;
}

static void single_tlvs(void **state)
{
    (void)state;
    struct tsv t;
    CS_AUTO_BUF struct cs_buf der = { 0 };
    size_t n_spki = 0, n_tlv = 0, n_accepted = 0, n_bad = 0;
    for (tsv_open(&t, corpus, "malformed/tlv.tsv"); tsv_next(&t);) {
        const char *upstream = tsv_get(&t, "upstream");
        unhex(tsv_get(&t, "hex"), &der);
        struct cs_spki_facts f;
        bool holds, accepted = false;
        if (strcmp(tsv_get(&t, "form"), "spki") == 0) {
            holds = !key_is_good(cs_buf_span(&der), &f);
            n_spki++;
        } else {
            holds = tlv_row_holds(upstream, cs_buf_span(&der), &accepted);
            n_tlv++;
            n_accepted += accepted ? 1 : 0;
        }
        if (!holds) {
            print_message("row: %s: %s\n", tsv_get(&t, "name"), upstream);
            n_bad++;
        }
    }
    tsv_done(&t);
    print_message("%zu keys refused; %zu TLVs, of which %zu are DER\n", n_spki, n_tlv, n_accepted);
    assert_int_equal(n_bad, 0);
    assert_true(n_spki > 0 && n_accepted > 0);
}

static struct excuse good_on_another_curve[] = {
    { "keys/wyche_secp256r1_369.spki.der", "a good P-384 key: wrong only where P-256 was agreed on", 0 },
    { "keys/wyche_secp256r1_370.spki.der", "a good P-521 key: wrong only where P-256 was agreed on", 0 },
    { "keys/wyche_secp384r1_810.spki.der", "a good P-256 key: wrong only where P-384 was agreed on", 0 },
};

/* Fermat, ROCA, Debian, published and vanity keys need other tests than these facts. */
static void keys(void **state)
{
    (void)state;
    struct tsv t;
    CS_AUTO_BUF struct cs_buf der = { 0 };
    size_t n_good = 0, n_bad_keys = 0, n_wrong = 0;
    for (tsv_open(&t, corpus, "keys/index.tsv"); tsv_next(&t);) {
        const char *class = tsv_get(&t, "class"), *expect = tsv_get(&t, "expect"),
                   *checks = tsv_get(&t, "checks");
        struct cs_spki_facts f;
        cs_buf_reset(&der);
        file_read(&der, corpus, tsv_get(&t, "file"));
        bool good = key_is_good(cs_buf_span(&der), &f), wrong = false;
        if (strcmp(expect, "accept") == 0)
            wrong = !good;
        else if (begins(class, "ec-") || strcmp(class, "curve") == 0 || strcmp(class, "algorithm") == 0 ||
                 strcmp(class, "modulus") == 0 || strcmp(class, "lint") == 0)
            wrong = good; /* compressed points are "policy": ours is to refuse them */
        else if (strcmp(class, "exponent") == 0)
            wrong = good && f.rsa_exponent_at_least_65537;
        if (f.rsa_bits > 0 && strstr(checks, "factor752=") != NULL)
            wrong = wrong || (strstr(checks, "factor752=1") != NULL) != (f.rsa_small_factor != 0);
        n_good += good ? 1 : 0;
        n_bad_keys += good ? 0 : 1;
        if (wrong && !excused(good_on_another_curve, ROWS(good_on_another_curve), tsv_get(&t, "file"))) {
            print_message("key: %s: %s %s\n", tsv_get(&t, "file"), class, expect);
            n_wrong++;
        }
    }
    tsv_done(&t);
    print_message("%zu keys good by these facts, %zu not\n", n_good, n_bad_keys);
    assert_int_equal(n_wrong, 0);
    excuses_print(good_on_another_curve, ROWS(good_on_another_curve));
}

enum { LOAD_MAX = 1000 };

static void logged_pairs(void **state)
{
    (void)state;
    static struct cs_sha256 digest[LOAD_MAX];
    struct tsv t;
    size_t n = 0;
    for (tsv_open(&t, corpus, "load/index.tsv"); tsv_next(&t) && n < LOAD_MAX; n++) {
        struct cs_der_fault fault;
        if (!cs_ok(parse_file(tsv_get(&t, "precert"), false, &fault)))
            fail_msg("%s: %s, %s", tsv_get(&t, "precert"), fault.what, fault.where);
        assert_true(view.has_poison && !view.has_sct_list);
        digest[n] = cs_tbs_pair_sha256(&view);
        if (!cs_ok(parse_file(tsv_get(&t, "logtbs"), true, &fault)))
            fail_msg("%s: %s, %s", tsv_get(&t, "logtbs"), fault.what, fault.where);
        assert_true(!view.has_poison && !view.has_sct_list);
        struct cs_sha256 logged = cs_tbs_pair_sha256(&view), plain = cs_sha256(cs_buf_span(&file));
        assert_memory_equal(logged.byte, plain.byte, CS_SHA256_LEN);
        if (memcmp(logged.byte, digest[n].byte, CS_SHA256_LEN) != 0)
            fail_msg("%s: the log saw another TBS", tsv_get(&t, "precert"));
        for (size_t i = 0; i < n; i++)
            assert_memory_not_equal(digest[i].byte, digest[n].byte, CS_SHA256_LEN);
    }
    tsv_done(&t);
    print_message("%zu logged pairs\n", n);
    assert_true(n > 1);
}

static void issued_pairs(void **state)
{
    (void)state;
    struct tsv t;
    size_t n = 0;
    for (tsv_open(&t, corpus, "pairs.tsv"); tsv_next(&t); n++) {
        static const char *const columns[] = { "precert", "final" };
        struct cs_sha256 digest[2];
        for (size_t i = 0; i < 2; i++) {
            struct cs_der_fault fault;
            const char *path = tsv_get(&t, columns[i]);
            if (!cs_ok(parse_file(path, begins(path, "tbs/"), &fault)))
                fail_msg("%s: %s, %s", path, fault.what, fault.where);
            digest[i] = cs_tbs_pair_sha256(&view);
        }
        bool same = memcmp(&digest[0], &digest[1], sizeof digest[0]) == 0;
        if (same != (strcmp(tsv_get(&t, "relation"), "ok") == 0))
            fail_msg("%s and %s: %s", tsv_get(&t, "precert"), tsv_get(&t, "final"), tsv_get(&t, "relation"));
    }
    tsv_done(&t);
    print_message("%zu issued pairs\n", n);
    assert_true(n > 0);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '\0') {
        printf("skipped: no corpus, set CS_CORPUS_DIR\n");
        return 77;
    }
    corpus = argv[1];
    char index[4096];
    (void)snprintf(index, sizeof index, "%s/index.tsv", corpus);
    FILE *f = fopen(index, "rb");
    if (f == NULL) {
        printf("skipped: CS_CORPUS_DIR has no index.tsv\n");
        return 77;
    }
    (void)fclose(f);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_and_tbs), cmocka_unit_test(malformed),
        cmocka_unit_test(single_tlvs),          cmocka_unit_test(keys),
        cmocka_unit_test(logged_pairs),         cmocka_unit_test(issued_pairs),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cs_buf_done(&file);
    return failed;
}
