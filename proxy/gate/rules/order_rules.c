/* Rules that bind the request to an order. All but the first are judged for each order in turn. */
#include "proxy/gate/rules/rows.h"

#include <stdlib.h>

#include "proxy/policy/names.h"

static const char *order_subject(struct cs_case *c)
{
    return cs_show_order(c->arena, cs_bytes(c->order->order_id));
}

/* B01. An order whose time ran out between its admission and now is no live order. */
bool cs_order_is_present(struct cs_case *c)
{
    const struct cs_facts *f = c->f;
    if (c->order == NULL && f->order_id.len != 0)
        return cs_refuse(c, cs_show_order(c->arena, f->order_id),
                         "no live order with this id among the evidence",
                         "the order the request names, signed by an order authority");
    if (c->order == NULL)
        return cs_refuse(c, "order", "no live order among the evidence",
                         "an order for this key and these names, signed by an order authority");
    const Countersign__V1__Header *h = c->order_evidence->statement->header;
    if (h->account.len == 0)
        return cs_refuse(c, order_subject(c), "no account", "an order of an account");
    if (h->expires_at_unix_s > f->now_unix_s)
        return true;
    return cs_refuse(c, order_subject(c),
                     cs_arena_printf(c->arena, "expired at %s", cs_show_time(c->arena, h->expires_at_unix_s)),
                     "an order that is live at %s", cs_show_time(c->arena, f->now_unix_s));
}

/* B02 */
bool cs_order_is_for_the_key(struct cs_case *c)
{
    struct cs_span wanted = cs_sha256_span(&c->f->spki_sha256), ordered = cs_bytes(c->order->spki_sha256);
    if (cs_span_eq(wanted, ordered))
        return true;
    return cs_refuse(c, "key", cs_arena_printf(c->arena, "SPKI SHA-256 %s", cs_show_hex(c->arena, wanted)),
                     "the key of %s: %s", order_subject(c), cs_show_hex(c->arena, ordered));
}

enum { DIFFERENCES_MAX = 16 };

static int span_cmp(const void *a, const void *b)
{
    return cs_span_cmp(*(const struct cs_span *)a, *(const struct cs_span *)b);
}

static const char *show_name(struct cs_case *c, uint8_t tag, struct cs_span name)
{
    return tag == CS_SAN_DNS ? cs_show_dns(c->arena, name) : cs_show_ip(c->arena, name);
}

/* Both lists sorted: every name on one side only is a difference, the first of them each a reason. */
static bool lists_agree(struct cs_case *c, uint8_t tag, const ProtobufCBinaryData *ordered, size_t n_ordered,
                        uint32_t *n_differences)
{
    struct cs_span names[CS_TBS_NAMES_MAX];
    uint32_t n = cs_sorted_names(c->f->tbs, tag, names), i = 0;
    struct cs_span *theirs = cs_arena_get(c->arena, (n_ordered + 1) * sizeof *theirs);
    if (theirs == NULL) {
        c->no_memory = true;
        return false;
    }
    for (size_t k = 0; k < n_ordered; k++)
        theirs[k] = cs_bytes(ordered[k]);
    qsort(theirs, n_ordered, sizeof *theirs, span_cmp);
    bool agree = true;
    for (size_t k = 0; i < n || k < n_ordered;) {
        int d = i == n ? 1 : k == n_ordered ? -1 : cs_span_cmp(names[i], theirs[k]);
        if (d != 0) {
            agree = false;
            if (++*n_differences <= DIFFERENCES_MAX)
                (void)cs_refuse(c, show_name(c, tag, d < 0 ? names[i] : theirs[k]),
                                d < 0 ? "in the certificate only" : "in the order only",
                                "the same names in the certificate and in %s", order_subject(c));
        }
        i += d <= 0;
        k += d >= 0;
    }
    return agree;
}

