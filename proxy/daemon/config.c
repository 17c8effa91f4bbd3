#include "proxy/daemon/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/io.h"
#include "proxy/daemon/config_parts.h"
#include "proxy/ipc/keytable.h"

enum { PATH_TEXT_MAX_LEN = CS_MODULE_PATH_MAX_LEN - 1, NAME_MAX_LEN = 64, ENVIRONMENT_VALUE_MAX_LEN = 4096 };

CS_RESULT cs_config_keep(struct cs_config_reading *r, struct cs_span text, const char **out)
{
    *out = cs_arena_copy(&r->c->arena, text);
    return *out != NULL ? CS_OK : CS_ERR(NO_MEMORY);
}

CS_RESULT cs_config_path(struct cs_config_reading *r, const struct cs_yaml_node *n, const char **out)
{
    struct cs_span text;
    CS_TRY(cs_yaml_string(n, PATH_TEXT_MAX_LEN, &text, r->note));
    if (text.at[0] == '/')
        return cs_config_keep(r, text, out);
    *out = cs_arena_printf(&r->c->arena, "%s/%.*s", r->dir, (int)text.len, (const char *)text.at);
    if (strlen(*out) > PATH_TEXT_MAX_LEN)
        return cs_yaml_fail(n, r->note, "the path has %zu bytes; at most %d", strlen(*out),
                            PATH_TEXT_MAX_LEN);
    return **out != '\0' ? CS_OK : CS_ERR(NO_MEMORY);
}

