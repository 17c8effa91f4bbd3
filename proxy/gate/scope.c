#include "proxy/gate/scope.h"

#include "proto/canonical.h"

bool cs_scope_keep_orders(struct cs_facts *f, struct cs_verdict *v)
{
    uint32_t n_kept = 0, n_foreign = 0, n_asked_kept = 0, n_asked_foreign = 0;
    if (f->client == NULL || f->client->n_accounts == 0)
        return false;
    for (uint32_t i = 0; i < f->n_orders; i++) {
        const struct cs_evidence *e = &f->evidence[f->order[i].evidence];
        bool asked =
            f->order_id.len != 0 && cs_span_eq(cs_proto_span(e->statement->order->order_id), f->order_id);
        bool kept = cs_client_may_order_for(f->client, cs_evidence_account(e));
        n_kept += kept;
        n_foreign += !kept;
        n_asked_kept += asked && kept;
        n_asked_foreign += asked && !kept;
        if (kept)
            f->order[n_kept - 1] = f->order[i];
    }
    f->n_orders = n_kept;
    bool foreign =
        f->order_id.len != 0 ? n_asked_kept == 0 && n_asked_foreign != 0 : n_kept == 0 && n_foreign != 0;
    if (!foreign)
        return false;
    struct cs_arena *arena = v->arena;
    *v = (struct cs_verdict){ .arena = arena };
    cs_verdict_add(v, CS_RULE_N02, cs_arena_printf(arena, "client:%s", cs_show_text(arena, f->client->name)),
                   "the order is of another account",
                   "an order of an account that begins as the policy's accounts of this client");
    return true;
}
