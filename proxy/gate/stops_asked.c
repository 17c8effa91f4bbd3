/* What holds and recalls need to know about a request. */
#include "proto/canonical.h"
#include "proxy/gate/grounds.h"
#include "proxy/ipc/messages.h"

CS_RESULT cs_recall_on(const struct cs_grounds *g, const struct cs_evidence *e, struct cs_arena *arena,
                       const struct cs_stop **out)
{
    *out = NULL;
    if (g->recalls->n == 0)
        return CS_OK;
    struct cs_span *names = cs_arena_get(arena, CS_SIGNATURES_MAX * sizeof *names);
    if (names == NULL)
        return CS_ERR(NO_MEMORY);
    struct cs_attested a = { .statement = e->statement, .payload_sha256 = e->payload_sha256 };
    for (uint32_t i = 0; i < e->n_signers && i < CS_SIGNATURES_MAX; i++)
        names[a.attesters.n++] = g->policy->attester[e->signer[i]].name;
    a.attesters.at = names;
    *out = cs_stops_on_evidence(g->recalls, &a);
    return CS_OK;
}

static CS_RESULT issued_digest(const struct cs_grounds *g, struct cs_arena *arena, uint64_t seq,
                               struct cs_sha256 out[2], uint32_t *n)
{
    struct cs_span tbs, signature;
    if (seq == 0)
        return CS_OK;
    cs_result r = cs_ledger_signed_get(g->ledger, seq, arena, &tbs, &signature);
    if (cs_is(r, CS_NUM_NOT_FOUND))
        return CS_OK; /* no signature on record, so no certificate with a digest */
    CS_TRY(r);
    struct cs_tbs *view = cs_arena_get(arena, sizeof *view);
    if (view == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_tbs_parse(tbs, view, NULL));
    CS_AUTO_BUF struct cs_buf certificate = { .max = 2 * CS_TBS_MAX_LEN };
    cs_certificate_put(&certificate, tbs, view->signature, signature);
    CS_TRY(cs_buf_end(&certificate));
    out[(*n)++] = cs_sha256(cs_buf_span(&certificate));
    return CS_OK;
}

CS_RESULT cs_issued_digests(const struct cs_grounds *g, struct cs_arena *arena, const struct cs_use *use,
                            struct cs_sha256 out[2], uint32_t *out_n)
{
    *out_n = 0;
    if (g->holds->n_in_force == 0 || !cs_stops_name_certificates(g->holds))
        return CS_OK;
    CS_TRY(issued_digest(g, arena, use->precertificate_seq, out, out_n));
    return issued_digest(g, arena, use->certificate_seq, out, out_n);
}
