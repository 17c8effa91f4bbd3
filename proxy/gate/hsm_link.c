#include "proxy/gate/gate.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/gate/numbers.h"

enum {
    SIGNER_IN_MAX = 1024 * 1024,
    SIGNER_OUT_MAX = 4 * 1024 * 1024,
};

static CS_RESULT on_hello(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_signer_link *s = ctx;
    struct cs_hello hello;
    CS_TRY(cs_hello_get(m->body, &hello));
    if (hello.version != CS_IPC_VERSION ||
        memcmp(&hello.subject, &s->gate->keytable_digest, sizeof hello.subject) != 0)
        return CS_ERR(PEER_ERRS); /* index i would not mean one key to both */
    s->greeted = true;
    cs_dispatch_open(s->table, CS_MSG_SIGNED);
    cs_dispatch_open(s->table, CS_MSG_NOT_SIGNED);
    cs_dispatch_open(s->table, CS_MSG_SIGN_UNSURE);
    cs_dispatch_open(s->table, CS_MSG_HSM_EVENT);
    return CS_OK;
}

static CS_RESULT flight_of(struct cs_signer_link *s, uint64_t seq, struct cs_flight **out)
{
    struct cs_flight *f = cs_flight_sent(s->gate, seq);
    if (f == NULL || f->signer != s->number || s->n_sent == 0)
        return CS_ERR(PEER_ERRS);
    s->n_sent--;
    *out = f;
    return CS_OK;
}

static CS_RESULT on_signed(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_signer_link *s = ctx;
    struct cs_msg_signed msg;
    struct cs_flight *f;
    CS_TRY(cs_msg_signed_get(m->body, &msg));
    CS_TRY(flight_of(s, m->id, &f));
    if (memcmp(&msg.tbs_sha256, &f->tbs_sha256, sizeof msg.tbs_sha256) != 0)
        return CS_ERR(PEER_ERRS); /* signed something else: stop everything, the start closes it as unknown */
    cs_numbers_time(s->gate->numbers, CS_TIME_HSM, cs_clock_mono_us() - f->sent_mono_us);
    return cs_flight_close(s->gate, f, COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED,
                           msg.signature, (struct cs_span){ 0 });
}

static CS_RESULT close_failed(struct cs_signer_link *s, const struct cs_msg *m, int result)
{
    struct cs_msg_event msg;
    struct cs_flight *f;
    CS_TRY(cs_msg_event_get(m->body, &msg));
    CS_TRY(flight_of(s, m->id, &f));
    cs_log_begin(CS_LOG_ERROR, "sign_failed");
    cs_log_int("intent", (int64_t)f->seq);
    cs_log_int("signer", s->number);
    cs_log_int("ck_rv", (int64_t)msg.ck_rv);
    cs_log_span("msg", msg.text);
    cs_log_end();
    if (msg.code == CS_ERR(HSM_FAULT).code)
        s->faulty_keys |= UINT64_C(1) << f->issuer;
    return cs_flight_close(s->gate, f, result, (struct cs_span){ 0 }, msg.text);
}

static CS_RESULT on_not_signed(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    return close_failed(ctx, m, COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED);
}

static CS_RESULT on_sign_unsure(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    return close_failed(ctx, m, COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_UNKNOWN);
}

static CS_RESULT on_hsm_event(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct cs_signer_link *s = ctx;
    struct cs_msg_event msg;
    CS_TRY(cs_msg_event_get(m->body, &msg));
    if (msg.code != CS_HSM_READY && msg.code != CS_HSM_LOST)
        return CS_ERR(PEER_ERRS);
    s->ready = msg.code == CS_HSM_READY;
    s->gate->numbers->signer[s->number].n_ready += s->ready;
    s->gate->numbers->signer[s->number].n_lost += !s->ready;
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__HsmEvent event;
    countersign__ledger__v1__entry__init(&entry);
    countersign__ledger__v1__hsm_event__init(&event);
    event.signer = s->number;
    event.state = s->ready ? COUNTERSIGN__LEDGER__V1__HSM_STATE__HSM_STATE_READY
                           : COUNTERSIGN__LEDGER__V1__HSM_STATE__HSM_STATE_LOST;
    event.ck_rv = msg.ck_rv;
    event.text = cs_proto_bytes(msg.text);
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HSM_EVENT;
    entry.hsm_event = &event;
    uint64_t seq;
    cs_result r = cs_ledger_append(s->gate->ledger, &entry, &seq);
    return cs_ok(r) ? CS_OK : cs_store_failed(s->gate, r);
}

