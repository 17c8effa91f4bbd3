/* Verdict and refusal as the wire carries them. */
#include "proxy/gate/report.h"

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

#include "proto/canonical.h"

/* Every text outside the Refusal is cut, so that status and details have room whatever a client sent;
 * a subject keeps the longest DNS name there is. */
enum { VIOLATIONS_MAX = 4, TEXT_MAX = 160, SUBJECT_MAX = 260, REQUEST_ID_MAX_LEN = 64 };

/* protobuf-c strings are char *, though it never writes through them. */
static char *text_field(const char *s)
{
    union {
        const char *in;
        char *out;
    } u = { .in = s };
    return u.out;
}

static Countersign__V1__Reason *reason_message(const struct cs_reason *r, struct cs_arena *arena)
{
    Countersign__V1__Reason *m = cs_arena_get(arena, sizeof *m);
    if (m == NULL)
        return NULL;
    const struct cs_rule_text *rule = cs_rule_text(r->rule);
    countersign__v1__reason__init(m);
    m->rule = text_field(rule->id);
    m->title = text_field(rule->title);
    m->subject = text_field(r->subject);
    m->found = text_field(r->found);
    m->needed = text_field(r->needed);
    m->clause = text_field(rule->clause);
    m->remedy = text_field(rule->remedy);
    return m;
}

