#include "hsm/signer.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hsm/peek.h"
#include "hsm/watchdog.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/ipc/process.h"

static cs_result say(struct cs_signer *s, uint32_t type, uint64_t id, uint32_t code, CK_RV rv,
                     const char *text)
{
    struct cs_msg_event e = { .code = code, .ck_rv = rv, .text = cs_span_str(text) };
    return cs_msg_event_put(&s->gate, type, id, &e);
}

static void log_event(enum cs_log_level level, const char *event, cs_result r, const struct cs_why *why)
{
    cs_log_begin(level, event);
    cs_log_result(r);
    if (why->rv != CKR_OK)
        cs_log_str("ck_rv", cs_ckr_name(why->rv));
    cs_log_str("message", why->note.text);
    cs_log_end();
}

/* refuse answers NOT_SIGNED (type) or SIGN_UNSURE and logs it. */
static cs_result refuse(struct cs_signer *s, uint32_t type, uint64_t seq, cs_result r,
                        const struct cs_why *why)
{
    bool unsure = type == CS_MSG_SIGN_UNSURE;
    cs_log_begin(unsure ? CS_LOG_ERROR : CS_LOG_WARNING, unsure ? "sign-unsure" : "not-signed");
    cs_log_int("seq", (int64_t)seq);
    cs_log_result(r);
    if (why->rv != CKR_OK)
        cs_log_str("ck_rv", cs_ckr_name(why->rv));
    cs_log_str("message", why->note.text);
    cs_log_end();
    return say(s, type, seq, r.code, why->rv, why->note.text);
}

static cs_result lose(struct cs_signer *s, const struct cs_why *why)
{
    s->lost = true;
    s->backoff_ms = CS_SIGNER_BACKOFF_MIN_MS;
    s->retry_mono_ms = cs_clock_mono_ms() + s->backoff_ms;
    log_event(CS_LOG_ERROR, "hsm-lost", CS_ERR(HSM), why);
    return say(s, CS_MSG_HSM_EVENT, 0, CS_HSM_LOST, why->rv, why->note.text);
}

static cs_result reason(cs_result r, struct cs_why *why, const char *text)
{
    cs_why_set(why, CKR_OK, "%s", text);
    return r;
}

/* may_sign: everything that can be refused before the token is asked. */
static cs_result may_sign(struct cs_signer *s, uint64_t seq, const struct cs_msg_sign *q,
                          struct cs_key **out_key, struct cs_key_algorithm **out_algorithm,
                          struct cs_why *why)
{
    if (q->key >= s->table.n_keys)
        return reason(CS_ERR(ARGUMENT), why, "no such key in the key table");
    struct cs_key *k = &s->key[q->key];
    if (q->kind != CS_SIGN_PRECERTIFICATE && q->kind != CS_SIGN_CERTIFICATE)
        return reason(CS_ERR(ARGUMENT), why, "no such kind of signature");
    if (!(k->row->purposes & CS_PURPOSE_LEAF))
        return reason(CS_ERR(KEY_PURPOSE), why, "the key's purposes do not include leaf certificates");
    if (seq <= s->last_seq)
        return reason(CS_ERR(SEQ_SPENT), why, "this sequence number, or a later one, was already signed");
    if (k->quarantined)
        return reason(CS_ERR(HSM_FAULT), why, "the key is in quarantine: a signature did not verify");
    if (s->witness.failed)
        return reason(CS_ERR(IO), why, "the witness file failed: no signature without its line");
    if (s->lost)
        return reason(CS_ERR(HSM), why, "the token is lost; reconnecting");
    struct cs_key_algorithm *a = cs_key_algorithm_of(k, q->algorithm);
    if (a == NULL)
        return reason(CS_ERR(KEY_PURPOSE), why, "the key may not sign with this algorithm");
    struct cs_peek_want want = { (enum cs_sign_kind)q->kind, a->row->der, cs_buf_span(&k->issuer_name),
                                 cs_buf_span(&k->issuer_spki) };
    why->rv = CKR_OK;
    CS_TRY(cs_peek(q->tbs, &want, &why->note));
    *out_key = k;
    *out_algorithm = a;
    return CS_OK;
}

/* sign_unsure: the token was asked and gave nothing to use. */
static cs_result sign_unsure(struct cs_signer *s, uint64_t seq, cs_result r, const struct cs_why *why)
{
    CS_TRY(refuse(s, CS_MSG_SIGN_UNSURE, seq, r, why));
    /* No value at all (libp11 did not pass one on) says nothing good about the session either. */
    bool rebuild = cs_is(r, CS_NUM_HSM) && (why->rv == CKR_OK || cs_ckr_is_loss(why->rv));
    return rebuild ? lose(s, why) : CS_OK;
}

