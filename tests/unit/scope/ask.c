/* One ledger of 4,200 issuances, refusals and odd entries; every question is asked of the index, of the
 * entries alone, and of an index that was damaged: the three answers are the same, and as computed here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "countersign/v1/common.pb-c.h"

#include "proxy/keyindex/folder.h"
#include "proxy/scope/index.h"
#include "proxy/scope/query.h"
#include "tests/bench/big_tbs.h"
#include "tests/unit/ledger/fixture.h"

enum { ISSUANCES = 4200, ORGANIZATIONS = 7, DOMAINS = 60, STEP_US = 1000000 };

extern int64_t house_clock_us;

static const int methods[2] = { COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_DNS_CHANGE,
                                COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_ACME_HTTP_01 };
static int64_t first_us; /* issuance n begins at first_us + n * STEP_US */

static struct cs_sha256 put_envelope(struct cs_ledger *l, const struct cs_buf *b)
{
    struct cs_sha256 d = cs_sha256(cs_buf_span(b));
    assert_ok(cs_ledger_evidence_put(l, &d, cs_buf_span(b)));
    return d;
}

/* Issuance n: domain n % DOMAINS, organisation of the domain, method of the domain. */
static void issue(struct cs_ledger *l, unsigned n)
{
    CS_AUTO_BUF struct cs_buf b = { 0 };
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    unsigned d = n % DOMAINS, o = d % ORGANIZATIONS;
    char domain[32], account[32], organization[32], order[32];
    struct cs_sha256 evidence[2];
    struct big_plan plan = { n, domain, organization, { 0x41 }, 1790000000 };
    (void)snprintf(domain, sizeof domain, "d%u.example", d);
    (void)snprintf(account, sizeof account, "account-%u", o);
    (void)snprintf(organization, sizeof organization, "Firma %u, GmbH", o);
    (void)snprintf(order, sizeof order, "order-%u", n);
    memcpy(plan.serial + 1, &n, sizeof n);
    house_clock_us = first_us + (int64_t)n * STEP_US;
    big_domain_control_put(d, account, domain, methods[d % 2], 1790000000, &b);
    evidence[0] = put_envelope(l, &b);
    cs_buf_reset(&b);
    big_organization_put(o, account, organization, 1790000000, &b);
    evidence[1] = put_envelope(l, &b);
    big_tbs_put(&plan, &tbs);
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Intent m = COUNTERSIGN__LEDGER__V1__INTENT__INIT;
    Countersign__Ledger__V1__Caller caller = COUNTERSIGN__LEDGER__V1__CALLER__INIT;
    ProtobufCBinaryData digests[] = { cs_proto_bytes(cs_sha256_span(&evidence[0])),
                                      cs_proto_bytes(cs_sha256_span(&evidence[1])) };
    struct cs_sha256 pair = cs_sha256(cs_buf_span(&tbs));
    uint64_t seq = 0, outcome = 0;
    caller.client = cs_proto_bytes(client());
    caller.api_version = cs_proto_bytes(cs_span_str(n % 3 == 0 ? "1.0" : "2.0"));
    m.caller = &caller;
    m.request_id = cs_proto_bytes(cs_span_str(order));
    m.issuer = cs_proto_bytes(cs_span_str("R1"));
    m.kind = COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
    m.tbs = cs_proto_bytes(cs_buf_span(&tbs));
    m.serial = cs_proto_bytes(cs_span_of(plan.serial, sizeof plan.serial));
    m.account = cs_proto_bytes(cs_span_str(account));
    m.order_id = cs_proto_bytes(cs_span_str(order));
    m.pair_sha256 = cs_proto_bytes(cs_sha256_span(&pair));
    m.evidence_sha256s = digests;
    m.n_evidence_sha256s = 2;
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
    e.intent = &m;
    assert_ok(cs_ledger_append(l, &e, &seq));
    if (n % 100 != 99) /* one in a hundred stays open */
        assert_ok(append_outcome(l, seq, n % 100 == 98 ? OUTCOME(NOT_SIGNED) : OUTCOME(SIGNED), 0, &outcome));
    if (n % 256 == 255)
        commit(l);
}

