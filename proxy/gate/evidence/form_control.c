/* Form of DomainControl and CaaCheck. */
#include "proxy/gate/evidence/form.h"

#include "proto/canonical.h"

#define METHOD(name) COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_##name

enum {
    OF_NAME = 1,  /* validates a name */
    OF_IP = 2,    /* validates an IP address */
    CONTACTS = 4, /* through an e-mail address or telephone number */
    MAY_CONTACT = 8,
    HAS_VALUE = 16, /* rests on a random value or request token */
    PERSISTS = 32,  /* rests on a lasting record that names the account */
    BY_NAME = 64,   /* uses another method on the name that was found */
};

/* What a method's statement has to carry. Retired methods are refused elsewhere, by name. */
static unsigned traits_of(Countersign__V1__ValidationMethod m)
{
    switch (m) {
    case METHOD(DCV_CONSTRUCTED_EMAIL):
    case METHOD(DCV_EMAIL_CAA_CONTACT):
    case METHOD(DCV_EMAIL_TXT_CONTACT):
        return OF_NAME | CONTACTS | HAS_VALUE;
    case METHOD(DCV_PHONE_TXT_CONTACT): /* a value only when a message was left */
    case METHOD(DCV_PHONE_CAA_CONTACT):
        return OF_NAME | CONTACTS;
    case METHOD(DCV_DNS_CHANGE):
    case METHOD(DCV_HTTP_WEBSITE_V2):
    case METHOD(DCV_ACME_HTTP_01):
    case METHOD(DCV_ACME_TLS_ALPN_01):
    case METHOD(DCV_ACME_DNS_ACCOUNT_01):
    case METHOD(DCV_ONION_CSR):
        return OF_NAME | HAS_VALUE;
    case METHOD(DCV_REGISTRAR_DOMAIN_CONTACT):
        return OF_NAME;
    case METHOD(DCV_DNS_PERSIST_01):
        return OF_NAME | PERSISTS;
    case METHOD(IPCV_IP_CONTACT_MESSAGE):
        return OF_IP | CONTACTS | HAS_VALUE;
    case METHOD(IPCV_IP_CONTACT_PHONE):
        return OF_IP | CONTACTS;
    case METHOD(IPCV_HTTP_WEBSITE):
    case METHOD(IPCV_ACME_HTTP_01):
    case METHOD(IPCV_ACME_TLS_ALPN_01):
        return OF_IP | HAS_VALUE;
    case METHOD(IPCV_DNS_PERSIST_01):
        return OF_IP | PERSISTS;
    case METHOD(IPCV_REVERSE_LOOKUP):
        return OF_IP | BY_NAME | MAY_CONTACT;
    case METHOD(RETIRED_IPCV_4_ANY_OTHER):
        return OF_IP | MAY_CONTACT;
    case METHOD(RETIRED_DCV_1_DOMAIN_CONTACT):
    case METHOD(RETIRED_DCV_2_CONTACT_MESSAGE):
    case METHOD(RETIRED_DCV_3_CONTACT_PHONE):
    case METHOD(RETIRED_DCV_5_DOCUMENT):
    case METHOD(RETIRED_DCV_6_WEBSITE_V1):
    case METHOD(RETIRED_DCV_8_IP_ADDRESS):
    case METHOD(RETIRED_DCV_9_TEST_CERT):
    case METHOD(RETIRED_DCV_10_TLS_RANDOM):
    case METHOD(RETIRED_DCV_11_ANY_OTHER):
    case METHOD(RETIRED_DCV_15_CONTACT_PHONE_V2):
        return OF_NAME | MAY_CONTACT;
    default:
        return 0;
    }
}

/* ---- parts of both ---- */

static void form_perspective(struct cs_form *f, const Countersign__V1__Perspective *p)
{
    cs_need(f, cs_is_word(p->id, 64), "perspectives.id: 1 to 64 octets, visible ASCII");
    cs_need(f, p->rir != COUNTERSIGN__V1__RIR__RIR_UNSPECIFIED, "perspectives.rir: a registry's region");
    cs_need(f, p->latitude_microdegrees >= -90000000 && p->latitude_microdegrees <= 90000000,
            "perspectives.latitude_microdegrees: -90 to 90 degrees");
    cs_need(f, p->longitude_microdegrees >= -180000000 && p->longitude_microdegrees <= 180000000,
            "perspectives.longitude_microdegrees: -180 to 180 degrees");
    cs_need(f, cs_is_past(f, p->observed_at_unix_s),
            "perspectives.observed_at_unix_s: given, not after issued_at");
}

