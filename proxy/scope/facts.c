#include "proxy/scope/facts.h"

#include <stdlib.h>

#include "countersign/v1/common.pb-c.h"

#include "proto/canonical.h"

typedef Countersign__Ledger__V1__Entry entry_t;

struct cs_fact_envelope {
    struct cs_sha256 digest;
    struct cs_buf facts; /* as cs_envelope_facts has them */
};

/* One visit; stopped once the visitor has enough. */
struct visiting {
    struct cs_fact_source *source;
    uint64_t want;
    cs_fact_visit visit;
    void *ctx;
    bool stopped;
    struct cs_note *note;
};

void cs_fact_source_done(struct cs_fact_source *s)
{
    for (size_t i = 0; s->slot != NULL && i < CS_FACT_SLOTS; i++)
        cs_buf_done(&s->slot[i].facts);
    free(s->slot);
    free(s->tbs);
    cs_arena_done(&s->arena);
    *s = (struct cs_fact_source){ 0 };
}

static void say(struct visiting *v, enum cs_fact fact, struct cs_span value)
{
    if (!v->stopped && value.len != 0)
        v->stopped = !v->visit(v->ctx, fact, value);
}

static void say_octet(struct visiting *v, enum cs_fact fact, unsigned value)
{
    uint8_t octet = (uint8_t)value;
    if (value != 0 && value < 256)
        say(v, fact, cs_span_of(&octet, 1));
}

/* ---- forms ---- */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

void cs_fact_lower(struct cs_span name, struct cs_buf *out)
{
    if (name.len != 0 && name.at[name.len - 1] == '.')
        name.len--;
    for (size_t i = 0; i < name.len; i++)
        cs_buf_put_u8(out, lower(name.at[i]));
}

void cs_fact_folded(struct cs_span text, struct cs_buf *out)
{
    bool space = false, any = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c <= ' ' || memchr(".,;\"'()", c, 7) != NULL) {
            space = true;
            continue;
        }
        if (space && any)
            cs_buf_put_u8(out, ' ');
        cs_buf_put_u8(out, lower(c));
        space = false;
        any = true;
    }
}

/* ---- TBS ---- */

static void say_dns_name(struct visiting *v, struct cs_span dns_name)
{
    CS_AUTO_BUF struct cs_buf name = { 0 };
    cs_fact_lower(dns_name, &name);
    struct cs_span rest = cs_buf_span(&name);
    say(v, CS_FACT_NAME, rest);
    if (rest.len > 2 && memcmp(rest.at, "*.", 2) == 0)
        rest = cs_span_of(rest.at + 2, rest.len - 2);
    while (rest.len != 0) {
        say(v, CS_FACT_SUFFIX, rest);
        const uint8_t *dot = memchr(rest.at, '.', rest.len);
        size_t skip = dot != NULL ? (size_t)(dot - rest.at) + 1 : rest.len;
        rest = cs_span_of(rest.at + skip, rest.len - skip);
    }
}

static void say_profile(struct visiting *v, struct cs_span policies)
{
    static const struct {
        const char *oid;
        uint8_t len, profile;
    } reserved[] = {
        { "\x67\x81\x0c\x01\x02\x01", 6, COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED },
        { "\x67\x81\x0c\x01\x02\x02", 6, COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED },
        { "\x67\x81\x0c\x01\x02\x03", 6, COUNTERSIGN__V1__PROFILE__PROFILE_INDIVIDUAL_VALIDATED },
        { "\x67\x81\x0c\x01\x01", 5, COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION },
    };
    struct cs_der_input in;
    struct cs_der r = cs_der_open(&in, policies, NULL), list, information;
    struct cs_der_tlv oid;
    if (!cs_der_enter(&r, CS_DER_SEQUENCE, "", &list))
        return;
    while (cs_der_more(&list)) {
        if (!cs_der_enter(&list, CS_DER_SEQUENCE, "", &information) ||
            !cs_der_get_tag(&information, CS_DER_OID, "", &oid))
            return;
        for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
            if (cs_span_eq(oid.value, cs_span_of(reserved[i].oid, reserved[i].len)))
                say_octet(v, CS_FACT_PROFILE, reserved[i].profile);
    }
}