CS_RESULT cs_signer_link_init(struct cs_gate *g, uint32_t number, int take_fd)
{
    static const struct cs_dispatch table[] = {
        { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello },
        { CS_MSG_SIGNED, CS_MSG_SIGNED_MAX_LEN, 0, on_signed }, /* on_hello opens the rest */
        { CS_MSG_NOT_SIGNED, CS_MSG_EVENT_MAX_LEN, 0, on_not_signed },
        { CS_MSG_SIGN_UNSURE, CS_MSG_EVENT_MAX_LEN, 0, on_sign_unsure },
        { CS_MSG_HSM_EVENT, CS_MSG_EVENT_MAX_LEN, 0, on_hsm_event },
        { 0, 0, 0, NULL },
    };
    struct cs_signer_link *s = &g->signer[number];
    *s = (struct cs_signer_link){ .number = number, .gate = g };
    memcpy(s->table, table, sizeof table);
    CS_TRY(cs_chan_init(&s->chan, take_fd, SIGNER_IN_MAX, SIGNER_OUT_MAX));
    const struct cs_hello hello = { .version = CS_IPC_VERSION, .subject = g->keytable_digest };
    return cs_hello_put(&s->chan, &hello);
}

bool cs_signers_ready(const struct cs_gate *g)
{
    for (uint32_t i = 0; i < g->n_signers; i++)
        if (g->signer[i].ready)
            return true;
    return false;
}

static bool may_use(const struct cs_signer_link *s, uint32_t key)
{
    return s->ready && (s->faulty_keys >> key & 1) == 0;
}

bool cs_key_ready(const struct cs_gate *g, uint32_t key)
{
    for (uint32_t i = 0; i < g->n_signers; i++)
        if (may_use(&g->signer[i], key))
            return true;
    return false;
}

static struct cs_signer_link *least_loaded(struct cs_gate *g, uint32_t key)
{
    struct cs_signer_link *best = NULL;
    for (uint32_t i = 0; i < g->n_signers; i++) {
        struct cs_signer_link *s = &g->signer[i];
        if (may_use(s, key) && s->n_sent < CS_GATE_SIGNER_DEPTH && (best == NULL || s->n_sent < best->n_sent))
            best = s;
    }
    return best;
}

/* Spends the grant: from here on the key may be used for this intent, once. */
static CS_RESULT send_to(struct cs_signer_link *s, struct cs_flight *f)
{
    uint64_t seq;
    CS_TRY(cs_grant_take(f->grant, &seq));
    const struct cs_msg_sign m = {
        .key = f->issuer, .kind = f->kind, .algorithm = f->algorithm, .tbs = cs_buf_span(&f->tbs)
    };
    CS_TRY(cs_msg_sign_put(&s->chan, seq, &m));
    f->state = CS_FLIGHT_SENT;
    f->sent_mono_us = cs_clock_mono_us();
    f->signer = s->number;
    s->n_sent++;
    return CS_OK;
}

static CS_RESULT close_unsent(struct cs_gate *g, struct cs_flight *f, const char *why)
{
    return cs_flight_close(g, f, COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_NOT_SIGNED,
                           (struct cs_span){ 0 }, cs_span_str(why));
}

CS_RESULT cs_signers_feed(struct cs_gate *g)
{
    int64_t now_mono_us = cs_clock_mono_us();
    while (g->n_ready != 0) {
        struct cs_flight *f = &g->flight[g->ready[g->ready_at]];
        const char *unsent = f->n_waiters == 0 ? "the client went away before the key was used"
                             : f->deadline_mono_us <= now_mono_us
                                 ? "the deadline passed before the key was used"
                             : !cs_key_ready(g, f->issuer) ? "no signer can use the key now"
                                                           : NULL;
        struct cs_signer_link *s = unsent == NULL ? least_loaded(g, f->issuer) : NULL;
        if (unsent == NULL && s == NULL)
            return CS_OK; /* every signer has enough to do */
        g->ready_at = (g->ready_at + 1) % CS_GATE_FLIGHTS_MAX;
        g->n_ready--;
        CS_TRY(unsent != NULL ? close_unsent(g, f, unsent) : send_to(s, f));
    }
    return CS_OK;
}
