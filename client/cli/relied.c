#include "client/cli/relied.h"

#include <stdlib.h>

#include "client/cli/pbjson.h"
#include "countersign/v1/envelope.pb-c.h"
#include "proto/canonical.h"
#include "proxy/gate/der/tbs.h"
#include "proxy/gate/selectors/stops.h"
#include "proxy/gate/evidence/evidence.h"
#include "proxy/gate/verdict/verdict.h"
#include "proxy/ledger/reader.h"
#include "proxy/scope/index.h"
#include "proxy/scope/query.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__Ledger__V1__Intent intent_t;

/* What is known of one envelope: which recalls withdraw it, as a row of indices. */
struct verdict_row {
    struct cs_sha256 digest;
    uint32_t n;
    uint32_t *recall; /* in the arena of the scan */
};

struct scan {
    struct cs_ledger_reader *reader;
    struct cs_note *note;
    const char *ledger;
    const struct cs_policy *policy; /* whose keys signed; NULL: header.attester alone is known */
    uint32_t at;                    /* recall that is asked for */
    uint64_t n_unreadable;
    struct cs_span only;      /* statement id; empty: all recalls */
    struct cs_stops *recalls; /* one set for each recall, so that each is asked for itself */
    uint32_t n_recalls, room_recalls;
    uint32_t *n_certificates; /* per recall */
    struct cs_keymap seen;    /* digest -> row */
    struct verdict_row *row;
    uint32_t n_rows, room_rows;
    struct cs_arena arena, scratch;
    json_t *certificates; /* array, by recall, then in order of the ledger */
};

static CS_RESULT statement_of(struct cs_span envelope, struct cs_arena *arena, struct cs_span *out_payload,
                              const Countersign__V1__Envelope **out_envelope,
                              const Countersign__V1__Statement **out)
{
    const ProtobufCMessage *m;
    CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, envelope, arena, &m));
    *out_envelope = (const Countersign__V1__Envelope *)(const void *)m;
    *out_payload = cs_proto_span((*out_envelope)->payload);
    CS_TRY(cs_proto_unpack(&countersign__v1__statement__descriptor, *out_payload, arena, &m));
    *out = (const Countersign__V1__Statement *)(const void *)m;
    return CS_OK;
}

/* The envelope's bytes must be those that the digest names. */
static CS_RESULT evidence_of(struct scan *s, struct cs_span digest, struct cs_span *out)
{
    struct cs_span there;
    CS_TRY(cs_ledger_reader_evidence(s->reader, digest, &there, s->note));
    struct cs_sha256 own = cs_sha256(there);
    if (!cs_span_eq(cs_sha256_span(&own), digest))
        return CS_ERR(STORE_CORRUPT);
    *out = cs_arena_span(&s->scratch, there);
    return out->len == there.len ? CS_OK : CS_ERR(NO_MEMORY);
}

/* ---- first pass: the recalls ---- */

static CS_RESULT add_recall(struct scan *s, const entry_t *e)
{
    const Countersign__Ledger__V1__Recall *m = e->recall;
    if (s->only.len != 0 && !cs_span_eq(s->only, cs_proto_span(m->statement_id)))
        return CS_OK;
    if (s->n_recalls == s->room_recalls) {
        uint32_t room = s->room_recalls != 0 ? s->room_recalls * 2 : 16;
        struct cs_stops *at = realloc(s->recalls, room * sizeof *at);
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        s->recalls = at;
        s->room_recalls = room;
    }
    struct cs_span envelope, payload;
    const Countersign__V1__Envelope *signed_by;
    const Countersign__V1__Statement *statement;
    cs_arena_reset(&s->scratch);
    CS_TRY(evidence_of(s, cs_proto_span(m->evidence_sha256), &envelope));
    CS_TRY(statement_of(envelope, &s->scratch, &payload, &signed_by, &statement));
    if (statement->body_case != COUNTERSIGN__V1__STATEMENT__BODY_RECALL)
        return CS_ERR(STORE_CORRUPT);
    struct cs_stop_event event = { .seq = e->seq,
                                   .at_unix_s = e->time_unix_us / 1000000,
                                   .reason = cs_proto_span(statement->recall->reason) };
    for (size_t i = 0; i < m->n_operators && i < CS_STOP_OPERATORS_MAX; i++)
        event.operator[event.n_operators++] = cs_proto_span(m->operators[i]);
    s->recalls[s->n_recalls] = (struct cs_stops){ 0 };
    CS_TRY(cs_stops_place(&s->recalls[s->n_recalls], payload, &event, NULL));
    s->n_recalls++;
    return CS_OK;
}

