#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "tests/unit/ledger/fixture.h"

/* Stands in for proxy/base/clock.c at link time. */
int64_t house_clock_us = 1790000000000000;
int64_t cs_clock_unix_us(void)
{
    return house_clock_us++;
}
int64_t cs_clock_mono_us(void)
{
    return house_clock_us;
}

void house_open(struct house *h)
{
    struct cs_note note;
    cs_result r = cs_ledger_open(h->path, &h->l, &note);
    if (!cs_ok(r))
        fail_msg("open: %s: %s", cs_result_name(r), note.text);
}

void house_close(struct house *h)
{
    cs_ledger_close(h->l);
    h->l = NULL;
}

int house_set_up(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    (void)snprintf(h->folder, sizeof h->folder, "/tmp/cs-ledger-XXXXXX");
    assert_non_null(mkdtemp(h->folder));
    (void)snprintf(h->path, sizeof h->path, "%s/ledger", h->folder);
    house_open(h);
    *state = h;
    return 0;
}

int house_tear_down(void **state)
{
    struct house *h = *state;
    static const char *const names[] = { "",      "-lock",     "-wal",      "-shm",
                                         "-copy", "-copy-wal", "-copy-shm", "-copy-lock" };
    cs_ledger_close(h->l);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", h->path, names[i]);
        (void)unlink(name);
    }
    (void)rmdir(h->folder);
    free(h);
    return 0;
}

struct cs_span client(void)
{
    return cs_span_str("ra-old-api");
}

struct cs_span envelope_of(unsigned n, char out[32])
{
    return cs_span_of(out, (size_t)snprintf(out, 32, "envelope %u", n));
}

struct cs_sha256 evidence_of(unsigned n)
{
    char text[32];
    return cs_sha256(envelope_of(n, text));
}

struct cs_span statement_of(unsigned n, char out[32])
{
    return cs_span_of(out, (size_t)snprintf(out, 32, "statement %u", n));
}

size_t tbs_of(unsigned n, size_t tbs_len, uint8_t *out)
{
    size_t len = tbs_len != 0 ? tbs_len : 24;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(n + i);
    return len;
}

struct cs_sha256 identity_of(unsigned n)
{
    char text[32];
    return cs_sha256(cs_span_of(text, (size_t)snprintf(text, sizeof text, "identity %u", n)));
}

struct cs_span subject_of(const uint8_t *tbs)
{
    return cs_span_of(tbs + 4, 8);
}

static ProtobufCBinaryData text_or(const char *text, char room[32], const char *prefix, unsigned n)
{
    if (text != NULL)
        return cs_proto_bytes(cs_span_str(text));
    return cs_proto_bytes(cs_span_of(room, (size_t)snprintf(room, 32, "%s-%u", prefix, n)));
}

cs_result append_intent(struct cs_ledger *l, const struct intent_plan *p, uint64_t *out_seq)
{
    static uint8_t tbs[65536];
    char request[32], serial[32], order[32], pair[32];
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Intent m = COUNTERSIGN__LEDGER__V1__INTENT__INIT;
    Countersign__Ledger__V1__Caller caller = COUNTERSIGN__LEDGER__V1__CALLER__INIT;
    Countersign__Ledger__V1__Cover cover = COUNTERSIGN__LEDGER__V1__COVER__INIT, *covers[] = { &cover };
    struct cs_sha256 evidence = evidence_of(p->n);
    ProtobufCBinaryData evidences[] = { cs_proto_bytes(cs_sha256_span(&evidence)) };
    ProtobufCBinaryData pair_text = text_or(p->pair, pair, "pair", p->n);
    struct cs_sha256 pair_sha256 = cs_sha256(cs_proto_span(pair_text));
    caller.client = cs_proto_bytes(client());
    m.caller = &caller;
    m.request_id = text_or(p->request_id, request, "request", p->n);
    m.issuer = cs_proto_bytes(cs_span_str("R1"));
    m.kind = p->final ? COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_CERTIFICATE
                      : COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
    m.tbs = cs_proto_bytes(cs_span_of(tbs, tbs_of(p->n, p->tbs_len, tbs)));
    m.authorization_seq = p->authorization_seq;
    m.serial = text_or(p->serial, serial, "serial", p->n);
    m.account = cs_proto_bytes(cs_span_str("acme"));
    m.order_id = text_or(p->order_id, order, "order", p->n);
    m.pair_sha256 = cs_proto_bytes(cs_sha256_span(&pair_sha256));
    struct cs_sha256 identity = identity_of(p->n);
    if (p->subject != NO_SUBJECT && p->subject != IDENTITY_ALONE)
        m.subject = p->subject == FOREIGN_SUBJECT ? cs_proto_bytes(cs_span_str("a name"))
                                                  : cs_proto_bytes(subject_of(tbs));
    if (p->subject != NO_SUBJECT && p->subject != SUBJECT_ALONE)
        m.identity_sha256 = cs_proto_bytes(cs_sha256_span(&identity));
    if (p->subject == SUBJECT_OF_NOBODY)
        m.account.len = 0;
    if (p->evidence) {
        m.n_evidence_sha256s = 1;
        m.evidence_sha256s = evidences;
        cover.part = COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_NAME;
        cover.good_until_unix_s = 1800000000;
        m.n_covers = 1;
        m.covers = covers;
    }
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
    e.intent = &m;
    return cs_ledger_append(l, &e, out_seq);
}

