/* Who may call, how often, and what is said about it: a gate with this process as its front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/gate/caller.h"
#include "proxy/gate/numbers.h"
#include "tests/unit/gate/fake_front.h"

static const char *docs_path;
static const char clients[] =
    "  - { name: ra, api_version: v3, uid: 1, socket: new, rpcs: [Check, GetStatus] }\n"
    "  - { name: slow, api_version: v1, uid: 2, rpcs: [Check], limits: { per_second: 1, burst: 3 } }\n"
    "  - { name: few, api_version: v1, uid: 3, rpcs: [Check], limits: { in_flight: 2 } }\n"
    "  - { name: gone, api_version: v0, uid: 4, rpcs: [Check], retired_after: 2026-01-31 }\n"
    "  - { name: net, api_version: v4, dns: ra.example, rpcs: [Check] }\n"
    "  - { name: net-2, api_version: v4, dns: ra2.example, rpcs: [Check] }\n";

static struct cs_peer on_unix(uint32_t uid, const char *socket)
{
    return (struct cs_peer){
        .transport = CS_TRANSPORT_UNIX, .uid = uid, .gid = 50, .listener_name = cs_span_str(socket)
    };
}

static struct cs_peer on_tls(uint8_t key, const char *name, const char *second)
{
    struct cs_peer p = { .transport = CS_TRANSPORT_TLS, .n_names = second != NULL ? 2 : 1 };
    memset(&p.spki_sha256, key, sizeof p.spki_sha256);
    p.name[0] = cs_span_str(name);
    if (second != NULL)
        p.name[1] = cs_span_str(second);
    return p;
}

static uint32_t ask(struct fake *f, uint16_t method, const struct cs_peer *peer)
{
    uint32_t before = f->n_answers;
    uint64_t call = fake_call(f, method, peer, (struct cs_span){ 0 });
    assert_true(cs_ok(fake_turn(f)));
    assert_int_equal(f->n_answers, before + 1);
    assert_int_equal(f->last_call, call);
    return f->status;
}

static bool says(const struct cs_buf *b, const char *part)
{
    return b->len != 0 && memmem(b->at, b->len, part, strlen(part)) != NULL;
}

static uint32_t n_in_flight(const struct fake *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i <= f->gate->policy->n_clients; i++)
        n += f->gate->numbers->client[i].n_in_flight;
    return n;
}

static void every_peer(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, docs_path, clients);
    struct cs_peer attester = on_tls(9, "ra.example", NULL);
    attester.spki_sha256 = f.gate->policy->attester[0].spki_sha256;
    const struct {
        const char *row;
        struct cs_peer peer;
        uint16_t method;
        uint32_t status;
        const char *text;
    } rows[] = {
        { "its socket", on_unix(1, "new"), CS_METHOD_HEALTH_CHECK, CS_GRPC_OK, NULL },
        { "another", on_unix(1, "old"), CS_METHOD_HEALTH_CHECK, CS_GRPC_UNAUTHENTICATED,
          "uid 1, gid 50, socket old" },
        { "status", on_unix(1, "new"), CS_METHOD_GET_STATUS, CS_GRPC_OK, NULL },
        { "not its RPC", on_unix(1, "new"), CS_METHOD_LIST_CLIENTS, CS_GRPC_PERMISSION_DENIED,
          "N01 client:ra" },
        { "nobody's RPC", on_unix(1, "new"), CS_METHOD_METRICS, CS_GRPC_UNIMPLEMENTED, "no such RPC" },
        { "retired", on_unix(4, ""), CS_METHOD_HEALTH_CHECK, CS_GRPC_PERMISSION_DENIED,
          "retired after 2026-01-31" },
        { "TLS", on_tls(1, "ra.example", NULL), CS_METHOD_HEALTH_CHECK, CS_GRPC_OK, NULL },
        { "TLS, unknown", on_tls(1, "x.example", NULL), CS_METHOD_HEALTH_CHECK, CS_GRPC_UNAUTHENTICATED,
          "x.example" },
        { "TLS, two clients", on_tls(1, "ra.example", "ra2.example"), CS_METHOD_HEALTH_CHECK,
          CS_GRPC_UNAUTHENTICATED, "these are of several" },
        { "TLS, attester", attester, CS_METHOD_HEALTH_CHECK, CS_GRPC_UNAUTHENTICATED,
          "this one is an attester's" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ask(&f, rows[i].method, &rows[i].peer) != rows[i].status ||
            (rows[i].text != NULL && !says(&f.text, rows[i].text)))
            fail_msg("row: %s: %u %.*s", rows[i].row, f.status, (int)f.text.len, (const char *)f.text.at);
    assert_int_equal(n_in_flight(&f), 0);
    assert_int_equal(f.gate->callers->n_open, 0);
    fake_close(&f);
}

static void a_front_that_errs(void **state)
{
    (void)state;
    const struct cs_peer front = { .transport = CS_TRANSPORT_FRONT }, ra = on_unix(1, "new");
    struct fake f;
    fake_open(&f, docs_path, clients);
    (void)fake_call(&f, CS_METHOD_HEALTH_CHECK, &front, (struct cs_span){ 0 });
    assert_true(cs_is(fake_turn(&f), CS_NUM_PEER_ERRS));
    fake_close(&f);

    fake_open(&f, docs_path, clients);
    (void)fake_call(&f, CS_METHOD_HEALTH_WATCH, &ra, (struct cs_span){ 0 });
    f.n_calls--; /* the same id again while it is open */
    (void)fake_call(&f, CS_METHOD_HEALTH_WATCH, &ra, (struct cs_span){ 0 });
    assert_true(cs_is(fake_turn(&f), CS_NUM_PEER_ERRS));
    fake_close(&f);
}

