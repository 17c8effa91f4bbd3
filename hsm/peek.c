#include "hsm/peek.h"

enum {
    TAG_BOOLEAN = 0x01,
    TAG_INTEGER = 0x02,
    TAG_BIT_STRING = 0x03,
    TAG_OCTET_STRING = 0x04,
    TAG_OID = 0x06,
    TAG_UTC_TIME = 0x17,
    TAG_GENERALIZED_TIME = 0x18,
    TAG_SEQUENCE = 0x30,
    TAG_VERSION = 0xa0,
    TAG_EXTENSIONS = 0xa3,
};
enum { EXTENSIONS_MAX = 64, DEPTH_MAX = 24, SERIAL_MAX_LEN = 20, TIME_LEN = 14 };

struct tlv {
    uint8_t tag;
    struct cs_span value;
    struct cs_span whole;
};

/* take reads one TLV: one-byte tag, definite length in its shortest form. */
static bool take(struct cs_reader *r, struct tlv *out)
{
    const uint8_t *start = r->at;
    uint8_t tag = cs_get_u8(r);
    size_t len = cs_get_u8(r);
    if ((tag & 0x1f) == 0x1f || len == 0x80)
        r->failed = true;
    if (len > 0x80) {
        size_t n = len & 0x7f;
        if (n > 3)
            r->failed = true;
        len = 0;
        for (size_t i = 0; i < n && !r->failed; i++) {
            len = len << 8 | cs_get_u8(r);
            if (len == 0)
                r->failed = true;
        }
        if (len < 0x80)
            r->failed = true;
    }
    struct cs_span value = cs_get_raw(r, len);
    if (r->failed)
        return false;
    *out = (struct tlv){ tag, value, cs_span_of(start, (size_t)(r->at - start)) };
    return true;
}

static bool take_tag(struct cs_reader *r, uint8_t tag, struct tlv *out)
{
    return take(r, out) && out->tag == tag;
}

/* nest_is_der holds when every constructed value, at every depth, is filled by whole TLVs. */
static bool nest_is_der(struct cs_span in, unsigned depth)
{
    struct cs_reader r = cs_reader_init(in);
    struct tlv t;
    while (r.left != 0)
        if (!take(&r, &t) || ((t.tag & 0x20) && (depth == 0 || !nest_is_der(t.value, depth - 1))))
            return false;
    return true;
}

static bool serial_is_sound(struct cs_span v)
{
    if (v.len == 0 || v.len > SERIAL_MAX_LEN || (v.at[0] & 0x80))
        return false;
    return v.at[0] != 0 || (v.len > 1 && (v.at[1] & 0x80));
}

static unsigned digits(const char *at, size_t n)
{
    unsigned v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (unsigned)(at[i] - '0');
    return v;
}

/* time_get writes YYYYMMDDHHMMSS; RFC 5280 4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050. */
static bool time_get(const struct tlv *t, char out[TIME_LEN])
{
    bool utc = t->tag == TAG_UTC_TIME;
    size_t len = utc ? TIME_LEN - 2 : TIME_LEN;
    if ((!utc && t->tag != TAG_GENERALIZED_TIME) || t->value.len != len + 1 || t->value.at[len] != 'Z')
        return false;
    for (size_t i = 0; i < len; i++)
        if (t->value.at[i] < '0' || t->value.at[i] > '9')
            return false;
    if (utc)
        memcpy(out, t->value.at[0] >= '5' ? "19" : "20", 2);
    memcpy(out + (utc ? 2 : 0), t->value.at, len);
    static const uint8_t month_len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    unsigned year = digits(out, 4), month = digits(out + 4, 2), day = digits(out + 6, 2);
    if (month < 1 || month > 12 || (!utc && year < 2050))
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    unsigned last = month_len[month - 1] + (month == 2 && leap ? 1u : 0u);
    return day >= 1 && day <= last && digits(out + 8, 2) <= 23 && digits(out + 10, 2) <= 59 &&
           digits(out + 12, 2) <= 59;
}

