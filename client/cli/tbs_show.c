#include <arpa/inet.h>

#include "client/cli/cli.h"
#include "client/cli/keys.h"
#include "client/cli/oid.h"
#include "client/cli/tbs_file.h"
#include "client/cli/tree.h"
#include "proxy/gate/der/tbs.h"
#include "proxy/policy/names.h"

const struct cs_option cs_options_tbs_show[] = {
    { "certificate", NULL, "FILE is a whole certificate", CS_OPT_SWITCH },
    { "json", NULL, "print JSON", CS_OPT_SWITCH },
    { 0 },
};

static json_t *octets(struct cs_span s)
{
    return cs_utf8_valid(s) && (s.len == 0 || memchr(s.at, 0, s.len) == NULL)
               ? json_stringn(s.len != 0 ? (const char *)s.at : "", s.len)
               : json_pack("{s:o}", "hex", cs_cli_hex(s));
}

static json_t *oid_text(struct cs_span oid)
{
    char text[256];
    cs_oid_text(oid, text, sizeof text);
    return json_string(text);
}

static const char *string_type(uint8_t tag, char out[8])
{
    switch (tag) {
    case 0x0c:
        return "utf8";
    case 0x13:
        return "printable";
    case 0x16:
        return "ia5";
    default:
        snprintf(out, 8, "0x%02x", tag);
        return out;
    }
}

static json_t *attribute_of(const struct cs_attribute *a)
{
    char room[8];
    const struct cs_attribute_type *type = cs_attribute_type_of_oid(a->oid);
    json_t *out = json_pack("{s:o, s:s, s:o, s:I}", "oid", oid_text(a->oid), "string_type",
                            string_type(a->tag, room), "value", octets(a->value), "rdn", (json_int_t)a->rdn);
    if (out != NULL && type != NULL)
        json_object_set_new(out, "short_name", json_string(type->short_name));
    return out;
}

static json_t *attributes_of(const struct cs_attribute *a, uint32_t n)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(all, attribute_of(&a[i]));
    return all;
}

static json_t *issuer_of(struct cs_span name_der)
{
    struct cs_attribute a[CS_TBS_ATTRIBUTES_MAX];
    uint32_t n;
    if (!cs_ok(cs_name_parse(name_der, a, CS_TBS_ATTRIBUTES_MAX, &n, NULL)))
        return json_pack("{s:o}", "hex", cs_cli_hex(name_der));
    return attributes_of(a, n);
}

static json_t *name_of(const struct cs_san *n)
{
    char text[INET6_ADDRSTRLEN];
    if (n->tag == CS_SAN_DNS)
        return json_pack("{s:o}", "dns", octets(n->value));
    if (n->tag == CS_SAN_IP && (n->value.len == 4 || n->value.len == 16) &&
        inet_ntop(n->value.len == 4 ? AF_INET : AF_INET6, n->value.at, text, sizeof text) != NULL)
        return json_pack("{s:s}", "ip", text);
    return json_pack("{s:I, s:o}", "tag", (json_int_t)n->tag, "hex", cs_cli_hex(n->value));
}

static json_t *names_of(const struct cs_tbs *t)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < t->n_names; i++)
        json_array_append_new(all, name_of(&t->name[i]));
    return all;
}

static json_t *key_of(const struct cs_tbs *t)
{
    static const char *const kinds[] = { "other", "rsa", "ec-p256", "ec-p384", "ec-p521" };
    struct cs_sha256 digest = cs_sha256(t->spki);
    json_t *out = json_pack("{s:s, s:o}", "kind", kinds[t->key_kind], "spki_sha256",
                            cs_cli_hex(cs_sha256_span(&digest)));
    if (t->key_kind == CS_KEY_RSA) {
        json_object_set_new(out, "rsa_modulus_len", json_integer((json_int_t)t->rsa_modulus.len));
        json_object_set_new(out, "rsa_exponent", cs_cli_hex(t->rsa_exponent));
    }
    return out;
}

static json_t *key_usage_of(uint16_t bits)
{
    static const char *const names[] = { "digitalSignature", "nonRepudiation", "keyEncipherment",
                                         "dataEncipherment", "keyAgreement",   "keyCertSign",
                                         "cRLSign",          "encipherOnly",   "decipherOnly" };
    json_t *all = json_array();
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (bits & 0x8000u >> i)
            json_array_append_new(all, json_string(names[i]));
    return all;
}

