/*
 * Trust border: an envelope from a client. First octet even: the rest is an envelope. Odd: the rest
 * is a payload that an attester signed, so that what lies behind the signature is reached too. What is
 * admitted must be canonical, in form, and signed by whom the header names.
 */
#include "tests/fuzz/replay.h"
#include "tests/unit/evidence/house.h"

#include <stdlib.h>

static struct house *house(void)
{
    static struct house h;
    if (h.policy == NULL)
        house_open(&h);
    return &h;
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void must_hold(struct house *h, const struct cs_evidence *e, struct cs_span envelope)
{
    const char *why;
    struct cs_span again = { 0 };
    must(cs_span_eq(e->envelope, envelope));
    must(cs_statement_check(e->statement, &why));
    must(e->n_signers > 0 && e->n_signers <= CS_SIGNATURES_MAX);
    must(cs_ok(cs_proto_pack(&e->statement->base, &h->arena, &again)));
    struct cs_sha256 d = cs_sha256(again);
    must(cs_span_eq(cs_sha256_span(&d), cs_sha256_span(&e->payload_sha256)));
    must(cs_span_eq(cs_proto_span(e->statement->header->attester), h->policy->attester[e->signer[0]].name));
    for (uint32_t i = 0; i < e->n_signers; i++)
        must((h->policy->attester[e->signer[i]].roles >> cs_statement_role(e->statement) & 1) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct house *h = house();
    if (len == 0)
        return 0;
    CS_AUTO_BUF struct cs_buf signed_here = { 0 };
    struct cs_span envelope = cs_span_of(at + 1, len - 1);
    if (at[0] % 2 == 1) {
        EVP_PKEY *key = h->policy->attester[at[0] / 2 % 2 == 0 ? VALIDATOR : EVERYTHING].key;
        if (!cs_ok(cs_dsse_sign(key, envelope, &signed_here)))
            return 0;
        envelope = cs_buf_span(&signed_here);
    }
    struct cs_evidence_context ctx = { .policy = h->policy, .now_unix_s = HOUSE_NOW };
    struct cs_verdict v = { .arena = &h->arena };
    struct cs_evidence e;
    bool admitted = false;
    cs_arena_reset(&h->arena);
    h->arena.max = 1024 * 1024;
    cs_result r = cs_evidence_admit(&ctx, envelope, "fuzz", &h->arena, &v, &admitted, &e);
    h->arena.max = 0;
    must(cs_ok(r) || cs_is(r, CS_NUM_NO_MEMORY));
    must(!cs_ok(r) || admitted == cs_verdict_admits(&v));
    if (admitted)
        must_hold(h, &e, envelope);
    return 0;
}

bool fuzz_seed(unsigned n, struct cs_span *out)
{
    static struct cs_buf seed;
    struct house *h = house();
    cs_buf_reset(&seed);
    cs_arena_reset(&h->arena);
    if (n >= 10) {
        cs_buf_done(&seed);
        return false;
    }
    int kind = house_kinds[n % 9];
    struct cs_span payload = house_pack(h, house_statement(&h->arena, kind));
    uint32_t by = house_signer(kind);
    if (n == 9)
        payload = house_sign(h, payload, 1, (uint32_t[]){ by });
    cs_buf_put_u8(&seed, n == 9 ? 0 : by == VALIDATOR ? 1 : 3);
    cs_buf_put(&seed, payload.at, payload.len);
    *out = cs_buf_span(&seed);
    return true;
}
