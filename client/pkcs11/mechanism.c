#include "client/pkcs11/mechanism.h"

#include "proxy/gate/der/der.h"

#define DER(text)                                 \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }
#define PSS(oid, salt)                                                                            \
    DER("\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09"    \
        "\x60\x86\x48\x01\x65\x03\x04\x02" oid "\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86" \
        "\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" oid                \
        "\x05\x00\xa2\x03\x02\x01" salt)
#define RSA(last) DER("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01" last "\x05\x00")
#define EC(last)  DER("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03" last)

const struct cs_p11_algorithm cs_p11_algorithms[CS_P11_N_ALGORITHMS] = {
    { "rsa-sha256", CS_P11_PKCS1, 32, RSA("\x0b") },
    { "rsa-sha384", CS_P11_PKCS1, 48, RSA("\x0c") },
    { "rsa-sha512", CS_P11_PKCS1, 64, RSA("\x0d") },
    { "rsa-pss-sha256", CS_P11_PSS, 32, PSS("\x01", "\x20") },
    { "rsa-pss-sha384", CS_P11_PSS, 48, PSS("\x02", "\x30") },
    { "rsa-pss-sha512", CS_P11_PSS, 64, PSS("\x03", "\x40") },
    { "ecdsa-sha256", CS_P11_ECDSA, 32, EC("\x02") },
    { "ecdsa-sha384", CS_P11_ECDSA, 48, EC("\x03") },
    { "ecdsa-sha512", CS_P11_ECDSA, 64, EC("\x04") },
};

uint32_t cs_p11_algorithm_bit(struct cs_span der)
{
    for (uint32_t i = 0; i < CS_P11_N_ALGORITHMS; i++)
        if (cs_span_eq(cs_p11_algorithms[i].der, der))
            return UINT32_C(1) << i;
    return 0;
}

const struct cs_p11_algorithm *cs_p11_algorithm_for(enum cs_p11_scheme scheme, size_t digest_len,
                                                    uint32_t algorithms)
{
    for (uint32_t i = 0; i < CS_P11_N_ALGORITHMS; i++)
        if ((algorithms & UINT32_C(1) << i) && cs_p11_algorithms[i].scheme == scheme &&
            cs_p11_algorithms[i].digest_len == digest_len)
            return &cs_p11_algorithms[i];
    return NULL;
}

#define RSA_INFO                       \
    {                                  \
        2048, 16384, CKF_HW | CKF_SIGN \
    }
#define EC_INFO                                                                          \
    {                                                                                    \
        256, 521, CKF_HW | CKF_SIGN | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS \
    }
#define DIGEST_INFO      \
    {                    \
        0, 0, CKF_DIGEST \
    }

static const struct cs_p11_mechanism mechanisms[] = {
    { CKM_SHA256_RSA_PKCS, CS_P11_PKCS1, 32, RSA_INFO },
    { CKM_SHA384_RSA_PKCS, CS_P11_PKCS1, 48, RSA_INFO },
    { CKM_SHA512_RSA_PKCS, CS_P11_PKCS1, 64, RSA_INFO },
    { CKM_SHA256_RSA_PKCS_PSS, CS_P11_PSS, 32, RSA_INFO },
    { CKM_SHA384_RSA_PKCS_PSS, CS_P11_PSS, 48, RSA_INFO },
    { CKM_SHA512_RSA_PKCS_PSS, CS_P11_PSS, 64, RSA_INFO },
    { CKM_ECDSA_SHA256, CS_P11_ECDSA, 32, EC_INFO },
    { CKM_ECDSA_SHA384, CS_P11_ECDSA, 48, EC_INFO },
    { CKM_ECDSA_SHA512, CS_P11_ECDSA, 64, EC_INFO },
    { CKM_SHA256, CS_P11_DIGEST, 32, DIGEST_INFO },
    { CKM_SHA384, CS_P11_DIGEST, 48, DIGEST_INFO },
    { CKM_SHA512, CS_P11_DIGEST, 64, DIGEST_INFO },
    { CKM_RSA_PKCS, CS_P11_PKCS1, 0, RSA_INFO },
    { CKM_RSA_PKCS_PSS, CS_P11_PSS, 0, RSA_INFO },
    { CKM_ECDSA, CS_P11_ECDSA, 0, EC_INFO },
};

const struct cs_p11_mechanism *cs_p11_mechanism_at(size_t n, bool raw)
{
    const struct cs_p11_mechanism *m = n < sizeof mechanisms / sizeof *mechanisms ? &mechanisms[n] : NULL;
    return m != NULL && (raw || !cs_p11_mechanism_is_raw(m)) ? m : NULL; /* the raw ones stand last */
}

