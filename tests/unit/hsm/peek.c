/* Peek: a table that spoils one field each, every truncation, every single-bit flip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "hsm/peek.h"
#include "tests/unit/hsm/tbs_make.h"

static struct cs_peek_want want_of(enum cs_sign_kind kind)
{
    struct tbs_make good = tbs_default();
    return (struct cs_peek_want){ .kind = kind,
                                  .algorithm = good.algorithm,
                                  .issuer_name = good.issuer,
                                  .issuer_spki = tbs_hex("3003030100") };
}

/* peek runs on an exact heap copy, so that the sanitizer sees a read past the end. */
static cs_result peek(struct cs_span tbs, const struct cs_peek_want *want, struct cs_note *why)
{
    uint8_t *copy = malloc(tbs.len == 0 ? 1 : tbs.len);
    memcpy(copy, tbs.at, tbs.len);
    cs_result r = cs_peek(cs_span_of(copy, tbs.len), want, why);
    free(copy);
    return r;
}

#define FIELD(name) offsetof(struct tbs_make, name)

static const struct row {
    const char *row;
    size_t field;
    const char *hex;
    enum cs_sign_kind kind; /* 0 = certificate */
    const char *refused;    /* part of the sentence; NULL = accepted */
} rows[] = {
    { "v1: no version", FIELD(version), "", 0, "version" },
    { "v2", FIELD(version), "a003020101", 0, "version" },
    { "v3, long form length", FIELD(version), "a08103020102", 0, "not strict DER" },
    { "v3 with padding", FIELD(version), "a00402020002", 0, "version" },
    { "version twice", FIELD(version), "a003020102 a003020102", 0, "serial" },

    { "serial one octet", FIELD(serial), "020101", 0, NULL },
    { "serial zero", FIELD(serial), "020100", 0, "serial" },
    { "serial negative", FIELD(serial), "020180", 0, "serial" },
    { "serial empty", FIELD(serial), "0200", 0, "serial" },
    { "serial 0080 needs its zero", FIELD(serial), "02020080", 0, NULL },
    { "serial padded", FIELD(serial), "0202007f", 0, "serial" },
    { "serial 20 octets", FIELD(serial), "0214 7f00000000000000000000000000000000000001", 0, NULL },
    { "serial 21 octets", FIELD(serial), "0215 007f00000000000000000000000000000000000001", 0, "serial" },
    { "serial 21 octets, zero first", FIELD(serial), "0215 008f00000000000000000000000000000000000001", 0,
      "serial" },
    { "serial is an OCTET STRING", FIELD(serial), "040101", 0, "serial" },

    { "other algorithm", FIELD(algorithm), "300a06082a8648ce3d040303", 0, "algorithm" },
    { "algorithm with NULL", FIELD(algorithm), "300c06082a8648ce3d0403020500", 0, "algorithm" },
    { "SHA-1 RSA", FIELD(algorithm), "300d06092a864886f70d0101050500", 0, "algorithm" },
    { "other issuer", FIELD(issuer), "3016311430120603550403 0c0b 5465737420497373756573", 0, "issuer" },
    { "issuer as PrintableString", FIELD(issuer), "3016311430120603550403 130b 5465737420497373756572", 0,
      "issuer" },
    { "issuer empty", FIELD(issuer), "3000", 0, "issuer" },

    { "times equal", FIELD(validity), "170d3236313132313030303030305a 170d3236313132313030303030305a", 0,
      NULL },
    { "times crossed", FIELD(validity), "170d3236313132313030303030315a 170d3236313132313030303030305a", 0,
      "validity" },
    { "one time", FIELD(validity), "170d3236313132313030303030305a", 0, "validity" },
    { "three times", FIELD(validity),
      "170d3236313132313030303030305a 170d3236313232303233353935395a 170d3236313232303233353935395a", 0,
      "validity" },
    { "no seconds", FIELD(validity), "170b323631313231303030305a 170d3236313232303233353935395a", 0,
      "validity" },
    { "offset instead of Z", FIELD(validity),
      "1711323631313231303030303030 2b30313030 170d3236313232303233353935395a", 0, "validity" },
    { "month 13", FIELD(validity), "170d3236313332313030303030305a 170d3237313232303233353935395a", 0,
      "validity" },
    { "30 February", FIELD(validity), "170d3236303233303030303030305a 170d3236313232303233353935395a", 0,
      "validity" },
    { "29 February 2028", FIELD(validity), "170d3238303232393030303030305a 170d3238313232303233353935395a", 0,
      NULL },
    { "29 February 2026", FIELD(validity), "170d3236303232393030303030305a 170d3236313232303233353935395a", 0,
      "validity" },
    { "hour 24", FIELD(validity), "170d3236313132313234303030305a 170d3236313232303233353935395a", 0,
      "validity" },
    { "second 60", FIELD(validity), "170d3236313132313233353936305a 170d3236313232303233353935395a", 0,
      "validity" },
    { "GeneralizedTime 2049", FIELD(validity),
      "170d3236313132313030303030305a 180f32303439313232303233353935395a", 0, "validity" },
    { "GeneralizedTime 2050", FIELD(validity),
      "170d3236313132313030303030305a 180f32303530313232303233353935395a", 0, NULL },
    { "GeneralizedTime with fraction", FIELD(validity),
      "170d3236313132313030303030305a 181132303530313232303233353935392e355a", 0, "validity" },
    { "UTCTime 1950 is before 2026", FIELD(validity),
      "170d3236313132313030303030305a 170d3530313232303233353935395a", 0, "validity" },

    { "subject empty", FIELD(subject), "3000", 0, NULL },
    { "subject is a SET", FIELD(subject), "3100", 0, "subject" },
    { "subject with indefinite length", FIELD(subject), "3080 310e300c06035504030c057065656b21 0000", 0,
      "not strict DER" },
    { "SPKI is the issuer's", FIELD(spki), "3003030100", 0, "subjectPublicKeyInfo" },
    { "SPKI without key", FIELD(spki), "300b 300906072a8648ce3d0201", 0, "subjectPublicKeyInfo" },
    { "SPKI with unused bits", FIELD(spki), "3010 300906072a8648ce3d0201 0303 01fffe", 0,
      "subjectPublicKeyInfo" },

    { "issuerUniqueID", FIELD(before_extensions), "81020001", 0, "unique ids" },
    { "subjectUniqueID", FIELD(before_extensions), "82020001", 0, "unique ids" },
    { "extensions twice", FIELD(before_extensions), "a3 13 3011" TBS_SAN, 0, "not strict DER" },
    { "tail behind extensions", FIELD(tail), "0500", 0, "left over" },
    { "tail inside [3]", FIELD(extensions_tail), "0500", 0, "one non-empty SEQUENCE" },

    { "extensions empty", FIELD(extensions), "", 0, "non-empty" },
    { "no basicConstraints, no keyUsage", FIELD(extensions), TBS_SAN, 0, NULL },
    { "basicConstraints not critical", FIELD(extensions), "3009 0603551d13 0402 3000", 0, NULL },
    { "cA TRUE", FIELD(extensions), "300f 0603551d13 0101ff 0405 30030101ff", 0, "basicConstraints" },
    { "cA TRUE, not critical", FIELD(extensions), "300c 0603551d13 0405 30030101ff", 0, "basicConstraints" },
    { "cA FALSE encoded", FIELD(extensions), "300f 0603551d13 0101ff 0405 3003010100", 0,
      "basicConstraints" },
    { "pathLen without cA", FIELD(extensions), "300f 0603551d13 0101ff 0405 3003020100", 0,
      "basicConstraints" },
    { "basicConstraints empty", FIELD(extensions), "300a 0603551d13 0101ff 0400", 0, "basicConstraints" },
    { "keyCertSign", FIELD(extensions), "300e 0603551d0f 0101ff 0404 03020204", 0, "keyUsage" },
    { "digitalSignature and cRLSign", FIELD(extensions), "300e 0603551d0f 0101ff 0404 03020182", 0,
      "keyUsage" },
    { "keyUsage 9 bits", FIELD(extensions), "300f 0603551d0f 0101ff 0405 0303078080", 0, NULL },
    { "keyCertSign in 9 bits", FIELD(extensions), "300f 0603551d0f 0101ff 0405 0303070480", 0, "keyUsage" },
    { "keyUsage with trailing zero bits", FIELD(extensions), "300e 0603551d0f 0101ff 0404 03020080", 0,
      "keyUsage" },
    { "keyUsage with set unused bits", FIELD(extensions), "300e 0603551d0f 0101ff 0404 03020781", 0,
      "keyUsage" },
    { "keyUsage without bits", FIELD(extensions), "300d 0603551d0f 0101ff 0403 030100", 0, "keyUsage" },
    { "keyUsage with bytes behind", FIELD(extensions), "3010 0603551d0f 0101ff 0406 030207800500", 0,
      "keyUsage" },
    { "SAN twice", FIELD(extensions), TBS_SAN TBS_SAN, 0, "twice" },
    { "critical 01", FIELD(extensions), "300c 0603551d13 010101 0402 3000", 0, "critical" },
    { "critical FALSE encoded", FIELD(extensions), "300c 0603551d13 010100 0402 3000", 0, "critical" },
    { "critical twice", FIELD(extensions), "300f 0603551d13 0101ff 0101ff 0402 3000", 0, "malformed" },
    { "extension without value", FIELD(extensions), "3005 0603551d13", 0, "malformed" },
    { "extension with a tail", FIELD(extensions), "300e 0603551d13 0101ff 0402 3000 0500", 0, "malformed" },
    { "OID padded with 80", FIELD(extensions), "300a 0604 55 801d13 0402 3000", 0, "malformed" },
    { "OID cut", FIELD(extensions), "3009 0603 551d93 0402 3000", 0, "malformed" },
    { "OID empty", FIELD(extensions), "3006 0600 0402 3000", 0, "malformed" },

    { "poison wanted and there", FIELD(extensions), TBS_SAN TBS_POISON, CS_SIGN_PRECERTIFICATE, NULL },
    { "poison wanted and missing", FIELD(extensions), TBS_SAN, CS_SIGN_PRECERTIFICATE, "missing" },
    { "poison not wanted", FIELD(extensions), TBS_SAN TBS_POISON, CS_SIGN_CERTIFICATE, "poison" },
    { "poison not critical", FIELD(extensions), "3010 060a2b06010401d679020403 0402 0500",
      CS_SIGN_PRECERTIFICATE, "0500" },
    { "poison with another value", FIELD(extensions), "3013 060a2b06010401d679020403 0101ff 0402 3000",
      CS_SIGN_PRECERTIFICATE, "0500" },
    { "poison with SCT list", FIELD(extensions), TBS_POISON TBS_SCT_LIST, CS_SIGN_PRECERTIFICATE,
      "together" },
    { "SCT list in the certificate", FIELD(extensions), TBS_SCT_LIST TBS_SAN, CS_SIGN_CERTIFICATE, NULL },
};

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tbs_make t = tbs_default();
        struct cs_span v = tbs_hex(rows[i].hex);
        memcpy((uint8_t *)&t + rows[i].field, &v, sizeof v);
        CS_AUTO_BUF struct cs_buf tbs = { 0 };
        tbs_put(&tbs, &t);
        struct cs_peek_want want = want_of(rows[i].kind == 0 ? CS_SIGN_CERTIFICATE : rows[i].kind);
        struct cs_note why = { "" };
        cs_result r = peek(cs_buf_span(&tbs), &want, &why);
        if (rows[i].refused == NULL ? !cs_ok(r)
                                    : !cs_is(r, CS_NUM_TBS_FORM) || !strstr(why.text, rows[i].refused))
            fail_msg("row: %s: %s: %s", rows[i].row, cs_result_name(r), why.text);
    }
}

