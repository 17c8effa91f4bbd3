#include "tests/unit/evidence/house.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/x509.h>

#define ROLE(name)   (1u << COUNTERSIGN__V1__ROLE__ROLE_##name)
#define METHOD(name) COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##name

const int house_kinds[9] = { BODY(DOMAIN_CONTROL), BODY(CAA_CHECK), BODY(ORGANIZATION_IDENTITY),
                             BODY(ORDER),          BODY(LINT),      BODY(APPROVAL),
                             BODY(CEREMONY),       BODY(RECALL),    BODY(HOLD) };

static EVP_PKEY *ed25519_of(uint8_t fill)
{
    uint8_t seed[32];
    memset(seed, fill, sizeof seed);
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
}

static struct cs_attester attester_of(const char *name, EVP_PKEY *key, uint32_t roles)
{
    assert_non_null(key);
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    struct cs_attester t = {
        .name = cs_span_str(name),
        .algorithm = cs_signature_algorithm_of(key),
        .key = key,
        .spki_sha256 = cs_sha256(cs_span_of(der, (size_t)len)),
        .roles = roles,
        .not_before_unix_s = HOUSE_NOW - 86400,
        .not_after_unix_s = HOUSE_NOW + 86400,
    };
    OPENSSL_free(der);
    for (int m = 1; m < 192 && (roles & ROLE(VALIDATION_SYSTEM)) != 0; m++)
        if (m != METHOD(DCV_CONSTRUCTED_EMAIL))
            t.methods.bit[m / 64] |= (uint64_t)1 << (m % 64);
    return t;
}

void house_open(struct house *h)
{
    *h = (struct house){ 0 };
    struct cs_policy *p = h->policy = calloc(1, sizeof *p);
    assert_non_null(p);
    p->deployment = cs_span_str("prod.ca.example");
    p->limits.clock_skew_s = 30;
    p->n_attesters = N_ATTESTERS;
    p->attester[VALIDATOR] = attester_of("validator", ed25519_of(1), ROLE(VALIDATION_SYSTEM));
    p->attester[VALIDATOR_EC] = attester_of("validator-ec", EVP_EC_gen("P-256"), ROLE(VALIDATION_SYSTEM));
    p->attester[VETTER] = attester_of("vetter", ed25519_of(2), ROLE(VETTING_SPECIALIST));
    p->attester[VETTER_EC] = attester_of("vetter-ec", EVP_EC_gen("P-256"), ROLE(VETTING_SPECIALIST));
    p->attester[ORDERS] = attester_of("orders", ed25519_of(3), ROLE(ORDER_AUTHORITY));
    p->attester[EVERYTHING] =
        attester_of("everything", ed25519_of(4),
                    ROLE(LINT_SERVICE) | ROLE(RA_OFFICER) | ROLE(CEREMONY_OFFICER) | ROLE(OPERATOR));
    h->stranger = ed25519_of(9);
}

void house_close(struct house *h)
{
    for (uint32_t i = 0; i < h->policy->n_attesters; i++)
        EVP_PKEY_free(h->policy->attester[i].key);
    free(h->policy);
    EVP_PKEY_free(h->stranger);
    cs_arena_done(&h->arena);
}

ProtobufCBinaryData house_bytes(struct cs_arena *a, const char *text)
{
    return (ProtobufCBinaryData){ strlen(text), cs_arena_copy(a, cs_span_str(text)) };
}

ProtobufCBinaryData house_filled(struct cs_arena *a, uint8_t c, size_t len)
{
    uint8_t *at = cs_arena_get(a, len);
    memset(at, c, len);
    return (ProtobufCBinaryData){ len, at };
}

/* NEW(type, field...) makes a message of the type in the arena. */
#define NEW(var, Type, init)                                     \
    Countersign__V1__##Type *var = cs_arena_get(a, sizeof *var); \
    countersign__v1__##init##__init(var)

static ProtobufCBinaryData *list_of(struct cs_arena *a, const char *x, const char *y)
{
    ProtobufCBinaryData *v = cs_arena_get(a, 2 * sizeof *v);
    v[0] = house_bytes(a, x);
    v[1] = house_bytes(a, y);
    return v;
}

