/* From an envelope's bytes to a statement that may be relied on, in the order evidence.h gives. */
#include "proxy/gate/evidence/dsse.h"

#include "proto/canonical.h"

enum {
    LIFETIME_MAX_S = 400 * 86400,
    SKEW_MAX_S = 300,
    KEYID_MAX_LEN = 256,
};

struct admission {
    const struct cs_evidence_context *ctx;
    const struct cs_policy *policy;
    struct cs_arena *arena;
    struct cs_verdict *verdict;
    const char *label;
    bool refused;
};

#define REFUSE(a, rule, found, ...)                                                     \
    do {                                                                                \
        (a)->refused = true;                                                            \
        cs_verdict_add((a)->verdict, CS_RULE_##rule, (a)->label, (found), __VA_ARGS__); \
    } while (0)

static const char *name_of(const struct admission *a, uint32_t attester)
{
    return cs_show_text(a->arena, a->policy->attester[attester].name);
}

/* ---- envelope: caps and form ---- */

static CS_RESULT open_envelope(struct admission *a, struct cs_span bytes,
                               const Countersign__V1__Envelope **out)
{
    if (bytes.len == 0 || bytes.len > CS_ENVELOPE_MAX_LEN) {
        REFUSE(a, E01, cs_arena_printf(a->arena, "%zu octets", bytes.len), "an envelope of 1 to %d octets",
               CS_ENVELOPE_MAX_LEN);
        return CS_OK;
    }
    const ProtobufCMessage *m;
    cs_result r = cs_proto_unpack(&countersign__v1__envelope__descriptor, bytes, a->arena, &m);
    if (cs_is(r, CS_NUM_PROTO)) {
        REFUSE(a, E01, "bytes that are no canonical Envelope", "a DSSE envelope in canonical protobuf");
        return CS_OK;
    }
    CS_TRY(r);
    const Countersign__V1__Envelope *e = (const Countersign__V1__Envelope *)m;
    if (strcmp(e->payload_type, CS_PAYLOAD_TYPE) != 0)
        REFUSE(a, E01,
               cs_arena_printf(a->arena, "payload type %s",
                               cs_show_text(a->arena, cs_span_str(e->payload_type))),
               "payload type " CS_PAYLOAD_TYPE);
    if (e->payload.len == 0 || e->payload.len > CS_PAYLOAD_MAX_LEN)
        REFUSE(a, E01, cs_arena_printf(a->arena, "a payload of %zu octets", e->payload.len),
               "a payload of 1 to %d octets", CS_PAYLOAD_MAX_LEN);
    if (e->n_signatures == 0 || e->n_signatures > CS_SIGNATURES_MAX)
        REFUSE(a, E02, cs_arena_printf(a->arena, "%zu signatures", e->n_signatures), "1 to %d signatures",
               CS_SIGNATURES_MAX);
    for (size_t i = 0; i < e->n_signatures && i < CS_SIGNATURES_MAX; i++)
        if (strlen(e->signatures[i]->keyid) > KEYID_MAX_LEN)
            REFUSE(a, E01,
                   cs_arena_printf(a->arena, "signature %zu has a keyid of %zu octets", i,
                                   strlen(e->signatures[i]->keyid)),
                   "a keyid of at most %d octets", KEYID_MAX_LEN);
    *out = e;
    return CS_OK;
}

/* ---- signatures ---- */

/* A signature that nobody made is tried with every key: the trials of one request are bounded. */
static bool verifies(const struct admission *a, uint32_t attester, struct cs_span pae, struct cs_span sig)
{
    const struct cs_attester *t = &a->policy->attester[attester];
    if (!cs_signature_could_be(t->algorithm, sig))
        return false;
    if (a->ctx->trials_left != NULL) {
        if (*a->ctx->trials_left == 0)
            return false;
        --*a->ctx->trials_left;
    }
    return cs_dsse_verify(t->key, t->algorithm, pae, sig);
}

/* The attester whose key made sig; n_attesters when there is none. keyid only says whom to try first. */
static uint32_t signer_of(const struct admission *a, struct cs_span pae, struct cs_span sig,
                          const char *keyid)
{
    const struct cs_policy *p = a->policy;
    uint8_t hint[CS_SHA256_LEN];
    size_t hint_len = 0;
    uint32_t hinted = p->n_attesters;
    if (cs_ok(cs_unhex(cs_span_str(keyid), hint, sizeof hint, &hint_len)) && hint_len == sizeof hint)
        for (uint32_t i = 0; i < p->n_attesters && hinted == p->n_attesters; i++)
            if (memcmp(p->attester[i].spki_sha256.byte, hint, sizeof hint) == 0)
                hinted = i;
    if (hinted < p->n_attesters && verifies(a, hinted, pae, sig))
        return hinted;
    for (uint32_t i = 0; i < p->n_attesters; i++)
        if (i != hinted && verifies(a, i, pae, sig))
            return i;
    return p->n_attesters;
}

static void verify_signatures(struct admission *a, const Countersign__V1__Envelope *e, struct cs_span pae,
                              struct cs_signers *out)
{
    for (size_t i = 0; i < e->n_signatures; i++) {
        const Countersign__V1__Signature *s = e->signatures[i];
        uint32_t by = signer_of(a, pae, cs_proto_span(s->sig), s->keyid);
        if (by == a->policy->n_attesters) {
            REFUSE(a, E02,
                   cs_arena_printf(
                       a->arena, "signature %zu (%zu octets, keyid \"%s\") %s", i, s->sig.len,
                       cs_show_text(a->arena, cs_span_str(s->keyid)),
                       a->ctx->trials_left != NULL && *a->ctx->trials_left == 0
                           ? "was not tried with every key: too many signatures of the request fit none"
                           : "verifies with no key"),
                   "a signature over this payload by the key of an attester of the policy");
            continue;
        }
        bool again = false;
        for (uint32_t k = 0; k < out->n && !again; k++)
            again = out->index[k] == by;
        if (again)
            REFUSE(a, E02, cs_arena_printf(a->arena, "signature %zu is one more by %s", i, name_of(a, by)),
                   "each signature by a different key");
        else
            out->index[out->n++] = by;
    }
}

static CS_RESULT find_signers(struct admission *a, const Countersign__V1__Envelope *e,
                              const struct cs_sha256 *digest, struct cs_signers *out)
{
    if (cs_evidence_cache_find(a->ctx->cache, a->policy, digest, out))
        return CS_OK;
    *out = (struct cs_signers){ 0 };
    CS_AUTO_BUF struct cs_buf pae = { 0 };
    cs_dsse_pae(&pae, cs_span_str(e->payload_type), cs_proto_span(e->payload));
    if (!cs_ok(cs_buf_end(&pae)))
        return CS_ERR(NO_MEMORY);
    verify_signatures(a, e, cs_buf_span(&pae), out);
    if (!a->refused)
        cs_evidence_cache_keep(a->ctx->cache, a->policy, digest, out);
    return CS_OK;
}

/* ---- statement: who says it ---- */

static const char *signer_names(const struct admission *a, const struct cs_signers *signers)
{
    const char *text = "";
    for (uint32_t i = 0; i < signers->n; i++)
        text = cs_arena_printf(a->arena, "%s%s%s", text, i == 0 ? "" : ", ", name_of(a, signers->index[i]));
    return text;
}

/* Puts the signer whose name is header.attester first. */
static void judge_attester(struct admission *a, const Countersign__V1__Header *h, struct cs_signers *signers)
{
    for (uint32_t i = 0; i < signers->n; i++) {
        uint32_t by = signers->index[i];
        if (cs_span_eq(a->policy->attester[by].name, cs_proto_span(h->attester))) {
            signers->index[i] = signers->index[0];
            signers->index[0] = by;
            return;
        }
    }
    REFUSE(a, E03,
           cs_arena_printf(a->arena, "attester %s, signed by %s",
                           cs_show_text(a->arena, cs_proto_span(h->attester)), signer_names(a, signers)),
           "a signature by the attester the statement names");
}

static void judge_method(struct admission *a, uint32_t by, int method)
{
    if (method != 0 && !cs_method_set_has(&a->policy->attester[by].methods, method))
        REFUSE(a, E03, cs_arena_printf(a->arena, "%s attests %s", name_of(a, by), cs_method_name(method)),
               "an attester to whom the policy gives this method");
}

static void judge_signer(struct admission *a, const Countersign__V1__Statement *s, uint32_t by)
{
    const struct cs_attester *t = &a->policy->attester[by];
    const Countersign__V1__Header *h = s->header;
    if (h->role <= 0 || h->role >= 32 || (t->roles >> h->role & 1) == 0)
        REFUSE(a, E03,
               cs_arena_printf(a->arena, "%s signed as %s", name_of(a, by), cs_role_name((int)h->role)),
               "every signer holds the role by the policy");
    if (h->issued_at_unix_s < t->not_before_unix_s || h->issued_at_unix_s >= t->not_after_unix_s)
        REFUSE(a, E03,
               cs_arena_printf(a->arena, "issued %s by %s", cs_show_time(a->arena, h->issued_at_unix_s),
                               name_of(a, by)),
               "issued from %s to before %s, while the key counts",
               cs_show_time(a->arena, t->not_before_unix_s), cs_show_time(a->arena, t->not_after_unix_s));
    if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL) {
        judge_method(a, by, (int)s->domain_control->method);
        judge_method(a, by, (int)s->domain_control->inner_method);
    } else if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK) {
        for (size_t i = 0; i < s->caa_check->n_methods; i++)
            judge_method(a, by, (int)s->caa_check->methods[i]);
    }
}

