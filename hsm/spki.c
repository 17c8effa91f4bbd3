#include "hsm/spki.h"

static const struct curve {
    enum cs_key_kind kind;
    struct cs_span der;
    size_t point_len; /* 04 || x || y */
} curves[] = {
    { CS_KEY_P256, { (const uint8_t *)"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10 }, 65 },
    { CS_KEY_P384, { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x22", 7 }, 97 },
    { CS_KEY_P521, { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x23", 7 }, 133 },
};
enum { N_CURVES = sizeof curves / sizeof *curves, PUBLIC_MAX_LEN = 4096 };

struct cs_span cs_spki_curve_der(enum cs_key_kind kind)
{
    for (size_t i = 0; i < N_CURVES; i++)
        if (curves[i].kind == kind)
            return curves[i].der;
    return cs_span_of(NULL, 0);
}

static void put_tlv(struct cs_buf *out, uint8_t tag, struct cs_span first, struct cs_span second)
{
    size_t len = first.len + second.len;
    cs_buf_put_u8(out, tag);
    if (len >= 0x100) {
        cs_buf_put_u8(out, 0x82);
        cs_buf_put_u16(out, (uint16_t)len);
    } else {
        if (len >= 0x80)
            cs_buf_put_u8(out, 0x81);
        cs_buf_put_u8(out, (uint8_t)len);
    }
    cs_buf_put(out, first.at, first.len);
    cs_buf_put(out, second.at, second.len);
}

static const struct cs_span none = { NULL, 0 };

static struct cs_span without_zeros(struct cs_span n)
{
    while (n.len != 0 && n.at[0] == 0)
        n = cs_span_of(n.at + 1, n.len - 1);
    return n;
}

static void put_integer(struct cs_buf *out, struct cs_span n)
{
    struct cs_span sign = cs_span_of("", (n.at[0] & 0x80) ? 1 : 0);
    put_tlv(out, 0x02, sign, n);
}

/* get_public reads an attribute of the private key or else of its public twin. */
static cs_result get_public(const struct cs_module *m, CK_SESSION_HANDLE session,
                            CK_OBJECT_HANDLE private_key, CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE attribute,
                            struct cs_buf *out, struct cs_why *why)
{
    cs_result r = cs_module_get(m, session, private_key, attribute, out, why);
    if ((cs_ok(r) && out->len != 0) || (!cs_ok(r) && !cs_is(r, CS_NUM_NOT_FOUND)))
        return r;
    CS_AUTO_BUF struct cs_buf id = { .max = 2048 };
    r = cs_module_get(m, session, private_key, CKA_ID, &id, why);
    if (!cs_ok(r) && !cs_is(r, CS_NUM_NOT_FOUND))
        return r;
    size_t n = 0;
    CK_OBJECT_HANDLE twin = 0;
    if (id.len != 0) {
        CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
        CK_ATTRIBUTE want[] = { { CKA_CLASS, &class, sizeof class },
                                { CKA_KEY_TYPE, &type, sizeof type },
                                { CKA_ID, id.at, id.len } };
        CS_TRY(cs_module_find(m, session, want, 3, &twin, 1, &n, why));
    }
    if (n != 1) {
        cs_why_set(why, CKR_OK, "%zu public key objects share the key's CKA_ID, exactly one is needed", n);
        return CS_ERR(HSM_KEY);
    }
    r = cs_module_get(m, session, twin, attribute, out, why);
    if (cs_is(r, CS_NUM_NOT_FOUND) || (cs_ok(r) && out->len == 0)) {
        cs_why_set(why, CKR_OK, "the token does not report attribute 0x%lx of the public key", attribute);
        return CS_ERR(HSM_KEY);
    }
    return r;
}

static unsigned bits_of(struct cs_span n)
{
    unsigned bits = (unsigned)n.len * 8;
    for (unsigned mask = 0x80; n.len != 0 && mask != 0 && !(n.at[0] & mask); mask >>= 1)
        bits--;
    return bits;
}

static cs_result rsa_get(const struct cs_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private_key,
                         struct cs_buf *out, struct cs_why *why)
{
    static const uint8_t algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
    CS_AUTO_BUF struct cs_buf modulus = { .max = PUBLIC_MAX_LEN }, exponent = { .max = PUBLIC_MAX_LEN };
    CS_TRY(get_public(m, session, private_key, CKK_RSA, CKA_MODULUS, &modulus, why));
    CS_TRY(get_public(m, session, private_key, CKK_RSA, CKA_PUBLIC_EXPONENT, &exponent, why));
    struct cs_span n = without_zeros(cs_buf_span(&modulus)), e = without_zeros(cs_buf_span(&exponent));
    unsigned bits = bits_of(n);
    if (bits < 2048 || bits > 4096 || bits % 8 != 0) {
        cs_why_set(why, CKR_OK, "RSA modulus has %u bits, 2048 to 4096 and a multiple of 8 are needed", bits);
        return CS_ERR(HSM_KEY);
    }
    if (e.len == 0 || !(e.at[e.len - 1] & 1) || (e.len == 1 && e.at[0] < 3)) {
        cs_why_set(why, CKR_OK, "RSA public exponent is not odd and at least 3");
        return CS_ERR(HSM_KEY);
    }
    CS_AUTO_BUF struct cs_buf numbers = { .max = PUBLIC_MAX_LEN }, key = { .max = PUBLIC_MAX_LEN };
    CS_AUTO_BUF struct cs_buf bit_string = { .max = PUBLIC_MAX_LEN };
    put_integer(&numbers, n);
    put_integer(&numbers, e);
    put_tlv(&key, 0x30, cs_buf_span(&numbers), none);
    put_tlv(&bit_string, 0x03, cs_span_of("", 1), cs_buf_span(&key));
    CS_TRY(cs_buf_end(&bit_string));
    put_tlv(out, 0x30, cs_span_of(algorithm, sizeof algorithm), cs_buf_span(&bit_string));
    return cs_buf_end(out);
}

static cs_result ec_get(const struct cs_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private_key,
                        enum cs_key_kind *out_kind, struct cs_buf *out, struct cs_why *why)
{
    static const uint8_t ec_public_key[] = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
    CS_AUTO_BUF struct cs_buf params = { .max = PUBLIC_MAX_LEN }, point = { .max = PUBLIC_MAX_LEN };
    CS_TRY(get_public(m, session, private_key, CKK_EC, CKA_EC_PARAMS, &params, why));
    CS_TRY(get_public(m, session, private_key, CKK_EC, CKA_EC_POINT, &point, why));
    const struct curve *curve = NULL;
    for (size_t i = 0; i < N_CURVES; i++)
        if (cs_span_eq(curves[i].der, cs_buf_span(&params)))
            curve = &curves[i];
    if (curve == NULL) {
        cs_why_set(why, CKR_OK, "EC curve is not the named curve P-256, P-384 or P-521");
        return CS_ERR(HSM_KEY);
    }
    struct cs_reader r = cs_reader_init(cs_buf_span(&point));
    bool octet_string = cs_get_u8(&r) == 0x04;
    size_t len = cs_get_u8(&r);
    if (len == 0x81) {
        len = cs_get_u8(&r);
        octet_string = octet_string && len >= 0x80;
    }
    struct cs_span raw = cs_get_raw(&r, curve->point_len);
    if (!cs_ok(cs_reader_end(&r)) || !octet_string || len != curve->point_len || raw.at[0] != 0x04) {
        cs_why_set(why, CKR_OK, "CKA_EC_POINT is not a DER OCTET STRING with an uncompressed %s point",
                   cs_key_kind_name(curve->kind));
        return CS_ERR(HSM_KEY);
    }
    CS_AUTO_BUF struct cs_buf algorithm = { .max = PUBLIC_MAX_LEN }, bit_string = { .max = PUBLIC_MAX_LEN };
    put_tlv(&algorithm, 0x30, cs_span_of(ec_public_key, sizeof ec_public_key), curve->der);
    put_tlv(&bit_string, 0x03, cs_span_of("", 1), raw);
    CS_TRY(cs_buf_end(&algorithm));
    CS_TRY(cs_buf_end(&bit_string));
    put_tlv(out, 0x30, cs_buf_span(&algorithm), cs_buf_span(&bit_string));
    CS_TRY(cs_buf_end(out));
    *out_kind = curve->kind;
    return CS_OK;
}

CS_RESULT cs_spki_get(const struct cs_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private_key,
                      enum cs_key_kind *out_kind, struct cs_buf *out, struct cs_why *why)
{
    CK_ULONG type = CKK_VENDOR_DEFINED;
    CS_TRY(cs_module_get_ulong(m, session, private_key, CKA_KEY_TYPE, &type, why));
    if (type == CKK_EC)
        return ec_get(m, session, private_key, out_kind, out, why);
    if (type != CKK_RSA) {
        cs_why_set(why, CKR_OK, "CKA_KEY_TYPE is 0x%lx, RSA or EC is needed", type);
        return CS_ERR(HSM_KEY);
    }
    CS_TRY(rsa_get(m, session, private_key, out, why));
    *out_kind = CS_KEY_RSA;
    return CS_OK;
}