static Countersign__V1__Perspective *perspective_of(struct cs_arena *a, const char *id, int rir)
{
    NEW(p, Perspective, perspective);
    p->id = house_bytes(a, id);
    p->rir = (Countersign__V1__Rir)rir;
    p->latitude_microdegrees = -33000000 + rir;
    p->longitude_microdegrees = 151000000;
    p->passed = true;
    p->observed_at_unix_s = HOUSE_NOW - 150;
    return p;
}

static Countersign__V1__Perspectives *perspectives_of(struct cs_arena *a)
{
    NEW(p, Perspectives, perspectives);
    p->primary = perspective_of(a, "primary", 5);
    p->n_remotes = 2;
    p->remotes = cs_arena_get(a, 2 * sizeof *p->remotes);
    p->remotes[0] = perspective_of(a, "r1", 2);
    p->remotes[1] = perspective_of(a, "r2", 3);
    p->attempt = 1;
    return p;
}

static Countersign__V1__DomainControl *domain_control(struct cs_arena *a)
{
    NEW(m, DomainControl, domain_control);
    m->subject_case = COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_DOMAIN;
    m->domain = house_bytes(a, "example.com");
    m->method = METHOD(DCV_DNS_CHANGE);
    m->scope = COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_NAMESPACE;
    NEW(d, Derivation, derivation);
    d->applied_for = house_bytes(a, "*.www.example.com");
    d->n_cname_chain = 2;
    d->cname_chain = list_of(a, "a.example.net", "_b.example.com");
    d->pruned_labels = 1;
    m->derivation = d;
    m->initiated_at_unix_s = HOUSE_NOW - 300;
    m->oldest_data_at_unix_s = HOUSE_NOW - 250;
    m->observed_at_unix_s = HOUSE_NOW - 150;
    NEW(c, Challenge, challenge);
    c->kind = COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_RANDOM_VALUE;
    c->sha256 = house_filled(a, 7, 32);
    c->created_at_unix_s = HOUSE_NOW - 300;
    m->challenge = c;
    m->perspectives = perspectives_of(a);
    m->dnssec = COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_INSECURE;
    m->account_uri = house_bytes(a, "https://ca.example/acct/1");
    m->record_sha256 = house_filled(a, 8, 32);
    return m;
}

static Countersign__V1__CaaCheck *caa_check(struct cs_arena *a)
{
    NEW(m, CaaCheck, caa_check);
    m->domain = house_bytes(a, "www.example.com");
    m->tag = COUNTERSIGN__V1__CAA_TAG__CAA_TAG_ISSUE;
    m->result = COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_LOOKUP_FAILED;
    m->checked_at_unix_s = HOUSE_NOW - 120;
    m->ttl_s = 300;
    m->found_at = house_bytes(a, "example.com");
    m->issuer_domain = house_bytes(a, "ca.example");
    m->account_uri = house_bytes(a, "https://ca.example/acct/1");
    m->n_methods = 2;
    m->methods = cs_arena_get(a, 2 * sizeof *m->methods);
    m->methods[0] = METHOD(DCV_DNS_CHANGE);
    m->methods[1] = METHOD(DCV_ACME_HTTP_01);
    m->unknown_critical_tag = true;
    NEW(f, CaaLookupFailure, caa_lookup_failure);
    f->outside_ca_infrastructure = true;
    f->retries = 1;
    f->zone_proven_insecure = true;
    m->failure = f;
    m->perspectives = perspectives_of(a);
    m->dnssec = COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_SECURE;
    m->record_sha256 = house_filled(a, 8, 32);
    return m;
}

