/*
 * Bench: what the ledger costs. Prints, no limits: rows per second and microseconds of CPU per row
 * for turns of 1, 8 and 32 intents with a 3 KB TBS, commit latency p50/p99, and how the cost of an
 * append grows from 10^3 to 10^5 entries (10^6 when asked), as ratios within one run.
 *
 *   bench_ledger [folder] [entries] [small]
 *
 * small: a TBS of 300 octets and nothing but the growth, so that 10^6 entries take a minute or two.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/ledger/ledger.h"

enum { TBS_LEN = 2900, MAX_TURNS = 200000 };

static double cpu_us(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t tbs_len = TBS_LEN;

static void give_up(const char *what, cs_result r, const char *why)
{
    (void)fprintf(stderr, "%s: %s %s\n", what, cs_result_name(r), why);
    exit(1);
}

static uint64_t mixed(uint64_t n) /* serials and request ids are random in life */
{
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9u;
    n = (n ^ (n >> 27)) * 0x94d049bb133111ebu;
    return n ^ (n >> 31);
}

static void append(struct cs_ledger *l, uint64_t n)
{
    static uint8_t tbs[TBS_LEN];
    uint64_t serial[2] = { mixed(n), mixed(n + 1) }, request[2] = { mixed(~n), n },
             order[2] = { mixed(n * 3), n };
    struct cs_sha256 pair = { { 0 } };
    memcpy(pair.byte, serial, sizeof serial);
    memcpy(tbs, serial, sizeof serial);
    Countersign__Ledger__V1__Entry e = COUNTERSIGN__LEDGER__V1__ENTRY__INIT;
    Countersign__Ledger__V1__Intent m = COUNTERSIGN__LEDGER__V1__INTENT__INIT;
    Countersign__Ledger__V1__Caller caller = COUNTERSIGN__LEDGER__V1__CALLER__INIT;
    caller.client = cs_proto_bytes(cs_span_str("ra-portal"));
    m.caller = &caller;
    m.request_id = cs_proto_bytes(cs_span_of(request, sizeof request));
    m.issuer = cs_proto_bytes(cs_span_str("issuing-ca-1"));
    m.kind = COUNTERSIGN__LEDGER__V1__SIGN_KIND__SIGN_KIND_PRECERTIFICATE;
    m.tbs = cs_proto_bytes(cs_span_of(tbs, tbs_len));
    m.serial = cs_proto_bytes(cs_span_of(serial, sizeof serial));
    m.account = cs_proto_bytes(cs_span_str("account-1"));
    m.order_id = cs_proto_bytes(cs_span_of(order, sizeof order));
    m.pair_sha256 = cs_proto_bytes(cs_sha256_span(&pair));
    e.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT;
    e.intent = &m;
    uint64_t seq = 0;
    cs_result r = cs_ledger_append(l, &e, &seq);
    if (!cs_ok(r))
        give_up("append", r, cs_ledger_trouble(l));
}