static cs_result on_sign(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    struct cs_signer *s = ctx;
    (void)c;
    struct cs_msg_sign q;
    if (!cs_ok(cs_msg_sign_get(m->body, &q)))
        return CS_ERR(PEER_ERRS);
    struct cs_why why = { .rv = CKR_OK };
    struct cs_key *k = NULL;
    struct cs_key_algorithm *a = NULL;
    cs_result r = may_sign(s, m->id, &q, &k, &a, &why);
    if (!cs_ok(r))
        return refuse(s, CS_MSG_NOT_SIGNED, m->id, r, &why);

    s->last_seq = m->id;
    struct cs_sha256 tbs_sha256 = cs_sha256(q.tbs);
    uint8_t digest[CS_DIGEST_MAX_LEN];
    cs_hash(a->row->hash, q.tbs, digest);
    struct cs_span d = cs_span_of(digest, cs_hash_len(a->row->hash));
    struct cs_signature signature;
    cs_watchdog_arm(CS_WATCHDOG_SIGN_S);
    r = cs_key_sign(&s->token.module, k, a, d, &signature, &why);
    cs_watchdog_disarm();
    if (!cs_ok(r))
        return sign_unsure(s, m->id, r, &why);
    r = cs_key_verify(a, d, &signature);
    if (!cs_ok(r)) {
        k->quarantined = true;
        cs_why_set(&why, CKR_OK,
                   "key \"%.*s\": the token's signature does not verify; the key is in quarantine",
                   (int)k->row->id.len, (const char *)k->row->id.at);
        return sign_unsure(s, m->id, r, &why);
    }
    struct cs_span value = cs_span_of(signature.at, signature.len);
    struct cs_witness_line line = { .seq = m->id,
                                    .issuer = k->row->id,
                                    .kind = (enum cs_sign_kind)q.kind,
                                    .tbs = tbs_sha256,
                                    .signature = cs_sha256(value),
                                    .unix_us = cs_clock_unix_us() };
    r = cs_witness_put(&s->witness, &line);
    if (!cs_ok(r)) {
        cs_why_set(&why, CKR_OK, "the witness line was not written: the signature is withheld");
        CS_TRY(refuse(s, CS_MSG_SIGN_UNSURE, m->id, r, &why));
        return say(s, CS_MSG_HSM_EVENT, 0, CS_HSM_LOST, 0, why.note.text);
    }
    struct cs_msg_signed done = { .tbs_sha256 = tbs_sha256, .signature = value };
    return cs_msg_signed_put(&s->gate, m->id, &done);
}

static cs_result on_hello(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    struct cs_signer *s = ctx;
    (void)c;
    struct cs_hello h;
    if (!cs_ok(cs_hello_get(m->body, &h)) || h.version != CS_IPC_VERSION)
        return CS_ERR(PEER_ERRS);
    if (!cs_span_eq(cs_sha256_span(&h.subject), cs_sha256_span(&s->digest))) {
        cs_log(CS_LOG_ERROR, "key-table-differs", "the gate has other keys in its policy than this signer");
        return CS_ERR(CONFIG); /* index i would mean another key to the gate */
    }
    cs_dispatch_open(s->dispatch, CS_MSG_SIGN);
    CS_TRY(say(s, CS_MSG_HSM_EVENT, 0, CS_HSM_READY, 0, "connected"));
    cs_log(CS_LOG_INFO, "ready", "%u keys on %zu tokens", s->table.n_keys, s->token.n_seats);
    return CS_OK;
}

/* lifeline_read: *out_end when the parent is gone. Draining is the gate's work: it stops asking. */
static cs_result lifeline_read(struct cs_signer *s, bool *out_end)
{
    uint8_t bytes[16];
    ssize_t n = recv(s->lifeline_fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return CS_OK;
    *out_end = n <= 0;
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != CS_LIFELINE_DRAIN)
            return CS_ERR(PEER_ERRS);
    return CS_OK;
}

static cs_result reconnect(struct cs_signer *s, struct cs_why *why)
{
    cs_watchdog_arm(CS_WATCHDOG_CONNECT_S);
    cs_token_disconnect(&s->token, s->key, s->table.n_keys);
    cs_result r = cs_token_connect(&s->token, s->pin, s->key, s->table.n_keys, why);
    cs_watchdog_disarm();
    if (cs_is(r, CS_NUM_HSM_PIN))
        return r;
    if (!cs_ok(r)) {
        log_event(CS_LOG_WARNING, "hsm-reconnect-failed", r, why);
        s->backoff_ms *= 2;
        if (s->backoff_ms > CS_SIGNER_BACKOFF_MAX_MS)
            s->backoff_ms = CS_SIGNER_BACKOFF_MAX_MS;
        s->retry_mono_ms = cs_clock_mono_ms() + s->backoff_ms;
        return CS_OK;
    }
    s->lost = false;
    cs_log(CS_LOG_INFO, "hsm-reconnected", "%u keys on %zu tokens", s->table.n_keys, s->token.n_seats);
    return say(s, CS_MSG_HSM_EVENT, 0, CS_HSM_READY, 0, "reconnected");
}

