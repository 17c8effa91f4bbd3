/* What a client of the policy may do. */
#include "proxy/ipc/messages.h"
#include "proxy/policy/policy.h"

bool cs_client_may_call(const struct cs_client *c, unsigned method)
{
    if (method == CS_METHOD_METRICS || method == CS_METHOD_NONE || method >= CS_METHOD_COUNT)
        return false;
    /* Watch tells what Check tells */
    if (method == CS_METHOD_HEALTH_WATCH && (c->rpcs >> CS_METHOD_HEALTH_CHECK & 1) != 0)
        return true;
    return (c->rpcs >> method & 1) != 0;
}

bool cs_client_may_use(const struct cs_policy *p, const struct cs_client *c, const struct cs_issuer *issuer)
{
    return (c->issuers >> (issuer - p->issuer) & 1) != 0;
}

bool cs_client_may_have_profile(const struct cs_client *c, int profile)
{
    return c->profiles == 0 || (profile > 0 && profile < 32 && (c->profiles >> profile & 1) != 0);
}

bool cs_client_may_order_for(const struct cs_client *c, struct cs_span account)
{
    for (uint32_t i = 0; i < c->n_accounts; i++)
        if (account.len >= c->account[i].len && memcmp(account.at, c->account[i].at, c->account[i].len) == 0)
            return true;
    return c->n_accounts == 0;
}

bool cs_client_may_authorize_for(const struct cs_policy *p, const struct cs_client *c,
                                 const struct cs_client *other)
{
    uint32_t i = cs_client_number(p, other);
    return c == other || (c->authorizes_for[i / 64] >> (i % 64) & 1) != 0;
}
