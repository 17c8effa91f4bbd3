/*
 * PKCS#11 URI (RFC 7512) of one private key on one token. Refuses everything that could carry a
 * secret or point elsewhere: query attributes (pin-value, pin-source, module-name, module-path),
 * slot and library attributes, vendor attributes, repeated or empty ones.
 */
#ifndef CS_HSM_URI_H
#define CS_HSM_URI_H

#include "proxy/base/bytes.h"

enum { CS_URI_VALUE_MAX_LEN = 128 };

struct cs_uri_value {
    size_t len; /* decoded bytes; 0 = attribute absent */
    uint8_t at[CS_URI_VALUE_MAX_LEN];
};

struct cs_uri {
    struct cs_uri_value token, serial, manufacturer, model; /* which token: at least token or serial */
    struct cs_uri_value object, id;                         /* which key: at least one of the two */
};

static inline struct cs_span cs_uri_value_span(const struct cs_uri_value *v)
{
    return cs_span_of(v->at, v->len);
}

/* cs_uri_parse decodes text. Text attributes are UTF-8; the four token attributes fit the fields of
 * CK_TOKEN_INFO (32, 16, 32, 16 bytes). "type" may only be "private". On failure (FORM, LIMIT) out
 * is untouched and why names the attribute; a value is never repeated there. */
CS_RESULT cs_uri_parse(struct cs_span text, struct cs_uri *out, struct cs_note *why);

/* cs_uri_put appends the URI of a key: token label, key label and id (either may be empty). */
void cs_uri_put(struct cs_buf *out, struct cs_span token, struct cs_span object, struct cs_span id);

/* cs_uri_field_is compares a space-padded field of CK_TOKEN_INFO; an absent value matches all. */
bool cs_uri_field_is(const struct cs_uri_value *v, const void *field, size_t field_len);

#endif
