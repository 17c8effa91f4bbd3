/* The cases: what is sent, and what refusal shows that it was refused for what is wrong with it. */
#include <openssl/x509v3.h>

#include "client/cli/canary.h"
#include "client/cli/keys.h"
#include "client/cli/leaf.h"
#include "proxy/base/clock.h"
#include "proxy/base/digest.h"

enum { VALID_DAYS = 7, SERIAL_LEN = 16, STATUS_OK = 0, STATUS_DATA_LOSS = 15 };

static const struct {
    const char *name, *text;
} cases[CS_CANARY_CASES_COUNT] = {
#define X(ident, name, text) { name, text },
    CS_CANARY_CASES(X)
#undef X
};

/* needed: every one of these rules. besides: what else may stand there, since the canary has no CAA check and
 * no lint either. A hold may stand anywhere. of_last: the first rule has to speak of the last envelope. */
static const struct {
    const char *needed[CS_CANARY_RULES_MAX], *besides[CS_CANARY_RULES_MAX];
    bool of_last;
    int file; /* the evidence beside the order; -1: none */
} expected[CS_CANARY_CASES_COUNT] = {
    [CS_CANARY_NOTHING] = { { "B01", "V01", "C01", "L01" }, { NULL }, false, -1 },
    [CS_CANARY_APPROVALS] = { { "V01", "X01", "C01", "L01" }, { NULL }, false, CS_CANARY_FILE_APPROVAL },
    [CS_CANARY_EXPIRED] = { { "E05" }, { "V01", "C01", "L01" }, true, CS_CANARY_FILE_EXPIRED },
    [CS_CANARY_ACCOUNT] = { { "V06", "V01" }, { "C01", "L01" }, false, CS_CANARY_FILE_ACCOUNT },
    [CS_CANARY_AUDIENCE] = { { "E04" }, { "V01", "C01", "L01" }, true, CS_CANARY_FILE_AUDIENCE },
    [CS_CANARY_FORGED] = { { "E02" }, { "V01", "C01", "L01" }, true, -1 },
    [CS_CANARY_DIGEST] = { { "N05" }, { NULL }, false, -1 },
    [CS_CANARY_STRANGER] = { { "N01" }, { NULL }, false, -1 },
};

const char *cs_canary_case_name(enum cs_canary_case c)
{
    return cases[c].name;
}

const char *cs_canary_case_text(enum cs_canary_case c)
{
    return cases[c].text;
}

const char *cs_canary_outcome_name(enum cs_canary_outcome o)
{
    static const char *const names[] = { "refused", "not_tried", "not_proven", "alarm" };
    return names[o];
}

/* ---- making ---- */

/* The key of the folder, or one of which nothing but this copy of its public half remains. */
static CS_RESULT put_key(const struct cs_canary_material *material, struct cs_buf *out)
{
    if (material->spki.len != 0) {
        cs_buf_put(out, material->spki.at, material->spki.len);
        return cs_buf_end(out);
    }
    CS_AUTO_PKEY EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    return key != NULL ? cs_spki_of_key(key, out) : CS_ERR(CRYPTO);
}

/* A precertificate: were it signed, no browser would take it. */
static CS_RESULT put_tbs(const struct cs_canary_config *config, const struct cs_canary_material *material,
                         X509 *issuer, struct cs_span algorithm, struct cs_buf *out)
{
    CS_AUTO_BUF struct cs_buf spki = { 0 };
    struct cs_leaf leaf = { .poison = true, .algorithm = algorithm, .policy = cs_leaf_policy("dv") };
    uint8_t serial[SERIAL_LEN];
    unsigned char *name = NULL;
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(issuer);
    if (ski == NULL)
        return CS_ERR(FORM);
    leaf.issuer_ski = cs_span_of(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski));
    CS_TRY(put_key(material, &spki));
    CS_TRY(cs_random(serial, sizeof serial));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    leaf.serial = cs_span_of(serial, sizeof serial);
    leaf.spki = cs_buf_span(&spki);
    leaf.not_before_unix_s = cs_clock_unix_s();
    leaf.not_after_unix_s = leaf.not_before_unix_s + VALID_DAYS * 86400 - 1; /* both ends count */
    leaf.issuer_url = config->issuer_url;
    leaf.ocsp_url = config->ocsp_url;
    leaf.crl_url = config->crl_url;
    leaf.n_names = 1;
    leaf.name[0].value = cs_span_str(config->name);
    int name_len = i2d_X509_NAME(X509_get_subject_name(issuer), &name);
    if (name_len <= 0)
        return CS_ERR(CRYPTO);
    leaf.issuer = cs_span_of(name, (size_t)name_len);
    cs_result r = cs_leaf_put(&leaf, out);
    OPENSSL_free(name);
    return r;
}

static CS_RESULT add_order(const struct cs_canary_material *material, struct cs_canary_request *out,
                           const char **missing)
{
    if (material->envelope[CS_CANARY_FILE_ORDER].len == 0)
        *missing = material->fault[CS_CANARY_FILE_ORDER];
    else
        out->evidence[out->n_evidence++] = material->envelope[CS_CANARY_FILE_ORDER];
    return CS_OK;
}

