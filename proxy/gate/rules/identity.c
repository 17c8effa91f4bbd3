#include "proxy/gate/rules/identity.h"

typedef Countersign__V1__OrganizationIdentity identity_t;

enum { PEOPLE_MAX = 32 };

const identity_t *cs_identity_of(const struct cs_evidence *e)
{
    return e->statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY
               ? e->statement->organization_identity
               : NULL;
}

bool cs_identity_is_live(const struct cs_case *c, const struct cs_evidence *e)
{
    return e->statement->header->expires_at_unix_s > c->f->now_unix_s;
}

bool cs_identity_is_of_account(const struct cs_case *c, const struct cs_evidence *e)
{
    return c->order == NULL || cs_span_eq(cs_evidence_account(e), c->account);
}

static bool is_attested_as(const struct cs_attribute *a, const Countersign__V1__SubjectAttribute *b)
{
    return cs_span_eq(a->oid, cs_bytes(b->oid)) && a->tag == (unsigned)b->string_type &&
           cs_span_eq(a->value, cs_bytes(b->value));
}

bool cs_identity_attests_subject(const struct cs_tbs *t, const identity_t *o)
{
    size_t k = 0;
    for (uint32_t i = 0; i < t->n_attributes; i++) {
        if (cs_attribute_is(&t->attribute[i], CS_OID_CN, 3))
            continue;
        if (k == o->n_attributes || !is_attested_as(&t->attribute[i], o->attributes[k++]))
            return false;
    }
    return k == o->n_attributes;
}

static bool same_attributes(const identity_t *a, const identity_t *b)
{
    if (a->n_attributes != b->n_attributes)
        return false;
    for (size_t i = 0; i < a->n_attributes; i++) {
        const Countersign__V1__SubjectAttribute *x = a->attributes[i], *y = b->attributes[i];
        if (x->string_type != y->string_type || !cs_span_eq(cs_bytes(x->oid), cs_bytes(y->oid)) ||
            !cs_span_eq(cs_bytes(x->value), cs_bytes(y->value)))
            return false;
    }
    return true;
}

bool cs_identities_agree(const struct cs_case *c, const struct cs_evidence *a, const struct cs_evidence *b)
{
    const identity_t *x = cs_identity_of(a), *y = cs_identity_of(b);
    return x != NULL && y != NULL && cs_identity_is_live(c, a) && cs_identity_is_live(c, b) &&
           cs_span_eq(cs_evidence_account(a), cs_evidence_account(b)) && x->profile == y->profile &&
           x->record_version == y->record_version &&
           cs_span_eq(cs_bytes(x->record_id), cs_bytes(y->record_id)) &&
           cs_span_eq(cs_bytes(x->previous_statement_sha256), cs_bytes(y->previous_statement_sha256)) &&
           same_attributes(x, y);
}

/* Keys in the order they were met; one person's keys count once, and so does one key. */
struct people {
    uint32_t n, signer[PEOPLE_MAX];
};

static void add_signers(const struct cs_case *c, const struct cs_evidence *e, bool named, struct people *p)
{
    const struct cs_policy *policy = c->f->policy;
    uint32_t n_signers = e->n_signers < CS_SIGNATURES_MAX ? e->n_signers : CS_SIGNATURES_MAX;
    for (uint32_t i = 0; i < n_signers && p->n < PEOPLE_MAX; i++) {
        uint32_t s = e->signer[i];
        if (s >= policy->n_attesters || (named && policy->attester[s].person.len == 0))
            continue;
        struct cs_span person = policy->attester[s].person;
        bool again = false;
        for (uint32_t k = 0; k < p->n && !again; k++)
            again = p->signer[k] == s ||
                    (person.len != 0 && cs_span_eq(person, policy->attester[p->signer[k]].person));
        if (!again)
            p->signer[p->n++] = s;
    }
}

uint32_t cs_identity_people(const struct cs_case *c, const struct cs_evidence *e, struct cs_people_of which)
{
    struct people p = { 0 };
    if (e->statement->header->issued_at_unix_s >= which.since_unix_s)
        add_signers(c, e, which.named, &p);
    for (uint32_t i = 0; i < c->f->n_evidence && !which.alone; i++) {
        const struct cs_evidence *other = &c->f->evidence[i];
        if (other != e && cs_identities_agree(c, e, other) &&
            other->statement->header->issued_at_unix_s >= which.since_unix_s)
            add_signers(c, other, which.named, &p);
    }
    return p.n;
}

const char *cs_identity_show(const struct cs_case *c, const struct cs_evidence *e)
{
    const identity_t *o = cs_identity_of(e);
    return cs_arena_printf(c->arena, "%s, record %s version %llu", e->label,
                           cs_show_text(c->arena, cs_bytes(o->record_id)),
                           (unsigned long long)o->record_version);
}

static const char *type_name(unsigned tag)
{
    return tag == 0x0c   ? "UTF8String"
           : tag == 0x13 ? "PrintableString"
           : tag == 0x16 ? "IA5String"
                         : "other type";
}

const char *cs_identity_show_value(const struct cs_case *c, unsigned tag, struct cs_span value)
{
    return cs_arena_printf(c->arena, "\"%s\" (%s)", cs_show_text(c->arena, value), type_name(tag));
}
