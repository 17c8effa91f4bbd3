#include "proto/canonical.h"
#include "proxy/base/clock.h"
#include "proxy/gate/deposit_key.h"
#include "proxy/gate/der/kind.h"
#include "proxy/gate/grounds.h"
#include "proxy/gate/scope.h"
#include "proxy/gate/scts.h"
#include "proxy/ipc/messages.h"

enum {
    DEPOSITS_PER_KEY = 32,
    OBJECTIONS_PER_ORDER = 4 /* one suffices */,
    CAA_CHECKS_PER_NAME = 8,
    FORBIDS_PER_NAME = 256, /* looked at; of each question the newest is kept */
    RECALLED_FACTOR = 4,    /* recalled deposits may crowd what is looked up; so many more are looked at */
    OBJECTIONS_ROOM = OBJECTIONS_PER_ORDER * CS_FACTS_ORDERS_MAX,
    FORBIDS_ROOM = 128,
    EVIDENCE_ROOM = CS_FACTS_EVIDENCE_MAX + OBJECTIONS_ROOM + FORBIDS_ROOM,
};

struct gathering {
    const struct cs_grounds *g;
    struct cs_arena *arena;
    struct cs_judged *c;
    struct cs_evidence_context context;
    uint32_t trials_left;
    bool foreign; /* the request is of an account that is not the client's */
};

CS_RESULT cs_statement_is_unique(struct cs_ledger *ledger, const struct cs_evidence *earlier, size_t n,
                                 const struct cs_evidence *e, struct cs_verdict *v)
{
    bool known;
    struct cs_sha256 payload;
    struct cs_span id = cs_proto_span(e->statement->header->statement_id);
    CS_TRY(cs_ledger_statement_get(ledger, id, &known, &payload));
    if (known && memcmp(&payload, &e->payload_sha256, sizeof payload) != 0)
        cs_verdict_add(v, CS_RULE_E06, e->label, cs_show_hex(v->arena, id),
                       "an id that no other statement has used");
    for (size_t i = 0; i < n; i++)
        if (cs_span_eq(id, cs_proto_span(earlier[i].statement->header->statement_id)) &&
            memcmp(&earlier[i].payload_sha256, &e->payload_sha256, sizeof e->payload_sha256) != 0)
            cs_verdict_add(v, CS_RULE_E06, e->label, cs_show_hex(v->arena, id), "an id other than that of %s",
                           earlier[i].label);
    return CS_OK;
}

static bool already_there(const struct cs_facts *f, const struct cs_sha256 *digest)
{
    for (uint32_t i = 0; i < f->n_evidence; i++)
        if (memcmp(&f->evidence[i].digest, digest, sizeof *digest) == 0)
            return true;
    return false;
}

/* Recalled evidence is left out as if it had not come; *out says whether it is. The cache knows signatures
 * only, so this is asked anew for every request. */
static CS_RESULT leave_out_if_recalled(struct gathering *w, const struct cs_evidence *e, bool with_request,
                                       bool *out)
{
    struct cs_facts *f = &w->c->facts;
    const struct cs_stop *recall;
    CS_TRY(cs_recall_on(w->g, e, w->arena, &recall));
    *out = recall != NULL;
    for (uint32_t i = 0; *out && !with_request && i < f->n_recalled; i++)
        if (strcmp(f->recalled[i].label, e->label) == 0)
            return CS_OK; /* found by another key before */
    if (*out && f->n_recalled < CS_FACTS_RECALLED_MAX)
        f->recalled[f->n_recalled++] =
            (struct cs_recalled_fact){ e->label, e->statement, recall, with_request };
    return CS_OK;
}

