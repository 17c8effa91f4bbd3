#include "proxy/daemon/tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/base/log.h"
#include "proxy/base/secret.h"
#include "proxy/daemon/sealed.h"
#include "proxy/daemon/tls_check.h"
#include "proxy/ipc/material.h"

enum { CHAIN_FILE_MAX_LEN = 256 * 1024 };

/* What one loading owns; m views it. */
struct loading {
    const struct cs_config *c;
    enum cs_tls_files_when when;
    uint32_t listener;
    struct cs_note *note;
    int64_t now_unix_s;
    STACK_OF(X509) * authorities;
    struct cs_arena arena; /* public octets */
    unsigned char *key[CS_LISTEN_MAX];
    int key_len[CS_LISTEN_MAX];
    struct cs_material m;
};

static CS_RESULT fail(const struct loading *g, const char *path, const char *what)
{
    cs_note_set(g->note, "listen[%u].tls: %.300s: %s", g->listener, path, what);
    return CS_ERR(CONFIG);
}

static CS_RESULT keep_der(struct loading *g, unsigned char *der, int len, struct cs_span *out)
{
    struct cs_span kept =
        len > 0 ? cs_arena_span(&g->arena, cs_span_of(der, (size_t)len)) : (struct cs_span){ 0 };
    OPENSSL_free(der);
    if (kept.len == 0)
        return CS_ERR(NO_MEMORY);
    *out = kept;
    return CS_OK;
}

/* ---- own certificate and key ---- */

static CS_RESULT read_chain(struct loading *g, const char *path, STACK_OF(X509) * chain)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    CS_TRY(cs_read_file(path, CHAIN_FILE_MAX_LEN, &text, g->note));
    BIO *in = BIO_new_mem_buf(text.at, (int)text.len);
    if (in == NULL)
        return CS_ERR(NO_MEMORY);
    X509 *x;
    bool kept = true;
    while (kept && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL)
        if (!(kept = sk_X509_push(chain, x) > 0))
            X509_free(x);
    unsigned long why = ERR_peek_last_error();
    ERR_clear_error();
    BIO_free(in);
    if (!kept)
        return CS_ERR(NO_MEMORY);
    if (sk_X509_num(chain) == 0 || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
        return fail(g, path, "needed: certificates in PEM, the listener's own first");
    if (sk_X509_num(chain) > CS_MATERIAL_CHAIN_MAX)
        return fail(g, path, "more than 8 certificates");
    const char *wrong = cs_tls_check_chain(chain);
    return wrong == NULL ? CS_OK : fail(g, path, wrong);
}

/* The key's file lets its owner and, to read, its group in. */
static CS_RESULT read_key(struct loading *g, const char *path, EVP_PKEY **out)
{
    CS_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail(g, path, strerror(errno));
    if (!S_ISREG(st.st_mode) || (st.st_mode & 037) != 0)
        return fail(g, path, "needed: a regular file of mode 0400, 0600 or 0640 at most");
    struct cs_secret *text;
    cs_result r = cs_secret_read_fd(fd, &text);
    if (!cs_ok(r))
        return cs_is(r, CS_NUM_IO) ? fail(g, path, "cannot be read") : fail(g, path, "empty, or too large");
    BIO *in = BIO_new_mem_buf(cs_secret_text(text), (int)cs_secret_len(text));
    /* a password callback that knows none: no prompt */
    char none[] = "";
    EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, none) : NULL;
    ERR_clear_error();
    BIO_free(in);
    cs_secret_free(text);
    if (key == NULL)
        return fail(g, path, "needed: one private key in PEM, not encrypted");
    *out = key;
    return CS_OK;
}

static CS_RESULT keep_key(struct loading *g, EVP_PKEY *key, struct cs_span *out)
{
    unsigned char **der = &g->key[g->listener];
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, der) : -1;
    PKCS8_PRIV_KEY_INFO_free(info);
    if (len <= 0)
        return CS_ERR(CRYPTO);
    g->key_len[g->listener] = len;
    *out = cs_span_of(*der, (size_t)len);
    return CS_OK;
}