const struct cs_p11_mechanism *cs_p11_mechanism_of(CK_MECHANISM_TYPE type, bool raw)
{
    const struct cs_p11_mechanism *m;
    for (size_t i = 0; (m = cs_p11_mechanism_at(i, raw)) != NULL; i++)
        if (m->type == type)
            return m;
    return NULL;
}

bool cs_p11_mechanism_fits(const struct cs_p11_mechanism *m, uint32_t algorithms)
{
    static const size_t any[] = { 32, 48, 64 };
    for (size_t i = 0; i < sizeof any / sizeof *any; i++)
        if ((m->digest_len == 0 || m->digest_len == any[i]) &&
            cs_p11_algorithm_for(m->scheme, any[i], algorithms) != NULL)
            return true;
    return false;
}

CK_RV cs_p11_parameter_check(const struct cs_p11_mechanism *m, const CK_MECHANISM *given,
                             size_t *out_digest_len)
{
    static const struct {
        CK_MECHANISM_TYPE hash;
        unsigned long mask;
        size_t len; /* of hash and salt */
    } rows[] = {
        { CKM_SHA256, CKG_MGF1_SHA256, 32 },
        { CKM_SHA384, CKG_MGF1_SHA384, 48 },
        { CKM_SHA512, CKG_MGF1_SHA512, 64 },
    };
    CK_RSA_PKCS_PSS_PARAMS p;
    if (m->scheme != CS_P11_PSS) {
        if (given->ulParameterLen != 0)
            return CKR_MECHANISM_PARAM_INVALID;
        *out_digest_len = m->digest_len;
        return CKR_OK;
    }
    if (given->pParameter == NULL || given->ulParameterLen != sizeof p)
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(&p, given->pParameter, sizeof p);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (p.hashAlg == rows[i].hash && p.mgf == rows[i].mask && p.sLen == rows[i].len &&
            (m->digest_len == 0 || m->digest_len == rows[i].len)) {
            *out_digest_len = rows[i].len;
            return CKR_OK;
        }
    return CKR_MECHANISM_PARAM_INVALID;
}

/* RFC 8017 9.2, notes: the DER in front of the digest. */
static const struct {
    struct cs_span prefix;
    size_t digest_len;
} digest_infos[] = {
    { DER("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"), 32 },
    { DER("\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"), 48 },
    { DER("\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"), 64 },
};

CK_RV cs_p11_digest_of(const struct cs_p11_mechanism *m, size_t digest_len, struct cs_span input,
                       struct cs_span *out)
{
    if (m->scheme == CS_P11_PSS) {
        if (input.len != digest_len)
            return CKR_DATA_LEN_RANGE;
    } else if (m->scheme == CS_P11_ECDSA) {
        if (input.len != 32 && input.len != 48 && input.len != 64)
            return CKR_DATA_LEN_RANGE;
    } else {
        for (size_t i = 0; i < sizeof digest_infos / sizeof *digest_infos; i++) {
            struct cs_span prefix = digest_infos[i].prefix;
            if (input.len == prefix.len + digest_infos[i].digest_len &&
                memcmp(input.at, prefix.at, prefix.len) == 0) {
                *out = cs_span_of(input.at + prefix.len, digest_infos[i].digest_len);
                return CKR_OK;
            }
        }
        return CKR_DATA_INVALID;
    }
    *out = input;
    return CKR_OK;
}

static bool put_number(struct cs_der *r, size_t n, uint8_t *out)
{
    struct cs_der_tlv v;
    if (!cs_der_get_tag(r, CS_DER_INTEGER, "not an INTEGER", &v) ||
        cs_der_flaw(CS_DER_INTEGER, v.value) != NULL || v.value.at[0] >= 0x80)
        return false;
    struct cs_span number = v.value;
    if (number.at[0] == 0)
        number = cs_span_of(number.at + 1, number.len - 1);
    if (number.len == 0 || number.len > n)
        return false;
    memset(out, 0, n - number.len);
    memcpy(out + n - number.len, number.at, number.len);
    return true;
}

bool cs_p11_ecdsa_plain(struct cs_span der, size_t n, uint8_t *out)
{
    struct cs_der_input in;
    struct cs_der whole = cs_der_open(&in, der, NULL), body;
    return cs_der_enter(&whole, CS_DER_SEQUENCE, "not a SEQUENCE", &body) && cs_der_end(&whole) &&
           put_number(&body, n, out) && put_number(&body, n, out + n) && cs_der_end(&body);
}