static Countersign__V1__OrganizationIdentity *organization_identity(struct cs_arena *a)
{
    NEW(m, OrganizationIdentity, organization_identity);
    NEW(o, SubjectAttribute, subject_attribute);
    o->oid = house_bytes(a, "\x55\x04\x0a");
    o->string_type = COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_UTF8;
    o->value = house_bytes(a, "B\xc3\xb6rse AG");
    m->n_attributes = 1;
    m->attributes = cs_arena_get(a, sizeof *m->attributes);
    m->attributes[0] = o;
    m->record_id = house_bytes(a, "org-77");
    m->record_version = 2;
    m->previous_statement_sha256 = house_filled(a, 5, 32);
    m->profile = COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION;
    NEW(s, Source, source);
    s->kind = COUNTERSIGN__V1__SOURCE_KIND__SOURCE_KIND_GOVERNMENT_AGENCY;
    s->name = house_bytes(a, "Register");
    s->reference = house_bytes(a, "HRB 1");
    s->retrieved_at_unix_s = HOUSE_NOW - 900;
    m->n_sources = 1;
    m->sources = cs_arena_get(a, sizeof *m->sources);
    m->sources[0] = s;
    m->oldest_data_at_unix_s = HOUSE_NOW - 1000;
    m->n_collectors = 2;
    m->collectors = list_of(a, "ann", "bob");
    m->n_reviewers = 2;
    m->reviewers = list_of(a, "eve", "joe");
    m->approver = house_bytes(a, "joe");
    NEW(r, RequestAuthenticity, request_authenticity);
    r->method = house_bytes(a, "telephone");
    r->contact_source = house_bytes(a, "Register");
    r->confirmed_at_unix_s = HOUSE_NOW - 800;
    m->authenticity = r;
    return m;
}

static Countersign__V1__Order *order(struct cs_arena *a)
{
    NEW(m, Order, order);
    m->order_id = house_bytes(a, "order-1");
    m->spki_sha256 = house_filled(a, 1, 32);
    m->csr_sha256 = house_filled(a, 2, 32);
    m->possession_proven = true;
    m->n_dns_names = 2;
    m->dns_names = list_of(a, "*.example.com", "example.com");
    m->n_ip_addresses = 2;
    m->ip_addresses = list_of(a, "\x0a\x01\x01\x01", "\x0a\x01\x01\x02");
    m->profile = COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED;
    m->latest_not_after_unix_s = HOUSE_NOW + 100 * 86400;
    m->requester = house_bytes(a, "customer@example.com");
    m->agreement = house_bytes(a, "terms-5");
    return m;
}

static Countersign__V1__Lint *lint(struct cs_arena *a)
{
    NEW(m, Lint, lint);
    m->linter = house_bytes(a, "zlint");
    m->linter_version = house_bytes(a, "3.7.0");
    m->tbs_sha256 = house_filled(a, 3, 32);
    m->ran_at_unix_s = HOUSE_NOW - 110;
    m->fatals = m->errors = m->warnings = m->notices = m->passes = 1;
    m->n_findings = 2;
    m->findings = list_of(a, "w_one", "e_two");
    return m;
}

static Countersign__V1__Approval *approval(struct cs_arena *a)
{
    NEW(m, Approval, approval);
    m->order_id = house_bytes(a, "order-1");
    m->decision = COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE;
    m->person = house_bytes(a, "kim");
    m->reason = house_bytes(a, "looks right");
    return m;
}

static Countersign__V1__Ceremony *ceremony(struct cs_arena *a)
{
    NEW(m, Ceremony, ceremony);
    m->tbs_sha256 = house_filled(a, 3, 32);
    m->script_sha256 = house_filled(a, 4, 32);
    m->n_officers = 2;
    m->officers = list_of(a, "ann", "bob");
    m->purpose = house_bytes(a, "new issuing CA");
    return m;
}