static bool validity_in_order(struct cs_span in)
{
    struct cs_reader r = cs_reader_init(in);
    struct tlv from, to;
    char from_text[TIME_LEN], to_text[TIME_LEN];
    return take(&r, &from) && take(&r, &to) && r.left == 0 && time_get(&from, from_text) &&
           time_get(&to, to_text) && memcmp(from_text, to_text, TIME_LEN) <= 0;
}

/* SubjectPublicKeyInfo ::= SEQUENCE { SEQUENCE { OID, ... }, BIT STRING of whole octets } */
static bool spki_has_form(struct cs_span in)
{
    struct cs_reader r = cs_reader_init(in);
    struct tlv algorithm, key, oid;
    if (!take_tag(&r, TAG_SEQUENCE, &algorithm) || !take_tag(&r, TAG_BIT_STRING, &key) || r.left != 0)
        return false;
    struct cs_reader a = cs_reader_init(algorithm.value);
    return take_tag(&a, TAG_OID, &oid) && key.value.len > 1 && key.value.at[0] == 0;
}

static bool oid_is_der(struct cs_span v)
{
    bool first = true; /* octet of a subidentifier: 0x80 there is padding (X.690 8.19.2) */
    for (size_t i = 0; i < v.len; i++) {
        if (first && v.at[i] == 0x80)
            return false;
        first = !(v.at[i] & 0x80);
    }
    return v.len != 0 && first;
}

/* KeyUsage: a named bit list without trailing zero bits (X.690 11.2.2), neither keyCertSign (5) nor
 * cRLSign (6). */
static bool key_usage_is_leaf(struct cs_span v)
{
    struct cs_reader r = cs_reader_init(v);
    struct tlv t;
    if (!take_tag(&r, TAG_BIT_STRING, &t) || r.left != 0 || t.value.len < 2 || t.value.len > 3)
        return false;
    uint8_t unused = t.value.at[0], last = t.value.at[t.value.len - 1];
    if (unused > 7 || (last & ((1u << unused) - 1)) != 0 || !(last & (1u << unused)))
        return false;
    return !(t.value.at[1] & 0x06);
}

static cs_result refuse(struct cs_note *why, const char *text)
{
    cs_note_set(why, "to-be-signed certificate: %s", text);
    return CS_ERR(TBS_FORM);
}

struct extensions {
    struct cs_span oid[EXTENSIONS_MAX];
    size_t n;
    bool poison, sct_list;
};

static cs_result extension_take(struct cs_span in, struct extensions *seen, struct cs_note *why)
{
    static const uint8_t basic_constraints[] = { 0x55, 0x1d, 0x13 };
    static const uint8_t key_usage[] = { 0x55, 0x1d, 0x0f };
    static const uint8_t poison[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x03 };
    static const uint8_t sct_list[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02 };
    struct cs_reader r = cs_reader_init(in);
    struct tlv oid, t;
    if (!take_tag(&r, TAG_OID, &oid) || !oid_is_der(oid.value) || !take(&r, &t))
        return refuse(why, "an extension is malformed");
    bool critical = t.tag == TAG_BOOLEAN;
    if (critical && (t.value.len != 1 || t.value.at[0] != 0xff || !take(&r, &t)))
        return refuse(why, "an extension's critical flag is not DER TRUE");
    if (t.tag != TAG_OCTET_STRING || r.left != 0)
        return refuse(why, "an extension is malformed");
    for (size_t i = 0; i < seen->n; i++)
        if (cs_span_eq(seen->oid[i], oid.value))
            return refuse(why, "an extension is there twice");
    if (seen->n == EXTENSIONS_MAX)
        return refuse(why, "more than 64 extensions");
    seen->oid[seen->n++] = oid.value;

    if (cs_span_eq(oid.value, cs_span_of(basic_constraints, sizeof basic_constraints)) &&
        !cs_span_eq(t.value, cs_span_of("\x30\x00", 2)))
        return refuse(why, "basicConstraints is not exactly cA FALSE (3000)");
    if (cs_span_eq(oid.value, cs_span_of(key_usage, sizeof key_usage)) && !key_usage_is_leaf(t.value))
        return refuse(why, "keyUsage is malformed or has keyCertSign or cRLSign");
    if (cs_span_eq(oid.value, cs_span_of(poison, sizeof poison))) {
        if (!critical || !cs_span_eq(t.value, cs_span_of("\x05\x00", 2)))
            return refuse(why, "the precertificate poison is not critical with value 0500");
        seen->poison = true;
    }
    if (cs_span_eq(oid.value, cs_span_of(sct_list, sizeof sct_list)))
        seen->sct_list = true;
    return CS_OK;
}

