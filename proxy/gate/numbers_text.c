/* The numbers as Prometheus text 0.0.4. Labels come from closed sets: the policy, the method table, the
 * rule table, status codes. */
#include <inttypes.h>

#include "proxy/gate/caller.h"
#include "proxy/gate/numbers.h"
#include "proxy/gate/witnesses.h"

static const char *const status_names[CS_NUMBERS_STATUSES] = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};
static const char *const method_names[CS_METHOD_COUNT] = {
#define X(id, service, method, shape) [CS_METHOD_##id] = method,
    CS_METHODS(X)
#undef X
};
static const char *const time_labels[CS_TIME_COUNT] = {
#define X(id, label, text) label,
    CS_TIMES(X)
#undef X
};

static void head(struct cs_buf *b, const char *name, const char *type, const char *help)
{
    cs_buf_printf(b, "# HELP countersign_%s %s\n# TYPE countersign_%s %s\n", name, help, name, type);
}

static void counter(struct cs_buf *b, const char *name, const char *help, uint64_t n)
{
    head(b, name, "counter", help);
    cs_buf_printf(b, "countersign_%s %" PRIu64 "\n", name, n);
}

static void gauge(struct cs_buf *b, const char *name, const char *help, int64_t n)
{
    head(b, name, "gauge", help);
    cs_buf_printf(b, "countersign_%s %" PRId64 "\n", name, n);
}

/* Names of the policy hold no quote, backslash or line feed; escaped all the same. */
static void label(struct cs_buf *b, struct cs_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\n') {
            cs_buf_put_str(b, "\\n");
            continue;
        }
        if (text.at[i] == '"' || text.at[i] == '\\')
            cs_buf_put_u8(b, '\\');
        cs_buf_put_u8(b, text.at[i]);
    }
}

/* client="ra",api_version="v1"; everybody unknown is "-", which no client can be called. */
static void put_client(struct cs_buf *b, const struct cs_policy *p, uint32_t number)
{
    const struct cs_client *c = number < p->n_clients ? &p->client[number] : NULL;
    cs_buf_put_str(b, "client=\"");
    label(b, c != NULL ? c->name : cs_span_str("-"));
    cs_buf_put_str(b, "\",api_version=\"");
    label(b, c != NULL ? c->api_version : cs_span_str("-"));
    cs_buf_put_str(b, "\"");
}

static void put_requests(struct cs_buf *b, const struct cs_gate *g)
{
    head(b, "requests_total", "counter", "Calls answered, by client, RPC and gRPC status.");
    for (uint32_t i = 0; i <= g->policy->n_clients; i++)
        for (uint32_t m = 1; m < CS_METHOD_COUNT; m++)
            for (uint32_t s = 0; s < CS_NUMBERS_STATUSES; s++) {
                if (g->numbers->client[i].answered[m][s] == 0)
                    continue;
                cs_buf_put_str(b, "countersign_requests_total{");
                put_client(b, g->policy, i);
                cs_buf_printf(b, ",rpc=\"%s\",status=\"%s\"} %" PRIu64 "\n", method_names[m], status_names[s],
                              g->numbers->client[i].answered[m][s]);
            }
    head(b, "signatures_total", "counter", "Signatures made, by client.");
    for (uint32_t i = 0; i < g->policy->n_clients; i++) {
        cs_buf_put_str(b, "countersign_signatures_total{");
        put_client(b, g->policy, i);
        cs_buf_printf(b, "} %" PRIu64 "\n", g->numbers->client[i].n_signed);
    }
    head(b, "limited_requests_total", "counter", "Calls over the limits of their client.");
    for (uint32_t i = 0; i < g->policy->n_clients; i++) {
        cs_buf_put_str(b, "countersign_limited_requests_total{");
        put_client(b, g->policy, i);
        cs_buf_printf(b, "} %" PRIu64 "\n", g->numbers->client[i].n_limited);
    }
}

