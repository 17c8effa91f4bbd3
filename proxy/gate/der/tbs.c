#include "proxy/gate/der/parts.h"

/* BR 7.1.3.1, whole AlgorithmIdentifiers. */
static const uint8_t rsa_encryption[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
static const uint8_t ec_p256[] = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                   0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t ec_p384[] = { 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                   0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t ec_p521[] = { 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                   0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 };

static enum cs_key_kind key_kind_of(struct cs_span algorithm)
{
    static const struct {
        const uint8_t *der;
        size_t len;
        enum cs_key_kind kind;
    } rows[] = {
        { rsa_encryption, sizeof rsa_encryption, CS_KEY_RSA },
        { ec_p256, sizeof ec_p256, CS_KEY_EC_P256 },
        { ec_p384, sizeof ec_p384, CS_KEY_EC_P384 },
        { ec_p521, sizeof ec_p521, CS_KEY_EC_P521 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cs_span_eq(algorithm, cs_span_of(rows[i].der, rows[i].len)))
            return rows[i].kind;
    return CS_KEY_OTHER;
}

/* RFC 5280 4.1.2.1. */
static bool version_read(struct cs_der *body, struct cs_tbs *t)
{
    struct cs_der explicit;
    struct cs_der_tlv v;
    body->in->where = "version";
    if (!cs_der_next_is(body, CS_DER_CONTEXT_CONS + 0))
        return true;
    if (!cs_der_enter(body, CS_DER_CONTEXT_CONS + 0, "version", &explicit) ||
        !cs_der_get_tag(&explicit, CS_DER_INTEGER, "version is not an INTEGER", &v) || !cs_der_end(&explicit))
        return false;
    if (v.value.len != 1 || v.value.at[0] >= 0x80)
        return cs_der_fail(body->in, CS_ERR(TBS_FORM), v.der.at, "version is negative or above 127");
    if (v.value.at[0] == 0)
        return cs_der_fail(body->in, CS_ERR(DER), v.der.at,
                           "version v1 is encoded, the DEFAULT must be absent");
    t->version = v.value.at[0];
    return true;
}

static bool time_read(struct cs_der *r, const char *where, int64_t *out_unix_s, bool *out_utc)
{
    struct cs_der_tlv v;
    r->in->where = where;
    if (!cs_der_more(r))
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), r->at, "Validity without two times");
    if (!cs_der_get(r, &v))
        return false;
    const char *flaw = cs_der_time_rfc5280(v.tag, v.value, out_unix_s);
    if (flaw != NULL)
        return cs_der_fail(r->in, CS_ERR(DER), v.der.at, flaw);
    *out_utc = v.tag == CS_DER_UTC_TIME;
    return true;
}

static bool validity_read(struct cs_der *body, struct cs_tbs *t)
{
    struct cs_der times;
    body->in->where = "validity";
    return cs_der_enter(body, CS_DER_SEQUENCE, "Validity is not a SEQUENCE", &times) &&
           time_read(&times, "validity.notBefore", &t->not_before_unix_s, &t->not_before_utc) &&
           time_read(&times, "validity.notAfter", &t->not_after_unix_s, &t->not_after_utc) &&
           cs_der_end(&times);
}

static bool rsa_number_read(struct cs_der *r, const char *what, struct cs_span *out)
{
    struct cs_der_tlv v;
    if (!cs_der_get_tag(r, CS_DER_INTEGER, what, &v))
        return false;
    if (v.value.at[0] >= 0x80 || (v.value.len == 1 && v.value.at[0] == 0))
        return cs_der_fail(r->in, CS_ERR(TBS_FORM), v.der.at, "number of an RSA key is not positive");
    size_t sign = v.value.at[0] == 0 ? 1 : 0;
    *out = cs_span_of(v.value.at + sign, v.value.len - sign);
    return true;
}

/* RFC 8017 A.1.1. */
static bool rsa_key_read(struct cs_der_input *in, struct cs_tbs *t)
{
    if (!cs_der_walk(in, t->spki_key))
        return false;
    struct cs_der whole = cs_der_inside(in, t->spki_key), numbers;
    return cs_der_enter(&whole, CS_DER_SEQUENCE, "RSAPublicKey is not a SEQUENCE", &numbers) &&
           rsa_number_read(&numbers, "RSA modulus is not an INTEGER", &t->rsa_modulus) &&
           rsa_number_read(&numbers, "RSA exponent is not an INTEGER", &t->rsa_exponent) &&
           cs_der_end(&numbers);
}

static bool spki_read(struct cs_der *body, struct cs_tbs *t)
{
    struct cs_der_tlv whole, key;
    body->in->where = "subjectPublicKeyInfo";
    if (!cs_der_get_tag(body, CS_DER_SEQUENCE, "SubjectPublicKeyInfo is not a SEQUENCE", &whole))
        return false;
    struct cs_der inside = cs_der_inside(body->in, whole.value);
    if (!cs_algorithm_read(&inside, &t->spki_algorithm) ||
        !cs_der_get_tag(&inside, CS_DER_BIT_STRING, "subjectPublicKey is not a BIT STRING", &key) ||
        !cs_der_end(&inside))
        return false;
    if (key.value.at[0] != 0)
        return cs_der_fail(body->in, CS_ERR(TBS_FORM), key.der.at, "subjectPublicKey with unused bits");
    t->spki = whole.der;
    t->spki_key = cs_span_of(key.value.at + 1, key.value.len - 1);
    t->key_kind = key_kind_of(t->spki_algorithm);
    return t->key_kind != CS_KEY_RSA || rsa_key_read(body->in, t);
}

/* RFC 5280 4.1.2.8: IMPLICIT BIT STRING, in v2 and v3. */
static bool unique_id_read(struct cs_der *body, uint8_t tag, const struct cs_tbs *t, bool *out_has)
{
    struct cs_der_tlv v;
    if (!cs_der_next_is(body, tag))
        return cs_ok(body->in->result);
    if (!cs_der_get(body, &v))
        return false;
    const char *flaw = cs_der_flaw(CS_DER_BIT_STRING, v.value);
    if (flaw != NULL)
        return cs_der_fail(body->in, CS_ERR(DER), v.der.at, flaw);
    if (t->version != 1 && t->version != 2)
        return cs_der_fail(body->in, CS_ERR(TBS_FORM), v.der.at, "unique identifier outside v2 and v3");
    *out_has = true;
    return true;
}

static bool extension_read(struct cs_der *list, struct cs_tbs *t)
{
    struct cs_der_tlv whole, oid, critical, value;
    list->in->where = "extensions";
    if (!cs_der_get_tag(list, CS_DER_SEQUENCE, "Extension is not a SEQUENCE", &whole))
        return false;
    struct cs_der inside = cs_der_inside(list->in, whole.value);
    if (!cs_der_get_tag(&inside, CS_DER_OID, "Extension without its OBJECT IDENTIFIER", &oid))
        return false;
    bool is_critical = cs_der_next_is(&inside, CS_DER_BOOLEAN);
    if (is_critical && cs_der_get(&inside, &critical) && critical.value.at[0] == 0)
        return cs_der_fail(list->in, CS_ERR(DER), critical.der.at,
                           "critical FALSE is encoded, the DEFAULT must be absent");
    if (!cs_der_get_tag(&inside, CS_DER_OCTET_STRING, "extnValue is not an OCTET STRING", &value) ||
        !cs_der_end(&inside))
        return false;
    if (cs_tbs_find(t, oid.value) != NULL)
        return cs_der_fail(list->in, CS_ERR(TBS_FORM), whole.der.at, "extension that occurred before");
    if (t->n_extensions == CS_TBS_EXTENSIONS_MAX)
        return cs_der_fail(list->in, CS_ERR(LIMIT), whole.der.at, "more extensions than allowed");
    struct cs_extension *e = &t->extension[t->n_extensions++];
    *e = (struct cs_extension){ oid.value, is_critical, value.value, whole.der };
    return cs_extension_value_read(list->in, e, t);
}

static bool extensions_read(struct cs_der *body, struct cs_tbs *t)
{
    struct cs_der explicit, list;
    body->in->where = "extensions";
    if (!cs_der_next_is(body, CS_DER_CONTEXT_CONS + 3))
        return cs_ok(body->in->result);
    if (t->version != 2)
        return cs_der_fail(body->in, CS_ERR(TBS_FORM), body->at, "extensions outside v3");
    if (!cs_der_enter(body, CS_DER_CONTEXT_CONS + 3, "extensions", &explicit) ||
        !cs_der_enter(&explicit, CS_DER_SEQUENCE, "Extensions is not a SEQUENCE", &list) ||
        !cs_der_end(&explicit))
        return false;
    if (!cs_der_more(&list))
        return cs_der_fail(body->in, CS_ERR(TBS_FORM), list.at, "Extensions without an extension");
    while (cs_der_more(&list))
        if (!extension_read(&list, t))
            return false;
    return cs_ok(body->in->result);
}

static bool name_read(struct cs_der *body, const char *where, struct cs_attribute *out, uint32_t *n_out,
                      struct cs_span *out_der)
{
    body->in->where = where;
    const uint8_t *start = body->at;
    if (!cs_name_read(body, out, CS_TBS_ATTRIBUTES_MAX, n_out))
        return false;
    *out_der = cs_span_of(start, (size_t)(body->at - start));
    return true;
}

static bool tbs_read(struct cs_der *body, struct cs_tbs *t)
{
    struct cs_der_tlv serial;
    uint32_t n;
    if (!version_read(body, t))
        return false;
    body->in->where = "serialNumber";
    if (!cs_der_get_tag(body, CS_DER_INTEGER, "serialNumber is not an INTEGER", &serial))
        return false;
    t->serial = serial.value;
    body->in->where = "signature";
    if (!cs_algorithm_read(body, &t->signature) || !name_read(body, "issuer", NULL, &n, &t->issuer) ||
        !validity_read(body, t) || !name_read(body, "subject", t->attribute, &t->n_attributes, &t->subject) ||
        !spki_read(body, t))
        return false;
    body->in->where = "issuerUniqueID";
    if (!unique_id_read(body, CS_DER_CONTEXT + 1, t, &t->has_issuer_uid))
        return false;
    body->in->where = "subjectUniqueID";
    if (!unique_id_read(body, CS_DER_CONTEXT + 2, t, &t->has_subject_uid) || !extensions_read(body, t))
        return false;
    body->in->where = "";
    return cs_der_end(body);
}

/* Everything but the rows of the tables, which are written before they are counted. */
static void tbs_clear(struct cs_tbs *t)
{
    memset(t, 0, offsetof(struct cs_tbs, attribute));
    memset(&t->spki, 0, offsetof(struct cs_tbs, extension) - offsetof(struct cs_tbs, spki));
    memset(&t->has_san, 0, offsetof(struct cs_tbs, name) - offsetof(struct cs_tbs, has_san));
    memset(&t->has_aki, 0, sizeof *t - offsetof(struct cs_tbs, has_aki));
}

CS_RESULT cs_tbs_parse(struct cs_span der, struct cs_tbs *out, struct cs_der_fault *fault)
{
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, der, fault), body;
    tbs_clear(out);
    out->der = der;
    if (der.len > CS_TBS_DER_MAX_LEN)
        (void)cs_der_fail(&in, CS_ERR(LIMIT), der.at, "TBSCertificate of more than 40000 octets");
    if (cs_der_walk(&in, der) && cs_der_enter(&r, CS_DER_SEQUENCE, "TBSCertificate is not a SEQUENCE", &body))
        (void)tbs_read(&body, out);
    return in.result;
}

const struct cs_extension *cs_tbs_find(const struct cs_tbs *t, struct cs_span oid)
{
    for (uint32_t i = 0; i < t->n_extensions; i++)
        if (cs_span_eq(t->extension[i].oid, oid))
            return &t->extension[i];
    return NULL;
}
