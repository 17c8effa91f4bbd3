#include "client/replay/replay.h"

#include "client/replay/kept.h"
#include "proto/canonical.h"
#include "proxy/gate/grounds.h"
#include "proxy/ipc/messages.h"
#include "proxy/ledger/past.h"
#include "proxy/ledger/reader.h"

typedef Countersign__Ledger__V1__Entry entry_t;
typedef Countersign__Ledger__V1__Refusal refusal_t;

enum {
    CACHE_ENTRIES = 65536,
    ARENA_MAX = 64 * 1024 * 1024, /* as much as the gate gives one call */
    PROGRESS_EVERY = 256,
    INTENT = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT,
    REFUSAL = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL,
};

static const struct {
    const char *word, *text;
} results[CS_REPLAYED_COUNT] = {
    [CS_REPLAYED_STILL_ADMITTED] = { "still_admitted", "still admitted" },
    [CS_REPLAYED_STILL_REFUSED] = { "still_refused", "still refused" },
    [CS_REPLAYED_OTHER_RULES] = { "refused_by_other_rules", "still refused, by other rules" },
    [CS_REPLAYED_NEWLY_REFUSED] = { "newly_refused", "newly refused" },
    [CS_REPLAYED_NEWLY_ALLOWED] = { "newly_allowed", "newly allowed" },
    [CS_REPLAYED_NO_TBS] = { "tbs_not_kept", "the refused TBS is not in the ledger" },
    [CS_REPLAYED_NO_EVIDENCE] = { "evidence_not_kept",
                                  "evidence of the refused request is not in the store" },
    [CS_REPLAYED_REFUSED_EVIDENCE] = { "evidence_refused", "an envelope was refused, and so not kept" },
    [CS_REPLAYED_OF_THE_CALL] = { "of_the_call",
                                  "the call was refused, or the proxy was not ready: not the certificate" },
    [CS_REPLAYED_OTHER_POLICY] = { "other_policy", "another policy was in force" },
};

const char *cs_replayed_text(enum cs_replayed r)
{
    return results[r].text;
}

const char *cs_replayed_word(enum cs_replayed r)
{
    return results[r].word;
}

bool cs_replayed_changed(enum cs_replayed r)
{
    return r == CS_REPLAYED_NEWLY_REFUSED || r == CS_REPLAYED_NEWLY_ALLOWED || r == CS_REPLAYED_OTHER_RULES;
}

bool cs_replayed_not(enum cs_replayed r)
{
    return r >= CS_REPLAYED_NO_TBS;
}

struct running {
    const struct cs_replay *r;
    struct cs_ledger *past;
    struct cs_evidence_cache *cache;
    struct cs_stops holds, recalls;
    uint64_t stops_seq; /* of the last hold or recall that was followed */
    struct cs_kept kept;
    struct cs_arena arena; /* of one request */
    uint64_t last;         /* entry */
    struct cs_replay_report report;
    struct cs_note *note;
};

/* One request, put together again. */
struct request {
    const Countersign__Ledger__V1__Caller *caller;
    struct cs_ask ask;
    struct cs_span policy_sha256;
    size_t n_digests;
    const ProtobufCBinaryData *digest;
    Countersign__V1__Envelope **all; /* of the digests; ask.evidence are those not deposited before */
};

/* ---- the request ---- */

/* What had been deposited before is found again as a deposit; the rest came with the request. NOT_FOUND when
 * an envelope is not in the store. */
static CS_RESULT gather_inline(struct running *w, const entry_t *e, struct request *q)
{
    Countersign__V1__Envelope **rows = cs_arena_get(&w->arena, (q->n_digests + 1) * sizeof *rows);
    q->all = cs_arena_get(&w->arena, (q->n_digests + 1) * sizeof *q->all);
    if (rows == NULL || q->all == NULL)
        return CS_ERR(NO_MEMORY);
    q->ask.n_evidence = 0;
    q->ask.evidence = rows;
    for (size_t i = 0; i < q->n_digests; i++) {
        struct cs_sha256 digest;
        struct cs_span bytes;
        uint64_t deposited;
        if (q->digest[i].len != sizeof digest.byte)
            return CS_ERR(STORE_CORRUPT);
        memcpy(digest.byte, q->digest[i].data, sizeof digest.byte);
        CS_TRY(cs_ledger_deposit_seq(w->past, &digest, &deposited));
        CS_TRY(cs_ledger_evidence_get(w->past, &digest, &w->arena, &bytes));
        struct cs_sha256 own = cs_sha256(bytes);
        if (memcmp(&own, &digest, sizeof own) != 0) {
            cs_note_set(w->note, "ledger: entry %llu relies on an envelope that has another digest",
                        (unsigned long long)e->seq);
            return CS_ERR(STORE_CORRUPT);
        }
        union {
            const ProtobufCMessage *in;
            Countersign__V1__Envelope *out;
        } u;
        CS_TRY(cs_proto_unpack(&countersign__v1__envelope__descriptor, bytes, &w->arena, &u.in));
        q->all[i] = u.out;
        if (deposited == 0)
            rows[q->ask.n_evidence++] = u.out;
    }
    return CS_OK;
}

