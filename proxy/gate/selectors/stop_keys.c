/* By what a stop is found: each stands in the index under the values of one field of its selector, the one
 * that fewest requests share. A request asks for each of its own values. */
#include "proxy/gate/selectors/stops.h"

enum key_kind {
    KEY_CERTIFICATE = 1,
    KEY_SERIAL,
    KEY_ORDER,
    KEY_SUFFIX,
    KEY_SUFFIX_PARENT, /* of a name suffix, for wildcards that stand for it */
    KEY_ACCOUNT,
    KEY_ORGANIZATION,
    KEY_ATTESTER,
    KEY_CLIENT,
    KEY_API_VERSION,
    KEY_ISSUER,
    KEY_METHOD,
    KEY_PROFILE,
    KEY_STATEMENT,
    KEY_PAYLOAD,
    KEY_RECORD,
    KEY_SOFTWARE,
    KEY_PERSPECTIVE,
    KEY_ROLE,
    KEY_ANY, /* everything, or an interval alone */
};

static struct cs_span span(ProtobufCBinaryData b)
{
    return cs_span_of(b.data, b.len);
}

static uint64_t number_hash(enum key_kind kind, unsigned number)
{
    uint8_t b[2] = { (uint8_t)(number >> 8), (uint8_t)number };
    return cs_keymap_hash(kind, cs_span_of(b, sizeof b));
}

struct keys {
    uint64_t *out; /* NULL: count only */
    uint32_t n;
};

static void put(struct keys *k, uint64_t hash)
{
    if (k->out != NULL)
        k->out[k->n] = hash;
    k->n++;
}

static bool put_all(struct keys *k, enum key_kind kind, size_t n, const ProtobufCBinaryData *values)
{
    for (size_t i = 0; i < n; i++)
        put(k, cs_keymap_hash(kind, span(values[i])));
    return n != 0;
}

static bool put_serials(struct keys *k, const Countersign__V1__IssuanceSelector *s)
{
    for (size_t i = 0; i < s->n_serial_numbers; i++)
        put(k, cs_keymap_hash(KEY_SERIAL, cs_serial_number(span(s->serial_numbers[i]))));
    return s->n_serial_numbers != 0;
}

static bool put_suffixes(struct keys *k, const Countersign__V1__IssuanceSelector *s)
{
    for (size_t i = 0; i < s->n_name_suffixes; i++) {
        struct cs_span suffix = span(s->name_suffixes[i]);
        put(k, cs_keymap_hash(KEY_SUFFIX, suffix));
        const uint8_t *dot = suffix.len != 0 ? memchr(suffix.at, '.', suffix.len) : NULL;
        if (dot != NULL)
            put(k, cs_keymap_hash(KEY_SUFFIX_PARENT,
                                  cs_span_of(dot + 1, suffix.len - (size_t)(dot + 1 - suffix.at))));
    }
    return s->n_name_suffixes != 0;
}

static bool put_methods(struct keys *k, size_t n, const Countersign__V1__ValidationMethod *methods)
{
    for (size_t i = 0; i < n; i++)
        put(k, number_hash(KEY_METHOD, (unsigned)methods[i]));
    return n != 0;
}

static bool put_profiles(struct keys *k, const Countersign__V1__IssuanceSelector *s)
{
    for (size_t i = 0; i < s->n_profiles; i++)
        put(k, number_hash(KEY_PROFILE, (unsigned)s->profiles[i]));
    return s->n_profiles != 0;
}

static void hold_keys(struct keys *k, const Countersign__V1__IssuanceSelector *s)
{
    if (put_all(k, KEY_CERTIFICATE, s->n_certificate_sha256s, s->certificate_sha256s) || put_serials(k, s) ||
        put_all(k, KEY_ORDER, s->n_order_ids, s->order_ids) || put_suffixes(k, s) ||
        put_all(k, KEY_ACCOUNT, s->n_accounts, s->accounts) ||
        put_all(k, KEY_ORGANIZATION, s->n_organizations, s->organizations) ||
        put_all(k, KEY_ATTESTER, s->n_attesters, s->attesters) ||
        put_all(k, KEY_CLIENT, s->n_clients, s->clients) ||
        put_all(k, KEY_API_VERSION, s->n_api_versions, s->api_versions) ||
        put_all(k, KEY_ISSUER, s->n_issuers, s->issuers) || put_methods(k, s->n_methods, s->methods) ||
        put_profiles(k, s))
        return;
    put(k, number_hash(KEY_ANY, 0));
}

