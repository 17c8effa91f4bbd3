/* The canary's material: a key that nobody has, and the statements that attesters make for it, once. */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/canary.h"
#include "client/cli/envelope_file.h"
#include "client/cli/keys.h"
#include "proxy/base/io.h"

const struct cs_option cs_options_canary_prepare[] = {
    { "config", "FILE", "as of 'canary'; its folder of material is filled", CS_OPT_REQUIRED },
    { "order", "FILE", "live order for canary.csr", CS_OPT_VALUE },
    { "approval", "FILE", "live approval of that order", CS_OPT_VALUE },
    { "expired", "FILE", "evidence of control of the name that is expired", CS_OPT_VALUE },
    { "other-account", "FILE", "live evidence of control of the name, of another account", CS_OPT_VALUE },
    { "other-audience", "FILE", "live evidence of control of the name, for another deployment",
      CS_OPT_VALUE },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

struct preparing {
    struct cs_cli *cli;
    const struct cs_args *args;
    struct cs_canary_config *config;
    struct cs_canary_material *material;
    struct cs_arena arena;
    struct cs_note note;
};

static CS_RESULT put_request(EVP_PKEY *key, const char *name, struct cs_buf *out)
{
    CS_AUTO_REQ X509_REQ *req = X509_REQ_new();
    BIO *pem = BIO_new(BIO_s_mem());
    char *at = NULL, san[300];
    int san_len = snprintf(san, sizeof san, "DNS:%s", name);
    STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *names = san_len > 0 && (size_t)san_len < sizeof san
                                ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san)
                                : NULL;
    bool made = req != NULL && pem != NULL && all != NULL && names != NULL &&
                sk_X509_EXTENSION_push(all, names) > 0 && X509_REQ_set_pubkey(req, key) == 1 &&
                X509_REQ_add_extensions(req, all) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0 &&
                PEM_write_bio_X509_REQ(pem, req) == 1;
    if (made) {
        long len = BIO_get_mem_data(pem, &at);
        cs_buf_put(out, at, (size_t)len);
    }
    X509_EXTENSION_free(names);
    sk_X509_EXTENSION_free(all);
    BIO_free(pem);
    return made ? cs_buf_end(out) : CS_ERR(CRYPTO);
}

/* The private half signs the request and is gone: no order for this key ever serves anybody. */
static CS_RESULT make_key(struct preparing *p)
{
    CS_AUTO_PKEY EVP_PKEY *key = NULL;
    CS_AUTO_BUF struct cs_buf spki = { 0 };
    CS_AUTO_BUF struct cs_buf csr = { 0 };
    struct cs_arena *a = &p->arena;
    if (mkdir(p->config->material, 0755) != 0 && errno != EEXIST) {
        cs_note_set(&p->note, "%s: %s", p->config->material, strerror(errno));
        return CS_ERR(IO);
    }
    if (p->material->spki.len != 0)
        return CS_OK;
    key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (key == NULL)
        return CS_ERR(CRYPTO);
    CS_TRY(cs_spki_of_key(key, &spki));
    CS_TRY(put_request(key, p->config->name, &csr));
    CS_TRY(cs_write_file(cs_canary_material_path(p->config, "canary.csr", a), cs_buf_span(&csr), 0644,
                         &p->note));
    CS_TRY(cs_write_file(cs_canary_material_path(p->config, "canary.spki", a), cs_buf_span(&spki), 0644,
                         &p->note));
    cs_canary_material_done(p->material);
    return cs_canary_material_load(p->config, p->material, &p->note);
}

static CS_RESULT take_file(struct preparing *p, enum cs_canary_file file)
{
    const char *name = cs_canary_file_name(file), *path = cs_arg_get(p->args, name), *fault = NULL;
    CS_AUTO_BUF struct cs_buf envelope = { 0 };
    struct cs_note note = { 0 };
    int64_t until_unix_s;
    if (path == NULL)
        return CS_OK;
    cs_result r = cs_envelope_read(path, &envelope, &note);
    if (!cs_ok(r)) {
        cs_note_set(&p->note, "--%s %s", name, note.text);
        return r;
    }
    CS_TRY(cs_canary_material_check(p->config, p->material, file, cs_buf_span(&envelope), &p->arena, &fault,
                                    &until_unix_s));
    if (fault != NULL) {
        cs_note_set(&p->note, "--%s %s: %s", name, path, fault);
        return CS_ERR(ARGUMENT);
    }
    const char *to =
        cs_canary_material_path(p->config, cs_arena_printf(&p->arena, "%s.dsse", name), &p->arena);
    CS_TRY(cs_write_file(to, cs_buf_span(&envelope), 0644, &p->note));
    cs_canary_material_done(p->material); /* the next file may have to fit this one */
    return cs_canary_material_load(p->config, p->material, &p->note);
}

static int print(struct preparing *p)
{
    bool as_json = cs_arg_has(p->args, "json");
    json_t *all = json_object();
    for (unsigned f = 0; f < CS_CANARY_FILES; f++) {
        const char *name = cs_canary_file_name((enum cs_canary_file)f), *fault = p->material->fault[f];
        int64_t until = p->material->good_until_unix_s[f];
        json_t *row = json_pack("{s:b}", "there", fault == NULL);
        if (fault != NULL)
            json_object_set_new(row, "fault", json_string(fault));
        else if (until != 0)
            json_object_set_new(row, "good_until", cs_cli_time(until));
        if (!as_json && fault != NULL)
            fprintf(p->cli->out, "%-16s %s\n", name, fault);
        else if (!as_json)
            fprintf(p->cli->out, "%-16s there%s%s\n", name, until != 0 ? ", good until " : "",
                    until != 0 ? json_string_value(json_object_get(row, "good_until")) : "");
        json_object_set_new(all, name, row);
    }
    if (as_json)
        return cs_cli_json(p->cli, all, CS_EXIT_DONE);
    json_decref(all);
    return CS_EXIT_DONE;
}

static CS_RESULT prepare(struct preparing *p)
{
    CS_TRY(cs_canary_config_load(cs_arg_get(p->args, "config"), p->config, &p->note));
    if (p->config->material == NULL) {
        cs_note_set(&p->note, "%s: needs material, the folder to fill", cs_arg_get(p->args, "config"));
        return CS_ERR(CONFIG);
    }
    CS_TRY(cs_canary_material_load(p->config, p->material, &p->note));
    CS_TRY(make_key(p));
    for (unsigned f = 0; f < CS_CANARY_FILES; f++)
        CS_TRY(take_file(p, (enum cs_canary_file)f));
    return CS_OK;
}

int cs_cmd_canary_prepare(struct cs_cli *cli, const struct cs_args *args)
{
    struct cs_canary_material material = { 0 };
    struct preparing p = { .cli = cli, .args = args, .material = &material };
    p.config = calloc(1, sizeof *p.config);
    if (p.config == NULL)
        return cs_cli_fail(cli, CS_EXIT_UNREACHABLE, "out of memory");
    cs_result r = prepare(&p);
    int code = cs_ok(r) ? print(&p)
                        : cs_cli_usage(cli, "%s", p.note.text[0] != '\0' ? p.note.text : cs_result_text(r));
    cs_arena_done(&p.arena);
    cs_canary_material_done(&material);
    cs_canary_config_done(p.config);
    free(p.config);
    return code;
}
