/*
 * Bench: writes a ledger of N issuances (an intent and its outcome each) through the ledger's own code,
 * builds the scope index, and asks it. Prints, no limits.
 *
 *   big_ledger FILE N [keep]     FILE must not exist; it and its index are removed unless "keep"
 *   big_ledger FILE ask          asks a ledger that was kept
 *
 * 200 organisations with an account each; a domain serves about 20 issuances, with one of five methods;
 * evidence for a domain and an organisation is shared, orders are not. Entries get the time of the
 * bench's own clock, a minute for an issuance, so that time ranges mean something.
 *
 * "cold": a fresh process, and the pages of the ledger and the index dropped from the page cache.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "countersign/v1/common.pb-c.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/scope/index.h"
#include "proxy/scope/query.h"
#include "tests/bench/big_tbs.h"

enum { ORGANIZATIONS = 200, ISSUANCES_A_DOMAIN = 20, TURN = 256, MINUTE_US = 60 * 1000000 };

static const int64_t first_us = INT64_C(1700000000) * 1000000;
static int64_t now_us = INT64_C(1700000000) * 1000000;

/* Stand in for proxy/base/clock.c at link time: the ledger's time is the bench's. */
int64_t cs_clock_unix_us(void)
{
    return now_us;
}
int64_t cs_clock_mono_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void give_up(const char *what, cs_result r, const char *why)
{
    (void)fprintf(stderr, "%s: %s %s\n", what, cs_result_name(r), why);
    exit(1);
}
#define MUST(l, expr)                                 \
    do {                                              \
        cs_result r_ = (expr);                        \
        if (!cs_ok(r_))                               \
            give_up(#expr, r_, cs_ledger_trouble(l)); \
    } while (0)

static const int methods[] = { COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_DNS_CHANGE,
                               COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_HTTP_WEBSITE_V2,
                               COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_ACME_HTTP_01,
                               COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_ACME_TLS_ALPN_01,
                               COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_EMAIL_TXT_CONTACT };

static struct cs_sha256 put_evidence(struct cs_ledger *l, const struct cs_buf *envelope)
{
    struct cs_sha256 d = cs_sha256(cs_buf_span(envelope));
    MUST(l, cs_ledger_evidence_put(l, &d, cs_buf_span(envelope)));
    return d;
}

static void append_intent(struct cs_ledger *l, uint64_t n, const char *domain, const char *account,
                          const char *organization, const struct cs_sha256 evidence[3], uint64_t *out_seq,
                          struct cs_sha256 *out_tbs)
{
    static struct cs_buf tbs;
    struct big_plan plan = { n, domain, organization, { 0 }, now_us / 1000000 };
    uint64_t serial[2] = { big_mixed(n), big_mixed(n + 1) }, request[2] = { big_mixed(~n), n },
             order[2] = { big_mixed(n * 3), n };
    struct cs_sha256 pair = { { 0 } };
    memcpy(plan.serial, serial, sizeof serial);
    plan.serial[0] = (uint8_t)((plan.serial[0] & 0x3f) | 0x40);
    memcpy(pair.byte, serial, sizeof serial);
    cs_buf_reset(&tbs);
    big_tbs_put(&plan, &tbs);
    *out_tbs = cs_sha256(cs_buf_span(&tbs));
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Intent m = COUNTERSIGN__LEDGER__V1__INTENT__INIT;
    Countersign__Ledger__V1__Caller caller = COUNTERSIGN__LEDGER__V1__CALLER__INIT;
    Countersign__Ledger__V1__Cover cover[3], *covers[3];
    ProtobufCBinaryData digests[3];
    for (unsigned i = 0; i < 3; i++) {
        cover[i] = (Countersign__Ledger__V1__Cover)COUNTERSIGN__LEDGER__V1__COVER__INIT;
        cover[i].part = i == 0   ? COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_NAME
                        : i == 1 ? COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_SUBJECT
                                 : COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_KEY;
        cover[i].evidence = i;
        cover[i].good_until_unix_s = now_us / 1000000 + 86400;
        covers[i] = &cover[i];
        digests[i] = cs_proto_bytes(cs_sha256_span(&evidence[i]));
    }
    caller.client = cs_proto_bytes(cs_span_str(n % 5 == 0 ? "ra-old-api" : "ra-portal"));
    caller.api_version = cs_proto_bytes(cs_span_str(n % 5 == 0 ? "1.0" : "2.4"));
    m.caller = &caller;
    m.request_id = cs_proto_bytes(cs_span_of(request, sizeof request));
    m.issuer = cs_proto_bytes(cs_span_str("issuing-ca-1"));
    m.kind = COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
    m.tbs = cs_proto_bytes(cs_buf_span(&tbs));
    m.serial = cs_proto_bytes(cs_span_of(plan.serial, sizeof plan.serial));
    m.account = cs_proto_bytes(cs_span_str(account));
    m.order_id = cs_proto_bytes(cs_span_of(order, sizeof order));
    m.pair_sha256 = cs_proto_bytes(cs_sha256_span(&pair));
    m.policy_sha256 = m.pair_sha256;
    m.evidence_sha256s = digests;
    m.n_evidence_sha256s = 3;
    m.covers = covers;
    m.n_covers = 3;
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
    e.intent = &m;
    MUST(l, cs_ledger_append(l, &e, out_seq));
}

static void append_outcome(struct cs_ledger *l, uint64_t intent_seq, const struct cs_sha256 *tbs)
{
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Outcome m = COUNTERSIGN__LEDGER__V1__OUTCOME__INIT;
    uint8_t signature[72] = { 0x30, 0x46 };
    uint64_t seq = 0;
    m.intent_seq = intent_seq;
    m.result = COUNTERSIGN__LEDGER__V1__OUTCOME_RESULT__OUTCOME_RESULT_SIGNED;
    m.signature = cs_proto_bytes(cs_span_of(signature, sizeof signature));
    m.tbs_sha256 = cs_proto_bytes(cs_sha256_span(tbs));
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME;
    e.outcome = &m;
    MUST(l, cs_ledger_append(l, &e, &seq));
}

static void issue(struct cs_ledger *l, uint64_t n)
{
    static struct cs_buf envelope;
    struct cs_sha256 evidence[3], tbs;
    uint64_t domain_n = n / ISSUANCES_A_DOMAIN, organization_n = big_mixed(domain_n) % ORGANIZATIONS, seq = 0;
    char domain[64], account[32], organization[64];
    (void)snprintf(domain, sizeof domain, "shop-%" PRIu64 ".example.at", domain_n);
    (void)snprintf(account, sizeof account, "account-%" PRIu64, organization_n);
    (void)snprintf(organization, sizeof organization, "Organisation %" PRIu64 " Handels GmbH",
                   organization_n);
    now_us += MINUTE_US;
    cs_buf_reset(&envelope);
    big_domain_control_put(domain_n, account, domain, methods[domain_n % 5],
                           first_us / 1000000 + (int64_t)domain_n * 1200, &envelope);
    evidence[0] = put_evidence(l, &envelope);
    cs_buf_reset(&envelope);
    big_organization_put(organization_n, account, organization, first_us / 1000000, &envelope);
    evidence[1] = put_evidence(l, &envelope);
    cs_buf_reset(&envelope);
    big_order_put(n, account, domain, now_us / 1000000, &envelope);
    evidence[2] = put_evidence(l, &envelope);
    append_intent(l, n, domain, account, organization, evidence, &seq, &tbs);
    append_outcome(l, seq, &tbs);
}

static void generate(const char *path, uint64_t n)
{
    struct cs_ledger *l = NULL;
    struct cs_note note = { "" };
    cs_result r = cs_ledger_open(path, &l, &note);
    if (!cs_ok(r))
        give_up("open", r, note.text);
    int64_t from = cs_clock_mono_us(), mark_from = from;
    uint64_t mark = 1000, before = 0;
    for (uint64_t i = 0; i < n;) {
        struct cs_grant_list grants = { 0 };
        for (unsigned k = 0; k < TURN && i < n; k++)
            issue(l, i++);
        MUST(l, cs_ledger_commit(l, &grants));
        cs_grant_list_done(&grants);
        if (i < mark && i < n)
            continue;
        int64_t at = cs_clock_mono_us();
        (void)printf("%9" PRIu64 " issuances: %6.1f us each since %" PRIu64 "\n", i,
                     (double)(at - mark_from) / (double)(i - before), before);
        (void)fflush(stdout);
        mark_from = at;
        before = i;
        mark = mark < 100000 ? mark * 10 : mark + 100000;
    }
    int64_t closing = cs_clock_mono_us();
    cs_ledger_close(l);
    (void)printf("written in %.1f s, closed in %.1f s\n", (double)(closing - from) / 1e6,
                 (double)(cs_clock_mono_us() - closing) / 1e6);
}

/* ---- asking ---- */

static void drop_file(int fd)
{
    if (fd >= 0) {
        (void)fsync(fd);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        (void)close(fd);
    }
}

static uint64_t drop_caches(const char *path, unsigned *out_runs)
{
    char folder[520];
    uint64_t len = 0;
    drop_file(open(path, O_RDONLY | O_CLOEXEC));
    (void)snprintf(folder, sizeof folder, "%s-index", path);
    *out_runs = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        struct stat st;
        int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
            len += (uint64_t)st.st_size;
            *out_runs += st.st_size != 0;
        }
        drop_file(fd);
    }
    if (d != NULL)
        (void)closedir(d);
    return len;
}

