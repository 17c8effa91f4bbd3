#include "client/pkcs11/objects.h"

#include <stdlib.h>

#include "proxy/gate/der/tbs.h"

/* ---- issuers ---- */

void cs_p11_issuer_free(struct cs_p11_issuer *i)
{
    if (i == NULL)
        return;
    cs_buf_done(&i->id);
    cs_buf_done(&i->certificate);
    free(i);
}

static uint32_t bits_of(const struct countersign_issuer *from)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < from->n_signature_algorithms; i++)
        bits |= cs_p11_algorithm_bit(
            cs_span_of(from->signature_algorithms[i].at, from->signature_algorithms[i].len));
    return bits;
}

/* The parameters of an AlgorithmIdentifier that cs_tbs_parse has proven: the curve. */
static struct cs_span parameters_of(struct cs_span algorithm)
{
    struct cs_der_input in;
    struct cs_der whole = cs_der_open(&in, algorithm, NULL), body;
    struct cs_der_tlv oid, v = { 0 };
    if (cs_der_enter(&whole, CS_DER_SEQUENCE, "not a SEQUENCE", &body) && cs_der_get(&body, &oid))
        (void)cs_der_get(&body, &v);
    return v.der;
}

static cs_result take_key(struct cs_p11_issuer *i, const struct cs_tbs *t, struct cs_note *note)
{
    size_t field_len = t->key_kind == CS_KEY_EC_P256   ? 32
                       : t->key_kind == CS_KEY_EC_P384 ? 48
                       : t->key_kind == CS_KEY_EC_P521 ? 66
                                                       : 0;
    if (t->key_kind == CS_KEY_RSA) {
        i->key_type = CKK_RSA;
        i->modulus = t->rsa_modulus;
        i->exponent = t->rsa_exponent;
        i->signature_len = t->rsa_modulus.len;
    } else if (field_len > 0) {
        i->key_type = CKK_EC;
        i->curve = parameters_of(t->spki_algorithm);
        i->point = t->spki_key;
        i->signature_len = 2 * field_len;
    } else {
        cs_note_set(note, "its key is neither RSA nor EC on P-256, P-384 or P-521");
        return CS_ERR(ARGUMENT);
    }
    return CS_OK;
}

