/* Form of statements: each field taken away, and each bound from both sides. */
#include "tests/unit/evidence/house.h"

#include "proxy/gate/evidence/form.h"

#define METHOD(name) COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##name

static bool check(const S *s, const char **why)
{
    *why = "";
    return cs_statement_check(s, why);
}

static void every_good_statement_passes(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    for (size_t i = 0; i < 9; i++) {
        const char *why;
        S *s = house_statement(&a, house_kinds[i]);
        if (!check(s, &why))
            fail_msg("%s: %s", cs_statement_kind_name(s), why);
    }
}

/* Fields a statement can do without; every other field that is taken away must be missed by name. */
static const char *const optional[] = {
    "DomainControl.derivation",
    "DomainControl.perspectives",
    "DomainControl.account_uri",
    "DomainControl.record_sha256",
    "Derivation.cname_chain",
    "Derivation.pruned_labels",
    "Perspectives.remotes",
    "Perspective.latitude_microdegrees",
    "Perspective.longitude_microdegrees",
    "CaaCheck.ttl_s",
    "CaaCheck.found_at",
    "CaaCheck.issuer_domain",
    "CaaCheck.account_uri",
    "CaaCheck.methods",
    "CaaCheck.unknown_critical_tag",
    "CaaCheck.perspectives",
    "CaaCheck.record_sha256",
    "CaaLookupFailure.outside_ca_infrastructure",
    "CaaLookupFailure.retries",
    "CaaLookupFailure.zone_proven_insecure",
    "OrganizationIdentity.previous_statement_sha256",
    "Source.reference",
    "Order.csr_sha256",
    "Order.possession_proven",
    "Order.dns_names",
    "Order.ip_addresses",
    "Lint.fatals",
    "Lint.errors",
    "Lint.warnings",
    "Lint.notices",
    "Lint.passes",
    "Lint.findings",
    "Approval.reason",
    "EvidenceSelector.statement_ids",
    "EvidenceSelector.payload_sha256s",
    "EvidenceSelector.attesters",
    "EvidenceSelector.role",
    "EvidenceSelector.methods",
    "EvidenceSelector.software_version_from",
    "EvidenceSelector.software_version_to",
    "EvidenceSelector.perspective_ids",
    "EvidenceSelector.organization_record_version",
    "EvidenceSelector.accounts",
    "EvidenceSelector.observed_from_unix_s",
    "EvidenceSelector.observed_until_unix_s",
    "IssuanceSelector.certificate_sha256s",
    "IssuanceSelector.serial_numbers",
    "IssuanceSelector.order_ids",
    "IssuanceSelector.accounts",
    "IssuanceSelector.name_suffixes",
    "IssuanceSelector.organizations",
    "IssuanceSelector.attesters",
    "IssuanceSelector.methods",
    "IssuanceSelector.clients",
    "IssuanceSelector.api_versions",
    "IssuanceSelector.issuers",
    "IssuanceSelector.profiles",
};

static bool is_optional(const S *s, const ProtobufCMessage *m, const char *field)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s.%s", m->descriptor->short_name, field);
    if (strcmp(name, "Perspective.passed") == 0) /* a remote that did not corroborate is a fact */
        return s->body_case != BODY(DOMAIN_CONTROL) || m != &s->domain_control->perspectives->primary->base;
    if (strcmp(name, "Header.account") == 0)
        return s->body_case >= BODY(CEREMONY);
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        if (strcmp(name, optional[i]) == 0)
            return true;
    return false;
}

struct walk {
    const S *statement;
    unsigned n_tried;
};

