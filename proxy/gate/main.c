/*
 * countersign-gate <ledger-path> <n-signers>: the deciding process. Descriptors as in
 * proxy/ipc/process.h. Ends with 0 when the parent or the front says so, 1 when something errs.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/base/sandbox.h"
#include "proxy/gate/caller.h"
#include "proxy/gate/gate.h"
#include "proxy/gate/stream.h"
#include "proxy/gate/checkpoints.h"
#include "proxy/gate/queries.h"
#include "proxy/gate/witnesses.h"
#include "proxy/gate/stops.h"
#include "proxy/ipc/process.h"

enum {
    FRONT_IN_MAX = CS_MSG_CALL_MAX_LEN + 4 * 1024 * 1024,
    FRONT_OUT_MAX = 64 * 1024 * 1024,
    CACHE_ENTRIES = 65536,
    DRAIN_LIMIT_MS = 30000,
    PROBE_MS = 1000,
};

static CS_RESULT append_simple(struct cs_gate *g, Countersign__Ledger__V1__Entry *entry)
{
    uint64_t seq;
    return cs_ledger_append(g->ledger, entry, &seq);
}

/* A gate whose ledger failed says NOT_SERVING, and a balancer then sends it no call that could find
 * the disk free again: so the gate itself writes, once a second, the policy in effect. */
static CS_RESULT probe_ledger(struct cs_gate *g)
{
    int64_t now_mono_ms = cs_clock_mono_ms();
    if (!g->ledger_failed || g->draining || now_mono_ms < g->probe_mono_ms)
        return CS_OK;
    g->probe_mono_ms = now_mono_ms + PROBE_MS;
    cs_result r = cs_gate_record_policy(g);
    return cs_ok(r) ? CS_OK : cs_store_failed(g, r);
}

static CS_RESULT record_start(struct cs_gate *g)
{
    uint32_t n_unknown;
    CS_TRY(cs_ledger_close_open_intents(g->ledger, &n_unknown));
    if (n_unknown != 0)
        cs_log(CS_LOG_WARNING, "open_intents_closed", "%u intents of an earlier run are closed as unknown",
               n_unknown);
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__Start start;
    countersign__ledger__v1__entry__init(&entry);
    countersign__ledger__v1__start__init(&start);
    start.software_version = cs_proto_bytes(cs_span_str(CS_VERSION));
    start.policy_sha256 = cs_proto_bytes(cs_sha256_span(&g->policy->digest));
    start.deployment = cs_proto_bytes(g->policy->deployment);
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_START;
    entry.start = &start;
    CS_TRY(append_simple(g, &entry));
    return cs_gate_record_policy(g);
}

static CS_RESULT record_stop(struct cs_gate *g, const char *reason)
{
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__Stop stop;
    countersign__ledger__v1__entry__init(&entry);
    countersign__ledger__v1__stop__init(&stop);
    stop.reason = cs_proto_bytes(cs_span_str(reason));
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_STOP;
    entry.stop = &stop;
    CS_TRY(append_simple(g, &entry));
    struct cs_grant_list none = { 0 };
    CS_TRY(cs_ledger_commit(g->ledger, &none));
    cs_grant_list_done(&none);
    cs_checkpoints_sign(g, true);
    return CS_OK;
}

/* The folder of the ledger's file is all that is left of the file system. A name that is a symbolic
 * link means the folder of what it points to. */
static CS_RESULT enter_sandbox(const char *ledger_path)
{
    char *real = realpath(ledger_path, NULL); /* NULL: the ledger is made at the first start */
    char *folder = strdup(real != NULL ? real : ledger_path);
    free(real);
    if (folder == NULL)
        return CS_ERR(NO_MEMORY);
    static const char *const random[] = { "/dev/urandom", NULL }; /* SQLite's salts */
    const char *const own[] = { dirname(folder), NULL };
    cs_sandbox_enter(CS_SANDBOX_GATE, &(struct cs_sandbox_files){ .read = random, .write = own });
    free(folder);
    return CS_OK;
}