/* RetryInfo of the last answer, microseconds; 0: none. */
static int64_t retry_us(const struct fake *f)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const ProtobufCMessage *m;
    assert_true(
        cs_ok(cs_proto_unpack(&google__rpc__status__descriptor, cs_buf_span(&f->details), &arena, &m)));
    const Google__Rpc__Status *s = (const Google__Rpc__Status *)m;
    for (size_t i = 0; i < s->n_details; i++)
        if (strcmp(s->details[i]->type_url, "type.googleapis.com/google.rpc.RetryInfo") == 0) {
            assert_true(cs_ok(cs_proto_unpack(&google__rpc__retry_info__descriptor,
                                              cs_proto_span(s->details[i]->value), &arena, &m)));
            const Google__Protobuf__Duration *d = ((const Google__Rpc__RetryInfo *)m)->retry_delay;
            return d->seconds * 1000000 + d->nanos / 1000;
        }
    return 0;
}

static void so_many_a_second(void **state)
{
    (void)state;
    const struct cs_peer slow = on_unix(2, "");
    struct fake f;
    fake_open(&f, docs_path, clients);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &slow), CS_GRPC_OK);
    uint64_t size = fake_ledger_size(&f);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &slow), CS_GRPC_RESOURCE_EXHAUSTED);
    assert_true(says(&f.text, "N06 client:slow"));
    int64_t wait_us = retry_us(&f);
    assert_true(wait_us > 0 && wait_us <= 1000000);
    assert_int_equal(f.gate->numbers->client[1].n_limited, 100);
    assert_int_equal(f.gate->numbers->client[1].refused[CS_RULE_N06], 100);
    assert_in_range(fake_ledger_size(&f) - size, 10, 11);
    assert_in_range(cs_callers_untold(f.gate), 89, 90);
    f.gate->callers->seat[1].rate = (struct cs_bucket){ 0 }; /* as if time had passed */
    assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &slow), CS_GRPC_OK);
    fake_close(&f);
}

static void so_many_at_one_time(void **state)
{
    (void)state;
    const struct cs_peer few = on_unix(3, "");
    struct fake f;
    fake_open(&f, docs_path, clients);
    uint64_t first = fake_call(&f, CS_METHOD_HEALTH_WATCH, &few, (struct cs_span){ 0 });
    (void)fake_call(&f, CS_METHOD_HEALTH_WATCH, &few, (struct cs_span){ 0 });
    assert_true(cs_ok(fake_turn(&f)));
    assert_int_equal(f.n_parts, 2);
    assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &few), CS_GRPC_RESOURCE_EXHAUSTED);
    assert_true(says(&f.text, "2 calls without their answer"));
    assert_true(retry_us(&f) > 0);
    assert_int_equal(n_in_flight(&f), 2);
    fake_cancel(&f, first);
    assert_true(cs_ok(fake_turn(&f)));
    assert_int_equal(f.status, CS_GRPC_CANCELLED);
    assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &few), CS_GRPC_OK);
    fake_close(&f);
}

static void strangers_do_not_fill_the_ledger(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, docs_path, clients);
    uint64_t size = fake_ledger_size(&f);
    const struct cs_peer stranger = on_unix(99, "new");
    for (int i = 0; i < 500; i++)
        assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &stranger), CS_GRPC_UNAUTHENTICATED);
    assert_in_range(fake_ledger_size(&f) - size, 11, 12);
    uint64_t untold = cs_callers_untold(f.gate);
    assert_in_range(untold, 488, 489);
    /* a new identity is told at once; after a while the next call tells how many were not */
    size = fake_ledger_size(&f);
    const struct cs_peer other = on_unix(98, "new");
    assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &other), CS_GRPC_UNAUTHENTICATED);
    assert_int_equal(fake_ledger_size(&f), size + 1);
    f.gate->callers->strangers_quiet.bucket = (struct cs_bucket){ 0 };
    assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &other), CS_GRPC_UNAUTHENTICATED);
    assert_int_equal(cs_callers_untold(f.gate), 0);
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_span bytes;
    const ProtobufCMessage *m;
    assert_true(cs_ok(cs_ledger_entry_get(f.gate->ledger, fake_ledger_size(&f), &arena, &bytes)));
    assert_true(cs_ok(cs_proto_unpack(&countersign__ledger__v1__entry__descriptor, bytes, &arena, &m)));
    const Countersign__Ledger__V1__Refusal *r = ((const Countersign__Ledger__V1__Entry *)m)->refusal;
    assert_int_equal(r->n_untold, untold);
    assert_int_equal(r->caller->uid, 98);
    assert_int_equal(r->caller->gid, 50);
    assert_true(cs_span_is(cs_proto_span(r->caller->listener), "new"));
    /* more identities than are remembered: those share what is told a minute */
    size = fake_ledger_size(&f);
    for (uint32_t uid = 1000; uid < 1000 + 2 * CS_STRANGERS_MAX; uid++) {
        const struct cs_peer one = on_unix(uid, "");
        assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &one), CS_GRPC_UNAUTHENTICATED);
    }
    assert_int_equal(f.gate->callers->n_strangers, CS_STRANGERS_MAX);
    assert_in_range(fake_ledger_size(&f) - size, CS_STRANGERS_MAX - 2 + 9, CS_STRANGERS_MAX - 2 + 10);
    assert_int_equal(f.gate->numbers->n_unknown_calls, 502 + 2 * CS_STRANGERS_MAX);
    fake_close(&f);
}

