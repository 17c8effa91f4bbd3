#include "tests/unit/cli/house.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "client/cli/keys.h"
#include "proxy/base/io.h"

static char folder[64];

int house_enter(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/countersign-cli.XXXXXX");
    return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

int house_leave(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") != 0 || system(command) != 0 ? -1 : 0;
}

struct ran run_words(int n, const char *const *words)
{
    struct ran r = { 0 };
    FILE *out = open_memstream(&r.out, &r.out_len), *err = open_memstream(&r.err, &r.err_len);
    assert_non_null(out);
    assert_non_null(err);
    r.code = cs_cli_run(n, words, out, err);
    fclose(out);
    fclose(err);
    return r;
}

static int gather(const char *word, va_list list, const char *words[128])
{
    int n = 0;
    words[n++] = "countersign";
    for (; word != NULL; word = va_arg(list, const char *)) {
        assert_true(n < 128);
        words[n++] = word;
    }
    return n;
}

struct ran run(const char *word, ...)
{
    const char *words[128];
    va_list list;
    va_start(list, word);
    int n = gather(word, list, words);
    va_end(list);
    return run_words(n, words);
}

void ran_done(struct ran *r)
{
    free(r->out);
    free(r->err);
}

void expect(int code, const char *word, ...)
{
    const char *words[128];
    va_list list;
    va_start(list, word);
    int n = gather(word, list, words);
    va_end(list);
    struct ran r = run_words(n, words);
    if (r.code != code)
        fail_msg("exit code %d, wanted %d\n%s%s", r.code, code, r.out, r.err);
    ran_done(&r);
}

void put_file(const char *name, const char *text)
{
    assert_true(cs_ok(cs_write_file(name, cs_span_str(text), 0644, NULL)));
}

struct cs_span get_file(const char *name, struct cs_buf *out)
{
    assert_true(cs_ok(cs_read_file(name, CS_FILE_MAX_LEN, out, NULL)));
    return cs_buf_span(out);
}

static void write_pem(const char *name, int (*put)(BIO *, void *), void *what)
{
    BIO *bio = BIO_new_file(name, "w");
    assert_non_null(bio);
    assert_int_equal(put(bio, what), 1);
    BIO_free(bio);
}

static int put_x509(BIO *bio, void *x)
{
    return PEM_write_bio_X509(bio, x);
}
static int put_req(BIO *bio, void *x)
{
    return PEM_write_bio_X509_REQ(bio, x);
}
static int put_key(BIO *bio, void *key)
{
    return PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
}

static X509_EXTENSION *extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    return e;
}

void make_ca(const char *curve)
{
    EVP_PKEY *key = strcmp(curve, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(curve);
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 77);
    X509_gmtime_adj(X509_getm_notBefore(x), -86400);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400L * 3650);
    X509_NAME *n = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(n, "C", MBSTRING_UTF8, (const unsigned char *)"NL", -1, -1, 0);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)"Issuing", -1, -1, 0);
    X509_set_issuer_name(x, n);
    X509_set_pubkey(x, key);
    static const struct {
        int nid;
        const char *value;
    } rows[] = { { NID_basic_constraints, "critical,CA:TRUE" },
                 { NID_key_usage, "critical,keyCertSign,cRLSign" },
                 { NID_subject_key_identifier, "hash" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        X509_EXTENSION *e = extension(x, rows[i].nid, rows[i].value);
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    write_pem("ca.pem", put_x509, x);
    write_pem("ca.key", put_key, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

void make_csr(const char *san, bool spoil_signature)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509_REQ *req = X509_REQ_new();
    X509_REQ_set_version(req, X509_REQ_VERSION_1);
    X509_REQ_set_pubkey(req, key);
    if (san != NULL) {
        STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
        sk_X509_EXTENSION_push(all, extension(NULL, NID_subject_alt_name, san));
        assert_int_equal(X509_REQ_add_extensions(req, all), 1);
        sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
    }
    assert_true(X509_REQ_sign(req, spoil_signature ? other : key, EVP_sha256()) > 0);
    write_pem("leaf.csr", put_req, req);
    X509_REQ_free(req);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}