static CS_RESULT gate_open(struct cs_gate *g, const char *ledger_path, uint32_t n_signers,
                           struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf document = { 0 };
    CS_TRY(cs_read_fd(CS_FD_GATE_POLICY, CS_POLICY_MAX_LEN, &document));
    (void)close(CS_FD_GATE_POLICY);
    CS_TRY(cs_policy_load(cs_buf_span(&document), &g->policy, note));
    CS_TRY(cs_gate_seats(g));
    CS_TRY(cs_checkpoints_read_key(g, CS_FD_GATE_LEDGER_KEY, note));
    CS_TRY(cs_gate_open_lists(g, note));
    struct cs_keytable table;
    cs_policy_keytable(g->policy, (struct cs_span){ 0 }, &table);
    CS_TRY(cs_keytable_digest(&table, &g->keytable_digest));
    CS_TRY(cs_evidence_cache_new(CACHE_ENTRIES, &g->cache));
    CS_TRY(enter_sandbox(ledger_path));
    CS_TRY(cs_ledger_open(ledger_path, &g->ledger, note));
    CS_TRY(cs_checkpoints_open(g, note));
    CS_TRY(cs_witnesses_open(g, ledger_path, CS_FD_GATE_SIGNER + (int)n_signers, note));
    CS_TRY(cs_gate_load_stops(g, note));
    CS_TRY(record_start(g));
    CS_TRY(cs_queries_open(g, ledger_path, note));
    g->arena.max = CS_GATE_ARENA_MAX;
    g->lifeline_fd = CS_FD_LIFELINE;
    g->n_signers = n_signers;
    for (uint32_t i = 0; i < n_signers; i++)
        CS_TRY(cs_signer_link_init(g, i, CS_FD_GATE_SIGNER + (int)i));
    cs_front_table(g);
    CS_TRY(cs_chan_init(&g->front, CS_FD_GATE_FRONT, FRONT_IN_MAX, FRONT_OUT_MAX));
    const struct cs_hello hello = { .version = CS_IPC_VERSION };
    return cs_hello_put(&g->front, &hello);
}

/* AGAIN is no failure of a channel. */
static CS_RESULT soft(cs_result r)
{
    return cs_is(r, CS_NUM_AGAIN) ? CS_OK : r;
}

static CS_RESULT flush_signers(struct cs_gate *g)
{
    for (uint32_t i = 0; i < g->n_signers; i++)
        CS_TRY(soft(cs_chan_flush(&g->signer[i].chan)));
    return CS_OK;
}

static CS_RESULT flush_all(struct cs_gate *g)
{
    if (g->front.fd >= 0) {
        cs_result r = soft(cs_chan_flush(&g->front));
        if (!cs_ok(r) && !cs_is(r, CS_NUM_PEER_GONE))
            return r; /* a front that is gone needs no answers; its end is seen on reading */
    }
    return flush_signers(g);
}

/* At most so many calls are judged before the signers are looked after again: they must not stand
 * idle while the gate works through a crowd. What is buffered comes before what can be read. */
static CS_RESULT read_front(struct cs_gate *g)
{
    if (!g->calls_wait) {
        cs_result r = cs_chan_fill(&g->front);
        if (cs_is(r, CS_NUM_PEER_GONE)) {
            cs_chan_done(&g->front);
            g->draining = true;
            return CS_OK;
        }
        CS_TRY(soft(r));
    }
    return cs_dispatch_some(g->front_table, &g->front, g, CS_GATE_TURN_CALLS, &g->calls_wait);
}

static CS_RESULT read_signer(struct cs_signer_link *s)
{
    CS_TRY(soft(cs_chan_fill(&s->chan)));
    return cs_dispatch_run(s->table, &s->chan, s);
}

static void watch(struct pollfd *p, const struct cs_chan *c)
{
    *p = (struct pollfd){ .fd = c->fd, .events = (short)(POLLIN | (cs_chan_wants_write(c) ? POLLOUT : 0)) };
}

/* One turn: what is there is read, judged and appended; one commit; what that allows is sent. */
static CS_RESULT turn(struct cs_gate *g, bool *out_end)
{
    struct pollfd p[4 + CS_GATE_SIGNERS_MAX];
    const nfds_t queries = 2 + g->n_signers, witnesses = queries + 1, n = witnesses + (g->witnesses != NULL);
    p[0] = (struct pollfd){ .fd = g->lifeline_fd, .events = POLLIN };
    watch(&p[1], &g->front);
    for (uint32_t i = 0; i < g->n_signers; i++)
        watch(&p[2 + i], &g->signer[i].chan);
    p[queries] = (struct pollfd){ .fd = cs_queries_fd(g), .events = POLLIN };
    if (g->witnesses != NULL)
        watch(&p[witnesses], &g->witnesses->chan);
    bool soon = g->n_ready != 0 || g->n_unrecorded != 0 || g->ledger_failed || g->draining;
    int timeout_ms = g->calls_wait ? 0 : cs_witnesses_wait_ms(g, cs_checkpoints_wait_ms(g, soon ? 100 : -1));
    if (poll(p, n, timeout_ms) < 0 && errno != EINTR)
        return CS_ERR(IO);
    if (p[0].revents != 0) {
        char byte;
        ssize_t got = read(g->lifeline_fd, &byte, 1);
        if (got > 0 && byte == CS_LIFELINE_DRAIN)
            g->draining = true;
        else if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            *out_end = true;
    }
    for (uint32_t i = 0; i < g->n_signers; i++)
        if (p[2 + i].revents != 0)
            CS_TRY(read_signer(&g->signer[i]));
    CS_TRY(cs_signers_feed(g));
    CS_TRY(flush_signers(g));
    if (g->front.fd >= 0 && (g->calls_wait || p[1].revents != 0))
        CS_TRY(read_front(g));
    CS_TRY(probe_ledger(g));
    CS_TRY(cs_turn_end(g));
    CS_TRY(cs_witnesses_turn(g, n > witnesses && p[witnesses].revents != 0));
    cs_queries_turn(g);
    CS_TRY(cs_streams_turn(g));
    CS_TRY(flush_all(g));
    /* behind the answers: only queries, and answers that wait for a witness, wait for it */
    cs_checkpoints_sign(g, cs_witnesses_hurry(g));
    cs_queries_signed(g);
    return cs_witnesses_kick(g);
}

