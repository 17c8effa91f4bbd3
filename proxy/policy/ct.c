/* CT logs, and which of them an issuer relies on. */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "proxy/policy/parts.h"

enum { LOG_KEY_MAX_LEN = 1024, LOG_RSA_MIN_BITS = 2048, P256_DER_LEN = 91 /* uncompressed point */ };

static void auto_key(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}
static void auto_openssl(unsigned char **p)
{
    OPENSSL_free(*p);
}

/* RFC 6962 2.1.4: NIST P-256, or RSA of at least 2048 bits. */
static bool is_log_key(const EVP_PKEY *key, size_t der_len)
{
    char group[64] = "";
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return EVP_PKEY_get_bits(key) >= LOG_RSA_MIN_BITS;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && der_len == P256_DER_LEN &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 && strcmp(group, "prime256v1") == 0;
}

/* The log's id is the digest of its key's DER, so the key must stand in the one DER form it has. */
static CS_RESULT read_log_key(struct cs_policy *p, struct cs_ct_log *out, const struct cs_yaml_node *n,
                              struct cs_note *note)
{
    struct cs_span der;
    CS_TRY(cs_yaml_pem(n, "PUBLIC KEY", LOG_KEY_MAX_LEN, p->arena, &der, note));
    const unsigned char *at = der.at;
    __attribute__((cleanup(auto_key))) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.len);
    __attribute__((cleanup(auto_openssl))) unsigned char *again = NULL;
    int len = key != NULL ? i2d_PUBKEY(key, &again) : -1;
    bool good = key != NULL && is_log_key(key, der.len);
    ERR_clear_error();
    if (!good || len < 0 || !cs_span_eq(der, cs_span_of(again, (size_t)len)))
        return cs_yaml_fail(n, note,
                            "the key is neither P-256 (uncompressed point) nor RSA of 2048 bits or more");
    char name[CS_POLICY_ID_MAX_LEN + 1] = "";
    memcpy(name, out->name.at, out->name.len);
    out->log = CTLOG_new(key, name);
    if (out->log == NULL)
        return CS_ERR(NO_MEMORY);
    key = NULL; /* the log owns it */
    out->id = cs_sha256(der);
    return CS_OK;
}

static CS_RESULT read_log(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    enum { NAME, KEY, OPERATOR, N };
    struct cs_yaml_field f[N] = {
        [NAME] = { .key = "name", .required = true },
        [KEY] = { .key = "public_key", .required = true },
        [OPERATOR] = { .key = "operator", .required = true },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_ct_log *out = &p->ct_log[p->n_ct_logs];
    CS_TRY(cs_yaml_id(f[NAME].value, CS_POLICY_ID_MAX_LEN, &out->name, note));
    CS_TRY(cs_yaml_id(f[OPERATOR].value, CS_POLICY_ID_MAX_LEN, &out->operator, note));
    CS_TRY(read_log_key(p, out, f[KEY].value, note));
    for (uint32_t i = 0; i < p->n_ct_logs; i++) {
        if (cs_span_eq(p->ct_log[i].name, out->name))
            return cs_yaml_fail(f[NAME].value, note, "ct_logs[%u] has this name", i);
        if (memcmp(&p->ct_log[i].id, &out->id, sizeof out->id) == 0)
            return cs_yaml_fail(f[KEY].value, note, "ct_logs[%u] has the same public key", i);
    }
    p->n_ct_logs++;
    return CS_OK;
}

CS_RESULT cs_policy_read_ct_logs(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    if (n == NULL)
        return CS_OK;
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_CT_LOGS_MAX, note));
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next)
        CS_TRY(read_log(p, c, note));
    return CS_OK;
}

static CS_RESULT read_names(const struct cs_policy *p, const struct cs_yaml_node *n, uint64_t *out,
                            struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_CT_LOGS_MAX, note));
    uint64_t bits = 0;
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span name;
        uint32_t i = 0;
        CS_TRY(cs_yaml_id(c, CS_POLICY_ID_MAX_LEN, &name, note));
        while (i < p->n_ct_logs && !cs_span_eq(p->ct_log[i].name, name))
            i++;
        if (i == p->n_ct_logs)
            return cs_yaml_fail(c, note, "'%.*s' is the name of none of ct_logs", (int)name.len,
                                (const char *)name.at);
        if (bits >> i & 1)
            return cs_yaml_fail(c, note, "'%.*s' stands there twice", (int)name.len, (const char *)name.at);
        bits |= UINT64_C(1) << i;
    }
    *out = bits;
    return CS_OK;
}

/* How many certificates could ever satisfy it: different logs, or their different operators. */
static uint32_t most_scts(const struct cs_policy *p, const struct cs_issuer_ct *ct)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_ct_logs; i++) {
        bool counts = ct->logs >> i & 1;
        for (uint32_t k = 0; k < i && counts && ct->distinct_operators; k++)
            counts = (ct->logs >> k & 1) == 0 || !cs_span_eq(p->ct_log[k].operator, p->ct_log[i].operator);
        n += counts;
    }
    return n;
}

CS_RESULT cs_policy_read_issuer_ct(const struct cs_policy *p, struct cs_issuer *out,
                                   const struct cs_yaml_node *n, struct cs_note *note)
{
    if (n == NULL)
        return CS_OK;
    enum { REQUIRED, LOGS, OPERATORS, N };
    struct cs_yaml_field f[N] = {
        [REQUIRED] = { .key = "required_scts", .required = true },
        [LOGS] = { .key = "logs", .required = true },
        [OPERATORS] = { .key = "distinct_operators" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_issuer_ct ct = { 0 };
    uint64_t required;
    CS_TRY(cs_yaml_u64(f[REQUIRED].value, 1, CS_POLICY_SCTS_MAX, &required, note));
    ct.required_scts = (uint32_t)required;
    CS_TRY(read_names(p, f[LOGS].value, &ct.logs, note));
    if (f[OPERATORS].value != NULL)
        CS_TRY(cs_yaml_bool(f[OPERATORS].value, &ct.distinct_operators, note));
    uint32_t most = most_scts(p, &ct);
    if (most < ct.required_scts)
        return cs_yaml_fail(f[REQUIRED].value, note, "%u, but the logs have %u different %s",
                            ct.required_scts, most, ct.distinct_operators ? "operators" : "keys");
    out->ct = ct;
    return CS_OK;
}
