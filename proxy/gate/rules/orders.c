/* Finding the orders a request could mean. */
#include "proxy/gate/rules/rows.h"

#include <stdlib.h>

static int span_cmp(const void *a, const void *b)
{
    return cs_span_cmp(*(const struct cs_span *)a, *(const struct cs_span *)b);
}

uint32_t cs_sorted_names(const struct cs_tbs *t, uint8_t tag, struct cs_span out[CS_TBS_NAMES_MAX])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_names && n < CS_TBS_NAMES_MAX; i++)
        if (t->name[i].tag == tag)
            out[n++] = t->name[i].value;
    if (n > 1)
        qsort(out, n, sizeof *out, span_cmp);
    return n;
}

static bool same_names(const struct cs_tbs *t, uint8_t tag, const ProtobufCBinaryData *names, size_t n_names)
{
    struct cs_span sorted[CS_TBS_NAMES_MAX];
    uint32_t n = cs_sorted_names(t, tag, sorted);
    if (n != n_names)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!cs_span_eq(sorted[i], cs_bytes(names[i])))
            return false;
    return true;
}

enum cs_order_rank cs_order_rank(const struct cs_facts *f, const Countersign__V1__Order *o)
{
    if (f->order_id.len != 0 && cs_span_eq(cs_bytes(o->order_id), f->order_id))
        return CS_ORDER_ASKED;
    if (!cs_span_eq(cs_bytes(o->spki_sha256), cs_sha256_span(&f->spki_sha256)))
        return CS_ORDER_OTHER;
    return same_names(f->tbs, CS_SAN_DNS, o->dns_names, o->n_dns_names) &&
                   same_names(f->tbs, CS_SAN_IP, o->ip_addresses, o->n_ip_addresses)
               ? CS_ORDER_SAME
               : CS_ORDER_KEY;
}

/* Inserts behind all of the same rank or better, so that equals keep the order of the evidence. */
void cs_facts_find_orders(struct cs_facts *f)
{
    enum cs_order_rank rank[CS_FACTS_ORDERS_MAX];
    f->n_orders = 0;
    for (uint32_t e = 0; e < f->n_evidence; e++) {
        const Countersign__V1__Statement *s = f->evidence[e].statement;
        if (s->body_case != COUNTERSIGN__V1__STATEMENT__BODY_ORDER)
            continue;
        enum cs_order_rank mine = cs_order_rank(f, s->order);
        uint32_t at = f->n_orders;
        while (at > 0 && rank[at - 1] > mine)
            at--;
        if (at == CS_FACTS_ORDERS_MAX)
            continue;
        uint32_t n_behind = f->n_orders - at;
        if (f->n_orders == CS_FACTS_ORDERS_MAX)
            n_behind--; /* the last one falls out */
        else
            f->n_orders++;
        memmove(&f->order[at + 1], &f->order[at], n_behind * sizeof f->order[0]);
        memmove(&rank[at + 1], &rank[at], n_behind * sizeof rank[0]);
        f->order[at] = (struct cs_order_fact){ .evidence = e };
        rank[at] = mine;
    }
}

const char *cs_show_order(struct cs_arena *a, struct cs_span order_id)
{
    bool printable = true;
    for (size_t i = 0; i < order_id.len; i++)
        printable = printable && order_id.at[i] > ' ' && order_id.at[i] < 0x7f;
    return cs_arena_printf(a, "order:%s", printable ? cs_show_text(a, order_id) : cs_show_hex(a, order_id));
}