static void recall_keys(struct keys *k, const Countersign__V1__EvidenceSelector *s)
{
    if (put_all(k, KEY_STATEMENT, s->n_statement_ids, s->statement_ids) ||
        put_all(k, KEY_PAYLOAD, s->n_payload_sha256s, s->payload_sha256s) ||
        put_all(k, KEY_RECORD, s->organization_record_id.len != 0, &s->organization_record_id) ||
        put_all(k, KEY_ACCOUNT, s->n_accounts, s->accounts) ||
        put_all(k, KEY_ATTESTER, s->n_attesters, s->attesters) ||
        put_all(k, KEY_SOFTWARE, s->software_name.len != 0, &s->software_name) ||
        put_all(k, KEY_PERSPECTIVE, s->n_perspective_ids, s->perspective_ids) ||
        put_methods(k, s->n_methods, s->methods))
        return;
    put(k, s->role != 0 ? number_hash(KEY_ROLE, (unsigned)s->role) : number_hash(KEY_ANY, 0));
}

uint32_t cs_stop_keys(const struct cs_stop *s, uint64_t *out)
{
    struct keys k = { .out = out };
    if (s->statement->body_case == COUNTERSIGN__V1__STATEMENT__BODY_HOLD)
        hold_keys(&k, s->statement->hold->selector);
    else
        recall_keys(&k, s->statement->recall->selector);
    return k.n;
}

/* ---- holds on an issuance ---- */

struct search {
    const struct cs_stops *stops;
    const struct cs_issuance *issuance;
    const struct cs_stop **out;
    uint32_t n;
};

static void ask(struct search *q, uint64_t hash)
{
    uint32_t at = UINT32_MAX, i;
    while (q->n < CS_STOPS_FOUND_MAX && cs_keymap_next(&q->stops->keys, hash, &at, &i)) {
        const struct cs_stop *s = q->stops->stop[i];
        bool again = !s->in_force;
        for (uint32_t k = 0; k < q->n && !again; k++)
            again = q->out[k] == s;
        if (!again && cs_issuance_matches(s->statement->hold->selector, q->issuance))
            q->out[q->n++] = s;
    }
}

static void ask_spans(struct search *q, enum key_kind kind, struct cs_spans of)
{
    for (uint32_t i = 0; i < of.n; i++)
        ask(q, cs_keymap_hash(kind, of.at[i]));
}

static void ask_name(struct search *q, struct cs_span name)
{
    bool wildcard;
    struct cs_span base = cs_name_base(name, &wildcard);
    uint64_t h = cs_keymap_start(KEY_SUFFIX);
    for (size_t i = base.len; i-- > 0;) {
        h = cs_keymap_step(h, base.at[i]);
        if (i == 0 || base.at[i - 1] == '.')
            ask(q, h);
    }
    if (wildcard)
        ask(q, cs_keymap_hash(KEY_SUFFIX_PARENT, base));
}

uint32_t cs_stops_on_issuance(const struct cs_stops *s, const struct cs_issuance *x,
                              const struct cs_stop *out[CS_STOPS_FOUND_MAX])
{
    struct search q = { s, x, out, 0 };
    if (s->n_in_force == 0)
        return 0;
    ask(&q, number_hash(KEY_ANY, 0));
    for (uint32_t i = 0; i < x->n_certificates; i++)
        ask(&q, cs_keymap_hash(KEY_CERTIFICATE, cs_sha256_span(&x->certificate_sha256[i])));
    ask(&q, cs_keymap_hash(KEY_SERIAL, cs_serial_number(x->serial)));
    ask(&q, cs_keymap_hash(KEY_ORDER, x->order_id));
    ask(&q, cs_keymap_hash(KEY_ACCOUNT, x->account));
    for (uint32_t i = 0; i < x->names.n; i++)
        ask_name(&q, x->names.at[i]);
    ask_spans(&q, KEY_ORGANIZATION, x->organizations);
    ask_spans(&q, KEY_ATTESTER, x->attesters);
    for (uint32_t i = 0; i < x->n_methods; i++)
        ask(&q, number_hash(KEY_METHOD, (unsigned)x->method[i]));
    ask(&q, cs_keymap_hash(KEY_CLIENT, x->client));
    ask(&q, cs_keymap_hash(KEY_API_VERSION, x->api_version));
    ask(&q, cs_keymap_hash(KEY_ISSUER, x->issuer));
    ask(&q, number_hash(KEY_PROFILE, (unsigned)x->profile));
    return q.n;
}

