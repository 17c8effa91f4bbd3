/*
 * O05, the organisation guard: when a subject names another organisation, place or person than the
 * account's newest certificate did, one specialist's word is not enough. Two people attest the change
 * within days, knowing what they replace: they name the statement the last certificate relied on.
 */
#include "proxy/gate/rules/identity.h"

typedef Countersign__V1__OrganizationIdentity identity_t;

enum { CHANGE_FRESH_S = 30 * 86400 };

/* What makes an identity, by type. Attributes of incorporation are compared only when both subjects have
 * some: an account may hold OV and EV certificates of the same organisation. */
static const struct {
    const char *oid;
    uint8_t len;
    bool of_incorporation;
} watched[] = {
    { "\x55\x04\x0a", 3, false },                                 /* O */
    { "\x55\x04\x07", 3, false },                                 /* L */
    { "\x55\x04\x08", 3, false },                                 /* ST */
    { "\x55\x04\x06", 3, false },                                 /* C */
    { "\x55\x04\x2a", 3, false },                                 /* givenName */
    { "\x55\x04\x04", 3, false },                                 /* surname */
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", 11, true }, /* jurisdictionLocality */
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", 11, true }, /* jurisdictionStateOrProvince */
    { "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 11, true }, /* jurisdictionCountry */
};
enum { N_WATCHED = sizeof watched / sizeof *watched };

struct subjects {
    uint32_t n_old;
    struct cs_attribute old[CS_TBS_ATTRIBUTES_MAX];
    const struct cs_tbs *now;
    bool both_incorporated;
};

bool cs_subject_names_somebody(const struct cs_tbs *t)
{
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (cs_attribute_is(&t->attribute[i], "\x55\x04\x0a", 3) ||
            cs_attribute_is(&t->attribute[i], "\x55\x04\x2a", 3) ||
            cs_attribute_is(&t->attribute[i], "\x55\x04\x04", 3))
            return true;
    return false;
}

static bool is_incorporated(const struct cs_attribute *a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (size_t w = 0; w < N_WATCHED; w++)
            if (watched[w].of_incorporation && cs_attribute_is(&a[i], watched[w].oid, watched[w].len))
                return true;
    return false;
}

/* The k-th attribute of the watched type w, or NULL. */
static const struct cs_attribute *nth(const struct cs_attribute *a, uint32_t n, size_t w, uint32_t k)
{
    for (uint32_t i = 0; i < n; i++)
        if (cs_attribute_is(&a[i], watched[w].oid, watched[w].len) && k-- == 0)
            return &a[i];
    return NULL;
}

static bool same_value(const struct cs_attribute *a, const struct cs_attribute *b)
{
    return a != NULL && b != NULL && cs_span_eq(a->value, b->value);
}

/* Both subjects; false when there is nothing to compare. The ledger's bytes were part of a judged TBS. */
static bool subjects_of(const struct cs_case *c, struct subjects *out)
{
    const struct cs_subject_fact *last = c->last_subject;
    out->now = c->f->tbs;
    if (last == NULL || last->seq == 0 || !cs_subject_names_somebody(c->f->tbs))
        return false;
    if (!cs_ok(cs_name_parse(last->subject, out->old, CS_TBS_ATTRIBUTES_MAX, &out->n_old, NULL)))
        out->n_old = 0; /* then everything differs */
    out->both_incorporated =
        is_incorporated(out->old, out->n_old) && is_incorporated(out->now->attribute, out->now->n_attributes);
    return true;
}

static const char *show(const struct cs_case *c, const struct cs_attribute *a)
{
    return a != NULL ? cs_identity_show_value(c, a->tag, a->value) : "absent";
}

/* Side by side, attribute by attribute; with say false, only whether there is a difference. */
static bool differ(struct cs_case *c, const struct subjects *s, bool say)
{
    bool any = false;
    for (size_t w = 0; w < N_WATCHED; w++) {
        if (watched[w].of_incorporation && !s->both_incorporated)
            continue;
        for (uint32_t k = 0;; k++) {
            const struct cs_attribute *old = nth(s->old, s->n_old, w, k);
            const struct cs_attribute *new = nth(s->now->attribute, s->now->n_attributes, w, k);
            if (old == NULL && new == NULL)
                break;
            if (same_value(old, new))
                continue;
            any = true;
            if (say)
                (void)cs_refuse(
                    c, cs_show_attribute(c->arena, cs_span_of(watched[w].oid, watched[w].len)), show(c, new),
                    "%s, as in the account's last certificate (entry %llu), or a change attested afresh by "
                    "two people",
                    show(c, old), (unsigned long long)c->last_subject->seq);
        }
    }
    return any;
}

bool cs_subject_is_changed(const struct cs_case *c)
{
    struct subjects s;
    struct cs_case quiet = *c;
    return subjects_of(c, &s) && differ(&quiet, &s, false);
}

bool cs_identity_vouches_for_change(struct cs_case *c, const struct cs_evidence *e, bool say)
{
    const identity_t *o = cs_identity_of(e);
    const struct cs_subject_fact *last = c->last_subject;
    int64_t since = c->f->now_unix_s - CHANGE_FRESH_S, issued = e->statement->header->issued_at_unix_s;
    uint32_t people = cs_identity_people(c, e, (struct cs_people_of){ .since_unix_s = since, .named = true });
    struct cs_span previous = cs_bytes(o->previous_statement_sha256);
    bool fresh = issued >= since, two = people >= CS_TWO_PEOPLE;
    bool named = cs_span_eq(previous, cs_sha256_span(&last->identity_sha256));
    if (!say)
        return fresh && two && named;
    const char *it = cs_identity_show(c, e);
    if (!fresh)
        (void)cs_refuse(c, "subject",
                        cs_arena_printf(c->arena, "%s was issued at %s", it, cs_show_time(c->arena, issued)),
                        "a statement of the change issued at %s or later (%d days)",
                        cs_show_time(c->arena, since), CHANGE_FRESH_S / 86400);
    if (!two)
        (void)cs_refuse(
            c, "subject",
            cs_arena_printf(c->arena, "%s: %u named %s signed what it says in the last %d days", it, people,
                            people == 1 ? "person" : "people", CHANGE_FRESH_S / 86400),
            "two different people whose keys the policy names, on one statement or on two that say the same");
    if (!named)
        (void)cs_refuse(c, "subject",
                        cs_arena_printf(c->arena, "%s names %s as its previous version", it,
                                        previous.len == 0 ? "none" : cs_show_hex(c->arena, previous)),
                        "previous_statement_sha256 %s: the statement that entry %llu relied on",
                        cs_show_hex(c->arena, cs_sha256_span(&last->identity_sha256)),
                        (unsigned long long)last->seq);
    return fresh && two && named;
}

/* What was said about this subject when O01 found no statement that may speak: to tell what it lacks. */
static const struct cs_evidence *what_was_said(const struct cs_case *c)
{
    for (uint32_t i = 0; i < c->f->n_evidence; i++) {
        const struct cs_evidence *e = &c->f->evidence[i];
        if (cs_identity_of(e) != NULL && cs_identity_is_of_account(c, e) && cs_identity_is_live(c, e) &&
            (int)cs_identity_of(e)->profile == c->profile &&
            cs_identity_attests_subject(c->f->tbs, cs_identity_of(e)))
            return e;
    }
    return NULL;
}

/* O05 */
bool cs_organization_change_is_vouched_for(struct cs_case *c)
{
    struct subjects s;
    if (!subjects_of(c, &s) || !differ(c, &s, false))
        return true;
    const struct cs_evidence *e = c->identity != NULL ? c->identity : what_was_said(c);
    if (e != NULL && cs_identity_vouches_for_change(c, e, false))
        return true;
    (void)differ(c, &s, true);
    if (e != NULL)
        return cs_identity_vouches_for_change(c, e, true);
    return cs_refuse(c, "subject", "no statement attests the change",
                     "an OrganizationIdentity of two people with previous_statement_sha256 %s",
                     cs_show_hex(c->arena, cs_sha256_span(&c->last_subject->identity_sha256)));
}
