#include "proxy/policy/policy.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proxy/base/arena.h"
#include "proxy/policy/parts.h"

enum { DAY_S = 86400, ORGANIZATION_SIGNERS_MAX = 8 };

CS_RESULT cs_policy_fail_name(const struct cs_yaml_node *n, const char *what, enum cs_name_list list,
                              struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf text = { .max = 1024 }, known = { .max = 4096 };
    cs_text_put(&text, n->text, 48);
    const char *name;
    for (unsigned i = 0; (name = cs_name_at(list, i)) != NULL; i++)
        if (strncmp(name, "retired_", 8) != 0)
            cs_buf_printf(&known, "%s%s", i == 0 ? "" : ", ", name);
    return cs_yaml_fail(n, note, "'%.*s' is not %s; one of %.*s", (int)text.len, (const char *)text.at, what,
                        (int)known.len, (const char *)known.at);
}

CS_RESULT cs_policy_read_bits(const struct cs_yaml_node *n, int (*of_name)(struct cs_span name),
                              enum cs_name_list list, const char *what, uint32_t *out, struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, 32, note));
    uint32_t bits = 0;
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span name;
        CS_TRY(cs_yaml_string(c, CS_POLICY_ID_MAX_LEN, &name, note));
        int number = of_name(name);
        if (number <= 0 || number > 31)
            return cs_policy_fail_name(c, what, list, note);
        if (bits >> number & 1)
            return cs_yaml_fail(c, note, "'%.*s' stands there twice", (int)name.len, (const char *)name.at);
        bits |= UINT32_C(1) << number;
    }
    *out = bits;
    return CS_OK;
}

static CS_RESULT read_limit(const struct cs_yaml_node *n, uint64_t min, uint64_t baseline, const char *source,
                            uint32_t *out, struct cs_note *note)
{
    if (n == NULL)
        return CS_OK;
    uint64_t v;
    CS_TRY(cs_yaml_u64(n, min, UINT32_MAX, &v, note));
    if (v > baseline)
        return cs_yaml_fail(n, note,
                            "%" PRIu64 " is above the baseline of %" PRIu64 " (%s); policy may only tighten",
                            v, baseline, source);
    *out = (uint32_t)v;
    return CS_OK;
}

/* The largest value any date of today's table allows; the judge takes the smaller of this and the
 * row of the day. */
CS_RESULT cs_policy_read_max_validity(const struct cs_yaml_node *n, uint32_t *out_s, struct cs_note *note)
{
    return read_limit(n, 1, 200 * DAY_S, "BR 6.3.2", out_s, note);
}

CS_RESULT cs_policy_read_max_domain_age(const struct cs_yaml_node *n, uint32_t *out_s, struct cs_note *note)
{
    return read_limit(n, 1, 200 * DAY_S, "BR 4.2.1", out_s, note);
}

CS_RESULT cs_policy_read_max_identity_age(const struct cs_yaml_node *n, uint32_t *out_s, struct cs_note *note)
{
    return read_limit(n, 1, 398 * DAY_S, "BR 4.2.1", out_s, note);
}

