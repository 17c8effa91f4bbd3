#include "proxy/scope/wire.h"

#include <stdlib.h>

#include "proto/canonical.h"
#include "proxy/policy/version.h"

typedef Countersign__V1__IssuanceQuery query_t;

/* How a field's octets become a fact's value. */
enum shape { TEXT, LOWER, FOLDED, DIGEST, ADDRESS, SERIAL };

/* Repeated bytes; the group is the field's number, that of the names for addresses. */
struct bytes_row {
    const char *field;
    enum cs_fact fact;
    enum shape shape;
    uint8_t group;
    size_t n_at, values_at;
};
#define BYTES(field, number, fact, shape)                                                             \
    {                                                                                                 \
#field, CS_FACT_##fact, shape, number, offsetof(query_t, n_##field), offsetof(query_t, field) \
    }
static const struct bytes_row bytes_rows[] = {
    BYTES(dns_names, 2, NAME, LOWER),
    BYTES(ip_addresses, 2, NAME, ADDRESS),
    BYTES(name_suffixes, 4, SUFFIX, LOWER),
    BYTES(accounts, 5, ACCOUNT, TEXT),
    BYTES(organizations, 6, ORGANIZATION, FOLDED),
    BYTES(statement_ids, 8, STATEMENT, TEXT),
    BYTES(evidence_sha256s, 9, EVIDENCE, DIGEST),
    BYTES(attesters, 10, ATTESTER, TEXT),
    BYTES(persons, 12, PERSON, TEXT),
    BYTES(perspective_ids, 15, PERSPECTIVE, TEXT),
    BYTES(clients, 16, CLIENT, TEXT),
    BYTES(api_versions, 17, API_VERSION, TEXT),
    BYTES(issuers, 18, ISSUER, TEXT),
    BYTES(policy_sha256s, 19, POLICY, DIGEST),
    BYTES(rules, 21, RULE, TEXT),
    BYTES(spki_sha256s, 22, KEY, DIGEST),
    BYTES(serial_numbers, 23, SERIAL, SERIAL),
    BYTES(order_ids, 24, ORDER, TEXT),
    BYTES(payload_sha256s, 25, PAYLOAD, DIGEST),
};
enum { N_BYTES_ROWS = sizeof bytes_rows / sizeof *bytes_rows };

/* Repeated enums whose values the fact holds as one octet. */
static const struct enum_row {
    enum cs_fact fact;
    uint8_t group;
    size_t n_at, values_at;
} enum_rows[] = {
    { CS_FACT_ROLE, 11, offsetof(query_t, n_roles), offsetof(query_t, roles) },
    { CS_FACT_METHOD, 13, offsetof(query_t, n_methods), offsetof(query_t, methods) },
    { CS_FACT_PROFILE, 20, offsetof(query_t, n_profiles), offsetof(query_t, profiles) },
};
enum { N_ENUM_ROWS = sizeof enum_rows / sizeof *enum_rows };

enum { GROUP_TYPES = 1, GROUP_RECORDS = 7, GROUP_SOFTWARE = 14, GROUP_CALLER = 40 };

static const struct type_row {
    Countersign__V1__EntryType type;
    enum cs_fact fact;
    uint8_t value;
} type_rows[] = {
#define KIND(type, body)                                              \
    {                                                                 \
        COUNTERSIGN__V1__ENTRY_TYPE__ENTRY_TYPE_##type, CS_FACT_KIND, \
            COUNTERSIGN__LEDGER__V1__ENTRY__BODY_##body               \
    }
    KIND(INTENT, INTENT),
    KIND(REFUSAL, REFUSAL),
    KIND(AUTHORIZATION, AUTHORIZATION),
    KIND(DEPOSIT, DEPOSIT),
    KIND(HOLD, HOLD),
    KIND(RECALL, RECALL),
    { COUNTERSIGN__V1__ENTRY_TYPE__ENTRY_TYPE_PRECERTIFICATE, CS_FACT_SIGN_KIND,
      COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE },
    { COUNTERSIGN__V1__ENTRY_TYPE__ENTRY_TYPE_CERTIFICATE, CS_FACT_SIGN_KIND,
      COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_CERTIFICATE },
};
enum { N_TYPE_ROWS = sizeof type_rows / sizeof *type_rows };

