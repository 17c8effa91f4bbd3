#include "proxy/gate/witnesses.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/gate/checkpoints.h"
#include "proxy/gate/cosigners.h"
#include "proxy/ledger/proofs.h"

enum { CHANNEL_MAX = 4 * 1024 * 1024 };

typedef unsigned long long ull;

/* ---- the channel ---- */

static CS_RESULT on_hello(void *ctx, struct cs_chan *ch, const struct cs_msg *m)
{
    (void)ch;
    struct cs_witnesses *w = ctx;
    struct cs_hello hello;
    CS_TRY(cs_hello_get(m->body, &hello));
    if (hello.version != CS_IPC_VERSION)
        return CS_ERR(PEER_ERRS);
    w->greeted = true;
    cs_dispatch_open(w->table, CS_MSG_ERRAND_DONE);
    return CS_OK;
}

static CS_RESULT on_done(void *ctx, struct cs_chan *ch, const struct cs_msg *m)
{
    (void)ch;
    struct cs_witnesses *w = ctx;
    struct cs_errand_done done;
    CS_TRY(cs_errand_done_get(m->body, &done));
    for (uint32_t i = 0; i < w->n; i++)
        if (w->cosigner[i].busy && w->cosigner[i].errand == m->id)
            return cs_cosigner_answered(w, &w->cosigner[i], &done);
    return CS_ERR(PEER_ERRS);
}

static CS_RESULT open_channel(struct cs_witnesses *w, int take_fd)
{
    static const struct cs_dispatch table[] = {
        { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello },
        { CS_MSG_ERRAND_DONE, CS_MSG_ERRAND_DONE_MAX_LEN, 0, on_done }, /* on_hello opens it */
        { 0, 0, 0, NULL },
    };
    const struct cs_hello hello = { .version = CS_IPC_VERSION };
    memcpy(w->table, table, sizeof table);
    CS_TRY(cs_chan_init(&w->chan, take_fd, CHANNEL_MAX, CHANNEL_MAX));
    return cs_hello_put(&w->chan, &hello);
}

CS_RESULT cs_witnesses_open(struct cs_gate *g, const char *ledger_path, int take_fd, struct cs_note *note)
{
    if (g->policy->witnesses.n == 0)
        return CS_OK;
    struct cs_witnesses *w = calloc(1, sizeof *w);
    if (w == NULL)
        return CS_ERR(NO_MEMORY);
    g->witnesses = w;
    w->gate = g;
    w->chan.fd = -1;
    w->n = g->policy->witnesses.n;
    for (uint32_t i = 0; i < w->n; i++)
        w->cosigner[i].policy = &g->policy->witnesses.witness[i];
    if (g->checkpoints == NULL) {
        cs_note_set(note, "the policy names witnesses, and there is no ledger_key");
        return CS_ERR(CONFIG);
    }
    if (asprintf(&w->mark_path, "%s.forked", ledger_path) < 0) {
        w->mark_path = NULL;
        return CS_ERR(NO_MEMORY);
    }
    if (access(w->mark_path, F_OK) == 0) {
        cs_note_set(note,
                    "%.300s: in an earlier run a witness showed a checkpoint that this ledger does not hold; "
                    "docs/witnesses.md says what an operator does",
                    w->mark_path);
        return CS_ERR(STORE_CORRUPT);
    }
    w->uncovered = true;
    w->uncovered_mono_ms = cs_clock_mono_ms();
    return open_channel(w, take_fd);
}

void cs_witnesses_free(struct cs_witnesses *w)
{
    if (w == NULL)
        return;
    cs_chan_done(&w->chan);
    for (uint32_t i = 0; i < w->n; i++)
        cs_buf_done(&w->cosigner[i].sent);
    for (uint32_t i = 0; i < w->room_parked; i++)
        cs_buf_done(&w->parked[i].response);
    cs_buf_done(&w->round);
    free(w->parked);
    free(w->mark_path);
    free(w);
}

/* ---- rounds ---- */

static bool round_is_over(const struct cs_witnesses *w)
{
    return w->round_size == 0 || w->quorum_size == w->round_size;
}

/* A witness that knows more than the round's checkpoint can only cosign a newer one. */
static bool round_is_behind(const struct cs_witnesses *w)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (w->cosigner[i].known_size > w->round_size)
            return true;
    return false;
}

static CS_RESULT begin_round(struct cs_witnesses *w)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    uint64_t size = 0;
    struct cs_span note;
    CS_TRY(cs_ledger_checkpoint_last(w->gate->ledger, &arena, &size, &note));
    cs_buf_reset(&w->round);
    cs_buf_put(&w->round, note.at, note.len);
    CS_TRY(cs_buf_end(&w->round));
    w->round_size = size;
    w->round_mono_ms = cs_clock_mono_ms();
    w->round_mask = 0;
    return CS_OK;
}

