/* witnesses: who remembers the newest checkpoint of the ledger, and how much depends on it. */
#include "proxy/policy/parts.h"
#include "proxy/tlog/key.h"

enum { WITHIN_MAX_S = 86400, VKEY_MAX_LEN = 512, URL_MAX_LEN = 512 };

static bool is_url(struct cs_span v)
{
    struct cs_span rest = v;
    static const char *const schemes[] = { "http://", "https://" };
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (v.len > len && memcmp(v.at, schemes[i], len) == 0)
            rest = cs_span_of(v.at + len, v.len - len);
    }
    if (rest.len == v.len || rest.at[0] == '/' || rest.at[rest.len - 1] == '/')
        return false;
    for (size_t i = 0; i < rest.len; i++) /* no query, fragment or user: only a host and a path */
        if (rest.at[i] <= 0x20 || rest.at[i] > 0x7e || memchr("?#@\\\"<>{}|^`", rest.at[i], 12) != NULL)
            return false;
    return true;
}

static CS_RESULT read_one(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    enum { VKEY, URL, N };
    struct cs_yaml_field f[N] = {
        [VKEY] = { .key = "vkey", .required = true }, [URL] = { .key = "url", .required = true }
    };
    struct cs_witness w = { 0 };
    struct cs_span vkey;
    struct cs_note why = { "" };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    CS_TRY(cs_yaml_string(f[VKEY].value, VKEY_MAX_LEN, &vkey, note));
    CS_TRY(cs_yaml_string(f[URL].value, URL_MAX_LEN, &w.url, note));
    if (!cs_ok(cs_tlog_vkey_parse(vkey, &w.key, &why)))
        return cs_yaml_fail(f[VKEY].value, note, "%.300s", why.text);
    if (w.key.type != CS_TLOG_COSIGNATURE)
        return cs_yaml_fail(f[VKEY].value, note, "the key of a log; needed: a witness's, of type 04");
    if (!is_url(w.url))
        return cs_yaml_fail(f[URL].value, note,
                            "needed: http:// or https://, a host and perhaps a path, without '/' at its end");
    for (uint32_t i = 0; i < p->witnesses.n; i++) {
        const struct cs_witness *other = &p->witnesses.witness[i];
        if (memcmp(other->key.public_key, w.key.public_key, sizeof w.key.public_key) == 0)
            return cs_yaml_fail(f[VKEY].value, note, "the key of witness %.200s again; one key counts once",
                                other->key.name);
        if (strcmp(other->key.name, w.key.name) == 0)
            return cs_yaml_fail(f[VKEY].value, note, "two witnesses have the name %.200s", w.key.name);
    }
    p->witnesses.witness[p->witnesses.n++] = w;
    return CS_OK;
}

static CS_RESULT read_require(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    struct cs_yaml_field within[] = { { .key = "within_s", .required = true } };
    if (n->kind == CS_YAML_MAP) {
        uint64_t s;
        CS_TRY(cs_yaml_fields(n, within, 1, note));
        CS_TRY(cs_yaml_u64(within[0].value, 2, WITHIN_MAX_S, &s, note));
        p->witnesses.require = CS_WITNESS_WITHIN;
        p->witnesses.within_s = (uint32_t)s;
        return CS_OK;
    }
    struct cs_span word;
    CS_TRY(cs_yaml_string(n, CS_POLICY_ID_MAX_LEN, &word, note));
    if (cs_span_is(word, "before_answer"))
        p->witnesses.require = CS_WITNESS_BEFORE_ANSWER;
    else if (cs_span_is(word, "no"))
        p->witnesses.require = CS_WITNESS_NOT_REQUIRED;
    else
        return cs_yaml_fail(n, note, "needed: before_answer, {within_s: SECONDS} or no");
    return CS_OK;
}

CS_RESULT cs_policy_read_witnesses(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    if (n == NULL)
        return CS_OK;
    enum { QUORUM, REQUIRE, LIST, N };
    struct cs_yaml_field f[N] = { [QUORUM] = { .key = "quorum", .required = true },
                                  [REQUIRE] = { .key = "require", .required = true },
                                  [LIST] = { .key = "list", .required = true } };
    uint64_t quorum;
    CS_TRY(cs_yaml_fields(n, f, N, note));
    if (p->ledger_origin.len == 0)
        return cs_yaml_fail(n, note, "needed: ledger: {origin: ...}, the log that they witness");
    CS_TRY(cs_yaml_sequence(f[LIST].value, 1, CS_WITNESSES_MAX, note));
    for (const struct cs_yaml_node *c = f[LIST].value->first; c != NULL; c = c->next)
        CS_TRY(read_one(p, c, note));
    CS_TRY(cs_yaml_u64(f[QUORUM].value, 1, CS_WITNESSES_MAX, &quorum, note));
    if (quorum > p->witnesses.n)
        return cs_yaml_fail(f[QUORUM].value, note, "more than the %u witnesses of the list", p->witnesses.n);
    p->witnesses.quorum = (uint32_t)quorum;
    return read_require(p, f[REQUIRE].value, note);
}
