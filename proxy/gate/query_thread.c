#include "proxy/gate/query_thread.h"

#include <stdlib.h>
#include <unistd.h>

#include "proto/canonical.h"
#include "proxy/scope/index.h"

#include "countersign/v1/ledger_service.pb-c.h"

enum {
    STEP_ENTRIES = 16,       /* at most about 1 MiB of messages */
    BATCH_LEN = 64 * 1024,   /* then the main loop gets them */
    BATCH_ENTRIES = 64 * 16, /* or after so many candidates */
};

static void knock(struct cs_queries *qs)
{
    const uint64_t one = 1;
    (void)!write(qs->knock_fd, &one, sizeof one); /* full: it has been knocked at */
}

/* ---- one step of a query, without the lock ---- */

struct packing {
    struct cs_query *q;
    struct cs_buf batch;
};

static cs_result pack_hit(void *ctx, const struct cs_scope_hit *hit)
{
    struct packing *p = ctx;
    struct cs_arena *arena = &p->q->packing;
    struct cs_span packed;
    Countersign__V1__QueryIssuanceResponse m;
    countersign__v1__query_issuance_response__init(&m);
    m.part_case = COUNTERSIGN__V1__QUERY_ISSUANCE_RESPONSE__PART_RECORD;
    cs_arena_reset(arena);
    CS_TRY(cs_scope_record(hit, arena, &m.record));
    CS_TRY(cs_proto_pack(&m.base, arena, &packed));
    cs_buf_put_span(&p->batch, packed);
    return p->batch.failed ? CS_ERR(NO_MEMORY) : CS_OK;
}

static CS_RESULT begin(struct cs_query *q)
{
    const struct cs_scope_options o = { .stop = &q->given_up };
    return cs_scope_begin(q->of->ledger, &q->asked->query, &o, &q->ask, &q->note);
}

static CS_RESULT go_on(struct cs_query *q, struct packing *p, bool *out_more)
{
    *out_more = true;
    for (unsigned n = 0; *out_more && n < BATCH_ENTRIES && p->batch.len < BATCH_LEN; n += STEP_ENTRIES)
        CS_TRY(cs_scope_next(q->ask, STEP_ENTRIES, pack_hit, p, out_more, &q->note));
    return CS_OK;
}

/* Between steps nothing of the ledger is held, however long the reader takes. */
static void step(struct cs_query *q)
{
    struct packing p = { .q = q };
    struct cs_queries *qs = q->of;
    bool more = true;
    cs_result r = q->state == CS_QUERY_NEW ? begin(q) : go_on(q, &p, &more);
    if (q->ask != NULL)
        cs_scope_rest(q->ask);
    (void)pthread_mutex_lock(&qs->lock);
    cs_buf_put(&q->found, p.batch.at, p.batch.len);
    if (cs_ok(r) && q->found.failed)
        r = CS_ERR(NO_MEMORY);
    q->failed = r;
    q->state = cs_ok(r) && more ? CS_QUERY_RUNNING : CS_QUERY_DONE;
    q->working = false;
    (void)pthread_mutex_unlock(&qs->lock);
    cs_buf_done(&p.batch);
}

/* ---- what to do next, under the lock ---- */

static void forget(struct cs_query *q)
{
    cs_scope_end(q->ask);
    cs_scope_asked_done(q->asked);
    free(q->asked);
    cs_buf_done(&q->found);
    cs_arena_done(&q->packing);
    struct cs_queries *of = q->of;
    *q = (struct cs_query){ .of = of };
}

static struct cs_query *next_query(struct cs_queries *qs, unsigned *io_last)
{
    for (unsigned i = 1; i <= CS_QUERIES_MAX; i++) {
        struct cs_query *q = &qs->query[(*io_last + i) % CS_QUERIES_MAX];
        if (q->state != CS_QUERY_FREE && atomic_load(&q->given_up))
            forget(q);
        bool room = q->found.len - q->found_at < CS_QUERY_AHEAD_MAX_LEN;
        if (q->state == CS_QUERY_NEW || (q->state == CS_QUERY_RUNNING && room)) {
            *io_last = (unsigned)(q - qs->query);
            return q;
        }
    }
    return NULL;
}

/* A group that cannot be indexed now is tried again with the next one; until then its entries are read. */
static void index_groups(struct cs_queries *qs)
{
    struct cs_scope_index_report report = { 0 };
    struct cs_note note = { "" };
    uint64_t n_groups = qs->n_groups;
    (void)pthread_mutex_unlock(&qs->lock);
    cs_result r = cs_scope_index_keep(qs->ledger, NULL, &qs->hurry, &report, &note);
    (void)pthread_mutex_lock(&qs->lock);
    if (cs_is(r, CS_NUM_TIMEOUT))
        return; /* a query first */
    qs->n_indexed = n_groups;
    if (cs_ok(r))
        note.text[0] = '\0';
    else if (note.text[0] == '\0')
        cs_note_set(&note, "%s", cs_result_text(r));
    qs->index_trouble = note;
    knock(qs);
}

void *cs_query_thread(void *arg)
{
    struct cs_queries *qs = arg;
    unsigned last = 0;
    (void)pthread_mutex_lock(&qs->lock);
    while (!atomic_load(&qs->stop)) {
        struct cs_query *q = next_query(qs, &last);
        if (q != NULL) {
            q->working = true;
            (void)pthread_mutex_unlock(&qs->lock);
            step(q);
            knock(qs);
            (void)pthread_mutex_lock(&qs->lock);
            continue;
        }
        atomic_store(&qs->hurry, atomic_load(&qs->stop));
        if (qs->n_indexed < qs->n_groups)
            index_groups(qs);
        else
            (void)pthread_cond_wait(&qs->wake, &qs->lock);
    }
    for (unsigned i = 0; i < CS_QUERIES_MAX; i++)
        forget(&qs->query[i]);
    (void)pthread_mutex_unlock(&qs->lock);
    return NULL;
}
