/* Admission: signatures, authority, place and time, each at its boundary. */
#include "tests/unit/evidence/house.h"

#include <stdlib.h>

#include "tests/unit/evidence/wire.h"

#define METHOD(name) COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##name

static struct cs_span good_envelope(struct house *h, int kind)
{
    return house_sign(h, house_pack(h, house_statement(&h->arena, kind)), 1,
                      (uint32_t[]){ house_signer(kind) });
}

static void good_envelopes_are_admitted(void **state)
{
    struct house *h = *state;
    for (size_t i = 0; i < 9; i++) {
        struct cs_span payload = house_pack(h, house_statement(&h->arena, house_kinds[i]));
        struct cs_span envelope = house_sign(h, payload, 1, (uint32_t[]){ house_signer(house_kinds[i]) });
        struct cs_verdict v = { 0 };
        struct cs_evidence e;
        assert_true(house_admit(h, envelope, HOUSE_NOW, NULL, &v, &e));
        struct cs_sha256 d = cs_sha256(envelope), p = cs_sha256(payload);
        assert_memory_equal(e.digest.byte, d.byte, 32);
        assert_memory_equal(e.payload_sha256.byte, p.byte, 32);
        assert_true(cs_span_eq(e.envelope, envelope) && e.envelope.at != envelope.at);
        assert_int_equal(e.statement->body_case, house_kinds[i]);
        assert_int_equal(e.n_signers, 1);
        assert_int_equal(e.signer[0], house_signer(house_kinds[i]));
        assert_string_equal(e.label, "evidence[3]");
        assert_false(e.deposited);
    }
}