cs_result append_outcome(struct cs_ledger *l, uint64_t intent_seq,
                         Countersign__Ledger__V1__OutcomeResult result, unsigned n, uint64_t *out_seq)
{
    static uint8_t tbs[65536];
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Outcome m = COUNTERSIGN__LEDGER__V1__OUTCOME__INIT;
    struct cs_sha256 d = cs_sha256(cs_span_of(tbs, tbs_of(n, 0, tbs)));
    m.intent_seq = intent_seq;
    m.result = result;
    if (result == OUTCOME(SIGNED)) {
        m.signature = cs_proto_bytes(cs_span_str("signature"));
        m.tbs_sha256 = cs_proto_bytes(cs_sha256_span(&d));
    }
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME;
    e.outcome = &m;
    return cs_ledger_append(l, &e, out_seq);
}

cs_result append_refusal(struct cs_ledger *l, uint64_t *out_seq)
{
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Refusal m = COUNTERSIGN__LEDGER__V1__REFUSAL__INIT;
    Countersign__Ledger__V1__Reason reason = COUNTERSIGN__LEDGER__V1__REASON__INIT, *reasons[] = { &reason };
    reason.rule = cs_proto_bytes(cs_span_str("V03"));
    m.reasons = reasons;
    m.n_reasons = 1;
    m.total_reasons = 1;
    m.grpc_status = 9;
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL;
    e.refusal = &m;
    return cs_ledger_append(l, &e, out_seq);
}

cs_result append_deposit(struct cs_ledger *l, unsigned n, uint64_t *out_seq)
{
    char text[32];
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Deposit m = COUNTERSIGN__LEDGER__V1__DEPOSIT__INIT;
    Countersign__Ledger__V1__Caller caller = COUNTERSIGN__LEDGER__V1__CALLER__INIT;
    struct cs_sha256 d = evidence_of(n);
    caller.client = cs_proto_bytes(client());
    m.caller = &caller;
    m.evidence_sha256 = cs_proto_bytes(cs_sha256_span(&d));
    m.statement_id = cs_proto_bytes(statement_of(n, text));
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT;
    e.deposit = &m;
    return cs_ledger_append(l, &e, out_seq);
}

cs_result append_authorization(struct cs_ledger *l, const struct authorization_plan *p, uint64_t *out_seq)
{
    static uint8_t tbs[65536];
    char request[32];
    uint8_t digest[CS_DIGEST_MAX_LEN];
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Authorization m = COUNTERSIGN__LEDGER__V1__AUTHORIZATION__INIT;
    Countersign__Ledger__V1__Caller caller = COUNTERSIGN__LEDGER__V1__CALLER__INIT;
    struct cs_sha256 evidence = evidence_of(p->n);
    ProtobufCBinaryData evidences[] = { cs_proto_bytes(cs_sha256_span(&evidence)) };
    enum cs_hash hash = p->hash != 0 ? (enum cs_hash)p->hash : CS_HASH_SHA256;
    caller.client = cs_proto_bytes(p->caller != NULL ? cs_span_str(p->caller) : client());
    m.caller = &caller;
    m.request_id = text_or(p->request_id, request, "authorize", p->n);
    m.for_client = cs_proto_bytes(p->for_client != NULL ? cs_span_str(p->for_client) : client());
    m.issuer = cs_proto_bytes(cs_span_str("R1"));
    m.tbs = cs_proto_bytes(cs_span_of(tbs, tbs_of(p->n, 0, tbs)));
    cs_hash(hash, cs_proto_span(m.tbs), digest);
    digest[0] ^= p->foreign_digest;
    m.digest = cs_proto_bytes(cs_span_of(digest, cs_hash_len(hash)));
    m.account = cs_proto_bytes(cs_span_str("acme"));
    m.expires_at_unix_s = house_clock_us / 1000000 + (p->valid_for_s != 0 ? p->valid_for_s : 300);
    if (p->evidence) {
        m.n_evidence_sha256s = 1;
        m.evidence_sha256s = evidences;
    }
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION;
    e.authorization = &m;
    return cs_ledger_append(l, &e, out_seq);
}

cs_result append_start(struct cs_ledger *l, uint64_t *out_seq)
{
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Start m = COUNTERSIGN__LEDGER__V1__START__INIT;
    m.software_version = cs_proto_bytes(cs_span_str("0.1.0"));
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_START;
    e.start = &m;
    return cs_ledger_append(l, &e, out_seq);
}

void commit(struct cs_ledger *l)
{
    struct cs_grant_list grants = { 0 };
    assert_ok(cs_ledger_commit(l, &grants));
    cs_grant_list_done(&grants);
}

void put_evidence(struct cs_ledger *l, unsigned n)
{
    char envelope[32], statement[32];
    struct cs_sha256 d = evidence_of(n), payload = cs_sha256(cs_span_str("payload"));
    assert_ok(cs_ledger_evidence_put(l, &d, envelope_of(n, envelope)));
    assert_ok(cs_ledger_statement_put(l, statement_of(n, statement), &payload));
    assert_ok(cs_ledger_deposit_key_put(l, cs_span_str("account:acme"), &d, 1800000000 + n));
    assert_ok(cs_ledger_token_put(l, &d, &payload));
}

sqlite3 *raw_open(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL), SQLITE_OK);
    raw_run(db, "PRAGMA synchronous = OFF");
    return db;
}

void raw_run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}