void cs_scope_asked_done(struct cs_scope_asked *a)
{
    if (a != NULL)
        cs_arena_done(&a->arena);
}

static size_t count_at(const query_t *m, size_t offset)
{
    size_t n;
    memcpy(&n, (const char *)m + offset, sizeof n);
    return n;
}

static const void *values_at(const query_t *m, size_t offset)
{
    void *at;
    memcpy(&at, (const char *)m + offset, sizeof at);
    return at;
}

/* ---- a message becomes a query ---- */

static CS_RESULT put(struct cs_scope_asked *a, struct cs_scope_selector s, const struct cs_buf *value,
                     struct cs_note *note)
{
    if (a->query.n_selectors == CS_SCOPE_SELECTORS_MAX) {
        cs_note_set(note, "query: more than %d values", (int)CS_SCOPE_SELECTORS_MAX);
        return CS_ERR(ARGUMENT);
    }
    s.value = cs_arena_span(&a->arena, cs_buf_span(value));
    if (value->failed || s.value.len != value->len)
        return CS_ERR(NO_MEMORY);
    a->selector[a->query.n_selectors++] = s;
    return CS_OK;
}

static CS_RESULT put_octet(struct cs_scope_asked *a, enum cs_fact fact, uint8_t group, int value,
                           struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    cs_buf_put_u8(&b, (uint8_t)value);
    return put(a, (struct cs_scope_selector){ .fact = fact, .group = group }, &b, note);
}

static void put_serial(struct cs_span s, struct cs_buf *out)
{
    while (s.len > 1 && s.at[0] == 0)
        s = cs_span_of(s.at + 1, s.len - 1);
    if (s.len != 0 && s.at[0] >= 0x80)
        cs_buf_put_u8(out, 0);
    cs_buf_put(out, s.at, s.len);
}

/* NULL, or what was needed. */
static const char *shaped(enum shape shape, struct cs_span s, struct cs_buf *out)
{
    switch (shape) {
    case LOWER:
        cs_fact_lower(s.len != 0 && s.at[0] == '.' ? cs_span_of(s.at + 1, s.len - 1) : s, out);
        return out->len != 0 ? NULL : "a domain name";
    case FOLDED:
        cs_fact_folded(s, out);
        return out->len != 0 ? NULL : "letters or digits";
    case ADDRESS:
        cs_buf_put(out, s.at, s.len);
        return s.len == 4 || s.len == 16 ? NULL : "4 or 16 octets";
    case DIGEST:
        cs_buf_put(out, s.at, s.len);
        return s.len == CS_SHA256_LEN ? NULL : "32 octets";
    case SERIAL:
        put_serial(s, out);
        return s.len != 0 ? NULL : "octets";
    case TEXT:
    default:
        cs_buf_put(out, s.at, s.len);
        return s.len != 0 ? NULL : "octets";
    }
}

static CS_RESULT get_bytes(const query_t *m, const struct bytes_row *row, struct cs_scope_asked *a,
                           struct cs_note *note)
{
    const ProtobufCBinaryData *at = values_at(m, row->values_at);
    size_t n = count_at(m, row->n_at);
    for (size_t i = 0; i < n; i++) {
        CS_AUTO_BUF struct cs_buf value = { 0 };
        const char *needed = shaped(row->shape, cs_proto_span(at[i]), &value);
        if (needed != NULL) {
            cs_note_set(note, "query.%s[%zu]: %zu octets; needed: %s", row->field, i, at[i].len, needed);
            return CS_ERR(ARGUMENT);
        }
        CS_TRY(put(a, (struct cs_scope_selector){ .fact = row->fact, .group = row->group }, &value, note));
    }
    return CS_OK;
}