/* Every call of a crowd finds its place again, whatever stands before it. */
static void open_calls_are_found(void **state)
{
    (void)state;
    enum { N = CS_OPEN_CALLS_MAX / 4 * 3 };
    struct fake f;
    fake_open(&f, docs_path, clients);
    for (uint64_t i = 1; i <= N; i++)
        assert_true(cs_ok(cs_open_call_begin(f.gate, i * 1024 + i % 7, CS_METHOD_HEALTH_CHECK, 0)));
    assert_true(cs_is(cs_open_call_begin(f.gate, 7, CS_METHOD_HEALTH_CHECK, 0), CS_NUM_FULL));
    for (uint64_t i = 1; i <= N; i += 2)
        cs_open_call_done(f.gate, i * 1024 + i % 7, CS_GRPC_OK);
    for (uint64_t i = 2; i <= N; i += 2)
        assert_true(
            cs_is(cs_open_call_begin(f.gate, i * 1024 + i % 7, CS_METHOD_HEALTH_CHECK, 0), CS_NUM_PEER_ERRS));
    for (uint64_t i = 2; i <= N; i += 2)
        cs_open_call_done(f.gate, i * 1024 + i % 7, CS_GRPC_OK);
    cs_open_call_done(f.gate, 1024 + 1, CS_GRPC_OK); /* again: nothing */
    assert_int_equal(f.gate->callers->n_open, 0);
    assert_int_equal(n_in_flight(&f), 0);
    fake_close(&f);
}

static void numbers_as_text(void **state)
{
    (void)state;
    const struct cs_peer front = { .transport = CS_TRANSPORT_FRONT }, ra = on_unix(1, "new"),
                         stranger = on_unix(99, "");
    struct fake f;
    fake_open(&f, docs_path, clients);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &ra), CS_GRPC_OK);
    assert_int_equal(ask(&f, CS_METHOD_LIST_CLIENTS, &ra), CS_GRPC_PERMISSION_DENIED);
    assert_int_equal(ask(&f, CS_METHOD_HEALTH_CHECK, &stranger), CS_GRPC_UNAUTHENTICATED);
    assert_int_equal(ask(&f, CS_METHOD_METRICS, &front), CS_GRPC_OK);
    static const char *const lines[] = {
        "countersign_requests_total{client=\"ra\",api_version=\"v3\",rpc=\"Check\",status=\"OK\"} 3\n",
        "countersign_requests_total{client=\"ra\",api_version=\"v3\",rpc=\"ListClients\","
        "status=\"PERMISSION_DENIED\"} 1\n",
        "countersign_requests_total{client=\"-\",api_version=\"-\",rpc=\"Check\","
        "status=\"UNAUTHENTICATED\"} 1\n",
        "countersign_refusals_total{rule=\"N01\"} 2\n",
        "countersign_refusals_total{rule=\"V01\"} 0\n",
        "countersign_unknown_peer_requests_total 1\n",
        "countersign_requests_in_flight 0\n",
        "countersign_stage_duration_seconds_count{stage=\"total\"} 5\n",
        "countersign_signer_ready{signer=\"0\"} 1\n",
        "countersign_ledger_entries 2\n",
        "countersign_ledger_writable 1\n",
        "countersign_policy_version 12\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!says(&f.body, lines[i]))
            fail_msg("missing: %s\n%.*s", lines[i], (int)f.body.len, (const char *)f.body.at);
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        print_message("promtool is not installed: its check is skipped\n");
    } else {
        FILE *lint = popen("promtool check metrics", "w");
        assert_non_null(lint);
        assert_int_equal(fwrite(f.body.at, 1, f.body.len, lint), f.body.len);
        assert_int_equal(pclose(lint), 0);
    }
    fake_close(&f);
}

int main(int argc, char **argv)
{
    docs_path = argc == 2 ? argv[1] : "";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_peer),
        cmocka_unit_test(a_front_that_errs),
        cmocka_unit_test(so_many_a_second),
        cmocka_unit_test(so_many_at_one_time),
        cmocka_unit_test(strangers_do_not_fill_the_ledger),
        cmocka_unit_test(open_calls_are_found),
        cmocka_unit_test(numbers_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
