#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/keys.h"
#include "client/cli/pbjson.h"
#include "client/cli/pbjson.h"
#include "client/cli/tree.h"
#include "proxy/base/io.h"
#include "proxy/ipc/messages.h"
#include "proxy/policy/policy.h"

const struct cs_option cs_options_policy_check[] = {
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static json_t *text(struct cs_span s)
{
    return json_stringn(s.len != 0 ? (const char *)s.at : "", s.len);
}

/* The names of the bits 1 << value that are set. */
static json_t *names_of_bits(uint64_t bits, const char *(*name)(int))
{
    json_t *all = json_array();
    for (int i = 0; i < 64; i++)
        if (bits >> i & 1)
            json_array_append_new(all, json_string(name(i)));
    return all;
}

static const char *algorithm_name(int a)
{
    return cs_algorithm_name((enum cs_algorithm)a);
}

static json_t *purposes_of(uint32_t bits)
{
    json_t *all = json_array();
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if (bits & bit)
            json_array_append_new(all, json_string(cs_purpose_name(bit)));
    return all;
}

static json_t *methods_of(const struct cs_method_set *set)
{
    json_t *all = json_array();
    for (int m = 0; m < 192; m++)
        if (cs_method_set_has(set, m))
            json_array_append_new(all, json_string(cs_method_name(m)));
    return all;
}

static json_t *pins_of(const struct cs_issuer *i)
{
    json_t *all = json_array();
    for (uint32_t k = 0; k < i->n_pins; k++)
        json_array_append_new(all, json_pack("{s:o, s:I, s:s}", "name", text(i->pin[k].name), "version",
                                             (json_int_t)i->pin[k].version, "profile",
                                             cs_profile_name(i->pin[k].profile)));
    return all;
}

static json_t *ct_of(const struct cs_policy *p, const struct cs_issuer_ct *ct)
{
    json_t *logs = json_array();
    for (uint32_t i = 0; i < p->n_ct_logs; i++)
        if (ct->logs >> i & 1)
            json_array_append_new(logs, text(p->ct_log[i].name));
    return json_pack("{s:I, s:b, s:o}", "required_scts", (json_int_t)ct->required_scts, "distinct_operators",
                     (int)ct->distinct_operators, "logs", logs);
}

static json_t *log_of(const struct cs_ct_log *l)
{
    return json_pack("{s:o, s:o, s:o}", "name", text(l->name), "operator", text(l->operator), "log_id",
                     cs_cli_hex(cs_sha256_span(&l->id)));
}

static json_t *agency_of(const struct cs_agency *a)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "country", text(a->country), "state", text(a->state), "locality",
                     text(a->locality), "number_format", text(a->number_format));
}

static json_t *issuer_of(const struct cs_policy *p, const struct cs_issuer *i)
{
    json_t *identities = json_array();
    for (uint32_t k = 0; k < i->n_caa_identities; k++)
        json_array_append_new(identities, text(i->caa_identity[k]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", text(i->id), "key_uri",
                     text(i->key_uri), "ski", cs_cli_hex(i->ski), "not_before",
                     cs_cli_time(i->not_before_unix_s), "not_after", cs_cli_time(i->not_after_unix_s),
                     "purposes", purposes_of(i->purposes), "algorithms",
                     names_of_bits(i->algorithms, algorithm_name), "profiles",
                     names_of_bits(i->profiles, cs_profile_name), "caa_identities", identities, "pins",
                     pins_of(i), "ct", ct_of(p, &i->ct));
}

static json_t *attester_of(const struct cs_attester *a)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "name", text(a->name), "algorithm",
                     cs_attester_algorithm_name(a->algorithm), "spki_sha256",
                     cs_cli_hex(cs_sha256_span(&a->spki_sha256)), "roles",
                     names_of_bits(a->roles, cs_role_name), "methods", methods_of(&a->methods), "not_before",
                     cs_cli_time(a->not_before_unix_s), "not_after", cs_cli_time(a->not_after_unix_s),
                     "person", text(a->person), "third_party", a->third_party);
}