static cs_result take_certificate(struct cs_p11_issuer *i, struct cs_note *note)
{
    struct cs_der_fault fault = { 0 };
    struct cs_span tbs, algorithm, signature;
    struct cs_tbs *t = malloc(sizeof *t);
    if (t == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result r = cs_certificate_parse(cs_buf_span(&i->certificate), &tbs, &algorithm, &signature, &fault);
    if (cs_ok(r))
        r = cs_tbs_parse(tbs, t, &fault);
    if (cs_ok(r)) {
        r = take_key(i, t, note);
        /* The content is at least one octet and at most 20 or so: its header has two octets. */
        i->serial = cs_span_of(t->serial.at - 2, t->serial.len + 2);
        i->issuer = t->issuer;
        i->subject = t->subject;
        i->spki = t->spki;
        if (cs_ok(r) && t->serial.len > 127) {
            cs_note_set(note, "its serial number has %zu octets", t->serial.len);
            r = CS_ERR(LIMIT);
        }
    } else {
        cs_note_set(note, "its certificate cannot be read: %s at octet %zu",
                    fault.what != NULL ? fault.what : "", fault.offset);
    }
    free(t);
    return r;
}

CS_RESULT cs_p11_issuer_new(const struct countersign_issuer *from, struct cs_p11_issuer **out,
                            struct cs_note *note)
{
    struct cs_p11_issuer *i = calloc(1, sizeof *i);
    if (i == NULL)
        return CS_ERR(NO_MEMORY);
    cs_buf_put(&i->id, from->id.at, from->id.len);
    cs_buf_put(&i->certificate, from->certificate.at, from->certificate.len);
    i->algorithms = bits_of(from);
    i->shown = true;
    cs_result r = i->id.failed || i->certificate.failed ? CS_ERR(NO_MEMORY) : take_certificate(i, note);
    if (!cs_ok(r)) {
        cs_p11_issuer_free(i);
        return r;
    }
    *out = i;
    return CS_OK;
}

bool cs_p11_issuer_same(const struct cs_p11_issuer *i, const struct countersign_issuer *from)
{
    return cs_span_eq(cs_buf_span(&i->id), cs_span_of(from->id.at, from->id.len)) &&
           cs_span_eq(cs_buf_span(&i->certificate),
                      cs_span_of(from->certificate.at, from->certificate.len)) &&
           i->algorithms == bits_of(from);
}

/* ---- attributes ---- */

static CK_RV put_bool(struct cs_buf *out, bool v)
{
    cs_buf_put_u8(out, v ? CK_TRUE : CK_FALSE);
    return CKR_OK;
}

static CK_RV put_ulong(struct cs_buf *out, CK_ULONG v)
{
    cs_buf_put(out, &v, sizeof v);
    return CKR_OK;
}

static CK_RV put_span(struct cs_buf *out, struct cs_span v)
{
    cs_buf_put(out, v.at, v.len);
    return CKR_OK;
}

static CK_RV put_mechanisms(const struct cs_p11_issuer *i, struct cs_buf *out)
{
    const struct cs_p11_mechanism *m;
    for (size_t n = 0; (m = cs_p11_mechanism_at(n, true)) != NULL; n++)
        if (m->scheme != CS_P11_DIGEST && cs_p11_mechanism_fits(m, i->algorithms))
            cs_buf_put(out, &m->type, sizeof m->type);
    return CKR_OK;
}

static CK_RV common(const struct cs_p11_issuer *i, enum cs_p11_object what, CK_ATTRIBUTE_TYPE type,
                    struct cs_buf *out)
{
    static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE };
    switch (type) {
    case CKA_CLASS:
        return put_ulong(out, classes[what]);
    case CKA_TOKEN:
        return put_bool(out, true);
    case CKA_PRIVATE: /* nothing here is hidden from who may connect */
    case CKA_MODIFIABLE:
    case CKA_COPYABLE:
    case CKA_DESTROYABLE:
        return put_bool(out, false);
    case CKA_LABEL:
    case CKA_ID:
        return put_span(out, cs_buf_span(&i->id));
    case CKA_SUBJECT:
        return put_span(out, i->subject);
    case CKA_PUBLIC_KEY_INFO:
        return put_span(out, i->spki);
    case CKA_START_DATE:
    case CKA_END_DATE:
        return CKR_OK; /* empty: not limited here */
    default:
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
}

static CK_RV of_certificate(const struct cs_p11_issuer *i, CK_ATTRIBUTE_TYPE type, struct cs_buf *out)
{
    switch (type) {
    case CKA_VALUE:
        return put_span(out, cs_buf_span(&i->certificate));
    case CKA_CERTIFICATE_TYPE:
        return put_ulong(out, CKC_X_509);
    case CKA_ISSUER:
        return put_span(out, i->issuer);
    case CKA_SERIAL_NUMBER:
        return put_span(out, i->serial);
    case CKA_TRUSTED:
        return put_bool(out, false);
    case CKA_CERTIFICATE_CATEGORY:
        return put_ulong(out, 2); /* PKCS#11 2.40 4.6.2: authority */
    default:
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
}

static CK_RV of_key(const struct cs_p11_issuer *i, CK_ATTRIBUTE_TYPE type, struct cs_buf *out)
{
    bool rsa = i->key_type == CKK_RSA;
    switch (type) {
    case CKA_KEY_TYPE:
        return put_ulong(out, i->key_type);
    case CKA_DERIVE:
        return put_bool(out, false);
    case CKA_LOCAL:
        return put_bool(out, true);
    case CKA_KEY_GEN_MECHANISM:
        return put_ulong(out, CK_UNAVAILABLE_INFORMATION);
    case CKA_ALLOWED_MECHANISMS:
        return put_mechanisms(i, out);
    case CKA_MODULUS:
        return rsa ? put_span(out, i->modulus) : CKR_ATTRIBUTE_TYPE_INVALID;
    case CKA_PUBLIC_EXPONENT:
        return rsa ? put_span(out, i->exponent) : CKR_ATTRIBUTE_TYPE_INVALID;
    case CKA_EC_PARAMS:
        return rsa ? CKR_ATTRIBUTE_TYPE_INVALID : put_span(out, i->curve);
    default:
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
}

static CK_RV of_private_key(const struct cs_p11_issuer *i, CK_ATTRIBUTE_TYPE type, struct cs_buf *out)
{
    switch (type) {
    case CKA_SENSITIVE:
    case CKA_ALWAYS_SENSITIVE:
    case CKA_NEVER_EXTRACTABLE:
    case CKA_SIGN:
        return put_bool(out, true);
    case CKA_EXTRACTABLE:
    case CKA_DECRYPT:
    case CKA_SIGN_RECOVER:
    case CKA_UNWRAP:
    case CKA_WRAP_WITH_TRUSTED:
    case CKA_ALWAYS_AUTHENTICATE:
        return put_bool(out, false);
    case CKA_VALUE:
    case CKA_PRIVATE_EXPONENT:
    case CKA_PRIME_1:
    case CKA_PRIME_2:
    case CKA_EXPONENT_1:
    case CKA_EXPONENT_2:
    case CKA_COEFFICIENT:
        return CKR_ATTRIBUTE_SENSITIVE;
    default:
        return of_key(i, type, out);
    }
}

static CK_RV of_public_key(const struct cs_p11_issuer *i, CK_ATTRIBUTE_TYPE type, struct cs_buf *out)
{
    switch (type) {
    case CKA_ENCRYPT:
    case CKA_VERIFY: /* the token does not verify; who has the public key can */
    case CKA_VERIFY_RECOVER:
    case CKA_WRAP:
    case CKA_TRUSTED:
        return put_bool(out, false);
    case CKA_MODULUS_BITS:
        return i->key_type == CKK_RSA ? put_ulong(out, i->modulus.len * 8) : CKR_ATTRIBUTE_TYPE_INVALID;
    case CKA_EC_POINT: {
        uint8_t header[CS_DER_HEADER_MAX_LEN];
        if (i->key_type != CKK_EC)
            return CKR_ATTRIBUTE_TYPE_INVALID;
        cs_buf_put(out, header, cs_der_put_header(CS_DER_OCTET_STRING, i->point.len, header));
        return put_span(out, i->point);
    }
    default:
        return of_key(i, type, out);
    }
}

CK_RV cs_p11_attribute(const struct cs_p11_issuer *i, enum cs_p11_object what, CK_ATTRIBUTE_TYPE type,
                       struct cs_buf *out)
{
    CK_RV rv = common(i, what, type, out);
    if (rv == CKR_ATTRIBUTE_TYPE_INVALID)
        rv = what == CS_P11_PRIVATE_KEY  ? of_private_key(i, type, out)
             : what == CS_P11_PUBLIC_KEY ? of_public_key(i, type, out)
                                         : of_certificate(i, type, out);
    return out->failed ? CKR_HOST_MEMORY : rv;
}

bool cs_p11_matches(const struct cs_p11_issuer *i, enum cs_p11_object what, const CK_ATTRIBUTE *template,
                    size_t n)
{
    for (size_t k = 0; k < n; k++) {
        CS_AUTO_BUF struct cs_buf value = { 0 };
        if (cs_p11_attribute(i, what, template[k].type, &value) != CKR_OK ||
            !cs_span_eq(cs_buf_span(&value), cs_span_of(template[k].pValue, template[k].ulValueLen)))
            return false;
    }
    return true;
}
