/* Mechanisms: what is offered, parameters, DigestInfo, and ECDSA's two forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "client/pkcs11/mechanism.h"
#include "tests/unit/der/der_text.h"

static const CK_MECHANISM_TYPE whole[] = { 0x40,   0x41,   0x42,   0x43,  0x44,  0x45,
                                           0x1044, 0x1045, 0x1046, 0x250, 0x260, 0x270 };
static const CK_MECHANISM_TYPE raw[] = { 0x01, 0x0d, 0x1041 };

static void offered(void **state)
{
    (void)state;
    size_t n_whole = sizeof whole / sizeof *whole, n_raw = sizeof raw / sizeof *raw;
    for (size_t i = 0; i < n_whole + n_raw; i++) {
        CK_MECHANISM_TYPE type = i < n_whole ? whole[i] : raw[i - n_whole];
        const struct cs_p11_mechanism *m = cs_p11_mechanism_at(i, true);
        assert_non_null(m);
        assert_int_equal(m->type, type);
        assert_ptr_equal(cs_p11_mechanism_of(type, true), m);
        assert_ptr_equal(cs_p11_mechanism_of(type, false), i < n_whole ? m : NULL);
        CK_FLAGS flags = m->scheme == CS_P11_DIGEST ? CKF_DIGEST
                         : m->scheme == CS_P11_ECDSA
                             ? 0x01900801 /* EC_F_P, NAMEDCURVE, UNCOMPRESS, SIGN, HW */
                             : CKF_HW | CKF_SIGN;
        assert_int_equal(m->info.flags, flags);
    }
    assert_null(cs_p11_mechanism_at(n_whole + n_raw, true));
    assert_null(cs_p11_mechanism_at(n_whole, false));
    static const CK_MECHANISM_TYPE never[] = { 0x00, 0x03,   0x05,   0x06,  0x09,  0x0e,
                                               0x46, 0x1042, 0x1043, 0x220, 0x1050 };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        assert_null(cs_p11_mechanism_of(never[i], true));
}