static int set_up(void **state)
{
    if (house_set_up(state) != 0)
        return -1;
    struct house *h = *state;
    uint64_t seq = 0;
    first_us = house_clock_us + STEP_US;
    for (unsigned n = 0; n < ISSUANCES; n++) {
        issue(h->l, n);
        if (n % 1000 == 0)
            assert_ok(append_refusal(h->l, &seq)); /* V03 */
    }
    house_clock_us = first_us + (int64_t)(ISSUANCES + 1) * STEP_US;
    put_evidence(h->l, 1);
    const struct intent_plan odd = { .n = 1, .evidence = true }; /* no TBS, no envelope that can be read */
    assert_ok(append_intent(h->l, &odd, &seq));
    commit(h->l);
    return 0;
}

static void remove_index(const char *folder)
{
    DIR *d = opendir(folder);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(folder);
}

static int tear_down(void **state)
{
    const struct house *h = *state;
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s-index", h->path);
    remove_index(folder);
    return house_tear_down(state);
}

struct answer {
    struct cs_numbers seq;
    struct cs_scope_cover cover;
};

static cs_result take(void *ctx, const struct cs_scope_hit *hit)
{
    return cs_numbers_put(ctx, hit->entry->seq);
}

static void check_cover(const struct cs_scope_cover *c)
{
    uint64_t at = 1, n = 0;
    for (uint32_t i = 0; i < c->n_pieces; i++) {
        assert_int_equal(c->piece[i].from, at);
        n += c->piece[i].to - c->piece[i].from + 1;
        at = c->piece[i].to + 1;
    }
    assert_int_equal(at, c->size + 1);
    assert_int_equal(n, c->by_runs + c->by_reading);
}

static struct answer ask(const struct house *h, const struct cs_scope_query *q, bool scan)
{
    struct answer a = { .seq = { 0 } };
    struct cs_note note = { "" };
    struct cs_scope_options o = { .scan = scan };
    cs_result r = cs_scope_run(h->path, q, &o, take, &a.seq, &a.cover, &note);
    if (!cs_ok(r))
        fail_msg("%s: %s", cs_result_name(r), note.text);
    check_cover(&a.cover);
    return a;
}

static void done(struct answer *a)
{
    cs_numbers_done(&a->seq);
    cs_scope_cover_done(&a->cover);
}

static const uint8_t intent = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
static const uint8_t refusal = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL;
static const uint8_t method_1 = COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_ACME_HTTP_01;
static const uint8_t ov = COUNTERSIGN__V1__PROFILE__PROFILE_ORGANIZATION_VALIDATED;

#define IN(g, f, text)                                                                          \
    {                                                                                           \
        .fact = CS_FACT_##f, .value = { (const uint8_t *)(text), sizeof(text) - 1 }, .group = g \
    }
#define OCTET(g, f, octet)                                        \
    {                                                             \
        .fact = CS_FACT_##f, .value = { &(octet), 1 }, .group = g \
    }

/* Which issuances a row means, by their number. */
static bool every(unsigned n)
{
    (void)n;
    return true;
}
static bool none(unsigned n)
{
    (void)n;
    return false;
}
static bool organization_3(unsigned n)
{
    return n % DOMAINS % ORGANIZATIONS == 3;
}
static bool by_method_1(unsigned n)
{
    return n % DOMAINS % 2 == 1;
}
static bool both(unsigned n)
{
    return organization_3(n) && by_method_1(n);
}
static bool domain_5(unsigned n)
{
    return n % DOMAINS == 5;
}
static bool domain_5_or_6(unsigned n)
{
    return n % DOMAINS == 5 || n % DOMAINS == 6;
}
static bool old_api(unsigned n)
{
    return n % 3 == 0;
}
static bool middle(unsigned n)
{
    return n >= 1000 && n < 3000 && old_api(n);
}
static bool open_ones(unsigned n)
{
    return n % 100 == 99;
}
static bool versions(unsigned n)
{
    unsigned o = n % DOMAINS % ORGANIZATIONS, d = n % DOMAINS;
    return (o >= 2 && o <= 3) || (d % 9 >= 2 && d % 9 <= 3);
}

