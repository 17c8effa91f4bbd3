/* DSSE: published vectors, the form of signatures, making envelopes, and their JSON form. */
#include "tests/unit/evidence/house.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

static size_t hex_of(const char *hex, uint8_t *out, size_t room)
{
    size_t len = 0;
    assert_true(cs_ok(cs_unhex(cs_span_str(hex), out, room, &len)));
    return len;
}

static void pae_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body_hex, *pae_hex;
    } rows[] = {
        { "http://example.com/HelloWorld", "68656c6c6f20776f726c64",
          "44535345763120323920687474703a2f2f6578616d706c652e636f6d2f48656c6c6f576f726c642031312068656c6c6f20"
          "77"
          "6f726c64" },
        { "x/\xc3\xbc", "00ff", "445353457631203420782fc3bc20322000ff" },
        { CS_PAYLOAD_TYPE, "0a0b6578616d706c652e636f6d1001",
          "445353457631203531206170706c69636174696f6e2f766e642e636f756e7465727369676e2e6174746573746174696f6e"
          "2e"
          "76312b70726f746f627566203135200a0b6578616d706c652e636f6d1001" },
        { "", "",
          "44535345763120302020302"
          "0" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t body[64], pae[256];
        size_t body_len = hex_of(rows[i].body_hex, body, sizeof body);
        size_t pae_len = hex_of(rows[i].pae_hex, pae, sizeof pae);
        CS_AUTO_BUF struct cs_buf b = { 0 };
        cs_dsse_pae(&b, cs_span_str(rows[i].type), cs_span_of(body, body_len));
        if (!cs_span_eq(cs_buf_span(&b), cs_span_of(pae, pae_len)))
            fail_msg("row %zu", i);
    }
}

static void ed25519_vector(void **state)
{
    (void)state;
    uint8_t public_key[32], sig[64], body[16], seed[32], want[32];
    (void)hex_of("ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1", public_key, 32);
    size_t body_len = hex_of("0a0b6578616d706c652e636f6d1001", body, sizeof body);
    CS_AUTO_BUF struct cs_buf raw = { 0 };
    CS_AUTO_BUF struct cs_buf pae = { 0 };
    assert_true(cs_ok(cs_unbase64(
        cs_span_str(
            "ptxaog8ZyTteofThf1pSfIdMBqQ5nww85pbaVcULdBg7t0+yJsTV9kan9+c/xLYErldjEFupy4zYYihkLE8PBA=="),
        &raw)));
    assert_int_equal(raw.len, 64);
    memcpy(sig, raw.at, 64);
    cs_dsse_pae(&pae, cs_span_str(CS_PAYLOAD_TYPE), cs_span_of(body, body_len));
    struct cs_sha256 d = cs_sha256(cs_buf_span(&pae));
    (void)hex_of("085cfd66d629c1250e735234bce9cee0c2aadf1eb7f03f7f2be9914ed5519449", want, 32);
    assert_memory_equal(d.byte, want, 32);
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
    assert_true(cs_dsse_verify(key, CS_ATTESTER_ED25519, cs_buf_span(&pae), cs_span_of(sig, 64)));
    assert_false(cs_dsse_verify(key, CS_ATTESTER_ECDSA_P256_SHA256, cs_buf_span(&pae), cs_span_of(sig, 64)));
    assert_false(cs_dsse_verify(key, CS_ATTESTER_NONE, cs_buf_span(&pae), cs_span_of(sig, 64)));
    assert_false(cs_dsse_verify(key, CS_ATTESTER_ED25519, cs_buf_span(&pae), cs_span_of(sig, 63)));
    assert_false(cs_dsse_verify(NULL, CS_ATTESTER_ED25519, cs_buf_span(&pae), cs_span_of(sig, 64)));
    assert_false(cs_dsse_verify(key, CS_ATTESTER_ED25519, cs_span_of(body, body_len), cs_span_of(sig, 64)));
    EVP_PKEY_free(key);
    /* Ed25519 has one signature per key and message: ours is the vector's */
    memset(seed, 3, sizeof seed);
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    CS_AUTO_BUF struct cs_buf envelope = { 0 };
    assert_true(cs_ok(cs_dsse_sign(key, cs_span_of(body, body_len), &envelope)));
    assert_non_null(memmem(envelope.at, envelope.len, sig, 64));
    EVP_PKEY_free(key);
}

