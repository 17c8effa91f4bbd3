#include "proxy/gate/rules/judge.h"

static enum cs_list_answer debian_weak(const struct cs_lists *l, const struct cs_tbs *tbs)
{
    if (l == NULL)
        return CS_LIST_UNKNOWN;
    switch (tbs->key_kind) {
    case CS_KEY_RSA:
        return cs_lists_weak_rsa(l, tbs->rsa_modulus);
    case CS_KEY_EC_P256:
        return cs_lists_weak_ec(l, tbs->spki, 256);
    case CS_KEY_EC_P384:
        return cs_lists_weak_ec(l, tbs->spki, 384);
    case CS_KEY_EC_P521:
        return cs_lists_weak_ec(l, tbs->spki, 521);
    case CS_KEY_OTHER:
    default:
        return CS_LIST_UNKNOWN;
    }
}

CS_RESULT cs_facts_of_tbs(struct cs_facts *f, const struct cs_tbs *tbs)
{
    struct cs_spki_facts spki;
    struct cs_modulus_flaws flaws = { false, false };
    CS_TRY(cs_spki_inspect(tbs, &spki));
    if (tbs->key_kind == CS_KEY_RSA)
        CS_TRY(cs_modulus_inspect(tbs->rsa_modulus, &flaws));
    f->tbs = tbs;
    f->spki = spki;
    f->modulus_flaws = flaws;
    f->debian_weak = debian_weak(f->lists, tbs);
    f->tbs_sha256 = cs_sha256(tbs->der);
    f->spki_sha256 = cs_sha256(tbs->spki);
    f->pair_sha256 = cs_tbs_pair_sha256(tbs);
    f->kind = tbs->has_poison ? CS_LEAF_PRECERTIFICATE : CS_LEAF_CERTIFICATE;
    return CS_OK;
}