static CS_RESULT gather_inline(struct gathering *w, const struct cs_ask *ask)
{
    struct cs_arena *arena = w->arena;
    struct cs_facts *f = &w->c->facts;
    for (size_t i = 0; i < ask->n_evidence; i++) {
        struct cs_span envelope;
        CS_TRY(cs_proto_pack(&ask->evidence[i]->base, arena, &envelope));
        struct cs_sha256 digest = cs_sha256(envelope);
        if (already_there(f, &digest))
            continue;
        bool admitted;
        struct cs_evidence *e = &f->evidence[f->n_evidence];
        const char *label = cs_arena_printf(arena, "evidence[%zu]", i);
        CS_TRY(cs_evidence_admit(&w->context, envelope, label, arena, &w->c->verdict, &admitted, e));
        if (!admitted)
            continue;
        CS_TRY(cs_statement_is_unique(w->g->ledger, f->evidence, f->n_evidence, e, &w->c->verdict));
        bool recalled;
        CS_TRY(leave_out_if_recalled(w, e, true, &recalled));
        f->n_evidence += !recalled;
    }
    return CS_OK;
}

/* What subtracts outlives its own expiry: judged as on the last second it was live. */
static int64_t time_to_judge_at(struct cs_arena *arena, struct cs_span envelope, int64_t now_unix_s)
{
    const ProtobufCMessage *m;
    if (!cs_ok(cs_proto_unpack(&countersign__v1__envelope__descriptor, envelope, arena, &m)))
        return now_unix_s;
    struct cs_span payload = cs_proto_span(((const Countersign__V1__Envelope *)m)->payload);
    if (!cs_ok(cs_proto_unpack(&countersign__v1__statement__descriptor, payload, arena, &m)))
        return now_unix_s;
    const Countersign__V1__Statement *s = (const Countersign__V1__Statement *)m;
    int64_t last = s->header != NULL ? s->header->expires_at_unix_s - 1 : now_unix_s;
    return last < now_unix_s ? last : now_unix_s;
}

static bool same_check(const Countersign__V1__CaaCheck *a, const Countersign__V1__CaaCheck *b)
{
    bool same = a->tag == b->tag && a->n_methods == b->n_methods &&
                cs_span_eq(cs_proto_span(a->account_uri), cs_proto_span(b->account_uri));
    for (size_t i = 0; same && i < a->n_methods; i++)
        same = a->methods[i] == b->methods[i];
    return same;
}

/* CAA is checked again and again; of equal questions about a name only the newest answer counts, and
 * keeping one leaves room for the evidence of the other names. Looks at the check behind the last one:
 * true when it took the place of an older one, from first on, or is the older one itself. */
static bool replaces_or_is_replaced(struct cs_facts *f, uint32_t first)
{
    const struct cs_evidence *e = &f->evidence[f->n_evidence];
    for (uint32_t i = first; i < f->n_evidence; i++) {
        const Countersign__V1__CaaCheck *old = f->evidence[i].statement->caa_check;
        const Countersign__V1__CaaCheck *new = e->statement->caa_check;
        if (!same_check(old, new))
            continue;
        if (new->checked_at_unix_s > old->checked_at_unix_s)
            f->evidence[i] = *e;
        return true;
    }
    return false;
}

/* A check that forbids takes away what older ones permit, so none may go unseen. */
static void say_forbids_do_not_fit(struct gathering *w, struct cs_span name)
{
    struct cs_arena *arena = w->arena;
    cs_verdict_add(&w->c->verdict, CS_RULE_C01, cs_arena_printf(arena, "caa:%s", cs_show_text(arena, name)),
                   "more deposited CAA checks that forbid issuance than can be looked at",
                   "at most %d of a name behind the oldest check that may permit, and room for those of all "
                   "names beside "
                   "the other evidence",
                   FORBIDS_PER_NAME);
}

/* From when on checks that forbid the name are looked at. They count as long as an older one could permit,
 * also when their own statement has expired; those of the last 8 hours are always there to be told. */
static int64_t forbids_since(const struct cs_facts *f, struct cs_span name)
{
    int64_t since_unix_s = f->now_unix_s - CS_CAA_AGE_MIN_S;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        const Countersign__V1__Statement *s = f->evidence[i].statement;
        if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK &&
            s->caa_check->checked_at_unix_s < since_unix_s && cs_caa_may_permit(f, s->caa_check) &&
            cs_span_eq(cs_proto_span(s->caa_check->domain), name))
            since_unix_s = s->caa_check->checked_at_unix_s;
    }
    return since_unix_s;
}

