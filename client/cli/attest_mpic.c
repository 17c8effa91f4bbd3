/* attest from-open-mpic: the remotes of an answer, the primary's own result, counted again and signed. */
#include <stdlib.h>

#include "client/cli/attest.h"
#include "client/cli/keys.h"
#include "client/cli/mpic_answer.h"
#include "client/cli/pbjson.h"
#include "proto/canonical.h"
#include "proxy/base/io.h"
#include "proxy/gate/rules/mpic.h"
#include "proxy/policy/policy.h"

#define OPTION(name, value, help, kind, member, form) { name, value, help, CS_OPT_##kind },
#define FLAG(name, value, help, kind, member, form)   { name, member, CS_ATTEST_##form },

/* What the answer cannot say: the primary's part. */
#define BOTH(X)                                                                                            \
    X("primary", "LIST", "ID,RIR,LAT,LON,passed|failed,TIME: what the primary saw itself", REQUIRED,       \
      "perspectives", PERSPECTIVE)                                                                         \
    X("dnssec", "STATUS", "at the primary: secure, insecure, bogus or not_applicable", REQUIRED, "dnssec", \
      TEXT)                                                                                                \
    X("account-uri", "URI", "account URI seen or evaluated", VALUE, "account_uri", TEXT)                   \
    X("issuer-domain", "NAME", "issuer domain name that gave permission", VALUE, "issuer_domain", TEXT)
#define DCV(X)                                                                                               \
    X("scope", "SCOPE", "dcv: exact or namespace", VALUE, "scope", TEXT)                                     \
    X("initiated-at", "TIME", "dcv: when the validation was begun", VALUE, "initiated_at_unix_s", TIME)      \
    X("oldest-data-at", "TIME", "dcv: when its earliest datum was made", VALUE, "oldest_data_at_unix_s",     \
      TIME)                                                                                                  \
    X("observed-at", "TIME", "dcv: when control was seen", VALUE, "observed_at_unix_s", TIME)                \
    X("challenge-kind", "KIND", "dcv: as in attest domain", VALUE, "challenge.kind", TEXT)                   \
    X("challenge-sha256", "HEX", "dcv: digest of the random value or token", VALUE, "challenge.sha256",      \
      TEXT)                                                                                                  \
    X("challenge-created-at", "TIME", "dcv: when it was made", VALUE, "challenge.created_at_unix_s", TIME)   \
    X("applied-for", "NAME", "dcv: name the ADN was derived from", VALUE, "derivation.applied_for", TEXT)    \
    X("cname", "NAME", "dcv: CNAME target, in the order followed", REPEATED, "derivation.cname_chain", TEXT) \
    X("pruned", "N", "dcv: labels pruned after that", VALUE, "derivation.pruned_labels", NUMBER)             \
    X("contact", "TEXT", "dcv: address or number used", VALUE, "contact", TEXT)                              \
    X("persist-until", "TIME", "dcv: persistUntil of the record", VALUE, "persist_until_unix_s", TIME)       \
    X("inner-method", "METHOD", "dcv, reverse lookup: method used on the name", VALUE, "inner_method", TEXT)
#define CAA(X)                                                                                               \
    X("result", "RESULT", "caa: permitted, forbidden or lookup_failed, at the primary", VALUE, "result",     \
      TEXT)                                                                                                  \
    X("checked-at", "TIME", "caa: when the primary looked the records up", VALUE, "checked_at_unix_s", TIME) \
    X("ttl", "SECONDS", "caa: smallest TTL of the records used", VALUE, "ttl_s", NUMBER)                     \
    X("found-at", "NAME", "caa: where the relevant record set was", VALUE, "found_at", TEXT)                 \
    X("method", "METHOD", "caa: method the validationmethods parameter was evaluated for", REPEATED,         \
      "methods", TEXT)                                                                                       \
    X("unknown-critical-tag", NULL, "caa: an unknown critical property was present", SWITCH,                 \
      "unknown_critical_tag", TRUE)                                                                          \
    X("failure-outside-ca", NULL, "caa: the failure was outside the CA's infrastructure", SWITCH,            \
      "failure.outside_ca_infrastructure", TRUE)                                                             \
    X("failure-retries", "N", "caa: how often the look-up was retried", VALUE, "failure.retries", NUMBER)    \
    X("failure-zone-insecure", NULL, "caa: zone proven without DNSSEC", SWITCH,                              \
      "failure.zone_proven_insecure", TRUE)

