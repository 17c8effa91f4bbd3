#include "proxy/front/budget.h"

#include <nghttp2/nghttp2.h>

int cs_budget_cost(uint8_t type, uint8_t flags, size_t len)
{
    switch (type) {
    case NGHTTP2_DATA:
        if (len > 0)
            return -CS_BUDGET_EARNED;
        return flags & NGHTTP2_FLAG_END_STREAM ? 0 : CS_BUDGET_DEAR;
    case NGHTTP2_HEADERS: /* streams are counted */
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PING:
    case NGHTTP2_GOAWAY:
        return 0;
    case NGHTTP2_SETTINGS:
        return flags & NGHTTP2_FLAG_ACK ? CS_BUDGET_CHEAP : CS_BUDGET_DEAR;
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_PRIORITY:
        return CS_BUDGET_CHEAP;
    default:
        return CS_BUDGET_DEAR;
    }
}

bool cs_budget_spend(struct cs_budget *b, int64_t now_mono_us, int cost)
{
    enum { TOKEN_US = 1000000 / CS_BUDGET_PER_S };
    if (!b->begun)
        *b = (struct cs_budget){ .begun = true, .left = CS_BUDGET_MAX, .last_mono_us = now_mono_us };
    int64_t refill = (now_mono_us - b->last_mono_us) / TOKEN_US;
    if (refill > 0) {
        b->left += refill;
        b->last_mono_us += refill * TOKEN_US;
    }
    b->left -= cost;
    if (b->left > CS_BUDGET_MAX)
        b->left = CS_BUDGET_MAX;
    return b->left >= 0;
}