/* Deposits were verified when they came, but the policy may have changed since: they are admitted
 * anew (the cache makes that cheap), and those that no longer count are left out silently. */
static CS_RESULT gather_deposits(struct gathering *w, enum cs_deposit_tag tag, struct cs_span account,
                                 struct cs_span value)
{
    bool caa = tag == CS_DEPOSIT_CAA || tag == CS_DEPOSIT_CAA_FORBIDS;
    uint32_t max = tag == CS_DEPOSIT_OBJECTION     ? OBJECTIONS_PER_ORDER
                   : tag == CS_DEPOSIT_CAA         ? CAA_CHECKS_PER_NAME
                   : tag == CS_DEPOSIT_CAA_FORBIDS ? FORBIDS_PER_NAME + 1
                                                   : DEPOSITS_PER_KEY;
    uint32_t first = w->c->facts.n_evidence;
    struct cs_arena *arena = w->arena;
    struct cs_facts *f = &w->c->facts;
    struct cs_deposit_key key;
    struct cs_sha256 *digest;
    uint32_t n;
    CS_TRY(cs_deposit_key(tag, account, value, &key));
    int64_t live_at_unix_s = tag == CS_DEPOSIT_CAA_FORBIDS ? forbids_since(f, value) : f->now_unix_s;
    uint32_t look_at = w->g->recalls->n != 0 && tag != CS_DEPOSIT_CAA_FORBIDS ? max * RECALLED_FACTOR : max;
    CS_TRY(cs_ledger_deposit_find(w->g->ledger, cs_deposit_key_span(&key), live_at_unix_s, look_at, arena,
                                  &digest, &n));
    /* what subtracts has room of its own: a request full of other evidence must not push it out */
    uint32_t room = tag == CS_DEPOSIT_OBJECTION     ? CS_FACTS_EVIDENCE_MAX + OBJECTIONS_ROOM
                    : tag == CS_DEPOSIT_CAA_FORBIDS ? EVIDENCE_ROOM
                                                    : CS_FACTS_EVIDENCE_MAX;
    if (tag == CS_DEPOSIT_CAA_FORBIDS && n > FORBIDS_PER_NAME)
        say_forbids_do_not_fit(w, value);
    bool bounded = look_at != max;
    for (uint32_t i = 0, n_taken = 0; i < n && (!bounded || n_taken < max); i++) {
        if (f->n_evidence >= room) {
            if (tag == CS_DEPOSIT_CAA_FORBIDS)
                say_forbids_do_not_fit(w, value);
            break;
        }
        if (already_there(f, &digest[i])) {
            n_taken++;
            continue;
        }
        struct cs_span envelope;
        CS_TRY(cs_ledger_evidence_get(w->g->ledger, &digest[i], arena, &envelope));
        struct cs_evidence_context context = w->context;
        context.trials_left = NULL; /* it verified when it came; an objection must never be left out */
        if (tag == CS_DEPOSIT_OBJECTION || tag == CS_DEPOSIT_CAA_FORBIDS)
            context.now_unix_s = time_to_judge_at(arena, envelope, context.now_unix_s);
        bool admitted;
        struct cs_verdict ignored = { .arena = arena };
        struct cs_evidence *e = &f->evidence[f->n_evidence];
        const char *label =
            cs_arena_printf(arena, "deposit %.16s", cs_show_hex(arena, cs_sha256_span(&digest[i])));
        CS_TRY(cs_evidence_admit(&context, envelope, label, arena, &ignored, &admitted, e));
        if (!admitted)
            continue;
        e->deposited = true;
        bool recalled;
        CS_TRY(leave_out_if_recalled(w, e, false, &recalled));
        if (recalled)
            continue;
        n_taken++;
        if (!caa || !replaces_or_is_replaced(f, first))
            f->n_evidence++;
    }
    return CS_OK;
}

