#include "tests/unit/rules/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/ipc/messages.h"

static const uint8_t issuer_name[] = { 0x30, 0x0f, 0x31, 0x0d, 0x30, 0x0b, 0x06, 0x03, 0x55,
                                       0x04, 0x0a, 0x0c, 0x04, 'A',  'c',  'm',  'e' };
static const uint8_t serial[] = { 0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* http://c.example/c, caIssuers http://c.example/i */
static const char distribution_point[] = "\x30\x1a\x30\x18\xa0\x16\xa0\x14\x86\x12http://c.example/c";
static const char information_access[] =
    "\x30\x20\x30\x1e\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x12http://c.example/i";

static const struct {
    int profile;
    const char *at;
    size_t len;
} policies[] = {
    { PROFILE(DOMAIN_VALIDATED), "\x30\x0a\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x01", 12 },
    { PROFILE(ORGANIZATION_VALIDATED), "\x30\x0a\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x02", 12 },
    { PROFILE(INDIVIDUAL_VALIDATED), "\x30\x0a\x30\x08\x06\x06\x67\x81\x0c\x01\x02\x03", 12 },
    { PROFILE(EXTENDED_VALIDATION), "\x30\x09\x30\x07\x06\x05\x67\x81\x0c\x01\x01", 11 },
};

struct cs_extension *house_find(struct house *h, const char *oid, size_t len)
{
    for (uint32_t i = 0; i < h->tbs.n_extensions; i++)
        if (cs_span_eq(h->tbs.extension[i].oid, cs_span_of(oid, len)))
            return &h->tbs.extension[i];
    return NULL;
}

void house_drop(struct house *h, const char *oid, size_t len)
{
    struct cs_extension *x = house_find(h, oid, len);
    if (x == NULL)
        return;
    uint32_t i = (uint32_t)(x - h->tbs.extension);
    memmove(x, x + 1, (--h->tbs.n_extensions - i) * sizeof *x);
}

struct cs_extension *house_extension(struct house *h, const char *oid, bool critical, const char *value,
                                     size_t value_len)
{
    struct cs_extension *x = &h->tbs.extension[h->tbs.n_extensions++];
    *x = (struct cs_extension){ cs_span_of(oid, 3), critical, cs_span_of(value, value_len), { NULL, 0 } };
    return x;
}

void house_profile(struct house *h, int profile)
{
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (policies[i].profile == profile)
            h->tbs.extension[2].value = cs_span_of(policies[i].at, policies[i].len);
}

/* Files of two lists, gone again once they are read. */
const struct cs_lists *house_lists(void)
{
    static const char suffixes[] =
        "// ===BEGIN ICANN DOMAINS===\n"
        "com\nnet\norg\nexample\nuk\nco.uk\njp\n*.kobe.jp\n!city.kobe.jp\n*.ck\n"
        "// ===END ICANN DOMAINS===\n// ===BEGIN PRIVATE DOMAINS===\nhosting.example\n"
        "// ===END PRIVATE DOMAINS===\n";
    static struct cs_lists *lists;
    char suffix_path[] = "/tmp/cs-suffix-XXXXXX", keys_path[] = "/tmp/cs-keys-XXXXXX";
    struct cs_sha256 stolen = cs_sha256(cs_span_str(HOUSE_STOLEN_KEY));
    char digest[2 * CS_SHA256_LEN + 1];
    struct cs_lists_config config = {
        .public_suffix = { .path = suffix_path, .max_age_s = 86400 },
        .compromised_keys = { .path = keys_path },
    };
    struct cs_note note = { "" };
    if (lists != NULL)
        return lists;
    cs_hex(cs_sha256_span(&stolen), digest);
    int a = mkstemp(suffix_path), b = mkstemp(keys_path);
    if (a < 0 || b < 0 || !cs_ok(cs_write_all(a, cs_span_str(suffixes))) ||
        !cs_ok(cs_write_all(b, cs_span_str(digest))) ||
        !cs_ok(cs_lists_open(&config, cs_clock_unix_s(), &lists, &note))) {
        fprintf(stderr, "lists: %s\n", note.text);
        abort();
    }
    (void)close(a);
    (void)close(b);
    (void)unlink(suffix_path);
    (void)unlink(keys_path);
    return lists;
}

static void fill_issuer(struct cs_issuer *i)
{
    i->id = cs_span_str("r1");
    i->subject = cs_span_of(issuer_name, sizeof issuer_name);
    i->spki = cs_span_str("issuer key");
    i->ski = cs_span_str("issuer ski");
    i->not_after_unix_s = HOUSE_NOW + 1000 * INT64_C(86400);
    i->purposes = CS_PURPOSE_LEAF;
    i->algorithms = 1u << CS_ALG_ECDSA_SHA256;
    i->profiles = 0x1e;
    i->n_caa_identities = 1;
    i->caa_identity[0] = cs_span_str("ca.example");
}

static struct cs_agency house_agency[3];

void house_init(struct house *h)
{
    struct cs_arena arena = h->arena, scratch = h->scratch;
    cs_arena_reset(&arena);
    cs_arena_reset(&scratch);
    memset(h, 0, sizeof *h);
    h->arena = arena;
    h->scratch = scratch;

    house_agency[0] = (struct cs_agency){ .country = cs_span_str("NL") };
    house_agency[1] = (struct cs_agency){ .country = cs_span_str("US") };
    house_agency[2] = (struct cs_agency){ .country = cs_span_str("US"),
                                          .state = cs_span_str("Ohio"),
                                          .locality = cs_span_str("Columbus") };
    h->policy.n_issuers = 1;
    fill_issuer(&h->policy.issuer[0]);
    h->policy.n_attesters = 4;
    h->policy.n_clients = 1;
    h->policy.client[0] = (struct cs_client){ .name = cs_span_str("ra"), .issuers = 1 };
    h->policy.limits.clock_skew_s = 60;
    static const struct cs_linter_release release = { .version = { { 3, 6, 8 } },
                                                      .released_unix_s = INT64_MIN,
                                                      .superseded_unix_s = INT64_MAX };
    h->policy.lint.n_linters = 1;
    h->policy.lint.linter[0] = (struct cs_linter){ .name = cs_span_str("zlint"),
                                                   .not_before_unix_s = INT64_MIN,
                                                   .not_after_unix_s = INT64_MAX,
                                                   .n_releases = 1,
                                                   .release = &release };
    h->policy.n_agencies = 3;
    h->policy.agency = house_agency;

    struct cs_tbs *t = &h->tbs;
    t->version = 2;
    t->der = cs_span_str("whole tbs");
    t->serial = cs_span_of(serial, sizeof serial);
    t->signature = cs_algorithm_der(CS_ALG_ECDSA_SHA256);
    t->issuer = h->policy.issuer[0].subject;
    t->not_before_unix_s = HOUSE_NOW;
    t->not_after_unix_s = HOUSE_NOW + 90 * 86400 - 1;
    t->spki = cs_span_str("subscriber key");
    t->key_kind = CS_KEY_EC_P256;
    t->has_san = true;
    t->has_aki = true;
    t->aki_key_id = h->policy.issuer[0].ski;
    house_extension(h, "\x55\x1d\x11", true, "", 0);
    house_extension(h, "\x55\x1d\x23", false, "", 0);
    house_extension(h, "\x55\x1d\x20", false, "", 0);
    house_profile(h, PROFILE(DOMAIN_VALIDATED));
    house_extension(h, "\x55\x1d\x25", false, "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 12);
    house_extension(h, "\x55\x1d\x0f", true, "\x03\x02\x07\x80", 4);
    t->has_key_usage = true;
    t->key_usage = 0x8000;
    house_extension(h, "\x55\x1d\x13", true, "\x30\x00", 2);
    t->has_basic_constraints = true;
    house_extension(h, "\x55\x1d\x1f", false, distribution_point, sizeof distribution_point - 1);
    house_extension(h, "\x2b\x06\x01\x05\x05\x07\x01\x01", false, information_access,
                    sizeof information_access - 1)
        ->oid.len = 8;

    struct cs_facts *f = &h->facts;
    f->now_unix_s = HOUSE_NOW;
    f->policy = &h->policy;
    f->issuer = &h->policy.issuer[0];
    f->lists = house_lists();
    f->debian_weak = CS_LIST_ABSENT;
    f->client = &h->policy.client[0];
    f->tbs = t;
    f->spki.ec_point_valid = true;
    f->spki_sha256 = cs_sha256(t->spki);
    f->tbs_sha256 = cs_sha256(t->der);
    f->pair_sha256 = cs_sha256(cs_span_str("pair"));
    f->kind = CS_LEAF_CERTIFICATE;
    f->evidence = h->evidence;
    f->ledger_ready = true;
}

void house_done(struct house *h)
{
    cs_arena_done(&h->arena);
    cs_arena_done(&h->scratch);
}

void house_name(struct house *h, const char *name)
{
    char *kept = cs_arena_copy(&h->arena, cs_span_str(name));
    h->tbs.name[h->tbs.n_names++] = (struct cs_san){ CS_SAN_DNS, cs_span_str(kept) };
}

void house_ip(struct house *h, const char *octets, size_t len)
{
    h->tbs.name[h->tbs.n_names++] = (struct cs_san){ CS_SAN_IP, cs_span_of(octets, len) };
}

void house_attribute(struct house *h, const char *oid, uint8_t tag, const char *value)
{
    uint32_t i = h->tbs.n_attributes++;
    h->tbs.attribute[i] = (struct cs_attribute){ cs_span_str(oid), tag, cs_span_str(value), (uint16_t)i };
    h->tbs.extension[0].critical = false;
}

ProtobufCBinaryData house_bytes(struct house *h, const char *text)
{
    size_t len = strlen(text);
    return (ProtobufCBinaryData){ len, cs_arena_copy(&h->arena, cs_span_of(text, len)) };
}

static ProtobufCBinaryData bytes_of(struct house *h, struct cs_span s)
{
    return (ProtobufCBinaryData){ s.len, cs_arena_copy(&h->arena, s) };
}

static statement_t *add(struct house *h, Countersign__V1__Statement__BodyCase body)
{
    statement_t *s = cs_arena_get(&h->arena, sizeof *s);
    Countersign__V1__Header *header = cs_arena_get(&h->arena, sizeof *header);
    countersign__v1__statement__init(s);
    countersign__v1__header__init(header);
    header->account = house_bytes(h, "acme");
    header->issued_at_unix_s = HOUSE_NOW - 3600;
    header->expires_at_unix_s = HOUSE_NOW + 30 * 86400;
    s->header = header;
    s->body_case = body;
    uint32_t i = h->facts.n_evidence++;
    h->evidence[i] = (struct cs_evidence){
        .statement = s,
        .n_signers = 1,
        .label = cs_arena_printf(&h->arena, "evidence[%u]", i),
    };
    return s;
}

struct cs_evidence *house_last(struct house *h)
{
    return &h->evidence[h->facts.n_evidence - 1];
}

static ProtobufCBinaryData *sorted(struct house *h, uint8_t tag, size_t *n)
{
    struct cs_span names[CS_TBS_NAMES_MAX];
    *n = cs_sorted_names(&h->tbs, tag, names);
    ProtobufCBinaryData *out = cs_arena_get(&h->arena, (*n + 1) * sizeof *out);
    for (size_t i = 0; i < *n; i++)
        out[i] = bytes_of(h, names[i]);
    return out;
}

order_t *house_order(struct house *h)
{
    order_t *o = cs_arena_get(&h->arena, sizeof *o);
    countersign__v1__order__init(o);
    o->order_id = house_bytes(h, "o-1");
    o->spki_sha256 = bytes_of(h, cs_sha256_span(&h->facts.spki_sha256));
    o->possession_proven = true;
    o->requester = house_bytes(h, "portal");
    o->agreement = house_bytes(h, "terms-5");
    o->profile = PROFILE(DOMAIN_VALIDATED);
    o->latest_not_after_unix_s = h->tbs.not_after_unix_s;
    o->dns_names = sorted(h, CS_SAN_DNS, &o->n_dns_names);
    o->ip_addresses = sorted(h, CS_SAN_IP, &o->n_ip_addresses);
    add(h, COUNTERSIGN__V1__STATEMENT__BODY_ORDER)->order = o;
    return o;
}

void house_age(control_t *d, int64_t then_unix_s)
{
    d->initiated_at_unix_s = d->oldest_data_at_unix_s = d->observed_at_unix_s = then_unix_s;
    if (d->challenge != NULL)
        d->challenge->created_at_unix_s = then_unix_s;
    if (d->perspectives == NULL)
        return;
    d->perspectives->primary->observed_at_unix_s = then_unix_s;
    for (size_t i = 0; i < d->perspectives->n_remotes; i++)
        d->perspectives->remotes[i]->observed_at_unix_s = then_unix_s;
}

perspectives_t *house_perspectives(struct house *h, unsigned n_remotes, int64_t at_unix_s)
{
    static const struct {
        const char *id;
        int rir;
        int32_t lat, lon;
    } sites[] = {
        { "ams", COUNTERSIGN__V1__RIR__RIR_RIPE_NCC, 52370000, 4900000 },
        { "iad", COUNTERSIGN__V1__RIR__RIR_ARIN, 38900000, -77000000 },
        { "nrt", COUNTERSIGN__V1__RIR__RIR_APNIC, 35700000, 139700000 },
        { "gru", COUNTERSIGN__V1__RIR__RIR_LACNIC, -23500000, -46600000 },
        { "jnb", COUNTERSIGN__V1__RIR__RIR_AFRINIC, -26200000, 28000000 },
        { "sin", COUNTERSIGN__V1__RIR__RIR_APNIC, 1350000, 103800000 },
        { "sea", COUNTERSIGN__V1__RIR__RIR_ARIN, 47600000, -122300000 },
        { "del", COUNTERSIGN__V1__RIR__RIR_APNIC, 28600000, 77200000 },
        { "syd", COUNTERSIGN__V1__RIR__RIR_APNIC, -33900000, 151200000 },
    };
    perspectives_t *p = cs_arena_get(&h->arena, sizeof *p);
    Countersign__V1__Perspective *row = cs_arena_get(&h->arena, (n_remotes + 1) * sizeof *row);
    countersign__v1__perspectives__init(p);
    p->remotes = cs_arena_get(&h->arena, (n_remotes + 1) * sizeof *p->remotes);
    p->n_remotes = n_remotes;
    p->attempt = 1;
    for (unsigned i = 0; i <= n_remotes; i++) {
        countersign__v1__perspective__init(&row[i]);
        row[i].id = house_bytes(h, sites[i].id);
        row[i].rir = (Countersign__V1__Rir)sites[i].rir;
        row[i].latitude_microdegrees = sites[i].lat;
        row[i].longitude_microdegrees = sites[i].lon;
        row[i].passed = true;
        row[i].observed_at_unix_s = at_unix_s;
        *(i == 0 ? &p->primary : &p->remotes[i - 1]) = &row[i];
    }
    return p;
}

caa_t *house_caa(struct house *h, const char *name)
{
    static const int methods[] = { 4,  7,   12,  13,  14,  16,  17,  18,  19,  20,  21, 22,
                                   30, 101, 102, 103, 105, 106, 108, 109, 110, 111, 115 };
    caa_t *m = cs_arena_get(&h->arena, sizeof *m);
    countersign__v1__caa_check__init(m);
    bool wild = strncmp(name, "*.", 2) == 0;
    m->domain = house_bytes(h, wild ? name + 2 : name);
    m->tag = wild ? TAG(ISSUEWILD) : TAG(ISSUE);
    m->result = RESULT(PERMITTED);
    m->checked_at_unix_s = h->facts.now_unix_s - 600;
    m->account_uri = house_bytes(h, HOUSE_ACCOUNT_URI);
    m->methods = cs_arena_get(&h->arena, sizeof methods);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        m->methods[m->n_methods++] = (Countersign__V1__ValidationMethod)methods[i];
    m->perspectives = house_perspectives(h, 5, m->checked_at_unix_s);
    m->dnssec = DNSSEC(SECURE);
    add(h, COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK)->caa_check = m;
    house_last(h)->statement->header->expires_at_unix_s = h->facts.now_unix_s + 86400;
    return m;
}

static control_t *new_control(struct house *h, int method)
{
    control_t *d = cs_arena_get(&h->arena, sizeof *d);
    countersign__v1__domain_control__init(d);
    d->method = (Countersign__V1__ValidationMethod)method;
    d->scope = SCOPE(EXACT);
    d->challenge = cs_arena_get(&h->arena, sizeof *d->challenge);
    countersign__v1__challenge__init(d->challenge);
    d->challenge->kind = CHALLENGE(RANDOM_VALUE);
    d->challenge->sha256 = house_bytes(h, "0123456789abcdef0123456789abcdef");
    d->perspectives = house_perspectives(h, 5, 0);
    d->dnssec = DNSSEC(SECURE);
    d->account_uri = house_bytes(h, HOUSE_ACCOUNT_URI);
    d->issuer_domain = house_bytes(h, "ca.example");
    house_age(d, HOUSE_NOW - 86400);
    add(h, COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL)->domain_control = d;
    return d;
}

control_t *house_control(struct house *h, const char *domain, int method, int scope)
{
    control_t *d = new_control(h, method);
    d->scope = (Countersign__V1__DomainScope)scope;
    d->subject_case = COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_DOMAIN;
    d->domain = house_bytes(h, domain);
    d->contact = house_bytes(h, cs_arena_printf(&h->arena, "admin@%s", domain));
    return d;
}

control_t *house_control_ip(struct house *h, const char *octets, size_t len, int method)
{
    control_t *d = new_control(h, method);
    d->subject_case = COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS;
    d->ip_address = bytes_of(h, cs_span_of(octets, len));
    return d;
}

identity_t *house_identity(struct house *h)
{
    identity_t *o = cs_arena_get(&h->arena, sizeof *o);
    countersign__v1__organization_identity__init(o);
    o->attributes = cs_arena_get(&h->arena, (h->tbs.n_attributes + 1) * sizeof *o->attributes);
    for (uint32_t i = 0; i < h->tbs.n_attributes; i++) {
        const struct cs_attribute *a = &h->tbs.attribute[i];
        if (cs_attribute_is(a, CS_OID_CN, 3))
            continue;
        Countersign__V1__SubjectAttribute *b = cs_arena_get(&h->arena, sizeof *b);
        countersign__v1__subject_attribute__init(b);
        b->oid = bytes_of(h, a->oid);
        b->string_type = (Countersign__V1__StringType)a->tag;
        b->value = bytes_of(h, a->value);
        o->attributes[o->n_attributes++] = b;
    }
    o->record_id = house_bytes(h, "r1");
    o->record_version = 1;
    o->profile = PROFILE(ORGANIZATION_VALIDATED);
    o->oldest_data_at_unix_s = HOUSE_NOW - 86400;
    static const char *const people[] = { "carol", "rita", "ada" };
    o->collectors = cs_arena_get(&h->arena, sizeof *o->collectors);
    o->reviewers = cs_arena_get(&h->arena, sizeof *o->reviewers);
    o->collectors[o->n_collectors++] = house_bytes(h, people[0]);
    o->reviewers[o->n_reviewers++] = house_bytes(h, people[1]);
    o->approver = house_bytes(h, people[2]);
    o->authenticity = cs_arena_get(&h->arena, sizeof *o->authenticity);
    countersign__v1__request_authenticity__init(o->authenticity);
    o->authenticity->method = house_bytes(h, "telephone");
    o->authenticity->contact_source = house_bytes(h, "register");
    o->authenticity->confirmed_at_unix_s = HOUSE_NOW - 86400;
    add(h, COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY)->organization_identity = o;
    return o;
}

approval_t *house_approval(struct house *h, int decision)
{
    approval_t *a = cs_arena_get(&h->arena, sizeof *a);
    countersign__v1__approval__init(a);
    a->order_id = house_bytes(h, "o-1");
    a->decision = (Countersign__V1__ApprovalDecision)decision;
    a->person = house_bytes(h, "anna");
    a->reason = house_bytes(h, "as agreed");
    add(h, COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL)->approval = a;
    return a;
}

static lint_t *add_lint(struct house *h)
{
    lint_t *l = cs_arena_get(&h->arena, sizeof *l);
    countersign__v1__lint__init(l);
    l->linter = house_bytes(h, "zlint");
    l->linter_version = house_bytes(h, "3.6.8");
    l->tbs_sha256 = bytes_of(h, cs_sha256_span(&h->facts.tbs_sha256));
    l->ran_at_unix_s = h->facts.now_unix_s - 60;
    l->passes = 300;
    add(h, COUNTERSIGN__V1__STATEMENT__BODY_LINT)->lint = l;
    return l;
}

lint_t *house_lint(struct house *h)
{
    h->own_lint = true;
    return add_lint(h);
}

void house_usual(struct house *h)
{
    house_init(h);
    house_name(h, "www.example.com");
    house_order(h);
    house_control(h, "example.com", METHOD(DCV_DNS_CHANGE), SCOPE(NAMESPACE));
}

bool house_judge(struct house *h)
{
    cs_arena_reset(&h->scratch);
    h->verdict = (struct cs_verdict){ .arena = &h->scratch };
    uint32_t n_evidence = h->facts.n_evidence;
    if (!h->own_caa)
        for (uint32_t i = 0; i < h->tbs.n_names; i++)
            if (h->tbs.name[i].tag == CS_SAN_DNS && h->tbs.name[i].value.len < 254)
                (void)house_caa(h, cs_arena_copy(&h->arena, h->tbs.name[i].value));
    if (!h->own_lint)
        (void)add_lint(h);
    cs_facts_find_orders(&h->facts);
    for (uint32_t i = 0; i < h->facts.n_orders; i++) {
        h->facts.order[i].use = h->order_use;
        h->facts.order[i].last_subject = h->last_subject;
    }
    if (!cs_ok(cs_judge(&h->facts, &h->verdict, &h->order)))
        abort();
    h->facts.n_evidence = n_evidence;
    return cs_verdict_admits(&h->verdict);
}

bool house_has(const struct house *h, enum cs_rule rule, const char *subject)
{
    for (uint32_t i = 0; i < h->verdict.n_reasons; i++)
        if (h->verdict.reason[i].rule == rule &&
            (subject == NULL || strcmp(h->verdict.reason[i].subject, subject) == 0))
            return true;
    return false;
}

void house_print(const struct house *h)
{
    for (uint32_t i = 0; i < h->verdict.n_reasons; i++) {
        const struct cs_reason *r = &h->verdict.reason[i];
        fprintf(stderr, "  %s %s: found %s; needed %s\n", cs_rule_text(r->rule)->id, r->subject, r->found,
                r->needed);
    }
}

void house_final(struct house *h)
{
    static const char *const operators[] = { "north", "south", "north" };
    enum { N_LOGS = sizeof operators / sizeof *operators };
    h->policy.n_ct_logs = N_LOGS;
    for (uint32_t i = 0; i < N_LOGS; i++) {
        h->policy.ct_log[i].name = cs_span_str("log");
        h->policy.ct_log[i].operator= cs_span_str(operators[i]);
    }
    h->policy.issuer[0].ct = (struct cs_issuer_ct){ .required_scts = 2, .logs = 7 };
    h->tbs.has_sct_list = true;
    h->facts.serial_use = (struct cs_use_fact){
        .precertificate = true,
        .precertificate_signed = true,
        .precertificate_unix_s = HOUSE_NOW - 3600,
        .pair_sha256 = h->facts.pair_sha256,
    };
    h->order_use = h->facts.serial_use;
    h->facts.n_scts = 2;
    for (uint32_t i = 0; i < 2; i++)
        h->facts.sct[i] = (struct cs_sct_fact){ CS_SCT_VERIFIED, i, HOUSE_NOW - 1800 };
}