static void issuer_key_as_subject_key(void **state)
{
    (void)state;
    struct tbs_make t = tbs_default();
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    tbs_put(&tbs, &t);
    struct cs_peek_want want = want_of(CS_SIGN_CERTIFICATE);
    struct cs_note why = { "" };
    assert_true(cs_ok(peek(cs_buf_span(&tbs), &want, &why)));
    want.issuer_spki = t.spki;
    assert_true(cs_is(peek(cs_buf_span(&tbs), &want, &why), CS_NUM_TBS_FORM));
    assert_non_null(strstr(why.text, "own key"));
}

static void more_than_one_value(void **state)
{
    (void)state;
    struct tbs_make t = tbs_default();
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    tbs_put(&tbs, &t);
    cs_buf_put_u8(&tbs, 0);
    struct cs_peek_want want = want_of(CS_SIGN_CERTIFICATE);
    struct cs_note why = { "" };
    assert_true(cs_is(peek(cs_buf_span(&tbs), &want, &why), CS_NUM_TBS_FORM));
}

static void many_extensions(void **state)
{
    (void)state;
    for (unsigned n = 64; n <= 65; n++) {
        char hex[65 * 24 + 1] = "";
        for (unsigned i = 0; i < n; i++)
            (void)snprintf(hex + strlen(hex), sizeof hex - strlen(hex), "3007 0603 5504%02x 0400", i);
        struct tbs_make t = tbs_default();
        t.extensions = tbs_hex(hex);
        CS_AUTO_BUF struct cs_buf tbs = { 0 };
        tbs_put(&tbs, &t);
        struct cs_peek_want want = want_of(CS_SIGN_CERTIFICATE);
        struct cs_note why = { "" };
        assert_int_equal(cs_ok(peek(cs_buf_span(&tbs), &want, &why)), n == 64);
    }
}