/* The name as deposits have it: lower case, without "*.". */
static CS_RESULT name_of_deposits(struct gathering *w, struct cs_span name, struct cs_span *out)
{
    if (name.len > 2 && name.at[0] == '*' && name.at[1] == '.')
        name = cs_span_of(name.at + 2, name.len - 2);
    uint8_t *lower = cs_arena_copy(w->arena, name);
    if (lower == NULL)
        return CS_ERR(NO_MEMORY);
    for (size_t i = 0; i < name.len; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (uint8_t)(lower[i] + ('a' - 'A'));
    *out = cs_span_of(lower, name.len);
    return CS_OK;
}

static CS_RESULT gather_forbids(struct gathering *w, struct cs_span account)
{
    const struct cs_tbs *t = w->c->tbs;
    for (uint32_t i = 0; i < t->n_names; i++) {
        struct cs_span name;
        if (t->name[i].tag != CS_SAN_DNS)
            continue;
        CS_TRY(name_of_deposits(w, t->name[i].value, &name));
        if (name.len <= 253)
            CS_TRY(gather_deposits(w, CS_DEPOSIT_CAA_FORBIDS, account, name));
    }
    return CS_OK;
}

/* Evidence of control for a name or, down to two labels, for a parent, which may cover child names; and
 * the CAA checks of the name itself. */
static CS_RESULT gather_domain(struct gathering *w, struct cs_span account, struct cs_span name)
{
    struct cs_span left;
    CS_TRY(name_of_deposits(w, name, &left));
    if (left.len <= 253)
        CS_TRY(gather_deposits(w, CS_DEPOSIT_CAA, account, left));
    while (left.len != 0 && left.len <= 253) {
        CS_TRY(gather_deposits(w, CS_DEPOSIT_DOMAIN, account, left));
        const uint8_t *dot = memchr(left.at, '.', left.len);
        if (dot == NULL)
            break;
        size_t drop = (size_t)(dot - left.at) + 1;
        left = cs_span_of(left.at + drop, left.len - drop);
        if (memchr(left.at, '.', left.len) == NULL)
            break;
    }
    return CS_OK;
}

static CS_RESULT gather_account(struct gathering *w, struct cs_span account)
{
    const struct cs_tbs *t = w->c->tbs;
    CS_TRY(gather_deposits(w, CS_DEPOSIT_ORGANIZATION, account, (struct cs_span){ 0 }));
    for (uint32_t i = 0; i < t->n_names; i++) {
        if (t->name[i].tag == CS_SAN_DNS)
            CS_TRY(gather_domain(w, account, t->name[i].value));
        else if (t->name[i].tag == CS_SAN_IP && (t->name[i].value.len == 4 || t->name[i].value.len == 16))
            CS_TRY(gather_deposits(w, CS_DEPOSIT_IP, account, t->name[i].value));
    }
    return CS_OK;
}

static void use_fact(const struct cs_use *use, struct cs_use_fact *out)
{
    *out = (struct cs_use_fact){
        .precertificate = use->precertificate_seq != 0,
        .certificate = use->certificate_seq != 0,
        .pair_sha256 = use->pair_sha256,
        .precertificate_signed = use->precertificate_signed,
        .precertificate_unix_s = use->precertificate_unix_us / 1000000,
    };
}

static CS_RESULT gather_last_subject(struct gathering *w, struct cs_span account, struct cs_subject_fact *out)
{
    struct cs_subject_use use;
    CS_TRY(cs_ledger_subject_get(w->g->ledger, account, w->arena, &use));
    *out = (struct cs_subject_fact){ use.seq, use.subject, use.identity_sha256 };
    return CS_OK;
}

static CS_RESULT gather_uses(struct gathering *w)
{
    struct cs_facts *f = &w->c->facts;
    struct cs_use use;
    CS_TRY(cs_ledger_serial_get(w->g->ledger, f->issuer->id, f->tbs->serial, &use));
    use_fact(&use, &f->serial_use);
    CS_TRY(cs_issued_digests(w->g, w->arena, &use, f->certificate_sha256, &f->n_certificates));
    for (uint32_t i = 0; i < f->n_orders; i++) {
        const Countersign__V1__Statement *s = f->evidence[f->order[i].evidence].statement;
        CS_TRY(cs_ledger_order_get(w->g->ledger, cs_proto_span(s->header->account),
                                   cs_proto_span(s->order->order_id), &use));
        use_fact(&use, &f->order[i].use);
        CS_TRY(cs_issued_digests(w->g, w->arena, &use, f->order[i].certificate_sha256,
                                 &f->order[i].n_certificates));
        if (cs_subject_names_somebody(f->tbs))
            CS_TRY(gather_last_subject(w, cs_proto_span(s->header->account), &f->order[i].last_subject));
    }
    CS_TRY(cs_facts_of_scts(f));
    f->caa_exempt_by_logged_precertificate = cs_facts_are_of_a_logged_pair(f);
    return CS_OK;
}

/* A token is spent for a statement when the ledger, or evidence before it, bound it to something else. */
static CS_RESULT gather_tokens(struct gathering *w)
{
    struct cs_facts *f = &w->c->facts;
    struct cs_arena *arena = w->arena;
    struct cs_sha256 *token = cs_arena_get(arena, (f->n_evidence + 1) * 2 * sizeof *token);
    bool *spent = cs_arena_get(arena, (f->n_evidence + 1) * sizeof *spent);
    if (token == NULL || spent == NULL)
        return CS_ERR(NO_MEMORY);
    struct cs_sha256 *bound = token + f->n_evidence + 1;
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_evidence; i++) {
        spent[i] = false;
        if (!cs_token_of(&f->evidence[i], &token[n], &bound[n]))
            continue;
        bool known;
        struct cs_sha256 earlier;
        CS_TRY(cs_ledger_token_get(w->g->ledger, &token[n], &known, &earlier));
        spent[i] = known && memcmp(&earlier, &bound[n], sizeof earlier) != 0;
        for (uint32_t k = 0; k < n && !known; k++)
            if (memcmp(&token[k], &token[n], sizeof *token) == 0 &&
                memcmp(&bound[k], &bound[n], sizeof *bound) != 0)
                spent[i] = true;
        n++;
    }
    f->token_spent = spent;
    return CS_OK;
}