static cs_result visit_recall(void *ctx, const struct cs_scope_hit *hit)
{
    return add_recall(ctx, hit->entry);
}

/* ---- second pass: who relied on what ---- */

/* All whose keys signed it, as today's policy has their keys. */
static CS_RESULT signers_of(struct scan *s, const Countersign__V1__Envelope *e, struct cs_spans *out)
{
    CS_AUTO_BUF struct cs_buf pae = { 0 };
    if (s->policy == NULL)
        return CS_OK;
    struct cs_span *names = cs_arena_get(&s->scratch, (e->n_signatures + 1) * sizeof *names);
    cs_dsse_pae(&pae, cs_span_str(e->payload_type), cs_proto_span(e->payload));
    CS_TRY(cs_buf_end(&pae));
    if (names == NULL)
        return CS_ERR(NO_MEMORY);
    out->at = names;
    for (size_t i = 0; i < e->n_signatures; i++)
        for (uint32_t k = 0; k < s->policy->n_attesters; k++) {
            const struct cs_attester *t = &s->policy->attester[k];
            if (!cs_dsse_verify(t->key, t->algorithm, cs_buf_span(&pae),
                                cs_proto_span(e->signatures[i]->sig)))
                continue;
            names[out->n++] = t->name;
            break;
        }
    return CS_OK;
}

static CS_RESULT judge_evidence(struct scan *s, struct cs_span digest, struct verdict_row *out)
{
    struct cs_span envelope, payload;
    struct cs_attested a = { 0 };
    const Countersign__V1__Envelope *signed_by;
    cs_arena_reset(&s->scratch);
    CS_TRY(evidence_of(s, digest, &envelope));
    CS_TRY(statement_of(envelope, &s->scratch, &payload, &signed_by, &a.statement));
    CS_TRY(signers_of(s, signed_by, &a.attesters));
    a.payload_sha256 = cs_sha256(payload);
    out->n = 0;
    out->recall = cs_arena_get(&s->arena, (s->n_recalls + 1) * sizeof *out->recall);
    if (out->recall == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < s->n_recalls; i++)
        if (cs_stops_on_evidence(&s->recalls[i], &a) != NULL)
            out->recall[out->n++] = i;
    memcpy(out->digest.byte, digest.at, sizeof out->digest.byte);
    return CS_OK;
}

static CS_RESULT row_of(struct scan *s, struct cs_span digest, const struct verdict_row **out)
{
    uint64_t hash = cs_keymap_hash(0, digest);
    uint32_t at = UINT32_MAX, i;
    while (cs_keymap_next(&s->seen, hash, &at, &i))
        if (cs_span_eq(cs_sha256_span(&s->row[i].digest), digest)) {
            *out = &s->row[i];
            return CS_OK;
        }
    if (s->n_rows == s->room_rows) {
        uint32_t room = s->room_rows != 0 ? s->room_rows * 2 : 256;
        struct verdict_row *rows = realloc(s->row, room * sizeof *rows);
        if (rows == NULL)
            return CS_ERR(NO_MEMORY);
        s->row = rows;
        s->room_rows = room;
    }
    CS_TRY(cs_keymap_reserve(&s->seen, 1));
    CS_TRY(judge_evidence(s, digest, &s->row[s->n_rows]));
    cs_keymap_put(&s->seen, hash, s->n_rows);
    *out = &s->row[s->n_rows++];
    return CS_OK;
}

static json_t *names_of(struct cs_span tbs, struct cs_arena *arena)
{
    json_t *names = json_array();
    struct cs_tbs *t = cs_arena_get(arena, sizeof *t);
    if (t == NULL || !cs_ok(cs_tbs_parse(tbs, t, NULL)))
        return names;
    for (uint32_t i = 0; i < t->n_names; i++) {
        const char *shown = t->name[i].tag == CS_SAN_IP ? cs_show_ip(arena, t->name[i].value)
                                                        : cs_show_text(arena, t->name[i].value);
        json_array_append_new(names, json_string(shown));
    }
    return names;
}

static json_t *text_of(ProtobufCBinaryData b)
{
    return cs_bytes_write(CS_BYTES_TEXT, cs_proto_span(b));
}