static bool environment_name(struct cs_span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (!((c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
            return false;
    }
    return name.len < 3 || memcmp(name.at, "LD_", 3) != 0; /* the loader's words choose other code */
}

static CS_RESULT read_environment(struct cs_config_reading *r, const struct cs_yaml_node *n)
{
    if (n->kind != CS_YAML_MAP || n->n_children > CS_TOKEN_ENVIRONMENT_MAX)
        return cs_yaml_fail(n, r->note, "needed: a map of at most %d variables", CS_TOKEN_ENVIRONMENT_MAX);
    uint32_t i = 0;
    for (const struct cs_yaml_node *e = n->first; e != NULL; e = e->next) {
        struct cs_span value;
        CS_TRY(cs_yaml_string(e, ENVIRONMENT_VALUE_MAX_LEN, &value, r->note));
        if (!environment_name(e->key))
            return cs_yaml_fail(e, r->note,
                                "not a name this may set; capitals, digits and _, and not LD_...");
        const char *text = cs_arena_printf(&r->c->arena, "%.*s=%.*s", (int)e->key.len,
                                           (const char *)e->key.at, (int)value.len, (const char *)value.at);
        if (*text == '\0')
            return CS_ERR(NO_MEMORY);
        r->c->token_environment[i++] = text;
    }
    return CS_OK;
}

static CS_RESULT read_credential(struct cs_config_reading *r, const struct cs_yaml_node *n, const char **out)
{
    struct cs_span name;
    CS_TRY(cs_yaml_id(n, NAME_MAX_LEN, &name, r->note));
    if (memchr(name.at, '/', name.len) != NULL)
        return cs_yaml_fail(n, r->note, "a credential is named without '/'");
    return cs_config_keep(r, name, out);
}

static CS_RESULT read_token(struct cs_config_reading *r, const struct cs_yaml_node *n)
{
    enum { MODULE, PIN_FILE, CREDENTIAL, ENVIRONMENT, N };
    struct cs_yaml_field f[N] = {
        [MODULE] = { .key = "module", .required = true },
        [PIN_FILE] = { .key = "pin_file" },
        [CREDENTIAL] = { .key = "credential" },
        [ENVIRONMENT] = { .key = "environment" },
    };
    CS_TRY(cs_yaml_fields(n, f, N, r->note));
    CS_TRY(cs_config_path(r, f[MODULE].value, &r->c->module));
    if ((f[PIN_FILE].value == NULL) == (f[CREDENTIAL].value == NULL))
        return cs_yaml_fail(n, r->note, "needed: either pin_file or credential");
    if (f[PIN_FILE].value != NULL)
        CS_TRY(cs_config_path(r, f[PIN_FILE].value, &r->c->pin_file));
    if (f[CREDENTIAL].value != NULL)
        CS_TRY(read_credential(r, f[CREDENTIAL].value, &r->c->credential));
    return f[ENVIRONMENT].value != NULL ? read_environment(r, f[ENVIRONMENT].value) : CS_OK;
}

static CS_RESULT read_users(struct cs_config_reading *r, const struct cs_yaml_node *n)
{
    struct cs_yaml_field f[] = { { .key = "front", .required = true },
                                 { .key = "gate", .required = true },
                                 { .key = "signer", .required = true },
                                 { .key = "courier" } };
    const char **const out[] = { &r->c->front_user, &r->c->gate_user, &r->c->signer_user,
                                 &r->c->courier_user };
    CS_TRY(cs_yaml_fields(n, f, 4, r->note));
    for (size_t i = 0; i < 4; i++) {
        struct cs_span name;
        if (f[i].value == NULL)
            continue;
        CS_TRY(cs_yaml_id(f[i].value, NAME_MAX_LEN, &name, r->note));
        CS_TRY(cs_config_keep(r, name, out[i]));
    }
    return CS_OK;
}

static CS_RESULT read_document(struct cs_config_reading *r, struct cs_span document)
{
    const struct cs_yaml_node *root;
    CS_TRY(cs_yaml_read(document, CS_CONFIG_MAX_LEN, &r->c->arena, &root, r->note));
    enum {
        POLICY,
        LISTEN,
        LEDGER,
        WITNESS,
        SIGNERS,
        TOKEN,
        LIBEXEC,
        USERS,
        METRICS,
        LEDGER_KEY,
        KEY_CREDENTIAL,
        N
    };
    struct cs_yaml_field f[N] = {
        [POLICY] = { .key = "policy", .required = true },
        [LISTEN] = { .key = "listen", .required = true },
        [LEDGER] = { .key = "ledger", .required = true },
        [WITNESS] = { .key = "witness_dir", .required = true },
        [SIGNERS] = { .key = "signers", .required = true },
        [TOKEN] = { .key = "token", .required = true },
        [LIBEXEC] = { .key = "libexec" },
        [USERS] = { .key = "users" },
        [METRICS] = { .key = "metrics" },
        [LEDGER_KEY] = { .key = "ledger_key" },
        [KEY_CREDENTIAL] = { .key = "ledger_key_credential" },
    };
    CS_TRY(cs_yaml_fields(root, f, N, r->note));
    CS_TRY(cs_config_path(r, f[POLICY].value, &r->c->policy));
    CS_TRY(cs_config_read_listen(r, f[LISTEN].value));
    if (f[METRICS].value != NULL)
        CS_TRY(cs_config_read_metrics(r, f[METRICS].value));
    CS_TRY(cs_config_path(r, f[LEDGER].value, &r->c->ledger));
    CS_TRY(cs_config_path(r, f[WITNESS].value, &r->c->witness_dir));
    if (f[LEDGER_KEY].value != NULL && f[KEY_CREDENTIAL].value != NULL)
        return cs_yaml_fail(f[KEY_CREDENTIAL].value, r->note,
                            "ledger_key stands there too; needed: one of them");
    if (f[LEDGER_KEY].value != NULL)
        CS_TRY(cs_config_path(r, f[LEDGER_KEY].value, &r->c->ledger_key));
    if (f[KEY_CREDENTIAL].value != NULL)
        CS_TRY(read_credential(r, f[KEY_CREDENTIAL].value, &r->c->ledger_key_credential));
    uint64_t n_signers;
    CS_TRY(cs_yaml_u64(f[SIGNERS].value, 1, CS_SIGNERS_MAX, &n_signers, r->note));
    r->c->n_signers = (uint32_t)n_signers;
    CS_TRY(read_token(r, f[TOKEN].value));
    if (f[LIBEXEC].value != NULL)
        CS_TRY(cs_config_path(r, f[LIBEXEC].value, &r->c->libexec));
    return f[USERS].value != NULL ? read_users(r, f[USERS].value) : CS_OK;
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

CS_RESULT cs_config_load(const char *path, struct cs_config *out, struct cs_note *note)
{
    CS_AUTO_BUF struct cs_buf document = { 0 };
    CS_TRY(cs_read_file(path, CS_CONFIG_MAX_LEN, &document, note));
    char dir[PATH_MAX];
    cs_result found = directory_of(path, dir);
    if (!cs_ok(found)) {
        cs_note_set(note, "%s: its directory cannot be resolved", path);
        return found;
    }
    struct cs_config c = { 0 };
    struct cs_note inner = { "" };
    struct cs_config_reading r = { &c, dir, &inner };
    cs_result result = read_document(&r, cs_buf_span(&document));
    if (cs_ok(result)) {
        *out = c;
        return CS_OK;
    }
    cs_note_set(note, "%s: %s", path, inner.text[0] != '\0' ? inner.text : cs_result_text(result));
    cs_config_done(&c);
    return result;
}

void cs_config_done(struct cs_config *c)
{
    cs_arena_done(&c->arena);
    *c = (struct cs_config){ 0 };
}