static CS_RESULT load_own(struct loading *g, const struct cs_listen *l, STACK_OF(X509) * chain,
                          EVP_PKEY **key, struct cs_material_listener *out)
{
    CS_TRY(read_chain(g, l->certificate, chain));
    CS_TRY(read_key(g, l->key, key));
    const char *wrong = cs_tls_check_own(sk_X509_value(chain, 0), *key, g->now_unix_s);
    if (wrong != NULL)
        return fail(g, l->certificate, wrong);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &der);
        CS_TRY(keep_der(g, der, len, &out->chain[out->n_chain++]));
    }
    return keep_key(g, *key, &out->key);
}

/* ---- revocation lists ---- */

static CS_RESULT take_list(struct loading *g, const char *path, X509_CRL *list, uint32_t *spoken_for,
                           struct cs_material_listener *out)
{
    bool past = false;
    uint32_t authority = 0;
    const char *wrong = cs_tls_check_list(list, g->authorities, g->now_unix_s, &past, &authority);
    if (wrong == NULL && out->n_revocations == CS_MATERIAL_REVOCATIONS_MAX)
        wrong = "more than 8 lists";
    if (wrong == NULL && past && g->when == CS_TLS_FILES_RELOAD)
        wrong = "the list is past its nextUpdate";
    if (wrong != NULL)
        return fail(g, path, wrong);
    if (past)
        cs_log(CS_LOG_WARNING, "revocation-past",
               "listen[%u].tls: %s: past its nextUpdate; no TLS until there is a new one", g->listener, path);
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(list, &der);
    *spoken_for |= UINT32_C(1) << authority;
    return keep_der(g, der, len, &out->revocation[out->n_revocations++]);
}

/* The next list of a file: DER is one alone, PEM may be several. */
static X509_CRL *next_list(BIO *in, bool pem)
{
    X509_CRL *list = pem ? PEM_read_bio_X509_CRL(in, NULL, NULL, NULL) : d2i_X509_CRL_bio(in, NULL);
    return list;
}

