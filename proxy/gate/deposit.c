/* DepositEvidence: all envelopes or none, verified once, kept, indexed by what they speak about. */
#include "countersign/v1/evidence_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/gate/deposit_key.h"
#include "proxy/gate/numbers.h"
#include "proxy/gate/report.h"

enum { DEPOSIT_MAX = 512 };

struct depositing {
    struct cs_gate *gate;
    struct cs_call *call;
    size_t n;
    struct cs_evidence *evidence;
    struct cs_verdict verdict;
};

static CS_RESULT admit_all(struct depositing *d, const Countersign__V1__DepositEvidenceRequest *q)
{
    struct cs_arena *arena = d->call->arena;
    uint32_t trials_left = CS_GATE_TRIALS_MAX;
    const struct cs_evidence_context context = { .policy = d->gate->policy,
                                                 .now_unix_s = cs_clock_unix_s(),
                                                 .cache = d->gate->cache,
                                                 .trials_left = &trials_left };
    for (size_t i = 0; i < q->n_evidence; i++) {
        struct cs_span envelope;
        CS_TRY(cs_proto_pack(&q->evidence[i]->base, arena, &envelope));
        const char *label = cs_arena_printf(arena, "evidence[%zu]", i);
        bool admitted;
        struct cs_evidence *e = &d->evidence[d->n];
        CS_TRY(cs_evidence_admit(&context, envelope, label, arena, &d->verdict, &admitted, e));
        if (!admitted)
            continue;
        struct cs_deposit_key keys[CS_DEPOSIT_KEYS_MAX];
        uint32_t n_keys;
        if (!cs_ok(cs_deposit_keys_of(e->statement, keys, &n_keys)))
            cs_verdict_add(&d->verdict, CS_RULE_E01, label, cs_statement_kind_name(e->statement),
                           "a kind of statement that is looked up by order, account, name or key");
        CS_TRY(cs_evidence_is_unique(d->gate, d->evidence, d->n, e, &d->verdict));
        d->n++;
    }
    return CS_OK;
}

static CS_RESULT store_one(struct depositing *d, const struct cs_evidence *e,
                           const Countersign__Ledger__V1__Caller *caller, uint64_t *out_seq)
{
    struct cs_ledger *l = d->gate->ledger;
    const Countersign__V1__Header *h = e->statement->header;
    struct cs_deposit_key keys[CS_DEPOSIT_KEYS_MAX];
    uint32_t n_keys;
    CS_TRY(cs_deposit_keys_of(e->statement, keys, &n_keys));
    CS_TRY(cs_ledger_evidence_put(l, &e->digest, e->envelope));
    CS_TRY(cs_ledger_statement_put(l, cs_proto_span(h->statement_id), &e->payload_sha256));
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__Deposit m;
    countersign__ledger__v1__entry__init(&entry);
    countersign__ledger__v1__deposit__init(&m);
    union {
        const Countersign__Ledger__V1__Caller *in;
        Countersign__Ledger__V1__Caller *out;
    } u = { .in = caller };
    m.caller = u.out;
    m.evidence_sha256 = cs_proto_bytes(cs_sha256_span(&e->digest));
    m.statement_id = h->statement_id;
    m.attester = h->attester;
    m.account = h->account;
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT;
    entry.deposit = &m;
    CS_TRY(cs_ledger_append(l, &entry, out_seq));
    d->gate->numbers->n_deposits++;
    for (uint32_t k = 0; k < n_keys; k++)
        CS_TRY(cs_ledger_deposit_key_put(l, cs_deposit_key_span(&keys[k]), &e->digest,
                                         cs_deposit_found_before(e->statement)));
    return CS_OK;
}

static CS_RESULT store_all(struct depositing *d, Countersign__V1__DepositEvidenceResponse *response)
{
    struct cs_arena *arena = d->call->arena;
    Countersign__Ledger__V1__Caller *caller;
    CS_TRY(cs_report_caller(d->call, &caller));
    response->deposited = cs_arena_get(arena, d->n * sizeof *response->deposited);
    if (response->deposited == NULL)
        return CS_ERR(NO_MEMORY);
    for (size_t i = 0; i < d->n; i++) {
        const struct cs_evidence *e = &d->evidence[i];
        Countersign__V1__DepositedEvidence *row = cs_arena_get(arena, sizeof *row);
        if (row == NULL)
            return CS_ERR(NO_MEMORY);
        countersign__v1__deposited_evidence__init(row);
        row->evidence_sha256 = cs_proto_bytes(cs_sha256_span(&e->digest));
        CS_TRY(cs_ledger_deposit_seq(d->gate->ledger, &e->digest, &row->ledger_entry));
        row->already_known = row->ledger_entry != 0;
        if (!row->already_known)
            CS_TRY(store_one(d, e, caller, &row->ledger_entry));
        response->deposited[response->n_deposited++] = row;
    }
    return CS_OK;
}

static CS_RESULT refuse(struct depositing *d, uint32_t status)
{
    const struct cs_span none = { 0 };
    Countersign__Ledger__V1__Entry *entry;
    uint64_t seq = 0;
    CS_TRY(cs_report_refusal_entry(d->call, d->gate->policy, &d->verdict, NULL, none, none, none, status,
                                   &entry));
    cs_result r = cs_ledger_append(d->gate->ledger, entry, &seq);
    if (!cs_ok(r))
        CS_TRY(cs_store_failed(d->gate, r));
    struct cs_msg_answer answer;
    CS_TRY(cs_report_refusal(&d->verdict, status, none, seq, d->call->arena, &answer));
    return cs_answer_held(d->gate, d->call->id, &answer);
}

CS_RESULT cs_rpc_deposit(struct cs_gate *g, struct cs_call *call)
{
    struct depositing d = { .gate = g, .call = call, .verdict = { .arena = call->arena } };
    const ProtobufCMessage *m;
    cs_result r = cs_proto_unpack(&countersign__v1__deposit_evidence_request__descriptor, call->msg->request,
                                  call->arena, &m);
    if (cs_class(r) == CS_CLASS_BUSY)
        return r;
    const Countersign__V1__DepositEvidenceRequest *q =
        cs_ok(r) ? (const Countersign__V1__DepositEvidenceRequest *)m : NULL;
    if (q == NULL || q->n_evidence == 0 || q->n_evidence > DEPOSIT_MAX) {
        cs_verdict_add(&d.verdict, CS_RULE_N03, "request",
                       q == NULL ? "not a canonical DepositEvidenceRequest"
                                 : cs_arena_printf(call->arena, "%zu envelopes", q->n_evidence),
                       "canonical protobuf with 1 to %d envelopes", DEPOSIT_MAX);
        return refuse(&d, CS_GRPC_INVALID_ARGUMENT);
    }
    d.evidence = cs_arena_get(call->arena, q->n_evidence * sizeof *d.evidence);
    if (d.evidence == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(admit_all(&d, q));
    if (!cs_verdict_admits(&d.verdict))
        return refuse(&d, CS_GRPC_FAILED_PRECONDITION);
    Countersign__V1__DepositEvidenceResponse response;
    countersign__v1__deposit_evidence_response__init(&response);
    r = store_all(&d, &response);
    if (cs_class(r) == CS_CLASS_BUSY || cs_class(r) == CS_CLASS_BUG)
        return r;
    if (!cs_ok(r))
        CS_TRY(cs_store_failed(g, r));
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&response.base, call->arena, &answer.response));
    return cs_answer_held(g, call->id, &answer);
}
