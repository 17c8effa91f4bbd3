#include <stdlib.h>

#include "client/report/gather.h"
#include "client/report/text.h"
#include "proto/canonical.h"
#include "proxy/policy/names.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__Ledger__V1__Intent intent_t;

enum { SHORT_LIVED_S = 7 * 86400, SHORT_LIVED_EARLIER_S = 10 * 86400 };
static const int64_t short_lived_from = 1773532800; /* 2026-03-15, BR 1.6.1 */

static struct cs_report_row *find(struct cs_gathering *g, struct cs_span pair)
{
    uint32_t at = UINT32_MAX, i;
    while (cs_keymap_next(&g->pairs, cs_keymap_hash(0, pair), &at, &i))
        if (cs_span_eq(cs_sha256_span(&g->report->row[i].pair), pair))
            return &g->report->row[i];
    return NULL;
}

static CS_RESULT add(struct cs_gathering *g, struct cs_span pair, struct cs_report_row **out)
{
    struct cs_report *r = g->report;
    if (pair.len != CS_SHA256_LEN)
        return CS_ERR(STORE_CORRUPT);
    if (r->n_rows == r->room_rows) {
        uint32_t room = r->room_rows != 0 ? r->room_rows * 2 : 64;
        struct cs_report_row *more = reallocarray(r->row, room, sizeof *more);
        if (more == NULL)
            return CS_ERR(NO_MEMORY);
        r->row = more;
        r->room_rows = room;
    }
    CS_TRY(cs_keymap_reserve(&g->pairs, 1));
    cs_keymap_put(&g->pairs, cs_keymap_hash(0, pair), r->n_rows);
    *out = &r->row[r->n_rows++];
    **out = (struct cs_report_row){ .revocation = { "", "", "" } };
    memcpy((*out)->pair.byte, pair.at, sizeof(*out)->pair.byte);
    return CS_OK;
}

static const char *clean(struct cs_gathering *g, ProtobufCBinaryData b)
{
    return cs_clean(&g->report->arena, cs_proto_span(b));
}

bool cs_rows_has_account(const struct cs_gathering *g, const char *account)
{
    uint32_t at = UINT32_MAX, i;
    while (cs_keymap_next(&g->accounts, cs_keymap_hash(0, cs_span_str(account)), &at, &i))
        if (strcmp(g->report->row[i].account, account) == 0)
            return true;
    return false;
}

/* ---- what the TBS says ---- */

static const char *profile_name(const struct cs_tbs *t)
{
    /* The reserved policy OIDs as they stand in the extension's value (BR 7.1.6.1). */
    static const struct {
        const char *oid;
        uint8_t len;
        Countersign__V1__Profile profile;
    } reserved[] = {
        { "\x06\x06\x67\x81\x0c\x01\x02\x01", 8, COUNTERSIGN__V1__PROFILE__PROFILE_DOMAIN_VALIDATED },
        { "\x06\x06\x67\x81\x0c\x01\x02\x02", 8, COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED },
        { "\x06\x06\x67\x81\x0c\x01\x02\x03", 8, COUNTERSIGN__V1__PROFILE__PROFILE_INDIVIDUAL_VALIDATED },
        { "\x06\x05\x67\x81\x0c\x01\x01", 7, COUNTERSIGN__V1__PROFILE__PROFILE_EXTENDED_VALIDATION },
    };
    const struct cs_extension *x = cs_tbs_find(t, cs_span_of("\x55\x1d\x20", 3));
    for (size_t i = 0; x != NULL && i < sizeof reserved / sizeof *reserved; i++)
        if (memmem(x->value.at, x->value.len, reserved[i].oid, reserved[i].len) != NULL)
            return cs_profile_name((int)reserved[i].profile);
    return "";
}

static void put_names(struct cs_gathering *g, const struct cs_tbs *t, struct cs_report_row *row)
{
    CS_AUTO_BUF struct cs_buf dns = { 0 };
    CS_AUTO_BUF struct cs_buf ip = { 0 };
    struct cs_arena *a = &g->report->arena;
    for (uint32_t i = 0; i < t->n_names; i++) {
        bool is_ip = t->name[i].tag == CS_SAN_IP;
        struct cs_buf *to = is_ip ? &ip : &dns;
        const char *text = is_ip ? cs_clean_ip(a, t->name[i].value) : cs_clean(a, t->name[i].value);
        if (to->len != 0)
            cs_buf_put_u8(to, ' ');
        cs_buf_put_str(to, text);
        if (i == 0)
            row->first_name = text;
    }
    row->n_names = t->n_names;
    row->dns_names = cs_clean(a, cs_buf_span(&dns));
    row->ip_addresses = cs_clean(a, cs_buf_span(&ip));
}

