#include "proxy/gate/gate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "countersign/v1/signing_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/gate/der/tbs.h"
#include "proxy/gate/numbers.h"
#include "proxy/gate/stops.h"
#include "proxy/gate/witnesses.h"

struct cs_flight *cs_flight_open(struct cs_gate *g)
{
    if (g->n_flights == CS_GATE_FLIGHTS_MAX)
        return NULL;
    struct cs_flight *f = g->flight;
    while (f->state != CS_FLIGHT_FREE)
        f++;
    struct cs_buf request_id = f->request_id, tbs = f->tbs, verdict = f->verdict, signature = f->signature;
    cs_buf_reset(&request_id);
    cs_buf_reset(&tbs);
    cs_buf_reset(&verdict);
    cs_buf_reset(&signature);
    *f = (struct cs_flight){
        .state = CS_FLIGHT_APPENDED,
        .request_id = request_id,
        .tbs = tbs,
        .verdict = verdict,
        .signature = signature,
    };
    g->opened[g->n_opened++] = (uint32_t)(f - g->flight);
    g->n_flights++;
    return f;
}

static void flight_done(struct cs_gate *g, struct cs_flight *f)
{
    if (f->grants != NULL && --f->grants->n_left == 0) {
        cs_grant_list_done(&f->grants->list);
        free(f->grants);
    }
    f->grants = NULL;
    f->grant = NULL;
    f->state = CS_FLIGHT_FREE;
    g->n_flights--;
}

void cs_flight_undo(struct cs_gate *g, struct cs_flight *f)
{
    g->n_opened--; /* the newest of this turn */
    flight_done(g, f);
}

struct cs_flight *cs_flight_sent(struct cs_gate *g, uint64_t seq)
{
    for (uint32_t i = 0, left = g->n_flights; left != 0; i++) {
        struct cs_flight *f = &g->flight[i];
        if (f->state == CS_FLIGHT_FREE)
            continue;
        if (f->seq == seq && f->state == CS_FLIGHT_SENT)
            return f;
        left--;
    }
    return NULL;
}

struct cs_flight *cs_flight_of_request(struct cs_gate *g, const struct cs_client *client,
                                       struct cs_span request_id)
{
    for (uint32_t i = 0, left = g->n_flights; left != 0; i++) {
        struct cs_flight *f = &g->flight[i];
        if (f->state == CS_FLIGHT_FREE)
            continue;
        if (f->client == client && cs_span_eq(cs_buf_span(&f->request_id), request_id))
            return f;
        left--;
    }
    return NULL;
}

bool cs_flight_join(struct cs_flight *f, const struct cs_call *call)
{
    if (f->n_waiters == CS_GATE_WAITERS_MAX)
        return false;
    f->waiter[f->n_waiters++] = call->id;
    if (call->msg->deadline_mono_us > f->deadline_mono_us)
        f->deadline_mono_us = call->msg->deadline_mono_us;
    return true;
}

CS_RESULT cs_flight_forget(struct cs_gate *g, uint64_t call)
{
    for (uint32_t i = 0, left = g->n_flights; left != 0; i++) {
        struct cs_flight *f = &g->flight[i];
        if (f->state == CS_FLIGHT_FREE)
            continue;
        left--;
        for (uint32_t w = 0; w < f->n_waiters; w++)
            if (f->waiter[w] == call) {
                f->waiter[w] = f->waiter[--f->n_waiters];
                return cs_answer_status(g, call, CS_GRPC_CANCELLED, "cancelled");
            }
    }
    return CS_OK; /* answered already, or its answer is held for this turn's commit */
}

CS_RESULT cs_store_failed(struct cs_gate *g, cs_result why)
{
    cs_log_begin(CS_LOG_ERROR, "ledger_append_failed");
    cs_log_result(why);
    cs_log_end();
    g->turn_failed = true;
    return CS_OK;
}

static CS_RESULT append_outcome(struct cs_gate *g, struct cs_flight *f)
{
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__Outcome outcome;
    countersign__ledger__v1__entry__init(&entry);
    countersign__ledger__v1__outcome__init(&outcome);
    outcome.intent_seq = f->seq;
    outcome.result = (Countersign__Ledger__V1__OutcomeResult)f->result;
    outcome.signature = cs_proto_bytes(cs_buf_span(&f->signature));
    if (f->result == COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED)
        outcome.tbs_sha256 = cs_proto_bytes(cs_sha256_span(&f->tbs_sha256));
    outcome.signer = f->signer;
    outcome.text = cs_proto_bytes(cs_span_str(f->text));
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME;
    entry.outcome = &outcome;
    uint64_t seq;
    cs_result r = cs_ledger_append(g->ledger, &entry, &seq);
    f->outcome_seq = cs_ok(r) ? seq : 0;
    f->state = CS_FLIGHT_CLOSING;
    g->closing[g->n_closing++] = (uint32_t)(f - g->flight);
    return cs_ok(r) ? CS_OK : cs_store_failed(g, r);
}

