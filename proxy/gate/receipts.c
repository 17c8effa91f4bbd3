/* GetCheckpoint and GetReceipt: proofs from the ledger for those whom an entry concerns. */
#include "countersign/v1/ledger_service.pb-c.h"

#include "proto/canonical.h"
#include "proxy/gate/checkpoints.h"
#include "proxy/ledger/proofs.h"
#include "proxy/tlog/proof_file.h"

typedef Countersign__Ledger__V1__Entry entry_t;

enum { REFUSALS_BACK = 1024 }; /* entries looked through for a refusal: they have no index */

static CS_RESULT no_key(struct cs_gate *g, struct cs_call *call)
{
    return cs_answer_status(g, call->id, CS_GRPC_UNAVAILABLE,
                            g->checkpoints == NULL ? "the ledger has no checkpoint key"
                                                   : "no checkpoint is signed yet");
}

CS_RESULT cs_rpc_checkpoint(struct cs_gate *g, struct cs_call *call)
{
    const ProtobufCMessage *m;
    if (!cs_ok(cs_proto_unpack(&countersign__v1__get_checkpoint_request__descriptor, call->msg->request,
                               call->arena, &m)))
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                "not a canonical GetCheckpointRequest");
    if (g->checkpoints == NULL || g->checkpoints->size == 0)
        return no_key(g, call);
    uint64_t size = 0;
    struct cs_span note;
    CS_TRY(cs_ledger_checkpoint_cosigned(g->ledger, call->arena, &size, &note));
    Countersign__V1__GetCheckpointResponse response;
    countersign__v1__get_checkpoint_response__init(&response);
    response.checkpoint = cs_proto_bytes(note);
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&response.base, call->arena, &answer.response));
    return cs_answer_now(g, call->id, &answer);
}

static CS_RESULT read_entry(struct cs_gate *g, uint64_t seq, struct cs_arena *arena,
                            struct cs_span *out_bytes, const entry_t **out)
{
    const ProtobufCMessage *m;
    CS_TRY(cs_ledger_entry_get(g->ledger, seq, arena, out_bytes));
    if (!cs_ok(cs_proto_unpack(&countersign__ledger__v1__entry__descriptor, *out_bytes, arena, &m)))
        return CS_ERR(STORE_CORRUPT);
    *out = (const entry_t *)(const void *)m;
    return CS_OK;
}

/* Who asked for what the entry records; NULL when nobody of the clients did. */
static CS_RESULT caller_of(struct cs_gate *g, const entry_t *e, struct cs_arena *arena,
                           const Countersign__Ledger__V1__Caller **out)
{
    struct cs_span bytes;
    if (e->body_case == COUNTERSIGN__LEDGER__V1__ENTRY__BODY_OUTCOME) {
        uint64_t seq = e->outcome->intent_seq;
        CS_TRY(read_entry(g, seq, arena, &bytes, &e));
    }
    switch (e->body_case) {
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_INTENT:
        *out = e->intent->caller;
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL:
        *out = e->refusal->caller;
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_DEPOSIT:
        *out = e->deposit->caller;
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_AUTHORIZATION:
        *out = e->authorization->caller;
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_HOLD:
        *out = e->hold->caller;
        return CS_OK;
    case COUNTERSIGN__LEDGER__V1__ENTRY__BODY_RECALL:
        *out = e->recall->caller;
        return CS_OK;
    default:
        *out = NULL;
        return CS_OK;
    }
}

static CS_RESULT may_see(struct cs_gate *g, const struct cs_call *call, const entry_t *e, bool *out)
{
    const Countersign__Ledger__V1__Caller *caller = NULL;
    CS_TRY(caller_of(g, e, call->arena, &caller));
    *out = call->client->all_entries ||
           (caller != NULL && cs_span_eq(cs_proto_span(caller->client), call->client->name));
    return CS_OK;
}