static CS_RESULT put_tbs(struct cs_gathering *g, const struct cs_tbs *t, struct cs_report_row *row)
{
    struct cs_arena *a = &g->report->arena;
    struct cs_attribute issuer[CS_TBS_ATTRIBUTES_MAX];
    uint32_t n = 0;
    CS_TRY(cs_name_parse(t->issuer, issuer, CS_TBS_ATTRIBUTES_MAX, &n, NULL));
    row->issuer_dn = cs_clean_name(a, issuer, n);
    row->subject = cs_clean_name(a, t->attribute, t->n_attributes);
    for (uint32_t i = 0; i < t->n_attributes; i++)
        if (cs_span_eq(t->attribute[i].oid, cs_span_of("\x55\x04\x0a", 3)))
            row->organization = cs_clean(a, t->attribute[i].value);
    row->not_before_unix_s = t->not_before_unix_s;
    row->not_after_unix_s = t->not_after_unix_s;
    row->profile = profile_name(t);
    put_names(g, t, row);
    return CS_OK;
}

/* ---- what it relied on ---- */

static const char *covers_text(struct cs_gathering *g, const intent_t *m, const struct cs_tbs *t,
                               uint32_t evidence)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    struct cs_arena *a = &g->report->arena;
    for (size_t i = 0; i < m->n_covers; i++) {
        const Countersign__Ledger__V1__Cover *c = m->covers[i];
        const char *name = "";
        if (c->evidence != evidence)
            continue;
        if (t != NULL && c->index < t->n_names)
            name = t->name[c->index].tag == CS_SAN_IP ? cs_clean_ip(a, t->name[c->index].value)
                                                      : cs_clean(a, t->name[c->index].value);
        if (b.len != 0)
            cs_buf_put_str(&b, ", ");
        switch (c->part) {
        case COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_NAME:
            cs_buf_put_str(&b, name);
            break;
        case COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_CAA:
            cs_buf_printf(&b, "CAA of %s", name);
            break;
        case COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_SUBJECT:
            cs_buf_put_str(&b, "the subject");
            break;
        case COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_KEY:
            cs_buf_put_str(&b, "the key");
            break;
        default:
            cs_buf_put_str(&b, "these bytes");
        }
    }
    return cs_clean(a, cs_buf_span(&b));
}

static CS_RESULT put_relied(struct cs_gathering *g, const intent_t *m, const struct cs_tbs *t,
                            struct cs_report_row *row)
{
    uint32_t n = (uint32_t)m->n_evidence_sha256s;
    row->relied = cs_arena_get(&g->report->arena, (n + 1) * sizeof *row->relied);
    if (row->relied == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < n; i++) {
        CS_TRY(cs_evidence_of(g, cs_proto_span(m->evidence_sha256s[i]), &row->relied[i].evidence));
        row->relied[i].covers = covers_text(g, m, t, i);
    }
    row->n_relied = n;
    return CS_OK;
}

/* The certificate's digest, from the TBS and the signature that the outcome has. */
static CS_RESULT put_digest(struct cs_gathering *g, const struct cs_scope_hit *hit,
                            char out[CS_REPORT_HEX_LEN])
{
    struct cs_span bytes;
    const entry_t *e;
    CS_AUTO_BUF struct cs_buf der = { 0 };
    if (hit->outcome_seq == 0 || hit->tbs == NULL)
        return CS_OK;
    CS_TRY(cs_ledger_reader_entry(g->reader, hit->outcome_seq, &bytes, g->note));
    cs_arena_reset(&g->scratch);
    CS_TRY(cs_ledger_entry_parse(bytes, hit->outcome_seq, &g->scratch, &e));
    if (e->body_case != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME || e->outcome->signature.len == 0)
        return CS_OK;
    cs_certificate_put(&der, hit->tbs->der, hit->tbs->signature, cs_proto_span(e->outcome->signature));
    CS_TRY(cs_buf_end(&der));
    struct cs_sha256 digest = cs_sha256(cs_buf_span(&der));
    cs_hex(cs_sha256_span(&digest), out);
    return CS_OK;
}

static bool is_short_lived(const struct cs_report_row *row)
{
    int64_t validity_s = row->not_after_unix_s - row->not_before_unix_s + 1;
    return validity_s <= (row->not_before_unix_s >= short_lived_from ? SHORT_LIVED_S : SHORT_LIVED_EARLIER_S);
}