const struct cs_option cs_options_attest_from_open_mpic[] = {
    { "answer", "FILE", "what the service answered, JSON, as it came", CS_OPT_REQUIRED },
    { "name", "NAME", "domain name or address that was asked about, *. included", CS_OPT_REQUIRED },
    { "table", "FILE", "YAML with the key perspectives", CS_OPT_VALUE },
    { "policy", "FILE", "policy whose perspectives are used, instead of --table", CS_OPT_VALUE },
    BOTH(OPTION) DCV(OPTION) CAA(OPTION) CS_ATTEST_COMMON_OPTIONS
};

static const struct cs_attest_flag dcv_flags[] = { BOTH(FLAG) DCV(FLAG){ 0 } };
static const struct cs_attest_flag caa_flags[] = { BOTH(FLAG) CAA(FLAG){ 0 } };
static const struct cs_attest_flag only_dcv[] = { DCV(FLAG){ 0 } };
static const struct cs_attest_flag only_caa[] = { CAA(FLAG){ 0 } };

enum { HOUR_S = 3600, DAY_S = 86400 };

/* ---- the answer and the table, read once by the command ---- */

struct import {
    struct cs_arena arena;
    struct cs_policy *policy;
    json_t *document;
    struct cs_sha256 digest;
    struct cs_mpic_answer answer;
};

static void import_done(struct import *m)
{
    cs_arena_done(&m->arena);
    cs_policy_free(m->policy);
    json_decref(m->document);
}

static CS_RESULT read_table(struct import *m, const struct cs_args *args, struct cs_sites *out,
                            struct cs_note *note)
{
    const char *table = cs_arg_get(args, "table"), *policy = cs_arg_get(args, "policy"),
               *path = table != NULL ? table : policy;
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_note fault = { "" };
    if ((table != NULL) == (policy != NULL)) {
        cs_note_set(note, "--table, --policy: %s given, needs one of them", table != NULL ? "both" : "none");
        return CS_ERR(ARGUMENT);
    }
    CS_TRY(cs_read_file(path, CS_POLICY_MAX_LEN, &text, note));
    cs_result r = table != NULL ? cs_sites_load(cs_buf_span(&text), &m->arena, out, &fault)
                                : cs_policy_load(cs_buf_span(&text), &m->policy, &fault);
    if (!cs_ok(r)) {
        cs_note_set(note, "%s: %s", path, fault.text);
        return r;
    }
    if (policy != NULL)
        *out = m->policy->perspectives;
    if (out->n == 0) {
        cs_note_set(note, "%s: has no section 'perspectives'", path);
        return CS_ERR(CONFIG);
    }
    return CS_OK;
}

