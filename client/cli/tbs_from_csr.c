#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "client/cli/cli.h"
#include "client/cli/keys.h"
#include "client/cli/leaf.h"
#include "client/cli/names.h"
#include "client/cli/oid.h"
#include "client/cli/times.h"
#include "proxy/base/arena.h"
#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/der/tbs.h"
#include "proxy/policy/names.h"

const struct cs_option cs_options_tbs_from_csr[] = {
    { "issuer-cert", "FILE", "certificate of the issuing CA", CS_OPT_REQUIRED },
    { "csr", "FILE", "request: key, and names unless --dns or --ip are given", CS_OPT_REQUIRED },
    { "days", "N", "validity, both ends counted (1 to 398)", CS_OPT_REQUIRED },
    { "profile", "PROFILE", "dv, iv, ov or ev", CS_OPT_REQUIRED },
    { "dns", "NAME", "dNSName", CS_OPT_REPEATED },
    { "ip", "ADDRESS", "iPAddress", CS_OPT_REPEATED },
    { "subject-attribute", "TYPE=VALUE", "in order; TYPE is a short name or an OID", CS_OPT_REPEATED },
    { "algorithm", "NAME", "for instance ecdsa-sha256 (default: by the issuer's key)", CS_OPT_VALUE },
    { "serial", "HEX", "default 16 random octets", CS_OPT_VALUE },
    { "not-before", "TIME", "default now", CS_OPT_VALUE },
    { "ocsp-url", "URL", "OCSP responder", CS_OPT_VALUE },
    { "issuer-url", "URL", "where the issuer's certificate is", CS_OPT_VALUE },
    { "crl-url", "URL", "CRL distribution point", CS_OPT_VALUE },
    { "sct-list", "FILE", "SignedCertificateTimestampList to embed", CS_OPT_VALUE },
    { "precertificate", NULL, "add the poison extension", CS_OPT_SWITCH },
    { "out", "FILE", "where to write (default standard output)", CS_OPT_VALUE },
    { 0 },
};

struct job {
    const struct cs_args *args;
    struct cs_arena arena;
    struct cs_leaf leaf;
    struct cs_note note;
};

static CS_RESULT refuse(struct job *j, const char *flag, const char *value, const char *needed)
{
    cs_note_set(&j->note, "--%s '%.120s': needs %s", flag, value, needed);
    return CS_ERR(ARGUMENT);
}

static CS_RESULT keep(struct job *j, struct cs_span s, struct cs_span *out)
{
    *out = cs_arena_span(&j->arena, s);
    return out->len == s.len ? CS_OK : CS_ERR(NO_MEMORY);
}

static const char *default_algorithm(EVP_PKEY *key)
{
    char group[32];
    if (EVP_PKEY_is_a(key, "RSA"))
        return "rsa-sha256";
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1)
        return NULL;
    return strcmp(group, "secp384r1") == 0   ? "ecdsa-sha384"
           : strcmp(group, "secp521r1") == 0 ? "ecdsa-sha512"
                                             : "ecdsa-sha256";
}

static CS_RESULT take_issuer(struct job *j)
{
    const char *path = cs_arg_get(j->args, "issuer-cert"), *algorithm = cs_arg_get(j->args, "algorithm");
    CS_AUTO_X509 X509 *x = NULL;
    struct cs_note note = { 0 };
    cs_result r = cs_cert_read(path, &x, &note);
    if (!cs_ok(r)) {
        cs_note_set(&j->note, "--issuer-cert %s", note.text);
        return r;
    }
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x);
    if (ski == NULL)
        return refuse(j, "issuer-cert", path, "a certificate with a subjectKeyIdentifier");
    CS_TRY(keep(j, cs_span_of(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski)),
                &j->leaf.issuer_ski));
    unsigned char *name = NULL;
    int name_len = i2d_X509_NAME(X509_get_subject_name(x), &name); /* its own bytes, cached by OpenSSL */
    if (name_len <= 0)
        return CS_ERR(CRYPTO);
    r = keep(j, cs_span_of(name, (size_t)name_len), &j->leaf.issuer);
    OPENSSL_free(name);
    CS_TRY(r);
    EVP_PKEY *key = X509_get0_pubkey(x);
    if (algorithm == NULL && key != NULL)
        algorithm = default_algorithm(key);
    if (algorithm == NULL)
        return refuse(j, "issuer-cert", path, "an RSA or EC key, or --algorithm");
    j->leaf.algorithm = cs_algorithm_der(cs_algorithm_of_name(cs_span_str(algorithm)));
    return j->leaf.algorithm.len != 0
               ? CS_OK
               : refuse(j, "algorithm", algorithm, "a name such as ecdsa-sha256 or rsa-sha256");
}

