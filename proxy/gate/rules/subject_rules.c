/* Names of subject attributes, and T13: commonName. The other attributes are judged in subject_profile.c. */
#include "proxy/gate/rules/rows.h"

/* Content octets of OIDs with their usual short names. */
static const struct {
    const char *oid;
    uint8_t len;
    const char *name;
} attribute_names[] = {
    { "\x55\x04\x06", 3, "C" },
    { "\x55\x04\x08", 3, "ST" },
    { "\x55\x04\x07", 3, "L" },
    { "\x55\x04\x11", 3, "postalCode" },
    { "\x55\x04\x09", 3, "street" },
    { "\x55\x04\x0a", 3, "O" },
    { "\x55\x04\x0b", 3, "OU" },
    { "\x55\x04\x03", 3, "CN" },
    { "\x55\x04\x04", 3, "SN" },
    { "\x55\x04\x2a", 3, "GN" },
    { "\x55\x04\x05", 3, "serialNumber" },
    { "\x55\x04\x0f", 3, "businessCategory" },
    { "\x55\x04\x61", 3, "organizationIdentifier" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 11, "jurisdictionC" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", 11, "jurisdictionST" },
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", 11, "jurisdictionL" },
    { "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, "DC" },
};

const char *cs_attribute_name(struct cs_arena *a, struct cs_span oid)
{
    for (size_t i = 0; i < sizeof attribute_names / sizeof *attribute_names; i++)
        if (cs_span_eq(oid, cs_span_of(attribute_names[i].oid, attribute_names[i].len)))
            return attribute_names[i].name;
    char dotted[128];
    cs_oid_text(oid, dotted, sizeof dotted);
    return cs_arena_printf(a, "%s", dotted);
}

const char *cs_show_attribute(struct cs_arena *a, struct cs_span oid)
{
    return cs_arena_printf(a, "subject:%s", cs_attribute_name(a, oid));
}

bool cs_attribute_is(const struct cs_attribute *a, const char *oid, size_t oid_len)
{
    return cs_span_eq(a->oid, cs_span_of(oid, oid_len));
}

static bool copies(struct cs_arena *arena, struct cs_span common_name, const struct cs_san *s)
{
    if (s->tag == CS_SAN_DNS)
        return cs_span_eq(common_name, s->value);
    if (s->tag != CS_SAN_IP || (s->value.len != 4 && s->value.len != 16))
        return false;
    const char *text = cs_show_ip(arena, s->value);
    return strncmp(text, "ip:", 3) == 0 && cs_span_is(common_name, text + 3);
}

/* T13 */
bool cs_common_name_copies_a_name(struct cs_case *c)
{
    const struct cs_tbs *t = c->f->tbs;
    const struct cs_attribute *cn = NULL;
    for (uint32_t i = 0; i < t->n_attributes; i++) {
        if (!cs_attribute_is(&t->attribute[i], CS_OID_CN, 3))
            continue;
        if (cn != NULL)
            return cs_refuse(c, "subject:CN", "more than one commonName", "none, or one");
        cn = &t->attribute[i];
    }
    if (cn == NULL)
        return true;
    bool found = false;
    for (uint32_t i = 0; i < t->n_names && !found; i++)
        found = copies(c->arena, cn->value, &t->name[i]);
    return found || cs_refuse(c, "subject:CN", cs_show_text(c->arena, cn->value),
                              "the exact text of one SAN entry (addresses as RFC 5952 or dotted decimal)");
}