static void form_perspectives(struct cs_form *f, const Countersign__V1__Perspectives *p)
{
    cs_need(f, p->primary != NULL, "perspectives.primary: present");
    cs_need(f, p->attempt > 0, "perspectives.attempt: from 1");
    cs_need(f, p->n_remotes <= CS_REMOTES_MAX, "perspectives.remotes: at most 64");
    if (f->why != NULL)
        return;
    form_perspective(f, p->primary);
    for (size_t i = 0; i < p->n_remotes; i++) {
        form_perspective(f, p->remotes[i]);
        bool again = cs_span_eq(cs_proto_span(p->remotes[i]->id), cs_proto_span(p->primary->id));
        for (size_t k = 0; k < i && !again; k++)
            again = cs_span_eq(cs_proto_span(p->remotes[i]->id), cs_proto_span(p->remotes[k]->id));
        cs_need(f, !again, "perspectives.id: each perspective once");
    }
}

/* ---- DomainControl ---- */

static void form_derivation(struct cs_form *f, const Countersign__V1__Derivation *d)
{
    cs_need(f, cs_is_name_or_wildcard(d->applied_for),
            "domain_control.derivation.applied_for: a lower-case name, without a dot at the end");
    cs_need(f, d->n_cname_chain <= CS_CNAMES_MAX, "domain_control.derivation.cname_chain: at most 16");
    for (size_t i = 0; i < d->n_cname_chain && f->why == NULL; i++)
        cs_need(f, cs_is_name(d->cname_chain[i]),
                "domain_control.derivation.cname_chain: lower-case names, without a dot at the end");
    cs_need(f, d->pruned_labels < 127, "domain_control.derivation.pruned_labels: less than 127");
}

static void form_subject(struct cs_form *f, const Countersign__V1__DomainControl *m, unsigned traits)
{
    cs_need(f, traits != 0, "domain_control.method: a validation method");
    switch (m->subject_case) {
    case COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_DOMAIN:
        cs_need(f, cs_is_name(m->domain),
                "domain_control.domain: a lower-case name, without wildcard and without a dot at the end");
        cs_need(f, (traits & OF_NAME) != 0, "domain_control.method: a method for names");
        cs_need(f, m->scope != COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_UNSPECIFIED,
                "domain_control.scope: exact or namespace");
        if (m->derivation != NULL)
            form_derivation(f, m->derivation);
        break;
    case COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS:
        cs_need(f, m->ip_address.len == 4 || m->ip_address.len == 16,
                "domain_control.ip_address: 4 or 16 octets");
        cs_need(f, (traits & OF_IP) != 0, "domain_control.method: a method for IP addresses");
        cs_need(f, m->scope == COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_EXACT,
                "domain_control.scope: exact, for an IP address");
        cs_need(f, m->derivation == NULL, "domain_control.derivation: only with a domain");
        break;
    default:
        cs_need(f, false, "domain_control.subject: domain or ip_address");
    }
}

static void form_challenge(struct cs_form *f, const Countersign__V1__Challenge *c, unsigned traits)
{
    cs_need(f, c->kind != COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_UNSPECIFIED,
            "domain_control.challenge.kind: a kind");
    if (c->kind == COUNTERSIGN__V1__CHALLENGE_KIND__CHALLENGE_KIND_NONE) {
        cs_need(f, (traits & HAS_VALUE) == 0,
                "domain_control.challenge.kind: a random value or token, for this method");
        cs_need(f, c->sha256.len == 0, "domain_control.challenge.sha256: absent without a challenge");
        cs_need(f, c->created_at_unix_s == 0,
                "domain_control.challenge.created_at_unix_s: absent without a challenge");
        return;
    }
    cs_need(f, (traits & PERSISTS) == 0, "domain_control.challenge.kind: none, for a persistent record");
    cs_need(f, cs_is_digest(c->sha256), "domain_control.challenge.sha256: 32 octets");
    cs_need(f, cs_is_past(f, c->created_at_unix_s),
            "domain_control.challenge.created_at_unix_s: given, not after issued_at");
}

