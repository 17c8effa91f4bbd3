#include "proxy/front/shares.h"

#include <stdlib.h>

CS_RESULT cs_shares_init(struct cs_shares *s)
{
    *s = (struct cs_shares){ .share = calloc(CS_SHARES_MAX, sizeof *s->share) };
    return s->share == NULL ? CS_ERR(NO_MEMORY) : CS_OK;
}

void cs_shares_done(struct cs_shares *s)
{
    free(s->share);
    *s = (struct cs_shares){ 0 };
}

static bool is_free(const struct cs_share *p)
{
    return p->n_conns == 0 && p->n_calls == 0;
}

static bool is_peers(const struct cs_share *p, const struct cs_peer *peer, struct cs_span name)
{
    if (p->transport != peer->transport)
        return false;
    return peer->transport == CS_TRANSPORT_TLS ? cs_span_is(name, p->name) : p->uid == peer->uid;
}

CS_RESULT cs_shares_of(struct cs_shares *s, const struct cs_peer *peer, uint16_t *out)
{
    struct cs_span name = { NULL, 0 };
    if (peer->transport == CS_TRANSPORT_TLS && peer->n_names > 0)
        name = peer->name[0];
    if (name.len > CS_PEER_NAME_MAX_LEN)
        return CS_ERR(LIMIT);
    uint32_t place = CS_SHARES_MAX;
    for (uint32_t i = 0; i < s->n_used; i++) {
        if (is_free(&s->share[i])) {
            if (place == CS_SHARES_MAX)
                place = i;
        } else if (is_peers(&s->share[i], peer, name)) {
            *out = (uint16_t)i;
            return CS_OK;
        }
    }
    if (place == CS_SHARES_MAX) {
        if (s->n_used == CS_SHARES_MAX)
            return CS_ERR(FULL);
        place = s->n_used++;
    }
    struct cs_share *p = &s->share[place];
    *p = (struct cs_share){ .transport = peer->transport, .uid = peer->uid };
    if (name.len > 0)
        memcpy(p->name, name.at, name.len);
    *out = (uint16_t)place;
    return CS_OK;
}
