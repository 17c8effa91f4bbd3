/*
 * O01, O02: the subject without commonName is, attribute by attribute, what vetting specialists signed
 * for the account. Of one record only the newest version speaks, whatever its profile: what it replaced
 * is out of date. EV, and any change of a record, take two different people.
 */
#include "proxy/gate/rules/rows.h"

#include "countersign/ledger/v1/entry.pb-c.h"
#include "proxy/policy/names.h"

typedef Countersign__V1__OrganizationIdentity identity_t;

enum { EV_IDENTITY_MAX_S = 398 * 86400, TWO_PEOPLE = 2 };

/* The part of the subject that must be attested. */
struct subject {
    uint32_t n;
    const struct cs_attribute *attribute[CS_TBS_ATTRIBUTES_MAX];
};

static struct subject subject_of(const struct cs_tbs *t)
{
    struct subject s = { 0 };
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (!cs_attribute_is(&t->attribute[i], CS_OID_CN, 3))
            s.attribute[s.n++] = &t->attribute[i];
    return s;
}

static const identity_t *identity_of(const struct cs_evidence *e)
{
    return e->statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY
               ? e->statement->organization_identity
               : NULL;
}

static bool is_live(const struct cs_case *c, const struct cs_evidence *e)
{
    return e->statement->header->expires_at_unix_s > c->f->now_unix_s;
}

static bool same_account(const struct cs_case *c, const struct cs_evidence *e)
{
    return c->order == NULL || cs_span_eq(cs_evidence_account(e), c->account);
}

static const struct cs_evidence *newer_version(const struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *mine = identity_of(e);
    for (uint32_t i = 0; i < c->f->n_evidence; i++) {
        const struct cs_evidence *other = &c->f->evidence[i];
        const identity_t *theirs = identity_of(other);
        if (theirs != NULL && theirs->record_version > mine->record_version &&
            cs_span_eq(cs_bytes(theirs->record_id), cs_bytes(mine->record_id)) &&
            cs_span_eq(cs_evidence_account(other), cs_evidence_account(e)))
            return other;
    }
    return NULL;
}

static bool attribute_equals(const struct cs_attribute *a, const Countersign__V1__SubjectAttribute *b)
{
    return cs_span_eq(a->oid, cs_bytes(b->oid)) && a->tag == (unsigned)b->string_type &&
           cs_span_eq(a->value, cs_bytes(b->value));
}

static uint32_t n_equal(const struct subject *s, const identity_t *o)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < o->n_attributes; k++)
            if (attribute_equals(s->attribute[i], o->attributes[k])) {
                n++;
                break;
            }
    return n;
}

static bool attributes_are_identical(const struct subject *s, const identity_t *o)
{
    bool same = s->n == o->n_attributes;
    for (uint32_t i = 0; same && i < s->n; i++)
        same = attribute_equals(s->attribute[i], o->attributes[i]);
    return same;
}

/* Different people, as far as the policy tells keys apart by their holders. */
static uint32_t n_people(const struct cs_case *c, const struct cs_evidence *e)
{
    const struct cs_policy *p = c->f->policy;
    uint32_t n = 0, n_signers = e->n_signers < CS_SIGNATURES_MAX ? e->n_signers : CS_SIGNATURES_MAX;
    for (uint32_t i = 0; i < n_signers; i++) {
        bool again = e->signer[i] >= p->n_attesters;
        for (uint32_t k = 0; k < i && !again; k++) {
            if (e->signer[k] >= p->n_attesters)
                continue;
            struct cs_span a = p->attester[e->signer[i]].person, b = p->attester[e->signer[k]].person;
            again = e->signer[i] == e->signer[k] || (a.len != 0 && cs_span_eq(a, b));
        }
        n += !again;
    }
    return n;
}

static uint32_t people_needed(const struct cs_case *c, const identity_t *o)
{
    uint32_t n = c->f->policy->limits.organization_signers;
    bool two = o->profile == COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION ||
               o->previous_statement_sha256.len != 0;
    if (n == 0)
        n = 1;
    return two && n < TWO_PEOPLE ? TWO_PEOPLE : n;
}

static int64_t oldest_of(const identity_t *o)
{
    int64_t t = o->oldest_data_at_unix_s;
    for (size_t i = 0; i < o->n_sources; i++)
        if (o->sources[i]->retrieved_at_unix_s < t)
            t = o->sources[i]->retrieved_at_unix_s;
    return t;
}

/* EVG 3.2.2.14.3 had 398 days before BR 4.2.1 had. */
static uint32_t own_limit_s(const identity_t *o)
{
    return o->profile == COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION ? EV_IDENTITY_MAX_S : 0;
}

