#include <stdarg.h>
#include <stdio.h>

#include "countersign/ledger/v1/entry.pb-c.h"

#include "proxy/gate/rules/rows.h"

/* One row a rule (B06, T12 and T17 have two halves). V02, V03, V05, V06 are rows of control_rules.c, judged
 * with V01; O02 is judged with O01, for the statement that fits; X01 is judged last. */
/* One row a rule (B06 and T12 have two halves). V02 to V10 are rows of control_rules.c, judged with
 * V01; C02 to C04 are rows of caa_rules.c, judged with C01; O02 is judged with O01, for the statement that
 * fits; X01 is judged last. */
static const struct cs_rule_row rows[] = {
    { CS_RULE_N02, CS_STAGE_REQUEST, CS_IN_CLIENT | CS_IN_ISSUER, cs_client_may_use_issuer },
    { CS_RULE_N02, CS_STAGE_REQUEST, CS_IN_CLIENT | CS_IN_TBS, cs_client_may_use_the_profile },
    { CS_RULE_T01, CS_STAGE_REQUEST, CS_IN_TBS, cs_version_is_3_without_unique_ids },
    { CS_RULE_T02, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER, cs_issuer_is_the_issuers_subject },
    { CS_RULE_T03, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER, cs_algorithm_is_the_issuers },
    { CS_RULE_T04, CS_STAGE_REQUEST, CS_IN_TBS, cs_serial_is_in_range },
    { CS_RULE_T05, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_LEDGER, cs_serial_is_unused_or_paired },
    { CS_RULE_T06, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_CLOCK, cs_not_before_is_near_now },
    { CS_RULE_T07, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_CLIENT,
      cs_validity_is_within_limit },
    { CS_RULE_T08, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER, cs_not_after_is_within_issuer },
    { CS_RULE_T09, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER, cs_key_is_acceptable },
    { CS_RULE_T10, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_LISTS | CS_IN_POLICY, cs_key_is_not_weak },
    { CS_RULE_T11, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_LISTS | CS_IN_POLICY, cs_key_is_not_compromised },
    { CS_RULE_T12, CS_STAGE_REQUEST, CS_IN_TBS, cs_policies_give_the_profile },
    { CS_RULE_T12, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER, cs_subject_fits_the_profile },
    { CS_RULE_T13, CS_STAGE_REQUEST, CS_IN_TBS, cs_common_name_copies_a_name },
    { CS_RULE_T14, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_CLOCK | CS_IN_ISSUER,
      cs_extensions_are_of_a_subscriber },
    { CS_RULE_T15, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER, cs_aki_is_the_issuers_ski },
    { CS_RULE_T16, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_CLOCK | CS_IN_ISSUER, cs_key_purpose_is_tls_server },
    { CS_RULE_T17, CS_STAGE_REQUEST, CS_IN_TBS, cs_names_are_well_formed },
    { CS_RULE_T17, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_LISTS, cs_names_are_of_the_public_internet },
    { CS_RULE_T18, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_LISTS, cs_wildcards_are_below_a_public_suffix },
    { CS_RULE_T19, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_CLOCK, cs_names_and_attributes_are_of_evg },
    { CS_RULE_T20, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER, cs_tbs_is_the_pinned_profile },
    { CS_RULE_P01, CS_STAGE_REQUEST, CS_IN_TBS, cs_poison_is_exact_and_alone },
    { CS_RULE_L01, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_LEDGER,
      cs_tbs_is_linted },
    { CS_RULE_L02, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_LEDGER,
      cs_linter_is_allowed },
    { CS_RULE_K02, CS_STAGE_REQUEST, CS_IN_ISSUER, cs_issuer_key_signs_leaves },
    { CS_RULE_B06, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER, cs_issuer_has_the_profile },
    { CS_RULE_X02, CS_STAGE_REQUEST, CS_IN_LEDGER, cs_decision_can_be_recorded },

    { CS_RULE_O06, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_POLICY, cs_jurisdiction_is_listed },
    { CS_RULE_P02, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER | CS_IN_LEDGER,
      cs_final_has_its_precertificate },
    { CS_RULE_P03, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_ISSUER | CS_IN_POLICY | CS_IN_CLOCK | CS_IN_LEDGER,
      cs_scts_are_of_the_precertificate },
    { CS_RULE_P04, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_LEDGER, cs_precertificate_has_no_other_final },
    { CS_RULE_P05, CS_STAGE_REQUEST, CS_IN_TBS | CS_IN_CLOCK, cs_final_can_follow_in_time },

    { CS_RULE_B01, CS_STAGE_ORDER, CS_IN_EVIDENCE | CS_IN_CLOCK, cs_order_is_present },
    { CS_RULE_B02, CS_STAGE_ORDER, CS_IN_TBS | CS_IN_EVIDENCE, cs_order_is_for_the_key },
    { CS_RULE_B03, CS_STAGE_ORDER, CS_IN_TBS | CS_IN_EVIDENCE, cs_order_names_the_names },
    { CS_RULE_B04, CS_STAGE_ORDER, CS_IN_TBS | CS_IN_EVIDENCE | CS_IN_LEDGER, cs_order_is_not_spent },
    { CS_RULE_B05, CS_STAGE_ORDER, CS_IN_TBS | CS_IN_EVIDENCE, cs_order_allows_not_after },
    { CS_RULE_B06, CS_STAGE_ORDER, CS_IN_TBS | CS_IN_EVIDENCE, cs_order_is_for_the_profile },
    { CS_RULE_B07, CS_STAGE_ORDER, CS_IN_EVIDENCE, cs_possession_was_proven },
    { CS_RULE_O07, CS_STAGE_ORDER, CS_IN_EVIDENCE, cs_agreement_and_requester_are_named },
    { CS_RULE_A01, CS_STAGE_ORDER, CS_IN_EVIDENCE, cs_nobody_objects_to_the_order },

    { CS_RULE_V01, CS_STAGE_ACCOUNT,
      CS_IN_TBS | CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_CLIENT | CS_IN_ISSUER | CS_IN_LEDGER,
      cs_names_are_covered },
    { CS_RULE_O01, CS_STAGE_ACCOUNT, CS_IN_TBS | CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_CLIENT,
      cs_subject_is_attested },
    { CS_RULE_C01, CS_STAGE_ACCOUNT,
      CS_IN_TBS | CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_ISSUER | CS_IN_LEDGER,
      cs_names_are_caa_checked },
    { CS_RULE_O03, CS_STAGE_ACCOUNT, CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_CLIENT,
      cs_request_is_authentic },
    { CS_RULE_O04, CS_STAGE_ACCOUNT, CS_IN_EVIDENCE, cs_identity_was_reviewed_by_others },
    { CS_RULE_O05, CS_STAGE_ACCOUNT, CS_IN_TBS | CS_IN_EVIDENCE | CS_IN_CLOCK | CS_IN_POLICY | CS_IN_LEDGER,
      cs_organization_change_is_vouched_for },

    { CS_RULE_H02, CS_STAGE_END, CS_IN_EVIDENCE | CS_IN_LEDGER, cs_no_evidence_was_recalled },
    { CS_RULE_H01, CS_STAGE_END,
      CS_IN_TBS | CS_IN_EVIDENCE | CS_IN_CLIENT | CS_IN_ISSUER | CS_IN_POLICY | CS_IN_LEDGER,
      cs_no_hold_stops_the_certificate },
};
enum { N_ROWS = sizeof rows / sizeof *rows };

