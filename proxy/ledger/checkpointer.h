/*
 * Checkpointer: copies the write-ahead log back into the database off the commit path, by a thread
 * with its own connection. It starts at the first need, so that it inherits the restrictions the
 * process has put on itself since the ledger was opened.
 */
#ifndef CS_LEDGER_CHECKPOINTER_H
#define CS_LEDGER_CHECKPOINTER_H

#include <pthread.h>
#include <sqlite3.h>

#include "proxy/base/result.h"

enum {
    CS_WAL_WAKE_PAGES = 4096,   /* 16 MiB of new log wakes the thread */
    CS_WAL_LIMIT_PAGES = 32768, /* from here on the committer finishes what the thread has left over */
};

struct cs_checkpointer {
    sqlite3 *db; /* the thread's own */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool ready, started;
    bool wanted, ran, stop; /* under lock */
    int woken_at_pages;     /* length of the log at the last wake */
};

/* cs_checkpointer_init opens the connection; path as the ledger's. */
CS_RESULT cs_checkpointer_init(struct cs_checkpointer *c, const char *path, struct cs_note *note);
/* cs_checkpointer_committed is told the length of the log after a commit on db. Never fails: a
 * checkpoint that is not done now is done later, the log just grows. */
void cs_checkpointer_committed(struct cs_checkpointer *c, sqlite3 *db, int wal_pages);
void cs_checkpointer_done(struct cs_checkpointer *c); /* waits for the thread; safe on the zero state */

#endif
