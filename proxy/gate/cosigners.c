#include "proxy/gate/cosigners.h"

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/gate/checkpoints.h"
#include "proxy/ledger/proofs.h"
#include "proxy/tlog/checkpoint.h"
#include "proxy/tlog/proof_file.h"
#include "proxy/tlog/text.h"

enum { BACK_OFF_MIN_MS = 500, BACK_OFF_MAX_MS = 30000, CONFLICTS_MAX = 3, LOG_EVERY = 16 };

typedef unsigned long long ull;

/* It did not do what it is there for: asked again later, logged now and then. */
static CS_RESULT failed(struct cs_cosigner *c, const char *what, struct cs_span detail)
{
    uint32_t doubled = c->n_failures < 6 ? c->n_failures : 6;
    int64_t wait_ms = (int64_t)BACK_OFF_MIN_MS << doubled;
    c->next_mono_ms = cs_clock_mono_ms() + (wait_ms < BACK_OFF_MAX_MS ? wait_ms : BACK_OFF_MAX_MS);
    if (c->n_failures++ % LOG_EVERY == 0) {
        cs_log_begin(CS_LOG_WARNING, "witness_failed");
        cs_log_str("witness", c->policy->key.name);
        cs_log_str("msg", what);
        if (detail.len != 0)
            cs_log_span("detail", detail);
        cs_log_int("failures", c->n_failures);
        cs_log_end();
    }
    return CS_OK;
}

/* ---- asking ---- */

static CS_RESULT send_off(struct cs_witnesses *w, struct cs_cosigner *c, enum cs_errand_kind kind,
                          struct cs_span body)
{
    const struct cs_errand m = { .kind = (uint8_t)kind,
                                 .witness = (uint32_t)(c - w->cosigner),
                                 .body = body };
    c->errand = ++w->next_errand;
    c->errand_kind = m.kind;
    c->busy = true;
    return cs_errand_put(&w->chan, c->errand, &m);
}

CS_RESULT cs_cosigner_ask(struct cs_witnesses *w, struct cs_cosigner *c)
{
    CS_AUTO_BUF struct cs_buf body = { .max = CS_ERRAND_BODY_MAX_LEN };
    struct cs_tlog_proof proof = { 0 };
    struct cs_tlog_note note;
    cs_result made = CS_OK;
    if (c->read_next) {
        c->read_next = false;
        return send_off(w, c, CS_ERRAND_READ, (struct cs_span){ 0 });
    }
    if (c->known_size != 0)
        made = cs_ledger_consistency(w->gate->ledger, c->known_size, w->round_size, &proof);
    if (!cs_ok(made))
        return failed(c, "the ledger could not be read for its proof", cs_span_str(cs_result_text(made)));
    CS_TRY(cs_tlog_note_parse(cs_buf_span(&w->round), &note));
    cs_buf_reset(&c->sent);
    cs_buf_put(&c->sent, note.text.at, note.text.len);
    cs_tlog_add_put(&body, c->known_size, &proof, cs_buf_span(&w->round));
    CS_TRY(cs_buf_end(&c->sent));
    CS_TRY(cs_buf_end(&body));
    c->sent_old = c->known_size;
    c->sent_size = w->round_size;
    return send_off(w, c, CS_ERRAND_ADD, cs_buf_span(&body));
}

/* ---- answers ---- */

static void line_put(struct cs_buf *out, const struct cs_tlog_line *line)
{
    cs_buf_put_str(out, "\xe2\x80\x94 ");
    cs_buf_put(out, line->name.at, line->name.len);
    cs_buf_put_str(out, " ");
    cs_buf_put(out, line->signature.at, line->signature.len);
    cs_buf_put_str(out, "\n");
}

/* The first of its lines; cs_tlog_note_signed_by has verified all of them. */
static CS_RESULT keep_line(struct cs_witnesses *w, struct cs_cosigner *c, const struct cs_tlog_note *n)
{
    CS_AUTO_BUF struct cs_buf line = { .max = CS_TLOG_BLOB_MAX_LEN };
    for (uint32_t i = 0; i < n->n_lines && line.len == 0; i++)
        if (n->line[i].id == c->policy->key.id && cs_span_is(n->line[i].name, c->policy->key.name))
            line_put(&line, &n->line[i]);
    CS_TRY(cs_buf_end(&line));
    return cs_ledger_cosignature_put(w->gate->ledger, c->sent_size, cs_buf_span(&line));
}

static CS_RESULT cosigned(struct cs_witnesses *w, struct cs_cosigner *c, struct cs_span body)
{
    struct cs_tlog_note n;
    uint64_t unix_s = 0;
    if (!cs_ok(cs_tlog_lines_parse(body, cs_buf_span(&c->sent), &n)))
        return failed(c, "its answer is not made of signature lines", (struct cs_span){ 0 });
    enum cs_tlog_found found = cs_tlog_note_signed_by(&n, &c->policy->key, &unix_s);
    if (found != CS_TLOG_GOOD)
        return failed(c,
                      found == CS_TLOG_BAD ? "its cosignature does not verify"
                                           : "its answer has no line of the key that the policy names",
                      (struct cs_span){ 0 });
    cs_result r = keep_line(w, c, &n);
    if (!cs_ok(r))
        return failed(c, "its cosignature could not be kept", cs_span_str(cs_result_text(r)));
    if (c->n_failures != 0)
        cs_log(CS_LOG_INFO, "witness_back", "%s cosigns again", c->policy->key.name);
    c->known_size = c->cosigned_size = c->sent_size;
    c->n_failures = c->n_conflicts = 0;
    cs_witnesses_cosigned(w, c);
    return CS_OK;
}

