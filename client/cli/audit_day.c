#include "client/cli/audit_day.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "client/cli/ledger_progress.h"
#include "client/cli/pbjson.h"
#include "countersign/v1/envelope.pb-c.h"
#include "countersign/v1/statement.pb-c.h"
#include "proto/canonical.h"
#include "proxy/gate/der/tbs.h"
#include "proxy/gate/verdict/verdict.h"
#include "proxy/ledger/past.h"
#include "proxy/policy/names.h"
#include "proxy/tlog/checkpoint.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__Ledger__V1__Caller caller_t;

enum { DAY_S = 86400, PROGRESS_EVERY = 256, SAMPLE_PERCENT = 3 };

struct unit {
    struct cs_sha256 rank;
    uint64_t seq;
};

struct reading {
    struct cs_cli *cli;
    struct cs_ledger *past; /* behind the last entry */
    int64_t from_unix_us, to_unix_us;
    uint64_t last_of_day, last;
    struct unit *unit;
    size_t n_units, room_units;
    struct cs_audit_serials serials;
    json_t *approvals, *refusals, *events, *counts;
    json_t *sample, *by_kind, *seed; /* of the document */
    json_t *seen;                    /* digests of approvals that were listed */
    struct cs_arena arena;
};

static json_t *text(ProtobufCBinaryData b)
{
    return cs_bytes_write(CS_BYTES_TEXT, cs_proto_span(b));
}

static CS_RESULT append(json_t *list, json_t *row)
{
    return row != NULL && json_array_append_new(list, row) == 0 ? CS_OK : CS_ERR(NO_MEMORY);
}

/* ---- evidence ---- */

/* NULL when it is not in the store. */
static CS_RESULT statement_of(struct reading *w, ProtobufCBinaryData digest,
                              const Countersign__V1__Statement **out)
{
    struct cs_sha256 d;
    struct cs_span envelope;
    const ProtobufCMessage *m;
    *out = NULL;
    if (digest.len != sizeof d.byte)
        return CS_ERR(STORE_CORRUPT);
    memcpy(d.byte, digest.data, sizeof d.byte);
    cs_result r = cs_ledger_evidence_get(w->past, &d, &w->arena, &envelope);
    if (cs_is(r, CS_NUM_NOT_FOUND))
        return CS_OK;
    CS_TRY(r);
    CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, envelope, &w->arena, &m));
    struct cs_span payload = cs_proto_span(((const Countersign__V1__Envelope *)(const void *)m)->payload);
    CS_TRY(cs_proto_unpack(&countersign__v1__statement__descriptor, payload, &w->arena, &m));
    *out = (const Countersign__V1__Statement *)(const void *)m;
    return CS_OK;
}

static const char *decision_name(int decision)
{
    return decision == COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE  ? "approve"
           : decision == COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_REJECT ? "reject"
                                                                                      : "withdraw";
}

static CS_RESULT add_if_approval(struct reading *w, const entry_t *e, const char *where,
                                 ProtobufCBinaryData digest, const char **out_profile)
{
    const Countersign__V1__Statement *s;
    CS_TRY(statement_of(w, digest, &s));
    if (s != NULL && s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_ORDER && out_profile != NULL)
        *out_profile = cs_profile_name((int)s->order->profile);
    if (s == NULL || s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL)
        return CS_OK;
    const char *hex = cs_show_hex(&w->arena, cs_proto_span(digest));
    if (json_object_get(w->seen, hex) != NULL)
        return CS_OK; /* each once, where the day first shows it */
    json_object_set_new(w->seen, hex, json_true());
    const Countersign__V1__Approval *a = s->approval;
    return append(w->approvals,
                  json_pack("{s:I, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "entry", (json_int_t)e->seq,
                            "at", cs_cli_time(e->time_unix_us / 1000000), "seen", where, "decision",
                            decision_name((int)a->decision), "person", text(a->person), "attester",
                            text(s->header->attester), "account", text(s->header->account), "order_id",
                            text(a->order_id), "reason", text(a->reason), "evidence_sha256", hex));
}

/* ---- entries ---- */

static void count(struct reading *w, const caller_t *c, const char *profile, const char *what)
{
    const char *key =
        cs_arena_printf(&w->arena, "%s\t%s\t%s", cs_show_text(&w->arena, cs_proto_span(c->client)),
                        cs_show_text(&w->arena, cs_proto_span(c->api_version)), profile);
    json_t *row = json_object_get(w->counts, key);
    if (row == NULL) {
        row = json_pack("{s:o, s:o, s:s, s:i, s:i}", "client", text(c->client), "api_version",
                        text(c->api_version), "profile", profile, "admitted", 0, "refused", 0);
        json_object_set_new(w->counts, key, row);
    }
    json_object_set_new(row, what, json_integer(json_integer_value(json_object_get(row, what)) + 1));
}

