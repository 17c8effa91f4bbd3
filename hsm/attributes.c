#include "hsm/attributes.h"

struct rule {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    bool wanted;
    bool may_be_absent; /* the standard's default is what is wanted */
    bool in_template;   /* set when generating; the others the token sets itself */
};

static const struct rule rules[] = {
    { CKA_TOKEN, "CKA_TOKEN", true, false, true },
    { CKA_PRIVATE, "CKA_PRIVATE", true, false, true },
    { CKA_SENSITIVE, "CKA_SENSITIVE", true, false, true },
    { CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false, false, true },
    { CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", true, false, false },
    { CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", true, false, false },
    { CKA_LOCAL, "CKA_LOCAL", true, false, false },
    { CKA_SIGN, "CKA_SIGN", true, false, true },
    { CKA_SIGN_RECOVER, "CKA_SIGN_RECOVER", false, false, true },
    { CKA_DECRYPT, "CKA_DECRYPT", false, false, true },
    { CKA_UNWRAP, "CKA_UNWRAP", false, false, true },
    { CKA_DERIVE, "CKA_DERIVE", false, false, true },
    /* A key that asks for the PIN before every signature would need a prompt nobody answers. */
    { CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE", false, true, false },
};
enum { N_RULES = sizeof rules / sizeof *rules };

CS_RESULT cs_attributes_check(const struct cs_module *m, CK_SESSION_HANDLE session,
                              CK_OBJECT_HANDLE private_key, struct cs_why *why)
{
    CS_AUTO_BUF struct cs_buf bad = { .max = 4096 };
    for (size_t i = 0; i < N_RULES; i++) {
        const struct rule *rule = &rules[i];
        CS_AUTO_BUF struct cs_buf value = { .max = 64 };
        cs_result r = cs_module_get(m, session, private_key, rule->type, &value, why);
        bool absent = cs_is(r, CS_NUM_NOT_FOUND);
        if (absent && rule->may_be_absent)
            continue;
        if (!cs_ok(r) && !absent)
            return r;
        if (!absent && value.len == sizeof(CK_BBOOL) && value.at[0] <= CK_TRUE &&
            (value.at[0] == CK_TRUE) == rule->wanted)
            continue;
        cs_buf_printf(&bad, "%s%s is %s, must be %s", bad.len == 0 ? "" : "; ", rule->name,
                      absent                          ? "not reported"
                      : value.len != sizeof(CK_BBOOL) ? "malformed"
                      : value.at[0] == CK_TRUE        ? "true"
                      : value.at[0] == CK_FALSE       ? "false"
                                                      : "malformed",
                      rule->wanted ? "true" : "false");
    }
    CS_TRY(cs_buf_end(&bad));
    if (bad.len == 0)
        return CS_OK;
    cs_why_set(why, CKR_OK, "%.*s", (int)bad.len, (const char *)bad.at);
    return CS_ERR(HSM_KEY);
}

static CK_ATTRIBUTE bytes_of(CK_ATTRIBUTE_TYPE type, uint8_t *room, struct cs_span v)
{
    memcpy(room, v.at, v.len);
    return (CK_ATTRIBUTE){ type, room, v.len };
}

CS_RESULT cs_attributes_generate(const struct cs_module *m, CK_SESSION_HANDLE session,
                                 const struct cs_generate *g, CK_OBJECT_HANDLE *out_private,
                                 CK_OBJECT_HANDLE *out_public, struct cs_why *why)
{
    enum { ROOM = 128 };
    uint8_t label[ROOM], id[ROOM], curve[ROOM], exponent[] = { 1, 0, 1 };
    if (g->label.len == 0 || g->label.len > ROOM || g->id.len == 0 || g->id.len > 32 ||
        (g->type == CKK_EC && (g->curve_der.len == 0 || g->curve_der.len > ROOM))) {
        cs_why_set(why, CKR_OK, "key label (1..128 bytes), id (1..32 bytes) or curve not acceptable");
        return CS_ERR(ARGUMENT);
    }
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG bits = g->rsa_bits;
    CK_ATTRIBUTE name[2] = { bytes_of(CKA_LABEL, label, g->label), bytes_of(CKA_ID, id, g->id) };

    CK_ATTRIBUTE private[N_RULES + 2] = { name[0], name[1] };
    CK_ULONG n_private = 2;
    for (size_t i = 0; i < N_RULES; i++)
        if (rules[i].in_template)
    private[n_private++] = (CK_ATTRIBUTE){ rules[i].type, rules[i].wanted ? &yes : &no, sizeof yes };

    CK_ATTRIBUTE public[10] = { name[0], name[1] };
    CK_ULONG n_public = 2;
    public[n_public++] = (CK_ATTRIBUTE){ CKA_TOKEN, &yes, sizeof yes };
    public[n_public++] = (CK_ATTRIBUTE){ CKA_PRIVATE, &no, sizeof no };
    public[n_public++] = (CK_ATTRIBUTE){ CKA_VERIFY, &yes, sizeof yes };
    public[n_public++] = (CK_ATTRIBUTE){ CKA_ENCRYPT, &no, sizeof no };
    public[n_public++] = (CK_ATTRIBUTE){ CKA_WRAP, &no, sizeof no };
    if (g->type == CKK_EC) {
        public[n_public++] = bytes_of(CKA_EC_PARAMS, curve, g->curve_der);
    } else {
        public[n_public++] = (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof bits };
        public[n_public++] = (CK_ATTRIBUTE){ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent };
    }
    CK_MECHANISM mechanism = { g->type == CKK_EC ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE private_key = 0, public_key = 0;
    CK_RV rv = m->f->C_GenerateKeyPair(session, &mechanism, public, n_public, private, n_private, &public_key,
                                       &private_key);
    if (rv != CKR_OK) {
        cs_why_set(why, rv, "C_GenerateKeyPair");
        return CS_ERR(HSM);
    }
    *out_private = private_key;
    *out_public = public_key;
    return CS_OK;
}
