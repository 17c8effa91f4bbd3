#include "proxy/policy/parts.h"

/* A name of a C2SP signed note, and plainer: printable ASCII without space and '+', so that no two look
 * alike. */
static bool is_origin(struct cs_span v)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.at[i] <= 0x20 || v.at[i] > 0x7e || v.at[i] == '+')
            return false;
    return true;
}

CS_RESULT cs_policy_read_ledger(struct cs_policy *p, const struct cs_yaml_node *n, struct cs_note *note)
{
    if (n == NULL)
        return CS_OK;
    struct cs_yaml_field f[] = { { .key = "origin", .required = true } };
    CS_TRY(cs_yaml_fields(n, f, 1, note));
    struct cs_span origin;
    CS_TRY(cs_yaml_string(f[0].value, CS_POLICY_ORIGIN_MAX_LEN, &origin, note));
    if (!is_origin(origin))
        return cs_yaml_fail(
            f[0].value, note,
            "needed: printable ASCII without spaces and '+', as ca.example/countersign-audit");
    p->ledger_origin = origin;
    return CS_OK;
}
