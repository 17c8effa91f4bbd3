#include "proxy/gate/der/parts.h"

static bool is_directory_string(uint8_t tag)
{
    return tag == CS_DER_TELETEX_STRING || tag == CS_DER_PRINTABLE_STRING || tag == CS_DER_UNIVERSAL_STRING ||
           tag == CS_DER_UTF8_STRING || tag == CS_DER_BMP_STRING;
}

/* Strings, and the BIT STRING of x500UniqueIdentifier. Others are legal (attribute values are ANY) but
 * relying parties refuse them already when they decode. */
static bool is_attribute_value(uint8_t tag)
{
    return is_directory_string(tag) || tag == CS_DER_NUMERIC_STRING || tag == CS_DER_IA5_STRING ||
           tag == CS_DER_BIT_STRING;
}

bool cs_rdn_read(struct cs_der *rdn, struct cs_attribute *out, uint32_t max, uint32_t *n, uint16_t index)
{
    if (!cs_der_more(rdn))
        return cs_der_fail(rdn->in, CS_ERR(TBS_FORM), rdn->at,
                           "RelativeDistinguishedName without attributes");
    while (cs_der_more(rdn)) {
        const uint8_t *here = rdn->at;
        struct cs_der attribute;
        struct cs_der_tlv oid, value;
        if (!cs_der_enter(rdn, CS_DER_SEQUENCE, "attribute is not a SEQUENCE", &attribute) ||
            !cs_der_get_tag(&attribute, CS_DER_OID, "attribute without its OBJECT IDENTIFIER", &oid) ||
            !cs_der_get(&attribute, &value) || !cs_der_end(&attribute))
            return false;
        if (!is_attribute_value(value.tag))
            return cs_der_fail(rdn->in, CS_ERR(TBS_FORM), value.der.at, "attribute value is no string");
        if (*n == max)
            return cs_der_fail(rdn->in, CS_ERR(LIMIT), here, "more attributes than allowed in a Name");
        if (out != NULL)
            out[*n] = (struct cs_attribute){ oid.value, value.tag, value.value, index };
        ++*n;
    }
    return cs_ok(rdn->in->result);
}

bool cs_name_read(struct cs_der *r, struct cs_attribute *out, uint32_t max, uint32_t *n_out)
{
    struct cs_der name, rdn;
    uint32_t n = 0;
    uint16_t index = 0;
    if (!cs_der_enter(r, CS_DER_SEQUENCE, "Name is not a SEQUENCE", &name))
        return false;
    for (; cs_der_more(&name); index++)
        if (!cs_der_enter(&name, CS_DER_SET, "RelativeDistinguishedName is not a SET", &rdn) ||
            !cs_rdn_read(&rdn, out, max, &n, index))
            return false;
    *n_out = n;
    return cs_ok(r->in->result);
}

CS_RESULT cs_name_parse(struct cs_span name_der, struct cs_attribute *out, uint32_t max, uint32_t *n_out,
                        struct cs_der_fault *fault)
{
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, name_der, fault);
    uint32_t n = 0;
    if (max > UINT16_MAX) /* rows number their RDN in 16 bits */
        max = UINT16_MAX;
    if (cs_der_walk(&in, name_der) && cs_name_read(&r, out, max, &n))
        *n_out = n;
    return in.result;
}

static bool flawless(struct cs_der_input *in, uint8_t universal_tag, const struct cs_der_tlv *v)
{
    const char *flaw = cs_der_flaw(universal_tag, v->value);
    return flaw == NULL || cs_der_fail(in, CS_ERR(DER), v->der.at, flaw);
}

static bool other_name_read(struct cs_der *name)
{
    struct cs_der explicit;
    struct cs_der_tlv v;
    return cs_der_get_tag(name, CS_DER_OID, "otherName without its OBJECT IDENTIFIER", &v) &&
           cs_der_enter(name, CS_DER_CONTEXT_CONS + 0, "otherName without its value", &explicit) &&
           cs_der_get(&explicit, &v) && cs_der_end(&explicit) && cs_der_end(name);
}