static CS_RESULT add_unit(struct reading *w, uint64_t seq)
{
    if (w->n_units == w->room_units) {
        size_t room = w->room_units != 0 ? w->room_units * 2 : 256;
        struct unit *at = realloc(w->unit, room * sizeof *at);
        if (at == NULL)
            return CS_ERR(NO_MEMORY);
        w->unit = at;
        w->room_units = room;
    }
    w->unit[w->n_units++] = (struct unit){ .seq = seq };
    return CS_OK;
}

static CS_RESULT on_intent(struct reading *w, const entry_t *e)
{
    const Countersign__Ledger__V1__Intent *m = e->intent;
    const char *profile = "";
    for (size_t i = 0; i < m->n_evidence_sha256s; i++)
        CS_TRY(add_if_approval(w, e, "with a certificate", m->evidence_sha256s[i], &profile));
    count(w, m->caller, profile, "admitted");
    struct cs_use use;
    CS_TRY(cs_ledger_serial_get(w->past, cs_proto_span(m->issuer), cs_proto_span(m->serial), &use));
    uint64_t first = use.precertificate_seq;
    if (first == 0 || (use.certificate_seq != 0 && use.certificate_seq < first))
        first = use.certificate_seq;
    if (first != e->seq)
        return CS_OK; /* not signed, or a certificate of an earlier intent */
    cs_audit_serials_add(&w->serials, cs_proto_span(m->serial));
    return add_unit(w, e->seq);
}

static CS_RESULT on_refusal(struct reading *w, const entry_t *e)
{
    const Countersign__Ledger__V1__Refusal *m = e->refusal;
    const char *profile = "";
    json_t *reasons = json_array();
    for (size_t i = 0; i < m->n_evidence_sha256s; i++)
        CS_TRY(add_if_approval(w, e, "with a refused request", m->evidence_sha256s[i], &profile));
    for (size_t i = 0; i < m->n_reasons; i++)
        json_array_append_new(reasons,
                              json_pack("{s:o, s:o, s:o, s:o}", "rule", text(m->reasons[i]->rule), "subject",
                                        text(m->reasons[i]->subject), "found", text(m->reasons[i]->found),
                                        "needed", text(m->reasons[i]->needed)));
    count(w, m->caller, profile, "refused");
    return append(w->refusals,
                  json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I}", "entry",
                            (json_int_t)e->seq, "at", cs_cli_time(e->time_unix_us / 1000000), "client",
                            text(m->caller->client), "api_version", text(m->caller->api_version), "rpc",
                            text(m->caller->rpc), "account", text(m->account), "order_id", text(m->order_id),
                            "tbs_sha256", cs_cli_hex(cs_proto_span(m->tbs_sha256)), "total_reasons",
                            (json_int_t)m->total_reasons, "reasons", reasons, "not_recorded_before",
                            (json_int_t)m->n_untold));
}

static CS_RESULT add_event(struct reading *w, const entry_t *e, const char *kind, const char *what)
{
    return append(w->events, json_pack("{s:I, s:o, s:s, s:s}", "entry", (json_int_t)e->seq, "at",
                                       cs_cli_time(e->time_unix_us / 1000000), "kind", kind, "what", what));
}

static const char *people(struct reading *w, size_t n, const ProtobufCBinaryData *names)
{
    const char *all = "";
    for (size_t i = 0; i < n; i++)
        all = cs_arena_printf(&w->arena, "%s%s%s", all, i != 0 ? ", " : "",
                              cs_show_text(&w->arena, cs_proto_span(names[i])));
    return all;
}

static CS_RESULT on_stop(struct reading *w, const entry_t *e)
{
    bool hold = e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD;
    const Countersign__V1__Statement *s;
    CS_TRY(statement_of(w, hold ? e->hold->evidence_sha256 : e->recall->evidence_sha256, &s));
    ProtobufCBinaryData none = { 0 }, reason = none;
    if (s != NULL && s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_HOLD)
        reason = s->hold->reason;
    else if (s != NULL && s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_RECALL)
        reason = s->recall->reason;
    const char *id = hold ? cs_show_text(&w->arena, cs_proto_span(e->hold->hold_id))
                          : cs_show_hex(&w->arena, cs_proto_span(e->recall->statement_id));
    const char *who = hold ? people(w, e->hold->n_operators, e->hold->operators)
                           : people(w, e->recall->n_operators, e->recall->operators);
    const char *kind = !hold ? "recall"
                       : e->hold->action == COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_LIFTED
                           ? "hold lifted"
                           : "hold placed";
    return add_event(w, e, kind,
                     cs_arena_printf(&w->arena, "%s by %s: %s", id, who,
                                     cs_show_text(&w->arena, cs_proto_span(reason))));
}

