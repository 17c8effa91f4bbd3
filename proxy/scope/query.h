/*
 * Scope: which issuances are touched. A query is answered from the index's runs, entries that no run
 * covers are read; every candidate is confirmed against its entry and the evidence it relied on, and the
 * answer says how each entry of the ledger was covered.
 */
#ifndef CS_SCOPE_QUERY_H
#define CS_SCOPE_QUERY_H

#include <stdatomic.h>

#include "proxy/scope/facts.h"
#include "proxy/ledger/verify.h"

enum { CS_SCOPE_SELECTORS_MAX = 1024 };

/* One value. Values of the same group are joined by OR, groups by AND; each group may be met by another
 * statement. */
struct cs_scope_selector {
    enum cs_fact fact;
    struct cs_span value; /* as the fact has it: lower case, folded, octets */
    uint8_t group;        /* below 64 */
    /* CS_FACT_SOFTWARE only: inclusive range of versions (proxy/policy/version.h), empty: open. With a
     * range, a version that is no release, and so cannot be compared, is taken as inside. */
    struct cs_span version_from, version_to;
};

enum cs_scope_result {
    CS_SCOPE_SIGNED = 1,
    CS_SCOPE_UNKNOWN = 2,    /* the key may have been used: counts as signed */
    CS_SCOPE_NOT_SIGNED = 4, /* certainly not */
    CS_SCOPE_OPEN = 8,       /* an intent in flight */
    CS_SCOPE_REFUSED = 16,
    CS_SCOPE_OTHER = 32, /* no decision: a deposit, a hold, ... */
};

struct cs_scope_query {
    const struct cs_scope_selector *selector;
    uint32_t n_selectors; /* at most CS_SCOPE_SELECTORS_MAX; CS_FACT_KIND among them, or all kinds */
    int64_t from_unix_us, until_unix_us; /* half open; 0: open */
    uint32_t results;                    /* mask of enum cs_scope_result, 0: all */
};

struct cs_scope_hit {
    const Countersign__Ledger__V1__Entry *entry;
    const struct cs_tbs *tbs; /* NULL: the entry has none that can be read */
    enum cs_scope_result result;
    uint64_t outcome_seq; /* 0: none */
};
/* Hits come in the order of the ledger. A failure ends the query and is returned. */
typedef cs_result (*cs_scope_visit)(void *ctx, const struct cs_scope_hit *hit);

/* A piece of the ledger and how it was covered: a perfect subtree, so that the pieces' roots fold into the
 * root of the whole (cs_cover_put). */
struct cs_scope_piece {
    uint64_t from, to;
    bool by_run;
    struct cs_sha256 root; /* RFC 6962 root over these entries: what the run says, or as they were read */
};

struct cs_scope_cover {
    uint64_t size; /* of the ledger, and its root: the pieces fold into it (checked) */
    struct cs_sha256 root;
    int64_t last_unix_us;
    struct cs_scope_piece *piece; /* from 1 to size, without gap or overlap; owned */
    uint32_t n_pieces;
    uint64_t by_runs, by_reading;         /* entries */
    uint32_t n_bad;                       /* runs that were refused; their entries were read */
    uint64_t first_in_time, last_in_time; /* entries of the time asked for; first > last: none */
    uint64_t candidates, confirmed, rejected;
    uint64_t unreadable; /* entries of the kinds and time asked for whose TBS or evidence could not be
                            read: they may belong to the answer */
    /* The newest signed checkpoint of the ledger; its root is that of these entries (checked), its signature
     * is for the caller to check. Empty without one; owned. */
    uint64_t checkpoint_size;
    struct cs_buf checkpoint;
};
void cs_scope_cover_done(struct cs_scope_cover *c);

struct cs_scope_options {
    const char *index;           /* folder, NULL: the default */
    bool scan;                   /* read every entry, use no index: the independent answer */
    cs_ledger_progress progress; /* may be NULL */
    void *progress_ctx;
    const atomic_bool *stop; /* may be NULL; once true, the query ends with TIMEOUT */
};

/*
 * cs_scope_run answers from a snapshot of the ledger, read-only, also beside a running gate. It does not
 * write the index (cs_scope_index_update does).
 *
 * STORE_CORRUPT with a note when the pieces do not fold into the ledger's root, an entry or its evidence
 * contradicts itself; what was visited until then is no answer. ARGUMENT for a query over its bounds.
 */
CS_RESULT cs_scope_run(const char *ledger, const struct cs_scope_query *q, const struct cs_scope_options *o,
                       cs_scope_visit visit, void *ctx, struct cs_scope_cover *out, struct cs_note *note);

/*
 * The same in steps, for those who hand hits on at their reader's pace. *q and what it points to, and the
 * index path, live until cs_scope_end. cs_scope_begin finds the candidates and folds the cover; failures as
 * above. cs_scope_next confirms at most n_max candidates, each with the state it had when the query began,
 * and says whether there are more; a failure of the visitor ends the query. cs_scope_rest lets go of the
 * ledger for as long as the caller likes; the next step takes it up again.
 */
struct cs_scope_ask;
CS_RESULT cs_scope_begin(const char *ledger, const struct cs_scope_query *q, const struct cs_scope_options *o,
                         struct cs_scope_ask **out, struct cs_note *note);
CS_RESULT cs_scope_next(struct cs_scope_ask *a, uint64_t n_max, cs_scope_visit visit, void *ctx,
                        bool *out_more, struct cs_note *note);
void cs_scope_rest(struct cs_scope_ask *a);
const struct cs_scope_cover *cs_scope_cover_of(const struct cs_scope_ask *a);
void cs_scope_end(struct cs_scope_ask *a); /* NULL-safe */

/* ---- inside this folder ---- */

/* cs_scope_wants is the set of facts a query looks at. */
uint64_t cs_scope_wants(const struct cs_scope_query *q);
uint64_t cs_scope_groups(const struct cs_scope_query *q); /* bit per group in use */

/* cs_scope_matches decides about one entry; *source keeps its TBS when that was needed. */
CS_RESULT cs_scope_matches(const struct cs_scope_query *q, struct cs_fact_source *source,
                           const Countersign__Ledger__V1__Entry *e, bool *out, bool *out_unreadable,
                           struct cs_note *note);

#endif