/* Bits of cs_client.rpcs. */
static const char *rpc_name(int method)
{
    static const char *const names[CS_METHOD_COUNT] = {
#define X(id, service, method, shape) [CS_METHOD_##id] = method,
        CS_METHODS(X)
#undef X
    };
    return method > 0 && method < CS_METHOD_COUNT ? names[method] : "?";
}

/* Members that the policy left out are absent. */
static json_t *client_of(const struct cs_policy *p, const struct cs_client *c)
{
    CS_AUTO_BUF struct cs_buf identity = { .max = 1024 };
    json_t *issuers = json_array(), *accounts = json_array(), *for_clients = json_array();
    for (uint32_t i = 0; i < p->n_issuers; i++)
        if (c->issuers >> i & 1)
            json_array_append_new(issuers, text(p->issuer[i].id));
    for (uint32_t i = 0; i < c->n_accounts; i++)
        json_array_append_new(accounts, text(c->account[i]));
    for (uint32_t i = 0; i < p->n_clients; i++)
        if (&p->client[i] != c && cs_client_may_authorize_for(p, c, &p->client[i]))
            json_array_append_new(for_clients, text(p->client[i].name));
    cs_client_identity_put(c, &identity);
    json_t *out = json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", text(c->name), "api_version",
                            text(c->api_version), "identity", text(cs_buf_span(&identity)), "rpcs",
                            names_of_bits(c->rpcs, rpc_name), "issuers", issuers);
    if (c->profiles != 0)
        json_object_set_new(out, "profiles", names_of_bits(c->profiles, cs_profile_name));
    if (c->n_accounts != 0)
        json_object_set(out, "accounts", accounts);
    if (json_array_size(for_clients) != 0)
        json_object_set(out, "authorizes_for", for_clients);
    json_decref(accounts);
    json_decref(for_clients);
    const struct {
        const char *name;
        uint32_t n;
    } numbers[] = {
        { "per_second", c->limits.per_second },      { "burst", c->limits.burst },
        { "in_flight", c->limits.in_flight },        { "max_validity_s", c->max_validity_s },
        { "max_domain_age_s", c->max_domain_age_s }, { "max_identity_age_s", c->max_identity_age_s }
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].n != 0)
            json_object_set_new(out, numbers[i].name, json_integer(numbers[i].n));
    if (c->retired_unix_s != INT64_MAX)
        json_object_set_new(out, "retired_at", cs_cli_time(c->retired_unix_s));
    if (c->all_entries)
        json_object_set_new(out, "all_entries", json_true());
    return out;
}

static json_t *version_of(const struct cs_version *v)
{
    char out[128] = "";
    unsigned n = CS_VERSION_NUMBERS_MAX;
    while (n > 1 && v->number[n - 1] == 0)
        n--;
    for (unsigned i = 0; i < n; i++) {
        size_t len = strlen(out);
        snprintf(out + len, sizeof out - len, "%s%u", i != 0 ? "." : "", v->number[i]);
    }
    return json_string(out);
}

static void put_time(json_t *object, const char *member, int64_t unix_s)
{
    if (unix_s != INT64_MIN && unix_s != INT64_MAX)
        json_object_set_new(object, member, cs_cli_time(unix_s));
}

static json_t *linter_of(const struct cs_linter *l)
{
    json_t *out = json_pack("{s:o}", "name", text(l->name)), *versions = json_array();
    for (uint32_t i = 0; i < l->n_releases; i++) {
        json_t *one = json_pack("{s:o}", "version", version_of(&l->release[i].version));
        put_time(one, "released", l->release[i].released_unix_s);
        put_time(one, "superseded_at", cs_linter_superseded_unix_s(l, &l->release[i]));
        json_array_append_new(versions, one);
    }
    json_object_set_new(out, l->n_releases != 0 ? "versions" : "min_version",
                        l->n_releases != 0 ? json_incref(versions) : version_of(&l->min_version));
    json_decref(versions);
    put_time(out, "not_before", l->not_before_unix_s);
    put_time(out, "not_after", l->not_after_unix_s);
    return out;
}