/* The table first: without one no answer can be read. */
static int read_answer(struct cs_cli *cli, const struct cs_args *args, struct import *m)
{
    const char *path = cs_arg_get(args, "answer"), *name = cs_arg_get(args, "name");
    CS_AUTO_BUF struct cs_buf text = { 0 };
    struct cs_note note = { "" };
    struct cs_sites sites = { 0, NULL };
    cs_result r = read_table(m, args, &sites, &note);
    if (cs_ok(r))
        r = cs_read_file(path, CS_FILE_MAX_LEN, &text, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    m->digest = cs_sha256(cs_buf_span(&text));
    r = cs_pbjson_load(cs_buf_span(&text), &m->document, &note);
    if (cs_ok(r))
        r = cs_mpic_answer_read(m->document, &sites, &m->answer, &note);
    if (!cs_ok(r))
        return cs_cli_fail(cli, CS_EXIT_REFUSED, "%s: %s", path, note.text);
    if (strcmp(m->answer.target, name) != 0)
        return cs_cli_fail(cli, CS_EXIT_REFUSED, "%s: is about '%s', asked for was '%s'", path,
                           m->answer.target, name);
    return CS_EXIT_DONE;
}

/* A flag of the other kind of check would be lost without a word. */
static int check_flags(struct cs_cli *cli, const struct cs_args *args, bool caa)
{
    for (const struct cs_attest_flag *f = caa ? only_dcv : only_caa; f->name != NULL; f++)
        if (cs_arg_has(args, f->name))
            return cs_cli_usage(cli, "--%s: the answer is of check_type %s", f->name, caa ? "caa" : "dcv");
    return CS_EXIT_DONE;
}

/* ---- the body ---- */

static CS_RESULT put_remotes(struct cs_attest *a, const struct cs_mpic_answer *m, int64_t primary_unix_s)
{
    char rir[CS_PBJSON_ENUM_MAX_LEN];
    json_t *all = json_array();
    for (uint32_t i = 0; i < m->n_remotes; i++) {
        const struct cs_mpic_remote *r = &m->remote[i];
        const struct cs_site *s = r->site;
        json_array_append_new(all,
                              json_pack("{s:s%, s:s, s:I, s:I, s:b, s:I}", "id", (const char *)s->id.at,
                                        s->id.len, "rir",
                                        cs_pbjson_enum_name(&countersign__v1__rir__descriptor, s->rir, rir),
                                        "latitude_microdegrees", (json_int_t)s->latitude_microdegrees,
                                        "longitude_microdegrees", (json_int_t)s->longitude_microdegrees,
                                        "passed", r->passed, "observed_at_unix_s",
                                        (json_int_t)(r->has_time ? r->observed_unix_s : primary_unix_s)));
    }
    CS_TRY(cs_attest_put(a->body, "perspectives.attempt", json_integer((json_int_t)m->attempt)));
    return cs_attest_put(a->body, "perspectives.remotes", all);
}

static CS_RESULT put_caa(struct cs_attest *a, const struct cs_mpic_answer *m)
{
    const char *issuer_domain = json_string_value(json_object_get(a->body, "issuer_domain"));
    bool asked = issuer_domain == NULL;
    for (size_t i = 0; i < json_array_size(m->caa_domains) && !asked; i++)
        asked = strcmp(json_string_value(json_array_get(m->caa_domains, i)), issuer_domain) == 0;
    if (!asked) {
        cs_note_set(&a->note, "--issuer-domain '%.200s': the service was asked for other issuer domains",
                    issuer_domain);
        a->refused = true;
        return CS_ERR(ARGUMENT);
    }
    return cs_attest_put(a->body, "tag", json_string(m->wildcard ? "issuewild" : "issue"));
}

static CS_RESULT put_dcv(struct cs_attest *a, const struct cs_mpic_answer *m)
{
    char method[CS_PBJSON_ENUM_MAX_LEN];
    const char *scope = json_string_value(json_object_get(a->body, "scope"));
    if (m->wildcard && (scope == NULL || strcmp(scope, "namespace") != 0)) {
        cs_note_set(&a->note, "--scope: needs namespace for '%s'", m->target);
        return CS_ERR(ARGUMENT);
    }
    cs_pbjson_enum_name(&countersign__v1__validation_method__descriptor, m->method, method);
    return cs_attest_put(a->body, "method", json_string(method));
}

static CS_RESULT complete(struct cs_attest *a)
{
    const struct import *m = a->context;
    const struct cs_mpic_answer *answer = &m->answer;
    const json_t *primary = json_object_get(json_object_get(a->body, "perspectives"), "primary");
    const char *target = answer->target + (answer->wildcard ? 2 : 0);
    json_object_del(a->body, "domain");
    json_object_del(a->body, "ip_address");
    CS_TRY(cs_attest_put(a->body, answer->ip ? "ip_address" : "domain", json_string(target)));
    CS_TRY(cs_attest_put(a->body, "record_sha256", cs_cli_hex(cs_sha256_span(&m->digest))));
    CS_TRY(put_remotes(a, answer, json_integer_value(json_object_get(primary, "observed_at_unix_s"))));
    return answer->caa ? put_caa(a, answer) : put_dcv(a, answer);
}

/* ---- the count ---- */

static CS_RESULT refuse(struct cs_attest *a, const char *why)
{
    cs_note_set(&a->note, "the perspectives do not corroborate: %s", why);
    a->refused = true;
    return CS_ERR(FORM);
}

static const char *show_flaw(const struct cs_mpic_count *n, char room[200])
{
    int la = n->a != NULL ? (int)n->a->id.len : 0, lb = n->b != NULL ? (int)n->b->id.len : 0;
    const char *a = la != 0 ? (const char *)n->a->id.data : "",
               *b = lb != 0 ? (const char *)n->b->id.data : "";
    switch (n->flaw) {
    case CS_MPIC_HOLDS:
        break;
    case CS_MPIC_NO_ATTEMPT:
        snprintf(room, 200, "there is no primary perspective");
        break;
    case CS_MPIC_TIMES:
        snprintf(room, 200, "%.*s was not observed with the others, in one attempt", la, a);
        break;
    case CS_MPIC_ID_TWICE:
        snprintf(room, 200, "%.*s stands there twice", la, a);
        break;
    case CS_MPIC_TOO_NEAR:
        snprintf(room, 200, "%.*s and %.*s are %.0f km apart, needed: %d", la, a, lb, b, n->apart_km,
                 CS_MPIC_APART_KM);
        break;
    case CS_MPIC_TOO_FEW:
        snprintf(room, 200, "%u remote perspectives, needed: %u", n->n_remotes, n->row->min_remotes);
        break;
    case CS_MPIC_TOO_FAILING:
        snprintf(room, 200, "%u/%u remote perspectives corroborate, at most %u may fail to", n->n_passed,
                 n->n_remotes, cs_mpic_failures_max(n->n_remotes));
        break;
    case CS_MPIC_REGIONS:
        snprintf(room, 200, "those that corroborate stand in %u regions, needed: %u", n->n_regions,
                 n->row->min_regions);
        break;
    }
    return room;
}

static CS_RESULT counts(struct cs_attest *a, const Countersign__V1__Statement *s)
{
    const Countersign__V1__DomainControl *d = s->domain_control;
    const Countersign__V1__CaaCheck *c = s->caa_check;
    bool caa = s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK;
    const Countersign__V1__Perspectives *p = caa ? c->perspectives : d->perspectives;
    struct cs_mpic_count n;
    char room[200] = "";
    if (!p->primary->passed && (!caa || c->result == COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_PERMITTED))
        return refuse(a, "the primary's own check did not pass");
    int64_t to_unix_s = caa ? c->checked_at_unix_s : d->observed_at_unix_s, from_unix_s = to_unix_s;
    if (!caa && d->initiated_at_unix_s < from_unix_s)
        from_unix_s = d->initiated_at_unix_s;
    if (!caa && d->oldest_data_at_unix_s < from_unix_s)
        from_unix_s = d->oldest_data_at_unix_s;
    cs_mpic_recount(p, from_unix_s, to_unix_s, &n);
    if (n.flaw != CS_MPIC_HOLDS)
        return refuse(a, show_flaw(&n, room));
    fprintf(a->cli->err, "corroborated %u/%u in %u regions\n", n.n_passed, n.n_remotes, n.n_regions);
    return CS_OK;
}

int cs_cmd_attest_from_open_mpic(struct cs_cli *cli, const struct cs_args *args)
{
    static const struct cs_attest_kind dcv = { "domain_control", "validation_system",
                                               90 * DAY_S,       dcv_flags,
                                               complete,         NULL };
    static const struct cs_attest_kind caa = { "caa_check", "validation_system",
                                               8 * HOUR_S,  caa_flags,
                                               complete,    NULL };
    struct import m = { .document = NULL };
    int code = read_answer(cli, args, &m);
    if (code == CS_EXIT_DONE)
        code = check_flags(cli, args, m.answer.caa);
    if (code == CS_EXIT_DONE)
        code = cs_attest_run_judged(cli, args, m.answer.caa ? &caa : &dcv, counts, &m);
    import_done(&m);
    return code;
}
