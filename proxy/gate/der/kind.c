#include "proxy/gate/der/kind.h"

#include "proxy/gate/der/der.h"

enum { SHAPE_MAX = 9 };

/* The tags of the first elements of a SEQUENCE, and whether there are more than fit. */
struct shape {
    uint8_t tag[SHAPE_MAX];
    size_t n;
    bool version_is_0; /* the first element is INTEGER 0 */
};

static struct shape shape_of(struct cs_der *body)
{
    struct shape s = { 0 };
    struct cs_der_tlv v;
    while (s.n < SHAPE_MAX && cs_der_more(body) && cs_der_get(body, &v)) {
        if (s.n == 0)
            s.version_is_0 = v.tag == CS_DER_INTEGER && v.value.len == 1 && v.value.at[0] == 0;
        s.tag[s.n++] = v.tag;
    }
    return s;
}

static bool is_time(uint8_t tag)
{
    return tag == CS_DER_UTC_TIME || tag == CS_DER_GENERALIZED_TIME;
}

static bool starts(const struct shape *s, size_t at, const uint8_t *tags, size_t n)
{
    return s->n >= at + n && memcmp(s->tag + at, tags, n) == 0;
}

static enum cs_data_kind kind_of(const struct shape *s)
{
    static const uint8_t seq[] = { CS_DER_SEQUENCE, CS_DER_SEQUENCE, CS_DER_SEQUENCE, CS_DER_SEQUENCE };
    static const uint8_t certificate[] = { CS_DER_SEQUENCE, CS_DER_SEQUENCE, CS_DER_BIT_STRING };
    size_t version = s->n > 0 && s->tag[0] == CS_DER_CONTEXT_CONS + 0;
    /* RFC 5280 4.1: version, serial, signature, issuer, validity, subject, key */
    if (s->n > version && s->tag[version] == CS_DER_INTEGER && starts(s, version + 1, seq, 4))
        return CS_DATA_LIKE_TBS;
    /* RFC 2986 4.1: version 0, subject, key, [0] attributes */
    if (s->version_is_0 && s->n == 4 && starts(s, 1, seq, 2) && s->tag[3] == CS_DER_CONTEXT_CONS + 0)
        return CS_DATA_IS_CSR;
    /* RFC 5280 5.1: version, signature, issuer, thisUpdate */
    size_t at = s->n > 0 && s->tag[0] == CS_DER_INTEGER;
    if (starts(s, at, seq, 2) && s->n > at + 2 && is_time(s->tag[at + 2]))
        return CS_DATA_IS_CRL;
    /* RFC 6960 4.2.1: version, responder by name or key, producedAt, responses */
    if (s->n > version + 2 &&
        (s->tag[version] == CS_DER_CONTEXT_CONS + 1 || s->tag[version] == CS_DER_CONTEXT_CONS + 2) &&
        s->tag[version + 1] == CS_DER_GENERALIZED_TIME && s->tag[version + 2] == CS_DER_SEQUENCE)
        return CS_DATA_IS_OCSP;
    if (s->n == 3 && starts(s, 0, certificate, 3))
        return CS_DATA_IS_CERTIFICATE;
    return CS_DATA_IS_OTHER_DER;
}

static const char *const names[] = {
    [CS_DATA_LIKE_TBS] = "a tbsCertificate that cannot be read",
    [CS_DATA_IS_CRL] = "a tbsCertList (CRL), for which there are no rules",
    [CS_DATA_IS_OCSP] = "an OCSP ResponseData, for which there are no rules",
    [CS_DATA_IS_CSR] = "a certificationRequestInfo (CSR), which is not signed here",
    [CS_DATA_IS_CERTIFICATE] = "a whole Certificate; its tbsCertificate alone is what is signed",
    [CS_DATA_IS_ATTRIBUTES] = "a SET, as CMS and PKCS#7 sign, which is not signed here",
    [CS_DATA_IS_OTHER_DER] = "DER that is no to-be-signed structure known here",
    [CS_DATA_IS_NO_DER] = "no DER",
};

enum cs_data_kind cs_data_kind_of(struct cs_span data)
{
    struct cs_der_input in;
    struct cs_der outer = cs_der_open(&in, data, NULL);
    struct cs_der_tlv v;
    in.where = "";
    if (!cs_der_get(&outer, &v) || !cs_der_end(&outer))
        return CS_DATA_IS_NO_DER;
    if (v.tag == CS_DER_SET)
        return CS_DATA_IS_ATTRIBUTES;
    if (v.tag != CS_DER_SEQUENCE)
        return CS_DATA_IS_OTHER_DER;
    struct cs_der body = cs_der_inside(&in, v.value);
    struct shape s = shape_of(&body);
    return cs_ok(in.result) ? kind_of(&s) : CS_DATA_IS_NO_DER;
}

const char *cs_data_kind_text(enum cs_data_kind kind)
{
    return names[kind];
}
