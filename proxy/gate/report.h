/*
 * Report: a judged case as the wire and the ledger carry it.
 */
#ifndef CS_GATE_REPORT_H
#define CS_GATE_REPORT_H

#include "countersign/v1/verdict.pb-c.h"

#include "proxy/gate/gather.h"

/* cs_report_verdict builds the whole Verdict message in the call's arena. */
CS_RESULT cs_report_verdict(const struct cs_judged *c, struct cs_arena *arena,
                            Countersign__V1__Verdict **out);

/* cs_report_status picks the gRPC status of a refused verdict (protocols section 1.3): malformed TBS
 * INVALID_ARGUMENT, client's rights PERMISSION_DENIED, serial or order spent and nothing else
 * ALREADY_EXISTS, ledger not ready UNAVAILABLE, everything else FAILED_PRECONDITION. */
uint32_t cs_report_status(const struct cs_verdict *v, bool malformed);

/* cs_report_refusal builds text and details of a refusal: google.rpc.Status with ErrorInfo,
 * PreconditionFailure and Refusal, cut to CS_DETAILS_MAX_LEN. All in the arena. */
CS_RESULT cs_report_refusal(const struct cs_verdict *v, uint32_t status, struct cs_span request_id,
                            uint64_t ledger_entry, struct cs_arena *arena, struct cs_msg_answer *out);

/* cs_report_refusal_later is cs_report_refusal with google.rpc.RetryInfo, unless wait_us is 0. */
CS_RESULT cs_report_refusal_later(const struct cs_verdict *v, uint32_t status, struct cs_span request_id,
                                  uint64_t ledger_entry, int64_t wait_us, struct cs_arena *arena,
                                  struct cs_msg_answer *out);

/* Ledger entries, ready for cs_ledger_append; they borrow from the case and the arena. */
CS_RESULT cs_report_refusal_entry(const struct cs_call *call, const struct cs_policy *policy,
                                  const struct cs_verdict *v, const struct cs_judged *c,
                                  struct cs_span request_id, struct cs_span issuer, struct cs_span tbs,
                                  uint32_t status, Countersign__Ledger__V1__Entry **out);
/* relied_on has room for the case's evidence, zeroed; it is set for what the intent names. LIMIT when
 * that is more than an entry can name. */
CS_RESULT cs_report_intent_entry(const struct cs_call *call, const struct cs_judged *c,
                                 struct cs_span request_id, Countersign__Ledger__V1__Entry **out,
                                 bool *relied_on);
CS_RESULT cs_report_caller(const struct cs_call *call, Countersign__Ledger__V1__Caller **out);

#endif