static CS_RESULT tbs_of_entry(struct running *w, uint64_t seq, struct cs_span *out)
{
    struct cs_span bytes;
    const entry_t *e;
    CS_TRY(cs_ledger_entry_get(w->past, seq, &w->arena, &bytes));
    CS_TRY(cs_ledger_entry_parse(bytes, seq, &w->arena, &e));
    *out = cs_kept_tbs_of(e);
    return CS_OK;
}

static bool is_rule(ProtobufCBinaryData id, enum cs_rule r)
{
    return cs_span_is(cs_proto_span(id), cs_rule_text(r)->id);
}

/* A refusal by one of these says nothing of the certificate. */
static bool is_of_the_call(ProtobufCBinaryData id)
{
    static const enum cs_rule rules[] = { CS_RULE_N03, CS_RULE_N04, CS_RULE_N05, CS_RULE_X02 };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (is_rule(id, rules[i]))
            return true;
    return false;
}

static bool may_be_judged_again(struct running *w, const refusal_t *m, enum cs_replayed *out)
{
    *out = CS_REPLAYED_OF_THE_CALL;
    if (m->tbs_sha256.len == 0)
        return false;
    for (size_t i = 0; i < m->n_reasons; i++)
        if (is_of_the_call(m->reasons[i]->rule))
            return false;
    *out = CS_REPLAYED_REFUSED_EVIDENCE;
    for (size_t i = 0; i < m->n_reasons; i++)
        if (m->reasons[i]->rule.len != 0 && m->reasons[i]->rule.data[0] == 'E')
            return false;
    *out = CS_REPLAYED_NO_TBS;
    return cs_kept_seq(&w->kept, cs_proto_span(m->tbs_sha256)) != 0;
}

/* *out is STILL_ADMITTED while the request can be judged. */
static CS_RESULT request_of(struct running *w, const entry_t *e, struct request *q, enum cs_replayed *out)
{
    *q = (struct request){ 0 };
    *out = CS_REPLAYED_STILL_ADMITTED;
    if ((int)e->body_case == INTENT) {
        const Countersign__Ledger__V1__Intent *m = e->intent;
        *q = (struct request){ .caller = m->caller,
                               .ask = { .issuer = cs_proto_span(m->issuer),
                                        .tbs = cs_proto_span(m->tbs),
                                        .order_id = cs_proto_span(m->order_id) },
                               .policy_sha256 = cs_proto_span(m->policy_sha256),
                               .n_digests = m->n_evidence_sha256s,
                               .digest = m->evidence_sha256s };
        return gather_inline(w, e, q);
    }
    const refusal_t *m = e->refusal;
    *q = (struct request){ .caller = m->caller,
                           .ask = { .issuer = cs_proto_span(m->issuer),
                                    .order_id = cs_proto_span(m->order_id) },
                           .policy_sha256 = cs_proto_span(m->policy_sha256),
                           .n_digests = m->n_evidence_sha256s,
                           .digest = m->evidence_sha256s };
    if (!may_be_judged_again(w, m, out))
        return CS_OK;
    CS_TRY(tbs_of_entry(w, cs_kept_seq(&w->kept, cs_proto_span(m->tbs_sha256)), &q->ask.tbs));
    *out = CS_REPLAYED_STILL_ADMITTED;
    cs_result r = gather_inline(w, e, q);
    if (!cs_is(r, CS_NUM_NOT_FOUND))
        return r;
    *out = CS_REPLAYED_NO_EVIDENCE;
    return CS_OK;
}

/* ---- the judgement ---- */

