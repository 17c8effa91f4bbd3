#include "tests/bench/big_tbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "countersign/v1/envelope.pb-c.h"
#include "countersign/v1/statement.pb-c.h"

#include "proto/canonical.h"

uint64_t big_mixed(uint64_t n)
{
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9u;
    n = (n ^ (n >> 27)) * 0x94d049bb133111ebu;
    return n ^ (n >> 31);
}

/* ---- DER ---- */

struct der {
    uint8_t at[2048];
    size_t len;
};

static void put_raw(struct der *d, const void *at, size_t len)
{
    if (len > sizeof d->at - d->len)
        abort();
    memcpy(d->at + d->len, at, len);
    d->len += len;
}

static void put_tlv(struct der *d, uint8_t tag, const void *at, size_t len)
{
    uint8_t head[4] = { tag };
    size_t n = 1;
    if (len >= 256) {
        head[n++] = 0x82;
        head[n++] = (uint8_t)(len >> 8);
    } else if (len >= 128) {
        head[n++] = 0x81;
    }
    head[n++] = (uint8_t)len;
    put_raw(d, head, n);
    put_raw(d, at, len);
}

static void put_in(struct der *d, uint8_t tag, const struct der *inner)
{
    put_tlv(d, tag, inner->at, inner->len);
}

static void put_attribute(struct der *name, const char *oid, uint8_t tag, const char *text)
{
    struct der pair = { .len = 0 }, sequence = { .len = 0 };
    put_tlv(&pair, 0x06, oid, 3);
    put_tlv(&pair, tag, text, strlen(text));
    put_in(&sequence, 0x30, &pair);
    put_in(name, 0x31, &sequence);
}

static void put_time(struct der *d, int64_t unix_s)
{
    struct tm tm;
    char text[32];
    time_t t = (time_t)unix_s;
    (void)gmtime_r(&t, &tm);
    (void)strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm);
    put_tlv(d, 0x17, text + 2, 13);
}

static void put_extension(struct der *d, const char *oid, size_t oid_len, bool critical,
                          const struct der *value)
{
    struct der x = { .len = 0 };
    put_tlv(&x, 0x06, oid, oid_len);
    if (critical)
        put_tlv(&x, 0x01, "\xff", 1);
    put_in(&x, 0x04, value);
    put_in(d, 0x30, &x);
}

static void put_extensions(struct der *d, const char *domain)
{
    struct der list = { .len = 0 }, names = { .len = 0 }, v = { .len = 0 }, inner = { .len = 0 },
               id = { .len = 0 };
    char www[300];
    (void)snprintf(www, sizeof www, "www.%s", domain);
    put_tlv(&names, 0x82, domain, strlen(domain));
    put_tlv(&names, 0x82, www, strlen(www));
    put_in(&v, 0x30, &names);
    put_extension(&list, "\x55\x1d\x11", 3, false, &v);
    v.len = 0;
    put_tlv(&id, 0x06, "\x67\x81\x0c\x01\x02\x02", 6);
    put_in(&inner, 0x30, &id);
    put_in(&v, 0x30, &inner);
    put_extension(&list, "\x55\x1d\x20", 3, false, &v);
    v.len = 0;
    put_tlv(&v, 0x05, "", 0);
    put_extension(&list, "\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03", 10, true, &v);
    struct der sequence = { .len = 0 };
    put_in(&sequence, 0x30, &list);
    put_in(d, 0xa3, &sequence);
}