static const struct row {
    const char *name;
    bool (*means)(unsigned n);
    struct cs_scope_selector selector[4];
    uint32_t n;
    unsigned from, until; /* issuances, 0: open */
    uint32_t results;
    bool names_unreadable; /* the odd intent may belong to it */
} rows[] = {
    { "all", every, { OCTET(0, KIND, intent), IN(1, ISSUER, "R1") }, 2, 0, ISSUANCES, 0, false },
    { "organisation",
      organization_3,
      { OCTET(0, KIND, intent), IN(1, ORGANIZATION, "firma 3 gmbh") },
      2,
      0,
      0,
      0,
      true },
    { "method", by_method_1, { OCTET(0, KIND, intent), OCTET(1, METHOD, method_1) }, 2, 0, 0, 0, true },
    { "organisation and method",
      both,
      { OCTET(0, KIND, intent), IN(1, ORGANIZATION, "firma 3 gmbh"), OCTET(2, METHOD, method_1) },
      3,
      0,
      0,
      0,
      true },
    { "name", domain_5, { OCTET(0, KIND, intent), IN(1, NAME, "www.d5.example") }, 2, 0, 0, 0, true },
    { "suffix", domain_5, { OCTET(0, KIND, intent), IN(1, SUFFIX, "d5.example") }, 2, 0, 0, 0, true },
    { "wide suffix", every, { OCTET(0, KIND, intent), IN(1, SUFFIX, "example") }, 2, 0, 0, 0, true },
    { "one of two",
      domain_5_or_6,
      { OCTET(0, KIND, intent), IN(1, SUFFIX, "d5.example"), IN(1, NAME, "d6.example") },
      3,
      0,
      0,
      0,
      true },
    { "profile", every, { OCTET(0, KIND, intent), OCTET(1, PROFILE, ov) }, 2, 0, 0, 0, true },
    { "api version", old_api, { OCTET(0, KIND, intent), IN(1, API_VERSION, "1.0") }, 2, 0, 0, 0, false },
    { "api version and time",
      middle,
      { OCTET(0, KIND, intent), IN(1, API_VERSION, "1.0") },
      2,
      1000,
      3000,
      0,
      false },
    { "record version",
      organization_3,
      { OCTET(0, KIND, intent), IN(1, RECORD_VERSION, "org-3\0\0\0\0\0\0\0\0\1") },
      2,
      0,
      0,
      0,
      true },
    { "person", organization_3, { OCTET(0, KIND, intent), IN(1, PERSON, "vetter-3") }, 2, 0, 0, 0, true },
    { "software versions",
      versions,
      { OCTET(0, KIND, intent),
        { .fact = CS_FACT_SOFTWARE,
          .value = { (const uint8_t *)"validator", 9 },
          .group = 1,
          .version_from = { (const uint8_t *)"4.2", 3 },
          .version_to = { (const uint8_t *)"4.3.0", 5 } } },
      2,
      0,
      0,
      0,
      true },
    { "open", open_ones, { OCTET(0, KIND, intent) }, 1, 0, ISSUANCES, CS_SCOPE_OPEN, false },
    { "nothing", none, { OCTET(0, KIND, intent), IN(1, ACCOUNT, "account-8") }, 2, 0, 0, 0, false },
    { "another attester", none, { OCTET(0, KIND, intent), IN(1, ATTESTER, "va-3") }, 2, 0, 0, 0, true },
};