void cs_form_domain_control(struct cs_form *f, const Countersign__V1__DomainControl *m)
{
    unsigned traits = traits_of(m->method);
    form_subject(f, m, traits);
    cs_need(f, cs_is_past(f, m->initiated_at_unix_s),
            "domain_control.initiated_at_unix_s: given, not after issued_at");
    cs_need(f, cs_is_past(f, m->oldest_data_at_unix_s),
            "domain_control.oldest_data_at_unix_s: given, not after issued_at");
    cs_need(f, cs_is_past(f, m->observed_at_unix_s),
            "domain_control.observed_at_unix_s: given, not after issued_at");
    cs_need(f, m->challenge != NULL, "domain_control.challenge: present, of kind none for methods without");
    if (m->challenge != NULL)
        form_challenge(f, m->challenge, traits);
    if (m->perspectives != NULL) {
        form_perspectives(f, m->perspectives);
        cs_need(f, f->why != NULL || m->perspectives->primary->passed,
                "perspectives.primary.passed: true, or there was no control");
    }
    cs_need(f, m->dnssec != COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_UNSPECIFIED,
            "domain_control.dnssec: a status");
    cs_need(f, (traits & CONTACTS) == 0 || m->contact.len != 0,
            "domain_control.contact: the address or number that was used");
    cs_need(f, (traits & (CONTACTS | MAY_CONTACT)) != 0 || m->contact.len == 0,
            "domain_control.contact: absent, for a method without e-mail or telephone");
    cs_need(f, m->contact.len <= 320, "domain_control.contact: at most 320 octets");
    bool persists =
        (traits & PERSISTS) != 0 || ((traits & BY_NAME) != 0 && (traits_of(m->inner_method) & PERSISTS) != 0);
    cs_need(f, !persists || m->account_uri.len != 0,
            "domain_control.account_uri: the account named by the persistent record");
    cs_need(f, m->account_uri.len == 0 || cs_is_word(m->account_uri, 512),
            "domain_control.account_uri: at most 512 octets, visible ASCII");
    cs_need(f, persists == (m->issuer_domain.len != 0),
            "domain_control.issuer_domain: the issuer domain of the persistent record, only with one");
    cs_need(f, m->issuer_domain.len == 0 || cs_is_name(m->issuer_domain),
            "domain_control.issuer_domain: a lower-case name, without a dot at the end");
    cs_need(f, persists || m->persist_until_unix_s == 0,
            "domain_control.persist_until_unix_s: absent, for a method without a persistent record");
    cs_need(f, m->persist_until_unix_s == 0 || m->persist_until_unix_s >= m->observed_at_unix_s,
            "domain_control.persist_until_unix_s: not before observed_at");
    if ((traits & BY_NAME) != 0)
        cs_need(f, (traits_of(m->inner_method) & OF_NAME) != 0,
                "domain_control.inner_method: the method used on the name that was found");
    else
        cs_need(f, m->inner_method == METHOD(UNSPECIFIED),
                "domain_control.inner_method: absent, but for reverse lookup");
    cs_need(f, m->record_sha256.len == 0 || cs_is_digest(m->record_sha256),
            "domain_control.record_sha256: 32 octets, or absent");
}

/* ---- CaaCheck ---- */

void cs_form_caa_check(struct cs_form *f, const Countersign__V1__CaaCheck *m)
{
    cs_need(f, cs_is_name(m->domain),
            "caa_check.domain: a lower-case name, without wildcard and without a dot at the end");
    cs_need(f, m->tag != COUNTERSIGN__V1__CAA_TAG__CAA_TAG_UNSPECIFIED, "caa_check.tag: issue or issuewild");
    cs_need(f, m->result != COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_UNSPECIFIED,
            "caa_check.result: a result");
    cs_need(f, cs_is_past(f, m->checked_at_unix_s),
            "caa_check.checked_at_unix_s: given, not after issued_at");
    cs_need(f, m->ttl_s <= INT32_MAX, "caa_check.ttl_s: at most 2^31-1"); /* RFC 2181 8 */
    cs_need(f, m->found_at.len == 0 || cs_is_name(m->found_at),
            "caa_check.found_at: a lower-case name, without a dot at the end");
    cs_need(f, m->issuer_domain.len == 0 || cs_is_name(m->issuer_domain),
            "caa_check.issuer_domain: a lower-case name, without a dot at the end");
    cs_need(f, m->account_uri.len == 0 || cs_is_word(m->account_uri, 512),
            "caa_check.account_uri: at most 512 octets, visible ASCII");
    cs_need(f, m->n_methods <= 32, "caa_check.methods: at most 32");
    for (size_t i = 0; i < m->n_methods && f->why == NULL; i++) {
        cs_need(f, (traits_of(m->methods[i]) & OF_NAME) != 0, "caa_check.methods: methods for names");
        for (size_t k = 0; k < i; k++)
            cs_need(f, m->methods[k] != m->methods[i], "caa_check.methods: each method once");
    }
    bool failed = m->result == COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_LOOKUP_FAILED;
    cs_need(f, failed == (m->failure != NULL), "caa_check.failure: present if and only if the lookup failed");
    if (m->perspectives != NULL)
        form_perspectives(f, m->perspectives);
    cs_need(f, m->dnssec != COUNTERSIGN__V1__DNSSEC_STATUS__DNSSEC_STATUS_UNSPECIFIED,
            "caa_check.dnssec: a status");
    cs_need(f, m->record_sha256.len == 0 || cs_is_digest(m->record_sha256),
            "caa_check.record_sha256: 32 octets, or absent");
}