static void deep_nesting(void **state)
{
    (void)state;
    char deep[200 * 8] = "";
    for (unsigned i = 60; i-- > 0;)
        (void)snprintf(deep + strlen(deep), sizeof deep - strlen(deep), "30%02x", 2 * i);
    struct tbs_make t = tbs_default();
    t.subject = tbs_hex(deep);
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    tbs_put(&tbs, &t);
    struct cs_peek_want want = want_of(CS_SIGN_CERTIFICATE);
    struct cs_note why = { "" };
    assert_true(cs_is(peek(cs_buf_span(&tbs), &want, &why), CS_NUM_TBS_FORM));
}

static void every_truncation_refuses(void **state)
{
    (void)state;
    struct tbs_make t = tbs_default();
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    tbs_put(&tbs, &t);
    struct cs_peek_want want = want_of(CS_SIGN_CERTIFICATE);
    for (size_t len = 0; len < tbs.len; len++) {
        struct cs_note why = { "" };
        assert_true(cs_is(peek(cs_span_of(tbs.at, len), &want, &why), CS_NUM_TBS_FORM));
        /* and cut inside, with the outer length made to fit */
        if (len < 4)
            continue;
        uint8_t *cut = malloc(len);
        memcpy(cut, tbs.at, len);
        cut[1] = 0x82;
        cut[2] = (uint8_t)((len - 4) >> 8);
        cut[3] = (uint8_t)(len - 4);
        assert_false(cs_ok(peek(cs_span_of(cut, len), &want, &why)));
        free(cut);
    }
}