/* The client's newest refusal of this request, among the newest entries; 0: none. */
static CS_RESULT find_refusal(struct cs_gate *g, const struct cs_call *call, struct cs_span request_id,
                              uint64_t *out_seq)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    struct cs_ledger_head head;
    cs_ledger_head_get(g->ledger, &head);
    for (uint64_t seq = head.size; seq != 0 && head.size - seq < REFUSALS_BACK; seq--) {
        struct cs_span bytes;
        const entry_t *e;
        cs_arena_reset(&arena);
        CS_TRY(read_entry(g, seq, &arena, &bytes, &e));
        if (e->body_case != COUNTERSIGN__LEDGER__V1__ENTRY__BODY_REFUSAL || e->refusal->caller == NULL)
            continue;
        if (cs_span_eq(cs_proto_span(e->refusal->request_id), request_id) &&
            cs_span_eq(cs_proto_span(e->refusal->caller->client), call->client->name)) {
            *out_seq = seq;
            return CS_OK;
        }
    }
    *out_seq = 0;
    return CS_OK;
}

static CS_RESULT find_entry(struct cs_gate *g, struct cs_call *call,
                            const Countersign__V1__GetReceiptRequest *m, uint64_t *out_seq)
{
    struct cs_intent_view view;
    if (m->ledger_entry != 0) {
        *out_seq = m->ledger_entry;
        return CS_OK;
    }
    struct cs_span request_id = cs_proto_span(m->request_id);
    CS_TRY(cs_ledger_request_get(g->ledger, call->client->name, request_id, call->arena, &view));
    if (view.state == CS_INTENT_NONE)
        return find_refusal(g, call, request_id, out_seq);
    *out_seq = view.seq;
    return CS_OK;
}

static CS_RESULT answer_receipt(struct cs_gate *g, struct cs_call *call, uint64_t seq, struct cs_span entry)
{
    CS_AUTO_BUF struct cs_buf text = { .max = CS_TLOG_PROOF_FILE_MAX_LEN };
    struct cs_tlog_proof proof;
    struct cs_span note;
    uint64_t size = 0;
    CS_TRY(cs_ledger_checkpoint_cosigned(g->ledger, call->arena, &size, &note));
    CS_TRY(cs_ledger_inclusion(g->ledger, seq, size, &proof));
    cs_tlog_proof_file_put(&text, seq - 1, &proof, note);
    CS_TRY(cs_buf_end(&text));
    Countersign__V1__GetReceiptResponse response;
    countersign__v1__get_receipt_response__init(&response);
    response.proof = cs_proto_bytes(cs_buf_span(&text));
    response.entry = cs_proto_bytes(entry);
    response.ledger_entry = seq;
    struct cs_msg_answer answer = { .status = CS_GRPC_OK };
    CS_TRY(cs_proto_pack(&response.base, call->arena, &answer.response));
    return cs_answer_now(g, call->id, &answer);
}

CS_RESULT cs_rpc_receipt(struct cs_gate *g, struct cs_call *call)
{
    const ProtobufCMessage *request;
    if (!cs_ok(cs_proto_unpack(&countersign__v1__get_receipt_request__descriptor, call->msg->request,
                               call->arena, &request)))
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT, "not a canonical GetReceiptRequest");
    const Countersign__V1__GetReceiptRequest *m =
        (const Countersign__V1__GetReceiptRequest *)(const void *)request;
    if ((m->ledger_entry != 0) == (m->request_id.len != 0) || m->ledger_entry > INT64_MAX ||
        m->request_id.len > CS_LEDGER_KEY_MAX_LEN)
        return cs_answer_status(g, call->id, CS_GRPC_INVALID_ARGUMENT,
                                "needed: either ledger_entry or request_id");
    if (g->checkpoints == NULL || g->checkpoints->size == 0)
        return no_key(g, call);
    uint64_t seq = 0;
    struct cs_span bytes;
    const entry_t *e = NULL;
    bool seen = false;
    CS_TRY(find_entry(g, call, m, &seq));
    cs_result r = seq != 0 ? read_entry(g, seq, call->arena, &bytes, &e) : CS_ERR(NOT_FOUND);
    if (cs_ok(r))
        r = may_see(g, call, e, &seen);
    if (cs_is(r, CS_NUM_NOT_FOUND) || (cs_ok(r) && !seen))
        return cs_answer_status(g, call->id, CS_GRPC_NOT_FOUND, "no such entry, or not one of this client's");
    CS_TRY(r);
    if (seq > g->checkpoints->size)
        return cs_answer_status(g, call->id, CS_GRPC_UNAVAILABLE,
                                "no checkpoint covers the entry yet; ask again in a second");
    return answer_receipt(g, call, seq, bytes);
}