/* Signers answer what they hold, then the record is closed. */
static CS_RESULT finish(struct cs_gate *g)
{
    g->draining = true;
    g->lifeline_fd = -1;
    int64_t limit_mono_ms = cs_clock_mono_ms() + DRAIN_LIMIT_MS;
    bool ignored = false;
    while (!cs_flights_idle(g) && cs_clock_mono_ms() < limit_mono_ms)
        CS_TRY(turn(g, &ignored));
    char reason[160];
    int len = snprintf(reason, sizeof reason, "asked to stop%s",
                       cs_flights_idle(g) ? "" : "; signers did not answer in time");
    uint64_t n_untold = cs_callers_untold(g);
    if (n_untold != 0)
        (void)snprintf(reason + len, sizeof reason - (size_t)len,
                       "; %" PRIu64 " refusals of callers were counted and not recorded", n_untold);
    return record_stop(g, reason);
}

static CS_RESULT run(struct cs_gate *g)
{
    struct cs_grant_list none = { 0 };
    CS_TRY(cs_ledger_commit(g->ledger, &none)); /* start and policy entries */
    cs_grant_list_done(&none);
    cs_checkpoints_sign(g, true);
    CS_TRY(flush_all(g));
    char ready = CS_LIFELINE_READY;
    CS_TRY(cs_write_all(g->lifeline_fd, cs_span_of(&ready, 1)));
    cs_log(CS_LOG_INFO, "ready", "policy version %llu, %u issuers, %u signers",
           (unsigned long long)g->policy->version, g->policy->n_issuers, g->n_signers);
    bool end = false;
    while (!end)
        CS_TRY(turn(g, &end));
    return finish(g);
}

int main(int argc, char **argv)
{
    cs_log_init("gate", CS_LOG_INFO);
    if (!cs_ok(cs_sandbox_basic()) || !cs_ok(cs_standard_fds_fill())) {
        cs_log(CS_LOG_ERROR, "gate_ends", "no_new_privs or /dev/null is not to be had");
        return 1;
    }
    (void)signal(SIGXFSZ, SIG_IGN); /* a file-size limit is a write that fails, not the end */
    char *rest = NULL;
    unsigned long n_signers = argc == 3 ? strtoul(argv[2], &rest, 10) : 0;
    if (argc != 3 || *rest != '\0' || n_signers == 0 || n_signers > CS_GATE_SIGNERS_MAX) {
        cs_log(CS_LOG_ERROR, "usage", "countersign-gate <ledger-path> <n-signers>; started by countersignd");
        return 2;
    }
    struct cs_gate *g = calloc(1, sizeof *g);
    struct cs_note note = { "" };
    cs_result r = g == NULL ? CS_ERR(NO_MEMORY) : gate_open(g, argv[1], (uint32_t)n_signers, &note);
    if (cs_ok(r))
        r = run(g);
    if (!cs_ok(r)) {
        cs_log_begin(CS_LOG_ERROR, "gate_ends");
        cs_log_result(r);
        cs_log_str("msg", note.text);
        cs_log_end();
    }
    if (g != NULL) {
        cs_witnesses_free(g->witnesses);
        cs_checkpoints_free(g->checkpoints);
        cs_ledger_close(g->ledger);
        cs_evidence_cache_free(g->cache);
        cs_stops_done(&g->holds);
        cs_stops_done(&g->recalls);
        cs_lists_close(g->lists);
        cs_gate_seats_done(g);
        cs_queries_close(g->queries);
        cs_policy_free(g->policy);
    }
    return cs_ok(r) ? 0 : 1;
}