/* Its word alone stops nothing: it must show a checkpoint that our key signed. */
static CS_RESULT contradicts(struct cs_cosigner *c, const char *what)
{
    cs_log(CS_LOG_WARNING, "witness_contradicts", "%s: %s; asked for the checkpoint it holds",
           c->policy->key.name, what);
    c->read_next = true;
    return CS_OK;
}

static CS_RESULT conflict(struct cs_witnesses *w, struct cs_cosigner *c, struct cs_span body)
{
    struct cs_span rest = body, line;
    uint64_t size = 0;
    if (!cs_tlog_line(&rest, &line) || rest.len != 0 || !cs_tlog_number(line, &size))
        return failed(c, "its 409 names no size", (struct cs_span){ 0 });
    if (size == c->sent_old)
        return contradicts(c, "it holds another tree of the size it knows");
    if (size > w->gate->checkpoints->size)
        return contradicts(c, "it holds a larger tree than this log ever signed");
    if (c->n_conflicts++ >= CONFLICTS_MAX) {
        c->n_conflicts = 0;
        return failed(c, "it names one size after the other", (struct cs_span){ 0 });
    }
    c->known_size = size;
    return CS_OK; /* and asked again at once, with the proof from there */
}

static CS_RESULT forked(struct cs_witnesses *w, const struct cs_cosigner *c, uint64_t size,
                        struct cs_span checkpoint)
{
    struct cs_ledger_head head;
    struct cs_note note = { "" };
    cs_ledger_head_get(w->gate->ledger, &head);
    cs_log_begin(CS_LOG_ERROR, "ledger_forked");
    cs_log_str("witness", c->policy->key.name);
    cs_log_int("witness_size", (int64_t)size);
    cs_log_int("ledger_size", (int64_t)head.size);
    cs_log_str("msg",
               "this log's key signed a checkpoint that this ledger does not hold: it was rolled back, "
               "or another one is signed with the same key; nothing more is recorded or signed");
    cs_log_end();
    if (!cs_ok(cs_write_file(w->mark_path, checkpoint, 0600, &note)))
        cs_log(CS_LOG_ERROR, "mark_failed", "%s", note.text);
    return CS_ERR(STORE_CORRUPT);
}

static CS_RESULT holds(struct cs_witnesses *w, struct cs_cosigner *c, struct cs_span body)
{
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint at;
    struct cs_ledger_head head;
    struct cs_sha256 root;
    struct cs_note why = { "" };
    if (!cs_ok(cs_tlog_checkpoint_open(body, &w->gate->checkpoints->signer.key, &n, &at, &why)))
        return failed(c, "it contradicts, and what it holds is not signed by this log",
                      cs_span_str(why.text));
    cs_ledger_head_get(w->gate->ledger, &head);
    if (at.size > head.size)
        return forked(w, c, at.size, body);
    CS_TRY(cs_ledger_root_at(w->gate->ledger, at.size, &root));
    if (!cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&at.root)))
        return forked(w, c, at.size, body);
    c->known_size = at.size;
    return failed(c, "it contradicts, and holds what this ledger holds", (struct cs_span){ 0 });
}

static CS_RESULT of_status(struct cs_cosigner *c, uint32_t status)
{
    static const struct {
        uint32_t status;
        const char *text;
    } known[] = { { 400, "HTTP 400: it takes the request for malformed" },
                  { 403, "HTTP 403: it does not know this log's key" },
                  { 404, "HTTP 404: it does not know this log, or the address is wrong" },
                  { 409, "HTTP 409 without a size" } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return failed(c, known[i].text, (struct cs_span){ 0 });
    char text[32];
    (void)snprintf(text, sizeof text, "HTTP %u", status);
    return failed(c, text, (struct cs_span){ 0 });
}

CS_RESULT cs_cosigner_answered(struct cs_witnesses *w, struct cs_cosigner *c, const struct cs_errand_done *m)
{
    c->busy = false;
    if (m->status == 0)
        return failed(c, "it cannot be reached", m->trouble);
    if (c->errand_kind == CS_ERRAND_READ)
        return m->status == 200
                   ? holds(w, c, m->body)
                   : failed(c, "it contradicts, and does not show what it holds", (struct cs_span){ 0 });
    if (m->status == 200)
        return cosigned(w, c, m->body);
    if (m->status == 409 && m->is_size)
        return conflict(w, c, m->body);
    if (m->status == 422)
        return contradicts(c, "the proof does not fit what it holds");
    return of_status(c, m->status);
}
