#include "proxy/policy/version.h"
#include "proxy/scope/query.h"

struct matching {
    const struct cs_scope_query *q;
    uint64_t needed, met; /* bit per group */
    uint64_t kinds;       /* of them those that ask for a kind */
    bool unreadable;
};

uint64_t cs_scope_wants(const struct cs_scope_query *q)
{
    uint64_t want = 0;
    for (uint32_t i = 0; i < q->n_selectors; i++) {
        const struct cs_scope_selector *s = &q->selector[i];
        want |= CS_FACT_BIT(s->fact);
        if (s->version_from.len != 0 || s->version_to.len != 0)
            want |= CS_FACT_BIT(CS_FACT_SOFTWARE_VERSION);
    }
    return want;
}

uint64_t cs_scope_groups(const struct cs_scope_query *q)
{
    uint64_t groups = 0;
    for (uint32_t i = 0; i < q->n_selectors; i++)
        groups |= UINT64_C(1) << q->selector[i].group;
    return groups;
}

static bool has_range(const struct cs_scope_selector *s)
{
    return s->version_from.len != 0 || s->version_to.len != 0;
}

/* value is name, 0, version. */
static bool version_is_inside(const struct cs_scope_selector *s, struct cs_span value)
{
    if (value.len <= s->value.len || memcmp(value.at, s->value.at, s->value.len) != 0 ||
        value.at[s->value.len] != 0)
        return false;
    struct cs_version there, from, to;
    if (!cs_version_parse(cs_span_of(value.at + s->value.len + 1, value.len - s->value.len - 1), &there))
        return true;
    return (!cs_version_parse(s->version_from, &from) || cs_version_cmp(&there, &from) >= 0) &&
           (!cs_version_parse(s->version_to, &to) || cs_version_cmp(&there, &to) <= 0);
}

static bool meets(const struct cs_scope_selector *s, enum cs_fact fact, struct cs_span value)
{
    if (has_range(s))
        return fact == CS_FACT_SOFTWARE_VERSION && version_is_inside(s, value);
    return fact == s->fact && cs_span_eq(value, s->value);
}

static bool see(void *ctx, enum cs_fact fact, struct cs_span value)
{
    struct matching *m = ctx;
    if (fact != CS_FACT_KIND && (m->met & m->kinds) != m->kinds)
        return false; /* the kind comes first */
    if (fact == CS_FACT_UNREADABLE)
        m->unreadable = true;
    for (uint32_t i = 0; i < m->q->n_selectors; i++) {
        const struct cs_scope_selector *s = &m->q->selector[i];
        if (meets(s, fact, value))
            m->met |= UINT64_C(1) << s->group;
    }
    return m->met != m->needed;
}

CS_RESULT cs_scope_matches(const struct cs_scope_query *q, struct cs_fact_source *source,
                           const Countersign__Ledger__V1__Entry *e, bool *out, bool *out_unreadable,
                           struct cs_note *note)
{
    struct matching m = { .q = q, .needed = cs_scope_groups(q) };
    for (uint32_t i = 0; i < q->n_selectors; i++)
        if (q->selector[i].fact == CS_FACT_KIND)
            m.kinds |= UINT64_C(1) << q->selector[i].group;
    if (m.needed != 0)
        CS_TRY(cs_facts_of(source, e, cs_scope_wants(q), see, &m, note));
    *out = m.met == m.needed;
    *out_unreadable = m.unreadable && !*out;
    return CS_OK;
}
