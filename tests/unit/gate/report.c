/* Verdicts on the wire: the status of a refusal, and that its details always fit into an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "countersign/v1/verdict.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/canonical.h"
#include "proxy/gate/report.h"

static void status_of_a_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        enum cs_rule rules[3];
        uint32_t n;
        bool malformed;
        uint32_t status;
    } rows[] = {
        { "evidence is missing", { CS_RULE_V01 }, 1, false, CS_GRPC_FAILED_PRECONDITION },
        { "TBS is no TBS", { CS_RULE_T01 }, 1, true, CS_GRPC_INVALID_ARGUMENT },
        { "malformed comes first",
          { CS_RULE_N02, CS_RULE_X02, CS_RULE_T01 },
          3,
          true,
          CS_GRPC_INVALID_ARGUMENT },
        { "client may not", { CS_RULE_N01 }, 1, false, CS_GRPC_PERMISSION_DENIED },
        { "not this issuer", { CS_RULE_N02, CS_RULE_V01 }, 2, false, CS_GRPC_PERMISSION_DENIED },
        { "rights before readiness", { CS_RULE_X02, CS_RULE_N02 }, 2, false, CS_GRPC_PERMISSION_DENIED },
        { "ledger not ready", { CS_RULE_X02 }, 1, false, CS_GRPC_UNAVAILABLE },
        { "ledger not ready, and more", { CS_RULE_V01, CS_RULE_X02 }, 2, false, CS_GRPC_UNAVAILABLE },
        { "serial spent", { CS_RULE_T05 }, 1, false, CS_GRPC_ALREADY_EXISTS },
        { "order spent", { CS_RULE_B04 }, 1, false, CS_GRPC_ALREADY_EXISTS },
        { "both spent", { CS_RULE_B04, CS_RULE_T05 }, 2, false, CS_GRPC_ALREADY_EXISTS },
        { "spent and more",
          { CS_RULE_B04, CS_RULE_T05, CS_RULE_V01 },
          3,
          false,
          CS_GRPC_FAILED_PRECONDITION },
        { "memory ran out while judging", { 0 }, 0, false, CS_GRPC_FAILED_PRECONDITION },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CS_AUTO_ARENA struct cs_arena arena = { 0 };
        struct cs_verdict v = { .arena = &arena };
        for (uint32_t j = 0; j < rows[i].n; j++)
            cs_verdict_add(&v, rows[i].rules[j], "subject", "found", "needed");
        if (cs_report_status(&v, rows[i].malformed) != rows[i].status)
            fail_msg("row: %s", rows[i].row);
    }
}

static char *text_of(struct cs_arena *arena, size_t len, char c)
{
    char *text = cs_arena_get(arena, len + 1);
    assert_non_null(text);
    memset(text, c, len);
    text[len] = '\0';
    return text;
}

/* The refusal inside the details; checks what must hold for any. */
static const Countersign__V1__Refusal *refusal_in(const struct cs_msg_answer *a, struct cs_arena *arena)
{
    const ProtobufCMessage *m;
    assert_true(a->details.len <= CS_DETAILS_MAX_LEN);
    assert_true(cs_ok(cs_proto_unpack(&google__rpc__status__descriptor, a->details, arena, &m)));
    const Google__Rpc__Status *status = (const Google__Rpc__Status *)m;
    assert_int_equal(status->n_details, 3);
    assert_string_equal(status->details[0]->type_url, "type.googleapis.com/google.rpc.ErrorInfo");
    assert_string_equal(status->details[1]->type_url, "type.googleapis.com/google.rpc.PreconditionFailure");
    assert_string_equal(status->details[2]->type_url, "type.googleapis.com/countersign.v1.Refusal");
    assert_true(cs_ok(cs_proto_unpack(&countersign__v1__refusal__descriptor,
                                      cs_proto_span(status->details[2]->value), arena, &m)));
    return (const Countersign__V1__Refusal *)m;
}

/* However long the texts and the request id, and however many the reasons: the details stay within the
 * trailer, the count tells how many reasons there were, and at least the first can be read in the status
 * text. */
static void details_fit(void **state)
{
    (void)state;
    static const size_t lengths[] = { 1, 40, 160, 200, 400, 804, 1024, 2000, 6000 };
    static const uint32_t counts[] = { 0, 1, 2, 3, 4, 5, 40, 600 };
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (int escaped = 0; escaped < 2; escaped++) {
                CS_AUTO_ARENA struct cs_arena arena = { 0 };
                struct cs_verdict v = { .arena = &arena };
                const char *text = text_of(&arena, lengths[l], escaped ? '\\' : 'x');
                for (uint32_t i = 0; i < counts[c]; i++) /* each another one: the same counts once */
                    cs_verdict_add(&v, CS_RULE_V01, cs_arena_printf(&arena, "%u:%s", i, text), text, "%s",
                                   text);
                assert_int_equal(v.n_reasons, counts[c]);
                struct cs_msg_answer a = { 0 };
                static const uint8_t id[CS_REQUEST_MAX_LEN] = { 1 };
                size_t id_len = c % 2 == 0 ? 64 : sizeof id;
                cs_result r = cs_report_refusal(&v, CS_GRPC_FAILED_PRECONDITION, cs_span_of(id, id_len),
                                                UINT64_MAX, &arena, &a);
                if (!cs_ok(r) || a.details.len > CS_DETAILS_MAX_LEN)
                    fail_msg("%u reasons with texts of %zu: %zu octets", counts[c], lengths[l],
                             a.details.len);
                const Countersign__V1__Refusal *m = refusal_in(&a, &arena);
                assert_int_equal(m->request_id.len, id_len == 64 ? 64 : 0);
                assert_int_equal(m->total_reasons, counts[c]);
                assert_true(m->n_reasons <= counts[c]);
                if (lengths[l] <= 200 && counts[c] != 0)
                    assert_true(m->n_reasons != 0);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_of_a_verdict),
        cmocka_unit_test(details_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