static void turn(struct cs_ledger *l, uint64_t *n, unsigned batch, double *out_commit_us)
{
    struct cs_grant_list grants = { 0 };
    for (unsigned i = 0; i < batch; i++)
        append(l, (*n)++);
    int64_t from = cs_clock_mono_us();
    cs_result r = cs_ledger_commit(l, &grants);
    *out_commit_us = (double)(cs_clock_mono_us() - from);
    if (!cs_ok(r))
        give_up("commit", r, cs_ledger_trouble(l));
    cs_grant_list_done(&grants);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct figures {
    double rows_s, thread_us, process_us, p50_us, p99_us;
};

static struct figures measure(struct cs_ledger *l, uint64_t *n, unsigned batch, uint64_t n_rows)
{
    static double latency[MAX_TURNS];
    size_t turns = 0;
    double thread = cpu_us(CLOCK_THREAD_CPUTIME_ID), process = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    int64_t from = cs_clock_mono_us();
    uint64_t rows = 0;
    while (rows < n_rows && turns < MAX_TURNS) {
        turn(l, n, batch, &latency[turns++]);
        rows += batch;
    }
    double took = (double)(cs_clock_mono_us() - from), count = (double)rows;
    struct figures f = { .rows_s = count * 1e6 / took,
                         .thread_us = (cpu_us(CLOCK_THREAD_CPUTIME_ID) - thread) / count,
                         .process_us = (cpu_us(CLOCK_PROCESS_CPUTIME_ID) - process) / count };
    qsort(latency, turns, sizeof latency[0], by_size);
    f.p50_us = latency[turns / 2];
    f.p99_us = latency[turns * 99 / 100];
    return f;
}

static void show(const char *what, struct figures f, off_t log_len)
{
    (void)printf("%-22s %8.0f rows/s  %5.1f us CPU/row (%5.1f with the checkpoint thread)  commit p50 %6.0f "
                 "p99 %6.0f us"
                 "  log %lld MiB\n",
                 what, f.rows_s, f.thread_us, f.process_us, f.p50_us, f.p99_us, (long long)log_len >> 20);
}

static void remove_all(const char *path)
{
    static const char *const names[] = { "", "-lock", "-wal", "-shm" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[512];
        (void)snprintf(name, sizeof name, "%s%s", path, names[i]);
        (void)unlink(name);
    }
}

static off_t log_len(const char *path)
{
    char name[512];
    struct stat st;
    (void)snprintf(name, sizeof name, "%s-wal", path);
    return stat(name, &st) == 0 ? st.st_size : 0;
}

static struct cs_ledger *open_new(const char *path)
{
    struct cs_ledger *l = NULL;
    struct cs_note note;
    remove_all(path);
    cs_result r = cs_ledger_open(path, &l, &note);
    if (!cs_ok(r))
        give_up("open", r, note.text);
    return l;
}

int main(int argc, char **argv)
{
    char path[480];
    (void)snprintf(path, sizeof path, "%s/bench-ledger-%ld", argc > 1 ? argv[1] : "/tmp", (long)getpid());
    uint64_t most = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000, n = 0;
    bool small = argc > 3 && strcmp(argv[3], "small") == 0;
    if (small)
        tbs_len = 300;
    static uint8_t page[TBS_LEN + 200];
    double from = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < 10000; i++)
        page[i % sizeof page] ^= cs_sha256(cs_span_of(page, sizeof page)).byte[0];
    (void)printf("for scale: SHA-256 of one entry %.1f us\n",
                 (cpu_us(CLOCK_THREAD_CPUTIME_ID) - from) / 10000);

    static const unsigned batches[] = { 1, 8, 32 };
    for (size_t i = 0; !small && i < sizeof batches / sizeof *batches; i++) {
        char name[32];
        struct cs_ledger *l = open_new(path);
        (void)snprintf(name, sizeof name, "turns of %u", batches[i]);
        struct figures f = measure(l, &n, batches[i], batches[i] == 1 ? 5000 : 20000);
        show(name, f, log_len(path));
        cs_ledger_close(l);
    }
    struct cs_ledger *l = open_new(path);
    double first = 0;
    uint64_t size = 0;
    for (uint64_t mark = 1000; mark <= most; mark *= 10) { /* 1000 rows at each power of ten */
        char name[32];
        double ignored;
        while (size + 32 <= mark - 992) {
            turn(l, &n, 32, &ignored);
            size += 32;
        }
        struct figures f = measure(l, &n, 32, 992);
        size += 992;
        first = first == 0 ? f.thread_us : first;
        (void)snprintf(name, sizeof name, "at %llu, x%.2f", (unsigned long long)mark, f.thread_us / first);
        show(name, f, log_len(path));
    }
    int64_t closing = cs_clock_mono_us();
    cs_ledger_close(l);
    int64_t opening = cs_clock_mono_us();
    struct cs_note note;
    cs_result r = cs_ledger_open(path, &l, &note);
    if (!cs_ok(r))
        give_up("open", r, note.text);
    (void)printf("close %lld us, open %lld us\n", (long long)(opening - closing),
                 (long long)(cs_clock_mono_us() - opening));
    cs_ledger_close(l);
    remove_all(path);
    return 0;
}
