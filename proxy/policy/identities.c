/* issuers[].caa_identities: the issuer-domain-names that mean this CA in CAA records (BR 4.2, RFC 8659 4.2).
 */
#include "proxy/policy/parts.h"

enum { NAME_MAX_LEN = 253, LABEL_MAX_LEN = 63 };

/* Lower case, as it is compared; letters, digits and hyphens inside labels. */
bool cs_policy_is_dns_name(struct cs_span name)
{
    size_t label_len = 0;
    if (name.len == 0 || name.len > NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t b = name.at[i];
        bool last = i + 1 == name.len || name.at[i + 1] == '.';
        if (b == '.') {
            if (label_len == 0 || i + 1 == name.len)
                return false;
            label_len = 0;
            continue;
        }
        bool letter = (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9');
        if ((!letter && (b != '-' || label_len == 0 || last)) || ++label_len > LABEL_MAX_LEN)
            return false;
    }
    return true;
}

CS_RESULT cs_policy_read_caa_identities(struct cs_issuer *out, const struct cs_yaml_node *n,
                                        struct cs_note *note)
{
    CS_TRY(cs_yaml_sequence(n, 1, CS_POLICY_CAA_IDENTITIES_MAX, note));
    uint32_t count = 0;
    for (const struct cs_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct cs_span name;
        CS_TRY(cs_yaml_string(c, NAME_MAX_LEN, &name, note));
        if (!cs_policy_is_dns_name(name))
            return cs_yaml_fail(c, note,
                                "'%.*s' is no issuer-domain-name: lower case, labels of a-z 0-9 -, no dot at "
                                "either end",
                                (int)name.len, (const char *)name.at);
        for (uint32_t i = 0; i < count; i++)
            if (cs_span_eq(out->caa_identity[i], name))
                return cs_yaml_fail(c, note, "'%.*s' stands there twice", (int)name.len,
                                    (const char *)name.at);
        out->caa_identity[count++] = name;
    }
    out->n_caa_identities = count;
    return CS_OK;
}

bool cs_issuer_is_caa_identity(const struct cs_issuer *i, struct cs_span name)
{
    for (uint32_t k = 0; k < i->n_caa_identities; k++)
        if (cs_span_eq(i->caa_identity[k], name))
            return true;
    return false;
}