static unsigned method_of(struct cs_span rpc)
{
    return cs_span_is(rpc, "SignAuthorized") ? CS_METHOD_SIGN_AUTHORIZED
           : cs_span_is(rpc, "AuthorizeTbs") ? CS_METHOD_AUTHORIZE_TBS
                                             : CS_METHOD_SIGN_CERTIFICATE;
}

/* What the policy says of the client itself, as the gate asks before any RPC (proxy/gate/caller.c). */
static const struct cs_client *client_of(struct running *w, const struct request *q, int64_t now_unix_s,
                                         struct cs_verdict *v)
{
    const struct cs_policy *p = w->r->policy;
    struct cs_span name = cs_proto_span(q->caller->client);
    const char *shown = cs_arena_printf(&w->arena, "client:%s", cs_show_text(&w->arena, name));
    const struct cs_client *client = NULL;
    for (uint32_t i = 0; i < p->n_clients && client == NULL; i++)
        if (cs_span_eq(p->client[i].name, name))
            client = &p->client[i];
    if (client == NULL)
        cs_verdict_add(v, CS_RULE_N01, shown, "no client of the policy", "a client that the policy knows");
    else if (now_unix_s >= client->retired_unix_s)
        cs_verdict_add(v, CS_RULE_N06, shown,
                       cs_arena_printf(&w->arena, "retired from %s on",
                                       cs_show_time(&w->arena, client->retired_unix_s)),
                       "a client that is not retired, or a later date in the policy");
    else if (!cs_client_may_call(client, method_of(cs_proto_span(q->caller->rpc))))
        cs_verdict_add(v, CS_RULE_N01, shown, cs_show_text(&w->arena, cs_proto_span(q->caller->rpc)),
                       "one of the RPCs the policy lists for this client");
    else
        return client;
    return NULL;
}

static CS_RESULT judge(struct running *w, const struct request *q, int64_t now_unix_s, struct cs_judged *out)
{
    *out = (struct cs_judged){ .verdict = { .arena = &w->arena } };
    const struct cs_client *client = client_of(w, q, now_unix_s, &out->verdict);
    if (client == NULL)
        return out->verdict.overflow ? CS_ERR(NO_MEMORY) : CS_OK;
    const struct cs_grounds grounds = { .policy = w->r->policy,
                                        .lists = w->r->lists,
                                        .ledger = w->past,
                                        .cache = w->cache,
                                        .holds = &w->holds,
                                        .recalls = &w->recalls,
                                        .now_unix_s = now_unix_s,
                                        .ledger_ready = true };
    CS_TRY(cs_judge_on(&grounds, client, &q->ask, &w->arena, out));
    if (cs_verdict_admits(&out->verdict) || q->ask.n_evidence == q->n_digests)
        return CS_OK;
    /* What was deposited may have come with the request as well, where no bound on look-ups leaves it out. */
    struct cs_judged again;
    struct cs_ask ask = q->ask;
    ask.n_evidence = q->n_digests;
    ask.evidence = q->all;
    CS_TRY(cs_judge_on(&grounds, client, &ask, &w->arena, &again));
    if (cs_verdict_admits(&again.verdict))
        *out = again;
    return CS_OK;
}

/* Both ways: what was said then, as far as it was recorded, and what is said now. */
static bool same_rules(const refusal_t *then, const struct cs_verdict *now)
{
    bool whole = then->total_reasons == then->n_reasons;
    for (size_t i = 0; i < then->n_reasons; i++) {
        bool there = false;
        for (uint32_t k = 0; k < now->n_reasons && !there; k++)
            there = is_rule(then->reasons[i]->rule, now->reason[k].rule);
        if (!there)
            return false;
    }
    for (uint32_t k = 0; k < now->n_reasons && whole; k++) {
        bool there = false;
        for (size_t i = 0; i < then->n_reasons && !there; i++)
            there = is_rule(then->reasons[i]->rule, now->reason[k].rule);
        if (!there)
            return false;
    }
    return true;
}

static enum cs_replayed compare(const entry_t *e, const struct cs_verdict *now)
{
    bool admitted = cs_verdict_admits(now);
    if ((int)e->body_case == INTENT)
        return admitted ? CS_REPLAYED_STILL_ADMITTED : CS_REPLAYED_NEWLY_REFUSED;
    if (admitted)
        return CS_REPLAYED_NEWLY_ALLOWED;
    return same_rules(e->refusal, now) ? CS_REPLAYED_STILL_REFUSED : CS_REPLAYED_OTHER_RULES;
}