const struct cs_rule_row *cs_rule_rows(size_t *n)
{
    *n = N_ROWS;
    return rows;
}

bool cs_refuse(struct cs_case *c, const char *subject, const char *found, const char *needed, ...)
{
    char text[1024];
    va_list args;
    va_start(args, needed);
    (void)vsnprintf(text, sizeof text, needed, args);
    va_end(args);
    cs_verdict_add(c->v, c->rule, subject, found, "%s", text);
    return false;
}

/* A row that fails in silence still refuses. */
static void judge_rows(struct cs_case *c, enum cs_stage stage)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (rows[i].stage != stage ||
            (stage == CS_STAGE_ORDER && c->order == NULL && rows[i].rule != CS_RULE_B01))
            continue;
        uint32_t before = c->v->n_reasons;
        c->rule = rows[i].rule;
        if (!rows[i].holds(c) && c->v->n_reasons == before && !c->v->overflow)
            (void)cs_refuse(c, "request", "the rule does not hold", "%s", cs_rule_text(rows[i].rule)->title);
    }
}

/* ---- orders: the first that admits, else the one that fails best ---- */

static void cover_key(struct cs_case *c)
{
    const Countersign__V1__Header *h = c->order_evidence->statement->header;
    const struct cs_cover cover = {
        .subject = "key",
        .part = COUNTERSIGN__LEDGER__V1__COVER_PART__COVER_PART_KEY,
        .evidence = c->order_index,
        .age_s = cs_age_s(c->f->now_unix_s, h->issued_at_unix_s),
        .good_until_unix_s = h->expires_at_unix_s,
    };
    cs_verdict_cover(c->v, &cover);
}

static void take_order(struct cs_case *c, const struct cs_order_fact *o)
{
    c->order_index = o->evidence;
    c->order_evidence = &c->f->evidence[o->evidence];
    c->order = c->order_evidence->statement->order;
    c->order_use = &o->use;
    c->order_fact = o;
    c->last_subject = &o->last_subject;
    c->account = cs_evidence_account(c->order_evidence);
}

struct candidate {
    const struct cs_order_fact *fact; /* NULL: no order at all */
    enum cs_order_rank rank;
    uint32_t n_reasons; /* of the order rows */
    bool fits, complete;
    struct cs_verdict verdict;
};

