/* clients[].uid, gid, socket, dns: how a client proves itself, and which client a peer is. */
#include "proxy/ipc/messages.h"
#include "proxy/policy/parts.h"

static CS_RESULT read_number(const struct cs_yaml_node *n, bool *out_has, uint32_t *out, struct cs_note *note)
{
    uint64_t v;
    if (n == NULL)
        return CS_OK;
    CS_TRY(cs_yaml_u64(n, 0, UINT32_MAX - 1, &v, note)); /* (uid_t)-1 means nobody */
    *out = (uint32_t)v;
    *out_has = true;
    return CS_OK;
}

/* Some peer could be both: wherever both say something, they say the same. */
static bool could_be_one_peer(const struct cs_client *a, const struct cs_client *b)
{
    if (a->dns.len != 0 || b->dns.len != 0)
        return cs_span_eq(a->dns, b->dns);
    return !(a->has_uid && b->has_uid && a->uid != b->uid) &&
           !(a->has_gid && b->has_gid && a->gid != b->gid) &&
           !(a->socket.len != 0 && b->socket.len != 0 && !cs_span_eq(a->socket, b->socket));
}

CS_RESULT cs_policy_read_client_identity(const struct cs_policy *p, struct cs_client *out,
                                         const struct cs_client_identity_nodes *n, struct cs_note *note)
{
    bool on_unix = n->uid != NULL || n->gid != NULL;
    if (n->dns != NULL && (on_unix || n->socket != NULL))
        return cs_yaml_fail(n->dns, note,
                            "uid, gid and socket are for Unix sockets, dns is for TLS: one or the other");
    if (n->dns == NULL && !on_unix)
        return cs_yaml_fail(n->row, note,
                            "nothing says how the client proves itself; needed: uid, gid or both, or dns");
    CS_TRY(read_number(n->uid, &out->has_uid, &out->uid, note));
    CS_TRY(read_number(n->gid, &out->has_gid, &out->gid, note));
    if (n->socket != NULL)
        CS_TRY(cs_yaml_id(n->socket, CS_LISTENER_NAME_MAX_LEN, &out->socket, note));
    if (n->dns != NULL) {
        CS_TRY(cs_yaml_string(n->dns, CS_PEER_NAME_MAX_LEN, &out->dns, note));
        if (!cs_policy_is_dns_name(out->dns))
            return cs_yaml_fail(n->dns, note,
                                "'%.*s' is no dNSName of a client certificate: lower case, A-labels of a-z "
                                "0-9 -, no wildcard, no dot at either end",
                                (int)out->dns.len, (const char *)out->dns.at);
    }
    const struct cs_yaml_node *where = n->dns != NULL ? n->dns : n->uid != NULL ? n->uid : n->gid;
    for (uint32_t i = 0; i < p->n_clients; i++)
        if (could_be_one_peer(&p->client[i], out))
            return cs_yaml_fail(where, note, "clients[%u] could be the same peer", i);
    return CS_OK;
}

void cs_client_identity_put(const struct cs_client *c, struct cs_buf *out)
{
    if (c->dns.len != 0)
        cs_buf_printf(out, "dns %.*s", (int)c->dns.len, (const char *)c->dns.at);
    if (c->has_uid)
        cs_buf_printf(out, "uid %u", c->uid);
    if (c->has_gid)
        cs_buf_printf(out, "%sgid %u", c->has_uid ? ", " : "", c->gid);
    if (c->socket.len != 0)
        cs_buf_printf(out, ", socket %.*s", (int)c->socket.len, (const char *)c->socket.at);
}

static bool is_peer(const struct cs_client *c, const struct cs_peer *peer)
{
    return c->dns.len == 0 && (!c->has_uid || c->uid == peer->uid) && (!c->has_gid || c->gid == peer->gid) &&
           (c->socket.len == 0 || cs_span_eq(c->socket, peer->listener_name));
}

static enum cs_who who_on_unix(const struct cs_policy *p, const struct cs_peer *peer,
                               const struct cs_client **out)
{
    for (uint32_t i = 0; i < p->n_clients; i++)
        if (is_peer(&p->client[i], peer)) {
            *out = &p->client[i];
            return CS_WHO_CLIENT; /* the only one: could_be_one_peer */
        }
    return CS_WHO_NOBODY;
}

static bool is_an_attesters(const struct cs_policy *p, const struct cs_sha256 *spki)
{
    for (uint32_t i = 0; i < p->n_attesters; i++)
        if (memcmp(&p->attester[i].spki_sha256, spki, sizeof *spki) == 0)
            return true;
    return false;
}

static enum cs_who who_on_tls(const struct cs_policy *p, const struct cs_peer *peer,
                              const struct cs_client **out, struct cs_span *out_name)
{
    const struct cs_client *found = NULL;
    *out_name = peer->n_names != 0 ? peer->name[0] : (struct cs_span){ 0 };
    if (is_an_attesters(p, &peer->spki_sha256))
        return CS_WHO_ATTESTER;
    for (uint32_t n = 0; n < peer->n_names; n++)
        for (uint32_t i = 0; i < p->n_clients; i++) {
            if (p->client[i].dns.len == 0 || !cs_span_eq(p->client[i].dns, peer->name[n]))
                continue;
            if (found != NULL && found != &p->client[i])
                return CS_WHO_SEVERAL;
            found = &p->client[i];
            *out_name = peer->name[n];
        }
    *out = found;
    return found != NULL ? CS_WHO_CLIENT : CS_WHO_NOBODY;
}

enum cs_who cs_policy_who(const struct cs_policy *p, const struct cs_peer *peer,
                          const struct cs_client **out_client, struct cs_span *out_name)
{
    *out_client = NULL;
    *out_name = (struct cs_span){ 0 };
    if (peer->transport == CS_TRANSPORT_UNIX)
        return who_on_unix(p, peer, out_client);
    if (peer->transport == CS_TRANSPORT_TLS)
        return who_on_tls(p, peer, out_client, out_name);
    return CS_WHO_NOBODY;
}
