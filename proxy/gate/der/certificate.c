#include "proxy/gate/der/parts.h"

/* The signature field of a TBS: behind an optional version and the serial number. */
static bool inner_algorithm_read(struct cs_der_input *in, struct cs_span tbs_content, struct cs_span *out)
{
    struct cs_der body = cs_der_inside(in, tbs_content);
    struct cs_der_tlv v;
    if (cs_der_next_is(&body, CS_DER_CONTEXT_CONS + 0) && !cs_der_get(&body, &v))
        return false;
    return cs_der_get_tag(&body, CS_DER_INTEGER, "serialNumber is not an INTEGER", &v) &&
           cs_algorithm_read(&body, out);
}

CS_RESULT cs_certificate_parse(struct cs_span der, struct cs_span *tbs, struct cs_span *algorithm,
                               struct cs_span *signature, struct cs_der_fault *fault)
{
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, der, fault), body;
    struct cs_der_tlv inner, bits;
    struct cs_span outer_algorithm, inner_algorithm;
    in.where = "certificate";
    if (der.len > CS_CERTIFICATE_DER_MAX_LEN)
        (void)cs_der_fail(&in, CS_ERR(LIMIT), der.at, "Certificate of more than 48192 octets");
    if (!cs_der_walk(&in, der) ||
        !cs_der_enter(&r, CS_DER_SEQUENCE, "Certificate is not a SEQUENCE", &body) ||
        !cs_der_get_tag(&body, CS_DER_SEQUENCE, "tbsCertificate is not a SEQUENCE", &inner) ||
        !cs_algorithm_read(&body, &outer_algorithm) ||
        !cs_der_get_tag(&body, CS_DER_BIT_STRING, "signatureValue is not a BIT STRING", &bits) ||
        !cs_der_end(&body) || !inner_algorithm_read(&in, inner.value, &inner_algorithm))
        return in.result;
    if (bits.value.at[0] != 0)
        (void)cs_der_fail(&in, CS_ERR(TBS_FORM), bits.der.at, "signatureValue with unused bits");
    else if (!cs_span_eq(outer_algorithm, inner_algorithm))
        (void)cs_der_fail(&in, CS_ERR(TBS_FORM), outer_algorithm.at,
                          "signatureAlgorithm differs from the one in the TBS");
    if (cs_ok(in.result)) {
        *tbs = inner.der;
        *algorithm = outer_algorithm;
        *signature = cs_span_of(bits.value.at + 1, bits.value.len - 1);
    }
    return in.result;
}

void cs_certificate_put(struct cs_buf *out, struct cs_span tbs, struct cs_span algorithm,
                        struct cs_span signature)
{
    uint8_t bits[CS_DER_HEADER_MAX_LEN], whole[CS_DER_HEADER_MAX_LEN];
    size_t bits_len = cs_der_put_header(CS_DER_BIT_STRING, signature.len + 1, bits);
    size_t content_len = tbs.len + algorithm.len + bits_len + 1 + signature.len;
    cs_buf_put(out, whole, cs_der_put_header(CS_DER_SEQUENCE, content_len, whole));
    cs_buf_put(out, tbs.at, tbs.len);
    cs_buf_put(out, algorithm.at, algorithm.len);
    cs_buf_put(out, bits, bits_len);
    cs_buf_put_u8(out, 0);
    cs_buf_put(out, signature.at, signature.len);
}