static CS_RESULT fill(struct cs_gathering *g, const struct cs_scope_hit *hit, struct cs_report_row *row)
{
    const intent_t *m = hit->entry->intent;
    struct cs_span serial = cs_proto_span(m->serial);
    row->issued_unix_s = hit->entry->time_unix_us / 1000000;
    row->issuer = clean(g, m->issuer);
    row->account = clean(g, m->account);
    row->order = cs_clean_id(&g->report->arena, cs_proto_span(m->order_id));
    row->client = m->caller != NULL ? clean(g, m->caller->client) : "";
    row->api_version = m->caller != NULL ? clean(g, m->caller->api_version) : "";
    if (serial.len > 1 && serial.at[0] == 0)
        serial = cs_span_of(serial.at + 1, serial.len - 1);
    row->serial = cs_clean_hex(&g->report->arena, serial);
    row->issuer_dn = row->subject = row->organization = row->profile = "";
    row->dns_names = row->ip_addresses = row->first_name = "";
    if (hit->tbs != NULL)
        CS_TRY(put_tbs(g, hit->tbs, row));
    row->short_lived = hit->tbs != NULL && is_short_lived(row);
    if (cs_rows_has_account(g, row->account))
        return CS_OK;
    CS_TRY(cs_keymap_reserve(&g->accounts, 1));
    cs_keymap_put(&g->accounts, cs_keymap_hash(0, cs_span_str(row->account)),
                  (uint32_t)(row - g->report->row));
    g->report->n_accounts++;
    return CS_OK;
}

cs_result cs_rows_put(void *gathering, const struct cs_scope_hit *hit)
{
    struct cs_gathering *g = gathering;
    if (hit->entry->body_case != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT ||
        hit->result == CS_SCOPE_NOT_SIGNED)
        return CS_OK;
    const intent_t *m = hit->entry->intent;
    bool pre = m->kind == COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
    struct cs_report_row *row = find(g, cs_proto_span(m->pair_sha256));
    bool is_new = row == NULL;
    if (is_new && g->completing)
        return CS_OK;
    if (is_new)
        CS_TRY(add(g, cs_proto_span(m->pair_sha256), &row));
    uint64_t *seq = pre ? &row->precertificate_seq : &row->certificate_seq;
    if (*seq == hit->entry->seq)
        return CS_OK;
    *seq = hit->entry->seq;
    if (g->completing)
        g->report->n_completed++;
    else
        *(pre ? &row->matched_precertificate : &row->matched_certificate) = true;
    row->unknown |= hit->result != CS_SCOPE_SIGNED;
    CS_TRY(put_digest(g, hit, pre ? row->precertificate_sha256 : row->certificate_sha256));
    int64_t at = hit->entry->time_unix_us / 1000000;
    if (is_new) {
        CS_TRY(fill(g, hit, row));
        return put_relied(g, m, hit->tbs, row);
    }
    if (at < row->issued_unix_s)
        row->issued_unix_s = at;
    /* What stands behind the certificate is what its later half relied on. */
    return pre ? CS_OK : put_relied(g, m, hit->tbs, row);
}

/* ---- other halves ---- */

static CS_RESULT ask_chunk(struct cs_gathering *g, const struct cs_scope_selector *selector, uint32_t n)
{
    struct cs_scope_query q = { .selector = selector, .n_selectors = n };
    struct cs_scope_cover cover = { 0 };
    cs_result r = cs_scope_run(g->ask->ledger, &q, &g->ask->options, cs_rows_put, g, &cover, g->note);
    cs_scope_cover_done(&cover);
    return r;
}

CS_RESULT cs_rows_complete(struct cs_gathering *g)
{
    enum { CHUNK = 1000, SERIAL_MAX_LEN = 24 };
    static const uint8_t intents = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_scope_selector *selector = cs_arena_get(&arena, (CHUNK + 1) * sizeof *selector);
    uint8_t *serial = cs_arena_get(&arena, CHUNK * SERIAL_MAX_LEN);
    cs_result r = CS_OK;
    uint32_t n = 1;
    if (selector == NULL || serial == NULL)
        return CS_ERR(NO_MEMORY);
    selector[0] = (struct cs_scope_selector){ .fact = CS_FACT_KIND, .value = cs_span_of(&intents, 1) };
    g->completing = true;
    for (uint32_t i = 0; cs_ok(r) && i < g->report->n_rows; i++) {
        const struct cs_report_row *row = &g->report->row[i];
        uint8_t *at = serial + (n - 1) * SERIAL_MAX_LEN;
        size_t len = 0;
        if (row->precertificate_seq != 0 && row->certificate_seq != 0)
            continue;
        if (!cs_ok(cs_unhex(cs_span_str(row->serial), at + 1, SERIAL_MAX_LEN - 1, &len)) || len == 0)
            continue;
        at[0] = 0; /* the ledger has INTEGER content octets */
        struct cs_span octets = at[1] >= 0x80 ? cs_span_of(at, len + 1) : cs_span_of(at + 1, len);
        selector[n++] = (struct cs_scope_selector){ .fact = CS_FACT_SERIAL, .value = octets, .group = 1 };
        if (n == CHUNK + 1) {
            r = ask_chunk(g, selector, n);
            n = 1;
        }
    }
    if (cs_ok(r) && n > 1)
        r = ask_chunk(g, selector, n);
    g->completing = false;
    return r;
}