static void put_refusals(struct cs_buf *b, const struct cs_gate *g)
{
    head(b, "refusals_total", "counter", "Refusals in which the rule does not hold.");
    for (uint32_t r = 0; r < CS_RULE_COUNT; r++) {
        uint64_t n = 0;
        for (uint32_t i = 0; i <= g->policy->n_clients; i++)
            n += g->numbers->client[i].refused[r];
        cs_buf_printf(b, "countersign_refusals_total{rule=\"%s\"} %" PRIu64 "\n",
                      cs_rule_text((enum cs_rule)r)->id, n);
    }
    counter(b, "unknown_peer_requests_total", "Calls of peers that no client of the policy fits.",
            g->numbers->n_unknown_calls);
    gauge(b, "unknown_peers", "Identities of such peers that are remembered.",
          (int64_t)g->callers->n_strangers);
}

static void put_times(struct cs_buf *b, const struct cs_numbers *n)
{
    head(b, "stage_duration_seconds", "histogram",
         "Time by stage: "
#define X(id, label, text) label " is " text "; "
         CS_TIMES(X)
#undef X
             "unary calls only.");
    for (uint32_t t = 0; t < CS_TIME_COUNT; t++) {
        const struct cs_histogram *h = &n->time[t];
        uint64_t sum = 0;
        for (uint32_t i = 0; i < CS_NUMBERS_BOUNDS; i++) {
            sum += h->n[i];
            cs_buf_printf(b,
                          "countersign_stage_duration_seconds_bucket{stage=\"%s\",le=\"%g\"} %" PRIu64 "\n",
                          time_labels[t], cs_numbers_bound_us[i] / 1e6, sum);
        }
        sum += h->n[CS_NUMBERS_BOUNDS];
        cs_buf_printf(b,
                      "countersign_stage_duration_seconds_bucket{stage=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
                      "countersign_stage_duration_seconds_sum{stage=\"%s\"} %.6f\n"
                      "countersign_stage_duration_seconds_count{stage=\"%s\"} %" PRIu64 "\n",
                      time_labels[t], sum, time_labels[t], (double)h->sum_us / 1e6, time_labels[t], sum);
    }
}

static void put_hsm(struct cs_buf *b, const struct cs_gate *g)
{
    const struct cs_numbers *n = g->numbers;
    head(b, "signer_ready", "gauge", "1 when the signer's token can be used.");
    for (uint32_t i = 0; i < g->n_signers; i++)
        cs_buf_printf(b, "countersign_signer_ready{signer=\"%u\"} %d\n", i, g->signer[i].ready);
    head(b, "signer_events_total", "counter", "Tokens found and lost.");
    for (uint32_t i = 0; i < g->n_signers; i++)
        cs_buf_printf(b,
                      "countersign_signer_events_total{signer=\"%u\",event=\"ready\"} %" PRIu64 "\n"
                      "countersign_signer_events_total{signer=\"%u\",event=\"lost\"} %" PRIu64 "\n",
                      i, n->signer[i].n_ready, i, n->signer[i].n_lost);
    head(b, "issuer_ready", "gauge", "1 when some signer can use the issuer's key.");
    for (uint32_t i = 0; i < g->policy->n_issuers; i++) {
        cs_buf_put_str(b, "countersign_issuer_ready{issuer=\"");
        label(b, g->policy->issuer[i].id);
        cs_buf_printf(b, "\"} %d\n", cs_key_ready(g, i));
    }
    head(b, "outcomes_total", "counter", "Intents closed, by what became of them.");
    cs_buf_printf(b,
                  "countersign_outcomes_total{result=\"signed\"} %" PRIu64 "\n"
                  "countersign_outcomes_total{result=\"not_signed\"} %" PRIu64 "\n"
                  "countersign_outcomes_total{result=\"unknown\"} %" PRIu64 "\n",
                  n->n_signatures, n->n_not_signed, n->n_unknown_outcomes);
}

