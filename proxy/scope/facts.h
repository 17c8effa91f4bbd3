/*
 * Facts: what an entry of the ledger can be asked for. One function takes them from the entry, its TBS
 * and the evidence it relied on; the index hashes what it says, and a query is confirmed against the
 * same words, so that the two cannot drift apart.
 */
#ifndef CS_SCOPE_FACTS_H
#define CS_SCOPE_FACTS_H

#include "proxy/gate/der/tbs.h"
#include "proxy/ledger/reader.h"

/* Numbers are part of the index (CS_SCOPE_INDEX): append only. Single octets hold enum values. */
enum cs_fact {
    CS_FACT_KIND = 1, /* field number of the entry's body */
    CS_FACT_ISSUER,
    CS_FACT_CLIENT,
    CS_FACT_API_VERSION,
    CS_FACT_ACCOUNT,
    CS_FACT_ORDER,
    CS_FACT_REQUEST,
    CS_FACT_SERIAL,    /* as the ledger has it: INTEGER content octets */
    CS_FACT_SIGN_KIND, /* of an intent */
    CS_FACT_POLICY,    /* SHA-256 of the policy */
    CS_FACT_RULE,      /* of a refusal */
    CS_FACT_EVIDENCE,  /* SHA-256 of an envelope */
    CS_FACT_HOLD,      /* hold id */
    /* of the TBS; of a refusal the names its reasons are about */
    CS_FACT_NAME,         /* dNSName, lower case, or iPAddress octets */
    CS_FACT_SUFFIX,       /* a dNSName without "*." and each of its parents */
    CS_FACT_ORGANIZATION, /* subject O as cs_fact_folded makes it */
    CS_FACT_KEY,          /* SHA-256 of the SubjectPublicKeyInfo */
    CS_FACT_PROFILE,
    /* of the evidence */
    CS_FACT_STATEMENT, /* statement id */
    CS_FACT_ATTESTER,
    CS_FACT_ROLE,
    CS_FACT_PERSON,
    CS_FACT_METHOD,
    CS_FACT_SOFTWARE,         /* name */
    CS_FACT_SOFTWARE_VERSION, /* name, 0, version */
    CS_FACT_RECORD,           /* organisation record id */
    CS_FACT_RECORD_VERSION,   /* record id, 0, version as 8 octets big-endian */
    CS_FACT_PERSPECTIVE,
    /* 't' or 'e': the TBS or an envelope could not be read, so facts may be missing */
    CS_FACT_UNREADABLE,
    CS_FACT_PAYLOAD, /* of the evidence: SHA-256 of a statement's bytes */
    CS_FACT_END
};

enum { CS_SCOPE_INDEX = 0x53430002 /* "SC", version of the facts */ };

#define CS_FACT_BIT(fact) (UINT64_C(1) << (fact))
/* Facts that need the TBS parsed, or envelopes read. */
#define CS_FACTS_OF_TBS                                                                            \
    (CS_FACT_BIT(CS_FACT_NAME) | CS_FACT_BIT(CS_FACT_SUFFIX) | CS_FACT_BIT(CS_FACT_ORGANIZATION) | \
     CS_FACT_BIT(CS_FACT_KEY) | CS_FACT_BIT(CS_FACT_PROFILE))
#define CS_FACTS_OF_EVIDENCE                                                                      \
    (CS_FACT_BIT(CS_FACT_STATEMENT) | CS_FACT_BIT(CS_FACT_ATTESTER) | CS_FACT_BIT(CS_FACT_ROLE) | \
     CS_FACT_BIT(CS_FACT_PERSON) | CS_FACT_BIT(CS_FACT_METHOD) | CS_FACT_BIT(CS_FACT_SOFTWARE) |  \
     CS_FACT_BIT(CS_FACT_SOFTWARE_VERSION) | CS_FACT_BIT(CS_FACT_RECORD) |                        \
     CS_FACT_BIT(CS_FACT_RECORD_VERSION) | CS_FACT_BIT(CS_FACT_PERSPECTIVE) | CS_FACT_BIT(CS_FACT_PAYLOAD))
#define CS_FACTS_ALL (~UINT64_C(0))

/* False stops the visit; that is a success. The value lives during the call. */
typedef bool (*cs_fact_visit)(void *ctx, enum cs_fact fact, struct cs_span value);

/* What was read of envelopes is kept: evidence is used again and again. The zero state but for the
 * reader is empty. */
enum { CS_FACT_SLOTS = 16384 };
struct cs_fact_source {
    struct cs_ledger_reader *reader; /* borrowed; in a snapshot */
    struct cs_fact_envelope *slot;   /* CS_FACT_SLOTS, made at the first need */
    struct cs_arena arena;
    struct cs_tbs *tbs;
    bool has_tbs; /* *tbs is that of the entry visited last */
};
void cs_fact_source_done(struct cs_fact_source *s);

/* cs_facts_of visits the facts of an entry, at least those in want. STORE_CORRUPT with a note when an
 * intent or deposit relies on an envelope that is not there or does not digest to its name. */
CS_RESULT cs_facts_of(struct cs_fact_source *s, const Countersign__Ledger__V1__Entry *e, uint64_t want,
                      cs_fact_visit visit, void *ctx, struct cs_note *note);

/* cs_envelope_facts appends u8 fact, u32 length, octets for each fact of an envelope. */
void cs_envelope_facts(struct cs_span envelope, struct cs_arena *arena, struct cs_buf *out);

/* cs_fact_folded appends text as organisations are compared: ASCII lower case, white space and the
 * characters . , ; " ' ( ) folded to single spaces, none at the ends. */
void cs_fact_folded(struct cs_span text, struct cs_buf *out);
/* cs_fact_lower appends ASCII lower case, without one dot at the end. */
void cs_fact_lower(struct cs_span name, struct cs_buf *out);

#endif