static bool directory_string_read(struct cs_der *r, uint8_t tag, const char *what)
{
    struct cs_der explicit;
    struct cs_der_tlv v;
    if (!cs_der_enter(r, tag, what, &explicit) || !cs_der_get(&explicit, &v) || !cs_der_end(&explicit))
        return false;
    return is_directory_string(v.tag) ||
           cs_der_fail(r->in, CS_ERR(TBS_FORM), v.der.at, "ediPartyName part is no DirectoryString");
}

static bool edi_party_name_read(struct cs_der *name)
{
    if (cs_der_next_is(name, CS_DER_CONTEXT_CONS + 0) &&
        !directory_string_read(name, CS_DER_CONTEXT_CONS + 0, "nameAssigner"))
        return false;
    return directory_string_read(name, CS_DER_CONTEXT_CONS + 1, "ediPartyName without partyName") &&
           cs_der_end(name);
}

static bool address_fits(struct cs_der_input *in, const struct cs_der_tlv *v, enum cs_general_name_use use)
{
    size_t unit = use == CS_NAME_IS_NAME ? 4 : 8;
    return v->value.len == unit || v->value.len == 4 * unit ||
           cs_der_fail(in, CS_ERR(TBS_FORM), v->der.at,
                       use == CS_NAME_IS_NAME ? "iPAddress is not 4 or 16 octets"
                                              : "iPAddress of a subtree is not 8 or 32 octets");
}

bool cs_general_name_read(struct cs_der *r, enum cs_general_name_use use, struct cs_san *out)
{
    struct cs_der_tlv v;
    if (!cs_der_get(r, &v))
        return false;
    struct cs_der inside = cs_der_inside(r->in, v.value);
    uint32_t n = 0;
    bool good = false;
    switch (v.tag) {
    case CS_DER_CONTEXT_CONS + 0:
        good = other_name_read(&inside);
        break;
    case CS_DER_CONTEXT + 1: /* rfc822Name, dNSName, URI: IMPLICIT IA5String */
    case CS_DER_CONTEXT + 2:
    case CS_DER_CONTEXT + 6:
        good = flawless(r->in, CS_DER_IA5_STRING, &v);
        break;
    case CS_DER_CONTEXT_CONS + 3: /* x400Address: proven DER, its structure is nobody's concern */
        good = true;
        break;
    case CS_DER_CONTEXT_CONS + 4:
        good = cs_name_read(&inside, NULL, CS_TBS_ATTRIBUTES_MAX, &n) && cs_der_end(&inside);
        break;
    case CS_DER_CONTEXT_CONS + 5:
        good = edi_party_name_read(&inside);
        break;
    case CS_DER_CONTEXT + 7:
        good = address_fits(r->in, &v, use);
        break;
    case CS_DER_CONTEXT + 8:
        good = flawless(r->in, CS_DER_OID, &v);
        break;
    default:
        good = cs_der_fail(r->in, CS_ERR(TBS_FORM), v.der.at, "GeneralName of an unknown form");
    }
    if (good && out != NULL)
        *out = (struct cs_san){ v.tag, v.value };
    return good;
}

bool cs_general_names_read(struct cs_der *names, struct cs_san *out, uint32_t max, uint32_t *n_out)
{
    uint32_t n = 0;
    if (!cs_der_more(names))
        return cs_der_fail(names->in, CS_ERR(TBS_FORM), names->at, "GeneralNames without a name");
    for (; cs_der_more(names); n++) {
        if (n == max)
            return cs_der_fail(names->in, CS_ERR(LIMIT), names->at,
                               "more names than allowed in GeneralNames");
        if (!cs_general_name_read(names, CS_NAME_IS_NAME, out == NULL ? NULL : &out[n]))
            return false;
    }
    *n_out = n;
    return cs_ok(names->in->result);
}

bool cs_algorithm_read(struct cs_der *r, struct cs_span *out_der)
{
    struct cs_der_tlv whole, part;
    if (!cs_der_get_tag(r, CS_DER_SEQUENCE, "AlgorithmIdentifier is not a SEQUENCE", &whole))
        return false;
    struct cs_der inside = cs_der_inside(r->in, whole.value);
    if (!cs_der_get_tag(&inside, CS_DER_OID, "AlgorithmIdentifier without its OBJECT IDENTIFIER", &part))
        return false;
    if (cs_der_more(&inside) && !cs_der_get(&inside, &part))
        return false;
    *out_der = whole.der;
    return cs_der_end(&inside);
}