static void try_without(struct walk *w, const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    const char *why;
    bool ok = check(w->statement, &why);
    bool fine = is_optional(w->statement, m, f->name);
    w->n_tried++;
    if (ok != fine)
        fail_msg("%s.%s taken away: %s", m->descriptor->short_name, f->name, ok ? "accepted" : why);
    if (!ok && strstr(why, f->name) == NULL && strstr(why, m->descriptor->short_name) == NULL &&
        !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        fail_msg("%s.%s taken away, but: %s", m->descriptor->short_name, f->name, why);
}

/* Takes away each set field in turn, restores it, and goes into messages. */
static void walk(struct walk *w, ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        char *member = (char *)m + f->offset, *quantifier = (char *)m + f->quantifier_offset;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t n, none = 0;
            memcpy(&n, quantifier, sizeof n);
            memcpy(quantifier, &none, sizeof none);
            if (n != 0)
                try_without(w, m, f);
            memcpy(quantifier, &n, sizeof n);
            for (size_t k = 0; k < n && f->type == PROTOBUF_C_TYPE_MESSAGE; k++)
                walk(w, (*(ProtobufCMessage ***)(void *)member)[k]);
            continue;
        }
        if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t chosen, none = 0;
            memcpy(&chosen, quantifier, sizeof chosen);
            if (chosen != f->id)
                continue;
            memcpy(quantifier, &none, sizeof none);
            try_without(w, m, f);
            memcpy(quantifier, &chosen, sizeof chosen);
        } else {
            uint8_t saved[16], zero[16] = { 0 };
            size_t len = f->type == PROTOBUF_C_TYPE_BYTES ? 16
                         : f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_INT64 ||
                                 f->type == PROTOBUF_C_TYPE_UINT64
                             ? 8
                             : 4;
            memcpy(saved, member, len);
            if (memcmp(saved, zero, len) == 0)
                continue;
            memcpy(member, zero, len);
            try_without(w, m, f);
            memcpy(member, saved, len);
        }
        if (f->type == PROTOBUF_C_TYPE_MESSAGE && *(ProtobufCMessage **)(void *)member != NULL)
            walk(w, *(ProtobufCMessage **)(void *)member);
    }
}

static void each_missing_field_is_named(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    unsigned n = 0;
    for (size_t i = 0; i < 9; i++) {
        S *s = house_statement(&a, house_kinds[i]);
        struct walk w = { s, 0 };
        walk(&w, &s->base);
        n += w.n_tried;
    }
    assert_true(n > 250);
}

/* One line per bound: the statement of the kind with the change applied is good, or refused with a
 * text that begins with path. */