void big_tbs_put(const struct big_plan *p, struct cs_buf *out)
{
    static const char algorithm[] = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    static const char key_head[] =
        "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce"
        "\x3d\x03\x01\x07\x03\x42\x00\x04";
    struct der tbs = { .len = 0 }, name = { .len = 0 }, validity = { .len = 0 }, whole = { .len = 0 };
    put_raw(&tbs, "\xa0\x03\x02\x01\x02", 5);
    put_tlv(&tbs, 0x02, p->serial, sizeof p->serial);
    put_raw(&tbs, algorithm, sizeof algorithm - 1);
    put_attribute(&name, "\x55\x04\x06", 0x13, "AT");
    put_attribute(&name, "\x55\x04\x0a", 0x0c, "Bench Trust GmbH");
    put_attribute(&name, "\x55\x04\x03", 0x0c, "Bench Issuing CA 1");
    put_in(&tbs, 0x30, &name);
    put_time(&validity, p->not_before_unix_s);
    put_time(&validity, p->not_before_unix_s + 90 * 86400 - 1);
    put_in(&tbs, 0x30, &validity);
    name.len = 0;
    put_attribute(&name, "\x55\x04\x06", 0x13, "AT");
    put_attribute(&name, "\x55\x04\x0a", 0x0c, p->organization);
    put_in(&tbs, 0x30, &name);
    put_raw(&tbs, key_head, sizeof key_head - 1);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t word = big_mixed(p->n * 8 + i + 77);
        put_raw(&tbs, &word, sizeof word);
    }
    put_extensions(&tbs, p->domain);
    put_in(&whole, 0x30, &tbs);
    cs_buf_put(out, whole.at, whole.len);
}

/* ---- statements ---- */

static void put_envelope(Countersign__V1__Statement *s, uint64_t n, const char *account, int role,
                         const char *attester, int64_t at_unix_s, struct cs_buf *out)
{
    static char type[] = "application/vnd.countersign.attestation.v1+protobuf";
    Countersign__V1__Header h = COUNTERSIGN__V1__HEADER__INIT;
    Countersign__V1__Software software = COUNTERSIGN__V1__SOFTWARE__INIT;
    Countersign__V1__Envelope e;
    Countersign__V1__Signature sig, *sigs[] = { &sig };
    uint8_t payload[4096], packed[8192], signature[64];
    uint64_t id[2] = { big_mixed(n * 4 + (uint64_t)role), n };
    char version[16];
    countersign__v1__envelope__init(&e); /* the macros of messages with strings cast a const away */
    countersign__v1__signature__init(&sig);
    h.schema = 1;
    h.statement_id = cs_proto_bytes(cs_span_of(id, sizeof id));
    h.attester = cs_proto_bytes(cs_span_str(attester));
    h.role = (Countersign__V1__Role)role;
    software.name = cs_proto_bytes(cs_span_str("validator"));
    software.version = cs_proto_bytes(
        cs_span_of(version, (size_t)snprintf(version, sizeof version, "4.%u.0", (unsigned)(n % 9))));
    h.software = &software;
    h.audience = cs_proto_bytes(cs_span_str("bench"));
    h.issued_at_unix_s = at_unix_s;
    h.expires_at_unix_s = at_unix_s + 90 * 86400;
    h.account = cs_proto_bytes(cs_span_str(account));
    s->header = &h;
    for (size_t i = 0; i < sizeof signature; i++)
        signature[i] = (uint8_t)(id[0] >> (i % 8 * 8));
    sig.sig = cs_proto_bytes(cs_span_of(signature, sizeof signature));
    sig.keyid = type;
    e.payload = cs_proto_bytes(cs_span_of(payload, protobuf_c_message_pack(&s->base, payload)));
    e.payload_type = type;
    e.signatures = sigs;
    e.n_signatures = 1;
    if (protobuf_c_message_get_packed_size(&e.base) > sizeof packed)
        abort();
    cs_buf_put(out, packed, protobuf_c_message_pack(&e.base, packed));
}