static void put_ledger(struct cs_buf *b, const struct cs_gate *g)
{
    const struct cs_numbers *n = g->numbers;
    struct cs_ledger_head ledger;
    cs_ledger_head_get(g->ledger, &ledger);
    gauge(b, "ledger_entries", "Entries in the ledger.", (int64_t)ledger.size);
    gauge(b, "ledger_writable", "0 when the last commit failed: nothing is signed.", !g->ledger_failed);
    if (g->witnesses != NULL) {
        gauge(b, "witnesses_cosigned_entries",
              "Entries that the quorum of witnesses has cosigned since the start.",
              (int64_t)g->witnesses->quorum_size);
        gauge(b, "witnesses_lapsed", "1 while too few witnesses keep anything new from being signed.",
              cs_witnesses_lapsed(g));
    }
    counter(b, "ledger_commits_total", "Durable commits.", n->n_commits);
    counter(b, "ledger_commit_failures_total", "Commits that failed.", n->n_commit_failures);
    head(b, "ledger_last_commit_timestamp_seconds", "gauge", "When the last commit was durable; 0 before.");
    cs_buf_printf(b, "countersign_ledger_last_commit_timestamp_seconds %.3f\n",
                  (double)n->last_commit_unix_us / 1e6);
    head(b, "ledger_last_commit_age_seconds", "gauge", "Time since then, or since the start.");
    int64_t since_us = n->last_commit_unix_us != 0 ? n->last_commit_unix_us : n->started_unix_s * 1000000;
    int64_t age_us = cs_clock_unix_us() - since_us;
    cs_buf_printf(b, "countersign_ledger_last_commit_age_seconds %.3f\n",
                  (double)(age_us > 0 ? age_us : 0) / 1e6);
}

static void put_evidence(struct cs_buf *b, const struct cs_gate *g)
{
    struct cs_evidence_cache_stats stats;
    cs_evidence_cache_stats_get(g->cache, &stats);
    counter(b, "evidence_deposits_total", "Envelopes deposited.", g->numbers->n_deposits);
    counter(b, "evidence_cache_hits_total", "Envelopes whose signatures had been verified before.",
            stats.n_hits);
    counter(b, "evidence_cache_misses_total", "Envelopes whose signatures had not.", stats.n_misses);
    counter(b, "evidence_verifications_total", "Envelopes all of whose signatures were verified.",
            stats.n_kept);
    gauge(b, "evidence_cache_entries", "Verified envelopes that are remembered.", (int64_t)stats.n_entries);
}

CS_RESULT cs_rpc_metrics(struct cs_gate *g, struct cs_call *call)
{
    const struct cs_policy *p = g->policy;
    CS_AUTO_BUF struct cs_buf b = { .max = CS_ANSWER_MAX_LEN };
    head(&b, "build_info", "gauge", "The running program.");
    cs_buf_put_str(&b, "countersign_build_info{version=\"" CS_VERSION "\"} 1\n");
    head(&b, "policy_info", "gauge", "The policy in effect.");
    char digest[2 * sizeof p->digest + 1];
    cs_hex(cs_sha256_span(&p->digest), digest);
    cs_buf_put_str(&b, "countersign_policy_info{deployment=\"");
    label(&b, p->deployment);
    cs_buf_printf(&b, "\",version=\"%" PRIu64 "\",sha256=\"%s\"} 1\n", p->version, digest);
    gauge(&b, "policy_version", "Version of the policy in effect.", (int64_t)p->version);
    gauge(&b, "start_time_seconds", "When the gate started.", g->numbers->started_unix_s);
    gauge(&b, "draining", "1 while it finishes and takes nothing new.", g->draining);
    put_requests(&b, g);
    gauge(&b, "requests_in_flight", "Calls without their answer.",
          (int64_t)g->callers->n_open - 1); /* without this question */
    put_refusals(&b, g);
    put_times(&b, g->numbers);
    put_hsm(&b, g);
    put_ledger(&b, g);
    put_evidence(&b, g);
    if (!cs_ok(cs_buf_end(&b)))
        return cs_answer_status(g, call->id, CS_GRPC_RESOURCE_EXHAUSTED, "the numbers do not fit an answer");
    const struct cs_msg_answer a = { .status = CS_GRPC_OK, .response = cs_buf_span(&b) };
    return cs_answer_now(g, call->id, &a);
}
