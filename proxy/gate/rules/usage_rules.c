/* What the key may be used for: keyUsage (T14, BR 7.1.2.7.11) and extKeyUsage (T16, BR 7.1.2.7.10). */
#include "proxy/gate/rules/profile.h"

enum {
    DIGITAL_SIGNATURE = 0x8000,
    NON_REPUDIATION = 0x4000,
    KEY_ENCIPHERMENT = 0x2000,
    DATA_ENCIPHERMENT = 0x1000,
    KEY_AGREEMENT = 0x0800,
    KEY_CERT_SIGN = 0x0400,
    CRL_SIGN = 0x0200,
    ENCIPHER_ONLY = 0x0100,
    DECIPHER_ONLY = 0x0080,
};

static const struct {
    uint16_t bit;
    const char *name;
} bits[] = {
    { DIGITAL_SIGNATURE, "digitalSignature" },
    { NON_REPUDIATION, "nonRepudiation" },
    { KEY_ENCIPHERMENT, "keyEncipherment" },
    { DATA_ENCIPHERMENT, "dataEncipherment" },
    { KEY_AGREEMENT, "keyAgreement" },
    { KEY_CERT_SIGN, "keyCertSign" },
    { CRL_SIGN, "cRLSign" },
    { ENCIPHER_ONLY, "encipherOnly" },
    { DECIPHER_ONLY, "decipherOnly" },
};

static const char *show_bits(struct cs_case *c, unsigned usage)
{
    CS_AUTO_BUF struct cs_buf list = { 0 };
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if ((usage & bits[i].bit) != 0)
            cs_buf_printf(&list, "%s%s", list.len != 0 ? ", " : "", bits[i].name);
    if ((usage & 0x7f) != 0)
        cs_buf_printf(&list, "%sbits behind decipherOnly", list.len != 0 ? ", " : "");
    return cs_show_text(c->arena, list.len != 0 ? cs_buf_span(&list) : cs_span_str("no bit"));
}

/* dataEncipherment of an RSA key and keyAgreement of an EC key are not recommended, and pass. */
bool cs_key_usage_fits_the_key(struct cs_case *c, const struct cs_extension *x)
{
    (void)x; /* the parser read it */
    const struct cs_tbs *t = c->f->tbs;
    bool rsa = t->key_kind == CS_KEY_RSA;
    unsigned allowed =
        rsa ? DIGITAL_SIGNATURE | KEY_ENCIPHERMENT | DATA_ENCIPHERMENT : DIGITAL_SIGNATURE | KEY_AGREEMENT;
    unsigned others = t->key_usage & ~allowed;
    bool ok = true;
    if (others != 0)
        ok = cs_refuse(c, "tbs.keyUsage", show_bits(c, others),
                       rsa ? "of digitalSignature, keyEncipherment, dataEncipherment for an RSA key"
                           : "digitalSignature, with or without keyAgreement, for an EC key");
    if (rsa ? (t->key_usage & allowed) == 0 : (t->key_usage & DIGITAL_SIGNATURE) == 0)
        ok = cs_refuse(c, "tbs.keyUsage", show_bits(c, t->key_usage),
                       rsa ? "at least one of digitalSignature, keyEncipherment, dataEncipherment"
                           : "digitalSignature");
    return ok;
}

/* ---- T16 ---- */

#define ID_KP "\x2b\x06\x01\x05\x05\x07\x03" /* 1.3.6.1.5.5.7.3 */

enum verdict { NEEDED, UNTIL_2027, FORBIDDEN };

static const struct purpose {
    const char *oid;
    uint8_t len;
    const char *name;
    enum verdict verdict;
} purposes[] = {
    { ID_KP "\x01", 8, "serverAuth", NEEDED },
    { ID_KP "\x02", 8, "clientAuth", UNTIL_2027 },
    { ID_KP "\x03", 8, "codeSigning", FORBIDDEN },
    { ID_KP "\x04", 8, "emailProtection", FORBIDDEN },
    { ID_KP "\x08", 8, "timeStamping", FORBIDDEN },
    { ID_KP "\x09", 8, "OCSPSigning", FORBIDDEN },
    { "\x55\x1d\x25\x00", 4, "anyExtendedKeyUsage", FORBIDDEN },
    { "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x04", 10, "precertificate signing", FORBIDDEN },
};

static const struct purpose *purpose_of(struct cs_span oid)
{
    for (size_t i = 0; i < sizeof purposes / sizeof *purposes; i++)
        if (cs_span_eq(oid, cs_span_of(purposes[i].oid, purposes[i].len)))
            return &purposes[i];
    return NULL;
}

/* Chrome Root Program Policy 1.3.2: from 2027-03-15 on nothing but serverAuth. Until then purposes that BR
 * does not recommend pass only where the issuer's pinned profile fixes them. */
static bool purpose_is_allowed(struct cs_case *c, struct cs_span oid)
{
    const char *subject = "tbs.extKeyUsage";
    const struct purpose *p = purpose_of(oid);
    bool server_only = c->f->now_unix_s >= CS_DAY_2027_03_15;
    char dotted[128];
    cs_oid_text(oid, dotted, sizeof dotted);
    const char *found = cs_arena_printf(c->arena, "%s (%s)", p != NULL ? p->name : "a purpose", dotted);
    if (p != NULL && p->verdict == NEEDED)
        return true;
    if (p != NULL && p->verdict == FORBIDDEN)
        return cs_refuse(c, subject, found, "serverAuth without it");
    if (server_only)
        return cs_refuse(c, subject, found, "serverAuth only, since %s",
                         cs_show_time(c->arena, CS_DAY_2027_03_15));
    return p != NULL || cs_pin_mentions_purpose(c, oid) ||
           cs_refuse(c, subject, found,
                     "serverAuth, with or without clientAuth; others only where the issuer's "
                     "pinned profile fixes them");
}

/* T16 */
bool cs_key_purpose_is_tls_server(struct cs_case *c)
{
    const char *subject = "tbs.extKeyUsage";
    const struct cs_extension *x = cs_extension_of(c->f->tbs, CS_EXT_EKU);
    if (x == NULL)
        return cs_refuse(c, subject, "absent", "serverAuth");
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, x->value, NULL), list;
    struct cs_der_tlv oid;
    bool ok = true, server = false;
    if (x->critical)
        ok = cs_refuse(c, subject, "critical", "not critical");
    if (!cs_der_enter(&r, CS_DER_SEQUENCE, "", &list))
        return cs_refuse(c, subject, "malformed", "serverAuth");
    while (cs_der_more(&list) && cs_der_get_tag(&list, CS_DER_OID, "", &oid)) {
        server = server || cs_span_eq(oid.value, cs_span_of(ID_KP "\x01", 8));
        ok = purpose_is_allowed(c, oid.value) && ok;
    }
    if (!cs_ok(in.result))
        ok = cs_refuse(c, subject, "malformed", "a list of key purposes");
    if (!server)
        ok = cs_refuse(c, subject, "no serverAuth", "serverAuth");
    return ok;
}
