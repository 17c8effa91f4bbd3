/*
 * O01, O02: the subject without commonName is, attribute by attribute, what vetting specialists signed
 * for the account. Of one record only the newest version speaks, whatever its profile: what it replaced
 * is out of date. EV, and any change of a record, take two different people.
 */
#include "proxy/gate/rules/identity.h"

#include "countersign/ledger/v1/entry.pb-c.h"
#include "proxy/policy/names.h"

typedef Countersign__V1__OrganizationIdentity identity_t;

enum { EV_IDENTITY_MAX_S = 398 * 86400 };

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

static const struct cs_evidence *newer_version(const struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *mine = cs_identity_of(e);
    for (uint32_t i = 0; i < c->f->n_evidence; i++) {
        const struct cs_evidence *other = &c->f->evidence[i];
        const identity_t *theirs = cs_identity_of(other);
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

static uint32_t n_people(const struct cs_case *c, const struct cs_evidence *e, bool alone)
{
    return cs_identity_people(c, e, (struct cs_people_of){ .since_unix_s = INT64_MIN, .alone = alone });
}

static uint32_t people_needed(const struct cs_case *c, const identity_t *o)
{
    uint32_t n = c->f->policy->limits.organization_signers;
    bool two = o->profile == COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION ||
               o->previous_statement_sha256.len != 0;
    if (n == 0)
        n = 1;
    return two && n < CS_TWO_PEOPLE ? CS_TWO_PEOPLE : n;
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

static bool statement_may_speak(struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = cs_identity_of(e);
    const struct cs_evidence *newer = newer_version(c, e);
    uint32_t people = n_people(c, e, false), needed = people_needed(c, o);
    bool ok = true;
    if (!cs_identity_is_of_account(c, e))
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s is of account %s", cs_identity_show(c, e),
                                       cs_show_text(c->arena, cs_evidence_account(e))),
                       "an OrganizationIdentity of account %s", cs_show_text(c->arena, c->account));
    if ((int)o->profile != c->profile)
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s is for %s", cs_identity_show(c, e),
                                       cs_profile_name((int)o->profile)),
                       "an OrganizationIdentity for %s", cs_profile_name(c->profile));
    if (newer != NULL)
        ok = cs_refuse(c, "subject", cs_arena_printf(c->arena, "%s is replaced", cs_identity_show(c, e)),
                       "what %s says", cs_identity_show(c, newer));
    if (people < needed)
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s is signed by %u different people",
                                       cs_identity_show(c, e), people),
                       "signatures of at least %u different vetting specialists", needed);
    if (!cs_identity_is_live(c, e))
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s expired at %s", cs_identity_show(c, e),
                                       cs_show_time(c->arena, e->statement->header->expires_at_unix_s)),
                       "a statement that is live now");
    return ok;
}

static bool statement_could_speak(const struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = cs_identity_of(e);
    return cs_identity_is_of_account(c, e) && (int)o->profile == c->profile && cs_identity_is_live(c, e) &&
           n_people(c, e, false) >= people_needed(c, o) && newer_version(c, e) == NULL;
}

/* O02 */
static bool identity_is_young_enough(struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = cs_identity_of(e);
    int64_t limit = cs_age_limit_s(c->f, CS_AGE_IDENTITY, own_limit_s(o));
    int64_t age = cs_age_s(c->f->now_unix_s, oldest_of(o));
    if (age <= limit && age >= -(int64_t)c->f->policy->limits.clock_skew_s)
        return true;
    enum cs_rule mine = c->rule;
    c->rule = CS_RULE_O02;
    (void)cs_refuse(c, "subject",
                    cs_arena_printf(c->arena, "%s rests on data of %s", cs_identity_show(c, e),
                                    cs_show_time(c->arena, oldest_of(o))),
                    "data of %s or later, and not after now",
                    cs_show_time(c->arena, c->f->now_unix_s - limit));
    c->rule = mine;
    return false;
}

