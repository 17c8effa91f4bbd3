/* Health: Watch tells at once and then on change, no more than the reader takes, and ends once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/gate/stream.h"
#include "tests/unit/gate/fake_front.h"

static const char *docs_path;
static const char clients[] = "  - { name: lb, api_version: v1, uid: 1, rpcs: [Check] }\n";
static const struct cs_peer lb = { .transport = CS_TRANSPORT_UNIX, .uid = 1 };

enum { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

static uint64_t watch(struct fake *f, const char *service)
{
    uint8_t request[128] = { 0x0a, (uint8_t)strlen(service) };
    memcpy(request + 2, service, strlen(service));
    uint64_t call = fake_call(f, CS_METHOD_HEALTH_WATCH, &lb,
                              cs_span_of(request, service[0] == '\0' ? 0 : strlen(service) + 2));
    assert_true(cs_ok(fake_turn(f)));
    return call;
}

/* The status of the last part. */
static int told(const struct fake *f)
{
    assert_int_equal(f->body.len, 2);
    assert_int_equal(f->body.at[0], 0x08);
    return f->body.at[1];
}

static void turn(struct fake *f, uint32_t n_parts, int status)
{
    assert_true(cs_ok(fake_turn(f)));
    assert_int_equal(f->n_parts, n_parts);
    assert_int_equal(told(f), status);
}

static void at_once_and_on_change(void **state)
{
    (void)state;
    static const struct {
        const char *service;
        int at_first, without_hsm, without_ledger;
    } rows[] = {
        { "", SERVING, NOT_SERVING, NOT_SERVING },
        { "countersign.v1.SigningService", SERVING, NOT_SERVING, NOT_SERVING },
        { "issuer/example-ov-e1", SERVING, NOT_SERVING, NOT_SERVING },
        { "countersign.v1.EvidenceService", SERVING, SERVING, NOT_SERVING },
        { "countersign.v1.StatusService", SERVING, SERVING, NOT_SERVING },
        { "grpc.health.v1.Health", SERVING, SERVING, NOT_SERVING },
        { "issuer/other", SERVICE_UNKNOWN, SERVICE_UNKNOWN, SERVICE_UNKNOWN },
        { "other.v1.Service", SERVICE_UNKNOWN, SERVICE_UNKNOWN, SERVICE_UNKNOWN },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake f;
        fake_open(&f, docs_path, clients);
        uint64_t call = watch(&f, rows[i].service);
        uint32_t n = 1;
        turn(&f, n, rows[i].at_first);
        turn(&f, n, rows[i].at_first); /* nothing changed, nothing is said */
        f.gate->signer[0].ready = false;
        n += rows[i].without_hsm != rows[i].at_first;
        turn(&f, n, rows[i].without_hsm);
        f.gate->signer[0].ready = true;
        n += rows[i].without_hsm != rows[i].at_first;
        turn(&f, n, rows[i].at_first);
        f.gate->ledger_failed = true;
        n += rows[i].without_ledger != rows[i].at_first;
        turn(&f, n, rows[i].without_ledger);
        f.gate->ledger_failed = false;
        n += rows[i].without_ledger != rows[i].at_first;
        turn(&f, n, rows[i].at_first);
        assert_int_equal(f.n_answers, 0); /* it stays open, also for a service nobody knows */
        f.gate->draining = true;
        assert_true(cs_ok(fake_turn(&f)));
        assert_int_equal(f.n_parts, n + (rows[i].at_first == SERVING));
        assert_int_equal(f.n_answers, 1);
        assert_int_equal(f.last_call, call);
        assert_int_equal(f.status, CS_GRPC_UNAVAILABLE);
        assert_int_equal(f.gate->streams->n, 0);
        fake_close(&f);
    }
}

static void a_key_that_failed_is_not_ready(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, docs_path, clients);
    (void)watch(&f, "issuer/example-ov-e1");
    f.gate->signer[0].faulty_keys = 1;
    turn(&f, 2, NOT_SERVING);
    fake_close(&f);
}

static void no_more_than_the_reader_takes(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, docs_path, clients);
    uint64_t call = watch(&f, "");
    for (int i = 0; i < 40; i++) {
        f.gate->signer[0].ready = !f.gate->signer[0].ready;
        assert_true(cs_ok(fake_turn(&f)));
    }
    assert_int_equal(f.n_parts, CS_PARTS_AT_FIRST);
    assert_int_equal(told(&f), NOT_SERVING);
    f.gate->signer[0].ready = true;
    fake_more(&f, call, 1);
    turn(&f, CS_PARTS_AT_FIRST + 1, SERVING); /* what is true now, not what was */
    f.gate->signer[0].ready = false;
    turn(&f, CS_PARTS_AT_FIRST + 1, SERVING);
    fake_more(&f, call, 5);
    turn(&f, CS_PARTS_AT_FIRST + 2, NOT_SERVING);
    fake_more(&f, call + 1, 5); /* of no stream: it may just have ended */
    assert_true(cs_ok(fake_turn(&f)));
    fake_more(&f, call, UINT32_MAX);
    assert_true(cs_is(fake_turn(&f), CS_NUM_PEER_ERRS));
    fake_close(&f);
}

static void cancel_ends_it_once(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, docs_path, clients);
    uint64_t call = watch(&f, "");
    fake_cancel(&f, call);
    fake_cancel(&f, call);
    fake_more(&f, call, 1);
    assert_true(cs_ok(fake_turn(&f)));
    assert_int_equal(f.n_answers, 1);
    assert_int_equal(f.status, CS_GRPC_CANCELLED);
    f.gate->signer[0].ready = false;
    assert_true(cs_ok(fake_turn(&f)));
    assert_int_equal(f.n_parts, 1);
    fake_close(&f);
}

static void the_table_is_bounded(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, docs_path, clients);
    for (int i = 0; i < CS_STREAMS_MAX; i++)
        (void)watch(&f, "");
    assert_int_equal(f.n_parts, CS_STREAMS_MAX);
    assert_int_equal(f.n_answers, 0);
    (void)watch(&f, "");
    assert_int_equal(f.n_answers, 1);
    assert_int_equal(f.status, CS_GRPC_RESOURCE_EXHAUSTED);
    fake_cancel(&f, 17);
    assert_true(cs_ok(fake_turn(&f)));
    (void)watch(&f, "");
    assert_int_equal(f.n_parts, CS_STREAMS_MAX + 1);
    fake_close(&f); /* with all of them open */
}

int main(int argc, char **argv)
{
    docs_path = argc == 2 ? argv[1] : "";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once_and_on_change),         cmocka_unit_test(a_key_that_failed_is_not_ready),
        cmocka_unit_test(no_more_than_the_reader_takes), cmocka_unit_test(cancel_ends_it_once),
        cmocka_unit_test(the_table_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
