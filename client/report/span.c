#include <stdlib.h>

#include "client/report/gather.h"
#include "client/report/text.h"
#include "proto/canonical.h"

typedef Countersign__Ledger__V1__Entry entry_t;

enum { DAY_S = 86400, DAYS_MAX = 36600, RULES_TEXT = 8, BEFORE_DAYS = 7 };
static const int64_t us_per_s = 1000000;

/* An intent whose outcome was not met yet. */
struct open_intent {
    uint64_t seq;
    uint32_t day, pair;
};

struct reading {
    struct cs_gathering *g;
    struct cs_keymap pairs; /* pair_sha256 -> how many intents of it count */
    uint32_t *alive;
    uint32_t n_pairs, room_pairs;
    struct open_intent *open;
    uint32_t n_open, room_open;
    struct cs_sha256 policy; /* seen last */
    bool has_policy;
    uint32_t group_event; /* of the running group of refusals: its number */
    int64_t group_unix_s;
    const char *refusal_account, *refusal_rules;
    int64_t refusal_day;
    uint32_t n_group;
    uint64_t last_seq, first_seq;
};

static CS_RESULT put_event(struct cs_report *r, const struct cs_report_event *e)
{
    if (r->n_events == CS_REPORT_EVENTS_MAX) {
        r->n_events_left_out++;
        return CS_OK;
    }
    if (r->n_events == r->room_events) {
        uint32_t room = r->room_events != 0 ? r->room_events * 2 : 32;
        struct cs_report_event *more = reallocarray(r->event, room, sizeof *more);
        if (more == NULL)
            return CS_ERR(NO_MEMORY);
        r->event = more;
        r->room_events = room;
    }
    r->event[r->n_events++] = *e;
    return CS_OK;
}

/* ---- issuance by day ---- */

static CS_RESULT day_at(struct cs_report *r, int64_t unix_s, uint32_t *out)
{
    int64_t day = unix_s / DAY_S - r->first_day;
    if (day < 0 || day >= DAYS_MAX)
        return CS_ERR(STORE_CORRUPT);
    if (day >= r->n_days) {
        uint32_t n = (uint32_t)day + 1;
        struct cs_report_day *more = reallocarray(r->day, n, sizeof *more);
        if (more == NULL)
            return CS_ERR(NO_MEMORY);
        memset(more + r->n_days, 0, (n - r->n_days) * sizeof *more);
        r->day = more;
        r->n_days = n;
    }
    *out = (uint32_t)day;
    return CS_OK;
}

static CS_RESULT pair_of(struct reading *s, struct cs_span digest, uint32_t *out)
{
    uint64_t hash = cs_keymap_hash(0, digest);
    uint32_t at = UINT32_MAX;
    if (cs_keymap_next(&s->pairs, hash, &at, out))
        return CS_OK;
    if (s->n_pairs == s->room_pairs) {
        uint32_t room = s->room_pairs != 0 ? s->room_pairs * 2 : 1024;
        uint32_t *more = reallocarray(s->alive, room, sizeof *more);
        if (more == NULL)
            return CS_ERR(NO_MEMORY);
        s->alive = more;
        s->room_pairs = room;
    }
    CS_TRY(cs_keymap_reserve(&s->pairs, 1));
    cs_keymap_put(&s->pairs, hash, s->n_pairs);
    s->alive[s->n_pairs] = 0;
    *out = s->n_pairs++;
    return CS_OK;
}

static CS_RESULT on_intent(struct reading *s, const entry_t *e)
{
    uint32_t day, pair;
    CS_TRY(day_at(s->g->report, e->time_unix_us / us_per_s, &day));
    CS_TRY(pair_of(s, cs_proto_span(e->intent->pair_sha256), &pair));
    if (s->n_open == s->room_open) {
        uint32_t room = s->room_open != 0 ? s->room_open * 2 : 64;
        struct open_intent *more = reallocarray(s->open, room, sizeof *more);
        if (more == NULL)
            return CS_ERR(NO_MEMORY);
        s->open = more;
        s->room_open = room;
    }
    s->open[s->n_open++] = (struct open_intent){ e->seq, day, pair };
    if (s->alive[pair]++ == 0)
        s->g->report->day[day].n_issued++;
    return CS_OK;
}

/* What was certainly not signed counts for nothing. */
static void on_outcome(struct reading *s, const Countersign__Ledger__V1__Outcome *m)
{
    for (uint32_t i = s->n_open; i-- > 0;) {
        if (s->open[i].seq != m->intent_seq)
            continue;
        if (m->result == COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED &&
            --s->alive[s->open[i].pair] == 0)
            s->g->report->day[s->open[i].day].n_issued--;
        s->open[i] = s->open[--s->n_open];
        return;
    }
}

