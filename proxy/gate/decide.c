/* The gate's own grounds: its policy and ledger, this second. */
#include "proxy/base/clock.h"
#include "proxy/gate/gather.h"
#include "proxy/gate/numbers.h"
#include "proxy/gate/witnesses.h"

CS_RESULT cs_evidence_is_unique(struct cs_gate *g, const struct cs_evidence *earlier, size_t n,
                                const struct cs_evidence *e, struct cs_verdict *v)
{
    return cs_statement_is_unique(g->ledger, earlier, n, e, v);
}

CS_RESULT cs_judge_request(struct cs_gate *g, const struct cs_call *call, const struct cs_ask *ask,
                           struct cs_judged *out)
{
    CS_AUTO_TIMER(timer, g->numbers, CS_TIME_JUDGE);
    cs_numbers_time(g->numbers, CS_TIME_DECODE, timer.since_mono_us - call->since_mono_us);
    struct cs_ledger_head head;
    cs_ledger_head_get(g->ledger, &head);
    int64_t now_unix_us = cs_clock_unix_us();
    const struct cs_grounds grounds = { .policy = g->policy,
                                        .lists = g->lists,
                                        .ledger = g->ledger,
                                        .cache = g->cache,
                                        .holds = &g->holds,
                                        .recalls = &g->recalls,
                                        .now_unix_s = now_unix_us / 1000000,
                                        .ledger_ready = !g->ledger_failed && now_unix_us >= head.last_unix_us,
                                        .witnesses_lapsed = cs_witnesses_lapsed(g) };
    CS_TRY(cs_judge_on(&grounds, call->client, ask, call->arena, out));
    if (out->gathered_mono_us != 0)
        cs_numbers_time(g->numbers, CS_TIME_VERIFY, out->gathered_mono_us - timer.since_mono_us);
    return CS_OK;
}