static void mark(uint8_t *free_at, const struct cs_buf *tbs, const char *hex)
{
    struct cs_span v = tbs_hex(hex);
    const uint8_t *at = memmem(tbs->at, tbs->len, v.at, v.len);
    assert_non_null(at);
    memset(free_at + (at - tbs->at), 1, v.len);
}

/* A flip may pass only where the peek has no opinion: the values below. Everywhere else it refuses. */
static void every_bit_flip(void **state)
{
    (void)state;
    struct tbs_make t = tbs_default();
    t.extensions = tbs_hex(TBS_BASIC_CONSTRAINTS TBS_KEY_USAGE TBS_SAN TBS_POISON);
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    tbs_put(&tbs, &t);
    struct cs_peek_want want = want_of(CS_SIGN_PRECERTIFICATE);
    uint8_t *free_at = calloc(1, tbs.len);
    mark(free_at, &tbs, "5a112233445566778899aabbccddeeff");       /* serial */
    mark(free_at, &tbs, "323631313231303030303030");               /* notBefore */
    mark(free_at, &tbs, "323631323230323335393539");               /* notAfter */
    mark(free_at, &tbs, "310e300c06035504030c057065656b21");       /* subject */
    mark(free_at, &tbs, "06072a8648ce3d020106082a8648ce3d030107"); /* SPKI algorithm */
    mark(free_at, &tbs,
         "04aeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeae"
         "eaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaeaea");
    mark(free_at, &tbs, "551d13");   /* another extension */
    mark(free_at, &tbs, "03551d0f"); /* a longer OID, then a shorter value: another extension */
    mark(free_at, &tbs, "551d11");
    mark(free_at, &tbs, "300e820c7065656b2e6578616d706c65"); /* SAN */
    size_t n_structural = 0;
    for (size_t i = 0; i < tbs.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct cs_note why = { "" };
            tbs.at[i] ^= (uint8_t)(1u << bit);
            cs_result r = peek(cs_buf_span(&tbs), &want, &why);
            tbs.at[i] ^= (uint8_t)(1u << bit);
            if (free_at[i])
                continue;
            n_structural++;
            if (cs_ok(r))
                fail_msg("flip of bit %u in byte %zu (%02x after %02x) was accepted", bit, i, tbs.at[i],
                         tbs.at[i - 1]);
        }
    assert_true(n_structural > 100 * 8);
    struct cs_note why = { "" };
    assert_true(cs_ok(peek(cs_buf_span(&tbs), &want, &why)));
    free(free_at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(issuer_key_as_subject_key),
        cmocka_unit_test(more_than_one_value),
        cmocka_unit_test(many_extensions),
        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(every_truncation_refuses),
        cmocka_unit_test(every_bit_flip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