static CS_RESULT load_file(struct loading *g, const char *path, uint32_t *spoken_for,
                           struct cs_material_listener *out)
{
    CS_AUTO_BUF struct cs_buf text = { 0 };
    CS_TRY(cs_read_file(path, CS_MATERIAL_REVOCATION_MAX_LEN, &text, g->note));
    bool pem = text.len > 0 && text.at[0] != 0x30;
    BIO *in = BIO_new_mem_buf(text.at, (int)text.len);
    if (in == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result r = CS_OK;
    uint32_t before = out->n_revocations;
    X509_CRL *list;
    while (cs_ok(r) && (list = next_list(in, pem)) != NULL) {
        r = take_list(g, path, list, spoken_for, out);
        X509_CRL_free(list);
        if (!pem)
            break;
    }
    unsigned long why = ERR_peek_last_error();
    bool whole = pem ? ERR_GET_REASON(why) == PEM_R_NO_START_LINE : BIO_pending(in) == 0;
    ERR_clear_error();
    BIO_free(in);
    if (cs_ok(r) && (out->n_revocations == before || !whole))
        return fail(g, path, "needed: a certificate revocation list, in DER or PEM");
    return r;
}

static CS_RESULT load_lists(struct loading *g, const struct cs_listen *l, struct cs_material_listener *out)
{
    uint32_t spoken_for = 0;
    for (uint32_t i = 0; i < l->n_revocation; i++)
        CS_TRY(load_file(g, l->revocation[i], &spoken_for, out));
    for (uint32_t i = 0; i < g->m.n_authorities && l->n_revocation > 0; i++)
        if ((spoken_for >> i & 1) == 0) {
            cs_note_set(
                g->note,
                "listen[%u].tls.revocation: no list by certificate %u of the policy's client_authorities",
                g->listener, i + 1);
            return CS_ERR(CONFIG);
        }
    return CS_OK;
}

/* ---- all of it ---- */

static CS_RESULT load_authorities(struct loading *g, const struct cs_policy *p)
{
    if (p->n_client_authorities == 0) {
        cs_note_set(g->note, "listen[%u].tls: the policy names no client_authorities", g->listener);
        return CS_ERR(CONFIG);
    }
    g->authorities = sk_X509_new_null();
    for (uint32_t i = 0; i < p->n_client_authorities; i++) {
        const unsigned char *at = p->client_authority[i].at;
        X509 *x = d2i_X509(NULL, &at, (long)p->client_authority[i].len);
        if (g->authorities == NULL || x == NULL || sk_X509_push(g->authorities, x) <= 0) {
            X509_free(x);
            return CS_ERR(NO_MEMORY);
        }
        g->m.authority[g->m.n_authorities++] = p->client_authority[i];
    }
    return CS_OK;
}

static CS_RESULT load_listener(struct loading *g, const struct cs_listen *l)
{
    struct cs_material_listener *out = &g->m.listener[g->m.n_listeners++];
    out->index = g->listener;
    STACK_OF(X509) *chain = sk_X509_new_null();
    EVP_PKEY *key = NULL;
    cs_result r = chain != NULL ? load_own(g, l, chain, &key, out) : CS_ERR(NO_MEMORY);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    return cs_ok(r) ? load_lists(g, l, out) : r;
}

static CS_RESULT load_all(struct loading *g, const struct cs_policy *p)
{
    for (g->listener = 0; g->listener < g->c->n_listen; g->listener++) {
        const struct cs_listen *l = &g->c->listen[g->listener];
        if (!l->tls)
            continue;
        if (g->authorities == NULL)
            CS_TRY(load_authorities(g, p));
        CS_TRY(load_listener(g, l));
    }
    return CS_OK;
}

static CS_RESULT seal(const struct loading *g, int *out_fd)
{
    struct cs_buf bytes = { .max = CS_MATERIAL_MAX_LEN };
    cs_result r = CS_OK;
    if (g->m.n_listeners > 0)
        r = cs_buf_reserve(&bytes, cs_material_put_len(&g->m)) ? cs_material_put(&bytes, &g->m)
                                                               : CS_ERR(LIMIT);
    if (cs_ok(r))
        r = cs_sealed_copy("tls-material", cs_buf_span(&bytes), out_fd, g->note);
    if (bytes.at != NULL)
        cs_wipe(bytes.at, bytes.len);
    cs_buf_done(&bytes);
    return r;
}

CS_RESULT cs_tls_files_open(const struct cs_config *c, const struct cs_policy *p, enum cs_tls_files_when when,
                            int *out_fd, struct cs_note *note)
{
    struct cs_note inner = { "" };
    struct loading g = { .c = c, .when = when, .note = &inner, .now_unix_s = cs_clock_unix_s() };
    cs_result r = load_all(&g, p);
    if (cs_ok(r))
        r = seal(&g, out_fd);
    for (uint32_t i = 0; i < CS_LISTEN_MAX; i++)
        OPENSSL_clear_free(g.key[i], (size_t)g.key_len[i]);
    sk_X509_pop_free(g.authorities, X509_free);
    cs_arena_done(&g.arena);
    if (!cs_ok(r))
        cs_note_set(note, "%s", inner.text[0] != '\0' ? inner.text : cs_result_text(r));
    return r;
}

void cs_tls_files_stamp(const struct cs_config *c, struct cs_tls_stamps *out)
{
    memset(out, 0, sizeof *out); /* compared whole, padding too */
    for (uint32_t i = 0; i < c->n_listen; i++)
        for (uint32_t k = 0; k < c->listen[i].n_revocation; k++) {
            struct stat st;
            if (stat(c->listen[i].revocation[k], &st) != 0)
                continue; /* gone: reading it says so */
            out->file[i][k].device = st.st_dev;
            out->file[i][k].inode = st.st_ino;
            out->file[i][k].size = st.st_size;
            out->file[i][k].changed = st.st_mtim;
        }
}

bool cs_tls_files_any(const struct cs_config *c)
{
    for (uint32_t i = 0; i < c->n_listen; i++)
        if (c->listen[i].tls)
            return true;
    return false;
}