static CS_RESULT add_evidence(const struct cs_canary_config *config,
                              const struct cs_canary_material *material, enum cs_canary_case which,
                              struct cs_arena *arena, struct cs_canary_request *out, const char **missing)
{
    int file = expected[which].file;
    if (file < 0 && which != CS_CANARY_FORGED)
        return CS_OK;
    CS_TRY(add_order(material, out, missing));
    if (*missing != NULL)
        return CS_OK;
    if (which == CS_CANARY_FORGED) {
        cs_result r = cs_canary_forge(config, material, arena, &out->evidence[out->n_evidence]);
        if (cs_is(r, CS_NUM_NOT_FOUND))
            *missing = "no evidence of control in the material that could be copied";
        else
            CS_TRY(r);
    } else if (material->envelope[file].len == 0) {
        *missing = material->fault[file];
    } else {
        out->evidence[out->n_evidence] = material->envelope[file];
    }
    out->n_evidence++;
    return CS_OK;
}

CS_RESULT cs_canary_request_make(const struct cs_canary_config *config,
                                 const struct cs_canary_material *material, enum cs_canary_case which,
                                 struct cs_span issuer_certificate, struct cs_span algorithm,
                                 struct cs_arena *arena, struct cs_canary_request *out, const char **missing)
{
    struct cs_canary_request q = { .algorithm = algorithm };
    const unsigned char *at = issuer_certificate.at;
    CS_AUTO_X509 X509 *issuer = d2i_X509(NULL, &at, (long)issuer_certificate.len);
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    enum cs_hash hash = cs_algorithm_hash(cs_algorithm_of_der(algorithm));
    uint8_t digest[CS_DIGEST_MAX_LEN];
    if (issuer == NULL)
        return CS_ERR(FORM);
    CS_TRY(put_tbs(config, material, issuer, algorithm, &tbs));
    q.tbs = cs_arena_span(arena, cs_buf_span(&tbs));
    cs_hash(hash, q.tbs, digest);
    q.digest = cs_arena_span(arena, cs_span_of(digest, cs_hash_len(hash)));
    if (q.tbs.len != tbs.len || q.digest.len == 0)
        return CS_ERR(NO_MEMORY);
    *missing = NULL;
    CS_TRY(add_evidence(config, material, which, arena, &q, missing));
    *out = q;
    return CS_OK;
}

/* ---- judging ---- */

static bool is_among(const char *rule, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n && list[i] != NULL; i++)
        if (strcmp(list[i], rule) == 0)
            return true;
    return false;
}

static bool has(const struct countersign_answer *a, const char *rule, const char *subject)
{
    for (size_t i = 0; i < a->n_reasons; i++)
        if (strcmp(a->reasons[i].rule, rule) == 0 &&
            (subject == NULL || strcmp(a->reasons[i].subject, subject) == 0))
            return true;
    return false;
}

/* NULL when the reasons are those of the case. */
static const char *reasons_fault(enum cs_canary_case which, bool may_not_call, uint32_t n_evidence,
                                 const struct countersign_answer *a, struct cs_arena *arena)
{
    static const char *const no_rpc[] = { "N01", NULL };
    const char *const *needed = may_not_call ? no_rpc : expected[which].needed;
    const char *last = expected[which].of_last && !may_not_call
                           ? cs_arena_printf(arena, "evidence[%u]", n_evidence - 1)
                           : NULL;
    for (size_t i = 0; needed[i] != NULL; i++)
        if (!has(a, needed[i], i == 0 ? last : NULL))
            return cs_arena_printf(arena, "refused, but not for %s%s%s", needed[i],
                                   last != NULL ? " of " : "", last != NULL ? last : "");
    for (size_t i = 0; i < a->n_reasons; i++) {
        const char *rule = a->reasons[i].rule;
        bool known = strcmp(rule, "H01") == 0 || is_among(rule, needed, CS_CANARY_RULES_MAX) ||
                     (!may_not_call && is_among(rule, expected[which].besides, CS_CANARY_RULES_MAX));
        if (!known)
            return cs_arena_printf(arena, "refused also for %s (%s): the request has another fault", rule,
                                   a->reasons[i].found);
        if (last != NULL && rule[0] == 'E' && strcmp(a->reasons[i].subject, last) != 0)
            return cs_arena_printf(arena, "refused also for %s of %s, which should be good", rule,
                                   a->reasons[i].subject);
    }
    return NULL;
}

enum cs_canary_outcome cs_canary_judge(const struct cs_canary_client *client, enum cs_canary_case which,
                                       uint32_t n_evidence, int outcome,
                                       const struct countersign_answer *answer,
                                       const struct countersign_error *error, struct cs_arena *arena,
                                       const char **text)
{
    bool may_not_call = which == CS_CANARY_DIGEST     ? !client->by_digest
                        : which == CS_CANARY_STRANGER ? false
                                                      : !client->signs;
    if (outcome == COUNTERSIGN_DONE || (answer != NULL && answer->grpc_status == STATUS_OK)) {
        *text = which == CS_CANARY_STRANGER ? "answered to a peer that is no client" : "SIGNED";
        return CS_CANARY_ALARM;
    }
    if (answer == NULL) {
        *text = cs_arena_printf(arena, "no answer: %s", error->text);
        return CS_CANARY_NOT_PROVEN;
    }
    if (answer->grpc_status == STATUS_DATA_LOSS) {
        *text = "admitted: the key may have been used, though no certificate came back";
        return CS_CANARY_ALARM;
    }
    *text = answer->n_reasons == 0
                ? cs_arena_printf(arena, "%s without a reason: %s", answer->grpc_status_name, answer->message)
                : reasons_fault(which, may_not_call, n_evidence, answer, arena);
    return *text == NULL ? CS_CANARY_REFUSED : CS_CANARY_NOT_PROVEN;
}