static CS_RESULT put_row(struct scan *s, const struct cs_scope_hit *hit, json_t *evidence)
{
    const entry_t *e = hit->entry;
    uint32_t recall = s->at;
    const intent_t *m = e->intent;
    const struct cs_stop *r = s->recalls[recall].stop[0];
    bool pre = m->kind == COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
    cs_arena_reset(&s->scratch);
    json_t *row =
        json_pack("{s:o, s:I, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "recall",
                  cs_cli_hex(cs_proto_span(r->statement->header->statement_id)), "entry", (json_int_t)e->seq,
                  "at", cs_cli_time(e->time_unix_us / 1000000), "kind",
                  pre ? "precertificate" : "certificate", "result",
                  hit->result == CS_SCOPE_SIGNED ? "signed"
                  : hit->result == CS_SCOPE_OPEN ? "open"
                                                 : "unknown",
                  "issuer", text_of(m->issuer), "serial", cs_cli_hex(cs_proto_span(m->serial)), "names",
                  names_of(cs_proto_span(m->tbs), &s->scratch), "account", text_of(m->account), "order_id",
                  text_of(m->order_id), "evidence_sha256s", evidence);
    if (row == NULL || json_array_append_new(s->certificates, row) != 0)
        return CS_ERR(NO_MEMORY);
    s->n_certificates[recall]++;
    return CS_OK;
}

/* The scope query finds what may match; the gate's matcher decides, statement by statement. */
static cs_result visit_intent(void *ctx, const struct cs_scope_hit *hit)
{
    struct scan *s = ctx;
    const intent_t *m = hit->entry->intent;
    json_t *evidence = json_array();
    cs_result r = evidence != NULL ? CS_OK : CS_ERR(NO_MEMORY);
    for (size_t i = 0; i < m->n_evidence_sha256s && cs_ok(r); i++) {
        const struct verdict_row *row = NULL;
        r = row_of(s, cs_proto_span(m->evidence_sha256s[i]), &row);
        for (uint32_t k = 0; cs_ok(r) && k < row->n; k++)
            if (row->recall[k] == s->at)
                json_array_append_new(evidence, cs_cli_hex(cs_proto_span(m->evidence_sha256s[i])));
    }
    if (cs_ok(r) && json_array_size(evidence) != 0)
        return put_row(s, hit, evidence);
    json_decref(evidence);
    return r;
}

/* ---- candidates: fields of the selector that are facts of the index; each is needed by the matcher too ----
 */

struct choosing {
    struct cs_scope_selector selector[CS_SCOPE_SELECTORS_MAX];
    uint8_t octet[CS_SCOPE_SELECTORS_MAX]; /* values of enums */
    uint32_t n;
    uint8_t group;
};

static void choose(struct choosing *c, enum cs_fact fact, struct cs_span value)
{
    c->selector[c->n++] = (struct cs_scope_selector){ .fact = fact, .value = value, .group = c->group };
}

static void choose_octet(struct choosing *c, enum cs_fact fact, int value)
{
    c->octet[c->n] = (uint8_t)value;
    choose(c, fact, cs_span_of(&c->octet[c->n], 1));
}

/* A list that is too long does not narrow the question; the matcher asks for it anyway. */
static void choose_bytes(struct choosing *c, enum cs_fact fact, size_t n, const ProtobufCBinaryData *at)
{
    c->group++;
    for (size_t i = 0; i < n && n <= CS_SCOPE_SELECTORS_MAX - c->n + i; i++)
        choose(c, fact, cs_proto_span(at[i]));
}

static void choose_all(struct choosing *c, const Countersign__V1__EvidenceSelector *m, bool cosigners)
{
    choose_octet(c, CS_FACT_KIND, COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT);
    choose_bytes(c, CS_FACT_STATEMENT, m->n_statement_ids, m->statement_ids);
    choose_bytes(c, CS_FACT_PAYLOAD, m->n_payload_sha256s, m->payload_sha256s);
    if (!cosigners) /* the index knows the one that the statement names */
        choose_bytes(c, CS_FACT_ATTESTER, m->n_attesters, m->attesters);
    choose_bytes(c, CS_FACT_PERSPECTIVE, m->n_perspective_ids, m->perspective_ids);
    c->group++;
    for (size_t i = 0; i < m->n_methods && m->n_methods <= CS_SCOPE_SELECTORS_MAX - c->n + i; i++)
        choose_octet(c, CS_FACT_METHOD, (int)m->methods[i]);
    c->group++;
    if (m->role != 0 && c->n < CS_SCOPE_SELECTORS_MAX)
        choose_octet(c, CS_FACT_ROLE, (int)m->role);
    choose_bytes(c, CS_FACT_SOFTWARE, m->software_name.len != 0, &m->software_name);
    choose_bytes(c, CS_FACT_RECORD, m->organization_record_id.len != 0, &m->organization_record_id);
}