static struct cs_scope_query query_of(const struct row *row)
{
    return (struct cs_scope_query){
        .selector = row->selector,
        .n_selectors = row->n,
        .from_unix_us = row->from != 0 ? first_us + (int64_t)row->from * STEP_US : 0,
        .until_unix_us = row->until != 0 ? first_us + (int64_t)row->until * STEP_US : 0,
        .results = row->results,
    };
}

static void check_rows(const struct house *h, bool scan)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_scope_query q = query_of(&rows[i]);
        struct answer a = ask(h, &q, scan);
        uint64_t n = 0;
        for (unsigned k = 0; k < ISSUANCES; k++)
            n += rows[i].means(k);
        if (a.seq.n != n || a.cover.confirmed != n)
            fail_msg("row: %s: %zu found, %llu needed", rows[i].name, a.seq.n, (unsigned long long)n);
        if ((a.cover.unreadable != 0) != rows[i].names_unreadable)
            fail_msg("row: %s: %llu unreadable", rows[i].name, (unsigned long long)a.cover.unreadable);
        done(&a);
    }
}

static void same_answers(const struct house *h)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_scope_query q = query_of(&rows[i]);
        struct answer a = ask(h, &q, false), b = ask(h, &q, true);
        assert_int_equal(a.seq.n, b.seq.n);
        if (a.seq.n != 0)
            assert_memory_equal(a.seq.at, b.seq.at, a.seq.n * sizeof *a.seq.at);
        assert_int_equal(a.cover.unreadable, b.cover.unreadable);
        assert_int_equal(b.cover.by_runs, 0);
        done(&a);
        done(&b);
    }
}

static void index_answers_as_reading_does(void **state)
{
    const struct house *h = *state;
    struct cs_scope_index_report report = { 0 };
    struct cs_note note = { "" };
    check_rows(h, true);
    check_rows(h, false); /* no index yet: read as well */
    assert_ok(cs_scope_index_update(h->path, NULL, NULL, NULL, &report, &note));
    assert_int_equal(report.n_covered, 2 * CS_RUN_GROUP);
    assert_int_equal(report.n_indexed, 2 * CS_RUN_GROUP);
    assert_int_equal(report.n_runs, 2);
    assert_false(report.foreign);
    check_rows(h, false);
    same_answers(h);
    assert_ok(cs_scope_index_update(h->path, NULL, NULL, NULL, &report, &note));
    assert_int_equal(report.n_indexed, 0);
}

static void refusals_are_found_by_rule(void **state)
{
    const struct house *h = *state;
    const struct cs_scope_selector s[] = { OCTET(0, KIND, refusal), IN(1, RULE, "V03") };
    struct cs_scope_query q = { .selector = s, .n_selectors = 2 };
    struct answer a = ask(h, &q, false);
    assert_int_equal(a.seq.n, (ISSUANCES + 999) / 1000);
    done(&a);
}

/* Any octet of any run: refused at open, or when it is touched; the answer stays. */
static void damage_never_changes_an_answer(void **state)
{
    const struct house *h = *state;
    char folder[128], name[CS_RUN_NAME_LEN], path[256];
    struct cs_scope_index_report report = { 0 };
    struct cs_note note = { "" };
    struct cs_scope_query q = query_of(&rows[1]);
    (void)snprintf(folder, sizeof folder, "%s-index", h->path);
    assert_ok(cs_scope_index_update(h->path, NULL, NULL, NULL, &report, &note));
    cs_run_name(1, CS_RUN_GROUP, name);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    struct answer good = ask(h, &q, true);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    unsigned noticed = 0;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = 0; at < st.st_size; at += st.st_size / 20) {
        uint8_t octet = 0, flipped;
        assert_int_equal(pread(fd, &octet, 1, at), 1);
        flipped = octet ^ 0x10;
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        struct answer a = ask(h, &q, false);
        assert_int_equal(a.seq.n, good.seq.n);
        assert_memory_equal(a.seq.at, good.seq.at, a.seq.n * sizeof *a.seq.at);
        noticed += a.cover.n_bad;
        done(&a);
        assert_int_equal(pwrite(fd, &octet, 1, at), 1);
    }
    assert_true(noticed > 0);
    (void)close(fd);
    assert_int_equal(unlink(path), 0); /* missing: its entries are read */
    struct answer a = ask(h, &q, false);
    assert_int_equal(a.seq.n, good.seq.n);
    assert_true(a.cover.by_reading >= CS_RUN_GROUP);
    done(&a);
    done(&good);
}

