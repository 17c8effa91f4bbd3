#include "proxy/ipc/messages.h"
#include "proxy/policy/parts.h"

/* How policies write the RPCs: the method's own name. */
static const char *const rpcs[CS_METHOD_COUNT] = {
#define X(id, service, method, shape) [CS_METHOD_##id] = method,
    CS_METHODS(X)
#undef X
};

static CS_RESULT read_rpcs(const struct cs_yaml_node *n, uint32_t *out, struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_METHOD_COUNT, note));
    uint32_t bits = 0;
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span name;
        CS_TRY(cs_yaml_id(c, CS_POLICY_ID_MAX_LEN, &name, note));
        unsigned m = 1;
        while (m < CS_METHOD_COUNT && !cs_span_is(name, rpcs[m]))
            m++;
        if (m == CS_METHOD_COUNT) {
            CS_AUTO_BUF struct cs_buf known = { .max = 4096 };
            for (unsigned i = 1; i < CS_METHOD_COUNT; i++)
                if (rpcs[i][0] != '\0') /* METRICS is for the front alone */
                    cs_buf_printf(&known, "%s%s", i == 1 ? "" : ", ", rpcs[i]);
            return cs_yaml_fail(c, note, "'%.*s' is not an RPC; one of %.*s", (int)name.len,
                                (const char *)name.at, (int)known.len, (const char *)known.at);
        }
        if (bits >> m & 1)
            return cs_yaml_fail(c, note, "'%s' stands there twice", rpcs[m]);
        bits |= UINT32_C(1) << m;
    }
    *out = bits;
    return CS_OK;
}

static CS_RESULT read_issuers(const struct cs_policy *p, const struct cs_yaml_node *n, uint64_t *out,
                              struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_ISSUERS_MAX, note));
    uint64_t bits = 0;
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span id;
        CS_TRY(cs_yaml_id(c, CS_POLICY_ID_MAX_LEN, &id, note));
        const struct cs_issuer *issuer = cs_policy_issuer(p, id);
        if (issuer == NULL)
            return cs_yaml_fail(c, note, "'%.*s' is the id of no issuer", (int)id.len, (const char *)id.at);
        uint64_t bit = UINT64_C(1) << (issuer - p->issuer);
        if (bits & bit)
            return cs_yaml_fail(c, note, "'%.*s' stands there twice", (int)id.len, (const char *)id.at);
        bits |= bit;
    }
    *out = bits;
    return CS_OK;
}

static CS_RESULT read_authorizes_for(const struct cs_yaml_node *n, struct cs_client *out,
                                     struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, sizeof out->authorizes_for / sizeof out->authorizes_for[0], note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span name;
        CS_TRY(cs_yaml_id(c, CS_POLICY_ID_MAX_LEN, &name, note));
        for (uint32_t i = 0; i < out->n_authorizes_for; i++)
            if (cs_span_eq(out->authorizes_for[i], name))
                return cs_yaml_fail(c, note, "'%.*s' stands there twice", (int)name.len,
                                    (const char *)name.at);
        out->authorizes_for[out->n_authorizes_for++] = name;
    }
    if ((out->rpcs >> CS_METHOD_AUTHORIZE_TBS & 1) == 0)
        return cs_yaml_fail(n, note, "means nothing without the RPC AuthorizeTbs");
    return CS_OK;
}

/* Clients may stand in any order, so this comes last. */
static CS_RESULT authorized_clients_exist(const struct cs_policy *p, const struct cs_yaml_node *n,
                                          struct cs_note *note)
{
    for (uint32_t i = 0; i < p->n_clients; i++)
        for (uint32_t k = 0; k < p->client[i].n_authorizes_for; k++) {
            struct cs_span name = p->client[i].authorizes_for[k];
            uint32_t at = 0;
            while (at < p->n_clients && !cs_span_eq(p->client[at].name, name))
                at++;
            if (at == p->n_clients)
                return cs_yaml_fail(n, note, "authorizes_for of clients[%u]: '%.*s' is the name of no client",
                                    i, (int)name.len, (const char *)name.at);
        }
    return CS_OK;
}

static CS_RESULT read_client(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    enum { NAME, API_VERSION, UID, RPCS, ISSUERS, AUTHORIZES_FOR, N };
    struct cs_yaml_field f[N] = {
        [NAME] = { .key = "name", .required = true },
        [API_VERSION] = { .key = "api_version", .required = true },
        [UID] = { .key = "uid", .required = true },
        [RPCS] = { .key = "rpcs", .required = true },
        [ISSUERS] = { .key = "issuers" },
        [AUTHORIZES_FOR] = { .key = "authorizes_for" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_client *out = &p->client[p->n_clients];
    CS_TRY(cs_yaml_id(f[NAME].value, CS_POLICY_ID_MAX_LEN, &out->name, note));
    CS_TRY(cs_yaml_id(f[API_VERSION].value, CS_POLICY_ID_MAX_LEN, &out->api_version, note));
    uint64_t uid;
    CS_TRY(cs_yaml_u64(f[UID].value, 0, UINT32_MAX - 1, &uid, note)); /* (uid_t)-1 means nobody */
    out->uid = (uint32_t)uid;
    CS_TRY(read_rpcs(f[RPCS].value, &out->rpcs, note));
    bool certificates = (out->rpcs >> CS_METHOD_SIGN_CERTIFICATE & 1) != 0 ||
                        (out->rpcs >> CS_METHOD_EVALUATE_CERTIFICATE & 1) != 0 ||
                        (out->rpcs >> CS_METHOD_AUTHORIZE_TBS & 1) != 0 ||
                        (out->rpcs >> CS_METHOD_SIGN_AUTHORIZED & 1) != 0;
    if (certificates && f[ISSUERS].value == NULL)
        return cs_yaml_fail(n, note,
                            "the key 'issuers' is missing; SignCertificate, EvaluateCertificate, "
                            "AuthorizeTbs and SignAuthorized need it");
    if (f[AUTHORIZES_FOR].value != NULL)
        CS_TRY(read_authorizes_for(f[AUTHORIZES_FOR].value, out, note));
    if (f[ISSUERS].value != NULL)
        CS_TRY(read_issuers(p, f[ISSUERS].value, &out->issuers, note));
    for (uint32_t i = 0; i < p->n_clients; i++) {
        if (cs_span_eq(p->client[i].name, out->name))
            return cs_yaml_fail(f[NAME].value, note, "clients[%u] has this name", i);
        if (p->client[i].uid == out->uid)
            return cs_yaml_fail(f[UID].value, note, "clients[%u] has this uid", i);
    }
    if (cs_policy_attester(p, out->name) != NULL)
        return cs_yaml_fail(f[NAME].value, note, "an attester has this name; who asks may not attest");
    p->n_clients++;
    return CS_OK;
}

CS_RESULT cs_policy_read_clients(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_CLIENTS_MAX, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_client(p, c, note));
    return authorized_clients_exist(p, n, note);
}