static CS_RESULT on_other(struct reading *w, const entry_t *e)
{
    struct cs_arena *a = &w->arena;
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        return on_stop(w, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_POLICY:
        return add_event(w, e, "policy",
                         cs_arena_printf(a, "version %llu, sha256 %s", (unsigned long long)e->policy->version,
                                         cs_show_hex(a, cs_proto_span(e->policy->policy_sha256))));
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HSM_EVENT:
        return add_event(w, e, "hsm",
                         cs_arena_printf(a, "signer %u %s, ck_rv 0x%llx: %s", e->hsm_event->signer,
                                         e->hsm_event->state ==
                                                 COUNTERSIGN__LEDGER__V1__HSM_STATE__HSM_STATE_READY
                                             ? "ready"
                                             : "lost",
                                         (unsigned long long)e->hsm_event->ck_rv,
                                         cs_show_text(a, cs_proto_span(e->hsm_event->text))));
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_START:
        return add_event(w, e, "start",
                         cs_arena_printf(a, "version %s",
                                         cs_show_text(a, cs_proto_span(e->start->software_version))));
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_STOP:
        return add_event(w, e, "stop", cs_show_text(a, cs_proto_span(e->stop->reason)));
    default:
        return CS_OK;
    }
}

static cs_result visit(void *ctx, const entry_t *e, struct cs_span bytes)
{
    struct reading *w = ctx;
    (void)bytes;
    if (e->seq % PROGRESS_EVERY == 0 || e->seq == w->last)
        cs_cli_progress(w->cli, e->seq, w->last);
    if (e->time_unix_us < w->from_unix_us || e->time_unix_us >= w->to_unix_us)
        return CS_OK;
    w->last_of_day = e->seq;
    cs_arena_reset(&w->arena);
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return on_intent(w, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        return on_refusal(w, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        return add_if_approval(w, e, "deposited", e->deposit->evidence_sha256, NULL);
    default:
        return on_other(w, e);
    }
}

/* ---- the sample ---- */

static CS_RESULT seed_of(struct reading *w, struct cs_span given, struct cs_sha256 *out, json_t **out_json,
                         struct cs_note *note)
{
    struct cs_span text_of_note = given;
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    struct cs_ledger_head head;
    uint64_t size;
    const char *source = "the checkpoint that was given";
    cs_ledger_head_get(w->past, &head);
    if (given.len == 0) {
        source = "the first kept checkpoint that covers the day";
        cs_result r = cs_ledger_past_checkpoint(w->past, w->last_of_day, &w->arena, &size, &text_of_note);
        if (cs_is(r, CS_NUM_NOT_FOUND)) {
            *out = head.root;
            *out_json = json_pack("{s:s, s:I, s:o}", "source",
                                  "the head of the ledger: no kept checkpoint covers the day", "size",
                                  (json_int_t)head.size, "root_sha256", cs_cli_hex(cs_sha256_span(out)));
            return CS_OK;
        }
        CS_TRY(r);
    }
    if (!cs_ok(cs_tlog_note_parse(text_of_note, &n)) || !cs_ok(cs_tlog_checkpoint_parse(n.text, &c))) {
        cs_note_set(note, "the checkpoint is not a signed note of a log");
        return given.len != 0 ? CS_ERR(ARGUMENT) : CS_ERR(STORE_CORRUPT);
    }
    if (c.size < w->last_of_day || c.size > head.size) {
        cs_note_set(note, "the checkpoint is of %llu entries; needed %llu to %llu",
                    (unsigned long long)c.size, (unsigned long long)w->last_of_day,
                    (unsigned long long)head.size);
        return CS_ERR(ARGUMENT);
    }
    *out = c.root;
    *out_json = json_pack("{s:s, s:I, s:o}", "source", source, "size", (json_int_t)c.size, "root_sha256",
                          cs_cli_hex(cs_sha256_span(out)));
    return CS_OK;
}

static int by_rank(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct cs_sha256));
}