static CS_RESULT say_tbs(struct visiting *v, ProtobufCBinaryData der)
{
    struct cs_fact_source *s = v->source;
    if (s->tbs == NULL)
        s->tbs = calloc(1, sizeof *s->tbs);
    if (s->tbs == NULL)
        return CS_ERR(NO_MEMORY);
    s->has_tbs = cs_ok(cs_tbs_parse(cs_proto_span(der), s->tbs, NULL));
    if (!s->has_tbs) {
        say(v, CS_FACT_UNREADABLE, cs_span_str("t"));
        return CS_OK;
    }
    const struct cs_tbs *t = s->tbs;
    for (uint32_t i = 0; i < t->n_attributes; i++) {
        if (!cs_span_eq(t->attribute[i].oid, cs_span_of("\x55\x04\x0a", 3)))
            continue;
        CS_AUTO_BUF struct cs_buf folded = { 0 };
        cs_fact_folded(t->attribute[i].value, &folded);
        say(v, CS_FACT_ORGANIZATION, cs_buf_span(&folded));
    }
    for (uint32_t i = 0; i < t->n_names && !v->stopped; i++) {
        if (t->name[i].tag == CS_SAN_DNS)
            say_dns_name(v, t->name[i].value);
        else
            say(v, CS_FACT_NAME, t->name[i].value);
    }
    const struct cs_extension *policies = cs_tbs_find(t, cs_span_of("\x55\x1d\x20", 3));
    if (policies != NULL)
        say_profile(v, policies->value);
    struct cs_sha256 key = cs_sha256(t->spki);
    say(v, CS_FACT_KEY, cs_sha256_span(&key));
    return CS_OK;
}

/* ---- evidence ---- */

static CS_RESULT envelope_of(struct visiting *v, struct cs_span digest, bool needed,
                             const struct cs_fact_envelope **out)
{
    struct cs_fact_source *s = v->source;
    if (s->slot == NULL)
        s->slot = calloc(CS_FACT_SLOTS, sizeof *s->slot);
    if (s->slot == NULL)
        return CS_ERR(NO_MEMORY);
    struct cs_fact_envelope *slot = &s->slot[((unsigned)digest.at[0] << 8 | digest.at[1]) % CS_FACT_SLOTS];
    *out = slot;
    if (slot->facts.len != 0 && cs_span_eq(cs_sha256_span(&slot->digest), digest))
        return CS_OK;
    struct cs_span envelope;
    cs_result r = cs_ledger_reader_evidence(s->reader, digest, &envelope, v->note);
    struct cs_sha256 own = { { 0 } };
    if (cs_ok(r))
        own = cs_sha256(envelope);
    bool missing = cs_is(r, CS_NUM_NOT_FOUND);
    if (missing && !needed) { /* a refusal keeps the digests of what it would not take */
        *out = NULL;
        return CS_OK;
    }
    if (missing || (cs_ok(r) && !cs_span_eq(cs_sha256_span(&own), digest))) {
        cs_note_set(v->note, missing ? "ledger: an envelope that an entry relies on is not there"
                                     : "ledger: an envelope does not digest to its name");
        return CS_ERR(STORE_CORRUPT);
    }
    CS_TRY(r);
    cs_buf_reset(&slot->facts);
    cs_arena_reset(&s->arena);
    slot->digest = own;
    cs_envelope_facts(envelope, &s->arena, &slot->facts);
    r = cs_buf_end(&slot->facts);
    if (!cs_ok(r))
        cs_buf_done(&slot->facts);
    return r;
}