static CS_RESULT judge_again(struct running *w, const entry_t *e)
{
    const struct cs_replay *r = w->r;
    struct request q;
    struct cs_judged judged = { .verdict = { .arena = &w->arena } };
    struct cs_replay_case c = { .entry = e, .verdict = &judged.verdict };
    c.judged_at_unix_s = r->has_at ? r->at_unix_s : e->time_unix_us / 1000000;
    cs_arena_reset(&w->arena);
    CS_TRY(cs_ledger_past_set(w->past, e->seq));
    CS_TRY(cs_stops_follow(w->past, e->seq, &w->stops_seq, &w->holds, &w->recalls, w->note));
    CS_TRY(request_of(w, e, &q, &c.result));
    if (r->check && !cs_span_eq(q.policy_sha256, cs_sha256_span(&r->policy->digest)))
        c.result = CS_REPLAYED_OTHER_POLICY;
    if (c.result == CS_REPLAYED_STILL_ADMITTED) {
        CS_TRY(judge(w, &q, c.judged_at_unix_s, &judged));
        c.result = compare(e, &judged.verdict);
        c.tbs = judged.tbs;
    }
    w->report.n[c.result]++;
    return r->visit != NULL ? r->visit(r->ctx, &c) : CS_OK;
}

/* Requests for a certificate that were decided: admitted ones have an intent, whatever became of it. */
static bool is_request(const entry_t *e)
{
    if ((int)e->body_case == INTENT)
        return e->intent->caller != NULL;
    if ((int)e->body_case != REFUSAL || e->refusal->caller == NULL)
        return false;
    struct cs_span rpc = cs_proto_span(e->refusal->caller->rpc);
    return cs_span_is(rpc, "SignCertificate") || cs_span_is(rpc, "SignAuthorized") ||
           cs_span_is(rpc, "AuthorizeTbs");
}

static cs_result visit(void *ctx, const entry_t *e, struct cs_span bytes)
{
    struct running *w = ctx;
    const struct cs_replay *r = w->r;
    (void)bytes;
    if (r->progress != NULL && (e->seq % PROGRESS_EVERY == 0 || e->seq == w->last))
        r->progress(r->ctx, e->seq, w->last);
    bool inside = (r->from_unix_us == 0 || e->time_unix_us >= r->from_unix_us) &&
                  (r->to_unix_us == 0 || e->time_unix_us < r->to_unix_us);
    if (!inside || !is_request(e))
        return CS_OK;
    cs_result result = judge_again(w, e);
    if (!cs_ok(result) && w->note->text[0] == '\0')
        cs_note_set(w->note, "entry %llu cannot be judged again: %s%s%s", (unsigned long long)e->seq,
                    cs_result_text(result), cs_ledger_trouble(w->past)[0] != '\0' ? ": " : "",
                    cs_ledger_trouble(w->past));
    return result;
}

static CS_RESULT run(struct running *w)
{
    const struct cs_replay *r = w->r;
    struct cs_ledger_head head;
    CS_TRY(cs_ledger_open_past(r->ledger, &w->past, w->note));
    CS_TRY(cs_evidence_cache_new(CACHE_ENTRIES, &w->cache));
    cs_ledger_head_get(w->past, &head);
    w->report.n_entries = head.size;
    w->last = r->to_seq != 0 && r->to_seq < head.size ? r->to_seq : head.size;
    uint64_t from = r->from_seq != 0 ? r->from_seq : 1;
    if (from > w->last)
        return CS_OK;
    CS_TRY(cs_kept_find(&w->kept, r->ledger, head.size, w->note));
    return cs_ledger_each(r->ledger, from, w->last, visit, w, w->note);
}

CS_RESULT cs_replay_run(const struct cs_replay *r, struct cs_replay_report *out, struct cs_note *note)
{
    struct running w = { .r = r, .arena = { .max = ARENA_MAX }, .note = note };
    cs_note_set(note, "%s", "");
    cs_result result = run(&w);
    cs_ledger_close(w.past);
    cs_evidence_cache_free(w.cache);
    cs_stops_done(&w.holds);
    cs_stops_done(&w.recalls);
    cs_kept_done(&w.kept);
    cs_arena_done(&w.arena);
    if (cs_ok(result))
        *out = w.report;
    return result;
}
