/* The linters whose statements count (BR 4.3.1.2, 6.6.1). */
#include "proxy/ipc/messages.h"
#include "proxy/policy/parts.h"

enum { RELEASES_MAX = 64 };

static CS_RESULT read_version(const struct cs_yaml_node *n, struct cs_version *out, struct cs_note *note)
{
    struct cs_span text;
    CS_TRY(cs_yaml_string(n, CS_VERSION_MAX_LEN, &text, note));
    if (!cs_version_parse(text, out))
        return cs_yaml_fail(n, note, "'%.*s' is not a version; numbers with dots between them, such as 3.6.8",
                            (int)text.len, (const char *)text.at);
    return CS_OK;
}

static CS_RESULT read_time(const struct cs_yaml_node *n, int64_t absent, int64_t *out, struct cs_note *note)
{
    *out = absent;
    return n != NULL ? cs_yaml_time(n, out, note) : CS_OK;
}

static CS_RESULT read_release(struct cs_linter *l, struct cs_linter_release *out,
                              const struct cs_yaml_node *n, struct cs_note *note)
{
    enum { VERSION, RELEASED, SUPERSEDED, N };
    struct cs_yaml_field f[N] = {
        [VERSION] = { .key = "version", .required = true },
        [RELEASED] = { .key = "released" },
        [SUPERSEDED] = { .key = "superseded_at" },
    };
    struct cs_linter_release r;
    CS_TRY(cs_yaml_fields(n, f, N, note));
    CS_TRY(read_version(f[VERSION].value, &r.version, note));
    CS_TRY(read_time(f[RELEASED].value, INT64_MIN, &r.released_unix_s, note));
    CS_TRY(read_time(f[SUPERSEDED].value, INT64_MAX, &r.superseded_unix_s, note));
    if (r.superseded_unix_s <= r.released_unix_s)
        return cs_yaml_fail(f[SUPERSEDED].value, note, "not later than released");
    for (uint32_t i = 0; i < l->n_releases; i++)
        if (cs_version_cmp(&l->release[i].version, &r.version) == 0)
            return cs_yaml_fail(f[VERSION].value, note, "versions[%u] is the same version", i);
    *out = r;
    return CS_OK;
}

static CS_RESULT read_releases(struct cs_policy *p, struct cs_linter *l, const struct cs_yaml_node *n,
                               struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, RELEASES_MAX, note));
    struct cs_linter_release *release = cs_arena_get(p->arena, n->n_children * sizeof *release);
    if (release == NULL)
        return CS_ERR(NO_MEMORY);
    l->release = release;
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        CS_TRY(read_release(l, &release[l->n_releases], c, note));
        l->n_releases++;
    }
    return CS_OK;
}

static CS_RESULT read_linter(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    enum { NAME, VERSIONS, MIN_VERSION, NOT_BEFORE, NOT_AFTER, N };
    struct cs_yaml_field f[N] = {
        [NAME] = { .key = "name", .required = true }, [VERSIONS] = { .key = "versions" },
        [MIN_VERSION] = { .key = "min_version" },     [NOT_BEFORE] = { .key = "not_before" },
        [NOT_AFTER] = { .key = "not_after" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, note));
    struct cs_linter *out = &p->lint.linter[p->lint.n_linters];
    CS_TRY(cs_yaml_id(f[NAME].value, CS_POLICY_ID_MAX_LEN, &out->name, note));
    for (uint32_t i = 0; i < p->lint.n_linters; i++)
        if (cs_span_eq(p->lint.linter[i].name, out->name))
            return cs_yaml_fail(f[NAME].value, note, "linters[%u] has this name", i);
    if ((f[VERSIONS].value == NULL) == (f[MIN_VERSION].value == NULL))
        return cs_yaml_fail(n, note, "%s of versions and min_version; needed: one of them",
                            f[VERSIONS].value == NULL ? "none" : "both");
    if (f[VERSIONS].value != NULL)
        CS_TRY(read_releases(p, out, f[VERSIONS].value, note));
    else
        CS_TRY(read_version(f[MIN_VERSION].value, &out->min_version, note));
    CS_TRY(read_time(f[NOT_BEFORE].value, INT64_MIN, &out->not_before_unix_s, note));
    CS_TRY(read_time(f[NOT_AFTER].value, INT64_MAX, &out->not_after_unix_s, note));
    if (out->not_before_unix_s >= out->not_after_unix_s)
        return cs_yaml_fail(f[NOT_AFTER].value, note, "not later than not_before");
    p->lint.n_linters++;
    return CS_OK;
}

static bool signs_leaves(const struct cs_policy *p)
{
    for (uint32_t i = 0; i < p->n_issuers; i++)
        if ((p->issuer[i].purposes & CS_PURPOSE_LEAF) != 0)
            return true;
    return false;
}

CS_RESULT cs_policy_read_lint(struct cs_policy *p, const struct cs_yaml_node *root,
                              const struct cs_yaml_node *n, struct cs_note *note)
{
    if (n == NULL && signs_leaves(p))
        return cs_yaml_fail(root, note, "the key 'lint' is missing; issuers with purpose leaf need it");
    if (n == NULL)
        return CS_OK;
    struct cs_yaml_field f[] = { { .key = "linters", .required = true } };
    CS_TRY(cs_yaml_fields(n, f, 1, note));
    CS_TRY(cs_yaml_sequence(f[0].value, 1, CS_POLICY_LINTERS_MAX, note));
    for (const struct cs_yaml_node *c = f[0].value->first; c != NULL; c = c->next)
        CS_TRY(read_linter(p, c, note));
    return CS_OK;
}

const struct cs_linter *cs_policy_linter(const struct cs_policy *p, struct cs_span name)
{
    for (uint32_t i = 0; i < p->lint.n_linters; i++)
        if (cs_span_eq(p->lint.linter[i].name, name))
            return &p->lint.linter[i];
    return NULL;
}

const struct cs_linter_release *cs_linter_release_of(const struct cs_linter *l, const struct cs_version *v)
{
    for (uint32_t i = 0; i < l->n_releases; i++)
        if (cs_version_cmp(&l->release[i].version, v) == 0)
            return &l->release[i];
    return NULL;
}

int64_t cs_linter_superseded_unix_s(const struct cs_linter *l, const struct cs_linter_release *r)
{
    int64_t first = r->superseded_unix_s;
    for (uint32_t i = 0; i < l->n_releases; i++)
        if (cs_version_cmp(&l->release[i].version, &r->version) > 0 &&
            l->release[i].released_unix_s != INT64_MIN && l->release[i].released_unix_s < first)
            first = l->release[i].released_unix_s;
    return first;
}