static CS_RESULT ask(struct scan *s, const struct cs_scope_selector *selector, uint32_t n, uint32_t results,
                     cs_scope_visit visit, struct cs_scope_cover *out)
{
    const struct cs_scope_query q = { .selector = selector, .n_selectors = n, .results = results };
    const struct cs_scope_options o = { 0 };
    return cs_scope_run(s->ledger, &q, &o, visit, s, out, s->note);
}

static CS_RESULT find_recalls(struct scan *s)
{
    const uint8_t kind = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL;
    const struct cs_scope_selector selector = { .fact = CS_FACT_KIND, .value = { &kind, 1 } };
    struct cs_scope_cover cover = { 0 };
    CS_TRY(ask(s, &selector, 1, 0, visit_recall, &cover));
    cs_scope_cover_done(&cover);
    return CS_OK;
}

static CS_RESULT find_relied(struct scan *s, uint32_t recall)
{
    struct cs_scope_cover cover = { 0 };
    struct choosing *c = calloc(1, sizeof *c);
    if (c == NULL)
        return CS_ERR(NO_MEMORY);
    s->at = recall;
    choose_all(c, s->recalls[recall].stop[0]->statement->recall->selector, s->policy != NULL);
    /* what was certainly not signed is no certificate */
    cs_result r =
        ask(s, c->selector, c->n, CS_SCOPE_SIGNED | CS_SCOPE_UNKNOWN | CS_SCOPE_OPEN, visit_intent, &cover);
    s->n_unreadable += cover.unreadable;
    cs_scope_cover_done(&cover);
    free(c);
    return r;
}

static json_t *recalls_of(const struct scan *s)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < s->n_recalls; i++) {
        const struct cs_stop *r = s->recalls[i].stop[0];
        json_t *operators = json_array();
        for (uint32_t k = 0; k < r->placed.n_operators; k++)
            json_array_append_new(operators, cs_bytes_write(CS_BYTES_TEXT, r->placed.operator[k]));
        json_array_append_new(all,
                              json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:I}", "statement_id",
                                        cs_cli_hex(cs_proto_span(r->statement->header->statement_id)),
                                        "entry", (json_int_t)r->placed.seq, "at",
                                        cs_cli_time(r->placed.at_unix_s), "operators", operators, "reason",
                                        cs_bytes_write(CS_BYTES_TEXT, r->placed.reason), "selector",
                                        cs_pbjson_write(&r->statement->recall->selector->base, false),
                                        "n_certificates", (json_int_t)s->n_certificates[i]));
    }
    return all;
}

/* An index that cannot be brought up to date only makes it slower. */
static CS_RESULT bring_up_to_date(struct scan *s)
{
    struct cs_scope_index_report report;
    cs_result r = cs_scope_index_update(s->ledger, NULL, NULL, NULL, &report, s->note);
    return cs_is(r, CS_NUM_IO) || cs_is(r, CS_NUM_AGAIN) ? CS_OK : r;
}

