/* The lists at start: opened, told in the log, recorded with the policy. */
#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/gate/gate.h"

CS_RESULT cs_gate_open_lists(struct cs_gate *g, struct cs_note *note)
{
    if (g->policy->lists.public_suffix.path == NULL)
        return CS_OK; /* no issuer signs leaves */
    CS_TRY(cs_lists_open(&g->policy->lists, cs_clock_unix_s(), &g->lists, note));
    for (int i = 0; i < CS_LIST_COUNT; i++) {
        const struct cs_list_state *s = &cs_lists_states(g->lists)[i];
        char dated[CS_TIME_TEXT_LEN];
        if (s->path == NULL && s->accepted == NULL)
            continue;
        cs_log_begin(s->accepted != NULL ? CS_LOG_WARNING : CS_LOG_INFO, "list");
        cs_log_str("list", s->name);
        if (s->path != NULL) {
            cs_log_str("path", s->path);
            cs_log_hex("sha256", cs_sha256_span(&s->sha256));
            cs_log_int("entries", (int64_t)s->n_entries);
        }
        if (s->dated_unix_s != 0) {
            cs_time_text(s->dated_unix_s, dated);
            cs_log_str("dated", dated);
        }
        if (s->accepted != NULL)
            cs_log_str("accepted", s->accepted);
        cs_log_end();
    }
    return CS_OK;
}

CS_RESULT cs_gate_record_policy(struct cs_gate *g)
{
    Countersign__Ledger__V1__Entry entry;
    Countersign__Ledger__V1__Policy policy;
    Countersign__Ledger__V1__DataList list[CS_LIST_COUNT], *lists[CS_LIST_COUNT];
    countersign__ledger__v1__policy__init(&policy);
    policy.policy_sha256 = cs_proto_bytes(cs_sha256_span(&g->policy->digest));
    policy.version = g->policy->version;
    policy.lists = lists;
    for (int i = 0; g->lists != NULL && i < CS_LIST_COUNT; i++) {
        const struct cs_list_state *s = &cs_lists_states(g->lists)[i];
        if (s->path == NULL && s->accepted == NULL)
            continue;
        Countersign__Ledger__V1__DataList *to = lists[policy.n_lists] = &list[policy.n_lists];
        countersign__ledger__v1__data_list__init(to);
        to->name = cs_proto_bytes(cs_span_str(s->name));
        if (s->path != NULL)
            to->sha256 = cs_proto_bytes(cs_sha256_span(&s->sha256));
        to->dated_unix_s = s->dated_unix_s;
        if (s->accepted != NULL)
            to->accepted = cs_proto_bytes(cs_span_str(s->accepted));
        policy.n_lists++;
    }
    countersign__ledger__v1__entry__init(&entry);
    entry.body_case = COUNTERSIGN__LEDGER__V1__ENTRY__BODY_POLICY;
    entry.policy = &policy;
    uint64_t seq;
    return cs_ledger_append(g->ledger, &entry, &seq);
}