void big_domain_control_put(uint64_t n, const char *account, const char *domain, int method,
                            int64_t at_unix_s, struct cs_buf *out)
{
    Countersign__V1__Statement s = COUNTERSIGN__V1__STATEMENT__INIT;
    Countersign__V1__DomainControl m = COUNTERSIGN__V1__DOMAIN_CONTROL__INIT;
    Countersign__V1__Perspectives all = COUNTERSIGN__V1__PERSPECTIVES__INIT;
    Countersign__V1__Perspective one[6], *remotes[5];
    static const char *const ids[6] = { "vie-1", "fra-1", "iad-1", "sin-1", "gru-1", "jnb-1" };
    for (unsigned i = 0; i < 6; i++) {
        one[i] = (Countersign__V1__Perspective)COUNTERSIGN__V1__PERSPECTIVE__INIT;
        one[i].id = cs_proto_bytes(cs_span_str(ids[i]));
        one[i].passed = true;
        one[i].observed_at_unix_s = at_unix_s;
        if (i != 0)
            remotes[i - 1] = &one[i];
    }
    all.primary = &one[0];
    all.remotes = remotes;
    all.n_remotes = 5;
    m.subject_case = COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_DOMAIN;
    m.domain = cs_proto_bytes(cs_span_str(domain));
    m.method = (Countersign__V1__ValidationMethod)method;
    m.scope = COUNTERSIGN__V1__DOMAIN_SCOPE__DOMAIN_SCOPE_NAMESPACE;
    m.observed_at_unix_s = at_unix_s;
    m.perspectives = &all;
    s.body_case = COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL;
    s.domain_control = &m;
    put_envelope(&s, n, account, COUNTERSIGN__V1__ROLE__ROLE_VALIDATION_SYSTEM, n % 2 != 0 ? "va-1" : "va-2",
                 at_unix_s, out);
}

void big_organization_put(uint64_t n, const char *account, const char *organization, int64_t at_unix_s,
                          struct cs_buf *out)
{
    Countersign__V1__Statement s = COUNTERSIGN__V1__STATEMENT__INIT;
    Countersign__V1__OrganizationIdentity m = COUNTERSIGN__V1__ORGANIZATION_IDENTITY__INIT;
    Countersign__V1__SubjectAttribute o = COUNTERSIGN__V1__SUBJECT_ATTRIBUTE__INIT, *attributes[] = { &o };
    char record[32], person[32];
    ProtobufCBinaryData reviewers[1];
    o.oid = cs_proto_bytes(cs_span_of("\x55\x04\x0a", 3));
    o.string_type = COUNTERSIGN__V1__STRING_TYPE__STRING_TYPE_UTF8;
    o.value = cs_proto_bytes(cs_span_str(organization));
    m.attributes = attributes;
    m.n_attributes = 1;
    m.record_id =
        cs_proto_bytes(cs_span_of(record, (size_t)snprintf(record, sizeof record, "org-%u", (unsigned)n)));
    m.record_version = 1;
    m.profile = COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED;
    reviewers[0] = cs_proto_bytes(
        cs_span_of(person, (size_t)snprintf(person, sizeof person, "vetter-%u", (unsigned)(n % 12))));
    m.reviewers = reviewers;
    m.n_reviewers = 1;
    s.body_case = COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY;
    s.organization_identity = &m;
    put_envelope(&s, n, account, COUNTERSIGN__V1__ROLE__ROLE_VETTING_SPECIALIST, "vetting", at_unix_s, out);
}

void big_order_put(uint64_t n, const char *account, const char *domain, int64_t at_unix_s, struct cs_buf *out)
{
    Countersign__V1__Statement s = COUNTERSIGN__V1__STATEMENT__INIT;
    Countersign__V1__Order m = COUNTERSIGN__V1__ORDER__INIT;
    uint64_t id[2] = { big_mixed(n * 3), n };
    struct cs_sha256 key = cs_sha256(cs_span_of(&n, sizeof n));
    ProtobufCBinaryData names[] = { cs_proto_bytes(cs_span_str(domain)) };
    m.order_id = cs_proto_bytes(cs_span_of(id, sizeof id));
    m.spki_sha256 = cs_proto_bytes(cs_sha256_span(&key));
    m.dns_names = names;
    m.n_dns_names = 1;
    m.profile = COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED;
    m.requester = cs_proto_bytes(cs_span_str("ra-portal"));
    s.body_case = COUNTERSIGN__V1__STATEMENT__BODY_ORDER;
    s.order = &m;
    put_envelope(&s, n, account, COUNTERSIGN__V1__ROLE__ROLE_ORDER_AUTHORITY, "orders", at_unix_s, out);
}
