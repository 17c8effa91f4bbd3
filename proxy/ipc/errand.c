#include "proxy/ipc/errand.h"

static bool is_url(struct cs_span url)
{
    if (url.len == 0 || url.len > CS_ROUTE_URL_MAX_LEN)
        return false;
    for (size_t i = 0; i < url.len; i++)
        if (url.at[i] <= 0x20 || url.at[i] > 0x7e)
            return false;
    return true;
}

CS_RESULT cs_routes_put(struct cs_buf *out, const struct cs_routes *r)
{
    if (r->n == 0 || r->n > CS_WITNESSES_MAX)
        return CS_ERR(ARGUMENT);
    cs_buf_put_u32(out, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        if (!is_url(r->route[i].add_url) || !is_url(r->route[i].read_url))
            return CS_ERR(ARGUMENT);
        cs_buf_put_span(out, r->route[i].add_url);
        cs_buf_put_span(out, r->route[i].read_url);
    }
    return cs_buf_end(out);
}

CS_RESULT cs_routes_get(struct cs_span in, struct cs_routes *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_routes m = { .n = cs_get_u32(&r) };
    if (r.failed)
        return CS_ERR(TRUNCATED);
    if (m.n == 0 || m.n > CS_WITNESSES_MAX)
        return CS_ERR(FORM);
    for (uint32_t i = 0; i < m.n; i++) {
        m.route[i].add_url = cs_get_span(&r, CS_ROUTE_URL_MAX_LEN);
        m.route[i].read_url = cs_get_span(&r, CS_ROUTE_URL_MAX_LEN);
        if (r.failed)
            return CS_ERR(TRUNCATED);
        if (!is_url(m.route[i].add_url) || !is_url(m.route[i].read_url))
            return CS_ERR(FORM);
    }
    CS_TRY(cs_reader_end(&r));
    *out = m;
    return CS_OK;
}

CS_RESULT cs_errand_put(struct cs_chan *c, uint64_t id, const struct cs_errand *m)
{
    CS_AUTO_BUF struct cs_buf b = { .max = CS_MSG_ERRAND_MAX_LEN };
    cs_buf_put_u8(&b, m->kind);
    cs_buf_put_u32(&b, m->witness);
    cs_buf_put_span(&b, m->body);
    if (!cs_ok(cs_buf_end(&b)) || m->body.len > CS_ERRAND_BODY_MAX_LEN)
        return CS_ERR(LIMIT);
    struct cs_span part = cs_buf_span(&b);
    return cs_chan_put(c, CS_MSG_ERRAND, id, &part, 1);
}

CS_RESULT cs_errand_get(struct cs_span in, struct cs_errand *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_errand m = { .kind = cs_get_u8(&r) };
    m.witness = cs_get_u32(&r);
    m.body = cs_get_span(&r, CS_ERRAND_BODY_MAX_LEN);
    CS_TRY(cs_reader_end(&r));
    bool fits = m.kind == CS_ERRAND_ADD ? m.body.len != 0 : m.kind == CS_ERRAND_READ && m.body.len == 0;
    if (!fits || m.witness >= CS_WITNESSES_MAX)
        return CS_ERR(FORM);
    *out = m;
    return CS_OK;
}

CS_RESULT cs_errand_done_put(struct cs_chan *c, uint64_t id, const struct cs_errand_done *m)
{
    CS_AUTO_BUF struct cs_buf b = { .max = CS_MSG_ERRAND_DONE_MAX_LEN };
    cs_buf_put_u32(&b, m->status);
    cs_buf_put_u8(&b, m->is_size);
    cs_buf_put_span(&b, m->body);
    cs_buf_put_span(&b, m->trouble);
    if (!cs_ok(cs_buf_end(&b)) || m->body.len > CS_ERRAND_ANSWER_MAX_LEN ||
        m->trouble.len > CS_ERRAND_TROUBLE_MAX_LEN)
        return CS_ERR(LIMIT);
    struct cs_span part = cs_buf_span(&b);
    return cs_chan_put(c, CS_MSG_ERRAND_DONE, id, &part, 1);
}

CS_RESULT cs_errand_done_get(struct cs_span in, struct cs_errand_done *out)
{
    struct cs_reader r = cs_reader_init(in);
    struct cs_errand_done m = { .status = cs_get_u32(&r) };
    uint8_t is_size = cs_get_u8(&r);
    m.body = cs_get_span(&r, CS_ERRAND_ANSWER_MAX_LEN);
    m.trouble = cs_get_span(&r, CS_ERRAND_TROUBLE_MAX_LEN);
    CS_TRY(cs_reader_end(&r));
    if (is_size > 1 || m.status > 999)
        return CS_ERR(FORM);
    m.is_size = is_size == 1;
    *out = m;
    return CS_OK;
}