/* ---- what is wrong with one statement, besides its attributes ---- */

static const char *show_record(const struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = identity_of(e);
    return cs_arena_printf(c->arena, "%s, record %s version %llu", e->label,
                           cs_show_text(c->arena, cs_bytes(o->record_id)),
                           (unsigned long long)o->record_version);
}

static bool statement_may_speak(struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = identity_of(e);
    const struct cs_evidence *newer = newer_version(c, e);
    uint32_t people = n_people(c, e), needed = people_needed(c, o);
    bool ok = true;
    if (!same_account(c, e))
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s is of account %s", show_record(c, e),
                                       cs_show_text(c->arena, cs_evidence_account(e))),
                       "an OrganizationIdentity of account %s", cs_show_text(c->arena, c->account));
    if ((int)o->profile != c->profile)
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s is for %s", show_record(c, e),
                                       cs_profile_name((int)o->profile)),
                       "an OrganizationIdentity for %s", cs_profile_name(c->profile));
    if (newer != NULL)
        ok = cs_refuse(c, "subject", cs_arena_printf(c->arena, "%s is replaced", show_record(c, e)),
                       "what %s says", show_record(c, newer));
    if (people < needed)
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s is signed by %u different people", show_record(c, e),
                                       people),
                       "signatures of at least %u different vetting specialists", needed);
    if (!is_live(c, e))
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s expired at %s", show_record(c, e),
                                       cs_show_time(c->arena, e->statement->header->expires_at_unix_s)),
                       "a statement that is live now");
    return ok;
}

static bool statement_could_speak(const struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = identity_of(e);
    return same_account(c, e) && (int)o->profile == c->profile && is_live(c, e) &&
           n_people(c, e) >= people_needed(c, o) && newer_version(c, e) == NULL;
}

/* O02 */
static bool identity_is_young_enough(struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = identity_of(e);
    int64_t limit = cs_age_limit_s(c->f, CS_AGE_IDENTITY, own_limit_s(o));
    int64_t age = cs_age_s(c->f->now_unix_s, oldest_of(o));
    if (age <= limit && age >= -(int64_t)c->f->policy->limits.clock_skew_s)
        return true;
    enum cs_rule mine = c->rule;
    c->rule = CS_RULE_O02;
    (void)cs_refuse(c, "subject",
                    cs_arena_printf(c->arena, "%s rests on data of %s", show_record(c, e),
                                    cs_show_time(c->arena, oldest_of(o))),
                    "data of %s or later, and not after now",
                    cs_show_time(c->arena, c->f->now_unix_s - limit));
    c->rule = mine;
    return false;
}

/* ---- differences, attribute by attribute ---- */

static const char *type_name(unsigned tag)
{
    return tag == 0x0c   ? "UTF8String"
           : tag == 0x13 ? "PrintableString"
           : tag == 0x16 ? "IA5String"
                         : "other type";
}

static const char *show_value(const struct cs_case *c, unsigned tag, struct cs_span value)
{
    return cs_arena_printf(c->arena, "\"%s\" (%s)", cs_show_text(c->arena, value), type_name(tag));
}

/* The k-th attribute of this type in the statement, or NULL. */
static const Countersign__V1__SubjectAttribute *attested(const identity_t *o, struct cs_span oid, uint32_t k)
{
    for (size_t i = 0; i < o->n_attributes; i++)
        if (cs_span_eq(cs_bytes(o->attributes[i]->oid), oid) && k-- == 0)
            return o->attributes[i];
    return NULL;
}

static uint32_t n_before(const struct subject *s, uint32_t i)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < i; k++)
        n += cs_span_eq(s->attribute[k]->oid, s->attribute[i]->oid);
    return n;
}

static void say_differences(struct cs_case *c, const struct subject *s, const struct cs_evidence *e)
{
    const identity_t *o = identity_of(e);
    bool said = false;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct cs_attribute *a = s->attribute[i];
        const Countersign__V1__SubjectAttribute *b = attested(o, a->oid, n_before(s, i));
        if (b != NULL && attribute_equals(a, b))
            continue;
        said = true;
        (void)cs_refuse(c, cs_show_attribute(c->arena, a->oid), show_value(c, a->tag, a->value), "%s (%s)",
                        b != NULL ? show_value(c, (unsigned)b->string_type, cs_bytes(b->value))
                                  : "no such attribute",
                        show_record(c, e));
    }
    for (size_t i = 0; i < o->n_attributes; i++) {
        const Countersign__V1__SubjectAttribute *b = o->attributes[i];
        uint32_t n_theirs = 0, n_mine = 0;
        for (size_t k = 0; k <= i; k++)
            n_theirs += cs_span_eq(cs_bytes(o->attributes[k]->oid), cs_bytes(b->oid));
        for (uint32_t k = 0; k < s->n; k++)
            n_mine += cs_span_eq(s->attribute[k]->oid, cs_bytes(b->oid));
        if (n_mine >= n_theirs)
            continue;
        said = true;
        (void)cs_refuse(c, cs_show_attribute(c->arena, cs_bytes(b->oid)), "absent", "%s (%s)",
                        show_value(c, (unsigned)b->string_type, cs_bytes(b->value)), show_record(c, e));
    }
    if (!said)
        (void)cs_refuse(c, "subject", "the attested attributes in another order", "the order of %s",
                        show_record(c, e));
}

