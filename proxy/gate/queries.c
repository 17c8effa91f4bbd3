#include "proxy/gate/queries.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "countersign/v1/ledger_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/base/log.h"
#include "proxy/gate/checkpoints.h"
#include "proxy/gate/query_thread.h"
#include "proxy/gate/stream.h"
#include "proxy/ledger/proofs.h"
#include "proxy/scope/index.h"

/* ---- the thread ---- */

static void free_all(struct cs_queries *q)
{
    if (q->knock_fd >= 0)
        (void)close(q->knock_fd);
    free(q->ledger);
    free(q);
}

/* Signals stay with the thread that has the loop. */
static bool start(struct cs_queries *q)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&q->thread, NULL, cs_query_thread, q) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

CS_RESULT cs_queries_open(struct cs_gate *g, const char *ledger_path, struct cs_note *note)
{
    struct cs_queries *q = calloc(1, sizeof *q);
    if (q == NULL)
        return CS_ERR(NO_MEMORY);
    q->knock_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    q->ledger = realpath(ledger_path, NULL);
    for (unsigned i = 0; i < CS_QUERIES_MAX; i++)
        q->query[i].of = q;
    bool made = q->knock_fd >= 0 && q->ledger != NULL && pthread_mutex_init(&q->lock, NULL) == 0 &&
                pthread_cond_init(&q->wake, NULL) == 0 && start(q);
    if (!made) {
        cs_note_set(note, "%s: no thread for queries: %s", ledger_path, strerror(errno));
        free_all(q);
        return CS_ERR(IO);
    }
    g->queries = q;
    return CS_OK;
}

void cs_queries_close(struct cs_queries *q)
{
    if (q == NULL)
        return;
    (void)pthread_mutex_lock(&q->lock);
    atomic_store(&q->stop, true);
    atomic_store(&q->hurry, true);
    for (unsigned i = 0; i < CS_QUERIES_MAX; i++)
        atomic_store(&q->query[i].given_up, true);
    (void)pthread_cond_signal(&q->wake);
    (void)pthread_mutex_unlock(&q->lock);
    (void)pthread_join(q->thread, NULL);
    (void)pthread_mutex_destroy(&q->lock);
    (void)pthread_cond_destroy(&q->wake);
    free_all(q);
}

/* ---- the main loop ---- */

int cs_queries_fd(const struct cs_gate *g)
{
    return g->queries != NULL ? g->queries->knock_fd : -1;
}

/* Told once each time it changes: what is not indexed is read, so that answers are only slower. */
static void tell_index(struct cs_queries *q, const struct cs_note *trouble)
{
    if (strcmp(trouble->text, q->trouble_told.text) == 0)
        return;
    q->trouble_told = *trouble;
    cs_log_begin(trouble->text[0] != '\0' ? CS_LOG_WARNING : CS_LOG_INFO, "scope_index");
    cs_log_str("msg", trouble->text[0] != '\0' ? trouble->text : "up to date again");
    cs_log_end();
}

void cs_queries_turn(struct cs_gate *g)
{
    struct cs_queries *q = g->queries;
    struct cs_ledger_head head;
    uint64_t knocks = 0;
    if (q == NULL)
        return;
    cs_ledger_head_get(g->ledger, &head);
    bool grown = head.size / CS_SCOPE_GROUP != q->n_groups_told;
    if (read(q->knock_fd, &knocks, sizeof knocks) != (ssize_t)sizeof knocks && !grown)
        return;
    q->n_groups_told = head.size / CS_SCOPE_GROUP;
    (void)pthread_mutex_lock(&q->lock);
    struct cs_note trouble = q->index_trouble;
    q->n_groups = q->n_groups_told;
    if (grown)
        (void)pthread_cond_signal(&q->wake);
    (void)pthread_mutex_unlock(&q->lock);
    tell_index(q, &trouble);
}

void cs_queries_signed(struct cs_gate *g)
{
    const uint64_t one = 1;
    if (g->queries == NULL || g->queries->n_waiting == 0)
        return;
    for (unsigned i = 0; i < CS_QUERIES_MAX; i++) {
        uint64_t size = g->queries->query[i].waits_for;
        if (size != 0 && g->checkpoints->size >= size) {
            (void)!write(g->queries->knock_fd, &one, sizeof one);
            return;
        }
    }
}

