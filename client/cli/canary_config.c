#include <limits.h>
#include <stdlib.h>

#include "client/cli/canary.h"
#include "proxy/base/io.h"
#include "proxy/policy/yaml.h"

enum { TEXT_MAX_LEN = 1024, NAME_MAX_LEN = 128, TIMEOUT_DEFAULT_S = 10, TIMEOUT_MAX_S = 300 };

struct reading {
    struct cs_canary_config *c;
    const char *dir;
    struct cs_note *note;
};

static CS_RESULT keep(struct reading *r, struct cs_span text, const char **out)
{
    *out = cs_arena_copy(&r->c->arena, text);
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT text_of(struct reading *r, const struct cs_yaml_node *n, const char **out)
{
    struct cs_span text;
    CS_TRY(cs_yaml_string(n, TEXT_MAX_LEN, &text, r->note));
    return keep(r, text, out);
}

static CS_RESULT id_of(struct reading *r, const struct cs_yaml_node *n, const char **out)
{
    struct cs_span text;
    CS_TRY(cs_yaml_id(n, NAME_MAX_LEN, &text, r->note));
    return keep(r, text, out);
}

static CS_RESULT below(struct reading *r, const char *path, const char **out)
{
    *out = path[0] == '/' ? path : cs_arena_printf(&r->c->arena, "%s/%s", r->dir, path);
    return **out != '\0' ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT path_of(struct reading *r, const struct cs_yaml_node *n, const char **out)
{
    const char *text;
    CS_TRY(text_of(r, n, &text));
    return below(r, text, out);
}

/* ---- peers ---- */

enum peer_key { CONNECT, TLS_CA, TLS_CERTIFICATE, TLS_KEY, TLS_NAME, UID, GID, PEER_KEYS };
#define PEER_FIELDS                                                                     \
    [CONNECT] = { .key = "connect", .required = true }, [TLS_CA] = { .key = "tls_ca" }, \
    [TLS_CERTIFICATE] = { .key = "tls_certificate" }, [TLS_KEY] = { .key = "tls_key" }, \
    [TLS_NAME] = { .key = "tls_name" }, [UID] = { .key = "uid" }, [GID] = { .key = "gid" }

static CS_RESULT read_address(struct reading *r, const struct cs_yaml_node *n, const char **out)
{
    static const char unix_prefix[] = "unix:";
    const char *text, *path;
    CS_TRY(text_of(r, n, &text));
    if (strncmp(text, "tls:", 4) == 0) {
        *out = text;
        return CS_OK;
    }
    if (strncmp(text, unix_prefix, strlen(unix_prefix)) != 0)
        return cs_yaml_fail(n, r->note, "'%.100s' is no address; unix:PATH or tls:HOST:PORT", text);
    CS_TRY(below(r, text + strlen(unix_prefix), &path));
    *out = cs_arena_printf(&r->c->arena, "unix:%s", path);
    return **out != '\0' ? CS_OK : CS_ERR(NO_MEMORY);
}

static CS_RESULT read_number(struct reading *r, const struct cs_yaml_node *n, bool *has, uint32_t *out)
{
    uint64_t number;
    if (n == NULL)
        return CS_OK;
    CS_TRY(cs_yaml_u64(n, 0, UINT32_MAX - 1, &number, r->note)); /* the last one means "unchanged" */
    *has = true;
    *out = (uint32_t)number;
    return CS_OK;
}

static CS_RESULT read_peer(struct reading *r, const struct cs_yaml_field *f, struct cs_canary_peer *out)
{
    CS_TRY(read_address(r, f[CONNECT].value, &out->address));
    bool tls = strncmp(out->address, "tls:", 4) == 0;
    const char **const to[] = {
        [TLS_CA] = &out->tls_ca, [TLS_CERTIFICATE] = &out->tls_certificate, [TLS_KEY] = &out->tls_key
    };
    for (size_t k = TLS_CA; k <= TLS_KEY; k++) {
        if (tls != (f[k].value != NULL))
            return cs_yaml_fail(tls ? f[CONNECT].value : f[k].value, r->note,
                                tls ? "needs tls_ca, tls_certificate and tls_key beside it"
                                    : "only for connect: tls:HOST:PORT");
        if (tls)
            CS_TRY(path_of(r, f[k].value, to[k]));
    }
    if (f[TLS_NAME].value != NULL)
        CS_TRY(text_of(r, f[TLS_NAME].value, &out->tls_name));
    CS_TRY(read_number(r, f[UID].value, &out->has_uid, &out->uid));
    return read_number(r, f[GID].value, &out->has_gid, &out->gid);
}

/* ---- sections ---- */

static CS_RESULT read_switch(struct reading *r, const struct cs_yaml_node *n, bool *out)
{
    return n != NULL ? cs_yaml_bool(n, out, r->note) : CS_OK;
}

static CS_RESULT read_client(struct reading *r, const struct cs_yaml_node *n)
{
    enum { NAME = PEER_KEYS, STRANGER, SIGNS, BY_DIGEST, N };
    struct cs_yaml_field f[N] = {
        PEER_FIELDS, [NAME] = { .key = "name", .required = true }, [STRANGER] = { .key = "stranger" },
        [SIGNS] = { .key = "signs" }, [BY_DIGEST] = { .key = "by_digest" }
    };
    struct cs_canary_client *c = &r->c->client[r->c->n_clients];
    *c = (struct cs_canary_client){ .signs = true, .by_digest = true };
    CS_TRY(cs_yaml_fields(n, f, N, r->note));
    CS_TRY(id_of(r, f[NAME].value, &c->name));
    for (uint32_t i = 0; i < r->c->n_clients; i++)
        if (strcmp(r->c->client[i].name, c->name) == 0)
            return cs_yaml_fail(f[NAME].value, r->note, "'%s' stands twice", c->name);
    CS_TRY(read_switch(r, f[STRANGER].value, &c->stranger));
    CS_TRY(read_switch(r, f[SIGNS].value, &c->signs));
    CS_TRY(read_switch(r, f[BY_DIGEST].value, &c->by_digest));
    CS_TRY(read_peer(r, f, &c->peer));
    r->c->n_clients++;
    return CS_OK;
}

static CS_RESULT read_issuer(struct reading *r, const struct cs_yaml_node *n)
{
    struct cs_yaml_field f[] = { { .key = "id", .required = true },
                                 { .key = "certificate", .required = true },
                                 { .key = "algorithm", .required = true } };
    struct cs_canary_issuer *i = &r->c->issuer[r->c->n_issuers];
    struct cs_span name;
    CS_TRY(cs_yaml_fields(n, f, 3, r->note));
    CS_TRY(id_of(r, f[0].value, &i->id));
    CS_TRY(path_of(r, f[1].value, &i->certificate));
    CS_TRY(cs_yaml_id(f[2].value, NAME_MAX_LEN, &name, r->note));
    i->algorithm = cs_algorithm_of_name(name);
    if (i->algorithm == CS_ALG_NONE)
        return cs_yaml_fail(f[2].value, r->note, "no algorithm; for instance ecdsa-sha256 or rsa-sha256");
    r->c->n_issuers++;
    return CS_OK;
}

static CS_RESULT read_cases(struct reading *r, const struct cs_yaml_node *n)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_CANARY_CASES_COUNT, r->note));
    memset(r->c->wanted, 0, sizeof r->c->wanted);
    for (const struct cs_yaml_node *e = n->first; e != NULL; e = e->next) {
        struct cs_span name;
        unsigned i = 0;
        CS_TRY(cs_yaml_id(e, NAME_MAX_LEN, &name, r->note));
        while (i < CS_CANARY_CASES_COUNT && !cs_span_is(name, cs_canary_case_name((enum cs_canary_case)i)))
            i++;
        if (i == CS_CANARY_CASES_COUNT || r->c->wanted[i])
            return cs_yaml_fail(e, r->note, "'%.*s' is no case, or stands twice", (int)name.len,
                                (const char *)name.at);
        r->c->wanted[i] = true;
    }
    return CS_OK;
}

