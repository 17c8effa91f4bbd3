/*
 * Stops: the holds and recalls of one ledger, in memory, found by what they select. The gate loads them
 * before it serves and adds to them in the ledger's order; a change is in force at once, and is taken back
 * when the turn that recorded it is.
 *
 * A stop keeps the statement's own bytes and needs neither the policy nor the clock: it outlives the expiry
 * of its statement and the key that signed it.
 */
#ifndef CS_GATE_SELECTORS_STOPS_H
#define CS_GATE_SELECTORS_STOPS_H

#include "proxy/base/arena.h"
#include "proxy/gate/selectors/keymap.h"
#include "proxy/gate/selectors/selector.h"

enum { CS_STOPS_MAX = 65536, CS_STOPS_FOUND_MAX = 8, CS_STOP_OPERATORS_MAX = 8 };

/* One entry of the ledger about a stop. */
struct cs_stop_event {
    uint64_t seq; /* 0: there was none */
    int64_t at_unix_s;
    struct cs_sha256 evidence_sha256, payload_sha256;
    uint32_t n_operators;
    struct cs_span operator[CS_STOP_OPERATORS_MAX];
    struct cs_span reason;
};

struct cs_stop {
    struct cs_arena arena;                       /* all that the fields below point to */
    const Countersign__V1__Statement *statement; /* a Hold that places, or a Recall */
    struct cs_stop_event placed, lifted;         /* recalls are never lifted */
    bool in_force;
};

/* Holds or recalls, not both. The zero state is an empty set. */
struct cs_stops {
    struct cs_stop **stop; /* in the order of the ledger, lifted ones too */
    uint32_t n, room, n_in_force, n_stale;
    struct cs_keymap ids;  /* hold_id, or statement_id of a recall */
    struct cs_keymap keys; /* by the most telling field of the selector */
    /* What this turn changed, in order: index << 1 | lifted. */
    uint32_t *journal;
    uint32_t n_journal, journal_room;
};
void cs_stops_done(struct cs_stops *s);

/* cs_stops_place adds a stop from the canonical payload of its statement, in force; event is copied with
 * what it points to. PROTO when the payload is no statement that places a hold or recalls, LIMIT when there
 * are CS_STOPS_MAX. *out (may be NULL) stays valid until the set is done or the change is taken back. */
CS_RESULT cs_stops_place(struct cs_stops *s, struct cs_span payload, const struct cs_stop_event *event,
                         struct cs_stop **out);
/* cs_stops_lift ends a hold that is in force. */
CS_RESULT cs_stops_lift(struct cs_stops *s, struct cs_stop *hold, const struct cs_stop_event *event);
/* cs_stops_take_back undoes the last change of the turn; cs_stops_settle ends the turn: its changes stay,
 * or all are taken back. */
void cs_stops_take_back(struct cs_stops *s);
void cs_stops_settle(struct cs_stops *s, bool committed);

/* By hold_id or statement_id, also when lifted; NULL when there is none. */
struct cs_stop *cs_stops_of_id(const struct cs_stops *s, struct cs_span id);

/* cs_stops_on_issuance finds holds in force that match, at most CS_STOPS_FOUND_MAX of them; returns how
 * many were found. */
uint32_t cs_stops_on_issuance(const struct cs_stops *s, const struct cs_issuance *i,
                              const struct cs_stop *out[CS_STOPS_FOUND_MAX]);
/* True when some hold in force selects by certificate: else nobody needs to look their digests up. */
bool cs_stops_name_certificates(const struct cs_stops *s);
/* cs_stops_on_evidence finds a recall that matches and that may withdraw the statement, or NULL. */
const struct cs_stop *cs_stops_on_evidence(const struct cs_stops *s, const struct cs_attested *a);

/* ---- keys (stop_keys.c) ---- */

/* cs_stop_keys gives the hashes a stop is found by: writes them when out is not NULL, returns how many. */
uint32_t cs_stop_keys(const struct cs_stop *s, uint64_t *out);

#endif