static void judge_authority(struct admission *a, const Countersign__V1__Statement *s,
                            struct cs_signers *signers)
{
    Countersign__V1__Role needed = cs_statement_role(s);
    if (s->header->role != needed)
        REFUSE(a, E03,
               cs_arena_printf(a->arena, "%s in the role %s", cs_statement_kind_name(s),
                               cs_role_name((int)s->header->role)),
               "the role %s", cs_role_name((int)needed));
    judge_attester(a, s->header, signers);
    for (uint32_t i = 0; i < signers->n; i++)
        judge_signer(a, s, signers->index[i]);
}

/* ---- statement: where and when it counts ---- */

static void judge_time(struct admission *a, const Countersign__V1__Header *h)
{
    uint32_t skew_s = a->policy->limits.clock_skew_s;
    if (skew_s > SKEW_MAX_S)
        skew_s = SKEW_MAX_S;
    int64_t now = a->ctx->now_unix_s, issued = h->issued_at_unix_s, expires = h->expires_at_unix_s;
    if (issued > now && issued - now > skew_s)
        REFUSE(a, E05, cs_arena_printf(a->arena, "issued %s", cs_show_time(a->arena, issued)),
               "issued not after %s", cs_show_time(a->arena, now + skew_s));
    if (expires <= now)
        REFUSE(a, E05, cs_arena_printf(a->arena, "expired %s", cs_show_time(a->arena, expires)),
               "expires after %s", cs_show_time(a->arena, now));
    if (expires <= issued)
        REFUSE(a, E05,
               cs_arena_printf(a->arena, "issued %s, expires %s", cs_show_time(a->arena, issued),
                               cs_show_time(a->arena, expires)),
               "expires after it is issued");
    else if (issued > 0 && expires - issued > LIFETIME_MAX_S)
        REFUSE(a, E05, cs_arena_printf(a->arena, "lives %s", cs_show_duration(a->arena, expires - issued)),
               "lives at most %s", cs_show_duration(a->arena, LIFETIME_MAX_S));
}

