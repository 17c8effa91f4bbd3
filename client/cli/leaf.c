#include "client/cli/leaf.h"

/* Opens Extension and its extnValue; both marks are needed to close it. */
struct extension_marks {
    size_t extension, value;
};

static struct extension_marks open_extension(struct cs_buf *b, const char *oid, bool critical)
{
    static const uint8_t yes = 0xff;
    struct extension_marks m = { .extension = cs_derput_open(b, CS_DER_SEQUENCE) };
    cs_derput_oid(b, oid);
    if (critical)
        cs_derput(b, CS_DER_BOOLEAN, cs_span_of(&yes, 1));
    m.value = cs_derput_open(b, CS_DER_OCTET_STRING);
    return m;
}

static void close_extension(struct cs_buf *b, struct extension_marks m)
{
    cs_derput_close(b, m.value);
    cs_derput_close(b, m.extension);
}

static void put_subject(const struct cs_leaf *l, struct cs_buf *b)
{
    size_t name = cs_derput_open(b, CS_DER_SEQUENCE);
    for (uint32_t i = 0; i < l->n_attributes; i++) {
        size_t rdn = cs_derput_open(b, CS_DER_SET), pair = cs_derput_open(b, CS_DER_SEQUENCE);
        cs_derput_oid(b, l->attribute[i].dotted);
        cs_derput(b, l->attribute[i].tag, l->attribute[i].value);
        cs_derput_close(b, pair);
        cs_derput_close(b, rdn);
    }
    cs_derput_close(b, name);
}

static void put_authority_key_id(const struct cs_leaf *l, struct cs_buf *b)
{
    struct extension_marks m = open_extension(b, "2.5.29.35", false);
    size_t aki = cs_derput_open(b, CS_DER_SEQUENCE);
    cs_derput(b, 0x80, l->issuer_ski); /* keyIdentifier, and nothing else: BR 7.1.2.11.1 */
    cs_derput_close(b, aki);
    close_extension(b, m);
}

static void put_access(struct cs_buf *b, const char *method, const char *url)
{
    if (url == NULL)
        return;
    size_t description = cs_derput_open(b, CS_DER_SEQUENCE);
    cs_derput_oid(b, method);
    cs_derput(b, 0x86, cs_span_str(url));
    cs_derput_close(b, description);
}

static void put_authority_information(const struct cs_leaf *l, struct cs_buf *b)
{
    if (l->ocsp_url == NULL && l->issuer_url == NULL)
        return;
    struct extension_marks m = open_extension(b, "1.3.6.1.5.5.7.1.1", false);
    size_t all = cs_derput_open(b, CS_DER_SEQUENCE);
    put_access(b, "1.3.6.1.5.5.7.48.1", l->ocsp_url);
    put_access(b, "1.3.6.1.5.5.7.48.2", l->issuer_url);
    cs_derput_close(b, all);
    close_extension(b, m);
}

static void put_names(const struct cs_leaf *l, struct cs_buf *b)
{
    /* RFC 5280 4.2.1.6: critical exactly when the subject is empty. */
    struct extension_marks m = open_extension(b, "2.5.29.17", l->n_attributes == 0);
    size_t all = cs_derput_open(b, CS_DER_SEQUENCE);
    for (uint32_t i = 0; i < l->n_names; i++)
        cs_derput(b, l->name[i].is_ip ? 0x87 : 0x82, l->name[i].value);
    cs_derput_close(b, all);
    close_extension(b, m);
}

static void put_policies(const struct cs_leaf *l, struct cs_buf *b)
{
    struct extension_marks m = open_extension(b, "2.5.29.32", false);
    size_t all = cs_derput_open(b, CS_DER_SEQUENCE), one = cs_derput_open(b, CS_DER_SEQUENCE);
    cs_derput_oid(b, l->policy);
    cs_derput_close(b, one);
    cs_derput_close(b, all);
    close_extension(b, m);
}