static CS_RESULT get_types(const query_t *m, struct cs_scope_asked *a, struct cs_note *note)
{
    if (m->n_entry_types == 0)
        return put_octet(a, CS_FACT_KIND, GROUP_TYPES,
                         m->n_rules != 0 ? COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL
                                         : COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT,
                         note);
    for (size_t i = 0; i < m->n_entry_types; i++) {
        unsigned k = 0;
        while (k < N_TYPE_ROWS && type_rows[k].type != m->entry_types[i])
            k++;
        if (k == N_TYPE_ROWS) {
            cs_note_set(note, "query.entry_types[%zu]: %d; needed: a type from 1 to 8", i,
                        (int)m->entry_types[i]);
            return CS_ERR(ARGUMENT);
        }
        CS_TRY(put_octet(a, type_rows[k].fact, GROUP_TYPES, type_rows[k].value, note));
    }
    return CS_OK;
}

static CS_RESULT get_records(const query_t *m, struct cs_scope_asked *a, struct cs_note *note)
{
    for (size_t i = 0; i < m->n_organization_records; i++) {
        const Countersign__V1__RecordFilter *r = m->organization_records[i];
        CS_AUTO_BUF struct cs_buf value = { 0 };
        if (r->record_id.len == 0) {
            cs_note_set(note, "query.organization_records[%zu].record_id: empty; needed: octets", i);
            return CS_ERR(ARGUMENT);
        }
        cs_buf_put(&value, r->record_id.data, r->record_id.len);
        if (r->version != 0) {
            cs_buf_put_u8(&value, 0);
            cs_buf_put_u64(&value, r->version);
        }
        CS_TRY(
            put(a,
                (struct cs_scope_selector){ .fact = r->version != 0 ? CS_FACT_RECORD_VERSION : CS_FACT_RECORD,
                                            .group = GROUP_RECORDS },
                &value, note));
    }
    return CS_OK;
}

static bool is_version(struct cs_span s)
{
    struct cs_version ignored;
    return s.len == 0 || cs_version_parse(s, &ignored);
}

static CS_RESULT get_software(const query_t *m, struct cs_scope_asked *a, struct cs_note *note)
{
    for (size_t i = 0; i < m->n_software; i++) {
        const Countersign__V1__SoftwareFilter *f = m->software[i];
        CS_AUTO_BUF struct cs_buf value = { 0 };
        struct cs_span from = cs_proto_span(f->version_from), to = cs_proto_span(f->version_to);
        bool range = from.len != 0 || to.len != 0;
        if (f->name.len == 0 || (range && f->version.len != 0) || !is_version(from) || !is_version(to)) {
            cs_note_set(note,
                        "query.software[%zu]: needed: a name, and a version or a range of versions such as "
                        "3.6.8",
                        i);
            return CS_ERR(ARGUMENT);
        }
        struct cs_scope_selector s = { .fact = CS_FACT_SOFTWARE, .group = GROUP_SOFTWARE };
        cs_buf_put(&value, f->name.data, f->name.len);
        if (f->version.len != 0) {
            s.fact = CS_FACT_SOFTWARE_VERSION;
            cs_buf_put_u8(&value, 0);
            cs_buf_put(&value, f->version.data, f->version.len);
        }
        s.version_from = cs_arena_span(&a->arena, from);
        s.version_to = cs_arena_span(&a->arena, to);
        if (s.version_from.len != from.len || s.version_to.len != to.len)
            return CS_ERR(NO_MEMORY);
        CS_TRY(put(a, s, &value, note));
    }
    return CS_OK;
}