static Countersign__V1__Recall *recall(struct cs_arena *a)
{
    NEW(m, Recall, recall);
    NEW(s, EvidenceSelector, evidence_selector);
    s->n_statement_ids = s->n_payload_sha256s = s->n_attesters = s->n_perspective_ids = s->n_accounts = 1;
    s->statement_ids = cs_arena_get(a, sizeof *s->statement_ids);
    s->statement_ids[0] = house_filled(a, 1, 16);
    s->payload_sha256s = cs_arena_get(a, sizeof *s->payload_sha256s);
    s->payload_sha256s[0] = house_filled(a, 1, 32);
    s->attesters = list_of(a, "validator", "");
    s->role = COUNTERSIGN__V1__ROLE__ROLE_VALIDATION_SYSTEM;
    s->n_methods = 1;
    s->methods = cs_arena_get(a, sizeof *s->methods);
    s->methods[0] = METHOD(DCV_DNS_CHANGE);
    s->software_name = house_bytes(a, "va");
    s->software_version_from = house_bytes(a, "1.0");
    s->software_version_to = house_bytes(a, "1.9");
    s->perspective_ids = list_of(a, "r1", "");
    s->organization_record_id = house_bytes(a, "org-77");
    s->organization_record_version = 1;
    s->accounts = list_of(a, "acct-1", "");
    s->observed_from_unix_s = HOUSE_NOW - 1000;
    s->observed_until_unix_s = HOUSE_NOW;
    m->selector = s;
    m->reason = house_bytes(a, "resolver bug");
    return m;
}

static Countersign__V1__Hold *hold(struct cs_arena *a)
{
    NEW(m, Hold, hold);
    NEW(s, IssuanceSelector, issuance_selector);
    s->n_certificate_sha256s = s->n_serial_numbers = s->n_order_ids = s->n_accounts = s->n_name_suffixes = 1;
    s->n_organizations = s->n_attesters = s->n_clients = s->n_api_versions = s->n_issuers = 1;
    s->certificate_sha256s = cs_arena_get(a, sizeof *s->certificate_sha256s);
    s->certificate_sha256s[0] = house_filled(a, 1, 32);
    s->serial_numbers = list_of(a, "\x01\x02", "");
    s->order_ids = list_of(a, "order-1", "");
    s->accounts = list_of(a, "acct-1", "");
    s->name_suffixes = list_of(a, "example.com", "");
    s->organizations = list_of(a, "Example", "");
    s->attesters = list_of(a, "validator", "");
    s->n_methods = s->n_profiles = 1;
    s->methods = cs_arena_get(a, sizeof *s->methods);
    s->methods[0] = METHOD(DCV_DNS_CHANGE);
    s->clients = list_of(a, "ra", "");
    s->api_versions = list_of(a, "v1", "");
    s->issuers = list_of(a, "issuing-1", "");
    s->profiles = cs_arena_get(a, sizeof *s->profiles);
    s->profiles[0] = COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED;
    m->hold_id = house_bytes(a, "hold-1");
    m->action = COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_PLACE;
    m->selector = s;
    m->reason = house_bytes(a, "wait for revalidation");
    return m;
}

uint32_t house_signer(int kind)
{
    return kind == BODY(DOMAIN_CONTROL) || kind == BODY(CAA_CHECK) ? VALIDATOR
           : kind == BODY(ORGANIZATION_IDENTITY)                   ? VETTER
           : kind == BODY(ORDER)                                   ? ORDERS
                                                                   : EVERYTHING;
}

S *house_statement(struct cs_arena *a, int kind)
{
    static const char *const names[] = { "validator", "validator-ec", "vetter",
                                         "vetter-ec", "orders",       "everything" };
    NEW(s, Statement, statement);
    NEW(h, Header, header);
    NEW(w, Software, software);
    s->header = h;
    s->body_case = (Countersign__V1__Statement__BodyCase)kind;
    h->schema = 1;
    h->statement_id = house_filled(a, 0xa0, 16);
    h->attester = house_bytes(a, names[house_signer(kind)]);
    h->role = cs_statement_role(s);
    w->name = house_bytes(a, "va");
    w->version = house_bytes(a, "1.2.3");
    h->software = w;
    h->audience = house_bytes(a, "prod.ca.example");
    h->issued_at_unix_s = HOUSE_NOW - 100;
    h->expires_at_unix_s = HOUSE_NOW + 86400;
    h->account = house_bytes(a, "acct-1");
    h->ruleset = house_bytes(a, "tls-br-2.3.0");
    switch (kind) {
    case BODY(DOMAIN_CONTROL):
        s->domain_control = domain_control(a);
        break;
    case BODY(CAA_CHECK):
        s->caa_check = caa_check(a);
        break;
    case BODY(ORGANIZATION_IDENTITY):
        s->organization_identity = organization_identity(a);
        break;
    case BODY(ORDER):
        s->order = order(a);
        break;
    case BODY(LINT):
        s->lint = lint(a);
        break;
    case BODY(APPROVAL):
        s->approval = approval(a);
        break;
    case BODY(CEREMONY):
        s->ceremony = ceremony(a);
        break;
    case BODY(RECALL):
        s->recall = recall(a);
        break;
    default:
        s->hold = hold(a);
    }
    return s;
}

