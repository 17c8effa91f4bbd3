/*
 * The turn: one transaction from its first append or put to commit or abandon.
 *
 * A failed write takes the whole turn back and makes it refuse until its end, so that nobody who
 * appended before the failure can take a later commit for his own. When the sync of a commit fails,
 * SQLite forgets the turn and overwrites its frames with the next one; should the machine stop
 * between the two, the turn may come back whole. No grant was made for it, and start closes its
 * intents as UNKNOWN.
 */
#include <stdlib.h>

#include "proxy/ledger/tiles.h"

static bool step_done(struct cs_ledger *l, enum cs_statement id)
{
    sqlite3_stmt *s = l->statement[id];
    bool done = sqlite3_step(s) == SQLITE_DONE;
    if (!done)
        (void)cs_store_error(l, sqlite3_sql(s));
    (void)sqlite3_reset(s);
    return done;
}

/* Back to the last commit, in memory and in the database. */
static void take_back(struct cs_ledger *l)
{
    for (int i = 0; i < CS_SQL_COUNT; i++)
        (void)sqlite3_reset(l->statement[i]);
    if (sqlite3_get_autocommit(l->db) == 0) {
        (void)sqlite3_step(l->statement[CS_SQL_ROLLBACK]);
        (void)sqlite3_reset(l->statement[CS_SQL_ROLLBACK]);
        if (sqlite3_get_autocommit(l->db) == 0)
            l->broken = true;
    }
    if (l->now.n_puts != l->kept.n_puts)
        memset(l->known, 0, CS_KNOWN_SLOTS * sizeof *l->known);
    l->tiles->loaded = false;
    l->now = l->kept;
    l->n_intents = 0;
    l->in_turn = false;
}

CS_RESULT cs_turn_ready(const struct cs_ledger *l)
{
    return l->broken || l->turn_failed ? CS_ERR(STORE) : CS_OK;
}

CS_RESULT cs_turn_begin(struct cs_ledger *l)
{
    CS_TRY(cs_turn_ready(l));
    if (l->in_turn)
        return CS_OK;
    l->in_turn = true;
    if (!step_done(l, CS_SQL_BEGIN)) {
        cs_turn_fail(l);
        return CS_ERR(STORE);
    }
    return CS_OK;
}

CS_RESULT cs_turn_write(struct cs_ledger *l, enum cs_statement id)
{
    if (step_done(l, id))
        return CS_OK;
    cs_turn_fail(l);
    return CS_ERR(STORE);
}

void cs_turn_fail(struct cs_ledger *l)
{
    take_back(l);
    l->turn_failed = true;
}

bool cs_ledger_has_appends(const struct cs_ledger *l)
{
    return l->in_turn || l->turn_failed;
}

void cs_ledger_abandon(struct cs_ledger *l)
{
    if (l->in_turn)
        take_back(l);
    l->turn_failed = false;
}

static CS_RESULT put_head(struct cs_ledger *l, const struct cs_sha256 *root)
{
    const struct cs_mark *m = &l->now;
    sqlite3_stmt *s = l->statement[CS_SQL_HEAD_PUT];
    cs_bind_u64(s, 1, m->n_heads);
    cs_bind_u64(s, 2, m->tree.size);
    cs_bind_i64(s, 3, m->last_unix_us);
    cs_bind_u64(s, 4, m->n_open);
    cs_bind_u64(s, 5, m->n_puts);
    cs_bind_span(s, 6, cs_sha256_span(&m->puts));
    cs_bind_span(s, 7, cs_sha256_span(root));
    cs_bind_span(s, 8, cs_merkle_peaks(&m->tree));
    return cs_turn_write(l, CS_SQL_HEAD_PUT);
}

CS_RESULT cs_ledger_commit(struct cs_ledger *l, struct cs_grant_list *out)
{
    CS_TRY(cs_usable(l));
    if (l->turn_failed) {
        l->turn_failed = false;
        return CS_ERR(STORE);
    }
    struct cs_grant_list grants = { 0 };
    if (!l->in_turn) {
        *out = grants;
        return CS_OK;
    }
    if (l->n_intents != 0) {
        grants.at = calloc(l->n_intents, sizeof *grants.at); /* before: after the commit nothing may fail */
        if (grants.at == NULL) {
            cs_ledger_abandon(l);
            return CS_ERR(STORE);
        }
        grants.n = l->n_intents;
    }
    struct cs_sha256 root = l->head.root;
    if (l->now.tree.size != l->kept.tree.size)
        root = cs_merkle_root(&l->now.tree);
    l->now.n_heads++;
    cs_result r = put_head(l, &root);
    if (cs_ok(r))
        r = cs_turn_write(l, CS_SQL_COMMIT);
    if (!cs_ok(r)) {
        l->turn_failed = false; /* this was its end */
        cs_grant_list_done(&grants);
        return r;
    }
    for (uint32_t i = 0; i < grants.n; i++)
        grants.at[i].seq = l->intent[i];
    l->kept = l->now;
    l->head = (struct cs_ledger_head){ l->now.tree.size, root, l->now.last_unix_us };
    l->n_intents = 0;
    l->in_turn = false;
    *out = grants;
    cs_checkpointer_committed(&l->checkpointer, l->db, l->wal_pages);
    return CS_OK;
}