static void judge_header(struct admission *a, const Countersign__V1__Header *h)
{
    if (!cs_span_eq(cs_proto_span(h->audience), a->policy->deployment))
        REFUSE(a, E04,
               cs_arena_printf(a->arena, "audience %s", cs_show_text(a->arena, cs_proto_span(h->audience))),
               "audience %s", cs_show_text(a->arena, a->policy->deployment));
    if (!cs_ruleset_known(cs_proto_span(h->ruleset)))
        REFUSE(a, E07,
               cs_arena_printf(a->arena, "ruleset \"%s\"", cs_show_text(a->arena, cs_proto_span(h->ruleset))),
               "a version of the requirements that countersign knows, tls-br-2.2.6 or later");
    judge_time(a, h);
}

static CS_RESULT open_statement(struct admission *a, struct cs_span payload,
                                const Countersign__V1__Statement **out)
{
    const ProtobufCMessage *m;
    cs_result r = cs_proto_unpack(&countersign__v1__statement__descriptor, payload, a->arena, &m);
    if (cs_is(r, CS_NUM_PROTO)) {
        REFUSE(a, E01, "a payload that is no canonical Statement", "a Statement in canonical protobuf");
        return CS_OK;
    }
    CS_TRY(r);
    const Countersign__V1__Statement *s = (const Countersign__V1__Statement *)m;
    const char *why = "";
    if (!cs_statement_check(s, &why))
        REFUSE(a, E01,
               cs_arena_printf(a->arena, "%s statement with a field that does not fit",
                               cs_statement_kind_name(s)),
               "%s", why);
    *out = s;
    return CS_OK;
}

CS_RESULT cs_evidence_admit(const struct cs_evidence_context *ctx, struct cs_span envelope, const char *label,
                            struct cs_arena *arena, struct cs_verdict *verdict, bool *out_admitted,
                            struct cs_evidence *out)
{
    struct admission a = { ctx, ctx->policy, arena, verdict, label, false };
    const Countersign__V1__Envelope *e = NULL;
    const Countersign__V1__Statement *s = NULL;
    struct cs_signers signers;
    CS_TRY(open_envelope(&a, envelope, &e));
    if (!a.refused) {
        struct cs_sha256 digest = cs_sha256(envelope);
        CS_TRY(find_signers(&a, e, &digest, &signers));
        if (!a.refused) /* not a byte of the payload is read before this */
            CS_TRY(open_statement(&a, cs_proto_span(e->payload), &s));
        if (s != NULL && s->header != NULL) {
            judge_authority(&a, s, &signers);
            judge_header(&a, s->header);
        }
        if (!a.refused) {
            struct cs_evidence made = {
                .digest = digest,
                .payload_sha256 = cs_sha256(cs_proto_span(e->payload)),
                .envelope = cs_arena_span(arena, envelope),
                .statement = s,
                .n_signers = signers.n,
                .label = cs_arena_copy(arena, cs_span_str(label)),
            };
            memcpy(made.signer, signers.index, signers.n * sizeof *made.signer);
            if (made.envelope.len != envelope.len || made.label == NULL)
                return CS_ERR(NO_MEMORY);
            *out = made;
        }
    }
    *out_admitted = !a.refused;
    return CS_OK;
}