/* ---- the end of an answer ---- */

static void wait_for(struct cs_query *q, uint64_t size)
{
    if (q->waits_for == 0 && size != 0)
        q->of->n_waiting++;
    else if (q->waits_for != 0 && size == 0)
        q->of->n_waiting--;
    q->waits_for = size;
}

static CS_RESULT add_checkpoint(struct cs_gate *g, struct cs_arena *arena, Countersign__V1__Completeness *m)
{
    uint64_t size = 0;
    struct cs_span note;
    struct cs_tlog_proof *proof = cs_arena_get(arena, sizeof *proof);
    m->consistency_proof = cs_arena_get(arena, CS_TLOG_PROOF_MAX * sizeof *m->consistency_proof);
    if (proof == NULL || m->consistency_proof == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_ledger_checkpoint_cosigned(g->ledger, arena, &size, &note));
    CS_TRY(cs_ledger_consistency(g->ledger, m->tree_size, size, proof));
    m->checkpoint = cs_proto_bytes(note);
    for (uint32_t i = 0; i < proof->n; i++)
        m->consistency_proof[m->n_consistency_proof++] = cs_proto_bytes(cs_sha256_span(&proof->hash[i]));
    return CS_OK;
}

/* The statement names a checkpoint of all entries that were looked at: at most a second away. */
static CS_RESULT say_completeness(struct cs_gate *g, struct cs_stream *s, struct cs_query *q)
{
    CS_AUTO_ARENA struct cs_arena arena = { .max = CS_ANSWER_MAX_LEN };
    const struct cs_scope_cover *cover = cs_scope_cover_of(q->ask);
    Countersign__V1__QueryIssuanceResponse m;
    if (g->checkpoints != NULL && g->checkpoints->size < cover->size) {
        if (g->ledger_failed)
            return cs_stream_end(g, s, CS_GRPC_UNAVAILABLE, "no checkpoint of the entries could be signed");
        wait_for(q, cover->size);
        return CS_OK;
    }
    countersign__v1__query_issuance_response__init(&m);
    m.part_case = COUNTERSIGN__V1__QUERY_ISSUANCE_RESPONSE__PART_COMPLETENESS;
    CS_TRY(cs_scope_completeness(cover, &arena, &m.completeness));
    if (!q->client->all_entries)
        m.completeness->only_client = cs_proto_bytes(q->client->name);
    if (g->checkpoints != NULL)
        CS_TRY(add_checkpoint(g, &arena, m.completeness));
    CS_TRY(cs_answer_part(g, s->call, &m.base)); /* AGAIN: the reader first */
    return cs_stream_end(g, s, CS_GRPC_OK, "");
}

static CS_RESULT say_failure(struct cs_gate *g, struct cs_stream *s, const struct cs_query *q)
{
    struct cs_note note = q->note;
    cs_result r = q->failed;
    cs_log_begin(CS_LOG_ERROR, "query_failed");
    cs_log_result(r);
    cs_log_str("msg", note.text);
    cs_log_end();
    uint32_t status = cs_class(r) == CS_CLASS_BUSY     ? CS_GRPC_RESOURCE_EXHAUSTED
                      : cs_is(r, CS_NUM_STORE_CORRUPT) ? CS_GRPC_DATA_LOSS
                                                       : CS_GRPC_UNAVAILABLE;
    return cs_stream_end(g, s, status, note.text[0] != '\0' ? note.text : cs_result_text(r));
}

/* ---- a stream ---- */

/* What the thread has found leaves as far as the reader made room; *out_end when nothing more will come. */
static CS_RESULT send_found(struct cs_gate *g, struct cs_stream *s, struct cs_query *q, bool *out_end)
{
    cs_result r = CS_OK;
    size_t before = q->found_at;
    (void)pthread_mutex_lock(&q->of->lock);
    while (cs_ok(r) && q->found_at < q->found.len) {
        struct cs_reader in =
            cs_reader_init(cs_span_of(q->found.at + q->found_at, q->found.len - q->found_at));
        struct cs_span packed = cs_get_span(&in, CS_ANSWER_MAX_LEN);
        r = in.failed ? CS_ERR(BUG) : cs_answer_part_packed(g, s->call, packed);
        if (cs_ok(r))
            q->found_at = q->found.len - in.left;
    }
    if (q->found_at == q->found.len || q->found_at >= CS_QUERY_AHEAD_MAX_LEN) {
        cs_buf_drop(&q->found, q->found_at);
        q->found_at = 0;
    }
    if (q->found_at != before)
        (void)pthread_cond_signal(&q->of->wake);
    *out_end = q->state == CS_QUERY_DONE && !q->working && q->found.len == 0;
    (void)pthread_mutex_unlock(&q->of->lock);
    return r;
}