static CS_RESULT read_hold(struct reading *r, const struct cs_yaml_node *n)
{
    enum { KEY = PEER_KEYS, OPERATOR, STOP, N };
    struct cs_yaml_field f[N] = {
        PEER_FIELDS, [KEY] = { .key = "key", .required = true },
        [OPERATOR] = { .key = "operator", .required = true }, [STOP] = { .key = "stop", .required = true }
    };
    struct cs_span stop;
    CS_TRY(cs_yaml_fields(n, f, N, r->note));
    CS_TRY(path_of(r, f[KEY].value, &r->c->hold_key));
    CS_TRY(id_of(r, f[OPERATOR].value, &r->c->hold_operator));
    CS_TRY(cs_yaml_id(f[STOP].value, NAME_MAX_LEN, &stop, r->note));
    r->c->hold_everything = cs_span_is(stop, "everything");
    if (!r->c->hold_everything && !cs_span_is(stop, "client"))
        return cs_yaml_fail(f[STOP].value, r->note, "needs client or everything");
    r->c->holds = true;
    return read_peer(r, f, &r->c->hold_peer);
}

typedef CS_RESULT read_element(struct reading *r, const struct cs_yaml_node *n);
static CS_RESULT read_list(struct reading *r, const struct cs_yaml_node *n, uint32_t max,
                           read_element *element)
{
    CS_TRY(cs_yaml_sequence(n, 1, max, r->note));
    for (const struct cs_yaml_node *e = n->first; e != NULL; e = e->next)
        CS_TRY(element(r, e));
    return CS_OK;
}