static CS_RESULT gather_stored(struct gathering *w, const struct cs_ask *ask)
{
    const struct cs_span none = { 0 };
    struct cs_facts *f = &w->c->facts;
    if (ask->order_id.len != 0)
        CS_TRY(gather_deposits(w, CS_DEPOSIT_ORDER_OF_ID, none, ask->order_id));
    CS_TRY(gather_deposits(w, CS_DEPOSIT_ORDER_OF_KEY, none, cs_sha256_span(&f->spki_sha256)));
    CS_TRY(gather_deposits(w, CS_DEPOSIT_LINT, none, cs_sha256_span(&f->tbs_sha256)));
    cs_facts_find_orders(f);
    w->foreign = cs_scope_keep_orders(f, &w->c->verdict);
    if (w->foreign)
        return CS_OK;
    /* objections first, approvals last, and checks that forbid behind those that permit, which say how far
     * to look back; whatever the bound on evidence leaves out, it is never what stops an order or a name */
    static const enum cs_deposit_tag passes[] = { CS_DEPOSIT_OBJECTION, CS_DEPOSIT_DOMAIN,
                                                  CS_DEPOSIT_CAA_FORBIDS, CS_DEPOSIT_APPROVAL };
    for (size_t pass = 0; pass < sizeof passes / sizeof *passes; pass++)
        for (uint32_t i = 0; i < f->n_orders; i++) {
            const Countersign__V1__Statement *s = f->evidence[f->order[i].evidence].statement;
            struct cs_span account = cs_proto_span(s->header->account);
            if (passes[pass] == CS_DEPOSIT_DOMAIN)
                CS_TRY(gather_account(w, account));
            else if (passes[pass] == CS_DEPOSIT_CAA_FORBIDS)
                CS_TRY(gather_forbids(w, account));
            else
                CS_TRY(gather_deposits(w, passes[pass],
                                       passes[pass] == CS_DEPOSIT_OBJECTION ? (struct cs_span){ 0 } : account,
                                       cs_proto_span(s->order->order_id)));
        }
    return CS_OK;
}