/* ISSUANCE_RESULT_* counts from 1, enum cs_scope_result is the bit of it. */
static CS_RESULT get_rest(const query_t *m, struct cs_scope_asked *a, struct cs_note *note)
{
    for (size_t i = 0; i < m->n_results; i++)
        a->query.results |= UINT32_C(1) << ((unsigned)m->results[i] - 1) % 32;
    a->query.from_unix_us = m->from_unix_us;
    a->query.until_unix_us = m->until_unix_us;
    if (m->from_unix_us >= 0 && m->until_unix_us >= 0 &&
        (m->until_unix_us == 0 || m->until_unix_us >= m->from_unix_us))
        return CS_OK;
    cs_note_set(note, "query.until_unix_us: needed: not before query.from_unix_us, neither before 1970");
    return CS_ERR(ARGUMENT);
}

CS_RESULT cs_scope_asked_get(const query_t *m, struct cs_span only_client, struct cs_scope_asked *out,
                             struct cs_note *note)
{
    out->query = (struct cs_scope_query){ .selector = out->selector };
    CS_TRY(get_types(m, out, note));
    for (unsigned i = 0; i < N_BYTES_ROWS; i++)
        CS_TRY(get_bytes(m, &bytes_rows[i], out, note));
    for (unsigned i = 0; i < N_ENUM_ROWS; i++) {
        const int *at = values_at(m, enum_rows[i].values_at);
        size_t n = count_at(m, enum_rows[i].n_at);
        for (size_t k = 0; k < n; k++)
            CS_TRY(put_octet(out, enum_rows[i].fact, enum_rows[i].group, at[k], note));
    }
    CS_TRY(get_records(m, out, note));
    CS_TRY(get_software(m, out, note));
    CS_TRY(get_rest(m, out, note));
    if (only_client.len == 0)
        return CS_OK;
    CS_AUTO_BUF struct cs_buf own = { 0 };
    cs_buf_put(&own, only_client.at, only_client.len);
    return put(out, (struct cs_scope_selector){ .fact = CS_FACT_CLIENT, .group = GROUP_CALLER }, &own, note);
}

/* ---- a query becomes a message ---- */

static void *grow(struct cs_arena *arena, const struct cs_scope_query *q, size_t size)
{
    return cs_arena_get(arena, (q->n_selectors + 1u) * size);
}

static CS_RESULT say_bytes(const struct cs_scope_query *q, struct cs_arena *arena, query_t *m)
{
    for (unsigned k = 0; k < N_BYTES_ROWS; k++) {
        const struct bytes_row *row = &bytes_rows[k];
        ProtobufCBinaryData *at = grow(arena, q, sizeof *at);
        size_t n = 0;
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        for (uint32_t i = 0; i < q->n_selectors; i++) {
            const struct cs_scope_selector *s = &q->selector[i];
            bool address = s->fact == CS_FACT_NAME && (s->value.len == 4 || s->value.len == 16);
            /* a name of so many octets is the same fact as the address of these octets */
            if (s->fact == row->fact && (s->fact != CS_FACT_NAME || address == (row->shape == ADDRESS)))
                at[n++] = cs_proto_bytes(s->value);
        }
        memcpy((char *)m + row->n_at, &n, sizeof n);
        memcpy((char *)m + row->values_at, &at, sizeof(void *));
    }
    return CS_OK;
}

static CS_RESULT say_enums(const struct cs_scope_query *q, struct cs_arena *arena, query_t *m)
{
    for (unsigned k = 0; k < N_ENUM_ROWS; k++) {
        int *at = grow(arena, q, sizeof *at);
        size_t n = 0;
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        for (uint32_t i = 0; i < q->n_selectors; i++)
            if (q->selector[i].fact == enum_rows[k].fact && q->selector[i].value.len == 1)
                at[n++] = q->selector[i].value.at[0];
        memcpy((char *)m + enum_rows[k].n_at, &n, sizeof n);
        memcpy((char *)m + enum_rows[k].values_at, &at, sizeof(void *));
    }
    return CS_OK;
}