struct cs_span house_pack(struct house *h, const S *s)
{
    struct cs_span out = { 0 };
    assert_true(cs_ok(cs_proto_pack(&s->base, &h->arena, &out)));
    return out;
}

struct cs_span house_sign_key(struct house *h, struct cs_span payload, EVP_PKEY *key)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    assert_true(cs_ok(cs_dsse_sign(key, payload, &b)));
    return cs_arena_span(&h->arena, cs_buf_span(&b));
}

struct cs_span house_sign(struct house *h, struct cs_span payload, uint32_t n, const uint32_t *by)
{
    struct cs_span e = house_sign_key(h, payload, h->policy->attester[by[0]].key);
    for (uint32_t i = 1; i < n; i++) {
        CS_AUTO_BUF struct cs_buf b = { 0 };
        assert_true(cs_ok(cs_dsse_cosign(h->policy->attester[by[i]].key, e, &b)));
        e = cs_arena_span(&h->arena, cs_buf_span(&b));
    }
    return e;
}

bool house_admit(struct house *h, struct cs_span envelope, int64_t now, struct cs_evidence_cache *cache,
                 struct cs_verdict *v, struct cs_evidence *out)
{
    struct cs_evidence_context ctx = { .policy = h->policy, .now_unix_s = now, .cache = cache };
    bool admitted = false;
    v->arena = &h->arena;
    assert_true(cs_ok(cs_evidence_admit(&ctx, envelope, "evidence[3]", &h->arena, v, &admitted, out)));
    assert_true(admitted == cs_verdict_admits(v));
    for (uint32_t i = 0; i < v->n_reasons; i++)
        assert_string_equal(v->reason[i].subject, "evidence[3]");
    return admitted;
}

static unsigned n_admitted, n_refused[CS_RULE_COUNT];

bool house_refuses(struct house *h, struct cs_span envelope, int64_t now, enum cs_rule rule)
{
    struct cs_verdict v = { 0 };
    struct cs_evidence e;
    if (house_admit(h, envelope, now, NULL, &v, &e))
        return false;
    for (uint32_t i = 0; i < v.n_reasons; i++) {
        if (v.reason[i].rule != rule) {
            print_message("also %s: %s; needed: %s\n", cs_rule_text(v.reason[i].rule)->id, v.reason[i].found,
                          v.reason[i].needed);
            return false;
        }
    }
    n_refused[rule]++;
    return true;
}

bool house_admits(struct house *h, struct cs_span envelope, int64_t now)
{
    struct cs_verdict v = { 0 };
    struct cs_evidence e;
    bool ok = house_admit(h, envelope, now, NULL, &v, &e);
    for (uint32_t i = 0; i < v.n_reasons; i++)
        print_message("%s: %s; needed: %s\n", cs_rule_text(v.reason[i].rule)->id, v.reason[i].found,
                      v.reason[i].needed);
    n_admitted += ok;
    return ok;
}

void house_require_rows(size_t n, const enum cs_rule *rules)
{
    print_message("rule  accepting  refusing\n");
    for (size_t i = 0; i < n; i++)
        print_message("%-5s %9u %9u\n", cs_rule_text(rules[i])->id, n_admitted, n_refused[rules[i]]);
    for (size_t i = 0; i < n; i++)
        if (n_admitted == 0 || n_refused[rules[i]] == 0)
            fail_msg("%s has no %s row", cs_rule_text(rules[i])->id,
                     n_admitted == 0 ? "accepting" : "refusing");
}
