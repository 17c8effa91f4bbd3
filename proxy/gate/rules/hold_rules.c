/* What operators stopped (H01) and withdrew (H02). Judged when order and covers are known: a hold may name
 * an account, or an attester of the evidence relied on. */
#include "proxy/gate/rules/rows.h"

typedef Countersign__V1__Statement statement_t;

/* The rows of one issuance; all in the arena of the case. */
struct gathered {
    struct cs_issuance issuance;
    struct cs_span *names, *organizations, *attesters;
    int *methods;
    struct cs_sha256 *certificates;
    bool attester_seen[CS_POLICY_ATTESTERS_MAX];
    struct cs_method_set methods_seen;
};

static void add_method(struct gathered *g, int method)
{
    if (method <= 0 || cs_method_set_has(&g->methods_seen, method))
        return;
    cs_method_set_add(&g->methods_seen, method);
    g->methods[g->issuance.n_methods++] = method;
}

static void add_evidence(const struct cs_case *c, const struct cs_evidence *e, struct gathered *g)
{
    const struct cs_policy *p = c->f->policy;
    for (uint32_t i = 0; i < e->n_signers && i < CS_SIGNATURES_MAX; i++) {
        uint32_t by = e->signer[i];
        if (by >= p->n_attesters || g->attester_seen[by])
            continue;
        g->attester_seen[by] = true;
        g->attesters[g->issuance.attesters.n++] = p->attester[by].name;
    }
    if (e->statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL) {
        add_method(g, (int)e->statement->domain_control->method);
        add_method(g, (int)e->statement->domain_control->inner_method);
    }
}

/* Of any account, as with objections: what a person approved is found by the order's id. */
static bool is_approval_of(const struct cs_case *c, const statement_t *s)
{
    return c->order != NULL && s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL &&
           cs_span_eq(cs_bytes(s->approval->order_id), cs_bytes(c->order->order_id));
}

static void add_relied_on(const struct cs_case *c, struct gathered *g)
{
    for (uint32_t i = 0; i < c->v->n_covers; i++)
        add_evidence(c, &c->f->evidence[c->v->cover[i].evidence], g);
    if (c->order_evidence != NULL)
        add_evidence(c, c->order_evidence, g);
    for (uint32_t i = 0; i < c->f->n_evidence; i++)
        if (is_approval_of(c, c->f->evidence[i].statement))
            add_evidence(c, &c->f->evidence[i], g);
}

static void add_certificates(struct gathered *g, uint32_t n, const struct cs_sha256 *digest)
{
    for (uint32_t i = 0; i < n; i++)
        g->certificates[g->issuance.n_certificates++] = digest[i];
}

static struct gathered *gather(struct cs_case *c)
{
    enum { CERTIFICATES_MAX = 4, METHODS_MAX = 192 };
    const struct cs_facts *f = c->f;
    const struct cs_tbs *t = f->tbs;
    struct gathered *g = cs_arena_get(c->arena, sizeof *g);
    if (g == NULL)
        return NULL;
    *g = (struct gathered){
        .names = cs_arena_get(c->arena, (t->n_names + 1) * sizeof *g->names),
        .organizations = cs_arena_get(c->arena, (t->n_attributes + 1) * sizeof *g->organizations),
        .attesters = cs_arena_get(c->arena, (f->policy->n_attesters + 1) * sizeof *g->attesters),
        .methods = cs_arena_get(c->arena, METHODS_MAX * sizeof *g->methods),
        .certificates = cs_arena_get(c->arena, CERTIFICATES_MAX * sizeof *g->certificates),
    };
    if (g->names == NULL || g->organizations == NULL || g->attesters == NULL || g->methods == NULL ||
        g->certificates == NULL)
        return NULL;
    struct cs_issuance *x = &g->issuance;
    for (uint32_t i = 0; i < t->n_names; i++)
        if (t->name[i].tag == CS_SAN_DNS)
            g->names[x->names.n++] = t->name[i].value;
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (cs_attribute_is(&t->attribute[i], "\x55\x04\x0a", 3))
            g->organizations[x->organizations.n++] = t->attribute[i].value;
    add_relied_on(c, g);
    add_certificates(g, f->n_certificates, f->certificate_sha256);
    if (c->order_fact != NULL)
        add_certificates(g, c->order_fact->n_certificates, c->order_fact->certificate_sha256);
    x->names.at = g->names;
    x->organizations.at = g->organizations;
    x->attesters.at = g->attesters;
    x->method = g->methods;
    x->certificate_sha256 = g->certificates;
    x->serial = t->serial;
    if (c->order != NULL) {
        x->order_id = cs_bytes(c->order->order_id);
        x->account = c->account;
    }
    if (f->client != NULL) {
        x->client = f->client->name;
        x->api_version = f->client->api_version;
    }
    x->issuer = f->issuer->id;
    x->profile = c->profile;
    return g;
}

static const char *show_event(struct cs_case *c, const char *what, const struct cs_stop_event *e)
{
    const char *who = "";
    for (uint32_t i = 0; i < e->n_operators; i++)
        who = cs_arena_printf(c->arena, "%s%s%s", who, i == 0 ? "" : ", ",
                              cs_show_text(c->arena, e->operator[i]));
    return cs_arena_printf(c->arena, "%s by %s at %s (ledger entry %llu): %s", what, who,
                           cs_show_time(c->arena, e->at_unix_s), (unsigned long long)e->seq,
                           cs_show_text(c->arena, e->reason));
}

/* H01 */
bool cs_no_hold_stops_the_certificate(struct cs_case *c)
{
    const struct cs_stops *holds = c->f->holds;
    if (holds == NULL || holds->n_in_force == 0)
        return true;
    const struct gathered *g = gather(c);
    if (g == NULL) {
        c->no_memory = true;
        return false;
    }
    const struct cs_stop *found[CS_STOPS_FOUND_MAX];
    uint32_t n = cs_stops_on_issuance(holds, &g->issuance, found);
    for (uint32_t i = 0; i < n; i++)
        (void)cs_refuse(c,
                        cs_arena_printf(c->arena, "hold:%s",
                                        cs_show_text(c->arena, cs_bytes(found[i]->statement->hold->hold_id))),
                        show_event(c, "placed", &found[i]->placed),
                        "no hold that stops this certificate; the policy's quorum of operators lifts one");
    return n == 0;
}

static void say_recalled(struct cs_case *c, const struct cs_recalled_fact *r)
{
    (void)cs_refuse(c, r->label,
                    cs_arena_printf(c->arena, "%s statement, %s", cs_statement_kind_name(r->statement),
                                    show_event(c, "recalled", &r->recall->placed)),
                    "evidence that no recall withdraws");
}

/* H02. What a request brings must all count; deposits that were recalled are as if they were not there. */
bool cs_no_evidence_was_recalled(struct cs_case *c)
{
    bool ok = true;
    for (uint32_t i = 0; i < c->f->n_recalled; i++)
        if (c->f->recalled[i].with_request) {
            say_recalled(c, &c->f->recalled[i]);
            ok = false;
        }
    return ok;
}

void cs_say_what_was_recalled(struct cs_case *c)
{
    c->rule = CS_RULE_H02;
    for (uint32_t i = 0; i < c->f->n_recalled; i++)
        if (!c->f->recalled[i].with_request)
            say_recalled(c, &c->f->recalled[i]);
}