static CS_RESULT say_types(const struct cs_scope_query *q, struct cs_arena *arena, query_t *m)
{
    m->entry_types = grow(arena, q, sizeof *m->entry_types);
    m->results = cs_arena_get(arena, 32 * sizeof *m->results);
    if (m->entry_types == NULL || m->results == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < q->n_selectors; i++)
        for (unsigned k = 0; k < N_TYPE_ROWS; k++)
            if (q->selector[i].fact == type_rows[k].fact && q->selector[i].value.len == 1 &&
                q->selector[i].value.at[0] == type_rows[k].value)
                m->entry_types[m->n_entry_types++] = type_rows[k].type;
    for (unsigned bit = 0; bit < 32; bit++)
        if (q->results >> bit & 1)
            m->results[m->n_results++] = (Countersign__V1__IssuanceResult)(bit + 1);
    return CS_OK;
}

static uint64_t number_of(struct cs_span octets)
{
    struct cs_reader r = cs_reader_init(octets);
    return cs_get_u64(&r);
}

static CS_RESULT say_records(const struct cs_scope_query *q, struct cs_arena *arena, query_t *m)
{
    m->organization_records = grow(arena, q, sizeof(void *));
    if (m->organization_records == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < q->n_selectors; i++) {
        struct cs_span v = q->selector[i].value;
        bool versioned = q->selector[i].fact == CS_FACT_RECORD_VERSION && v.len > 9;
        if (!versioned && q->selector[i].fact != CS_FACT_RECORD)
            continue;
        Countersign__V1__RecordFilter *r = cs_arena_get(arena, sizeof *r);
        if (r == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__v1__record_filter__init(r);
        r->record_id = cs_proto_bytes(versioned ? cs_span_of(v.at, v.len - 9) : v);
        r->version = versioned ? number_of(cs_span_of(v.at + v.len - 8, 8)) : 0;
        m->organization_records[m->n_organization_records++] = r;
    }
    return CS_OK;
}

static CS_RESULT say_software(const struct cs_scope_query *q, struct cs_arena *arena, query_t *m)
{
    m->software = grow(arena, q, sizeof(void *));
    if (m->software == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < q->n_selectors; i++) {
        const struct cs_scope_selector *s = &q->selector[i];
        bool exact = s->fact == CS_FACT_SOFTWARE_VERSION;
        if (!exact && s->fact != CS_FACT_SOFTWARE)
            continue;
        Countersign__V1__SoftwareFilter *f = cs_arena_get(arena, sizeof *f);
        const uint8_t *zero = exact ? memchr(s->value.at, 0, s->value.len) : NULL;
        if (f == NULL)
            return CS_ERR(NO_MEMORY);
        if (exact && zero == NULL)
            return CS_ERR(ARGUMENT);
        countersign__v1__software_filter__init(f);
        size_t name_len = zero != NULL ? (size_t)(zero - s->value.at) : s->value.len;
        f->name = cs_proto_bytes(cs_span_of(s->value.at, name_len));
        if (zero != NULL)
            f->version = cs_proto_bytes(cs_span_of(zero + 1, s->value.len - name_len - 1));
        f->version_from = cs_proto_bytes(s->version_from);
        f->version_to = cs_proto_bytes(s->version_to);
        m->software[m->n_software++] = f;
    }
    return CS_OK;
}

CS_RESULT cs_scope_query_message(const struct cs_scope_query *q, struct cs_arena *arena, query_t **out)
{
    query_t *m = cs_arena_get(arena, sizeof *m);
    if (m == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__issuance_query__init(m);
    CS_TRY(say_types(q, arena, m));
    CS_TRY(say_bytes(q, arena, m));
    CS_TRY(say_enums(q, arena, m));
    CS_TRY(say_records(q, arena, m));
    CS_TRY(say_software(q, arena, m));
    m->from_unix_us = q->from_unix_us;
    m->until_unix_us = q->until_unix_us;
    *out = m;
    return CS_OK;
}