CS_RESULT cs_flight_close(struct cs_gate *g, struct cs_flight *f, int result, struct cs_span signature,
                          struct cs_span text)
{
    f->result = result;
    if (result == COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED) {
        g->numbers->n_signatures++;
        g->numbers->client[cs_client_number(g->policy, f->client)].n_signed++;
    } else if (result == COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED) {
        g->numbers->n_not_signed++;
    } else {
        g->numbers->n_unknown_outcomes++;
    }
    cs_buf_put(&f->signature, signature.at, signature.len);
    size_t len = text.len < sizeof f->text - 1 ? text.len : sizeof f->text - 1;
    if (len != 0)
        memcpy(f->text, text.at, len);
    f->text[len] = '\0';
    CS_TRY(cs_buf_end(&f->signature));
    return append_outcome(g, f);
}

/* The certificate for every call that waits. Its bytes are exactly the judged TBS. */
static CS_RESULT answer_signed(struct cs_gate *g, struct cs_flight *f)
{
    CS_AUTO_BUF struct cs_buf certificate = { .max = 2 * CS_TBS_MAX_LEN };
    cs_certificate_put(&certificate, cs_buf_span(&f->tbs), f->algorithm, cs_buf_span(&f->signature));
    CS_TRY(cs_buf_end(&certificate));
    cs_arena_reset(&g->arena);
    const ProtobufCMessage *verdict;
    CS_TRY(cs_proto_unpack(&countersign__v1__verdict__descriptor, cs_buf_span(&f->verdict), &g->arena,
                           &verdict));
    Countersign__V1__SignCertificateResponse m;
    countersign__v1__sign_certificate_response__init(&m);
    m.certificate = cs_proto_bytes(cs_buf_span(&certificate));
    m.signature = cs_proto_bytes(cs_buf_span(&f->signature));
    m.ledger_entry = f->seq;
    union {
        const ProtobufCMessage *in;
        Countersign__V1__Verdict *out;
    } u = { .in = verdict };
    m.verdict = u.out;
    struct cs_msg_answer a = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&m.base, &g->arena, &a.response));
    for (uint32_t i = 0; i < f->n_waiters; i++)
        CS_TRY(cs_witnesses_must_wait(g, f->outcome_seq)
                   ? cs_parked_add(g, f->waiter[i], f->outcome_seq, f->seq, a.response)
                   : cs_answer_now(g, f->waiter[i], &a));
    return CS_OK;
}

static CS_RESULT answer_all(struct cs_gate *g, struct cs_flight *f, uint32_t status, const char *text)
{
    for (uint32_t i = 0; i < f->n_waiters; i++)
        CS_TRY(cs_answer_status(g, f->waiter[i], status, text));
    f->n_waiters = 0;
    return CS_OK;
}

static CS_RESULT answer_closed(struct cs_gate *g, struct cs_flight *f)
{
    char text[512];
    switch (f->result) {
    case COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED:
        return answer_signed(g, f);
    case COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED:
        (void)snprintf(text, sizeof text, "nothing was signed (intent %" PRIu64 "): %s", f->seq, f->text);
        return answer_all(g, f, CS_GRPC_UNAVAILABLE, text);
    default:
        (void)snprintf(text, sizeof text,
                       "the key may have been used (intent %" PRIu64
                       "): %s; recorded as unknown, never signed again",
                       f->seq, f->text);
        return answer_all(g, f, CS_GRPC_DATA_LOSS, text);
    }
}

