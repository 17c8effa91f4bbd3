#include "proxy/ipc/dispatch.h"

static struct cs_dispatch *row_of(struct cs_dispatch *table, uint32_t type)
{
    for (struct cs_dispatch *row = table; row->type != 0; row++)
        if (row->type == type)
            return row;
    return NULL;
}

void cs_dispatch_open(struct cs_dispatch *table, uint32_t type)
{
    struct cs_dispatch *row = row_of(table, type);
    if (row != NULL)
        row->flags |= CS_DISPATCH_OPEN;
}

void cs_dispatch_close(struct cs_dispatch *table, uint32_t type)
{
    struct cs_dispatch *row = row_of(table, type);
    if (row != NULL)
        row->flags &= ~(unsigned)CS_DISPATCH_OPEN;
}

/* The next whole frame, checked against its row; *out_row NULL while there is none. */
static CS_RESULT next(struct cs_dispatch *table, const struct cs_chan *c, struct cs_dispatch **out_row,
                      struct cs_msg *out)
{
    *out_row = NULL;
    size_t left = c->in.len - c->in_at;
    if (left < CS_MSG_HDR_LEN)
        return left != 0 && c->in_end ? CS_ERR(PEER_ERRS) : CS_OK;
    struct cs_reader r = cs_reader_init(cs_span_of(c->in.at + c->in_at, left));
    struct cs_msg m = { .type = cs_get_u32(&r) };
    uint32_t len = cs_get_u32(&r);
    m.id = cs_get_u64(&r);
    struct cs_dispatch *row = row_of(table, m.type);
    if (row == NULL || !(row->flags & CS_DISPATCH_OPEN) || len > row->cap)
        return CS_ERR(PEER_ERRS);
    if (len > r.left)
        return c->in_end ? CS_ERR(PEER_ERRS) : CS_OK; /* the rest of the body is still to come */
    m.body = cs_get_raw(&r, len);
    *out_row = row;
    *out = m;
    return CS_OK;
}

CS_RESULT cs_dispatch_some(struct cs_dispatch *table, struct cs_chan *c, void *ctx, uint32_t max,
                           bool *out_more)
{
    for (uint32_t n = 0;; n++) {
        struct cs_dispatch *row;
        struct cs_msg m;
        CS_TRY(next(table, c, &row, &m));
        *out_more = row != NULL;
        if (row == NULL || n == max)
            return CS_OK;
        c->in_at += CS_MSG_HDR_LEN + m.body.len;
        if (row->flags & CS_DISPATCH_ONCE)
            row->flags &= ~(unsigned)CS_DISPATCH_OPEN;
        CS_TRY(row->handle(ctx, c, &m));
    }
}

CS_RESULT cs_dispatch_run(struct cs_dispatch *table, struct cs_chan *c, void *ctx)
{
    bool more;
    return cs_dispatch_some(table, c, ctx, UINT32_MAX, &more);
}