/* ---- events ---- */

static const char *operators_of(struct cs_gathering *g, ProtobufCBinaryData *name, size_t n)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    for (size_t i = 0; i < n; i++)
        cs_buf_printf(&b, "%s%s", i != 0 ? ", " : "", cs_clean(&g->report->arena, cs_proto_span(name[i])));
    return cs_clean(&g->report->arena, cs_buf_span(&b));
}

static CS_RESULT on_policy(struct reading *s, const entry_t *e, struct cs_report_event *event)
{
    struct cs_span digest = cs_proto_span(e->policy->policy_sha256);
    if (digest.len != CS_SHA256_LEN)
        return CS_OK;
    bool same = s->has_policy && cs_span_eq(cs_sha256_span(&s->policy), digest);
    memcpy(s->policy.byte, digest.at, digest.len);
    s->has_policy = true;
    if (same)
        return CS_OK;
    event->kind = CS_REPORT_POLICY;
    event->text =
        cs_arena_printf(&s->g->report->arena, "policy version %llu in force (SHA-256 %.16s...)",
                        (unsigned long long)e->policy->version, cs_clean_hex(&s->g->report->arena, digest));
    return put_event(s->g->report, event);
}

static CS_RESULT on_stop(struct reading *s, const entry_t *e, struct cs_report_event *event)
{
    struct cs_gathering *g = s->g;
    struct cs_arena *a = &g->report->arena;
    const char *reason;
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD) {
        bool placed = e->hold->action == COUNTERSIGN__LEDGER__V1__HOLD_ACTION__HOLD_ACTION_PLACED;
        CS_TRY(cs_evidence_reason(g, cs_proto_span(e->hold->evidence_sha256), &reason));
        event->kind = CS_REPORT_HOLD;
        event->text = cs_arena_printf(a, "hold %s %s by %s: %s", cs_clean(a, cs_proto_span(e->hold->hold_id)),
                                      placed ? "placed" : "lifted",
                                      operators_of(g, e->hold->operators, e->hold->n_operators), reason);
    } else {
        CS_TRY(cs_evidence_reason(g, cs_proto_span(e->recall->evidence_sha256), &reason));
        event->kind = CS_REPORT_RECALL;
        event->text = cs_arena_printf(a, "evidence recalled by %s: %s",
                                      operators_of(g, e->recall->operators, e->recall->n_operators), reason);
    }
    return put_event(g->report, event);
}

static const char *rules_of(struct cs_gathering *g, const Countersign__Ledger__V1__Refusal *m)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    for (size_t i = 0; i < m->n_reasons && i < RULES_TEXT; i++) {
        struct cs_span rule = cs_proto_span(m->reasons[i]->rule);
        if (b.len != 0 && memmem(b.at, b.len, rule.at, rule.len) != NULL)
            continue;
        cs_buf_printf(&b, "%s%s", b.len != 0 ? " " : "", cs_clean(&g->report->arena, rule));
    }
    return cs_clean(&g->report->arena, cs_buf_span(&b));
}

static void end_group(struct reading *s)
{
    if (s->n_group == 0)
        return;
    struct cs_report *r = s->g->report;
    struct cs_report_event e = {
        .unix_s = s->group_unix_s,
        .seq = s->first_seq,
        .kind = CS_REPORT_REFUSAL,
        .text = s->n_group == 1
                    ? cs_arena_printf(&r->arena, "request of account %s refused: %s", s->refusal_account,
                                      s->refusal_rules)
                    : cs_arena_printf(&r->arena, "%u requests of account %s refused until entry %llu: %s",
                                      s->n_group, s->refusal_account, (unsigned long long)s->last_seq,
                                      s->refusal_rules),
    };
    r->event[s->group_event] = e;
    s->n_group = 0;
}

/* Refusals of the affected accounts, those of one day for the same rules as one event. */
static CS_RESULT on_refusal(struct reading *s, const entry_t *e, struct cs_report_event *event)
{
    struct cs_gathering *g = s->g;
    const char *account = cs_clean(&g->report->arena, cs_proto_span(e->refusal->account));
    g->report->n_refusals++;
    if (account[0] == '\0' || !cs_rows_has_account(g, account))
        return CS_OK;
    const char *rules = rules_of(g, e->refusal);
    bool same = s->n_group != 0 && strcmp(rules, s->refusal_rules) == 0 &&
                strcmp(account, s->refusal_account) == 0 && event->unix_s / DAY_S == s->refusal_day;
    s->last_seq = e->seq;
    if (same) {
        s->n_group++;
        return CS_OK;
    }
    end_group(s);
    if (g->report->n_events == CS_REPORT_EVENTS_MAX) {
        g->report->n_events_left_out++;
        return CS_OK;
    }
    event->kind = CS_REPORT_REFUSAL;
    event->text = "";
    CS_TRY(put_event(g->report, event));
    s->group_event = g->report->n_events - 1;
    s->group_unix_s = event->unix_s;
    s->refusal_account = account;
    s->refusal_rules = rules;
    s->refusal_day = event->unix_s / DAY_S;
    s->first_seq = e->seq;
    s->n_group = 1;
    return CS_OK;
}