static cs_result count(void *ctx, const struct cs_scope_hit *hit)
{
    (void)hit;
    ++*(uint64_t *)ctx;
    return CS_OK;
}

struct question {
    const char *name;
    struct cs_scope_selector selector[4];
    uint32_t n;
    int64_t from_us, until_us;
};

static void ask_once(const char *path, const struct question *q, const char *how, bool scan)
{
    uint64_t n = 0;
    struct cs_note note = { "" };
    struct cs_scope_cover cover = { 0 };
    struct cs_scope_query query = {
        .selector = q->selector, .n_selectors = q->n, .from_unix_us = q->from_us, .until_unix_us = q->until_us
    };
    struct cs_scope_options o = { .scan = scan };
    int64_t from = cs_clock_mono_us();
    cs_result r = cs_scope_run(path, &query, &o, count, &n, &cover, &note);
    if (!cs_ok(r))
        give_up(q->name, r, note.text);
    (void)printf("%-34s %-5s %8.1f ms  %8" PRIu64 " found, %" PRIu64 " candidates, %" PRIu32
                 " pieces, %" PRIu64 " entries read\n",
                 q->name, how, (double)(cs_clock_mono_us() - from) / 1e3, n, cover.candidates, cover.n_pieces,
                 cover.by_reading);
    (void)fflush(stdout);
    cs_scope_cover_done(&cover);
}

