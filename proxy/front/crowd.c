/* Who is let in, and who has to go, when places or memory run out. */
#include "proxy/front/front.h"

/* The better of two candidates to close: the oldest that never spoke, else the one idle longest. */
static bool rather(const struct cs_conn *a, const struct cs_conn *b)
{
    if (b == NULL || a->settled != b->settled)
        return b == NULL || !a->settled;
    return a->settled ? a->idle_mono_us < b->idle_mono_us : a->open_mono_us < b->open_mono_us;
}

static struct cs_conn *candidate(const struct cs_front *f, int share)
{
    struct cs_conn *best = NULL;
    for (size_t i = 0; i < CS_FRONT_SLOTS; i++) {
        struct cs_conn *c = f->conn[i];
        if (c != NULL && !c->dead && !c->evicted && c->n_streams == 0 && (share < 0 || c->share == share) &&
            rather(c, best))
            best = c;
    }
    return best;
}

static void evict(struct cs_front *f, struct cs_conn *c)
{
    f->counts.evicted[c->settled ? CS_EVICTED_IDLE : CS_EVICTED_SILENT]++;
    if (c->settled) {
        cs_session_goaway(c);
        c->evicted = true; /* the GOAWAY gets one write */
        f->n_dead++;
    } else {
        cs_conn_kill(c, NULL);
    }
    cs_conn_touch(c);
}

bool cs_crowd_room(struct cs_front *f, const struct cs_peer *peer)
{
    uint16_t share;
    uint32_t n = f->n_conns - f->n_dead;
    uint32_t free = n < CS_FRONT_CONNS_MAX ? CS_FRONT_CONNS_MAX - n : 0;
    if (!cs_ok(cs_shares_of(&f->shares, peer, &share)))
        return false;
    uint32_t held = f->shares.share[share].n_conns;
    if (cs_share_allows(held, free))
        return true;
    /* Over its share a peer pays itself; in a full table the one that holds most. */
    if (free == 0)
        for (uint32_t i = 0; i < f->shares.n_used; i++)
            if (f->shares.share[i].n_conns > f->shares.share[share].n_conns)
                share = (uint16_t)i;
    struct cs_conn *c = candidate(f, share);
    if (c == NULL && free == 0)
        c = candidate(f, -1);
    if (c != NULL)
        evict(f, c);
    return c != NULL;
}

bool cs_crowd_shed(struct cs_front *f)
{
    struct cs_conn *c = candidate(f, -1);
    if (c != NULL)
        evict(f, c);
    return c != NULL;
}

CS_RESULT cs_crowd_join(struct cs_conn *c)
{
    struct cs_front *f = c->front;
    uint16_t share;
    CS_TRY(cs_shares_of(&f->shares, &c->peer, &share));
    if (c->joined && share != c->share) {
        uint32_t n = f->n_conns - f->n_dead;
        uint32_t free = n < CS_FRONT_CONNS_MAX ? CS_FRONT_CONNS_MAX - n : 0;
        if (!cs_share_allows(f->shares.share[share].n_conns, free + 1)) {
            struct cs_conn *other = candidate(f, share);
            if (other == NULL)
                return CS_ERR(FULL);
            evict(f, other);
        }
        cs_crowd_leave(c);
    } else if (c->joined) {
        return CS_OK;
    }
    c->share = share;
    c->joined = true;
    f->shares.share[share].n_conns++;
    return CS_OK;
}

void cs_crowd_leave(struct cs_conn *c)
{
    if (c->joined)
        c->front->shares.share[c->share].n_conns--;
    c->joined = false;
}

void cs_crowd_held(struct cs_conn *c, size_t more, size_t less)
{
    struct cs_front *f = c->front;
    c->held_len += more;
    c->held_len -= less;
    f->held_len += more;
    f->held_len -= less;
    if (more == 0 || f->held_len <= CS_FRONT_HELD_ALL_MAX_LEN)
        return;
    struct cs_conn *most = NULL;
    size_t dead_len = 0; /* of connections that are closed at the end of this turn */
    for (size_t i = 0; i < CS_FRONT_SLOTS; i++) {
        struct cs_conn *k = f->conn[i];
        if (k != NULL && k->dead)
            dead_len += k->held_len;
        else if (k != NULL && (most == NULL || k->held_len > most->held_len))
            most = k;
    }
    if (most != NULL && f->held_len - dead_len > CS_FRONT_HELD_ALL_MAX_LEN)
        cs_conn_kill(most, "clients do not take their answers, and this one has the most waiting");
}