static cs_result extensions_take(struct cs_span in, enum cs_sign_kind kind, struct cs_note *why)
{
    struct cs_reader outer = cs_reader_init(in);
    struct tlv list, one;
    if (!take_tag(&outer, TAG_SEQUENCE, &list) || outer.left != 0 || list.value.len == 0)
        return refuse(why, "the extensions are not one non-empty SEQUENCE");
    struct extensions seen = { .n = 0 };
    struct cs_reader r = cs_reader_init(list.value);
    while (r.left != 0) {
        if (!take_tag(&r, TAG_SEQUENCE, &one))
            return refuse(why, "an extension is malformed");
        CS_TRY(extension_take(one.value, &seen, why));
    }
    if (kind == CS_SIGN_PRECERTIFICATE && !seen.poison)
        return refuse(why, "asked for as precertificate, but the poison extension is missing");
    if (kind != CS_SIGN_PRECERTIFICATE && seen.poison)
        return refuse(why, "asked for as certificate, but the poison extension is there");
    if (seen.poison && seen.sct_list)
        return refuse(why, "poison and SCT list together");
    return CS_OK;
}

CS_RESULT cs_peek(struct cs_span tbs, const struct cs_peek_want *want, struct cs_note *why)
{
    struct cs_reader outer = cs_reader_init(tbs);
    struct tlv all, t;
    if (!take_tag(&outer, TAG_SEQUENCE, &all) || outer.left != 0)
        return refuse(why, "not exactly one SEQUENCE");
    if (!nest_is_der(all.value, DEPTH_MAX))
        return refuse(why, "a nested value is not strict DER");
    struct cs_reader r = cs_reader_init(all.value);
    if (!take_tag(&r, TAG_VERSION, &t) || !cs_span_eq(t.value, cs_span_of("\x02\x01\x02", 3)))
        return refuse(why, "version is not v3");
    if (!take_tag(&r, TAG_INTEGER, &t) || !serial_is_sound(t.value))
        return refuse(why, "serial is not a positive INTEGER of at most 20 octets");
    if (!take_tag(&r, TAG_SEQUENCE, &t) || !cs_span_eq(t.whole, want->algorithm))
        return refuse(why, "signature algorithm differs from the one asked for");
    if (!take_tag(&r, TAG_SEQUENCE, &t) || !cs_span_eq(t.whole, want->issuer_name))
        return refuse(why, "issuer differs from the subject of the issuer certificate");
    if (!take_tag(&r, TAG_SEQUENCE, &t) || !validity_in_order(t.value))
        return refuse(why, "validity is not two RFC 5280 times in order");
    if (!take_tag(&r, TAG_SEQUENCE, &t))
        return refuse(why, "subject is not a SEQUENCE");
    if (!take_tag(&r, TAG_SEQUENCE, &t) || !spki_has_form(t.value))
        return refuse(why, "subjectPublicKeyInfo is malformed");
    if (cs_span_eq(t.whole, want->issuer_spki))
        return refuse(why, "the subject's key is the issuer's own key");
    if (!take_tag(&r, TAG_EXTENSIONS, &t))
        return refuse(why, "extensions do not follow the public key (unique ids are not accepted)");
    if (r.left != 0)
        return refuse(why, "bytes are left over after the extensions");
    return extensions_take(t.value, want->kind, why);
}