static void judge_candidate(struct cs_case *c, struct candidate *k, bool with_account)
{
    struct cs_verdict *v = c->v;
    c->v = &k->verdict;
    c->identity = NULL; /* O01 finds it anew for this account */
    if (k->fact != NULL)
        take_order(c, k->fact);
    if (!k->complete && k->n_reasons == 0) {
        judge_rows(c, CS_STAGE_ORDER);
        k->n_reasons = k->verdict.n_reasons;
        k->fits = k->n_reasons == 0;
        if (k->fits)
            cover_key(c);
    }
    if (!k->complete && (k->fits || with_account)) {
        c->names = NULL;
        judge_rows(c, CS_STAGE_ACCOUNT);
        k->complete = true;
    }
    c->v = v;
}

static bool fails_better(const struct candidate *a, const struct candidate *b)
{
    return b->fact == NULL || a->rank < b->rank || (a->rank == b->rank && a->n_reasons < b->n_reasons);
}

static void judge_orders(struct cs_case *c, struct candidate *out)
{
    const struct cs_facts *f = c->f;
    for (uint32_t i = 0; i < f->n_orders && i < CS_FACTS_ORDERS_MAX; i++) {
        const struct cs_order_fact *o = &f->order[i];
        const Countersign__V1__Order *order = f->evidence[o->evidence].statement->order;
        struct candidate k = { .fact = o, .rank = cs_order_rank(f, order), .verdict = { .arena = c->arena } };
        if (f->order_id.len != 0 && k.rank != CS_ORDER_ASKED)
            continue; /* the request means another */
        judge_candidate(c, &k, false);
        if (k.complete && cs_verdict_admits(&k.verdict)) {
            *out = k;
            return;
        }
        if (fails_better(&k, out))
            *out = k;
    }
    if (out->fact == NULL) {
        c->order = NULL;
        c->order_evidence = NULL;
        c->last_subject = NULL;
        c->order_fact = NULL;
    }
    judge_candidate(c, out, true);
}

static void merge(struct cs_verdict *to, const struct cs_verdict *from)
{
    for (uint32_t i = 0; i < from->n_reasons; i++) {
        const struct cs_reason *r = &from->reason[i];
        cs_verdict_add(to, r->rule, r->subject, r->found, "%s", r->needed);
    }
    for (uint32_t i = 0; i < from->n_covers; i++)
        cs_verdict_cover(to, &from->cover[i]);
    to->overflow = to->overflow || from->overflow;
}

/* ---- X01 ---- */

static bool lacks_evidence(const struct cs_verdict *v)
{
    /* what is wrong with domain evidence comes with V01, what is wrong with CAA checks with C01 */
    static const enum cs_rule evidence_rules[] = { CS_RULE_B01, CS_RULE_V01, CS_RULE_C01,
                                                   CS_RULE_O01, CS_RULE_O02, CS_RULE_O03,
                                                   CS_RULE_O05, CS_RULE_L01, CS_RULE_L02 };
    for (size_t i = 0; i < sizeof evidence_rules / sizeof *evidence_rules; i++)
        if (cs_verdict_has(v, evidence_rules[i]))
            return true;
    return false;
}

/* X01: nothing is decided here, evidence is missing anyway. It tells the person who approved. */
static void say_that_approvals_are_no_evidence(struct cs_case *c)
{
    const struct cs_evidence *first = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->f->n_evidence; i++) {
        const struct cs_evidence *e = &c->f->evidence[i];
        if (e->statement->body_case != COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL)
            continue;
        if (n++ == 0)
            first = e;
    }
    if (n == 0 || !lacks_evidence(c->v))
        return;
    const Countersign__V1__Approval *a = first->statement->approval;
    c->rule = CS_RULE_X01;
    (void)cs_refuse(c, cs_show_order(c->arena, cs_bytes(a->order_id)),
                    cs_arena_printf(c->arena, "%u approval statement%s, the first %s by %s", n,
                                    n == 1 ? "" : "s", first->label,
                                    cs_show_text(c->arena, cs_bytes(a->person))),
                    "the evidence the other reasons name: an approval is not evidence");
}

CS_RESULT cs_judge(const struct cs_facts *f, struct cs_verdict *v, uint32_t *out_order)
{
    struct cs_case c = { .f = f, .arena = v->arena, .v = v };
    struct candidate chosen = { .verdict = { .arena = v->arena } };
    cs_policies_read(&c);
    judge_rows(&c, CS_STAGE_REQUEST);
    judge_orders(&c, &chosen);
    merge(v, &chosen.verdict);
    cs_lint_cover(&c);
    if (chosen.fact != NULL)
        take_order(&c, chosen.fact); /* another candidate may have been the last in hand */
    judge_rows(&c, CS_STAGE_END);
    if (lacks_evidence(v))
        cs_say_what_was_recalled(&c);
    say_that_approvals_are_no_evidence(&c);
    if (c.no_memory || v->overflow || v->arena->exhausted)
        return CS_ERR(NO_MEMORY);
    *out_order = chosen.fact != NULL ? chosen.fact->evidence : UINT32_MAX;
    return CS_OK;
}
