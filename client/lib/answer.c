#include <stdlib.h>

#include "client/lib/library.h"
#include "countersign/v1/signing_service.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "proto/canonical.h"

static void *arena_alloc(void *arena, size_t len)
{
    return cs_arena_get(arena, len);
}

static void arena_free(void *arena, void *p)
{
    (void)arena, (void)p;
}

/* Not cs_proto_unpack: what a newer gate adds must not break an older library. */
static const ProtobufCMessage *unpack(struct cs_answer *a, const ProtobufCMessageDescriptor *d,
                                      struct cs_span in)
{
    ProtobufCAllocator from_arena = { arena_alloc, arena_free, &a->arena };
    return protobuf_c_message_unpack(d, &from_arena, in.len, in.at != NULL ? in.at : (const uint8_t *)"");
}

static struct countersign_bytes bytes_of(ProtobufCBinaryData b)
{
    return (struct countersign_bytes){ b.data, b.len };
}

static bool show_reasons(struct cs_answer *a, size_t n, Countersign__V1__Reason *const *from)
{
    struct countersign_reason *rows = cs_arena_get(&a->arena, (n + 1) * sizeof *rows);
    if (rows == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        rows[i] =
            (struct countersign_reason){ from[i]->rule,   from[i]->title,  from[i]->subject, from[i]->found,
                                         from[i]->needed, from[i]->clause, from[i]->remedy };
    a->shown.reasons = rows;
    a->shown.n_reasons = n;
    if (a->shown.total_reasons < n)
        a->shown.total_reasons = (uint32_t)n;
    return true;
}

static bool show_verdict(struct cs_answer *a, const Countersign__V1__Verdict *v)
{
    a->shown.admitted = v == NULL || (v->admitted && v->n_reasons == 0);
    return v == NULL || show_reasons(a, v->n_reasons, v->reasons);
}

static bool show_issuers(struct cs_answer *a, const Countersign__V1__ListIssuersResponse *m)
{
    struct countersign_issuer *rows = cs_arena_get(&a->arena, (m->n_issuers + 1) * sizeof *rows);
    if (rows == NULL)
        return false;
    for (size_t i = 0; i < m->n_issuers; i++) {
        const Countersign__V1__Issuer *from = m->issuers[i];
        struct countersign_bytes *algorithms =
            cs_arena_get(&a->arena, (from->n_signature_algorithms + 1) * sizeof *algorithms);
        if (algorithms == NULL)
            return false;
        for (size_t j = 0; j < from->n_signature_algorithms; j++)
            algorithms[j] = bytes_of(from->signature_algorithms[j]);
        rows[i] = (struct countersign_issuer){ bytes_of(from->id), bytes_of(from->certificate), algorithms,
                                               from->n_signature_algorithms, from->ready };
    }
    a->shown.issuers = rows;
    a->shown.n_issuers = m->n_issuers;
    return true;
}

/* Both responses have the same fields with the same numbers (signing_service.proto). */
static bool show_signed(struct cs_answer *a, const Countersign__V1__SignCertificateResponse *m)
{
    a->shown.certificate = bytes_of(m->certificate);
    a->shown.signature = bytes_of(m->signature);
    a->shown.ledger_entry = m->ledger_entry;
    a->shown.replayed = m->replayed;
    return show_verdict(a, m->verdict);
}

static bool show_authorized(struct cs_answer *a, const Countersign__V1__AuthorizeTbsResponse *m)
{
    a->shown.digest = bytes_of(m->digest);
    a->shown.expires_at_unix_s = m->expires_at_unix_s;
    a->shown.ledger_entry = m->ledger_entry;
    a->shown.replayed = m->replayed;
    return show_verdict(a, m->verdict);
}

static bool show_health(struct cs_answer *a, const Grpc__Health__V1__HealthCheckResponse *m)
{
    a->shown.serving = m->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    return true;
}

static cs_result show_response(struct cs_answer *a, enum cs_answer_kind kind)
{
    static const ProtobufCMessageDescriptor *const kinds[] = {
        [CS_ANSWER_SIGNED] = &countersign__v1__sign_certificate_response__descriptor,
        [CS_ANSWER_SIGNED_AUTHORIZED] = &countersign__v1__sign_certificate_response__descriptor,
        [CS_ANSWER_EVALUATED] = &countersign__v1__evaluate_certificate_response__descriptor,
        [CS_ANSWER_AUTHORIZED] = &countersign__v1__authorize_tbs_response__descriptor,
        [CS_ANSWER_ISSUERS] = &countersign__v1__list_issuers_response__descriptor,
        [CS_ANSWER_HEALTH] = &grpc__health__v1__health_check_response__descriptor,
    };
    if (kind == CS_ANSWER_RAW)
        return CS_OK;
    const void *m = unpack(a, kinds[kind], cs_buf_span(&a->wire.response));
    if (m == NULL)
        return a->arena.exhausted ? CS_ERR(NO_MEMORY) : CS_ERR(PROTO);
    bool shown = false;
    if (kind == CS_ANSWER_SIGNED || kind == CS_ANSWER_SIGNED_AUTHORIZED)
        shown = show_signed(a, m);
    else if (kind == CS_ANSWER_EVALUATED)
        shown = show_verdict(a, ((const Countersign__V1__EvaluateCertificateResponse *)m)->verdict);
    else if (kind == CS_ANSWER_AUTHORIZED)
        shown = show_authorized(a, m);
    else if (kind == CS_ANSWER_ISSUERS)
        shown = show_issuers(a, m);
    else
        shown = show_health(a, m);
    return shown ? CS_OK : CS_ERR(NO_MEMORY);
}

/* The Refusal among the details; without one, or when it cannot be read, there are no reasons. */
static cs_result show_refusal(struct cs_answer *a)
{
    static const char type[] = "type.googleapis.com/countersign.v1.Refusal";
    if (a->wire.details.len == 0)
        return CS_OK;
    const Google__Rpc__Status *status =
        (const void *)unpack(a, &google__rpc__status__descriptor, cs_buf_span(&a->wire.details));
    for (size_t i = 0; status != NULL && i < status->n_details; i++) {
        if (strcmp(status->details[i]->type_url, type) != 0)
            continue;
        const Countersign__V1__Refusal *refusal =
            (const void *)unpack(a, &countersign__v1__refusal__descriptor,
                                 cs_proto_span(status->details[i]->value));
        if (refusal == NULL)
            break;
        a->shown.ledger_entry = refusal->ledger_entry;
        a->shown.total_reasons = refusal->total_reasons;
        return show_reasons(a, refusal->n_reasons, refusal->reasons) ? CS_OK : CS_ERR(NO_MEMORY);
    }
    return CS_OK;
}

CS_RESULT cs_answer_read(struct cs_answer *a, enum cs_answer_kind kind, struct cs_span request_id)
{
    struct cs_span id = cs_arena_span(&a->arena, request_id);
    const char *message = cs_arena_copy(&a->arena, cs_buf_span(&a->wire.message));
    if (id.len != request_id.len || message == NULL)
        return CS_ERR(NO_MEMORY);
    a->shown.grpc_status = a->wire.status;
    a->shown.grpc_status_name = countersign_grpc_status_name(a->wire.status);
    a->shown.message = message;
    a->shown.request_id = (struct countersign_bytes){ id.at, id.len };
    a->shown.response = (struct countersign_bytes){ a->wire.response.at, a->wire.response.len };
    a->shown.details = (struct countersign_bytes){ a->wire.details.at, a->wire.details.len };
    return a->wire.status == 0 ? show_response(a, kind) : show_refusal(a);
}

void countersign_answer_free(struct countersign_answer *shown)
{
    if (shown == NULL)
        return;
    struct cs_answer *a = (struct cs_answer *)(void *)shown;
    cs_client_answer_done(&a->wire);
    cs_arena_done(&a->arena);
    free(a);
}

const char *countersign_grpc_status_name(uint32_t status)
{
    static const char *const names[] = {
        "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED",
    };
    return status < sizeof names / sizeof *names ? names[status] : "unknown status";
}