/* A run of other entries under a right name, whole in itself: the fold does not fit. */
static void a_run_of_other_entries_is_refused(void **state)
{
    const struct house *h = *state;
    char path[128];
    struct cs_note note = { "" };
    struct cs_run_folder f;
    struct cs_postings nothing = { 0 };
    struct cs_sha256 cover = cs_sha256(cs_span_str("other entries"));
    struct cs_scope_index_report report = { 0 };
    struct cs_scope_query q = query_of(&rows[1]);
    (void)snprintf(path, sizeof path, "%s-index", h->path);
    remove_index(path);
    assert_ok(cs_run_folder_open(path, CS_SCOPE_INDEX, true, &f, &note));
    assert_ok(cs_run_folder_seal(&f, 1, &cover, &nothing, &note));
    assert_result(cs_scope_index_update(h->path, NULL, NULL, NULL, &report, &note), AGAIN);
    cs_run_folder_close(&f);
    struct answer a = ask(h, &q, false), b = ask(h, &q, true);
    assert_int_equal(a.seq.n, b.seq.n);
    assert_int_equal(a.cover.by_runs, 0);
    assert_true(a.cover.n_bad > 0);
    done(&a);
    done(&b);
    assert_ok(cs_scope_index_update(h->path, NULL, NULL, NULL, &report, &note));
    assert_true(report.foreign);
    assert_int_equal(report.n_runs, 2);
    same_answers(h);
}

/* An entry that is not what was hashed: no answer, rather than a wrong one. */
static void a_changed_ledger_gives_no_answer(void **state)
{
    const struct house *h = *state;
    struct cs_note note = { "" };
    struct cs_scope_query q = query_of(&rows[1]);
    struct cs_scope_options o = { .scan = true };
    struct cs_scope_cover cover = { 0 };
    struct cs_numbers seq = { 0 };
    sqlite3 *db = raw_open(h->path);
    raw_run(db, "DROP TRIGGER entry_no_update");
    sqlite3_stmt *get = NULL, *put = NULL;
    uint8_t body[1024];
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT body FROM entry WHERE seq = 2", -1, &get, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(get), SQLITE_ROW);
    int len = sqlite3_column_bytes(get, 0);
    assert_true(len > 0 && (size_t)len <= sizeof body);
    memcpy(body, sqlite3_column_blob(get, 0), (size_t)len);
    body[len - 1] ^= 1; /* the digest of an outcome: canonical all the same */
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE entry SET body = ?1 WHERE seq = 2", -1, &put, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(put, 1, body, len, SQLITE_STATIC), SQLITE_OK);
    (void)sqlite3_finalize(get);
    assert_int_equal(sqlite3_step(put), SQLITE_DONE);
    (void)sqlite3_finalize(put);
    raw_run(db,
            "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger is "
            "append-only: entry keeps its rows'); END;");
    (void)sqlite3_close(db);
    assert_result(cs_scope_run(h->path, &q, &o, take, &seq, &cover, &note), STORE_CORRUPT);
    cs_numbers_done(&seq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_answers_as_reading_does),
        cmocka_unit_test(refusals_are_found_by_rule),
        cmocka_unit_test(damage_never_changes_an_answer),
        cmocka_unit_test(a_run_of_other_entries_is_refused),
        cmocka_unit_test(a_changed_ledger_gives_no_answer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