static void every_truncation_and_bit_flip_refuses(void **state)
{
    struct house *h = *state;
    struct cs_span payload = house_pack(h, house_statement(&h->arena, BODY(APPROVAL)));
    h->policy->attester[VALIDATOR_EC].roles |= h->policy->attester[EVERYTHING].roles;
    S *s = house_statement(&h->arena, BODY(APPROVAL));
    s->header->attester = house_bytes(&h->arena, "validator-ec");
    struct cs_span by_ec = house_sign(h, house_pack(h, s), 1, (uint32_t[]){ VALIDATOR_EC });
    struct cs_span by_ed = house_sign(h, payload, 1, (uint32_t[]){ EVERYTHING });
    const struct cs_span both[] = { by_ec, by_ed };
    for (size_t k = 0; k < 2; k++) {
        assert_true(house_admits(h, both[k], HOUSE_NOW));
        CS_AUTO_BUF struct cs_buf b = { 0 };
        cs_buf_put(&b, both[k].at, both[k].len);
        size_t keyid = both[k].len - 64; /* the hint is not authenticated: it stands last and may change */
        for (size_t len = 0; len < b.len; len++) {
            struct cs_verdict v = { 0 };
            struct cs_evidence e;
            assert_false(house_admit(h, cs_span_of(b.at, len), HOUSE_NOW, NULL, &v, &e));
        }
        for (size_t bit = 0; bit < 8 * b.len; bit++) {
            b.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct cs_verdict v = { 0 };
            struct cs_evidence e;
            bool ok = house_admit(h, cs_buf_span(&b), HOUSE_NOW, NULL, &v, &e);
            if (ok != (bit / 8 >= keyid && bit % 8 != 7))
                fail_msg("key %zu, bit %zu of %zu octets: %d", k, bit, b.len, ok);
            b.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    h->policy->attester[VALIDATOR_EC].roles = h->policy->attester[VALIDATOR].roles;
}

static void every_other_writing_refuses(void **state)
{
    struct house *h = *state;
    for (size_t i = 0; i < 9; i++) {
        struct cs_span payload = house_pack(h, house_statement(&h->arena, house_kinds[i]));
        for (unsigned which = 0;; which++) {
            CS_AUTO_BUF struct cs_buf b = { 0 };
            char what[128];
            if (!wire_mutate(&countersign__v1__statement__descriptor, payload, which, &b, what))
                break;
            struct cs_span e =
                house_sign(h, cs_buf_span(&b), 1, (uint32_t[]){ house_signer(house_kinds[i]) });
            if (!house_refuses(h, e, HOUSE_NOW, CS_RULE_E01))
                fail_msg("%s", what);
            cs_arena_reset(&h->arena);
            payload = house_pack(h, house_statement(&h->arena, house_kinds[i]));
        }
    }
    struct cs_span envelope = good_envelope(h, BODY(ORDER));
    for (unsigned which = 0;; which++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        char what[128];
        if (!wire_mutate(&countersign__v1__envelope__descriptor, envelope, which, &b, what))
            break;
        if (!house_refuses(h, cs_buf_span(&b), HOUSE_NOW, CS_RULE_E01))
            fail_msg("%s", what);
    }
}

/* ---- signatures ---- */

static struct cs_span repacked(struct house *h, struct cs_span envelope,
                               void (*change)(struct house *, Countersign__V1__Envelope *))
{
    Countersign__V1__Envelope *e = countersign__v1__envelope__unpack(NULL, envelope.len, envelope.at);
    change(h, e);
    struct cs_span out;
    assert_true(cs_ok(cs_proto_pack(&e->base, &h->arena, &out)));
    countersign__v1__envelope__free_unpacked(e, NULL);
    return out;
}

static void set_text(char **field, const char *text)
{
    if (*field != protobuf_c_empty_string)
        free(*field);
    *field = strdup(text);
}

static void other_type(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    set_text(&e->payload_type, "application/vnd.in-toto+json");
}
static void type_of_another_case(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    e->payload_type[0] = 'A';
}
static void no_type(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    set_text(&e->payload_type, "");
}
static void no_payload(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    e->payload.len = 0;
}
static void long_keyid(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    char text[258];
    memset(text, 'k', 257);
    text[257] = 0;
    set_text(&e->signatures[0]->keyid, text);
}
static void keyid_of_256(struct house *h, Countersign__V1__Envelope *e)
{
    long_keyid(h, e);
    e->signatures[0]->keyid[256] = 0;
}
static void no_keyid(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    set_text(&e->signatures[0]->keyid, "");
}
static void keyid_of_another(struct house *h, Countersign__V1__Envelope *e)
{
    char hex[65];
    cs_hex(cs_sha256_span(&h->policy->attester[VETTER_EC].spki_sha256), hex);
    set_text(&e->signatures[0]->keyid, hex);
}
static void no_signature(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    countersign__v1__signature__free_unpacked(e->signatures[0], NULL);
    e->n_signatures = 0;
}
static void empty_signature(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    e->signatures[0]->sig.len = 0;
}
static void last_signature_flipped(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    e->signatures[e->n_signatures - 1]->sig.data[5] ^= 1;
}
static void first_signature_again(struct house *h, Countersign__V1__Envelope *e)
{
    (void)h;
    const Countersign__V1__Signature *from = e->signatures[0];
    Countersign__V1__Signature *to = e->signatures[e->n_signatures - 1];
    free(to->sig.data);
    to->sig.len = from->sig.len;
    to->sig.data = malloc(from->sig.len);
    memcpy(to->sig.data, from->sig.data, from->sig.len);
}

static void envelope_rows(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *row;
        void (*change)(struct house *, Countersign__V1__Envelope *);
        bool ok;
        enum cs_rule rule;
    } rows[] = {
        { "another payload type", other_type, false, CS_RULE_E01 },
        { "payload type in another case", type_of_another_case, false, CS_RULE_E01 },
        { "no payload type", no_type, false, CS_RULE_E01 },
        { "no payload", no_payload, false, CS_RULE_E01 },
        { "long keyid", long_keyid, false, CS_RULE_E01 },
        { "keyid at its cap", keyid_of_256, true, CS_RULE_E01 },
        { "no keyid", no_keyid, true, CS_RULE_E02 },
        { "keyid of another attester", keyid_of_another, true, CS_RULE_E02 },
        { "no signature", no_signature, false, CS_RULE_E02 },
        { "empty signature", empty_signature, false, CS_RULE_E02 },
        { "flipped signature", last_signature_flipped, false, CS_RULE_E02 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_span e = repacked(h, good_envelope(h, BODY(DOMAIN_CONTROL)), rows[i].change);
        if (rows[i].ok ? !house_admits(h, e, HOUSE_NOW) : !house_refuses(h, e, HOUSE_NOW, rows[i].rule))
            fail_msg("row: %s", rows[i].row);
    }
}

static void size_caps(void **state)
{
    struct house *h = *state;
    S *s = house_statement(&h->arena, BODY(ORDER));
    /* grow the order by names until the payload has exactly its cap, then one more octet */
    size_t n = 0;
    s->order->dns_names = cs_arena_get(&h->arena, 500 * sizeof *s->order->dns_names);
    for (; n < 400; n++) {
        ProtobufCBinaryData name = house_filled(&h->arena, 'n', 138);
        name.data[0] = (uint8_t)('a' + n / 20);
        name.data[1] = (uint8_t)('a' + n % 20);
        s->order->dns_names[n] = name;
    }
    s->order->n_dns_names = n;
    size_t have = protobuf_c_message_get_packed_size(&s->base);
    assert_true(have < CS_PAYLOAD_MAX_LEN && CS_PAYLOAD_MAX_LEN - have < 400 * 100);
    for (size_t i = 0; have < CS_PAYLOAD_MAX_LEN && i < n; i++) {
        size_t more = CS_PAYLOAD_MAX_LEN - have < 100 ? CS_PAYLOAD_MAX_LEN - have : 100;
        ProtobufCBinaryData name = house_filled(&h->arena, 'n', 138 + more);
        memcpy(name.data, s->order->dns_names[i].data, 2);
        s->order->dns_names[i] = name;
        have = protobuf_c_message_get_packed_size(&s->base);
    }
    assert_int_equal(have, CS_PAYLOAD_MAX_LEN);
    struct cs_span at_cap = house_pack(h, s);
    assert_true(house_admits(h, house_sign(h, at_cap, 1, (uint32_t[]){ ORDERS }), HOUSE_NOW));
    CS_AUTO_BUF struct cs_buf b = { 0 }, out = { 0 };
    cs_buf_put(&b, at_cap.at, at_cap.len);
    cs_buf_put_u8(&b, 0);
    assert_true(cs_is(cs_dsse_sign(h->stranger, cs_buf_span(&b), &out), CS_NUM_LIMIT));
    Countersign__V1__Envelope e;
    countersign__v1__envelope__init(&e);
    Countersign__V1__Signature sig, *sigs[] = { &sig };
    countersign__v1__signature__init(&sig);
    char type[] = CS_PAYLOAD_TYPE;
    sig.sig = house_filled(&h->arena, 1, 64);
    e.payload = cs_proto_bytes(cs_buf_span(&b));
    e.payload_type = type;
    e.n_signatures = 1;
    e.signatures = sigs;
    struct cs_span over;
    assert_true(cs_ok(cs_proto_pack(&e.base, &h->arena, &over)));
    assert_true(house_refuses(h, over, HOUSE_NOW, CS_RULE_E01));
    CS_AUTO_BUF struct cs_buf huge = { 0 };
    while (huge.len <= CS_ENVELOPE_MAX_LEN)
        cs_buf_put_u8(&huge, 0x0a);
    assert_true(house_refuses(h, cs_buf_span(&huge), HOUSE_NOW, CS_RULE_E01));
    assert_true(house_refuses(h, (struct cs_span){ 0 }, HOUSE_NOW, CS_RULE_E01));
}

/* One signature more: among good ones, one that is bad, unknown or not different refuses all. */
static void several_signatures(void **state)
{
    struct house *h = *state;
    struct cs_span payload = house_pack(h, house_statement(&h->arena, BODY(ORGANIZATION_IDENTITY)));
    struct cs_span two = house_sign(h, payload, 2, (uint32_t[]){ VETTER_EC, VETTER });
    struct cs_verdict v = { 0 };
    struct cs_evidence e;
    assert_true(house_admit(h, two, HOUSE_NOW, NULL, &v, &e));
    assert_int_equal(e.n_signers, 2);
    assert_int_equal(e.signer[0], VETTER); /* the one the header names, though it signed second */
    assert_int_equal(e.signer[1], VETTER_EC);
    assert_true(house_refuses(h, repacked(h, two, last_signature_flipped), HOUSE_NOW, CS_RULE_E02));
    assert_true(house_refuses(h, repacked(h, two, first_signature_again), HOUSE_NOW, CS_RULE_E02));
    /* a key of no attester */
    CS_AUTO_BUF struct cs_buf three = { 0 };
    assert_true(cs_ok(cs_dsse_cosign(h->stranger, two, &three)));
    assert_true(house_refuses(h, cs_buf_span(&three), HOUSE_NOW, CS_RULE_E02));
    /* an attester without the role */
    struct cs_span other = house_sign(h, payload, 3, (uint32_t[]){ VETTER, VETTER_EC, ORDERS });
    assert_true(house_refuses(h, other, HOUSE_NOW, CS_RULE_E03));
    /* the attester the header names did not sign */
    struct cs_span alone = house_sign(h, payload, 1, (uint32_t[]){ VETTER_EC });
    assert_true(house_refuses(h, alone, HOUSE_NOW, CS_RULE_E03));
    /* ECDSA can be made twice by one key: different bytes, still one key */
    CS_AUTO_BUF struct cs_buf again = { 0 };
    assert_true(cs_is(cs_dsse_cosign(h->policy->attester[VETTER].key, two, &again), CS_NUM_EXISTS));
    Countersign__V1__Envelope *one = countersign__v1__envelope__unpack(NULL, alone.len, alone.at);
    struct cs_span more = house_sign(h, payload, 1, (uint32_t[]){ VETTER_EC });
    Countersign__V1__Envelope *two_by_one = countersign__v1__envelope__unpack(NULL, more.len, more.at);
    Countersign__V1__Signature *pair[] = { one->signatures[0], two_by_one->signatures[0] };
    Countersign__V1__Envelope joined = *one;
    joined.n_signatures = 2;
    joined.signatures = pair;
    struct cs_span bytes;
    assert_true(cs_ok(cs_proto_pack(&joined.base, &h->arena, &bytes)));
    assert_true(house_refuses(h, bytes, HOUSE_NOW, CS_RULE_E02));
    countersign__v1__envelope__free_unpacked(one, NULL);
    countersign__v1__envelope__free_unpacked(two_by_one, NULL);
}

static void eight_signatures_and_not_nine(void **state)
{
    struct house *h = *state;
    struct cs_policy *p = h->policy;
    uint32_t by[9];
    struct cs_attester saved = p->attester[VETTER];
    for (uint32_t i = 0; i < 9; i++) {
        uint8_t seed[32] = { (uint8_t)(100 + i) };
        by[i] = N_ATTESTERS + i;
        p->attester[by[i]] = saved;
        p->attester[by[i]].name = cs_span_str(cs_arena_printf(&h->arena, "v%u", i));
        p->attester[by[i]].key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    }
    p->n_attesters = N_ATTESTERS + 9;
    S *s = house_statement(&h->arena, BODY(ORGANIZATION_IDENTITY));
    s->header->attester = house_bytes(&h->arena, "v7");
    struct cs_span eight = house_sign(h, house_pack(h, s), 8, by);
    struct cs_verdict v = { 0 };
    struct cs_evidence e;
    assert_true(house_admit(h, eight, HOUSE_NOW, NULL, &v, &e));
    assert_int_equal(e.n_signers, 8);
    assert_int_equal(e.signer[0], by[7]);
    CS_AUTO_BUF struct cs_buf nine = { 0 };
    assert_true(cs_is(cs_dsse_cosign(p->attester[by[8]].key, eight, &nine), CS_NUM_LIMIT));
    Countersign__V1__Envelope *env = countersign__v1__envelope__unpack(NULL, eight.len, eight.at);
    struct cs_span alone = house_sign(h, cs_proto_span(env->payload), 1, by + 8);
    Countersign__V1__Envelope *last = countersign__v1__envelope__unpack(NULL, alone.len, alone.at);
    Countersign__V1__Signature *all[9];
    memcpy(all, env->signatures, 8 * sizeof *all);
    all[8] = last->signatures[0];
    Countersign__V1__Envelope joined = *env;
    joined.n_signatures = 9;
    joined.signatures = all;
    struct cs_span bytes;
    assert_true(cs_ok(cs_proto_pack(&joined.base, &h->arena, &bytes)));
    assert_true(house_refuses(h, bytes, HOUSE_NOW, CS_RULE_E02));
    countersign__v1__envelope__free_unpacked(env, NULL);
    countersign__v1__envelope__free_unpacked(last, NULL);
    for (uint32_t i = 0; i < 9; i++)
        EVP_PKEY_free(p->attester[by[i]].key);
    p->n_attesters = N_ATTESTERS;
}

/* The policy says how a key signs; a key of another kind makes nothing valid. */
static void algorithm_is_the_policys(void **state)
{
    struct house *h = *state;
    struct cs_span envelope = good_envelope(h, BODY(ORDER));
    h->policy->attester[ORDERS].algorithm = CS_ATTESTER_ECDSA_P256_SHA256;
    assert_true(house_refuses(h, envelope, HOUSE_NOW, CS_RULE_E02));
    h->policy->attester[ORDERS].algorithm = CS_ATTESTER_NONE;
    assert_true(house_refuses(h, envelope, HOUSE_NOW, CS_RULE_E02));
    h->policy->attester[ORDERS].algorithm = CS_ATTESTER_ED25519;
    assert_true(house_admits(h, envelope, HOUSE_NOW));
}

/* ---- authority, place, time ---- */

#define ROW(kind, rule, change)                                                                            \
    do {                                                                                                   \
        cs_arena_reset(&h->arena);                                                                         \
        S *s = house_statement(&h->arena, BODY(kind));                                                     \
        change;                                                                                            \
        struct cs_span env = house_sign(h, house_pack(h, s), 1, (uint32_t[]){ house_signer(BODY(kind)) }); \
        if ((rule) == CS_RULE_COUNT ? !house_admits(h, env, HOUSE_NOW)                                     \
                                    : !house_refuses(h, env, HOUSE_NOW, (rule)))                           \
            fail_msg("%s", #change);                                                                       \
    } while (0)
#define ADMITS  CS_RULE_COUNT
#define TEXT(t) house_bytes(&h->arena, t)

static void authority_rows(void **state)
{
    struct house *h = *state;
    struct cs_attester *validator = &h->policy->attester[VALIDATOR];
    ROW(DOMAIN_CONTROL, CS_RULE_E03, s->header->attester = TEXT("validator-ec"));
    ROW(DOMAIN_CONTROL, CS_RULE_E03, s->header->attester = TEXT("nobody"));
    ROW(DOMAIN_CONTROL, CS_RULE_E03, s->header->attester = TEXT("validato"));
    ROW(DOMAIN_CONTROL, CS_RULE_E03, s->header->role = COUNTERSIGN__V1__ROLE__ROLE_OPERATOR);
    ROW(APPROVAL, CS_RULE_E03, s->header->role = COUNTERSIGN__V1__ROLE__ROLE_OPERATOR); /* it holds both */
    ROW(DOMAIN_CONTROL, CS_RULE_E03, s->domain_control->method = METHOD(DCV_CONSTRUCTED_EMAIL);
        s->domain_control->contact = TEXT("admin@example.com"));
    ROW(DOMAIN_CONTROL, ADMITS, s->domain_control->method = METHOD(DCV_EMAIL_TXT_CONTACT);
        s->domain_control->contact = TEXT("admin@example.com"));
    ROW(CAA_CHECK, CS_RULE_E03, s->caa_check->methods[1] = METHOD(DCV_CONSTRUCTED_EMAIL));
    ROW(DOMAIN_CONTROL, ADMITS, s->domain_control->method = METHOD(RETIRED_DCV_6_WEBSITE_V1));
    for (int inner = 0; inner < 2; inner++)
        ROW(DOMAIN_CONTROL, inner == 0 ? ADMITS : CS_RULE_E03,
            Countersign__V1__DomainControl *d = s->domain_control;
            d->method = METHOD(IPCV_REVERSE_LOOKUP); d->derivation = NULL;
            d->subject_case = COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS;
            d->ip_address = TEXT("abcd"); d->scope = COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_EXACT;
            d->inner_method = inner == 0 ? METHOD(DCV_DNS_CHANGE) : METHOD(DCV_CONSTRUCTED_EMAIL));
    const uint32_t roles = validator->roles;
    validator->roles = h->policy->attester[EVERYTHING].roles;
    ROW(DOMAIN_CONTROL, CS_RULE_E03, (void)0);
    validator->roles = roles;
    const int64_t from = validator->not_before_unix_s, until = validator->not_after_unix_s;
    const int64_t issued = HOUSE_NOW - 100;
    validator->not_before_unix_s = issued;
    ROW(DOMAIN_CONTROL, ADMITS, (void)0);
    validator->not_before_unix_s = issued + 1;
    ROW(DOMAIN_CONTROL, CS_RULE_E03, (void)0);
    validator->not_before_unix_s = from;
    validator->not_after_unix_s = issued + 1;
    ROW(DOMAIN_CONTROL, ADMITS, (void)0);
    validator->not_after_unix_s = issued;
    ROW(DOMAIN_CONTROL, CS_RULE_E03, (void)0);
    validator->not_after_unix_s = until;
}

/* No key serves a statement of another role, whatever the header says. */
static void every_role_against_every_kind(void **state)
{
    struct house *h = *state;
    uint32_t roles = h->policy->attester[EVERYTHING].roles;
    for (size_t i = 0; i < 9; i++) {
        for (uint32_t role = 1; role <= 7; role++) {
            for (uint32_t claimed = 1; claimed <= 7; claimed++) {
                cs_arena_reset(&h->arena);
                S *s = house_statement(&h->arena, house_kinds[i]);
                s->header->attester = house_bytes(&h->arena, "everything");
                s->header->role = (Countersign__V1__Role)claimed;
                h->policy->attester[EVERYTHING].roles = 1u << role;
                h->policy->attester[EVERYTHING].methods = h->policy->attester[VALIDATOR].methods;
                struct cs_span e = house_sign(h, house_pack(h, s), 1, (uint32_t[]){ EVERYTHING });
                bool fits = role == (uint32_t)cs_statement_role(s) && claimed == role;
                if (fits ? !house_admits(h, e, HOUSE_NOW) : !house_refuses(h, e, HOUSE_NOW, CS_RULE_E03))
                    fail_msg("kind %s role %u claimed %u", cs_statement_kind_name(s), role, claimed);
            }
        }
    }
    h->policy->attester[EVERYTHING].roles = roles;
}

static void place_rows(void **state)
{
    struct house *h = *state;
    ROW(ORDER, CS_RULE_E04, s->header->audience = TEXT("staging.ca.example"));
    ROW(ORDER, CS_RULE_E04, s->header->audience = TEXT("prod.ca.exampl"));
    ROW(ORDER, CS_RULE_E04, s->header->audience = TEXT("PROD.ca.example"));
    ROW(ORDER, ADMITS, s->header->ruleset = TEXT("tls-br-2.2.6"));
    ROW(ORDER, CS_RULE_E07, s->header->ruleset = TEXT("tls-br-2.2.5"));
    ROW(ORDER, CS_RULE_E07, s->header->ruleset = TEXT("tls-br-2.3.0 "); s->header->ruleset.len = 11);
}

static void time_rows(void **state)
{
    struct house *h = *state;
    const int64_t day = 86400;
    struct {
        const char *row;
        int64_t issued, expires, now;
        uint32_t skew_s;
        bool ok;
    } rows[] = {
        { "issued as far ahead as the skew", 1000, 9000, 970, 30, true },
        { "issued one second further ahead", 1000, 9000, 969, 30, false },
        { "no skew", 1000, 9000, 1000, 0, true },
        { "no skew, one second ahead", 1000, 9000, 999, 0, false },
        { "skew beyond its limit: 300 s", 1000, 9000, 700, 4000, true },
        { "skew beyond its limit: 301 s", 1000, 9000, 699, 4000, false },
        { "last second", 1000, 9000, 8999, 30, true },
        { "expired", 1000, 9000, 9000, 30, false },
        { "expires when issued", 1000, 1000, 980, 30, false },
        { "lives one second", 1000, 1001, 1000, 30, true },
        { "lives 400 days", 1000, 1000 + 400 * day, 1000, 30, true },
        { "lives a second longer", 1000, 1001 + 400 * day, 1000, 30, false },
        { "for ever", 1000, INT64_MAX, 1000, 30, false },
    };
    struct cs_attester *t = &h->policy->attester[EVERYTHING], saved = *t;
    t->not_before_unix_s = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cs_arena_reset(&h->arena);
        S *s = house_statement(&h->arena, BODY(APPROVAL));
        s->header->issued_at_unix_s = HOUSE_NOW - 1000 + rows[i].issued;
        s->header->expires_at_unix_s =
            rows[i].expires == INT64_MAX ? INT64_MAX : HOUSE_NOW - 1000 + rows[i].expires;
        h->policy->limits.clock_skew_s = rows[i].skew_s;
        struct cs_span e = house_sign(h, house_pack(h, s), 1, (uint32_t[]){ EVERYTHING });
        int64_t now = HOUSE_NOW - 1000 + rows[i].now;
        if (rows[i].ok ? !house_admits(h, e, now) : !house_refuses(h, e, now, CS_RULE_E05))
            fail_msg("row: %s", rows[i].row);
    }
    h->policy->limits.clock_skew_s = 30;
    *t = saved;
}

static void all_reasons_are_told(void **state)
{
    struct house *h = *state;
    S *s = house_statement(&h->arena, BODY(DOMAIN_CONTROL));
    s->header->audience = TEXT("elsewhere");
    s->header->ruleset = (ProtobufCBinaryData){ 0, NULL };
    s->header->expires_at_unix_s = HOUSE_NOW;
    s->header->attester = TEXT("no\nbody");
    struct cs_verdict v = { 0 };
    struct cs_evidence e;
    struct cs_span env = house_sign(h, house_pack(h, s), 1, (uint32_t[]){ ORDERS });
    assert_false(house_admit(h, env, HOUSE_NOW, NULL, &v, &e));
    static const enum cs_rule told[] = { CS_RULE_E01, CS_RULE_E03, CS_RULE_E04, CS_RULE_E05, CS_RULE_E07 };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        assert_true(cs_verdict_has(&v, told[i]));
    assert_true(v.n_reasons >= 6);
    for (uint32_t i = 0; i < v.n_reasons; i++)
        assert_null(strchr(v.reason[i].found, '\n'));
}

/* A payload nobody signed is never read: a statement full of faults gives the signature's reason only. */
static void unsigned_payload_is_not_read(void **state)
{
    struct house *h = *state;
    S *s = house_statement(&h->arena, BODY(ORDER));
    s->header->audience = TEXT("elsewhere");
    struct cs_span payload = house_pack(h, s);
    assert_true(house_refuses(h, house_sign_key(h, payload, h->stranger), HOUSE_NOW, CS_RULE_E02));
    assert_true(
        house_refuses(h, house_sign_key(h, cs_span_str("\xff\xff"), h->stranger), HOUSE_NOW, CS_RULE_E02));
    struct cs_span junk = house_sign(h, cs_span_str("\xff\xff"), 1, (uint32_t[]){ ORDERS });
    assert_true(house_refuses(h, junk, HOUSE_NOW, CS_RULE_E01));
}

static void memory_bound_is_a_failure_not_a_verdict(void **state)
{
    struct house *h = *state;
    struct cs_span env = good_envelope(h, BODY(DOMAIN_CONTROL));
    bool done = false, failed = false;
    for (size_t max = 64; !done; max += 64) {
        CS_AUTO_ARENA struct cs_arena a = { .max = max };
        struct cs_evidence_context ctx = { .policy = h->policy, .now_unix_s = HOUSE_NOW };
        struct cs_verdict v = { .arena = &a };
        struct cs_evidence e = { 0 };
        bool admitted = false;
        cs_result r = cs_evidence_admit(&ctx, env, "x", &a, &v, &admitted, &e);
        assert_true(a.used <= max);
        assert_true(cs_ok(r) == admitted);
        assert_true(cs_ok(r) || cs_is(r, CS_NUM_NO_MEMORY));
        assert_true(admitted || e.statement == NULL);
        failed = failed || !cs_ok(r);
        done = admitted;
    }
    assert_true(failed);
}

/* The bound on trials: 0 refuses even a good signature, the last one that is left suffices for a
 * signature whose keyid names its key, and one that nobody made uses up what is there. */
static void trials_are_bounded(void **state)
{
    struct house *h = *state;
    struct cs_span good = good_envelope(h, BODY(DOMAIN_CONTROL));
    struct cs_span nobodys =
        house_sign_key(h, house_pack(h, house_statement(&h->arena, BODY(DOMAIN_CONTROL))), h->stranger);
    static const struct {
        const char *row;
        bool good;
        uint32_t trials, left;
        bool admitted;
    } rows[] = {
        { "none left", true, 0, 0, false },
        { "one left, named key", true, 1, 0, true },
        { "more left", true, 100, 99, true },
        { "nobody's signature uses them up", false, 2, 0, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena a = { 0 };
        uint32_t left = rows[i].trials;
        struct cs_evidence_context ctx = { .policy = h->policy,
                                           .now_unix_s = HOUSE_NOW,
                                           .trials_left = &left };
        struct cs_verdict v = { .arena = &a };
        struct cs_evidence e = { 0 };
        bool admitted = false;
        assert_true(
            cs_ok(cs_evidence_admit(&ctx, rows[i].good ? good : nobodys, "x", &a, &v, &admitted, &e)));
        if (admitted != rows[i].admitted || left != rows[i].left ||
            admitted == cs_verdict_has(&v, CS_RULE_E02))
            fail_msg("row: %s (left %u)", rows[i].row, left);
    }
}

/* As tests/rules_elsewhere.cmake declares. */
static void rules_have_both_rows(void **state)
{
    (void)state;
    static const enum cs_rule mine[] = { CS_RULE_E01, CS_RULE_E02, CS_RULE_E03,
                                         CS_RULE_E04, CS_RULE_E05, CS_RULE_E07 };
    house_require_rows(sizeof mine / sizeof *mine, mine);
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
        cmocka_unit_test(good_envelopes_are_admitted),
        cmocka_unit_test(every_truncation_and_bit_flip_refuses),
        cmocka_unit_test(every_other_writing_refuses),
        cmocka_unit_test(envelope_rows),
        cmocka_unit_test(size_caps),
        cmocka_unit_test(several_signatures),
        cmocka_unit_test(trials_are_bounded),
        cmocka_unit_test(eight_signatures_and_not_nine),
        cmocka_unit_test(algorithm_is_the_policys),
        cmocka_unit_test(authority_rows),
        cmocka_unit_test(every_role_against_every_kind),
        cmocka_unit_test(place_rows),
        cmocka_unit_test(time_rows),
        cmocka_unit_test(all_reasons_are_told),
        cmocka_unit_test(unsigned_payload_is_not_read),
        cmocka_unit_test(memory_bound_is_a_failure_not_a_verdict),
        cmocka_unit_test(rules_have_both_rows), /* last: looks back at the others */
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