static CS_RESULT scan_all(struct scan *s, json_t **out)
{
    CS_TRY(cs_ledger_reader_open(s->ledger, &s->reader, s->note));
    CS_TRY(bring_up_to_date(s));
    CS_TRY(find_recalls(s));
    if (s->only.len != 0 && s->n_recalls == 0) {
        cs_note_set(s->note, "no recall of the ledger has this id");
        return CS_ERR(NOT_FOUND);
    }
    s->n_certificates = calloc(s->n_recalls + 1, sizeof *s->n_certificates);
    if (s->n_certificates == NULL)
        return CS_ERR(NO_MEMORY);
    for (uint32_t i = 0; i < s->n_recalls; i++)
        CS_TRY(find_relied(s, i));
    *out = json_pack("{s:o, s:O, s:I, s:b}", "recalls", recalls_of(s), "certificates", s->certificates,
                     "n_unreadable", (json_int_t)s->n_unreadable, "cosigners_known", s->policy != NULL);
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

CS_RESULT cs_relied_list(const char *ledger, const struct cs_policy *policy, struct cs_span recall_id,
                         json_t **out, struct cs_note *note)
{
    struct scan s = {
        .note = note, .ledger = ledger, .policy = policy, .only = recall_id, .certificates = json_array()
    };
    cs_result r = scan_all(&s, out);
    for (uint32_t i = 0; i < s.n_recalls; i++)
        cs_stops_done(&s.recalls[i]);
    free(s.recalls);
    free(s.n_certificates);
    free(s.row);
    cs_keymap_done(&s.seen);
    cs_arena_done(&s.arena);
    cs_arena_done(&s.scratch);
    json_decref(s.certificates);
    cs_ledger_reader_close(s.reader);
    return r;
}

/* ---- printing ---- */

/* A field in quotes, as its text may hold commas; formulas do not start a cell (spreadsheets run them). */
static void csv_field(FILE *out, const char *text, bool last)
{
    fputc('"', out);
    if (text[0] != '\0' && strchr("=+-@", text[0]) != NULL)
        fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputs(last ? "\"\r\n" : "\",", out);
}

static const char *const columns[] = { "entry",  "at",    "result",  "kind",     "issuer",
                                       "serial", "names", "account", "order_id", "recall" };
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* Text, number or list of texts of one cell; objects ({"hex": ..}) as their only member. */
static const char *cell(const json_t *row, const char *column, struct cs_buf *room)
{
    const json_t *v = json_object_get(row, column);
    const json_t *hex = json_is_object(v) ? json_object_get(v, "hex") : NULL;
    cs_buf_reset(room);
    if (json_is_integer(v))
        cs_buf_printf(room, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_string(v) || hex != NULL)
        cs_buf_put_str(room, json_string_value(hex != NULL ? hex : v));
    for (size_t i = 0; i < json_array_size(v); i++)
        cs_buf_printf(room, "%s%s", i != 0 ? " " : "", json_string_value(json_array_get(v, i)));
    cs_buf_put_u8(room, 0);
    return room->failed ? "" : (const char *)room->at;
}

static void print_csv(FILE *out, const json_t *rows)
{
    CS_AUTO_BUF struct cs_buf room = { 0 };
    for (int c = 0; c < N_COLUMNS; c++)
        csv_field(out, columns[c], c + 1 == N_COLUMNS);
    for (size_t i = 0; i < json_array_size(rows); i++)
        for (int c = 0; c < N_COLUMNS; c++)
            csv_field(out, cell(json_array_get(rows, i), columns[c], &room), c + 1 == N_COLUMNS);
}

static void print_table(struct cs_cli *cli, const json_t *list)
{
    CS_AUTO_BUF struct cs_buf room = { 0 };
    const json_t *recalls = json_object_get(list, "recalls"), *rows = json_object_get(list, "certificates");
    for (size_t i = 0; i < json_array_size(recalls); i++) {
        const json_t *r = json_array_get(recalls, i);
        fprintf(cli->out, "%srecall %s%s, ", cs_cli_bold(cli), cell(r, "statement_id", &room),
                cs_cli_plain(cli));
        fprintf(cli->out, "ledger entry %s, ", cell(r, "entry", &room));
        fprintf(cli->out, "%s by ", cell(r, "at", &room));
        cs_cli_text(cli->out, cs_span_str(cell(r, "operators", &room)));
        fputs(": ", cli->out);
        cs_cli_text(cli->out, cs_span_str(cell(r, "reason", &room)));
        fprintf(cli->out, "\n  %s certificates relied on what it withdrew\n",
                cell(r, "n_certificates", &room));
    }
    if (json_integer_value(json_object_get(list, "n_unreadable")) != 0)
        fprintf(cli->out, "  evidence of %s more could not be read: they may belong to it\n",
                cell(list, "n_unreadable", &room));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        for (int c = 0; c + 1 < N_COLUMNS; c++) {
            fputs(c != 0 ? "  " : "", cli->out);
            cs_cli_text(cli->out, cs_span_str(cell(row, columns[c], &room)));
        }
        fputs("\n", cli->out);
    }
}

int cs_relied_print(struct cs_cli *cli, const struct cs_args *args, json_t *list)
{
    if (cs_arg_has(args, "json"))
        return cs_cli_json(cli, list, CS_EXIT_DONE);
    if (cs_arg_has(args, "csv"))
        print_csv(cli->out, json_object_get(list, "certificates"));
    else
        print_table(cli, list);
    json_decref(list);
    return CS_EXIT_DONE;
}
