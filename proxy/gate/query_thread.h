/*
 * What the main loop (queries.c) and the query thread (query_thread.c) share, all of it behind one lock.
 * Private.
 */
#ifndef CS_GATE_QUERY_THREAD_H
#define CS_GATE_QUERY_THREAD_H

#include <pthread.h>

#include "proxy/gate/queries.h"
#include "proxy/scope/wire.h"

enum cs_query_state {
    CS_QUERY_FREE = 0,
    CS_QUERY_NEW,     /* to be begun */
    CS_QUERY_RUNNING, /* begun; there are candidates */
    CS_QUERY_DONE,    /* completeness is set, or failed is not OK */
};

/* A query from its call to the end of its stream. The thread works on asked, ask and packing without the
 * lock; the main loop touches none of them before the state is DONE and working is false. */
struct cs_query {
    enum cs_query_state state;
    bool working;         /* the thread is at it */
    atomic_bool given_up; /* its stream ended: the thread frees it */
    struct cs_scope_asked *asked;
    struct cs_scope_ask *ask;
    struct cs_buf found; /* u32 length and octets of each packed message */
    size_t found_at;     /* sent of it */
    cs_result failed;
    struct cs_note note;
    struct cs_arena packing;
    struct cs_queries *of;
    const struct cs_client *client;
    uint64_t waits_for; /* main loop's own: the size a checkpoint must have; 0: none yet */
};

struct cs_queries {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool stop;
    atomic_bool hurry;            /* the index can wait: a query came, or the end */
    int knock_fd;                 /* eventfd: the thread has something for the main loop */
    char *ledger;                 /* path without symbolic links */
    uint64_t n_groups;            /* whole ones of the ledger, as the main loop told */
    uint64_t n_indexed;           /* of them the thread has tried */
    struct cs_note index_trouble; /* "": none */
    /* The main loop's own: */
    uint64_t n_groups_told;
    struct cs_note trouble_told;
    uint32_t n_waiting; /* queries whose end waits for a checkpoint */
    struct cs_query query[CS_QUERIES_MAX];
};

/* cs_query_thread is the thread's function; arg is the struct cs_queries. */
void *cs_query_thread(void *arg);

#endif