static cs_result visit(void *ctx, const entry_t *e, struct cs_span bytes)
{
    struct reading *s = ctx;
    struct cs_report_event event = { .unix_s = e->time_unix_us / us_per_s, .seq = e->seq };
    (void)bytes;
    if (s->n_group != 0 && (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD ||
                            e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL ||
                            e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_POLICY))
        end_group(s);
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        return on_intent(s, e);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME:
        on_outcome(s, e->outcome);
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_START:
        s->g->report->deployment = cs_clean(&s->g->report->arena, cs_proto_span(e->start->deployment));
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_POLICY:
        return on_policy(s, e, &event);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        return on_stop(s, e, &event);
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        return on_refusal(s, e, &event);
    default:
        return CS_OK;
    }
}

/* ---- the span ---- */

/* The first entry of that day or later. */
static CS_RESULT first_of_day(struct cs_gathering *g, uint64_t *out)
{
    uint64_t low = 1, high = g->report->cover.size;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct cs_span bytes;
        int64_t us = 0;
        CS_TRY(cs_ledger_reader_entry(g->reader, middle, &bytes, g->note));
        CS_TRY(cs_ledger_entry_time(bytes, &us));
        if (us / us_per_s < g->report->first_day * DAY_S)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return CS_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct cs_report_event *x = a, *y = b;
    if (x->unix_s != y->unix_s)
        return x->unix_s < y->unix_s ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static CS_RESULT own_events(struct cs_gathering *g)
{
    struct cs_report *r = g->report;
    const struct cs_report_row *first = NULL, *last = NULL;
    for (uint32_t i = 0; i < r->n_rows; i++) {
        if (first == NULL || r->row[i].issued_unix_s < first->issued_unix_s)
            first = &r->row[i];
        if (last == NULL || r->row[i].issued_unix_s >= last->issued_unix_s)
            last = &r->row[i];
    }
    for (unsigned i = 0; first != NULL && i < (first != last ? 2 : 1); i++) {
        const struct cs_report_row *row = i == 0 ? first : last;
        struct cs_report_event e = {
            .unix_s = row->issued_unix_s,
            .seq = row->precertificate_seq != 0 ? row->precertificate_seq : row->certificate_seq,
            .kind = CS_REPORT_AFFECTED,
            .text = cs_arena_printf(&r->arena, "%s affected issuance: serial %s, %s",
                                    i == 0 ? "first" : "last", row->serial, row->first_name),
        };
        CS_TRY(put_event(r, &e));
    }
    struct cs_report_event aware = { .unix_s = g->ask->aware_unix_s,
                                     .kind = CS_REPORT_AWARE,
                                     .text = "the CA was made aware (given by --aware-at)" };
    return g->ask->aware_unix_s != 0 ? put_event(r, &aware) : CS_OK;
}

CS_RESULT cs_span_read(struct cs_gathering *g)
{
    struct cs_report *r = g->report;
    struct reading s = { .g = g };
    uint64_t from = 0;
    uint32_t day = 0;
    if (r->n_rows == 0)
        return CS_OK;
    r->first_day = r->row[0].issued_unix_s / DAY_S;
    for (uint32_t i = 1; i < r->n_rows; i++)
        if (r->row[i].issued_unix_s / DAY_S < r->first_day)
            r->first_day = r->row[i].issued_unix_s / DAY_S;
    r->first_day -= r->first_day > BEFORE_DAYS ? BEFORE_DAYS : r->first_day;
    CS_TRY(own_events(g));
    cs_result res = first_of_day(g, &from);
    if (cs_ok(res))
        res = cs_ledger_each(g->ask->ledger, from, r->cover.size, visit, &s, g->note);
    end_group(&s);
    for (uint32_t i = 0; cs_ok(res) && i < r->n_rows; i++) {
        res = day_at(r, r->row[i].issued_unix_s, &day);
        if (cs_ok(res))
            r->day[day].n_affected++;
    }
    free(s.alive);
    free(s.open);
    cs_keymap_done(&s.pairs);
    if (r->n_events != 0)
        qsort(r->event, r->n_events, sizeof *r->event, by_time);
    return res;
}