static void ask(const char *path, const struct question *q, bool scan)
{
    unsigned runs = 0;
    (void)drop_caches(path, &runs);
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        ask_once(path, q, "cold", false);
        ask_once(path, q, "warm", false);
        if (scan)
            ask_once(path, q, "scan", true);
        exit(0);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        exit(1);
}

static void ask_all(const char *path, bool scan)
{
    static const uint8_t intent = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
    static const uint8_t method = COUNTERSIGN__V1__VALIDATION_METHOD__VALIDATION_METHOD_DCV_EMAIL_TXT_CONTACT;
    struct cs_scope_selector kind = { .fact = CS_FACT_KIND, .value = cs_span_of(&intent, 1) };
    struct cs_scope_selector organization = { .fact = CS_FACT_ORGANIZATION,
                                              .value = cs_span_str("organisation 17 handels gmbh"),
                                              .group = 1 };
    struct cs_scope_selector by_method = { .fact = CS_FACT_METHOD,
                                           .value = cs_span_of(&method, 1),
                                           .group = 2 };
    struct cs_scope_selector name = { .fact = CS_FACT_SUFFIX,
                                      .value = cs_span_str("shop-100.example.at"),
                                      .group = 3 };
    int64_t week = INT64_C(7) * 86400 * 1000000;
    const struct question questions[] = {
        { "organisation", { kind, organization }, 2, 0, 0 },
        { "method in one week", { kind, by_method }, 2, first_us + week, first_us + 2 * week },
        { "organisation, method, half the time",
          { kind, organization, by_method },
          3,
          0,
          first_us + (now_us - first_us) / 2 },
        { "name", { kind, name }, 2, 0, 0 },
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask(path, &questions[i], scan && i == 0);
}

static void build_index(const char *path)
{
    struct cs_scope_index_report report = { 0 };
    struct cs_note note = { "" };
    unsigned runs = 0;
    int64_t from = cs_clock_mono_us();
    cs_result r = cs_scope_index_update(path, NULL, NULL, NULL, &report, &note);
    if (!cs_ok(r))
        give_up("index", r, note.text);
    uint64_t len = drop_caches(path, &runs);
    (void)printf("index: %" PRIu64 " of %" PRIu64 " entries in %" PRIu32 " runs, %" PRIu32
                 " merges, %.1f s, %.1f MiB\n",
                 report.n_covered, report.n_entries, report.n_runs, report.n_merges,
                 (double)(cs_clock_mono_us() - from) / 1e6, (double)len / 1048576);
}

static void remove_all(const char *path)
{
    static const char *const names[] = { "", "-lock", "-wal", "-shm" };
    char name[520];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, names[i]);
        (void)unlink(name);
    }
    (void)snprintf(name, sizeof name, "%s-index", path);
    DIR *d = opendir(name);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(name);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fputs("big_ledger FILE N [keep] | FILE ask\n", stderr);
        return 2;
    }
    uint64_t n = strtoull(argv[2], NULL, 10);
    if (strcmp(argv[2], "ask") == 0) {
        struct cs_ledger_reader *reader = NULL;
        struct cs_ledger_head head;
        struct cs_note note = { "" };
        cs_result r = cs_ledger_reader_open(argv[1], &reader, &note);
        if (cs_ok(r))
            r = cs_ledger_reader_begin(reader, &head, &note);
        if (!cs_ok(r))
            give_up("open", r, note.text);
        now_us = head.last_unix_us;
        cs_ledger_reader_close(reader);
        ask_all(argv[1], false);
        return 0;
    }
    if (access(argv[1], F_OK) == 0) {
        (void)fprintf(stderr, "%s exists\n", argv[1]);
        return 2;
    }
    generate(argv[1], n);
    build_index(argv[1]);
    ask_all(argv[1], n <= 100000);
    struct cs_ledger_report report;
    struct cs_note note = { "" };
    unsigned runs = 0;
    (void)drop_caches(argv[1], &runs);
    int64_t from = cs_clock_mono_us();
    cs_result r = cs_ledger_verify(argv[1], NULL, NULL, &report, &note);
    if (!cs_ok(r))
        give_up("verify", r, note.text);
    (void)printf("verify: %" PRIu64 " entries in %.1f s\n", report.n_entries,
                 (double)(cs_clock_mono_us() - from) / 1e6);
    if (argc < 4)
        remove_all(argv[1]);
    return 0;
}
