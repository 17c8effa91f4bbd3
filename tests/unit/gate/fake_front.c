#include "tests/unit/gate/fake_front.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/stream.h"

enum { BUFFER_MAX = 16 * 1024 * 1024 };

static void load_policy(struct fake *f, const char *docs_path, const char *clients)
{
    CS_AUTO_BUF struct cs_buf text = { 0 }, document = { 0 };
    struct cs_note note = { "" };
    assert_true(cs_ok(cs_read_file(docs_path, 1024 * 1024, &text, &note)));
    cs_buf_put_u8(&text, 0);
    char *at = strstr((char *)text.at, "```yaml\n");
    assert_non_null(at);
    at += 8;
    char *rows = strstr(at, "\nclients:\n"), *limits = strstr(at, "\nlimits:\n"), *end = strstr(at, "```\n");
    assert_true(rows != NULL && limits != NULL && end != NULL);
    cs_buf_put(&document, at, (size_t)(rows + 10 - at));
    cs_buf_put_str(&document, clients);
    cs_buf_put(&document, limits, (size_t)(end - limits));
    if (!cs_ok(cs_policy_load(cs_buf_span(&document), &f->gate->policy, &note)))
        fail_msg("%s", note.text);
}

void fake_open(struct fake *f, const char *docs_path, const char *clients)
{
    struct cs_note note = { "" };
    int fd[2];
    char path[96];
    *f = (struct fake){ .dir = "/tmp/countersign-gate-XXXXXX" };
    assert_non_null(mkdtemp(f->dir));
    struct cs_gate *g = f->gate = calloc(1, sizeof *g);
    assert_non_null(g);
    load_policy(f, docs_path, clients);
    assert_true(cs_ok(cs_gate_seats(g)));
    assert_true(cs_ok(cs_evidence_cache_new(16, &g->cache)));
    (void)snprintf(path, sizeof path, "%s/ledger.db", f->dir);
    if (!cs_ok(cs_ledger_open(path, &g->ledger, &note)))
        fail_msg("%s", note.text);
    g->arena.max = CS_GATE_ARENA_MAX;
    g->n_signers = 1;
    g->signer[0] = (struct cs_signer_link){ .gate = g, .ready = true, .chan = { .fd = -1 } };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    cs_front_table(g);
    assert_true(cs_ok(cs_chan_init(&g->front, fd[0], BUFFER_MAX, BUFFER_MAX)));
    assert_true(cs_ok(cs_chan_init(&f->front, fd[1], BUFFER_MAX, BUFFER_MAX)));
    const struct cs_hello hello = { .version = CS_IPC_VERSION };
    assert_true(cs_ok(cs_hello_put(&f->front, &hello)));
    assert_true(cs_ok(fake_turn(f)));
}

void fake_close(struct fake *f)
{
    static const char *const files[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-lock" };
    struct cs_gate *g = f->gate;
    char path[96];
    cs_chan_done(&f->front);
    cs_chan_done(&g->front);
    cs_ledger_close(g->ledger);
    cs_evidence_cache_free(g->cache);
    cs_gate_seats_done(g);
    cs_policy_free(g->policy);
    cs_arena_done(&g->arena);
    for (uint32_t i = 0; i < g->room_held; i++)
        cs_buf_done(&g->held[i].frame);
    free(g->held);
    free(g);
    cs_buf_done(&f->text);
    cs_buf_done(&f->details);
    cs_buf_done(&f->body);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", f->dir, files[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(f->dir), 0);
}

uint64_t fake_call(struct fake *f, uint16_t method, const struct cs_peer *peer, struct cs_span request)
{
    const struct cs_msg_call m = {
        .method = method, .peer = *peer, .deadline_mono_us = cs_clock_mono_us() + 60000000, .request = request
    };
    assert_true(cs_ok(cs_msg_call_put(&f->front, ++f->n_calls, &m)));
    return f->n_calls;
}

void fake_cancel(struct fake *f, uint64_t call)
{
    assert_true(cs_ok(cs_chan_put(&f->front, CS_MSG_CANCEL, call, NULL, 0)));
}

void fake_more(struct fake *f, uint64_t call, uint32_t n)
{
    assert_true(cs_ok(cs_msg_more_put(&f->front, call, n)));
}

static void keep(struct cs_buf *to, struct cs_span from)
{
    cs_buf_reset(to);
    cs_buf_put(to, from.at, from.len);
}

static cs_result on_hello(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)ctx, (void)c, (void)m;
    return CS_OK;
}

static cs_result on_answer(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct fake *f = ctx;
    struct cs_msg_answer a;
    CS_TRY(cs_msg_answer_get(m->body, &a));
    f->n_answers++;
    f->last_call = m->id;
    f->status = a.status;
    keep(&f->text, a.text);
    keep(&f->details, a.details);
    keep(&f->body, a.response);
    return CS_OK;
}

static cs_result on_part(void *ctx, struct cs_chan *c, const struct cs_msg *m)
{
    (void)c;
    struct fake *f = ctx;
    f->n_parts++;
    f->last_call = m->id;
    keep(&f->body, m->body);
    return CS_OK;
}

static cs_result soft(cs_result r)
{
    return cs_is(r, CS_NUM_AGAIN) ? CS_OK : r;
}

cs_result fake_turn(struct fake *f)
{
    static struct cs_dispatch table[] = {
        { CS_MSG_HELLO, CS_HELLO_MAX_LEN, CS_DISPATCH_OPEN, on_hello },
        { CS_MSG_ANSWER, CS_MSG_ANSWER_MAX_LEN, CS_DISPATCH_OPEN, on_answer },
        { CS_MSG_PART, CS_ANSWER_MAX_LEN, CS_DISPATCH_OPEN, on_part },
        { 0, 0, 0, NULL },
    };
    struct cs_gate *g = f->gate;
    do { /* as much as the kernel's buffers take at a time */
        CS_TRY(soft(cs_chan_flush(&f->front)));
        CS_TRY(soft(cs_chan_fill(&g->front)));
        CS_TRY(cs_dispatch_run(g->front_table, &g->front, g));
        CS_TRY(cs_turn_end(g));
        CS_TRY(cs_streams_turn(g));
        CS_TRY(soft(cs_chan_flush(&g->front)));
        CS_TRY(soft(cs_chan_fill(&f->front)));
        CS_TRY(cs_dispatch_run(table, &f->front, f));
    } while (cs_chan_wants_write(&f->front) || cs_chan_wants_write(&g->front));
    return CS_OK;
}

uint64_t fake_ledger_size(const struct fake *f)
{
    struct cs_ledger_head head;
    cs_ledger_head_get(f->gate->ledger, &head);
    return head.size;
}