static CS_RESULT add_dns(struct job *j, const char *name)
{
    struct cs_leaf *l = &j->leaf;
    if (l->n_names == CS_LEAF_NAMES_MAX)
        return refuse(j, "dns", name, "at most 500 names");
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return refuse(j, "dns", name, "a domain name in ASCII (A-labels)");
    CS_TRY(keep(j, cs_span_str(name), &l->name[l->n_names].value));
    l->name[l->n_names++].is_ip = false;
    return CS_OK;
}

static CS_RESULT add_ip(struct job *j, const char *text)
{
    struct cs_leaf *l = &j->leaf;
    uint8_t octets[16];
    if (l->n_names == CS_LEAF_NAMES_MAX)
        return refuse(j, "ip", text, "at most 500 names");
    size_t len = inet_pton(AF_INET, text, octets) == 1 ? 4 : inet_pton(AF_INET6, text, octets) == 1 ? 16 : 0;
    if (len == 0)
        return refuse(j, "ip", text, "an IPv4 or IPv6 address");
    CS_TRY(keep(j, cs_span_of(octets, len), &l->name[l->n_names].value));
    l->name[l->n_names++].is_ip = true;
    return CS_OK;
}

static CS_RESULT take_names_of_csr(struct job *j, X509_REQ *req)
{
    json_t *dns = json_array(), *ip = json_array();
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    cs_result r = cs_names_of_extensions(extensions, dns, ip, &j->note);
    for (size_t i = 0; i < json_array_size(dns) && cs_ok(r); i++)
        r = add_dns(j, json_string_value(json_array_get(dns, i)));
    for (size_t i = 0; i < json_array_size(ip) && cs_ok(r); i++)
        r = add_ip(j, json_string_value(json_array_get(ip, i)));
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    json_decref(dns);
    json_decref(ip);
    return r;
}

static CS_RESULT take_request(struct job *j)
{
    const char *path = cs_arg_get(j->args, "csr"), *name;
    CS_AUTO_REQ X509_REQ *req = NULL;
    CS_AUTO_BUF struct cs_buf spki = { 0 };
    struct cs_note note = { 0 };
    cs_result r = cs_req_read(path, &req, &note);
    if (!cs_ok(r)) {
        cs_note_set(&j->note, "--csr %s", note.text);
        return r;
    }
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    bool proven = key != NULL && X509_REQ_verify(req, key) == 1;
    ERR_clear_error();
    if (!proven)
        return refuse(j, "csr", path, "a request whose signature verifies with its own key");
    CS_TRY(cs_spki_of_x509(X509_REQ_get_X509_PUBKEY(req), &spki));
    CS_TRY(keep(j, cs_buf_span(&spki), &j->leaf.spki));
    for (uint32_t i = 0; (name = cs_arg_at(j->args, "dns", i)) != NULL; i++)
        CS_TRY(add_dns(j, name));
    for (uint32_t i = 0; (name = cs_arg_at(j->args, "ip", i)) != NULL; i++)
        CS_TRY(add_ip(j, name));
    if (j->leaf.n_names == 0)
        CS_TRY(take_names_of_csr(j, req));
    return j->leaf.n_names != 0 ? CS_OK : refuse(j, "csr", path, "a subjectAltName, or --dns or --ip");
}

/* Only PrintableString's alphabet (X.680 41.4). */
static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?", *text) ==
            NULL)
            return false;
    return true;
}

static CS_RESULT add_attribute(struct job *j, const char *text)
{
    static const char flag[] = "subject-attribute";
    struct cs_leaf *l = &j->leaf;
    const char *equals = strchr(text, '=');
    char *type_text =
        equals != NULL ? cs_arena_copy(&j->arena, cs_span_of(text, (size_t)(equals - text))) : NULL;
    uint8_t oid[CS_OID_MAX_LEN];
    size_t oid_len;
    if (type_text == NULL || equals[1] == '\0')
        return refuse(j, flag, text, "TYPE=VALUE");
    if (l->n_attributes == CS_LEAF_ATTRIBUTES_MAX)
        return refuse(j, flag, text, "at most 32 attributes");
    const struct cs_attribute_type *type = cs_attribute_type_of(type_text);
    if (type == NULL && !cs_oid_of_dotted(type_text, oid, &oid_len))
        return refuse(j, flag, text, "a short name such as O, or a dotted OID, before '='");
    bool printable = type != NULL && type->printable_only;
    if (printable ? !is_printable(equals + 1) : !cs_utf8_valid(cs_span_str(equals + 1)))
        return refuse(j, flag, text, printable ? "characters of PrintableString" : "valid UTF-8");
    l->attribute[l->n_attributes++] =
        (struct cs_leaf_attribute){ type != NULL ? type->dotted : type_text,
                                    printable ? CS_DER_PRINTABLE_STRING : CS_DER_UTF8_STRING,
                                    cs_span_str(equals + 1) };
    return CS_OK;
}

