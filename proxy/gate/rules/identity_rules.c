/* O03, O04, O06, O07: how the identity was verified, by whom, where it is registered, and who asked. */
#include "proxy/gate/rules/identity.h"

#include "proxy/policy/names.h"

typedef Countersign__V1__OrganizationIdentity identity_t;

#define OID_SERIAL_NUMBER "\x55\x04\x05"
#define OID_INCORPORATION \
    "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01" /* and 01 locality, 02 state, 03 country */

/* O03. What was confirmed is reused no longer than the other identity data (BR 4.2.1). */
bool cs_request_is_authentic(struct cs_case *c)
{
    if (c->identity == NULL)
        return true; /* O01 refuses, or nobody is named */
    const Countersign__V1__RequestAuthenticity *a = cs_identity_of(c->identity)->authenticity;
    const char *it = cs_identity_show(c, c->identity);
    if (a == NULL || a->method.len == 0 || a->contact_source.len == 0)
        return cs_refuse(c, "subject",
                         cs_arena_printf(c->arena, "%s does not say how the request was confirmed", it),
                         "a reliable method of communication, with the source of its contact data");
    int64_t age = cs_age_s(c->f->now_unix_s, a->confirmed_at_unix_s);
    int64_t limit = cs_age_limit_s(c->f, CS_AGE_IDENTITY, 0);
    if (age <= limit && age >= -(int64_t)c->f->policy->limits.clock_skew_s)
        return true;
    return cs_refuse(c, "subject",
                     cs_arena_printf(c->arena, "%s: confirmed at %s", it,
                                     cs_show_time(c->arena, a->confirmed_at_unix_s)),
                     "confirmed at %s or later, and not after now",
                     cs_show_time(c->arena, c->f->now_unix_s - limit));
}

/* ---- O04 ---- */

static bool is_among(ProtobufCBinaryData person, size_t n, const ProtobufCBinaryData *people)
{
    for (size_t i = 0; i < n; i++)
        if (cs_span_eq(cs_bytes(person), cs_bytes(people[i])))
            return true;
    return false;
}

static bool did_both(struct cs_case *c, ProtobufCBinaryData person, const char *one, const char *other)
{
    return cs_refuse(c, "subject",
                     cs_arena_printf(c->arena, "%s: %s %s and %s", cs_identity_show(c, c->identity),
                                     cs_show_text(c->arena, cs_bytes(person)), one, other),
                     "different people, for extended validation");
}

/* O04 */
bool cs_identity_was_reviewed_by_others(struct cs_case *c)
{
    if (c->identity == NULL || c->profile != COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION)
        return true;
    const identity_t *o = cs_identity_of(c->identity);
    bool ok = true;
    if (o->n_collectors == 0 || o->n_reviewers == 0 || o->approver.len == 0)
        ok = cs_refuse(c, "subject",
                       cs_arena_printf(c->arena, "%s: %zu collectors, %zu reviewers, %s approver",
                                       cs_identity_show(c, c->identity), o->n_collectors, o->n_reviewers,
                                       o->approver.len == 0 ? "no" : "an"),
                       "at least one of each, for extended validation");
    for (size_t i = 0; i < o->n_reviewers; i++)
        if (is_among(o->reviewers[i], o->n_collectors, o->collectors))
            ok = did_both(c, o->reviewers[i], "collected", "reviewed");
    if (is_among(o->approver, o->n_collectors, o->collectors))
        ok = did_both(c, o->approver, "collected", "approved");
    if (is_among(o->approver, o->n_reviewers, o->reviewers))
        ok = did_both(c, o->approver, "reviewed", "approved");
    return ok;
}

/* ---- O06 ---- */

/* The value of the only attribute of this type; empty when there is none. *more when there are several. */
static struct cs_span only_value(const struct cs_tbs *t, struct cs_span oid, bool *more)
{
    struct cs_span value = { 0 };
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (cs_span_eq(t->attribute[i].oid, oid) && n++ == 0)
            value = t->attribute[i].value;
    *more = *more || n > 1;
    return value;
}

static const char *show_place(struct cs_case *c, struct cs_span country, struct cs_span state,
                              struct cs_span locality)
{
    const char *none = "";
    return cs_arena_printf(c->arena, "%s%s%s%s%s", cs_show_text(c->arena, country),
                           state.len != 0 ? ", " : none, cs_show_text(c->arena, state),
                           locality.len != 0 ? ", " : none, cs_show_text(c->arena, locality));
}

/* O06 */
bool cs_jurisdiction_is_listed(struct cs_case *c)
{
    const struct cs_policy *p = c->f->policy;
    const struct cs_tbs *t = c->f->tbs;
    if (c->profile != COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION)
        return true;
    bool more = false;
    struct cs_span locality = only_value(t, cs_span_of(OID_INCORPORATION "\x01", 11), &more);
    struct cs_span state = only_value(t, cs_span_of(OID_INCORPORATION "\x02", 11), &more);
    struct cs_span country = only_value(t, cs_span_of(OID_INCORPORATION "\x03", 11), &more);
    struct cs_span number = only_value(t, cs_span_of(OID_SERIAL_NUMBER, 3), &more);
    if (more)
        return cs_refuse(c, "subject:jurisdictionC", "more than one jurisdiction or registration number",
                         "one of each");
    if (country.len == 0)
        return cs_refuse(c, "subject:jurisdictionC", "absent",
                         "the jurisdiction of incorporation, one of the policy's agencies");
    const struct cs_agency *place = NULL;
    for (uint32_t i = 0; i < p->n_agencies; i++) {
        const struct cs_agency *a = &p->agency[i];
        if (!cs_span_eq(a->country, country) || !cs_span_eq(a->state, state) ||
            !cs_span_eq(a->locality, locality))
            continue;
        if (a->number_format.len == 0 || cs_agency_number_fits(a->number_format, number))
            return true;
        place = a;
    }
    if (place == NULL)
        return cs_refuse(c, "subject:jurisdictionC", show_place(c, country, state, locality),
                         "a jurisdiction of the policy's %u agencies", p->n_agencies);
    return cs_refuse(c, "subject:serialNumber", cs_show_text(c->arena, number), "a number of %s: %s",
                     show_place(c, country, state, locality), cs_show_text(c->arena, place->number_format));
}

/* O07 */
bool cs_agreement_and_requester_are_named(struct cs_case *c)
{
    const Countersign__V1__Order *o = c->order;
    const char *order = cs_show_order(c->arena, cs_bytes(o->order_id));
    bool ok = true;
    if (o->agreement.len == 0)
        ok = cs_refuse(c, order, "no agreement", "the subscriber agreement or terms in force");
    if (o->requester.len == 0)
        ok = cs_refuse(c, order, "no requester", "who asked for the certificate");
    return ok;
}