/* The DSSE document's own P-256 key and signature, whose raw r and s are written as DER here. */
static void ecdsa_vector(void **state)
{
    (void)state;
    CS_AUTO_BUF struct cs_buf raw = { 0 };
    CS_AUTO_BUF struct cs_buf pae = { 0 };
    assert_true(cs_ok(cs_unbase64(
        cs_span_str(
            "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="),
        &raw)));
    assert_int_equal(raw.len, 64);
    cs_dsse_pae(&pae, cs_span_str("http://example.com/HelloWorld"), cs_span_str("hello world"));
    ECDSA_SIG *s = ECDSA_SIG_new();
    assert_true(ECDSA_SIG_set0(s, BN_bin2bn(raw.at, 32, NULL), BN_bin2bn(raw.at + 32, 32, NULL)) == 1);
    uint8_t *der = NULL;
    int len = i2d_ECDSA_SIG(s, &der);
    ECDSA_SIG_free(s);
    BIGNUM *bx = NULL, *by = NULL;
    assert_true(
        BN_dec2bn(&bx, "46950820868899156662930047687818585632848591499744589407958293238635476079160") > 0);
    assert_true(
        BN_dec2bn(&by, "5640078356564379163099075877009565129882514886557779369047442380624545832820") > 0);
    uint8_t point[65] = { 4 };
    assert_true(BN_bn2binpad(bx, point + 1, 32) == 32 && BN_bn2binpad(by, point + 33, 32) == 32);
    BN_free(bx);
    BN_free(by);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    assert_true(EVP_PKEY_fromdata_init(ctx) == 1 &&
                EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
    assert_true(
        cs_dsse_verify(key, CS_ATTESTER_ECDSA_P256_SHA256, cs_buf_span(&pae), cs_span_of(der, (size_t)len)));
    assert_false(cs_dsse_verify(key, CS_ATTESTER_ECDSA_P256_SHA256, cs_buf_span(&pae), cs_buf_span(&raw)));
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    OPENSSL_free(der);
}

#define N_1    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550" /* order - 1 */
#define N_0    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define LOW_32 "7fffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static void form_of_ecdsa_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *row, *hex;
        bool ok;
    } rows[] = {
        { "one and one", "3006020101020101", true },
        { "127 and 128", "300702017f02020080", true },
        { "order - 1 twice", "3046022100" N_1 "022100" N_1, true },
        { "32 octets without leading zero", "30440220" LOW_32 "0220" LOW_32, true },
        { "r is the order", "3046022100" N_0 "022100" N_1, false },
        { "s is the order", "3046022100" N_1 "022100" N_0, false },
        { "r is zero", "3006020100020101", false },
        { "s is zero", "3006020101020100", false },
        { "r is negative", "3006020180020101", false },
        { "s is negative", "30060201010201ff", false },
        { "r not minimal", "300702020001020101", false },
        { "s not minimal", "30070201010202007f", false },
        { "r empty", "30050200020101", false },
        { "s empty", "30050201010200", false },
        { "33 octets", "30260221017fffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101",
          false },
        { "long form length of the sequence", "308106020101020101", false },
        { "long form length of an integer", "300702810101020101", false },
        { "indefinite length", "30800201010201010000", false },
        { "octet behind", "300602010102010100", false },
        { "octet behind inside", "300702010102010100", false },
        { "third integer", "3009020101020101020101", false },
        { "only r", "3003020101", false },
        { "sequence too short", "3005020101020101", false },
        { "set instead of sequence", "3106020101020101", false },
        { "octet string instead of integer", "3006040101020101", false },
        { "empty sequence", "3000", false },
        { "nothing", "", false },
        { "a tag", "30", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t sig[128];
        size_t len = hex_of(rows[i].hex, sig, sizeof sig);
        if (cs_ecdsa_p256_sig_is_der(cs_span_of(sig, len)) != rows[i].ok)
            fail_msg("row: %s", rows[i].row);
        for (size_t cut = 0; rows[i].ok && cut < len; cut++)
            assert_false(cs_ecdsa_p256_sig_is_der(cs_span_of(sig, cut)));
    }
}

static void keys_of_other_kinds(void **state)
{
    struct house *h = *state;
    EVP_PKEY *p384 = EVP_EC_gen("P-384"), *k1 = EVP_EC_gen("secp256k1"), *p256 = EVP_EC_gen("P-256");
    EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    CS_AUTO_BUF struct cs_buf b = { 0 };
    assert_int_equal(cs_signature_algorithm_of(p256), CS_ATTESTER_ECDSA_P256_SHA256);
    assert_int_equal(cs_signature_algorithm_of(h->stranger), CS_ATTESTER_ED25519);
    EVP_PKEY *const others[] = { p384, k1, x25519 };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cs_signature_algorithm_of(others[i]), CS_ATTESTER_NONE);
        assert_true(cs_is(cs_dsse_sign(others[i], cs_span_str("x"), &b), CS_NUM_ARGUMENT));
        EVP_PKEY_free(others[i]);
    }
    EVP_PKEY_free(p256);
    assert_true(cs_is(cs_dsse_sign(h->stranger, (struct cs_span){ 0 }, &b), CS_NUM_ARGUMENT));
    assert_int_equal(b.len, 0);
}