static int poll_timeout_ms(const struct cs_signer *s)
{
    if (s->witness.dirty)
        return 0; /* nothing waiting means time to force the witness lines to disk */
    if (!s->lost)
        return -1;
    int64_t left = s->retry_mono_ms - cs_clock_mono_ms();
    return left < 0 ? 0 : (int)left;
}

static cs_result flush(struct cs_signer *s)
{
    cs_result r = cs_chan_flush(&s->gate);
    return cs_is(r, CS_NUM_AGAIN) ? CS_OK : r;
}

static cs_result witness_sync(struct cs_signer *s)
{
    if (cs_ok(cs_witness_sync(&s->witness)))
        return CS_OK;
    cs_log(CS_LOG_ERROR, "witness-failed", "the witness file could not be forced to disk");
    return say(s, CS_MSG_HSM_EVENT, 0, CS_HSM_LOST, 0, "the witness file could not be forced to disk");
}

/* turn is one round of the loop; *out_end ends it. A gate that is gone ends it as well. */
static cs_result turn(struct cs_signer *s, bool *out_end, struct cs_why *why)
{
    struct pollfd p[2] = { { .fd = s->lifeline_fd, .events = POLLIN }, { .fd = s->gate.fd } };
    /* No new request while answers wait: the gate must read them first. */
    p[1].events = cs_chan_wants_write(&s->gate) ? POLLOUT : POLLIN;
    int n = poll(p, 2, poll_timeout_ms(s));
    if (n < 0)
        return errno == EINTR ? CS_OK : CS_ERR(IO);
    if (p[0].revents != 0) {
        CS_TRY(lifeline_read(s, out_end));
        if (*out_end)
            return CS_OK;
    }
    if (p[1].revents != 0 && p[1].events == POLLIN) {
        cs_result r = cs_chan_fill(&s->gate);
        if (!cs_ok(r) && !cs_is(r, CS_NUM_AGAIN))
            return r;
        CS_TRY(cs_dispatch_run(s->dispatch, &s->gate, s));
    }
    CS_TRY(flush(s));
    int64_t now_ms = cs_clock_mono_ms();
    if (s->witness.dirty && (n == 0 || now_ms - s->synced_mono_ms >= CS_SIGNER_SYNC_MAX_MS)) {
        CS_TRY(witness_sync(s));
        s->synced_mono_ms = now_ms;
    }
    if (s->lost && now_ms >= s->retry_mono_ms)
        CS_TRY(reconnect(s, why));
    return flush(s);
}

CS_RESULT cs_signer_run(struct cs_signer *s, struct cs_why *why)
{
    struct cs_dispatch table[] = {
        { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN | CS_DISPATCH_ONCE, on_hello },
        { CS_MSG_SIGN, CS_MSG_SIGN_MAX_LEN, 0, on_sign }, /* opened after HELLO */
        { 0, 0, 0, NULL },
    };
    s->dispatch = table;
    *why = (struct cs_why){ .rv = CKR_OK };
    /* the parent starts signers one by one, before the gate: ready means the token is usable */
    static const uint8_t ready = CS_LIFELINE_READY;
    if (send(s->lifeline_fd, &ready, 1, MSG_NOSIGNAL) != 1 && errno != EPIPE)
        return CS_ERR(IO);
    struct cs_hello h = { .version = CS_IPC_VERSION, .subject = s->digest };
    CS_TRY(cs_hello_put(&s->gate, &h));
    CS_TRY(flush(s));
    bool end = false;
    cs_result r = CS_OK;
    while (!end && cs_ok(r))
        r = turn(s, &end, why);
    (void)cs_ok(cs_witness_sync(&s->witness));
    if (cs_is(r, CS_NUM_PEER_GONE))
        r = CS_OK;
    if (cs_ok(r) && s->witness.failed) {
        r = CS_ERR(IO);
        cs_why_set(why, CKR_OK, "a witness line was not written or not forced to disk");
    }
    if (!cs_ok(r) && why->note.text[0] == '\0')
        cs_why_set(why, CKR_OK, "%s", cs_result_text(r));
    s->dispatch = NULL;
    return r;
}