static json_t *extensions_of(const struct cs_tbs *t)
{
    static const struct {
        const char *oid, *name;
    } known[] = { { "2.5.29.14", "subjectKeyIdentifier" },
                  { "2.5.29.15", "keyUsage" },
                  { "2.5.29.17", "subjectAltName" },
                  { "2.5.29.19", "basicConstraints" },
                  { "2.5.29.31", "cRLDistributionPoints" },
                  { "2.5.29.32", "certificatePolicies" },
                  { "2.5.29.35", "authorityKeyIdentifier" },
                  { "2.5.29.37", "extKeyUsage" },
                  { "1.3.6.1.5.5.7.1.1", "authorityInfoAccess" },
                  { "1.3.6.1.4.1.11129.2.4.2", "signedCertificateTimestampList" },
                  { "1.3.6.1.4.1.11129.2.4.3", "precertificate poison" } };
    json_t *all = json_array();
    for (uint32_t i = 0; i < t->n_extensions; i++) {
        const struct cs_extension *e = &t->extension[i];
        char oid[256];
        cs_oid_text(e->oid, oid, sizeof oid);
        json_t *row =
            json_pack("{s:s, s:b, s:o}", "oid", oid, "critical", e->critical, "value", cs_cli_hex(e->value));
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (strcmp(known[k].oid, oid) == 0)
                json_object_set_new(row, "name", json_string(known[k].name));
        json_array_append_new(all, row);
    }
    return all;
}

static json_t *algorithm_of(struct cs_span der)
{
    enum cs_algorithm a = cs_algorithm_of_der(der);
    return a != CS_ALG_NONE ? json_string(cs_algorithm_name(a)) : cs_cli_hex(der);
}

static json_t *document_of(const struct cs_tbs *t)
{
    struct cs_sha256 digest = cs_sha256(t->der), pair = cs_tbs_pair_sha256(t);
    json_t *out =
        json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "tbs_sha256",
                  cs_cli_hex(cs_sha256_span(&digest)), "pair_sha256", cs_cli_hex(cs_sha256_span(&pair)),
                  "len", (json_int_t)t->der.len, "version", (json_int_t)t->version + 1, "serial",
                  cs_cli_hex(t->serial), "signature_algorithm", algorithm_of(t->signature), "issuer",
                  issuer_of(t->issuer), "not_before", cs_cli_time(t->not_before_unix_s), "not_after",
                  cs_cli_time(t->not_after_unix_s), "validity_s",
                  (json_int_t)(t->not_after_unix_s - t->not_before_unix_s + 1), "subject",
                  attributes_of(t->attribute, t->n_attributes), "key", key_of(t), "names", names_of(t));
    if (out == NULL)
        return NULL;
    json_object_set_new(out, "precertificate", json_boolean(t->has_poison));
    json_object_set_new(out, "sct_list", json_boolean(t->has_sct_list));
    json_object_set_new(out, "is_ca", json_boolean(t->is_ca));
    if (t->has_aki)
        json_object_set_new(out, "authority_key_id", cs_cli_hex(t->aki_key_id));
    if (t->has_ski)
        json_object_set_new(out, "subject_key_id", cs_cli_hex(t->ski));
    if (t->has_key_usage)
        json_object_set_new(out, "key_usage", key_usage_of(t->key_usage));
    json_object_set_new(out, "issuer_unique_id", json_boolean(t->has_issuer_uid));
    json_object_set_new(out, "subject_unique_id", json_boolean(t->has_subject_uid));
    json_object_set_new(out, "extensions", extensions_of(t));
    return out;
}

int cs_cmd_tbs_show(struct cs_cli *cli, const struct cs_args *args)
{
    const char *path = cs_arg_at(args, NULL, 0);
    bool as_json = cs_arg_has(args, "json");
    char label[64];
    struct cs_note note = { 0 };
    struct cs_der_fault fault = { 0 };
    struct cs_tbs view;
    CS_AUTO_BUF struct cs_buf der = { 0 };
    cs_result r = cs_arg_has(args, "certificate") ? cs_tbs_of_certificate(path, &der, &note)
                                                  : cs_der_read(path, &der, label, sizeof label, &note);
    if (!cs_ok(r))
        return cs_cli_usage(cli, "%s", note.text[0] != '\0' ? note.text : cs_result_text(r));
    r = cs_tbs_parse(cs_buf_span(&der), &view, &fault);
    if (cs_ok(r))
        return cs_cli_data(cli, as_json, document_of(&view), CS_EXIT_DONE);
    const char *what = fault.what != NULL ? fault.what : cs_result_text(r);
    const char *where = fault.where != NULL ? fault.where : "";
    if (as_json)
        (void)cs_cli_json(cli,
                          json_pack("{s:{s:I, s:s, s:s}}", "fault", "offset", (json_int_t)fault.offset,
                                    "where", where, "what", what),
                          CS_EXIT_REFUSED);
    return cs_cli_fail(cli, CS_EXIT_REFUSED, "%s: refused at offset %zu%s%s: %s", path, fault.offset,
                       where[0] != '\0' ? ", " : "", where, what);
}
