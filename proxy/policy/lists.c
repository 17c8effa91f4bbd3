/* Where the gate's lists stand: how old they may be, and in words what is accepted instead. */
#include "proxy/policy/parts.h"

#include "proxy/ipc/messages.h"

enum { MAX_AGE_DAYS = 366, SENTENCE_MAX_LEN = 400, SENTENCE_MIN_WORDS = 3, DAY_S = 86400 };

static CS_RESULT read_path(struct cs_policy *p, const struct cs_yaml_node *n, const char **out,
                           struct cs_note *note)
{
    struct cs_span path;
    CS_TRY(cs_yaml_string(n, CS_LIST_PATH_MAX_LEN, &path, note));
    if (path.at[0] != '/')
        return cs_yaml_fail(n, note, "a list is named by its absolute path");
    *out = cs_arena_copy(p->arena, path);
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

/* What departs from the rule is said by somebody, in words that the log and the ledger repeat. */
static CS_RESULT read_sentence(struct cs_policy *p, const struct cs_yaml_node *n, const char **out,
                               struct cs_note *note)
{
    struct cs_span text;
    CS_TRY(cs_yaml_string(n, SENTENCE_MAX_LEN, &text, note));
    unsigned words = 0;
    for (size_t i = 0; i < text.len; i++)
        words += text.at[i] != ' ' && (i == 0 || text.at[i - 1] == ' ');
    if (words < SENTENCE_MIN_WORDS)
        return cs_yaml_fail(n, note, "a sentence is needed: what is accepted, why, and who decided so");
    *out = cs_arena_copy(p->arena, text);
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

/* A list that ages: path and max_age_days are required. */
static CS_RESULT read_aging(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_list_source *out,
                            struct cs_note *note)
{
    enum { PATH, AGE, STALE, N };
    struct cs_yaml_field f[N] = {
        [PATH] = { .key = "path", .required = true },
        [AGE] = { .key = "max_age_days", .required = true },
        [STALE] = { .key = "accept_stale" },
    };
    uint64_t days;
    CS_TRY(cs_yaml_fields(n, f, N, note));
    CS_TRY(read_path(p, f[PATH].value, &out->path, note));
    CS_TRY(cs_yaml_u64(f[AGE].value, 1, MAX_AGE_DAYS, &days, note));
    out->max_age_s = (uint32_t)days * DAY_S;
    return f[STALE].value != NULL ? read_sentence(p, f[STALE].value, &out->accept_stale, note) : CS_OK;
}

/* A list of keys: a path, or in words why there is none. */
static CS_RESULT read_keys(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_list_source *out,
                           struct cs_note *note)
{
    enum { PATH, MISSING, N };
    struct cs_yaml_field f[N] = { [PATH] = { .key = "path" }, [MISSING] = { .key = "accept_missing" } };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    if (f[PATH].value == NULL && f[MISSING].value == NULL)
        return cs_yaml_fail(n, note, "needed: a path, or accept_missing with a sentence");
    if (f[PATH].value != NULL)
        CS_TRY(read_path(p, f[PATH].value, &out->path, note));
    if (f[MISSING].value != NULL)
        CS_TRY(read_sentence(p, f[MISSING].value, &out->accept_missing, note));
    return CS_OK;
}

CS_RESULT cs_policy_read_lists(struct cs_policy *p, const struct cs_yaml_node *root,
                               const struct cs_yaml_node *n, struct cs_note *note)
{
    bool leaf = false;
    for (uint32_t i = 0; i < p->n_issuers; i++)
        leaf = leaf || (p->issuer[i].purposes & CS_PURPOSE_LEAF) != 0;
    if (n == NULL)
        return leaf ? cs_yaml_fail(root, note,
                                   "the key 'lists' is missing; an issuer with purpose leaf needs it")
                    : CS_OK;
    enum { SUFFIX, TLD, WEAK, COMPROMISED, N };
    struct cs_yaml_field f[N] = {
        [SUFFIX] = { .key = "public_suffix", .required = true },
        [TLD] = { .key = "tld" },
        [WEAK] = { .key = "debian_weak_keys", .required = true },
        [COMPROMISED] = { .key = "compromised_keys", .required = true },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_lists_config *l = &p->lists;
    CS_TRY(read_aging(p, f[SUFFIX].value, &l->public_suffix, note));
    if (f[TLD].value != NULL)
        CS_TRY(read_aging(p, f[TLD].value, &l->tld, note));
    CS_TRY(read_keys(p, f[WEAK].value, &l->debian_weak_keys, note));
    return read_keys(p, f[COMPROMISED].value, &l->compromised_keys, note);
}
