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
        while (m < CS_METHOD_COUNT && !cs_span_is(name, rpcs[m])) /* METRICS, without a name, never is */
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

static int profile_number(struct cs_span name)
{
    return (int)cs_profile_of_name(name);
}

/* A subset of what its issuers have: a profile none of them has would be a row that never does anything. */
static CS_RESULT read_profiles(const struct cs_policy *p, const struct cs_yaml_node *n, struct cs_client *out,
                               struct cs_note *note)
{
    uint32_t offered = 0;
    CS_TRY(cs_policy_read_bits(n, profile_number, CS_NAMES_PROFILE, "a profile", &out->profiles, note));
    for (uint32_t i = 0; i < p->n_issuers; i++)
        if (out->issuers >> i & 1)
            offered |= p->issuer[i].profiles;
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        if ((offered >> profile_number(c->text) & 1) == 0)
            return cs_yaml_fail(c, note, "none of the client's issuers has this profile");
    return CS_OK;
}

static CS_RESULT read_accounts(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_client *out,
                               struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_ACCOUNT_PREFIXES_MAX, note));
    out->account = cs_arena_get(p->arena, n->n_children * sizeof *out->account);
    if (out->account == NULL)
        return CS_ERR(NO_MEMORY);
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span *to = &out->account[out->n_accounts];
        CS_TRY(cs_yaml_string(c, CS_POLICY_ACCOUNT_PREFIX_MAX_LEN, to, note));
        for (uint32_t i = 0; i < out->n_accounts; i++)
            if (to->len >= out->account[i].len &&
                memcmp(to->at, out->account[i].at, out->account[i].len) == 0)
                return cs_yaml_fail(c, note, "begins with accounts[%u]", i);
        out->n_accounts++;
    }
    return CS_OK;
}

static CS_RESULT read_client_limits(const struct cs_yaml_node *n, struct cs_client_limits *out,
                                    struct cs_note *note)
{
    enum { PER_SECOND, BURST, IN_FLIGHT, N };
    struct cs_yaml_field f[N] = { [PER_SECOND] = { .key = "per_second" },
                                  [BURST] = { .key = "burst" },
                                  [IN_FLIGHT] = { .key = "in_flight" } };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    uint64_t per_second = 0, burst = 0, in_flight = 0;
    if (f[PER_SECOND].value != NULL)
        CS_TRY(cs_yaml_u64(f[PER_SECOND].value, 1, CS_POLICY_CALLS_PER_SECOND_MAX, &per_second, note));
    if (f[BURST].value != NULL && f[PER_SECOND].value == NULL)
        return cs_yaml_fail(f[BURST].value, note, "the key 'per_second' is missing; a burst needs it");
    burst = per_second;
    if (f[BURST].value != NULL)
        CS_TRY(cs_yaml_u64(f[BURST].value, 1, CS_POLICY_CALLS_PER_SECOND_MAX, &burst, note));
    if (f[IN_FLIGHT].value != NULL)
        CS_TRY(cs_yaml_u64(f[IN_FLIGHT].value, 1, CS_POLICY_CALLS_IN_FLIGHT_MAX, &in_flight, note));
    if (n->n_children == 0)
        return cs_yaml_fail(n, note, "no limit in it; one of per_second, burst, in_flight");
    *out = (struct cs_client_limits){ (uint32_t)per_second, (uint32_t)burst, (uint32_t)in_flight };
    return CS_OK;
}

/* retired_after names the last day, UTC, on which the client works. */
static CS_RESULT read_retired_after(struct cs_policy *p, const struct cs_yaml_node *n, int64_t *out_unix_s,
                                    struct cs_note *note)
{
    enum { DATE_LEN = 10, DAY_S = 86400 };
    struct cs_note ignored = { "" };
    struct cs_yaml_node midnight = *n;
    int64_t day_unix_s;
    if (n->kind == CS_YAML_SCALAR && n->text.len == DATE_LEN)
        midnight.text = cs_span_str(cs_arena_printf(p->arena, "%.10sT00:00:00Z", (const char *)n->text.at));
    if (midnight.text.at == n->text.at || !cs_ok(cs_yaml_time(&midnight, &day_unix_s, &ignored)))
        return cs_yaml_fail(n, note, "needed: the last day on which the client works, as 2026-11-21");
    *out_unix_s = day_unix_s + DAY_S;
    return CS_OK;
}

static bool needs_issuers(uint32_t bits)
{
    const uint32_t at_an_issuer =
        UINT32_C(1) << CS_METHOD_SIGN_CERTIFICATE | UINT32_C(1) << CS_METHOD_EVALUATE_CERTIFICATE |
        UINT32_C(1) << CS_METHOD_AUTHORIZE_TBS | UINT32_C(1) << CS_METHOD_SIGN_AUTHORIZED;
    return (bits & at_an_issuer) != 0;
}

enum {
    NAME,
    API_VERSION,
    UID,
    GID,
    SOCKET,
    DNS,
    RPCS,
    ISSUERS,
    PROFILES,
    ACCOUNTS,
    LIMITS,
    RETIRED_AFTER,
    MAX_VALIDITY,
    MAX_DOMAIN_AGE,
    MAX_IDENTITY_AGE,
    AUTHORIZES_FOR,
    ALL_ENTRIES,
    N_FIELDS
};