/* T01: where the reader stopped, or what else it is that was sent. */
static void add_unreadable(struct cs_judged *out, struct cs_arena *arena, struct cs_span tbs,
                           cs_result parsed, const struct cs_der_fault *fault)
{
    enum cs_data_kind kind = cs_data_kind_of(tbs);
    bool is_tbs = kind == CS_DATA_LIKE_TBS || kind == CS_DATA_IS_NO_DER || fault->what == NULL;
    const char *at = cs_arena_printf(arena, "at octet %zu: %s", fault->offset,
                                     fault->what != NULL ? fault->what : cs_result_text(parsed));
    bool has_field = is_tbs && fault->where != NULL && fault->where[0] != '\0';
    cs_verdict_add(&out->verdict, CS_RULE_T01,
                   has_field ? cs_arena_printf(arena, "tbs.%s", fault->where) : "tbs",
                   is_tbs ? at : cs_arena_printf(arena, "%s; %s", cs_data_kind_text(kind), at),
                   "strict DER of a TBSCertificate");
    out->malformed = true;
}

CS_RESULT cs_judge_on(const struct cs_grounds *g, const struct cs_client *client, const struct cs_ask *ask,
                      struct cs_arena *arena, struct cs_judged *out)
{
    *out = (struct cs_judged){ .verdict = { .arena = arena } };
    struct cs_facts *f = &out->facts;
    f->now_unix_s = g->now_unix_s;
    f->policy = g->policy;
    f->lists = g->lists;
    f->client = client;
    f->holds = g->holds;
    f->order_id = ask->order_id;
    f->witnesses_lapsed = g->witnesses_lapsed;
    f->ledger_ready = g->ledger_ready;

    const struct cs_issuer *issuer = cs_policy_issuer(g->policy, ask->issuer);
    size_t index = issuer != NULL ? (size_t)(issuer - g->policy->issuer) : 0;
    if (issuer == NULL || (client->issuers >> index & 1) == 0) {
        cs_verdict_add(&out->verdict, CS_RULE_N02, "issuer", cs_show_text(arena, ask->issuer),
                       "an issuer that the policy lists for client %s", cs_show_text(arena, client->name));
        return CS_OK; /* a stranger to the issuer learns nothing else */
    }
    f->issuer = issuer;
    if (ask->tbs.len > CS_TBS_MAX_LEN) {
        cs_verdict_add(&out->verdict, CS_RULE_T01, "tbs", cs_arena_printf(arena, "%zu octets", ask->tbs.len),
                       "at most %d octets", CS_TBS_MAX_LEN);
        out->malformed = true;
        return CS_OK;
    }
    struct cs_tbs *tbs = cs_arena_get(arena, sizeof *tbs);
    f->evidence = cs_arena_get(arena, (EVIDENCE_ROOM + 1) * sizeof *f->evidence);
    if (tbs == NULL || f->evidence == NULL)
        return CS_ERR(NO_MEMORY);
    struct cs_der_fault fault = { 0 };
    cs_result parsed = cs_tbs_parse(ask->tbs, tbs, &fault);
    if (!cs_ok(parsed)) {
        add_unreadable(out, arena, ask->tbs, parsed, &fault);
        return CS_OK;
    }
    out->tbs = tbs;
    f->tbs = tbs;
    CS_TRY(cs_facts_of_tbs(f, tbs));

    struct gathering w = { .g = g, .arena = arena, .c = out };
    w.trials_left = CS_GATE_TRIALS_MAX;
    w.context = (struct cs_evidence_context){
        .policy = g->policy, .now_unix_s = f->now_unix_s, .cache = g->cache, .trials_left = &w.trials_left
    };
    CS_TRY(gather_inline(&w, ask));
    CS_TRY(gather_stored(&w, ask));
    if (w.foreign)
        return CS_OK; /* a stranger to the account learns nothing else */
    CS_TRY(gather_uses(&w));
    CS_TRY(gather_tokens(&w));
    out->gathered_mono_us = cs_clock_mono_us();
    uint32_t order;
    CS_TRY(cs_judge(f, &out->verdict, &order));
    if (order != UINT32_MAX)
        out->order = f->evidence[order].statement;
    if (out->verdict.overflow)
        return CS_ERR(NO_MEMORY);
    return CS_OK;
}
