/*
 * Replay: the requests of a ledger judged again, by the gate's own code, under another policy or clock. Each
 * is judged as it stood: with the serials, orders, deposits, tokens, holds and recalls of the entries before
 * it, and at its own second unless another is given.
 *
 * What the ledger keeps bounds what can be judged again. Of a request that was admitted it keeps the TBS and
 * the evidence relied on. Of one that was refused it keeps the digests of the TBS and of the evidence that
 * was admitted: it is judged again when the same TBS stands in an intent or authorization, and all that
 * evidence in the store. Rates and peers are not replayed; a client is found by its name.
 */
#ifndef CS_CLIENT_REPLAY_REPLAY_H
#define CS_CLIENT_REPLAY_REPLAY_H

#include "proxy/gate/lists/lists.h"
#include "proxy/gate/verdict/verdict.h"
#include "proxy/ledger/verify.h"
#include "proxy/policy/policy.h"

enum cs_replayed {
    CS_REPLAYED_STILL_ADMITTED = 0,
    CS_REPLAYED_STILL_REFUSED,
    CS_REPLAYED_OTHER_RULES,   /* refused then and now, by other rules */
    CS_REPLAYED_NEWLY_REFUSED, /* admitted then */
    CS_REPLAYED_NEWLY_ALLOWED, /* refused then */
    /* Cannot be judged again: */
    CS_REPLAYED_NO_TBS,           /* a refused TBS that stands nowhere in the ledger */
    CS_REPLAYED_NO_EVIDENCE,      /* evidence of a refused request that was not kept */
    CS_REPLAYED_REFUSED_EVIDENCE, /* an envelope was refused, and so not kept */
    CS_REPLAYED_OF_THE_CALL,      /* the message, its caller or the proxy's state was refused */
    CS_REPLAYED_OTHER_POLICY,     /* with `check`: another policy was in force */
    CS_REPLAYED_COUNT,
};
/* Static sentences without a full stop: "still admitted" ... */
const char *cs_replayed_text(enum cs_replayed r);
/* A word for JSON: "still_admitted" ... */
const char *cs_replayed_word(enum cs_replayed r);
/* True for decisions that changed. */
bool cs_replayed_changed(enum cs_replayed r);
/* True when the request could not be judged again. */
bool cs_replayed_not(enum cs_replayed r);

/* One request and what became of it; lives until the visit returns. */
struct cs_replay_case {
    const Countersign__Ledger__V1__Entry *entry; /* Intent or Refusal */
    enum cs_replayed result;
    int64_t judged_at_unix_s;
    const struct cs_verdict *verdict; /* of now; without reasons when admitted, or not judged */
    const struct cs_tbs *tbs;         /* NULL when it is not known */
};
typedef cs_result (*cs_replay_visit)(void *ctx, const struct cs_replay_case *c);

struct cs_replay {
    const char *ledger; /* path */
    const struct cs_policy *policy;
    const struct cs_lists *lists; /* of the policy; NULL when no issuer signs leaves */
    bool has_at;
    int64_t at_unix_s;                /* the clock of every request */
    uint64_t from_seq, to_seq;        /* inclusive; 0: no bound */
    int64_t from_unix_us, to_unix_us; /* from inclusive, to exclusive; 0: no bound */
    /* Requests that were judged under another policy are passed over: what is left must come out the same. */
    bool check;
    cs_replay_visit visit; /* NULL: count only */
    cs_ledger_progress progress;
    void *ctx; /* of both */
};

struct cs_replay_report {
    uint64_t n_entries;            /* of the ledger */
    uint64_t n[CS_REPLAYED_COUNT]; /* requests */
};

/* cs_replay_run judges all requests in the ledger's order. Fails with a note when the ledger cannot be read
 * or contradicts itself, on memory, and with what visit failed with. *out is written only on success. */
CS_RESULT cs_replay_run(const struct cs_replay *r, struct cs_replay_report *out, struct cs_note *note);

#endif