static CS_RESULT cover_message(const struct cs_judged *c, const struct cs_cover *cover,
                               struct cs_arena *arena, Countersign__V1__Cover **out)
{
    Countersign__V1__Cover *m = cs_arena_get(arena, sizeof *m);
    if (m == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__cover__init(m);
    const struct cs_evidence *e = &c->facts.evidence[cover->evidence];
    m->subject = text_field(cover->subject);
    m->evidence_sha256 = cs_proto_bytes(cs_sha256_span(&e->digest));
    m->statement_id = e->statement->header->statement_id;
    m->attester = e->statement->header->attester;
    m->method = (Countersign__V1__ValidationMethod)cover->method;
    m->age_s = cover->age_s;
    m->good_until_unix_s = cover->good_until_unix_s;
    *out = m;
    return CS_OK;
}

CS_RESULT cs_report_verdict(const struct cs_judged *c, struct cs_arena *arena, Countersign__V1__Verdict **out)
{
    const struct cs_verdict *v = &c->verdict;
    Countersign__V1__Verdict *m = cs_arena_get(arena, sizeof *m);
    Countersign__V1__Reason **reasons = cs_arena_get(arena, v->n_reasons * sizeof *reasons);
    Countersign__V1__Cover **covers = cs_arena_get(arena, v->n_covers * sizeof *covers);
    if (m == NULL || reasons == NULL || covers == NULL)
        return CS_ERR(NO_MEMORY);
    countersign__v1__verdict__init(m);
    m->admitted = cs_verdict_admits(v);
    for (uint32_t i = 0; i < v->n_reasons; i++) {
        reasons[i] = reason_message(&v->reason[i], arena);
        if (reasons[i] == NULL)
            return CS_ERR(NO_MEMORY);
    }
    for (uint32_t i = 0; i < v->n_covers; i++)
        CS_TRY(cover_message(c, &v->cover[i], arena, &covers[i]));
    m->n_reasons = v->n_reasons;
    m->reasons = reasons;
    m->n_covers = v->n_covers;
    m->covers = covers;
    if (c->order != NULL) {
        m->order_id = c->order->order->order_id;
        m->account = c->order->header->account;
    }
    if (c->tbs != NULL)
        m->tbs_sha256 = cs_proto_bytes(cs_sha256_span(&c->facts.tbs_sha256));
    m->policy_sha256 = cs_proto_bytes(cs_sha256_span(&c->facts.policy->digest));
    m->judged_at_unix_s = c->facts.now_unix_s;
    *out = m;
    return CS_OK;
}

uint32_t cs_report_status(const struct cs_verdict *v, bool malformed)
{
    if (malformed)
        return CS_GRPC_INVALID_ARGUMENT;
    if (cs_verdict_has(v, CS_RULE_N01) || cs_verdict_has(v, CS_RULE_N02))
        return CS_GRPC_PERMISSION_DENIED;
    if (cs_verdict_has(v, CS_RULE_X02))
        return CS_GRPC_UNAVAILABLE;
    bool only_spent = v->n_reasons != 0;
    for (uint32_t i = 0; i < v->n_reasons; i++)
        if (v->reason[i].rule != CS_RULE_T05 && v->reason[i].rule != CS_RULE_B04 &&
            v->reason[i].rule != CS_RULE_P04)
            only_spent = false;
    return only_spent ? CS_GRPC_ALREADY_EXISTS : CS_GRPC_FAILED_PRECONDITION;
}

static CS_RESULT any_of(const char *type_url, const ProtobufCMessage *value, struct cs_arena *arena,
                        Google__Protobuf__Any **out)
{
    Google__Protobuf__Any *any = cs_arena_get(arena, sizeof *any);
    struct cs_span packed;
    if (any == NULL)
        return CS_ERR(NO_MEMORY);
    CS_TRY(cs_proto_pack(value, arena, &packed));
    google__protobuf__any__init(any);
    any->type_url = text_field(type_url);
    any->value = cs_proto_bytes(packed);
    *out = any;
    return CS_OK;
}

/* ErrorInfo.reason is the first rule that does not hold: RULE_V01, a stable name. */
static CS_RESULT error_info(const struct cs_verdict *v, struct cs_arena *arena, Google__Protobuf__Any **out)
{
    Google__Rpc__ErrorInfo info;
    google__rpc__error_info__init(&info);
    const struct cs_reason *first = v->n_reasons != 0 ? &v->reason[0] : NULL;
    info.reason =
        text_field(cs_arena_printf(arena, "RULE_%s", first != NULL ? cs_rule_text(first->rule)->id : "NONE"));
    info.domain = text_field("countersign");
    Google__Rpc__ErrorInfo__MetadataEntry subject, count;
    google__rpc__error_info__metadata_entry__init(&subject);
    google__rpc__error_info__metadata_entry__init(&count);
    subject.key = text_field("subject");
    struct cs_span about = cs_span_str(first != NULL ? first->subject : "");
    about.len = about.len < SUBJECT_MAX ? about.len : SUBJECT_MAX;
    subject.value = text_field(cs_show_text(arena, about));
    count.key = text_field("reasons");
    count.value = text_field(cs_arena_printf(arena, "%u", v->n_reasons));
    Google__Rpc__ErrorInfo__MetadataEntry *entries[] = { &count, &subject };
    info.n_metadata = 2;
    info.metadata = entries;
    return any_of("type.googleapis.com/google.rpc.ErrorInfo", &info.base, arena, out);
}

static CS_RESULT precondition_failure(const struct cs_verdict *v, struct cs_arena *arena,
                                      Google__Protobuf__Any **out)
{
    Google__Rpc__PreconditionFailure failure;
    google__rpc__precondition_failure__init(&failure);
    Google__Rpc__PreconditionFailure__Violation violation[VIOLATIONS_MAX], *rows[VIOLATIONS_MAX];
    uint32_t n = v->n_reasons < VIOLATIONS_MAX ? v->n_reasons : VIOLATIONS_MAX;
    for (uint32_t i = 0; i < n; i++) {
        google__rpc__precondition_failure__violation__init(&violation[i]);
        const struct cs_reason *r = &v->reason[i];
        violation[i].type = text_field(cs_rule_text(r->rule)->id);
        violation[i].subject = text_field(cs_arena_printf(arena, "%.*s", SUBJECT_MAX, r->subject));
        violation[i].description = text_field(
            cs_arena_printf(arena, "there is: %.*s; needed: %.*s", TEXT_MAX, r->found, TEXT_MAX, r->needed));
        rows[i] = &violation[i];
    }
    failure.n_violations = n;
    failure.violations = rows;
    return any_of("type.googleapis.com/google.rpc.PreconditionFailure", &failure.base, arena, out);
}

/* As many reasons as fit behind the other details; the rest is counted. */
static CS_RESULT pack_status(const struct cs_verdict *v, Google__Rpc__Status *status,
                             Countersign__V1__Refusal *refusal, struct cs_arena *arena, struct cs_span *out)
{
    Countersign__V1__Reason **rows = cs_arena_get(arena, v->n_reasons * sizeof *rows);
    if (rows == NULL)
        return CS_ERR(NO_MEMORY);
    refusal->reasons = rows;
    size_t left = CS_DETAILS_MAX_LEN - 128 - protobuf_c_message_get_packed_size(&status->base) -
                  protobuf_c_message_get_packed_size(&refusal->base);
    for (uint32_t i = 0; i < v->n_reasons; i++) {
        rows[i] = reason_message(&v->reason[i], arena);
        if (rows[i] == NULL)
            return CS_ERR(NO_MEMORY);
        size_t len = protobuf_c_message_get_packed_size(&rows[i]->base) + 4;
        if (len > left)
            break;
        left -= len;
        refusal->n_reasons = i + 1;
    }
    CS_TRY(any_of("type.googleapis.com/countersign.v1.Refusal", &refusal->base, arena,
                  &status->details[status->n_details]));
    status->n_details++;
    return cs_proto_pack(&status->base, arena, out);
}

static CS_RESULT retry_info(int64_t wait_us, struct cs_arena *arena, Google__Protobuf__Any **out)
{
    Google__Rpc__RetryInfo info;
    Google__Protobuf__Duration delay;
    google__rpc__retry_info__init(&info);
    google__protobuf__duration__init(&delay);
    delay.seconds = wait_us / 1000000;
    delay.nanos = (int32_t)(wait_us % 1000000 * 1000);
    info.retry_delay = &delay;
    return any_of("type.googleapis.com/google.rpc.RetryInfo", &info.base, arena, out);
}

CS_RESULT cs_report_refusal(const struct cs_verdict *v, uint32_t status, struct cs_span request_id,
                            uint64_t ledger_entry, struct cs_arena *arena, struct cs_msg_answer *out)
{
    return cs_report_refusal_later(v, status, request_id, ledger_entry, 0, arena, out);
}

CS_RESULT cs_report_refusal_later(const struct cs_verdict *v, uint32_t status, struct cs_span request_id,
                                  uint64_t ledger_entry, int64_t wait_us, struct cs_arena *arena,
                                  struct cs_msg_answer *out)
{
    const struct cs_reason *first = v->n_reasons != 0 ? &v->reason[0] : NULL;
    const char *more = v->n_reasons > 1 ? cs_arena_printf(arena, "; %u more reason%s", v->n_reasons - 1,
                                                          v->n_reasons > 2 ? "s" : "")
                                        : "";
    const char *text = first == NULL
                           ? "refused"
                           : cs_arena_printf(arena, "refused: %s %.*s: %s (there is: %.*s; needed: %.*s)%s",
                                             cs_rule_text(first->rule)->id, TEXT_MAX, first->subject,
                                             cs_rule_text(first->rule)->title, TEXT_MAX, first->found,
                                             TEXT_MAX, first->needed, more);
    Google__Protobuf__Any *details[4] = { NULL };
    Google__Rpc__Status message;
    google__rpc__status__init(&message);
    message.code = (int32_t)status;
    message.message = text_field(text);
    message.details = details;
    CS_TRY(error_info(v, arena, &details[0]));
    CS_TRY(precondition_failure(v, arena, &details[1]));
    message.n_details = 2;
    if (wait_us != 0) {
        CS_TRY(retry_info(wait_us, arena, &details[2]));
        message.n_details = 3;
    }
    Countersign__V1__Refusal refusal;
    countersign__v1__refusal__init(&refusal);
    refusal.total_reasons = v->n_reasons;
    refusal.ledger_entry = ledger_entry;
    if (request_id.len <= REQUEST_ID_MAX_LEN) /* longer ones are what is refused */
        refusal.request_id = cs_proto_bytes(request_id);
    *out = (struct cs_msg_answer){ .status = status, .text = cs_span_str(text) };
    return pack_status(v, &message, &refusal, arena, &out->details);
}