void cs_witnesses_cosigned(struct cs_witnesses *w, const struct cs_cosigner *c)
{
    if (c->sent_size != w->round_size)
        return; /* an earlier one: kept, and not counted any more */
    w->round_mask |= UINT32_C(1) << (c - w->cosigner);
    if (w->quorum_size == w->round_size ||
        (uint32_t)__builtin_popcount(w->round_mask) < w->gate->policy->witnesses.quorum)
        return;
    if (w->quorum_size == 0)
        cs_log(CS_LOG_INFO, "witnesses_heard", "%u of %u witnesses cosigned the checkpoint of size %llu",
               w->gate->policy->witnesses.quorum, w->n, (ull)w->round_size);
    w->quorum_size = w->round_size;
    w->uncovered_mono_ms = w->round_mono_ms; /* what came behind it came later than this */
    struct cs_ledger_head head;
    cs_ledger_head_get(w->gate->ledger, &head);
    w->uncovered = head.size > w->quorum_size;
}

static bool is_due(const struct cs_witnesses *w, const struct cs_cosigner *c)
{
    if (c->busy || w->round_size == 0)
        return false;
    return c->read_next || ((w->round_mask >> (c - w->cosigner) & 1) == 0 && c->known_size <= w->round_size);
}

CS_RESULT cs_witnesses_kick(struct cs_gate *g)
{
    struct cs_witnesses *w = g->witnesses;
    if (w == NULL || !w->greeted)
        return CS_OK;
    if (g->checkpoints->size > w->round_size && (round_is_over(w) || round_is_behind(w)))
        CS_TRY(begin_round(w));
    int64_t now_mono_ms = cs_clock_mono_ms();
    for (uint32_t i = 0; i < w->n; i++) {
        struct cs_cosigner *c = &w->cosigner[i];
        if (is_due(w, c) && c->next_mono_ms <= now_mono_ms)
            CS_TRY(cs_cosigner_ask(w, c));
    }
    cs_result r = cs_chan_flush(&w->chan);
    return cs_is(r, CS_NUM_AGAIN) ? CS_OK : r;
}

bool cs_witnesses_hurry(const struct cs_gate *g)
{
    return g->witnesses != NULL && g->witnesses->n_parked != 0 && round_is_over(g->witnesses);
}

/* ---- what depends on them ---- */

/* INT64_MAX: nothing depends on it. */
static int64_t lapse_mono_ms(const struct cs_gate *g)
{
    const struct cs_witnesses_policy *p = &g->policy->witnesses;
    const struct cs_witnesses *w = g->witnesses;
    if (w == NULL || p->require == CS_WITNESS_NOT_REQUIRED || (w->quorum_size != 0 && !w->uncovered))
        return INT64_MAX;
    if (w->quorum_size == 0)
        return 0;
    return w->uncovered_mono_ms +
           (p->require == CS_WITNESS_WITHIN ? (int64_t)p->within_s * 1000 : CS_WITNESS_ANSWER_WAIT_MS);
}

bool cs_witnesses_lapsed(const struct cs_gate *g)
{
    return g->witnesses != NULL && lapse_mono_ms(g) <= cs_clock_mono_ms();
}

static void tell_lapse(struct cs_gate *g)
{
    struct cs_witnesses *w = g->witnesses;
    bool lapsed = cs_witnesses_lapsed(g);
    if (lapsed == w->lapse_told)
        return;
    w->lapse_told = lapsed;
    if (lapsed)
        cs_log(CS_LOG_ERROR, "witnesses_lapsed",
               "entries behind the first %llu wait for %u of %u witnesses; nothing new is signed until they "
               "answer",
               (ull)w->quorum_size, g->policy->witnesses.quorum, w->n);
    else
        cs_log(CS_LOG_WARNING, "witnesses_answer", "the first %llu entries are cosigned; signing goes on",
               (ull)w->quorum_size);
}

static void look_at_head(struct cs_gate *g)
{
    struct cs_witnesses *w = g->witnesses;
    struct cs_ledger_head head;
    cs_ledger_head_get(g->ledger, &head);
    if (w->uncovered || head.size <= w->quorum_size)
        return;
    w->uncovered = true;
    w->uncovered_mono_ms = cs_clock_mono_ms();
}

CS_RESULT cs_witnesses_turn(struct cs_gate *g, bool readable)
{
    struct cs_witnesses *w = g->witnesses;
    if (w == NULL)
        return CS_OK;
    if (readable) {
        cs_result r = cs_chan_fill(&w->chan);
        if (!cs_is(r, CS_NUM_AGAIN))
            CS_TRY(r);
        CS_TRY(cs_dispatch_run(w->table, &w->chan, w));
    }
    look_at_head(g);
    CS_TRY(cs_parked_turn(g));
    tell_lapse(g);
    return CS_OK;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int cs_witnesses_wait_ms(const struct cs_gate *g, int timeout_ms)
{
    const struct cs_witnesses *w = g->witnesses;
    if (w == NULL)
        return timeout_ms;
    int64_t next = cs_parked_next_mono_ms(w), now_mono_ms = cs_clock_mono_ms();
    int64_t lapse = lapse_mono_ms(g);
    if (lapse > now_mono_ms) /* else it is told already */
        next = earlier(next, lapse);
    for (uint32_t i = 0; i < w->n && w->greeted; i++)
        if (is_due(w, &w->cosigner[i]))
            next = earlier(next, w->cosigner[i].next_mono_ms);
    if (next == INT64_MAX)
        return timeout_ms;
    int64_t left = next - now_mono_ms;
    left = left < 0 ? 0 : left > 60000 ? 60000 : left;
    return timeout_ms < 0 || left < timeout_ms ? (int)left : timeout_ms;
}