static void parameters(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        CK_MECHANISM_TYPE type;
        CK_RSA_PKCS_PSS_PARAMS p;
        size_t len; /* of the parameter given */
        CK_RV rv;
        size_t digest_len;
    } rows[] = {
        { "none where none is needed", CKM_ECDSA_SHA256, { 0 }, 0, CKR_OK, 32 },
        { "one where none is needed", CKM_ECDSA_SHA256, { 0 }, 1, CKR_MECHANISM_PARAM_INVALID, 0 },
        { "raw without", CKM_RSA_PKCS, { 0 }, 0, CKR_OK, 0 },
        { "PSS 256", CKM_SHA256_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, 32 }, 24, CKR_OK, 32 },
        { "PSS 384", CKM_SHA384_RSA_PKCS_PSS, { CKM_SHA384, CKG_MGF1_SHA384, 48 }, 24, CKR_OK, 48 },
        { "PSS 512", CKM_SHA512_RSA_PKCS_PSS, { CKM_SHA512, CKG_MGF1_SHA512, 64 }, 24, CKR_OK, 64 },
        { "raw PSS 256", CKM_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, 32 }, 24, CKR_OK, 32 },
        { "raw PSS 512", CKM_RSA_PKCS_PSS, { CKM_SHA512, CKG_MGF1_SHA512, 64 }, 24, CKR_OK, 64 },
        { "another mechanism's hash",
          CKM_SHA256_RSA_PKCS_PSS,
          { CKM_SHA384, CKG_MGF1_SHA384, 48 },
          24,
          CKR_MECHANISM_PARAM_INVALID,
          0 },
        { "another mask",
          CKM_SHA256_RSA_PKCS_PSS,
          { CKM_SHA256, CKG_MGF1_SHA384, 32 },
          24,
          CKR_MECHANISM_PARAM_INVALID,
          0 },
        { "SHA-1 mask",
          CKM_RSA_PKCS_PSS,
          { CKM_SHA256, CKG_MGF1_SHA1, 32 },
          24,
          CKR_MECHANISM_PARAM_INVALID,
          0 },
        { "SHA-1", CKM_RSA_PKCS_PSS, { CKM_SHA_1, CKG_MGF1_SHA1, 20 }, 24, CKR_MECHANISM_PARAM_INVALID, 0 },
        { "salt shorter",
          CKM_RSA_PKCS_PSS,
          { CKM_SHA256, CKG_MGF1_SHA256, 31 },
          24,
          CKR_MECHANISM_PARAM_INVALID,
          0 },
        { "salt longer",
          CKM_RSA_PKCS_PSS,
          { CKM_SHA256, CKG_MGF1_SHA256, 33 },
          24,
          CKR_MECHANISM_PARAM_INVALID,
          0 },
        { "no salt",
          CKM_RSA_PKCS_PSS,
          { CKM_SHA256, CKG_MGF1_SHA256, 0 },
          24,
          CKR_MECHANISM_PARAM_INVALID,
          0 },
        { "cut", CKM_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, 32 }, 23, CKR_MECHANISM_PARAM_INVALID, 0 },
        { "none for PSS", CKM_SHA256_RSA_PKCS_PSS, { 0 }, 0, CKR_MECHANISM_PARAM_INVALID, 0 },
    };
    assert_int_equal(sizeof(CK_RSA_PKCS_PSS_PARAMS), 24);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CK_RSA_PKCS_PSS_PARAMS p = rows[i].p;
        CK_MECHANISM given = { rows[i].type, rows[i].len > 0 ? &p : NULL, rows[i].len };
        size_t digest_len = 0;
        CK_RV rv = cs_p11_parameter_check(cs_p11_mechanism_of(rows[i].type, true), &given, &digest_len);
        if (rv != rows[i].rv || digest_len != rows[i].digest_len)
            fail_msg("row: %s: 0x%lx, %zu", rows[i].row, rv, digest_len);
    }
}

