#include <stdlib.h>
#include <openssl/err.h>

#include "client/cli/attest.h"
#include "client/cli/keys.h"
#include "client/cli/names.h"
#include "client/cli/tbs_file.h"

static CS_RESULT put_digest(struct cs_attest *a, const char *member, struct cs_span bytes)
{
    struct cs_sha256 digest = cs_sha256(bytes);
    return cs_attest_put(a->body, member, cs_cli_hex(cs_sha256_span(&digest)));
}

/* Names of the file, unless flags or --from name any. */
static CS_RESULT put_names(struct cs_attest *a, const STACK_OF(X509_EXTENSION) * extensions)
{
    if (json_object_get(a->body, "dns_names") != NULL || json_object_get(a->body, "ip_addresses") != NULL)
        return CS_OK;
    json_t *dns = json_array(), *ip = json_array();
    cs_result r = cs_names_of_extensions(extensions, dns, ip, &a->note);
    if (cs_ok(r) && json_array_size(dns) != 0)
        r = cs_attest_put(a->body, "dns_names", json_incref(dns));
    if (cs_ok(r) && json_array_size(ip) != 0)
        r = cs_attest_put(a->body, "ip_addresses", json_incref(ip));
    json_decref(dns);
    json_decref(ip);
    return r;
}

static CS_RESULT take_csr(struct cs_attest *a, const char *path)
{
    CS_AUTO_REQ X509_REQ *req = NULL;
    CS_AUTO_BUF struct cs_buf spki = { 0 };
    CS_AUTO_BUF struct cs_buf der = { 0 };
    char label[64];
    CS_TRY(cs_req_read(path, &req, &a->note));
    CS_TRY(cs_der_read(path, &der, label, sizeof label, &a->note));
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    bool proven = key != NULL && X509_REQ_verify(req, key) == 1;
    ERR_clear_error();
    if (!proven) {
        cs_note_set(&a->note,
                    "%s: its signature does not verify with its own key, so possession of the "
                    "private key is not proven",
                    path);
        return CS_ERR(FORM);
    }
    CS_TRY(cs_spki_of_x509(X509_REQ_get_X509_PUBKEY(req), &spki));
    CS_TRY(put_digest(a, "spki_sha256", cs_buf_span(&spki)));
    CS_TRY(put_digest(a, "csr_sha256", cs_buf_span(&der)));
    CS_TRY(cs_attest_put(a->body, "possession_proven", json_true()));
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    cs_result r = put_names(a, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return r;
}

static CS_RESULT take_cert(struct cs_attest *a, const char *path)
{
    CS_AUTO_X509 X509 *x = NULL;
    CS_AUTO_BUF struct cs_buf spki = { 0 };
    CS_TRY(cs_cert_read(path, &x, &a->note));
    CS_TRY(cs_spki_of_x509(X509_get_X509_PUBKEY(x), &spki));
    CS_TRY(put_digest(a, "spki_sha256", cs_buf_span(&spki)));
    return put_names(a, X509_get0_extensions(x));
}

CS_RESULT cs_attest_order_complete(struct cs_attest *a)
{
    const char *csr = cs_arg_get(a->args, "csr"), *spki = cs_arg_get(a->args, "spki"),
               *cert = cs_arg_get(a->args, "cert");
    if ((csr != NULL) + (spki != NULL) + (cert != NULL) > 1) {
        cs_note_set(&a->note, "--csr, --spki, --cert: more than one given, needs one source of the key");
        return CS_ERR(ARGUMENT);
    }
    if (csr != NULL)
        return take_csr(a, csr);
    if (cert != NULL)
        return take_cert(a, cert);
    if (spki == NULL)
        return CS_OK;
    CS_AUTO_BUF struct cs_buf der = { 0 };
    CS_TRY(cs_spki_read(spki, &der, &a->note));
    return put_digest(a, "spki_sha256", cs_buf_span(&der));
}

CS_RESULT cs_attest_lint_complete(struct cs_attest *a)
{
    const char *tbs = cs_arg_get(a->args, "tbs"), *of = cs_arg_get(a->args, "tbs-of");
    if (tbs == NULL && of == NULL)
        return CS_OK;
    CS_AUTO_BUF struct cs_buf der = { 0 };
    CS_TRY(cs_tbs_read(a->args, &der, &a->note));
    return put_digest(a, "tbs_sha256", cs_buf_span(&der));
}

static int by_octets(const void *a, const void *b)
{
    const ProtobufCBinaryData *x = a, *y = b;
    return cs_span_cmp(cs_span_of(x->data, x->len), cs_span_of(y->data, y->len));
}

static size_t sort_unique(ProtobufCBinaryData *item, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(item, n, sizeof *item, by_octets);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_octets(&item[kept - 1], &item[i]) != 0)
            item[kept++] = item[i];
    return kept;
}

/* The order lists names by octets, each once, in whatever order they were given. */
void cs_attest_order_normalize(Countersign__V1__Statement *s)
{
    Countersign__V1__Order *o = s->order;
    o->n_dns_names = sort_unique(o->dns_names, o->n_dns_names);
    o->n_ip_addresses = sort_unique(o->ip_addresses, o->n_ip_addresses);
}