static void put_crl_url(const struct cs_leaf *l, struct cs_buf *b)
{
    if (l->crl_url == NULL)
        return;
    struct extension_marks m = open_extension(b, "2.5.29.31", false);
    size_t all = cs_derput_open(b, CS_DER_SEQUENCE), point = cs_derput_open(b, CS_DER_SEQUENCE);
    size_t name = cs_derput_open(b, 0xa0), full = cs_derput_open(b, 0xa0);
    cs_derput(b, 0x86, cs_span_str(l->crl_url));
    cs_derput_close(b, full);
    cs_derput_close(b, name);
    cs_derput_close(b, point);
    cs_derput_close(b, all);
    close_extension(b, m);
}

static void put_key_usage(struct cs_buf *b)
{
    static const uint8_t digital_signature[] = { 7, 0x80 };
    struct extension_marks m = open_extension(b, "2.5.29.15", true);
    cs_derput(b, CS_DER_BIT_STRING, cs_span_of(digital_signature, sizeof digital_signature));
    close_extension(b, m);
}

static void put_extended_key_usage(struct cs_buf *b)
{
    struct extension_marks m = open_extension(b, "2.5.29.37", false);
    size_t all = cs_derput_open(b, CS_DER_SEQUENCE);
    cs_derput_oid(b, "1.3.6.1.5.5.7.3.1");
    cs_derput_close(b, all);
    close_extension(b, m);
}

static void put_transparency(const struct cs_leaf *l, struct cs_buf *b)
{
    if (l->sct_list.len != 0) {
        struct extension_marks m = open_extension(b, "1.3.6.1.4.1.11129.2.4.2", false);
        cs_derput(b, CS_DER_OCTET_STRING, l->sct_list);
        close_extension(b, m);
    }
    if (l->poison) {
        struct extension_marks m = open_extension(b, "1.3.6.1.4.1.11129.2.4.3", true);
        cs_derput(b, CS_DER_NULL, cs_span_of(NULL, 0));
        close_extension(b, m);
    }
}

CS_RESULT cs_leaf_put(const struct cs_leaf *l, struct cs_buf *out)
{
    static const uint8_t v3 = 2;
    struct cs_buf *b = out;
    size_t tbs = cs_derput_open(b, CS_DER_SEQUENCE), version = cs_derput_open(b, 0xa0);
    cs_derput(b, CS_DER_INTEGER, cs_span_of(&v3, 1));
    cs_derput_close(b, version);
    cs_derput_unsigned(b, l->serial);
    cs_buf_put(b, l->algorithm.at, l->algorithm.len);
    cs_buf_put(b, l->issuer.at, l->issuer.len);
    size_t validity = cs_derput_open(b, CS_DER_SEQUENCE);
    cs_derput_time(b, l->not_before_unix_s);
    cs_derput_time(b, l->not_after_unix_s);
    cs_derput_close(b, validity);
    put_subject(l, b);
    cs_buf_put(b, l->spki.at, l->spki.len);
    size_t tagged = cs_derput_open(b, 0xa3), extensions = cs_derput_open(b, CS_DER_SEQUENCE);
    put_authority_key_id(l, b);
    put_authority_information(l, b);
    put_names(l, b);
    put_policies(l, b);
    put_extended_key_usage(b);
    put_crl_url(l, b);
    put_key_usage(b);
    put_transparency(l, b);
    cs_derput_close(b, extensions);
    cs_derput_close(b, tagged);
    cs_derput_close(b, tbs);
    return b->failed ? CS_ERR(FORM) : CS_OK;
}

const char *cs_leaf_policy(const char *profile)
{
    static const struct {
        const char *profile, *oid;
    } rows[] = { { "dv", "2.23.140.1.2.1" },
                 { "ov", "2.23.140.1.2.2" },
                 { "iv", "2.23.140.1.2.3" },
                 { "ev", "2.23.140.1.1" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].profile, profile) == 0)
            return rows[i].oid;
    return NULL;
}