/* B03 */
bool cs_order_names_the_names(struct cs_case *c)
{
    uint32_t n_differences = 0;
    bool dns = lists_agree(c, CS_SAN_DNS, c->order->dns_names, c->order->n_dns_names, &n_differences);
    bool ip = lists_agree(c, CS_SAN_IP, c->order->ip_addresses, c->order->n_ip_addresses, &n_differences);
    if (n_differences > DIFFERENCES_MAX)
        (void)cs_refuse(c, order_subject(c), cs_arena_printf(c->arena, "%u names differ", n_differences),
                        "the same names in the certificate and in the order");
    return dns && ip;
}

/* B04: good for one precertificate and one final certificate, the two of a pair. */
bool cs_order_is_not_spent(struct cs_case *c)
{
    const struct cs_use_fact *use = c->order_use;
    if (!use->precertificate && !use->certificate)
        return true;
    if (use->certificate)
        return cs_refuse(c, order_subject(c), "a certificate was signed for it", "an order not yet used");
    if (c->f->kind != CS_LEAF_CERTIFICATE)
        return cs_refuse(c, order_subject(c), "a precertificate was signed for it", "an order not yet used");
    if (!cs_span_eq(cs_sha256_span(&use->pair_sha256), cs_sha256_span(&c->f->pair_sha256)))
        return cs_refuse(c, order_subject(c), "a precertificate of another certificate was signed for it",
                         "the certificate of that precertificate, or an order not yet used");
    return true;
}

/* B05 */
bool cs_order_allows_not_after(struct cs_case *c)
{
    int64_t not_after = c->f->tbs->not_after_unix_s;
    if (not_after <= c->order->latest_not_after_unix_s)
        return true;
    return cs_refuse(c, "tbs.validity.notAfter", cs_show_time(c->arena, not_after),
                     "not after %s, as %s has it", cs_show_time(c->arena, c->order->latest_not_after_unix_s),
                     order_subject(c));
}

/* B06, the order's part. Without a profile T12 refuses, and there is nothing to compare. */
bool cs_order_is_for_the_profile(struct cs_case *c)
{
    int ordered = (int)c->order->profile;
    if (c->profile == 0 || c->profile == ordered)
        return true;
    return cs_refuse(c, order_subject(c),
                     cs_arena_printf(c->arena, "the certificate is %s", cs_profile_name(c->profile)),
                     "the profile of the order, %s", cs_profile_name(ordered));
}

/* B06, the issuer's part. */
bool cs_issuer_has_the_profile(struct cs_case *c)
{
    const struct cs_issuer *i = c->f->issuer;
    if (c->profile == 0 || (i->profiles >> c->profile & 1) != 0)
        return true;
    return cs_refuse(c, cs_arena_printf(c->arena, "issuer:%s", cs_show_text(c->arena, i->id)),
                     cs_arena_printf(c->arena, "the certificate is %s", cs_profile_name(c->profile)),
                     "an issuer whose profiles in the policy include it");
}

/* B07 */
bool cs_possession_was_proven(struct cs_case *c)
{
    return c->order->possession_proven ||
           cs_refuse(c, order_subject(c), "the order does not say that possession of the key was proven",
                     "an order signed after the proof was checked");
}

/* A01: by order id alone; an objection under another account's name is still an objection. */
bool cs_nobody_objects_to_the_order(struct cs_case *c)
{
    bool ok = true;
    for (uint32_t i = 0; i < c->f->n_evidence; i++) {
        const struct cs_evidence *e = &c->f->evidence[i];
        if (e->statement->body_case != COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL)
            continue;
        const Countersign__V1__Approval *a = e->statement->approval;
        if (a->decision == COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE ||
            !cs_span_eq(cs_bytes(a->order_id), cs_bytes(c->order->order_id)))
            continue;
        bool withdrawn = a->decision == COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_WITHDRAW;
        ok = cs_refuse(c, order_subject(c),
                       cs_arena_printf(c->arena, "%s by %s (%s): %s", withdrawn ? "withdrawn" : "rejected",
                                       cs_show_text(c->arena, cs_bytes(a->person)), e->label,
                                       cs_show_text(c->arena, cs_bytes(a->reason))),
                       "no rejection and no withdrawn approval of the order");
    }
    return ok;
}
