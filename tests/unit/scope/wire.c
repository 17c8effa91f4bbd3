/* Queries as messages and back; statements of completeness that hold, and each way in which they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "proto/canonical.h"
#include "proxy/scope/cover.h"
#include "proxy/scope/wire.h"
#include "proxy/tlog/checkpoint.h"
#include "proxy/tlog/proof.h"

/* ---- queries ---- */

static const uint8_t intent = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
static const uint8_t pre = COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
static const uint8_t method = COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_DNS_CHANGE;
static const uint8_t role = COUNTERSIGN__V1__ROLE__ROLE_LINT_SERVICE;
static const uint8_t profile = COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION;

#define IS(f, text)                                                                \
    {                                                                              \
        .fact = CS_FACT_##f, .value = {(const uint8_t *)(text), sizeof(text) - 1 } \
    }
#define OCTET(f, octet)                               \
    {                                                 \
        .fact = CS_FACT_##f, .value = { &(octet), 1 } \
    }
#define DIGEST "0123456789abcdef0123456789abcdef"

static const struct cs_scope_selector every[] = {
    OCTET(KIND, intent),
    OCTET(SIGN_KIND, pre),
    IS(NAME, "www.example.com"),
    IS(NAME, "\x0a\0\0\1"),
    IS(SUFFIX, "example.com"),
    IS(ACCOUNT, "acct"),
    IS(ORGANIZATION, "example gmbh"),
    IS(RECORD, "org-1"),
    IS(RECORD_VERSION, "org-2\0\0\0\0\0\0\0\0\x07"),
    IS(STATEMENT, "0123456789abcdef"),
    IS(EVIDENCE, DIGEST),
    IS(PAYLOAD, DIGEST),
    IS(ATTESTER, "va-1"),
    OCTET(ROLE, role),
    IS(PERSON, "vera"),
    OCTET(METHOD, method),
    IS(SOFTWARE, "validator"),
    IS(SOFTWARE_VERSION, "other\0004.2-rc1"),
    { .fact = CS_FACT_SOFTWARE,
      .value = { (const uint8_t *)"third", 5 },
      .version_from = { (const uint8_t *)"1.2", 3 },
      .version_to = { (const uint8_t *)"1.10", 4 } },
    IS(PERSPECTIVE, "ams"),
    IS(CLIENT, "api"),
    IS(API_VERSION, "v2"),
    IS(ISSUER, "ec"),
    IS(POLICY, DIGEST),
    OCTET(PROFILE, profile),
    IS(RULE, "V03"),
    IS(KEY, DIGEST),
    IS(SERIAL, "\0\x91\x02"),
    IS(ORDER, "\1\2\3"),
};
enum { N_EVERY = sizeof every / sizeof *every };

static bool has(const struct cs_scope_query *q, const struct cs_scope_selector *s)
{
    for (uint32_t i = 0; i < q->n_selectors; i++) {
        const struct cs_scope_selector *x = &q->selector[i];
        if (x->fact == s->fact && cs_span_eq(x->value, s->value) &&
            cs_span_eq(x->version_from, s->version_from) && cs_span_eq(x->version_to, s->version_to))
            return true;
    }
    return false;
}

static void every_selector_comes_back(void **state)
{
    (void)state;
    const struct cs_scope_query q = { .selector = every,
                                      .n_selectors = N_EVERY,
                                      .from_unix_us = 5,
                                      .until_unix_us = 7,
                                      .results = CS_SCOPE_SIGNED | CS_SCOPE_REFUSED | CS_SCOPE_OTHER };
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    Countersign__V1__IssuanceQuery *m;
    struct cs_span packed;
    const ProtobufCMessage *read;
    struct cs_note note = { "" };
    struct cs_scope_asked *a = calloc(1, sizeof *a);
    assert_non_null(a);
    assert_true(cs_ok(cs_scope_query_message(&q, &arena, &m)));
    assert_true(cs_ok(cs_proto_pack(&m->base, &arena, &packed)));
    assert_true(cs_ok(cs_proto_unpack(&countersign__v1__issuance_query__descriptor, packed, &arena, &read)));
    if (!cs_ok(cs_scope_asked_get((const Countersign__V1__IssuanceQuery *)(const void *)read,
                                  cs_span_str("only-me"), a, &note)))
        fail_msg("%s", note.text);
    assert_int_equal(a->query.n_selectors, N_EVERY + 1);
    for (unsigned i = 0; i < N_EVERY; i++)
        if (!has(&a->query, &every[i]))
            fail_msg("selector %u, fact %d", i, (int)every[i].fact);
    const struct cs_scope_selector *own = &a->query.selector[N_EVERY];
    assert_true(own->fact == CS_FACT_CLIENT && cs_span_is(own->value, "only-me"));
    for (unsigned i = 0; i < N_EVERY; i++) /* joined by AND with all that was asked */
        assert_int_not_equal(a->query.selector[i].group, own->group);
    assert_int_equal(a->query.results, q.results);
    assert_true(a->query.from_unix_us == 5 && a->query.until_unix_us == 7);
    cs_scope_asked_done(a);
    free(a);
}