/* ---- differences, attribute by attribute ---- */

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
    const identity_t *o = cs_identity_of(e);
    bool said = false;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct cs_attribute *a = s->attribute[i];
        const Countersign__V1__SubjectAttribute *b = attested(o, a->oid, n_before(s, i));
        if (b != NULL && attribute_equals(a, b))
            continue;
        said = true;
        (void)cs_refuse(c, cs_show_attribute(c->arena, a->oid), cs_identity_show_value(c, a->tag, a->value),
                        "%s (%s)",
                        b != NULL ? cs_identity_show_value(c, (unsigned)b->string_type, cs_bytes(b->value))
                                  : "no such attribute",
                        cs_identity_show(c, e));
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
                        cs_identity_show_value(c, (unsigned)b->string_type, cs_bytes(b->value)),
                        cs_identity_show(c, e));
    }
    if (!said)
        (void)cs_refuse(c, "subject", "the attested attributes in another order", "the order of %s",
                        cs_identity_show(c, e));
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
                                        cs_identity_show_value(c, s->attribute[i]->tag,
                                                               s->attribute[i]->value)),
                        "an OrganizationIdentity of %s for %s with this attribute", account, profile);
    if (s->n == 0)
        (void)cs_refuse(c, "subject", "no attributes to identify anybody, and no statement",
                        "the attributes of an OrganizationIdentity of %s for %s", account, profile);
}

/* ---- the rule ---- */

static void cover_with(struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = cs_identity_of(e);
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

/* The statement itself first; then those that agree, when it takes them to have people enough. */
static void cover_subject(struct cs_case *c, const struct cs_evidence *e)
{
    if (c->order == NULL)
        return;
    cover_with(c, e);
    if (!cs_subject_is_changed(c) && n_people(c, e, true) >= people_needed(c, cs_identity_of(e)))
        return;
    for (uint32_t i = 0; i < c->f->n_evidence; i++)
        if (&c->f->evidence[i] != e && cs_identities_agree(c, e, &c->f->evidence[i]))
            cover_with(c, &c->f->evidence[i]);
}

/* The statement to compare with when none fits: one that could speak before one that could not, then
 * the one with most attributes equal, then the newest. */
static const struct cs_evidence *nearest_statement(const struct cs_case *c, const struct subject *s)
{
    const struct cs_evidence *best = NULL;
    uint64_t best_score = 0;
    for (uint32_t i = 0; i < c->f->n_evidence; i++) {
        const struct cs_evidence *e = &c->f->evidence[i];
        const identity_t *o = cs_identity_of(e);
        if (o == NULL)
            continue;
        uint64_t version = o->record_version < UINT32_MAX ? o->record_version : UINT32_MAX;
        uint64_t score = (uint64_t)statement_could_speak(c, e) << 63 |
                         (uint64_t)cs_identity_is_of_account(c, e) << 62 | (uint64_t)n_equal(s, o) << 32 |
                         version;
        if (best == NULL || score > best_score) {
            best = e;
            best_score = score;
        }
    }
    return best;
}

/* How many of the rules on a statement that fits it keeps, all of them quietly. */
static uint32_t n_kept(struct cs_case *c, const struct cs_evidence *e)
{
    struct cs_verdict aside = { .arena = c->arena };
    struct cs_case quiet = *c;
    quiet.v = &aside;
    quiet.identity = e;
    return (uint32_t)identity_is_young_enough(&quiet, e) + cs_request_is_authentic(&quiet) +
           cs_identity_was_reviewed_by_others(&quiet) +
           (!cs_subject_is_changed(c) || cs_identity_vouches_for_change(&quiet, e, false));
}

/* Of the statements that may speak and say exactly this, the first that keeps most rules. */
static const struct cs_evidence *best_fit(struct cs_case *c)
{
    const struct cs_evidence *best = NULL;
    uint32_t best_kept = 0;
    for (uint32_t i = 0; i < c->f->n_evidence; i++) {
        const struct cs_evidence *e = &c->f->evidence[i];
        if (cs_identity_of(e) == NULL || !statement_could_speak(c, e) ||
            !cs_identity_attests_subject(c->f->tbs, cs_identity_of(e)))
            continue;
        uint32_t kept = n_kept(c, e);
        if (best == NULL || kept > best_kept) {
            best = e;
            best_kept = kept;
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
    c->identity = best_fit(c);
    if (c->identity != NULL) {
        bool young = identity_is_young_enough(c, c->identity);
        if (young)
            cover_subject(c, c->identity);
        return young;
    }
    const struct cs_evidence *nearest = nearest_statement(c, &s);
    if (nearest == NULL) {
        say_nothing_attested(c, &s);
        return false;
    }
    (void)statement_may_speak(c, nearest);
    if (!cs_identity_attests_subject(c->f->tbs, cs_identity_of(nearest)))
        say_differences(c, &s, nearest);
    (void)identity_is_young_enough(c, nearest);
    return false;
}