/* RFC 8017 prefixes written anew, each with its digest; then every other form is refused. */
static void digest_infos(void **state)
{
    (void)state;
    static const char *const prefixes[] = { "3031300d060960864801650304020105000420",
                                            "3041300d060960864801650304020205000430",
                                            "3051300d060960864801650304020305000440" };
    const struct cs_p11_mechanism *m = cs_p11_mechanism_of(CKM_RSA_PKCS, true);
    for (size_t i = 0; i < 3; i++) {
        uint8_t info[CS_P11_DIGEST_INFO_MAX_LEN + 1] = { 0 };
        size_t len, digest_len = 32 + 16 * i;
        assert_true(cs_ok(cs_unhex(cs_span_str(prefixes[i]), info, sizeof info, &len)));
        memset(info + len, 0xa5, digest_len);
        len += digest_len;
        struct cs_span digest = { 0 };
        assert_int_equal(cs_p11_digest_of(m, 0, cs_span_of(info, len), &digest), CKR_OK);
        assert_int_equal(digest.len, digest_len);
        assert_ptr_equal(digest.at, info + len - digest_len);
        assert_int_equal(cs_p11_digest_of(m, 0, cs_span_of(info, len + 1), &digest), CKR_DATA_INVALID);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(cs_p11_digest_of(m, 0, cs_span_of(info, cut), &digest), CKR_DATA_INVALID);
        for (size_t bit = 0; bit < 8 * (len - digest_len); bit++) {
            info[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(cs_p11_digest_of(m, 0, cs_span_of(info, len), &digest), CKR_DATA_INVALID);
            info[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void digests(void **state)
{
    (void)state;
    uint8_t data[80] = { 0 };
    struct cs_span out;
    for (size_t len = 0; len < sizeof data; len++) {
        bool known = len == 32 || len == 48 || len == 64;
        assert_int_equal(cs_p11_digest_of(cs_p11_mechanism_of(CKM_ECDSA, true), 0, cs_span_of(data, len),
                                          &out),
                         known ? CKR_OK : CKR_DATA_LEN_RANGE);
        assert_int_equal(cs_p11_digest_of(cs_p11_mechanism_of(CKM_RSA_PKCS_PSS, true), 48,
                                          cs_span_of(data, len), &out),
                         len == 48 ? CKR_OK : CKR_DATA_LEN_RANGE);
    }
}

static void algorithms(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < CS_P11_N_ALGORITHMS; i++) {
        const struct cs_p11_algorithm *a = &cs_p11_algorithms[i];
        assert_int_equal(cs_p11_algorithm_bit(a->der), 1u << i);
        assert_ptr_equal(cs_p11_algorithm_for(a->scheme, a->digest_len, 1u << i), a);
        assert_null(cs_p11_algorithm_for(a->scheme, a->digest_len, ~(1u << i)));
        assert_int_equal(cs_p11_algorithm_bit(cs_span_of(a->der.at, a->der.len - 1)), 0);
    }
    const struct cs_p11_mechanism *ecdsa = cs_p11_mechanism_of(CKM_ECDSA, true);
    assert_true(cs_p11_mechanism_fits(ecdsa, 1 << 7));
    assert_false(cs_p11_mechanism_fits(ecdsa, 0x3f));
    assert_true(cs_p11_mechanism_fits(cs_p11_mechanism_of(CKM_ECDSA_SHA384, true), 1 << 7));
    assert_false(cs_p11_mechanism_fits(cs_p11_mechanism_of(CKM_ECDSA_SHA256, true), 1 << 7));
}

static void ecdsa_forms(void **state)
{
    (void)state;
    static const struct {
        const char *row, *der, *plain; /* plain NULL: refused */
    } rows[] = {
        { "small numbers are padded", "30{ 02:01 02:7f }",
          "00000001"
          "0000007f" },
        { "a sign octet goes", "30{ 02:00ff 02:0080000000 }",
          "000000ff"
          "80000000" },
        { "as long as it may be", "30{ 02:7fffffff 02:00ffffffff }",
          "7fffffff"
          "ffffffff" },
        { "too long", "30{ 02:0100000000 02:01 }", NULL },
        { "zero", "30{ 02:00 02:01 }", NULL },
        { "negative", "30{ 02:ff 02:01 }", NULL },
        { "padded", "30{ 02:0001 02:01 }", NULL },
        { "empty", "30{ 02 02:01 }", NULL },
        { "one number", "30{ 02:01 }", NULL },
        { "three numbers", "30{ 02:01 02:01 02:01 }", NULL },
        { "something behind", "30{ 02:01 02:01 } 05", NULL },
        { "no SEQUENCE", "31{ 02:01 02:01 }", NULL },
        { "another type", "30{ 04:01 02:01 }", NULL },
        { "long length", "=30810602010102017f", NULL },
        { "nothing", "", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_BUF struct cs_buf der = { 0 };
        uint8_t out[8];
        char hex[17];
        der_text(&der, rows[i].der);
        bool ok = cs_p11_ecdsa_plain(cs_buf_span(&der), 4, out);
        if (ok)
            cs_hex(cs_span_of(out, sizeof out), hex);
        if (ok != (rows[i].plain != NULL) || (ok && strcmp(hex, rows[i].plain) != 0))
            fail_msg("row: %s", rows[i].row);
        for (size_t cut = 0; ok && cut < der.len; cut++)
            assert_false(cs_p11_ecdsa_plain(cs_span_of(der.at, cut), 4, out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offered), cmocka_unit_test(parameters), cmocka_unit_test(digest_infos),
        cmocka_unit_test(digests), cmocka_unit_test(algorithms), cmocka_unit_test(ecdsa_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