/* Facts in one group are joined by OR: a fact of another question must not be there. */
static void groups_stand_apart(void **state)
{
    (void)state;
    const struct cs_scope_query q = { .selector = every, .n_selectors = N_EVERY };
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    Countersign__V1__IssuanceQuery *m;
    struct cs_note note = { "" };
    struct cs_scope_asked *a = calloc(1, sizeof *a);
    assert_non_null(a);
    assert_true(cs_ok(cs_scope_query_message(&q, &arena, &m)));
    assert_true(cs_ok(cs_scope_asked_get(m, cs_span_of(NULL, 0), a, &note)));
    static const enum cs_fact pairs[][2] = { { CS_FACT_KIND, CS_FACT_SIGN_KIND },
                                             { CS_FACT_RECORD, CS_FACT_RECORD_VERSION },
                                             { CS_FACT_SOFTWARE, CS_FACT_SOFTWARE_VERSION } };
    for (uint32_t i = 0; i < a->query.n_selectors; i++)
        for (uint32_t k = 0; k < a->query.n_selectors; k++) {
            enum cs_fact x = a->query.selector[i].fact, y = a->query.selector[k].fact;
            bool together = x == y;
            for (size_t p = 0; p < 3; p++)
                together = together || (x == pairs[p][0] && y == pairs[p][1]) ||
                           (y == pairs[p][0] && x == pairs[p][1]);
            assert_int_equal(a->query.selector[i].group == a->query.selector[k].group, together);
        }
    cs_scope_asked_done(a);
    free(a);
}

/* ---- completeness ---- */

enum { SIZE = 13, LATER = 21 }; /* pieces of 8, 4 and 1 leaves; the checkpoint is of more */

struct tree {
    struct cs_sha256 leaf[LATER];
    struct cs_merkle whole[2]; /* of SIZE and LATER leaves */
};

static cs_result node_get(void *ctx, unsigned height, uint64_t index, struct cs_sha256 *out)
{
    const struct tree *t = ctx;
    struct cs_merkle m = { 0 };
    for (uint64_t i = index << height; i < (index + 1) << height; i++)
        cs_merkle_append(&m, &t->leaf[i]);
    *out = cs_merkle_root(&m);
    return CS_OK;
}