static cs_result pump_query(struct cs_gate *g, struct cs_stream *s)
{
    struct cs_query *q = s->state;
    bool end = false;
    if (g->draining)
        return cs_stream_end(g, s, CS_GRPC_UNAVAILABLE, "the proxy is going away");
    CS_TRY(send_found(g, s, q, &end));
    if (!end)
        return CS_OK;
    return cs_ok(q->failed) ? say_completeness(g, s, q) : say_failure(g, s, q);
}

static void give_up(void *state)
{
    struct cs_query *q = state;
    wait_for(q, 0);
    (void)pthread_mutex_lock(&q->of->lock);
    q->client = NULL;
    atomic_store(&q->given_up, true);
    (void)pthread_cond_signal(&q->of->wake);
    (void)pthread_mutex_unlock(&q->of->lock);
}

/* NULL: as many as may run. *out_own: one of this client's does. */
static struct cs_query *free_place(struct cs_queries *qs, const struct cs_client *client, bool *out_own)
{
    struct cs_query *place = NULL;
    *out_own = false;
    (void)pthread_mutex_lock(&qs->lock);
    for (unsigned i = 0; i < CS_QUERIES_MAX; i++) {
        struct cs_query *q = &qs->query[i];
        if (q->state == CS_QUERY_FREE && place == NULL)
            place = q;
        *out_own = *out_own || (q->state != CS_QUERY_FREE && q->client == client);
    }
    (void)pthread_mutex_unlock(&qs->lock);
    return place;
}

static CS_RESULT open_query(struct cs_gate *g, struct cs_call *call, struct cs_query *q,
                            struct cs_scope_asked *asked)
{
    struct cs_queries *qs = q->of;
    if (cs_stream_open(g, call, pump_query, q, give_up) == NULL) {
        cs_scope_asked_done(asked);
        free(asked);
        return cs_answer_status(g, call->id, CS_GRPC_RESOURCE_EXHAUSTED, "too many streams are open");
    }
    (void)pthread_mutex_lock(&qs->lock);
    q->asked = asked;
    q->client = call->client;
    q->state = CS_QUERY_NEW;
    atomic_store(&qs->hurry, true);
    (void)pthread_cond_signal(&qs->wake);
    (void)pthread_mutex_unlock(&qs->lock);
    return CS_OK;
}

CS_RESULT cs_rpc_query(struct cs_gate *g, struct cs_call *call)
{
    const ProtobufCMessage *m;
    struct cs_note note = { "" };
    bool own = false;
    cs_result r = cs_proto_unpack(&countersign__v1__query_issuance_request__descriptor, call->msg->request,
                                  call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    const Countersign__V1__IssuanceQuery *query =
        cs_ok(r) ? ((const Countersign__V1__QueryIssuanceRequest *)(const void *)m)->query : NULL;
    if (query == NULL)
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                "not a canonical QueryIssuanceRequest with a query");
    struct cs_query *q = free_place(g->queries, call->client, &own);
    if (own || q == NULL)
        return cs_answer_status(g, call->id, CS_GRPC_RESOURCE_EXHAUSTED,
                                own ? "this client has a query running; one at a time"
                                    : "as many queries run as may at one time");
    struct cs_scope_asked *asked = calloc(1, sizeof *asked);
    if (asked == NULL)
        return CS_ERR(NO_MEMORY);
    struct cs_span only = call->client->all_entries ? cs_span_of(NULL, 0) : call->client->name;
    r = cs_scope_asked_get(query, only, asked, &note);
    if (cs_ok(r))
        return open_query(g, call, q, asked);
    cs_scope_asked_done(asked);
    free(asked);
    return cs_is(r, CS_NUM_ARGUMENT) ? cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT, note.text) : r;
}
