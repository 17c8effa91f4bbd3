#include "proxy/gate/deposit_key.h"

#include "proto/canonical.h"

CS_RESULT cs_deposit_key(enum cs_deposit_tag tag, struct cs_span account, struct cs_span value,
                         struct cs_deposit_key *out)
{
    if (account.len > CS_ACCOUNT_MAX_LEN || value.len > sizeof out->byte - 2 - account.len)
        return CS_ERR(LIMIT);
    out->byte[0] = (uint8_t)tag;
    out->byte[1] = (uint8_t)account.len;
    if (account.len != 0)
        memcpy(out->byte + 2, account.at, account.len);
    if (value.len != 0)
        memcpy(out->byte + 2 + account.len, value.at, value.len);
    out->len = 2 + account.len + value.len;
    return CS_OK;
}

CS_RESULT cs_deposit_keys_of(const Countersign__V1__Statement *s,
                             struct cs_deposit_key out[CS_DEPOSIT_KEYS_MAX], uint32_t *out_n)
{
    const struct cs_span none = { 0 }, account = cs_proto_span(s->header->account);
    uint32_t n = 0;
    switch (s->body_case) {
    case COUNTERSIGN__V1__STATEMENT__BODY_DOMAIN_CONTROL: {
        const Countersign__V1__DomainControl *d = s->domain_control;
        if (d->subject_case == COUNTERSIGN__V1__DOMAIN_CONTROL__SUBJECT_IP_ADDRESS) {
            CS_TRY(cs_deposit_key(CS_DEPOSIT_IP, account, cs_proto_span(d->ip_address), &out[n++]));
            break;
        }
        CS_TRY(cs_deposit_key(CS_DEPOSIT_DOMAIN, account, cs_proto_span(d->domain), &out[n++]));
        if (d->derivation != NULL && d->derivation->n_cname_chain != 0) {
            /* behind a CNAME the ADN is no parent of the name: find it by the name applied for */
            CS_TRY(cs_deposit_key(CS_DEPOSIT_DOMAIN, account, cs_proto_span(d->derivation->applied_for),
                                  &out[n]));
            if (!cs_span_eq(cs_deposit_key_span(&out[n]), cs_deposit_key_span(&out[0])))
                n++;
        }
        break;
    }
    case COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK:
        CS_TRY(cs_deposit_key(s->caa_check->result == COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_FORBIDDEN
                                  ? CS_DEPOSIT_CAA_FORBIDS
                                  : CS_DEPOSIT_CAA,
                              account, cs_proto_span(s->caa_check->domain), &out[n++]));
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_ORGANIZATION_IDENTITY:
        CS_TRY(cs_deposit_key(CS_DEPOSIT_ORGANIZATION, account, none, &out[n++]));
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_ORDER:
        CS_TRY(
            cs_deposit_key(CS_DEPOSIT_ORDER_OF_KEY, none, cs_proto_span(s->order->spki_sha256), &out[n++]));
        CS_TRY(cs_deposit_key(CS_DEPOSIT_ORDER_OF_ID, none, cs_proto_span(s->order->order_id), &out[n++]));
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_LINT:
        CS_TRY(cs_deposit_key(CS_DEPOSIT_LINT, none, cs_proto_span(s->lint->tbs_sha256), &out[n++]));
        break;
    case COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL:
        if (s->approval->decision == COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE)
            CS_TRY(cs_deposit_key(CS_DEPOSIT_APPROVAL, account, cs_proto_span(s->approval->order_id),
                                  &out[n++]));
        else
            CS_TRY(
                cs_deposit_key(CS_DEPOSIT_OBJECTION, none, cs_proto_span(s->approval->order_id), &out[n++]));
        break;
    default: /* ceremonies, recalls and holds come through their own RPCs */
        return CS_ERR(ARGUMENT);
    }
    *out_n = n;
    return CS_OK;
}

int64_t cs_deposit_found_before(const Countersign__V1__Statement *s)
{
    if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_APPROVAL &&
        s->approval->decision != COUNTERSIGN__V1__APPROVAL_DECISION__APPROVAL_DECISION_APPROVE)
        return INT64_MAX;
    if (s->body_case == COUNTERSIGN__V1__STATEMENT__BODY_CAA_CHECK &&
        s->caa_check->result == COUNTERSIGN__V1__CAA_RESULT__CAA_RESULT_FORBIDDEN)
        return s->caa_check->checked_at_unix_s < INT64_MAX ? s->caa_check->checked_at_unix_s + 1 : INT64_MAX;
    return s->header->expires_at_unix_s;
}