static CS_RESULT take_serial(struct job *j)
{
    const char *text = cs_arg_get(j->args, "serial");
    uint8_t octets[20];
    size_t len = 16;
    if (text == NULL) {
        CS_TRY(cs_random(octets, len));
        octets[0] = (uint8_t)((octets[0] & 0x7f) | 0x40); /* positive, and never shorter */
    } else if (!cs_ok(cs_unhex(cs_span_str(text), octets, sizeof octets, &len)) || len == 0) {
        return refuse(j, "serial", text, "1 to 20 octets in hex");
    }
    return keep(j, cs_span_of(octets, len), &j->leaf.serial);
}

static CS_RESULT take_validity(struct job *j)
{
    const char *from = cs_arg_get(j->args, "not-before");
    int64_t now_unix_s = cs_clock_unix_s();
    uint64_t days;
    CS_TRY(cs_arg_number(j->args, "days", 0, 1, 398, &days, &j->note));
    j->leaf.not_before_unix_s = now_unix_s;
    if (from != NULL && !cs_time_of(from, now_unix_s, now_unix_s, &j->leaf.not_before_unix_s))
        return refuse(j, "not-before", from, CS_TIME_NEEDED);
    j->leaf.not_after_unix_s = j->leaf.not_before_unix_s + (int64_t)days * 86400 - 1; /* both ends count */
    return CS_OK;
}

static CS_RESULT take_sct_list(struct job *j)
{
    const char *path = cs_arg_get(j->args, "sct-list");
    CS_AUTO_BUF struct cs_buf list = { 0 };
    struct cs_note note = { 0 };
    if (path == NULL)
        return CS_OK;
    cs_result r = cs_read_file(path, 16 * 1024, &list, &note);
    if (!cs_ok(r)) {
        cs_note_set(&j->note, "--sct-list %s", note.text);
        return r;
    }
    return keep(j, cs_buf_span(&list), &j->leaf.sct_list);
}

static CS_RESULT make_tbs(struct job *j, struct cs_buf *out)
{
    const char *profile = cs_arg_get(j->args, "profile"), *attribute;
    struct cs_tbs view;
    struct cs_der_fault fault = { 0 };
    j->leaf.policy = cs_leaf_policy(profile);
    if (j->leaf.policy == NULL)
        return refuse(j, "profile", profile, "dv, iv, ov or ev");
    j->leaf.ocsp_url = cs_arg_get(j->args, "ocsp-url");
    j->leaf.issuer_url = cs_arg_get(j->args, "issuer-url");
    j->leaf.crl_url = cs_arg_get(j->args, "crl-url");
    j->leaf.poison = cs_arg_has(j->args, "precertificate");
    CS_TRY(take_validity(j));
    CS_TRY(take_serial(j));
    for (uint32_t i = 0; (attribute = cs_arg_at(j->args, "subject-attribute", i)) != NULL; i++)
        CS_TRY(add_attribute(j, attribute));
    CS_TRY(take_sct_list(j));
    CS_TRY(take_issuer(j));
    CS_TRY(take_request(j));
    CS_TRY(cs_leaf_put(&j->leaf, out));
    cs_result r = cs_tbs_parse(cs_buf_span(out), &view, &fault);
    if (!cs_ok(r)) /* for instance a URL or key the gate would not read */
        cs_note_set(&j->note, "the TBSCertificate would not be readable: %s at offset %zu (%s)",
                    fault.what != NULL ? fault.what : cs_result_text(r), fault.offset,
                    fault.where != NULL ? fault.where : "");
    return r;
}

int cs_cmd_tbs_from_csr(struct cs_cli *cli, const struct cs_args *args)
{
    struct job j = { .args = args };
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    cs_result r = make_tbs(&j, &tbs);
    cs_arena_done(&j.arena);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", j.note.text[0] != '\0' ? j.note.text : cs_result_text(r));
    return cs_cli_write(cli, args, cs_buf_span(&tbs));
}