static CS_RESULT say_envelope(struct visiting *v, struct cs_span digest, bool needed)
{
    const struct cs_fact_envelope *e = NULL;
    if (digest.len != CS_SHA256_LEN || v->stopped)
        return CS_OK;
    CS_TRY(envelope_of(v, digest, needed, &e));
    if (e == NULL)
        return CS_OK;
    struct cs_reader r = cs_reader_init(cs_buf_span(&e->facts));
    while (r.left != 0 && !r.failed) {
        enum cs_fact fact = (enum cs_fact)cs_get_u8(&r);
        say(v, fact, cs_get_span(&r, e->facts.len));
    }
    return CS_OK;
}

/* Those that cover a name first, then a subject: they answer most questions and are shared most. */
static CS_RESULT say_relied_on(struct visiting *v, const Countersign__Ledger__V1__Intent *m)
{
    CS_AUTO_BUF struct cs_buf done = { 0 };
    if (!cs_buf_reserve(&done, m->n_evidence_sha256s + 1))
        return CS_ERR(NO_MEMORY);
    for (size_t i = 0; i < m->n_evidence_sha256s; i++)
        cs_buf_put_u8(&done, 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < m->n_covers && round < 2; i++) {
            const Countersign__Ledger__V1__Cover *c = m->covers[i];
            int part = round == 0 ? (int)COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_NAME
                                  : (int)COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_SUBJECT;
            if ((int)c->part != part || c->evidence >= m->n_evidence_sha256s || done.at[c->evidence] != 0)
                continue;
            done.at[c->evidence] = 1;
            CS_TRY(say_envelope(v, cs_proto_span(m->evidence_sha256s[c->evidence]), true));
        }
        for (size_t i = 0; i < m->n_evidence_sha256s && round == 2; i++)
            if (done.at[i] == 0)
                CS_TRY(say_envelope(v, cs_proto_span(m->evidence_sha256s[i]), true));
    }
    return CS_OK;
}

/* ---- entries ---- */

static void say_caller(struct visiting *v, const Countersign__Ledger__V1__Caller *c)
{
    if (c == NULL)
        return;
    say(v, CS_FACT_CLIENT, cs_proto_span(c->client));
    say(v, CS_FACT_API_VERSION, cs_proto_span(c->api_version));
}

static void say_digests(struct visiting *v, size_t n, const ProtobufCBinaryData *at)
{
    for (size_t i = 0; i < n; i++)
        say(v, CS_FACT_EVIDENCE, cs_proto_span(at[i]));
}

static CS_RESULT say_intent(struct visiting *v, const Countersign__Ledger__V1__Intent *m)
{
    say_caller(v, m->caller);
    say(v, CS_FACT_ISSUER, cs_proto_span(m->issuer));
    say(v, CS_FACT_ACCOUNT, cs_proto_span(m->account));
    say(v, CS_FACT_ORDER, cs_proto_span(m->order_id));
    say(v, CS_FACT_REQUEST, cs_proto_span(m->request_id));
    say(v, CS_FACT_SERIAL, cs_proto_span(m->serial));
    say(v, CS_FACT_POLICY, cs_proto_span(m->policy_sha256));
    say_octet(v, CS_FACT_SIGN_KIND, (unsigned)m->kind);
    say_digests(v, m->n_evidence_sha256s, m->evidence_sha256s);
    if (!v->stopped && (v->want & CS_FACTS_OF_TBS) != 0)
        CS_TRY(say_tbs(v, m->tbs));
    if (!v->stopped && (v->want & CS_FACTS_OF_EVIDENCE) != 0)
        CS_TRY(say_relied_on(v, m));
    return CS_OK;
}