static CS_RESULT read_fields(const struct cs_yaml_node *n, struct cs_yaml_field f[N_FIELDS],
                             struct cs_note *note)
{
    static const struct cs_yaml_field fields[N_FIELDS] = {
        [NAME] = { .key = "name", .required = true },
        [API_VERSION] = { .key = "api_version", .required = true },
        [UID] = { .key = "uid" },
        [GID] = { .key = "gid" },
        [SOCKET] = { .key = "socket" },
        [DNS] = { .key = "dns" },
        [RPCS] = { .key = "rpcs", .required = true },
        [ISSUERS] = { .key = "issuers" },
        [PROFILES] = { .key = "profiles" },
        [ACCOUNTS] = { .key = "accounts" },
        [LIMITS] = { .key = "limits" },
        [RETIRED_AFTER] = { .key = "retired_after" },
        [MAX_VALIDITY] = { .key = "max_validity_s" },
        [MAX_DOMAIN_AGE] = { .key = "max_domain_age_s" },
        [MAX_IDENTITY_AGE] = { .key = "max_identity_age_s" },
        [AUTHORIZES_FOR] = { .key = "authorizes_for" },
        [ALL_ENTRIES] = { .key = "all_entries" },
    };
    memcpy(f, fields, sizeof fields);
    return cs_yaml_fields(n, f, N_FIELDS, note);
}

/* What it may do, and how much of it. */
static CS_RESULT read_rights(struct cs_policy *p, const struct cs_yaml_node *n,
                             const struct cs_yaml_field f[N_FIELDS], struct cs_client *out,
                             struct cs_note *note)
{
    CS_TRY(read_rpcs(f[RPCS].value, &out->rpcs, note));
    if (needs_issuers(out->rpcs) && f[ISSUERS].value == NULL)
        return cs_yaml_fail(n, note,
                            "the key 'issuers' is missing; SignCertificate, EvaluateCertificate, "
                            "AuthorizeTbs and SignAuthorized need it");
    if (f[ISSUERS].value != NULL)
        CS_TRY(read_issuers(p, f[ISSUERS].value, &out->issuers, note));
    if (f[PROFILES].value != NULL)
        CS_TRY(read_profiles(p, f[PROFILES].value, out, note));
    if (f[ACCOUNTS].value != NULL)
        CS_TRY(read_accounts(p, f[ACCOUNTS].value, out, note));
    if (f[LIMITS].value != NULL)
        CS_TRY(read_client_limits(f[LIMITS].value, &out->limits, note));
    out->retired_unix_s = INT64_MAX;
    if (f[RETIRED_AFTER].value != NULL)
        CS_TRY(read_retired_after(p, f[RETIRED_AFTER].value, &out->retired_unix_s, note));
    CS_TRY(cs_policy_read_max_validity(f[MAX_VALIDITY].value, &out->max_validity_s, note));
    CS_TRY(cs_policy_read_max_domain_age(f[MAX_DOMAIN_AGE].value, &out->max_domain_age_s, note));
    CS_TRY(cs_policy_read_max_identity_age(f[MAX_IDENTITY_AGE].value, &out->max_identity_age_s, note));
    return f[ALL_ENTRIES].value != NULL ? cs_yaml_bool(f[ALL_ENTRIES].value, &out->all_entries, note) : CS_OK;
}

static CS_RESULT read_client(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    struct cs_yaml_field f[N_FIELDS];
    CS_TRY(read_fields(n, f, note));
    struct cs_client *out = &p->client[p->n_clients];
    CS_TRY(cs_yaml_id(f[NAME].value, CS_POLICY_ID_MAX_LEN, &out->name, note));
    CS_TRY(cs_yaml_id(f[API_VERSION].value, CS_POLICY_ID_MAX_LEN, &out->api_version, note));
    const struct cs_client_identity_nodes identity = { n, f[UID].value, f[GID].value, f[SOCKET].value,
                                                       f[DNS].value };
    CS_TRY(cs_policy_read_client_identity(p, out, &identity, note));
    CS_TRY(read_rights(p, n, f, out, note));
    for (uint32_t i = 0; i < p->n_clients; i++)
        if (cs_span_eq(p->client[i].name, out->name))
            return cs_yaml_fail(f[NAME].value, note, "clients[%u] has this name", i);
    if (cs_policy_attester(p, out->name) != NULL)
        return cs_yaml_fail(f[NAME].value, note, "an attester has this name; who asks may not attest");
    p->n_clients++;
    return CS_OK;
}

/* Names of other clients, also of those further down: read when all rows are. */
static CS_RESULT read_authorizes_for(struct cs_policy *p, const struct cs_yaml_node *row,
                                     struct cs_client *out, struct cs_note *note)
{
    struct cs_yaml_field f[N_FIELDS];
    CS_TRY(read_fields(row, f, note));
    const struct cs_yaml_node *n = f[AUTHORIZES_FOR].value;
    if (n == NULL)
        return CS_OK;
    if ((out->rpcs >> CS_METHOD_AUTHORIZE_TBS & 1) == 0)
        return cs_yaml_fail(n, note, "means nothing without the RPC AuthorizeTbs");
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_CLIENTS_MAX, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span name;
        uint32_t i = 0;
        CS_TRY(cs_yaml_id(c, CS_POLICY_ID_MAX_LEN, &name, note));
        while (i < p->n_clients && !cs_span_eq(p->client[i].name, name))
            i++;
        if (i == p->n_clients)
            return cs_yaml_fail(c, note, "'%.*s' is the name of no client", (int)name.len,
                                (const char *)name.at);
        if (&p->client[i] == out)
            return cs_yaml_fail(c, note, "'%.*s' is the client itself, which always may", (int)name.len,
                                (const char *)name.at);
        if (out->authorizes_for[i / 64] >> (i % 64) & 1)
            return cs_yaml_fail(c, note, "'%.*s' stands there twice", (int)name.len, (const char *)name.at);
        out->authorizes_for[i / 64] |= UINT64_C(1) << (i % 64);
    }
    return CS_OK;
}

CS_RESULT cs_policy_read_clients(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_CLIENTS_MAX, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_client(p, c, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_authorizes_for(p, c, &p->client[c->index], note));
    return CS_OK;
}
