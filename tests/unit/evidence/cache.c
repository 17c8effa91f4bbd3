/* The memory of verified signatures: bounded, oldest out, and never a reason to skip another check. */
#include "tests/unit/evidence/house.h"

static struct cs_sha256 digest_of(uint32_t n)
{
    return cs_sha256(cs_span_of(&n, sizeof n));
}

static void oldest_goes_first(void **state)
{
    struct house *h = *state;
    for (uint32_t max = 1; max <= 9; max++) {
        struct cs_evidence_cache *c = NULL;
        assert_true(cs_ok(cs_evidence_cache_new(max, &c)));
        for (uint32_t i = 0; i < 100; i++) {
            struct cs_sha256 d = digest_of(i);
            struct cs_signers in = { 1, { i } }, out;
            assert_false(cs_evidence_cache_find(c, h->policy, &d, &out));
            cs_evidence_cache_keep(c, h->policy, &d, &in);
            cs_evidence_cache_keep(c, h->policy, &d, &in); /* twice is once */
            for (uint32_t k = 0; k <= i; k++) {
                struct cs_sha256 old = digest_of(k);
                bool found = cs_evidence_cache_find(c, h->policy, &old, &out);
                assert_true(found == (i - k < max));
                assert_true(!found || (out.n == 1 && out.index[0] == k));
            }
        }
        cs_evidence_cache_free(c);
    }
    cs_evidence_cache_free(NULL);
    struct cs_evidence_cache *none = NULL;
    assert_false(cs_ok(cs_evidence_cache_new(0, &none)));
    assert_null(none);
}

/* Digests that share a bucket, or all but one bit, are different envelopes. */
static void whole_digest_counts(void **state)
{
    struct house *h = *state;
    struct cs_evidence_cache *c = NULL;
    assert_true(cs_ok(cs_evidence_cache_new(64, &c)));
    struct cs_sha256 d = digest_of(1);
    struct cs_signers in = { 1, { 5 } }, out;
    cs_evidence_cache_keep(c, h->policy, &d, &in);
    for (unsigned bit = 0; bit < 256; bit++) {
        struct cs_sha256 other = d;
        other.byte[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(cs_evidence_cache_find(c, h->policy, &other, &out));
    }
    assert_true(cs_evidence_cache_find(c, h->policy, &d, &out));
    cs_evidence_cache_free(c);
}

static void belongs_to_one_policy(void **state)
{
    struct house *h = *state;
    struct cs_evidence_cache *c = NULL;
    assert_true(cs_ok(cs_evidence_cache_new(4, &c)));
    struct cs_sha256 d = digest_of(1);
    struct cs_signers in = { 1, { 5 } }, out;
    cs_evidence_cache_keep(c, h->policy, &d, &in);
    assert_true(cs_evidence_cache_find(c, h->policy, &d, &out));
    h->policy->digest.byte[0] ^= 1;
    assert_false(cs_evidence_cache_find(c, h->policy, &d, &out));
    h->policy->digest.byte[0] ^= 1;
    assert_false(cs_evidence_cache_find(c, h->policy, &d, &out));
    cs_evidence_cache_free(c);
}

static void hit_skips_nothing_but_the_signature(void **state)
{
    struct house *h = *state;
    struct cs_evidence_cache *c = NULL;
    assert_true(cs_ok(cs_evidence_cache_new(16, &c)));
    S *s = house_statement(&h->arena, BODY(ORGANIZATION_IDENTITY));
    struct cs_span e = house_sign(h, house_pack(h, s), 2, (uint32_t[]){ VETTER_EC, VETTER });
    struct cs_attester *vetter = &h->policy->attester[VETTER], saved = *vetter;
    for (int round = 0; round < 3; round++) {
        struct cs_verdict v = { 0 };
        struct cs_evidence out;
        /* from the second round on, the key is not even asked */
        if (round > 0)
            vetter->algorithm = CS_ATTESTER_NONE;
        assert_true(house_admit(h, e, HOUSE_NOW, c, &v, &out));
        assert_true(out.n_signers == 2 && out.signer[0] == VETTER && out.signer[1] == VETTER_EC);
    }
    struct cs_evidence out;
    struct cs_verdict late = { 0 }, early = { 0 }, role = { 0 }, dates = { 0 }, place = { 0 };
    assert_false(house_admit(h, e, s->header->expires_at_unix_s, c, &late, &out));
    assert_true(cs_verdict_has(&late, CS_RULE_E05));
    assert_false(house_admit(h, e, s->header->issued_at_unix_s - 31, c, &early, &out));
    assert_true(cs_verdict_has(&early, CS_RULE_E05));
    vetter->roles = 0;
    assert_false(house_admit(h, e, HOUSE_NOW, c, &role, &out));
    assert_true(cs_verdict_has(&role, CS_RULE_E03));
    vetter->roles = saved.roles;
    vetter->not_after_unix_s = s->header->issued_at_unix_s;
    assert_false(house_admit(h, e, HOUSE_NOW, c, &dates, &out));
    assert_true(cs_verdict_has(&dates, CS_RULE_E03));
    *vetter = saved;
    struct cs_span deployment = h->policy->deployment;
    h->policy->deployment = cs_span_str("other");
    assert_false(house_admit(h, e, HOUSE_NOW, c, &place, &out));
    assert_true(cs_verdict_has(&place, CS_RULE_E04));
    h->policy->deployment = deployment;
    cs_evidence_cache_free(c);
}

/* What was refused for its signature is not remembered as verified; one changed bit is a new envelope. */
static void refused_is_not_kept(void **state)
{
    struct house *h = *state;
    struct cs_evidence_cache *c = NULL;
    assert_true(cs_ok(cs_evidence_cache_new(16, &c)));
    struct cs_span payload = house_pack(h, house_statement(&h->arena, BODY(ORDER)));
    struct cs_span good = house_sign(h, payload, 1, (uint32_t[]){ ORDERS });
    struct cs_evidence out;
    struct cs_verdict v = { 0 };
    assert_true(house_admit(h, good, HOUSE_NOW, c, &v, &out));
    struct cs_sha256 d = cs_sha256(good);
    struct cs_signers signers;
    assert_true(cs_evidence_cache_find(c, h->policy, &d, &signers));
    CS_AUTO_BUF struct cs_buf b = { 0 };
    cs_buf_put(&b, good.at, good.len);
    b.at[good.len - 64 - 2 - 10] ^= 1; /* inside the signature */
    for (int round = 0; round < 2; round++) {
        struct cs_verdict bad = { 0 };
        assert_false(house_admit(h, cs_buf_span(&b), HOUSE_NOW, c, &bad, &out));
        assert_true(cs_verdict_has(&bad, CS_RULE_E02));
        d = cs_sha256(cs_buf_span(&b));
        assert_false(cs_evidence_cache_find(c, h->policy, &d, &signers));
    }
    cs_evidence_cache_free(c);
}

static int open_house(void **state)
{
    static struct house h;
    house_open(&h);
    *state = &h;
    return 0;
}

static int close_house(void **state)
{
    house_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_goes_first),     cmocka_unit_test(whole_digest_counts),
        cmocka_unit_test(belongs_to_one_policy), cmocka_unit_test(hit_skips_nothing_but_the_signature),
        cmocka_unit_test(refused_is_not_kept),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