static CS_RESULT say_refusal(struct visiting *v, const Countersign__Ledger__V1__Refusal *m)
{
    say_caller(v, m->caller);
    say(v, CS_FACT_ISSUER, cs_proto_span(m->issuer));
    say(v, CS_FACT_ACCOUNT, cs_proto_span(m->account));
    say(v, CS_FACT_ORDER, cs_proto_span(m->order_id));
    say(v, CS_FACT_REQUEST, cs_proto_span(m->request_id));
    say(v, CS_FACT_POLICY, cs_proto_span(m->policy_sha256));
    say_digests(v, m->n_evidence_sha256s, m->evidence_sha256s);
    for (size_t i = 0; i < m->n_reasons; i++) {
        struct cs_span subject = cs_proto_span(m->reasons[i]->subject);
        say(v, CS_FACT_RULE, cs_proto_span(m->reasons[i]->rule));
        if (subject.len > 4 && memcmp(subject.at, "dns:", 4) == 0)
            say_dns_name(v, cs_span_of(subject.at + 4, subject.len - 4));
    }
    for (size_t i = 0; i < m->n_evidence_sha256s && (v->want & CS_FACTS_OF_EVIDENCE) != 0; i++)
        CS_TRY(say_envelope(v, cs_proto_span(m->evidence_sha256s[i]), false));
    return CS_OK;
}

static CS_RESULT say_authorization(struct visiting *v, const Countersign__Ledger__V1__Authorization *m)
{
    say_caller(v, m->caller);
    say(v, CS_FACT_ISSUER, cs_proto_span(m->issuer));
    say(v, CS_FACT_ACCOUNT, cs_proto_span(m->account));
    say(v, CS_FACT_ORDER, cs_proto_span(m->order_id));
    say(v, CS_FACT_REQUEST, cs_proto_span(m->request_id));
    say(v, CS_FACT_POLICY, cs_proto_span(m->policy_sha256));
    say_digests(v, m->n_evidence_sha256s, m->evidence_sha256s);
    if (!v->stopped && (v->want & CS_FACTS_OF_TBS) != 0)
        CS_TRY(say_tbs(v, m->tbs));
    for (size_t i = 0; i < m->n_evidence_sha256s && (v->want & CS_FACTS_OF_EVIDENCE) != 0; i++)
        CS_TRY(say_envelope(v, cs_proto_span(m->evidence_sha256s[i]), true));
    return CS_OK;
}

/* A deposit, a hold, a recall: one envelope. */
static CS_RESULT say_one_envelope(struct visiting *v, const Countersign__Ledger__V1__Caller *caller,
                                  ProtobufCBinaryData digest)
{
    say_caller(v, caller);
    say(v, CS_FACT_EVIDENCE, cs_proto_span(digest));
    return (v->want & CS_FACTS_OF_EVIDENCE) != 0 ? say_envelope(v, cs_proto_span(digest), true) : CS_OK;
}

static void say_operators(struct visiting *v, size_t n, const ProtobufCBinaryData *at)
{
    for (size_t i = 0; i < n; i++)
        say(v, CS_FACT_PERSON, cs_proto_span(at[i]));
}

CS_RESULT cs_facts_of(struct cs_fact_source *s, const entry_t *e, uint64_t want, cs_fact_visit visit,
                      void *ctx, struct cs_note *note)
{
    struct visiting v = { s, want, visit, ctx, false, note };
    s->has_tbs = false;
    say_octet(&v, CS_FACT_KIND, (unsigned)e->body_case);
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return say_intent(&v, e->intent);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        return say_refusal(&v, e->refusal);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        return say_authorization(&v, e->authorization);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        say(&v, CS_FACT_ACCOUNT, cs_proto_span(e->deposit->account));
        return say_one_envelope(&v, e->deposit->caller, e->deposit->evidence_sha256);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
        say(&v, CS_FACT_HOLD, cs_proto_span(e->hold->hold_id));
        say_operators(&v, e->hold->n_operators, e->hold->operators);
        return say_one_envelope(&v, e->hold->caller, e->hold->evidence_sha256);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        say_operators(&v, e->recall->n_operators, e->recall->operators);
        return say_one_envelope(&v, e->recall->caller, e->recall->evidence_sha256);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_POLICY:
        say(&v, CS_FACT_POLICY, cs_proto_span(e->policy->policy_sha256));
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_START:
        say(&v, CS_FACT_POLICY, cs_proto_span(e->start->policy_sha256));
        return CS_OK;
    default: /* an outcome is found through its intent */
        return CS_OK;
    }
}