static struct cs_tlog_signer make_key(void)
{
    struct cs_tlog_signer s = { .private_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
    uint8_t public_key[CS_ED25519_LEN];
    size_t len = sizeof public_key;
    assert_non_null(s.private_key);
    assert_int_equal(EVP_PKEY_get_raw_public_key(s.private_key, public_key, &len), 1);
    assert_true(cs_ok(cs_tlog_key_make(cs_span_str("log.example/1"), CS_TLOG_ED25519, public_key, &s.key)));
    return s;
}

/* What a row spoils. */
enum spoil {
    NOTHING,
    PIECE_ROOT,
    GAP,
    OVERLAP,
    SHORT,
    TREE_ROOT,
    COUNTS,
    NO_NOTE,
    SIGNATURE,
    PROOF,
    OLDER,
    OTHER_KEY,
    UNEVEN
};

static cs_result check(enum spoil spoil, bool with_key, uint64_t *out_size)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    CS_AUTO_BUF struct cs_buf signed_note = { 0 };
    struct cs_tlog_signer signer = make_key();
    struct tree t = { 0 };
    struct cs_scope_cover cover = { .size = SIZE, .candidates = 3, .confirmed = 2, .rejected = 1 };
    static const uint64_t ends[] = { 8, 12, 13 };
    struct cs_scope_piece piece[3] = { { 0 } };
    struct cs_tlog_proof proof;
    Countersign__V1__Completeness *m;
    struct cs_note note = { "" };
    for (unsigned i = 0; i < LATER; i++) {
        uint8_t octet = (uint8_t)i;
        t.leaf[i] = cs_merkle_leaf(cs_span_of(&octet, 1));
        if (i < SIZE)
            cs_merkle_append(&t.whole[0], &t.leaf[i]);
        cs_merkle_append(&t.whole[1], &t.leaf[i]);
    }
    for (unsigned i = 0, at = 0; i < 3; at = (unsigned)ends[i++]) {
        struct cs_merkle own = { 0 };
        for (unsigned k = at; k < ends[i]; k++)
            cs_merkle_append(&own, &t.leaf[k]);
        piece[i] = (struct cs_scope_piece){ at + 1, ends[i], i == 0, cs_merkle_root(&own) };
    }
    cover.root = cs_merkle_root(&t.whole[0]);
    cover.piece = piece;
    cover.n_pieces = 3;
    assert_true(cs_ok(cs_scope_completeness(&cover, &arena, &m)));
    struct cs_sha256 later = cs_merkle_root(&t.whole[1]);
    uint64_t size = spoil == OLDER ? SIZE - 1 : LATER;
    assert_true(cs_ok(cs_tlog_checkpoint_sign(&signer, size, &later, &signed_note)));
    assert_true(cs_ok(cs_tlog_consistency(node_get, &t, SIZE, LATER, &proof)));
    m->checkpoint = cs_proto_bytes(cs_buf_span(&signed_note));
    m->consistency_proof = cs_arena_get(&arena, proof.n * sizeof *m->consistency_proof);
    for (uint32_t i = 0; i < proof.n; i++)
        m->consistency_proof[m->n_consistency_proof++] = cs_proto_bytes(cs_sha256_span(&proof.hash[i]));
    switch (spoil) {
    case PIECE_ROOT:
        m->pieces[1]->root_sha256.data[7] ^= 1;
        break;
    case GAP:
        m->pieces[1]->from++;
        break;
    case OVERLAP:
        m->pieces[1]->from--;
        break;
    case SHORT:
        m->n_pieces--;
        break;
    case TREE_ROOT:
        m->root_sha256.data[0] ^= 0x80;
        break;
    case COUNTS:
        m->n_rejected++;
        break;
    case NO_NOTE:
        m->checkpoint.len = 0;
        break;
    case SIGNATURE:
        m->checkpoint.data[m->checkpoint.len - 9] ^= 1;
        break;
    case PROOF:
        m->consistency_proof[0].data[3] ^= 1;
        break;
    case OTHER_KEY:
        signer.key.public_key[0] ^= 1;
        break;
    case UNEVEN:
        m->pieces[0]->to = 7;
        break;
    case NOTHING:
    case OLDER:
    default:
        break;
    }
    cs_result r = cs_scope_completeness_check(m, with_key ? &signer.key : NULL, out_size, &note);
    assert_true(cs_ok(r) || note.text[0] != '\0');
    cs_tlog_signer_done(&signer);
    return r;
}

static void only_a_whole_statement_holds(void **state)
{
    (void)state;
    static const struct {
        enum spoil spoil;
        bool without_key, with_key;
    } rows[] = {
        { NOTHING, true, true },    { PIECE_ROOT, false, false }, { GAP, false, false },
        { OVERLAP, false, false },  { SHORT, false, false },      { TREE_ROOT, false, false },
        { COUNTS, false, false },   { UNEVEN, false, false },     { NO_NOTE, true, false },
        { SIGNATURE, true, false }, { PROOF, true, false },       { OLDER, true, false },
        { OTHER_KEY, true, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t size = 99;
        if (cs_ok(check(rows[i].spoil, false, &size)) != rows[i].without_key)
            fail_msg("row %d without a key", (int)rows[i].spoil);
        cs_result r = check(rows[i].spoil, true, &size);
        if (cs_ok(r) != rows[i].with_key)
            fail_msg("row %d with the key", (int)rows[i].spoil);
        if (cs_ok(r))
            assert_int_equal(size, LATER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_selector_comes_back),
        cmocka_unit_test(groups_stand_apart),
        cmocka_unit_test(only_a_whole_statement_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
