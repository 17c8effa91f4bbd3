/*
 * Fixture: a ledger in a temporary folder of its own, a clock the test sets, and entries in one line.
 */
#ifndef CS_TESTS_LEDGER_FIXTURE_H
#define CS_TESTS_LEDGER_FIXTURE_H

#include <sqlite3.h>

#include "proto/canonical.h"
#include "proxy/ledger/ledger.h"
#include "proxy/ledger/verify.h"

struct house {
    char folder[64];
    char path[96];
    struct cs_ledger *l;
};

extern int64_t house_clock_us; /* what cs_clock_unix_us says; every reading adds one */

int house_set_up(void **state); /* cmocka: *state is a struct house with an open ledger */
int house_tear_down(void **state);
void house_open(struct house *h); /* asserts success */
void house_close(struct house *h);

/* One intent; every part by default derives from n. */
struct intent_plan {
    unsigned n;             /* tells one from another */
    const char *request_id; /* NULL = from n */
    const char *serial;
    const char *order_id; /* "" = none */
    const char *pair;     /* hashed */
    bool final;
    enum {
        NO_SUBJECT = 0,
        SUBJECT,
        FOREIGN_SUBJECT,
        SUBJECT_ALONE,
        IDENTITY_ALONE,
        SUBJECT_OF_NOBODY
    } subject;
    bool evidence; /* relies on evidence_of(n), which must be in the store */
    size_t tbs_len;
    uint64_t authorization_seq;
};
cs_result append_intent(struct cs_ledger *l, const struct intent_plan *plan, uint64_t *out_seq);
cs_result append_outcome(struct cs_ledger *l, uint64_t intent_seq,
                         Countersign__Ledger__V1__OutcomeResult result, unsigned n,
                         uint64_t *out_seq); /* n as the intent's, for the TBS digest */
cs_result append_refusal(struct cs_ledger *l, uint64_t *out_seq);
cs_result append_deposit(struct cs_ledger *l, unsigned n,
                         uint64_t *out_seq); /* of evidence_of(n), statement_of(n) */
/* Of tbs_of(n), for client(), at issuer R1; every part by default derives from n. */
struct authorization_plan {
    unsigned n;
    const char *request_id; /* NULL = from n */
    const char *caller;     /* NULL = client() */
    const char *for_client; /* NULL = client() */
    unsigned hash;          /* enum cs_hash; 0 = SHA-256 */
    bool foreign_digest;
    bool evidence;       /* relies on evidence_of(n), which must be in the store */
    int64_t valid_for_s; /* 0 = 300 */
};
cs_result append_authorization(struct cs_ledger *l, const struct authorization_plan *plan, uint64_t *out_seq);
cs_result append_start(struct cs_ledger *l, uint64_t *out_seq);

struct cs_span client(void);
struct cs_span envelope_of(unsigned n, char out[32]);
struct cs_sha256 evidence_of(unsigned n);
struct cs_span statement_of(unsigned n, char out[32]);
size_t tbs_of(unsigned n, size_t tbs_len, uint8_t *out); /* out holds 65536 */
struct cs_sha256 identity_of(unsigned n);
struct cs_span subject_of(const uint8_t *tbs); /* a part of it */

void commit(struct cs_ledger *l);                   /* asserts success, drops the grants */
void put_evidence(struct cs_ledger *l, unsigned n); /* envelope, statement and a deposit key */

/* A connection on which the append-only triggers do not fire. */
sqlite3 *raw_open(const char *path);
void raw_run(sqlite3 *db, const char *sql); /* asserts success */

#define OUTCOME(x) COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_##x
#define assert_result(r, name)                                                          \
    do {                                                                                \
        cs_result r__ = (r);                                                            \
        if (!cs_is(r__, CS_NUM_##name))                                                 \
            fail_msg("%s:%d: %s gave %s", __FILE__, __LINE__, #r, cs_result_name(r__)); \
    } while (0)
#define assert_ok(r) assert_result(r, OK_)

#endif
