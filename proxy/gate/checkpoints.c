#include "proxy/gate/checkpoints.h"

#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/secret.h"
#include "proxy/ledger/proofs.h"
#include "proxy/tlog/checkpoint.h"

enum { EVERY_MS = 1000 };

CS_RESULT cs_checkpoints_read_key(struct cs_gate *g, int take_fd, struct cs_note *note)
{
    struct cs_secret *pem = NULL;
    cs_result r = cs_secret_read_fd(take_fd, &pem);
    (void)close(take_fd);
    if (cs_is(r, CS_NUM_FORM)) { /* empty: the parent was given no key */
        cs_log(CS_LOG_WARNING, "no_checkpoints", "no ledger_key is configured: no checkpoints, no receipts");
        return CS_OK;
    }
    CS_TRY(r);
    struct cs_checkpoints *c = calloc(1, sizeof *c);
    struct cs_note why = { "" };
    if (c == NULL)
        r = CS_ERR(NO_MEMORY);
    else
        r = cs_tlog_signer_read(cs_span_of(cs_secret_text(pem), cs_secret_len(pem)), g->policy->ledger_origin,
                                CS_TLOG_ED25519, &c->signer, &why);
    cs_secret_free(pem);
    if (!cs_ok(r)) {
        cs_note_set(note, "ledger_key: %s",
                    g->policy->ledger_origin.len == 0 ? "the policy names no ledger: {origin: ...}"
                                                      : why.text);
        free(c);
        return cs_is(r, CS_NUM_FORM) ? CS_ERR(CONFIG) : r;
    }
    g->checkpoints = c;
    return CS_OK;
}

void cs_checkpoints_free(struct cs_checkpoints *c)
{
    if (c == NULL)
        return;
    cs_tlog_signer_done(&c->signer);
    free(c);
}

CS_RESULT cs_checkpoints_open(struct cs_gate *g, struct cs_note *note)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_ledger_head head;
    struct cs_span last;
    uint64_t size = 0;
    if (g->checkpoints == NULL)
        return CS_OK;
    CS_TRY(cs_ledger_checkpoint_last(g->ledger, &arena, &size, &last));
    cs_ledger_head_get(g->ledger, &head);
    if (size == 0)
        return CS_OK;
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    struct cs_note why = { "" };
    if (!cs_ok(cs_tlog_checkpoint_open(last, &g->checkpoints->signer.key, &n, &c, &why))) {
        cs_note_set(note, "ledger: the last checkpoint, of size %llu, is not of this log: %.200s",
                    (unsigned long long)size, why.text);
        return CS_ERR(STORE_CORRUPT);
    }
    if (c.size > head.size || c.size != size) {
        cs_note_set(note, "ledger: rolled back: it signed %llu entries and has %llu",
                    (unsigned long long)c.size, (unsigned long long)head.size);
        return CS_ERR(STORE_CORRUPT);
    }
    struct cs_sha256 root;
    CS_TRY(cs_ledger_root_at(g->ledger, c.size, &root));
    if (!cs_span_eq(cs_sha256_span(&root), cs_sha256_span(&c.root))) {
        cs_note_set(note, "ledger: forked: the first %llu entries are not those it signed",
                    (unsigned long long)c.size);
        return CS_ERR(STORE_CORRUPT);
    }
    g->checkpoints->size = size;
    return CS_OK;
}

/* The only place where a new checkpoint becomes known: it is signed and durable. Who carries it to
 * witnesses starts here; their lines come back through cs_ledger_cosignature_put. */
static void cs_gate_checkpoint_signed(struct cs_gate *g, uint64_t size)
{
    g->checkpoints->size = size;
    g->checkpoints->signed_unix_s = cs_clock_unix_s();
}

static CS_RESULT sign_head(struct cs_gate *g, const struct cs_ledger_head *head)
{
    CS_AUTO_BUF struct cs_buf note = { 0 };
    CS_TRY(cs_tlog_checkpoint_sign(&g->checkpoints->signer, head->size, &head->root, &note));
    CS_TRY(cs_ledger_checkpoint_put(g->ledger, head->size, cs_buf_span(&note)));
    cs_gate_checkpoint_signed(g, head->size);
    return CS_OK;
}

static bool is_due(const struct cs_gate *g, struct cs_ledger_head *out)
{
    if (g->checkpoints == NULL || cs_ledger_has_appends(g->ledger))
        return false;
    cs_ledger_head_get(g->ledger, out);
    return out->size > g->checkpoints->size;
}

void cs_checkpoints_sign(struct cs_gate *g, bool at_once)
{
    struct cs_ledger_head head;
    int64_t now_mono_ms = cs_clock_mono_ms();
    if (!is_due(g, &head) || (!at_once && now_mono_ms < g->checkpoints->next_mono_ms))
        return;
    g->checkpoints->next_mono_ms = now_mono_ms + EVERY_MS;
    cs_result r = sign_head(g, &head);
    if (cs_ok(r))
        return;
    cs_log_begin(CS_LOG_ERROR, "checkpoint_failed");
    cs_log_int("size", (int64_t)head.size);
    cs_log_result(r);
    cs_log_end();
}

int cs_checkpoints_wait_ms(const struct cs_gate *g, int timeout_ms)
{
    struct cs_ledger_head head;
    if (!is_due(g, &head))
        return timeout_ms;
    int64_t left = g->checkpoints->next_mono_ms - cs_clock_mono_ms();
    left = left < 0 ? 0 : left > EVERY_MS ? EVERY_MS : left;
    return timeout_ms < 0 || left < timeout_ms ? (int)left : timeout_ms;
}