static json_t *perspective_of(const struct cs_site *s)
{
    char rir[CS_PBJSON_ENUM_MAX_LEN];
    return json_pack("{s:o, s:o, s:s, s:I, s:I, s:o}", "code", text(s->code), "id", text(s->id), "rir",
                     cs_pbjson_enum_name(&countersign__v1__rir__descriptor, s->rir, rir),
                     "latitude_microdegrees", (json_int_t)s->latitude_microdegrees, "longitude_microdegrees",
                     (json_int_t)s->longitude_microdegrees, "operator", text(s->operator_name));
}

static json_t *perspectives_of(const struct cs_sites *s)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < s->n; i++)
        json_array_append_new(all, perspective_of(&s->site[i]));
    return all;
}

static json_t *document_of(const struct cs_policy *p)
{
    json_t *issuers = json_array(), *attesters = json_array(), *clients = json_array();
    json_t *logs = json_array(), *agencies = json_array();
    for (uint32_t i = 0; i < p->n_issuers; i++)
        json_array_append_new(issuers, issuer_of(p, &p->issuer[i]));
    for (uint32_t i = 0; i < p->n_attesters; i++)
        json_array_append_new(attesters, attester_of(&p->attester[i]));
    for (uint32_t i = 0; i < p->n_clients; i++)
        json_array_append_new(clients, client_of(p, &p->client[i]));
    json_t *linters = json_array();
    for (uint32_t i = 0; i < p->lint.n_linters; i++)
        json_array_append_new(linters, linter_of(&p->lint.linter[i]));
    for (uint32_t i = 0; i < p->n_ct_logs; i++)
        json_array_append_new(logs, log_of(&p->ct_log[i]));
    for (uint32_t i = 0; i < p->n_agencies; i++)
        json_array_append_new(agencies, agency_of(&p->agency[i]));
    return json_pack("{s:o, s:I, s:o, s:{s:I, s:I, s:I, s:I, s:I}, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "policy_sha256", cs_cli_hex(cs_sha256_span(&p->digest)), "version",
                     (json_int_t)p->version, "deployment", text(p->deployment), "limits", "max_validity_s",
                     (json_int_t)p->limits.max_validity_s, "max_domain_age_s",
                     (json_int_t)p->limits.max_domain_age_s, "max_identity_age_s",
                     (json_int_t)p->limits.max_identity_age_s, "clock_skew_s",
                     (json_int_t)p->limits.clock_skew_s, "organization_signers",
                     (json_int_t)p->limits.organization_signers, "issuers", issuers, "attesters", attesters,
                     "clients", clients, "linters", linters, "perspectives",
                     perspectives_of(&p->perspectives), "ct_logs", logs, "agencies", agencies);
}

int cs_cmd_policy_check(struct cs_cli *cli, const struct cs_args *args)
{
    const char *path = cs_arg_at(args, NULL, 0);
    bool as_json = cs_arg_has(args, "json");
    struct cs_note note = { 0 };
    CS_AUTO_BUF struct cs_buf document = { 0 };
    struct cs_policy *policy = NULL;
    if (!cs_ok(cs_read_file(path, CS_POLICY_MAX_LEN, &document, &note)))
        return cs_cli_usage(cli, "%s", note.text);
    cs_result r = cs_policy_load(cs_buf_span(&document), &policy, &note);
    if (!cs_ok(r)) {
        if (as_json)
            cs_cli_json(cli, json_pack("{s:b, s:s}", "acceptable", 0, "fault", note.text), CS_EXIT_USAGE);
        return cs_cli_usage(cli, "%s: %s", path, note.text);
    }
    json_t *out = document_of(policy);
    if (out != NULL && policy->ledger_origin.len != 0)
        json_object_set_new(out, "ledger_origin", text(policy->ledger_origin));
    cs_policy_free(policy);
    return cs_cli_data(cli, as_json, out, CS_EXIT_DONE);
}