static CS_RESULT commit_succeeded(struct cs_gate *g, struct cs_grant_list list)
{
    cs_gate_settle_stops(g, true);
    if (g->n_opened != 0) {
        struct cs_grants *grants = calloc(1, sizeof *grants);
        if (grants == NULL || list.n != g->n_opened) { /* one grant per intent, in order */
            free(grants);
            cs_grant_list_done(&list);
            return CS_ERR(BUG);
        }
        grants->list = list;
        grants->n_left = g->n_opened;
        for (uint32_t i = 0; i < g->n_opened; i++) {
            struct cs_flight *f = &g->flight[g->opened[i]];
            f->grants = grants;
            f->grant = cs_grant_at(&grants->list, i);
            if (f->grant == NULL || cs_grant_seq(f->grant) != f->seq)
                return CS_ERR(BUG);
            f->state = CS_FLIGHT_GRANTED;
            g->ready[(g->ready_at + g->n_ready++) % CS_GATE_FLIGHTS_MAX] = g->opened[i];
        }
        g->n_opened = 0;
    } else {
        cs_grant_list_done(&list);
    }
    uint32_t n = g->n_closing;
    g->n_closing = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct cs_flight *f = &g->flight[g->closing[i]];
        CS_TRY(answer_closed(g, f));
        flight_done(g, f);
    }
    return cs_answers_release(g, true);
}

/* Nothing of the turn exists: new intents are gone, outcomes are kept in memory and tried again. A
 * signature whose hash is not durable never leaves. */
static CS_RESULT commit_failed(struct cs_gate *g)
{
    cs_gate_settle_stops(g, false);
    for (uint32_t i = 0; i < g->n_opened; i++) {
        struct cs_flight *f = &g->flight[g->opened[i]];
        CS_TRY(answer_all(g, f, CS_GRPC_UNAVAILABLE,
                          "the ledger could not record the intent; nothing was signed"));
        flight_done(g, f);
    }
    g->n_opened = 0;
    for (uint32_t i = 0; i < g->n_closing; i++) {
        struct cs_flight *f = &g->flight[g->closing[i]];
        CS_TRY(answer_all(g, f, CS_GRPC_DATA_LOSS,
                          "the outcome could not be recorded; ask again with the same request id"));
        f->state = CS_FLIGHT_UNRECORDED;
        g->n_unrecorded++;
    }
    g->n_closing = 0;
    return cs_answers_release(g, false);
}

static CS_RESULT retry_unrecorded(struct cs_gate *g)
{
    for (uint32_t i = 0; i < CS_GATE_FLIGHTS_MAX && g->n_unrecorded != 0; i++)
        if (g->flight[i].state == CS_FLIGHT_UNRECORDED) {
            g->n_unrecorded--;
            CS_TRY(append_outcome(g, &g->flight[i]));
        }
    return CS_OK;
}

static CS_RESULT timed_commit(struct cs_gate *g, struct cs_grant_list *out)
{
    CS_AUTO_TIMER(timer, g->numbers, CS_TIME_COMMIT);
    CS_TRY(cs_ledger_commit(g->ledger, out));
    g->numbers->n_commits++;
    g->numbers->last_commit_unix_us = cs_clock_unix_us();
    return CS_OK;
}

static CS_RESULT commit_turn(struct cs_gate *g)
{
    struct cs_grant_list list = { 0 };
    cs_result r = CS_ERR(STORE);
    if (g->turn_failed)
        cs_ledger_abandon(g->ledger);
    else
        r = timed_commit(g, &list);
    g->turn_failed = false;
    bool was_failed = g->ledger_failed;
    g->ledger_failed = !cs_ok(r);
    if (g->ledger_failed) {
        g->numbers->n_commit_failures++;
        cs_log_begin(CS_LOG_ERROR, "ledger_commit_failed");
        cs_log_result(r);
        cs_log_end();
        return commit_failed(g);
    }
    if (was_failed)
        cs_log(CS_LOG_WARNING, "ledger_recovered", "the ledger takes entries again");
    return commit_succeeded(g, list);
}

CS_RESULT cs_turn_end(struct cs_gate *g)
{
    /* Feeding may close flights that nobody waits for: their outcomes are a turn of their own. */
    bool retried = false;
    for (;;) {
        if (g->n_unrecorded != 0 && !retried) {
            retried = true;
            CS_TRY(retry_unrecorded(g));
        }
        if (cs_ledger_has_appends(g->ledger) || g->turn_failed)
            CS_TRY(commit_turn(g));
        else
            CS_TRY(cs_answers_release(g, true));
        CS_TRY(cs_signers_feed(g));
        if (!cs_ledger_has_appends(g->ledger) && !g->turn_failed)
            return CS_OK;
    }
}

bool cs_flights_idle(const struct cs_gate *g)
{
    return g->n_flights == g->n_unrecorded;
}