static CS_RESULT read_limits(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    p->limits = (struct cs_limits){ .clock_skew_s = 60, .organization_signers = 1 };
    if (n == NULL)
        return CS_OK;
    enum { VALIDITY, DOMAIN_AGE, IDENTITY_AGE, SKEW, SIGNERS, N };
    struct cs_yaml_field f[N] = {
        [VALIDITY] = { .key = "max_validity_s" },         [DOMAIN_AGE] = { .key = "max_domain_age_s" },
        [IDENTITY_AGE] = { .key = "max_identity_age_s" }, [SKEW] = { .key = "clock_skew_s" },
        [SIGNERS] = { .key = "organization_signers" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_limits *l = &p->limits;
    CS_TRY(cs_policy_read_max_validity(f[VALIDITY].value, &l->max_validity_s, note));
    CS_TRY(cs_policy_read_max_domain_age(f[DOMAIN_AGE].value, &l->max_domain_age_s, note));
    CS_TRY(cs_policy_read_max_identity_age(f[IDENTITY_AGE].value, &l->max_identity_age_s, note));
    CS_TRY(read_limit(f[SKEW].value, 0, 300, "countersign", &l->clock_skew_s, note));
    uint64_t signers = l->organization_signers;
    if (f[SIGNERS].value != NULL)
        CS_TRY(cs_yaml_u64(f[SIGNERS].value, 1, ORGANIZATION_SIGNERS_MAX, &signers, note));
    l->organization_signers = (uint32_t)signers;
    return CS_OK;
}

static CS_RESULT read_document(struct cs_policy *p, struct cs_span document, struct cs_note *note)
{
    const struct cs_yaml_node *root;
    CS_TRY(cs_yaml_read(document, CS_POLICY_MAX_LEN, p->arena, &root, note));
    enum {
        SCHEMA,
        VERSION,
        DEPLOYMENT,
        ISSUERS,
        ATTESTERS,
        CLIENTS,
        CLIENT_AUTHORITIES,
        LIMITS,
        LISTS,
        LINT,
        PERSPECTIVES,
        CT_LOGS,
        AGENCIES,
        LEDGER,
        HOLDS,
        WITNESSES,
        N
    };
    struct cs_yaml_field f[N] = {
        [SCHEMA] = { .key = "schema", .required = true },
        [VERSION] = { .key = "version", .required = true },
        [DEPLOYMENT] = { .key = "deployment", .required = true },
        [ISSUERS] = { .key = "issuers", .required = true },
        [ATTESTERS] = { .key = "attesters", .required = true },
        [CLIENTS] = { .key = "clients", .required = true },
        [CLIENT_AUTHORITIES] = { .key = "client_authorities" },
        [LIMITS] = { .key = "limits" },
        [LISTS] = { .key = "lists" },
        [LINT] = { .key = "lint" },
        [PERSPECTIVES] = { .key = "perspectives" },
        [CT_LOGS] = { .key = "ct_logs" },
        [AGENCIES] = { .key = "agencies" },
        [LEDGER] = { .key = "ledger" },
        [HOLDS] = { .key = "holds" },
        [WITNESSES] = { .key = "witnesses" },
    };
    CS_TRY(cs_yaml_fields(root, f, N, note));
    struct cs_span schema;
    CS_TRY(cs_yaml_string(f[SCHEMA].value, CS_POLICY_ID_MAX_LEN, &schema, note));
    if (!cs_span_is(schema, "countersign-policy-v1"))
        return cs_yaml_fail(f[SCHEMA].value, note, "needed: countersign-policy-v1");
    CS_TRY(cs_yaml_u64(f[VERSION].value, 1, INT64_MAX, &p->version, note));
    CS_TRY(cs_yaml_id(f[DEPLOYMENT].value, CS_POLICY_ID_MAX_LEN, &p->deployment, note));
    CS_TRY(cs_policy_read_ledger(p, f[LEDGER].value, note));
    CS_TRY(cs_policy_read_witnesses(p, f[WITNESSES].value, note));
    CS_TRY(cs_policy_read_ct_logs(p, f[CT_LOGS].value, note));
    CS_TRY(cs_policy_read_issuers(p, f[ISSUERS].value, note));
    CS_TRY(cs_policy_read_attesters(p, f[ATTESTERS].value, note));
    CS_TRY(cs_policy_read_clients(p, f[CLIENTS].value, note));
    CS_TRY(cs_policy_read_client_authorities(p, f[CLIENT_AUTHORITIES].value, note));
    CS_TRY(cs_policy_read_holds(p, f[HOLDS].value, note));
    CS_TRY(read_limits(p, f[LIMITS].value, note));
    CS_TRY(cs_policy_read_lists(p, root, f[LISTS].value, note));
    CS_TRY(cs_policy_read_lint(p, root, f[LINT].value, note));
    if (f[PERSPECTIVES].value != NULL)
        CS_TRY(cs_sites_read(f[PERSPECTIVES].value, p->arena, &p->perspectives, note));
    return cs_policy_read_agencies(p, root, f[AGENCIES].value, note);
}

CS_RESULT cs_policy_load(struct cs_span document, struct cs_policy **out, struct cs_note *note)
{
    struct cs_policy *p = calloc(1, sizeof *p);
    if (p == NULL)
        return CS_ERR(NO_MEMORY);
    p->arena = calloc(1, sizeof *p->arena);
    cs_result r = p->arena != NULL ? read_document(p, document, note) : CS_ERR(NO_MEMORY);
    if (!cs_ok(r)) {
        if (!cs_is(r, CS_NUM_CONFIG))
            cs_note_set(note, "%s", cs_result_text(r));
        cs_policy_free(p);
        return r;
    }
    p->digest = cs_sha256(document);
    *out = p;
    return CS_OK;
}

void cs_policy_free(struct cs_policy *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < CS_POLICY_ATTESTERS_MAX; i++)
        EVP_PKEY_free(p->attester[i].key); /* all rows: a failed load counts none yet */
    for (uint32_t i = 0; i < CS_POLICY_CT_LOGS_MAX; i++)
        CTLOG_free(p->ct_log[i].log);
    if (p->arena != NULL)
        cs_arena_done(p->arena);
    free(p->arena);
    free(p);
}

const struct cs_issuer *cs_policy_issuer(const struct cs_policy *p, struct cs_span id)
{
    for (uint32_t i = 0; i < p->n_issuers; i++)
        if (cs_span_eq(p->issuer[i].id, id))
            return &p->issuer[i];
    return NULL;
}

const struct cs_attester *cs_policy_attester(const struct cs_policy *p, struct cs_span name)
{
    for (uint32_t i = 0; i < p->n_attesters; i++)
        if (cs_span_eq(p->attester[i].name, name))
            return &p->attester[i];
    return NULL;
}

void cs_policy_keytable(const struct cs_policy *p, struct cs_span module, struct cs_keytable *out)
{
    *out = (struct cs_keytable){ .module = module, .n_keys = p->n_issuers };
    for (uint32_t i = 0; i < p->n_issuers; i++) {
        const struct cs_issuer *from = &p->issuer[i];
        struct cs_keytable_key *k = &out->key[i];
        k->id = from->id;
        k->uri = from->key_uri;
        k->purposes = from->purposes;
        k->certificate = from->certificate;
        for (unsigned a = 1; a < CS_ALG_COUNT; a++) /* at most 6 fit one key, so no bound is met */
            if (from->algorithms >> a & 1)
                k->algorithm[k->n_algorithms++] = cs_algorithm_der((enum cs_algorithm)a);
    }
}
