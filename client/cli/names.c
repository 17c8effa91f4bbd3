#include "client/cli/names.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "proxy/base/bytes.h"

static CS_RESULT take_name(const GENERAL_NAME *name, json_t *dns, json_t *ip, struct cs_note *note)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    if (type == GEN_DNS) {
        struct cs_span text = cs_span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        json_t *item =
            memchr(text.at, 0, text.len) == NULL ? json_stringn((const char *)text.at, text.len) : NULL;
        if (item == NULL) {
            cs_note_set(note, "a dNSName that is no text, needs a domain name");
            return CS_ERR(FORM);
        }
        return json_array_append_new(dns, item) == 0 ? CS_OK : CS_ERR(NO_MEMORY);
    }
    if (type == GEN_IPADD) {
        char text[INET6_ADDRSTRLEN];
        int len = ASN1_STRING_length(value);
        if ((len != 4 && len != 16) || inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value),
                                                 text, sizeof text) == NULL) {
            cs_note_set(note, "an iPAddress of %d octets, needs 4 or 16", len);
            return CS_ERR(FORM);
        }
        return json_array_append_new(ip, json_string(text)) == 0 ? CS_OK : CS_ERR(NO_MEMORY);
    }
    cs_note_set(note, "a subjectAltName of kind %d, needs dNSName or iPAddress only", type);
    return CS_ERR(FORM);
}

CS_RESULT cs_names_of_extensions(const STACK_OF(X509_EXTENSION) * extensions, json_t *dns, json_t *ip,
                                 struct cs_note *note)
{
    int critical = -1;
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
    ERR_clear_error();
    if (names == NULL && critical == -1) /* absent */
        return CS_OK;
    if (names == NULL) {
        cs_note_set(note, "a subjectAltName that is repeated or malformed");
        return CS_ERR(FORM);
    }
    cs_result r = CS_OK;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && cs_ok(r); i++)
        r = take_name(sk_GENERAL_NAME_value(names, i), dns, ip, note);
    GENERAL_NAMES_free(names);
    return r;
}