#define ROW(k, good, path, change)                                          \
    do {                                                                    \
        cs_arena_reset(a);                                                  \
        S *s = house_statement(a, BODY(k));                                 \
        change;                                                             \
        const char *why;                                                    \
        bool ok = check(s, &why);                                           \
        if (ok != (good) || (!ok && strncmp(why, path, strlen(path)) != 0)) \
            fail_msg("%s | %s: %s", #k, #change, ok ? "accepted" : why);    \
    } while (0)
#define GOOD(k, change)      ROW(k, true, "", change)
#define BAD(k, path, change) ROW(k, false, path, change)
#define TEXT(t)              house_bytes(a, t)
#define FILL(c, n)           house_filled(a, c, n)

static void header_bounds(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_arena *const a = &arena;
    BAD(ORDER, "header.schema", s->header->schema = 2);
    BAD(ORDER, "header.statement_id", s->header->statement_id = FILL(1, 15));
    GOOD(ORDER, s->header->statement_id = FILL(1, 32));
    BAD(ORDER, "header.statement_id", s->header->statement_id = FILL(1, 33));
    GOOD(ORDER, s->header->attester = FILL('a', 64));
    BAD(ORDER, "header.attester", s->header->attester = FILL('a', 65));
    BAD(ORDER, "header.attester", s->header->attester = TEXT("a b"));
    GOOD(ORDER, s->header->audience = FILL('a', 64));
    BAD(ORDER, "header.audience", s->header->audience = FILL('a', 65));
    GOOD(ORDER, s->header->software->name = FILL('a', 64));
    BAD(ORDER, "header.software.name", s->header->software->name = FILL('a', 65));
    BAD(ORDER, "header.software.version", s->header->software->version = TEXT("1\n"));
    GOOD(ORDER, s->header->account = FILL(0xff, 128));
    BAD(ORDER, "header.account", s->header->account = FILL('a', 129));
    GOOD(HOLD, s->header->account = FILL(0xff, 128));
    BAD(HOLD, "header.account", s->header->account = FILL('a', 129));
    BAD(ORDER, "header.issued_at", s->header->issued_at_unix_s = -1);
    BAD(ORDER, "header.expires_at", s->header->expires_at_unix_s = INT64_MIN);
    GOOD(ORDER, s->header->ruleset = FILL('r', 64));
    BAD(ORDER, "header.ruleset", s->header->ruleset = FILL('r', 65));
    BAD(ORDER, "body", s->body_case = COUNTERSIGN__V1__STATEMENT__BODY__NOT_SET);
}

static void name_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {
        { "example.com", true },
        { "com", true },
        { "xn--bcher-kva.example", true },
        { "_dnsauth.a-b.c0", true },
        { "", false },
        { ".", false },
        { "example.com.", false },
        { ".example.com", false },
        { "a..b", false },
        { "Example.com", false },
        { "*.example.com", false },
        { "a b.c", false },
        { "b\xc3\xbc.example", false },
        { "a/b", false },
        { "a:b", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena a = { 0 };
        if (cs_is_name(house_bytes(&a, rows[i].name)) != rows[i].ok)
            fail_msg("%s", rows[i].name);
    }
    char name[256];
    memset(name, 'a', sizeof name);
    for (size_t i = 63; i < sizeof name; i += 64)
        name[i] = '.';
    assert_true(cs_is_name((ProtobufCBinaryData){ 63, (uint8_t *)name }));
    assert_true(cs_is_name((ProtobufCBinaryData){ 253, (uint8_t *)name }));
    assert_false(cs_is_name((ProtobufCBinaryData){ 254, (uint8_t *)name }));
    name[63] = 'a';
    assert_false(cs_is_name((ProtobufCBinaryData){ 64, (uint8_t *)name }));
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    assert_true(cs_is_name_or_wildcard(house_bytes(&a, "*.a")));
    assert_false(cs_is_name_or_wildcard(house_bytes(&a, "*.")));
    assert_false(cs_is_name_or_wildcard(house_bytes(&a, "*.*.a")));
    assert_false(cs_is_name_or_wildcard(house_bytes(&a, "*a.a")));
}

static void as_ip(struct cs_arena *a, Countersign__V1__DomainControl *d, int method)
{
    d->subject_case = COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS;
    d->ip_address = house_filled(a, 9, 4);
    d->method = (Countersign__V1__ValidationMethod)method;
    d->scope = COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_EXACT;
    d->derivation = NULL;
}

static void as_persistent(Countersign__V1__DomainControl *d)
{
    static uint8_t issuer_domain[] = { 'c', 'a', '.', 'e' };
    d->method = METHOD(DCV_DNS_PERSIST_01);
    d->issuer_domain = (ProtobufCBinaryData){ sizeof issuer_domain, issuer_domain };
    d->challenge->kind = COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_NONE;
    d->challenge->sha256.len = 0;
    d->challenge->created_at_unix_s = 0;
}

static void domain_control_bounds(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_arena *const a = &arena;
#define D                   s->domain_control
#define DBAD(field, change) BAD(DOMAIN_CONTROL, "domain_control." field, change)
#define DGOOD(change)       GOOD(DOMAIN_CONTROL, change)
    const int64_t latest = HOUSE_NOW - 100 + CS_FORM_SKEW_S;
    DBAD("domain:", D->domain = TEXT("Example.com"));
    DBAD("domain:", D->domain = TEXT("*.example.com"));
    DBAD("method: a method for names", D->method = METHOD(IPCV_HTTP_WEBSITE));
    DGOOD(as_ip(a, D, METHOD(IPCV_HTTP_WEBSITE)));
    DGOOD(as_ip(a, D, METHOD(IPCV_HTTP_WEBSITE)); D->ip_address = FILL(1, 16));
    DBAD("ip_address", as_ip(a, D, METHOD(IPCV_HTTP_WEBSITE)); D->ip_address = FILL(1, 15));
    DBAD("method: a method for IP", as_ip(a, D, METHOD(DCV_ACME_HTTP_01)));
    DBAD("scope: exact", as_ip(a, D, METHOD(IPCV_HTTP_WEBSITE));
         D->scope = COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_NAMESPACE);
    DBAD("derivation: only", Countersign__V1__Derivation *keep = D->derivation;
         as_ip(a, D, METHOD(IPCV_HTTP_WEBSITE)); D->derivation = keep);
    DGOOD(as_ip(a, D, METHOD(IPCV_REVERSE_LOOKUP)); D->inner_method = METHOD(DCV_DNS_CHANGE));
    DBAD("inner_method: the method", as_ip(a, D, METHOD(IPCV_REVERSE_LOOKUP)));
    DBAD("inner_method: the method", as_ip(a, D, METHOD(IPCV_REVERSE_LOOKUP));
         D->inner_method = METHOD(IPCV_HTTP_WEBSITE));
    DBAD("inner_method: absent", D->inner_method = METHOD(DCV_DNS_CHANGE));
    DBAD("derivation.applied_for", D->derivation->applied_for = TEXT("a."));
    DGOOD(D->derivation->applied_for = TEXT("www.example.com"));
    uint8_t cname[] = { 'a', '.', 'b' };
    ProtobufCBinaryData many[17];
    for (size_t i = 0; i < 17; i++)
        many[i] = (ProtobufCBinaryData){ 3, cname };
    DGOOD(D->derivation->cname_chain = many; D->derivation->n_cname_chain = 16);
    DBAD("derivation.cname_chain", D->derivation->cname_chain = many; D->derivation->n_cname_chain = 17);
    DBAD("derivation.cname_chain", D->derivation->cname_chain[1] = TEXT("A.b"));
    DGOOD(D->derivation->pruned_labels = 126);
    DBAD("derivation.pruned_labels", D->derivation->pruned_labels = 127);
    DGOOD(D->initiated_at_unix_s = latest);
    DBAD("initiated_at", D->initiated_at_unix_s = latest + 1);
    DGOOD(D->oldest_data_at_unix_s = latest);
    DBAD("oldest_data_at", D->oldest_data_at_unix_s = latest + 1);
    DBAD("oldest_data_at", D->oldest_data_at_unix_s = -5);
    DGOOD(D->observed_at_unix_s = latest);
    DBAD("observed_at", D->observed_at_unix_s = latest + 1);
    DBAD("observed_at", D->observed_at_unix_s = INT64_MAX);
    DBAD("challenge.kind: a random",
         D->challenge->kind = COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_NONE);
    DBAD("challenge.sha256", D->challenge->sha256.len = 31);
    DGOOD(D->challenge->created_at_unix_s = latest);
    DBAD("challenge.created_at", D->challenge->created_at_unix_s = latest + 1);
    DGOOD(as_persistent(D));
    DBAD("challenge.sha256", as_persistent(D); D->challenge->sha256.len = 32);
    DBAD("challenge.created_at", as_persistent(D); D->challenge->created_at_unix_s = 1);
    DBAD("challenge.kind: none", D->method = METHOD(DCV_DNS_PERSIST_01));
    DBAD("account_uri", as_persistent(D); D->account_uri.len = 0);
    DBAD("issuer_domain: the issuer", as_persistent(D); D->issuer_domain.len = 0);
    DBAD("issuer_domain: a lower-case", as_persistent(D); D->issuer_domain = TEXT("CA.example"));
    DBAD("issuer_domain: the issuer", D->issuer_domain = TEXT("ca.example"));
    DGOOD(as_ip(a, D, METHOD(IPCV_REVERSE_LOOKUP)); D->inner_method = METHOD(DCV_DNS_PERSIST_01);
          D->issuer_domain = TEXT("ca.example"); D->persist_until_unix_s = D->observed_at_unix_s);
    DBAD("issuer_domain: the issuer", as_ip(a, D, METHOD(IPCV_REVERSE_LOOKUP));
         D->inner_method = METHOD(DCV_DNS_PERSIST_01));
    DBAD("account_uri", D->account_uri = TEXT("a b"));
    DBAD("account_uri", D->account_uri = FILL('a', 513));
    DGOOD(as_persistent(D); D->persist_until_unix_s = D->observed_at_unix_s);
    DBAD("persist_until_unix_s: not before", as_persistent(D);
         D->persist_until_unix_s = D->observed_at_unix_s - 1);
    DBAD("persist_until_unix_s: absent", D->persist_until_unix_s = HOUSE_NOW);
    DBAD("contact: absent", D->contact = TEXT("a@b"));
    DBAD("contact: the address", D->method = METHOD(DCV_CONSTRUCTED_EMAIL));
    DGOOD(D->method = METHOD(DCV_CONSTRUCTED_EMAIL); D->contact = FILL('a', 320));
    DBAD("contact: at most", D->method = METHOD(DCV_EMAIL_TXT_CONTACT); D->contact = FILL('a', 321));
    DBAD("contact: the address", D->method = METHOD(DCV_PHONE_CAA_CONTACT));
    DBAD("contact: the address", as_ip(a, D, METHOD(IPCV_IP_CONTACT_PHONE)));
    DBAD("record_sha256", D->record_sha256.len = 31);
    for (int m = 101; m <= 115; m++) /* retired methods keep their form: their refusal can name them */
        if (protobuf_c_enum_descriptor_get_value(&countersign__v1__validation_method__descriptor, m) != NULL)
            DGOOD(D->method = (Countersign__V1__ValidationMethod)m);
}

static void every_method_has_a_form(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_arena *const a = &arena;
    const ProtobufCEnumDescriptor *e = &countersign__v1__validation_method__descriptor;
    for (unsigned i = 0; i < e->n_values; i++) {
        int m = e->values[i].value;
        bool as_name = false, ip = false;
        for (int variant = 0; variant < 16; variant++) {
            cs_arena_reset(a);
            S *s = house_statement(a, BODY(DOMAIN_CONTROL));
            if (variant & 1)
                as_ip(a, s->domain_control, m);
            if (variant & 2)
                s->domain_control->contact = TEXT("a@b");
            if (variant & 4)
                as_persistent(s->domain_control);
            if (variant & 8)
                s->domain_control->inner_method = METHOD(DCV_DNS_CHANGE);
            s->domain_control->method = (Countersign__V1__ValidationMethod)m;
            if (m != METHOD(DCV_DNS_PERSIST_01) && m != METHOD(IPCV_DNS_PERSIST_01))
                s->domain_control->issuer_domain.len = 0;
            const char *why;
            bool ok = check(s, &why);
            as_name = as_name || (ok && !(variant & 1));
            ip = ip || (ok && (variant & 1));
        }
        bool is_ip = (m >= 41 && m <= 48) || m == 144;
        if (as_name != (m != 0 && !is_ip) || ip != is_ip)
            fail_msg("%s", e->values[i].name);
    }
}

static void perspectives_bounds(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_arena *const a = &arena;
#define P                   s->domain_control->perspectives
#define PBAD(field, change) BAD(DOMAIN_CONTROL, "perspectives." field, change)
    PBAD("primary.passed", P->primary->passed = false);
    GOOD(DOMAIN_CONTROL, P->remotes[0]->passed = false);
    GOOD(CAA_CHECK, s->caa_check->perspectives->primary->passed = false);
    PBAD("id: each", P->remotes[1]->id = TEXT("r1"));
    PBAD("id: each", P->remotes[1]->id = TEXT("primary"));
    PBAD("id: 1 to", P->remotes[1]->id = FILL('a', 65));
    GOOD(DOMAIN_CONTROL, P->remotes[0]->latitude_microdegrees = 90000000);
    PBAD("latitude", P->remotes[0]->latitude_microdegrees = 90000001);
    GOOD(DOMAIN_CONTROL, P->remotes[0]->latitude_microdegrees = -90000000);
    PBAD("latitude", P->remotes[0]->latitude_microdegrees = -90000001);
    GOOD(DOMAIN_CONTROL, P->primary->longitude_microdegrees = 180000000);
    PBAD("longitude", P->primary->longitude_microdegrees = 180000001);
    PBAD("longitude", P->primary->longitude_microdegrees = INT32_MIN);
    PBAD("rir", P->remotes[0]->rir = COUNTERSIGN__V1__RIR__RIR_UNSPECIFIED);
    PBAD("observed_at", P->remotes[0]->observed_at_unix_s = HOUSE_NOW);
    BAD(CAA_CHECK, "perspectives.rir", s->caa_check->perspectives->remotes[0]->rir = 0);
    for (size_t n = 64; n <= 65; n++) {
        cs_arena_reset(a);
        S *s = house_statement(a, BODY(DOMAIN_CONTROL));
        Countersign__V1__Perspective *all[65];
        Countersign__V1__Perspective each[65];
        for (size_t i = 0; i < n; i++) {
            each[i] = *P->remotes[0];
            each[i].id = TEXT(cs_arena_printf(a, "p%zu", i));
            all[i] = &each[i];
        }
        P->remotes = all;
        P->n_remotes = n;
        const char *why;
        assert_true(check(s, &why) == (n == 64));
    }
}

static void caa_check_bounds(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_arena *const a = &arena;
#define C s->caa_check
    BAD(CAA_CHECK, "caa_check.domain", C->domain = TEXT("*.example.com"));
    BAD(CAA_CHECK, "caa_check.found_at", C->found_at = TEXT("example.com."));
    BAD(CAA_CHECK, "caa_check.issuer_domain", C->issuer_domain = TEXT("CA.example"));
    BAD(CAA_CHECK, "caa_check.account_uri", C->account_uri = FILL('u', 513));
    GOOD(CAA_CHECK, C->account_uri = FILL('u', 512));
    GOOD(CAA_CHECK, C->ttl_s = INT32_MAX);
    BAD(CAA_CHECK, "caa_check.ttl_s", C->ttl_s = (uint32_t)INT32_MAX + 1);
    BAD(CAA_CHECK, "caa_check.methods: each", C->methods[1] = C->methods[0]);
    BAD(CAA_CHECK, "caa_check.methods: methods", C->methods[1] = METHOD(IPCV_HTTP_WEBSITE));
    BAD(CAA_CHECK, "caa_check.methods: at most", C->n_methods = 33);
    BAD(CAA_CHECK, "caa_check.failure", C->result = COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_PERMITTED);
    GOOD(CAA_CHECK, C->result = COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_FORBIDDEN; C->failure = NULL);
    BAD(CAA_CHECK, "caa_check.checked_at", C->checked_at_unix_s = HOUSE_NOW);
    BAD(CAA_CHECK, "caa_check.record_sha256", C->record_sha256.len = 31);
}

static void organization_bounds(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_arena *const a = &arena;
#define O                   s->organization_identity
#define OBAD(field, change) BAD(ORGANIZATION_IDENTITY, "organization_identity." field, change)
#define OGOOD(change)       GOOD(ORGANIZATION_IDENTITY, change)
    OBAD("attributes.oid", O->attributes[0]->oid = TEXT("\x55\x04\x8a"));
    OBAD("attributes.oid", O->attributes[0]->oid = TEXT("\x55\x80\x01"));
    OGOOD(O->attributes[0]->oid = TEXT("\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03"));
    OBAD("attributes.oid", O->attributes[0]->oid = FILL(1, 33));
    OBAD("attributes.value: UTF-8", O->attributes[0]->value = TEXT("\xc3"));
    OBAD("attributes.value: ASCII",
         O->attributes[0]->string_type = COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_PRINTABLE);
    OGOOD(O->attributes[0]->value = FILL('a', 512));
    OBAD("attributes.value", O->attributes[0]->value = FILL('a', 513));
    OBAD("attributes: 1 to 64", O->n_attributes = 65);
    OBAD("record_id", O->record_id = FILL('a', 65));
    OBAD("previous_statement_sha256: 32", O->previous_statement_sha256.len = 31);
    OBAD("previous_statement_sha256: absent", O->record_version = 1);
    OGOOD(O->record_version = 1; O->previous_statement_sha256.len = 0);
    OBAD("attributes: countryName alone", O->profile = COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED);
    OBAD("attributes: countryName alone", O->profile = COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED;
         O->n_attributes = 1; O->attributes[0]->oid = TEXT("\x55\x04\x0a"));
    OGOOD(O->profile = COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED; O->n_attributes = 1;
          O->attributes[0]->oid = TEXT("\x55\x04\x06"));
    OBAD("oldest_data_at", O->oldest_data_at_unix_s = HOUSE_NOW);
    OGOOD(O->oldest_data_at_unix_s = O->sources[0]->retrieved_at_unix_s);
    OBAD("oldest_data_at", O->oldest_data_at_unix_s = O->sources[0]->retrieved_at_unix_s + 1);
    OBAD("sources.retrieved_at", O->sources[0]->retrieved_at_unix_s = HOUSE_NOW);
    OBAD("sources: 1 to 64", O->n_sources = 65);
    OBAD("collectors", O->collectors[1] = TEXT("ann"));
    OBAD("collectors", O->n_collectors = 17);
    OBAD("reviewers: at most", O->reviewers[1] = TEXT("eve"));
    OBAD("reviewers: nobody", O->reviewers[1] = TEXT("bob"));
    OBAD("approver: nobody", O->approver = TEXT("ann"));
    const Countersign__V1__Profile ov = COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED;
    OGOOD(O->profile = ov; O->n_reviewers = 0; O->approver.len = 0);
    OGOOD(O->profile = ov; O->reviewers[1] = TEXT("bob"); O->approver = TEXT("ann"));
    OBAD("approver: at most", O->profile = ov; O->approver = FILL('a', 129));
    OBAD("authenticity.confirmed_at", O->authenticity->confirmed_at_unix_s = HOUSE_NOW);
}

static void order_bounds(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_arena *const a = &arena;
#define R s->order
    GOOD(ORDER, R->order_id = FILL('o', 64));
    BAD(ORDER, "order.order_id", R->order_id = FILL('o', 65));
    BAD(ORDER, "order.spki_sha256", R->spki_sha256.len = 31);
    BAD(ORDER, "order.csr_sha256: 32", R->csr_sha256.len = 31);
    GOOD(ORDER, R->csr_sha256.len = 0);
    BAD(ORDER, "order.dns_names: sorted", R->dns_names[1] = R->dns_names[0]);
    BAD(ORDER, "order.dns_names: sorted", R->dns_names[0] = TEXT("example.com.a"));
    GOOD(ORDER, R->dns_names[0] = TEXT("example.co"));
    BAD(ORDER, "order.dns_names: 1 to", R->dns_names[0].len = 0);
    GOOD(ORDER, R->dns_names[1] = FILL('z', 253));
    BAD(ORDER, "order.dns_names: 1 to", R->dns_names[1] = FILL('z', 254));
    BAD(ORDER, "order.dns_names: 1 to", R->dns_names[1] = TEXT("ex ample"));
    BAD(ORDER, "order.dns_names: at least", R->n_dns_names = R->n_ip_addresses = 0);
    BAD(ORDER, "order.ip_addresses: sorted", R->ip_addresses[1] = R->ip_addresses[0]);
    BAD(ORDER, "order.ip_addresses: 4", R->ip_addresses[1] = FILL(0xff, 5));
    GOOD(ORDER, R->ip_addresses[1] = FILL(0xff, 16));
    BAD(ORDER, "order.requester", R->requester = FILL('a', 129));
    BAD(ORDER, "order.agreement", R->agreement = FILL('a', 129));
    BAD(ORDER, "order.latest_not_after", R->latest_not_after_unix_s = -1);
    BAD(ORDER, "order.dns_names: at most", R->n_dns_names = SIZE_MAX);
    for (size_t n = 498; n <= 499; n++) { /* and the two addresses */
        cs_arena_reset(a);
        S *s = house_statement(a, BODY(ORDER));
        R->dns_names = cs_arena_get(a, n * sizeof *R->dns_names);
        for (size_t i = 0; i < n; i++)
            R->dns_names[i] = TEXT(cs_arena_printf(a, "n%03zu.example", i));
        R->n_dns_names = n;
        const char *why;
        assert_true(check(s, &why) == (n == 498));
    }
}

static void other_bounds(void **state)
{
    (void)state;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_arena *const a = &arena;
    BAD(LINT, "lint.tbs_sha256", s->lint->tbs_sha256.len = 33);
    BAD(LINT, "lint.ran_at", s->lint->ran_at_unix_s = HOUSE_NOW);
    BAD(LINT, "lint.findings", s->lint->findings[0] = FILL('a', 129));
    BAD(LINT, "lint.findings", s->lint->n_findings = 501);
    BAD(APPROVAL, "approval.reason", s->approval->reason = FILL('a', 1025));
    GOOD(APPROVAL, s->approval->reason = FILL('a', 1024));
    BAD(APPROVAL, "approval.person", s->approval->person = FILL('a', 129));
    BAD(CEREMONY, "ceremony.officers", s->ceremony->officers[1] = TEXT("ann"));
    BAD(CEREMONY, "ceremony.script_sha256", s->ceremony->script_sha256.len = 20);
    GOOD(RECALL, s->header->account.len = 0);
#define E s->recall->selector
    BAD(RECALL, "selector: at least", countersign__v1__evidence_selector__init(E));
    BAD(RECALL, "selector: an end", countersign__v1__evidence_selector__init(E); E->observed_from_unix_s = 1);
    GOOD(RECALL, countersign__v1__evidence_selector__init(E); E->observed_until_unix_s = 1);
    BAD(RECALL, "selector: an end", countersign__v1__evidence_selector__init(E);
        E->role = COUNTERSIGN__V1__ROLE__ROLE_RA_OFFICER);
    BAD(RECALL, "selector: an end", countersign__v1__evidence_selector__init(E);
        E->software_name = TEXT("x"));
    GOOD(RECALL, countersign__v1__evidence_selector__init(E); E->software_name = TEXT("x");
         E->software_version_to = TEXT("1.0"));
    BAD(RECALL, "selector.software_version", E->software_version_to = TEXT("1.0-rc1"));
    BAD(RECALL, "selector.statement_ids", E->statement_ids[0].len = 15);
    BAD(RECALL, "selector.payload_sha256s", E->payload_sha256s[0].len = 31);
    BAD(RECALL, "selector.attesters", E->n_attesters = 2);
    BAD(RECALL, "selector.accounts", E->n_accounts = 257);
    BAD(RECALL, "selector.observed_until", E->observed_until_unix_s = E->observed_from_unix_s);
    BAD(RECALL, "selector.observed_from", E->observed_from_unix_s = -1);
#define H s->hold->selector
    BAD(HOLD, "selector: at least", countersign__v1__issuance_selector__init(H));
    GOOD(HOLD, countersign__v1__issuance_selector__init(H); H->everything = true);
    BAD(HOLD, "selector.everything", H->everything = true);
    BAD(HOLD, "selector.name_suffixes", H->name_suffixes[0] = TEXT(".example.com"));
    BAD(HOLD, "selector.serial_numbers", H->serial_numbers[0] = FILL(1, 21));
    BAD(HOLD, "selector.profiles", H->n_profiles = 257);
    BAD(HOLD, "hold.selector: absent", s->hold->action = COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_LIFT);
    GOOD(HOLD, s->hold->action = COUNTERSIGN__V1__HOLD_ACTION__HOLD_ACTION_LIFT; s->hold->selector = NULL);
}

static void rulesets(void **state)
{
    (void)state;
    assert_true(cs_ruleset_known(cs_span_str("tls-br-2.2.6")));
    assert_true(cs_ruleset_known(cs_span_str("tls-br-2.3.0")));
    assert_false(cs_ruleset_known(cs_span_str("tls-br-2.2.5")));
    assert_false(cs_ruleset_known(cs_span_str("tls-br-2.3.00")));
    assert_false(cs_ruleset_known(cs_span_str("tls-br-2.3.")));
    assert_false(cs_ruleset_known(cs_span_str("TLS-BR-2.3.0")));
    assert_false(cs_ruleset_known(cs_span_str("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_good_statement_passes),
        cmocka_unit_test(each_missing_field_is_named),
        cmocka_unit_test(header_bounds),
        cmocka_unit_test(name_rows),
        cmocka_unit_test(domain_control_bounds),
        cmocka_unit_test(every_method_has_a_form),
        cmocka_unit_test(perspectives_bounds),
        cmocka_unit_test(caa_check_bounds),
        cmocka_unit_test(organization_bounds),
        cmocka_unit_test(order_bounds),
        cmocka_unit_test(other_bounds),
        cmocka_unit_test(rulesets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
