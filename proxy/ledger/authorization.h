/*
 * Authorizations: TBSs that were judged and may be asked for by their digest, once (AuthorizeTbs). The
 * Authorization entry is appended like any other; an Intent that names it spends it.
 */
#ifndef CS_LEDGER_AUTHORIZATION_H
#define CS_LEDGER_AUTHORIZATION_H

#include "proxy/ledger/ledger.h"

/* One Authorization entry. All of it lives in the arena. */
struct cs_authorization_view {
    uint64_t seq;
    const Countersign__Ledger__V1__Authorization *said;
};

/* cs_ledger_authorization_of_request gets what a client's AuthorizeTbs with this request id recorded;
 * seq 0 when there is none. Live, over or spent. */
CS_RESULT cs_ledger_authorization_of_request(struct cs_ledger *l, struct cs_span client,
                                             struct cs_span request_id, struct cs_arena *arena,
                                             struct cs_authorization_view *out);

/* Who wants to spend an authorization, and for what. */
struct cs_authorization_ask {
    struct cs_span client, request_id, issuer, digest;
    int64_t now_unix_s;
};

enum cs_authorization_state {
    CS_AUTHORIZATION_NONE = 0, /* this digest was never authorised for this client and issuer */
    CS_AUTHORIZATION_OVER,     /* the newest one expired unspent */
    CS_AUTHORIZATION_SPENT,    /* the newest one served another request */
    CS_AUTHORIZATION_LIVE,
};

/* cs_ledger_authorization_find gets the authorization that this request may spend: the one it has spent
 * already (its intent may have come to nothing), else the newest that nobody spent. *out is written with
 * LIVE only. */
CS_RESULT cs_ledger_authorization_find(struct cs_ledger *l, const struct cs_authorization_ask *ask,
                                       struct cs_arena *arena, enum cs_authorization_state *out_state,
                                       struct cs_authorization_view *out);

#endif