static void json_both_ways(void **state)
{
    struct house *h = *state;
    struct cs_span payload = house_pack(h, house_statement(&h->arena, BODY(ORGANIZATION_IDENTITY)));
    struct cs_span e = house_sign(h, payload, 2, (uint32_t[]){ VETTER, VETTER_EC });
    CS_AUTO_BUF struct cs_buf json = { 0 };
    CS_AUTO_BUF struct cs_buf back = { 0 };
    struct cs_note note = { "" };
    cs_buf_put_str(&back, "before ");
    assert_true(cs_ok(cs_dsse_to_json(e, &json)));
    if (!cs_ok(cs_dsse_from_json(cs_buf_span(&json), &back, &note)))
        fail_msg("%s", note.text);
    assert_true(cs_span_eq(cs_span_of(back.at + 7, back.len - 7), e)); /* appended */
    for (size_t len = 0; len < json.len; len++) {
        CS_AUTO_BUF struct cs_buf out = { 0 };
        assert_false(cs_ok(cs_dsse_from_json(cs_span_of(json.at, len), &out, &note)));
        assert_int_equal(out.len, 0);
    }
    assert_false(cs_ok(cs_dsse_to_json(cs_span_str("\x0a"), &json)));
}

static void json_rows(void **state)
{
    (void)state;
    static const struct {
        const char *json, *hex, *note; /* note NULL: accepted */
    } rows[] = {
        { "{\"payload\":\"AP8=\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"_-8\",\"keyid\":\"k\"}]}",
          "0a0200ff1201741a070a02ffef12016b", NULL },
        { " {\"x\":[{}],\"payload\":\"AP8\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"/"
          "+8=\",\"y\":1}]}\n",
          "0a0200ff1201741a040a02ffef", NULL },
        { "{\"payload\":\"AP8=\",\"payload\":\"AP8=\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA\"}]"
          "}",
          "", "line 1" },
        { "{\"payload\":\"AP8=\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA\",\"sig\":\"AA\"}]}", "",
          "line 1" },
        { "{\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA\"}]}", "", "payload: missing" },
        { "{\"payload\":1,\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA\"}]}", "",
          "payload: not a string" },
        { "{\"payload\":\"A\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA\"}]}", "",
          "payload: not base64" },
        { "{\"payload\":\"AA\",\"signatures\":[{\"sig\":\"AA\"}]}", "", "payloadType: missing" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\"}", "", "signatures: 0" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\",\"signatures\":{}}", "", "signatures: 0" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\",\"signatures\":[]}", "", "signatures: 0" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\",\"signatures\":[{},{},{},{},{},{},{},{},{}]}", "",
          "signatures: 9" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\",\"signatures\":[{}]}", "",
          "signatures[0].sig: missing" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\",\"signatures\":[7]}", "", "signatures[0].sig: missing" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA\",\"keyid\":null}]}", "",
          "signatures[0].keyid: not a string" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\\u0000\",\"signatures\":[{\"sig\":\"AA\"}]}", "",
          "line 1" },
        { "{\"payload\":\"AA\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA\"}]} x", "", "line 1" },
        { "[]", "", "not a JSON object" },
        { "", "", "line 1" },
        { "\xff", "", "line" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf out = { 0 };
        struct cs_note note = { "" };
        uint8_t want[64];
        size_t len = hex_of(rows[i].hex, want, sizeof want);
        bool ok = cs_ok(cs_dsse_from_json(cs_span_str(rows[i].json), &out, &note));
        if (ok != (rows[i].note == NULL) || !cs_span_eq(cs_buf_span(&out), cs_span_of(want, len)) ||
            (!ok && strncmp(note.text, rows[i].note, strlen(rows[i].note)) != 0))
            fail_msg("row %zu: %d %s", i, ok, note.text);
    }
    CS_AUTO_BUF struct cs_buf big = { 0 };
    CS_AUTO_BUF struct cs_buf out = { 0 };
    while (big.len <= 4 * CS_ENVELOPE_MAX_LEN)
        cs_buf_put_u8(&big, '[');
    assert_true(cs_is(cs_dsse_from_json(cs_buf_span(&big), &out, NULL), CS_NUM_LIMIT));
    big.len /= 2;
    assert_true(cs_is(cs_dsse_from_json(cs_buf_span(&big), &out, NULL), CS_NUM_FORM));
}

static int open_house(void **state)
{
    static struct house h;
    house_open(&h);
    *state = &h;
    return 0;
}

static int close_house(void **state)
{
    house_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pae_vectors),         cmocka_unit_test(ed25519_vector),
        cmocka_unit_test(ecdsa_vector),        cmocka_unit_test(form_of_ecdsa_signatures),
        cmocka_unit_test(keys_of_other_kinds), cmocka_unit_test(json_both_ways),
        cmocka_unit_test(json_rows),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
