#include "proxy/ledger/checkpointer.h"

#include <signal.h>

static void *run(void *arg)
{
    struct cs_checkpointer *c = arg;
    (void)pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->wanted && !c->stop)
            (void)pthread_cond_wait(&c->wake, &c->lock);
        if (c->stop)
            break;
        c->wanted = false;
        (void)pthread_mutex_unlock(&c->lock);
        /* PASSIVE waits for nobody and blocks nobody. A failure leaves the log longer, nothing else. */
        (void)sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        (void)pthread_mutex_lock(&c->lock);
        c->ran = true;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

CS_RESULT cs_checkpointer_init(struct cs_checkpointer *c, const char *path, struct cs_note *note)
{
    int rc = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) /* opens log and index now: later the process may not open files any more */
        rc = sqlite3_exec(c->db, "PRAGMA synchronous = FULL; SELECT count(*) FROM sqlite_schema", NULL, NULL,
                          NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_wal_autocheckpoint(c->db, 0);
    if (rc != SQLITE_OK) {
        cs_note_set(note, "ledger %s: second connection failed: %s", path, sqlite3_errmsg(c->db));
        (void)sqlite3_close(c->db);
        c->db = NULL;
        return CS_ERR(STORE);
    }
    if (pthread_mutex_init(&c->lock, NULL) != 0 || pthread_cond_init(&c->wake, NULL) != 0) {
        (void)sqlite3_close(c->db);
        c->db = NULL;
        return CS_ERR(NO_MEMORY);
    }
    c->ready = true;
    return CS_OK;
}

/* Signals stay with the thread that has the loop. */
static bool start(struct cs_checkpointer *c)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    c->started = pthread_create(&c->thread, NULL, run, c) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return c->started;
}

void cs_checkpointer_committed(struct cs_checkpointer *c, sqlite3 *db, int wal_pages)
{
    if (wal_pages < c->woken_at_pages)
        c->woken_at_pages = 0; /* the log began anew */
    bool due = wal_pages - c->woken_at_pages >= CS_WAL_WAKE_PAGES;
    bool finish = false;
    if (c->started) {
        (void)pthread_mutex_lock(&c->lock);
        finish = c->ran && wal_pages >= CS_WAL_LIMIT_PAGES;
        c->ran = false;
        (void)pthread_mutex_unlock(&c->lock);
    }
    /* Under steady load the log is never quite empty when the thread is done, and so never begins
     * anew. Past the limit the committer copies the little that is left, while nothing is written. */
    if (finish || (due && !c->started && !start(c))) {
        (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        c->woken_at_pages = wal_pages;
    } else if (due) {
        (void)pthread_mutex_lock(&c->lock);
        c->wanted = true;
        (void)pthread_cond_signal(&c->wake);
        (void)pthread_mutex_unlock(&c->lock);
        c->woken_at_pages = wal_pages;
    }
}

void cs_checkpointer_done(struct cs_checkpointer *c)
{
    if (c->started) {
        (void)pthread_mutex_lock(&c->lock);
        c->stop = true;
        (void)pthread_cond_signal(&c->wake);
        (void)pthread_mutex_unlock(&c->lock);
        (void)pthread_join(c->thread, NULL);
    }
    if (c->ready) {
        (void)pthread_cond_destroy(&c->wake);
        (void)pthread_mutex_destroy(&c->lock);
    }
    (void)sqlite3_close(c->db);
    *c = (struct cs_checkpointer){ 0 };
}