static void say_nothing_attested(struct cs_case *c, const struct subject *s)
{
    const char *account = c->order != NULL
                              ? cs_arena_printf(c->arena, "account %s", cs_show_text(c->arena, c->account))
                              : "the account that orders";
    const char *profile = cs_profile_name(c->profile);
    for (uint32_t i = 0; i < s->n; i++)
        (void)cs_refuse(c, cs_show_attribute(c->arena, s->attribute[i]->oid),
                        cs_arena_printf(c->arena, "%s, which no statement attests",
                                        show_value(c, s->attribute[i]->tag, s->attribute[i]->value)),
                        "an OrganizationIdentity of %s for %s with this attribute", account, profile);
    if (s->n == 0)
        (void)cs_refuse(c, "subject", "no attributes to identify anybody, and no statement",
                        "the attributes of an OrganizationIdentity of %s for %s", account, profile);
}

/* ---- the rule ---- */

static void cover_subject(struct cs_case *c, const struct cs_evidence *e)
{
    if (c->order == NULL)
        return;
    const identity_t *o = identity_of(e);
    int64_t expires = e->statement->header->expires_at_unix_s;
    int64_t ages = cs_age_end_unix_s(c->f, CS_AGE_IDENTITY, own_limit_s(o), oldest_of(o));
    const struct cs_cover cover = {
        .subject = "subject",
        .part = COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_SUBJECT,
        .evidence = (uint32_t)(e - c->f->evidence),
        .age_s = cs_age_s(c->f->now_unix_s, oldest_of(o)),
        .good_until_unix_s = ages < expires ? ages : expires,
    };
    cs_verdict_cover(c->v, &cover);
}

/* The statement to compare with when none fits: one that could speak before one that could not, then
 * the one with most attributes equal, then the newest. */
static const struct cs_evidence *nearest_statement(const struct cs_case *c, const struct subject *s)
{
    const struct cs_evidence *best = NULL;
    uint64_t best_score = 0;
    for (uint32_t i = 0; i < c->f->n_evidence; i++) {
        const struct cs_evidence *e = &c->f->evidence[i];
        const identity_t *o = identity_of(e);
        if (o == NULL)
            continue;
        uint64_t version = o->record_version < UINT32_MAX ? o->record_version : UINT32_MAX;
        uint64_t score = (uint64_t)statement_could_speak(c, e) << 63 | (uint64_t)same_account(c, e) << 62 |
                         (uint64_t)n_equal(s, o) << 32 | version;
        if (best == NULL || score > best_score) {
            best = e;
            best_score = score;
        }
    }
    return best;
}

/* O01, and O02 for the statement that fits. */
bool cs_subject_is_attested(struct cs_case *c)
{
    const struct subject s = subject_of(c->f->tbs);
    bool dv = c->profile == COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED;
    if (c->profile == 0 ? s.n == 0 : dv && s.n == 0)
        return true; /* nothing is claimed; without a profile T12 refuses */
    const struct cs_evidence *fits = NULL;
    bool young = false;
    for (uint32_t i = 0; i < c->f->n_evidence && !young; i++) {
        const struct cs_evidence *e = &c->f->evidence[i];
        if (identity_of(e) == NULL || !statement_could_speak(c, e) ||
            !attributes_are_identical(&s, identity_of(e)))
            continue;
        struct cs_verdict aside = { .arena = c->arena };
        struct cs_verdict *v = c->v;
        c->v = &aside;
        young = identity_is_young_enough(c, e);
        c->v = v;
        fits = e;
    }
    if (young) {
        cover_subject(c, fits);
        return true;
    }
    if (fits != NULL)
        return identity_is_young_enough(c, fits);
    const struct cs_evidence *nearest = nearest_statement(c, &s);
    if (nearest == NULL) {
        say_nothing_attested(c, &s);
        return false;
    }
    (void)statement_may_speak(c, nearest);
    if (!attributes_are_identical(&s, identity_of(nearest)))
        say_differences(c, &s, nearest);
    (void)identity_is_young_enough(c, nearest);
    return false;
}