static CS_RESULT sample_row(struct reading *w, const struct unit *u, json_t *rows)
{
    struct cs_span bytes;
    const ProtobufCMessage *p;
    cs_arena_reset(&w->arena);
    CS_TRY(cs_ledger_entry_get(w->past, u->seq, &w->arena, &bytes));
    CS_TRY(cs_proto_unpack(&countersign__ledger__v1__entry__descriptor, bytes, &w->arena, &p));
    const entry_t *e = (const entry_t *)(const void *)p;
    const Countersign__Ledger__V1__Intent *m = e->intent;
    struct cs_tbs *t = cs_arena_get(&w->arena, sizeof *t);
    if (t == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_tbs_parse(cs_proto_span(m->tbs), t, NULL));
    json_t *names = json_array();
    for (uint32_t i = 0; i < t->n_names; i++)
        json_array_append_new(names, json_string(t->name[i].tag == CS_SAN_IP
                                                     ? cs_show_ip(&w->arena, t->name[i].value)
                                                     : cs_show_text(&w->arena, t->name[i].value)));
    return append(rows,
                  json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "entry", (json_int_t)u->seq,
                            "at", cs_cli_time(e->time_unix_us / 1000000), "issuer", text(m->issuer), "serial",
                            cs_cli_hex(cs_proto_span(m->serial)), "names", names, "client",
                            text(m->caller->client), "account", text(m->account), "order_id",
                            text(m->order_id), "rank", cs_cli_hex(cs_sha256_span(&u->rank))));
}

static CS_RESULT draw(struct reading *w, const struct cs_sha256 *seed, json_t *rows)
{
    for (size_t i = 0; i < w->n_units; i++) {
        char seq[24];
        unsigned len = sizeof w->unit[i].rank.byte;
        int n = snprintf(seq, sizeof seq, "%llu", (unsigned long long)w->unit[i].seq);
        if (HMAC(EVP_sha256(), seed->byte, sizeof seed->byte, (const unsigned char *)seq, (size_t)n,
                 w->unit[i].rank.byte, &len) == NULL)
            return CS_ERR(NO_MEMORY);
    }
    if (w->n_units != 0)
        qsort(w->unit, w->n_units, sizeof *w->unit, by_rank);
    size_t n_drawn = (w->n_units * SAMPLE_PERCENT + 99) / 100; /* at least one of any */
    for (size_t i = 0; i < n_drawn; i++)
        CS_TRY(sample_row(w, &w->unit[i], rows));
    return CS_OK;
}

static CS_RESULT read_day(struct reading *w, const char *ledger, struct cs_span checkpoint, json_t **out,
                          struct cs_note *note)
{
    struct cs_ledger_head head;
    struct cs_sha256 seed;
    json_t *row;
    const char *key;
    CS_TRY(cs_ledger_open_past(ledger, &w->past, note));
    cs_ledger_head_get(w->past, &head);
    w->last = head.size;
    CS_TRY(cs_ledger_past_set(w->past, head.size + 1));
    if (head.size != 0)
        CS_TRY(cs_ledger_each(ledger, 1, head.size, visit, w, note));
    CS_TRY(seed_of(w, checkpoint, &seed, &w->seed, note));
    CS_TRY(draw(w, &seed, w->sample));
    json_object_foreach(w->counts, key, row) json_array_append(w->by_kind, row);
    *out = json_pack("{s:I, s:I, s:I, s:O, s:O, s:o, s:O, s:O, s:O, s:O}", "entries_of_ledger",
                     (json_int_t)head.size, "last_entry_of_day", (json_int_t)w->last_of_day, "certificates",
                     (json_int_t)w->n_units, "seed", w->seed, "counts", w->by_kind, "serials",
                     cs_audit_serials_json(&w->serials), "approvals", w->approvals, "refusals", w->refusals,
                     "events", w->events, "sample", w->sample);
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

CS_RESULT cs_audit_day_read(const char *ledger, int64_t day_unix_s, struct cs_span checkpoint,
                            struct cs_cli *cli, json_t **out, struct cs_note *note)
{
    struct reading w = { .cli = cli,
                         .from_unix_us = day_unix_s * 1000000,
                         .to_unix_us = (day_unix_s + DAY_S) * 1000000,
                         .approvals = json_array(),
                         .refusals = json_array(),
                         .events = json_array(),
                         .sample = json_array(),
                         .by_kind = json_array(),
                         .counts = json_object(),
                         .seen = json_object() };
    cs_result r = read_day(&w, ledger, checkpoint, out, note);
    json_decref(w.approvals);
    json_decref(w.refusals);
    json_decref(w.events);
    json_decref(w.sample);
    json_decref(w.by_kind);
    json_decref(w.seed);
    json_decref(w.counts);
    json_decref(w.seen);
    cs_ledger_close(w.past);
    cs_arena_done(&w.arena);
    free(w.unit);
    return r;
}