bool cs_stops_name_certificates(const struct cs_stops *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->stop[i]->in_force && s->stop[i]->statement->hold->selector->n_certificate_sha256s != 0)
            return true;
    return false;
}

/* ---- recalls of evidence ---- */

static const struct cs_stop *recall_at(const struct cs_stops *s, uint64_t hash, const struct cs_attested *a)
{
    uint32_t at = UINT32_MAX, i;
    while (cs_keymap_next(&s->keys, hash, &at, &i))
        if (cs_evidence_matches(s->stop[i]->statement->recall->selector, a))
            return s->stop[i];
    return NULL;
}

static const struct cs_stop *recall_of(const struct cs_stops *s, enum key_kind kind, ProtobufCBinaryData v,
                                       const struct cs_attested *a)
{
    return v.len != 0 ? recall_at(s, cs_keymap_hash(kind, span(v)), a) : NULL;
}

static const struct cs_stop *recall_of_perspectives(const struct cs_stops *s,
                                                    const Countersign__V1__Perspectives *p,
                                                    const struct cs_attested *a)
{
    if (p == NULL)
        return NULL;
    const struct cs_stop *r = p->primary != NULL ? recall_of(s, KEY_PERSPECTIVE, p->primary->id, a) : NULL;
    for (size_t i = 0; i < p->n_remotes && r == NULL; i++)
        r = recall_of(s, KEY_PERSPECTIVE, p->remotes[i]->id, a);
    return r;
}

static const struct cs_stop *recall_of_body(const struct cs_stops *s, const struct cs_attested *a)
{
    const Countersign__V1__Statement *m = a->statement;
    const struct cs_stop *r = NULL;
    switch (m->body_case) {
    case COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL:
        r = recall_at(s, number_hash(KEY_METHOD, (unsigned)m->domain_control->method), a);
        if (r == NULL && m->domain_control->inner_method != 0)
            r = recall_at(s, number_hash(KEY_METHOD, (unsigned)m->domain_control->inner_method), a);
        return r != NULL ? r : recall_of_perspectives(s, m->domain_control->perspectives, a);
    case COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK:
        return recall_of_perspectives(s, m->caa_check->perspectives, a);
    case COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY:
        return recall_of(s, KEY_RECORD, m->organization_identity->record_id, a);
    default:
        return NULL;
    }
}

const struct cs_stop *cs_stops_on_evidence(const struct cs_stops *s, const struct cs_attested *a)
{
    const Countersign__V1__Header *h = a->statement->header;
    if (s->n == 0 || cs_can_only_subtract(a->statement))
        return NULL;
    const struct cs_stop *r = recall_at(s, number_hash(KEY_ANY, 0), a);
    if (r == NULL)
        r = recall_of(s, KEY_STATEMENT, h->statement_id, a);
    if (r == NULL)
        r = recall_at(s, cs_keymap_hash(KEY_PAYLOAD, cs_sha256_span(&a->payload_sha256)), a);
    if (r == NULL)
        r = recall_of(s, KEY_ACCOUNT, h->account, a);
    if (r == NULL)
        r = recall_of(s, KEY_ATTESTER, h->attester, a);
    for (uint32_t i = 0; i < a->attesters.n && r == NULL; i++)
        r = recall_at(s, cs_keymap_hash(KEY_ATTESTER, a->attesters.at[i]), a);
    if (r == NULL && h->software != NULL)
        r = recall_of(s, KEY_SOFTWARE, h->software->name, a);
    if (r == NULL)
        r = recall_at(s, number_hash(KEY_ROLE, (unsigned)h->role), a);
    return r != NULL ? r : recall_of_body(s, a);
}
