#include "proxy/gate/rules/judge.h"

CS_RESULT cs_facts_of_tbs(struct cs_facts *f, const struct cs_tbs *tbs)
{
    struct cs_spki_facts spki;
    CS_TRY(cs_spki_inspect(tbs, &spki));
    f->tbs = tbs;
    f->spki = spki;
    f->tbs_sha256 = cs_sha256(tbs->der);
    f->spki_sha256 = cs_sha256(tbs->spki);
    f->pair_sha256 = cs_tbs_pair_sha256(tbs);
    f->kind = tbs->has_poison ? CS_LEAF_PRECERTIFICATE : CS_LEAF_CERTIFICATE;
    return CS_OK;
}