static CS_RESULT read_document(struct reading *r, struct cs_span document)
{
    enum {
        AUDIENCE,
        NAME,
        ACCOUNT,
        MATERIAL,
        CLIENTS,
        ISSUERS,
        CASES,
        ISSUER_URL,
        OCSP_URL,
        CRL_URL,
        HOLD,
        TIMEOUT,
        N
    };
    struct cs_yaml_field f[N] = {
        [AUDIENCE] = { .key = "audience", .required = true },
        [NAME] = { .key = "name", .required = true },
        [ACCOUNT] = { .key = "account", .required = true },
        [MATERIAL] = { .key = "material" },
        [CLIENTS] = { .key = "clients", .required = true },
        [ISSUERS] = { .key = "issuers" },
        [CASES] = { .key = "cases" },
        [ISSUER_URL] = { .key = "issuer_url", .required = true },
        [OCSP_URL] = { .key = "ocsp_url" },
        [CRL_URL] = { .key = "crl_url" },
        [HOLD] = { .key = "hold" },
        [TIMEOUT] = { .key = "timeout_s" },
    };
    const struct cs_yaml_node *root;
    uint64_t timeout_s = TIMEOUT_DEFAULT_S;
    CS_TRY(cs_yaml_read(document, CS_CANARY_CONFIG_MAX_LEN, &r->c->arena, &root, r->note));
    CS_TRY(cs_yaml_fields(root, f, N, r->note));
    CS_TRY(id_of(r, f[AUDIENCE].value, &r->c->audience));
    CS_TRY(id_of(r, f[NAME].value, &r->c->name));
    CS_TRY(text_of(r, f[ACCOUNT].value, &r->c->account));
    if (f[MATERIAL].value != NULL)
        CS_TRY(path_of(r, f[MATERIAL].value, &r->c->material));
    for (size_t i = 0; i < CS_CANARY_CASES_COUNT; i++)
        r->c->wanted[i] = true;
    if (f[CASES].value != NULL)
        CS_TRY(read_cases(r, f[CASES].value));
    CS_TRY(text_of(r, f[ISSUER_URL].value, &r->c->issuer_url));
    if (f[OCSP_URL].value != NULL)
        CS_TRY(text_of(r, f[OCSP_URL].value, &r->c->ocsp_url));
    if (f[CRL_URL].value != NULL)
        CS_TRY(text_of(r, f[CRL_URL].value, &r->c->crl_url));
    if (f[TIMEOUT].value != NULL)
        CS_TRY(cs_yaml_u64(f[TIMEOUT].value, 1, TIMEOUT_MAX_S, &timeout_s, r->note));
    r->c->timeout_ms = (uint32_t)timeout_s * 1000;
    CS_TRY(read_list(r, f[CLIENTS].value, CS_CANARY_CLIENTS_MAX, read_client));
    if (f[ISSUERS].value != NULL)
        CS_TRY(read_list(r, f[ISSUERS].value, CS_CANARY_ISSUERS_MAX, read_issuer));
    return f[HOLD].value != NULL ? read_hold(r, f[HOLD].value) : CS_OK;
}

static CS_RESULT directory_of(const char *path, char out[PATH_MAX])
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return CS_ERR(LIMIT);
    char *slash = strrchr(copy, '/');
    if (slash != NULL)
        *(slash == copy ? slash + 1 : slash) = '\0';
    return realpath(slash != NULL ? copy : ".", out) != NULL ? CS_OK : CS_ERR(IO);
}

CS_RESULT cs_canary_config_load(const char *path, struct cs_canary_config *out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf document = { 0 };
    char dir[PATH_MAX];
    struct cs_note inner = { "" };
    CS_TRY(cs_read_file(path, CS_CANARY_CONFIG_MAX_LEN, &document, note));
    cs_result result = directory_of(path, dir);
    if (!cs_ok(result)) {
        cs_note_set(note, "%s: its folder cannot be resolved", path);
        return result;
    }
    struct cs_canary_config *c = calloc(1, sizeof *c);
    if (c == NULL)
        return CS_ERR(NO_MEMORY);
    struct reading r = { c, dir, &inner };
    result = read_document(&r, cs_buf_span(&document));
    if (cs_ok(result)) {
        *out = *c;
    } else {
        cs_note_set(note, "%s: %s", path, inner.text[0] != '\0' ? inner.text : cs_result_text(result));
        cs_canary_config_done(c);
    }
    free(c);
    return result;
}

void cs_canary_config_done(struct cs_canary_config *c)
{
    cs_arena_done(&c->arena);
    *c = (struct cs_canary_config){ 0 };
}
